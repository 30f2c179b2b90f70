use super::*;

/// Where each test begins: at the start, around half the circle, and before the wrap.
const PLACES: [u32; 4] = [0, (1 << 31) - 5_000, u32::MAX, u32::MAX - 5_000];

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// Ten segments of 1000 from `start` on, a millisecond apart.
fn ten(start: SeqNumber) -> Scoreboard {
    let mut board = Scoreboard::new();
    for (index, millis) in (0..10u32).zip(1..) {
        let seq = start + index * 1_000;
        board.on_sent(seq, seq + 1_000, at(millis));
    }
    board
}

fn sack(board: &mut Scoreboard, start: SeqNumber, left: u32, right: u32) -> u32 {
    let mut new = 0;
    board.sack(start + left, start + right, |sent| new += sent.len());
    new
}

#[test]
fn each_byte_is_reported_once() {
    for place in PLACES {
        let start = SeqNumber::new(place);
        let mut board = ten(start);
        assert_eq!(sack(&mut board, start, 2_000, 3_000), 1_000);
        assert_eq!(sack(&mut board, start, 2_000, 4_000), 1_000);
        assert_eq!(sack(&mut board, start, 2_500, 3_500), 0, "inside a known range");
        assert_eq!(sack(&mut board, start, 1_500, 4_500), 1_000, "beyond both its ends");
        assert_eq!(sack(&mut board, start, 6_000, 7_000), 1_000);
        assert_eq!(sack(&mut board, start, 4_000, 6_500), 1_500, "joins two");
        assert_eq!((board.sacked(), board.ranges), (5_500, 1));
        board.assert_invariants(start, start + 10_000);
    }
}

#[test]
fn what_is_acknowledged_is_told_unless_it_was_reported() {
    for place in PLACES {
        let start = SeqNumber::new(place);
        let mut board = ten(start);
        sack(&mut board, start, 2_000, 4_000);
        let mut told = Vec::new();
        board.acknowledge(start + 4_500, |sent| {
            told.push((sent.seq.offset_from(start), sent.end.offset_from(start)));
        });
        assert_eq!(told, [(0, 1_000), (1_000, 2_000), (4_000, 4_500)]);
        assert_eq!((board.sacked(), board.ranges), (0, 0));
        board.assert_invariants(start + 4_500, start + 10_000);
        board.acknowledge(start + 10_000, |_| {});
        assert!(board.front().is_none());
        assert!(board.sent.capacity() > 0, "a busy connection keeps its memory");
        board.give_back();
        assert_eq!(board.sent.capacity(), 0, "an idle one holds none");
    }
}

#[test] // TCP.md, section 3: partial ACK of a re-segmented retransmission
fn a_retransmission_may_cut_otherwise() {
    for place in PLACES {
        let start = SeqNumber::new(place);
        let mut board = ten(start);
        board.judge(|_| Verdict::Lost);
        assert_eq!(board.first_lost(), Some((start, start + 10_000)));
        board.on_resent(start, start + 1_500, at(50));
        board.on_resent(start + 1_500, start + 3_000, at(51));
        assert_eq!((board.lost(), board.resent()), (7_000, 3_000));
        board.acknowledge(start + 700, |_| {});
        assert_eq!((board.lost(), board.resent()), (7_000, 2_300));
        board.assert_invariants(start + 700, start + 10_000);
        assert_eq!(board.first_lost(), Some((start + 3_000, start + 10_000)));
    }
}

#[test] // TCP.md, section 1: bounded scoreboards
fn a_peer_that_reports_every_second_byte_is_bounded() {
    for place in PLACES {
        let start = SeqNumber::new(place);
        let mut board = ten(start);
        for byte in 0..5_000 {
            sack(&mut board, start, 2 * byte + 1, 2 * byte + 2);
            board.assert_invariants(start, start + 10_000);
        }
        assert_eq!(board.ranges, RANGES_MIN);
        assert!(board.sent.len() <= 2 * RANGES_MIN + 11, "{} records", board.sent.len());
        // What touches a known range is still taken.
        assert_eq!(sack(&mut board, start, 0, 3), 2);
    }
}

