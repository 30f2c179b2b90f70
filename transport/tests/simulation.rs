//! Two stacks over a bad network, from a seed: no byte is lost, doubled or reordered, every
//! connection ends, and nothing is left (TCP.md, section 2).
//!
//! A failure names its seed; `WHARF_SEED=n cargo nextest run --test simulation` runs that one
//! alone, `WHARF_SEED=n-m` so many more.

mod support;

use std::net::SocketAddr;

use support::notation::IcmpKind;
use support::peer::icmp_packet;
use wharf_transport::PacketBatch;
use wharf_transport::device::simulated::prng::Prng;
use wharf_transport::device::simulated::{Chance, Faults, Link, RateLimit};
use wharf_transport::stack::{Config, ConnectionId, ListenerId, Secrets, Stack};
use wharf_transport::tcp::{self, CloseReason, Event, Read, State};
use wharf_transport::time::{Duration, Instant};

/// Seeds of one run.
const SEEDS: u64 = 200;

/// No run lasts longer on its own clock: progress or abort within bounded time.
const TIME_MAX: Duration = Duration::from_secs(3_600);

/// No run takes more steps than this: a bound on work, whatever the clock says.
const STEPS_MAX: usize = 400_000;

/// FNV-1a, as it goes: what both ends compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct StreamHash {
    hash: u64,
    bytes: usize,
}

impl StreamHash {
    const EMPTY: Self = Self { hash: 0xcbf2_9ce4_8422_2325, bytes: 0 };

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.bytes += bytes.len();
    }
}

/// One end of a connection: what it writes and has read.
struct End {
    id: Option<ConnectionId>,
    /// Bytes to write in all.
    total: usize,
    written: StreamHash,
    read: StreamHash,
    finished: bool,
    eof: bool,
    closed: Option<CloseReason>,
    prng: Prng,
    /// Written, but not taken yet.
    rest: Vec<u8>,
}

impl End {
    fn new(total: usize, seed: u64) -> Self {
        Self {
            id: None,
            total,
            written: StreamHash::EMPTY,
            read: StreamHash::EMPTY,
            finished: false,
            eof: false,
            closed: None,
            prng: Prng::new(seed),
            rest: Vec::new(),
        }
    }

    /// Writes and reads what the stack takes and gives, in pieces of random length.
    fn drive(&mut self, now: Instant, stack: &mut Stack) {
        let Some(id) = self.id.filter(|_| self.closed.is_none()) else { return };
        self.write(now, stack, id);
        let mut buffer = [0; 3_000];
        loop {
            let most = 1 + self.below(buffer.len() - 1);
            match stack.read(now, id, &mut buffer[..most]) {
                Ok(Read::Bytes(count)) => self.read.add(&buffer[..count]),
                Ok(Read::Eof) => {
                    self.eof = true;
                    return;
                }
                Ok(Read::Empty) | Err(_) => return,
            }
        }
    }

    fn write(&mut self, now: Instant, stack: &mut Stack, id: ConnectionId) {
        while !self.finished {
            if self.rest.is_empty() {
                let left = self.total - self.written.bytes;
                if left == 0 {
                    self.finished = stack.finish(now, id).is_ok();
                    return;
                }
                let count = left.min(1 + self.below(5_000));
                self.rest = (0..count).map(|_| self.byte()).collect();
            }
            match stack.write(now, id, &self.rest) {
                Ok(0) | Err(_) => return,
                Ok(taken) => {
                    self.written.add(&self.rest[..taken]);
                    self.rest.drain(..taken);
                }
            }
        }
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.prng.below(256)).expect("below 256")
    }

    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("small");
        usize::try_from(self.prng.below(end)).expect("below a usize")
    }
}

/// Two stacks, the two directions between them, and one connection.
struct World {
    seed: u64,
    now: Instant,
    /// What the stacks' clock counts in: they are told the last tick.
    tick: Duration,
    stacks: [Stack; 2],
    /// From the client to the server, and back.
    links: [Link; 2],
    listener: ListenerId,
    /// Client and server.
    ends: [End; 2],
    batch: PacketBatch,
    /// Whether routers say that a packet was too long for the link.
    routers_answer: bool,
}

