//! What an operator may look at beside figures: sessions with what they hold, and what happened to
//! connections. Plain rows, from the shard to the admin socket.

use std::net::SocketAddr;

use serde::Serialize;

/// One session of a client, and the lease that it has or wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionRow {
    /// The process that connected; 0 where its number is not visible from here.
    pub pid: i32,
    /// What that process is called; empty if it is gone or out of sight. The control thread's to fill
    /// in: the shard reads no files.
    pub comm: String,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Bytes of the client and for it that wait in the daemon.
    pub buffered_bytes: u64,
    /// The lease; `None` for a session that has none at this moment.
    pub lease: Option<LeaseRow>,
}

/// A lease that is held, or waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeaseRow {
    /// `waiting`; `leased`; or `lost`, when the connection is gone and the client has not released yet.
    pub phase: &'static str,
    /// The client's number for it.
    pub number: u16,
    /// The number by which LEASED and `wharf trace --lease` name it; `None` while it waits, and once it
    /// was revoked.
    pub handle: Option<u64>,
    /// The route's name.
    pub route: String,
    /// The connection's number, as in `wharf ss`.
    pub connection: Option<u64>,
    /// Where the connection leads.
    pub remote: Option<SocketAddr>,
    /// Milliseconds since LEASE came.
    pub asked_ms: u64,
    /// Milliseconds since the grant, of one that is held.
    pub held_ms: Option<u64>,
    /// Bytes that the client sent on it.
    pub written_bytes: u64,
    /// Bytes that it was sent.
    pub delivered_bytes: u64,
    /// Its bytes run on a descriptor of their own.
    pub fd: bool,
    /// The client keeps state of its own on the connection (class `opaque`).
    pub opaque: bool,
}

/// One step in the life of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TransitionRow {
    /// Microseconds before the answer.
    pub ago_us: u64,
    /// The route's name; empty for one that is gone.
    pub route: String,
    /// The connection's place in the pool, from the attempt to connect until the end.
    pub slot: u64,
    /// The connection's number, as in `wharf ss`; `None` before it was open.
    pub connection: Option<u64>,
    /// The number of its lease, or of the last one; `None` before the first.
    pub lease: Option<u64>,
    /// What happened.
    pub step: &'static str,
    /// Why, or how; empty where there is nothing to say.
    pub cause: &'static str,
}

/// Which transitions are asked for. With nothing set: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceFilter {
    /// Of the connection with this number.
    pub connection: Option<u64>,
    /// Of the lease with this number.
    pub lease: Option<u64>,
    /// No more than so many, the last ones.
    pub last: Option<usize>,
}
