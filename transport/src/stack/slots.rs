//! Room for connections: stable indices, generation-checked names, growth in fixed chunks.
//!
//! A chunk is never moved or copied, so taking in one more connection costs the same whether
//! there are ten or a million. Room is kept once it was needed: the next peak is likely as high.

use core::fmt;

use super::link::Link;

/// Names a connection of a stack. A connection that is gone leaves a name that finds nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// 32 bits of index, 24 of generation; the upper 8 are kept for the number of a shard.
    const GENERATION_SHIFT: u32 = 32;
    const GENERATION_MASK: u32 = (1 << 24) - 1;

    fn new(index: u32, generation: u32) -> Self {
        let generation = u64::from(generation & Self::GENERATION_MASK);
        Self(u64::from(index) | generation << Self::GENERATION_SHIFT)
    }

    /// The place in the slots; meaningful to the stack that gave out the id.
    pub(super) fn index(self) -> u32 {
        u32::try_from(self.0 & u64::from(u32::MAX)).expect("masked to 32 bits")
    }

    fn generation(self) -> u32 {
        let bits = self.0 >> Self::GENERATION_SHIFT & u64::from(Self::GENERATION_MASK);
        u32::try_from(bits).expect("masked to 24 bits")
    }

    /// The id as a number, for logs and for the wire.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The id that [`to_bits`](Self::to_bits) gave; a made-up number finds no connection.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.index(), self.generation())
    }
}

/// Slots of one chunk.
const CHUNK: usize = 64;

/// Values under generation-checked ids.
#[derive(Debug)]
pub(super) struct Slots<T> {
    chunks: Vec<Box<[Slot<T>]>>,
    /// Head of the list of vacant slots.
    vacant: Option<u32>,
    len: usize,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    /// Where something else keeps a record of it: room that would be padding.
    record: Link,
    content: Content<T>,
}

#[derive(Debug)]
enum Content<T> {
    Vacant { next: Option<u32> },
    Occupied(T),
}

impl<T> Slots<T> {
    /// Bytes of one place.
    pub(super) const PLACE: usize = size_of::<Slot<T>>();

    pub(super) fn new() -> Self {
        Self { chunks: Vec::new(), vacant: None, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Puts `value` into a vacant slot.
    pub(super) fn insert(&mut self, value: T) -> ConnectionId {
        let index = match self.vacant {
            Some(index) => index,
            None => self.grow(),
        };
        let slot = self.slot_mut(index).expect("a vacant slot is in a chunk");
        let Content::Vacant { next } = slot.content else {
            unreachable!("the list of vacant slots holds vacant slots");
        };
        slot.content = Content::Occupied(value);
        let id = ConnectionId::new(index, slot.generation);
        self.vacant = next;
        self.len += 1;
        id
    }

    /// Takes the value out; its id and all copies of it are dead from now on.
    pub(super) fn remove(&mut self, index: u32) -> Option<T> {
        let next = self.vacant;
        let slot = self.slot_mut(index)?;
        if matches!(slot.content, Content::Vacant { .. }) {
            return None;
        }
        let content = core::mem::replace(&mut slot.content, Content::Vacant { next });
        slot.generation = slot.generation.wrapping_add(1) & ConnectionId::GENERATION_MASK;
        slot.record = Link::NONE;
        self.vacant = Some(index);
        self.len -= 1;
        match content {
            Content::Occupied(value) => Some(value),
            Content::Vacant { .. } => None,
        }
    }

    /// What is at `index` now, whatever its generation.
    pub(super) fn at(&self, index: u32) -> Option<&T> {
        match &self.slot(index)?.content {
            Content::Occupied(value) => Some(value),
            Content::Vacant { .. } => None,
        }
    }

    /// What is at `index` now, whatever its generation.
    pub(super) fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        match &mut self.slot_mut(index)?.content {
            Content::Occupied(value) => Some(value),
            Content::Vacant { .. } => None,
        }
    }

    /// Where something else keeps a record of what is at `index`; nowhere until it is said.
    pub(super) fn record_of(&self, index: u32) -> Link {
        self.slot(index).map_or(Link::NONE, |slot| slot.record)
    }

    /// Notes where something else keeps a record of what is at `index`, until that is removed.
    pub(super) fn note_record(&mut self, index: u32, record: Link) {
        if let Some(slot) = self.slot_mut(index) {
            slot.record = record;
        }
    }

    /// The id of what is at `index` now.
    pub(super) fn id_at(&self, index: u32) -> Option<ConnectionId> {
        let slot = self.slot(index)?;
        matches!(slot.content, Content::Occupied(_))
            .then(|| ConnectionId::new(index, slot.generation))
    }

    /// Whether `id` still names what is at its index.
    pub(super) fn is_alive(&self, id: ConnectionId) -> bool {
        self.slot(id.index()).is_some_and(|slot| {
            matches!(slot.content, Content::Occupied(_))
                && ConnectionId::new(id.index(), slot.generation) == id
        })
    }

    /// All values with their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnectionId, &T)> {
        (0..=u32::MAX).zip(self.chunks.iter().flatten()).filter_map(|(index, slot)| {
            match &slot.content {
                Content::Occupied(value) => {
                    Some((ConnectionId::new(index, slot.generation), value))
                }
                Content::Vacant { .. } => None,
            }
        })
    }

