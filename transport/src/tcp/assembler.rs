//! Bytes received: those in order and not read yet, and those that came too early.
//!
//! One ring. A byte is written once, at its place; what is out of order is a range in a short
//! sorted list, and joins the rest when the hole before it is filled. Ring and list keep their
//! memory when they are emptied, until [`Assembler::give_back`]. So a segment costs no allocation,
//! and a byte one copy in and one out.
//!
//! ```text
//!        read        next                          end
//!    ─────┼───────────┼───────┬──────┬─────┬────────┼─────
//!         │  in order │  hole │ early│ hole│ early  │
//! ```
//!
//! Positions are offsets in the stream, 64 bits wide, so nothing here wraps.
//!
//! Bound: nothing inside the offered window is dropped while at most [`RANGES_MIN`] ranges are
//! needed, or one for each [`RANGE_BYTES`] that they span, up to [`RANGES_MAX`]: whatever full
//! segments are lost, there is a range for each that comes. A segment that would open one more is
//! not kept; the peer sends it again. Memory is bounded by the window, which the caller trims to.

use std::collections::VecDeque;

use crate::wire::Text;

/// Separate early ranges that may be, however small they are.
const RANGES_MIN: usize = 64;

/// Bytes from the first one missing to the last one held that allow a further range: two of the
/// smallest full segments that paths of today carry, one lost and one held. A peer that sends one
/// byte in every second place could otherwise make us keep a range a byte. When a queue overflows in
/// slow start, it is every second segment that comes, hundreds in a window.
const RANGE_BYTES: u64 = 1_024;

/// Most separate early ranges: 96 KiB of memory.
const RANGES_MAX: usize = 4_096;

/// Least memory taken at once, in bytes: one full segment.
const GROWTH_MIN: usize = 2048;

/// An early range `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    start: u64,
    end: u64,
    /// When it grew last, by a count of its own: the order of SACK blocks.
    grown: u64,
}

/// What became of a segment's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inserted {
    /// So many bytes came in order, early ones that they reached included.
    InOrder(u32),
    /// It came early and is kept.
    Early,
    /// It came early and there is no range left for it.
    Dropped,
}

/// The ring and its ranges.
#[derive(Debug)]
pub(super) struct Assembler {
    /// The ring's memory.
    ring: Box<[u8]>,
    /// First byte not read yet.
    read: u64,
    /// First byte not received yet: RCV.NXT as a stream offset.
    next: u64,
    /// Early ranges: sorted, neither touching nor overlapping, all after `next`.
    early: VecDeque<Range>,
    /// How often an early range has grown.
    growths: u64,
    /// Most bytes held since it was last empty.
    peak: usize,
    /// The peak before that: what to take at once, rather than grow step by step.
    expected: usize,
}

impl Assembler {
    /// Nothing received, no memory.
    pub(super) fn new() -> Self {
        Self {
            ring: Box::default(),
            read: 0,
            next: 0,
            early: VecDeque::new(),
            growths: 0,
            peak: 0,
            expected: 0,
        }
    }

    /// Bytes in order that can be read.
    pub(super) fn readable(&self) -> usize {
        length(self.read, self.next)
    }

    /// Whether bytes wait behind a hole.
    pub(super) fn has_early(&self) -> bool {
        !self.early.is_empty()
    }

    /// Bytes read so far.
    pub(super) const fn bytes_read(&self) -> u64 {
        self.read
    }

