//! What anybody would write down about a pool who only listens: lists, and no cleverness.

use std::collections::{BTreeMap, BTreeSet};

use wharf_pool::stats::StateCounts;
use wharf_pool::time::{Duration, Instant, Now};
use wharf_pool::{
    AddressId, ClientId, CloseCause, Doubt, Event, FamilyId, Grant, How, KeyId, LeaseId, Pool,
    PoolConfig, RouteConfig, RouteId, SlotId, Source, WaiterId,
};

use crate::held::Held;
use crate::turns::Turns;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Connecting,
    /// Free at this moment: an event says who has it, or it is idle.
    Free,
    Idle,
    Leased(LeaseId),
    Settling,
    Suspect,
    Quarantined,
    Closing,
}

/// The family of a key. The first two keys may have each other's connections.
pub(crate) fn family_of(key: KeyId) -> Option<FamilyId> {
    (key.0 < 2).then_some(FamilyId(7))
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Berth {
    pub(crate) route: RouteId,
    pub(crate) place: Place,
    pub(crate) key: Option<KeyId>,
    pub(crate) carried: bool,
    /// Its peer has just said that nothing is under way, and it was not leased since.
    pub(crate) proven: bool,
    pub(crate) lost: bool,
    /// Its address has failed since it was opened.
    pub(crate) dead: bool,
    /// Since when it idles, in boot time.
    pub(crate) since: Option<Instant>,
    /// Its lease, and what was told of how long that is held.
    pub(crate) held: Held,
    /// How long it may idle by its peer's word.
    pub(crate) hint: Option<Duration>,
    /// How many had ever waited when the attempt began.
    pub(crate) before: u64,
    /// The number of one who was asking when the attempt began. What he found too old was closed
    /// before he queued, and may have made the room: then the attempt is not for him.
    pub(crate) asking: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) id: WaiterId,
    pub(crate) route: RouteId,
    pub(crate) client: ClientId,
    pub(crate) key: KeyId,
    pub(crate) fresh: bool,
    pub(crate) deadline: Instant,
    /// How many had ever waited when it came.
    pub(crate) number: u64,
}

/// What the operator lets a route do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Gate {
    Open,
    Paused,
    Denied,
}

#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) id: RouteId,
    pub(crate) config: RouteConfig,
    pub(crate) gate: Gate,
    /// Attempts at a time while it comes back from a failure.
    pub(crate) allowance: Option<usize>,
}

#[derive(Default, Debug)]
pub(crate) struct Naive {
    /// Every slot with its one place.
    pub(crate) berths: BTreeMap<SlotId, Berth>,
    /// In the order of arrival.
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) turns: Turns,
    pub(crate) routes: Vec<Route>,
    /// Ages of idle connections that were closed by a peer, and its address.
    pub(crate) fins: Vec<(AddressId, Duration)>,
    /// Addresses that a route has no more, while connections lead there.
    pub(crate) removed: BTreeSet<(RouteId, AddressId)>,
    /// Addresses that have failed and were not heard from since.
    pub(crate) failed: BTreeSet<AddressId>,
    /// When each address was last suspect: idle connections to it may be set aside for a while after.
    pub(crate) suspected: BTreeMap<AddressId, Instant>,
    /// How many have ever waited.
    pub(crate) arrivals: u64,
    /// The number of one who is asking now, and waits.
    pub(crate) asking: Option<u64>,
    /// How many have left of themselves since the pool was last heard out.
    pub(crate) left: usize,
    /// Leases of connections that another key had before.
    pub(crate) crossed: u64,
}

impl Naive {
    /// Whether a connection may be leased to `key` at once.
    pub(crate) fn may_use(berth: &Berth, key: KeyId, fresh: bool) -> bool {
        let crosses = |own| family_of(own).is_some() && family_of(own) == family_of(key);
        let is_quiet = !berth.carried || berth.proven;
        let is_for = |own| own == key || (crosses(own) && is_quiet);
        berth.key.is_none_or(is_for) && !(fresh && berth.carried)
    }

    /// How many wait for any connection of the family of `key`, and how many are being proven.
    pub(crate) fn in_family(&self, route: RouteId, key: KeyId) -> (usize, usize) {
        let Some(family) = family_of(key) else { return (0, 0) };
        let is_kin = |of: RouteId, key: KeyId| of == route && family_of(key) == Some(family);
        let waiting = self.waiting.iter().filter(|w| !w.fresh && is_kin(w.route, w.key)).count();
        let proving = self.berths.values().filter(|berth| {
            berth.place == Place::Quarantined
                && berth.key.is_some_and(|key| is_kin(berth.route, key))
        });
        (waiting, proving.count())
    }

