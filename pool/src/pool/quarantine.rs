//! Rule Q: before a connection serves another security domain, it is proven that nothing is under
//! way on it in either direction.
//!
//! The peer is asked, and nobody waits for longer than its answer takes: one round trip, which is no
//! more than a new connection would take. A quarantined connection is meant for whoever's turn it is
//! in its family when the answer comes. So many are proven as wait, no more, and no attempt to
//! connect begins for one who is provided for so. A connection that never carried a byte has nothing
//! under way; it goes from key to key as it is.
//!
//! It is not: the proof. What the peer's reply says is judged by the owner.

use super::idle::LOOKS_MAX;
use super::serve::VICTIMS_MAX;
use super::{Event, NIL, Now, Pool, State, Step};
use crate::event::{Doubt, How};
use crate::family::Family;
use crate::lease::Request;
use crate::limits::Reuse;
use crate::list::List;
use crate::ring::{Leaving, Place};
use crate::route_pool::Gate;
use crate::slot::ByRoute;
use crate::time::Duration;

/// A peer has so many handshakes of its route for the answer, and [`PATIENCE_MIN`] at least: what has
/// not come by then was lost, and to connect anew takes one.
const PATIENCE: u32 = 3;

/// The least time for an answer: what TCP waits for an acknowledgement at least, as Linux has it.
const PATIENCE_MIN: Duration = Duration::from_millis(200);

impl<C: Copy> Pool<C> {
    /// Whether a connection must be proven quiet before `waiter` may have it. One that is suspect or
    /// quarantined and free has just been.
    pub(super) fn needs_proof(&self, index: u32, waiter: u32) -> bool {
        let slot = &self.slots[index];
        let is_others = slot.group != NIL && slot.group != self.waiters[waiter].group;
        is_others && slot.uses > 0 && !self.has_answered(index)
    }

    /// The waiter whose turn it is for a connection of `family`. If as many are being proven as wait,
    /// one that would have to be is for those of its own key alone.
    pub(super) fn next_in_family(&self, index: u32, family: &Family) -> Option<u32> {
        let slot = &self.slots[index];
        let next = self.of_families.next(&family.plain);
        if slot.uses == 0 {
            return self.older(next, self.of_families.next(&family.fresh));
        }
        let next = next?;
        if family.proving >= family.waiting && self.needs_proof(index, next) {
            return self.of_keys.next(&self.groups.at(slot.group).plain);
        }
        Some(next)
    }

    /// Asks for the proof of a connection that stands in no list.
    pub(super) fn quarantine(&mut self, now: Now, index: u32) {
        let slot = &self.slots[index];
        let (route, group, connection) = (slot.route, slot.group, slot.connection());
        let since = slot.state.idle_since().unwrap_or(now.boot);
        let patience = (self.routes[route].handshake * PATIENCE).max(PATIENCE_MIN);
        let until = now.monotonic + patience.min(self.config.probe_timeout);
        self.enter(index, State::Quarantined { since, until });
        self.note(index, Step::Quarantined);
        self.routes[route].proving.push_front(&mut self.slots, index);
        self.tally_family(group, |family| family.proving += 1);
        self.rearm(now, index);
        let (slot, doubt) = (self.slot_id(index), Doubt::Quiet);
        self.events.push_back(Event::Probe { slot, connection, doubt });
    }

    /// Ends the quarantine of a connection, if it is quarantined, whatever becomes of it.
    pub(super) fn leave_quarantine(&mut self, index: u32) {
        let slot = &self.slots[index];
        if let State::Quarantined { .. } = slot.state {
            let (route, group) = (slot.route, slot.group);
            self.routes[route].proving.unlink(&mut self.slots, index);
            self.tally_family(group, |family| family.proving -= 1);
        }
    }

    /// The family for which a connection is quarantined, if it is.
    pub(super) fn proven_for(&self, index: u32) -> u32 {
        let slot = &self.slots[index];
        match slot.state {
            State::Quarantined { .. } => self.groups.at(slot.group).family,
            State::Connecting { .. }
            | State::Idle { .. }
            | State::Leased { .. }
            | State::Settling { .. }
            | State::Suspect { .. }
            | State::Closing => NIL,
        }
    }

