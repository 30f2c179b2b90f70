//! The same pool for many threads: [`Pool`] behind one lock, with connections as values.
//!
//! Everything happens under the lock but what may take time: connecting, waking, dropping. Each
//! waiter has a seat of its own, where it leaves its thread or its [`Waker`](core::task::Waker), and a
//! release wakes exactly one, who looks at its seat and not at the lock. A thread of the pool's own lets time pass, so that deadlines and idle times
//! need nobody's help; it ends with the last handle.
//!
//! A lease that follows a release of the same key at once takes it over, and the pool hears of both
//! in one; nobody can tell the difference but by a clock.
//!
//! A connection that the pool closes is dropped when the lock is free again: for that moment there
//! may be one more of them than the limit, for each thread.
//!
//! The clock is [`std::time::Instant`], with the processor's counter between looks at it. It stands
//! still while the host sleeps: rule T of the pool (suspect connections) never applies.

#[cfg(not(loom))]
mod clock;
#[cfg(loom)]
#[path = "shared/still_clock.rs"]
mod clock;
mod guard;
#[cfg(all(test, loom))]
mod orders;
mod seat;
mod sync;
mod timer;
mod untold;
mod waiting;

use core::fmt;
use std::io;
use std::sync::{Arc, Weak};

use self::clock::{Clock, Seen};
pub use self::guard::{Attempt, Lease};
use self::seat::{Seat, Wake};
use self::sync::{Mutex, MutexGuard};
use self::timer::Timer;
use self::untold::Untold;
pub use self::waiting::Leasing;
use self::waiting::Told;
use crate::event::Event;
use crate::ids::{ClientId, KeyId, RouteId, SlotId, WaiterId};
use crate::lease::{Brief, Condition, Denial, Grant, Outcome, Released, Request};
use crate::limits::{PoolConfig, RouteConfig};
use crate::pool::Pool;
use crate::stats::StateCounts;
use crate::time::{Duration, Instant, Now};
use crate::token::CloseCause;

/// Opens connections for a [`SharedPool`].
///
/// It is called without the lock, by the thread whose lease or release made room for a connection,
/// or by a thread of its own when time made it. It may connect at once, or pass the attempt on to
/// a thread or a task and return: the latter if tasks lease, since they must not block. Any
/// function of an [`Attempt`] will do.
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
    clock: Clock,
    timer: Arc<Timer>,
}

/// What the lock protects.
struct State<T> {
    pool: Pool<()>,
    untold: Untold<T>,
    /// Connections that nobody holds, by the index of their slot.
    moored: Vec<Option<Box<Boat<T>>>>,
    /// The seats of those who wait, by the index of the waiter.
    seats: Vec<Option<Arc<Seat<Told<T>>>>>,
    /// When the thread looks next by itself.
    alarm: Instant,
    seen: Seen,
}

/// A connection, and how it came to its present or last holder. It stays in its box from its opening
/// to its end, so that it goes from hand to hand as a pointer, however large it is.
#[derive(Debug)]
struct Boat<T> {
    connection: T,
    brief: Brief,
}

impl<T> Boat<T> {
    const fn new(connection: T) -> Self {
        Self { connection, brief: Brief::NONE }
    }
}

/// The lock, and what time it is.
type Entered<'pool, T> = (MutexGuard<'pool, State<T>>, Now);

/// What is left to do when the lock is free again.
struct Effects<T> {
    attempts: Vec<(SlotId, RouteId)>,
    /// One to wake: most often there is no other.
    wake: Option<Wake>,
    wakes: Vec<Wake>,
    dropped: Vec<Box<Boat<T>>>,
}

impl<T> Effects<T> {
    const fn none() -> Self {
        Self { attempts: Vec::new(), wake: None, wakes: Vec::new(), dropped: Vec::new() }
    }

