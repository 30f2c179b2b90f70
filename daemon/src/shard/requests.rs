//! Frames of a session, in order, as the protocol allows them. DESIGN.md, section 4.
//!
//! Each frame is understood first, then acted on. A frame that breaks the order ends the session
//! with a refusal that says why; nobody else notices.

use wharf_pool::CloseCause;
use wharf_pool::time::{Duration, Now};
use wharf_protocol::{
    ClientMessage, DaemonMessage, Disposition, ErrorToken, Frame, GoAway, LeaseRequest, Limits,
    MINOR, Release, Welcome, feature, next_lease,
};

use super::asking::Ask;
use super::denied::Denied;
use super::session::{ActiveLease, Peer, Session, SessionId, Stage};
use super::{Notice, Shard};

/// How long a session that ends may take to read its last words, and one whose client has gone to
/// be read to its end (DESIGN.md, "Hang-up").
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A frame without its borrowed parts: what is to be done.
#[derive(Debug)]
enum Action {
    /// The client introduced itself; the minor version both speak, if there is one, and what else
    /// both can do.
    Greet(Option<u16>, u64),
    /// It wants a lease.
    Lease(Result<Ask, Denied>),
    /// It writes bytes.
    Data,
    /// It has written its last byte.
    Fin,
    /// It does not want the lease any more.
    Cancel,
    /// It gives the lease back.
    Release(Release),
    /// It asks for the connection's figures.
    Info,
    /// It asks whether anybody is there.
    Ping(u64),
    /// Nothing: an unknown frame that need not be known, or one of a lease that has ended.
    Skip,
    /// It broke the order.
    Violation(String),
}

impl Action {
    /// Whether what the client wrote to the lease's pair before has to be taken in first. What is
    /// discarded need not be.
    fn needs_drained_pair(&self) -> bool {
        match self {
            Self::Release(release) => release.disposition != Disposition::Discard,
            Self::Cancel => true,
            Self::Greet(..)
            | Self::Lease(_)
            | Self::Data
            | Self::Fin
            | Self::Info
            | Self::Ping(_)
            | Self::Skip
            | Self::Violation(_) => false,
        }
    }
}

/// What is left to do with a frame after it was acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// The next frame may come.
    Done,
    /// This one must wait: upstream has no room.
    Blocked,
}

impl Shard {
    /// A client connected. The reactor keeps its socket under the returned id.
    pub fn handle_session_opened(&mut self, now: Now, peer: Peer) -> SessionId {
        let holding = self.holdings.of(peer.uid);
        let full = self.limits.sessions != 0 && self.sessions.len() >= self.limits.sessions;
        let over_quota = !self.limits.quota.admits_session(holding);
        self.holdings.change(peer.uid, |holding| holding.sessions += 1);
        let id = self.sessions.insert(Session::new(peer));
        self.sessions.set_deadline(id, Some(now.monotonic + self.limits.hello_timeout));
        if full {
            let cause = "the daemon serves as many sessions as it may (control.max_sessions)";
            self.refuse_session(now, id, ErrorToken::Quota, cause);
        } else if over_quota {
            let cause = "this user has as many sessions as it may (control.max_sessions_per_uid)";
            self.refuse_session(now, id, ErrorToken::Quota, cause);
        }
        id
    }

    /// Bytes came from a client. Call only while [`Shard::session_wants_input`].
    pub fn handle_session_bytes(&mut self, now: Now, id: SessionId, bytes: &[u8]) {
        if let Some(session) = self.sessions.get_mut(id)
            && session.stage != Stage::Ending
        {
            session.inbox.push(bytes);
            self.serve(now, id);
            self.settle(now);
        }
    }

