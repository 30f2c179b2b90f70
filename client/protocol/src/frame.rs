//! The frame around every message: its header, its kinds, its limits.

use std::time::Duration;

use crate::error::DecodeError;

/// The version of the protocol that is spoken here. Another major is another protocol.
pub const MAJOR: u16 = 1;

/// The newest minor that is spoken here; a minor only adds.
pub const MINOR: u16 = 0;

/// Bytes of a frame's header.
pub const HEADER_LEN: usize = 8;

/// Payload bytes of the longest `DATA`.
pub const DATA_MAX: usize = 64 * 1024;

/// Payload bytes of the longest frame of any other kind, known or not.
pub const CONTROL_MAX: usize = 4 * 1024;

/// Bytes of the longest frame: what a reader has to be able to hold, and no more.
pub const FRAME_MAX: usize = HEADER_LEN + DATA_MAX;

/// `DATA` bytes of a lease that a client may send before it has read `LEASED`.
///
/// The daemon reads this much without a connection to put it on, so a `CANCEL` behind it is
/// always seen; more is `protocol_violation`.
pub const EARLY_DATA_MAX: usize = 16 * 1024;

/// Time within which a session has to say `HELLO`.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(1);

/// Bytes of the longest name in `HELLO`.
pub const NAME_MAX: usize = 64;

/// Bytes of the longest route, scheme, host or tag: what DNS allows a name.
pub const TEXT_MAX: usize = 255;

/// Bytes of the longest cause; a longer one is cut by the encoder.
pub const CAUSE_MAX: usize = 512;

/// Flag of a frame: who does not know its kind must end the session instead of skipping it.
pub const CRITICAL: u8 = 0x01;

/// What may be agreed on beyond the minor: bits of `features` in `HELLO` and `WELCOME`.
pub mod feature {
    /// A lease may have its data on a descriptor of its own: the flag `fd` of `LEASE`.
    pub const FD: u64 = 0x01;
}

/// The kinds of frames. The highest bit is set in those that the daemon sends.
pub mod kind {
    /// Client: opens the session.
    pub const HELLO: u8 = 0x01;
    /// Client: asks for a connection.
    pub const LEASE: u8 = 0x02;
    /// Client: bytes for the peer.
    pub const DATA: u8 = 0x03;
    /// Client: no more bytes for the peer; half-close.
    pub const FIN: u8 = 0x04;
    /// Client: ends a lease before `LEASED` was read.
    pub const CANCEL: u8 = 0x05;
    /// Client: ends a lease.
    pub const RELEASE: u8 = 0x06;
    /// Client: asks for the connection's figures.
    pub const INFO: u8 = 0x07;
    /// Client: asks for a sign of life.
    pub const PING: u8 = 0x08;

    /// Daemon: answers `HELLO`.
    pub const WELCOME: u8 = 0x81;
    /// Daemon: the lease is granted.
    pub const LEASED: u8 = 0x82;
    /// Daemon: the lease is refused; on lease 0 the session is.
    pub const REFUSED: u8 = 0x83;
    /// Daemon: bytes of the peer.
    pub const PEER_DATA: u8 = 0x84;
    /// Daemon: the peer sends no more bytes.
    pub const EOF: u8 = 0x85;
    /// Daemon: the connection is gone; the lease is not ended by it.
    pub const RESET: u8 = 0x86;
    /// Daemon: the lease is taken back.
    pub const RELEASED: u8 = 0x87;
    /// Daemon: no lease after the named one is served.
    pub const GOAWAY: u8 = 0x88;
    /// Daemon: the connection's figures.
    pub const FIGURES: u8 = 0x89;
    /// Daemon: answers `PING`.
    pub const PONG: u8 = 0x8a;
}

/// The number of a session's first lease.
#[must_use]
pub const fn first_lease() -> u16 {
    1
}

/// The number of the lease that follows `lease`: one more, and 1 again after 65535.
///
/// 0 is never a lease's number: it marks frames of the session itself.
#[must_use]
pub const fn next_lease(lease: u16) -> u16 {
    match lease.checked_add(1) {
        Some(next) => next,
        None => first_lease(),
    }
}

/// A frame's first eight bytes.
///
/// Readers that put the bytes of a `DATA` straight where they belong parse the header alone;
/// others have [`decode_client`](crate::decode_client) and
/// [`decode_daemon`](crate::decode_daemon).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Payload bytes behind the header; within the limit of its kind.
    pub length: usize,
    /// What the payload is; see [`kind`].
    pub kind: u8,
    /// [`CRITICAL`], or nothing. Other bits are sent as 0 and not looked at.
    pub flags: u8,
    /// The lease that the frame belongs to; 0 is the session itself.
    pub lease: u16,
}

impl Header {
    /// Reads the header at the front of `bytes`, or `None` if it is not there in full.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Oversize`] if the payload is longer than its kind may be.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, DecodeError> {
        let Some(&[l0, l1, l2, l3, kind, flags, n0, n1]) = bytes.first_chunk::<HEADER_LEN>() else {
            return Ok(None);
        };
        let stated = u32::from_le_bytes([l0, l1, l2, l3]);
        let limit = payload_max(kind);
        match usize::try_from(stated) {
            Ok(length) if length <= limit => {
                let lease = u16::from_le_bytes([n0, n1]);
                Ok(Some(Self { length, kind, flags, lease }))
            }
            Ok(_) | Err(_) => Err(DecodeError::Oversize { kind, length: stated, limit }),
        }
    }

    /// The header as it stands on the wire.
    ///
    /// # Panics
    ///
    /// If `length` is beyond the limit of its kind: what we build ourselves is within it.
    #[must_use]
    pub fn emit(&self) -> [u8; HEADER_LEN] {
        assert!(self.length <= payload_max(self.kind), "a frame stays within its limit");
        let length = u32::try_from(self.length).expect("a limit is far below 4 GiB");
        let [l0, l1, l2, l3] = length.to_le_bytes();
        let [n0, n1] = self.lease.to_le_bytes();
        [l0, l1, l2, l3, self.kind, self.flags, n0, n1]
    }

    /// Whether a receiver that does not know the kind must end the session.
    #[must_use]
    pub const fn is_critical(&self) -> bool {
        self.flags & CRITICAL != 0
    }
}

/// Payload bytes that a frame of this kind may have.
const fn payload_max(kind: u8) -> usize {
    match kind {
        kind::DATA | kind::PEER_DATA => DATA_MAX,
        _ => CONTROL_MAX,
    }
}
