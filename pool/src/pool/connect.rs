//! Attempts to connect. An attempt belongs to its route and outlives the waiter for which it began
//! (rule X); it has its own budget of time.

use super::{NIL, Now, Pool, Refusal, Slot, Source, State, Step};
use crate::event::{ConnectFailure, Event};
use crate::ids::SlotId;
use crate::lease::Denial;
use crate::time::Instant;
use crate::token::{ConnectError, ConnectOutcome, OpenCause, Token};

impl<C: Copy> Pool<C> {
    /// An attempt to connect has succeeded. False if the attempt is not wanted any more: then the
    /// connection is the caller's to close.
    #[must_use = "a connection that is not wanted is the caller's to close"]
    pub fn opened(&mut self, now: Now, slot: SlotId, connection: C) -> bool {
        self.observe(now);
        let Some((index, since, cause)) = self.find_attempt(slot) else { return false };
        self.end_attempt(now, index, since, ConnectOutcome::Connected);
        let shave = u16::try_from(self.random.below(1 << 16)).expect("16 bits");
        let route = self.slots[index].route;
        let epoch = self.routes[route].epoch;
        let slot = &mut self.slots[index];
        slot.epoch = epoch;
        slot.connection = Some(connection);
        slot.opened = now.boot;
        slot.shave = shave;
        slot.verified = self.leaps;
        self.stats.opened.add(cause);
        self.routes[route].stats.opened.add(cause);
        let pool = &mut self.routes[route];
        pool.failure = None;
        pool.backoff.on_success(pool.config.max_connecting);
        self.offer(now, index, Source::New);
        self.use_room(now, route);
        self.keep_warm(route);
        true
    }

    /// An attempt to connect has failed. One that ended before is ignored.
    pub fn open_failed(&mut self, now: Now, slot: SlotId, failure: ConnectFailure) {
        self.observe(now);
        let Some((index, ..)) = self.find_attempt(slot) else { return };
        self.fail_attempt(now, index, failure, ConnectOutcome::Failed);
    }

    /// Says whether the attempt in `slot` waits for the addresses of a name: if its time runs out then,
    /// it is the resolver that was silent. Ignored unless an attempt is under way there.
    pub fn on_resolving(&mut self, slot: SlotId, is_resolving: bool) {
        if self.find_attempt(slot).is_some()
            && let State::Connecting { resolving, .. } = &mut self.slots[slot.index].state
        {
            *resolving = is_resolving;
        }
    }

    /// Whether an attempt to connect is under way in this slot.
    pub(crate) fn is_connecting(&self, slot: SlotId) -> bool {
        self.find_attempt(slot).is_some()
    }

    /// Begins an attempt to connect; the room for it is there.
    pub(super) fn connect(&mut self, now: Now, route: u32, cause: OpenCause) {
        let slot = Slot::connecting(route, now.monotonic, self.next_waiter, cause);
        let (index, _) = self.slots.insert(slot);
        self.tally(index, |count| *count += 1);
        self.count_active(route);
        let pool = &mut self.routes[route];
        pool.attempts.push_back(&mut self.slots, index);
        let route = pool.id;
        self.rearm(now, index);
        self.note(index, Step::Connecting(cause));
        self.events.push_back(Event::Connect { slot: self.slot_id(index), route });
    }

    /// An attempt has used up its budget.
    pub(super) fn time_out_attempt(&mut self, now: Now, index: u32) {
        self.events.push_back(Event::Abandon { slot: self.slot_id(index) });
        let is_resolving =
            matches!(self.slots[index].state, State::Connecting { resolving: true, .. });
        let error = match is_resolving {
            true => ConnectError::DnsTimeout,
            false => ConnectError::ConnectionTimeout,
        };
        let failure = ConnectFailure { error, hard: false };
        self.fail_attempt(now, index, failure, ConnectOutcome::TimedOut);
    }

    /// Gives up the attempts of a route that grants no leases any more.
    pub(super) fn abandon_attempts(&mut self, now: Now, route: u32) {
        while let Some(index) = self.routes.at(route).and_then(|pool| pool.attempts.front()) {
            let State::Connecting { since, .. } = self.slots[index].state else {
                unreachable!("only attempts are listed as attempts")
            };
            self.events.push_back(Event::Abandon { slot: self.slot_id(index) });
            self.end_attempt(now, index, since, ConnectOutcome::Abandoned);
            self.note(index, Step::Abandoned);
            self.free(index);
        }
    }

