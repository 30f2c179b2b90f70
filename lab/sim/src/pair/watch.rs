//! Looks at every packet that leaves, as an observer at the wire would: whoever sends what it must
//! not is found there, before the other end may hide it.

use std::collections::BTreeMap;

use wharf_transport::wire::tcp::{self, Segment};
use wharf_transport::wire::{SeqNumber, ip};

use crate::stream::Stream;
use crate::violation::{Kind, Violation, demand};

/// One direction of a connection, as seen on the wire. Numbers count from the ISN.
#[derive(Clone, Copy, Debug)]
struct Flow {
    stream: Stream,
    isn: Option<SeqNumber>,
    /// The shift that its SYN offers.
    shift: Option<u8>,
    /// One past the last number that it has sent.
    sent: u32,
    /// The number of its FIN.
    fin: Option<u32>,
    /// The right edge of the window that it has offered.
    edge: u32,
    /// It has sent a reset.
    has_reset: bool,
    /// ISN and numbers sent of the connection before this one, between the same ports: an end that
    /// still knows it answers the new one's SYN|ACK by its numbers.
    earlier: Option<(SeqNumber, u32)>,
}

impl Flow {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            isn: None,
            shift: None,
            sent: 0,
            fin: None,
            edge: 0,
            has_reset: false,
            earlier: None,
        }
    }

    /// Whether it may begin anew: an old SYN that comes late finds a listener again once nothing
    /// is left of the connection that the first one made.
    fn may_begin_anew(&self, peer: &Self) -> bool {
        self.has_reset || peer.has_reset || self.fin.is_some() || self.sent <= 1
    }
}

/// What is known of a packet after it was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// It carries text that was sent before.
    pub(super) is_repeat: bool,
}

/// All connections of a run, by the port of the end that opened them.
#[derive(Debug, Default)]
pub(super) struct Watch {
    flows: BTreeMap<u16, [Flow; 2]>,
}

impl Watch {
    /// A connection is opened from `port`; its two streams.
    pub(super) fn open(&mut self, port: u16, streams: [Stream; 2]) {
        self.flows.insert(port, streams.map(Flow::new));
    }

    /// `side` sends `packet`, whose length may be `mtu`.
    pub(super) fn see(&mut self, side: usize, packet: &[u8], mtu: u16) -> Result<Seen, Violation> {
        let wire = |what: String| Violation::new(Kind::Wire, format!("host {side}: {what}"));
        demand(packet.len() <= usize::from(mtu), Kind::Wire, || {
            format!("host {side}: {} bytes in a packet, the MTU is {mtu}", packet.len())
        })?;
        let datagram = ip::parse(packet).map_err(|fault| wire(fault.to_string()))?;
        let (ports, segment) = tcp::parse(datagram.source, datagram.destination, datagram.payload)
            .map_err(|fault| wire(fault.to_string()))?;
        let port = if side == 0 { ports.source } else { ports.destination };
        let flows =
            self.flows.get_mut(&port).ok_or_else(|| wire("a stranger's port".to_owned()))?;
        if segment.flags.rst {
            flows[side].has_reset = true;
            return Ok(Seen::default());
        }
        see_segment(flows, side, &segment).map_err(|what| {
            wire(format!("{what}: {}", wharf_transport::wire::show::packet(packet)))
        })
    }
}

fn see_segment(flows: &mut [Flow; 2], side: usize, segment: &Segment<'_>) -> Result<Seen, String> {
    let [first, second] = flows;
    let (own, peer) = if side == 0 { (first, second) } else { (second, first) };
    if segment.flags.syn {
        if own.isn.is_some_and(|isn| isn != segment.seq) {
            if !(segment.flags.ack && own.may_begin_anew(peer)) {
                return Err("another ISN in a repeated SYN".to_owned());
            }
            let earlier = own.isn.map(|isn| (isn, own.sent));
            *own = Flow { earlier, ..Flow::new(own.stream) };
        }
        own.isn = Some(segment.seq);
        own.shift = segment.options.window_scale;
    }
    let isn = own.isn.ok_or("a segment before the SYN")?;
    let first = segment.seq.offset_from(isn);
    let seen = see_text(own, peer, first, segment)?;
    if segment.flags.ack {
        see_ack(own, peer, segment)?;
    }
    Ok(seen)
}

/// The text is that of the stream, and inside the window that the peer has offered.
fn see_text(
    own: &mut Flow,
    peer: &Flow,
    first: u32,
    segment: &Segment<'_>,
) -> Result<Seen, String> {
    let text_from = first.wrapping_add(u32::from(segment.flags.syn));
    let len = u32::try_from(segment.text.len()).map_err(|_| "a text without bound")?;
    let text_end = text_from.wrapping_add(len);
    let offset = u64::from(text_from.wrapping_sub(1));
    for (at, byte) in (offset..).zip(segment.text.bytes()) {
        if own.stream.byte(at) != byte {
            return Err(format!("not the stream's byte at offset {at}"));
        }
    }
    let end = first.wrapping_add(segment.len());
    if let Some(fin) = own.fin
        && end > fin + 1
    {
        return Err("something beyond the FIN".to_owned());
    }
    // A window probe may be one byte outside: RFC 9293, section 3.8.6.1.
    if len > 0 && text_end > peer.edge.saturating_add(1) {
        return Err(format!("text to {text_end}, the window ends at {}", peer.edge));
    }
    if segment.flags.fin {
        own.fin = Some(end - 1);
    }
    let is_repeat = len > 0 && text_end <= own.sent;
    own.sent = own.sent.max(end);
    Ok(Seen { is_repeat })
}

