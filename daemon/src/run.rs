//! The daemon from its first descriptor to its last: opens what it needs, starts the threads, and
//! turns the loop until it is told to stop.
//!
//! Order matters: signals are registered before any thread begins, inherited sockets are taken
//! before any descriptor is opened, and READY is told when clients can connect.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use wharf_transport::device::Device as _;
use wharf_transport::stack::{Secrets, Stack};
use wharf_transport::tcp::{self, Keepalive};

use crate::config::{Config, Congestion, Inputs, Loaded, LogFormat, MetricsListen};
use crate::control::door;
use crate::control::listening::{BindError, ListeningSocket};
use crate::control::signals::Signals;
use crate::interface::{self, InterfaceError};
use crate::logging::{self, LogError};
use crate::reactor::{Parts, Reactor, ReactorError};
use crate::reload::Reloader;
use crate::resolver::Resolver;
use crate::shard::Shard;
use crate::systemd::Environment;
use crate::systemd::inherited::{InheritError, Inherited};
use crate::{control, descriptors};

/// Time between keepalive probes, and how many may go unanswered: together half a minute, where
/// Linux takes eleven.
const KEEPALIVE_INTERVAL: std::time::Duration = std::time::Duration::from_secs(10);
const KEEPALIVE_PROBES: u8 = 3;

