//! `cargo xtask bench`: grid, memory, overload, packet-cost, pool, queue, reap, stale.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it speaks to the person who runs it")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use rustix::process::{Signal, set_parent_process_death_signal};
use serde_json::Value;
use wharf_bench::machine::Machine;
use wharf_bench::scheduling::Scheduling;
use wharf_bench::{
    grid, memory, namespace, overload, packet_cost, pool, queue, reap, results, stale,
};

/// What transport and pool cost and what they reach; each figure with its spread.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Goodput beside the kernel's TCP, by round trip and loss.
    Grid(Grid),
    /// Bytes that an idle connection holds.
    Memory(Memory),
    /// Time of a packet with few and with many idle connections beside it.
    PacketCost(PacketCost),
    /// Time of a lease, and how long those wait who have to, beside other pools.
    Pool(Pool),
    /// Cost of a release with few and with many who wait for it.
    Queue(Queue),
    /// What becomes of leases when far more are asked for than can be served.
    Overload(Overload),
    /// How long the turns take in which a great many connections expire.
    Reap(Reap),
    /// Requests lost to connections that the server has closed, beside hyper-util's client.
    Stale(Stale),
    /// The daemon that `stale` measures.
    #[command(name = stale::COMMAND, hide = true)]
    Daemon(Daemon),
}

