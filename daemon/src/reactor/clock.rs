//! The only place where the daemon reads a clock.

use rustix::time::{ClockId, Timespec, clock_gettime};
use wharf_pool::time::{Instant, Now};

/// Reads both clocks that the pure layers are told: monotonic and boot time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock;

impl Clock {
    /// The present moment on both clocks.
    #[must_use]
    pub fn now(self) -> Now {
        Now {
            monotonic: instant(clock_gettime(ClockId::Monotonic)),
            boot: instant(clock_gettime(ClockId::Boottime)),
        }
    }
}

/// The kernel's seconds and nanoseconds as one number; a clock before its origin reads as zero.
fn instant(at: Timespec) -> Instant {
    let seconds = u64::try_from(at.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(at.tv_nsec).unwrap_or(0);
    Instant::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_move_forward() {
        let clock = Clock;
        let first = clock.now();
        let second = clock.now();
        assert!(second.monotonic >= first.monotonic);
        assert!(second.boot >= first.boot);
        assert!(first.monotonic > Instant::ORIGIN);
    }
}