    /// Adds a chunk and returns the first of its slots; the others are linked behind it.
    fn grow(&mut self) -> u32 {
        let first = u32::try_from(self.chunks.len() * CHUNK).expect("fewer than 2^32 connections");
        let last = first + u32::try_from(CHUNK - 1).expect("a chunk is small");
        let chunk = (first..=last)
            .map(|index| {
                let next = (index < last).then_some(index + 1);
                Slot { generation: 0, record: Link::NONE, content: Content::Vacant { next } }
            })
            .collect();
        self.chunks.push(chunk);
        self.vacant = Some(first);
        first
    }

    fn slot(&self, index: u32) -> Option<&Slot<T>> {
        let index = usize::try_from(index).ok()?;
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot<T>> {
        let index = usize::try_from(index).ok()?;
        self.chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_id_finds_nothing_even_when_its_slot_is_used_again() {
        let mut slots = Slots::new();
        let first = slots.insert("a");
        assert!(slots.is_alive(first));
        assert_eq!(slots.remove(first.index()), Some("a"));
        assert_eq!(slots.remove(first.index()), None);
        let second = slots.insert("b");
        assert_eq!(first.index(), second.index());
        assert!(!slots.is_alive(first));
        assert!(slots.is_alive(second));
    }

    #[test]
    fn slots_grow_over_many_chunks_and_are_used_again() {
        let mut slots = Slots::new();
        let ids: Vec<_> = (0..CHUNK * 3 + 1).map(|value| slots.insert(value)).collect();
        assert_eq!(slots.len(), CHUNK * 3 + 1);
        assert_eq!(slots.iter().map(|(id, _)| id).collect::<Vec<_>>(), ids);
        for id in &ids {
            slots.remove(id.index());
        }
        assert_eq!(slots.len(), 0);
        for value in 0..CHUNK * 4 {
            slots.insert(value);
        }
        assert_eq!(slots.chunks.len(), 4);
    }

    #[test]
    fn a_made_up_id_is_not_alive() {
        let mut slots = Slots::new();
        let id = slots.insert(());
        assert!(!slots.is_alive(ConnectionId::from_bits(u64::MAX)));
        assert!(!slots.is_alive(ConnectionId::from_bits(id.to_bits() | 1 << 60)));
        assert!(slots.is_alive(ConnectionId::from_bits(id.to_bits())));
    }

    #[test]
    fn a_generation_that_wraps_stays_in_its_bits() {
        let id = ConnectionId::new(5, u32::MAX);
        assert_eq!(id.to_bits() >> 56, 0);
        assert_eq!(id.index(), 5);
        assert_eq!(format!("{id:?}"), "#5.16777215");
    }
}
