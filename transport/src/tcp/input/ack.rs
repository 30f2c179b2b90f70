//! Fifth, check the ACK field: RFC 9293, section 3.10.7.4; RFC 5961, section 5.

use crate::stack::stats::Stats;
use crate::time::Instant;
use crate::wire::{Segment, SeqNumber};

use super::super::congestion::Congested;
use super::super::connection::Connection;
use super::super::event::{CloseReason, Mark};
use super::super::loss::Delivery;
use super::super::state::State;
use super::super::timers::Timer;
use super::super::{byte_len, sequence_len};
use super::Discard;

impl Connection {
    pub(super) fn process_ack(
        &mut self,
        now: Instant,
        seg: &Segment<'_>,
        stats: &mut Stats,
    ) -> Result<(), Discard> {
        if !seg.flags.ack {
            return Err(Discard::NoAck);
        }
        if self.state() == State::SynReceived {
            self.complete_passive_open(now, seg)?;
        } else if !self.snd.is_plausible_ack(seg.ack) {
            return Err(Discard::Ack);
        }
        self.on_heard(now, seg);
        self.take_ece(now, seg);
        let echo = seg.options.timestamps.map(|ts| ts.echo);
        let mut delivery = Delivery::new(echo);
        delivery.dsack = self.reported_duplicate(seg);
        if seg.ack.after(self.snd.una) {
            self.advance_una(now, seg, &mut delivery);
        }
        self.take_sack(now, seg, &mut delivery);
        delivery.duplicate = delivery.acked == 0 && self.is_duplicate(seg);
        self.on_acknowledgement(now, &mut delivery, stats);
        if delivery.acked > 0 {
            self.on_progress(now);
        }
        self.take_window(now, seg);
        self.check_gap(seg);
        self.check_answer(seg);
        self.after_fin_acked(now)
    }

    /// SYN-RECEIVED: an acceptable acknowledgement opens the connection, any other is reset.
    fn complete_passive_open(&mut self, now: Instant, seg: &Segment<'_>) -> Result<(), Discard> {
        if !(seg.ack.after(self.snd.una) && seg.ack.at_or_before(self.snd.nxt)) {
            self.pending.reset_bare(seg.ack);
            return Err(Discard::Done);
        }
        self.snd.on_syn_acked();
        self.snd.set_window(seg.seq, seg.ack, u32::from(seg.window) << self.snd.shift);
        self.on_syn_acked(now, seg.options.timestamps.map(|ts| ts.echo));
        self.enter(now, State::Established);
        Ok(())
    }

    /// SEG.ACK is above SND.UNA: what it covers has arrived.
    fn advance_una(&mut self, now: Instant, seg: &Segment<'_>, delivery: &mut Delivery) {
        delivery.acked = seg.ack.offset_from(self.snd.una);
        let text = byte_len(self.text_within(seg.ack));
        self.send_buffer.release(text);
        if text > 0 && self.send_buffer.is_empty() {
            self.figures.stop_being_busy(now);
        }
        self.figures.bytes_acked += u64::from(sequence_len(text));
        self.snd.una = seg.ack;
        if self.snd.nxt.before(seg.ack) {
            // The byte of a window probe was taken.
            self.snd.nxt = seg.ack;
        }
        self.deliver_acked(now, delivery);
    }

    /// Bytes of text from SND.UNA up to `ack`: without our FIN.
    fn text_within(&self, ack: SeqNumber) -> u32 {
        let acked = ack.offset_from(self.snd.first_byte());
        let fin_covered =
            self.snd.fin.is_some_and(|fin| ack.after(fin) && self.snd.una.at_or_before(fin));
        acked - u32::from(fin_covered)
    }

    /// Something has arrived: what waits for progress starts anew.
    fn on_progress(&mut self, now: Instant) {
        if let Some(timeout) = self.config.user_timeout {
            if self.send_buffer.is_empty() {
                self.timers.stop(Timer::User);
            } else {
                self.timers.set(Timer::User, now + timeout);
            }
        }
        if self.unsent() == 0 {
            self.timers.stop(Timer::Persist);
        }
        if self.orphaned && self.timers.is_armed(Timer::Orphan) {
            self.restart_orphan_timer(now);
        }
        if self.send_buffer.is_empty() && self.snd.flight() == 0 {
            self.events.raise(Mark::Acknowledged);
        }
        self.size_send_buffer();
        // A third of the buffer: few wake-ups, and the path does not run dry meanwhile.
        if self.write_blocked && self.send_buffer.room() >= self.send_buffer.limit().div_ceil(3) {
            self.write_blocked = false;
            self.events.raise(Mark::Writable);
        }
    }

    /// A duplicate acknowledgement, by the definition of RFC 5681, section 2. Whoever answers our
    /// probes of a closed window repeats itself too, and reports no loss.
    fn is_duplicate(&self, seg: &Segment<'_>) -> bool {
        let window = u32::from(seg.window) << self.snd.shift;
        seg.ack == self.snd.una
            && self.snd.flight() > 0
            && seg.text.is_empty()
            && !seg.flags.fin
            && window == self.snd.wnd
            && window > 0
    }

