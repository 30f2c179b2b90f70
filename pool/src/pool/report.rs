//! How the pool stands: counters, counts by state, limits.

use super::{Now, Phase, Pool, PoolConfig, PoolStats, RouteId, RoutePool, StateCounts};
use crate::stats::{RouteSnapshot, RouteStats};
use crate::time::Duration;

impl<C: Copy> Pool<C> {
    /// What was counted over all routes.
    #[must_use]
    pub const fn stats(&self) -> &PoolStats {
        &self.stats
    }

    /// What was counted on one route.
    #[must_use]
    pub fn route_stats(&self, route: RouteId) -> Option<&RouteStats> {
        Some(&self.routes.get(route.index, route.generation)?.stats)
    }

    /// How one route stands.
    #[must_use]
    pub fn route_snapshot(&self, now: Now, route: RouteId) -> Option<RouteSnapshot> {
        let pool = self.routes.get(route.index, route.generation)?;
        Some(self.snapshot(now, pool))
    }

    /// How every route stands.
    pub fn route_snapshots(&self, now: Now) -> impl Iterator<Item = RouteSnapshot> {
        self.routes.iter().map(move |(_, pool)| self.snapshot(now, pool))
    }

    /// Connections of all routes by state.
    #[must_use]
    pub const fn connections(&self) -> StateCounts {
        self.connections
    }

    /// Connections that the pool has closed and the transport has not finished with.
    #[must_use]
    pub const fn closing(&self) -> usize {
        self.closing
    }

    /// Leases that wait, on all routes.
    #[must_use]
    pub const fn waiters(&self) -> usize {
        self.waiting
    }

    /// Keys in use, counted by route.
    #[must_use]
    pub const fn keys(&self) -> usize {
        self.groups.len()
    }

    /// The pool's limits.
    #[must_use]
    pub const fn limits(&self) -> &PoolConfig {
        &self.config
    }

    /// Nothing is left: no connection, no attempt, nobody who waits. The end of a drain.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.connections.total() == 0 && self.closing == 0 && self.waiting == 0
    }

    fn learned_idle(&self, pool: &RoutePool) -> Duration {
        let limits = pool.addresses.iter().filter_map(|&address| self.addresses.limit(address));
        limits.min().unwrap_or(Duration::ZERO)
    }

    fn snapshot(&self, now: Now, pool: &RoutePool) -> RouteSnapshot {
        let oldest = pool.queue.front().map(|waiter| self.waiters[waiter].arrived);
        RouteSnapshot {
            route: pool.id,
            connections: pool.connections,
            limit: pool.config.max_connections,
            needed: pool.needed(),
            overdue: pool.overdue,
            waiters: pool.waiting,
            oldest_waiter: oldest.map_or(Duration::ZERO, |arrived| now.monotonic.since(arrived)),
            backoff: pool.backoff.rest(now.monotonic).map_or(Duration::ZERO, |(rest, _)| rest),
            eliding: pool.elide_until.map_or(Duration::ZERO, |until| until.since(now.monotonic)),
            learned_idle: self.learned_idle(pool),
            gate: pool.gate,
            draining: pool.phase != Phase::Running,
        }
    }
}
