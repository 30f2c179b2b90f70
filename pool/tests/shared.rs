//! The shared pool: one lock, many threads, one wake a release.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use wharf_pool::{
    Attempt, CloseCause, Condition, ConnectError, ConnectFailure, PoolConfig, Refusal, Released,
    RouteConfig, RouteId, SharedPool, Source,
};

const LONG: Duration = Duration::from_secs(60);

/// A connection that knows whether somebody holds it, and that counts those of its kind.
#[derive(Debug)]
struct Boat {
    number: usize,
    taken: AtomicBool,
    afloat: Arc<AtomicUsize>,
}

impl Drop for Boat {
    fn drop(&mut self) {
        self.afloat.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A pool whose connections open at once, with one route.
fn pool_of(config: RouteConfig) -> (SharedPool<Boat>, RouteId, Arc<AtomicUsize>) {
    let afloat = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&afloat);
    let built = AtomicUsize::new(0);
    let connector = move |attempt: Attempt<Boat>| {
        count.fetch_add(1, Ordering::SeqCst);
        let number = built.fetch_add(1, Ordering::SeqCst);
        let afloat = Arc::clone(&count);
        attempt.opened(Boat { number, taken: AtomicBool::new(false), afloat });
    };
    let pool = SharedPool::new(PoolConfig::default(), 1, connector).expect("a thread");
    let route = pool.add_route(config);
    (pool, route, afloat)
}

fn capped(max_connections: usize) -> RouteConfig {
    RouteConfig { max_connections, ..RouteConfig::default() }
}

/// Waits until it is so; twenty seconds are for ever.
fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..20_000 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("never came: {what}");
}

/// The refusal of a lease that ends by its deadline, or the test fails.
fn refused<T: Send + 'static>(pool: &SharedPool<T>, route: RouteId, timeout: Duration) -> Refusal {
    let pool = pool.clone();
    let asks = thread::spawn(move || pool.lease(route, timeout).map(drop));
    until("the deadline", || asks.is_finished());
    asks.join().expect("no panic").expect_err("nothing is free").refusal
}

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn bell() -> (Arc<Bell>, Waker) {
    let bell = Arc::new(Bell::default());
    (Arc::clone(&bell), Waker::from(bell))
}

#[test]
fn a_connection_given_back_is_leased_again() {
    let (pool, route, _) = pool_of(capped(2));
    let first = pool.lease(route, LONG).expect("it opens at once");
    assert_eq!((first.number, first.grant().source), (0, Source::New));
    assert_eq!(first.reusable(), Released::Kept);
    let second = pool.lease(route, LONG).expect("it is idle");
    assert_eq!((second.number, second.grant().source, second.grant().uses), (0, Source::Idle, 1));
}

/// More connections than releases are put off, taken over in turns of several lengths.
#[test]
fn the_last_given_back_is_the_first_to_go_and_all_is_counted() {
    let (pool, route, _) = pool_of(capped(12));
    let mut leased: Vec<_> = (0..12).map(|_| pool.lease(route, LONG).expect("room")).collect();
    let (mut free, mut turns) = (Vec::new(), 0);
    for length in (1..=12).chain((1..=12).rev()).chain([1; 5]) {
        for _ in 0..length {
            let lease = leased.remove((7 * turns) % leased.len());
            free.push(lease.number);
            assert_eq!(lease.reusable(), Released::Kept);
            turns += 1;
        }
        for _ in 0..length {
            let lease = pool.lease(route, LONG).expect("one is idle");
            assert_eq!(Some(lease.number), free.pop());
            assert_eq!(lease.grant().source, Source::Idle);
            leased.push(lease);
        }
        if length % 3 == 0 {
            let stats = pool.inspect(|pool| pool.route_stats(route).expect("it is there").clone());
            let turns = u64::try_from(turns).expect("few");
            assert_eq!((stats.releases.total(), stats.leases.of(Source::Idle)), (turns, turns));
            assert_eq!(stats.lease_wait.count(), turns + 12);
            assert_eq!(pool.inspect(|pool| pool.stats().lease_hold.count()), turns);
        }
    }
    let uses: u32 = leased.iter().map(|lease| lease.grant().uses).sum();
    assert_eq!(usize::try_from(uses), Ok(turns));
}

#[test]
fn a_lease_dropped_without_a_word_is_closed() {
    let (pool, route, afloat) = pool_of(capped(1));
    drop(pool.lease(route, LONG).expect("it opens at once"));
    assert_eq!(afloat.load(Ordering::SeqCst), 0);
    assert_eq!(pool.inspect(|pool| pool.stats().closed.of(CloseCause::ClientDiscard)), 1);
    assert_eq!(pool.lease(route, LONG).expect("another").number, 1);
}

