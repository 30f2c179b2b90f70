//! Many connections behind the addresses of one host: RFC 9293, sections 3.9 and 3.10, seen from
//! the network side.
//!
//! A packet goes in by [`Stack::handle_packet`]: it is parsed, checked to be for us, and shown to
//! the connection, TIME-WAIT entry or listener that its four-tuple names; a segment for nobody
//! draws a reset. What is to be sent comes out by [`Stack::poll_transmit`], what happened by
//! [`Stack::poll_event`].
//!
//! Invariants: what a packet, a timer or a call costs does not depend on the number of
//! connections. Every queue has a bound, and everything dropped has a counter. An id of a
//! connection that is gone finds nothing, for ever. A connection that its owner let go is brought
//! to its end here, and freed.
//!
//! ```
//! use wharf_transport::PacketBatch;
//! use wharf_transport::stack::{Config, Secrets, Stack};
//! use wharf_transport::tcp::{self, Read};
//! use wharf_transport::time::Instant;
//!
//! let stack = |address: &str| {
//!     let config = Config {
//!         addresses: vec![address.parse().expect("an address")],
//!         mtu: 1500,
//!         port_range: 32_768..=60_999,
//!         connections_max: 100,
//!         time_wait_max: 100,
//!         tcp: tcp::Config::default(),
//!     };
//!     Stack::new(config, Secrets::from_bytes(&[7; Secrets::LEN])) // random bytes, of course
//! };
//! let (mut client, mut server) = (stack("192.0.2.1"), stack("192.0.2.2"));
//! let now = Instant::from_millis(1);
//! let listener = server.listen("192.0.2.2:80".parse()?, 16)?;
//! let near = client.connect(now, "192.0.2.2:80".parse()?)?;
//! client.write(now, near, b"hello")?;
//!
//! let mut batch = PacketBatch::new(16, 1500);
//! let (mut from, mut to) = (&mut client, &mut server);
//! while from.poll_transmit(now, &mut batch) {
//!     batch.iter().for_each(|packet| to.handle_packet(now, packet));
//!     batch.clear();
//!     (from, to) = (to, from);
//! }
//! let far = server.accept(listener).expect("the handshake is done");
//! let mut text = [0; 8];
//! assert_eq!(server.read(now, far, &mut text)?, Read::Bytes(5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What it is not: it owns no device and no clock, reassembles no fragments, forwards nothing,
//! and answers no neighbour or router discovery (a TUN device has no link layer).

mod bookkeeping;
mod budget;
mod chunks;
mod demux;
mod destinations;
mod errors;
mod icmp;
mod link;
mod listener;
mod memory;
mod own_tuple;
mod peers;
mod port_set;
mod ports;
mod receive;
mod replies;
mod rest;
mod secrets;
mod slots;
mod standing;
pub mod stats;
mod surface;
mod time_wait;
mod timer_wheel;
mod transmit;
mod tuple;
mod tuple_index;

use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU8;
use core::ops::RangeInclusive;
use std::collections::VecDeque;

use self::bookkeeping::Entry;
use self::demux::Demux;
use self::destinations::Destinations;
pub use self::errors::{ConnectError, ListenError, NoConnection, ReadError, WriteError};
use self::link::Link;
pub use self::listener::ListenerId;
use self::listener::Listeners;
use self::memory::Memory;
use self::peers::Peers;
pub use self::peers::Silence;
use self::ports::Ports;
use self::replies::Replies;
use self::rest::{Body, Watched};
pub use self::secrets::Secrets;
pub use self::slots::ConnectionId;
use self::slots::Slots;
use self::standing::Queue;
pub use self::stats::Stats;
use self::time_wait::TimeWaitTable;
use self::timer_wheel::TimerWheel;
use self::transmit::Ends;
use self::tuple::{Addresses, FourTuple};
use crate::tcp::{self, Isn, State};
use crate::time::Instant;

/// What a stack is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The addresses it answers for; the first of a family is the source of connections first.
    pub addresses: Vec<IpAddr>,
    /// Longest packet, in bytes; at least 1280 where there are IPv6 addresses (RFC 8200).
    pub mtu: u16,
    /// The ports that connections leave from, for each destination anew.
    pub port_range: RangeInclusive<u16>,
    /// Most connections, children of listeners included, TIME-WAIT not.
    pub connections_max: usize,
    /// Most connections in TIME-WAIT; beyond it the oldest goes.
    pub time_wait_max: usize,
    /// What each connection is made with.
    pub tcp: tcp::Config,
}

