//! Releasing: hand-off (H), room that is freed (N), handles (R), any state (Z), client death (G),
//! and the causes with which a connection ends (U).

mod support;

use support::{Quay, grant, waiting};
use wharf_pool::{
    ClientId, CloseCause, Condition, Event, How, LeaseId, ReleaseError, ReleaseResult, Released,
    Request, Source,
};

#[test]
fn a_release_wakes_exactly_one_in_the_order_of_arrival() {
    let (mut quay, route) = Quay::of(1);
    let mut held = quay.held(route);
    let mut waiters = Vec::new();
    for client in 0..100 {
        let request = Request { client: ClientId(client), ..quay.request(route) };
        waiters.push(waiting(quay.ask(request)));
    }
    let woken = quay.pool.stats().waiters_woken;
    for waiter in waiters {
        assert_eq!(quay.release(held.lease, Condition::Reusable), Released::HandedOn);
        held = quay.granted(waiter);
        quay.quiet();
    }
    let stats = quay.pool.stats();
    assert_eq!(stats.waiters_woken - woken, 100);
    assert_eq!(stats.releases.of(ReleaseResult::Handoff), 100);
    assert_eq!(stats.leases.of(Source::Handoff), 100);
}

#[test]
fn a_hand_off_changes_the_owner_at_once() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let waiter = quay.wait(route);
    quay.release(held.lease, Condition::Reusable);
    // Nobody was told yet; still the connection is not there for another.
    let request = Request { no_wait: true, ..quay.request(route) };
    assert!(matches!(quay.ask(request), wharf_pool::Outcome::Refused(_)));
    assert_eq!(quay.counts(route).leased, 1);
    quay.granted(waiter);
}

#[test]
fn a_release_that_frees_only_room_also_serves() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let waiter = quay.wait(route);
    let spent = Condition::Spent(CloseCause::UnreadBytes);
    let closed = Released::Closed(CloseCause::UnreadBytes);
    assert_eq!(quay.release(held.lease, spent), closed);
    assert_eq!(quay.close_event(), (held.slot, CloseCause::UnreadBytes, How::Reset));
    let slot = quay.connect_event();
    quay.open(slot);
    quay.granted(waiter);
}

#[test]
fn a_connection_that_ends_while_idle_serves_the_waiters_of_another_key() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held_as(route, 1);
    let waiter = quay.wait_as(route, 2);
    quay.pool.lost(quay.now, held.slot, CloseCause::PeerRst);
    quay.release(held.lease, Condition::Reusable);
    let slot = quay.connect_event();
    quay.open(slot);
    quay.granted(waiter);
}

#[test]
fn a_double_release_changes_nothing() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    quay.release(held.lease, Condition::Reusable);
    let again = quay.pool.release(quay.now, held.lease, Condition::Spent(CloseCause::ClientDied));
    assert_eq!(again, Err(ReleaseError::Double));
    assert_eq!(quay.counts(route).idle, 1);
    quay.quiet();
}

#[test]
fn a_late_release_does_not_touch_the_next_lease() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    quay.release(held.lease, Condition::Reusable);
    let next = grant(quay.lease(route));
    let late = quay.pool.release(quay.now, held.lease, Condition::Reusable);
    assert_eq!(late, Err(ReleaseError::Late));
    quay.release(next.lease, Condition::Spent(CloseCause::ClientDiscard));
    let gone = quay.pool.release(quay.now, next.lease, Condition::Reusable);
    assert_eq!(gone, Err(ReleaseError::Late));
}

#[test]
fn a_foreign_release_changes_nothing() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let foreign = LeaseId::from_bits(held.lease.to_bits(), ClientId(2));
    assert_eq!(quay.pool.slot_of(foreign), None);
    let refused = quay.pool.release(quay.now, foreign, Condition::Reusable);
    assert_eq!(refused, Err(ReleaseError::Foreign));
    assert_eq!(quay.counts(route).leased, 1);
    quay.release(held.lease, Condition::Reusable);
}

#[test]
fn forged_handles_are_told_and_counted() {
    let (mut quay, route) = Quay::of(1);
    quay.idle(route);
    for bits in [0, 1, u64::MAX, 7 << 32, u64::from(u32::MAX)] {
        let forged = LeaseId::from_bits(bits, ClientId(1));
        let refused = quay.pool.release(quay.now, forged, Condition::Reusable);
        assert_eq!(refused, Err(ReleaseError::Late), "{forged:?}");
    }
    assert_eq!(quay.pool.stats().releases_rejected.of(ReleaseError::Late), 5);
    assert_eq!(quay.pool.stats().releases_rejected.total(), 5);
}

#[test]
fn every_rejection_is_counted_by_its_reason() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let foreign = LeaseId::from_bits(held.lease.to_bits(), ClientId(9));
    quay.pool.release(quay.now, foreign, Condition::Reusable).expect_err("foreign");
    quay.release(held.lease, Condition::Reusable);
    quay.pool.release(quay.now, held.lease, Condition::Reusable).expect_err("double");
    quay.pool.lost(quay.now, held.slot, CloseCause::PeerFin);
    quay.pool.release(quay.now, held.lease, Condition::Reusable).expect_err("late");
    for &error in ReleaseError::ALL {
        assert_eq!(quay.pool.stats().releases_rejected.of(error), 1, "{error}");
    }
}

