//! The bandwidth of a simulated link.
//!
//! One instant stands for the state of both kinds of limit: when all bytes taken so far will have
//! left at the link's rate. A queue delays packets to that instant, a policer only refuses what
//! would push it too far ahead (RFC 2698 calls the same thing a token bucket).

use crate::time::{Duration, Instant};

use super::faults::RateLimit;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// When the link has sent all that it has taken.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backlog {
    clear_at: Instant,
}

impl Backlog {
    /// Takes a packet of `len` bytes; the instant at which it has left, or `None` if it is dropped.
    pub(super) fn admit(&mut self, now: Instant, len: usize, limit: RateLimit) -> Option<Instant> {
        match limit {
            RateLimit::Queue { bytes_per_second, queue_bytes } => {
                self.take(now, len, bytes_per_second, queue_bytes)?;
                Some(self.clear_at)
            }
            RateLimit::Policer { bytes_per_second, burst_bytes } => {
                self.take(now, len, bytes_per_second, burst_bytes)?;
                Some(now)
            }
        }
    }

    /// Adds the packet unless `room` bytes would be passed.
    fn take(&mut self, now: Instant, len: usize, rate: u64, room: u64) -> Option<()> {
        let start = self.clear_at.max(now);
        let clear_at = start + time_for(len as u64, rate);
        (clear_at.since(now) <= time_for(room, rate)).then(|| self.clear_at = clear_at)
    }
}

/// How long `bytes` take at `rate`, rounded up so that a link is never faster than its rate.
fn time_for(bytes: u64, rate: u64) -> Duration {
    let nanos = (u128::from(bytes) * NANOS_PER_SECOND).div_ceil(u128::from(rate.max(1)));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One byte a millisecond.
    const RATE: u64 = 1000;

    #[test]
    fn a_queue_spaces_packets_and_overflows() {
        let limit = RateLimit::Queue { bytes_per_second: RATE, queue_bytes: 250 };
        let mut backlog = Backlog::default();
        let now = Instant::from_millis(5);
        assert_eq!(backlog.admit(now, 100, limit), Some(Instant::from_millis(105)));
        assert_eq!(backlog.admit(now, 100, limit), Some(Instant::from_millis(205)));
        assert_eq!(backlog.admit(now, 100, limit), None);
        assert_eq!(backlog.admit(now, 50, limit), Some(Instant::from_millis(255)));
        let later = Instant::from_millis(155);
        assert_eq!(backlog.admit(later, 100, limit), Some(Instant::from_millis(355)));
        let idle = Instant::from_millis(1000);
        assert_eq!(backlog.admit(idle, 100, limit), Some(Instant::from_millis(1100)));
    }

    #[test]
    fn a_policer_passes_its_burst_at_once_and_then_its_rate() {
        let limit = RateLimit::Policer { bytes_per_second: RATE, burst_bytes: 200 };
        let mut backlog = Backlog::default();
        let now = Instant::from_millis(0);
        assert_eq!(backlog.admit(now, 100, limit), Some(now));
        assert_eq!(backlog.admit(now, 100, limit), Some(now));
        assert_eq!(backlog.admit(now, 100, limit), None);
        let later = Instant::from_millis(100);
        assert_eq!(backlog.admit(later, 100, limit), Some(later));
        assert_eq!(backlog.admit(later, 1, limit), None);
    }

    #[test]
    fn a_rate_of_zero_and_huge_packets_do_not_overflow() {
        let limit = RateLimit::Queue { bytes_per_second: 0, queue_bytes: u64::MAX };
        let mut backlog = Backlog::default();
        assert!(backlog.admit(Instant::ORIGIN, usize::MAX, limit).is_some());
        assert!(backlog.admit(Instant::ORIGIN, usize::MAX, limit).is_some());
    }
}
