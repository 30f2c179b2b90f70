//! One run: a fresh network, a fresh server, one contender, all requests.

use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::interval;
use wharf_transport::device::tun::Tun;

use super::case::Case;
use super::daemon::Daemon;
use super::figures::{self, Figures};
use super::hyper::Hyper;
use super::log::Log;
use super::ours::Ours;
use super::storm::{clients, rage};
use super::tally::{Outcome, Tally};
use super::{Contender, network, server};
use crate::clock::now;
use crate::grid::relay::{self, Passage};
use crate::grid::run::left_alone;
use crate::grid::stop::Stop;

/// How often the daemon is asked what it has learned.
const LOOK: Duration = Duration::from_secs(1);

/// What a run is made with.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server, and how many ask it.
    pub case: Case,
    /// Who asks.
    pub contender: Contender,
    /// Requests of all clients.
    pub leases: u32,
    /// This benchmark's own program, which is the daemon too.
    pub program: PathBuf,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Run {
    /// What became of the requests.
    pub tally: Tally,
    /// Seconds from the first request to the last.
    pub seconds: f64,
    /// Connections that the server accepted.
    pub accepted: u32,
    /// Those that it closed because they were idle.
    pub closed_idle: u32,
    /// What came to it and was no request: there must be nothing.
    pub unreadable: u32,
    /// What the relay did.
    pub passage: Passage,
    /// What the daemon says of itself, if it took part.
    pub daemon: Option<Figures>,
}

/// What the clients' side brings home.
struct Storm {
    outcomes: Vec<(u32, Outcome)>,
    seconds: f64,
    daemon: Option<Figures>,
}

/// Runs it.
///
/// # Errors
///
/// What the system refuses.
///
/// # Panics
///
/// If one of its threads does.
pub fn run(plan: &Plan) -> io::Result<Run> {
    let (stop, log) = (&Stop::default(), Arc::new(Log::new(plan.leases)));
    let (near_device, near) = channel();
    let (far_device, far) = channel();
    let (begin, begins) = channel();
    let (storm, passage) = thread::scope(|scope| {
        let its_log = Arc::clone(&log);
        let serving = scope.spawn(move || {
            let _ends = stop.on_drop();
            serve(plan, its_log, &far_device, stop)
        });
        let asking = scope.spawn(move || {
            let _ends = stop.on_drop();
            ask(plan, &near_device, &begins)
        });
        let mut devices = near.recv().ok().zip(far.recv().ok());
        let passage = devices.as_mut().map(|(near, far)| {
            let _ends = stop.on_drop();
            begin.send(()).map_err(|_| left_alone("the clients have ended"))?;
            relay::run(near, network::direction(), far, network::direction(), stop)
        });
        drop(begin);
        let (served, storm) = (join(serving), join(asking));
        let passage = passage.unwrap_or_else(|| Err(left_alone("a host did not come to be")));
        served.and_then(|()| Ok((storm?, passage?)))
    })?;
    let Storm { outcomes, seconds, daemon } = storm;
    Ok(Run {
        tally: Tally::of(outcomes, &log),
        seconds,
        accepted: log.accepted(),
        closed_idle: log.closed_idle(),
        unreadable: log.unreadable(),
        passage,
        daemon,
    })
}

fn serve(plan: &Plan, log: Arc<Log>, device: &Sender<Tun>, stop: &Stop) -> io::Result<()> {
    let far = network::far()?;
    runtime()?.block_on(async {
        let listener = server::listen()?;
        hand_over(device, far)?;
        server::serve(listener, plan.case.limit, log, stop).await
    })
}

fn ask(plan: &Plan, device: &Sender<Tun>, begins: &Receiver<()>) -> io::Result<Storm> {
    hand_over(device, network::near()?)?;
    begins.recv().map_err(|_| left_alone("the relay has ended"))?;
    runtime()?.block_on(storm(plan))
}

async fn storm(plan: &Plan) -> io::Result<Storm> {
    let Plan { case, leases, .. } = *plan;
    let retries = match plan.contender {
        Contender::Ours => return storm_ours(plan).await,
        Contender::Hyper => true,
        Contender::HyperWithoutRetries => false,
    };
    let began = now();
    let outcomes = rage(Hyper::new(retries), case, leases).await;
    Ok(Storm { outcomes, seconds: now().since(began).as_secs_f64(), daemon: None })
}

async fn storm_ours(plan: &Plan) -> io::Result<Storm> {
    let folder = tempfile::tempdir()?;
    let clients = clients(&plan.case, plan.leases);
    let daemon = Daemon::start(&plan.program, folder.path(), clients).await?;
    let ours = Ours::new(&daemon.lease_socket(), clients);
    let (began, mut learned, mut looks) = (now(), Vec::new(), interval(LOOK));
    let mut raging = pin!(rage(ours, plan.case, plan.leases));
    let outcomes = loop {
        tokio::select! {
            outcomes = &mut raging => break outcomes,
            _ = looks.tick() => learned.push(figures::learned(&daemon.metrics().await?)),
        }
    };
    let seconds = now().since(began).as_secs_f64();
    let figures = Figures::read(&daemon.metrics().await?, learned);
    Ok(Storm { outcomes, seconds, daemon: Some(figures) })
}

/// One thread's runtime: both sides have one, and a contender is no quicker for having more.
fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn hand_over(to: &Sender<Tun>, device: Tun) -> io::Result<()> {
    to.send(device).map_err(|_| left_alone("the relay has ended"))
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
