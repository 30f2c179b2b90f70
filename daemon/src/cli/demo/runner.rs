//! The demo's stages, inside its namespaces.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Parser;

use super::figures::Figures;
use super::kernel::KernelCounts;
use super::phase::{self, Plan};
use super::report::{self, Report};
use super::upstream::process::Upstream;
use super::{Options, network};
use crate::cli::{Exit, complain};

/// The demo's folder in the namespace's own `/run`.
const FOLDER: &str = "/run/wharf";

/// `wharf __run HOST_PID [demo's options]`.
#[derive(Debug, Parser)]
#[command(name = "wharf demo")]
struct Invocation {
    host_pid: u32,
    #[command(flatten)]
    options: Options,
}

/// A stage that failed, and why.
#[derive(Debug)]
struct Failure {
    stage: &'static str,
    cause: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "demo: {}: {}", self.stage, self.cause)
    }
}

/// Names the stage in which an error came.
fn at<E: fmt::Display>(stage: &'static str) -> impl Fn(E) -> Failure {
    move |error| Failure { stage, cause: error.to_string() }
}

/// Goes through the stages.
pub(super) fn run(arguments: &[OsString]) -> Exit {
    let name = OsString::from("wharf demo");
    let parsed = Invocation::try_parse_from(std::iter::once(name).chain(arguments.iter().cloned()));
    let invocation = match parsed {
        Ok(invocation) => invocation,
        Err(error) => return crate::cli::usage(&error),
    };
    match stages(&invocation) {
        Ok(exit) => exit,
        Err(failure) => {
            complain(format_args!("{failure}"));
            Exit::Failed
        }
    }
}

/// Starts what is needed, runs the phases, and reports.
fn stages(invocation: &Invocation) -> Result<Exit, Failure> {
    let options = &invocation.options;
    std::fs::create_dir_all(FOLDER).map_err(at("making its folder"))?;
    let addresses = network::upstream_addresses(false);
    let upstream = Upstream::start(&addresses, folder().join("upstream.sock"))
        .map_err(at("starting the upstream"))?;
    let url = url(&upstream, options.bytes)?;
    let fresh = measure(&upstream, &fresh_plan(options, &url))?;
    let report = Report { options, fresh: &fresh };
    let mut out = io::stdout().lock();
    if options.json {
        writeln!(out, "{}", report::json(&report)).map_err(at("printing"))?;
    } else {
        write!(out, "{}", report::table(&report)).map_err(at("printing"))?;
    }
    Ok(if fresh.failures == 0 { Exit::Done } else { Exit::Failed })
}

/// The folder as a path.
fn folder() -> PathBuf {
    Path::new(FOLDER).to_owned()
}

/// The URL that every request is for.
fn url(upstream: &Upstream, bytes: u64) -> Result<String, Failure> {
    let address = upstream.addresses().first().ok_or("it listens nowhere");
    let address = address.map_err(at("starting the upstream"))?;
    Ok(format!("http://{address}/bytes/{bytes}"))
}

/// The phase over new connections of the kernel's.
fn fresh_plan(options: &Options, url: &str) -> Plan {
    Plan {
        name: "fresh",
        client: vec!["fresh".to_owned(), url.to_owned(), options.bytes.to_string()],
        requests: options.requests,
        clients: options.clients,
    }
}

/// Runs a phase between two readings of everybody's counters.
fn measure(upstream: &Upstream, plan: &Plan) -> Result<Figures, Failure> {
    let accepted = || upstream.counts().map(|counts| counts.accepted);
    let accepted_before = accepted().map_err(at("asking the upstream"))?;
    let kernel_before = KernelCounts::read().map_err(at("reading the kernel's counters"))?;
    let mut measured = phase::run(plan).map_err(at(plan.name))?;
    let kernel = KernelCounts::read().map_err(at("reading the kernel's counters"))?;
    let accepted_after = accepted().map_err(at("asking the upstream"))?;
    if let Some(reason) = measured.first_failure.take() {
        complain(format_args!("demo: {}: the first request that failed: {reason}", plan.name));
    }
    Ok(Figures {
        upstream_connections: accepted_after.saturating_sub(accepted_before),
        kernel: kernel.since(kernel_before),
        ..measured.figures()
    })
}
