//! Reaping (TTL): idle time, lifetime with its spacing, uses; a bounded number a turn.

mod support;

use support::{Duration, MS, Quay, SEC, grant, waiting};
use wharf_pool::{CloseCause, Condition, Event, How, Released, Request, RouteConfig, RouteId};

fn quay_with(config: RouteConfig) -> (Quay, RouteId) {
    let mut quay = Quay::new();
    let route = quay.pool.add_route(config);
    (quay, route)
}

const ENDLESS: RouteConfig = RouteConfig {
    max_connections: 256,
    max_waiters: 1024,
    max_waiters_per_client: 256,
    max_connecting: 8,
    connect_timeout: Duration::ZERO,
    backoff_min: Duration::ZERO,
    backoff_max: Duration::ZERO,
    idle_timeout: Duration::ZERO,
    max_lifetime: Duration::ZERO,
    max_uses: 0,
    min_idle: 0,
    reuse: wharf_pool::Reuse::Lifo,
    first_use_timeout: Duration::ZERO,
    lease_warn_after: Duration::ZERO,
    lease_max: Duration::ZERO,
};

fn closes(events: &[Event<u32>], wanted: CloseCause) -> usize {
    let hit = |event: &&Event<u32>| matches!(event, Event::Close { cause, .. } if *cause == wanted);
    events.iter().filter(hit).count()
}

#[test]
fn an_idle_connection_is_closed_at_its_idle_timeout() {
    let (mut quay, route) = quay_with(RouteConfig { idle_timeout: 10 * SEC, ..ENDLESS });
    let idle = quay.idle(route);
    quay.sleep(10 * SEC - MS);
    quay.quiet();
    quay.sleep(3 * MS);
    assert_eq!(quay.close_event(), (idle.slot, CloseCause::IdleTimeout, How::Orderly));
    quay.quiet();
    assert_eq!(quay.pool.stats().closed.of(CloseCause::IdleTimeout), 1);
}

#[test]
fn every_use_begins_the_idle_time_anew() {
    let (mut quay, route) = quay_with(RouteConfig { idle_timeout: 10 * SEC, ..ENDLESS });
    quay.idle(route);
    for _ in 0..5 {
        quay.sleep(9 * SEC);
        let grant = grant(quay.lease(route));
        quay.sleep(11 * SEC);
        quay.quiet();
        assert_eq!(quay.release(grant.lease, Condition::Reusable), Released::Kept);
    }
    quay.sleep(11 * SEC);
    assert_eq!(quay.close_event().1, CloseCause::IdleTimeout);
}

#[test]
fn a_lease_does_not_get_what_is_past_its_time_even_before_the_timer_runs() {
    let (mut quay, route) = quay_with(RouteConfig { idle_timeout: 10 * SEC, ..ENDLESS });
    let idle = quay.idle(route);
    quay.now = quay.now + 10 * SEC;
    waiting(quay.lease(route));
    assert_eq!(quay.close_event().0, idle.slot);
    quay.connect_event();
}

#[test]
fn a_connection_is_closed_at_the_end_of_its_life_idle_or_at_release() {
    let (mut quay, route) = quay_with(RouteConfig { max_lifetime: 100 * SEC, ..ENDLESS });
    let held = quay.held(route);
    quay.idle(route);
    quay.sleep(89 * SEC);
    quay.quiet();
    quay.sleep(12 * SEC);
    assert_eq!(quay.close_event().1, CloseCause::MaxLifetime);
    let closed = Released::Closed(CloseCause::MaxLifetime);
    assert_eq!(quay.release(held.lease, Condition::Reusable), closed);
    assert_eq!(quay.close_event(), (held.slot, CloseCause::MaxLifetime, How::Orderly));
}

#[test]
fn lifetimes_are_spaced_over_a_tenth() {
    let (mut quay, route) = quay_with(RouteConfig { max_lifetime: 1000 * SEC, ..ENDLESS });
    let held: Vec<_> = (0..200).map(|_| quay.held(route)).collect();
    for grant in held {
        quay.release(grant.lease, Condition::Reusable);
    }
    quay.sleep(899 * SEC);
    quay.quiet();
    let mut by_slice = Vec::new();
    for _ in 0..10 {
        quay.sleep(10 * SEC + 200 * MS);
        by_slice.push(closes(&quay.events(), CloseCause::MaxLifetime));
    }
    assert_eq!(by_slice.iter().sum::<usize>(), 200);
    assert!(by_slice.iter().all(|count| (5..40).contains(count)), "{by_slice:?}");
}

#[test]
fn the_same_seed_draws_the_same_lifetimes() {
    let close_times = || {
        let (mut quay, route) = quay_with(RouteConfig { max_lifetime: 1000 * SEC, ..ENDLESS });
        for _ in 0..5 {
            let waiter = waiting(quay.ask(Request { fresh: true, ..quay.request(route) }));
            let slot = quay.connect_event();
            quay.open(slot);
            let grant = quay.granted(waiter);
            quay.release(grant.lease, Condition::Reusable);
        }
        let due = core::iter::from_fn(|| {
            let due = quay.pool.poll_timeout()?;
            quay.now = quay.now + due.since(quay.now.monotonic);
            quay.pool.handle_timeout(quay.now);
            Some(due)
        });
        due.collect::<Vec<_>>()
    };
    assert_eq!(close_times(), close_times());
}

