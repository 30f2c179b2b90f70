//! What leases ask of a connection: DESIGN.md, sections 6.2 and 6.4; POOL.md, rules U and Q.

mod support;

use support::script::{Run, Script};
use wharf_transport::tcp::{LeaseFigures, Quiescence};

fn figures(run: &Run<'_>) -> LeaseFigures {
    run.stack.lease_figures(run.connection.expect("open")).expect("still to be looked at")
}

fn quiescence(run: &Run<'_>) -> Quiescence {
    run.stack.quiescence(run.connection.expect("open")).expect("alive")
}

// 6.4: no foreign byte.

#[test]
fn text_from_before_the_lease_resets_the_connection() {
    Script::established().run(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.010 <  P. 1:101(100) ack 11
        +0.000 >  .  11:11(0) ack 101
        +0.000 read 100
        +0.000 lease first
        +0.000 write 10
        +0.000 >  P. 11:21(10) ack 101
        +0.010 <  P. 101:201(100) ack 11          # left before the peer saw this lease
        +0.000 >  R. 21:21(0) ack 101
        +0.000 event ForeignText
        +0.000 =  CLOSED ForeignText
        ",
    );
}

#[test]
fn text_that_acknowledges_the_lease_is_its_own() {
    Script::established().run(
        "
        +0.000 lease first
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.010 <  P. 1:101(100) ack 11
        +0.000 >  .  11:11(0) ack 101
        +0.000 read 100
        +0.000 =  ESTABLISHED
        ",
    );
}

#[test]
fn on_a_new_connection_the_peer_may_speak_first() {
    Script::established().run(
        "
        +0.000 lease
        +0.010 <  P. 1:101(100) ack 1
        +0.000 >  .  1:1(0) ack 101
        +0.000 read 100
        ",
    );
}

#[test]
fn a_bare_ack_from_before_the_lease_is_no_text() {
    Script::established().run(
        "
        +0.000 lease first
        +0.010 <  .  1:1(0) ack 1
        +0.000 =  ESTABLISHED
        ",
    );
}

// 6.2: proof that a request was not read.

#[test]
fn a_reset_that_acknowledges_nothing_of_the_lease_is_proof() {
    Script::established().run_then(
        "
        +0.000 lease first
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.010 <  R. 1:1(0) ack 1
        +0.000 =  CLOSED ResetByPeer
        ",
        |_| {},
    );
}

/// The figures at the time when the reset is heard of.
fn proof_of(script: &str) -> LeaseFigures {
    let seen = std::cell::Cell::new(None);
    Script::established().run_watching(script, |run| seen.set(Some(figures(run))));
    seen.get().expect("the connection was closed")
}

#[test]
fn proof_and_no_proof() {
    let begin = "+0 lease first\n+0 write 10\n+0 > P. 1:11(10) ack 1\n";
    for (name, rest, proof) in [
        ("RST|ACK with SEG.ACK = L", "+0.01 < R. 1:1(0) ack 1", true),
        ("RST|ACK that acknowledges more", "+0.01 < R. 1:1(0) ack 11", false),
        ("bare RST at the number our one segment carried", "+0.01 < R 1:1(0)", true),
        (
            "bare RST after the request was sent twice, as a loss probe",
            "+0.08 > P. 1:11(10) ack 1\n+0.01 < R 1:1(0)",
            false,
        ),
        ("bare RST after an acknowledgement", "+0.01 < . 1:1(0) ack 11\n+0.01 < R 1:1(0)", false),
        (
            "RST|ACK after the peer spoke",
            "+0.01 < P. 1:6(5) ack 11\n+0 > . 11:11(0) ack 6\n+0.01 < R. 6:6(0) ack 11",
            false,
        ),
        (
            "bare RST across the peer's FIN",
            "+0.01 < F. 1:1(0) ack 1\n+0 > . 11:11(0) ack 2\n+0.01 < R 1:1(0)",
            true,
        ),
    ] {
        let figures = proof_of(&format!("{begin}{rest}"));
        assert_eq!(figures.proof, proof, "{name}");
        assert_eq!(figures.bytes_sent, 10, "{name}");
    }
}

