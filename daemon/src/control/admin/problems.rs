//! What is wrong now, worst first, each with the next step: the part of `status` that people read.

use serde_json::{Value, json};

use crate::control::facts::Facts;
use crate::snapshot::{RouteCounts, Snapshot};

/// Something that an operator would want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    is_failure: bool,
    what: String,
    next: String,
}

impl Problem {
    fn failure(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { is_failure: true, what: what.into(), next: next.into() }
    }

    fn warning(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { is_failure: false, what: what.into(), next: next.into() }
    }

    pub(super) fn to_json(&self) -> Value {
        let severity = if self.is_failure { "fail" } else { "warn" };
        json!({ "severity": severity, "what": self.what, "next": self.next })
    }
}

/// All problems that the figures show; failures stand before warnings.
pub(super) fn problems(facts: &Facts, snapshot: Option<&Snapshot>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if snapshot.is_none() {
        let what = "the shard does not answer";
        problems.push(Problem::failure(what, "look at the daemon's log: journalctl -u wharfd"));
    }
    problems.extend(facts.reload_error.as_ref().map(of_reload));
    problems.extend(of_next_start(&facts.at_next_start));
    if facts.is_draining {
        let what = "the daemon drains: no new lease is granted";
        problems.push(Problem::warning(what, "wait for it to end, or start it again"));
    }
    if let Some(snapshot) = snapshot {
        problems.extend(snapshot.routes.iter().filter_map(of_route));
        problems.extend(snapshot.routes.iter().filter_map(of_backoff));
        problems.extend(snapshot.routes.iter().filter_map(of_gate));
        problems.extend(of_device(snapshot));
    }
    problems
}

fn of_reload(error: &String) -> Problem {
    let what = format!("the last reload failed, the configuration before it holds: {error}");
    Problem::warning(what, "wharfd --check, mend the file, then systemctl reload wharfd")
}

fn of_next_start(keys: &[String]) -> Option<Problem> {
    let what = format!("changed, and in force only after a restart: {}", keys.join(", "));
    (!keys.is_empty()).then(|| Problem::warning(what, "systemctl restart wharfd"))
}

/// A route that nobody connects to for a while.
fn of_backoff(route: &RouteCounts) -> Option<Problem> {
    let what = format!(
        "route {}: attempts to connect failed, the next one begins in {:.1} s",
        route.name,
        route.backoff.as_secs_f64(),
    );
    let hint = "look at the upstream, and at the cause that refused leases are told";
    (!route.backoff.is_zero()).then(|| Problem::warning(what, hint))
}

/// A route that an operator has closed.
fn of_gate(route: &RouteCounts) -> Option<Problem> {
    let RouteCounts { name, paused, denied, .. } = route;
    let what = format!("route {name}: an operator has paused {paused} origins, denied {denied}");
    (paused + denied > 0).then(|| Problem::warning(what, "wharf resume, when they may go on"))
}

/// A route whose limit makes leases wait.
fn of_route(route: &RouteCounts) -> Option<Problem> {
    let is_full = route.connections.total() >= route.connections_limit;
    if route.waiters == 0 || !is_full {
        return None;
    }
    let what = format!(
        "route {}: {} leases wait, the first for {:.1} s, for one of {} connections",
        route.name,
        route.waiters,
        route.oldest_waiter.as_secs_f64(),
        route.connections_limit,
    );
    Some(Problem::warning(what, "raise max_per_route, if the upstream can take more"))
}

fn of_device(snapshot: &Snapshot) -> Option<Problem> {
    let device = &snapshot.device;
    let errors = device.in_errors + device.out_errors;
    let what = format!("the device failed {errors} times since the start");
    (errors > 0).then(|| Problem::failure(what, "ip link show; look at the daemon's log"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::snapshot::{DeviceCounts, RouteConnections};

    fn whats(facts: &Facts, snapshot: Option<&Snapshot>) -> Vec<String> {
        problems(facts, snapshot).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn nothing_wrong_is_nothing_said() {
        assert!(problems(&Facts::default(), Some(&Snapshot::default())).is_empty());
    }

    #[test]
    fn a_silent_shard_comes_first() {
        let facts = Facts { is_draining: true, ..Facts::default() };
        assert_eq!(whats(&facts, None).first().unwrap(), "the shard does not answer");
    }

    #[test]
    fn a_failed_reload_says_why() {
        let facts = Facts { reload_error: Some("bad key".to_owned()), ..Facts::default() };
        let whats = whats(&facts, Some(&Snapshot::default()));
        assert!(whats[0].ends_with("holds: bad key"), "{whats:?}");
    }

    #[test]
    fn keys_that_wait_for_a_restart_are_named() {
        let facts = Facts { at_next_start: vec!["device.mtu".to_owned()], ..Facts::default() };
        assert!(whats(&facts, Some(&Snapshot::default()))[0].ends_with("device.mtu"));
    }

    #[test]
    fn a_route_that_is_left_alone_is_named() {
        let mut route = RouteCounts { name: "r".to_owned(), ..RouteCounts::default() };
        assert_eq!(of_backoff(&route), None);
        route.backoff = Duration::from_millis(400);
        let what = of_backoff(&route).unwrap().what;
        assert_eq!(what, "route r: attempts to connect failed, the next one begins in 0.4 s");
    }

    #[test]
    fn a_route_that_an_operator_closed_is_named() {
        let mut route = RouteCounts { name: "r".to_owned(), ..RouteCounts::default() };
        assert_eq!(of_gate(&route), None);
        route.paused = 2;
        let what = of_gate(&route).unwrap().what;
        assert_eq!(what, "route r: an operator has paused 2 origins, denied 0");
    }

    #[test]
    fn a_full_route_is_named_only_while_leases_wait() {
        let mut route = RouteCounts {
            name: "r".to_owned(),
            connections_limit: 2,
            connections: RouteConnections { leased: 2, ..RouteConnections::default() },
            ..RouteCounts::default()
        };
        assert_eq!(of_route(&route), None);
        route.waiters = 3;
        route.oldest_waiter = Duration::from_millis(1_250);
        let problem = of_route(&route).unwrap();
        assert_eq!(
            problem.what,
            "route r: 3 leases wait, the first for 1.2 s, for one of 2 connections"
        );
        route.connections_limit = 3;
        assert_eq!(of_route(&route), None);
    }

    #[test]
    fn errors_of_the_device_are_a_failure() {
        let device = DeviceCounts { in_errors: 1, out_errors: 1, ..DeviceCounts::default() };
        let snapshot = Snapshot { device, ..Snapshot::default() };
        let problem = of_device(&snapshot).unwrap();
        assert!(problem.is_failure && problem.what.contains("2 times"));
    }
}
