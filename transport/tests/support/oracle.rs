//! A second reader of our packets: smoltcp's parsers.

use std::net::IpAddr;

use smoltcp::wire::{
    IpAddress, IpProtocol, Ipv4Packet, Ipv6Packet, TcpOption, TcpPacket, TcpSeqNumber,
};
use wharf_transport::wire::ip::{self, Datagram};
use wharf_transport::wire::{Flags, Options, Ports, Segment, SeqNumber, Timestamps, tcp};

/// Panics unless both parsers read the same in a packet with a segment of ours, and both find its
/// checksums right.
pub(crate) fn assert_read_alike(packet: &[u8]) {
    let ours = ip::parse(packet).expect("we read what we send");
    let (ports, segment) = tcp::parse(ours.source, ours.destination, ours.payload)
        .expect("we read what we send, and its checksum is right");
    let theirs = read_ip(packet);
    assert_eq!(ours, theirs, "as IP");
    let (their_ports, their_segment) = read_tcp(&theirs);
    // Of four SACK ranges smoltcp keeps three.
    let sack = segment.options.sack.iter().take(3).collect();
    let segment = Segment { options: Options { sack, ..segment.options }, ..segment };
    assert_eq!((ports, segment), (their_ports, their_segment), "as TCP");
}

/// The IP header as smoltcp reads it.
fn read_ip(packet: &[u8]) -> Datagram<'_> {
    if packet.first().is_some_and(|octet| octet >> 4 == 4) {
        let header = Ipv4Packet::new_checked(packet).expect("smoltcp reads it");
        assert!(header.verify_checksum(), "the header's checksum");
        assert!(header.dont_frag() && !header.more_frags(), "no fragment of anything");
        Datagram {
            source: header.src_addr().into(),
            destination: header.dst_addr().into(),
            protocol: u8::from(header.next_header()).into(),
            hop_limit: header.hop_limit(),
            ecn: ip::Ecn::from_bits(header.ecn()),
            payload: header.payload(),
        }
    } else {
        let header = Ipv6Packet::new_checked(packet).expect("smoltcp reads it");
        Datagram {
            source: header.src_addr().into(),
            destination: header.dst_addr().into(),
            protocol: u8::from(header.next_header()).into(),
            hop_limit: header.hop_limit(),
            ecn: ip::Ecn::from_bits(header.traffic_class()),
            payload: header.payload(),
        }
    }
}

/// The segment as smoltcp reads it.
fn read_tcp<'a>(datagram: &Datagram<'a>) -> (Ports, Segment<'a>) {
    assert_eq!(IpProtocol::from(datagram.protocol.number()), IpProtocol::Tcp);
    let packet = TcpPacket::new_checked(datagram.payload).expect("smoltcp reads it");
    let address = |ip: IpAddr| IpAddress::from(ip);
    let (source, destination) = (address(datagram.source), address(datagram.destination));
    assert!(packet.verify_checksum(&source, &destination), "the segment's checksum");
    assert!(!packet.ns(), "a reserved bit");
    let flags = Flags {
        fin: packet.fin(),
        syn: packet.syn(),
        rst: packet.rst(),
        psh: packet.psh(),
        ack: packet.ack(),
        urg: packet.urg(),
        ece: packet.ece(),
        cwr: packet.cwr(),
    };
    let segment = Segment {
        seq: number(packet.seq_number()),
        ack: number(packet.ack_number()),
        flags,
        window: packet.window_len(),
        urgent: packet.urgent_at(),
        options: read_options(packet.options()),
        ecn: ip::Ecn::NotEct,
        text: packet.payload().into(),
    };
    (Ports { source: packet.src_port(), destination: packet.dst_port() }, segment)
}

/// The options as smoltcp reads them.
fn read_options(mut bytes: &[u8]) -> Options {
    let mut options = Options::default();
    while !bytes.is_empty() {
        let (rest, option) = TcpOption::parse(bytes).expect("smoltcp reads each option");
        match option {
            TcpOption::EndOfList => break,
            TcpOption::NoOperation => {}
            TcpOption::MaxSegmentSize(mss) => options.mss = Some(mss),
            TcpOption::WindowScale(shift) => options.window_scale = Some(shift),
            TcpOption::SackPermitted => options.sack_permitted = true,
            TcpOption::SackRange(ranges) => {
                let ranges = ranges.into_iter().flatten();
                let ranges =
                    ranges.map(|(left, right)| (SeqNumber::new(left), SeqNumber::new(right)));
                options.sack = ranges.collect();
            }
            TcpOption::TimeStamp { tsval, tsecr } => {
                options.timestamps = Some(Timestamps { value: tsval, echo: tsecr });
            }
            TcpOption::Unknown { kind, .. } => panic!("an option of kind {kind}"),
        }
        bytes = rest;
    }
    options
}

fn number(number: TcpSeqNumber) -> SeqNumber {
    SeqNumber::new(number.0.cast_unsigned())
}
