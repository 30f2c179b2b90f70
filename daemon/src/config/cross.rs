//! What no key can know by itself: values that contradict each other.
//!
//! A default never contradicts an operator: lowering `pool.max_total` alone is fine, because the
//! lower limit holds for all, and neither does a value that repeats the default, as a copy of the
//! reference does. Raising a limit beyond one that encloses it is a fault. Keys that have a fault of
//! their own are left out here, so that one mistake is one line.

use std::collections::BTreeMap;
use std::net::IpAddr;

use config::{Map, Value, ValueKind};

use super::fault::{Faults, Wrong};
use super::keys;
use super::pattern::RoutePattern;
use super::prefix::Prefix;
use super::settings::{Settings, default_value, is_set};
use super::text;

/// The first may not be above the second.
struct Bound {
    inner: &'static str,
    outer: &'static str,
    /// Also if only the outer one was set.
    both_ways: bool,
}

const fn bound(inner: &'static str, outer: &'static str) -> Bound {
    Bound { inner, outer, both_ways: false }
}

const BOUNDS: &[Bound] = &[
    bound("pool.max_per_route", "pool.max_total"),
    bound("pool.max_connecting_per_route", "pool.max_connecting_total"),
    bound("pool.max_waiters_per_route", "pool.max_waiters_total"),
    bound("pool.max_waiters_per_client", "pool.max_waiters_per_route"),
    bound("pool.min_idle", "pool.max_per_route"),
    bound("pool.backoff_min", "pool.backoff_max"),
    bound("pool.idle_timeout", "pool.max_lifetime"),
    bound("control.max_sessions_per_uid", "control.max_sessions"),
    bound("transport.memory_per_uid", "transport.memory_limit"),
    // The pool opens what the stack must hold, whoever set which.
    Bound { inner: "pool.max_total", outer: "transport.connections_max", both_ways: true },
];

const SOCKETS: [&str; 3] = ["control.lease_socket", "control.admin_socket", "metrics.listen"];

/// Looks for contradictions among the effective values.
pub(super) fn check(settings: &Settings, faults: &mut Faults) {
    let mut cross = Cross { settings, faults };
    cross.bounds();
    cross.route_bounds();
    cross.addresses();
    cross.sockets();
    cross.routes();
}

struct Cross<'a> {
    settings: &'a Settings,
    faults: &'a mut Faults,
}

impl Cross<'_> {
    /// The value of a key, unless it has a fault of its own.
    fn value(&self, path: &str) -> Option<Value> {
        if self.faults.concern(path) {
            return None;
        }
        self.settings.value(path)
    }

    fn fault(&mut self, value: &Value, key: &str, wrong: Wrong) {
        self.faults.push(value.origin().unwrap_or_default(), key, wrong);
    }

    fn bounds(&mut self) {
        for bound in BOUNDS {
            let (Some(inner), Some(outer)) = (self.value(bound.inner), self.value(bound.outer))
            else {
                continue;
            };
            if fits(&inner, &outer) {
                continue;
            }
            if is_stated(&inner, bound.inner) {
                let wrong = above(bound.inner, &inner, bound.outer, &outer);
                self.fault(&inner, bound.inner, wrong);
            } else if bound.both_ways {
                let wrong = below(bound.outer, &outer, bound.inner, &inner);
                self.fault(&outer, bound.outer, wrong);
            }
        }
    }

    /// The bounds inside of each route, with the route's own values before those of `[pool]`.
    fn route_bounds(&mut self) {
        for (_, own) in self.settings.routes() {
            for bound in BOUNDS {
                let Some(inner) = own_value(&own, bound.inner) else {
                    continue;
                };
                let own_outer = own_value(&own, bound.outer).cloned();
                let Some(outer) = own_outer.or_else(|| self.value(bound.outer)) else {
                    continue;
                };
                if !fits(inner, &outer) {
                    let wrong = above(bound.inner, inner, bound.outer, &outer);
                    let name = keys::find(bound.inner).map_or(bound.inner, keys::Key::name);
                    self.fault(inner, &format!("route.{name}"), wrong);
                }
            }
        }
    }

    /// Every address of the stack is a host of a gateway's network, and not the gateway.
    fn addresses(&mut self) {
        let keys = ("transport.addresses", "transport.gateway");
        let (Some(addresses), Some(gateways)) = (self.value(keys.0), self.value(keys.1)) else {
            return;
        };
        let prefixes: Vec<Prefix> =
            texts(&gateways).iter().filter_map(|text| text::parse_prefix(text).ok()).collect();
        let (blamed, key) =
            if is_set(&addresses) { (&addresses, keys.0) } else { (&gateways, keys.1) };
        for address in texts(&addresses).iter().filter_map(|text| text.parse::<IpAddr>().ok()) {
            if let Some(wrong) = misplaced(address, &prefixes) {
                self.fault(blamed, key, wrong);
            }
        }
    }

    /// No two sockets share a path.
    fn sockets(&mut self) {
        let mut taken: BTreeMap<String, &str> = BTreeMap::new();
        for path in SOCKETS {
            let Some(value) = self.value(path) else {
                continue;
            };
            let place = value.kind.to_string();
            let file = place.strip_prefix("unix:").unwrap_or(&place).to_owned();
            if let Some(other) = taken.insert(file.clone(), path) {
                let other_value = self.value(other).filter(|_| !is_set(&value));
                let wrong = Wrong::new(format!("{other} and {path} are both {file}"))
                    .hint("give each socket a path of its own");
                self.fault(other_value.as_ref().unwrap_or(&value), path, wrong);
            }
        }
    }

    fn routes(&mut self) {
        let routes = self.settings.routes();
        let mut earlier: Vec<(RoutePattern, &Value)> = Vec::new();
        let mut names: BTreeMap<String, &Value> = BTreeMap::new();
        for (pattern, own) in &routes {
            if let (Ok(pattern), Some(at)) = (pattern.parse::<RoutePattern>(), own.get("match")) {
                self.reachable(&pattern, at, &earlier);
                earlier.push((pattern, at));
            }
            if let Some(name) = own.get("name")
                && let Some(other) = names.insert(name.kind.to_string(), name)
            {
                let at = other.origin().unwrap_or_default();
                let wrong = Wrong::new(format!("{name} names a route already, at {at}"));
                self.fault(name, "route.name", wrong.hint("names are unique"));
            }
            self.access(own);
        }
    }

    /// A route that an earlier one covers is never asked.
    fn reachable(
        &mut self,
        pattern: &RoutePattern,
        at: &Value,
        earlier: &[(RoutePattern, &Value)],
    ) {
        if let Some((cover, first)) = earlier.iter().find(|(cover, _)| cover.covers(pattern)) {
            let first = first.origin().unwrap_or_default();
            let wrong =
                Wrong::new(format!("{pattern} is never reached: {cover} at {first} matches first"));
            self.fault(at, "route.match", wrong.hint("put the narrower route first"));
        }
    }

    /// Nobody is allowed and denied at once.
    fn access(&mut self, own: &Map<String, Value>) {
        for (allow, deny) in [("allow_uids", "deny_uids"), ("allow_gids", "deny_gids")] {
            let (Some(allowed), Some(denied)) = (own.get(allow), own.get(deny)) else {
                continue;
            };
            let denied_ids = texts(denied);
            if let Some(id) = texts(allowed).iter().find(|id| denied_ids.contains(id)) {
                let wrong = Wrong::new(format!("{id} stands in {allow} and in {deny}"));
                self.fault(denied, &format!("route.{deny}"), wrong.hint("keep one of the two"));
            }
        }
    }
}

