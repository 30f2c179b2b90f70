//! Takes random steps, tells the model, and asks it.

use wharf_pool::time::{Duration, Now};
use wharf_pool::{
    AddressId, Cancelled, ClientId, CloseCause, Condition, ConnectError, ConnectFailure, KeyId,
    LeaseId, Outcome, PoolConfig, Refusal, Released, Request, Reuse, RouteConfig, RouteId, Silence,
    SlotId, Source,
};

use crate::naive::{Gate, Naive, Place, Route, Waiting, family_of};
use crate::patience::{self, ROUND_TRIP};
use crate::planted::{Fault, Planted};

const MS: Duration = Duration::from_millis(1);
const SEC: Duration = Duration::from_secs(1);

/// What all runs together must have seen, or they proved little.
#[derive(Default)]
pub(crate) struct Reached {
    closed: Vec<CloseCause>,
    refused: Vec<Refusal>,
    leased: Vec<Source>,
    cancelled_after_offer: u64,
    crossed: u64,
}

impl Reached {
    pub(crate) fn add(&mut self, driver: &Driver) {
        let stats = driver.pool.stats();
        self.closed.extend(stats.closed.iter().filter(|(_, n)| *n > 0).map(|(cause, _)| cause));
        self.refused.extend(stats.lease_failures.iter().filter(|(_, n)| *n > 0).map(|(r, _)| r));
        self.leased.extend(stats.leases.iter().filter(|(_, n)| *n > 0).map(|(source, _)| source));
        self.cancelled_after_offer += stats.cancels_after_offer;
        self.crossed += driver.naive.crossed;
    }

    pub(crate) fn check(&self) {
        use CloseCause as C;
        let own = [C::IdleTimeout, C::MaxLifetime, C::MaxUses, C::Evicted, C::LimitLowered];
        let peers = [C::LearnedIdle, C::KeepaliveHint, C::DnsRemoved, C::PeerFin, C::DataWhileIdle];
        let later = [C::PathDead, C::Drain, C::UnackedBytes, C::ProbeFailed, C::Shutdown];
        for cause in own.into_iter().chain(peers).chain(later) {
            assert!(self.closed.contains(&cause), "no run closed by {cause}");
        }
        for &refusal in Refusal::ALL {
            let by_connect = ConnectError::ALL.iter().any(|&e| Refusal::from(e) == refusal);
            let reached = self.refused.contains(&refusal);
            let drawn = refusal == Refusal::ConnectionRefused;
            assert!(reached || (by_connect && !drawn), "no run refused by {refusal}");
        }
        for source in Source::ALL {
            assert!(self.leased.contains(source), "no run leased from {source}");
        }
        assert!(self.cancelled_after_offer > 0);
        assert!(self.crossed > 0, "no connection went to another key");
    }
}

pub(crate) struct Driver {
    pool: Planted,
    naive: Naive,
    now: Now,
    state: u64,
    /// Leases that have ended.
    ended: Vec<LeaseId>,
    /// A limit was lowered, and what was there before may still be there.
    over: bool,
    trace: Vec<String>,
}

impl Driver {
    pub(crate) fn new(seed: u64, fault: Option<Fault>) -> Self {
        let config = PoolConfig {
            max_total: 6,
            max_waiters_total: 9,
            probe_after_idle: 3 * SEC,
            ..PoolConfig::default()
        };
        let mut driver = Self {
            pool: Planted::new(config, seed, fault),
            naive: Naive::default(),
            now: Now::awake_for(Duration::from_secs(1)),
            state: seed,
            ended: Vec::new(),
            over: false,
            trace: Vec::new(),
        };
        for _ in 0..3 {
            let config = driver.draw_config();
            let id = driver.pool.add_route(config.clone());
            driver.naive.routes.push(Route { id, config, gate: Gate::Open, allowance: None });
        }
        driver
    }

    pub(crate) fn trace(&self) -> String {
        self.trace.join("\n")
    }

