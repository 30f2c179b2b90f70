//! A release and the lease that gets the same connection, in one: what each would change and the
//! other change back is left alone.
//!
//! The owner puts off telling of a release that [`Pool::keeps`] its connection and concerns nobody
//! else. Who leases next takes it over by [`Pool::take_over`], and so on in turns; all that the owner
//! has to look at meanwhile is in a [`Kept`]. He tells the pool how long the leases were held
//! ([`Pool::tell_held`]), that they were ([`Pool::tell_taken`]), and of the last release, before
//! anything else happens to the pool.

use super::{NIL, Now, Phase, Pool, Source, State};
use crate::ids::{ClientId, KeyId, LeaseId, RouteId};
use crate::lease::Brief;
use crate::limits::Reuse;
use crate::route_pool::Gate;
use crate::time::{Instant, nanos};
use crate::token::ReleaseResult;

/// Never, as a moment.
const NEVER: Instant = Instant::from_nanos(u64::MAX);

/// A leased connection whose release as reusable does nothing but set it idle, in time, as long as
/// nothing else happens to the pool: nobody waits, no limit is reached, nothing can be known of its
/// peer's patience.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    /// Its present lease, or its last.
    lease: LeaseId,
    /// Since when that is held, monotonic.
    since: Instant,
    /// Leases before that one.
    uses: u32,
    /// With so many it is closed.
    uses_max: u64,
    /// When its lifetime is over, in boot time.
    expires: Instant,
    /// How long it may be idle, in nanoseconds.
    rest: u64,
    /// Its timer fires soon enough for what is due after this moment of monotonic time.
    fires_after: Instant,
    /// Of its slot.
    generation: u32,
    route: RouteId,
    key: KeyId,
    /// In boot time.
    opened: Instant,
    /// Leases that took over, of which the pool was not told.
    taken: u64,
    /// Since when the lease is held of which the pool knows, monotonic.
    known_since: Instant,
}

/// How long a lease was held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// Index of its route.
    route: u32,
    nanos: u64,
}

impl Kept {
    /// Its present lease, or its last.
    #[inline(always)]
    pub(crate) const fn lease(&self) -> LeaseId {
        self.lease
    }

    /// Whether `lease` is its present lease, or its last.
    #[inline(always)]
    pub(crate) const fn is_of(&self, lease: LeaseId) -> bool {
        self.lease.to_bits() == lease.to_bits()
    }

    /// Whether a lease of this route and key may have it.
    #[inline(always)]
    pub(crate) fn is_for(&self, route: RouteId, key: KeyId) -> bool {
        self.route.to_bits() == route.to_bits() && self.key == key
    }

    /// Until when it may be idle, in boot time, if it is released at `now`. Nothing if it would be
    /// closed, or its timer armed.
    #[inline(always)]
    pub(crate) fn until(&self, now: Now) -> Option<Instant> {
        let rest = Instant::from_nanos(now.boot.as_nanos().saturating_add(self.rest));
        let until = self.expires.min(rest);
        let left = until.as_nanos().checked_sub(now.boot.as_nanos()).filter(|left| *left > 0)?;
        let due = Instant::from_nanos(now.monotonic.as_nanos().saturating_add(left));
        let is_kept =
            u64::from(self.uses) + 1 < self.uses_max && (until == NEVER || self.fires_after < due);
        is_kept.then_some(until)
    }

    /// How long its lease was held, if it was released at `released`.
    #[inline(always)]
    pub(crate) const fn held(&self, released: Now) -> Held {
        let nanos = released.monotonic.as_nanos().saturating_sub(self.since.as_nanos());
        Held { route: self.route.index, nanos }
    }
}

