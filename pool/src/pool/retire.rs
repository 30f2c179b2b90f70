//! Connections end here, each once and with one cause; and the reasons for which the pool itself
//! ends them.

use super::{Now, Phase, Pool, State, Step};
use crate::event::{Event, How};
use crate::ids::SlotId;
use crate::limits::CLOSING_DIVISOR;
use crate::time::Instant;
use crate::token::CloseCause;

impl<C: Copy> Pool<C> {
    /// The transport has ended this connection, or is about to: the pool forgets it at once and
    /// asks for nothing. Under a lease it is forgotten at release, whatever the release says. An
    /// attempt to connect ends with [`Pool::open_failed`] instead.
    pub fn lost(&mut self, now: Now, slot: SlotId, cause: CloseCause) {
        self.observe(now);
        let index = slot.index;
        let Some(found) = self.slots.get(index, slot.generation) else { return };
        match found.state {
            State::Connecting { .. } => {}
            State::Leased { .. } if found.lost.is_some() => {}
            State::Leased { .. } => {
                self.tally(index, |count| *count -= 1);
                self.slots[index].lost = Some(cause);
                self.tally(index, |count| *count += 1);
                self.note(index, Step::Lost(cause));
            }
            State::Closing => self.free(index),
            State::Idle { .. }
            | State::Settling { .. }
            | State::Suspect { .. }
            | State::Quarantined { .. } => {
                let (route, settling) = (found.route, self.is_settling(slot));
                if cause == CloseCause::PeerFin {
                    self.learn_from_fin(now, index);
                }
                self.slots[index].lost = Some(cause);
                self.close(now, index, cause, How::Reset);
                if settling {
                    self.count_release(route, crate::Released::Closed(cause));
                }
            }
        }
    }

    /// The transport is done with a connection that the pool had closed. Ignored unless it is
    /// closing.
    pub fn closed(&mut self, now: Now, slot: SlotId) {
        self.observe(now);
        let found = self.slots.get(slot.index, slot.generation);
        if found.is_some_and(|slot| slot.state == State::Closing) {
            self.free(slot.index);
        }
    }

    /// Closes a connection and offers the room it leaves: rule N.
    pub(super) fn close(&mut self, now: Now, index: u32, cause: CloseCause, how: How) {
        let (route, family) = (self.slots[index].route, self.proven_for(index));
        self.retire(index, cause, how);
        self.prove(now, family);
        self.use_room(now, route);
        self.keep_warm(route);
    }

    /// Makes room at once. The victim is idle, or quarantined and nobody waits for it.
    pub(super) fn evict(&mut self, index: u32) {
        self.stats.evictions += 1;
        let route = self.slots[index].route;
        self.routes[route].stats.evictions += 1;
        self.retire(index, CloseCause::Evicted, How::Reset);
        self.keep_warm(route);
    }

    /// Ends a connection. An orderly close takes a place among the closing ones; if those are too
    /// many, it is a reset. What the transport has ended itself needs neither.
    pub(super) fn retire(&mut self, index: u32, cause: CloseCause, how: How) {
        if matches!(self.slots[index].state, State::Idle { .. }) {
            self.leave_idle(index);
        }
        let slot = &self.slots[index];
        let (route, connection, lost) = (slot.route, slot.connection(), slot.lost.is_some());
        self.stats.closed.add(cause);
        self.routes[route].stats.closed += 1;
        self.note_gone(route);
        self.note(index, Step::Closed(cause));
        // Nobody would hear a FIN, and none would come back.
        let how = if cause == CloseCause::PathDead { How::Reset } else { how };
        let closing_max = (self.config.max_total / CLOSING_DIVISOR).max(1);
        let how = if self.closing < closing_max { how } else { How::Reset };
        if !lost {
            let slot = self.slot_id(index);
            self.events.push_back(Event::Close { slot, connection, cause, how });
        }
        match how {
            How::Orderly if !lost => {
                self.enter(index, State::Closing);
                self.count_active(route);
            }
            How::Orderly | How::Reset => self.free(index),
        }
    }

    /// Why a connection that comes free is closed rather than kept, if it is: rules L, D and TTL.
    pub(super) fn retirement(&self, now: Now, index: u32) -> Option<CloseCause> {
        let slot = &self.slots[index];
        let route = &self.routes[slot.route];
        if slot.lost.is_some() {
            return slot.lost;
        }
        if let Phase::Draining(cause) = route.phase {
            return Some(cause);
        }
        if slot.epoch != route.epoch {
            return Some(route.renounced_for);
        }
        if route.connections.total() > route.config.max_connections
            || self.connections.total() > self.config.max_total
        {
            return Some(CloseCause::LimitLowered);
        }
        if let Some(cause) = self.condemned(index) {
            return Some(cause);
        }
        self.expiry(now, index)
    }

    /// Which of its own limits a connection has reached, if it has.
    pub(super) fn expiry(&self, now: Now, index: u32) -> Option<CloseCause> {
        let slot = &self.slots[index];
        let config = &self.routes[slot.route].config;
        if config.max_uses > 0 && slot.uses >= config.max_uses {
            return Some(CloseCause::MaxUses);
        }
        if slot.expires(config.max_lifetime).is_some_and(|at| at <= now.boot) {
            return Some(CloseCause::MaxLifetime);
        }
        let (idle_until, cause) = self.idle_until(index)?;
        (idle_until <= now.boot).then_some(cause)
    }

    /// Until when an idle connection may be idle, in boot time, and what ends it then.
    pub(super) fn idle_until(&self, index: u32) -> Option<(Instant, CloseCause)> {
        let since = self.slots[index].state.idle_since()?;
        let (limit, cause) = self.idle_limit(index)?;
        Some((since + limit, cause))
    }
}
