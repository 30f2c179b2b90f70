//! RFC 9293, sections 3.10.2 to 3.10.5: SEND, RECEIVE, CLOSE and ABORT, state by state.

mod support;

use support::script::Script;

/// Leads from ESTABLISHED to each later state.
const STATES: [(&str, &str); 6] = [
    ("ESTABLISHED", ""),
    ("FIN-WAIT-1", "+0 finish\n+0 > F. 1:1(0) ack 1\n"),
    ("FIN-WAIT-2", "+0 finish\n+0 > F. 1:1(0) ack 1\n+0 < . 1:1(0) ack 2\n"),
    ("CLOSE-WAIT", "+0 < F. 1:1(0) ack 1\n+0 > . 1:1(0) ack 2\n"),
    ("CLOSING", "+0 finish\n+0 > F. 1:1(0) ack 1\n+0 < F. 1:1(0) ack 1\n+0 > . 2:2(0) ack 2\n"),
    ("LAST-ACK", "+0 < F. 1:1(0) ack 1\n+0 > . 1:1(0) ack 2\n+0 finish\n+0 > F. 1:1(0) ack 2\n"),
];

fn to(state: &str) -> &'static str {
    STATES.iter().find(|(name, _)| *name == state).expect("a state of the table").1
}

#[test]
fn the_table_leads_where_it_says() {
    for (state, script) in STATES {
        Script::established().run(&format!("{script}+0 = {state}"));
    }
}

// 3.10.5: ABORT.

#[test]
fn an_abort_resets_a_peer_that_may_still_send_or_receive() {
    for (state, reset) in [
        ("ESTABLISHED", "+0 > R. 1:1(0) ack 1"),
        ("FIN-WAIT-1", "+0 > R. 2:2(0) ack 1"),
        ("FIN-WAIT-2", "+0 > R. 2:2(0) ack 1"),
        ("CLOSE-WAIT", "+0 > R. 1:1(0) ack 2"),
    ] {
        Script::established().run(&format!("{}+0 abort\n{reset}\n+0 = CLOSED", to(state)));
    }
}

#[test]
fn an_abort_says_nothing_to_a_peer_that_has_finished_too() {
    for state in ["CLOSING", "LAST-ACK"] {
        Script::established().run(&format!("{}+0 abort\n+0 = CLOSED", to(state)));
    }
}

#[test]
fn an_abort_in_syn_received_resets() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.000 <  S  0:0(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack 1
        +0.000 abort
        +0.000 >  R. 1:1(0) ack 1
        +0.000 =  CLOSED
        ",
    );
}

// 3.10.2: SEND.

#[test]
fn what_is_written_leaves_in_established_and_close_wait() {
    Script::established().run("+0 write 5\n+0 > P. 1:6(5) ack 1");
    let script = format!("{}+0 write 5\n+0 > P. 1:6(5) ack 2", to("CLOSE-WAIT"));
    Script::established().run(&script);
}

#[test]
fn nothing_can_be_written_after_the_finish() {
    for state in ["FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK"] {
        Script::established().run(&format!("{}+0 write fails\n+0 = {state}", to(state)));
    }
}

#[test]
fn a_second_finish_is_refused() {
    for state in ["FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK"] {
        Script::established().run(&format!("{}+0 finish fails\n+0 = {state}", to(state)));
    }
}

// 3.10.3: RECEIVE.

#[test]
fn the_end_of_the_peers_stream_can_be_read_again_and_again() {
    for state in ["CLOSE-WAIT", "LAST-ACK", "CLOSING"] {
        let script = format!("{}+0 read eof\n+0 read eof\n+0 = {state}", to(state));
        Script::established().run(&script);
    }
}

#[test]
fn what_came_before_the_fin_is_read_before_the_end() {
    Script::established().run(
        "
        +0.000 <  F. 1:101(100) ack 1
        +0.000 >  .  1:1(0) ack 102
        +0.000 read 60
        +0.000 read 40
        +0.000 read eof
        ",
    );
}

#[test]
fn nothing_to_read_is_said() {
    for state in ["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2"] {
        Script::established().run(&format!("{}+0 read empty", to(state)));
    }
}

// 3.10.4: CLOSE.

#[test]
fn a_close_after_a_finish_waits_for_the_peer() {
    let script = format!("{}+0 close\n+0 = FIN-WAIT-2", to("FIN-WAIT-2"));
    Script::established().run(&script);
}

#[test]
fn a_close_in_syn_received_finishes_once_the_handshake_is_done() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.000 <  S  0:0(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack 1
        +0.000 close
        +0.010 <  .  1:1(0) ack 1
        +0.000 >  F. 1:1(0) ack 1
        +0.000 =  FIN-WAIT-1
        ",
    );
}