    /// Whose turn it is for a connection.
    pub(crate) fn next(&self, berth: &Berth) -> Option<&Waiting> {
        let (waiting, proving) = self.in_family(berth.route, berth.key.unwrap_or_default());
        self.turns.next(berth, &self.waiting, proving >= waiting)
    }

    /// How many who wait on a route will be served by what is being proven.
    pub(crate) fn covered(&self, route: RouteId) -> usize {
        let (waiting, proving) = self.in_family(route, KeyId(0));
        waiting.min(proving)
    }

    pub(crate) fn slots(&self, of: impl Fn(&Place) -> bool) -> Vec<SlotId> {
        let found = self.berths.iter().filter(|(_, berth)| of(&berth.place));
        found.map(|(slot, _)| *slot).collect()
    }

    pub(crate) fn held(&self) -> Vec<(SlotId, LeaseId)> {
        let lease = |berth: &Berth| {
            let Place::Leased(lease) = berth.place else { return None };
            Some(lease)
        };
        self.berths.iter().filter_map(|(slot, berth)| Some((*slot, lease(berth)?))).collect()
    }

    /// A grant to `key`: the slot was free for it.
    pub(crate) fn granted(
        &mut self,
        now: Now,
        grant: &Grant<u64>,
        key: KeyId,
        fresh: bool,
        from: Place,
    ) {
        assert!(!self.is_astray(grant.slot), "{grant:?} leads to no address of its route");
        let berth = self.berths.get_mut(&grant.slot).expect("a granted slot exists");
        assert_eq!(berth.place, from, "handed out twice: {grant:?}");
        assert!(!berth.dead, "handed out though its path is dead: {grant:?}");
        assert!(Self::may_use(berth, key, fresh), "{grant:?} is not for {key:?}");
        assert_eq!(grant.uses > 0, berth.carried);
        assert_eq!(grant.connection, grant.slot.to_bits(), "the connection of another slot");
        assert!(grant.source != Source::New || berth.key.is_none(), "new means never leased");
        self.crossed += u64::from(berth.key.is_some_and(|own| own != key) && berth.carried);
        berth.key = Some(key);
        berth.proven = false;
        berth.place = Place::Leased(grant.lease);
        berth.held = Held::since(now.monotonic);
        berth.since = None;
    }

    pub(crate) fn join(&mut self, waits: Waiting) {
        self.turns.join(&waits);
        self.waiting.push(waits);
    }

    /// A waiter ends, served or not.
    pub(crate) fn leave(&mut self, waiter: WaiterId, served: bool) -> Waiting {
        let place = self.waiting.iter().position(|waits| waits.id == waiter);
        let waits = self.waiting.remove(place.expect("a waiter ends once"));
        self.turns.leave(&waits, served, &self.waiting);
        waits
    }

