//! Round-trip time and retransmission timeout: RFC 6298, in microseconds.
//!
//! Which segment is a valid sample (Karn's rule) is decided by the caller; here is the arithmetic
//! and the back-off. SRTT is kept times eight and RTTVAR times four, so that paths of 10 us keep
//! their fractions.

use crate::time::{Duration, Instant};

use super::config::Config;
use super::path::RoundTrip;

/// Longest round trip believed, in microseconds: above RTO's upper bound; keeps the scaled sums in
/// 32 bits.
const SAMPLE_MAX_US: u128 = 120_000_000;

/// G of RFC 6298, section 2, in microseconds: the clock we are told is finer than this.
const GRANULARITY_US: u32 = 1;

/// RTO after a lost SYN, if nothing was measured: RFC 6298, section 5.7.
const RTO_AFTER_LOST_SYN: Duration = Duration::from_secs(3);

/// How long the least round trip counts once the path has become longer: RFC 8985, section 6.2, step
/// 1. Twice as long at most, while round trips are measured. Linux forgets it after 300 s.
const MIN_RTT_WINDOW: Duration = Duration::from_secs(150);

/// What was measured: as the estimator keeps it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    srtt_8: u32,
    rttvar_4: u32,
    min_us: u32,
}

/// SRTT, RTTVAR and RTO.
#[derive(Clone, Copy, Debug)]
pub(super) struct RttEstimator {
    /// SRTT times 8, in microseconds; 0 before the first sample.
    srtt_8: u32,
    /// RTTVAR times 4, in microseconds.
    rttvar_4: u32,
    /// Least sample of this window, in microseconds.
    min_us: u32,
    /// Least sample of the window before.
    min_before_us: u32,
    /// When this window began.
    min_since: Instant,
    /// Doublings of RTO since the last valid sample: RFC 6298, section 5.5.
    backoff: u8,
    /// RTO of earlier connections to the same place, until a second round trip is measured: RFC 9040,
    /// section 6. It makes ours longer, never shorter.
    earlier: Duration,
    initial: Duration,
    min: Duration,
    max: Duration,
}

impl RttEstimator {
    /// Nothing measured yet.
    pub(super) fn new(config: &Config) -> Self {
        Self {
            srtt_8: 0,
            rttvar_4: 0,
            min_us: u32::MAX,
            min_before_us: u32::MAX,
            min_since: Instant::ORIGIN,
            backoff: 0,
            earlier: Duration::ZERO,
            initial: config.rto_initial,
            min: config.rto_min,
            max: config.rto_max,
        }
    }

    /// The same after earlier connections, which have measured this.
    pub(super) fn after(self, earlier: Option<RoundTrip>) -> Self {
        let rto = earlier.map_or(Duration::ZERO, |it| {
            let RoundTrip { srtt, rttvar } = it;
            srtt.saturating_add(rttvar.saturating_mul(4))
        });
        Self { earlier: rto.min(self.max), ..self }
    }

    /// SRTT and RTTVAR for later connections. None while timeouts go unanswered: the path is not any
    /// more what was measured.
    pub(super) fn round_trip(&self) -> Option<RoundTrip> {
        let srtt = self.srtt().filter(|_| self.backoff == 0)?;
        Some(RoundTrip { srtt, rttvar: self.rttvar() })
    }

    /// What was measured, if anything was.
    pub(super) fn measured(&self) -> Option<Measured> {
        let Self { srtt_8, rttvar_4, min_us, min_before_us, .. } = *self;
        let min_us = min_us.min(min_before_us);
        (srtt_8 != 0).then_some(Measured { srtt_8, rttvar_4, min_us })
    }

    /// The same, taking up what was measured up to `at`.
    pub(super) fn resumed(self, at: Instant, measured: Measured) -> Self {
        let Measured { srtt_8, rttvar_4, min_us } = measured;
        Self { srtt_8, rttvar_4, min_us, min_since: at, ..self }
    }

    /// Takes in the round trip of a segment that was sent once: RFC 6298, sections 2.2, 2.3 and
    /// 5.7.
    pub(super) fn on_sample(&mut self, now: Instant, rtt: Duration) {
        let us = rtt.as_micros().clamp(1, SAMPLE_MAX_US);
        let us = u32::try_from(us).expect("clamped to 2 minutes");
        self.note_least(now, us);
        self.backoff = 0;
        if self.srtt_8 == 0 {
            self.srtt_8 = us * 8;
            self.rttvar_4 = us * 2;
            return;
        }
        self.earlier = Duration::ZERO;
        let srtt = self.srtt_8 / 8;
        self.rttvar_4 = self.rttvar_4 - self.rttvar_4 / 4 + srtt.abs_diff(us);
        self.srtt_8 = self.srtt_8 - srtt + us;
    }

    fn note_least(&mut self, now: Instant, us: u32) {
        if now.since(self.min_since) < MIN_RTT_WINDOW {
            self.min_us = self.min_us.min(us);
        } else {
            self.min_before_us = self.min_us;
            self.min_us = us;
            self.min_since = now;
        }
    }

    /// Doubles RTO after an expiry: RFC 6298, section 5.5.
    pub(super) fn back_off(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
    }

    /// The handshake is over. If its SYN was lost and nothing could be measured, RTO starts at 3 s:
    /// RFC 6298, section 5.7.
    pub(super) fn on_established(&mut self, syn_lost: bool) {
        self.backoff = 0;
        if syn_lost && self.srtt_8 == 0 {
            self.initial = self.initial.max(RTO_AFTER_LOST_SYN);
        }
    }

    /// RTO with its back-off.
    pub(super) fn rto(&self) -> Duration {
        self.backed_off(self.backoff)
    }