#[test]
fn a_connection_is_closed_after_so_many_uses() {
    let (mut quay, route) = quay_with(RouteConfig { max_uses: 2, ..ENDLESS });
    let first = quay.idle(route);
    let unused = grant(quay.lease(route));
    assert_eq!(quay.release(unused.lease, Condition::Unused), Released::Kept);
    let second = grant(quay.lease(route));
    assert_eq!((second.connection, second.uses), (first.connection, 1));
    let closed = Released::Closed(CloseCause::MaxUses);
    assert_eq!(quay.release(second.lease, Condition::Reusable), closed);
    assert_eq!(quay.close_event(), (first.slot, CloseCause::MaxUses, How::Orderly));
}

#[test]
fn zero_is_off_in_every_check() {
    let (mut quay, route) = quay_with(ENDLESS);
    let held = quay.held(route);
    quay.sleep(Duration::from_secs(1_000_000));
    quay.release(held.lease, Condition::Reusable);
    for _ in 0..100 {
        quay.sleep(Duration::from_secs(1_000_000));
        let grant = grant(quay.lease(route));
        quay.release(grant.lease, Condition::Reusable);
    }
    let waiter = quay.wait_as(route, 2);
    let attempt = quay.connect_event();
    quay.sleep(SEC);
    quay.pool.cancel(quay.now, waiter).expect("it waits");
    quay.sleep(Duration::from_secs(1_000_000));
    quay.quiet();
    assert!(quay.open(attempt), "an attempt without a budget is not given up");
}

#[test]
fn a_hundred_thousand_that_expire_together_stall_no_turn() {
    const COUNT: usize = 100_000;
    let mut quay = Quay::with(wharf_pool::PoolConfig {
        max_total: 2 * COUNT,
        max_connecting_total: COUNT,
        max_waiters_total: COUNT,
        ..wharf_pool::PoolConfig::default()
    });
    let route = quay.pool.add_route(RouteConfig {
        max_connections: COUNT,
        max_connecting: COUNT,
        max_waiters: COUNT,
        idle_timeout: 10 * SEC,
        ..ENDLESS
    });
    let held: Vec<_> = (0..COUNT).map(|_| quay.held(route)).collect();
    for grant in held {
        quay.release(grant.lease, Condition::Reusable);
    }
    assert_eq!(quay.counts(route).idle, COUNT);
    quay.now = quay.now + 11 * SEC;
    let mut closed = 0;
    let mut turns = 0;
    while quay.pool.poll_timeout().is_some_and(|due| due <= quay.now.monotonic) {
        quay.pool.handle_timeout(quay.now);
        let batch = closes(&quay.events(), CloseCause::IdleTimeout);
        assert!(batch <= 256, "{batch} in one turn");
        closed += batch;
        turns += 1;
    }
    assert_eq!(closed, COUNT);
    assert!(turns >= COUNT / 256);
}

#[test]
fn a_drain_closes_a_bounded_number_a_turn_too() {
    let (mut quay, route) =
        quay_with(RouteConfig { max_connections: 1000, ..RouteConfig::default() });
    let held: Vec<_> = (0..600).map(|_| quay.held(route)).collect();
    for grant in held {
        quay.release(grant.lease, Condition::Reusable);
    }
    quay.pool.drain(quay.now);
    let mut batches = vec![closes(&quay.events(), CloseCause::Drain)];
    while quay.pool.connections().total() > 0 {
        assert!(quay.pool.poll_timeout().is_some_and(|due| due <= quay.now.monotonic));
        quay.pool.handle_timeout(quay.now);
        batches.push(closes(&quay.events(), CloseCause::Drain));
    }
    assert_eq!(batches, [256, 256, 88]);
}

#[test]
fn a_shorter_idle_timeout_counts_for_those_that_are_idle_already() {
    let (mut quay, route) = quay_with(RouteConfig { idle_timeout: 100 * SEC, ..ENDLESS });
    let idle = quay.idle(route);
    quay.sleep(SEC);
    quay.pool.configure_route(quay.now, route, RouteConfig { idle_timeout: 10 * SEC, ..ENDLESS });
    quay.sleep(8 * SEC);
    quay.quiet();
    quay.sleep(SEC + 2 * MS);
    assert_eq!(quay.close_event(), (idle.slot, CloseCause::IdleTimeout, How::Orderly));
}

#[test]
fn a_longer_idle_timeout_spares_those_that_are_idle_already() {
    let (mut quay, route) = quay_with(RouteConfig { idle_timeout: 10 * SEC, ..ENDLESS });
    quay.idle(route);
    quay.pool.configure_route(quay.now, route, RouteConfig { idle_timeout: 100 * SEC, ..ENDLESS });
    quay.sleep(99 * SEC);
    quay.quiet();
    quay.sleep(2 * SEC);
    assert_eq!(quay.close_event().1, CloseCause::IdleTimeout);
}

#[test]
fn an_empty_pool_waits_for_nothing() {
    let (mut quay, route) = quay_with(RouteConfig::default());
    assert_eq!(quay.pool.poll_timeout(), None);
    let idle = quay.idle(route);
    assert!(quay.pool.poll_timeout().is_some());
    quay.pool.lost(quay.now, idle.slot, CloseCause::PeerFin);
    assert_eq!(quay.pool.poll_timeout(), None);
    quay.pool.handle_timeout(quay.now);
    quay.quiet();
}
