//! The answer to `routes`: what each route holds and has done.

use serde_json::{Map, Value, json};

use super::{Command, SCHEMA};
use crate::snapshot::{Counts, RouteCounts, Snapshot};

/// The answer to `routes`.
pub(in crate::control) fn routes(snapshot: &Snapshot) -> Value {
    let routes: Vec<_> = snapshot.routes.iter().map(route).collect();
    json!({ "schema": SCHEMA, "command": Command::Routes.name(), "routes": routes })
}

fn route(route: &RouteCounts) -> Value {
    json!({
        "name": route.name,
        "limit": route.connections_limit,
        "needed": route.connections_needed,
        "total": route.connections.total(),
        "connections": route.connections,
        "connects_elided": route.connects_elided,
        "backoff_seconds": route.backoff.as_secs_f64(),
        "learned_idle_seconds": route.learned_idle.as_secs_f64(),
        "paused": route.paused,
        "denied": route.denied,
        "waiters": route.waiters,
        "oldest_waiter_seconds": route.oldest_waiter.as_secs_f64(),
        "waits": route.lease_wait.count(),
        "wait_p99_seconds": route.lease_wait.quantile_us(990).map(seconds),
        "opened": counts(&route.opened),
        "leases": counts(&route.leases),
        "releases": counts(&route.releases),
        "closed": route.closed,
        "lease_failures": route.lease_failures,
        "connect_failures": route.connect_failures,
        "evictions": route.evictions,
        "waiters_queued": route.waiters_queued,
        "waiter_cancel_after_offer": route.waiter_cancel_after_offer,
        "lease_overdue": route.lease_overdue,
    })
}

fn seconds(micros: u64) -> f64 {
    std::time::Duration::from_micros(micros).as_secs_f64()
}

/// One field for each word.
pub(super) fn counts(list: &Counts) -> Value {
    let fields = list.iter().map(|(word, count)| ((*word).to_owned(), Value::from(*count)));
    Value::Object(fields.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_route_says_what_it_holds_and_how_long_it_lets_wait() {
        let mut counted = RouteCounts {
            name: "http://a:80".to_owned(),
            leases: vec![("idle", 3), ("handoff", 0), ("new", 1)],
            ..RouteCounts::default()
        };
        counted.connections.idle = 2;
        counted.learned_idle = Duration::from_millis(4990);
        counted.lease_wait.record(Duration::from_micros(50));
        let snapshot = Snapshot { routes: vec![counted], ..Snapshot::default() };
        let answer = routes(&snapshot);
        let route = &answer["routes"][0];
        assert_eq!(answer["schema"], 1);
        assert_eq!(route["total"], 2);
        assert_eq!(route["connections"]["idle"], 2);
        assert_eq!(route["learned_idle_seconds"], 4.99);
        assert_eq!(route["leases"]["handoff"], 0);
        assert_eq!(route["wait_p99_seconds"], 0.0001);
    }

    #[test]
    fn a_route_without_waits_has_no_percentile() {
        let snapshot = Snapshot { routes: vec![RouteCounts::default()], ..Snapshot::default() };
        assert!(routes(&snapshot)["routes"][0]["wait_p99_seconds"].is_null());
    }
}
