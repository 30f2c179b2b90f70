//! The demo's upstream: a small, correct HTTP/1.1 server on the kernel's own TCP.
//!
//! One thread, one epoll, any number of connections. It is the other side of every comparison
//! and of the tests under loss, so it keeps connections alive, closes the idle ones as servers do,
//! and counts what it accepted; it is not a general web server. A connection to the `--control`
//! socket is answered with one line of JSON, [`Counts`], and closed.

mod exchange;
mod listen;
pub(crate) mod pattern;
pub(crate) mod process;
mod server;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use serde::{Deserialize, Serialize};

use crate::cli::Exit;
use server::Server;

/// What the upstream has done since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Connections accepted.
    pub(crate) accepted: u64,
    /// Connections open now.
    pub(crate) open: u64,
    /// Requests answered or being answered.
    pub(crate) requests: u64,
    /// Connections that it closed because no request came in time.
    pub(crate) idle_closed: u64,
    /// Connections that failed: reset, timed out, broken.
    pub(crate) failed: u64,
    /// Body and head bytes read.
    pub(crate) bytes_in: u64,
    /// Body and head bytes written.
    pub(crate) bytes_out: u64,
}

/// The first line of the upstream's output: it listens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// Always true; what a script waits for.
    pub(crate) ready: bool,
    /// Addresses with the ports that were chosen.
    pub(crate) listen: Vec<SocketAddr>,
}

/// `wharf __upstream`.
#[derive(Debug, Parser)]
#[command(name = "wharf __upstream", about = "The demo's HTTP/1.1 upstream on kernel TCP")]
struct Args {
    /// Address and port to listen on; may be repeated. Port 0 takes a free one
    #[arg(long, required = true, value_name = "ADDR")]
    listen: Vec<SocketAddr>,
    /// How long a connection may wait for its next request
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    idle_timeout: Duration,
    /// Unix socket that answers each connection with the counts as one line of JSON
    #[arg(long, value_name = "PATH")]
    control: Option<PathBuf>,
}

/// Runs the upstream until it is killed; says on standard output when it listens.
pub(crate) fn run(args: &[std::ffi::OsString]) -> Exit {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => return crate::cli::usage(&error),
    };
    match serve(&args) {
        Ok(never) => match never {},
        Err(error) => {
            crate::cli::complain(format_args!("upstream: {error}"));
            Exit::Failed
        }
    }
}

/// Listens, says so, and serves.
fn serve(args: &Args) -> io::Result<std::convert::Infallible> {
    let mut server = Server::new(args.idle_timeout)?;
    let mut ready = Ready { ready: true, listen: Vec::new() };
    for &address in &args.listen {
        let listener = listen::tcp(address).map_err(|error| {
            io::Error::new(error.kind(), format!("listening on {address}: {error}"))
        })?;
        ready.listen.push(listener.local_addr()?);
        server.add_listener(listener)?;
    }
    if let Some(path) = &args.control {
        server.add_control(listen::control(path).map_err(|error| {
            io::Error::new(error.kind(), format!("listening on {}: {error}", path.display()))
        })?)?;
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(&ready)?)?;
    out.flush()?;
    drop(out);
    server.run()
}
