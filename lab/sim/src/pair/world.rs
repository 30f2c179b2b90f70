//! The run itself: one clock, two hosts, two ways, until nothing is left to happen.

use std::net::{IpAddr, SocketAddr};

use wharf_transport::PacketBatch;
use wharf_transport::stack::{Config, ListenerId, Secrets, Stack};
use wharf_transport::tcp::Event;
use wharf_transport::time::{Duration, Instant};
use wharf_transport::wire::show;

use super::end::End;
use super::scenario::{Host, Scenario};
use super::watch::Watch;
use crate::coarse::Clock;
use crate::dice::Dice;
use crate::plant::Plant;
use crate::stream::{Digest, Stream};
use crate::trace::Trace;
use crate::violation::{Kind, Report, Violation, demand};
use crate::way::Way;

/// No run lasts longer on its own clock: progress or abort within bounded time. Retries alone may
/// take a quarter of an hour each way, and TIME-WAIT ten minutes.
const TIME_MAX: Duration = Duration::from_secs(3 * 3_600);

/// No run takes more turns than this: a bound on work, whatever the clock says.
const TURNS_MAX: u64 = 1_000_000;

/// Turns that may pass without time: those of one instant.
const SPINS_MAX: u64 = 1_000;

const PORT: u16 = 80;

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

