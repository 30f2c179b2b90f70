//! Which port a new connection leaves from: RFC 6056, section 3.3.4 (algorithm 4, double hash).
//!
//! Every destination has the whole range to itself: two connections may share a port if they
//! differ in anything else. The first hash says where a destination begins, the second which
//! counter it shares with some others; so ports towards one destination are handed out in turn
//! (a port comes back as late as can be), and what one destination sees tells little of another.
//!
//! Which ports towards a destination are taken is known, for as long as there are any, TIME-WAIT
//! included: so a full range is told at once, and a range with few gaps costs no more than an empty
//! one. Only ports that were chosen here count. A port may be in use otherwise (a listener's, and
//! those of its connections), which whoever asks says; such ports are passed over one by one, up to
//! [`LOOKS`] of them.

use core::ops::RangeInclusive;

use hashbrown::HashTable;

use super::port_set::PortSet;
use super::secrets::{Secrets, keyed_hash, low_half};
use super::tuple::FourTuple;

/// Counters of increments. RFC 6056 shows that 10 already help; a power of two spares a division.
const COUNTERS: usize = 256;

/// Ports that are looked at for one connection, at most.
pub(super) const LOOKS: u16 = 64;

/// Chooses local ports.
#[derive(Debug)]
pub(super) struct Ports {
    first: u16,
    /// Ports in the range; 2^16 at most.
    count: u32,
    key: [u8; 16],
    counters: Box<[u32]>,
    /// What is known of each destination towards which ports are taken.
    targets: HashTable<Target>,
}

/// The ports towards one destination, by their places in the range.
#[derive(Debug)]
struct Target {
    /// A tuple without a local port.
    destination: FourTuple,
    taken: PortSet,
    /// Those of `taken` that are in TIME-WAIT.
    waiting: PortSet,
}

/// What a destination costs, beside two bytes a port or the bitmaps of a crowded one.
const _: () = assert!(size_of::<Target>() <= 104);

impl Ports {
    pub(super) fn new(range: RangeInclusive<u16>, secrets: &Secrets) -> Self {
        let counters = (0..COUNTERS)
            .map(|index| low_half(keyed_hash(&secrets.stripe, &index.to_be_bytes())))
            .collect();
        let (first, last) = (u32::from(*range.start()), u32::from(*range.end()));
        Self {
            first: *range.start(),
            count: (last + 1).saturating_sub(first),
            key: secrets.ports,
            counters,
            targets: HashTable::new(),
        }
    }

    /// The next port towards `destination`, a tuple whose port does not matter, that is not taken
    /// and that `is_free` lets pass. None if all are taken, or if the next [`LOOKS`] are in use
    /// otherwise.
    pub(super) fn choose(
        &mut self,
        destination: &FourTuple,
        mut is_free: impl FnMut(u16) -> bool,
    ) -> Option<u16> {
        let destination = destination.with_port(0);
        let hash = self.hash(&destination);
        for _ in 0..u32::from(LOOKS).min(self.count) {
            let turn = self.turn(hash);
            let taken = self.find(hash, &destination).map(|target| &target.taken);
            let gap = taken.map_or(Some(turn), |taken| taken.next_gap(turn))?;
            self.advance(hash, turn, gap);
            let port = self.port(gap);
            if is_free(port) {
                return Some(port);
            }
        }
        None
    }

    /// A port towards `destination` in TIME-WAIT that `may_end` lets pass.
    ///
    /// Half of [`LOOKS`] ports are looked at in the order in which they were handed out, so that one
    /// which has waited for long comes first; and if their TIME-WAITs are all young, because
    /// connections that began together have ended together, as many all over the range.
    pub(super) fn choose_waiting(
        &mut self,
        destination: &FourTuple,
        mut may_end: impl FnMut(u16) -> bool,
    ) -> Option<u16> {
        let destination = destination.with_port(0);
        let hash = self.hash(&destination);
        let target = self.find(hash, &destination)?;
        let waiting = u16::try_from(target.waiting.len()).unwrap_or(u16::MAX);
        for look in 0..LOOKS.min(waiting) {
            let turn = self.turn(hash);
            let from = if look < LOOKS / 2 { turn } else { self.far_from(turn, look) };
            let place = self.find(hash, &destination)?.waiting.next_member(from)?;
            if look < LOOKS / 2 {
                self.advance(hash, turn, place);
            }
            let port = self.port(place);
            if may_end(port) {
                return Some(port);
            }
        }
        None
    }

