//! Those who wait for a connection: in the order of their arrival on their route, and in the line of
//! their client, on the route, in the queue of their key, and in that of its family if it has one.
//!
//! A connection that was never leased serves the client whose turn it is on the route; one that was
//! serves the client whose turn it is in its key's queue ([`crate::ring`]), or in its family's. A waiter leaves all of
//! them at once, from wherever it stands, when it is served, refused or cancelled; its record lives
//! on until it has been told.

use crate::ids::{ClientId, LeaseId};
use crate::lease::Denial;
use crate::list::{Chain, Link};
use crate::time::Instant;
use crate::wheel::{Timed, Timer};

/// How far a waiter has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// In its queues.
    Waiting,
    /// It has a lease, and is yet to be told.
    Delivered(LeaseId),
    /// It is refused, and is yet to be told.
    Failed(Denial),
}

/// One who waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) progress: Progress,
    /// Index of its route.
    pub(crate) route: u32,
    /// Index of the group of its key.
    pub(crate) group: u32,
    pub(crate) client: ClientId,
    /// Wants a connection that never carried a byte.
    pub(crate) fresh: bool,
    /// Its number in the order of arrival, over all routes.
    pub(crate) number: u64,
    /// Monotonic.
    pub(crate) arrived: Instant,
    /// Monotonic.
    pub(crate) deadline: Instant,
    pub(crate) of_route: Link,
    pub(crate) of_client: Link,
    pub(crate) of_key: Link,
    pub(crate) of_family: Link,
    pub(crate) timer: Timer,
}

/// All that wait on a route, the oldest first.
#[derive(Debug)]
pub(crate) struct OfRoute;
/// What a client has waiting on a route.
#[derive(Debug)]
pub(crate) struct OfClient;
/// What a client has waiting for a key: one line for what takes any connection, one for what wants a
/// fresh one.
#[derive(Debug)]
pub(crate) struct OfKey;
/// What a client has waiting for a family of keys, in lines as for a key.
#[derive(Debug)]
pub(crate) struct OfFamily;
/// A waiter's deadline.
#[derive(Debug)]
pub(crate) struct Deadline;

impl Chain<Waiter> for OfRoute {
    fn link(waiter: &Waiter) -> &Link {
        &waiter.of_route
    }
    fn link_mut(waiter: &mut Waiter) -> &mut Link {
        &mut waiter.of_route
    }
}

impl Chain<Waiter> for OfClient {
    fn link(waiter: &Waiter) -> &Link {
        &waiter.of_client
    }
    fn link_mut(waiter: &mut Waiter) -> &mut Link {
        &mut waiter.of_client
    }
}

impl Chain<Waiter> for OfKey {
    fn link(waiter: &Waiter) -> &Link {
        &waiter.of_key
    }
    fn link_mut(waiter: &mut Waiter) -> &mut Link {
        &mut waiter.of_key
    }
}

impl Chain<Waiter> for OfFamily {
    fn link(waiter: &Waiter) -> &Link {
        &waiter.of_family
    }
    fn link_mut(waiter: &mut Waiter) -> &mut Link {
        &mut waiter.of_family
    }
}

impl Timed<Waiter> for Deadline {
    fn timer(waiter: &Waiter) -> &Timer {
        &waiter.timer
    }
    fn timer_mut(waiter: &mut Waiter) -> &mut Timer {
        &mut waiter.timer
    }
}
