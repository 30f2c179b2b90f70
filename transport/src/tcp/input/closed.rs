//! CLOSED: RFC 9293, section 3.10.7.1. What a segment gets for which there is no connection.

use crate::wire::{Flags, Options, Segment, SeqNumber, Timestamps};

/// The reset that `seg` earns; none if it is a reset itself.
///
/// Its numbers are acceptable to whoever sent the segment. Timestamps are echoed: RFC 7323, section
/// 5.2.
#[must_use]
pub fn reply(seg: &Segment<'_>) -> Option<Segment<'static>> {
    if seg.flags.rst {
        return None;
    }
    let timestamps = seg.options.timestamps.map(|ts| Timestamps { value: 0, echo: ts.value });
    let options = Options { timestamps, ..Options::default() };
    Some(if seg.flags.ack {
        Segment { seq: seg.ack, flags: Flags::RST, options, ..Segment::default() }
    } else {
        Segment {
            seq: SeqNumber::new(0),
            ack: seg.seq + seg.len(),
            flags: Flags::RST_ACK,
            options,
            ..Segment::default()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Text;

    #[test]
    fn a_reset_earns_nothing() {
        for flags in [Flags::RST, Flags::RST_ACK] {
            assert_eq!(reply(&Segment { flags, ..Segment::default() }), None);
        }
    }

    #[test]
    fn an_acknowledgement_names_the_number_of_its_reset() {
        let seg = Segment { ack: SeqNumber::new(77), flags: Flags::ACK, ..Segment::default() };
        let reset = reply(&seg).unwrap();
        assert_eq!((reset.seq, reset.flags), (SeqNumber::new(77), Flags::RST));
    }

    #[test]
    fn without_one_everything_it_occupies_is_acknowledged() {
        for (flags, len) in [(Flags::SYN, 1), (Flags::SYN | Flags::FIN, 2), (Flags::NONE, 0)] {
            let seg = Segment {
                seq: SeqNumber::new(u32::MAX),
                flags,
                text: Text::from([1, 2, 3].as_slice()),
                ..Segment::default()
            };
            let reset = reply(&seg).unwrap();
            assert_eq!(reset.flags, Flags::RST_ACK);
            assert_eq!((reset.seq, reset.ack), (SeqNumber::new(0), seg.seq + 3 + len));
        }
    }

    #[test]
    fn timestamps_are_echoed() {
        let mut seg = Segment { flags: Flags::SYN, ..Segment::default() };
        seg.options.timestamps = Some(Timestamps { value: 5, echo: 0 });
        let reset = reply(&seg).unwrap();
        assert_eq!(reset.options.timestamps, Some(Timestamps { value: 0, echo: 5 }));
    }
}