    fn wake(&mut self, wake: Option<Wake>) {
        if self.wake.is_none() {
            self.wake = wake;
        } else {
            self.wakes.extend(wake);
        }
    }
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
        let (clock, seen) = Clock::new();
        let inner = Arc::new(Inner {
            state: Mutex::new(State {
                pool: Pool::new(config, seed),
                untold: Untold::new(),
                moored: Vec::new(),
                seats: Vec::new(),
                alarm: Instant::ORIGIN,
                seen,
            }),
            connector: Box::new(connector),
            clock,
            timer: Arc::clone(&timer),
        });
        let watched: Weak<Inner<T>> = Arc::downgrade(&inner);
        // Of loom's threads each is one that a test began.
        if cfg!(not(loom)) {
            timer::spawn(timer, move || watched.upgrade().map(|inner| inner.pass_time()))?;
        }
        Ok(Self { inner })
    }

    /// Leases a connection, waiting for it up to `timeout`. Dropped without a word, the lease
    /// closes it.
    ///
    /// # Errors
    ///
    /// Why there is none.
    #[inline(always)]
    pub fn lease(&self, terms: impl Into<Terms>, timeout: Duration) -> Result<Lease<T>, Denial> {
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

    /// Lets leases of a route wait; see [`Pool::pause_route`].
    pub fn pause_route(&self, route: RouteId) {
        self.inner.change(|pool, now| pool.pause_route(now, route));
    }

    /// Refuses leases of a route; see [`Pool::deny_route`].
    pub fn deny_route(&self, route: RouteId) {
        self.inner.change(|pool, now| pool.deny_route(now, route));
    }

    /// Grants leases of a route again; see [`Pool::resume_route`].
    pub fn resume_route(&self, route: RouteId) {
        self.inner.change(|pool, now| pool.resume_route(now, route));
    }

    /// Refuses leases of a route and lets it run empty; see [`Pool::empty_route`].
    pub fn empty_route(&self, route: RouteId) {
        self.inner.change(|pool, now| pool.empty_route(now, route));
    }

    /// Replaces a route's connections; see [`Pool::reconnect_route`].
    pub fn reconnect_route(&self, route: RouteId) {
        self.inner.change(|pool, now| pool.reconnect_route(now, route));
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
        let mut state = self.inner.state.lock();
        state.tell_releases();
        read(&state.pool)
    }
}

impl<T> Clone for SharedPool<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<T> fmt::Debug for SharedPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedPool").field("connections", &self.connections()).finish()
    }
}

impl<T> SharedPool<T> {
    fn connections(&self) -> StateCounts {
        let mut state = self.inner.state.lock();
        state.tell_releases();
        state.pool.connections()
    }
}

impl<T> Inner<T> {
    /// Takes the lock; says what time it is.
    #[inline(always)]
    fn enter(&self) -> Entered<'_, T> {
        let reading = self.clock.read();
        let mut state = self.state.lock();
        let now = self.clock.time(&mut state.seen, reading);
        (state, now)
    }

    fn request(&self, now: Now, terms: Terms, timeout: Duration) -> Request {
        Request {
            route: terms.route,
            client: terms.client,
            key: terms.key,
            family: None,
            deadline: now.monotonic + timeout,
            fresh: terms.fresh,
            no_wait: timeout.is_zero(),
        }
    }

    /// Changes the pool, and does what follows from it.
    fn change<R>(self: &Arc<Self>, change: impl FnOnce(&mut Pool<()>, Now) -> R) -> R {
        let (mut state, now) = self.enter();
        state.tell_releases();
        let result = change(&mut state.pool, now);
        self.finish(state, now);
        result
    }

    /// Takes what a change left to do, frees the lock, and does it.
    fn finish(self: &Arc<Self>, mut state: MutexGuard<'_, State<T>>, now: Now) {
        // Most leases and releases concern nobody else.
        let effects = state.pool.has_events().then(|| state.take_events(now));
        let due = state.pool.poll_timeout().filter(|due| *due < state.alarm);
        if let Some(due) = due {
            state.alarm = due;
        }
        drop(state);
        if due.is_some() {
            self.timer.look();
        }
        if let Some(effects) = effects {
            self.carry_out(effects);
        }
    }

    fn carry_out(self: &Arc<Self>, effects: Effects<T>) {
        for wake in effects.wake.into_iter().chain(effects.wakes) {
            wake.wake();
        }
        drop(effects.dropped);
        for (slot, route) in effects.attempts {
            let attempt = Attempt::new(Arc::clone(self), slot, route);
            self.connector.connect(attempt);
        }
    }

    #[inline(always)]
    fn release(self: &Arc<Self>, boat: Box<Boat<T>>, condition: Condition) -> Released {
        let (mut entered, now) = self.enter();
        let mut boat = boat;
        if condition == Condition::Reusable {
            let State { pool, untold, .. } = &mut *entered;
            match untold.put_off(pool, now, boat) {
                Ok(()) => return Released::Kept,
                Err(refused) => boat = refused,
            }
        }
        self.release_told((entered, now), boat, condition)
    }

    /// Releases a lease in the ordinary way.
    #[inline(never)]
    fn release_told(
        self: &Arc<Self>,
        (mut state, now): Entered<'_, T>,
        boat: Box<Boat<T>>,
        condition: Condition,
    ) -> Released {
        let lease = boat.brief.lease;
        state.tell_releases();
        state.moor(lease.index, boat);
        let released = state.pool.release(now, lease, condition);
        self.finish(state, now);
        released.expect("a lease is released by its only holder, once")
    }
}

