//! Where the connections of each route lead: how many to which address, and which addresses the route
//! has no more (rule D).
//!
//! An address is removed for the connections that are there; with the last of them the mark goes too,
//! so that there are never more marks than connections.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::arena::NIL;

/// A route and an address, by their indices.
type Way = (u32, u32);

#[derive(Clone, Copy, Debug, Default)]
struct Destination {
    /// Connections of the route to the address, closing ones too.
    members: u32,
    /// The address is the route's no more.
    is_removed: bool,
}

/// All ways that connections lead.
#[derive(Debug)]
pub(crate) struct Destinations {
    by_way: HashMap<Way, Destination, FixedState>,
    /// How many are removed.
    removed: usize,
}

impl Destinations {
    pub(crate) fn new(seed: u64) -> Self {
        Self { by_way: HashMap::with_hasher(FixedState::with_seed(seed)), removed: 0 }
    }

    /// A connection of `route` leads to `address`; `NIL` is no address.
    pub(crate) fn join(&mut self, route: u32, address: u32) {
        if address != NIL {
            self.by_way.entry((route, address)).or_default().members += 1;
        }
    }

    /// One is gone.
    pub(crate) fn leave(&mut self, route: u32, address: u32) {
        if address == NIL {
            return;
        }
        let way = (route, address);
        let found = self.by_way.get_mut(&way).expect("who leaves has joined");
        found.members -= 1;
        if found.members == 0 {
            self.removed -= usize::from(found.is_removed);
            self.by_way.remove(&way);
        }
    }

    /// Says whether `address` is one of the route's. Nothing to say if no connection leads there.
    /// Returns whether that is news.
    pub(crate) fn mark(&mut self, route: u32, address: u32, is_removed: bool) -> bool {
        let Some(found) = self.by_way.get_mut(&(route, address)) else { return false };
        let is_news = core::mem::replace(&mut found.is_removed, is_removed) != is_removed;
        if is_news && is_removed {
            self.removed += 1;
        } else if is_news {
            self.removed -= 1;
        }
        is_news
    }

    /// Whether the address is the route's no more.
    #[inline]
    pub(crate) fn is_removed(&self, route: u32, address: u32) -> bool {
        self.removed > 0 && self.by_way.get(&(route, address)).is_some_and(|found| found.is_removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_of_one_route_and_goes_with_its_last_connection() {
        let mut destinations = Destinations::new(1);
        for (route, address) in [(1, 7), (1, 7), (2, 7), (1, NIL)] {
            destinations.join(route, address);
        }
        assert!(destinations.mark(1, 7, true) && !destinations.mark(1, 7, true));
        assert!(!destinations.mark(1, 8, true), "no connection leads there");
        assert!(destinations.is_removed(1, 7) && !destinations.is_removed(2, 7));
        for _ in 0..2 {
            assert!(destinations.is_removed(1, 7));
            destinations.leave(1, 7);
        }
        destinations.leave(1, NIL);
        destinations.join(1, 7);
        assert!(!destinations.is_removed(1, 7));
        assert_eq!((destinations.by_way.len(), destinations.removed), (2, 0));
    }

    #[test]
    fn an_address_that_comes_back_is_good_again() {
        let mut destinations = Destinations::new(1);
        destinations.join(1, 7);
        assert!(destinations.mark(1, 7, true) && destinations.mark(1, 7, false));
        assert!(!destinations.is_removed(1, 7));
        assert_eq!(destinations.removed, 0);
    }
}
