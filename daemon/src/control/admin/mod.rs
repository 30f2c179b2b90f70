//! The admin socket's language: one line in, one JSON object with `"schema": 1` out.
//!
//! Pure: a line becomes a [`Command`], figures become JSON. Every field always exists, null where
//! there is nothing to say, so that readers need no special cases; fields may be added within a
//! schema, never renamed or removed.

mod counters;
mod problems;
mod routes;
mod status;

use serde_json::{Value, json};

pub(super) use self::counters::counters;
pub(super) use self::routes::routes;
pub(super) use self::status::status;
use crate::inspect::{SessionRow, TraceFilter, TransitionRow};
use crate::order::{Order, RouteOrder};
use crate::snapshot::{ConnectionRow, Snapshot};

/// The version of every answer's shape.
pub const SCHEMA: u32 = 1;

/// The most bytes of a command's line.
pub(super) const LINE_MAX: usize = 256;

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// How the daemon is.
    Status,
    /// What each route holds.
    Routes,
    /// One row for each TCP connection.
    Connections,
    /// One row for each session, with what it holds or waits for.
    Sessions,
    /// The stack's counters.
    Counters,
    /// What happened to connections.
    Trace(TraceFilter),
    /// The configuration in effect.
    Config,
    /// What holds memory.
    Memory,
    /// Something is to be done, not only told.
    Order(RouteOrder),
}

impl Command {
    /// Those that take no argument.
    const READING: [Self; 7] = [
        Self::Status,
        Self::Routes,
        Self::Connections,
        Self::Sessions,
        Self::Counters,
        Self::Config,
        Self::Memory,
    ];

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Order(order) => order.order.name(),
            Self::Status => "status",
            Self::Routes => "routes",
            Self::Connections => "connections",
            Self::Sessions => "sessions",
            Self::Counters => "counters",
            Self::Trace(_) => TRACE,
            Self::Config => "config",
            Self::Memory => "memory",
        }
    }
}

const TRACE: &str = "trace";

/// Why a line was not understood or not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// More than [`LINE_MAX`] bytes without an end of line.
    LineTooLong,
    /// Not UTF-8.
    NotText,
    /// No such command.
    UnknownCommand(String),
    /// A word behind `trace` that it has no use for.
    BadFilter(String),
    /// An order for a route that is not in use.
    NoSuchRoute(Order, String),
    /// The line did not arrive in time.
    TooSlow,
    /// The daemon lives and its shard does not answer.
    ShardSilent(&'static str),
}

impl Fault {
    fn code(&self) -> &'static str {
        match self {
            Self::LineTooLong => "line_too_long",
            Self::NotText => "not_text",
            Self::UnknownCommand(_) => "unknown_command",
            Self::BadFilter(_) => "bad_filter",
            Self::NoSuchRoute(..) => "no_such_route",
            Self::TooSlow => "too_slow",
            Self::ShardSilent(_) => "shard_silent",
        }
    }

    fn command(&self) -> Option<&str> {
        match self {
            Self::UnknownCommand(name) => Some(name),
            Self::BadFilter(_) => Some(TRACE),
            Self::NoSuchRoute(order, _) => Some(order.name()),
            Self::ShardSilent(name) => Some(name),
            Self::LineTooLong | Self::NotText | Self::TooSlow => None,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::LineTooLong => format!("the line is longer than {LINE_MAX} bytes"),
            Self::NotText => "the line is not UTF-8".to_owned(),
            Self::UnknownCommand(name) => format!("there is no command {name:?}"),
            Self::BadFilter(word) => format!("trace cannot be narrowed by {word:?}"),
            Self::NoSuchRoute(_, route) => format!("no route in use has the name {route:?}"),
            Self::TooSlow => "the line did not arrive in time".to_owned(),
            Self::ShardSilent(_) => "the shard does not answer".to_owned(),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::LineTooLong | Self::NotText | Self::TooSlow => {
                "write one command and an end of line".to_owned()
            }
            Self::UnknownCommand(_) => {
                let reading = Command::READING.iter().map(Command::name);
                let orders = Order::ALL.map(Order::name);
                let names: Vec<_> = reading.chain([TRACE]).chain(orders).collect();
                format!("commands are {}", names.join(", "))
            }
            Self::BadFilter(_) => {
                "it takes connection=N, lease=N and last=N, each with a whole number".to_owned()
            }
            Self::NoSuchRoute(..) => "wharf routes names them; one that no client has used yet \
                                      holds nothing that an order could concern"
                .to_owned(),
            Self::ShardSilent(_) => "look at the daemon's log: journalctl -u wharfd".to_owned(),
        }
    }

    /// The answer that says so.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "schema": SCHEMA,
            "command": self.command(),
            "error": { "code": self.code(), "message": self.message(), "hint": self.hint() },
        })
    }
}