impl<T: Send + 'static> Inner<T> {
    /// Lets time pass; says for how long nothing will happen by itself.
    fn pass_time(self: &Arc<Self>) -> Duration {
        let (mut state, now) = self.enter();
        state.tell_releases();
        state.pool.handle_timeout(now);
        let mut effects = state.take_events(now);
        // With nothing due it looks again in an hour, which costs nothing.
        let idle = now.monotonic + Duration::from_secs(3600);
        let alarm = state.pool.poll_timeout().unwrap_or(idle);
        state.alarm = alarm;
        drop(state);
        let attempts = core::mem::take(&mut effects.attempts);
        self.carry_out(effects);
        attempts.into_iter().for_each(|(slot, route)| self.connect_apart(slot, route));
        alarm.since(now.monotonic)
    }

    /// Begins an attempt on a thread of its own: a connector that takes its time must not hold up
    /// the deadlines of others. Without a thread the attempt has failed.
    fn connect_apart(self: &Arc<Self>, slot: SlotId, route: RouteId) {
        let attempt = Attempt::new(Arc::clone(self), slot, route);
        let inner = Arc::clone(self);
        let connect = move || inner.connector.connect(attempt);
        let thread = std::thread::Builder::new().name("wharf-connect".to_owned()).spawn(connect);
        drop(thread);
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
        let mut effects = Effects::none();
        while let Some(event) = self.pool.poll_event() {
            match event {
                Event::Connect { slot, route } => effects.attempts.push((slot, route)),
                // Its attempt learns of it when it ends.
                Event::Abandon { .. } => {}
                Event::Granted { waiter, grant } => {
                    let boat = self.lend(&grant);
                    effects.wake(self.tell(waiter, Ok(boat)));
                }
                Event::Refused { waiter, denial } => {
                    effects.wake(self.tell(waiter, Err(denial)));
                }
                Event::Close { slot, .. } => {
                    effects.dropped.push(self.cast_off(slot));
                    // To drop it is all there is to closing it.
                    self.pool.closed(now, slot);
                }
                // Whoever holds a lease here holds it by value; nobody could take it away.
                Event::Overdue { .. } => {}
                // Nobody tells of what a socket is silent about.
                Event::Ask { .. }
                | Event::AddressFailed { .. }
                | Event::AddressRecovered { .. }
                | Event::Knock { .. } => {}
                Event::Probe { slot, .. } => {
                    effects.dropped.push(self.cast_off(slot));
                    self.pool.lost(now, slot, CloseCause::ProbeFailed);
                }
            }
        }
        effects
    }

    /// Tells one who waits what became of it; says whom to wake.
    fn tell(&mut self, waiter: WaiterId, told: Told<T>) -> Option<Wake> {
        let seat = self.rise(waiter).expect("one who waits has a seat");
        let told = seat.tell(told);
        told.unwrap_or_else(|_| unreachable!("who leaves is no waiter any more"))
    }

    /// Gives one who waits a seat.
    fn sit(&mut self, waiter: WaiterId, seat: Arc<Seat<Told<T>>>) {
        put(&mut self.seats, waiter.index, seat);
    }

    /// Takes the seat of one who waits no more.
    fn rise(&mut self, waiter: WaiterId) -> Option<Arc<Seat<Told<T>>>> {
        self.seats.get_mut(place(waiter.index))?.take()
    }

    /// Puts a connection where nobody holds it: in the place of its slot.
    fn moor(&mut self, slot: u32, boat: Box<Boat<T>>) {
        put(&mut self.moored, slot, boat);
    }

    /// Takes a connection that is granted.
    fn lend(&mut self, grant: &Grant<()>) -> Box<Boat<T>> {
        let mut boat = self.cast_off(grant.slot);
        boat.brief = Brief::from(grant);
        boat
    }

    fn cast_off(&mut self, slot: SlotId) -> Box<Boat<T>> {
        self.moored[place(slot.index)].take().expect("a connection that nobody holds is moored")
    }
}

/// Puts a value into its place, which is made if need be.
fn put<V>(places: &mut Vec<Option<V>>, index: u32, value: V) {
    let index = place(index);
    if places.len() <= index {
        places.resize_with(index + 1, || None);
    }
    places[index] = Some(value);
}

fn place(index: u32) -> usize {
    usize::try_from(index).expect("an index fits")
}
