//! RACK: what was sent before something that has arrived, and has had time to arrive itself, is
//! lost. RFC 8985, section 6.
//!
//! Plain arithmetic: the records are [`super::scoreboard`]'s, what follows from a loss is
//! [`super::loss`]'s.
//!
//! The clock's resolution is an input. Two readings of a clock of 15 ms can be equal though 15 ms
//! lie between them, and differ by 15 ms though nothing does; so a difference of times is believed
//! only beyond the resolution. Where the order of sending alone decides, it is known from the
//! numbers, and needs no clock.

use crate::time::{Duration, Instant};
use crate::wire::SeqNumber;

use super::scoreboard::Sent;

/// Recoveries for which a widened reordering window lasts: RFC 8985, section 6.2, step 4.
const PERSIST: u8 = 16;

/// Widest multiple of min_RTT / 4 to be kept: SRTT bounds the window long before.
const MULTIPLE_MAX: u8 = 64;

/// Degree of reordering before any was seen, in segments: DupThresh.
const DEGREE_START: u16 = 3;

/// RACK.segment: of what was delivered, that which was sent last.
#[derive(Clone, Copy, Debug)]
struct Latest {
    /// RACK.xmit_ts.
    sent_at: Instant,
    /// RACK.end_seq.
    end: SeqNumber,
    /// Whether it was sent again then.
    resent: bool,
}

/// RACK.*.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rack {
    latest: Option<Latest>,
    /// RACK.rtt.
    rtt: Duration,
    /// RACK.fack.
    fack: SeqNumber,
    /// RACK.reordering_seen, on this connection.
    reordering_seen: bool,
    /// Whether earlier connections to the same place have seen it: RFC 9040.
    inherited: bool,
    /// Largest distance, in segments, by which something was overtaken.
    degree: u16,
    /// RACK.dsack_round.
    dsack_round: Option<SeqNumber>,
    /// RACK.reo_wnd_mult.
    multiple: u8,
    /// RACK.reo_wnd_persist.
    persist: u8,
    /// What two readings of the clock may be wrong by.
    resolution: Duration,
}

/// What RACK needs to know of the connection to choose its window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    /// Whether fast or timeout recovery is on.
    pub(super) in_recovery: bool,
    /// Whether as many segments as DupThresh are reported.
    pub(super) many_sacked: bool,
    /// RACK.min_RTT.
    pub(super) min_rtt: Duration,
    /// SRTT.
    pub(super) srtt: Duration,
}

impl Rack {
    /// Nothing delivered yet; earlier connections may have seen reordering of some degree.
    pub(super) const fn new(iss: SeqNumber, resolution: Duration, earlier: Option<u16>) -> Self {
        let degree = match earlier {
            Some(degree) if degree > DEGREE_START => degree,
            Some(_) | None => DEGREE_START,
        };
        Self {
            latest: None,
            rtt: Duration::ZERO,
            fack: iss,
            reordering_seen: false,
            inherited: earlier.is_some(),
            degree,
            dsack_round: None,
            multiple: 1,
            persist: 0,
            resolution,
        }
    }

    /// Degree of reordering seen, in segments; DupThresh if none was.
    pub(super) const fn degree(&self) -> u16 {
        self.degree
    }

    /// Degree of reordering, if this connection or earlier ones have seen any.
    pub(super) fn degree_known(&self) -> Option<u16> {
        (self.reordering_seen || self.inherited).then_some(self.degree)
    }

    /// Degree of reordering, if this connection itself has seen any.
    pub(super) fn degree_seen(&self) -> Option<u16> {
        self.reordering_seen.then_some(self.degree)
    }

    /// A round trip was measured: it stands for RACK.rtt until something is delivered.
    pub(super) fn on_round_trip(&mut self, rtt: Duration) {
        if self.latest.is_none() {
            self.rtt = rtt;
        }
    }

