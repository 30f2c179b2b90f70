//! What a seed stands for, and one run of it.

use crate::daemon;
use crate::pair;
use crate::plant::Plant;
use crate::trace::Trace;
use crate::violation::{Report, Violation, guarded};

/// One scenario of either kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one of them at a time")]
pub enum Case {
    /// Two stacks.
    Pair(pair::Scenario),
    /// A whole daemon.
    Daemon(daemon::Scenario),
}

/// One seed in so many is a daemon's: it has more in it, and takes longer.
const DAEMON_EVERY: u64 = 3;

impl Case {
    /// The case of `seed`.
    #[must_use]
    pub fn of(seed: u64, plant: Plant) -> Self {
        if seed.is_multiple_of(DAEMON_EVERY) {
            return Self::Daemon(daemon::Scenario { plant, ..daemon::Scenario::of(seed) });
        }
        Self::Pair(pair::Scenario { plant, ..pair::Scenario::of(seed) })
    }

    /// Runs it to its end.
    ///
    /// # Errors
    ///
    /// The first promise that was broken.
    pub fn run(&self, trace: &mut Trace) -> Result<Report, Violation> {
        guarded(|| match self {
            Self::Pair(scenario) => pair::run(scenario, trace),
            Self::Daemon(scenario) => daemon::run(scenario, trace),
        })
    }

    /// The same with less of something, one for each thing of which there may be less.
    #[must_use]
    pub fn simpler(&self) -> Vec<Self> {
        match self {
            Self::Pair(scenario) => scenario.simpler().into_iter().map(Self::Pair).collect(),
            Self::Daemon(scenario) => scenario.simpler().into_iter().map(Self::Daemon).collect(),
        }
    }
}
