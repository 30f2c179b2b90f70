//! Settling (U): what is sent and not acknowledged holds a connection back, for a while.

mod support;

use support::{MS, Quay, SEC, grant};
use wharf_pool::{CloseCause, Condition, How, ReleaseResult, Released, RouteConfig, Source};

#[test]
fn a_settling_connection_counts_as_leased_until_it_has_settled() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let until = quay.deadline(300 * MS);
    assert_eq!(quay.release(held.lease, Condition::Settling { until }), Released::Settling);
    assert_eq!((quay.counts(route).settling, quay.counts(route).total()), (1, 1));
    let waiter = quay.wait(route);
    quay.quiet();
    assert_eq!(quay.pool.stats().releases.total(), 0, "not counted before it is known");
    quay.pool.settled(quay.now, held.slot);
    let next = quay.granted(waiter);
    assert_eq!((next.connection, next.source, next.uses), (1, Source::Handoff, 1));
    assert_eq!(quay.pool.stats().releases.of(ReleaseResult::Handoff), 1);
}

#[test]
fn a_settled_connection_without_waiters_is_idle() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let until = quay.deadline(300 * MS);
    quay.release(held.lease, Condition::Settling { until });
    quay.pool.settled(quay.now, held.slot);
    quay.pool.settled(quay.now, held.slot);
    quay.sleep(SEC);
    quay.quiet();
    assert_eq!(grant(quay.lease(route)).connection, 1);
    assert_eq!(quay.pool.stats().releases.of(ReleaseResult::Reused), 1);
}

#[test]
fn what_is_not_acknowledged_in_time_is_closed_and_its_room_serves() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let until = quay.deadline(300 * MS);
    quay.release(held.lease, Condition::Settling { until });
    let waiter = quay.wait(route);
    quay.sleep(299 * MS);
    quay.quiet();
    quay.sleep(3 * MS);
    assert_eq!(quay.close_event(), (held.slot, CloseCause::UnackedBytes, How::Reset));
    let slot = quay.connect_event();
    quay.open(slot);
    quay.granted(waiter);
    quay.pool.settled(quay.now, held.slot);
    assert_eq!(quay.pool.stats().releases.of(ReleaseResult::Closed), 1);
}

#[test]
fn a_deadline_that_has_passed_closes_at_once() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let until = quay.now.monotonic;
    let closed = Released::Closed(CloseCause::UnackedBytes);
    assert_eq!(quay.release(held.lease, Condition::Settling { until }), closed);
    assert_eq!(quay.close_event().1, CloseCause::UnackedBytes);
}

#[test]
fn a_lease_that_settles_has_ended() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let until = quay.deadline(SEC);
    quay.release(held.lease, Condition::Settling { until });
    let again = quay.pool.release(quay.now, held.lease, Condition::Reusable);
    assert_eq!(again, Err(wharf_pool::ReleaseError::Double));
    assert_eq!(quay.counts(route).settling, 1);
}

#[test]
fn what_is_to_be_closed_anyway_does_not_settle() {
    let mut quay = Quay::new();
    let route = quay.pool.add_route(RouteConfig { max_uses: 1, ..RouteConfig::default() });
    let held = quay.held(route);
    let until = quay.deadline(SEC);
    let closed = Released::Closed(CloseCause::MaxUses);
    assert_eq!(quay.release(held.lease, Condition::Settling { until }), closed);
    assert_eq!(quay.close_event(), (held.slot, CloseCause::MaxUses, How::Orderly));
}

#[test]
fn a_settling_connection_of_a_draining_route_is_closed_when_it_has_settled() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let until = quay.deadline(SEC);
    quay.release(held.lease, Condition::Settling { until });
    quay.pool.drain_route(quay.now, route);
    quay.quiet();
    quay.pool.settled(quay.now, held.slot);
    assert_eq!(quay.close_event(), (held.slot, CloseCause::Drain, How::Orderly));
    quay.pool.closed(quay.now, held.slot);
    assert!(quay.pool.is_empty());
}
