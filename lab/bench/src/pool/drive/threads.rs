//! Threads that lease by blocking.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Load, Tally, Visit, Work, timed};
use crate::clock::now;
use crate::pool::craft::Yard;
use crate::pool::peers::Blocking;

/// Each worker a thread.
pub(in crate::pool) fn blocking<P: Blocking>(load: Load, yard: &Yard, visit: &impl Visit) -> Tally {
    let pool = P::open(load.connections, yard.clone());
    let all: Vec<_> = (0..load.connections).map(|_| pool.take()).collect();
    all.into_iter().for_each(|held| pool.give(held));
    let (stop, gate) = (AtomicBool::new(false), Barrier::new(load.workers + 1));
    std::thread::scope(|scope| {
        let work = || {
            gate.wait();
            work(&pool, load, &stop, visit)
        };
        let workers: Vec<_> = (0..load.workers).map(|_| scope.spawn(work)).collect();
        let start = || {
            gate.wait();
            workers
        };
        timed(load.span, &stop, start, |workers| {
            workers.into_iter().map(|worker| worker.join().expect("a worker ends")).collect()
        })
    })
}

fn work<P: Blocking>(pool: &P, load: Load, stop: &AtomicBool, visit: &impl Visit) -> Work {
    let mut work = Work::default();
    while work.turns == 0 || !stop.load(Ordering::Relaxed) {
        if let Some(hold) = load.hold {
            let asked = now();
            let mut held = pool.take();
            work.note(now().since(asked));
            visit(&mut held);
            std::thread::sleep(hold);
            pool.give(held);
        } else {
            let mut held = pool.take();
            visit(&mut held);
            pool.give(held);
        }
        work.turns += 1;
    }
    work
}