    /// Steps 2 and 3: `sent` has been delivered. Call in ascending order of the numbers.
    ///
    /// `is_ambiguous` says that the timestamp echoed with a segment sent twice is that of an
    /// earlier transmission.
    pub(super) fn on_delivered(
        &mut self,
        now: Instant,
        sent: &Sent,
        min_rtt: Duration,
        is_ambiguous: bool,
        mss: u32,
    ) {
        self.note_order(sent, mss);
        let rtt = now.since(sent.sent_at);
        if sent.resent && (is_ambiguous || rtt < min_rtt) {
            return;
        }
        self.rtt = rtt;
        let newer =
            self.latest.is_none_or(|it| is_sent_after(sent.sent_at, sent.end, it.sent_at, it.end));
        if newer {
            let Sent { sent_at, end, resent, .. } = *sent;
            self.latest = Some(Latest { sent_at, end, resent });
        }
    }

    /// Step 3: an original that comes after what was sent later has been overtaken.
    fn note_order(&mut self, sent: &Sent, mss: u32) {
        if sent.end.after(self.fack) {
            self.fack = sent.end;
        } else if sent.end.before(self.fack) && !sent.resent {
            self.reordering_seen = true;
            let distance = self.fack.offset_from(sent.seq).div_ceil(mss.max(1));
            self.degree = self.degree.max(u16::try_from(distance).unwrap_or(u16::MAX));
        }
    }

    /// Step 4: the peer reports a duplicate. Widens the window once a round trip.
    pub(super) fn on_dsack(&mut self, una: SeqNumber, nxt: SeqNumber) {
        if self.dsack_round.is_some_and(|round| una.before(round)) {
            return;
        }
        self.dsack_round = Some(nxt);
        self.multiple = (self.multiple + 1).min(MULTIPLE_MAX);
        self.persist = PERSIST;
    }

    /// Step 4: a recovery is over.
    pub(super) fn on_recovered(&mut self) {
        self.persist = self.persist.saturating_sub(1);
        if self.persist == 0 {
            self.multiple = 1;
        }
    }

    /// A whole recovery was in vain: nothing was lost but the order. Step 3 cannot see that, for
    /// what was sent again tells nothing of order; without this the window would stay at zero.
    pub(super) fn on_spurious_recovery(&mut self) {
        self.reordering_seen = true;
    }

    /// What was sent again had not been lost: when its acknowledgement left the peer, nobody knows.
    pub(super) fn forget_resent(&mut self) {
        self.latest = self.latest.filter(|latest| !latest.resent);
    }

    /// Step 4: RACK.reo_wnd.
    pub(super) fn window(&self, path: &Path) -> Duration {
        let reorders = self.reordering_seen || self.inherited;
        if !reorders && (path.in_recovery || path.many_sacked) {
            return Duration::ZERO;
        }
        (path.min_rtt / 4).saturating_mul(u32::from(self.multiple)).min(path.srtt)
    }

    /// Step 5: when `sent` is lost if it has not come; `None` if nothing sent after it has come.
    pub(super) fn lost_at(&self, sent: &Sent, window: Duration) -> Option<Instant> {
        let latest = self.latest?;
        if !is_sent_after(latest.sent_at, latest.end, sent.sent_at, sent.end) {
            return None;
        }
        // Of two originals the numbers say which was sent first, whatever the clock.
        let by_numbers = window.is_zero() && !latest.resent && !sent.resent;
        let doubt = if by_numbers { Duration::ZERO } else { self.resolution };
        Some(sent.sent_at + self.rtt.saturating_add(window).saturating_add(doubt))
    }

    /// Section 6.3: whether `sent` has had its time when the retransmission timer expires.
    pub(super) fn is_overdue(&self, now: Instant, sent: &Sent, window: Duration) -> bool {
        sent.sent_at + self.rtt.saturating_add(window).saturating_add(self.resolution) <= now
    }

    /// What two readings of the clock may be wrong by.
    pub(super) const fn resolution(&self) -> Duration {
        self.resolution
    }
}

/// RACK_sent_after(): by time, and by number where times are equal.
fn is_sent_after(
    sent_at: Instant,
    end: SeqNumber,
    other_at: Instant,
    other_end: SeqNumber,
) -> bool {
    sent_at > other_at || (sent_at == other_at && end.after(other_end))
}

#[cfg(test)]
mod tests;
