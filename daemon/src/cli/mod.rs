//! The command-line tool `wharf`: one file per subcommand, and the demo.
//!
//! Hidden subcommands (they begin with two underscores) are the processes of the demo, which runs
//! from one binary by executing itself again. They are dispatched before the command line proper
//! is built, because a demo's client process is started anew for every request.
//!
//! Exit codes: 0 ok, 1 failed, 2 usage, 3 the daemon is not reachable.

mod admin;
mod clock;
mod config;
mod demo;
mod get;
mod http;
mod memory;
mod nstat;
mod orders;
mod routes;
mod sessions;
mod span;
mod ss;
mod status;
mod table;
mod terminal;
mod trace;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;

use self::sessions::View;
use crate::order::Order;

/// What the tool was called with: the arguments after its own name, and the environment that it
/// heeds. The binary reads them once; nothing below looks them up again.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    /// Arguments without the program's name.
    pub arguments: Vec<OsString>,
    /// What the environment says.
    pub environment: Environment,
}

/// The variables that the tool heeds.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `WHARF_SOCKET`: the lease socket.
    pub socket: Option<OsString>,
    /// `NO_COLOR` is set and not empty (no-color.org).
    pub no_color: bool,
    /// `COLUMNS`: the width of tables.
    pub columns: Option<usize>,
}

/// How the tool ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what was asked.
    Done,
    /// It failed.
    Failed,
    /// It was asked wrongly.
    Usage,
    /// The daemon is not reachable.
    Unreachable,
    /// Another process ended with this code, and so do we.
    Code(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Usage => Self::from(2),
            Exit::Unreachable => Self::from(3),
            Exit::Code(code) => Self::from(code),
        }
    }
}

/// Lease warm connections, and look at the daemon that keeps them.
#[derive(Debug, Parser)]
#[command(name = "wharf", version, arg_required_else_help = true)]
enum Command {
    /// Make one HTTP request over a leased connection
    Get(get::Options),
    /// Show on one screen how the daemon is
    Status(admin::Options),
    /// Show who holds and who waits, by route
    Routes(admin::Options),
    /// Show who holds a connection, the longest first
    Leases(admin::Options),
    /// Show who waits for one, the longest first
    Waiters(admin::Options),
    /// Show the processes that are connected, and what each has
    Clients(admin::Options),
    /// Show what happened to connections
    Trace(trace::Options),
    /// Show the configuration in effect
    Config(admin::Options),
    /// Show what holds memory, and what may
    Memory(admin::Options),
    /// Show the stack's connections, one a line
    Ss(ss::Options),
    /// Show the stack's counters, by the kernel's names
    Nstat(nstat::Options),
    /// Let leases of a route wait, and grant none
    Pause(orders::Options),
    /// Refuse leases of a route
    Deny(orders::Options),
    /// Refuse leases of a route and let its connections end, the leased ones at release
    Drain(orders::Options),
    /// Grant leases of a route again
    Resume(orders::Options),
    /// Replace a route's connections, the leased ones at release
    Reconnect(orders::Options),
    /// Run the same requests over fresh and over leased connections, in a namespace of its own
    Demo(demo::Options),
}

/// Runs the tool.
#[must_use]
pub fn run(invocation: &Invocation) -> ExitCode {
    let arguments = &invocation.arguments;
    let environment = &invocation.environment;
    if let Some(exit) = demo::run_hidden(arguments, environment) {
        return exit.into();
    }
    let named = std::iter::once(OsString::from("wharf")).chain(arguments.iter().cloned());
    let exit = match Command::try_parse_from(named) {
        Ok(Command::Get(options)) => get::run(&options, environment),
        Ok(Command::Status(options)) => status::run(&options, environment),
        Ok(Command::Routes(options)) => routes::run(&options, environment),
        Ok(Command::Leases(options)) => sessions::run(View::Leases, &options, environment),
        Ok(Command::Waiters(options)) => sessions::run(View::Waiters, &options, environment),
        Ok(Command::Clients(options)) => sessions::run(View::Clients, &options, environment),
        Ok(Command::Trace(options)) => trace::run(&options, environment),
        Ok(Command::Config(options)) => config::run(&options, environment),
        Ok(Command::Memory(options)) => memory::run(&options, environment),
        Ok(Command::Ss(options)) => ss::run(&options, environment),
        Ok(Command::Nstat(options)) => nstat::run(&options, environment),
        Ok(Command::Pause(options)) => orders::run(Order::Pause, &options, environment),
        Ok(Command::Deny(options)) => orders::run(Order::Deny, &options, environment),
        Ok(Command::Drain(options)) => orders::run(Order::Drain, &options, environment),
        Ok(Command::Resume(options)) => orders::run(Order::Resume, &options, environment),
        Ok(Command::Reconnect(options)) => orders::run(Order::Reconnect, &options, environment),
        Ok(Command::Demo(_)) => demo::run(arguments),
        Err(error) => usage(&error),
    };
    exit.into()
}

/// Prints what clap has to say: help and version are asked for, all else is a usage error.
fn usage(error: &clap::Error) -> Exit {
    // Nobody is left to be told where even this cannot be written.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

/// Prints what was asked for. A reader that has gone, as `head` does, wanted no more of it.
fn print(text: &str) -> Exit {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Exit::Done,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            complain(format_args!("writing to standard output: {error}"));
            Exit::Failed
        }
    }
}

/// Prints one message to standard error, in the form that all messages have.
fn complain(message: fmt::Arguments<'_>) {
    // Nobody is left to be told where even this cannot be written.
    let _ = writeln!(io::stderr().lock(), "wharf: {message}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Command::command().debug_assert();
    }
}
