//! RFC 5682: F-RTO, which tells a timeout that was only a delay from a loss.

mod support;

use support::script::{Run, Script};
use wharf_transport::tcp::Info;

/// `count` segments of 1000 bytes from `first` on.
fn segments(first: usize, count: usize) -> String {
    let line = |index: usize| {
        let seq = first + index * 1000;
        format!("+0 > . {seq}:{}(1000) ack 1\n", seq + 1000)
    };
    (0..count).map(line).collect()
}

/// Ten segments that a delay keeps until after the timeout, and more to be sent. With SACK a probe
/// comes first.
fn delayed(sack: bool) -> (Script, String) {
    let script = Script::established().mss(1000).sack(sack);
    let probe = "+0.020 > . 10001:11001(1000) ack 1\n";
    let sent = segments(1, 10);
    let before = format!("+0 write 40000\n{sent}{}", if sack { probe } else { "" });
    (script, format!("{before}+0.200 > . 1:1001(1000) ack 1\n"))
}

fn info(run: &Run<'_>) -> Info {
    run.stack.info(run.now, run.connection.expect("open")).expect("alive")
}

#[test] // section 3.1, steps 2b and 3b
fn originals_that_still_arrive_make_the_timeout_spurious() {
    let (script, sent) = delayed(true);
    script.run_then(
        &format!(
            "{sent}
            +0.001 < . 1:1(0) ack 1001
            +0.000 > . 11001:12001(1000) ack 1            # new text, and no retransmission
            +0.000 > . 12001:13001(1000) ack 1
            +0.001 < . 1:1(0) ack 2001
            +0.000 ~
            +0.001 < . 1:1(0) ack 11001
            +0.000 ~"
        ),
        |run| {
            let stats = run.stack.stats();
            assert_eq!((stats.spurious_rtos, stats.timeouts, stats.retrans_segs), (1, 1, 1));
            assert!(info(run).cwnd >= 10_000, "{}", info(run).cwnd);
            assert_eq!((info(run).ssthresh, info(run).lost), (u32::MAX, 0));
        },
    );
}

#[test] // section 3.1, step 3a
fn a_report_of_the_new_text_alone_means_that_the_old_is_lost() {
    let (script, sent) = delayed(true);
    script.run_then(
        &format!(
            "{sent}
            +0.010 < . 1:1(0) ack 1001
            +0.000 > . 11001:12001(1000) ack 1
            +0.000 > . 12001:13001(1000) ack 1
            +0.010 < . 1:1(0) ack 1001 <sack 11001:12001>
            +0.000 > . 1001:2001(1000) ack 1
            +0.000 ~"
        ),
        |run| {
            assert_eq!(run.stack.stats().spurious_rtos, 0);
            assert!(info(run).cwnd <= 3_000, "{}", info(run).cwnd);
        },
    );
}

#[test] // section 3.1, step 2a: everything was there, the retransmission filled the only hole
fn an_answer_that_covers_everything_decides_nothing() {
    let (script, sent) = delayed(true);
    script.run_then(&format!("{sent}+0.010 < . 1:1(0) ack 11001\n+0 ~\n"), |run| {
        assert_eq!(run.stack.stats().spurious_rtos, 0)
    });
}

#[test] // section 2.1, steps 2b and 3b
fn without_sack_a_second_advance_shows_the_same() {
    let (script, sent) = delayed(false);
    script.run_then(
        &format!(
            "{sent}
            +0.001 < . 1:1(0) ack 1001
            +0.000 > . 10001:11001(1000) ack 1
            +0.000 > . 11001:12001(1000) ack 1
            +0.001 < . 1:1(0) ack 2001
            +0.000 ~"
        ),
        |run| {
            let stats = run.stack.stats();
            assert_eq!((stats.spurious_rtos, stats.retrans_segs), (1, 1));
            assert!(info(run).cwnd >= 10_000, "{}", info(run).cwnd);
        },
    );
}

#[test] // section 2.1, step 3a
fn without_sack_a_duplicate_means_loss() {
    let (script, sent) = delayed(false);
    script.run_then(
        &format!(
            "{sent}
            +0.010 < . 1:1(0) ack 1001
            +0.000 > . 10001:11001(1000) ack 1
            +0.000 > . 11001:12001(1000) ack 1
            +0.010 < . 1:1(0) ack 1001
            +0.000 > . 1001:2001(1000) ack 1
            +0.000 ~"
        ),
        |run| assert_eq!(run.stack.stats().spurious_rtos, 0),
    );
}

#[test] // section 2.1, step 2a
fn without_sack_a_duplicate_first_is_the_conventional_recovery() {
    let (script, sent) = delayed(false);
    script.run(&format!(
        "{sent}
        +0.010 < . 1:1(0) ack 1
        +0.010 < . 1:1(0) ack 1001
        +0.000 > . 1001:2001(1000) ack 1
        +0.000 > . 2001:3001(1000) ack 1"
    ));
}

#[test] // step 2b: with nothing new to send the conventional recovery goes on
fn without_new_text_nothing_can_be_told() {
    Script::established().mss(1000).sack(false).run(
        "
        +0.000 write 3000
        +0.000 >  .  1:1001(1000) ack 1
        +0.000 >  .  1001:2001(1000) ack 1
        +0.000 >  P. 2001:3001(1000) ack 1
        +0.200 >  .  1:1001(1000) ack 1
        +0.010 <  .  1:1(0) ack 1001
        +0.000 >  .  1001:2001(1000) ack 1
        +0.000 >  P. 2001:3001(1000) ack 1
        +0.010 <  .  1:1(0) ack 3001
        ",
    );
}

#[test] // RFC 2883, section 5.3: a timeout because acknowledgements were lost
fn a_timeout_whose_retransmission_was_a_duplicate_is_undone() {
    let (script, sent) = delayed(true);
    script.run_then(&format!("{sent}+0.010 < . 1:1(0) ack 11001 <sack 1:1001>\n+0 ~\n"), |run| {
        assert_eq!((run.stack.stats().loss_undo, run.stack.stats().spurious_rtos), (1, 0));
        assert!(info(run).cwnd >= 10_000, "{}", info(run).cwnd);
    });
}
