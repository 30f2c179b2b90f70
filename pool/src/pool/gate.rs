//! What an operator does to a route that runs: pause, deny, empty, resume, reconnect.
//!
//! Paused, leases queue up to the limits of the queue and their deadlines; nothing is granted and
//! nobody connects. Denied, they are refused at once. What is leased goes on in both, and comes back
//! as usual. Reconnect replaces the connections of a route: idle ones close, leased ones at release.
//! Emptied, a route is denied and its connections go likewise.

use super::{Now, Pool, Source, State};
use crate::ids::{RouteId, SlotId};
use crate::list::List;
use crate::route_pool::Gate;
use crate::slot::ByRoute;
use crate::token::CloseCause;

impl<C: Copy> Pool<C> {
    /// Lets leases of a route wait, and grants none.
    pub fn pause_route(&mut self, now: Now, route: RouteId) {
        self.observe(now);
        if let Some(index) = self.find_route(route) {
            self.routes[index].gate = Gate::Paused;
        }
    }

    /// Refuses leases of a route at once, those that wait too.
    pub fn deny_route(&mut self, now: Now, route: RouteId) {
        self.observe(now);
        let Some(index) = self.find_route(route) else { return };
        self.routes[index].gate = Gate::Denied;
        while let Some(waiter) = self.routes[index].queue.front() {
            self.refuse(waiter, crate::Refusal::Denied);
        }
    }

    /// Grants leases of a route again; those that wait are served at once.
    pub fn resume_route(&mut self, now: Now, route: RouteId) {
        self.observe(now);
        let Some(index) = self.find_route(route) else { return };
        self.routes[index].gate = Gate::Open;
        self.serve_from_idle(now, index);
        self.use_room(now, index);
        self.keep_warm(index);
    }

    /// Replaces the connections of a route: the idle ones close, a batch at a time, and the leased
    /// ones at release.
    pub fn reconnect_route(&mut self, now: Now, route: RouteId) {
        self.observe(now);
        if let Some(index) = self.find_route(route) {
            self.renounce(now, index, CloseCause::Reconnect);
        }
    }

    /// Denies leases of a route and lets it run empty, until it is resumed: its attempts to connect
    /// are given up, and its connections close as if they were to be replaced.
    /// [`Pool::drain_route`] is for good.
    pub fn empty_route(&mut self, now: Now, route: RouteId) {
        self.deny_route(now, route);
        if let Some(index) = self.find_route(route) {
            self.abandon_attempts(now, index);
            self.renounce(now, index, CloseCause::Drain);
            self.use_room(now, index);
        }
    }

    /// The connections that a route has are not used again.
    fn renounce(&mut self, now: Now, route: u32, cause: CloseCause) {
        let pool = &mut self.routes[route];
        pool.epoch = pool.epoch.wrapping_add(1);
        pool.renounced_for = cause;
        self.join_trims(route);
        self.trim_now(now);
    }

    /// Gives the idle connections of a route to those who wait for them, the least recently used
    /// first.
    fn serve_from_idle(&mut self, now: Now, route: u32) {
        let last = self.routes[route].idle.back();
        let idle =
            core::iter::successors(last, |&index| List::<ByRoute>::before(&self.slots, index));
        // One that is closed on the way may make room by closing another.
        let idle: Vec<SlotId> = idle.map(|index| self.slot_id(index)).collect();
        for slot in idle {
            let found = self.slots.get(slot.index, slot.generation);
            if found.is_none_or(|slot| !matches!(slot.state, State::Idle { .. })) {
                continue;
            }
            if let Some(waiter) = self.next_waiter(now, slot.index)
                && self.take_out(now, slot.index)
            {
                self.give(now, slot.index, waiter, Source::Idle);
            }
        }
    }
}
