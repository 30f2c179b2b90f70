//! What is given to whom: every path that frees a connection ends in [`Pool::offer`], every path that
//! frees room in [`Pool::use_room`]. No waiter is forgotten (rules H, B, N).

use super::takeover::next_serial;
use super::{ClientId, Event, Instant, Now, Phase, Pool, Progress, Source, State, Step};
use crate::blocked::BlockedRoute;
use crate::ids::LeaseId;
use crate::lease::{Grant, Released, Request};
use crate::list::List;
use crate::ring::Leaving;
use crate::route_pool::Gate;
use crate::slot::ByPool;
use crate::token::{CloseCause, OpenCause};

/// What a route finds that wants to connect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Room {
    /// There is room.
    Free,
    /// There is room once this idle connection is evicted.
    Evict(u32),
    /// The route has as many connections as it may, and none is idle. It asks again when something
    /// changes on the route.
    AtRouteCap,
    /// Something else stops the route; it asks again likewise.
    StoppedByRoute,
    /// The pool has as many connections as it may, and none is idle.
    AtPoolCap,
    /// The pool has too many connections or attempts.
    StoppedByPool,
}

/// Idle connections that are looked at for one that may be evicted, so that many that are kept ready
/// hold up nobody for long.
pub(super) const VICTIMS_MAX: usize = 64;

impl<C: Copy> Pool<C> {
    /// Gives a free connection to the waiter whose turn it is, has it proven for one of another domain,
    /// or sets it idle; or gives its room to somebody who may not use it but has waited too long (rule
    /// F).
    pub(super) fn offer(&mut self, now: Now, index: u32, source: Source) -> Released {
        if let Some(cause) = self.retirement(now, index) {
            self.close(now, index, cause, crate::How::Orderly);
            return Released::Closed(cause);
        }
        if self.slots[index].verified != self.leaps {
            self.suspect(now, index);
            return Released::Kept;
        }
        if self.is_doubtful(index) && !self.has_answered(index) {
            self.set_aside(now, index);
            return Released::Kept;
        }
        let is_open = self.routes[self.slots[index].route].gate == Gate::Open;
        if is_open && let Some(waiter) = self.next_waiter(now, index) {
            if let Some(rival) = self.rival(now, index, waiter) {
                self.give_room(now, index, rival);
                return Released::Closed(CloseCause::Evicted);
            }
            return self.give(now, index, waiter, source);
        }
        let slot = self.slot_id(index);
        self.set_idle(now, index);
        self.use_room(now, self.slots[index].route);
        // A waiter that may not use this connection may have needed its room.
        if self.is_live(slot) { Released::Kept } else { Released::Closed(CloseCause::Evicted) }
    }

    /// Uses the room that a route or the pool may have: attempts to connect begin, for those
    /// first who have waited longest for their turn, until a limit or the number of waiters stops them.
    pub(super) fn use_room(&mut self, now: Now, route: u32) {
        self.join_blocked(route);
        while let Some((first, room)) = self.first_blocked(now) {
            match room {
                Room::Free => self.connect(now, first, OpenCause::Demand),
                Room::Evict(victim) => self.replace(now, first, victim),
                Room::AtRouteCap | Room::StoppedByRoute | Room::AtPoolCap | Room::StoppedByPool => {
                    break;
                }
            }
        }
        self.use_own_room(now, route);
    }

    /// What a route keeps ready is nobody else's, but it gives way to the route's own waiters.
    fn use_own_room(&mut self, now: Now, route: u32) {
        while self.routes.at(route).is_some() && self.oldest_wish(route).is_some() {
            match self.room(now, route) {
                Room::Evict(victim) => self.replace(now, route, victim),
                Room::Free
                | Room::AtRouteCap
                | Room::StoppedByRoute
                | Room::AtPoolCap
                | Room::StoppedByPool => return,
            }
        }
    }

    fn replace(&mut self, now: Now, route: u32, victim: u32) {
        self.evict(victim);
        self.connect(now, route, OpenCause::Demand);
    }

    /// The route whose next client has waited longest for its turn, of those that want to connect, and
    /// what room it finds: not one that its own limits stop.
    pub(super) fn first_blocked(&mut self, now: Now) -> Option<(u32, Room)> {
        loop {
            let first = self.blocked.first()?;
            let Some(route) = self.find_route(first.route) else {
                self.blocked.pop();
                continue;
            };
            match (self.oldest_wish(route), self.room(now, route)) {
                (None, _) | (Some(_), Room::StoppedByRoute | Room::AtRouteCap) => {
                    self.blocked.pop();
                    self.routes[route].blocked = false;
                }
                (Some(oldest), _) if oldest > first.oldest => self.blocked.postpone(oldest),
                (Some(_), room) => return Some((route, room)),
            }
        }
    }

