//! One thread's state: the stack, the pool, the sessions, and what joins them. Still pure.
//!
//! A shard is told the time and handed packets, clients' bytes and resolved names; it gives out
//! packets, bytes for clients, and questions. It owns no descriptor, reads no clock and waits for
//! nothing, so that the simulation drives what ships.
//!
//! Every `handle_*` ends in `settle`: what the stack reports goes to the pool, what the
//! pool decides goes to the sessions and back to the stack, until nobody has anything to say. That
//! is why a FIN takes a connection out of the pool in the turn in which it arrives.
//!
//! Invariants: a leased connection belongs to exactly one session; a session has at most one lease;
//! every waiter of the pool has a session; every connection of the stack has a slot of the pool,
//! but a handshake that only knocks.

mod alarms;
mod arrivals;
mod asking;
mod attempts;
mod bridge;
mod connections;
mod denied;
mod dialing;
mod ends;
mod grants;
mod inbox;
mod inspect;
mod invariants;
mod keys;
mod leases;
mod notice;
mod orders;
mod outbox;
mod overdue;
mod pair;
mod paths;
mod population;
mod preference;
mod quota;
mod release;
mod report;
mod requests;
mod resolving;
mod routes;
mod session;
mod sessions;
mod shunned;
mod tally;
mod tokens;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use wharf_pool::time::{Instant, Now};
use wharf_pool::{CloseCause, Pool, RouteId, WaiterId};
use wharf_transport::batch::PacketBatch;
use wharf_transport::stack::{ConnectionId, Stack};

pub use inbox::READ_MAX;
pub use notice::Notice;
pub use pair::PairWish;
pub use session::{Peer, SessionId};

use crate::config::Config;
use attempts::Attempts;
use connections::Connections;
use keys::Keys;
use paths::Doubts;
use quota::{Holdings, Quota};
use routes::Routes;
use sessions::Sessions;
use shunned::Shunned;
use tally::Tally;

/// Security domains and tags that are remembered, at most.
const KEYS_MAX: usize = 65_536;

/// The least that the time between two knocks at a failed address grows to: an operator who wants no
/// rest after a failed attempt does not want a storm.
const KNOCKS_MIN: Duration = Duration::from_secs(5);

/// Tags of one security domain that are remembered, at most: one in 64 of all, so that nobody can
/// fill the table alone.
const TAGS_MAX: usize = KEYS_MAX / 64;

/// Transitions of connections that are remembered: a few megabytes.
const JOURNAL_MAX: usize = 65_536;

/// What the shard wants of whoever drives it.
#[derive(Debug)]
pub enum Event {
    /// Look at this session and its pair: there are bytes to send, the wish for input changed, or
    /// one of the two is over.
    Session(SessionId),
    /// Resolve this name and call [`Shard::handle_resolved`] with the route.
    Resolve {
        /// Whose addresses are asked for.
        route: RouteId,
        /// The name.
        host: String,
    },
    /// Write this into the log.
    Notice(Notice),
}

/// How a session is served; from the configuration.
#[derive(Clone, Copy, Debug)]
struct SessionLimits {
    sessions: usize,
    quota: Quota,
    buffer_bytes: usize,
    hello_timeout: Duration,
}

/// All of one thread's state.
#[derive(Debug)]
pub struct Shard {
    stack: Stack,
    pool: Pool<ConnectionId>,
    routes: Routes,
    keys: Keys,
    sessions: Sessions,
    holdings: Holdings,
    waiters: HashMap<WaiterId, SessionId>,
    connections: Connections,
    attempts: Attempts,
    shunned: Shunned,
    doubts: Doubts,
    events: VecDeque<Event>,
    tally: Tally,
    limits: SessionLimits,
    /// Tells this run of the daemon from others, for clients.
    instance: u64,
    /// Leases are refused from now on; the daemon ends when none is left, or at this time.
    draining: Option<Instant>,
}

impl Shard {
    /// A shard as `config` says, on a stack that is ready. `instance` is any number that another
    /// run of the daemon does not have; `seed` spreads the lifetimes of connections.
    #[must_use]
    pub fn new(config: &Config, stack: Stack, instance: u64, seed: u64) -> Self {
        let pool = Pool::new(pool_config(config), seed);
        let routes =
            Routes::new(config.routes.clone(), config.pool.max_routes, config.pool.dns_refresh);
        Self {
            stack,
            pool,
            routes,
            keys: Keys::new(KEYS_MAX, TAGS_MAX),
            sessions: Sessions::default(),
            holdings: Holdings::default(),
            waiters: HashMap::new(),
            connections: Connections::default(),
            attempts: Attempts::default(),
            shunned: Shunned::default(),
            doubts: Doubts::default(),
            events: VecDeque::new(),
            tally: Tally::default(),
            limits: session_limits(config),
            instance,
            draining: None,
        }
    }

    /// Takes in one packet from the device. Call for each that has come.
    pub fn handle_packet(&mut self, now: Now, packet: &[u8]) {
        self.stack.handle_packet(instant(now), packet);
        self.settle(now);
    }

