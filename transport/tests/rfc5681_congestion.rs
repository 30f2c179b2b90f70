//! RFC 5681: congestion control, with the initial window of RFC 6928 and limited transmit of
//! RFC 3042.

mod support;

use support::script::Script;
use wharf_transport::time::Duration;

/// `count` segments of 1000 bytes from `first` on; the last of the buffer with PSH if `last`.
fn segments(first: usize, count: usize, last: bool) -> String {
    let line = |index: usize| {
        let seq = first + index * 1000;
        let flags = if last && index + 1 == count { "P." } else { "." };
        format!("+0 > {flags} {seq}:{}(1000) ack 1\n", seq + 1000)
    };
    (0..count).map(line).collect()
}

#[test] // RFC 6928, section 2
fn the_initial_window_is_ten_segments() {
    let script = format!("+0 write 20000\n{}", segments(1, 10, false));
    Script::established().mss(1000).run(&script);
}

#[test] // RFC 5681, section 3.1: one segment if the SYN was lost
fn after_a_lost_syn_the_window_is_one_segment() {
    Script::fresh().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +1.000 >  S  0:0(0)
        +0.010 <  S. 0:0(0) ack 1 <mss 1000>
        +0.000 >  .  1:1(0) ack 1
        +0.000 write 5000
        +0.000 >  .  1:1001(1000) ack 1
        +0.010 <  .  1:1(0) ack 1001
        +0.000 >  .  1001:2001(1000) ack 1
        +0.000 >  .  2001:3001(1000) ack 1
        ",
    );
}

#[test] // section 3.1: slow start
fn each_ack_opens_the_window_by_what_it_covers() {
    let script = format!(
        "+0 write 30000
        {}
        +0.010 < . 1:1(0) ack 2001
        {}
        +0.001 < . 1:1(0) ack 3001
        {}",
        segments(1, 10, false),
        segments(10_001, 4, false),
        segments(14_001, 2, false),
    );
    Script::established().mss(1000).run(&script);
}

#[test] // TCP.md, section 1: ACK-division defence; RFC 3465
fn divided_acks_gain_nothing() {
    let script = format!(
        "+0 write 30000
        {}
        +0.010 < . 1:1(0) ack 251
        +0.000 < . 1:1(0) ack 501
        +0.000 < . 1:1(0) ack 751
        +0.000 < . 1:1(0) ack 1001
        {}",
        segments(1, 10, false),
        segments(10_001, 2, false),
    );
    // Room appears by 250 acknowledged and 250 grown with each; whole segments leave alone.
    let script = script.replace(
        "+0.000 < . 1:1(0) ack 751",
        "+0.000 > . 10001:11001(1000) ack 1\n+0.000 < . 1:1(0) ack 751",
    );
    let first = "+0 > . 10001:11001(1000) ack 1\n+0 > . 11001:12001(1000) ack 1\n";
    let script = script.replace(first, "+0 > . 11001:12001(1000) ack 1\n");
    Script::established().mss(1000).run(&script);
}

#[test] // section 3.2, with limited transmit
fn third_duplicate_ack_resends_the_first_hole() {
    Script::established().mss(1000).round_trip(Duration::from_millis(50)).run(
        "
        +0.000 write 4000
        +0.000 >  .  1:1001(1000) ack 1        # this one is lost
        +0.000 >  .  1001:2001(1000) ack 1
        +0.000 >  .  2001:3001(1000) ack 1
        +0.000 >  P. 3001:4001(1000) ack 1
        +0.050 <  .  1:1(0) ack 1 win 65535 <sack 1001:2001>
        +0.001 <  .  1:1(0) ack 1 win 65535 <sack 1001:3001>
        +0.001 <  .  1:1(0) ack 1 win 65535 <sack 1001:4001>
        +0.000 >  .  1:1001(1000) ack 1        # fast retransmit, section 3.2
        ",
    );
}

#[test]
fn the_first_two_duplicates_let_one_new_segment_go_each() {
    let script = format!(
        "+0 write 20000
        {}
        +0.010 < . 1:1(0) ack 1
        {}
        +0.001 < . 1:1(0) ack 1
        {}
        +0.001 < . 1:1(0) ack 1
        +0.000 > . 1:1001(1000) ack 1",
        segments(1, 10, false),
        segments(10_001, 1, false),
        segments(11_001, 1, false),
    );
    Script::established().mss(1000).sack(false).run(&script);
}

#[test] // TCP.md, section 3: dup-ACK counter overflow
fn duplicate_acks_without_end_do_no_harm() {
    let mut script = format!("+0 write 4000\n{}", segments(1, 4, true));
    for index in 0..600 {
        script.push_str("+0 < . 1:1(0) ack 1\n");
        if index == 2 {
            script.push_str("+0 > . 1:1001(1000) ack 1\n");
        }
    }
    script.push_str("+0.010 < . 1:1(0) ack 4001\n");
    Script::established().mss(1000).sack(false).run(&script);
}

#[test] // section 2: what is a duplicate, and what is not
fn text_windows_and_nothing_out_make_no_duplicates() {
    Script::established().mss(1000).sack(false).run(
        "
        +0.000 <  .  1:1(0) ack 1
        +0.000 <  .  1:1(0) ack 1
        +0.000 <  .  1:1(0) ack 1
        +0.000 write 4000
        +0.000 >  .  1:1001(1000) ack 1
        +0.000 >  .  1001:2001(1000) ack 1
        +0.000 >  .  2001:3001(1000) ack 1
        +0.000 >  P. 3001:4001(1000) ack 1
        +0.001 <  .  1:1(0) ack 1 win 60000       # a window update
        +0.001 <  .  1:1(0) ack 1 win 61000       # another
        +0.001 <  .  1:1(0) ack 1 win 62000
        +0.001 <  .  1:1(0) ack 1 win 63000
        +0.000 <  .  1:11(10) ack 1 win 63000     # text
        +0.000 >  .  4001:4001(0) ack 11
        +0.000 <  .  11:21(10) ack 1 win 63000
        +0.000 >  .  4001:4001(0) ack 21
        +0.000 <  .  21:31(10) ack 1 win 63000
        +0.000 >  .  4001:4001(0) ack 31
        +0.010 <  .  31:31(0) ack 4001
        ",
    );
}

#[test] // section 3.1, equation 4
fn a_timeout_falls_to_one_segment_and_grows_linearly_from_half() {
    let script = format!(
        "+0 write 30000
        {}
        +0.200 > . 1:1001(1000) ack 1
        +0.010 < . 1:1(0) ack 10001
        {}",
        segments(1, 10, false),
        segments(10_001, 3, false),
    );
    // One segment, and two more: an ACK adds two segments at most (RFC 3465).
    Script::established().mss(1000).sack(false).run(&script);
}

#[test] // section 3.1
fn ssthresh_begins_as_high_as_can_be() {
    Script::established().run_then("", |run| {
        let info = run.stack.info(run.now, run.connection.expect("open")).expect("alive");
        assert_eq!(info.ssthresh, u32::MAX);
    });
}
