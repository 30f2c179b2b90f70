//! The learned idle timeout (rule I): what FINs and hints teach, and what becomes of those that idle.

mod support;

use support::{Duration, MS, Quay, SEC, grant, waiting};
use wharf_pool::{
    AddressId, CloseCause, Condition, Event, Grant, How, Outcome, PoolConfig, Released, Request,
    RouteConfig, RouteId,
};

/// A timer of the pool is late by up to a tick of its wheel.
const LATE: Duration = Duration::from_millis(2);

/// An idle timeout beyond anything that is learned, and nothing else that ends a connection.
const PATIENT: Duration = Duration::from_secs(1000);

fn quay() -> (Quay, RouteId) {
    let mut quay = Quay::new();
    let route = patient_route(&mut quay, PATIENT);
    (quay, route)
}

fn patient_route(quay: &mut Quay, idle_timeout: Duration) -> RouteId {
    quay.pool.add_route(RouteConfig {
        max_connections: 4000,
        idle_timeout,
        max_lifetime: Duration::ZERO,
        ..RouteConfig::default()
    })
}

/// The next thing that happens is that the pool closes `idle` after `limit`, for `cause`.
#[track_caller]
fn closes(quay: &mut Quay, idle: &Grant<u32>, limit: Duration, cause: CloseCause) {
    quay.sleep(limit - MS);
    quay.quiet();
    quay.sleep(MS + LATE);
    assert_eq!(quay.close_event(), (idle.slot, cause, How::Orderly));
}

#[test]
fn after_three_fins_the_pool_closes_before_the_peer_does() {
    let (mut quay, route) = quay();
    quay.fins(route, 7, 5 * SEC, 2);
    assert_eq!(quay.learned(route), Duration::ZERO);
    quay.fins(route, 7, 5 * SEC, 1);
    assert_eq!(quay.learned(route), 5 * SEC);
    let idle = quay.idle_at(route, 7);
    closes(&mut quay, &idle, 4250 * MS, CloseCause::LearnedIdle);
    assert_eq!(quay.pool.stats().closed.of(CloseCause::LearnedIdle), 1);
}

#[test]
fn a_far_peer_is_given_up_two_round_trips_and_a_margin_before() {
    let (mut quay, route) = quay();
    quay.fins(route, 7, 5 * SEC, 3);
    let held = quay.held_at(route, 7);
    quay.pool.on_round_trip(held.lease, SEC);
    quay.release(held.lease, Condition::Reusable);
    closes(&mut quay, &held, 2950 * MS, CloseCause::LearnedIdle);
}

#[test]
fn without_a_round_trip_time_the_handshake_counts() {
    let (mut quay, route) = quay();
    let open = |quay: &mut Quay| {
        let waiter = waiting(quay.ask(Request { fresh: true, ..quay.request(route) }));
        let slot = quay.connect_event();
        quay.sleep(SEC);
        assert!(quay.pool.opened_at(quay.now, slot, 9, AddressId(7)));
        let grant = quay.granted(waiter);
        quay.release(grant.lease, Condition::Reusable);
        grant
    };
    for _ in 0..3 {
        let idle = open(&mut quay);
        quay.sleep(5 * SEC);
        quay.fin(idle.slot);
    }
    quay.sleep(100 * MS);
    let idle = open(&mut quay);
    closes(&mut quay, &idle, 2950 * MS, CloseCause::LearnedIdle);
    // Once it is known, a slow handshake changes nothing.
    quay.idle_at(route, 7);
    let idle = open(&mut quay);
    quay.sleep(3250 * MS + LATE);
    quay.close_event();
    closes(&mut quay, &idle, SEC - LATE, CloseCause::LearnedIdle);
}

#[test]
fn a_handshake_may_take_less_than_its_attempt() {
    let (mut quay, route) = quay();
    let open = |quay: &mut Quay| {
        let waiter = waiting(quay.ask(Request { fresh: true, ..quay.request(route) }));
        let slot = quay.connect_event();
        quay.sleep(SEC);
        assert!(quay.pool.opened_within(quay.now, slot, 9, AddressId(7), MS));
        let grant = quay.granted(waiter);
        quay.release(grant.lease, Condition::Reusable);
        grant
    };
    for _ in 0..3 {
        let idle = open(&mut quay);
        quay.sleep(5 * SEC);
        quay.fin(idle.slot);
    }
    quay.sleep(100 * MS);
    let idle = open(&mut quay);
    closes(&mut quay, &idle, 4250 * MS, CloseCause::LearnedIdle);
}

