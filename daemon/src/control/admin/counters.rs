//! The answer to `counters`: what the stack has counted, by the kernel's names.

use serde_json::{Value, json};
use wharf_transport::tcp::State;

use super::{Command, SCHEMA};
use crate::snapshot::Snapshot;

/// Whose place the one level of the kernel's table, TcpCurrEstab, has behind it.
const BEFORE_CURR_ESTAB: &str = "TcpEstabResets";

/// The answer to `counters`, in the order of the stack's table.
pub(in crate::control) fn counters(snapshot: &Snapshot) -> Value {
    let mut counters = Vec::new();
    for counter in snapshot.tcp.entries() {
        let name = counter.nstat_name();
        let is_before = name == BEFORE_CURR_ESTAB;
        counters.push(json!({ "name": name, "value": counter.value }));
        if is_before {
            let open = established(snapshot);
            counters.push(json!({ "name": "TcpCurrEstab", "value": open }));
        }
    }
    json!({ "schema": SCHEMA, "command": Command::Counters.name(), "counters": counters })
}

/// Connections in ESTABLISHED or CLOSE-WAIT: tcpCurrEstab of RFC 4022.
fn established(snapshot: &Snapshot) -> u64 {
    let states = State::ALL.iter().zip(snapshot.tcp_states);
    let open = states.filter(|(state, _)| matches!(state, State::Established | State::CloseWait));
    open.map(|(_, count)| count).sum()
}

#[cfg(test)]
mod tests {
    use wharf_transport::stack::Stats;

    use super::*;

    #[test]
    fn each_counter_has_its_name_and_value() {
        let tcp = Stats { active_opens: 6, discarded_rsts: 2, ..Stats::default() };
        let mut snapshot = Snapshot { tcp, ..Snapshot::default() };
        for (state, count) in State::ALL.iter().zip(&mut snapshot.tcp_states) {
            *count = match state {
                State::Established => 5,
                State::CloseWait => 1,
                State::Closed
                | State::Listen
                | State::SynSent
                | State::SynReceived
                | State::FinWait1
                | State::FinWait2
                | State::Closing
                | State::LastAck
                | State::TimeWait => 7,
            };
        }
        let answer = counters(&snapshot);
        let list = answer["counters"].as_array().unwrap();
        assert_eq!(list.len(), Stats::default().entries().count() + 1);
        for (name, value) in [
            ("TcpActiveOpens", 6),
            ("WharfDiscardedRsts", 2),
            ("TcpCurrEstab", 6),
            ("TcpOutRsts", 0),
        ] {
            assert!(list.contains(&json!({ "name": name, "value": value })), "{name}: {answer}");
        }
    }
}
