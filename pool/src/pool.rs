//! The pool: routes, connections, waiters, and the rules between them (POOL.md, section 2).
//!
//! Decide, change, say what happened; never call out. Every method is told the time, changes the
//! state, and leaves what is to be done in a queue that [`Pool::poll_event`] empties.
//!
//! Invariants, which hold whenever no method runs:
//!
//! - No limit is passed. What a lowered limit leaves over is closed as soon as nobody uses it.
//! - Nobody waits while an idle connection is there that he may use (rules H and B), but behind a
//!   gate that an operator has closed.
//! - Nobody is stopped by a limit alone while his route has an idle connection: the least recently
//!   used one is evicted. The same holds for the limit of the whole pool, over all routes, but for
//!   what these keep ready (F, `min_idle`).
//! - A waiter ends once: granted, refused or cancelled (W, P). A connection ends once, with one
//!   cause; opened less closed is what is there.
//! - A connection that served one key serves no other, but those of its family: after its last lease
//!   it was proven that nothing is under way on it, or it never carried a byte (Q).
//! - In a family nobody waits while a connection is idle that could be proven for him: so many are
//!   proven as wait.
//!
//! It is not: a transport (it knows a connection as a handle `C`), a clock, or a resolver.

mod admission;
mod choice;
mod connect;
mod elision;
mod fairness;
mod gate;
mod history;
mod idle;
mod learning;
mod operate;
mod overdue;
mod paths;
mod prewarm;
mod quarantine;
mod queue;
mod reaper;
mod release;
mod report;
mod retire;
mod serve;
mod sweep;
mod takeover;

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::addresses::{Address, Addresses};
use crate::alarms::Alarms;
use crate::arena::{Arena, NIL};
use crate::blocked::Blocked;
use crate::destinations::Destinations;
use crate::event::Event;
use crate::group::Groups;
use crate::ids::{ClientId, RouteId, SlotId, WaiterId};
use crate::journal::{Journal, Step};
use crate::lease::{CancelError, Cancelled, Condition, Outcome, Request};
use crate::limits::{PoolConfig, RouteConfig};
use crate::list::List;
use crate::random::Random;
use crate::ring::{Leaving, Lines};
use crate::route_pool::{Gate, Phase, RoutePool};
use crate::slot::{ByPool, Slot, SlotTimer, State};
use crate::stats::{PoolStats, StateCounts};
use crate::time::{Instant, Now};
use crate::token::{Refusal, Source};
use crate::waiters::{Deadline, OfClient, OfFamily, OfKey, Progress, Waiter};
use crate::wheel::Wheel;

pub(crate) use self::takeover::{Held, Kept};

/// A pool of connections by route.
///
/// `C` names a connection to its owner. See the [crate's documentation](crate) for an example.
#[derive(Debug)]
pub struct Pool<C> {
    config: PoolConfig,
    phase: Phase,
    routes: Arena<RoutePool>,
    slots: Arena<Slot<C>>,
    waiters: Arena<Waiter>,
    groups: Groups,
    /// What each client has waiting on a route.
    of_clients: Lines<OfClient>,
    /// What each client has waiting for a key.
    of_keys: Lines<OfKey>,
    /// What each client has waiting for a family of keys.
    of_families: Lines<OfFamily>,
    /// How many leases of a client wait.
    clients: HashMap<ClientId, usize, FixedState>,
    /// All idle connections, the last released first.
    idle: List<ByPool>,
    connections: StateCounts,
    closing: usize,
    waiting: usize,
    /// Routes that a limit of the pool stops.
    blocked: Blocked,
    /// Routes that a limit of the pool keeps below their share, each with its turn.
    starving: VecDeque<RouteId>,
    /// Routes with connections or waiters.
    active: usize,
    /// Routes with more idle connections than they may keep.
    trims: VecDeque<RouteId>,
    /// Where connections lead, and what was learned of that.
    addresses: Addresses,
    /// Where the connections of each route lead.
    destinations: Destinations,
    lessons: learning::Lessons,
    sweep: sweep::Sweep,
    /// When routes that rest after a failure go on.
    alarms: Alarms,
    timers: Wheel<SlotTimer>,
    deadlines: Wheel<Deadline>,
    /// How far boot time is ahead of monotonic time, in nanoseconds; nothing before the first call.
    lead: Option<i128>,
    /// How often boot time leapt ahead: the host slept.
    leaps: u16,
    /// The monotonic time of the last call.
    seen: Instant,
    /// The number of the last lease.
    serial: u32,
    /// The number of the next waiter.
    next_waiter: u64,
    random: Random,
    events: VecDeque<Event<C>>,
    journal: Journal<C>,
    stats: PoolStats,
}

