//! Many clients at once, on virtual time (POOL.md, section 6, T3 and T7): two quiet routes and twenty
//! noisy ones at the pool's limit; twice as many clients as connections; and up to a hundred times as
//! many leases as can be served.

use std::collections::BTreeMap;

use wharf_pool::time::{Duration, Instant, Now};
use wharf_pool::{
    ClientId, Condition, Event, Grant, KeyId, LeaseId, Outcome, Pool, PoolConfig, Request,
    RouteConfig, RouteId, Source, WaiterId,
};

/// Of so many hand-offs one is compared with all who wait.
const LOOK_EVERY: u64 = 7;

const HANDSHAKE: Duration = Duration::from_millis(4);

/// One who leases over and over: as many at once as `depth`, with a pause after each; or, if `every`
/// is not zero, one more each time it has passed, whatever became of those before.
#[derive(Clone, Copy)]
struct Client {
    route: RouteId,
    depth: u32,
    hold: Duration,
    pause: Duration,
    every: Duration,
    patience: Duration,
}

/// For so long nobody gives up.
const PATIENT: Duration = Duration::from_secs(60);

/// What happens next.
#[derive(Clone, Copy)]
enum Step {
    Open(wharf_pool::SlotId),
    Ask(usize),
    Release(LeaseId, usize),
}

/// One who waits, to the one who measures.
#[derive(Clone, Copy)]
struct Waits {
    client: usize,
    since: Instant,
    deadline: Instant,
}

struct Storm {
    pool: Pool<u64>,
    now: Now,
    clients: Vec<Client>,
    /// By the time and a number, so that what is due together keeps its order.
    steps: BTreeMap<(Instant, u64), Step>,
    number: u64,
    waiting: BTreeMap<WaiterId, Waits>,
    state: u64,
    /// Leases of each client.
    served: Vec<u64>,
    /// When each was last served.
    last_turn: Vec<Instant>,
    /// How long each lease waited, of each client.
    waits: Vec<Vec<Duration>>,
    handed_on: u64,
    /// Leases refused.
    refused: u64,
    /// By how much the latest refusal came after its deadline.
    latest: Duration,
    /// Most that waited.
    most_waiting: usize,
}

impl Storm {
    fn new(max_total: usize, seed: u64) -> Self {
        let config = PoolConfig { max_total, ..PoolConfig::default() };
        Self {
            pool: Pool::new(config, seed),
            now: Now::awake_for(Duration::from_secs(1)),
            clients: Vec::new(),
            steps: BTreeMap::new(),
            number: 0,
            waiting: BTreeMap::new(),
            state: seed,
            served: Vec::new(),
            last_turn: Vec::new(),
            waits: Vec::new(),
            handed_on: 0,
            refused: 0,
            latest: Duration::ZERO,
            most_waiting: 0,
        }
    }

    fn route(&mut self) -> RouteId {
        let max_total = self.pool.limits().max_total;
        self.pool.add_route(RouteConfig { max_connections: max_total, ..RouteConfig::default() })
    }

    fn client(&mut self, client: Client) {
        for _ in 0..client.depth {
            let after = self.about(client.pause + client.hold);
            self.after(after, Step::Ask(self.clients.len()));
        }
        self.clients.push(client);
        self.served.push(0);
        self.last_turn.push(Instant::ORIGIN);
        self.waits.push(Vec::new());
    }

    fn run(&mut self, duration: Duration) {
        let end = self.now.monotonic + duration;
        while self.now.monotonic < end {
            let step = self.steps.first_key_value().map(|((at, _), _)| *at);
            let timer = self.pool.poll_timeout().map(|at| at.max(self.now.monotonic));
            let next = step.into_iter().chain(timer).chain([end]).min().expect("the end at least");
            self.now = self.now + next.since(self.now.monotonic);
            self.pool.handle_timeout(self.now);
            self.hear();
            if step.is_some_and(|at| at <= self.now.monotonic)
                && let Some((_, step)) = self.steps.pop_first()
            {
                self.take(step);
                self.hear();
            }
            self.most_waiting = self.most_waiting.max(self.pool.waiters());
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Open(slot) => assert!(self.pool.opened(self.now, slot, 0)),
            Step::Ask(client) => self.ask(client),
            Step::Release(lease, client) => {
                self.pool.release(self.now, lease, Condition::Reusable).expect("it is held");
                if self.clients[client].every.is_zero() {
                    let pause = self.about(self.clients[client].pause);
                    self.after(pause, Step::Ask(client));
                }
            }
        }
    }

