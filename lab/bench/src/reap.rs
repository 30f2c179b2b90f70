//! What it costs a turn that a great many connections expire at once: `cargo xtask bench reap`.
//!
//! The daemon's shard whole, as the reactor drives it. Its routes keep so many connections ready, all
//! of which open in one moment; then they are kept no longer, and their idle time ends in one moment
//! too. A turn is what time brings and the packets that leave of it. The other end answers every FIN.
//! Time is virtual, but for what a turn takes.

use core::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};
use wharf_pool::ClientId;
use wharf_pool::time::{Duration, Now};
use wharf_protocol::{
    ClientMessage, Disposition, Frame, Hello, LeaseRequest, Release, Target, encode_client,
};
use wharf_transport::PacketBatch;
use wharf_transport::stack::{Secrets, Stack};
use wharf_transport::time::Instant;
use wharfd::config::{Access, Config, Route, RouteSettings};
use wharfd::shard::{Event, Peer, Shard};

use crate::clock;
use crate::idle::respond;
use crate::machine::Machine;
use crate::statistics::quantile;

/// Connections that one turn closes at most (POOL.md, section 5).
const CLOSES_MAX: u64 = 256;

/// Routes, each to an address of its own: one address has 64 512 ports to us.
const ROUTES: u8 = 32;

/// Packets of a batch, far more than leave in one turn, and the longest.
const BATCH: usize = 4_096;
const MTU: u16 = 1_500;

/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(300);

/// What one size came to.
#[derive(Clone, Debug)]
pub struct Reaped {
    /// Connections that expired.
    pub connections: usize,
    /// Turns until none was left idle.
    pub turns: usize,
    /// Most closed in one turn.
    pub closes_max: u64,
    /// Nanoseconds of the turns on the wall, sorted.
    pub wall: Vec<u64>,
    /// The same of the thread's time.
    pub thread: Vec<u64>,
    /// Nanoseconds of all turns on the wall.
    pub total: u64,
}

/// A shard whose routes keep connections ready.
struct Quay {
    shard: Shard,
    config: Config,
    now: Now,
    outgoing: PacketBatch,
    incoming: PacketBatch,
}

