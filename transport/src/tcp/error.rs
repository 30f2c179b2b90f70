//! What reading and writing answer.

use super::event::CloseReason;

/// Why bytes are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// This side has already finished: write before, or open another connection.
    #[error("this side has already finished")]
    Finished,
    /// The connection is closed: look at the reason.
    #[error("the connection is closed: {0}")]
    Closed(CloseReason),
}

/// Why there will be no more bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The connection is closed, and not by the peer's FIN: look at the reason.
    #[error("the connection is closed: {0}")]
    Closed(CloseReason),
}

/// What a read has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes were copied.
    Bytes(usize),
    /// Nothing now; `Readable` or `PeerClosed` will tell.
    Empty,
    /// The peer has finished and all it sent has been read.
    Eof,
}
