//! A pool with a clock in its hand, and the shortest words for what tests do with it.
#![allow(dead_code, reason = "every test file uses its part")]

pub(crate) use wharf_pool::time::Duration;
use wharf_pool::time::{Instant, Now};
use wharf_pool::{
    AddressId, ClientId, CloseCause, Condition, ConnectError, ConnectFailure, Event, Grant, How,
    KeyId, LeaseId, Outcome, Pool, PoolConfig, Refusal, Released, Request, RouteConfig, RouteId,
    Silence, SlotId, WaiterId,
};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SEC: Duration = Duration::from_secs(1);

pub(crate) const REFUSED: ConnectFailure =
    ConnectFailure { error: ConnectError::ConnectionRefused, hard: true };
pub(crate) const SILENT: ConnectFailure =
    ConnectFailure { error: ConnectError::ConnectionTimeout, hard: false };

/// A pool whose connections are numbered in the order in which they open.
pub(crate) struct Quay {
    pub(crate) pool: Pool<u32>,
    pub(crate) now: Now,
    pub(crate) opened: u32,
}

impl Quay {
    pub(crate) fn new() -> Self {
        Self::with(PoolConfig::default())
    }

    pub(crate) fn with(config: PoolConfig) -> Self {
        Self { pool: Pool::new(config, 1), now: Now::awake_for(SEC), opened: 0 }
    }

    /// A pool with one route of so many connections.
    pub(crate) fn of(max_connections: usize) -> (Self, RouteId) {
        let mut quay = Self::new();
        let route = quay.route(max_connections);
        (quay, route)
    }

    pub(crate) fn route(&mut self, max_connections: usize) -> RouteId {
        self.pool.add_route(RouteConfig { max_connections, ..RouteConfig::default() })
    }

    pub(crate) fn request(&self, route: RouteId) -> Request {
        Request {
            route,
            client: ClientId(1),
            key: KeyId(1),
            family: None,
            deadline: self.now.monotonic + 5 * SEC,
            fresh: false,
            no_wait: false,
        }
    }

    pub(crate) fn lease(&mut self, route: RouteId) -> Outcome<u32> {
        self.ask(self.request(route))
    }

    pub(crate) fn lease_as(&mut self, route: RouteId, key: u32) -> Outcome<u32> {
        self.ask(Request { key: KeyId(key), ..self.request(route) })
    }

    pub(crate) fn ask(&mut self, request: Request) -> Outcome<u32> {
        self.pool.lease(self.now, request)
    }

    /// Asks, and must wait.
    pub(crate) fn wait(&mut self, route: RouteId) -> WaiterId {
        waiting(self.lease(route))
    }

    /// Asks as another client with the key of all, and must wait.
    pub(crate) fn wait_from(&mut self, route: RouteId, client: u64) -> WaiterId {
        let request = Request { client: ClientId(client), ..self.request(route) };
        waiting(self.ask(request))
    }

    pub(crate) fn wait_as(&mut self, route: RouteId, key: u32) -> WaiterId {
        waiting(self.lease_as(route, key))
    }

    /// A connection that was opened for a lease of `key`, held.
    pub(crate) fn held_as(&mut self, route: RouteId, key: u32) -> Grant<u32> {
        let waiter = self.wait_as(route, key);
        let slot = self.connect_event();
        assert!(self.open(slot));
        self.granted(waiter)
    }

    pub(crate) fn held(&mut self, route: RouteId) -> Grant<u32> {
        self.held_as(route, 1)
    }

    /// A connection that served `key` once, idle.
    pub(crate) fn idle_as(&mut self, route: RouteId, key: u32) -> Grant<u32> {
        let grant = self.held_as(route, key);
        assert_eq!(self.release(grant.lease, Condition::Reusable), Released::Kept);
        grant
    }

    pub(crate) fn idle(&mut self, route: RouteId) -> Grant<u32> {
        self.idle_as(route, 1)
    }

    /// A connection to `address` that served once, idle. Its round trips take a millisecond.
    pub(crate) fn idle_at(&mut self, route: RouteId, address: u64) -> Grant<u32> {
        let grant = self.held_at(route, address);
        self.pool.on_round_trip(grant.lease, MS);
        assert_eq!(self.release(grant.lease, Condition::Reusable), Released::Kept);
        grant
    }

    /// A connection to `address` that was opened for a lease that wants a new one, held.
    pub(crate) fn held_at(&mut self, route: RouteId, address: u64) -> Grant<u32> {
        let waiter = waiting(self.ask(Request { fresh: true, ..self.request(route) }));
        let slot = self.connect_event();
        self.opened += 1;
        assert!(self.pool.opened_at(self.now, slot, self.opened, AddressId(address)));
        self.granted(waiter)
    }

    /// Time passes, in which something sent to `address` is not acknowledged, and nothing comes from
    /// there for `window`, which is long enough.
    pub(crate) fn silent(&mut self, address: u64, slot: Option<SlotId>, window: Duration) {
        self.sleep(window);
        let (address, heard) = (AddressId(address), self.now.monotonic - window);
        self.pool.on_silence(self.now, Silence { address, slot, heard, window });
    }

