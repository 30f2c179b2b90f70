//! What both algorithms share.

use super::*;
use crate::tcp::Congestion;

const MSS: u32 = 1_000;
const BOTH: [Congestion; 2] = [Congestion::Cubic, Congestion::Reno];

fn new(congestion: Congestion, mss: u32, syn_lost: bool) -> CongestionWindow {
    CongestionWindow::new(&Config { congestion, ..Config::default() }, mss, syn_lost)
}

fn fresh(algorithm: Congestion) -> CongestionWindow {
    new(algorithm, MSS, false)
}

fn ack(window: &mut CongestionWindow, acked: u32) {
    let zero = SeqNumber::new(0);
    let srtt = Duration::from_millis(10);
    let now = Instant::from_millis(1);
    window.on_ack(&Ack { now, acked, una: zero, nxt: zero, rtt: None, srtt });
}

/// Text leaves until the window is full, and `acked` bytes of it are acknowledged.
fn ack_full(window: &mut CongestionWindow, acked: u32) {
    window.on_sent(0, window.cwnd());
    ack(window, acked);
}

/// Congestion with this much out, all of it sent after the last.
fn lost(window: &CongestionWindow, flight: u32) -> Congested {
    let una = window.reduced_to.unwrap_or_default();
    Congested { flight, una, nxt: una + flight }
}

fn on_loss(window: &mut CongestionWindow, flight: u32) {
    let event = lost(window, flight);
    window.on_congestion_event(&event);
}

fn on_rto(window: &mut CongestionWindow, flight: u32, first: bool) {
    let event = lost(window, flight);
    window.on_rto(&event, first);
}

#[test]
fn the_initial_window_is_ten_segments_within_bounds() {
    for (mss, window) in [(48, 480), (1460, 14_600), (1000, 10_000), (9000, 18_000)] {
        for algorithm in BOTH {
            assert_eq!(new(algorithm, mss, false).cwnd(), window, "{mss}");
            assert_eq!(new(algorithm, mss, true).cwnd(), mss);
        }
    }
}

#[test]
fn slow_start_grows_by_what_was_acknowledged() {
    for algorithm in BOTH {
        let mut window = fresh(algorithm);
        ack_full(&mut window, 1_000);
        assert_eq!(window.cwnd(), 11_000);
        ack_full(&mut window, 100);
        assert_eq!(window.cwnd(), 11_100, "a divided acknowledgement gains nothing");
        ack_full(&mut window, 50_000);
        assert_eq!(window.cwnd(), 19_100, "L of RFC 9406: eight segments at most");
        on_rto(&mut window, 19_000, true);
        ack_full(&mut window, 50_000);
        assert_eq!(window.cwnd(), 3_000, "two in a later slow start: RFC 3465");
    }
}

#[test]
fn an_unused_window_does_not_grow() {
    for algorithm in BOTH {
        let mut window = fresh(algorithm);
        for _ in 0..1_000 {
            window.on_sent(0, 4_000);
            ack(&mut window, 1_000);
        }
        assert_eq!(window.cwnd(), 10_000, "slow start, used by less than half");
        on_loss(&mut window, 20_000);
        let cwnd = window.cwnd();
        for _ in 0..1_000 {
            window.on_sent(0, cwnd - 1_000);
            ack(&mut window, 1_000);
        }
        assert_eq!(window.cwnd(), cwnd, "congestion avoidance, room for a segment");
    }
}

#[test]
fn acknowledgements_that_come_together_count_like_one_after_the_other() {
    for algorithm in BOTH {
        let mut window = fresh(algorithm);
        window.on_sent(0, window.cwnd());
        for _ in 0..10 {
            ack(&mut window, 1_000);
        }
        assert_eq!(window.cwnd(), 20_000);
        window.on_sent(0, window.cwnd());
        for _ in 0..10 {
            ack(&mut window, 1_000);
        }
        assert!(!window.validation.is_off(), "{algorithm:?}: the window was used up");
        on_loss(&mut window, 30_000);
        assert!(window.cwnd() >= 15_000, "{algorithm:?}: half of it at least");
    }
}

#[test]
fn reno_adds_a_segment_a_round_in_congestion_avoidance() {
    let mut window = fresh(Congestion::Reno);
    on_loss(&mut window, 20_000);
    assert_eq!((window.cwnd(), window.ssthresh()), (10_000, 10_000));
    for _ in 0..10 {
        assert_eq!(window.cwnd(), 10_000);
        ack_full(&mut window, 1_000);
    }
    assert_eq!(window.cwnd(), 11_000);
}

