//! How often a route that cannot connect tries again, and how it comes back (POOL.md, section 1
//! and rule C).
//!
//! ```text
//! failed: rests 100 ms, 200 ms, .. 30 s, each a fifth more or less
//! rested: one attempt at a time, the prober
//! connected: 2, 4, .. attempts at a time, until that is no limit any more
//! ```
//!
//! Attempts that were under way when the rest began and fail in it say nothing new: they do not
//! prolong it.

use crate::time::{Duration, Instant};
use crate::token::ConnectError;

/// How far a rest is shortened or prolonged by lot: a fifth, so that many hosts that lost the same
/// upstream do not come back together.
const SPREAD: u32 = 5;

/// What a failed route does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    /// Rests in a row, the present one included.
    rests: u32,
    /// Until when no attempt begins, monotonic.
    until: Option<Instant>,
    /// What the last attempt failed with; nothing once one has succeeded.
    error: Option<ConnectError>,
    /// Attempts at a time while the route comes back.
    allowance: Option<usize>,
}

impl Backoff {
    /// Whether no attempt may begin.
    pub(crate) fn is_resting(&self, now: Instant) -> bool {
        self.rest(now).is_some()
    }

    /// How long the rest still lasts, and what it is for.
    pub(crate) fn rest(&self, now: Instant) -> Option<(Duration, ConnectError)> {
        let until = self.until.filter(|until| now < *until)?;
        Some((until.since(now), self.error?))
    }

    /// Attempts that may be under way at a time.
    pub(crate) fn allowance(&self, max_connecting: usize) -> usize {
        let allowance = if self.rests > 0 { Some(1) } else { self.allowance };
        allowance.map_or(max_connecting, |allowance| allowance.min(max_connecting))
    }

    /// An attempt has failed. Says until when the route rests, if that begins now; `lot` is any
    /// number, of which the rest's spread is drawn. A longest rest of zero is none at all.
    pub(crate) fn on_failure(
        &mut self,
        now: Instant,
        error: ConnectError,
        (least, most): (Duration, Duration),
        lot: u32,
    ) -> Option<Instant> {
        let is_resting = self.is_resting(now);
        self.error = Some(error);
        if is_resting || most.is_zero() {
            return None;
        }
        let doubled = least.saturating_mul(1 << self.rests.min(20)).min(most);
        self.rests = self.rests.saturating_add(1);
        self.allowance = None;
        let spread = doubled / SPREAD;
        let rest = (doubled - spread) + (spread * 2 / 1_000) * (lot % 1_001);
        self.until = Some(now + rest);
        self.until
    }

    /// An attempt has succeeded.
    pub(crate) fn on_success(&mut self, max_connecting: usize) {
        let before = if self.rests > 0 { Some(1) } else { self.allowance };
        let allowance = before.map(|allowance| allowance.saturating_mul(2));
        *self = Self::default();
        self.allowance = allowance.filter(|allowance| *allowance < max_connecting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
    const ERROR: ConnectError = ConnectError::ConnectionRefused;
    /// The lot in the middle: rests as they are.
    const MIDDLE: u32 = 500;

    fn rests(lot: u32, times: usize) -> Vec<u128> {
        let (mut backoff, mut now) = (Backoff::default(), Instant::ORIGIN);
        let mut rests = Vec::new();
        for _ in 0..times {
            let until = backoff.on_failure(now, ERROR, LIMITS, lot).expect("it rests anew");
            rests.push(until.since(now).as_millis());
            now = until;
        }
        rests
    }

    #[test]
    fn rests_double_up_to_the_longest() {
        let doubled = [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000];
        assert_eq!(rests(MIDDLE, 11), doubled);
        assert_eq!(rests(MIDDLE, 40).last(), Some(&30_000));
    }

    #[test]
    fn rests_are_spread_by_a_fifth() {
        assert_eq!(rests(0, 3), [80, 160, 320]);
        assert_eq!(rests(1_000, 3), [120, 240, 480]);
        assert_eq!(rests(u32::MAX, 1).len(), 1, "any number is a lot");
    }

    #[test]
    fn a_failure_in_a_rest_does_not_prolong_it() {
        let mut backoff = Backoff::default();
        let until = backoff.on_failure(Instant::ORIGIN, ERROR, LIMITS, MIDDLE).expect("it rests");
        let other = ConnectError::ConnectionTimeout;
        let later = Instant::ORIGIN + Duration::from_millis(99);
        assert_eq!(backoff.on_failure(later, other, LIMITS, MIDDLE), None);
        assert_eq!(backoff.rest(later), Some((Duration::from_millis(1), other)));
        assert_eq!(backoff.rest(until), None, "over at that very moment");
    }

    #[test]
    fn the_way_back_is_one_attempt_then_two_then_four() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.allowance(8), 8, "no failure, no limit");
        backoff.on_failure(Instant::ORIGIN, ERROR, LIMITS, MIDDLE);
        let allowances = [1, 2, 4, 8, 8];
        for allowance in allowances {
            assert_eq!(backoff.allowance(8), allowance);
            backoff.on_success(8);
        }
        assert_eq!(backoff.allowance(3), 3);
    }

    #[test]
    fn a_failure_on_the_way_back_is_the_first_again() {
        let mut backoff = Backoff::default();
        backoff.on_failure(Instant::ORIGIN, ERROR, LIMITS, MIDDLE);
        backoff.on_success(8);
        let now = Instant::ORIGIN + Duration::from_secs(1);
        let until = backoff.on_failure(now, ERROR, LIMITS, MIDDLE).expect("it rests");
        assert_eq!(until.since(now), Duration::from_millis(100));
        assert_eq!(backoff.allowance(8), 1);
    }

    #[test]
    fn no_longest_rest_is_no_rest() {
        let mut backoff = Backoff::default();
        let none = (Duration::ZERO, Duration::ZERO);
        assert_eq!(backoff.on_failure(Instant::ORIGIN, ERROR, none, MIDDLE), None);
        assert_eq!(backoff.allowance(8), 8);
    }
}
