//! How long a lease is held, and what was told of it.

use wharf_pool::time::{Duration, Instant};
use wharf_pool::{Overdue, RouteConfig};

const LIMITS: [Overdue; 3] = [Overdue::FirstUse, Overdue::Warn, Overdue::Max];

#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Held {
    since: Instant,
    told: [bool; LIMITS.len()],
}

impl Held {
    pub(crate) fn since(since: Instant) -> Self {
        Self { since, told: [false; LIMITS.len()] }
    }

    /// The pool says that it is held for too long.
    pub(crate) fn told(&mut self, now: Instant, limit: Overdue, config: Option<&RouteConfig>) {
        let told = &mut self.told[place(limit)];
        assert!(!core::mem::replace(told, true), "{limit:?} is told twice");
        // A route that was removed keeps its limits to itself.
        let Some(config) = config else { return };
        let allowed = allowed(config, limit);
        assert!(!allowed.is_zero(), "{limit:?} is off");
        assert!(now >= self.since + allowed, "{limit:?} is told too early");
    }

    /// Whether a limit is passed, by more than a timer may be late, of which nothing was told.
    pub(crate) fn is_untold(&self, now: Instant, config: &RouteConfig) -> bool {
        LIMITS.iter().any(|&limit| {
            let allowed = allowed(config, limit);
            let passed = self.since + allowed + Duration::from_millis(2) <= now;
            passed && !allowed.is_zero() && !self.told[place(limit)]
        })
    }
}

fn place(limit: Overdue) -> usize {
    LIMITS.iter().position(|&other| other == limit).expect("one of three")
}

fn allowed(config: &RouteConfig, limit: Overdue) -> Duration {
    match limit {
        Overdue::FirstUse => config.first_use_timeout,
        Overdue::Warn => config.lease_warn_after,
        Overdue::Max => config.lease_max,
    }
}