    /// The client's socket took `count` bytes of [`Shard::session_output`].
    pub fn handle_session_sent(&mut self, now: Now, id: SessionId, count: usize) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.outbox.consume(count);
            self.pump_down(now, id);
            self.serve(now, id);
            self.settle(now);
        }
    }

    /// The client is gone: its socket is at its end, or its process has exited. What it said before
    /// is still dealt with, for a second at most; then everything it held is given back.
    pub fn handle_session_closed(&mut self, now: Now, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        session.gone = true;
        session.is_deaf = true;
        self.sessions.set_deadline(id, Some(now.monotonic + LAST_WORDS));
        self.serve(now, id);
        self.settle(now);
    }

    /// The client is gone, but its socket is not read to its end: what it said before waits for room
    /// upstream, or a child of it holds the descriptor. It is dealt with, for a second at most.
    pub fn handle_session_dying(&mut self, now: Now, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id).filter(|session| !session.is_deaf) else {
            return;
        };
        session.is_deaf = true;
        self.sessions.set_deadline(id, Some(now.monotonic + LAST_WORDS));
        self.serve(now, id);
        self.settle(now);
    }

    /// What is to be written to the client's socket.
    #[must_use]
    pub fn session_output(&self, id: SessionId) -> &[u8] {
        self.sessions.get(id).map_or(&[], |session| session.outbox.bytes())
    }

    /// Whether the client's socket is to be read.
    #[must_use]
    pub fn session_wants_input(&self, id: SessionId) -> bool {
        self.sessions.get(id).is_some_and(Session::wants_input)
    }

    /// Whether the client's socket is to be closed: all is said, or the session is no more.
    #[must_use]
    pub fn session_is_over(&self, id: SessionId) -> bool {
        self.sessions.get(id).is_none_or(Session::is_over)
    }

    /// Deals with the frames that have come, until one must wait.
    pub(super) fn serve(&mut self, now: Now, id: SessionId) {
        loop {
            let Some(session) = self.sessions.get(id) else {
                return;
            };
            if session.stage == Stage::Ending || session.is_congested() {
                break;
            }
            let (number, frame_len, action) = match session.inbox.frame() {
                Ok(None) => break,
                Ok(Some((frame, frame_len))) => {
                    (frame.lease, frame_len, self.understand(session, &frame))
                }
                Err(error) => (0, 0, Action::Violation(error.to_string())),
            };
            if self.act(now, id, number, frame_len, action) == Progress::Blocked {
                break;
            }
            if let Some(session) = self.sessions.get_mut(id)
                && session.stage != Stage::Ending
            {
                session.inbox.consume(frame_len);
            }
        }
        self.finish_if_gone(now, id);
        self.touch(id);
    }

    /// What a frame asks for, and whether this is the time to ask.
    fn understand(&self, session: &Session, frame: &Frame<ClientMessage<'_>>) -> Action {
        let number = frame.lease;
        match (&frame.message, session.stage) {
            (ClientMessage::Skipped { .. }, _) => Action::Skip,
            (ClientMessage::Hello(hello), Stage::Greeting) => {
                Action::Greet(hello.agreed_minor(MINOR), hello.agreed_features(feature::FD))
            }
            (ClientMessage::Hello(_), _) => Action::Violation("HELLO came twice".to_owned()),
            (_, Stage::Greeting) => Action::Violation("the first frame is not HELLO".to_owned()),
            (ClientMessage::Ping(token), _) => Action::Ping(*token),
            (ClientMessage::Lease(request), _) => match lease_order(session, number, request) {
                Ok(()) => Action::Lease(self.understand_lease(&session.peer, request)),
                Err(cause) => Action::Violation(cause),
            },
            (message, _) => match lease_of_frame(session, number) {
                Ok(true) => lease_action(session, message),
                Ok(false) => Action::Skip,
                Err(cause) => Action::Violation(cause),
            },
        }
    }

    /// Does what a frame asks for.
    fn act(
        &mut self,
        now: Now,
        id: SessionId,
        number: u16,
        frame_len: usize,
        action: Action,
    ) -> Progress {
        if action.needs_drained_pair() && !self.may_end_lease(id) {
            return Progress::Blocked;
        }
        match action {
            Action::Greet(minor, features) => self.greet(now, id, minor, features),
            Action::Lease(ask) => self.lease(now, id, number, ask),
            Action::Data => return self.take_data(now, id, frame_len),
            Action::Fin => self.take_fin(now, id),
            Action::Cancel => self.cancel(now, id, number),
            Action::Release(release) => self.release(now, id, number, release),
            Action::Info => self.inform(now, id, number),
            Action::Ping(token) => {
                if let Some(session) = self.sessions.get_mut(id) {
                    session.reply(0, DaemonMessage::Pong(token));
                }
            }
            Action::Skip => {}
            Action::Violation(cause) => {
                self.refuse_session(now, id, ErrorToken::ProtocolViolation, &cause);
            }
        }
        Progress::Done
    }

    fn greet(&mut self, now: Now, id: SessionId, minor: Option<u16>, features: u64) {
        let Some(minor) = minor else {
            let cause = format!("no common version: this daemon speaks 1.0 to 1.{MINOR}");
            self.refuse_session(now, id, ErrorToken::ProtocolViolation, &cause);
            return;
        };
        self.sessions.set_deadline(id, None);
        let sessions = u32::try_from(self.limits.quota.sessions).unwrap_or(u32::MAX);
        let limits = Limits { sessions, ..Limits::default() };
        let welcome = Welcome { minor, features, instance: self.instance, limits };
        let draining = self.draining.map(|until| until.since(now.monotonic));
        if let Some(session) = self.sessions.get_mut(id) {
            session.stage = Stage::Open;
            session.features = features;
            session.reply(0, DaemonMessage::Welcome(welcome));
            if let Some(deadline) = draining {
                session.reply(0, DaemonMessage::GoAway(GoAway { last_lease: 0, deadline }));
            }
        }
    }

    /// The client's bytes: upstream if it has a connection, aside if it waits for one.
    fn take_data(&mut self, now: Now, id: SessionId, frame_len: usize) -> Progress {
        let Some(session) = self.sessions.get_mut(id) else {
            return Progress::Done;
        };
        if session.held().is_some() {
            return match super::bridge::pump_up(now, &mut self.stack, session, frame_len) {
                true => Progress::Done,
                false => Progress::Blocked,
            };
        }
        let Session { inbox, lease, .. } = session;
        let taken = lease.as_mut().is_none_or(|lease| lease.take_early(inbox.data_left(frame_len)));
        if !taken {
            let cause = "more than 16 KiB of DATA came before LEASED";
            self.refuse_session(now, id, ErrorToken::ProtocolViolation, cause);
        }
        Progress::Done
    }

    /// Ends the trust in a session: it is told why, and everything it held is given back.
    pub(super) fn refuse_session(
        &mut self,
        now: Now,
        id: SessionId,
        token: ErrorToken,
        cause: &str,
    ) {
        self.tally.sessions_refused.add(token);
        self.give_back(now, id, CloseCause::ClientDied);
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let Peer { pid, uid, .. } = session.peer;
        session.refuse(0, &Denied::new(token, cause));
        session.stage = Stage::Ending;
        session.blocked = false;
        session.inbox.clear();
        self.sessions.set_deadline(id, Some(now.monotonic + LAST_WORDS));
        self.notice(Notice::SessionRefused { pid, uid, token: token.token(), cause: cause.into() });
        self.touch(id);
    }

    /// Ends a session whose client is gone, once nothing of what it said is left.
    fn finish_if_gone(&mut self, now: Now, id: SessionId) {
        if self.sessions.get(id).is_some_and(|session| session.gone && !session.blocked) {
            self.end_session(now, id, CloseCause::ClientDied);
        }
    }

    /// Gives back what a session held and forgets it. `cause` is why a used connection is closed.
    pub(super) fn end_session(&mut self, now: Now, id: SessionId, cause: CloseCause) {
        self.give_back(now, id, cause);
        self.touch(id);
        if let Some(session) = self.sessions.remove(id) {
            self.holdings.change(session.peer.uid, |holding| holding.sessions -= 1);
        }
    }

    /// Ends the sessions whose time has come, and hands over the ends that were held back so long.
    pub(super) fn expire_sessions(&mut self, now: Now) {
        self.hand_over_ends(now);
        while let Some(id) = self.sessions.poll_expired(now.monotonic) {
            let Some(session) = self.sessions.get(id) else {
                continue;
            };
            match session.stage {
                Stage::Greeting if !session.gone => {
                    let cause = "no HELLO came in time (control.hello_timeout)";
                    self.refuse_session(now, id, ErrorToken::ProtocolViolation, cause);
                }
                Stage::Greeting | Stage::Open | Stage::Ending => {
                    self.end_session(now, id, CloseCause::ClientDied);
                }
            }
        }
    }

    /// Tells every client that no further lease is served. Those who wait will be refused: theirs
    /// is not among the leases served.
    pub(super) fn say_goodbye(&mut self, within: Duration) {
        for id in self.sessions.ids() {
            if let Some(session) = self.sessions.get_mut(id)
                && session.stage == Stage::Open
            {
                let is_waiting = session.waiter().is_some();
                let last_lease = session.last_number.wrapping_sub(u16::from(is_waiting));
                let goodbye = GoAway { last_lease, deadline: within };
                session.reply(0, DaemonMessage::GoAway(goodbye));
                self.touch(id);
            }
        }
    }
}

