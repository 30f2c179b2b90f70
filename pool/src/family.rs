//! What belongs to a family of keys: one route's keys whose connections may cross from one to the
//! other, once it is proven that nothing is under way on them (POOL.md, rule Q).
//!
//! A group belongs to one family or to none. A family comes to be with its first group and goes with
//! its last. It knows which of its groups have idle connections, so a slot needs no further links.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::arena::Arena;
use crate::group::Group;
use crate::ids::FamilyId;
use crate::list::{Chain, Link, List};
use crate::ring::Ring;
use crate::slot::ByKey;
use crate::waiters::OfFamily;

/// The groups of a family with idle connections that carried bytes.
#[derive(Debug)]
pub(crate) struct Stocked;

impl Chain<Group> for Stocked {
    fn link(group: &Group) -> &Link {
        group.in_family()
    }
    fn link_mut(group: &mut Group) -> &mut Link {
        group.in_family_mut()
    }
}

/// One family of keys of one route.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) route: u32,
    name: FamilyId,
    /// Groups with idle connections that carried bytes, the last that came to have any first.
    pub(crate) stocked: List<Stocked>,
    /// Idle connections that were leased and never carried a byte: nothing can be under way on them.
    pub(crate) unused: List<ByKey>,
    /// Waiters that take any connection of the family.
    pub(crate) plain: Ring<OfFamily>,
    /// Waiters that want a connection that never carried a byte.
    pub(crate) fresh: Ring<OfFamily>,
    /// How many wait for any connection.
    pub(crate) waiting: usize,
    /// How many connections are quarantined.
    pub(crate) proving: usize,
    groups: u32,
}

impl Family {
    /// How many of those who wait will be served by what is quarantined.
    pub(crate) fn covered(&self) -> usize {
        self.waiting.min(self.proving)
    }

    /// The queue that a waiter belongs to.
    pub(crate) const fn queue(&mut self, fresh: bool) -> &mut Ring<OfFamily> {
        if fresh { &mut self.fresh } else { &mut self.plain }
    }
}

/// The families of all routes.
#[derive(Debug)]
pub(crate) struct Families {
    arena: Arena<Family>,
    by_name: HashMap<(u32, FamilyId), u32, FixedState>,
}

impl Families {
    pub(crate) fn new(seed: u64) -> Self {
        Self { arena: Arena::new(), by_name: HashMap::with_hasher(FixedState::with_seed(seed)) }
    }

    pub(crate) fn find(&self, route: u32, name: FamilyId) -> Option<u32> {
        self.by_name.get(&(route, name)).copied()
    }

    /// The family at `index`; `NIL` is none.
    pub(crate) fn at(&self, index: u32) -> Option<&Family> {
        self.arena.at(index)
    }

    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut Family> {
        self.arena.at_mut(index)
    }

    /// Adds a group to the family of that name, which is made if need be.
    pub(crate) fn join(&mut self, route: u32, name: FamilyId) -> u32 {
        let index = self.find(route, name).unwrap_or_else(|| self.add(route, name));
        self.arena[index].groups += 1;
        index
    }

    /// Takes a group away. The family goes with its last.
    pub(crate) fn leave(&mut self, index: u32) {
        let Some(family) = self.arena.at_mut(index) else { return };
        family.groups -= 1;
        if family.groups == 0 {
            let family = self.arena.remove(index);
            self.by_name.remove(&(family.route, family.name));
        }
    }

    /// Whether the family at `index` has this name; `NIL` has none.
    pub(crate) fn is_named(&self, index: u32, name: Option<FamilyId>) -> bool {
        self.at(index).map(|family| family.name) == name
    }

    fn add(&mut self, route: u32, name: FamilyId) -> u32 {
        let (index, _) = self.arena.insert(Family {
            route,
            name,
            stocked: List::new(),
            unused: List::new(),
            plain: Ring::new(),
            fresh: Ring::new(),
            waiting: 0,
            proving: 0,
            groups: 0,
        });
        self.by_name.insert((route, name), index);
        index
    }
}
