//! `wharf leases`, `waiters`, `clients`: who holds connections, who waits for one, and who is there.
//! Three views of one answer, the sessions.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::span::span;
use super::table::{Side, Table};
use super::terminal::Terminal;
use super::{Environment, Exit, admin};

/// The daemon's answer, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Answer {
    sessions: Vec<Session>,
}

#[derive(Debug, Deserialize)]
struct Session {
    pid: i32,
    comm: String,
    uid: u32,
    buffered_bytes: u64,
    lease: Option<Lease>,
}

#[derive(Debug, Deserialize)]
struct Lease {
    phase: String,
    handle: Option<u64>,
    route: String,
    connection: Option<u64>,
    remote: Option<String>,
    asked_ms: u64,
    held_ms: Option<u64>,
    written_bytes: u64,
    delivered_bytes: u64,
}

impl Lease {
    fn waits(&self) -> bool {
        self.phase == "waiting"
    }

    /// For how long it is held; of one whose connection is gone, since it was asked for.
    fn age_ms(&self) -> u64 {
        self.held_ms.unwrap_or(self.asked_ms)
    }
}

/// Which view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// Who holds a connection, the longest first.
    Leases,
    /// Who waits for one, the longest first.
    Waiters,
    /// Which processes are there, and how much each has.
    Clients,
}

/// Runs the subcommand.
pub(super) fn run(view: View, options: &admin::Options, environment: &Environment) -> Exit {
    admin::run(options, environment, "sessions", |answer, terminal| match view {
        View::Leases => leases(answer, terminal),
        View::Waiters => waiters(answer, terminal),
        View::Clients => clients(answer, terminal),
    })
}

/// The sessions whose lease is wanted, the oldest of them first.
fn chosen(answer: &Answer, is_wanted: fn(&Lease) -> bool) -> Vec<(&Session, &Lease)> {
    let with_lease = answer.sessions.iter().filter_map(|s| Some((s, s.lease.as_ref()?)));
    let mut chosen: Vec<_> = with_lease.filter(|(_, lease)| is_wanted(lease)).collect();
    chosen.sort_by_key(|(_, lease)| std::cmp::Reverse(lease.age_ms()));
    chosen
}

fn leases(answer: &Answer, terminal: Terminal) -> String {
    let mut table = Table::new(&[
        ("ROUTE", Side::Left),
        ("PID", Side::Right),
        ("UID", Side::Right),
        ("COMM", Side::Left),
        ("HELD", Side::Right),
        ("SENT", Side::Right),
        ("RECEIVED", Side::Right),
        ("PEER", Side::Left),
        ("CONNECTION", Side::Right),
        ("LEASE", Side::Right),
    ]);
    let held = chosen(answer, |lease| !lease.waits());
    if held.is_empty() {
        return "no connection is leased\n".to_owned();
    }
    for (session, lease) in held {
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
        table.push([
            lease.route.clone(),
            session.pid.to_string(),
            session.uid.to_string(),
            session.comm.clone(),
            span(Duration::from_millis(lease.age_ms())),
            lease.written_bytes.to_string(),
            lease.delivered_bytes.to_string(),
            lease.remote.clone().unwrap_or_else(|| lease.phase.clone()),
            number(lease.connection),
            number(lease.handle),
        ]);
    }
    table.render(terminal)
}

fn waiters(answer: &Answer, terminal: Terminal) -> String {
    let mut table = Table::new(&[
        ("ROUTE", Side::Left),
        ("PID", Side::Right),
        ("UID", Side::Right),
        ("COMM", Side::Left),
        ("WAITS", Side::Right),
    ]);
    let waiting = chosen(answer, Lease::waits);
    if waiting.is_empty() {
        return "nobody waits\n".to_owned();
    }
    for (session, lease) in waiting {
        table.push([
            lease.route.clone(),
            session.pid.to_string(),
            session.uid.to_string(),
            session.comm.clone(),
            span(Duration::from_millis(lease.asked_ms)),
        ]);
    }
    table.render(terminal)
}

