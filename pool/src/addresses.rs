//! The addresses to which connections lead, and what was learned of each.
//!
//! What is known of an address outlives its connections, for it is their ends that teach it. It is
//! forgotten when room is needed for another: first that which has been without a connection for
//! longest.
//!
//! Invariant: an address has a place as long as it has a connection that was given one.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::appeal::Appeal;
use crate::arena::{Arena, NIL};
use crate::health::Health;
use crate::ids::AddressId;
use crate::learned::Learned;
use crate::list::{Chain, Link, List};
use crate::time::{Duration, Instant};
use crate::wheel::{Step, Timed, Timer, Wheel};

/// Addresses that are remembered, at most. Connections to others are treated as if their owner had
/// named none.
const ADDRESSES_MAX: usize = 16_384;

/// One address.
#[derive(Debug)]
pub(crate) struct Address {
    id: AddressId,
    /// Connections to it.
    members: u32,
    /// Its place among those without connections.
    link: Link,
    pub(crate) learned: Learned,
    /// It stands among those that have FINs to judge.
    pub(crate) is_queued: bool,
    /// The round trip time that was last heard of; zero before.
    srtt: Duration,
    /// How long a connection to it may idle, as far as was learned.
    allowed: Option<Duration>,
    /// What recommends it to a lease.
    pub(crate) appeal: Appeal,
    /// What is thought of the path to it.
    health: Health,
    /// When it was last known to be there, monotonic.
    pub(crate) heard: Instant,
    /// When it last failed, in boot time: what was opened before is not to be used any more.
    failed: Option<Instant>,
    /// A slot that was set idle of late and leads here; it may be something else by now.
    pub(crate) recent: u32,
    timer: Timer,
}

impl Address {
    /// Its name to the owner.
    pub(crate) const fn id(&self) -> AddressId {
        self.id
    }

    /// What is thought of the path to it.
    pub(crate) const fn health(&self) -> Health {
        self.health
    }

    /// Whether connections lead there.
    pub(crate) const fn has_members(&self) -> bool {
        self.members > 0
    }

    /// How long a connection may idle here, as far as was learned.
    pub(crate) const fn allowed(&self) -> Option<Duration> {
        self.allowed
    }

    /// The round trip time that was last heard of; zero before.
    pub(crate) const fn srtt(&self) -> Duration {
        self.srtt
    }

    /// A connection to it has this round trip time.
    pub(crate) fn set_srtt(&mut self, srtt: Duration) {
        if self.srtt != srtt {
            self.srtt = srtt;
            self.refresh();
        }
    }

    /// Call when something was learned.
    pub(crate) fn refresh(&mut self) {
        self.allowed = self.learned.allowed(self.srtt);
    }
}

/// The list of addresses without connections.
#[derive(Debug)]
struct Deserted;

impl Chain<Address> for Deserted {
    fn link(address: &Address) -> &Link {
        &address.link
    }
    fn link_mut(address: &mut Address) -> &mut Link {
        &mut address.link
    }
}

/// When to think again of the path to an address.
#[derive(Debug)]
pub(crate) struct HealthTimer;

impl Timed<Address> for HealthTimer {
    fn timer(address: &Address) -> &Timer {
        &address.timer
    }
    fn timer_mut(address: &mut Address) -> &mut Timer {
        &mut address.timer
    }
}

/// All addresses that are known.
#[derive(Debug)]
pub(crate) struct Addresses {
    arena: Arena<Address>,
    by_id: HashMap<AddressId, u32, FixedState>,
    /// Those without connections, the last one left first.
    deserted: List<Deserted>,
    timers: Wheel<HealthTimer>,
    /// Those that are suspect.
    suspect: usize,
    /// One has failed at some time.
    have_failed: bool,
}

impl Addresses {
    pub(crate) fn new(seed: u64) -> Self {
        let by_id = HashMap::with_hasher(FixedState::with_seed(seed));
        Self {
            arena: Arena::new(),
            by_id,
            deserted: List::new(),
            timers: Wheel::new(),
            suspect: 0,
            have_failed: false,
        }
    }

    /// A connection to `id` is there. `NIL` if all places are taken by others with connections.
    pub(crate) fn join(&mut self, id: AddressId) -> u32 {
        let Some(index) = self.find(id) else { return self.add(id) };
        if self.arena[index].members == 0 {
            self.deserted.unlink(&mut self.arena, index);
        }
        self.arena[index].members += 1;
        index
    }

    /// One is gone; `NIL` is no address.
    pub(crate) fn leave(&mut self, index: u32) {
        if index == NIL {
            return;
        }
        self.arena[index].members -= 1;
        if self.arena[index].members == 0 {
            self.deserted.push_front(&mut self.arena, index);
        }
    }

    /// What is known at `index`; nothing at `NIL`.
    pub(crate) fn at(&self, index: u32) -> Option<&Address> {
        self.arena.at(index)
    }

    /// The index of every address that is known.
    pub(crate) fn indices(&self) -> Vec<u32> {
        self.arena.iter().map(|(index, _)| index).collect()
    }

    /// The same, to change it.
    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut Address> {
        self.arena.at_mut(index)
    }

