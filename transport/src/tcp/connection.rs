//! One connection: its state, and the five verbs that others call.
//!
//! The parts are nouns of their own: [`Snd`] and [`Rcv`] (sequence spaces), the send buffer and the
//! assembler (bytes), recovery, congestion and round-trip time, timers, acknowledgements, events,
//! lease. Here they are put together; what is done with an arriving segment stands in
//! [`super::input`], what leaves next in `output`, what the owner asks for in `owner`, what time
//! brings in `timeout`.
//!
//! A caller's turn: hand in what came (`handle_*`), take the events (`poll_event`), take the
//! segments (`poll_transmit` until `None`), then ask for the next deadline (`poll_timeout`).
//!
//! In SYN-SENT the receive sequence space is without meaning: nothing reads it before the peer's
//! SYN set it.

use crate::stack::stats::Stats;
use crate::time::Instant;
use crate::wire::{Segment, SeqNumber};

use super::assembler::Assembler;
use super::challenge::ChallengeBudget;
use super::config::{Config, Start};
use super::congestion::{CongestionWindow, EcnState};
use super::delayed_ack::DelayedAck;
use super::event::{CloseReason, Event, Events, Mark};
use super::info::Figures;
use super::lease::Lease;
use super::loss::Recovery;
use super::output::Pending;
use super::pmtu::PathMtu;
use super::rcv::Rcv;
use super::right_size::{Allowance, Round};
use super::rtt::RttEstimator;
use super::send_buffer::SendBuffer;
use super::sequence_len;
use super::snd::{MSS_MIN, Snd};
use super::state::State;
use super::time_wait::{Remains, TimeWait};
use super::timers::{Timer, TimerTable};
use super::timestamps::TimestampState;

/// One TCP connection.
#[derive(Debug)]
pub struct Connection {
    /// The RFC's state; changed in [`Connection::enter`] alone.
    state: State,
    pub(super) config: Config,
    pub(super) start: Start,
    /// Whether it began in LISTEN.
    pub(super) passive: bool,
    /// SND.*.
    pub(super) snd: Snd,
    /// RCV.*.
    pub(super) rcv: Rcv,
    pub(super) send_buffer: SendBuffer,
    pub(super) assembler: Assembler,
    /// The round trip in which reading is measured.
    pub(super) round: Round,
    /// How much memory the buffers may take.
    pub(super) allowance: Allowance,
    /// Bytes for which a budget is charged, kept for whoever keeps the budget.
    pub(crate) charged: usize,
    pub(super) rtt: RttEstimator,
    pub(super) congestion: CongestionWindow,
    pub(super) ecn: EcnState,
    pub(super) recovery: Recovery,
    /// What is known of the path's MTU; SND.MSS is what follows from it.
    pub(super) path_mtu: PathMtu,
    pub(super) timers: TimerTable,
    pub(super) acks: DelayedAck,
    pub(super) challenges: ChallengeBudget,
    /// TS.Recent and our clock, if both sides use timestamps.
    pub(super) timestamps: Option<TimestampState>,
    /// Whether both sides use selective acknowledgements.
    pub(super) sack_permitted: bool,
    /// Whether both sides use window scaling.
    pub(super) scaling: bool,
    pub(super) events: Events,
    pub(super) lease: Lease,
    pub(super) pending: Pending,
    pub(super) figures: Figures,
    pub(super) unreported: Unreported,
    /// Record of TIME-WAIT, in that state.
    pub(super) remains: Option<TimeWait>,
    /// Whether the owner has let go.
    pub(super) orphaned: bool,
    /// Whether a write was not taken whole, so that `Writable` is due.
    pub(super) write_blocked: bool,
    /// Whether our SYN had to be sent again.
    pub(super) syn_lost: bool,
    /// Whether ICMP has reported the path broken since the peer was last heard.
    pub(super) soft_error: bool,
    /// Window or keepalive probes that were not answered.
    pub(super) probes: u8,
    /// Doublings of the interval between window probes, answered or not.
    pub(super) persist_backoff: u8,
    /// SYNs sent early, because the peer held an old connection.
    pub(super) hurried_syns: u8,
    /// When a segment last came.
    pub(super) heard_at: Instant,
    /// When text last left.
    pub(super) text_sent_at: Instant,
}

/// What was counted while no [`Stats`] were at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unreported {
    pub(super) attempt_fails: u8,
    pub(super) estab_resets: u8,
    pub(super) time_waits: u8,
    pub(super) abort_on_data: u8,
    pub(super) abort_on_close: u8,
    pub(super) abort_on_timeout: u8,
    pub(super) abort_on_linger: u8,
    pub(super) syns_delivered: u8,
}

impl Connection {
    /// Active OPEN: RFC 9293, section 3.10.1. The SYN leaves by [`Connection::poll_transmit`].
    #[must_use]
    pub fn connect(now: Instant, config: &Config, start: Start) -> Self {
        let mut connection = Self::new(now, config, start, State::Closed);
        connection.enter(now, State::SynSent);
        connection.pending.syn = true;
        connection
    }

