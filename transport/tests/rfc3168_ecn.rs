//! RFC 3168: explicit congestion notification.

mod support;

use support::bottleneck::{Bottleneck, Path};
use support::script::Script;
use wharf_transport::tcp::{CaState, Congestion};
use wharf_transport::time::Duration;

/// Connected, both sides with ECN.
const CONNECTED: &str = "
+0.000 connect
+0.000 >  SEW 0:0(0)
+0.010 <  S.E 0:0(0) ack 1 <mss 1000>
+0.000 >  .   1:1(0) ack 1
";

/// Ten segments leave: an initial window.
const TEN: &str = "
+0.000 write 10000
+0.000 >  .   1:1001(1000) ack 1 [ect0]
+0.000 >  .   1001:2001(1000) ack 1 [ect0]
+0.000 >  .   2001:3001(1000) ack 1 [ect0]
+0.000 >  .   3001:4001(1000) ack 1 [ect0]
+0.000 >  .   4001:5001(1000) ack 1 [ect0]
+0.000 >  .   5001:6001(1000) ack 1 [ect0]
+0.000 >  .   6001:7001(1000) ack 1 [ect0]
+0.000 >  .   7001:8001(1000) ack 1 [ect0]
+0.000 >  .   8001:9001(1000) ack 1 [ect0]
+0.000 >  P.  9001:10001(1000) ack 1 [ect0]
";

fn script() -> Script {
    Script::fresh().config(|config| {
        config.ecn = true;
        config.congestion = Congestion::Reno;
    })
}

fn run(rest: &str) {
    script().run(&format!("{CONNECTED}{rest}"));
}

