use super::*;
use crate::wire::options::tests::any_options;
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;

const PORTS: Ports = Ports { source: 40_000, destination: 80 };

fn v4() -> (IpAddr, IpAddr) {
    (IpAddr::from([192, 0, 2, 1]), IpAddr::from([198, 51, 100, 7]))
}

fn v6() -> (IpAddr, IpAddr) {
    (
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 2)),
    )
}

fn emitted(segment: &Segment<'_>, (source, destination): (IpAddr, IpAddr)) -> Vec<u8> {
    let mut out = vec![0xee; 4096];
    let len = segment.emit(PORTS, source, destination, &mut out);
    out.truncate(len);
    out
}

fn syn() -> Segment<'static> {
    Segment {
        seq: SeqNumber::new(u32::MAX),
        flags: Flags::SYN,
        window: 65_535,
        options: Options { mss: Some(1460), ..Options::default() },
        ..Segment::default()
    }
}

#[test]
fn a_syn_as_it_lies_on_the_wire() {
    let bytes = emitted(&syn(), v4());
    assert_eq!(
        bytes,
        [
            0x9c, 0x40, 0, 80, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0x60, 0x02, 0xff, 0xff, 0x0f,
            0x5a, 0, 0, 2, 4, 5, 180
        ]
    );
}

#[test]
fn length_counts_syn_and_fin() {
    assert_eq!(syn().len(), 1);
    let both = Segment {
        flags: Flags::SYN | Flags::FIN,
        text: Text { head: b"ab", tail: b"c" },
        ..Segment::default()
    };
    assert_eq!(both.len(), 5);
    assert_eq!(Segment { flags: Flags::ACK, ..Segment::default() }.len(), 0);
}

#[test]
fn a_flipped_bit_anywhere_is_a_bad_checksum_or_another_fault() {
    for (source, destination) in [v4(), v6()] {
        let segment = Segment { text: Text::from(&b"text"[..]), ..syn() };
        let bytes = emitted(&segment, (source, destination));
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let fault = parse(source, destination, &bytes).expect_err("a bit was flipped");
            assert!(matches!(fault, Malformed::BadChecksum | Malformed::BadDataOffset), "{bit}");
        }
    }
}

#[test]
fn the_pseudo_header_counts() {
    let (source, destination) = v4();
    let bytes = emitted(&syn(), (source, destination));
    let elsewhere = IpAddr::from([198, 51, 100, 8]);
    assert_eq!(parse(source, elsewhere, &bytes), Err(Malformed::BadChecksum));
    assert!(parse(source, destination, &bytes).is_ok());
}

#[test]
fn short_headers_and_bad_offsets_are_malformed() {
    let (source, destination) = v4();
    let bytes = emitted(&syn(), (source, destination));
    for len in 0..HEADER_LEN_MIN {
        assert_eq!(parse(source, destination, &bytes[..len]), Err(Malformed::Truncated), "{len}");
    }
    for words in [0, 4, 7, 15] {
        let mut bytes = bytes.clone();
        bytes[12] = words << 4;
        assert_eq!(parse(source, destination, &bytes), Err(Malformed::BadDataOffset), "{words}");
    }
}

#[test]
fn reserved_bits_are_ignored() {
    let (source, destination) = v4();
    let mut bytes = emitted(&syn(), (source, destination));
    bytes[12] |= 0x0f;
    bytes[16..18].fill(0);
    let mut checksum = Checksum::pseudo_header(source, destination, PROTOCOL, bytes.len());
    checksum.add(&bytes);
    bytes[16..18].copy_from_slice(&checksum.finish().to_be_bytes());
    assert_eq!(parse(source, destination, &bytes), Ok((PORTS, syn())));
}

#[test]
fn a_checksum_vouched_for_is_not_looked_at() {
    let mut bytes = emitted(&syn(), v4());
    bytes[16] ^= 0xff;
    assert_eq!(parse_unverified(&bytes), Ok((PORTS, syn())));
}

#[test]
fn flags_print_as_tcpdump_does() {
    let cases = [
        (Flags::NONE, "none"),
        (Flags::SYN, "S"),
        (Flags::SYN_ACK, "S."),
        (Flags::PSH | Flags::ACK, "P."),
        (Flags::FIN | Flags::PSH | Flags::ACK, "FP."),
        (Flags::RST_ACK, "R."),
        (Flags::SYN | Flags::ECE | Flags::CWR, "SEW"),
        (Flags::URG | Flags::ACK, ".U"),
    ];
    for (flags, text) in cases {
        assert_eq!(flags.to_string(), text);
    }
}

#[test]
fn every_octet_of_flags_survives() {
    for bits in 0..=u8::MAX {
        assert_eq!(Flags::from_bits(bits).bits(), bits);
    }
}

#[test]
fn text_is_cut_across_the_seam() {
    let text = Text { head: b"abc", tail: b"defg" };
    for cut in 0..9 {
        let first: Vec<u8> = text.take(cut).bytes().collect();
        let second: Vec<u8> = text.skip(cut).bytes().collect();
        assert_eq!(first.len(), cut.min(7));
        assert_eq!([first, second].concat(), b"abcdefg");
    }
    assert_eq!(text, Text::from(&b"abcdefg"[..]));
    assert_ne!(text, Text::from(&b"abcdefh"[..]));
}

#[test]
#[should_panic(expected = "room for the segment")]
fn too_little_room_is_a_broken_promise() {
    let (source, destination) = v4();
    syn().emit(PORTS, source, destination, &mut [0; 23]);
}

#[test]
fn answers_go_back_to_the_source_port() {
    assert_eq!(PORTS.reversed(), Ports { source: 80, destination: 40_000 });
}

fn any_address_pair() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    prop_oneof![
        any::<(u32, u32)>().prop_map(|(a, b)| (
            IpAddr::V4(Ipv4Addr::from_bits(a)),
            IpAddr::V4(Ipv4Addr::from_bits(b))
        )),
        any::<(u128, u128)>().prop_map(|(a, b)| (
            IpAddr::V6(Ipv6Addr::from_bits(a)),
            IpAddr::V6(Ipv6Addr::from_bits(b))
        )),
    ]
}

proptest! {
    #[test]
    fn any_bytes_parse(
        bytes in proptest::collection::vec(any::<u8>(), 0..120),
        (source, destination) in any_address_pair(),
    ) {
        let _ = parse(source, destination, &bytes);
        if let Ok((_, segment)) = parse_unverified(&bytes) {
            prop_assert!(segment.text.len() + HEADER_LEN_MIN <= bytes.len());
        }
    }

    #[test]
    fn round_trip_in_both_families(
        (source, destination) in any_address_pair(),
        (seq, ack, window, urgent) in any::<(u32, u32, u16, u16)>(),
        (bits, options) in any::<u8>().prop_flat_map(|bits| (Just(bits), any_options(bits & 2 != 0))),
        (head, tail) in any::<(Vec<u8>, Vec<u8>)>(),
    ) {
        let segment = Segment {
            seq: SeqNumber::new(seq),
            ack: SeqNumber::new(ack),
            flags: Flags::from_bits(bits),
            window,
            urgent,
            options,
            ecn: Ecn::NotEct,
            text: Text { head: &head, tail: &tail },
        };
        let bytes = emitted(&segment, (source, destination));
        prop_assert_eq!(bytes.len(), segment.header_len() + head.len() + tail.len());
        prop_assert_eq!(parse(source, destination, &bytes), Ok((PORTS, segment)));
    }
}
