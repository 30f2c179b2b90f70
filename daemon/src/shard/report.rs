//! What the shard tells of itself: figures for metrics and status, one row for each connection.
//!
//! Everything is copied out; nothing here changes the shard.

use std::collections::BTreeMap;
use std::time::Duration;

use wharf_pool::histogram::Histogram;
use wharf_pool::stats::RouteSnapshot;
use wharf_pool::time::Now;
use wharf_pool::{ConnectOutcome, Gate, Token};
use wharf_transport::stack::ConnectionId;
use wharf_transport::tcp::{Info, State};

use super::connections::Role;
use super::{Shard, instant};
use crate::snapshot::{
    CONNECT_BOUNDS_US, ClientCounts, ConnectionInfo, ConnectionRow, Counts, Distribution,
    HOLD_BOUNDS_US, PoolCounts, RouteConnections, RouteCounts, Snapshot, TcpMemory, UidCounts,
    WAIT_BOUNDS_US,
};

impl Shard {
    /// All figures of this moment. The device's and the loop's own are the reactor's to add.
    #[must_use]
    pub fn snapshot(&self, now: Now) -> Snapshot {
        let mut tcp_states = [0; 11];
        for (count, state) in tcp_states.iter_mut().zip(State::ALL) {
            *count = self.stack.connections_in(state) as u64;
        }
        Snapshot {
            tcp: *self.stack.stats(),
            tcp_states,
            routes: self.route_counts(now),
            pool: self.pool_counts(),
            clients: self.client_counts(),
            memory_bytes: vec![("session_buffers", self.session_bytes())],
            tcp_memory: self.tcp_memory(),
            draining: self.draining.is_some(),
            ..Snapshot::default()
        }
    }

    /// One entry for each label: a pattern's routes are added up. Rules that no client has used
    /// yet are there too, so that their series exist.
    fn route_counts(&self, now: Now) -> Vec<RouteCounts> {
        let mut by_label: BTreeMap<String, RouteCounts> = BTreeMap::new();
        for rule in self.routes.rules() {
            let label = rule.label();
            let limit = rule.settings.max_per_route as u64;
            by_label.entry(label.clone()).or_insert_with(|| unused_route(label, limit));
        }
        for (route, upstream) in self.routes.iter() {
            let Some(counts) = self.counts_of(now, route, upstream.label.clone()) else {
                continue;
            };
            let entry = by_label
                .entry(upstream.label.clone())
                .or_insert_with(|| unused_route(upstream.label.clone(), 0));
            let limit = entry.connections_limit.max(counts.connections_limit);
            entry.absorb(&counts);
            entry.connections_limit = limit;
        }
        by_label.into_values().collect()
    }

    fn counts_of(&self, now: Now, route: wharf_pool::RouteId, name: String) -> Option<RouteCounts> {
        let snapshot = self.pool.route_snapshot(now, route)?;
        let stats = self.pool.route_stats(route)?;
        Some(RouteCounts {
            name,
            connections_limit: snapshot.limit as u64,
            connections_needed: snapshot.needed as u64,
            connections: connections(&snapshot),
            opened: counts(stats.opened.iter()),
            leases: counts(stats.leases.iter()),
            releases: counts(stats.releases.iter()),
            closed: stats.closed,
            lease_failures: stats.lease_failures,
            connect_failures: stats.connect_failures,
            evictions: stats.evictions,
            connects_elided: stats.connects_elided,
            backoff: snapshot.backoff,
            learned_idle: snapshot.learned_idle,
            paused: (snapshot.gate == Gate::Paused).into(),
            denied: (snapshot.gate == Gate::Denied).into(),
            waiters: snapshot.waiters as u64,
            oldest_waiter: snapshot.oldest_waiter,
            waiters_queued: stats.waiters_queued,
            waiter_cancel_after_offer: stats.cancels_after_offer,
            lease_overdue: snapshot.overdue as u64,
            lease_wait: distribution(WAIT_BOUNDS_US, &stats.lease_wait),
        })
    }

