//! What the shard has to say to whoever reads the log. It writes none itself: the reactor does.

use std::net::SocketAddr;

use wharf_pool::Overdue;
use wharf_pool::time::Duration;

/// Something an operator may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A session was ended for what its client did.
    SessionRefused {
        /// The client's process.
        pid: i32,
        /// The client's user.
        uid: u32,
        /// The error token it was told.
        token: &'static str,
        /// What it did.
        cause: String,
    },
    /// A connection attempt failed.
    ConnectFailed {
        /// The route.
        route: String,
        /// The address that was tried last, if it came to that.
        address: Option<SocketAddr>,
        /// The error token.
        token: &'static str,
        /// How long the attempt took.
        after: Duration,
    },
    /// A name could not be resolved.
    ResolveFailed {
        /// The route.
        route: String,
        /// What the resolver said.
        cause: String,
    },
    /// Addresses of a route are gone to which connections lead.
    AddressesRemoved {
        /// The route.
        route: String,
        /// The addresses.
        addresses: Vec<SocketAddr>,
    },
    /// The path to an address is dead: nothing came from there, though it was asked again and again.
    AddressFailed {
        /// The address.
        address: SocketAddr,
    },
    /// A failed address is there again.
    AddressRecovered {
        /// The address.
        address: SocketAddr,
        /// For how long it was failed.
        after: Duration,
    },
    /// A leased connection died under its client.
    LeaseLost {
        /// The route.
        route: String,
        /// The client's process.
        pid: i32,
        /// Why.
        token: &'static str,
        /// What the client was told about its request.
        verdict: &'static str,
    },
    /// A lease is held for longer than it should be.
    LeaseOverdue {
        /// The route.
        route: String,
        /// The holder's process.
        pid: i32,
        /// The holder's user.
        uid: u32,
        /// How long it has held the lease.
        held: Duration,
        /// Which limit it has passed. At the last the lease is taken away.
        limit: Overdue,
    },
    /// A client went away with a lease in its hand.
    ClientDied {
        /// The client's process.
        pid: i32,
        /// The client's user.
        uid: u32,
        /// How long it had held the lease.
        held: Duration,
    },
}
