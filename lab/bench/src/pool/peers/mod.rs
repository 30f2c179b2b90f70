//! The pools, each behind the same two verbs. Each is set up as its own documentation would have
//! it for connections that never fail: no test at checkout, no age, no idle time, where that can
//! be said; ours keeps its defaults.

mod bb8;
mod deadpool;
mod deque;
mod hyper;
mod ours;
mod pingora;
mod r2d2;

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

pub(in crate::pool) use self::bb8::Bb8;
pub(in crate::pool) use self::deadpool::Deadpool;
pub(in crate::pool) use self::deque::Deque;
pub(in crate::pool) use self::hyper::Hyper;
pub(in crate::pool) use self::ours::{Ours, OursAsync};
pub(in crate::pool) use self::pingora::Pingora;
pub(in crate::pool) use self::r2d2::R2d2;
use super::craft::{Craft, Yard};

/// Longer than any lease waits here: one that is refused is a fault.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A pool whose lease blocks the thread.
pub(in crate::pool) trait Blocking: Send + Sync {
    /// What a lease is.
    type Held<'pool>: DerefMut<Target = Craft>
    where
        Self: 'pool;

    /// A pool of `connections` from `yard`.
    fn open(connections: usize, yard: Yard) -> Self;

    /// Leases one.
    fn take(&self) -> Self::Held<'_>;

    /// Gives it back.
    fn give(&self, held: Self::Held<'_>);
}

/// A pool whose lease is a future.
pub(in crate::pool) trait Asynchronous: Send + Sync + Sized + 'static {
    /// Whether a task that only ever leases yields now and then without being asked to.
    const YIELDS: bool = false;

    /// What a lease is.
    type Held<'pool>: DerefMut<Target = Craft> + Send
    where
        Self: 'pool;

    /// A pool of `connections` from `yard`.
    fn open(connections: usize, yard: Yard) -> impl Future<Output = Self> + Send;

    /// Leases one.
    fn take(&self) -> impl Future<Output = Self::Held<'_>> + Send;

    /// Gives it back.
    fn give(&self, held: Self::Held<'_>);
}

/// What those pools lease that hand out the connection itself.
#[derive(Debug)]
pub(in crate::pool) struct Loose(Craft);

impl Deref for Loose {
    type Target = Craft;

    fn deref(&self) -> &Craft {
        &self.0
    }
}

impl DerefMut for Loose {
    fn deref_mut(&mut self) -> &mut Craft {
        &mut self.0
    }
}
