//! New clients: who they are, and where their sockets go.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use wharf_pool::time::Now;

use super::processes::Joined;
use super::readiness::{Interest, Token};
use super::sockets::Socket;
use super::{Reactor, sys};
use crate::shard::Peer;

/// New clients that one turn takes in; the rest comes in the next.
const CLIENTS_PER_TURN: usize = 64;

impl Reactor {
    /// Takes in the clients that have connected.
    pub(super) fn admit(&mut self, now: Now) {
        for _ in 0..CLIENTS_PER_TURN {
            match self.listener.accept() {
                Ok(Some(socket)) => self.open_session(now, socket),
                Ok(None) => return,
                // Most likely no descriptor is left: those who wait are told again next turn.
                Err(error) => {
                    tracing::error!(%error, "a client could not be accepted");
                    return;
                }
            }
        }
    }

    fn open_session(&mut self, now: Now, fd: OwnedFd) {
        let (mut peer, pidfd) = match identify(&fd) {
            Ok(identity) => identity,
            Err(error) => {
                tracing::warn!(%error, "a client that cannot be identified was turned away");
                return;
            }
        };
        let joined = pidfd.map(|pidfd| self.processes.join(peer.pid, pidfd));
        peer.client = match joined {
            Some(joined) => joined.client,
            None => self.processes.stranger(),
        };
        if let Some(Joined { process, is_new: true, .. }) = joined {
            self.watch_process(process);
        }
        let id = self.shard.handle_session_opened(now, peer);
        let process = joined.map(|joined| joined.process);
        let interest = Interest::default();
        self.sockets.insert(Socket { id, fd, interest, process, broken: false });
        // Most clients have written their first request already.
        self.read_session(now, id);
        self.flush_session(now, id);
    }

    fn watch_process(&mut self, process: u32) {
        let Some(pidfd) = self.processes.descriptor(process) else {
            return;
        };
        let none = Interest::default();
        let token = Token::Process(process);
        if let Err(error) = self.readiness.change(pidfd, token, none, Interest::READ) {
            tracing::warn!(%error, "a client's process cannot be watched; its socket still is");
        }
    }
}

/// Who is at the other end of `socket`, and its process. Without the process's descriptor the
/// socket alone tells when the client goes.
fn identify(socket: &OwnedFd) -> io::Result<(Peer, Option<OwnedFd>)> {
    let credentials = rustix::net::sockopt::socket_peercred(socket)?;
    let groups = sys::peer_groups(socket)?;
    let pidfd = sys::peer_pidfd(socket).ok().or_else(|| open_pidfd(socket, credentials.pid));
    let peer = Peer {
        pid: credentials.pid.as_raw_nonzero().get(),
        uid: credentials.uid.as_raw(),
        gid: credentials.gid.as_raw(),
        groups,
        client: wharf_pool::ClientId(0),
    };
    Ok((peer, pidfd))
}

/// Before Linux 6.5: the process that has the number now. It is the one that connected if the
/// socket is not hung up afterwards, for a process that had exited would have closed it.
fn open_pidfd(socket: &OwnedFd, pid: Pid) -> Option<OwnedFd> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    let mut fds = [PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::RDHUP)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let hung_up = poll(&mut fds, Some(&now)).ok()? > 0;
    (!hung_up).then_some(pidfd)
}
