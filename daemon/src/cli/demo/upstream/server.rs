//! The upstream's loop: epoll, sockets and the clock around many [`Exchange`]s.

use std::convert::Infallible;
use std::io::{self, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use slab::Slab;

use super::Counts;
use super::exchange::Exchange;
use crate::cli::clock;

/// Bytes read at a time.
const INPUT_BYTES: usize = 64 * 1024;
/// Reads and writes of one connection in one turn, so that a long transfer does not hold up the
/// others.
const STEPS_PER_TURN: usize = 8;
/// Connections accepted of one listener in one turn.
const ACCEPTS_PER_TURN: usize = 256;
/// Events taken from epoll in one turn.
const EVENTS_PER_TURN: usize = 256;
/// How often idle connections are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);
/// How long a transfer may stand still, and a closed connection may wait for the client's FIN.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Tokens below this one are listeners; above it stand the connections.
const FIRST_CONNECTION: u64 = 1 << 32;

/// The whole upstream.
#[derive(Debug)]
pub(super) struct Server {
    epoll: OwnedFd,
    listeners: Vec<Listener>,
    connections: Slab<Connection>,
    counts: Counts,
    idle_timeout: Duration,
    next_sweep: Instant,
    input: Vec<u8>,
}

/// A socket that gives sockets.
#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Control(UnixListener),
}

/// One client's connection.
#[derive(Debug)]
struct Connection {
    socket: TcpStream,
    exchange: Exchange,
    /// Bytes of the next request that came while an answer was under way.
    unread: Vec<u8>,
    interest: epoll::EventFlags,
    last_progress: Instant,
    /// Our FIN is sent: only the client's is awaited, so that no unread byte turns it into a reset.
    draining: bool,
}

/// What becomes of a connection after its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// It waits for this.
    Wait(epoll::EventFlags),
    /// It is over as HTTP says.
    Ended,
    /// It broke.
    Failed,
}

impl Server {
    /// A server without listeners.
    pub(super) fn new(idle_timeout: Duration) -> io::Result<Self> {
        crate::descriptors::raise_descriptor_limit();
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            listeners: Vec::new(),
            connections: Slab::new(),
            counts: Counts::default(),
            idle_timeout,
            next_sweep: clock::now(),
            input: vec![0; INPUT_BYTES],
        })
    }

    /// Serves what comes to `listener`.
    pub(super) fn add_listener(&mut self, listener: TcpListener) -> io::Result<()> {
        let token = epoll::EventData::new_u64(self.listener_token());
        epoll::add(&self.epoll, &listener, token, epoll::EventFlags::IN)?;
        self.listeners.push(Listener::Tcp(listener));
        Ok(())
    }

    /// Gives the counts to whoever connects to `listener`.
    pub(super) fn add_control(&mut self, listener: UnixListener) -> io::Result<()> {
        let token = epoll::EventData::new_u64(self.listener_token());
        epoll::add(&self.epoll, &listener, token, epoll::EventFlags::IN)?;
        self.listeners.push(Listener::Control(listener));
        Ok(())
    }

    /// Serves until the process is ended from outside, or epoll itself fails.
    pub(super) fn run(mut self) -> io::Result<Infallible> {
        let mut room = [MaybeUninit::<epoll::Event>::uninit(); EVENTS_PER_TURN];
        loop {
            let timeout = (!self.connections.is_empty()).then(|| timespec(SWEEP_INTERVAL));
            let events = match epoll::wait(&self.epoll, &mut room, timeout.as_ref()) {
                Ok((events, _)) => events,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let now = clock::now();
            for event in events.iter() {
                let (token, flags) = (event.data.u64(), event.flags);
                match token.checked_sub(FIRST_CONNECTION) {
                    Some(key) => self.serve(now, usize::try_from(key).unwrap_or(usize::MAX), flags),
                    None => self.accept(now, usize::try_from(token).unwrap_or(usize::MAX)),
                }
            }
            if now >= self.next_sweep {
                self.next_sweep = now + SWEEP_INTERVAL;
                self.sweep(now);
            }
        }
    }

    /// The token of the listener that is added next.
    fn listener_token(&self) -> u64 {
        u64::try_from(self.listeners.len()).unwrap_or(u64::MAX)
    }

    /// Takes what waits at a listener.
    fn accept(&mut self, now: Instant, index: usize) {
        for _ in 0..ACCEPTS_PER_TURN {
            let accepted = match self.listeners.get(index) {
                Some(Listener::Tcp(listener)) => listener.accept().map(|(socket, _)| Some(socket)),
                Some(Listener::Control(listener)) => listener.accept().map(|(mut socket, _)| {
                    self.report(&mut socket);
                    None
                }),
                None => return,
            };
            match accepted {
                Ok(Some(socket)) => self.admit(now, socket),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => {
                    // No descriptor is left. The listener stays readable, so without a pause this
                    // would spin until one is given back.
                    std::thread::sleep(Duration::from_millis(5));
                    return;
                }
            }
        }
    }

    /// Writes the counts; a line fits any socket buffer, so a reader that does not read loses only
    /// its own answer.
    fn report(&self, socket: &mut impl io::Write) {
        let counts = Counts {
            open: u64::try_from(self.connections.len()).unwrap_or(u64::MAX),
            ..self.counts
        };
        if let Ok(line) = serde_json::to_string(&counts) {
            // The reader may be gone; nobody else wants the answer.
            let _ = writeln!(socket, "{line}");
        }
    }

    /// Counts and keeps a connection.
    fn admit(&mut self, now: Instant, socket: TcpStream) {
        self.counts.accepted += 1;
        let entry = self.connections.vacant_entry();
        let key = entry.key();
        let token = FIRST_CONNECTION + u64::try_from(key).unwrap_or(0);
        let interest = epoll::EventFlags::IN;
        let added = socket.set_nonblocking(true).map_err(|_| ()).and_then(|()| {
            let token = epoll::EventData::new_u64(token);
            epoll::add(&self.epoll, &socket, token, interest).map_err(|_| ())
        });
        if added.is_err() {
            self.counts.failed += 1;
            return;
        }
        entry.insert(Connection {
            socket,
            exchange: Exchange::new(),
            unread: Vec::new(),
            interest,
            last_progress: now,
            draining: false,
        });
        // The request often came together with the connection.
        self.serve(now, key, interest);
    }

    /// One turn of one connection. An event for a connection that has gone since does nothing.
    fn serve(&mut self, now: Instant, key: usize, flags: epoll::EventFlags) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        connection.last_progress = now;
        let before = connection.exchange.requests_served();
        let turn = if flags.contains(epoll::EventFlags::ERR) {
            Turn::Failed
        } else {
            connection.turn(&mut self.input, &mut self.counts)
        };
        self.counts.requests += connection.exchange.requests_served() - before;
        match turn {
            Turn::Wait(interest) if interest == connection.interest => {}
            Turn::Wait(interest) => {
                let token = FIRST_CONNECTION + u64::try_from(key).unwrap_or(0);
                let token = epoll::EventData::new_u64(token);
                connection.interest = interest;
                if epoll::modify(&self.epoll, &connection.socket, token, interest).is_err() {
                    self.remove(key, true);
                }
            }
            Turn::Ended => self.remove(key, false),
            Turn::Failed => self.remove(key, true),
        }
    }

    /// Forgets a connection; its descriptor leaves the epoll as it is closed.
    fn remove(&mut self, key: usize, failed: bool) {
        self.connections.try_remove(key);
        self.counts.failed += u64::from(failed);
    }

    /// Closes what waited too long for a request, and what stands still.
    fn sweep(&mut self, now: Instant) {
        let idle_timeout = self.idle_timeout;
        let counts = &mut self.counts;
        self.connections.retain(|_, connection| {
            let quiet = now.saturating_duration_since(connection.last_progress);
            let idle = connection.exchange.is_idle() && !connection.draining;
            if idle && quiet >= idle_timeout {
                counts.idle_closed += 1;
                return false;
            }
            if quiet >= STALL_TIMEOUT.max(idle_timeout) {
                counts.failed += 1;
                return false;
            }
            true
        });
    }
}

