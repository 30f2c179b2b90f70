//! Connection attempts: a slot of the pool becomes addresses, an address becomes a handshake.
//!
//! Every address of a name is tried before the attempt has failed (POOL.md, rule C); the time for
//! all of them is the pool's.

use std::net::{IpAddr, SocketAddr};

use wharf_pool::time::Now;
use wharf_pool::{ConnectError, ConnectFailure, RouteId, SlotId};
use wharf_transport::stack::ConnectionId;
use wharf_transport::tcp::CloseReason;

use super::attempts::Attempt;
use super::routes::Lookup;
use super::{Event, Notice, Shard, instant, tokens};

impl Shard {
    /// The pool wants a connection.
    pub(super) fn dial(&mut self, now: Now, slot: SlotId, route: RouteId) {
        self.attempts.begin(now.monotonic, slot, route);
        let (addresses, ask) = match self.routes.look_up(now.monotonic, route) {
            Lookup::Known { addresses, refresh } => (Some(addresses), refresh),
            Lookup::Unknown { ask } => (None, ask),
        };
        if ask && let Some(host) = self.routes.name_of(route) {
            let host = host.to_owned();
            self.events.push_back(Event::Resolve { route, host });
        }
        if let Some(addresses) = addresses {
            self.dial_addresses(now, slot, addresses);
        }
    }

    /// The pool does not want the attempt any more.
    pub(super) fn hang_up(&mut self, now: Now, slot: SlotId) {
        let Some(attempt) = self.attempts.end(slot) else {
            return;
        };
        let timeout = self.routes.get(attempt.route).map(|route| route.settings.connect_timeout);
        if timeout.is_some_and(|timeout| now.monotonic.since(attempt.since) >= timeout) {
            self.note_failure(now, &attempt, ConnectError::ConnectionTimeout);
        }
        if let Some(connection) = attempt.connection {
            self.connections.forget(connection);
            // It may have ended by itself in this very turn.
            let _gone = self.stack.abort(instant(now), connection);
        }
    }

    /// The resolver has answered for `route`.
    pub(super) fn take_answer(
        &mut self,
        now: Now,
        route: RouteId,
        answer: Result<Vec<IpAddr>, String>,
    ) {
        let answer = match answer {
            Ok(addresses) if addresses.is_empty() => Err("the name has no address".to_owned()),
            answer => answer,
        };
        let failure = answer.as_ref().err().cloned();
        self.routes.answered(now.monotonic, route, answer.ok());
        if let Some(cause) = failure {
            let route = self.routes.label(route);
            self.notice(Notice::ResolveFailed { route, cause });
        }
        self.dial_known(now, route);
        for slot in self.attempts.unresolved(route) {
            let failure = ConnectFailure { error: ConnectError::DnsError, hard: true };
            self.dial_failed(now, slot, failure);
        }
    }

    /// Begins what waits for the addresses of `route`, if they are known now.
    pub(super) fn dial_known(&mut self, now: Now, route: RouteId) {
        let Some(addresses) = self.routes.known(route) else {
            return;
        };
        for slot in self.attempts.unresolved(route) {
            self.dial_addresses(now, slot, addresses.clone());
        }
    }

    fn dial_addresses(&mut self, now: Now, slot: SlotId, addresses: Vec<SocketAddr>) {
        if let Some(attempt) = self.attempts.get_mut(slot) {
            attempt.left = Some(addresses.into());
            self.dial_next(now, slot);
        }
    }

    /// Begins a handshake with the next address that the stack accepts.
    fn dial_next(&mut self, now: Now, slot: SlotId) {
        loop {
            let Some(attempt) = self.attempts.get_mut(slot) else {
                return;
            };
            let next = attempt.left.as_mut().and_then(std::collections::VecDeque::pop_front);
            let Some(address) = next else {
                let unroutable =
                    ConnectFailure { error: ConnectError::DestinationIpUnroutable, hard: true };
                let failure = attempt.failure.unwrap_or(unroutable);
                self.dial_failed(now, slot, failure);
                return;
            };
            attempt.address = Some(address);
            match self.stack.connect(instant(now), address) {
                Ok(connection) => {
                    attempt.connection = Some(connection);
                    let route = attempt.route;
                    self.connections.open(now.monotonic, connection, slot, route, address);
                    return;
                }
                Err(error) => attempt.failure = Some(tokens::connect_error(error)),
            }
        }
    }

    /// A handshake came to nothing.
    pub(super) fn handshake_failed(
        &mut self,
        now: Now,
        connection: ConnectionId,
        reason: CloseReason,
    ) {
        let Some(link) = self.connections.forget(connection) else {
            return;
        };
        if let Some(attempt) = self.attempts.get_mut(link.slot) {
            attempt.connection = None;
            attempt.failure = Some(tokens::handshake_failure(reason));
            self.dial_next(now, link.slot);
        }
    }

    /// A handshake is complete.
    pub(super) fn handshake_done(&mut self, now: Now, connection: ConnectionId) {
        let Some(link) = self.connections.get(connection) else {
            return;
        };
        self.attempts.end(link.slot);
        self.connections.opened(now.monotonic, connection);
        if !self.pool.opened_at(now, link.slot, connection, link.address()) {
            self.connections.forget(connection);
            let _gone = self.stack.abort(instant(now), connection);
        }
    }

    fn dial_failed(&mut self, now: Now, slot: SlotId, failure: ConnectFailure) {
        let Some(attempt) = self.attempts.end(slot) else {
            return;
        };
        self.note_failure(now, &attempt, failure.error);
        self.pool.open_failed(now, slot, failure);
    }

    /// Why an attempt came to nothing, for the log and for those who are refused because of it.
    fn note_failure(&mut self, now: Now, attempt: &Attempt, error: ConnectError) {
        let token = error.token();
        let cause = match attempt.address {
            Some(address) => format!("{address}: {token}"),
            None => format!("no address: {token}"),
        };
        self.routes.note_failure(attempt.route, cause);
        self.notice(Notice::ConnectFailed {
            route: self.routes.label(attempt.route),
            address: attempt.address,
            token,
            after: now.monotonic.since(attempt.since),
        });
    }
}
