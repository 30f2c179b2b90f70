//! RFC 2883: D-SACK, as receiver; and as sender, with the undo of what was in vain.

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

#[test] // section 4.1.1, example 1
fn a_duplicate_segment_is_reported() {
    Script::established().run_then(
        "
        +0.000 <  .  1:501(500) ack 1
        +0.000 >  .  1:1(0) ack 501
        +0.000 <  .  501:1001(500) ack 1
        +0.000 >  .  1:1(0) ack 1001
        +0.000 <  .  1:501(500) ack 1
        +0.000 >  .  1:1(0) ack 1001 <sack 1:501>
        +0.000 <  .  1001:1501(500) ack 1
        +0.000 >  .  1:1(0) ack 1501 <>           # once
        ",
        |run| assert_eq!(run.stack.stats().dsack_old_sent, 1),
    );
}

#[test] // section 4.1.2, example 2
fn a_duplicate_is_reported_before_what_came_early() {
    Script::established().run(
        "
        +0.000 <  .  1:1001(1000) ack 1
        +0.000 >  .  1:1(0) ack 1001
        +0.000 <  .  1501:2001(500) ack 1
        +0.000 >  .  1:1(0) ack 1001 <sack 1501:2001>
        +0.000 <  .  1:501(500) ack 1
        +0.000 >  .  1:1(0) ack 1001 <sack 1:501 1501:2001>
        ",
    );
}

#[test] // section 4.1.3, example 3
fn a_duplicate_of_what_came_early_stands_before_its_range() {
    Script::established().run_then(
        "
        +0.000 <  .  1001:1501(500) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 1001:1501>
        +0.000 <  .  1501:2001(500) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 1001:2001>
        +0.000 <  .  1501:2001(500) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 1501:2001 1001:2001>
        ",
        |run| {
            let stats = run.stack.stats();
            assert_eq!((stats.dsack_old_sent, stats.dsack_ofo_sent), (0, 1));
        },
    );
}

#[test] // section 4.2.1, example 4
fn the_old_part_of_a_segment_is_reported() {
    Script::established().run(
        "
        +0.000 <  .  1:501(500) ack 1
        +0.000 >  .  1:1(0) ack 501
        +0.000 <  .  1501:2001(500) ack 1
        +0.000 >  .  1:1(0) ack 501 <sack 1501:2001>
        +0.000 <  .  501:1001(500) ack 1
        +0.000 >  .  1:1(0) ack 1001 <sack 1501:2001>
        +0.000 <  .  501:1501(1000) ack 1
        +0.000 >  .  1:1(0) ack 2001 <sack 501:1001>
        ",
    );
}

#[test] // section 4.2.3, example 6: the first of several parts
fn of_several_duplicate_parts_the_first_is_reported() {
    Script::established().run(
        "
        +0.000 <  .  1001:1501(500) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 1001:1501>
        +0.000 <  .  2001:2501(500) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 2001:2501 1001:1501>
        +0.000 <  .  1001:2501(1500) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 1001:1501 1001:2501>
        ",
    );
}

#[test] // beside timestamps three blocks fit, the duplicate among them
fn a_report_takes_the_place_of_the_oldest_range() {
    Script::established().timestamps().run(
        "
        +0.000 <  .  101:201(100) ack 1 <TS val 50 ecr 0>
        +0.000 >  .  1:1(0) ack 1 <TS val 10 ecr 0,sack 101:201>
        +0.000 <  .  301:401(100) ack 1 <TS val 50 ecr 0>
        +0.000 >  .  1:1(0) ack 1 <TS val 10 ecr 0,sack 301:401 101:201>
        +0.000 <  .  501:601(100) ack 1 <TS val 50 ecr 0>
        +0.000 >  .  1:1(0) ack 1 <TS val 10 ecr 0,sack 501:601 301:401 101:201>
        +0.000 <  .  501:601(100) ack 1 <TS val 50 ecr 0>
        +0.000 >  .  1:1(0) ack 1 <TS val 10 ecr 0,sack 501:601 501:601 301:401>
        ",
    );
}

#[test]
fn without_the_agreement_nothing_is_reported() {
    Script::established().sack(false).run(
        "
        +0.000 <  .  1:501(500) ack 1
        +0.000 >  .  1:1(0) ack 501 <>
        +0.000 <  .  1:501(500) ack 1
        +0.000 >  .  1:1(0) ack 501 <>
        ",
    );
}

#[test] // section 5.2: reordering taken for loss; the window is given back
fn a_recovery_of_what_was_only_late_is_undone() {
    let script = format!(
        "+0 write 30000
        {}
        +0.050 < . 1:1(0) ack 1 <sack 1001:4001>
        +0.000 > . 1:1001(1000) ack 1             # taken for lost
        +0.000 ~
        +0.010 < . 1:1(0) ack 4001
        +0.000 ~
        +0.040 < . 1:1(0) ack 10001 <sack 1:1001>  # and it was not
        +0.000 ~",
        segments(1, 10, false),
    );
    Script::established().mss(1000).round_trip(Duration::from_millis(50)).run_then(
        &script,
        |run| {
            let stats = run.stack.stats();
            assert_eq!((stats.sack_recovery, stats.full_undo, stats.dsack_recv), (1, 1, 1));
            let info = run.stack.info(run.now, run.connection.expect("open")).expect("alive");
            assert!(info.cwnd >= 10_000, "{}", info.cwnd);
            assert_eq!((info.dsack_dups, info.lost), (1, 0));
        },
    );
}

#[test] // more duplicates than there were retransmissions are the network's, or lies
fn duplicates_of_what_was_sent_once_change_nothing() {
    Script::established().mss(1000).run_then(
        "
        +0.000 write 2000
        +0.000 >  .  1:1001(1000) ack 1
        +0.000 >  P. 1001:2001(1000) ack 1
        +0.010 <  .  1:1(0) ack 2001 <sack 1:1001>
        +0.000 <  .  1:1(0) ack 2001 <sack 1001:2001>
        +0.000 <  .  1:1(0) ack 2001 <sack -3000:1>
        +0.000 write 2000
        +0.000 >  .  2001:3001(1000) ack 1
        +0.000 >  P. 3001:4001(1000) ack 1
        +0.001 <  .  1:1(0) ack 2001 <sack 3001:4001>
        +0.000 <  .  1:1(0) ack 2001 <sack 3001:4001 3001:4001>
        +0.000 <  .  1:1(0) ack 4001
        ",
        |run| {
            let stats = run.stack.stats();
            assert_eq!((stats.dsack_recv, stats.dsack_ofo_recv), (3, 1));
            let info = run.stack.info(run.now, run.connection.expect("open")).expect("alive");
            assert_eq!(info.dsack_dups, 0);
        },
    );
}
