//! The other end of a script: makes packets of relative numbers, and relative numbers of packets.

use std::net::{IpAddr, SocketAddr};

use wharf_transport::wire::icmp::HEADER_LEN;
use wharf_transport::wire::ip::{self, Ecn, Protocol};
use wharf_transport::wire::{Options, Ports, Segment, SeqNumber, Timestamps, checksum, tcp};

use super::notation::{IcmpKind, Opt, Packet};

/// What a script's relative numbers are relative to, and the ends of its connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The stack's end.
    pub(crate) local: SocketAddr,
    /// The peer's end.
    pub(crate) remote: SocketAddr,
    /// The peer's ISN.
    pub(crate) isn: SeqNumber,
    /// The stack's ISN, once a SYN of the stack has shown it.
    pub(crate) stack_isn: SeqNumber,
    /// Whether a SYN of the stack has come.
    pub(crate) has_seen_syn: bool,
    /// The peer's first timestamp.
    pub(crate) timestamp: u32,
    /// The stack's first timestamp, once a SYN of the stack has shown it.
    pub(crate) stack_timestamp: u32,
    /// The stack's last timestamp, to be echoed.
    pub(crate) last_timestamp: u32,
    /// Whether timestamps were agreed on.
    pub(crate) timestamps: bool,
    /// The window of packets that do not say.
    pub(crate) window: u16,
}

/// Byte `offset` of what the stack sends.
pub(crate) fn sent_byte(offset: usize) -> u8 {
    u8::try_from(offset % 251).expect("below 251")
}

/// Byte `offset` of what the peer sends.
pub(crate) fn received_byte(offset: usize) -> u8 {
    u8::try_from((offset + 100) % 241).expect("below 241")
}

/// A relative number, modulo 2^32.
pub(crate) fn wrapped(number: i64) -> u32 {
    u32::try_from(number.rem_euclid(1 << 32)).expect("reduced modulo 2^32")
}

impl Peer {
    /// The bytes of a packet from the peer. `elapsed_ms` is the peer's clock.
    pub(crate) fn packet(&self, packet: &Packet, elapsed_ms: u32) -> Vec<u8> {
        let first = usize::try_from(packet.seq.max(1)).expect("positive") - 1;
        let text: Vec<u8> = (first..first + packet.len).map(received_byte).collect();
        let segment = Segment {
            seq: self.isn + wrapped(packet.seq),
            ack: packet.ack.map_or(SeqNumber::new(0), |ack| self.stack_isn + wrapped(ack)),
            flags: packet.flags,
            window: packet.win.unwrap_or(self.window),
            urgent: 0,
            options: self.options(packet, elapsed_ms),
            ecn: packet.ecn,
            text: text.as_slice().into(),
        };
        self.emit(&segment)
    }

    fn emit(&self, segment: &Segment<'_>) -> Vec<u8> {
        let (source, destination) = (self.remote.ip(), self.local.ip());
        let header = ip::header_len(destination);
        let len = segment.header_len() + segment.text.len();
        let mut bytes = vec![0; header + len];
        let (head, body) = bytes.split_at_mut(header);
        ip::emit_header(source, destination, Protocol::Tcp, 64, segment.ecn, len, head);
        let ports = Ports { source: self.remote.port(), destination: self.local.port() };
        segment.emit(ports, source, destination, body);
        bytes
    }

    fn options(&self, packet: &Packet, elapsed_ms: u32) -> Options {
        let mut options = Options::default();
        let Some(written) = &packet.options else {
            if self.timestamps {
                let value = self.timestamp.wrapping_add(elapsed_ms);
                let echo = if packet.flags.ack { self.last_timestamp } else { 0 };
                options.timestamps = Some(Timestamps { value, echo });
            }
            return options;
        };
        for option in written {
            match *option {
                Opt::Mss(mss) => options.mss = Some(mss),
                Opt::SackOk => options.sack_permitted = true,
                Opt::WindowScale(shift) => options.window_scale = Some(shift),
                Opt::Timestamps { value, echo } => {
                    options.timestamps = Some(Timestamps {
                        value: self.timestamp.wrapping_add(wrapped(value)),
                        echo: self.stack_timestamp.wrapping_add(wrapped(echo)),
                    });
                }
                Opt::Sack(left, right) => {
                    let (left, right) = (wrapped(left), wrapped(right));
                    options.sack.push(self.stack_isn + left, self.stack_isn + right);
                }
            }
        }
        options
    }

