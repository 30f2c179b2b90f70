//! How long leases of a route are held: what waits are predicted from (POOL.md, rules A and E).
//!
//! A median, so that one report that takes an hour says nothing about the rest; it decays, a
//! sixteenth with each lease, so that it follows a change within some tens of leases. Leases that
//! are still held count by their age: of an upstream that has ceased to answer no lease ends, and
//! what has ended would go on telling that all is well.

use crate::time::{Duration, Instant};

/// How much of itself the median moves with one lease.
const STEP: u64 = 16;

/// Nanoseconds that it moves at least.
const STEP_MIN: u64 = 1_000;

/// Holds of one route.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Hold {
    /// Of leases that have ended, once one has, in nanoseconds.
    median: Option<u64>,
    /// How many leases are held.
    held: u32,
    /// The sum of the moments since when, in nanoseconds.
    since: u128,
}

impl Hold {
    /// A lease begins.
    pub(crate) fn on_grant(&mut self, now: Instant) {
        self.held += 1;
        self.since += u128::from(now.as_nanos());
    }

    /// A lease ends that began at `since`.
    pub(crate) fn on_end(&mut self, now: Instant, since: Instant) {
        self.held -= 1;
        self.since -= u128::from(since.as_nanos());
        self.learn(now.as_nanos().saturating_sub(since.as_nanos()));
    }

    /// A lease that was held since `since` is another now, which began at `now`.
    pub(crate) fn on_move(&mut self, since: Instant, now: Instant) {
        self.since += u128::from(now.as_nanos());
        self.since -= u128::from(since.as_nanos());
    }

    /// A lease was held for so many nanoseconds.
    #[inline]
    pub(crate) fn learn(&mut self, held: u64) {
        let median = self.median.map_or(held, |median| {
            // At least a little, or it would never leave zero.
            let step = (median / STEP).max(STEP_MIN);
            if median < held {
                (median + step).min(held)
            } else {
                median.saturating_sub(step).max(held)
            }
        });
        self.median = Some(median);
    }

    /// How long a lease is held: the median, or the mean age of those that are held if that is more.
    /// Nothing before one has ended.
    pub(crate) fn estimate(&self, now: Instant) -> Option<Duration> {
        Some(Duration::from_nanos(self.median?).max(self.age(now)?))
    }

    /// The same, or how long a lease is held at least if none has ended yet.
    pub(crate) fn at_least(&self, now: Instant) -> Option<Duration> {
        self.estimate(now).or_else(|| self.age(now))
    }

    /// The mean age of the leases that are held; nothing if there are none.
    fn age(&self, now: Instant) -> Option<Duration> {
        let ages = (u128::from(self.held) * u128::from(now.as_nanos())).saturating_sub(self.since);
        let age = ages.checked_div(self.held.into())?;
        Some(Duration::from_nanos(u64::try_from(age).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::ORIGIN + Duration::from_millis(ms)
    }

    /// The estimate after leases that were held for so long, one after the other.
    fn after(holds_ms: impl IntoIterator<Item = u64>) -> u64 {
        let (mut hold, mut now) = (Hold::default(), 0);
        for ms in holds_ms {
            hold.on_grant(at(now));
            hold.on_end(at(now + ms), at(now));
            now += ms;
        }
        hold.median.expect("leases have ended") / 1_000_000
    }

    #[test]
    fn a_stray_lease_moves_it_by_a_sixteenth() {
        assert_eq!(after([160; 9]), 160);
        assert_eq!(after([160, 160, 3_600_000]), 170);
        assert_eq!(after([160, 160, 0]), 150);
    }

    #[test]
    fn it_follows_a_change_within_some_tens_of_leases() {
        let slower = core::iter::repeat_n(10, 20).chain(core::iter::repeat_n(100, 40));
        assert_eq!(after(slower), 100);
        let faster = core::iter::repeat_n(100, 20).chain(core::iter::repeat_n(10, 40));
        assert_eq!(after(faster), 10);
    }

    #[test]
    fn it_is_the_median_of_what_comes_in_turns() {
        let found = after((0..600).map(|index| [10, 20, 90][index % 3]));
        assert!((17..=23).contains(&found), "{found} ms");
    }

    #[test]
    fn leases_that_do_not_end_count_by_their_age() {
        let mut hold = Hold::default();
        assert_eq!((hold.estimate(at(0)), hold.at_least(at(0))), (None, None));
        hold.on_grant(at(0));
        assert_eq!(hold.estimate(at(7)), None, "who knows how long it goes on");
        assert_eq!(hold.at_least(at(7)), Some(Duration::from_millis(7)));
        hold.on_end(at(10), at(0));
        for ms in [10, 30] {
            hold.on_grant(at(ms));
        }
        assert_eq!(
            hold.estimate(at(30)),
            Some(Duration::from_millis(10)),
            "the mean, and the median"
        );
        assert_eq!(hold.estimate(at(1_020)), Some(Duration::from_secs(1)));
        hold.on_end(at(1_020), at(10));
        assert!(hold.estimate(at(1_020)).is_some_and(|it| it == Duration::from_millis(990)));
    }
}
