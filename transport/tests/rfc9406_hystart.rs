//! RFC 9406: HyStart++ ends the first slow start before it overshoots.

mod support;

use support::bottleneck::{Bottleneck, Path};
use wharf_transport::tcp::Congestion;
use wharf_transport::time::Duration;

/// 20 Mbit/s and 100 ms: 250 kB in flight fill it.
const RATE: u64 = 2_500_000;
const DELAY: Duration = Duration::from_millis(50);
const IN_FLIGHT: u32 = 250_000;

fn path(queue: usize, algorithm: Congestion, timestamps: bool) -> Bottleneck {
    let link = Path { rate: RATE, queue, ..Path::wide(DELAY) };
    let mut path = Bottleneck::new(link, |tcp| {
        tcp.congestion = algorithm;
        tcp.timestamps = timestamps;
    });
    path.open(None);
    path
}

/// Time passes until slow start is over.
fn leave_slow_start(path: &mut Bottleneck) {
    for _ in 0..400 {
        path.run_for(Duration::from_millis(10));
        if path.info(0).ssthresh != u32::MAX {
            return;
        }
    }
    panic!("in slow start after 4 s: {:?}", path.info(0));
}

#[test] // section 4.2
fn slow_start_ends_without_a_loss_when_a_queue_builds_up() {
    for algorithm in [Congestion::Cubic, Congestion::Reno] {
        let mut path = path(4_000_000, algorithm, true);
        leave_slow_start(&mut path);
        assert_eq!(path.dropped, 0, "{algorithm:?}");
        let stats = *path.sender.stats();
        // The train was there before the delay.
        let counts = (stats.hystart_train_detect, stats.hystart_delay_detect);
        assert_eq!((counts, stats.hystart_delay_cwnd), ((1, 0), 0), "{algorithm:?}");
        let bytes = stats.hystart_train_cwnd * u64::from(path.info(0).snd_mss);
        assert!(bytes >= IN_FLIGHT.into(), "{algorithm:?}: {bytes}");
        let ssthresh = path.info(0).ssthresh;
        assert!(ssthresh >= IN_FLIGHT, "{algorithm:?}: the path is full at {ssthresh}");
        // A train shows when the window is full, and a delay two rounds of a quarter each later.
        assert!(ssthresh <= 2 * IN_FLIGHT, "{algorithm:?}: {ssthresh} overshoots");
    }
}

/// Segments lost by the first slow start, until half a second after the loss was seen.
fn lost_in_slow_start(queue: usize, timestamps: bool) -> usize {
    let mut path = path(queue, Congestion::Cubic, timestamps);
    leave_slow_start(&mut path);
    path.run_for(Duration::from_millis(500));
    path.dropped
}

#[test] // TCP.md, section 3: slow-start overshoot at 0.5 to 2 BDP
fn slow_start_does_not_overshoot_a_queue_of_one_bandwidth_delay_product() {
    for queue in [250_000, 500_000] {
        assert_eq!(lost_in_slow_start(queue, true), 0, "queue of {queue}");
    }
}

#[test] // TCP.md, section 3: slow-start overshoot at 0.5 to 2 BDP
fn slow_start_overshoots_by_less_than_half_of_the_plain_one() {
    // Without timestamps there are too few round trips to see the delay, and trains are all there is.
    for (queue, timestamps) in [(125_000, true), (250_000, false)] {
        // The plain one doubles what fits, and loses as much as that.
        let plain = (IN_FLIGHT as usize + queue) / 1_448;
        let lost = lost_in_slow_start(queue, timestamps);
        assert!(lost * 2 < plain, "queue of {queue}: {lost} lost, {plain} in plain slow start");
    }
}

#[test] // a path whose delay does not grow is no congestion
fn a_path_that_is_never_full_stays_in_slow_start() {
    let mut path = Bottleneck::new(Path::wide(DELAY), |tcp| tcp.timestamps = true);
    path.open(Some(1_000_000));
    path.run_for(Duration::from_secs(3));
    assert_eq!(path.flows[0].delivered, 1_000_000);
    assert_eq!(path.info(0).ssthresh, u32::MAX);
}

#[test] // section 4.3: later slow starts end at the ssthresh that was found
fn after_a_timeout_slow_start_ends_at_ssthresh() {
    let mut path = path(4_000_000, Congestion::Cubic, true);
    leave_slow_start(&mut path);
    let next = path.sent;
    path.lose = (next..next + 2_000).collect();
    path.run_for(Duration::from_secs(5));
    assert!(path.sender.stats().timeouts > 0);
    let info = path.info(0);
    assert!(info.ssthresh != u32::MAX && info.ssthresh >= 2_000, "{info:?}");
}
