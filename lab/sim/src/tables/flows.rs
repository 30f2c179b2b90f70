//! Flows that send as much as they can through one queue.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use wharf_transport::PacketBatch;
use wharf_transport::device::simulated::{Chance, Faults, Link, RateLimit};
use wharf_transport::stack::{Config, ConnectionId, Secrets, Stack};
use wharf_transport::tcp::{self, Event, Read};
use wharf_transport::time::{Duration, Instant};

/// Text of a full segment: 1500 less IPv4, TCP and timestamps.
pub(super) const TEXT: u64 = 1_448;

/// A packet that carries it.
pub(super) const PACKET: u64 = 1_500;

/// Room of a connection for bytes on their way: never the bound here.
const BUFFER: usize = 4 << 20;

/// A queue has room for so many packets at least.
const QUEUE_MIN: u64 = 20 * PACKET;

/// One link, and who shares it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub(super) flows: usize,
    pub(super) bits_per_second: u64,
    pub(super) round_trip: Duration,
    /// Packets lost by chance, in a million; those of the data's direction.
    pub(super) loss: u32,
    /// Time between the beginnings of flows.
    pub(super) apart: Duration,
    /// What comes before it is not counted.
    pub(super) counts_from: Duration,
    pub(super) duration: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// Bits a second of each flow.
    pub(super) rates: Vec<f64>,
    /// Segments sent again, of all.
    pub(super) resent: f64,
}

impl Setup {
    /// Bytes that are under way when the link is full.
    fn in_flight(&self) -> u64 {
        let micros = u64::try_from(self.round_trip.as_micros()).unwrap_or(u64::MAX);
        self.bits_per_second / 8 * micros / 1_000_000
    }

    /// Runs it.
    pub(super) fn run(self) -> Outcome {
        let mut run = Run::new(self);
        while run.now < run.end {
            run.turn();
            run.now = run.next().map_or(run.end, |next| next.max(run.now));
        }
        let seconds = (self.duration - self.counts_from).as_secs_f64();
        let stats = run.near.stats();
        let rates = run.received.iter().map(|bytes| *bytes as f64 * 8.0 / seconds);
        Outcome {
            rates: rates.collect(),
            resent: stats.retrans_segs as f64 / (stats.out_segs.max(1)) as f64,
        }
    }
}

/// A run under way. The near host sends, the far one receives.
struct Run {
    setup: Setup,
    now: Instant,
    began: Instant,
    end: Instant,
    near: Stack,
    far: Stack,
    remote: SocketAddr,
    listener: wharf_transport::stack::ListenerId,
    there: Link,
    back: Link,
    /// Flows by the connection that reads them, in the order in which they began.
    readers: HashMap<ConnectionId, usize>,
    ports: Vec<u16>,
    received: Vec<u64>,
    batch: PacketBatch,
    text: Vec<u8>,
}

impl Run {
    fn new(setup: Setup) -> Self {
        let [near, far] = [1, 2].map(|last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)));
        let remote = SocketAddr::new(far, 80);
        let rate = RateLimit::Queue {
            bytes_per_second: setup.bits_per_second / 8,
            queue_bytes: setup.in_flight().max(QUEUE_MIN),
        };
        let back = Faults { delay: setup.round_trip / 2, ..Faults::default() };
        let there = Faults { loss: Chance::per_million(setup.loss), rate: Some(rate), ..back };
        let now = Instant::from_millis(1_000);
        let mut far = stack(far, 2);
        Self {
            setup,
            now,
            began: now,
            end: now + setup.duration,
            near: stack(near, 1),
            listener: far.listen(remote, 128).expect("nobody else listens"),
            far,
            remote,
            there: Link::new(there, 7),
            back: Link::new(back, 8),
            readers: HashMap::new(),
            ports: Vec::new(),
            received: vec![0; setup.flows],
            batch: PacketBatch::new(64, 1_500),
            text: vec![0; 64 << 10],
        }
    }

    fn turn(&mut self) {
        self.open();
        deliver(self.now, &mut self.back, &mut self.near, &mut self.batch);
        self.near.handle_timeout(self.now);
        self.send();
        transmit(self.now, &mut self.near, &mut self.there, &mut self.batch);
        deliver(self.now, &mut self.there, &mut self.far, &mut self.batch);
        self.far.handle_timeout(self.now);
        self.receive();
        transmit(self.now, &mut self.far, &mut self.back, &mut self.batch);
    }

    fn open(&mut self) {
        while self.ports.len() < self.setup.flows && self.opens_at() <= self.now {
            let id = self.near.connect(self.now, self.remote).expect("a port is free");
            let (local, _) = self.near.ends(id).expect("just opened");
            self.ports.push(local.port());
        }
    }

    fn opens_at(&self) -> Instant {
        let flows = u32::try_from(self.ports.len()).unwrap_or(u32::MAX);
        self.began + self.setup.apart * flows
    }

    /// Whoever has room writes.
    fn send(&mut self) {
        while let Some((id, event)) = self.near.poll_event() {
            if matches!(event, Event::Established | Event::Writable) {
                while self.near.write(self.now, id, &self.text).is_ok_and(|taken| taken > 0) {}
            }
        }
    }

    fn receive(&mut self) {
        while let Some(id) = self.far.accept(self.listener) {
            let (_, remote) = self.far.ends(id).expect("just accepted");
            let flow = self.ports.iter().position(|port| *port == remote.port());
            self.readers.insert(id, flow.expect("only the near host connects"));
        }
        let counts = self.now.since(self.began) >= self.setup.counts_from;
        while let Some((id, _)) = self.far.poll_event() {
            while let Ok(Read::Bytes(count)) = self.far.read(self.now, id, &mut self.text) {
                let received = self.readers.get(&id).and_then(|at| self.received.get_mut(*at));
                if let Some(received) = received.filter(|_| counts) {
                    *received += count as u64;
                }
            }
        }
    }

    fn next(&self) -> Option<Instant> {
        let opens = (self.ports.len() < self.setup.flows).then(|| self.opens_at());
        let links = [self.there.poll_timeout(), self.back.poll_timeout()];
        let hosts = [self.near.poll_timeout(), self.far.poll_timeout()];
        links.into_iter().chain(hosts).chain([opens]).flatten().min()
    }
}

fn deliver(now: Instant, link: &mut Link, host: &mut Stack, batch: &mut PacketBatch) {
    while link.poll_deliver(now, batch) > 0 {
        for packet in &*batch {
            host.handle_packet(now, packet);
        }
        batch.clear();
    }
}

fn transmit(now: Instant, host: &mut Stack, link: &mut Link, batch: &mut PacketBatch) {
    while host.poll_transmit(now, batch) {
        for packet in &*batch {
            link.handle_packet(now, packet);
        }
        batch.clear();
    }
}

fn stack(address: IpAddr, secret: u8) -> Stack {
    let config = Config {
        addresses: vec![address],
        mtu: 1_500,
        port_range: 32_768..=60_999,
        connections_max: 256,
        time_wait_max: 256,
        tcp: tcp::Config { send_buffer: BUFFER, receive_buffer: BUFFER, ..tcp::Config::default() },
    };
    Stack::new(config, Secrets::from_bytes(&[secret; Secrets::LEN]))
}
