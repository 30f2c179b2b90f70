//! The other end of any number of connections, without a state of any: what is answered follows
//! from the segment that it answers, so that memory and time are those of the stack alone.

use wharf_transport::PacketBatch;
use wharf_transport::time::Instant;
use wharf_transport::wire::ip::{self, Datagram, Protocol};
use wharf_transport::wire::options::{Options, Timestamps};
use wharf_transport::wire::seq::SeqNumber;
use wharf_transport::wire::tcp::{self, Flags, Ports, Segment};

/// What a connection asks: as long as a small GET.
pub const REQUEST: &[u8] = &[b'?'; 100];

/// What it is answered: as long as a small response.
pub const RESPONSE: &[u8] = &[b'!'; 200];

/// The initial sequence number of every connection: nobody attacks this end.
const ISN: SeqNumber = SeqNumber::new(1_000_000);

/// The window in every segment, and its shift: more than any request needs.
const WINDOW: u16 = 4096;
const WINDOW_SCALE: u8 = 7;

/// Longest text that it asks for.
const MSS: u16 = 1460;

/// Appends the answer to `packet`, if it needs one: SYN|ACK to a SYN, an acknowledgement with the
/// response to text, with a FIN of its own to a FIN. Returns false if there was no room for it.
pub fn respond(now: Instant, packet: &[u8], out: &mut PacketBatch) -> bool {
    let Ok(datagram) = ip::parse(packet) else { return true };
    if datagram.protocol != Protocol::Tcp {
        return true;
    }
    let Ok((ports, segment)) = tcp::parse(datagram.source, datagram.destination, datagram.payload)
    else {
        return true;
    };
    answer(now, &segment).is_none_or(|answer| push(&datagram, ports, &answer, out))
}

fn answer(now: Instant, segment: &Segment<'_>) -> Option<Segment<'static>> {
    if segment.flags.rst || segment.len() == 0 {
        return None;
    }
    let ack = segment.seq + segment.len();
    let options = Options {
        timestamps: segment.options.timestamps.map(|theirs| Timestamps {
            value: u32::try_from(now.as_millis() & u64::from(u32::MAX)).expect("masked"),
            echo: theirs.value,
        }),
        ..Options::default()
    };
    let answer = Segment { ack, window: WINDOW, options, flags: Flags::ACK, ..Segment::default() };
    if segment.flags.syn {
        return Some(Segment {
            seq: ISN,
            flags: Flags::SYN_ACK,
            options: Options {
                mss: Some(MSS),
                window_scale: segment.options.window_scale.map(|_| WINDOW_SCALE),
                sack_permitted: segment.options.sack_permitted,
                ..options
            },
            ..answer
        });
    }
    let (fin, text) = (segment.flags.fin, if segment.text.is_empty() { &[] } else { RESPONSE });
    let flags = Flags { fin, psh: !text.is_empty(), ..Flags::ACK };
    Some(Segment { seq: segment.ack, flags, text: text.into(), ..answer })
}

/// Writes the answer as a packet back to where the question came from.
fn push(asked: &Datagram<'_>, ports: Ports, answer: &Segment<'_>, out: &mut PacketBatch) -> bool {
    let (source, destination) = (asked.destination, asked.source);
    let header = ip::header_len(destination);
    let payload = answer.header_len() + answer.text.len();
    out.push_with(header + payload, |room| {
        let (head, body) = room.split_at_mut(header);
        ip::emit_header(source, destination, Protocol::Tcp, 64, answer.ecn, payload, head);
        header + answer.emit(ports.reversed(), source, destination, body)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(flags: Flags, text: &'static [u8]) -> Segment<'static> {
        let timestamps = Some(Timestamps { value: 7, echo: 0 });
        Segment {
            seq: SeqNumber::new(u32::MAX - 1),
            ack: SeqNumber::new(500),
            flags,
            options: Options {
                mss: flags.syn.then_some(1460),
                window_scale: flags.syn.then_some(3),
                sack_permitted: flags.syn,
                timestamps,
                ..Options::default()
            },
            text: text.into(),
            ..Segment::default()
        }
    }

    #[test]
    fn a_syn_is_agreed_to_with_the_options_that_it_offers() {
        let now = Instant::from_millis(9);
        let answer = answer(now, &segment(Flags::SYN, b"")).unwrap();
        assert_eq!((answer.flags, answer.seq), (Flags::SYN_ACK, ISN));
        assert_eq!(answer.ack, SeqNumber::new(u32::MAX));
        assert_eq!(answer.options.timestamps, Some(Timestamps { value: 9, echo: 7 }));
        assert!(answer.options.sack_permitted && answer.options.window_scale.is_some());
        let plain = Segment { flags: Flags::SYN, ..Segment::default() };
        let options = super::answer(now, &plain).unwrap().options;
        assert_eq!(options, Options { mss: Some(MSS), ..Options::default() });
    }

    #[test]
    fn text_is_acknowledged_and_answered_beyond_the_wrap() {
        let answer = answer(Instant::ORIGIN, &segment(Flags::ACK, b"GET")).unwrap();
        assert_eq!((answer.seq, answer.ack), (SeqNumber::new(500), SeqNumber::new(1)));
        assert_eq!(answer.text, RESPONSE.into());
        assert!(answer.flags.ack && answer.flags.psh && !answer.flags.fin);
    }

    #[test]
    fn a_fin_is_answered_with_a_fin_and_no_text() {
        let answer = answer(Instant::ORIGIN, &segment(Flags::FIN | Flags::ACK, b"")).unwrap();
        assert_eq!(answer.flags, Flags::FIN | Flags::ACK);
        assert_eq!((answer.ack, answer.text.len()), (SeqNumber::new(u32::MAX), 0));
    }

    #[test]
    fn acknowledgements_and_resets_draw_nothing() {
        for flags in [Flags::ACK, Flags::RST, Flags::RST_ACK] {
            assert_eq!(answer(Instant::ORIGIN, &segment(flags, b"")), None);
        }
        assert_eq!(answer(Instant::ORIGIN, &segment(Flags::RST, b"text")), None);
    }

    #[test]
    fn a_packet_goes_back_to_where_it_came_from() {
        let (near, far) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let asked = Datagram {
            source: far,
            destination: near,
            protocol: Protocol::Tcp,
            hop_limit: 64,
            ecn: ip::Ecn::NotEct,
            payload: &[],
        };
        let mut there = PacketBatch::new(1, 1500);
        let ports = Ports { source: 80, destination: 4000 };
        assert!(push(&asked, ports, &segment(Flags::SYN, b""), &mut there));
        let mut back = PacketBatch::new(1, 1500);
        assert!(respond(Instant::ORIGIN, there.iter().next().unwrap(), &mut back));
        let datagram = ip::parse(back.iter().next().unwrap()).unwrap();
        assert_eq!((datagram.source, datagram.destination), (far, near));
        let (ports, answer) = tcp::parse(far, near, datagram.payload).unwrap();
        assert_eq!((ports.source, ports.destination), (80, 4000));
        assert_eq!(answer.flags, Flags::SYN_ACK);
        assert!(!respond(Instant::ORIGIN, there.iter().next().unwrap(), &mut back), "no room");
    }

    #[test]
    fn what_is_no_segment_draws_nothing() {
        let mut out = PacketBatch::new(1, 1500);
        assert!(respond(Instant::ORIGIN, b"\x45 nothing", &mut out) && out.is_empty());
    }
}
