//! New clients: who they are, and where their sockets go.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use wharf_pool::time::{Duration, Now};

use super::processes::Joined;
use super::readiness::{Interest, Token};
use super::sockets::Socket;
use super::unit;
use super::{Reactor, sys};
use crate::shard::Peer;

/// New clients that one turn takes in; the rest comes in the next.
const CLIENTS_PER_TURN: usize = 64;

/// How long no client is accepted after the kernel would not let us.
const PAUSE: Duration = Duration::from_millis(100);

impl Reactor {
    /// Takes in the clients that have connected.
    pub(super) fn admit(&mut self, now: Now) {
        for _ in 0..CLIENTS_PER_TURN {
            match self.listener.accept() {
                Ok(Some(socket)) => self.open_session(now, socket),
                Ok(None) => return,
                Err(error) => return self.pause_admission(now, &error),
            }
        }
    }

    /// Most likely no descriptor is left. Clients wait in the backlog meanwhile; the listener would
    /// stay readable and spin the loop.
    fn pause_admission(&mut self, now: Now, error: &io::Error) {
        tracing::error!(%error, "a client could not be accepted; the next attempt is in 100 ms");
        self.admits_again = Some(now.monotonic + PAUSE);
        self.watch_listener(Interest::READ, Interest::default());
    }

    /// Accepts clients again after a pause.
    pub(super) fn resume_admission(&mut self, now: Now) {
        if self.admits_again.is_some_and(|at| now.monotonic >= at) {
            self.admits_again = None;
            self.watch_listener(Interest::default(), Interest::READ);
        }
    }

    fn watch_listener(&self, old: Interest, new: Interest) {
        let listener = self.listener.as_fd();
        if let Err(error) = self.readiness.change(listener, Token::LeaseListener, old, new) {
            tracing::error!(%error, "the lease socket cannot be watched");
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
        if self.shard.shares_by_unit() {
            peer.unit = pidfd.as_ref().and_then(|pidfd| unit::of(peer.pid, pidfd));
        }
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
    let sys::Credentials { pid, uid, gid } = sys::peer_credentials(socket)?;
    let groups = sys::peer_groups(socket)?;
    // A process of another namespace has no number here, by which its sessions could be told from
    // those of its neighbours; their sockets alone tell when they go.
    let pidfd = Pid::from_raw(pid).and_then(|number| {
        let pidfd = sys::peer_pidfd(socket).ok();
        pidfd.or_else(|| open_pidfd(socket, number))
    });
    let client = wharf_pool::ClientId(0);
    let peer = Peer { pid, uid, gid, groups, unit: None, client };
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