/// Connections, listeners and all that finds them.
#[derive(Debug)]
pub struct Stack {
    config: Config,
    secrets: Secrets,
    isn: Isn,
    addresses: Addresses,
    ports: Ports,
    connections: Slots<Entry>,
    demux: Demux,
    /// What is known of the paths to peers.
    destinations: Destinations,
    /// When each place that connections were opened to was last heard from.
    peers: Peers,
    memory: Memory,
    listeners: Listeners,
    time_waits: TimeWaitTable,
    wheel: TimerWheel,
    /// Connections that may have something to send.
    ready: VecDeque<ConnectionId>,
    /// Connections that may have events for their owner.
    eventful: VecDeque<ConnectionId>,
    /// Listeners whose accept queue has grown, each once.
    acceptable: VecDeque<ListenerId>,
    /// Connections that rest once they were quiet.
    watched: Watched,
    /// Timers that have expired in this call; kept for its room.
    expired: Vec<u32>,
    replies: Replies,
    /// Hops that a packet may take.
    hop_limit: NonZeroU8,
    /// Live connections by state, in the order of [`State::ALL`].
    states: [usize; State::ALL.len()],
    stats: Stats,
}

impl Stack {
    /// A stack without connections. `secrets` are drawn by the caller, anew at each start.
    #[must_use]
    pub fn new(config: Config, secrets: Secrets) -> Self {
        Self {
            addresses: Addresses::new(config.addresses.clone()),
            isn: Isn::new(secrets.isn),
            ports: Ports::new(config.port_range.clone(), &secrets),
            connections: Slots::new(),
            demux: Demux::new(secrets.demux),
            destinations: Destinations::new(secrets.demux),
            peers: Peers::new(secrets.demux),
            memory: Memory::new(config.tcp.buffer_start),
            listeners: Listeners::default(),
            time_waits: TimeWaitTable::new(config.time_wait_max, secrets.demux),
            wheel: TimerWheel::new(),
            ready: VecDeque::new(),
            eventful: VecDeque::new(),
            acceptable: VecDeque::new(),
            watched: Watched::new(),
            expired: Vec::new(),
            replies: Replies::new(),
            hop_limit: transmit::HOP_LIMIT,
            states: [0; State::ALL.len()],
            stats: Stats::default(),
            config,
            secrets,
        }
    }

    /// Lets time pass: call it when [`poll_timeout`](Self::poll_timeout) has come. Calling it
    /// early does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.watched.tell(now);
        self.expire_time_waits(now);
        // All that has expired is taken out first: a connection that arms its timer for `now`
        // again is called in the next turn, so that one turn ends.
        let mut expired = core::mem::take(&mut self.expired);
        while let Some(index) = self.wheel.pop_expired(now) {
            expired.push(index);
        }
        for index in expired.drain(..) {
            self.handle_connection_timeout(now, index);
        }
        self.expired = expired;
        self.rest_the_quiet(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next; never later than needed, now
    /// and then earlier.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let earliest = [self.wheel.earliest(), self.time_waits.earliest(), self.watched.earliest()];
        earliest.into_iter().flatten().min()
    }

    /// What has happened to a connection since the last call; call it until there is nothing.
    ///
    /// [`tcp::Event::Closed`] is the last event of a connection: its id is dead from then on, but
    /// that its figures and what it has left unread can be looked at until the next
    /// [`poll_transmit`](Self::poll_transmit).
    /// Connections of a listener have events from [`accept`](Self::accept) on.
    pub fn poll_event(&mut self) -> Option<(ConnectionId, tcp::Event)> {
        while let Some(id) = self.eventful.front().copied() {
            if let Some(event) = self.next_event(id) {
                return Some((id, event));
            }
            self.eventful.pop_front();
        }
        None
    }

    /// A listener that has connections to [`accept`](Self::accept), until there are none. It is
    /// named again when another has come since.
    pub fn poll_acceptable(&mut self) -> Option<ListenerId> {
        while let Some(id) = self.acceptable.pop_front() {
            let Some(listener) = self.listeners.get_mut(id) else { continue };
            listener.announced = false;
            if listener.accept_queue_len() > 0 {
                return Some(id);
            }
        }
        None
    }

