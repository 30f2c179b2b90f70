//! Leases that are held for long: their owner is told once at each limit that they pass.
//!
//! The pool takes no lease away. It cannot know who holds what a lease was given to, nor whether the
//! lease was used; it only keeps the time.

use super::{Event, Instant, Now, Pool, State};
use crate::event::Overdue;
use crate::ids::LeaseId;

impl<C: Copy> Pool<C> {
    /// Begins to watch the lease of a slot that was just leased.
    #[inline]
    pub(super) fn watch(&mut self, now: Now, index: u32) {
        if self.routes[self.slots[index].route].config.watches_leases() {
            self.rearm(now, index);
        }
    }

    /// Watches the lease of a slot no more: it has ended.
    #[inline]
    pub(super) fn unwatch(&mut self, index: u32) {
        let slot = &mut self.slots[index];
        let passed = core::mem::take(&mut slot.overdue);
        let is_counted = passed & Overdue::Warn.bit() != 0;
        self.routes[slot.route].overdue -= usize::from(is_counted);
    }

    /// When the lease of a slot, held since `since`, passes the next limit, in monotonic time.
    pub(super) fn overdue_at(&self, index: u32, since: Instant) -> Option<Instant> {
        let slot = &self.slots[index];
        let limits = self.routes[slot.route].config.overdue_after();
        let ahead = limits
            .iter()
            .filter(|(limit, after)| !after.is_zero() && slot.overdue & limit.bit() == 0);
        ahead.map(|(_, after)| since + *after).min()
    }

    /// Tells of every limit that the lease of a slot has passed, the shortest first.
    pub(super) fn tell_overdue(&mut self, now: Now, index: u32) {
        let State::Leased { owner, since } = self.slots[index].state else {
            unreachable!("only a lease becomes overdue")
        };
        let serial = self.slots[index].serial;
        let route = self.slots[index].route;
        let mut limits = self.routes[route].config.overdue_after();
        limits.sort_by_key(|(_, after)| *after);
        for (limit, after) in limits {
            let slot = &mut self.slots[index];
            let is_told = slot.overdue & limit.bit() != 0;
            if is_told || after.is_zero() || since + after > now.monotonic {
                continue;
            }
            slot.overdue |= limit.bit();
            self.routes[route].overdue += usize::from(limit == Overdue::Warn);
            let lease = LeaseId { index, serial, owner };
            let held = now.monotonic.since(since);
            let connection = self.slots[index].connection();
            self.events.push_back(Event::Overdue { lease, limit, connection, held });
        }
        self.rearm(now, index);
    }

    /// Arms the timers of a route's leases anew, after its limits changed.
    pub(super) fn watch_all(&mut self, now: Now, route: u32) {
        if !self.routes[route].config.watches_leases() {
            return;
        }
        let is_leased = |state| matches!(state, State::Leased { .. });
        let leased: Vec<u32> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.route == route && is_leased(slot.state))
            .map(|(index, _)| index)
            .collect();
        leased.into_iter().for_each(|index| self.rearm(now, index));
    }
}
