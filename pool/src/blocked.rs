//! Routes whose waiters a limit of the whole pool stops, the one first whose next client has waited
//! longest for its turn.
//!
//! A route stands here once at most. Its place may be too early, since the client that gave it may
//! have had its turn or left; it is never too late, since clients join at the end. Who takes the
//! first out and finds that its next client is another puts it back.

use std::collections::BinaryHeap;

use crate::ids::RouteId;

/// A route that wants to connect and may not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BlockedRoute {
    /// The number of its next client's turn when the route came here.
    pub(crate) oldest: u64,
    pub(crate) route: RouteId,
}

impl Ord for BlockedRoute {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (other.oldest, other.route).cmp(&(self.oldest, self.route))
    }
}

impl PartialOrd for BlockedRoute {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The routes that wait for room in the pool.
#[derive(Debug, Default)]
pub(crate) struct Blocked {
    heap: BinaryHeap<BlockedRoute>,
}

impl Blocked {
    pub(crate) fn push(&mut self, route: BlockedRoute) {
        self.heap.push(route);
    }

    pub(crate) fn first(&self) -> Option<BlockedRoute> {
        self.heap.peek().copied()
    }

    /// Takes the first out.
    pub(crate) fn pop(&mut self) -> Option<BlockedRoute> {
        self.heap.pop()
    }

    /// Puts the first where a route whose next turn has this number belongs.
    pub(crate) fn postpone(&mut self, oldest: u64) {
        if let Some(mut first) = self.heap.peek_mut() {
            first.oldest = oldest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_route_that_waits_longest_for_its_turn_is_first() {
        let mut blocked = Blocked::default();
        for (oldest, route) in [(5, 1), (3, 2), (9, 3)] {
            blocked.push(BlockedRoute { oldest, route: RouteId::from_bits(route) });
        }
        assert_eq!(blocked.first().map(|first| first.oldest), Some(3));
        blocked.postpone(7);
        assert_eq!(blocked.first().map(|first| first.oldest), Some(5));
        blocked.pop();
        assert_eq!(blocked.first().map(|first| first.route), Some(RouteId::from_bits(2)));
    }
}
