//! When which connection wants to be called: a hierarchical timer wheel.
//!
//! Arming and cancelling are O(1), whatever the number of timers; expiring is O(1) amortised (a
//! timer moves down at most once a level). Levels hold 64 slots each; a slot of level `n` spans
//! 64^n ticks. A timer lives at the level where its tick first differs from the wheel's, so all
//! timers of a lower level come before all of a higher one, and nothing ever wraps.
//!
//! Each slot remembers a lower bound of the deadlines in it, kept exact but for cancellations:
//! timers fire at their very nanosecond, not at the next tick, and a cancelled one may cost one
//! wake-up that finds nothing to do.
//!
//! One entry an owner; owners are small indices. What it is not: a queue of callbacks. It gives
//! out indices, and the owner is asked what it wants.

use super::chunks::Chunks;
use super::link::Link;
use crate::time::Instant;

/// A tick is 2^17 ns, about 131 us: how far timers are told apart without looking at them.
const TICK_SHIFT: u32 = 17;
/// Eight levels of 6 bits hold the 47 bits of a tick: all of an [`Instant`].
const LEVELS: usize = 8;
const LEVEL_BITS: u32 = 6;
const SLOTS: usize = 1 << LEVEL_BITS;

/// Where a node is linked: a slot of a level, the list of what is due, or nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    Slot(u16),
    Due,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    deadline: Instant,
    previous: Link,
    next: Link,
    place: Place,
}

/// What a timer costs.
const _: () = assert!(size_of::<Node>() <= 24, "a timer stays compact");

const UNLINKED: Node = Node {
    deadline: Instant::ORIGIN,
    previous: Link::NONE,
    next: Link::NONE,
    place: Place::Nowhere,
};

impl Default for Node {
    fn default() -> Self {
        UNLINKED
    }
}

/// A list of nodes and the lower bound of their deadlines.
#[derive(Clone, Copy, Debug)]
struct List {
    head: Link,
    earliest: Instant,
}

const EMPTY: List = List { head: Link::NONE, earliest: Instant::from_nanos(u64::MAX) };

/// Timers by the index of their owner.
#[derive(Debug)]
pub(super) struct TimerWheel {
    /// The tick up to which slots have been emptied.
    elapsed: u64,
    lists: Box<[List]>,
    /// Per level one bit for each slot that is not empty.
    occupied: [u64; LEVELS],
    due: List,
    nodes: Chunks<Node>,
}

impl TimerWheel {
    pub(super) fn new() -> Self {
        Self {
            elapsed: 0,
            lists: vec![EMPTY; LEVELS * SLOTS].into_boxed_slice(),
            occupied: [0; LEVELS],
            due: EMPTY,
            nodes: Chunks::new(),
        }
    }

    /// When `owner`'s timer is armed for.
    pub(super) fn deadline(&self, owner: u32) -> Option<Instant> {
        let node = self.nodes.get(owner)?;
        (node.place != Place::Nowhere).then_some(node.deadline)
    }

    /// Arms the timer of `owner`, in place of the one it may have had.
    pub(super) fn arm(&mut self, owner: u32, deadline: Instant) {
        self.unlink(owner);
        self.link(owner, deadline);
    }

    /// Takes back the timer of `owner`, if it has one.
    pub(super) fn cancel(&mut self, owner: u32) {
        if self.deadline(owner).is_some() {
            self.unlink(owner);
        }
    }

    /// The deadline that comes first, or earlier by what was cancelled.
    pub(super) fn earliest(&self) -> Option<Instant> {
        if self.due.head.index().is_some() {
            return Some(self.due.earliest);
        }
        self.first_slot().map(|slot| self.lists[slot].earliest)
    }

    /// Takes one owner whose deadline has come.
    pub(super) fn pop_expired(&mut self, now: Instant) -> Option<u32> {
        if self.due.head.index().is_none() {
            self.advance(now);
        }
        let owner = self.due.head.index()?;
        self.unlink(owner);
        Some(owner)
    }