impl Connection {
    /// Reads, answers and writes until the socket or its share of the turn is spent.
    fn turn(&mut self, input: &mut [u8], counts: &mut Counts) -> Turn {
        for _ in 0..STEPS_PER_TURN {
            let done = if self.draining {
                self.drain(input)
            } else if self.exchange.has_output() {
                self.write(counts)
            } else if self.exchange.is_closed() {
                self.begin_draining()
            } else if !self.unread.is_empty() {
                self.take_unread();
                None
            } else {
                self.read(input, counts)
            };
            if let Some(turn) = done {
                return turn;
            }
        }
        // More is to be done in the next turn: level-triggered, both sides of the socket tell.
        Turn::Wait(if self.exchange.has_output() {
            epoll::EventFlags::OUT
        } else if self.unread.is_empty() && !self.exchange.is_closed() {
            epoll::EventFlags::IN
        } else {
            epoll::EventFlags::IN | epoll::EventFlags::OUT
        })
    }

    /// Writes a piece of the answer.
    fn write(&mut self, counts: &mut Counts) -> Option<Turn> {
        match self.socket.write(self.exchange.output()) {
            Ok(count) => {
                counts.bytes_out += u64::try_from(count).unwrap_or(0);
                self.exchange.on_written(count);
                None
            }
            Err(error) => settle(&error, epoll::EventFlags::OUT),
        }
    }

    /// Reads a piece of a request.
    fn read(&mut self, input: &mut [u8], counts: &mut Counts) -> Option<Turn> {
        match self.socket.read(input) {
            Ok(0) => Some(if self.exchange.is_idle() { Turn::Ended } else { Turn::Failed }),
            Ok(count) => {
                counts.bytes_in += u64::try_from(count).unwrap_or(0);
                let bytes = input.get(..count).unwrap_or_default();
                let taken = self.exchange.handle_bytes(bytes);
                self.unread.extend_from_slice(bytes.get(taken..).unwrap_or_default());
                None
            }
            Err(error) => settle(&error, epoll::EventFlags::IN),
        }
    }

    /// Offers again what came too early.
    fn take_unread(&mut self) {
        let taken = self.exchange.handle_bytes(&self.unread);
        self.unread.drain(..taken);
    }

    /// Sends our FIN.
    fn begin_draining(&mut self) -> Option<Turn> {
        self.draining = true;
        match self.socket.shutdown(Shutdown::Write) {
            Ok(()) => None,
            Err(_) => Some(Turn::Failed),
        }
    }

    /// Reads to the client's FIN and drops what comes before it.
    fn drain(&self, input: &mut [u8]) -> Option<Turn> {
        match (&self.socket).read(input) {
            Ok(0) => Some(Turn::Ended),
            Ok(_) => None,
            Err(error) => settle(&error, epoll::EventFlags::IN),
        }
    }
}

/// What an error of a read or write means: not now, again, or the end.
fn settle(error: &io::Error, interest: epoll::EventFlags) -> Option<Turn> {
    if error.kind() == io::ErrorKind::WouldBlock {
        Some(Turn::Wait(interest))
    } else if error.kind() == io::ErrorKind::Interrupted {
        None
    } else {
        Some(Turn::Failed)
    }
}

/// A duration as epoll takes it.
fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}
