//! One direction of a bad network: a simulated link, before it losses that come in bursts, whole
//! outages, routers that mark packets as RFC 3168 has it, and a path MTU that changes, which a link's
//! own faults do not have.

use std::fmt;

use wharf_transport::PacketBatch;
use wharf_transport::device::simulated::{Chance, Faults, Link, RateLimit};
use wharf_transport::time::{Duration, Instant};
use wharf_transport::wire::checksum::checksum;

use crate::dice::Dice;
use crate::mtu::{PathMtu, too_big};

/// Losses that come together (Gilbert's model): a bad spell begins before any packet with one
/// chance in `apart`, and ends before any packet with one chance in `length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Packets between two bad spells, on average.
    pub apart: u64,
    /// Packets that a bad spell takes, on average.
    pub length: u64,
}

/// Nothing arrives for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Since the run began.
    pub after: Duration,
    /// How long it lasts.
    pub length: Duration,
}

/// All faults of one direction.
#[derive(Clone, PartialEq, Eq)]
pub struct Conditions {
    /// Those of the link.
    pub link: Faults,
    /// Losses in bursts.
    pub burst: Option<Burst>,
    /// Times without any network.
    pub outages: Vec<Outage>,
    /// One in so many packets that may be marked is: congestion experienced.
    pub marks: Option<u64>,
    /// What the path carries, and when.
    pub mtu: PathMtu,
}

impl Conditions {
    /// Anything from a perfect network to a very bad one, whose MTU never changes.
    #[must_use]
    pub fn draw(dice: &mut Dice) -> Self {
        let delay = dice.duration(Duration::from_micros(10), Duration::from_secs(1));
        let link = Faults {
            loss: dice.chance(30),
            delay,
            jitter: if dice.one_in(2) { delay / 4 } else { Duration::ZERO },
            reorder: dice.chance(10),
            reorder_by: dice.duration(Duration::from_micros(10), delay * 2),
            duplicate: dice.chance(5),
            corrupt: dice.chance(3),
            rate: draw_rate(dice, delay),
            ..Faults::default()
        };
        let burst = dice
            .one_in(4)
            .then(|| Burst { apart: dice.spread(20, 1_000), length: dice.spread(2, 16) });
        let outages = if dice.one_in(8) { vec![draw_outage(dice)] } else { Vec::new() };
        let marks = dice.one_in(3).then(|| dice.spread(2, 500));
        Self { link, burst, outages, marks, mtu: PathMtu::default() }
    }

    /// Whether a packet may arrive twice, or before one that left earlier.
    #[must_use]
    pub fn repeats_or_reorders(&self) -> bool {
        let Faults { reorder, duplicate, .. } = self.link;
        reorder != Chance::NEVER || duplicate != Chance::NEVER
    }

    /// Whether every packet arrives once, in order, as it left.
    #[must_use]
    pub fn is_faithful(&self) -> bool {
        let Faults { loss, reorder, duplicate, corrupt, rate, .. } = self.link;
        let is_clean = [loss, reorder, duplicate, corrupt].iter().all(|c| *c == Chance::NEVER);
        let is_open = self.burst.is_none() && self.outages.is_empty();
        is_clean && is_open && rate.is_none() && self.mtu.is_constant()
    }

    /// The same with one fault less, for each fault that there is.
    #[must_use]
    pub fn simpler(&self) -> Vec<Self> {
        let none = Faults::default();
        let links = [
            Faults { loss: none.loss, ..self.link },
            Faults { jitter: none.jitter, ..self.link },
            Faults { reorder: none.reorder, reorder_by: none.reorder_by, ..self.link },
            Faults { duplicate: none.duplicate, ..self.link },
            Faults { corrupt: none.corrupt, ..self.link },
            Faults { rate: none.rate, ..self.link },
            Faults { delay: Duration::from_millis(10), ..self.link },
        ];
        let with = links.into_iter().map(|link| Self { link, ..self.clone() });
        let rest = [
            Self { burst: None, ..self.clone() },
            Self { outages: Vec::new(), ..self.clone() },
            Self { marks: None, ..self.clone() },
        ];
        let mtus = self.mtu.simpler().into_iter().map(|mtu| Self { mtu, ..self.clone() });
        with.chain(rest).chain(mtus).filter(|other| other != self).collect()
    }
}

