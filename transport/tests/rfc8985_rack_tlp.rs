//! RFC 8985: RACK, which finds losses by time, and tail loss probes.

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

/// A path of 40 ms: a reordering window of 10 ms.
fn path() -> Script {
    Script::established().mss(1000).round_trip(Duration::from_millis(40))
}

fn info(run: &Run<'_>) -> Info {
    run.stack.info(run.now, run.connection.expect("open")).expect("alive")
}

#[test] // section 6.2, step 5: min_RTT / 4 after what was sent later has come
fn one_report_is_enough_after_the_reordering_window() {
    path().run_then(
        &format!(
            "+0 write 3000
            {}
            +0.040 < . 1:1(0) ack 1 <sack 2001:3001>
            +0.010 > . 1:1001(1000) ack 1
            +0.040 < . 1:1(0) ack 1001 <sack 2001:3001>
            +0.000 > . 1001:2001(1000) ack 1             # RFC 6937: as many as have arrived
            +0.040 < . 1:1(0) ack 3001",
            segments(1, 3, true)
        ),
        |run| assert_eq!((run.stack.stats().sack_recovery, run.stack.stats().timeouts), (1, 0)),
    );
}

#[test] // section 3.3: reordering within the window costs nothing
fn what_comes_within_the_window_was_not_lost() {
    path().run_then(
        &format!(
            "+0 write 3000
            {}
            +0.040 < . 1:1(0) ack 1 <sack 1001:2001>
            +0.002 < . 1:1(0) ack 1 <sack 1001:3001>
            +0.007 < . 1:1(0) ack 3001
            +9.000 wait",
            segments(1, 3, true)
        ),
        |run| {
            assert_eq!(run.stack.stats().retrans_segs, 0);
            assert_eq!(run.stack.stats().sack_recovery, 0);
        },
    );
}

#[test] // step 4: once reordering was seen, three reports are no loss yet
fn after_reordering_the_window_decides_and_not_the_count() {
    path().run_then(
        &format!(
            "+0 write 3000
            {}
            +0.040 < . 1:1(0) ack 1 <sack 1001:2001>
            +0.001 < . 1:1(0) ack 1001 <sack 1001:2001>
            +0.001 < . 1:1(0) ack 3001
            +0.000 write 6000
            {}
            +0.040 < . 1:1(0) ack 3001 <sack 4001:9001>
            +0.009 wait
            +0.001 > . 3001:4001(1000) ack 1
            +0.040 < . 1:1(0) ack 9001",
            segments(1, 3, true),
            segments(3_001, 6, true)
        ),
        |run| assert_eq!(info(run).retrans, 0),
    );
}

#[test] // section 3.1: a lost retransmission is found like an original; TCP.md, section 3
fn a_lost_retransmission_is_sent_again_without_a_timeout() {
    path().run_then(
        &format!(
            "+0 write 20000
            {}
            +0.040 < . 1:1(0) ack 1 <sack 1001:4001>
            +0.000 > . 1:1001(1000) ack 1               # lost again
            +0.001 < . 1:1(0) ack 1 <sack 1001:8001>
            +0.000 ~
            +0.001 < . 1:1(0) ack 1 <sack 1001:10001>
            +0.000 ~
            +0.040 < . 1:1(0) ack 1 <sack 1001:11001>   # sent after it
            +0.000 > . 1:1001(1000) ack 1
            +0.000 ~",
            segments(1, 10, false)
        ),
        |run| {
            assert_eq!((run.stack.stats().lost_retransmit, run.stack.stats().timeouts), (1, 0));
        },
    );
}

