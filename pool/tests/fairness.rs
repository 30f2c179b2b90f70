//! Rule F: round robin over clients, and whose room a connection takes when a limit is met.

mod support;

use support::{MS, Quay, SEC};
use wharf_pool::{
    ClientId, CloseCause, Condition, How, KeyId, PoolConfig, Released, Request, RouteId,
};

#[test]
fn clients_take_turns_and_each_ones_waiters_keep_their_order() {
    let (mut quay, route) = Quay::of(1);
    let mut held = quay.held(route);
    let ones: Vec<_> = (0..4).map(|_| quay.wait_from(route, 1)).collect();
    let twos: Vec<_> = (0..2).map(|_| quay.wait_from(route, 2)).collect();
    let three = quay.wait_from(route, 3);
    for waiter in [ones[0], twos[0], three, ones[1], twos[1], ones[2], ones[3]] {
        assert_eq!(quay.release(held.lease, Condition::Reusable), Released::HandedOn);
        held = quay.granted(waiter);
    }
    quay.quiet();
}

#[test]
fn who_comes_back_stands_behind_all_who_wait() {
    let (mut quay, route) = Quay::of(1);
    let mut held = quay.held(route);
    let mut waiters = [quay.wait_from(route, 1), quay.wait_from(route, 2)];
    for turn in 0..6 {
        quay.release(held.lease, Condition::Reusable);
        let (next, client) = (turn % 2, if turn % 2 == 0 { 1 } else { 2 });
        held = quay.granted(waiters[next]);
        waiters[next] = quay.wait_from(route, client);
    }
}

#[test]
fn a_client_with_two_keys_has_one_turn_on_the_route() {
    let (mut quay, route) = Quay::of(4);
    let mut wait = |client, key| {
        let request = Request { client: ClientId(client), key: KeyId(key), ..quay.request(route) };
        support::waiting(quay.ask(request))
    };
    // Connections that are new serve the route's turns, whatever the key.
    let waiters = [wait(1, 1), wait(1, 2), wait(2, 3), wait(1, 1)];
    let slots = [0; 4].map(|_| quay.connect_event());
    for (slot, waiter) in slots.into_iter().zip([0, 2, 1, 3]) {
        quay.open(slot);
        quay.granted(waiters[waiter]);
    }
}

#[test]
fn one_who_leaves_or_is_late_takes_no_turn() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let gone = quay.wait_from(route, 1);
    let late =
        Request { client: ClientId(2), deadline: quay.now.monotonic + MS, ..quay.request(route) };
    let late = support::waiting(quay.ask(late));
    let last = quay.wait_from(route, 3);
    quay.pool.cancel(quay.now, gone).expect("it waits");
    quay.now = quay.now + 2 * MS;
    quay.release(held.lease, Condition::Reusable);
    quay.refused(late);
    quay.granted(last);
    quay.quiet();
}

/// How long handshakes take in these tests; the reuse credit is two of them.
const HANDSHAKE: support::Duration = support::Duration::from_millis(10);

/// A connection held by key 1, whose handshake took its time.
fn held_slowly(quay: &mut Quay, route: RouteId) -> wharf_pool::Grant<u32> {
    let waiter = quay.wait(route);
    let slot = quay.connect_event();
    quay.now = quay.now + HANDSHAKE;
    quay.open(slot);
    quay.granted(waiter)
}

#[test]
fn a_busy_key_gives_room_to_an_older_waiter_of_another() {
    for (ahead, gives) in [(20, false), (21, true)] {
        let (mut quay, route) = Quay::of(1);
        let held = held_slowly(&mut quay, route);
        let other = quay.wait_as(route, 2);
        quay.now = quay.now + ahead * MS;
        let own = quay.wait(route);
        let released = quay.release(held.lease, Condition::Reusable);
        if gives {
            assert_eq!(released, Released::Closed(CloseCause::Evicted));
            assert_eq!(quay.close_event(), (held.slot, CloseCause::Evicted, How::Reset));
            let slot = quay.connect_event();
            quay.open(slot);
            quay.granted(other);
        } else {
            assert_eq!(released, Released::HandedOn);
            quay.granted(own);
        }
    }
}

/// Two routes that share a pool of `max_total`, the first with all of it.
fn crowded(max_total: usize) -> (Quay, [RouteId; 2], Vec<wharf_pool::Grant<u32>>) {
    let mut quay = Quay::with(PoolConfig { max_total, ..PoolConfig::default() });
    let routes = [quay.route(max_total), quay.route(max_total)];
    // The second knows how long its handshakes take.
    let probe = held_slowly(&mut quay, routes[1]);
    quay.release(probe.lease, Condition::Spent(CloseCause::ClientDiscard));
    quay.close_event();
    let held = (0..max_total).map(|_| held_slowly(&mut quay, routes[0])).collect();
    (quay, routes, held)
}

#[test]
fn a_route_gives_room_to_an_older_waiter_of_another() {
    for (ahead, gives) in [(20, false), (21, true)] {
        let (mut quay, routes, held) = crowded(1);
        let other = quay.wait(routes[1]);
        quay.now = quay.now + ahead * MS;
        let own = quay.wait(routes[0]);
        quay.release(held[0].lease, Condition::Reusable);
        if gives {
            assert_eq!(quay.close_event(), (held[0].slot, CloseCause::Evicted, How::Reset));
            let slot = quay.connect_event();
            quay.open(slot);
            quay.granted(other);
            assert_eq!(quay.pool.stats().evictions, 1);
        } else {
            quay.granted(own);
        }
        quay.quiet();
    }
}

#[test]
fn a_route_below_its_share_is_heard_before_older_waiters_of_one_above() {
    let (mut quay, routes, held) = crowded(4);
    let own: Vec<_> = (0..4).map(|_| quay.wait(routes[0])).collect();
    quay.now = quay.now + SEC;
    let other: Vec<_> = (0..4).map(|_| quay.wait(routes[1])).collect();
    // Two connections are a route's share: that many change hands, and no more.
    for (index, grant) in held.iter().enumerate() {
        quay.release(grant.lease, Condition::Reusable);
        if index < 2 {
            assert_eq!(quay.close_event(), (grant.slot, CloseCause::Evicted, How::Reset));
            let slot = quay.connect_event();
            quay.open(slot);
            quay.granted(other[index]);
        } else {
            quay.granted(own[index - 2]);
        }
    }
    quay.quiet();
}

#[test]
fn a_route_that_holds_its_share_at_most_gives_none_of_it() {
    let (mut quay, routes, held) = crowded(2);
    let first = quay.wait(routes[1]);
    quay.release(held[0].lease, Condition::Reusable);
    quay.close_event();
    let slot = quay.connect_event();
    quay.open(slot);
    quay.granted(first);
    quay.wait(routes[1]);
    quay.now = quay.now + SEC;
    let own = quay.wait(routes[0]);
    quay.release(held[1].lease, Condition::Reusable);
    quay.granted(own);
}