    /// Takes the step that this number draws.
    pub(crate) fn step(&mut self, number: u64) {
        self.state = number;
        let drawn = self.below(100);
        self.trace.push(format!("{:?}", self.now.monotonic));
        match drawn {
            0..30 => self.lease(),
            30..47 => self.release(),
            47..50 => self.offer_and_cancel(),
            50..64 => self.connect_ends(),
            64..70 => self.cancel(),
            70..74 => self.lose(),
            74..80 => self.settle_or_probe(),
            80..82 => self.transport_done(),
            83 => self.change_addresses(),
            82 => self.doubt(),
            84..90 => self.pass_time(),
            90..93 => self.idle_out(),
            93 => self.operate(),
            94..96 => self.crash(),
            96..98 => self.change_limits(),
            98 => self.replace_route(),
            _ => self.misuse(),
        }
        self.listen();
    }

    /// Everybody leaves. Nothing may be left.
    pub(crate) fn wind_up(&mut self) {
        self.trace.push("wind up".to_owned());
        if self.below(2) == 0 {
            self.pool.drain(self.now);
            self.hear_all();
        }
        self.pool.shutdown(self.now);
        self.naive.routes.clear();
        self.hear_all();
        for (_, lease) in self.naive.held() {
            let released = self.pool.release(self.now, lease, Condition::Reusable);
            assert!(matches!(released, Ok(Released::Closed(_))), "kept after shutdown");
        }
        for _ in 0..10 {
            self.now = self.now + Duration::from_secs(20);
            self.pool.handle_timeout(self.now);
            self.hear_all();
            self.transport_done_with_all();
        }
        // Who is failed is knocked at for ever.
        for address in patience::ADDRESSES {
            self.pool.heard(self.now, address, self.now.monotonic);
        }
        self.hear_all();
        self.now = self.now + Duration::from_secs(60);
        self.pool.handle_timeout(self.now);
        self.hear_all();
        assert!(self.pool.is_empty(), "{:?} {:?}", self.pool.connections(), self.naive);
        assert_eq!(self.pool.keys(), 0);
        assert_eq!(self.pool.poll_timeout(), None);
        assert_eq!(self.pool.stats().opened.total(), self.pool.stats().closed.total());
        let stats = self.pool.stats();
        assert_eq!(stats.leases.total(), stats.releases.total(), "each lease has one end");
    }

    fn lease(&mut self) {
        let place = self.place(self.naive.routes.len());
        let key = KeyId(u32::try_from(self.below(4)).expect("few"));
        let request = Request {
            route: self.naive.routes[place].id,
            client: ClientId(self.below(3)),
            key,
            family: family_of(key),
            deadline: self.now.monotonic + MS * u32::try_from(self.below(3000)).expect("few"),
            fresh: self.below(8) == 0,
            no_wait: self.below(10) == 0,
        };
        let outcome = self.pool.lease(self.now, request);
        self.trace.push(format!("   {request:?} -> {outcome:?}"));
        match outcome {
            Outcome::Granted(grant) => {
                self.hear_all_but_idle();
                let older = |w: &Waiting| w.route == request.route && self.is_usable(&grant, w);
                assert!(!self.naive.waiting.iter().any(older), "barged in");
                assert_eq!(grant.source, Source::Idle);
                assert_eq!(self.naive.gate(request.route), Gate::Open, "granted at a closed gate");
                self.naive.granted(self.now, &grant, request.key, request.fresh, Place::Idle);
            }
            Outcome::Waiting(id) => {
                self.naive.join(Waiting {
                    id,
                    route: request.route,
                    client: request.client,
                    key: request.key,
                    fresh: request.fresh,
                    deadline: request.deadline,
                    number: self.naive.arrivals,
                });
                self.naive.asking = Some(self.naive.arrivals);
                self.naive.arrivals += 1;
                self.hear_all();
                self.naive.asking = None;
                self.check_admission(request);
            }
            Outcome::Refused(denial) => {
                self.hear_all();
                self.check_refusal(request, denial.refusal);
            }
        }
    }

    fn is_usable(&self, grant: &wharf_pool::Grant<u64>, waits: &Waiting) -> bool {
        let berth = &self.naive.berths[&grant.slot];
        self.now.monotonic < waits.deadline && Naive::may_use(berth, waits.key, waits.fresh)
    }