/// The network of a seed: anything from perfect to very bad.
fn faults(prng: &mut Prng) -> Faults {
    let percent = |prng: &mut Prng, most: u64| {
        let on = prng.below(2) == 0;
        let chance = u32::try_from(prng.below(most * 10_000)).expect("small");
        if on { Chance::per_million(chance) } else { Chance::NEVER }
    };
    let rate = match prng.below(4) {
        0 => Some(RateLimit::Queue { bytes_per_second: 1_000_000, queue_bytes: 20_000 }),
        1 => Some(RateLimit::Policer { bytes_per_second: 1_000_000, burst_bytes: 20_000 }),
        _ => None,
    };
    Faults {
        loss: percent(prng, 15),
        delay: Duration::from_micros(10 + prng.below(100_000)),
        jitter: Duration::from_micros(prng.below(5_000)),
        reorder: percent(prng, 10),
        reorder_by: Duration::from_micros(1 + prng.below(20_000)),
        duplicate: percent(prng, 5),
        corrupt: percent(prng, 3),
        rate,
        ..Faults::default()
    }
}

fn tcp_config(prng: &mut Prng) -> tcp::Config {
    let flag = |prng: &mut Prng| prng.below(2) == 0;
    let buffer = |prng: &mut Prng| match prng.below(3) {
        0 => 2_000,
        1 => 20_000,
        _ => 256 << 10,
    };
    tcp::Config {
        receive_buffer: buffer(prng),
        send_buffer: buffer(prng),
        window_scale: flag(prng),
        sack: flag(prng),
        timestamps: flag(prng),
        nagle: flag(prng),
        // Longer than a FIN backed off to 60 s may be on its way with its repetitions: a peer
        // that is reset for coming late is no fault of the stream.
        time_wait: Duration::from_secs(600),
        ..tcp::Config::default()
    }
}

impl World {
    fn new(seed: u64) -> Self {
        Self::with(seed, tcp_config)
    }

    fn with(seed: u64, tcp: impl Fn(&mut Prng) -> tcp::Config) -> Self {
        let mut prng = Prng::new(seed);
        let ipv4 = prng.below(2) == 0;
        let (near, far) =
            if ipv4 { ("192.0.2.1", "192.0.2.2") } else { ("2001:db8::1", "2001:db8::2") };
        let mut stack = |address: &str, secret: u8| {
            let config = Config {
                addresses: vec![address.parse().expect("an address")],
                mtu: 1_500,
                port_range: 32_768..=60_999,
                connections_max: 10,
                time_wait_max: 10,
                tcp: tcp(&mut prng),
            };
            let mut bytes = [secret; Secrets::LEN];
            bytes[..8].copy_from_slice(&prng.next_u64().to_le_bytes());
            Stack::new(config, Secrets::from_bytes(&bytes))
        };
        let stacks = [stack(near, 1), stack(far, 2)];
        let links = [0, 1].map(|_| Link::new(faults(&mut prng), prng.next_u64()));
        let ends = [0, 1].map(|_| {
            let total = usize::try_from(prng.below(150_000)).expect("small");
            End::new(total, prng.next_u64())
        });
        let remote = SocketAddr::new(far.parse().expect("an address"), 80);
        let now = Instant::from_nanos(1 + prng.below(1 << 44));
        let [client, mut server] = stacks;
        let listener = server.listen(remote, 4).expect("nobody else listens");
        let mut world = Self {
            seed,
            now,
            tick: Duration::from_nanos(1),
            stacks: [client, server],
            links,
            listener,
            ends,
            batch: PacketBatch::new(32, 1_500),
            routers_answer: false,
        };
        world.ends[0].id = world.stacks[0].connect(now, remote).ok();
        world
    }

    /// Runs until nothing is left to happen.
    fn run(&mut self) {
        self.run_under(|_, _| {});
    }