    /// Memory held, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.ring.len() + self.early.capacity() * size_of::<Range>()
    }

    /// Puts `text` at `offset` bytes after the first byte missing. The ring grows no further than to
    /// `most` bytes for it, unless that is too little for what comes.
    pub(super) fn insert(&mut self, offset: u32, text: Text<'_>, most: usize) -> Inserted {
        if text.is_empty() {
            return Inserted::InOrder(0);
        }
        let start = self.next + u64::from(offset);
        let end = start + u64::try_from(text.len()).expect("usize fits into 64 bits");
        if offset > 0 && !self.note_early(start, end) {
            return Inserted::Dropped;
        }
        self.make_room(end, most);
        self.write(start, text.head);
        self.write(start + u64::try_from(text.head.len()).expect("fits"), text.tail);
        if offset > 0 {
            return Inserted::Early;
        }
        let before = self.next;
        self.next = end;
        self.join_early();
        Inserted::InOrder(u32::try_from(self.next - before).expect("bounded by the window"))
    }

    /// Copies bytes in order to `out`, and says how many.
    pub(super) fn read(&mut self, out: &mut [u8]) -> usize {
        let count = out.len().min(self.readable());
        let (head, tail) = self.lend(self.read, count);
        out[..head.len()].copy_from_slice(head);
        out[head.len()..count].copy_from_slice(tail);
        self.read += u64::try_from(count).expect("usize fits into 64 bits");
        if count > 0 && self.is_empty() {
            self.expected = core::mem::take(&mut self.peak);
        }
        count
    }

    /// Drops everything held, and the memory with it.
    pub(super) fn clear(&mut self) {
        self.read = self.next;
        self.early.clear();
        self.give_back();
    }

    /// Frees the ring if no byte is held, and the list of early ranges if there are none. Text that
    /// follows takes its room in one piece, by what the last needed.
    pub(super) fn give_back(&mut self) {
        if self.early.is_empty() {
            self.early = VecDeque::new();
        }
        if self.is_empty() {
            self.ring = Box::default();
        }
    }

    /// At most `most` early ranges as distances from the first byte missing, the one that grew last
    /// first: RFC 2018, section 4.
    pub(super) fn early_ranges(&self, most: usize) -> impl Iterator<Item = (u32, u32)> + '_ {
        let mut older_than = u64::MAX;
        let distance = |place: u64| u32::try_from(place - self.next).expect("within the window");
        (0..most).map_while(move |_| {
            let older = self.early.iter().filter(|range| range.grown < older_than);
            let range = older.max_by_key(|range| range.grown)?;
            older_than = range.grown;
            Some((distance(range.start), distance(range.end)))
        })
    }

    /// The first part of `len` bytes at `offset` after the first byte missing that has come early
    /// before, as distances from there.
    pub(super) fn overlap(&self, offset: u32, len: u32) -> Option<(u32, u32)> {
        let start = self.next + u64::from(offset);
        let end = start + u64::from(len);
        let range = self.early.iter().find(|range| range.end > start && range.start < end)?;
        let distance = |place: u64| u32::try_from(place - self.next).expect("within the window");
        Some((distance(range.start.max(start)), distance(range.end.min(end))))
    }

    /// Notes the early range `[start, end)`, joined with those that it touches. False if there is
    /// no place for one more.
    fn note_early(&mut self, start: u64, end: u64) -> bool {
        let first = self.early.partition_point(|range| range.end < start);
        let after = self.early.partition_point(|range| range.start <= end);
        let mut joined = Range { start, end, grown: self.growths + 1 };
        if first == after {
            if self.early.len() >= self.ranges_max(end) {
                return false;
            }
            // What ordinary loss needs, all at once: 1.5 KiB. Beyond it the list doubles.
            if self.early.capacity() == 0 {
                self.early.reserve_exact(RANGES_MIN);
            }
            self.early.insert(first, joined);
        } else {
            for range in self.early.range(first..after) {
                joined.start = joined.start.min(range.start);
                joined.end = joined.end.max(range.end);
            }
            self.early.drain(first + 1..after);
            self.early[first] = joined;
        }
        self.growths += 1;
        true
    }

    /// How many early ranges may be, if the last ends at `end` at least.
    fn ranges_max(&self, end: u64) -> usize {
        let end = self.early.back().map_or(end, |last| last.end.max(end));
        let by_span = usize::try_from((end - self.next) / RANGE_BYTES).unwrap_or(RANGES_MAX);
        by_span.clamp(RANGES_MIN, RANGES_MAX)
    }

    /// Moves `next` over the early ranges that it has reached.
    fn join_early(&mut self) {
        while let Some(range) = self.early.front().copied().filter(|range| range.start <= self.next)
        {
            self.next = self.next.max(range.end);
            self.early.pop_front();
        }
    }

    /// Makes the ring large enough to hold everything up to `end`.
    fn make_room(&mut self, end: u64, most: usize) {
        let needed = length(self.read, end);
        self.peak = self.peak.max(needed);
        if needed <= self.ring.len() {
            return;
        }
        let held_to = self.early.iter().map(|range| range.end).max().unwrap_or(self.next).min(end);
        let held = length(self.read, held_to.max(self.next)).min(self.ring.len());
        let grown = needed.max(self.expected).max(GROWTH_MIN).next_power_of_two();
        let grown = grown.min(most).max(needed);
        let mut ring = vec![0; grown].into_boxed_slice();
        core::mem::swap(&mut ring, &mut self.ring);
        if !ring.is_empty() {
            let (head, tail) = halves(&ring, self.read, held);
            self.write(self.read, head);
            self.write(self.read + u64::try_from(head.len()).expect("fits"), tail);
        }
    }

    /// Copies `bytes` to their place, around the seam.
    fn write(&mut self, start: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let at = place(start, self.ring.len());
        let to_seam = bytes.len().min(self.ring.len() - at);
        let (head, tail) = bytes.split_at(to_seam);
        self.ring[at..at + head.len()].copy_from_slice(head);
        self.ring[..tail.len()].copy_from_slice(tail);
    }

    /// The two halves of `count` bytes from `start` on.
    fn lend(&self, start: u64, count: usize) -> (&[u8], &[u8]) {
        halves(&self.ring, start, count)
    }

    /// Whether no byte is held.
    fn is_empty(&self) -> bool {
        self.read == self.next && self.early.is_empty()
    }

    /// What holds between calls.
    pub(super) fn assert_invariants(&self) {
        assert!(self.read <= self.next, "read past what came");
        let mut reached = self.next;
        for range in &self.early {
            assert!(range.start > reached, "early ranges touch or overlap");
            assert!(range.end > range.start, "an early range is empty");
            reached = range.end;
        }
        assert!(length(self.read, reached) <= self.ring.len(), "bytes noted without a place");
        assert!(self.early.len() <= RANGES_MAX, "more early ranges than the bound");
    }
}

/// Bytes from `from` to `to`.
fn length(from: u64, to: u64) -> usize {
    usize::try_from(to - from).expect("bounded by the window")
}

/// Where a stream offset lies in a ring of `ring_len` bytes.
fn place(offset: u64, ring_len: usize) -> usize {
    let ring_len = u64::try_from(ring_len).expect("usize fits into 64 bits");
    usize::try_from(offset % ring_len).expect("below the ring's length")
}

/// The two halves of `count` bytes from `start` on in `ring`.
fn halves(ring: &[u8], start: u64, count: usize) -> (&[u8], &[u8]) {
    if count == 0 {
        return (&[], &[]);
    }
    let at = place(start, ring.len());
    let to_seam = count.min(ring.len() - at);
    (&ring[at..at + to_seam], &ring[..count - to_seam])
}

#[cfg(test)]
mod tests;
