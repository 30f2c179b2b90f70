//! Addresses that a route has no more (POOL.md, section 2, rule D).

mod support;

use support::{MS, Quay, SEC};
use wharf_pool::{
    AddressId, CloseCause, Condition, Grant, How, Outcome, Released, Request, RouteConfig, RouteId,
};

/// As many as one turn closes.
const BATCH: u64 = 256;

/// A pool with a route that has room.
fn spacious() -> (Quay, RouteId) {
    Quay::of(4096)
}

fn remove(quay: &mut Quay, route: RouteId, address: u64) {
    quay.pool.remove_address(quay.now, route, AddressId(address));
}

/// As many idle connections to `address`, no two of them the same.
fn many(quay: &mut Quay, route: RouteId, address: u64, count: usize) {
    let held: Vec<Grant<u32>> = (0..count).map(|_| quay.held_at(route, address)).collect();
    for grant in held {
        assert_eq!(quay.release(grant.lease, Condition::Reusable), Released::Kept);
    }
    quay.quiet();
}

fn closed(quay: &Quay) -> u64 {
    quay.pool.stats().closed.of(CloseCause::DnsRemoved)
}

/// The next event closes `grant`, because its address is gone.
fn assert_closes(quay: &mut Quay, grant: &Grant<u32>) {
    assert_eq!(quay.close_event(), (grant.slot, CloseCause::DnsRemoved, How::Orderly));
    quay.pool.closed(quay.now, grant.slot);
    quay.quiet();
}

#[test]
fn idle_connections_to_a_removed_address_close_and_others_stay() {
    let (mut quay, route) = spacious();
    let other = quay.route(4);
    let gone = quay.idle_at(route, 7);
    let (stays, elsewhere) = (quay.idle_at(route, 8), quay.idle_at(other, 7));
    remove(&mut quay, route, 7);
    assert_closes(&mut quay, &gone);
    for (route, idle) in [(route, stays), (other, elsewhere)] {
        assert_eq!(support::grant(quay.lease(route)).slot, idle.slot);
    }
}

#[test]
fn a_leased_connection_to_a_removed_address_closes_at_release() {
    let (mut quay, route) = spacious();
    let held = quay.held_at(route, 7);
    remove(&mut quay, route, 7);
    quay.quiet();
    let released = quay.release(held.lease, Condition::Reusable);
    assert_eq!(released, Released::Closed(CloseCause::DnsRemoved));
    assert_closes(&mut quay, &held);
}

#[test]
fn a_waiter_gets_another_connection_than_that_to_a_removed_address() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held_at(route, 7);
    let waiter = quay.wait(route);
    remove(&mut quay, route, 7);
    let released = quay.release(held.lease, Condition::Reusable);
    assert_eq!(released, Released::Closed(CloseCause::DnsRemoved));
    assert_eq!(quay.close_event().1, CloseCause::DnsRemoved);
    let slot = quay.connect_event();
    assert!(quay.pool.opened_at(quay.now, slot, 9, AddressId(8)));
    assert_eq!(quay.granted(waiter).connection, 9);
}

#[test]
fn a_settling_connection_to_a_removed_address_closes_when_it_is_settled() {
    let (mut quay, route) = spacious();
    let held = quay.held_at(route, 7);
    let until = quay.deadline(SEC);
    assert_eq!(quay.release(held.lease, Condition::Settling { until }), Released::Settling);
    remove(&mut quay, route, 7);
    quay.quiet();
    quay.pool.settled(quay.now, held.slot);
    assert_closes(&mut quay, &held);
}

#[test]
fn a_suspect_connection_to_a_removed_address_closes_when_it_answers() {
    let (mut quay, route) = spacious();
    let idle = quay.idle_at(route, 7);
    quay.suspend(2 * SEC);
    quay.pool.handle_timeout(quay.now);
    assert_eq!(quay.events().len(), 1, "a probe");
    remove(&mut quay, route, 7);
    quay.quiet();
    quay.pool.probed(quay.now, idle.slot);
    assert_closes(&mut quay, &idle);
}

#[test]
fn what_opens_to_a_removed_address_meanwhile_is_not_used() {
    let (mut quay, route) = spacious();
    let held = quay.held_at(route, 7);
    remove(&mut quay, route, 7);
    let waiter = quay.wait(route);
    let slot = quay.connect_event();
    assert!(quay.pool.opened_at(quay.now, slot, 9, AddressId(7)));
    assert_eq!(quay.close_event(), (slot, CloseCause::DnsRemoved, How::Orderly));
    let again = quay.connect_event();
    assert!(quay.pool.opened_at(quay.now, again, 10, AddressId(8)));
    assert_eq!(quay.granted(waiter).connection, 10);
    quay.release(held.lease, Condition::Reusable);
}

