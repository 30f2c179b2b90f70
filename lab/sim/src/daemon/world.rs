//! The run itself: one clock, one shard, its clients and upstreams, until everybody is done; then
//! the drain, and nothing may be left.
//!
//! The shard is driven exactly as the reactor drives it: a session is looked at only when the shard
//! asks for it, and its socket read or written only as was watched for then.

use std::net::IpAddr;

use wharf_pool::RouteId;
use wharf_pool::time::Now;
use wharf_transport::PacketBatch;
use wharf_transport::stack::{self, Stack};
use wharf_transport::tcp;
use wharf_transport::time::{Duration, Instant};
use wharf_transport::wire::show;
use wharfd::config::{Access, Config, Route, RouteSettings};
use wharfd::shard::{Event, Shard};

use super::patron::{Customer, ROUTES};
use super::scenario::{Act, Scenario, Settings};
use super::upstream::{ADDRESSES, Servers, secrets};
use crate::coarse::Clock;
use crate::dice::Dice;
use crate::stream::Digest;
use crate::trace::Trace;
use crate::violation::{Kind, Report, Violation, demand};
use crate::way::Way;

/// No run lasts longer on its own clock: clients lose patience after minutes, and the stack gives
/// up within a quarter of an hour; the last FIN and its TIME-WAIT come after that.
const TIME_MAX: Duration = Duration::from_secs(3 * 3_600);

/// No run takes more turns than this: a bound on work, whatever the clock says.
const TURNS_MAX: u64 = 2_000_000;

/// Turns that may pass without time: those of one instant.
const SPINS_MAX: u64 = 2_000;

/// How long the drain at the end may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// Runs a scenario to its end.
///
/// # Errors
///
/// The first promise that was broken.
pub fn run(scenario: &Scenario, trace: &mut Trace) -> Result<Report, Violation> {
    let mut world = World::new(scenario, trace);
    world.run()?;
    world.judge()?;
    Ok(world.report())
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Clients come and go.
    Open,
    /// The daemon was told to end.
    Draining,
    /// It has ended; its last packets leave.
    Over,
}