    /// Beyond the limits only those may wait for whom an attempt is under way.
    fn check_admission(&self, request: Request) {
        let waiting = &self.naive.waiting;
        let route = self.naive.routes.iter().find(|route| route.id == request.route);
        let config = &route.expect("a route that is there").config;
        let on_route = waiting.iter().filter(|waits| waits.route == request.route).count();
        let of_client = waiting.iter().filter(|waits| waits.client == request.client).count();
        let connecting = self.naive.counts(Some(request.route), false).connecting;
        let served = connecting + self.naive.covered(request.route) >= on_route;
        let all = waiting.len() <= self.pool.limits().max_waiters_total;
        let fits = on_route <= config.max_waiters && of_client <= config.max_waiters_per_client;
        assert!(served || (all && fits), "one too many waits");
    }

    fn check_refusal(&self, request: Request, refusal: Refusal) {
        let waiting = &self.naive.waiting;
        let route = self.naive.routes.iter().find(|route| route.id == request.route);
        let config = &route.expect("a route that is there").config;
        let on_route = waiting.iter().filter(|waits| waits.route == request.route).count();
        let of_client = waiting.iter().filter(|waits| waits.client == request.client).count();
        let full =
            on_route >= config.max_waiters || waiting.len() >= self.pool.limits().max_waiters_total;
        let reasons = [
            (Refusal::QueueTimeout, request.no_wait || request.deadline <= self.now.monotonic),
            (Refusal::QueueFull, full),
            (Refusal::Denied, self.naive.gate(request.route) == Gate::Denied),
            (Refusal::WouldTimeOut, on_route >= self.servers(request.route)),
            (Refusal::Backoff, self.is_resting(request.route)),
            (Refusal::Quota, of_client >= config.max_waiters_per_client),
        ];
        let just = reasons.contains(&(refusal, true));
        assert!(just, "refused by {refusal} without reason");
    }

    /// Connections whose leases will end: no fewer may wait, however long that takes.
    fn servers(&self, route: RouteId) -> usize {
        let counts = self.naive.counts(Some(route), false);
        counts.leased + counts.settling
    }

    /// Whether a route rests after a failure, and has no connection to wait for.
    fn is_resting(&self, route: RouteId) -> bool {
        let snapshot = self.pool.route_snapshot(self.now, route).expect("a route");
        !snapshot.backoff.is_zero() && self.naive.counts(Some(route), false).total() == 0
    }

    fn release(&mut self) {
        let held = self.naive.held();
        if held.is_empty() {
            return;
        }
        let (slot, lease) = held[self.place(held.len())];
        let condition = match self.below(10) {
            0 | 1 => Condition::Unused,
            2 => Condition::Settling { until: self.now.monotonic + 300 * MS },
            3 => Condition::Spent(CloseCause::ClientDiscard),
            4 => Condition::Spent(CloseCause::UnreadBytes),
            _ => Condition::Reusable,
        };
        if self.below(6) == 0 {
            let hint = MS * u32::try_from(self.below(5000)).expect("few");
            self.pool.on_round_trip(lease, ROUND_TRIP);
            self.pool.on_keep_alive(lease, hint);
            self.naive.berths.get_mut(&slot).expect("a leased slot").hint = Some(hint);
        }
        self.give_back(slot, lease, condition);
    }

    fn give_back(&mut self, slot: SlotId, lease: LeaseId, condition: Condition) {
        let over = self.is_over(slot);
        self.pool.on_round_trip(lease, ROUND_TRIP);
        let released = self.pool.release(self.now, lease, condition).expect("a lease that is held");
        self.trace.push(format!("   {lease:?} {condition:?} -> {released:?}"));
        self.ended.push(lease);
        let berth = self.naive.berths.get_mut(&slot).expect("a leased slot");
        berth.carried |= condition != Condition::Unused;
        match released {
            Released::Kept | Released::HandedOn | Released::Closed(_) => berth.place = Place::Free,
            Released::Settling => berth.place = Place::Settling,
        }
        assert!(!over || matches!(released, Released::Closed(_)), "kept beyond a limit");
        let is_kept = matches!(released, Released::Kept | Released::HandedOn);
        assert!(!(berth.dead && is_kept), "kept though its path is dead");
        if berth.lost {
            assert!(matches!(released, Released::Closed(_)), "what is lost is not kept");
            self.naive.berths.remove(&slot);
        }
    }

