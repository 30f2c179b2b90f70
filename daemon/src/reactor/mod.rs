//! The loop at the edge: descriptors in, shard, descriptors out. The only place that waits.
//!
//! One turn takes in what has come (packets, clients' bytes, answers, requests of the control
//! plane), lets time pass, and gives out what is due. Everything that decides is in
//! [`Shard`]; nothing here knows a protocol.
//!
//! What one turn takes in is bounded: a batch of packets, one read for each session, a number of
//! new clients. The rest is level-triggered and comes in the next turn.

mod admission;
mod clock;
mod log;
mod pairs;
mod processes;
mod readiness;
mod sockets;
#[expect(unsafe_code, reason = "a few questions to sockets have no safe wrapper; see the file")]
mod sys;
mod unit;

use std::io;

use wharf_pool::time::{Instant, Now};
use wharf_transport::batch::PacketBatch;
use wharf_transport::device::tun::Tun;
use wharf_transport::device::{Device, Fault};

pub use clock::Clock;

use crate::control::door::{Reloaded, Request, ShardInbox};
use crate::control::listening::ListeningSocket;
use crate::reload::Change;
use crate::resolver::{Question, Resolver};
use crate::shard::{Event, READ_MAX, SessionId, Shard};
use crate::snapshot::{DeviceCounts, Distribution, LAG_BOUNDS_US};
use pairs::Pairs;
use processes::Processes;
use readiness::{Interest, Readiness, Ready, Token};
use sockets::{Received, Sent, Sockets};

/// Packets that one turn takes in or that one call gives out.
const BATCH_PACKETS: usize = 64;

/// Reads of a session whose process has exited, or whose pair is closed, in the turn that learns of
/// it.
const LAST_READS: usize = 16;

/// How long the last packets may take to leave at the end.
const FAREWELL_TURNS: usize = 16;

/// What the reactor works on.
#[derive(Debug)]
pub struct Parts {
    /// The state of this thread.
    pub shard: Shard,
    /// The device, ready to be read and written.
    pub device: Tun,
    /// Where clients connect.
    pub listener: ListeningSocket,
    /// Requests of the control plane.
    pub inbox: ShardInbox<Change>,
    /// Asks for names.
    pub resolver: Resolver,
}

