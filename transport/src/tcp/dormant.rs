//! A connection at rest: what has to be kept of one on which nothing is under way.
//!
//! An open connection that has nothing to send, nothing to read and nothing to wait for needs
//! neither buffers nor recovery nor most of its timers. [`Dormant`] is what makes it whole again, as
//! if it had never been away: the numbers of both directions and the windows, round trip,
//! timestamps, how much may be in flight, the lease's place, and the figures.
//!
//! What it does not keep is what idle time makes worthless, or what begins anew: the growth curve of
//! congestion avoidance (a window that was not used of late is not validated, RFC 7661), what pacing
//! has in hand, RACK's times, and the budget of challenge acknowledgements (it is a second's). Nor
//! what its owner can name again: the settings, which are those of the stack.
//!
//! It has one timer, which follows from when the peer was last heard: keepalive.

use core::num::NonZeroU16;

use crate::time::{Duration, Instant};
use crate::wire::SeqNumber;

use super::config::{Config, Start};
use super::congestion::{AtRest, CongestionWindow, EcnState};
use super::connection::{Connection, Unreported};
use super::event::Events;
use super::info::Figures;
use super::lease::{Lease, Quiescence};
use super::loss::Phase;
use super::output::Pending;
use super::path::PathRecord;
use super::rtt::Measured;
use super::state::State;
use super::timers::Timer;
use super::timestamps::TimestampState;

/// What a byte counts time in, up to eight minutes.
const UNVALIDATED_UNIT: Duration = Duration::from_secs(2);

/// What busy time is counted in, up to five days, in microseconds.
const BUSY_UNIT_US: u64 = 100;

/// Something that is or is not.
#[derive(Clone, Copy, Debug)]
enum Mark {
    Timestamps = 1,
    /// The peer is to hear that the window was reduced: CWR.
    CwrDue = 2,
    SackPermitted = 4,
    Ecn = 8,
    SpeaksFirst = 16,
    PeerSpoke = 32,
    /// A byte was acknowledged.
    HasReleased = 64,
}

/// Marks, in one byte.
#[derive(Clone, Copy, Debug)]
struct Marks(u8);

impl Marks {
    fn of(marks: &[(Mark, bool)]) -> Self {
        let set = marks.iter().filter(|(_, is_set)| *is_set);
        Self(set.fold(0, |bits, (mark, _)| bits | *mark as u8))
    }

    const fn has(self, mark: Mark) -> bool {
        self.0 & mark as u8 != 0
    }
}

/// What is kept of a connection at rest.
#[derive(Clone, Copy, Debug)]
pub struct Dormant {
    /// When a segment last came.
    heard_at: Instant,
    /// When text last left.
    text_sent_at: Instant,
    /// L as a count of bytes since the connection began; L itself follows from it.
    lease_offset: u64,
    bytes_acked: u64,
    bytes_received: u64,
    /// SND.UNA, SND.NXT, SND.MAX and SND.WL2: they are one.
    snd_una: SeqNumber,
    snd_wl1: SeqNumber,
    snd_wnd: u32,
    max_snd_wnd: u32,
    rcv_nxt: SeqNumber,
    /// Right edge of the window that we have offered.
    rcv_edge: SeqNumber,
    /// Size that the receive buffer may have, in bytes.
    rcv_capacity: u32,
    /// SRTT, RTTVAR, and the least sample.
    rtt: Measured,
    /// TS.Recent, where both sides use timestamps.
    ts_recent: u32,
    congestion: AtRest,
    /// Text that left more than once: retransmissions, and what else repeats bytes.
    bytes_again: u32,
    bytes_retrans: u32,
    segs_in: u32,
    segs_out: u32,
    data_segs_in: u32,
    data_segs_out: u32,
    total_retrans: u32,
    delivered: u32,
    /// Time with text written and not acknowledged, in units of [`BUSY_UNIT_US`].
    busy: u32,
    /// Largest segment that both sides allow; the path's is in the stack's record of it.
    /// Never zero, so that a place needs no further byte to say whether a connection rests.
    snd_mss_max: NonZeroU16,
    /// Degree of reordering in segments, if it or earlier ones have seen any.
    reordering: Option<NonZeroU16>,
    /// Shifts of the windows, four bits each: the peer's above ours.
    shifts: u8,
    /// How long cwnd had not been validated when text last went, in [`UNVALIDATED_UNIT`]s.
    unvalidated: u8,
    /// The byte acknowledged last: what a repeat sends.
    last_released: u8,
    marks: Marks,
}

