//! Where clients may go: configuration rules, and the pool's routes made from them on demand.
//!
//! A rule may stand for many origins (`http://*.internal:8080`); each origin that a client asks for
//! becomes a route of the pool, up to a limit. It knows the addresses of each and when they are due
//! to be looked up again; the looking up is somebody else's.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use wharf_pool::time::{Duration, Instant};
use wharf_pool::{RouteConfig, RouteId};
use wharf_protocol::{ErrorToken, Target};

use super::alarms::Alarms;
use super::denied::Denied;
use super::keys::Domain;
use super::session::Peer;
use crate::config::origin::{Host, Origin};
use crate::config::pattern::RouteTable;
use crate::config::{Reuse, Route, RouteSettings, Share};

/// Questions that are on their way, at most, before one more is asked for a route to which nothing
/// connects: a quarter of what the resolver's queue holds.
const ASKED_MAX: usize = 64;

/// What is known of a route's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Addresses {
    /// From the configuration, or a literal: never looked up.
    Fixed(Vec<IpAddr>),
    /// From a name.
    Named {
        /// The last good answer; empty before the first.
        known: Vec<IpAddr>,
        /// When a new answer is due.
        due: Instant,
        /// A question is on its way.
        asked: bool,
    },
}

impl Addresses {
    /// Whether a question is on its way.
    const fn is_asked(&self) -> bool {
        matches!(self, Self::Named { asked: true, .. })
    }
}

/// A route of the pool, and the rule it came from.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) origin: Origin,
    /// The label in metrics: the rule's, so that a pattern is one series.
    pub(super) label: String,
    pub(super) settings: RouteSettings,
    addresses: Addresses,
    /// What happened to the last attempt to connect that failed; empty before one has.
    last_failure: String,
}

/// What a lookup of addresses gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// Try these, in this order. `refresh` says that a new question is due all the same.
    Known { addresses: Vec<SocketAddr>, refresh: bool },
    /// Nothing is known yet. `ask` says that the question is to be asked; else it was already.
    Unknown { ask: bool },
}

/// All routes.
#[derive(Debug)]
pub(super) struct Routes {
    table: RouteTable,
    by_origin: HashMap<Origin, RouteId>,
    upstreams: HashMap<RouteId, Upstream>,
    limit: usize,
    refresh: Duration,
    /// When names are asked for again although nothing connects.
    refreshes: Alarms<RouteId>,
    /// Questions that were not answered yet.
    asked: usize,
}

/// What a client's target turned out to be.
#[derive(Debug)]
pub(super) enum Found {
    /// A route of the pool.
    Known(RouteId),
    /// An origin that the rules allow and the pool has no route for yet.
    New(Box<(Origin, Route)>),
}

impl Routes {
    /// The rules of a configuration; at most `limit` routes are made of them, and names are looked
    /// up again after `refresh`.
    pub(super) fn new(rules: Vec<Route>, limit: usize, refresh: Duration) -> Self {
        Self {
            table: RouteTable::new(rules),
            by_origin: HashMap::new(),
            upstreams: HashMap::new(),
            limit,
            refresh,
            refreshes: Alarms::default(),
            asked: 0,
        }
    }

    /// The route that `target` names, if `peer` may use it.
    ///
    /// # Errors
    ///
    /// No rule fits, the rule does not permit this peer, or no more routes may be made.
    pub(super) fn find(&self, target: &Target<'_>, peer: &Peer) -> Result<Found, Denied> {
        let (origin, rule) = match *target {
            Target::Route(name) => self.table.by_name(name).ok_or_else(|| {
                Denied::new(
                    ErrorToken::DestinationNotFound,
                    format!("no [[route]] of one origin has the name \"{name}\""),
                )
            })?,
            Target::Origin { scheme, host, port } => {
                let origin = Origin::new(scheme, host, Some(port)).map_err(|error| {
                    Denied::new(ErrorToken::HttpRequestDenied, format!("{target}: {error}"))
                })?;
                let rule = self.table.match_origin(&origin).ok_or_else(|| {
                    Denied::new(
                        ErrorToken::HttpRequestDenied,
                        format!("no [[route]] matches {origin}"),
                    )
                })?;
                (origin, rule)
            }
        };
        if !rule.access.permits(peer.uid, &peer.groups) {
            return Err(Denied::new(
                ErrorToken::HttpRequestDenied,
                format!("the rule for {origin} does not permit uid {}", peer.uid),
            ));
        }
        if let Some(route) = self.by_origin.get(&origin) {
            return Ok(Found::Known(*route));
        }
        if self.upstreams.len() >= self.limit {
            return Err(Denied::new(
                ErrorToken::ConnectionLimitReached,
                format!("{} routes are in use already (pool.max_routes)", self.limit),
            ));
        }
        Ok(Found::New(Box::new((origin, rule.clone()))))
    }