#[test]
fn an_address_that_comes_back_in_time_is_good_again() {
    let (mut quay, route) = spacious();
    let held = quay.held_at(route, 7);
    remove(&mut quay, route, 7);
    quay.pool.restore_address(route, AddressId(7));
    assert_eq!(quay.release(held.lease, Condition::Reusable), Released::Kept);
    quay.sleep(SEC);
    assert_eq!(support::grant(quay.lease(route)).slot, held.slot);
}

#[test]
fn an_address_that_comes_back_after_its_last_connection_is_as_new() {
    let (mut quay, route) = spacious();
    let gone = quay.idle_at(route, 7);
    remove(&mut quay, route, 7);
    assert_closes(&mut quay, &gone);
    let idle = quay.idle_at(route, 7);
    quay.sleep(SEC);
    assert_eq!(support::grant(quay.lease(route)).slot, idle.slot);
}

#[test]
fn many_connections_to_a_removed_address_close_over_some_turns() {
    let (mut quay, route) = spacious();
    many(&mut quay, route, 7, 1000);
    many(&mut quay, route, 8, 10);
    remove(&mut quay, route, 7);
    assert_eq!(closed(&quay), BATCH, "one batch at once");
    for turn in 2..=4 {
        assert_eq!(quay.pool.poll_timeout(), Some(quay.now.monotonic), "more is to be done");
        quay.pool.handle_timeout(quay.now);
        assert_eq!(closed(&quay), (turn * BATCH).min(1000));
    }
    quay.pool.handle_timeout(quay.now);
    assert!(quay.pool.poll_timeout().is_some_and(|due| due > quay.now.monotonic + MS));
    assert_eq!(quay.counts(route).idle, 10);
}

#[test]
fn a_second_address_is_removed_while_the_first_is_swept() {
    let (mut quay, route) = spacious();
    many(&mut quay, route, 8, 400);
    many(&mut quay, route, 7, 400);
    // The sweep has passed the first of these when it hears of them.
    remove(&mut quay, route, 7);
    remove(&mut quay, route, 8);
    quay.sleep(MS);
    assert_eq!((closed(&quay), quay.counts(route).idle), (800, 0));
}

#[test]
fn no_lease_gets_what_is_to_be_swept() {
    let (mut quay, route) = spacious();
    many(&mut quay, route, 7, 300);
    many(&mut quay, route, 8, 1);
    many(&mut quay, route, 7, 10);
    remove(&mut quay, route, 7);
    // Of the last ones, which the sweep has not come to.
    let Outcome::Granted(grant) = quay.lease(route) else { panic!("one is good") };
    quay.release(grant.lease, Condition::Reusable);
    quay.sleep(MS);
    assert_eq!((closed(&quay), quay.counts(route).idle), (310, 1));
}

#[test]
fn a_route_keeps_its_connections_ready_elsewhere() {
    let mut quay = Quay::new();
    let config = RouteConfig { max_connections: 4, min_idle: 1, ..RouteConfig::default() };
    let route = quay.pool.add_route(config);
    quay.sleep(SEC);
    let slot = quay.connect_event();
    assert!(quay.pool.opened_at(quay.now, slot, 1, AddressId(7)));
    remove(&mut quay, route, 7);
    assert_eq!(quay.close_event().1, CloseCause::DnsRemoved);
    quay.sleep(SEC);
    let slot = quay.connect_event();
    assert!(quay.pool.opened_at(quay.now, slot, 2, AddressId(8)));
    quay.quiet();
    assert_eq!(quay.counts(route).idle, 1);
}

#[test]
fn an_address_of_which_nothing_is_known_is_removed_without_effect() {
    let (mut quay, route) = spacious();
    let idle = quay.idle(route);
    remove(&mut quay, route, 7);
    quay.pool.remove_address(quay.now, RouteId::from_bits(99), AddressId(7));
    quay.pool.restore_address(RouteId::from_bits(99), AddressId(7));
    quay.quiet();
    let request = Request { no_wait: true, ..quay.request(route) };
    assert_eq!(support::grant(quay.ask(request)).slot, idle.slot, "it has no address");
}
