//! `wharf memory`: what holds memory, and what may.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::table::{Side, Table};
use super::terminal::Terminal;
use super::{Environment, Exit, admin};

/// The daemon's answer, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Answer {
    kinds: BTreeMap<String, u64>,
    tcp_buffers: u64,
    tcp_buffers_limit: u64,
    tcp_buffers_limit_per_uid: u64,
}

/// Runs the subcommand.
pub(super) fn run(options: &admin::Options, environment: &Environment) -> Exit {
    admin::run(options, environment, "memory", render)
}

fn render(answer: &Answer, terminal: Terminal) -> String {
    let mut table =
        Table::new(&[("KIND", Side::Left), ("BYTES", Side::Right), ("LIMIT", Side::Right)]);
    for (kind, bytes) in &answer.kinds {
        table.push([kind.clone(), bytes.to_string(), "-".to_owned()]);
    }
    let limit = answer.tcp_buffers_limit.to_string();
    table.push(["tcp_buffers".to_owned(), answer.tcp_buffers.to_string(), limit]);
    let limit = answer.tcp_buffers_limit_per_uid.to_string();
    table.push(["tcp_buffers of one uid".to_owned(), "-".to_owned(), limit]);
    table.render(terminal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_kind() {
        let answer: Answer = serde_json::from_value(serde_json::json!({
            "schema": 1, "command": "memory", "kinds": {"session_buffers": 17},
            "tcp_buffers": 4, "tcp_buffers_limit": 100, "tcp_buffers_limit_per_uid": 50,
        }))
        .unwrap();
        let expected = "\
KIND                    BYTES  LIMIT
session_buffers            17      -
tcp_buffers                 4    100
tcp_buffers of one uid      -     50
";
        assert_eq!(render(&answer, Terminal::default()), expected);
    }
}