/// What an idle connection may cost, of which the rest is its place in the stack.
const _: () = assert!(size_of::<Dormant>() <= 136, "a connection at rest stays compact");

impl Dormant {
    /// What `connection` is made whole of, if it is at rest: open, everything sent is acknowledged,
    /// everything received is read and acknowledged, its owner has heard of everything, no timer
    /// runs but that of keepalive, and its settings are those of `config`.
    #[must_use]
    pub fn of(connection: &Connection, config: &Config) -> Option<Self> {
        let it = connection;
        if !it.is_at_rest() || it.config != config.bounded() {
            return None;
        }
        let rtt = it.rtt.measured()?;
        let figures = &it.figures;
        let last_released = it.send_buffer.last_released().and_then(|byte| byte.first().copied());
        Some(Self {
            heard_at: it.heard_at,
            text_sent_at: it.text_sent_at,
            lease_offset: it.lease.start_offset(),
            bytes_acked: figures.bytes_acked,
            bytes_received: figures.bytes_received,
            snd_una: it.snd.una,
            snd_wl1: it.snd.wl1,
            snd_wnd: it.snd.wnd,
            max_snd_wnd: it.snd.max_wnd,
            rcv_nxt: it.rcv.nxt,
            rcv_edge: it.rcv.edge,
            rcv_capacity: it.rcv.capacity,
            rtt,
            ts_recent: it.timestamps.map_or(0, |state| state.recent()),
            congestion: it.congestion.at_rest(),
            bytes_again: saturated(figures.bytes_sent - figures.bytes_acked),
            bytes_retrans: saturated(figures.bytes_retrans),
            segs_in: saturated(figures.segs_in),
            segs_out: saturated(figures.segs_out),
            data_segs_in: saturated(figures.data_segs_in),
            data_segs_out: saturated(figures.data_segs_out),
            total_retrans: saturated(figures.total_retrans),
            delivered: saturated(figures.delivered),
            busy: saturated(figures.busy_us / BUSY_UNIT_US),
            snd_mss_max: NonZeroU16::new(it.path_mtu.ceiling())?,
            reordering: it.recovery.rack.degree_known().and_then(NonZeroU16::new),
            shifts: it.snd.shift << 4 | it.rcv.shift,
            unvalidated: unvalidated_units(it),
            last_released: last_released.unwrap_or_default(),
            marks: Marks::of(&[
                (Mark::Timestamps, it.timestamps.is_some()),
                (Mark::CwrDue, it.congestion.cwr_due()),
                (Mark::SackPermitted, it.sack_permitted),
                (Mark::Ecn, it.ecn.is_agreed()),
                (Mark::SpeaksFirst, it.lease.speaks_first()),
                (Mark::PeerSpoke, it.lease.peer_spoke()),
                (Mark::HasReleased, last_released.is_some()),
            ]),
        })
    }

    /// The connection, whole again. `config` is that of [`Dormant::of`], `timestamp_offset` and `mss`
    /// what the connection began with, `path` what is known of its path by now, and `ipv4` whether its
    /// packets are IPv4's.
    #[must_use]
    pub fn wake(
        &self,
        config: &Config,
        timestamp_offset: u32,
        mss: u16,
        path: PathRecord,
        ipv4: bool,
    ) -> Connection {
        let start = Start {
            isn: self.snd_una - 1,
            timestamp_offset,
            mss,
            peer_mss: Start::default_mss(ipv4),
            ipv4,
            path: self.path_from(path),
        };
        let mut connection = Connection::reopened(self.heard_at, config, start);
        let it = &mut connection;
        self.wake_sequence_spaces(it);
        it.rtt = it.rtt.resumed(self.heard_at, self.rtt);
        it.snd.mss = it.path_mtu.begin(self.snd_mss_max.get(), it.start.path.pmtu);
        let snd_mss = u32::from(it.snd.mss);
        let since = it.last_active() - UNVALIDATED_UNIT * u32::from(self.unvalidated);
        it.congestion = CongestionWindow::restored(&it.config, snd_mss, self.congestion, since);
        it.congestion.owe_cwr(self.marks.has(Mark::CwrDue));
        it.size_send_buffer();
        it.ecn = EcnState::restored(self.marks.has(Mark::Ecn));
        it.timestamps = self
            .marks
            .has(Mark::Timestamps)
            .then(|| TimestampState::new(self.heard_at, timestamp_offset, self.ts_recent));
        it.sack_permitted = self.marks.has(Mark::SackPermitted);
        // Agreed on shifts of zero both ways scale nothing.
        it.scaling = self.shifts > 0;
        it.acks.last_sent = self.rcv_nxt;
        it.lease = Lease::at_rest(
            (self.snd_una, self.bytes_acked),
            self.lease_offset,
            self.marks.has(Mark::SpeaksFirst),
            self.marks.has(Mark::PeerSpoke),
        );
        it.figures = self.figures();
        if let Some(due) = self.poll_timeout(config) {
            it.timers.set(Timer::Keepalive, due);
        }
        connection
    }

