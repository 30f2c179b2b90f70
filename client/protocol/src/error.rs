//! Why bytes are not a frame, or a message does not fit into one.

use thiserror::Error;

/// Why bytes are not a frame of this protocol.
///
/// Whoever reads one of these ends the session: frames behind it cannot be trusted. A daemon
/// says `REFUSED protocol_violation` on lease 0 first, with this text as the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The payload is longer than its kind may be.
    #[error("a frame of kind {kind:#04x} with {length} bytes exceeds the limit of {limit}")]
    Oversize {
        /// The frame's kind.
        kind: u8,
        /// Payload bytes as stated.
        length: u32,
        /// Payload bytes that the kind may have.
        limit: usize,
    },
    /// The kind is not known here and the sender demands that it is.
    #[error("frame kind {kind:#04x} is not known here and critical")]
    UnknownKind {
        /// The frame's kind.
        kind: u8,
    },
    /// A frame of the session carries a lease's number, or the other way round.
    #[error("a frame of kind {kind:#04x} cannot belong to lease {lease}")]
    WrongLease {
        /// The frame's kind.
        kind: u8,
        /// The lease's number as stated.
        lease: u16,
    },
    /// The payload ends inside a value.
    #[error("a frame of kind {kind:#04x} ends too early")]
    Truncated {
        /// The frame's kind.
        kind: u8,
    },
    /// A field is not known here and the sender demands that it is.
    #[error("field {tag} in a frame of kind {kind:#04x} is not known here and critical")]
    UnknownField {
        /// The frame's kind.
        kind: u8,
        /// The field's tag without the critical bit.
        tag: u16,
    },
    /// A field is longer or shorter than its value, or stands there twice.
    #[error("field {tag} in a frame of kind {kind:#04x} has a wrong length or stands twice")]
    BadField {
        /// The frame's kind.
        kind: u8,
        /// The field's tag without the critical bit.
        tag: u16,
    },
    /// A value is outside its range, is not clean UTF-8, or is missing.
    #[error("the {what} in a frame of kind {kind:#04x} is missing or not valid")]
    BadValue {
        /// The frame's kind.
        kind: u8,
        /// Which value.
        what: &'static str,
    },
}

/// Why a client's message does not fit into a frame; nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Shorten it, or split the data over several frames.
    #[error("the {what} has {length} bytes, more than {limit}")]
    TooLong {
        /// Which value.
        what: &'static str,
        /// Its bytes.
        length: usize,
        /// The most it may have.
        limit: usize,
    },
    /// Give it: it may neither be empty (a port: 0) nor hold control characters.
    #[error("the {what} is empty or holds control characters")]
    BadValue {
        /// Which value.
        what: &'static str,
    },
}