    /// Whether there are more connections than may be, of which this is one.
    fn is_over(&self, slot: SlotId) -> bool {
        let route = self.naive.berths[&slot].route;
        let of_route = self.naive.counts(Some(route), false).total();
        let route = self.naive.routes.iter().find(|found| found.id == route);
        self.naive.counts(None, false).total() > self.pool.limits().max_total
            || route.is_some_and(|route| of_route > route.config.max_connections)
    }

    fn connect_ends(&mut self) {
        let Some(slot) = self.any_slot(|place| *place == Place::Connecting) else { return };
        let drawn = self.below(8);
        let berth = self.naive.berths.get_mut(&slot).expect("an attempt");
        let (route, before, asking) = (berth.route, berth.before, berth.asking);
        match drawn {
            0 => {
                self.fail_hard(slot, route, before, asking);
            }
            1 => {
                let error = ConnectError::NoPort;
                self.naive.berths.remove(&slot);
                self.pool.open_failed(self.now, slot, ConnectFailure { error, hard: false });
                self.naive.failed(route);
            }
            _ => {
                berth.place = Place::Free;
                self.naive.connected(route);
                let (now, bits) = (self.now, slot.to_bits());
                assert!(match patience::address_of(slot) {
                    Some(address) => self.pool.opened_at(now, slot, bits, address),
                    None => self.pool.opened(now, slot, bits),
                });
            }
        }
    }

    /// A definite answer refuses those who were there before the attempt, if nothing else could
    /// serve them, and nobody else (rule C).
    fn fail_hard(&mut self, slot: SlotId, route: RouteId, before: u64, asking: Option<u64>) {
        self.naive.berths.remove(&slot);
        let live = self.naive.counts(Some(route), false).live();
        let is_answered =
            |waits: &Waiting| live == 0 && waits.route == route && waits.number < before;
        let is_sure = |waits: &&Waiting| asking != Some(waits.number);
        let rest = self.naive.waiting.iter().filter(|waits| !is_answered(waits)).filter(is_sure);
        let rest: Vec<_> = rest.map(|waits| waits.id).collect();
        let error = ConnectError::ConnectionRefused;
        self.pool.open_failed(self.now, slot, ConnectFailure { error, hard: true });
        self.naive.failed(route);
        self.hear_all();
        let left = self.naive.waiting.iter().filter(is_sure);
        let left: Vec<_> = left.map(|waits| waits.id).collect();
        assert_eq!(left, rest, "who is left after a refused connect");
    }

    fn cancel(&mut self) {
        if self.naive.waiting.is_empty() {
            return;
        }
        let place = self.place(self.naive.waiting.len());
        let waits = self.naive.waiting[place];
        self.naive.leave(waits.id, false);
        self.naive.left += 1;
        let cancelled = self.pool.cancel(self.now, waits.id);
        self.trace.push(format!("   {:?} {cancelled:?}", waits.id));
        assert_eq!(cancelled, Ok(Cancelled::Waiting));
        assert!(self.pool.cancel(self.now, waits.id).is_err(), "cancelled twice");
    }

    /// A connection comes free, and before anybody is told a waiter withdraws (rule W).
    fn offer_and_cancel(&mut self) {
        if self.naive.waiting.is_empty() {
            return;
        }
        self.release();
        let place = self.place(self.naive.waiting.len());
        // The one to whom it has come, or any.
        let free = self.naive.berths.values().find(|berth| berth.place == Place::Free);
        let next = free.and_then(|berth| self.naive.next(berth));
        let waits = next.copied().unwrap_or(self.naive.waiting[place]);
        let cancelled = self.pool.cancel(self.now, waits.id).expect("not told yet");
        self.naive.leave(waits.id, matches!(cancelled, Cancelled::Delivered));
        self.naive.left += 1;
        self.trace.push(format!("   {:?} {cancelled:?}", waits.id));
    }

