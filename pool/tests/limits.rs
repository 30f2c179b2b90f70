//! Limits: strict caps, queues exact to one, what is evicted (F), what happens when they change
//! (L).

mod support;

use support::{Quay, SEC, grant, refusal, waiting};
use wharf_pool::{
    ClientId, CloseCause, Condition, Event, How, PoolConfig, Refusal, Released, Request,
    RouteConfig, Source,
};

fn attempts(events: &[Event<u32>]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Connect { .. })).count()
}

#[test]
fn a_route_never_holds_more_than_its_cap() {
    let (mut quay, route) = Quay::of(3);
    for _ in 0..10 {
        quay.wait(route);
    }
    assert_eq!(attempts(&quay.events()), 3);
    assert_eq!(quay.counts(route).total(), 3);
}

#[test]
fn the_pool_never_holds_more_than_its_cap() {
    let mut quay = Quay::with(PoolConfig { max_total: 3, ..PoolConfig::default() });
    let routes = [quay.route(2), quay.route(2), quay.route(2)];
    for route in routes {
        quay.wait(route);
        quay.wait(route);
    }
    assert_eq!(attempts(&quay.events()), 3);
    assert_eq!(quay.pool.connections().connecting, 3);
}

#[test]
fn connects_under_way_are_bounded_by_route_and_in_all() {
    let config = PoolConfig { max_connecting_total: 3, ..PoolConfig::default() };
    let mut quay = Quay::with(config);
    let narrow = RouteConfig { max_connecting: 2, ..RouteConfig::default() };
    let routes = [quay.pool.add_route(narrow.clone()), quay.pool.add_route(narrow)];
    for route in routes {
        for client in 1..=3 {
            quay.wait_from(route, client);
        }
    }
    let events = quay.events();
    assert_eq!(attempts(&events), 3);
    assert_eq!((quay.counts(routes[0]).connecting, quay.counts(routes[1]).connecting), (2, 1));
    // Each that ends lets the next begin, that of the oldest waiter first.
    let Event::Connect { slot, .. } = events[0] else { panic!("a connect") };
    quay.open(slot);
    assert_eq!(attempts(&quay.events()), 1);
    assert_eq!((quay.counts(routes[0]).connecting, quay.counts(routes[1]).connecting), (2, 1));
}

#[test]
fn queues_are_exact_to_one() {
    let cases =
        [(2, 9, 9, Refusal::QueueFull), (9, 2, 9, Refusal::QueueFull), (9, 9, 2, Refusal::Quota)];
    for (max_waiters, max_waiters_total, max_waiters_per_client, expected) in cases {
        let mut quay = Quay::with(PoolConfig { max_waiters_total, ..PoolConfig::default() });
        let route = quay.pool.add_route(RouteConfig {
            max_connections: 1,
            max_waiters,
            max_waiters_per_client,
            ..RouteConfig::default()
        });
        let held = quay.held(route);
        let first = quay.wait(route);
        quay.wait(route);
        assert_eq!(refusal(quay.lease(route)), expected);
        // One that leaves makes room for one.
        quay.release(held.lease, Condition::Reusable);
        quay.granted(first);
        quay.wait(route);
        assert_eq!(refusal(quay.lease(route)), expected);
        assert_eq!(quay.pool.stats().lease_failures.of(expected), 2);
    }
}

#[test]
fn idle_and_new_are_tried_before_the_queue_is_measured() {
    let mut quay = Quay::new();
    let route = quay.pool.add_route(RouteConfig {
        max_connections: 2,
        max_waiters: 0,
        max_waiters_per_client: 0,
        ..RouteConfig::default()
    });
    let waiters = [quay.wait(route), quay.wait(route)];
    let slots = [quay.connect_event(), quay.connect_event()];
    assert_eq!(refusal(quay.lease(route)), Refusal::QueueFull);
    quay.open(slots[0]);
    let held = quay.granted(waiters[0]);
    quay.pool.cancel(quay.now, waiters[1]).expect("it waits");
    // The attempt that is left over serves one more, and an idle connection serves the next.
    quay.wait(route);
    assert_eq!(refusal(quay.lease(route)), Refusal::QueueFull);
    quay.release(held.lease, Condition::Reusable);
    quay.open(slots[1]);
    grant(quay.lease(route));
}