    /// Decides whether another attempt to connect may begin for `route`.
    pub(super) fn room(&self, now: Now, route: u32) -> Room {
        let pool = &self.routes[route];
        let max_connecting = pool.backoff.allowance(pool.config.max_connecting);
        let (total, full) = (pool.connections.total(), self.connections.total());
        // One eviction makes room for one: enough only if the limit is met, not passed.
        if pool.backoff.is_resting(now.monotonic)
            || pool.elide_until.is_some_and(|until| now.monotonic < until)
            || pool.phase != Phase::Running
            || pool.gate != Gate::Open
            || pool.connections.connecting >= max_connecting
            || total > pool.config.max_connections
        {
            return Room::StoppedByRoute;
        }
        if self.connections.connecting >= self.config.max_connecting_total
            || full > self.config.max_total
        {
            return Room::StoppedByPool;
        }
        if total == pool.config.max_connections {
            return self.own_dispensable(route).map_or(Room::AtRouteCap, Room::Evict);
        }
        if full == self.config.max_total {
            return self.dispensable().map_or(Room::AtPoolCap, Room::Evict);
        }
        Room::Free
    }

    /// The least recently used connection of a route that is idle, or quarantined without anybody who
    /// waits for it.
    fn own_dispensable(&self, route: u32) -> Option<u32> {
        let idle = self.routes[route].idle.back();
        let spare = self.spare_proof(route);
        let since = |index: &u32| self.slots[*index].state.idle_since();
        idle.into_iter().chain(spare).min_by_key(since)
    }

    /// The least recently used idle connection that its route does not keep ready.
    fn dispensable(&self) -> Option<u32> {
        let used = core::iter::successors(self.idle.back(), |&index| {
            List::<ByPool>::before(&self.slots, index)
        });
        used.take(VICTIMS_MAX).find(|&index| {
            let pool = &self.routes[self.slots[index].route];
            pool.connections.idle > pool.config.min_idle
        })
    }

    /// Gives the connection its key, at its first lease, or that of another of its family.
    pub(super) fn claim(&mut self, index: u32, request: &Request) {
        let slot = &mut self.slots[index];
        if !self.groups.is_of(slot.group, request.key) {
            let group = self.groups.join(slot.route, request.key, request.family);
            self.groups.leave(core::mem::replace(&mut slot.group, group));
        }
    }

    /// Leases a connection that stands in no list to `client`, who asked at `asked`.
    pub(super) fn grant(
        &mut self,
        now: Now,
        index: u32,
        client: ClientId,
        asked: Instant,
        source: Source,
    ) -> Grant<C> {
        self.serial = next_serial(self.serial);
        let slot = &mut self.slots[index];
        slot.serial = self.serial;
        let idle_since = slot.state.idle_since().unwrap_or(now.boot);
        self.enter(index, State::Leased { owner: client, since: now.monotonic });
        let slot = &self.slots[index];
        self.groups.at_mut(slot.group).leased += 1;
        self.routes[slot.route].hold.on_grant(now.monotonic);
        if let Some(address) = self.addresses.at_mut(slot.address) {
            address.appeal.on_grant(slot.serial);
        }
        self.watch(now, index);
        self.note(index, Step::Leased(source));
        let slot = &self.slots[index];
        let grant = Grant {
            lease: LeaseId { index, serial: slot.serial, owner: client },
            slot: self.slot_id(index),
            connection: slot.connection(),
            source,
            waited: now.monotonic.since(asked),
            age: now.boot.since(slot.opened),
            idle: now.boot.since(idle_since),
            uses: slot.uses,
        };
        let stats = &mut self.routes[slot.route].stats;
        stats.leases.add(source);
        stats.lease_wait.record(grant.waited);
        self.stats.leases.add(source);
        grant
    }

    /// Gives a connection to one who waits, or has it proven quiet for it.
    pub(super) fn give(&mut self, now: Now, index: u32, waiter: u32, source: Source) -> Released {
        if self.needs_proof(index, waiter) {
            self.quarantine(now, index);
            return Released::Kept;
        }
        self.deliver(now, index, waiter, source);
        let route = self.slots[index].route;
        self.use_spare_proofs(now, route);
        self.keep_warm(route);
        Released::HandedOn
    }

    /// Gives a connection to one who waits, who alone is told.
    fn deliver(&mut self, now: Now, index: u32, waiter: u32, source: Source) {
        let waits = &self.waiters[waiter];
        let (client, arrived, group) = (waits.client, waits.arrived, waits.group);
        if self.slots[index].group != group {
            self.groups.rejoin(group);
            self.groups.leave(core::mem::replace(&mut self.slots[index].group, group));
        }
        self.unqueue(waiter, Leaving::Served(now.monotonic));
        let grant = self.grant(now, index, client, arrived, source);
        self.waiters[waiter].progress = Progress::Delivered(grant.lease);
        self.stats.waiters_woken += 1;
        self.count_elided(now, index, source);
        self.events.push_back(Event::Granted { waiter: self.waiter_id(waiter), grant });
    }

    /// When the client whose turn it is has come to wait for it, as a number in that order, on a route
    /// that wants another attempt to connect.
    fn oldest_wish(&self, route: u32) -> Option<u64> {
        let pool = &self.routes[route];
        let next = self.of_clients.next_turn(&pool.turns).filter(|_| pool.wants_connection())?;
        Some(next.number)
    }

    /// Puts the route among those that want room in the pool, if it does. A route that is gone
    /// wants none.
    fn join_blocked(&mut self, route: u32) {
        if self.routes.at(route).is_none() {
            return;
        }
        self.join_starving(route);
        let pool = &self.routes[route];
        if pool.blocked {
            return;
        }
        let id = pool.id;
        if let Some(oldest) = self.oldest_wish(route) {
            self.blocked.push(BlockedRoute { oldest, route: id });
            self.routes[route].blocked = true;
        }
    }
}
