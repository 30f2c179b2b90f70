//! What happens in one run of two stacks, as plain data: drawn from a seed, made simpler by the
//! shrinker, shown in a failure.

use wharf_transport::tcp::{self, Congestion, Keepalive};
use wharf_transport::time::Duration;

use crate::dice::Dice;
use crate::mtu::PathMtu;
use crate::plant::Plant;
use crate::way::Conditions;

/// What a stack does unless it is told otherwise.
const REST_AFTER: Duration = Duration::from_secs(1);

/// Between any two segments that are not of one burst: whatever can be put to rest is.
const REST_AT_ONCE: Duration = Duration::from_micros(10);

/// Most connections of one run.
const CONNECTIONS_MAX: u64 = 3;

/// Two hosts, the network between them, and what they say to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Decides what is not said here: bytes, fates of packets, secrets.
    pub seed: u64,
    /// The family of the addresses.
    pub ipv6: bool,
    /// The one that connects, and the one that listens.
    pub hosts: [Host; 2],
    /// From the first to the second, and back.
    pub ways: [Conditions; 2],
    /// What is carried.
    pub talks: Vec<Talk>,
    /// A fault of the simulation's own.
    pub plant: Plant,
}

/// One host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Longest packet.
    pub mtu: u16,
    /// How coarse its clock is.
    pub resolution: Duration,
    /// How long a connection is quiet before it rests.
    pub rest_after: Duration,
    /// TCP of all its connections.
    pub tcp: tcp::Config,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Talk {
    /// When it is opened, since the run began.
    pub after: Duration,
    /// What the opening and what the other end does.
    pub ends: [Part; 2],
}

/// What one end does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Bytes that it writes.
    pub bytes: u64,
    /// Most bytes of one write and of one read.
    pub piece: usize,
    /// Pause after each turn of reading, or none.
    pub pause: Duration,
    /// How it ends.
    pub ending: Ending,
}

/// How an end ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Half-closes after its last byte, and reads to the end.
    Finish,
    /// Lets go after its last byte, whatever comes.
    Close,
    /// Resets once so many bytes were written and read.
    Abort(u64),
}

impl Scenario {
    /// What `seed` says.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let ipv6 = dice.one_in(2);
        let mut ways = if dice.one_in(2) {
            let both = Conditions::draw(&mut dice);
            [both.clone(), both]
        } else {
            [Conditions::draw(&mut dice), Conditions::draw(&mut dice)]
        };
        let mut mtus = Dice::new(seed ^ 0x3770);
        ways.iter_mut().for_each(|way| way.mtu = PathMtu::draw(&mut mtus, ipv6));
        let hosts = [Host::draw(&mut dice), Host::draw(&mut dice)];
        let count = 1 + dice.below(CONNECTIONS_MAX);
        let talks = (0..count).map(|_| Talk::draw(&mut dice)).collect();
        Self { seed, ipv6, hosts, ways, talks, plant: Plant::None }
    }

    /// The same with less of something, one for each thing of which there may be less.
    #[must_use]
    pub fn simpler(&self) -> Vec<Self> {
        let mut all = Vec::new();
        if self.talks.len() > 1 {
            all.extend(
                self.talks.iter().map(|talk| Self { talks: vec![talk.clone()], ..self.clone() }),
            );
        }
        for (at, talk) in self.talks.iter().enumerate() {
            all.extend(talk.simpler().into_iter().map(|talk| {
                let mut other = self.clone();
                other.talks.splice(at..=at, [talk]);
                other
            }));
        }
        for side in 0..2 {
            all.extend(self.ways[side].simpler().into_iter().map(|way| {
                let mut other = self.clone();
                other.ways[side] = way;
                other
            }));
            all.extend(self.hosts[side].simpler().into_iter().map(|host| {
                let mut other = self.clone();
                other.hosts[side] = host;
                other
            }));
        }
        all.push(Self { ipv6: false, ..self.clone() });
        all.retain(|other| other != self);
        all
    }
}

