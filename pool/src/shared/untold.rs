//! Releases that the pool was not told of yet, because most likely one who leases next takes over:
//! then neither a list nor a count has to change and change back.
//!
//! A connection that is released and taken over again and again has a *berth* here: what the pool
//! knows of it that holds until something else happens, and what there is to tell the pool then.
//!
//! The pool is told before anything else happens to it or is read from it, in the order of the
//! releases and as of their times, so that nobody ever sees that it was not.

use super::{Boat, Condition, Now, Released, State, Terms};
use crate::ids::LeaseId;
use crate::pool::{Held, Kept, Pool};
use crate::time::Instant;

/// Connections at most of which the pool does not know all.
const BERTHS_MAX: usize = 8;

/// Leases at most of which the pool does not know how long they were held.
const HOLDS_MAX: usize = 64;

/// What the pool was not told.
#[derive(Debug)]
pub(super) struct Untold<T> {
    /// Those released the last at the end; those leased anywhere.
    berths: Vec<Berth<T>>,
    /// How long leases were held that others took over.
    holds: Vec<Held>,
}

/// A connection of which the pool does not know all.
#[derive(Debug)]
struct Berth<T> {
    kept: Kept,
    /// The connection, while it is free.
    free: Option<Free<T>>,
}

/// A release that was put off.
#[derive(Debug)]
struct Free<T> {
    boat: Box<Boat<T>>,
    at: Now,
    /// Until when it may be idle, in boot time.
    until: Instant,
}

impl<T> Untold<T> {
    pub(super) fn new() -> Self {
        Self { berths: Vec::with_capacity(BERTHS_MAX), holds: Vec::with_capacity(HOLDS_MAX) }
    }

    /// Puts off a release, if the pool would just keep the connection; else gives it back.
    #[inline(always)]
    pub(super) fn put_off(
        &mut self,
        pool: &mut Pool<()>,
        now: Now,
        boat: Box<Boat<T>>,
    ) -> Result<(), Box<Boat<T>>> {
        let lease = boat.brief.lease;
        let known = self.berths.iter().rposition(|berth| berth.kept.is_of(lease));
        let Some(index) = known.or_else(|| self.add(pool, now, lease)) else {
            return Err(boat);
        };
        let berth = &mut self.berths[index];
        let Some(until) = berth.kept.until(now) else { return Err(boat) };
        berth.free = Some(Free { boat, at: now, until });
        if index + 1 < self.berths.len() {
            self.berths[index..].rotate_left(1);
        }
        Ok(())
    }

    /// Gives the connection of a lease a berth, if its release will change nothing.
    #[cold]
    fn add(&mut self, pool: &mut Pool<()>, now: Now, lease: LeaseId) -> Option<usize> {
        let kept = pool.keeps(now, lease)?;
        if self.berths.len() == BERTHS_MAX {
            let leased = self.berths.iter().position(|berth| berth.free.is_none())?;
            let berth = self.berths.remove(leased);
            pool.tell_taken(&berth.kept);
        }
        self.berths.push(Berth { kept, free: None });
        Some(self.berths.len() - 1)
    }

    /// Leases the last connection of which the release was put off and that these terms allow.
    #[inline(always)]
    pub(super) fn take_over(
        &mut self,
        pool: &mut Pool<()>,
        now: Now,
        terms: Terms,
    ) -> Option<Box<Boat<T>>> {
        let Terms { route, key, client, fresh } = terms;
        // What was given back has carried bytes.
        let is_fit =
            |berth: &Berth<T>| !fresh && berth.free.is_some() && berth.kept.is_for(route, key);
        let index = self.berths.iter().rposition(is_fit)?;
        let berth = &mut self.berths[index];
        let Free { mut boat, at, .. } = berth.free.take_if(|free| now.boot < free.until)?;
        self.holds.push(berth.kept.held(at));
        boat.brief = pool.take_over(&mut berth.kept, at, now, client);
        if self.holds.len() == HOLDS_MAX {
            self.tell_holds(pool);
        }
        Some(boat)
    }

    #[cold]
    fn tell_holds(&mut self, pool: &mut Pool<()>) {
        pool.tell_held(&self.holds);
        self.holds.clear();
    }
}

impl<T> State<T> {
    /// Tells the pool of all that was put off.
    #[inline(always)]
    pub(super) fn tell_releases(&mut self) {
        if !self.untold.berths.is_empty() {
            self.tell_all();
        }
    }

    #[cold]
    fn tell_all(&mut self) {
        self.untold.tell_holds(&mut self.pool);
        let mut berths = core::mem::take(&mut self.untold.berths);
        for Berth { kept, free, .. } in berths.drain(..) {
            self.pool.tell_taken(&kept);
            let Some(Free { boat, at, .. }) = free else { continue };
            let lease = kept.lease();
            self.moor(lease.index, boat);
            let released = self.pool.release(at, lease, Condition::Reusable);
            assert_eq!(released, Ok(Released::Kept), "nothing has happened to the pool since");
        }
        self.untold.berths = berths;
    }
}
