//! The blocking client: leases that are [`Read`] and [`Write`].

mod descriptor;
#[cfg(test)]
mod tests;
mod wire;

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

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
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::connect_with(path, Options::default())
    }

    /// Connects to the daemon at the socket that `WHARF_SOCKET` names, or else at
    /// [`DEFAULT_SOCKET`](crate::DEFAULT_SOCKET).
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn from_env() -> Result<Self, Error> {
        Self::connect(socket_from_env())
    }

    /// Connects to the daemon at `path`, with options.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_with(path: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        let client = Self::lazy(path, options);
        let mut wire = Wire::connect(&client.shelf)?;
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
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if the daemon says no; other kinds if
    /// there is no daemon to ask, or it does not answer.
    pub fn lease(&self, request: &LeaseRequest<'_>) -> Result<Lease, Error> {
        self.lease_with(request, &[])
    }

    /// Leases a connection and writes `first` to it, in one go: the lease then costs no round
    /// trip to the daemon of its own.
    ///
    /// # Errors
    ///
    /// As [`lease`](Self::lease), and as writing.
    pub fn lease_with(&self, request: &LeaseRequest<'_>, first: &[u8]) -> Result<Lease, Error> {
        self.shelf.check_process()?;
        let wire = self.shelf.take().map_or_else(|| Wire::connect(&self.shelf), Ok)?;
        let mut held = Held::new(wire, Arc::clone(&self.shelf));
        let wire = held.carrier()?;
        wire.session.begin(request)?;
        let early = wire.session.write_early(first);
        let timeout = self.shelf.options.grant_timeout(request.deadline);
        let leased = wire.converse(timeout, Session::granted)?;
        let descriptor = wire.session.take_descriptor();
        let mut lease = Lease { held, leased, keep_alive: None, descriptor };
        lease.write_rest(first.get(early..).unwrap_or_default())?;
        Ok(lease)
    }
}

/// A leased connection.
///
/// Reading ends (`Ok(0)`) where the peer has ended its side. Dropped, the lease discards the
/// connection; [`release`](Self::release) gives it back for others.
#[derive(Debug)]
#[must_use = "a lease that is dropped discards its connection"]
pub struct Lease {
    held: Held<Wire>,
    leased: Leased,
    keep_alive: Option<Duration>,
    /// Where the bytes run, if not over the session. Closed after the session was told the end.
    descriptor: Option<OwnedFd>,
}

impl Lease {
    /// What the daemon said of the connection when it granted it.
    #[must_use]
    pub fn leased(&self) -> &Leased {
        &self.leased
    }

    /// Says that no more bytes are written: half-close. Reading goes on.
    ///
    /// # Errors
    ///
    /// As writing.
    pub fn finish(&mut self) -> Result<(), Error> {
        let silence = self.held.shelf.options.silence;
        let wire = self.held.carrier()?;
        if let Some(descriptor) = &self.descriptor {
            return descriptor::finish(descriptor, wire);
        }
        wire.session.finish()?;
        wire.flush(silence)
    }

    /// The socket on which the bytes run, of a lease that was asked for with
    /// [`LeaseRequest::fd`]. It is non-blocking until somebody sets that; the lease does with both.
    ///
    /// Other code may use it, or a copy of it, as it would a connection to the peer. Bytes that
    /// did not go through the lease are not counted by it: release with
    /// [`release_counted`](Self::release_counted). Three things are not as with a connection. Its
    /// end may be a failure: a read of 0 means the peer's end only if then reading through the
    /// lease gives 0 too, rather than an error. Closing a copy ends nothing while the lease lives:
    /// [`finish`](Self::finish) does. And once the lease is over nobody is at the other end,
    /// whoever keeps a copy.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().map(OwnedFd::as_fd)
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
    pub fn info(&mut self) -> Result<Info<'static>, Error> {
        let wire = self.held.carrier()?;
        wire.session.ask_figures()?;
        wire.converse(Some(REPLY_TIMEOUT), Session::figures)
    }

    /// Gives the connection back: the exchange is over to the byte, another lease may follow.
    /// Waits until the daemon has said what became of it.
    ///
    /// # Errors
    ///
    /// If the daemon does not answer. A connection that cannot be kept is no error, but
    /// [`Released::Closed`].
    pub fn release(mut self) -> Result<Released, Error> {
        let keep_alive = self.keep_alive;
        let wire = self.held.carrier()?;
        wire.session.release(keep_alive);
        wire.converse(Some(REPLY_TIMEOUT), Session::released)
    }

    /// As [`release`](Self::release), with the counts of those who used the
    /// [`descriptor`](Self::descriptor): bytes read from it and bytes written to it, in all since
    /// the lease began.
    ///
    /// The connection is kept only if these are the daemon's counts too and nothing is left unread
    /// in the socket. Who does not know them drops the lease.
    ///
    /// # Errors
    ///
    /// As [`release`](Self::release).
    pub fn release_counted(mut self, consumed: u64, written: u64) -> Result<Released, Error> {
        self.held.carrier()?.session.recount(consumed, written);
        self.release()
    }

    /// As [`release`](Self::release), without waiting for what became of it.
    ///
    /// # Errors
    ///
    /// If the daemon is gone.
    pub fn give_back(mut self) -> Result<(), Error> {
        let (keep_alive, silence) = (self.keep_alive, self.held.shelf.options.silence);
        let wire = self.held.carrier()?;
        wire.session.release(keep_alive);
        wire.flush(silence)
    }
}

impl Lease {
    fn write_some(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let silence = self.held.shelf.options.silence;
        let wire = self.held.carrier()?;
        match &self.descriptor {
            Some(descriptor) => descriptor::write(descriptor, wire, bytes, silence),
            None => wire.write(bytes, silence),
        }
    }

    fn write_rest(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let count = self.write_some(bytes)?;
            bytes = bytes.get(count..).unwrap_or_default();
        }
        Ok(())
    }
}

impl Read for Lease {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let silence = self.held.shelf.options.silence;
        let wire = self.held.carrier()?;
        let read = match &self.descriptor {
            Some(descriptor) => descriptor::read(descriptor, wire, out, silence),
            None => wire.read(out, silence),
        };
        Ok(read?)
    }
}

impl Write for Lease {
    /// Writes one frame: up to 64 KiB, without copying them.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.write_some(bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        let silence = self.held.shelf.options.silence;
        Ok(self.held.carrier()?.flush(silence)?)
    }
}
