//! The door between the control thread and one shard.
//!
//! The control thread holds a [`ShardDoor`]: it asks through a bounded channel, wakes the shard by
//! an eventfd and waits for the reply with a timeout. The shard's reactor holds the [`ShardInbox`]:
//! it polls the eventfd beside its other descriptors and answers in the same turn.
//!
//! Invariants: the shard never waits (an answer nobody waits for is dropped); the control thread
//! waits at most its timeout; at most [`REQUESTS_MAX`] requests are on their way, so a shard that
//! is stuck costs no memory.
//!
//! It is *not* the data path: bytes, leases and sessions never pass here.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};

use crate::inspect::{SessionRow, TraceFilter, TransitionRow};
use crate::order::RouteOrder;
use crate::snapshot::{ConnectionRow, Snapshot};

/// Requests that may wait for one shard. The control thread asks one thing at a time, so more
/// than a few means that the shard does not answer.
pub const REQUESTS_MAX: usize = 16;

/// What the control thread asks of a shard. `C` is the configuration that a reload carries.
#[derive(Debug)]
pub enum Request<C> {
    /// Everything the shard counts and holds.
    Snapshot(Reply<Snapshot>),
    /// One row for each connection.
    Connections(Reply<Vec<ConnectionRow>>),
    /// One row for each session of a client.
    Sessions(Reply<Vec<SessionRow>>),
    /// What happened to connections.
    Trace(TraceFilter, Reply<Vec<TransitionRow>>),
    /// Takes on a new configuration, checked before it came here.
    Reload(Box<C>, Reply<Reloaded>),
    /// Grants no further lease, waits for those held, and ends by this deadline at the latest,
    /// counted from now. Asked again, the earlier deadline holds.
    Drain(Duration, Reply<()>),
    /// Carries out an operator's order; answers how many routes it concerned.
    Order(RouteOrder, Reply<u64>),
    /// Shows that the shard's loop turns; the watchdog is fed by the answer.
    Ping(Reply<()>),
}

/// What a reload changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Keys that differ and take effect only at the next start.
    pub at_next_start: Vec<String>,
}

/// Where the answer to one request goes; dropped unanswered, the asker hears [`AskError::Gone`].
#[derive(Debug)]
pub struct Reply<T>(SyncSender<T>);

impl<T> Reply<T> {
    /// Answers. An asker who no longer waits is not an error: the answer is dropped.
    pub fn send(self, answer: T) {
        // The channel holds one answer and this consumes the only sender, so it never blocks.
        let _unheard = self.0.try_send(answer);
    }
}

/// Why a request went unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The shard has not taken its earlier requests: ask again later.
    #[error("the shard has {REQUESTS_MAX} unanswered requests")]
    Full,
    /// The shard did not answer in time; it may still do what was asked.
    #[error("the shard did not answer in time")]
    TimedOut,
    /// The shard has ended, or dropped the request unanswered.
    #[error("the shard has ended")]
    Gone,
}

/// The control thread's side.
#[derive(Debug)]
pub struct ShardDoor<C> {
    requests: SyncSender<Request<C>>,
    wake: Arc<OwnedFd>,
}

// Derived, this would ask for `C: Clone`, which a door does not need.
impl<C> Clone for ShardDoor<C> {
    fn clone(&self) -> Self {
        Self { requests: self.requests.clone(), wake: Arc::clone(&self.wake) }
    }
}

/// The shard's side.
#[derive(Debug)]
pub struct ShardInbox<C> {
    requests: Receiver<Request<C>>,
    wake: Arc<OwnedFd>,
}

/// Makes a door and its inbox. Fails only when the process has no descriptor left.
pub fn pair<C>() -> io::Result<(ShardDoor<C>, ShardInbox<C>)> {
    let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let (sender, receiver) = mpsc::sync_channel(REQUESTS_MAX);
    let door = ShardDoor { requests: sender, wake: Arc::clone(&wake) };
    Ok((door, ShardInbox { requests: receiver, wake }))
}

impl<C> ShardDoor<C> {
    /// Everything the shard counts and holds.
    pub fn snapshot(&self, timeout: Duration) -> Result<Snapshot, AskError> {
        self.ask(Request::Snapshot, timeout)
    }

    /// One row for each connection.
    pub fn connections(&self, timeout: Duration) -> Result<Vec<ConnectionRow>, AskError> {
        self.ask(Request::Connections, timeout)
    }

    /// One row for each session of a client.
    pub fn sessions(&self, timeout: Duration) -> Result<Vec<SessionRow>, AskError> {
        self.ask(Request::Sessions, timeout)
    }

    /// What happened to connections.
    pub fn trace(
        &self,
        filter: TraceFilter,
        timeout: Duration,
    ) -> Result<Vec<TransitionRow>, AskError> {
        self.ask(|reply| Request::Trace(filter, reply), timeout)
    }

    /// Hands a checked configuration over.
    pub fn reload(&self, config: Box<C>, timeout: Duration) -> Result<Reloaded, AskError> {
        self.ask(|reply| Request::Reload(config, reply), timeout)
    }

    /// Asks the shard to finish within `deadline` from now; returns once it has begun.
    pub fn drain(&self, deadline: Duration, timeout: Duration) -> Result<(), AskError> {
        self.ask(|reply| Request::Drain(deadline, reply), timeout)
    }

