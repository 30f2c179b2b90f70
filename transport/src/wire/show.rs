//! One line per packet: the notation of our logs, failures and scripts.
//!
//! That of tcpdump and packetdrill: `P. 1:101(100) ack 1 win 65535 <mss 1460,sackOK>`. The second
//! number is the first plus the length of the text, so a SYN reads `S 0:0(0)`. A packet with an ECN
//! mark says `[ect0]`, `[ect1]` or `[ce]` before its options. Numbers are those on
//! the wire unless the caller gives both streams' origins. Nothing here parses lines: scripts do.

use core::fmt::{self, Display, Formatter};

use super::icmp::{self, Message, Quote};
use super::ip::{self, Datagram, Ecn, Protocol};
use super::options::Options;
use super::seq::SeqNumber;
use super::tcp::{self, Segment};

/// A whole packet on one line, with addresses and ports; what is no packet says why.
///
/// Costs nothing until it is formatted.
#[must_use]
pub const fn packet(bytes: &[u8]) -> PacketLine<'_> {
    PacketLine { bytes }
}

/// A segment on one line, by the numbers on the wire.
#[must_use]
pub const fn segment<'a>(segment: &'a Segment<'a>) -> SegmentLine<'a> {
    SegmentLine { segment, seq_origin: SeqNumber::new(0), ack_origin: SeqNumber::new(0) }
}

/// See [`packet`].
#[derive(Clone, Copy, Debug)]
pub struct PacketLine<'a> {
    bytes: &'a [u8],
}

/// See [`segment`].
#[derive(Clone, Copy, Debug)]
pub struct SegmentLine<'a> {
    segment: &'a Segment<'a>,
    seq_origin: SeqNumber,
    ack_origin: SeqNumber,
}

impl SegmentLine<'_> {
    /// Counts sequence numbers from `seq_origin`, the sender's ISN, and acknowledgements from
    /// `ack_origin`, the receiver's.
    #[must_use]
    pub const fn relative_to(self, seq_origin: SeqNumber, ack_origin: SeqNumber) -> Self {
        Self { seq_origin, ack_origin, ..self }
    }
}

impl Display for PacketLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let datagram = match ip::parse(self.bytes) {
            Ok(datagram) => datagram,
            Err(fault) => return write!(f, "malformed: {fault} ({} B)", self.bytes.len()),
        };
        match datagram.protocol {
            Protocol::Tcp => show_tcp(&datagram, f),
            Protocol::Icmp | Protocol::Icmpv6 => show_icmp(&datagram, f),
            Protocol::Other(_) => show_other(&datagram, f),
        }
    }
}

/// `192.0.2.1.40000 > 192.0.2.2.80: S 1:1(0) win 65535`
fn show_tcp(datagram: &Datagram<'_>, f: &mut Formatter<'_>) -> fmt::Result {
    let Datagram { source, destination, ecn, payload, .. } = datagram;
    match tcp::parse(*source, *destination, payload) {
        Ok((ports, parsed)) => {
            let (from, to) = (ports.source, ports.destination);
            let marked = Segment { ecn: *ecn, ..parsed };
            write!(f, "{source}.{from} > {destination}.{to}: {}", segment(&marked))
        }
        Err(fault) => write!(f, "{source} > {destination}: malformed tcp: {fault}"),
    }
}

