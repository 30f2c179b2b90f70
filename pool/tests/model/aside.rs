//! What a listener knows of addresses that are suspect or have failed (rule M).

use wharf_pool::stats::StateCounts;
use wharf_pool::time::{Duration, Instant, Now};
use wharf_pool::{AddressId, Event, RouteId, SlotId};

use crate::naive::{Naive, Place};
use crate::patience;

/// How long a connection may be set aside after its address is suspect no more.
const ASIDE: Duration = Duration::from_millis(60);

impl Naive {
    /// Something about an address.
    pub(crate) fn hear_of_address(&mut self, event: Event<u64>) {
        if let Event::Ask { slot, .. } = event {
            let place = self.berths.get(&slot).map(|berth| berth.place);
            let is_open = !matches!(place, None | Some(Place::Connecting | Place::Closing));
            assert!(is_open, "asked by way of what is {place:?}");
        } else if let Event::AddressFailed { address } = event {
            self.fail(address);
        } else if let Event::AddressRecovered { address } = event {
            assert!(self.failed.remove(&address), "{address:?} is as it was");
        } else if let Event::Knock { address } = event {
            assert!(self.failed.contains(&address), "a knock at what is well");
        }
    }

    /// An address has failed: what was opened before is dead.
    fn fail(&mut self, address: AddressId) {
        assert!(self.failed.insert(address), "{address:?} fails twice");
        let to = |slot: &SlotId| patience::address_of(*slot) == Some(address);
        for (_, berth) in self.berths.iter_mut().filter(|(slot, _)| to(slot)) {
            berth.dead = berth.place != Place::Connecting;
        }
    }

    /// Whether an idle connection may be set aside, which nobody is told of.
    pub(crate) fn may_be_aside(&self, now: Instant, slot: SlotId) -> bool {
        let last = patience::address_of(slot).and_then(|address| self.suspected.get(&address));
        last.is_some_and(|last| now.since(*last) <= ASIDE)
    }

    /// The pool counts what is here; of those that may be set aside it alone knows which are.
    pub(crate) fn check_counts(
        &self,
        now: Now,
        route: RouteId,
        said: StateCounts,
        known: StateCounts,
    ) {
        let idle = self.slots(|place| *place == Place::Idle).into_iter();
        let idle = idle.filter(|slot| self.berths[slot].route == route);
        let unsure = idle.filter(|slot| self.may_be_aside(now.monotonic, *slot)).count();
        let aside = said.suspect.saturating_sub(known.suspect);
        assert!(aside <= unsure, "{route:?}: {said:?}, known {known:?}");
        let known =
            StateCounts { idle: known.idle - aside, suspect: known.suspect + aside, ..known };
        assert_eq!(said, known, "{route:?}");
    }
}
