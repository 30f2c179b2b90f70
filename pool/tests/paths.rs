//! Paths that die, and addresses that are asked whether they are there (POOL.md, section 2, rule M).

mod support;

use support::{MS, Quay, SEC};
use wharf_pool::{
    AddressId, CloseCause, Condition, Event, How, PoolConfig, Released, RouteConfig, RouteId,
    Silence, SlotId,
};

/// What a silence has to last, where it is said at all: two of them are the time to answer.
const WINDOW: support::Duration = support::Duration::from_millis(200);

/// Questions in that time.
const QUESTIONS: usize = 6;

/// Each step of a timer may be late by a little more than a millisecond.
const LATE: support::Duration = support::Duration::from_millis(10);

fn spacious() -> (Quay, RouteId) {
    Quay::of(4096)
}

fn failures(quay: &Quay) -> (u64, u64) {
    let stats = quay.pool.stats();
    (stats.addresses_suspected, stats.addresses_failed)
}

fn dead(quay: &Quay) -> u64 {
    quay.pool.stats().closed.of(CloseCause::PathDead)
}

/// The address at 7 is failed; what was said of it is heard.
fn fail(quay: &mut Quay, slot: Option<SlotId>) -> Vec<Event<u32>> {
    quay.silent(7, slot, WINDOW);
    quay.sleep(2 * WINDOW - MS);
    assert_eq!((quay.asks().0.len(), failures(quay).1), (QUESTIONS, 0));
    quay.sleep(LATE);
    assert_eq!(failures(quay).1, 1);
    quay.events()
}

#[test]
fn the_idle_connection_used_last_asks_for_all_again_and_again_and_all_are_closed() {
    let (mut quay, route) = spacious();
    let (first, last) = (quay.held_at(route, 7), quay.held_at(route, 7));
    let elsewhere = quay.idle_at(route, 8);
    quay.release(first.lease, Condition::Reusable);
    quay.release(last.lease, Condition::Reusable);
    quay.silent(7, None, WINDOW);
    quay.sleep(2 * WINDOW - MS);
    let (asks, others) = quay.asks();
    assert_eq!((asks, others), (vec![last.slot; QUESTIONS], vec![]));
    assert!(quay.pool.is_shunned(AddressId(7)) && !quay.pool.is_shunned(AddressId(8)));
    quay.sleep(LATE);
    let events = quay.events();
    assert_eq!(events[0], Event::AddressFailed { address: AddressId(7) });
    let closed = |grant: wharf_pool::Grant<u32>| {
        let (slot, connection) = (grant.slot, grant.connection);
        Event::Close { slot, connection, cause: CloseCause::PathDead, how: How::Reset }
    };
    assert_eq!(events[1..], [closed(first), closed(last)]);
    assert_eq!(support::grant(quay.lease(route)).slot, elsewhere.slot);
    assert_eq!(failures(&quay), (1, 1));
}

#[test]
fn any_segment_ends_the_doubt() {
    let (mut quay, route) = spacious();
    let idle = quay.idle_at(route, 7);
    quay.silent(7, None, WINDOW);
    quay.sleep(2 * WINDOW - 10 * MS);
    quay.heard(7);
    assert!(!quay.pool.is_shunned(AddressId(7)));
    quay.sleep(10 * SEC);
    assert_eq!(quay.asks().1, []);
    assert_eq!(failures(&quay), (1, 0));
    assert_eq!(support::grant(quay.lease(route)).slot, idle.slot);
}

/// A timer that expires while others of the address are heard says nothing of the path.
#[test]
fn a_silence_that_is_too_short_is_no_suspicion_until_it_is_long_enough() {
    let (mut quay, route) = spacious();
    quay.idle_at(route, 7);
    let silence = |quay: &Quay| {
        let (address, heard) = (AddressId(7), quay.now.monotonic - 50 * MS);
        Silence { address, slot: None, heard, window: WINDOW }
    };
    quay.pool.on_silence(quay.now, silence(&quay));
    quay.sleep(100 * MS);
    quay.heard(7);
    quay.sleep(SEC);
    assert_eq!(failures(&quay), (0, 0), "heard before it was long enough");
    quay.pool.on_silence(quay.now, silence(&quay));
    quay.sleep(149 * MS);
    assert_eq!(failures(&quay), (0, 0));
    quay.sleep(3 * MS);
    assert_eq!(failures(&quay), (1, 0), "not heard until it was");
    assert_eq!(quay.asks().0.len(), 1);
}