#[test] // RFC 9406, section 4.2; RFC 3465, section 2.3
fn a_stretch_ack_neither_bursts_nor_stalls_slow_start() {
    for algorithm in BOTH {
        let mut window = fresh(algorithm);
        ack_full(&mut window, 10_000);
        assert_eq!(window.cwnd(), 18_000, "ten segments at once: eight more");
        ack_full(&mut window, 18_000);
        assert_eq!(window.cwnd(), 26_000);
        on_rto(&mut window, 26_000, true);
        ack_full(&mut window, 1_000);
        ack_full(&mut window, 2_000);
        assert_eq!(window.cwnd(), 4_000, "it doubles");
        ack_full(&mut window, 4_000);
        assert_eq!(window.cwnd(), 6_000, "after a loss, two more");
    }
}

#[test]
fn congestion_lowers_the_window_by_the_algorithms_factor() {
    for (algorithm, expected) in [(Congestion::Reno, 10_000), (Congestion::Cubic, 14_000)] {
        let mut window = fresh(algorithm);
        on_loss(&mut window, 20_000);
        assert_eq!((window.cwnd(), window.ssthresh()), (expected, expected));
        on_loss(&mut window, 1_000);
        assert_eq!(window.ssthresh(), 2_000, "two segments at least");
    }
}

#[test]
fn recovery_inflates_and_deflates() {
    let mut window = fresh(Congestion::Reno);
    on_loss(&mut window, 10_000);
    window.inflate(3);
    assert_eq!((window.cwnd(), window.ssthresh()), (8_000, 5_000));
    window.inflate(1);
    assert_eq!(window.cwnd(), 9_000);
    window.on_partial_ack(2_000);
    assert_eq!(window.cwnd(), 8_000);
    window.on_recovered(1_000);
    assert_eq!(window.cwnd(), 2_000);
}

#[test]
fn a_repeated_timeout_does_not_lower_ssthresh_again() {
    for (algorithm, expected) in [(Congestion::Reno, 10_000), (Congestion::Cubic, 14_000)] {
        let mut window = fresh(algorithm);
        on_rto(&mut window, 20_000, true);
        on_rto(&mut window, 1_000, false);
        assert_eq!((window.cwnd(), window.ssthresh()), (1_000, expected));
        on_rto(&mut window, 1_000, true);
        assert_eq!(window.ssthresh(), 2_000);
    }
}

#[test]
fn a_needless_reduction_is_undone_once() {
    for algorithm in BOTH {
        for timeout in [false, true] {
            let mut window = fresh(algorithm);
            ack_full(&mut window, 8_000);
            if timeout {
                on_rto(&mut window, 18_000, true);
                on_rto(&mut window, 18_000, false);
            } else {
                on_loss(&mut window, 18_000);
            }
            assert!(window.cwnd() < 18_000);
            window.undo(Instant::from_millis(2));
            assert_eq!((window.cwnd(), window.ssthresh()), (18_000, UNLIMITED));
            window.undo(Instant::from_millis(3));
            assert_eq!(window.cwnd(), 18_000);
        }
    }
}

#[test]
fn an_undo_never_lowers_the_window() {
    let mut window = fresh(Congestion::Reno);
    on_loss(&mut window, 18_000);
    for _ in 0..100 {
        ack_full(&mut window, 9_000);
    }
    let cwnd = window.cwnd();
    assert!(cwnd > 10_000);
    window.undo(Instant::from_millis(2));
    assert_eq!(window.cwnd(), cwnd);
}

#[test]
fn the_window_has_an_upper_bound() {
    for algorithm in BOTH {
        let mut window = fresh(algorithm);
        for _ in 0..200_000 {
            ack_full(&mut window, 8_000);
        }
        assert_eq!(window.cwnd(), CWND_MAX);
    }
}

#[test] // RFC 3168, section 6.1.2
fn one_window_of_data_is_answered_for_once() {
    for algorithm in BOTH {
        let mut window = fresh(algorithm);
        let (una, nxt) = (SeqNumber::new(u32::MAX - 500), SeqNumber::new(9_500));
        window.on_congestion_event(&Congested { flight: 10_000, una, nxt });
        let cwnd = window.cwnd();
        window.on_congestion_event(&Congested { flight: 10_000, una: nxt - 1, nxt: nxt + 5_000 });
        assert_eq!(window.cwnd(), cwnd);
        window.on_congestion_event(&Congested { flight: 5_000, una: nxt, nxt: nxt + 5_000 });
        assert!(window.cwnd() < cwnd);
    }
}

