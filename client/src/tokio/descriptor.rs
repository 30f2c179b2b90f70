//! Reading and writing a lease whose bytes run on a descriptor of their own: the blocking ones, as
//! polls.

use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

use super::wire::Wire;
use crate::error::{Error, ErrorKind};
use crate::session::Session;

/// The descriptor as tokio knows it.
pub(super) fn register(descriptor: OwnedFd) -> Result<UnixStream, Error> {
    let stream = std::os::unix::net::UnixStream::from(descriptor);
    let registered = stream.set_nonblocking(true).and_then(|()| UnixStream::from_std(stream));
    registered.map_err(|error| Error::io(ErrorKind::Lost, error))
}

/// Reads answer bytes; none only where the peer has ended its side.
pub(super) fn poll_read(
    stream: &mut UnixStream,
    wire: &mut Wire,
    context: &mut Context<'_>,
    out: &mut ReadBuf<'_>,
) -> Poll<Result<(), Error>> {
    if out.remaining() == 0 {
        return Poll::Ready(Ok(()));
    }
    let before = out.filled().len();
    let read = ready!(Pin::new(stream).poll_read(context, out));
    let count = out.filled().len() - before;
    if read.is_ok() && count > 0 {
        wire.session.took_by_descriptor(count);
        return Poll::Ready(Ok(()));
    }
    wire.poll_ask(context, Session::ended)
}

/// Writes what the descriptor takes at once, at least one byte.
pub(super) fn poll_write(
    stream: &mut UnixStream,
    wire: &mut Wire,
    context: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<Result<usize, Error>> {
    let count = wire.session.data_room(bytes.len())?;
    let (bytes, _) = bytes.split_at(count);
    if bytes.is_empty() {
        return Poll::Ready(Ok(0));
    }
    match ready!(Pin::new(stream).poll_write(context, bytes)) {
        Ok(written) => {
            wire.session.wrote_by_descriptor(written);
            Poll::Ready(Ok(written))
        }
        // Nobody takes it: the session says why.
        Err(_) => {
            let answer = ready!(wire.poll_ask(context, Session::failed));
            Poll::Ready(answer.map(|never| match never {}))
        }
    }
}

/// Half-closes.
pub(super) fn poll_finish(
    stream: &mut UnixStream,
    wire: &mut Wire,
    context: &mut Context<'_>,
) -> Poll<Result<(), Error>> {
    wire.session.finish()?;
    let shut = ready!(Pin::new(stream).poll_shutdown(context));
    Poll::Ready(shut.map_err(|error| Error::io(ErrorKind::Lost, error)))
}