    /// What the stack has counted.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// What the stack was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How many connections are in `state`; LISTEN counts listeners, TIME-WAIT the table too.
    #[must_use]
    pub fn connections_in(&self, state: State) -> usize {
        let live: usize = State::ALL
            .iter()
            .zip(self.states)
            .filter(|(counted, _)| **counted == state)
            .map(|(_, count)| count)
            .sum();
        let beside = match state {
            State::Listen => self.listeners.len(),
            State::TimeWait => self.time_waits.len(),
            State::Closed
            | State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck => 0,
        };
        live + beside
    }

    /// The connection that has `tuple`.
    fn find(&self, tuple: &FourTuple) -> Option<u32> {
        let has_tuple =
            |index: u32| self.connections.at(index).is_some_and(|entry| entry.tuple == *tuple);
        self.demux.find(tuple, has_tuple)
    }

    fn handle_connection_timeout(&mut self, now: Instant, index: u32) {
        let due = match self.connections.at(index).map(|entry| &entry.body) {
            Some(Body::Dormant(dormant)) => dormant.poll_timeout(&self.config.tcp),
            Some(Body::Live(_)) | None => None,
        };
        if due.is_some_and(|due| due > now) {
            return self.rearm(index);
        }
        if let Some((connection, stats)) = self.awake(index) {
            connection.handle_timeout(now, stats);
            self.touched(index);
        }
    }

    /// Every live connection with its local and its remote end, those let go included.
    pub fn connections(
        &self,
    ) -> impl Iterator<Item = (ConnectionId, SocketAddr, SocketAddr, State)> + '_ {
        self.connections.iter().map(|(id, entry)| {
            let Ends { local, remote } = self.ends_of(entry.tuple);
            (id, local, remote, entry.body.state())
        })
    }

    /// Local and remote end of every connection in the TIME-WAIT table.
    pub fn time_waits(&self) -> impl Iterator<Item = (SocketAddr, SocketAddr)> + '_ {
        self.time_waits.tuples().map(|tuple| {
            let Ends { local, remote } = self.ends_of(tuple);
            (local, remote)
        })
    }

    /// What must hold between any two calls, of the stack and of each connection. For tests and
    /// simulation: it costs a walk over all connections.
    ///
    /// # Panics
    ///
    /// If anything does not hold.
    pub fn assert_invariants(&self) {
        for (id, entry) in self.connections.iter() {
            let state = entry.body.state();
            let found = self.find(&entry.tuple) == Some(id.index());
            assert_eq!(found, state != State::Closed, "{id:?}: {state}, found: {found}");
            let armed = self.wheel.deadline(id.index());
            let wanted = match &entry.body {
                Body::Live(connection) => {
                    connection.assert_invariants();
                    connection.poll_timeout()
                }
                Body::Dormant(dormant) => dormant.poll_timeout(&self.config.tcp),
            };
            let in_time = wanted.is_none_or(|wanted| armed.is_some_and(|armed| armed <= wanted));
            let is_ready = entry.standing.is_in(Queue::Ready);
            assert!(in_time || is_ready, "{id:?} wants {wanted:?}, armed {armed:?}");
        }
        self.assert_charged();
        let records = self.connections.iter().map(|(id, _)| self.connections.record_of(id.index()));
        let filed = records.filter(|record| *record != Link::NONE).count();
        let (peers, connections) = self.peers.totals();
        assert_eq!(usize::try_from(connections), Ok(filed), "each is counted where it leads");
        assert!(peers <= filed, "a peer of nobody");
        let counted: usize = self.states.iter().sum();
        assert_eq!(counted, self.connections.len(), "each connection has one state");
        assert!(self.demux.len() <= self.connections.len(), "a tuple of nobody");
        self.assert_ports();
        assert!(self.time_waits.len() <= self.config.time_wait_max, "too many TIME-WAITs");
        assert!(self.connections.len() <= self.config.connections_max, "too many connections");
    }

    /// Handshakes under way, and connections that wait to be accepted, at all listeners.
    #[must_use]
    pub fn listen_queues(&self) -> (usize, usize) {
        self.listeners.queue_lengths()
    }
}

#[cfg(test)]
mod tests;
