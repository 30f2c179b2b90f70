//! What the owner of connections calls, by id: open, listen, read, write, end.
//!
//! Each is the verb of [`tcp::Connection`](crate::tcp::Connection) and then the stack's
//! bookkeeping. A dead id (closed, let go, or never given out) is [`NoConnection`] everywhere.

use core::net::{IpAddr, SocketAddr};

use super::Stack;
use super::bookkeeping::{Entry, Owner};
use super::errors::{ConnectError, ListenError, NoConnection, ReadError, WriteError};
use super::listener::{Binding, ListenerId};
use super::slots::ConnectionId;
use super::transmit::Ends;
use super::tuple::{FourTuple, LocalAddress};
use crate::tcp::{
    self, Connection, Info, LeaseFigures, Quiescence, Read, Setting, Start, timestamp_offset,
};
use crate::time::Instant;

impl Stack {
    /// Opens a connection to `remote`: its SYN leaves with the next
    /// [`poll_transmit`](Self::poll_transmit), and `Established` or `Closed` follows as an event.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], and nothing has changed.
    pub fn connect(
        &mut self,
        now: Instant,
        remote: SocketAddr,
    ) -> Result<ConnectionId, ConnectError> {
        self.open(now, None, remote)
    }

    /// As [`Stack::connect`], from this address of the stack: RFC 9293, section 3.9.1.1 (MUST-43).
    ///
    /// # Errors
    ///
    /// [`ConnectError`], and nothing has changed; `NoAddress` if `local` is not the stack's.
    pub fn connect_from(
        &mut self,
        now: Instant,
        local: IpAddr,
        remote: SocketAddr,
    ) -> Result<ConnectionId, ConnectError> {
        let local = self.addresses.find(local).ok_or(ConnectError::NoAddress)?;
        self.open(now, Some(local), remote)
    }

    fn open(
        &mut self,
        now: Instant,
        local: Option<LocalAddress>,
        remote: SocketAddr,
    ) -> Result<ConnectionId, ConnectError> {
        if remote.port() == 0 || !self.is_possible_peer(remote.ip()) {
            return Err(ConnectError::Prohibited);
        }
        if self.connections.len() >= self.config.connections_max {
            return Err(ConnectError::TooManyConnections);
        }
        self.watched.tell(now);
        let (tuple, before) = self.own_tuple(now, local, remote)?;
        self.stats.active_opens += 1;
        let mut start = self.start(now, tuple);
        if let Some(before) = before {
            start.isn = before.next_isn(start.isn);
        }
        let connection = Connection::connect(now, &self.config.tcp, start);
        self.ports.take(&tuple);
        Ok(self.add(tuple, Owner::Holder, connection))
    }

    /// Listens on `local`: one address of the stack, or all of a family if it is unspecified.
    /// Handshakes under way and connections not yet accepted are `backlog` each at most.
    ///
    /// # Errors
    ///
    /// [`ListenError`], and nothing has changed.
    pub fn listen(&mut self, local: SocketAddr, backlog: usize) -> Result<ListenerId, ListenError> {
        if local.port() == 0 {
            return Err(ListenError::NoPort);
        }
        let address = match local.ip() {
            all if all.is_unspecified() => None,
            one => Some(self.addresses.find(one).ok_or(ListenError::NotOurAddress)?),
        };
        let binding = Binding { address, ipv4: local.is_ipv4(), port: local.port() };
        self.listeners.insert(binding, backlog).ok_or(ListenError::InUse)
    }

    /// Takes the connection that has waited longest at `listener`; its events follow. Connections
    /// that ended while they waited are passed over.
    pub fn accept(&mut self, listener: ListenerId) -> Option<ConnectionId> {
        loop {
            let id = self.listeners.get_mut(listener)?.pop_accepted()?;
            let Some(entry) = self.connections.at_mut(id.index()) else { continue };
            let is_closed = entry.body.state() == tcp::State::Closed;
            entry.owner = if is_closed { Owner::Nobody } else { Owner::Holder };
            self.touched(id.index());
            if !is_closed {
                return Some(id);
            }
        }
    }

    /// Stops listening; connections that were not accepted are reset. Costs a walk over all
    /// connections.
    pub fn close_listener(&mut self, now: Instant, listener: ListenerId) {
        if self.listeners.remove(listener).is_none() {
            return;
        }
        let is_child = |owner| match owner {
            Owner::Handshake(parent) | Owner::AcceptQueue(parent) => parent == listener,
            Owner::Holder | Owner::Leaving | Owner::Told | Owner::Nobody => false,
        };
        let children: Vec<u32> = self
            .connections
            .iter()
            .filter(|(_, entry)| is_child(entry.owner))
            .map(|(id, _)| id.index())
            .collect();
        for index in children {
            self.abandon(now, index);
        }
    }

