//! A session on tokio's socket: the same loops as the blocking one's, as polls.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::error::{Error, ErrorKind};
use crate::held::{Carrier, Shelf};
use crate::receive::receive;
use crate::session::{ReadStep, Session};

/// A session and its socket.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) session: Session,
    socket: UnixStream,
}

impl Carrier for Wire {
    fn parts(&mut self) -> (&mut Session, BorrowedFd<'_>) {
        (&mut self.session, self.socket.as_fd())
    }
}

impl Wire {
    /// Opens a session at the shelf's path.
    pub(super) async fn connect(shelf: &Shelf<Self>) -> Result<Self, Error> {
        let socket = UnixStream::connect(&shelf.path).await.map_err(|error| {
            let cause = format!("{}: {error}", shelf.path.display());
            Error::io(ErrorKind::Unreachable, io::Error::new(error.kind(), cause))
        })?;
        Ok(Self { session: Session::new(&shelf.options.name), socket })
    }

    /// Writes what there is to say and asks `question` until it has an answer; a daemon that says
    /// nothing for `limit` ends the session.
    pub(super) async fn converse<T>(
        &mut self,
        limit: Option<Duration>,
        question: impl FnMut(&mut Session) -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        let answer = self.ask(question);
        let Some(limit) = limit else {
            return answer.await;
        };
        match timeout(limit, answer).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(self.session.fell_silent()),
        }
    }

    async fn ask<T>(
        &mut self,
        mut question: impl FnMut(&mut Session) -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        self.flush().await?;
        poll_fn(|context| self.poll_ask(context, &mut question)).await
    }

    /// Asks `question` until it has an answer.
    pub(super) fn poll_ask<T>(
        &mut self,
        context: &mut Context<'_>,
        mut question: impl FnMut(&mut Session) -> Result<Option<T>, Error>,
    ) -> Poll<Result<T, Error>> {
        loop {
            if let Some(answer) = question(&mut self.session)? {
                return Poll::Ready(Ok(answer));
            }
            ready!(self.poll_fill(context))?;
        }
    }

    /// Reads answer bytes, straight into `out` where that saves a copy.
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), Error>> {
        // What is left to say must not keep the answer waiting: it goes as the socket takes it.
        if let Poll::Ready(Err(error)) = self.poll_flush(context) {
            return Poll::Ready(Err(error));
        }
        loop {
            match self.session.read(out.initialize_unfilled())? {
                ReadStep::Taken(count) => {
                    out.advance(count);
                    return Poll::Ready(Ok(()));
                }
                ReadStep::Direct(limit) => return self.poll_read_direct(context, out, limit),
                ReadStep::Fill => ready!(self.poll_fill(context))?,
            }
        }
    }

    fn poll_read_direct(
        &mut self,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
        limit: usize,
    ) -> Poll<Result<(), Error>> {
        let mut direct = ReadBuf::new(out.initialize_unfilled_to(limit));
        let read = ready!(Pin::new(&mut self.socket).poll_read(context, &mut direct));
        let count = direct.filled().len();
        match read {
            Ok(()) if count > 0 => {
                self.session.took(count);
                out.advance(count);
                Poll::Ready(Ok(()))
            }
            ended => Poll::Ready(Err(self.session.lost(ended.err()))),
        }
    }

    /// Writes one `DATA`: header and bytes from where they are.
    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Error>> {
        ready!(self.poll_flush(context))?;
        self.look_before_writing(bytes)?;
        let count = self.session.data_room(bytes.len())?;
        let (bytes, _) = bytes.split_at(count);
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let header = self.session.data_header(count);
        let slices = [IoSlice::new(&header), IoSlice::new(bytes)];
        let socket = Pin::new(&mut self.socket);
        match ready!(socket.poll_write_vectored(context, &slices)) {
            Ok(written) => {
                // What the socket did not take at once goes before anything else that is said.
                self.session.wrote(&header, bytes, written);
                Poll::Ready(Ok(count))
            }
            Err(_) => Poll::Ready(Err(self.hear_out())),
        }
    }

    /// Writes what is left to say.
    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|context| self.poll_flush(context)).await
    }

    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while !self.session.unsent().is_empty() {
            let socket = Pin::new(&mut self.socket);
            match ready!(socket.poll_write(context, self.session.unsent())) {
                Ok(count) => self.session.sent(count),
                Err(_) => return Poll::Ready(Err(self.hear_out())),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes in what comes next.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.session.expects_descriptor() {
            return self.poll_fill_with_descriptor(context);
        }
        let mut room = ReadBuf::new(self.session.room());
        let read = ready!(Pin::new(&mut self.socket).poll_read(context, &mut room));
        let count = room.filled().len();
        match read {
            Ok(()) if count > 0 => {
                self.session.filled(count);
                Poll::Ready(Ok(()))
            }
            ended => Poll::Ready(Err(self.session.lost(ended.err()))),
        }
    }

    /// As [`poll_fill`](Self::poll_fill), by a read that tokio does not have.
    fn poll_fill_with_descriptor(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { session, socket } = self;
        loop {
            if let Err(error) = ready!(socket.poll_read_ready(context)) {
                return Poll::Ready(Err(session.lost(Some(error))));
            }
            let received = socket.try_io(Interest::READABLE, || {
                Ok(receive(socket.as_fd(), session, RecvFlags::DONTWAIT)?)
            });
            match received {
                Ok(0) => return Poll::Ready(Err(session.lost(None))),
                Ok(_) => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(session.lost(Some(error)))),
            }
        }
    }
}
