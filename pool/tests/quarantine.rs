//! Quarantine (Q): a connection serves another domain of its family once it is proven that nothing is
//! under way on it.

mod support;

use support::{MS, Quay, SEC, grant, refusal, waiting};
use wharf_pool::{
    CloseCause, Condition, Doubt, Event, FamilyId, Grant, How, KeyId, Outcome, Refusal, Released,
    Request, Reuse, RouteConfig, RouteId, SlotId, Source, WaiterId,
};

/// What two domains say who may have each other's connections.
trait Kin {
    fn of_kin(&self, route: RouteId, key: u32) -> Request;
    fn lease_of(&mut self, route: RouteId, key: u32) -> Outcome<u32>;
    fn wait_of(&mut self, route: RouteId, key: u32) -> WaiterId;
    fn held_of(&mut self, route: RouteId, key: u32) -> Grant<u32>;
    fn idle_of(&mut self, route: RouteId, key: u32) -> Grant<u32>;
    fn probe_event(&mut self) -> SlotId;
}

impl Kin for Quay {
    fn of_kin(&self, route: RouteId, key: u32) -> Request {
        Request { key: KeyId(key), family: Some(FamilyId(9)), ..self.request(route) }
    }

    fn lease_of(&mut self, route: RouteId, key: u32) -> Outcome<u32> {
        self.ask(self.of_kin(route, key))
    }

    fn wait_of(&mut self, route: RouteId, key: u32) -> WaiterId {
        waiting(self.lease_of(route, key))
    }

    fn held_of(&mut self, route: RouteId, key: u32) -> Grant<u32> {
        let waiter = self.wait_of(route, key);
        let slot = self.connect_event();
        assert!(self.open(slot));
        self.granted(waiter)
    }

    fn idle_of(&mut self, route: RouteId, key: u32) -> Grant<u32> {
        let grant = self.held_of(route, key);
        assert_eq!(self.release(grant.lease, Condition::Reusable), Released::Kept);
        grant
    }

    fn probe_event(&mut self) -> SlotId {
        match self.event() {
            Some(Event::Probe { slot, doubt: Doubt::Quiet, .. }) => slot,
            other => panic!("expected a probe, got {other:?}"),
        }
    }
}

#[test]
fn another_domain_gets_an_idle_connection_once_it_is_proven_quiet() {
    let (mut quay, route) = Quay::of(2);
    let idle = quay.idle_of(route, 1);
    quay.sleep(SEC);
    let waiter = quay.wait_of(route, 2);
    assert_eq!(quay.probe_event(), idle.slot);
    // It counts, and instead of an attempt to connect.
    quay.quiet();
    let counts = quay.counts(route);
    assert_eq!((counts.quarantined, counts.idle, counts.total()), (1, 0, 1));
    quay.pool.probed(quay.now, idle.slot);
    let crossed = quay.granted(waiter);
    assert_eq!((crossed.connection, crossed.source, crossed.uses), (1, Source::Idle, 1));
    assert_eq!(crossed.idle, SEC);
    // From then on it is the other's.
    quay.release(crossed.lease, Condition::Reusable);
    quay.quiet();
    assert_eq!(grant(quay.lease_of(route, 2)).connection, 1);
}

#[test]
fn the_same_domain_leases_again_at_once() {
    let (mut quay, route) = Quay::of(2);
    quay.idle_of(route, 1);
    assert_eq!(grant(quay.lease_of(route, 1)).connection, 1);
    quay.quiet();
}

#[test]
fn domains_without_a_family_have_nothing_of_each_other() {
    let (mut quay, route) = Quay::of(2);
    quay.idle_as(route, 1);
    quay.wait_as(route, 2);
    quay.connect_event();
    quay.quiet();
}

#[test]
fn a_family_ends_with_its_route() {
    let (mut quay, route) = Quay::of(2);
    let other = quay.route(2);
    quay.idle_of(route, 1);
    quay.wait_of(other, 2);
    quay.connect_event();
    quay.quiet();
}

