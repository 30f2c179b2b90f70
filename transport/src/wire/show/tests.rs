use super::*;
use crate::wire::icmp::Echo;
use crate::wire::ip::{Ecn, emit_header, header_len};
use crate::wire::options::{SackBlocks, Timestamps};
use crate::wire::tcp::{Flags, Ports, Text};
use core::net::IpAddr;
use proptest::prelude::*;

const SOURCE: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1));
const DESTINATION: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 2));

fn datagram(protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    let start = header_len(DESTINATION);
    let mut packet = vec![0; start + payload.len()];
    emit_header(SOURCE, DESTINATION, protocol, 64, Ecn::NotEct, payload.len(), &mut packet);
    packet[start..].copy_from_slice(payload);
    packet
}

fn seq(value: u32) -> SeqNumber {
    SeqNumber::new(value)
}

#[test]
fn segments_read_as_in_our_scripts() {
    let text = [0; 100];
    let data = Segment {
        seq: seq(1),
        ack: seq(1),
        flags: Flags::PSH | Flags::ACK,
        window: 65_535,
        text: Text::from(&text[..]),
        ..Segment::default()
    };
    assert_eq!(segment(&data).to_string(), "P. 1:101(100) ack 1 win 65535");

    let syn = Segment {
        flags: Flags::SYN,
        window: 65_535,
        options: Options {
            mss: Some(1460),
            sack_permitted: true,
            timestamps: Some(Timestamps { value: 5, echo: 0 }),
            window_scale: Some(7),
            sack: SackBlocks::new(),
        },
        ..Segment::default()
    };
    assert_eq!(
        segment(&syn).to_string(),
        "S 0:0(0) win 65535 <mss 1460,sackOK,TS val 5 ecr 0,wscale 7>"
    );

    let reset = Segment { seq: seq(101), flags: Flags::RST, ..Segment::default() };
    assert_eq!(segment(&reset).to_string(), "R 101:101(0) win 0");

    let urgent = Segment { flags: Flags::URG, urgent: 3, ..Segment::default() };
    assert_eq!(segment(&urgent).to_string(), "U 0:0(0) win 0 urg 3");

    for (ecn, shown) in [(Ecn::Ect0, " [ect0]"), (Ecn::Ect1, " [ect1]"), (Ecn::Ce, " [ce]")] {
        let marked = Segment { flags: Flags::FIN, ecn, ..Segment::default() };
        assert_eq!(segment(&marked).to_string(), format!("F 0:0(0) win 0{shown}"));
    }
}

#[test]
fn relative_numbers_count_across_the_wrap() {
    let origins = (seq(u32::MAX - 9), seq(u32::MAX - 99));
    let ack = Segment {
        seq: origins.0 + 1,
        ack: origins.1 + 1,
        flags: Flags::ACK,
        window: 10,
        options: Options {
            sack: [(1001, 2001), (3001, 4001)]
                .into_iter()
                .map(|(left, right)| (origins.1 + left, origins.1 + right))
                .collect(),
            ..Options::default()
        },
        ..Segment::default()
    };
    assert_eq!(
        segment(&ack).relative_to(origins.0, origins.1).to_string(),
        ". 1:1(0) ack 1 win 10 <sack 1001:2001 3001:4001>"
    );
}

#[test]
fn packets_show_addresses_ports_and_protocols() {
    let syn = Segment { seq: seq(9), flags: Flags::SYN, window: 100, ..Segment::default() };
    let mut bytes = [0; 20];
    syn.emit(Ports { source: 40_000, destination: 80 }, SOURCE, DESTINATION, &mut bytes);
    let tcp = datagram(Protocol::Tcp, &bytes);
    assert_eq!(packet(&tcp).to_string(), "192.0.2.1.40000 > 192.0.2.2.80: S 9:9(0) win 100");
    bytes[4] ^= 1;
    assert_eq!(
        packet(&datagram(Protocol::Tcp, &bytes)).to_string(),
        "192.0.2.1 > 192.0.2.2: malformed tcp: bad checksum"
    );

    let echo = Echo { ident: 7, seq: 1, data: b"12" };
    let mut bytes = [0; 10];
    echo.emit_request(SOURCE, DESTINATION, &mut bytes);
    assert_eq!(
        packet(&datagram(Protocol::Icmp, &bytes)).to_string(),
        "192.0.2.1 > 192.0.2.2: icmp echo request id 7 seq 1 (2)"
    );
    echo.emit_reply(SOURCE, DESTINATION, &mut bytes);
    assert_eq!(
        packet(&datagram(Protocol::Icmp, &bytes)).to_string(),
        "192.0.2.1 > 192.0.2.2: icmp echo reply id 7 seq 1 (2)"
    );
    bytes[9] ^= 1;
    assert_eq!(
        packet(&datagram(Protocol::Icmp, &bytes)).to_string(),
        "192.0.2.1 > 192.0.2.2: icmp malformed: bad checksum"
    );
    assert_eq!(
        packet(&datagram(Protocol::Other(17), b"udp")).to_string(),
        "192.0.2.1 > 192.0.2.2: protocol 17 (3)"
    );
    assert_eq!(packet(b"\x45").to_string(), "malformed: packet is cut short (1 B)");
}

#[test]
fn icmp_errors_show_what_they_quote() {
    let syn = Segment { seq: seq(9), flags: Flags::SYN, ..Segment::default() };
    let mut bytes = [0; 20];
    syn.emit(Ports { source: 40_000, destination: 80 }, SOURCE, DESTINATION, &mut bytes);
    let quoted = datagram(Protocol::Tcp, &bytes);
    let cases =
        [(3, 1, "unreachable code 1"), (3, 4, "too big mtu 1400"), (11, 0, "time exceeded code 0")];
    for (kind, code, text) in cases {
        let mut error = [&[kind, code, 0, 0, 0, 0, 5, 120], &quoted[..]].concat();
        let sum = crate::wire::checksum::checksum(&error);
        error[2..4].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(
            packet(&datagram(Protocol::Icmp, &error)).to_string(),
            format!("192.0.2.1 > 192.0.2.2: icmp {text} [192.0.2.1.40000 > 192.0.2.2.80: seq 9]")
        );
    }
    let mut other = [5, 1, 0, 0, 0, 0, 0, 0];
    let sum = crate::wire::checksum::checksum(&other);
    other[2..4].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(
        packet(&datagram(Protocol::Icmp, &other)).to_string(),
        "192.0.2.1 > 192.0.2.2: icmp type 5 code 1"
    );
}

proptest! {
    #[test]
    fn any_payload_is_one_line(
        number in prop_oneof![Just(6u8), Just(1), any::<u8>()],
        payload in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let line = packet(&datagram(Protocol::from(number), &payload)).to_string();
        prop_assert!(!line.is_empty() && !line.contains('\n'));
        let line = packet(&payload).to_string();
        prop_assert!(!line.is_empty() && !line.contains('\n'));
    }
}
