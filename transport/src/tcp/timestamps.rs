//! The timestamps option and PAWS: RFC 7323, sections 3 to 5.

use crate::time::{Duration, Instant};
use crate::wire::{SeqNumber, Timestamps};

/// How long TS.Recent counts without being renewed: RFC 7323, section 5.5. A clock of 1 ms, the
/// fastest a peer should have, comes half way round in 24.8 days.
const RECENT_VALID: Duration = Duration::from_secs(24 * 24 * 3600);

/// Longest round trip believed of an echo, in milliseconds: 2 minutes.
const ECHO_MAX_MS: u32 = 120_000;

/// TS.Recent and our clock's offset, of a connection that negotiated timestamps.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimestampState {
    /// Added to our clock.
    offset: u32,
    /// TS.Recent.
    recent: u32,
    /// When TS.Recent was set.
    recent_at: Instant,
}

/// TSval at `now`: milliseconds, and the connection's own offset.
pub(super) fn clock(now: Instant, offset: u32) -> u32 {
    let low = now.as_millis() & u64::from(u32::MAX);
    u32::try_from(low).expect("masked to 32 bits").wrapping_add(offset)
}

/// Whether timestamp `a` is older than `b`: RFC 7323, section 5.2.
pub(super) fn is_older(a: u32, b: u32) -> bool {
    SeqNumber::new(a).before(SeqNumber::new(b))
}

impl TimestampState {
    /// The peer's first timestamp has come, on its SYN.
    pub(super) const fn new(now: Instant, offset: u32, recent: u32) -> Self {
        Self { offset, recent, recent_at: now }
    }

    /// The option of a segment that leaves now.
    pub(super) fn option(&self, now: Instant) -> Timestamps {
        Timestamps { value: clock(now, self.offset), echo: self.recent }
    }

    /// Whether PAWS rejects `value`: RFC 7323, section 5.3, R1, and 5.5.
    pub(super) fn is_old(&self, now: Instant, value: u32) -> bool {
        is_older(value, self.recent) && now.since(self.recent_at) < RECENT_VALID
    }

    /// Renews TS.Recent, if the segment reaches back to what we acknowledged last: RFC 7323,
    /// section 4.3.
    pub(super) fn on_segment(
        &mut self,
        now: Instant,
        value: u32,
        seq: SeqNumber,
        last_ack_sent: SeqNumber,
    ) {
        let newer = !is_older(value, self.recent) || self.is_too_stale(now);
        if newer && seq.at_or_before(last_ack_sent) {
            self.recent = value;
            self.recent_at = now;
        }
    }

    /// The round trip that an echo tells, if it is one of our own clock's values and believable.
    pub(super) fn round_trip(&self, now: Instant, echo: u32) -> Option<Duration> {
        let elapsed = clock(now, self.offset).wrapping_sub(echo);
        (elapsed <= ECHO_MAX_MS).then(|| Duration::from_millis(u64::from(elapsed)))
    }

    /// TS.Recent.
    pub(super) const fn recent(&self) -> u32 {
        self.recent
    }

    /// Our clock's offset.
    pub(super) const fn offset(&self) -> u32 {
        self.offset
    }

    fn is_too_stale(&self, now: Instant) -> bool {
        now.since(self.recent_at) >= RECENT_VALID
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [u32; 4] = [5, u32::MAX, u32::MAX - 2, 1 << 31];

    #[test]
    fn paws_rejects_older_values_wherever_the_clock_stands() {
        let now = Instant::from_millis(1);
        for recent in VALUES {
            let state = TimestampState::new(now, 0, recent);
            assert!(state.is_old(now, recent.wrapping_sub(1)), "{recent}");
            assert!(!state.is_old(now, recent), "{recent}");
            assert!(!state.is_old(now, recent.wrapping_add(10)), "{recent}");
        }
    }

    #[test]
    fn a_month_of_silence_makes_any_value_good() {
        let mut state = TimestampState::new(Instant::ORIGIN, 0, 1_000);
        let later = Instant::ORIGIN + RECENT_VALID;
        assert!(!state.is_old(later, 7));
        state.on_segment(later, 7, SeqNumber::new(1), SeqNumber::new(1));
        assert_eq!(state.recent(), 7);
    }

    #[test]
    fn the_earliest_unacknowledged_segment_is_echoed() {
        let now = Instant::from_millis(1);
        let last_ack = SeqNumber::new(u32::MAX);
        let mut state = TimestampState::new(now, 0, 1);
        state.on_segment(now, 2, last_ack, last_ack);
        assert_eq!(state.recent(), 2);
        state.on_segment(now, 3, last_ack + 100, last_ack);
        assert_eq!(state.recent(), 2, "a segment beyond the last acknowledgement does not count");
        state.on_segment(now, 1, last_ack, last_ack);
        assert_eq!(state.recent(), 2, "an older one neither");
    }

    #[test]
    fn an_echo_tells_the_round_trip_unless_it_is_absurd() {
        let state = TimestampState::new(Instant::ORIGIN, u32::MAX - 5, 0);
        let sent = state.option(Instant::from_millis(3)).value;
        let now = Instant::from_millis(50);
        assert_eq!(state.round_trip(now, sent), Some(Duration::from_millis(47)));
        assert_eq!(state.round_trip(now, sent.wrapping_add(1_000)), None);
    }
}
