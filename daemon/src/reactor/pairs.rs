//! The daemon's ends of the socket pairs of leases with a descriptor. DESIGN.md, section 4, "fd
//! mode".
//!
//! A pair is made when the first byte of its LEASED is written, for the other end goes along with
//! that byte. It stands at the index of its session, and is closed as soon as the shard holds no
//! such lease any more: who kept the other end reads the end there and writes to nobody. A pair
//! outlives the session's socket while a RELEASE that the client left behind is dealt with.
//!
//! Nothing is decided here but one thing that only the descriptor can tell: a client that has
//! *closed* its end may have said RELEASE before, and then means no half-close by it.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketFlags,
    SocketType, sendmsg, shutdown, socketpair,
};
use wharf_pool::time::Now;

use super::readiness::{Interest, Ready, Token};
use super::sockets::{Received, Sent, Socket, receive, send};
use super::{LAST_READS, Reactor, sys};
use crate::shard::{PairWish, SessionId, Shard};

/// Our end of one pair.
#[derive(Debug)]
struct Pair {
    id: SessionId,
    /// The lease that it is for.
    number: u16,
    fd: OwnedFd,
    /// What epoll watches it for.
    interest: Interest,
    /// Nothing more is read: the client's end was told or seen.
    is_read_out: bool,
    /// Nothing more is written: the upstream's end was told, or the client reads no more.
    is_written_out: bool,
}

/// All pairs, at the indices of their sessions.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    places: Vec<Option<Pair>>,
}

impl Pairs {
    /// Writes what the socket takes of `bytes`, and passes one end of a fresh pair along. A client
    /// whose descriptor cannot be had, because ours or its are used up, loses its session.
    pub(super) fn pass(&mut self, socket: &Socket, number: u16, bytes: &[u8]) -> Sent {
        match send_with_pair(socket.fd.as_fd(), bytes) {
            Ok((count, fd)) => {
                self.insert(Pair {
                    id: socket.id,
                    number,
                    fd,
                    interest: Interest::default(),
                    is_read_out: false,
                    is_written_out: false,
                });
                Sent::Bytes(count)
            }
            Err(Errno::AGAIN) => Sent::Full,
            Err(Errno::PIPE | Errno::CONNRESET) => Sent::Broken,
            Err(errno) => {
                let error = io::Error::from(errno);
                tracing::error!(%error, "a lease's descriptor cannot be passed; its session ends");
                let _closed_already = shutdown(&socket.fd, Shutdown::Both);
                Sent::Broken
            }
        }
    }

    fn insert(&mut self, pair: Pair) {
        let place = pair.id.index() as usize;
        if self.places.len() <= place {
            self.places.resize_with(place + 1, || None);
        }
        if let Some(slot) = self.places.get_mut(place) {
            *slot = Some(pair);
        }
    }

    /// The session of the pair at a place.
    pub(super) fn session_at(&self, index: u32) -> Option<SessionId> {
        self.places.get(index as usize)?.as_ref().map(|pair| pair.id)
    }

    /// The pair of the lease that the session has, and what the shard wants of it.
    fn current(&mut self, shard: &Shard, id: SessionId) -> Option<(&mut Pair, PairWish)> {
        let wish = shard.pair(id)?;
        let pair = self.places.get_mut(id.index() as usize)?.as_mut()?;
        (pair.id == id && pair.number == wish.number).then_some((pair, wish))
    }

    /// Closes a pair whose lease is over.
    pub(super) fn close_stale(&mut self, shard: &Shard, id: SessionId) {
        let Some(place) = self.places.get_mut(id.index() as usize) else {
            return;
        };
        if let Some(pair) = place
            && shard.pair(pair.id).is_none_or(|wish| wish.number != pair.number)
        {
            // Nobody else has our end, so epoll forgets it with this.
            *place = None;
        }
    }
}

impl Reactor {
    /// A pair is ready.
    pub(super) fn handle_pair(&mut self, now: Now, id: SessionId, ready: Ready) {
        if ready.read {
            self.read_pair(now, id);
        }
        self.serve_pair(now, id);
    }

    /// Does with a session's pair what the shard wants now, as far as it goes without waiting.
    pub(super) fn serve_pair(&mut self, now: Now, id: SessionId) {
        self.pairs.close_stale(&self.shard, id);
        if self.shard.pair(id).is_none() {
            return;
        }
        self.write_pair(now, id);
        self.drain_pair(now, id);
        self.end_pair(id);
        self.watch_pair(now, id);
    }

