//! What is allocated, counted by the allocator itself: bytes as they were asked for, without what
//! an allocator adds to each block.
//!
//! Counted by classes of sizes too, since a table, a chunk of slots and a small buffer differ in
//! size by orders of magnitude: the classes tell where the bytes are.

mod sys;

use std::sync::atomic::{AtomicU64, Ordering};

pub use self::sys::Counting;

/// Classes of sizes: class `n` holds blocks of 2^n up to and without 2^(n + 1) bytes.
const CLASSES: usize = 40;

static LIVE: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);
static CALLS: AtomicU64 = AtomicU64::new(0);
static BLOCKS: [AtomicU64; CLASSES] = [const { AtomicU64::new(0) }; CLASSES];
static BYTES: [AtomicU64; CLASSES] = [const { AtomicU64::new(0) }; CLASSES];

/// What was allocated at one moment.
#[derive(Clone, Debug)]
pub struct Heap {
    /// Bytes that are allocated.
    pub live: u64,
    /// Most bytes that were allocated at once, since [`Heap::forget_peak`].
    pub peak: u64,
    /// Calls that took memory, since the start of the process.
    pub calls: u64,
    blocks: [u64; CLASSES],
    bytes: [u64; CLASSES],
}

/// Blocks of about one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// The least size in it; the most is below twice that.
    pub from: u64,
    /// How many blocks.
    pub blocks: u64,
    /// Bytes in all of them.
    pub bytes: u64,
}

impl Heap {
    /// What is allocated now, by all threads.
    #[must_use]
    pub fn now() -> Self {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            live: read(&LIVE),
            peak: read(&PEAK),
            calls: read(&CALLS),
            blocks: BLOCKS.each_ref().map(read),
            bytes: BYTES.each_ref().map(read),
        }
    }

    /// Counts the peak anew from what is allocated now.
    pub fn forget_peak() {
        PEAK.store(LIVE.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// What has come since `before`, by class; where less is allocated than before, none.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let difference = |after: &[u64; CLASSES], before: &[u64; CLASSES]| {
            std::array::from_fn(|class| after[class].saturating_sub(before[class]))
        };
        Self {
            live: self.live.saturating_sub(before.live),
            peak: self.peak.saturating_sub(before.live),
            calls: self.calls.saturating_sub(before.calls),
            blocks: difference(&self.blocks, &before.blocks),
            bytes: difference(&self.bytes, &before.bytes),
        }
    }

    /// The classes that hold anything, from the smallest.
    pub fn classes(&self) -> impl Iterator<Item = Class> + '_ {
        let all = self.blocks.iter().zip(&self.bytes).enumerate();
        let all = all.map(|(class, (blocks, bytes))| Class {
            from: 1 << class,
            blocks: *blocks,
            bytes: *bytes,
        });
        all.filter(|class| class.blocks > 0)
    }
}

/// Calls that took memory so far; cheaper to ask for than all of [`Heap::now`].
#[must_use]
pub fn calls() -> u64 {
    CALLS.load(Ordering::Relaxed)
}

fn class_of(size: usize) -> usize {
    let class = usize::try_from(size.max(1).ilog2()).unwrap_or(CLASSES);
    class.min(CLASSES - 1)
}

fn note_taken(size: usize) {
    let (class, size) = (class_of(size), size as u64);
    let live = LIVE.fetch_add(size, Ordering::Relaxed) + size;
    if live > PEAK.load(Ordering::Relaxed) {
        PEAK.fetch_max(live, Ordering::Relaxed);
    }
    CALLS.fetch_add(1, Ordering::Relaxed);
    BLOCKS[class].fetch_add(1, Ordering::Relaxed);
    BYTES[class].fetch_add(size, Ordering::Relaxed);
}

fn note_freed(size: usize) {
    let (class, size) = (class_of(size), size as u64);
    LIVE.fetch_sub(size, Ordering::Relaxed);
    BLOCKS[class].fetch_sub(1, Ordering::Relaxed);
    BYTES[class].fetch_sub(size, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_in_the_class_of_its_highest_bit() {
        for (size, class) in [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (4095, 11), (4096, 12)] {
            assert_eq!(class_of(size), class, "{size}");
        }
        assert_eq!(class_of(usize::MAX), CLASSES - 1);
    }

    #[test]
    fn a_difference_has_what_came_and_nothing_below_zero() {
        let mut before = Heap { live: 10, peak: 10, calls: 1, blocks: [0; 40], bytes: [0; 40] };
        let mut after = Heap { live: 42, peak: 60, calls: 4, ..before.clone() };
        (before.blocks[3], before.bytes[3]) = (1, 10);
        (after.blocks[5], after.bytes[5]) = (1, 42);
        let came = after.since(&before);
        assert_eq!((came.live, came.peak, came.calls), (32, 50, 3));
        let classes: Vec<_> = came.classes().collect();
        assert_eq!(classes, [Class { from: 32, blocks: 1, bytes: 42 }]);
    }
}
