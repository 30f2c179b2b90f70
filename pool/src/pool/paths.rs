//! Paths that die: an address that is silent where it should answer is asked, and given up if it does
//! not (rule M).
//!
//! One connection asks for all, the most recently used idle one; where none is idle, the one whose
//! timer expired. Where there is nobody to ask the doubt is dropped: the next timer that expires
//! brings it back, and new attempts to connect find out for themselves.
//!
//! While an address is suspect no connection to it is leased: one that a lease would get is set aside
//! and looked at again soon. Once the address has failed, all that were opened before are closed:
//! those that are idle by the sweep, those that are set aside or settling when their time comes, and
//! those under a lease at its end, for the transport ends what it carries in its own time. A route
//! that has no other address goes on connecting there, under the rests of rule C: each attempt is a
//! question too, and its waiters have nobody else to hope for.

use super::{Instant, NIL, Now, Phase, Pool, State};
use crate::event::Event;
use crate::health::{self, Health, Silence};
use crate::ids::{AddressId, SlotId};
use crate::list::List;
use crate::slot::ByPool;
use crate::time::Duration;
use crate::wheel::Step;

/// Idle connections that are looked at for one that can ask.
const WITNESSES_MAX: usize = 256;

/// How far the time between two knocks is shortened or prolonged by lot: a fifth.
const SPREAD: u32 = 5;

/// When a connection that was set aside is looked at again, in round trips to its peer.
const ROUND_TRIPS: u32 = 2;

/// The same at least and at most.
const LOOK_MIN: Duration = Duration::from_millis(2);
const LOOK_MAX: Duration = Duration::from_millis(50);

impl<C: Copy> Pool<C> {
    /// What was sent to an address was not acknowledged in time. If nothing at all has come from
    /// there for long enough, it is suspect (rule M); if that is too short yet, it will be unless
    /// the owner tells of a segment before. Ignored if no connection leads there.
    pub fn on_silence(&mut self, now: Now, silence: Silence) {
        self.observe(now);
        let Some(index) = self.addresses.find(silence.address) else { return };
        let Some(address) = self.addresses.at_mut(index) else { return };
        address.heard = address.heard.max(silence.heard);
        if address.health().is_shunned() || !address.has_members() {
            return;
        }
        let (until, step) = (address.heard + silence.window, health::step(silence.window));
        if until <= now.monotonic {
            self.suspect_address(now, index, silence.slot, step);
        } else {
            self.think(now, index, Health::Doubted { silent: silence.slot, until, step });
        }
    }

    /// A segment has come from `address` at `at`, monotonic, on whichever connection: it is there.
    pub fn heard(&mut self, now: Now, address: AddressId, at: Instant) {
        self.observe(now);
        if let Some(index) = self.addresses.find(address) {
            self.heard_from(now, index, at);
        }
    }

    /// Nobody will connect to `address` any more: whether it has failed is of no interest, and it is
    /// knocked at no longer.
    pub fn forget_failure(&mut self, now: Now, address: AddressId) {
        self.observe(now);
        let Some(index) = self.addresses.find(address) else { return };
        let found = self.addresses.at(index);
        if found.is_some_and(|address| matches!(address.health(), Health::Failed { .. })) {
            self.think(now, index, Health::Well);
        }
    }

    /// The connection that was to ask cannot: the doubt is dropped, as if there were nobody to ask.
    pub fn cannot_ask(&mut self, now: Now, address: AddressId) {
        self.observe(now);
        let Some(index) = self.addresses.find(address) else { return };
        let health = self.addresses.at(index).map(|address| address.health());
        if matches!(health, Some(Health::Suspect { .. } | Health::Asked { .. })) {
            self.think(now, index, Health::Well);
        }
    }

    /// Looks at every address soon, by the interval that is in force now.
    pub(super) fn watch_addresses(&mut self, now: Now) {
        for index in self.addresses.indices() {
            self.addresses.arm(index, now.monotonic);
        }
    }

    /// Whether connections should go elsewhere, if there is anywhere else: the address is suspect
    /// or has failed.
    #[must_use]
    pub fn is_shunned(&self, address: AddressId) -> bool {
        let address = self.addresses.find(address).and_then(|index| self.addresses.at(index));
        address.is_some_and(|address| address.health().is_shunned())
    }

    /// A segment has come from the address at `index`.
    pub(super) fn heard_from(&mut self, now: Now, index: u32, at: Instant) {
        let Some(address) = self.addresses.at_mut(index) else { return };
        address.heard = address.heard.max(at);
        let (id, has_failed) = (address.id(), matches!(address.health(), Health::Failed { .. }));
        self.think(now, index, Health::Well);
        if has_failed {
            self.events.push_back(Event::AddressRecovered { address: id });
        }
    }