    /// One read of a pair, of no more than the connection has room for.
    fn read_pair(&mut self, now: Now, id: SessionId) {
        let Some((pair, wish)) = self.pairs.current(&self.shard, id) else {
            return;
        };
        let Some(room) = self.scratch.get_mut(..wish.room_bytes.min(READ_MAX)) else {
            return;
        };
        if room.is_empty() || pair.is_read_out {
            return;
        }
        match receive(&pair.fd, room) {
            Received::Bytes(count) => {
                let bytes = self.scratch.get(..count).unwrap_or_default();
                self.shard.handle_pair_bytes(now, id, bytes);
            }
            Received::Nothing => {}
            Received::End => self.handle_pair_end(now, id),
        }
    }

    /// The client writes no more. If it has closed its end, what it said on the session comes
    /// first, for that is older.
    fn handle_pair_end(&mut self, now: Now, id: SessionId) {
        let is_closed =
            self.pairs.current(&self.shard, id).is_some_and(|(pair, _)| is_closed(pair.fd.as_fd()));
        if is_closed {
            // A socket holds less than this; a client that writes on holds nobody up.
            let mut reads = LAST_READS;
            while reads > 0 && self.read_session(now, id) {
                reads -= 1;
            }
        }
        if let Some((pair, wish)) = self.pairs.current(&self.shard, id)
            && !(is_closed && wish.drains)
        {
            pair.is_read_out = true;
            self.shard.handle_pair_eof(now, id);
        }
    }

    /// Reads all that the client wrote before a RELEASE that waits for it, as far as the
    /// connection has room; then tells the shard.
    fn drain_pair(&mut self, now: Now, id: SessionId) {
        if !self.shard.pair(id).is_some_and(|wish| wish.drains) {
            return;
        }
        let unread = loop {
            let Some((pair, wish)) = self.pairs.current(&self.shard, id) else {
                // The client never had its descriptor.
                break 0;
            };
            let room = self.scratch.get_mut(..wish.room_bytes.min(READ_MAX)).unwrap_or_default();
            if pair.is_read_out {
                break unread_bytes(pair);
            }
            if room.is_empty() {
                match rustix::io::ioctl_fionread(&pair.fd) {
                    Ok(0) => break unread_bytes(pair),
                    // The shard says when there is room again.
                    Ok(_) | Err(_) => return,
                }
            }
            match receive(&pair.fd, room) {
                Received::Bytes(count) => {
                    let bytes = self.scratch.get(..count).unwrap_or_default();
                    self.shard.handle_pair_bytes(now, id, bytes);
                }
                Received::Nothing => break unread_bytes(pair),
                Received::End => {
                    pair.is_read_out = true;
                    // Closed behind its RELEASE: the client is just done with it.
                    if !is_closed(pair.fd.as_fd()) {
                        self.shard.handle_pair_eof(now, id);
                    }
                }
            }
        };
        self.shard.handle_pair_drained(now, id, unread);
    }

    /// Writes what the pair takes.
    fn write_pair(&mut self, now: Now, id: SessionId) {
        while let Some((pair, _)) = self.pairs.current(&self.shard, id) {
            let bytes = self.shard.pair_output(id);
            if bytes.is_empty() || pair.is_written_out {
                return;
            }
            match send(&pair.fd, bytes) {
                Sent::Bytes(count) => self.shard.handle_pair_sent(now, id, count),
                Sent::Full => return,
                // What is not written stays where it is, and closes the window behind it.
                Sent::Broken => pair.is_written_out = true,
            }
        }
    }

    /// Tells the client that nothing more is read, or that nothing more comes.
    fn end_pair(&mut self, id: SessionId) {
        let Some((pair, wish)) = self.pairs.current(&self.shard, id) else {
            return;
        };
        if wish.is_lost && !pair.is_read_out {
            pair.is_read_out = true;
            let _closed_already = shutdown(&pair.fd, Shutdown::Read);
        }
        if wish.has_ended && !pair.is_written_out && self.shard.pair_output(id).is_empty() {
            pair.is_written_out = true;
            let _closed_already = shutdown(&pair.fd, Shutdown::Write);
        }
    }

