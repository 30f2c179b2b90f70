//! The timers of a connection: a table by name, no callbacks.

use crate::time::Instant;

/// What a connection can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// Silence after what was sent last: RFC 8985, section 7.2. Before the next, with which it may
    /// be due at one time.
    LossProbe,
    /// Text, SYN or FIN unacknowledged: RFC 6298, section 5.
    Retransmit,
    /// Something was overtaken and has time to come: RFC 8985, section 6.2, step 5.
    Reordering,
    /// Text unsent because of the peer's window: RFC 9293, section 3.8.6.1.
    Persist,
    /// An acknowledgement held back: RFC 9293, section 3.8.6.3.
    DelayedAck,
    /// New text that has to wait for its time: pacing, or RFC 3168, section 6.1.2.
    Pace,
    /// Silence: RFC 9293, section 3.8.4.
    Keepalive,
    /// Written bytes unacknowledged: RFC 5482.
    User,
    /// No progress after the owner let go.
    Orphan,
    /// 2 MSL.
    TimeWait,
}

impl Timer {
    const ALL: [Self; 10] = [
        Self::LossProbe,
        Self::Retransmit,
        Self::Reordering,
        Self::Persist,
        Self::DelayedAck,
        Self::Pace,
        Self::Keepalive,
        Self::User,
        Self::Orphan,
        Self::TimeWait,
    ];
}

/// The end of time: a timer that is not armed.
const NEVER: Instant = Instant::from_nanos(u64::MAX);

/// When each timer is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimerTable {
    due: [Instant; Timer::ALL.len()],
}

impl TimerTable {
    /// No timer armed.
    pub(super) const fn new() -> Self {
        Self { due: [NEVER; Timer::ALL.len()] }
    }

    /// Arms `timer`, also if it was armed before.
    pub(super) fn set(&mut self, timer: Timer, due: Instant) {
        self.due[timer as usize] = due;
    }

    /// Arms `timer` unless it is armed.
    pub(super) fn set_if_stopped(&mut self, timer: Timer, due: Instant) {
        if !self.is_armed(timer) {
            self.set(timer, due);
        }
    }

    /// Arms `timer`, no later than `other` is due.
    pub(super) fn set_before(&mut self, timer: Timer, due: Instant, other: Timer) {
        self.set(timer, due.min(self.due[other as usize]));
    }

    /// Disarms `timer`.
    pub(super) fn stop(&mut self, timer: Timer) {
        self.due[timer as usize] = NEVER;
    }

    /// Disarms all.
    pub(super) fn stop_all(&mut self) {
        *self = Self::new();
    }

    /// Whether `timer` is armed.
    pub(super) fn is_armed(&self, timer: Timer) -> bool {
        self.due[timer as usize] != NEVER
    }

    /// Whether no timer is armed but `other`, if that is.
    pub(super) fn is_idle_but_for(&self, other: Timer) -> bool {
        Timer::ALL.into_iter().all(|timer| timer == other || !self.is_armed(timer))
    }

    /// When the first timer is due.
    pub(super) fn earliest(&self) -> Option<Instant> {
        self.due.iter().copied().min().filter(|due| *due != NEVER)
    }

    /// Disarms and names a timer that is due.
    pub(super) fn take_expired(&mut self, now: Instant) -> Option<Timer> {
        let timer = Timer::ALL
            .into_iter()
            .find(|timer| self.is_armed(*timer) && self.due[*timer as usize] <= now)?;
        self.stop(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_leads_and_each_expires_once() {
        let mut timers = TimerTable::new();
        assert_eq!(timers.earliest(), None);
        timers.set(Timer::Orphan, Instant::from_millis(9));
        timers.set(Timer::DelayedAck, Instant::from_millis(3));
        timers.set_if_stopped(Timer::DelayedAck, Instant::from_millis(1));
        assert_eq!(timers.earliest(), Some(Instant::from_millis(3)));
        assert_eq!(timers.take_expired(Instant::from_millis(2)), None);
        assert_eq!(timers.take_expired(Instant::from_millis(3)), Some(Timer::DelayedAck));
        assert_eq!(timers.take_expired(Instant::from_millis(3)), None);
        timers.stop_all();
        assert_eq!(timers.earliest(), None);
    }

    #[test]
    fn the_table_is_indexed_by_the_names_order() {
        for (index, timer) in Timer::ALL.into_iter().enumerate() {
            assert_eq!(timer as usize, index);
        }
    }
}