    /// Whether the path of this connection is dead: it was opened before its address failed.
    #[inline]
    pub(super) fn is_cut_off(&self, index: u32) -> bool {
        let slot = &self.slots[index];
        self.addresses.failed(slot.address).is_some_and(|failed| slot.opened <= failed)
    }

    /// Whether the address of this connection is suspect.
    #[inline]
    pub(super) fn is_doubtful(&self, index: u32) -> bool {
        self.addresses.is_suspect(self.slots[index].address)
    }

    /// Whether a connection that is free was asked for itself, and has answered just now.
    pub(super) fn has_answered(&self, index: u32) -> bool {
        matches!(
            self.slots[index].state,
            State::Suspect { aside: false, .. } | State::Quarantined { .. }
        )
    }

    /// Keeps a connection that stands in no list until more is known of its address.
    pub(super) fn set_aside(&mut self, now: Now, index: u32) {
        let since = self.slots[index].state.idle_since().unwrap_or(now.boot);
        let until = now.monotonic + self.look_after(index);
        self.enter(index, State::Suspect { since, until, aside: true });
        self.rearm(now, index);
    }

    /// Looks at one that was set aside.
    pub(super) fn look_again(&mut self, now: Now, index: u32) {
        let State::Suspect { since, .. } = self.slots[index].state else { return };
        if self.is_doubtful(index) {
            let until = now.monotonic + self.look_after(index);
            self.slots[index].state = State::Suspect { since, until, aside: true };
            self.rearm(now, index);
        } else {
            self.offer(now, index, crate::Source::Idle);
        }
    }

    fn look_after(&self, index: u32) -> Duration {
        let srtt = self.addresses.at(self.slots[index].address).map(|address| address.srtt());
        srtt.unwrap_or_default().saturating_mul(ROUND_TRIPS).clamp(LOOK_MIN, LOOK_MAX)
    }

    /// Thinks again of those whose time has come.
    pub(super) fn think_again(&mut self, now: Now, budget: &mut usize) {
        while *budget > 0 {
            match self.addresses.step(now.monotonic) {
                Step::Fired(index) => self.think_of(now, index),
                Step::Moved => {}
                Step::Rest => return,
            }
            *budget -= 1;
        }
    }

    fn think_of(&mut self, now: Now, index: u32) {
        let Some(address) = self.addresses.at(index) else { return };
        let health = address.health();
        if health.until().is_some_and(|until| until > now.monotonic) {
            return self.think(now, index, health);
        }
        match health {
            Health::Well => self.look_for_life(now, index),
            Health::Doubted { silent, step, .. } => self.suspect_address(now, index, silent, step),
            Health::Asked { witness, questions, .. } => {
                if questions < health::LIVENESS_QUESTIONS {
                    self.ask_for_life(now, index, witness, questions);
                } else {
                    self.suspect_address(now, index, Some(witness), health::LIVENESS_STEP);
                }
            }
            Health::Suspect { questions, .. } if questions < health::QUESTIONS => {
                self.question(now, index);
            }
            Health::Suspect { .. } => self.fail_address(now, index),
            Health::Failed { knocks, .. } => self.knock(now, index, knocks),
        }
    }

    /// Asks whether anybody is there, if connections have been idle and the address silent for long.
    /// Those that are leased have timers of their own.
    fn look_for_life(&mut self, now: Now, index: u32) {
        let interval = self.config.probe_after_idle;
        let Some(address) = self.addresses.at(index) else { return };
        if interval.is_zero() || !address.has_members() {
            return;
        }
        if address.heard + interval > now.monotonic {
            return self.think(now, index, Health::Well);
        }
        if let Some(witness) = self.idle_witness(index) {
            self.ask_for_life(now, index, self.slot_id(witness), 0);
        } else {
            self.addresses.arm(index, now.monotonic + interval);
        }
    }

    fn ask_for_life(&mut self, now: Now, index: u32, witness: SlotId, questions: u8) {
        let witness = if self.leads_to(witness, index) {
            Some(witness)
        } else {
            self.idle_witness(index).map(|witness| self.slot_id(witness))
        };
        let Some(witness) = witness else { return self.think(now, index, Health::Well) };
        let until = now.monotonic + health::LIVENESS_STEP;
        self.think(now, index, Health::Asked { witness, questions: questions + 1, until });
        // What came within the interval is as good as an answer.
        let interval = self.config.probe_after_idle;
        let elapsed = if questions == 0 { interval } else { interval + health::LIVENESS_STEP };
        self.ask(witness, now.monotonic - elapsed);
    }