#[test]
fn a_suspect_address_is_leased_from_only_once_it_has_answered() {
    let (mut quay, route) = spacious();
    let idle = quay.idle_at(route, 7);
    quay.silent(7, None, WINDOW);
    let waiter = quay.wait(route);
    assert_eq!(quay.counts(route).suspect, 1, "set aside");
    let (asks, others) = quay.asks();
    assert_eq!(asks, [idle.slot]);
    assert!(matches!(others[..], [Event::Connect { .. }]), "{others:?}");
    quay.heard(7);
    quay.sleep(5 * MS);
    let grant = quay.granted(waiter);
    assert_eq!(grant.slot, idle.slot);
}

#[test]
fn who_waits_while_an_address_fails_gets_a_new_connection() {
    let (mut quay, route) = Quay::of(2);
    let (idle, held) = (quay.held_at(route, 7), quay.held_at(route, 7));
    quay.release(idle.lease, Condition::Reusable);
    quay.silent(7, Some(held.slot), WINDOW);
    let waiter = quay.wait(route);
    quay.sleep(2 * WINDOW - MS);
    assert_eq!(quay.asks().0, vec![idle.slot; QUESTIONS], "also while it is set aside");
    quay.sleep(60 * MS);
    assert_eq!((dead(&quay), quay.counts(route).suspect), (1, 0), "set aside, and closed");
    let snapshot = quay.counts(route);
    assert_eq!((snapshot.connecting, snapshot.leased), (1, 1), "room is used at once");
    let released = quay.release(held.lease, Condition::Reusable);
    assert_eq!(released, Released::Closed(CloseCause::PathDead));
    drop(quay.events());
    let _still_waits = quay.pool.cancel(quay.now, waiter).expect("until the attempt succeeds");
}

#[test]
fn a_lease_on_a_dead_path_goes_on_and_its_connection_ends_with_it() {
    let (mut quay, route) = spacious();
    let (held, settles) = (quay.held_at(route, 7), quay.held_at(route, 7));
    quay.idle_at(route, 7);
    let until = quay.deadline(10 * SEC);
    assert_eq!(quay.release(settles.lease, Condition::Settling { until }), Released::Settling);
    fail(&mut quay, None);
    assert_eq!(quay.counts(route).leased, 1);
    quay.pool.settled(quay.now, settles.slot);
    let released = quay.release(held.lease, Condition::Reusable);
    assert_eq!(released, Released::Closed(CloseCause::PathDead));
    assert_eq!(dead(&quay), 3);
}

#[test]
fn where_none_is_idle_the_one_that_was_silent_asks() {
    let (mut quay, route) = spacious();
    let held = quay.held_at(route, 7);
    quay.silent(7, Some(held.slot), WINDOW);
    assert_eq!(quay.asks().0, [held.slot]);
    quay.sleep(2 * WINDOW + LATE);
    assert_eq!(failures(&quay), (1, 1));
}

#[test]
fn where_nobody_can_ask_the_doubt_is_dropped() {
    let (mut quay, route) = spacious();
    let held = quay.held_at(route, 7);
    quay.silent(7, None, WINDOW);
    assert_eq!(failures(&quay), (0, 0), "its timers tell of themselves");
    quay.silent(7, Some(held.slot), WINDOW);
    quay.release(held.lease, Condition::Spent(CloseCause::ClientDiscard));
    quay.sleep(SEC);
    assert_eq!(failures(&quay), (1, 0), "the one that asked is gone");
    assert!(!quay.pool.is_shunned(AddressId(7)));
    quay.silent(9, None, WINDOW);
    assert_eq!(failures(&quay), (1, 0), "nobody knows of that address");
}

#[test]
fn a_connection_that_opens_proves_a_failed_address_well_and_the_old_ones_stay_dead() {
    let (mut quay, route) = spacious();
    let held = quay.held_at(route, 7);
    quay.idle_at(route, 7);
    fail(&mut quay, None);
    quay.sleep(MS);
    let waiter = quay.wait(route);
    let slot = quay.connect_event();
    assert!(quay.pool.opened_at(quay.now, slot, 9, AddressId(7)));
    assert_eq!(quay.event(), Some(Event::AddressRecovered { address: AddressId(7) }));
    let fresh = quay.granted(waiter);
    assert!(!quay.pool.is_shunned(AddressId(7)));
    assert_eq!(quay.release(fresh.lease, Condition::Reusable), Released::Kept);
    let released = quay.release(held.lease, Condition::Reusable);
    assert_eq!(released, Released::Closed(CloseCause::PathDead));
}

