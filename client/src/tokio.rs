//! The asynchronous client, for programs that run tokio: leases that are [`AsyncRead`] and
//! [`AsyncWrite`].
//!
//! It is the twin of [`blocking`](crate::blocking): the same sessions, rules and errors. A
//! client belongs to the runtime that its sessions were opened in.

mod descriptor;
mod wire;

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::UnixStream;
use wharf_protocol::{Info, LeaseRequest, Leased};

use self::wire::Wire;
use crate::error::Error;
use crate::held::{Carrier, Held, Shelf};
use crate::lease::Released;
use crate::options::{Options, REPLY_TIMEOUT, socket_from_env};
use crate::session::Session;

/// Leases connections from the daemon of this host.
///
/// Clones share their sessions.
#[derive(Clone, Debug)]
pub struct Client {
    shelf: Arc<Shelf<Wire>>,
}

impl Client {
    /// Connects to the daemon at `path`, and opens a first session there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unreachable`](crate::ErrorKind::Unreachable) if nobody listens there.
    pub async fn connect(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::connect_with(path, Options::default()).await
    }

    /// Connects to the daemon at the socket that `WHARF_SOCKET` names, or else at
    /// [`DEFAULT_SOCKET`](crate::DEFAULT_SOCKET).
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn from_env() -> Result<Self, Error> {
        Self::connect(socket_from_env()).await
    }

    /// Connects to the daemon at `path`, with options.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_with(path: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        let client = Self::lazy(path, options);
        let mut wire = Wire::connect(&client.shelf).await?;
        wire.greet()?;
        client.shelf.put(wire);
        Ok(client)
    }

    /// A client for the daemon at `path` that opens nothing until its first lease.
    ///
    /// That lease then costs one write for greeting, request and first bytes together: the way
    /// for short-lived programs.
    #[must_use]
    pub fn lazy(path: impl AsRef<Path>, options: Options) -> Self {
        Self { shelf: Arc::new(Shelf::new(path.as_ref().to_owned(), options)) }
    }

    /// Leases a connection, and waits for it.
    ///
    /// Dropping the future cancels; a grant that is already on its way is given back.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if the daemon says no; other kinds if
    /// there is no daemon to ask, or it does not answer.
    pub async fn lease(&self, request: &LeaseRequest<'_>) -> Result<Lease, Error> {
        self.lease_with(request, &[]).await
    }

    /// Leases a connection and writes `first` to it, in one go: the lease then costs no round
    /// trip to the daemon of its own.
    ///
    /// # Errors
    ///
    /// As [`lease`](Self::lease), and as writing.
    pub async fn lease_with(
        &self,
        request: &LeaseRequest<'_>,
        first: &[u8],
    ) -> Result<Lease, Error> {
        self.shelf.check_process()?;
        let wire = match self.shelf.take() {
            Some(wire) => wire,
            None => Wire::connect(&self.shelf).await?,
        };
        let mut held = Held::new(wire, Arc::clone(&self.shelf));
        let wire = held.carrier()?;
        wire.session.begin(request)?;
        let early = wire.session.write_early(first);
        let timeout = self.shelf.options.grant_timeout(request.deadline);
        let leased = wire.converse(timeout, Session::granted).await?;
        let descriptor = wire.session.take_descriptor().map(descriptor::register).transpose()?;
        let mut lease = Lease { held, leased, keep_alive: None, descriptor };
        lease.write_rest(first.get(early..).unwrap_or_default()).await?;
        Ok(lease)
    }
}

/// A leased connection.
///
/// Reading ends where the peer has ended its side; shutting down
/// ([`AsyncWriteExt::shutdown`]) says that no more bytes are written, and reading goes on.
/// Dropped, the lease discards the connection; [`release`](Self::release) gives it back for
/// others.
#[derive(Debug)]
#[must_use = "a lease that is dropped discards its connection"]
pub struct Lease {
    held: Held<Wire>,
    leased: Leased,
    keep_alive: Option<Duration>,
    /// Where the bytes run, if not over the session. Closed after the session was told the end.
    descriptor: Option<UnixStream>,
}

impl Lease {
    /// What the daemon said of the connection when it granted it.
    #[must_use]
    pub fn leased(&self) -> &Leased {
        &self.leased
    }

