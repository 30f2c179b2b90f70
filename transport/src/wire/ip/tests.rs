use super::*;
use crate::wire::checksum::checksum;
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;

/// What a case does to a good packet.
type Damage = fn(&mut Vec<u8>);

fn v4() -> (IpAddr, IpAddr) {
    (IpAddr::from([192, 0, 2, 1]), IpAddr::from([198, 51, 100, 7]))
}

fn v6() -> (IpAddr, IpAddr) {
    let address = |last| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last));
    (address(1), address(2))
}

fn emitted((source, destination): (IpAddr, IpAddr), protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0xee; header_len(destination) + payload.len()];
    let len = emit_header(source, destination, protocol, 64, Ecn::Ect0, payload.len(), &mut packet);
    packet[len..].copy_from_slice(payload);
    packet
}

/// An IPv4 packet with `change` applied to its header and the checksum made right again.
fn changed_v4(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut packet = emitted(v4(), Protocol::Tcp, b"payload");
    change(&mut packet);
    packet[10..12].fill(0);
    let header_len = usize::from(packet[0] & 15) * 4;
    let sum = checksum(&packet[..header_len.min(packet.len())]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// An IPv6 packet whose fixed header is followed by `bytes`, the first of kind `next`.
fn extended_v6(next: u8, bytes: &[u8]) -> Vec<u8> {
    emitted(v6(), Protocol::Other(next), bytes)
}

#[test]
fn headers_as_they_lie_on_the_wire() {
    assert_eq!(
        emitted(v4(), Protocol::Tcp, b"x"),
        [0x45, 2, 0, 21, 0, 0, 0x40, 0, 64, 6, 0x4e, 0xa5, 192, 0, 2, 1, 198, 51, 100, 7, b'x']
    );
    let packet = emitted(v6(), Protocol::Icmpv6, b"x");
    assert_eq!(packet[..8], [0x60, 0x20, 0, 0, 0, 1, 58, 64]);
    assert_eq!(packet.len(), 41);
}

#[test]
fn options_and_padding_are_skipped() {
    let packet = changed_v4(|packet| {
        packet[0] = 0x46;
        packet.splice(20..20, [1, 1, 1, 0]);
        packet[3] += 4;
        packet.extend_from_slice(b"padding of the link");
    });
    assert_eq!(parse(&packet).map(|datagram| datagram.payload), Ok(&b"payload"[..]));

    let mut packet = emitted(v6(), Protocol::Tcp, b"payload");
    packet.extend_from_slice(b"padding of the link");
    assert_eq!(parse(&packet).map(|datagram| datagram.payload), Ok(&b"payload"[..]));
}

#[test]
fn what_is_wrong_with_a_v4_header_has_a_name() {
    let cases: [(&str, Damage, Malformed); 8] = [
        ("version five", |p| p[0] = 0x55, Malformed::BadVersion),
        ("header of four words", |p| p[0] = 0x44, Malformed::BadLength),
        ("header past the packet", |p| p[0] = 0x4f, Malformed::BadLength),
        ("total under the header", |p| p[2..4].fill(0), Malformed::BadLength),
        ("total over the packet", |p| p[2..4].fill(0xff), Malformed::Truncated),
        ("more fragments", |p| p[6] = 0x20, Malformed::Fragment),
        ("fragment offset", |p| p[7] = 1, Malformed::Fragment),
        ("half a header", |p| p.truncate(12), Malformed::Truncated),
    ];
    for (name, change, fault) in cases {
        assert_eq!(parse(&changed_v4(change)), Err(fault), "{name}");
    }
    let mut packet = emitted(v4(), Protocol::Tcp, b"payload");
    packet[8] -= 1;
    assert_eq!(parse(&packet), Err(Malformed::BadChecksum));
    assert_eq!(parse(&[]), Err(Malformed::Truncated));
}

#[test]
fn reserved_bit_of_the_fragment_field_is_ignored() {
    assert!(parse(&changed_v4(|packet| packet[6] |= 0x80)).is_ok());
}

#[test]
fn extension_headers_lead_to_the_payload() {
    let hop_by_hop = [60, 0, 1, 4, 0, 0, 0, 0];
    let destination_options = [43, 1, 0, 0x1e, 3, 9, 9, 9, 1, 6, 0, 0, 0, 0, 0, 0];
    let routing = [44, 0, 4, 0, 0, 0, 0, 0];
    let atomic_fragment = [6, 0, 0, 6, 1, 2, 3, 4];
    let chain =
        [&hop_by_hop[..], &destination_options, &routing, &atomic_fragment, b"text"].concat();
    let packet = extended_v6(0, &chain);
    let datagram = parse(&packet).expect("well formed");
    assert_eq!((datagram.protocol, datagram.payload), (Protocol::Tcp, &b"text"[..]));
}

#[test]
fn what_is_wrong_with_extension_headers_has_a_name() {
    let cases: [(&str, u8, &[u8], Malformed); 10] = [
        ("first piece of more", 44, &[6, 0, 0, 1, 0, 0, 0, 0], Malformed::Fragment),
        ("later piece", 44, &[6, 0, 0, 8, 0, 0, 0, 0], Malformed::Fragment),
        ("segments left", 43, &[6, 0, 0, 1, 0, 0, 0, 0], Malformed::UnknownExtension),
        ("option to be known", 60, &[6, 0, 0xc2, 4, 0, 0, 0, 0], Malformed::UnknownExtension),
        ("option past its header", 60, &[6, 0, 0x1e, 9, 0, 0, 0, 0], Malformed::BadLength),
        ("option without length", 60, &[6, 0, 1, 3, 0, 0, 0, 7], Malformed::BadLength),
        ("half a header", 0, &[6, 0, 1, 4], Malformed::Truncated),
        ("length past the packet", 0, &[6, 3, 1, 4, 0, 0, 0, 0], Malformed::Truncated),
        ("kind without length", 0, &[6], Malformed::Truncated),
        ("nothing at all", 0, &[], Malformed::Truncated),
    ];
    for (name, next, bytes, fault) in cases {
        assert_eq!(parse(&extended_v6(next, bytes)), Err(fault), "{name}");
    }
}

#[test]
fn the_chain_of_extension_headers_is_bounded() {
    let link = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
    let chain = |links: usize| {
        let mut bytes = link(60).repeat(links - 1);
        bytes.extend_from_slice(&link(6));
        extended_v6(60, &bytes)
    };
    assert!(parse(&chain(ipv6::EXTENSION_HEADERS_MAX)).is_ok());
    let longer = chain(ipv6::EXTENSION_HEADERS_MAX + 1);
    assert_eq!(parse(&longer), Err(Malformed::TooManyHeaders));
}

#[test]
fn v6_payload_past_the_packet_is_truncated() {
    let packet = emitted(v6(), Protocol::Tcp, b"payload");
    for len in 0..packet.len() {
        assert_eq!(parse(&packet[..len]), Err(Malformed::Truncated), "{len}");
    }
}

#[test]
fn the_other_familys_icmp_is_nobodys() {
    let four = emitted(v4(), Protocol::Icmpv6, b"x");
    assert_eq!(parse(&four).map(|datagram| datagram.protocol), Ok(Protocol::Other(58)));
    let six = emitted(v6(), Protocol::Icmp, b"x");
    assert_eq!(parse(&six).map(|datagram| datagram.protocol), Ok(Protocol::Other(1)));
}

#[test]
#[should_panic(expected = "one family")]
fn families_do_not_mix() {
    emit_header(v4().0, v6().1, Protocol::Tcp, 64, Ecn::NotEct, 0, &mut [0; 60]);
}

#[test]
fn protocols_and_ecn_keep_their_numbers() {
    for number in 0..=u8::MAX {
        assert_eq!(Protocol::from(number).number(), number);
        assert_eq!(Ecn::from_bits(number).bits(), number & 3);
    }
}

proptest! {
    #[test]
    fn any_bytes_parse(
        version in prop_oneof![Just(0x45u8), Just(0x60), any::<u8>()],
        mut bytes in proptest::collection::vec(any::<u8>(), 1..120),
    ) {
        bytes[0] = version;
        let _ = parse(&bytes);
        let _ = ipv4::parse_quote(&bytes);
        let _ = ipv6::parse_quote(&bytes);
    }

    #[test]
    fn any_extension_headers_parse(
        next in prop_oneof![Just(0u8), Just(43), Just(44), Just(60)],
        bytes in proptest::collection::vec(prop_oneof![0u8..8, Just(43), Just(44), Just(60)], 0..90),
    ) {
        let _ = parse(&extended_v6(next, &bytes));
    }

    #[test]
    fn round_trip(
        v6: bool,
        (a, b) in any::<(u128, u128)>(),
        (protocol, hop_limit, ecn) in (100u8..200, any::<u8>(), any::<u8>()),
        payload in any::<Vec<u8>>(),
    ) {
        let address = |bits: u128| if v6 {
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        } else {
            IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(bits >> 96).expect("32 bits are left")))
        };
        let datagram = Datagram {
            source: address(a),
            destination: address(b),
            protocol: Protocol::from(protocol),
            hop_limit,
            ecn: Ecn::from_bits(ecn),
            payload: &payload,
        };
        let Datagram { source, destination, protocol, ecn, .. } = datagram;
        let mut packet = vec![0; header_len(destination) + payload.len()];
        let len = payload.len();
        let start = emit_header(source, destination, protocol, hop_limit, ecn, len, &mut packet);
        packet[start..].copy_from_slice(&payload);
        prop_assert_eq!(parse(&packet), Ok(datagram));
    }
}