    fn pool_counts(&self) -> PoolCounts {
        let stats = self.pool.stats();
        let durations = ConnectOutcome::ALL.iter().map(|outcome| {
            let duration = stats.connect_duration(*outcome);
            (outcome.token(), distribution(CONNECT_BOUNDS_US, duration))
        });
        PoolCounts {
            closed: counts(stats.closed.iter()),
            // What clients were told, which is more than the pool's own refusals.
            lease_failures: self.tally.refused.iter().map(|(k, n)| (k.token(), n)).collect(),
            connect_failures: counts(stats.connect_failures.iter()),
            release_rejected: counts(stats.releases_rejected.iter()),
            stale_lease_errors: self.tally.lost.iter().map(|(k, n)| (k.token(), n)).collect(),
            waiters_woken: stats.waiters_woken,
            addresses_suspected: stats.addresses_suspected,
            addresses_failed: stats.addresses_failed,
            lease_hold: distribution(HOLD_BOUNDS_US, &stats.lease_hold),
            connect_duration: durations.collect(),
        }
    }

    /// Users are told apart only where the configuration names them; the rest is one.
    fn client_counts(&self) -> ClientCounts {
        let named: Vec<u32> = self
            .routes
            .rules()
            .iter()
            .flat_map(|rule| rule.access.allow_uids.iter().chain(&rule.access.deny_uids))
            .copied()
            .collect();
        let mut by_uid: BTreeMap<String, UidCounts> = BTreeMap::new();
        by_uid.insert(
            "other".to_owned(),
            UidCounts { uid: "other".to_owned(), ..UidCounts::default() },
        );
        for uid in &named {
            let uid = uid.to_string();
            by_uid.insert(uid.clone(), UidCounts { uid, ..UidCounts::default() });
        }
        for (uid, holding) in self.holdings.iter() {
            let label = if named.contains(&uid) { uid.to_string() } else { "other".to_owned() };
            let counts = by_uid.entry(label).or_default();
            counts.sessions += holding.sessions as u64;
            counts.leases += holding.leases as u64;
            counts.waiters += holding.waiters as u64;
        }
        let refused = self.tally.sessions_refused.iter();
        ClientCounts {
            by_uid: by_uid.into_values().collect(),
            protocol_errors: refused.map(|(token, count)| (token.token(), count)).collect(),
        }
    }

    fn tcp_memory(&self) -> TcpMemory {
        let (limit, limit_per_uid) = self.stack.memory_limits();
        TcpMemory {
            used: self.stack.memory_used() as u64,
            limit: limit as u64,
            limit_per_uid: limit_per_uid as u64,
        }
    }

    fn session_bytes(&self) -> u64 {
        self.sessions.iter().map(|(_, session)| session.buffered_bytes() as u64).sum()
    }

    /// One row for each connection of the stack.
    #[must_use]
    pub fn connection_rows(&self, now: Now) -> Vec<ConnectionRow> {
        let live = self.stack.connections();
        live.map(|(id, local, remote, state)| {
            let info = self.stack.info(instant(now), id).ok();
            let mut row = ConnectionRow {
                id: id.to_bits(),
                local,
                remote,
                state: state.name(),
                recv_q: self.stack.readable_bytes(id).unwrap_or(0) as u64,
                send_q: info
                    .map_or(0, |info| u64::from(info.unacked) + u64::from(info.notsent_bytes)),
                route: None,
                pool_state: None,
                uid: None,
                pid: None,
                age_ms: 0,
                idle_ms: 0,
                uses: 0,
                info: info.as_ref().map_or_else(ConnectionInfo::default, connection_info),
            };
            self.add_pool_side(now, id, &mut row);
            row
        })
        .collect()
    }

    /// What the pool and the sessions know of a connection.
    fn add_pool_side(&self, now: Now, id: ConnectionId, row: &mut ConnectionRow) {
        let Some(link) = self.connections.get(id) else {
            return;
        };
        row.route = Some(self.routes.label(link.route));
        row.age_ms = millis(now.monotonic.since(link.since));
        row.uses = u64::from(link.uses);
        row.pool_state = Some(match link.role {
            Role::Opening => "connecting",
            Role::Pooled => "idle",
            Role::Leased(_) => "leased",
            Role::Closing => "closing",
        });
        match link.role {
            Role::Pooled => row.idle_ms = millis(now.monotonic.since(link.touched)),
            Role::Leased(session) => {
                let session = self.sessions.get(session);
                row.uid = session.map(|session| session.peer.uid);
                row.pid = session.and_then(|session| u32::try_from(session.peer.pid).ok());
            }
            Role::Opening | Role::Closing => {}
        }
    }
}

