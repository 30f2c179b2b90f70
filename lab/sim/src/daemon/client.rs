//! A client's end of the lease socket: what is on its way, what came, and whether the daemon keeps
//! its side of the protocol, whatever the client does.

use std::collections::HashMap;

use wharf_protocol::{
    ClientMessage, DaemonMessage, ErrorToken, FRAME_MAX, Frame, Refused, Verdict, decode_daemon,
    encode_client,
};
use wharfd::shard::{READ_MAX, SessionId};

use crate::violation::{Kind, Violation, demand};

/// How far the daemon has come with one lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// LEASE was sent.
    Asked,
    /// LEASED came.
    Leased,
    /// RESET came.
    Lost,
    /// REFUSED or RELEASED came.
    Ended,
}

/// What a client makes of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The lease is granted, on a connection that served so many before.
    Leased { uses: u32 },
    /// There is no lease, or no session.
    Refused { token: ErrorToken, cause: String },
    /// Bytes of the peer.
    Data(Vec<u8>),
    /// The peer has finished.
    Eof,
    /// The connection is gone.
    Reset(Verdict),
    /// The lease is over.
    Released,
    /// What changes nothing.
    Other,
}

impl From<&DaemonMessage<'_>> for Heard {
    fn from(message: &DaemonMessage<'_>) -> Self {
        match *message {
            DaemonMessage::Leased(leased) => Self::Leased { uses: leased.uses },
            DaemonMessage::Refused(Refused { token, cause, .. }) => {
                Self::Refused { token, cause: cause.to_owned() }
            }
            DaemonMessage::Data(bytes) => Self::Data(bytes.to_vec()),
            DaemonMessage::Eof => Self::Eof,
            DaemonMessage::Reset(reset) => Self::Reset(reset.verdict),
            DaemonMessage::Released(_) => Self::Released,
            DaemonMessage::Welcome(_)
            | DaemonMessage::GoAway(_)
            | DaemonMessage::Info(_)
            | DaemonMessage::Pong(_)
            | DaemonMessage::Skipped { .. } => Self::Other,
        }
    }
}

/// One end of a socket.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) session: SessionId,
    /// The daemon has not closed it.
    pub(super) is_open: bool,
    /// Nothing follows behind what is on its way.
    pub(super) has_hung_up: bool,
    /// Its process is gone.
    pub(super) has_exited: bool,
    /// Bytes that it still takes.
    pub(super) room: usize,
    /// What the reactor would wait for.
    pub(super) watches_input: bool,
    /// Written bytes after which it exits, or writes nonsense.
    exits_at: Option<u64>,
    raves_at: Option<u64>,
    pub(super) has_raved: bool,
    written: u64,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
    /// How much of it was heard already.
    heard: usize,
    leases: HashMap<u16, Progress>,
}

impl Client {
    pub(super) fn new(session: SessionId, exits_at: Option<u64>, raves_at: Option<u64>) -> Self {
        Self {
            session,
            is_open: true,
            has_hung_up: false,
            has_exited: false,
            room: usize::MAX,
            watches_input: true,
            exits_at,
            raves_at,
            has_raved: false,
            written: 0,
            outgoing: Vec::new(),
            incoming: Vec::new(),
            heard: 0,
            leases: HashMap::new(),
        }
    }

    /// Says something; the daemon reads it when it will.
    pub(super) fn say(&mut self, lease: u16, message: ClientMessage<'_>) {
        if matches!(message, ClientMessage::Lease(_)) && !self.has_hung_up {
            self.leases.insert(lease, Progress::Asked);
        }
        let mut bytes = Vec::new();
        encode_client(&Frame { lease, message }, &mut bytes).expect("a frame that can be");
        self.write(&bytes);
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.has_hung_up {
            return;
        }
        let reached = self.written + bytes.len() as u64;
        self.written = reached;
        self.outgoing.extend_from_slice(bytes);
        if let Some(at) = self.raves_at.filter(|at| *at <= reached) {
            self.raves_at = None;
            self.has_raved = true;
            let nonsense = (0..64u64).map(|k| at.wrapping_mul(k + 7).to_le_bytes()[1]);
            self.outgoing.extend(nonsense);
        }
        if let Some(at) = self.exits_at.filter(|at| *at <= reached) {
            let unsaid = usize::try_from(reached - at).unwrap_or(0);
            self.outgoing.truncate(self.outgoing.len().saturating_sub(unsaid));
            self.has_hung_up = true;
            self.has_exited = true;
        }
    }

