//! Sessions that are kept, and the guard that gives one back whatever happens.
//!
//! Both clients, blocking and asynchronous, are built on this; they differ in their
//! [`Carrier`] alone. The invariant: a session on the shelf is healthy, has no lease of its own,
//! and everything it had to say was written.

use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags, send};

use crate::error::Error;
use crate::options::Options;
use crate::receive::receive;
use crate::session::Session;

/// A write of this size is worth a system call more.
const BULK_BYTES: usize = 32 * 1024;

/// A session and the socket that carries it.
pub(crate) trait Carrier {
    /// The session, and its socket.
    fn parts(&mut self) -> (&mut Session, BorrowedFd<'_>);

    /// The session.
    fn session(&mut self) -> &mut Session {
        self.parts().0
    }

    /// Writes what the session has to say, without waiting. Whether everything went.
    fn send_now(&mut self) -> bool {
        let (session, socket) = self.parts();
        while !session.unsent().is_empty() {
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match retry_on_intr(|| send(socket, session.unsent(), flags)) {
                Ok(written) => session.sent(written),
                Err(_) => return false,
            }
        }
        true
    }

    /// Says `HELLO` on a socket that was just connected.
    fn greet(&mut self) -> Result<(), Error> {
        self.session().greet()?;
        if self.send_now() { Ok(()) } else { Err(self.hear_out()) }
    }

    /// Takes in what the daemon has said, without waiting. Whether the session is still good.
    fn hear_now(&mut self) -> bool {
        let (session, socket) = self.parts();
        while session.has_room() {
            match receive(socket, session, RecvFlags::DONTWAIT) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(Errno::AGAIN) => return session.listen().is_ok(),
                Err(_) => return false,
            }
            if session.listen().is_err() {
                return false;
            }
        }
        true
    }

    /// Looks at what has come before many bytes are written, so that a long upload to a
    /// connection that was reset ends soon.
    fn look_before_writing(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.len() >= BULK_BYTES && !self.hear_now() {
            return Err(self.hear_out());
        }
        Ok(())
    }

    /// The daemon takes no more: what it said last tells why, if it said anything.
    fn hear_out(&mut self) -> Error {
        self.session().sends_no_more();
        self.hear_now();
        self.session().lost(None)
    }
}

/// Where a client's sessions stay between leases.
#[derive(Debug)]
pub(crate) struct Shelf<C> {
    pub(crate) path: PathBuf,
    pub(crate) options: Options,
    /// The process that connected. Its sessions are no use to another: see [`Shelf::check_process`].
    process: u32,
    kept: Mutex<Vec<C>>,
}

impl<C: Carrier> Shelf<C> {
    pub(crate) fn new(path: PathBuf, options: Options) -> Self {
        Self { path, options, process: std::process::id(), kept: Mutex::new(Vec::new()) }
    }

    /// Fails in a process that forked off the one that connected.
    ///
    /// Two processes on one session would mix their frames, and the daemon would charge one for
    /// what the other does.
    pub(crate) fn check_process(&self) -> Result<(), Error> {
        if self.is_ours() { Ok(()) } else { Err(Error::forked()) }
    }

    fn is_ours(&self) -> bool {
        std::process::id() == self.process
    }

    /// The session that was used last and is still good, if any.
    pub(crate) fn take(&self) -> Option<C> {
        loop {
            let mut carrier = self.lock().pop()?;
            if carrier.hear_now() && carrier.session().is_reusable() {
                return Some(carrier);
            }
        }
    }

    /// Keeps a session for later, if there is room.
    pub(crate) fn put(&self, carrier: C) {
        let mut kept = self.lock();
        if kept.len() < self.options.sessions_kept {
            kept.push(carrier);
        }
    }

    /// The list is whole whenever the lock is free, even after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, Vec<C>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the shelf look as it does to a process that forked off.
    #[cfg(test)]
    pub(crate) fn pretend_fork(&mut self) {
        self.process = self.process.wrapping_add(1);
    }
}

/// A session in use. Dropped, it gives up whatever lease it has and goes back to its shelf.
#[derive(Debug)]
pub(crate) struct Held<C: Carrier> {
    carrier: Option<C>,
    pub(crate) shelf: Arc<Shelf<C>>,
}

impl<C: Carrier> Held<C> {
    pub(crate) fn new(carrier: C, shelf: Arc<Shelf<C>>) -> Self {
        Self { carrier: Some(carrier), shelf }
    }

    /// The session's socket, unless the process forked.
    pub(crate) fn carrier(&mut self) -> Result<&mut C, Error> {
        self.shelf.check_process()?;
        Ok(self.carrier.as_mut().expect("only drop takes it out"))
    }
}

impl<C: Carrier> Drop for Held<C> {
    /// A forked child only closes its copy of the descriptor: the session is its parent's. What
    /// cannot be said without waiting is said by closing the socket, which gives everything back.
    fn drop(&mut self) {
        let Some(mut carrier) = self.carrier.take() else {
            return;
        };
        if !self.shelf.is_ours() {
            return;
        }
        carrier.session().give_up();
        if carrier.send_now() && carrier.session().is_reusable() {
            self.shelf.put(carrier);
        }
    }
}