#[derive(Debug, Args)]
struct Grid {
    /// One cell, as ROUND-TRIP:LOSS in ms and percent; more than once for more. All unless given.
    #[arg(long)]
    cell: Vec<grid::Cell>,
    /// Rounds; each has one run of the kernel's TCP and one of ours.
    #[arg(long, default_value_t = 5)]
    runs: u64,
    /// Seconds of a run.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Megabits a second of the network.
    #[arg(long, default_value_t = 100)]
    rate: u64,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct Memory {
    /// How many connections; more than once for more sizes. 10 thousand and a million unless given.
    #[arg(long)]
    connections: Vec<usize>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct PacketCost {
    /// Rounds, in which the sizes take turns.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Turns of a size in a round.
    #[arg(long, default_value_t = 300)]
    turns: usize,
    /// Measures with a million idle connections too.
    #[arg(long)]
    million: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct Pool {
    /// Rounds, in which the pools take turns.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Milliseconds that one load on one pool goes on.
    #[arg(long, default_value_t = 100)]
    span: u64,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct Queue {
    /// Rounds, in which the sizes take turns.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Turns of a size in a round.
    #[arg(long, default_value_t = 200_000)]
    turns: usize,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct Overload {
    /// Seconds of each load.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct Reap {
    /// How many connections; more than once for more sizes. 100 thousand and a million unless given.
    #[arg(long)]
    connections: Vec<usize>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct Stale {
    /// One server by its limit (1s, 5s, random); more than once for more. All unless given.
    #[arg(long)]
    server: Vec<stale::Case>,
    /// Requests of each contender to each server.
    #[arg(long, default_value_t = stale::LEASES)]
    leases: u32,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct Daemon {
    /// Its configuration.
    #[arg(long)]
    config: PathBuf,
}

#[derive(Debug, Args)]
struct Output {
    /// Prints JSON rather than a table.
    #[arg(long)]
    json: bool,
    /// Writes the table into lab/bench/RESULTS.md.
    #[arg(long)]
    write: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Whoever kills the chore that started this means this too.
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        println!("this will outlive its parent: {error}");
    }
    let done = match arguments.what {
        What::Grid(options) => run_grid(&options),
        What::Memory(options) => run_memory(&options),
        What::PacketCost(options) => run_packet_cost(&options),
        What::Pool(options) => run_pool(&options),
        What::Queue(options) => run_queue(&options),
        What::Overload(options) => run_overload(&options),
        What::Reap(options) => run_reap(&options),
        What::Stale(options) => run_stale(&options),
        What::Daemon(options) => stale::serve(&options.config),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn run_grid(options: &Grid) -> Result<(), String> {
    if let Some(reason) = namespace::obstacle() {
        return Err(reason);
    }
    let duration = Duration::try_from_secs_f64(options.seconds)
        .map_err(|error| format!("--seconds {}: {error}", options.seconds))?;
    let bits = options.rate.max(1).saturating_mul(1_000_000);
    let extent = grid::Extent { rounds: options.runs.max(1), duration, rate: bits };
    let (machine, setting) = (Machine::here(&root()), grid::Setting::here(Scheduling::best()));
    let setting = setting.map_err(|error| format!("/proc/sys/net: {error}"))?;
    let cells = if options.cell.is_empty() { grid::Cell::all() } else { options.cell.clone() };
    let measured = cells.into_iter().map(|cell| {
        let row = grid::measure(cell, extent);
        row.map_err(|error| format!("cell {cell}: {error}"))
    });
    let rows = measured.collect::<Result<Vec<_>, _>>()?;
    let report = grid::report(&machine, &setting, extent, &rows);
    options.output.give("grid", &report, &grid::json(&machine, &setting, extent, &rows))
}

fn run_memory(options: &Memory) -> Result<(), String> {
    let machine = Machine::here(&root());
    let given = options.connections.iter().copied();
    let all =
        if options.connections.is_empty() { vec![10_000, 1_000_000] } else { given.collect() };
    let held: Vec<_> = all.into_iter().map(memory::measure).collect();
    let report = memory::report(&machine, &held);
    options.output.give("memory", &report, &memory::json(&machine, &held))
}

fn run_packet_cost(options: &PacketCost) -> Result<(), String> {
    let machine = Machine::here(&root());
    let extent = packet_cost::Extent { rounds: options.rounds, turns: options.turns };
    let mut sizes = vec![10, 1_000, 100_000];
    sizes.extend(options.million.then_some(1_000_000));
    let costs = packet_cost::measure(&sizes, extent);
    let report = packet_cost::report(&machine, extent, &costs);
    options.output.give("packet-cost", &report, &packet_cost::json(&machine, &costs))
}

fn run_pool(options: &Pool) -> Result<(), String> {
    let machine = Machine::here(&root());
    let span = Duration::from_millis(options.span);
    let extent = pool::Extent { rounds: options.rounds.max(1), span };
    let rows = pool::measure(extent);
    let report = pool::report(&machine, extent, &rows);
    options.output.give("pool", &report, &pool::json(&machine, extent, &rows))
}

fn run_queue(options: &Queue) -> Result<(), String> {
    let machine = Machine::here(&root());
    let extent = queue::Extent { rounds: options.rounds.max(1), turns: options.turns.max(1) };
    let rows = queue::measure(extent);
    let report = queue::report(&machine, extent, &rows);
    options.output.give("queue", &report, &queue::json(&machine, &rows))
}

fn run_overload(options: &Overload) -> Result<(), String> {
    let span = Duration::try_from_secs_f64(options.seconds)
        .map_err(|error| format!("--seconds {}: {error}", options.seconds))?;
    let machine = Machine::here(&root());
    let rows = overload::TIMES.into_iter().map(|times| overload::measure(times, span));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let report = overload::report(&machine, &rows);
    options.output.give("overload", &report, &overload::json(&machine, &rows))
}

fn run_reap(options: &Reap) -> Result<(), String> {
    let machine = Machine::here(&root());
    let given = options.connections.iter().copied();
    let all =
        if options.connections.is_empty() { vec![100_000, 1_000_000] } else { given.collect() };
    let sizes: Vec<_> = all.into_iter().map(reap::measure).collect();
    let report = reap::report(&machine, &sizes);
    options.output.give("reap", &report, &reap::json(&machine, &sizes))
}

fn run_stale(options: &Stale) -> Result<(), String> {
    if let Some(reason) = namespace::obstacle() {
        return Err(reason);
    }
    let program = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let extent = stale::Extent { leases: options.leases.max(1), program };
    let (machine, scheduling) = (Machine::here(&root()), Scheduling::best());
    let cases = if options.server.is_empty() {
        stale::Case::all().to_vec()
    } else {
        options.server.clone()
    };
    let measured = cases.into_iter().map(|case| {
        let row = stale::measure(case, &extent);
        row.map_err(|error| format!("server {case}: {error}"))
    });
    let rows = measured.collect::<Result<Vec<_>, _>>()?;
    let report = stale::report(&machine, scheduling, &extent, &rows);
    options.output.give("stale", &report, &stale::json(&machine, scheduling, &extent, &rows))
}

impl Output {
    /// Prints what was measured, and writes it down if that is asked for.
    fn give(&self, name: &str, report: &str, json: &Value) -> Result<(), String> {
        if self.json {
            println!("{json}");
        } else {
            println!("{report}");
        }
        if !self.write {
            return Ok(());
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
        let body = format!("{}\n\n```json\n{json}\n```\n", report.trim());
        results::write(&path, name, &body).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// The repository's root: this crate lies two folders below it.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