    /// Reads a packet of the stack; a SYN shows the stack's origins.
    pub(crate) fn read<'a>(&mut self, bytes: &'a [u8]) -> (Ports, Segment<'a>) {
        let datagram = ip::parse(bytes).expect("the stack sends well-formed packets");
        assert_eq!(datagram.protocol, Protocol::Tcp, "the script expects TCP alone");
        assert_eq!(datagram.source, self.local.ip(), "source address");
        assert_eq!(datagram.destination, self.remote.ip(), "destination address");
        let (ports, segment) = tcp::parse(datagram.source, datagram.destination, datagram.payload)
            .expect("the stack sends well-formed segments");
        let is_new = !self.has_seen_syn || segment.seq != self.stack_isn;
        if segment.flags.syn && is_new {
            self.has_seen_syn = true;
            self.stack_isn = segment.seq;
            self.stack_timestamp = segment.options.timestamps.map_or(0, |it| it.value);
        }
        if let Some(timestamps) = segment.options.timestamps {
            self.last_timestamp = timestamps.value;
        }
        (ports, Segment { ecn: datagram.ecn, ..segment })
    }

    /// What `expected` and a segment of the stack differ in.
    pub(crate) fn difference(&self, expected: &Packet, segment: &Segment<'_>) -> Option<String> {
        if segment.flags != expected.flags {
            return Some(format!("flags {} instead of {}", segment.flags, expected.flags));
        }
        if segment.ecn != expected.ecn {
            return Some(format!("mark {:?} instead of {:?}", segment.ecn, expected.ecn));
        }
        if segment.seq != self.stack_isn + wrapped(expected.seq) {
            return Some("another sequence number".to_owned());
        }
        if segment.text.len() != expected.len {
            return Some(format!("{} bytes of text", segment.text.len()));
        }
        if expected.ack.is_some_and(|ack| segment.ack != self.isn + wrapped(ack)) {
            return Some("another acknowledgement number".to_owned());
        }
        if expected.win.is_some_and(|window| segment.window != window) {
            return Some(format!("window {}", segment.window));
        }
        let first = usize::try_from(expected.seq.max(1)).expect("positive") - 1;
        let text = (first..first + expected.len).map(sent_byte);
        if !segment.text.bytes().eq(text) {
            return Some("other bytes".to_owned());
        }
        self.options_difference(expected, &segment.options)
    }

    fn options_difference(&self, expected: &Packet, options: &Options) -> Option<String> {
        let came = self.relative_options(options);
        match &expected.options {
            Some(written) => {
                let same = written.len() == came.len() && written.iter().all(|o| came.contains(o));
                (!same).then(|| format!("options {came:?} instead of {written:?}"))
            }
            None => (!options.sack.is_empty()).then(|| format!("options {came:?}")),
        }
    }

    fn relative_options(&self, options: &Options) -> Vec<Opt> {
        let relative = |value: u32, origin: u32| i64::from(value.wrapping_sub(origin));
        let timestamps = options.timestamps.map(|it| Opt::Timestamps {
            value: relative(it.value, self.stack_timestamp),
            // A SYN echoes nothing, so its zero is no number of the peer's.
            echo: if it.echo == 0 { 0 } else { relative(it.echo, self.timestamp) },
        });
        let sack = options.sack.iter().map(|(left, right)| {
            let (left, right) = (left.offset_from(self.isn), right.offset_from(self.isn));
            Opt::Sack(i64::from(left), i64::from(right))
        });
        let mut all: Vec<Opt> = options.mss.map(Opt::Mss).into_iter().collect();
        all.extend(options.sack_permitted.then_some(Opt::SackOk));
        all.extend(timestamps);
        all.extend(options.window_scale.map(Opt::WindowScale));
        all.extend(sack);
        all
    }

    /// An ICMP error from a router on the way, which quotes the stack's segment `seq`.
    pub(crate) fn icmp(&self, kind: IcmpKind, seq: i64) -> Vec<u8> {
        let quoted = Segment { seq: self.stack_isn + wrapped(seq), ..Segment::default() };
        let (source, destination) = (self.local.ip(), self.remote.ip());
        let header = ip::header_len(destination);
        let mut quote = vec![0; header + quoted.header_len()];
        let (head, body) = quote.split_at_mut(header);
        let len = quoted.header_len();
        ip::emit_header(source, destination, Protocol::Tcp, 60, Ecn::NotEct, len, head);
        let ports = Ports { source: self.local.port(), destination: self.remote.port() };
        quoted.emit(ports, source, destination, body);
        icmp_packet(router_of(source), source, kind, &quote)
    }
}

