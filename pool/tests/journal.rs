//! What the pool remembers of what happened to its connections.

mod support;

use support::{MS, Quay, REFUSED, SEC};
use wharf_pool::{
    CloseCause, Condition, ConnectError, OpenCause, PoolConfig, RouteConfig, Source, Step,
};

fn quay(journal: usize) -> Quay {
    Quay::with(PoolConfig { journal, ..PoolConfig::default() })
}

fn steps(quay: &Quay) -> Vec<Step> {
    quay.pool.transitions().map(|entry| entry.step).collect()
}

#[test]
fn a_connections_whole_life_is_told_in_order() {
    let mut quay = quay(100);
    let route = quay.pool.add_route(RouteConfig { max_connections: 1, ..RouteConfig::default() });
    let held = quay.held(route);
    quay.now = quay.now + MS;
    quay.release(held.lease, Condition::Reusable);
    let again = support::grant(quay.lease(route));
    let until = quay.deadline(SEC);
    quay.release(again.lease, Condition::Settling { until });
    quay.pool.settled(quay.now, again.slot);
    quay.suspend(2 * SEC);
    quay.pool.handle_timeout(quay.now);
    quay.pool.probed(quay.now, again.slot);
    let last = support::grant(quay.lease(route));
    quay.pool.lost(quay.now, last.slot, CloseCause::PeerRst);
    quay.release(last.lease, Condition::Reusable);
    let expected = [
        Step::Connecting(OpenCause::Demand),
        Step::Leased(Source::New),
        Step::Idle,
        Step::Leased(Source::Idle),
        Step::Settling,
        Step::Idle,
        Step::Suspect,
        Step::Idle,
        Step::Leased(Source::Idle),
        Step::Lost(CloseCause::PeerRst),
        Step::Closed(CloseCause::PeerRst),
    ];
    assert_eq!(steps(&quay), expected);
    let entries: Vec<_> = quay.pool.transitions().copied().collect();
    assert!(entries.iter().all(|entry| entry.slot == held.slot && entry.route == route));
    assert_eq!(entries[0].connection, None);
    assert!(entries[1..].iter().all(|entry| entry.connection == Some(held.connection)));
    assert_eq!(entries[0].lease, None);
    assert_eq!(entries[2].lease, Some(held.lease.to_bits()), "the one that has just ended");
    assert_eq!(entries[3].lease, Some(again.lease.to_bits()));
    assert_eq!(entries[2].at.since(entries[1].at), MS);
}

#[test]
fn attempts_that_come_to_nothing_are_told_too() {
    let mut quay = quay(100);
    let route = quay.route(2);
    quay.wait(route);
    let slot = quay.connect_event();
    quay.pool.open_failed(quay.now, slot, REFUSED);
    let other = quay.route(2);
    quay.wait(other);
    quay.pool.drain(quay.now);
    let expected = [
        Step::Connecting(OpenCause::Demand),
        Step::Failed(ConnectError::ConnectionRefused),
        Step::Connecting(OpenCause::Demand),
        Step::Abandoned,
    ];
    assert_eq!(steps(&quay), expected);
}

#[test]
fn the_oldest_is_forgotten_and_a_limit_of_none_remembers_nothing() {
    let mut small = quay(3);
    let route = small.route(1);
    small.idle(route);
    support::grant(small.lease(route));
    let expected = [Step::Leased(Source::New), Step::Idle, Step::Leased(Source::Idle)];
    assert_eq!(steps(&small), expected);
    let mut none = quay(0);
    let route = none.route(1);
    none.idle(route);
    assert_eq!(steps(&none), []);
}

#[test]
fn every_step_has_a_name_of_its_own() {
    let all = [
        Step::Connecting(OpenCause::Replace),
        Step::Failed(ConnectError::NoPort),
        Step::Abandoned,
        Step::Idle,
        Step::Leased(Source::Handoff),
        Step::Settling,
        Step::Suspect,
        Step::Quarantined,
        Step::Lost(CloseCause::TimedOut),
        Step::Closed(CloseCause::Drain),
    ];
    let names: std::collections::HashSet<&str> = all.iter().map(|step| step.name()).collect();
    assert_eq!(names.len(), all.len());
    let causes = ["replace", "no_port", "", "", "handoff", "", "", "", "timed_out", "drain"];
    assert_eq!(all.map(Step::cause), causes);
}