/// A rule's series before any client has used it: everything zero, every word there.
fn unused_route(name: String, connections_limit: u64) -> RouteCounts {
    fn zeros<T: Token>() -> Counts {
        T::VALUES.iter().map(|value| (value.name(), 0)).collect()
    }
    RouteCounts {
        name,
        connections_limit,
        opened: zeros::<wharf_pool::OpenCause>(),
        leases: zeros::<wharf_pool::Source>(),
        releases: zeros::<wharf_pool::ReleaseResult>(),
        ..RouteCounts::default()
    }
}

fn counts<T: Token>(entries: impl Iterator<Item = (T, u64)>) -> Counts {
    entries.map(|(value, count)| (value.name(), count)).collect()
}

fn distribution(bounds_us: &'static [u64], histogram: &Histogram) -> Distribution {
    Distribution::from_counts(bounds_us, histogram.counts(), histogram.sum())
}

fn connections(snapshot: &RouteSnapshot) -> RouteConnections {
    let states = snapshot.connections;
    RouteConnections {
        connecting: states.connecting as u64,
        idle: states.idle as u64,
        leased: states.leased as u64,
        settling: states.settling as u64,
        quarantined: states.quarantined as u64,
        suspect: states.suspect as u64,
        draining: states.draining as u64,
    }
}

fn connection_info(info: &Info) -> ConnectionInfo {
    ConnectionInfo {
        congestion: info.congestion.name(),
        ca_state: info.ca_state.name(),
        timestamps: info.timestamps,
        sack: info.sack,
        ecn: info.ecn,
        wscale: info.window_scale.then_some((info.snd_wscale, info.rcv_wscale)),
        rtt_us: micros(info.rtt.unwrap_or_default()),
        rttvar_us: micros(info.rttvar),
        min_rtt_us: micros(info.min_rtt.unwrap_or_default()),
        rto_us: micros(info.rto),
        backoff: u64::from(info.backoff),
        retransmits: u64::from(info.retransmits),
        probes: u64::from(info.probes),
        ato_us: micros(info.ato),
        mss: u64::from(info.snd_mss),
        pmtu: u64::from(info.pmtu),
        rcvmss: u64::from(info.rcv_mss),
        advmss: u64::from(info.advmss),
        cwnd_bytes: u64::from(info.cwnd),
        ssthresh_bytes: (info.ssthresh != u32::MAX).then_some(u64::from(info.ssthresh)),
        snd_wnd: u64::from(info.snd_wnd),
        rcv_wnd: u64::from(info.rcv_wnd),
        unacked_bytes: u64::from(info.unacked),
        sacked_bytes: u64::from(info.sacked),
        lost_bytes: u64::from(info.lost),
        retrans_bytes: u64::from(info.retrans),
        reordering: u64::from(info.reordering),
        dsack_dups: u64::from(info.dsack_dups),
        notsent_bytes: u64::from(info.notsent_bytes),
        bytes_sent: info.bytes_sent,
        bytes_acked: info.bytes_acked,
        bytes_received: info.bytes_received,
        bytes_retrans: info.bytes_retrans,
        segs_out: info.segs_out,
        segs_in: info.segs_in,
        data_segs_out: info.data_segs_out,
        data_segs_in: info.data_segs_in,
        total_retrans: info.total_retrans,
        delivered: info.delivered,
        busy_us: micros(info.busy),
        rcv_space: u64::from(info.rcv_space),
        last_data_sent_ms: millis(info.last_data_sent),
        last_ack_recv_ms: millis(info.last_ack_recv),
        buffer_bytes: info.buffers as u64,
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_pool::histogram::{CONNECT_BOUNDS, LEASE_HOLD_BOUNDS, LEASE_WAIT_BOUNDS};

    #[test]
    fn the_buckets_shown_are_those_counted() {
        let pairs = [
            (WAIT_BOUNDS_US, LEASE_WAIT_BOUNDS),
            (HOLD_BOUNDS_US, LEASE_HOLD_BOUNDS),
            (CONNECT_BOUNDS_US, CONNECT_BOUNDS),
        ];
        for (shown, counted) in pairs {
            assert_eq!(shown, counted.map(micros));
        }
    }
}
