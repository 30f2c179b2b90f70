//! CUBIC against the closed forms of RFC 9438.

use super::*;
use crate::wire::SeqNumber;

const MSS: u32 = 1_000;

fn window(cwnd: u32) -> Window {
    Window { cwnd, mss: MSS }
}

fn ack(now: Instant, acked: u32, srtt: Duration) -> Ack {
    let zero = SeqNumber::new(0);
    Ack { now, acked, una: zero, nxt: zero, rtt: None, srtt }
}

/// One round trip in congestion avoidance: the whole window is acknowledged, a segment at a time,
/// evenly spread.
fn round(cubic: &mut Cubic, cwnd: &mut u32, now: &mut Instant, rtt: Duration) {
    let segments = *cwnd / MSS;
    for _ in 0..segments {
        *now += rtt / segments;
        *cwnd += cubic.on_ack(window(*cwnd), &ack(*now, MSS, rtt));
    }
}

/// Seconds of growth after a reduction from `prior` segments, at this round trip; cwnd in segments
/// at the end of each second.
fn grow(prior: u32, rtt: Duration, seconds: u32) -> Vec<f64> {
    let mut cubic = Cubic::new();
    let mut cwnd = cubic.on_congestion_event(window(prior * MSS), prior * MSS);
    let mut now = Instant::from_millis(7);
    let start = now;
    let mut windows = Vec::new();
    for second in 1..=seconds {
        while now.since(start) < Duration::from_secs(u64::from(second)) {
            round(&mut cubic, &mut cwnd, &mut now, rtt);
        }
        windows.push(f64::from(cwnd) / f64::from(MSS));
    }
    windows
}

#[test]
fn the_window_falls_to_seven_tenths_of_what_was_in_flight() {
    let mut cubic = Cubic::new();
    assert_eq!(cubic.on_congestion_event(window(100_000), 100_000), 70_000);
    assert_eq!((cubic.w_max, cubic.cwnd_prior), (100_000, 100_000));
    assert_eq!(cubic.on_congestion_event(window(100_000), 40_000), 28_000);
    assert_eq!(cubic.on_rto(window(100_000), 100_000), 70_000, "section 4.8");
}

#[test] // section 4.3: W_est grows by fractions of a segment
fn a_small_window_grows_from_where_it_fell_to() {
    let mut cubic = Cubic::new();
    let mut cwnd = cubic.on_congestion_event(window(4 * MSS), 4 * MSS);
    assert_eq!(cwnd, 2_800, "two segments fit");
    for round in 1..=2 {
        let now = Instant::from_millis(100 * round);
        cwnd += cubic.on_ack(window(cwnd), &ack(now, MSS, Duration::from_millis(100)));
    }
    assert!(cwnd >= 3 * MSS, "{cwnd}: three do after a round trip");
}

#[test] // RFC 3465: by bytes; a peer may acknowledge many segments at once
fn a_stretch_ack_grows_the_window_as_one_ack_of_each_segment() {
    for (prior, rtt) in [(1_000, Duration::from_millis(100)), (50, Duration::from_millis(10))] {
        let after = |acks: u32| {
            let mut cubic = Cubic::new();
            let mut cwnd = cubic.on_congestion_event(window(prior * MSS), prior * MSS);
            let mut now = Instant::from_millis(7);
            let start = cwnd;
            for _ in 0..10 {
                let acked = cwnd / acks;
                now += rtt;
                for _ in 0..acks {
                    cwnd += cubic.on_ack(window(cwnd), &ack(now, acked, rtt));
                }
            }
            cwnd - start
        };
        let (each, stretch) = (after(prior * 7 / 10), after(2));
        assert!(stretch.abs_diff(each) <= each / 10, "{stretch} rather than {each}");
    }
}

#[test] // section 4.7
fn fast_convergence_gives_way_when_the_path_got_narrower() {
    let mut cubic = Cubic::new();
    cubic.on_congestion_event(window(100_000), 100_000);
    cubic.on_congestion_event(window(80_000), 80_000);
    assert_eq!(cubic.w_max, 68_000, "80 000 (1 + 0.7) / 2");
    cubic.on_congestion_event(window(90_000), 90_000);
    assert_eq!(cubic.w_max, 90_000, "the window has passed W_max again");
}

#[test] // section 4.2: at a long round trip the window is the cubic function's
fn the_window_follows_the_curve() {
    let rtt = Duration::from_millis(100);
    let k = (300.0f64 / 0.4).cbrt();
    for (second, cwnd) in (1u32..).zip(grow(1_000, rtt, 18)) {
        // cwnd aims for where the curve is a round trip later, and gets near to it.
        let at = |t: f64| 0.4 * (t - k).powi(3) + 1_000.0;
        let (now, later) = (at(f64::from(second)), at(f64::from(second) + 0.2));
        let range = now.min(later) - 15.0..=later.max(now) + 15.0;
        assert!(range.contains(&cwnd), "{second} s: {cwnd}, the curve {now} to {later}");
    }
}

