//! Leases warm upstream connections from wharfd.
//!
//! A [`blocking::Client`] speaks to the daemon of its host over a Unix socket. It leases a
//! connection that is already open, and gets back something to read from and write to; when the
//! exchange is over it releases the connection, and the next lease, of this process or another,
//! finds it open. With the feature `tokio` there is an asynchronous twin, `tokio::Client`.
//!
//! ```no_run
//! use std::io::{Read, Write};
//! use wharf_client::{LeaseRequest, Target, blocking::Client};
//!
//! let client = Client::from_env()?;
//! let mut lease = client.lease(&LeaseRequest::new(Target::Route("web")))?;
//! lease.write_all(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")?;
//! let mut answer = [0; 4096];
//! let read = lease.read(&mut answer)?; // and on, to the last byte of the answer
//! println!("{} bytes; the connection is {}", read, lease.release()?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What to know:
//!
//! - **Release means to the byte.** [`release`](blocking::Lease::release) promises that the
//!   answer was read to its end and nothing more is to come. Who is not sure drops the lease:
//!   that discards the connection.
//! - **Connect after `fork` and after `setuid`.** The daemon knows a client by the credentials
//!   that the kernel froze at connect. After a fork the child's copies of a client and its
//!   leases refuse to work; it connects for itself.
//! - **Errors say whether to try again**: [`Error::retry`]; only some make it safe to repeat
//!   what must not happen twice.
//! - **Short-lived programs** take [`Client::lazy`](blocking::Client::lazy) and
//!   [`lease_with`](blocking::Client::lease_with): one write then says everything.
//! - **Other code can have the descriptor.** With [`LeaseRequest::fd`] the bytes run on a socket
//!   of their own: [`descriptor`](blocking::Lease::descriptor) lends it to a library or a child
//!   that knows nothing of leases, and
//!   [`release_counted`](blocking::Lease::release_counted) says how many bytes it has used.
//! - A client is cheap to clone and to share among threads. It opens as many sessions as there
//!   are leases at a time, and keeps some of them for later.
//!
//! What this crate is not: it knows nothing of HTTP or any other protocol on the connection.
//! The wire is described in `client/protocol/PROTOCOL.md`.
#![forbid(unsafe_code)]

pub mod blocking;
mod error;
mod held;
mod lease;
mod options;
mod receive;
mod session;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use error::{Error, ErrorKind};
pub use lease::Released;
pub use options::{DEFAULT_SOCKET, Options, SOCKET_VARIABLE};
pub use wharf_protocol::{
    Class, ErrorToken, Info, LeaseRequest, Leased, Retry, Source, Target, Verdict,
};
