//! RFC 9293, section 3.6: closing a connection.

mod support;

use support::script::Script;

#[test] // figure 12, from this side
fn normal_close_from_this_side() {
    Script::established().run(
        "
        +0.000 close
        +0.000 >  F. 1:1(0) ack 1
        +0.000 =  FIN-WAIT-1
        +0.010 <  .  1:1(0) ack 2
        +0.000 =  FIN-WAIT-2
        +0.010 <  F. 1:1(0) ack 2
        +0.000 >  .  2:2(0) ack 2
        +0.000 =  TIME-WAIT Normal
        +59.99 =  TIME-WAIT
        +0.010 =  CLOSED
        ",
    );
}

#[test]
fn fin_and_ack_of_ours_in_one_segment() {
    Script::established().run(
        "
        +0.000 close
        +0.000 >  F. 1:1(0) ack 1
        +0.010 <  F. 1:1(0) ack 2
        +0.000 >  .  2:2(0) ack 2
        +0.000 =  TIME-WAIT Normal
        ",
    );
}

#[test] // figure 12, from the other side
fn normal_close_from_the_other_side() {
    Script::established().run(
        "
        +0.000 <  F. 1:1(0) ack 1
        +0.000 >  .  1:1(0) ack 2
        +0.000 =  CLOSE-WAIT
        +0.100 close
        +0.000 >  F. 1:1(0) ack 2
        +0.000 =  LAST-ACK
        +0.010 <  .  2:2(0) ack 2
        +0.000 =  CLOSED Normal
        ",
    );
}

#[test] // figure 13
fn simultaneous_close() {
    Script::established().run(
        "
        +0.000 close
        +0.000 >  F. 1:1(0) ack 1
        +0.010 <  F. 1:1(0) ack 1
        +0.000 >  .  2:2(0) ack 2
        +0.000 =  CLOSING
        +0.010 <  .  2:2(0) ack 2
        +0.000 =  TIME-WAIT Normal
        ",
    );
}

#[test]
fn half_close_from_this_side_reads_on() {
    Script::established().run(
        "
        +0.000 write 100
        +0.000 finish
        +0.000 >  FP. 1:101(100) ack 1
        +0.010 <  .  1:1(0) ack 102
        +0.000 =  FIN-WAIT-2
        +5.000 <  P. 1:1001(1000) ack 102
        +0.000 >  .  102:102(0) ack 1001
        +0.000 read 1000
        +5.000 <  F. 1001:1001(0) ack 102
        +0.000 >  .  102:102(0) ack 1002
        +0.000 event PeerClosed
        +0.000 =  TIME-WAIT Normal
        ",
    );
}

#[test]
fn half_close_from_the_other_side_writes_on() {
    Script::established().run(
        "
        +0.000 <  F. 1:1(0) ack 1
        +0.000 >  .  1:1(0) ack 2
        +3.000 write 1000
        +0.000 >  P. 1:1001(1000) ack 2
        +0.010 <  .  2:2(0) ack 1001
        +0.000 finish
        +0.000 >  F. 1001:1001(0) ack 2
        +0.010 <  .  2:2(0) ack 1002
        +0.000 =  CLOSED Normal
        ",
    );
}

#[test]
fn a_close_sends_what_was_written_first() {
    Script::established().mss(1000).run(
        "
        +0.000 write 1500
        +0.000 close
        +0.000 >  .  1:1001(1000) ack 1
        +0.000 >  FP. 1001:1501(500) ack 1
        +0.000 =  FIN-WAIT-1
        ",
    );
}

#[test] // TCP.md, section 3: FIN not retransmitted
fn a_lost_fin_is_sent_again() {
    Script::established().sack(false).run(
        "
        +0.000 close
        +0.000 >  F. 1:1(0) ack 1
        +0.200 >  F. 1:1(0) ack 1
        +0.400 >  F. 1:1(0) ack 1
        +0.010 <  .  1:1(0) ack 2
        +0.000 =  FIN-WAIT-2
        ",
    );
}

#[test]
fn a_lost_fin_is_sent_again_with_its_text() {
    Script::established().sack(false).run(
        "
        +0.000 write 10
        +0.000 close
        +0.000 >  FP. 1:11(10) ack 1
        +0.200 >  FP. 1:11(10) ack 1
        +0.010 <  .  1:1(0) ack 11               # the text alone has come through
        +0.400 >  F. 11:11(0) ack 1              # of which? Karn: the back-off stays
        +0.010 <  .  1:1(0) ack 12
        +0.000 =  FIN-WAIT-2
        ",
    );
}

#[test] // RFC 1122, section 4.2.2.13
fn a_close_with_unread_text_is_a_reset() {
    Script::established().run(
        "
        +0.000 <  P. 1:11(10) ack 1
        +0.000 >  .  1:1(0) ack 11
        +0.000 close
        +0.000 >  R. 1:1(0) ack 11
        +0.000 =  CLOSED Aborted
        ",
    );
}

#[test] // TCP.md, section 3: data after close acknowledged for ever
fn text_after_the_close_is_reset() {
    Script::established().run(
        "
        +0.000 close
        +0.000 >  F. 1:1(0) ack 1
        +0.010 <  .  1:1(0) ack 2
        +0.000 <  P. 1:11(10) ack 2
        +0.000 >  R. 2:2(0) ack 1
        +0.000 =  CLOSED Aborted
        ",
    );
}

#[test] // TCP.md, section 3: close with a zero peer window stays for ever
fn a_close_into_a_closed_window_ends() {
    Script::established().config(|config| config.retries = 3).run(
        "
        +0.000 <  .  1:1(0) ack 1 win 0
        +0.000 write 10
        +0.000 close
        +0.000 =  FIN-WAIT-1
        +0.200 >  .  1:2(1) ack 1
        +0.400 >  .  1:2(1) ack 1
        +0.800 >  .  1:2(1) ack 1
        +1.600 >  R. 1:1(0) ack 1
        +0.000 =  CLOSED TimedOut
        ",
    );
}

#[test]
fn a_peer_that_never_finishes_is_let_go_after_the_orphan_timeout() {
    Script::established().run(
        "
        +0.000 close
        +0.000 >  F. 1:1(0) ack 1
        +0.010 <  .  1:1(0) ack 2
        +59.98 =  FIN-WAIT-2
        +0.020 >  R. 2:2(0) ack 1
        +0.000 =  CLOSED Lingered
        ",
    );
}

#[test]
fn an_abort_resets_at_once() {
    Script::established().run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.000 abort
        +0.000 >  R. 11:11(0) ack 1
        +0.000 =  CLOSED
        +0.010 <  .  1:1(0) ack 11
        +0.000 >  R  11:11(0)
        ",
    );
}

#[test]
fn an_abort_in_time_of_the_handshake() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.000 abort
        +0.000 =  CLOSED
        ",
    );
}

#[test]
fn a_closed_peer_is_told_of_no_more_after_the_fin_was_read() {
    Script::established().run(
        "
        +0.000 <  F. 1:11(10) ack 1
        +0.000 >  .  1:1(0) ack 12
        +0.000 read 10
        +0.000 read eof
        +0.000 close
        +0.000 >  F. 1:1(0) ack 12
        +0.010 <  .  12:12(0) ack 2
        +0.000 =  CLOSED Normal
        ",
    );
}

#[test]
fn a_finish_before_the_handshake_follows_it() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.000 write 10
        +0.000 finish
        +0.010 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  FP. 1:11(10) ack 1
        +0.000 =  FIN-WAIT-1
        ",
    );
}
