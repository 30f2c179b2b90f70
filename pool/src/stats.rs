//! What the pool counts, in plain integers. Names and labels are the daemon's; POOL.md, section 4.

use core::fmt;
use core::marker::PhantomData;

use crate::histogram::{CONNECT_BOUNDS, Histogram, LEASE_HOLD_BOUNDS, LEASE_WAIT_BOUNDS};
use crate::ids::RouteId;
use crate::route_pool::Gate;
use crate::slot::State;
use crate::time::Duration;
use crate::token::{
    CloseCause, ConnectError, ConnectOutcome, OpenCause, Refusal, ReleaseError, ReleaseResult,
    Source, Token,
};

/// One counter for each value of an enum.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Counts<T, const N: usize> {
    values: [u64; N],
    kind: PhantomData<T>,
}

impl<T: Token, const N: usize> Counts<T, N> {
    /// How often `value` was counted.
    #[must_use]
    pub fn of(&self, value: T) -> u64 {
        self.values[value.index()]
    }

    /// All counted together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.values.iter().sum()
    }

    /// Every value with its count, those never counted too.
    pub fn iter(&self) -> impl Iterator<Item = (T, u64)> + '_ {
        T::VALUES.iter().map(|&value| (value, self.of(value)))
    }

    /// Counts `value` once more.
    pub(crate) fn add(&mut self, value: T) {
        self.add_all(value, 1);
    }

    /// Counts `value` so many times more.
    pub(crate) fn add_all(&mut self, value: T, times: u64) {
        self.values[value.index()] += times;
    }
}

impl<T: Token, const N: usize> Default for Counts<T, N> {
    fn default() -> Self {
        const { assert!(N == T::VALUES.len(), "one counter for each value") };
        Self { values: [0; N], kind: PhantomData }
    }
}

impl<T: Token, const N: usize> fmt::Debug for Counts<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = self.iter().filter(|(_, count)| *count > 0);
        f.debug_map().entries(counted.map(|(value, count)| (value.name(), count))).finish()
    }
}

/// Connections closed, by cause.
pub type CloseCounts = Counts<CloseCause, { CloseCause::ALL.len() }>;
/// Connections opened, by cause.
pub type OpenCounts = Counts<OpenCause, { OpenCause::ALL.len() }>;
/// Leases granted, by source.
pub type SourceCounts = Counts<Source, { Source::ALL.len() }>;
/// Leases refused, by reason.
pub type RefusalCounts = Counts<Refusal, { Refusal::ALL.len() }>;
/// Leases released, by what became of the connection.
pub type ReleaseCounts = Counts<ReleaseResult, { ReleaseResult::ALL.len() }>;
/// Releases that changed nothing, by reason.
pub type RejectCounts = Counts<ReleaseError, { ReleaseError::ALL.len() }>;
/// Attempts to connect that failed, by error.
pub type ConnectErrorCounts = Counts<ConnectError, { ConnectError::ALL.len() }>;

/// Counters that have a label of kind cause, error or reason, and those of no route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PoolStats {
    /// Connections opened, by cause.
    pub opened: OpenCounts,
    /// Connections closed, by cause. Opened less closed is what is there, always.
    pub closed: CloseCounts,
    /// Attempts to connect that failed, by error.
    pub connect_failures: ConnectErrorCounts,
    /// How long attempts to connect took, by outcome; see [`PoolStats::connect_duration`].
    pub(crate) connect_durations: [Histogram; ConnectOutcome::ALL.len()],
    /// Leases granted, by source.
    pub leases: SourceCounts,
    /// Leases refused, by reason.
    pub lease_failures: RefusalCounts,
    /// How long leases were held.
    pub lease_hold: Histogram,
    /// Leases released, by what became of the connection. A settling one is counted when it has
    /// settled.
    pub releases: ReleaseCounts,
    /// Releases that changed nothing, by reason.
    pub releases_rejected: RejectCounts,
    /// Leases that had to wait.
    pub waiters_queued: u64,
    /// Waiters that were given a connection, one at a time.
    pub waiters_woken: u64,
    /// Waiters that withdrew after a connection had been given to them.
    pub cancels_after_offer: u64,
    /// Idle connections closed because their room was needed.
    pub evictions: u64,
    /// How often an address became suspect: it was silent where it should have answered.
    pub addresses_suspected: u64,
    /// How often the path to an address was given up.
    pub addresses_failed: u64,
}

impl PoolStats {
    /// How long attempts to connect took that ended with `outcome`.
    #[must_use]
    pub fn connect_duration(&self, outcome: ConnectOutcome) -> &Histogram {
        &self.connect_durations[outcome.index()]
    }
}