    /// The same, with a network that changes before each step.
    fn run_under(&mut self, mut change: impl FnMut(usize, &mut [Link; 2])) {
        let end = self.now + TIME_MAX;
        for step in 0..STEPS_MAX {
            change(step, &mut self.links);
            self.turn();
            let Some(next) = self.next_time() else { return };
            self.now = self.now.max(next);
            assert!(self.now < end, "seed {}: it never ends", self.seed);
        }
        panic!("seed {}: too many steps", self.seed);
    }

    /// The time that the stacks are told.
    fn clock(&self) -> Instant {
        let tick = u64::try_from(self.tick.as_nanos()).expect("short");
        Instant::from_nanos(self.now.as_nanos() / tick * tick)
    }

    /// When the stacks' clock has come to `due`.
    fn when_clock_shows(&self, due: Instant) -> Instant {
        let tick = u64::try_from(self.tick.as_nanos()).expect("short");
        Instant::from_nanos(due.as_nanos().div_ceil(tick) * tick)
    }

    /// One turn of both sides: packets, timers, events, applications, packets.
    fn turn(&mut self) {
        for side in 0..2 {
            self.receive(side);
            let clock = self.clock();
            self.stacks[side].handle_timeout(clock);
            self.hear(side);
            let accepted = self.stacks[1].accept(self.listener);
            self.ends[1].id = self.ends[1].id.or(accepted);
            self.ends[side].drive(clock, &mut self.stacks[side]);
            self.send(side);
            self.hear(side);
            self.check(side);
        }
    }

    fn receive(&mut self, side: usize) {
        let clock = self.clock();
        while self.links[1 - side].poll_deliver(self.now, &mut self.batch) > 0 {
            for packet in &self.batch {
                self.stacks[side].handle_packet(clock, packet);
            }
            self.batch.clear();
        }
    }

    fn send(&mut self, side: usize) {
        let clock = self.clock();
        let mut answers = Vec::new();
        while self.stacks[side].poll_transmit(clock, &mut self.batch) {
            let mtu = self.links[side].faults().mtu;
            for packet in &self.batch {
                self.links[side].handle_packet(self.now, packet);
                if self.routers_answer && packet.len() > mtu {
                    answers.push(too_big(packet, mtu));
                }
            }
            self.batch.clear();
        }
        for answer in answers {
            self.stacks[side].handle_packet(clock, &answer);
        }
    }

    fn hear(&mut self, side: usize) {
        while let Some((_, event)) = self.stacks[side].poll_event() {
            if let Event::Closed(reason) = event {
                self.ends[side].closed = Some(reason);
                // What came in order before the end can still be read.
                self.drain(side);
            }
        }
    }

    fn drain(&mut self, side: usize) {
        let Some(id) = self.ends[side].id else { return };
        let mut buffer = [0; 4_096];
        while let Ok(Read::Bytes(count)) = self.stacks[side].read(self.now, id, &mut buffer) {
            self.ends[side].read.add(&buffer[..count]);
        }
    }

    /// What holds after every step.
    fn check(&self, side: usize) {
        self.stacks[side].assert_invariants();
        let Some(id) = self.ends[side].id else { return };
        let Ok(info) = self.stacks[side].info(self.now, id) else { return };
        let outstanding = info.unacked > 0 || info.notsent_bytes > 0;
        let armed = self.stacks[side].poll_timeout().is_some();
        assert!(armed || !outstanding, "seed {}: text without a timer", self.seed);
        assert!(
            info.buffers <= 2 * (600 << 10),
            "seed {}: {} bytes in buffers",
            self.seed,
            info.buffers
        );
    }

    fn next_time(&self) -> Option<Instant> {
        let stacks = self.stacks.iter().filter_map(Stack::poll_timeout);
        let stacks = stacks.map(|due| self.when_clock_shows(due));
        stacks.chain(self.links.iter().filter_map(Link::poll_timeout)).min()
    }

