//! RFC 9040: what a connection finds out of its path is there for the next one to the same place.

mod support;

use support::bottleneck::{Bottleneck, Path};
use support::script::Script;
use wharf_transport::time::Duration;

/// Without SACK, so that no loss probe comes before the timer.
fn plain() -> Script {
    Script::fresh().sack(false)
}

#[test] // section 6.1: RTT and RTTVAR
fn the_first_timeouts_come_no_sooner_than_the_last_connections_would_have() {
    plain().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.400 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  .  1:1(0) ack 1
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.400 <  .  1:1(0) ack 11                # SRTT 400 ms, RTTVAR 150 ms: RTO is 1 s
        +0.000 abort
        +0.000 >  R. 11:11(0) ack 1
        +1.000 connect
        +0.000 >  S  0:0(0)
        +0.010 <  S. 0:0(0) ack 1 <mss 1460>      # by itself it would be 200 ms now
        +0.000 >  .  1:1(0) ack 1
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.500 <  .  1:1(0) ack 11                # the second round trip is this one's own
        +0.000 write 10
        +0.000 >  P. 11:21(10) ack 1
        +0.576 >  P. 11:21(10) ack 1              # SRTT 71 ms, RTTVAR 126 ms
        ",
    );
}

#[test] // RFC 6298, section 2.1: 1 s before a measurement is the least, not the most
fn a_syn_to_a_place_known_to_be_far_waits_for_its_answer() {
    plain().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.900 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  .  1:1(0) ack 1
        +0.000 abort
        +0.000 >  R. 1:1(0) ack 1
        +0.000 connect
        +0.000 >  S  0:0(0)
        +2.700 >  S  0:0(0)                       # 900 ms and four times 450 ms
        ",
    );
}

#[test] // a SYN is never sent again sooner than without a record, nor RTO after it shorter
fn a_place_known_to_be_near_makes_no_timer_shorter() {
    plain().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.010 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  .  1:1(0) ack 1
        +0.000 abort
        +0.000 >  R. 1:1(0) ack 1
        +0.000 connect
        +0.000 >  S  0:0(0)
        +1.000 >  S  0:0(0)
        +0.010 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  .  1:1(0) ack 1
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +3.000 >  P. 1:11(10) ack 1               # RFC 6298, section 5.7
        ",
    );
}

#[test] // Linux's rule: a connection that timeouts have ended does not know its path
fn unanswered_timeouts_leave_no_round_trip() {
    plain().config(|config| config.retries = 1).run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.300 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  .  1:1(0) ack 1
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.900 >  P. 1:11(10) ack 1
        +1.800 >  R. 11:11(0) ack 1
        +0.000 =  CLOSED TimedOut
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.010 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  .  1:1(0) ack 1
        +0.000 write 10
        +0.000 >  P. 1:11(10) ack 1
        +0.200 >  P. 1:11(10) ack 1               # and not 900 ms
        ",
    );
}

#[test] // section 8.1: what is known grows old
fn after_ten_minutes_nothing_is_known() {
    plain().run(
        "
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.900 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  .  1:1(0) ack 1
        +0.000 abort
        +0.000 >  R. 1:1(0) ack 1
        +600.0 connect
        +0.000 >  S  0:0(0)
        +1.000 >  S  0:0(0)
        ",
    );
}

#[test] // section 12: what a SYN claims is worth nothing before the handshake is complete
fn a_handshake_that_was_never_completed_leaves_nothing() {
    plain().run(
        "
        +0.000 listen
        +0.000 <  S  0:0(0) <mss 1460>
        +0.000 >  S. 0:0(0) ack 1
        +0.900 <  R  1:1(0)
        +0.000 =  LISTEN
        +0.000 connect
        +0.000 >  S  0:0(0)
        +1.000 >  S  0:0(0)
        ",
    );
}