#[test] // section 4.3: at a short round trip it is Reno's
fn short_round_trips_are_reno_friendly() {
    let rtt = Duration::from_millis(10);
    let windows = grow(50, rtt, 4);
    // Up to cwnd_prior W_est grows by 9/17 of a segment a round trip, then by one.
    let to_prior = 15.0 / (9.0 / 17.0) * 0.010;
    let expected = 50.0 + (4.0 - to_prior) / 0.010;
    let error = (windows[3] - expected).abs() / expected;
    assert!(error < 0.05, "{} instead of {expected}", windows[3]);
}

#[test] // section 4.8, 4.10: K is 0, W_max the window where the stage begins
fn after_a_timeout_and_after_hystart_the_curve_begins_on_its_plateau() {
    for exit in [false, true] {
        let mut cubic = Cubic::new();
        if exit {
            cubic.on_slow_start_exit(window(500_000));
        } else {
            cubic.on_rto(window(500_000), 500_000);
        }
        let now = Instant::from_millis(1);
        cubic.on_ack(window(350_000), &ack(now, MSS, Duration::from_millis(100)));
        let stage = cubic.stage.unwrap();
        assert_eq!(stage.curve, Curve { plateau: 350_000, k_ms: 0 });
        assert_eq!(stage.w_est, 350_001, "a segment's share of 9/17 of one");
    }
}

#[test] // section 4.2: at most half of the window in a round trip
fn the_target_is_bounded() {
    let mut cubic = Cubic::new();
    cubic.on_slow_start_exit(window(100_000));
    let mut now = Instant::from_millis(1);
    let mut cwnd = 100_000;
    cubic.on_ack(window(cwnd), &ack(now, MSS, Duration::from_secs(1)));
    now += Duration::from_secs(3_000);
    let before = cwnd;
    for _ in 0..100 {
        cwnd += cubic.on_ack(window(cwnd), &ack(now, MSS, Duration::from_secs(1)));
    }
    assert!(cwnd > before + 40_000, "{cwnd}");
    assert!(cwnd <= before + before * 65 / 100, "{cwnd}: e^0.5 is the limit of compounding");
}

#[test] // section 5.8
fn a_pause_is_no_time_of_growth() {
    let rtt = Duration::from_millis(100);
    let mut cubic = Cubic::new();
    let mut cwnd = cubic.on_congestion_event(window(1_000_000), 1_000_000);
    let mut now = Instant::from_millis(1);
    for _ in 0..10 {
        round(&mut cubic, &mut cwnd, &mut now, rtt);
    }
    let t = cubic.stage.unwrap().t;
    now += Duration::from_secs(600);
    cubic.on_pause(now);
    let before = cwnd;
    round(&mut cubic, &mut cwnd, &mut now, rtt);
    assert!(cubic.stage.unwrap().t <= t + rtt);
    assert!(cwnd - before < 30_000, "{before} to {cwnd} in one round trip");
}

#[test] // TCP.md, section 1: ACK-division defence
fn divided_and_stretched_acknowledgements_grow_alike() {
    let rtt = Duration::from_millis(100);
    let mut windows = Vec::new();
    for acked in [10, 100, 1_000, 10_000] {
        let mut cubic = Cubic::new();
        let mut cwnd = cubic.on_congestion_event(window(1_000_000), 1_000_000);
        let mut now = Instant::from_millis(1);
        for _ in 0..10 {
            let acks = cwnd / acked;
            for _ in 0..acks {
                now += rtt / acks;
                cwnd += cubic.on_ack(window(cwnd), &ack(now, acked, rtt));
            }
        }
        windows.push(cwnd);
    }
    let (least, most) = (windows.iter().min().unwrap(), windows.iter().max().unwrap());
    assert!(most - least < 3 * MSS, "{windows:?}");
}

#[test]
fn absurd_figures_do_not_overflow() {
    for (cwnd, acked) in [(1, u32::MAX), (1 << 30, u32::MAX), (1 << 30, 1), (u32::MAX, u32::MAX)] {
        let mut cubic = Cubic::new();
        cubic.on_congestion_event(window(cwnd), cwnd);
        let mut now = Instant::ORIGIN;
        for _ in 0..100 {
            now += Duration::from_secs(1_000_000);
            cubic.on_ack(window(cwnd), &ack(now, acked, Duration::from_secs(120)));
            assert!(cubic.stage.unwrap().w_est >= cwnd, "no window wraps");
        }
    }
}
