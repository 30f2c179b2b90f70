//! What a shard tells the control plane about itself, as plain owned data.
//!
//! A shard fills a [`Snapshot`] when it is asked ([`crate::control::door`]) and forgets it; the
//! control thread renders it as metrics text or as JSON. Nothing here points back into the shard,
//! so a slow scrape holds nothing up.
//!
//! Invariants: a [`Counts`] list names *every* word of its vocabulary, those at zero too, so each
//! series exists from the start; counters only grow while the process lives; gauges are read in
//! one turn and therefore agree with each other.
//!
//! It is *not* the place where anything is counted: the stack, the pool and the sessions keep
//! their own plain integers, and the shard copies them in.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use wharf_transport::stack::stats::Stats;

/// One count for each word of a vocabulary (causes, error tokens, reasons, codes).
pub type Counts = Vec<(&'static str, u64)>;

/// The RFC's eleven states in the order of [`Snapshot::tcp_states`], as metrics and JSON name them.
pub const TCP_STATES: [&str; 11] = [
    "closed",
    "listen",
    "syn_sent",
    "syn_received",
    "established",
    "fin_wait_1",
    "fin_wait_2",
    "close_wait",
    "closing",
    "last_ack",
    "time_wait",
];

/// Upper bounds of the buckets of a wait for a lease, in microseconds (POOL.md, section 4).
pub const WAIT_BOUNDS_US: &[u64] = &[10, 100, 1_000, 10_000, 50_000, 250_000, 1_000_000, 5_000_000];

/// Upper bounds for how long a lease is held, in microseconds: from one request to a long job.
pub const HOLD_BOUNDS_US: &[u64] =
    &[100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 60_000_000, 600_000_000];

/// Upper bounds for a connect, in microseconds: from the same host to several lost SYNs.
pub const CONNECT_BOUNDS_US: &[u64] =
    &[250, 1_000, 5_000, 25_000, 100_000, 500_000, 2_000_000, 8_000_000];

/// Upper bounds for the lag of the event loop, in microseconds: how late a turn began.
pub const LAG_BOUNDS_US: &[u64] = &[10, 50, 100, 500, 1_000, 5_000, 10_000, 100_000, 1_000_000];

/// Everything that one shard counts and holds, read in one turn.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The stack's counters.
    pub tcp: Stats,
    /// Connections by state, in the order of [`TCP_STATES`].
    pub tcp_states: [u64; 11],
    /// What went through the device.
    pub device: DeviceCounts,
    /// One entry a route, in the order of the configuration.
    pub routes: Vec<RouteCounts>,
    /// What the pool counts over all routes.
    pub pool: PoolCounts,
    /// Sessions and what they hold.
    pub clients: ClientCounts,
    /// Bytes of memory by kind, such as `send_buffers`, `receive_buffers`, `sessions`.
    pub memory_bytes: Counts,
    /// What TCP's buffers hold, and may.
    pub tcp_memory: TcpMemory,
    /// How late turns of the event loop began ([`LAG_BOUNDS_US`]).
    pub event_loop_lag: Distribution,
    /// True once the shard drains: no new lease is granted.
    pub draining: bool,
}

/// Memory of TCP's buffers, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TcpMemory {
    /// What counts against the limit: what is held, and promised beyond a buffer's beginning.
    pub used: u64,
    /// `transport.memory_limit`.
    pub limit: u64,
    /// `transport.memory_per_uid`.
    pub limit_per_uid: u64,
}

/// What went through the device, both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeviceCounts {
    /// Packets read from the device.
    pub in_packets: u64,
    /// Bytes of the packets read.
    pub in_bytes: u64,
    /// Batches that held at least one packet read.
    pub in_batches: u64,
    /// Packets the device took.
    pub out_packets: u64,
    /// Bytes of the packets the device took.
    pub out_bytes: u64,
    /// Batches that held at least one packet to send.
    pub out_batches: u64,
    /// Packets the device refused for lack of room; they are lost, as on a link.
    pub out_drops: u64,
    /// Reads that failed with an error other than "would block".
    pub in_errors: u64,
    /// Writes that failed with an error other than lack of room.
    pub out_errors: u64,
}

