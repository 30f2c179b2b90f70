//! What the stack keeps beside a connection, and what follows once it has been called.
//!
//! Whoever calls into a connection calls [`Stack::touched`] next: its state, its timer, its place
//! in the queues and its owner's events then are what the connection says. There is no other way
//! for them to change, so they cannot come apart.

use super::Stack;
use super::listener::ListenerId;
use super::rest::Body;
use super::slots::ConnectionId;
use super::standing::{Queue, Standing};
use super::tuple::FourTuple;
use crate::tcp::{Connection, Event, PathMtuNews, State};
use crate::time::Instant;

/// A connection and its place in the stack.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) tuple: FourTuple,
    pub(super) owner: Owner,
    /// The state under which it is counted.
    counted: State,
    pub(super) standing: Standing,
    pub(super) body: Body,
}

impl Entry {
    /// The next event of the connection; at rest it has none.
    fn poll_event(&mut self) -> Option<Event> {
        self.body.live_mut()?.poll_event()
    }

    /// The event that the connection is over, if it is; all others are passed over.
    fn next_closed(&mut self) -> Option<Event> {
        loop {
            let event = self.poll_event()?;
            if matches!(event, Event::Closed(_)) {
                return Some(event);
            }
        }
    }
}

/// Who hears of a connection's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Whoever has its id.
    Holder,
    /// A listener, until the handshake is done.
    Handshake(ListenerId),
    /// Nobody yet: it waits in the accept queue of a listener, and keeps its events.
    AcceptQueue(ListenerId),
    /// Whoever closed it: wants to hear how it ended, and nothing else.
    Leaving,
    /// Whoever has heard that it ended: may look at what is left until it is freed.
    Told,
    /// Nobody any more: the stack brings it to its end and frees it.
    Nobody,
}

impl Owner {
    /// Whether the connection's figures and bytes may be looked at by id.
    pub(super) fn may_look(self) -> bool {
        match self {
            Self::Holder | Self::Told => true,
            Self::Handshake(_) | Self::AcceptQueue(_) | Self::Leaving | Self::Nobody => false,
        }
    }

    /// Whether the connection may be freed once it has nothing left to do.
    fn has_left(self) -> bool {
        match self {
            Self::Told | Self::Nobody => true,
            Self::Holder | Self::Handshake(_) | Self::AcceptQueue(_) | Self::Leaving => false,
        }
    }
}

impl Stack {
    /// Takes a new connection in; its tuple is free.
    pub(super) fn add(
        &mut self,
        tuple: FourTuple,
        owner: Owner,
        connection: Connection,
    ) -> ConnectionId {
        let state = connection.state();
        let peer = self.join_peer(owner, tuple.remote());
        let id = self.connections.insert(Entry {
            tuple,
            owner,
            counted: state,
            standing: Standing::default(),
            body: Body::Live(Box::new(connection)),
        });
        self.connections.note_record(id.index(), peer);
        self.demux.insert(&tuple, id.index());
        *self.count_of(state) += 1;
        self.touched(id.index());
        id
    }

    /// Brings all that is known of a connection up to date after it was called.
    pub(super) fn touched(&mut self, index: u32) {
        self.settle(index);
        self.mark_ready(index);
    }

    /// The same after a connection was asked for segments and had none left.
    pub(super) fn settle(&mut self, index: u32) {
        self.note_path_mtu(index);
        self.recount(index);
        self.charge(index);
        self.tell_owner(index);
        self.rearm(index);
        self.watch(index);
    }

    /// Files the connection under its state, and frees the tuple of one that is CLOSED.
    fn recount(&mut self, index: u32) {
        let Some(entry) = self.connections.at_mut(index) else { return };
        let state = entry.body.state();
        let before = core::mem::replace(&mut entry.counted, state);
        // Once it is CLOSED the demultiplexer does not find it, so that the tuple is free.
        let vacates = state == State::Closed && before != State::Closed;
        let tuple = entry.tuple;
        if state != before {
            *self.count_of(before) -= 1;
            *self.count_of(state) += 1;
        }
        if vacates {
            self.demux.remove(&tuple, index);
            self.ports.release(&tuple);
        }
    }

    fn tell_owner(&mut self, index: u32) {
        let Some(entry) = self.connections.at_mut(index) else { return };
        match entry.owner {
            Owner::Holder | Owner::Leaving => self.mark_eventful(index),
            Owner::Handshake(listener) => self.follow_handshake(index, listener),
            Owner::AcceptQueue(_) | Owner::Told => {}
            Owner::Nobody => while entry.poll_event().is_some() {},
        }
    }

    /// Moves a child to the accept queue once it is established, and lets go of one that failed.
    fn follow_handshake(&mut self, index: u32, listener: ListenerId) {
        let Some(id) = self.connections.id_at(index) else { return };
        let Some(entry) = self.connections.at_mut(index) else { return };
        match entry.poll_event() {
            Some(Event::Established) => {
                entry.owner = Owner::AcceptQueue(listener);
                self.announce(listener, id);
            }
            Some(_) | None if entry.body.state() == State::Closed => {
                entry.owner = Owner::Nobody;
                while entry.poll_event().is_some() {}
                if let Some(listener) = self.listeners.get_mut(listener) {
                    listener.handshake_failed();
                }
            }
            Some(_) | None => {}
        }
    }

