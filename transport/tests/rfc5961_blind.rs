//! RFC 5961: blind attacks on an established connection.

mod support;

use support::script::Script;

#[test] // section 3.2
fn reset_inside_the_window_is_challenged() {
    Script::established().run(
        "
        +0.000 <  R  101:101(0) win 0          # in the window, not RCV.NXT
        +0.000 >  .  1:1(0) ack 1              # challenge ACK
        +0.000 =  ESTABLISHED
        +0.010 <  R  1:1(0) win 0              # RCV.NXT itself
        +0.000 =  CLOSED ResetByPeer
        ",
    );
}

#[test]
fn reset_outside_the_window_is_dropped() {
    Script::established().run(
        "
        +0.000 <  R  0:0(0)
        +0.000 <  R  -1000:-1000(0)
        +0.000 <  R  65537:65537(0)
        +0.000 <  R  2000000000:2000000000(0)
        +0.000 =  ESTABLISHED
        ",
    );
}

#[test] // TCP.md, section 3: a reset judged by a trimmed sequence number
fn a_reset_with_text_is_judged_by_the_number_it_carries() {
    Script::established().run(
        "
        +0.000 <  R  -9:11(20)
        +0.000 =  ESTABLISHED
        ",
    );
}

#[test] // section 4.2
fn a_syn_is_challenged_wherever_it_stands() {
    Script::established().run(
        "
        +0.000 <  S  1:1(0)
        +0.000 >  .  1:1(0) ack 1
        +0.010 <  S  500:500(0)
        +0.000 >  .  1:1(0) ack 1
        +0.010 <  S  100000:100000(0)
        +0.000 >  .  1:1(0) ack 1
        +0.010 <  S. 500:500(0) ack 1
        +0.000 >  .  1:1(0) ack 1
        +0.000 =  ESTABLISHED
        ",
    );
}

#[test] // section 5.2
fn an_ack_of_what_was_never_sent_is_challenged() {
    Script::established().run(
        "
        +0.000 <  .  1:11(10) ack 2
        +0.000 >  .  1:1(0) ack 1
        +0.000 read empty
        +0.000 =  ESTABLISHED
        ",
    );
}

#[test] // section 5.2: older than SND.UNA - MAX.SND.WND
fn an_ack_from_long_ago_is_challenged() {
    Script::established().run(
        "
        +0.000 <  .  1:11(10) ack -65535
        +0.000 >  .  1:1(0) ack 1
        +0.000 read empty
        +0.010 <  .  1:11(10) ack -65534
        +0.000 >  .  1:1(0) ack 11
        +0.000 read 10
        ",
    );
}

#[test] // section 7, with a budget for each connection
fn challenges_have_a_budget() {
    let challenged = "+0 < R 101:101(0)\n+0 > . 1:1(0) ack 1\n".repeat(10);
    let silent = "+0 < R 101:101(0)\n".repeat(50);
    let script = format!(
        "{challenged}{silent}
        +1.100 < R 101:101(0)
        +0.000 > . 1:1(0) ack 1
        +0.000 = ESTABLISHED"
    );
    Script::established().run_then(&script, |run| {
        assert_eq!(run.stack.stats().challenge_acks, 11);
    });
}

#[test]
fn a_reset_in_the_window_does_not_end_a_handshake() {
    Script::fresh().run(
        "
        +0.000 listen
        +0.000 <  S  0:0(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack 1
        +0.000 <  R  500:500(0)
        +0.000 >  .  1:1(0) ack 1
        +0.000 =  SYN-RECEIVED
        ",
    );
}

#[test] // DESIGN.md, section 6.2; TCP.md, section 1
fn after_the_peers_fin_a_reset_from_before_it_counts() {
    Script::established().run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.000 <  F. 1:1(0) ack 1
        +0.000 >  .  11:11(0) ack 2
        +0.000 =  CLOSE-WAIT
        +0.010 <  R  1:1(0)                     # answers our text, which crossed the FIN
        +0.000 =  CLOSED ResetByPeer
        ",
    );
}

#[test]
fn before_the_peers_fin_a_reset_one_below_does_not_count() {
    Script::established().run(
        "
        +0.000 <  R  0:0(0)
        +0.000 =  ESTABLISHED
        ",
    );
}
