//! Which descriptors are ready: epoll, with typed tokens.
//!
//! Level-triggered, so what one turn leaves is told again in the next. A descriptor of which nothing
//! is wanted is removed, or watched for its hang-up alone and by its edge: with an interest of 0
//! epoll still delivers HUP and ERR in every turn, and a paused session would spin the loop.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use wharf_pool::time::Duration;

/// How many ready descriptors one turn takes in; the rest is told again in the next.
const EVENTS_PER_TURN: usize = 256;

/// What a ready descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// The TUN device.
    Device,
    /// The socket on which clients connect.
    LeaseListener,
    /// The control plane has a request.
    Control,
    /// The resolver has an answer.
    Resolver,
    /// A session's socket, by its index among the sockets.
    Session(u32),
    /// A client process, by its index among the processes.
    Process(u32),
    /// The pair of a session's lease, by the session's index.
    Pair(u32),
}

/// What is wanted of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Interest {
    /// Tell when it can be read.
    pub(super) read: bool,
    /// Tell when it can be written.
    pub(super) write: bool,
    /// Tell, once, when the other end hangs up, though nothing else is wanted.
    pub(super) hang_up: bool,
}

/// What is true of a ready descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ready {
    /// Whose descriptor it is.
    pub(super) token: Token,
    /// It can be read, or was hung up (reading tells which).
    pub(super) read: bool,
    /// It can be written.
    pub(super) write: bool,
    /// The other end is closed, for writing at least.
    pub(super) hung_up: bool,
}

/// An epoll instance.
pub(super) struct Readiness {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").field("epoll", &self.epoll).finish_non_exhaustive()
    }
}

impl Readiness {
    /// A new instance that watches nothing.
    ///
    /// # Errors
    ///
    /// What the kernel says when it has no descriptor or memory left.
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS_PER_TURN) })
    }

    /// Changes what is watched of `fd` from `old` to `new`.
    ///
    /// # Errors
    ///
    /// What the kernel says when it has no memory left.
    pub(super) fn change(
        &self,
        fd: impl AsFd,
        token: Token,
        old: Interest,
        new: Interest,
    ) -> io::Result<()> {
        let none = Interest::default();
        let data = EventData::new_u64(token.encode());
        if old == new {
            return Ok(());
        }
        if new == none {
            epoll::delete(&self.epoll, fd)?;
        } else if old == none {
            epoll::add(&self.epoll, fd, data, new.flags())?;
        } else {
            epoll::modify(&self.epoll, fd, data, new.flags())?;
        }
        Ok(())
    }

    /// Waits until a descriptor is ready or `timeout` has passed (`None`: for ever).
    ///
    /// # Errors
    ///
    /// What the kernel says; an interrupted wait is an empty one.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map(|wait| rustix::time::Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(wait.subsec_nanos()),
        });
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// What the last wait found.
    pub(super) fn ready(&self) -> impl Iterator<Item = Ready> {
        self.events.iter().filter_map(|event| {
            let (flags, data) = (event.flags, event.data);
            let ended = flags.intersects(EventFlags::HUP | EventFlags::ERR);
            Some(Ready {
                token: Token::decode(data.u64())?,
                read: ended || flags.intersects(EventFlags::IN | EventFlags::RDHUP),
                write: ended || flags.contains(EventFlags::OUT),
                hung_up: ended || flags.contains(EventFlags::RDHUP),
            })
        })
    }
}

impl Interest {
    /// Readable alone.
    pub(super) const READ: Self = Self { read: true, write: false, hang_up: false };

    fn flags(self) -> EventFlags {
        if !self.read && !self.write {
            // Level-triggered it would be told in every turn until somebody reads.
            return EventFlags::RDHUP | EventFlags::ET;
        }
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN | EventFlags::RDHUP, self.read);
        flags.set(EventFlags::OUT, self.write);
        flags
    }
}

impl Token {
    const KIND_SHIFT: u32 = 32;

    fn encode(self) -> u64 {
        let (kind, index) = match self {
            Self::Device => (1, 0),
            Self::LeaseListener => (2, 0),
            Self::Control => (3, 0),
            Self::Resolver => (4, 0),
            Self::Session(index) => (5, index),
            Self::Process(index) => (6, index),
            Self::Pair(index) => (7, index),
        };
        (kind << Self::KIND_SHIFT) | u64::from(index)
    }

    fn decode(data: u64) -> Option<Self> {
        let index = u32::try_from(data & u64::from(u32::MAX)).ok()?;
        match data >> Self::KIND_SHIFT {
            1 => Some(Self::Device),
            2 => Some(Self::LeaseListener),
            3 => Some(Self::Control),
            4 => Some(Self::Resolver),
            5 => Some(Self::Session(index)),
            6 => Some(Self::Process(index)),
            7 => Some(Self::Pair(index)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn tokens_survive_the_kernel() {
        let tokens = [
            Token::Device,
            Token::LeaseListener,
            Token::Control,
            Token::Resolver,
            Token::Session(u32::MAX),
            Token::Process(3),
            Token::Pair(4),
        ];
        for token in tokens {
            assert_eq!(Token::decode(token.encode()), Some(token));
        }
        assert_eq!(Token::decode(0), None);
    }

    #[test]
    fn a_removed_descriptor_is_silent_even_when_hung_up() {
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        let mut readiness = Readiness::new().expect("epoll");
        let none = Interest::default();
        readiness.change(&ours, Token::Session(1), none, Interest::READ).expect("added");
        (&theirs).write_all(b"x").expect("written");
        readiness.wait(Some(Duration::from_secs(5))).expect("waited");
        let found: Vec<_> = readiness.ready().collect();
        let expected = Ready { token: Token::Session(1), read: true, write: false, hung_up: false };
        assert_eq!(found, [expected]);

        readiness.change(&ours, Token::Session(1), Interest::READ, none).expect("removed");
        drop(theirs);
        readiness.wait(Some(Duration::from_millis(10))).expect("waited");
        assert_eq!(readiness.ready().count(), 0);
    }

    #[test]
    fn a_hang_up_is_told_once_behind_data_that_nobody_wants() {
        let (ours, mut theirs) = UnixStream::pair().expect("a socket pair");
        let mut readiness = Readiness::new().expect("epoll");
        let paused = Interest { hang_up: true, ..Interest::default() };
        readiness.change(&ours, Token::Session(1), Interest::default(), paused).expect("added");
        theirs.write_all(b"not wanted").expect("written");
        readiness.wait(Some(Duration::from_millis(10))).expect("waited");
        assert!(readiness.ready().all(|ready| !ready.hung_up));

        drop(theirs);
        readiness.wait(Some(Duration::from_secs(5))).expect("waited");
        assert!(readiness.ready().any(|ready| ready.hung_up));
        readiness.wait(Some(Duration::from_millis(10))).expect("waited");
        assert_eq!(readiness.ready().count(), 0, "told twice");
    }
}