    /// Says that no more bytes are written: half-close, the same as shutting down.
    ///
    /// # Errors
    ///
    /// As writing.
    pub async fn finish(&mut self) -> Result<(), Error> {
        let wire = self.held.carrier()?;
        if let Some(stream) = &mut self.descriptor {
            return poll_fn(|context| descriptor::poll_finish(stream, wire, context)).await;
        }
        wire.session.finish()?;
        wire.flush().await
    }

    /// The socket on which the bytes run, of a lease that was asked for with
    /// [`LeaseRequest::fd`]. It is non-blocking and has to stay so while the lease itself is used.
    ///
    /// Other code may use a copy of it as it would a connection to the peer; what is said of
    /// [the blocking twin](crate::blocking::Lease::descriptor) holds here too.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().map(UnixStream::as_fd)
    }

    /// How long the server said that it keeps the idle connection (`Keep-Alive: timeout=`);
    /// told to the daemon at release.
    pub fn keep_alive(&mut self, timeout: Duration) {
        self.keep_alive = Some(timeout);
    }

    /// The connection's figures, as they are now.
    ///
    /// Answer bytes that come before them are set aside for reading, 1 MiB at most.
    ///
    /// # Errors
    ///
    /// If the daemon does not answer, or more is to be set aside.
    pub async fn info(&mut self) -> Result<Info<'static>, Error> {
        let wire = self.held.carrier()?;
        wire.session.ask_figures()?;
        wire.converse(Some(REPLY_TIMEOUT), Session::figures).await
    }

    /// Gives the connection back: the exchange is over to the byte, another lease may follow.
    /// Waits until the daemon has said what became of it; dropping the future only stops the
    /// waiting.
    ///
    /// # Errors
    ///
    /// If the daemon does not answer. A connection that cannot be kept is no error, but
    /// [`Released::Closed`].
    pub async fn release(mut self) -> Result<Released, Error> {
        let keep_alive = self.keep_alive;
        let wire = self.held.carrier()?;
        wire.session.release(keep_alive);
        wire.converse(Some(REPLY_TIMEOUT), Session::released).await
    }

    /// As [`release`](Self::release), with the counts of those who used the
    /// [`descriptor`](Self::descriptor): bytes read from it and bytes written to it, in all since
    /// the lease began.
    ///
    /// # Errors
    ///
    /// As [`release`](Self::release).
    pub async fn release_counted(mut self, consumed: u64, written: u64) -> Result<Released, Error> {
        self.held.carrier()?.session.recount(consumed, written);
        self.release().await
    }

    /// As [`release`](Self::release), without waiting for what became of it.
    ///
    /// # Errors
    ///
    /// If the daemon is gone.
    pub async fn give_back(mut self) -> Result<(), Error> {
        let keep_alive = self.keep_alive;
        let wire = self.held.carrier()?;
        wire.session.release(keep_alive);
        wire.flush().await
    }

    async fn write_rest(&mut self, rest: &[u8]) -> Result<(), Error> {
        self.write_all(rest).await.map_err(Error::out_of)
    }
}

impl AsyncRead for Lease {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let lease = self.get_mut();
        let wire = lease.held.carrier()?;
        let read = match &mut lease.descriptor {
            Some(stream) => descriptor::poll_read(stream, wire, context, out),
            None => wire.poll_read(context, out),
        };
        read.map_err(io::Error::from)
    }
}

impl AsyncWrite for Lease {
    /// Writes one frame: up to 64 KiB, without copying them.
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let lease = self.get_mut();
        let wire = lease.held.carrier()?;
        let written = match &mut lease.descriptor {
            Some(stream) => descriptor::poll_write(stream, wire, context, bytes),
            None => wire.poll_write(context, bytes),
        };
        written.map_err(io::Error::from)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut().held.carrier()?;
        wire.poll_flush(context).map_err(io::Error::from)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let lease = self.get_mut();
        let wire = lease.held.carrier()?;
        if let Some(stream) = &mut lease.descriptor {
            return descriptor::poll_finish(stream, wire, context).map_err(io::Error::from);
        }
        wire.session.finish()?;
        wire.poll_flush(context).map_err(io::Error::from)
    }
}
