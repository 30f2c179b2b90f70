//! Limits and switches of one connection.

use crate::time::Duration;
use crate::wire::SeqNumber;

use super::path::PathRecord;

/// Largest buffer a connection may have: half of what a window of scale 14 can offer, so that
/// sequence arithmetic has room to spare (RFC 7323, section 2.3).
const BUFFER_MAX: usize = 1 << 29;

/// Longest delay of an acknowledgement that counts. RFC 9293, section 3.8.6.3 (MUST-40): less than
/// 0.5 s.
const DELAYED_ACK_MAX: Duration = Duration::from_millis(499);

/// Least number of probes: one that is lost, or whose answer is, says nothing. RFC 9293, section
/// 3.8.4 (MUST-29).
const PROBES_MIN: u8 = 2;

/// What a connection may use, and how it behaves. The default suits request and response over paths
/// up to a few hundred milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Most bytes received and not read yet, and the largest window offered to the peer. The buffer
    /// grows up to it as the path needs it.
    pub receive_buffer: usize,
    /// Most bytes written and not acknowledged yet. The buffer grows up to it with the congestion
    /// window.
    pub send_buffer: usize,
    /// What each of the two begins with, if it may be so large. 64 KiB is what an unscaled window can
    /// say, and what Linux offers in its SYN.
    pub buffer_start: usize,
    /// Whether to offer window scaling: RFC 7323, section 2.
    pub window_scale: bool,
    /// Whether to offer selective acknowledgements: RFC 2018.
    pub sack: bool,
    /// Whether to offer timestamps: RFC 7323, section 3.
    pub timestamps: bool,
    /// Whether to hold small segments back while text is unacknowledged: RFC 9293, section 3.7.4.
    /// Off by default: what writes here are bridges, which hand over whole reads.
    pub nagle: bool,
    /// Longest delay of an acknowledgement: 40 ms is Linux's. RFC 9293, section 3.8.6.3 wants less
    /// than 500 ms, and more counts as 499.
    pub delayed_ack: Duration,
    /// RTO before the first measurement. RFC 6298, section 2: 1 s.
    pub rto_initial: Duration,
    /// Lower bound of RTO. RFC 6298, section 2.4 asks for 1 s; 200 ms is Linux's, above the delayed
    /// acknowledgements of the peers we meet.
    pub rto_min: Duration,
    /// Upper bound of RTO. RFC 6298, section 2.5: at least 60 s.
    pub rto_max: Duration,
    /// What two readings of the caller's clock may be wrong by. Times are compared beyond that
    /// alone, so that a coarse clock does not make a loss of what is only late: RFC 8985, section 4.
    pub clock_resolution: Duration,
    /// R2 of RFC 9293, section 3.8.3 for SYNs: how often one is sent again before the attempt
    /// fails. 7 last 183 s, above the 3 minutes it asks for (MUST-23); Linux's 6 do not.
    pub syn_retries: u8,
    /// R2 of RFC 9293, section 3.8.3 in retransmissions: how often a segment is sent again before
    /// the connection is given up. 15 last about 15 minutes, above the 100 s it asks for.
    pub retries: u8,
    /// Probing of idle connections; none if absent: RFC 9293, section 3.8.4.
    pub keepalive: Option<Keepalive>,
    /// How long written bytes may stay unacknowledged; `None` leaves it to `retries`: RFC 5482.
    pub user_timeout: Option<Duration>,
    /// Length of TIME-WAIT. RFC 9293 asks for 2 MSL, 4 minutes; 60 s is Linux's.
    pub time_wait: Duration,
    /// The algorithm of congestion control.
    pub congestion: Congestion,
    /// Whether to offer explicit congestion notification, and to agree to the peer's offer: RFC
    /// 3168. Off by default, as Linux offers none.
    pub ecn: bool,
    /// Whether to spread all new text over the round trip. Off by default: acknowledgements clock
    /// what leaves, and what follows a pause is spread in any case.
    pub pacing: bool,
    /// How long a connection without owner may go without progress before it is reset.
    pub orphan_timeout: Duration,
}

/// The algorithms of congestion control.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Congestion {
    /// CUBIC: RFC 9438.
    #[default]
    Cubic,
    /// Reno: RFC 5681.
    Reno,
}

impl Congestion {
    /// Its name, as the kernel's `tcp_congestion_control` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cubic => "cubic",
            Self::Reno => "reno",
        }
    }
}

/// When and how often an idle connection is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe.
    pub idle: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// Probes that may go unanswered; less than 2 count as 2.
    pub probes: u8,
}

impl Default for Keepalive {
    /// Two hours of silence, the least that RFC 9293 has for a default (MUST-28); then what Linux
    /// does.
    fn default() -> Self {
        Self { idle: Duration::from_secs(7_200), interval: Duration::from_secs(75), probes: 9 }
    }
}

impl Keepalive {
    pub(super) fn bounded(self) -> Self {
        Self { probes: self.probes.max(PROBES_MIN), ..self }
    }
}

