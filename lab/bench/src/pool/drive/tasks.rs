//! Tasks of a tokio runtime that lease by awaiting; or threads, each with a runtime of its own that
//! blocks on the one task.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};

use tokio::runtime::{Builder, Runtime};
use tokio::task::coop::consume_budget;

use super::{Load, Tally, Visit, Work, timed};
use crate::clock::now;
use crate::pool::craft::Yard;
use crate::pool::peers::Asynchronous;

/// Each worker a task; as many threads of the runtime, or as many as there are processors if
/// leases are held.
pub(in crate::pool) fn on_tasks<P: Asynchronous>(
    load: Load,
    yard: &Yard,
    visit: &Arc<impl Visit>,
) -> Tally {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if load.hold.is_some() { processors } else { load.workers };
    let built = Builder::new_multi_thread().worker_threads(threads).enable_time().build();
    let runtime = built.expect("a runtime");
    let pool = Arc::new(runtime.block_on(open::<P>(load, yard)));
    let stop = Arc::new(AtomicBool::new(false));
    let start = || -> Vec<_> {
        let spawn = |_| {
            let (pool, stop, visit) = (Arc::clone(&pool), Arc::clone(&stop), Arc::clone(visit));
            runtime.spawn(async move { work(&*pool, load, &stop, &*visit).await })
        };
        (0..load.workers).map(spawn).collect()
    };
    timed(load.span, &stop, start, |workers| {
        let ended = workers.into_iter().map(|worker| runtime.block_on(worker));
        ended.map(|work| work.expect("a worker ends")).collect()
    })
}

/// Each worker a thread that blocks on its task.
pub(in crate::pool) fn on_threads<P: Asynchronous>(
    load: Load,
    yard: &Yard,
    visit: &Arc<impl Visit>,
) -> Tally {
    let home = own_runtime();
    let pool = home.block_on(open::<P>(load, yard));
    let (stop, gate) = (AtomicBool::new(false), Barrier::new(load.workers + 1));
    std::thread::scope(|scope| {
        let work = || {
            let runtime = own_runtime();
            gate.wait();
            runtime.block_on(work(&pool, load, &stop, &**visit))
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

fn own_runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// A pool whose connections are all open.
async fn open<P: Asynchronous>(load: Load, yard: &Yard) -> P {
    let pool = P::open(load.connections, yard.clone()).await;
    let mut all = Vec::new();
    for _ in 0..load.connections {
        all.push(pool.take().await);
    }
    all.into_iter().for_each(|held| pool.give(held));
    pool
}

/// Where the pool knows nothing of tokio, the task offers to yield as tokio's own resources do: it
/// keeps no thread to itself.
async fn work<P: Asynchronous>(
    pool: &P,
    load: Load,
    stop: &AtomicBool,
    visit: &impl Visit,
) -> Work {
    let mut work = Work::default();
    while work.turns == 0 || !stop.load(Ordering::Relaxed) {
        if let Some(hold) = load.hold {
            let asked = now();
            let mut held = pool.take().await;
            work.note(now().since(asked));
            visit(&mut held);
            tokio::time::sleep(hold).await;
            pool.give(held);
        } else {
            let mut held = pool.take().await;
            visit(&mut held);
            pool.give(held);
            if !P::YIELDS {
                consume_budget().await;
            }
        }
        work.turns += 1;
    }
    work
}
