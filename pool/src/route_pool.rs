//! One route's part of the pool: its limits, its idle connections, its waiters, its counts.

use crate::backoff::Backoff;
use crate::hold::Hold;
use crate::ids::{AddressId, RouteId};
use crate::limits::RouteConfig;
use crate::list::List;
use crate::ring::Ring;
use crate::slot::{ByKey, ByRoute};
use crate::stats::{RouteStats, StateCounts};
use crate::time::{Duration, Instant};
use crate::token::{CloseCause, ConnectError};
use crate::waiters::{OfClient, OfRoute};

/// Addresses that a route reports on, at most.
const ADDRESSES_MAX: usize = 8;

/// Whether a route grants leases.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Running,
    /// No lease is granted any more; what is released is closed for this cause.
    Draining(CloseCause),
}

/// What an operator lets a running route do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Gate {
    /// Leases are granted.
    Open,
    /// Leases wait.
    Paused,
    /// Leases are refused.
    Denied,
}

/// One route.
#[derive(Debug)]
pub(crate) struct RoutePool {
    pub(crate) id: RouteId,
    pub(crate) config: RouteConfig,
    pub(crate) phase: Phase,
    pub(crate) gate: Gate,
    /// How often its connections were to be replaced; older ones are not used again.
    pub(crate) epoch: u16,
    /// Why.
    pub(crate) renounced_for: CloseCause,
    /// The route goes when it is empty.
    pub(crate) removed: bool,
    pub(crate) connections: StateCounts,
    /// Connections that the transport is still closing.
    pub(crate) closing: usize,
    /// Idle connections that were never leased.
    pub(crate) unclaimed: List<ByKey>,
    /// All idle connections, the last released first.
    pub(crate) idle: List<ByRoute>,
    /// Attempts to connect.
    pub(crate) attempts: List<ByRoute>,
    /// Quarantined connections, the last one first.
    pub(crate) proving: List<ByRoute>,
    /// How many of its waiters will be served by those.
    pub(crate) covered: usize,
    /// All waiters, the oldest first.
    pub(crate) queue: List<OfRoute>,
    /// The same, client by client.
    pub(crate) turns: Ring<OfClient>,
    /// How many they are.
    pub(crate) waiting: usize,
    /// The last attempt failed with this, when the next waiter's number was this. Nothing once an
    /// attempt has succeeded.
    pub(crate) failure: Option<(u64, ConnectError)>,
    /// Addresses to which its last connections led, the last one last.
    pub(crate) addresses: Vec<AddressId>,
    /// How often attempts begin after one that failed.
    pub(crate) backoff: Backoff,
    /// The route stands among those that the pool's limits stop.
    pub(crate) blocked: bool,
    /// The route stands among those that the pool's limits keep below their share.
    pub(crate) starving: bool,
    /// The route has connections or waiters.
    pub(crate) active: bool,
    /// Connections that have ended since it last had all that it keeps ready, `min_idle` at most.
    pub(crate) gone: usize,
    /// When what is missing of `min_idle` is opened, monotonic.
    pub(crate) warms_at: Option<Instant>,
    /// How long leases are held.
    pub(crate) hold: Hold,
    /// Leases that are held for longer than `lease_warn_after`.
    pub(crate) overdue: usize,
    /// A release is to be expected before a handshake would be through: until then, in monotonic
    /// time, no attempt begins.
    pub(crate) elide_until: Option<Instant>,
    /// How long an attempt to connect takes until it has succeeded, smoothed.
    pub(crate) handshake: Duration,
    /// The route stands among those whose idle connections are too many.
    pub(crate) trimmed: bool,
    pub(crate) stats: RouteStats,
}

impl RoutePool {
    pub(crate) fn new(config: RouteConfig) -> Self {
        Self {
            id: RouteId::from_bits(0),
            config,
            phase: Phase::Running,
            gate: Gate::Open,
            epoch: 0,
            renounced_for: CloseCause::Reconnect,
            removed: false,
            connections: StateCounts::default(),
            closing: 0,
            unclaimed: List::new(),
            idle: List::new(),
            attempts: List::new(),
            proving: List::new(),
            covered: 0,
            queue: List::new(),
            turns: Ring::new(),
            waiting: 0,
            failure: None,
            addresses: Vec::new(),
            backoff: Backoff::default(),
            blocked: false,
            starving: false,
            active: false,
            gone: 0,
            warms_at: None,
            hold: Hold::default(),
            overdue: 0,
            elide_until: None,
            handshake: Duration::ZERO,
            trimmed: false,
            stats: RouteStats::default(),
        }
    }

    /// A connection to `address` was opened.
    pub(crate) fn note_address(&mut self, address: AddressId) {
        if let Some(place) = self.addresses.iter().position(|known| *known == address) {
            self.addresses.remove(place);
        } else if self.addresses.len() == ADDRESSES_MAX {
            self.addresses.remove(0);
        }
        self.addresses.push(address);
    }

    /// More waiters than attempts under way and connections being proven for them: rule E allows
    /// another attempt.
    pub(crate) const fn wants_connection(&self) -> bool {
        self.connections.connecting + self.covered < self.waiting
    }

    /// Quarantined connections for which nobody waits any more.
    pub(crate) const fn spare_proofs(&self) -> usize {
        self.connections.quarantined - self.covered
    }

    /// How many idle connections it lacks, those not counted that attempts and proofs under way will
    /// leave over.
    pub(crate) fn missing(&self) -> usize {
        let coming = (self.connections.connecting + self.covered).saturating_sub(self.waiting);
        let spare = coming + self.spare_proofs();
        match self.phase {
            Phase::Running if self.gate != Gate::Open => 0,
            Phase::Running => self.config.min_idle.saturating_sub(self.connections.idle + spare),
            Phase::Draining(_) => 0,
        }
    }

    /// How many connections would serve everybody at once, and leave ready what it keeps so.
    pub(crate) const fn needed(&self) -> usize {
        let kept = match self.phase {
            Phase::Running => self.config.min_idle,
            Phase::Draining(_) => 0,
        };
        // A lease on a route that drains counts as draining.
        let StateCounts { leased, settling, draining, .. } = self.connections;
        leased + settling + draining + self.waiting + kept
    }

    /// Nothing is left of it but its counters.
    pub(crate) const fn is_empty(&self) -> bool {
        self.connections.total() == 0 && self.closing == 0 && self.waiting == 0
    }
}
