//! A release and the lease that gets the same connection, in one: what each would change and the
//! other change back is left alone.
//!
//! The owner puts off telling of a release that [`Pool::keeps`] its connection and concerns nobody
//! else. He tells of it before anything else happens to the pool, unless [`Pool::take_over`] makes
//! the next lease of it.

use super::reaper::sooner;
use super::{NIL, Now, Phase, Pool, Source, State};
use crate::ids::{ClientId, LeaseId, SlotId};
use crate::lease::Grant;
use crate::limits::Reuse;
use crate::route_pool::Gate;
use crate::time::{Duration, Instant};
use crate::token::ReleaseResult;

impl<C: Copy> Pool<C> {
    /// Decides whether a release of `lease` as reusable does nothing but set its connection idle, at
    /// `now` and until the pool is changed: nobody waits, no limit is reached, no timer is to be
    /// armed, nothing can be known of its peer's patience. If so: until when the connection may be
    /// idle, in boot time.
    #[inline]
    pub(crate) fn keeps(&self, now: Now, lease: LeaseId) -> Option<Instant> {
        let slot = self.slots.at(lease.index).filter(|_| self.waiting == 0)?;
        let is_held = matches!(slot.state, State::Leased { owner, .. } if owner == lease.owner);
        let route = &self.routes[slot.route];
        let config = &route.config;
        let ends = sooner(slot.expires(config.max_lifetime), rest(now, config.idle_timeout));
        let until = ends.unwrap_or(Instant::from_nanos(u64::MAX));
        let is_kept = is_held
            && slot.serial == lease.serial
            && slot.lost.is_none()
            && slot.address == NIL
            && slot.hinted().is_none()
            && route.phase == Phase::Running
            && route.gate == Gate::Open
            && slot.epoch == route.epoch
            && !config.watches_leases()
            && route.connections.total() <= config.max_connections
            && self.connections.total() <= self.config.max_total
            && (config.max_uses == 0 || slot.uses.saturating_add(1) < config.max_uses)
            && until > now.boot
            && (until.as_nanos() == u64::MAX
                || slot.fires_by(now.monotonic + until.since(now.boot)));
        is_kept.then_some(until)
    }

    /// Releases the lease of `id` as of `released`, where the pool [keeps](Pool::keeps) the
    /// connection, and leases that again for `client`, who asks for the same route and key, takes
    /// what carried bytes, and comes before the connection has been idle too long. Nothing, and
    /// nothing has changed, if that request would get another.
    ///
    /// The clocks have not leapt in between.
    #[inline]
    pub(crate) fn take_over(
        &mut self,
        released: Now,
        id: SlotId,
        now: Now,
        client: ClientId,
    ) -> Option<Grant<C>> {
        let slot = self.slots.at_mut(id.index)?;
        let route = self.routes.at_mut(slot.route)?;
        let State::Leased { since, .. } = slot.state else { return None };
        if route.config.reuse != Reuse::Lifo {
            return None;
        }
        self.seen = now.monotonic;
        // Zero is no lease.
        self.serial = self.serial.wrapping_add(1).max(1);
        slot.uses = slot.uses.saturating_add(1);
        slot.verified = self.leaps;
        slot.serial = self.serial;
        slot.state = State::Leased { owner: client, since: now.monotonic };
        route.stats.releases.add(ReleaseResult::Reused);
        route.stats.leases.add(Source::Idle);
        route.stats.lease_wait.record(Duration::ZERO);
        route.hold.on_end(released.monotonic, since);
        route.hold.on_grant(now.monotonic);
        self.stats.lease_hold.record(released.monotonic.since(since));
        self.stats.releases.add(ReleaseResult::Reused);
        self.stats.leases.add(Source::Idle);
        Some(Grant {
            lease: LeaseId { index: id.index, serial: self.serial, owner: client },
            slot: id,
            connection: slot.connection(),
            source: Source::Idle,
            waited: Duration::ZERO,
            age: now.boot.since(slot.opened),
            idle: now.boot.since(released.boot),
            uses: slot.uses,
        })
    }
}