/// Judges the bytes that have come so far: `None` when the line has not ended. The end of the
/// stream ends it too.
pub(super) fn parse(input: &[u8], is_at_end: bool) -> Option<Result<Command, Fault>> {
    let end = input.iter().position(|byte| *byte == b'\n');
    let line = match end.and_then(|end| input.get(..end)) {
        Some(line) => line,
        None if is_at_end => input,
        None if input.len() >= LINE_MAX => return Some(Err(Fault::LineTooLong)),
        None => return None,
    };
    let Ok(line) = std::str::from_utf8(line) else { return Some(Err(Fault::NotText)) };
    let line = line.trim();
    let (name, argument) = match line.split_once(char::is_whitespace) {
        Some((name, argument)) => (name, Some(argument.trim().to_owned())),
        None => (line, None),
    };
    let order = Order::ALL.into_iter().find(|order| order.name() == name);
    let reading = Command::READING.into_iter().find(|command| command.name() == line);
    let command = match order {
        Some(order) => Some(Command::Order(RouteOrder { order, route: argument })),
        None if name == TRACE => match trace_filter(argument.as_deref().unwrap_or_default()) {
            Ok(filter) => Some(Command::Trace(filter)),
            Err(fault) => return Some(Err(fault)),
        },
        None => reading,
    };
    Some(command.ok_or_else(|| Fault::UnknownCommand(line.to_owned())))
}

/// What `connection=7 last=10` asks for.
fn trace_filter(words: &str) -> Result<TraceFilter, Fault> {
    let mut filter = TraceFilter::default();
    for word in words.split_whitespace() {
        let bad = || Fault::BadFilter(word.to_owned());
        let (key, number) = word.split_once('=').ok_or_else(bad)?;
        let number: u64 = number.parse().map_err(|_| bad())?;
        match key {
            "connection" => filter.connection = Some(number),
            "lease" => filter.lease = Some(number),
            "last" => filter.last = Some(usize::try_from(number).unwrap_or(usize::MAX)),
            _ => return Err(bad()),
        }
    }
    Ok(filter)
}

/// The answer to an order that concerned so many routes.
pub(super) fn ordered(order: &RouteOrder, routes: u64) -> Result<Value, Fault> {
    if let Some(route) = order.route.as_ref().filter(|_| routes == 0) {
        return Err(Fault::NoSuchRoute(order.order, route.clone()));
    }
    let name = order.order.name();
    Ok(json!({ "schema": SCHEMA, "command": name, "route": order.route, "routes": routes }))
}

/// The answer to `connections`.
pub(super) fn connections(rows: &[ConnectionRow]) -> Value {
    json!({ "schema": SCHEMA, "command": Command::Connections.name(), "connections": rows })
}

/// The answer to `sessions`.
pub(super) fn sessions(rows: &[SessionRow]) -> Value {
    json!({ "schema": SCHEMA, "command": Command::Sessions.name(), "sessions": rows })
}

/// The answer to `trace`.
pub(super) fn trace(rows: &[TransitionRow]) -> Value {
    json!({ "schema": SCHEMA, "command": TRACE, "transitions": rows })
}

/// The answer to `config`: the text that, read as a file, gives what is in effect; and the keys of it
/// that wait for a restart.
pub(super) fn config(text: &str, at_next_start: &[String]) -> Value {
    let name = Command::Config.name();
    json!({ "schema": SCHEMA, "command": name, "toml": text, "at_next_start": at_next_start })
}

/// The answer to `memory`, in bytes: what sessions and TCP hold, and what TCP may hold.
pub(super) fn memory(snapshot: &Snapshot) -> Value {
    let kinds: serde_json::Map<String, Value> = snapshot
        .memory_bytes
        .iter()
        .map(|(kind, bytes)| ((*kind).to_owned(), (*bytes).into()))
        .collect();
    json!({
        "schema": SCHEMA,
        "command": Command::Memory.name(),
        "kinds": kinds,
        "tcp_buffers": snapshot.tcp_memory.used,
        "tcp_buffers_limit": snapshot.tcp_memory.limit,
        "tcp_buffers_limit_per_uid": snapshot.tcp_memory.limit_per_uid,
    })
}

