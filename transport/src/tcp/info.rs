//! Figures of a connection, by the names of Linux's `tcp_info`.

use crate::time::{Duration, Instant};

use super::config::Congestion;
use super::connection::Connection;
use super::state::State;

/// What `ss -ti` would show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// The state.
    pub state: State,
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
}

impl Connection {
    /// The connection's figures at `now`.
    #[must_use]
    pub fn info(&self, now: Instant) -> Info {
        let figures = &self.figures;
        Info {
            state: self.state(),
            rtt: self.rtt.srtt(),
            rttvar: self.rtt.rttvar(),
            min_rtt: self.rtt.min_rtt(),
            rto: self.rtt.rto(),
            backoff: self.rtt.backoff(),
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
}