    /// RTO after `times` doublings of the measured one; what probes wait.
    pub(super) fn backed_off(&self, times: u8) -> Duration {
        let factor = 1u32.checked_shl(u32::from(times)).unwrap_or(u32::MAX);
        self.base().saturating_mul(factor).min(self.max)
    }

    /// RTO as measured, without back-off.
    fn base(&self) -> Duration {
        if self.srtt_8 == 0 {
            return self.initial.max(self.earlier).min(self.max);
        }
        let us = self.srtt_8 / 8 + self.rttvar_4.max(GRANULARITY_US);
        let measured = Duration::from_micros(u64::from(us)).max(self.earlier);
        measured.clamp(self.min, self.max.max(self.min))
    }

    /// SRTT, once there is one.
    pub(super) fn srtt(&self) -> Option<Duration> {
        (self.srtt_8 != 0).then(|| Duration::from_nanos(u64::from(self.srtt_8) * 125))
    }

    /// RTTVAR, zero before the first sample.
    pub(super) fn rttvar(&self) -> Duration {
        Duration::from_nanos(u64::from(self.rttvar_4) * 250)
    }

    /// The least round trip measured of late.
    pub(super) fn min_rtt(&self) -> Option<Duration> {
        let us = self.min_us.min(self.min_before_us);
        (self.srtt_8 != 0).then(|| Duration::from_micros(u64::from(us)))
    }

    /// Doublings in force.
    pub(super) fn backoff(&self) -> u8 {
        self.backoff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::ORIGIN;

    fn estimator() -> RttEstimator {
        RttEstimator::new(&Config { rto_min: Duration::from_millis(1), ..Config::default() })
    }

    #[test]
    fn the_first_sample_sets_both_variables() {
        let mut rtt = estimator();
        assert_eq!(rtt.rto(), Duration::from_secs(1));
        rtt.on_sample(NOW, Duration::from_millis(100));
        assert_eq!(rtt.srtt(), Some(Duration::from_millis(100)));
        assert_eq!(rtt.rttvar(), Duration::from_millis(50));
        assert_eq!(rtt.rto(), Duration::from_millis(300));
    }

    #[test]
    fn later_samples_weigh_an_eighth_and_a_quarter() {
        let mut rtt = estimator();
        rtt.on_sample(NOW, Duration::from_millis(100));
        rtt.on_sample(NOW, Duration::from_millis(180));
        assert_eq!(rtt.srtt(), Some(Duration::from_millis(110)));
        assert_eq!(rtt.rttvar(), Duration::from_micros(57_500));
    }

    #[test]
    fn back_off_doubles_to_the_bound_and_a_sample_ends_it() {
        let mut rtt = estimator();
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(rtt.rto(), Duration::from_secs(expected));
            rtt.back_off();
        }
        for _ in 0..300 {
            rtt.back_off();
        }
        assert_eq!(rtt.rto(), Duration::from_secs(60));
        rtt.on_sample(NOW, Duration::from_millis(100));
        assert_eq!(rtt.rto(), Duration::from_millis(300));
    }

    #[test]
    fn flows_do_not_stop_at_10_us_rtt() {
        let mut rtt = estimator();
        for _ in 0..1_000 {
            rtt.on_sample(NOW, Duration::from_micros(10));
        }
        assert_eq!(rtt.srtt().map(|srtt| srtt.as_micros()), Some(10));
        assert!(rtt.rto() >= Duration::from_millis(1));
        rtt.on_sample(NOW, Duration::ZERO);
        assert!(rtt.srtt().is_some_and(|srtt| srtt > Duration::ZERO));
    }

    #[test]
    fn a_path_that_never_varies_leaves_rto_above_its_round_trip() {
        let config = Config { rto_min: Duration::ZERO, ..Config::default() };
        let mut rtt = RttEstimator::new(&config);
        for _ in 0..1_000 {
            rtt.on_sample(NOW, Duration::from_millis(100));
        }
        assert_eq!(rtt.srtt(), Some(Duration::from_millis(100)));
        assert!(rtt.rto() >= Duration::from_millis(100) + Duration::from_micros(1));
    }

    #[test] // RFC 8985, section 6.2, step 1
    fn a_longer_path_is_believed_in_the_end() {
        let mut rtt = estimator();
        let (short, long) = (Duration::from_millis(10), Duration::from_millis(100));
        let mut now = Instant::from_millis(7);
        rtt.on_sample(now, short);
        for seconds in 0..600 {
            let expected = if seconds < 150 { short } else { rtt.min_rtt().unwrap() };
            assert_eq!(rtt.min_rtt(), Some(expected), "{seconds} s");
            now += Duration::from_secs(1);
            rtt.on_sample(now, long);
        }
        assert_eq!(rtt.min_rtt(), Some(long));
        rtt.on_sample(now, short);
        assert_eq!(rtt.min_rtt(), Some(short), "a shorter one at once");
    }

    #[test]
    fn absurd_samples_do_not_overflow() {
        let mut rtt = estimator();
        for _ in 0..100 {
            rtt.on_sample(NOW, Duration::MAX);
            rtt.on_sample(NOW, Duration::ZERO);
        }
        assert_eq!(rtt.rto(), Duration::from_secs(60));
    }

    #[test]
    fn a_lost_syn_without_a_sample_starts_at_3_s() {
        let mut rtt = estimator();
        rtt.back_off();
        rtt.on_established(true);
        assert_eq!(rtt.rto(), Duration::from_secs(3));
        let mut rtt = estimator();
        rtt.on_sample(NOW, Duration::from_millis(10));
        rtt.on_established(true);
        assert_eq!(rtt.rto(), Duration::from_millis(30));
    }
}
