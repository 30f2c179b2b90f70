//! One of two addresses falls silent under steady leases, and comes back; and what is no such thing:
//! plain loss, and one connection that dies alone (POOL.md, rule M and section 6, T6).
//!
//! Every run is a seed, which draws the delay, the pauses and the moment. `WHARF_BLACK_HOLE_SEEDS` is
//! how many there are instead of a few.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::super::Notice;
use super::super::connections::Role;
use super::random::Random;
use super::upstream::{ADDRESSES, PORT};
use super::wire::Faults;
use super::world::{Setting, World, route};

const MS: Duration = Duration::from_millis(1);
const SEC: Duration = Duration::from_secs(1);

/// Who leases all the time.
const CLIENTS: usize = 6;

/// After which a lease on a dead path is over at the latest, and some time for it to be told.
const USER_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs of each kind.
fn seeds() -> u64 {
    let wanted = std::env::var_os("WHARF_BLACK_HOLE_SEEDS");
    let wanted = wanted.map(|seeds| seeds.to_str().and_then(|seeds| seeds.parse().ok()));
    wanted.map_or(2, |seeds| seeds.expect("a number of seeds"))
}

/// What one client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Nothing until then, in milliseconds of the run.
    Pausing(u64),
    /// It has asked for a lease and sent what it has to say.
    Asking,
    /// It has a lease on a connection to this address, since then.
    Leasing(IpAddr, u64),
    /// It has given it back.
    Releasing,
}

#[derive(Debug)]
struct Steady {
    world: World,
    random: Random,
    doing: [Doing; CLIENTS],
    numbers: [u16; CLIENTS],
    /// Milliseconds since the beginning.
    clock: u64,
    /// Leases that were granted: when, and to where.
    granted: Vec<(u64, IpAddr)>,
    /// Leases that ended without an answer: when, and what was said.
    lost: Vec<(u64, String)>,
    answered: u64,
}

fn name(client: usize) -> String {
    format!("c{client}")
}

impl Steady {
    fn new(seed: u64, loss: u64) -> Self {
        let mut random = Random::new(seed);
        let mut setting = Setting { seed, ..Setting::default() };
        setting.delay = Duration::from_micros(200 + random.below(40_000));
        setting.tcp.user_timeout = Some(USER_TIMEOUT);
        let mut twin = route("twin", "tcp://twin.test:80", &ADDRESSES[..2]);
        // New ones are opened now and then, or an address that is back would not be used again.
        twin.settings.max_lifetime = Some(15 * SEC);
        setting.config.routes.push(twin);
        let mut world = World::new(setting);
        for wire in [&mut world.up, &mut world.down] {
            wire.faults = Faults { lost: loss, ..Faults::default() };
        }
        for client in 0..CLIENTS {
            world.connect(&name(client), 1000, 1000);
            world.order(&format!("{} > HELLO", name(client)));
        }
        Self {
            world,
            random,
            doing: [Doing::Pausing(0); CLIENTS],
            numbers: [0; CLIENTS],
            clock: 0,
            granted: Vec::new(),
            lost: Vec::new(),
            answered: 0,
        }
    }

    /// So many milliseconds pass.
    fn pass(&mut self, millis: u64) {
        for _ in 0..millis {
            self.step();
        }
    }

    /// A millisecond passes. Says whether an address was given up in it.
    fn step(&mut self) -> bool {
        self.world.wait(MS);
        self.clock += 1;
        self.answer();
        for client in 0..CLIENTS {
            self.listen(client);
            self.act(client);
        }
        self.world.run();
        let failed = self.world.notices.iter().any(|it| matches!(it, Notice::AddressFailed { .. }));
        self.world.notices.retain(|notice| matches!(notice, Notice::AddressRecovered { .. }));
        failed
    }

    /// The upstreams answer every request.
    fn answer(&mut self) {
        let now = super::super::instant(self.world.now);
        for at in 0..self.world.upstream.accepted.len() {
            let accepted = &mut self.world.upstream.accepted[at];
            accepted.events.clear();
            if !accepted.is_over && accepted.heard.len() >= 4 {
                accepted.heard.drain(..4);
                self.world.upstream.say(now, at, b"pong");
            }
            let accepted = &self.world.upstream.accepted[at];
            if accepted.heard_fin && !accepted.is_over {
                self.world.upstream.finish(now, at);
            }
        }
    }

    fn listen(&mut self, client: usize) {
        let heard = self.world.client(&name(client)).take_heard();
        for line in heard {
            let Some((_, said)) = line.split_once(' ') else { continue };
            match said.split(' ').next().unwrap_or_default() {
                "LEASED" => {
                    let address = self.peer_of(client);
                    self.granted.push((self.clock, address));
                    self.doing[client] = Doing::Leasing(address, self.clock);
                }
                "DATA" => {
                    self.answered += 1;
                    self.release(client, "reusable tx=4 rx=4");
                }
                "RESET" => {
                    self.lost.push((self.clock, said.to_owned()));
                    self.release(client, "discard");
                }
                "RELEASED" | "REFUSED" => {
                    let pause = self.random.below(20);
                    self.doing[client] = Doing::Pausing(self.clock + pause);
                }
                _ => {}
            }
        }
    }

