//! `min_idle`: connections that are there before anybody asks.

mod support;

use support::{MS, Quay, REFUSED, SEC};
use wharf_pool::{Condition, Event, How, OpenCause, PoolConfig, RouteConfig, RouteId, SlotId};

fn warm(quay: &mut Quay, min_idle: usize) -> RouteId {
    quay.pool.add_route(RouteConfig { min_idle, max_connections: 4, ..RouteConfig::default() })
}

/// The attempts that begin within a second and a bit.
fn attempts(quay: &mut Quay) -> Vec<SlotId> {
    quay.sleep(1_001 * MS);
    let slot = |event| {
        let Event::Connect { slot, .. } = event else { panic!("expected an attempt: {event:?}") };
        slot
    };
    quay.events().into_iter().map(slot).collect()
}

#[test]
fn a_route_keeps_so_many_ready() {
    let mut quay = Quay::new();
    let route = warm(&mut quay, 2);
    let slots = attempts(&mut quay);
    assert_eq!(slots.len(), 2);
    for slot in slots {
        assert!(quay.open(slot));
    }
    assert_eq!(quay.counts(route).idle, 2);
    assert_eq!(quay.pool.stats().opened.of(OpenCause::Prewarm), 2);
    quay.sleep(10 * SEC);
    quay.quiet();
    // One is leased: another takes its place, beside it.
    let held = support::grant(quay.lease(route));
    let slots = attempts(&mut quay);
    assert_eq!(slots.len(), 1);
    quay.open(slots[0]);
    quay.release(held.lease, Condition::Reusable);
    assert_eq!(quay.counts(route).idle, 3, "what is more than enough is kept as long as any");
}

#[test]
fn what_has_ended_is_replaced_and_what_is_leased_is_not() {
    let mut quay = Quay::new();
    let route = warm(&mut quay, 2);
    let slots = attempts(&mut quay);
    slots.iter().for_each(|&slot| assert!(quay.open(slot)));
    let opened = |quay: &Quay, cause| quay.pool.stats().opened.of(cause);
    assert_eq!((opened(&quay, OpenCause::Prewarm), opened(&quay, OpenCause::Replace)), (2, 0));
    quay.fin(slots[0]);
    let again = attempts(&mut quay);
    again.iter().for_each(|&slot| assert!(quay.open(slot)));
    assert_eq!((opened(&quay, OpenCause::Prewarm), opened(&quay, OpenCause::Replace)), (2, 1));
    support::grant(quay.lease(route));
    let beside = attempts(&mut quay);
    beside.iter().for_each(|&slot| assert!(quay.open(slot)));
    assert_eq!((opened(&quay, OpenCause::Prewarm), opened(&quay, OpenCause::Replace)), (3, 1));
}

#[test]
fn what_is_lost_comes_again_by_lot_within_a_second() {
    let mut delays: Vec<u128> = (0..20)
        .map(|seed| {
            let mut quay = Quay::new();
            quay.pool = wharf_pool::Pool::new(PoolConfig::default(), seed);
            quay.pool.handle_timeout(quay.now);
            let _route = warm(&mut quay, 1);
            let due = quay.pool.poll_timeout().expect("it will connect");
            due.since(quay.now.monotonic).as_millis()
        })
        .collect();
    delays.sort_unstable();
    assert!(delays[0] < 200 && delays[19] > 800 && delays[19] <= 1_000, "{delays:?}");
}

#[test]
fn who_waits_comes_first_and_has_what_was_meant_to_be_ready() {
    let mut quay = Quay::new();
    let route = warm(&mut quay, 1);
    let slots = attempts(&mut quay);
    let waiter = quay.wait(route);
    quay.quiet();
    quay.open(slots[0]);
    quay.granted(waiter);
    assert_eq!(attempts(&mut quay).len(), 1, "now one is missing");
}

#[test]
fn a_full_pool_is_asked_again_and_evicts_nobody() {
    let mut quay = Quay::with(PoolConfig { max_total: 1, ..PoolConfig::default() });
    let other = quay.route(1);
    let idle = quay.idle(other);
    let _route = warm(&mut quay, 1);
    quay.sleep(3 * SEC);
    quay.quiet();
    let held = support::grant(quay.lease(other));
    assert_eq!(held.slot, idle.slot);
    quay.release(held.lease, Condition::Spent(wharf_pool::CloseCause::ClientDiscard));
    quay.close_event();
    assert_eq!(attempts(&mut quay).len(), 1);
}

#[test]
fn what_is_kept_ready_is_not_evicted_for_others() {
    let mut quay = Quay::with(PoolConfig { max_total: 2, ..PoolConfig::default() });
    let route = warm(&mut quay, 1);
    let slots = attempts(&mut quay);
    quay.open(slots[0]);
    let other = quay.route(2);
    let idle = quay.idle(other);
    // The last one idle goes, though it was used last.
    let third = quay.route(2);
    let waiter = quay.wait(third);
    assert_eq!(quay.close_event(), (idle.slot, wharf_pool::CloseCause::Evicted, How::Reset));
    let slot = quay.connect_event();
    quay.open(slot);
    quay.granted(waiter);
    quay.wait(other);
    quay.quiet();
    assert_eq!(quay.counts(route).idle, 1);
}

#[test]
fn a_route_that_rests_is_not_warmed() {
    let mut quay = Quay::new();
    let route = warm(&mut quay, 1);
    let mut tried = 0;
    for _ in 0..20 {
        for slot in attempts(&mut quay) {
            quay.pool.open_failed(quay.now, slot, REFUSED);
            tried += 1;
        }
    }
    assert!((4..=9).contains(&tried), "{tried} attempts in 20 s of rests that double");
    quay.pool.drain_route(quay.now, route);
    assert!(attempts(&mut quay).is_empty());
}
