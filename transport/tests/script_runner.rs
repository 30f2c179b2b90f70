//! The runner itself: each way in which a script can be wrong is seen.

mod support;

use support::script::Script;

fn fails(script: &str, reason: &str) {
    let script = script.to_owned();
    let panic = std::panic::catch_unwind(|| Script::established().run(&script))
        .expect_err("the script does not hold");
    let text = panic.downcast_ref::<String>().expect("a message");
    assert!(text.contains(reason), "{reason:?} is not in: {text}");
}

#[test]
fn a_packet_too_few() {
    fails("+0 > . 1:1(0) ack 1", "no packet left");
}

#[test]
fn a_packet_too_many() {
    fails("+0 write 10", "one packet too many at the end");
    fails("+0 write 10\n+0 = ESTABLISHED", "one packet too many before this line");
}

#[test]
fn a_packet_too_early_and_too_late() {
    fails("+0 write 10\n+0.002 > P. 1:11(10) ack 1", "2ms too early");
    fails("+0 write 10\n+0 > P. 1:11(10) ack 1\n+0.079 > P. 1:11(10) ack 1", "no packet left");
    fails("+0 write 10\n+0 > P. 1:11(10) ack 1\n+0.082 > P. 1:11(10) ack 1", "1.998ms too early");
}

#[test]
fn each_field_of_another_value() {
    for (packet, reason) in [
        (". 1:11(10) ack 1", "flags"),
        ("P. 2:12(10) ack 1", "another sequence number"),
        ("P. 1:12(11) ack 1", "10 bytes of text"),
        ("P. 1:11(10) ack 2", "another acknowledgement number"),
        ("P. 1:11(10) ack 1 win 1", "window 65535"),
        ("P. 1:11(10) ack 1 <sackOK>", "options"),
    ] {
        fails(&format!("+0 write 10\n+0 > {packet}"), reason);
    }
}

#[test]
fn blocks_that_are_not_written() {
    fails("+0 < . 11:21(10) ack 1\n+0 > . 1:1(0) ack 1", "options");
}

#[test]
fn another_state_reason_event_or_count() {
    fails("+0 = CLOSED", "the state is ESTABLISHED");
    fails("+0 < R 1:1(0)\n+0 = CLOSED Normal", "the reason is \"ResetByPeer\"");
    fails("+0 event Readable", "no event Readable has come");
    fails("+0 read 10", "10 bytes can be read");
    fails("+0 write 1000000", "all is taken");
    fails("+0 read eof", "Eof, not");
    fails("+0 write fails", "nothing can be written");
}

#[test]
fn a_line_that_is_none() {
    for line in ["0 > . 1:1(0) ack 1", "+0 > . 1:2(0) ack 1", "+0 > . 1:1(0)", "+0 hurry"] {
        fails(line, "not a line of a script");
    }
}

#[test]
fn the_line_that_broke_is_shown_with_the_packets_so_far() {
    fails("+0 write 10\n+0 > P. 1:12(11) ack 1", ">>> +0 > P. 1:12(11) ack 1");
    fails("+0 write 10\n+0 > P. 1:12(11) ack 1", "0.010000 > P. 1:11(10) ack 1 win 65535");
}
