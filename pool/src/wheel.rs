//! A timer wheel: arming, disarming and firing cost the same with any number of timers.
//!
//! Eight levels of 64 buckets, which is room for every instant there is; a bucket of level n spans
//! 64^n ticks. A timer stands in the level of the highest six bits in which its tick differs from
//! the present, and moves down as the present reaches its bucket. The nodes stand in what they
//! time, so that nothing is allocated.
//!
//! Timers fire in the order of their ticks, up to one tick late and never early. One step handles
//! one timer, so that the caller decides how much one turn may take.

use crate::arena::Arena;
use crate::list::{Chain, Link, List};
use crate::time::Instant;

/// A tick is 2^20 ns, a little over 1 ms: half of what a deadline may be late.
const TICK_SHIFT: u32 = 20;
/// A tick has 44 bits: 64 of nanoseconds less 20. Eight levels are room for 48.
const LEVELS: usize = 8;
const LEVEL_BITS: u32 = 6;
const BUCKETS: usize = 1 << LEVEL_BITS;

/// No tick: 64 bits of nanoseconds make 44 of ticks, and a timer has room for 48.
const NEVER: u64 = (1 << 48) - 1;

/// The node of one timer, kept by what it times. Its tick stands in two parts, so that the node
/// takes 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer {
    link: Link,
    /// When it fires; never, while it is not armed. The lower 32 bits.
    tick_low: u32,
    /// The upper 16 bits.
    tick_high: u16,
    level: u8,
    bucket: u8,
}

impl Timer {
    const fn tick(&self) -> u64 {
        (self.tick_high as u64) << 32 | self.tick_low as u64
    }

    /// Sets when it fires; of `tick` 48 bits count.
    const fn set_tick(&mut self, tick: u64) {
        let [_, _, a, b, c, d, e, f] = tick.to_be_bytes();
        self.tick_high = u16::from_be_bytes([a, b]);
        self.tick_low = u32::from_be_bytes([c, d, e, f]);
    }
}

impl Default for Timer {
    fn default() -> Self {
        let mut timer =
            Self { link: Link::default(), tick_low: 0, tick_high: 0, level: 0, bucket: 0 };
        timer.set_tick(NEVER);
        timer
    }
}

impl Timer {
    /// It fires no later than one that is armed for any moment after this one; no moment is after
    /// this one while it is not armed.
    pub(crate) const fn fires_after(&self) -> Instant {
        Instant::from_nanos(self.tick().saturating_sub(1).saturating_mul(1 << TICK_SHIFT))
    }
}

/// A kind of timer, which knows where its node stands in a `T`.
pub(crate) trait Timed<T> {
    fn timer(owner: &T) -> &Timer;
    fn timer_mut(owner: &mut T) -> &mut Timer;
}

/// The lists of a wheel run through its timers' nodes.
#[derive(Debug)]
struct Through<K>(K);

impl<K: Timed<T>, T> Chain<T> for Through<K> {
    fn link(member: &T) -> &Link {
        &K::timer(member).link
    }

    fn link_mut(member: &mut T) -> &mut Link {
        &mut K::timer_mut(member).link
    }
}

#[derive(Debug)]
struct Level<K> {
    /// A bit for each bucket that is not empty.
    occupied: u64,
    buckets: [List<Through<K>>; BUCKETS],
}

/// What one step of the wheel did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// The timer of this owner is due. It is not armed any more.
    Fired(u32),
    /// A timer moved closer.
    Moved,
    /// Nothing is due.
    Rest,
}

/// All timers of one kind.
#[derive(Debug)]
pub(crate) struct Wheel<K> {
    /// The present: every timer before it has fired.
    tick: u64,
    levels: [Level<K>; LEVELS],
    /// The next bucket that is not empty: asked for far more often than it changes.
    next: Option<Bucket>,
}

/// A bucket that is not empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Bucket {
    /// Its first tick, or the present if that is later.
    start: u64,
    level: usize,
    number: usize,
}

impl<K> Wheel<K> {
    pub(crate) fn new() -> Self {
        let level = || Level { occupied: 0, buckets: [const { List::new() }; BUCKETS] };
        Self { tick: 0, levels: core::array::from_fn(|_| level()), next: None }
    }

    /// Arms the timer of `index` for `at`, unless it already fires no later.
    ///
    /// A timer that fires too early costs one look; one that is moved at every use costs more.
    pub(crate) fn arm_by<T>(&mut self, arena: &mut Arena<T>, index: u32, at: Instant)
    where
        K: Timed<T>,
    {
        let tick = ceil(at).max(self.tick);
        if K::timer(&arena[index]).tick() <= tick {
            return;
        }
        let has_emptied = self.remove(arena, index);
        let has_opened = self.insert(arena, index, tick);
        if has_emptied || has_opened {
            self.next = self.next_bucket();
        }
    }

