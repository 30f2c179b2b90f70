use super::*;
use crate::wire::ip::{Ecn, emit_header, header_len};
use crate::wire::tcp::{Flags, Segment};
use core::net::Ipv6Addr;
use proptest::prelude::*;

const PORTS: Ports = Ports { source: 40_000, destination: 80 };

/// What a case does to a good packet.
type Damage = fn(&mut Vec<u8>);

fn v4() -> (IpAddr, IpAddr) {
    (IpAddr::from([192, 0, 2, 1]), IpAddr::from([198, 51, 100, 7]))
}

fn v6() -> (IpAddr, IpAddr) {
    let address = |last| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last));
    (address(1), address(2))
}

/// A SYN of ours as a whole packet.
fn our_packet((source, destination): (IpAddr, IpAddr)) -> Vec<u8> {
    let syn = Segment { seq: SeqNumber::new(0xdead_beef), flags: Flags::SYN, ..Segment::default() };
    let header_len = header_len(destination);
    let mut packet = vec![0; header_len + syn.header_len()];
    let len = syn.header_len();
    emit_header(source, destination, Protocol::Tcp, 64, Ecn::NotEct, len, &mut packet);
    syn.emit(PORTS, source, destination, &mut packet[header_len..]);
    packet
}

fn our_quote((source, destination): (IpAddr, IpAddr)) -> Quote {
    Quote { source, destination, ports: PORTS, seq: SeqNumber::new(0xdead_beef) }
}

/// An error message about `quoted`, with a right checksum.
fn error(pair: (IpAddr, IpAddr), kind: u8, code: u8, field: [u8; 4], quoted: &[u8]) -> Vec<u8> {
    let mut bytes = [&[kind, code, 0, 0], &field[..], quoted].concat();
    let mut checksum = empty_checksum(pair.0, pair.1, bytes.len());
    checksum.add(&bytes);
    bytes[2..4].copy_from_slice(&checksum.finish().to_be_bytes());
    bytes
}

#[test]
fn errors_quote_our_segment() {
    let (four, six) = (v4(), v6());
    let (quote4, quote6) = (Some(our_quote(four)), Some(our_quote(six)));
    let mtu = [0, 0, 5, 0];
    let cases = [
        (four, 3, 1, [0; 4], Message::Unreachable { code: 1, hard: false, quote: quote4 }),
        (four, 3, 2, [0; 4], Message::Unreachable { code: 2, hard: true, quote: quote4 }),
        (four, 3, 3, [0; 4], Message::Unreachable { code: 3, hard: true, quote: quote4 }),
        (four, 3, 4, mtu, Message::TooBig { mtu: 1280, quote: quote4 }),
        (four, 3, 4, [0; 4], Message::TooBig { mtu: 0, quote: quote4 }),
        (four, 11, 0, [0; 4], Message::TimeExceeded { code: 0, quote: quote4 }),
        (four, 12, 0, [20, 0, 0, 0], Message::ParameterProblem { code: 0, quote: quote4 }),
        (four, 4, 0, [0; 4], Message::Other { kind: 4, code: 0 }),
        (four, 5, 1, [0; 4], Message::Other { kind: 5, code: 1 }),
        (six, 1, 0, [0; 4], Message::Unreachable { code: 0, hard: false, quote: quote6 }),
        (six, 1, 1, [0; 4], Message::Unreachable { code: 1, hard: true, quote: quote6 }),
        (six, 1, 4, [0; 4], Message::Unreachable { code: 4, hard: true, quote: quote6 }),
        (six, 2, 0, mtu, Message::TooBig { mtu: 1280, quote: quote6 }),
        (six, 3, 1, [0; 4], Message::TimeExceeded { code: 1, quote: quote6 }),
        (six, 4, 1, [0, 0, 0, 6], Message::ParameterProblem { code: 1, quote: quote6 }),
        (six, 133, 0, [0; 4], Message::Other { kind: 133, code: 0 }),
    ];
    for (pair, kind, code, field, message) in cases {
        // A router answers the source; its own address does not matter here.
        let back = (pair.1, pair.0);
        let bytes = error(back, kind, code, field, &our_packet(pair));
        assert_eq!(parse(back.0, back.1, &bytes), Ok(message), "{kind} {code}");
    }
}

