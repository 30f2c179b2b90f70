//! What the pool wants done and what it has to tell. It never calls out; the owner polls.

use crate::ids::{AddressId, LeaseId, RouteId, SlotId, WaiterId};
use crate::lease::{Denial, Grant};
use crate::time::{Duration, Instant};
use crate::token::{CloseCause, ConnectError};

/// Something for the owner of the pool to do or to pass on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<C> {
    /// Open a connection for `route`; answer with [`Pool::opened`](crate::Pool::opened) or
    /// [`Pool::open_failed`](crate::Pool::open_failed).
    Connect {
        /// Names the attempt, and later the connection.
        slot: SlotId,
        /// Where to.
        route: RouteId,
    },
    /// End the attempt at once; whatever comes of it is not taken any more.
    Abandon {
        /// The attempt. The slot is gone; the owner may never have heard of it.
        slot: SlotId,
    },
    /// The waiter has a lease.
    Granted {
        /// Who waited. The handle has ended.
        waiter: WaiterId,
        /// What it has.
        grant: Grant<C>,
    },
    /// The waiter has none.
    Refused {
        /// Who waited. The handle has ended.
        waiter: WaiterId,
        /// Why.
        denial: Denial,
    },
    /// Close the connection.
    Close {
        /// Its slot. After [`How::Reset`] the slot is gone; after [`How::Orderly`] it ends with
        /// [`Pool::closed`](crate::Pool::closed).
        slot: SlotId,
        /// What to close.
        connection: C,
        /// Why.
        cause: CloseCause,
        /// In which way.
        how: How,
    },
    /// Ask the peer, by repeating the last byte sent, whether the doubt is justified. Answer with
    /// [`Pool::probed`](crate::Pool::probed) when its reply says that it has all that was sent and
    /// has sent nothing that has not come, or with [`Pool::lost`](crate::Pool::lost); silence closes
    /// it.
    Probe {
        /// Its slot.
        slot: SlotId,
        /// What to probe.
        connection: C,
        /// What is to be found out.
        doubt: Doubt,
    },
    /// Ask the peer whether it is there, once, on behalf of all connections to its address (rule M);
    /// unless a segment has come from there after `unless_after`, on whichever connection. Tell with
    /// [`Pool::heard`](crate::Pool::heard) of that one or of the next that comes. The connection may
    /// be leased.
    Ask {
        /// Its slot.
        slot: SlotId,
        /// By way of what to ask.
        connection: C,
        /// Monotonic.
        unless_after: Instant,
    },
    /// The path to this address is dead. Its connections are closed, those in use when they come
    /// free; attempts to connect go elsewhere as long as [`Pool::is_shunned`](crate::Pool::is_shunned)
    /// says so.
    AddressFailed {
        /// The address.
        address: AddressId,
    },
    /// Find out whether a failed address is there again, without a connection of the pool. Tell
    /// with [`Pool::heard`](crate::Pool::heard) if it is; if not, this is asked again.
    Knock {
        /// The address.
        address: AddressId,
    },
    /// A failed address is there again.
    AddressRecovered {
        /// The address.
        address: AddressId,
    },
    /// A lease is held for longer than it should be. Each limit is told of once a lease. The pool does
    /// nothing more: to take the lease away is to release it as spent.
    Overdue {
        /// The lease, held still when this was said.
        lease: LeaseId,
        /// Which limit it has passed.
        limit: Overdue,
        /// What it is of; the transport may have ended it.
        connection: C,
        /// For how long it was held when this was said.
        held: Duration,
    },
}

/// A limit of how long a lease may be held.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Overdue {
    /// `first_use_timeout`. Whether the lease was used is its owner's to know.
    FirstUse,
    /// `lease_warn_after`.
    Warn,
    /// `lease_max`.
    Max,
}

impl Overdue {
    /// A bit for each.
    pub(crate) const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// What is not known of an idle connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Doubt {
    /// Whether the peer is still there: the host may have slept past its patience.
    Alive,
    /// Whether nothing is under way in either direction: the next lease is of another security
    /// domain than the last.
    Quiet,
}

/// How a connection is to be closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum How {
    /// With a FIN; the transport says when it is through.
    Orderly,
    /// With a reset; its room is free already.
    Reset,
}

/// Why an attempt to connect came to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectFailure {
    /// What happened.
    pub error: ConnectError,
    /// The peer or the network gave a definite answer, so that waiting longer would not help.
    pub hard: bool,
}
