//! Rule F: who comes before the waiter whose turn it is, though he may not use the connection that
//! has come free.
//!
//! To give up a connection that somebody could use at once costs a handshake, so a rival must have
//! waited longer for its turn by more than that; the credit is two. A rival's route is also heard if it holds
//! less than its share of the pool: otherwise routes with long queues would keep for themselves what
//! they have. And a route keeps its share against all others, however long these have waited: what
//! one rule has given, the other would take away again before it was used.

use super::serve::Room;
use super::{NIL, Now, Pool};
use crate::ring::Place;
use crate::time::{Duration, Instant};
use crate::token::OpenCause;

/// The least reuse credit, however short a handshake.
const CREDIT_MIN: Duration = Duration::from_millis(1);

/// One for whose route the room of a connection is worth more than the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rival {
    /// Index of the route that is to connect.
    route: u32,
}

impl<C: Copy> Pool<C> {
    /// Decides whether the room of the free connection at `index` goes to somebody else than to
    /// `waiter`, whose turn it is.
    pub(super) fn rival(&mut self, now: Now, index: u32, waiter: u32) -> Option<Rival> {
        self.rival_within(now, index, waiter).or_else(|| self.rival_without(now, index, waiter))
    }

    /// Closes a connection for the sake of a rival, whose route connects.
    pub(super) fn give_room(&mut self, now: Now, index: u32, rival: Rival) {
        let (route, family) = (self.slots[index].route, self.proven_for(index));
        self.evict(index);
        self.prove(now, family);
        self.connect(now, rival.route, OpenCause::Demand);
        self.use_room(now, route);
    }

    /// The client of the same route whose turn it is, if a limit alone keeps a connection from it.
    fn rival_within(&self, now: Now, index: u32, waiter: u32) -> Option<Rival> {
        let route = self.slots[index].route;
        let pool = &self.routes[route];
        let next = self.of_clients.next(&pool.turns).filter(|next| *next != waiter)?;
        let is_stopped = || matches!(self.room(now, route), Room::AtRouteCap | Room::AtPoolCap);
        let is_rival = !self.may_use(index, next)
            && pool.wants_connection()
            && self.waits_longer(route, waiter)
            && is_stopped();
        is_rival.then_some(Rival { route })
    }

    /// A route that the limit of the pool alone keeps from connecting: the one that has waited
    /// longest for its turn, or one below its share.
    fn rival_without(&mut self, now: Now, index: u32, waiter: u32) -> Option<Rival> {
        let own = self.slots[index].route;
        if self.connections.total() != self.config.max_total
            || self.routes[own].connections.total() <= self.share()
        {
            return None;
        }
        let longest = self.longest_stopped(now, own);
        let longest = longest.filter(|route| self.waits_longer(*route, waiter));
        let route = longest.or_else(|| self.next_starving(now).filter(|route| *route != own))?;
        Some(Rival { route })
    }

    /// The route that has waited longest for its turn of those that the limit of the pool alone
    /// stops, but `own`.
    fn longest_stopped(&mut self, now: Now, own: u32) -> Option<u32> {
        let (mut first, mut room) = self.first_blocked(now)?;
        if first == own {
            let put_by = self.blocked.pop()?;
            let next = self.first_blocked(now);
            self.blocked.push(put_by);
            (first, room) = next?;
        }
        (room == Room::AtPoolCap).then_some(first)
    }

    /// Whether the next client of `route` has waited longer for its turn than that of `waiter`, by
    /// more than the reuse credit.
    fn waits_longer(&self, route: u32, waiter: u32) -> bool {
        let pool = &self.routes[route];
        let Some(next) = self.of_clients.next(&pool.turns) else { return false };
        let credit = (pool.handshake * 2).max(CREDIT_MIN);
        self.waits_since(waiter).since(self.waits_since(next)) > credit
    }

    /// Since when one waits and it is its client's turn, or will be after others'.
    fn waits_since(&self, waiter: u32) -> Instant {
        let waits = &self.waiters[waiter];
        let place = Place { index: waits.route, fresh: false };
        let turn = self.of_clients.turn_of(place, waits.client);
        turn.map_or(waits.arrived, |turn| waits.arrived.max(turn.since))
    }

    /// Whether a connection may serve a waiter, at once or once it is proven quiet.
    fn may_use(&self, index: u32, waiter: u32) -> bool {
        let (slot, waiter) = (&self.slots[index], &self.waiters[waiter]);
        if slot.group == NIL {
            return true;
        }
        let is_kin = || {
            let [own, other] = [slot.group, waiter.group].map(|group| self.groups.at(group).family);
            own != NIL && own == other
        };
        let may_share = slot.group == waiter.group || is_kin();
        may_share && !(waiter.fresh && slot.uses > 0)
    }

    /// Connections that each route with connections or waiters may call its own.
    fn share(&self) -> usize {
        self.config.max_total / self.active.max(1)
    }

    fn is_starving(&self, route: u32) -> bool {
        let pool = &self.routes[route];
        pool.wants_connection() && pool.connections.total() < self.share()
    }

    /// Puts a route among those below their share, if it wants to connect.
    pub(super) fn join_starving(&mut self, route: u32) {
        if self.is_starving(route) && !self.routes[route].starving {
            let pool = &mut self.routes[route];
            pool.starving = true;
            self.starving.push_back(pool.id);
        }
    }

    /// The next route below its share that the limit of the pool alone stops. Each has its turn.
    fn next_starving(&mut self, now: Now) -> Option<u32> {
        while let Some(id) = self.starving.pop_front() {
            let Some(route) = self.find_route(id) else { continue };
            if self.is_starving(route) && self.room(now, route) == Room::AtPoolCap {
                self.starving.push_back(id);
                return Some(route);
            }
            self.routes[route].starving = false;
        }
        None
    }

    /// Counts a route among the active ones, or no longer, after its connections or waiters have
    /// changed.
    pub(super) fn count_active(&mut self, route: u32) {
        let pool = &mut self.routes[route];
        let is_active = pool.connections.total() > 0 || pool.waiting > 0;
        if is_active != core::mem::replace(&mut pool.active, is_active) {
            self.active = if is_active { self.active + 1 } else { self.active - 1 };
        }
    }
}
