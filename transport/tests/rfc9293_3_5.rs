//! RFC 9293, section 3.5: opening a connection.

mod support;

use support::script::Script;
use wharf_transport::time::Duration;

#[test] // figure 6
fn three_way_handshake_from_this_side() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0) win 65535 <mss 1460,sackOK>
        +0.000 =  SYN-SENT
        +0.020 <  S. 0:0(0) ack 1 win 5000 <mss 1000,sackOK>
        +0.000 >  .  1:1(0) ack 1 win 65535 <>
        +0.000 =  ESTABLISHED
        +0.000 event Established
        ",
    );
}

#[test]
fn three_way_handshake_from_the_other_side() {
    Script::fresh().run(
        "
        +0.000 listen
        +0.000 <  S  0:0(0) win 5000 <mss 1000,sackOK>
        +0.000 >  S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>
        +0.000 =  SYN-RECEIVED
        +0.020 <  .  1:1(0) ack 1
        +0.000 accept
        +0.000 =  ESTABLISHED
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        ",
    );
}

#[test]
fn text_may_come_with_the_last_ack_of_the_handshake() {
    Script::fresh().run(
        "
        +0.000 listen
        +0.000 <  S  0:0(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack 1
        +0.010 <  P. 1:11(10) ack 1
        +0.000 >  .  1:1(0) ack 11
        +0.000 accept
        +0.000 event Readable
        +0.000 read 10
        ",
    );
}

#[test]
fn a_fin_with_the_last_ack_of_the_handshake_counts() {
    Script::fresh().run(
        "
        +0.000 listen
        +0.000 <  S  0:0(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack 1
        +0.010 <  F. 1:11(10) ack 1
        +0.000 >  .  1:1(0) ack 12
        +0.000 accept
        +0.000 =  CLOSE-WAIT
        +0.000 read 10
        +0.000 read eof
        ",
    );
}

#[test] // figure 7
fn simultaneous_open() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0) <mss 1460,sackOK>
        +0.010 <  S  0:0(0) <mss 1460,sackOK>
        +0.000 >  S. 0:0(0) ack 1 <mss 1460,sackOK>
        +0.000 =  SYN-RECEIVED
        +0.010 <  S. 0:0(0) ack 1 <mss 1460,sackOK>
        +0.000 =  ESTABLISHED
        +0.000 event Established
        ",
    );
}

#[test]
fn simultaneous_open_ends_with_a_bare_ack_too() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.010 <  S  0:0(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack 1
        +0.010 <  .  1:1(0) ack 1
        +0.000 =  ESTABLISHED
        +0.000 event Established
        ",
    );
}

#[test] // figure 8
fn an_old_duplicate_syn_at_a_listener_is_undone_by_the_peers_reset() {
    Script::fresh().run(
        "
        +0.000 listen
        +0.000 <  S  -5000:-5000(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack -4999
        +0.010 <  R  -4999:-4999(0)
        +0.000 =  LISTEN
        ",
    );
}

#[test] // figure 9: the peer has restarted while we are open
fn a_syn_on_an_open_connection_discovers_the_half_open_peer() {
    Script::established().run(
        "
        +0.000 <  S  9000:9000(0) <mss 1460>
        +0.000 >  .  1:1(0) ack 1              # the challenge
        +0.010 <  R  1:1(0)
        +0.000 =  CLOSED ResetByPeer
        ",
    );
}

#[test] // figure 10
fn text_to_a_peer_that_restarted_is_reset() {
    Script::established().run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.010 <  R  1:1(0)
        +0.000 =  CLOSED ResetByPeer
        ",
    );
}

