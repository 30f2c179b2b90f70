//! RFC 9293, section 3.10.7: SEGMENT ARRIVES, state by state and step by step.

mod support;

use support::script::Script;

// 3.10.7.1: CLOSED.

#[test]
fn closed_answers_an_ack_with_a_reset_at_its_number() {
    Script::fresh().run(
        "
        +0.000 <  .  5:15(10) ack 100
        +0.000 >  R  100:100(0)
        +0.000 =  CLOSED
        ",
    );
}

#[test]
fn closed_answers_a_segment_without_ack_by_acknowledging_it() {
    Script::fresh().run(
        "
        +0.000 <  S  0:0(0) win 1000
        +0.000 >  R. 0:0(0) ack 1
        +0.000 <  -  5:15(10)
        +0.000 >  R. 0:0(0) ack 15
        +0.000 <  F  5:15(10)
        +0.000 >  R. 0:0(0) ack 16
        ",
    );
}

#[test]
fn closed_answers_no_reset() {
    Script::fresh().run(
        "
        +0.000 <  R  5:5(0)
        +0.000 <  R. 5:5(0) ack 1
        ",
    );
}

// 3.10.7.2: LISTEN.

#[test]
fn listen_ignores_resets_and_resets_acks() {
    Script::fresh().run(
        "
        +0.000 listen
        +0.000 <  R  0:0(0)
        +0.000 <  .  1:1(0) ack 77
        +0.000 >  R  77:77(0)
        +0.000 <  S. 0:0(0) ack 78
        +0.000 >  R  78:78(0)
        +0.000 <  R. 0:0(0) ack 78
        +0.000 =  LISTEN
        ",
    );
}

#[test]
fn listen_drops_what_is_neither_syn_nor_ack_nor_reset() {
    Script::fresh().run(
        "
        +0.000 listen
        +0.000 <  F  5:5(0)
        +0.000 <  -  5:15(10)
        +0.000 =  LISTEN
        ",
    );
}

#[test]
fn listen_answers_a_syn_with_its_own() {
    Script::fresh().run(
        "
        +0.000 listen
        +0.000 <  S  0:0(0) win 1000 <mss 1000>
        +0.000 >  S. 0:0(0) ack 1 win 65535 <mss 1460>
        +0.000 =  SYN-RECEIVED
        +0.010 <  .  1:1(0) ack 1
        +0.000 =  ESTABLISHED
        ",
    );
}

#[test] // TCP.md, section 3: SYN with ECE/CWR or unknown flags reset
fn syn_with_ece_and_cwr_is_a_syn() {
    Script::fresh().run(
        "
        +0.000 listen
        +0.000 <  SEW 0:0(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack 1
        ",
    );
}

#[test] // the peer sends it again: only the SYN is acknowledged
fn text_on_a_syn_is_left_to_come_again() {
    Script::fresh().run(
        "
        +0.000 listen
        +0.000 <  S  0:10(10) <mss 1460>
        +0.000 >  S. 0:0(0) ack 1
        +0.010 <  P. 1:11(10) ack 1
        +0.000 >  .  1:1(0) ack 11
        +0.000 accept
        +0.000 read 10
        ",
    );
}

// 3.10.7.3: SYN-SENT.

#[test]
fn syn_sent_resets_an_ack_of_what_was_never_sent_and_asks_again() {
    // The answer of a host that still holds a connection of our last run: RFC 5961, section 4.
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0) win 65535 <mss 1460,sackOK>
        +0.010 <  .  500:500(0) ack 9000
        +0.000 >  R  9000:9000(0)
        +0.000 >  S  0:0(0) <mss 1460,sackOK>
        +0.000 =  SYN-SENT
        +0.010 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  .  1:1(0) ack 1
        +0.000 =  ESTABLISHED
        ",
    );
}

#[test]
fn syn_sent_is_refused_by_a_reset_that_acknowledges_the_syn() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.010 <  R. 0:0(0) ack 1
        +0.000 =  CLOSED Refused
        ",
    );
}

#[test]
fn syn_sent_ignores_a_reset_without_the_ack_of_its_syn() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.001 <  R  0:0(0)
        +0.001 <  R. 0:0(0) ack 0
        +0.001 <  R. 0:0(0) ack 2
        +0.000 =  SYN-SENT
        ",
    );
}

#[test]
fn syn_sent_drops_what_has_neither_syn_nor_reset() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.001 <  -  1:11(10)
        +0.001 <  F  1:1(0)
        +0.001 <  .  1:11(10) ack 1
        +0.000 =  SYN-SENT
        ",
    );
}

#[test]
fn text_on_the_syn_ack_is_delivered_or_comes_again() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.010 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  .  1:1(0) ack 1
        +0.000 <  P. 1:6(5) ack 1
        +0.000 >  .  1:1(0) ack 6
        +0.000 read 5
        ",
    );
}

// 3.10.7.4, first: sequence numbers.

