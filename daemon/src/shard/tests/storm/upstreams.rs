//! The upstreams of a storm: they answer what they are asked, and misbehave in between.

use super::super::super::instant;
use super::super::pattern;
use super::super::random::Random;
use super::super::upstream::ADDRESSES;
use super::super::world::World;
use super::messages::{HEAD_LEN, Kind, Ledger, first, head};

/// What an upstream knows of one connection.
#[derive(Debug, Default)]
struct Conversation {
    /// Whose requests came so far; one user's alone where users do not share.
    uid: Option<u32>,
    /// The request that came last.
    last: Option<(u64, u64)>,
    /// Leases whose requests came before the last one's: they must not come again.
    over: Vec<u64>,
    has_finished: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Answers {
    conversations: Vec<Conversation>,
    /// Whether upstreams say what nobody asked for.
    pub(super) babbles: bool,
}

impl Answers {
    /// Answers all requests that have come whole.
    pub(super) fn answer(&mut self, world: &mut World, ledger: &mut Ledger) {
        for at in 0..world.upstream.accepted.len() {
            if self.conversations.len() == at {
                self.conversations.push(Conversation::default());
            }
            let conversation = &mut self.conversations[at];
            let mut answers = Vec::new();
            let heard = &mut world.upstream.accepted[at].heard;
            while let Some((kind, id, len, whole)) = first(heard) {
                assert_eq!(kind, Kind::Request, "an upstream hears requests");
                let request = ledger.arrived(id);
                conversation.hear(id, request.lease);
                let uid = *conversation.uid.get_or_insert(request.uid);
                assert!(request.is_shared || uid == request.uid, "two users share a connection");
                if len > 0 {
                    answers.extend(head(Kind::Answer, id, len));
                    let len = usize::try_from(len).expect("a length in memory");
                    answers.extend(pattern::piece(id, 0, len));
                }
                heard.drain(..whole);
            }
            let now = instant(world.now);
            world.upstream.say(now, at, &answers);
            if world.upstream.accepted[at].heard_fin && !conversation.has_finished {
                conversation.has_finished = true;
                world.upstream.finish(now, at);
            }
        }
    }

    /// One upstream does what it should not.
    pub(super) fn misbehave(&mut self, world: &mut World, random: &mut Random) {
        let now = instant(world.now);
        match random.below(60) {
            0 => world.upstream.restart(),
            1 => world.upstream.stop_listening(now),
            2..6 => {
                world.upstream.stop_listening(now);
                world.upstream.listen();
            }
            6 => world.upstream.silent = vec![ADDRESSES[random.place(3)]],
            7 => world.upstream.refusing = vec![ADDRESSES[random.place(3)]],
            8..20 => {
                world.upstream.silent.clear();
                world.upstream.refusing.clear();
            }
            _ => self.misbehave_on_one(world, random),
        }
    }

    fn misbehave_on_one(&mut self, world: &mut World, random: &mut Random) {
        let live: Vec<usize> = (0..self.conversations.len())
            .filter(|at| !world.upstream.accepted[*at].is_over)
            .collect();
        if live.is_empty() {
            return;
        }
        let at = live[random.place(live.len())];
        let now = instant(world.now);
        match random.below(14) {
            0 => world.upstream.reset(now, at),
            1 => {
                self.conversations[at].has_finished = true;
                world.upstream.finish(now, at);
            }
            2 => world.upstream.accepted[at].reads = false,
            3..7 => world.upstream.accepted[at].reads = true,
            _ => self.babble(world, at),
        }
    }

    /// Says what nobody asked for, behind the last answer. Only an upstream that has read all that
    /// its TCP acknowledged, and whose TCP says it at once, says it before the next request.
    fn babble(&mut self, world: &mut World, at: usize) {
        let accepted = &world.upstream.accepted[at];
        let has_read = accepted.reads && accepted.heard.is_empty();
        let is_quiet = self.babbles && has_read && world.upstream.speaks_at_once(world.now, at);
        let conversation = &self.conversations[at];
        if let Some((id, _)) = conversation.last.filter(|_| is_quiet && !conversation.has_finished)
        {
            let babble = head(Kind::Babble, id, 0);
            assert_eq!(babble.len(), HEAD_LEN);
            world.upstream.say(instant(world.now), at, &babble);
        }
    }

    /// From now on all of them behave.
    pub(super) fn calm(&mut self, world: &mut World) {
        world.upstream.stop_listening(instant(world.now));
        world.upstream.listen();
        world.upstream.silent.clear();
        world.upstream.refusing.clear();
        for accepted in &mut world.upstream.accepted {
            accepted.reads = true;
        }
    }
}

impl Conversation {
    /// A request came: those of one lease come together.
    fn hear(&mut self, id: u64, lease: u64) {
        if let Some((_, before)) = self.last.filter(|(_, before)| *before != lease) {
            self.over.push(before);
        }
        assert!(!self.over.contains(&lease), "requests of two leases are mixed");
        self.last = Some((id, lease));
    }
}
