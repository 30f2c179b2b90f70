//! The clients of a storm.

use wharf_protocol::{ClientMessage, Frame, encode_client};

use super::super::client::Progress;
use super::super::frames;
use super::super::random::Random;
use super::super::world::World;
use super::messages::{Kind, Ledger, Request, first};
use crate::config::Share;

/// Clients at one time.
const CLIENTS: usize = 7;

/// One client and the lease that it asked for last.
#[derive(Debug)]
struct Client {
    name: String,
    uid: u32,
    /// The lease's number; 0 before the first.
    number: u16,
    /// The lease's route is shared by all users.
    is_shared: bool,
    /// It has said the last word of that lease, or none was asked for.
    has_ended: bool,
    has_finished: bool,
    written: u64,
    /// Requests of that lease that will be answered.
    requests: usize,
    /// What came, for each lease.
    streams: Vec<Stream>,
}

/// What came of one lease.
#[derive(Debug)]
struct Stream {
    /// Its place among all leases.
    lease: u64,
    heard: Vec<u8>,
    /// How much of it was understood.
    understood: usize,
    /// Answers that came whole.
    answers: usize,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Clients {
    present: Vec<Client>,
    came: u32,
}

impl Clients {
    /// One client does something.
    pub(super) fn act(&mut self, world: &mut World, random: &mut Random, ledger: &mut Ledger) {
        self.present.retain(|client| world.clients[&client.name].is_open);
        if self.present.len() < CLIENTS && random.below(3) == 0 {
            self.arrive(world, random);
        }
        if self.present.is_empty() {
            return;
        }
        let at = random.place(self.present.len());
        let client = &mut self.present[at];
        match random.below(120) {
            0 => world.client(&client.name).has_hung_up = true,
            1 => {
                let name = client.name.clone();
                world.bury(&name);
            }
            2 => client.say(world, &format!("{} DATA \"out of order\"", client.number + 5)),
            3..6 => world.client(&client.name).room = random.place(3000),
            6..10 => world.order(&format!("{} reads again", client.name)),
            10 => client.say(world, "PING 1"),
            _ if client.has_ended => client.ask(world, random, ledger),
            _ => client.go_on(world, random, ledger),
        }
    }

    fn arrive(&mut self, world: &mut World, random: &mut Random) {
        self.came += 1;
        let name = format!("c{}", self.came);
        let uid = [1000, 1000, 1001][random.place(3)];
        world.connect(&name, uid, uid);
        let client = Client {
            name,
            uid,
            number: 0,
            is_shared: false,
            has_ended: true,
            has_finished: false,
            written: 0,
            requests: 0,
            streams: Vec::new(),
        };
        world.client(&client.name).collects = true;
        if random.below(20) > 0 {
            client.say(world, "HELLO");
        }
        self.present.push(client);
    }

    /// Looks at what has come: every message must belong to the lease on which it came.
    pub(super) fn look(&mut self, world: &mut World, ledger: &Ledger) {
        for client in &mut self.present {
            client.look(world, ledger);
        }
    }

    /// Everybody reads, and ends the lease that it has.
    pub(super) fn give_everything_back(&mut self, world: &mut World) {
        self.present.retain(|client| world.clients[&client.name].is_open);
        for client in &mut self.present {
            world.order(&format!("{} reads again", client.name));
            if !client.has_ended {
                client.end(world, "CANCEL");
            }
        }
    }

    /// Every lease that was asked for by a client that is still there was ended.
    pub(super) fn check_all_ended(&mut self, world: &mut World) {
        self.present.retain(|client| world.clients[&client.name].is_open);
        for client in &self.present {
            for number in 1..=client.number {
                let progress = world.client(&client.name).progress(number);
                assert_eq!(progress, Some(Progress::Ended), "lease {number} of {client:?}");
            }
        }
    }

    /// Everybody hangs up.
    pub(super) fn leave(&mut self, world: &mut World) {
        for client in &self.present {
            world.client(&client.name).has_hung_up = true;
        }
    }
}

impl Client {
    fn say(&self, world: &mut World, frame: &str) {
        let mut bytes = Vec::new();
        frames::encode(frame, &mut bytes);
        world.client(&self.name).write(&bytes);
    }