/// An address that is neither end's.
fn router_of(of: IpAddr) -> IpAddr {
    match of {
        IpAddr::V4(_) => "192.0.2.254".parse().expect("an address"),
        IpAddr::V6(_) => "2001:db8::fe".parse().expect("an address"),
    }
}

/// The last four bytes of the header: 16 bits of MTU at the end for IPv4, 32 for IPv6.
fn mtu_field(kind: IcmpKind, ipv4: bool) -> u32 {
    match kind {
        IcmpKind::TooBig(size) => size + if ipv4 { 40 } else { 60 },
        IcmpKind::TooBigMtu(mtu) => mtu,
        IcmpKind::PortUnreachable
        | IcmpKind::HostUnreachable
        | IcmpKind::Prohibited
        | IcmpKind::TimeExceeded
        | IcmpKind::ParameterProblem
        | IcmpKind::SourceQuench => 0,
    }
}

/// An ICMP error with a quote.
pub(crate) fn icmp_packet(
    source: IpAddr,
    destination: IpAddr,
    kind: IcmpKind,
    quote: &[u8],
) -> Vec<u8> {
    let ipv4 = destination.is_ipv4();
    let (number, code) = match (kind, ipv4) {
        (IcmpKind::PortUnreachable, true) => (3, 3),
        (IcmpKind::PortUnreachable, false) => (1, 4),
        (IcmpKind::HostUnreachable, true) => (3, 1),
        (IcmpKind::HostUnreachable, false) => (1, 3),
        (IcmpKind::Prohibited, true) => (3, 13),
        (IcmpKind::Prohibited, false) => (1, 1),
        (IcmpKind::TimeExceeded, true) => (11, 0),
        (IcmpKind::TimeExceeded, false) => (3, 0),
        (IcmpKind::ParameterProblem, true) => (12, 0),
        (IcmpKind::ParameterProblem, false) => (4, 1),
        (IcmpKind::SourceQuench, true) => (4, 0),
        (IcmpKind::SourceQuench, false) => (100, 0),
        (IcmpKind::TooBig(_) | IcmpKind::TooBigMtu(_), true) => (3, 4),
        (IcmpKind::TooBig(_) | IcmpKind::TooBigMtu(_), false) => (2, 0),
    };
    let mut message = vec![0; HEADER_LEN];
    message[0] = number;
    message[1] = code;
    message[4..8].copy_from_slice(&mtu_field(kind, ipv4).to_be_bytes());
    message.extend_from_slice(quote);
    let mut sum = if ipv4 {
        checksum::Checksum::new()
    } else {
        let number = Protocol::Icmpv6.number();
        checksum::Checksum::pseudo_header(source, destination, number, message.len())
    };
    sum.add(&message);
    message[2..4].copy_from_slice(&sum.finish().to_be_bytes());
    let protocol = if ipv4 { Protocol::Icmp } else { Protocol::Icmpv6 };
    let header = ip::header_len(destination);
    let mut packet = vec![0; header];
    let len = message.len();
    ip::emit_header(source, destination, protocol, 60, Ecn::NotEct, len, &mut packet);
    packet.extend_from_slice(&message);
    packet
}
