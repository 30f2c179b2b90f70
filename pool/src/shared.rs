//! The same pool for many threads: [`Pool`] behind one lock, with connections as values.
//!
//! Everything happens under the lock but what may take time: connecting, waking, dropping. Each
//! waiter parks on a condition of its own, or leaves a [`Waker`](core::task::Waker), and a release
//! wakes exactly one. A thread of the pool's own lets time pass, so that deadlines and idle times
//! need nobody's help; it ends with the last handle.
//!
//! The clock is [`std::time::Instant`], which stands still while the host sleeps: rule T of the
//! pool (suspect connections) never applies. This is the one file of the crate that reads a clock.

mod timer;
mod waiting;

use core::fmt;
use core::ops::{Deref, DerefMut};
use std::io;
use std::sync::{Arc, Weak};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parking_lot::{Mutex, MutexGuard};

use self::timer::Timer;
pub use self::waiting::Leasing;
use self::waiting::{Seat, Wake};
use crate::event::{ConnectFailure, Event};
use crate::ids::{ClientId, KeyId, RouteId, SlotId, WaiterId};
use crate::lease::{Condition, Grant, Outcome, Released, Request};
use crate::limits::{PoolConfig, RouteConfig};
use crate::pool::Pool;
use crate::time::{Duration, Instant, Now};
use crate::token::{CloseCause, ConnectError, Refusal};

/// Opens connections for a [`SharedPool`].
///
/// It is called without the lock, by the thread whose lease or release made room for a connection.
/// It may connect at once, or pass the attempt on to a thread or a task and return. Any function
/// of an [`Attempt`] will do.
pub trait Connect<T>: Send + Sync {
    /// Begins an attempt, which ends with [`Attempt::opened`] or [`Attempt::failed`].
    fn connect(&self, attempt: Attempt<T>);
}

impl<T, F: Fn(Attempt<T>) + Send + Sync> Connect<T> for F {
    fn connect(&self, attempt: Attempt<T>) {
        self(attempt);
    }
}

/// What a lease asks for. A [`RouteId`] alone asks for any connection of the route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Where to.
    pub route: RouteId,
    /// Who asks; `max_waiters_per_client` counts by it.
    pub client: ClientId,
    /// Whose connections it may share.
    pub key: KeyId,
    /// Wants a connection that was never used.
    pub fresh: bool,
}

impl From<RouteId> for Terms {
    fn from(route: RouteId) -> Self {
        Self { route, client: ClientId::default(), key: KeyId::default(), fresh: false }
    }
}

/// A pool of `T` that many threads share. Clones are handles to the same pool.
///
/// ```
/// use std::net::{TcpListener, TcpStream};
/// use std::time::Duration;
/// use wharf_pool::{Attempt, ConnectError, ConnectFailure, PoolConfig, RouteConfig, SharedPool};
///
/// let upstream = TcpListener::bind("127.0.0.1:0")?;
/// let address = upstream.local_addr()?;
/// let pool = SharedPool::new(PoolConfig::default(), 0, move |attempt: Attempt<TcpStream>| {
///     match TcpStream::connect(address) {
///         Ok(stream) => attempt.opened(stream),
///         Err(_) => attempt
///             .failed(ConnectFailure { error: ConnectError::ConnectionRefused, hard: true }),
///     }
/// })?;
/// let route = pool.add_route(RouteConfig::default());
///
/// let first = pool.lease(route, Duration::from_secs(5))?;
/// let port = first.local_addr()?.port();
/// first.reusable();
///
/// let second = pool.lease(route, Duration::from_secs(5))?;
/// assert_eq!(second.local_addr()?.port(), port, "the same connection again");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SharedPool<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    state: Mutex<State<T>>,
    connector: Box<dyn Connect<T>>,
    start: std::time::Instant,
    timer: Arc<Timer>,
}

/// What the lock protects.
struct State<T> {
    pool: Pool<()>,
    /// Connections that nobody holds, by the index of their slot.
    moored: Vec<Option<T>>,
    /// Those who wait.
    seats: HashMap<WaiterId, Seat<T>, FixedState>,
    /// When the thread looks next by itself.
    alarm: Instant,
}

/// What is left to do when the lock is free again.
struct Effects<T> {
    attempts: Vec<(SlotId, RouteId)>,
    wakes: Vec<Wake>,
    dropped: Vec<T>,
}