#[test]
fn eight_bytes_of_tcp_are_quote_enough_and_seven_are_not() {
    for pair in [v4(), v6()] {
        let back = (pair.1, pair.0);
        let whole = our_packet(pair);
        let (kind, enough) = if pair.0.is_ipv4() { (11, 28) } else { (3, 48) };
        for (len, quote) in [(enough, Some(our_quote(pair))), (enough - 1, None)] {
            let bytes = error(back, kind, 0, [0; 4], &whole[..len]);
            assert_eq!(
                parse(back.0, back.1, &bytes),
                Ok(Message::TimeExceeded { code: 0, quote }),
                "{len}"
            );
        }
    }
}

#[test]
fn a_quote_of_something_else_is_none() {
    let pair = v4();
    let changes: [(&str, Damage); 4] = [
        ("another protocol", |packet| packet[9] = 17),
        ("a later fragment", |packet| packet[7] = 1),
        ("another version", |packet| packet[0] = 0x65),
        ("a header too short", |packet| packet[0] = 0x44),
    ];
    for (name, change) in changes {
        let mut packet = our_packet(pair);
        change(&mut packet);
        let bytes = error((pair.1, pair.0), 3, 3, [0; 4], &packet);
        let message = parse(pair.1, pair.0, &bytes);
        assert_eq!(
            message,
            Ok(Message::Unreachable { code: 3, hard: true, quote: None }),
            "{name}"
        );
    }
}

#[test]
fn a_quote_that_routers_changed_is_still_ours() {
    let pair = v4();
    let mut packet = our_packet(pair);
    packet[8] = 1; // the time to live as it ran out, and the header's checksum no longer right
    let bytes = error((pair.1, pair.0), 11, 0, [0; 4], &packet);
    let message = Message::TimeExceeded { code: 0, quote: Some(our_quote(pair)) };
    assert_eq!(parse(pair.1, pair.0, &bytes), Ok(message));
}

#[test]
fn requests_and_replies_differ_in_type_alone() {
    for (pair, request, reply) in [(v4(), 8, 0), (v6(), 128, 129)] {
        let echo = Echo { ident: 7, seq: 9, data: b"abc" };
        let mut out = [0xee; 20];
        assert_eq!(echo.emit_request(pair.0, pair.1, &mut out), echo.len());
        assert_eq!(out[0], request);
        assert_eq!(parse(pair.0, pair.1, &out[..11]), Ok(Message::EchoRequest(echo)));
        assert_eq!(echo.emit_reply(pair.1, pair.0, &mut out), 11);
        assert_eq!(out[0], reply);
        assert_eq!(parse(pair.1, pair.0, &out[..11]), Ok(Message::EchoReply(echo)));
    }
}

#[test]
fn short_and_damaged_messages_are_malformed() {
    for pair in [v4(), v6()] {
        let mut out = [0; 12];
        let len = Echo { ident: 1, seq: 1, data: b"data" }.emit_request(pair.0, pair.1, &mut out);
        for short in 0..HEADER_LEN {
            assert_eq!(parse(pair.0, pair.1, &out[..short]), Err(Malformed::Truncated));
        }
        out[9] ^= 1;
        assert_eq!(parse(pair.0, pair.1, &out[..len]), Err(Malformed::BadChecksum));
    }
}

#[test]
fn the_pseudo_header_counts_for_icmpv6() {
    let pair = v6();
    let mut out = [0; 8];
    Echo { ident: 1, seq: 1, data: b"" }.emit_request(pair.0, pair.1, &mut out);
    let elsewhere = IpAddr::V6(Ipv6Addr::LOCALHOST);
    assert_eq!(parse(pair.0, elsewhere, &out), Err(Malformed::BadChecksum));
}

proptest! {
    #[test]
    fn any_bytes_parse(
        kind: u8, code: u8, field: [u8; 4],
        first in prop_oneof![Just(0x45u8), Just(0x60), any::<u8>()],
        mut rest in proptest::collection::vec(any::<u8>(), 1..120),
    ) {
        rest[0] = first;
        for pair in [v4(), v6()] {
            let bytes = error(pair, kind, code, field, &rest);
            prop_assert!(parse(pair.0, pair.1, &bytes).is_ok());
            let _ = parse(pair.0, pair.1, &rest);
        }
    }
}
