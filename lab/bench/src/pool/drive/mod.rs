//! Those who lease: threads or tasks that take and give in a loop until they are told to
//! stop, once at least.

mod tasks;
mod threads;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(super) use self::tasks::{on_tasks, on_threads};
pub(super) use self::threads::blocking;
use super::craft::Craft;
use crate::clock::{now, process_time};

/// What is asked of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Who lease at the same time.
    pub workers: usize,
    /// Connections of the pool.
    pub connections: usize,
    /// How long they go on.
    pub span: Duration,
    /// How long each lease is held, asleep. With nothing, leases are counted; else their waits
    /// are measured.
    pub hold: Option<Duration>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Leases, each given back.
    pub turns: u64,
    /// From the start until the last worker had ended.
    pub took: Duration,
    /// Processors' time that all threads used meanwhile.
    pub used: Duration,
    /// Nanoseconds from the request to the lease, of all but the first of each worker: those come
    /// while the queue forms. Only where leases are held.
    pub waits: Vec<u64>,
}

/// What a worker does with a connection that it holds.
pub trait Visit: Fn(&mut Craft) + Send + Sync + 'static {}

impl<F: Fn(&mut Craft) + Send + Sync + 'static> Visit for F {}

/// What one worker has done.
#[derive(Debug, Default)]
struct Work {
    turns: u64,
    waits: Vec<u64>,
}

impl Work {
    /// Notes one wait, unless it is the first.
    fn note(&mut self, wait: Duration) {
        if self.turns > 0 {
            self.waits.push(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX));
        }
    }
}

impl Tally {
    /// Nanoseconds from one lease to the next, of all workers together; on the wall, and of
    /// processors' time.
    #[must_use]
    pub fn nanos_a_turn(&self) -> (f64, f64) {
        let each = |time: Duration| time.as_nanos() as f64 / self.turns.max(1) as f64;
        (each(self.took), each(self.used))
    }

    fn add(&mut self, work: Work) {
        self.turns += work.turns;
        self.waits.extend(work.waits);
    }
}

/// Lets workers go on for `span`, which `start` begins and `join` ends.
fn timed<W>(
    span: Duration,
    stop: &AtomicBool,
    start: impl FnOnce() -> W,
    join: impl FnOnce(W) -> Vec<Work>,
) -> Tally {
    let mut tally = Tally::default();
    let (began, before) = (now(), process_time());
    let workers = start();
    std::thread::sleep(span);
    stop.store(true, Ordering::Relaxed);
    join(workers).into_iter().for_each(|work| tally.add(work));
    (tally.took, tally.used) = (now().since(began), process_time().since(before));
    tally
}