/// One route: what it holds now and what it has done.
#[derive(Clone, Debug, Default)]
pub struct RouteCounts {
    /// The route's name from the configuration; it becomes a label.
    pub name: String,
    /// How many connections the route may have (`max_per_route`).
    pub connections_limit: u64,
    /// Connections by state.
    pub connections: RouteConnections,
    /// Connections that would serve at once all who lease and all who wait, and leave ready what is
    /// kept so.
    pub connections_needed: u64,
    /// Connections opened, by cause: demand, prewarm, replace.
    pub opened: Counts,
    /// Leases granted, by source: idle, handoff, new.
    pub leases: Counts,
    /// Leases taken back, by result: reused, handoff, closed.
    pub releases: Counts,
    /// Connections closed, all causes together.
    pub closed: u64,
    /// Leases refused, all tokens together.
    pub lease_failures: u64,
    /// Connects that failed, all tokens together.
    pub connect_failures: u64,
    /// Idle connections closed to make room for a waiter who could not use them.
    pub evictions: u64,
    /// Attempts to connect that did not begin because a release came before.
    pub connects_elided: u64,
    /// For how long nobody connects after an attempt that failed; zero if anybody may.
    pub backoff: Duration,
    /// How long its peers let a connection idle, as far as was learned: of several the least, and
    /// zero if nothing was (rule I).
    pub learned_idle: Duration,
    /// Origins that an operator has paused.
    pub paused: u64,
    /// Origins that an operator denies.
    pub denied: u64,
    /// Leases that wait now.
    pub waiters: u64,
    /// How long the first of them has waited; zero without waiters.
    pub oldest_waiter: Duration,
    /// Leases that had to wait, since the start.
    pub waiters_queued: u64,
    /// Waiters who cancelled after a connection had been chosen for them (rule W).
    pub waiter_cancel_after_offer: u64,
    /// Leases held for longer than `lease_warn_after`.
    pub lease_overdue: u64,
    /// From request to grant ([`WAIT_BOUNDS_US`]).
    pub lease_wait: Distribution,
}

impl RouteCounts {
    /// Adds another route's figures, for routes that share one label. The oldest waiter of both is
    /// the older one, the rest the longer one.
    pub fn absorb(&mut self, other: &Self) {
        self.connections.absorb(&other.connections);
        absorb_counts(&mut self.opened, &other.opened);
        absorb_counts(&mut self.leases, &other.leases);
        absorb_counts(&mut self.releases, &other.releases);
        self.connections_limit = self.connections_limit.saturating_add(other.connections_limit);
        self.connections_needed += other.connections_needed;
        self.closed += other.closed;
        self.lease_failures += other.lease_failures;
        self.connect_failures += other.connect_failures;
        self.evictions += other.evictions;
        self.connects_elided += other.connects_elided;
        self.backoff = self.backoff.max(other.backoff);
        self.learned_idle = least_known(self.learned_idle, other.learned_idle);
        self.paused += other.paused;
        self.denied += other.denied;
        self.waiters += other.waiters;
        self.oldest_waiter = self.oldest_waiter.max(other.oldest_waiter);
        self.waiters_queued += other.waiters_queued;
        self.waiter_cancel_after_offer += other.waiter_cancel_after_offer;
        self.lease_overdue += other.lease_overdue;
        self.lease_wait.absorb(&other.lease_wait);
    }
}

/// The lesser of two figures of which zero is none.
fn least_known(one: Duration, other: Duration) -> Duration {
    if one.is_zero() || other.is_zero() { one.max(other) } else { one.min(other) }
}

/// Adds one list of counts to another; a word that was missing is added at its end.
fn absorb_counts(sum: &mut Counts, other: &Counts) {
    for (word, count) in other {
        match sum.iter_mut().find(|(known, _)| known == word) {
            Some((_, total)) => *total += count,
            None => sum.push((word, *count)),
        }
    }
}

