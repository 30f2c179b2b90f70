//! Paths that die (POOL.md, rule M): what the stack knows of silence goes to the pool, and what the
//! pool wants to know goes to the network.
//!
//! A failed address is knocked at by a SYN of no slot: what answers, even with a reset, is there, and
//! the handshake is given up before the peer's application hears of it. So nobody waits on an address
//! to find out whether it is back.

use std::collections::HashMap;
use std::net::SocketAddr;

use wharf_pool::time::{Instant, Now};
use wharf_pool::{AddressId, Silence};
use wharf_transport::stack::ConnectionId;
use wharf_transport::tcp::{CloseReason, Event, Quiescence};

use super::connections::{Link, Role, address_id};
use super::{Notice, Shard, instant};

/// Addresses that are doubted or failed and remembered, at most. Others are not knocked at: a
/// connection that opens proves them well.
const ADDRESSES_MAX: usize = 4096;

/// An address that was asked whether it is there.
#[derive(Clone, Copy, Debug)]
struct Doubted {
    peer: SocketAddr,
    /// Since when it is failed, if it is.
    failed: Option<Instant>,
    /// The handshake that knocks.
    knock: Option<ConnectionId>,
}

/// All such addresses.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    by_id: HashMap<AddressId, Doubted>,
    knocks: HashMap<ConnectionId, AddressId>,
}

impl Doubts {
    /// The address behind `id` is asked.
    fn note(&mut self, id: AddressId, peer: SocketAddr) {
        if self.by_id.len() == ADDRESSES_MAX {
            // Of those that were only doubted most have long been settled, or are gone.
            self.by_id.retain(|_, doubted| doubted.failed.is_some());
        }
        if self.by_id.len() < ADDRESSES_MAX {
            self.by_id.entry(id).or_insert(Doubted { peer, failed: None, knock: None });
        }
    }

    /// It is there: no more of it, but that it was failed.
    fn settle(&mut self, id: AddressId) -> Option<Doubted> {
        let doubted = self.by_id.remove(&id)?;
        if let Some(knock) = doubted.knock {
            self.knocks.remove(&knock);
        }
        Some(doubted)
    }

    /// Whose knock that is. It is one no more.
    fn take_knock(&mut self, connection: ConnectionId) -> Option<AddressId> {
        let id = self.knocks.remove(&connection)?;
        if let Some(doubted) = self.by_id.get_mut(&id) {
            doubted.knock = None;
        }
        Some(id)
    }

    /// `connection` knocks at `id` instead of what did before, which is returned.
    fn knock(&mut self, id: AddressId, connection: Option<ConnectionId>) -> Option<ConnectionId> {
        let doubted = self.by_id.get_mut(&id)?;
        let before = core::mem::replace(&mut doubted.knock, connection);
        if let Some(before) = before {
            self.knocks.remove(&before);
        }
        self.knocks.extend(connection.map(|connection| (connection, id)));
        before
    }
}

impl Shard {
    /// What was sent on a connection was not acknowledged in time.
    pub(super) fn on_overdue(&mut self, now: Now, connection: ConnectionId, link: &Link) {
        let Ok(Some(silence)) = self.stack.silence(connection) else { return };
        // The next segment ends what follows.
        let _watched = self.stack.await_segment(connection);
        let is_open = matches!(link.role, Role::Pooled | Role::Leased(_));
        let silence = Silence {
            address: link.address(),
            slot: is_open.then_some(link.slot),
            heard: Instant::from_nanos(silence.heard.as_nanos()),
            window: silence.window,
        };
        self.doubts.note(silence.address, link.peer);
        self.pool.on_silence(now, silence);
    }

    /// The pool wants to know whether the peer of a connection is there.
    pub(super) fn question(&mut self, now: Now, connection: ConnectionId, unless_after: Instant) {
        let Some(link) = self.connections.get(connection) else { return };
        let heard = match self.stack.silence(connection) {
            Ok(Some(silence)) => Instant::from_nanos(silence.heard.as_nanos()),
            Ok(None) | Err(_) => return,
        };
        let address = link.address();
        if heard > unless_after {
            return self.pool.heard(now, address, heard);
        }
        // What has sent its FIN sends nothing more that could be answered.
        if self.stack.quiescence(connection) == Ok(Quiescence::HalfClosed) {
            return self.pool.cannot_ask(now, address);
        }
        self.doubts.note(address, link.peer);
        let _watched = self.stack.await_segment(connection);
        let _asked = self.stack.ask(connection);
    }

    /// A segment has come from `peer`, as was waited for.
    pub(super) fn heard_from(&mut self, now: Now, peer: SocketAddr) {
        let address = address_id(peer);
        self.pool.heard(now, address, now.monotonic);
        // What has failed goes on being remembered until the pool says that it is back.
        if self.doubts.by_id.get(&address).is_some_and(|doubted| doubted.failed.is_none()) {
            self.doubts.settle(address);
        }
    }

    /// The path to an address is dead: attempts that are under way there go on elsewhere.
    pub(super) fn address_failed(&mut self, now: Now, address: AddressId) {
        let Some(doubted) = self.doubts.by_id.get_mut(&address) else { return };
        doubted.failed = Some(now.monotonic);
        let peer = doubted.peer;
        self.notice(Notice::AddressFailed { address: peer });
        self.turn_away(now, peer);
    }

    /// A failed address is there again.
    pub(super) fn address_recovered(&mut self, now: Now, address: AddressId) {
        let Some(doubted) = self.doubts.settle(address) else { return };
        if let Some(knock) = doubted.knock {
            let _gone = self.stack.abort(instant(now), knock);
        }
        self.shunned.forgive(doubted.peer);
        let after = now.monotonic.since(doubted.failed.unwrap_or(now.monotonic));
        self.notice(Notice::AddressRecovered { address: doubted.peer, after });
    }

    /// Finds out whether a failed address is back, if any route leads there still.
    pub(super) fn knock(&mut self, now: Now, address: AddressId) {
        let Some(peer) = self.doubts.by_id.get(&address).map(|doubted| doubted.peer) else {
            return;
        };
        if !self.routes.lead_to(peer) {
            let doubted = self.doubts.settle(address);
            if let Some(knock) = doubted.and_then(|doubted| doubted.knock) {
                let _gone = self.stack.abort(instant(now), knock);
            }
            return self.pool.forget_failure(now, address);
        }
        let knock = self.stack.connect(instant(now), peer).ok();
        if let Some(before) = self.doubts.knock(address, knock) {
            let _gone = self.stack.abort(instant(now), before);
        }
    }

    /// What became of a knock; nothing of any other connection.
    pub(super) fn on_knock(&mut self, now: Now, connection: ConnectionId, event: Event) {
        let is_answer = match event {
            Event::Established => true,
            Event::Closed(reason) => {
                matches!(reason, CloseReason::Refused | CloseReason::ResetByPeer)
            }
            Event::Readable
            | Event::Gap
            | Event::Writable
            | Event::PeerClosed
            | Event::Acknowledged
            | Event::Answered
            | Event::ForeignText
            | Event::Overdue => return,
        };
        let Some(address) = self.doubts.take_knock(connection) else { return };
        let _gone = self.stack.abort(instant(now), connection);
        if is_answer {
            self.pool.heard(now, address, now.monotonic);
        }
    }

    /// Gives up all knocks.
    pub(super) fn end_knocks(&mut self, now: Now) {
        for (knock, _) in core::mem::take(&mut self.doubts).knocks {
            let _gone = self.stack.abort(instant(now), knock);
        }
    }
}
