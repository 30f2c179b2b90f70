//! From a four-tuple to a number: the index of the TIME-WAIT table.
//!
//! Tuples are in part what outsiders choose (their address and port towards a listener), so the
//! hash is keyed: nobody can aim at one bucket. The tuples are kept here, for an entry in TIME-WAIT
//! has no room for its own; what finds living connections is [`super::demux`].

use hashbrown::HashTable;

use super::secrets::keyed_hash;
use super::tuple::FourTuple;

/// Numbers of places in a queue by tuple.
#[derive(Debug)]
pub(super) struct TupleIndex {
    key: [u8; 16],
    table: HashTable<(FourTuple, u32)>,
}

impl TupleIndex {
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self { key, table: HashTable::new() }
    }

    pub(super) fn find(&self, tuple: &FourTuple) -> Option<u32> {
        let found = self.table.find(self.hash(tuple), |(filed, _)| filed == tuple);
        found.map(|(_, number)| *number)
    }

    pub(super) fn contains(&self, tuple: &FourTuple) -> bool {
        self.find(tuple).is_some()
    }

    /// Files `number` under a tuple that is not taken, and says under which hash.
    pub(super) fn insert(&mut self, tuple: FourTuple, number: u32) -> u64 {
        assert!(!self.contains(&tuple), "two owners of one tuple");
        let Self { key, table } = self;
        let hash = keyed_hash(key, &tuple.to_bytes());
        table.insert_unique(hash, (tuple, number), |(filed, _)| keyed_hash(key, &filed.to_bytes()));
        hash
    }

    /// Removes the tuple if it is filed under `number`; another owner's stays.
    pub(super) fn remove(&mut self, tuple: &FourTuple, number: u32) {
        let hash = self.hash(tuple);
        if let Ok(entry) = self.table.find_entry(hash, |filed| *filed == (*tuple, number)) {
            entry.remove();
        }
    }

    /// Removes what is filed under `number`, by the hash that [`insert`](Self::insert) gave, and
    /// says which tuple that was.
    pub(super) fn remove_number(&mut self, hash: u64, number: u32) -> Option<FourTuple> {
        let entry = self.table.find_entry(hash, |(_, filed)| *filed == number).ok()?;
        let ((tuple, _), _) = entry.remove();
        Some(tuple)
    }

    /// Files what is under one number under another.
    pub(super) fn renumber(&mut self, hash: u64, from: u32, to: u32) {
        if let Some((_, number)) = self.table.find_mut(hash, |(_, filed)| *filed == from) {
            *number = to;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// All tuples, in no order.
    pub(super) fn tuples(&self) -> impl Iterator<Item = FourTuple> + '_ {
        self.table.iter().map(|(tuple, _)| *tuple)
    }

    fn hash(&self, tuple: &FourTuple) -> u64 {
        keyed_hash(&self.key, &tuple.to_bytes())
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
        let mut index = TupleIndex::new([3; 16]);
        index.insert(tuple(1), 10);
        index.insert(tuple(2), 20);
        assert_eq!((index.find(&tuple(1)), index.find(&tuple(2))), (Some(10), Some(20)));
        index.remove(&tuple(1), 99);
        assert!(index.contains(&tuple(1)), "only the owner removes");
        index.remove(&tuple(1), 10);
        assert_eq!(index.find(&tuple(1)), None);
        assert_eq!(index.len(), 1);
    }

    #[test]
    fn what_is_renumbered_is_found_under_its_new_number() {
        let mut index = TupleIndex::new([3; 16]);
        let hash = index.insert(tuple(1), 10);
        index.renumber(hash, 10, 11);
        assert_eq!(index.find(&tuple(1)), Some(11));
        assert_eq!(index.remove_number(hash, 10), None);
        assert_eq!(index.tuples().collect::<Vec<_>>(), [tuple(1)]);
        assert_eq!(index.remove_number(hash, 11), Some(tuple(1)));
        assert_eq!(index.len(), 0);
    }

    #[test]
    fn the_key_decides_the_hash() {
        let hash = |key| TupleIndex::new(key).hash(&tuple(1));
        assert_ne!(hash([1; 16]), hash([2; 16]));
        assert_eq!(hash([1; 16]), hash([1; 16]));
    }
}
