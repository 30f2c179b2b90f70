//! How many connections each route has to each address, those under way too and closing ones not.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use wharf_pool::RouteId;

/// The counts, none of them zero.
#[derive(Debug, Default)]
pub(super) struct Population {
    by_route: BTreeMap<RouteId, BTreeMap<SocketAddr, usize>>,
}

impl Population {
    /// One more.
    pub(super) fn join(&mut self, route: RouteId, address: SocketAddr) {
        *self.by_route.entry(route).or_default().entry(address).or_insert(0) += 1;
    }

    /// One less.
    pub(super) fn leave(&mut self, route: RouteId, address: SocketAddr) {
        let counts = self.by_route.get_mut(&route).expect("who leaves has joined");
        let count = counts.get_mut(&address).expect("who leaves has joined");
        *count -= 1;
        if *count == 0 {
            counts.remove(&address);
        }
        if counts.is_empty() {
            self.by_route.remove(&route);
        }
    }

    /// Connections of `route` to `address`.
    pub(super) fn of(&self, route: RouteId, address: SocketAddr) -> usize {
        self.by_route.get(&route).and_then(|counts| counts.get(&address)).copied().unwrap_or(0)
    }

    /// Routes and addresses that have one.
    pub(super) fn len(&self) -> usize {
        self.by_route.values().map(BTreeMap::len).sum()
    }

    /// Where the connections of `route` lead.
    pub(super) fn addresses(&self, route: RouteId) -> impl Iterator<Item = SocketAddr> {
        self.by_route.get(&route).into_iter().flat_map(|counts| counts.keys().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_and_go() {
        let mut population = Population::default();
        let (route, other) = (RouteId::from_bits(1), RouteId::from_bits(2));
        let address = |number| SocketAddr::from(([10, 0, 0, number], 80));
        for (route, number) in [(route, 2), (route, 1), (route, 2), (other, 3)] {
            population.join(route, address(number));
        }
        assert_eq!((population.of(route, address(2)), population.of(other, address(2))), (2, 0));
        assert!(population.addresses(route).eq([address(1), address(2)]));
        for number in [1, 2, 2] {
            population.leave(route, address(number));
        }
        assert_eq!(population.addresses(route).count(), 0);
        assert_eq!(population.by_route.len(), 1, "what is empty is not kept");
    }
}