impl fmt::Debug for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Faults { loss, delay, jitter, reorder, reorder_by, duplicate, corrupt, rate, .. } =
            &self.link;
        write!(f, "delay {delay:?}")?;
        for (name, chance) in
            [("loss", loss), ("reorder", reorder), ("duplicate", duplicate), ("corrupt", corrupt)]
        {
            if *chance != Chance::NEVER {
                write!(f, ", {name} {chance:?}")?;
            }
        }
        if *reorder != Chance::NEVER {
            write!(f, " by {reorder_by:?}")?;
        }
        if !jitter.is_zero() {
            write!(f, ", jitter {jitter:?}")?;
        }
        if let Some(rate) = rate {
            write!(f, ", {rate:?}")?;
        }
        if let Some(burst) = self.burst {
            write!(f, ", {burst:?}")?;
        }
        if let Some(marks) = self.marks {
            write!(f, ", one of {marks} marked")?;
        }
        if !self.mtu.is_constant() {
            write!(f, ", {:?}", self.mtu)?;
        }
        self.outages.iter().try_for_each(|outage| write!(f, ", {outage:?}"))
    }
}

/// A queue of a quarter to four times what is under way at that rate, or a policer, or neither.
fn draw_rate(dice: &mut Dice, delay: Duration) -> Option<RateLimit> {
    let bytes_per_second = dice.spread(20_000, 100_000_000);
    let in_flight = u128::from(bytes_per_second) * (delay * 2).as_micros() / 1_000_000;
    let quarters =
        u64::try_from(in_flight / 4).unwrap_or(u64::MAX).saturating_mul(1 + dice.below(16));
    let room = quarters.clamp(6_000, 10_000_000);
    match dice.below(5) {
        0 | 1 => Some(RateLimit::Queue { bytes_per_second, queue_bytes: room.max(20_000) }),
        2 => Some(RateLimit::Policer { bytes_per_second, burst_bytes: room.max(20_000) }),
        _ => None,
    }
}

fn draw_outage(dice: &mut Dice) -> Outage {
    Outage {
        after: dice.duration(Duration::from_millis(1), Duration::from_secs(10)),
        length: dice.duration(Duration::from_millis(10), Duration::from_secs(100)),
    }
}

/// One direction at work.
#[derive(Debug)]
pub struct Way {
    link: Link,
    burst: Option<Burst>,
    marks: Option<u64>,
    outages: Vec<(Instant, Instant)>,
    mtu: PathMtu,
    began: Instant,
    in_bad_spell: bool,
    dice: Dice,
    /// Packets lost before the link.
    lost: u64,
}

impl Way {
    /// One under `conditions` that begin now; `seed` decides what is left to chance.
    #[must_use]
    pub fn new(now: Instant, conditions: &Conditions, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let outages = conditions.outages.iter().map(|outage| {
            let begins = now + outage.after;
            (begins, begins + outage.length)
        });
        Self {
            link: Link::new(conditions.link, dice.number()),
            burst: conditions.burst,
            marks: conditions.marks,
            outages: outages.collect(),
            mtu: conditions.mtu.clone(),
            began: now,
            in_bad_spell: false,
            dice,
            lost: 0,
        }
    }

    /// A packet is sent. Returns what a router says of it to its sender, if it is too long for the
    /// path, and if routers say so.
    #[must_use]
    pub fn send(&mut self, now: Instant, packet: &[u8]) -> Option<Vec<u8>> {
        let is_lost = self.is_in_burst();
        let is_out = self.outages.iter().any(|(from, until)| *from <= now && now < *until);
        if is_lost || is_out {
            self.lost += 1;
            return None;
        }
        let mtu = self.mtu.at(self.began, now);
        if mtu != self.link.faults().mtu {
            self.link.set_faults(Faults { mtu, ..*self.link.faults() });
        }
        if self.marks.is_some_and(|times| self.dice.one_in(times)) {
            let mut packet = packet.to_vec();
            mark(&mut packet);
            self.link.handle_packet(now, &packet);
        } else {
            self.link.handle_packet(now, packet);
        }
        if self.mtu.is_told && packet.len() > mtu { too_big(packet, mtu) } else { None }
    }

    /// Appends what has arrived to `batch`; returns how many packets.
    pub fn receive(&mut self, now: Instant, batch: &mut PacketBatch) -> usize {
        self.link.poll_deliver(now, batch)
    }

    /// When the next packet arrives.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.link.poll_timeout()
    }

    /// Packets that did not arrive, or not as they left.
    #[must_use]
    pub fn undelivered(&self) -> u64 {
        let stats = self.link.stats();
        let in_link = stats.lost + stats.corrupted + stats.rate_dropped + stats.oversized;
        self.lost + in_link + stats.overflowed + stats.undeliverable
    }

    /// Packets that were too long for the path.
    #[must_use]
    pub fn oversized(&self) -> u64 {
        self.link.stats().oversized
    }

    /// Packets on their way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.link.in_flight()
    }

    /// Nothing arrives from now on.
    pub fn cut(&mut self) {
        self.link.set_faults(Faults { loss: Chance::ALWAYS, ..*self.link.faults() });
    }

    /// Whether the packet falls into a bad spell; takes one choice a packet.
    fn is_in_burst(&mut self) -> bool {
        let Some(burst) = self.burst else { return false };
        let changes = self.dice.one_in(if self.in_bad_spell { burst.length } else { burst.apart });
        self.in_bad_spell ^= changes;
        self.in_bad_spell
    }
}