#[test] // TCP.md, section 3: listener takes a child's RST; duplicate SYN makes two connections
fn a_duplicate_syn_draws_the_same_syn_ack() {
    Script::fresh().run(
        "
        +0.000 listen
        +0.000 <  S  0:0(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack 1
        +0.100 <  S  0:0(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack 1
        +0.010 <  .  1:1(0) ack 1
        +0.000 =  ESTABLISHED
        ",
    );
}

#[test]
fn a_syn_ack_repeated_by_the_peer_is_acknowledged_again() {
    Script::established().run(
        "
        +0.100 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  .  1:1(0) ack 1
        +0.000 =  ESTABLISHED
        ",
    );
}

#[test]
fn a_syn_is_repeated_with_backoff_and_then_given_up() {
    Script::fresh().config(|config| config.syn_retries = 3).run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +1.000 >  S  0:0(0)
        +2.000 >  S  0:0(0)
        +4.000 >  S  0:0(0)
        +7.999 =  SYN-SENT
        +0.001 =  CLOSED TimedOut
        ",
    );
}

#[test]
fn a_syn_ack_is_repeated_with_backoff_and_then_given_up() {
    Script::fresh().config(|config| config.syn_retries = 2).run(
        "
        +0.000 listen
        +0.000 <  S  0:0(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack 1
        +1.000 >  S. 0:0(0) ack 1
        +2.000 >  S. 0:0(0) ack 1
        +4.000 =  LISTEN
        ",
    );
}

#[test]
fn what_is_written_early_leaves_with_the_handshake() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.001 write 100
        +0.010 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  P. 1:101(100) ack 1
        ",
    );
}

#[test]
fn closing_before_the_answer_ends_the_attempt() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.001 close
        +0.000 =  CLOSED Aborted
        +0.010 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  R  1:1(0)
        ",
    );
}

#[test] // MUST-15: what every host of the family can take in
fn a_peer_without_mss_gets_536_or_1220() {
    Script::fresh().run_then(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.010 <  S. 0:0(0) ack 1
        +0.000 >  .  1:1(0) ack 1
        +0.000 write 3000
        +0.000 ~
        ",
        |run| {
            let info = run.stack.info(run.now, run.connection.expect("open")).expect("alive");
            let (mss, segments) = if run.peer.local.is_ipv4() { (536, 6) } else { (1220, 3) };
            assert_eq!((info.snd_mss, info.data_segs_out), (mss, segments));
        },
    );
}

#[test] // TCP.md, sections 1 and 3: tiny-MSS defence
fn a_tiny_mss_is_not_obeyed_below_the_floor() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.010 <  S. 0:0(0) ack 1 <mss 1>
        +0.000 >  .  1:1(0) ack 1
        +0.000 write 60
        +0.000 >  .  1:49(48) ack 1
        +0.000 >  P. 49:61(12) ack 1
        ",
    );
}

#[test]
fn the_smaller_mss_counts() {
    Script::established().mss(9000).run(
        "
        +0.000 write 1461
        +0.000 >  .  1:1461(1460) ack 1
        +0.000 >  P. 1461:1462(1) ack 1
        ",
    );
}

#[test]
fn the_openings_agree_on_what_both_offer() {
    Script::established().round_trip(Duration::from_millis(1)).run_then("", |run| {
        let id = run.connection.expect("open");
        let info = run.stack.info(run.now, id).expect("alive");
        assert!(info.sack && !info.timestamps);
        assert_eq!((info.snd_mss, info.snd_wscale, info.rcv_wscale), (1460, 0, 0));
    });
    Script::accepted().timestamps().window_scale(5).run_then("", |run| {
        let id = run.connection.expect("open");
        let info = run.stack.info(run.now, id).expect("alive");
        assert!(info.sack && info.timestamps);
        assert_eq!(info.snd_wscale, 5);
    });
}

#[test] // MUST-11: who has opened actively hears of the refusal
fn a_reset_ends_a_simultaneous_open_as_refused() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.010 <  S  0:0(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack 1
        +0.010 <  R. 1:1(0) ack 1
        +0.000 =  CLOSED Refused
        ",
    );
}

#[test] // MUST-23
fn an_attempt_lasts_three_minutes() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +1.000 >  S  0:0(0)
        +2.000 >  S  0:0(0)
        +4.000 >  S  0:0(0)
        +8.000 >  S  0:0(0)
        +16.00 >  S  0:0(0)
        +32.00 >  S  0:0(0)
        +60.00 >  S  0:0(0)
        +59.99 =  SYN-SENT
        +0.010 =  CLOSED TimedOut
        ",
    );
}