#[test]
fn unacceptable_segments_are_acknowledged_and_dropped() {
    Script::established().run(
        "
        +0.000 <  .  70001:70101(100) ack 1          # beyond the window
        +0.000 >  .  1:1(0) ack 1
        +0.000 <  .  1:101(100) ack 1
        +0.000 >  .  1:1(0) ack 101
        +0.000 read 100
        +0.001 <  .  1:101(100) ack 1                # all old
        +0.000 >  .  1:1(0) ack 101 <sack 1:101>     # RFC 2883
        +0.000 read empty
        +0.000 =  ESTABLISHED
        ",
    );
}

#[test]
fn a_segment_that_is_partly_old_is_trimmed() {
    Script::established().run(
        "
        +0.000 <  .  1:101(100) ack 1
        +0.000 >  .  1:1(0) ack 101
        +0.000 <  .  51:201(150) ack 1
        +0.000 >  .  1:1(0) ack 201 <sack 51:101>    # RFC 2883
        +0.000 read 200
        ",
    );
}

#[test] // TCP.md, section 3: nothing inside the advertised window is ever dropped
fn text_is_taken_to_the_very_edge_of_the_window() {
    Script::established().config(|config| config.receive_buffer = 3_000).run(
        "
        +0.000 <  .  1001:3001(2000) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 1001:3001>
        +0.000 <  .  1:1001(1000) ack 1
        +0.000 >  .  1:1(0) ack 3001 win 0
        +0.000 read 3000
        +0.000 >  .  1:1(0) ack 3001 win 3000
        ",
    );
}

#[test]
fn text_beyond_the_window_is_cut_off() {
    Script::established().config(|config| config.receive_buffer = 1_000).run(
        "
        +0.000 <  .  1:1461(1460) ack 1
        +0.000 >  .  1:1(0) ack 1001 win 0
        +0.000 read 1000
        +0.000 >  .  1:1(0) ack 1001 win 1000
        +0.000 <  .  1001:1461(460) ack 1
        +0.000 >  .  1:1(0) ack 1461
        +0.000 read 460
        ",
    );
}

// Second: reset. More in rfc5961_blind.rs.

#[test]
fn reset_at_rcv_nxt_closes_every_synchronized_state() {
    for (opening, state) in [
        ("", "ESTABLISHED"),
        ("+0 finish\n+0 > F. 1:1(0) ack 1", "FIN-WAIT-1"),
        ("+0 finish\n+0 > F. 1:1(0) ack 1\n+0 < . 1:1(0) ack 2", "FIN-WAIT-2"),
    ] {
        let script = format!(
            "{opening}
            +0.000 =  {state}
            +0.001 <  R  1:1(0)
            +0.000 =  CLOSED ResetByPeer"
        );
        Script::established().run(&script);
    }
    // In LAST-ACK the RFC has nothing left to report.
    for (opening, state, reason) in [
        ("", "CLOSE-WAIT", "ResetByPeer"),
        ("+0 finish\n+0 > F. 1:1(0) ack 2", "LAST-ACK", "Normal"),
    ] {
        let script = format!(
            "+0.000 < F. 1:1(0) ack 1
            +0 > . 1:1(0) ack 2
            {opening}
            +0.000 =  {state}
            +0.001 <  R  2:2(0)
            +0.000 =  CLOSED {reason}"
        );
        Script::established().run(&script);
    }
}