impl<C: Copy> Pool<C> {
    /// The connection of `lease`, if its release as reusable does nothing but set it idle, from `now`
    /// on and until the pool is changed, and the next lease of the same route and key gets it.
    pub(crate) fn keeps(&self, now: Now, lease: LeaseId) -> Option<Kept> {
        let slot =
            self.slots.at(lease.index).filter(|_| self.waiting == 0 && self.config.journal == 0)?;
        let State::Leased { owner, since } = slot.state else { return None };
        let route = &self.routes[slot.route];
        let config = &route.config;
        let is_kept = owner == lease.owner
            && slot.serial == lease.serial
            && slot.lost.is_none()
            && slot.address == NIL
            && slot.hinted().is_none()
            && route.phase == Phase::Running
            && route.gate == Gate::Open
            && slot.epoch == route.epoch
            && !config.watches_leases()
            && config.reuse == Reuse::Lifo
            && route.connections.total() <= config.max_connections
            && self.connections.total() <= self.config.max_total;
        let unless_zero = |limit: u64| if limit == 0 { u64::MAX } else { limit };
        let kept = Kept {
            lease,
            since,
            uses: slot.uses,
            uses_max: unless_zero(config.max_uses.into()),
            expires: slot.expires(config.max_lifetime).unwrap_or(NEVER),
            rest: unless_zero(nanos(config.idle_timeout)),
            fires_after: slot.fires_after(),
            generation: self.slots.generation(lease.index),
            route: route.id,
            key: self.groups.at(slot.group).key,
            opened: slot.opened,
            taken: 0,
            known_since: since,
        };
        (is_kept && kept.until(now).is_some()).then_some(kept)
    }

    /// Leases a connection again that was released at `released`, for `client`, who asks for the same
    /// route and key, takes what carried bytes, and comes before the connection has been idle too
    /// long. The pool is told of it later, of both.
    ///
    /// The clocks have not leapt in between.
    #[inline(always)]
    pub(crate) fn take_over(
        &mut self,
        kept: &mut Kept,
        released: Now,
        now: Now,
        client: ClientId,
    ) -> Brief {
        self.serial = next_serial(self.serial);
        let lease = LeaseId { index: kept.lease.index, serial: self.serial, owner: client };
        kept.lease = lease;
        kept.since = now.monotonic;
        kept.uses = kept.uses.saturating_add(1);
        kept.taken += 1;
        let since = |then: Instant| now.boot.as_nanos().saturating_sub(then.as_nanos());
        Brief {
            lease,
            generation: kept.generation,
            uses: kept.uses,
            waited: 0,
            age: since(kept.opened),
            idle: since(released.boot),
            source: Source::Idle,
        }
    }

    /// So long leases were held that others took over.
    pub(crate) fn tell_held(&mut self, holds: &[Held]) {
        for holds in holds.chunk_by(|one, next| one.route == next.route) {
            let hold = &mut self.routes[holds[0].route].hold;
            holds.iter().for_each(|held| hold.learn(held.nanos));
        }
        self.stats.lease_hold.record_all(holds.iter().map(|held| held.nanos));
    }

    /// Tells of the leases that have taken this connection over.
    pub(crate) fn tell_taken(&mut self, kept: &Kept) {
        let Kept { lease, since, taken, .. } = *kept;
        if taken == 0 {
            return;
        }
        let slot = &mut self.slots[lease.index];
        slot.uses = kept.uses;
        slot.verified = self.leaps;
        slot.serial = lease.serial;
        slot.state = State::Leased { owner: lease.owner, since };
        let route = &mut self.routes[kept.route.index];
        route.hold.on_move(kept.known_since, since);
        route.stats.releases.add_all(ReleaseResult::Reused, taken);
        route.stats.leases.add_all(Source::Idle, taken);
        route.stats.lease_wait.record_zeros(taken);
        self.stats.releases.add_all(ReleaseResult::Reused, taken);
        self.stats.leases.add_all(Source::Idle, taken);
    }
}

