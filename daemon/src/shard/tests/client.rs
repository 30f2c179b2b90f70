//! A scripted client: what it says, byte for byte, and what it hears. No socket.
//!
//! Whatever a script does, each client watches that the daemon keeps its side of the protocol: each
//! lease is granted at most once, ended exactly once, and silent afterwards.

use std::collections::HashMap;

use wharf_protocol::{DaemonMessage, Frame, decode_daemon};

use super::super::{READ_MAX, SessionId};
use super::frames::daemon_text;

/// How far the daemon has come with one lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// LEASE was sent.
    Asked,
    /// LEASED came.
    Leased,
    /// RESET came.
    Lost,
    /// REFUSED or RELEASED came.
    Ended,
}

/// One client and its end of the lease socket.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) session: SessionId,
    /// The daemon has not closed the session.
    pub(super) is_open: bool,
    /// Bytes on their way to the daemon.
    outgoing: Vec<u8>,
    /// It has hung up behind its last byte.
    pub(super) has_hung_up: bool,
    /// Bytes that its end of the socket still takes.
    pub(super) room: usize,
    /// What the reactor would wait for.
    pub(super) watches_input: bool,
    /// Part of a frame.
    incoming: Vec<u8>,
    /// What came since it was last looked at.
    heard: Vec<String>,
    /// Bytes of the lease that came last, from `DATA` that nothing else has followed. How a stream
    /// is cut into frames says nothing.
    data: (u16, Vec<u8>),
    /// Payloads go here rather than into `heard`.
    pub(super) collects: bool,
    /// The payloads that went there, by lease.
    pub(super) collected: HashMap<u16, Vec<u8>>,
    leases: HashMap<u16, Progress>,
}

impl Client {
    pub(super) fn new(session: SessionId) -> Self {
        Self {
            session,
            is_open: true,
            outgoing: Vec::new(),
            has_hung_up: false,
            room: usize::MAX,
            watches_input: true,
            incoming: Vec::new(),
            heard: Vec::new(),
            data: (0, Vec::new()),
            collects: false,
            collected: HashMap::new(),
            leases: HashMap::new(),
        }
    }

    /// Writes bytes into its socket; the daemon reads them when it will.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.outgoing.extend_from_slice(bytes);
    }

    /// A LEASE was written.
    pub(super) fn asked(&mut self, number: u16) {
        self.leases.insert(number, Progress::Asked);
    }

    /// How far the daemon has come with lease `number`.
    pub(super) fn progress(&self, number: u16) -> Option<Progress> {
        self.leases.get(&number).copied()
    }

    /// Bytes that the daemon has not read yet.
    pub(super) fn unread(&self) -> usize {
        self.outgoing.len()
    }

    /// What one read of the daemon brings.
    pub(super) fn take_outgoing(&mut self) -> Vec<u8> {
        let count = self.outgoing.len().min(READ_MAX);
        self.outgoing.drain(..count).collect()
    }

    /// The socket brings bytes of the daemon.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        self.incoming.extend_from_slice(bytes);
        let incoming = std::mem::take(&mut self.incoming);
        let mut rest = incoming.as_slice();
        while let Some((frame, length)) = decode_daemon(rest).expect("the daemon's own frames") {
            self.watch(&frame);
            self.note(&frame);
            rest = &rest[length..];
        }
        self.incoming = rest.to_vec();
    }

    /// What came since the last call.
    pub(super) fn take_heard(&mut self) -> Vec<String> {
        self.note_data();
        std::mem::take(&mut self.heard)
    }

    /// The daemon has closed the session.
    pub(super) fn hear_close(&mut self) {
        self.note_data();
        self.heard.push("close".to_owned());
    }

    fn note(&mut self, frame: &Frame<DaemonMessage<'_>>) {
        let DaemonMessage::Data(bytes) = frame.message else {
            self.note_data();
            return self.heard.push(daemon_text(frame));
        };
        if self.collects {
            return self.collected.entry(frame.lease).or_default().extend_from_slice(bytes);
        }
        if self.data.0 != frame.lease {
            self.note_data();
            self.data.0 = frame.lease;
        }
        self.data.1.extend_from_slice(bytes);
    }

    fn note_data(&mut self) {
        let (lease, bytes) = std::mem::take(&mut self.data);
        if !bytes.is_empty() {
            let message = DaemonMessage::Data(&bytes);
            self.heard.push(daemon_text(&Frame { lease, message }));
        }
    }

    /// Holds the daemon to the protocol.
    fn watch(&mut self, frame: &Frame<DaemonMessage<'_>>) {
        let number = frame.lease;
        let progress = self.leases.get_mut(&number);
        let (must_be, becomes): (&[Progress], Option<Progress>) = match frame.message {
            DaemonMessage::Leased(_) => (&[Progress::Asked], Some(Progress::Leased)),
            DaemonMessage::Refused(_) if number != 0 => (&[Progress::Asked], Some(Progress::Ended)),
            DaemonMessage::Released(_) => {
                (&[Progress::Leased, Progress::Lost], Some(Progress::Ended))
            }
            DaemonMessage::Reset(_) => (&[Progress::Leased], Some(Progress::Lost)),
            DaemonMessage::Data(_) | DaemonMessage::Eof => (&[Progress::Leased], None),
            DaemonMessage::Info(_) => (&[Progress::Asked, Progress::Leased, Progress::Lost], None),
            DaemonMessage::Welcome(_)
            | DaemonMessage::Refused(_)
            | DaemonMessage::GoAway(_)
            | DaemonMessage::Pong(_)
            | DaemonMessage::Skipped { .. } => return,
        };
        let progress = progress.unwrap_or_else(|| panic!("{frame:?} of a lease never asked for"));
        assert!(must_be.contains(progress), "{frame:?} while the lease is {progress:?}");
        if let Some(becomes) = becomes {
            *progress = becomes;
        }
    }
}