#[test]
fn one_who_waits_too_long_is_told() {
    let (pool, route, _) = pool_of(capped(1));
    let held = pool.lease(route, LONG).expect("it opens at once");
    // The first may be told because the pool's thread looks for the first time, the second not.
    for timeout in [Duration::from_millis(20), Duration::from_millis(20), Duration::ZERO] {
        assert_eq!(refused(&pool, route, timeout), Refusal::QueueTimeout);
    }
    drop(held);
}

#[test]
fn threads_are_served_in_the_order_in_which_they_came() {
    let (pool, route, _) = pool_of(capped(1));
    let held = pool.lease(route, LONG).expect("it opens at once");
    let order = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for number in 0..8 {
            let (pool, order) = (&pool, &order);
            scope.spawn(move || {
                let lease = pool.lease(route, LONG).expect("in its turn");
                order.lock().expect("no panic").push(number);
                lease.reusable();
            });
            until("it waits", || pool.inspect(|pool| pool.waiters()) == number + 1);
        }
        held.reusable();
    });
    assert_eq!(order.into_inner().expect("no panic"), (0..8).collect::<Vec<_>>());
    let (woken, releases) =
        pool.inspect(|pool| (pool.stats().waiters_woken, pool.stats().releases.total()));
    // The first was woken by the connection that opened for it, each other by a release.
    assert_eq!((woken, releases), (9, 9));
}

#[test]
fn a_release_wakes_exactly_one_task() {
    let (pool, route, _) = pool_of(capped(1));
    let held = pool.lease(route, LONG).expect("it opens at once");
    let bells: Vec<_> = (0..4).map(|_| bell()).collect();
    let mut tasks: Vec<_> = bells.iter().map(|_| pool.lease_async(route, LONG)).collect();
    for (task, (_, waker)) in tasks.iter_mut().zip(&bells) {
        assert!(pin!(task).poll(&mut Context::from_waker(waker)).is_pending());
    }
    held.reusable();
    let rung = || bells.iter().map(|(bell, _)| bell.0.load(Ordering::SeqCst)).collect::<Vec<_>>();
    assert_eq!(rung(), [1, 0, 0, 0]);
    let first = pin!(&mut tasks[0]).poll(&mut Context::from_waker(&bells[0].1));
    let Poll::Ready(Ok(lease)) = first else { panic!("woken, and yet nothing: {first:?}") };
    lease.reusable();
    assert_eq!(rung(), [1, 1, 0, 0]);
}

#[test]
fn the_last_waker_left_is_the_one_that_is_woken() {
    let (pool, route, _) = pool_of(capped(1));
    let held = pool.lease(route, LONG).expect("it opens at once");
    let [(former, first), (latter, second)] = [bell(), bell()];
    let mut task = pin!(pool.lease_async(route, LONG));
    assert!(task.as_mut().poll(&mut Context::from_waker(&first)).is_pending());
    assert!(task.as_mut().poll(&mut Context::from_waker(&second)).is_pending());
    held.reusable();
    assert_eq!((former.0.load(Ordering::SeqCst), latter.0.load(Ordering::SeqCst)), (0, 1));
}

#[test]
fn a_task_dropped_after_it_was_served_hands_the_connection_on() {
    let (pool, route, _) = pool_of(capped(1));
    let held = pool.lease(route, LONG).expect("it opens at once");
    let [(_, first), (bell, second)] = [bell(), bell()];
    let mut gone = pool.lease_async(route, LONG);
    let mut stays = pin!(pool.lease_async(route, LONG));
    assert!(pin!(&mut gone).poll(&mut Context::from_waker(&first)).is_pending());
    assert!(stays.as_mut().poll(&mut Context::from_waker(&second)).is_pending());
    held.reusable();
    drop(gone);
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    assert!(stays.as_mut().poll(&mut Context::from_waker(&second)).is_ready());
}

