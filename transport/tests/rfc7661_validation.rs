//! RFC 7661: a window that was not used of late. And pacing, which it asks for.

mod support;

use support::bottleneck::{Bottleneck, Path};
use support::script::Script;
use wharf_transport::tcp::Congestion;
use wharf_transport::time::Duration;

/// `count` segments of 1000 bytes from `first` on, each this long after the one before; the last of
/// the buffer with PSH if `last`.
fn segments(first: usize, count: usize, apart: &str, last: bool) -> String {
    let line = |index: usize| {
        let seq = first + index * 1000;
        let flags = if last && index + 1 == count { "P." } else { "." };
        format!("+{apart} > {flags} {seq}:{}(1000) ack 1\n", seq + 1000)
    };
    (0..count).map(line).collect()
}

/// An initial window leaves and is acknowledged after 10 ms: cwnd is 20000.
fn grown() -> String {
    let mut text = format!("+0 write 10000\n{}", segments(1, 10, "0", true));
    text.push_str("+0.010 < . 1:1(0) ack 2001\n");
    for ack in [4001, 6001, 8001, 10001] {
        text.push_str(&format!("+0 < . 1:1(0) ack {ack}\n"));
    }
    text
}

#[test] // sections 4.3 and 4.4.2
fn after_a_pause_the_window_is_kept_and_an_initial_window_leaves_at_once() {
    // 40 kB in 10 ms: one segment each 250 us.
    let text = format!(
        "{}+5 write 20000\n{}{}",
        grown(),
        segments(10_001, 10, "0", false),
        segments(20_001, 10, "0.00025", true)
    );
    Script::established().mss(1000).run(&text);
}

#[test] // section 4.4.3
fn after_five_minutes_half_of_the_window_is_left() {
    let text = format!("{}+301 write 20000\n{}", grown(), segments(10_001, 10, "0", false));
    Script::established().mss(1000).run_then(&text, |run| {
        let info = run.stack.info(run.now, run.connection.expect("lives")).expect("lives");
        assert_eq!((info.cwnd, info.ssthresh), (10_000, u32::MAX));
    });
}

#[test] // section 4.4.1: (max(pipeACK, LossFlightSize) - R) / 2
fn a_loss_is_answered_by_what_was_used() {
    let text = format!(
        "{}+5 write 8000
        {}
        +0.010 < . 1:1(0) ack 10001
        +0.000 < . 1:1(0) ack 10001
        +0.000 < . 1:1(0) ack 10001
        +0.000 > . 10001:11001(1000) ack 1
        +0.010 < . 1:1(0) ack 18001",
        grown(),
        segments(10_001, 8, "0", true)
    );
    let script = Script::established().mss(1000).sack(false);
    script.config(|config| config.congestion = Congestion::Cubic).run_then(&text, |run| {
        let info = run.stack.info(run.now, run.connection.expect("lives")).expect("lives");
        assert_eq!(info.ssthresh, 3_500, "not 0.7 of the flight");
    });
}

#[test] // section 4.4: neither grows nor falls while the owner sends less
fn who_sends_little_keeps_the_window() {
    for algorithm in [Congestion::Cubic, Congestion::Reno] {
        let wide = Path::wide(Duration::from_millis(10));
        let mut path = Bottleneck::new(wide, |tcp| tcp.congestion = algorithm);
        path.open(Some(200_000));
        path.run_for(Duration::from_secs(1));
        let cwnd = path.info(0).cwnd;
        assert!(cwnd > 60_000, "{algorithm:?}: {cwnd}");
        for _ in 0..50 {
            path.flows[0].budget = Some(5_000);
            path.run_for(Duration::from_millis(100));
            assert_eq!(path.info(0).cwnd, cwnd, "{algorithm:?}");
        }
        for _ in 0..14 {
            path.run_for(Duration::from_secs(60));
            path.flows[0].budget = Some(5_000);
            path.run_for(Duration::from_millis(100));
        }
        let half = path.info(0).cwnd;
        assert!(half <= cwnd / 4 + 1 && half >= 10_000, "two periods of five minutes: {half}");
    }
}

#[test] // section 4.3: bulk is never taken for idle
fn who_fills_the_window_is_not_held_back() {
    let delay = Duration::from_millis(20);
    let link = Path { rate: 1_250_000, delay, queue: 200_000, mark_from: 40_000 };
    let mut path = Bottleneck::new(link, |tcp| tcp.ecn = true);
    path.open(None);
    path.run_for(Duration::from_secs(10));
    let used = path.flows[0].delivered as f64 / 12_500_000.0;
    assert!(used > 0.9, "{used} of the link");
}

#[test]
fn pacing_spreads_the_window_over_the_round_trip() {
    // 38 kB in 100 ms: two at once, and then one segment each 2.63 ms.
    let text = format!(
        "+0 write 40000
        {}
        +0.100 < . 1:1(0) ack 9001
        {}{}",
        segments(1, 10, "0", false),
        segments(10_001, 2, "0", false),
        segments(12_001, 16, "0.002632", false)
    );
    let script = Script::established().mss(1000).round_trip(Duration::from_millis(100));
    script.config(|config| config.pacing = true).run(&text);
}

#[test]
fn pacing_keeps_the_queue_of_slow_start_short() {
    let [plain, paced] = [false, true].map(|pacing| {
        let link = Path { rate: 1_250_000, ..Path::wide(Duration::from_millis(50)) };
        let mut path = Bottleneck::new(link, |tcp| tcp.pacing = pacing);
        path.open(Some(100_000));
        path.run_for(Duration::from_secs(2));
        assert_eq!(path.flows[0].delivered, 100_000);
        path.queue_peak
    });
    assert!(paced * 2 <= plain, "{paced} B paced, {plain} B plain");
}