pub(super) struct World<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) trace: &'a mut Trace,
    pub(super) began: Instant,
    /// True time; hosts see it through their clocks.
    pub(super) now: Instant,
    clocks: [Clock; 2],
    /// How long the host has slept.
    slept: Duration,
    config: Config,
    pub(super) shard: Shard,
    pub(super) servers: Servers,
    pub(super) ways: [Way; 2],
    pub(super) customers: Vec<Option<Customer>>,
    acts_done: Vec<bool>,
    /// Answers of the resolver that are on their way.
    pub(super) lookups: Vec<(Instant, RouteId, Result<Vec<IpAddr>, String>)>,
    pub(super) phase: Phase,
    dice: Dice,
    batch: PacketBatch,
    pub(super) turns: u64,
    spins: u64,
    packets: u64,
    connection_time: Duration,
    fingerprint: Digest,
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, trace: &'a mut Trace) -> Self {
        let mut dice = Dice::new(scenario.seed ^ 0x5eed);
        let config = config(&scenario.settings);
        let stack = Stack::new(stack_config(scenario, &config), secrets(&mut dice));
        let now = Instant::from_nanos(1_000_000_000 + dice.below(1 << 44));
        let servers = Servers::new(scenario.upstreams.clone(), Dice::new(dice.number()));
        Self {
            scenario,
            trace,
            began: now,
            now,
            clocks: scenario.resolutions.map(Clock::of),
            slept: Duration::ZERO,
            shard: Shard::new(&config, stack, dice.number(), dice.number()),
            config,
            servers,
            ways: [0, 1].map(|at: usize| Way::new(now, &scenario.ways[at], dice.number())),
            customers: scenario.patrons.iter().map(|_| None).collect(),
            acts_done: vec![false; scenario.acts.len()],
            lookups: Vec::new(),
            phase: Phase::Open,
            dice,
            batch: PacketBatch::new(64, 1_500),
            turns: 0,
            spins: 0,
            packets: 0,
            connection_time: Duration::ZERO,
            fingerprint: Digest::EMPTY,
        }
    }

    /// What the daemon's clocks show.
    pub(super) fn shown(&self) -> Now {
        let at = self.clocks[0].shows(self.now);
        let monotonic = wharf_pool::time::Instant::from_nanos(at.as_nanos());
        Now { monotonic, boot: monotonic + self.slept }
    }

    fn servers_now(&self) -> Instant {
        self.clocks[1].shows(self.now)
    }

    /// Runs until nothing is left to happen.
    fn run(&mut self) -> Result<(), Violation> {
        loop {
            self.act();
            self.turn()?;
            if self.end_if_done() {
                // Its last words leave in another turn.
                continue;
            }
            let Some(next) = self.next() else {
                if self.phase == Phase::Over && self.servers.serves_any() {
                    // The word that the daemon is gone was lost, and they ask for nothing.
                    self.servers.give_up(self.servers_now());
                    continue;
                }
                return Ok(());
            };
            self.pass(next)?;
        }
    }

    /// Time goes on to `next`.
    fn pass(&mut self, next: Instant) -> Result<(), Violation> {
        self.turns += 1;
        self.spins = if next > self.now { 0 } else { self.spins + 1 };
        let open = self.customers.iter().flatten().filter(|customer| !customer.is_done());
        let open = u32::try_from(open.count()).unwrap_or(u32::MAX);
        self.connection_time += next.since(self.now) * open;
        self.now = self.now.max(next);
        demand(self.spins < SPINS_MAX, Kind::Spins, || "time does not go on".to_owned())?;
        demand(self.turns < TURNS_MAX, Kind::TooLong, || format!("{} turns", self.turns))?;
        let took = self.now.since(self.began);
        demand(took < TIME_MAX, Kind::TooLong, || format!("it goes on after {took:?}"))
    }

    /// What befalls the world now.
    fn act(&mut self) {
        for (at, (after, act)) in self.scenario.acts.iter().enumerate() {
            if self.acts_done[at] || self.began + *after > self.now {
                continue;
            }
            self.acts_done[at] = true;
            self.trace.say(self.now, || format!("=  {act:?}"));
            let now = self.shown();
            match *act {
                Act::Reload(connections) => {
                    for route in &mut self.config.routes {
                        route.settings.max_per_route = connections;
                    }
                    self.shard.handle_reload(now, &self.config);
                }
                Act::Suspend(length) => self.slept += length,
                Act::Restart => self.servers.restart(),
                Act::Drain(within) => {
                    self.phase = Phase::Draining;
                    self.shard.handle_drain(now, within);
                }
            }
        }
    }

    /// One turn of the reactor and one of everybody else, until nobody has anything to say at this
    /// moment.
    fn turn(&mut self) -> Result<(), Violation> {
        for _ in 0..SPINS_MAX {
            let mut moved = self.receive();
            self.take_lookups();
            self.step_customers();
            moved |= self.serve_sessions()?;
            self.shard.handle_timeout(self.shown());
            moved |= self.give_out()?;
            moved |= self.turn_servers()?;
            self.check()?;
            if !moved {
                return Ok(());
            }
        }
        Err(Violation::new(Kind::Spins, "the daemon is never done"))
    }

    fn receive(&mut self) -> bool {
        let now = self.shown();
        let mut any = false;
        while self.ways[1].receive(self.now, &mut self.batch) > 0 {
            any = true;
            for packet in &self.batch {
                self.trace.say(self.now, || format!("d <  {}", show::packet(packet)));
                self.shard.handle_packet(now, packet);
            }
            self.batch.clear();
        }
        any
    }

    fn take_lookups(&mut self) {
        let (now, truly) = (self.shown(), self.now);
        let due: Vec<_> = self.lookups.extract_if(.., |(at, ..)| *at <= truly).collect();
        for (_, route, answer) in due {
            self.shard.handle_resolved(now, route, answer);
        }
    }

    /// What the resolver says to a question.
    fn draw_answer(&mut self) -> Result<Vec<IpAddr>, String> {
        let upstreams = &self.scenario.upstreams;
        if upstreams.dns_fails > 0 && self.dice.one_in(upstreams.dns_fails) {
            return Err("no answer".to_owned());
        }
        if !upstreams.dns_moves {
            return Ok(vec![ADDRESSES[0]]);
        }
        let (first, end) = self.dice.pick(&[(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]);
        Ok(ADDRESSES[first..end].to_vec())
    }

    /// Gives out what the shard has to say: to clients, to the resolver, to the network.
    fn give_out(&mut self) -> Result<bool, Violation> {
        let mut moved = false;
        loop {
            while let Some(event) = self.shard.poll_event() {
                moved = true;
                match event {
                    Event::Session(id) => self.flush_session(id)?,
                    Event::Resolve { route, .. } => {
                        let longest = Duration::from_secs(2);
                        let takes = self.dice.duration(Duration::from_micros(10), longest);
                        let answer = self.draw_answer();
                        self.lookups.push((self.now + takes, route, answer));
                    }
                    Event::Notice(notice) => {
                        self.trace.say(self.now, || format!("d    {notice:?}"));
                    }
                }
            }
            if !self.shard.poll_transmit(self.shown(), &mut self.batch) {
                return Ok(moved);
            }
            moved = true;
            self.carry(0);
        }
    }

    fn turn_servers(&mut self) -> Result<bool, Violation> {
        let now = self.servers_now();
        let mut moved = false;
        while self.ways[0].receive(self.now, &mut self.batch) > 0 {
            moved = true;
            for packet in &self.batch {
                self.trace.say(self.now, || format!("u <  {}", show::packet(packet)));
                self.servers.stack.handle_packet(now, packet);
            }
            self.batch.clear();
        }
        self.servers.stack.handle_timeout(now);
        self.servers.turn(self.now, now)?;
        while self.servers.stack.poll_transmit(now, &mut self.batch) {
            moved = true;
            self.carry(1);
        }
        Ok(moved)
    }

    /// Puts the batch on its way.
    fn carry(&mut self, side: usize) {
        for packet in &self.batch {
            self.packets += 1;
            self.fingerprint.add(packet);
            let before = self.ways[side].undelivered();
            let answer = self.ways[side].send(self.now, packet);
            let is_lost = self.ways[side].undelivered() > before;
            self.trace.say(self.now, || {
                let who = if side == 0 { 'd' } else { 'u' };
                let fate = if is_lost { "  # lost" } else { "" };
                format!("{who}  > {}{fate}", show::packet(packet))
            });
            if let Some(answer) = answer {
                // Too short to be answered in its turn.
                let _none = self.ways[1 - side].send(self.now, &answer);
            }
        }
        self.batch.clear();
    }

    /// Tells the daemon to end once everybody is done, and ends it once it is drained. Whether
    /// anything changed.
    fn end_if_done(&mut self) -> bool {
        let before = self.phase;
        let now = self.shown();
        let is_done = |customer: &Option<Customer>| {
            customer.as_ref().is_some_and(|customer| customer.is_done() && !customer.client.is_open)
        };
        if self.phase == Phase::Open && self.customers.iter().all(is_done) {
            self.phase = Phase::Draining;
            self.acts_done.fill(true);
            self.shard.handle_drain(now, FAREWELL);
        }
        if self.phase == Phase::Draining && self.shard.is_drained(now) {
            self.phase = Phase::Over;
            self.acts_done.fill(true);
            self.lookups.clear();
            self.shard.handle_shutdown(now);
            self.close_all();
        }
        self.phase != before
    }

    fn next(&self) -> Option<Instant> {
        let shard = self.shard.poll_timeout().map(|at| Instant::from_nanos(at.as_nanos()));
        let shard = shard.map(|at| self.clocks[0].reaches(at));
        let servers = self.servers.stack.poll_timeout().map(|at| self.clocks[1].reaches(at));
        let mut next = [shard, servers, self.servers.next()].into_iter().flatten().min();
        let acts = self.scenario.acts.iter().zip(&self.acts_done).filter(|(_, done)| !**done);
        let acts = acts.map(|((after, _), _)| self.began + *after);
        let comers = self.scenario.patrons.iter().zip(&self.customers);
        let comers = comers.filter(|(_, customer)| customer.is_none());
        let comers = comers.map(|(patron, _)| self.began + patron.after);
        let customers = self.customers.iter().flatten().filter_map(Customer::next_moment);
        let lookups = self.lookups.iter().map(|(at, ..)| *at);
        let ways = self.ways.iter().filter_map(Way::next);
        if self.phase != Phase::Over {
            next = next.into_iter().chain(acts).chain(comers).chain(customers).chain(lookups).min();
        }
        next.into_iter().chain(ways).min()
    }

    fn report(&self) -> Report {
        let customers = || self.customers.iter().flatten();
        let snapshot = self.shard.snapshot(self.shown());
        let (near, far) = (&snapshot.tcp, self.servers.stack.stats());
        Report {
            simulated: self.now.since(self.began),
            connection_time: self.connection_time,
            connections: self.servers.accepted,
            leases: customers().map(|customer| customer.granted).sum(),
            packets: self.packets,
            undelivered: self.ways.iter().map(Way::undelivered).sum(),
            oversized: self.ways.iter().map(Way::oversized).sum(),
            black_holes: near.pmtu_black_holes + far.pmtu_black_holes,
            recycled: near.tw_recycled,
            resent: near.retrans_segs + far.retrans_segs,
            bytes: customers().map(|customer| customer.heard_bytes).sum(),
            turns: self.turns,
            fingerprint: self.fingerprint.hash() ^ self.now.as_nanos(),
        }
    }
}

