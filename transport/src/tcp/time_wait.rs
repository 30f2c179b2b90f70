//! TIME-WAIT in a compact form: RFC 9293, section 3.6.1; RFC 1337; RFC 6191.
//!
//! What is left of a connection after both FINs: enough to acknowledge a repeated FIN, to let old
//! segments die out, and to tell a new connection of the same tuple from an old SYN. A RST does not
//! end it (RFC 1337, fix F1), for an old duplicate might.

use crate::time::{Duration, Instant};
use crate::wire::{Ecn, Flags, Options, Segment, SeqNumber, Text, Timestamps};

use super::timestamps::{clock, is_older};

/// Least time between two answers to segments that carry nothing, so that two TIME-WAITs do not
/// answer each other for ever. Linux's number.
const ANSWER_INTERVAL: Duration = Duration::from_millis(500);

/// After this long the timestamps of a new connection are newer than all of the old one: one tick
/// of the slowest clock a peer may have (RFC 7323, section 5.4).
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// How far a reopened connection's ISN lies above the old one's last number: out of reach of a
/// window without scaling, as in Linux.
const ISN_GAP: u32 = 65_535 + 2;

/// The record, at most 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWait {
    expires: Instant,
    begun: Instant,
    /// When a segment was last answered.
    answered: Option<Instant>,
    snd_nxt: SeqNumber,
    rcv_nxt: SeqNumber,
    /// TS.Recent and our clock's offset.
    timestamps: Option<(u32, u32)>,
    window: u16,
}

/// What to do about a segment that came for a TIME-WAIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Ignore,
    /// Send this.
    Reply(Segment<'static>),
    /// It is a SYN of a new connection, and safe: forget the record, and treat the SYN as a
    /// listener would, with [`TimeWait::next_isn`].
    Reopen,
}

/// What is left of a connection that reaches TIME-WAIT.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remains {
    pub(super) snd_nxt: SeqNumber,
    pub(super) rcv_nxt: SeqNumber,
    pub(super) timestamps: Option<(u32, u32)>,
    pub(super) window: u16,
}

impl TimeWait {
    /// TIME-WAIT begun at `begun`, until `expires`.
    pub(super) const fn new(begun: Instant, expires: Instant, remains: Remains) -> Self {
        let Remains { snd_nxt, rcv_nxt, timestamps, window } = remains;
        Self { expires, begun, answered: None, snd_nxt, rcv_nxt, timestamps, window }
    }

    /// When the record may be forgotten.
    #[must_use]
    pub const fn expires(&self) -> Instant {
        self.expires
    }

    /// Takes in a segment for this tuple.
    pub fn handle_segment(&mut self, now: Instant, seg: &Segment<'_>) -> Verdict {
        if seg.flags.rst {
            return Verdict::Ignore;
        }
        if seg.flags.syn && !seg.flags.ack {
            return if self.is_new_connection(seg) { Verdict::Reopen } else { Verdict::Ignore };
        }
        let is_old = self.is_old(seg);
        if seg.flags.fin && seg.seq + seg.len() == self.rcv_nxt && !is_old {
            self.restart(now);
            return Verdict::Reply(self.acknowledgement(now));
        }
        if !is_old && seg.len() == 0 && seg.seq == self.rcv_nxt {
            return Verdict::Ignore;
        }
        if seg.text.is_empty() && !self.may_answer(now) {
            return Verdict::Ignore;
        }
        Verdict::Reply(self.acknowledgement(now))
    }

    /// The ISN for a connection that follows this one: `candidate`, unless it is not safely above
    /// the old numbers (RFC 9293, section 3.6.1, MAY-2).
    #[must_use]
    pub fn next_isn(&self, candidate: SeqNumber) -> SeqNumber {
        let floor = self.snd_nxt + ISN_GAP;
        if candidate.after(floor) { candidate } else { floor }
    }

    /// Whether both ends used timestamps, so that a SYN of ours can be told from the old segments.
    #[must_use]
    pub const fn has_timestamps(&self) -> bool {
        self.timestamps.is_some()
    }

    /// Whether we may open a connection of this tuple ourselves: with timestamps, and once all that
    /// we send has newer ones than all that we have sent, answers of TIME-WAIT included (RFC 6191,
    /// section 3; RFC 7323, appendix B.2).
    #[must_use]
    pub fn may_reconnect(&self, now: Instant) -> bool {
        let is_newer = |answered: Instant| answered.as_millis() < now.as_millis();
        self.has_timestamps()
            && now.since(self.begun) >= RECONNECT_AFTER
            && self.answered.is_none_or(is_newer)
    }

    /// RFC 6191, section 2: the SYN is newer by its timestamp; without one, by its number.
    fn is_new_connection(&self, seg: &Segment<'_>) -> bool {
        let newer_number = seg.seq.at_or_after(self.rcv_nxt);
        match (self.timestamps, seg.options.timestamps) {
            (Some((recent, _)), Some(Timestamps { value, .. })) => {
                is_older(recent, value) || (recent == value && newer_number)
            }
            (None, Some(_)) => true,
            (Some(_) | None, None) => newer_number,
        }
    }

    /// PAWS: RFC 7323, section 5.3.
    fn is_old(&self, seg: &Segment<'_>) -> bool {
        match (self.timestamps, seg.options.timestamps) {
            (Some((recent, _)), Some(Timestamps { value, .. })) => is_older(value, recent),
            (None, _) | (_, None) => false,
        }
    }

    /// A repeated FIN restarts 2 MSL: RFC 9293, section 3.10.7.4, eighth step.
    fn restart(&mut self, now: Instant) {
        let length = self.expires.since(self.begun);
        self.begun = now;
        self.expires = now + length;
    }

    fn may_answer(&self, now: Instant) -> bool {
        self.answered.is_none_or(|last| now.since(last) >= ANSWER_INTERVAL)
    }

    fn acknowledgement(&mut self, now: Instant) -> Segment<'static> {
        self.answered = Some(now);
        let timestamps = self
            .timestamps
            .map(|(recent, offset)| Timestamps { value: clock(now, offset), echo: recent });
        Segment {
            seq: self.snd_nxt,
            ack: self.rcv_nxt,
            flags: Flags::ACK,
            window: self.window,
            urgent: 0,
            options: Options { timestamps, ..Options::default() },
            ecn: Ecn::NotEct,
            text: Text::EMPTY,
        }
    }
}

#[cfg(test)]
mod tests;