    /// Moves all that is due by `now` into the list of what is due.
    fn advance(&mut self, now: Instant) {
        let tick = now.as_nanos() >> TICK_SHIFT;
        while let Some(slot) = self.first_slot() {
            let start = self.start_of(slot);
            if start > tick || self.lists[slot].earliest > now && start == tick && slot < SLOTS {
                break;
            }
            self.elapsed = self.elapsed.max(start);
            self.empty(slot, now);
            if slot < SLOTS && start == tick {
                break;
            }
        }
        self.elapsed = self.elapsed.max(tick);
    }

    /// Takes a slot apart: what is due becomes due, the rest is linked anew, at a lower level or
    /// with a fresh lower bound.
    fn empty(&mut self, slot: usize, now: Instant) {
        let mut next = self.lists[slot].head;
        self.lists[slot] = EMPTY;
        self.occupied[slot / SLOTS] &= !(1 << (slot % SLOTS));
        while let Some(owner) = next.index() {
            let node = self.nodes.at_mut(owner);
            next = node.next;
            let deadline = node.deadline;
            *node = Node { deadline, ..UNLINKED };
            if deadline <= now {
                self.push(owner, deadline, Place::Due);
            } else {
                self.link(owner, deadline);
            }
        }
    }

    /// Links an unlinked node where its deadline belongs, seen from the wheel's tick.
    fn link(&mut self, owner: u32, deadline: Instant) {
        let tick = (deadline.as_nanos() >> TICK_SHIFT).max(self.elapsed);
        let differing = u64::BITS - (tick ^ self.elapsed).leading_zeros();
        let level = differing.saturating_sub(1) / LEVEL_BITS;
        let within = tick >> (level * LEVEL_BITS) & (SLOTS as u64 - 1);
        let slot = u64::from(level) * SLOTS as u64 + within;
        let slot = u16::try_from(slot).expect("8 levels of 64 slots");
        self.push(owner, deadline, Place::Slot(slot));
    }

    fn push(&mut self, owner: u32, deadline: Instant, place: Place) {
        let list = self.list_mut(place).expect("a node is pushed to a list");
        let next = core::mem::replace(&mut list.head, Link::to(owner));
        list.earliest = list.earliest.min(deadline);
        if let Some(next) = next.index() {
            self.nodes.at_mut(next).previous = Link::to(owner);
        }
        *self.nodes.at_mut(owner) = Node { deadline, previous: Link::NONE, next, place };
        if let Place::Slot(slot) = place {
            let slot = usize::from(slot);
            self.occupied[slot / SLOTS] |= 1 << (slot % SLOTS);
        }
    }

    fn unlink(&mut self, owner: u32) {
        let node = core::mem::replace(self.nodes.at_mut(owner), UNLINKED);
        if let Some(next) = node.next.index() {
            self.nodes.at_mut(next).previous = node.previous;
        }
        match node.previous.index() {
            Some(previous) => self.nodes.at_mut(previous).next = node.next,
            None => self.set_head(node.place, node.next),
        }
    }

    /// Gives a list a new head; a list without one is empty and has no deadline.
    fn set_head(&mut self, place: Place, head: Link) {
        let Some(list) = self.list_mut(place) else {
            return;
        };
        list.head = head;
        if head.index().is_some() {
            return;
        }
        *list = EMPTY;
        if let Place::Slot(slot) = place {
            let slot = usize::from(slot);
            self.occupied[slot / SLOTS] &= !(1 << (slot % SLOTS));
        }
    }

    fn list_mut(&mut self, place: Place) -> Option<&mut List> {
        match place {
            Place::Nowhere => None,
            Place::Slot(slot) => self.lists.get_mut(usize::from(slot)),
            Place::Due => Some(&mut self.due),
        }
    }

    /// The slot whose timers come first: the first one of the lowest level that has any.
    fn first_slot(&self) -> Option<usize> {
        let level = self.occupied.iter().position(|slots| *slots != 0)?;
        let within = usize::try_from(self.occupied[level].trailing_zeros()).ok()?;
        Some(level * SLOTS + within)
    }

    /// The first tick of `slot`: the wheel's tick with the slot's bits put in and all below clear.
    fn start_of(&self, slot: usize) -> u64 {
        let shift = LEVEL_BITS * u32::try_from(slot / SLOTS).expect("8 levels");
        let upper = self.elapsed >> shift >> LEVEL_BITS << LEVEL_BITS;
        (upper | (slot % SLOTS) as u64) << shift
    }
}

#[cfg(test)]
mod tests;