    /// Takes what fits of `bytes` to be sent, and says how many; after 0 `Writable` follows.
    ///
    /// # Errors
    ///
    /// [`WriteError`] once nothing more can be sent.
    pub fn write(
        &mut self,
        now: Instant,
        id: ConnectionId,
        bytes: &[u8],
    ) -> Result<usize, WriteError> {
        let written = self.held(id)?.write(now, bytes)?;
        self.touched(id.index());
        Ok(written)
    }

    /// Copies received bytes into `out`, in order; until the next `poll_transmit` after `Closed`
    /// also what a connection has left behind.
    ///
    /// # Errors
    ///
    /// [`ReadError`] once the connection has ended and left nothing.
    pub fn read(
        &mut self,
        now: Instant,
        id: ConnectionId,
        out: &mut [u8],
    ) -> Result<Read, ReadError> {
        if self.is_at_rest(id) {
            return Ok(Read::Empty);
        }
        let read = self.readable(id)?.read(now, out)?;
        self.touched(id.index());
        Ok(read)
    }

    /// Bytes that a read would give now.
    ///
    /// # Errors
    ///
    /// [`NoConnection`] for a dead id.
    pub fn readable_bytes(&self, id: ConnectionId) -> Result<usize, NoConnection> {
        self.peek(id, Connection::readable_bytes)
    }

    /// Bytes that a write would take now.
    ///
    /// # Errors
    ///
    /// [`NoConnection`] for a dead id.
    pub fn writable_bytes(&self, id: ConnectionId) -> Result<usize, NoConnection> {
        self.peek(id, Connection::writable_bytes)
    }

    /// Half-close: a FIN follows what was written; reading goes on.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if it was finished before or is closed.
    pub fn finish(&mut self, now: Instant, id: ConnectionId) -> Result<(), WriteError> {
        self.held(id)?.finish(now)?;
        self.touched(id.index());
        Ok(())
    }

    /// Lets go of a connection in order: what was written is sent, then a FIN. The id is dead for
    /// all calls; `Closed`, which says how it went, is the one event that still follows.
    ///
    /// # Errors
    ///
    /// [`NoConnection`] for a dead id.
    pub fn close(&mut self, now: Instant, id: ConnectionId) -> Result<(), NoConnection> {
        self.held(id)?.close(now);
        if let Some(entry) = self.connections.at_mut(id.index()) {
            entry.owner = Owner::Leaving;
        }
        self.touched(id.index());
        Ok(())
    }

    /// Lets go of a connection with a reset. The id is dead; no event follows.
    ///
    /// # Errors
    ///
    /// [`NoConnection`] for a dead id.
    pub fn abort(&mut self, now: Instant, id: ConnectionId) -> Result<(), NoConnection> {
        self.held(id)?;
        self.abandon(now, id.index());
        Ok(())
    }

    /// Changes one setting of this connection alone: see [`Connection::set`].
    ///
    /// # Errors
    ///
    /// [`NoConnection`] for a dead id.
    pub fn set(
        &mut self,
        now: Instant,
        id: ConnectionId,
        setting: Setting,
    ) -> Result<(), NoConnection> {
        self.held(id)?.set(now, setting);
        self.touched(id.index());
        Ok(())
    }

    /// The connection's figures.
    ///
    /// # Errors
    ///
    /// [`NoConnection`] for a dead id.
    pub fn info(&self, now: Instant, id: ConnectionId) -> Result<Info, NoConnection> {
        self.peek(id, |connection| connection.info(now))
    }

    /// Local and remote end.
    ///
    /// # Errors
    ///
    /// [`NoConnection`] for a dead id.
    pub fn ends(&self, id: ConnectionId) -> Result<(SocketAddr, SocketAddr), NoConnection> {
        let Ends { local, remote } = self.ends_of(self.entry(id)?.tuple);
        Ok((local, remote))
    }

    /// Begins a lease: see [`Connection::begin_lease`].
    ///
    /// # Errors
    ///
    /// [`NoConnection`] for a dead id.
    pub fn begin_lease(
        &mut self,
        id: ConnectionId,
        speaks_first: bool,
    ) -> Result<(), NoConnection> {
        self.held(id)?.begin_lease(speaks_first);
        self.charge(id.index());
        Ok(())
    }

