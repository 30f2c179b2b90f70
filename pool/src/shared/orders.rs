//! Every order in which threads can meet at a shared pool, tried by loom: `cargo xtask loom`.
//!
//! Each test is played once for every order of the steps at the locks and sleeps of its threads. A
//! wake that is lost in any of them leaves a thread asleep for ever, which loom reports as a deadlock.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake as RawWake;

use loom::thread::{self, JoinHandle, Thread};

use super::*;
use crate::token::Refusal;

const LONG: Duration = Duration::from_secs(60);

/// The stack of a thread, far above what a pool takes.
const STACK: usize = 1 << 16;

/// Wakes a thread that sleeps between polls.
struct Unpark {
    thread: Thread,
    times: AtomicUsize,
}

impl RawWake for Unpark {
    fn wake(self: Arc<Self>) {
        self.times.fetch_add(1, Ordering::Relaxed);
        self.thread.unpark();
    }
}

fn waker() -> (Arc<Unpark>, Waker) {
    let unpark = Arc::new(Unpark { thread: thread::current(), times: AtomicUsize::new(0) });
    (Arc::clone(&unpark), Waker::from(unpark))
}

/// Polls until it is ready, asleep in between: a runtime of one task.
fn block_on<F: Future>(future: F) -> F::Output {
    let (mut future, (_, waker)) = (pin!(future), waker());
    loop {
        if let Poll::Ready(ready) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return ready;
        }
        thread::park();
    }
}

/// A pool with one route of one connection, which is leased; that lease.
fn pool() -> (SharedPool<u8>, RouteId, Lease<u8>) {
    let connector = |attempt: Attempt<u8>| attempt.opened(7);
    let pool = SharedPool::new(PoolConfig::default(), 1, connector).expect("no thread is begun");
    let route = pool.add_route(RouteConfig { max_connections: 1, ..RouteConfig::default() });
    let held = pool.lease(route, LONG).expect("it opens at once");
    (pool, route, held)
}

/// Plays `test` in every order of its threads.
fn orders(test: impl Fn() + Sync + Send + 'static) {
    let (test, played) = (Arc::new(test), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&played);
    loom::model(move || {
        count.fetch_add(1, Ordering::Relaxed);
        let test = Arc::clone(&test);
        spawn(move || test()).join().expect("no panic");
    });
    assert!(played.load(Ordering::Relaxed) > 1, "threads can meet in one order only");
}

/// Begins a thread on whose stack there is room for a pool.
fn spawn<R: Send + 'static>(run: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    thread::Builder::new().stack_size(STACK).spawn(run).expect("a thread")
}

/// A thread that leases and gives back.
fn leases(pool: &SharedPool<u8>, route: RouteId) -> JoinHandle<()> {
    let pool = pool.clone();
    spawn(move || {
        let lease = pool.lease(route, LONG).expect("in its turn");
        assert_eq!(*lease, 7, "the only connection there is");
        lease.reusable();
    })
}

/// The connection is there for the next, once.
fn all_is_back(pool: &SharedPool<u8>, route: RouteId) {
    let lease = pool.lease(route, Duration::ZERO).expect("it is idle");
    let other = pool.lease(route, Duration::ZERO).expect_err("there is one only");
    assert_eq!((*lease, other.refusal), (7, Refusal::QueueTimeout));
    assert_eq!(pool.inspect(|pool| (pool.waiters(), pool.connections().total())), (0, 1));
}

#[test]
fn a_thread_that_waits_is_woken() {
    orders(|| {
        let (pool, route, held) = pool();
        let waits = leases(&pool, route);
        held.reusable();
        waits.join().expect("no panic");
        all_is_back(&pool, route);
    });
}

#[test]
fn a_task_that_waits_is_woken() {
    orders(|| {
        let (pool, route, held) = pool();
        let asks = pool.clone();
        let waits = spawn(move || {
            block_on(asks.lease_async(route, LONG)).expect("in its turn").reusable();
        });
        held.reusable();
        waits.join().expect("no panic");
        all_is_back(&pool, route);
    });
}

