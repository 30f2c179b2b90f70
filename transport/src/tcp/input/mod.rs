//! SEGMENT ARRIVES: RFC 9293, section 3.10.7, one file per part of it.
//!
//! CLOSED is `closed`, LISTEN `listen`, SYN-SENT `syn_sent`; `other_states` has the eight steps, of
//! which the fifth fills `ack` and the seventh and eighth `text`. A step lets the segment pass on
//! or ends its processing with a discard, which says what it has earned.

mod ack;
pub mod closed;
mod listen;
mod other_states;
mod syn_sent;
mod text;

use crate::stack::stats::Stats;
use crate::time::Instant;
use crate::wire::Segment;

use super::connection::Connection;
use super::state::State;
use super::time_wait::Verdict;

/// Why the processing of a segment ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Discard {
    /// Outside the window: answered, so that a peer which is behind catches up; one without text
    /// within the budget alone, so that two ends do not answer each other for ever.
    OutOfWindow { has_text: bool },
    /// PAWS: answered likewise.
    Old { has_text: bool },
    /// A reset that does not stand at RCV.NXT: challenged in the window (RFC 5961, section 3.2).
    Reset { in_window: bool },
    /// A SYN on a synchronized connection: challenged (RFC 5961, section 4.2).
    Syn,
    /// Acknowledges what was never sent, or long ago: challenged (RFC 5961, section 5.2).
    Ack,
    /// Acknowledges nothing. Earns nothing, as all that follow.
    NoAck,
    /// Lacks the timestamp that was agreed on.
    NoTimestamp,
    /// Means nothing in SYN-SENT.
    InSynSent,
    /// Means nothing in TIME-WAIT.
    InTimeWait,
    /// The connection is closed.
    Closed,
    /// It has been dealt with: a reset that counted, or a segment that was answered by one.
    Done,
}

impl Connection {
    pub(super) fn segment_arrives(&mut self, now: Instant, seg: &Segment<'_>, stats: &mut Stats) {
        let result = match self.state() {
            State::Closed | State::Listen => Err(Discard::Closed),
            State::SynSent => self.syn_sent(now, seg, stats),
            State::TimeWait => self.in_time_wait(now, seg),
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck => self.other_states(now, seg, stats),
        };
        if let Err(discard) = result {
            self.discard(now, discard, stats);
        }
    }

    /// Gives a segment that went no further what it has earned.
    fn discard(&mut self, now: Instant, discard: Discard, stats: &mut Stats) {
        let count = match discard {
            Discard::OutOfWindow { .. } => &mut stats.discarded_out_of_window,
            Discard::Old { .. } => &mut stats.paws_estab,
            Discard::Reset { .. } => &mut stats.discarded_rsts,
            Discard::Syn => &mut stats.syn_challenge,
            Discard::Ack => &mut stats.discarded_acks,
            Discard::NoAck => &mut stats.discarded_no_ack,
            Discard::NoTimestamp => &mut stats.discarded_no_timestamp,
            Discard::InSynSent => &mut stats.discarded_in_syn_sent,
            Discard::InTimeWait => &mut stats.discarded_in_time_wait,
            Discard::Closed => &mut stats.discarded_closed,
            Discard::Done => return,
        };
        *count += 1;
        match discard {
            Discard::OutOfWindow { has_text } | Discard::Old { has_text } => {
                self.answer(now, has_text);
            }
            Discard::Reset { in_window: true } | Discard::Syn | Discard::Ack => {
                self.challenge(now, stats);
            }
            Discard::Reset { in_window: false }
            | Discard::NoAck
            | Discard::NoTimestamp
            | Discard::InSynSent
            | Discard::InTimeWait
            | Discard::Closed
            | Discard::Done => {}
        }
    }

    /// Answers what may be an attack, within the budget: RFC 5961.
    fn challenge(&mut self, now: Instant, stats: &mut Stats) {
        if self.challenges.spend(now) {
            stats.challenge_acks += 1;
            self.acks.demand();
        }
    }

    /// Answers an old segment: one with text whatever the budget, for its sender waits.
    fn answer(&mut self, now: Instant, has_text: bool) {
        if has_text || self.challenges.spend(now) {
            self.acks.demand();
        }
    }

    /// TIME-WAIT, by its record. A connection may be reopened only by whoever has the listener, so
    /// here a new SYN is ignored.
    fn in_time_wait(&mut self, now: Instant, seg: &Segment<'_>) -> Result<(), Discard> {
        let Some(record) = &mut self.remains else { return Err(Discard::InTimeWait) };
        match record.handle_segment(now, seg) {
            Verdict::Reply(_) => {
                let expires = record.expires();
                self.timers.set(super::timers::Timer::TimeWait, expires);
                self.acks.demand();
                Ok(())
            }
            Verdict::Ignore | Verdict::Reopen => Err(Discard::InTimeWait),
        }
    }
}
