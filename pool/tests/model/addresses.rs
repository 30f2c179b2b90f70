//! Which addresses a route has no more, as a listener knows it (rule D).

use wharf_pool::time::Instant;
use wharf_pool::{AddressId, RouteId, SlotId};

use crate::naive::{Naive, Place};
use crate::patience::address_of;

impl Naive {
    /// The route has this address no more, as far as its connections are concerned.
    pub(crate) fn remove_address(&mut self, route: RouteId, address: AddressId) {
        self.removed.insert((route, address));
        self.forget_addresses();
    }

    /// Whether a connection leads where its route has no address.
    pub(crate) fn is_astray(&self, slot: SlotId) -> bool {
        let way = address_of(slot).map(|address| (self.berths[&slot].route, address));
        way.is_some_and(|way| self.removed.contains(&way))
    }

    /// What was removed is forgotten with the last connection that leads there.
    pub(crate) fn forget_addresses(&mut self) {
        let berths = &self.berths;
        let leads = |route, address| {
            let there = berths.iter().filter(|(_, berth)| berth.place != Place::Connecting);
            let mut of_route = there.filter(|(_, berth)| berth.route == route);
            of_route.any(|(slot, _)| address_of(*slot) == Some(address))
        };
        self.removed.retain(|(route, address)| leads(*route, *address));
    }

    /// Nothing stays ready that leads where no address is.
    pub(crate) fn check_addresses(&self, now: Instant) {
        let idle = self.slots(|place| *place == Place::Idle).into_iter();
        for slot in idle.filter(|slot| !self.may_be_aside(now, *slot)) {
            assert!(!self.is_astray(slot), "{slot:?} is idle and leads to no address of its route");
        }
    }
}
