//! The core allocates nothing per segment: two stacks in steady state, beside an allocator that
//! counts.
//!
//! Steady is what has been busy for a while: rings, scoreboard, queues and tables have the size that
//! the load needs, and keep it. What is counted is everything that happens on the thread, the test's
//! own network and applications included; they have taken their memory beforehand.
//!
//! Not here: a connection's opening and first growth, and the answers to ICMP echo requests, each of
//! which is kept in a piece of memory until it leaves (a budget a second bounds them).

#![expect(clippy::print_stdout, reason = "a test tells what it measured")]

mod sys;
mod wire;

use std::net::{IpAddr, SocketAddr};

use wharf_transport::PacketBatch;
use wharf_transport::stack::{Config, ConnectionId, Secrets, Stack};
use wharf_transport::tcp::{self, Read};
use wharf_transport::time::{Duration, Instant};

use sys::{Calls, calls};
use wire::{MTU, Quality, Wire};

/// What is written at a time in bulk.
static CHUNK: [u8; 64 << 10] = [7; 64 << 10];

/// Bytes of a request, and of its response.
const REQUEST: usize = 300;
const RESPONSE: usize = 9_000;

/// A network without faults, as within a data centre.
const GOOD: Quality = Quality { delay: Duration::from_micros(250), lost: 0, late: 0 };

/// A network that loses 2 % and lets 3 % be overtaken, each way.
const BAD: Quality = Quality { delay: Duration::from_millis(5), lost: 20, late: 30 };

/// Two stacks, the wires between them, and their connections.
struct World {
    now: Instant,
    /// Client and server.
    stacks: [Stack; 2],
    /// From the client to the server, and back.
    wires: [Wire; 2],
    batch: PacketBatch,
    /// Both ends of each connection.
    connections: Vec<[ConnectionId; 2]>,
}

impl World {
    /// A world in which `count` connections are open.
    fn new(ipv4: bool, quality: Quality, count: usize) -> Self {
        Self::with_config(ipv4, quality, count, tcp::Config::default())
    }

    fn with_config(ipv4: bool, quality: Quality, count: usize, tcp: tcp::Config) -> Self {
        let addresses =
            if ipv4 { ["192.0.2.1", "192.0.2.2"] } else { ["2001:db8::1", "2001:db8::2"] };
        let addresses = addresses.map(|it| it.parse::<IpAddr>().expect("an address"));
        let mut world = Self {
            now: Instant::from_millis(1),
            stacks: addresses.map(|it| stack(it, count, tcp)),
            wires: [Wire::new(quality, 1), Wire::new(quality, 2)],
            batch: PacketBatch::new(64, usize::from(MTU)),
            connections: Vec::new(),
        };
        let server = SocketAddr::new(addresses[1], 80);
        let listener = world.stacks[1].listen(server, count).expect("free");
        while world.connections.len() < count {
            let near = world.stacks[0].connect(world.now, server).expect("a free port");
            let far = loop {
                world.step();
                if let Some(far) = world.stacks[1].accept(listener) {
                    break far;
                }
            };
            world.connections.push([near, far]);
        }
        world
    }

    /// Sends all that is due, then goes to the next thing that happens.
    fn step(&mut self) {
        let Self { now, stacks, wires, batch, .. } = self;
        for (stack, wire) in stacks.iter_mut().zip(wires.iter_mut()) {
            while stack.poll_transmit(*now, batch) {
                wire.send(*now, batch);
                batch.clear();
            }
        }
        let timeouts = stacks.iter().filter_map(Stack::poll_timeout);
        let arrivals = wires.iter().filter_map(Wire::next);
        let next = timeouts.chain(arrivals).min().expect("something is under way");
        *now = next.max(*now);
        let [client, server] = stacks;
        let [up, down] = wires;
        up.deliver(*now, |packet| server.handle_packet(*now, packet));
        down.deliver(*now, |packet| client.handle_packet(*now, packet));
        for stack in stacks {
            stack.handle_timeout(*now);
            while stack.poll_event().is_some() {}
        }
    }

    /// Steps until both stacks together have received so many segments more.
    fn run(&mut self, segments: u64, mut applications: impl FnMut(&mut Self)) {
        let end = self.segments() + segments;
        while self.segments() < end {
            applications(self);
            self.step();
        }
    }

    fn segments(&self) -> u64 {
        self.stacks.iter().map(|stack| stack.stats().in_segs).sum()
    }

    fn write(&mut self, connection: usize, end: usize, bytes: &[u8]) -> usize {
        let id = self.connections[connection][end];
        self.stacks[end].write(self.now, id, bytes).expect("open")
    }

    /// Reads all there is, and says how much.
    fn read(&mut self, connection: usize, end: usize) -> usize {
        let id = self.connections[connection][end];
        let mut buffer = [0; 4_000];
        let mut total = 0;
        while let Read::Bytes(count) =
            self.stacks[end].read(self.now, id, &mut buffer).expect("open")
        {
            total += count;
        }
        total
    }
}

