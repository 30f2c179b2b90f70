//! The demo's stages, inside its namespaces.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use clap::Parser;

use super::daemon::{self, Daemon};
use super::figures::Figures;
use super::kernel::KernelCounts;
use super::phase::{self, Plan};
use super::report::Outcome;
use super::upstream::process::Upstream;
use super::{Options, network};
use crate::cli::terminal::Terminal;
use crate::cli::{Environment, Exit, complain, print};

/// The demo's folder in the namespace's own `/run`: the one where the tool looks by default.
const FOLDER: &str = "/run/wharf";

/// `wharf __run HOST_PID HAS_USER_NAMESPACE [demo's options]`.
#[derive(Debug, Parser)]
#[command(name = "wharf demo")]
struct Invocation {
    /// The first process's number outside, by which it is entered.
    host_pid: u32,
    /// Whether the user namespace is the demo's own, and has to be entered too.
    #[arg(action = clap::ArgAction::Set)]
    has_user_namespace: bool,
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
pub(super) fn run(arguments: &[OsString], environment: &Environment) -> Exit {
    let name = OsString::from("wharf demo");
    let parsed = Invocation::try_parse_from(std::iter::once(name).chain(arguments.iter().cloned()));
    let invocation = match parsed {
        Ok(invocation) => invocation,
        Err(error) => return crate::cli::usage(&error),
    };
    match stages(&invocation, Terminal::of_stdout(environment)) {
        Ok(exit) => exit,
        Err(failure) => {
            complain(format_args!("{failure}"));
            Exit::Failed
        }
    }
}

/// Starts what is needed, runs the phases, and reports.
fn stages(invocation: &Invocation, terminal: Terminal) -> Result<Exit, Failure> {
    let options = &invocation.options;
    let folder = Path::new(FOLDER);
    std::fs::create_dir_all(folder).map_err(at("making its folder"))?;
    let address = SocketAddr::from((network::GATEWAY, network::UPSTREAM_PORT));
    // The daemon makes the device, and with it the addresses at which the upstream listens.
    let mut daemon =
        Daemon::start(folder, address, options.clients).map_err(at("starting the daemon"))?;
    let upstream = Upstream::start(&network::upstream_addresses(), folder.join("upstream.sock"))
        .map_err(at("starting the upstream"))?;
    let outcome = compare(options, &daemon, &upstream, address)?;
    let text = if options.json {
        format!("{}\n", serde_json::to_string(&outcome).map_err(at("reporting"))?)
    } else {
        outcome.table(options, terminal)
    };
    let printed = print(&text);
    if options.keep {
        complain(format_args!("{}", how_to_look_inside(invocation)));
        return Err(at("staying up")(daemon.wait()));
    }
    Ok(if outcome.is_clean() { printed } else { Exit::Failed })
}

/// Runs both phases.
fn compare(
    options: &Options,
    daemon: &Daemon,
    upstream: &Upstream,
    address: SocketAddr,
) -> Result<Outcome, Failure> {
    let url = format!("http://{address}/bytes/{}", options.bytes);
    let bytes = options.bytes.to_string();
    let plan =
        |name, client| Plan { name, client, requests: options.requests, clients: options.clients };
    let fresh = vec!["fresh".to_owned(), url.clone(), bytes.clone()];
    let fresh = measure(upstream, &plan("fresh", fresh))?;
    let socket = daemon.lease_socket().display().to_string();
    let leased = vec!["lease".to_owned(), socket, url, bytes];
    let leased = measure(upstream, &plan("leased", leased))?;
    let daemon = daemon.status().map_err(at("asking the daemon for its counters"))?;
    Ok(Outcome { fresh, leased, daemon })
}

/// Runs a phase between two readings of everybody's counters.
fn measure(upstream: &Upstream, plan: &Plan) -> Result<Figures, Failure> {
    let accepted = || {
        let counts = upstream.counts().map_err(at("asking the upstream for its counters"))?;
        Ok(counts.accepted)
    };
    let kernel = || KernelCounts::read().map_err(at("reading the kernel's counters"));
    let (accepted_before, kernel_before) = (accepted()?, kernel()?);
    let mut measured = phase::run(plan).map_err(at(plan.name))?;
    let (accepted_after, kernel_after) = (accepted()?, kernel()?);
    if let Some(reason) = measured.first_failure.take() {
        complain(format_args!("demo: {}: the first request that failed: {reason}", plan.name));
    }
    Ok(Figures {
        upstream_connections: accepted_after.saturating_sub(accepted_before),
        kernel: kernel_after.since(kernel_before),
        ..measured.figures()
    })
}

/// What `--keep` prints: how to get in, what to try there, and how to end it.
fn how_to_look_inside(invocation: &Invocation) -> String {
    let user = if invocation.has_user_namespace { " --user --preserve-credentials" } else { "" };
    let enter = format!("nsenter --target {}{user} --net --mount --pid", invocation.host_pid);
    let log = daemon::log_path(Path::new(FOLDER));
    format!(
        "demo: staying up until Ctrl-C. In another terminal:\n\
         \n  {enter}\n\
         \nand inside, for example:\n\
         \n  wharf status; wharf routes; wharf ss -i\
         \n  wharf get http://{}:{}/bytes/100 --json\
         \n  curl -s http://{}/metrics\
         \n  cat {}\n",
        network::GATEWAY,
        network::UPSTREAM_PORT,
        daemon::METRICS,
        log.display(),
    )
}
