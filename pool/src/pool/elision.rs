//! Rule E: no attempt to connect where a release will come before it is through.
//!
//! With n leases of a key that are held for H each, the next one ends in about H / n. If that is
//! well before a handshake would be through, the attempt waits for it, by one handshake at most.

use super::serve::Room;
use super::{Now, Pool, Source, Waiter};

/// The wait for a release has to be so many times shorter than a handshake.
const ADVANTAGE: u32 = 2;

impl<C: Copy> Pool<C> {
    /// Decides whether the attempt that a new waiter asks for is to wait for a release; if not,
    /// no attempt of its route waits any longer.
    pub(super) fn expect_release(&mut self, now: Now, waiter: u32) {
        let route = self.waiters[waiter].route;
        let elides = self.routes[route].elide_until;
        let is_eliding = elides.is_some_and(|until| now.monotonic < until);
        // Where no attempt can begin none has to wait, and nobody has to look when it may.
        if !is_eliding && !matches!(self.room(now, route), Room::Free | Room::Evict(_)) {
            return;
        }
        let Some(delay) = self.release_within(now, waiter) else {
            self.routes[route].elide_until = None;
            return;
        };
        let pool = &mut self.routes[route];
        if pool.elide_until.is_none_or(|until| until <= now.monotonic) {
            let until = now.monotonic + delay.min(pool.handshake);
            pool.elide_until = Some(until);
            self.alarms.set(until, pool.id);
        }
    }

    /// Counts an attempt that did not begin because a release came before.
    pub(super) fn count_elided(&mut self, now: Now, index: u32, source: Source) {
        let pool = &mut self.routes[self.slots[index].route];
        let is_eliding = pool.elide_until.is_some_and(|until| now.monotonic < until);
        if is_eliding && source == Source::Handoff {
            pool.stats.connects_elided += 1;
        }
    }

    /// How long it takes until a release serves this waiter too, if that is well before a handshake
    /// would be through.
    fn release_within(&self, now: Now, waiter: u32) -> Option<core::time::Duration> {
        let waits = &self.waiters[waiter];
        let (pool, group) = (&self.routes[waits.route], self.groups.at(waits.group));
        if waits.fresh || group.leased == 0 || self.is_beyond_limits(waits) {
            return None;
        }
        let hold = pool.hold.estimate(now.monotonic)?;
        let delay = hold.saturating_mul(group.waiting) / group.leased;
        (delay.saturating_mul(ADVANTAGE) < pool.handshake).then_some(delay)
    }

    /// Whether one waits only because an attempt could begin for it at once.
    fn is_beyond_limits(&self, waits: &Waiter) -> bool {
        let pool = &self.routes[waits.route];
        let of_client = self.clients.get(&waits.client).copied().unwrap_or(0);
        pool.waiting > pool.config.max_waiters
            || self.waiting > self.config.max_waiters_total
            || of_client > pool.config.max_waiters_per_client
    }
}