    /// Whether the connection may serve another lease: see [`Connection::quiescence`].
    ///
    /// # Errors
    ///
    /// [`NoConnection`] for a dead id.
    pub fn quiescence(&self, id: ConnectionId) -> Result<Quiescence, NoConnection> {
        self.peek(id, Connection::quiescence)
    }

    /// Sends the last byte once more, which draws an ACK: see [`Connection::repeat_last_byte`].
    ///
    /// # Errors
    ///
    /// [`NoConnection`] for a dead id.
    pub fn repeat_last_byte(
        &mut self,
        now: Instant,
        id: ConnectionId,
    ) -> Result<bool, NoConnection> {
        let repeated = self.held(id)?.repeat_last_byte(now);
        self.touched(id.index());
        Ok(repeated)
    }

    /// What the lease has sent, and whether the peer provably read none of it: see
    /// [`Connection::lease_figures`].
    ///
    /// # Errors
    ///
    /// [`NoConnection`] for a dead id.
    pub fn lease_figures(&self, id: ConnectionId) -> Result<LeaseFigures, NoConnection> {
        self.peek(id, Connection::lease_figures)
    }

    /// What a connection of `tuple` begins with.
    pub(super) fn start(&mut self, now: Instant, tuple: FourTuple) -> Start {
        let Ends { local, remote } = self.ends_of(tuple);
        Start {
            isn: self.isn.generate(now, local, remote),
            timestamp_offset: timestamp_offset(&self.secrets.timestamps, local, remote),
            mss: mss(self.config.mtu, remote.ip()),
            peer_mss: Start::default_mss(remote.is_ipv4()),
            ipv4: remote.is_ipv4(),
            path: self.destinations.recall(now, remote.ip()),
        }
    }

    /// Both ends of a tuple, as addresses.
    pub(super) fn ends_of(&self, tuple: FourTuple) -> Ends {
        let local = self.addresses.address(tuple.local());
        Ends { local: SocketAddr::new(local, tuple.local_port()), remote: tuple.remote() }
    }

    fn abandon(&mut self, now: Instant, index: u32) {
        if let Some((connection, _)) = self.awake(index) {
            connection.abort(now);
        }
        if let Some(entry) = self.connections.at_mut(index) {
            entry.owner = Owner::Nobody;
            self.touched(index);
        }
    }

    /// Whether the connection of `id` is at rest: then all that came was read.
    fn is_at_rest(&self, id: ConnectionId) -> bool {
        self.entry(id).is_ok_and(|entry| entry.body.live().is_none())
    }

    /// The connection of `id`, awake, if the caller still holds it.
    pub(super) fn held(&mut self, id: ConnectionId) -> Result<&mut Connection, NoConnection> {
        self.awake_if(id, |owner| owner == Owner::Holder)
    }

    /// The connection of `id`, awake, if the caller may still read what it has left behind.
    fn readable(&mut self, id: ConnectionId) -> Result<&mut Connection, NoConnection> {
        self.awake_if(id, Owner::may_look)
    }

    fn awake_if(
        &mut self,
        id: ConnectionId,
        may: impl FnOnce(Owner) -> bool,
    ) -> Result<&mut Connection, NoConnection> {
        let entry = self.connections.at(id.index()).filter(|_| self.connections.is_alive(id));
        entry.filter(|entry| may(entry.owner)).ok_or(NoConnection)?;
        self.awake(id.index()).map(|(connection, _)| connection).ok_or(NoConnection)
    }

    /// What `look` sees of the connection of `id`, if the caller may still look at it.
    fn peek<T>(
        &self,
        id: ConnectionId,
        look: impl FnOnce(&Connection) -> T,
    ) -> Result<T, NoConnection> {
        self.entry(id)?;
        self.look(id.index(), look).ok_or(NoConnection)
    }

    /// The entry of `id`, if the caller may still look at it.
    pub(super) fn entry(&self, id: ConnectionId) -> Result<&Entry, NoConnection> {
        let entry = self.connections.at(id.index()).filter(|_| self.connections.is_alive(id));
        entry.filter(|entry| entry.owner.may_look()).ok_or(NoConnection)
    }
}

/// The longest text that fits into a packet, options not counted: RFC 9293, section 3.7.1 and
/// RFC 6691.
pub(super) fn mss(mtu: u16, remote: IpAddr) -> u16 {
    let header = if remote.is_ipv4() { 20 } else { 40 };
    mtu.saturating_sub(header + 20).max(1)
}
