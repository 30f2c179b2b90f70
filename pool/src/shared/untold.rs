//! Releases that the pool was not told of yet, because most likely one who leases next takes over:
//! then neither a list nor a count has to change and change back.
//!
//! The pool is told before anything else happens to it or is read from it, in the order of the
//! releases and as of their times, so that nobody ever sees that it was not. The connections are
//! moored meanwhile.

use super::{Condition, Domain, Grant, Now, Released, State, Terms};
use crate::ids::{LeaseId, SlotId};
use crate::time::Instant;

/// Releases at most that are put off.
const UNTOLD_MAX: usize = 8;

/// Releases that were put off, the last at the end.
#[derive(Debug)]
pub(super) struct Untold {
    releases: Vec<Release>,
}

#[derive(Clone, Copy, Debug)]
struct Release {
    lease: LeaseId,
    slot: SlotId,
    domain: Domain,
    at: Now,
    /// Until when it may be idle, in boot time.
    until: Instant,
}

impl Untold {
    pub(super) fn new() -> Self {
        Self { releases: Vec::with_capacity(UNTOLD_MAX) }
    }
}

impl<T> State<T> {
    /// Puts off the release of a connection that is moored, if the pool would just keep it.
    #[inline]
    pub(super) fn put_off(&mut self, now: Now, grant: &Grant<()>, domain: Domain) -> bool {
        let releases = &mut self.untold.releases;
        if releases.len() >= UNTOLD_MAX {
            return false;
        }
        let Some(until) = self.pool.keeps(now, grant.lease) else { return false };
        let Grant { lease, slot, .. } = *grant;
        releases.push(Release { lease, slot, domain, at: now, until });
        true
    }

    /// Leases the last connection of which the release was put off and that these terms allow.
    #[inline]
    pub(super) fn take_over(&mut self, now: Now, terms: Terms) -> Option<(Grant<()>, T)> {
        let releases = &mut self.untold.releases;
        // What was given back has carried bytes.
        let is_fit = |release: &Release| !terms.fresh && release.domain == terms.domain();
        let index = releases.iter().rposition(is_fit)?;
        let Release { slot, at, until, .. } = releases[index];
        if until <= now.boot {
            return None;
        }
        let grant = self.pool.take_over(at, slot, now, terms.client)?;
        if index + 1 == releases.len() {
            releases.pop();
        } else {
            releases.remove(index);
        }
        Some((grant, self.cast_off(slot)))
    }

    /// Tells the pool of all that was put off.
    pub(super) fn tell_releases(&mut self) {
        for release in self.untold.releases.drain(..) {
            let released = self.pool.release(release.at, release.lease, Condition::Reusable);
            assert_eq!(released, Ok(Released::Kept), "nothing has happened to the pool since");
        }
    }
}