/// One route's connections by state; their sum counts against the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RouteConnections {
    /// The handshake is under way.
    pub connecting: u64,
    /// Ready for the next lease.
    pub idle: u64,
    /// Held by a client.
    pub leased: u64,
    /// Given back, the last bytes not yet acknowledged (rule U).
    pub settling: u64,
    /// Being probed before it serves another security domain (rule Q).
    pub quarantined: u64,
    /// Being probed after a suspend or a silence (rules T and M).
    pub suspect: u64,
    /// Leased, will close at release.
    pub draining: u64,
}

impl RouteConnections {
    /// Each state's name and count, in the order of POOL.md, section 4.
    pub fn entries(&self) -> [(&'static str, u64); 7] {
        [
            ("connecting", self.connecting),
            ("idle", self.idle),
            ("leased", self.leased),
            ("settling", self.settling),
            ("quarantined", self.quarantined),
            ("suspect", self.suspect),
            ("draining", self.draining),
        ]
    }

    /// Adds another route's connections.
    pub fn absorb(&mut self, other: &Self) {
        self.connecting += other.connecting;
        self.idle += other.idle;
        self.leased += other.leased;
        self.settling += other.settling;
        self.quarantined += other.quarantined;
        self.suspect += other.suspect;
        self.draining += other.draining;
    }

    /// All that counts against the route's limit.
    pub fn total(&self) -> u64 {
        self.entries().iter().map(|(_, count)| count).sum()
    }
}

/// What the pool counts over all routes.
#[derive(Clone, Debug, Default)]
pub struct PoolCounts {
    /// Connections closed, by cause.
    pub closed: Counts,
    /// Leases refused, by the wire's error token.
    pub lease_failures: Counts,
    /// Connects that failed, by the wire's error token.
    pub connect_failures: Counts,
    /// Releases that were refused and changed nothing, by reason (rule R).
    pub release_rejected: Counts,
    /// Connections that broke under a lease before its first byte came back, by verdict.
    pub stale_lease_errors: Counts,
    /// Waiters woken, each by one release or one freed slot.
    pub waiters_woken: u64,
    /// Addresses that were asked whether they are there, because nothing came where something should.
    pub addresses_suspected: u64,
    /// Addresses that were given up because they did not answer (rule M).
    pub addresses_failed: u64,
    /// How long leases were held ([`HOLD_BOUNDS_US`]).
    pub lease_hold: Distribution,
    /// How long connects took, by outcome ([`CONNECT_BOUNDS_US`]).
    pub connect_duration: Vec<(&'static str, Distribution)>,
}

/// Sessions and what they hold, by user.
#[derive(Clone, Debug, Default)]
pub struct ClientCounts {
    /// One entry for each uid that the configuration names, and one called `other`.
    pub by_uid: Vec<UidCounts>,
    /// Frames that broke the protocol, by code.
    pub protocol_errors: Counts,
}

/// What the sessions of one user hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UidCounts {
    /// The uid in digits, or `other`.
    pub uid: String,
    /// Open sessions.
    pub sessions: u64,
    /// Leases held.
    pub leases: u64,
    /// Leases waited for.
    pub waiters: u64,
}

/// A histogram of durations: fixed buckets of plain integers, so recording costs no allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    bounds_us: &'static [u64],
    counts: Vec<u64>,
    sum: Duration,
}

impl Distribution {
    /// An empty distribution with these upper bounds, in microseconds and rising.
    pub fn new(bounds_us: &'static [u64]) -> Self {
        assert!(bounds_us.is_sorted(), "the bounds of a histogram rise");
        Self { bounds_us, counts: vec![0; bounds_us.len() + 1], sum: Duration::ZERO }
    }

