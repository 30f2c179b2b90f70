//! Who answers: requests of the listeners, wishes of signals, and the watchdog.
//!
//! Everything that asks the shard something stands here. The shard is asked with a timeout, a
//! short one once it has failed to answer, so a stuck shard costs the control thread little and
//! the shard itself nothing.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::admin::{self, Command, Fault};
use super::clock;
use super::conversation::Kind;
use super::door::{AskError, Reloaded, ShardDoor};
use super::facts::Facts;
use super::http::{self, Parsed, Status, Target};
use crate::comm::comm;
use crate::inspect::SessionRow;
use crate::metrics;
use crate::snapshot::Snapshot;
use crate::systemd::notify::Notifier;

/// How long the shard may take to answer while it is known to turn. Many connections make a long
/// list, so it is far more than a turn takes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long it may take to answer a ping, or anything after it missed one.
const PING_TIMEOUT: Duration = Duration::from_millis(250);

/// Loads and checks the configuration anew, and gives it as text too; an error is told as it is.
pub type Load<C> = Box<dyn FnMut() -> Result<(Box<C>, String), String> + Send>;

/// Who answers.
pub(super) struct Desk<C> {
    door: ShardDoor<C>,
    notifier: Notifier,
    load: Load<C>,
    drain_timeout: Duration,
    began: Instant,
    /// Whether READY was told: once, at the first answer of the shard.
    is_announced: bool,
    pub(super) facts: Facts,
}

