//! A shard, its upstreams and its clients on one virtual clock.
//!
//! The world drives the shard exactly as the reactor does: it looks at a session only when the
//! shard asks for it, and reads or writes its socket only as was watched for then. A missing
//! [`Event::Session`] hangs a test here as it would hang a client there.

use std::collections::BTreeMap;
use std::net::IpAddr;

use wharf_pool::time::{Duration, Now};
use wharf_pool::{ClientId, RouteId};
use wharf_transport::batch::PacketBatch;
use wharf_transport::stack::{Secrets, Stack};
use wharf_transport::tcp;

use super::super::{Event, Notice, Peer, SessionId, Shard, instant};
use super::client::Client;
use super::random::Random;
use super::upstream::{ADDRESSES, Upstream};
use super::wire::Wire;
use crate::config::{Access, Config, Route, RouteSettings};

/// Turns that one moment may take: far more than any test needs, so that one without end fails.
const TURNS_MAX: usize = 100_000;

/// What a test sets before its world begins.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) config: Config,
    /// Where the shard is.
    pub(super) addresses: Vec<IpAddr>,
    /// TCP of the upstreams.
    pub(super) upstream: tcp::Config,
    /// TCP of the shard.
    pub(super) tcp: tcp::Config,
    /// How long a packet takes, each way.
    pub(super) delay: Duration,
    pub(super) seed: u64,
}

impl Default for Setting {
    /// A route `web` with one address, `many` with three, `named` without, and `local`.
    fn default() -> Self {
        let routes = vec![
            route("web", "tcp://web.test:80", &ADDRESSES[..1]),
            route("many", "tcp://many.test:80", &ADDRESSES),
            route("named", "tcp://named.test:80", &[]),
            route("local", "tcp://127.0.0.1:80", &[]),
        ];
        Self {
            config: Config { routes, ..Config::default() },
            addresses: vec![IpAddr::from([10, 213, 0, 2])],
            upstream: tcp::Config::default(),
            tcp: tcp::Config::default(),
            delay: Duration::ZERO,
            seed: 1,
        }
    }
}

/// A rule of the configuration, everything else at its default.
pub(super) fn route(name: &str, pattern: &str, addresses: &[IpAddr]) -> Route {
    Route {
        pattern: pattern.parse().expect("a pattern"),
        name: Some(name.to_owned()),
        addresses: addresses.to_vec(),
        access: Access::default(),
        settings: RouteSettings::default(),
    }
}

/// A packet that has reached the upstreams, or has left them and may yet be lost.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) at: wharf_pool::time::Instant,
    pub(super) is_up: bool,
    pub(super) packet: Vec<u8>,
}

/// All there is.
#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Now,
    pub(super) shard: Shard,
    /// What the next reload puts in force.
    pub(super) config: Config,
    pub(super) upstream: Upstream,
    /// From the shard to the upstreams.
    pub(super) up: Wire,
    /// From the upstreams to the shard.
    pub(super) down: Wire,
    pub(super) clients: BTreeMap<String, Client>,
    /// Names that the shard wants resolved.
    questions: Vec<(RouteId, String)>,
    /// Those that no transcript has shown yet.
    pub(super) asked: Vec<String>,
    pub(super) notices: Vec<Notice>,
    /// What the upstreams' end of the link has seen, if anybody looks.
    pub(super) seen: Option<Vec<Seen>>,
    /// Control groups of clients yet to connect, by name.
    pub(super) units: BTreeMap<String, std::sync::Arc<str>>,
    /// Sessions that have been opened: each is another process.
    processes: u64,
    chance: Random,
    batch: PacketBatch,
}

