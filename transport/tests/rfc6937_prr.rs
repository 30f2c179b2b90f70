//! RFC 6937: proportional rate reduction.

mod support;

use support::script::{Run, Script};
use wharf_transport::tcp::Congestion;
use wharf_transport::time::Duration;

/// `count` segments of 1000 bytes from `first` on.
fn segments(first: usize, count: usize) -> String {
    let line = |index: usize| {
        let seq = first + index * 1000;
        format!("+0 > . {seq}:{}(1000) ack 1\n", seq + 1000)
    };
    (0..count).map(line).collect()
}

/// A path of 100 ms with ten segments on it, and more to be sent.
fn path() -> (Script, String) {
    let script = Script::established().mss(1000).round_trip(Duration::from_millis(100));
    (script, format!("+0 write 40000\n{}", segments(1, 10)))
}

fn window(run: &Run<'_>) -> u32 {
    run.stack.info(run.now, run.connection.expect("open")).expect("alive").cwnd
}

#[test] // section 3.1: the first loss of a flight; ssthresh is half of what is out
fn one_loss_halves_the_window_over_a_round_trip() {
    let (script, sent) = path();
    let script = script.config(|config| config.congestion = Congestion::Reno);
    // Two new ones for the first two reports, then the hole. The reports pay for it until pipe is
    // down to ssthresh, half of the twelve that were out; from there on one leaves for each.
    script.run_then(
        &format!(
            "{sent}
            +0.100 < . 1:1(0) ack 1 <sack 1001:2001>
            +0.000 > . 10001:11001(1000) ack 1
            +0.001 < . 1:1(0) ack 1 <sack 1001:3001>
            +0.000 > . 11001:12001(1000) ack 1
            +0.001 < . 1:1(0) ack 1 <sack 1001:4001>
            +0.000 > . 1:1001(1000) ack 1
            +0.001 < . 1:1(0) ack 1 <sack 1001:5001>
            +0.001 < . 1:1(0) ack 1 <sack 1001:6001>
            +0.001 < . 1:1(0) ack 1 <sack 1001:7001>
            +0.001 < . 1:1(0) ack 1 <sack 1001:8001>
            +0.000 > . 12001:13001(1000) ack 1
            +0.001 < . 1:1(0) ack 1 <sack 1001:9001>
            +0.000 > . 13001:14001(1000) ack 1
            +0.001 < . 1:1(0) ack 1 <sack 1001:10001>
            +0.000 > . 14001:15001(1000) ack 1
            +0.090 < . 1:1(0) ack 1 <sack 1001:11001>
            +0.000 > . 15001:16001(1000) ack 1
            +0.001 < . 1:1(0) ack 12001
            +0.000 ~"
        ),
        |run| assert_eq!(window(run), 6_000, "ssthresh"),
    );
}

#[test]
fn a_lone_retransmission_that_is_lost_needs_no_timeout() {
    let script = Script::established().mss(1000).round_trip(Duration::from_millis(40));
    script.run_then(
        "
        +0.000 write 2000
        +0.000 > . 1:1001(1000) ack 1
        +0.000 > P. 1001:2001(1000) ack 1
        +0.040 < . 1:1(0) ack 1 <sack 1001:2001>
        +0.001 write 1000
        +0.000 > P. 2001:3001(1000) ack 1
        +0.009 > . 1:1001(1000) ack 1               # lost again
        +0.001 write 5000
        +0.030 < . 1:1(0) ack 1 <sack 1001:3001>    # what left before it
        +0.000 > . 3001:4001(1000) ack 1            # and one for that
        +0.040 < . 1:1(0) ack 1 <sack 1001:4001>
        +0.000 > . 1:1001(1000) ack 1
        +0.040 < . 1:1(0) ack 4001
        +0.000 ~",
        |run| {
            let stats = run.stack.stats();
            assert_eq!((stats.lost_retransmit, stats.timeouts), (1, 0));
        },
    );
}

#[test] // section 3.1: half of the flight is lost at once; TCP.md, section 3: policer collapse
fn after_a_burst_of_losses_as_much_leaves_as_arrives() {
    let (script, sent) = path();
    script.run_then(
        &format!(
            "{sent}
            +0.100 < . 1:1(0) ack 1 <sack 6001:7001>
            +0.000 > . 10001:11001(1000) ack 1
            +0.001 < . 1:1(0) ack 1 <sack 6001:8001>
            +0.000 > . 11001:12001(1000) ack 1
            +0.001 < . 1:1(0) ack 1 <sack 6001:9001>
            +0.000 > . 1:1001(1000) ack 1                # six are lost: pipe falls to three
            +0.001 < . 1:1(0) ack 1 <sack 6001:10001>
            +0.000 > . 1001:2001(1000) ack 1
            +0.097 < . 1:1(0) ack 1 <sack 6001:11001>
            +0.000 > . 2001:3001(1000) ack 1
            +0.001 < . 1:1(0) ack 1 <sack 6001:12001>
            +0.000 ~
            +0.001 < . 1:1(0) ack 1001 <sack 6001:12001>
            +0.000 ~
            +0.001 < . 1:1(0) ack 2001 <sack 6001:12001>
            +0.000 ~
            +0.100 < . 1:1(0) ack 12001
            +0.000 ~"
        ),
        |run| {
            assert_eq!(run.stack.stats().timeouts, 0);
            assert_eq!(run.stack.stats().retrans_segs, 6, "only what was lost");
        },
    );
}
