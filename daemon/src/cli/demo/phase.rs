//! One phase of the demo: many requests, each from a process of its own, some at once.

use std::io;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::figures::Measured;
use super::reexec::Role;
use crate::cli::clock;

/// How the bar looks: a phase's name, how far it is, how fast it goes.
const BAR: &str = "  {prefix:<7} {bar:32} {pos:>7}/{len}  {rate}  {eta} left";

/// What a phase does.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The phase's name.
    pub(super) name: &'static str,
    /// Arguments of each client process.
    pub(super) client: Vec<String>,
    /// How many requests, and so processes.
    pub(super) requests: u64,
    /// How many at once, at most.
    pub(super) clients: u64,
}

/// Runs the phase to its end, with a progress bar where standard error is a terminal.
pub(super) fn run(plan: &Plan) -> io::Result<Measured> {
    let bar = progress_bar(plan);
    let started = AtomicU64::new(0);
    let measured = Mutex::new(Measured::default());
    let begin = clock::now();
    std::thread::scope(|scope| -> io::Result<()> {
        for _ in 0..plan.clients.min(plan.requests) {
            std::thread::Builder::new()
                .stack_size(128 * 1024)
                .spawn_scoped(scope, || work(plan, &started, &measured, &bar))?;
        }
        Ok(())
    })?;
    let elapsed = clock::now().saturating_duration_since(begin);
    bar.abandon();
    let measured = measured.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(Measured { elapsed, ..measured })
}

/// A bar with its rate in whole requests; it draws nothing where there is no terminal.
fn progress_bar(plan: &Plan) -> ProgressBar {
    let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // What cannot be drawn is not worth an error.
        let _ = write!(out, "{:>7.0}/s", state.per_sec());
    };
    let bar = ProgressBar::new(plan.requests).with_prefix(plan.name);
    if let Ok(style) = ProgressStyle::with_template(BAR) {
        bar.set_style(style.with_key("rate", rate));
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Starts one process after the other until none is left to start.
fn work(plan: &Plan, started: &AtomicU64, measured: &Mutex<Measured>, bar: &ProgressBar) {
    while started.fetch_add(1, Ordering::Relaxed) < plan.requests {
        let outcome = request(plan);
        bar.inc(1);
        let mut measured = measured.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match outcome {
            Ok(latency_us) => measured.latencies_us.push(latency_us),
            Err(reason) => {
                measured.failures += 1;
                measured.first_failure.get_or_insert(reason);
            }
        }
    }
}

/// One request from a process of its own: its latency in microseconds, or how it failed.
fn request(plan: &Plan) -> Result<u64, String> {
    let output = Role::Client
        .command()
        .args(&plan.client)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("starting a client process: {error}"))?;
    let line = String::from_utf8_lossy(&output.stdout);
    super::client::parse_report(line.trim_end())
        .unwrap_or_else(|| Err(format!("a client process said nothing: {}", output.status)))
}