impl Default for PoolStats {
    fn default() -> Self {
        Self {
            opened: Counts::default(),
            closed: Counts::default(),
            connect_failures: Counts::default(),
            connect_durations: ConnectOutcome::ALL
                .iter()
                .map(|_| Histogram::new(&CONNECT_BOUNDS))
                .collect::<Vec<_>>()
                .try_into()
                .expect("one histogram for each outcome"),
            leases: Counts::default(),
            lease_failures: Counts::default(),
            lease_hold: Histogram::new(&LEASE_HOLD_BOUNDS),
            releases: Counts::default(),
            releases_rejected: Counts::default(),
            waiters_queued: 0,
            waiters_woken: 0,
            cancels_after_offer: 0,
            evictions: 0,
            addresses_suspected: 0,
            addresses_failed: 0,
        }
    }
}

/// Counters of one route. What [`PoolStats`] counts by cause, error or reason is a plain number
/// here, so that the number of series stays bounded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteStats {
    /// Connections opened, by cause.
    pub opened: OpenCounts,
    /// Connections closed.
    pub closed: u64,
    /// Attempts to connect that failed.
    pub connect_failures: u64,
    /// Leases granted, by source.
    pub leases: SourceCounts,
    /// Leases refused.
    pub lease_failures: u64,
    /// From the request to the grant, of every lease granted.
    pub lease_wait: Histogram,
    /// Leases released, by what became of the connection.
    pub releases: ReleaseCounts,
    /// Leases that had to wait.
    pub waiters_queued: u64,
    /// Attempts to connect that did not begin because a release came before.
    pub connects_elided: u64,
    /// Waiters that withdrew after a connection had been given to them.
    pub cancels_after_offer: u64,
    /// Idle connections of this route closed because their room was needed.
    pub evictions: u64,
}

impl Default for RouteStats {
    fn default() -> Self {
        Self {
            opened: Counts::default(),
            closed: 0,
            connect_failures: 0,
            leases: Counts::default(),
            lease_failures: 0,
            lease_wait: Histogram::new(&LEASE_WAIT_BOUNDS),
            releases: Counts::default(),
            waiters_queued: 0,
            connects_elided: 0,
            cancels_after_offer: 0,
            evictions: 0,
        }
    }
}

/// Connections by state.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct StateCounts {
    /// Attempts to connect under way.
    pub connecting: usize,
    /// Ready to be leased.
    pub idle: usize,
    /// Leased.
    pub leased: usize,
    /// Released, and waiting for the acknowledgement of what was sent.
    pub settling: usize,
    /// Being probed before another security domain may have it.
    pub quarantined: usize,
    /// Being probed, because the host slept, or set aside because their address is suspect.
    pub suspect: usize,
    /// Leased, and to be closed at release.
    pub draining: usize,
}

impl StateCounts {
    /// What counts against the limits: all of them.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.connecting + self.live()
    }

    /// Those that are connections: all but the attempts.
    #[must_use]
    pub const fn live(&self) -> usize {
        self.idle + self.leased + self.settling + self.quarantined + self.suspect + self.draining
    }

    /// The number of those in `state`, which is not closing.
    pub(crate) fn of_mut(&mut self, state: State, draining: bool) -> &mut usize {
        match state {
            State::Connecting { .. } => &mut self.connecting,
            State::Idle { .. } => &mut self.idle,
            State::Leased { .. } if draining => &mut self.draining,
            State::Leased { .. } => &mut self.leased,
            State::Settling { .. } => &mut self.settling,
            State::Suspect { .. } => &mut self.suspect,
            State::Quarantined { .. } => &mut self.quarantined,
            State::Closing => unreachable!("a closing connection counts against no limit"),
        }
    }

    /// Counts `leased` of those that are leased as draining.
    pub(crate) const fn drain(&mut self, leased: usize) {
        self.leased -= leased;
        self.draining += leased;
    }
}

/// How one route stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteSnapshot {
    /// Which.
    pub route: RouteId,
    /// Its connections by state.
    pub connections: StateCounts,
    /// Its limit of connections.
    pub limit: usize,
    /// Connections that would serve at once all who lease and all who wait, and leave ready what the
    /// route keeps so. More than its limit, if that is what they would take.
    pub needed: usize,
    /// Leases that are held for longer than `lease_warn_after`.
    pub overdue: usize,
    /// Leases that wait.
    pub waiters: usize,
    /// For how long the oldest of them has waited; zero if none does.
    pub oldest_waiter: Duration,
    /// For how long no attempt to connect begins, after one that failed; zero if one may.
    pub backoff: Duration,
    /// For how long no attempt begins, because a release is to be expected sooner; zero if one may.
    pub eliding: Duration,
    /// How long the peer lets a connection idle before it closes it, as far as was learned; of several
    /// addresses the least, and zero if nothing was learned.
    pub learned_idle: Duration,
    /// What an operator lets it do.
    pub gate: Gate,
    /// No lease is granted any more.
    pub draining: bool,
}
