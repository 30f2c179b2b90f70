//! RFC 4821: a path that swallows what is too large, and says nothing.

mod support;

use support::script::{Run, Script};
use wharf_transport::tcp::Info;
use wharf_transport::time::Duration;

/// Without SACK, so that no loss probe comes before the timer.
fn plain() -> Script {
    Script::established().sack(false)
}

/// Connections do not rest, so that one goes on with its search for a larger size.
fn awake() -> Script {
    Script::established().rest_after(Duration::from_secs(3_600))
}

fn info(run: &Run<'_>) -> Info {
    run.stack.info(run.now, run.connection.expect("open")).expect("alive")
}

#[test] // section 7.7: search_low of section 7.2, then the least
fn where_small_segments_pass_and_large_ones_never_do_they_are_cut_smaller() {
    plain().family(true).run_then(
        "
        +0.000 write 4380
        +0.000 >  .  1:1461(1460) ack 1
        +0.000 >  .  1461:2921(1460) ack 1
        +0.000 >  P. 2921:4381(1460) ack 1
        +0.200 >  .  1:1461(1460) ack 1
        +0.400 >  .  1:985(984) ack 1             # 1024, the first trial
        +0.800 >  .  1:537(536) ack 1             # 576
        +0.010 <  .  1:1(0) ack 537
        +0.000 >  .  537:1997(1460) ack 1
        +0.200 >  .  537:1073(536) ack 1          # what was answered last
        +0.010 <  .  1:1(0) ack 1073
        +0.000 >  .  1073:2533(1460) ack 1
        +0.200 >  .  1073:1609(536) ack 1
        +0.010 <  .  1:1(0) ack 1609
        +0.000 >  .  1609:3069(1460) ack 1
        +0.200 >  .  1609:2145(536) ack 1
        +0.010 <  .  1:1(0) ack 2145
        +0.000 >  .  2145:2681(536) ack 1
        +0.000 ~
        +0.010 <  .  1:1(0) ack 3217
        +0.000 ~
        +0.010 <  .  1:1(0) ack 4381
        ",
        |run| {
            assert_eq!(run.stack.stats().pmtu_black_holes, 1);
            assert_eq!(info(run).snd_mss, 536);
        },
    );
    plain().family(false).run_then(
        "
        +0.000 write 5840
        +0.000 >  .  1:1461(1460) ack 1
        +0.000 >  .  1461:2921(1460) ack 1
        +0.000 >  .  2921:4381(1460) ack 1
        +0.000 >  P. 4381:5841(1460) ack 1
        +0.200 >  .  1:1461(1460) ack 1
        +0.400 >  .  1:1221(1220) ack 1           # 1280, the least
        +0.800 >  .  1:1221(1220) ack 1
        +0.010 <  .  1:1(0) ack 1221
        +0.000 >  .  1221:2681(1460) ack 1
        +1.600 >  .  1221:2441(1220) ack 1
        +0.010 <  .  1:1(0) ack 2441
        +0.000 >  .  2441:3901(1460) ack 1
        +0.200 >  .  2441:3661(1220) ack 1
        +0.010 <  .  1:1(0) ack 3661
        +0.000 >  .  3661:5121(1460) ack 1
        +0.000 >  P. 5121:5841(720) ack 1
        +0.200 >  .  3661:4881(1220) ack 1
        +0.010 <  .  1:1(0) ack 4881
        +0.000 >  P. 4881:5841(960) ack 1
        ",
        |run| {
            assert_eq!(run.stack.stats().pmtu_black_holes, 1);
            assert_eq!(info(run).snd_mss, 1_220);
        },
    );
}

/// A segment of 1460 bytes has arrived; from now on nothing of that size does, and what is
/// less than 1024 does. So many `times` a large segment has timed out; the trial after the last is
/// answered.
fn until_timed_out(times: u32) -> String {
    let mut script = "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  .  1:1(0) ack 1461
        +0.000 write 13140
        +0.000 ~
        +0.200 >  .  1461:2921(1460) ack 1
        +0.400 >  .  1461:2445(984) ack 1
        +0.010 <  .  1:1(0) ack 2445
        "
    .to_owned();
    let mut una = 2_445;
    for _ in 3..=times {
        let answered = una + 984;
        script += &format!(
            "
        +0.000 >  .  {una}:{}(1460) ack 1
        +0.200 >  .  {una}:{answered}(984) ack 1
        +0.010 <  .  1:1(0) ack {answered}
            ",
            una + 1_460
        );
        una = answered;
    }
    script + &format!("+0.000 >  .  {una}:")
}

