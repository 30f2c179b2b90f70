//! What connections have found out about the paths to their peers, for those that come later: RFC
//! 9040, by remote address.
//!
//! A bounded table; who was neither learnt of nor asked for the longest goes first, and is counted.
//! Each part of a record grows old by itself, from when a connection last found it out: routes
//! change, and an address may be another host's by then (sections 8.1 and 8.3 of the RFC). Nothing
//! is learnt before a handshake is complete, so a forged SYN leaves nothing here.
//!
//! What a new connection makes of its record is decided in [`crate::tcp::PathRecord`]; here is how
//! records of several connections become one.

use core::net::IpAddr;

use hashbrown::HashTable;

use super::secrets::keyed_hash;
use crate::tcp::{KnownMtu, PathRecord, RoundTrip};
use crate::time::{Duration, Instant};

/// Most destinations remembered. A proxy's upstreams are some hundreds; a listener's clients are
/// many, and those that have not come back for so long are no loss.
const ENTRIES_MAX: usize = 4_096;

/// How long what a connection has found out is believed: as long as RFC 8201, section 5.3 has for a
/// path's MTU. RFC 9040 names no time.
const BELIEVED_FOR: Duration = Duration::from_secs(600);

/// No entry.
const NONE: u32 = u32::MAX;

/// Something that was found out, and when.
#[derive(Clone, Copy, Debug)]
struct Found<T> {
    value: T,
    at: Instant,
}

/// What is known of one destination, and its place in the order of use.
#[derive(Debug)]
struct Entry {
    address: IpAddr,
    rtt: Option<Found<RoundTrip>>,
    ssthresh: Option<Found<u32>>,
    reordering: Option<Found<u16>>,
    pmtu: Option<Found<KnownMtu>>,
    /// The entry that was used next after this one.
    newer: u32,
    /// The entry that was used last before this one.
    older: u32,
}

/// The table.
#[derive(Debug)]
pub(super) struct Destinations {
    key: [u8; 16],
    index: HashTable<u32>,
    entries: Vec<Entry>,
    newest: u32,
    oldest: u32,
    max: usize,
    /// How often a path MTU was lowered: who shares a path looks again when it has changed.
    lowered: u32,
}

