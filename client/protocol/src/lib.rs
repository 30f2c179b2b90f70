//! The messages of Wharf's lease socket and their codec; no I/O.
//!
//! A client and wharfd talk over one `SOCK_STREAM` Unix socket (`/run/wharf/lease.sock`) that
//! carries one lease at a time. Every frame is `u32 length | u8 kind | u8 flags | u16 lease`,
//! little-endian, and a payload. `PROTOCOL.md` beside this crate describes the wire in full, for
//! those who write it in another language; this crate is its reference.
//!
//! - [`ClientMessage`] is what a client says, [`DaemonMessage`] what wharfd answers; both borrow
//!   from the buffer they were read from.
//! - [`decode_client`], [`decode_daemon`] read one frame from the front of a buffer, or say that
//!   more bytes are needed. No input makes them panic, and no frame is longer than [`FRAME_MAX`].
//! - [`encode_client`], [`encode_daemon`] append one frame to a `Vec<u8>`. The bytes of a `DATA`
//!   need not be copied: [`client_data_header`] and [`daemon_data_header`] give its header alone.
//!
//! What this crate is not: it keeps no state. Which message may come when is the session's
//! business (`wharf-client` for the client, wharfd's session for the daemon).
//!
//! ```
//! use wharf_protocol::{ClientMessage, Frame, decode_client, encode_client};
//!
//! let mut bytes = Vec::new();
//! let ping = Frame { lease: 0, message: ClientMessage::Ping(7) };
//! encode_client(&ping, &mut bytes)?;
//! assert_eq!(decode_client(&bytes[..5]), Ok(None));
//! assert_eq!(decode_client(&bytes), Ok(Some((ping, bytes.len()))));
//! # Ok::<(), wharf_protocol::EncodeError>(())
//! ```
#![forbid(unsafe_code)]

mod codec;
mod error;
mod frame;
mod message;
mod token;
mod vocabulary;

pub use codec::{
    client_data_header, daemon_data_header, decode_client, decode_daemon, encode_client,
    encode_daemon,
};
pub use error::{DecodeError, EncodeError};
pub use frame::{
    CAUSE_MAX, CONTROL_MAX, CRITICAL, DATA_MAX, EARLY_DATA_MAX, FRAME_MAX, HEADER_LEN,
    HELLO_TIMEOUT, Header, MAJOR, MINOR, NAME_MAX, TEXT_MAX, feature, first_lease, kind,
    next_lease,
};
pub use message::{
    ClientMessage, DaemonMessage, Frame, GoAway, Hello, Info, LeaseRequest, Leased, Limits,
    Refused, Release, Released, Reset, Target, Welcome,
};
pub use token::{ErrorToken, Retry};
pub use vocabulary::{Class, Disposition, Outcome, Source, Verdict};
