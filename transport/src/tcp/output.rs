//! What leaves next, one function per reason, in the order of their urgency.
//!
//! Each `plan_*` only decides; [`Connection::on_leaving`] changes what has changed once a segment
//! leaves; the text is lent from the send buffer. Sender's silly-window avoidance is RFC 9293,
//! section 3.8.6.2.1; Nagle section 3.7.4; probes section 3.8.6.1.

use crate::stack::stats::Stats;
use crate::time::Instant;
use crate::wire::{Ecn, Flags, Options, SackBlocks, Segment, SeqNumber, Text};

use super::connection::{Connection, LastByte};
use super::state::State;
use super::timers::Timer;
use super::{byte_len, sequence_len};

/// What is to leave beside text and acknowledgements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pending {
    /// A SYN or SYN-ACK.
    pub(super) syn: bool,
    /// A reset.
    reset: Option<Reset>,
    /// A probe of a closed window.
    pub(super) window_probe: bool,
    /// Text that silly-window avoidance held back for too long.
    pub(super) override_silly: bool,
    /// The last byte again.
    pub(super) repeat: bool,
    /// A keepalive probe.
    pub(super) keepalive: bool,
}

/// A reset that is to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reset {
    seq: SeqNumber,
    ack: Option<SeqNumber>,
}

impl Pending {
    /// Answers a segment that acknowledges what we never sent: `<SEQ=SEG.ACK><CTL=RST>`.
    pub(super) fn reset_bare(&mut self, seq: SeqNumber) {
        self.reset = Some(Reset { seq, ack: None });
    }

    /// Ends an open connection: `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>`.
    pub(super) fn reset_open(&mut self, seq: SeqNumber, ack: SeqNumber) {
        self.reset = Some(Reset { seq, ack: Some(ack) });
    }

    /// Forgets everything but a reset.
    pub(super) fn stop_but_reset(&mut self) {
        *self = Self { reset: self.reset, ..Self::default() };
    }
}

/// Why a segment leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Reset { ack: Option<SeqNumber> },
    Syn,
    Resend,
    Fresh,
    WindowProbe,
    Repeat,
    Keepalive,
    Ack,
}

/// A segment that is decided upon.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    reason: Reason,
    seq: SeqNumber,
    /// Bytes of text.
    len: u32,
    fin: bool,
}

impl Leaving {
    fn bare(reason: Reason, seq: SeqNumber) -> Self {
        Self { reason, seq, len: 0, fin: false }
    }

    /// Whether the peer takes its acknowledgement: it drops what stands before its window,
    /// acknowledgement and all, and a SYN's and a reset's say something else.
    fn gives_ack(&self) -> bool {
        match self.reason {
            Reason::Resend | Reason::Fresh | Reason::WindowProbe | Reason::Ack => true,
            Reason::Reset { .. } | Reason::Syn | Reason::Repeat | Reason::Keepalive => false,
        }
    }

    /// Number after its last.
    fn end(&self) -> SeqNumber {
        self.seq + self.len + u32::from(self.fin)
    }
}