#[test] // RFC 5681, section 4.3
fn the_loss_of_a_retransmission_is_a_second_sign_of_congestion() {
    for (algorithm, first, second) in
        [(Congestion::Reno, 20_000, 10_000), (Congestion::Cubic, 28_000, 19_600)]
    {
        let mut window = fresh(algorithm);
        let (una, nxt) = (SeqNumber::new(7), SeqNumber::new(40_007));
        let event = Congested { flight: 40_000, una, nxt };
        window.on_congestion_event(&event);
        assert_eq!(window.ssthresh(), first);
        window.on_rto(&event, true);
        assert_eq!((window.cwnd(), window.ssthresh()), (1_000, second), "the same flight");
    }
}

#[test] // RFC 7661, section 4.4.1
fn a_window_that_was_not_used_is_answered_for_by_half_of_what_was() {
    for algorithm in BOTH {
        let mut window = fresh(algorithm);
        let srtt = Duration::from_millis(10);
        let mut una = SeqNumber::new(0);
        let mut now = Instant::from_millis(10_000);
        // Rounds of 8000 bytes below a window of 100000.
        window.cwnd = 100_000;
        for _ in 0..3 {
            now += srtt;
            window.on_sent(8_000, 8_000);
            una += 8_000;
            window.on_ack(&Ack { now, acked: 8_000, una, nxt: una, rtt: None, srtt });
        }
        assert_eq!(window.cwnd(), 100_000);
        let event = Congested { flight: 6_000, una, nxt: una + 6_000 };
        let mut echoed = window;
        echoed.on_ecn_echo(&event);
        assert_eq!(echoed.cwnd(), 4_000, "half of pipeACK");
        window.on_congestion_event(&event);
        assert_eq!(window.cwnd(), 4_000);
        window.on_resent(1_000);
        window.on_recovered(6_000);
        assert_eq!(window.ssthresh(), 3_500, "less what was sent again, and half");
        assert_eq!(window.cwnd(), 3_500);
    }
}

#[test] // RFC 3168, section 6.1.2: an echo is no guess
fn what_routers_have_said_is_never_undone() {
    for algorithm in BOTH {
        let now = Instant::from_millis(10);
        let (una, nxt) = (SeqNumber::new(7), SeqNumber::new(40_007));
        let event = Congested { flight: 40_000, una, nxt };
        let mut window = fresh(algorithm);
        window.cwnd = 40_000;
        window.on_ecn_echo(&event);
        let echoed = (window.cwnd(), window.ssthresh());
        window.undo(now);
        assert_eq!((window.cwnd(), window.ssthresh()), echoed);
        // A needless recovery in the same window of data gives back what it took itself.
        window.on_congestion_event(&event);
        window.set_cwnd(3_000);
        window.undo(now);
        assert_eq!((window.cwnd(), window.ssthresh()), echoed);
        assert!(!window.on_ecn_echo(&event));
        assert_eq!(window.cwnd(), echoed.0, "that window is answered for still");
    }
}

/// Ten windows acknowledged whole, of a window that has just left slow start by a guess.
fn grown(window: &mut CongestionWindow) -> u32 {
    let before = window.cwnd();
    for _ in 0..10 {
        for _ in 0..window.cwnd() / MSS {
            ack_full(window, MSS);
        }
    }
    window.cwnd() * 100 / before
}

#[test]
fn a_guessed_threshold_is_put_to_the_test_until_a_loss() {
    for algorithm in BOTH {
        let mut window = fresh(algorithm);
        window.cwnd = 200_000;
        window.leave_slow_start();
        let percent = grown(&mut window);
        assert!((155..=170).contains(&percent), "{algorithm:?}: 1.05^10, not {percent} %");
        on_loss(&mut window, 200_000);
        let percent = grown(&mut window);
        assert!(percent < 120, "{algorithm:?}: {percent} % after a loss");
        window.undo(Instant::from_millis(2));
        assert!(window.is_guessed, "{algorithm:?}: a needless reduction proves nothing");
    }
}
