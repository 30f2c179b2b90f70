//! RFC 9293, section 3.8: windows, probes, silly windows, delayed acknowledgements; and Nagle's
//! algorithm of section 3.7.4.

mod support;

use support::script::Script;
use wharf_transport::time::Duration;

/// As many segments as are acknowledged at once at the start of a connection, each with its ACK.
fn past_quick_acks() -> (String, usize) {
    let lines = (0..16).map(|index| {
        let (first, last) = (1 + index * 100, 101 + index * 100);
        format!("+0 < . {first}:{last}(100) ack 1\n+0 > . 1:1(0) ack {last}\n")
    });
    (lines.collect::<String>() + "+0 read 1600\n", 1601)
}

// 3.8.6: the window.

#[test]
fn the_window_closes_as_text_stays_unread() {
    Script::established().config(|config| config.receive_buffer = 5_000).run(
        "
        +0.000 <  .  1:1001(1000) ack 1
        +0.000 >  .  1:1(0) ack 1001 win 4000
        +0.000 <  .  1001:2001(1000) ack 1
        +0.000 >  .  1:1(0) ack 2001 win 3000
        ",
    );
}

#[test]
fn no_more_is_sent_than_the_window_allows() {
    Script::established().mss(1000).window(2000).run(
        "
        +0.000 write 5000
        +0.000 >  .  1:1001(1000) ack 1
        +0.000 >  .  1001:2001(1000) ack 1
        +0.010 <  .  1:1(0) ack 1001 win 2000
        +0.000 >  .  2001:3001(1000) ack 1
        +0.010 <  .  1:1(0) ack 3001 win 0
        +0.010 <  .  1:1(0) ack 3001 win 2000
        +0.000 >  .  3001:4001(1000) ack 1
        +0.000 >  P. 4001:5001(1000) ack 1
        ",
    );
}

#[test] // TCP.md, section 3: peer shrinks its window (underflow)
fn a_window_that_shrinks_stops_new_text_alone() {
    Script::established().mss(1000).run(
        "
        +0.000 write 4000
        +0.000 >  .  1:1001(1000) ack 1
        +0.000 >  .  1001:2001(1000) ack 1
        +0.000 >  .  2001:3001(1000) ack 1
        +0.000 >  P. 3001:4001(1000) ack 1
        +0.010 <  .  1:1(0) ack 1001 win 500
        +0.000 write 1000
        +0.010 <  .  1:1(0) ack 4001 win 3000
        +0.000 >  P. 4001:5001(1000) ack 1
        ",
    );
}

#[test] // SHLD-16
fn what_a_shrunk_window_still_covers_is_sent_again() {
    Script::established().mss(1000).run(
        "
        +0.000 write 3000
        +0.000 >  .  1:1001(1000) ack 1
        +0.000 >  .  1001:2001(1000) ack 1
        +0.000 >  P. 2001:3001(1000) ack 1
        +0.010 <  .  1:1(0) ack 1001 win 500
        +0.200 >  .  1001:1501(500) ack 1
        +0.010 <  .  1:1(0) ack 3001 win 4000
        ",
    );
}

#[test] // MUST-35, SHLD-17
fn a_window_that_shrinks_to_nothing_is_probed_for_as_long_as_the_peer_answers() {
    let mut script = String::from(
        "+0.000 write 1000
        +0.000 > P. 1:1001(1000) ack 1
        +0.010 < . 1:1(0) ack 1 win 0
        +0.190 > . 1:2(1) ack 1\n",
    );
    for wait in ["0.390", "0.790", "1.590", "3.190", "6.390", "12.79"] {
        script.push_str("+0.010 < . 1:1(0) ack 1 win 0\n");
        script.push_str(&format!("+{wait} > . 1:2(1) ack 1\n"));
    }
    script.push_str("+0.010 < . 1:1(0) ack 1 win 0\n+0.000 = ESTABLISHED\n");
    Script::established().config(|config| config.retries = 3).mss(1000).run(&script);
}

#[test] // SND.WL1, SND.WL2
fn an_older_segment_does_not_set_the_window() {
    Script::established().mss(1000).run(
        "
        +0.000 <  .  1:11(10) ack 1 win 0
        +0.000 >  .  1:1(0) ack 11
        +0.000 <  .  1:1(0) ack 1 win 9000        # left before, comes after
        +0.000 >  .  1:1(0) ack 11
        +0.000 write 1000
        +0.100 <  .  11:11(0) ack 1 win 9000
        +0.000 >  P. 1:1001(1000) ack 11
        ",
    );
}

