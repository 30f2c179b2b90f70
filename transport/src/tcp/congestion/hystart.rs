//! HyStart++: the end of the first slow start, before it overshoots. RFC 9406.
//!
//! Rounds are bounded by sequence numbers: one ends with the first acknowledgement of what left
//! after its start. If the least round trip of a round is clearly above that of the round before, a
//! queue is building up: growth slows down for a few rounds (conservative slow start), and goes back
//! to slow start if the delay falls again, or on to congestion avoidance if it does not.
//!
//! That delay shows in packets that left when the window had passed the path already, and by the
//! time they are acknowledged it has doubled: a queue of one bandwidth-delay product overflows. So
//! there is a second sign beside the RFC's, the [`AckTrain`], which shows a round earlier. Either
//! begins conservative slow start; both together are proof, and end it.

use crate::time::{Duration, Instant};
use crate::wire::SeqNumber;

use super::Ack;
use super::ack_train::AckTrain;

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
    /// Slow start is over; the sign that came first.
    Done(Sign),
}

/// The rounds of slow start.
#[derive(Clone, Copy, Debug)]
pub(super) struct HyStart {
    /// windowEnd: what is acknowledged beyond it is of the next round.
    window_end: Option<SeqNumber>,
    /// lastRoundMinRTT in microseconds.
    last_min_us: u32,
    /// currentRoundMinRTT in microseconds.
    current_min_us: u32,
    /// The least of all rounds in microseconds.
    least_us: u32,
    /// rttSampleCount.
    samples: u8,
    /// The acknowledgements of this round.
    train: AckTrain,
    conservative: Option<Conservative>,
}

/// Why growth slows down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tcp) enum Sign {
    /// The round trip has grown.
    Delay,
    /// Acknowledgements come in a train that takes much of a round trip.
    Train,
}

/// Conservative slow start.
#[derive(Clone, Copy, Debug)]
struct Conservative {
    sign: Sign,
    /// cssBaselineMinRtt in microseconds; 0 if it is not the delay that has begun it.
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
            least_us: INFINITE,
            samples: 0,
            train: AckTrain::new(Instant::ORIGIN),
            conservative: None,
        }
    }

    /// New data was acknowledged in slow start: section 4.2. A round that begins with it ends at
    /// `round_end`. A sender that is `paced` spreads a window over half of a round trip by itself, so
    /// that only a train of a whole one is a sign.
    pub(super) fn on_ack(&mut self, ack: &Ack, round_end: SeqNumber, paced: bool) -> Step {
        if let Some(rtt) = ack.rtt {
            self.on_sample(rtt);
        }
        let rtt = Duration::from_micros(self.least_us.into());
        self.train.on_ack(ack.now, rtt, if paced { rtt } else { rtt / 2 });
        if let Some(sign) = self.proved_sign() {
            return Step::Done(sign);
        }
        let divisor = if self.conservative.is_some() { GROWTH_DIVISOR } else { 1 };
        if self.ends_round(ack, round_end) {
            if let Some(sign) = self.on_round_end() {
                return Step::Done(sign);
            }
            self.begin_round(ack.now);
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
        self.least_us = self.least_us.min(us);
        self.samples = self.samples.saturating_add(1);
    }

    /// Looks for signs that the path is full; the first, if there are two. One alone slows down, and
    /// a delay that falls again takes that back.
    fn proved_sign(&mut self) -> Option<Sign> {
        let is_delayed = |than| self.samples >= SAMPLES && has_grown(self.current_min_us, than);
        let is_train = self.train.is_long();
        match self.conservative.map(|it| it.sign) {
            Some(sign @ Sign::Train) => return is_delayed(self.least_us).then_some(sign),
            Some(sign @ Sign::Delay) => {
                self.conservative = self.conservative.filter(|it| !self.is_below(it.baseline_us));
                return self.conservative.filter(|_| is_train).map(|_| sign);
            }
            None if is_train => self.slow_down(Sign::Train, 0),
            None if is_delayed(self.last_min_us) => {
                self.slow_down(Sign::Delay, self.current_min_us);
            }
            None => {}
        }
        None
    }

    fn is_below(&self, baseline_us: u32) -> bool {
        self.samples >= SAMPLES && self.current_min_us < baseline_us
    }

    const fn slow_down(&mut self, sign: Sign, baseline_us: u32) {
        let rounds_left = CONSERVATIVE_ROUNDS;
        self.conservative = Some(Conservative { sign, baseline_us, rounds_left });
    }

    /// Whether more than the round's last number is acknowledged; the next round ends at `next_end`.
    fn ends_round(&mut self, ack: &Ack, next_end: SeqNumber) -> bool {
        let Some(end) = self.window_end else {
            self.window_end = Some(next_end);
            self.train = AckTrain::new(ack.now);
            return false;
        };
        let is_over = ack.una.after(end);
        if is_over {
            self.window_end = Some(next_end);
        }
        is_over
    }

    /// A round begins with the acknowledgement that came at `now`.
    fn begin_round(&mut self, now: Instant) {
        self.train = AckTrain::new(now);
        self.last_min_us = self.current_min_us;
        self.current_min_us = INFINITE;
        self.samples = 0;
    }

    /// A round is over; the sign by which slow start is, if it is. A train that the next round, which is longer, does
    /// not show was feigned.
    fn on_round_end(&mut self) -> Option<Sign> {
        let conservative = self.conservative.as_mut()?;
        conservative.rounds_left -= 1;
        if conservative.sign == Sign::Train && !self.train.is_long() {
            self.conservative = None;
            return None;
        }
        (conservative.rounds_left == 0).then_some(conservative.sign)
    }
}

