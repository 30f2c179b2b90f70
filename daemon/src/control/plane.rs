//! The control thread's loop: waits on its listeners, connections and signals, and lets the
//! [`Desk`] answer.
//!
//! Invariants: at most [`CONNECTIONS_MAX`] connections a listener; no descriptor blocks; the only
//! waits are the poll and the shard's answer, and both have a timeout.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

use super::clock;
use super::conversation::{Conversation, Kind, Progress};
use super::desk::{Desk, Load};
use super::door::ShardDoor;
use super::facts::{Facts, Sockets};
use super::listening::ListeningSocket;
use super::signals::{Signals, Wish};
use crate::systemd::notify::Notifier;

/// Connections at once to each listener; one more is closed at once, and counted.
pub const CONNECTIONS_MAX: usize = 8;

/// How often the shard is pinged, unless the watchdog asks for more.
const PING_INTERVAL: Duration = Duration::from_secs(1);

/// How long a listener rests that could not accept (no descriptor left): it would stay readable,
/// and the loop would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the control thread is made of.
#[expect(missing_debug_implementations, reason = "a loader is a closure, which has no text")]
pub struct Settings<C> {
    /// The way to the shard.
    pub door: ShardDoor<C>,
    /// Where metrics are served.
    pub metrics: Option<ListeningSocket>,
    /// Where `wharf` asks.
    pub admin: Option<ListeningSocket>,
    /// Where clients connect, for `status` to show.
    pub lease_socket: Option<String>,
    /// Registered before any thread began.
    pub signals: Signals,
    /// systemd's ear.
    pub notifier: Notifier,
    /// How long systemd waits for a sign of life.
    pub watchdog: Option<Duration>,
    /// Loads the configuration anew.
    pub load: Load<C>,
    /// The configuration that the daemon began with, as TOML.
    pub config: String,
    /// How long leases may go on after SIGTERM.
    pub drain_timeout: Duration,
}

/// The running control thread. Dropped, it is stopped.
#[derive(Debug)]
pub struct ControlThread {
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl ControlThread {
    /// Ends the thread and waits for it; its listeners are closed then. Call it after the shard
    /// has ended.
    pub fn stop(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        let _already_stopping = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Err(_)) = ended {
            tracing::error!("the control thread had panicked");
        }
    }
}

impl Drop for ControlThread {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Starts the control thread.
pub fn start<C: Send + 'static>(settings: Settings<C>) -> io::Result<ControlThread> {
    let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let plane = Plane::new(settings, Arc::clone(&stop));
    let builder = thread::Builder::new().name("control".to_owned());
    let thread = builder.spawn(move || plane.run())?;
    Ok(ControlThread { stop, thread: Some(thread) })
}

/// What a descriptor of the loop stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Stop,
    Signal(Wish),
    Listener(Kind),
    Conversation(usize),
}

#[derive(Debug)]
struct Plane<C> {
    desk: Desk<C>,
    stop: Arc<OwnedFd>,
    signals: Signals,
    metrics: Option<ListeningSocket>,
    admin: Option<ListeningSocket>,
    conversations: Vec<Conversation>,
    ping_interval: Duration,
    next_ping: Instant,
    accepts_again: Instant,
}

impl<C> Plane<C> {
    fn new(settings: Settings<C>, stop: Arc<OwnedFd>) -> Self {
        let name = |socket: &Option<ListeningSocket>| socket.as_ref().map(|s| s.name().to_owned());
        let sockets = Sockets {
            lease: settings.lease_socket,
            admin: name(&settings.admin),
            metrics: name(&settings.metrics),
        };
        let facts = Facts { sockets, config: settings.config, ..Facts::default() };
        let Settings { door, notifier, load, drain_timeout, .. } = settings;
        let watchdog = settings.watchdog.map(|watchdog| watchdog / 4);
        let now = clock::now();
        Self {
            desk: Desk::new(door, notifier, load, drain_timeout, facts),
            stop,
            signals: settings.signals,
            metrics: settings.metrics,
            admin: settings.admin,
            conversations: Vec::new(),
            ping_interval: watchdog.map_or(PING_INTERVAL, |watchdog| watchdog.min(PING_INTERVAL)),
            next_ping: now,
            accepts_again: now,
        }
    }