#[test] // a crowded path is more frequent than one that has changed
fn a_size_that_has_passed_before_is_given_up_later() {
    for (times, next, black_holes, size) in
        [(9, "10793(1460) ack 1", 0, 1_460), (10, "11301(984) ack 1\n+0.000 ~", 1, 984)]
    {
        let script = until_timed_out(times) + next;
        plain().family(true).run_then(&script, |run| {
            assert_eq!(run.stack.stats().pmtu_black_holes, black_holes, "{times} timeouts");
            assert_eq!(info(run).snd_mss, size, "{times} timeouts");
        });
    }
}

#[test]
fn a_large_segment_that_arrives_absolves_its_size() {
    let script = until_timed_out(9)
        + "10793(1460) ack 1
        +0.010 <  .  1:1(0) ack 10793
        +0.000 ~
        +0.010 <  .  1:1(0) ack 14601
        +0.000 write 1460
        +0.000 >  P. 14601:16061(1460) ack 1
        +0.010 <  .  1:1(0) ack 16061
        +0.000 write 1460
        +0.000 >  P. 16061:17521(1460) ack 1
        +0.200 >  P. 16061:17521(1460) ack 1      # the first again: no trial
        +0.400 >  .  16061:17045(984) ack 1
        +0.010 <  .  1:1(0) ack 17045
        +0.000 >  P. 17045:17521(476) ack 1
        +0.010 <  .  1:1(0) ack 17521
        ";
    plain().family(true).run_then(&script, |run| {
        assert_eq!(run.stack.stats().pmtu_black_holes, 0);
        assert_eq!(info(run).snd_mss, 1_460);
    });
}

#[test] // in an outage small segments are lost like large ones
fn an_outage_is_no_black_hole() {
    plain().family(true).run_then(
        "
        +0.000 write 4380
        +0.000 >  .  1:1461(1460) ack 1
        +0.000 >  .  1461:2921(1460) ack 1
        +0.000 >  P. 2921:4381(1460) ack 1
        +0.200 >  .  1:1461(1460) ack 1
        +0.400 >  .  1:985(984) ack 1
        +0.800 >  .  1:537(536) ack 1
        +1.600 >  .  1:537(536) ack 1
        +3.200 >  .  1:537(536) ack 1
        +6.400 >  .  1:537(536) ack 1
        +0.010 <  .  1:1(0) ack 537
        +0.000 >  .  537:1997(1460) ack 1         # at once in the size that was in use
        +0.010 <  .  1:1(0) ack 1997
        +0.000 ~
        +0.010 <  .  1:1(0) ack 4381
        ",
        |run| {
            assert_eq!(run.stack.stats().pmtu_black_holes, 0);
            assert_eq!(info(run).snd_mss, 1_460);
        },
    );
}

#[test] // the acknowledgement says more than the trial could
fn a_large_segment_that_is_late_is_no_black_hole() {
    plain().family(true).run_then(
        "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.200 >  P. 1:1461(1460) ack 1
        +0.400 >  .  1:985(984) ack 1
        +0.010 <  .  1:1(0) ack 1461
        +0.000 write 1460
        +0.000 >  P. 1461:2921(1460) ack 1
        +0.010 <  .  1:1(0) ack 2921
        ",
        |run| {
            assert_eq!(run.stack.stats().pmtu_black_holes, 0);
            assert_eq!(info(run).snd_mss, 1_460);
        },
    );
}

#[test]
fn small_segments_that_time_out_say_nothing_of_size() {
    plain().run_then(
        "
        +0.000 write 500
        +0.000 >  P. 1:501(500) ack 1
        +0.200 >  P. 1:501(500) ack 1
        +0.400 >  P. 1:501(500) ack 1
        +0.800 >  P. 1:501(500) ack 1
        +0.010 <  .  1:1(0) ack 501
        ",
        |run| {
            assert_eq!(run.stack.stats().pmtu_black_holes, 0);
            assert_eq!(info(run).snd_mss, 1_460);
        },
    );
}

#[test] // the peer's window, or the end of what was written, makes segments that are neither
fn what_is_less_than_search_low_and_still_too_large_is_tried_smaller_too() {
    plain().family(true).run(
        "
        +0.000 write 900
        +0.000 >  P. 1:901(900) ack 1
        +0.200 >  P. 1:901(900) ack 1
        +0.400 >  .  1:537(536) ack 1
        +0.010 <  .  1:1(0) ack 537
        +0.000 >  P. 537:901(364) ack 1
        +0.010 <  .  1:1(0) ack 901
        ",
    );
}

