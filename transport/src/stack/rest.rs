//! Connections at rest: what was quiet for a while gives back what it holds.
//!
//! A connection that is called is watched: it stands in a queue, once. When its time has come and it
//! was quiet meanwhile, it gives back the memory of what is empty, and if nothing at all is under way
//! on it, [`Dormant`] takes its place. The next segment or call makes it whole again. So a busy
//! connection allocates nothing, and an idle one costs its place and no more.
//!
//! Bounded twice: by [`REST_AFTER`], and by [`WATCHED_MAX`], beyond which those that can rest do so at
//! once. What a packet or a call costs stays the same.

use std::collections::VecDeque;

use super::Stack;
use super::bookkeeping::Entry;
use super::slots::{ConnectionId, Slots};
use super::standing::Queue;
use super::stats::Stats;
use super::surface::mss;
use super::transmit::Ends;
use crate::tcp::{Connection, Dormant, PathRecord, State, timestamp_offset};
use crate::time::{Duration, Instant};

/// How long a connection is quiet before it rests, unless it is set: longer than between two leases
/// of a busy pool, short enough that what a burst of connections has taken comes back soon.
const REST_AFTER: Duration = Duration::from_secs(1);

/// Connections that may be watched before those at the front rest without having been quiet for so
/// long. Four thousand live ones are some MiB.
const WATCHED_MAX: usize = 4_096;

/// Places that the queue of the watched keeps.
const QUEUE_MIN: usize = 64;

/// How many are looked at for each that comes to a full queue.
const LOOKED_AT: usize = 2;

/// What an idle connection costs, beside its timer and what finds it.
const _: () = assert!(Slots::<Entry>::PLACE <= 176, "a connection at rest stays compact");

/// A connection in its place: whole, or at rest.
#[derive(Debug)]
pub(super) enum Body {
    /// Something is, or was of late, under way on it.
    Live(Box<Connection>),
    /// Nothing is.
    Dormant(Dormant),
}

impl Body {
    /// The state; a connection at rest is open.
    pub(super) fn state(&self) -> State {
        match self {
            Self::Live(connection) => connection.state(),
            Self::Dormant(_) => State::Established,
        }
    }

    /// The connection, unless it is at rest.
    pub(super) fn live(&self) -> Option<&Connection> {
        match self {
            Self::Live(connection) => Some(connection),
            Self::Dormant(_) => None,
        }
    }

    /// The connection, unless it is at rest.
    pub(super) fn live_mut(&mut self) -> Option<&mut Connection> {
        match self {
            Self::Live(connection) => Some(connection),
            Self::Dormant(_) => None,
        }
    }
}

/// Who is watched, in the order in which they may rest.
#[derive(Debug)]
pub(super) struct Watched {
    queue: VecDeque<(Instant, ConnectionId)>,
    rest_after: Duration,
    /// The latest time that the stack was told.
    now: Instant,
}

impl Watched {
    pub(super) fn new() -> Self {
        Self { queue: VecDeque::new(), rest_after: REST_AFTER, now: Instant::ORIGIN }
    }

    /// It is `now`: who is woken without being active is watched from here on.
    pub(super) fn tell(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// The latest time that the stack was told.
    pub(super) fn now(&self) -> Instant {
        self.now
    }

    /// Gives back what a burst of connections has taken.
    fn give_back(&mut self) {
        let needed = self.queue.len().max(QUEUE_MIN);
        if self.queue.capacity() > 4 * needed {
            self.queue.shrink_to(2 * needed);
        }
    }

    /// When the first may have been quiet for long enough.
    pub(super) fn earliest(&self) -> Option<Instant> {
        self.queue.front().map(|(due, _)| *due)
    }
}

impl Stack {
    /// Sets how long a connection is quiet before it gives back what it holds and rests, 1 s until
    /// then.
    pub fn set_rest_after(&mut self, quiet: Duration) {
        self.watched.rest_after = quiet;
    }

    /// The connection at `index`, made whole if it is at rest and told what it may take, and where it
    /// counts.
    pub(super) fn awake(&mut self, index: u32) -> Option<(&mut Connection, &mut Stats)> {
        self.wake(index);
        let allowance = self.allowance_at(index);
        let entry = self.connections.at_mut(index)?;
        let connection = entry.body.live_mut().expect("made whole above");
        connection.set_allowance(allowance);
        Some((connection, &mut self.stats))
    }