#[test] // the peer has read in between; the network has changed their order
fn of_two_windows_with_the_same_numbers_the_larger_counts() {
    Script::established().mss(1000).run(
        "
        +0.000 write 1000
        +0.000 >  P. 1:1001(1000) ack 1
        +0.010 <  .  1:1(0) ack 1001 win 3000
        +0.000 <  .  1:1(0) ack 1001 win 952      # left before, comes after
        +0.000 write 3000
        +0.000 >  .  1001:2001(1000) ack 1
        +0.000 >  .  2001:3001(1000) ack 1
        +0.000 >  P. 3001:4001(1000) ack 1
        +0.000 <  P. 1:11(10) ack 1001 win 3000
        +0.000 >  .  4001:4001(0) ack 11          # and not 1953, which the peer has
        ",
    );
}

// 3.8.6.1: zero window probes.

#[test]
fn a_closed_window_is_probed_with_backoff_for_as_long_as_the_peer_answers() {
    Script::established().config(|config| config.retries = 3).mss(1000).run(
        "
        +0.000 <  .  1:1(0) ack 1 win 0
        +0.000 write 2000
        +0.200 >  .  1:2(1) ack 1
        +0.010 <  .  1:1(0) ack 1 win 0
        +0.390 >  .  1:2(1) ack 1
        +0.010 <  .  1:1(0) ack 1 win 0
        +0.790 >  .  1:2(1) ack 1
        +0.010 <  .  1:1(0) ack 1 win 0
        +1.590 >  .  1:2(1) ack 1
        +0.010 <  .  1:1(0) ack 1 win 0
        +3.190 >  .  1:2(1) ack 1
        +0.010 <  .  1:1(0) ack 1 win 5000
        +0.000 >  .  1:1001(1000) ack 1
        +0.000 >  P. 1001:2001(1000) ack 1
        ",
    );
}

#[test]
fn the_byte_of_a_probe_that_was_taken_counts() {
    Script::established().mss(1000).run(
        "
        +0.000 <  .  1:1(0) ack 1 win 0
        +0.000 write 1001
        +0.200 >  .  1:2(1) ack 1
        +0.010 <  .  1:1(0) ack 2 win 5000
        +0.000 >  P. 2:1002(1000) ack 1
        ",
    );
}

#[test]
fn probes_that_nobody_answers_end_the_connection() {
    Script::established().config(|config| config.retries = 3).run(
        "
        +0.000 <  .  1:1(0) ack 1 win 0
        +0.000 write 10
        +0.200 >  .  1:2(1) ack 1
        +0.400 >  .  1:2(1) ack 1
        +0.800 >  .  1:2(1) ack 1
        +1.600 >  R. 1:1(0) ack 1
        +0.000 =  CLOSED TimedOut
        ",
    );
}

#[test]
fn probes_into_our_closed_window_are_answered() {
    Script::established().config(|config| config.receive_buffer = 1_000).run_then(
        "
        +0.000 <  .  1:1001(1000) ack 1
        +0.000 >  .  1:1(0) ack 1001 win 0
        +0.200 <  .  1001:1002(1) ack 1
        +0.000 >  .  1:1(0) ack 1001 win 0
        +0.400 <  .  1001:1002(1) ack 1
        +0.000 >  .  1:1(0) ack 1001 win 0
        +0.000 read 1000
        +0.000 >  .  1:1(0) ack 1001 win 1000
        ",
        |run| {
            let stats = run.stack.stats();
            let counts = (stats.to_zero_window_adv, stats.from_zero_window_adv);
            assert_eq!((counts, stats.want_zero_window_adv), ((1, 1), 0));
        },
    );
}

#[test] // TCP.md, section 3: two zero-window ends ACK each other for ever
fn two_closed_windows_do_not_acknowledge_each_other() {
    Script::established().config(|config| config.receive_buffer = 1_000).run(
        "
        +0.000 <  .  1:1001(1000) ack 1 win 0
        +0.000 >  .  1:1(0) ack 1001 win 0
        +0.010 <  .  1001:1001(0) ack 1 win 0
        +0.010 <  .  1001:1001(0) ack 1 win 0
        +9.000 wait
        ",
    );
}

// 3.8.6.2.1: the sender's silly windows.

#[test]
fn a_small_piece_of_window_is_not_filled_while_text_is_out() {
    Script::established().mss(1000).window(1500).run(
        "
        +0.000 write 3000
        +0.000 >  .  1:1001(1000) ack 1
        +0.010 <  .  1:1(0) ack 1001 win 1500
        +0.000 >  .  1001:2001(1000) ack 1
        ",
    );
}