    fn release(&mut self, client: usize, how: &str) {
        let number = self.numbers[client];
        self.world.order(&format!("{} > {number} RELEASE {how}", name(client)));
        self.doing[client] = Doing::Releasing;
    }

    fn act(&mut self, client: usize) {
        if !matches!(self.doing[client], Doing::Pausing(until) if until <= self.clock) {
            return;
        }
        self.numbers[client] = self.numbers[client].checked_add(1).unwrap_or(1);
        let number = self.numbers[client];
        let asks = format!("{number} LEASE route=twin; {number} DATA \"ping\"");
        self.world.order(&format!("{} > {asks}", name(client)));
        self.doing[client] = Doing::Asking;
    }

    /// Where the connection of a client's lease leads. One that has ended already led nowhere.
    fn peer_of(&mut self, client: usize) -> IpAddr {
        let session = self.world.client(&name(client)).session;
        let leased = |role| matches!(role, Role::Leased(of) if of == session);
        let mut links = self.world.shard.connections.iter();
        let link = links.find(|(_, link)| leased(link.role));
        link.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |(_, link)| link.peer.ip())
    }

    /// Packets from and to `address` are lost, or no more.
    fn black_hole(&mut self, address: Option<IpAddr>) {
        let address = address.map(|address| match address {
            IpAddr::V4(address) => address,
            IpAddr::V6(address) => panic!("{address} is no IPv4 address"),
        });
        (self.world.up.black_hole, self.world.down.black_hole) = (address, address);
    }

    /// The longest retransmission timeout of connections to `address`, without back-off.
    fn rto(&self, address: IpAddr) -> Duration {
        let to = SocketAddr::new(address, PORT);
        let links = self.world.shard.connections.iter().filter(|(_, link)| link.peer == to);
        let rto = |connection| {
            let silence = self.world.shard.stack.silence(connection).ok().flatten();
            silence.map(|silence| silence.window).unwrap_or_default()
        };
        links.map(|(connection, _)| rto(connection)).max().unwrap_or_default()
    }

    fn failures(&self) -> (u64, u64) {
        let stats = self.world.shard.pool.stats();
        (stats.addresses_suspected, stats.addresses_failed)
    }

    /// Leases granted to `address` from `from` on.
    fn begun(&self, address: IpAddr, from: u64) -> usize {
        self.granted.iter().filter(|(at, to)| *to == address && *at >= from).count()
    }

    /// Clients that hold a lease on a connection to `address`.
    fn leasing(&self, address: IpAddr) -> usize {
        let to = |doing: &&Doing| matches!(doing, Doing::Leasing(to, _) if *to == address);
        self.doing.iter().filter(to).count()
    }
}

/// One line of the table.
#[derive(Debug)]
struct Outage {
    seed: u64,
    window: Duration,
    detected: Duration,
    /// Leases begun on the dead address before it was given up, and after.
    begun: (usize, usize),
    in_flight: usize,
    verdicts: usize,
    back: Duration,
}

fn outage(seed: u64) -> Outage {
    let mut steady = Steady::new(seed, 0);
    let moment = 3_000 + steady.random.below(2_000);
    steady.pass(moment);
    let dead = ADDRESSES[steady.random.place(2)];
    assert!(steady.begun(dead, 0) > 0, "seed {seed}: both are in use");
    let window = steady.rto(dead);
    let silent_from = steady.clock;
    steady.black_hole(Some(dead));
    while !steady.step() {
        assert!(steady.clock < silent_from + 30_000, "seed {seed}: nobody notices");
    }
    let detected = steady.clock - silent_from;
    let before = steady.begun(dead, silent_from);
    let in_flight = steady.leasing(dead);
    let failed_from = steady.clock + 1;
    let answered = steady.answered;
    // What is in flight there ends with a verdict; all others go on elsewhere.
    steady.pass(u64::try_from(USER_TIMEOUT.as_millis()).expect("seconds") + 5_000);
    let after = steady.begun(dead, failed_from);
    assert!(steady.answered > answered + 100, "seed {seed}: leases go on");
    assert_eq!(steady.leasing(dead), 0, "seed {seed}: no lease hangs");
    let verdicts = steady.lost.len();
    assert_eq!(verdicts, in_flight, "seed {seed}: {:?}", steady.lost);
    for (_, said) in &steady.lost {
        assert!(said.starts_with("RESET connection_timeout unknown"), "seed {seed}: {said}");
    }
    assert_eq!(steady.failures(), (1, 1), "seed {seed}");
    let back_from = steady.clock;
    steady.black_hole(None);
    while steady.begun(dead, back_from) == 0 {
        steady.step();
        assert!(steady.clock < back_from + 90_000, "seed {seed}: never used again");
    }
    let back = Duration::from_millis(steady.clock - back_from);
    assert_eq!(steady.world.notices.len(), 1, "seed {seed}: told once that it is back");
    let detected = Duration::from_millis(detected);
    Outage { seed, window, detected, begun: (before, after), in_flight, verdicts, back }
}

