//! What a client does with its leases: asks, writes, reads, compares, gives back; and loses
//! patience.

use wharf_protocol::{
    Class, ClientMessage, DATA_MAX, Disposition, EARLY_DATA_MAX, ErrorToken, Hello, LeaseRequest,
    Release, Target, Verdict, next_lease,
};
use wharf_transport::time::{Duration, Instant};

use super::client::{Client, Heard};
use super::request::Request;
use super::scenario::{Errand, Manner, Patron};
use super::upstream::CHATTER;
use crate::stream::Reading;
use crate::violation::{Kind, Violation, demand};

/// The routes' names, by number.
pub(super) const ROUTES: [&str; 3] = ["web", "many", "named"];

/// How long a client waits for an answer, and then for its release to be taken.
const PATIENCE: Duration = Duration::from_secs(90);

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It asks for its next lease then.
    Resting(Instant),
    /// It has asked.
    Asked,
    /// It writes and reads.
    Using,
    /// It has what it wanted, and gives it back then.
    Holding(Instant),
    /// It has given it back.
    Ended,
    /// It has hung up.
    Gone,
}

/// What became of a request, as the client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) id: u64,
    /// What is said of its bytes; a refusal says that none was sent.
    pub(super) verdict: Verdict,
}

/// One client at work.
#[derive(Debug)]
pub(super) struct Customer {
    pub(super) plan: Patron,
    pub(super) client: Client,
    index: u64,
    seed: u64,
    /// Errands that were begun.
    begun: usize,
    number: u16,
    stage: Stage,
    since: Instant,
    reading: Reading,
    request: Option<Request>,
    /// What of the request is not said yet.
    unsaid: Vec<u8>,
    /// Bytes of the request that went into DATA.
    said: u64,
    /// Bytes that came behind the answer.
    extra: u64,
    eof: bool,
    pub(super) told: Vec<Told>,
    pub(super) granted: u64,
    pub(super) heard_bytes: u64,
    /// The daemon ended the session, and said why.
    pub(super) was_refused: bool,
    /// Its lease was never ended, and nothing explains why.
    pub(super) is_ignored: bool,
    /// Since when it has hung up.
    pub(super) gone_since: Option<Instant>,
    /// The reactor has heard that its process is gone.
    pub(super) is_buried: bool,
    /// When its socket takes more again.
    pub(super) sips_at: Option<Instant>,
}

impl Customer {
    /// A client that has just connected: it says HELLO.
    pub(super) fn new(plan: Patron, client: Client, index: u64, seed: u64, now: Instant) -> Self {
        let mut customer = Self {
            plan,
            client,
            index,
            seed,
            begun: 0,
            number: 0,
            stage: Stage::Resting(now),
            since: now,
            reading: Reading::of(crate::stream::Stream::new(0)),
            request: None,
            unsaid: Vec::new(),
            said: 0,
            extra: 0,
            eof: false,
            told: Vec::new(),
            granted: 0,
            heard_bytes: 0,
            was_refused: false,
            is_ignored: false,
            gone_since: None,
            is_buried: false,
            sips_at: None,
        };
        customer.client.say(0, ClientMessage::Hello(Hello::new("sim")));
        if let Some(errand) = customer.plan.errands.first() {
            customer.stage = Stage::Resting(now + errand.pause);
        }
        customer
    }

    /// Whether it has nothing left to do.
    pub(super) fn is_done(&self) -> bool {
        self.stage == Stage::Gone
    }

    fn errand(&self) -> Option<&Errand> {
        self.plan.errands.get(self.begun.checked_sub(1)?)
    }

    fn enter(&mut self, now: Instant, stage: Stage) {
        self.stage = stage;
        self.since = now;
    }

    /// When it does something by itself.
    pub(super) fn next(&self) -> Option<Instant> {
        match self.stage {
            Stage::Resting(at) | Stage::Holding(at) => Some(at),
            Stage::Asked if self.cancels() => Some(self.since + self.errand()?.hold),
            Stage::Using | Stage::Ended | Stage::Asked => Some(self.since + PATIENCE),
            Stage::Gone => None,
        }
    }

    fn cancels(&self) -> bool {
        self.errand().is_some_and(|errand| errand.manner == Manner::Cancel)
    }

