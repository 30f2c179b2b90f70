//! Two connections joined by a wire on a virtual clock.

use crate::stack::stats::Stats;
use crate::tcp::{Config, Connection, Event, Read, State};
use crate::time::{Duration, Instant};

use super::{Owned, bytes, start};

/// Which way a segment goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    ToServer,
    ToClient,
}

/// What the wire does with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Arrives,
    Lost,
    Twice,
    /// Arrives so many milliseconds late.
    Late(u64),
}

/// Says the fate of a segment, with its number among all.
type Fates = Box<dyn FnMut(Way, usize, &Owned) -> Fate>;

/// One end of the wire.
pub(super) struct End {
    pub(super) connection: Connection,
    pub(super) stats: Stats,
    pub(super) events: Vec<Event>,
    /// Everything read so far.
    pub(super) received: Vec<u8>,
    /// What is still to be written.
    pub(super) to_write: Vec<u8>,
    written: usize,
    pub(super) finish_when_written: bool,
    pub(super) reads: bool,
    pub(super) eof: bool,
}

impl End {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            stats: Stats::default(),
            events: Vec::new(),
            received: Vec::new(),
            to_write: Vec::new(),
            written: 0,
            finish_when_written: false,
            reads: true,
            eof: false,
        }
    }

    fn act(&mut self, now: Instant) {
        while let Some(event) = self.connection.poll_event() {
            self.events.push(event);
        }
        if self.written < self.to_write.len()
            && let Ok(taken) = self.connection.write(now, &self.to_write[self.written..])
        {
            self.written += taken;
        }
        if self.finish_when_written && self.written == self.to_write.len() {
            self.finish_when_written = self.connection.finish(now).is_err();
        }
        let mut buffer = [0; 4096];
        while self.reads {
            match self.connection.read(now, &mut buffer) {
                Ok(Read::Bytes(count)) => self.received.extend_from_slice(&buffer[..count]),
                Ok(Read::Empty) | Err(_) => break,
                Ok(Read::Eof) => {
                    self.eof = true;
                    break;
                }
            }
        }
        self.connection.assert_invariants();
    }

    pub(super) fn saw(&self, event: Event) -> bool {
        self.events.contains(&event)
    }
}

pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) client: End,
    /// Absent until the first SYN has come.
    pub(super) server: Option<End>,
    server_config: Config,
    server_isn: u32,
    pub(super) delay: Duration,
    /// Whether segments that arrive at one time are all taken before an answer leaves.
    pub(super) takes_together: bool,
    pub(super) fates: Fates,
    wire: Vec<(Instant, Way, Owned)>,
    pub(super) sent: Vec<(Instant, Way, Owned)>,
}