/// The number of the lease after this one. Zero is no lease.
pub(super) const fn next_serial(serial: u32) -> u32 {
    match serial.wrapping_add(1) {
        0 => 1,
        serial => serial,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AddressId;
    use crate::random::Random;
    use crate::time::Duration;
    use crate::{Condition, Event, Grant, Outcome, PoolConfig, Released, Request, RouteConfig};

    const CLIENT: ClientId = ClientId(7);

    /// Two pools that are told the same, one of them by taking over.
    struct Pair {
        told: Pool<u32>,
        spared: Pool<u32>,
        /// What the other is yet to be told.
        kept: Option<Kept>,
        holds: Vec<Held>,
        route: RouteId,
        now: Now,
    }

    impl Pair {
        fn new(config: &RouteConfig) -> Self {
            let pool = || {
                let mut pool = Pool::new(PoolConfig::default(), 1);
                let route = pool.add_route(config.clone());
                (pool, route)
            };
            let ((told, route), (spared, _)) = (pool(), pool());
            let now = Now::awake_for(Duration::from_secs(1));
            Self { told, spared, kept: None, holds: Vec::new(), route, now }
        }

        fn request(&self) -> Request {
            Request {
                route: self.route,
                client: CLIENT,
                key: KeyId(1),
                family: None,
                deadline: self.now.monotonic + Duration::from_secs(5),
                fresh: false,
                no_wait: false,
            }
        }

        /// Leases in both in the ordinary way; connections open at once.
        fn lease(&mut self) -> Grant<u32> {
            let (now, request) = (self.now, self.request());
            let [told, spared] = [&mut self.told, &mut self.spared].map(|pool| {
                if let Outcome::Granted(grant) = pool.lease(now, request) {
                    return grant;
                }
                loop {
                    match pool.poll_event() {
                        Some(Event::Connect { slot, .. }) => assert!(pool.opened(now, slot, 5)),
                        Some(Event::Granted { grant, .. }) => return grant,
                        Some(Event::Close { slot, .. }) => pool.closed(now, slot),
                        other => panic!("{other:?}"),
                    }
                }
            });
            assert_eq!(told, spared);
            told
        }

        fn pass(&mut self, time: Duration) {
            self.now = self.now + time;
        }

        /// Releases in both; in the one that could be spared it only if it would not keep it, and else
        /// until when it would.
        fn release(&mut self, grant: &Grant<u32>) -> Option<Instant> {
            let (now, lease) = (self.now, grant.lease);
            self.kept = self.kept.or_else(|| self.spared.keeps(now, lease));
            assert!(self.kept.is_none_or(|kept| kept.is_of(lease) && kept.lease() == lease));
            let until = self.kept.and_then(|kept| kept.until(now));
            let released = self.told.release(now, lease, Condition::Reusable).unwrap();
            assert!(until.is_none() || (released == Released::Kept && !self.told.has_events()));
            if until.is_none() {
                self.tell();
                assert_eq!(self.spared.release(now, lease, Condition::Reusable), Ok(released));
            }
            until
        }

        /// Takes over in the one what was released at `at`, and leases it in the other.
        fn take_over(&mut self, at: Now) -> Grant<u32> {
            let kept = self.kept.as_mut().expect("what was released is kept");
            self.holds.push(kept.held(at));
            let taken = self.spared.take_over(kept, at, self.now, CLIENT);
            let Outcome::Granted(next) = self.told.lease(self.now, self.request()) else {
                panic!("what can be taken over is idle")
            };
            assert_eq!(taken, Brief::from(&next));
            next
        }

        /// Tells the one all that the other knows.
        fn tell(&mut self) {
            self.spared.tell_held(&core::mem::take(&mut self.holds));
            if let Some(kept) = self.kept.take() {
                self.spared.tell_taken(&kept);
            }
        }

        /// Goes on for so many turns with pauses of random length, taking over where that can be, and
        /// comparing the two now and then; says how often it could be.
        fn go_on(&mut self, turns: usize) -> usize {
            let (mut random, mut grant, mut taken) = (Random::new(3), self.lease(), 0);
            for _ in 0..turns {
                self.pass(Duration::from_millis(random.below(200)));
                let at = self.now;
                let until = self.release(&grant);
                self.pass(Duration::from_micros(1) * (1 << random.below(23)));
                if until.is_some_and(|until| self.now.boot < until) {
                    (grant, taken) = (self.take_over(at), taken + 1);
                } else {
                    self.tell();
                    if until.is_some() {
                        let told = self.spared.release(at, grant.lease, Condition::Reusable);
                        assert_eq!(told, Ok(Released::Kept), "told later, as of its time");
                    }
                    grant = self.lease();
                }
                if random.below(4) == 0 {
                    self.tell();
                    self.assert_alike();
                }
            }
            taken
        }

        fn assert_alike(&self) {
            assert_eq!(self.told.stats(), self.spared.stats());
            assert_eq!(self.told.route_stats(self.route), self.spared.route_stats(self.route));
            assert_eq!(self.told.connections(), self.spared.connections());
            assert_eq!(self.told.poll_timeout(), self.spared.poll_timeout());
            let hold = |pool: &Pool<u32>| pool.routes[self.route.index].hold;
            assert_eq!(hold(&self.told), hold(&self.spared));
        }
    }

    #[test]
    fn a_takeover_is_a_release_and_the_next_lease() {
        let mut pair = Pair::new(&RouteConfig {
            max_lifetime: Duration::from_secs(40),
            idle_timeout: Duration::from_secs(3),
            max_uses: 90,
            ..RouteConfig::default()
        });
        let taken = pair.go_on(3_000);
        let closed = pair.told.stats().closed;
        assert!(taken > 1_000 && closed.total() > 50, "{taken} taken over, closed {closed:?}");
    }

    #[test]
    fn without_limits_all_is_taken_over() {
        let mut pair = Pair::new(&RouteConfig {
            max_lifetime: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            max_uses: 0,
            ..RouteConfig::default()
        });
        assert_eq!(pair.go_on(1_000), 1_000);
    }

    #[test]
    fn a_release_that_somebody_waits_for_is_not_put_off() {
        let mut pair = Pair::new(&RouteConfig { max_connections: 1, ..RouteConfig::default() });
        let grant = pair.lease();
        assert!(pair.spared.keeps(pair.now, grant.lease).is_some());
        let Outcome::Waiting(_) = pair.spared.lease(pair.now, pair.request()) else { panic!() };
        assert!(pair.spared.keeps(pair.now, grant.lease).is_none());
    }

    #[test]
    fn a_release_of_what_its_peer_may_close_is_not_put_off() {
        let mut pair = Pair::new(&RouteConfig::default());
        let grant = pair.lease();
        pair.spared.on_keep_alive(grant.lease, Duration::from_secs(60));
        assert!(pair.spared.keeps(pair.now, grant.lease).is_none());

        let mut pair = Pair::new(&RouteConfig::default());
        let Outcome::Waiting(_) = pair.spared.lease(pair.now, pair.request()) else { panic!() };
        let Some(Event::Connect { slot, .. }) = pair.spared.poll_event() else { panic!() };
        assert!(pair.spared.opened_at(pair.now, slot, 5, AddressId(7)));
        let Some(Event::Granted { grant, .. }) = pair.spared.poll_event() else { panic!() };
        assert!(pair.spared.keeps(pair.now, grant.lease).is_none());
    }

    #[test]
    fn a_release_that_is_to_arm_a_timer_is_not_put_off() {
        let mut pair = Pair::new(&RouteConfig::default());
        let grant = pair.lease();
        assert!(
            pair.spared.keeps(pair.now, grant.lease).is_some(),
            "that of its attempt is armed still"
        );
        pair.pass(Duration::from_secs(4));
        pair.spared.handle_timeout(pair.now);
        assert!(pair.spared.keeps(pair.now, grant.lease).is_none(), "under a lease none is");
    }

    #[test]
    fn what_is_used_in_turn_is_not_taken_over() {
        let reuse = Reuse::Fifo;
        let mut pair = Pair::new(&RouteConfig { reuse, ..RouteConfig::default() });
        let grant = pair.lease();
        assert!(pair.spared.keeps(pair.now, grant.lease).is_none());
    }
}
