//! Who may wait: the limits of the queues, and rule A, which refuses at once whom the deadline would
//! refuse later.
//!
//! The prediction is coarse: it knows nothing of keys, and of deadlines before. So only what is out
//! by more than twice is refused, and never one who is among the first as many as there are leases:
//! somebody always waits, and leases go on to end and to tell how long they took.

use super::serve::Room;
use super::{Now, Pool, Refusal, Request};
use crate::lease::Denial;
use crate::ring::Place;
use crate::route_pool::Gate;
use crate::time::Duration;

/// A lease is refused if it would wait for more than so many times as long as it may.
const PATIENCE: u32 = 2;

impl<C: Copy> Pool<C> {
    /// Decides whether one more may wait. Idle connections were tried. One for whom an attempt or a
    /// proof can begin, or is under way and serves nobody else, is not measured against the queue's limits:
    /// those of a route are at most its `max_connecting` and its idle connections.
    pub(super) fn admit(&self, now: Now, route: u32, request: &Request) -> Result<(), Denial> {
        if let Some(denial) = self.backoff(now, route) {
            return Err(denial);
        }
        let pool = &self.routes[route];
        let coming = pool.connections.connecting + pool.covered;
        let served = match coming.checked_sub(pool.waiting) {
            Some(0) => {
                self.has_stock(now, request)
                    || matches!(self.room(now, route), Room::Free | Room::Evict(_))
            }
            Some(_) => true,
            None => false,
        };
        if served {
            return Ok(());
        }
        let place = self.place(route, request);
        let estimated_wait = self.predicted_wait(now, route, place);
        if pool.waiting >= pool.config.max_waiters || self.waiting >= self.config.max_waiters_total
        {
            return Err(Denial { estimated_wait, ..Refusal::QueueFull.into() });
        }
        let of_client = self.clients.get(&request.client).copied().unwrap_or(0);
        if of_client >= pool.config.max_waiters_per_client {
            return Err(Denial { estimated_wait, ..Refusal::Quota.into() });
        }
        if pool.gate == Gate::Paused {
            return Ok(());
        }
        let patience = request.deadline.since(now.monotonic).saturating_mul(PATIENCE);
        if place > self.servers(route) && estimated_wait.is_some_and(|wait| wait > patience) {
            return Err(Denial { estimated_wait, ..Refusal::WouldTimeOut.into() });
        }
        Ok(())
    }

    /// Connections of the route that come free sooner or later.
    fn servers(&self, route: u32) -> usize {
        let connections = self.routes[route].connections;
        connections.leased + connections.settling
    }

    /// In which place one more lease would be served, from one on.
    fn place(&self, route: u32, request: &Request) -> usize {
        let pool = &self.routes[route];
        let turns = Place { index: route, fresh: false };
        let place = self.of_clients.place_of(&pool.turns, turns, request.client);
        place.min(pool.waiting + 1)
    }

    /// How long the one in this place waits: so many leases have to end before, of those that are
    /// held.
    fn predicted_wait(&self, now: Now, route: u32, place: usize) -> Option<Duration> {
        let hold = self.routes[route].hold.at_least(now.monotonic)?;
        let servers = u32::try_from(self.servers(route)).ok().filter(|servers| *servers > 0)?;
        Some(hold.saturating_mul(u32::try_from(place).unwrap_or(u32::MAX)) / servers)
    }
}