    /// A distribution counted elsewhere: `counts` holds one number for each bound and a last one
    /// for what lies above them all, each value in exactly one of them.
    pub fn from_counts(bounds_us: &'static [u64], counts: &[u64], sum: Duration) -> Self {
        assert_eq!(counts.len(), bounds_us.len() + 1, "one count for each bound, and one above");
        Self { bounds_us, counts: counts.to_vec(), sum }
    }

    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let micros = duration.as_nanos().div_ceil(1_000);
        let bucket = self.bounds_us.partition_point(|bound| u128::from(*bound) < micros);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(duration);
    }

    /// Adds the values of another distribution with the same bounds.
    pub fn absorb(&mut self, other: &Self) {
        assert_eq!(self.bounds_us, other.bounds_us, "distributions added up have the same bounds");
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// The upper bounds, in microseconds.
    pub fn bounds_us(&self) -> &'static [u64] {
        self.bounds_us
    }

    /// Values at or below each bound, then all of them: what Prometheus calls `le`.
    pub fn cumulative(&self) -> impl Iterator<Item = (Option<u64>, u64)> + '_ {
        let bounds = self.bounds_us.iter().copied().map(Some).chain([None]);
        bounds.zip(&self.counts).scan(0_u64, |total, (bound, count)| {
            *total += count;
            Some((bound, *total))
        })
    }

    /// How many values were recorded.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of all values recorded.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// The upper bound of the bucket that holds this quantile, in microseconds; `None` when
    /// nothing was recorded or it lies above the last bound.
    pub fn quantile_us(&self, per_mille: u64) -> Option<u64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = (u128::from(count) * u128::from(per_mille)).div_ceil(1_000).max(1);
        self.cumulative().find(|(_, total)| u128::from(*total) >= rank).and_then(|(bound, _)| bound)
    }
}

impl Default for Distribution {
    /// An empty distribution of waits.
    fn default() -> Self {
        Self::new(WAIT_BOUNDS_US)
    }
}

/// One connection, as `wharf ss` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectionRow {
    /// The connection's number; with its generation, so it names one connection for ever.
    pub id: u64,
    /// Our address and port.
    pub local: SocketAddr,
    /// The peer's address and port.
    pub remote: SocketAddr,
    /// The TCP state's name, one of [`TCP_STATES`].
    pub state: &'static str,
    /// Bytes received and not yet taken by a client.
    pub recv_q: u64,
    /// Bytes written and not yet acknowledged.
    pub send_q: u64,
    /// The route's name; `None` for one that belongs to no route, such as one that lingers.
    pub route: Option<String>,
    /// The slot's state (`idle`, `leased`, ..); `None` for one that has left the pool.
    pub pool_state: Option<&'static str>,
    /// The uid of the lease's holder, when leased.
    pub uid: Option<u32>,
    /// The process that holds the lease, when leased.
    pub pid: Option<u32>,
    /// Milliseconds since the connection was established.
    pub age_ms: u64,
    /// Milliseconds since the last release, when idle.
    pub idle_ms: u64,
    /// Leases that this connection has served.
    pub uses: u64,
    /// A few of the figures that the kernel calls `tcp_info`.
    pub info: ConnectionInfo,
}