impl<C> fmt::Debug for Desk<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Desk").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl<C> Desk<C> {
    pub(super) fn new(
        door: ShardDoor<C>,
        notifier: Notifier,
        load: Load<C>,
        drain_timeout: Duration,
        mut facts: Facts,
    ) -> Self {
        let unix_seconds = clock::unix_seconds();
        facts.process.version = env!("CARGO_PKG_VERSION");
        facts.process.started_unix_seconds = unix_seconds;
        facts.process.reload_unix_seconds = unix_seconds;
        facts.process.reload_successful = true;
        let began = clock::now();
        Self { door, notifier, load, drain_timeout, began, is_announced: false, facts }
    }

    /// Asks the shard whether it turns; only its answer feeds the watchdog.
    pub(super) fn ping(&mut self) {
        let was_answering = self.facts.is_answering;
        match self.door.ping(PING_TIMEOUT) {
            Ok(()) => {
                self.facts.is_answering = true;
                self.announce_once();
                self.notifier.watchdog();
            }
            Err(error) => {
                self.facts.is_answering = false;
                if was_answering && !self.facts.is_draining {
                    tracing::warn!(%error, "the shard missed a ping");
                }
            }
        }
        if self.is_announced && !was_answering && self.facts.is_answering {
            tracing::info!("the shard answers");
        }
    }

    fn announce_once(&mut self) {
        if !self.is_announced {
            self.is_announced = true;
            self.notifier.ready("serving");
        }
    }

    /// SIGTERM or SIGINT: lets the leases end. A second one ends them at once.
    pub(super) fn drain(&mut self) {
        let deadline = if self.facts.is_draining { Duration::ZERO } else { self.drain_timeout };
        self.facts.is_draining = true;
        self.notifier.stopping("draining: waits for leases to end");
        tracing::info!(deadline_seconds = deadline.as_secs_f64(), "draining");
        if let Err(error) = self.door.drain(deadline, self.patience()) {
            tracing::warn!(%error, "the shard was not told to drain");
        }
    }

    /// SIGHUP: loads the configuration and hands it to the shard. What fails changes nothing.
    pub(super) fn reload(&mut self) {
        self.notifier.reloading();
        match self.try_reload() {
            Ok(reloaded) => {
                tracing::info!(at_next_start = ?reloaded.at_next_start, "reloaded");
                self.facts.process.reload_successful = true;
                self.facts.process.reload_unix_seconds = clock::unix_seconds();
                self.facts.reload_error = None;
                self.facts.at_next_start = reloaded.at_next_start;
                self.notifier.ready("serving");
            }
            Err(error) => {
                tracing::error!(%error, "the reload failed, the configuration before it holds");
                self.facts.process.reload_successful = false;
                self.facts.reload_error = Some(error);
                self.notifier.ready("serving; the last reload failed, see the log");
            }
        }
    }

    fn try_reload(&mut self) -> Result<Reloaded, String> {
        let (config, text) = (self.load)()?;
        let reloaded = self.door.reload(config, self.patience());
        let reloaded = reloaded.map_err(|error| error.to_string())?;
        self.facts.config = text;
        Ok(reloaded)
    }

    /// The answer to the bytes that have come so far; `None` while the request is not whole.
    pub(super) fn answer(&mut self, kind: Kind, input: &[u8], is_at_end: bool) -> Option<Vec<u8>> {
        match kind {
            Kind::Metrics => self.answer_http(input, is_at_end),
            Kind::Admin => {
                let command = admin::parse(input, is_at_end)?;
                let answer = command.and_then(|command| self.execute(command));
                Some(admin::bytes(&answer.unwrap_or_else(|fault| fault.to_json())))
            }
        }
    }

    /// The answer to a request that did not arrive in time.
    pub(super) fn answer_too_slow(kind: Kind) -> Vec<u8> {
        let status = Status::RequestTimeout;
        match kind {
            Kind::Metrics => http::plain(status, status.text(), false),
            Kind::Admin => admin::bytes(&Fault::TooSlow.to_json()),
        }
    }

    fn answer_http(&mut self, input: &[u8], is_at_end: bool) -> Option<Vec<u8>> {
        match http::parse(input) {
            Parsed::Incomplete if is_at_end => {
                let status = Status::BadRequest;
                Some(http::plain(status, status.text(), false))
            }
            Parsed::Incomplete => None,
            Parsed::Refused { status, head } => Some(http::plain(status, status.text(), head)),
            Parsed::Request { target, head } => Some(self.serve(target, head)),
        }
    }

    fn serve(&mut self, target: Target, head: bool) -> Vec<u8> {
        let unavailable = |why| http::plain(Status::Unavailable, why, head);
        match target {
            Target::Metrics => match self.snapshot() {
                Ok(snapshot) => {
                    let text = metrics::render(&snapshot, &self.facts.process);
                    http::answer(Status::Ok, metrics::CONTENT_TYPE, &text, head)
                }
                Err(_) => unavailable(Status::Unavailable.text()),
            },
            Target::Healthy if self.facts.is_answering => {
                http::plain(Status::Ok, Status::Ok.text(), head)
            }
            Target::Healthy => unavailable(Status::Unavailable.text()),
            Target::Ready if self.facts.is_ready() => {
                http::plain(Status::Ok, Status::Ok.text(), head)
            }
            Target::Ready if self.facts.is_draining => unavailable("draining\n"),
            Target::Ready => unavailable(Status::Unavailable.text()),
        }
    }

    fn execute(&mut self, command: Command) -> Result<Value, Fault> {
        self.facts.uptime = clock::now().duration_since(self.began);
        let silent = |_| Fault::ShardSilent(command.name());
        match command {
            Command::Status => Ok(admin::status(&self.facts, self.snapshot().ok().as_ref())),
            Command::Routes => self.snapshot().map(|s| admin::routes(&s)).map_err(silent),
            Command::Counters => self.snapshot().map(|s| admin::counters(&s)).map_err(silent),
            Command::Connections => {
                let rows = self.door.connections(self.patience()).map_err(silent)?;
                Ok(admin::connections(&rows))
            }
            Command::Sessions => {
                let mut rows = self.door.sessions(self.patience()).map_err(silent)?;
                name_processes(&mut rows);
                Ok(admin::sessions(&rows))
            }
            Command::Trace(ref filter) => {
                let rows = self.door.trace(filter.clone(), self.patience()).map_err(silent)?;
                Ok(admin::trace(&rows))
            }
            Command::Config => Ok(admin::config(&self.facts.config, &self.facts.at_next_start)),
            Command::Memory => self.snapshot().map(|s| admin::memory(&s)).map_err(silent),
            Command::Order(ref order) => {
                let routes = self.door.order(order.clone(), self.patience()).map_err(silent)?;
                tracing::info!(order = order.order.name(), route = ?order.route, routes, "ordered");
                admin::ordered(order, routes)
            }
        }
    }

    fn snapshot(&self) -> Result<Snapshot, AskError> {
        self.door.snapshot(self.patience())
    }

    fn patience(&self) -> Duration {
        if self.facts.is_answering { ANSWER_TIMEOUT } else { PING_TIMEOUT }
    }
}

/// Fills in what the processes of sessions are called, each asked for once.
fn name_processes(rows: &mut [SessionRow]) {
    let mut names: HashMap<i32, String> = HashMap::new();
    for row in rows {
        row.comm = names.entry(row.pid).or_insert_with(|| comm(row.pid)).clone();
    }
}
