//! RFC 7323: window scale, timestamps, PAWS.

mod support;

use support::script::Script;

// Section 2: window scale.

#[test] // TCP.md, section 3: scale applied on a SYN
fn the_window_of_a_syn_is_never_scaled() {
    Script::fresh()
        .config(|config| {
            config.window_scale = true;
            config.receive_buffer = 1 << 20;
        })
        .run(
            "
        +0.000 connect
        +0.000 >  S  0:0(0) win 65535 <mss 1460,sackOK,wscale 5>
        +0.010 <  S. 0:0(0) ack 1 win 1000 <mss 500,wscale 7>
        +0.000 >  .  1:1(0) ack 1 win 2048
        +0.000 write 2000
        +0.000 >  .  1:501(500) ack 1
        +0.000 >  .  501:1001(500) ack 1
        +0.010 <  .  1:1(0) ack 1001 win 8         # 1024
        +0.000 >  .  1001:1501(500) ack 1
        +0.000 >  P. 1501:2001(500) ack 1
        ",
        );
}

#[test]
fn without_the_peers_offer_nothing_is_scaled() {
    Script::fresh()
        .config(|config| {
            config.window_scale = true;
            config.receive_buffer = 1 << 20;
        })
        .run(
            "
        +0.000 connect
        +0.000 >  S  0:0(0) win 65535 <mss 1460,sackOK,wscale 5>
        +0.010 <  S. 0:0(0) ack 1 <mss 500>
        +0.000 >  .  1:1(0) ack 1 win 65535
        ",
        );
}

#[test]
fn a_listener_scales_if_the_syn_offers_it() {
    Script::fresh()
        .config(|config| {
            config.window_scale = true;
            config.receive_buffer = 1 << 20;
        })
        .run(
            "
        +0.000 listen
        +0.000 <  S  0:0(0) <mss 1460,wscale 3>
        +0.000 >  S. 0:0(0) ack 1 win 65535 <mss 1460,wscale 5>
        +0.010 <  .  1:101(100) ack 1
        +0.000 >  .  1:1(0) ack 101 win 2045        # 65440
        ",
        );
}

#[test] // section 2.3: at most 14
fn a_shift_above_14_counts_as_14() {
    Script::established().window_scale(200).mss(1000).run_then("", |run| {
        let id = run.connection.expect("open");
        let info = run.stack.info(run.now, id).expect("alive");
        assert_eq!(info.snd_wscale, 14);
    });
}

// Section 3: timestamps.

#[test]
fn timestamps_are_offered_and_echoed() {
    Script::fresh().config(|config| config.timestamps = true).timestamps().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0) <mss 1460,sackOK,TS val 0 ecr 0>
        +0.020 <  S. 0:0(0) ack 1 <mss 1460,TS val 5000 ecr 0>
        +0.000 >  .  1:1(0) ack 1 <TS val 20 ecr 5000>
        +0.030 write 10
        +0.000 >  P. 1:11(10) ack 1 <TS val 50 ecr 5000>
        ",
    );
}

#[test]
fn without_the_peers_offer_there_are_none() {
    Script::fresh().config(|config| config.timestamps = true).run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0) <mss 1460,sackOK,TS val 0 ecr 0>
        +0.020 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  .  1:1(0) ack 1 <>
        ",
    );
}

#[test] // section 3.2: room for the option is taken from the text
fn the_option_takes_twelve_bytes_of_the_text() {
    Script::established().timestamps().mss(1000).run(
        "
        +0.000 write 1000
        +0.000 >  .  1:989(988) ack 1
        +0.000 >  P. 989:1001(12) ack 1
        ",
    );
}

#[test] // section 4.3: the echo is that of the segment which advanced the window's left edge
fn the_echo_is_of_the_last_segment_in_order() {
    Script::established().timestamps().run(
        "
        +0.000 <  .  1:101(100) ack 1 <TS val 100 ecr 0>
        +0.000 >  .  1:1(0) ack 101 <TS val 10 ecr 100>
        +0.000 <  .  201:301(100) ack 1 <TS val 120 ecr 0>
        +0.000 >  .  1:1(0) ack 101 <TS val 10 ecr 100,sack 201:301>
        +0.000 <  .  101:201(100) ack 1 <TS val 110 ecr 0>
        +0.000 >  .  1:1(0) ack 301 <TS val 10 ecr 110>
        ",
    );
}

#[test]
fn a_segment_without_the_agreed_option_is_dropped() {
    Script::established().timestamps().run(
        "
        +0.000 <  .  1:101(100) ack 1 <>
        +0.000 read empty
        +0.000 <  R  1:1(0) <>                     # but a reset need not have it
        +0.000 =  CLOSED ResetByPeer
        ",
    );
}

// Section 5: PAWS.

#[test]
fn an_older_timestamp_is_answered_and_dropped() {
    Script::established().timestamps().run(
        "
        +0.000 <  .  1:101(100) ack 1 <TS val 1000 ecr 0>
        +0.000 >  .  1:1(0) ack 101
        +0.000 <  .  101:201(100) ack 1 <TS val 999 ecr 0>
        +0.000 >  .  1:1(0) ack 101
        +0.000 <  .  101:201(100) ack 1 <TS val 1000 ecr 0>
        +0.000 >  .  1:1(0) ack 201
        +0.000 read 200
        ",
    );
}