#[test]
fn two_threads_that_wait_are_woken_one_by_the_other() {
    orders(|| {
        let (pool, route, held) = pool();
        let waits = [leases(&pool, route), leases(&pool, route)];
        held.reusable();
        waits.into_iter().for_each(|thread| thread.join().expect("no panic"));
        all_is_back(&pool, route);
    });
}

#[test]
fn a_waker_that_is_replaced_while_the_lease_is_granted_is_not_missed() {
    orders(|| {
        let (pool, route, held) = pool();
        let mut task = Box::pin(pool.lease_async(route, LONG));
        let (former, stale) = waker();
        assert!(task.as_mut().poll(&mut Context::from_waker(&stale)).is_pending());
        let waits = spawn(move || {
            block_on(task).expect("in its turn").reusable();
        });
        held.reusable();
        waits.join().expect("no panic");
        assert!(former.times.load(Ordering::Relaxed) <= 1);
        all_is_back(&pool, route);
    });
}

/// The first in the queue gives up while the connection is on its way to it; the second must have it.
#[test]
fn a_task_dropped_while_it_is_served_hands_the_connection_on() {
    orders(|| {
        let (pool, route, held) = pool();
        let mut task = Box::pin(pool.lease_async(route, LONG));
        assert!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let drops = spawn(move || drop(task));
        let waits = leases(&pool, route);
        held.reusable();
        drops.join().expect("no panic");
        waits.join().expect("no panic");
        all_is_back(&pool, route);
    });
}

/// A deadline and a release meet: one of them ends the wait, and the connection is somewhere.
#[test]
fn a_deadline_that_meets_a_release_ends_the_wait_once() {
    orders(|| {
        let (pool, route, held) = pool();
        let (asks, watch) = (pool.clone(), pool.clone());
        let waits = spawn(move || match asks.lease(route, Duration::from_millis(5)) {
            Ok(lease) => drop(lease.reusable()),
            Err(denial) => assert_eq!(denial.refusal, Refusal::QueueTimeout),
        });
        let passes = spawn(move || {
            watch.inner.clock.advance(Duration::from_millis(10));
            watch.inner.pass_time();
        });
        held.reusable();
        waits.join().expect("no panic");
        passes.join().expect("no panic");
        all_is_back(&pool, route);
    });
}

/// A lease goes back while another thread hopes for it, without waiting.
#[test]
fn who_does_not_wait_is_told_at_once() {
    orders(|| {
        let (pool, route, held) = pool();
        let asks = pool.clone();
        let hopes = spawn(move || asks.lease(route, Duration::ZERO).map(Lease::reusable).is_ok());
        held.reusable();
        let _ = hopes.join().expect("no panic");
        all_is_back(&pool, route);
    });
}

/// A fault that is planted: a release that forgets to wake is found.
#[test]
#[should_panic(expected = "deadlock")]
fn a_wake_that_is_forgotten_is_found() {
    orders(|| {
        let (pool, route, mut held) = pool();
        let waits = leases(&pool, route);
        let boat = held.boat.take().expect("it is held");
        let (mut state, now) = pool.inner.enter();
        let lease = boat.brief.lease;
        state.moor(lease.index, boat);
        state.pool.release(now, lease, Condition::Reusable).expect("it is held");
        let mut effects = state.take_events(now);
        drop(state);
        effects.wake = None;
        pool.inner.carry_out(effects);
        waits.join().expect("no panic");
    });
}

/// Another: one who looks, and only then leaves word how to wake it, is found to sleep for ever.
#[test]
#[should_panic(expected = "deadlock")]
fn a_word_that_is_left_too_late_is_found() {
    orders(|| {
        let seat = Arc::new(Seat::new(Wake::Task(Waker::noop().clone())));
        let told = Arc::clone(&seat);
        let tells = spawn(move || {
            let wake = told.tell(7).expect("nobody has left");
            wake.expect("there is a word").wake();
        });
        if seat.look().is_none() {
            let (_, word) = waker();
            drop(word);
            thread::park();
        }
        tells.join().expect("no panic");
    });
}
