//! Why the stack cannot do what its owner asked.

use crate::tcp;

/// Why there is no new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// All ports towards this destination are taken, in TIME-WAIT included: wait, or add an
    /// address.
    #[error("no free port towards this destination")]
    NoPort,
    /// The stack has no address of this family, or not the one asked for: configure one, or try the
    /// other family.
    #[error("the stack has no address of this family")]
    NoAddress,
    /// The stack holds as many connections as it may: wait for one to end.
    #[error("too many connections")]
    TooManyConnections,
    /// Nobody can be reached there: unspecified, loopback, multicast or broadcast, the stack's
    /// own address, or port 0. Do not try again.
    #[error("destination cannot be connected to")]
    Prohibited,
}

/// Why nobody listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The address is not one of the stack's, and not unspecified: choose one that is.
    #[error("not an address of the stack")]
    NotOurAddress,
    /// Port 0 cannot be listened on: choose a port.
    #[error("port 0 cannot be listened on")]
    NoPort,
    /// Somebody listens there already: close that listener, or choose another port.
    #[error("address is in use")]
    InUse,
}

/// The id is of a connection that is gone, or that its owner has let go: drop the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such connection")]
pub struct NoConnection;

/// Why nothing can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The id is dead: drop it.
    #[error(transparent)]
    NoConnection(#[from] NoConnection),
    /// The connection takes nothing more.
    #[error(transparent)]
    Connection(#[from] tcp::WriteError),
}

/// Why nothing can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The id is dead: drop it.
    #[error(transparent)]
    NoConnection(#[from] NoConnection),
    /// The connection has ended and left nothing.
    #[error(transparent)]
    Connection(#[from] tcp::ReadError),
}