    /// Changes what is thought of the path to `index`.
    pub(crate) fn set_health(&mut self, index: u32, health: Health) {
        let Some(address) = self.at_mut(index) else { return };
        let before = core::mem::replace(&mut address.health, health);
        let is_suspect = |health| usize::from(matches!(health, Health::Suspect { .. }));
        self.suspect += is_suspect(health);
        self.suspect -= is_suspect(before);
    }

    /// Whether `index` is suspect.
    #[inline]
    pub(crate) fn is_suspect(&self, index: u32) -> bool {
        self.suspect > 0
            && self.at(index).is_some_and(|it| matches!(it.health, Health::Suspect { .. }))
    }

    /// The path to `index` is dead, at `boot`.
    pub(crate) fn fail(&mut self, index: u32, boot: Instant) {
        if let Some(address) = self.at_mut(index) {
            address.failed = Some(boot);
            self.have_failed = true;
        }
    }

    /// When the path to `index` was last found dead, in boot time.
    #[inline]
    pub(crate) fn failed(&self, index: u32) -> Option<Instant> {
        if self.have_failed { self.at(index)?.failed } else { None }
    }

    /// Thinks of the path to `index` again at `at`, or sooner.
    pub(crate) fn arm(&mut self, index: u32, at: Instant) {
        self.timers.arm_by(&mut self.arena, index, at);
    }

    /// Handles one timer that is due at `now`.
    pub(crate) fn step(&mut self, now: Instant) -> Step {
        self.timers.step(&mut self.arena, now)
    }

    /// When [`Addresses::step`] next has something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// How long the peer at `id` lets a connection idle, as far as is known.
    pub(crate) fn limit(&self, id: AddressId) -> Option<Duration> {
        self.arena[self.find(id)?].learned.limit()
    }

    /// The index of an address that is known.
    pub(crate) fn find(&self, id: AddressId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    fn add(&mut self, id: AddressId) -> u32 {
        if self.arena.len() == ADDRESSES_MAX {
            let Some(longest) = self.deserted.back() else { return NIL };
            self.deserted.unlink(&mut self.arena, longest);
            self.timers.disarm(&mut self.arena, longest);
            self.set_health(longest, Health::Well);
            let forgotten = self.arena.remove(longest);
            self.by_id.remove(&forgotten.id);
        }
        let (index, _) = self.arena.insert(Address {
            id,
            members: 1,
            link: Link::default(),
            learned: Learned::default(),
            is_queued: false,
            srtt: Duration::ZERO,
            allowed: None,
            appeal: Appeal::default(),
            health: Health::Well,
            heard: Instant::ORIGIN,
            failed: None,
            recent: NIL,
            timer: Timer::default(),
        });
        self.by_id.insert(id, index);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses as many as there may be, the first `deserted` of them without a connection.
    fn full(deserted: usize) -> Addresses {
        let mut addresses = Addresses::new(1);
        let id = |number: usize| AddressId(u64::try_from(number).expect("few"));
        let indices: Vec<u32> = (0..ADDRESSES_MAX).map(|n| addresses.join(id(n))).collect();
        indices[..deserted].iter().for_each(|&index| addresses.leave(index));
        addresses
    }

    #[test]
    fn what_is_known_outlives_the_connections() {
        let mut addresses = Addresses::new(1);
        let index = addresses.join(AddressId(7));
        assert_eq!(addresses.join(AddressId(7)), index);
        let five = Duration::from_secs(5);
        let address = addresses.at_mut(index).expect("it is there");
        address.set_srtt(Duration::from_secs(1));
        let moments = [1, 2, 3, 4].map(|s| Instant::ORIGIN + Duration::from_secs(s));
        for now in moments {
            address.learned.on_fin(now, five, true);
        }
        address.refresh();
        assert_eq!(address.allowed(), Some(Duration::from_millis(2950)));
        address.set_srtt(Duration::from_millis(1));
        assert_eq!(address.allowed(), Some(Duration::from_millis(4250)));
        addresses.leave(index);
        addresses.leave(index);
        assert_eq!(addresses.limit(AddressId(7)), Some(five));
        assert_eq!(addresses.join(AddressId(7)), index);
    }

    #[test]
    fn the_one_without_connections_for_longest_is_forgotten_first() {
        let mut addresses = full(2);
        // The first comes back, and goes again: it is the second that waits for longest.
        let first = addresses.join(AddressId(0));
        addresses.leave(first);
        assert_ne!(addresses.join(AddressId(u64::MAX)), NIL);
        assert_eq!(addresses.find(AddressId(1)), None);
        assert_eq!(addresses.find(AddressId(0)), Some(first));
        assert_eq!(addresses.arena.len(), ADDRESSES_MAX);
    }

    #[test]
    fn without_room_an_address_is_as_none() {
        let mut addresses = full(0);
        let index = addresses.join(AddressId(u64::MAX));
        assert_eq!(index, NIL);
        addresses.leave(index);
        assert!(addresses.at(index).is_none() && addresses.at_mut(index).is_none());
        assert_eq!(addresses.limit(AddressId(u64::MAX)), None);
    }
}
