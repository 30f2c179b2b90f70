//! Figures of a connection, by the names of Linux's `tcp_info`.

use crate::time::{Duration, Instant};

use super::config::Congestion;
use super::connection::Connection;
use super::loss::Phase;
use super::state::State;

/// Where loss recovery stands: `tcpi_ca_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaState {
    /// Nothing out of the ordinary.
    Open,
    /// Something was reported or repeated, and nothing is taken for lost.
    Disorder,
    /// Routers have reported congestion, and what was out then is not acknowledged yet.
    Cwr,
    /// Fast recovery.
    Recovery,
    /// After a timeout.
    Loss,
}

impl CaState {
    /// Its name in lower case, without the kernel's `TCP_CA_`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Disorder => "disorder",
            Self::Cwr => "cwr",
            Self::Recovery => "recovery",
            Self::Loss => "loss",
        }
    }
}

/// What `ss -ti` would show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// The state.
    pub state: State,
    /// Where loss recovery stands.
    pub ca_state: CaState,
    /// Smoothed round-trip time, once measured.
    pub rtt: Option<Duration>,
    /// Its mean deviation.
    pub rttvar: Duration,
    /// The least round trip measured in the last minutes.
    pub min_rtt: Option<Duration>,
    /// Retransmission timeout, back-off included.
    pub rto: Duration,
    /// Doublings of RTO in force.
    pub backoff: u8,
    /// For how long an acknowledgement is held back as things stand; zero before text has come, and
    /// again after a rest.
    pub ato: Duration,
    /// Largest text of a segment we send, options not taken off, in bytes.
    pub snd_mss: u16,
    /// Largest text of a segment the peer may send, in bytes.
    pub rcv_mss: u32,
    /// Largest text of a segment that we announced, options not taken off, in bytes.
    pub advmss: u16,
    /// Congestion control.
    pub congestion: Congestion,
    /// Largest packet that the path is taken to carry and the peer takes in, in bytes.
    pub pmtu: u16,
    /// Congestion window in bytes.
    pub cwnd: u32,
    /// Slow start threshold in bytes; `u32::MAX` before any loss.
    pub ssthresh: u32,
    /// The peer's window in bytes.
    pub snd_wnd: u32,
    /// Our window in bytes.
    pub rcv_wnd: u32,
    /// Shift of the peer's windows.
    pub snd_wscale: u8,
    /// Shift of our windows.
    pub rcv_wscale: u8,
    /// Sequence numbers in flight.
    pub unacked: u32,
    /// Numbers in flight that the peer has reported by SACK.
    pub sacked: u32,
    /// Numbers taken for lost that have not been sent again yet.
    pub lost: u32,
    /// Numbers sent again and believed to be on their way.
    pub retrans: u32,
    /// Degree of reordering seen, in segments; 3 before any was.
    pub reordering: u16,
    /// Retransmissions that the peer has reported as duplicates.
    pub dsack_dups: u32,
    /// Bytes written that have not left.
    pub notsent_bytes: u32,
    /// Timeouts in a row.
    pub retransmits: u8,
    /// Zero-window or keepalive probes unanswered.
    pub probes: u8,
    /// Whether ICMP has reported the path broken since the peer was last heard: a soft error of RFC
    /// 9293, section 3.9.1.8.
    pub soft_error: bool,
    /// Text sent, retransmissions included, in bytes.
    pub bytes_sent: u64,
    /// Text acknowledged, in bytes.
    pub bytes_acked: u64,
    /// Text received in order, in bytes.
    pub bytes_received: u64,
    /// Text sent again, in bytes.
    pub bytes_retrans: u64,
    /// Segments received.
    pub segs_in: u64,
    /// Segments sent.
    pub segs_out: u64,
    /// Segments with text received.
    pub data_segs_in: u64,
    /// Segments with text sent.
    pub data_segs_out: u64,
    /// Segments sent again.
    pub total_retrans: u64,
    /// Segments that have arrived at the peer, each once, as it tells; our SYN is one.
    pub delivered: u64,
    /// Time in which text was written and not acknowledged.
    pub busy: Duration,
    /// Time since text was last sent.
    pub last_data_sent: Duration,
    /// Time since any segment was last received.
    pub last_ack_recv: Duration,
    /// Whether windows are scaled.
    pub window_scale: bool,
    /// Whether timestamps are in use.
    pub timestamps: bool,
    /// Whether selective acknowledgements are in use.
    pub sack: bool,
    /// Whether explicit congestion notification is in use.
    pub ecn: bool,
    /// Size of the receive buffer as it is tuned now, in bytes (`tcpi_rcv_space`).
    pub rcv_space: u32,
    /// Size of the send buffer as it is tuned now, in bytes.
    pub snd_space: usize,
    /// Memory held by the buffers, in bytes.
    pub buffers: usize,
}