    /// The index of an attempt that is under way, since when it is, and what for.
    fn find_attempt(&self, slot: SlotId) -> Option<(u32, Instant, OpenCause)> {
        match self.slots.get(slot.index, slot.generation)?.state {
            State::Connecting { since, cause, .. } => Some((slot.index, since, cause)),
            State::Idle { .. }
            | State::Leased { .. }
            | State::Settling { .. }
            | State::Suspect { .. }
            | State::Quarantined { .. }
            | State::Closing => None,
        }
    }

    fn end_attempt(&mut self, now: Now, index: u32, since: Instant, outcome: ConnectOutcome) {
        let route = self.slots[index].route;
        self.routes[route].attempts.unlink(&mut self.slots, index);
        let took = now.monotonic.since(since);
        if outcome == ConnectOutcome::Connected {
            let handshake = &mut self.routes[route].handshake;
            *handshake = if handshake.is_zero() { took } else { (*handshake * 3 + took) / 4 };
        }
        self.stats.connect_durations[outcome.index()].record(took);
    }

    fn fail_attempt(
        &mut self,
        now: Now,
        index: u32,
        failure: ConnectFailure,
        outcome: ConnectOutcome,
    ) {
        let slot = &self.slots[index];
        let State::Connecting { since, before, .. } = slot.state else {
            unreachable!("only an attempt can fail")
        };
        let route = slot.route;
        assert!(slot.group == NIL, "an attempt belongs to its route");
        self.end_attempt(now, index, since, outcome);
        self.stats.connect_failures.add(failure.error);
        let pool = &mut self.routes[route];
        pool.stats.connect_failures += 1;
        pool.failure = Some((self.next_waiter, failure.error));
        self.note(index, Step::Failed(failure.error));
        self.free(index);
        self.tell_of_failure(now, route, failure, before);
        self.use_room(now, route);
        self.keep_warm(route);
    }

    /// Rule C. The route rests, lest it knock without a pause. A definite answer, and no connection
    /// that could come free: those who were there when the attempt began have their answer too.
    /// All others stay.
    fn tell_of_failure(&mut self, now: Now, route: u32, failure: ConnectFailure, before: u64) {
        self.rest(now, route, failure.error);
        let pool = &self.routes[route];
        if failure.hard && pool.connections.live() == 0 {
            let retry_after = pool.backoff.rest(now.monotonic).map(|(rest, _)| rest);
            self.refuse_older(route, before, Denial { retry_after, ..failure.error.into() });
        }
    }

    /// Leaves the route's peer alone for a while; not for what configuration forbids, which nobody
    /// was asked about.
    fn rest(&mut self, now: Now, route: u32, error: ConnectError) {
        if error == ConnectError::DestinationIpProhibited {
            return;
        }
        let lot = u32::try_from(self.random.below(1 << 20)).expect("20 bits");
        let pool = &mut self.routes[route];
        let limits = (pool.config.backoff_min, pool.config.backoff_max);
        if let Some(until) = pool.backoff.on_failure(now.monotonic, error, limits, lot) {
            self.alarms.set(until, pool.id);
        }
    }

    /// What a lease is told on a route that rests and has nothing to wait for.
    pub(super) fn backoff(&self, now: Now, route: u32) -> Option<Denial> {
        let pool = &self.routes[route];
        if pool.connections.total() > 0 {
            return None;
        }
        let (rest, error) = pool.backoff.rest(now.monotonic)?;
        let denial = Denial::from(Refusal::Backoff);
        Some(Denial { error: Some(error), retry_after: Some(rest), ..denial })
    }

    /// Refuses all waiters of the route with a number below `before`.
    fn refuse_older(&mut self, route: u32, before: u64, denial: Denial) {
        while let Some(waiter) = self.routes[route].queue.front() {
            if self.waiters[waiter].number >= before {
                return;
            }
            self.refuse(waiter, denial);
        }
    }
}