#[test]
fn the_quota_of_one_client_leaves_others_alone() {
    let mut quay = Quay::new();
    let config =
        RouteConfig { max_connections: 1, max_waiters_per_client: 1, ..RouteConfig::default() };
    let routes = [quay.pool.add_route(config.clone()), quay.pool.add_route(config)];
    let held = [quay.held(routes[0]), quay.held(routes[1])];
    let waiter = quay.wait(routes[0]);
    assert_eq!(refusal(quay.lease(routes[1])), Refusal::Quota, "counted over all routes");
    let other = Request { client: ClientId(2), ..quay.request(routes[1]) };
    waiting(quay.ask(other));
    quay.release(held[0].lease, Condition::Reusable);
    quay.granted(waiter);
    quay.wait(routes[1]);
}

#[test]
fn a_cap_of_zero_refuses_nobody_a_place_but_opens_nothing() {
    let (mut quay, route) = Quay::of(0);
    let waiter = quay.wait(route);
    quay.sleep(5 * SEC + 3 * support::MS);
    assert_eq!(quay.refused(waiter), Refusal::QueueTimeout);
    quay.quiet();
}

#[test]
fn an_idle_connection_of_another_key_makes_room_at_the_routes_own_cap() {
    let (mut quay, route) = Quay::of(2);
    let older = quay.idle_as(route, 1);
    let newer = quay.idle_as(route, 2);
    let waiter = quay.wait_as(route, 3);
    assert_eq!(quay.close_event(), (older.slot, CloseCause::Evicted, How::Reset));
    let slot = quay.connect_event();
    quay.open(slot);
    quay.granted(waiter);
    assert_eq!(quay.pool.stats().evictions, 1);
    assert_eq!(grant(quay.lease_as(route, 2)).connection, newer.connection);
}

#[test]
fn a_released_connection_that_the_waiter_may_not_use_makes_room() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held_as(route, 1);
    let waiter = quay.wait_as(route, 2);
    quay.quiet();
    let evicted = Released::Closed(CloseCause::Evicted);
    assert_eq!(quay.release(held.lease, Condition::Reusable), evicted);
    assert_eq!(quay.close_event(), (held.slot, CloseCause::Evicted, How::Reset));
    let slot = quay.connect_event();
    quay.open(slot);
    quay.granted(waiter);
    assert_eq!(quay.pool.route_stats(route).expect("a route").evictions, 1);
}

#[test]
fn nothing_is_evicted_while_an_attempt_under_way_serves_the_waiter() {
    let (mut quay, route) = Quay::of(2);
    let held = quay.held_as(route, 1);
    quay.wait_as(route, 2);
    quay.connect_event();
    assert_eq!(quay.release(held.lease, Condition::Reusable), Released::Kept);
    quay.quiet();
}

#[test]
fn the_least_recently_used_idle_connection_of_another_route_makes_room() {
    let mut quay = Quay::with(PoolConfig { max_total: 3, ..PoolConfig::default() });
    let [a, b, c] = [quay.route(3), quay.route(3), quay.route(3)];
    let first = quay.idle(a);
    let second = quay.idle(b);
    quay.held(c);
    let again = grant(quay.lease(a));
    assert_eq!(again.connection, first.connection);
    quay.release(again.lease, Condition::Reusable);
    let waiter = quay.wait(c);
    assert_eq!(quay.close_event(), (second.slot, CloseCause::Evicted, How::Reset));
    let slot = quay.connect_event();
    quay.open(slot);
    quay.granted(waiter);
}

#[test]
fn a_connection_that_falls_idle_makes_room_for_a_route_stopped_by_the_total() {
    let mut quay = Quay::with(PoolConfig { max_total: 1, ..PoolConfig::default() });
    let [a, b] = [quay.route(1), quay.route(1)];
    let held = quay.held(a);
    let waiter = quay.wait(b);
    quay.quiet();
    let evicted = Released::Closed(CloseCause::Evicted);
    assert_eq!(quay.release(held.lease, Condition::Reusable), evicted);
    quay.close_event();
    let slot = quay.connect_event();
    quay.open(slot);
    quay.granted(waiter);
}

