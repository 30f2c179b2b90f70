//! The time that the pool is told: two clocks, because a suspended host stops only one of them.
//!
//! Deadlines run on the monotonic clock: a laptop that slept has not waited. Idle age and lifetime
//! run on the boot-time clock, which goes on during a suspend: the peer's own idle timer did too.
//! Nothing here reads a clock.

use core::fmt;
use core::ops::{Add, Sub};

pub use core::time::Duration;

/// A point on one of the two clocks, in nanoseconds since that clock's origin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant {
    nanos: u64,
}

impl Instant {
    /// The clock's origin.
    pub const ORIGIN: Self = Self { nanos: 0 };

    /// The instant `nanos` nanoseconds after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self { nanos }
    }

    /// Nanoseconds since the origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.nanos
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }
}

/// Nanoseconds of `duration`, saturating: what does not fit is for ever.
#[inline]
pub(crate) const fn nanos(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(duration.subsec_nanos() as u64)
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self { nanos: self.nanos.saturating_add(nanos(duration)) }
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self { nanos: self.nanos.saturating_sub(nanos(duration)) }
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.nanos / 1_000_000_000, self.nanos / 1_000 % 1_000_000)
    }
}

/// One moment, read on both clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// CLOCK_MONOTONIC: what deadlines are measured on.
    pub monotonic: Instant,
    /// CLOCK_BOOTTIME: what idle age and lifetime are measured on.
    pub boot: Instant,
}

impl Now {
    /// The moment `elapsed` after the origin of both clocks, on a host that never slept.
    #[must_use]
    pub fn awake_for(elapsed: Duration) -> Self {
        let at = Instant::ORIGIN + elapsed;
        Self { monotonic: at, boot: at }
    }
}

impl Add<Duration> for Now {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self { monotonic: self.monotonic + duration, boot: self.boot + duration }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let end = Instant::from_nanos(u64::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
        assert_eq!(Instant::ORIGIN - Duration::from_secs(1), Instant::ORIGIN);
        assert_eq!(Instant::ORIGIN.since(end), Duration::ZERO);
    }

    #[test]
    fn a_host_that_is_awake_moves_both_clocks() {
        let now = Now::awake_for(Duration::from_secs(3)) + Duration::from_secs(1);
        assert_eq!(now.monotonic, now.boot);
        assert_eq!(now.boot.as_nanos(), 4_000_000_000);
    }
}