    fn run(mut self) {
        loop {
            match self.turn() {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::error!(%error, "the control thread cannot wait, and ends");
                    return;
                }
            }
        }
    }

    /// One turn; false when told to stop.
    fn turn(&mut self) -> io::Result<bool> {
        let ready = self.wait()?;
        for source in ready {
            match source {
                Source::Stop => return Ok(false),
                Source::Signal(wish) => self.fulfil(wish),
                Source::Listener(kind) => self.accept(kind),
                Source::Conversation(index) => self.converse(index),
            }
        }
        self.handle_timeout();
        Ok(true)
    }

    /// Waits until something is ready or due. Conversations come last and in falling order, so
    /// that removing one leaves the other places valid.
    fn wait(&self) -> io::Result<Vec<Source>> {
        let now = clock::now();
        let (sources, mut fds) = self.sources(now);
        let timeout = self.poll_timeout(now).saturating_duration_since(now);
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Vec::new()),
            Err(errno) => return Err(errno.into()),
        }
        let ready = sources.into_iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty());
        Ok(ready.map(|(source, _)| source).collect())
    }

    fn sources(&self, now: Instant) -> (Vec<Source>, Vec<PollFd<'_>>) {
        let mut sources = vec![(Source::Stop, PollFd::new(&self.stop, PollFlags::IN))];
        for (wish, fd) in self.signals.descriptors() {
            sources.push((Source::Signal(wish), PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        }
        let listeners = [(Kind::Metrics, &self.metrics), (Kind::Admin, &self.admin)];
        for (kind, socket) in listeners.into_iter().filter(|_| now >= self.accepts_again) {
            let fd = socket.as_ref().map(|socket| PollFd::new(socket, PollFlags::IN));
            sources.extend(fd.map(|fd| (Source::Listener(kind), fd)));
        }
        for (index, conversation) in self.conversations.iter().enumerate().rev() {
            let fd = PollFd::from_borrowed_fd(conversation.as_fd(), conversation.interest());
            sources.push((Source::Conversation(index), fd));
        }
        // A listener's new conversation is appended, which moves no other.
        sources.into_iter().unzip()
    }

    fn poll_timeout(&self, now: Instant) -> Instant {
        let deadlines = self.conversations.iter().map(Conversation::poll_timeout);
        let pause = (self.accepts_again > now).then_some(self.accepts_again);
        deadlines.chain(pause).fold(self.next_ping, Instant::min)
    }

    fn fulfil(&mut self, wish: Wish) {
        let count = self.signals.take(wish);
        match wish {
            Wish::Stop => (0..count).for_each(|_| self.desk.drain()),
            // Several wishes to reload are one: the file is read after all of them.
            Wish::Reload if count > 0 => self.desk.reload(),
            Wish::Reload => {}
        }
    }

    fn accept(&mut self, kind: Kind) {
        let socket = match kind {
            Kind::Metrics => &self.metrics,
            Kind::Admin => &self.admin,
        };
        let accepted = socket.as_ref().map_or(Ok(None), ListeningSocket::accept);
        match accepted {
            Ok(Some(fd)) => self.admit(kind, fd),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, ?kind, "a connection could not be accepted");
                self.accepts_again = clock::now() + ACCEPT_PAUSE;
            }
        }
    }

    fn admit(&mut self, kind: Kind, fd: OwnedFd) {
        let open = self.conversations.iter().filter(|other| other.kind() == kind).count();
        if open < CONNECTIONS_MAX {
            self.conversations.push(Conversation::new(clock::now(), kind, fd));
            return;
        }
        let refused = &mut self.desk.facts.process.control_refused;
        match kind {
            Kind::Metrics => refused.metrics += 1,
            Kind::Admin => refused.admin += 1,
        }
    }

    fn converse(&mut self, index: usize) {
        let Some(conversation) = self.conversations.get_mut(index) else { return };
        let now = clock::now();
        let mut progress = conversation.handle_ready(now);
        if progress == Progress::HasInput {
            let (kind, is_at_end) = (conversation.kind(), conversation.is_at_end());
            progress = match self.desk.answer(kind, conversation.input(), is_at_end) {
                Some(answer) => conversation.answer(clock::now(), answer),
                None => Progress::Waits,
            };
        }
        if progress == Progress::Done {
            self.conversations.remove(index);
        }
    }

    fn handle_timeout(&mut self) {
        let now = clock::now();
        if now >= self.next_ping {
            self.desk.ping();
            self.next_ping = clock::now() + self.ping_interval;
        }
        self.conversations.retain_mut(|conversation| {
            if now < conversation.poll_timeout() {
                return true;
            }
            let answer = Desk::<C>::answer_too_slow(conversation.kind());
            conversation.is_reading() && conversation.answer(now, answer) != Progress::Done
        });
    }
}
