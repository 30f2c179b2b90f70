//! Addresses on which the stack listens, and the two queues of each: handshakes under way
//! (SYN-RECEIVED), and connections that wait to be accepted.
//!
//! Both queues are bounded by the backlog. A SYN that finds either full is dropped, so its sender
//! tries again; a handshake that would end in a full accept queue does not end: the final ACK is
//! dropped and SYN-RECEIVED stays, whose repeated SYN-ACK brings the ACK again later. SYN cookies
//! are not here.

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::slots::ConnectionId;
use super::tuple::{FourTuple, LocalAddress};

/// Names a listener of a stack. Never given out twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(u32);

/// Where a listener listens: on one address or on all of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Binding {
    pub(super) address: Option<LocalAddress>,
    pub(super) ipv4: bool,
    pub(super) port: u16,
}

/// One listener.
#[derive(Debug)]
pub(super) struct Listener {
    binding: Binding,
    backlog: usize,
    /// Children in SYN-RECEIVED.
    handshakes: usize,
    accept_queue: VecDeque<ConnectionId>,
    /// Whether its owner is to be told that there is something to accept.
    pub(super) announced: bool,
}

impl Listener {
    pub(super) fn accept_queue_is_full(&self) -> bool {
        self.accept_queue.len() >= self.backlog
    }

    pub(super) fn syn_queue_is_full(&self) -> bool {
        self.handshakes >= self.backlog
    }

    pub(super) fn handshake_began(&mut self) {
        self.handshakes += 1;
    }

    pub(super) fn handshake_failed(&mut self) {
        self.handshakes -= 1;
    }

    /// The handshake of `child` is done: it waits to be accepted.
    pub(super) fn handshake_done(&mut self, child: ConnectionId) {
        self.handshakes -= 1;
        self.accept_queue.push_back(child);
    }

    pub(super) fn pop_accepted(&mut self) -> Option<ConnectionId> {
        self.accept_queue.pop_front()
    }

    pub(super) fn handshakes(&self) -> usize {
        self.handshakes
    }

    pub(super) fn accept_queue_len(&self) -> usize {
        self.accept_queue.len()
    }
}

/// All listeners, by id and by where they listen.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    by_id: HashMap<ListenerId, Listener, foldhash::fast::FixedState>,
    by_binding: HashMap<Binding, ListenerId, foldhash::fast::FixedState>,
    next: u32,
}

impl Listeners {
    /// Adds a listener, unless there is one at the same place.
    pub(super) fn insert(&mut self, binding: Binding, backlog: usize) -> Option<ListenerId> {
        if self.by_binding.contains_key(&binding) {
            return None;
        }
        let id = ListenerId(self.next);
        self.next = self.next.checked_add(1).expect("fewer than 2^32 listeners in a stack's life");
        self.by_binding.insert(binding, id);
        let accept_queue = VecDeque::new();
        let listener = Listener { binding, backlog, handshakes: 0, accept_queue, announced: false };
        self.by_id.insert(id, listener);
        Some(id)
    }

    pub(super) fn remove(&mut self, id: ListenerId) -> Option<Listener> {
        let listener = self.by_id.remove(&id)?;
        self.by_binding.remove(&listener.binding);
        Some(listener)
    }

    pub(super) fn get(&self, id: ListenerId) -> Option<&Listener> {
        self.by_id.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: ListenerId) -> Option<&mut Listener> {
        self.by_id.get_mut(&id)
    }

    /// Who listens for a segment of `tuple`: on its very address first, then on all.
    pub(super) fn find(&self, tuple: &FourTuple) -> Option<ListenerId> {
        let port = tuple.local_port();
        let ipv4 = tuple.remote().is_ipv4();
        [Some(tuple.local()), None]
            .into_iter()
            .find_map(|address| self.by_binding.get(&Binding { address, ipv4, port }))
            .copied()
    }

    /// Whether anybody listens on `port`; new connections do not leave from there.
    pub(super) fn uses_port(&self, port: u16) -> bool {
        self.by_binding.keys().any(|binding| binding.port == port)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Handshakes under way and connections that wait to be accepted, at all listeners.
    pub(super) fn queue_lengths(&self) -> (usize, usize) {
        self.by_id.values().fold((0, 0), |(syn, accept), listener| {
            (syn + listener.handshakes(), accept + listener.accept_queue_len())
        })
    }
}