#[test] // a single timeout is congestion
fn progress_between_two_timeouts_absolves_the_size() {
    plain().run_then(
        "
        +0.000 write 2920
        +0.000 >  .  1:1461(1460) ack 1
        +0.000 >  P. 1461:2921(1460) ack 1
        +0.200 >  .  1:1461(1460) ack 1
        +0.010 <  .  1:1(0) ack 1461
        +0.000 >  P. 1461:2921(1460) ack 1
        +0.400 >  P. 1461:2921(1460) ack 1
        +0.010 <  .  1:1(0) ack 2921
        ",
        |run| assert_eq!(run.stack.stats().pmtu_black_holes, 0),
    );
}

#[test] // section 7.7: unless a message has named another reason
fn an_unreachable_network_is_no_black_hole() {
    plain().run_then(
        "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  icmp host-unreachable seq 1
        +0.190 >  P. 1:1461(1460) ack 1
        +0.400 >  P. 1:1461(1460) ack 1
        ",
        |run| assert_eq!(run.stack.stats().pmtu_black_holes, 0),
    );
}

#[test] // section 5.2: remembered for the destination
fn the_next_connection_does_not_fall_into_it() {
    plain().family(true).run(
        "
        +0.000 write 5840
        +0.000 ~
        +0.200 >  .  1:1461(1460) ack 1
        +0.400 >  .  1:985(984) ack 1
        +0.010 <  .  1:1(0) ack 985
        +0.000 >  .  985:2445(1460) ack 1
        +0.200 >  .  985:1969(984) ack 1
        +0.010 <  .  1:1(0) ack 1969
        +0.000 >  .  1969:3429(1460) ack 1
        +0.200 >  .  1969:2953(984) ack 1
        +0.010 <  .  1:1(0) ack 2953
        +0.000 >  .  2953:4413(1460) ack 1
        +0.200 >  .  2953:3937(984) ack 1
        +0.010 <  .  1:1(0) ack 3937
        +0.000 ~
        +0.010 <  .  1:1(0) ack 5841
        +0.000 abort
        +0.000 >  R. 5841:5841(0) ack 1
        +0.000 connect
        +0.000 >  S  0:0(0) <mss 1460>
        +0.010 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  .  1:1(0) ack 1
        +0.000 write 1460
        +0.000 >  .  1:985(984) ack 1
        +0.000 >  P. 985:1461(476) ack 1
        ",
    );
}

/// A connection that has fallen to 1220 bytes, the same for both families, and whose search for more
/// begins ten minutes later.
const LOWERED: &str = "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  icmp too-big 1220 seq 1
        +0.000 >  .  1:1221(1220) ack 1
        +0.000 >  P. 1221:1461(240) ack 1
        +0.010 <  .  1:1(0) ack 1461
        +600.0 write 6000
        +0.000 >  .  1461:2921(1460) ack 1        # the probe
        +0.000 >  .  2921:4141(1220) ack 1
        +0.000 >  .  4141:5361(1220) ack 1
        +0.000 >  .  5361:6581(1220) ack 1
        +0.000 >  P. 6581:7461(880) ack 1
        ";

fn lowered(rest: &str) -> String {
    format!("{LOWERED}{rest}")
}

#[test] // section 7.6.2: not a sign of congestion; the next one waits, and is half way
fn a_probe_that_is_lost_alone_is_no_congestion() {
    awake().run_then(
        &lowered(
            "
        +0.010 <  .  1:1(0) ack 1461 <sack 2921:7461>
        +0.000 >  .  1461:2681(1220) ack 1
        +0.000 >  .  2681:2921(240) ack 1
        +0.010 <  .  1:1(0) ack 7461
        +0.000 write 6000
        +0.000 >  .  7461:8681(1220) ack 1        # too soon
        +0.000 >  .  8681:9901(1220) ack 1
        +0.000 >  .  9901:11121(1220) ack 1
        +0.000 >  .  11121:12341(1220) ack 1
        +0.000 >  P. 12341:13461(1120) ack 1
        +0.010 <  .  1:1(0) ack 13461
        +1.000 write 6000
        +0.000 >  .  13461:14801(1340) ack 1      # between 1220 and 1459
        +0.000 >  .  14801:16021(1220) ack 1
        +0.000 >  .  16021:17241(1220) ack 1
        +0.000 >  .  17241:18461(1220) ack 1
        +0.000 >  P. 18461:19461(1000) ack 1
        +0.010 <  .  1:1(0) ack 19461
        +0.000 write 1340
        +0.000 ~
        ",
        ),
        |run| {
            assert_eq!(info(run).snd_mss, 1_340);
            assert_eq!(info(run).ssthresh, u32::MAX);
            let stats = run.stack.stats();
            assert_eq!((stats.mtup_fail, stats.mtup_success), (1, 1));
            assert_eq!(stats.sack_recovery, 0);
        },
    );
}

