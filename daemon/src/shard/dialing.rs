//! Connection attempts: a slot of the pool becomes addresses, an address becomes a handshake. RFC 8305,
//! section 5 (POOL.md, rule C).
//!
//! Handshakes to the addresses of a name begin one after the other, the next at once when one fails.
//! The first that completes is the connection; the others are given up, which is no failure. When all
//! have failed the attempt has; the time for all of them is the pool's.

use std::net::SocketAddr;

use wharf_pool::time::Now;
use wharf_pool::{ConnectError, ConnectFailure, RouteId, SlotId};
use wharf_transport::stack::ConnectionId;
use wharf_transport::tcp::CloseReason;

use super::attempts::{Attempt, DELAY, RACERS_MAX, Racer, Setback, Witness};
use super::connections::address_id;
use super::preference::{Candidate, in_order};
use super::{Notice, Shard, instant, tokens};

impl Shard {
    /// The pool wants a connection.
    pub(super) fn dial(&mut self, now: Now, slot: SlotId, route: RouteId) {
        self.attempts.begin(now.monotonic, slot, route);
        match self.look_up(now, route) {
            Some(addresses) => self.dial_addresses(now, slot, addresses),
            None => self.pool.on_resolving(slot, true),
        }
    }

    /// The pool does not want the attempt any more.
    pub(super) fn hang_up(&mut self, now: Now, slot: SlotId) {
        let Some(attempt) = self.attempts.end(slot) else {
            return;
        };
        let timeout = self.routes.get(attempt.route).map(|route| route.settings.connect_timeout);
        if timeout.is_some_and(|timeout| now.monotonic.since(attempt.since) >= timeout) {
            // The one that had most time to answer.
            let address = attempt.racers.first().map(|racer| racer.address);
            let error = match attempt.left {
                Some(_) => ConnectError::ConnectionTimeout,
                None => ConnectError::DnsTimeout,
            };
            self.note_failure(now, &attempt, address, error);
            self.shun_silent(now, &attempt.racers);
        }
        self.call_off(now, &attempt.racers);
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

    /// Goes on with attempts of which no address has answered or failed for a while.
    pub(super) fn dial_due(&mut self, now: Now) {
        while let Some(slot) = self.attempts.pop_due(now.monotonic) {
            self.dial_next(now, slot);
        }
    }

    /// The addresses of `route` are these and no others any more: what is under way to others is
    /// given up. An attempt of which nothing is left begins anew.
    pub(super) fn redirect(&mut self, now: Now, route: RouteId, addresses: &[SocketAddr]) {
        for slot in self.attempts.resolved(route) {
            let Some(attempt) = self.attempts.get_mut(slot) else { continue };
            let (stay, leave): (Vec<Racer>, _) =
                attempt.racers.iter().partition(|racer| addresses.contains(&racer.address));
            attempt.racers = stay;
            let left = attempt.left.get_or_insert_default();
            left.retain(|address| addresses.contains(address));
            let is_over = left.is_empty() && attempt.racers.is_empty();
            self.call_off(now, &leave);
            if is_over {
                self.dial_addresses(now, slot, addresses.to_vec());
            } else if !leave.is_empty() {
                self.dial_next(now, slot);
            }
        }
    }

    /// The path to `address` is dead: attempts go on with their next address, and come back to this
    /// one when no other is left. One that has no other goes on.
    pub(super) fn turn_away(&mut self, now: Now, address: SocketAddr) {
        let racers: Vec<_> = self.attempts.racers().collect();
        for (slot, racer) in racers.into_iter().filter(|(_, racer)| racer.address == address) {
            let Some(attempt) = self.attempts.get_mut(slot) else { continue };
            let left = attempt.left.get_or_insert_default();
            if left.is_empty() && attempt.racers.len() == 1 {
                continue;
            }
            left.push_back(address);
            attempt.drop_out(racer.connection);
            self.call_off(now, &[racer]);
            if self.attempts.get_mut(slot).is_some_and(|attempt| attempt.racers.is_empty()) {
                self.dial_next(now, slot);
            }
        }
    }

    fn dial_addresses(&mut self, now: Now, slot: SlotId, addresses: Vec<SocketAddr>) {
        self.pool.on_resolving(slot, false);
        let population = self.connections.population();
        if let Some(attempt) = self.attempts.get_mut(slot) {
            let candidate = |address| {
                let population = population.of(attempt.route, address);
                let has_failed = self.shunned.contains(now.monotonic, address)
                    || self.pool.is_shunned(address_id(address));
                Candidate { address, population, has_failed }
            };
            attempt.left = Some(in_order(addresses.into_iter().map(candidate).collect()).into());
            self.dial_next(now, slot);
        }
    }

    /// Begins a handshake with the next address that the stack accepts. Without one the attempt has
    /// failed as soon as no handshake is under way.
    fn dial_next(&mut self, now: Now, slot: SlotId) {
        while let Some(attempt) = self.attempts.get_mut(slot) {
            // One that fails makes room.
            if attempt.racers.len() == RACERS_MAX {
                return;
            }
            let left = attempt.left.get_or_insert_default();
            let Some(address) = left.pop_front() else {
                if attempt.racers.is_empty() {
                    self.dial_failed(now, slot, ConnectError::DestinationIpUnroutable);
                }
                return;
            };
            let is_last = left.is_empty();
            match self.stack.connect(instant(now), address) {
                Ok(connection) => {
                    attempt.racers.push(Racer { connection, address });
                    let route = attempt.route;
                    self.connections.open(now.monotonic, connection, slot, route, address);
                    if !is_last {
                        self.attempts.wake(slot, now.monotonic + DELAY);
                    }
                    return;
                }
                Err(error) => attempt.note(Setback {
                    witness: Witness::Ourselves,
                    address,
                    failure: tokens::connect_error(error),
                }),
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
            let failure = tokens::handshake_failure(reason);
            let witness = Witness::of(failure.error);
            self.shunned.shun(now.monotonic, link.peer);
            attempt.drop_out(connection);
            attempt.note(Setback { witness, address: link.peer, failure });
            self.dial_next(now, link.slot);
        }
    }

    /// A handshake is complete.
    pub(super) fn handshake_done(&mut self, now: Now, connection: ConnectionId) {
        let Some(link) = self.connections.get(connection) else {
            return;
        };
        if let Some(mut attempt) = self.attempts.end(link.slot) {
            attempt.drop_out(connection);
            self.shun_silent(now, &attempt.racers);
            self.call_off(now, &attempt.racers);
        }
        self.shunned.forgive(link.peer);
        self.connections.opened(now.monotonic, connection);
        let measured = self.stack.info(instant(now), connection).ok().and_then(|info| info.rtt);
        let round_trip = measured.unwrap_or(now.monotonic.since(link.since));
        if !self.pool.opened_within(now, link.slot, connection, link.address(), round_trip) {
            self.connections.forget(connection);
            let _gone = self.stack.abort(instant(now), connection);
        }
    }

    /// Handshakes that had time enough have had no answer.
    fn shun_silent(&mut self, now: Now, racers: &[Racer]) {
        for racer in racers {
            let link = self.connections.get(racer.connection);
            if link.is_some_and(|link| now.monotonic.since(link.since) >= DELAY) {
                self.shunned.shun(now.monotonic, racer.address);
            }
        }
    }

    /// Ends handshakes that nobody waits for any more.
    fn call_off(&mut self, now: Now, racers: &[Racer]) {
        for racer in racers {
            self.connections.forget(racer.connection);
            // It may have ended by itself in this very turn.
            let _gone = self.stack.abort(instant(now), racer.connection);
        }
    }

    /// The attempt in `slot` has failed, for its most telling reason; with `otherwise` if nothing was
    /// tried.
    pub(super) fn dial_failed(&mut self, now: Now, slot: SlotId, otherwise: ConnectError) {
        let Some(attempt) = self.attempts.end(slot) else {
            return;
        };
        let failure = ConnectFailure { error: otherwise, hard: true };
        let failure = attempt.setback.map_or(failure, |setback| setback.failure);
        let address = attempt.setback.map(|setback| setback.address);
        self.note_failure(now, &attempt, address, failure.error);
        self.pool.open_failed(now, slot, failure);
    }

    /// Why an attempt came to nothing, for the log and for those who are refused because of it.
    fn note_failure(
        &mut self,
        now: Now,
        attempt: &Attempt,
        address: Option<SocketAddr>,
        error: ConnectError,
    ) {
        let token = error.token();
        let cause = match address {
            Some(address) => format!("{address}: {token}"),
            None => format!("no address: {token}"),
        };
        self.routes.note_failure(attempt.route, cause);
        self.notice(Notice::ConnectFailed {
            route: self.routes.label(attempt.route),
            address,
            token,
            after: now.monotonic.since(attempt.since),
        });
    }
}