    /// Both streams arrived whole, both ends know it, and nothing is left.
    fn assert_delivered(&self) {
        let [client, server] = &self.ends;
        let seed = self.seed;
        for (from, to) in [(client, server), (server, client)] {
            assert_eq!(from.written.bytes, from.total, "seed {seed}: all was written");
            assert_eq!(from.written, to.read, "seed {seed}: the stream came whole");
            assert_eq!(from.closed, Some(CloseReason::Normal), "seed {seed}");
        }
        self.assert_nothing_left();
    }

    fn assert_nothing_left(&self) {
        for stack in &self.stacks {
            for state in State::ALL.into_iter().filter(|state| *state != State::Listen) {
                assert_eq!(stack.connections_in(state), 0, "seed {}: {state}", self.seed);
            }
            assert_eq!(stack.poll_timeout(), None, "seed {}", self.seed);
        }
    }
}

/// The seed asked for, or all.
#[expect(clippy::disallowed_methods, reason = "a test's own switch, read at one place")]
fn seeds() -> Vec<u64> {
    let Ok(wanted) = std::env::var("WHARF_SEED") else { return (1..=SEEDS).collect() };
    let (first, last) = wanted.split_once('-').unwrap_or((&wanted, &wanted));
    let number = |text: &str| text.parse::<u64>().expect("WHARF_SEED=n or n-m");
    (number(first)..=number(last)).collect()
}

#[test]
fn streams_arrive_whole_over_bad_networks() {
    let seeds = seeds();
    let (mut lost, mut resent) = (0, 0);
    for seed in &seeds {
        let result = std::panic::catch_unwind(|| {
            let mut world = World::new(*seed);
            world.run();
            world.assert_delivered();
            world
        });
        let Ok(world) = result else { panic!("seed {seed}") };
        lost += world.links.iter().map(|link| link.stats().lost).sum::<u64>();
        resent += world.stacks.iter().map(|stack| stack.stats().retrans_segs).sum::<u64>();
    }
    let all = seeds.len() > 1;
    assert!(!all || (lost > 1_000 && resent > lost), "{lost} lost, {resent} sent again");
}

/// What a router says to whoever has sent `packet`.
fn too_big(packet: &[u8], mtu: usize) -> Vec<u8> {
    let sender = wharf_transport::wire::ip::parse(packet).expect("a packet of ours").source;
    let router = if sender.is_ipv4() { "192.0.2.254" } else { "2001:db8::fe" };
    let mtu = u32::try_from(mtu).expect("an MTU");
    let quote = &packet[..packet.len().min(60)];
    icmp_packet(router.parse().expect("an address"), sender, IcmpKind::TooBigMtu(mtu), quote)
}

