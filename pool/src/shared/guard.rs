//! What a shared pool lends out: an attempt to connect, a lease. Each ends once, at the latest when
//! it is dropped.

use core::fmt;
use core::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::{Boat, Condition, Grant, Inner, Released, RouteId, SlotId};
use crate::event::ConnectFailure;
use crate::token::{CloseCause, ConnectError};

/// An attempt to connect. Dropped without a word, it has failed.
pub struct Attempt<T> {
    inner: Arc<Inner<T>>,
    slot: SlotId,
    route: RouteId,
    ended: bool,
}

impl<T> Attempt<T> {
    pub(super) const fn new(inner: Arc<Inner<T>>, slot: SlotId, route: RouteId) -> Self {
        Self { inner, slot, route, ended: false }
    }

    /// Where to.
    #[must_use]
    pub const fn route(&self) -> RouteId {
        self.route
    }

    /// It has succeeded. If nobody wants the connection any more, it is dropped.
    pub fn opened(mut self, connection: T) {
        self.ended = true;
        let boat = Box::new(Boat::new(connection));
        let (mut state, now) = self.inner.enter();
        state.tell_releases();
        // It lies in its place before the pool may give it away.
        if !state.pool.is_connecting(self.slot) {
            drop(state);
            return drop(boat);
        }
        state.moor(self.slot.index, boat);
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
    /// Nothing only while it is being given back.
    pub(super) boat: Option<Box<Boat<T>>>,
}

impl<T> Lease<T> {
    #[inline(always)]
    pub(super) const fn new(inner: Arc<Inner<T>>, boat: Box<Boat<T>>) -> Self {
        Self { inner, boat: Some(boat) }
    }

    /// How the lease came about.
    #[must_use]
    pub fn grant(&self) -> Grant<()> {
        self.boat().brief.grant()
    }

    #[inline(always)]
    fn boat(&self) -> &Boat<T> {
        self.boat.as_ref().expect("a lease holds its connection")
    }

    /// Gives the connection back for others to use.
    #[inline(always)]
    pub fn reusable(self) -> Released {
        self.release(Condition::Reusable)
    }

    /// Gives the connection back in this condition. There is nobody to say that it has settled, so
    /// [`Condition::Settling`] closes it after its time.
    #[inline(always)]
    pub fn release(mut self, condition: Condition) -> Released {
        let boat = self.boat.take().expect("a lease holds its connection");
        self.inner.release(boat, condition)
    }
}

impl<T> Deref for Lease<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.boat().connection
    }
}

impl<T> DerefMut for Lease<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.boat.as_mut().expect("a lease holds its connection").connection
    }
}

impl<T> Drop for Lease<T> {
    fn drop(&mut self) {
        if let Some(boat) = self.boat.take() {
            self.inner.release(boat, Condition::Spent(CloseCause::ClientDiscard));
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Lease<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("lease", &self.boat().brief.lease)
            .field("connection", &self.boat().connection)
            .finish_non_exhaustive()
    }
}
