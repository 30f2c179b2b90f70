//! `wharf ss`: one line a connection of our stack, as `ss` prints those of the kernel's.

use clap::Args;
use serde::Deserialize;

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
    info: Info,
}

#[derive(Debug, Deserialize)]
struct Info {
    rtt_us: u64,
    rttvar_us: u64,
    rto_us: u64,
    mss: u64,
    cwnd_bytes: u64,
    ssthresh_bytes: Option<u64>,
    bytes_sent: u64,
    bytes_acked: u64,
    bytes_received: u64,
    bytes_retrans: u64,
    segs_out: u64,
    segs_in: u64,
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
            table.push([a, b, c, d, e, f, connection.info.tokens()]);
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

impl Info {
    /// The tokens of `ss -i`.
    fn tokens(&self) -> String {
        let millis = |micros: u64| format!("{}.{:03}", micros / 1000, micros % 1000);
        let mut text = format!(
            "rto:{} rtt:{}/{} mss:{} cwnd:{}",
            self.rto_us.div_ceil(1000),
            millis(self.rtt_us),
            millis(self.rttvar_us),
            self.mss,
            self.cwnd_bytes.checked_div(self.mss).unwrap_or(0),
        );
        if let Some(ssthresh) = self.ssthresh_bytes {
            text += &format!(" ssthresh:{}", ssthresh.checked_div(self.mss).unwrap_or(0));
        }
        text + &format!(
            " bytes_sent:{} bytes_retrans:{} bytes_acked:{} bytes_received:{} segs_out:{} segs_in:{}",
            self.bytes_sent,
            self.bytes_retrans,
            self.bytes_acked,
            self.bytes_received,
            self.segs_out,
            self.segs_in,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        let info = serde_json::json!({"rtt_us": 250, "rttvar_us": 1125, "rto_us": 200_000,
            "mss": 1460, "cwnd_bytes": 14600, "ssthresh_bytes": 2920, "snd_wnd": 1, "rcv_wnd": 1,
            "bytes_sent": 1, "bytes_acked": 2, "bytes_received": 3, "bytes_retrans": 4,
            "segs_out": 5, "segs_in": 6});
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
    fn info_in_the_tokens_of_ss() {
        let text = render(&answer(), true, Terminal::default());
        assert!(
            text.contains(
                "rto:200 rtt:0.250/1.125 mss:1460 cwnd:10 ssthresh:2 bytes_sent:1 bytes_retrans:4 \
                 bytes_acked:2 bytes_received:3 segs_out:5 segs_in:6"
            ),
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
