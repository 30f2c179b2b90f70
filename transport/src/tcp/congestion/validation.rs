//! Whether cwnd was used of late: RFC 7661.
//!
//! pipeACK is what the network has acknowledged in a round trip, the most of the last second (or
//! three round trips). A window of more than twice that is not validated: it is kept, for five
//! minutes at most, but does not grow unless it is filled; its use begins without a burst; and
//! congestion is answered by what was really used. A round is bounded by sequence numbers, and the
//! phase is judged at its end: in the middle of slow start pipeACK is behind cwnd by nature.
//!
//! Not here: cwnd itself. [`super::CongestionWindow`] asks, and does.

use crate::time::{Duration, Instant};
use crate::wire::SeqNumber;

use super::Ack;

/// NVP: how long a window is kept without being used. Section 4.4.
pub(super) const NON_VALIDATED_PERIOD: Duration = Duration::from_secs(300);

/// Least pipeACK sampling period; three round trips, if that is longer. Section 4.2.
const SAMPLING_PERIOD_MIN: Duration = Duration::from_secs(1);

/// Parts of the sampling period, of each of which the highest sample is kept.
const PARTS: usize = 4;

/// pipeACK, and the phase that follows from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validation {
    /// Bytes acknowledged in the round under way.
    acked: u32,
    /// Acknowledged, it ends the round.
    round_end: Option<SeqNumber>,
    /// The highest sample of each part of the sampling period in bytes, the newest first. Undefined
    /// before the first one.
    samples: Option<[u32; PARTS]>,
    /// When the newest part began.
    part_began: Instant,
    /// When data was last acknowledged.
    acked_at: Instant,
    /// Since when cwnd is not validated.
    since: Option<Instant>,
}

impl Validation {
    /// Nothing measured: pipeACK is undefined (section 4.1).
    pub(super) const fn new() -> Self {
        Self {
            acked: 0,
            round_end: None,
            samples: None,
            part_began: Instant::ORIGIN,
            acked_at: Instant::ORIGIN,
            since: None,
        }
    }

    /// A window that nobody has used since `since`: nothing was acknowledged of late.
    pub(super) const fn unused(since: Instant) -> Self {
        let samples = Some([0; PARTS]);
        let part_began = since;
        Self { acked: 0, round_end: None, samples, part_began, acked_at: since, since: Some(since) }
    }