#[test] // TCP.md, section 4: MTU change; with routers that say so, and with black holes
fn streams_arrive_whole_over_paths_whose_mtu_changes() {
    let (mut oversized, mut lowered, mut black_holes) = (0, 0, 0);
    for (seed, routers_answer) in (1..=60).flat_map(|seed| [(seed, true), (seed, false)]) {
        let mut world = World::new(seed);
        world.routers_answer = routers_answer;
        let is_ipv4 = world.stacks[0].config().addresses[0].is_ipv4();
        let least = if is_ipv4 { 576 } else { 1_280 };
        let mut prng = Prng::new(seed);
        world.run_under(|step, links| {
            if step % 40 == 0 && step < 2_000 {
                for link in links {
                    let mtu = 1_500 - prng.below(1_501 - least);
                    let mtu = usize::try_from(mtu).expect("small");
                    link.set_faults(Faults { mtu, ..*link.faults() });
                }
            }
        });
        world.assert_delivered();
        oversized += world.links.iter().map(|link| link.stats().oversized).sum::<u64>();
        for stats in world.stacks.iter().map(Stack::stats) {
            lowered += stats.pmtu_lowered;
            black_holes += stats.pmtu_black_holes;
        }
    }
    let counts = [oversized, lowered, black_holes];
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[test]
fn a_seed_replays_to_the_packet() {
    let run = |seed| {
        let mut world = World::new(seed);
        world.run();
        (*world.stacks[0].stats(), *world.stacks[1].stats(), *world.links[0].stats(), world.now)
    };
    for seed in [3, 17, 40] {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}

/// A world with one network both ways, and `bytes` from client to server.
fn transfer(faults: Faults, bytes: usize) -> World {
    let mut world = World::with(1, |_| tcp::Config::default());
    for link in &mut world.links {
        link.set_faults(faults);
    }
    world.ends[0].total = bytes;
    world.ends[1].total = 0;
    world
}

#[test] // TCP.md, section 3
fn flows_do_not_stop_at_10_us_rtt() {
    let faults = Faults { delay: Duration::from_micros(5), ..Faults::default() };
    let mut world = transfer(faults, 1 << 20);
    let start = world.now;
    while world.ends[1].read.bytes < 1 << 20 {
        world.turn();
        world.now = world.next_time().expect("something is under way").max(world.now);
    }
    let took = world.now.since(start);
    assert!(took < Duration::from_secs(1), "a mebibyte took {took:?}");
}

#[test] // TCP.md, section 3
fn a_policer_does_not_bring_a_flow_to_a_halt() {
    let policer = RateLimit::Policer { bytes_per_second: 1_000_000, burst_bytes: 15_000 };
    let delay = Duration::from_millis(10);
    let faults = Faults { delay, rate: Some(policer), ..Faults::default() };
    let mut world = transfer(faults, 1 << 20);
    let start = world.now;
    while world.ends[1].read.bytes < 1 << 20 {
        world.turn();
        world.now = world.next_time().expect("something is under way").max(world.now);
    }
    let took = world.now.since(start);
    assert!(took < Duration::from_secs(5), "a mebibyte at 1 MB/s took {took:?}");
}

#[test]
fn a_network_that_breaks_ends_every_connection() {
    for seed in 1..=20 {
        let mut world = World::new(seed);
        for _ in 0..200 {
            world.turn();
            let Some(next) = world.next_time() else { break };
            world.now = world.now.max(next);
        }
        let was_done = world.ends.iter().all(|end| end.closed.is_some());
        for link in &mut world.links {
            link.set_faults(Faults { loss: Chance::ALWAYS, ..Faults::default() });
        }
        let break_at = world.now;
        for end in &mut world.ends {
            end.total = end.written.bytes + end.rest.len();
        }
        // Each side has something to say, or is let go by its owner: no timer, no notice.
        for side in 0..2 {
            if let Some(id) = world.ends[side].id {
                let _ = world.stacks[side].write(world.now, id, b"anybody there?");
                let _ = world.stacks[side].close(world.now, id);
            }
        }
        world.run();
        assert!(was_done || world.now > break_at, "seed {seed}: time has passed");
        world.assert_nothing_left();
    }
}

/// What a transfer of `bytes` took: time, timeouts, and segments sent again.
fn cost(faults: Faults, bytes: usize) -> (Duration, u64, u64) {
    let mut world = transfer(faults, bytes);
    let start = world.now;
    while world.ends[1].read.bytes < bytes {
        world.turn();
        world.now = world.next_time().expect("something is under way").max(world.now);
    }
    assert_eq!(world.ends[0].written, world.ends[1].read, "the stream came whole");
    let stats = world.stacks[0].stats();
    (world.now.since(start), stats.timeouts, stats.retrans_segs)
}

/// Bytes of the transfer below: few in every run, 64 MiB by hand.
#[expect(clippy::disallowed_methods, reason = "a test's own switch, read at one place")]
fn transfer_bytes() -> usize {
    std::env::var("WHARF_BYTES").ok().and_then(|bytes| bytes.parse().ok()).unwrap_or(4 << 20)
}

#[test]
fn two_percent_of_loss_both_ways_are_mended_without_timeouts() {
    let delay = Duration::from_millis(10);
    let faults = Faults { delay, loss: Chance::percent(2), ..Faults::default() };
    let bytes = transfer_bytes();
    let (took, timeouts, resent) = cost(faults, bytes);
    println!("{bytes} bytes took {took:?}, {timeouts} timeouts, {resent} segments sent again");
    let mebibytes = u64::try_from(bytes >> 20).expect("small");
    // Of 64 MiB 2 timeouts are left, of 256 MiB 12: a probe is lost too, or its acknowledgement.
    assert!(timeouts <= mebibytes.div_ceil(8), "{timeouts} timeouts");
}

#[test] // RFC 4821, section 7.7
fn a_path_that_loses_every_fifth_segment_is_no_black_hole() {
    let delay = Duration::from_millis(10);
    let faults = Faults { delay, loss: Chance::percent(20), ..Faults::default() };
    let mut world = transfer(faults, 2 << 20);
    while world.ends[1].read.bytes < 2 << 20 {
        world.turn();
        world.now = world.next_time().expect("something is under way").max(world.now);
    }
    let stats = world.stacks[0].stats();
    assert!(stats.timeouts > 50, "{} timeouts", stats.timeouts);
    assert_eq!(stats.pmtu_black_holes, 0);
}

#[test] // RFC 4821, section 7.7
fn a_path_that_becomes_a_black_hole_is_found_out_within_seconds() {
    for (timestamps, most) in [(true, 3), (false, 4)] {
        let config = tcp::Config { timestamps, ..tcp::Config::default() };
        let mut world = World::with(1, |_| config);
        let faults = Faults { delay: Duration::from_millis(10), ..Faults::default() };
        (world.ends[0].total, world.ends[1].total) = (8 << 20, 0);
        world.links.iter_mut().for_each(|link| link.set_faults(faults));
        let mut changed_at = None;
        while world.stacks[0].stats().pmtu_black_holes == 0 {
            if changed_at.is_none() && world.ends[1].read.bytes > 1 << 20 {
                world.links[0].set_faults(Faults { mtu: 1_400, ..faults });
                changed_at = Some(world.now);
            }
            world.turn();
            world.now = world.next_time().expect("something is under way").max(world.now);
        }
        let took = world.now.since(changed_at.expect("it was none before"));
        println!("timestamps {timestamps}: {took:?}");
        assert!(took < Duration::from_secs(most), "timestamps {timestamps}: {took:?}");
        world.run();
        world.assert_delivered();
        assert_eq!(world.stacks[0].stats().pmtu_black_holes, 1);
    }
}

/// Segments lost and segments sent again, with a clock of 15 ms that the stacks believe to be right
/// within `resolution`.
fn resent_with_a_15_ms_clock(resolution: Duration) -> (u64, u64) {
    let tick = Duration::from_millis(15);
    let bytes = 2 << 20;
    // A round trip far below the tick, and a third of all segments out of order.
    let faults = Faults {
        delay: Duration::from_millis(1),
        loss: Chance::percent(2),
        reorder: Chance::percent(30),
        reorder_by: Duration::from_millis(1),
        ..Faults::default()
    };
    let config = tcp::Config { clock_resolution: resolution, ..tcp::Config::default() };
    let mut world = World::with(1, |_| config);
    world.tick = tick;
    for link in &mut world.links {
        link.set_faults(faults);
    }
    (world.ends[0].total, world.ends[1].total) = (bytes, 0);
    while world.ends[1].read.bytes < bytes {
        world.turn();
        world.now = world.next_time().expect("something is under way").max(world.now);
    }
    (world.links[0].stats().lost, world.stacks[0].stats().retrans_segs)
}

#[test] // TCP.md, section 3
fn rack_with_a_15_ms_clock_marks_everything_lost() {
    let (lost, resent) = resent_with_a_15_ms_clock(Duration::from_millis(15));
    let (_, untold) = resent_with_a_15_ms_clock(Duration::from_micros(1));
    println!("{lost} lost, {resent} sent again, {untold} with a resolution not told");
    assert!(lost > 5 && resent <= 3 * lost, "{lost} lost, {resent} sent again");
    assert!(
        4 * resent <= 3 * untold,
        "{resent} sent again, and {untold} with a resolution not told"
    );
}