    /// Disarms the timer of `index`, if it is armed.
    pub(crate) fn disarm<T>(&mut self, arena: &mut Arena<T>, index: u32)
    where
        K: Timed<T>,
    {
        if self.remove(arena, index) {
            self.next = self.next_bucket();
        }
    }

    /// Handles one timer that is due at `now`.
    pub(crate) fn step<T>(&mut self, arena: &mut Arena<T>, now: Instant) -> Step
    where
        K: Timed<T>,
    {
        let step = self.advance(arena, now);
        self.next = self.next_bucket();
        step
    }

    /// When [`Wheel::step`] next has something to do.
    pub(crate) fn next(&self) -> Option<Instant> {
        let start = self.next?.start;
        Some(Instant::from_nanos(start.saturating_mul(1 << TICK_SHIFT)))
    }

    /// Takes the timer of `index` out of its bucket, if it is armed; says whether that is empty
    /// now.
    fn remove<T>(&mut self, arena: &mut Arena<T>, index: u32) -> bool
    where
        K: Timed<T>,
    {
        let timer = K::timer_mut(&mut arena[index]);
        if timer.tick() == NEVER {
            return false;
        }
        timer.set_tick(NEVER);
        let (level, bucket) = (timer.level, timer.bucket);
        let level = &mut self.levels[usize::from(level)];
        let list = &mut level.buckets[usize::from(bucket)];
        list.unlink(arena, index);
        let is_empty = list.is_empty();
        if is_empty {
            level.occupied &= !(1 << bucket);
        }
        is_empty
    }

    fn advance<T>(&mut self, arena: &mut Arena<T>, now: Instant) -> Step
    where
        K: Timed<T>,
    {
        let present = floor(now).max(self.tick);
        let Some(bucket) = self.next.filter(|bucket| bucket.start <= present) else {
            self.tick = present;
            return Step::Rest;
        };
        self.tick = bucket.start;
        let list = &self.levels[bucket.level].buckets[bucket.number];
        let index = list.front().expect("an occupied bucket");
        let tick = K::timer(&arena[index]).tick();
        self.remove(arena, index);
        if tick <= self.tick {
            return Step::Fired(index);
        }
        self.insert(arena, index, tick);
        Step::Moved
    }

    /// Puts a timer into the bucket of its tick; says whether that was empty.
    fn insert<T>(&mut self, arena: &mut Arena<T>, index: u32, tick: u64) -> bool
    where
        K: Timed<T>,
    {
        let (level, bucket) = self.place_of(tick);
        let timer = K::timer_mut(&mut arena[index]);
        timer.set_tick(tick);
        (timer.level, timer.bucket) = (level, bucket);
        let level = &mut self.levels[usize::from(level)];
        let was_empty = level.occupied & 1 << bucket == 0;
        level.occupied |= 1 << bucket;
        level.buckets[usize::from(bucket)].push_back(arena, index);
        was_empty
    }

    /// Level and bucket of `tick`, which is not before the present.
    fn place_of(&self, tick: u64) -> (u8, u8) {
        let differing = (self.tick ^ tick) | (BUCKETS as u64 - 1);
        let level = (63 - differing.leading_zeros()) / LEVEL_BITS;
        let bucket = (tick >> (level * LEVEL_BITS)) & (BUCKETS as u64 - 1);
        let small = |number: u64| u8::try_from(number).expect("below 64");
        (small(u64::from(level)), small(bucket))
    }

    /// The next bucket that is not empty. Of two that begin together the upper is taken, whose
    /// timers have yet to be sorted in.
    fn next_bucket(&self) -> Option<Bucket> {
        let mut next: Option<Bucket> = None;
        for (number, level) in self.levels.iter().enumerate() {
            if level.occupied == 0 {
                continue;
            }
            let shift = LEVEL_BITS * u32::try_from(number).expect("eight levels");
            let present = self.tick >> shift;
            let here = u32::try_from(present & (BUCKETS as u64 - 1)).expect("below 64");
            let ahead = u64::from(level.occupied.rotate_right(here).trailing_zeros());
            let start = ((present + ahead) << shift).max(self.tick);
            if next.is_none_or(|next| start <= next.start) {
                let bucket = usize::try_from((present + ahead) % BUCKETS as u64);
                next = Some(Bucket { start, level: number, number: bucket.expect("below 64") });
            }
        }
        next
    }
}

/// The first tick that is not before `at`.
fn ceil(at: Instant) -> u64 {
    at.as_nanos().div_ceil(1 << TICK_SHIFT)
}

/// The last tick that is not after `at`.
fn floor(at: Instant) -> u64 {
    at.as_nanos() >> TICK_SHIFT
}

#[cfg(test)]
mod tests;
