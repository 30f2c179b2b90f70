//! Rule C: a route that cannot connect rests, sends one ahead, and comes back by and by.

mod support;

use support::{MS, Quay, REFUSED, SEC, SILENT};
use wharf_pool::time::Duration;
use wharf_pool::{
    Condition, ConnectError, Denial, Event, Outcome, Refusal, RouteConfig, RouteId, WaiterId,
};

/// A route whose only attempt has failed, with nobody waiting.
fn failed() -> (Quay, RouteId) {
    let (mut quay, route) = Quay::of(9);
    let waiter = quay.wait(route);
    let slot = quay.connect_event();
    quay.pool.open_failed(quay.now, slot, REFUSED);
    quay.refused(waiter);
    (quay, route)
}

fn denial(outcome: Outcome<u32>) -> Denial {
    let Outcome::Refused(denial) = outcome else { panic!("expected a refusal, got {outcome:?}") };
    denial
}

fn rest(quay: &Quay, route: RouteId) -> Duration {
    quay.pool.route_snapshot(quay.now, route).expect("the route is there").backoff
}

#[test]
fn a_lease_is_refused_at_once_with_the_cause_and_when_to_come_back() {
    let (mut quay, route) = failed();
    let all = rest(&quay, route);
    assert!((80 * MS..=120 * MS).contains(&all), "{all:?}");
    quay.sleep(30 * MS);
    let told = denial(quay.lease(route));
    assert_eq!(told.refusal, Refusal::Backoff);
    assert_eq!(told.error, Some(ConnectError::ConnectionRefused));
    assert_eq!(told.retry_after, Some(all - 30 * MS));
    assert_eq!(told.to_string(), "backoff (connection_refused)");
    quay.quiet();
}

#[test]
fn who_was_refused_by_the_attempt_itself_is_told_when_to_come_back() {
    let (mut quay, route) = Quay::of(1);
    quay.wait(route);
    let slot = quay.connect_event();
    quay.pool.open_failed(quay.now, slot, REFUSED);
    let Some(Event::Refused { denial, .. }) = quay.event() else { panic!("a refusal") };
    assert_eq!(denial.refusal, Refusal::ConnectionRefused);
    assert_eq!(denial.retry_after, Some(rest(&quay, route)));
}

#[test]
fn after_the_rest_one_is_sent_ahead_and_all_others_wait_for_it() {
    let (mut quay, route) = failed();
    quay.sleep(rest(&quay, route));
    let waiters: Vec<_> = (0..5).map(|_| quay.wait(route)).collect();
    let prober = quay.connect_event();
    quay.quiet();
    quay.pool.open_failed(quay.now, prober, REFUSED);
    assert_eq!(quay.refused(waiters[0]), Refusal::ConnectionRefused, "it was there before");
    // The others came after the attempt had begun: they wait for the next.
    quay.quiet();
    let all = rest(&quay, route);
    assert!((160 * MS..=240 * MS).contains(&all), "twice as long: {all:?}");
    quay.sleep(all);
    quay.connect_event();
    quay.quiet();
}

#[test]
fn the_way_back_is_taken_by_two_then_four() {
    let (mut quay, route) = failed();
    quay.sleep(rest(&quay, route));
    let waiters: Vec<WaiterId> = (0..9).map(|_| quay.wait(route)).collect();
    let mut under_way = vec![quay.connect_event()];
    for (served, at_a_time) in [2, 4].into_iter().enumerate() {
        let slot = under_way.remove(0);
        quay.open(slot);
        quay.granted(waiters[served]);
        while let Some(Event::Connect { slot, .. }) = quay.event() {
            under_way.push(slot);
        }
        assert_eq!(under_way.len(), at_a_time);
    }
}

#[test]
fn a_silent_peer_is_left_alone_as_well() {
    let (mut quay, route) = Quay::of(1);
    let waiter = quay.wait(route);
    let slot = quay.connect_event();
    quay.pool.open_failed(quay.now, slot, SILENT);
    quay.pool.cancel(quay.now, waiter).expect("a silent peer fails nobody");
    assert_eq!(denial(quay.lease(route)).refusal, Refusal::Backoff);
    quay.sleep(SEC);
    quay.quiet();
    let _waits = quay.wait(route);
    quay.connect_event();
}

#[test]
fn with_a_connection_alive_leases_wait_for_it() {
    let (mut quay, route) = Quay::of(2);
    let held = quay.held(route);
    let first = quay.wait(route);
    let slot = quay.connect_event();
    quay.pool.open_failed(quay.now, slot, REFUSED);
    let second = quay.wait(route);
    quay.quiet();
    let mut lease = held.lease;
    for waiter in [first, second] {
        quay.release(lease, Condition::Reusable);
        lease = quay.granted(waiter).lease;
    }
}

#[test]
fn without_a_longest_rest_there_is_none() {
    let mut quay = Quay::new();
    let config = RouteConfig { backoff_max: Duration::ZERO, ..RouteConfig::default() };
    let route = quay.pool.add_route(config);
    for _ in 0..3 {
        let waiter = quay.wait(route);
        let slot = quay.connect_event();
        quay.pool.open_failed(quay.now, slot, REFUSED);
        quay.refused(waiter);
        quay.quiet();
    }
}