impl Connection {
    /// The next segment that is due; its text is borrowed from the send buffer. Call until `None`.
    pub fn poll_transmit(&mut self, now: Instant, stats: &mut Stats) -> Option<Segment<'_>> {
        self.report(stats);
        self.restart_after_idle(now);
        self.pace(now);
        self.choose_mtu_probe(now);
        let options = self.options(now);
        let Some(leaving) = self.plan(&options) else {
            self.arm_persist(now);
            return None;
        };
        if leaving.len > 0 {
            self.path_mtu.on_sent(leaving.len + sequence_len(options.len()));
        }
        self.on_leaving(now, &leaving, stats);
        let header = self.header(now, &leaving, options, stats);
        Some(Segment { text: self.text_of(&leaving), ..header })
    }

    /// The most urgent segment that may leave.
    fn plan(&self, options: &Options) -> Option<Leaving> {
        if let Some(Reset { seq, ack }) = self.pending.reset {
            return Some(Leaving::bare(Reason::Reset { ack }, seq));
        }
        if self.state() == State::Closed {
            return None;
        }
        if self.pending.syn {
            return Some(Leaving::bare(Reason::Syn, self.snd.iss));
        }
        if self.state() == State::SynSent {
            return None;
        }
        let room = self.segment_room(options);
        self.plan_resend(room)
            .or_else(|| self.plan_loss_probe(room))
            .or_else(|| self.plan_mtu_probe(options))
            .or_else(|| self.plan_text(room))
            .or_else(|| self.plan_window_probe())
            .or_else(|| self.plan_repeat())
            .or_else(|| self.plan_bare())
    }

    /// What is taken for lost. The first unacknowledged segment leaves whatever the windows say;
    /// what follows it as they allow.
    fn plan_resend(&self, room: u32) -> Option<Leaving> {
        let (seq, end) = self.recovery.next_lost()?;
        let text_end = self.snd.text_end();
        let text_stop = if end.after(text_end) { text_end } else { end };
        let text_left = if seq.before(text_stop) { text_stop.offset_from(seq) } else { 0 };
        let first = seq == self.snd.una;
        if !first && self.is_mtu_trial_out() {
            return None;
        }
        let room = if first { self.first_room(room) } else { room };
        let allowed = if first {
            self.snd.wnd.max(1)
        } else {
            let window_left = self.snd.wnd.saturating_sub(seq.offset_from(self.snd.una));
            self.congestion_left().min(window_left)
        };
        let len = text_left.min(room).min(allowed);
        let fin = self.snd.fin_sent() && end.after(text_end) && seq + len == text_end;
        let worthwhile = fin || (len > 0 && (first || len == text_left.min(room)));
        worthwhile.then_some(Leaving { reason: Reason::Resend, seq, len, fin })
    }

    /// A tail loss probe: new text, if the peer has room for it; or the last segment again. RFC
    /// 8985, section 7.3.
    fn plan_loss_probe(&self, room: u32) -> Option<Leaving> {
        if !self.recovery.probe.due || self.snd.flight() == 0 {
            return None;
        }
        let unsent = self.unsent();
        let len = unsent.min(room).min(self.window_left());
        if !self.is_held() && self.state().may_send_text() && len > 0 {
            let fin = self.snd.fin.is_some() && len == unsent;
            return Some(Leaving { reason: Reason::Fresh, seq: self.snd.nxt, len, fin });
        }
        let last = self.recovery.probe.last();
        let seq = if last.before(self.snd.una) { self.snd.una } else { last };
        let text_end = self.snd.text_end();
        let text_left = if seq.before(text_end) { text_end.offset_from(seq) } else { 0 };
        let len = text_left.min(room);
        let fin = self.snd.fin_sent() && len == text_left;
        Some(Leaving { reason: Reason::Resend, seq, len, fin })
    }

    /// New text in a segment larger than the path is known to carry: RFC 4821, section 7.5.
    fn plan_mtu_probe(&self, options: &Options) -> Option<Leaving> {
        let len = self.mtu_probe_len(options)?;
        Some(Leaving { reason: Reason::Fresh, seq: self.snd.nxt, len, fin: false })
    }

    /// New text, and the FIN behind the last of it.
    fn plan_text(&self, room: u32) -> Option<Leaving> {
        if self.is_held() || !self.state().may_send_text() || self.recovery.next_lost().is_some() {
            return None;
        }
        let unsent = self.unsent();
        let fin_unsent = self.snd.fin.is_some() && !self.snd.fin_sent();
        let len = unsent.min(room).min(self.window_left()).min(self.congestion_left());
        let last = len == unsent;
        let fin = fin_unsent && last;
        let worthwhile = fin || (len > 0 && self.is_worth_sending(len, last, room));
        worthwhile.then_some(Leaving { reason: Reason::Fresh, seq: self.snd.nxt, len, fin })
    }

    /// Silly-window avoidance and Nagle: a full segment; the last of what is written, if nothing
    /// small is out; half of the largest window; or whatever fits, once the override timer has
    /// passed.
    fn is_worth_sending(&self, len: u32, last: bool, room: u32) -> bool {
        let fills_window = len == self.window_left();
        len == room
            || (last && (!self.config.nagle || self.snd.flight() == 0))
            || (fills_window && len >= self.snd.max_wnd.div_ceil(2))
            || self.pending.override_silly
    }

    /// One byte into a closed window, or nothing if it has opened meanwhile. Nothing may be out:
    /// that would have its own timer.
    fn plan_window_probe(&self) -> Option<Leaving> {
        let due = self.pending.window_probe && self.unsent() > 0 && self.snd.flight() == 0;
        due.then_some(Leaving {
            reason: Reason::WindowProbe,
            seq: self.snd.nxt,
            len: 1,
            fin: false,
        })
    }

    fn plan_repeat(&self) -> Option<Leaving> {
        let (seq, _) = self.last_sent_byte().filter(|_| self.pending.repeat)?;
        Some(Leaving { reason: Reason::Repeat, seq, len: 1, fin: false })
    }

    /// A keepalive probe, one number before what the peer expects; or an acknowledgement.
    fn plan_bare(&self) -> Option<Leaving> {
        if self.pending.keepalive {
            return Some(Leaving::bare(Reason::Keepalive, self.snd.nxt - 1));
        }
        self.acks.is_due_now().then(|| Leaving::bare(Reason::Ack, self.snd.bare_seq()))
    }

    /// What follows from the decision.
    fn on_leaving(&mut self, now: Instant, leaving: &Leaving, stats: &mut Stats) {
        self.count_leaving(leaving, stats);
        self.lease.on_leaving(leaving.len, self.rcv.nxt);
        let is_probe = self.recovery.probe.due;
        match leaving.reason {
            Reason::Reset { .. } => self.pending.reset = None,
            Reason::Syn => self.on_syn_leaving(now),
            Reason::Resend => self.on_resend_leaving(now, leaving, stats),
            Reason::Fresh => self.on_text_leaving(now, leaving),
            Reason::WindowProbe => {
                self.pending.window_probe = false;
                self.snd.max = self.snd.nxt + 1;
                self.note_text_leaving(now, leaving);
            }
            Reason::Repeat => {
                self.pending.repeat = false;
                self.note_text_leaving(now, leaving);
            }
            Reason::Keepalive => self.pending.keepalive = false,
            Reason::Ack => {}
        }
        if is_probe && matches!(leaving.reason, Reason::Resend | Reason::Fresh) {
            self.on_probe_sent(now, leaving.reason == Reason::Resend, stats);
        }
    }

    fn on_syn_leaving(&mut self, now: Instant) {
        self.pending.syn = false;
        let first = self.snd.nxt == self.snd.iss;
        if self.state() == State::SynSent {
            if first && self.config.ecn {
                self.ecn.offer();
            } else {
                self.ecn.withdraw();
            }
        }
        if first {
            self.snd.nxt = self.snd.iss + 1;
            self.snd.max = self.snd.nxt;
            self.recovery.time(self.snd.nxt, now);
        } else {
            self.recovery.stop_timing();
        }
        self.timers.set_if_stopped(Timer::Retransmit, now + self.rtt.rto());
    }

    fn on_text_leaving(&mut self, now: Instant, leaving: &Leaving) {
        self.pending.override_silly = false;
        self.pending.window_probe = false;
        self.timers.stop(Timer::Persist);
        self.snd.nxt = leaving.end();
        self.snd.max = self.snd.nxt;
        self.on_first_sending(now, leaving.seq);
        self.note_mtu_probe(leaving.seq, leaving.end());
        self.congestion.on_sent(leaving.len, self.pipe());
        self.note_text_leaving(now, leaving);
    }

    fn on_resend_leaving(&mut self, now: Instant, leaving: &Leaving, stats: &mut Stats) {
        self.congestion.on_resent(leaving.len);
        self.on_resending(now, leaving.seq, leaving.end(), stats);
        self.note_text_leaving(now, leaving);
    }

    fn note_text_leaving(&mut self, now: Instant, leaving: &Leaving) {
        if leaving.len > 0 {
            self.text_sent_at = now;
            self.lease.on_text_sent(leaving.seq, leaving.len, self.rcv.nxt);
        }
    }

    fn count_leaving(&mut self, leaving: &Leaving, stats: &mut Stats) {
        let again = match leaving.reason {
            Reason::Resend => true,
            Reason::Syn => self.snd.nxt != self.snd.iss,
            Reason::Reset { .. }
            | Reason::Fresh
            | Reason::WindowProbe
            | Reason::Repeat
            | Reason::Keepalive
            | Reason::Ack => false,
        };
        if leaving.gives_ack() {
            self.rcv.count_duplicate(stats);
        }
        self.figures.segs_out += 1;
        self.figures.bytes_sent += u64::from(leaving.len);
        self.figures.data_segs_out += u64::from(leaving.len > 0);
        if again {
            self.figures.total_retrans += 1;
            self.figures.bytes_retrans += u64::from(leaving.len);
            stats.retrans_segs += 1;
        } else {
            stats.out_segs += 1;
        }
        match leaving.reason {
            Reason::Reset { .. } => stats.out_rsts += 1,
            Reason::Syn => stats.syn_retrans += u64::from(again),
            Reason::WindowProbe => stats.zero_window_probes += 1,
            Reason::Keepalive => stats.keepalive_probes += 1,
            Reason::Fresh => stats.orig_data_sent += u64::from(leaving.len > 0),
            Reason::Resend | Reason::Repeat | Reason::Ack => {}
        }
    }

    /// The header: flags, the window that we offer, and the acknowledgement, which is thereby
    /// given.
    fn header(
        &mut self,
        now: Instant,
        leaving: &Leaving,
        options: Options,
        stats: &mut Stats,
    ) -> Segment<'static> {
        let mut flags = self.flags_of(leaving);
        let ecn = self.mark(leaving, &mut flags);
        let (ack, window, options) = match leaving.reason {
            Reason::Reset { ack } => {
                (ack.unwrap_or_default(), 0, Options { sack: SackBlocks::default(), ..options })
            }
            Reason::Syn => (self.rcv.nxt, self.rcv.syn_window(), self.syn_options(now)),
            Reason::Resend
            | Reason::Fresh
            | Reason::WindowProbe
            | Reason::Repeat
            | Reason::Keepalive
            | Reason::Ack => {
                let unread = sequence_len(self.assembler.readable());
                let window = self.rcv.offer(unread);
                self.rcv.count_window(window, unread, stats);
                (self.rcv.nxt, window, options)
            }
        };
        // The peer drops what stands before its window, acknowledgement and all: it may not be
        // given by a repeat or a keepalive.
        let is_old = matches!(leaving.reason, Reason::Repeat | Reason::Keepalive);
        if flags.ack && !flags.rst && !is_old {
            if leaving.reason == Reason::Ack {
                self.acks.on_bare_sent(ack);
            } else {
                self.acks.on_sent(ack);
            }
            self.timers.stop(Timer::DelayedAck);
            self.rcv.duplicate = None;
        }
        Segment { seq: leaving.seq, ack, flags, window, urgent: 0, options, ecn, text: Text::EMPTY }
    }

    /// The ECN mark of the packet, and CWR: new text alone carries them. RFC 3168, sections 6.1.2
    /// to 6.1.6.
    fn mark(&mut self, leaving: &Leaving, flags: &mut Flags) -> Ecn {
        if leaving.reason != Reason::Fresh || leaving.len == 0 || !self.ecn.is_agreed() {
            return Ecn::NotEct;
        }
        flags.cwr = self.congestion.take_cwr();
        Ecn::Ect0
    }

    fn flags_of(&self, leaving: &Leaving) -> Flags {
        match leaving.reason {
            Reason::Reset { ack } => Flags { rst: true, ack: ack.is_some(), ..Flags::NONE },
            Reason::Syn => {
                let ack = self.state() != State::SynSent;
                Flags { syn: true, ack, ..self.ecn.syn_flags(ack) }
            }
            Reason::Resend
            | Reason::Fresh
            | Reason::WindowProbe
            | Reason::Repeat
            | Reason::Keepalive
            | Reason::Ack => {
                let buffered = sequence_len(self.send_buffer.len());
                let ends_buffer = leaving.seq + leaving.len == self.snd.first_byte() + buffered;
                let psh = leaving.len > 0 && ends_buffer;
                let ece = self.ecn.echoes();
                Flags { ack: true, psh, fin: leaving.fin, ece, ..Flags::NONE }
            }
        }
    }

    fn text_of(&self, leaving: &Leaving) -> Text<'_> {
        if leaving.len == 0 {
            return Text::EMPTY;
        }
        if leaving.reason == Reason::Repeat {
            return match self.last_sent_byte() {
                Some((_, LastByte::Buffered(offset))) => self.send_buffer.text(offset, 1),
                Some((_, LastByte::Released)) | None => {
                    Text::from(self.send_buffer.last_released().unwrap_or_default())
                }
            };
        }
        let offset = leaving.seq.offset_from(self.snd.first_byte());
        self.send_buffer.text(byte_len(offset), byte_len(leaving.len))
    }

    /// Bytes of text that a segment with `options` may carry: Eff.snd.MSS of RFC 9293, section
    /// 3.7.1.
    fn segment_room(&self, options: &Options) -> u32 {
        u32::from(self.snd.mss).saturating_sub(sequence_len(options.len())).max(1)
    }

    /// Bytes that the peer's window still allows.
    fn window_left(&self) -> u32 {
        self.snd.window_left()
    }

    /// Bytes that congestion control still allows; two segments more after the first duplicates
    /// (RFC 3042).
    pub(super) fn congestion_left(&self) -> u32 {
        let extra = self.limited_transmit() * u32::from(self.snd.mss);
        self.congestion.cwnd().saturating_add(extra).saturating_sub(self.pipe())
    }

    /// Text is unsent, nothing is out and nothing may leave: only a timer can go on. RFC 9293,
    /// section 3.8.6.1.
    fn arm_persist(&mut self, now: Instant) {
        let stuck = self.state().may_send_text() && self.unsent() > 0 && self.snd.flight() == 0;
        if stuck && !self.is_held() {
            self.timers
                .set_if_stopped(Timer::Persist, now + self.rtt.backed_off(self.persist_backoff));
        }
    }
}
