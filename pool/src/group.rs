//! What belongs to one key of one route: its idle connections and its waiters.
//!
//! A group comes to be with its first waiter or connection and goes with its last, so that keys
//! that are no longer used cost nothing.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::arena::{Arena, NIL};
use crate::ids::KeyId;
use crate::list::List;
use crate::ring::Ring;
use crate::slot::ByKey;
use crate::waiters::OfKey;

/// One key of one route.
#[derive(Debug)]
pub(crate) struct Group {
    route: u32,
    pub(crate) key: KeyId,
    /// Idle connections that carried bytes.
    pub(crate) used: List<ByKey>,
    /// Idle connections that were leased and never carried a byte.
    pub(crate) unused: List<ByKey>,
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

    /// The list that an idle connection belongs to.
    pub(crate) const fn shelf(&mut self, uses: u32) -> &mut List<ByKey> {
        if uses > 0 { &mut self.used } else { &mut self.unused }
    }
}

/// The groups of all routes.
#[derive(Debug)]
pub(crate) struct Groups {
    arena: Arena<Group>,
    by_name: HashMap<(u32, KeyId), u32, FixedState>,
}

impl Groups {
    pub(crate) fn new(seed: u64) -> Self {
        Self { arena: Arena::new(), by_name: HashMap::with_hasher(FixedState::with_seed(seed)) }
    }

    pub(crate) fn find(&self, route: u32, key: KeyId) -> Option<u32> {
        self.by_name.get(&(route, key)).copied()
    }

    /// Adds a member to the group of `key`, which is made if need be.
    pub(crate) fn join(&mut self, route: u32, key: KeyId) -> u32 {
        let index = self.find(route, key).unwrap_or_else(|| self.add(route, key));
        self.arena[index].members += 1;
        index
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
        }
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

    fn add(&mut self, route: u32, key: KeyId) -> u32 {
        let (index, _) = self.arena.insert(Group {
            route,
            key,
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