    /// Asks epoll for what a pair waits for now.
    fn watch_pair(&mut self, now: Now, id: SessionId) {
        let Some((pair, wish)) = self.pairs.current(&self.shard, id) else {
            return;
        };
        let wanted = Interest {
            read: wish.room_bytes > 0 && !pair.is_read_out,
            write: !pair.is_written_out && !self.shard.pair_output(id).is_empty(),
            hang_up: false,
        };
        let token = Token::Pair(id.index());
        match self.readiness.change(&pair.fd, token, pair.interest, wanted) {
            Ok(()) => pair.interest = wanted,
            Err(error) => {
                tracing::error!(%error, "a lease's descriptor cannot be watched; its session ends");
                self.shard.handle_session_closed(now, id);
                self.close_socket(id);
            }
        }
    }
}

/// What of our writes is still in the client's end. Unknown is not none.
fn unread_bytes(pair: &Pair) -> usize {
    sys::unread_bytes(&pair.fd).unwrap_or(usize::MAX)
}

/// Whether every copy of the other end is closed, rather than only done with writing.
fn is_closed(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let polled = retry_on_intr(|| poll(&mut fds, Some(&now)));
    polled.is_ok() && fds.iter().any(|fd| fd.revents().contains(PollFlags::HUP))
}

/// Writes `bytes` as far as `socket` takes them, together with one end of a fresh pair; the other
/// end is ours.
fn send_with_pair(socket: BorrowedFd<'_>, bytes: &[u8]) -> Result<(usize, OwnedFd), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let passed = [theirs.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(&passed)), "there is space for one");
    let slices = [io::IoSlice::new(bytes)];
    let count = retry_on_intr(|| sendmsg(socket, &slices, &mut ancillary, SendFlags::NOSIGNAL))?;
    Ok((count, ours))
}

/// The most that one read of a pair brings in: the same as of a session.
const READ_MAX: usize = crate::shard::READ_MAX;

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

    use super::*;

    /// The bytes and descriptors of one read.
    fn receive_with_rights(socket: &UnixStream) -> (Vec<u8>, Vec<OwnedFd>) {
        let mut bytes = vec![0; 64];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [io::IoSliceMut::new(&mut bytes)];
        let read = recvmsg(socket, &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC);
        let count = read.expect("received").bytes;
        let mut rights = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                rights.extend(fds);
            }
        }
        bytes.truncate(count);
        (bytes, rights)
    }

    #[test]
    fn a_descriptor_comes_with_the_bytes_it_was_sent_with() {
        let (mut ours, theirs) = UnixStream::pair().expect("a socket pair");
        ours.write_all(b"before ").expect("written");
        let (count, end) = send_with_pair(ours.as_fd(), b"LEASED").expect("passed");
        assert_eq!(count, 6);
        ours.write_all(b" after").expect("written");
        let (first, rights) = receive_with_rights(&theirs);
        assert_eq!((first.as_slice(), rights.len()), (b"before LEASED".as_slice(), 1));
        let (second, none) = receive_with_rights(&theirs);
        assert_eq!((second.as_slice(), none.len()), (b" after".as_slice(), 0));

        let mut client = UnixStream::from(rights.into_iter().next().expect("one"));
        client.write_all(b"ping").expect("written");
        let mut buffer = [0; 16];
        assert_eq!(receive(&end, &mut buffer), Received::Bytes(4));
        assert_eq!(receive(&end, &mut buffer), Received::Nothing);
        assert_eq!(send(&end, b"pong"), Sent::Bytes(4));
        drop(end);
        let mut answer = Vec::new();
        client.set_nonblocking(false).expect("blocking");
        client.read_to_end(&mut answer).expect("read");
        assert_eq!(answer, b"pong");
        assert!(client.write(b"x").is_err(), "nobody is at the other end");
    }

    #[test]
    fn a_close_is_told_from_a_half_close() {
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        assert!(!is_closed(ours.as_fd()));
        theirs.shutdown(std::net::Shutdown::Write).expect("half-closed");
        assert!(!is_closed(ours.as_fd()));
        let copy = theirs.try_clone().expect("a copy");
        drop(theirs);
        assert!(!is_closed(ours.as_fd()), "a copy is left");
        drop(copy);
        assert!(is_closed(ours.as_fd()));
    }

    #[test]
    fn a_client_that_is_gone_is_sent_no_descriptor() {
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        drop(theirs);
        assert_eq!(send_with_pair(ours.as_fd(), b"LEASED").expect_err("gone"), Errno::PIPE);
    }
}
