use super::super::scoreboard::Status;
use super::*;

const RTT: Duration = Duration::from_millis(20);

fn at(millis: u64) -> Instant {
    Instant::from_millis(1_000 + millis)
}

/// Segment `index` of 1000 bytes, sent at `millis`.
fn sent(index: u32, millis: u64, resent: bool) -> Sent {
    let seq = SeqNumber::new(u32::MAX - 2_500) + index * 1_000;
    let status = Status::InFlight;
    Sent { seq, end: seq + 1_000, sent_at: at(millis), status, resent, segment: 1_000 }
}

fn rack(resolution: Duration) -> Rack {
    Rack::new(SeqNumber::new(u32::MAX - 2_500), resolution, None)
}

fn path() -> Path {
    Path { in_recovery: false, many_sacked: false, min_rtt: RTT, srtt: RTT }
}

fn deliver(rack: &mut Rack, millis: u64, sent: &Sent) {
    rack.on_delivered(at(millis), sent, RTT, false, 1_000);
}

#[test] // section 6.2, step 5
fn what_was_sent_before_something_that_came_is_lost_after_the_window() {
    let mut rack = rack(Duration::ZERO);
    deliver(&mut rack, 22, &sent(2, 2, false));
    let window = rack.window(&path());
    assert_eq!(window, Duration::from_millis(5));
    assert_eq!(rack.lost_at(&sent(0, 0, false), window), Some(at(25)));
    assert_eq!(rack.lost_at(&sent(1, 2, false), window), Some(at(27)), "one instant: by number");
    assert_eq!(rack.lost_at(&sent(3, 2, false), window), None);
    assert_eq!(rack.lost_at(&sent(0, 21, true), window), None, "sent again since");
}

#[test] // step 4
fn without_reordering_three_reports_need_no_wait() {
    let mut rack = rack(Duration::ZERO);
    assert_eq!(rack.window(&Path { many_sacked: true, ..path() }), Duration::ZERO);
    assert_eq!(rack.window(&Path { in_recovery: true, ..path() }), Duration::ZERO);
    deliver(&mut rack, 22, &sent(2, 2, false));
    deliver(&mut rack, 23, &sent(0, 0, false));
    assert_eq!(rack.window(&Path { many_sacked: true, ..path() }), RTT / 4);
    assert_eq!(rack.degree(), 3);
    deliver(&mut rack, 24, &sent(9, 3, false));
    deliver(&mut rack, 25, &sent(4, 3, false));
    assert_eq!(rack.degree(), 6);
}

#[test] // section 3.3.2
fn without_a_measured_round_trip_there_is_no_window() {
    let rack = rack(Duration::ZERO);
    let path = Path { min_rtt: Duration::ZERO, srtt: Duration::ZERO, ..path() };
    assert_eq!(rack.window(&path), Duration::ZERO);
}

#[test] // step 3: what was sent again tells nothing of order
fn retransmissions_are_no_reordering() {
    let mut rack = rack(Duration::ZERO);
    deliver(&mut rack, 22, &sent(2, 2, false));
    deliver(&mut rack, 50, &sent(0, 23, true));
    assert_eq!(rack.window(&Path { in_recovery: true, ..path() }), Duration::ZERO);
}

#[test] // step 2
fn what_came_too_soon_after_it_was_sent_again_is_not_believed() {
    let mut rack = rack(Duration::ZERO);
    deliver(&mut rack, 22, &sent(2, 2, false));
    deliver(&mut rack, 30, &sent(0, 29, true));
    assert_eq!(rack.lost_at(&sent(3, 25, false), Duration::ZERO), None);
    rack.on_delivered(at(60), &sent(0, 29, true), RTT, true, 1_000);
    assert_eq!(rack.lost_at(&sent(3, 25, false), Duration::ZERO), None, "the echo is older");
    deliver(&mut rack, 60, &sent(0, 29, true));
    assert!(rack.lost_at(&sent(3, 25, false), Duration::ZERO).is_some());
}

#[test] // step 4
fn duplicates_widen_the_window_once_a_round_trip_and_it_narrows_after_16_recoveries() {
    let mut rack = rack(Duration::ZERO);
    let (una, nxt) = (SeqNumber::new(u32::MAX), SeqNumber::new(5_000));
    rack.on_spurious_recovery();
    rack.on_dsack(una, nxt);
    rack.on_dsack(una, nxt);
    assert_eq!(rack.window(&path()), RTT / 2);
    rack.on_dsack(nxt, nxt + 5);
    assert_eq!(rack.window(&path()), RTT / 4 * 3);
    for round in 1..200 {
        rack.on_dsack(nxt + round * 10, nxt + round * 10 + 5);
    }
    assert_eq!(rack.window(&path()), RTT, "no wider than SRTT");
    for _ in 0..16 {
        rack.on_recovered();
    }
    assert_eq!(rack.window(&path()), RTT / 4);
}

#[test] // TCP.md, section 3
fn rack_with_a_15_ms_clock_marks_everything_lost() {
    let resolution = Duration::from_millis(15);
    let mut rack = rack(resolution);
    // A clock of 15 ms shows a round trip of 10 ms as none, and segments sent together as 15 ms
    // apart.
    let early = sent(0, 0, false);
    let resent = sent(1, 15, true);
    let late = sent(2, 15, false);
    rack.on_delivered(at(15), &sent(9, 15, true), Duration::ZERO, false, 1_000);
    for segment in [early, resent, late] {
        let lost_at = rack.lost_at(&segment, Duration::ZERO).expect("sent before");
        assert!(lost_at >= segment.sent_at + resolution, "{segment:?} is lost at {lost_at:?}");
    }
    assert!(!rack.is_overdue(at(15), &late, Duration::ZERO));
    // Of originals the order is known whatever the clock.
    let mut rack = super::tests::rack(resolution);
    rack.on_delivered(at(15), &sent(5, 15, false), Duration::ZERO, false, 1_000);
    assert_eq!(rack.lost_at(&late, Duration::ZERO), Some(at(15)));
}
