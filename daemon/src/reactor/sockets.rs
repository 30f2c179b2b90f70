//! The sockets of the sessions: read, write, and what epoll is asked of each.
//!
//! A socket stands at the index of its session in the shard. Nothing of the protocol is known here.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::SendFlags;

use super::readiness::Interest;
use crate::shard::SessionId;

/// One session's socket.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) id: SessionId,
    pub(super) fd: OwnedFd,
    /// What epoll watches it for.
    pub(super) interest: Interest,
    /// The process behind it, if that can be watched.
    pub(super) process: Option<u32>,
    /// The client reads no more. What it wrote before is still to be read.
    pub(super) broken: bool,
}

/// What a read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// So many bytes.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// The client's end is closed, and everything it wrote was read.
    End,
}

/// What a write gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// So many bytes went.
    Bytes(usize),
    /// The socket is full.
    Full,
    /// The client reads no more.
    Broken,
}

impl Socket {
    /// Reads what fits into `buffer`.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Received {
        receive(&self.fd, buffer)
    }

    /// Writes what the socket takes of `bytes`.
    pub(super) fn send(&self, bytes: &[u8]) -> Sent {
        send(&self.fd, bytes)
    }
}

/// Reads from a socket what fits into `buffer`.
pub(super) fn receive(fd: &OwnedFd, buffer: &mut [u8]) -> Received {
    loop {
        return match rustix::io::read(fd, &mut *buffer) {
            Ok(0) => Received::End,
            Ok(count) => Received::Bytes(count),
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => Received::Nothing,
            // After a close with unread data the client's last bytes come first, then this.
            Err(_) => Received::End,
        };
    }
}

/// Writes to a socket what it takes of `bytes`.
pub(super) fn send(fd: &OwnedFd, bytes: &[u8]) -> Sent {
    loop {
        return match rustix::net::send(fd, bytes, SendFlags::NOSIGNAL) {
            Ok(count) => Sent::Bytes(count),
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => Sent::Full,
            Err(_) => Sent::Broken,
        };
    }
}

/// All sockets, at the indices of their sessions.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    places: Vec<Option<Socket>>,
}

impl Sockets {
    /// Takes in a socket at its session's place.
    pub(super) fn insert(&mut self, socket: Socket) {
        let place = socket.id.index() as usize;
        if self.places.len() <= place {
            self.places.resize_with(place + 1, || None);
        }
        if let Some(slot) = self.places.get_mut(place) {
            *slot = Some(socket);
        }
    }

    /// The socket at a place.
    pub(super) fn at(&self, index: u32) -> Option<&Socket> {
        self.places.get(index as usize)?.as_ref()
    }

    /// The socket of a session, if it still has one.
    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut Socket> {
        let socket = self.places.get_mut(id.index() as usize)?.as_mut()?;
        (socket.id == id).then_some(socket)
    }

    /// Takes the socket of a session out.
    pub(super) fn remove(&mut self, id: SessionId) -> Option<Socket> {
        self.get_mut(id)?;
        self.places.get_mut(id.index() as usize)?.take()
    }

    /// The sessions of a process.
    pub(super) fn of_process(&self, process: u32) -> Vec<SessionId> {
        let sockets = self.places.iter().flatten();
        sockets.filter(|socket| socket.process == Some(process)).map(|socket| socket.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::shard::SessionId;

    fn pair() -> (Socket, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        ours.set_nonblocking(true).expect("non-blocking");
        let socket = Socket {
            id: SessionId::default(),
            fd: ours.into(),
            interest: Interest::default(),
            process: None,
            broken: false,
        };
        (socket, theirs)
    }

    #[test]
    fn last_bytes_are_read_before_the_end() {
        let (socket, mut theirs) = pair();
        let mut buffer = [0; 16];
        assert_eq!(socket.receive(&mut buffer), Received::Nothing);
        // Unread data at the client's end makes its close a reset.
        assert_eq!(socket.send(b"unread"), Sent::Bytes(6));
        theirs.write_all(b"last").expect("written");
        drop(theirs);
        assert_eq!(socket.send(b"more"), Sent::Broken);
        assert_eq!(socket.receive(&mut buffer), Received::Bytes(4));
        assert_eq!(&buffer[..4], b"last");
        assert_eq!(socket.receive(&mut buffer), Received::End);
    }

    #[test]
    fn a_full_socket_says_so() {
        let (socket, mut theirs) = pair();
        let chunk = [7; 65_536];
        let mut sent = 0;
        while let Sent::Bytes(count) = socket.send(&chunk) {
            sent += count;
        }
        assert_eq!(socket.send(&chunk), Sent::Full);
        let mut received = vec![0; sent];
        theirs.read_exact(&mut received).expect("all of it");
        assert!(matches!(socket.send(&chunk), Sent::Bytes(_)));
    }
}
