//! The clock of a shared pool: the processor's counter between looks at the system's clock.
//!
//! A lease and its release each need the time, and a look at the system's clock costs more than all
//! else that they do. The processor's counter (TSC, or its like elsewhere) is read in a third of that
//! time, but it is not to be trusted for long: it may run a little fast or slow, and what it does
//! while the host sleeps or moves is the machine's affair. So it only tells how much time has passed
//! since the last look, and for [`TRUSTED`] at most: then somebody looks again. Whatever the counter
//! does, the time is never wrong by more than that, and a counter that is right to a thousandth
//! keeps it right to ten microseconds. Where there is none that runs evenly, the system's clock is
//! read each time.
//!
//! The time never goes back: who comes with an earlier one has the latest that anybody came with.
//!
//! This is the one file of the crate that reads a clock.

use std::time::Instant as SystemTime;

use crate::time::{Duration, Instant, Now, nanos};

/// For how long the counter is believed. A look at the system's clock costs some tens of
/// nanoseconds: a thousandth of a percent of this.
const TRUSTED: Duration = Duration::from_millis(10);

/// The part of [`TRUSTED`] that one look takes if it was interrupted.
const INTERRUPTED: u64 = 128;

/// Looks at most in one.
const LOOKS_MAX: usize = 3;

/// What is read without the lock.
#[derive(Debug)]
pub(super) struct Clock {
    counter: quanta::Clock,
    /// Nanoseconds that the counter takes for 2^32 of its units.
    nanos_for_2_32: u64,
    /// For so many of its units it is believed.
    trusted: u64,
    start: SystemTime,
}

/// A reading of the counter, in its own unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading(u64);

/// What was seen last; the lock protects it.
#[derive(Debug)]
pub(super) struct Seen {
    /// The counter, at the last look at the system's clock.
    reading: Reading,
    /// What the system's clock said.
    at: Instant,
    /// The latest time that anybody came with.
    latest: Instant,
}

impl Clock {
    /// A clock that begins now.
    pub(super) fn new() -> (Self, Seen) {
        let counter = quanta::Clock::new();
        let nanos_for_2_32 = counter.delta_as_nanos(0, 1 << 32).max(1);
        let trusted = (u128::from(nanos(TRUSTED)) << 32) / u128::from(nanos_for_2_32);
        let trusted = u64::try_from(trusted).unwrap_or(u64::MAX);
        let clock = Self { counter, nanos_for_2_32, trusted, start: read_clock() };
        let reading = clock.read();
        (clock, Seen { reading, at: Instant::ORIGIN, latest: Instant::ORIGIN })
    }

    /// Reads the counter. Without the lock, so that others wait less.
    #[inline(always)]
    pub(super) fn read(&self) -> Reading {
        Reading(self.counter.raw())
    }

    /// What time it was at `reading`, or what time somebody else came with who was faster.
    #[inline(always)]
    pub(super) fn time(&self, seen: &mut Seen, reading: Reading) -> Now {
        let passed = reading.0.wrapping_sub(seen.reading.0);
        let at = if passed < self.trusted {
            // Less than 2^24 nanoseconds, and 32 bits more.
            let passed = passed.wrapping_mul(self.nanos_for_2_32) >> 32;
            Instant::from_nanos(seen.at.as_nanos() + passed)
        } else {
            self.doubt(seen, reading)
        };
        seen.latest = seen.latest.max(at);
        Now { monotonic: seen.latest, boot: seen.latest }
    }

    /// What time it was at a reading that is too old, or of before the last look.
    #[cold]
    fn doubt(&self, seen: &mut Seen, reading: Reading) -> Instant {
        let overtaken_by = seen.reading.0.wrapping_sub(reading.0);
        if overtaken_by < self.trusted { seen.at } else { self.look(seen) }
    }

    /// Looks at the system's clock. Who is interrupted between the two clocks looks again, so that
    /// the time is not set back by as long as that took.
    fn look(&self, seen: &mut Seen) -> Instant {
        for _ in 0..LOOKS_MAX {
            let before = self.read();
            seen.at = Instant::ORIGIN + read_clock().duration_since(self.start);
            seen.reading = self.read();
            if seen.reading.0.wrapping_sub(before.0) < self.trusted / INTERRUPTED {
                break;
            }
        }
        seen.at
    }
}

#[expect(clippy::disallowed_methods, reason = "the shared pool is told the time by nobody else")]
fn read_clock() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elapsed(clock: &Clock) -> Instant {
        Instant::ORIGIN + read_clock().duration_since(clock.start)
    }

    /// Between two looks at the system's clock, and right after one, the time lies between what that
    /// says before and after, but for what the counter is believed for.
    #[test]
    fn it_tells_the_time_of_the_system() {
        let (clock, mut seen) = Clock::new();
        let slack = TRUSTED;
        for pause_us in [0, 50, 1_000, 5_000, 11_000, 0, 25_000, 200] {
            std::thread::sleep(Duration::from_micros(pause_us));
            let before = elapsed(&clock);
            let now = clock.time(&mut seen, clock.read());
            let after = elapsed(&clock);
            assert_eq!(now.monotonic, now.boot);
            assert!(before - slack <= now.monotonic && now.monotonic <= after + slack);
        }
    }

    #[test]
    fn a_counter_that_leaps_is_not_believed() {
        let (clock, mut seen) = Clock::new();
        for leap in [1_u64 << 40, u64::MAX / 2] {
            for reading in [seen.reading.0.saturating_add(leap), seen.reading.0 / 2] {
                let now = clock.time(&mut seen, Reading(reading));
                assert!(now.monotonic <= elapsed(&clock), "{leap}");
            }
        }
    }

    #[test]
    fn who_was_overtaken_has_the_time_of_the_other() {
        let (clock, mut seen) = Clock::new();
        seen.at = Instant::ORIGIN + TRUSTED;
        seen.latest = seen.at + TRUSTED / 2;
        let early = Reading(seen.reading.0.wrapping_sub(clock.trusted / 2));
        let now = clock.time(&mut seen, early);
        assert_eq!(now.monotonic, Instant::ORIGIN + TRUSTED + TRUSTED / 2);
    }
}