    /// `tuple` is one that [`choose`](Self::choose) gave, and taken from now on.
    pub(super) fn take(&mut self, tuple: &FourTuple) {
        let Some(place) = self.place(tuple) else { return };
        let destination = tuple.with_port(0);
        let hash = self.hash(&destination);
        let Self { targets, key, count, .. } = self;
        let entry = targets.entry(
            hash,
            |target| target.destination == destination,
            |target| keyed_hash(key, &target.destination.to_bytes()),
        );
        let (taken, waiting) = (PortSet::new(*count), PortSet::new(*count));
        let target = entry.or_insert(Target { destination, taken, waiting }).into_mut();
        target.taken.insert(place);
        target.waiting.remove(place);
    }

    /// The connection of `tuple` has come to TIME-WAIT, and its port may be chosen again by
    /// [`choose_waiting`](Self::choose_waiting), if it was chosen here.
    pub(super) fn wait(&mut self, tuple: &FourTuple) {
        let Some(place) = self.place(tuple) else { return };
        let destination = tuple.with_port(0);
        let hash = self.hash(&destination);
        let found = self.targets.find_mut(hash, |target| target.destination == destination);
        if let Some(target) = found.filter(|target| target.taken.contains(place)) {
            target.waiting.insert(place);
        }
    }

    /// Nobody has `tuple` any more; does nothing if it was not taken.
    pub(super) fn release(&mut self, tuple: &FourTuple) {
        let Some(place) = self.place(tuple) else { return };
        let destination = tuple.with_port(0);
        let hash = self.hash(&destination);
        let found = self.targets.find_entry(hash, |target| target.destination == destination);
        let Ok(mut entry) = found else { return };
        let Target { taken, waiting, .. } = entry.get_mut();
        taken.remove(place);
        waiting.remove(place);
        if taken.len() == 0 {
            entry.remove();
        }
    }

    /// Whether `tuple` is taken, and whether it is in TIME-WAIT.
    pub(super) fn knows(&self, tuple: &FourTuple) -> (bool, bool) {
        let destination = tuple.with_port(0);
        let target = self.find(self.hash(&destination), &destination);
        target.zip(self.place(tuple)).map_or((false, false), |(target, place)| {
            (target.taken.contains(place), target.waiting.contains(place))
        })
    }

    /// How many ports are taken, towards all destinations, and how many of them are in TIME-WAIT.
    pub(super) fn totals(&self) -> (usize, usize) {
        let taken = self.targets.iter().map(|target| target.taken.len()).sum();
        (taken, self.targets.iter().map(|target| target.waiting.len()).sum())
    }

    fn find(&self, hash: u64, destination: &FourTuple) -> Option<&Target> {
        self.targets.find(hash, |target| target.destination == *destination)
    }

    /// The place whose turn it is. F and G of the RFC are the two halves of one keyed hash.
    fn turn(&self, hash: u64) -> u16 {
        let counter = self.counters.get(counter_of(hash)).copied().unwrap_or_default();
        self.within(low_half(hash).wrapping_add(counter))
    }

    /// The place after `chosen` is the next, `turn` having been this one.
    fn advance(&mut self, hash: u64, turn: u16, chosen: u16) {
        let (turn, chosen) = (u32::from(turn), u32::from(chosen));
        let passed = if chosen >= turn { chosen - turn } else { chosen + self.count - turn };
        if let Some(counter) = self.counters.get_mut(counter_of(hash)) {
            *counter = counter.wrapping_add(passed + 1);
        }
    }

    /// A place far from `turn`, another one for each `look`: multiples of the golden ratio are
    /// spread evenly.
    fn far_from(&self, turn: u16, look: u16) -> u16 {
        let spread = u64::from(look).wrapping_mul(0x9e37_79b9) & u64::from(u32::MAX);
        let distance = low_half((spread * u64::from(self.count)) >> 32);
        self.within(u32::from(turn) + distance)
    }

    fn within(&self, number: u32) -> u16 {
        u16::try_from(number % self.count.max(1)).expect("a range has 2^16 ports at most")
    }

    fn port(&self, place: u16) -> u16 {
        self.first + place
    }

    /// The place of a tuple's port, if it lies in the range.
    fn place(&self, tuple: &FourTuple) -> Option<u16> {
        let place = tuple.local_port().checked_sub(self.first)?;
        (u32::from(place) < self.count).then_some(place)
    }

    fn hash(&self, destination: &FourTuple) -> u64 {
        keyed_hash(&self.key, &destination.to_bytes())
    }
}

/// The counter of a destination.
fn counter_of(hash: u64) -> usize {
    usize::try_from(hash >> 32).expect("32 bits fit") % COUNTERS
}

#[cfg(test)]
mod tests;
