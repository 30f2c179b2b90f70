//! Desync (POOL.md, section 6, T5): servers that say what nobody asked for, 0 to 3 round trips behind
//! an answer, on connections that all users share.
//!
//! The network writes down which bytes left when, and what of the daemon had been received by then.
//! So of each byte that a lease should not have heard it is known whether it was first sent before
//! the server had received that lease's request:
//!
//! - *before*, and never again after it: nobody may hear it, ever;
//! - *again*: it was lost, and what was heard is a repetition that knew the request. No number tells
//!   that from an answer. But what was sent before a connection was proven quiet never reaches
//!   another user, since the proof would have failed;
//! - *after*: nobody can know whose it is.
//!
//! `WHARF_DESYNC_LEASES=100000 cargo test --release -p wharfd --lib desync -- --nocapture` takes that
//! many leases for each line of the table instead of what CI takes.

mod customers;
mod packets;
mod servers;

use std::fmt;
use std::time::Duration;

use wharf_pool::CloseCause;
use wharf_pool::time::Instant;

use super::super::random::Random;
use super::super::wire::Faults;
use super::super::world::{Setting, World};
use super::messages::HEAD_LEN;
use crate::config::Share;
use customers::{Customers, Delivered};
use packets::Packets;
use servers::Servers;

/// Leases of one world: a new one begins with empty tables.
const RUN: u64 = 250;

/// Leases for each line that CI takes.
const LEASES: u64 = 1_000;

/// Connections that the clients share.
const CONNECTIONS: usize = 3;

/// Who shares, and over what.
#[derive(Clone, Copy, Debug)]
struct Case {
    uids: &'static [u32],
    /// Packets lost, in thousandths, each way.
    lost: u64,
}

const CASES: [Case; 4] = [
    Case { uids: &[1000, 1000, 1000, 1000], lost: 0 },
    Case { uids: &[1000, 1000, 1001, 1001], lost: 0 },
    Case { uids: &[1000, 1000, 1000, 1000], lost: 30 },
    Case { uids: &[1000, 1000, 1001, 1001], lost: 30 },
];

/// What came of one case.
#[derive(Debug, Default)]
struct Figures {
    leases: u64,
    /// Leases on a connection that served another user before.
    crossed: u64,
    /// Those sooner than one round trip after the other user's lease.
    hasty: u64,
    unsolicited: u64,
    data_while_idle: u64,
    foreign_bytes: u64,
    probe_failed: u64,
    /// Bytes heard under a lease that belong to an earlier one, by when they were first sent: before
    /// the request arrived, and never after;
    before: u64,
    /// before it, and again after it;
    again: u64,
    /// of those, after a mere acknowledgement of the request that stood beyond them;
    foretold: u64,
    /// of those, by another user;
    again_across: u64,
    /// of those, sent before the connection was proven quiet;
    unproven: u64,
    /// after it.
    after: u64,
}

impl Figures {
    fn add(&mut self, other: &Self) {
        self.leases += other.leases;
        self.crossed += other.crossed;
        self.hasty += other.hasty;
        self.unsolicited += other.unsolicited;
        self.data_while_idle += other.data_while_idle;
        self.foreign_bytes += other.foreign_bytes;
        self.probe_failed += other.probe_failed;
        self.before += other.before;
        self.again += other.again;
        self.foretold += other.foretold;
        self.again_across += other.again_across;
        self.unproven += other.unproven;
        self.after += other.after;
    }
}

const HEADING: &str = "users loss  leases crossed unsolicited | closed: while idle   foreign probe \
                       failed | heard, bytes: before  again (foretold, across, unproven)   after";

/// One line of the table.
struct Line<'a>(Case, &'a Figures);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(case, figures) = self;
        let users = if case.uids.first() == case.uids.last() { 1 } else { 2 };
        write!(
            f,
            "{users:>5} {:>3}% {:>7} {:>7} {:>11} | {:>18} {:>9} {:>12} | {:>20} {:>6} ({:>8}, {:>6}, {:>8}) {:>7}",
            case.lost / 10,
            figures.leases,
            figures.crossed,
            figures.unsolicited,
            figures.data_while_idle,
            figures.foreign_bytes,
            figures.probe_failed,
            figures.before,
            figures.again,
            figures.foretold,
            figures.again_across,
            figures.unproven,
            figures.after,
        )
    }
}

/// One world.
struct Storm {
    world: World,
    random: Random,
    /// How long a packet takes.
    one_way: Duration,
    customers: Customers,
    servers: Servers,
    packets: Packets,
}

impl Storm {
    fn new(case: Case, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut setting = Setting { seed, ..Setting::default() };
        let one_way = Duration::from_millis(1 + random.below(20));
        setting.delay = one_way;
        let settings = &mut setting.config.routes[0].settings;
        settings.share = Share::Any;
        settings.max_per_route = CONNECTIONS;
        settings.lease_timeout = Duration::from_secs(600);
        let mut world = World::new(setting);
        world.seen = Some(Vec::new());
        let faults = Faults { lost: case.lost, ..Faults::default() };
        (world.up.faults, world.down.faults) = (faults, faults);
        let customers = Customers::new(&mut world, case.uids);
        let (servers, packets) = (Servers::default(), Packets::default());
        Self { world, random, one_way, customers, servers, packets }
    }

