//! Waiting for a lease: a thread parks on its own condition, a task leaves its waker.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;

use parking_lot::Condvar;

use super::{
    Boat, Condition, Denial, Duration, Entered, Inner, Lease, Outcome, State, Terms, WaiterId,
};

/// What became of one who waits.
pub(super) type Told<T> = Result<Box<Boat<T>>, Denial>;

/// The place of one who waits.
pub(super) struct Seat<T> {
    /// What became of it, once it is known.
    pub(super) outcome: Option<Told<T>>,
    /// How to tell it; nothing once it was.
    pub(super) wake: Option<Wake>,
}

/// How to tell one who waits that its outcome is there.
pub(super) enum Wake {
    Thread(Arc<Condvar>),
    Task(Waker),
}

impl Wake {
    pub(super) fn wake(self) {
        match self {
            Self::Thread(bell) => {
                bell.notify_one();
            }
            Self::Task(waker) => waker.wake(),
        }
    }
}

impl<T> Inner<T> {
    #[inline(always)]
    pub(super) fn lease_blocking(
        self: &Arc<Self>,
        terms: Terms,
        timeout: Duration,
    ) -> Result<Lease<T>, Denial> {
        match self.take_over(terms) {
            Ok(lease) => Ok(lease),
            Err(entered) => self.wait_blocking(entered, terms, timeout),
        }
    }

    #[inline(never)]
    fn wait_blocking(
        self: &Arc<Self>,
        entered: Entered<'_, T>,
        terms: Terms,
        timeout: Duration,
    ) -> Result<Lease<T>, Denial> {
        let mut bell = None;
        let wake = || Wake::Thread(Arc::clone(bell.insert(Arc::new(Condvar::new()))));
        let waiter = match self.ask(entered, terms, timeout, wake) {
            Asked::Told(told) => return self.settle(told),
            Asked::Waiting(waiter) => waiter,
        };
        let bell = bell.expect("one who waits has left a bell");
        let mut state = self.state.lock();
        loop {
            let seat = state.seats.get_mut(&waiter).expect("one who waits has a seat");
            if let Some(told) = seat.outcome.take() {
                state.seats.remove(&waiter);
                drop(state);
                return self.settle(told);
            }
            bell.wait(&mut state);
        }
    }

    /// Leases what was given back a moment ago, before the pool was told; or else keeps the lock.
    #[inline(always)]
    fn take_over(self: &Arc<Self>, terms: Terms) -> Result<Lease<T>, Entered<'_, T>> {
        let (mut entered, now) = self.enter();
        let State { pool, untold, .. } = &mut *entered;
        match untold.take_over(pool, now, terms) {
            Some(boat) => {
                drop(entered);
                Ok(Lease::new(Arc::clone(self), boat))
            }
            None => Err((entered, now)),
        }
    }

    /// Asks the pool; takes a seat if it is to wait.
    fn ask(
        self: &Arc<Self>,
        (mut state, now): Entered<'_, T>,
        terms: Terms,
        timeout: Duration,
        wake: impl FnOnce() -> Wake,
    ) -> Asked<T> {
        let request = self.request(now, terms, timeout);
        state.tell_releases();
        let asked = match state.pool.lease(now, request) {
            Outcome::Granted(grant) => {
                let told = Ok(state.lend(&grant));
                // What is idle no more makes nothing due sooner.
                if !state.pool.has_events() {
                    return Asked::Told(told);
                }
                Asked::Told(told)
            }
            Outcome::Refused(denial) => Asked::Told(Err(denial)),
            Outcome::Waiting(waiter) => {
                state.seats.insert(waiter, Seat { outcome: None, wake: Some(wake()) });
                Asked::Waiting(waiter)
            }
        };
        self.finish(state, now);
        asked
    }

    fn settle(self: &Arc<Self>, told: Told<T>) -> Result<Lease<T>, Denial> {
        Ok(Lease::new(Arc::clone(self), told?))
    }

    /// Gives up a seat. What was already given to it goes on to the next, unused.
    fn leave(self: &Arc<Self>, waiter: WaiterId) {
        let (mut state, now) = self.enter();
        let Some(seat) = state.seats.remove(&waiter) else { return };
        state.tell_releases();
        match seat.outcome {
            Some(Ok(boat)) => {
                let lease = boat.brief.lease;
                state.moor(lease.index, boat);
                let released = state.pool.release(now, lease, Condition::Unused);
                released.expect("a lease that nobody else has seen is held");
            }
            Some(Err(_)) => {}
            None => {
                state.pool.cancel(now, waiter).expect("one without an outcome waits");
            }
        }
        self.finish(state, now);
        drop(seat.wake);
    }
}