#[test]
fn room_in_the_pool_goes_to_the_route_with_the_oldest_waiter() {
    let mut quay = Quay::with(PoolConfig { max_total: 1, ..PoolConfig::default() });
    let [a, b, c] = [quay.route(1), quay.route(1), quay.route(1)];
    let held = quay.held(a);
    let gone = quay.wait_from(b, 1);
    let oldest = quay.wait_from(c, 2);
    let younger = quay.wait_from(b, 3);
    // The route whose place was older has lost the waiter that gave it.
    quay.pool.cancel(quay.now, gone).expect("it waits");
    quay.release(held.lease, Condition::Spent(CloseCause::ClientDiscard));
    quay.close_event();
    let slot = quay.connect_event();
    quay.open(slot);
    let grant = quay.granted(oldest);
    quay.release(grant.lease, Condition::Spent(CloseCause::ClientDiscard));
    quay.close_event();
    let slot = quay.connect_event();
    quay.open(slot);
    quay.granted(younger);
}

#[test]
fn closing_connections_are_reset_beyond_a_tenth() {
    let mut quay = Quay::with(PoolConfig { max_total: 20, ..PoolConfig::default() });
    let route = quay.route(20);
    let held: Vec<_> = (0..4).map(|_| quay.held(route)).collect();
    quay.pool.drain_route(quay.now, route);
    let mut how = Vec::new();
    for grant in held {
        quay.release(grant.lease, Condition::Reusable);
        how.push(quay.close_event().2);
    }
    assert_eq!(how, [How::Orderly, How::Orderly, How::Reset, How::Reset]);
    assert_eq!((quay.pool.closing(), quay.pool.connections().total()), (2, 0));
}

#[test]
fn closing_connections_do_not_count_against_the_cap() {
    let mut quay = Quay::new();
    let route =
        quay.pool.add_route(RouteConfig { max_connections: 1, max_uses: 1, ..Default::default() });
    let held = quay.held(route);
    let used_up = Released::Closed(CloseCause::MaxUses);
    assert_eq!(quay.release(held.lease, Condition::Reusable), used_up);
    assert_eq!(quay.close_event(), (held.slot, CloseCause::MaxUses, How::Orderly));
    quay.held(route);
    assert_eq!((quay.pool.closing(), quay.counts(route).total()), (1, 1));
    quay.pool.closed(quay.now, held.slot);
    assert_eq!(quay.pool.closing(), 0);
}

#[test]
fn a_lowered_cap_drains_the_least_recently_used_and_kills_no_lease() {
    let (mut quay, route) = Quay::of(4);
    let grants: Vec<_> = (0..4).map(|_| quay.held(route)).collect();
    for place in [1, 0] {
        quay.release(grants[place].lease, Condition::Reusable);
    }
    let lower = |max_connections| RouteConfig { max_connections, ..RouteConfig::default() };
    quay.pool.configure_route(quay.now, route, lower(3));
    let drained = (grants[1].slot, CloseCause::LimitLowered, How::Orderly);
    assert_eq!(quay.close_event(), drained);
    quay.quiet();
    quay.pool.configure_route(quay.now, route, lower(1));
    assert_eq!(quay.close_event().0, grants[0].slot);
    quay.quiet();
    assert_eq!(quay.counts(route).leased, 2);
    let lowered = Released::Closed(CloseCause::LimitLowered);
    assert_eq!(quay.release(grants[2].lease, Condition::Reusable), lowered);
    quay.close_event();
    assert_eq!(quay.release(grants[3].lease, Condition::Reusable), Released::Kept);
}

#[test]
fn a_lowered_total_drains_over_all_routes() {
    let mut quay = Quay::new();
    let [a, b] = [quay.route(4), quay.route(4)];
    let first = quay.idle(a);
    let third = quay.held(b);
    let second = quay.idle(b);
    quay.pool.configure(quay.now, PoolConfig { max_total: 1, ..PoolConfig::default() });
    assert_eq!(quay.close_event().0, first.slot);
    assert_eq!(quay.close_event().0, second.slot);
    assert_eq!(quay.release(third.lease, Condition::Reusable), Released::Kept);
    assert_eq!(quay.pool.limits().max_total, 1);
}