    /// A listener has got `syn`: the connection begins in SYN-RECEIVED. RFC 9293, section 3.10.7.2.
    #[must_use]
    pub fn accept(now: Instant, config: &Config, start: Start, syn: &Segment<'_>) -> Self {
        let mut connection = Self::new(now, config, start, State::Listen);
        connection.listen(now, syn);
        connection
    }

    /// A connection that was open before, without anything of what it did: whoever knows puts it in.
    pub(super) fn reopened(now: Instant, config: &Config, start: Start) -> Self {
        Self::new(now, config, start, State::Established)
    }

    fn new(now: Instant, config: &Config, start: Start, state: State) -> Self {
        let config = config.bounded();
        let capacity = sequence_len(config.buffer_start.min(config.receive_buffer));
        Self {
            state,
            config,
            start,
            passive: state == State::Listen,
            snd: Snd::new(start.isn, start.mss),
            rcv: Rcv::new(capacity, start.mss, config.receive_shift()),
            send_buffer: SendBuffer::new(config.buffer_start, config.send_buffer),
            assembler: Assembler::new(),
            round: Round::first(now),
            allowance: Allowance::UNLIMITED,
            charged: 0,
            rtt: RttEstimator::new(&config).after(start.path.rtt),
            congestion: CongestionWindow::new(&config, u32::from(start.mss), false),
            ecn: EcnState::new(),
            recovery: Recovery::new(&start, config.clock_resolution),
            path_mtu: PathMtu::new(&start),
            timers: TimerTable::new(),
            acks: DelayedAck::new(),
            challenges: ChallengeBudget::new(now),
            timestamps: None,
            sack_permitted: false,
            scaling: false,
            events: Events::default(),
            lease: Lease::first(start.isn),
            pending: Pending::default(),
            figures: Figures::default(),
            unreported: Unreported::default(),
            remains: None,
            orphaned: false,
            write_blocked: false,
            syn_lost: false,
            soft_error: false,
            probes: 0,
            persist_backoff: 0,
            hurried_syns: 0,
            heard_at: now,
            text_sent_at: now,
        }
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// SEGMENT ARRIVES: RFC 9293, section 3.10.7. Call for each segment of this connection.
    pub fn handle_segment(&mut self, now: Instant, seg: &Segment<'_>, stats: &mut Stats) {
        self.figures.segs_in += 1;
        self.segment_arrives(now, seg, stats);
        self.report(stats);
    }

    /// The next event. Call until `None` after each input; too often does nothing.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.next(self.assembler.readable() == 0)
    }

