//! When to acknowledge: RFC 9293, section 3.8.6.3; RFC 5681, section 4.2.
//!
//! At least every second full segment, after 40 ms at most; at once at the start of a connection,
//! so that the peer's slow start is not held up, and whenever something is out of the ordinary. A
//! pure acknowledgement is never acknowledged.
//!
//! How long one is held back follows what it is held back for. Where answers carry it, it waits for
//! the answer, as long as it may. Where text alone comes, it waits for the next segment: if that
//! does not come within a few of the gaps between segments, it does not come before the peer has
//! heard from us, and to wait longer only makes the round trip longer.

use crate::time::{Duration, Instant};
use crate::wire::SeqNumber;

/// Segments acknowledged at once at the start. Linux's number: an initial window and a half.
const QUICK_ACKS: u8 = 16;

/// Gaps between segments for which one is waited for: room for jitter.
const GAPS: u32 = 4;

/// Least delay: a timer that is shorter than a turn of the caller's loop saves no acknowledgement.
const DELAY_MIN: Duration = Duration::from_millis(1);

/// How much hurry there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Not,
    /// With the next segment, or when the timer says so.
    Later,
    Now,
}

/// What a new segment of text asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hurry {
    /// An acknowledgement at once.
    Now,
    /// Let the timer run.
    Later,
}

/// The acknowledgement we owe.
#[derive(Clone, Copy, Debug)]
pub(super) struct DelayedAck {
    due: Due,
    /// Text taken since the last acknowledgement, in bytes.
    unacknowledged: u32,
    quick_left: u8,
    /// Acknowledgements owed to early segments, one each: RFC 5681, section 4.2. The peer counts
    /// them, also if we took the segments together.
    duplicates: u8,
    /// Largest text seen in one segment: what "full" means for this peer.
    full: u32,
    /// When text last came.
    text_at: Option<Instant>,
    /// Time between segments of text that follow each other, smoothed.
    gap: Option<Duration>,
    /// Whether our text carried the last acknowledgement that was held back.
    is_answered: bool,
    /// Last.ACK.sent of RFC 7323, section 4.3.
    pub(super) last_sent: SeqNumber,
}

impl DelayedAck {
    /// Nothing owed.
    pub(super) const fn new() -> Self {
        Self {
            due: Due::Not,
            unacknowledged: 0,
            quick_left: QUICK_ACKS,
            duplicates: 0,
            full: 0,
            text_at: None,
            gap: None,
            is_answered: false,
            last_sent: SeqNumber::new(0),
        }
    }

    /// A segment brought `bytes` of text in order. One longer than `mss` is several that were
    /// merged on their way.
    pub(super) fn on_text(&mut self, bytes: u32, mss: u32) -> Hurry {
        self.duplicates = 0;
        self.full = self.full.max(bytes.min(mss));
        self.unacknowledged = self.unacknowledged.saturating_add(bytes);
        let second_full = self.unacknowledged >= self.full.saturating_mul(2);
        if self.quick_left > 0 || second_full {
            self.quick_left = self.quick_left.saturating_sub(1);
            self.demand();
        }
        if self.due == Due::Now {
            return Hurry::Now;
        }
        self.due = Due::Later;
        Hurry::Later
    }

    /// Text has come. `longest` is the longest delay: a gap that is longer is a pause, and says
    /// nothing of how segments follow each other; nor does none, for what the clock shows at once
    /// was read from the device at once.
    ///
    /// A shorter gap counts by a half, a longer one by an eighth: between the segments that a small
    /// window lets go together lie those of round trips.
    pub(super) fn note_arrival(&mut self, now: Instant, longest: Duration) {
        let since = self.text_at.replace(now).map(|before| now.since(before));
        let Some(gap) = since.filter(|gap| !gap.is_zero() && *gap <= longest) else { return };
        self.gap = Some(match self.gap {
            None => gap,
            Some(smoothed) if gap < smoothed => (smoothed + gap) / 2,
            Some(smoothed) => smoothed + (gap - smoothed) / 8,
        });
    }

    /// How long an acknowledgement is held back: `longest` at most.
    pub(super) fn delay(&self, longest: Duration) -> Duration {
        let gap = self.gap.filter(|_| !self.is_answered);
        gap.map_or(longest, |gap| (gap * GAPS).max(DELAY_MIN).min(longest))
    }

    /// The same, once text has come: `tcpi_ato`. Zero before.
    pub(super) fn timeout(&self, longest: Duration) -> Duration {
        self.text_at.map_or(Duration::ZERO, |_| self.delay(longest))
    }

    /// The delay is over, and nothing has carried what is owed. Says whether something is.
    pub(super) fn on_timeout(&mut self) -> bool {
        if self.due == Due::Not {
            return false;
        }
        self.is_answered = false;
        self.demand();
        true
    }

    /// A segment came early: it has an acknowledgement of its own.
    pub(super) fn on_early(&mut self) {
        self.duplicates = self.duplicates.saturating_add(1);
        self.demand();
    }

    /// Something asks for an acknowledgement at once.
    pub(super) fn demand(&mut self) {
        self.due = Due::Now;
    }

    /// The connection was idle: the peer may be back in slow start.
    pub(super) fn on_idle(&mut self) {
        self.quick_left = QUICK_ACKS;
    }

    /// Whether an acknowledgement has to leave now, even by itself.
    pub(super) fn is_due_now(&self) -> bool {
        self.due == Due::Now
    }

