//! From a four-tuple to the connection that has it.
//!
//! A hash table that knows only numbers: the tuples stay with the connections, and whoever asks says
//! which number has the tuple. It grows by one bucket at a time (Litwin, "Linear hashing", 1980), so
//! no packet ever waits for a table to be copied; buckets are chains through a list of nodes, one a
//! connection, in chunks that never move.
//!
//! Tuples are in part what outsiders choose (their address and port towards a listener), so the hash
//! is keyed: nobody can aim at one bucket. Finding costs the same whatever the number of
//! connections: there is a bucket for each.
//!
//! Room is kept once it was needed, as that of the connections is.

use super::chunks::Chunks;
use super::link::Link;
use super::secrets::{keyed_hash, low_half};
use super::tuple::FourTuple;

/// Buckets of an empty table: a power of two.
const BUCKETS_MIN: u32 = 64;

/// The place of one connection in its chain.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    /// Hash of its tuple: what moves it between buckets, and spares most comparisons of tuples.
    hash: u32,
    next: Link,
}

/// What a connection costs here: its node and a bucket.
const _: () = assert!(size_of::<Node>() + size_of::<Link>() <= 24);

/// Connections by tuple.
#[derive(Debug)]
pub(super) struct Demux {
    key: [u8; 16],
    /// The first link of each bucket's chain.
    heads: Chunks<Link>,
    nodes: Chunks<Node>,
    /// Buckets in use: between `half` and twice that.
    buckets: u32,
    /// The power of two at or below the number of buckets. Those below `buckets - half` have been
    /// split already.
    half: u32,
    len: usize,
}

impl Demux {
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self {
            key,
            heads: Chunks::new(),
            nodes: Chunks::new(),
            buckets: BUCKETS_MIN,
            half: BUCKETS_MIN,
            len: 0,
        }
    }

    /// The number under which `tuple` is filed; `has_tuple` says whether a number has it.
    pub(super) fn find(&self, tuple: &FourTuple, has_tuple: impl Fn(u32) -> bool) -> Option<u32> {
        let hash = self.hash(tuple);
        let mut link = self.heads.get(self.bucket_of(hash))?;
        while let Some(number) = link.index() {
            let node = self.nodes.get(number)?;
            if node.hash == hash && has_tuple(number) {
                return Some(number);
            }
            link = node.next;
        }
        None
    }

    /// Files `number` under a tuple that nobody has.
    pub(super) fn insert(&mut self, tuple: &FourTuple, number: u32) {
        let hash = self.hash(tuple);
        self.push(number, hash);
        self.len += 1;
        if self.len > usize::try_from(self.buckets).expect("an index fits") {
            self.split();
        }
    }

    /// Takes out `number`, which is filed under `tuple`; does nothing if it is not.
    pub(super) fn remove(&mut self, tuple: &FourTuple, number: u32) {
        let bucket = self.bucket_of(self.hash(tuple));
        let mut before = None;
        let mut link = self.heads.get(bucket).unwrap_or_default();
        while let Some(at) = link.index() {
            let next = self.nodes.get(at).unwrap_or_default().next;
            if at == number {
                match before {
                    Some(before) => self.nodes.at_mut(before).next = next,
                    None => *self.heads.at_mut(bucket) = next,
                }
                self.len -= 1;
                return;
            }
            before = Some(at);
            link = next;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Makes one bucket more, of what belongs there and was in the bucket half as far.
    fn split(&mut self) {
        let Some(buckets) = self.buckets.checked_add(1) else { return };
        let from = self.buckets - self.half;
        self.buckets = buckets;
        if self.buckets == self.half.saturating_mul(2) {
            self.half = self.buckets;
        }
        let mut link = core::mem::take(self.heads.at_mut(from));
        while let Some(number) = link.index() {
            let Node { hash, next } = self.nodes.get(number).unwrap_or_default();
            self.push(number, hash);
            link = next;
        }
    }

    /// Puts `number` first in the chain of its bucket.
    fn push(&mut self, number: u32, hash: u32) {
        let bucket = self.bucket_of(hash);
        let next = core::mem::replace(self.heads.at_mut(bucket), Link::to(number));
        *self.nodes.at_mut(number) = Node { hash, next };
    }

    fn bucket_of(&self, hash: u32) -> u32 {
        let among_twice = hash & (self.half.saturating_mul(2) - 1);
        if among_twice < self.buckets { among_twice } else { hash & (self.half - 1) }
    }

    fn hash(&self, tuple: &FourTuple) -> u32 {
        low_half(keyed_hash(&self.key, &tuple.to_bytes()))
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

    /// Files ports under themselves.
    fn find(demux: &Demux, port: u16) -> Option<u32> {
        demux.find(&tuple(port), |number| number == u32::from(port))
    }

    #[test]
    fn a_tuple_is_found_until_its_owner_removes_it() {
        let mut demux = Demux::new([3; 16]);
        demux.insert(&tuple(1), 1);
        demux.insert(&tuple(2), 2);
        assert_eq!((find(&demux, 1), find(&demux, 2)), (Some(1), Some(2)));
        demux.remove(&tuple(1), 99);
        assert_eq!(find(&demux, 1), Some(1), "only the owner removes");
        demux.remove(&tuple(1), 1);
        assert_eq!((find(&demux, 1), demux.len()), (None, 1));
    }

    #[test]
    fn growth_a_bucket_at_a_time_loses_nobody() {
        let mut demux = Demux::new([3; 16]);
        for port in 0..5_000 {
            demux.insert(&tuple(port), u32::from(port));
            assert_eq!(find(&demux, port / 2), Some(u32::from(port / 2)));
        }
        assert!((0..5_000).all(|port| find(&demux, port) == Some(u32::from(port))));
        for port in (0..5_000).step_by(3) {
            demux.remove(&tuple(port), u32::from(port));
        }
        for port in 0..5_000 {
            assert_eq!(find(&demux, port).is_some(), port % 3 != 0, "{port}");
        }
    }

    #[test]
    fn chains_stay_short_whatever_the_size() {
        for connections in [100u16, 3_000, 40_000] {
            let mut demux = Demux::new([9; 16]);
            (0..connections).for_each(|port| demux.insert(&tuple(port), u32::from(port)));
            let compared = core::cell::Cell::new(0u32);
            for port in 0..connections {
                let found = demux.find(&tuple(port), |number| {
                    compared.set(compared.get() + 1);
                    number == u32::from(port)
                });
                assert_eq!(found, Some(u32::from(port)));
            }
            let others = compared.get() - u32::from(connections);
            assert!(others < 10, "{connections}: tuples compared in vain: {others}");
            let longest = (0..demux.buckets).map(|bucket| chain(&demux, bucket)).max();
            assert!(longest < Some(12), "{connections}: {longest:?}");
        }
    }

    fn chain(demux: &Demux, bucket: u32) -> usize {
        let next = |link: Link| demux.nodes.get(link.index()?).map(|node| node.next);
        let head = demux.heads.get(bucket).unwrap_or_default();
        let links = core::iter::successors(Some(head), |link| next(*link));
        links.filter(|link| link.index().is_some()).count()
    }

    #[test]
    fn the_key_decides_the_hash() {
        let hash = |key| Demux::new(key).hash(&tuple(1));
        assert_ne!(hash([1; 16]), hash([2; 16]));
        assert_eq!(hash([1; 16]), hash([1; 16]));
    }
}
