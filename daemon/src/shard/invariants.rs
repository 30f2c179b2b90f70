//! What must hold whenever the shard is at rest: its tables, the pool's and the stack's agree.
//!
//! Looked at after every turn of every test and of the simulation; the daemon never calls it.

use std::collections::{BTreeMap, HashMap};

use super::Shard;
use super::connections::Role;
use super::quota::Holding;
use super::session::LeasePhase;

impl Shard {
    /// What must hold between any two calls. For tests and simulation: it costs a walk over
    /// everything.
    ///
    /// # Panics
    ///
    /// If anything does not hold.
    pub fn assert_invariants(&self) {
        self.stack.assert_invariants();
        self.check_leases();
        self.check_counts();
        self.check_population();
        self.check_holdings();
    }

    /// Every leased connection has one session, every session's lease one connection, every waiter
    /// one session.
    fn check_leases(&self) {
        let (mut held, mut lost, mut waiting) = (0, 0, 0);
        for (id, session) in self.sessions.iter() {
            let Some(lease) = &session.lease else { continue };
            assert_eq!(lease.number, session.last_number, "the lease that is came last");
            match &lease.phase {
                LeasePhase::Held(grip) => {
                    held += 1;
                    let link = self.connections.get(grip.connection).expect("a live connection");
                    assert_eq!(link.role, Role::Leased(id), "the connection knows its session");
                    assert_eq!(self.pool.slot_of(grip.lease), Some(link.slot));
                    assert!(self.stack.ends(grip.connection).is_ok(), "the stack has it");
                }
                LeasePhase::Lost { lease: Some(lease), .. } => {
                    lost += 1;
                    assert!(self.pool.slot_of(*lease).is_some(), "the pool still knows the lease");
                }
                LeasePhase::Lost { lease: None, .. } => {}
                LeasePhase::Waiting { waiter, early, .. } => {
                    waiting += 1;
                    assert_eq!(self.waiters.get(waiter), Some(&id), "the waiter has its session");
                    assert!(early.len() <= wharf_protocol::EARLY_DATA_MAX);
                }
            }
        }
        assert_eq!(self.waiters.len(), waiting);
        assert_eq!(self.pool.waiters(), waiting);
        let states = self.pool.connections();
        assert_eq!(states.leased + states.draining, held + lost, "{states:?}");
        assert_eq!(self.links(|role| matches!(role, Role::Leased(_))), held);
    }

    /// The pool counts what the shard has.
    fn check_counts(&self) {
        let states = self.pool.connections();
        assert_eq!(self.attempts.len(), states.connecting, "each attempt has a slot");
        let idle = states.idle + states.settling + states.suspect + states.quarantined;
        assert_eq!(self.links(|role| role == Role::Pooled), idle, "{states:?}");
        assert_eq!(self.links(|role| role == Role::Closing), self.pool.closing());
        let mut racers = 0;
        for (slot, racer) in self.attempts.racers() {
            racers += 1;
            let link = self.connections.get(racer.connection).expect("a handshake under way");
            assert_eq!((link.slot, link.peer), (slot, racer.address), "{link:?}");
        }
        assert_eq!(self.links(|role| role == Role::Opening), racers, "handshakes of no attempt");
        let stats = self.pool.stats();
        let there = states.total() - states.connecting;
        let there = u64::try_from(there).expect("64 bits");
        assert_eq!(stats.opened.total() - stats.closed.total(), there, "opened - closed = current");
        for (connection, link) in self.connections.iter() {
            let is_let_go = link.role == Role::Closing;
            assert!(is_let_go || self.stack.ends(connection).is_ok(), "{connection:?} {link:?}");
        }
    }

    /// Each route has as many connections to each address as it is said to have.
    fn check_population(&self) {
        let mut counts: BTreeMap<_, usize> = BTreeMap::new();
        for (_, link) in self.connections.iter().filter(|(_, link)| link.role != Role::Closing) {
            *counts.entry((link.route, link.peer)).or_default() += 1;
        }
        let population = self.connections.population();
        for ((route, address), count) in &counts {
            assert_eq!(population.of(*route, *address), *count, "{route:?} to {address}");
        }
        assert_eq!(population.len(), counts.len(), "ways on which nothing leads");
    }

    /// What each user is said to hold is what its sessions hold.
    fn check_holdings(&self) {
        let mut by_uid: HashMap<u32, Holding> = HashMap::new();
        for (_, session) in self.sessions.iter() {
            let holding = by_uid.entry(session.peer.uid).or_default();
            holding.sessions += 1;
            match session.lease.as_ref().map(|lease| &lease.phase) {
                None => {}
                Some(LeasePhase::Waiting { .. }) => holding.waiters += 1,
                Some(LeasePhase::Held(_) | LeasePhase::Lost { .. }) => holding.leases += 1,
            }
        }
        let said: HashMap<u32, Holding> = self.holdings.iter().collect();
        assert_eq!(said, by_uid);
    }

    fn links(&self, is_counted: impl Fn(Role) -> bool) -> usize {
        self.connections.iter().filter(|(_, link)| is_counted(link.role)).count()
    }

    /// That nothing is left: for the end of a run that gave everything back.
    ///
    /// # Panics
    ///
    /// If anything is.
    pub fn assert_empty(&self) {
        assert!(self.pool.is_empty(), "the pool: {:?}", self.pool.connections());
        assert_eq!(self.connections.iter().count(), 0, "connections");
        assert_eq!(self.sessions.len(), 0, "sessions");
        assert_eq!(self.holdings.iter().count(), 0, "holdings");
    }
}