    fn lose(&mut self) {
        let Some(slot) = self.any_slot(|place| *place != Place::Connecting) else { return };
        let cause = if self.below(2) == 0 { CloseCause::PeerFin } else { CloseCause::PeerRst };
        self.lose_by(slot, cause);
    }

    fn lose_by(&mut self, slot: SlotId, cause: CloseCause) {
        self.trace.push(format!("   {slot:?} lost by {cause}"));
        if cause == CloseCause::PeerFin {
            self.naive.hear_fin(self.now, slot);
        }
        let berth = self.naive.berths.get_mut(&slot).expect("a slot");
        if matches!(berth.place, Place::Leased(_)) {
            berth.lost = true;
        } else {
            self.naive.berths.remove(&slot);
        }
        self.pool.lost(self.now, slot, cause);
        self.pool.lost(self.now, slot, CloseCause::TimedOut);
    }

    /// What was asked is answered: all is well, or bytes come; some keep silent.
    fn settle_or_probe(&mut self) {
        let waits =
            |place: &Place| matches!(place, Place::Settling | Place::Suspect | Place::Quarantined);
        let Some(slot) = self.any_slot(waits) else { return };
        let is_settling = self.naive.berths[&slot].place == Place::Settling;
        match self.below(8) {
            0 if !is_settling => return,
            1 if !is_settling => return self.lose_by(slot, CloseCause::DataWhileIdle),
            _ => {}
        }
        let berth = self.naive.berths.get_mut(&slot).expect("a slot");
        let was = core::mem::replace(&mut berth.place, Place::Free);
        berth.proven = was != Place::Settling;
        self.trace.push(format!("   {slot:?} answered"));
        if was == Place::Settling {
            self.pool.settled(self.now, slot);
        } else {
            self.pool.probed(self.now, slot);
        }
    }

    /// Something sent to an address was not acknowledged, or something came from there.
    fn doubt(&mut self) {
        let Some(slot) = self.any_slot(|_| true) else { return };
        let Some(address) = patience::address_of(slot) else { return };
        if self.below(5) == 0 {
            self.trace.push(format!("   {address:?} is heard"));
            return self.pool.heard(self.now, address, self.now.monotonic);
        }
        let silent = self.naive.berths[&slot].place;
        let window = MS * u32::try_from(20 + self.below(200)).expect("few");
        let heard = self.now.monotonic - MS * u32::try_from(self.below(400)).expect("few");
        let slot = matches!(silent, Place::Leased(_)).then_some(slot);
        let silence = Silence { address, slot, heard, window };
        self.trace.push(format!("   {silence:?}"));
        self.pool.on_silence(self.now, silence);
    }

    fn transport_done(&mut self) {
        if let Some(slot) = self.any_slot(|place| *place == Place::Closing) {
            self.naive.berths.remove(&slot);
            self.pool.closed(self.now, slot);
            self.pool.closed(self.now, slot);
        }
    }

    fn transport_done_with_all(&mut self) {
        for slot in self.naive.slots(|place| *place == Place::Closing) {
            self.naive.berths.remove(&slot);
            self.pool.closed(self.now, slot);
        }
    }

    /// All is given back, and time passes until the first peer has had enough of every connection,
    /// unless the pool is first.
    fn idle_out(&mut self) {
        for (slot, lease) in self.naive.held() {
            self.give_back(slot, lease, Condition::Reusable);
            self.hear_all();
        }
        while let Some((left, _)) = self.naive.next_fin(self.now) {
            self.pass(left);
        }
    }

    /// Time passes, moment by moment in which a peer closes a connection.
    fn pass(&mut self, elapsed: Duration) {
        let end = self.now.monotonic + elapsed;
        while let Some((left, slot)) = self.naive.next_fin(self.now)
            && self.now.monotonic + left <= end
        {
            self.now = self.now + left;
            self.pool.handle_timeout(self.now);
            self.listen();
            if self.naive.berths.get(&slot).is_some_and(|berth| berth.place == Place::Idle) {
                self.lose_by(slot, CloseCause::PeerFin);
                self.listen();
            }
        }
        self.now = self.now + end.since(self.now.monotonic);
    }

