//! RFC 6675 and RFC 2018: the sender's scoreboard, and what is sent again by it.

mod support;

use support::script::{Run, Script};
use wharf_transport::tcp::Info;
use wharf_transport::time::Duration;

/// `count` segments of 1000 bytes from `first` on; the last of the buffer with PSH if `last`.
fn segments(first: usize, count: usize, last: bool) -> String {
    let line = |index: usize| {
        let seq = first + index * 1000;
        let flags = if last && index + 1 == count { "P." } else { "." };
        format!("+0 > {flags} {seq}:{}(1000) ack 1\n", seq + 1000)
    };
    (0..count).map(line).collect()
}

/// A path of 50 ms, and ten segments on it.
fn ten() -> (Script, String) {
    let script = Script::established().mss(1000).round_trip(Duration::from_millis(50));
    (script, format!("+0 write 10000\n{}", segments(1, 10, true)))
}

fn info(run: &Run<'_>) -> Info {
    run.stack.info(run.now, run.connection.expect("open")).expect("alive")
}

#[test] // section 5: DupThresh
fn three_segments_reported_begin_recovery() {
    let (script, sent) = ten();
    script.run_then(
        &format!(
            "{sent}
            +0.050 < . 1:1(0) ack 1 <sack 1001:2001>
            +0.001 < . 1:1(0) ack 1 <sack 1001:3001>
            +0.001 < . 1:1(0) ack 1 <sack 1001:4001>
            +0.000 > . 1:1001(1000) ack 1
            +0.050 < . 1:1(0) ack 10001
            +0.000 finish
            +0.000 > F. 10001:10001(0) ack 1
            +0.050 < . 1:1(0) ack 10002"
        ),
        |run| {
            let stats = run.stack.stats();
            assert_eq!(stats.delivered, 12, "SYN, ten segments each once, FIN");
            assert_eq!((stats.sack_recovery, stats.fast_retransmits, stats.timeouts), (1, 1, 0));
        },
    );
}

#[test] // one acknowledgement that reports three segments is as good as three
fn recovery_counts_what_is_reported_and_not_acknowledgements() {
    let (script, sent) = ten();
    script.run(&format!(
        "{sent}
        +0.050 < . 1:1(0) ack 1 <sack 1001:4001>
        +0.000 > . 1:1001(1000) ack 1
        +0.050 < . 1:1(0) ack 10001"
    ));
}

/// Ten writes of 100 bytes, a segment each.
fn small() -> (Script, String) {
    let (script, _) = ten();
    let write = |index| {
        let seq = 1 + index * 100;
        format!("+0 write 100\n+0 > P. {seq}:{}(100) ack 1\n", seq + 100)
    };
    (script, (0..10).map(write).collect())
}

#[test] // section 5, step 1: less than two segments' worth, but three of them
fn three_small_segments_reported_begin_recovery() {
    let (script, sent) = small();
    script.run_then(
        &format!(
            "{sent}
            +0.050 < . 1:1(0) ack 1 <sack 101:201>
            +0.001 < . 1:1(0) ack 1 <sack 101:301>
            +0.001 < . 1:1(0) ack 1 <sack 101:401>
            +0.000 > . 1:101(100) ack 1
            +0.050 < . 1:1(0) ack 1001"
        ),
        |run| assert_eq!(run.stack.stats().sack_recovery, 1),
    );
}

#[test] // section 5: DupAcks is reset
fn progress_counts_the_reports_anew() {
    let (script, sent) = small();
    script.run_then(
        &format!(
            "{sent}
            +0.050 < . 1:1(0) ack 1 <sack 201:301>
            +0.001 < . 1:1(0) ack 1 <sack 201:401>
            +0.001 < . 1:1(0) ack 101 <sack 201:401>
            +0.001 < . 1:1(0) ack 101 <sack 201:501>
            +0.001 < . 1:1(0) ack 101 <sack 201:601>
            +0.001 < . 1:1(0) ack 1001
            +9.000 wait"
        ),
        |run| assert_eq!(run.stack.stats().retrans_segs, 0),
    );
}