#[test]
fn an_attempt_that_succeeds_beyond_a_lowered_cap_is_closed() {
    let (mut quay, route) = Quay::of(2);
    let waiters = [quay.wait(route), quay.wait(route)];
    let slots = [quay.connect_event(), quay.connect_event()];
    let lower = RouteConfig { max_connections: 1, ..RouteConfig::default() };
    quay.pool.configure_route(quay.now, route, lower);
    assert!(quay.open(slots[0]));
    assert_eq!(quay.close_event(), (slots[0], CloseCause::LimitLowered, How::Orderly));
    assert!(quay.open(slots[1]));
    quay.granted(waiters[0]);
}

#[test]
fn a_raised_cap_serves_waiters_at_once() {
    let mut quay = Quay::with(PoolConfig { max_total: 1, ..PoolConfig::default() });
    let route = quay.route(1);
    quay.held(route);
    for _ in 0..3 {
        quay.wait(route);
    }
    let raise = RouteConfig { max_connections: 3, ..RouteConfig::default() };
    quay.pool.configure_route(quay.now, route, raise);
    quay.quiet();
    quay.pool.configure(quay.now, PoolConfig { max_total: 2, ..PoolConfig::default() });
    assert_eq!(attempts(&quay.events()), 1);
    quay.pool.configure(quay.now, PoolConfig::default());
    assert_eq!(attempts(&quay.events()), 1);
}

#[test]
fn limits_of_a_route_that_is_gone_change_nothing() {
    let (mut quay, route) = Quay::of(1);
    quay.pool.remove_route(quay.now, route);
    quay.pool.configure_route(quay.now, route, RouteConfig::default());
    quay.pool.drain_route(quay.now, route);
    quay.pool.remove_route(quay.now, route);
    assert!(quay.pool.route_stats(route).is_none());
    assert_eq!(quay.pool.route_snapshots(quay.now).count(), 0);
}

#[test]
fn a_removed_route_stays_until_its_last_connection_is_gone() {
    let (mut quay, route) = Quay::of(2);
    let held = quay.held(route);
    let idle = quay.idle(route);
    quay.pool.remove_route(quay.now, route);
    assert_eq!(quay.close_event(), (idle.slot, CloseCause::Drain, How::Orderly));
    quay.pool.closed(quay.now, idle.slot);
    assert!(quay.pool.route_snapshot(quay.now, route).expect("a lease is left").draining);
    quay.release(held.lease, Condition::Reusable);
    assert_eq!(quay.close_event().1, CloseCause::Drain);
    quay.pool.closed(quay.now, held.slot);
    assert!(quay.pool.route_snapshot(quay.now, route).is_none());
    assert!(quay.pool.is_empty());
}

#[test]
fn a_removed_route_leaves_its_room_to_the_others() {
    let mut quay = Quay::with(PoolConfig { max_total: 1, ..PoolConfig::default() });
    let [a, b] = [quay.route(1), quay.route(1)];
    quay.wait(a);
    let attempt = quay.connect_event();
    let waiter = quay.wait(b);
    quay.pool.remove_route(quay.now, a);
    assert!(matches!(quay.event(), Some(Event::Refused { .. })));
    assert_eq!(quay.event(), Some(Event::Abandon { slot: attempt }));
    let slot = quay.connect_event();
    quay.open(slot);
    assert_eq!(quay.granted(waiter).source, Source::New);
}

#[test]
fn a_route_added_to_a_draining_pool_grants_nothing() {
    let mut quay = Quay::new();
    quay.pool.drain(quay.now);
    let route = quay.route(1);
    assert_eq!(refusal(quay.lease(route)), Refusal::Draining);
}

#[test]
fn a_shutdown_in_the_middle_of_a_drain_takes_over_its_cause() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    quay.pool.drain(quay.now);
    quay.pool.shutdown(quay.now);
    let closed = Released::Closed(CloseCause::Shutdown);
    assert_eq!(quay.release(held.lease, Condition::Reusable), closed);
}