/// The daemon's configuration: a route with one address, one with two of which the first may be
/// closed, and a name.
pub(super) fn config(settings: &Settings) -> Config {
    let route = |name: &str, addresses: &[IpAddr]| Route {
        pattern: format!("tcp://{name}.test:80").parse().expect("a pattern"),
        name: Some(name.to_owned()),
        addresses: addresses.to_vec(),
        access: Access::default(),
        settings: RouteSettings {
            max_per_route: settings.connections,
            max_waiters_per_route: settings.waiters,
            max_uses: settings.uses,
            idle_timeout: Some(settings.idle),
            lease_timeout: settings.lease,
            ..RouteSettings::default()
        },
    };
    let [web, many, named] = ROUTES;
    let routes = vec![route(web, &ADDRESSES[..1]), route(many, &ADDRESSES[1..]), route(named, &[])];
    let mut config = Config { routes, ..Config::default() };
    // Runs last some seconds.
    config.pool.dns_refresh = Duration::from_secs(2);
    config.control.max_leases_per_uid = settings.per_uid;
    let first_port = *config.transport.port_range.start();
    config.transport.port_range = first_port..=first_port.saturating_add(settings.ports - 1);
    config.control.session_buffer = settings.session_buffer;
    config
}

fn stack_config(scenario: &Scenario, config: &Config) -> stack::Config {
    let (settings, [resolution, _]) = (&scenario.settings, scenario.resolutions);
    stack::Config {
        addresses: vec![IpAddr::from([10, 213, 0, 2])],
        mtu: 1_500,
        port_range: config.transport.port_range.clone(),
        connections_max: 4_096,
        time_wait_max: 4_096,
        tcp: tcp::Config {
            send_buffer: settings.buffers,
            receive_buffer: settings.buffers,
            sack: settings.extensions,
            timestamps: settings.extensions,
            congestion: settings.congestion,
            ecn: settings.ecn,
            pacing: settings.pacing,
            clock_resolution: resolution,
            ..tcp::Config::default()
        },
    }
}