impl Destinations {
    /// An empty table under a secret key: who connects to us chooses its address.
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self::with_room(key, ENTRIES_MAX)
    }

    fn with_room(key: [u8; 16], max: usize) -> Self {
        let (index, entries) = (HashTable::new(), Vec::new());
        Self { key, index, entries, newest: NONE, oldest: NONE, max, lowered: 0 }
    }

    /// What is known of the path to `address`; nothing that is too old.
    pub(super) fn recall(&mut self, now: Instant, address: IpAddr) -> PathRecord {
        if let Some(place) = self.find(address) {
            self.use_now(place);
        }
        self.look(now, address)
    }

    /// The same, without a trace.
    pub(super) fn look(&self, now: Instant, address: IpAddr) -> PathRecord {
        let Some(place) = self.find(address) else { return PathRecord::default() };
        let entry = self.at(place);
        PathRecord {
            rtt: still_believed(now, entry.rtt),
            ssthresh: still_believed(now, entry.ssthresh),
            reordering: still_believed(now, entry.reordering),
            pmtu: still_believed(now, entry.pmtu),
        }
    }

    /// Takes in what a connection to `address` has found out. Returns how many entries had to go.
    pub(super) fn learn(&mut self, now: Instant, address: IpAddr, found: &PathRecord) -> u64 {
        if found.is_empty() {
            return 0;
        }
        let (place, evicted) = self.place_for(address);
        let entry = self.at_mut(place);
        merge(now, &mut entry.rtt, found.rtt, merge_rtt);
        merge(now, &mut entry.ssthresh, found.ssthresh, merge_ssthresh);
        merge(now, &mut entry.reordering, found.reordering, Ord::max);
        evicted
    }

    /// A connection has found the path's MTU: the last word counts, for all at once.
    pub(super) fn set_path_mtu(&mut self, at: Instant, address: IpAddr, found: KnownMtu) -> u64 {
        let (place, evicted) = self.place_for(address);
        let known = self.at_mut(place).pmtu.replace(Found { value: found, at });
        if still_believed(at, known).is_none_or(|known| found.mtu < known.mtu) {
            self.lowered = self.lowered.wrapping_add(1);
        }
        evicted
    }

    /// Changes whenever a path MTU is lowered.
    pub(super) const fn path_mtus_lowered(&self) -> u32 {
        self.lowered
    }

    /// The entry of `address`, made if there is none. Returns how many had to go for it.
    fn place_for(&mut self, address: IpAddr) -> (u32, u64) {
        match self.find(address) {
            Some(place) => {
                self.use_now(place);
                (place, 0)
            }
            None => self.add(address),
        }
    }

    /// Makes an entry for `address`, in the place of the oldest if there is no room.
    fn add(&mut self, address: IpAddr) -> (u32, u64) {
        let (newer, older) = (NONE, NONE);
        let entry = Entry {
            address,
            rtt: None,
            ssthresh: None,
            reordering: None,
            pmtu: None,
            newer,
            older,
        };
        let (place, evicted) = if self.entries.len() < self.max {
            self.entries.push(entry);
            (u32::try_from(self.entries.len() - 1).expect("the table is small"), 0)
        } else {
            let place = self.oldest;
            self.unlink(place);
            let gone = core::mem::replace(self.at_mut(place), entry);
            let hash = hash_of(&self.key, gone.address);
            if let Ok(found) = self.index.find_entry(hash, |filed| *filed == place) {
                found.remove();
            }
            (place, 1)
        };
        self.link_newest(place);
        let Self { key, index, entries, .. } = self;
        index.insert_unique(hash_of(key, address), place, |filed| {
            hash_of(key, entry_at(entries, *filed).address)
        });
        (place, evicted)
    }

    fn find(&self, address: IpAddr) -> Option<u32> {
        let hash = hash_of(&self.key, address);
        self.index.find(hash, |filed| self.at(*filed).address == address).copied()
    }

    fn use_now(&mut self, place: u32) {
        if self.newest != place {
            self.unlink(place);
            self.link_newest(place);
        }
    }

    fn unlink(&mut self, place: u32) {
        let (newer, older) = (self.at(place).newer, self.at(place).older);
        match newer {
            NONE => self.newest = older,
            newer => self.at_mut(newer).older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.at_mut(older).newer = newer,
        }
    }

    fn link_newest(&mut self, place: u32) {
        let second = core::mem::replace(&mut self.newest, place);
        match second {
            NONE => self.oldest = place,
            second => self.at_mut(second).newer = place,
        }
        let entry = self.at_mut(place);
        (entry.newer, entry.older) = (NONE, second);
    }

    fn at(&self, place: u32) -> &Entry {
        entry_at(&self.entries, place)
    }

    fn at_mut(&mut self, place: u32) -> &mut Entry {
        let place = usize::try_from(place).expect("usize has at least 32 bits here");
        &mut self.entries[place]
    }
}

fn entry_at(entries: &[Entry], place: u32) -> &Entry {
    &entries[usize::try_from(place).expect("usize has at least 32 bits here")]
}

fn hash_of(key: &[u8; 16], address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => keyed_hash(key, &address.octets()),
        IpAddr::V6(address) => keyed_hash(key, &address.octets()),
    }
}

/// What was found, unless that is too long ago.
fn still_believed<T>(now: Instant, found: Option<Found<T>>) -> Option<T> {
    found.filter(|it| now.since(it.at) < BELIEVED_FOR).map(|it| it.value)
}

/// What was known and is believed, together with what was found now.
fn merge<T: Copy>(
    now: Instant,
    known: &mut Option<Found<T>>,
    found: Option<T>,
    join: impl FnOnce(T, T) -> T,
) {
    let Some(found) = found else { return };
    let value = still_believed(now, *known).map_or(found, |known| join(known, found));
    *known = Some(Found { value, at: now });
}

/// The longer round trip counts at once, a shorter one by and by: an eighth of the difference in
/// SRTT, a quarter in RTTVAR, as Linux has it. RTO had better be too long than too short.
fn merge_rtt(known: RoundTrip, found: RoundTrip) -> RoundTrip {
    let towards = |known: Duration, found: Duration, part: u32| {
        if found >= known { found } else { known - (known - found) / part }
    };
    RoundTrip {
        srtt: towards(known.srtt, found.srtt, 8),
        rttvar: towards(known.rttvar, found.rttvar, 4),
    }
}

/// The higher threshold counts at once, a lower one by half: one that is too low costs more than one
/// that is too high, which delay or a loss corrects within a round trip.
fn merge_ssthresh(known: u32, found: u32) -> u32 {
    if found >= known { found } else { known - (known - found) / 2 }
}

#[cfg(test)]
mod tests;
