//! Seventh, process the segment text; eighth, check the FIN bit: RFC 9293, section 3.10.7.4.

use crate::stack::stats::Stats;
use crate::time::Instant;
use crate::wire::{Segment, SeqNumber, Text};

use super::super::assembler::Inserted;
use super::super::connection::Connection;
use super::super::delayed_ack::Hurry;
use super::super::event::{CloseReason, Mark};
use super::super::state::State;
use super::super::timers::Timer;
use super::super::{byte_len, sequence_len};
use super::Discard;

impl Connection {
    /// Takes the part of the text that is new and inside the window, and notes the FIN behind it.
    pub(super) fn process_text(
        &mut self,
        now: Instant,
        seg: &Segment<'_>,
        stats: &mut Stats,
    ) -> Result<(), Discard> {
        if !self.state().takes_text() {
            return Ok(());
        }
        let (offset, text) = self.trim(seg);
        if text.is_empty() {
            // Old, or beyond a closed window: a probe, which is answered at once.
            if !seg.text.is_empty() {
                self.note_old_text(seg);
                self.acks.demand();
            }
        } else {
            self.figures.data_segs_in += 1;
            self.check_owner(now, seg)?;
            self.check_lease(now, seg)?;
            self.lease.on_peer_text();
            if self.ecn.on_text(seg) {
                self.acks.demand();
            }
            self.note_duplicate(seg, offset, sequence_len(text.len()));
            self.note_round(now, seg);
            self.take_text(now, offset, text, stats);
        }
        self.note_fin(seg);
        Ok(())
    }

    /// Eighth: the FIN counts once everything before it has come.
    pub(super) fn process_fin(&mut self, now: Instant) {
        let reached = self.rcv.fin == Some(self.rcv.nxt);
        if !reached || !self.state().takes_text() {
            return;
        }
        self.rcv.nxt += 1;
        if self.rcv.edge.before(self.rcv.nxt) {
            self.rcv.edge = self.rcv.nxt;
        }
        self.acks.demand();
        self.events.raise(Mark::PeerClosed);
        match self.state() {
            State::Established => self.enter(now, State::CloseWait),
            // Our FIN is not acknowledged: the fifth step would have gone on to FIN-WAIT-2.
            State::FinWait1 => self.enter(now, State::Closing),
            State::FinWait2 => self.enter(now, State::TimeWait),
            State::Closed
            | State::Listen
            | State::SynSent
            | State::SynReceived
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => unreachable!("checked above: takes text"),
        }
    }

    /// The new text inside the window, and how far after RCV.NXT it begins.
    fn trim<'a>(&self, seg: &Segment<'a>) -> (u32, Text<'a>) {
        let end = self.rcv.fin.unwrap_or(self.rcv.edge);
        let old = if seg.seq.before(self.rcv.nxt) { self.rcv.nxt.offset_from(seg.seq) } else { 0 };
        let start = seg.seq + old;
        let room = if start.before(end) { end.offset_from(start) } else { 0 };
        let text = seg.text.skip(byte_len(old)).take(byte_len(room));
        (start.offset_from(self.rcv.nxt), text)
    }

    /// Text after the owner has let go has no reader: the peer must hear of it (RFC 9293, section
    /// 3.6.1).
    fn check_owner(&mut self, now: Instant, seg: &Segment<'_>) -> Result<(), Discard> {
        if !self.orphaned {
            return Ok(());
        }
        self.unreported.abort_on_data += 1;
        self.pending.reset_open(seg.ack, self.rcv.nxt);
        self.fail(now, CloseReason::Aborted);
        Err(Discard::Done)
    }

    /// Text that the peer sent before it saw anything of this lease belongs to an earlier one: it
    /// is never delivered.
    fn check_lease(&mut self, now: Instant, seg: &Segment<'_>) -> Result<(), Discard> {
        if !self.lease.is_foreign(seg.ack, self.lease_acked()) {
            return Ok(());
        }
        self.events.raise(Mark::ForeignText);
        self.reset(now, CloseReason::ForeignText);
        Err(Discard::Done)
    }

    fn take_text(&mut self, now: Instant, offset: u32, text: Text<'_>, stats: &mut Stats) {
        let len = sequence_len(text.len());
        let had_early = self.assembler.has_early();
        self.acks.note_arrival(now, self.config.delayed_ack);
        let most = self.promised();
        match self.assembler.insert(offset, text, most) {
            Inserted::InOrder(bytes) => {
                self.rcv.nxt += bytes;
                self.figures.bytes_received += u64::from(bytes);
                self.events.raise(Mark::Readable);
                if had_early {
                    // It fills a hole: RFC 5681, section 4.2.
                    self.acks.demand();
                }
                if self.acks.on_text(len, self.rcv.mss) == Hurry::Later {
                    let delay = self.acks.delay(self.config.delayed_ack);
                    self.timers.set_if_stopped(Timer::DelayedAck, now + delay);
                }
            }
            Inserted::Early => {
                stats.ofo_queue += 1;
                self.acks.on_early();
            }
            Inserted::Dropped => {
                stats.rcv_pruned += 1;
                self.acks.on_early();
            }
        }
    }

    /// Notes the first part of the text that came before, to be reported at once: RFC 2883, section
    /// 4.2.
    fn note_duplicate(&mut self, seg: &Segment<'_>, offset: u32, len: u32) {
        if seg.seq.before(self.rcv.nxt) {
            return self.note_old_text(seg);
        }
        let overlap = self.assembler.overlap(offset, len).filter(|_| self.sack_permitted);
        if let Some((left, right)) = overlap {
            self.rcv.duplicate = Some((self.rcv.nxt + left, self.rcv.nxt + right));
            self.acks.demand();
        }
    }

    /// Notes the part of the text that stands before RCV.NXT: RFC 2883, section 4.1.
    pub(super) fn note_old_text(&mut self, seg: &Segment<'_>) {
        if !self.sack_permitted || seg.text.is_empty() || !seg.seq.before(self.rcv.nxt) {
            return;
        }
        let end = seg.seq + sequence_len(seg.text.len());
        let end = if end.after(self.rcv.nxt) { self.rcv.nxt } else { end };
        self.rcv.duplicate = Some((seg.seq, end));
        self.acks.demand();
    }

    /// Notes where the peer's FIN stands, if all text before it was inside the window. The first
    /// number stays: a stream has one end.
    fn note_fin(&mut self, seg: &Segment<'_>) {
        let fin: SeqNumber = seg.seq + sequence_len(seg.text.len());
        let in_window = fin.at_or_after(self.rcv.nxt) && fin.at_or_before(self.rcv.edge);
        if seg.flags.fin && in_window {
            self.rcv.fin.get_or_insert(fin);
            self.acks.demand();
        }
    }
}