    fn ask(&mut self, client: usize) {
        let Client { every, patience, .. } = self.clients[client];
        if !every.is_zero() {
            let every = self.about(every);
            self.after(every, Step::Ask(client));
        }
        let request = Request {
            route: self.clients[client].route,
            client: ClientId(client as u64),
            key: KeyId(1),
            family: None,
            deadline: self.now.monotonic + patience,
            fresh: false,
            no_wait: false,
        };
        let waits = Waits { client, since: self.now.monotonic, deadline: request.deadline };
        match self.pool.lease(self.now, request) {
            Outcome::Granted(grant) => self.granted(&grant, waits),
            Outcome::Waiting(waiter) => {
                self.waiting.insert(waiter, waits);
            }
            Outcome::Refused(_) => self.refused += 1,
        }
    }

    fn hear(&mut self) {
        while let Some(event) = self.pool.poll_event() {
            match event {
                Event::Connect { slot, .. } => self.after(HANDSHAKE, Step::Open(slot)),
                Event::Granted { waiter, grant } => {
                    let waits = self.waiting.remove(&waiter).expect("it waits");
                    self.check_bound(&grant, waits);
                    self.granted(&grant, waits);
                }
                Event::Refused { waiter, .. } => {
                    let waits = self.waiting.remove(&waiter).expect("it waits");
                    self.latest = self.latest.max(self.now.monotonic.since(waits.deadline));
                    self.refused += 1;
                }
                Event::Close { .. } => {}
                Event::Abandon { .. }
                | Event::Probe { .. }
                | Event::Overdue { .. }
                | Event::Ask { .. }
                | Event::AddressFailed { .. }
                | Event::AddressRecovered { .. }
                | Event::Knock { .. } => panic!("{event:?}"),
            }
        }
    }

    fn granted(&mut self, grant: &Grant<u64>, waits: Waits) {
        self.served[waits.client] += 1;
        self.last_turn[waits.client] = self.now.monotonic;
        self.waits[waits.client].push(self.now.monotonic.since(waits.since));
        let hold = self.about(self.clients[waits.client].hold);
        self.after(hold, Step::Release(grant.lease, waits.client));
    }

    /// Rule F: over routes no client is overtaken by one that has waited less for its turn, by more
    /// than the reuse credit and a handshake, unless with what is of a route's own share.
    fn check_bound(&mut self, grant: &Grant<u64>, served: Waits) {
        if grant.source != Source::Handoff {
            return;
        }
        self.handed_on += 1;
        if !self.handed_on.is_multiple_of(LOOK_EVERY) {
            return;
        }
        let route = self.clients[served.client].route;
        let holds = |route| self.pool.route_snapshot(self.now, route).expect("a route").connections;
        let active = self.routes_active();
        if holds(route).total() <= self.pool.limits().max_total / active {
            return;
        }
        let bound = HANDSHAKE * 3;
        let turn = |waits: &Waits| waits.since.max(self.last_turn[waits.client]);
        let overtaken = self.waiting.values().find(|waits| {
            let of = self.clients[waits.client].route;
            // An attempt is under way for whom nothing stops.
            of != route && holds(of).connecting == 0 && turn(&served).since(turn(waits)) > bound
        });
        assert!(overtaken.is_none(), "overtaken at {:?}", self.now.monotonic);
    }

    fn routes_active(&self) -> usize {
        let snapshots = self.pool.route_snapshots(self.now);
        snapshots.filter(|route| route.connections.total() + route.waiters > 0).count()
    }

    fn after(&mut self, delay: Duration, step: Step) {
        self.number += 1;
        self.steps.insert((self.now.monotonic + delay, self.number), step);
    }

    /// Half of it to half as much again.
    fn about(&mut self, duration: Duration) -> Duration {
        self.state = self.state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767);
        let drawn = u32::try_from((self.state >> 40) % 1_000).expect("small");
        duration / 2 + duration * drawn / 1_000
    }
}

/// Jain's index: 1 if all have the same, and one by their number if one has all.
fn jain(served: &[u64]) -> f64 {
    let sum: f64 = served.iter().map(|one| *one as f64).sum();
    let squares: f64 = served.iter().map(|one| (*one as f64).powi(2)).sum();
    sum * sum / (served.len() as f64 * squares)
}

