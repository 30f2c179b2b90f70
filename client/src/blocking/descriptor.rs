//! Reading and writing a lease whose bytes run on a descriptor of their own.
//!
//! The descriptor is never waited for by its own mode: other code may share it and set that as it
//! likes. What its end means is asked on the session (PROTOCOL.md, "Data on a descriptor").

use std::convert::Infallible;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};

use super::wire::Wire;
use crate::error::{Error, ErrorKind};
use crate::options::REPLY_TIMEOUT;
use crate::session::Session;

/// Reads answer bytes; 0 only where the peer has ended its side.
pub(super) fn read(
    descriptor: &OwnedFd,
    wire: &mut Wire,
    out: &mut [u8],
    timeout: Option<Duration>,
) -> Result<usize, Error> {
    if out.is_empty() {
        return Ok(0);
    }
    loop {
        match retry_on_intr(|| recv(descriptor, &mut *out, RecvFlags::DONTWAIT)) {
            Ok((0, _)) => break,
            Ok((count, _)) => {
                wire.session.took_by_descriptor(count);
                return Ok(count);
            }
            Err(Errno::AGAIN) => wait(descriptor, wire, PollFlags::IN, timeout)?,
            Err(_) => break,
        }
    }
    wire.converse(Some(REPLY_TIMEOUT), Session::ended)?;
    Ok(0)
}

/// Writes what the descriptor takes at once, at least one byte.
pub(super) fn write(
    descriptor: &OwnedFd,
    wire: &mut Wire,
    bytes: &[u8],
    timeout: Option<Duration>,
) -> Result<usize, Error> {
    let count = wire.session.data_room(bytes.len())?;
    let (bytes, _) = bytes.split_at(count);
    if bytes.is_empty() {
        return Ok(0);
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    loop {
        match retry_on_intr(|| send(descriptor, bytes, flags)) {
            Ok(written) => {
                wire.session.wrote_by_descriptor(written);
                return Ok(written);
            }
            Err(Errno::AGAIN) => wait(descriptor, wire, PollFlags::OUT, timeout)?,
            Err(_) => return Err(failure(wire)),
        }
    }
}

/// Half-closes.
pub(super) fn finish(descriptor: &OwnedFd, wire: &mut Wire) -> Result<(), Error> {
    wire.session.finish()?;
    shutdown(descriptor, Shutdown::Write).map_err(|errno| Error::io(ErrorKind::Lost, errno.into()))
}

/// Nobody takes what is written: the session says why.
fn failure(wire: &mut Wire) -> Error {
    let answer: Result<Infallible, Error> = wire.converse(Some(REPLY_TIMEOUT), Session::failed);
    match answer {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

fn wait(
    descriptor: &OwnedFd,
    wire: &Wire,
    what: PollFlags,
    timeout: Option<Duration>,
) -> Result<(), Error> {
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    let mut fds = [PollFd::new(descriptor, what)];
    match retry_on_intr(|| poll(&mut fds, timeout.as_ref())) {
        Ok(0) => Err(wire.session.silence()),
        Ok(_) => Ok(()),
        Err(errno) => Err(Error::io(ErrorKind::Lost, errno.into())),
    }
}