#[test] // TCP.md, section 3: both sides' silly-window rules deadlock a tiny window
fn a_tiny_window_is_used_all_the_same() {
    Script::established().mss(1000).window(400).run(
        "
        +0.000 write 1000
        +0.000 >  .  1:401(400) ack 1
        +0.010 <  .  1:1(0) ack 401 win 400
        +0.000 >  .  401:801(400) ack 1
        +0.010 <  .  1:1(0) ack 801 win 400
        +0.000 >  P. 801:1001(200) ack 1
        ",
    );
}

#[test] // the override timeout
fn a_window_that_stays_small_is_used_after_the_override_time() {
    Script::established().mss(1000).window(5000).run(
        "
        +0.000 <  .  1:1(0) ack 1 win 300
        +0.000 write 2000
        +0.200 >  .  1:301(300) ack 1
        ",
    );
}

// 3.8.6.2.2: the receiver's silly windows.

#[test]
fn the_window_opens_by_no_small_pieces() {
    Script::established().config(|config| config.receive_buffer = 4_000).run(
        "
        +0.000 <  .  1:1461(1460) ack 1
        +0.000 >  .  1:1(0) ack 1461
        +0.000 <  .  1461:2921(1460) ack 1
        +0.000 >  .  1:1(0) ack 2921
        +0.000 <  .  2921:4001(1080) ack 1
        +0.000 >  .  1:1(0) ack 4001 win 0
        +0.000 read 500
        +0.000 read 500
        +0.000 read 500
        +0.000 read 500
        +0.000 >  .  1:1(0) ack 4001 win 2000      # half of the buffer
        ",
    );
}

#[test] // TCP.md, section 3: window update kept back with the delayed ACK
fn a_window_update_is_prompt() {
    let (quick, _) = past_quick_acks();
    let script = format!(
        "{quick}
        +0.100 < . 1601:3061(1460) ack 1
        +0.000 < . 3061:4521(1460) ack 1
        +0.000 > . 1:1(0) ack 4521 win 2080
        +0.000 < . 4521:5981(1460) ack 1
        +0.000 read 4380
        +0.000 > . 1:1(0) ack 5981 win 5000"
    );
    Script::established().config(|config| config.receive_buffer = 5_000).run(&script);
}

// 3.8.6.3: delayed acknowledgements.

#[test]
fn at_the_start_every_segment_is_acknowledged_at_once() {
    let (quick, _) = past_quick_acks();
    Script::established().run(&quick);
}

#[test] // MUST-58, MUST-59: no more than 0.5 s; at least every second full segment
fn later_acks_wait_40_ms_or_for_the_second_full_segment() {
    let (quick, next) = past_quick_acks();
    let (one, two, three) = (next + 1460, next + 2920, next + 4380);
    let script = format!(
        "{quick}
        +0.000 < . {next}:{one}(1460) ack 1
        +0.039 wait
        +0.001 > . 1:1(0) ack {one}
        +0.010 < . {one}:{two}(1460) ack 1
        +0.001 < . {two}:{three}(1460) ack 1
        +0.000 > . 1:1(0) ack {three}"
    );
    Script::established().run(&script);
}

#[test] // TCP.md, section 1: the delay is adaptive
fn the_last_segment_of_a_train_is_acknowledged_after_a_few_gaps() {
    let (quick, next) = past_quick_acks();
    let (one, two, three) = (next + 1460, next + 2920, next + 4380);
    let script = format!(
        "{quick}
        +0.000 < . {next}:{one}(1460) ack 1
        +0.002 < . {one}:{two}(1460) ack 1
        +0.000 > . 1:1(0) ack {two}
        +0.002 < . {two}:{three}(1460) ack 1
        +0.007 wait
        +0.001 > . 1:1(0) ack {three}"
    );
    Script::established().run(&script);
}

#[test] // TCP.md, section 1: the delay is adaptive
fn a_request_that_is_answered_waits_for_its_answer() {
    let (quick, next) = past_quick_acks();
    let (one, two, three) = (next + 100, next + 200, next + 300);
    let script = format!(
        "{quick}
        +0.002 < . {next}:{one}(100) ack 1
        +0.001 write 10
        +0.000 > P. 1:11(10) ack {one}
        +0.002 < . {one}:{two}(100) ack 11
        +0.030 write 10
        +0.000 > P. 11:21(10) ack {two}
        +0.002 < . {two}:{three}(100) ack 21
        +0.039 wait
        +0.001 > . 21:21(0) ack {three}           # no answer: 40 ms at most"
    );
    Script::established().run(&script);
}

#[test]
fn an_ack_rides_on_text_that_leaves_meanwhile() {
    let (quick, next) = past_quick_acks();
    let one = next + 100;
    let script = format!(
        "{quick}
        +0.000 < . {next}:{one}(100) ack 1
        +0.010 write 10
        +0.000 > P. 1:11(10) ack {one}
        +0.010 < . {one}:{one}(0) ack 11
        +1.000 wait"
    );
    Script::established().run(&script);
}

