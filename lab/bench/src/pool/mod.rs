//! What a lease costs beside other pools, and how long those wait who have to:
//! `cargo xtask bench pool`.
//!
//! - [`contender`]: who takes part, and how each is driven.
//! - `peers`: the pools behind one face; [`craft`]: what they lend.
//! - `drive`: the threads and tasks that lease.
//! - `table`: what came of it, for people and for machines.
//!
//! No connection has a network behind it: it opens at once, never fails and never ends.

pub mod contender;
pub mod craft;
mod drive;
mod peers;
mod table;

use std::sync::Arc;
use std::time::Duration;

use self::contender::Contender;
use self::craft::{Craft, Yard};
pub use self::drive::{Load, Tally, Visit};
pub use self::table::{json, report};
use crate::statistics::quantile;

/// Workers and connections of the loads that cost is measured with. The last makes workers wait.
pub const CROWDS: [(usize, usize); 3] = [(1, 1), (2, 2), (4, 2)];

/// Workers and connections of the load that waits are measured with.
pub const QUEUE: (usize, usize) = (64, 4);

/// How long a lease is held where waits are measured: long beside what a pool takes, so that the
/// pool's order decides and not the machine's speed.
pub const HOLD: Duration = Duration::from_millis(1);

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Rounds, in which all take turns.
    pub rounds: usize,
    /// How long one load on one pool goes on.
    pub span: Duration,
}

/// What was measured of one contender.
#[derive(Clone, Debug)]
pub struct Row {
    /// Who.
    pub contender: Contender,
    /// Nanoseconds a lease and its release, round by round, for each of [`CROWDS`].
    pub costs: [Vec<f64>; CROWDS.len()],
    /// The same of processors' time: what others do on the machine disturbs it less, but it does
    /// not know of those who sleep.
    pub used: [Vec<f64>; CROWDS.len()],
    /// How long its users waited, round by round; nothing if it lets nobody wait.
    pub waits: Vec<Waits>,
}

/// How long the waiters of one round waited, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waits {
    /// Half of them at most.
    pub median: f64,
    /// All but a hundredth at most.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Waits {
    /// Of these waits; none without any.
    #[must_use]
    pub fn of(waits: &[u64]) -> Option<Self> {
        let mut sorted = waits.to_vec();
        sorted.sort_unstable();
        let at = |share| quantile(&sorted, share).map(|nanos| nanos as f64);
        Some(Self { median: at(0.5)?, p99: at(0.99)?, max: at(1.0)? })
    }

    /// How much longer the unlucky wait than the usual: near one if all are served in turn.
    #[must_use]
    pub fn unfairness(&self) -> f64 {
        self.p99 / self.median
    }
}

/// Measures all contenders, in rounds. From then on the process counts no allocations.
#[must_use]
pub fn measure(extent: Extent) -> Vec<Row> {
    crate::allocation::stop_counting();
    let visit = Arc::new(|craft: &mut Craft| craft.turns += 1);
    let mut rows: Vec<Row> = Contender::all().into_iter().map(Row::new).collect();
    for _ in 0..extent.rounds {
        for (crowd, (workers, connections)) in CROWDS.into_iter().enumerate() {
            let load = Load { workers, connections, span: extent.span, hold: None };
            for row in &mut rows {
                let tally = row.contender.run(load, &Yard::default(), &visit);
                let (cost, used) = tally.nanos_a_turn();
                row.costs[crowd].push(cost);
                row.used[crowd].push(used);
            }
        }
        let (workers, connections) = QUEUE;
        let load = Load { workers, connections, span: extent.span, hold: Some(HOLD) };
        for row in rows.iter_mut().filter(|row| row.contender.peer.has_limit()) {
            let tally = row.contender.run(load, &Yard::default(), &visit);
            row.waits.extend(Waits::of(&tally.waits));
        }
    }
    rows
}

impl Row {
    const fn new(contender: Contender) -> Self {
        const NONE: [Vec<f64>; CROWDS.len()] = [const { Vec::new() }; CROWDS.len()];
        Self { contender, costs: NONE, used: NONE, waits: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_in_turn_have_a_ratio_near_one() {
        let waits = Waits::of(&[100; 100]).unwrap();
        assert_eq!(waits, Waits { median: 100.0, p99: 100.0, max: 100.0 });
        let mut unlucky = vec![100; 98];
        unlucky.extend([900, 1_000]);
        let waits = Waits::of(&unlucky).unwrap();
        assert!((waits.unfairness() - 9.0).abs() < 1e-9 && waits.max == 1_000.0, "{waits:?}");
        assert_eq!(Waits::of(&[]), None);
    }
}
