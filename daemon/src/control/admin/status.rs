//! The answer to `status`: one screen about the whole daemon.

use serde_json::{Map, Value, json};

use super::problems::{Problem, problems};
use super::routes::counts;
use super::{Command, SCHEMA};
use crate::control::facts::Facts;
use crate::snapshot::{RouteCounts, Snapshot, TCP_STATES};

/// The answer to `status`. Without a snapshot (the shard does not answer) the shard's parts are
/// null.
pub(in crate::control) fn status(facts: &Facts, snapshot: Option<&Snapshot>) -> Value {
    json!({
        "schema": SCHEMA,
        "command": Command::Status.name(),
        "version": facts.process.version,
        "pid": std::process::id(),
        "ready": facts.is_ready(),
        "draining": facts.is_draining,
        "shard": if snapshot.is_some() { "answering" } else { "silent" },
        "uptime_seconds": facts.uptime.as_secs_f64(),
        "started_unix_seconds": facts.process.started_unix_seconds,
        "config": config(facts),
        "sockets": {
            "lease": facts.sockets.lease,
            "admin": facts.sockets.admin,
            "metrics": facts.sockets.metrics,
        },
        "pool": snapshot.map(pool),
        "clients": snapshot.map(clients),
        "tcp": snapshot.map(tcp),
        "device": snapshot.map(|snapshot| snapshot.device),
        "problems": problems(facts, snapshot).iter().map(Problem::to_json).collect::<Vec<_>>(),
    })
}

fn config(facts: &Facts) -> Value {
    json!({
        "last_reload_successful": facts.process.reload_successful,
        "last_reload_unix_seconds": facts.process.reload_unix_seconds,
        "last_reload_error": facts.reload_error,
        "at_next_start": facts.at_next_start,
    })
}

fn pool(snapshot: &Snapshot) -> Value {
    let mut sum = RouteCounts::default();
    for route in &snapshot.routes {
        sum.absorb(route);
    }
    json!({
        "routes": snapshot.routes.len(),
        "connections": sum.connections,
        "leases": counts(&sum.leases),
        "waiters": sum.waiters,
        "oldest_waiter_seconds": sum.oldest_waiter.as_secs_f64(),
        "lease_failures": counts(&snapshot.pool.lease_failures),
        "connect_failures": counts(&snapshot.pool.connect_failures),
        "closed": counts(&snapshot.pool.closed),
    })
}

fn clients(snapshot: &Snapshot) -> Value {
    let users = &snapshot.clients.by_uid;
    json!({
        "sessions": users.iter().map(|user| user.sessions).sum::<u64>(),
        "leases": users.iter().map(|user| user.leases).sum::<u64>(),
        "waiters": users.iter().map(|user| user.waiters).sum::<u64>(),
    })
}

fn tcp(snapshot: &Snapshot) -> Value {
    let states = TCP_STATES.iter().zip(snapshot.tcp_states);
    let states: Map<_, _> =
        states.map(|(state, count)| ((*state).to_owned(), Value::from(count))).collect();
    json!({
        "connections": states,
        "active_opens": snapshot.tcp.active_opens,
        "attempt_fails": snapshot.tcp.attempt_fails,
        "estab_resets": snapshot.tcp.estab_resets,
        "retrans_segs": snapshot.tcp.retrans_segs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{RouteConnections, UidCounts};

    #[test]
    fn routes_and_users_are_added_up() {
        let route = RouteCounts {
            connections: RouteConnections { idle: 1, ..RouteConnections::default() },
            leases: vec![("idle", 2)],
            ..RouteCounts::default()
        };
        let user = UidCounts { uid: "0".to_owned(), sessions: 1, leases: 2, waiters: 3 };
        let mut snapshot = Snapshot { routes: vec![route.clone(), route], ..Snapshot::default() };
        snapshot.clients.by_uid = vec![user.clone(), user];
        let answer = status(&Facts::default(), Some(&snapshot));
        assert_eq!(answer["pool"]["connections"]["idle"], 2);
        assert_eq!(answer["pool"]["leases"]["idle"], 4);
        assert_eq!(answer["clients"]["waiters"], 6);
        assert_eq!(answer["tcp"]["connections"].as_object().unwrap().len(), 11);
        assert_eq!(answer["shard"], "answering");
    }

    #[test]
    fn a_silent_shard_leaves_its_parts_null() {
        let answer = status(&Facts::default(), None);
        for part in ["pool", "clients", "tcp", "device"] {
            assert!(answer[part].is_null(), "{part}");
        }
        assert_eq!(answer["shard"], "silent");
        assert_eq!(answer["problems"][0]["severity"], "fail");
    }
}
