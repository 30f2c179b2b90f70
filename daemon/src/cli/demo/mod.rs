//! `wharf demo`: the same requests over fresh and over leased connections, on a real TUN device,
//! against the kernel's TCP, with real processes; in namespaces of their own.
//!
//! ```text
//! wharf demo                     outside: enters the namespaces, waits, ends them
//!   __init                       first process in them: /proc, lo, reaping
//!     __run                      the stages, the progress bar, the table
//!       __daemon                 wharfd: makes the TUN device and its addresses
//!       __upstream               HTTP/1.1 at the gateway's addresses
//!       __client ...             one for each request
//! ```
//!
//! All are this one binary, started again. Nothing survives the first process in the namespaces,
//! and that one does not survive the process outside.

mod client;
mod daemon;
mod figures;
mod init;
mod kernel;
mod namespace;
mod network;
mod phase;
mod reexec;
mod report;
mod runner;
#[allow(unsafe_code, reason = "unshare(2), with the reason why it is sound")]
mod sys;
mod upstream;

use std::ffi::OsString;
use std::io;
use std::process::{Child, Stdio};

use clap::Args;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{Environment, Exit, complain};
use reexec::Role;

/// What the demo is asked to do.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Requests in each phase, each from a process of its own
    #[arg(long, default_value_t = 2000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    requests: u64,
    /// Client processes at once, and connections that the pool may open
    #[arg(long, default_value_t = 16, value_name = "M", value_parser = clap::value_parser!(u64).range(1..=1024))]
    clients: u64,
    /// Bytes in each answer
    #[arg(long, default_value_t = 1024, value_name = "N")]
    bytes: u64,
    /// Print one JSON object with the figures instead of the table
    #[arg(long)]
    json: bool,
    /// Stay up afterwards, and say how to look inside
    #[arg(long)]
    keep: bool,
}

/// Runs the process that a hidden subcommand names, if the first argument is one.
pub(super) fn run_hidden(arguments: &[OsString], environment: &Environment) -> Option<Exit> {
    let (first, rest) = arguments.split_first()?;
    Some(match Role::of(first)? {
        Role::Init => init::run(rest),
        Role::Runner => runner::run(rest, environment),
        Role::Upstream => upstream::run(arguments),
        Role::Daemon => daemon::serve(rest),
        Role::Client => client::run(rest),
    })
}

/// Runs the demo; `arguments` are the tool's own, the first being `demo`.
pub(super) fn run(arguments: &[OsString]) -> Exit {
    let entered = namespace::check_tun_node().and_then(|()| namespace::enter());
    let has_user_namespace = match entered {
        Ok(made) => made,
        Err(error) => {
            complain(format_args!("demo: {error}"));
            return Exit::Failed;
        }
    };
    let options = arguments.get(1..).unwrap_or_default();
    match supervise(has_user_namespace, options) {
        Ok(exit) => exit,
        Err(error) => {
            complain(format_args!("demo: starting its first process: {error}"));
            Exit::Failed
        }
    }
}

/// Starts the first process of the namespaces and waits for its end. A signal closes its standard
/// input, which ends it; it is in a process group of its own, so that Ctrl-C reaches this process
/// alone and the end has one order.
fn supervise(has_user_namespace: bool, options: &[OsString]) -> io::Result<Exit> {
    use std::os::unix::process::CommandExt as _;
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGCHLD])?;
    let mut first = Role::Init
        .command()
        .arg(has_user_namespace.to_string())
        .args(options)
        .stdin(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let mut lifeline = first.stdin.take();
    loop {
        if let Some(status) = first.try_wait()? {
            let exit = init::exit_of(status);
            if lifeline.is_none() {
                complain(format_args!("demo: interrupted; all that it started is gone"));
            }
            return Ok(exit);
        }
        for signal in signals.wait() {
            if signal != SIGCHLD {
                interrupt(&mut first, &mut lifeline)?;
            }
        }
    }
}

/// The first signal asks for the end; a second one does not wait for it.
fn interrupt<T>(first: &mut Child, lifeline: &mut Option<T>) -> io::Result<()> {
    if lifeline.take().is_some() { Ok(()) } else { first.kill() }
}
