//! Which idle connection a lease gets where that depends on where they lead.
//!
//! A list of idle connections knows nothing of addresses, and a lease may not look at all of it. It
//! looks at some from either end: those that were used last, and those that wait for longest. What it
//! takes from the far end comes back at the near one, so that the list turns and no address stays out
//! of sight while leases come.

use super::{Now, Pool};
use crate::appeal::Figure;
use crate::ids::LeaseId;
use crate::limits::Reuse;
use crate::list::List;
use crate::slot::ByKey;

/// Connections that are looked at from each end.
const LOOKS: usize = 8;

impl<C: Copy> Pool<C> {
    /// The connection of this lease had to send something again. Call before the release. Ignored
    /// unless the lease is held, and unless it is to a known address.
    pub fn on_loss(&mut self, now: Now, lease: LeaseId) {
        let Some(slot) = self.slot_of(lease) else { return };
        if let Some(address) = self.addresses.at_mut(self.slots[slot.index].address) {
            address.appeal.on_loss(now.monotonic);
        }
    }

    /// The connection of `list` that is leased next.
    pub(super) fn next_of(&self, now: Now, list: &List<ByKey>, reuse: Reuse) -> Option<u32> {
        match reuse {
            Reuse::Lifo => list.front(),
            Reuse::Fifo => list.back(),
            Reuse::Spread | Reuse::Best => {
                let after = |&index: &u32| List::<ByKey>::after(&self.slots, index);
                let before = |&index: &u32| List::<ByKey>::before(&self.slots, index);
                let last = core::iter::successors(list.front(), after).take(LOOKS);
                let first = core::iter::successors(list.back(), before).take(LOOKS);
                last.chain(first).min_by_key(|&index| self.figure(now, index, reuse))
            }
        }
    }

    /// How good it is to lease a connection. One that leads to no known address counts as one to an
    /// address that is never leased.
    fn figure(&self, now: Now, index: u32, reuse: Reuse) -> Figure {
        let address = self.addresses.at(self.slots[index].address);
        let (appeal, srtt) = address.map_or_else(Default::default, |it| (it.appeal, it.srtt()));
        match reuse {
            Reuse::Best => appeal.best(now.monotonic, srtt, self.serial),
            Reuse::Lifo | Reuse::Fifo | Reuse::Spread => appeal.spread(self.serial),
        }
    }
}
