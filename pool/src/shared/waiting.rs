//! Waiting for a lease: a thread sleeps until it is unparked, a task leaves its waker.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;

use super::seat::{Seat, Wake};
use super::sync::{current, park};
use super::{
    Boat, Condition, Denial, Duration, Entered, Inner, Lease, Outcome, State, Terms, WaiterId,
};

/// What became of one who waits.
pub(super) type Told<T> = Result<Box<Boat<T>>, Denial>;

/// One who waits.
#[derive(Debug)]
struct Waiting<T> {
    waiter: WaiterId,
    seat: Arc<Seat<Told<T>>>,
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
        let waiting = match self.ask(entered, terms, timeout, || Wake::Thread(current())) {
            Asked::Told(told) => return self.settle(told),
            Asked::Waiting(waiting) => waiting,
        };
        loop {
            if let Some(told) = waiting.seat.look() {
                return self.settle(told);
            }
            park();
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
                let seat = Arc::new(Seat::new(wake()));
                state.sit(waiter, Arc::clone(&seat));
                Asked::Waiting(Waiting { waiter, seat })
            }
        };
        self.finish(state, now);
        asked
    }

    fn settle(self: &Arc<Self>, told: Told<T>) -> Result<Lease<T>, Denial> {
        Ok(Lease::new(Arc::clone(self), told?))
    }

    /// Gives up a seat. What was already given to it goes on to the next, unused.
    fn leave(self: &Arc<Self>, waiting: &Waiting<T>) {
        let (mut state, now) = self.enter();
        state.tell_releases();
        // Nobody is told but under the lock: what is not told now will not be.
        let wake = match waiting.seat.leave() {
            Ok(Ok(boat)) => {
                let lease = boat.brief.lease;
                state.moor(lease.index, boat);
                let released = state.pool.release(now, lease, Condition::Unused);
                released.expect("a lease that nobody else has seen is held");
                None
            }
            Ok(Err(_)) => None,
            Err(wake) => {
                state.pool.cancel(now, waiting.waiter).expect("one who was not told waits");
                state.rise(waiting.waiter);
                wake
            }
        };
        self.finish(state, now);
        drop(wake);
    }
}

/// What the pool said.
enum Asked<T> {
    Told(Told<T>),
    Waiting(Waiting<T>),
}

/// How far a [`Leasing`] has come.
enum Stage<T> {
    /// It was not polled yet.
    Asking,
    Waiting(Waiting<T>),
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
    stage: Stage<T>,
}

impl<T> Leasing<T> {
    pub(super) const fn new(inner: Arc<Inner<T>>, terms: Terms, timeout: Duration) -> Self {
        Self { inner, terms, timeout, stage: Stage::Asking }
    }

    /// Asks the pool, or looks at the seat that it gave.
    #[inline(never)]
    fn wait(
        inner: &Arc<Inner<T>>,
        asking: Option<(Entered<'_, T>, Terms, Duration)>,
        stage: &mut Stage<T>,
        waker: &Waker,
    ) -> Poll<Result<Lease<T>, Denial>> {
        if let Some((entered, terms, timeout)) = asking {
            match inner.ask(entered, terms, timeout, || Wake::Task(waker.clone())) {
                Asked::Told(told) => {
                    *stage = Stage::Done;
                    return Poll::Ready(inner.settle(told));
                }
                Asked::Waiting(waiting) => *stage = Stage::Waiting(waiting),
            }
        }
        let Stage::Waiting(waiting) = stage else { panic!("polled after it was ready") };
        let Some(told) = waiting.seat.look_again(waker) else { return Poll::Pending };
        *stage = Stage::Done;
        Poll::Ready(inner.settle(told))
    }
}

impl<T> Future for Leasing<T> {
    type Output = Result<Lease<T>, Denial>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { inner, terms, timeout, stage } = &mut *self;
        let asking = if matches!(stage, Stage::Asking) {
            match inner.take_over(*terms) {
                Ok(lease) => {
                    *stage = Stage::Done;
                    return Poll::Ready(Ok(lease));
                }
                Err(entered) => Some((entered, *terms, *timeout)),
            }
        } else {
            None
        };
        Self::wait(inner, asking, stage, context.waker())
    }
}

impl<T> Drop for Leasing<T> {
    fn drop(&mut self) {
        if let Stage::Waiting(waiting) = &self.stage {
            self.inner.leave(waiting);
        }
    }
}

impl<T> fmt::Debug for Leasing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leasing({:?})", self.terms)
    }
}