#[test]
fn a_failed_address_is_knocked_at_less_and_less_until_it_answers() {
    let (mut quay, route) = spacious();
    quay.idle_at(route, 7);
    fail(&mut quay, None);
    let begun = quay.now.monotonic;
    let knock = Event::Knock { address: AddressId(7) };
    let mut knocks = Vec::new();
    while knocks.len() < 12 {
        quay.sleep(10 * MS);
        knocks.extend(quay.events().iter().map(|event| {
            assert_eq!(*event, knock);
            quay.now.monotonic
        }));
    }
    assert!(knocks[0].since(begun).as_millis() <= 120, "{knocks:?}");
    let rests: Vec<u128> = knocks.windows(2).map(|two| two[1].since(two[0]).as_millis()).collect();
    for (rest, doubled) in rests.iter().zip([200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600]) {
        assert!((doubled * 79 / 100..=doubled * 122 / 100).contains(rest), "{rests:?}");
    }
    assert!(rests[8..].iter().all(|rest| (24_000..=36_100).contains(rest)), "{rests:?}");
    quay.heard(7);
    assert_eq!(quay.events(), [Event::AddressRecovered { address: AddressId(7) }]);
    quay.sleep(100 * SEC);
    quay.quiet();
}

/// Many that are idle are closed a batch at a time, and no lease gets one of them meanwhile.
#[test]
fn ten_thousand_on_a_dead_path_stall_nobody_and_serve_nobody() {
    let mut quay = Quay::new();
    let route = quay.pool.add_route(RouteConfig {
        max_connections: 20_000,
        max_connecting: 20_000,
        ..RouteConfig::default()
    });
    let held: Vec<_> = (0..10_000).map(|_| quay.held_at(route, 7)).collect();
    for grant in held {
        quay.release(grant.lease, Condition::Reusable);
    }
    quay.quiet();
    quay.silent(7, None, WINDOW);
    let mut turns = 0;
    while failures(&quay).1 == 0 || quay.counts(route).idle > 0 {
        let due = quay.pool.poll_timeout().expect("there is more to do");
        quay.now = quay.now + due.since(quay.now.monotonic);
        let before = dead(&quay);
        quay.pool.handle_timeout(quay.now);
        assert!(dead(&quay) - before <= 512, "one turn closed {}", dead(&quay) - before);
        if before > 0 && turns == 0 {
            turns += 1;
            let waiter = quay.wait(route);
            let _withdrawn = quay.pool.cancel(quay.now, waiter);
        }
    }
    assert_eq!(dead(&quay), 10_000);
}

fn live(probe_after_idle: support::Duration) -> (Quay, RouteId) {
    let config = PoolConfig { probe_after_idle, ..PoolConfig::default() };
    let mut quay = Quay::with(config);
    let route =
        quay.pool.add_route(RouteConfig { idle_timeout: 1_000 * SEC, ..RouteConfig::default() });
    (quay, route)
}

#[test]
fn liveness_costs_one_question_an_address_and_interval() {
    let (mut quay, route) = live(30 * SEC);
    let held: Vec<_> = (0..50).map(|_| quay.held_at(route, 7)).collect();
    for grant in &held {
        quay.release(grant.lease, Condition::Reusable);
    }
    quay.sleep(29 * SEC);
    quay.quiet();
    for _ in 0..10 {
        quay.sleep(SEC + 2 * MS);
        let now = quay.now.monotonic;
        let asked = quay.events();
        let [Event::Ask { slot, unless_after, .. }] = asked[..] else { panic!("{asked:?}") };
        assert_eq!(slot, held[49].slot);
        assert!((30_000..30_010).contains(&now.since(unless_after).as_millis()));
        quay.heard(7);
        quay.sleep(29 * SEC);
        quay.quiet();
    }
    assert_eq!(failures(&quay), (0, 0));
}