impl Quay {
    /// A shard with `connections` idle ones.
    fn new(connections: usize) -> Self {
        let each = connections.div_ceil(usize::from(ROUTES));
        let config = config(each);
        let stack = wharf_transport::stack::Config {
            addresses: vec![IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))],
            mtu: MTU,
            port_range: config.transport.port_range.clone(),
            connections_max: config.transport.connections_max,
            time_wait_max: config.transport.time_wait_max,
            tcp: wharf_transport::tcp::Config::default(),
        };
        let stack = Stack::new(stack, Secrets::from_bytes(&[42; Secrets::LEN]));
        let mut quay = Self {
            shard: Shard::new(&config, stack, 1, 1),
            config,
            now: Now::awake_for(Duration::from_secs(1_000)),
            outgoing: PacketBatch::new(BATCH, usize::from(MTU)),
            incoming: PacketBatch::new(BATCH, usize::from(MTU)),
        };
        quay.use_every_route();
        // What is missing is opened within a second; later, connections rest.
        quay.pass(Duration::from_secs(5), Duration::from_millis(10));
        let idle = quay.idle();
        assert!(idle >= connections as u64, "{idle} of {connections} are idle");
        quay
    }

    /// A client leases one connection of each route and gives it back: from then on the routes keep
    /// theirs ready.
    fn use_every_route(&mut self) {
        let peer =
            Peer { pid: 1, uid: 0, gid: 0, groups: Vec::new(), unit: None, client: ClientId(1) };
        let session = self.shard.handle_session_opened(self.now, peer);
        let names: Vec<String> = (1..=ROUTES).map(|route| route.to_string()).collect();
        let mut bytes = Vec::new();
        let mut say = |lease, message| encode_client(&Frame { lease, message }, &mut bytes);
        say(0, ClientMessage::Hello(Hello::new("reap"))).expect("it fits");
        for (route, name) in (1..=ROUTES).zip(&names) {
            let target = Target::Route(name);
            let lease = u16::from(route);
            let release = Release {
                disposition: Disposition::Unused,
                rx_consumed: 0,
                tx_written: 0,
                keep_alive: None,
            };
            say(lease, ClientMessage::Lease(LeaseRequest::new(target))).expect("it fits");
            say(lease, ClientMessage::Release(release)).expect("it fits");
        }
        self.shard.handle_session_bytes(self.now, session, &bytes);
        self.exchange();
        self.shard.handle_session_closed(self.now, session);
    }

    /// Carries packets to and fro until there are none.
    fn exchange(&mut self) {
        self.hear_sessions();
        while self.shard.poll_transmit(self.now, &mut self.outgoing) {
            self.answer();
            for packet in &self.incoming {
                self.shard.handle_packet(self.now, packet);
            }
            self.incoming.clear();
            self.hear_sessions();
        }
    }

    fn hear_sessions(&mut self) {
        while let Some(event) = self.shard.poll_event() {
            let Event::Session(id) = event else { continue };
            let told = self.shard.session_output(id).len();
            if told > 0 {
                self.shard.handle_session_sent(self.now, id, told);
            }
        }
    }

    /// The other end answers what has left; the answers are on their way.
    fn answer(&mut self) {
        let now = Instant::from_nanos(self.now.monotonic.as_nanos());
        for packet in &self.outgoing {
            let had_room = respond(now, packet, &mut self.incoming);
            assert!(had_room, "a packet draws one answer at most");
        }
        self.outgoing.clear();
    }

    fn pass(&mut self, duration: Duration, step: Duration) {
        let end = self.now + duration;
        while self.now.monotonic < end.monotonic {
            self.now = self.now + step;
            self.shard.handle_timeout(self.now);
            self.exchange();
        }
    }

    fn idle(&self) -> u64 {
        self.shard.snapshot(self.now).routes.iter().map(|route| route.connections.idle).sum()
    }

    fn closed(&self) -> u64 {
        self.shard.snapshot(self.now).pool.closed.iter().map(|(_, count)| count).sum()
    }

    /// One turn: what has come, what time brings, and what leaves of it. Says how many nanoseconds it
    /// took on the wall and of the thread's time.
    fn turn(&mut self) -> (u64, u64) {
        let (wall, thread) = (clock::now(), clock::thread_time());
        for packet in &self.incoming {
            self.shard.handle_packet(self.now, packet);
        }
        self.incoming.clear();
        self.shard.handle_timeout(self.now);
        let _some = self.shard.poll_transmit(self.now, &mut self.outgoing);
        assert!(!self.outgoing.is_full(), "a turn's packets have room");
        let took = (nanos(wall, clock::now()), nanos(thread, clock::thread_time()));
        // What it took passes, so that nothing is due later than it would be.
        self.now = self.now + Duration::from_nanos(took.0);
        self.answer();
        self.hear_sessions();
        took
    }
}

/// Opens so many connections, lets all expire at once, and measures each turn until none is left.
#[must_use]
pub fn measure(connections: usize) -> Reaped {
    let mut quay = Quay::new(connections);
    for route in &mut quay.config.routes {
        route.settings.min_idle = 0;
    }
    quay.shard.handle_reload(quay.now, &quay.config);
    quay.exchange();
    let before = quay.closed();
    quay.now = quay.now + IDLE;
    let mut reaped = Reaped {
        connections: 0,
        turns: 0,
        closes_max: 0,
        wall: Vec::new(),
        thread: Vec::new(),
        total: 0,
    };
    let mut closed = before;
    while quay.idle() > 0 {
        let (wall, thread) = quay.turn();
        reaped.turns += 1;
        reaped.wall.push(wall);
        reaped.thread.push(thread);
        reaped.total += wall;
        let so_far = quay.closed();
        reaped.closes_max = reaped.closes_max.max(so_far - closed);
        closed = so_far;
    }
    reaped.connections = usize::try_from(closed - before).expect("so many fit");
    reaped.wall.sort_unstable();
    reaped.thread.sort_unstable();
    reaped
}