impl World {
    pub(super) fn new(setting: Setting) -> Self {
        let stack = wharf_transport::stack::Config {
            addresses: setting.addresses,
            mtu: 1500,
            port_range: setting.config.transport.port_range.clone(),
            connections_max: setting.config.transport.connections_max,
            time_wait_max: setting.config.transport.time_wait_max,
            tcp: setting.tcp,
        };
        let stack = Stack::new(stack, Secrets::from_bytes(&[3; Secrets::LEN]));
        Self {
            now: Now::awake_for(Duration::from_secs(1000)),
            shard: Shard::new(&setting.config, stack, 42, setting.seed),
            config: setting.config,
            upstream: Upstream::new(setting.upstream),
            up: Wire::new(setting.delay),
            down: Wire::new(setting.delay),
            clients: BTreeMap::new(),
            questions: Vec::new(),
            asked: Vec::new(),
            notices: Vec::new(),
            seen: None,
            units: BTreeMap::new(),
            processes: 0,
            chance: Random::new(setting.seed),
            batch: PacketBatch::new(64, 1500),
        }
    }

    /// The usual world, with its configuration changed.
    pub(super) fn with(change: impl FnOnce(&mut Setting)) -> Self {
        let mut setting = Setting::default();
        change(&mut setting);
        Self::new(setting)
    }

    /// A client connects as `uid` and `gid`.
    pub(super) fn connect(&mut self, name: &str, uid: u32, gid: u32) {
        self.processes += 1;
        let peer = Peer {
            pid: i32::try_from(self.processes).expect("few processes"),
            uid,
            gid,
            groups: vec![gid],
            unit: self.units.get(name).cloned(),
            client: ClientId(self.processes),
        };
        let id = self.shard.handle_session_opened(self.now, peer);
        let before = self.clients.insert(name.to_owned(), Client::new(id));
        assert!(before.is_none_or(|before| !before.is_open), "{name} is connected");
        self.flush_session(id);
    }

    /// Client `name`, connected as uid 1000 if it is not yet.
    pub(super) fn client(&mut self, name: &str) -> &mut Client {
        if !self.clients.contains_key(name) {
            self.connect(name, 1000, 1000);
        }
        self.clients.get_mut(name).expect("just connected")
    }