    /// Takes in what the segment reports above SND.UNA, in the order of the numbers, as it left.
    /// What lies outside of what is out is ignored.
    fn take_sack(&mut self, now: Instant, seg: &Segment<'_>, delivery: &mut Delivery) {
        if !self.sack_permitted || seg.options.sack.is_empty() {
            return;
        }
        let (una, nxt) = (self.snd.una, self.snd.nxt);
        let is_ours = |(left, right): &(SeqNumber, SeqNumber)| {
            left.before(*right)
                && left.at_or_after(seg.ack)
                && left.at_or_after(una)
                && right.at_or_before(nxt)
        };
        let mut reached = una;
        for _ in 0..seg.options.sack.len() {
            let blocks = seg.options.sack.iter().filter(is_ours);
            let above = blocks.filter(|(left, _)| left.at_or_after(reached));
            let Some(block) = above.min_by_key(|(left, _)| left.offset_from(una)) else { return };
            self.lease.on_sack(block.1);
            self.deliver_sacked(now, delivery, block);
            reached = block.0 + 1;
        }
    }

    /// The duplicate that the first block reports: it lies below the acknowledgement, or inside the
    /// second block. RFC 2883, section 4.
    fn reported_duplicate(&self, seg: &Segment<'_>) -> Option<(SeqNumber, SeqNumber)> {
        if !self.sack_permitted {
            return None;
        }
        let mut blocks = seg.options.sack.iter();
        let (left, right) = blocks.next()?;
        let oldest = self.snd.una - self.snd.max_wnd;
        if !left.before(right) || right.after(self.snd.nxt) || left.before(oldest) {
            return None;
        }
        let is_below = right.at_or_before(seg.ack);
        let is_inside = blocks
            .next()
            .is_some_and(|(from, to)| left.at_or_after(from) && right.at_or_before(to));
        (is_below || is_inside).then_some((left, right))
    }

    /// The peer reports congestion on our way to it: RFC 3168, section 6.1.2. If the window cannot
    /// be smaller, the next segment waits for the retransmission timer.
    fn take_ece(&mut self, now: Instant, seg: &Segment<'_>) {
        if !self.ecn.is_echo(seg.flags) || seg.ack.before(self.snd.una) {
            return;
        }
        let (flight, nxt) = (self.snd.flight(), self.snd.nxt);
        if self.congestion.on_ecn_echo(&Congested { flight, una: seg.ack, nxt }) {
            self.hold_text(now);
        }
    }

    /// The peer's window. If it opens, what waited for it may go; if it stays closed but the peer
    /// answers, the connection is not given up (RFC 9293, section 3.8.6.1, MUST-37).
    fn take_window(&mut self, now: Instant, seg: &Segment<'_>) {
        if seg.ack.before(self.snd.una) {
            return;
        }
        let window = u32::from(seg.window) << self.snd.shift;
        let was_closed = self.snd.wnd == 0;
        let updated = self.snd.update_window(seg.seq, seg.ack, window);
        if self.snd.wnd == 0 {
            self.recovery.retries = 0;
            return;
        }
        self.persist_backoff = 0;
        if was_closed {
            self.recovery.on_window_opened();
        }
        if updated && self.timers.is_armed(Timer::Persist) && self.snd.window_left() > 0 {
            self.pending.window_probe = false;
            self.timers.set(Timer::Persist, now + self.rtt.rto());
        }
    }

    /// Whatever the segment carries, if it begins beyond RCV.NXT, its sender has sent what has not
    /// come. One whose text waits behind the gap already has said so.
    fn check_gap(&mut self, seg: &Segment<'_>) {
        if seg.seq.after(self.rcv.nxt) && !self.assembler.has_early() {
            self.events.raise(Mark::Gap);
        }
    }

    /// The answer to a repeated last byte: nothing is under way in either direction.
    fn check_answer(&mut self, seg: &Segment<'_>) {
        let settled = seg.seq == self.rcv.nxt
            && seg.ack == self.snd.nxt
            && seg.text.is_empty()
            && !seg.flags.fin;
        if self.lease.awaits_answer && !self.pending.repeat && settled {
            self.lease.awaits_answer = false;
            self.events.raise(Mark::Answered);
        }
    }

    /// Our FIN is acknowledged: FIN-WAIT-1 goes on to FIN-WAIT-2, CLOSING to TIME-WAIT, LAST-ACK to
    /// CLOSED. An acknowledgement that does not cover it moves nothing.
    fn after_fin_acked(&mut self, now: Instant) -> Result<(), Discard> {
        if !self.snd.fin_acked() {
            return Ok(());
        }
        match self.state() {
            State::FinWait1 => self.enter(now, State::FinWait2),
            State::Closing => {
                self.enter(now, State::TimeWait);
                return Err(Discard::Done);
            }
            State::LastAck => {
                self.fail(now, CloseReason::Normal);
                return Err(Discard::Done);
            }
            State::Closed
            | State::Listen
            | State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait2
            | State::CloseWait
            | State::TimeWait => {}
        }
        Ok(())
    }
}
