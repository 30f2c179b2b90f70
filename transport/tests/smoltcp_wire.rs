//! The wire format, judged by a second parser: whatever we write, smoltcp reads into the same
//! fields, and finds the checksums right; and what smoltcp writes, we read.

mod support;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{TcpControl, TcpPacket, TcpRepr, TcpSeqNumber, TcpTimestampRepr};
use support::oracle::assert_read_alike;
use wharf_transport::wire::ip::{self, Ecn, Protocol};
use wharf_transport::wire::{Flags, Options, Ports, Segment, SeqNumber, Timestamps, tcp};

/// The ends of a packet, in one family.
fn any_ends() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    let v4 = any::<[[u8; 4]; 2]>().prop_map(|ends| ends.map(|end| Ipv4Addr::from(end).into()));
    let v6 = any::<[[u8; 16]; 2]>().prop_map(|ends| ends.map(|end| Ipv6Addr::from(end).into()));
    prop_oneof![v4, v6].prop_map(|[source, destination]| (source, destination))
}

fn any_ports() -> impl Strategy<Value = Ports> {
    (1_u16.., 1_u16..).prop_map(|(source, destination)| Ports { source, destination })
}

fn any_number() -> impl Strategy<Value = SeqNumber> {
    any::<u32>().prop_map(SeqNumber::new)
}

/// Options that may stand together: those of a SYN, or SACK ranges.
fn any_options(syn: bool) -> impl Strategy<Value = Options> {
    let of_a_syn = (prop::option::of(1_u16..), prop::option::of(0_u8..=14), any::<bool>());
    let timestamps = prop::option::of(any::<(u32, u32)>());
    let sack = prop::collection::vec((any_number(), any_number()), 0..=4);
    (of_a_syn, timestamps, sack).prop_map(
        move |((mss, window_scale, sack_permitted), stamps, sack)| {
            let timestamps = stamps.map(|(value, echo)| Timestamps { value, echo });
            let options = Options { timestamps, ..Options::default() };
            if syn {
                Options { mss, window_scale, sack_permitted, ..options }
            } else {
                Options { sack: sack.into_iter().collect(), ..options }
            }
        },
    )
}

/// The packet that carries a segment.
fn emitted(
    (source, destination): (IpAddr, IpAddr),
    ports: Ports,
    segment: &Segment<'_>,
) -> Vec<u8> {
    let header = ip::header_len(destination);
    let len = segment.header_len() + segment.text.len();
    let mut bytes = vec![0xee; header + len];
    let (head, body) = bytes.split_at_mut(header);
    ip::emit_header(source, destination, Protocol::Tcp, 64, segment.ecn, len, head);
    segment.emit(ports, source, destination, body);
    bytes
}

/// A case that fails is shown, and becomes a test of its own: there is no file of seeds.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn smoltcp_reads_whatever_we_write(
        ends in any_ends(),
        ports in any_ports(),
        (seq, ack) in (any_number(), any_number()),
        (bits, window, urgent, ecn) in (any::<u8>(), any::<u16>(), any::<u16>(), any::<u8>()),
        (of_a_syn, of_others) in (any_options(true), any_options(false)),
        (head, tail) in (prop::collection::vec(any::<u8>(), 0..900), prop::collection::vec(any::<u8>(), 0..500)),
    ) {
        let flags = Flags::from_bits(bits);
        let options = if flags.syn { of_a_syn } else { of_others };
        let text = tcp::Text { head: &head, tail: &tail };
        let ecn = Ecn::from_bits(ecn);
        let segment = Segment { seq, ack, flags, window, urgent, options, ecn, text };
        assert_read_alike(&emitted(ends, ports, &segment));
    }

    #[test]
    fn we_read_whatever_smoltcp_writes(
        (source, destination) in any_ends(),
        ports in any_ports(),
        (seq, ack, window) in (any::<i32>(), prop::option::of(any::<i32>()), any::<u16>()),
        control in 0_usize..5,
        (mss, shift, sack_permitted) in (prop::option::of(1_u16..), prop::option::of(0_u8..=14), any::<bool>()),
        sack in prop::option::of(any::<(u32, u32)>()),
        timestamps in prop::option::of(any::<(u32, u32)>()),
        payload in prop::collection::vec(any::<u8>(), 0..1_400),
    ) {
        use TcpControl::{Fin, None, Psh, Rst, Syn};
        let (control, flags) = [
            (None, Flags::NONE),
            (Psh, Flags::PSH),
            (Syn, Flags::SYN),
            (Fin, Flags::FIN),
            (Rst, Flags::RST),
        ][control];
        let syn = control == Syn;
        // SACK ranges stand beside an acknowledgement alone.
        let sack = sack.filter(|_| !syn && ack.is_some());
        let repr = TcpRepr {
            src_port: ports.source,
            dst_port: ports.destination,
            control,
            seq_number: TcpSeqNumber(seq),
            ack_number: ack.map(TcpSeqNumber),
            window_len: window,
            window_scale: shift.filter(|_| syn),
            max_seg_size: mss.filter(|_| syn),
            sack_permitted: sack_permitted && syn,
            sack_ranges: [sack, Option::None, Option::None],
            timestamp: timestamps.map(|(value, echo)| TcpTimestampRepr::new(value, echo)),
            payload: &payload,
        };
        let mut bytes = vec![0xee; repr.buffer_len()];
        let ends = (source.into(), destination.into());
        let capabilities = ChecksumCapabilities::default();
        repr.emit(&mut TcpPacket::new_unchecked(&mut bytes), &ends.0, &ends.1, &capabilities);

        let (our_ports, segment) = tcp::parse(source, destination, &bytes).expect("we read it");
        prop_assert_eq!(our_ports, ports);
        let flags = if ack.is_some() { flags | Flags::ACK } else { flags };
        let expected = Segment {
            seq: SeqNumber::new(seq.cast_unsigned()),
            ack: SeqNumber::new(ack.unwrap_or(0).cast_unsigned()),
            flags,
            window,
            urgent: 0,
            options: Options {
                mss: repr.max_seg_size,
                window_scale: repr.window_scale,
                sack_permitted: repr.sack_permitted,
                timestamps: timestamps.map(|(value, echo)| Timestamps { value, echo }),
                sack: sack.into_iter().map(|(left, right)| (SeqNumber::new(left), SeqNumber::new(right))).collect(),
            },
            ecn: Ecn::NotEct,
            text: payload.as_slice().into(),
        };
        prop_assert_eq!(segment, expected);
    }
}
