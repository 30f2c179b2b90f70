//! `wharf ss`: one line a connection of our stack, as `ss` prints those of the kernel's.

mod tokens;

use clap::Args;
use serde::Deserialize;

use self::tokens::Tokens;
use super::table::{Side, Table};
use super::terminal::Terminal;
use super::{Environment, Exit, admin};

/// What is asked.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub(super) struct Options {
    #[command(flatten)]
    common: admin::Options,
    /// Add what the stack knows of each connection, in tcp_info's words
    #[arg(short, long)]
    info: bool,
}

/// The daemon's answer, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Answer {
    connections: Vec<Connection>,
}

#[derive(Debug, Deserialize)]
struct Connection {
    local: String,
    remote: String,
    state: String,
    recv_q: u64,
    send_q: u64,
    pool_state: Option<String>,
    info: Tokens,
}

/// Runs the subcommand.
pub(super) fn run(options: &Options, environment: &Environment) -> Exit {
    admin::run(&options.common, environment, "connections", |answer, terminal| {
        render(answer, options.info, terminal)
    })
}

/// The table.
fn render(answer: &Answer, info: bool, terminal: Terminal) -> String {
    let mut columns = vec![
        ("State", Side::Left),
        ("Recv-Q", Side::Right),
        ("Send-Q", Side::Right),
        ("Local Address:Port", Side::Right),
        ("Peer Address:Port", Side::Right),
        ("Pool", Side::Left),
    ];
    if info {
        columns.push(("Info", Side::Left));
    }
    let mut table = Table::new(&columns);
    for connection in &answer.connections {
        let cells = [
            state(&connection.state),
            connection.recv_q.to_string(),
            connection.send_q.to_string(),
            connection.local.clone(),
            connection.remote.clone(),
            connection.pool_state.clone().unwrap_or_default(),
        ];
        if info {
            let [a, b, c, d, e, f] = cells;
            table.push([a, b, c, d, e, f, connection.info.to_string()]);
        } else {
            table.push(cells);
        }
    }
    table.render(terminal)
}

/// The state as `ss` writes it; one that it has no word for stays as it is.
fn state(token: &str) -> String {
    match token {
        "established" => "ESTAB",
        "syn_received" => "SYN-RECV",
        "closed" => "UNCONN",
        other => return other.to_ascii_uppercase().replace('_', "-"),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        let info = serde_json::json!({"congestion": "cubic", "rtt_us": 250, "rttvar_us": 1125,
            "rto_us": 200_000, "mss": 1460, "cwnd_bytes": 14600, "ssthresh_bytes": null});
        let row = |state: &str, pool: Option<&str>| {
            serde_json::json!({"id": 1, "local": "10.213.0.2:40000", "remote": "10.213.0.1:8080",
                "state": state, "recv_q": 0, "send_q": 17, "route": null, "pool_state": pool,
                "uid": null, "pid": null, "age_ms": 0, "idle_ms": 0, "uses": 0, "info": info})
        };
        let rows = [row("established", Some("leased")), row("time_wait", None)];
        serde_json::from_value(serde_json::json!({"schema": 1, "connections": rows})).unwrap()
    }

    #[test]
    fn a_line_for_each_connection() {
        let expected = "\
State      Recv-Q  Send-Q  Local Address:Port  Peer Address:Port  Pool
ESTAB           0      17    10.213.0.2:40000    10.213.0.1:8080  leased
TIME-WAIT       0      17    10.213.0.2:40000    10.213.0.1:8080
";
        assert_eq!(render(&answer(), false, Terminal::default()), expected);
    }

    #[test]
    fn info_stands_behind_each_line() {
        let text = render(&answer(), true, Terminal::default());
        assert_eq!(
            text.matches("cubic rto:200 rtt:0.250/1.125 mss:1460 cwnd:10").count(),
            2,
            "{text}"
        );
    }

    #[test]
    fn states_in_the_words_of_ss() {
        let table = [
            ("closed", "UNCONN"),
            ("listen", "LISTEN"),
            ("syn_sent", "SYN-SENT"),
            ("syn_received", "SYN-RECV"),
            ("established", "ESTAB"),
            ("fin_wait_1", "FIN-WAIT-1"),
            ("close_wait", "CLOSE-WAIT"),
        ];
        for (token, word) in table {
            assert_eq!(state(token), word);
        }
    }
}