/// Whether a LEASE with this number may come now, and asks for what was agreed on.
fn lease_order(session: &Session, number: u16, request: &LeaseRequest<'_>) -> Result<(), String> {
    if request.fd && session.features & feature::FD == 0 {
        return Err("LEASE has the flag fd, which was not agreed on".to_owned());
    }
    if session.lease.is_some() {
        return Err(format!(
            "LEASE {number} came before lease {} was released",
            session.last_number
        ));
    }
    let expected = next_lease(session.last_number);
    if number != expected {
        return Err(format!("LEASE has the number {number} where {expected} comes next"));
    }
    Ok(())
}

/// Whether a frame belongs to the lease that is; `false` if to one that has ended.
fn lease_of_frame(session: &Session, number: u16) -> Result<bool, String> {
    if session.lease.as_ref().is_some_and(|lease| lease.number == number) {
        return Ok(true);
    }
    // Numbers go round, so "asked for before" is a distance on the circle.
    let behind = session.last_number.wrapping_sub(number);
    if session.last_number != 0 && behind < u16::MAX / 2 {
        return Ok(false);
    }
    Err(format!("a frame belongs to lease {number}, which was never asked for"))
}

/// What a frame asks of the lease that is.
fn lease_action(session: &Session, message: &ClientMessage<'_>) -> Action {
    let has_finished = session.lease.as_ref().is_some_and(ActiveLease::has_finished);
    let has_pair = session.lease.as_ref().is_some_and(|lease| lease.pair.is_some());
    match message {
        ClientMessage::Data(_) | ClientMessage::Fin if has_pair => {
            Action::Violation("DATA or FIN belongs to a lease with a descriptor".to_owned())
        }
        ClientMessage::Data(_) | ClientMessage::Fin if has_finished => {
            Action::Violation("the client writes on behind its FIN".to_owned())
        }
        ClientMessage::Data(_) => Action::Data,
        ClientMessage::Fin => Action::Fin,
        ClientMessage::Cancel => Action::Cancel,
        ClientMessage::Release(release) => Action::Release(*release),
        ClientMessage::Info => Action::Info,
        ClientMessage::Hello(_)
        | ClientMessage::Lease(_)
        | ClientMessage::Ping(_)
        | ClientMessage::Skipped { .. } => Action::Skip,
    }
}