    /// It was silent for too long. `silent` is a connection that may ask if none is idle.
    fn suspect_address(&mut self, now: Now, index: u32, silent: Option<SlotId>, step: Duration) {
        let idle = self.idle_witness(index).map(|witness| self.slot_id(witness));
        let witness = idle.or(silent.filter(|silent| self.leads_to(*silent, index)));
        let Some(witness) = witness else { return self.think(now, index, Health::Well) };
        self.stats.addresses_suspected += 1;
        let until = now.monotonic;
        self.think(now, index, Health::Suspect { witness, questions: 0, until, step });
        self.question(now, index);
    }

    /// Asks one that is suspect once more, by the same way if that is still there.
    fn question(&mut self, now: Now, index: u32) {
        let Some(address) = self.addresses.at(index) else { return };
        let heard = address.heard;
        let Health::Suspect { witness, questions, step, .. } = address.health() else { return };
        let witness = if self.leads_to(witness, index) {
            Some(witness)
        } else {
            self.idle_witness(index).map(|witness| self.slot_id(witness))
        };
        let Some(witness) = witness else { return self.think(now, index, Health::Well) };
        let (questions, until) = (questions + 1, now.monotonic + step);
        self.think(now, index, Health::Suspect { witness, questions, until, step });
        self.ask(witness, heard);
    }

    fn ask(&mut self, slot: SlotId, unless_after: Instant) {
        let connection = self.slots[slot.index].connection();
        self.events.push_back(Event::Ask { slot, connection, unless_after });
    }

    /// Nobody has answered: what was opened before is of no use any more.
    fn fail_address(&mut self, now: Now, index: u32) {
        let Some(address) = self.addresses.at(index) else { return };
        let id = address.id();
        self.addresses.fail(index, now.boot);
        self.stats.addresses_failed += 1;
        let until = now.monotonic + self.config.knock_min;
        self.think(now, index, Health::Failed { knocks: 0, until });
        self.events.push_back(Event::AddressFailed { address: id });
        self.sweep_soon();
    }

    /// Asks whether a failed address is back; not where nobody will connect any more.
    fn knock(&mut self, now: Now, index: u32, knocks: u32) {
        if self.phase != Phase::Running {
            return self.think(now, index, Health::Well);
        }
        let Some(address) = self.addresses.at(index) else { return };
        let id = address.id();
        let doubled = self.config.knock_min.saturating_mul(1 << (knocks + 1).min(20));
        let rest = doubled.min(self.config.knock_max).max(address.srtt().saturating_mul(3));
        let lot = u32::try_from(self.random.below(1_001)).expect("a thousand");
        let spread = rest / SPREAD;
        let rest = (rest - spread) + (spread * 2 / 1_000) * lot;
        let until = now.monotonic + rest.max(health::LIVENESS_STEP / 100);
        self.think(now, index, Health::Failed { knocks: knocks.saturating_add(1), until });
        self.events.push_back(Event::Knock { address: id });
    }

    /// Changes what is thought of an address, and when to think again.
    fn think(&mut self, now: Now, index: u32, health: Health) {
        let interval = self.config.probe_after_idle;
        self.addresses.set_health(index, health);
        let Some(address) = self.addresses.at(index) else { return };
        let is_watched = !interval.is_zero() && address.has_members();
        let life = is_watched.then(|| (address.heard + interval).max(now.monotonic));
        if let Some(until) = health.until().or(life) {
            self.addresses.arm(index, until);
        }
    }

    /// Whether the connection in this slot leads to the address at `index`, and can ask.
    fn leads_to(&self, slot: SlotId, index: u32) -> bool {
        let found = self.slots.get(slot.index, slot.generation);
        found.is_some_and(|slot| {
            slot.address == index && slot.lost.is_none() && slot.state != State::Closing
        })
    }

    /// The idle connection to the address at `index` that was used last, as far as a bounded look
    /// finds one.
    fn idle_witness(&self, index: u32) -> Option<u32> {
        let is_one = |slot: u32| {
            let slot = self.slots.at(slot).filter(|slot| slot.address == index);
            slot.is_some_and(|slot| matches!(slot.state, State::Idle { .. }))
        };
        let recent = self.addresses.at(index)?.recent;
        if recent != NIL && is_one(recent) {
            return Some(recent);
        }
        let idle = core::iter::successors(self.idle.front(), |&index| {
            List::<ByPool>::after(&self.slots, index)
        });
        idle.take(WITNESSES_MAX).find(|&slot| is_one(slot))
    }
}
