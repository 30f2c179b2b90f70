//! LEASE: what a client asks for, whether it may have it, and the question to the pool.

use wharf_pool::time::{Duration, Now};
use wharf_pool::{Outcome, Request, RouteId};
use wharf_protocol::{Class, ErrorToken, LeaseRequest};

use super::denied::Denied;
use super::keys::Sharing;
use super::pair::Pair;
use super::release::Totals;
use super::routes::{Found, domain, route_config};
use super::session::{ActiveLease, LeasePhase, Peer, SessionId};
use super::{Shard, leases};

/// A LEASE that was understood: where to, and on whose terms.
#[derive(Debug)]
pub(super) struct Ask {
    found: Found,
    tag: Option<Box<str>>,
    deadline: Option<Duration>,
    opaque: bool,
    fresh: bool,
    no_wait: bool,
    fd: bool,
}

impl Shard {
    /// What a LEASE asks for.
    pub(super) fn understand_lease(
        &self,
        peer: &Peer,
        request: &LeaseRequest<'_>,
    ) -> Result<Ask, Denied> {
        let found = self.routes.find(&request.target, peer)?;
        Ok(Ask {
            found,
            tag: request.tag.map(Box::from),
            deadline: request.deadline,
            opaque: request.class == Class::Opaque,
            // Whoever begins TLS or a login of its own needs a connection on which nobody spoke.
            fresh: request.fresh || request.class == Class::Opaque,
            no_wait: request.no_wait,
            fd: request.fd,
        })
    }

    /// Asks the pool for what a client asks for.
    pub(super) fn lease(&mut self, now: Now, id: SessionId, number: u16, ask: Result<Ask, Denied>) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.last_number = number;
        }
        let outcome = ask.and_then(|ask| self.ask_pool(now, id, number, ask));
        if let Err(denied) = outcome {
            self.refuse(id, number, &denied);
        }
    }

    fn ask_pool(&mut self, now: Now, id: SessionId, number: u16, ask: Ask) -> Result<(), Denied> {
        let Some(session) = self.sessions.get(id) else {
            return Ok(());
        };
        let peer = session.peer.clone();
        self.admit(&peer)?;
        let route = self.route_for(ask.found);
        let (Sharing { key, family }, timeout) = self.terms(route, &peer, ask.tag.as_deref())?;
        let request = Request {
            route,
            client: peer.client,
            key,
            family,
            deadline: now.monotonic + ask.deadline.unwrap_or(timeout),
            fresh: ask.fresh,
            no_wait: ask.no_wait,
        };
        let outcome = self.pool.lease(now, request);
        let phase = match outcome {
            Outcome::Refused(denial) => {
                return Err(Denied::by_pool(denial, route, &self.routes));
            }
            Outcome::Waiting(waiter) => {
                self.waiters.insert(waiter, id);
                self.holdings.change(peer.uid, |holding| holding.waiters += 1);
                LeasePhase::Waiting { waiter, early: Vec::new(), early_fin: false }
            }
            Outcome::Granted(grant) => {
                self.holdings.change(peer.uid, |holding| holding.leases += 1);
                LeasePhase::Held(leases::held(now, &grant))
            }
        };
        let lease = ActiveLease {
            number,
            route,
            asked: now.monotonic,
            opaque: ask.opaque,
            phase,
            totals: Totals::default(),
            pair: ask.fd.then(Pair::default),
            end_held: None,
        };
        if let Some(session) = self.sessions.get_mut(id) {
            session.lease = Some(lease);
        }
        if let Outcome::Granted(grant) = outcome {
            self.begin(now, id, &grant);
        }
        Ok(())
    }

    /// Whether a user may ask for one more lease now.
    fn admit(&self, peer: &Peer) -> Result<(), Denied> {
        if self.draining.is_some() {
            let cause = "the daemon serves no further lease".to_owned();
            return Err(Denied::new(ErrorToken::Draining, cause));
        }
        if !self.limits.quota.admits_lease(self.holdings.of(peer.uid)) {
            let cause = format!(
                "uid {} holds as many leases as it may (control.max_leases_per_uid)",
                peer.uid
            );
            return Err(Denied::new(ErrorToken::Quota, cause));
        }
        Ok(())
    }

    /// The pool's route for what was found, made if it is new.
    fn route_for(&mut self, found: Found) -> RouteId {
        match found {
            Found::Known(route) => route,
            Found::New(new) => {
                let (origin, rule) = *new;
                let route = self.pool.add_route(route_config(&rule.settings));
                self.routes.insert(route, origin, &rule);
                route
            }
        }
    }

    /// Whose connections a lease may share, and how long it waits unless it says otherwise.
    fn terms(
        &mut self,
        route: RouteId,
        peer: &Peer,
        tag: Option<&str>,
    ) -> Result<(Sharing, Duration), Denied> {
        let settings = &self.routes.get(route).expect("a route that was just found").settings;
        let timeout = settings.lease_timeout;
        let domain = domain(settings, peer).ok_or_else(|| {
            Denied::new(
                ErrorToken::HttpRequestDenied,
                format!(
                    "the control group of process {} is not known, by which this route is shared: \
                     connect again, and see that wharfd can read /proc/{}/cgroup",
                    peer.pid, peer.pid
                ),
            )
        })?;
        let sharing = self.keys.intern(domain, tag).ok_or_else(|| {
            Denied::new(
                ErrorToken::Quota,
                "too many different tags or control groups were used since the daemon began"
                    .to_owned(),
            )
        })?;
        Ok((sharing, timeout))
    }
}
