//! Moments at which a route is to be looked at again.
//!
//! An alarm is never taken back: who is woken finds out for itself whether there is anything to do.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::ids::RouteId;
use crate::time::Instant;

/// Alarms of routes, the next first.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    heap: BinaryHeap<Reverse<(Instant, RouteId)>>,
}

impl Alarms {
    pub(crate) fn set(&mut self, at: Instant, route: RouteId) {
        self.heap.push(Reverse((at, route)));
    }

    /// When the next one is.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes out one that is due.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<RouteId> {
        self.next().filter(|at| *at <= now)?;
        self.heap.pop().map(|Reverse((_, route))| route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    #[test]
    fn alarms_go_off_in_order_when_they_are_due() {
        let mut alarms = Alarms::default();
        let route = RouteId::from_bits;
        let after = |ms| Instant::ORIGIN + Duration::from_millis(ms);
        for (at, id) in [(5, 1), (3, 2), (9, 3)] {
            alarms.set(after(at), route(id));
        }
        assert_eq!(alarms.next(), Some(after(3)));
        let now = after(5);
        assert_eq!([alarms.pop(now), alarms.pop(now)], [Some(route(2)), Some(route(1))]);
        assert_eq!((alarms.pop(now), alarms.next()), (None, Some(after(9))));
    }
}
