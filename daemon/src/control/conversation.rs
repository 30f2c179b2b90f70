//! One connection of the control plane: bytes in, one answer out, the end.
//!
//! Reads until the request is whole, writes the answer, then reads what is left to the end of the
//! stream, since closing with unread bytes would reset the connection and could take the answer
//! with it. Each of the three steps has its time; what exceeds it is closed.
//!
//! Invariants: at most [`Kind::request_max`] bytes of request are kept; nothing here blocks.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};

use super::{admin, http};

/// How long a request may take to arrive.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the peer may take to read the answer. A scrape of 10 000 series is about 1 MB.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the peer may take to close after the answer.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// Bytes read at once.
const READ_MAX: usize = 4 * 1024;

/// Which listener a connection came through, so what is spoken on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// HTTP: metrics and health.
    Metrics,
    /// One line in, one JSON object out.
    Admin,
}

impl Kind {
    /// The most bytes of a request.
    fn request_max(self) -> usize {
        match self {
            Self::Metrics => http::REQUEST_MAX,
            Self::Admin => admin::LINE_MAX,
        }
    }
}

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Reading,
    Writing,
    Lingering,
}

/// What a conversation needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More readiness, or time.
    Waits,
    /// The request has changed: look whether it is whole, and answer if so.
    HasInput,
    /// Nothing more: drop it.
    Done,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Conversation {
    fd: OwnedFd,
    kind: Kind,
    phase: Phase,
    input: Vec<u8>,
    is_at_end: bool,
    output: Vec<u8>,
    written: usize,
    deadline: Instant,
}

impl Conversation {
    /// A connection just accepted.
    pub(super) fn new(now: Instant, kind: Kind, fd: OwnedFd) -> Self {
        Self {
            fd,
            kind,
            phase: Phase::Reading,
            input: Vec::new(),
            is_at_end: false,
            output: Vec::new(),
            written: 0,
            deadline: now + REQUEST_TIMEOUT,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// The request's bytes so far.
    pub(super) fn input(&self) -> &[u8] {
        &self.input
    }

    /// Whether the peer has said that no more bytes come.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// What to poll for.
    pub(super) fn interest(&self) -> PollFlags {
        match self.phase {
            Phase::Reading | Phase::Lingering => PollFlags::IN,
            Phase::Writing => PollFlags::OUT,
        }
    }

    /// When its patience ends.
    pub(super) fn poll_timeout(&self) -> Instant {
        self.deadline
    }

    /// Whether the request is still on its way, so that a timeout is worth an answer.
    pub(super) fn is_reading(&self) -> bool {
        self.phase == Phase::Reading
    }

    /// Begins to write the answer.
    pub(super) fn answer(&mut self, now: Instant, output: Vec<u8>) -> Progress {
        self.output = output;
        self.phase = Phase::Writing;
        self.deadline = now + ANSWER_TIMEOUT;
        self.write(now)
    }

    /// Does what the descriptor is ready for. Called too early it does nothing.
    pub(super) fn handle_ready(&mut self, now: Instant) -> Progress {
        match self.phase {
            Phase::Reading => self.read(),
            Phase::Writing => self.write(now),
            Phase::Lingering => self.read_to_end(),
        }
    }

    fn read(&mut self) -> Progress {
        let mut bytes = [0_u8; READ_MAX];
        let room = self.kind.request_max().saturating_sub(self.input.len()).min(READ_MAX);
        let (room, _) = bytes.split_at_mut(room);
        match recv(&self.fd, &mut *room, RecvFlags::empty()) {
            Ok((0, _)) => {
                self.is_at_end = true;
                Progress::HasInput
            }
            Ok((count, _)) => {
                self.input.extend(room.iter().take(count));
                Progress::HasInput
            }
            Err(Errno::AGAIN | Errno::INTR) => Progress::Waits,
            Err(_) => Progress::Done,
        }
    }

    fn write(&mut self, now: Instant) -> Progress {
        while let Some(rest) = self.output.get(self.written..).filter(|rest| !rest.is_empty()) {
            match send(&self.fd, rest, SendFlags::NOSIGNAL) {
                Ok(count) => self.written += count,
                Err(Errno::AGAIN | Errno::INTR) => return Progress::Waits,
                Err(_) => return Progress::Done,
            }
        }
        if shutdown(&self.fd, Shutdown::Write).is_err() {
            return Progress::Done;
        }
        self.phase = Phase::Lingering;
        self.deadline = now + LINGER_TIMEOUT;
        self.read_to_end()
    }

    fn read_to_end(&mut self) -> Progress {
        let mut bytes = [0_u8; READ_MAX];
        match recv(&self.fd, &mut bytes[..], RecvFlags::empty()) {
            Ok((0, _)) => Progress::Done,
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Progress::Waits,
            Err(_) => Progress::Done,
        }
    }
}

impl AsFd for Conversation {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