#[test]
fn the_idle_timeout_is_the_ceiling() {
    let mut quay = Quay::new();
    let route = patient_route(&mut quay, 6 * SEC);
    quay.fins(route, 7, 5 * SEC, 3);
    let config = RouteConfig { idle_timeout: 4 * SEC, ..RouteConfig::default() };
    quay.pool.configure_route(quay.now, route, config);
    let idle = quay.idle_at(route, 7);
    closes(&mut quay, &idle, 4 * SEC, CloseCause::IdleTimeout);
}

#[test]
fn what_is_learned_holds_for_the_address_on_every_route_and_for_no_other() {
    let (mut quay, route) = quay();
    let other = patient_route(&mut quay, PATIENT);
    quay.fins(route, 7, 5 * SEC, 3);
    let (nowhere, elsewhere) = (quay.idle(route), quay.idle_at(route, 8));
    let same = quay.idle_at(other, 7);
    assert_eq!(quay.learned(other), 5 * SEC);
    closes(&mut quay, &same, 4250 * MS, CloseCause::LearnedIdle);
    quay.sleep(PATIENT - 5 * SEC);
    quay.quiet();
    quay.sleep(SEC);
    let closed = [quay.close_event(), quay.close_event()].map(|(slot, cause, _)| (slot, cause));
    assert!(closed.contains(&(elsewhere.slot, CloseCause::IdleTimeout)));
    assert!(closed.contains(&(nowhere.slot, CloseCause::IdleTimeout)));
}

#[test]
fn of_several_addresses_a_route_reports_the_least() {
    let (mut quay, route) = quay();
    quay.fins(route, 7, 9 * SEC, 3);
    quay.fins(route, 8, 5 * SEC, 3);
    assert_eq!(quay.learned(route), 5 * SEC);
    // A route reports on the last eight only.
    for address in 10..18 {
        quay.held_at(route, address);
    }
    assert_eq!(quay.learned(route), Duration::ZERO);
}

#[test]
fn only_a_fin_of_an_idle_connection_that_served_is_a_sample() {
    let (mut quay, route) = quay();
    type Loss = fn(&mut Quay, RouteId);
    let losses: [Loss; 4] = [
        |quay, route| {
            let idle = quay.idle_at(route, 7);
            quay.sleep(5 * SEC);
            quay.pool.lost(quay.now, idle.slot, CloseCause::PeerRst);
        },
        |quay, route| {
            let held = quay.held_at(route, 7);
            quay.sleep(5 * SEC);
            quay.fin(held.slot);
            quay.release(held.lease, Condition::Reusable);
        },
        |quay, route| {
            let held = quay.held_at(route, 7);
            quay.release(held.lease, Condition::Unused);
            quay.sleep(5 * SEC);
            quay.fin(held.slot);
        },
        |quay, route| {
            let held = quay.held_at(route, 7);
            let until = quay.deadline(9 * SEC);
            quay.release(held.lease, Condition::Settling { until });
            quay.sleep(5 * SEC);
            quay.fin(held.slot);
        },
    ];
    for loss in losses {
        (0..8).for_each(|_| loss(&mut quay, route));
        quay.sleep(SEC);
        assert_eq!(quay.learned(route), Duration::ZERO);
    }
}

#[test]
fn a_restart_teaches_nothing() {
    let (mut quay, route) = quay();
    let mut idle = Vec::new();
    for _ in 0..8 {
        idle.push(quay.idle_at(route, 7));
        quay.sleep(SEC);
    }
    for idle in &idle {
        quay.fin(idle.slot);
    }
    quay.fins(route, 7, SEC, 2);
    assert_eq!(quay.learned(route), Duration::ZERO);
}