#[test]
fn what_came_meanwhile_spares_the_question() {
    let (mut quay, route) = live(30 * SEC);
    quay.idle_at(route, 7);
    quay.sleep(30 * SEC + 2 * MS);
    let asked = quay.asks().0;
    assert_eq!(asked.len(), 1);
    // The owner finds that something came ten seconds ago.
    let heard = quay.now.monotonic - 10 * SEC;
    quay.pool.heard(quay.now, AddressId(7), heard);
    quay.sleep(19 * SEC);
    quay.quiet();
    quay.sleep(2 * SEC);
    assert_eq!(quay.asks().0.len(), 1);
}

#[test]
fn who_does_not_answer_is_suspect_after_two_and_failed_after_six_more() {
    let (mut quay, route) = live(30 * SEC);
    quay.idle_at(route, 7);
    quay.sleep(31 * SEC + 500 * MS);
    assert_eq!((quay.asks().0.len(), failures(&quay)), (2, (0, 0)));
    assert!(!quay.pool.is_shunned(AddressId(7)));
    quay.sleep(SEC);
    assert_eq!((quay.asks().0.len(), failures(&quay)), (1, (1, 0)));
    quay.sleep(5 * SEC);
    assert_eq!((quay.asks().0.len(), failures(&quay)), (5, (1, 0)));
    quay.sleep(SEC);
    assert_eq!(failures(&quay), (1, 1));
    assert_eq!(dead(&quay), 1);
}

#[test]
fn nobody_is_asked_where_that_is_off_or_nothing_is_idle() {
    let (mut quay, route) = live(support::Duration::ZERO);
    quay.idle_at(route, 7);
    quay.sleep(500 * SEC);
    quay.quiet();
    let (mut quay, route) = live(30 * SEC);
    let held = quay.held_at(route, 7);
    quay.sleep(500 * SEC);
    quay.quiet();
    quay.release(held.lease, Condition::Reusable);
    quay.sleep(39 * SEC);
    assert_eq!(failures(&quay), (1, 1));
}

#[test]
fn a_warm_route_replaces_what_died() {
    let mut quay = Quay::new();
    let config = RouteConfig { min_idle: 1, max_connections: 4, ..RouteConfig::default() };
    quay.pool.add_route(config);
    quay.sleep(2 * SEC);
    let slot = quay.connect_event();
    assert!(quay.pool.opened_at(quay.now, slot, 1, AddressId(7)));
    quay.silent(7, None, WINDOW);
    quay.sleep(2 * SEC);
    assert_eq!(dead(&quay), 1);
    let others = quay.asks().1;
    let connect = |event: &Event<u32>| matches!(event, Event::Connect { .. });
    assert_eq!(others.iter().filter(|event| connect(event)).count(), 1, "{others:?}");
}

#[test]
fn where_nobody_will_connect_any_more_a_failed_address_is_forgotten() {
    let (mut quay, route) = spacious();
    quay.idle_at(route, 7);
    fail(&mut quay, None);
    assert!(quay.pool.is_shunned(AddressId(7)));
    quay.pool.forget_failure(quay.now, AddressId(7));
    assert!(!quay.pool.is_shunned(AddressId(7)));
    quay.sleep(100 * SEC);
    quay.quiet();

    let (mut quay, route) = spacious();
    quay.idle_at(route, 7);
    fail(&mut quay, None);
    quay.pool.drain(quay.now);
    quay.sleep(100 * SEC);
    quay.quiet();
    assert_eq!(quay.pool.poll_timeout(), None, "a pool that ends knocks nowhere");
}

#[test]
fn one_that_cannot_ask_drops_the_doubt() {
    let (mut quay, route) = spacious();
    let held = quay.held_at(route, 7);
    quay.silent(7, Some(held.slot), WINDOW);
    assert_eq!(quay.asks().0, [held.slot]);
    quay.pool.cannot_ask(quay.now, AddressId(7));
    quay.sleep(10 * SEC);
    assert_eq!(quay.asks().0, []);
    assert_eq!(failures(&quay), (1, 0));
}

#[test]
fn an_interval_that_is_changed_holds_for_addresses_that_are_known() {
    let (mut quay, route) = live(support::Duration::ZERO);
    quay.idle_at(route, 7);
    quay.sleep(60 * SEC);
    quay.quiet();
    let config = PoolConfig { probe_after_idle: 5 * SEC, ..PoolConfig::default() };
    quay.pool.configure(quay.now, config);
    quay.sleep(5 * MS);
    assert_eq!(quay.asks().0.len(), 1);
}
