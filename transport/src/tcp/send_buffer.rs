//! Bytes written and not acknowledged yet.
//!
//! A ring that grows at need and keeps its memory when it is emptied, so that a busy connection
//! allocates nothing; [`SendBuffer::give_back`] frees it. Bytes leave the ring by acknowledgement
//! alone, so that a retransmission carries the same bytes however it is cut. What is lent out is the
//! ring's two halves; nothing is copied a second time.

use std::collections::VecDeque;

use crate::wire::Text;

/// Least memory taken at once, in bytes: one request.
const GROWTH_MIN: usize = 2048;

/// The ring. Its first byte is the one after the last that was acknowledged.
#[derive(Debug)]
pub(super) struct SendBuffer {
    bytes: VecDeque<u8>,
    /// Most bytes it may hold as the path needs it; grows up to what is configured.
    limit: usize,
    /// Most bytes it may ever hold.
    configured: usize,
    /// Most bytes it may hold for as long as memory is short.
    most: usize,
    /// Most bytes held since it was last empty.
    peak: usize,
    /// The peak before that: what to reserve at once, rather than grow step by step.
    expected: usize,
    /// The byte acknowledged last: what a repeat sends once the ring is empty.
    last_released: Option<[u8; 1]>,
}

impl SendBuffer {
    /// An empty ring without memory, for `start` bytes at first and `configured` at most.
    pub(super) fn new(start: usize, configured: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            limit: start.min(configured),
            configured,
            most: usize::MAX,
            peak: 0,
            expected: 0,
            last_released: None,
        }
    }

    /// Bytes held.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether no byte is held.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that still fit.
    pub(super) fn room(&self) -> usize {
        self.limit().saturating_sub(self.bytes.len())
    }

    /// Bytes that it takes before it is full. It may hold more, if it was larger before.
    pub(super) fn limit(&self) -> usize {
        self.limit.min(self.most)
    }

    /// Most bytes it ever holds.
    pub(super) const fn configured(&self) -> usize {
        self.configured
    }

    /// Grows the limit to `wanted` at least, as far as it may: in powers of two, so that the ring is
    /// copied a few times in the life of a connection.
    pub(super) fn grow_limit(&mut self, wanted: usize) {
        if wanted > self.limit {
            self.limit = wanted.next_power_of_two().min(self.configured);
        }
    }

    /// Sets how many bytes memory allows.
    pub(super) fn set_most(&mut self, most: usize) {
        self.most = most;
    }

    /// Takes as many of `bytes` as fit, and says how many.
    pub(super) fn push(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room());
        let needed = self.bytes.len() + taken;
        if needed > self.bytes.capacity() {
            let wanted =
                needed.max(self.expected).max(GROWTH_MIN).next_power_of_two().min(self.limit());
            self.bytes.reserve_exact(wanted.max(needed) - self.bytes.len());
        }
        self.bytes.extend(&bytes[..taken]);
        self.peak = self.peak.max(needed);
        taken
    }

    /// At most `len` bytes from `offset` on, counted from the first byte held.
    pub(super) fn text(&self, offset: usize, len: usize) -> Text<'_> {
        let (head, tail) = self.bytes.as_slices();
        Text { head, tail }.skip(offset).take(len)
    }

    /// Lets the first `count` bytes go: they are acknowledged.
    pub(super) fn release(&mut self, count: usize) {
        assert!(count <= self.bytes.len(), "acknowledged bytes that were never written");
        if let Some(last) = count.checked_sub(1).and_then(|last| self.bytes.get(last)) {
            self.last_released = Some([*last]);
        }
        self.bytes.drain(..count);
        if self.bytes.is_empty() {
            self.expected = core::mem::take(&mut self.peak);
        }
    }

    /// Lets everything go, and the memory with it.
    pub(super) fn clear(&mut self) {
        self.bytes = VecDeque::new();
    }

    /// Frees the memory if no byte is held. A request that follows takes its room in one piece, by
    /// what the last one needed.
    pub(super) fn give_back(&mut self) {
        if self.bytes.is_empty() {
            self.clear();
        }
    }

    /// The byte that was acknowledged last, if any ever was.
    pub(super) fn last_released(&self) -> Option<&[u8]> {
        self.last_released.as_ref().map(<[u8; 1]>::as_slice)
    }

    /// Takes up which byte was acknowledged last, before anything is written.
    pub(super) fn remember_released(&mut self, byte: Option<u8>) {
        self.last_released = byte.map(|byte| [byte]);
    }

    /// Memory held, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(text: Text<'_>) -> Vec<u8> {
        text.bytes().collect()
    }

    #[test]
    fn takes_what_fits_and_lends_it_across_the_seam() {
        let mut buffer = SendBuffer::new(usize::MAX, 4096);
        let first: Vec<u8> = (0..=255).cycle().take(3000).collect();
        assert_eq!(buffer.push(&first), 3000);
        buffer.release(2500);
        assert_eq!(buffer.last_released(), first.get(2499..2500));
        assert_eq!(buffer.push(&first), 3000);
        assert_eq!(collect(buffer.text(0, 500)), first[2500..]);
        assert_eq!(collect(buffer.text(500, 3000)), first);
        assert_eq!(buffer.push(&first), 4096 - 3500);
        assert_eq!(buffer.room(), 0);
        assert_eq!(buffer.push(&first), 0);
    }

    #[test]
    fn an_emptied_buffer_keeps_its_memory_until_it_is_given_back() {
        let mut buffer = SendBuffer::new(usize::MAX, 1 << 20);
        assert_eq!(buffer.memory(), 0);
        buffer.push(&[7; 100_000]);
        let memory = buffer.memory();
        assert!(memory >= 100_000);
        buffer.give_back();
        assert_eq!(buffer.len(), 100_000, "what is held is not given back");
        buffer.release(100_000);
        assert!(buffer.is_empty());
        assert_eq!(buffer.memory(), memory);
        buffer.give_back();
        assert_eq!(buffer.memory(), 0);
        assert_eq!(buffer.last_released(), Some([7].as_slice()));
        buffer.push(&[7]);
        assert!(buffer.memory() >= 100_000, "as much as was needed the last time");
    }

    #[test]
    fn memory_never_passes_the_limit() {
        let mut buffer = SendBuffer::new(usize::MAX, 3000);
        for _ in 0..100 {
            buffer.push(&[1; 70]);
        }
        assert_eq!(buffer.len(), 3000);
        assert!(buffer.memory() <= 3000, "{}", buffer.memory());
    }

    #[test]
    fn the_limit_grows_in_powers_of_two_up_to_what_is_configured() {
        let mut buffer = SendBuffer::new(1_000, 5_000);
        for (wanted, limit) in [(1_000, 1_000), (1_001, 1_024), (10, 1_024), (3_000, 4_096)] {
            buffer.grow_limit(wanted);
            assert_eq!(buffer.limit(), limit, "{wanted}");
        }
        buffer.grow_limit(4_097);
        assert_eq!((buffer.limit(), buffer.configured()), (5_000, 5_000));
        assert_eq!(SendBuffer::new(1_000, 10).limit(), 10);
    }

    #[test]
    fn a_buffer_that_memory_makes_small_keeps_what_it_holds() {
        let mut buffer = SendBuffer::new(10_000, 10_000);
        buffer.push(&[7; 8_000]);
        buffer.set_most(5_000);
        assert_eq!((buffer.room(), buffer.len()), (0, 8_000));
        buffer.release(4_000);
        assert_eq!(buffer.push(&[7; 8_000]), 1_000);
        buffer.set_most(usize::MAX);
        assert_eq!(buffer.room(), 5_000);
    }

    #[test]
    #[should_panic(expected = "never written")]
    fn releasing_more_than_was_written_is_a_broken_promise() {
        SendBuffer::new(usize::MAX, 10).release(1);
    }
}