impl<C: Copy> Pool<C> {
    /// An empty pool without routes. All that is drawn by lot is drawn from `seed`.
    #[must_use]
    pub fn new(config: PoolConfig, seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            config,
            phase: Phase::Running,
            routes: Arena::new(),
            slots: Arena::new(),
            waiters: Arena::new(),
            groups: Groups::new(random.next()),
            of_clients: Lines::new(random.next()),
            of_keys: Lines::new(random.next()),
            of_families: Lines::new(seed),
            clients: HashMap::with_hasher(FixedState::with_seed(random.next())),
            idle: List::new(),
            connections: StateCounts::default(),
            closing: 0,
            waiting: 0,
            blocked: Blocked::default(),
            starving: VecDeque::new(),
            active: 0,
            trims: VecDeque::new(),
            addresses: Addresses::new(seed),
            destinations: Destinations::new(seed),
            lessons: learning::Lessons::new(),
            sweep: sweep::Sweep::new(),
            alarms: Alarms::default(),
            timers: Wheel::new(),
            deadlines: Wheel::new(),
            lead: None,
            leaps: 0,
            seen: Instant::ORIGIN,
            serial: 0,
            next_waiter: 0,
            random,
            events: VecDeque::new(),
            journal: Journal::new(),
            stats: PoolStats::default(),
        }
    }

    /// Leases a connection: an idle one, or a place among those who wait.
    ///
    /// Never blocks. A waiter hears again through [`Event::Granted`] or [`Event::Refused`], soon
    /// after its deadline at the latest. An attempt to connect that begins on its behalf belongs
    /// to the route: whichever connection is free first serves it.
    pub fn lease(&mut self, now: Now, request: Request) -> Outcome<C> {
        self.observe(now);
        let RouteId { index: route, generation } = request.route;
        let Some(pool) = self.routes.get(route, generation) else {
            self.stats.lease_failures.add(Refusal::Draining);
            return Outcome::Refused(Refusal::Draining.into());
        };
        if pool.phase != Phase::Running {
            return self.refuse_at_once(route, Refusal::Draining);
        }
        let gate = self.routes[route].gate;
        if gate == Gate::Denied {
            return self.refuse_at_once(route, Refusal::Denied);
        }
        let is_open = gate == Gate::Open;
        if is_open && let Some(slot) = self.take_idle(now, &request) {
            self.claim(slot, &request);
            let grant = self.grant(now, slot, request.client, now.monotonic, Source::Idle);
            self.keep_warm(route);
            return Outcome::Granted(grant);
        }
        if request.no_wait || request.deadline <= now.monotonic {
            return self.refuse_at_once(route, Refusal::QueueTimeout);
        }
        if let Err(denial) = self.admit(now, route, &request) {
            return self.refuse_at_once(route, denial);
        }
        let waiter = self.enqueue(now, route, request);
        self.prove(now, self.groups.at(self.waiters[waiter].group).family);
        self.expect_release(now, waiter);
        self.use_room(now, route);
        self.keep_warm(route);
        Outcome::Waiting(self.waiter_id(waiter))
    }

    /// Withdraws one who waits. No event names it any more.
    ///
    /// If a connection was on its way to it, that goes on to the next, as if released unused.
    ///
    /// # Errors
    ///
    /// [`CancelError::Ended`] if its outcome was polled before.
    pub fn cancel(&mut self, now: Now, waiter: WaiterId) -> Result<Cancelled, CancelError> {
        self.observe(now);
        let found = self.waiters.get(waiter.index, waiter.generation);
        let progress = found.ok_or(CancelError::Ended)?.progress;
        match progress {
            Progress::Waiting => {
                let route = self.waiters[waiter.index].route;
                self.unqueue(waiter.index, Leaving::Gone);
                self.waiters.remove(waiter.index);
                self.count_refusal(route, Refusal::Cancelled);
                self.use_spare_proofs(now, route);
                Ok(Cancelled::Waiting)
            }
            Progress::Delivered(lease) => {
                self.waiters.remove(waiter.index);
                let route = self.slots[lease.index].route;
                self.stats.cancels_after_offer += 1;
                self.routes[route].stats.cancels_after_offer += 1;
                self.take_back(now, lease.index, Condition::Unused);
                Ok(Cancelled::Delivered)
            }
            Progress::Failed(denial) => {
                self.waiters.remove(waiter.index);
                Ok(Cancelled::Failed(denial))
            }
        }
    }

    /// The next thing to do or to pass on. Call until there is none, after every other call.
    pub fn poll_event(&mut self) -> Option<Event<C>> {
        loop {
            let event = self.events.pop_front()?;
            let wanted = match event {
                Event::Granted { waiter, .. } | Event::Refused { waiter, .. } => self.tell(waiter),
                Event::Connect { slot, .. } | Event::Ask { slot, .. } => self.is_live(slot),
                Event::Probe { slot, .. } => self.is_probed(slot),
                Event::Overdue { lease, .. } => self.slot_of(lease).is_some(),
                Event::Abandon { .. }
                | Event::Close { .. }
                | Event::AddressFailed { .. }
                | Event::AddressRecovered { .. }
                | Event::Knock { .. } => true,
            };
            if wanted {
                return Some(event);
            }
        }
    }

    /// Whether [`Pool::poll_event`] may have something to say.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Ends the record of a waiter that is being told; nothing if it was cancelled.
    fn tell(&mut self, waiter: WaiterId) -> bool {
        let waits = self.waiters.get(waiter.index, waiter.generation).is_some();
        if waits {
            self.waiters.remove(waiter.index);
        }
        waits
    }

    fn is_live(&self, slot: SlotId) -> bool {
        self.slots.get(slot.index, slot.generation).is_some()
    }

    fn find_route(&self, route: RouteId) -> Option<u32> {
        self.routes.get(route.index, route.generation)?;
        Some(route.index)
    }

    fn slot_id(&self, index: u32) -> SlotId {
        SlotId { index, generation: self.slots.generation(index) }
    }

    fn waiter_id(&self, index: u32) -> WaiterId {
        WaiterId { index, generation: self.waiters.generation(index) }
    }

    /// Changes a slot's state, along the diagram in `slot.rs`, and the counts with it.
    fn enter(&mut self, index: u32, next: State) {
        self.leave_quarantine(index);
        let slot = &mut self.slots[index];
        let state = core::mem::replace(&mut slot.state, next);
        assert!(is_edge(state, next), "no way from {state:?} to {next:?}");
        let route = &mut self.routes[slot.route];
        let draining = slot.lost.is_some() || route.phase != Phase::Running;
        if next == State::Closing {
            route.closing += 1;
            self.closing += 1;
        } else {
            *route.connections.of_mut(next, draining) += 1;
            *self.connections.of_mut(next, draining) += 1;
        }
        // Nothing leaves the state in which it is closing but by `free`.
        *route.connections.of_mut(state, draining) -= 1;
        *self.connections.of_mut(state, draining) -= 1;
    }

    /// Changes the counts to which a slot belongs.
    fn tally(&mut self, index: u32, change: fn(&mut usize)) {
        let slot = &self.slots[index];
        let route = &mut self.routes[slot.route];
        if slot.state == State::Closing {
            change(&mut route.closing);
            change(&mut self.closing);
            return;
        }
        let draining = slot.lost.is_some() || route.phase != Phase::Running;
        change(route.connections.of_mut(slot.state, draining));
        change(self.connections.of_mut(slot.state, draining));
    }

    /// Takes a slot out for good; its room is free, and its handle finds nothing.
    fn free(&mut self, index: u32) {
        self.leave_quarantine(index);
        self.tally(index, |count| *count -= 1);
        self.timers.disarm(&mut self.slots, index);
        let slot = self.slots.remove(index);
        self.groups.leave(slot.group);
        self.destinations.leave(slot.route, slot.address);
        self.addresses.leave(slot.address);
        self.count_active(slot.route);
        self.bury(slot.route);
    }

    /// Forgets a route that was removed and of which nothing is left.
    fn bury(&mut self, route: u32) {
        let pool = &self.routes[route];
        if pool.removed && pool.is_empty() {
            self.routes.remove(route);
        }
    }
}

/// The edges of the diagram in `slot.rs`.
const fn is_edge(from: State, to: State) -> bool {
    match from {
        State::Connecting { .. } => {
            matches!(to, State::Idle { .. } | State::Leased { .. } | State::Closing)
        }
        State::Idle { .. } => {
            !matches!(to, State::Idle { .. } | State::Connecting { .. } | State::Settling { .. })
        }
        State::Leased { .. } | State::Settling { .. } => !matches!(to, State::Connecting { .. }),
        // One that is set aside may lead to an address that is doubted again.
        State::Suspect { .. } => !matches!(to, State::Connecting { .. } | State::Settling { .. }),
        State::Quarantined { .. } => {
            matches!(to, State::Idle { .. } | State::Leased { .. } | State::Closing)
        }
        State::Closing => false,
    }
}