#[test]
fn a_task_dropped_while_it_waits_leaves_nothing() {
    let (pool, route, _) = pool_of(capped(1));
    let held = pool.lease(route, LONG).expect("it opens at once");
    let mut task = pool.lease_async(route, LONG);
    assert!(pin!(&mut task).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(task);
    drop(pool.lease_async(route, LONG));
    assert_eq!(pool.inspect(|pool| pool.waiters()), 0);
    assert_eq!(held.reusable(), Released::Kept);
}

#[test]
fn the_deadline_of_a_task_needs_no_runtime() {
    let (pool, route, _) = pool_of(capped(1));
    let _held = pool.lease(route, LONG).expect("it opens at once");
    let (bell, waker) = bell();
    let mut task = pin!(pool.lease_async(route, Duration::from_millis(20)));
    assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    until("the task is woken", || bell.0.load(Ordering::SeqCst) == 1);
    let ready = task.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(
        matches!(ready, Poll::Ready(Err(denial)) if denial.refusal == Refusal::QueueTimeout),
        "{ready:?}"
    );
}

#[test]
fn a_failed_connect_is_told_with_its_cause() {
    let failure = ConnectFailure { error: ConnectError::ConnectionRefused, hard: true };
    let connector = move |attempt: Attempt<Boat>| attempt.failed(failure);
    let pool = SharedPool::new(PoolConfig::default(), 1, connector).expect("a thread");
    let route = pool.add_route(capped(1));
    assert_eq!(pool.lease(route, LONG).expect_err("refused").refusal, Refusal::ConnectionRefused);
}

#[test]
fn an_attempt_dropped_without_a_word_has_failed() {
    let pool = SharedPool::new(PoolConfig::default(), 1, drop::<Attempt<Boat>>).expect("a thread");
    let route = pool.add_route(capped(1));
    let told = refused(&pool, route, Duration::from_millis(50));
    assert_eq!(told, Refusal::ConnectionTerminated);
}

#[test]
fn an_attempt_may_end_on_another_thread_and_too_late() {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&kept);
    let connector = move |attempt: Attempt<Boat>| keep.lock().expect("no panic").push(attempt);
    let pool = SharedPool::new(PoolConfig::default(), 1, connector).expect("a thread");
    let route = pool.add_route(capped(2));
    let (bell, waker) = bell();
    let mut task = pin!(pool.lease_async(route, LONG));
    assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let afloat = Arc::new(AtomicUsize::new(2));
    let boat = |number| Boat { number, taken: AtomicBool::new(false), afloat: Arc::clone(&afloat) };
    let attempt = kept.lock().expect("no panic").pop().expect("it was asked for");
    assert_eq!(attempt.route(), route);
    thread::scope(|scope| scope.spawn(|| attempt.opened(boat(7))).join()).expect("no panic");
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    let ready = task.as_mut().poll(&mut Context::from_waker(&waker));
    let Poll::Ready(Ok(_held)) = ready else { panic!("it is open: {ready:?}") };

    let mut other = pool.lease_async(route, LONG);
    assert!(pin!(&mut other).poll(&mut Context::from_waker(&waker)).is_pending());
    pool.shutdown();
    let late = kept.lock().expect("no panic").pop().expect("it was asked for");
    late.opened(boat(8));
    assert_eq!(afloat.load(Ordering::SeqCst), 1, "what comes too late is dropped");
}

#[test]
fn all_who_wait_are_told_at_shutdown() {
    let (pool, route, afloat) = pool_of(capped(1));
    let held = pool.lease(route, LONG).expect("it opens at once");
    thread::scope(|scope| {
        let waits = || pool.lease(route, LONG).map(drop).expect_err("told at once");
        let waiters: Vec<_> = (0..4).map(|_| scope.spawn(waits)).collect();
        until("all wait", || pool.inspect(|pool| pool.waiters()) == 4);
        pool.shutdown();
        for waiter in waiters {
            assert_eq!(waiter.join().expect("no panic"), Refusal::Draining.into());
        }
    });
    assert_eq!(held.reusable(), Released::Closed(CloseCause::Shutdown));
    assert_eq!(afloat.load(Ordering::SeqCst), 0);
}

#[test]
fn idle_connections_go_without_anybodys_help() {
    let idle_timeout = Duration::from_millis(20);
    let (pool, route, afloat) = pool_of(RouteConfig { idle_timeout, ..capped(1) });
    pool.lease(route, LONG).expect("it opens at once").reusable();
    until("it is closed", || afloat.load(Ordering::SeqCst) == 0);
    assert_eq!(pool.inspect(|pool| pool.stats().closed.of(CloseCause::IdleTimeout)), 1);
    assert!(pool.inspect(wharf_pool::Pool::is_empty));
}

#[test]
fn a_raised_limit_serves_threads_that_wait() {
    let (pool, route, _) = pool_of(capped(1));
    let held = pool.lease(route, LONG).expect("it opens at once");
    thread::scope(|scope| {
        let waits = scope.spawn(|| pool.lease(route, LONG).expect("there is room now").number);
        until("it waits", || pool.inspect(|pool| pool.waiters()) == 1);
        pool.configure_route(route, capped(2));
        assert_eq!(waits.join().expect("no panic"), 1);
    });
    drop(held);
}

