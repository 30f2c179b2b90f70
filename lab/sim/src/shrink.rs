//! Makes a failure short: as long as a simpler case shows the same violation, it takes its place.

use crate::case::Case;
use crate::trace::Trace;
use crate::violation::Violation;

/// Runs that one shrinking may take.
const RUNS_MAX: usize = 3_000;

/// A failure as short as it was made.
#[derive(Debug)]
pub struct Shrunk {
    /// The simplest case that still fails in the same way.
    pub case: Case,
    /// How it fails.
    pub violation: Violation,
    /// Everything that happened in it.
    pub trace: Trace,
    /// Runs that it took to find it.
    pub runs: usize,
}

/// Shrinks `case`, which fails with `violation`.
#[must_use]
pub fn shrink(case: Case, violation: Violation) -> Shrunk {
    let (mut case, mut violation, mut runs) = (case, violation, 0);
    'simpler: loop {
        for simpler in case.simpler() {
            if runs == RUNS_MAX {
                break 'simpler;
            }
            runs += 1;
            if let Err(other) = simpler.run(&mut Trace::off())
                && other.is_like(&violation)
            {
                (case, violation) = (simpler, other);
                continue 'simpler;
            }
        }
        break;
    }
    let mut trace = Trace::on();
    // The trace is what is wanted; the violation is known.
    let _again = case.run(&mut trace);
    Shrunk { case, violation, trace, runs }
}