#[test] // section 5, step A
fn what_is_reported_beyond_the_end_of_recovery_is_kept() {
    let (script, _) = ten();
    script.run_then(
        &format!(
            "+0 write 20000
            {}
            +0.050 < . 1:1(0) ack 1 <sack 1001:4001>
            +0.000 > . 1:1001(1000) ack 1
            +0.001 < . 1:1(0) ack 1 <sack 1001:10001>
            +0.000 ~
            +0.049 < . 1:1(0) ack 1 <sack 1001:10001 11001:12001>
            +0.000 ~
            +0.001 < . 1:1(0) ack 10001 <sack 11001:12001>
            +0.000 ~",
            segments(1, 10, false)
        ),
        |run| assert_eq!(info(run).sacked, 1_000),
    );
}

#[test] // section 5.1
fn a_timeout_ends_recovery_and_no_other_begins_before_its_end() {
    let (script, sent) = ten();
    let text = format!(
        "{sent}
        +0.050 < . 1:1(0) ack 1 <sack 1001:4001>
        +0.000 > . 1:1001(1000) ack 1                # lost again
        +0.100 > . 1:1001(1000) ack 1                # and so is the probe
        +0.200 > . 1:1001(1000) ack 1
        +0.050 < . 1:1(0) ack 4001
        +0.000 ~
        +0.050 < . 1:1(0) ack 4001 <sack 5001:9001>
        +0.000 ~"
    );
    script.run_then(&text, |run| {
        let stats = run.stack.stats();
        assert_eq!((stats.timeouts, stats.sack_recovery), (1, 1));
        assert!(info(run).cwnd <= 3_000, "slow start goes on: {}", info(run).cwnd);
    });
    let (script, _) = ten();
    let next = format!(
        "{text}
        +0.050 < . 1:1(0) ack 10001                  # RecoveryPoint
        +0.000 write 4000
        +0.000 ~
        +0.050 < . 1:1(0) ack 10001 <sack 11001:14001>
        +0.000 ~"
    );
    script.run_then(&next, |run| assert_eq!(run.stack.stats().sack_recovery, 2));
}

#[test] // section 6
fn sending_the_first_again_puts_the_timer_off() {
    let (script, sent) = ten();
    script.run(&format!(
        "{sent}
        +0.090 < . 1:1(0) ack 1 <sack 1001:4001>
        +0.000 > . 1:1001(1000) ack 1
        +0.100 > . 1:1001(1000) ack 1                # a probe
        +0.199 wait
        +0.001 > . 1:1001(1000) ack 1"
    ));
}

#[test] // six holes, two round trips
fn many_holes_are_mended_without_a_timeout() {
    let (script, sent) = ten();
    script.run_then(
        &format!(
            "{sent}
            +0.050 < . 1:1(0) ack 1 <sack 9001:10001 7001:8001 5001:6001 3001:4001>
            +0.000 > . 1:1001(1000) ack 1
            +0.000 > . 1001:2001(1000) ack 1
            +0.000 > . 2001:3001(1000) ack 1
            +0.000 > . 4001:5001(1000) ack 1             # as many as have arrived: RFC 6937
            +0.050 < . 1:1(0) ack 4001 <sack 5001:6001 7001:8001 9001:10001>
            +0.000 > . 6001:7001(1000) ack 1
            +0.000 > . 8001:9001(1000) ack 1
            +0.001 < . 1:1(0) ack 6001 <sack 7001:8001 9001:10001>
            +0.050 < . 1:1(0) ack 10001"
        ),
        |run| assert_eq!(run.stack.stats().retrans_segs, 6, "only what was lost"),
    );
}

#[test] // TCP.md, section 3: whole buffer resent
fn what_is_reported_is_not_sent_again_after_a_timeout() {
    let (script, sent) = ten();
    script.run(&format!(
        "{sent}
        +0.010 < . 1:1(0) ack 1 <sack 1001:2001>   # before any round trip: a lone report
        +0.000 ~
        +5.000 ~
        +0.000 < . 1:1(0) ack 3001 <sack 4001:10001>
        +0.000 ~
        +0.010 < . 1:1(0) ack 10001
        +9.000 wait"
    ));
}

