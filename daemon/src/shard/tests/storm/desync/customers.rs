//! Clients that lease, ask, hear the answer and give back, and note what else they heard.

use std::collections::HashMap;

use wharf_pool::time::{Duration, Instant};
use wharf_protocol::{ClientMessage, Frame, encode_client};

use super::super::super::client::Progress;
use super::super::super::frames;
use super::super::super::pattern;
use super::super::super::random::Random;
use super::super::super::world::World;
use super::super::messages::{HEAD_LEN, Kind, REQUEST_LEN, first, head};

/// What was delivered to a lease that no answer to it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivered {
    /// The request of the lease.
    pub(super) request: u64,
    /// Number of the message.
    pub(super) message: u64,
}

/// One client, and the lease that it asked for last.
#[derive(Debug)]
struct Customer {
    name: String,
    uid: u32,
    number: u16,
    request: u64,
    /// When it asks for the next; nothing while it has one.
    asks_at: Option<Instant>,
    heard: Vec<u8>,
    understood: usize,
    has_released: bool,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Customers {
    all: Vec<Customer>,
    /// Whose each request is.
    users: HashMap<u64, u32>,
    /// How many leases were asked for.
    pub(super) asked: u64,
    /// When leases were granted, by request.
    pub(super) granted: HashMap<u64, Instant>,
    /// When they were given back.
    pub(super) released: HashMap<u64, Instant>,
    pub(super) delivered: Vec<Delivered>,
}

impl Customers {
    /// One client for each of `uids`, with a session each.
    pub(super) fn new(world: &mut World, uids: &[u32]) -> Self {
        let customers = uids.iter().enumerate().map(|(at, &uid)| {
            let name = format!("c{at}");
            world.connect(&name, uid, uid);
            world.client(&name).collects = true;
            let mut hello = Vec::new();
            frames::encode("HELLO", &mut hello);
            world.client(&name).write(&hello);
            Customer::new(name, uid, world.now.monotonic)
        });
        let all = customers.collect();
        Self {
            all,
            users: HashMap::new(),
            asked: 0,
            granted: HashMap::new(),
            released: HashMap::new(),
            delivered: Vec::new(),
        }
    }

    /// Whose a request is.
    pub(super) fn user_of(&self, request: u64) -> u32 {
        self.users[&request]
    }

    /// Whether all leases that were asked for are over.
    pub(super) fn are_done(&self) -> bool {
        self.all.iter().all(|customer| customer.asks_at.is_some())
    }

    /// When one asks again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.all.iter().filter_map(|customer| customer.asks_at).min()
    }

    /// Everybody hears what has come, and says what follows; no more than `leases` are asked for.
    pub(super) fn turn(
        &mut self,
        world: &mut World,
        random: &mut Random,
        round_trip: Duration,
        leases: u64,
    ) {
        for customer in &mut self.all {
            let now = world.now.monotonic;
            if let Some(at) = customer.asks_at {
                if at <= now && self.asked < leases {
                    customer.ask(world, random, self.asked);
                    self.users.insert(self.asked, customer.uid);
                    self.asked += 1;
                } else if at <= now {
                    customer.asks_at = Some(now + Duration::from_secs(1_000_000));
                }
                continue;
            }
            let progress = world.client(&customer.name).progress(customer.number);
            let progress = progress.expect("a lease was asked for");
            if progress != Progress::Asked && !customer.has_released {
                self.granted.entry(customer.request).or_insert(now);
            }
            let is_answered = customer.hear(world, &mut self.delivered);
            match progress {
                Progress::Asked => {}
                Progress::Leased | Progress::Lost if customer.has_released => {}
                Progress::Leased if is_answered => {
                    self.released.insert(customer.request, now);
                    let rx = customer.understood;
                    customer.release(world, &format!("reusable rx={rx} tx={REQUEST_LEN}"));
                }
                Progress::Leased => {}
                Progress::Lost => customer.release(world, "discard"),
                Progress::Ended => {
                    let pause = u32::try_from(random.below(200)).expect("few");
                    customer.asks_at = Some(now + round_trip * pause / 100);
                }
            }
        }
    }
}

impl Customer {
    fn new(name: String, uid: u32, asks_at: Instant) -> Self {
        Self {
            name,
            uid,
            number: 0,
            request: 0,
            asks_at: Some(asks_at),
            heard: Vec::new(),
            understood: 0,
            has_released: false,
        }
    }

    /// LEASE and the request, in one write.
    fn ask(&mut self, world: &mut World, random: &mut Random, request: u64) {
        self.number += 1;
        self.request = request;
        self.asks_at = None;
        self.heard.clear();
        self.understood = 0;
        self.has_released = false;
        let len = [10, 300, 3_000][random.place(3)];
        let mut data = head(Kind::Request, request, len);
        data.extend(pattern::piece(request, 0, REQUEST_LEN - HEAD_LEN));
        let mut bytes = Vec::new();
        frames::encode(&format!("{} LEASE route=web", self.number), &mut bytes);
        let frame = Frame { lease: self.number, message: ClientMessage::Data(&data) };
        encode_client(&frame, &mut bytes).expect("fits");
        let client = world.client(&self.name);
        client.asked(self.number);
        client.write(&bytes);
    }

    /// Takes in what has come, and notes what is not the answer. Whether the answer has come whole.
    fn hear(&mut self, world: &mut World, delivered: &mut Vec<Delivered>) -> bool {
        let client = world.client(&self.name);
        client.take_heard();
        for (number, bytes) in std::mem::take(&mut client.collected) {
            assert_eq!(number, self.number, "bytes of a lease that is over");
            self.heard.extend(bytes);
        }
        let mut at = self.understood;
        let mut is_answered = at > 0;
        while let Some((kind, id, _, whole)) = first(&self.heard[at..]) {
            at += whole;
            match kind {
                Kind::Request => panic!("a client hears no requests"),
                Kind::Answer => {
                    assert_eq!(id, self.request, "another lease's answer");
                    is_answered = true;
                    self.understood = at;
                }
                Kind::Babble => delivered.push(Delivered { request: self.request, message: id }),
            }
        }
        // What stands before and behind the answer is noted once.
        if is_answered {
            self.heard.drain(self.understood.min(at)..at);
        } else {
            self.heard.drain(..at);
        }
        is_answered
    }

    fn release(&mut self, world: &mut World, how: &str) {
        self.has_released = true;
        let mut bytes = Vec::new();
        frames::encode(&format!("{} RELEASE {how}", self.number), &mut bytes);
        world.client(&self.name).write(&bytes);
    }
}
