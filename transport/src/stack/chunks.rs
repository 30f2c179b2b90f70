//! A list by index that grows in fixed chunks: nothing in it is ever moved or copied to make room.

/// Places of one chunk.
const CHUNK: usize = 1024;

/// Values by index; one that was never set is its default.
#[derive(Debug)]
pub(super) struct Chunks<T> {
    chunks: Vec<Box<[T]>>,
}

impl<T: Copy + Default> Chunks<T> {
    /// No chunk yet.
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    /// The value at `index`; none beyond the last chunk.
    pub(super) fn get(&self, index: u32) -> Option<T> {
        let index = place(index);
        self.chunks.get(index / CHUNK)?.get(index % CHUNK).copied()
    }

    /// The place at `index`, which is made if it is not there.
    pub(super) fn at_mut(&mut self, index: u32) -> &mut T {
        let index = place(index);
        while self.chunks.len() <= index / CHUNK {
            self.chunks.push(vec![T::default(); CHUNK].into_boxed_slice());
        }
        let chunk = self.chunks.get_mut(index / CHUNK).expect("made above");
        chunk.get_mut(index % CHUNK).expect("a chunk is whole")
    }
}

fn place(index: u32) -> usize {
    usize::try_from(index).expect("usize has at least 32 bits here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_made_when_they_are_written() {
        let mut chunks = Chunks::<u8>::new();
        assert_eq!(chunks.get(0), None);
        *chunks.at_mut(3_000) = 7;
        assert_eq!(
            (chunks.get(3_000), chunks.get(2_999), chunks.get(5_000)),
            (Some(7), Some(0), None)
        );
        assert_eq!(chunks.chunks.len(), 3);
    }
}