/// What the pool said.
enum Asked<T> {
    Told(Told<T>),
    Waiting(WaiterId),
}

/// How far a [`Leasing`] has come.
enum Stage {
    /// It was not polled yet.
    Asking,
    Waiting(WaiterId),
    Done,
}

/// A lease to come. See [`SharedPool::lease_async`](super::SharedPool::lease_async).
///
/// ```
/// use std::time::Duration;
/// use wharf_pool::{Attempt, Denial, Lease, PoolConfig, RouteConfig, RouteId, SharedPool};
///
/// async fn greet(pool: &SharedPool<String>, route: RouteId) -> Result<usize, Denial> {
///     let mut lease: Lease<String> = pool.lease_async(route, Duration::from_secs(5)).await?;
///     lease.push_str("hello");
///     let sent = lease.len();
///     lease.reusable();
///     Ok(sent)
/// }
///
/// let connector = |attempt: Attempt<String>| attempt.opened(String::new());
/// let pool = SharedPool::new(PoolConfig::default(), 0, connector)?;
/// let route = pool.add_route(RouteConfig::default());
/// # fn block_on<F: Future>(future: F) -> F::Output {
/// #     let mut future = std::pin::pin!(future);
/// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// #     loop {
/// #         if let std::task::Poll::Ready(ready) = future.as_mut().poll(&mut context) {
/// #             return ready;
/// #         }
/// #     }
/// # }
/// assert_eq!(block_on(greet(&pool, route))?, 5);
/// assert_eq!(block_on(greet(&pool, route))?, 10, "the same connection again");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a future does nothing unless it is polled"]
pub struct Leasing<T> {
    inner: Arc<Inner<T>>,
    terms: Terms,
    timeout: Duration,
    stage: Stage,
}

impl<T> Leasing<T> {
    pub(super) const fn new(inner: Arc<Inner<T>>, terms: Terms, timeout: Duration) -> Self {
        Self { inner, terms, timeout, stage: Stage::Asking }
    }

    /// What became of it, or nothing yet; then `context` is woken when it is known.
    fn look(&self, waiter: WaiterId, context: &Context<'_>) -> Option<Told<T>> {
        let wake = Wake::Task(context.waker().clone());
        let mut state = self.inner.state.lock();
        let seat = state.seats.get_mut(&waiter).expect("one who waits has a seat");
        let Some(told) = seat.outcome.take() else {
            let former = seat.wake.replace(wake);
            // A waker may hold a task, and the task a lease of this pool: it is dropped without
            // the lock.
            drop(state);
            drop(former);
            return None;
        };
        state.seats.remove(&waiter);
        Some(told)
    }
}

impl<T> Future for Leasing<T> {
    type Output = Result<Lease<T>, Denial>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { inner, terms, timeout, stage } = &mut *self;
        if matches!(stage, Stage::Asking) {
            let entered = match inner.take_over(*terms) {
                Ok(lease) => {
                    *stage = Stage::Done;
                    return Poll::Ready(Ok(lease));
                }
                Err(entered) => entered,
            };
            let wake = || Wake::Task(context.waker().clone());
            match inner.ask(entered, *terms, *timeout, wake) {
                Asked::Told(told) => {
                    *stage = Stage::Done;
                    return Poll::Ready(inner.settle(told));
                }
                Asked::Waiting(waiter) => *stage = Stage::Waiting(waiter),
            }
        }
        let Stage::Waiting(waiter) = *stage else { panic!("polled after it was ready") };
        match self.look(waiter, context) {
            Some(told) => {
                self.stage = Stage::Done;
                Poll::Ready(self.inner.settle(told))
            }
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for Leasing<T> {
    fn drop(&mut self) {
        if let Stage::Waiting(waiter) = self.stage {
            self.inner.leave(waiter);
        }
    }
}

impl<T> fmt::Debug for Leasing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leasing({:?})", self.terms)
    }
}