#[test] // section 6.2, step 2: the echo of a report is not that of what it reports
fn a_retransmission_that_is_reported_finds_the_lost_one_before_it() {
    let script = Script::established().timestamps().mss(1012);
    script.round_trip(Duration::from_millis(40)).run_then(
        &format!(
            "+0 write 6000
            {}
            +0.040 < . 1:1(0) ack 1 <TS val 50 ecr 40,sack 2001:3001>
            +0.001 < . 1:1(0) ack 1 <TS val 50 ecr 40,sack 2001:4001>
            +0.001 < . 1:1(0) ack 1 <TS val 50 ecr 40,sack 2001:5001>
            +0.000 > . 1:1001(1000) ack 1               # lost again
            +0.001 < . 1:1(0) ack 1 <TS val 50 ecr 40,sack 2001:6001>
            +0.000 > . 1001:2001(1000) ack 1
            +0.040 < . 1:1(0) ack 1 <TS val 90 ecr 40,sack 1001:6001>
            +0.000 > . 1:1001(1000) ack 1
            +0.040 < . 1:1(0) ack 6001 <TS val 130 ecr 123>",
            segments(1, 6, true)
        ),
        |run| {
            assert_eq!((run.stack.stats().lost_retransmit, run.stack.stats().timeouts), (1, 0));
        },
    );
}

#[test] // TCP.md, section 3
fn rack_with_a_15_ms_clock_marks_everything_lost() {
    // What left at one reading of the clock may have left 15 ms apart: a report of the last is no
    // sign, for as long, that the first should have come.
    let script = Script::established().mss(1000).round_trip(Duration::from_millis(30));
    let script = script.config(|config| config.clock_resolution = Duration::from_millis(15));
    script.run_then(
        &format!(
            "+0 write 6000
            {}
            +0.030 < . 1:1(0) ack 1 <sack 4001:6001>
            +0.015 < . 1:1(0) ack 6001
            +0.000 write 4000
            {}
            +0.030 < . 1:1(0) ack 6001 <sack 9001:10001>
            +0.015 < . 1:1(0) ack 6001 <sack 8001:10001>
            +0.007 < . 1:1(0) ack 10001
            +9.000 wait",
            segments(1, 6, true),
            segments(6_001, 4, true)
        ),
        |run| assert_eq!(run.stack.stats().retrans_segs, 0, "{:?}", run.stack.stats()),
    );
}

#[test] // section 7.2: 2 SRTT, and the time that a lone acknowledgement may be held back
fn a_probe_leaves_after_two_round_trips_of_silence() {
    path().run_then(
        &format!(
            "+0 write 3000
            {}
            +0.080 > P. 2001:3001(1000) ack 1
            +0.020 < . 1:1(0) ack 3001 <sack 2001:3001>",
            segments(1, 3, true)
        ),
        |run| assert_eq!((run.stack.stats().tlp_probes, run.stack.stats().timeouts), (1, 0)),
    );
    path().run(
        "
        +0.000 write 1000
        +0.000 >  P. 1:1001(1000) ack 1
        +0.139 wait
        +0.001 >  P. 1:1001(1000) ack 1
        ",
    );
}

#[test] // section 7.3: new text is the better probe
fn a_probe_is_new_text_if_there_is_any() {
    path().run_then(
        &format!(
            "+0 write 12000
            {}
            +0.080 > . 10001:11001(1000) ack 1
            +0.040 < . 1:1(0) ack 1 <sack 10001:11001>
            +0.000 > . 1:1001(1000) ack 1                # its time is long over
            +0.000 ~",
            segments(1, 10, false)
        ),
        |run| assert_eq!((run.stack.stats().tlp_probes, run.stack.stats().sack_recovery), (1, 1)),
    );
}

#[test] // section 7.3: one probe, then the timer
fn a_second_probe_waits_for_a_round_trip() {
    path().run_then(
        &format!(
            "+0 write 3000
            {}
            +0.080 > P. 2001:3001(1000) ack 1
            +0.200 > . 1:1001(1000) ack 1",
            segments(1, 3, true)
        ),
        |run| assert_eq!((run.stack.stats().tlp_probes, run.stack.stats().timeouts), (1, 1)),
    );
}

#[test] // section 7.2: the retransmission timer does not overtake the probe
fn a_probe_leaves_no_later_than_the_timer_would() {
    // RTO comes down to 200 ms, while a lone segment's probe would wait for 2 * 95 + 60.
    let script = Script::established().mss(1000).round_trip(Duration::from_millis(95));
    let mut text = String::new();
    for index in 0..6 {
        let (seq, end) = (1 + index * 1_000, 1_001 + index * 1_000);
        text.push_str(&format!("+0 write 1000\n+0 > P. {seq}:{end}(1000) ack 1\n"));
        text.push_str(&format!("+0.095 < . 1:1(0) ack {end}\n"));
    }
    text.push_str(
        "+0.000 write 1000
        +0.000 > P. 6001:7001(1000) ack 1
        +0.200 > P. 6001:7001(1000) ack 1
        +0.200 > P. 6001:7001(1000) ack 1
        ",
    );
    script.run_then(&text, |run| {
        assert_eq!(info(run).rto, Duration::from_millis(400), "200 ms, doubled once");
        assert_eq!((run.stack.stats().tlp_probes, run.stack.stats().timeouts), (1, 1));
    });
}