#[test] // section 10: nobody shares it
fn the_congestion_window_is_not_shared() {
    Script::established().mss(1000).run(
        "
        +0.000 write 10000
        +0.000 ~
        +0.010 <  .  1:1(0) ack 10001             # in slow start: 18 segments now
        +0.000 abort
        +0.000 >  R. 10001:10001(0) ack 1
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.010 <  S. 0:0(0) ack 1 <mss 1000>
        +0.000 >  .  1:1(0) ack 1
        +0.000 write 20000
        +0.000 >  .  1:1001(1000) ack 1
        +0.000 >  .  1001:2001(1000) ack 1
        +0.000 >  .  2001:3001(1000) ack 1
        +0.000 >  .  3001:4001(1000) ack 1
        +0.000 >  .  4001:5001(1000) ack 1
        +0.000 >  .  5001:6001(1000) ack 1
        +0.000 >  .  6001:7001(1000) ack 1
        +0.000 >  .  7001:8001(1000) ack 1
        +0.000 >  .  8001:9001(1000) ack 1
        +0.000 >  .  9001:10001(1000) ack 1
        ",
    );
}

#[test] // RFC 8985, section 6.2, step 4
fn a_path_known_to_reorder_is_given_time_from_the_beginning() {
    Script::established().mss(1000).run(
        "
        +0.000 write 2000
        +0.000 >  .  1:1001(1000) ack 1
        +0.000 >  P. 1001:2001(1000) ack 1
        +0.010 <  .  1:1(0) ack 1 <sack 1001:2001>
        +0.001 <  .  1:1(0) ack 2001              # the first came after the second
        +0.000 abort
        +0.000 >  R. 2001:2001(0) ack 1
        +0.000 connect
        +0.000 >  S  0:0(0)
        +0.010 <  S. 0:0(0) ack 1 <mss 1000,sackOK>
        +0.000 >  .  1:1(0) ack 1
        +0.000 write 4000
        +0.000 >  .  1:1001(1000) ack 1
        +0.000 >  .  1001:2001(1000) ack 1
        +0.000 >  .  2001:3001(1000) ack 1
        +0.000 >  P. 3001:4001(1000) ack 1
        +0.010 <  .  1:1(0) ack 1 <sack 1001:4001>
        +0.0025 > .  1:1001(1000) ack 1           # a quarter of a round trip: not at once
        ",
    );
}

/// A link of 8 Mbit/s and 40 ms, which holds 40 kB and queues as much again.
fn bottleneck() -> Bottleneck {
    let link = Path { rate: 1_000_000, queue: 40_000, ..Path::wide(Duration::from_millis(20)) };
    Bottleneck::new(link, |_| {})
}

/// Ends the one flow.
fn end(path: &mut Bottleneck) {
    let flow = path.flows.remove(0);
    path.sender.abort(path.now, flow.id).expect("lives");
    path.run_for(Duration::from_millis(1));
}

#[test] // section 6.1; section 8: of long flows alone
fn a_long_flow_leaves_its_threshold_and_a_short_one_does_not() {
    for (millis, leaves) in [(500, false), (60_000, true)] {
        let mut path = bottleneck();
        path.open(None);
        path.run_for(Duration::from_millis(millis));
        let first = path.info(0);
        assert_ne!(first.ssthresh, u32::MAX, "the first slow start has ended");
        end(&mut path);
        path.open(None);
        path.run_for(Duration::from_millis(100));
        let second = path.info(0).ssthresh;
        assert_eq!(second, if leaves { first.ssthresh } else { u32::MAX }, "{millis} ms");
    }
}

#[test] // a path that has become faster is found out to be
fn an_inherited_threshold_does_not_hold_a_flow_down_for_long() {
    let mut path = bottleneck();
    path.open(None);
    path.run_for(Duration::from_secs(60));
    let slow = path.info(0).ssthresh;
    end(&mut path);
    let fast = Path { rate: 5_000_000, queue: 200_000, ..Path::wide(Duration::from_millis(20)) };
    path.set_path(fast);
    path.open(None);
    path.run_for(Duration::from_secs(5));
    assert!(path.info(0).cwnd > 2 * slow, "{:?}", path.info(0));
    end(&mut path);
    path.open(None);
    path.run_for(Duration::from_millis(100));
    assert!(path.info(0).ssthresh > slow, "{:?}", path.info(0));
}