#[test] // section 6.1.1
fn the_offer_is_ece_and_cwr_and_the_answer_ece() {
    run("
        +0.000 write 100
        +0.000 >  P.  1:101(100) ack 1 [ect0]
        ");
    script().run(
        "
        +0.000 listen
        +0.000 <  SEW 0:0(0) <mss 1000>
        +0.000 >  S.E 0:0(0) ack 1
        +0.010 <  .   1:1(0) ack 1
        +0.000 accept
        +0.000 write 100
        +0.000 >  P.  1:101(100) ack 1 [ect0]
        ",
    );
}

#[test] // section 6.1.1: who does not know the flags may reflect them
fn any_other_answer_is_none() {
    for flags in ["S.", "S.EW", "S.W"] {
        script().run(&format!(
            "
            +0.000 connect
            +0.000 >  SEW 0:0(0)
            +0.010 <  {flags} 0:0(0) ack 1 <mss 1000>
            +0.000 >  .   1:1(0) ack 1
            +0.000 write 100
            +0.000 >  P.  1:101(100) ack 1
            +0.010 <  .E  1:1(0) ack 101       # means nothing now
            +0.000 write 100
            +0.000 >  P.  101:201(100) ack 1
            "
        ));
    }
    for flags in ["S", "SE", "SW"] {
        script().run(&format!(
            "
            +0.000 listen
            +0.000 <  {flags} 0:0(0) <mss 1000>
            +0.000 >  S.  0:0(0) ack 1
            +0.010 <  .   1:1(0) ack 1
            +0.000 accept
            +0.000 write 100
            +0.000 >  P.  1:101(100) ack 1
            "
        ));
    }
}

#[test] // TCP.md, section 3: SYN with ECE/CWR or unknown flags reset
fn syn_with_ece_and_cwr_is_answered_without_where_ecn_is_off() {
    Script::fresh().run(
        "
        +0.000 listen
        +0.000 <  SEW 0:0(0) <mss 1000>
        +0.000 >  S.  0:0(0) ack 1
        +0.010 <  .   1:1(0) ack 1
        +0.000 accept
        +0.000 write 100
        +0.000 >  P.  1:101(100) ack 1
        ",
    );
}

#[test] // section 6.1.1.1: something on the path may drop it for its flags
fn a_syn_that_is_sent_again_offers_nothing() {
    script().run(
        "
        +0.000 connect
        +0.000 >  SEW 0:0(0)
        +1.000 >  S   0:0(0)
        +0.010 <  S.E 0:0(0) ack 1 <mss 1000>
        +0.000 >  .   1:1(0) ack 1
        +0.000 write 100
        +0.000 >  P.  1:101(100) ack 1
        ",
    );
}

#[test] // section 6.1.3
fn congestion_is_echoed_until_cwr_comes() {
    run("
        +0.000 <  .   1:101(100) ack 1 [ect0]
        +0.000 >  .   1:1(0) ack 101
        +0.000 <  .   101:201(100) ack 1 [ce]
        +0.000 >  .E  1:1(0) ack 201           # at once, and unmarked itself
        +0.000 <  .   201:301(100) ack 1 [ect0]
        +0.000 >  .E  1:1(0) ack 301
        +0.000 write 100
        +0.000 >  P.E 1:101(100) ack 301 [ect0]
        +0.000 <  .W  301:401(100) ack 101 [ect0]
        +0.000 >  .   101:101(0) ack 401
        +0.000 <  .W  401:501(100) ack 101 [ce]
        +0.000 >  .E  101:101(0) ack 501       # answered for, and met again
        ");
}

#[test] // section 6.1.5
fn a_mark_on_text_outside_the_window_means_nothing() {
    run("
        +0.000 <  .   1:101(100) ack 1 [ect0]
        +0.000 >  .   1:1(0) ack 101
        +0.000 <  .   1:101(100) ack 1 [ce]        # old
        +0.000 >  .   1:1(0) ack 101
        +0.000 <  .   90001:90101(100) ack 1 [ce]  # beyond the window
        +0.000 >  .   1:1(0) ack 101
        ");
}

#[test] // section 6.1.2
fn an_echo_reduces_once_a_window_and_cwr_says_so_once() {
    let text = format!(
        "{CONNECTED}{TEN}
        +0.000 write 10000
        +0.010 <  .E  1:1(0) ack 2001              # ssthresh and cwnd 5000, 8000 out
        +0.000 <  .E  1:1(0) ack 4001
        +0.000 <  .E  1:1(0) ack 6001              # 4000 out
        +0.000 >  .W  10001:11001(1000) ack 1 [ect0]
        +0.000 <  .E  1:1(0) ack 8001
        +0.000 >  .   11001:12001(1000) ack 1 [ect0]
        +0.000 >  .   12001:13001(1000) ack 1 [ect0]
        +0.000 <  .E  1:1(0) ack 10001             # all sent before CWR: no news
        +0.000 >  .   13001:14001(1000) ack 1 [ect0]
        +0.000 >  .   14001:15001(1000) ack 1 [ect0]
        +0.010 <  .E  1:1(0) ack 12001             # after CWR: 5000 out, cwnd 2500
        +0.000 <  .   1:1(0) ack 14001
        +0.000 >  .W  15001:16001(1000) ack 1 [ect0]
        "
    );
    script().run(&text);
}

#[test] // tcpi_ca_state: TCP_CA_CWR
fn until_what_was_out_is_acknowledged_an_echo_is_being_answered() {
    for (answer, state) in [("", CaState::Cwr), ("+0.010 < . 1:1(0) ack 10001", CaState::Open)] {
        let text = format!("{CONNECTED}{TEN}\n+0.010 < .E 1:1(0) ack 2001\n{answer}");
        script().run_then(&text, |run| {
            let info = run.stack.info(run.now, run.connection.expect("open")).expect("alive");
            assert_eq!(info.ca_state, state);
        });
    }
}

#[test] // sections 6.1.5 and 6.1.2: neither mark nor CWR on what is sent again
fn a_retransmission_carries_neither_mark_nor_cwr() {
    let text = format!(
        "{CONNECTED}{TEN}
        +0.010 <  .   1:1(0) ack 1
        +0.000 <  .   1:1(0) ack 1
        +0.000 <  .   1:1(0) ack 1
        +0.000 >  .   1:1001(1000) ack 1
        +0.010 <  .   1:1(0) ack 10001
        +0.000 write 1000
        +0.000 >  P.W 10001:11001(1000) ack 1 [ect0]
        "
    );
    script().sack(false).run(&text);
}

#[test] // section 6.1.2: any reduction is told
fn after_a_timeout_the_next_new_segment_carries_cwr() {
    run("
        +0.000 write 1000
        +0.000 >  P.  1:1001(1000) ack 1 [ect0]
        +0.200 >  P.  1:1001(1000) ack 1
        +0.010 <  .   1:1(0) ack 1001
        +0.000 write 1000
        +0.000 >  P.W 1001:2001(1000) ack 1 [ect0]
        ");
}

#[test] // section 6.1.2: one segment a round trip is still too much
fn at_one_segment_an_echo_holds_text_for_the_retransmission_timeout() {
    run("
        +0.000 write 4000
        +0.000 >  .   1:1001(1000) ack 1 [ect0]
        +0.000 >  .   1001:2001(1000) ack 1 [ect0]
        +0.000 >  .   2001:3001(1000) ack 1 [ect0]
        +0.000 >  P.  3001:4001(1000) ack 1 [ect0]
        +0.010 <  .E  1:1(0) ack 4001              # cwnd 2000
        +0.000 write 1000
        +0.000 >  P.W 4001:5001(1000) ack 1 [ect0]
        +0.010 <  .E  1:1(0) ack 5001              # cwnd 1000
        +0.000 write 1000
        +0.000 >  P.W 5001:6001(1000) ack 1 [ect0]
        +0.010 <  .E  1:1(0) ack 6001              # cannot be less
        +0.000 write 1000
        +0.200 >  P.W 6001:7001(1000) ack 1 [ect0]
        ");
}

#[test] // section 6.1.6
fn a_window_probe_is_not_marked() {
    run("
        +0.000 <  .   1:1(0) ack 1 win 0
        +0.000 write 100
        +0.200 >  .   1:2(1) ack 1
        ");
}

#[test]
fn through_a_queue_that_marks_nothing_is_lost() {
    for algorithm in [Congestion::Cubic, Congestion::Reno] {
        let delay = Duration::from_millis(10);
        let rate = 1_250_000;
        let link = Path { rate, delay, queue: 200_000, mark_from: 20_000 };
        let mut path = Bottleneck::new(link, |tcp| {
            tcp.congestion = algorithm;
            tcp.ecn = true;
        });
        path.open(None);
        path.run_for(Duration::from_secs(10));
        assert!(path.info(0).ecn && path.marked > 10, "{} marked", path.marked);
        assert_eq!((path.dropped, path.sender.stats().retrans_segs), (0, 0));
        let used = path.flows[0].delivered as f64 / (10.0 * rate as f64);
        assert!(used > 0.85, "{algorithm:?}: {used} of the link");
    }
}