/// What a route says itself about a key of `[pool]`.
fn own_value<'a>(own: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let key = keys::find(path).filter(|key| key.per_route)?;
    own.get(key.name())
}

fn above(inner: &str, value: &Value, outer: &str, limit: &Value) -> Wrong {
    let reason = format!("{value} is above {outer} = {limit}, which encloses it");
    Wrong::new(reason).hint(format!("lower {inner}, or raise {outer}"))
}

fn below(outer: &str, limit: &Value, inner: &str, value: &Value) -> Wrong {
    let reason = format!("{limit} is below {inner} = {value}, which it encloses");
    Wrong::new(reason).hint(format!("raise {outer}, or lower {inner}"))
}

/// Why `address` cannot be an address of the stack.
fn misplaced(address: IpAddr, prefixes: &[Prefix]) -> Option<Wrong> {
    let Some(prefix) = prefixes.iter().find(|prefix| prefix.contains(address)) else {
        let wrong = Wrong::new(format!("{address} is in no network of transport.gateway"));
        return Some(wrong.hint("take an address of the gateway's network, or add a gateway"));
    };
    if prefixes.iter().any(|prefix| prefix.address == address) {
        let wrong = Wrong::new(format!("{address} is the gateway's own address"));
        return Some(wrong.hint("the two ends of the link need an address each"));
    }
    if prefix.reserves(address) {
        let (gateway, length) = (prefix.address, prefix.length);
        return Some(Wrong::new(format!(
            "{address} is the network's or the broadcast address of {gateway}/{length}"
        )));
    }
    None
}

/// The texts or numbers of a list.
fn texts(value: &Value) -> Vec<String> {
    if let ValueKind::Array(items) = &value.kind {
        return items.iter().map(|item| item.kind.to_string()).collect();
    }
    vec![value.kind.to_string()]
}

/// Whether somebody set a value, and not merely to the default.
fn is_stated(value: &Value, path: &str) -> bool {
    let default = keys::find(path).and_then(default_value);
    is_set(value) && default.is_none_or(|default| default.kind != value.kind)
}

/// Whether `inner` is not above `outer`. What is off is no limit, so it is above none.
fn fits(inner: &Value, outer: &Value) -> bool {
    inner.kind.to_string() == text::OFF || quantity(inner) <= quantity(outer)
}

/// What is compared: a count, or nanoseconds; "off" is without end.
fn quantity(value: &Value) -> u128 {
    let text = value.kind.to_string();
    if text == text::OFF {
        return u128::MAX;
    }
    match (text.parse(), text::parse_duration(&text)) {
        (Ok(number), _) => number,
        (Err(_), Ok(duration)) => duration.as_nanos(),
        (Err(_), Err(_)) => 0,
    }
}