/// `192.0.2.1 > 192.0.2.2: icmp echo request id 7 seq 1 (56)`
fn show_icmp(datagram: &Datagram<'_>, f: &mut Formatter<'_>) -> fmt::Result {
    let Datagram { source, destination, protocol, payload, .. } = datagram;
    write!(f, "{source} > {destination}: {protocol} ")?;
    let message = match icmp::parse(*source, *destination, payload) {
        Ok(message) => message,
        Err(fault) => return write!(f, "malformed: {fault}"),
    };
    let quote = match message {
        Message::EchoRequest(echo) => {
            return write!(
                f,
                "echo request id {} seq {} ({})",
                echo.ident,
                echo.seq,
                echo.data.len()
            );
        }
        Message::EchoReply(echo) => {
            return write!(
                f,
                "echo reply id {} seq {} ({})",
                echo.ident,
                echo.seq,
                echo.data.len()
            );
        }
        Message::Other { kind, code } => return write!(f, "type {kind} code {code}"),
        Message::Unreachable { code, quote, .. } => {
            write!(f, "unreachable code {code}")?;
            quote
        }
        Message::TooBig { mtu, quote } => {
            write!(f, "too big mtu {mtu}")?;
            quote
        }
        Message::TimeExceeded { code, quote } => {
            write!(f, "time exceeded code {code}")?;
            quote
        }
        Message::ParameterProblem { code, quote } => {
            write!(f, "parameter problem code {code}")?;
            quote
        }
    };
    show_quote(quote, f)
}

/// ` [192.0.2.1.40000 > 192.0.2.2.80: seq 1]`
fn show_quote(quote: Option<Quote>, f: &mut Formatter<'_>) -> fmt::Result {
    let Some(Quote { source, destination, ports, seq }) = quote else { return Ok(()) };
    let (from, to) = (ports.source, ports.destination);
    write!(f, " [{source}.{from} > {destination}.{to}: seq {seq}]")
}

/// `192.0.2.1 > 192.0.2.2: protocol 17 (12)`
fn show_other(datagram: &Datagram<'_>, f: &mut Formatter<'_>) -> fmt::Result {
    let Datagram { source, destination, protocol, payload, .. } = datagram;
    write!(f, "{source} > {destination}: {protocol} ({})", payload.len())
}

impl Display for SegmentLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Segment { seq, ack, flags, window, urgent, options, ecn, text } = self.segment;
        let first = seq.offset_from(self.seq_origin);
        let last = u32::try_from(text.len()).map_or(first, |len| first.wrapping_add(len));
        write!(f, "{flags} {first}:{last}({})", text.len())?;
        if flags.ack {
            write!(f, " ack {}", ack.offset_from(self.ack_origin))?;
        }
        write!(f, " win {window}")?;
        if flags.urg {
            write!(f, " urg {urgent}")?;
        }
        match ecn {
            Ecn::NotEct => {}
            Ecn::Ect0 => f.write_str(" [ect0]")?,
            Ecn::Ect1 => f.write_str(" [ect1]")?,
            Ecn::Ce => f.write_str(" [ce]")?,
        }
        show_options(options, self.ack_origin, f)
    }
}

/// ` <mss 1460,sackOK,TS val 1 ecr 0,wscale 7>`, in the order in which they are sent.
fn show_options(options: &Options, origin: SeqNumber, f: &mut Formatter<'_>) -> fmt::Result {
    let mut separator = " <";
    let mut put = |f: &mut Formatter<'_>, item: fmt::Arguments<'_>| {
        write!(f, "{separator}{item}")?;
        separator = ",";
        Ok(())
    };
    if let Some(mss) = options.mss {
        put(f, format_args!("mss {mss}"))?;
    }
    if options.sack_permitted {
        put(f, format_args!("sackOK"))?;
    }
    if let Some(timestamps) = options.timestamps {
        put(f, format_args!("TS val {} ecr {}", timestamps.value, timestamps.echo))?;
    }
    if let Some(shift) = options.window_scale {
        put(f, format_args!("wscale {shift}"))?;
    }
    for (index, (left, right)) in options.sack.iter().enumerate() {
        let (left, right) = (left.offset_from(origin), right.offset_from(origin));
        if index == 0 {
            put(f, format_args!("sack {left}:{right}"))?;
        } else {
            write!(f, " {left}:{right}")?;
        }
    }
    if *options == Options::default() { Ok(()) } else { f.write_str(">") }
}

#[cfg(test)]
mod tests;