/// Figures of one connection, by the names of `tcp_info`. Where that counts segments, these are
/// bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConnectionInfo {
    /// Congestion control: `cubic` or `reno`.
    pub congestion: &'static str,
    /// Where loss recovery stands: `open`, `disorder`, `cwr`, `recovery` or `loss`.
    pub ca_state: &'static str,
    /// Whether timestamps are in use.
    pub timestamps: bool,
    /// Whether selective acknowledgements are in use.
    pub sack: bool,
    /// Whether explicit congestion notification is in use.
    pub ecn: bool,
    /// Shift of the peer's windows and of ours; `None` where they are not scaled.
    pub wscale: Option<(u8, u8)>,
    /// Smoothed round-trip time, in microseconds; zero before the first sample.
    pub rtt_us: u64,
    /// Its mean deviation, in microseconds.
    pub rttvar_us: u64,
    /// The least round trip of the last minutes, in microseconds; zero before the first sample.
    pub min_rtt_us: u64,
    /// Retransmission timeout, in microseconds.
    pub rto_us: u64,
    /// Doublings of the timeout that are in force.
    pub backoff: u64,
    /// Timeouts in a row.
    pub retransmits: u64,
    /// Window or keepalive probes unanswered.
    pub probes: u64,
    /// For how long an acknowledgement is held back, in microseconds; zero before text has come.
    pub ato_us: u64,
    /// Maximum segment size towards the peer, in bytes.
    pub mss: u64,
    /// Largest packet that the path is taken to carry, in bytes.
    pub pmtu: u64,
    /// The peer's, as its segments show it, in bytes.
    pub rcvmss: u64,
    /// The one that we announced, in bytes.
    pub advmss: u64,
    /// Congestion window, in bytes.
    pub cwnd_bytes: u64,
    /// Slow-start threshold, in bytes; `None` before the first loss.
    pub ssthresh_bytes: Option<u64>,
    /// The peer's window, in bytes.
    pub snd_wnd: u64,
    /// Our window, in bytes.
    pub rcv_wnd: u64,
    /// In flight, in bytes.
    pub unacked_bytes: u64,
    /// Of that, what the peer has reported by SACK.
    pub sacked_bytes: u64,
    /// Taken for lost, and not sent again yet.
    pub lost_bytes: u64,
    /// Sent again, and believed to be on its way.
    pub retrans_bytes: u64,
    /// Degree of reordering seen, in segments; 3 before any was.
    pub reordering: u64,
    /// Retransmissions that the peer has reported as duplicates.
    pub dsack_dups: u64,
    /// Written, and not sent yet, in bytes.
    pub notsent_bytes: u64,
    /// Bytes sent, retransmissions included.
    pub bytes_sent: u64,
    /// Bytes the peer has acknowledged.
    pub bytes_acked: u64,
    /// Bytes received in order.
    pub bytes_received: u64,
    /// Bytes sent again.
    pub bytes_retrans: u64,
    /// Segments sent.
    pub segs_out: u64,
    /// Segments received.
    pub segs_in: u64,
    /// Segments sent with text.
    pub data_segs_out: u64,
    /// Segments received with text.
    pub data_segs_in: u64,
    /// Segments sent again.
    pub total_retrans: u64,
    /// Segments that have arrived at the peer, each once.
    pub delivered: u64,
    /// Time in which text was written and not acknowledged, in microseconds.
    pub busy_us: u64,
    /// Size of the receive buffer as it is tuned now, in bytes.
    pub rcv_space: u64,
    /// Milliseconds since text was last sent.
    pub last_data_sent_ms: u64,
    /// Milliseconds since any segment was last received.
    pub last_ack_recv_ms: u64,
    /// Memory of the buffers, in bytes.
    pub buffer_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_the_bound_counts_below_it() {
        let mut distribution = Distribution::new(&[10, 100]);
        for micros in [10, 11, 100, 101] {
            distribution.record(Duration::from_micros(micros));
        }
        let cumulative: Vec<_> = distribution.cumulative().collect();
        assert_eq!(cumulative, [(Some(10), 1), (Some(100), 3), (None, 4)]);
        assert_eq!(distribution.sum(), Duration::from_micros(222));
    }

    #[test]
    fn a_part_of_a_microsecond_lies_above_the_bound() {
        let mut distribution = Distribution::new(&[10, 100]);
        distribution.record(Duration::from_nanos(10_001));
        assert_eq!(distribution.cumulative().next(), Some((Some(10), 0)));
    }

    #[test]
    fn quantiles_name_the_bucket_that_holds_them() {
        let distribution =
            Distribution::from_counts(&[10, 100], &[98, 1, 1], Duration::from_secs(1));
        assert_eq!(distribution.quantile_us(500), Some(10));
        assert_eq!(distribution.quantile_us(990), Some(100));
        assert_eq!(distribution.quantile_us(1_000), None);
        assert_eq!(Distribution::default().quantile_us(990), None);
    }

    #[test]
    fn distributions_with_the_same_bounds_add_up() {
        let mut sum = Distribution::from_counts(&[10], &[1, 2], Duration::from_secs(1));
        sum.absorb(&Distribution::from_counts(&[10], &[3, 4], Duration::from_secs(2)));
        assert_eq!(sum, Distribution::from_counts(&[10], &[4, 6], Duration::from_secs(3)));
    }

    #[test]
    #[should_panic(expected = "one count for each bound, and one above")]
    fn counts_that_do_not_fit_the_bounds_are_refused() {
        let _ = Distribution::from_counts(&[10], &[1], Duration::ZERO);
    }

    #[test]
    fn the_states_of_a_route_add_up() {
        let connections =
            RouteConnections { idle: 2, leased: 3, draining: 1, ..RouteConnections::default() };
        assert_eq!(connections.total(), 6);
    }
}
