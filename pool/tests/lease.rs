//! Leasing: what is idle first, no barging (B), keys, fresh leases, connects that belong to the
//! route (X), failed connects (C).

mod support;

use support::{MS, Quay, REFUSED, SEC, SILENT, grant, refusal, waiting};
use wharf_pool::{
    ClientId, Condition, ConnectError, Event, KeyId, Outcome, PoolConfig, Refusal, Request, Reuse,
    RouteConfig, RouteId, SlotId, Source,
};

#[test]
fn the_first_lease_opens_a_connection_and_the_next_finds_it_idle() {
    let (mut quay, route) = Quay::of(4);
    let waiter = quay.wait(route);
    let slot = quay.connect_event();
    quay.sleep(20 * MS);
    assert!(quay.open(slot));
    let first = quay.granted(waiter);
    assert_eq!((first.source, first.connection, first.slot), (Source::New, 1, slot));
    assert_eq!((first.waited, first.uses), (20 * MS, 0));
    quay.release(first.lease, Condition::Reusable);
    quay.sleep(3 * SEC);
    let second = grant(quay.lease(route));
    assert_eq!((second.source, second.connection, second.uses), (Source::Idle, 1, 1));
    assert_eq!(
        (second.idle, second.age, second.waited),
        (3 * SEC, 3 * SEC, support::Duration::ZERO)
    );
    quay.quiet();
}

#[test]
fn the_last_released_is_leased_first_unless_the_route_says_otherwise() {
    for (reuse, expected) in [(Reuse::Lifo, 2), (Reuse::Fifo, 1)] {
        let mut quay = Quay::new();
        let route = quay.pool.add_route(RouteConfig { reuse, ..RouteConfig::default() });
        let grants = [quay.held(route), quay.held(route)];
        for grant in grants {
            quay.release(grant.lease, Condition::Reusable);
        }
        assert_eq!(grant(quay.lease(route)).connection, expected, "{reuse:?}");
    }
}

#[test]
fn nobody_barges_in_before_one_who_waits() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let first = quay.wait(route);
    let second = quay.wait(route);
    quay.release(held.lease, Condition::Reusable);
    let third = quay.wait(route);
    let mut last = quay.granted(first);
    for waiter in [second, third] {
        quay.release(last.lease, Condition::Reusable);
        last = quay.granted(waiter);
        assert_eq!(last.source, Source::Handoff);
    }
}

#[test]
fn another_key_never_gets_a_connection_that_served_one() {
    let (mut quay, route) = Quay::of(4);
    let first = quay.idle_as(route, 1);
    let waiter = quay.wait_as(route, 2);
    let slot = quay.connect_event();
    quay.open(slot);
    assert_ne!(quay.granted(waiter).connection, first.connection);
    assert_eq!(grant(quay.lease_as(route, 1)).connection, first.connection);
}

#[test]
fn a_connection_belongs_to_its_route_until_its_first_lease() {
    let (mut quay, route) = Quay::of(4);
    let waiter = quay.wait_as(route, 1);
    let slot = quay.connect_event();
    quay.pool.cancel(quay.now, waiter).expect("it waits");
    quay.open(slot);
    assert_eq!(quay.counts(route).idle, 1);
    let grant = grant(quay.lease_as(route, 2));
    assert_eq!((grant.connection, grant.source), (1, Source::Idle));
    quay.release(grant.lease, Condition::Unused);
    waiting(quay.lease_as(route, 1));
}

#[test]
fn a_fresh_lease_gets_only_what_never_carried_a_byte() {
    let (mut quay, route) = Quay::of(4);
    quay.idle(route);
    let fresh = Request { fresh: true, ..quay.request(route) };
    let waiter = waiting(quay.ask(fresh));
    let slot = quay.connect_event();
    quay.open(slot);
    let first = quay.granted(waiter);
    assert_eq!(first.uses, 0);
    quay.release(first.lease, Condition::Unused);
    let again = grant(quay.ask(fresh));
    assert_eq!((again.connection, again.uses), (first.connection, 0));
    quay.release(again.lease, Condition::Reusable);
    waiting(quay.ask(fresh));
}

#[test]
fn an_unused_connection_serves_a_fresh_waiter_of_its_key() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    let other = waiting(quay.ask(Request { fresh: true, key: KeyId(2), ..quay.request(route) }));
    let own = waiting(quay.ask(Request { fresh: true, ..quay.request(route) }));
    quay.release(held.lease, Condition::Unused);
    let served = quay.granted(own);
    assert_eq!(served.connection, held.connection);
    // Once it carried bytes it serves no fresh waiter, and makes room for the one that is left.
    quay.release(served.lease, Condition::Reusable);
    quay.close_event();
    let slot = quay.connect_event();
    quay.open(slot);
    quay.granted(other);
}