impl Pair {
    pub(super) fn new(client: Config, server: Config, isn: u32) -> Self {
        let now = Instant::from_millis(1_000);
        Self {
            now,
            client: End::new(Connection::connect(now, &client, start(isn))),
            server: None,
            server_config: server,
            server_isn: isn.wrapping_add(77_777),
            delay: Duration::from_millis(5),
            takes_together: false,
            fates: Box::new(|_, _, _| Fate::Arrives),
            wire: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Both sides open, nothing under way.
    pub(super) fn established(client: Config, server: Config, isn: u32) -> Self {
        let mut pair = Self::new(client, server, isn);
        pair.run_for(Duration::from_millis(100));
        assert_eq!(pair.states(), (State::Established, State::Established));
        pair
    }

    pub(super) fn server(&mut self) -> &mut End {
        self.server.as_mut().expect("the SYN has come")
    }

    pub(super) fn states(&self) -> (State, State) {
        let server = self.server.as_ref().map_or(State::Closed, |end| end.connection.state());
        (self.client.connection.state(), server)
    }

    /// Runs for `span` of virtual time.
    pub(super) fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until `done`, for at most `limit`.
    pub(super) fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        while !done(self) {
            assert!(self.step(end), "not done by {:?}; states {:?}", self.now, self.states());
        }
    }

    /// Lets both ends act and the next thing happen, if it does before `end`.
    fn step(&mut self, end: Instant) -> bool {
        self.client.act(self.now);
        if let Some(server) = &mut self.server {
            server.act(self.now);
        }
        self.transmit(Way::ToServer);
        self.transmit(Way::ToClient);
        let arrival = self.wire.iter().map(|(at, ..)| *at).min();
        let server_timer = self.server.as_ref().and_then(|end| end.connection.poll_timeout());
        let next = [arrival, self.client.connection.poll_timeout(), server_timer];
        let Some(next) = next.into_iter().flatten().min().filter(|next| *next <= end) else {
            return false;
        };
        self.now = next.max(self.now);
        self.deliver();
        self.client.connection.handle_timeout(self.now, &mut self.client.stats);
        if let Some(server) = &mut self.server {
            server.connection.handle_timeout(self.now, &mut server.stats);
        }
        true
    }

    fn transmit(&mut self, way: Way) {
        let end = match way {
            Way::ToServer => &mut self.client,
            Way::ToClient => match &mut self.server {
                Some(server) => server,
                None => return,
            },
        };
        let mut burst = 0;
        while let Some(seg) = end.connection.poll_transmit(self.now, &mut end.stats) {
            let owned = Owned::of(&seg);
            burst += 1;
            assert!(burst < 10_000, "transmits for ever: {owned:?}");
            let number = self.sent.len();
            let arrival = self.now + self.delay;
            match (self.fates)(way, number, &owned) {
                Fate::Arrives => self.wire.push((arrival, way, owned.clone())),
                Fate::Lost => {}
                Fate::Twice => {
                    self.wire.push((arrival, way, owned.clone()));
                    self.wire.push((arrival, way, owned.clone()));
                }
                Fate::Late(ms) => {
                    let late = arrival + Duration::from_millis(ms);
                    self.wire.push((late, way, owned.clone()));
                }
            }
            self.sent.push((self.now, way, owned));
        }
        end.connection.assert_invariants();
        super::assert_will_go_on(&end.connection, self.now);
    }

    fn deliver(&mut self) {
        let now = self.now;
        let due: Vec<_> = self.wire.iter().filter(|(at, ..)| *at <= now).cloned().collect();
        self.wire.retain(|(at, ..)| *at > now);
        for (_, way, owned) in due {
            self.hand_over(way, &owned);
            if !self.takes_together {
                self.answer(way);
            }
        }
    }

    /// The end that a segment came to acts and answers.
    fn answer(&mut self, way: Way) {
        match (way, &mut self.server) {
            (Way::ToClient, _) => self.client.act(self.now),
            (Way::ToServer, Some(server)) => server.act(self.now),
            (Way::ToServer, None) => {}
        }
        self.transmit(match way {
            Way::ToClient => Way::ToServer,
            Way::ToServer => Way::ToClient,
        });
    }

    fn hand_over(&mut self, way: Way, owned: &Owned) {
        let (now, seg) = (self.now, owned.segment());
        match (way, &mut self.server) {
            (Way::ToClient, _) => {
                self.client.connection.handle_segment(now, &seg, &mut self.client.stats);
            }
            (Way::ToServer, Some(server)) => {
                server.connection.handle_segment(now, &seg, &mut server.stats);
            }
            (Way::ToServer, None) if seg.flags.syn => {
                let start = start(self.server_isn);
                let connection = Connection::accept(now, &self.server_config, start, &seg);
                self.server = Some(End::new(connection));
            }
            (Way::ToServer, None) => {}
        }
    }

    /// Moves `len` bytes each way, closes both sides, and checks every byte.
    pub(super) fn exchange(&mut self, len: usize, limit: Duration) {
        self.client.to_write = bytes(0, len);
        self.client.finish_when_written = true;
        self.run_until(limit, |pair| pair.server.is_some());
        self.server().to_write = bytes(7, len);
        self.server().finish_when_written = true;
        self.run_until(limit, |pair| {
            pair.client.eof && pair.server.as_ref().is_some_and(|server| server.eof)
        });
        assert!(self.client.received == bytes(7, len), "the client's bytes differ");
        assert!(self.server().received == bytes(0, len), "the server's bytes differ");
    }

    /// Segments with text that went a way.
    pub(super) fn texts(&self, way: Way) -> Vec<&Owned> {
        let of_way = self.sent.iter().filter(|(_, sent_way, _)| *sent_way == way);
        of_way.map(|(.., owned)| owned).filter(|owned| !owned.text.is_empty()).collect()
    }
}

/// A small generator of its own, so that a seed replays a run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `bound`.
    pub(super) fn roll(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}
