//! How much each user holds: sessions, leases, waiters, against limits per uid.

use std::collections::HashMap;

/// What one user may hold at once; 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    /// Sessions on the lease socket.
    pub(super) sessions: usize,
    /// Leases held or waited for.
    pub(super) leases: usize,
}

/// What one user holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holding {
    /// Sessions on the lease socket.
    pub(super) sessions: usize,
    /// Leases that are held.
    pub(super) leases: usize,
    /// Leases that are waited for.
    pub(super) waiters: usize,
}

/// What all users hold. A user who holds nothing takes no room.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    by_uid: HashMap<u32, Holding>,
}

impl Holdings {
    /// What `uid` holds.
    #[must_use]
    pub(super) fn of(&self, uid: u32) -> Holding {
        self.by_uid.get(&uid).copied().unwrap_or_default()
    }

    /// Changes what `uid` holds, and forgets a user who holds nothing any more.
    pub(super) fn change(&mut self, uid: u32, with: impl FnOnce(&mut Holding)) {
        let holding = self.by_uid.entry(uid).or_default();
        with(holding);
        if *holding == Holding::default() {
            self.by_uid.remove(&uid);
        }
    }

    /// Each user who holds anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Holding)> {
        self.by_uid.iter().map(|(uid, holding)| (*uid, *holding))
    }
}

impl Quota {
    /// Whether a user with this `holding` may open one more session.
    #[must_use]
    pub(super) fn admits_session(self, holding: Holding) -> bool {
        self.sessions == 0 || holding.sessions < self.sessions
    }

    /// Whether a user with this `holding` may ask for one more lease.
    #[must_use]
    pub(super) fn admits_lease(self, holding: Holding) -> bool {
        self.leases == 0 || holding.leases + holding.waiters < self.leases
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_exact_and_zero_is_none() {
        let quota = Quota { sessions: 2, leases: 0 };
        let mut holdings = Holdings::default();
        for expected in [true, true, false] {
            assert_eq!(quota.admits_session(holdings.of(7)), expected);
            holdings.change(7, |holding| holding.sessions += 1);
        }
        assert!(quota.admits_session(holdings.of(8)), "another user has a quota of their own");
        assert!(quota.admits_lease(Holding { leases: 1 << 20, ..Holding::default() }));
    }

    #[test]
    fn waiters_count_as_leases() {
        let quota = Quota { sessions: 0, leases: 3 };
        let holding = Holding { leases: 1, waiters: 2, ..Holding::default() };
        assert!(!quota.admits_lease(holding));
    }

    #[test]
    fn who_holds_nothing_is_forgotten() {
        let mut holdings = Holdings::default();
        holdings.change(7, |holding| holding.leases += 1);
        holdings.change(7, |holding| holding.leases -= 1);
        assert_eq!(holdings.iter().count(), 0);
    }
}
