//! What an operator does to a route: pause, deny, resume, reconnect.

mod support;

use support::{MS, Quay, SEC};
use wharf_pool::{CloseCause, Condition, Event, How, Refusal, Released, RouteConfig, Source};

#[test]
fn a_paused_route_lets_leases_wait_and_serves_them_when_it_goes_on() {
    let (mut quay, route) = Quay::of(2);
    let idle = quay.idle(route);
    quay.pool.pause_route(quay.now, route);
    let waiters = [quay.wait(route), quay.wait(route), quay.wait(route)];
    quay.sleep(SEC);
    quay.quiet();
    quay.pool.resume_route(quay.now, route);
    let grant = quay.granted(waiters[0]);
    assert_eq!((grant.slot, grant.source), (idle.slot, Source::Idle));
    let slot = quay.connect_event();
    quay.quiet();
    quay.open(slot);
    quay.granted(waiters[1]);
    quay.release(grant.lease, Condition::Reusable);
    quay.granted(waiters[2]);
}

#[test]
fn what_is_released_into_a_pause_is_kept() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let waiter = quay.wait(route);
    quay.pool.pause_route(quay.now, route);
    assert_eq!(quay.release(held.lease, Condition::Reusable), Released::Kept);
    quay.quiet();
    quay.pool.resume_route(quay.now, route);
    quay.granted(waiter);
}

#[test]
fn what_slept_through_a_pause_is_probed_before_it_is_leased() {
    // More than one turn looks at by itself.
    const COUNT: usize = 300;
    let (mut quay, route) = Quay::of(COUNT);
    let held: Vec<_> = (0..COUNT).map(|_| quay.held(route)).collect();
    for grant in held {
        quay.release(grant.lease, Condition::Reusable);
    }
    quay.pool.pause_route(quay.now, route);
    let waiter = quay.wait(route);
    quay.suspend(2 * SEC);
    quay.pool.resume_route(quay.now, route);
    let events = quay.events();
    assert_eq!(events.len(), COUNT);
    assert!(events.iter().all(|event| matches!(event, Event::Probe { .. })), "{events:?}");
    let Event::Probe { slot, .. } = events[COUNT - 1] else { panic!("a probe") };
    quay.pool.probed(quay.now, slot);
    quay.granted(waiter);
}

#[test]
fn what_has_grown_old_in_a_pause_is_closed_and_not_leased() {
    let (mut quay, route) = Quay::of(1);
    let idle = quay.idle(route);
    quay.pool.pause_route(quay.now, route);
    quay.now = quay.now + 50 * SEC;
    let waiter = quay.wait(route);
    quay.pool.resume_route(quay.now, route);
    assert_eq!(quay.close_event(), (idle.slot, CloseCause::IdleTimeout, How::Orderly));
    let slot = quay.connect_event();
    quay.open(slot);
    quay.granted(waiter);
}

#[test]
fn deadlines_and_limits_hold_in_a_pause() {
    let mut quay = Quay::new();
    let config = wharf_pool::RouteConfig { max_waiters: 1, ..wharf_pool::RouteConfig::default() };
    let route = quay.pool.add_route(config);
    quay.pool.pause_route(quay.now, route);
    let waiter = quay.wait(route);
    assert_eq!(support::refusal(quay.lease(route)), Refusal::QueueFull);
    quay.sleep(5 * SEC + 2 * MS);
    assert_eq!(quay.refused(waiter), Refusal::QueueTimeout);
    quay.quiet();
}

#[test]
fn a_denied_route_refuses_all_who_wait_and_all_who_come() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let waiter = quay.wait(route);
    quay.pool.deny_route(quay.now, route);
    assert_eq!(quay.refused(waiter), Refusal::Denied);
    assert_eq!(support::refusal(quay.lease(route)), Refusal::Denied);
    assert_eq!(quay.release(held.lease, Condition::Reusable), Released::Kept, "it is no drain");
    quay.pool.resume_route(quay.now, route);
    support::grant(quay.lease(route));
}

#[test]
fn reconnect_replaces_the_idle_at_once_and_the_leased_at_release() {
    let (mut quay, route) = Quay::of(2);
    let held = quay.held(route);
    let idle = quay.idle_as(route, 2);
    quay.pool.reconnect_route(quay.now, route);
    assert_eq!(quay.close_event(), (idle.slot, CloseCause::Reconnect, How::Orderly));
    quay.quiet();
    let released = quay.release(held.lease, Condition::Reusable);
    assert_eq!(released, Released::Closed(CloseCause::Reconnect));
    quay.close_event();
    // What is opened afterwards is kept.
    let again = quay.held(route);
    assert_eq!(quay.release(again.lease, Condition::Reusable), Released::Kept);
}

#[test]
fn handles_of_no_route_change_nothing() {
    let mut quay = Quay::new();
    let route = wharf_pool::RouteId::from_bits(77);
    quay.pool.pause_route(quay.now, route);
    quay.pool.deny_route(quay.now, route);
    quay.pool.resume_route(quay.now, route);
    quay.pool.reconnect_route(quay.now, route);
    quay.quiet();
}

#[test]
fn an_emptied_route_refuses_closes_what_it_has_and_is_as_new_when_it_goes_on() {
    let mut quay = Quay::new();
    let config = RouteConfig { min_idle: 0, max_connections: 3, ..RouteConfig::default() };
    let route = quay.pool.add_route(config);
    let held = quay.held(route);
    let other = quay.held(route);
    quay.release(other.lease, Condition::Reusable);
    let waiter = quay.wait_as(route, 2);
    let attempt = quay.connect_event();
    quay.pool.empty_route(quay.now, route);
    assert_eq!(quay.refused(waiter), Refusal::Denied);
    assert_eq!(quay.event(), Some(Event::Abandon { slot: attempt }));
    assert_eq!(quay.close_event(), (other.slot, CloseCause::Drain, How::Orderly));
    quay.quiet();
    assert_eq!(support::refusal(quay.lease(route)), Refusal::Denied);
    let released = quay.release(held.lease, Condition::Reusable);
    assert_eq!(released, Released::Closed(CloseCause::Drain));
    quay.events();
    quay.pool.resume_route(quay.now, route);
    let held = quay.held(route);
    assert_eq!(quay.release(held.lease, Condition::Reusable), Released::Kept);
}
