//! HyStart++: the end of the first slow start, before it overshoots. RFC 9406.
//!
//! Rounds are bounded by sequence numbers: one ends when what was SND.NXT at its start is
//! acknowledged. If the least round trip of a round is clearly above that of the round before, a
//! queue is building up: growth slows down for a few rounds (conservative slow start), and goes back
//! to slow start if the delay falls again, or on to congestion avoidance if it does not.

use crate::time::Duration;
use crate::wire::SeqNumber;

use super::Ack;

/// MIN_RTT_THRESH and MAX_RTT_THRESH, in microseconds: section 4.3.
const THRESH_MIN_US: u32 = 4_000;
const THRESH_MAX_US: u32 = 16_000;

/// MIN_RTT_DIVISOR: a round trip longer by an eighth is a queue.
const RTT_DIVISOR: u32 = 8;

/// N_RTT_SAMPLE: samples before a round is judged.
const SAMPLES: u8 = 8;

/// CSS_GROWTH_DIVISOR.
const GROWTH_DIVISOR: u32 = 4;

/// CSS_ROUNDS.
const CONSERVATIVE_ROUNDS: u8 = 5;

/// L: segments that one acknowledgement adds at most.
const SEGMENTS: u32 = 8;

/// No round trip measured.
const INFINITE: u32 = u32::MAX;

/// What an acknowledgement in slow start leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The window grows by what was acknowledged over `divisor`, by `segments` at most.
    Grow { divisor: u32, segments: u32 },
    /// Slow start is over.
    Done,
}

/// The rounds of slow start.
#[derive(Clone, Copy, Debug)]
pub(super) struct HyStart {
    /// windowEnd: acknowledged, it ends the round.
    window_end: Option<SeqNumber>,
    /// lastRoundMinRTT in microseconds.
    last_min_us: u32,
    /// currentRoundMinRTT in microseconds.
    current_min_us: u32,
    /// rttSampleCount.
    samples: u8,
    conservative: Option<Conservative>,
}

/// Conservative slow start.
#[derive(Clone, Copy, Debug)]
struct Conservative {
    /// cssBaselineMinRtt in microseconds.
    baseline_us: u32,
    /// Rounds it still lasts, the one under way included.
    rounds_left: u8,
}

impl HyStart {
    /// Before the first acknowledgement.
    pub(super) const fn new() -> Self {
        Self {
            window_end: None,
            last_min_us: INFINITE,
            current_min_us: INFINITE,
            samples: 0,
            conservative: None,
        }
    }

    /// New data was acknowledged in slow start: section 4.2.
    pub(super) fn on_ack(&mut self, ack: &Ack) -> Step {
        if let Some(rtt) = ack.rtt {
            self.on_sample(rtt);
        }
        let divisor = if self.conservative.is_some() { GROWTH_DIVISOR } else { 1 };
        if self.ends_round(ack) && self.on_round_end() {
            return Step::Done;
        }
        Step::Grow { divisor, segments: SEGMENTS }
    }

    /// Whether conservative slow start is on.
    #[cfg(test)]
    pub(super) const fn is_conservative(&self) -> bool {
        self.conservative.is_some()
    }

    fn on_sample(&mut self, rtt: Duration) {
        let us = u32::try_from(rtt.as_micros()).unwrap_or(INFINITE - 1);
        self.current_min_us = self.current_min_us.min(us);
        self.samples = self.samples.saturating_add(1);
        if self.samples < SAMPLES {
            return;
        }
        match self.conservative {
            None if self.delay_has_grown() => {
                self.conservative = Some(Conservative {
                    baseline_us: self.current_min_us,
                    rounds_left: CONSERVATIVE_ROUNDS,
                });
            }
            Some(it) if self.current_min_us < it.baseline_us => self.conservative = None,
            Some(_) | None => {}
        }
    }

    fn delay_has_grown(&self) -> bool {
        if self.last_min_us == INFINITE {
            return false;
        }
        let thresh = (self.last_min_us / RTT_DIVISOR).clamp(THRESH_MIN_US, THRESH_MAX_US);
        self.current_min_us >= self.last_min_us.saturating_add(thresh)
    }

