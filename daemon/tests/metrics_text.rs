//! The text of `/metrics`: compared with a committed file, so a rename is a reviewed change, and
//! checked by Prometheus' own tool.

mod tools;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use tools::{assert_golden, skip, tool};
use wharf_transport::stack::stats::Stats;
use wharfd::metrics::render;
use wharfd::metrics::view::{ControlRefused, OTHER, ProcessFacts};
use wharfd::snapshot::{
    CONNECT_BOUNDS_US, ClientCounts, DeviceCounts, Distribution, HOLD_BOUNDS_US, LAG_BOUNDS_US,
    PoolCounts, RouteConnections, RouteCounts, Snapshot, TCP_STATES, TcpMemory, UidCounts,
    WAIT_BOUNDS_US,
};

/// POOL.md, section 4: 200 routes of at most 45 series stay below 10 000.
const SERIES_PER_ROUTE_MAX: usize = 45;

fn waits(micros: &[u64]) -> Distribution {
    let mut distribution = Distribution::new(WAIT_BOUNDS_US);
    micros.iter().for_each(|micros| distribution.record(Duration::from_micros(*micros)));
    distribution
}

fn route(name: &str) -> RouteCounts {
    RouteCounts {
        name: name.to_owned(),
        connections_needed: 12,
        connections_limit: 256,
        connections: RouteConnections { idle: 3, leased: 2, ..RouteConnections::default() },
        opened: vec![("demand", 6), ("prewarm", 0), ("replace", 0)],
        leases: vec![("idle", 40), ("handoff", 2), ("new", 6)],
        releases: vec![("reused", 44), ("handoff", 2), ("closed", 0)],
        closed: 1,
        lease_failures: 1,
        connect_failures: 1,
        evictions: 0,
        paused: 0,
        denied: 0,
        connects_elided: 4,
        backoff: Duration::from_millis(200),
        learned_idle: Duration::from_millis(4990),
        waiters: 1,
        oldest_waiter: Duration::from_millis(1_500),
        waiters_queued: 3,
        waiter_cancel_after_offer: 0,
        lease_overdue: 0,
        lease_wait: waits(&[3, 7, 40, 900, 6_000_000]),
    }
}

fn pool() -> PoolCounts {
    let mut hold = Distribution::new(HOLD_BOUNDS_US);
    hold.record(Duration::from_millis(12));
    let mut connected = Distribution::new(CONNECT_BOUNDS_US);
    connected.record(Duration::from_micros(180));
    PoolCounts {
        closed: vec![("peer_fin", 1), ("idle_timeout", 0), ("client_discard", 0)],
        lease_failures: vec![("queue_full", 0), ("queue_timeout", 1)],
        connect_failures: vec![("connection_refused", 1), ("connection_timeout", 0)],
        release_rejected: vec![("stale", 0)],
        stale_lease_errors: vec![("never_sent", 0), ("unknown", 0)],
        waiters_woken: 2,
        addresses_suspected: 3,
        addresses_failed: 1,
        lease_hold: hold,
        connect_duration: vec![
            ("connected", connected),
            ("failed", Distribution::new(CONNECT_BOUNDS_US)),
            ("timed_out", Distribution::new(CONNECT_BOUNDS_US)),
            ("abandoned", Distribution::new(CONNECT_BOUNDS_US)),
        ],
    }
}

fn snapshot(routes: Vec<RouteCounts>) -> Snapshot {
    Snapshot {
        tcp: Stats { active_opens: 6, in_segs: 1_000, out_segs: 900, ..Stats::default() },
        tcp_states: [0, 1, 0, 0, 5, 0, 0, 0, 0, 0, 2],
        device: DeviceCounts {
            in_packets: 1_000,
            in_bytes: 64_000,
            in_batches: 100,
            ..DeviceCounts::default()
        },
        routes,
        pool: pool(),
        clients: ClientCounts {
            by_uid: vec![
                UidCounts { uid: "33".to_owned(), sessions: 2, leases: 2, waiters: 1 },
                UidCounts { uid: "other".to_owned(), ..UidCounts::default() },
            ],
            protocol_errors: vec![("protocol_violation", 0)],
        },
        memory_bytes: vec![("receive_buffers", 0), ("send_buffers", 65_536)],
        tcp_memory: TcpMemory { used: 70_000, limit: 512 << 20, limit_per_uid: 128 << 20 },
        event_loop_lag: Distribution::new(LAG_BOUNDS_US),
        draining: false,
    }
}

fn facts() -> ProcessFacts {
    ProcessFacts {
        version: "0.0.0",
        reload_successful: true,
        reload_unix_seconds: 1_700_000_100,
        started_unix_seconds: 1_700_000_000,
        control_refused: ControlRefused { metrics: 1, admin: 0 },
    }
}

fn series(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[test]
fn the_text_is_the_committed_one() {
    let snapshot = snapshot(vec![route("http://10.213.0.1:8080"), route("http://*.internal")]);
    assert_golden("metrics.txt", &render(&snapshot, &facts()));
}

#[test]
fn equal_snapshots_give_equal_text() {
    let snapshot = snapshot(vec![route("a"), route("b")]);
    assert_eq!(render(&snapshot, &facts()), render(&snapshot, &facts()));
}

#[test]
fn all_eleven_states_are_there_from_the_start() {
    let text = render(&Snapshot::default(), &facts());
    for state in TCP_STATES {
        let line = format!("wharf_tcp_connections{{state=\"{state}\"}} 0");
        assert!(text.lines().any(|other| other == line), "{line} is missing");
    }
}

#[test]
fn every_series_has_its_help_and_type() {
    let text = render(&snapshot(vec![route("a")]), &facts());
    let mut families = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with('#')) {
        let name = line.split(' ').nth(2).unwrap();
        *families.entry(name).or_insert(0) += 1;
    }
    for line in series(&text) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let lines = families.get(name).or_else(|| families.get(family?));
        assert_eq!(lines, Some(&2), "{line} lacks its help or its type");
        assert!(name.starts_with("wharf_"), "{line}");
    }
}

#[test]
fn a_route_has_no_more_series_than_promised() {
    let text = render(&snapshot(vec![route("counted")]), &facts());
    let count = series(&text).filter(|line| line.contains("route=\"counted\"")).count();
    assert!(count > 20, "only {count} series: the label is not found");
    assert!(count <= SERIES_PER_ROUTE_MAX, "{count} series for one route");
}

#[test]
fn thousands_of_routes_stay_below_ten_thousand_series() {
    let routes = (0..3_000).map(|number| route(&format!("route-{number}"))).collect();
    let text = render(&snapshot(routes), &facts());
    assert!(series(&text).count() < 10_000);
    assert!(text.contains(&format!("wharf_pool_waiters{{route=\"{OTHER}\"}} 2800\n")));
}

#[test]
fn a_removed_route_leaves_no_series_behind() {
    assert!(render(&snapshot(vec![route("gone")]), &facts()).contains("gone"));
    assert!(!render(&snapshot(vec![]), &facts()).contains("gone"));
}

#[test]
fn promtool_finds_no_fault() {
    let Some(promtool) = tool("promtool") else {
        return skip("promtool is neither in WHARF_PROMTOOL nor on the path (cargo xtask tools)");
    };
    let hostile = route("quote\" backslash\\ newline\n");
    let text = render(&snapshot(vec![route("a"), hostile]), &facts());
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}
