//! Whom the system lets run first.
//!
//! A network that waits for other work of the machine has a delay that nobody asked for. Niceness
//! does not help there: it counts within a session alone (autogroups, sched(7)).

mod sys;

use std::fmt;

/// Whom the threads of a benchmark wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduling {
    /// For nobody but each other: none of them ever waits in a loop.
    Realtime,
    /// For all other work: there was no right to anything else.
    Ordinary,
}

impl Scheduling {
    /// The best that the calling thread may have; it has it from now on, and those that it starts.
    #[must_use]
    pub fn best() -> Self {
        if sys::set_realtime().is_ok() { Self::Realtime } else { Self::Ordinary }
    }
}

impl fmt::Display for Scheduling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Realtime => "real-time",
            Self::Ordinary => "ordinary",
        })
    }
}