fn mean_and_p999(mut waits: Vec<Duration>) -> (Duration, Duration) {
    waits.sort_unstable();
    let count = u32::try_from(waits.len()).expect("few");
    let mean = waits.iter().sum::<Duration>() / count;
    (mean, waits[waits.len() - 1 - waits.len() / 1_000])
}

fn patient(route: RouteId) -> Client {
    let (hold, pause, every) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    Client { route, depth: 1, hold, pause, every, patience: PATIENT }
}

#[test]
fn two_quiet_routes_and_twenty_noisy_ones_share_a_pool_that_is_full() {
    let ms = Duration::from_millis;
    for seed in 1..=4 {
        let mut storm = Storm::new(88, seed);
        for _ in 0..2 {
            let route = storm.route();
            storm.client(Client { depth: 1, hold: ms(5), pause: ms(50), ..patient(route) });
        }
        for _ in 0..20 {
            let route = storm.route();
            // One of eight wants ten times as much as the others.
            for client in 0..8 {
                let depth = if client == 0 { 40 } else { 4 };
                storm.client(Client { depth, hold: ms(5), ..patient(route) });
            }
        }
        storm.run(Duration::from_secs(2));
        let noisy = jain(&storm.served[2..]);
        let quiet = storm.waits[..2].concat();
        let (mean, worst) = mean_and_p999(quiet);
        let (noisy_mean, _) = mean_and_p999(storm.waits[2..].concat());
        println!(
            "seed {seed}: Jain {noisy:.3} over 160 clients, {} handed on, {} evictions; \
             waits of the quiet: mean {mean:?}, longest {worst:?}; of the noisy: mean {noisy_mean:?}",
            storm.handed_on,
            storm.pool.stats().evictions
        );
        assert!(storm.handed_on > 20_000);
        assert!(noisy >= 0.95, "Jain {noisy}");
        assert!(mean * 4 < noisy_mean, "a quiet route waits as long as the noisy");
    }
}

#[test]
fn twice_as_many_clients_as_connections_wait_about_alike() {
    for seed in 1..=4 {
        let mut storm = Storm::new(32, seed);
        let route = storm.route();
        for _ in 0..64 {
            let hold = Duration::from_millis(5);
            storm.client(Client { depth: 1, hold, ..patient(route) });
        }
        storm.run(Duration::from_secs(5));
        let (mean, worst) = mean_and_p999(storm.waits.concat());
        let ratio = worst.as_secs_f64() / mean.as_secs_f64();
        let index = jain(&storm.served);
        println!("seed {seed}: p99.9 / mean {ratio:.2}, Jain {index:.3}");
        assert!(ratio <= 4.0 && index >= 0.95, "{ratio}, {index}");
    }
}

#[test] // T7
fn overload_costs_no_goodput_and_bounds_are_exact() {
    const CONNECTIONS: usize = 8;
    const WAITERS: usize = 100;
    let (hold, seconds) = (Duration::from_millis(5), 5);
    let capacity = CONNECTIONS as f64 / hold.as_secs_f64();
    for times in [2u32, 10, 100] {
        let mut storm = Storm::new(CONNECTIONS, u64::from(times));
        let config = RouteConfig {
            max_connections: CONNECTIONS,
            max_waiters: WAITERS,
            ..RouteConfig::default()
        };
        let route = storm.pool.add_route(config);
        let every = hold / u32::try_from(CONNECTIONS).expect("few") * 50 / times;
        // Fifty of them: some who would wait for ever, and some who give up before their turn comes.
        for number in 0..50 {
            let patience = Duration::from_millis(if number % 2 == 0 { 40 } else { 10_000 });
            storm.client(Client { hold, every, patience, ..patient(route) });
        }
        storm.run(Duration::from_secs(seconds));
        let served = storm.served.iter().sum::<u64>() as f64 / seconds as f64;
        println!(
            "{times} times as many as can be served: {served:.0} of {capacity:.0} leases a second, \
             {} refused, at most {} waited, refused {:?} after the deadline at most",
            storm.refused, storm.most_waiting, storm.latest
        );
        assert!(served >= 0.95 * capacity, "{times}: {served} of {capacity}");
        assert_eq!(storm.most_waiting, WAITERS);
        assert!(storm.latest <= Duration::from_millis(2), "{:?} late", storm.latest);
    }
}
