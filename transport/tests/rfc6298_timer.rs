//! RFC 6298: the retransmission timer.

mod support;

use support::script::Script;
use wharf_transport::time::Duration;

/// Without SACK, so that no loss probe comes before the timer: RFC 8985, section 7.
fn established() -> Script {
    Script::established().sack(false)
}

#[test] // section 2.2: after one round trip of 100 ms RTO is 300 ms
fn the_first_round_trip_sets_the_timer() {
    established().round_trip(Duration::from_millis(100)).run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.300 >  P. 1:11(10) ack 1
        ",
    );
}

#[test] // section 2.3: SRTT 110 ms, RTTVAR 57.5 ms
fn later_round_trips_are_smoothed() {
    established().round_trip(Duration::from_millis(100)).run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.180 <  .  1:1(0) ack 11
        +0.000 write 10
        +0.000 >  P. 11:21(10) ack 1
        +0.340 >  P. 11:21(10) ack 1
        ",
    );
}

#[test] // section 2.1: 1 s until there is a measurement; 5.7: 3 s if the SYN was lost
fn a_lost_syn_leaves_three_seconds() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +1.000 >  S  0:0(0)
        +0.010 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  .  1:1(0) ack 1
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +3.000 >  P. 1:11(10) ack 1
        ",
    );
}

#[test] // section 2.4, with our bound of 200 ms
fn the_timer_has_a_lower_bound() {
    established().round_trip(Duration::from_micros(100)).run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.200 >  P. 1:11(10) ack 1
        ",
    );
}

#[test] // sections 5.4 to 5.6
fn each_timeout_doubles_the_timer_up_to_its_bound() {
    established().config(|config| config.rto_max = Duration::from_secs(1)).run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.200 >  P. 1:11(10) ack 1
        +0.400 >  P. 1:11(10) ack 1
        +0.800 >  P. 1:11(10) ack 1
        +1.000 >  P. 1:11(10) ack 1
        +1.000 >  P. 1:11(10) ack 1
        ",
    );
}

#[test] // section 3: Karn
fn a_segment_sent_twice_measures_nothing() {
    established().run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.200 >  P. 1:11(10) ack 1
        +0.100 <  .  1:1(0) ack 11                # of which? no sample, so the back-off stays
        +0.000 write 10
        +0.000 >  P. 11:21(10) ack 1
        +0.400 >  P. 11:21(10) ack 1
        ",
    );
}

#[test] // a fresh sample ends the back-off
fn a_new_measurement_ends_the_backoff() {
    established().run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.200 >  P. 1:11(10) ack 1
        +0.010 <  .  1:1(0) ack 11
        +0.000 write 10
        +0.000 >  P. 11:21(10) ack 1
        +0.010 <  .  1:1(0) ack 21
        +0.000 write 10
        +0.000 >  P. 21:31(10) ack 1
        +0.200 >  P. 21:31(10) ack 1
        ",
    );
}

#[test] // RFC 7323, section 4: timestamps measure what Karn's rule must not
fn timestamps_measure_a_segment_sent_twice() {
    established().timestamps().run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.200 >  P. 1:11(10) ack 1
        +0.010 <  .  1:1(0) ack 11
        +0.000 write 10
        +0.000 >  P. 11:21(10) ack 1
        +0.200 >  P. 11:21(10) ack 1
        ",
    );
}

#[test] // sections 5.1 and 5.2; invariant 1 of TCP.md
fn the_timer_runs_while_text_is_out_and_no_longer() {
    established().run_then(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.010 <  .  1:1(0) ack 11
        +60.00 wait
        ",
        |run| assert_eq!(run.stack.stats().timeouts, 0),
    );
}

#[test] // TCP.md, section 3: retransmission timer never restarted on progress; section 5.3
fn progress_restarts_the_timer() {
    established().mss(1000).run(
        "
        +0.000 write 2000
        +0.000 >  .  1:1001(1000) ack 1
        +0.000 >  P. 1001:2001(1000) ack 1
        +0.150 <  .  1:1(0) ack 1001
        +0.199 wait
        +0.001 >  P. 1001:2001(1000) ack 1
        ",
    );
}

#[test] // TCP.md, section 3: retransmission timer restarted by every ACK
fn an_ack_without_progress_does_not_restart_the_timer() {
    established().run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.100 <  P. 1:11(10) ack 1
        +0.000 >  .  11:11(0) ack 11
        +0.099 <  P. 11:21(10) ack 1
        +0.000 >  .  11:11(0) ack 21
        +0.001 >  P. 1:11(10) ack 21
        ",
    );
}

#[test] // TCP.md, section 3: whole buffer resent
fn a_timeout_resends_one_segment_and_then_as_slow_start_allows() {
    established().mss(1000).run(
        "
        +0.000 write 4000
        +0.000 >  .  1:1001(1000) ack 1
        +0.000 >  .  1001:2001(1000) ack 1
        +0.000 >  .  2001:3001(1000) ack 1
        +0.000 >  P. 3001:4001(1000) ack 1
        +0.200 >  .  1:1001(1000) ack 1
        +0.010 <  .  1:1(0) ack 1001
        +0.000 >  .  1001:2001(1000) ack 1
        +0.000 >  .  2001:3001(1000) ack 1
        +0.010 <  .  1:1(0) ack 4001
        ",
    );
}

#[test] // TCP.md, section 3: no timer with unsent data
fn text_that_waits_for_a_window_has_a_timer() {
    established().run(
        "
        +0.000 <  .  1:1(0) ack 1 win 0
        +0.000 write 10
        +0.200 >  .  1:2(1) ack 1
        ",
    );
}
