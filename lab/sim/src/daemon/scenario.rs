//! What happens in one run of a daemon, as plain data: drawn from a seed, made simpler by the
//! shrinker, shown in a failure.

use wharf_transport::tcp::Congestion;
use wharf_transport::time::Duration;

use crate::dice::Dice;
use crate::mtu::PathMtu;
use crate::plant::Plant;
use crate::way::Conditions;

/// Ports of a daemon by default: from 10 000 on.
const PORTS: u16 = 55_536;

/// A daemon, its clients, its upstreams, and what befalls them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Decides what is not said here: bytes, fates of packets, secrets.
    pub seed: u64,
    /// From the daemon to the upstreams, and back.
    pub ways: [Conditions; 2],
    /// How coarse the clocks of daemon and upstreams are.
    pub resolutions: [Duration; 2],
    /// The daemon's configuration.
    pub settings: Settings,
    /// The clients.
    pub patrons: Vec<Patron>,
    /// The other side.
    pub upstreams: Upstreams,
    /// What befalls them, and when.
    pub acts: Vec<(Duration, Act)>,
    /// A fault of the simulation's own.
    pub plant: Plant,
}

/// What the configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `max_per_route`.
    pub connections: usize,
    /// `max_waiters_per_route`.
    pub waiters: usize,
    /// `max_uses`; 0 is any number.
    pub uses: u32,
    /// `idle_timeout`.
    pub idle: Duration,
    /// `lease_timeout`.
    pub lease: Duration,
    /// `max_leases_per_uid`; 0 is any number.
    pub per_uid: usize,
    /// `session_buffer`.
    pub session_buffer: usize,
    /// The TCP buffers.
    pub buffers: usize,
    /// Selective acknowledgements and timestamps.
    pub extensions: bool,
    /// The algorithm of congestion control.
    pub congestion: Congestion,
    /// Explicit congestion notification.
    pub ecn: bool,
    /// All text is paced.
    pub pacing: bool,
    /// Ports that connections leave from, at least one.
    pub ports: u16,
}

/// One client: a process with one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patron {
    /// When it connects, since the run began.
    pub after: Duration,
    /// Its user.
    pub uid: u32,
    /// What it wants, one lease after the other.
    pub errands: Vec<Errand>,
    /// It exits once it has written so many bytes.
    pub exits_at: Option<u64>,
    /// It writes nonsense once it has written so many bytes.
    pub raves_at: Option<u64>,
    /// It reads so many bytes, then pauses for a millisecond; 0 is no limit.
    pub sips: usize,
}

/// One lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errand {
    /// Which route.
    pub route: usize,
    /// Bytes of the request's body.
    pub body: u64,
    /// Bytes of the answer, at least one: the exchange is over with the last.
    pub answer: u64,
    /// How it goes.
    pub manner: Manner,
    /// The lease asks for a connection without history.
    pub fresh: bool,
    /// The lease's class is opaque.
    pub opaque: bool,
    /// The lease's tag; 0 is none.
    pub tag: u16,
    /// The request goes with the LEASE.
    pub ahead: bool,
    /// The next LEASE does not wait for RELEASED.
    pub hasty: bool,
    /// Pause before it.
    pub pause: Duration,
    /// Pause between the answer and the release, or before the cancel.
    pub hold: Duration,
}

/// How a lease goes from the client's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Request, answer, RELEASE reusable.
    Reusable,
    /// Request, some of the answer, RELEASE discard.
    Discard,
    /// RELEASE unused, without a request.
    Unused,
    /// CANCEL after a while, if it was not refused before.
    Cancel,
    /// Request, FIN, the answer, EOF, RELEASE discard.
    Finish,
    /// Request, answer, RELEASE reusable with wrong totals.
    Lie,
}

/// How upstreams behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstreams {
    /// FIN behind so many answers; 0 is never.
    pub fin_after: u32,
    /// FIN after so long without a request.
    pub fin_idle: Option<Duration>,
    /// Resets one connection in so many requests; 0 is never.
    pub resets: u64,
    /// Says something that nobody asked for behind one answer in so many; 0 is never.
    pub chatters: u64,
    /// From the request to its answer.
    pub thinks: Duration,
    /// Nobody listens at the first address of the route with several.
    pub first_is_closed: bool,
    /// Names that do not resolve: one in so many questions; 0 is none.
    pub dns_fails: u64,
    /// Whether names have other addresses from one answer to the next.
    pub dns_moves: bool,
}

/// Something that befalls the daemon or its upstreams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The configuration is read anew; `max_per_route` is this now.
    Reload(usize),
    /// The host sleeps: boot time goes on, monotonic time does not.
    Suspend(Duration),
    /// Upstreams forget every connection, without a word.
    Restart,
    /// The daemon is to end.
    Drain(Duration),
}