#[test]
fn a_lease_that_may_not_wait_takes_only_what_is_there() {
    let (mut quay, route) = Quay::of(4);
    let no_wait = Request { no_wait: true, ..quay.request(route) };
    let too_late = Request { deadline: quay.now.monotonic, ..quay.request(route) };
    for request in [no_wait, too_late] {
        assert_eq!(refusal(quay.ask(request)), Refusal::QueueTimeout);
        quay.quiet();
    }
    quay.idle(route);
    for request in [no_wait, too_late] {
        let grant = grant(quay.ask(request));
        quay.release(grant.lease, Condition::Reusable);
    }
}

#[test]
fn a_route_that_does_not_exist_grants_nothing() {
    let mut quay = Quay::new();
    let route = quay.route(1);
    quay.pool.remove_route(quay.now, route);
    for route in [route, RouteId::from_bits(99), RouteId::from_bits(0)] {
        assert_eq!(refusal(quay.lease(route)), Refusal::Draining);
        assert!(quay.pool.route_snapshot(quay.now, route).is_none());
    }
}

#[test]
fn an_attempt_outlives_its_waiter_and_serves_the_oldest_one_then() {
    let (mut quay, route) = Quay::of(1);
    let first = quay.wait(route);
    let slot = quay.connect_event();
    let second = quay.wait(route);
    let third = quay.wait(route);
    quay.pool.cancel(quay.now, first).expect("it waits");
    quay.open(slot);
    let grant = quay.granted(second);
    quay.release(grant.lease, Condition::Reusable);
    quay.granted(third);
}

#[test]
fn no_more_attempts_begin_than_there_are_waiters() {
    let (mut quay, route) = Quay::of(8);
    let waiters: Vec<_> = (0..3).map(|_| quay.wait(route)).collect();
    assert_eq!(quay.events().len(), 3);
    quay.pool.cancel(quay.now, waiters[0]).expect("it waits");
    // An attempt is left over: it is for the next one.
    quay.wait(route);
    quay.quiet();
    assert_eq!(quay.counts(route).connecting, 3);
}

#[test]
fn whichever_connection_is_free_first_serves_the_waiter() {
    let (mut quay, route) = Quay::of(2);
    let held = quay.held(route);
    let waiter = quay.wait(route);
    let slot = quay.connect_event();
    quay.release(held.lease, Condition::Reusable);
    assert_eq!(quay.granted(waiter).source, Source::Handoff);
    quay.open(slot);
    quay.quiet();
    assert_eq!(quay.counts(route).idle, 1);
}

#[test]
fn a_refused_connect_fails_those_who_waited_before_it_began_with_the_cause() {
    let (mut quay, route) = Quay::of(1);
    let before = [quay.wait(route)];
    let slot = quay.connect_event();
    let after = quay.wait(route);
    quay.pool.open_failed(quay.now, slot, REFUSED);
    assert_eq!(quay.refused(before[0]), Refusal::ConnectionRefused);
    // Those who came later wait for the prober.
    quay.quiet();
    quay.sleep(121 * MS);
    let next = quay.connect_event();
    quay.open(next);
    quay.granted(after);
    assert_eq!(quay.pool.stats().connect_failures.of(ConnectError::ConnectionRefused), 1);
}

#[test]
fn a_refused_connect_fails_nobody_while_a_connection_is_live() {
    let (mut quay, route) = Quay::of(2);
    let held = quay.held(route);
    let waiter = quay.wait(route);
    let slot = quay.connect_event();
    quay.pool.open_failed(quay.now, slot, REFUSED);
    quay.quiet();
    quay.release(held.lease, Condition::Reusable);
    quay.granted(waiter);
}

#[test]
fn a_route_that_failed_rests_before_it_knocks_again() {
    let (mut quay, route) = Quay::of(2);
    let waiter = quay.wait(route);
    let slot = quay.connect_event();
    quay.pool.open_failed(quay.now, slot, SILENT);
    quay.quiet();
    quay.sleep(79 * MS);
    quay.quiet();
    quay.sleep(42 * MS);
    let slot = quay.connect_event();
    quay.open(slot);
    quay.granted(waiter);
}