    /// When a segment last came.
    #[must_use]
    pub const fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// What of `path` counts for this connection: before it has sent any text, the round trips of
    /// others, since its own was that of a handshake; and the reordering that it knows of itself.
    fn path_from(&self, path: PathRecord) -> PathRecord {
        PathRecord {
            rtt: path.rtt.filter(|_| self.bytes_acked == 0),
            ssthresh: None,
            reordering: self.reordering.map(NonZeroU16::get).max(path.reordering),
            pmtu: path.pmtu,
        }
    }

    /// When the connection wants to be called: if it is to be probed.
    #[must_use]
    pub fn poll_timeout(&self, config: &Config) -> Option<Instant> {
        config.keepalive.map(|keepalive| self.heard_at + keepalive.idle)
    }

    fn wake_sequence_spaces(&self, connection: &mut Connection) {
        let Connection { snd, rcv, send_buffer, heard_at, text_sent_at, .. } = connection;
        snd.on_syn_acked();
        (snd.nxt, snd.max) = (self.snd_una, self.snd_una);
        snd.set_window(self.snd_wl1, self.snd_una, self.snd_wnd);
        (snd.max_wnd, snd.shift) = (self.max_snd_wnd, self.shifts >> 4);
        (rcv.irs, rcv.nxt, rcv.edge) = (self.rcv_nxt - 1, self.rcv_nxt, self.rcv_edge);
        (rcv.capacity, rcv.shift) = (self.rcv_capacity, self.shifts & 0xf);
        let has_released = self.marks.has(Mark::HasReleased);
        send_buffer.remember_released(has_released.then_some(self.last_released));
        (*heard_at, *text_sent_at) = (self.heard_at, self.text_sent_at);
    }

    fn figures(&self) -> Figures {
        Figures {
            bytes_sent: self.bytes_acked + u64::from(self.bytes_again),
            bytes_acked: self.bytes_acked,
            bytes_received: self.bytes_received,
            bytes_retrans: self.bytes_retrans.into(),
            segs_in: self.segs_in.into(),
            segs_out: self.segs_out.into(),
            data_segs_in: self.data_segs_in.into(),
            data_segs_out: self.data_segs_out.into(),
            total_retrans: self.total_retrans.into(),
            delivered: self.delivered.into(),
            busy_us: u64::from(self.busy) * BUSY_UNIT_US,
            busy_since: Instant::ORIGIN,
        }
    }
}

impl Connection {
    /// When a segment last came or text last left.
    #[must_use]
    pub fn last_active(&self) -> Instant {
        self.heard_at.max(self.text_sent_at)
    }

    /// Whether nothing is under way: neither on the network nor towards the owner.
    fn is_at_rest(&self) -> bool {
        let is_settled = self.state() == State::Established
            && self.quiescence() == Quiescence::Clean
            && !self.orphaned
            && self.snd.is_at_rest()
            && self.rcv.duplicate.is_none();
        let is_silent = !self.acks.is_owed()
            && self.pending == Pending::default()
            && self.timers.is_idle_but_for(Timer::Keepalive)
            && self.recovery.phase == Phase::Open
            && !self.ecn.echoes();
        let is_told = self.events == Events::default()
            && !self.write_blocked
            && !self.lease.awaits_answer
            && self.unreported == Unreported::default();
        let is_well = self.probes == 0 && self.persist_backoff == 0 && !self.soft_error;
        is_settled && is_silent && is_told && is_well
    }
}

/// How long cwnd has not been validated, in units; a window is halved every five minutes of it, so
/// what does not fit into the byte counts for one halving and a half.
fn unvalidated_units(connection: &Connection) -> u8 {
    let unvalidated = connection.congestion.unvalidated_for(connection.last_active());
    u8::try_from(unvalidated.as_secs() / UNVALIDATED_UNIT.as_secs()).unwrap_or(u8::MAX)
}

/// A count in the width that the kernel's tcp_info gives it; it stops at the largest.
fn saturated(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
