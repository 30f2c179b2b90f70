//! A lease from its grant to its RELEASED: granted, carried, lost, given back.
//!
//! The daemon ends every lease with exactly one REFUSED or RELEASED (DESIGN.md, section 4); each
//! function here that ends one sends exactly that and takes the lease out of its session.

use wharf_pool::time::{Duration, Now};
use wharf_pool::{CloseCause, Condition, Grant, LeaseId, Released as PoolReleased, WaiterId};
use wharf_protocol::{
    DaemonMessage, Disposition, ErrorToken, Info, Leased, Outcome as Ended, Release, Released,
    Reset, Verdict,
};
use wharf_transport::stack::ConnectionId;
use wharf_transport::tcp::Quiescence;

use super::connections::Role;
use super::denied::Denied;
use super::pair;
use super::release::{Claim, Totals, judge, judge_unused};
use super::session::{ActiveLease, Held, LeasePhase, Peer, Session, SessionId};
use super::{Notice, Shard, bridge, instant, tokens};

/// Whose account the buffers of a connection without lease count to.
const NOBODY: u32 = 0;

impl Shard {
    /// A waiter has its lease.
    pub(super) fn granted(&mut self, now: Now, waiter: WaiterId, grant: &Grant<ConnectionId>) {
        let id = self.waiters.remove(&waiter).expect("every waiter has a session");
        let session = self.sessions.get_mut(id).expect("a session that ends cancels its waiter");
        let uid = session.peer.uid;
        let lease = session.lease.as_mut().expect("a waiter is a lease that is wanted");
        let before = std::mem::replace(&mut lease.phase, LeasePhase::Held(held(now, grant)));
        self.holdings.change(uid, |holding| {
            holding.waiters -= 1;
            holding.leases += 1;
        });
        self.begin(now, id, grant);
        if let LeasePhase::Waiting { early, early_fin, .. } = before {
            self.send_early(now, id, &early, early_fin);
        }
        self.serve(now, id);
    }

    /// The lease begins: the connection learns of it, then the client.
    pub(super) fn begin(&mut self, now: Now, id: SessionId, grant: &Grant<ConnectionId>) {
        let connection = grant.connection;
        self.connections.hand_over(now.monotonic, connection, Role::Leased(id));
        let uid = self.sessions.get(id).map(|session| session.peer.uid);
        let _gone = self.stack.set_account(connection, uid.map_or(NOBODY, account));
        // On a connection that was used before, the client speaks first (DESIGN.md, section 6.4).
        // One that died in this very turn says so with its next event.
        let _gone = self.stack.begin_lease(connection, grant.uses > 0);
        let leased = self.describe(now, grant);
        if let Some(session) = self.sessions.get_mut(id) {
            let number = session.last_number;
            session.mark_descriptor();
            session.reply(number, DaemonMessage::Leased(leased));
        }
        self.pump_down(now, id);
        self.touch(id);
    }

    fn describe(&self, now: Now, grant: &Grant<ConnectionId>) -> Leased {
        let link = self.connections.get(grant.connection).expect("a grant is of a connection");
        let info = self.stack.info(instant(now), grant.connection);
        let source = tokens::source(grant.source);
        Leased {
            handle: grant.lease.to_bits(),
            source,
            age: grant.age,
            idle: grant.idle,
            uses: grant.uses,
            srtt: info.ok().and_then(|info| info.rtt).unwrap_or_default(),
            cwnd: info.map_or(0, |info| info.cwnd),
            wait: grant.waited,
            connect: (source == wharf_protocol::Source::New).then_some(link.connect),
            peer: link.peer,
        }
    }

    /// What the client sent ahead goes upstream.
    fn send_early(&mut self, now: Now, id: SessionId, early: &[u8], fin: bool) {
        let Some(held) = self.sessions.get(id).and_then(super::session::Session::held) else {
            return;
        };
        if !early.is_empty()
            && let Ok(taken) = self.stack.write(instant(now), held.connection, early)
        {
            assert!(taken == early.len(), "an empty send buffer holds what may be sent ahead");
            if let Some(lease) =
                self.sessions.get_mut(id).and_then(|session| session.lease.as_mut())
            {
                lease.totals.written += taken as u64;
            }
        }
        if fin {
            self.take_fin(now, id);
        }
    }

    /// The client has written its last byte.
    pub(super) fn take_fin(&mut self, now: Now, id: SessionId) {
        let Some(lease) = self.sessions.get_mut(id).and_then(|session| session.lease.as_mut())
        else {
            return;
        };
        match &mut lease.phase {
            LeasePhase::Waiting { early_fin, .. } => *early_fin = true,
            LeasePhase::Held(held) => {
                lease.totals.client_finished = true;
                // A connection that has ended cannot be finished; its client hears RESET.
                let _ended = self.stack.finish(instant(now), held.connection);
            }
            LeasePhase::Lost { .. } => {}
        }
    }