#[test] // section 7.6.4: then it was congestion
fn a_probe_lost_beside_others_says_nothing() {
    Script::established().run_then(
        &lowered(
            "
        +0.010 <  .  1:1(0) ack 1461 <sack 4141:7461>
        +0.000 >  .  1461:2681(1220) ack 1
        +0.000 ~
        +0.010 <  .  1:1(0) ack 7461
        ",
        ),
        |run| {
            let stats = run.stack.stats();
            assert_eq!((stats.mtup_fail, stats.sack_recovery), (0, 1));
            assert!(info(run).ssthresh < u32::MAX);
        },
    );
}

#[test] // section 7.6.3
fn a_probe_that_times_out_is_answered_like_any_timeout() {
    Script::established().run_then(
        &lowered(
            "
        +0.0205 ~                                 # a loss probe
        +0.500 ~
        +0.010 <  .  1:1(0) ack 7461
        ",
        ),
        |run| {
            let stats = run.stack.stats();
            assert_eq!((stats.mtup_fail, stats.timeouts), (1, 1));
            assert!(info(run).ssthresh < u32::MAX);
            assert_eq!(info(run).snd_mss, 1_220);
        },
    );
}

#[test] // section 7.4: enough text for the probe and three behind it; room for all of them
fn a_probe_needs_followers() {
    for window in [65_535, 5_000] {
        Script::established().window(window).run_then(
            "
            +0.000 write 1460
            +0.000 >  P. 1:1461(1460) ack 1
            +0.010 <  icmp too-big 1220 seq 1
            +0.000 >  .  1:1221(1220) ack 1
            +0.000 >  P. 1221:1461(240) ack 1
            +0.010 <  .  1:1(0) ack 1461
            +600.0 write 4880
            +0.000 >  .  1461:2681(1220) ack 1
            +0.000 ~
            ",
            |run| assert_eq!(run.stack.stats().mtup_success, 0),
        );
    }
}

#[test] // section 4: who hears nothing of what was lost does not probe
fn without_sack_nothing_is_probed() {
    plain().run(
        "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  icmp too-big 1220 seq 1
        +0.000 >  .  1:1221(1220) ack 1
        +0.000 >  P. 1221:1461(240) ack 1
        +0.010 <  .  1:1(0) ack 1461
        +600.0 write 6000
        +0.000 >  .  1461:2681(1220) ack 1
        +0.000 ~
        ",
    );
}

#[test] // an outage that looked like a black hole costs little: the largest size is tried first
fn after_a_black_hole_the_search_begins_at_once() {
    Script::established().family(true).run_then(
        "
        +0.000 write 14600
        +0.000 ~
        +0.0205 ~                                 # a loss probe
        +0.700 ~                                  # and two timeouts
        +0.010 <  .  1:1(0) ack 985
        +0.000 ~
        +0.300 ~                                  # and a third
        +0.010 <  .  1:1(0) ack 1969
        +0.000 ~
        +0.300 ~
        +0.010 <  .  1:1(0) ack 2953
        +0.000 ~
        +0.300 ~
        +0.010 <  .  1:1(0) ack 3937
        +0.000 ~
        +0.010 <  .  1:1(0) ack 5905
        +0.000 ~
        +0.010 <  .  1:1(0) ack 9841
        +0.000 ~
        +0.010 <  .  1:1(0) ack 14601
        +1.000 write 8000
        +0.000 >  .  14601:16061(1460) ack 1      # the probe
        +0.000 ~
        +0.010 <  .  1:1(0) ack 19997
        +0.000 >  .  19997:21457(1460) ack 1
        +0.000 >  P. 21457:22601(1144) ack 1
        +0.010 <  .  1:1(0) ack 22601
        +0.000 write 1460
        +0.000 >  P. 22601:24061(1460) ack 1
        ",
        |run| {
            let stats = run.stack.stats();
            assert_eq!((stats.pmtu_black_holes, stats.mtup_success), (1, 1));
        },
    );
}
