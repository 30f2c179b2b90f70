use super::*;
use crate::wire::Flags;

const PLACES: [u32; 4] = [0, 1 << 31, u32::MAX, u32::MAX - 50];

fn reset(flags: Flags, seq: u32, ack: SeqNumber) -> Segment<'static> {
    Segment { seq: SeqNumber::new(seq), ack, flags, ..Segment::default() }
}

#[test]
fn text_is_foreign_until_something_of_the_lease_is_acknowledged() {
    for place in PLACES {
        let start = SeqNumber::new(place);
        let lease = Lease::begin(start, 1_000, true);
        assert!(lease.is_foreign(start - 1, 0), "{place}");
        assert!(lease.is_foreign(start, 0), "{place}");
        assert!(!lease.is_foreign(start + 1, 1), "{place}");
        assert!(!Lease::begin(start, 0, false).is_foreign(start, 0), "{place}");
    }
}

#[test]
fn a_long_lease_does_not_turn_its_own_text_foreign() {
    let lease = Lease::begin(SeqNumber::new(7), 0, true);
    assert!(!lease.is_foreign(SeqNumber::new(7) + (3 << 30), 3 << 30));
}

#[test]
fn proof_of_an_unread_request() {
    let ours = 500;
    for place in PLACES {
        let start = SeqNumber::new(place);
        let once: fn(&mut Lease, SeqNumber) =
            |lease, start| lease.on_text_sent(start, 10, SeqNumber::new(500));
        let twice: fn(&mut Lease, SeqNumber) = |lease, start| {
            lease.on_text_sent(start, 10, SeqNumber::new(500));
            lease.on_text_sent(start, 10, SeqNumber::new(500));
        };
        let followed: fn(&mut Lease, SeqNumber) = |lease, start| {
            lease.on_leaving(0, SeqNumber::new(500));
            lease.on_text_sent(start, 10, SeqNumber::new(500));
            lease.on_leaving(0, SeqNumber::new(500));
        };
        let answered_fin: fn(&mut Lease, SeqNumber) = |lease, start| {
            lease.on_text_sent(start, 10, SeqNumber::new(500));
            lease.on_leaving(0, SeqNumber::new(501));
        };
        let sacked: fn(&mut Lease, SeqNumber) = |lease, start| {
            lease.on_text_sent(start, 10, SeqNumber::new(500));
            lease.on_sack(start + 5);
        };
        let spoken: fn(&mut Lease, SeqNumber) = |lease, start| {
            lease.on_text_sent(start, 10, SeqNumber::new(500));
            lease.on_peer_text();
        };
        let nothing: fn(&mut Lease, SeqNumber) = |_, _| {};
        let acknowledges = reset(Flags::RST_ACK, ours, start);
        let bare = reset(Flags::RST, ours, SeqNumber::new(0));
        for (name, before, seg, una, expected) in [
            ("acknowledges L", once, acknowledges, start, true),
            ("acknowledges L, sent twice", twice, acknowledges, start, true),
            ("acknowledges more", once, reset(Flags::RST_ACK, ours, start + 1), start, false),
            ("bare, one segment, once", once, bare, start, true),
            ("bare, sent twice", twice, bare, start, false),
            ("bare, an ACK went behind", followed, bare, start, false),
            ("bare, the ACK of a FIN went behind", answered_fin, bare, start, true),
            ("acknowledges L, an ACK went behind", followed, acknowledges, start, true),
            ("bare, another number", once, reset(Flags::RST, 501, start), start, false),
            ("some acknowledged", once, acknowledges, start + 1, false),
            ("some reported by SACK", sacked, acknowledges, start, false),
            ("the peer has spoken", spoken, acknowledges, start, false),
            ("nothing sent", nothing, acknowledges, start, false),
        ] {
            let mut lease = Lease::begin(start, 0, true);
            before(&mut lease, start);
            lease.judge_reset(&seg, una);
            assert_eq!(lease.proof, expected, "{name}, at {place}");
        }
    }
}

#[test]
fn a_repeat_of_the_byte_before_the_lease_is_not_the_leases() {
    let start = SeqNumber::new(100);
    let mut lease = Lease::begin(start, 0, true);
    lease.on_text_sent(start - 1, 1, SeqNumber::new(500));
    assert_eq!(lease.segments, 0);
}
