//! A session on a blocking socket: the loops that write, read and wait for it.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::io::{Errno, retry_on_intr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendFlags, SocketAddrUnix, SocketFlags,
    SocketType, recv, send, sendmsg, socket_with,
};

use crate::error::{Error, ErrorKind};
use crate::held::{Carrier, Shelf};
use crate::options::REPLY_TIMEOUT;
use crate::receive::receive;
use crate::session::{ReadStep, Session};

/// A session and its socket.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) session: Session,
    socket: OwnedFd,
    /// The timeouts that the socket has, so that they are set only when they change.
    receive_timeout: Option<Duration>,
    send_timeout: Option<Duration>,
}

/// How a system call on the socket ended.
enum Io {
    /// It moved this many bytes.
    Moved(usize),
    /// The socket is at its end or failed.
    Ended(Option<io::Error>),
    /// The timeout passed.
    TimedOut,
}

impl Carrier for Wire {
    fn parts(&mut self) -> (&mut Session, BorrowedFd<'_>) {
        (&mut self.session, self.socket.as_fd())
    }
}

impl Wire {
    /// Opens a session at the shelf's path.
    pub(super) fn connect(shelf: &Shelf<Self>) -> Result<Self, Error> {
        let socket = connect(&shelf.path).map_err(|error| {
            let error = io::Error::from(error);
            let cause = format!("{}: {error}", shelf.path.display());
            Error::io(ErrorKind::Unreachable, io::Error::new(error.kind(), cause))
        })?;
        let session = Session::new(&shelf.options.name);
        // What `connect` has set for itself is the send timeout from here on.
        Ok(Self { session, socket, receive_timeout: None, send_timeout: Some(REPLY_TIMEOUT) })
    }

    /// Writes what there is to say and asks `question` until it has an answer; a daemon that says
    /// nothing for `timeout` ends the session.
    pub(super) fn converse<T>(
        &mut self,
        timeout: Option<Duration>,
        mut question: impl FnMut(&mut Session) -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        self.flush(timeout)?;
        loop {
            if let Some(answer) = question(&mut self.session)? {
                return Ok(answer);
            }
            if !self.fill(timeout)? {
                return Err(self.session.fell_silent());
            }
        }
    }

    /// Reads answer bytes, straight into `out` where that saves a copy.
    pub(super) fn read(
        &mut self,
        out: &mut [u8],
        timeout: Option<Duration>,
    ) -> Result<usize, Error> {
        self.flush(timeout)?;
        loop {
            match self.session.read(out)? {
                ReadStep::Taken(count) => return Ok(count),
                ReadStep::Direct(limit) => {
                    self.set_receive_timeout(timeout);
                    let (direct, _) = out.split_at_mut(limit);
                    let read =
                        retry_on_intr(|| recv(&self.socket, &mut *direct, RecvFlags::empty()));
                    match received(read.map(|(count, _)| count)) {
                        Io::Moved(count) => {
                            self.session.took(count);
                            return Ok(count);
                        }
                        Io::Ended(cause) => return Err(self.session.lost(cause)),
                        Io::TimedOut => return Err(self.session.silence()),
                    }
                }
                ReadStep::Fill => {
                    if !self.fill(timeout)? {
                        return Err(self.session.silence());
                    }
                }
            }
        }
    }

    /// Writes one `DATA`: header and bytes from where they are.
    pub(super) fn write(
        &mut self,
        bytes: &[u8],
        timeout: Option<Duration>,
    ) -> Result<usize, Error> {
        self.flush(timeout)?;
        self.look_before_writing(bytes)?;
        let count = self.session.data_room(bytes.len())?;
        let (bytes, _) = bytes.split_at(count);
        if bytes.is_empty() {
            return Ok(0);
        }
        let header = self.session.data_header(count);
        self.set_send_timeout(timeout);
        match self.send_slices(&[IoSlice::new(&header), IoSlice::new(bytes)]) {
            Io::Moved(written) => self.session.wrote(&header, bytes, written),
            Io::TimedOut => return Err(self.session.silence()),
            Io::Ended(_) => return Err(self.hear_out()),
        }
        // What the socket did not take at once goes before anything else that is said.
        Ok(count)
    }

    /// Writes what is left to say.
    pub(super) fn flush(&mut self, timeout: Option<Duration>) -> Result<(), Error> {
        while !self.session.unsent().is_empty() {
            self.set_send_timeout(timeout);
            let unsent = self.session.unsent();
            match sent(retry_on_intr(|| send(&self.socket, unsent, SendFlags::NOSIGNAL))) {
                Io::Moved(count) => self.session.sent(count),
                Io::TimedOut => return Err(self.session.silence()),
                Io::Ended(_) => return Err(self.hear_out()),
            }
        }
        Ok(())
    }

    /// Takes in what comes next; `false` if nothing does in time.
    fn fill(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        self.set_receive_timeout(timeout);
        match received(receive(self.socket.as_fd(), &mut self.session, RecvFlags::empty())) {
            Io::Moved(_) => Ok(true),
            Io::Ended(cause) => Err(self.session.lost(cause)),
            Io::TimedOut => Ok(false),
        }
    }

    fn send_slices(&self, slices: &[IoSlice<'_>]) -> Io {
        let mut nothing = SendAncillaryBuffer::default();
        sent(retry_on_intr(|| sendmsg(&self.socket, slices, &mut nothing, SendFlags::NOSIGNAL)))
    }

    fn set_receive_timeout(&mut self, timeout: Option<Duration>) {
        if self.receive_timeout != timeout {
            set_timeout(&self.socket, Timeout::Recv, timeout);
            self.receive_timeout = timeout;
        }
    }

    fn set_send_timeout(&mut self, timeout: Option<Duration>) {
        if self.send_timeout != timeout {
            set_timeout(&self.socket, Timeout::Send, timeout);
            self.send_timeout = timeout;
        }
    }
}

/// A connected socket that a child does not inherit. Connecting waits while the daemon's backlog
/// is full, but not for ever.
fn connect(path: &Path) -> Result<OwnedFd, Errno> {
    let address = SocketAddrUnix::new(path)?;
    let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    set_timeout(&socket, Timeout::Send, Some(REPLY_TIMEOUT));
    rustix::net::connect(&socket, &address)?;
    Ok(socket)
}

/// A timeout of zero would be none, so it is a short one. Setting one on a socket of ours does
/// not fail.
fn set_timeout(socket: &OwnedFd, which: Timeout, timeout: Option<Duration>) {
    let timeout = timeout.map(|timeout| timeout.max(Duration::from_millis(1)));
    let set = set_socket_timeout(socket, which, timeout);
    debug_assert!(set.is_ok(), "a timeout can be set on any socket");
}

fn received(result: Result<usize, Errno>) -> Io {
    match result {
        Ok(0) => Io::Ended(None),
        Ok(count) => Io::Moved(count),
        Err(errno) => failed(errno),
    }
}

fn sent(result: Result<usize, Errno>) -> Io {
    result.map_or_else(failed, Io::Moved)
}

fn failed(errno: Errno) -> Io {
    match errno {
        Errno::AGAIN => Io::TimedOut,
        errno => Io::Ended(Some(errno.into())),
    }
}