#[test]
fn text_out_of_order_is_acknowledged_at_once() {
    let (quick, next) = past_quick_acks();
    let (one, two) = (next + 100, next + 200);
    let script = format!(
        "{quick}
        +0.000 < . {one}:{two}(100) ack 1
        +0.000 > . 1:1(0) ack {next} <sack {one}:{two}>
        +0.000 < . {next}:{one}(100) ack 1
        +0.000 > . 1:1(0) ack {two}"
    );
    Script::established().run(&script);
}

#[test]
fn a_delay_of_its_own_can_be_set() {
    let (quick, next) = past_quick_acks();
    let one = next + 10;
    let script = format!(
        "{quick}
        +0.000 < . {next}:{one}(10) ack 1
        +0.100 > . 1:1(0) ack {one}"
    );
    let delay = Duration::from_millis(100);
    Script::established().config(|config| config.delayed_ack = delay).run(&script);
}

// 3.7.4: Nagle.

#[test]
fn with_nagle_a_small_segment_waits_for_the_ack() {
    Script::established().mss(1000).config(|config| config.nagle = true).run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.000 write 10
        +0.000 write 10
        +0.010 <  .  1:1(0) ack 11
        +0.000 >  P. 11:31(20) ack 1
        +0.000 write 1500
        +0.000 >  .  31:1031(1000) ack 1
        +0.010 <  .  1:1(0) ack 1031
        +0.000 >  P. 1031:1531(500) ack 1
        ",
    );
}

#[test]
fn without_nagle_small_segments_leave_at_once() {
    Script::established().run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.001 write 10
        +0.000 >  P. 11:21(10) ack 1
        ",
    );
}

#[test]
fn nagle_does_not_hold_back_the_fin() {
    Script::established().config(|config| config.nagle = true).run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.000 write 10
        +0.000 finish
        +0.000 >  FP. 11:21(10) ack 1
        ",
    );
}

// 3.8.4: keepalive.

#[test] // MUST-24 to MUST-30
fn an_idle_peer_is_probed_and_one_that_is_gone_noticed() {
    let keepalive = wharf_transport::tcp::Keepalive {
        idle: Duration::from_secs(30),
        interval: Duration::from_secs(1),
        probes: 2,
    };
    Script::established().config(|config| config.keepalive = Some(keepalive)).run(
        "
        +30.00 >  .  0:0(0) ack 1
        +0.010 <  .  1:1(0) ack 1
        +30.00 >  .  0:0(0) ack 1
        +1.000 >  .  0:0(0) ack 1
        +1.000 >  R. 1:1(0) ack 1
        +0.000 =  CLOSED TimedOut
        ",
    );
}

#[test]
fn by_default_an_idle_connection_stays_silent_for_ever() {
    Script::established().run("+100000.0 = ESTABLISHED");
}

#[test]
fn a_keepalive_probe_of_the_peer_is_answered() {
    Script::established().run(
        "
        +60.00 <  .  0:0(0) ack 1
        +0.000 >  .  1:1(0) ack 1
        ",
    );
}

// 3.8.3: giving up. RFC 5482.

#[test]
fn unanswered_text_ends_the_connection_after_the_retries() {
    Script::established().sack(false).config(|config| config.retries = 3).run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.200 >  P. 1:11(10) ack 1
        +0.400 >  P. 1:11(10) ack 1
        +0.800 >  P. 1:11(10) ack 1
        +1.600 >  R. 11:11(0) ack 1
        +0.000 =  CLOSED TimedOut
        ",
    );
}

#[test]
fn the_user_timeout_ends_it_earlier() {
    let timeout = Some(Duration::from_millis(500));
    Script::established().sack(false).config(|config| config.user_timeout = timeout).run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.200 >  P. 1:11(10) ack 1
        +0.300 >  R. 11:11(0) ack 1
        +0.000 =  CLOSED TimedOut
        ",
    );
}

#[test] // SHLD-11
fn unanswered_text_is_not_given_up_before_100_s() {
    let mut script = String::from("+0 write 10\n+0 > P. 1:11(10) ack 1\n");
    for wait in ["0.2", "0.4", "0.8", "1.6", "3.2", "6.4", "12.8", "25.6", "51.2"] {
        script.push_str(&format!("+{wait} > P. 1:11(10) ack 1\n"));
    }
    script.push_str("+0 = ESTABLISHED\n");
    // Without SACK, so that no loss probe comes before the timer: RFC 8985, section 7.
    Script::established().sack(false).run(&script);
}