pub(super) struct World<'a> {
    pub(super) scenario: &'a Scenario,
    trace: &'a mut Trace,
    began: Instant,
    /// True time; hosts see it through their clocks.
    pub(super) now: Instant,
    clocks: [Clock; 2],
    pub(super) stacks: [Stack; 2],
    pub(super) ways: [Way; 2],
    listener: ListenerId,
    remote: SocketAddr,
    pub(super) talks: Vec<[End; 2]>,
    /// Ports of the talks that were opened, in their order.
    ports: Vec<Option<u16>>,
    watch: Watch,
    batch: PacketBatch,
    turns: u64,
    /// Turns since time last went on.
    spins: u64,
    /// The planted fault has struck: the first host hears of no timer any more.
    has_forgotten: bool,
    packets: u64,
    connection_time: Duration,
    fingerprint: Digest,
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, trace: &'a mut Trace) -> Self {
        let mut dice = Dice::new(scenario.seed ^ 0x5eed);
        let addresses: [IpAddr; 2] = if scenario.ipv6 {
            [[0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], [0x2001, 0xdb8, 0, 0, 0, 0, 0, 2]].map(IpAddr::from)
        } else {
            [[192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from)
        };
        let remote = SocketAddr::new(addresses[1], PORT);
        let [near, far] =
            [0, 1].map(|at: usize| stack(&scenario.hosts[at], addresses[at], &mut dice));
        let mut stacks = [near, far];
        let listener = stacks[1].listen(remote, 16).expect("nobody else listens");
        let now = Instant::from_nanos(1 + dice.below(1 << 44));
        let talks = scenario.talks.iter().map(|talk| {
            let streams = [0, 1].map(|_| Stream::new(dice.number()));
            let flips = scenario.plant == Plant::FlipByte;
            [
                End::new(talk.ends[0], streams[0], streams[1], flips),
                End::new(talk.ends[1], streams[1], streams[0], false),
            ]
        });
        let talks: Vec<_> = talks.collect();
        Self {
            scenario,
            trace,
            began: now,
            now,
            clocks: [0, 1].map(|at: usize| Clock::of(scenario.hosts[at].resolution)),
            stacks,
            ways: [0, 1].map(|at: usize| Way::new(now, &scenario.ways[at], dice.number())),
            listener,
            remote,
            ports: vec![None; talks.len()],
            talks,
            watch: Watch::default(),
            batch: PacketBatch::new(64, 9_000),
            turns: 0,
            spins: 0,
            has_forgotten: false,
            packets: 0,
            connection_time: Duration::ZERO,
            fingerprint: Digest::EMPTY,
        }
    }

    /// Runs until nothing is left to happen.
    fn run(&mut self) -> Result<(), Violation> {
        loop {
            self.open_due();
            for side in 0..2 {
                self.turn(side)?;
            }
            let Some(next) = self.next() else {
                if self.let_the_deserted_go()? {
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
        let open = self
            .talks
            .iter()
            .filter(|ends| ends[0].id.is_some() && ends.iter().any(|end| end.outcome.is_none()));
        let open = u32::try_from(open.count()).unwrap_or(u32::MAX);
        self.connection_time += next.since(self.now) * open;
        self.now = self.now.max(next);
        demand(self.spins < SPINS_MAX, Kind::Spins, || "time does not go on".to_owned())?;
        demand(self.turns < TURNS_MAX, Kind::TooLong, || format!("{} turns", self.turns))?;
        let took = self.now.since(self.began);
        demand(took < TIME_MAX, Kind::TooLong, || format!("it goes on after {took:?}"))
    }

    pub(super) fn shown(&self, side: usize) -> Instant {
        self.clocks[side].shows(self.now)
    }

    /// Opens the connections whose time has come.
    fn open_due(&mut self) {
        let now = self.shown(0);
        for (at, talk) in self.scenario.talks.iter().enumerate() {
            if self.ports[at].is_some() || self.began + talk.after > self.now {
                continue;
            }
            let id = self.stacks[0].connect(now, self.remote).expect("a port is free");
            let (local, _) = self.stacks[0].ends(id).expect("just opened");
            self.ports[at] = Some(local.port());
            let [near, far] = &mut self.talks[at];
            near.id = Some(id);
            self.watch.open(local.port(), [far.peers(), near.peers()]);
        }
    }

    /// One turn of one host, until it has nothing more to say at this moment.
    fn turn(&mut self, side: usize) -> Result<(), Violation> {
        self.receive(side);
        self.let_time_pass(side);
        for _ in 0..SPINS_MAX {
            let heard = self.hear(side)?;
            self.accept();
            let (truly, now) = (self.now, self.shown(side));
            for ends in &mut self.talks {
                ends[side].drive(truly, now, &mut self.stacks[side])?;
            }
            let told = self.hear(side)?;
            let sent = self.send(side)?;
            if !heard && !told && !sent {
                return self.check(side);
            }
        }
        Err(Violation::new(Kind::Spins, format!("host {side} is never done")))
    }

    fn receive(&mut self, side: usize) {
        let now = self.shown(side);
        while self.ways[1 - side].receive(self.now, &mut self.batch) > 0 {
            for packet in &self.batch {
                self.trace.say(self.now, || format!("{side} <  {}", show::packet(packet)));
                self.stacks[side].handle_packet(now, packet);
            }
            self.batch.clear();
        }
    }

    fn let_time_pass(&mut self, side: usize) {
        let now = self.shown(side);
        if side == 0 && self.scenario.plant == Plant::ForgetTimer {
            self.has_forgotten |= self.is_retransmission_due();
        }
        if !self.forgets(side) {
            self.stacks[side].handle_timeout(now);
        }
    }

    /// Whether a timer of the first host is due while something of it is unacknowledged.
    fn is_retransmission_due(&self) -> bool {
        let (now, stack) = (self.shown(0), &self.stacks[0]);
        let mut ends = self.talks.iter().filter(|[near, _]| near.established);
        stack.poll_timeout().is_some_and(|due| due <= now)
            && ends.any(|[near, _]| {
                let info = near.id.and_then(|id| stack.info(now, id).ok());
                info.is_some_and(|info| info.unacked > 0)
            })
    }

    fn forgets(&self, side: usize) -> bool {
        side == 0 && self.has_forgotten
    }

    fn send(&mut self, side: usize) -> Result<bool, Violation> {
        let now = self.shown(side);
        let mut sent = false;
        while self.stacks[side].poll_transmit(now, &mut self.batch) {
            sent = true;
            for packet in &self.batch {
                self.packets += 1;
                self.fingerprint.add(packet);
                let seen = self.watch.see(side, packet, self.scenario.hosts[side].mtu);
                let before = self.ways[side].undelivered();
                let is_dropped = side == 0
                    && self.scenario.plant == Plant::DropRetransmissions
                    && seen.as_ref().is_ok_and(|seen| seen.is_repeat);
                let answer = if is_dropped { None } else { self.ways[side].send(self.now, packet) };
                let is_lost = self.ways[side].undelivered() > before;
                self.trace.say(self.now, || {
                    let fate = if is_lost { "  # lost" } else { "" };
                    format!("{side}  > {}{fate}", show::packet(packet))
                });
                if let Some(answer) = answer {
                    // Too short to be answered in its turn.
                    let _none = self.ways[1 - side].send(self.now, &answer);
                }
                seen?;
            }
            self.batch.clear();
        }
        Ok(sent)
    }

    fn hear(&mut self, side: usize) -> Result<bool, Violation> {
        let (truly, now) = (self.now, self.shown(side));
        let mut heard = false;
        while let Some((id, event)) = self.stacks[side].poll_event() {
            heard = true;
            let end = self.talks.iter_mut().map(|ends| &mut ends[side]);
            let Some(end) = end.into_iter().find(|end| end.id == Some(id)) else { continue };
            match event {
                Event::Established => end.established = true,
                Event::Closed(reason) => {
                    self.trace.say(truly, || format!("{side} =  closed: {reason}"));
                    end.closed(truly, now, &mut self.stacks[side], reason)?;
                }
                Event::Readable
                | Event::Writable
                | Event::Acknowledged
                | Event::Answered
                | Event::PeerClosed
                | Event::Gap
                | Event::ForeignText
                | Event::Overdue => {}
            }
        }
        Ok(heard)
    }

    fn accept(&mut self) {
        while let Some(id) = self.stacks[1].accept(self.listener) {
            let (_, remote) = self.stacks[1].ends(id).expect("just accepted");
            let at = self.ports.iter().position(|port| *port == Some(remote.port()));
            self.talks[at.expect("only the first host connects")][1].id = Some(id);
        }
    }

    /// What holds after every turn.
    fn check(&self, side: usize) -> Result<(), Violation> {
        let stack = &self.stacks[side];
        stack.assert_invariants();
        let tcp = &self.scenario.hosts[side].tcp;
        for end in self.talks.iter().map(|ends| &ends[side]) {
            let Some(info) = end.id.and_then(|id| stack.info(self.shown(side), id).ok()) else {
                continue;
            };
            let most = 2 * (tcp.send_buffer + tcp.receive_buffer) + 16_384;
            demand(info.buffers <= most, Kind::Limit, || {
                format!("host {side}: {} bytes in buffers, {most} at most", info.buffers)
            })?;
            let outstanding = info.unacked > 0 || info.notsent_bytes > 0;
            demand(!outstanding || stack.poll_timeout().is_some(), Kind::Stalled, || {
                format!("host {side}: text without a timer")
            })?;
        }
        Ok(())
    }

    fn next(&self) -> Option<Instant> {
        let timers = [0, 1]
            .into_iter()
            .filter(|side| !self.forgets(*side))
            .filter_map(|side| Some(self.clocks[side].reaches(self.stacks[side].poll_timeout()?)));
        let ends = self.talks.iter().flatten().filter_map(End::next);
        let openings = self.scenario.talks.iter().zip(&self.ports);
        let openings = openings.filter(|(_, port)| port.is_none());
        let openings = openings.map(|(talk, _)| self.began + talk.after);
        timers.chain(self.ways.iter().filter_map(Way::next)).chain(ends).chain(openings).min()
    }

    /// What the run comes to.
    fn report(&self) -> Report {
        let undelivered = self.ways.iter().map(Way::undelivered).sum();
        let stats = || self.stacks.iter().map(Stack::stats);
        let read = |end: &End| end.reading.digest().bytes();
        Report {
            simulated: self.now.since(self.began),
            connection_time: self.connection_time,
            connections: self.talks.len() as u64,
            leases: 0,
            packets: self.packets,
            undelivered,
            oversized: self.ways.iter().map(Way::oversized).sum(),
            black_holes: stats().map(|stats| stats.pmtu_black_holes).sum(),
            recycled: stats().map(|stats| stats.tw_recycled).sum(),
            resent: stats().map(|stats| stats.retrans_segs).sum(),
            bytes: self.talks.iter().flatten().map(read).sum(),
            turns: self.turns,
            fingerprint: self.fingerprint.hash() ^ self.now.as_nanos(),
        }
    }
}

fn stack(host: &Host, address: IpAddr, dice: &mut Dice) -> Stack {
    let config = Config {
        addresses: vec![address],
        mtu: host.mtu,
        port_range: 32_768..=60_999,
        connections_max: 32,
        time_wait_max: 32,
        tcp: host.tcp,
    };
    let mut bytes = [0; Secrets::LEN];
    bytes.fill_with(|| dice.number().to_le_bytes()[0]);
    let mut stack = Stack::new(config, Secrets::from_bytes(&bytes));
    stack.set_rest_after(host.rest_after);
    stack
}
