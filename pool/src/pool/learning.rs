//! How long peers let connections idle: what they say by closing them, what clients were told, and
//! what follows for those that are idle (rule I).
//!
//! When less is learned to be allowed than was, those that are idle already are looked at again
//! (`sweep.rs`).

use std::collections::VecDeque;

use super::{Address, Instant, NIL, Now, Pool, State};
use crate::ids::{AddressId, LeaseId, SlotId};
use crate::time::Duration;
use crate::token::CloseCause;

/// Taken from a hint, unless two round trips are more.
const HINT_MARGIN: Duration = Duration::from_secs(1);

/// What is left to do because something was learned.
#[derive(Debug)]
pub(super) struct Lessons {
    /// Addresses with FINs to judge, each once, and when.
    queue: VecDeque<(Instant, u32)>,
}

impl Lessons {
    pub(super) const fn new() -> Self {
        Self { queue: VecDeque::new() }
    }

    /// When the next FINs are to be judged.
    pub(super) fn due(&self) -> Option<Instant> {
        self.queue.front().map(|(due, _)| *due)
    }
}

impl<C: Copy> Pool<C> {
    /// As [`Pool::opened`], for a connection to `address`: what its peer's ends teach holds for all
    /// connections to the same address, on every route.
    #[must_use = "a connection that is not wanted is the caller's to close"]
    pub fn opened_at(&mut self, now: Now, slot: SlotId, connection: C, address: AddressId) -> bool {
        let found = self.slots.get(slot.index, slot.generation).map(|slot| slot.state);
        let Some(State::Connecting { since, .. }) = found else { return false };
        self.opened_within(now, slot, connection, address, now.monotonic.since(since))
    }

    /// The same, where the attempt took longer than its handshake, because a name was resolved first or
    /// another address was tried: the handshake took this `round_trip`.
    #[must_use = "a connection that is not wanted is the caller's to close"]
    pub fn opened_within(
        &mut self,
        now: Now,
        slot: SlotId,
        connection: C,
        address: AddressId,
        round_trip: Duration,
    ) -> bool {
        if self.is_connecting(slot) {
            let index = self.addresses.join(address);
            self.slots[slot.index].address = index;
            let route = self.slots[slot.index].route;
            self.destinations.join(route, index);
            self.routes[route].note_address(address);
            // A first guess, until somebody knows better.
            if let Some(address) = self.addresses.at_mut(index)
                && address.srtt().is_zero()
            {
                address.set_srtt(round_trip);
            }
            self.heard_from(now, index, now.monotonic);
        }
        self.opened(now, slot, connection)
    }

    /// The connection of this lease has this smoothed round trip time, by which connections to its
    /// address are given up before their peer does it. Call before the release; without it, the
    /// time that connecting took stands for it. Ignored unless the lease is held.
    pub fn on_round_trip(&mut self, lease: LeaseId, srtt: Duration) {
        let Some(slot) = self.slot_of(lease) else { return };
        if let Some(address) = self.addresses.at_mut(self.slots[slot.index].address) {
            address.set_srtt(srtt);
        }
    }

    /// The peer has said that it closes the connection of this lease when it has been idle for
    /// `timeout`, as HTTP's `Keep-Alive: timeout=` does. It holds until another is said. Call before
    /// the release, after [`Pool::on_round_trip`]. Ignored unless the lease is held.
    pub fn on_keep_alive(&mut self, lease: LeaseId, timeout: Duration) {
        let Some(slot) = self.slot_of(lease) else { return };
        let margin = self.round_trip(slot.index).saturating_mul(2).max(HINT_MARGIN);
        self.slots[slot.index].set_hinted(timeout.saturating_sub(margin));
    }

    /// How long a connection may be idle, and what it is then closed for: the least of what the
    /// route, the peer's own word and its behaviour allow.
    pub(super) fn idle_limit(&self, index: u32) -> Option<(Duration, CloseCause)> {
        let slot = &self.slots[index];
        let timeout = self.routes[slot.route].config.idle_timeout;
        let timeout = (!timeout.is_zero()).then_some((timeout, CloseCause::IdleTimeout));
        let hinted = slot.hinted().map(|hinted| (hinted, CloseCause::KeepaliveHint));
        let limit = shorter(timeout, hinted);
        if slot.address == NIL || slot.is_scout() {
            return limit;
        }
        let learned = self.addresses.at(slot.address).and_then(Address::allowed);
        shorter(limit, learned.map(|learned| (learned, CloseCause::LearnedIdle)))
    }

    /// The peer has closed a connection of which the pool still thinks that it is idle. After a
    /// sleep of the host its age says nothing.
    pub(super) fn learn_from_fin(&mut self, now: Now, index: u32) {
        let slot = &self.slots[index];
        let State::Idle { since } = slot.state else { return };
        if slot.verified != self.leaps {
            return;
        }
        let (place, served, age) = (slot.address, slot.uses > 0, now.boot.since(since));
        let Some(address) = self.addresses.at_mut(place) else { return };
        let has_fallen = address.learned.on_fin(now.monotonic, age, served);
        address.refresh();
        self.queue_lesson(place);
        if has_fallen {
            self.sweep_soon();
        }
    }

    /// An idle connection is leased or closed by the pool: its peer has let it be until now.
    pub(super) fn learn_from_life(&mut self, now: Now, index: u32) {
        let slot = &self.slots[index];
        let State::Idle { since } = slot.state else { return };
        if slot.uses == 0 || slot.verified != self.leaps {
            return;
        }
        if let Some(address) = self.addresses.at_mut(slot.address)
            && address.allowed().is_some()
        {
            address.learned.on_alive(now.boot.since(since));
            address.refresh();
        }
    }

    /// Judges the FINs that have waited long enough.
    pub(super) fn handle_lessons(&mut self, now: Now, budget: &mut usize) {
        while *budget > 0
            && let Some((due, place)) = self.lessons.queue.front().copied()
            && due <= now.monotonic
        {
            *budget -= 1;
            self.lessons.queue.pop_front();
            let Some(address) = self.addresses.at_mut(place) else { continue };
            address.is_queued = false;
            let has_fallen = address.learned.judge(now.monotonic);
            address.refresh();
            self.queue_lesson(place);
            if has_fallen {
                self.sweep_soon();
            }
        }
    }

    fn queue_lesson(&mut self, place: u32) {
        let Some(address) = self.addresses.at_mut(place) else { return };
        if let Some(due) = address.learned.next()
            && !address.is_queued
        {
            address.is_queued = true;
            self.lessons.queue.push_back((due, place));
        }
    }

    /// The round trip time to a connection's peer, as far as is known: else what connecting takes.
    fn round_trip(&self, index: u32) -> Duration {
        let slot = &self.slots[index];
        let known = self.addresses.at(slot.address).map(Address::srtt);
        known.filter(|srtt| !srtt.is_zero()).unwrap_or(self.routes[slot.route].handshake)
    }
}

/// The shorter of two times that may not be limited, and the first if they are the same.
fn shorter(
    one: Option<(Duration, CloseCause)>,
    other: Option<(Duration, CloseCause)>,
) -> Option<(Duration, CloseCause)> {
    match (one, other) {
        (Some((first, _)), Some((second, _))) => {
            if second < first {
                other
            } else {
                one
            }
        }
        (one, other) => one.or(other),
    }
}
