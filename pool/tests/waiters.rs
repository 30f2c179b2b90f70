//! Those who wait: cancelled in each state (W, P), deadlines, and what they leave behind.

mod support;

use support::{MS, Quay, REFUSED, SEC, waiting};
use wharf_pool::{
    CancelError, Cancelled, CloseCause, Condition, Event, Refusal, Released, Request, WaiterId,
};

#[test]
fn one_who_waits_leaves_at_once_from_wherever_it_stands() {
    for leaver in 0..3 {
        let (mut quay, route) = Quay::of(1);
        let mut held = quay.held(route);
        let mut waiters: Vec<_> = (0..3).map(|_| quay.wait(route)).collect();
        let gone = waiters.remove(leaver);
        assert_eq!(quay.pool.cancel(quay.now, gone), Ok(Cancelled::Waiting));
        assert_eq!(quay.pool.waiters(), 2);
        for waiter in waiters {
            quay.release(held.lease, Condition::Reusable);
            held = quay.granted(waiter);
        }
        quay.quiet();
        assert_eq!(quay.pool.stats().lease_failures.of(Refusal::Cancelled), 1);
    }
}

#[test]
fn a_waiter_cancelled_just_after_it_was_served_hands_the_connection_on() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let first = quay.wait(route);
    let second = quay.wait(route);
    quay.release(held.lease, Condition::Reusable);
    assert_eq!(quay.pool.cancel(quay.now, first), Ok(Cancelled::Delivered));
    assert_eq!(quay.granted(second).connection, held.connection);
    quay.quiet();
    let stats = quay.pool.stats();
    assert_eq!((stats.cancels_after_offer, stats.waiters_woken), (1, 3));
    assert_eq!(quay.pool.route_stats(route).expect("a route").cancels_after_offer, 1);
}

#[test]
fn the_last_waiter_cancelled_after_it_was_served_leaves_the_connection_idle() {
    let (mut quay, route) = Quay::of(1);
    let waiter = quay.wait(route);
    let slot = quay.connect_event();
    quay.open(slot);
    assert_eq!(quay.pool.cancel(quay.now, waiter), Ok(Cancelled::Delivered));
    quay.quiet();
    assert_eq!(quay.counts(route).idle, 1);
}

#[test]
fn a_waiter_cancelled_after_it_was_refused_is_not_told() {
    let (mut quay, route) = Quay::of(1);
    let waiter = quay.wait(route);
    let slot = quay.connect_event();
    quay.pool.open_failed(quay.now, slot, REFUSED);
    let cancelled = quay.pool.cancel(quay.now, waiter);
    let Ok(Cancelled::Failed(denial)) = cancelled else { panic!("{cancelled:?}") };
    assert_eq!(denial.refusal, Refusal::ConnectionRefused);
    quay.quiet();
    assert_eq!(quay.pool.stats().lease_failures.total(), 1, "it failed once");
}

#[test]
fn one_who_was_told_cannot_be_cancelled() {
    let (mut quay, route) = Quay::of(1);
    let waiter = quay.wait(route);
    let slot = quay.connect_event();
    quay.open(slot);
    let grant = quay.granted(waiter);
    assert_eq!(quay.pool.cancel(quay.now, waiter), Err(CancelError::Ended));
    assert_eq!(quay.pool.cancel(quay.now, WaiterId::from_bits(0)), Err(CancelError::Ended));
    assert_eq!(quay.release(grant.lease, Condition::Unused), Released::Kept);
}

#[test]
fn a_deadline_is_absolute_and_at_most_two_milliseconds_late() {
    let (mut quay, route) = Quay::of(1);
    quay.held(route);
    let request = Request { deadline: quay.deadline(250 * MS), ..quay.request(route) };
    let waiter = waiting(quay.ask(request));
    quay.sleep(250 * MS - MS);
    quay.quiet();
    quay.sleep(3 * MS);
    assert_eq!(quay.refused(waiter), Refusal::QueueTimeout);
    assert_eq!(quay.pool.waiters(), 0);
}

