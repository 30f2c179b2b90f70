//! RFC 5927: ICMP is a hint, and only if it quotes what is in flight.

mod support;

use support::script::Script;

#[test] // section 4.1
fn a_quote_of_what_is_not_in_flight_is_not_believed() {
    Script::fresh().run_then(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.010 <  icmp port-unreachable seq 1
        +0.000 <  icmp port-unreachable seq -1
        +0.000 <  icmp port-unreachable seq 2000000000
        +0.000 =  SYN-SENT
        ",
        |run| assert_eq!(run.stack.stats().icmp_in_errors, 3),
    );
}

#[test] // RFC 9293, section 3.9.2.2: a hard error ends an attempt
fn an_attempt_ends_with_a_hard_error() {
    Script::fresh().run_then(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.010 <  icmp port-unreachable seq 0
        +0.000 =  CLOSED Unreachable
        ",
        |run| assert_eq!(run.stack.stats().icmp_in_dest_unreachs, 1),
    );
}

#[test] // MUST-56, RFC 5927, section 5.2
fn a_soft_error_ends_nothing_but_explains_the_end() {
    Script::fresh().config(|config| config.syn_retries = 1).run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.010 <  icmp host-unreachable seq 0
        +0.000 =  SYN-SENT
        +0.990 >  S  0:0(0)
        +2.000 =  CLOSED Unreachable
        ",
    );
}

#[test] // RFC 5927, section 5.2: no error ends an open connection
fn an_open_connection_survives_hard_errors() {
    Script::established().run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.010 <  icmp port-unreachable seq 1
        +0.000 =  ESTABLISHED
        +0.010 <  .  1:1(0) ack 11
        +0.010 <  icmp port-unreachable seq 1
        +0.000 =  ESTABLISHED
        ",
    );
}

#[test]
fn hops_that_ran_out_are_a_soft_error() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.010 <  icmp time-exceeded seq 0
        +0.000 =  SYN-SENT
        ",
    );
}

#[test]
fn a_quote_of_another_connection_is_counted_and_dropped() {
    Script::fresh().run_then("+0.000 <  icmp port-unreachable seq 0", |run| {
        assert_eq!(run.stack.stats().icmp_in_errors, 1)
    });
}

#[test] // RFC 9293, MUST-56 and SHLD-25
fn a_parameter_problem_is_a_soft_error() {
    Script::fresh().run_then(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.010 <  icmp parameter-problem seq 0
        +0.000 =  SYN-SENT
        ",
        |run| assert_eq!(run.stack.stats().icmp_in_dest_unreachs, 1),
    );
}

#[test] // RFC 9293, MUST-55
fn source_quench_is_ignored() {
    Script::established().run_then(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.010 <  icmp source-quench seq 1
        +0.000 =  ESTABLISHED
        ",
        |run| {
            let info = run.stack.info(run.now, run.connection.expect("open")).expect("alive");
            assert!(!info.soft_error);
            assert_eq!(info.cwnd, 14_600);
            assert_eq!(run.stack.stats().icmp_in_dest_unreachs, 0);
        },
    );
}

#[test] // RFC 9293, MUST-47
fn a_soft_error_can_be_asked_for_until_the_peer_is_heard() {
    Script::established().run_then(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.010 <  icmp host-unreachable seq 1
        +0.010 <  icmp prohibited seq 1
        +0.000 =  ESTABLISHED
        ",
        |run| {
            let info = run.stack.info(run.now, run.connection.expect("open")).expect("alive");
            assert!(info.soft_error);
        },
    );
    Script::established().run_then(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.010 <  icmp host-unreachable seq 1
        +0.010 <  .  1:1(0) ack 11
        ",
        |run| {
            let info = run.stack.info(run.now, run.connection.expect("open")).expect("alive");
            assert!(!info.soft_error);
        },
    );
}