    fn pass_time(&mut self) {
        let elapsed = match self.below(10) {
            0 => Duration::from_secs(self.below(100)),
            _ => MS * u32::try_from(self.below(400)).expect("few"),
        };
        self.pass(elapsed);
        if self.below(12) == 0 {
            self.now.boot = self.now.boot + MS * u32::try_from(self.below(9000)).expect("few");
        }
        self.pool.handle_timeout(self.now);
        self.listen();
        let late = |waits: &Waiting| waits.deadline + 2 * MS <= self.now.monotonic;
        assert!(!self.naive.waiting.iter().any(late), "a deadline has passed unnoticed");
        assert!(!self.naive.keeps_silent(self.now), "a lease is overdue, and nobody was told");
    }

    /// Handles that are double, late, foreign or invented change nothing (rule R).
    fn misuse(&mut self) {
        let before = self.pool.connections();
        let rejected = self.pool.stats().releases_rejected.total();
        let lease = match self.ended.as_slice() {
            [] => LeaseId::from_bits(7, ClientId(1)),
            [.., last] if rejected.is_multiple_of(2) => *last,
            [first, ..] => *first,
        };
        assert!(self.pool.release(self.now, lease, Condition::Reusable).is_err());
        if let Some((_, lease)) = self.naive.held().first() {
            let foreign = LeaseId::from_bits(lease.to_bits(), ClientId(99));
            assert!(self.pool.release(self.now, foreign, Condition::Reusable).is_err());
        }
        let invented = SlotId::from_bits(self.draw());
        assert!(!self.pool.opened(self.now, invented, 7));
        self.pool.settled(self.now, invented);
        assert!(self.pool.stats().releases_rejected.total() > rejected);
        assert_eq!(self.pool.connections(), before);
    }

    /// A client is gone, with everything it held and waited for (rule G).
    fn crash(&mut self) {
        let client = ClientId(self.below(3));
        let gone = self.naive.waiting.iter().filter(|waits| waits.client == client);
        for waiter in gone.map(|waits| waits.id).collect::<Vec<_>>() {
            self.naive.leave(waiter, false);
            self.naive.left += 1;
            self.pool.cancel(self.now, waiter).expect("it waited");
        }
        for (slot, lease) in self.naive.held() {
            if lease.owner() == client {
                self.give_back(slot, lease, Condition::Spent(CloseCause::ClientDied));
                self.hear_all_but_idle();
            }
        }
    }

    fn change_limits(&mut self) {
        self.over = true;
        if self.below(2) == 0 {
            let max_total = 2 + self.place(6);
            let max_connecting_total = 1 + self.place(4);
            let config =
                PoolConfig { max_total, max_connecting_total, ..self.pool.limits().clone() };
            self.trace.push(format!("   {config:?}"));
            self.pool.configure(self.now, config);
        } else {
            let config = self.draw_config();
            let place = self.place(self.naive.routes.len());
            let route = &mut self.naive.routes[place];
            self.trace.push(format!("   {:?} {config:?}", route.id));
            route.config = config.clone();
            self.pool.configure_route(self.now, route.id, config);
        }
    }

    /// The operator closes a gate, or opens it, or has connections replaced.
    fn operate(&mut self) {
        let (place, drawn) = (self.place(self.naive.routes.len()), self.below(6));
        let route = &mut self.naive.routes[place];
        let id = route.id;
        self.trace.push(format!("   {id:?} is operated: {drawn}"));
        let gate = match drawn {
            0 => Gate::Paused,
            1 => Gate::Denied,
            2 => return self.pool.reconnect_route(self.now, id),
            3 => return self.empty(place),
            _ => Gate::Open,
        };
        route.gate = gate;
        match gate {
            Gate::Paused => self.pool.pause_route(self.now, id),
            Gate::Denied => self.pool.deny_route(self.now, id),
            Gate::Open => self.pool.resume_route(self.now, id),
        }
    }

    /// The operator lets a route run empty. Attempts that are given up for it have not failed.
    fn empty(&mut self, place: usize) {
        let route = &mut self.naive.routes[place];
        route.gate = Gate::Denied;
        let (id, allowance) = (route.id, route.allowance);
        self.pool.empty_route(self.now, id);
        self.hear_all();
        self.naive.routes[place].allowance = allowance;
    }

