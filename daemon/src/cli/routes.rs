//! `wharf routes`: one line a route, who holds and who waits.

use std::time::Duration;

use serde::Deserialize;

use super::span::span;
use super::table::{Side, Table};
use super::terminal::Terminal;
use super::{Environment, Exit, admin};

/// The daemon's answer, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Answer {
    routes: Vec<Route>,
}

#[derive(Debug, Deserialize)]
struct Route {
    name: String,
    limit: u64,
    connections: Connections,
    waiters: u64,
    oldest_waiter_seconds: f64,
    backoff_seconds: f64,
    learned_idle_seconds: f64,
    paused: u64,
    denied: u64,
    wait_p99_seconds: Option<f64>,
    leases: Leases,
    lease_failures: u64,
    connect_failures: u64,
}

#[derive(Debug, Deserialize)]
struct Connections {
    connecting: u64,
    idle: u64,
    leased: u64,
}

#[derive(Debug, Deserialize)]
struct Leases {
    idle: u64,
    handoff: u64,
    new: u64,
}

/// Runs the subcommand.
pub(super) fn run(options: &admin::Options, environment: &Environment) -> Exit {
    admin::run(options, environment, "routes", render)
}

/// The table.
fn render(answer: &Answer, terminal: Terminal) -> String {
    if answer.routes.is_empty() {
        return "no route is configured or in use\n".to_owned();
    }
    let mut table = Table::new(&[
        ("ROUTE", Side::Left),
        ("LEASED", Side::Right),
        ("IDLE", Side::Right),
        ("CONNECTING", Side::Right),
        ("MAX", Side::Right),
        ("WAITERS", Side::Right),
        ("OLDEST-WAIT", Side::Right),
        ("WAIT-P99", Side::Right),
        ("LEASES", Side::Right),
        ("REUSED", Side::Right),
        ("ERRORS", Side::Right),
        ("IDLE-LIMIT", Side::Right),
        ("STATE", Side::Left),
    ]);
    for route in &answer.routes {
        let Route { connections, leases, .. } = route;
        let reused = leases.idle + leases.handoff;
        table.push([
            route.name.clone(),
            connections.leased.to_string(),
            connections.idle.to_string(),
            connections.connecting.to_string(),
            if route.limit == 0 { "-".to_owned() } else { route.limit.to_string() },
            route.waiters.to_string(),
            if route.waiters == 0 { "-".to_owned() } else { seconds(route.oldest_waiter_seconds) },
            route
                .wait_p99_seconds
                .map_or_else(|| "-".to_owned(), |wait| format!("<{}", seconds(wait))),
            (reused + leases.new).to_string(),
            share(reused, reused + leases.new),
            (route.lease_failures + route.connect_failures).to_string(),
            if route.learned_idle_seconds > 0.0 {
                seconds(route.learned_idle_seconds)
            } else {
                "-".to_owned()
            },
            state(route),
        ]);
    }
    table.render(terminal)
}

/// What keeps a route from granting or opening; the operator's doing comes first.
fn state(route: &Route) -> String {
    match route {
        Route { denied: 1.., .. } => "denied".to_owned(),
        Route { paused: 1.., .. } => "paused".to_owned(),
        Route { backoff_seconds, .. } if *backoff_seconds > 0.0 => {
            format!("backoff {}", seconds(*backoff_seconds))
        }
        Route { .. } => "open".to_owned(),
    }
}

/// What the daemon tells in seconds; nonsense is no time.
fn seconds(seconds: f64) -> String {
    span(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// A part of the whole in hundredths.
fn share(part: u64, whole: u64) -> String {
    match part.saturating_mul(100).checked_div(whole) {
        Some(percent) => format!("{percent}%"),
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_as_a_table() {
        let answer: Answer = serde_json::from_value(serde_json::json!({"schema": 1, "routes": [
            {"name": "http://10.213.0.1:8080", "limit": 16, "total": 3,
             "connections": {"connecting": 0, "idle": 2, "leased": 1, "settling": 0},
             "waiters": 0, "oldest_waiter_seconds": 0.0, "wait_p99_seconds": 0.0005,
             "backoff_seconds": 0.0, "learned_idle_seconds": 5.0, "paused": 0, "denied": 0,
             "leases": {"idle": 90, "handoff": 5, "new": 5}, "lease_failures": 1,
             "connect_failures": 2},
            {"name": "api", "limit": 0, "total": 0,
             "connections": {"connecting": 4, "idle": 0, "leased": 0},
             "waiters": 7, "oldest_waiter_seconds": 1.25, "wait_p99_seconds": null,
             "backoff_seconds": 1.5, "learned_idle_seconds": 0.0, "paused": 1, "denied": 0,
             "leases": {"idle": 0, "handoff": 0, "new": 0}, "lease_failures": 0,
             "connect_failures": 0},
        ]}))
        .unwrap();
        let expected = "\
ROUTE                   LEASED  IDLE  CONNECTING  MAX  WAITERS  OLDEST-WAIT  WAIT-P99  LEASES  REUSED  ERRORS  IDLE-LIMIT  STATE
http://10.213.0.1:8080       1     2           0   16        0            -    <500us     100     95%       3        5.0s  open
api                          0     0           4    -        7         1.2s         -       0       -       0           -  paused
";
        assert_eq!(render(&answer, Terminal::default()), expected);
    }

    #[test]
    fn what_keeps_a_route_from_granting() {
        let state_of = |backoff: f64, paused: u64, denied: u64| {
            let route = serde_json::json!({"name": "r", "limit": 1,
                "connections": {"connecting": 0, "idle": 0, "leased": 0}, "waiters": 0,
                "oldest_waiter_seconds": 0.0, "wait_p99_seconds": null,
                "backoff_seconds": backoff, "learned_idle_seconds": 0.0, "paused": paused,
                "denied": denied, "leases": {"idle": 0, "handoff": 0, "new": 0},
                "lease_failures": 0, "connect_failures": 0});
            state(&serde_json::from_value(route).unwrap())
        };
        assert_eq!(state_of(0.0, 0, 0), "open");
        assert_eq!(state_of(1.5, 0, 0), "backoff 1.5s");
        assert_eq!(state_of(1.5, 2, 0), "paused");
        assert_eq!(state_of(0.0, 2, 1), "denied");
    }

    #[test]
    fn no_route_is_a_sentence() {
        let text = render(&Answer { routes: Vec::new() }, Terminal::default());
        assert_eq!(text, "no route is configured or in use\n");
    }
}