#[test]
fn an_address_that_falls_silent_is_given_up_and_used_again_when_it_is_back() {
    let outages: Vec<Outage> = (0..seeds()).map(outage).collect();
    println!(
        "seed  window    given up after      windows  begun  begun   in flight  verdicts  back in use"
    );
    println!(
        "      (max(RTO, 3 srtt))                     before after                      after"
    );
    let mut ratios = Vec::new();
    for it in &outages {
        let ratio = it.detected.as_secs_f64() / it.window.as_secs_f64();
        println!(
            "{:4}  {:5} ms  {:8} ms  {ratio:14.2}  {:6}  {:5}  {:9}  {:8}  {:8} ms",
            it.seed,
            it.window.as_millis(),
            it.detected.as_millis(),
            it.begun.0,
            it.begun.1,
            it.in_flight,
            it.verdicts,
            it.back.as_millis()
        );
        assert_eq!(it.begun.1, 0, "seed {}: a lease began on what was given up", it.seed);
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    let at = |part: usize| ratios[(ratios.len() - 1) * part / 100];
    println!("windows: median {:.2}, 95 % {:.2}, most {:.2}", at(50), at(95), at(100));
    assert!(at(100) < 6.0, "the path is given up in time");
}

/// Nothing fails by plain loss, in twenty seconds of leases for each seed.
fn endures(loss: u64) {
    let (mut leases, mut suspected) = (0, 0);
    for seed in 0..seeds() {
        let mut steady = Steady::new(1_000 + seed, loss);
        steady.pass(20_000);
        let (doubts, failed) = steady.failures();
        assert_eq!(failed, 0, "seed {seed}: an address fails by plain loss");
        leases += steady.granted.len();
        suspected += doubts;
    }
    println!("{loss} of 1000 lost each way: {leases} leases, suspected {suspected}, failed 0");
}

#[test]
fn no_address_fails_by_plain_loss_of_three_in_a_hundred() {
    endures(30);
}

#[test]
fn no_address_fails_by_plain_loss_of_one_in_ten() {
    endures(100);
}

#[test]
fn a_connection_that_dies_alone_fails_no_address() {
    let (mut doubts, mut timeouts) = (0, 0);
    for seed in 0..seeds() {
        let mut steady = Steady::new(2_000 + seed, 0);
        steady.pass(3_000);
        // One that is in use; others to the same address are too.
        let leased = |steady: &Steady| {
            let mut links = steady.world.shard.connections.iter();
            links.find(|(_, link)| matches!(link.role, Role::Leased(_))).map(|(id, _)| id)
        };
        let victim = loop {
            steady.step();
            if let Some(connection) = leased(&steady) {
                break connection;
            }
        };
        let (local, _) = steady.world.shard.stack.ends(victim).expect("it is leased");
        for wire in [&mut steady.world.up, &mut steady.world.down] {
            wire.lost_port = Some(local.port());
        }
        steady.pass(10_000);
        let expired = steady.world.shard.stack.stats().timeouts;
        assert!(expired > 0, "seed {seed}: its timer expires");
        let (doubted, failed) = steady.failures();
        assert_eq!(failed, 0, "seed {seed}: {expired} timeouts of one connection");
        doubts += doubted;
        timeouts += expired;
    }
    println!("one connection dies alone: {timeouts} timeouts, suspected {doubts}, failed 0");
    // All leases may lead elsewhere for the length of a window; mostly they do not.
    assert!(doubts * 10 <= timeouts, "{doubts} of {timeouts} timeouts made the address suspect");
}

/// A connection that has sent its FIN has nothing more to say that could be answered.
#[test]
fn an_address_whose_only_connection_has_finished_is_not_given_up_unasked() {
    let mut world = World::with(|_| {});
    let orders = [
        "a > HELLO; 1 LEASE route=web; 1 DATA \"ping\"",
        "up is cut",
        "a > 1 FIN",
        // Two timeouts, and twice the time of all questions.
        "wait 2s",
    ];
    for order in orders {
        world.order(order);
        world.run();
    }
    assert!(world.shard.stack.stats().timeouts > 0);
    let stats = world.shard.pool.stats();
    assert!(stats.addresses_suspected > 0);
    assert_eq!(stats.addresses_failed, 0);
}