impl Scenario {
    /// What `seed` says.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0xdae0);
        let mut ways = if dice.one_in(4) {
            [Conditions::draw(&mut dice), Conditions::draw(&mut dice)]
        } else {
            [calm(&mut dice), calm(&mut dice)]
        };
        let mut mtus = Dice::new(seed ^ 0x3770);
        ways.iter_mut().for_each(|way| way.mtu = PathMtu::draw(&mut mtus, false));
        let mut ports = Dice::new(seed ^ 0x6191);
        let upstreams = Upstreams::draw(&mut dice, &ways);
        let count = 1 + dice.below(8);
        let patrons = (0..count).map(|_| Patron::draw(&mut dice)).collect();
        let acts = (0..dice.below(3)).map(|_| draw_act(&mut dice)).collect();
        let resolution =
            |dice: &mut Dice| dice.duration(Duration::from_micros(1), Duration::from_millis(15));
        Self {
            seed,
            ways,
            resolutions: [resolution(&mut dice), resolution(&mut dice)],
            settings: Settings { ports: draw_ports(&mut ports), ..Settings::draw(&mut dice) },
            patrons,
            upstreams,
            acts,
            plant: Plant::None,
        }
    }

    /// The same with less of something, one for each thing of which there may be less.
    #[must_use]
    pub fn simpler(&self) -> Vec<Self> {
        let mut all = Vec::new();
        let with = |change: &mut dyn FnMut(&mut Self)| {
            let mut other = self.clone();
            change(&mut other);
            other
        };
        let half = self.patrons.len() / 2;
        if half > 0 {
            all.push(with(&mut |other| drop(other.patrons.drain(..half))));
            all.push(with(&mut |other| other.patrons.truncate(half)));
        }
        for at in 0..self.acts.len() {
            all.push(with(&mut |other| other.acts.retain(|act| *act != self.acts[at])));
        }
        for at in 0..self.patrons.len() {
            if self.patrons.len() > 1 {
                all.push(with(&mut |other| drop(other.patrons.remove(at))));
            }
            for patron in self.patrons[at].simpler() {
                all.push(with(&mut |other| other.patrons[at] = patron.clone()));
            }
        }
        for side in 0..2 {
            for way in self.ways[side].simpler() {
                all.push(with(&mut |other| other.ways[side] = way.clone()));
            }
        }
        let plain = Upstreams::plain();
        all.push(with(&mut |other| other.upstreams = plain.clone()));
        all.push(with(&mut |other| other.upstreams.thinks = plain.thinks));
        all.push(with(&mut |other| other.upstreams.fin_idle = None));
        all.push(with(&mut |other| other.upstreams.fin_after = 0));
        all.push(with(&mut |other| other.upstreams.resets = 0));
        all.push(with(&mut |other| other.settings = Settings::plain()));
        all.push(with(&mut |other| other.resolutions = [Duration::from_micros(1); 2]));
        all.retain(|other| other != self);
        all
    }
}

/// A network that most daemons have: little loss, little delay.
fn calm(dice: &mut Dice) -> Conditions {
    let mut conditions = Conditions::draw(dice);
    let link = &mut conditions.link;
    link.delay = dice.duration(Duration::from_micros(10), Duration::from_millis(50));
    link.reorder_by = link.delay;
    link.jitter = link.jitter.min(link.delay);
    link.rate = None;
    if dice.one_in(2) {
        let none = wharf_transport::device::simulated::Chance::NEVER;
        (link.loss, link.corrupt, link.reorder, link.duplicate) = (none, none, none, none);
        (conditions.burst, conditions.outages) = (None, Vec::new());
    } else {
        link.loss = dice.chance(3);
    }
    conditions
}

/// Most daemons have all ports; some so few that those in TIME-WAIT are taken again, or that there is
/// none.
fn draw_ports(dice: &mut Dice) -> u16 {
    if dice.one_in(3) { 1 + u16::try_from(dice.below(8)).unwrap_or(0) } else { PORTS }
}

fn draw_act(dice: &mut Dice) -> (Duration, Act) {
    let after = dice.duration(Duration::from_millis(1), Duration::from_secs(20));
    let act = match dice.below(6) {
        0 | 1 => Act::Reload(1 + dice.length(8)),
        2 => Act::Suspend(dice.duration(Duration::from_secs(1), Duration::from_secs(1_000))),
        3 | 4 => Act::Restart,
        _ => Act::Drain(dice.duration(Duration::from_millis(1), Duration::from_secs(10))),
    };
    (after, act)
}

impl Settings {
    fn draw(dice: &mut Dice) -> Self {
        Self {
            connections: 1 + dice.length(6),
            waiters: dice.pick(&[0, 1, 4, 1_024, 1_024]),
            uses: dice.pick(&[0, 0, 0, 1, 3]),
            idle: dice.duration(Duration::from_millis(100), Duration::from_secs(60)),
            lease: dice.duration(Duration::from_millis(10), Duration::from_secs(30)),
            per_uid: dice.pick(&[0, 0, 2]),
            session_buffer: dice.pick(&[4_096, 65_536, 262_144]),
            buffers: dice.pick(&[16_384, 65_536, 1 << 20]),
            extensions: !dice.one_in(4),
            congestion: dice.pick(&[Congestion::Cubic, Congestion::Reno]),
            ecn: dice.one_in(2),
            pacing: dice.one_in(4),
            ports: PORTS,
        }
    }