#[test]
fn a_timestamp_past_the_seam_is_newer() {
    Script::established().timestamps().run(
        "
        +0.000 <  .  1:101(100) ack 1 <TS val 2000000000 ecr 0>
        +0.000 >  .  1:1(0) ack 101
        +0.000 <  .  101:201(100) ack 1 <TS val 4000000000 ecr 0>
        +0.000 >  .  1:1(0) ack 201
        +0.000 <  .  201:301(100) ack 1 <TS val 4294967396 ecr 0>
        +0.000 >  .  1:1(0) ack 301
        ",
    );
}

#[test] // section 5.5: after 24 days the recorded timestamp is no measure any more
fn after_24_days_of_silence_any_timestamp_is_new() {
    Script::established().timestamps().run(
        "
        +0.000 <  .  1:101(100) ack 1 <TS val 1000 ecr 0>
        +0.000 >  .  1:1(0) ack 101
        +2160000.0 <  .  101:201(100) ack 1 <TS val 500 ecr 0>
        +0.000 >  .  1:1(0) ack 201
        ",
    );
}

#[test] // section 5.2: a reset is not judged by its timestamp
fn a_reset_with_an_old_timestamp_resets() {
    Script::established().timestamps().run(
        "
        +0.000 <  .  1:101(100) ack 1 <TS val 1000 ecr 0>
        +0.000 >  .  1:1(0) ack 101
        +0.000 <  R  101:101(0) <TS val 1 ecr 0>
        +0.000 =  CLOSED ResetByPeer
        ",
    );
}

#[test] // section 2.3: a SYN-ACK offers what the SYN offered, and both shifts are zero without
fn a_listener_offers_nothing_unasked() {
    Script::fresh()
        .config(|config| {
            config.window_scale = true;
            config.timestamps = true;
            config.receive_buffer = 1 << 20;
        })
        .run(
            "
        +0.000 listen
        +0.000 <  S  0:0(0) win 1000 <mss 1000>
        +0.000 >  S. 0:0(0) ack 1 win 65535 <mss 1460>
        +0.010 <  .  1:1(0) ack 1 win 1000
        +0.000 accept
        +0.000 write 2000
        +0.000 >  .  1:1001(1000) ack 1 win 65535 <>
        ",
        );
}

#[test] // section 3.2
fn a_timestamp_that_was_not_agreed_on_is_ignored() {
    Script::established().run(
        "
        +0.000 <  .  1:101(100) ack 1 <TS val 1000 ecr 0>
        +0.000 >  .  1:1(0) ack 101 <>
        +0.000 <  .  101:201(100) ack 1 <TS val 1 ecr 0>
        +0.000 >  .  1:1(0) ack 201 <>
        +0.000 read 200
        ",
    );
}

#[test] // section 3.2: every segment but a reset carries the option
fn every_kind_of_segment_carries_the_agreed_option() {
    // Without SACK, so that no loss probe comes before the timer: RFC 8985, section 7.
    Script::established().sack(false).timestamps().run(
        "
        +0.000 <  .  1:101(100) ack 1 <TS val 100 ecr 0>
        +0.000 >  .  1:1(0) ack 101 <TS val 10 ecr 100>
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 101 <TS val 10 ecr 100>
        +0.200 >  P. 1:11(10) ack 101 <TS val 210 ecr 100>
        +0.010 <  .  101:101(0) ack 11 <TS val 110 ecr 0>
        +0.000 read 100
        +0.000 finish
        +0.000 >  F. 11:11(0) ack 101 <TS val 220 ecr 110>
        +0.000 abort
        +0.000 >  R. 12:12(0) ack 101 <TS val 220 ecr 110>
        ",
    );
}

#[test] // section 2.2
fn a_shift_of_zero_is_offered_too() {
    Script::fresh().config(|config| config.window_scale = true).run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0) win 65535 <mss 1460,sackOK,wscale 0>
        +0.010 <  S. 0:0(0) ack 1 win 1000 <mss 1000,wscale 1>
        +0.000 >  .  1:1(0) ack 1 win 65535
        +0.010 <  .  1:1(0) ack 1 win 1000
        +0.000 write 2000
        +0.000 >  .  1:1001(1000) ack 1
        +0.000 >  P. 1001:2001(1000) ack 1
        ",
    );
}

#[test] // section 5.3: at its arrival, though it waits for a hole to be filled
fn an_older_timestamp_counts_against_early_text() {
    Script::established().timestamps().run(
        "
        +0.000 <  .  1:101(100) ack 1 <TS val 1000 ecr 0>
        +0.000 >  .  1:1(0) ack 101
        +0.000 <  .  201:301(100) ack 1 <TS val 999 ecr 0>
        +0.000 >  .  1:1(0) ack 101
        +0.000 <  .  101:201(100) ack 1 <TS val 1001 ecr 0>
        +0.000 >  .  1:1(0) ack 201
        ",
    );
}