impl Host {
    fn draw(dice: &mut Dice) -> Self {
        let resolution = dice.duration(Duration::from_micros(1), Duration::from_millis(15));
        Self {
            mtu: dice.pick(&[1_500, 1_500, 1_500, 1_280, 1_400, 9_000]),
            resolution,
            rest_after: dice.pick(&[REST_AFTER, Duration::from_millis(50), REST_AT_ONCE]),
            tcp: tcp::Config { clock_resolution: resolution, ..draw_tcp(dice) },
        }
    }

    fn plain() -> Self {
        Self {
            mtu: 1_500,
            resolution: Duration::from_micros(1),
            rest_after: REST_AFTER,
            tcp: base_tcp(),
        }
    }

    fn simpler(&self) -> Vec<Self> {
        let Self { mtu, resolution, rest_after, tcp } = Self::plain();
        let plain = tcp::Config { clock_resolution: self.resolution, ..tcp };
        let fine = tcp::Config { clock_resolution: resolution, ..self.tcp };
        vec![
            Self { mtu, ..self.clone() },
            Self { rest_after, ..self.clone() },
            Self { resolution, tcp: fine, ..self.clone() },
            Self { tcp: plain, ..self.clone() },
        ]
    }
}

/// The default, but for TIME-WAIT: a FIN that backs off to 60 s may come late with its
/// repetitions, and a peer that is reset for that is no fault of the stream.
fn base_tcp() -> tcp::Config {
    tcp::Config { time_wait: Duration::from_secs(600), ..tcp::Config::default() }
}

fn draw_tcp(dice: &mut Dice) -> tcp::Config {
    let keepalive = Keepalive {
        idle: dice.duration(Duration::from_secs(1), Duration::from_secs(60)),
        interval: Duration::from_secs(5),
        probes: 9,
    };
    tcp::Config {
        receive_buffer: dice.pick(&[2_000, 20_000, 256 << 10, 256 << 10]),
        send_buffer: dice.pick(&[2_000, 20_000, 256 << 10, 256 << 10]),
        window_scale: !dice.one_in(4),
        sack: !dice.one_in(4),
        timestamps: !dice.one_in(4),
        nagle: dice.one_in(4),
        keepalive: dice.one_in(4).then_some(keepalive),
        congestion: dice.pick(&[Congestion::Cubic, Congestion::Reno]),
        ecn: dice.one_in(2),
        pacing: dice.one_in(4),
        delayed_ack: dice.duration(Duration::from_millis(1), Duration::from_millis(40)),
        ..base_tcp()
    }
}

impl Talk {
    fn draw(dice: &mut Dice) -> Self {
        let after = if dice.one_in(2) { 0 } else { dice.below(3_000) };
        Self { after: Duration::from_millis(after), ends: [Part::draw(dice), Part::draw(dice)] }
    }

    fn simpler(&self) -> Vec<Self> {
        let mut all = vec![Self { after: Duration::ZERO, ..self.clone() }];
        for side in 0..2 {
            all.extend(self.ends[side].simpler().into_iter().map(|part| {
                let mut other = self.clone();
                other.ends[side] = part;
                other
            }));
        }
        all
    }
}

impl Part {
    fn draw(dice: &mut Dice) -> Self {
        let bytes = if dice.one_in(6) { 0 } else { dice.spread(1, 150_000) };
        let pause = dice.duration(Duration::from_micros(100), Duration::from_millis(300));
        Self {
            bytes,
            piece: usize::try_from(dice.spread(40, 64_000)).unwrap_or(40),
            pause: if dice.one_in(4) { pause } else { Duration::ZERO },
            ending: match dice.below(8) {
                0 => Ending::Close,
                1 => Ending::Abort(dice.below(2 * bytes + 1_000)),
                _ => Ending::Finish,
            },
        }
    }

    fn simpler(&self) -> Vec<Self> {
        vec![
            Self { bytes: 0, ..*self },
            Self { bytes: self.bytes / 2, ..*self },
            Self { bytes: self.bytes - self.bytes / 8, ..*self },
            Self { ending: Ending::Finish, ..*self },
            Self { pause: Duration::ZERO, ..*self },
            Self { piece: 64_000, ..*self },
        ]
    }
}
