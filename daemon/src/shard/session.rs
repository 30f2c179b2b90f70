//! One client on the lease socket: what it said, what it is owed, and the lease it has.
//!
//! Plain data with the protocol's order (DESIGN.md, section 4). A session knows neither the pool
//! nor the stack: the shard asks both on its behalf. It has at most one lease at a time, and a
//! client that wants more opens more sessions.

use std::sync::Arc;

use wharf_pool::time::Instant;
use wharf_pool::{ClientId, CloseCause, LeaseId, RouteId, WaiterId};
use wharf_protocol::{DaemonMessage, EARLY_DATA_MAX, Frame, encode_daemon};
use wharf_transport::stack::ConnectionId;

use super::denied::Denied;
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::pair::Pair;
use super::release::Totals;

/// Who is at the other end, as the kernel says. Frozen when the client connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its process, or 0 where that is not visible from here.
    pub pid: i32,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
    /// Its supplementary groups.
    pub groups: Vec<u32>,
    /// Its control group, for routes that share by it; none if that is not known.
    pub unit: Option<Arc<str>>,
    /// The process, told apart from others that had the same number before.
    pub client: ClientId,
}

/// A session by index and generation: a late event never meets a newer session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SessionId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl SessionId {
    /// The session's place; the reactor keeps the socket at the same one.
    #[must_use]
    pub fn index(self) -> u32 {
        self.index
    }
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing is taken but `HELLO`.
    Greeting,
    /// Leases are served.
    Open,
    /// What is owed goes out, then the socket is closed. Nothing is taken in any more.
    Ending,
}

/// The lease that a session has or wants.
#[derive(Debug)]
pub(super) struct ActiveLease {
    /// The client's number for it.
    pub(super) number: u16,
    /// What is leased.
    pub(super) route: RouteId,
    /// When LEASE came.
    pub(super) asked: Instant,
    /// The connection carries state of the client's own (class `opaque`).
    pub(super) opaque: bool,
    /// How far it has come.
    pub(super) phase: LeasePhase,
    /// What was carried.
    pub(super) totals: Totals,
    /// Its bytes run on a descriptor of their own.
    pub(super) pair: Option<Pair>,
    /// The peer's end has come, and the client is not told before this.
    pub(super) end_held: Option<Instant>,
}

/// How far a lease has come.
#[derive(Debug)]
pub(super) enum LeasePhase {
    /// The pool has no connection yet; what the client said already waits here.
    Waiting { waiter: WaiterId, early: Vec<u8>, early_fin: bool },
    /// The connection is the client's.
    Held(Held),
    /// The connection is gone and the client was told; it owes a RELEASE. The pool's lease has ended
    /// already if it was revoked.
    Lost { lease: Option<LeaseId>, cause: CloseCause },
}

/// A lease's hold on a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) lease: LeaseId,
    pub(super) connection: ConnectionId,
    pub(super) since: Instant,
}

/// One client.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) peer: Peer,
    pub(super) stage: Stage,
    /// What was agreed on beyond the minor.
    pub(super) features: u64,
    pub(super) inbox: Inbox,
    pub(super) outbox: Outbox,
    pub(super) lease: Option<ActiveLease>,
    /// The number of the lease that came last, ended or not; 0 before the first.
    pub(super) last_number: u16,
    /// The frame at the head of the inbox waits: `DATA` for room upstream, the end of a lease for
    /// what is left in its pair.
    pub(super) blocked: bool,
    /// The client is gone; what it said before is still dealt with.
    pub(super) gone: bool,
    /// Nobody reads its replies any more, so none is queued and none holds a frame up.
    pub(super) is_deaf: bool,
    /// When something must have happened: `HELLO`, or the end of a session that ends. See
    /// [`Sessions::set_deadline`](super::sessions::Sessions::set_deadline).
    pub(super) deadline: Option<Instant>,
    /// The reactor will look at this session anyway.
    pub(super) touched: bool,
}

impl Session {
    /// A session that has said nothing yet.
    pub(super) fn new(peer: Peer) -> Self {
        Self {
            peer,
            stage: Stage::Greeting,
            features: 0,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            lease: None,
            last_number: 0,
            blocked: false,
            gone: false,
            is_deaf: false,
            deadline: None,
            touched: false,
        }
    }

    /// Whether the reactor should read its socket.
    pub(super) fn wants_input(&self) -> bool {
        self.stage != Stage::Ending && !self.gone && !self.is_stalled() && self.inbox.wants_more()
    }

    /// Whether its frames must wait: for room upstream, or for the client to take its replies.
    pub(super) fn is_stalled(&self) -> bool {
        self.blocked || self.is_congested()
    }

    /// Whether its frames must wait for the client to take its replies.
    pub(super) fn is_congested(&self) -> bool {
        !self.is_deaf && self.outbox.is_congested()
    }

    /// Whether everything is said and done.
    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Ending && self.outbox.is_empty()
    }

    /// The connection it holds.
    pub(super) fn held(&self) -> Option<Held> {
        match self.lease.as_ref()?.phase {
            LeasePhase::Held(held) => Some(held),
            LeasePhase::Waiting { .. } | LeasePhase::Lost { .. } => None,
        }
    }

    /// The waiter it has in the pool.
    pub(super) fn waiter(&self) -> Option<WaiterId> {
        match self.lease.as_ref()?.phase {
            LeasePhase::Waiting { waiter, .. } => Some(waiter),
            LeasePhase::Held(_) | LeasePhase::Lost { .. } => None,
        }
    }

    /// Memory that holds bytes of its client and for it.
    pub(super) fn buffered_bytes(&self) -> usize {
        let early = match self.lease.as_ref().map(|lease| &lease.phase) {
            Some(LeasePhase::Waiting { early, .. }) => early.len(),
            Some(LeasePhase::Held(_) | LeasePhase::Lost { .. }) | None => 0,
        };
        let pair = self.lease.as_ref().and_then(|lease| lease.pair.as_ref());
        let pair = pair.map_or(0, Pair::buffered_bytes);
        self.inbox.len() + early + self.outbox.len() + pair
    }

    /// Queues a reply that concerns lease `number`, or the session itself (0).
    pub(super) fn reply(&mut self, number: u16, message: DaemonMessage<'_>) {
        if self.is_deaf {
            return;
        }
        let frame = Frame { lease: number, message };
        self.outbox.push_control(|bytes| encode_daemon(&frame, bytes));
    }

    /// Ends lease `number` with REFUSED, or the session's trust (0).
    pub(super) fn refuse(&mut self, number: u16, denied: &Denied) {
        self.reply(number, denied.message());
    }
}

impl ActiveLease {
    /// Whether the client has said FIN and may write no more. Of a lost lease nothing is asked.
    pub(super) fn has_finished(&self) -> bool {
        match self.phase {
            LeasePhase::Waiting { early_fin, .. } => early_fin,
            LeasePhase::Held(_) => self.totals.client_finished,
            LeasePhase::Lost { .. } => false,
        }
    }

    /// Takes the client's bytes for a connection that is not there yet. `false` when that would be
    /// more than it may send ahead.
    pub(super) fn take_early(&mut self, bytes: &[u8]) -> bool {
        let LeasePhase::Waiting { early, .. } = &mut self.phase else {
            return true;
        };
        if early.len() + bytes.len() > EARLY_DATA_MAX {
            return false;
        }
        early.extend_from_slice(bytes);
        true
    }
}