    /// Does what is due.
    pub(super) fn step(&mut self, now: Instant) {
        while self.next().is_some_and(|due| due <= now) {
            match self.stage {
                Stage::Resting(_) => self.begin(now),
                Stage::Asked if self.cancels() => {
                    self.client.say(self.number, ClientMessage::Cancel);
                    self.ended(now);
                }
                Stage::Using => self.give_back(now, Disposition::Discard),
                Stage::Holding(_) => self.give_back(now, self.disposition()),
                Stage::Asked | Stage::Ended => {
                    // What it said was read, and yet nothing came.
                    self.is_ignored = self.client.was_read();
                    self.hang_up(now);
                }
                Stage::Gone => {}
            }
        }
        if self.client.has_hung_up && self.gone_since.is_none() {
            self.hang_up(now);
        }
    }

    pub(super) fn hang_up(&mut self, now: Instant) {
        self.client.has_hung_up = true;
        self.gone_since.get_or_insert(now);
        self.enter(now, Stage::Gone);
    }

    /// Asks for the next lease, or hangs up behind the last.
    fn begin(&mut self, now: Instant) {
        let Some(errand) = self.plan.errands.get(self.begun).copied() else {
            return self.hang_up(now);
        };
        self.begun += 1;
        self.number = next_lease(self.number);
        let tag = ["", "red", "blue"][usize::from(errand.tag % 3)];
        let lease = LeaseRequest {
            tag: (errand.tag > 0).then_some(tag),
            class: if errand.opaque { Class::Opaque } else { Class::Plain },
            fresh: errand.fresh,
            ..LeaseRequest::new(Target::Route(ROUTES[errand.route % ROUTES.len()]))
        };
        self.client.say(self.number, ClientMessage::Lease(lease));
        let request = Request {
            id: self.seed.rotate_left(20) ^ self.index << 16 ^ self.begun as u64,
            body: errand.body,
            answer: errand.answer,
            uid: self.plan.uid,
            tag: errand.tag,
            fresh: errand.fresh,
            opaque: errand.opaque,
        };
        self.reading = Reading::of(request.answer_stream());
        (self.said, self.extra, self.eof) = (0, 0, false);
        let speaks = errand.manner != Manner::Unused;
        self.unsaid = if speaks { request.bytes() } else { Vec::new() };
        self.request = speaks.then_some(request);
        if errand.ahead {
            self.say_some(EARLY_DATA_MAX);
        }
        self.enter(now, Stage::Asked);
    }

    /// Puts up to `most` bytes of the request into DATA.
    fn say_some(&mut self, most: usize) {
        let count = self.unsaid.len().min(most);
        let bytes: Vec<u8> = self.unsaid.drain(..count).collect();
        for piece in bytes.chunks(DATA_MAX) {
            self.client.say(self.number, ClientMessage::Data(piece));
        }
        self.said += count as u64;
    }

    /// What it says of the connection at the end.
    fn disposition(&self) -> Disposition {
        match self.errand().map(|errand| errand.manner) {
            Some(Manner::Unused) => Disposition::Unused,
            Some(Manner::Reusable | Manner::Lie) => Disposition::Reusable,
            Some(Manner::Discard | Manner::Cancel | Manner::Finish) | None => Disposition::Discard,
        }
    }

    fn give_back(&mut self, now: Instant, disposition: Disposition) {
        let lies = self.errand().is_some_and(|errand| errand.manner == Manner::Lie);
        let rx_consumed = self.reading.digest().bytes() + self.extra + u64::from(lies);
        let release = Release { disposition, rx_consumed, tx_written: self.said, keep_alive: None };
        self.client.say(self.number, ClientMessage::Release(release));
        self.ended(now);
    }

    /// The lease is given back: the next one waits for RELEASED, or does not.
    fn ended(&mut self, now: Instant) {
        self.unsaid.clear();
        if self.errand().is_some_and(|errand| errand.hasty) {
            self.rest(now);
        } else {
            self.enter(now, Stage::Ended);
        }
    }

    fn rest(&mut self, now: Instant) {
        let pause = self.plan.errands.get(self.begun).map_or(Duration::ZERO, |next| next.pause);
        self.enter(now, Stage::Resting(now + pause));
    }

