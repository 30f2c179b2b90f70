//! Servers that answer, and then say what nobody asked for.

use std::collections::HashMap;

use wharf_pool::time::{Duration, Instant};

use super::super::super::super::instant;
use super::super::super::pattern;
use super::super::super::random::Random;
use super::super::super::world::World;
use super::super::messages::{Kind, REQUEST_LEN, first, head};

/// One answer in so many is followed by a message that nobody asked for.
const UNSOLICITED_ONE_IN: u64 = 3;

/// A request that has reached a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    pub(super) port: u16,
    /// Where it begins in the daemon's stream.
    pub(super) offset: u32,
    /// The request that came before it on this connection.
    pub(super) before: Option<u64>,
}

/// A message that nobody asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unsolicited {
    pub(super) port: u16,
    /// Where it begins in the server's stream.
    pub(super) offset: u32,
    /// The request behind whose answer it came.
    pub(super) after: u64,
}

/// One connection, as its server sees it.
#[derive(Debug)]
struct Line {
    port: u16,
    heard: u32,
    said: u32,
    last: Option<u64>,
}

/// What a server will say.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Instant,
    line: usize,
    request: u64,
    /// Length of the answer; nothing for a message that nobody asked for.
    answer: Option<u32>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Servers {
    lines: Vec<Line>,
    due: Vec<Due>,
    /// Requests by id.
    pub(super) arrived: HashMap<u64, Arrived>,
    pub(super) unsolicited: Vec<Unsolicited>,
}

impl Servers {
    /// When a server speaks next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.iter().map(|due| due.at).min()
    }

    /// Hears what has come, and says what is due.
    pub(super) fn turn(&mut self, world: &mut World, random: &mut Random, round_trip: Duration) {
        for at in 0..world.upstream.accepted.len() {
            if self.lines.len() == at {
                let port = world.upstream.accepted[at].port;
                self.lines.push(Line { port, heard: 0, said: 0, last: None });
            }
            let line = &mut self.lines[at];
            let heard = &mut world.upstream.accepted[at].heard;
            while let Some((kind, id, len, whole)) = first(heard) {
                assert_eq!((kind, whole), (Kind::Request, REQUEST_LEN), "a server hears requests");
                heard.drain(..whole);
                let before = line.last.replace(id);
                let arrived = Arrived { port: line.port, offset: line.heard, before };
                assert!(self.arrived.insert(id, arrived).is_none(), "request {id} came twice");
                line.heard += u32::try_from(REQUEST_LEN).expect("few");
                let thinks = round_trip * u32::try_from(random.below(100)).expect("few") / 100;
                let due = world.now.monotonic + thinks;
                self.due.push(Due { at: due, line: at, request: id, answer: Some(len) });
            }
        }
        self.speak(world, random, round_trip);
    }

    fn speak(&mut self, world: &mut World, random: &mut Random, round_trip: Duration) {
        let now = world.now.monotonic;
        let (due, later): (Vec<Due>, Vec<Due>) = self.due.iter().partition(|due| due.at <= now);
        self.due = later;
        for Due { line: at, request, answer, .. } in due {
            if world.upstream.accepted[at].is_over {
                continue;
            }
            let line = &mut self.lines[at];
            let message = match answer {
                Some(len) => {
                    let mut answer = head(Kind::Answer, request, len);
                    answer.extend(pattern::piece(request, 0, usize::try_from(len).expect("fits")));
                    if random.below(UNSOLICITED_ONE_IN) == 0 {
                        let pause = u32::try_from(random.below(301)).expect("few");
                        let at_last = now + round_trip * pause / 100;
                        self.due.push(Due { at: at_last, line: at, request, answer: None });
                    }
                    answer
                }
                None => {
                    let id = u64::try_from(self.unsolicited.len()).expect("64 bits");
                    let (port, offset) = (line.port, line.said);
                    self.unsolicited.push(Unsolicited { port, offset, after: request });
                    head(Kind::Babble, id, 0)
                }
            };
            line.said += u32::try_from(message.len()).expect("fits");
            world.upstream.say(instant(world.now), at, &message);
        }
    }
}