#[test]
fn a_release_is_legal_while_draining_and_after_shutdown() {
    for shutdown in [false, true] {
        let (mut quay, route) = Quay::of(2);
        let held = [quay.held(route), quay.held(route)];
        let cause = if shutdown { CloseCause::Shutdown } else { CloseCause::Drain };
        if shutdown {
            quay.pool.shutdown(quay.now);
        } else {
            quay.pool.drain(quay.now);
        }
        assert_eq!(quay.counts(route).draining, 2);
        for grant in held {
            assert_eq!(quay.release(grant.lease, Condition::Reusable), Released::Closed(cause));
            let (slot, why, how) = quay.close_event();
            assert_eq!((slot, why, how), (grant.slot, cause, How::Orderly));
            assert!(!quay.pool.is_empty(), "the transport is not done");
            quay.pool.closed(quay.now, slot);
        }
        assert!(quay.pool.is_empty());
    }
}

#[test]
fn what_a_dead_client_never_used_is_kept_and_what_it_used_is_reset() {
    let (mut quay, route) = Quay::of(2);
    let unused = quay.held(route);
    let used = quay.held(route);
    assert_eq!(quay.release(unused.lease, Condition::Unused), Released::Kept);
    let died = Condition::Spent(CloseCause::ClientDied);
    assert_eq!(quay.release(used.lease, died), Released::Closed(CloseCause::ClientDied));
    assert_eq!(quay.close_event(), (used.slot, CloseCause::ClientDied, How::Reset));
    let again = grant(quay.lease(route));
    assert_eq!((again.connection, again.uses), (unused.connection, 0));
}

#[test]
fn a_connection_lost_under_its_lease_is_counted_once_and_asks_for_nothing() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    quay.pool.lost(quay.now, held.slot, CloseCause::PeerRst);
    quay.pool.lost(quay.now, held.slot, CloseCause::TimedOut);
    assert_eq!(quay.counts(route).draining, 1);
    let released = quay.release(held.lease, Condition::Reusable);
    assert_eq!(released, Released::Closed(CloseCause::PeerRst));
    quay.quiet();
    let stats = quay.pool.stats();
    assert_eq!((stats.closed.of(CloseCause::PeerRst), stats.closed.total()), (1, 1));
    assert!(quay.pool.is_empty());
}

#[test]
fn an_idle_connection_is_gone_in_the_turn_in_which_its_fin_arrives() {
    let (mut quay, route) = Quay::of(1);
    let idle = quay.idle(route);
    quay.pool.lost(quay.now, idle.slot, CloseCause::PeerFin);
    quay.quiet();
    assert_eq!(quay.counts(route).total(), 0);
    waiting(quay.lease(route));
}

#[test]
fn the_serial_of_a_handed_on_lease_is_another() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let waiter = quay.wait(route);
    quay.release(held.lease, Condition::Reusable);
    let again = quay.pool.release(quay.now, held.lease, Condition::Reusable);
    assert_eq!(again, Err(ReleaseError::Late));
    assert_ne!(quay.granted(waiter).lease, held.lease);
}

#[test]
fn whatever_cause_a_release_gives_is_the_cause_of_the_close() {
    for &cause in CloseCause::ALL {
        let (mut quay, route) = Quay::of(1);
        let held = quay.held(route);
        quay.release(held.lease, Condition::Spent(cause));
        assert_eq!(quay.close_event(), (held.slot, cause, How::Reset));
        assert_eq!(quay.pool.stats().closed.of(cause), 1);
        assert_eq!(quay.pool.route_stats(route).expect("a route").closed, 1);
    }
}

#[test]
fn a_settling_connection_that_is_lost_counts_as_a_closed_release() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let until = quay.deadline(support::SEC);
    quay.release(held.lease, Condition::Settling { until });
    quay.pool.lost(quay.now, held.slot, CloseCause::PeerRst);
    quay.quiet();
    assert_eq!(quay.pool.stats().releases.of(ReleaseResult::Closed), 1);
    assert!(quay.pool.is_empty());
}

#[test]
fn a_stale_close_is_not_said_of_a_slot_that_serves_again() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    quay.release(held.lease, Condition::Spent(CloseCause::ForeignBytes));
    let waiter = quay.wait(route);
    let events = quay.events();
    let [Event::Close { slot: closed, .. }, Event::Connect { slot: opened, .. }] = events[..]
    else {
        panic!("a close, then a connect: {events:?}")
    };
    assert_ne!(closed, opened, "another generation");
    quay.pool.closed(quay.now, closed);
    quay.pool.lost(quay.now, closed, CloseCause::PeerRst);
    assert!(quay.open(opened));
    quay.granted(waiter);
}
