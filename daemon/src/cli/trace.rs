//! `wharf trace`: what happened to connections, the last line last.

use std::time::Duration;

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
    admin: admin::Options,
    /// Of one connection, by its number in `wharf leases` or `wharf ss --json`
    #[arg(long, value_name = "NUMBER")]
    connection: Option<u64>,
    /// Of one lease, by its number in `wharf leases`
    #[arg(long, value_name = "NUMBER")]
    lease: Option<u64>,
    /// The last so many
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    last: usize,
}

impl Options {
    /// The command for the admin socket.
    fn command(&self) -> String {
        let connection = self.connection.map(|number| format!(" connection={number}"));
        let lease = self.lease.map(|number| format!(" lease={number}"));
        let narrowed = connection.unwrap_or_default() + &lease.unwrap_or_default();
        format!("trace{narrowed} last={}", self.last)
    }
}

/// The daemon's answer, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Answer {
    transitions: Vec<Transition>,
}

#[derive(Debug, Deserialize)]
struct Transition {
    ago_us: u64,
    route: String,
    slot: u64,
    connection: Option<u64>,
    lease: Option<u64>,
    step: String,
    cause: String,
}

/// Runs the subcommand.
pub(super) fn run(options: &Options, environment: &Environment) -> Exit {
    admin::run(&options.admin, environment, &options.command(), render)
}

fn render(answer: &Answer, terminal: Terminal) -> String {
    if answer.transitions.is_empty() {
        return "nothing is remembered of that\n".to_owned();
    }
    let mut table = Table::new(&[
        ("AGO", Side::Right),
        ("SLOT", Side::Right),
        ("CONNECTION", Side::Right),
        ("LEASE", Side::Right),
        ("STEP", Side::Left),
        ("CAUSE", Side::Left),
        ("ROUTE", Side::Left),
    ]);
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    for entry in &answer.transitions {
        table.push([
            // To the microsecond at any age, so that lines can be compared.
            format!("{:.6}s", Duration::from_micros(entry.ago_us).as_secs_f64()),
            entry.slot.to_string(),
            number(entry.connection),
            number(entry.lease),
            entry.step.clone(),
            entry.cause.clone(),
            entry.route.clone(),
        ]);
    }
    table.render(terminal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_step() {
        let answer: Answer =
            serde_json::from_value(serde_json::json!({"schema": 1, "transitions": [
                {"ago_us": 1_500_000, "route": "web", "slot": 3, "connection": null, "lease": null,
                 "step": "connecting", "cause": "demand"},
                {"ago_us": 20, "route": "web", "slot": 3, "connection": 9, "lease": 70,
                 "step": "leased", "cause": "new"},
            ]}))
            .unwrap();
        let expected = "\
\x20     AGO  SLOT  CONNECTION  LEASE  STEP        CAUSE   ROUTE
1.500000s     3           -      -  connecting  demand  web
0.000020s     3           9     70  leased      new     web
";
        assert_eq!(render(&answer, Terminal::default()), expected);
        let none = Answer { transitions: Vec::new() };
        assert_eq!(render(&none, Terminal::default()), "nothing is remembered of that\n");
    }

    #[test]
    fn what_is_asked_for_narrows_the_question() {
        let admin = admin::Options { json: false, socket: "/x".into() };
        let mut options = Options { admin, connection: Some(9), lease: None, last: 5 };
        assert_eq!(options.command(), "trace connection=9 last=5");
        options = Options { connection: None, lease: Some(70), ..options };
        assert_eq!(options.command(), "trace lease=70 last=5");
    }
}