#[test]
fn a_released_connection_is_proven_for_the_next_in_turn_of_another_domain() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held_of(route, 1);
    let other = quay.wait_of(route, 2);
    let own =
        waiting(quay.ask(Request { client: wharf_pool::ClientId(2), ..quay.of_kin(route, 1) }));
    assert_eq!(quay.release(held.lease, Condition::Reusable), Released::Kept);
    assert_eq!(quay.probe_event(), held.slot);
    quay.quiet();
    quay.pool.probed(quay.now, held.slot);
    let crossed = quay.granted(other);
    // The next in turn is of the first domain again.
    quay.release(crossed.lease, Condition::Reusable);
    quay.probe_event();
    quay.pool.probed(quay.now, held.slot);
    quay.granted(own);
}

#[test]
fn if_all_who_wait_have_one_coming_another_is_for_its_own_domain() {
    let (mut quay, route) = Quay::of(3);
    let held: Vec<_> = (0..3).map(|_| quay.held_of(route, 1)).collect();
    let other = quay.wait_of(route, 2);
    quay.release(held[0].lease, Condition::Reusable);
    quay.probe_event();
    // Nobody needs a second one to be proven.
    assert_eq!(quay.release(held[1].lease, Condition::Reusable), Released::Kept);
    quay.quiet();
    assert_eq!((quay.counts(route).idle, quay.counts(route).quarantined), (1, 1));
    assert_eq!(grant(quay.lease_of(route, 1)).slot, held[1].slot);
    // One of its own waits as well, and the one that is proven now is for him who comes first.
    let own = quay.wait_of(route, 1);
    assert_eq!(quay.release(held[2].lease, Condition::Reusable), Released::Kept);
    assert_eq!(quay.probe_event(), held[2].slot);
    quay.pool.probed(quay.now, held[0].slot);
    quay.granted(other);
    quay.pool.probed(quay.now, held[2].slot);
    assert_eq!(quay.granted(own).slot, held[2].slot);
}

#[test]
fn what_is_proven_for_one_who_has_left_serves_the_next_or_is_idle_again() {
    let (mut quay, route) = Quay::of(2);
    let idle = quay.idle_of(route, 1);
    quay.sleep(SEC);
    let waiter = quay.wait_of(route, 2);
    quay.probe_event();
    quay.pool.cancel(quay.now, waiter).expect("it waits");
    quay.quiet();
    assert_eq!(quay.counts(route).quarantined, 1);
    // One of the first domain takes it, and needs no attempt to connect.
    let waiter = quay.wait_of(route, 1);
    quay.quiet();
    quay.pool.cancel(quay.now, waiter).expect("it waits");
    quay.pool.probed(quay.now, idle.slot);
    quay.quiet();
    let again = grant(quay.lease_of(route, 1));
    assert_eq!((again.slot, again.idle), (idle.slot, SEC), "it has been idle all along");
}

#[test]
fn a_proof_does_not_last() {
    let (mut quay, route) = Quay::of(2);
    let idle = quay.idle_of(route, 1);
    let waiter = quay.wait_of(route, 2);
    quay.probe_event();
    quay.pool.cancel(quay.now, waiter).expect("it waits");
    quay.pool.probed(quay.now, idle.slot);
    quay.wait_of(route, 2);
    assert_eq!(quay.probe_event(), idle.slot, "what came since is not known");
}

#[test]
fn silence_closes_it_and_the_next_one_is_proven() {
    let (mut quay, route) = Quay::of(2);
    let held = [quay.held_of(route, 1), quay.held_of(route, 1)];
    for grant in held {
        quay.release(grant.lease, Condition::Reusable);
    }
    let waiter = quay.wait_of(route, 2);
    assert_eq!(quay.probe_event(), held[1].slot, "the last released first");
    quay.sleep(199 * MS);
    quay.quiet();
    quay.sleep(3 * MS);
    assert_eq!(quay.close_event(), (held[1].slot, CloseCause::ProbeFailed, How::Reset));
    assert_eq!(quay.probe_event(), held[0].slot);
    quay.sleep(203 * MS);
    assert_eq!(quay.close_event(), (held[0].slot, CloseCause::ProbeFailed, How::Reset));
    let slot = quay.connect_event();
    quay.pool.probed(quay.now, held[0].slot);
    quay.open(slot);
    quay.granted(waiter);
}