/// A configuration whose routes keep `each` connections ready.
fn config(each: usize) -> Config {
    let all = each * usize::from(ROUTES);
    let settings = RouteSettings {
        max_per_route: each + 1,
        max_connecting_per_route: each + 1,
        min_idle: each,
        idle_timeout: Some(IDLE),
        max_lifetime: None,
        ..RouteSettings::default()
    };
    let route = |number: u8| Route {
        pattern: format!("tcp://upstream-{number}.test:80").parse().expect("a pattern"),
        name: Some(number.to_string()),
        addresses: vec![IpAddr::V4(Ipv4Addr::new(10, 1, 0, number))],
        access: Access::default(),
        settings: settings.clone(),
    };
    let mut config = Config { routes: (1..=ROUTES).map(route).collect(), ..Config::default() };
    config.pool.max_total = all + usize::from(ROUTES);
    config.pool.max_connecting_total = all;
    config.transport.port_range = 1_024..=u16::MAX;
    config.transport.connections_max = 2 * all;
    config
}

fn nanos(began: Instant, ended: Instant) -> u64 {
    u64::try_from(ended.since(began).as_nanos()).unwrap_or(u64::MAX)
}

/// For people.
#[must_use]
pub fn report(machine: &Machine, sizes: &[Reaped]) -> String {
    let line = |reaped: &Reaped| {
        let Reaped { connections, turns, closes_max, wall, thread, total } = reaped;
        let micros = |sorted: &[u64], share| {
            quantile(sorted, share).map_or(f64::NAN, |nanos| nanos as f64 / 1e3)
        };
        let met = if *closes_max <= CLOSES_MAX { "yes" } else { "no" };
        format!(
            "| {connections} | {turns} | {closes_max} | {met} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |\n",
            micros(wall, 0.5),
            micros(wall, 0.99),
            micros(wall, 1.0),
            micros(thread, 0.99),
            micros(thread, 1.0),
            *total as f64 / 1e6,
        )
    };
    let lines: String = sizes.iter().map(line).collect();
    format!(
        "\
{machine}.

The daemon's shard, without reactor and device: idle connections of {ROUTES} routes that all expire in the same moment. A turn is
what has come, what time brings, and the packets that leave; the other end answers every FIN, and its answers come with the next
turn. At most {CLOSES_MAX} may be closed in a turn. Time on the wall, of one run; the machine is shared, so the thread's own
time stands beside it.

| idle connections | turns | most closed in one | goal met | turn p50, us | p99, us | longest, us | thread's time p99, us | longest, us | all turns, ms |
|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|
{lines}"
    )
}

/// For machines.
#[must_use]
pub fn json(machine: &Machine, sizes: &[Reaped]) -> Value {
    let row = |reaped: &Reaped| {
        json!({
            "connections": reaped.connections, "turns": reaped.turns,
            "closes_max": reaped.closes_max, "wall_ns_p50": quantile(&reaped.wall, 0.5),
            "wall_ns_p99": quantile(&reaped.wall, 0.99), "wall_ns_max": reaped.wall.last(),
            "thread_ns_p99": quantile(&reaped.thread, 0.99),
            "thread_ns_max": reaped.thread.last(), "total_ns": reaped.total,
        })
    };
    let rows: Vec<Value> = sizes.iter().map(row).collect();
    json!({ "bench": "reap", "machine": machine.json(), "goal_closes": CLOSES_MAX, "rows": rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_closed_and_no_turn_closes_more_than_it_may() {
        let reaped = measure(3_200);
        assert!(reaped.connections >= 3_200, "{reaped:?}");
        assert!(reaped.closes_max <= CLOSES_MAX, "{}", reaped.closes_max);
        assert!(reaped.turns >= reaped.connections / 256);
        assert_eq!(reaped.wall.len(), reaped.turns);
    }
}