    /// Whether the daemon has read all that was said, and would read more.
    pub(super) fn was_read(&self) -> bool {
        self.outgoing.is_empty() && self.watches_input && !self.has_raved
    }

    /// What one read of the daemon brings.
    pub(super) fn take_outgoing(&mut self) -> Vec<u8> {
        let count = self.outgoing.len().min(READ_MAX);
        self.outgoing.drain(..count).collect()
    }

    /// The socket brings bytes of the daemon.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.incoming.extend_from_slice(bytes);
        if self.room != usize::MAX {
            self.room = self.room.saturating_sub(bytes.len());
        }
    }

    /// The next whole frame that has come, and it in a few words. Call until there is none.
    pub(super) fn poll_frame(&mut self) -> Result<Option<(u16, Heard, String)>, Violation> {
        let incoming = std::mem::take(&mut self.incoming);
        let decoded = decode_daemon(incoming.get(self.heard..).unwrap_or_default());
        let decoded = decoded
            .map_err(|error| Violation::new(Kind::Lease, format!("the daemon's frame: {error}")))?;
        let Some((frame, length)) = decoded else {
            self.incoming = incoming;
            self.incoming.drain(..std::mem::take(&mut self.heard));
            let is_bounded = self.incoming.len() < FRAME_MAX;
            demand(is_bounded, Kind::Lease, || "a frame without end".to_owned())?;
            return Ok(None);
        };
        self.watch(&frame)?;
        self.heard += length;
        let heard = (frame.lease, Heard::from(&frame.message), name(&frame));
        self.incoming = incoming;
        Ok(Some(heard))
    }

    /// Holds the daemon to the protocol: each lease is granted at most once, ended once, and silent
    /// afterwards.
    fn watch(&mut self, frame: &Frame<DaemonMessage<'_>>) -> Result<(), Violation> {
        let number = frame.lease;
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
            | DaemonMessage::Skipped { .. } => return Ok(()),
        };
        let progress = self.leases.get_mut(&number);
        let is_right = progress.as_ref().is_some_and(|progress| must_be.contains(progress));
        demand(is_right, Kind::Lease, || {
            format!("{} of a lease that is {progress:?}", name(frame))
        })?;
        if let (Some(progress), Some(becomes)) = (progress, becomes) {
            *progress = becomes;
        }
        Ok(())
    }
}

/// A frame in a few words.
fn name(frame: &Frame<DaemonMessage<'_>>) -> String {
    let text = match frame.message {
        DaemonMessage::Welcome(_) => "WELCOME".to_owned(),
        DaemonMessage::Leased(leased) => format!("LEASED {} uses={}", leased.source, leased.uses),
        DaemonMessage::Refused(refused) => format!("REFUSED {} {:?}", refused.token, refused.cause),
        DaemonMessage::Data(bytes) => format!("DATA ({})", bytes.len()),
        DaemonMessage::Eof => "EOF".to_owned(),
        DaemonMessage::Reset(reset) => format!(
            "RESET {} {} sent={} acked={}",
            reset.token, reset.verdict, reset.bytes_sent, reset.bytes_acked
        ),
        DaemonMessage::Released(released) => {
            format!("RELEASED {} {}", released.outcome, released.cause.unwrap_or_default())
        }
        DaemonMessage::GoAway(_) => "GOAWAY".to_owned(),
        DaemonMessage::Info(_) => "INFO".to_owned(),
        DaemonMessage::Pong(_) => "PONG".to_owned(),
        DaemonMessage::Skipped { kind } => format!("kind {kind}"),
    };
    format!("{} {text}", frame.lease)
}
