//! RFC 6582: NewReno, fast recovery without a scoreboard.

mod support;

use support::script::Script;
use wharf_transport::tcp::Congestion;

/// Ten segments of 1000 bytes leave; nothing else is written.
const TEN: &str = "
+0.000 write 10000
+0.000 >  .  1:1001(1000) ack 1
+0.000 >  .  1001:2001(1000) ack 1
+0.000 >  .  2001:3001(1000) ack 1
+0.000 >  .  3001:4001(1000) ack 1
+0.000 >  .  4001:5001(1000) ack 1
+0.000 >  .  5001:6001(1000) ack 1
+0.000 >  .  6001:7001(1000) ack 1
+0.000 >  .  7001:8001(1000) ack 1
+0.000 >  .  8001:9001(1000) ack 1
+0.000 >  P. 9001:10001(1000) ack 1
";

fn run(script: &str) {
    Script::established().mss(1000).sack(false).run(&format!("{TEN}{script}"));
}

#[test] // section 3.2, step 3: a partial acknowledgement resends the next hole at once
fn each_partial_ack_resends_one_hole() {
    run("
        +0.010 <  .  1:1(0) ack 1
        +0.000 <  .  1:1(0) ack 1
        +0.000 <  .  1:1(0) ack 1
        +0.000 >  .  1:1001(1000) ack 1
        +0.010 <  .  1:1(0) ack 4001             # 4001 is lost too
        +0.000 >  .  4001:5001(1000) ack 1
        +0.010 <  .  1:1(0) ack 8001             # and 8001
        +0.000 >  .  8001:9001(1000) ack 1
        +0.010 <  .  1:1(0) ack 10001
        ");
}

#[test] // TCP.md, section 3: partial ACK of a re-segmented retransmission
fn a_partial_ack_inside_a_segment_resends_from_there() {
    run("
        +0.010 <  .  1:1(0) ack 1
        +0.000 <  .  1:1(0) ack 1
        +0.000 <  .  1:1(0) ack 1
        +0.000 >  .  1:1001(1000) ack 1
        +0.010 <  .  1:1(0) ack 501
        +0.000 >  .  501:1501(1000) ack 1
        +0.010 <  .  1:1(0) ack 10001
        ");
}

#[test] // with options, a segment's text is shorter than SMSS
fn one_segment_goes_again_and_no_byte_of_the_next() {
    Script::established().mss(1012).sack(false).timestamps().run_then(
        &format!(
            "{TEN}
            +0.010 <  .  1:1(0) ack 1 <TS val 50 ecr 10>
            +0.000 <  .  1:1(0) ack 1 <TS val 50 ecr 10>
            +0.000 <  .  1:1(0) ack 1 <TS val 50 ecr 10>
            +0.000 >  .  1:1001(1000) ack 1
            +0.000 ~
            +0.010 <  .  1:1(0) ack 2001 <TS val 60 ecr 20>
            +0.000 >  .  2001:3001(1000) ack 1
            +0.000 ~
            +0.010 <  .  1:1(0) ack 10001 <TS val 70 ecr 30>
            "
        ),
        |run| assert_eq!(run.stack.stats().retrans_segs, 2),
    );
}

#[test]
fn further_duplicates_let_new_text_go() {
    let mut script = String::from(TEN);
    script.push_str(
        "
        +0.010 <  .  1:1(0) ack 1
        +0.000 <  .  1:1(0) ack 1
        +0.000 <  .  1:1(0) ack 1
        +0.000 >  .  1:1001(1000) ack 1          # ssthresh 5000, cwnd 8000
        +0.000 write 2000
        +0.001 <  .  1:1(0) ack 1
        +0.001 <  .  1:1(0) ack 1
        +0.001 <  .  1:1(0) ack 1                # cwnd 11000
        +0.000 >  .  10001:11001(1000) ack 1
        +0.001 <  .  1:1(0) ack 1
        +0.000 >  P. 11001:12001(1000) ack 1
        +0.001 <  .  1:1(0) ack 12001
        ",
    );
    let script_of_reno = Script::established().mss(1000).sack(false);
    script_of_reno.config(|config| config.congestion = Congestion::Reno).run(&script);
}

#[test] // section 3.2, step 2: duplicates of what recovery sent twice begin no other recovery
fn duplicates_below_recover_do_not_halve_the_window_again() {
    Script::established().mss(1000).sack(false).run_then(
        &format!(
            "{TEN}
            +0.010 <  .  1:1(0) ack 1
            +0.000 <  .  1:1(0) ack 1
            +0.000 <  .  1:1(0) ack 1
            +0.000 >  .  1:1001(1000) ack 1
            +0.190 >  .  1:1001(1000) ack 1       # the timer: go back to 1
            +0.010 <  .  1:1(0) ack 2001
            +0.000 >  .  2001:3001(1000) ack 1
            +0.000 >  .  3001:4001(1000) ack 1
            +0.000 >  .  4001:5001(1000) ack 1
            +0.000 <  .  1:1(0) ack 2001
            +0.000 <  .  1:1(0) ack 2001
            +0.000 <  .  1:1(0) ack 2001
            +0.010 <  .  1:1(0) ack 10001"
        ),
        |run| assert_eq!(run.stack.stats().fast_retransmits, 1),
    );
}

#[test] // the timer starts anew with the first partial acknowledgement alone (step 3)
fn many_holes_end_in_a_timeout_rather_than_in_as_many_round_trips() {
    run("
        +0.010 <  .  1:1(0) ack 1
        +0.000 <  .  1:1(0) ack 1
        +0.000 <  .  1:1(0) ack 1
        +0.000 >  .  1:1001(1000) ack 1
        +0.010 <  .  1:1(0) ack 1001
        +0.000 >  .  1001:2001(1000) ack 1
        +0.100 <  .  1:1(0) ack 2001
        +0.000 >  .  2001:3001(1000) ack 1
        +0.100 >  .  2001:3001(1000) ack 1
        ");
}