    pub(crate) fn hear(&mut self, now: Now, event: Event<u64>) {
        match event {
            Event::Connect { slot, route } => {
                self.check_elision(route);
                let fresh = Berth {
                    route,
                    place: Place::Connecting,
                    key: None,
                    carried: false,
                    proven: false,
                    lost: false,
                    dead: false,
                    since: None,
                    held: Held::default(),
                    hint: None,
                    before: self.arrivals,
                    asking: self.asking,
                };
                assert!(self.berths.insert(slot, fresh).is_none(), "one slot, two attempts");
            }
            Event::Abandon { slot } => {
                let berth = self.berths.remove(&slot).expect("an attempt that is known");
                assert_eq!(berth.place, Place::Connecting);
                self.failed(berth.route);
            }
            Event::Granted { waiter, grant } => {
                let berth = self.berths[&grant.slot];
                let next = self.next(&berth).map(|waits| waits.id);
                assert_eq!(next, Some(waiter), "it was another's turn");
                let waits = self.leave(waiter, true);
                assert!(now.monotonic < waits.deadline, "granted after the deadline");
                assert_eq!(berth.route, waits.route);
                // A route that goes on after a pause gives out what is idle.
                let from = if berth.place == Place::Idle { Place::Idle } else { Place::Free };
                assert!(from == Place::Free || grant.source == Source::Idle);
                assert_eq!(self.gate(waits.route), Gate::Open, "granted behind a closed gate");
                self.granted(now, &grant, waits.key, waits.fresh, from);
            }
            Event::Refused { waiter, .. } => {
                self.leave(waiter, false);
            }
            Event::Close { slot, how, cause, .. } => {
                self.check_patience(now, slot, cause);
                let is_astray = self.is_astray(slot);
                assert!(is_astray || cause != CloseCause::DnsRemoved, "its address is there");
                let berth = self.berths.get_mut(&slot).expect("a close of what exists");
                assert_ne!(berth.place, Place::Closing, "closed twice");
                assert_ne!(berth.place, Place::Connecting, "closed before it was opened");
                berth.place = Place::Closing;
                if how == How::Reset {
                    self.berths.remove(&slot);
                }
            }
            Event::Overdue { lease, limit, .. } => {
                let place = Place::Leased(lease);
                let berth = self.berths.values_mut().find(|berth| berth.place == place);
                let berth = berth.expect("what is overdue is held");
                let route = self.routes.iter().find(|route| route.id == berth.route);
                let config = route.map(|route| &route.config);
                berth.held.told(now.monotonic, limit, config);
            }
            Event::Ask { .. }
            | Event::AddressFailed { .. }
            | Event::AddressRecovered { .. }
            | Event::Knock { .. } => self.hear_of_address(event),
            Event::Probe { slot, doubt, .. } => self.hear_probe(now, slot, doubt),
        }
    }

    /// Whether a lease has passed a limit, and nobody was told.
    pub(crate) fn keeps_silent(&self, now: Now) -> bool {
        self.routes.iter().any(|route| {
            let of_route = self.berths.values().filter(|berth| berth.route == route.id);
            let mut leased = of_route.filter(|berth| matches!(berth.place, Place::Leased(_)));
            leased.any(|berth| berth.held.is_untold(now.monotonic, &route.config))
        })
    }

    /// A peer is asked: about an idle connection, and for its family only if somebody waits.
    fn hear_probe(&mut self, now: Now, slot: SlotId, doubt: Doubt) {
        let berth = self.berths[&slot];
        assert!(matches!(berth.place, Place::Idle | Place::Free), "{:?}", berth.place);
        let (waiting, proving) = self.in_family(berth.route, berth.key.unwrap_or_default());
        let is_wanted = berth.carried && proving < waiting + self.left;
        assert!(doubt == Doubt::Alive || is_wanted, "proven for nobody");
        let berth = self.berths.get_mut(&slot).expect("a probe of what exists");
        berth.place = match doubt {
            Doubt::Alive => Place::Suspect,
            Doubt::Quiet => Place::Quarantined,
        };
        berth.since.get_or_insert(now.boot);
    }

    /// Attempts begin for those who wait and have nothing else to come, and to keep some ready.
    fn check_elision(&self, route: RouteId) {
        let found = self.routes.iter().find(|found| found.id == route);
        if found.is_some_and(|route| route.config.min_idle == 0) {
            let waiting = self.waiting.iter().filter(|waits| waits.route == route).count();
            let coming = self.counts(Some(route), false).connecting + self.covered(route);
            assert!(coming < waiting + self.left, "an attempt that nobody needs");
        }
    }

    pub(crate) fn gate(&self, route: RouteId) -> Gate {
        let found = self.routes.iter().find(|found| found.id == route);
        found.map_or(Gate::Denied, |route| route.gate)
    }

    /// An attempt of the route has failed: it rests, and then one at a time may try.
    pub(crate) fn failed(&mut self, route: RouteId) {
        let found = self.routes.iter_mut().find(|found| found.id == route);
        if let Some(route) = found.filter(|route| !route.config.backoff_max.is_zero()) {
            route.allowance = Some(1);
        }
    }

    /// One has succeeded: twice as many may.
    pub(crate) fn connected(&mut self, route: RouteId) {
        if let Some(route) = self.routes.iter_mut().find(|found| found.id == route) {
            let doubled = route.allowance.map(|allowance| allowance * 2);
            route.allowance = doubled.filter(|most| *most < route.config.max_connecting);
        }
    }

