//! Buffers that follow the path: how the window opens as the owner reads (Linux's
//! tcp_rcv_space_adjust), and RFC 9293, section 3.8.6: its right edge never moves back.

mod support;

use support::script::Script;

/// A connection whose receive buffer may grow to 1 MiB: its windows count in units of 32 bytes.
fn growing() -> Script {
    Script::established().mss(1460).window_scale(7).config(|config| {
        config.receive_buffer = 1 << 20;
    })
}

#[test]
fn the_window_doubles_once_more_than_a_quarter_of_it_was_read_in_a_round_trip() {
    growing().timestamps().run(
        "
        +0.000 <  .  1:16001(16000) ack 1
        +0.000 >  .  1:1(0) ack 16001
        +0.000 read 16000
        +0.000 <  .  16001:32001(16000) ack 1
        +0.000 >  .  1:1(0) ack 32001
        +0.000 read 16000
        +0.000 <  .  32001:33001(1000) ack 1
        +0.000 >  .  1:1(0) ack 33001 win 4064        # 128 KiB, less 1000
        ",
    );
}

#[test]
fn without_timestamps_a_round_trip_is_what_was_measured() {
    // 10 ms in the handshake: the second segment begins a round, and so does the third.
    growing().run(
        "
        +0.000 <  .  1:16001(16000) ack 1
        +0.000 >  .  1:1(0) ack 16001
        +0.000 read 16000
        +0.011 <  .  16001:32001(16000) ack 1
        +0.000 >  .  1:1(0) ack 32001
        +0.000 read 16000
        +0.011 <  .  32001:48001(16000) ack 1
        +0.000 >  .  1:1(0) ack 48001
        +0.000 read 16000
        +0.002 <  .  48001:64001(16000) ack 1
        +0.000 >  .  1:1(0) ack 64001 win 1548
        +0.000 read 16000
        +0.000 <  .  64001:65001(1000) ack 1
        +0.000 >  .  1:1(0) ack 65001 win 4064        # 128 KiB, less 1000
        ",
    );
}

#[test]
fn a_slow_reader_does_not_open_the_window() {
    // 8000 bytes every 20 ms, of which the peer hears before it sends more.
    let mut script = String::new();
    for piece in 0..20 {
        let (begin, end) = (1 + piece * 8_000, 1 + (piece + 1) * 8_000);
        script.push_str(&format!("+0.010 < . {begin}:{end}(8000) ack 1\n"));
        script.push_str(&format!("+0.000 > . 1:1(0) ack {end} win 1798\n"));
        script.push_str("+0.010 read 8000\n");
        script.push_str("+0.000 ~\n");
    }
    growing().run(&script);
    growing().timestamps().run(&script);
}

#[test]
fn the_window_opens_as_far_as_is_configured() {
    let mut script = String::new();
    let mut place = 1;
    for round in 0..6 {
        for _ in 0..(4 << round) {
            let end = place + 16_000;
            script.push_str(&format!("+0.000 < . {place}:{end}(16000) ack 1\n+0.000 ~\n"));
            script.push_str("+0.000 read 16000\n+0.000 ~\n");
            place = end;
        }
        script.push_str("+0.012 wait\n");
    }
    let end = place + 16_000;
    script.push_str(&format!("+0.000 < . {place}:{end}(16000) ack 1\n"));
    script.push_str(&format!("+0.000 > . 1:1(0) ack {end}\n+0.000 read 16000\n"));
    let largest = |run: &support::script::Run<'_>| {
        let id = run.connection.expect("open");
        let info = run.stack.info(run.now, id).expect("open");
        assert_eq!(info.rcv_space, 1 << 20);
        assert!(info.rcv_wnd <= 1 << 20 && info.rcv_wnd > 1_000_000, "{info:?}");
    };
    growing().run_then(&script, largest);
    growing().timestamps().run_then(&script, largest);
}