fn stack(address: IpAddr, connections_max: usize, tcp: tcp::Config) -> Stack {
    let config = Config {
        addresses: vec![address],
        mtu: MTU,
        port_range: 32_768..=60_999,
        connections_max,
        time_wait_max: 10,
        tcp,
    };
    Stack::new(config, Secrets::from_bytes(&[7; Secrets::LEN]))
}

/// One way, as fast as it goes.
fn bulk(world: &mut World) {
    while world.write(0, 0, &CHUNK) > 0 {}
    world.read(0, 1);
}

/// Requests and responses, on one connection after the other.
#[derive(Default)]
struct Exchanges {
    done: usize,
    asked: bool,
    heard: usize,
    answered: usize,
}

impl Exchanges {
    fn go_on(&mut self, world: &mut World) {
        let connection = self.done % world.connections.len();
        if !self.asked {
            assert_eq!(world.write(connection, 0, &CHUNK[..REQUEST]), REQUEST);
            self.asked = true;
        }
        self.heard += world.read(connection, 1);
        if self.heard == REQUEST {
            assert_eq!(world.write(connection, 1, &CHUNK[..RESPONSE]), RESPONSE);
            self.heard = 0;
        }
        self.answered += world.read(connection, 0);
        if self.answered == RESPONSE {
            *self = Self { done: self.done + 1, ..Self::default() };
        }
    }
}

/// Runs `applications` to warm up, then again, and holds that the second time allocates nothing.
fn assert_steady(
    name: &str,
    world: &mut World,
    (warm_up, measured): (u64, u64),
    mut applications: impl FnMut(&mut World),
) {
    world.run(warm_up, &mut applications);
    let resent = |world: &World| world.stacks[0].stats().retrans_segs;
    let (segments, resent_before, before) = (world.segments(), resent(world), calls());
    world.run(measured, &mut applications);
    let after = calls();
    let segments = world.segments() - segments;
    let resent = resent(world) - resent_before;
    let calls = Calls {
        allocations: after.allocations - before.allocations,
        frees: after.frees - before.frees,
    };
    println!(
        "{name}: {segments} segments ({resent} sent again), {} allocations, {} frees",
        calls.allocations, calls.frees
    );
    assert_eq!(calls, Calls::default(), "{name}: {segments} segments");
}

fn family(ipv4: bool) -> &'static str {
    if ipv4 { "IPv4" } else { "IPv6" }
}

#[test]
fn the_allocator_is_counted() {
    let before = calls();
    drop(std::hint::black_box(vec![1u8; 100]));
    let after = calls();
    let made = (after.allocations - before.allocations, after.frees - before.frees);
    assert_eq!(made, (1, 1));
}

#[test]
fn bulk_transfer_allocates_nothing() {
    for ipv4 in [true, false] {
        let mut world = World::new(ipv4, GOOD, 1);
        let name = format!("bulk, {}", family(ipv4));
        assert_steady(&name, &mut world, (20_000, 50_000), bulk);
    }
}

#[test]
fn requests_and_responses_allocate_nothing() {
    for ipv4 in [true, false] {
        let mut world = World::new(ipv4, GOOD, 1);
        let mut exchanges = Exchanges::default();
        let name = format!("request and response, {}", family(ipv4));
        assert_steady(&name, &mut world, (1_000, 20_000), |world| exchanges.go_on(world));
        assert!(exchanges.done > 1_000, "{} exchanges", exchanges.done);
    }
}

#[test]
fn bulk_with_loss_and_reordering_allocates_nothing() {
    // A window that is used up now and then also at such a loss: the most that is ever out or early
    // has been seen when the counting begins.
    let tcp = tcp::Config { receive_buffer: 32 << 10, ..tcp::Config::default() };
    for ipv4 in [true, false] {
        let mut world = World::with_config(ipv4, BAD, 1, tcp);
        let name = format!("bulk with loss and reordering, {}", family(ipv4));
        assert_steady(&name, &mut world, (50_000, 50_000), bulk);
        let [client, server] = world.stacks.each_ref().map(Stack::stats);
        assert!(client.retrans_segs > 500 && client.sack_recovery > 100, "{client:?}");
        assert!(server.ofo_queue > 1_000, "{server:?}");
    }
}

#[test]
fn connections_that_take_turns_allocate_nothing() {
    for ipv4 in [true, false] {
        let mut world = World::new(ipv4, GOOD, 1_000);
        let mut exchanges = Exchanges::default();
        let name = format!("1000 connections in turn, {}", family(ipv4));
        assert_steady(&name, &mut world, (30_000, 60_000), |world| exchanges.go_on(world));
        assert!(exchanges.done > 5_000, "each has had several turns: {}", exchanges.done);
    }
}