#[test]
fn two_segments_are_no_proof_by_a_bare_reset() {
    let figures = proof_of(
        "
        +0.000 lease first
        +0.000 write 2000
        +0.000 >  .  1:1461(1460) ack 1
        +0.000 >  P. 1461:2001(540) ack 1
        +0.010 <  R  1:1(0)
        ",
    );
    assert!(!figures.proof);
}

#[test]
fn a_reset_with_nothing_sent_leaves_nothing_sent() {
    let figures = proof_of("+0 lease first\n+0.01 < R 1:1(0)");
    assert_eq!((figures.bytes_sent, figures.bytes_acked), (0, 0));
}

// Rule U: byte-exact release.

#[test]
fn quiescence_names_the_first_thing_that_is_left() {
    for (script, expected) in [
        ("", Quiescence::Clean),
        ("+0 < . 1:11(10) ack 1\n+0 > . 1:1(0) ack 11", Quiescence::Unread { bytes: 10 }),
        ("+0 < . 1:1(0) ack 1 win 0\n+0 write 10", Quiescence::Unsent { bytes: 10 }),
        ("+0 < . 11:21(10) ack 1\n+0 > . 1:1(0) ack 1 <sack 11:21>", Quiescence::OutOfOrder),
        ("+0 < F. 1:1(0) ack 1\n+0 > . 1:1(0) ack 2", Quiescence::HalfClosed),
        ("+0 write 10\n+0 > P. 1:11(10) ack 1", Quiescence::Unacknowledged { bytes: 10 }),
    ] {
        Script::established().run_then(script, |run| assert_eq!(quiescence(run), expected));
    }
}

#[test] // settling: the repeated byte draws an ACK at once
fn a_repeated_last_byte_settles_what_is_unacknowledged() {
    Script::established().run_then(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.000 repeat
        +0.000 >  P. 10:11(1) ack 1
        +0.010 <  .  1:1(0) ack 11
        +0.000 event Acknowledged
        +0.000 event Answered
        ",
        |run| assert_eq!(quiescence(run), Quiescence::Clean),
    );
}

#[test] // rule Q: the probe carries real content, kept after it was acknowledged
fn an_idle_connection_is_probed_with_its_last_byte() {
    Script::established().run_then(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.010 <  .  1:1(0) ack 11
        +30.00 repeat
        +0.000 >  P. 10:11(1) ack 1
        +0.010 <  .  1:1(0) ack 11
        +0.000 event Answered
        +9.000 wait
        ",
        |run| {
            assert_eq!(run.stack.stats().retrans_segs, 0, "no loss recovery");
            assert_eq!(run.stack.stats().timeouts, 0);
        },
    );
}

#[test] // something is under way: the answer proves nothing
fn an_answer_with_other_numbers_is_no_answer() {
    Script::established().run_then(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.010 <  .  1:1(0) ack 11
        +1.000 repeat
        +0.000 >  P. 10:11(1) ack 1
        +0.010 <  .  101:101(0) ack 11
        +0.000 event Gap
        ",
        |run| assert!(!run.has_event("Answered")),
    );
}

#[test]
fn figures_count_from_the_beginning_of_the_lease() {
    Script::established().run_then(
        "
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.010 <  .  1:1(0) ack 11
        +0.000 lease first
        +0.000 write 7
        +0.000 >  P. 11:18(7) ack 1
        +0.010 <  .  1:1(0) ack 14
        ",
        |run| {
            let figures = figures(run);
            assert_eq!((figures.bytes_sent, figures.bytes_acked), (7, 3));
            assert!(!figures.peer_spoke && !figures.proof);
        },
    );
}
