//! `min_idle`: connections that a route keeps ready before anybody asks.
//!
//! What is missing is opened within a second by lot, so that routes and hosts that lost theirs
//! together do not come back together; where a limit or a rest stops it, it is tried again a second
//! later. Nobody is evicted for it, and those who wait come first.

use super::serve::Room;
use super::{Now, Pool};
use crate::time::{Duration, Instant};
use crate::token::OpenCause;

/// Within how long what is missing is opened, by lot; and how long after that it is tried again.
const SPREAD: Duration = Duration::from_secs(1);

impl<C: Copy> Pool<C> {
    /// Sees to it that a route that lacks idle connections will have them. Whatever may leave it with
    /// too few ends here.
    pub(super) fn keep_warm(&mut self, route: u32) {
        let Some(pool) = self.routes.at_mut(route) else { return };
        if pool.missing() == 0 {
            pool.gone = 0;
            return;
        }
        if pool.warms_at.is_some() {
            return;
        }
        let lot = u32::try_from(self.random.below(1_000)).expect("three digits");
        let at = self.seen + SPREAD / 1_000 * lot;
        self.warm_at(at, route);
    }

    /// Opens what a route lacks, as far as there is room, if it is time.
    pub(super) fn warm_up(&mut self, now: Now, route: u32) {
        if self.routes[route].warms_at.is_none_or(|at| now.monotonic < at) {
            return;
        }
        self.routes[route].warms_at = None;
        while self.routes[route].missing() > 0 {
            if self.room(now, route) != Room::Free {
                return self.warm_at(now.monotonic + SPREAD, route);
            }
            let cause = self.warming_cause(route);
            self.connect(now, route, cause);
        }
    }

    /// What the next connection is for that is opened to be ready: each that has ended is replaced by
    /// one.
    fn warming_cause(&mut self, route: u32) -> OpenCause {
        let pool = &mut self.routes[route];
        if pool.gone == 0 {
            return OpenCause::Prewarm;
        }
        pool.gone -= 1;
        OpenCause::Replace
    }

    /// A connection of the route has ended.
    pub(super) fn note_gone(&mut self, route: u32) {
        let pool = &mut self.routes[route];
        pool.gone = (pool.gone + 1).min(pool.config.min_idle);
    }

    fn warm_at(&mut self, at: Instant, route: u32) {
        let pool = &mut self.routes[route];
        pool.warms_at = Some(at);
        self.alarms.set(at, pool.id);
    }
}
