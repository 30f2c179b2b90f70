//! What the operator does: routes come and go, limits change, the pool drains and shuts down.

use super::{Now, Phase, Pool, PoolConfig, Refusal, RouteConfig, RouteId, RoutePool};
use crate::list::List;
use crate::slot::ByRoute;
use crate::token::CloseCause;

impl<C: Copy> Pool<C> {
    /// Adds a route. In a pool that drains it grants nothing.
    pub fn add_route(&mut self, config: RouteConfig) -> RouteId {
        let (index, generation) = self.routes.insert(RoutePool::new(config));
        let route = &mut self.routes[index];
        route.id = RouteId { index, generation };
        route.phase = self.phase;
        let id = route.id;
        self.keep_warm(index);
        id
    }

    /// Removes a route: it drains, and its handle ends with its last connection.
    pub fn remove_route(&mut self, now: Now, route: RouteId) {
        self.observe(now);
        let Some(index) = self.find_route(route) else { return };
        self.routes[index].removed = true;
        self.mark_draining(index, CloseCause::Drain);
        self.end_waiting(now, index);
        self.trim_now(now);
        if let Some(index) = self.find_route(route) {
            self.bury(index);
        }
    }

    /// Changes the pool's limits. Room that appears is used at once; what is too much is closed,
    /// the idle at once and the leased at release (rule L).
    pub fn configure(&mut self, now: Now, config: PoolConfig) {
        self.observe(now);
        let is_watched_anew = self.config.probe_after_idle != config.probe_after_idle;
        self.config = config;
        if is_watched_anew {
            self.watch_addresses(now);
        }
        self.trim_now(now);
        for route in self.route_indices() {
            self.use_room(now, route);
        }
    }

    /// Changes a route's limits, in the same way.
    pub fn configure_route(&mut self, now: Now, route: RouteId, config: RouteConfig) {
        self.observe(now);
        let Some(index) = self.find_route(route) else { return };
        // A reload tells of every route, and most stay as they are.
        if self.routes[index].config == config {
            return;
        }
        self.routes[index].config = config;
        self.rearm_all(now, self.routes[index].idle.back());
        self.rearm_all(now, self.routes[index].attempts.back());
        self.watch_all(now, index);
        self.join_trims(index);
        self.trim_now(now);
        self.use_room(now, index);
        self.keep_warm(index);
    }

    /// Grants no more leases on any route. Those who wait are refused, idle connections close,
    /// leased ones at release.
    pub fn drain(&mut self, now: Now) {
        self.end_leasing(now, CloseCause::Drain);
    }

    /// The same for one route.
    pub fn drain_route(&mut self, now: Now, route: RouteId) {
        self.observe(now);
        let Some(index) = self.find_route(route) else { return };
        self.mark_draining(index, CloseCause::Drain);
        self.end_waiting(now, index);
        self.trim_now(now);
    }

    /// Ends the pool as [`Pool::drain`] does, but with a cause that says so.
    pub fn shutdown(&mut self, now: Now) {
        self.end_leasing(now, CloseCause::Shutdown);
    }

    fn end_leasing(&mut self, now: Now, cause: CloseCause) {
        self.observe(now);
        self.phase = Phase::Draining(cause);
        let routes = self.route_indices();
        for &route in &routes {
            self.mark_draining(route, cause);
        }
        for &route in &routes {
            self.end_waiting(now, route);
        }
        self.trim_now(now);
    }

    /// Marks the connections of a route for closing.
    fn mark_draining(&mut self, route: u32, cause: CloseCause) {
        let pool = &mut self.routes[route];
        if pool.phase == Phase::Running {
            let leased = pool.connections.leased;
            pool.connections.drain(leased);
            self.connections.drain(leased);
        }
        pool.phase = Phase::Draining(cause);
        self.join_trims(route);
    }

    /// Tells those who wait on a draining route, and gives up its attempts to connect. The room
    /// that they took may be what another route waits for.
    fn end_waiting(&mut self, now: Now, route: u32) {
        while let Some(waiter) = self.routes[route].queue.front() {
            self.refuse(waiter, Refusal::Draining);
        }
        self.abandon_attempts(now, route);
        self.use_room(now, route);
    }

    pub(super) fn join_trims(&mut self, route: u32) {
        let pool = &mut self.routes[route];
        if !pool.trimmed {
            pool.trimmed = true;
            self.trims.push_back(pool.id);
        }
    }

    /// Arms the timers anew of a list's members, from `last` to the first.
    fn rearm_all(&mut self, now: Now, last: Option<u32>) {
        let mut next = last;
        while let Some(index) = next {
            self.rearm(now, index);
            next = List::<ByRoute>::before(&self.slots, index);
        }
    }

    fn route_indices(&self) -> Vec<u32> {
        self.routes.iter().map(|(index, _)| index).collect()
    }
}