/// Only what was sent is acknowledged, and no promised window is taken back.
fn see_ack(own: &mut Flow, peer: &Flow, segment: &Segment<'_>) -> Result<(), String> {
    let peers_isn = peer.isn.ok_or("an acknowledgement of nothing")?;
    let acked = segment.ack.offset_from(peers_isn);
    let is_of = |(isn, sent): (SeqNumber, u32)| segment.ack.offset_from(isn) <= sent;
    if acked > peer.sent && peer.earlier.is_some_and(is_of) {
        return Ok(());
    }
    if acked > peer.sent {
        return Err(format!("{acked} is acknowledged, {} was sent", peer.sent));
    }
    let scales = own.shift.is_some() && peer.shift.is_some() && !segment.flags.syn;
    let shift = own.shift.filter(|_| scales).unwrap_or(0);
    let edge = acked.saturating_add(u32::from(segment.window) << shift);
    // Once the peer's FIN is acknowledged nothing more may come, and the window says nothing.
    // A SYN that is repeated cannot say more than 16 bits.
    let is_over = segment.flags.syn || peer.fin.is_some_and(|fin| acked > fin);
    // A window is rounded to its unit, so its edge may go back by less than that: RFC 7323,
    // section 2.4.
    if edge + (1 << shift) <= own.edge && !is_over {
        return Err(format!("the window shrinks from {} to {edge}", own.edge));
    }
    own.edge = own.edge.max(edge);
    Ok(())
}

#[cfg(test)]
mod tests {
    use wharf_transport::wire::tcp::{Flags, Ports, Text};

    use super::*;

    const STREAMS: [Stream; 2] = [Stream::new(1), Stream::new(2)];

    fn packet(side: usize, flags: Flags, numbers: (u32, u32), text: &[u8]) -> Vec<u8> {
        let addresses = [[192, 0, 2, 1], [192, 0, 2, 2]].map(std::net::IpAddr::from);
        let (source, destination) = (addresses[side], addresses[1 - side]);
        let ports = Ports { source: 4_000, destination: 80 };
        let segment = Segment {
            seq: SeqNumber::new(numbers.0),
            ack: SeqNumber::new(numbers.1),
            flags,
            window: 1_000,
            urgent: 0,
            options: wharf_transport::wire::options::Options::default(),
            text: Text::from(text),
            ecn: ip::Ecn::NotEct,
        };
        let mut bytes = vec![0; 20 + segment.header_len() + text.len()];
        let len = bytes.len() - 20;
        let protocol = ip::Protocol::Tcp;
        ip::emit_header(source, destination, protocol, 64, ip::Ecn::NotEct, len, &mut bytes);
        let ports = if side == 0 { ports } else { ports.reversed() };
        segment.emit(ports, source, destination, &mut bytes[20..]);
        bytes
    }

    /// A watch that has seen the handshake: ISNs 0 and 500.
    fn open() -> Watch {
        let mut watch = Watch::default();
        watch.open(4_000, STREAMS);
        for (side, flags, numbers) in
            [(0, Flags::SYN, (0, 0)), (1, Flags::SYN_ACK, (500, 1)), (0, Flags::ACK, (1, 501))]
        {
            watch.see(side, &packet(side, flags, numbers, b""), 1_500).unwrap();
        }
        watch
    }

    fn says(watch: &mut Watch, side: usize, bytes: &[u8]) -> String {
        watch.see(side, bytes, 1_500).unwrap_err().detail
    }

    #[test]
    fn an_orderly_exchange_is_passed_and_a_repeat_is_known() {
        let mut watch = open();
        let text = packet(0, Flags::ACK, (1, 501), &STREAMS[0].bytes(0, 10));
        assert!(!watch.see(0, &text, 1_500).unwrap().is_repeat);
        assert!(watch.see(0, &text, 1_500).unwrap().is_repeat);
    }

    #[test]
    fn what_must_not_leave_is_found() {
        let text = |from, len| STREAMS[0].bytes(from, len);
        let found = |bytes: &[u8]| says(&mut open(), 0, bytes);
        assert!(found(&packet(0, Flags::ACK, (1, 501), &text(1, 10))).contains("at offset 0"));
        assert!(found(&packet(0, Flags::ACK, (1, 501), &text(0, 1_002))).contains("window ends"));
        assert!(found(&packet(0, Flags::ACK, (1, 499), b"")).contains("acknowledged"));
        assert!(found(&packet(0, Flags::SYN, (7, 0), b"")).contains("another ISN"));
        let mut damaged = packet(0, Flags::ACK, (1, 501), b"");
        damaged[25] ^= 1;
        assert!(found(&damaged).contains("checksum"));
        assert!(open().see(0, &packet(0, Flags::ACK, (1, 501), &text(0, 600)), 576).is_err());
    }

    #[test]
    fn a_window_that_shrinks_is_found() {
        let mut watch = open();
        let text = packet(0, Flags::ACK, (1, 501), &STREAMS[0].bytes(0, 10));
        watch.see(0, &text, 1_500).unwrap();
        watch.see(1, &packet(1, Flags::ACK, (501, 11), b""), 1_500).unwrap();
        let back = packet(1, Flags::ACK, (501, 1), b"");
        assert!(says(&mut watch, 1, &back).contains("shrinks"));
    }
}