/// An answer's bytes: one line.
pub(super) fn bytes(answer: &Value) -> Vec<u8> {
    format!("{answer}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::ConnectionInfo;

    fn order(order: Order, route: Option<&str>) -> Command {
        Command::Order(RouteOrder { order, route: route.map(str::to_owned) })
    }

    #[test]
    fn an_order_for_a_route_that_is_not_in_use_is_a_fault() {
        let all = RouteOrder { order: Order::Resume, route: None };
        assert_eq!(ordered(&all, 0).unwrap()["routes"], 0);
        let one = RouteOrder { route: Some("web".to_owned()), ..all };
        assert_eq!(ordered(&one, 1).unwrap()["route"], "web");
        assert_eq!(ordered(&one, 0).unwrap_err().code(), "no_such_route");
    }

    #[test]
    fn lines_and_what_they_mean() {
        let narrow = TraceFilter { lease: Some(7), last: Some(2), ..TraceFilter::default() };
        type Case<'a> = (&'a [u8], bool, Option<Result<Command, Fault>>);
        let cases: &[Case<'_>] = &[
            (b"status\n", false, Some(Ok(Command::Status))),
            (b" routes \r\n", false, Some(Ok(Command::Routes))),
            (b"connections", true, Some(Ok(Command::Connections))),
            (b"connections", false, None),
            (b"pause\n", false, Some(Ok(order(Order::Pause, None)))),
            (b"deny  http://a:1 \n", false, Some(Ok(order(Order::Deny, Some("http://a:1"))))),
            (b"routes web\n", false, Some(Err(Fault::UnknownCommand("routes web".to_owned())))),
            (b"trace\n", false, Some(Ok(Command::Trace(TraceFilter::default())))),
            (b"trace  lease=7 last=2 \n", false, Some(Ok(Command::Trace(narrow)))),
            (b"trace lease=x\n", false, Some(Err(Fault::BadFilter("lease=x".to_owned())))),
            (b"trace lease\n", false, Some(Err(Fault::BadFilter("lease".to_owned())))),
            (b"stats\n", false, Some(Err(Fault::UnknownCommand("stats".to_owned())))),
            (b"", true, Some(Err(Fault::UnknownCommand(String::new())))),
            (b"\xff\n", false, Some(Err(Fault::NotText))),
            (&[b'x'; LINE_MAX], false, Some(Err(Fault::LineTooLong))),
        ];
        for (input, is_at_end, expected) in cases {
            assert_eq!(parse(input, *is_at_end), *expected, "{input:?}");
        }
    }

    #[test]
    fn each_fault_says_what_and_what_to_do() {
        let faults = [
            Fault::LineTooLong,
            Fault::NotText,
            Fault::UnknownCommand("x".to_owned()),
            Fault::NoSuchRoute(Order::Pause, "x".to_owned()),
            Fault::BadFilter("x".to_owned()),
            Fault::TooSlow,
            Fault::ShardSilent("routes"),
        ];
        for fault in faults {
            let answer = fault.to_json();
            assert_eq!(answer["schema"], 1);
            assert_eq!(answer["error"]["code"], fault.code());
            assert!(!fault.message().is_empty() && !fault.hint().is_empty());
        }
    }

    #[test]
    fn an_unknown_command_is_told_the_known_ones() {
        let answer = Fault::UnknownCommand("stat".to_owned()).to_json();
        assert_eq!(answer["command"], "stat");
        assert_eq!(
            answer["error"]["hint"],
            "commands are status, routes, connections, sessions, counters, config, memory, trace, \
             pause, deny, drain, resume, reconnect"
        );
    }

    #[test]
    fn a_connection_keeps_its_fields_when_there_is_nothing_to_say() {
        let row = ConnectionRow {
            id: 7,
            local: "10.213.0.2:40000".parse().unwrap(),
            remote: "[fd00::1]:80".parse().unwrap(),
            state: "established",
            recv_q: 0,
            send_q: 0,
            route: None,
            pool_state: None,
            uid: None,
            pid: None,
            age_ms: 5,
            idle_ms: 0,
            uses: 1,
            info: ConnectionInfo::default(),
        };
        let answer = connections(&[row]);
        let row = &answer["connections"][0];
        assert_eq!(row["remote"], "[fd00::1]:80");
        assert!(row["route"].is_null() && row.get("route").is_some());
        assert!(row["info"]["ssthresh_bytes"].is_null());
    }
}
