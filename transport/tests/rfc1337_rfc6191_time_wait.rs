//! RFC 1337 and RFC 6191: what TIME-WAIT does with old segments and with new connections.

mod support;

use support::script::Script;

/// The stack has closed first, and is left with TIME-WAIT.
const CLOSED: &str = "
+0.000 close
+0.000 >  F. 1:1(0) ack 1
+0.010 <  F. 1:1(0) ack 2
+0.000 >  .  2:2(0) ack 2
+0.000 =  TIME-WAIT Normal
";

fn run(script: &str) {
    Script::established().run(&format!("{CLOSED}{script}"));
}

/// The same for a connection that a listener accepted, so that a SYN can follow.
fn run_listening(script: Script, lines: &str) {
    script.run(&format!("{CLOSED}{lines}"));
}

#[test] // RFC 1337, section 3, fix F1
fn a_reset_does_not_end_time_wait() {
    run("
        +0.010 <  R  2:2(0)
        +0.000 =  TIME-WAIT
        +0.010 <  R. 2:2(0) ack 2
        +0.000 =  TIME-WAIT
        ");
}

#[test] // RFC 9293, section 3.10.7.4, eighth
fn a_repeated_fin_is_acknowledged_and_starts_2_msl_anew() {
    run("
        +30.00 <  F. 1:1(0) ack 2
        +0.000 >  .  2:2(0) ack 2
        +59.99 =  TIME-WAIT
        +0.010 =  CLOSED
        ");
}

#[test] // RFC 1337, section 2: old text is not taken by whoever comes next
fn an_old_duplicate_is_acknowledged_and_dropped() {
    run("
        +0.010 <  .  -99:1(100) ack 2
        +0.000 >  .  2:2(0) ack 2
        +0.000 =  TIME-WAIT
        ");
}

#[test]
fn the_last_ack_of_the_peer_draws_nothing() {
    run("
        +0.010 <  .  2:2(0) ack 2
        +0.000 =  TIME-WAIT
        ");
}

#[test]
fn after_time_wait_the_tuple_belongs_to_nobody() {
    run("
        +60.00 =  CLOSED
        +0.010 <  F. 1:1(0) ack 2
        +0.000 >  R  2:2(0)
        ");
}

#[test] // RFC 9293, section 3.6.1, MAY-2
fn a_syn_above_the_old_numbers_opens_anew() {
    run_listening(
        Script::accepted(),
        "
        +1.000 <  S  5000:5000(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack 5001
        +0.010 <  .  5001:5001(0) ack 1
        +0.000 accept
        +0.000 =  ESTABLISHED
        ",
    );
}

#[test] // RFC 6191, section 2: without timestamps the number decides
fn a_syn_below_the_old_numbers_does_not() {
    run_listening(
        Script::accepted(),
        "
        +1.000 <  S  -5000:-5000(0) <mss 1460>
        +0.000 =  TIME-WAIT
        ",
    );
}

#[test] // RFC 6191, section 2: with timestamps the timestamp does
fn a_syn_with_a_newer_timestamp_opens_anew_whatever_its_number() {
    run_listening(
        Script::accepted().timestamps(),
        "
        +1.000 <  S  -5000:-5000(0) <mss 1460,TS val 2000 ecr 0>
        +0.000 >  S. 0:0(0) ack -4999
        +0.010 <  .  -4999:-4999(0) ack 1 <TS val 2010 ecr 0>
        +0.000 accept
        +0.000 =  ESTABLISHED
        ",
    );
}

#[test]
fn a_syn_with_an_older_timestamp_does_not() {
    run_listening(
        Script::accepted().timestamps(),
        "
        +1.000 <  S  5000:5000(0) <mss 1460,TS val -5 ecr 0>
        +0.000 =  TIME-WAIT
        ",
    );
}

#[test] // nobody listens: the record stays, and answers nothing that could end it
fn a_syn_that_nobody_would_take_leaves_time_wait_alone() {
    run("
        +1.000 <  S  5000:5000(0) <mss 1460>
        +0.000 =  TIME-WAIT
        ");
}