impl<T: Send + 'static> SharedPool<T> {
    /// A pool without routes, and its thread.
    ///
    /// # Errors
    ///
    /// The system does not allow another thread.
    pub fn new(
        config: PoolConfig,
        seed: u64,
        connector: impl Connect<T> + 'static,
    ) -> io::Result<Self> {
        let timer = Arc::new(Timer::default());
        let inner = Arc::new(Inner {
            state: Mutex::new(State {
                pool: Pool::new(config, seed),
                moored: Vec::new(),
                seats: HashMap::with_hasher(FixedState::with_seed(seed)),
                alarm: Instant::ORIGIN,
            }),
            connector: Box::new(connector),
            start: read_clock(),
            timer: Arc::clone(&timer),
        });
        let watched: Weak<Inner<T>> = Arc::downgrade(&inner);
        timer::spawn(timer, move || watched.upgrade().and_then(|inner| inner.pass_time()))?;
        Ok(Self { inner })
    }

    /// Leases a connection, waiting for it up to `timeout`. Dropped without a word, the lease
    /// closes it.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn lease(&self, terms: impl Into<Terms>, timeout: Duration) -> Result<Lease<T>, Refusal> {
        let terms = terms.into();
        self.inner.lease_blocking(terms, timeout)
    }

    /// The same as a future. It needs no runtime: whatever polls it is woken when the lease is
    /// granted or refused. Dropped before, it gives up its place.
    pub fn lease_async(&self, terms: impl Into<Terms>, timeout: Duration) -> Leasing<T> {
        Leasing::new(Arc::clone(&self.inner), terms.into(), timeout)
    }

    /// Adds a route.
    pub fn add_route(&self, config: RouteConfig) -> RouteId {
        self.inner.change(|pool, _| pool.add_route(config))
    }

    /// Removes a route; see [`Pool::remove_route`].
    pub fn remove_route(&self, route: RouteId) {
        self.inner.change(|pool, now| pool.remove_route(now, route));
    }

    /// Changes the pool's limits; see [`Pool::configure`].
    pub fn configure(&self, config: PoolConfig) {
        self.inner.change(|pool, now| pool.configure(now, config));
    }

    /// Changes a route's limits; see [`Pool::configure_route`].
    pub fn configure_route(&self, route: RouteId, config: RouteConfig) {
        self.inner.change(|pool, now| pool.configure_route(now, route, config));
    }

    /// Grants no more leases; see [`Pool::drain`].
    pub fn drain(&self) {
        self.inner.change(Pool::drain);
    }

    /// Ends the pool; see [`Pool::shutdown`].
    pub fn shutdown(&self) {
        self.inner.change(Pool::shutdown);
    }

    /// Reads counters, snapshots and limits, under the lock: be brief.
    pub fn inspect<R>(&self, read: impl FnOnce(&Pool<()>) -> R) -> R {
        read(&self.inner.state.lock().pool)
    }
}

impl<T> Clone for SharedPool<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<T> fmt::Debug for SharedPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.inner.state.lock();
        f.debug_struct("SharedPool").field("connections", &state.pool.connections()).finish()
    }
}

impl<T> Inner<T> {
    fn now(&self) -> Now {
        Now::awake_for(self.start.elapsed())
    }

    fn request(&self, now: Now, terms: Terms, timeout: Duration) -> Request {
        Request {
            route: terms.route,
            client: terms.client,
            key: terms.key,
            deadline: now.monotonic + timeout,
            fresh: terms.fresh,
            no_wait: timeout.is_zero(),
        }
    }

    /// Changes the pool, and does what follows from it.
    fn change<R>(self: &Arc<Self>, change: impl FnOnce(&mut Pool<()>, Now) -> R) -> R {
        let mut state = self.state.lock();
        let now = self.now();
        let result = change(&mut state.pool, now);
        self.finish(state, now);
        result
    }

    /// Lets time pass; says for how long nothing will happen by itself.
    fn pass_time(self: Arc<Self>) -> Option<Duration> {
        let mut state = self.state.lock();
        let now = self.now();
        state.pool.handle_timeout(now);
        let effects = state.take_events(now);
        // With nothing due it looks again in an hour, which costs nothing.
        let idle = now.monotonic + Duration::from_secs(3600);
        let alarm = state.pool.poll_timeout().unwrap_or(idle);
        state.alarm = alarm;
        drop(state);
        self.carry_out(effects);
        Some(alarm.since(self.now().monotonic))
    }

    /// Takes what a change left to do, frees the lock, and does it.
    fn finish(self: &Arc<Self>, mut state: MutexGuard<'_, State<T>>, now: Now) {
        let effects = state.take_events(now);
        let due = state.pool.poll_timeout().filter(|due| *due < state.alarm);
        if let Some(due) = due {
            state.alarm = due;
        }
        drop(state);
        if due.is_some() {
            self.timer.look();
        }
        self.carry_out(effects);
    }

    fn carry_out(self: &Arc<Self>, effects: Effects<T>) {
        for wake in effects.wakes {
            wake.wake();
        }
        drop(effects.dropped);
        for (slot, route) in effects.attempts {
            let attempt = Attempt { inner: Arc::clone(self), slot, route, ended: false };
            self.connector.connect(attempt);
        }
    }

    fn release(
        self: &Arc<Self>,
        grant: &Grant<()>,
        connection: T,
        condition: Condition,
    ) -> Released {
        let mut state = self.state.lock();
        let now = self.now();
        state.moor(grant.slot, connection);
        let released = state.pool.release(now, grant.lease, condition);
        self.finish(state, now);
        released.expect("a lease is released by its only holder, once")
    }
}

impl<T> Drop for Inner<T> {
    fn drop(&mut self) {
        self.timer.stop();
    }
}

