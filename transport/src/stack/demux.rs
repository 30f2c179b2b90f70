//! From a four-tuple to what has it: a hash table under a secret key.
//!
//! Tuples are in part what outsiders choose (their address and port towards a listener), so the
//! hash is keyed: nobody can aim at one bucket. Finding costs the same whatever the number of
//! connections.

use core::hash::{BuildHasher, Hash, Hasher};

use hashbrown::HashMap;
use siphasher::sip::SipHasher13;

use super::tuple::FourTuple;

/// Builds hashers under one key.
#[derive(Clone, Debug)]
struct Keyed([u8; 16]);

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.0)
    }
}

impl Hash for FourTuple {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.to_bytes());
    }
}

/// Numbers (of a slot, of a place in a queue) by tuple.
#[derive(Debug)]
pub(super) struct Demux(HashMap<FourTuple, u32, Keyed>);

impl Demux {
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self(HashMap::with_hasher(Keyed(key)))
    }

    pub(super) fn find(&self, tuple: &FourTuple) -> Option<u32> {
        self.0.get(tuple).copied()
    }

    pub(super) fn contains(&self, tuple: &FourTuple) -> bool {
        self.0.contains_key(tuple)
    }

    /// Files `number` under a tuple that is not taken.
    pub(super) fn insert(&mut self, tuple: FourTuple, number: u32) {
        let before = self.0.insert(tuple, number);
        assert!(before.is_none(), "two owners of one tuple");
    }

    /// Removes the tuple if it is filed under `number`; another owner's stays.
    pub(super) fn remove(&mut self, tuple: &FourTuple, number: u32) {
        if self.find(tuple) == Some(number) {
            self.0.remove(tuple);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tuple::Addresses;
    use super::*;

    fn tuple(port: u16) -> FourTuple {
        let addresses = Addresses::new(vec!["fd00::1".parse().unwrap()]);
        let local = addresses.find("fd00::1".parse().unwrap()).unwrap();
        FourTuple::new(local, port, "[2001:db8::2]:443".parse().unwrap())
    }

    #[test]
    fn a_tuple_is_found_until_its_owner_removes_it() {
        let mut demux = Demux::new([3; 16]);
        demux.insert(tuple(1), 10);
        demux.insert(tuple(2), 20);
        assert_eq!((demux.find(&tuple(1)), demux.find(&tuple(2))), (Some(10), Some(20)));
        demux.remove(&tuple(1), 99);
        assert!(demux.contains(&tuple(1)), "only the owner removes");
        demux.remove(&tuple(1), 10);
        assert_eq!(demux.find(&tuple(1)), None);
        assert_eq!(demux.len(), 1);
    }

    #[test]
    fn the_key_decides_the_hash() {
        assert_ne!(Keyed([1; 16]).hash_one(tuple(1)), Keyed([2; 16]).hash_one(tuple(1)));
        assert_eq!(Keyed([1; 16]).hash_one(tuple(1)), Keyed([1; 16]).hash_one(tuple(1)));
    }
}