#[test]
fn the_pool_goes_with_its_last_handle() {
    let (pool, route, afloat) = pool_of(capped(1));
    let other = pool.clone();
    pool.lease(route, LONG).expect("it opens at once").reusable();
    drop(pool);
    assert_eq!(afloat.load(Ordering::SeqCst), 1);
    drop(other);
    until("the connection is dropped", || afloat.load(Ordering::SeqCst) == 0);
}

#[test]
fn many_threads_never_hold_one_connection_at_a_time() {
    const THREADS: usize = 8;
    const TURNS: usize = 500;
    let (pool, route, afloat) = pool_of(capped(3));
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (pool, start) = (&pool, &start);
            scope.spawn(move || {
                start.wait();
                for turn in 0..TURNS {
                    let lease = pool.lease(route, LONG).expect("in its turn");
                    assert!(!lease.taken.swap(true, Ordering::SeqCst), "two hold it");
                    let there = pool.inspect(|pool| pool.connections().total());
                    assert!(there <= 3, "more than may be");
                    assert!(lease.taken.swap(false, Ordering::SeqCst), "two held it");
                    let spent = Condition::Spent(CloseCause::UnreadBytes);
                    match (turn + number) % 50 {
                        0 => drop(lease),
                        1 => drop(lease.release(spent)),
                        2 => drop(lease.release(Condition::Unused)),
                        _ => drop(lease.reusable()),
                    }
                }
            });
        }
    });
    let stats = pool.inspect(|pool| pool.stats().clone());
    let turns = u64::try_from(THREADS * TURNS).expect("few");
    assert_eq!((stats.leases.total(), stats.releases.total()), (turns, turns));
    let live = stats.opened.total() - stats.closed.total();
    assert_eq!(live, u64::try_from(afloat.load(Ordering::SeqCst)).expect("few"));
}

#[test]
fn a_connector_that_takes_its_time_holds_up_no_deadline() {
    let blocked = Arc::new(AtomicBool::new(false));
    let (free, wait) = std::sync::mpsc::channel::<()>();
    let (state, wait) = (Arc::clone(&blocked), Mutex::new(wait));
    let attempts = AtomicUsize::new(0);
    let connector = move |attempt: Attempt<()>| {
        // The first connects, the second fails, and the third, after a pause, takes its time.
        match attempts.fetch_add(1, Ordering::SeqCst) {
            0 => return attempt.opened(()),
            1 => {
                let error = ConnectError::NoPort;
                return attempt.failed(ConnectFailure { error, hard: false });
            }
            _ => {}
        }
        state.store(true, Ordering::SeqCst);
        wait.lock().expect("no panic").recv_timeout(LONG).ok();
        state.store(false, Ordering::SeqCst);
        attempt.opened(());
    };
    let pool = SharedPool::new(PoolConfig::default(), 1, connector).expect("a thread");
    let [near, far] = [pool.add_route(capped(1)), pool.add_route(capped(1))];
    let _held = pool.lease(near, LONG).expect("it opens at once");
    let mut task = pin!(pool.lease_async(far, LONG));
    let mut context = Context::from_waker(Waker::noop());
    assert!(task.as_mut().poll(&mut context).is_pending());
    until("the connector is busy", || blocked.load(Ordering::SeqCst));
    assert_eq!(refused(&pool, near, Duration::from_millis(20)), Refusal::QueueTimeout);
    assert!(blocked.load(Ordering::SeqCst), "the deadline waited for the connector");
    free.send(()).expect("the connector waits");
    until("it is connected", || pool.inspect(|pool| pool.stats().waiters_woken == 2));
    assert!(task.as_mut().poll(&mut context).is_ready());
}

#[test]
fn a_route_is_paused_and_goes_on() {
    let (pool, route, _) = pool_of(RouteConfig::default());
    pool.pause_route(route);
    let refusal = refused(&pool, route, Duration::from_millis(20));
    assert_eq!(refusal, Refusal::QueueTimeout);
    pool.resume_route(route);
    pool.lease(route, LONG).expect("it goes on").reusable();
    pool.reconnect_route(route);
    assert_eq!(pool.inspect(|pool| pool.stats().closed.of(CloseCause::Reconnect)), 1);
    pool.deny_route(route);
    assert_eq!(refused(&pool, route, LONG), Refusal::Denied);
}
