//! Who is served next: every path that frees a connection ends in [`Pool::offer`], every path that
//! frees room in [`Pool::use_room`]. No waiter is forgotten (rules H, B, N).

use super::{
    ClientId, Event, Instant, NIL, Now, Phase, Pool, Progress, Refusal, Request, Source, State,
    Waiter,
};
use crate::blocked::BlockedRoute;
use crate::ids::{KeyId, LeaseId};
use crate::lease::{Grant, Outcome, Released};
use crate::list::Link;
use crate::token::CloseCause;
use crate::wheel::Timer;

/// What a route finds that wants to connect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Room {
    /// There is room.
    Free,
    /// There is room once this idle connection is evicted.
    Evict(u32),
    /// The route's own limits leave none. It asks again when something changes on the route.
    StoppedByRoute,
    /// The pool's limits leave none.
    StoppedByPool,
}

impl<C: Copy> Pool<C> {
    /// Gives a free connection to the longest waiter that may use it, or sets it idle.
    pub(super) fn offer(&mut self, now: Now, index: u32, source: Source) -> Released {
        if let Some(cause) = self.retirement(now, index) {
            self.close(now, index, cause, crate::How::Orderly);
            return Released::Closed(cause);
        }
        if self.slots[index].verified != self.leaps {
            self.suspect(now, index);
            return Released::Kept;
        }
        if let Some(waiter) = self.next_waiter(now, index) {
            self.deliver(now, index, waiter, source);
            return Released::HandedOn;
        }
        let slot = self.slot_id(index);
        self.set_idle(now, index);
        self.use_room(now, self.slots[index].route);
        // A waiter that may not use this connection may have needed its room.
        if self.is_live(slot) { Released::Kept } else { Released::Closed(CloseCause::Evicted) }
    }

    /// Uses the room that a route or the pool may have: attempts to connect begin, for the oldest
    /// waiters first, until a limit or the number of waiters stops them.
    pub(super) fn use_room(&mut self, now: Now, route: u32) {
        self.join_blocked(route);
        while let Some(first) = self.blocked.first() {
            let Some(route) = self.find_route(first.route) else {
                self.blocked.pop();
                continue;
            };
            let oldest = self.oldest_wish(route);
            let room = self.room(now, route);
            match (oldest, room) {
                (None, _) | (Some(_), Room::StoppedByRoute) => {
                    self.blocked.pop();
                    self.routes[route].blocked = false;
                }
                (Some(oldest), _) if oldest > first.oldest => self.blocked.postpone(oldest),
                (Some(_), Room::StoppedByPool) => return,
                (Some(_), Room::Free) => self.connect(now, route),
                (Some(_), Room::Evict(victim)) => {
                    self.evict(victim);
                    self.connect(now, route);
                }
            }
        }
    }

    /// Decides whether another attempt to connect may begin for `route`.
    pub(super) fn room(&self, now: Now, route: u32) -> Room {
        let pool = &self.routes[route];
        let paused = pool.paused_until.is_some_and(|until| now.monotonic < until);
        let total = pool.connections.total();
        if paused
            || pool.phase != Phase::Running
            || pool.connections.connecting >= pool.config.max_connecting
            || total > pool.config.max_connections
        {
            return Room::StoppedByRoute;
        }
        // One eviction makes room for one: enough only if the limit is met, not passed.
        let full = self.connections.total();
        let own_victim = match pool.idle.back() {
            _ if total < pool.config.max_connections => None,
            Some(victim) if total == pool.config.max_connections => Some(victim),
            _ => return Room::StoppedByRoute,
        };
        if self.connections.connecting >= self.config.max_connecting_total
            || full > self.config.max_total
        {
            return Room::StoppedByPool;
        }
        match (own_victim, self.idle.back()) {
            (Some(victim), _) => Room::Evict(victim),
            (None, _) if full < self.config.max_total => Room::Free,
            (None, Some(victim)) => Room::Evict(victim),
            (None, None) => Room::StoppedByPool,
        }
    }

    /// Decides whether one more may wait. Idle connections were tried. One for whom an attempt can
    /// begin, or is under way and serves nobody else, is not measured against the queue's limits:
    /// those of a route are `max_connecting` at most.
    pub(super) fn admit(&self, now: Now, route: u32, client: ClientId) -> Result<(), Refusal> {
        let pool = &self.routes[route];
        let spare = pool.connections.connecting.checked_sub(pool.waiting);
        let served = match spare {
            Some(0) => matches!(self.room(now, route), Room::Free | Room::Evict(_)),
            Some(_) => true,
            None => false,
        };
        if served {
            return Ok(());
        }
        if pool.waiting >= pool.config.max_waiters || self.waiting >= self.config.max_waiters_total
        {
            return Err(Refusal::QueueFull);
        }
        let of_client = self.clients.get(&client).copied().unwrap_or(0);
        if of_client >= pool.config.max_waiters_per_client {
            return Err(Refusal::Quota);
        }
        Ok(())
    }