    /// The client gives the lease back.
    pub(super) fn release(&mut self, now: Now, id: SessionId, number: u16, release: Release) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        if session.waiter().is_some() {
            // A RELEASE of what was never granted is a CANCEL.
            self.cancel(now, id, number);
            return;
        }
        let Some(lease) = session.lease.take() else {
            return;
        };
        let uid = session.peer.uid;
        self.holdings.change(uid, |holding| holding.leases -= 1);
        let (outcome, cause) = match lease.phase {
            LeasePhase::Held(held) => self.hand_back(now, &lease, held, release),
            LeasePhase::Lost { lease, cause } => {
                self.give_up(now, lease, cause);
                (Ended::Closed, Some(cause.token()))
            }
            LeasePhase::Waiting { .. } => unreachable!("a waiting lease was cancelled above"),
        };
        if let Some(session) = self.sessions.get_mut(id) {
            session.reply(number, DaemonMessage::Released(Released { outcome, cause }));
        }
    }

    /// Judges a connection that comes back, and gives it to the pool.
    fn hand_back(
        &mut self,
        now: Now,
        lease: &ActiveLease,
        held: Held,
        release: Release,
    ) -> (Ended, Option<&'static str>) {
        let info = self.stack.info(instant(now), held.connection);
        let rto = info.as_ref().map_or(Duration::ZERO, |info| info.rto);
        let claim = Claim {
            disposition: release.disposition,
            consumed: release.rx_consumed,
            written: release.tx_written,
            opaque: lease.opaque,
            settle_by: now.monotonic + rto,
        };
        if let Ok(info) = info {
            if let Some(rtt) = info.rtt {
                self.pool.on_round_trip(held.lease, rtt);
            }
            if self.connections.has_lost(held.connection, info.total_retrans) {
                self.pool.on_loss(now, held.lease);
            }
        }
        if let Some(timeout) = release.keep_alive {
            self.pool.on_keep_alive(held.lease, timeout);
        }
        let quiescence = self.quiescence(held);
        let condition = judge(claim, lease.totals, quiescence);
        let condition = pair::judge(condition, lease.pair.as_ref());
        if matches!(condition, Condition::Settling { .. }) {
            // Without an answer, or with nothing to repeat, the settling deadline closes it.
            let _repeated = self.stack.repeat_last_byte(instant(now), held.connection);
        }
        self.return_to_pool(now, held, condition)
    }

    /// What a connection holds; one that is gone will not serve again.
    fn quiescence(&self, held: Held) -> Quiescence {
        self.stack.quiescence(held.connection).unwrap_or(Quiescence::HalfClosed)
    }

    /// The pool takes a connection back. A refused release cannot happen: the handle is our own.
    pub(super) fn return_to_pool(
        &mut self,
        now: Now,
        held: Held,
        condition: Condition,
    ) -> (Ended, Option<&'static str>) {
        self.connections.hand_over(now.monotonic, held.connection, Role::Pooled);
        // One that is gone has no memory.
        let _gone = self.stack.set_account(held.connection, NOBODY);
        match self.pool.release(now, held.lease, condition) {
            Ok(PoolReleased::Kept) => (Ended::Kept, None),
            Ok(PoolReleased::Settling) => (Ended::Settling, None),
            Ok(PoolReleased::HandedOn) => (Ended::HandedOn, None),
            Ok(PoolReleased::Closed(cause)) => (Ended::Closed, Some(cause.token())),
            Err(error) => unreachable!("the session's own lease was not taken back: {error}"),
        }
    }

    /// Gives back a lease whose connection is gone.
    fn give_up(&mut self, now: Now, lease: Option<LeaseId>, cause: CloseCause) {
        let Some(lease) = lease else {
            return;
        };
        let released = self.pool.release(now, lease, Condition::Spent(cause));
        assert!(released.is_ok(), "a lost lease is still its session's: {released:?}");
    }

    /// The client does not want the lease any more, granted or not.
    pub(super) fn cancel(&mut self, now: Now, id: SessionId, number: u16) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        if let Some(waiter) = session.waiter() {
            self.withdraw(now, id, waiter);
            self.refuse(id, number, &Denied::new(ErrorToken::Cancelled, ""));
            return;
        }
        let Some(lease) = &session.lease else {
            return;
        };
        // CANCEL crossed LEASED: with a byte upstream the lease is spent, else unused.
        let disposition = match lease.totals {
            Totals { written: 0, client_finished: false, .. } => Disposition::Unused,
            Totals { .. } => Disposition::Discard,
        };
        let release = Release { disposition, rx_consumed: 0, tx_written: 0, keep_alive: None };
        self.release(now, id, number, release);
    }

    /// Takes a waiter out of the pool.
    fn withdraw(&mut self, now: Now, id: SessionId, waiter: WaiterId) {
        self.waiters.remove(&waiter);
        let cancelled = self.pool.cancel(now, waiter);
        assert!(cancelled.is_ok(), "a waiter that was told its outcome waits no more");
        if let Some(session) = self.sessions.get_mut(id) {
            session.lease = None;
            let uid = session.peer.uid;
            self.holdings.change(uid, |holding| holding.waiters -= 1);
        }
    }

    /// A waiter will have no lease.
    pub(super) fn refused(&mut self, waiter: WaiterId, denial: wharf_pool::Denial) {
        let id = self.waiters.remove(&waiter).expect("every waiter has a session");
        let session = self.sessions.get_mut(id).expect("a session that ends cancels its waiter");
        let lease = session.lease.take().expect("a waiter is a lease that is wanted");
        let uid = session.peer.uid;
        self.holdings.change(uid, |holding| holding.waiters -= 1);
        let denied = Denied::by_pool(denial, lease.route, &self.routes);
        self.refuse(id, lease.number, &denied);
    }

    /// Ends lease `number` with REFUSED.
    pub(super) fn refuse(&mut self, id: SessionId, number: u16, denied: &Denied) {
        self.tally.refused.add(denied.token);
        if let Some(session) = self.sessions.get_mut(id) {
            session.refuse(number, denied);
        }
        self.touch(id);
    }

    /// A session ends: what it held goes back as it is (POOL.md, rules W and G). A connection that
    /// it used is closed, with `cause`.
    pub(super) fn give_back(&mut self, now: Now, id: SessionId, cause: CloseCause) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        if let Some(waiter) = session.waiter() {
            self.withdraw(now, id, waiter);
            return;
        }
        let Some(lease) = session.lease.take() else {
            return;
        };
        let Peer { pid, uid, .. } = session.peer;
        self.holdings.change(uid, |holding| holding.leases -= 1);
        match lease.phase {
            LeasePhase::Held(held) => {
                let quiescence = self.quiescence(held);
                let condition = match judge_unused(lease.totals, quiescence) {
                    Condition::Unused => Condition::Unused,
                    Condition::Reusable | Condition::Settling { .. } | Condition::Spent(_) => {
                        Condition::Spent(cause)
                    }
                };
                if condition == Condition::Spent(CloseCause::ClientDied) {
                    let held_for = now.monotonic.since(held.since);
                    self.notice(Notice::ClientDied { pid, uid, held: held_for });
                }
                self.return_to_pool(now, held, condition);
            }
            LeasePhase::Lost { lease, cause } => self.give_up(now, lease, cause),
            LeasePhase::Waiting { .. } => unreachable!("a waiting lease was withdrawn above"),
        }
    }

    /// A leased connection is gone: the client hears it, with what is known of its request.
    pub(super) fn lose(&mut self, id: SessionId, loss: Loss) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let Some(lease) = &mut session.lease else {
            return;
        };
        let LeasePhase::Held(held) = lease.phase else {
            return;
        };
        lease.phase = LeasePhase::Lost { lease: Some(held.lease), cause: loss.cause };
        session.blocked = false;
        let (number, route, pid) = (lease.number, lease.route, session.peer.pid);
        if let Some(reset) = loss.reset {
            session.reply(number, DaemonMessage::Reset(reset));
            self.tally.lost.add(reset.verdict);
            let route = self.routes.label(route);
            let (token, verdict) = (reset.token.token(), reset.verdict.token());
            self.notice(Notice::LeaseLost { route, pid, token, verdict });
        }
        self.touch(id);
    }

    /// Answers INFO.
    pub(super) fn inform(&mut self, now: Now, id: SessionId, number: u16) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let held = session.held();
        let info = held.and_then(|held| self.stack.info(instant(now), held.connection).ok());
        let figures = info.map_or_else(Info::default, |info| tokens::figures(&info));
        session.reply(number, DaemonMessage::Info(figures));
    }

    /// Moves received bytes to the session that leases their connection.
    pub(super) fn pump_down(&mut self, now: Now, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let end_held = |session: &Session| session.lease.as_ref().and_then(|it| it.end_held);
        let before = end_held(session);
        let has_more = bridge::pump_down(now, &mut self.stack, session, self.limits.buffer_bytes);
        let after = end_held(session);
        if let Some(until) = after.filter(|_| before.is_none()) {
            self.sessions.hold_end(id, until);
        }
        if has_more {
            self.touch(id);
        }
    }
}

/// What became of a leased connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss {
    /// Why, as the pool counts it.
    pub(super) cause: CloseCause,
    /// What the client is told; nothing where both sides had finished in good order.
    pub(super) reset: Option<Reset<'static>>,
}

impl Loss {
    /// A loss that the client must hear of.
    pub(super) fn told(
        cause: CloseCause,
        token: ErrorToken,
        verdict: Verdict,
        bytes_sent: u64,
        bytes_acked: u64,
    ) -> Self {
        let reset = Reset { token, verdict, bytes_sent, bytes_acked, cause: "" };
        Self { cause, reset: Some(reset) }
    }
}

/// What a grant gives into a session's hands.
pub(super) fn held(now: Now, grant: &Grant<ConnectionId>) -> Held {
    Held { lease: grant.lease, connection: grant.connection, since: now.monotonic }
}

/// The account of a user's buffers. Numbers of users begin with 0, which is nobody's account, and
/// end before `u32::MAX`, which is no user.
fn account(uid: u32) -> u32 {
    uid.wrapping_add(1)
}