    /// A child waits to be accepted; the listener's owner is told, once until it has listened.
    fn announce(&mut self, listener: ListenerId, child: ConnectionId) {
        let Some(queues) = self.listeners.get_mut(listener) else { return };
        queues.handshake_done(child);
        if !core::mem::replace(&mut queues.announced, true) {
            self.acceptable.push_back(listener);
        }
    }

    /// Arms the timer of a connection. Lazily: one armed too early stays, since a call that comes
    /// early does nothing, and most timers are moved later many times before they come.
    pub(super) fn rearm(&mut self, index: u32) {
        let Some(entry) = self.connections.at(index) else { return };
        let wanted = match &entry.body {
            Body::Live(connection) => connection.poll_timeout(),
            Body::Dormant(dormant) => dormant.poll_timeout(&self.config.tcp),
        };
        match (wanted, self.wheel.deadline(index)) {
            (None, None) => {}
            (None, Some(_)) => self.wheel.cancel(index),
            (Some(wanted), Some(armed)) if armed <= wanted => {}
            (Some(wanted), _) => self.wheel.arm(index, wanted),
        }
    }

    pub(super) fn mark_ready(&mut self, index: u32) {
        let Some(id) = self.connections.id_at(index) else { return };
        let Some(entry) = self.connections.at_mut(index) else { return };
        if entry.standing.join(Queue::Ready) {
            self.ready.push_back(id);
        }
    }

    pub(super) fn mark_eventful(&mut self, index: u32) {
        let Some(id) = self.connections.id_at(index) else { return };
        let Some(entry) = self.connections.at_mut(index) else { return };
        if entry.standing.join(Queue::Eventful) {
            self.eventful.push_back(id);
        }
    }

    /// The next event of `id` for its owner; with none left the connection is not eventful.
    pub(super) fn next_event(&mut self, id: ConnectionId) -> Option<Event> {
        if !self.connections.is_alive(id) {
            return None;
        }
        let entry = self.connections.at_mut(id.index())?;
        let event = match entry.owner {
            Owner::Holder => entry.poll_event(),
            Owner::Leaving => entry.next_closed(),
            Owner::Handshake(_) | Owner::AcceptQueue(_) | Owner::Told | Owner::Nobody => None,
        };
        if matches!(event, Some(Event::Closed(_))) {
            entry.owner = Owner::Told;
            self.mark_ready(id.index());
        } else if event.is_none() {
            entry.standing.leave(Queue::Eventful);
        }
        event
    }

    /// Frees a connection that has nothing left to do: CLOSED and left by its owner, or, in
    /// TIME-WAIT, with a record in the table that answers for it.
    pub(super) fn reap(&mut self, now: Instant, index: u32) {
        let Some(entry) = self.connections.at(index) else { return };
        if !entry.owner.has_left() {
            return;
        }
        let tuple = entry.tuple;
        if let Some(record) = entry.body.live().and_then(Connection::time_wait) {
            self.free(now, index);
            self.enter_time_wait(tuple, record);
        } else if entry.body.state() == State::Closed {
            self.free(now, index);
        }
    }

    /// Takes in what a connection has found out about its path, for those that come later to the
    /// same place: RFC 9040. Call it when the connection ends, and when it goes quiet, for others
    /// begin before it ends (section 7.3).
    pub(super) fn learn_path(&mut self, now: Instant, index: u32) {
        let Some(entry) = self.connections.at(index) else { return };
        let Some(connection) = entry.body.live() else { return };
        let (address, found) = (entry.tuple.remote().ip(), connection.path_record());
        self.stats.path_evictions += self.destinations.learn(now, address, &found);
    }

    /// What a connection has found of its path's MTU counts at once for all to the same place: RFC
    /// 8201, section 5.2.
    fn note_path_mtu(&mut self, index: u32) {
        let Some(entry) = self.connections.at_mut(index) else { return };
        let news = entry.body.live_mut().and_then(Connection::take_path_mtu);
        let Some(PathMtuNews { known, at }) = news else { return };
        let address = entry.tuple.remote().ip();
        self.stats.path_evictions += self.destinations.set_path_mtu(at, address, known);
    }

    /// Tells a connection that is about to send what others have found of its path's MTU.
    pub(super) fn share_path_mtu(&mut self, now: Instant, index: u32) {
        let lowered = self.destinations.path_mtus_lowered();
        let Some(entry) = self.connections.at_mut(index) else { return };
        let Some(connection) = entry.body.live_mut() else { return };
        if connection.has_heard_path_mtus(lowered) {
            return;
        }
        let record = self.destinations.recall(now, entry.tuple.remote().ip());
        if let Some(known) = record.pmtu {
            connection.on_shared_path_mtu(now, known);
        }
    }

    fn free(&mut self, now: Instant, index: u32) {
        self.learn_path(now, index);
        let peer = self.connections.record_of(index);
        let Some(entry) = self.connections.remove(index) else { return };
        self.demux.remove(&entry.tuple, index);
        self.wheel.cancel(index);
        self.forget_the_gone();
        self.peers.leave(peer);
        self.discharge(index, &entry);
        *self.count_of(entry.counted) -= 1;
    }

    fn count_of(&mut self, state: State) -> &mut usize {
        let place = State::ALL.iter().position(|known| *known == state);
        let place = place.expect("State::ALL has every state");
        &mut self.states[place]
    }
}