    /// Lets time pass. Call once a turn, and whenever [`Shard::poll_timeout`] is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.stack.handle_timeout(instant(now));
        self.pool.handle_timeout(now);
        self.settle(now);
        self.dial_due(now);
        self.ask_due(now);
        self.expire_sessions(now);
        self.settle(now);
    }

    /// When [`Shard::handle_timeout`] is due next, on the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let stack = self.stack.poll_timeout().map(|at| Instant::from_nanos(at.as_nanos()));
        // Without a session nobody is waited for, and a deadline that has passed must not come back
        // for ever.
        let draining = self.draining.filter(|_| self.sessions.len() > 0);
        let own = [self.attempts.poll_timeout(), self.routes.poll_timeout(), draining];
        [stack, self.pool.poll_timeout(), self.sessions.poll_timeout()]
            .into_iter()
            .chain(own)
            .flatten()
            .min()
    }

    /// Whether [`Peer::unit`] is of use: some route is shared by it.
    #[must_use]
    pub fn shares_by_unit(&self) -> bool {
        self.routes.shares_by_unit()
    }

    /// Adds packets that are due to `batch`; `false` when there are none. Call until then.
    pub fn poll_transmit(&mut self, now: Now, batch: &mut PacketBatch) -> bool {
        self.stack.poll_transmit(instant(now), batch)
    }

    /// What the shard wants next. Call until there is nothing.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if let Some(Event::Session(id)) = event
            && let Some(session) = self.sessions.get_mut(id)
        {
            session.touched = false;
        }
        event
    }

    /// An answer of the resolver came for `route`.
    pub fn handle_resolved(
        &mut self,
        now: Now,
        route: RouteId,
        answer: Result<Vec<std::net::IpAddr>, String>,
    ) {
        self.take_answer(now, route, answer);
        self.settle(now);
    }

    /// Puts a new configuration in force. What needs a restart is the caller's to tell.
    pub fn handle_reload(&mut self, now: Now, config: &Config) {
        self.limits = session_limits(config);
        self.pool.configure(now, pool_config(config));
        let changes = self.routes.reload(
            config.routes.clone(),
            config.pool.max_routes,
            config.pool.dns_refresh,
        );
        for (route, change) in changes {
            match change {
                Some(limits) => {
                    self.pool.configure_route(now, route, limits);
                    self.take_addresses(now, route);
                }
                None => self.pool.remove_route(now, route),
            }
        }
        self.settle(now);
    }

    /// Refuses leases from now on, tells the clients, and closes idle connections. The end is
    /// [`Shard::is_drained`], after `within` at the latest; a second call can only hasten it.
    pub fn handle_drain(&mut self, now: Now, within: Duration) {
        let until = now.monotonic + within;
        let until = self.draining.map_or(until, |earlier| earlier.min(until));
        self.draining = Some(until);
        self.say_goodbye(until.since(now.monotonic));
        self.pool.drain(now);
        self.settle(now);
    }

    /// Whether nothing holds the daemon any more.
    #[must_use]
    pub fn is_drained(&self, now: Now) -> bool {
        self.draining.is_some_and(|until| {
            now.monotonic >= until
                || self.sessions.iter().all(|(_, session)| session.lease.is_none())
        })
    }

    /// Ends everything at once: leases are revoked, connections reset. Packets still leave by
    /// [`Shard::poll_transmit`].
    pub fn handle_shutdown(&mut self, now: Now) {
        for id in self.sessions.ids() {
            self.end_session(now, id, CloseCause::Shutdown);
        }
        self.pool.shutdown(now);
        self.settle(now);
        self.end_knocks(now);
    }

    /// Carries what one layer has to say to the others until all are silent.
    ///
    /// The pool goes first: whose hands a connection is in must be settled before the stack has
    /// the next thing to say of it. One packet may bring a connection's handshake and first bytes.
    fn settle(&mut self, now: Now) {
        loop {
            if let Some(event) = self.pool.poll_event() {
                self.on_pool(now, event);
            } else if let Some((connection, event)) = self.stack.poll_event() {
                self.on_connection(now, connection, event);
            } else if let Some(peer) = self.stack.poll_heard() {
                self.heard_from(now, peer);
            } else {
                return;
            }
        }
    }

    /// Tells the reactor to look at a session, once.
    fn touch(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(id)
            && !session.touched
        {
            session.touched = true;
            self.events.push_back(Event::Session(id));
        }
    }

    fn notice(&mut self, notice: Notice) {
        self.events.push_back(Event::Notice(notice));
    }
}

/// The stack's clock: the monotonic one.
fn instant(now: Now) -> wharf_transport::time::Instant {
    wharf_transport::time::Instant::from_nanos(now.monotonic.as_nanos())
}

fn pool_config(config: &Config) -> wharf_pool::PoolConfig {
    wharf_pool::PoolConfig {
        max_total: config.pool.max_total,
        max_waiters_total: config.pool.max_waiters_total,
        max_connecting_total: config.pool.max_connecting_total,
        journal: JOURNAL_MAX,
        probe_after_idle: config.pool.probe_after_idle.unwrap_or_default(),
        knock_min: config.pool.per_route.backoff_min,
        knock_max: config.pool.per_route.backoff_max.max(KNOCKS_MIN),
        ..wharf_pool::PoolConfig::default()
    }
}

fn session_limits(config: &Config) -> SessionLimits {
    SessionLimits {
        sessions: config.control.max_sessions,
        quota: Quota {
            sessions: config.control.max_sessions_per_uid,
            leases: config.control.max_leases_per_uid,
        },
        buffer_bytes: config.control.session_buffer,
        hello_timeout: config.control.hello_timeout,
    }
}

#[cfg(test)]
mod tests;