/// Why the loop ended before its time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReactorError {
    /// The device is gone, or fails for a reason of its own.
    #[error("the device failed: {0}")]
    Device(#[source] io::Error),
    /// The kernel would not let us wait.
    #[error("waiting for descriptors failed: {0}")]
    Readiness(#[source] io::Error),
}

/// Drives one shard.
#[derive(Debug)]
pub struct Reactor {
    shard: Shard,
    device: Tun,
    listener: ListeningSocket,
    inbox: ShardInbox<Change>,
    resolver: Resolver,
    clock: Clock,
    readiness: Readiness,
    sockets: Sockets,
    pairs: Pairs,
    processes: Processes,
    arrived: PacketBatch,
    leaving: PacketBatch,
    scratch: Vec<u8>,
    device_counts: DeviceCounts,
    /// No client could be accepted: the next attempt is then.
    admits_again: Option<Instant>,
    /// The interface was down when it was last used; said once.
    is_down: bool,
    lag: Distribution,
}

impl Reactor {
    /// A loop over `parts`.
    ///
    /// # Errors
    ///
    /// When the kernel grants no descriptor to wait with.
    pub fn new(parts: Parts) -> Result<Self, ReactorError> {
        let mtu = usize::from(parts.device.mtu());
        let readiness = Readiness::new().map_err(ReactorError::Readiness)?;
        let watch = |fd: std::os::fd::BorrowedFd<'_>, token| {
            let none = Interest::default();
            readiness.change(fd, token, none, Interest::READ).map_err(ReactorError::Readiness)
        };
        use std::os::fd::AsFd as _;
        watch(parts.device.as_fd(), Token::Device)?;
        watch(parts.listener.as_fd(), Token::LeaseListener)?;
        watch(parts.inbox.as_fd(), Token::Control)?;
        watch(parts.resolver.as_fd(), Token::Resolver)?;
        Ok(Self {
            shard: parts.shard,
            device: parts.device,
            listener: parts.listener,
            inbox: parts.inbox,
            resolver: parts.resolver,
            clock: Clock,
            readiness,
            sockets: Sockets::default(),
            pairs: Pairs::default(),
            processes: Processes::default(),
            arrived: PacketBatch::new(BATCH_PACKETS, mtu),
            leaving: PacketBatch::new(BATCH_PACKETS, mtu),
            scratch: vec![0; READ_MAX],
            device_counts: DeviceCounts::default(),
            admits_again: None,
            is_down: false,
            lag: Distribution::new(LAG_BOUNDS_US),
        })
    }

    /// Turns until the shard is drained.
    ///
    /// # Errors
    ///
    /// The device is gone, or the kernel would not let us wait.
    pub fn run(mut self) -> Result<(), ReactorError> {
        loop {
            let now = self.turn()?;
            if self.shard.is_drained(now) {
                return self.say_farewell();
            }
        }
    }

    /// One turn: take in what has come, let time pass, give out what is due.
    fn turn(&mut self) -> Result<Now, ReactorError> {
        let asleep_from = self.clock.now();
        let next = [self.shard.poll_timeout(), self.admits_again];
        let next = next.into_iter().flatten().min();
        let wait = next.map(|at| at.since(asleep_from.monotonic));
        self.readiness.wait(wait).map_err(ReactorError::Readiness)?;
        let now = self.clock.now();
        let ready: Vec<Ready> = self.readiness.ready().collect();
        for ready in &ready {
            self.take_in(now, *ready)?;
        }
        // New clients last: what is given back serves those who wait already.
        if ready.iter().any(|ready| ready.token == Token::LeaseListener) {
            self.admit(now);
        }
        self.resume_admission(now);
        self.shard.handle_timeout(now);
        self.give_out(now)?;
        self.lag.record(self.clock.now().monotonic.since(now.monotonic));
        Ok(now)
    }

    fn take_in(&mut self, now: Now, ready: Ready) -> Result<(), ReactorError> {
        match ready.token {
            Token::Device => self.receive_packets(now)?,
            Token::LeaseListener => {}
            Token::Control => self.answer_control(now),
            Token::Resolver => self.take_answers(now),
            Token::Session(index) => {
                if let Some(socket) = self.sockets.at(index) {
                    let id = socket.id;
                    if ready.write {
                        self.flush_session(now, id);
                    }
                    if ready.read {
                        self.read_session(now, id);
                    }
                    // Closed by its client while it waits for room upstream: that is how a lease
                    // behind blocked bytes is given up.
                    if ready.hung_up && !self.shard.session_wants_input(id) {
                        self.shard.handle_session_dying(now, id);
                    }
                }
            }
            Token::Pair(index) => {
                if let Some(id) = self.pairs.session_at(index) {
                    self.handle_pair(now, id, ready);
                }
            }
            Token::Process(process) => self.bury(now, process),
        }
        Ok(())
    }

    /// One batch of packets from the device.
    fn receive_packets(&mut self, now: Now) -> Result<(), ReactorError> {
        self.arrived.clear();
        if let Err(error) = self.device.receive(&mut self.arrived) {
            self.device_counts.in_errors += 1;
            self.bear(error)?;
        }
        self.device_counts.in_batches += u64::from(!self.arrived.is_empty());
        for packet in self.arrived.iter() {
            self.device_counts.in_packets += 1;
            self.device_counts.in_bytes += packet.len() as u64;
            self.shard.handle_packet(now, packet);
        }
        Ok(())
    }

    /// One read of a session's socket. Whether another may bring more.
    fn read_session(&mut self, now: Now, id: SessionId) -> bool {
        if !self.shard.session_wants_input(id) {
            return false;
        }
        let Some(socket) = self.sockets.get_mut(id) else {
            return false;
        };
        match socket.receive(&mut self.scratch) {
            Received::Bytes(count) => {
                let bytes = self.scratch.get(..count).unwrap_or_default();
                self.shard.handle_session_bytes(now, id, bytes);
                true
            }
            Received::Nothing => false,
            Received::End => {
                self.shard.handle_session_closed(now, id);
                self.close_socket(id);
                false
            }
        }
    }

    /// Writes what a session has to say, and asks epoll for what it waits for; then serves its pair.
    fn flush_session(&mut self, now: Now, id: SessionId) {
        while let Some(socket) = self.sockets.get_mut(id) {
            // Before the RELEASED that says so.
            self.pairs.close_stale(&self.shard, id);
            let bytes = self.shard.session_output(id);
            if bytes.is_empty() {
                break;
            }
            let sent = match self.shard.session_descriptor(id) {
                _ if socket.broken => Sent::Broken,
                Some(lease) => self.pairs.pass(socket, lease, bytes),
                None => socket.send(bytes),
            };
            match sent {
                Sent::Bytes(count) => self.shard.handle_session_sent(now, id, count),
                Sent::Full => break,
                Sent::Broken => {
                    // Nobody hears it. What the client said before is still dealt with.
                    socket.broken = true;
                    let unheard = bytes.len();
                    self.shard.handle_session_sent(now, id, unheard);
                }
            }
        }
        if self.shard.session_is_over(id) {
            self.shard.handle_session_closed(now, id);
            self.close_socket(id);
        } else {
            self.watch_session(now, id);
        }
        self.serve_pair(now, id);
    }

    /// Asks epoll for what a session waits for now.
    fn watch_session(&mut self, now: Now, id: SessionId) {
        let read = self.shard.session_wants_input(id);
        let write = !self.shard.session_output(id).is_empty();
        let Some(socket) = self.sockets.get_mut(id) else {
            return;
        };
        let wanted = Interest { read, write, hang_up: true };
        let token = Token::Session(id.index());
        match self.readiness.change(&socket.fd, token, socket.interest, wanted) {
            Ok(()) => socket.interest = wanted,
            Err(error) => {
                tracing::error!(%error, "a session cannot be watched and is closed");
                self.shard.handle_session_closed(now, id);
                self.close_socket(id);
            }
        }
    }

    /// A client process has exited: its sessions end, also where a child holds the descriptor.
    fn bury(&mut self, now: Now, process: u32) {
        // Its sessions may have ended by themselves in this very turn, and it with them.
        let Some(pidfd) = self.processes.descriptor(process) else {
            return;
        };
        let token = Token::Process(process);
        let _unwatched = self.readiness.change(pidfd, token, Interest::READ, Interest::default());
        self.processes.exited(process);
        for id in self.sockets.of_process(process) {
            self.read_to_end(now, id);
        }
    }

    /// Reads what a client that is gone said before, as far as the shard takes it now. A child of
    /// it may hold the descriptor and write on for ever, so there is a bound; the shard's deadline
    /// ends the rest.
    fn read_to_end(&mut self, now: Now, id: SessionId) {
        for _ in 0..LAST_READS {
            if !self.shard.session_wants_input(id) {
                break;
            }
            let Some(socket) = self.sockets.get_mut(id) else {
                return;
            };
            match socket.receive(&mut self.scratch) {
                Received::Bytes(count) => {
                    let bytes = self.scratch.get(..count).unwrap_or_default();
                    self.shard.handle_session_bytes(now, id, bytes);
                }
                Received::Nothing | Received::End => {
                    self.shard.handle_session_closed(now, id);
                    self.close_socket(id);
                    return;
                }
            }
        }
        self.shard.handle_session_dying(now, id);
    }

    fn close_socket(&mut self, id: SessionId) {
        let Some(socket) = self.sockets.remove(id) else {
            return;
        };
        let token = Token::Session(id.index());
        let _closed =
            self.readiness.change(&socket.fd, token, socket.interest, Interest::default());
        if let Some(process) = socket.process
            && let Some(pidfd) = self.processes.leave(process)
        {
            // A process that exited is unwatched already, and closing it removes it in any case.
            drop(pidfd);
        }
    }

    fn take_answers(&mut self, now: Now) {
        self.resolver.clear_wake_ups();
        while let Some(answer) = self.resolver.poll_answer() {
            self.shard.handle_resolved(now, answer.route, answer.addresses);
        }
    }

    /// Requests of the control plane.
    fn answer_control(&mut self, now: Now) {
        while let Some(request) = self.inbox.try_recv() {
            match request {
                Request::Snapshot(reply) => {
                    let mut snapshot = self.shard.snapshot(now);
                    snapshot.device = self.device_counts;
                    snapshot.event_loop_lag = self.lag.clone();
                    reply.send(snapshot);
                }
                Request::Connections(reply) => reply.send(self.shard.connection_rows(now)),
                Request::Sessions(reply) => reply.send(self.shard.session_rows(now)),
                Request::Trace(filter, reply) => {
                    reply.send(self.shard.transition_rows(now, &filter));
                }
                Request::Reload(change, reply) => {
                    self.shard.handle_reload(now, &change.config);
                    reply.send(Reloaded { at_next_start: change.at_next_start });
                }
                Request::Drain(within, reply) => {
                    self.shard.handle_drain(now, within);
                    reply.send(());
                }
                Request::Order(order, reply) => reply.send(self.shard.handle_order(now, &order)),
                Request::Ping(reply) => reply.send(()),
            }
        }
    }

    /// Gives out what is due: to clients, to the resolver, to the log, to the device.
    fn give_out(&mut self, now: Now) -> Result<(), ReactorError> {
        loop {
            while let Some(event) = self.shard.poll_event() {
                match event {
                    Event::Session(id) => self.flush_session(now, id),
                    Event::Resolve { route, host } => self.resolver.ask(Question { route, host }),
                    Event::Notice(notice) => log::write(&notice),
                }
            }
            if !self.send_packets(now)? {
                return Ok(());
            }
        }
    }

    /// Sends one batch; `false` when nothing was due.
    fn send_packets(&mut self, now: Now) -> Result<bool, ReactorError> {
        self.leaving.clear();
        if !self.shard.poll_transmit(now, &mut self.leaving) {
            return Ok(false);
        }
        let bytes = self.leaving.bytes() as u64;
        match self.device.send(&mut self.leaving) {
            Ok(sent) => {
                self.is_down = false;
                self.device_counts.out_batches += 1;
                self.device_counts.out_packets += sent.packets as u64;
                self.device_counts.out_bytes += bytes;
                self.device_counts.out_drops += sent.dropped as u64;
            }
            Err(error) => {
                self.device_counts.out_errors += 1;
                self.bear(error)?;
            }
        }
        Ok(true)
    }

    /// A device that is down may come up again: its packets are lost, as on any link. One that was
    /// deleted ends the daemon, for its service manager to start it anew.
    fn bear(&mut self, error: io::Error) -> Result<(), ReactorError> {
        if Fault::of(&error) != Some(Fault::Down) {
            return Err(ReactorError::Device(error));
        }
        if !self.is_down {
            tracing::error!(%error, "packets are lost until the interface is up again");
        }
        self.is_down = true;
        Ok(())
    }

    /// Ends everything and lets the last packets and words leave.
    fn say_farewell(&mut self) -> Result<(), ReactorError> {
        let now = self.clock.now();
        self.shard.handle_shutdown(now);
        for _ in 0..FAREWELL_TURNS {
            self.give_out(now)?;
        }
        Ok(())
    }
}
