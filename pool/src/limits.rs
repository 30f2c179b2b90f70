//! Limits of the pool and of a route. Each has a name and a unit, and is looked at again wherever
//! it counts: a changed limit needs no restart. The defaults are those of `configs/wharf.toml`, but
//! that no lease is watched: who asks for that must act on it.

use crate::event::Overdue;
use crate::time::Duration;

/// Part of `max_total` that connections may take which the pool has closed and the transport has
/// not yet finished with: a tenth. Beyond it they are reset.
pub(crate) const CLOSING_DIVISOR: usize = 10;

/// Limits of the whole pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PoolConfig {
    /// Connections at most, of all routes and in all states but closing.
    pub max_total: usize,
    /// Leases that may wait at most, on all routes. One for which an attempt to connect begins is
    /// let in beyond it.
    pub max_waiters_total: usize,
    /// Attempts to connect at most at a time.
    pub max_connecting_total: usize,
    /// How long a suspect connection has to answer its probe, and a quarantined one at most.
    pub probe_timeout: Duration,
    /// How many of the last things that happened to connections are remembered, for
    /// [`Pool::transitions`](crate::Pool::transitions); zero is none.
    pub journal: usize,
    /// How long an address to which connections idle may be silent before it is asked whether it is
    /// there; zero is for ever.
    pub probe_after_idle: Duration,
    /// How long a failed address is left alone before it is knocked at. Each time doubles it.
    pub knock_min: Duration,
    /// How long it is left alone at most.
    pub knock_max: Duration,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            max_total: 16_384,
            max_waiters_total: 8192,
            max_connecting_total: 256,
            probe_timeout: Duration::from_secs(2),
            journal: 0,
            probe_after_idle: Duration::ZERO,
            knock_min: Duration::from_millis(100),
            knock_max: Duration::from_secs(30),
        }
    }
}

/// In which order idle connections are leased again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Reuse {
    /// The last released first: what is not needed grows old and is reaped.
    #[default]
    Lifo,
    /// The first released first: all are used alike.
    Fifo,
    /// One to the address that has the fewest leases, and of those to the one whose last lease is
    /// longest ago. Of many connections only some are looked at.
    Spread,
    /// One to the address with the shortest round trip, of those without a loss of late. Of many
    /// connections only some are looked at.
    Best,
}

/// Limits and habits of one route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteConfig {
    /// Connections at most, in all states but closing.
    pub max_connections: usize,
    /// Leases that may wait at most. One for which an attempt to connect begins is let in beyond
    /// it, so that zero means: connect or refuse, but never queue.
    pub max_waiters: usize,
    /// Leases of one client that may wait at most, counted over all routes.
    pub max_waiters_per_client: usize,
    /// Attempts to connect at most at a time.
    pub max_connecting: usize,
    /// How long one attempt to connect may take. It does not depend on any waiter's deadline;
    /// zero is no limit.
    pub connect_timeout: Duration,
    /// How long the route rests after a failed attempt to connect. Each failure after a rest doubles
    /// it.
    pub backoff_min: Duration,
    /// How long it rests at most; zero is not at all.
    pub backoff_max: Duration,
    /// How long a connection may be idle; zero is for ever.
    pub idle_timeout: Duration,
    /// How old a connection may become, less up to a tenth drawn once per connection; zero is for
    /// ever.
    pub max_lifetime: Duration,
    /// How many leases a connection may serve; zero is any number.
    pub max_uses: u32,
    /// Idle connections that the route keeps ready; no other route's need evicts them.
    pub min_idle: usize,
    /// Which idle connection is leased first.
    pub reuse: Reuse,
    /// How long a lease may be held unused before [`Event::Overdue`](crate::Event::Overdue) says so;
    /// zero is for ever.
    pub first_use_timeout: Duration,
    /// How long a lease may be held before it is said to be overdue; zero is for ever.
    pub lease_warn_after: Duration,
    /// How long a lease may be held before it is said to have had its time; zero is for ever.
    pub lease_max: Duration,
}

impl RouteConfig {
    /// How long a lease may be held before its owner hears each of these.
    pub(crate) const fn overdue_after(&self) -> [(Overdue, Duration); 3] {
        [
            (Overdue::FirstUse, self.first_use_timeout),
            (Overdue::Warn, self.lease_warn_after),
            (Overdue::Max, self.lease_max),
        ]
    }

    /// Whether somebody wants to hear of leases that are held for long.
    pub(crate) const fn watches_leases(&self) -> bool {
        !(self.first_use_timeout.is_zero()
            && self.lease_warn_after.is_zero()
            && self.lease_max.is_zero())
    }
}

impl Default for RouteConfig {
    fn default() -> Self {
        Self {
            max_connections: 256,
            max_waiters: 1024,
            max_waiters_per_client: 256,
            max_connecting: 8,
            connect_timeout: Duration::from_secs(3),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(50),
            max_lifetime: Duration::from_secs(600),
            max_uses: 0,
            min_idle: 0,
            reuse: Reuse::Lifo,
            first_use_timeout: Duration::ZERO,
            lease_warn_after: Duration::ZERO,
            lease_max: Duration::ZERO,
        }
    }
}