/// What a connection is given at its birth by those who know its tuple and its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// ISS: the initial sequence number (see [`super::Isn`]).
    pub isn: SeqNumber,
    /// Added to the clock in every timestamp, so that it tells nothing of the host's uptime: RFC
    /// 7323, section 5.4 (see [`super::timestamp_offset`]).
    pub timestamp_offset: u32,
    /// Largest text of one packet on this path: the MSS that we announce, and send at most.
    pub mss: u16,
    /// Segment size to assume of a peer that names none: [`Start::default_mss`] of the family. No
    /// path is taken to carry less.
    pub peer_mss: u16,
    /// Whether its packets are IPv4's; if not, they are IPv6's.
    pub ipv4: bool,
    /// What earlier connections to the same place have left: RFC 9040.
    pub path: PathRecord,
}

impl Start {
    /// What every host of a family can take in: RFC 9293, section 3.7.1 (MUST-15).
    #[must_use]
    pub const fn default_mss(is_ipv4: bool) -> u16 {
        if is_ipv4 { 536 } else { 1220 }
    }

    /// Bytes of a packet that its IP and TCP headers take, options not counted.
    pub(super) const fn headers(&self) -> u16 {
        if self.ipv4 { 40 } else { 60 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            receive_buffer: 256 << 10,
            send_buffer: 256 << 10,
            buffer_start: 64 << 10,
            window_scale: true,
            sack: true,
            timestamps: true,
            nagle: false,
            delayed_ack: Duration::from_millis(40),
            rto_initial: Duration::from_secs(1),
            rto_min: Duration::from_millis(200),
            rto_max: Duration::from_secs(60),
            clock_resolution: Duration::from_micros(1),
            syn_retries: 7,
            retries: 15,
            keepalive: None,
            user_timeout: None,
            time_wait: Duration::from_secs(60),
            congestion: Congestion::Cubic,
            ecn: false,
            pacing: false,
            orphan_timeout: Duration::from_secs(60),
        }
    }
}

impl Config {
    /// The same within what sequence arithmetic can bear, buffers of 1 byte to 512 MiB, and within
    /// what RFC 9293 allows.
    #[must_use]
    pub(super) fn bounded(self) -> Self {
        Self {
            receive_buffer: self.receive_buffer.clamp(1, BUFFER_MAX),
            send_buffer: self.send_buffer.clamp(1, BUFFER_MAX),
            buffer_start: self.buffer_start.clamp(1, BUFFER_MAX),
            delayed_ack: self.delayed_ack.min(DELAYED_ACK_MAX),
            keepalive: self.keepalive.map(Keepalive::bounded),
            ..self
        }
    }

    /// The shift that lets 16 bits express the whole receive buffer: RFC 7323, section 2.3.
    pub(super) fn receive_shift(&self) -> u8 {
        if !self.window_scale {
            return 0;
        }
        (0..crate::wire::options::WINDOW_SCALE_MAX)
            .find(|shift| self.receive_buffer >> shift <= usize::from(u16::MAX))
            .unwrap_or(crate::wire::options::WINDOW_SCALE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shift_is_the_least_that_covers_the_buffer() {
        for (buffer, shift) in
            [(1, 0), (65_535, 0), (65_536, 1), (256 << 10, 3), (1 << 20, 5), (BUFFER_MAX, 14)]
        {
            let config = Config { receive_buffer: buffer, ..Config::default() };
            assert_eq!(config.receive_shift(), shift, "{buffer}");
            let without = Config { window_scale: false, ..config };
            assert_eq!(without.receive_shift(), 0);
        }
    }

    #[test]
    fn absurd_buffers_are_bounded() {
        let config = Config { receive_buffer: 0, send_buffer: usize::MAX, ..Config::default() };
        let bounded = config.bounded();
        assert_eq!((bounded.receive_buffer, bounded.send_buffer), (1, BUFFER_MAX));
    }

    #[test]
    fn an_acknowledgement_is_never_delayed_by_half_a_second() {
        for (delay, counts) in [(40, 40), (499, 499), (500, 499), (10_000, 499)] {
            let delayed_ack = Duration::from_millis(delay);
            let bounded = Config { delayed_ack, ..Config::default() }.bounded();
            assert_eq!(bounded.delayed_ack, Duration::from_millis(counts));
        }
    }

    #[test]
    fn keepalive_is_off_by_default_and_two_hours_when_it_is_on() {
        assert_eq!(Config::default().keepalive, None);
        assert!(Keepalive::default().idle >= Duration::from_secs(2 * 3_600));
    }

    #[test]
    fn one_lost_probe_is_no_dead_peer() {
        for (probes, counts) in [(0, 2), (1, 2), (2, 2), (9, 9)] {
            let keepalive = Some(Keepalive { probes, ..Keepalive::default() });
            let bounded = Config { keepalive, ..Config::default() }.bounded();
            assert_eq!(bounded.keepalive.map(|it| it.probes), Some(counts));
        }
    }
}