#[test] // TCP.md, section 3: SACK arithmetic at 2^31; lies are ignored
fn reports_of_what_cannot_be_are_ignored() {
    let (script, sent) = ten();
    script.run_then(
        &format!(
            "{sent}
            +0.010 < . 1:1(0) ack 1 <sack 2001:1001>
            +0.000 < . 1:1(0) ack 1 <sack 2147483649:2147483750>
            +0.000 < . 1:1(0) ack 1 <sack -2000:-1000>
            +0.000 < . 1:1(0) ack 1 <sack 9001:10002>
            +0.000 < . 1:1(0) ack 1 <sack 5001:5001>
            +0.000 < . 1:1(0) ack 1 <sack 1001:2147485649>"
        ),
        |run| {
            assert_eq!(info(run).sacked, 0);
            assert_eq!(run.stack.stats().sack_recovery, 0);
        },
    );
}

#[test] // TCP.md, section 1: bounded scoreboards
fn reports_of_every_second_byte_are_bounded() {
    let (script, mut sent) = ten();
    for byte in 0..300 {
        let (left, right) = (1_001 + 2 * byte, 1_002 + 2 * byte);
        sent.push_str(&format!("+0 < . 1:1(0) ack 1 <sack {left}:{right}>\n+0 ~\n"));
    }
    sent.push_str("+0.050 ~\n+0 < . 1:1(0) ack 10001\n+9 wait\n+0 = ESTABLISHED\n");
    script.run_then(&sent, |run| assert_eq!(info(run).unacked, 0));
}

#[test] // RFC 3042: what was reported has left the network, new text takes its place
fn each_report_lets_one_new_segment_go() {
    let script = Script::established().mss(1000).round_trip(Duration::from_millis(50));
    script.run(&format!(
        "+0 write 20000
        {}
        +0.050 < . 1:1(0) ack 1 <sack 1001:2001>
        {}
        +0.001 < . 1:1(0) ack 1 <sack 1001:3001>
        {}",
        segments(1, 10, false),
        segments(10_001, 1, false),
        segments(11_001, 1, false),
    ));
}

#[test] // TCP.md, section 3: partial ACK of a re-segmented retransmission
fn an_acknowledgement_inside_a_retransmission_resends_nothing_that_came() {
    let (script, sent) = ten();
    script.run_then(
        &format!(
            "{sent}
            +0.050 < . 1:1(0) ack 1 <sack 1001:4001>
            +0.000 > . 1:1001(1000) ack 1
            +0.050 < . 1:1(0) ack 501 <sack 1001:10001>  # the path cut it in two
            +0.100 > . 501:1001(500) ack 1               # alone, by a probe
            +0.050 < . 1:1(0) ack 10001"
        ),
        |run| assert_eq!(info(run).bytes_retrans, 1_500),
    );
}

#[test] // RFC 2018, section 8
fn a_peer_that_takes_its_reports_back_gets_everything_again() {
    let (script, sent) = ten();
    script.run_then(
        &format!(
            "{sent}
            +0.050 < . 1:1(0) ack 1 <sack 1001:10001>
            +0.000 > . 1:1001(1000) ack 1
            +0.050 < . 1:1(0) ack 1001                   # where is the rest?
            +0.200 > . 1001:2001(1000) ack 1
            +0.050 < . 1:1(0) ack 2001
            +0.000 > . 2001:3001(1000) ack 1
            +0.000 > . 3001:4001(1000) ack 1
            +0.050 < . 1:1(0) ack 10001"
        ),
        |run| assert_eq!(run.stack.stats().sack_reneging, 1),
    );
}

#[test]
fn the_figures_tell_what_is_reported_lost_and_sent_again() {
    let (script, sent) = ten();
    script.run_then(
        &format!(
            "{sent}
            +0.050 < . 1:1(0) ack 1 <sack 1001:4001 8001:9001>
            +0.000 ~"
        ),
        |run| {
            let info = info(run);
            assert_eq!((info.unacked, info.sacked), (10_000, 4_000));
            assert_eq!(info.lost + info.retrans, 5_000);
            assert!(info.retrans >= 1_000);
            assert_eq!((info.reordering, info.dsack_dups), (3, 0));
        },
    );
}