    pub(crate) fn counts(&self, route: Option<RouteId>, draining: bool) -> StateCounts {
        let mut counts = StateCounts::default();
        for berth in self.berths.values().filter(|b| route.is_none_or(|route| route == b.route)) {
            match berth.place {
                Place::Connecting => counts.connecting += 1,
                Place::Idle | Place::Free => counts.idle += 1,
                Place::Leased(_) if berth.lost || draining => counts.draining += 1,
                Place::Leased(_) => counts.leased += 1,
                Place::Settling => counts.settling += 1,
                Place::Suspect => counts.suspect += 1,
                Place::Quarantined => counts.quarantined += 1,
                Place::Closing => {}
            }
        }
        counts
    }

    /// Whether a lowered limit is still passed.
    pub(crate) fn is_over(&self, limits: &PoolConfig) -> bool {
        let total = self.counts(None, false);
        let over = |route: &Route| {
            let counts = self.counts(Some(route.id), false);
            counts.total() > route.config.max_connections
                || counts.connecting > route.config.max_connecting
        };
        total.total() > limits.max_total
            || total.connecting > limits.max_connecting_total
            || self.routes.iter().any(over)
    }

    /// The rules, as anybody may read them. `over` is said while a lowered limit takes effect.
    pub(crate) fn check(&self, now: Now, pool: &Pool<u64>, over: bool) {
        let stats = pool.stats();
        let total = self.counts(None, false);
        assert_eq!(
            stats.opened.total() - stats.closed.total(),
            u64::try_from(total.live()).expect("few"),
            "opened less closed is what is there"
        );
        self.check_addresses(now.monotonic);
        assert_eq!(pool.waiters(), self.waiting.len());
        let limits = pool.limits();
        assert!(over || total.total() <= limits.max_total, "more than max_total");
        assert!(over || total.connecting <= limits.max_connecting_total);
        for route in &self.routes {
            let counts = self.counts(Some(route.id), false);
            let snapshot = pool.route_snapshot(now, route.id).expect("a route");
            self.check_counts(now, route.id, snapshot.connections, counts);
            let most = route.config.max_connections;
            assert!(over || counts.total() <= most, "more than max_connections");
            assert!(over || counts.connecting <= route.config.max_connecting);
            let rests = !(snapshot.backoff.is_zero() && snapshot.eliding.is_zero());
            if route.gate == Gate::Open {
                self.check_waiters(now.monotonic, route, rests, (counts, total), limits);
            }
        }
    }

    fn check_waiters(
        &self,
        now: Instant,
        route: &Route,
        rests: bool,
        (counts, total): (StateCounts, StateCounts),
        limits: &PoolConfig,
    ) {
        let waiting = || self.waiting.iter().filter(|waits| waits.route == route.id);
        for (&slot, berth) in self.berths.iter().filter(|(_, berth)| berth.route == route.id) {
            let idle = berth.place == Place::Idle;
            if self.may_be_aside(now, slot) {
                continue;
            }
            let passed = |w: &Waiting| now < w.deadline && Self::may_use(berth, w.key, w.fresh);
            assert!(!(idle && waiting().any(passed)), "a waiter beside an idle connection");
            let (wait, proving) = self.in_family(route.id, berth.key.unwrap_or_default());
            assert!(!(idle && berth.carried && proving < wait), "idle, and proven for nobody");
        }
        let most = route.config.max_connecting;
        let most = route.allowance.map_or(most, |allowance| allowance.min(most));
        let covered = self.covered(route.id);
        let wants = waiting().count() > counts.connecting + covered
            && counts.connecting < most
            && total.connecting < limits.max_connecting_total;
        // What is set aside is not evicted.
        let idle = |slot: &SlotId| !self.may_be_aside(now, *slot);
        let idle = |of: Option<RouteId>| {
            let idle = self.slots(|place| *place == Place::Idle).into_iter().filter(idle);
            idle.filter(|slot| of.is_none_or(|of| self.berths[slot].route == of)).count()
        };
        let own = counts.total() < route.config.max_connections
            || (counts.total() == route.config.max_connections
                && idle(Some(route.id)) + counts.quarantined > covered);
        // What routes keep ready is not evicted for others.
        let spare = self.routes.iter().any(|other| idle(Some(other.id)) > other.config.min_idle);
        let all = total.total() < limits.max_total || (total.total() == limits.max_total && spare);
        assert!(rests || !(wants && own && all), "a waiter is stopped though there is room");
    }
}
