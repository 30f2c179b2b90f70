//! What a release costs by how many wait for it: `cargo xtask bench queue`.
//!
//! The pool without lock and transport: one connection, so many leases that wait for it, of a
//! thousand clients at most. A turn is a release, the grant that follows from it, and the lease that
//! the one served asks for again, so that as many wait as before.

use serde_json::{Value, json};
use wharf_pool::time::{Duration, Now};
use wharf_pool::{
    ClientId, Condition, Event, KeyId, LeaseId, Outcome, Pool, PoolConfig, Released, Request,
    RouteConfig, RouteId,
};

use crate::clock::thread_time;
use crate::machine::Machine;
use crate::statistics::Spread;

/// How many wait.
pub const SIZES: [usize; 4] = [1, 1_000, 10_000, 100_000];

/// A release may cost this many times as much with the most waiters as with one.
const GOAL: f64 = 2.0;

/// Clients at most.
const CLIENTS_MAX: u64 = 1_000;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Rounds, in which the sizes take turns.
    pub rounds: usize,
    /// Turns of a size in a round.
    pub turns: usize,
}

/// One size, round by round.
#[derive(Clone, Debug)]
pub struct Row {
    /// How many wait.
    pub waiters: usize,
    /// Nanoseconds a turn, of the processor's time.
    pub nanos: Vec<f64>,
    /// Waiters that were woken in all turns.
    pub woken: u64,
    /// Releases in all turns.
    pub releases: u64,
}

/// A pool with its one connection held and its queue full.
struct Queue {
    pool: Pool<u64>,
    route: RouteId,
    now: Now,
    held: LeaseId,
    next: u64,
}

impl Queue {
    fn new(waiters: usize) -> Self {
        let config = PoolConfig { max_waiters_total: waiters + 1, ..PoolConfig::default() };
        let mut pool = Pool::new(config, 1);
        let route = pool.add_route(RouteConfig {
            max_connections: 1,
            max_waiters: waiters + 1,
            max_waiters_per_client: waiters + 1,
            ..RouteConfig::default()
        });
        let now = Now::awake_for(Duration::from_secs(1));
        let mut queue =
            Self { pool, route, now, held: LeaseId::from_bits(0, ClientId(0)), next: 0 };
        queue.ask();
        let Some(Event::Connect { slot, .. }) = queue.pool.poll_event() else {
            unreachable!("the first to wait has an attempt")
        };
        assert!(queue.pool.opened(now, slot, 7), "the attempt is wanted");
        queue.held = queue.granted();
        (0..waiters).for_each(|_| queue.ask());
        queue
    }

    /// One more waits.
    fn ask(&mut self) {
        self.next = (self.next + 1) % CLIENTS_MAX;
        let request = Request {
            route: self.route,
            client: ClientId(self.next),
            key: KeyId(1),
            family: None,
            deadline: self.now.monotonic + Duration::from_secs(86_400),
            fresh: false,
            no_wait: false,
        };
        let Outcome::Waiting(_) = self.pool.lease(self.now, request) else {
            unreachable!("the connection is held, and there is room to wait")
        };
    }

    fn granted(&mut self) -> LeaseId {
        let Some(Event::Granted { grant, .. }) = self.pool.poll_event() else {
            unreachable!("whoever waits is served")
        };
        grant.lease
    }

    fn turn(&mut self) {
        self.now = self.now + Duration::from_micros(1);
        let released = self.pool.release(self.now, self.held, Condition::Reusable);
        assert_eq!(released, Ok(Released::HandedOn));
        self.held = self.granted();
        self.ask();
    }
}

/// Measures all sizes, in rounds.
#[must_use]
pub fn measure(extent: Extent) -> Vec<Row> {
    let mut queues: Vec<Queue> = SIZES.into_iter().map(Queue::new).collect();
    let new = |waiters| Row { waiters, nanos: Vec::new(), woken: 0, releases: 0 };
    let mut rows: Vec<Row> = SIZES.into_iter().map(new).collect();
    for _ in 0..extent.rounds {
        for (queue, row) in queues.iter_mut().zip(&mut rows) {
            let woken = queue.pool.stats().waiters_woken;
            let began = thread_time();
            (0..extent.turns).for_each(|_| queue.turn());
            let took = thread_time().since(began).as_nanos() as f64;
            row.nanos.push(took / extent.turns.max(1) as f64);
            row.woken += queue.pool.stats().waiters_woken - woken;
            row.releases += extent.turns as u64;
        }
    }
    rows
}

/// For people.
#[must_use]
pub fn report(machine: &Machine, extent: Extent, rows: &[Row]) -> String {
    let first = rows.first().map_or(&[][..], |row| row.nanos.as_slice());
    let lines = rows.iter().map(|row| {
        let Row { waiters, woken, releases, .. } = row;
        let cost = Spread::of(&row.nanos).map_or_else(String::new, |it| {
            format!("{:.0} ({:.0}-{:.0})", it.median, it.min, it.max)
        });
        let ratio = Spread::of_ratios(&row.nanos, first).map_or(f64::NAN, |it| it.median);
        let met = if ratio <= GOAL { "yes" } else { "no" };
        format!("| {waiters} | {cost} | {ratio:.2} | {met} | {woken} of {releases} |\n")
    });
    let lines: String = lines.collect();
    let Extent { rounds, turns } = extent;
    format!(
        "\
{machine}.

The pool by itself, without lock and transport: one connection, so many leases that wait for it, of {CLIENTS_MAX} clients at
most. A turn is a release, the grant, and the lease that the one served asks for again. Processor's time a turn; {rounds} rounds
of {turns} turns, in which the sizes take turns; medians (min-max), and the median of the ratios of each round. Goal: {GOAL} at most.

| waiters | ns a turn | ratio | goal met | woken of released |
|---:|---:|---:|---|---:|
{lines}"
    )
}

/// For machines.
#[must_use]
pub fn json(machine: &Machine, rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!({
            "waiters": row.waiters, "ns_rounds": row.nanos, "woken": row.woken,
            "releases": row.releases,
        })
    };
    let rows: Vec<Value> = rows.iter().map(row).collect();
    json!({ "bench": "queue", "machine": machine.json(), "goal_ratio": GOAL, "rows": rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_release_wakes_one_at_every_size() {
        let rows = measure(Extent { rounds: 1, turns: 50 });
        assert_eq!(rows.len(), SIZES.len());
        for row in rows {
            assert_eq!((row.woken, row.releases), (50, 50), "{} waiters", row.waiters);
            assert_eq!(row.nanos.len(), 1);
        }
    }
}