    /// Takes turns until nothing moves at this moment.
    pub(super) fn run(&mut self) {
        for _ in 0..TURNS_MAX {
            if !self.turn() {
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    /// Lets time pass, moment by moment.
    pub(super) fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.run();
        while let Some(next) = self.next_moment().filter(|next| *next <= end.monotonic) {
            // A timer that was due already was dealt with by the turns before.
            let step = next.since(self.now.monotonic).max(Duration::from_micros(100));
            self.now = self.now + step.min(end.monotonic.since(self.now.monotonic));
            self.run();
            if self.now.monotonic == end.monotonic {
                return;
            }
        }
        self.now = end;
        self.run();
    }

    /// The host sleeps: boot time goes on, monotonic time does not.
    pub(super) fn sleep(&mut self, duration: Duration) {
        self.now.boot = self.now.boot + duration;
        self.run();
    }

    /// When something moves next.
    pub(super) fn next_moment(&self) -> Option<wharf_pool::time::Instant> {
        let upstream = self.upstream.stack.poll_timeout();
        let upstream = upstream.map(|at| wharf_pool::time::Instant::from_nanos(at.as_nanos()));
        let moments = [self.shard.poll_timeout(), upstream, self.up.next(), self.down.next()];
        moments.into_iter().flatten().min()
    }

    /// One turn of the reactor, and one of everybody else. Whether anything moved.
    pub(super) fn turn(&mut self) -> bool {
        let mut moved = false;
        while let Some(packet) = self.down.receive(self.now.monotonic) {
            self.shard.handle_packet(self.now, &packet);
            moved = true;
        }
        let sessions: Vec<SessionId> =
            self.clients.values().filter(|client| client.is_open).map(|c| c.session).collect();
        for id in sessions {
            moved |= self.serve_session(id);
        }
        self.shard.handle_timeout(self.now);
        moved |= self.give_out();
        moved |= self.serve_upstream();
        self.check();
        moved
    }

    fn serve_upstream(&mut self) -> bool {
        let mut moved = false;
        let now = instant(self.now);
        while let Some(packet) = self.up.receive(self.now.monotonic) {
            if let Some(seen) = &mut self.seen {
                seen.push(Seen { at: self.now.monotonic, is_up: true, packet: packet.clone() });
            }
            self.upstream.handle_packet(now, &packet);
            self.upstream.turn(now);
            moved = true;
        }
        self.upstream.turn(now);
        while self.upstream.poll_transmit(now, &mut self.batch) {
            for packet in &self.batch {
                if let Some(seen) = &mut self.seen {
                    let packet = packet.to_vec();
                    seen.push(Seen { at: self.now.monotonic, is_up: false, packet });
                }
                self.down.send(self.now.monotonic, &mut self.chance, packet);
            }
            self.batch.clear();
            moved = true;
        }
        moved
    }

    fn of_session(&mut self, id: SessionId) -> Option<&mut Client> {
        self.clients.values_mut().find(|client| client.session == id && client.is_open)
    }

    /// What epoll would say of a session's socket, and what the reactor does about it.
    fn serve_session(&mut self, id: SessionId) -> bool {
        let Some(client) = self.of_session(id) else {
            return false;
        };
        let reads = client.watches_input && self.shard.session_wants_input(id);
        let Some(client) = self.of_session(id).filter(|_| reads) else {
            return false;
        };
        let bytes = client.take_outgoing();
        if !bytes.is_empty() {
            self.shard.handle_session_bytes(self.now, id, &bytes);
            return true;
        }
        if client.has_hung_up {
            client.is_open = false;
            self.shard.handle_session_closed(self.now, id);
            return true;
        }
        false
    }

    /// Writes what a session has to say as far as its client takes it.
    pub(super) fn flush_session(&mut self, id: SessionId) {
        loop {
            let Some(client) = self.clients.values_mut().find(|c| c.session == id && c.is_open)
            else {
                return;
            };
            let output = self.shard.session_output(id);
            let count = output.len().min(client.room);
            if count == 0 {
                break;
            }
            client.hear(&output[..count]);
            if client.room != usize::MAX {
                client.room -= count;
            }
            self.shard.handle_session_sent(self.now, id, count);
        }
        let is_over = self.shard.session_is_over(id);
        let wants_input = self.shard.session_wants_input(id);
        if let Some(client) = self.of_session(id) {
            client.watches_input = wants_input;
            if is_over {
                client.is_open = false;
                client.hear_close();
                self.shard.handle_session_closed(self.now, id);
            }
        }
    }

    /// The process of client `name` has exited: the reactor reads what there is, as far as the shard
    /// takes it now.
    pub(super) fn bury(&mut self, name: &str) {
        let client = self.client(name);
        client.has_hung_up = true;
        let id = client.session;
        while self.shard.session_wants_input(id) {
            let bytes = self.client(name).take_outgoing();
            if bytes.is_empty() {
                self.client(name).is_open = false;
                return self.shard.handle_session_closed(self.now, id);
            }
            self.shard.handle_session_bytes(self.now, id, &bytes);
        }
        self.shard.handle_session_dying(self.now, id);
    }

    fn give_out(&mut self) -> bool {
        let mut moved = false;
        loop {
            while let Some(event) = self.shard.poll_event() {
                match event {
                    Event::Session(id) => self.flush_session(id),
                    Event::Resolve { route, host } => {
                        self.asked.push(host.clone());
                        self.questions.push((route, host));
                    }
                    Event::Notice(notice) => self.notices.push(notice),
                }
                moved = true;
            }
            if !self.shard.poll_transmit(self.now, &mut self.batch) {
                return moved;
            }
            for packet in &self.batch {
                self.up.send(self.now.monotonic, &mut self.chance, packet);
            }
            self.batch.clear();
            moved = true;
        }
    }

    /// The resolver answers the oldest question for `host`.
    pub(super) fn answer(&mut self, host: &str, addresses: Result<Vec<IpAddr>, String>) {
        let asked = self.questions.iter().position(|(_, asked)| asked == host);
        let (route, _) = self.questions.remove(asked.expect("a question for that name"));
        self.shard.handle_resolved(self.now, route, addresses);
    }
}