    /// Hands an operator's order over; how many routes it concerned.
    pub fn order(&self, order: RouteOrder, timeout: Duration) -> Result<u64, AskError> {
        self.ask(|reply| Request::Order(order, reply), timeout)
    }

    /// Asks whether the shard's loop turns.
    pub fn ping(&self, timeout: Duration) -> Result<(), AskError> {
        self.ask(Request::Ping, timeout)
    }

    fn ask<T>(
        &self,
        request: impl FnOnce(Reply<T>) -> Request<C>,
        timeout: Duration,
    ) -> Result<T, AskError> {
        let (sender, answer) = mpsc::sync_channel(1);
        self.requests.try_send(request(Reply(sender))).map_err(|error| match error {
            TrySendError::Full(_) => AskError::Full,
            TrySendError::Disconnected(_) => AskError::Gone,
        })?;
        self.wake();
        answer.recv_timeout(timeout).map_err(|error| match error {
            RecvTimeoutError::Timeout => AskError::TimedOut,
            RecvTimeoutError::Disconnected => AskError::Gone,
        })
    }

    fn wake(&self) {
        // The one failure of a valid eventfd is a full counter: then the shard is woken already.
        let _already_awake = rustix::io::write(&*self.wake, &1_u64.to_ne_bytes());
    }
}

impl<C> ShardInbox<C> {
    /// The next request, or `None` when there is no more: call until then whenever the descriptor
    /// is readable. Too early, it gives `None` and does nothing.
    pub fn try_recv(&mut self) -> Option<Request<C>> {
        match self.requests.try_recv() {
            Ok(request) => Some(request),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => self.recv_after_reset(),
        }
    }

    /// Resets the descriptor, then looks once more: a request whose wake-up was just consumed
    /// was sent before it, so it is found here, and a later one wakes anew.
    fn recv_after_reset(&mut self) -> Option<Request<C>> {
        let mut count = [0_u8; 8];
        let _was_not_set = rustix::io::read(&*self.wake, &mut count);
        self.requests.try_recv().ok()
    }
}

impl<C> AsFd for ShardInbox<C> {
    /// Readable when requests wait; poll it level-triggered, beside the shard's other descriptors.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(10);

    fn is_readable(inbox: &ShardInbox<()>, timeout: Timespec) -> bool {
        let mut fds = [PollFd::new(inbox, PollFlags::IN)];
        poll(&mut fds, Some(&timeout)).unwrap() > 0
    }

    #[test]
    fn an_answer_comes_back_through_the_door() {
        let (door, mut inbox) = pair::<()>().unwrap();
        let shard = thread::spawn(move || {
            assert!(is_readable(&inbox, Timespec { tv_sec: 10, tv_nsec: 0 }));
            let Some(Request::Snapshot(reply)) = inbox.try_recv() else { panic!("no request") };
            reply.send(Snapshot { draining: true, ..Snapshot::default() });
            assert!(inbox.try_recv().is_none());
            assert!(!is_readable(&inbox, Timespec { tv_sec: 0, tv_nsec: 0 }));
        });
        assert!(door.snapshot(LONG).unwrap().draining);
        shard.join().unwrap();
    }

    #[test]
    fn a_stuck_shard_costs_the_timeout_and_no_memory() {
        let (door, _inbox) = pair::<()>().unwrap();
        for _ in 0..REQUESTS_MAX {
            assert_eq!(door.ping(Duration::ZERO), Err(AskError::TimedOut));
        }
        assert_eq!(door.ping(LONG), Err(AskError::Full));
    }

    #[test]
    fn a_late_answer_is_dropped() {
        let (door, mut inbox) = pair::<()>().unwrap();
        assert_eq!(door.ping(SHORT), Err(AskError::TimedOut));
        let Some(Request::Ping(reply)) = inbox.try_recv() else { panic!("no request") };
        reply.send(());
    }

    #[test]
    fn a_shard_that_ended_is_said_to_be_gone() {
        let (door, inbox) = pair::<()>().unwrap();
        drop(inbox);
        assert_eq!(door.ping(LONG), Err(AskError::Gone));
    }

    #[test]
    fn a_request_dropped_unanswered_is_said_to_be_gone() {
        let (door, mut inbox) = pair::<()>().unwrap();
        let shard = thread::spawn(move || {
            is_readable(&inbox, Timespec { tv_sec: 10, tv_nsec: 0 });
            drop(inbox.try_recv());
        });
        assert_eq!(door.drain(LONG, LONG), Err(AskError::Gone));
        shard.join().unwrap();
    }

    #[test]
    fn a_reload_carries_the_configuration() {
        let (door, mut inbox) = pair::<u8>().unwrap();
        let shard = thread::spawn(move || {
            let mut fds = [PollFd::new(&inbox, PollFlags::IN)];
            poll(&mut fds, Some(&Timespec { tv_sec: 10, tv_nsec: 0 })).unwrap();
            let Some(Request::Reload(config, reply)) = inbox.try_recv() else {
                panic!("no request")
            };
            reply.send(Reloaded { at_next_start: vec![config.to_string()] });
        });
        let reloaded = door.reload(Box::new(7), LONG).unwrap();
        assert_eq!(reloaded.at_next_start, ["7"]);
        shard.join().unwrap();
    }
}