#[test]
fn a_silent_peer_is_named_when_the_deadline_passes() {
    let mut quay = Quay::new();
    let route = quay.pool.add_route(RouteConfig {
        connect_timeout: SEC,
        max_connecting: 1,
        ..Default::default()
    });
    let waiter = quay.wait(route);
    let first = quay.connect_event();
    quay.sleep(SEC + 2 * MS);
    assert_eq!(quay.event(), Some(Event::Abandon { slot: first }));
    assert!(!quay.open(first), "an abandoned attempt is not taken");
    quay.pool.open_failed(quay.now, first, REFUSED);
    quay.quiet();
    quay.sleep(4 * SEC);
    let events = quay.events();
    let refused = Event::Refused { waiter, denial: ConnectError::ConnectionTimeout.into() };
    assert!(events.contains(&refused), "{events:?}");
    assert!(quay.pool.stats().connect_failures.of(ConnectError::ConnectionTimeout) >= 4);
}

#[test]
fn the_budget_of_a_connect_does_not_depend_on_its_waiter() {
    let (mut quay, route) = Quay::of(1);
    let waiter = waiting(quay.ask(Request { deadline: quay.deadline(SEC), ..quay.request(route) }));
    let slot = quay.connect_event();
    quay.sleep(SEC + 2 * MS);
    assert_eq!(quay.refused(waiter), Refusal::QueueTimeout);
    assert_eq!(quay.counts(route).connecting, 1);
    assert!(quay.open(slot));
    assert_eq!(quay.counts(route).idle, 1);
}

#[test]
fn every_connect_error_becomes_a_refusal_of_the_same_name() {
    for &error in ConnectError::ALL {
        let (mut quay, route) = Quay::of(1);
        let waiter = quay.wait(route);
        let slot = quay.connect_event();
        let failure = wharf_pool::ConnectFailure { error, hard: true };
        quay.pool.open_failed(quay.now, slot, failure);
        assert_eq!(quay.refused(waiter).token(), error.token());
        assert_eq!(quay.pool.stats().connect_failures.of(error), 1);
        assert_eq!(quay.pool.route_stats(route).expect("a route").lease_failures, 1);
    }
}

#[test]
fn handles_from_nowhere_do_nothing() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held(route);
    for bits in [0, 1 << 32, u64::MAX, 5 << 32] {
        let slot = SlotId::from_bits(bits);
        if slot == held.slot {
            continue;
        }
        assert!(!quay.open(slot));
        quay.pool.open_failed(quay.now, slot, REFUSED);
        quay.pool.lost(quay.now, slot, wharf_pool::CloseCause::PeerRst);
        quay.pool.closed(quay.now, slot);
        quay.pool.settled(quay.now, slot);
        quay.pool.probed(quay.now, slot);
    }
    // Those that fit the slot but not its state do nothing either.
    assert!(!quay.open(held.slot));
    quay.pool.open_failed(quay.now, held.slot, REFUSED);
    quay.pool.closed(quay.now, held.slot);
    quay.pool.settled(quay.now, held.slot);
    quay.pool.probed(quay.now, held.slot);
    quay.quiet();
    assert_eq!(quay.counts(route).leased, 1);
}

#[test]
fn keys_that_are_no_longer_used_cost_nothing() {
    let mut quay = Quay::with(PoolConfig { max_total: 4, ..PoolConfig::default() });
    let route = quay.route(4);
    for key in 0..100 {
        let waiter = quay.wait_as(route, key);
        let events = quay.events();
        let Some(&Event::Connect { slot, .. }) = events.last() else { panic!("{events:?}") };
        quay.open(slot);
        let grant = quay.granted(waiter);
        quay.release(grant.lease, Condition::Reusable);
    }
    assert_eq!(quay.pool.keys(), 4);
}

#[test]
fn a_hit_leaves_no_event_and_counts_its_source_and_wait() {
    let (mut quay, route) = Quay::of(1);
    let idle = quay.idle(route);
    for _ in 0..10 {
        let Outcome::Granted(grant) =
            quay.ask(Request { client: ClientId(7), ..quay.request(route) })
        else {
            panic!("it is idle")
        };
        assert_eq!(grant.lease.owner(), ClientId(7));
        assert_eq!(quay.pool.slot_of(grant.lease), Some(idle.slot));
        quay.release(grant.lease, Condition::Reusable);
        assert_eq!(quay.pool.slot_of(grant.lease), None);
    }
    quay.quiet();
    let stats = quay.pool.route_stats(route).expect("a route");
    assert_eq!((stats.leases.of(Source::Idle), stats.leases.of(Source::New)), (10, 1));
    assert_eq!((stats.lease_wait.count(), stats.lease_wait.counts()[0]), (11, 11));
}