    /// Plays so many leases to their ends.
    fn run(&mut self, leases: u64) {
        let round_trip = self.one_way * 2;
        while self.customers.asked < leases || !self.customers.are_done() {
            self.world.run();
            for seen in self.world.seen.iter_mut().flat_map(|seen| seen.drain(..)) {
                self.packets.see(&seen);
            }
            let (world, random) = (&mut self.world, &mut self.random);
            self.servers.turn(world, random, round_trip);
            self.customers.turn(world, random, round_trip, leases);
            self.world.run();
            let acts = [self.servers.next(), self.customers.next(), self.world.next_moment()];
            let next = acts.into_iter().flatten().min().expect("somebody does something");
            let step = next.since(self.world.now.monotonic).max(Duration::from_micros(100));
            self.world.now = self.world.now + step;
        }
    }

    fn figures(&self) -> Figures {
        let closed = self.world.shard.pool.stats().closed;
        let mut figures = Figures {
            leases: u64::try_from(self.customers.granted.len()).expect("64 bits"),
            unsolicited: u64::try_from(self.servers.unsolicited.len()).expect("64 bits"),
            data_while_idle: closed.of(CloseCause::DataWhileIdle),
            foreign_bytes: closed.of(CloseCause::ForeignBytes),
            probe_failed: closed.of(CloseCause::ProbeFailed),
            ..Figures::default()
        };
        for (&request, arrived) in &self.servers.arrived {
            if let Some(before) =
                arrived.before.filter(|before| self.are_strangers(*before, request))
            {
                figures.crossed += 1;
                let released = self.customers.released[&before];
                let is_hasty = self.customers.granted[&request] < released + self.one_way * 2;
                figures.hasty += u64::from(is_hasty);
            }
        }
        for delivered in &self.customers.delivered {
            self.judge(delivered, &mut figures);
        }
        figures
    }

    /// Whether two requests are of different users.
    fn are_strangers(&self, one: u64, other: u64) -> bool {
        self.customers.user_of(one) != self.customers.user_of(other)
    }

    /// Counts what one lease heard, unless it followed its own answer.
    fn judge(&self, delivered: &Delivered, figures: &mut Figures) {
        let message = usize::try_from(delivered.message).expect("an index");
        let message = self.servers.unsolicited[message];
        if message.after == delivered.request {
            return;
        }
        // Without its request a lease is not known to its server: whatever it heard came before.
        let arrived = self.servers.arrived.get(&delivered.request);
        let knew = arrived.map_or(u32::MAX, |arrived| arrived.offset);
        let mut sent = self.packets.sent(message.port, message.offset);
        let first = sent.next().expect("what was heard was sent");
        let bytes = u64::try_from(HEAD_LEN).expect("few");
        if first.acked > knew {
            figures.after += bytes;
        } else if let Some(again) = sent.find(|again| again.acked > knew) {
            figures.again += bytes;
            let (port, offset) = (message.port, message.offset);
            let is_foretold = self.packets.is_foretold(port, offset, knew, again.at);
            figures.foretold += if is_foretold { bytes } else { 0 };
            if self.are_strangers(message.after, delivered.request) {
                figures.again_across += bytes;
                let proven = self.proven_at(message.port, knew);
                figures.unproven += if first.at < proven { bytes } else { 0 };
            }
        } else {
            figures.before += bytes;
        }
    }

    /// When the connection, at this place of the daemon's stream, was last proven quiet for another
    /// user: the answer that said so came with the grant.
    fn proven_at(&self, port: u16, offset: u32) -> Instant {
        let crossed = self.servers.arrived.iter().filter(|(request, arrived)| {
            let is_earlier = arrived.port == port && arrived.offset <= offset;
            let crosses = |before| self.are_strangers(before, **request);
            is_earlier && arrived.before.is_none_or(crosses)
        });
        let (request, _) = crossed.max_by_key(|(_, arrived)| arrived.offset).expect("a first one");
        let granted = self.customers.granted[request].as_nanos();
        let one_way = u64::try_from(self.one_way.as_nanos()).expect("short");
        Instant::from_nanos(granted.saturating_sub(one_way))
    }
}

fn play(case: Case, leases: u64) -> Figures {
    let mut figures = Figures::default();
    for run in 0..leases.div_ceil(RUN) {
        let mut storm = Storm::new(case, run);
        storm.run(RUN.min(leases - run * RUN));
        figures.add(&storm.figures());
    }
    figures
}

#[test]
fn desync() {
    let wanted = std::env::var_os("WHARF_DESYNC_LEASES")
        .map(|leases| leases.to_str().and_then(|leases| leases.parse().ok()).expect("a number"));
    let leases = wanted.unwrap_or(LEASES);
    println!("{HEADING}");
    for case in CASES {
        let figures = play(case, leases);
        println!("{}", Line(case, &figures));
        assert_eq!(figures.before, 0, "a lease heard what was sent before its request: {case:?}");
        assert_eq!(figures.unproven, 0, "a user heard what another's proof had missed: {case:?}");
        assert_eq!(figures.hasty, 0, "no answer can have come by then: {case:?}");
        assert!(case.lost > 0 || figures.again == 0, "nothing was lost, and yet sent again");
        assert!(
            figures.data_while_idle > 0 && figures.foreign_bytes > 0,
            "nobody was off his guard"
        );
        let has_two = case.uids.first() != case.uids.last();
        assert_eq!(has_two, figures.crossed > 0, "users cross if there are two: {case:?}");
    }
}