/// What a connection counts of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    pub(super) bytes_sent: u64,
    pub(super) bytes_acked: u64,
    pub(super) bytes_received: u64,
    pub(super) bytes_retrans: u64,
    pub(super) segs_in: u64,
    pub(super) segs_out: u64,
    pub(super) data_segs_in: u64,
    pub(super) data_segs_out: u64,
    pub(super) total_retrans: u64,
    pub(super) delivered: u64,
    /// Time with text in the send buffer, up to when it was last empty, in microseconds.
    pub(super) busy_us: u64,
    /// When text last came into an empty send buffer.
    pub(super) busy_since: Instant,
}

impl Figures {
    /// Everything that was written is acknowledged.
    pub(super) fn stop_being_busy(&mut self, now: Instant) {
        let busy = now.since(self.busy_since).as_micros();
        self.busy_us = self.busy_us.saturating_add(u64::try_from(busy).unwrap_or(u64::MAX));
    }
}

impl Connection {
    /// The connection's figures at `now`.
    #[must_use]
    pub fn info(&self, now: Instant) -> Info {
        let figures = &self.figures;
        Info {
            state: self.state(),
            ca_state: self.ca_state(),
            rtt: self.rtt.srtt(),
            rttvar: self.rtt.rttvar(),
            min_rtt: self.rtt.min_rtt(),
            rto: self.rtt.rto(),
            backoff: self.rtt.backoff(),
            ato: self.acks.timeout(self.config.delayed_ack),
            snd_mss: self.snd.mss,
            rcv_mss: self.rcv.mss,
            advmss: self.start.mss,
            congestion: self.config.congestion,
            pmtu: self.path_mtu.mtu_of(self.snd.mss),
            cwnd: self.congestion.cwnd(),
            ssthresh: self.congestion.ssthresh(),
            snd_wnd: self.snd.wnd,
            rcv_wnd: self.rcv.wnd(),
            snd_wscale: self.snd.shift,
            rcv_wscale: self.rcv.shift,
            unacked: self.snd.flight(),
            sacked: self.recovery.scoreboard.sacked(),
            lost: self.recovery.scoreboard.lost(),
            retrans: self.recovery.scoreboard.resent(),
            reordering: self.recovery.rack.degree(),
            dsack_dups: self.recovery.dsack_dups,
            notsent_bytes: self.unsent(),
            retransmits: self.recovery.retries,
            probes: self.probes,
            soft_error: self.soft_error,
            bytes_sent: figures.bytes_sent,
            bytes_acked: figures.bytes_acked,
            bytes_received: figures.bytes_received,
            bytes_retrans: figures.bytes_retrans,
            segs_in: figures.segs_in,
            segs_out: figures.segs_out,
            data_segs_in: figures.data_segs_in,
            data_segs_out: figures.data_segs_out,
            total_retrans: figures.total_retrans,
            delivered: figures.delivered,
            busy: self.busy(now),
            last_data_sent: now.since(self.text_sent_at),
            last_ack_recv: now.since(self.heard_at),
            window_scale: self.scaling,
            timestamps: self.timestamps.is_some(),
            sack: self.sack_permitted,
            ecn: self.ecn.is_agreed(),
            rcv_space: self.rcv.capacity,
            snd_space: self.send_buffer.limit(),
            buffers: self.memory(),
        }
    }

    fn ca_state(&self) -> CaState {
        let scoreboard = &self.recovery.scoreboard;
        let is_in_order = scoreboard.sacked() == 0 && self.recovery.duplicates == 0;
        match self.recovery.phase {
            Phase::Timeout => CaState::Loss,
            Phase::Fast => CaState::Recovery,
            Phase::Open if self.congestion.answers_echo(self.snd.una) => CaState::Cwr,
            Phase::Open if is_in_order => CaState::Open,
            Phase::Open => CaState::Disorder,
        }
    }

    /// Time in which text was written and not acknowledged.
    fn busy(&self, now: Instant) -> Duration {
        let before = Duration::from_micros(self.figures.busy_us);
        if self.send_buffer.is_empty() {
            return before;
        }
        before + now.since(self.figures.busy_since)
    }
}
