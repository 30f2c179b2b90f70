//! What must never be seen, and what a run comes to if it was not.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What kind of promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The code under test panicked: an assertion of its own.
    Panic,
    /// A byte was lost, doubled, reordered or foreign.
    Stream,
    /// A packet that must not leave did.
    Wire,
    /// A connection ended in a way that nothing explains.
    Ending,
    /// Nothing is left to happen, and something is not done.
    Stalled,
    /// It takes longer than it may.
    TooLong,
    /// Time does not go on.
    Spins,
    /// Something is left at the end.
    Left,
    /// A limit was passed.
    Limit,
    /// A lease did not go as the protocol says.
    Lease,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What kind.
    pub kind: Kind,
    /// What happened, for people.
    pub detail: String,
}

impl Violation {
    /// A violation with its explanation.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// Whether both are the same fault, seen in two runs: numbers may differ.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let words = |text: &str| -> String {
            text.chars().filter(|c| c.is_alphabetic() || *c == ' ').take(40).collect()
        };
        self.kind == other.kind && words(&self.detail) == words(&other.detail)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.detail)
    }
}

/// Demands that something holds.
///
/// # Errors
///
/// The violation, if it does not.
pub fn demand(holds: bool, kind: Kind, detail: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(kind, detail())) }
}

/// What a run without a violation comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Time that passed on the virtual clock.
    pub simulated: Duration,
    /// The same for each connection, added up.
    pub connection_time: Duration,
    /// Connections.
    pub connections: u64,
    /// Leases that were granted.
    pub leases: u64,
    /// Packets that left.
    pub packets: u64,
    /// Packets that did not arrive as they left.
    pub undelivered: u64,
    /// Those of them that were too long for the path.
    pub oversized: u64,
    /// Times that a path was taken for one that swallows what is too long, in silence.
    pub black_holes: u64,
    /// Connections from a port that another had in TIME-WAIT.
    pub recycled: u64,
    /// Segments that were sent again.
    pub resent: u64,
    /// Bytes of streams that arrived.
    pub bytes: u64,
    /// Turns that were taken; all invariants were looked at after each.
    pub turns: u64,
    /// A hash of every packet and its time: two runs of one seed are the same to the last.
    pub fingerprint: u64,
}

impl Report {
    /// Adds another run's.
    pub fn absorb(&mut self, other: &Self) {
        self.simulated += other.simulated;
        self.connection_time += other.connection_time;
        self.connections += other.connections;
        self.leases += other.leases;
        self.packets += other.packets;
        self.undelivered += other.undelivered;
        self.oversized += other.oversized;
        self.black_holes += other.black_holes;
        self.recycled += other.recycled;
        self.resent += other.resent;
        self.bytes += other.bytes;
        self.turns += other.turns;
        self.fingerprint ^= other.fingerprint;
    }
}

/// Runs code that may panic; a panic is a violation like any other.
///
/// # Errors
///
/// What was violated.
pub fn guarded(run: impl FnOnce() -> Result<Report, Violation>) -> Result<Report, Violation> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(outcome) => outcome,
        Err(payload) => Err(Violation::new(Kind::Panic, message(payload.as_ref()))),
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_violation_and_its_numbers_do_not_matter() {
        let panics = |number: u32| guarded(|| panic!("connection {number} is odd"));
        let (one, other) = (panics(1).unwrap_err(), panics(22).unwrap_err());
        assert_eq!(one.kind, Kind::Panic);
        assert_eq!(one.detail, "connection 1 is odd");
        assert!(one.is_like(&other));
        assert!(!one.is_like(&Violation::new(Kind::Panic, "something else")));
        assert!(!one.is_like(&Violation::new(Kind::Wire, "connection 1 is odd")));
    }
}
