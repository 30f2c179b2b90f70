//! Attempts to connect. An attempt belongs to its route and outlives the waiter for which it began
//! (rule X); it has its own budget of time.

use super::{NIL, Now, Pool, Refusal, Slot, Source, State};
use crate::event::{ConnectFailure, Event};
use crate::ids::SlotId;
use crate::time::{Duration, Instant};
use crate::token::{ConnectError, ConnectOutcome, OpenCause, Token};

/// How long a route rests after a failed attempt that left it with waiters: the first step of the
/// backoff of POOL.md, section 1.
const PAUSE: Duration = Duration::from_millis(100);

impl<C: Copy> Pool<C> {
    /// An attempt to connect has succeeded. False if the attempt is not wanted any more: then the
    /// connection is the caller's to close.
    #[must_use = "a connection that is not wanted is the caller's to close"]
    pub fn opened(&mut self, now: Now, slot: SlotId, connection: C) -> bool {
        self.observe(now);
        let Some((index, since, _)) = self.find_attempt(slot) else { return false };
        self.end_attempt(now, index, since, ConnectOutcome::Connected);
        let shave = u16::try_from(self.random.below(1 << 16)).expect("16 bits");
        let slot = &mut self.slots[index];
        slot.connection = Some(connection);
        slot.opened = now.boot;
        slot.shave = shave;
        slot.verified = self.leaps;
        let route = slot.route;
        self.stats.opened.add(OpenCause::Demand);
        self.routes[route].stats.opened.add(OpenCause::Demand);
        self.routes[route].failure = None;
        self.offer(now, index, Source::New);
        self.use_room(now, route);
        true
    }

    /// An attempt to connect has failed. One that ended before is ignored.
    pub fn open_failed(&mut self, now: Now, slot: SlotId, failure: ConnectFailure) {
        self.observe(now);
        let Some((index, ..)) = self.find_attempt(slot) else { return };
        self.fail_attempt(now, index, failure, ConnectOutcome::Failed);
    }

    /// Whether an attempt to connect is under way in this slot.
    pub(crate) fn is_connecting(&self, slot: SlotId) -> bool {
        self.find_attempt(slot).is_some()
    }

    /// Begins an attempt to connect; the room for it is there.
    pub(super) fn connect(&mut self, now: Now, route: u32) {
        let slot = Slot::connecting(route, now.monotonic, self.next_waiter);
        let (index, _) = self.slots.insert(slot);
        self.tally(index, |count| *count += 1);
        self.count_active(route);
        let pool = &mut self.routes[route];
        pool.attempts.push_back(&mut self.slots, index);
        let route = pool.id;
        self.rearm(now, index);
        self.events.push_back(Event::Connect { slot: self.slot_id(index), route });
    }

    /// An attempt has used up its budget.
    pub(super) fn time_out_attempt(&mut self, now: Now, index: u32) {
        self.events.push_back(Event::Abandon { slot: self.slot_id(index) });
        let failure = ConnectFailure { error: ConnectError::ConnectionTimeout, hard: false };
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
            self.free(index);
        }
    }

    /// The index of an attempt that is under way, since when it is, and which waiters came before.
    fn find_attempt(&self, slot: SlotId) -> Option<(u32, Instant, u64)> {
        match self.slots.get(slot.index, slot.generation)?.state {
            State::Connecting { since, before } => Some((slot.index, since, before)),
            State::Idle { .. }
            | State::Leased { .. }
            | State::Settling { .. }
            | State::Suspect { .. }
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
        let State::Connecting { since, before } = slot.state else {
            unreachable!("only an attempt can fail")
        };
        let route = slot.route;
        assert!(slot.group == NIL, "an attempt belongs to its route");
        self.end_attempt(now, index, since, outcome);
        self.stats.connect_failures.add(failure.error);
        let pool = &mut self.routes[route];
        pool.stats.connect_failures += 1;
        pool.failure = Some((self.next_waiter, failure.error));
        self.free(index);
        self.tell_of_failure(now, route, failure, before);
        self.use_room(now, route);
    }

    /// Rule C. A definite answer, and no connection that could come free: those who were there
    /// when the attempt began have their answer too. Otherwise they stay, and the route rests for
    /// a moment, lest it knock without a pause.
    fn tell_of_failure(&mut self, now: Now, route: u32, failure: ConnectFailure, before: u64) {
        let pool = &self.routes[route];
        if failure.hard && pool.connections.live() == 0 {
            self.refuse_older(route, before, failure.error.into());
        } else if pool.waiting > 0 {
            let until = now.monotonic + PAUSE;
            self.pauses.push_back((until, pool.id));
            self.routes[route].paused_until = Some(until);
        }
    }

    /// Refuses all waiters of the route with a number below `before`.
    fn refuse_older(&mut self, route: u32, before: u64, refusal: Refusal) {
        while let Some(waiter) = self.routes[route].queue.front() {
            if self.waiters[waiter].number >= before {
                return;
            }
            self.refuse(waiter, refusal);
        }
    }
}