/// Until when a connection may be idle that is so from `now` on, in boot time.
fn rest(now: Now, idle_timeout: Duration) -> Option<Instant> {
    (!idle_timeout.is_zero()).then(|| now.boot + idle_timeout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{AddressId, KeyId, RouteId};
    use crate::random::Random;
    use crate::{Condition, Event, Outcome, PoolConfig, Released, Request, RouteConfig};

    const CLIENT: ClientId = ClientId(7);

    /// Two pools that are told the same, one of them by taking over.
    struct Pair {
        told: Pool<u32>,
        spared: Pool<u32>,
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
            Self { told, spared, route, now: Now::awake_for(Duration::from_secs(1)) }
        }

        fn request(&self) -> Request {
            Request {
                route: self.route,
                client: CLIENT,
                key: KeyId(1),
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
            let keeps = self.spared.keeps(now, lease);
            let released = self.told.release(now, lease, Condition::Reusable).unwrap();
            assert!(keeps.is_none() || (released == Released::Kept && !self.told.has_events()));
            if keeps.is_none() {
                assert_eq!(self.spared.release(now, lease, Condition::Reusable), Ok(released));
            }
            keeps
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
        let config = RouteConfig {
            max_lifetime: Duration::from_secs(40),
            idle_timeout: Duration::from_secs(3),
            max_uses: 90,
            ..RouteConfig::default()
        };
        let (mut pair, mut random) = (Pair::new(&config), Random::new(3));
        let (mut grant, mut taken) = (pair.lease(), 0);
        for _ in 0..3_000 {
            pair.pass(Duration::from_millis(random.below(200)));
            let (at, slot) = (pair.now, grant.slot);
            let until = pair.release(&grant);
            pair.pass(Duration::from_micros(1) * (1 << random.below(23)));
            let is_in_time = until.is_some_and(|until| pair.now.boot < until);
            let over = is_in_time.then(|| pair.spared.take_over(at, slot, pair.now, CLIENT));
            if let Some(Some(over)) = over {
                let Outcome::Granted(next) = pair.told.lease(pair.now, pair.request()) else {
                    panic!("what can be taken over is idle")
                };
                assert_eq!(over, next);
                (grant, taken) = (next, taken + 1);
            } else {
                if until.is_some() {
                    let told = pair.spared.release(at, grant.lease, Condition::Reusable);
                    assert_eq!(told, Ok(Released::Kept), "told later, as of its time");
                }
                grant = pair.lease();
            }
            pair.assert_alike();
        }
        let closed = pair.told.stats().closed;
        assert!(taken > 1_000 && closed.total() > 50, "{taken} taken over, closed {closed:?}");
    }

    #[test]
    fn a_release_that_somebody_waits_for_is_not_put_off() {
        let mut pair = Pair::new(&RouteConfig { max_connections: 1, ..RouteConfig::default() });
        let grant = pair.lease();
        assert!(pair.spared.keeps(pair.now, grant.lease).is_some());
        let Outcome::Waiting(_) = pair.spared.lease(pair.now, pair.request()) else { panic!() };
        assert_eq!(pair.spared.keeps(pair.now, grant.lease), None);
    }

    #[test]
    fn a_release_of_what_its_peer_may_close_is_not_put_off() {
        let mut pair = Pair::new(&RouteConfig::default());
        let grant = pair.lease();
        pair.spared.on_keep_alive(grant.lease, Duration::from_secs(60));
        assert_eq!(pair.spared.keeps(pair.now, grant.lease), None);

        let mut pair = Pair::new(&RouteConfig::default());
        let Outcome::Waiting(_) = pair.spared.lease(pair.now, pair.request()) else { panic!() };
        let Some(Event::Connect { slot, .. }) = pair.spared.poll_event() else { panic!() };
        assert!(pair.spared.opened_at(pair.now, slot, 5, AddressId(7)));
        let Some(Event::Granted { grant, .. }) = pair.spared.poll_event() else { panic!() };
        assert_eq!(pair.spared.keeps(pair.now, grant.lease), None);
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
        assert_eq!(pair.spared.keeps(pair.now, grant.lease), None, "under a lease none is");
    }

    #[test]
    fn what_is_used_in_turn_is_not_taken_over() {
        let reuse = Reuse::Fifo;
        let mut pair = Pair::new(&RouteConfig { reuse, ..RouteConfig::default() });
        let grant = pair.lease();
        assert!(pair.release(&grant).is_some());
        assert_eq!(pair.spared.take_over(pair.now, grant.slot, pair.now, CLIENT), None);
    }
}
