//! What a path carries, as it changes while connections use it; and routers that say so (RFC 1191,
//! RFC 8201), or swallow in silence what is too long: a black hole (RFC 2923, section 2.1).

use std::net::IpAddr;

use wharf_transport::time::{Duration, Instant};
use wharf_transport::wire::checksum::Checksum;
use wharf_transport::wire::ip::{self, Ecn, Protocol};

use crate::dice::Dice;

/// Most changes of one run.
const STEPS_MAX: u64 = 4;

/// What a path carries before the first change: whatever is sent.
const UNBOUNDED: u16 = u16::MAX;

/// Bytes of a packet that a router quotes: its headers.
const QUOTED: usize = 60;

/// The least that every link carries by RFC 8200, section 5.
const IPV6_LEAST: u16 = 1_280;

/// The least that our stack serves on IPv4, where RFC 791 has 68: what every host takes in.
const IPV4_LEAST: u16 = 576;

/// The path's MTU over the time of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathMtu {
    /// Its changes, in the order of time.
    pub steps: Vec<Step>,
    /// Whether a router answers what is too long for it.
    pub is_told: bool,
}

/// From a moment on the path carries so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Since the run began.
    pub after: Duration,
    /// Length of the longest packet, in bytes.
    pub mtu: u16,
}

impl PathMtu {
    /// One that never changes, for three of four seeds; else one that falls and rises.
    #[must_use]
    pub fn draw(dice: &mut Dice, is_ipv6: bool) -> Self {
        if !dice.one_in(4) {
            return Self::default();
        }
        let least = if is_ipv6 { IPV6_LEAST } else { IPV4_LEAST };
        let mut after = Duration::ZERO;
        let steps = (0..1 + dice.below(STEPS_MAX)).map(|_| {
            after += dice.duration(Duration::from_millis(1), Duration::from_secs(30));
            let rises = dice.one_in(4);
            let mtu = least + u16::try_from(dice.below(u64::from(1_500 - least))).unwrap_or(0);
            Step { after, mtu: if rises { UNBOUNDED } else { mtu } }
        });
        Self { steps: steps.collect(), is_told: dice.one_in(2) }
    }

    /// Whether it never changes.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.steps.is_empty()
    }

    /// The same with one change less, for each that there is; and told of, if it was not.
    #[must_use]
    pub fn simpler(&self) -> Vec<Self> {
        let without = |at: usize| {
            let mut steps = self.steps.clone();
            steps.remove(at);
            Self { is_told: self.is_told && !steps.is_empty(), steps }
        };
        let told = Self { is_told: !self.is_constant(), ..self.clone() };
        let all = (0..self.steps.len()).map(without).chain([told]);
        all.filter(|other| other != self).collect()
    }

    /// What the path carries at `now`, in a run that `began` before.
    #[must_use]
    pub fn at(&self, began: Instant, now: Instant) -> usize {
        let past = self.steps.iter().rev().find(|step| began + step.after <= now);
        past.map_or(UNBOUNDED, |step| step.mtu).into()
    }
}

/// What the router before a link of `mtu` bytes says to whoever has sent `packet`, if that is one.
#[must_use]
pub fn too_big(packet: &[u8], mtu: usize) -> Option<Vec<u8>> {
    let sender = ip::parse(packet).ok()?.source;
    let mtu = u32::try_from(mtu).ok()?;
    let (router, protocol, kind) = match sender {
        IpAddr::V4(_) => (IpAddr::from([192, 0, 2, 254]), Protocol::Icmp, [3, 4]),
        IpAddr::V6(_) => {
            (IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xfe]), Protocol::Icmpv6, [2, 0])
        }
    };
    let mut message = kind.to_vec();
    message.resize(4, 0);
    // The MTU is the lower half of the field in RFC 1191, section 4; all of it in RFC 4443.
    message.extend_from_slice(&mtu.to_be_bytes());
    message.extend(packet.iter().take(QUOTED));
    let mut sum = match sender {
        IpAddr::V4(_) => Checksum::new(),
        IpAddr::V6(_) => Checksum::pseudo_header(router, sender, protocol.number(), message.len()),
    };
    sum.add(&message);
    message[2..4].copy_from_slice(&sum.finish().to_be_bytes());
    let mut answer = vec![0; ip::header_len(sender)];
    ip::emit_header(router, sender, protocol, 64, Ecn::NotEct, message.len(), &mut answer);
    answer.append(&mut message);
    Some(answer)
}

#[cfg(test)]
mod tests {
    use wharf_transport::wire::icmp::{self, Message};

    use super::*;

    #[test]
    fn it_falls_and_rises_with_time() {
        let step = |secs, mtu| Step { after: Duration::from_secs(secs), mtu };
        let path = PathMtu { steps: vec![step(1, 1_280), step(5, 1_400)], is_told: false };
        let began = Instant::from_millis(7);
        let at = |secs| path.at(began, began + Duration::from_secs(secs));
        assert_eq!([0, 1, 4, 5, 99].map(at), [65_535, 1_280, 1_280, 1_400, 1_400]);
    }

    #[test]
    fn no_family_is_asked_to_carry_less_than_it_serves() {
        let mut dice = Dice::new(9);
        for (is_ipv6, least) in [(false, IPV4_LEAST), (true, IPV6_LEAST)] {
            let paths: Vec<_> = (0..1_000).map(|_| PathMtu::draw(&mut dice, is_ipv6)).collect();
            let mtus: Vec<u16> =
                paths.iter().flat_map(|path| &path.steps).map(|step| step.mtu).collect();
            assert!(mtus.contains(&UNBOUNDED) && mtus.iter().min() >= Some(&least));
            assert!(paths.iter().filter(|path| path.is_constant()).count() > 600);
        }
    }

    #[test]
    fn simpler_is_simpler_and_ends() {
        let mut dice = Dice::new(1);
        let mut path = std::iter::from_fn(|| Some(PathMtu::draw(&mut dice, false)))
            .find(|path| path.steps.len() == 4 && !path.is_told)
            .expect("one of many");
        let mut runs = 0;
        while let Some(simpler) = path.simpler().pop() {
            path = simpler;
            runs += 1;
        }
        assert_eq!((path, runs), (PathMtu::default(), 5));
    }

    #[test]
    fn the_sender_understands_what_a_router_says() {
        let v4 = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        let v6 = [1, 2].map(|last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]));
        for [source, destination] in [v4, v6] {
            let mut packet = vec![0; 1_500];
            let len = packet.len() - ip::header_len(source);
            ip::emit_header(source, destination, Protocol::Tcp, 64, Ecn::NotEct, len, &mut packet);
            let answer = too_big(&packet, 1_300).expect("an answer");
            let datagram = ip::parse(&answer).expect("a datagram");
            assert_eq!(datagram.destination, source);
            let message = icmp::parse(datagram.source, source, datagram.payload);
            let Ok(Message::TooBig { mtu, quote: Some(quote) }) = message else {
                panic!("{message:?}");
            };
            assert_eq!((mtu, quote.destination), (1_300, destination));
        }
        assert_eq!(too_big(b"packet", 3), None);
    }
}