#[test] // section 7.4.1: the probe's acknowledgement shows what is missing before it
fn a_probe_finds_a_tail_of_losses() {
    path().run_then(
        &format!(
            "+0 write 4000
            {}
            +0.040 < . 1:1(0) ack 1001
            +0.080 > P. 3001:4001(1000) ack 1
            +0.040 < . 1:1(0) ack 1001 <sack 3001:4001>
            +0.000 > . 1001:2001(1000) ack 1
            +0.040 < . 1:1(0) ack 2001 <sack 3001:4001>
            +0.000 > . 2001:3001(1000) ack 1
            +0.040 < . 1:1(0) ack 4001",
            segments(1, 4, true)
        ),
        |run| assert_eq!((run.stack.stats().sack_recovery, run.stack.stats().timeouts), (1, 0)),
    );
}

#[test] // where section 7.2 has the timeout: the first again, and the window is that of the recovery
fn a_probe_ends_the_silence_of_a_recovery() {
    let script = format!(
        "+0 write 20000
        {}
        +0.040 < . 1:1(0) ack 1 <sack 1001:10001>
        +0.000 > . 1:1001(1000) ack 1               # lost with all that follows it
        +0.000 > . 10001:11001(1000) ack 1
        +0.000 > . 11001:12001(1000) ack 1
        +0.000 > . 12001:13001(1000) ack 1
        +0.000 > . 13001:14001(1000) ack 1
        +0.000 > . 14001:15001(1000) ack 1
        +0.000 > . 15001:16001(1000) ack 1
        +0.079 wait
        +0.001 > . 1:1001(1000) ack 1",
        segments(1, 10, false)
    );
    let lost = format!(
        "{script}
        +0.040 < . 1:1(0) ack 10001
        +0.000 > . 10001:11001(1000) ack 1          # sent before what has arrived
        +0.000 ~"
    );
    path().run_then(&lost, |run| {
        assert_eq!((run.stack.stats().tlp_probes, run.stack.stats().timeouts), (1, 0));
        assert_eq!(info(run).ssthresh, 4_200, "a second window with losses, of 6000 bytes");
    });
    // Or only the acknowledgement of it all was lost.
    let unheard = format!(
        "{script}
        +0.040 < . 1:1(0) ack 16001 <sack 1:1001>
        +0.000 > . 16001:17001(1000) ack 1
        +0.000 ~"
    );
    path().run_then(&unheard, |run| {
        assert_eq!((run.stack.stats().tlp_probes, run.stack.stats().timeouts), (1, 0));
        assert_eq!((info(run).ssthresh, run.stack.stats().sack_recovery), (7_000, 1));
    });
}

#[test] // whatever is reported breaks the silence
fn a_recovery_that_hears_of_arrivals_is_not_probed() {
    path().run_then(
        &format!(
            "+0 write 10000
            {}
            +0.040 < . 1:1(0) ack 1 <sack 1001:4001>
            +0.000 > . 1:1001(1000) ack 1
            +0.060 < . 1:1(0) ack 1 <sack 1001:5001>
            +0.060 < . 1:1(0) ack 1 <sack 1001:6001>
            +0.060 < . 1:1(0) ack 10001
            +9.000 wait",
            segments(1, 10, true)
        ),
        |run| assert_eq!((run.stack.stats().tlp_probes, run.stack.stats().timeouts), (0, 0)),
    );
}

