//! Leases that are held for long: who is told, when, and how often.

mod support;

use support::{Duration, MS, Quay, SEC};
use wharf_pool::{Condition, Event, LeaseId, Overdue, PoolConfig, RouteConfig, RouteId};

fn watched() -> RouteConfig {
    RouteConfig {
        first_use_timeout: 5 * SEC,
        lease_warn_after: 60 * SEC,
        lease_max: 90 * SEC,
        ..RouteConfig::default()
    }
}

fn quay() -> (Quay, RouteId) {
    let mut quay = Quay::new();
    let route = quay.pool.add_route(watched());
    (quay, route)
}

/// What is told while `time` passes.
fn told(quay: &mut Quay, time: Duration) -> Vec<(LeaseId, Overdue)> {
    let mut told = Vec::new();
    let end = quay.now + time;
    while quay.now.monotonic < end.monotonic {
        let step = (end.monotonic.since(quay.now.monotonic)).min(500 * MS);
        quay.now = quay.now + step;
        quay.pool.handle_timeout(quay.now);
        while let Some(event) = quay.pool.poll_event() {
            let Event::Overdue { lease, limit, .. } = event else { panic!("{event:?}") };
            told.push((lease, limit));
        }
    }
    told
}

fn overdue(quay: &Quay, route: RouteId) -> usize {
    quay.pool.route_snapshot(quay.now, route).expect("the route is there").overdue
}

#[test]
fn each_limit_is_told_of_once_in_its_time() {
    let (mut quay, route) = quay();
    let lease = quay.held(route).lease;
    assert_eq!(told(&mut quay, 4 * SEC), []);
    assert_eq!(told(&mut quay, 2 * SEC), [(lease, Overdue::FirstUse)]);
    assert_eq!(overdue(&quay, route), 0);
    assert_eq!(told(&mut quay, 53 * SEC), []);
    assert_eq!(told(&mut quay, 2 * SEC), [(lease, Overdue::Warn)]);
    assert_eq!(overdue(&quay, route), 1);
    assert_eq!(told(&mut quay, 31 * SEC), [(lease, Overdue::Max)]);
    assert_eq!(told(&mut quay, 600 * SEC), [], "nothing more of this lease");
    quay.release(lease, Condition::Reusable);
    assert_eq!(overdue(&quay, route), 0);
}

#[test]
fn each_lease_of_a_connection_has_its_own_time() {
    let (mut quay, route) = quay();
    quay.idle(route);
    for _ in 0..8 {
        let lease = support::grant(quay.lease(route)).lease;
        assert_eq!(told(&mut quay, 4 * SEC), []);
        quay.release(lease, Condition::Reusable);
    }
    let lease = support::grant(quay.lease(route)).lease;
    assert_eq!(told(&mut quay, 6 * SEC), [(lease, Overdue::FirstUse)]);
}

#[test]
fn a_turn_that_comes_late_tells_all_at_once_the_shortest_first() {
    let (mut quay, route) = quay();
    let wharf_pool::Grant { lease, connection, .. } = quay.held(route);
    quay.now = quay.now + 100 * SEC;
    quay.pool.handle_timeout(quay.now);
    let limits = std::iter::from_fn(|| quay.pool.poll_event());
    let told: Vec<Event<u32>> = limits.collect();
    let of = |limit| Event::Overdue { lease, limit, connection, held: 100 * SEC };
    assert_eq!(told, [of(Overdue::FirstUse), of(Overdue::Warn), of(Overdue::Max)]);
}

#[test]
fn what_was_released_before_it_was_polled_is_not_told_of() {
    let (mut quay, route) = quay();
    let lease = quay.held(route).lease;
    quay.now = quay.now + 10 * SEC;
    quay.pool.handle_timeout(quay.now);
    quay.release(lease, Condition::Reusable);
    assert_eq!(quay.pool.poll_event(), None);
}

#[test]
fn a_limit_that_is_changed_holds_for_leases_that_are_held() {
    let mut quay = Quay::new();
    let route = quay.pool.add_route(RouteConfig::default());
    let lease = quay.held(route).lease;
    assert_eq!(told(&mut quay, 120 * SEC), [], "nothing is watched by default");
    quay.pool.configure_route(quay.now, route, watched());
    let all = [Overdue::FirstUse, Overdue::Warn, Overdue::Max].map(|limit| (lease, limit));
    assert_eq!(told(&mut quay, SEC), all);
    assert_eq!(overdue(&quay, route), 1);
}

#[test]
fn a_lease_whose_connection_is_lost_is_watched_on() {
    let (mut quay, route) = quay();
    let held = quay.held(route);
    quay.pool.lost(quay.now, held.slot, wharf_pool::CloseCause::PeerRst);
    let limits: Vec<Overdue> = told(&mut quay, 95 * SEC).iter().map(|told| told.1).collect();
    assert_eq!(limits, [Overdue::FirstUse, Overdue::Warn, Overdue::Max]);
    quay.release(held.lease, Condition::Reusable);
    assert_eq!(overdue(&quay, route), 0);
}

#[test]
fn what_is_needed_is_what_would_serve_everybody() {
    let mut quay = Quay::with(PoolConfig::default());
    let route = quay.pool.add_route(RouteConfig {
        max_connections: 2,
        min_idle: 1,
        ..RouteConfig::default()
    });
    let needed = |quay: &Quay| quay.pool.route_snapshot(quay.now, route).expect("there").needed;
    assert_eq!(needed(&quay), 1);
    let (first, second) = (quay.held(route), quay.held(route));
    quay.wait(route);
    assert_eq!(needed(&quay), 4, "more than the limit allows");
    quay.release(first.lease, Condition::Reusable);
    assert_eq!(needed(&quay), 3);
    quay.pool.drain(quay.now);
    assert_eq!(needed(&quay), 2, "nothing is kept ready any more");
    quay.release(second.lease, Condition::Reusable);
    assert_eq!(needed(&quay), 1);
}