#[test]
fn a_slow_path_has_three_handshakes_for_the_proof() {
    let (mut quay, route) = Quay::of(2);
    let waiter = quay.wait_of(route, 1);
    let slot = quay.connect_event();
    quay.sleep(300 * MS);
    quay.open(slot);
    let held = quay.granted(waiter);
    quay.release(held.lease, Condition::Reusable);
    quay.wait_of(route, 2);
    quay.probe_event();
    quay.sleep(899 * MS);
    quay.quiet();
    quay.sleep(3 * MS);
    assert_eq!(quay.close_event().1, CloseCause::ProbeFailed);
}

#[test]
fn bytes_under_way_close_it_and_the_waiter_is_served_otherwise() {
    let (mut quay, route) = Quay::of(1);
    let idle = quay.idle_of(route, 1);
    let waiter = quay.wait_of(route, 2);
    quay.probe_event();
    quay.pool.lost(quay.now, idle.slot, CloseCause::DataWhileIdle);
    let slot = quay.connect_event();
    quay.open(slot);
    quay.granted(waiter);
    assert_eq!(quay.pool.stats().closed.of(CloseCause::DataWhileIdle), 1);
}

#[test]
fn what_never_carried_a_byte_crosses_as_it_is() {
    let (mut quay, route) = Quay::of(1);
    let held = quay.held_of(route, 1);
    quay.release(held.lease, Condition::Unused);
    let fresh = Request { fresh: true, ..quay.of_kin(route, 2) };
    let crossed = grant(quay.ask(fresh));
    assert_eq!((crossed.slot, crossed.uses), (held.slot, 0));
    let waiter = quay.wait_of(route, 1);
    assert_eq!(quay.release(crossed.lease, Condition::Unused), Released::HandedOn);
    quay.granted(waiter);
    quay.quiet();
}

#[test]
fn a_fresh_lease_waits_for_no_proof() {
    let (mut quay, route) = Quay::of(2);
    quay.idle_of(route, 1);
    let fresh = waiting(quay.ask(Request { fresh: true, ..quay.of_kin(route, 2) }));
    let slot = quay.connect_event();
    quay.quiet();
    quay.open(slot);
    assert_eq!(quay.granted(fresh).uses, 0);
}

#[test]
fn who_does_not_wait_gets_nothing_that_needs_a_proof() {
    let (mut quay, route) = Quay::of(2);
    quay.idle_of(route, 1);
    let no_wait = Request { no_wait: true, ..quay.of_kin(route, 2) };
    assert_eq!(refusal(quay.ask(no_wait)), Refusal::QueueTimeout);
    quay.quiet();
}

#[test]
fn one_for_whom_a_proof_can_begin_is_let_in_beyond_the_queue() {
    let mut quay = Quay::new();
    let config = RouteConfig { max_connections: 1, max_waiters: 0, ..RouteConfig::default() };
    let route = quay.pool.add_route(config);
    let idle = quay.idle_of(route, 1);
    let waiter = quay.wait_of(route, 2);
    quay.probe_event();
    assert_eq!(refusal(quay.lease_of(route, 2)), Refusal::QueueFull);
    quay.pool.probed(quay.now, idle.slot);
    quay.granted(waiter);
}

#[test]
fn at_the_cap_of_its_route_a_stranger_evicts_what_nobody_waits_for() {
    let (mut quay, route) = Quay::of(2);
    let held = [quay.held_of(route, 1), quay.held_of(route, 1)];
    let other = quay.wait_of(route, 2);
    quay.release(held[0].lease, Condition::Reusable);
    assert_eq!(quay.probe_event(), held[0].slot);
    // It is being proven for somebody who waits.
    let stranger = quay.wait_as(route, 5);
    quay.quiet();
    quay.pool.cancel(quay.now, other).expect("it waits");
    assert_eq!(quay.close_event(), (held[0].slot, CloseCause::Evicted, How::Reset));
    let slot = quay.connect_event();
    quay.open(slot);
    quay.granted(stranger);
}