    /// Whether one is owed at all.
    pub(super) fn is_owed(&self) -> bool {
        self.due != Due::Not
    }

    /// A segment that acknowledges up to `ack` has left. What early segments are owed is still due:
    /// the peer counts no acknowledgement that carries text.
    pub(super) fn on_sent(&mut self, ack: SeqNumber) {
        self.is_answered |= self.due == Due::Later;
        self.due = if self.duplicates > 0 { Due::Now } else { Due::Not };
        self.unacknowledged = 0;
        self.last_sent = ack;
    }

    /// As [`DelayedAck::on_sent`], for a segment that carries nothing else, and so can count as a
    /// duplicate.
    pub(super) fn on_bare_sent(&mut self, ack: SeqNumber) {
        self.duplicates = self.duplicates.saturating_sub(1);
        self.on_sent(ack);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_start() -> DelayedAck {
        let mut acks = DelayedAck::new();
        for _ in 0..QUICK_ACKS {
            assert_eq!(acks.on_text(1000, 1460), Hurry::Now);
            acks.on_sent(SeqNumber::new(1));
        }
        acks
    }

    #[test]
    fn every_second_full_segment_is_acknowledged() {
        let mut acks = after_start();
        for _ in 0..10 {
            assert_eq!(acks.on_text(1000, 1460), Hurry::Later);
            assert!(acks.is_owed() && !acks.is_due_now());
            assert_eq!(acks.on_text(1000, 1460), Hurry::Now);
            acks.on_sent(SeqNumber::new(1));
            assert!(!acks.is_owed());
        }
    }

    #[test]
    fn merged_segments_are_acknowledged_at_once() {
        let mut acks = after_start();
        assert_eq!(acks.on_text(64_000, 1460), Hurry::Now);
    }

    #[test]
    fn small_segments_wait_for_the_timer() {
        let mut acks = after_start();
        for _ in 0..19 {
            assert_eq!(acks.on_text(100, 1460), Hurry::Later);
        }
        assert_eq!(acks.on_text(100, 1460), Hurry::Now);
    }

    #[test]
    fn each_early_segment_has_its_own_acknowledgement_until_the_hole_is_filled() {
        let mut acks = after_start();
        for _ in 0..3 {
            acks.on_early();
        }
        for _ in 0..3 {
            assert!(acks.is_due_now());
            acks.on_bare_sent(SeqNumber::new(1));
        }
        assert!(!acks.is_due_now());
        acks.on_early();
        acks.on_early();
        acks.on_sent(SeqNumber::new(1));
        assert!(acks.is_due_now(), "text does not count");
        acks.on_text(1000, 1460);
        acks.demand();
        acks.on_bare_sent(SeqNumber::new(1001));
        assert!(!acks.is_due_now());
    }

    const LONGEST: Duration = Duration::from_millis(40);

    /// Segments that follow each other by `gap`.
    fn train(acks: &mut DelayedAck, now: &mut Instant, gap: Duration, segments: usize) {
        for _ in 0..segments {
            *now += gap;
            acks.note_arrival(*now, LONGEST);
        }
    }

    #[test]
    fn the_delay_follows_the_gap_between_segments() {
        let mut acks = after_start();
        let mut now = Instant::from_millis(1_000);
        assert_eq!(acks.delay(LONGEST), LONGEST, "nothing is known");
        train(&mut acks, &mut now, Duration::from_millis(2), 5);
        assert_eq!(acks.delay(LONGEST), Duration::from_millis(8));
        train(&mut acks, &mut now, Duration::ZERO, 5);
        train(&mut acks, &mut now, Duration::from_secs(1), 5);
        assert_eq!(acks.delay(LONGEST), Duration::from_millis(8), "no gaps are these");
        train(&mut acks, &mut now, Duration::from_micros(10), 20);
        assert_eq!(acks.delay(LONGEST), DELAY_MIN);
        train(&mut acks, &mut now, Duration::from_millis(40), 40);
        assert_eq!(acks.delay(LONGEST), LONGEST, "never longer");
    }

    #[test]
    fn pairs_a_round_trip_apart_are_not_waited_for_by_round_trips() {
        let mut acks = after_start();
        let mut now = Instant::from_millis(1_000);
        for _ in 0..50 {
            train(&mut acks, &mut now, Duration::from_micros(100), 1);
            train(&mut acks, &mut now, Duration::from_millis(4), 1);
        }
        assert!(acks.delay(LONGEST) < Duration::from_millis(4), "{:?}", acks.delay(LONGEST));
    }

    #[test]
    fn where_answers_carry_it_an_acknowledgement_waits_for_the_answer() {
        let mut acks = after_start();
        let mut now = Instant::from_millis(1_000);
        train(&mut acks, &mut now, Duration::from_millis(2), 5);
        assert_eq!(acks.on_text(100, 1460), Hurry::Later);
        acks.on_sent(SeqNumber::new(1));
        assert_eq!(acks.delay(LONGEST), LONGEST);
        assert!(!acks.on_timeout(), "nothing is owed");
        assert_eq!(acks.delay(LONGEST), LONGEST);
        assert_eq!(acks.on_text(100, 1460), Hurry::Later);
        assert!(acks.on_timeout() && acks.is_due_now());
        assert_eq!(acks.delay(LONGEST), Duration::from_millis(8), "no answer came");
    }

    #[test]
    fn a_demand_is_not_softened_by_later_text() {
        let mut acks = after_start();
        acks.demand();
        assert_eq!(acks.on_text(1, 1460), Hurry::Now);
    }
}
