//! What time brings: deadlines of those who wait, ages of those that idle, attempts and
//! acknowledgements that do not come, and the sleep of the host (rules T and TTL).
//!
//! A turn reaps a bounded number of connections; while some are left, the next turn is due at
//! once.

use super::{Instant, Now, Pool, State};
use crate::event::How;
use crate::lease::Released;
use crate::route_pool::Phase;
use crate::time::Duration;
use crate::token::CloseCause;
use crate::wheel::Step;

/// Connections that one turn closes or probes at most, so that a hundred thousand that expire
/// together stall nobody.
pub(super) const REAP_MAX: usize = 256;

/// Deadlines that one turn looks at, at most.
const OVERDUE_MAX: usize = 4096;

/// How far boot time may run ahead of monotonic time before the host must have slept.
const LEAP: Duration = Duration::from_secs(1);

impl<C: Copy> Pool<C> {
    /// Lets time pass. Call when [`Pool::poll_timeout`] is due; sooner does no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        self.observe(now);
        self.handle_deadlines(now);
        self.handle_alarms(now);
        let mut budget = REAP_MAX;
        self.sweep_sleepers(now, &mut budget);
        self.trim(now, &mut budget);
        self.handle_lessons(now, &mut budget);
        self.think_again(now, &mut budget);
        self.sweep(now, &mut budget);
        self.handle_timers(now, &mut budget);
    }

    /// When [`Pool::handle_timeout`] next has something to do, on the monotonic clock. A moment in
    /// the past means at once.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let more = self.has_sleepers()
            || self.is_over()
            || !self.trims.is_empty()
            || self.sweep.is_under_way();
        let more = more.then_some(self.seen);
        let alarm = sooner(self.alarms.next(), self.lessons.due());
        let timer = sooner(self.timers.next(), self.deadlines.next());
        sooner(sooner(more, alarm), sooner(timer, self.addresses.due()))
    }

    /// Compares the clocks. Idle connections of before a sleep are suspect after it.
    pub(super) fn observe(&mut self, now: Now) {
        self.seen = now.monotonic;
        let lead = i128::from(now.boot.as_nanos()) - i128::from(now.monotonic.as_nanos());
        let known = *self.lead.get_or_insert(lead);
        if lead - known > LEAP.as_nanos().cast_signed() {
            self.lead = Some(lead);
            self.leaps = self.leaps.wrapping_add(1);
            self.sweep_sleepers(now, &mut { REAP_MAX });
        } else if lead < known {
            self.lead = Some(lead);
        }
    }

    /// Closes a batch of what is too much, at once: after a limit was lowered or a route drained.
    pub(super) fn trim_now(&mut self, now: Now) {
        self.trim(now, &mut { REAP_MAX });
    }

    /// Arms a slot's timer for what its state limits in time.
    ///
    /// A timer that is armed for an earlier moment stays; when it fires, it finds that nothing is
    /// due yet and is armed anew. A lease and its release thus touch no timer.
    pub(super) fn rearm(&mut self, now: Now, index: u32) {
        if let Some(due) = self.due(now, index) {
            self.timers.arm_by(&mut self.slots, index, due);
        }
    }

    /// When a slot's state ends by itself, in monotonic time.
    fn due(&self, now: Now, index: u32) -> Option<Instant> {
        let slot = &self.slots[index];
        let config = &self.routes[slot.route].config;
        match slot.state {
            State::Connecting { since, .. } => {
                (!config.connect_timeout.is_zero()).then(|| since + config.connect_timeout)
            }
            State::Idle { .. } => {
                let expires = slot.expires(config.max_lifetime);
                let idle_until = self.idle_until(index).map(|(until, _)| until);
                let until = sooner(expires, idle_until)?;
                Some(now.monotonic + until.since(now.boot))
            }
            State::Settling { until }
            | State::Suspect { until, .. }
            | State::Quarantined { until, .. } => Some(until),
            State::Leased { since, .. } => self.overdue_at(index, since),
            State::Closing => None,
        }
    }

    fn handle_timers(&mut self, now: Now, budget: &mut usize) {
        while *budget > 0 {
            match self.timers.step(&mut self.slots, now.monotonic) {
                Step::Fired(index) => self.handle_timer(now, index),
                Step::Moved => {}
                Step::Rest => return,
            }
            *budget -= 1;
        }
    }

    fn handle_timer(&mut self, now: Now, index: u32) {
        if self.due(now, index).is_none_or(|due| due > now.monotonic) {
            return self.rearm(now, index);
        }
        match self.slots[index].state {
            State::Connecting { .. } => self.time_out_attempt(now, index),
            State::Idle { .. } => {
                let cause = self.expiry(now, index).expect("what is due has expired");
                self.learn_from_life(now, index);
                self.close(now, index, cause, How::Orderly);
            }
            State::Settling { .. } => {
                let route = self.slots[index].route;
                self.close(now, index, CloseCause::UnackedBytes, How::Reset);
                self.count_release(route, Released::Closed(CloseCause::UnackedBytes));
            }
            State::Suspect { aside: true, .. } => self.look_again(now, index),
            State::Suspect { .. } | State::Quarantined { .. } => {
                self.close(now, index, CloseCause::ProbeFailed, How::Reset);
            }
            State::Leased { .. } => self.tell_overdue(now, index),
            State::Closing => {}
        }
    }

    fn handle_deadlines(&mut self, now: Now) {
        for _ in 0..OVERDUE_MAX {
            match self.deadlines.step(&mut self.waiters, now.monotonic) {
                Step::Fired(index) => {
                    let route = self.waiters[index].route;
                    self.refuse_overdue(index);
                    self.use_spare_proofs(now, route);
                }
                Step::Moved => {}
                Step::Rest => return,
            }
        }
    }

    fn handle_alarms(&mut self, now: Now) {
        while let Some(route) = self.alarms.pop(now.monotonic) {
            if let Some(route) = self.find_route(route) {
                self.use_room(now, route);
                self.warm_up(now, route);
            }
        }
    }

    /// Whether connections are idle that were so when the host slept. They are the least recently
    /// used ones.
    fn has_sleepers(&self) -> bool {
        self.idle.back().is_some_and(|index| self.slots[index].verified != self.leaps)
    }

    /// Closes what grew too old while the host slept, and asks for a probe of the rest.
    fn sweep_sleepers(&mut self, now: Now, budget: &mut usize) {
        while *budget > 0 && self.has_sleepers() {
            let Some(index) = self.idle.back() else { return };
            *budget -= 1;
            if let Some(cause) = self.expiry(now, index) {
                self.close(now, index, cause, How::Orderly);
            } else {
                self.leave_idle(index);
                self.suspect(now, index);
            }
        }
    }

    /// Whether the pool's limit is passed and something idle could be closed.
    fn is_over(&self) -> bool {
        self.connections.total() > self.config.max_total && !self.idle.is_empty()
    }

    /// Closes idle connections that are too many, the least recently used first: rule L.
    fn trim(&mut self, now: Now, budget: &mut usize) {
        while let Some(&route) = self.trims.front() {
            let surplus = self.find_route(route).and_then(|route| self.surplus(route));
            let Some((index, cause)) = surplus else {
                self.trims.pop_front();
                if let Some(route) = self.find_route(route) {
                    self.routes[route].trimmed = false;
                }
                continue;
            };
            if *budget == 0 {
                return;
            }
            *budget -= 1;
            self.close(now, index, cause, How::Orderly);
        }
        while *budget > 0 && self.is_over() {
            let Some(index) = self.idle.back() else { return };
            *budget -= 1;
            self.close(now, index, CloseCause::LimitLowered, How::Orderly);
        }
    }

    /// The idle connection of a route that is to be closed next because there are too many.
    fn surplus(&self, route: u32) -> Option<(u32, CloseCause)> {
        let pool = &self.routes[route];
        let index = pool.idle.back()?;
        match pool.phase {
            Phase::Draining(cause) => Some((index, cause)),
            Phase::Running if self.slots[index].epoch != pool.epoch => {
                Some((index, pool.renounced_for))
            }
            Phase::Running => (pool.connections.total() > pool.config.max_connections)
                .then_some((index, CloseCause::LimitLowered)),
        }
    }
}

/// The earlier of two moments that may never come.
pub(super) fn sooner(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