#[test]
fn a_report_of_every_second_segment_is_taken_in() {
    for place in PLACES {
        let start = SeqNumber::new(place);
        let mut board = Scoreboard::new();
        for index in 0..1_000u32 {
            let (seq, at) = (start + index * 1_000, Instant::from_micros(u64::from(index)));
            board.on_sent(seq, seq + 1_000, at);
        }
        for index in 0..500u32 {
            sack(&mut board, start, index * 2_000 + 1_000, index * 2_000 + 2_000);
        }
        assert_eq!((board.sacked(), board.ranges), (500_000, 500));
        board.assert_invariants(start, start + 1_000_000);
    }
}

#[test]
fn sending_makes_a_bounded_number_of_records() {
    let start = SeqNumber::new(u32::MAX - 5);
    let mut board = Scoreboard::new();
    for index in 0..40_000u32 {
        board.on_sent(start + index, start + index + 1, Instant::from_micros(u64::from(index)));
    }
    assert_eq!(board.sent.len(), RECORDS_MAX);
    board.assert_invariants(start, start + 40_000);
}

#[test]
fn segments_of_one_instant_share_a_record() {
    let mut board = Scoreboard::new();
    let start = SeqNumber::new(7);
    for index in 0..100 {
        board.on_sent(start + index * 10, start + (index + 1) * 10, at(1));
    }
    assert_eq!(board.sent.len(), 1);
}

#[test] // RFC 2018, section 8
fn what_was_reported_can_be_taken_back() {
    let start = SeqNumber::new(u32::MAX - 3_000);
    let mut board = ten(start);
    sack(&mut board, start, 0, 2_000);
    board.forget_sacked();
    assert_eq!((board.sacked(), board.lost(), board.ranges), (0, 2_000, 0));
    assert_eq!(board.first_lost(), Some((start, start + 2_000)));
    board.unmark_lost();
    assert_eq!((board.lost(), board.not_in_pipe()), (0, 0));
    board.assert_invariants(start, start + 10_000);
}

#[test]
fn the_front_alone_can_be_marked() {
    let start = SeqNumber::new((1 << 31) - 300);
    let mut board = ten(start);
    board.mark_front_lost(start + 1_460);
    assert_eq!(board.first_lost(), Some((start, start + 1_460)));
    board.on_resent(start, start + 1_460, at(20));
    board.mark_resent_lost();
    assert_eq!(board.lost(), 1_460);
    board.assert_invariants(start, start + 10_000);
}

#[test] // RFC 1191, section 6.2
fn what_left_in_larger_segments_is_lost_and_the_shorter_one_behind_them_is_not() {
    for place in PLACES {
        let start = SeqNumber::new(place);
        let mut board = Scoreboard::new();
        let mut seq = start;
        for len in [1_000, 1_000, 300, 200, 1_000, 700] {
            board.on_sent(seq, seq + len, at(1));
            seq += len;
        }
        board.mark_larger_lost(1_000);
        assert_eq!(board.lost(), 0);
        board.mark_larger_lost(600);
        assert_eq!(board.first_lost(), Some((start, start + 2_000)), "300 and 200 would pass");
        assert_eq!(board.lost(), 2_000 + 1_700);
        board.on_resent(start, start + 600, at(2));
        board.mark_larger_lost(600);
        assert_eq!(board.lost(), 1_400 + 1_700, "cut anew, it would pass");
        board.mark_larger_lost(500);
        assert_eq!(board.lost(), 2_000 + 1_700);
        board.assert_invariants(start, start + 4_200);
    }
}

#[test] // RFC 5927, section 7.2: maxsizeacked
fn the_largest_segment_of_a_part_that_arrives_is_known() {
    let start = SeqNumber::new(u32::MAX - 500);
    let mut board = Scoreboard::new();
    board.on_sent(start, start + 1_000, at(1));
    board.on_sent(start + 1_000, start + 1_400, at(1));
    let mut told = Vec::new();
    board.sack(start + 1_000, start + 1_400, |sent| told.push(sent.largest()));
    board.acknowledge(start + 1_400, |sent| told.push(sent.largest()));
    assert_eq!(told, [400, 1_000]);
}
