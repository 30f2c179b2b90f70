//! `wharf status`: one screen that says how the daemon is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use super::table::cut;
use super::terminal::Terminal;
use super::{Environment, Exit, admin};

/// Words of a vocabulary and how often each came.
type Counts = BTreeMap<String, u64>;

/// The daemon's answer, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Answer {
    version: String,
    pid: u32,
    ready: bool,
    draining: bool,
    shard: String,
    uptime_seconds: f64,
    config: Config,
    sockets: Sockets,
    pool: Option<Pool>,
    clients: Option<Clients>,
    tcp: Option<Tcp>,
    device: Option<Device>,
    problems: Vec<Problem>,
}

#[derive(Debug, Deserialize)]
struct Config {
    last_reload_successful: bool,
    last_reload_error: Option<String>,
    at_next_start: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Sockets {
    lease: Option<String>,
    admin: String,
    metrics: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Pool {
    connections: Counts,
    leases: Counts,
    waiters: u64,
    oldest_waiter_seconds: f64,
    lease_failures: Counts,
    connect_failures: Counts,
}

#[derive(Debug, Deserialize)]
struct Clients {
    sessions: u64,
    leases: u64,
}

#[derive(Debug, Deserialize)]
struct Tcp {
    connections: Counts,
    active_opens: u64,
    retrans_segs: u64,
    estab_resets: u64,
    attempt_fails: u64,
}

#[derive(Debug, Deserialize)]
struct Device {
    in_packets: u64,
    in_bytes: u64,
    out_packets: u64,
    out_bytes: u64,
    out_drops: u64,
}

#[derive(Debug, Deserialize)]
struct Problem {
    severity: String,
    what: String,
    next: String,
}

/// Runs the subcommand.
pub(super) fn run(options: &admin::Options, environment: &Environment) -> Exit {
    admin::run(options, environment, "status", render)
}

/// The screen.
fn render(answer: &Answer, terminal: Terminal) -> String {
    let mut text = String::new();
    let mut line = |name: &str, what: String| {
        let name = terminal.bold(&format!("{name:<8}"));
        // The name takes eight columns and a space takes two; emphasis takes none.
        let width = terminal.width.map(|width| width.saturating_sub(10));
        writeln!(text, "{name}  {}", cut(&what, width))
            .expect("a string takes all that is written");
    };
    line("wharfd", heading(answer));
    for problem in &answer.problems {
        line(&problem.severity, problem.what.clone());
        line("", format!("next: {}", problem.next));
    }
    if let Some(error) = &answer.config.last_reload_error {
        line("config", format!("the last reload failed, the old one stays: {error}"));
    } else if !answer.config.last_reload_successful {
        line("config", "the last reload failed, the old one stays".to_owned());
    }
    if !answer.config.at_next_start.is_empty() {
        line("config", format!("at the next start: {}", answer.config.at_next_start.join(", ")));
    }
    if let Some(pool) = &answer.pool {
        line("pool", format!("{}; {}", words(&pool.connections, "no connection"), pool.waiting()));
        line("leases", pool.leases());
    }
    if let Some(Clients { sessions, leases }) = answer.clients {
        line("clients", format!("{sessions} sessions, {leases} leases held"));
    }
    if let Some(tcp) = &answer.tcp {
        line("tcp", tcp.describe());
    }
    if let Some(device) = &answer.device {
        line("device", device.describe());
    }
    line("sockets", answer.sockets.describe());
    text
}

/// Version, state and age.
fn heading(answer: &Answer) -> String {
    let state = match (answer.draining, answer.ready) {
        (true, _) => "draining",
        (false, true) => "ready",
        (false, false) => "not ready",
    };
    let silent = if answer.shard == "answering" { "" } else { ", the shard is silent" };
    let seconds = Duration::try_from_secs_f64(answer.uptime_seconds).unwrap_or_default().as_secs();
    let uptime = humantime::format_duration(Duration::from_secs(seconds));
    format!("{} {state}{silent}, up {uptime}, pid {}", answer.version, answer.pid)
}

impl Pool {
    /// Who waits.
    fn waiting(&self) -> String {
        match self.waiters {
            0 => "nobody waits".to_owned(),
            waiters => {
                format!("{waiters} wait, the longest {:.3} s", self.oldest_waiter_seconds)
            }
        }
    }

    /// Leases granted and refused since the start.
    fn leases(&self) -> String {
        format!(
            "{}; refused: {}; connects failed: {}",
            words(&self.leases, "none"),
            words(&self.lease_failures, "none"),
            words(&self.connect_failures, "none"),
        )
    }
}

impl Tcp {
    /// Connections by state, and what went wrong.
    fn describe(&self) -> String {
        format!(
            "{}; {} active opens, {} failed, {} resets, {} segments retransmitted",
            words(&self.connections, "no connection"),
            self.active_opens,
            self.attempt_fails,
            self.estab_resets,
            self.retrans_segs,
        )
    }
}

impl Device {
    /// Packets and bytes each way.
    fn describe(&self) -> String {
        format!(
            "in {} packets, {}; out {} packets, {}; {} dropped",
            self.in_packets,
            ByteSize(self.in_bytes),
            self.out_packets,
            ByteSize(self.out_bytes),
            self.out_drops,
        )
    }
}

impl Sockets {
    /// Where the daemon listens.
    fn describe(&self) -> String {
        let lease = self.lease.as_deref().unwrap_or("off");
        let metrics = self.metrics.as_deref().unwrap_or("off");
        format!("lease {lease}, admin {}, metrics {metrics}", self.admin)
    }
}

/// The words that came at all, each with its count.
fn words(counts: &Counts, none: &str) -> String {
    let some: Vec<_> = counts
        .iter()
        .filter(|&(_, &count)| count > 0)
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    if some.is_empty() { none.to_owned() } else { some.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer as the daemon gives it, with `changes` laid over it.
    fn answer(changes: &serde_json::Value) -> Answer {
        let mut whole = serde_json::json!({
            "schema": 1, "command": "status", "version": "0.1.0", "pid": 7, "ready": true,
            "draining": false, "shard": "answering", "uptime_seconds": 3661.5,
            "started_unix_seconds": 1_700_000_000,
            "config": {"last_reload_successful": true, "last_reload_unix_seconds": 1,
                       "last_reload_error": null, "at_next_start": []},
            "sockets": {"lease": "/run/wharf/lease.sock", "admin": "/run/wharf/admin.sock",
                        "metrics": null},
            "pool": {"connections": {"idle": 2, "leased": 1, "connecting": 0},
                     "leases": {"idle": 5, "handoff": 0, "new": 3}, "waiters": 0,
                     "oldest_waiter_seconds": 0.0, "lease_failures": {"quota": 0},
                     "connect_failures": {"connection_refused": 2}, "closed": {}},
            "clients": {"sessions": 4, "leases": 1, "waiters": 0},
            "tcp": {"connections": {"established": 3, "listen": 0}, "active_opens": 3,
                    "retrans_segs": 1, "estab_resets": 0, "attempt_fails": 2},
            "device": {"in_packets": 10, "in_bytes": 2048, "in_batches": 3, "out_packets": 11,
                       "out_bytes": 100, "out_batches": 3, "out_drops": 0, "in_errors": 0},
            "problems": [],
        });
        for (key, value) in changes.as_object().unwrap() {
            whole.as_object_mut().unwrap().insert(key.clone(), value.clone());
        }
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn a_daemon_that_is_well() {
        let text = render(&answer(&serde_json::json!({})), Terminal::default());
        let expected = "\
wharfd    0.1.0 ready, up 1h 1m 1s, pid 7
pool      2 idle, 1 leased; nobody waits
leases    5 idle, 3 new; refused: none; connects failed: 2 connection_refused
clients   4 sessions, 1 leases held
tcp       3 established; 3 active opens, 2 failed, 0 resets, 1 segments retransmitted
device    in 10 packets, 2.0 KiB; out 11 packets, 100 B; 0 dropped
sockets   lease /run/wharf/lease.sock, admin /run/wharf/admin.sock, metrics off
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_daemon_in_trouble_says_so_first() {
        let changes = serde_json::json!({
            "ready": false, "shard": "silent", "pool": null, "clients": null, "tcp": null,
            "device": null,
            "problems": [{"severity": "fail", "what": "the shard is silent", "next": "restart it"}],
            "config": {"last_reload_successful": false, "last_reload_error": "line 3",
                       "at_next_start": ["device.mtu"]},
        });
        let text = render(&answer(&changes), Terminal { width: Some(50), color: false });
        let expected = "\
wharfd    0.1.0 not ready, the shard is silent, u…
fail      the shard is silent
          next: restart it
config    the last reload failed, the old one sta…
config    at the next start: device.mtu
sockets   lease /run/wharf/lease.sock, admin /run…
";
        assert_eq!(text, expected);
    }

    #[test]
    fn waiters_and_draining_are_told() {
        let pool = serde_json::json!({
            "connections": {}, "leases": {}, "waiters": 2, "oldest_waiter_seconds": 0.25,
            "lease_failures": {"queue_full": 1}, "connect_failures": {},
        });
        let changes = serde_json::json!({"draining": true, "pool": pool});
        let text = render(&answer(&changes), Terminal::default());
        assert!(text.contains("0.1.0 draining, up"), "{text}");
        assert!(text.contains("no connection; 2 wait, the longest 0.250 s"), "{text}");
        assert!(text.contains("refused: 1 queue_full"), "{text}");
    }
}