    /// What `look` sees of the connection at `index`, which stays at rest if it is.
    pub(super) fn look<T>(&self, index: u32, look: impl FnOnce(&Connection) -> T) -> Option<T> {
        let entry = self.connections.at(index)?;
        Some(match &entry.body {
            Body::Live(connection) => look(connection),
            Body::Dormant(dormant) => {
                let ends = self.ends_of(entry.tuple);
                let known = self.destinations.look(dormant.heard_at(), ends.remote.ip());
                let path = PathRecord { pmtu: known.pmtu, ..PathRecord::default() };
                look(&self.whole(dormant, ends, path))
            }
        })
    }

    /// Watches the connection at `index` until it was quiet, unless it is watched already.
    pub(super) fn watch(&mut self, index: u32) {
        let Watched { rest_after, now, .. } = self.watched;
        let Some(id) = self.connections.id_at(index) else { return };
        let Some(entry) = self.connections.at_mut(index) else { return };
        let Some(connection) = entry.body.live() else { return };
        let due = connection.last_active().max(now) + rest_after;
        // It was looked at when it had been quiet, and nothing but its owner's looking has happened
        // since: only what lets it rest counts, or it would be looked at for ever.
        let was_quiet = connection.last_active() + rest_after <= now;
        if was_quiet && Dormant::of(connection, &self.config.tcp).is_none() {
            return;
        }
        if !entry.standing.join(Queue::Watched) {
            return;
        }
        self.watched.queue.push_back((due, id));
        if self.watched.queue.len() > WATCHED_MAX {
            self.stats.watched_overflows += 1;
            self.relieve();
        }
    }

    /// Lets those rest that were quiet for long enough.
    pub(super) fn rest_the_quiet(&mut self, now: Instant) {
        let rest_after = self.watched.rest_after;
        while self.watched.earliest().is_some_and(|due| due <= now) {
            let Some((_, id)) = self.watched.queue.pop_front() else { return };
            let index = id.index();
            let Some(connection) = self.watched_connection(id) else { continue };
            let due = connection.last_active() + rest_after;
            if due > now {
                self.watched.queue.push_back((due, id));
                continue;
            }
            connection.give_back_memory();
            if let Some(entry) = self.connections.at_mut(index) {
                entry.standing.leave(Queue::Watched);
            }
            self.charge(index);
            self.learn_path(now, index);
            self.rest(index);
        }
        self.watched.give_back();
    }

    /// Those at the front that are gone are not waited for.
    pub(super) fn forget_the_gone(&mut self) {
        while let Some((_, id)) = self.watched.queue.front() {
            if self.connections.is_alive(*id) {
                return;
            }
            self.watched.queue.pop_front();
        }
    }

    /// The queue is full: those at its front rest if they can, however short they were quiet.
    fn relieve(&mut self) {
        for _ in 0..LOOKED_AT {
            let Some((due, id)) = self.watched.queue.pop_front() else { return };
            if self.watched_connection(id).is_none() {
                continue;
            }
            if self.rest(id.index()) {
                continue;
            }
            self.watched.queue.push_back((due, id));
        }
    }

    /// Puts the connection at `index` to rest, if nothing is under way on it. Says whether it did.
    fn rest(&mut self, index: u32) -> bool {
        let Some(entry) = self.connections.at_mut(index) else { return false };
        let is_ready = entry.standing.is_in(Queue::Ready);
        let Some(connection) = entry.body.live().filter(|_| !is_ready) else { return false };
        let Some(dormant) = Dormant::of(connection, &self.config.tcp) else { return false };
        self.uncharge(index);
        let Some(entry) = self.connections.at_mut(index) else { return false };
        entry.body = Body::Dormant(dormant);
        entry.standing.leave(Queue::Watched);
        self.wheel.cancel(index);
        if let Some(due) = dormant.poll_timeout(&self.config.tcp) {
            self.wheel.arm(index, due);
        }
        true
    }

    fn wake(&mut self, index: u32) {
        let Some(entry) = self.connections.at(index) else { return };
        let Body::Dormant(dormant) = entry.body else { return };
        let ends = self.ends_of(entry.tuple);
        let path = self.destinations.recall(dormant.heard_at(), ends.remote.ip());
        let whole = Box::new(self.whole(&dormant, ends, path));
        if let Some(entry) = self.connections.at_mut(index) {
            entry.body = Body::Live(whole);
        }
        self.charge(index);
        self.watch(index);
    }

    fn whole(&self, dormant: &Dormant, ends: Ends, path: PathRecord) -> Connection {
        let offset = timestamp_offset(&self.secrets.timestamps, ends.local, ends.remote);
        let mss = mss(self.config.mtu, ends.remote.ip());
        dormant.wake(&self.config.tcp, offset, mss, path, ends.remote.is_ipv4())
    }

    fn watched_connection(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        if !self.connections.is_alive(id) {
            return None;
        }
        self.connections.at_mut(id.index())?.body.live_mut()
    }
}
