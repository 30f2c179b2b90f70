//! Handles: small, copyable, and checked against a generation, so that a stale one finds nothing.

use core::fmt;

/// Declares a handle of an index and the generation of what stood there.
macro_rules! handle {
    ($(#[$meta:meta])* $name:ident, $letter:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name {
            pub(crate) index: u32,
            pub(crate) generation: u32,
        }

        impl $name {
            /// The handle as one number, for logs and for tables of others.
            #[must_use]
            pub const fn to_bits(self) -> u64 {
                (self.generation as u64) << 32 | self.index as u64
            }

            /// The handle of which `bits` are the number. Any number is safe: one that was never
            /// given out finds nothing.
            #[must_use]
            pub const fn from_bits(bits: u64) -> Self {
                let (generation, index) = halves(bits);
                Self { index, generation }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}.{}"), self.index, self.generation)
            }
        }
    };
}

/// The upper and the lower 32 bits.
const fn halves(bits: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = bits.to_be_bytes();
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

handle! {
    /// A route: what may share a connection.
    RouteId, "r"
}

handle! {
    /// A slot: room for one connection, from the attempt to connect until it is gone.
    SlotId, "s"
}

handle! {
    /// One who waits for a connection.
    WaiterId, "w"
}

/// A client, as the caller numbers them: a session, a process, a thread.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct ClientId(pub u64);

/// A security domain with an affinity tag, as the caller interns them. After its first lease a
/// connection serves equal keys alone, and those of their [family](FamilyId).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct KeyId(pub u32);

/// Keys of a route whose connections may serve each other, one domain after the other, once it is
/// proven that nothing is under way on them. A key belongs to one family or to none, always the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct FamilyId(pub u32);

/// Where a connection leads: address and port, as the caller numbers them. What a peer's behaviour
/// teaches is kept by it, whatever the route.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AddressId(pub u64);

/// The right of one client to use one connection, until it is released.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseId {
    /// The slot's index.
    pub(crate) index: u32,
    /// Which of the pool's leases this is, modulo 2^32.
    pub(crate) serial: u32,
    /// Who holds it.
    pub(crate) owner: ClientId,
}

impl LeaseId {
    /// The number that goes to the holder, who names the lease by it.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.serial as u64) << 32 | self.index as u64
    }

    /// The lease that `owner` names by `bits`. Any number is safe: the pool finds a number that
    /// was never given out, or was given to another, and says so.
    #[must_use]
    pub const fn from_bits(bits: u64, owner: ClientId) -> Self {
        let (serial, index) = halves(bits);
        Self { index, serial, owner }
    }

    /// Who holds it.
    #[must_use]
    pub const fn owner(self) -> ClientId {
        self.owner
    }
}

impl fmt::Debug for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "l{}.{}@{}", self.index, self.serial, self.owner.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_survive_the_way_through_a_number() {
        let slot = SlotId { index: 7, generation: 0xffff_fff0 };
        assert_eq!(SlotId::from_bits(slot.to_bits()), slot);
        let lease = LeaseId { index: 9, serial: u32::MAX, owner: ClientId(3) };
        assert_eq!(LeaseId::from_bits(lease.to_bits(), ClientId(3)), lease);
        assert_ne!(LeaseId::from_bits(lease.to_bits(), ClientId(4)), lease);
    }
}
