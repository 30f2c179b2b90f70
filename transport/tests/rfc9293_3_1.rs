//! RFC 9293, section 3.1: what the fields of a header mean.

mod support;

use support::script::Script;

#[test] // MUST-1
fn a_window_above_32767_is_no_negative_one() {
    Script::established().run(
        "
        +0.000 <  .  1:1(0) ack 1 win 32768
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.010 <  .  1:1(0) ack 11 win 65535
        +0.000 write 10
        +0.000 >  P. 11:21(10) ack 1
        ",
    );
}

#[test] // REC-1
fn a_scaled_window_counts_in_32_bits() {
    Script::established().window_scale(14).run_then(
        "
        +0.000 <  .  1:1(0) ack 1 win 65535
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        ",
        |run| {
            let info = run.stack.info(run.now, run.connection.expect("open")).expect("alive");
            assert_eq!(info.snd_wnd, 65_535 << 14);
        },
    );
}
