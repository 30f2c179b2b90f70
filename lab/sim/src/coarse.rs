//! A host's clock: true time in steps. Coarse clocks are where timers come late and round trips
//! measure zero.

use wharf_transport::time::{Duration, Instant};

/// A clock that moves in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    step: u64,
}

impl Clock {
    /// A clock of that resolution.
    #[must_use]
    pub fn of(resolution: Duration) -> Self {
        Self { step: u64::try_from(resolution.as_nanos()).unwrap_or(u64::MAX).max(1) }
    }

    /// What it shows at `truly`.
    #[must_use]
    pub const fn shows(self, truly: Instant) -> Instant {
        let nanos = truly.as_nanos();
        Instant::from_nanos(nanos - nanos % self.step)
    }

    /// When it first shows `at` or later.
    #[must_use]
    pub const fn reaches(self, at: Instant) -> Instant {
        Instant::from_nanos(at.as_nanos().div_ceil(self.step).saturating_mul(self.step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_shows_the_step_it_has_reached() {
        let clock = Clock::of(Duration::from_millis(15));
        assert_eq!(clock.shows(Instant::from_millis(44)), Instant::from_millis(30));
        assert_eq!(clock.reaches(Instant::from_millis(31)), Instant::from_millis(45));
        assert_eq!(clock.reaches(Instant::from_millis(30)), Instant::from_millis(30));
        for nanos in [0, 1, 14_999_999, 15_000_000, 15_000_001] {
            let at = Instant::from_nanos(nanos);
            assert!(clock.shows(clock.reaches(at)) >= at);
        }
    }
}
