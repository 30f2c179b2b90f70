//! When each place that connections were opened to was last heard from, on whichever of them.
//!
//! A path that dies takes all connections with it, so what one of them misses the others tell. A
//! record is a remote address and port, and lasts as long as connections that were opened to it;
//! those that a listener accepts have none, for their peers are as many as they are. What a segment
//! costs is one store, in a place that its connection knows.

use core::net::{IpAddr, SocketAddr};
use std::collections::VecDeque;

use hashbrown::HashTable;

use super::Stack;
use super::bookkeeping::Owner;
use super::errors::NoConnection;
use super::link::Link;
use super::secrets::keyed_hash;
use super::slots::{ConnectionId, Slots};
use crate::time::{Duration, Instant};

/// What is known of the silence at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// When a segment last came from the remote address and port, on whichever connection was
    /// opened to it; the beginning of the first of them if none has come.
    pub heard: Instant,
    /// Silence for so long after something was sent says more than the loss of one segment: the
    /// connection's RTO without back-off, three smoothed round trips at least.
    pub window: Duration,
}

/// One remote address and port.
#[derive(Debug)]
struct Peer {
    remote: SocketAddr,
    heard: Instant,
    /// Connections that were opened to it.
    connections: u32,
    /// The next segment is to be told of.
    is_awaited: bool,
}

/// All that connections were opened to.
#[derive(Debug)]
pub(super) struct Peers {
    key: [u8; 16],
    index: HashTable<u32>,
    peers: Slots<Peer>,
    /// Awaited, and heard since: each once.
    heard: VecDeque<SocketAddr>,
}

impl Peers {
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self { key, index: HashTable::new(), peers: Slots::new(), heard: VecDeque::new() }
    }

    /// A connection to `remote` is opened at `now`.
    fn join(&mut self, now: Instant, remote: SocketAddr) -> Link {
        let Self { key, index, peers, .. } = self;
        let hash = hash_of(key, remote);
        let is_it = |place: &u32| peers.at(*place).is_some_and(|peer| peer.remote == remote);
        if let Some(place) = index.find(hash, is_it).copied() {
            if let Some(peer) = peers.at_mut(place) {
                peer.connections += 1;
            }
            return Link::to(place);
        }
        let peer = Peer { remote, heard: now, connections: 1, is_awaited: false };
        let place = peers.insert(peer).index();
        index.insert_unique(hash, place, |filed| {
            let filed = peers.at(*filed).expect("what is filed is there");
            hash_of(key, filed.remote)
        });
        Link::to(place)
    }

    /// One is gone.
    pub(super) fn leave(&mut self, link: Link) {
        let Some(place) = link.index() else { return };
        let Some(peer) = self.peers.at_mut(place) else { return };
        peer.connections -= 1;
        if peer.connections > 0 {
            return;
        }
        let hash = hash_of(&self.key, peer.remote);
        if let Ok(found) = self.index.find_entry(hash, |filed| *filed == place) {
            found.remove();
        }
        self.peers.remove(place);
    }

    /// A segment has come on a connection that was opened there.
    #[inline]
    pub(super) fn on_segment(&mut self, now: Instant, link: Link) {
        let Some(peer) = link.index().and_then(|place| self.peers.at_mut(place)) else { return };
        peer.heard = now;
        if core::mem::take(&mut peer.is_awaited) {
            self.heard.push_back(peer.remote);
        }
    }

    fn at(&self, link: Link) -> Option<&Peer> {
        self.peers.at(link.index()?)
    }

    /// How many there are, and how many connections were opened to them.
    pub(super) fn totals(&self) -> (usize, u32) {
        let connections = self.peers.iter().map(|(_, peer)| peer.connections).sum();
        (self.index.len(), connections)
    }
}

impl Stack {
    /// How long the place that this connection was opened to has been silent, and how long it may
    /// be before that says something. Nothing of a connection that a listener has accepted.
    ///
    /// Ask when [`Overdue`](crate::tcp::Event::Overdue) comes.
    ///
    /// # Errors
    ///
    /// [`NoConnection`] for a dead id.
    pub fn silence(&self, id: ConnectionId) -> Result<Option<Silence>, NoConnection> {
        self.entry(id)?;
        let link = self.connections.record_of(id.index());
        let window = self.look(id.index(), crate::tcp::Connection::silence_window);
        let heard = self.peers.at(link).map(|peer| peer.heard);
        Ok(heard.zip(window).map(|(heard, window)| Silence { heard, window }))
    }

    /// From now on the next segment from the place that this connection was opened to, on whichever
    /// connection, is told of by [`Stack::poll_heard`]. Forgotten with the last connection to it.
    ///
    /// # Errors
    ///
    /// [`NoConnection`] for a dead id.
    pub fn await_segment(&mut self, id: ConnectionId) -> Result<(), NoConnection> {
        self.entry(id)?;
        let link = self.connections.record_of(id.index());
        if let Some(peer) = link.index().and_then(|place| self.peers.peers.at_mut(place)) {
            peer.is_awaited = true;
        }
        Ok(())
    }

    /// A remote address and port that was awaited, and from which a segment has come since. Call
    /// until there is none.
    pub fn poll_heard(&mut self) -> Option<SocketAddr> {
        self.peers.heard.pop_front()
    }

    /// Sends what draws an answer from a peer that is there, once: the last byte again, or a
    /// keepalive probe where none was ever sent (RFC 9293, section 3.8.4). Nothing is expected of
    /// it: any segment from there is an answer.
    ///
    /// # Errors
    ///
    /// [`NoConnection`] for a dead id.
    pub fn ask(&mut self, id: ConnectionId) -> Result<(), NoConnection> {
        self.held(id)?.ask();
        self.touched(id.index());
        Ok(())
    }

    /// Where a connection of `owner` to `remote` is filed.
    pub(super) fn join_peer(&mut self, owner: Owner, remote: SocketAddr) -> Link {
        match owner {
            Owner::Holder => self.peers.join(self.watched.now(), remote),
            Owner::Handshake(_)
            | Owner::AcceptQueue(_)
            | Owner::Leaving
            | Owner::Told
            | Owner::Nobody => Link::NONE,
        }
    }
}

fn hash_of(key: &[u8; 16], remote: SocketAddr) -> u64 {
    let mut bytes = [0; 18];
    let (address, port) = bytes.split_at_mut(16);
    address.copy_from_slice(&match remote.ip() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    });
    port.copy_from_slice(&remote.port().to_be_bytes());
    keyed_hash(key, &bytes)
}
