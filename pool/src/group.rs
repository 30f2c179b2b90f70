//! What belongs to one key of one route: its idle connections and its waiters.
//!
//! A group comes to be with its first waiter or connection and goes with its last, so that keys
//! that are no longer used cost nothing.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::arena::{Arena, NIL};
use crate::family::{Families, Family};
use crate::ids::{FamilyId, KeyId};
use crate::list::{Link, List};
use crate::ring::Ring;
use crate::slot::{ByKey, Slot};
use crate::waiters::OfKey;

/// One key of one route.
#[derive(Debug)]
pub(crate) struct Group {
    route: u32,
    pub(crate) key: KeyId,
    /// Index of the family; none unless its connections may serve other keys too.
    pub(crate) family: u32,
    in_family: Link,
    /// Idle connections that carried bytes.
    pub(crate) used: List<ByKey>,
    /// Idle connections that were leased and never carried a byte; in a family they are the
    /// family's.
    unused: List<ByKey>,
    /// Waiters that take any connection of this key.
    pub(crate) plain: Ring<OfKey>,
    /// Waiters that want a connection that never carried a byte.
    pub(crate) fresh: Ring<OfKey>,
    /// Leases of its connections.
    pub(crate) leased: u32,
    /// Leases that wait for any connection of this key.
    pub(crate) waiting: u32,
    /// Connections and waiters of this key.
    members: u32,
}

impl Group {
    /// The queue that a waiter belongs to.
    pub(crate) const fn queue(&mut self, fresh: bool) -> &mut Ring<OfKey> {
        if fresh { &mut self.fresh } else { &mut self.plain }
    }

    pub(crate) const fn in_family(&self) -> &Link {
        &self.in_family
    }

    pub(crate) const fn in_family_mut(&mut self) -> &mut Link {
        &mut self.in_family
    }
}

/// The groups of all routes.
#[derive(Debug)]
pub(crate) struct Groups {
    arena: Arena<Group>,
    by_name: HashMap<(u32, KeyId), u32, FixedState>,
    families: Families,
}

impl Groups {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            arena: Arena::new(),
            by_name: HashMap::with_hasher(FixedState::with_seed(seed)),
            families: Families::new(seed),
        }
    }

    pub(crate) fn find(&self, route: u32, key: KeyId) -> Option<u32> {
        self.by_name.get(&(route, key)).copied()
    }

    /// Adds a member to the group of `key`, which is made if need be.
    pub(crate) fn join(&mut self, route: u32, key: KeyId, family: Option<FamilyId>) -> u32 {
        let index = self.find(route, key).unwrap_or_else(|| self.add(route, key, family));
        let group = &mut self.arena[index];
        group.members += 1;
        assert!(self.families.is_named(group.family, family), "a key has one family, or none");
        index
    }

    /// Whether the group at `index` is that of `key`; `NIL` is nobody's.
    pub(crate) fn is_of(&self, index: u32, key: KeyId) -> bool {
        self.arena.at(index).is_some_and(|group| group.key == key)
    }

    /// Adds a member to a group that has one.
    pub(crate) fn rejoin(&mut self, index: u32) {
        self.arena[index].members += 1;
    }

    /// Takes a member away. The group goes with its last; `NIL` is no group.
    pub(crate) fn leave(&mut self, index: u32) {
        if index == NIL {
            return;
        }
        let group = &mut self.arena[index];
        group.members -= 1;
        if group.members == 0 {
            let group = self.arena.remove(index);
            self.by_name.remove(&(group.route, group.key));
            self.families.leave(group.family);
        }
    }

    /// Puts an idle connection, which has a group, before the others of its kind.
    pub(crate) fn shelve<C>(&mut self, slots: &mut Arena<Slot<C>>, index: u32) {
        let (at, is_used) = (slots[index].group, slots[index].uses > 0);
        let group = &mut self.arena[at];
        let (is_first, of) = (group.used.is_empty(), group.family);
        match self.families.at_mut(of) {
            Some(family) if is_used => {
                group.used.push_front(slots, index);
                if is_first {
                    family.stocked.push_front(&mut self.arena, at);
                }
            }
            Some(family) => family.unused.push_front(slots, index),
            None if is_used => group.used.push_front(slots, index),
            None => group.unused.push_front(slots, index),
        }
    }

    /// Takes an idle connection, which has a group, from among the others of its kind.
    pub(crate) fn unshelve<C>(&mut self, slots: &mut Arena<Slot<C>>, index: u32) {
        let (at, is_used) = (slots[index].group, slots[index].uses > 0);
        let group = &mut self.arena[at];
        match self.families.at_mut(group.family) {
            Some(family) if is_used => {
                group.used.unlink(slots, index);
                if group.used.is_empty() {
                    family.stocked.unlink(&mut self.arena, at);
                }
            }
            Some(family) => family.unused.unlink(slots, index),
            None if is_used => group.used.unlink(slots, index),
            None => group.unused.unlink(slots, index),
        }
    }

    /// Idle connections that never carried a byte and that one may have of whose key `own` is the
    /// group.
    pub(crate) fn unused(
        &self,
        route: u32,
        own: Option<u32>,
        family: Option<FamilyId>,
    ) -> Option<&List<ByKey>> {
        match family {
            Some(_) => Some(&self.family_named(route, family)?.unused),
            None => Some(&self.at(own?).unused),
        }
    }

    /// Idle connections of one key of a family that carried bytes: of that which came to have any last,
    /// or of that which has had some for longest.
    pub(crate) fn stock(&self, family: &Family, the_last: bool) -> Option<&List<ByKey>> {
        let group = if the_last { family.stocked.front() } else { family.stocked.back() };
        Some(&self.at(group?).used)
    }

    /// The family of the group at `index`, if it has one; `NIL` has none.
    pub(crate) fn family_of(&self, index: u32) -> Option<&Family> {
        self.families.at(self.arena.at(index)?.family)
    }

    /// The same, to be changed.
    pub(crate) fn family_of_mut(&mut self, index: u32) -> Option<&mut Family> {
        self.families.at_mut(self.arena.at(index)?.family)
    }

    /// The family at `index`; `NIL` is none.
    pub(crate) fn family(&self, index: u32) -> Option<&Family> {
        self.families.at(index)
    }

    /// The family of that name.
    pub(crate) fn family_named(&self, route: u32, name: Option<FamilyId>) -> Option<&Family> {
        self.families.at(self.families.find(route, name?)?)
    }

    pub(crate) fn at(&self, index: u32) -> &Group {
        &self.arena[index]
    }

    pub(crate) fn at_mut(&mut self, index: u32) -> &mut Group {
        &mut self.arena[index]
    }

    /// How many keys are in use.
    pub(crate) const fn len(&self) -> usize {
        self.arena.len()
    }

    fn add(&mut self, route: u32, key: KeyId, family: Option<FamilyId>) -> u32 {
        let family = family.map_or(NIL, |name| self.families.join(route, name));
        let (index, _) = self.arena.insert(Group {
            route,
            key,
            family,
            in_family: Link::default(),
            used: List::new(),
            unused: List::new(),
            plain: Ring::new(),
            fresh: Ring::new(),
            leased: 0,
            waiting: 0,
            members: 0,
        });
        self.by_name.insert((route, key), index);
        index
    }
}