    fn plain() -> Self {
        Self {
            connections: 6,
            waiters: 1_024,
            uses: 0,
            idle: Duration::from_secs(50),
            lease: Duration::from_secs(5),
            per_uid: 0,
            session_buffer: 262_144,
            buffers: 1 << 20,
            extensions: true,
            congestion: Congestion::Cubic,
            ecn: false,
            pacing: false,
            ports: PORTS,
        }
    }
}

impl Patron {
    fn draw(dice: &mut Dice) -> Self {
        let errands = (0..1 + dice.below(6)).map(|_| Errand::draw(dice)).collect();
        Self {
            after: Duration::from_micros(dice.below(2_000_000)),
            uid: 1_000 + u32::try_from(dice.below(3)).unwrap_or(0),
            errands,
            exits_at: dice.one_in(4).then(|| dice.spread(1, 100_000)),
            raves_at: dice.one_in(16).then(|| dice.spread(1, 10_000)),
            sips: dice.pick(&[0, 0, 0, 0, 70, 5_000]),
        }
    }

    fn simpler(&self) -> Vec<Self> {
        let mut all = vec![
            Self { after: Duration::ZERO, ..self.clone() },
            Self { uid: 1_000, ..self.clone() },
            Self { exits_at: None, ..self.clone() },
            Self { raves_at: None, ..self.clone() },
            Self { sips: 0, ..self.clone() },
        ];
        for at in 0..self.errands.len() {
            let mut other = self.clone();
            other.errands.remove(at);
            all.push(other);
            all.extend(self.errands[at].simpler().into_iter().map(|errand| {
                let mut other = self.clone();
                other.errands[at] = errand;
                other
            }));
        }
        all
    }
}

impl Errand {
    fn draw(dice: &mut Dice) -> Self {
        let manner = match dice.below(12) {
            0 => Manner::Discard,
            1 => Manner::Unused,
            2 => Manner::Cancel,
            3 => Manner::Finish,
            4 => Manner::Lie,
            _ => Manner::Reusable,
        };
        let size = |dice: &mut Dice| if dice.one_in(4) { 0 } else { dice.spread(1, 60_000) };
        Self {
            route: dice.length(3),
            body: size(dice),
            answer: size(dice).max(1),
            manner,
            fresh: dice.one_in(12),
            opaque: dice.one_in(12),
            tag: if dice.one_in(8) { 1 + u16::try_from(dice.below(2)).unwrap_or(0) } else { 0 },
            ahead: dice.one_in(2),
            hasty: dice.one_in(4),
            pause: if dice.one_in(2) { Duration::ZERO } else { draw_pause(dice) },
            hold: if dice.one_in(2) { Duration::ZERO } else { draw_pause(dice) },
        }
    }

    fn simpler(&self) -> Vec<Self> {
        vec![
            Self { body: 0, ..*self },
            Self { body: self.body / 2, ..*self },
            Self { answer: 1, ..*self },
            Self { answer: self.answer.div_ceil(2), ..*self },
            Self { manner: Manner::Reusable, ..*self },
            Self { fresh: false, opaque: false, tag: 0, ..*self },
            Self { route: 0, ..*self },
            Self { hasty: false, ..*self },
            Self { pause: Duration::ZERO, ..*self },
            Self { hold: Duration::ZERO, ..*self },
        ]
    }
}

fn draw_pause(dice: &mut Dice) -> Duration {
    dice.duration(Duration::from_micros(10), Duration::from_secs(5))
}

impl Upstreams {
    fn draw(dice: &mut Dice, ways: &[Conditions; 2]) -> Self {
        // What is lost is sent again with a newer acknowledgement, and then nothing tells it from
        // an answer: the residue that DESIGN.md, section 6.4 names. So nobody chatters then.
        let is_calm = ways.iter().all(|way| way.is_faithful());
        Self {
            fin_after: dice.pick(&[0, 0, 1, 2, 5]),
            fin_idle: dice.one_in(3).then(|| draw_pause(dice)),
            resets: dice.pick(&[0, 0, 5, 20]),
            chatters: if is_calm { dice.pick(&[0, 2, 5]) } else { 0 },
            thinks: if dice.one_in(2) { Duration::ZERO } else { draw_pause(dice) },
            first_is_closed: dice.one_in(3),
            dns_fails: dice.pick(&[0, 0, 3]),
            dns_moves: dice.one_in(2),
        }
    }

    fn plain() -> Self {
        Self {
            fin_after: 0,
            fin_idle: None,
            resets: 0,
            chatters: 0,
            thinks: Duration::ZERO,
            first_is_closed: false,
            dns_fails: 0,
            dns_moves: false,
        }
    }
}