    /// Whether some rule shares connections by the clients' control groups.
    pub(super) fn shares_by_unit(&self) -> bool {
        self.rules().iter().any(|rule| rule.settings.share == Share::Unit)
    }

    /// Remembers the pool's route for `origin`.
    pub(super) fn insert(&mut self, route: RouteId, origin: Origin, rule: &Route) {
        let addresses = fixed_addresses(&origin, rule).map_or_else(
            || Addresses::Named { known: Vec::new(), due: Instant::ORIGIN, asked: false },
            Addresses::Fixed,
        );
        self.by_origin.insert(origin.clone(), route);
        let upstream = Upstream {
            origin,
            label: rule.label(),
            settings: rule.settings.clone(),
            addresses,
            last_failure: String::new(),
        };
        self.upstreams.insert(route, upstream);
    }

    /// What is known of a route.
    pub(super) fn get(&self, route: RouteId) -> Option<&Upstream> {
        self.upstreams.get(&route)
    }

    /// The label of a route; empty for one that is gone.
    pub(super) fn label(&self, route: RouteId) -> String {
        self.get(route).map_or_else(String::new, |upstream| upstream.label.clone())
    }

    /// An attempt to connect failed: its cause goes into the refusals that follow from it.
    pub(super) fn note_failure(&mut self, route: RouteId, cause: String) {
        if let Some(upstream) = self.upstreams.get_mut(&route) {
            upstream.last_failure = cause;
        }
    }

    /// What happened to the last attempt that failed.
    pub(super) fn last_failure(&self, route: RouteId) -> &str {
        self.get(route).map_or("", |upstream| &upstream.last_failure)
    }

    /// All routes in use.
    pub(super) fn iter(&self) -> impl Iterator<Item = (RouteId, &Upstream)> {
        self.upstreams.iter().map(|(route, upstream)| (*route, upstream))
    }

    /// The rules that are in force.
    pub(super) fn rules(&self) -> &[Route] {
        self.table.routes()
    }

    /// Whether any route leads to `address`, as far as is known.
    pub(super) fn lead_to(&self, address: SocketAddr) -> bool {
        self.upstreams.values().any(|upstream| {
            let (Addresses::Fixed(known) | Addresses::Named { known, .. }) = &upstream.addresses;
            upstream.origin.port == address.port() && known.contains(&address.ip())
        })
    }

    /// Where to connect for `route`. Marks the question as asked if it says to ask.
    pub(super) fn look_up(&mut self, now: Instant, route: RouteId) -> Lookup {
        let known = self.known(route);
        let Some(upstream) = self.upstreams.get_mut(&route) else {
            return Lookup::Known { addresses: Vec::new(), refresh: false };
        };
        let ask = match &mut upstream.addresses {
            Addresses::Fixed(_) => false,
            Addresses::Named { due, asked, .. } => {
                let ask = !*asked && now >= *due;
                *asked |= ask;
                self.asked += usize::from(ask);
                ask
            }
        };
        match known {
            Some(addresses) => Lookup::Known { addresses, refresh: ask },
            None => Lookup::Unknown { ask },
        }
    }

    /// What is known of where to connect for `route`, if anything is.
    pub(super) fn known(&self, route: RouteId) -> Option<Vec<SocketAddr>> {
        let upstream = self.upstreams.get(&route)?;
        let (Addresses::Fixed(known) | Addresses::Named { known, .. }) = &upstream.addresses;
        let port = upstream.origin.port;
        let addresses = known.iter().map(|address| SocketAddr::new(*address, port));
        (!known.is_empty()).then(|| addresses.collect())
    }

    /// The name to ask for on behalf of `route`.
    pub(super) fn name_of(&self, route: RouteId) -> Option<&str> {
        match &self.upstreams.get(&route)?.origin.host {
            Host::Name(name) => Some(name),
            Host::Address(_) => None,
        }
    }

    /// A route whose name is to be asked for again. Marks the question as asked. A route that is not
    /// `is_used` is not asked for before something connects.
    pub(super) fn poll_refresh(
        &mut self,
        now: Instant,
        is_used: impl Fn(RouteId) -> bool,
    ) -> Option<RouteId> {
        while self.asked < ASKED_MAX {
            let route = self.refreshes.pop(now)?;
            let addresses = self.upstreams.get_mut(&route).map(|upstream| &mut upstream.addresses);
            if let Some(Addresses::Named { asked, .. }) = addresses
                && !*asked
                && is_used(route)
            {
                *asked = true;
                self.asked += 1;
                return Some(route);
            }
        }
        None
    }

