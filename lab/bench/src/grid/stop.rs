//! The end of a run, which everybody who takes part in it looks at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long anybody waits for anything else before they look at it.
pub(crate) const LOOK: Duration = Duration::from_millis(10);

/// Set once, by whoever is done or has failed.
#[derive(Debug, Default)]
pub(crate) struct Stop(AtomicBool);

/// Sets it when dropped: who leaves in whatever way ends the run for all.
#[derive(Debug)]
pub(crate) struct StopOnDrop<'a>(&'a Stop);

impl Stop {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) const fn on_drop(&self) -> StopOnDrop<'_> {
        StopOnDrop(self)
    }
}

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.set();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_the_run_too() {
        let stop = Stop::default();
        let result = std::panic::catch_unwind(|| {
            let _ends = stop.on_drop();
            panic!("on purpose");
        });
        assert!(result.is_err() && stop.is_set());
    }
}