    /// When [`Connection::handle_timeout`] is next due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.earliest()
    }

    /// In TIME-WAIT with nothing left to give, the record that can answer in the connection's
    /// place.
    #[must_use]
    pub fn time_wait(&self) -> Option<TimeWait> {
        let told = self.events.all_told() || self.orphaned;
        let done = told && self.assembler.readable() == 0 && !self.acks.is_owed();
        self.remains.filter(|_| self.state == State::TimeWait && done)
    }

    /// Changes the state, along an edge of the diagram in [`State`], with what belongs to every
    /// entry.
    pub(super) fn enter(&mut self, now: Instant, next: State) {
        assert!(self.state.may_become(next), "no edge from {} to {next}", self.state);
        let from = self.state;
        self.state = next;
        match next {
            State::Closed => self.on_closed(from),
            State::Established => self.on_established(now),
            State::FinWait2 if self.orphaned => self.restart_orphan_timer(now),
            State::TimeWait => self.on_time_wait(now),
            State::Listen
            | State::SynSent
            | State::SynReceived
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck => {}
        }
    }

    /// The handshake is complete. What the owner finished before that is finished now.
    fn on_established(&mut self, now: Instant) {
        self.recovery.retries = 0;
        self.pending.syn = false;
        self.rtt.on_established(self.syn_lost);
        let mss = u32::from(self.snd.mss);
        self.congestion = CongestionWindow::new(&self.config, mss, self.syn_lost);
        self.congestion.inherit(self.start.path.ssthresh);
        self.text_sent_at = now;
        self.timers.stop(Timer::Retransmit);
        if let Some(keepalive) = self.config.keepalive {
            self.timers.set(Timer::Keepalive, now + keepalive.idle);
        }
        self.events.raise(Mark::Established);
        if self.snd.fin.is_some() {
            self.enter(now, State::FinWait1);
        }
    }

    /// Both have finished: RFC 9293, section 3.6.1.
    fn on_time_wait(&mut self, now: Instant) {
        self.timers.stop_all();
        let expires = now + self.config.time_wait;
        self.timers.set(Timer::TimeWait, expires);
        self.send_buffer.clear();
        self.recovery.scoreboard.clear();
        self.give_back_memory();
        let timestamps = self.timestamps.map(|state| (state.recent(), state.offset()));
        let window = u16::try_from(self.rcv.wnd() >> self.rcv.shift).unwrap_or(u16::MAX);
        // The peer's FIN is counted in the same step, before anything can be asked of the record.
        let remains = Remains { snd_nxt: self.snd.nxt, rcv_nxt: self.rcv.nxt, timestamps, window };
        self.remains = Some(TimeWait::new(now, expires, remains));
        self.unreported.time_waits += 1;
        self.events.close(CloseReason::Normal);
    }

    /// Nothing more comes or goes, but for a reset that is pending and bytes that were not read
    /// yet.
    fn on_closed(&mut self, from: State) {
        self.timers.stop_all();
        self.send_buffer.clear();
        self.pending.stop_but_reset();
        self.recovery.scoreboard.clear();
        match from {
            State::SynSent | State::SynReceived => self.unreported.attempt_fails += 1,
            State::Established | State::CloseWait => self.unreported.estab_resets += 1,
            State::Closed
            | State::Listen
            | State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait => {}
        }
        if self.orphaned {
            self.assembler.clear();
        }
        self.give_back_memory();
    }

    /// Frees the memory of all that is empty: the rings, the scoreboard, the list of early ranges.
    ///
    /// They keep it while the connection is busy, so that a segment allocates nothing; call this once
    /// it was quiet for a while, or when memory is short. A connection with nothing buffered and
    /// nothing out then holds none. Cheap, and calling it twice does nothing.
    pub(crate) fn give_back_memory(&mut self) {
        self.send_buffer.give_back();
        self.assembler.give_back();
        self.recovery.scoreboard.give_back();
    }

    /// Closes without a word to the peer.
    pub(super) fn fail(&mut self, now: Instant, reason: CloseReason) {
        if self.state == State::Closed {
            return;
        }
        self.events.close(reason);
        self.enter(now, State::Closed);
    }

    /// Closes with a reset to the peer: `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>`.
    pub(super) fn reset(&mut self, now: Instant, reason: CloseReason) {
        if self.state != State::Closed {
            self.pending.reset_open(self.snd.bare_seq(), self.rcv.nxt);
            self.fail(now, reason);
        }
    }

    /// Takes in the segment size that the peer named, if it did: RFC 9293, section 3.7.1. What the
    /// path is known to carry may be less.
    pub(super) fn set_peer_mss(&mut self, named: Option<u16>) {
        let largest = named.unwrap_or(self.start.peer_mss).max(MSS_MIN).min(self.start.mss);
        self.snd.mss = self.path_mtu.begin(largest, self.start.path.pmtu);
    }

    /// Moves what was counted meanwhile into `stats`.
    pub(super) fn report(&mut self, stats: &mut Stats) {
        let Unreported {
            attempt_fails,
            estab_resets,
            time_waits,
            abort_on_data,
            abort_on_close,
            abort_on_timeout,
            abort_on_linger,
            syns_delivered,
        } = core::mem::take(&mut self.unreported);
        stats.attempt_fails += u64::from(attempt_fails);
        stats.estab_resets += u64::from(estab_resets);
        stats.time_waits += u64::from(time_waits);
        stats.abort_on_data += u64::from(abort_on_data);
        stats.abort_on_close += u64::from(abort_on_close);
        stats.abort_on_timeout += u64::from(abort_on_timeout);
        stats.abort_on_linger += u64::from(abort_on_linger);
        stats.delivered += u64::from(syns_delivered);
    }

    /// Bytes written that have not left.
    pub(super) fn unsent(&self) -> u32 {
        sequence_len(self.send_buffer.len()).saturating_sub(self.snd.text_out())
    }

    /// Number and place of the last byte sent, if one was: in the buffer, or the one released last.
    pub(super) fn last_sent_byte(&self) -> Option<(SeqNumber, LastByte)> {
        let (first, end) = (self.snd.first_byte(), self.snd.text_end());
        if end.after(first) {
            let offset = super::byte_len(end.offset_from(first)) - 1;
            return Some((end - 1, LastByte::Buffered(offset)));
        }
        self.send_buffer.last_released().map(|_| (end - 1, LastByte::Released))
    }

    /// What must hold between any two calls. For tests and simulation.
    ///
    /// # Panics
    ///
    /// If anything does not hold.
    pub fn assert_invariants(&self) {
        self.assembler.assert_invariants();
        let buffered = self.send_buffer.len();
        assert!(buffered <= self.send_buffer.configured(), "send buffer over its limit");
        if !self.state.is_synchronized() {
            return;
        }
        self.snd.assert_invariants();
        self.rcv.assert_invariants();
        let window = self.assembler.readable() + super::byte_len(self.rcv.wnd());
        let largest = self.config.receive_buffer + (1 << self.rcv.shift);
        assert!(window <= largest, "a window larger than the buffer may be");
        let idle_timer = !self.timers.is_armed(Timer::Retransmit);
        let out = self.snd.flight() > 0;
        assert!(!(out && idle_timer), "{}: something is out without a timer", self.state);
        assert!(out || idle_timer, "{}: a retransmission timer for nothing", self.state);
        if self.snd.syn_acked() && self.state != State::TimeWait {
            self.recovery.scoreboard.assert_invariants(self.snd.una, self.snd.nxt);
        }
    }
}

/// Where the last byte sent is found.
#[derive(Clone, Copy, Debug)]
pub(super) enum LastByte {
    /// In the send buffer, at this offset.
    Buffered(usize),
    /// No longer there: acknowledged, and kept.
    Released,
}
