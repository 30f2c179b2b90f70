//! Turns: those who wait at one place, client by client.
//!
//! A *line* is what one client has waiting at a place, the oldest first. The lines of a place stand
//! in a ring: the first one's oldest waiter is next, and whoever was served goes to the back with
//! what is left. So a client with a thousand waiters gets no more than one with two, and each
//! client's own are served in the order of their arrival. Joining, leaving and finding the next
//! cost the same at any number of clients.
//!
//! A line knows since when its client waits for a turn: since it came, or since its last turn. The
//! first line has waited longest. That is what is compared between places, and not the age of the
//! first one's oldest waiter: with a thousand waiters it is old because of the others.
//!
//! Places are a route (`OfClient`), and the two queues of a key (`OfKey`) and of a family of keys
//! (`OfFamily`). It is not: the order by
//! age, which is [`List<OfRoute>`](crate::waiters::OfRoute).

use core::marker::PhantomData;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::arena::Arena;
use crate::ids::ClientId;
use crate::list::{Chain, Link, List};
use crate::time::Instant;
use crate::waiters::Waiter;

/// Where lines stand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Place {
    /// Index of the route, of the group or of the family.
    pub(crate) index: u32,
    /// Which of the two queues of a group or a family.
    pub(crate) fresh: bool,
}

/// Since when a client waits for its turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Turn {
    /// Monotonic.
    pub(crate) since: Instant,
    /// In which order lines went to the back, over all places.
    pub(crate) number: u64,
}

/// What one client has waiting at one place.
#[derive(Debug)]
struct Line<K> {
    place: Place,
    client: ClientId,
    turn: Turn,
    waiters: List<K>,
    len: usize,
    in_ring: Link,
}

/// The lines of a place, the next first.
#[derive(Debug)]
struct InRing<K>(PhantomData<K>);

impl<K> Chain<Line<K>> for InRing<K> {
    fn link(line: &Line<K>) -> &Link {
        &line.in_ring
    }
    fn link_mut(line: &mut Line<K>) -> &mut Link {
        &mut line.in_ring
    }
}

/// The ring of one place.
#[derive(Debug)]
pub(crate) struct Ring<K> {
    lines: List<InRing<K>>,
    len: usize,
}

impl<K> Ring<K> {
    pub(crate) const fn new() -> Self {
        Self { lines: List::new(), len: 0 }
    }
}

/// Why a waiter leaves its line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Leaving {
    /// It was served at this moment of monotonic time: its client has had its turn.
    Served(Instant),
    /// It waits no more.
    Gone,
}

/// The lines of all places of one kind.
#[derive(Debug)]
pub(crate) struct Lines<K> {
    arena: Arena<Line<K>>,
    by_name: HashMap<(Place, ClientId), u32, FixedState>,
    /// How often a line went to the back.
    turns: u64,
}

impl<K: Chain<Waiter>> Lines<K> {
    pub(crate) fn new(seed: u64) -> Self {
        let by_name = HashMap::with_hasher(FixedState::with_seed(seed));
        Self { arena: Arena::new(), by_name, turns: 0 }
    }

    /// Puts a waiter at the end of its client's line, and that at the back of the ring if it is new.
    pub(crate) fn join(
        &mut self,
        ring: &mut Ring<K>,
        place: Place,
        waiters: &mut Arena<Waiter>,
        waiter: u32,
    ) {
        let (client, arrived) = (waiters[waiter].client, waiters[waiter].arrived);
        let line = self.line(ring, place, client);
        let line = line.unwrap_or_else(|| self.add(ring, place, client, arrived));
        self.arena[line].waiters.push_back(waiters, waiter);
        self.arena[line].len += 1;
    }

    /// Takes a waiter out of its client's line, from wherever it stands.
    pub(crate) fn leave(
        &mut self,
        ring: &mut Ring<K>,
        place: Place,
        waiters: &mut Arena<Waiter>,
        waiter: u32,
        why: Leaving,
    ) {
        let client = waiters[waiter].client;
        let line = self.line(ring, place, client);
        let line = line.expect("one who waits stands in the line of its client");
        let waiting = &mut self.arena[line];
        waiting.waiters.unlink(waiters, waiter);
        waiting.len -= 1;
        if waiting.len == 0 {
            ring.lines.unlink(&mut self.arena, line);
            ring.len -= 1;
            let Line { place, client, .. } = self.arena.remove(line);
            self.by_name.remove(&(place, client));
        } else if let Leaving::Served(now) = why {
            ring.lines.unlink(&mut self.arena, line);
            self.arena[line].turn = self.turn(now);
            ring.lines.push_back(&mut self.arena, line);
        }
    }

    /// Whose turn it is.
    pub(crate) fn next(&self, ring: &Ring<K>) -> Option<u32> {
        self.arena[ring.lines.front()?].waiters.front()
    }

    /// Since when the client whose turn it is has waited for it.
    pub(crate) fn next_turn(&self, ring: &Ring<K>) -> Option<Turn> {
        Some(self.arena[ring.lines.front()?].turn)
    }

    /// Since when a client with a waiter at `place` has waited for its turn there.
    pub(crate) fn turn_of(&self, place: Place, client: ClientId) -> Option<Turn> {
        Some(self.arena[*self.by_name.get(&(place, client))?].turn)
    }

    /// In which place one more waiter of `client` would be served, from one on: everybody before it
    /// has had a turn for each that the client had.
    pub(crate) fn place_of(&self, ring: &Ring<K>, place: Place, client: ClientId) -> usize {
        let own = self.by_name.get(&(place, client)).map_or(0, |line| self.arena[*line].len);
        let lines = ring.len + usize::from(own == 0);
        (own + 1).saturating_mul(lines)
    }

    /// The line of a client at a place. Most often it is the first: who is served stands there, and
    /// often nobody else does.
    fn line(&self, ring: &Ring<K>, place: Place, client: ClientId) -> Option<u32> {
        let first = ring.lines.front()?;
        if self.arena[first].client == client {
            return Some(first);
        }
        self.by_name.get(&(place, client)).copied()
    }

    fn turn(&mut self, since: Instant) -> Turn {
        self.turns += 1;
        Turn { since, number: self.turns }
    }

    fn add(&mut self, ring: &mut Ring<K>, place: Place, client: ClientId, arrived: Instant) -> u32 {
        let (waiters, turn) = (List::new(), self.turn(arrived));
        let in_ring = Link::default();
        let (line, _) = self.arena.insert(Line { place, client, turn, waiters, len: 0, in_ring });
        self.by_name.insert((place, client), line);
        ring.lines.push_back(&mut self.arena, line);
        ring.len += 1;
        line
    }
}