#[test]
fn ages_are_boot_time_and_a_sleep_of_the_host_teaches_nothing() {
    let (mut quay, route) = quay();
    // Small leaps are no sleep: the age is what boot time says.
    for _ in 0..3 {
        let idle = quay.idle_at(route, 7);
        quay.sleep(4 * SEC);
        quay.suspend(SEC);
        quay.fin(idle.slot);
        quay.now.boot = quay.now.monotonic;
    }
    quay.sleep(SEC);
    assert_eq!(quay.learned(route), 5 * SEC);
    // After a sleep nobody knows when the FIN came.
    for _ in 0..8 {
        let idle = quay.idle_at(route, 9);
        quay.sleep(4 * SEC);
        quay.suspend(9 * SEC);
        quay.fin(idle.slot);
        quay.events();
    }
    quay.sleep(SEC);
    let other = patient_route(&mut quay, PATIENT);
    quay.idle_at(other, 9);
    assert_eq!(quay.learned(other), Duration::ZERO);
}

/// A turn marks no more than 256 as suspect; of the others nobody knows better when their FIN came.
#[test]
fn after_a_sleep_those_that_are_not_marked_yet_teach_nothing_either() {
    let mut quay = Quay::with(PoolConfig { max_total: 1000, ..PoolConfig::default() });
    let route = patient_route(&mut quay, PATIENT);
    let idle: Vec<_> = (0..300).map(|_| quay.idle_at(route, 7)).collect();
    quay.suspend(5 * SEC);
    for idle in idle.iter().rev().take(3) {
        quay.fin(idle.slot);
    }
    quay.sleep(SEC);
    assert_eq!(quay.learned(route), Duration::ZERO);
}

#[test]
fn addresses_that_are_left_make_room_for_others() {
    let (mut quay, route) = quay();
    for address in 0..20_000 {
        let held = quay.held_at(route, address);
        quay.release(held.lease, Condition::Spent(CloseCause::ClientDiscard));
        quay.events();
    }
    quay.fins(route, 20_000, 5 * SEC, 3);
    assert_eq!(quay.learned(route), 5 * SEC);
}

#[test]
fn a_lease_does_not_get_what_is_past_its_learned_time() {
    let (mut quay, route) = quay();
    quay.fins(route, 7, 5 * SEC, 3);
    let idle = quay.idle_at(route, 7);
    quay.now = quay.now + 4249 * MS;
    let again = grant(quay.lease(route));
    assert_eq!(again.slot, idle.slot);
    quay.release(again.lease, Condition::Reusable);
    quay.now = quay.now + 4250 * MS;
    waiting(quay.lease(route));
    assert_eq!(quay.close_event(), (idle.slot, CloseCause::LearnedIdle, How::Orderly));
}

#[test]
fn those_that_idle_already_go_when_their_time_is_learned() {
    let (mut quay, route) = quay();
    quay.fins(route, 7, 5 * SEC, 2);
    let closed = quay.idle_at(route, 7);
    quay.sleep(3 * SEC);
    let idle = quay.idle_at(route, 7);
    quay.sleep(2 * SEC);
    quay.fin(closed.slot);
    // Learned when it has been idle for 2.1 s.
    closes(&mut quay, &idle, 2250 * MS, CloseCause::LearnedIdle);
}

#[test]
fn those_that_idle_already_are_looked_at_a_bounded_number_a_turn() {
    const COUNT: usize = 1000;
    let mut quay = Quay::with(PoolConfig {
        max_total: 2 * COUNT,
        max_connecting_total: COUNT,
        ..PoolConfig::default()
    });
    let route = patient_route(&mut quay, PATIENT);
    quay.fins(route, 7, 9 * SEC, 2);
    let closed = quay.idle_at(route, 7);
    quay.sleep(SEC);
    for _ in 0..COUNT {
        quay.idle_at(route, 7);
    }
    quay.sleep(8 * SEC);
    quay.fin(closed.slot);
    quay.now = quay.now + 100 * MS;
    // All are past their time; a timer that is armed late goes off with the next tick.
    let mut turns = Vec::new();
    while quay.pool.poll_timeout().is_some_and(|due| due <= quay.now.monotonic + LATE) {
        quay.pool.handle_timeout(quay.now);
        turns.push(quay.events().len());
        quay.now = quay.now + MS;
    }
    assert!(turns.len() >= 2 * COUNT / 256, "{turns:?}");
    assert!(turns.iter().all(|closed| *closed <= 256), "{turns:?}");
    let closed: usize = turns.iter().sum();
    assert!((COUNT - 40..COUNT).contains(&closed), "all but the few that live longer: {closed}");
}