    /// Has idle connections of a family proven, until there are as many as wait. What is past its time
    /// is closed on the way; the room that it leaves is the caller's to use.
    pub(super) fn prove(&mut self, now: Now, family: u32) {
        for _ in 0..LOOKS_MAX {
            let Some(index) = self.next_to_prove(now, family) else { return };
            if let Some(cause) = self.unfit(now, index) {
                self.retire(index, cause, How::Orderly);
                continue;
            }
            self.learn_from_life(now, index);
            self.leave_idle(index);
            if self.slots[index].verified == self.leaps {
                self.quarantine(now, index);
            } else {
                self.suspect(now, index);
            }
        }
    }

    fn next_to_prove(&self, now: Now, family: u32) -> Option<u32> {
        let family = self.groups.family(family)?;
        let is_open = self.routes[family.route].gate == Gate::Open;
        if is_open && family.proving < family.waiting { self.stock(now, family) } else { None }
    }

    /// The idle connection of a family that is proven next.
    fn stock(&self, now: Now, family: &Family) -> Option<u32> {
        let reuse = self.routes[family.route].config.reuse;
        let list = self.groups.stock(family, reuse != Reuse::Fifo)?;
        self.next_of(now, list, reuse)
    }

    /// Whether a lease that comes to wait would have an idle connection proven for it.
    pub(super) fn has_stock(&self, now: Now, request: &Request) -> bool {
        let Some(family) = self.groups.family_named(request.route.index, request.family) else {
            return false;
        };
        let stock = self.stock(now, family).filter(|_| !request.fresh);
        let is_good =
            |index| self.unfit(now, index).is_none() && self.slots[index].verified == self.leaps;
        let is_open = self.routes[family.route].gate == Gate::Open;
        is_open && family.proving <= family.waiting && stock.is_some_and(is_good)
    }

    /// Uses what was quarantined for one who waits no more, if that is what stops another (rule F).
    pub(super) fn use_spare_proofs(&mut self, now: Now, route: u32) {
        if self.routes.at(route).is_some_and(|pool| pool.spare_proofs() > 0) {
            self.use_room(now, route);
        }
    }

    /// The least recently quarantined connection of a route for which nobody waits.
    pub(super) fn spare_proof(&self, route: u32) -> Option<u32> {
        let pool = &self.routes[route];
        let last = pool.proving.back().filter(|_| pool.spare_proofs() > 0);
        let proving =
            core::iter::successors(last, |&index| List::<ByRoute>::before(&self.slots, index));
        let is_spare = |index: &u32| {
            let family = self.groups.family_of(self.slots[*index].group);
            family.is_some_and(|family| family.proving > family.waiting)
        };
        proving.take(VICTIMS_MAX).find(is_spare)
    }

    /// Puts a waiter into the line of its client in its family's queue, if its key has a family.
    pub(super) fn join_family(&mut self, waiter: u32) {
        let (group, fresh) = (self.waiters[waiter].group, self.waiters[waiter].fresh);
        let place = Place { index: self.groups.at(group).family, fresh };
        if let Some(family) = self.groups.family_of_mut(group) {
            self.of_families.join(family.queue(fresh), place, &mut self.waiters, waiter);
            self.tally_family(group, |family| family.waiting += usize::from(!fresh));
        }
    }

    /// Takes a waiter out of there.
    pub(super) fn leave_family(&mut self, waiter: u32, why: Leaving) {
        let (group, fresh) = (self.waiters[waiter].group, self.waiters[waiter].fresh);
        let place = Place { index: self.groups.at(group).family, fresh };
        if let Some(family) = self.groups.family_of_mut(group) {
            self.of_families.leave(family.queue(fresh), place, &mut self.waiters, waiter, why);
            self.tally_family(group, |family| family.waiting -= usize::from(!fresh));
        }
    }

    /// Changes how many of a group's family wait or are being proven, and with it how many waiters of
    /// the route are provided for.
    fn tally_family(&mut self, group: u32, change: impl FnOnce(&mut Family)) {
        let Some(family) = self.groups.family_of_mut(group) else { return };
        let before = family.covered();
        change(family);
        let covered = &mut self.routes[family.route].covered;
        *covered = *covered + family.covered() - before;
    }
}