#[test] // section 7.4.2: a loss that the probe mended halves the window all the same
fn a_loss_mended_by_the_probe_alone_is_counted() {
    path().run_then(
        &format!(
            "+0 write 8000
            {}
            +0.080 > P. 7001:8001(1000) ack 1
            +0.040 < . 1:1(0) ack 8001
            +0.000 write 1000
            +0.000 > P. 8001:9001(1000) ack 1
            +0.040 < . 1:1(0) ack 9001",
            segments(1, 8, true)
        ),
        |run| {
            assert_eq!(run.stack.stats().tlp_recovery, 1);
            assert!(info(run).ssthresh < 10_000, "{}", info(run).ssthresh);
        },
    );
}

#[test] // section 7.4.2, case 1: nothing was lost
fn a_needless_probe_costs_nothing() {
    path().run_then(
        &format!(
            "+0 write 8000
            {}
            +0.080 > P. 7001:8001(1000) ack 1
            +0.001 < . 1:1(0) ack 8001
            +0.040 < . 1:1(0) ack 8001 <sack 7001:8001>
            +0.000 write 1000
            +0.000 > P. 8001:9001(1000) ack 1
            +0.040 < . 1:1(0) ack 9001",
            segments(1, 8, true)
        ),
        |run| {
            assert_eq!(run.stack.stats().tlp_recovery, 0);
            assert_eq!(info(run).ssthresh, u32::MAX);
        },
    );
}

#[test] // section 7.2: without SACK a probe would tell nothing
fn without_sack_there_is_no_probe() {
    path().sack(false).run_then(
        &format!("+0 write 3000\n{}+0.200 > . 1:1001(1000) ack 1", segments(1, 3, true)),
        |run| assert_eq!(run.stack.stats().tlp_probes, 0),
    );
}

#[test] // section 6.3: what left a moment ago is not lost because the first is
fn a_timeout_does_not_take_the_newest_for_lost() {
    path().run_then(
        &format!(
            "+0 write 2000
            {}
            +0.080 > P. 1001:2001(1000) ack 1
            +0.190 write 1000
            +0.000 > P. 2001:3001(1000) ack 1
            +0.010 > . 1:1001(1000) ack 1
            +0.035 < . 1:1(0) ack 2001
            +0.004 < . 1:1(0) ack 3001
            +9.000 wait",
            segments(1, 2, true)
        ),
        |run| assert_eq!(run.stack.stats().retrans_segs, 2, "the probe and the first"),
    );
}

#[test]
fn a_lost_fin_is_found_by_a_probe() {
    path().run_then(
        "
        +0.000 write 10
        +0.000 finish
        +0.000 >  FP. 1:11(10) ack 1
        +0.140 >  FP. 1:11(10) ack 1
        +0.040 <  .  1:1(0) ack 12
        +0.000 =  FIN-WAIT-2
        ",
        |run| assert_eq!(run.stack.stats().timeouts, 0),
    );
}

#[test] // the probe of a recovery that was undone meanwhile would cut what was reported
fn a_probe_is_none_once_recovery_was_in_vain_and_reports_are_there() {
    path().run_then(
        "
        +0.000 write 5000
        +0.000 finish
        +0.000 >  .  1:1001(1000) ack 1
        +0.000 >  .  1001:2001(1000) ack 1
        +0.000 >  .  2001:3001(1000) ack 1
        +0.000 >  .  3001:4001(1000) ack 1
        +0.000 >  FP. 4001:5001(1000) ack 1
        +0.040 <  .  1:1(0) ack 1 <sack 1001:2001>
        +0.000 <  .  1:1(0) ack 1 <sack 3001:4001 1001:2001>
        +0.000 <  .  1:1(0) ack 1 <sack 3001:5001 1001:2001>
        +0.000 >  .  1:1001(1000) ack 1
        +0.005 <  .  1:1(0) ack 2001 <sack 3001:5001>
        +0.000 >  .  2001:3001(1000) ack 1
        +0.002 <  .  1:1(0) ack 2001 <sack 1:1001 3001:5001>
        +0.002 <  .  1:1(0) ack 2001 <sack 1:1001 3001:5001>
        +0.196 >  .  2001:3001(1000) ack 1       # the timeout
        +0.000 >  F. 5001:5001(0) ack 1
        ",
        |run| {
            let stats = run.stack.stats();
            assert_eq!((stats.full_undo, stats.tlp_probes, stats.timeouts), (1, 0, 1));
        },
    );
}
