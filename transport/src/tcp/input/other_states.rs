//! SEGMENT ARRIVES, other states: RFC 9293, section 3.10.7.4. The first, second and fourth step.

use crate::stack::stats::Stats;
use crate::time::Instant;
use crate::wire::{Flags, Segment};

use super::super::connection::Connection;
use super::super::event::CloseReason;
use super::super::state::State;
use super::Discard;

impl Connection {
    /// First to eighth in the RFC's order; each lets the segment pass on or ends its processing
    /// with the reply it has earned. The third (security) and sixth (urgent) have nothing to do:
    /// appendix A.1, RFC 6093. Trimming waits for the seventh, so that a reset is judged by the
    /// number it carried.
    pub(super) fn other_states(
        &mut self,
        now: Instant,
        seg: &Segment<'_>,
        stats: &mut Stats,
    ) -> Result<(), Discard> {
        if let Some(completed) = self.as_simultaneous_syn_ack(seg) {
            return self.after_sequence_check(now, &completed, stats);
        }
        self.check_timestamps(now, seg)?;
        self.check_sequence(seg)?;
        self.check_reset(now, seg)?;
        self.check_syn(seg)?;
        self.after_sequence_check(now, seg, stats)
    }

    /// Fifth to eighth.
    fn after_sequence_check(
        &mut self,
        now: Instant,
        seg: &Segment<'_>,
        stats: &mut Stats,
    ) -> Result<(), Discard> {
        self.process_ack(now, seg, stats)?;
        self.process_text(now, seg, stats)?;
        self.process_fin(now);
        Ok(())
    }

    /// In a simultaneous open the peer's SYN-ACK repeats its SYN, which the sequence check would
    /// find old (appendix A.2). Without the SYN it is what completes the handshake.
    fn as_simultaneous_syn_ack<'a>(&self, seg: &Segment<'a>) -> Option<Segment<'a>> {
        let completes = self.state() == State::SynReceived
            && seg.flags.syn
            && seg.flags.ack
            && !seg.flags.rst
            && seg.seq == self.rcv.irs
            && seg.ack == self.snd.nxt;
        completes.then(|| Segment {
            seq: seg.seq + 1,
            flags: Flags { syn: false, ..seg.flags },
            ..*seg
        })
    }

    /// PAWS, before the first step: RFC 7323, section 5.3, R1. A segment without the option, on a
    /// connection that has it, is dropped: section 3.2.
    fn check_timestamps(&self, now: Instant, seg: &Segment<'_>) -> Result<(), Discard> {
        let Some(state) = self.timestamps.as_ref().filter(|_| !seg.flags.rst) else {
            return Ok(());
        };
        match seg.options.timestamps {
            Some(ts) if state.is_old(now, ts.value) => {
                Err(Discard::Old { has_text: carries_text(seg) })
            }
            // A peer that has restarted may not know of timestamps: its SYN has to be challenged.
            None if !seg.flags.syn => Err(Discard::NoTimestamp),
            Some(_) | None => Ok(()),
        }
    }

    /// First, check sequence number.
    ///
    /// A reset is left to the second step, which asks more. A repeated SYN in SYN-RECEIVED means
    /// that our SYN-ACK was lost, or is late: it goes out again.
    fn check_sequence(&mut self, seg: &Segment<'_>) -> Result<(), Discard> {
        if seg.flags.rst || self.rcv.is_acceptable(seg.seq, seg.len()) {
            return Ok(());
        }
        let repeated_syn = seg.flags.syn && !seg.flags.ack && seg.seq == self.rcv.irs;
        if self.state() == State::SynReceived && repeated_syn {
            self.pending.syn = true;
            return Err(Discard::Done);
        }
        self.note_old_text(seg);
        Err(Discard::OutOfWindow { has_text: carries_text(seg) })
    }

    /// Second, check the RST bit; RFC 5961, section 3.2.
    ///
    /// Only RCV.NXT itself resets. Any other number in the window draws a challenge ACK, so a blind
    /// attacker has to hit one number in 2^32 rather than any number in the window.
    fn check_reset(&mut self, now: Instant, seg: &Segment<'_>) -> Result<(), Discard> {
        if !seg.flags.rst {
            return Ok(());
        }
        if seg.seq == self.rcv.nxt || self.is_from_before_fin(seg) {
            self.on_reset(now, seg);
            return Err(Discard::Done);
        }
        Err(Discard::Reset { in_window: self.rcv.contains(seg.seq) })
    }

    /// Whether a reset stands at RCV.NXT - 1 after the peer's FIN: it was sent in answer to a
    /// segment of ours that crossed the FIN, with the number from before it. Linux accepts it too.
    fn is_from_before_fin(&self, seg: &Segment<'_>) -> bool {
        let after_fin = matches!(self.state(), State::CloseWait | State::LastAck | State::Closing);
        after_fin && seg.seq == self.rcv.nxt - 1
    }

    fn on_reset(&mut self, now: Instant, seg: &Segment<'_>) {
        self.lease.judge_reset(seg, self.snd.una);
        match self.state() {
            State::SynReceived if !self.passive => self.fail(now, CloseReason::Refused),
            // Both have finished: nothing is lost by the peer's haste.
            State::Closing | State::LastAck if self.send_buffer.is_empty() => {
                self.fail(now, CloseReason::Normal);
            }
            State::Closed
            | State::Listen
            | State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => self.fail(now, CloseReason::ResetByPeer),
        }
    }

    /// Fourth, check the SYN bit; RFC 5961, section 4.2. Whatever its number, it is challenged: a
    /// peer that has restarted answers with a reset.
    fn check_syn(&mut self, seg: &Segment<'_>) -> Result<(), Discard> {
        if seg.flags.syn { Err(Discard::Syn) } else { Ok(()) }
    }

    /// The segment is the peer's, by both its numbers: it is alive, and its timestamp may be echoed
    /// (RFC 7323, section 5.3, R3).
    pub(super) fn on_heard(&mut self, now: Instant, seg: &Segment<'_>) {
        let silent_for = now.since(self.heard_at);
        self.heard_at = now;
        self.probes = 0;
        self.soft_error = false;
        if !seg.text.is_empty() && silent_for > self.rtt.rto() {
            self.acks.on_idle();
        }
        if let (Some(state), Some(ts)) = (&mut self.timestamps, seg.options.timestamps) {
            state.on_segment(now, ts.value, seg.seq, self.acks.last_sent);
        }
    }
}

/// Whether somebody waits for the segment's acknowledgement.
fn carries_text(seg: &Segment<'_>) -> bool {
    !seg.text.is_empty() || seg.flags.fin
}