/// 600 idle connections, of which the first half leads to address 8 and the other to 7; all are past
/// the time that the next FIN of either address teaches. Returns one more of each, and the 600.
fn before_the_lesson(quay: &mut Quay, route: RouteId) -> ([Grant<u32>; 2], Vec<Grant<u32>>) {
    quay.fins(route, 7, 20 * SEC, 2);
    quay.fins(route, 8, 20 * SEC, 2);
    let last = [quay.idle_at(route, 7), quay.idle_at(route, 8)];
    let others = (0..600).map(|number| quay.idle_at(route, if number < 300 { 8 } else { 7 }));
    let others = others.collect();
    quay.sleep(20 * SEC);
    quay.quiet();
    (last, others)
}

#[test]
fn looking_again_goes_on_at_once_though_no_timer_is_due() {
    let (mut quay, route) = quay();
    quay.fins(route, 7, 5 * SEC, 2);
    let closed = quay.idle_at(route, 7);
    for _ in 0..300 {
        quay.idle_at(route, 9);
    }
    let idle = quay.idle_at(route, 7);
    quay.sleep(5 * SEC);
    quay.fin(closed.slot);
    quay.now = quay.now + 100 * MS;
    quay.pool.handle_timeout(quay.now);
    assert!(quay.pool.poll_timeout().is_some_and(|due| due <= quay.now.monotonic));
    quay.sleep(LATE);
    assert_eq!(quay.close_event(), (idle.slot, CloseCause::LearnedIdle, How::Orderly));
}

#[test]
fn looking_again_goes_on_when_the_next_one_is_gone() {
    let (mut quay, route) = quay();
    let (last, others) = before_the_lesson(&mut quay, route);
    last.iter().for_each(|idle| quay.fin(idle.slot));
    quay.now = quay.now + 100 * MS;
    quay.pool.handle_timeout(quay.now);
    // Somewhere among these it stands.
    others[240..270].iter().for_each(|idle| quay.fin(idle.slot));
    quay.sleep(SEC);
    let left = quay.counts(route).idle;
    assert!(left < 20, "only those that live longer are left: {left}");
}

#[test]
fn looking_again_begins_anew_when_more_is_learned_meanwhile() {
    let (mut quay, route) = quay();
    let ([slow, fast], _) = before_the_lesson(&mut quay, route);
    quay.fin(slow.slot);
    quay.now = quay.now + 10 * MS;
    quay.fin(fast.slot);
    // The first half of those of address 8 is passed before their time is learned.
    for step in [90 * MS, 10 * MS] {
        quay.now = quay.now + step;
        quay.pool.handle_timeout(quay.now);
    }
    quay.sleep(SEC);
    let left = quay.counts(route).idle;
    assert!(left < 20, "only those that live longer are left: {left}");
}

/// Opens connections until one is there that is left alone beyond what was learned. They come back in
/// this condition.
fn scout(quay: &mut Quay, route: RouteId, condition: Condition) -> Grant<u32> {
    for _ in 0..1000 {
        let held = quay.held_at(route, 7);
        assert_eq!(quay.release(held.lease, condition), Released::Kept);
        quay.sleep(4250 * MS + LATE);
        match quay.event() {
            Some(Event::Close { .. }) => {}
            None => return held,
            other => panic!("{other:?}"),
        }
    }
    panic!("nobody lives longer")
}

#[test]
fn one_in_a_hundred_lives_longer() {
    let (mut quay, route) = quay();
    quay.fins(route, 7, 5 * SEC, 3);
    for _ in 0..3000 {
        quay.idle_at(route, 7);
        quay.events();
    }
    quay.sleep(4250 * MS + LATE);
    let left = quay.counts(route).idle;
    assert!((15..60).contains(&left), "{left} of 3000");
}

#[test]
fn what_lives_longer_raises_the_limit_when_it_is_leased() {
    let (mut quay, route) = quay();
    quay.fins(route, 7, 5 * SEC, 3);
    let scout = scout(&mut quay, route, Condition::Reusable);
    quay.sleep(6 * SEC - 4250 * MS - LATE);
    let again = grant(quay.lease(route));
    assert_eq!((again.slot, again.idle), (scout.slot, 6 * SEC));
    assert_eq!(quay.learned(route), 6 * SEC);
    quay.release(again.lease, Condition::Spent(CloseCause::ClientDiscard));
    quay.events();
    let idle = quay.idle_at(route, 7);
    closes(&mut quay, &idle, 5100 * MS, CloseCause::LearnedIdle);
}