/// Marks a packet as a router does whose queue is long: RFC 3168, section 5. One that may not be
/// marked stays as it is.
fn mark(packet: &mut [u8]) {
    let Some(&version) = packet.first() else { return };
    let Some(class) = packet.get_mut(1) else { return };
    let both = if version >> 4 == 4 { 0b11 } else { 0b11 << 4 };
    if *class & both == 0 {
        return;
    }
    *class |= both;
    if version >> 4 != 4 {
        return;
    }
    let length = usize::from(version & 0xf) * 4;
    let Some(header) = packet.get_mut(..length) else { return };
    if let Some(field) = header.get_mut(10..12) {
        field.fill(0);
    }
    let sum = checksum(header).to_be_bytes();
    if let Some(field) = header.get_mut(10..12) {
        field.copy_from_slice(&sum);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use wharf_transport::wire::ip::{self, Ecn, Protocol};

    use super::*;
    use crate::mtu::Step;

    #[test]
    fn what_may_be_marked_is_marked_and_stays_whole() {
        let v4 = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        let v6 = [1, 2].map(|last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]));
        for [source, destination] in [v4, v6] {
            let cases = [(Ecn::NotEct, Ecn::NotEct), (Ecn::Ect0, Ecn::Ce), (Ecn::Ect1, Ecn::Ce)];
            for (before, after) in cases {
                let mut packet = vec![0; 80];
                let header = if source.is_ipv4() { 20 } else { 40 };
                let len = packet.len() - header;
                let protocol = Protocol::Tcp;
                ip::emit_header(source, destination, protocol, 64, before, len, &mut packet);
                mark(&mut packet);
                assert_eq!(ip::parse(&packet).expect("whole").ecn, after);
            }
        }
        mark(&mut []);
        mark(&mut [0x4f, 2, 0]);
    }

    fn lost(conditions: &Conditions, packets: u64) -> Vec<u64> {
        let mut way = Way::new(Instant::from_millis(1), conditions, 3);
        let mut lost = Vec::new();
        for number in 0..packets {
            let before = way.undelivered();
            let answer = way.send(Instant::from_millis(1 + number), b"packet");
            assert_eq!(answer, None, "a path that carries all");
            if way.undelivered() > before {
                lost.push(number);
            }
        }
        lost
    }

    fn perfect() -> Conditions {
        Conditions {
            link: Faults::default(),
            burst: None,
            outages: Vec::new(),
            marks: None,
            mtu: PathMtu::default(),
        }
    }

    #[test]
    fn bursts_take_packets_that_follow_each_other() {
        let burst = Some(Burst { apart: 100, length: 5 });
        let lost = lost(&Conditions { burst, ..perfect() }, 10_000);
        let follow = lost.windows(2).filter(|pair| pair[1] == pair[0] + 1).count();
        assert!((200..1_000).contains(&lost.len()), "{}", lost.len());
        assert!(follow * 4 > lost.len() * 3, "{follow} of {} follow another", lost.len());
    }

    #[test]
    fn an_outage_takes_all_for_its_time() {
        let outage = Outage { after: Duration::from_millis(10), length: Duration::from_millis(5) };
        let lost = lost(&Conditions { outages: vec![outage], ..perfect() }, 30);
        assert_eq!(lost, [10, 11, 12, 13, 14]);
    }

    #[test]
    fn what_is_too_long_is_dropped_and_answered_where_routers_speak() {
        for is_told in [true, false] {
            let step = Step { after: Duration::from_millis(10), mtu: 1_000 };
            let mtu = PathMtu { steps: vec![step], is_told };
            let mut way = Way::new(Instant::from_millis(1), &Conditions { mtu, ..perfect() }, 3);
            let mut packet = vec![0; 1_001];
            let [source, destination] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
            let len = packet.len() - 20;
            ip::emit_header(source, destination, Protocol::Tcp, 64, Ecn::Ect0, len, &mut packet);
            let mut sent = |millis, len: usize| {
                let answer = way.send(Instant::from_millis(millis), &packet[..len]);
                (answer.is_some(), way.undelivered())
            };
            assert_eq!(sent(10, 1_001), (false, 0));
            assert_eq!(sent(11, 1_001), (is_told, 1));
            assert_eq!(sent(11, 1_000), (false, 1));
        }
    }

    #[test]
    fn simpler_is_simpler_and_ends() {
        let mut conditions = Conditions::draw(&mut Dice::new(5));
        let mut steps = 0;
        while let Some(simpler) = conditions.simpler().pop() {
            conditions = simpler;
            steps += 1;
        }
        assert!(steps < 13);
        let delay = Duration::from_millis(10);
        assert_eq!(conditions.link, Faults { delay, ..Faults::default() });
    }
}