    /// The daemon says something of lease `number`, or of the session (0).
    pub(super) fn hear(
        &mut self,
        now: Instant,
        number: u16,
        heard: &Heard,
    ) -> Result<(), Violation> {
        if let Heard::Refused { token, cause } = heard
            && number == 0
        {
            self.was_refused = true;
            let is_earned = self.client.has_raved || *token == ErrorToken::Quota;
            return demand(is_earned, Kind::Lease, || {
                format!("an orderly session was refused: {token} {cause}")
            });
        }
        if number != self.number || self.stage == Stage::Gone {
            return Ok(());
        }
        match heard {
            Heard::Leased { uses } => return self.leased(now, *uses),
            Heard::Data(bytes) => return self.read(now, bytes),
            Heard::Refused { .. } => {
                self.note(Verdict::NeverSent);
                self.rest(now);
            }
            Heard::Eof => {
                self.eof = true;
                self.look(now);
            }
            Heard::Reset(verdict) => {
                self.note(*verdict);
                if matches!(self.stage, Stage::Using | Stage::Holding(_)) {
                    self.give_back(now, Disposition::Discard);
                }
            }
            Heard::Released => {
                if self.stage == Stage::Ended {
                    self.rest(now);
                }
            }
            Heard::Other => {}
        }
        Ok(())
    }

    /// How far it has come, for people.
    pub(super) fn show(&self) -> String {
        format!("errand {}, lease {}, {:?}", self.begun, self.number, self.stage)
    }

    fn leased(&mut self, now: Instant, uses: u32) -> Result<(), Violation> {
        self.granted += 1;
        let is_fresh = self.errand().is_some_and(|errand| errand.fresh);
        demand(!is_fresh || uses == 0, Kind::Lease, || {
            format!("a fresh lease has a connection of {uses} uses")
        })?;
        // LEASED that crossed CANCEL is of a lease that is over.
        if self.stage == Stage::Asked {
            self.say_some(usize::MAX);
            if self.errand().is_some_and(|errand| errand.manner == Manner::Finish) {
                self.client.say(self.number, ClientMessage::Fin);
            }
            self.enter(now, Stage::Using);
            self.look(now);
        }
        Ok(())
    }

    fn note(&mut self, verdict: Verdict) {
        if let Some(request) = self.request {
            self.told.push(Told { id: request.id, verdict });
        }
    }

    /// Bytes of the peer: the answer, and behind it at most what an upstream chatters.
    fn read(&mut self, now: Instant, bytes: &[u8]) -> Result<(), Violation> {
        if matches!(self.stage, Stage::Ended | Stage::Resting(_)) {
            return Ok(());
        }
        self.heard_bytes += bytes.len() as u64;
        let asked = self.request.map_or(0, |request| request.answer);
        let left = usize::try_from(asked - self.reading.digest().bytes()).unwrap_or(usize::MAX);
        let (answer, rest) = bytes.split_at(left.min(bytes.len()));
        let foreign =
            |what: String| Violation::new(Kind::Stream, format!("{what}, lease {}", self.number));
        self.reading.take(answer).map_err(|difference| foreign(difference.to_string()))?;
        let is_chatter = self.request.is_some() && rest.iter().all(|byte| *byte == CHATTER);
        demand(is_chatter || rest.is_empty(), Kind::Stream, || {
            format!("{} foreign bytes on lease {}", rest.len(), self.number)
        })?;
        self.extra += rest.len() as u64;
        self.look(now);
        Ok(())
    }

    /// Whether the lease has brought what it was for.
    fn look(&mut self, now: Instant) {
        if self.stage != Stage::Using {
            return;
        }
        let Some(errand) = self.errand().copied() else { return };
        let read = self.reading.digest().bytes();
        let is_enough = match errand.manner {
            Manner::Reusable | Manner::Lie => read == errand.answer && self.request.is_some(),
            Manner::Discard | Manner::Cancel => read >= errand.answer / 2,
            Manner::Unused => true,
            Manner::Finish => self.eof,
        };
        if is_enough {
            self.enter(now, Stage::Holding(now + errand.hold));
        } else if self.eof {
            self.give_back(now, Disposition::Discard);
        }
    }
}
