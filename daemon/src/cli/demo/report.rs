//! What the demo prints at its end.

use serde::Serialize;
use serde_json::Value;

use super::Options;
use super::figures::Figures;
use crate::cli::table::{Side, Table};
use crate::cli::terminal::Terminal;

/// Both phases' figures, as the demo's JSON has them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Outcome {
    /// Over new connections.
    pub(super) fresh: Figures,
    /// Over leased ones.
    pub(super) leased: Figures,
    /// What the daemon says of itself afterwards.
    #[serde(skip)]
    pub(super) daemon: Value,
}

impl Outcome {
    /// Whether every request brought the right bytes.
    pub(super) fn is_clean(&self) -> bool {
        self.fresh.failures == 0 && self.leased.failures == 0
    }

    /// The table for people, and the counters of pool and stack below it.
    pub(super) fn table(&self, options: &Options, terminal: Terminal) -> String {
        let Self { fresh, leased, daemon } = self;
        let mut table = Table::new(&[
            ("", Side::Left),
            ("fresh", Side::Right),
            ("leased", Side::Right),
            ("", Side::Left),
        ]);
        let gain = ratio(leased.requests_per_second, fresh.requests_per_second);
        let rates = [fresh, leased].map(|figures| format!("{:.0}", figures.requests_per_second));
        let [a, b] = rates;
        table.push(["requests a second".to_owned(), a, b, gain]);
        let row = |name: &str, of: fn(&Figures) -> u64, unit: &str| {
            [name.to_owned(), grouped(of(fresh)), grouped(of(leased)), unit.to_owned()]
        };
        table.push(row("latency, half within", |figures| figures.p50_us, "us"));
        table.push(row("latency, 99% within", |figures| figures.p99_us, "us"));
        table.push(row("connections at the upstream", |figures| figures.upstream_connections, ""));
        table.push(row("TCP handshakes", |figures| figures.kernel.passive_opens, ""));
        table.push(row("TIME-WAITs of the kernel", |figures| figures.kernel.time_waits, ""));
        table.push(row("failures", |figures| figures.failures, ""));
        format!(
            "\n  {} requests in each phase for {} bytes, each from a process of its own, {} at once\n\n\
             {}\n  pool   {}\n  stack  {}\n\n",
            grouped(options.requests),
            grouped(options.bytes),
            options.clients,
            indented(&table.render(terminal)),
            pool(daemon),
            stack(daemon),
        )
    }
}

/// What the pool counted.
fn pool(daemon: &Value) -> String {
    format!(
        "connections: {}; leases by source: {}; refused: {}; closed: {}",
        counts(daemon, "/pool/connections"),
        counts(daemon, "/pool/leases"),
        counts(daemon, "/pool/lease_failures"),
        counts(daemon, "/pool/closed"),
    )
}

/// What the stack counted.
fn stack(daemon: &Value) -> String {
    let count = |path| daemon.pointer(path).and_then(Value::as_u64).map_or("?".to_owned(), grouped);
    format!(
        "connections: {}; active opens {}, retransmitted segments {}, packets in {}, out {}",
        counts(daemon, "/tcp/connections"),
        count("/tcp/active_opens"),
        count("/tcp/retrans_segs"),
        count("/device/in_packets"),
        count("/device/out_packets"),
    )
}

/// The counts of an object that are not zero.
fn counts(daemon: &Value, path: &str) -> String {
    let entries = daemon.pointer(path).and_then(Value::as_object).into_iter().flatten();
    let some: Vec<_> = entries
        .filter_map(|(word, count)| Some((word, count.as_u64().filter(|&count| count > 0)?)))
        .map(|(word, count)| format!("{word} {}", grouped(count)))
        .collect();
    if some.is_empty() { "none".to_owned() } else { some.join(", ") }
}

/// How many times `more` is `less`.
fn ratio(more: f64, less: f64) -> String {
    if less > 0.0 { format!("{:.2} times", more / less) } else { String::new() }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let lead = digits.len() % 3;
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 3 == lead {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Each line with two spaces in front.
fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::kernel::KernelCounts;

    fn outcome() -> Outcome {
        let fresh = Figures {
            requests: 2000,
            requests_per_second: 1000.0,
            p50_us: 900,
            p99_us: 12_345,
            upstream_connections: 2000,
            kernel: KernelCounts { passive_opens: 2000, time_waits: 2000 },
            ..Figures::default()
        };
        let leased = Figures {
            requests: 2000,
            requests_per_second: 1500.0,
            p50_us: 300,
            p99_us: 4000,
            upstream_connections: 16,
            kernel: KernelCounts { passive_opens: 16, time_waits: 0 },
            ..Figures::default()
        };
        let daemon = serde_json::json!({
            "pool": {"connections": {"idle": 16, "leased": 0}, "leases": {"idle": 1984, "new": 16},
                     "lease_failures": {"quota": 0}, "closed": {}},
            "tcp": {"connections": {"established": 16}, "active_opens": 16, "retrans_segs": 0},
            "device": {"in_packets": 6000, "out_packets": 7000},
        });
        Outcome { fresh, leased, daemon }
    }

    #[test]
    fn json_has_both_phases_in_their_order() {
        let json = serde_json::to_string(&outcome()).unwrap();
        assert!(json.starts_with("{\"fresh\":{\"requests\":2000,\"failures\":0,"), "{json}");
        assert!(json.contains("\"leased\":{\"requests\":2000,"), "{json}");
        assert!(!json.contains("daemon") && !json.contains('\n'), "{json}");
    }

    #[test]
    fn the_table_sets_both_phases_side_by_side() {
        let options =
            Options { requests: 2000, clients: 16, bytes: 1024, json: false, keep: false };
        let expected = "
  2 000 requests in each phase for 1 024 bytes, each from a process of its own, 16 at once

                                fresh  leased
  requests a second              1000    1500  1.50 times
  latency, half within            900     300  us
  latency, 99% within          12 345   4 000  us
  connections at the upstream   2 000      16
  TCP handshakes                2 000      16
  TIME-WAITs of the kernel      2 000       0
  failures                          0       0

  pool   connections: idle 16; leases by source: idle 1 984, new 16; refused: none; closed: none
  stack  connections: established 16; active opens 16, retransmitted segments 0, packets in 6 000, out 7 000

";
        assert_eq!(outcome().table(&options, Terminal::default()), expected);
    }

    #[test]
    fn one_failure_in_either_phase_is_a_failure() {
        assert!(outcome().is_clean());
        let mut failed = outcome();
        failed.leased.failures = 1;
        assert!(!failed.is_clean());
    }

    #[test]
    fn thousands_are_apart() {
        let table = [(0, "0"), (999, "999"), (1000, "1 000"), (1_234_567, "1 234 567")];
        for (number, text) in table {
            assert_eq!(grouped(number), text);
        }
    }
}