#[test]
fn a_failed_attempt_does_not_prolong_the_wait() {
    let (mut quay, route) = Quay::of(1);
    let request = Request { deadline: quay.deadline(SEC), ..quay.request(route) };
    let waiter = waiting(quay.ask(request));
    // After rests of 100, 200 and 400 ms, a fifth more or less.
    for rest in [121, 241, 481] {
        let slot = quay.connect_event();
        quay.pool.open_failed(quay.now, slot, support::SILENT);
        quay.sleep(rest * MS);
    }
    let slot = quay.connect_event();
    quay.pool.open_failed(quay.now, slot, support::SILENT);
    quay.sleep(160 * MS);
    assert_eq!(quay.refused(waiter), Refusal::ConnectionTimeout);
}

#[test]
fn one_whose_deadline_has_passed_is_not_served_before_the_timer_runs() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let request = Request { deadline: quay.deadline(SEC), ..quay.request(route) };
    let late = waiting(quay.ask(request));
    let patient = quay.wait(route);
    quay.now = quay.now + SEC;
    quay.release(held.lease, Condition::Reusable);
    assert_eq!(quay.refused(late), Refusal::QueueTimeout);
    quay.granted(patient);
}

#[test]
fn a_lease_timeout_that_meets_a_release_ends_the_waiter_once() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let request = Request { deadline: quay.deadline(SEC), ..quay.request(route) };
    let waiter = waiting(quay.ask(request));
    quay.release(held.lease, Condition::Reusable);
    quay.now = quay.now + 2 * SEC;
    quay.pool.handle_timeout(quay.now);
    quay.granted(waiter);
    quay.quiet();
}

#[test]
fn churn_of_waiters_leaves_nothing() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    for _ in 0..10_000 {
        let waiter = quay.wait_as(route, 7);
        quay.pool.cancel(quay.now, waiter).expect("it waits");
    }
    assert_eq!((quay.pool.waiters(), quay.pool.keys()), (0, 1));
    quay.quiet();
    quay.pool.lost(quay.now, held.slot, CloseCause::PeerRst);
    quay.release(held.lease, Condition::Reusable);
    assert_eq!(quay.pool.keys(), 0);
}

#[test]
fn the_oldest_waiter_shows_its_age() {
    let (mut quay, route) = Quay::of(1);
    quay.held(route);
    quay.wait(route);
    quay.sleep(300 * MS);
    quay.wait(route);
    let snapshot = quay.pool.route_snapshots(quay.now).next().expect("one route");
    assert_eq!((snapshot.waiters, snapshot.oldest_waiter, snapshot.limit), (2, 300 * MS, 1));
    assert_eq!(quay.pool.route_stats(route).expect("a route").waiters_queued, 3);
}

#[test]
fn those_who_wait_are_told_at_once_when_the_route_drains_or_the_pool_shuts_down() {
    for whole in [false, true] {
        let (mut quay, route) = Quay::of(1);
        let first = quay.wait(route);
        let slot = quay.connect_event();
        let second = quay.wait(route);
        if whole {
            quay.pool.shutdown(quay.now);
        } else {
            quay.pool.drain_route(quay.now, route);
        }
        assert_eq!(quay.refused(first), Refusal::Draining);
        assert_eq!(quay.refused(second), Refusal::Draining);
        assert_eq!(quay.event(), Some(Event::Abandon { slot }));
        assert!(quay.pool.is_empty());
        assert_eq!(support::refusal(quay.lease(route)), Refusal::Draining);
    }
}

#[test]
fn a_hundred_thousand_waiters_are_served_one_by_one() {
    let mut quay = Quay::with(wharf_pool::PoolConfig {
        max_waiters_total: 100_000,
        ..wharf_pool::PoolConfig::default()
    });
    let route = quay.pool.add_route(wharf_pool::RouteConfig {
        max_connections: 1,
        max_waiters: 100_000,
        max_waiters_per_client: 100_000,
        max_lifetime: support::Duration::ZERO,
        ..wharf_pool::RouteConfig::default()
    });
    let mut held = quay.held(route);
    let before = quay.pool.stats().waiters_woken;
    let waiters: Vec<_> = (0..100_000).map(|_| quay.wait(route)).collect();
    for waiter in waiters {
        quay.release(held.lease, Condition::Reusable);
        held = quay.granted(waiter);
    }
    assert_eq!(quay.pool.stats().waiters_woken - before, 100_000);
}
