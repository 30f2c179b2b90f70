//! Names and their addresses: when they are asked for, and what follows when they change (POOL.md,
//! rule D).

use std::net::{IpAddr, SocketAddr};

use wharf_pool::time::Now;
use wharf_pool::{ConnectError, RouteId};

use super::connections::address_id;
use super::routes::Lookup;
use super::{Event, Notice, Shard};

impl Shard {
    /// Where to connect for `route`, if it is known. Asks for it if that is due.
    pub(super) fn look_up(&mut self, now: Now, route: RouteId) -> Option<Vec<SocketAddr>> {
        let (addresses, ask) = match self.routes.look_up(now.monotonic, route) {
            Lookup::Known { addresses, refresh } => (Some(addresses), refresh),
            Lookup::Unknown { ask } => (None, ask),
        };
        if ask {
            self.ask(route);
        }
        addresses
    }

    /// Asks again for the addresses of routes that have connections and were not asked for in time
    /// by any that opens.
    pub(super) fn ask_due(&mut self, now: Now) {
        let population = self.connections.population();
        let is_used = |route| population.addresses(route).next().is_some();
        let due = || self.routes.poll_refresh(now.monotonic, is_used);
        for route in core::iter::from_fn(due).collect::<Vec<_>>() {
            self.ask(route);
        }
    }

    fn ask(&mut self, route: RouteId) {
        if let Some(host) = self.routes.name_of(route) {
            let host = host.to_owned();
            self.events.push_back(Event::Resolve { route, host });
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
        self.take_addresses(now, route);
        for slot in self.attempts.unresolved(route) {
            self.dial_failed(now, slot, ConnectError::DnsError);
        }
    }

    /// The addresses of `route` may have changed: connections and attempts that lead elsewhere are
    /// not used any more, what waited for addresses begins.
    pub(super) fn take_addresses(&mut self, now: Now, route: RouteId) {
        let Some(addresses) = self.routes.known(route) else {
            return;
        };
        for address in &addresses {
            self.pool.restore_address(route, address_id(*address));
        }
        let used = self.connections.population().addresses(route);
        let mut gone: Vec<SocketAddr> = used.filter(|used| !addresses.contains(used)).collect();
        gone.retain(|address| self.pool.remove_address(now, route, address_id(*address)));
        if !gone.is_empty() {
            let route = self.routes.label(route);
            self.notice(Notice::AddressesRemoved { route, addresses: gone });
        }
        self.redirect(now, route, &addresses);
        self.dial_known(now, route);
    }
}