    /// A segment has come from `address`.
    pub(crate) fn heard(&mut self, address: u64) {
        self.pool.heard(self.now, AddressId(address), self.now.monotonic);
    }

    /// The slots by way of which to ask, and all other events.
    pub(crate) fn asks(&mut self) -> (Vec<SlotId>, Vec<Event<u32>>) {
        let (mut asks, mut others) = (Vec::new(), Vec::new());
        for event in self.events() {
            if let Event::Ask { slot, .. } = event {
                asks.push(slot);
            } else {
                others.push(event);
            }
        }
        (asks, others)
    }

    /// The peer closes a connection.
    pub(crate) fn fin(&mut self, slot: SlotId) {
        self.pool.lost(self.now, slot, CloseCause::PeerFin);
    }

    /// The peer at `address` closes as many connections, one after the other, each after it was idle
    /// for `limit`.
    pub(crate) fn fins(&mut self, route: RouteId, address: u64, limit: Duration, count: usize) {
        for _ in 0..count {
            let idle = self.idle_at(route, address);
            self.sleep(limit);
            self.fin(idle.slot);
        }
        self.sleep(100 * MS);
        self.quiet();
    }

    /// What is known of how long the peers of `route` let a connection idle.
    pub(crate) fn learned(&self, route: RouteId) -> Duration {
        self.pool.route_snapshot(self.now, route).expect("the route is there").learned_idle
    }

    pub(crate) fn open(&mut self, slot: SlotId) -> bool {
        self.opened += 1;
        self.pool.opened(self.now, slot, self.opened)
    }

    pub(crate) fn release(&mut self, lease: LeaseId, condition: Condition) -> Released {
        self.pool.release(self.now, lease, condition).expect("the lease is held")
    }

    pub(crate) fn event(&mut self) -> Option<Event<u32>> {
        self.pool.poll_event()
    }

    pub(crate) fn events(&mut self) -> Vec<Event<u32>> {
        core::iter::from_fn(|| self.pool.poll_event()).collect()
    }

    pub(crate) fn quiet(&mut self) {
        assert_eq!(self.events(), []);
    }

    /// The next event, an attempt to connect.
    pub(crate) fn connect_event(&mut self) -> SlotId {
        match self.event() {
            Some(Event::Connect { slot, .. }) => slot,
            other => panic!("expected an attempt to connect, got {other:?}"),
        }
    }

    /// The next event, a grant to `expected`.
    pub(crate) fn granted(&mut self, expected: WaiterId) -> Grant<u32> {
        match self.event() {
            Some(Event::Granted { waiter, grant }) if waiter == expected => grant,
            other => panic!("expected a grant to {expected:?}, got {other:?}"),
        }
    }

    /// The next event, a refusal of `expected`.
    pub(crate) fn refused(&mut self, expected: WaiterId) -> Refusal {
        match self.event() {
            Some(Event::Refused { waiter, denial }) if waiter == expected => denial.refusal,
            other => panic!("expected a refusal of {expected:?}, got {other:?}"),
        }
    }

    /// The next event, a close: which slot, why, how.
    pub(crate) fn close_event(&mut self) -> (SlotId, CloseCause, How) {
        match self.event() {
            Some(Event::Close { slot, cause, how, .. }) => (slot, cause, how),
            other => panic!("expected a close, got {other:?}"),
        }
    }

    /// Lets time pass, stopping whenever the pool wants to be called.
    pub(crate) fn sleep(&mut self, duration: Duration) {
        let end = self.now.monotonic + duration;
        loop {
            let due = self.pool.poll_timeout().filter(|due| *due <= end);
            let next = due.unwrap_or(end).max(self.now.monotonic);
            self.now = self.now + next.since(self.now.monotonic);
            self.pool.handle_timeout(self.now);
            if due.is_none() {
                return;
            }
        }
    }

    /// The host is suspended.
    pub(crate) fn suspend(&mut self, duration: Duration) {
        self.now.boot = self.now.boot + duration;
    }

    pub(crate) fn deadline(&self, after: Duration) -> Instant {
        self.now.monotonic + after
    }

    pub(crate) fn counts(&self, route: RouteId) -> wharf_pool::stats::StateCounts {
        self.pool.route_snapshot(self.now, route).expect("the route is there").connections
    }
}

pub(crate) fn waiting(outcome: Outcome<u32>) -> WaiterId {
    let Outcome::Waiting(waiter) = outcome else { panic!("expected to wait, got {outcome:?}") };
    waiter
}

pub(crate) fn grant(outcome: Outcome<u32>) -> Grant<u32> {
    let Outcome::Granted(grant) = outcome else { panic!("expected a grant, got {outcome:?}") };
    grant
}

pub(crate) fn refusal(outcome: Outcome<u32>) -> Refusal {
    let Outcome::Refused(denial) = outcome else { panic!("expected a refusal, got {outcome:?}") };
    denial.refusal
}