#[test]
fn reset_in_syn_received_of_a_listener_returns_to_listen() {
    Script::fresh().run(
        "
        +0.000 listen
        +0.000 <  S  0:0(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack 1
        +0.001 <  R  1:1(0)
        +0.000 =  LISTEN
        ",
    );
}

#[test] // SHLD-2
fn a_reset_may_carry_text() {
    Script::established().run(
        "
        +0.000 <  R  1:31(30)
        +0.000 =  CLOSED ResetByPeer
        ",
    );
}

#[test] // MUST-66
fn a_reset_counts_though_the_window_is_closed() {
    Script::established().config(|config| config.receive_buffer = 1_000).run(
        "
        +0.000 <  .  1:1001(1000) ack 1
        +0.000 >  .  1:1(0) ack 1001 win 0
        +0.010 <  R  1001:1001(0)
        +0.000 =  CLOSED ResetByPeer
        ",
    );
}

// Fourth: SYN. More in rfc5961_blind.rs.

#[test] // as in RFC 5961, section 4.2: a host that has restarted answers the challenge
fn another_syn_in_syn_received_is_challenged() {
    Script::fresh().run(
        "
        +0.000 listen
        +0.000 <  S  0:0(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack 1
        +0.010 <  S  500:500(0) <mss 1460>
        +0.000 >  .  1:1(0) ack 1
        +0.000 =  SYN-RECEIVED
        +0.010 <  R  1:1(0)
        +0.000 =  LISTEN
        ",
    );
}

// Fifth: ACK.

#[test]
fn a_segment_without_ack_is_dropped() {
    Script::established().run(
        "
        +0.000 <  -  1:11(10)
        +0.000 <  F  1:1(0)
        +0.000 read empty
        +0.000 =  ESTABLISHED
        ",
    );
}

#[test]
fn a_wrong_ack_in_syn_received_is_reset() {
    Script::fresh().run(
        "
        +0.000 listen
        +0.000 <  S  0:0(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack 1
        +0.001 <  .  1:1(0) ack 500
        +0.000 >  R  500:500(0)
        +0.000 =  SYN-RECEIVED
        +0.001 <  .  1:1(0) ack 1
        +0.000 =  ESTABLISHED
        ",
    );
}

#[test]
fn an_ack_of_what_was_never_sent_is_answered_and_dropped() {
    Script::established().run(
        "
        +0.000 <  .  1:11(10) ack 500
        +0.000 >  .  1:1(0) ack 1
        +0.000 read empty
        ",
    );
}

#[test]
fn a_pure_ack_is_never_acknowledged() {
    Script::established().run(
        "
        +0.000 write 100
        +0.000 >  P. 1:101(100) ack 1
        +0.010 <  .  1:1(0) ack 101
        +0.000 event Acknowledged
        +0.001 <  .  1:1(0) ack 101 win 60000
        +0.001 <  .  1:1(0) ack 101
        +9.000 wait
        ",
    );
}

#[test] // TCP.md, section 3: LAST-ACK, CLOSING closed by an ACK that does not cover the FIN
fn last_ack_is_not_closed_by_an_ack_that_does_not_cover_the_fin() {
    Script::established().run(
        "
        +0.000 <  F. 1:1(0) ack 1
        +0.000 >  .  1:1(0) ack 2
        +0.000 write 100
        +0.000 >  P. 1:101(100) ack 2
        +0.000 close
        +0.000 >  F. 101:101(0) ack 2
        +0.010 <  .  2:2(0) ack 101
        +0.000 =  LAST-ACK
        +0.001 <  .  2:2(0) ack 102
        +0.000 =  CLOSED Normal
        ",
    );
}

#[test]
fn closing_is_not_left_by_an_ack_that_does_not_cover_the_fin() {
    Script::established().run(
        "
        +0.000 write 100
        +0.000 >  P. 1:101(100) ack 1
        +0.000 finish
        +0.000 >  F. 101:101(0) ack 1
        +0.010 <  F. 1:1(0) ack 1
        +0.000 >  .  102:102(0) ack 2
        +0.000 =  CLOSING
        +0.001 <  .  2:2(0) ack 101
        +0.000 =  CLOSING
        +0.001 <  .  2:2(0) ack 102
        +0.000 =  TIME-WAIT
        ",
    );
}

// Sixth: urgent data is ordinary text (RFC 6093).

#[test]
fn urgent_text_is_text() {
    Script::established().run(
        "
        +0.000 <  PU. 1:11(10) ack 1
        +0.000 >  .  1:1(0) ack 11
        +0.000 read 10
        ",
    );
}

// Seventh: text.

#[test]
fn text_is_taken_in_fin_wait_1_and_2() {
    Script::established().run(
        "
        +0.000 finish
        +0.000 >  F. 1:1(0) ack 1
        +0.001 <  .  1:11(10) ack 1
        +0.000 >  .  2:2(0) ack 11
        +0.000 =  FIN-WAIT-1
        +0.001 <  .  11:21(10) ack 2
        +0.000 >  .  2:2(0) ack 21
        +0.000 =  FIN-WAIT-2
        +0.001 <  .  21:31(10) ack 2
        +0.000 >  .  2:2(0) ack 31
        +0.000 read 30
        ",
    );
}

#[test]
fn text_after_the_fin_is_ignored() {
    Script::established().run(
        "
        +0.000 <  F. 1:11(10) ack 1
        +0.000 >  .  1:1(0) ack 12
        +0.001 <  .  12:22(10) ack 1
        +0.000 read 10
        +0.000 read eof
        +0.000 =  CLOSE-WAIT
        ",
    );
}

// Eighth: FIN.

#[test] // TCP.md, section 3: FIN before its data
fn a_fin_before_its_text_waits_for_it() {
    Script::established().run(
        "
        +0.000 <  F. 11:21(10) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 11:21>
        +0.000 =  ESTABLISHED
        +0.001 <  .  1:11(10) ack 1
        +0.000 >  .  1:1(0) ack 22
        +0.000 =  CLOSE-WAIT
        +0.000 read 20
        +0.000 read eof
        ",
    );
}

#[test] // TCP.md, section 3: FIN not passed on (CLOSE-WAIT leak)
fn a_fin_is_passed_on() {
    Script::established().run(
        "
        +0.000 <  F. 1:1(0) ack 1
        +0.000 >  .  1:1(0) ack 2
        +0.000 event PeerClosed
        +0.000 read eof
        +0.000 =  CLOSE-WAIT
        ",
    );
}

#[test]
fn a_repeated_fin_is_acknowledged_again() {
    Script::established().run(
        "
        +0.000 <  F. 1:1(0) ack 1
        +0.000 >  .  1:1(0) ack 2
        +0.200 <  F. 1:1(0) ack 1
        +0.000 >  .  1:1(0) ack 2
        +0.000 =  CLOSE-WAIT
        ",
    );
}