    /// Asks for the next lease, and often says its first words with it.
    fn ask(&mut self, world: &mut World, random: &mut Random, ledger: &mut Ledger) {
        self.number += 1;
        ledger.leases += 1;
        self.streams.push(Stream {
            lease: ledger.leases,
            heard: Vec::new(),
            understood: 0,
            answers: 0,
        });
        self.has_ended = false;
        self.has_finished = false;
        self.written = 0;
        self.requests = 0;
        let target =
            ["web", "web", "web", "web", "many", "many", "many", "named", "local", "nowhere"]
                [random.place(10)];
        let route = world.config.routes.iter().find(|route| route.label() == target);
        self.is_shared = route.is_some_and(|route| route.settings.share == Share::Any);
        let flag = ["", "", "", "", "", "", "", "", " fresh", " no_wait", " opaque", " tag=t"]
            [random.place(12)];
        world.client(&self.name).asked(self.number);
        self.say(world, &format!("{} LEASE route={target}{flag}", self.number));
        for _ in 0..random.below(3) {
            self.request(world, random, ledger);
        }
    }

    /// Goes on with the lease that it has. It may lie about what it heard, but not about what it
    /// waits for: an answer that is still to come belongs to whoever leases next (DESIGN.md,
    /// section 6.4, "Residue").
    fn go_on(&mut self, world: &mut World, random: &mut Random, ledger: &mut Ledger) {
        let progress = world.client(&self.name).progress(self.number);
        if progress == Some(Progress::Ended) {
            self.has_ended = true;
            return;
        }
        let heard = self.streams.last().map_or(0, |stream| stream.heard.len());
        let (number, written) = (self.number, self.written);
        let is_answered = self.streams.last().is_some_and(|stream| stream.answers == self.requests);
        match random.below(40) {
            0 => self.end(world, "CANCEL"),
            1 => self.end(world, "RELEASE discard"),
            2 => self.end(world, "RELEASE unused"),
            3 => self.end(world, &format!("RELEASE reusable rx={} tx={written}", heard + 1)),
            4 if !self.has_finished => {
                self.has_finished = true;
                self.say(world, &format!("{number} FIN"));
            }
            5 => self.say(world, &format!("{number} INFO")),
            6..12 => self.request(world, random, ledger),
            _ if !is_answered => {}
            _ => self.end(world, &format!("RELEASE reusable rx={heard} tx={written}")),
        }
    }

    /// One request, in one frame.
    fn request(&mut self, world: &mut World, random: &mut Random, ledger: &mut Ledger) {
        let may_be_early = world.client(&self.name).progress(self.number) == Some(Progress::Asked);
        if self.has_finished || (may_be_early && self.written > 1000) {
            return;
        }
        let answer_len = [0, 10, 300, 5_000, 60_000][random.place(5)];
        let bytes = ledger.ask(Request {
            uid: self.uid,
            is_shared: self.is_shared,
            lease: self.streams.last().expect("a lease was asked for").lease,
            answer_len,
            has_arrived: false,
        });
        self.requests += usize::from(answer_len > 0);
        self.written += u64::try_from(bytes.len()).expect("64 bits");
        let frame = Frame { lease: self.number, message: ClientMessage::Data(&bytes) };
        let mut encoded = Vec::new();
        encode_client(&frame, &mut encoded).expect("fits");
        world.client(&self.name).write(&encoded);
    }

    fn end(&mut self, world: &mut World, frame: &str) {
        self.has_ended = true;
        self.say(world, &format!("{} {frame}", self.number));
    }

    fn look(&mut self, world: &mut World, ledger: &Ledger) {
        let client = world.client(&self.name);
        client.take_heard();
        for (number, bytes) in std::mem::take(&mut client.collected) {
            self.streams[usize::from(number) - 1].hear(&bytes, ledger);
        }
    }
}

impl Stream {
    /// Every message must be an answer to this lease's requests, or what followed one.
    fn hear(&mut self, bytes: &[u8], ledger: &Ledger) {
        self.heard.extend(bytes);
        while let Some((kind, id, len, whole)) = first(&self.heard[self.understood..]) {
            let request = ledger.get(id);
            assert_ne!(kind, Kind::Request, "a client hears answers");
            assert_eq!(request.lease, self.lease, "{kind:?} {id} was another lease's");
            assert!(kind == Kind::Babble || request.answer_len == len);
            self.understood += whole;
            self.answers += usize::from(kind == Kind::Answer);
        }
    }
}
