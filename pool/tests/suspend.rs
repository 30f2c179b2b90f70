//! Suspend (T): boot time leaps ahead of monotonic time, and nobody knows which peers are left.

mod support;

use support::{MS, Quay, SEC, grant, waiting};
use wharf_pool::time::Now;
use wharf_pool::{CloseCause, Condition, Doubt, Event, How, PoolConfig, Refusal, Request, Source};

#[test]
fn after_a_sleep_idle_connections_are_probed_before_they_are_leased() {
    let (mut quay, route) = Quay::of(1);
    let idle = quay.idle(route);
    quay.suspend(2 * SEC);
    let waiter = quay.wait(route);
    let probe = Event::Probe { slot: idle.slot, connection: 1, doubt: Doubt::Alive };
    assert_eq!(quay.event(), Some(probe));
    quay.quiet();
    assert_eq!(quay.counts(route).suspect, 1);
    quay.pool.probed(quay.now, idle.slot);
    let grant = quay.granted(waiter);
    assert_eq!((grant.connection, grant.source, grant.idle), (1, Source::Idle, 2 * SEC));
}

#[test]
fn a_suspect_connection_that_does_not_answer_is_closed_and_its_room_serves() {
    let (mut quay, route) = Quay::of(1);
    let idle = quay.idle(route);
    quay.suspend(2 * SEC);
    let waiter = quay.wait(route);
    quay.event();
    quay.sleep(2 * SEC + 2 * MS);
    assert_eq!(quay.close_event(), (idle.slot, CloseCause::ProbeFailed, How::Reset));
    let slot = quay.connect_event();
    quay.pool.probed(quay.now, idle.slot);
    quay.open(slot);
    quay.granted(waiter);
}

#[test]
fn a_probe_that_is_answered_with_a_reset_loses_the_connection() {
    let (mut quay, route) = Quay::of(1);
    let idle = quay.idle(route);
    quay.suspend(2 * SEC);
    quay.pool.handle_timeout(quay.now);
    quay.event();
    quay.pool.lost(quay.now, idle.slot, CloseCause::PeerRst);
    quay.quiet();
    assert!(quay.pool.is_empty());
}

#[test]
fn what_outlived_its_idle_time_asleep_is_closed_and_not_probed() {
    let (mut quay, route) = Quay::of(1);
    let idle = quay.idle(route);
    quay.suspend(51 * SEC);
    quay.pool.handle_timeout(quay.now);
    assert_eq!(quay.close_event(), (idle.slot, CloseCause::IdleTimeout, How::Orderly));
    quay.quiet();
}

#[test]
fn a_leap_of_a_second_or_less_is_no_sleep() {
    let (mut quay, route) = Quay::of(1);
    quay.idle(route);
    quay.suspend(SEC);
    grant(quay.lease(route));
    quay.quiet();
}

#[test]
fn small_leaps_add_up() {
    let (mut quay, route) = Quay::of(1);
    quay.idle(route);
    for _ in 0..2 {
        quay.suspend(600 * MS);
        quay.pool.handle_timeout(quay.now);
    }
    assert!(matches!(quay.event(), Some(Event::Probe { .. })));
}

#[test]
fn a_difference_from_the_start_is_no_leap() {
    let mut quay = Quay::new();
    quay.now = Now { boot: quay.now.boot + 1000 * SEC, ..quay.now };
    let route = quay.route(1);
    quay.idle(route);
    grant(quay.lease(route));
    quay.quiet();
}

#[test]
fn the_deadline_of_one_who_waits_stands_still_while_the_host_sleeps() {
    let (mut quay, route) = Quay::of(1);
    quay.held(route);
    let waiter = quay.wait(route);
    quay.suspend(3600 * SEC);
    quay.sleep(4 * SEC);
    quay.quiet();
    quay.sleep(SEC + 2 * MS);
    assert_eq!(quay.refused(waiter), Refusal::QueueTimeout);
}

#[test]
fn a_leased_connection_is_the_holders_to_judge() {
    let (mut quay, route) = Quay::of(2);
    let used = quay.held(route);
    let unused = quay.held(route);
    quay.suspend(2 * SEC);
    quay.release(used.lease, Condition::Reusable);
    quay.quiet();
    // The holder learnt nothing about this one.
    quay.release(unused.lease, Condition::Unused);
    let probe =
        Event::Probe { slot: unused.slot, connection: unused.connection, doubt: Doubt::Alive };
    assert_eq!(quay.event(), Some(probe));
    assert_eq!((quay.counts(route).idle, quay.counts(route).suspect), (1, 1));
}

#[test]
fn many_are_probed_a_bounded_number_a_turn_and_none_is_leased_before() {
    let mut quay = Quay::with(PoolConfig { max_total: 1000, ..PoolConfig::default() });
    let route = quay.route(1000);
    let held: Vec<_> = (0..600).map(|_| quay.held(route)).collect();
    for grant in held {
        quay.release(grant.lease, Condition::Reusable);
    }
    quay.suspend(2 * SEC);
    let request = Request { no_wait: true, ..quay.request(route) };
    assert!(
        matches!(quay.ask(request), wharf_pool::Outcome::Refused(denial) if denial.refusal == Refusal::QueueTimeout)
    );
    let mut probes = quay.events().len();
    assert!(probes <= 512, "one batch for the leap, one for the lease");
    while quay.pool.poll_timeout().is_some_and(|due| due <= quay.now.monotonic) {
        quay.pool.handle_timeout(quay.now);
        let batch = quay.events();
        assert!(batch.len() <= 256 && batch.iter().all(|e| matches!(e, Event::Probe { .. })));
        probes += batch.len();
    }
    assert_eq!((probes, quay.counts(route).suspect), (600, 600));
}

#[test]
fn a_suspect_connection_still_counts_against_the_cap() {
    let (mut quay, route) = Quay::of(1);
    let idle = quay.idle(route);
    quay.suspend(2 * SEC);
    waiting(quay.lease_as(route, 2));
    let events = quay.events();
    assert_eq!(events, [Event::Probe { slot: idle.slot, connection: 1, doubt: Doubt::Alive }]);
    // Once it has answered it is idle again, and may be evicted.
    quay.pool.probed(quay.now, idle.slot);
    assert_eq!(quay.close_event(), (idle.slot, CloseCause::Evicted, How::Reset));
    quay.connect_event();
}
