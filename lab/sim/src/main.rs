//! `cargo xtask sim`: many seeds on all cores, one seed with its trace, or the tables anew.
//!
//! The one place of this crate that starts threads and reads the clock: to say how fast it was.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it speaks to the person who runs it")]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use wharf_sim::case::Case;
use wharf_sim::plant::Plant;
use wharf_sim::shrink::shrink;
use wharf_sim::tables::TABLES;
use wharf_sim::trace::Trace;
use wharf_sim::violation::{Report, Violation};

/// Lines of a trace that are shown at most; the last ones.
const TRACE_SHOWN: usize = 400;

/// Whole systems under seeded faults, on a virtual clock.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask sim")]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// Replays one seed, with its trace.
    #[arg(long, conflicts_with_all = ["seeds", "first_seed"])]
    seed: Option<u64>,
    /// Writes the tables of lab/sim/tables anew.
    #[arg(long, conflicts_with_all = ["seeds", "first_seed", "seed"])]
    tables: bool,
    /// A fault on purpose, to see it found.
    #[arg(long, value_enum, default_value_t)]
    plant: Plant,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.tables {
        return write_tables();
    }
    // A panic is a finding: it is printed as one, not where it happens.
    std::panic::set_hook(Box::new(|_| {}));
    let passed = match arguments.seed {
        Some(seed) => replay(seed, arguments.plant),
        None => run_many(&arguments),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Makes every table, each on a thread of its own, and writes it where the test compares it.
fn write_tables() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tables");
    let texts: Vec<String> = std::thread::scope(|scope| {
        let makers: Vec<_> = TABLES.iter().map(|table| scope.spawn(table.make)).collect();
        makers.into_iter().map(|maker| maker.join().expect("a table is made")).collect()
    });
    for (table, text) in TABLES.iter().zip(texts) {
        let path = folder.join(table.file);
        println!("{}\n{text}", path.display());
        if let Err(error) = std::fs::write(&path, text) {
            println!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Runs one seed and prints what happened in it.
fn replay(seed: u64, plant: Plant) -> bool {
    let case = Case::of(seed, plant);
    let mut trace = Trace::on();
    let outcome = case.run(&mut trace);
    println!("{case:#?}\n");
    print_trace(&trace);
    match outcome {
        Ok(report) => {
            println!("\nseed {seed} holds: {report:#?}");
            true
        }
        Err(violation) => {
            show_failure(seed, plant, case, violation);
            false
        }
    }
}

/// Runs many seeds on all cores; the first failure ends it.
fn run_many(arguments: &Arguments) -> bool {
    let next = AtomicU64::new(arguments.first_seed);
    let end = arguments.first_seed + arguments.seeds;
    let has_failed = AtomicBool::new(false);
    let found: Mutex<Option<(u64, Case, Violation)>> = Mutex::new(None);
    let total = Mutex::new(Report::default());
    let began = now();
    let work = || {
        while !has_failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            let case = Case::of(seed, arguments.plant);
            match case.run(&mut Trace::off()) {
                Ok(report) => total.lock().expect("no panic inside").absorb(&report),
                Err(violation) => {
                    has_failed.store(true, Ordering::Relaxed);
                    let mut found = found.lock().expect("no panic inside");
                    // The least seed of those that fail at the same time: the same each run.
                    if found.as_ref().is_none_or(|(other, ..)| seed < *other) {
                        *found = Some((seed, case, violation));
                    }
                }
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        (0..cores).for_each(|_| drop(scope.spawn(work)));
    });
    let took = began.elapsed();
    print_total(&total.into_inner().expect("no panic inside"), arguments, took);
    let Some((seed, case, violation)) = found.into_inner().expect("no panic inside") else {
        println!("no violation in {} seeds from {}", arguments.seeds, arguments.first_seed);
        return true;
    };
    show_failure(seed, arguments.plant, case, violation);
    false
}

/// What a replay is told of the planted fault.
fn with(plant: Plant) -> String {
    let name = plant.to_possible_value().filter(|_| plant != Plant::None);
    name.map_or_else(String::new, |name| format!(" --plant {}", name.get_name()))
}

fn show_failure(seed: u64, plant: Plant, case: Case, violation: Violation) {
    println!("\nseed {seed} FAILS: {violation}\n");
    let shrunk = shrink(case, violation);
    println!("the shortest that was found in {} runs:\n\n{:#?}\n", shrunk.runs, shrunk.case);
    print_trace(&shrunk.trace);
    println!("\n{}", shrunk.violation);
    println!("replay: cargo xtask sim --seed {seed}{}", with(plant));
}

fn print_trace(trace: &Trace) {
    let text = trace.to_string();
    let lines: Vec<&str> = text.lines().collect();
    let hidden = lines.len().saturating_sub(TRACE_SHOWN);
    if hidden > 0 {
        println!(".. {hidden} lines before");
    }
    lines.iter().skip(hidden).for_each(|line| println!("{line}"));
}

fn print_total(report: &Report, arguments: &Arguments, took: Duration) {
    let hours = |duration: Duration| duration.as_secs_f64() / 3_600.0;
    println!("seeds          {:>14}  (from {})", arguments.seeds, arguments.first_seed);
    println!(
        "simulated      {:>14.1} h, {:.1} connection-hours",
        hours(report.simulated),
        hours(report.connection_time)
    );
    println!(
        "real time      {:>14.1} s, {:.0} times faster than it happens",
        took.as_secs_f64(),
        report.simulated.as_secs_f64() / took.as_secs_f64().max(0.001)
    );
    for (name, count) in [
        ("connections", report.connections),
        ("leases", report.leases),
        ("packets", report.packets),
        ("not delivered", report.undelivered),
        ("too long", report.oversized),
        ("black holes", report.black_holes),
        ("ports recycled", report.recycled),
        ("sent again", report.resent),
        ("stream bytes", report.bytes),
        ("turns", report.turns),
    ] {
        println!("{name:<14} {count:>14}");
    }
    println!("fingerprint    {:>#18x}", report.fingerprint);
}

#[expect(clippy::disallowed_methods, reason = "how long it took is said, at this place alone")]
fn now() -> Instant {
    Instant::now()
}