    /// Whether the round's last number is acknowledged; the next round ends at SND.NXT.
    fn ends_round(&mut self, ack: &Ack) -> bool {
        match self.window_end {
            Some(end) if ack.una.before(end) => false,
            Some(_) => {
                self.window_end = Some(ack.nxt);
                true
            }
            None => {
                self.window_end = Some(ack.nxt);
                false
            }
        }
    }

    /// A round is over; whether slow start is.
    fn on_round_end(&mut self) -> bool {
        self.last_min_us = self.current_min_us;
        self.current_min_us = INFINITE;
        self.samples = 0;
        let Some(conservative) = &mut self.conservative else { return false };
        conservative.rounds_left -= 1;
        conservative.rounds_left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Instant;

    /// A round of `samples` acknowledgements, each with this round trip; what each led to.
    fn round(hystart: &mut HyStart, next: &mut u32, samples: u32, rtt_us: u64) -> Vec<Step> {
        let nxt = SeqNumber::new(*next) + 2 * samples;
        let mut steps = Vec::new();
        for _ in 0..samples {
            *next = next.wrapping_add(1);
            let una = SeqNumber::new(*next);
            let rtt = Some(Duration::from_micros(rtt_us));
            let now = Instant::ORIGIN;
            let srtt = Duration::ZERO;
            steps.push(hystart.on_ack(&Ack { now, acked: 1_000, una, nxt, rtt, srtt }));
        }
        steps
    }

    /// Rounds with these round trips in milliseconds, ten samples each; whether each ended in
    /// conservative slow start, and whether slow start was over.
    fn play(rtts: &[u64]) -> (Vec<bool>, bool) {
        let mut hystart = HyStart::new();
        let mut next = u32::MAX - 45;
        let mut conservative = Vec::new();
        for rtt in rtts {
            let steps = round(&mut hystart, &mut next, 10, rtt * 1_000);
            conservative.push(hystart.is_conservative());
            if steps.contains(&Step::Done) {
                return (conservative, true);
            }
        }
        (conservative, false)
    }

    #[test]
    fn a_steady_delay_goes_on() {
        let (conservative, done) = play(&[50; 20]);
        assert!(!done && !conservative.contains(&true));
    }

    #[test]
    fn a_delay_longer_by_an_eighth_slows_down_and_ends_after_five_rounds() {
        let (conservative, done) = play(&[80, 80, 90, 92, 94, 96, 98, 100, 102]);
        assert_eq!(conservative[..3], [false, false, true]);
        assert!(done);
        assert_eq!(conservative.len(), 7, "the round that it began in, and four more");
    }

    #[test]
    fn thresholds_are_clamped_at_4_and_16_ms() {
        for (before, after, slows_down) in [
            (1, 4, false),
            (1, 5, true),
            (40, 44, false),
            (40, 45, true),
            (400, 415, false),
            (400, 416, true),
        ] {
            let (conservative, _) = play(&[before, before, after]);
            assert_eq!(conservative[2], slows_down, "{before} ms, then {after} ms");
        }
    }

    #[test]
    fn a_delay_that_falls_again_resumes_slow_start() {
        let (conservative, done) = play(&[80, 80, 100, 99, 99, 99, 99, 99, 99]);
        assert_eq!(conservative[2..4], [true, false]);
        assert!(!done);
    }

    #[test]
    fn fewer_than_eight_samples_judge_nothing() {
        let mut hystart = HyStart::new();
        let mut next = 0;
        for rtt in [10_000, 10_000, 90_000, 200_000] {
            round(&mut hystart, &mut next, 7, rtt);
            assert!(!hystart.is_conservative());
        }
    }

    #[test]
    fn conservative_growth_is_a_quarter() {
        let mut hystart = HyStart::new();
        let mut next = 0;
        round(&mut hystart, &mut next, 10, 10_000);
        round(&mut hystart, &mut next, 10, 10_000);
        let steps = round(&mut hystart, &mut next, 10, 30_000);
        assert_eq!(steps[7], Step::Grow { divisor: 4, segments: 8 }, "the eighth sample judges");
        assert_eq!(steps[6], Step::Grow { divisor: 1, segments: 8 });
    }
}
