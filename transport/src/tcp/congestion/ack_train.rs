//! How long a window takes to pass the bottleneck, as its acknowledgements tell: the ACK train of
//! HyStart (Ha and Rhee, "Taming the elephants: new TCP slow start", 2011, section 3.2).
//!
//! In slow start a window leaves in a burst, and its acknowledgements come back as the slowest link
//! has let it through: closely spaced, over as much time as the window takes there; then nothing
//! comes for the rest of the round trip. A train as long as half of a round trip says that twice the
//! window would fill the path, and slow start is about to send that. This shows before any queue
//! stands, where a delay shows after; but who spreads or holds back acknowledgements on the way can
//! feign it. What follows from it is for [`super::hystart`] to say.
//!
//! HyStart allows gaps of 2 ms. That is less than a busy host takes between two looks at its network
//! now and then, and one such gap would hide the train; and it is much of a short round trip. So the
//! longest gap is a part of the round trip here, which the silence at the end of a window that does
//! not fill half of the path exceeds by far.

use crate::time::{Duration, Instant};

/// A gap of more than this part of a round trip ends a train.
const GAP_DIVISOR: u32 = 8;

/// Longest gap, however long the round trip.
const GAP_MAX: Duration = Duration::from_millis(10);

/// Shorter round trips are not looked at: clocks of a millisecond, and a host that has other things
/// to do, leave nothing to see there.
const RTT_MIN: Duration = Duration::from_millis(4);

/// Fewer acknowledgements are no train.
const ACKS_MIN: u32 = 8;

/// The acknowledgements since a round began.
#[derive(Clone, Copy, Debug)]
pub(super) struct AckTrain {
    began: Instant,
    last: Instant,
    /// How many there were.
    acks: u32,
    /// Whether a gap has ended it.
    has_ended: bool,
    /// Whether it was long enough once.
    is_long: bool,
}

impl AckTrain {
    /// A round that begins with the acknowledgement that came at `now`.
    pub(super) const fn new(now: Instant) -> Self {
        Self { began: now, last: now, acks: 1, has_ended: false, is_long: false }
    }

    /// One more acknowledgement. A gap beyond what fits a round trip of `rtt` ends the train, and it
    /// is long if it takes `enough`.
    pub(super) fn on_ack(&mut self, now: Instant, rtt: Duration, enough: Duration) {
        let gap_max = GAP_MAX.min(rtt / GAP_DIVISOR);
        self.has_ended |= rtt < RTT_MIN || now.since(self.last) > gap_max;
        if self.has_ended {
            return;
        }
        self.last = now;
        self.acks = self.acks.saturating_add(1);
        self.is_long |= self.acks >= ACKS_MIN && now.since(self.began) >= enough;
    }

    /// Whether it is, or was, long enough.
    pub(super) const fn is_long(&self) -> bool {
        self.is_long
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The acknowledgement that first makes the train long enough, of those with these gaps.
    fn long_enough_at(gaps_us: &[u64], rtt_ms: u64) -> Option<usize> {
        let mut now = Instant::ORIGIN;
        let mut train = AckTrain::new(now);
        let rtt = Duration::from_millis(rtt_ms);
        gaps_us.iter().position(|gap| {
            now += Duration::from_micros(*gap);
            train.on_ack(now, rtt, rtt / 2);
            train.is_long()
        })
    }

    #[test]
    fn a_train_of_half_a_round_trip_is_enough() {
        assert_eq!(long_enough_at(&[2_000; 30], 100), Some(24), "25 gaps of 2 ms");
        assert_eq!(long_enough_at(&[2_000; 24], 100), None);
    }

    #[test]
    fn a_gap_ends_the_train_for_the_round() {
        for (gap, found) in [(10_000, Some(20)), (10_001, None)] {
            let mut gaps = [2_000; 60];
            gaps[10] = gap;
            assert_eq!(long_enough_at(&gaps, 100), found, "{gap} us");
        }
    }

    #[test]
    fn gaps_are_shorter_where_the_round_trip_is() {
        assert_eq!(long_enough_at(&[501; 30], 4), None);
        assert_eq!(long_enough_at(&[500; 30], 4), Some(6), "no train of fewer than eight");
        assert_eq!(long_enough_at(&[100; 90], 3), None, "too short to tell");
        assert_eq!(long_enough_at(&[0; 90], 0), None);
    }

    #[test]
    fn what_was_long_stays_so() {
        let mut train = AckTrain::new(Instant::ORIGIN);
        let rtt = Duration::from_millis(100);
        for ms in (0..=60).step_by(5).chain([99]) {
            train.on_ack(Instant::from_millis(ms), rtt, rtt / 2);
        }
        assert!(train.is_long());
    }
}
