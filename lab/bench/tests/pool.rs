//! The benchmark of pools, small: that each contender lends a connection to one at a time, builds
//! no more than it may, and that what was counted is what was done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use wharf_bench::pool::Load;
use wharf_bench::pool::contender::Contender;
use wharf_bench::pool::craft::{Craft, Yard};

/// What the workers saw of each connection.
struct Watch {
    held: Vec<AtomicBool>,
    last_turn: Vec<AtomicU64>,
}

impl Watch {
    fn new(connections: usize) -> Self {
        let held = (0..connections).map(|_| AtomicBool::new(false)).collect();
        Self { held, last_turn: (0..connections).map(|_| AtomicU64::new(0)).collect() }
    }

    fn visit(&self, craft: &mut Craft) {
        let held = &self.held[craft.number];
        assert!(!held.swap(true, Ordering::SeqCst), "two hold connection {}", craft.number);
        craft.turns += 1;
        let before = self.last_turn[craft.number].swap(craft.turns, Ordering::SeqCst);
        assert_eq!(before + 1, craft.turns, "connection {} twice", craft.number);
        std::thread::yield_now();
        held.store(false, Ordering::SeqCst);
    }

    fn turns(&self) -> u64 {
        self.last_turn.iter().map(|turns| turns.load(Ordering::SeqCst)).sum()
    }
}

/// Runs one load on every contender.
fn try_all(workers: usize, connections: usize, hold: Option<Duration>) {
    for contender in Contender::all() {
        let (yard, watch) = (Yard::default(), Arc::new(Watch::new(workers.max(connections))));
        let seen = Arc::clone(&watch);
        let visit = Arc::new(move |craft: &mut Craft| seen.visit(craft));
        let load = Load { workers, connections, span: Duration::from_millis(30), hold };
        let tally = contender.run(load, &yard, &visit);
        assert_eq!(tally.turns, watch.turns(), "{contender:?}");
        assert!(tally.turns >= workers as u64, "{contender:?}: {} turns", tally.turns);
        let limit = if contender.peer.has_limit() { connections } else { workers };
        assert!((1..=limit).contains(&yard.built()), "{contender:?} built {}", yard.built());
        let noted = if hold.is_some() { tally.turns - workers as u64 } else { 0 };
        assert_eq!(tally.waits.len() as u64, noted, "{contender:?}");
    }
}

#[test]
fn one_worker_has_the_one_connection() {
    try_all(1, 1, None);
}

#[test]
fn a_connection_is_lent_to_one_at_a_time() {
    try_all(4, 2, None);
}

#[test]
fn the_waits_of_all_leases_but_the_first_are_noted() {
    try_all(6, 2, Some(Duration::from_micros(200)));
}
