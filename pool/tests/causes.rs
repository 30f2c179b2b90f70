//! Every cause and every reason that the pool itself can give is given (POOL.md, section 6, T10).
//! Those that only the transport or the client can give come in by `release` and `lost`, and are
//! covered in `release.rs`.

mod support;

use support::{MS, Quay, REFUSED, SEC};
use wharf_pool::{
    AddressId, CloseCause, Condition, ConnectError, ConnectFailure, PoolConfig, Refusal, Request,
    RouteConfig, RouteId,
};

/// A route on which everything ends soon.
fn short_lived() -> (Quay, RouteId) {
    let mut quay = Quay::new();
    let route = quay.pool.add_route(RouteConfig {
        max_connections: 1,
        max_waiters: 1,
        max_waiters_per_client: 1,
        idle_timeout: 10 * SEC,
        max_lifetime: 100 * SEC,
        max_uses: 2,
        ..RouteConfig::default()
    });
    (quay, route)
}

type Scenario = fn(&mut Quay, RouteId);

const CLOSES: [(CloseCause, Scenario); 13] = [
    (CloseCause::IdleTimeout, |quay, route| {
        quay.idle(route);
        quay.sleep(11 * SEC);
    }),
    (CloseCause::LearnedIdle, |quay, route| {
        quay.fins(route, 7, 5 * SEC, 3);
        quay.idle_at(route, 7);
        quay.sleep(5 * SEC);
    }),
    (CloseCause::KeepaliveHint, |quay, route| {
        let held = quay.held(route);
        quay.pool.on_keep_alive(held.lease, 5 * SEC);
        quay.release(held.lease, Condition::Reusable);
        quay.sleep(5 * SEC);
    }),
    (CloseCause::MaxLifetime, |quay, route| {
        let held = quay.held(route);
        quay.sleep(101 * SEC);
        quay.release(held.lease, Condition::Reusable);
    }),
    (CloseCause::MaxUses, |quay, route| {
        quay.idle(route);
        let again = support::grant(quay.lease(route));
        quay.release(again.lease, Condition::Reusable);
    }),
    (CloseCause::Evicted, |quay, route| {
        quay.idle_as(route, 1);
        quay.wait_as(route, 2);
    }),
    (CloseCause::LimitLowered, |quay, route| {
        quay.idle(route);
        quay.pool.configure(quay.now, PoolConfig { max_total: 0, ..PoolConfig::default() });
    }),
    (CloseCause::Drain, |quay, route| {
        quay.idle(route);
        quay.pool.drain(quay.now);
    }),
    (CloseCause::DnsRemoved, |quay, route| {
        quay.idle_at(route, 7);
        quay.pool.remove_address(quay.now, route, AddressId(7));
    }),
    (CloseCause::PathDead, |quay, route| {
        quay.idle_at(route, 7);
        quay.silent(7, None, 200 * MS);
        quay.sleep(SEC);
    }),
    (CloseCause::UnackedBytes, |quay, route| {
        let held = quay.held(route);
        let until = quay.deadline(SEC);
        quay.release(held.lease, Condition::Settling { until });
        quay.sleep(2 * SEC);
    }),
    (CloseCause::ProbeFailed, |quay, route| {
        quay.idle(route);
        quay.suspend(2 * SEC);
        quay.pool.handle_timeout(quay.now);
        quay.sleep(3 * SEC);
    }),
    (CloseCause::Shutdown, |quay, route| {
        quay.idle(route);
        quay.pool.shutdown(quay.now);
    }),
];

#[test]
fn every_cause_of_the_pools_own_is_reached() {
    for (cause, scenario) in CLOSES {
        let (mut quay, route) = short_lived();
        scenario(&mut quay, route);
        assert_eq!(quay.pool.stats().closed.of(cause), 1, "{cause}");
        let by_peer = quay.pool.stats().closed.of(CloseCause::PeerFin);
        assert_eq!(quay.pool.stats().closed.total() - by_peer, 1, "{cause}");
    }
}

const REFUSALS: [(Refusal, Scenario); 8] = [
    (Refusal::QueueTimeout, |quay, route| {
        let request = Request { no_wait: true, ..quay.request(route) };
        support::refusal(quay.ask(request));
    }),
    (Refusal::QueueFull, |quay, route| refuse_with(quay, route, 0, 9)),
    (Refusal::Quota, |quay, route| refuse_with(quay, route, 9, 0)),
    (Refusal::Backoff, |quay, route| {
        let waiter = quay.wait(route);
        let slot = quay.connect_event();
        quay.pool.cancel(quay.now, waiter).expect("it waits");
        quay.pool.open_failed(quay.now, slot, REFUSED);
        support::refusal(quay.lease(route));
    }),
    (Refusal::WouldTimeOut, |quay, route| {
        quay.pool.configure_route(quay.now, route, one_connection());
        quay.held(route);
        quay.sleep(10 * SEC);
        quay.wait(route);
        let hasty = Request { deadline: quay.deadline(SEC), ..quay.request(route) };
        support::refusal(quay.ask(hasty));
    }),
    (Refusal::Denied, |quay, route| {
        quay.wait(route);
        quay.pool.deny_route(quay.now, route);
    }),
    (Refusal::Draining, |quay, route| {
        quay.wait(route);
        quay.pool.drain(quay.now);
    }),
    (Refusal::Cancelled, |quay, route| {
        let waiter = quay.wait(route);
        quay.pool.cancel(quay.now, waiter).expect("it waits");
    }),
];

fn one_connection() -> RouteConfig {
    RouteConfig { max_connections: 1, ..RouteConfig::default() }
}

fn refuse_with(quay: &mut Quay, route: RouteId, max_waiters: usize, of_client: usize) {
    let config = RouteConfig {
        max_connections: 0,
        max_waiters,
        max_waiters_per_client: of_client,
        ..RouteConfig::default()
    };
    quay.pool.configure_route(quay.now, route, config);
    support::refusal(quay.lease(route));
}

/// Refuses by `refusal`: with the scenario for it, or by a connect that fails with it.
fn refuse_by(quay: &mut Quay, route: RouteId, refusal: Refusal) {
    if let Some((_, scenario)) = REFUSALS.iter().find(|(reason, _)| *reason == refusal) {
        return scenario(quay, route);
    }
    let error = ConnectError::ALL.iter().find(|&&error| Refusal::from(error) == refusal);
    let error = *error.expect("a scenario, or a connect error");
    quay.wait(route);
    let slot = quay.connect_event();
    quay.pool.open_failed(quay.now, slot, ConnectFailure { error, ..REFUSED });
}

#[test]
fn every_refusal_is_reached() {
    for &refusal in Refusal::ALL {
        let (mut quay, route) = short_lived();
        refuse_by(&mut quay, route, refusal);
        assert_eq!(quay.pool.stats().lease_failures.of(refusal), 1, "{refusal}");
        let cancelled = quay.pool.stats().lease_failures.of(Refusal::Cancelled);
        let own = quay.pool.stats().lease_failures.total() - cancelled;
        assert_eq!(own, u64::from(refusal != Refusal::Cancelled), "{refusal}");
    }
}
