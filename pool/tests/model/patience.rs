//! What a listener knows of how long peers let connections idle (rule I): the FINs that came, the
//! hints that were passed on, and since when each connection idles.

use wharf_pool::time::{Duration, Now};
use wharf_pool::{AddressId, CloseCause, SlotId};

use crate::naive::{Naive, Place};

const SEC: Duration = Duration::from_secs(1);

/// What round trips take, which is little enough to make no difference.
pub(crate) const ROUND_TRIP: Duration = Duration::from_millis(5);

/// Where the connection of a slot leads. One in four has no address.
pub(crate) fn address_of(slot: SlotId) -> Option<AddressId> {
    let address = match slot.to_bits() % 4 {
        0 => None,
        1 | 2 => Some(1),
        _ => Some(2),
    };
    address.map(AddressId)
}

/// All addresses.
pub(crate) const ADDRESSES: [AddressId; 2] = [AddressId(1), AddressId(2)];

/// How long the peer at the first address lets a connection idle. That at the second closes when it
/// likes to.
const LIMIT: Duration = Duration::from_millis(1100);

impl Naive {
    /// Everything that is free now idles from now on, unless it did before.
    pub(crate) fn rest(&mut self, now: Now) {
        for berth in self.berths.values_mut().filter(|berth| berth.place == Place::Free) {
            berth.place = Place::Idle;
            berth.proven = false;
            berth.since.get_or_insert(now.boot);
        }
    }

    /// The idle connection that its peer closes next, and in how long.
    pub(crate) fn next_fin(&self, now: Now) -> Option<(Duration, SlotId)> {
        let first = |slot: &SlotId| address_of(*slot) == Some(AddressId(1));
        let idle = self.slots(|place| *place == Place::Idle).into_iter().filter(first);
        let left = |slot| LIMIT.saturating_sub(self.idle_age(now, slot).unwrap_or_default());
        idle.map(|slot| (left(slot), slot)).min()
    }

    /// How long a connection has been idle.
    pub(crate) fn idle_age(&self, now: Now, slot: SlotId) -> Option<Duration> {
        Some(now.boot.since(self.berths[&slot].since?))
    }

    /// A peer has closed a connection.
    pub(crate) fn hear_fin(&mut self, now: Now, slot: SlotId) {
        let Some(address) = address_of(slot) else { return };
        let age = self.idle_age(now, slot).filter(|age| *age >= SEC);
        if let Some(age) = age.filter(|_| self.berths[&slot].carried) {
            self.fins.push((address, age));
        }
    }

    /// The pool closes a connection for `cause`: had it been idle for long enough?
    pub(crate) fn check_patience(&self, now: Now, slot: SlotId, cause: CloseCause) {
        let age = self.idle_age(now, slot).unwrap_or_default();
        if cause == CloseCause::KeepaliveHint {
            let hint = self.berths[&slot].hint.expect("a hint was given");
            // Without an address its handshake stands for the round trip, and may have been long.
            let in_time = address_of(slot).is_none() || age + SEC >= hint;
            assert!(in_time, "closed {age:?} old in spite of {hint:?}");
        }
        if cause == CloseCause::LearnedIdle {
            let address = address_of(slot).expect("of no address nothing is learned");
            let fins = self.fins.iter().filter(|(of, _)| *of == address);
            let mut ages: Vec<_> = fins.map(|(_, age)| *age).collect();
            ages.sort_unstable();
            assert!(ages.len() >= 3, "learned from {} FINs", ages.len());
            let agree = |some: &[Duration]| some[2] <= some[0] + some[0] / 20;
            assert!(ages.windows(3).any(agree), "learned from {ages:?}");
            assert!(age >= ages[0] / 100 * 85, "closed {age:?} old, learned from {ages:?}");
        }
    }
}