/// Whether a least round trip is clearly above an earlier one, both in microseconds: section 4.2.
fn has_grown(current_us: u32, than_us: u32) -> bool {
    let thresh = (than_us / RTT_DIVISOR).clamp(THRESH_MIN_US, THRESH_MAX_US);
    than_us != INFINITE && current_us >= than_us.saturating_add(thresh)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slow start, seen by its acknowledgements.
    struct Play {
        hystart: HyStart,
        now: Instant,
        una: SeqNumber,
        is_paced: bool,
    }

    impl Play {
        fn new() -> Self {
            let una = SeqNumber::new(u32::MAX - 45);
            Self { hystart: HyStart::new(), now: Instant::ORIGIN, una, is_paced: false }
        }

        /// A round of `samples` acknowledgements with this gap before each, all with this round trip;
        /// what each led to. The first one ends the round before.
        fn train(&mut self, samples: u32, rtt_us: u64, gap_us: u64) -> Vec<Step> {
            let rtt = Some(Duration::from_micros(rtt_us));
            let end = self.una + samples;
            let ack_one = |_| {
                self.now += Duration::from_micros(gap_us);
                self.una += 1;
                let (now, una, srtt) = (self.now, self.una, Duration::ZERO);
                let ack = Ack { now, acked: 1_000, una, nxt: end, rtt, srtt };
                self.hystart.on_ack(&ack, end, self.is_paced)
            };
            (0..samples).map(ack_one).collect()
        }

        /// A round whose acknowledgements come far apart, so that they are no train.
        fn round(&mut self, samples: u32, rtt_us: u64) -> Vec<Step> {
            self.train(samples, rtt_us, rtt_us)
        }

        fn is_conservative(&self) -> bool {
            self.hystart.is_conservative()
        }
    }

    /// Rounds with these round trips in milliseconds, ten samples each; whether each ended in
    /// conservative slow start, and whether slow start was over.
    fn play(rtts: &[u64]) -> (Vec<bool>, bool) {
        let mut play = Play::new();
        let mut conservative = Vec::new();
        for rtt in rtts {
            let steps = play.round(10, rtt * 1_000);
            conservative.push(play.is_conservative());
            if steps.iter().any(|step| matches!(step, Step::Done(_))) {
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
        assert_eq!(conservative.len(), 8, "the round it began in, four more, and what ends these");
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
        let mut play = Play::new();
        for rtt in [10_000, 10_000, 90_000, 200_000] {
            play.round(7, rtt);
            assert!(!play.is_conservative());
        }
    }

    #[test]
    fn conservative_growth_is_a_quarter() {
        let mut play = Play::new();
        play.round(10, 10_000);
        play.round(10, 10_000);
        let steps = play.round(10, 30_000);
        // The first one is the last of the round before.
        assert_eq!(steps[8], Step::Grow { divisor: 4, segments: 8 }, "the eighth sample judges");
        assert_eq!(steps[7], Step::Grow { divisor: 1, segments: 8 });
    }

    /// A round trip of 100 ms in rounds of 100 acknowledgements, with these gaps in microseconds and
    /// round trips in milliseconds; after which of them growth was slow, and whether it ended.
    fn play_trains(rounds: &[(u64, u64)]) -> (Vec<bool>, Option<Sign>) {
        let mut play = Play::new();
        let mut conservative = Vec::new();
        play.round(100, 100_000);
        for (gap_us, rtt_ms) in rounds {
            let steps = play.train(100, rtt_ms * 1_000, *gap_us);
            conservative.push(play.is_conservative());
            let sign = steps.iter().find_map(|step| match step {
                Step::Done(sign) => Some(*sign),
                Step::Grow { .. } => None,
            });
            if sign.is_some() {
                return (conservative, sign);
            }
        }
        (conservative, None)
    }

    #[test]
    fn a_train_of_half_a_round_trip_slows_down() {
        assert_eq!(play_trains(&[(500, 100), (520, 100)]).0, [false, true]);
    }

    #[test]
    fn a_train_and_a_delay_end_slow_start_at_once() {
        assert_eq!(
            play_trains(&[(900, 100), (900, 100), (900, 113)]),
            (vec![true; 3], Some(Sign::Train))
        );
        let (conservative, sign) = play_trains(&[(900, 100), (900, 112), (900, 112)]);
        assert_eq!((conservative, sign), (vec![true; 3], None), "less than an eighth");
        let (conservative, sign) = play_trains(&[(100, 120), (900, 120)]);
        assert_eq!((conservative, sign), (vec![true; 2], Some(Sign::Delay)), "the delay first");
    }

    #[test]
    fn a_train_that_does_not_last_was_none() {
        let (conservative, sign) = play_trains(&[(900, 100), (100, 100), (100, 100)]);
        assert_eq!(conservative, [true, true, false], "the second round has none");
        assert_eq!(sign, None);
    }

    #[test]
    fn trains_alone_end_slow_start_after_five_rounds() {
        let (conservative, sign) = play_trains(&[(900, 100); 9]);
        assert_eq!(sign, Some(Sign::Train));
        assert_eq!(conservative.len(), 6, "the first acknowledgement of the sixth ends the fifth");
    }

    #[test]
    fn a_paced_sender_is_allowed_a_whole_round_trip() {
        for (is_paced, gap, slow) in [(false, 900, true), (true, 900, false), (true, 1_100, true)] {
            let mut play = Play { is_paced, ..Play::new() };
            play.train(100, 100_000, gap);
            assert_eq!(play.is_conservative(), slow, "paced: {is_paced}, gaps of {gap} us");
        }
    }
}