#[test]
fn a_paused_route_proves_nothing_until_it_goes_on() {
    let (mut quay, route) = Quay::of(2);
    let idle = quay.idle_of(route, 1);
    quay.pool.pause_route(quay.now, route);
    let waiter = quay.wait_of(route, 2);
    quay.quiet();
    quay.pool.resume_route(quay.now, route);
    assert_eq!(quay.probe_event(), idle.slot);
    quay.pool.pause_route(quay.now, route);
    quay.pool.probed(quay.now, idle.slot);
    quay.quiet();
    assert_eq!(quay.counts(route).idle, 1, "the answer came too late");
    quay.pool.resume_route(quay.now, route);
    quay.probe_event();
    quay.pool.probed(quay.now, idle.slot);
    quay.granted(waiter);
}

#[test]
fn what_is_past_its_time_is_closed_and_not_proven() {
    let mut quay = Quay::new();
    let config = RouteConfig { max_uses: 1, ..RouteConfig::default() };
    let route = quay.pool.add_route(RouteConfig { max_uses: 0, ..config.clone() });
    let idle = quay.idle_of(route, 1);
    quay.pool.configure_route(quay.now, route, config);
    quay.wait_of(route, 2);
    assert_eq!(quay.close_event(), (idle.slot, CloseCause::MaxUses, How::Orderly));
    quay.connect_event();
    quay.quiet();
}

#[test]
fn after_a_sleep_one_probe_is_proof_of_both() {
    let (mut quay, route) = Quay::of(1);
    let idle = quay.idle_of(route, 1);
    quay.suspend(2 * SEC);
    let waiter = quay.wait_of(route, 2);
    let doubt = Doubt::Alive;
    assert_eq!(quay.event(), Some(Event::Probe { slot: idle.slot, connection: 1, doubt }));
    quay.pool.probed(quay.now, idle.slot);
    assert_eq!(quay.granted(waiter).slot, idle.slot);
}

#[test]
fn reuse_says_which_one_is_proven() {
    for (reuse, at) in [(Reuse::Lifo, 1), (Reuse::Fifo, 0)] {
        let mut quay = Quay::new();
        let route = quay.pool.add_route(RouteConfig { reuse, ..RouteConfig::default() });
        let held = [quay.held_of(route, 1), quay.held_of(route, 3)];
        for grant in held {
            quay.release(grant.lease, Condition::Reusable);
        }
        quay.wait_of(route, 2);
        assert_eq!(quay.probe_event(), held[at].slot, "{reuse:?}");
    }
}

#[test]
fn a_drained_route_closes_what_was_proven() {
    let (mut quay, route) = Quay::of(1);
    let idle = quay.idle_of(route, 1);
    let waiter = quay.wait_of(route, 2);
    quay.probe_event();
    quay.pool.drain_route(quay.now, route);
    assert_eq!(quay.refused(waiter), Refusal::Draining);
    quay.pool.probed(quay.now, idle.slot);
    assert_eq!(quay.close_event(), (idle.slot, CloseCause::Drain, How::Orderly));
    quay.pool.closed(quay.now, idle.slot);
    assert!(quay.pool.is_empty());
    assert_eq!(quay.pool.keys(), 0);
}

#[test]
fn what_was_kept_ready_and_went_to_another_domain_is_made_up_for() {
    let mut quay = Quay::new();
    let config = RouteConfig { min_idle: 1, max_connections: 4, ..RouteConfig::default() };
    let route = quay.pool.add_route(config);
    quay.sleep(2 * SEC);
    let ready = quay.connect_event();
    assert!(quay.open(ready));
    let own = grant(quay.lease_of(route, 1));
    quay.sleep(2 * SEC);
    let beside = quay.connect_event();
    assert!(quay.open(beside));
    quay.pool.lost(quay.now, beside, CloseCause::PeerRst);
    quay.release(own.lease, Condition::Reusable);
    quay.sleep(2 * SEC);
    quay.quiet();
    let waiter = quay.wait_of(route, 2);
    assert_eq!(quay.probe_event(), own.slot);
    quay.pool.probed(quay.now, own.slot);
    quay.granted(waiter);
    quay.sleep(2 * SEC);
    quay.connect_event();
}
