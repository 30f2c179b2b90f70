//! Pacing: when the next new text may leave.
//!
//! A bucket that fills at the rate of the window, cwnd a round trip and somewhat more, and empties
//! by what leaves. It has no clock and no timer: it says the time, and the caller waits. After a
//! pause it holds an initial window, which any path takes at once (RFC 6928), so that short answers
//! are not held up; while text flows, two segments or what leaves in a millisecond.

use crate::time::{Duration, Instant};

/// What the bucket holds while text flows: two segments, which an acknowledgement releases.
const BURST_SEGMENTS: u64 = 2;

/// Or so much time's worth: timers are no finer than an eighth of it.
const BURST_TIME: Duration = Duration::from_millis(1);

/// Bytes a round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    bytes: u64,
    per: Duration,
}

impl Rate {
    /// The rate of a window: twice cwnd a round trip in slow start, since it doubles; five quarters
    /// otherwise, so that pacing does not hold growth back. None before a round trip is known.
    pub(super) fn of(cwnd: u32, slow_start: bool, srtt: Duration) -> Option<Self> {
        let bytes = u64::from(cwnd) * if slow_start { 8 } else { 5 } / 4;
        (bytes > 0 && !srtt.is_zero()).then_some(Self { bytes, per: srtt })
    }

    /// How long `bytes` take.
    fn time_for(self, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * self.per.as_nanos() / u128::from(self.bytes);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How much leaves in `time`.
    fn bytes_in(self, time: Duration) -> u64 {
        let bytes = u128::from(self.bytes) * time.as_nanos() / self.per.as_nanos();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// The bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacer {
    /// Bytes that may leave now.
    credit: u64,
    /// Bytes that have left beyond the credit.
    debt: u64,
    /// When it was last filled.
    filled_at: Instant,
}

impl Pacer {
    /// Full: with `burst` bytes.
    pub(super) const fn new(burst: u32) -> Self {
        Self { credit: burst as u64, debt: 0, filled_at: Instant::ORIGIN }
    }

    /// A pause in which nothing was out is over.
    pub(super) fn on_pause(&mut self, now: Instant, burst: u32) {
        *self = Self { filled_at: now, ..Self::new(burst) };
    }

    /// `bytes` have left.
    pub(super) fn on_sent(&mut self, bytes: u32) {
        let bytes = u64::from(bytes);
        self.debt += bytes.saturating_sub(self.credit);
        self.credit = self.credit.saturating_sub(bytes);
    }

    /// When the next segment may leave: `now`, or later.
    pub(super) fn next_send(&mut self, now: Instant, rate: Rate, mss: u32) -> Instant {
        self.fill(now, rate, mss);
        if self.credit > 0 {
            return now;
        }
        // Whole segments' worth: less would wake up for nothing.
        now + rate.time_for(self.debt + u64::from(mss))
    }

    fn fill(&mut self, now: Instant, rate: Rate, mss: u32) {
        let gained = rate.bytes_in(now.since(self.filled_at));
        if gained == 0 {
            return;
        }
        self.filled_at = now;
        let paid = gained.min(self.debt);
        self.debt -= paid;
        let most = rate.bytes_in(BURST_TIME).max(BURST_SEGMENTS * u64::from(mss));
        let filled = self.credit.saturating_add(gained - paid).min(most);
        self.credit = self.credit.max(filled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1_000;

    fn rate(cwnd: u32) -> Rate {
        Rate::of(cwnd, false, Duration::from_millis(100)).unwrap()
    }

    /// Times in milliseconds at which `segments` leave, from 1000 on.
    fn departures(cwnd: u32, segments: u32) -> Vec<u64> {
        let mut pacer = Pacer::new(10 * MSS);
        let mut now = Instant::from_millis(1_000);
        pacer.on_pause(now, 10 * MSS);
        let mut times = Vec::new();
        for _ in 0..segments {
            for _ in 0..3 {
                now = pacer.next_send(now, rate(cwnd), MSS);
            }
            assert_eq!(pacer.next_send(now, rate(cwnd), MSS), now, "it is due when it is due");
            times.push(now.as_millis());
            pacer.on_sent(MSS);
        }
        times
    }

    #[test]
    fn an_initial_window_leaves_at_once_and_the_rest_by_the_rate() {
        // 100 segments in 100 ms, and a quarter more: one in 0.8 ms.
        let times = departures(100 * MSS, 135);
        assert_eq!(times[..10], [1_000; 10]);
        for (place, time) in (1u64..).zip(&times[10..]) {
            let expected = 1_000 + place * 8 / 10;
            assert!(time.abs_diff(expected) <= 1, "{place}: {time}");
        }
    }

    #[test]
    fn no_rate_without_a_round_trip() {
        assert_eq!(Rate::of(10_000, false, Duration::ZERO), None);
        assert_eq!(Rate::of(0, true, Duration::from_secs(1)), None);
    }

    #[test]
    fn slow_start_is_paced_at_twice_the_window() {
        let rate = Rate::of(10_000, true, Duration::from_millis(100)).unwrap();
        assert_eq!(rate.bytes_in(Duration::from_millis(100)), 20_000);
        assert_eq!(rate.time_for(20_000), Duration::from_millis(100));
    }

    #[test]
    fn time_without_text_earns_no_more_than_a_small_burst() {
        let mut pacer = Pacer::new(0);
        let now = Instant::from_millis(10_000);
        pacer.next_send(now, rate(10 * MSS), MSS);
        pacer.on_sent(2 * MSS);
        assert!(pacer.next_send(now, rate(10 * MSS), MSS) > now);
    }

    #[test]
    fn absurd_figures_do_not_overflow() {
        for (cwnd, srtt) in [(1, Duration::from_nanos(1)), (1 << 30, Duration::from_nanos(1))] {
            let rate = Rate::of(cwnd, true, srtt).unwrap();
            let mut pacer = Pacer::new(u32::MAX);
            for _ in 0..10 {
                pacer.on_sent(u32::MAX);
            }
            let far = Instant::from_nanos(u64::MAX - 1);
            assert!(pacer.next_send(far, rate, u32::MAX) >= far);
        }
        let slow = Rate::of(1, false, Duration::from_secs(1 << 30)).unwrap();
        assert!(Pacer::new(0).next_send(Instant::ORIGIN, slow, MSS) > Instant::ORIGIN);
    }
}