impl<T> State<T> {
    /// Empties the pool's queue of events, so that nothing waits there while the lock is free.
    fn take_events(&mut self, now: Now) -> Effects<T> {
        let mut effects = Effects { attempts: Vec::new(), wakes: Vec::new(), dropped: Vec::new() };
        while let Some(event) = self.pool.poll_event() {
            match event {
                Event::Connect { slot, route } => effects.attempts.push((slot, route)),
                // Its attempt learns of it when it ends.
                Event::Abandon { .. } => {}
                Event::Granted { waiter, grant } => {
                    let connection = self.cast_off(grant.slot);
                    effects.wakes.extend(self.seat(waiter, Ok((grant, connection))));
                }
                Event::Refused { waiter, refusal } => {
                    effects.wakes.extend(self.seat(waiter, Err(refusal)));
                }
                Event::Close { slot, .. } => {
                    effects.dropped.push(self.cast_off(slot));
                    // To drop it is all there is to closing it.
                    self.pool.closed(now, slot);
                }
                Event::Probe { slot, .. } => {
                    effects.dropped.push(self.cast_off(slot));
                    self.pool.lost(now, slot, CloseCause::ProbeFailed);
                }
            }
        }
        effects
    }

    /// Notes what became of one who waits; says whom to wake.
    fn seat(&mut self, waiter: WaiterId, outcome: waiting::Told<T>) -> Option<Wake> {
        let seat = self.seats.get_mut(&waiter).expect("one who waits has a seat");
        seat.outcome = Some(outcome);
        seat.wake.take()
    }

    fn moor(&mut self, slot: SlotId, connection: T) {
        let index = place(slot);
        if self.moored.len() <= index {
            self.moored.resize_with(index + 1, || None);
        }
        self.moored[index] = Some(connection);
    }

    fn cast_off(&mut self, slot: SlotId) -> T {
        self.moored[place(slot)].take().expect("a connection that nobody holds is moored")
    }
}

fn place(slot: SlotId) -> usize {
    usize::try_from(slot.index).expect("an index fits")
}

/// An attempt to connect. Dropped without a word, it has failed.
pub struct Attempt<T> {
    inner: Arc<Inner<T>>,
    slot: SlotId,
    route: RouteId,
    ended: bool,
}

impl<T> Attempt<T> {
    /// Where to.
    #[must_use]
    pub const fn route(&self) -> RouteId {
        self.route
    }

    /// It has succeeded. If nobody wants the connection any more, it is dropped.
    pub fn opened(mut self, connection: T) {
        self.ended = true;
        let mut state = self.inner.state.lock();
        let now = self.inner.now();
        // It lies in its place before the pool may give it away.
        if !state.pool.is_connecting(self.slot) {
            drop(state);
            return drop(connection);
        }
        state.moor(self.slot, connection);
        assert!(state.pool.opened(now, self.slot, ()), "an attempt under way is taken");
        self.inner.finish(state, now);
    }

    /// It has failed.
    pub fn failed(mut self, failure: ConnectFailure) {
        self.end(failure);
    }

    fn end(&mut self, failure: ConnectFailure) {
        self.ended = true;
        let slot = self.slot;
        self.inner.change(|pool, now| pool.open_failed(now, slot, failure));
    }
}

impl<T> Drop for Attempt<T> {
    fn drop(&mut self) {
        if !self.ended {
            self.end(ConnectFailure { error: ConnectError::ConnectionTerminated, hard: false });
        }
    }
}

impl<T> fmt::Debug for Attempt<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attempt({:?} to {:?})", self.slot, self.route)
    }
}

/// A leased connection. Dropped without a word it is closed, since nobody can say in what state
/// it is.
pub struct Lease<T> {
    inner: Arc<Inner<T>>,
    grant: Grant<()>,
    /// Nothing only while it is being given back.
    connection: Option<T>,
}

impl<T> Lease<T> {
    /// How the lease came about.
    #[must_use]
    pub const fn grant(&self) -> &Grant<()> {
        &self.grant
    }

    /// Gives the connection back for others to use.
    pub fn reusable(self) -> Released {
        self.release(Condition::Reusable)
    }

    /// Gives the connection back in this condition. There is nobody to say that it has settled, so
    /// [`Condition::Settling`] closes it after its time.
    pub fn release(mut self, condition: Condition) -> Released {
        let connection = self.connection.take().expect("a lease holds its connection");
        self.inner.release(&self.grant, connection, condition)
    }
}

impl<T> Deref for Lease<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.connection.as_ref().expect("a lease holds its connection")
    }
}

impl<T> DerefMut for Lease<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.connection.as_mut().expect("a lease holds its connection")
    }
}

impl<T> Drop for Lease<T> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let spent = Condition::Spent(CloseCause::ClientDiscard);
            self.inner.release(&self.grant, connection, spent);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Lease<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("lease", &self.grant.lease)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

#[expect(clippy::disallowed_methods, reason = "the shared pool is told the time by nobody else")]
fn read_clock() -> std::time::Instant {
    std::time::Instant::now()
}