#[test]
fn what_never_served_raises_no_limit() {
    let (mut quay, route) = quay();
    quay.fins(route, 7, 5 * SEC, 3);
    let scout = scout(&mut quay, route, Condition::Unused);
    quay.sleep(6 * SEC);
    assert_eq!(grant(quay.lease(route)).slot, scout.slot);
    assert_eq!(quay.learned(route), 5 * SEC);
}

#[test]
fn what_lives_longer_raises_the_limit_when_its_own_time_is_over() {
    let (mut quay, route) = quay();
    quay.fins(route, 7, 5 * SEC, 3);
    scout(&mut quay, route, Condition::Reusable);
    quay.sleep(PATIENT);
    assert_eq!(quay.close_event().1, CloseCause::IdleTimeout);
    assert_eq!(quay.learned(route).as_secs(), PATIENT.as_secs());
}

#[test]
fn what_lives_longer_raises_the_limit_when_the_peer_closes_it() {
    let (mut quay, route) = quay();
    quay.fins(route, 7, 5 * SEC, 3);
    let scout = scout(&mut quay, route, Condition::Reusable);
    quay.sleep(10 * SEC);
    quay.fin(scout.slot);
    assert_eq!(quay.learned(route), 14_250 * MS + LATE);
}

#[test]
fn a_hint_closes_the_connection_a_second_before() {
    let (mut quay, route) = quay();
    for address in [None, Some(7)] {
        let held = match address {
            None => quay.held(route),
            Some(address) => quay.held_at(route, address),
        };
        quay.pool.on_keep_alive(held.lease, 5 * SEC);
        quay.release(held.lease, Condition::Reusable);
        closes(&mut quay, &held, 4 * SEC, CloseCause::KeepaliveHint);
    }
}

#[test]
fn a_hint_of_a_far_peer_loses_two_round_trips() {
    let (mut quay, route) = quay();
    let held = quay.held_at(route, 7);
    quay.pool.on_round_trip(held.lease, 750 * MS);
    quay.pool.on_keep_alive(held.lease, 5 * SEC);
    quay.release(held.lease, Condition::Reusable);
    closes(&mut quay, &held, 3500 * MS, CloseCause::KeepaliveHint);
}

#[test]
fn a_hint_without_room_keeps_nothing_for_later_but_serves_who_waits() {
    let mut quay = Quay::new();
    let route = quay.route(1);
    let held = quay.held(route);
    let waiter = quay.wait(route);
    quay.pool.on_keep_alive(held.lease, SEC);
    assert_eq!(quay.release(held.lease, Condition::Reusable), Released::HandedOn);
    let next = quay.granted(waiter);
    assert_eq!(quay.release(next.lease, Condition::Reusable), Released::Kept);
    assert!(matches!(quay.lease(route), Outcome::Waiting(_)));
    assert_eq!(quay.close_event(), (held.slot, CloseCause::KeepaliveHint, How::Orderly));
}

#[test]
fn the_last_hint_holds_and_the_least_of_all_limits() {
    let (mut quay, route) = quay();
    quay.fins(route, 7, 5 * SEC, 3);
    let held = quay.held_at(route, 7);
    quay.pool.on_round_trip(held.lease, MS);
    quay.pool.on_keep_alive(held.lease, 3 * SEC);
    quay.release(held.lease, Condition::Reusable);
    let again = grant(quay.lease(route));
    quay.release(again.lease, Condition::Reusable);
    quay.sleep(SEC);
    // It says more now; what was learned is less.
    let again = grant(quay.lease(route));
    quay.pool.on_keep_alive(again.lease, 30 * SEC);
    quay.release(again.lease, Condition::Reusable);
    closes(&mut quay, &held, 4250 * MS, CloseCause::LearnedIdle);
}

#[test]
fn hints_and_round_trips_of_leases_that_are_over_change_nothing() {
    let (mut quay, route) = quay();
    let idle = quay.idle_at(route, 7);
    quay.pool.on_keep_alive(idle.lease, 2 * SEC);
    quay.pool.on_round_trip(idle.lease, 100 * SEC);
    quay.sleep(PATIENT - SEC);
    quay.quiet();
}