    /// When [`Routes::poll_refresh`] is due next.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.refreshes.next().filter(|_| self.asked < ASKED_MAX)
    }

    /// An answer came for `route`. A failed one keeps the old addresses (rule D) and is asked for
    /// again when something connects, or else after the same time.
    pub(super) fn answered(&mut self, now: Instant, route: RouteId, answer: Option<Vec<IpAddr>>) {
        let Some(upstream) = self.upstreams.get_mut(&route) else {
            return;
        };
        if let Addresses::Named { known, due, asked } = &mut upstream.addresses {
            self.asked -= usize::from(core::mem::take(asked));
            self.refreshes.set(route, now + self.refresh);
            if let Some(addresses) = answer {
                *known = addresses;
                *due = now + self.refresh;
            }
        }
    }

    /// Puts new rules in force. Returns what becomes of each route in use: its new settings, or
    /// `None` where no rule allows it any more.
    pub(super) fn reload(
        &mut self,
        rules: Vec<Route>,
        limit: usize,
        refresh: Duration,
    ) -> Vec<(RouteId, Option<RouteConfig>)> {
        self.table = RouteTable::new(rules);
        self.limit = limit;
        self.refresh = refresh;
        let mut changes = Vec::new();
        for (route, upstream) in &mut self.upstreams {
            let Some(rule) = self.table.match_origin(&upstream.origin) else {
                changes.push((*route, None));
                continue;
            };
            upstream.label = rule.label();
            upstream.settings = rule.settings.clone();
            if let Some(addresses) = fixed_addresses(&upstream.origin, rule) {
                self.asked -= usize::from(upstream.addresses.is_asked());
                upstream.addresses = Addresses::Fixed(addresses);
            } else if matches!(upstream.addresses, Addresses::Fixed(_)) {
                upstream.addresses =
                    Addresses::Named { known: Vec::new(), due: Instant::ORIGIN, asked: false };
                self.refreshes.set(*route, Instant::ORIGIN);
            }
            changes.push((*route, Some(route_config(&rule.settings))));
        }
        for (route, config) in &changes {
            if config.is_none()
                && let Some(gone) = self.upstreams.remove(route)
            {
                self.by_origin.remove(&gone.origin);
                self.refreshes.clear(*route);
                self.asked -= usize::from(gone.addresses.is_asked());
            }
        }
        changes
    }
}

/// Addresses that need no resolver: the rule's own, or a literal.
fn fixed_addresses(origin: &Origin, rule: &Route) -> Option<Vec<IpAddr>> {
    if !rule.addresses.is_empty() {
        return Some(rule.addresses.clone());
    }
    match origin.host {
        Host::Address(address) => Some(vec![address]),
        Host::Name(_) => None,
    }
}

/// The pool's limits for a route, from the configuration's.
pub(super) fn route_config(settings: &RouteSettings) -> RouteConfig {
    RouteConfig {
        max_connections: settings.max_per_route,
        max_waiters: settings.max_waiters_per_route,
        max_waiters_per_client: settings.max_waiters_per_client,
        max_connecting: settings.max_connecting_per_route,
        connect_timeout: settings.connect_timeout,
        backoff_min: settings.backoff_min,
        backoff_max: settings.backoff_max,
        idle_timeout: settings.idle_timeout.unwrap_or_default(),
        max_lifetime: settings.max_lifetime.unwrap_or_default(),
        max_uses: settings.max_uses,
        min_idle: settings.min_idle,
        reuse: match settings.reuse {
            Reuse::Lifo => wharf_pool::Reuse::Lifo,
            Reuse::Fifo => wharf_pool::Reuse::Fifo,
            Reuse::Spread => wharf_pool::Reuse::Spread,
            Reuse::Best => wharf_pool::Reuse::Best,
        },
        first_use_timeout: settings.first_use_timeout.unwrap_or_default(),
        lease_warn_after: settings.lease_warn_after.unwrap_or_default(),
        lease_max: settings.lease_max.unwrap_or_default(),
    }
}

/// The security domain of `peer` on a route with these settings; none if what decides it is not known.
pub(super) fn domain(settings: &RouteSettings, peer: &Peer) -> Option<Domain> {
    Some(match settings.share {
        Share::Uid => Domain::Uid(peer.uid),
        Share::UidGroup => Domain::UidAndGid(peer.uid, peer.gid),
        Share::Unit => Domain::Unit(peer.uid, peer.unit.clone()?),
        Share::Any if settings.quarantine => Domain::AmongAll(peer.uid),
        Share::Any => Domain::Any,
    })
}
