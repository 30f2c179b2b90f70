//! Leases end here: rules R, U, Z, and what follows a settling connection.

use super::{NIL, Now, Pool, Source, State, Step};
use crate::event::How;
use crate::ids::{LeaseId, SlotId};
use crate::lease::{Condition, Released};
use crate::time::Instant;
use crate::token::{CloseCause, ReleaseError, ReleaseResult};

impl<C: Copy> Pool<C> {
    /// Takes a lease back. A reusable connection is offered on; a spent one is closed, and the
    /// room it leaves is offered instead. Legal at any time, also while draining.
    ///
    /// # Errors
    ///
    /// A lease that was released before, that another holds, or that ended long ago changes
    /// nothing and is counted.
    pub fn release(
        &mut self,
        now: Now,
        lease: LeaseId,
        condition: Condition,
    ) -> Result<Released, ReleaseError> {
        self.observe(now);
        match self.check_lease(lease) {
            Ok(index) => Ok(self.take_back(now, index, condition)),
            Err(error) => {
                self.stats.releases_rejected.add(error);
                Err(error)
            }
        }
    }

    /// The slot of a lease that is held.
    #[must_use]
    pub fn slot_of(&self, lease: LeaseId) -> Option<SlotId> {
        self.check_lease(lease).ok().map(|index| self.slot_id(index))
    }

    /// What a released connection had sent is acknowledged: it is offered on. Ignored unless the
    /// connection is settling.
    pub fn settled(&mut self, now: Now, slot: SlotId) {
        self.observe(now);
        if !self.is_settling(slot) {
            return;
        }
        let route = self.slots[slot.index].route;
        let released = self.offer(now, slot.index, Source::Handoff);
        self.count_release(route, released);
    }

    /// The peer of a connection has answered its probe: it has all that was sent, and has sent
    /// nothing that has not come. The connection is offered on, to any domain of its family. Ignored
    /// unless it is suspect or quarantined.
    pub fn probed(&mut self, now: Now, slot: SlotId) {
        self.observe(now);
        if self.is_probed(slot) {
            self.slots[slot.index].verified = self.leaps;
            self.offer(now, slot.index, Source::Idle);
        }
    }

    /// Whether the peer of a connection is being asked.
    pub(super) fn is_probed(&self, slot: SlotId) -> bool {
        let found = self.slots.get(slot.index, slot.generation);
        let is_asked = |state| {
            matches!(state, State::Suspect { aside: false, .. } | State::Quarantined { .. })
        };
        found.is_some_and(|slot| is_asked(slot.state))
    }

    /// Takes back the connection at `index`, which is leased.
    pub(super) fn take_back(&mut self, now: Now, index: u32, condition: Condition) -> Released {
        let slot = &mut self.slots[index];
        let State::Leased { since, .. } = slot.state else {
            unreachable!("only what is leased is taken back")
        };
        let route = slot.route;
        if condition != Condition::Unused {
            slot.uses = slot.uses.saturating_add(1);
            slot.verified = self.leaps;
        }
        let (group, address) = (slot.group, slot.address);
        self.unwatch(index);
        self.groups.at_mut(group).leased -= 1;
        if let Some(address) = self.addresses.at_mut(address) {
            address.appeal.on_return();
        }
        self.routes[route].hold.on_end(now.monotonic, since);
        self.stats.lease_hold.record(now.monotonic.since(since));
        let released = match condition {
            Condition::Spent(cause) => {
                let cause = self.slots[index].lost.unwrap_or(cause);
                self.close(now, index, cause, How::Reset);
                Released::Closed(cause)
            }
            Condition::Settling { until } => self.settle(now, index, until),
            Condition::Reusable | Condition::Unused => self.offer(now, index, Source::Handoff),
        };
        self.count_release(route, released);
        released
    }

    /// Counts what became of a connection whose lease ended. A route that went with its last
    /// connection is counted no more.
    pub(super) fn count_release(&mut self, route: u32, released: Released) {
        let result = match released {
            Released::Kept => ReleaseResult::Reused,
            Released::HandedOn => ReleaseResult::Handoff,
            Released::Closed(_) => ReleaseResult::Closed,
            Released::Settling => return,
        };
        self.stats.releases.add(result);
        if self.routes.at(route).is_some() {
            self.routes[route].stats.releases.add(result);
        }
    }

    pub(super) fn is_settling(&self, slot: SlotId) -> bool {
        let found = self.slots.get(slot.index, slot.generation);
        found.is_some_and(|slot| matches!(slot.state, State::Settling { .. }))
    }

    /// Lets a connection wait for its acknowledgement, unless it is to be closed anyway.
    fn settle(&mut self, now: Now, index: u32, until: Instant) -> Released {
        if let Some(cause) = self.retirement(now, index) {
            self.close(now, index, cause, How::Orderly);
            return Released::Closed(cause);
        }
        if until <= now.monotonic {
            self.close(now, index, CloseCause::UnackedBytes, How::Reset);
            return Released::Closed(CloseCause::UnackedBytes);
        }
        self.enter(index, State::Settling { until });
        self.note(index, Step::Settling);
        self.rearm(now, index);
        Released::Settling
    }

    /// The index of the slot that `lease` holds; or what is wrong with the handle (rule R).
    fn check_lease(&self, lease: LeaseId) -> Result<u32, ReleaseError> {
        let slot = self.slots.at(lease.index).ok_or(ReleaseError::Late)?;
        if lease.index == NIL || slot.serial != lease.serial || lease.serial == 0 {
            return Err(ReleaseError::Late);
        }
        match slot.state {
            State::Leased { owner, .. } if owner == lease.owner => Ok(lease.index),
            State::Leased { .. } => Err(ReleaseError::Foreign),
            State::Idle { .. }
            | State::Settling { .. }
            | State::Suspect { .. }
            | State::Quarantined { .. }
            | State::Closing
            | State::Connecting { .. } => Err(ReleaseError::Double),
        }
    }
}