/// Why the daemon did not start, or ended before its time. Each says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What systemd handed over.
    #[error(transparent)]
    Inherit(#[from] InheritError),
    /// The device.
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    /// A socket.
    #[error("{key}: {error}")]
    Bind {
        /// The key of the configuration that says where.
        key: &'static str,
        /// Why not there.
        #[source]
        error: BindError,
    },
    /// The kernel refused something every process may have.
    #[error("{doing}: {error}")]
    System {
        /// What was asked for.
        doing: &'static str,
        /// What the kernel said.
        #[source]
        error: io::Error,
    },
    /// The loop.
    #[error(transparent)]
    Reactor(#[from] ReactorError),
}

/// Runs the daemon until a signal ends it and its leases are done.
///
/// # Errors
///
/// What keeps it from starting, or ends it early.
pub fn run(inputs: Inputs, loaded: Loaded, systemd: &Environment) -> Result<(), RunError> {
    let config = loaded.config.clone();
    let is_terminal = io::stderr().is_terminal();
    logging::start(&config.log.filter, log_format(&config, is_terminal), is_terminal)?;
    let pid = std::process::id();
    let inherited = systemd.inherited(pid)?;
    let system = |doing| move |error| RunError::System { doing, error };
    let signals = Signals::register().map_err(system("registering signals"))?;
    descriptors::raise_descriptor_limit();
    let sockets = Sockets::open(&config, inherited)?;
    let device = interface::open(&config)?;
    let shard = make_shard(&config).map_err(system("drawing random numbers"))?;
    let resolver = Resolver::start().map_err(system("starting the resolver"))?;
    let (door, inbox) = door::pair().map_err(system("making the control plane's door"))?;
    tracing::info!(
        device = config.device.name,
        mtu = device.mtu(),
        routes = config.routes.len(),
        lease_socket = sockets.lease.name(),
        "ready to lease"
    );
    let mut reloader = Reloader::new(inputs, loaded);
    let control = control::start(control::Settings {
        door,
        metrics: sockets.metrics,
        admin: Some(sockets.admin),
        lease_socket: Some(sockets.lease.name().to_owned()),
        signals,
        notifier: systemd.notifier().map_err(system("reaching NOTIFY_SOCKET"))?,
        watchdog: systemd.watchdog(pid),
        config: reloader.text(),
        load: Box::new(move || {
            let change = reloader.load()?;
            Ok((change, reloader.text()))
        }),
        drain_timeout: config.control.drain_timeout,
    })
    .map_err(system("starting the control plane"))?;
    let reactor = Reactor::new(Parts { shard, device, listener: sockets.lease, inbox, resolver })?;
    let ended = reactor.run();
    control.stop();
    ended?;
    tracing::info!("stopped");
    Ok(())
}

/// Where the daemon is asked.
#[derive(Debug)]
struct Sockets {
    lease: ListeningSocket,
    admin: ListeningSocket,
    metrics: Option<ListeningSocket>,
}

impl Sockets {
    /// Takes over what systemd handed over, and binds the rest.
    fn open(config: &Config, inherited: Inherited) -> Result<Self, RunError> {
        let control = &config.control;
        Ok(Self {
            lease: match inherited.lease {
                Some(fd) => take_over(fd)?,
                None => bind("control.lease_socket", &control.lease_socket, control.lease_mode)?,
            },
            admin: match inherited.admin {
                Some(fd) => take_over(fd)?,
                None => bind("control.admin_socket", &control.admin_socket, control.admin_mode)?,
            },
            metrics: match (inherited.metrics, &config.metrics.listen) {
                (Some(fd), _) => Some(take_over(fd)?),
                (None, MetricsListen::Off) => None,
                (None, MetricsListen::Unix(path)) => {
                    Some(bind("metrics.listen", path, control.admin_mode)?)
                }
                (None, MetricsListen::Tcp(address)) => {
                    let bound = ListeningSocket::bind_loopback(*address);
                    Some(bound.map_err(|error| RunError::Bind { key: "metrics.listen", error })?)
                }
            },
        })
    }
}

fn bind(key: &'static str, path: &Path, mode: u32) -> Result<ListeningSocket, RunError> {
    ListeningSocket::bind_unix(path, mode).map_err(|error| RunError::Bind { key, error })
}

fn take_over(fd: std::os::fd::OwnedFd) -> Result<ListeningSocket, RunError> {
    let system = |error| RunError::System { doing: "taking over an inherited socket", error };
    ListeningSocket::inherited(fd).map_err(system)
}

fn log_format(config: &Config, is_terminal: bool) -> logging::Format {
    match config.log.format {
        LogFormat::Auto => logging::Format::suited(is_terminal),
        LogFormat::Text => logging::Format::Text,
        LogFormat::Json => logging::Format::Json,
    }
}

/// A shard on a new stack, with secrets that no other run has.
fn make_shard(config: &Config) -> Result<Shard, io::Error> {
    let mut secrets = [0; Secrets::LEN];
    let mut numbers = [0; 16];
    getrandom::fill(&mut secrets)?;
    getrandom::fill(&mut numbers)?;
    let numbers = u128::from_le_bytes(numbers);
    let (instance, seed) = ((numbers >> 64) & u128::from(u64::MAX), numbers & u128::from(u64::MAX));
    let half = |number| u64::try_from(number).expect("masked to 64 bits");
    let mut stack = Stack::new(stack_config(config), Secrets::from_bytes(&secrets));
    stack.set_memory_limits(config.transport.memory_limit, config.transport.memory_per_uid);
    Ok(Shard::new(config, stack, half(instance), half(seed)))
}

/// The stack's configuration, from the daemon's.
fn stack_config(config: &Config) -> wharf_transport::stack::Config {
    let transport = &config.transport;
    wharf_transport::stack::Config {
        addresses: transport.addresses.clone(),
        mtu: config.device.mtu,
        port_range: transport.port_range.clone(),
        connections_max: transport.connections_max,
        time_wait_max: transport.time_wait_max,
        tcp: tcp::Config {
            send_buffer: transport.send_buffer,
            receive_buffer: transport.receive_buffer,
            sack: transport.sack,
            timestamps: transport.timestamps,
            congestion: match transport.congestion {
                Congestion::Cubic => tcp::Congestion::Cubic,
                Congestion::Reno => tcp::Congestion::Reno,
            },
            ecn: transport.ecn,
            nagle: transport.nagle,
            delayed_ack: transport.delayed_ack,
            rto_min: transport.rto_min,
            time_wait: transport.time_wait,
            user_timeout: transport.user_timeout,
            keepalive: transport.keepalive.map(|idle| Keepalive {
                idle,
                interval: KEEPALIVE_INTERVAL,
                probes: KEEPALIVE_PROBES,
            }),
            ..tcp::Config::default()
        },
    }
}