    /// An address is removed from a route's, or is there again.
    fn change_addresses(&mut self) {
        let (place, drawn) = (self.place(self.naive.routes.len()), self.below(3));
        let (route, address) = (self.naive.routes[place].id, AddressId(1 + self.below(2)));
        self.trace.push(format!("   {address:?} of {route:?}: {drawn}"));
        if drawn == 0 {
            self.naive.removed.remove(&(route, address));
            self.pool.restore_address(route, address);
        } else {
            self.naive.remove_address(route, address);
            self.pool.remove_address(self.now, route, address);
        }
    }

    fn replace_route(&mut self) {
        let place = self.place(self.naive.routes.len());
        let gone = self.naive.routes.remove(place).id;
        self.trace.push(format!("   {gone:?} removed"));
        self.pool.remove_route(self.now, gone);
        self.hear_all();
        for (slot, lease) in self.naive.held() {
            if self.naive.berths[&slot].route == gone {
                self.give_back(slot, lease, Condition::Reusable);
                self.hear_all();
            }
        }
        let asked =
            |place: &Place| matches!(place, Place::Settling | Place::Suspect | Place::Quarantined);
        for slot in self.naive.slots(asked) {
            if self.naive.berths[&slot].route != gone {
                continue;
            }
            self.naive.berths.remove(&slot);
            self.pool.lost(self.now, slot, CloseCause::TimedOut);
        }
        let config = self.draw_config();
        let id = self.pool.add_route(config.clone());
        self.naive.routes.push(Route { id, config, gate: Gate::Open, allowance: None });
    }

    fn draw_config(&mut self) -> RouteConfig {
        RouteConfig {
            max_connections: 1 + self.place(4),
            max_waiters: self.place(6),
            max_waiters_per_client: 1 + self.place(4),
            max_connecting: 1 + self.place(3),
            connect_timeout: Duration::from_millis(200 + self.below(2000)),
            backoff_min: Duration::from_millis(50),
            backoff_max: Duration::from_millis(self.below(3) * 300),
            idle_timeout: Duration::from_millis(self.below(4) * 900),
            max_lifetime: Duration::from_secs(self.below(4) * 3),
            max_uses: u32::try_from(self.below(5)).expect("few"),
            min_idle: self.place(3).saturating_sub(1),
            reuse: [Reuse::Lifo, Reuse::Fifo, Reuse::Spread, Reuse::Best][self.place(4)],
            first_use_timeout: Duration::from_millis(self.below(3) * 300),
            lease_warn_after: Duration::from_millis(self.below(3) * 1000),
            lease_max: Duration::from_millis(self.below(3) * 2000),
        }
    }

    /// Hears the pool out and asks the model.
    fn listen(&mut self) {
        self.hear_all();
        for address in patience::ADDRESSES {
            if self.pool.is_shunned(address) {
                self.naive.suspected.insert(address, self.now.monotonic);
            }
        }
        self.over = self.over && self.naive.is_over(self.pool.limits());
        self.naive.check(self.now, &self.pool, self.over);
    }

    fn hear_all(&mut self) {
        self.hear_all_but_idle();
        self.naive.rest(self.now);
        self.naive.forget_addresses();
    }

    fn hear_all_but_idle(&mut self) {
        while let Some(event) = self.pool.poll_event(self.now) {
            self.trace.push(format!("   {event:?}"));
            self.naive.hear(self.now, event);
        }
        self.naive.left = 0;
    }

    fn any_slot(&mut self, of: impl Fn(&Place) -> bool) -> Option<SlotId> {
        let found = self.naive.slots(of);
        let place = if found.is_empty() { 0 } else { self.place(found.len()) };
        found.get(place).copied()
    }

    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767);
        self.state ^ (self.state >> 33)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.draw() >> 11) % bound
    }

    fn place(&mut self, count: usize) -> usize {
        usize::try_from(self.below(u64::try_from(count).expect("few"))).expect("few")
    }
}
