//! What is allocated, counted by the allocator itself: bytes as they were asked for, without what
//! an allocator adds to each block.
//!
//! Counted by classes of sizes too, since a table, a chunk of slots and a small buffer differ in
//! size by orders of magnitude: the classes tell where the bytes are.

mod sys;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub use self::sys::Counting;

/// Classes of sizes: four to each doubling, so that blocks of one table are seldom mixed with those
/// of another. The last is for 2^39 bytes and more.
const CLASSES: usize = 160;

static IS_COUNTING: AtomicBool = AtomicBool::new(true);
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
    /// The least size in it; the most is below five fourths of that.
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
            from: least_of(class),
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

/// Counts nothing any more in this process: counters that all threads share would slow down those
/// who allocate more than others.
pub fn stop_counting() {
    IS_COUNTING.store(false, Ordering::Relaxed);
}

/// The highest bit of a size and the two after it say its class.
fn class_of(size: usize) -> usize {
    let size = size.max(1);
    let doublings = size.ilog2();
    let quarter =
        if doublings < 2 { (size << 2 >> doublings) & 3 } else { size >> (doublings - 2) & 3 };
    let class = usize::try_from(doublings).map_or(CLASSES, |doublings| 4 * doublings + quarter);
    class.min(CLASSES - 1)
}

/// The least size of a class.
const fn least_of(class: usize) -> u64 {
    let (doublings, quarter) = (class / 4, class as u64 % 4);
    ((4 + quarter) << doublings) / 4
}

fn note_taken(size: usize) {
    if !IS_COUNTING.load(Ordering::Relaxed) {
        return;
    }
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
    if !IS_COUNTING.load(Ordering::Relaxed) {
        return;
    }
    let (class, size) = (class_of(size), size as u64);
    LIVE.fetch_sub(size, Ordering::Relaxed);
    BLOCKS[class].fetch_sub(1, Ordering::Relaxed);
    BYTES[class].fetch_sub(size, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_in_the_class_of_its_highest_bits() {
        for size in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 4_095, 4_096, 8_192, 11_264, 16_383] {
            let class = class_of(size);
            let (size, next) = (size.max(1) as u64, least_of(class + 1));
            assert!(least_of(class) <= size && size < next.max(size + 1), "{size}: {class}");
        }
        assert_eq!((class_of(8_192), class_of(10_240), class_of(11_264)), (52, 53, 53));
        assert_eq!(class_of(usize::MAX), CLASSES - 1);
    }

    #[test]
    fn a_difference_has_what_came_and_nothing_below_zero() {
        let mut before = Heap { live: 10, peak: 10, calls: 1, blocks: [0; 160], bytes: [0; 160] };
        let mut after = Heap { live: 42, peak: 60, calls: 4, ..before.clone() };
        (before.blocks[13], before.bytes[13]) = (1, 10);
        (after.blocks[21], after.bytes[21]) = (1, 42);
        let came = after.since(&before);
        assert_eq!((came.live, came.peak, came.calls), (32, 50, 3));
        let classes: Vec<_> = came.classes().collect();
        assert_eq!(classes, [Class { from: 40, blocks: 1, bytes: 42 }]);
    }
}