/// What one process has.
#[derive(Debug, Default)]
struct Holding {
    comm: String,
    sessions: u64,
    leases: u64,
    waiters: u64,
    bytes: u64,
}

fn clients(answer: &Answer, terminal: Terminal) -> String {
    let mut by_process: BTreeMap<(u32, i32), Holding> = BTreeMap::new();
    for session in &answer.sessions {
        let holding = by_process.entry((session.uid, session.pid)).or_default();
        holding.comm.clone_from(&session.comm);
        holding.sessions += 1;
        holding.bytes += session.buffered_bytes;
        if let Some(lease) = &session.lease {
            let count = if lease.waits() { &mut holding.waiters } else { &mut holding.leases };
            *count += 1;
        }
    }
    if by_process.is_empty() {
        return "no client is connected\n".to_owned();
    }
    let mut table = Table::new(&[
        ("PID", Side::Right),
        ("UID", Side::Right),
        ("COMM", Side::Left),
        ("SESSIONS", Side::Right),
        ("LEASES", Side::Right),
        ("WAITERS", Side::Right),
        ("BUFFERED", Side::Right),
    ]);
    for ((uid, pid), holding) in by_process {
        table.push([
            pid.to_string(),
            uid.to_string(),
            holding.comm,
            holding.sessions.to_string(),
            holding.leases.to_string(),
            holding.waiters.to_string(),
            holding.bytes.to_string(),
        ]);
    }
    table.render(terminal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        let lease = |phase: &str, asked_ms: u64, held_ms: Option<u64>| {
            serde_json::json!({"phase": phase, "number": 1, "handle": held_ms.map(|_| 70),
                "route": "web", "connection": held_ms.map(|_| 9),
                "remote": held_ms.map(|_| "10.0.0.1:80"), "asked_ms": asked_ms, "held_ms": held_ms,
                "written_bytes": 3, "delivered_bytes": 4, "fd": false, "opaque": false})
        };
        let session = |pid: i32, lease: serde_json::Value| {
            serde_json::json!({"pid": pid, "comm": "php-fpm", "uid": 33, "gid": 33,
                "buffered_bytes": 5, "lease": lease})
        };
        serde_json::from_value(serde_json::json!({"schema": 1, "sessions": [
            session(7, lease("leased", 2_000, Some(1_500))),
            session(7, lease("waiting", 20, None)),
            session(8, lease("leased", 90_000, Some(80_000))),
            session(8, lease("lost", 5_000, None)),
            session(9, serde_json::Value::Null),
        ]}))
        .unwrap()
    }

    #[test]
    fn holders_the_longest_first() {
        let expected = "\
ROUTE  PID  UID  COMM      HELD  SENT  RECEIVED  PEER         CONNECTION  LEASE
web      8   33  php-fpm  80.0s     3         4  10.0.0.1:80           9     70
web      8   33  php-fpm   5.0s     3         4  lost                  -      -
web      7   33  php-fpm   1.5s     3         4  10.0.0.1:80           9     70
";
        assert_eq!(leases(&answer(), Terminal::default()), expected);
    }

    #[test]
    fn those_who_wait() {
        let expected = "\
ROUTE  PID  UID  COMM     WAITS
web      7   33  php-fpm   20ms
";
        assert_eq!(waiters(&answer(), Terminal::default()), expected);
    }

    #[test]
    fn processes_and_what_each_has() {
        let expected = "\
PID  UID  COMM     SESSIONS  LEASES  WAITERS  BUFFERED
  7   33  php-fpm         2       1        1        10
  8   33  php-fpm         2       2        0        10
  9   33  php-fpm         1       0        0         5
";
        assert_eq!(clients(&answer(), Terminal::default()), expected);
    }

    #[test]
    fn nothing_is_a_sentence() {
        let none = Answer { sessions: Vec::new() };
        for show in [leases, waiters, clients] {
            assert_eq!(show(&none, Terminal::default()).lines().count(), 1);
        }
    }
}
