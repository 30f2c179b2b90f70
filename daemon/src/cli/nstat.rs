//! `wharf nstat`: the counters of our stack, as `nstat` prints those of the kernel's.
//!
//! Values count from the daemon's start. There is no history file: who wants to know what happens
//! now asks for an interval.

use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use super::admin::{self, AdminError};
use super::{Environment, Exit, complain, print};

/// What is asked of the daemon.
const COMMAND: &str = "counters";

/// Begins the names of what the kernel does not count.
const OURS: &str = "Wharf";

/// What is asked.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub(super) struct Options {
    #[command(flatten)]
    common: admin::Options,
    /// Show values since the daemon's start, which is the default
    #[arg(short, long, conflicts_with = "interval")]
    absolute: bool,
    /// Show counters that are zero too
    #[arg(short, long)]
    zeros: bool,
    /// Show what is counted in so many seconds from now, and how many that are a second
    #[arg(short, long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    interval: Option<u32>,
    /// Names to show; `*` stands for any letters, `?` for one; case does not matter
    #[arg(value_name = "PATTERN")]
    patterns: Vec<String>,
}

/// The daemon's answer, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Answer {
    counters: Vec<Counter>,
}

/// One counter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Counter {
    name: String,
    value: u64,
}

/// Runs the subcommand.
pub(super) fn run(options: &Options, _: &Environment) -> Exit {
    let counters = match counters(options, std::thread::sleep) {
        Ok(counters) => counters,
        Err(error) => return admin::fail(&options.common, COMMAND, &error),
    };
    let chosen = options.choose(counters);
    if chosen.is_empty() && !options.patterns.is_empty() && !options.common.json {
        complain(format_args!("no counter that is shown has such a name (`-z` shows zeros too)"));
        return Exit::Failed;
    }
    print(&if options.common.json { as_json(&chosen) } else { as_lines(&chosen, options.interval) })
}

/// All counters: since the start, or over the interval, which `wait` lets pass.
fn counters(options: &Options, wait: impl Fn(Duration)) -> Result<Vec<Counter>, AdminError> {
    let ask = || -> Result<Answer, AdminError> {
        let answer = admin::ask(&options.common.socket, COMMAND)?;
        Answer::deserialize(answer).map_err(AdminError::NotUnderstood)
    };
    let Some(seconds) = options.interval else { return Ok(ask()?.counters) };
    let before = ask()?.counters;
    wait(Duration::from_secs(u64::from(seconds)));
    Ok(increments(&before, ask()?.counters))
}

/// What was counted between two answers. What fell has not grown: connections that are open, or
/// everything, if the daemon was started anew meanwhile.
fn increments(before: &[Counter], after: Vec<Counter>) -> Vec<Counter> {
    let grown = |counter: Counter| {
        let old = before.iter().find(|old| old.name == counter.name).map_or(0, |old| old.value);
        Counter { value: counter.value.saturating_sub(old), ..counter }
    };
    after.into_iter().map(grown).collect()
}

impl Options {
    /// Those that are to be shown.
    fn choose(&self, counters: Vec<Counter>) -> Vec<Counter> {
        let is_named = |name: &str| {
            self.patterns.is_empty() || self.patterns.iter().any(|pattern| matches(pattern, name))
        };
        let is_chosen = |it: &Counter| (self.zeros || it.value > 0) && is_named(&it.name);
        counters.into_iter().filter(is_chosen).collect()
    }
}

/// `nstat`'s columns: name, value, and how many a second over the interval. Ours stand apart.
fn as_lines(counters: &[Counter], interval: Option<u32>) -> String {
    let (ours, kernel): (Vec<_>, Vec<_>) =
        counters.iter().partition(|counter| counter.name.starts_with(OURS));
    let mut text = String::new();
    for (head, group) in [("#kernel\n", kernel), ("#wharf\n", ours)] {
        text.push_str(head);
        for Counter { name, value } in group {
            text.push_str(&format!("{name:<32}{value:<16}{}\n", rate(*value, interval)));
        }
    }
    text
}

/// How many a second, to a tenth; zero where no interval was asked for, as `nstat -a` has it.
fn rate(value: u64, interval: Option<u32>) -> String {
    let tenths = interval.map_or(0, |seconds| value.saturating_mul(10) / u64::from(seconds));
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// `nstat -j`'s object, in the shape of our other answers.
fn as_json(counters: &[Counter]) -> String {
    let values = counters.iter().map(|it| (it.name.clone(), Value::from(it.value)));
    let values: serde_json::Map<_, _> = values.collect();
    format!("{}\n", json!({ "schema": 1, "command": COMMAND, "counters": values }))
}

/// Whether a name is of this pattern.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let name: Vec<char> = name.to_lowercase().chars().collect();
    // Whether what has been looked at of the pattern so far matches so many letters of the name.
    let mut matched = vec![false; name.len() + 1];
    matched[0] = true;
    for letter in pattern {
        if letter == '*' {
            let first = matched.iter().position(|it| *it).unwrap_or(matched.len());
            matched.iter_mut().skip(first).for_each(|it| *it = true);
        } else {
            for end in (1..matched.len()).rev() {
                matched[end] = matched[end - 1] && (letter == '?' || letter == name[end - 1]);
            }
            matched[0] = false;
        }
    }
    matched[name.len()]
}

#[cfg(test)]
mod tests;
