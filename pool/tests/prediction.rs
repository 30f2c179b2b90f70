//! Rules A and E: what is known of how long leases are held decides who waits and who connects.

mod support;

use support::{MS, Quay, SEC};
use wharf_pool::time::Duration;
use wharf_pool::{ClientId, Condition, Denial, Event, Grant, Outcome, Refusal, Request, RouteId};

const HANDSHAKE: Duration = Duration::from_millis(100);

fn denial(outcome: Outcome<u32>) -> Denial {
    let Outcome::Refused(denial) = outcome else { panic!("expected a refusal, got {outcome:?}") };
    denial
}

/// Asks as a client of its own, who has so long.
fn ask(quay: &mut Quay, route: RouteId, client: u64, patience: Duration) -> Outcome<u32> {
    let deadline = quay.deadline(patience);
    quay.ask(Request { client: ClientId(client), deadline, ..quay.request(route) })
}

#[test]
fn who_would_wait_for_more_than_twice_its_time_is_refused_at_once() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    quay.sleep(SEC);
    let _first = support::waiting(ask(&mut quay, route, 2, SEC));
    // It would be the second, and wait for two leases of a second each.
    let told = denial(ask(&mut quay, route, 3, 999 * MS));
    assert_eq!(told.refusal, Refusal::WouldTimeOut);
    assert_eq!(told.estimated_wait, Some(2 * SEC));
    let _second = support::waiting(ask(&mut quay, route, 3, SEC));
    quay.release(held.lease, Condition::Reusable);
}

#[test]
fn as_many_as_there_are_leases_may_always_wait() {
    let (mut quay, route) = Quay::of(2);
    for _ in 0..2 {
        quay.held(route);
    }
    quay.sleep(3600 * SEC);
    for client in 2..4 {
        let _waits = support::waiting(ask(&mut quay, route, client, MS));
    }
    assert_eq!(denial(ask(&mut quay, route, 4, MS)).refusal, Refusal::WouldTimeOut);
}

#[test]
fn a_client_is_told_its_own_place() {
    let (mut quay, route) = Quay::of(1);
    quay.held(route);
    quay.sleep(SEC);
    for _ in 0..9 {
        let _waits = support::waiting(ask(&mut quay, route, 2, 60 * SEC));
    }
    // Another has its turn after the first of the nine, which has to wait for all of its own.
    let _other = support::waiting(ask(&mut quay, route, 3, SEC));
    let told = denial(ask(&mut quay, route, 2, SEC));
    assert_eq!(told.estimated_wait, Some(11 * SEC));
}

#[test]
fn who_is_refused_for_the_length_of_the_queue_hears_how_long_it_takes() {
    let mut quay = Quay::new();
    let config = wharf_pool::RouteConfig {
        max_connections: 1,
        max_waiters: 1,
        ..wharf_pool::RouteConfig::default()
    };
    let route = quay.pool.add_route(config);
    quay.held(route);
    quay.sleep(SEC);
    quay.wait(route);
    let told = denial(ask(&mut quay, route, 2, SEC));
    assert_eq!((told.refusal, told.estimated_wait), (Refusal::QueueFull, Some(2 * SEC)));
}

/// A route of ten connections, of which one is held; leases are held for `hold`.
fn busy(hold: Duration) -> (Quay, RouteId, Grant<u32>) {
    busy_with(10, hold)
}

fn busy_with(connections: usize, hold: Duration) -> (Quay, RouteId, Grant<u32>) {
    let (mut quay, route) = Quay::of(connections);
    let waiter = quay.wait(route);
    let slot = quay.connect_event();
    quay.sleep(HANDSHAKE);
    quay.open(slot);
    let first = quay.granted(waiter);
    quay.sleep(hold);
    quay.release(first.lease, Condition::Reusable);
    let held = support::grant(quay.lease(route));
    (quay, route, held)
}

#[test]
fn no_attempt_begins_where_a_release_comes_sooner() {
    let (mut quay, route, held) = busy(20 * MS);
    let waiter = quay.wait(route);
    quay.sleep(19 * MS);
    quay.quiet();
    quay.release(held.lease, Condition::Reusable);
    quay.granted(waiter);
    quay.sleep(SEC);
    quay.quiet();
    assert_eq!(quay.pool.route_stats(route).expect("it is there").connects_elided, 1);
}

#[test]
fn where_no_attempt_can_begin_none_is_held_back() {
    let (mut quay, route, held) = busy_with(1, 20 * MS);
    let waiter = quay.wait(route);
    let snapshot = quay.pool.route_snapshot(quay.now, route).expect("it is there");
    assert_eq!(snapshot.eliding, Duration::ZERO);
    quay.release(held.lease, Condition::Reusable);
    quay.granted(waiter);
    assert_eq!(quay.pool.route_stats(route).expect("it is there").connects_elided, 0);
}

#[test]
fn an_attempt_that_was_held_back_begins_when_no_release_has_come() {
    let (mut quay, route, _held) = busy(20 * MS);
    quay.wait(route);
    quay.sleep(19 * MS);
    quay.quiet();
    quay.sleep(MS);
    quay.connect_event();
    assert_eq!(quay.pool.route_stats(route).expect("it is there").connects_elided, 0);
}

#[test]
fn half_a_handshake_is_not_waited_for() {
    let (mut quay, route, _held) = busy(50 * MS);
    quay.wait(route);
    quay.connect_event();
}

#[test]
fn who_cannot_use_what_is_released_does_not_wait_for_it() {
    let (mut quay, route, _held) = busy(20 * MS);
    quay.wait_as(route, 2);
    quay.connect_event();
    let (mut quay, route, _held) = busy(20 * MS);
    let fresh = Request { fresh: true, ..quay.request(route) };
    let _waits = support::waiting(quay.ask(fresh));
    quay.connect_event();
}

#[test]
fn one_too_many_lets_all_connect() {
    let (mut quay, route, _held) = busy(20 * MS);
    quay.wait(route);
    quay.wait(route);
    quay.quiet();
    // The third would wait for 60 ms, more than half a handshake.
    quay.wait(route);
    let attempts = quay.events();
    assert_eq!(attempts.len(), 3);
    assert!(attempts.iter().all(|event| matches!(event, Event::Connect { .. })));
}