    /// Puts one who waits at the end of the queues.
    pub(super) fn enqueue(&mut self, now: Now, route: u32, request: Request) -> u32 {
        let group = self.groups.join(route, request.key);
        let (index, _) = self.waiters.insert(Waiter {
            progress: Progress::Waiting,
            route,
            group,
            client: request.client,
            fresh: request.fresh,
            number: self.next_waiter,
            arrived: now.monotonic,
            deadline: request.deadline,
            of_route: Link::default(),
            of_key: Link::default(),
            timer: Timer::default(),
        });
        self.next_waiter += 1;
        let pool = &mut self.routes[route];
        pool.queue.push_back(&mut self.waiters, index);
        pool.waiting += 1;
        pool.stats.waiters_queued += 1;
        let queue = self.groups.at_mut(group).queue(request.fresh);
        queue.push_back(&mut self.waiters, index);
        self.deadlines.arm_by(&mut self.waiters, index, request.deadline);
        self.waiting += 1;
        self.stats.waiters_queued += 1;
        *self.clients.entry(request.client).or_insert(0) += 1;
        index
    }

    /// Takes a waiter out of its queues, from wherever it stands (rule P). Its record stays.
    pub(super) fn unqueue(&mut self, index: u32) {
        let waiter = &self.waiters[index];
        let (route, group, fresh) = (waiter.route, waiter.group, waiter.fresh);
        let client = waiter.client;
        self.deadlines.disarm(&mut self.waiters, index);
        self.routes[route].queue.unlink(&mut self.waiters, index);
        self.routes[route].waiting -= 1;
        self.groups.at_mut(group).queue(fresh).unlink(&mut self.waiters, index);
        self.groups.leave(group);
        self.waiting -= 1;
        let of_client = self.clients.get_mut(&client).expect("a client that waits is counted");
        *of_client -= 1;
        if *of_client == 0 {
            self.clients.remove(&client);
        }
    }

    /// Refuses one who waits; it will be told.
    pub(super) fn refuse(&mut self, index: u32, refusal: Refusal) {
        self.unqueue(index);
        self.waiters[index].progress = Progress::Failed(refusal);
        self.count_refusal(self.waiters[index].route, refusal);
        self.events.push_back(Event::Refused { waiter: self.waiter_id(index), refusal });
    }

    /// Refuses one whose deadline has passed: with the cause, if all attempts since it came failed
    /// and there is no connection to wait for (rule C).
    pub(super) fn refuse_overdue(&mut self, index: u32) {
        let waiter = &self.waiters[index];
        let pool = &self.routes[waiter.route];
        let refusal = match pool.failure {
            Some((number, error)) if number > waiter.number && pool.connections.live() == 0 => {
                error.into()
            }
            Some(_) | None => Refusal::QueueTimeout,
        };
        self.refuse(index, refusal);
    }

    pub(super) fn refuse_at_once(&mut self, route: u32, refusal: Refusal) -> Outcome<C> {
        self.count_refusal(route, refusal);
        Outcome::Refused(refusal)
    }

    pub(super) fn count_refusal(&mut self, route: u32, refusal: Refusal) {
        self.stats.lease_failures.add(refusal);
        self.routes[route].stats.lease_failures += 1;
    }

    /// Gives the connection its key, at its first lease.
    pub(super) fn claim(&mut self, index: u32, key: KeyId) {
        let slot = &mut self.slots[index];
        if slot.group == NIL {
            slot.group = self.groups.join(slot.route, key);
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
        self.serial = self.serial.wrapping_add(1).max(1);
        let slot = &mut self.slots[index];
        slot.serial = self.serial;
        let idle_since = slot.state.idle_since().unwrap_or(now.boot);
        self.enter(index, State::Leased { owner: client, since: now.monotonic });
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

    /// The longest waiter that may use this connection. Those whose deadline has passed are
    /// refused on the way.
    fn next_waiter(&mut self, now: Now, index: u32) -> Option<u32> {
        loop {
            let waiter = self.longest_waiter(index)?;
            if now.monotonic < self.waiters[waiter].deadline {
                return Some(waiter);
            }
            self.refuse_overdue(waiter);
        }
    }

    fn longest_waiter(&self, index: u32) -> Option<u32> {
        let slot = &self.slots[index];
        if slot.group == NIL {
            return self.routes[slot.route].queue.front();
        }
        let group = self.groups.at(slot.group);
        let fresh = if slot.uses == 0 { group.fresh.front() } else { None };
        let number = |waiter: &u32| self.waiters[*waiter].number;
        group.plain.front().into_iter().chain(fresh).min_by_key(number)
    }

    /// Gives a connection to one who waits, who alone is told.
    fn deliver(&mut self, now: Now, index: u32, waiter: u32, source: Source) {
        let waits = &self.waiters[waiter];
        let (client, arrived, group) = (waits.client, waits.arrived, waits.group);
        if self.slots[index].group == NIL {
            self.groups.rejoin(group);
            self.slots[index].group = group;
        }
        self.unqueue(waiter);
        let grant = self.grant(now, index, client, arrived, source);
        self.waiters[waiter].progress = Progress::Delivered(grant.lease);
        self.stats.waiters_woken += 1;
        self.events.push_back(Event::Granted { waiter: self.waiter_id(waiter), grant });
    }

    /// The number of the oldest waiter of a route that wants another attempt to connect.
    fn oldest_wish(&self, route: u32) -> Option<u64> {
        let pool = &self.routes[route];
        let oldest = pool.queue.front().filter(|_| pool.wants_connection())?;
        Some(self.waiters[oldest].number)
    }

    /// Puts the route among those that want room in the pool, if it does. A route that is gone
    /// wants none.
    fn join_blocked(&mut self, route: u32) {
        let Some(pool) = self.routes.at(route) else { return };
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