    /// For how long, up to `now`, cwnd has not been validated.
    pub(super) fn off_for(&self, now: Instant) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now.since(since))
    }

    /// Whether cwnd is not validated.
    pub(super) const fn is_off(&self) -> bool {
        self.since.is_some()
    }

    /// New data was acknowledged outside recovery; says whether that was a round.
    pub(super) fn on_ack(&mut self, ack: &Ack) -> bool {
        self.acked_at = ack.now;
        self.acked = self.acked.saturating_add(ack.acked);
        let end = *self.round_end.get_or_insert(ack.nxt);
        if ack.una.before(end) {
            return false;
        }
        let sample = core::mem::take(&mut self.acked);
        // With nothing out, the next round begins with what is sent next.
        self.round_end = Some(ack.nxt).filter(|nxt| ack.una.before(*nxt));
        self.age(ack.now, ack.srtt);
        let samples = self.samples.get_or_insert([0; PARTS]);
        samples[0] = samples[0].max(sample);
        true
    }

    /// pipeACK in bytes, once defined.
    pub(super) fn pipe_ack(&self) -> Option<u32> {
        self.samples.map(|samples| samples.into_iter().fold(0, u32::max))
    }

    /// Judges the phase anew. `full` says that cwnd was used up when text last left: who does that
    /// does not enter the phase, and leaves it by what is acknowledged alone. A segment less is no
    /// less: windows are filled by whole ones.
    pub(super) fn judge(&mut self, now: Instant, srtt: Duration, cwnd: u32, mss: u32, full: bool) {
        self.age(now, srtt);
        let Some(pipe_ack) = self.pipe_ack() else { return };
        if pipe_ack.saturating_add(mss) >= cwnd / 2 {
            self.since = None;
        } else if !full {
            self.since.get_or_insert(self.acked_at.min(now));
        }
    }

    /// How often the non-validated period has passed; it begins anew.
    pub(super) fn take_periods(&mut self, now: Instant) -> u32 {
        let Some(since) = &mut self.since else { return 0 };
        let periods = now.since(*since).as_secs() / NON_VALIDATED_PERIOD.as_secs();
        let periods = u32::try_from(periods).unwrap_or(u32::MAX);
        *since += NON_VALIDATED_PERIOD.saturating_mul(periods);
        periods
    }

    /// Congestion was answered for: pipeACK is undefined, and the window validated. Section 4.4.1.
    pub(super) fn reset(&mut self) {
        *self = Self { acked_at: self.acked_at, ..Self::new() };
    }

    /// Lets samples grow old: those beyond the sampling period are dropped.
    fn age(&mut self, now: Instant, srtt: Duration) {
        let part = srtt.saturating_mul(3).max(SAMPLING_PERIOD_MIN) / 4;
        let passed = now.since(self.part_began).as_nanos() / part.as_nanos().max(1);
        if passed == 0 {
            return;
        }
        self.part_began = now;
        if let Some(samples) = &mut self.samples {
            let passed = usize::try_from(passed).unwrap_or(PARTS).min(PARTS);
            samples.rotate_right(passed);
            samples[..passed].fill(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1_000;
    const SRTT: Duration = Duration::from_millis(100);

    struct Flow {
        validation: Validation,
        now: Instant,
        una: SeqNumber,
    }

    impl Flow {
        fn new() -> Self {
            let una = SeqNumber::new(u32::MAX - 3_000);
            Self { validation: Validation::new(), now: Instant::from_millis(5_000), una }
        }

        /// So much is sent at once, and acknowledged a round trip later in two halves.
        fn round(&mut self, bytes: u32) {
            self.now += SRTT;
            let nxt = self.una + bytes;
            for acked in [bytes / 2, bytes - bytes / 2] {
                self.una += acked;
                let (now, una) = (self.now, self.una);
                self.validation.on_ack(&Ack { now, acked, una, nxt, rtt: None, srtt: SRTT });
            }
        }

        fn is_off(&mut self, cwnd: u32, full: bool) -> bool {
            self.validation.judge(self.now, SRTT, cwnd, MSS, full);
            self.validation.is_off()
        }
    }

    #[test]
    fn pipe_ack_is_what_a_round_trip_acknowledges() {
        let mut flow = Flow::new();
        assert_eq!(flow.validation.pipe_ack(), None);
        flow.round(40_000);
        flow.round(20_000);
        flow.round(10_000);
        assert_eq!(flow.validation.pipe_ack(), Some(40_000), "the most of the last second");
    }

    #[test]
    fn samples_grow_old_in_a_second() {
        let mut flow = Flow::new();
        flow.round(40_000);
        for _ in 0..14 {
            flow.round(10_000);
        }
        assert_eq!(flow.validation.pipe_ack(), Some(10_000));
        assert!(!flow.is_off(22_000, false));
        assert!(flow.is_off(24_000, false), "half, but for a segment");
    }

    #[test]
    fn idle_time_acknowledges_nothing() {
        let mut flow = Flow::new();
        flow.round(40_000);
        assert!(!flow.is_off(40_000, false));
        flow.now += Duration::from_millis(1_100);
        assert!(flow.is_off(40_000, false));
        assert_eq!(flow.validation.pipe_ack(), Some(0));
    }

    #[test]
    fn who_fills_the_window_does_not_enter_and_leaves_by_acknowledgements() {
        let mut flow = Flow::new();
        flow.round(10_000);
        assert!(!flow.is_off(40_000, true));
        assert!(flow.is_off(40_000, false));
        assert!(flow.is_off(40_000, true));
        flow.round(20_000);
        assert!(!flow.is_off(40_000, true));
    }

    #[test]
    fn periods_are_counted_once() {
        let mut flow = Flow::new();
        flow.round(10_000);
        assert!(flow.is_off(40_000, false));
        flow.now += NON_VALIDATED_PERIOD - Duration::from_nanos(1);
        assert_eq!(flow.validation.take_periods(flow.now), 0);
        flow.now += NON_VALIDATED_PERIOD;
        assert_eq!(flow.validation.take_periods(flow.now), 1);
        assert_eq!(flow.validation.take_periods(flow.now), 0);
        flow.validation.reset();
        assert!(!flow.is_off(40_000, false), "undefined again");
    }
}
