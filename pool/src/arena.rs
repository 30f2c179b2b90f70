//! Places that keep their index while they live, and a generation that tells the living from the
//! dead.
//!
//! Memory grows by chunks of fixed size that never move, so that growth copies nothing and stalls
//! no turn. What is freed is used again before a chunk is added; chunks are not given back.

use core::ops::{Index, IndexMut};

/// No index: the end of a list, or a place that does not exist.
pub(crate) const NIL: u32 = u32::MAX;

/// Places per chunk.
const CHUNK: usize = 1024;

#[derive(Debug)]
struct Place<T> {
    /// Of what lives here, or of what will live here next.
    generation: u32,
    /// The next free place, while this one is free.
    next_free: u32,
    value: Option<T>,
}

/// A growing table of `T` by index.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    /// The first chunk, which is all that most tables need: one step less on the way.
    first: Vec<Place<T>>,
    /// The others.
    chunks: Vec<Vec<Place<T>>>,
    /// The first free place.
    free: u32,
    /// Places in all chunks, free ones too.
    places: usize,
    len: usize,
}

impl<T> Arena<T> {
    pub(crate) const fn new() -> Self {
        Self { first: Vec::new(), chunks: Vec::new(), free: NIL, places: 0, len: 0 }
    }

    /// How many live.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Gives `value` a place; says where and in which generation.
    pub(crate) fn insert(&mut self, value: T) -> (u32, u32) {
        if self.free == NIL {
            self.add_place();
        }
        let index = self.free;
        let place = self.place_mut(index).expect("the free list names places");
        let generation = place.generation;
        place.value = Some(value);
        self.free = place.next_free;
        self.len += 1;
        (index, generation)
    }

    /// Takes out what lives at `index`; handles to it end.
    pub(crate) fn remove(&mut self, index: u32) -> T {
        let free = self.free;
        let place = self.place_mut(index).expect("a place that was given out");
        let value = place.value.take().expect("what is removed lives");
        // Zero is left out, so that the number of no handle is zero.
        place.generation = place.generation.wrapping_add(1).max(1);
        place.next_free = free;
        self.free = index;
        self.len -= 1;
        value
    }

    /// What lives at `index`, of any generation.
    pub(crate) fn at(&self, index: u32) -> Option<&T> {
        self.place(index)?.value.as_ref()
    }

    /// The same, to be changed.
    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        self.place_mut(index)?.value.as_mut()
    }

    /// What lives at `index`, if it is of `generation`.
    pub(crate) fn get(&self, index: u32, generation: u32) -> Option<&T> {
        let place = self.place(index)?;
        if place.generation == generation { place.value.as_ref() } else { None }
    }

    /// The generation of what lives at `index`.
    pub(crate) fn generation(&self, index: u32) -> u32 {
        self.place(index).expect("a place that was given out").generation
    }

    /// All that live, by index.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let places = self.first.iter().chain(self.chunks.iter().flatten());
        (0..).zip(places).filter_map(|(index, place)| Some((index, place.value.as_ref()?)))
    }

    fn add_place(&mut self) {
        let index = u32::try_from(self.places).expect("fewer than 2^32 places");
        assert!(index != NIL, "the last index means none");
        if self.places == 0 {
            self.first.reserve_exact(CHUNK);
        } else if self.places.is_multiple_of(CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let chunk = self.chunks.last_mut().unwrap_or(&mut self.first);
        chunk.push(Place { generation: 1, next_free: self.free, value: None });
        self.places += 1;
        self.free = index;
    }

    fn place(&self, index: u32) -> Option<&Place<T>> {
        let index = usize::try_from(index).ok()?;
        match index.checked_sub(CHUNK) {
            None => self.first.get(index),
            Some(index) => self.chunks.get(index / CHUNK)?.get(index % CHUNK),
        }
    }

    fn place_mut(&mut self, index: u32) -> Option<&mut Place<T>> {
        let index = usize::try_from(index).ok()?;
        match index.checked_sub(CHUNK) {
            None => self.first.get_mut(index),
            Some(index) => self.chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK),
        }
    }
}

impl<T> Index<u32> for Arena<T> {
    type Output = T;

    fn index(&self, index: u32) -> &T {
        self.at(index).expect("an index that we keep belongs to what lives")
    }
}

impl<T> IndexMut<u32> for Arena<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        let value = self.place_mut(index).and_then(|place| place.value.as_mut());
        value.expect("an index that we keep belongs to what lives")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_freed_is_used_again_under_another_generation() {
        let mut arena = Arena::new();
        let (index, generation) = arena.insert("first");
        assert_eq!(arena.remove(index), "first");
        assert_eq!(arena.get(index, generation), None);
        let (again, next) = arena.insert("second");
        assert_eq!(again, index);
        assert_ne!(next, generation);
        assert_eq!(arena.get(again, next), Some(&"second"));
        assert_eq!(arena.get(index, generation), None);
    }

    #[test]
    fn growth_moves_nothing() {
        let mut arena = Arena::new();
        let (first, _) = arena.insert(0);
        let before: *const i32 = &raw const arena[first];
        for value in 1..5000 {
            arena.insert(value);
        }
        assert_eq!(before, &raw const arena[first]);
        assert_eq!(arena.len(), 5000);
        assert!(arena.iter().map(|(_, value)| *value).eq(0..5000));
    }

    #[test]
    fn an_index_from_outside_finds_nothing() {
        let arena = Arena::<u8>::new();
        assert_eq!(arena.get(7, 1), None);
        assert_eq!(arena.at(NIL), None);
    }
}
