//! RFC 1191 and RFC 8201: path MTU discovery; RFC 5927, section 7: what is believed of it.

mod support;

use support::script::{Run, Script};
use wharf_transport::tcp::Info;
use wharf_transport::time::Duration;

/// Without SACK, so that no loss probe comes before the timer.
fn plain() -> Script {
    Script::established().sack(false)
}

/// Connections do not rest, so that one goes on with its search for a larger size.
fn awake() -> Script {
    Script::established().rest_after(Duration::from_secs(3_600))
}

fn info(run: &Run<'_>) -> Info {
    run.stack.info(run.now, run.connection.expect("open")).expect("alive")
}

#[test] // TCP.md, section 3; RFC 8201, section 5.4: at once, in smaller segments, and no congestion
fn icmp_too_big_ignored() {
    Script::established().run_then(
        "
        +0.000 write 2920
        +0.000 >  .  1:1461(1460) ack 1
        +0.000 >  P. 1461:2921(1460) ack 1
        +0.010 <  icmp too-big 1400 seq 1
        +0.000 >  .  1:1401(1400) ack 1
        +0.000 >  .  1401:2801(1400) ack 1
        +0.000 >  P. 2801:2921(120) ack 1
        +0.010 <  .  1:1(0) ack 2921
        +0.000 write 2800
        +0.000 >  .  2921:4321(1400) ack 1
        +0.000 >  P. 4321:5721(1400) ack 1
        ",
        |run| {
            let info = info(run);
            assert_eq!((info.snd_mss, info.ssthresh), (1_400, u32::MAX));
            assert!(info.cwnd >= 14_000, "ten segments, and what was acknowledged: {}", info.cwnd);
            assert_eq!(u32::from(info.pmtu), if run.peer.local.is_ipv4() { 1_440 } else { 1_460 });
            let stats = run.stack.stats();
            assert_eq!((stats.icmp_in_pkt_too_bigs, stats.pmtu_lowered), (1, 1));
            assert_eq!((stats.timeouts, stats.fast_retransmits), (0, 0));
        },
    );
}

#[test] // RFC 1191, section 6.2: only what is known to be dropped
fn what_was_small_enough_is_not_sent_again() {
    Script::established().run(
        "
        +0.000 write 3000
        +0.000 >  .  1:1461(1460) ack 1
        +0.000 >  .  1461:2921(1460) ack 1
        +0.000 >  P. 2921:3001(80) ack 1
        +0.005 <  icmp too-big 1400 seq 1
        +0.000 >  .  1:1401(1400) ack 1
        +0.000 >  .  1401:2801(1400) ack 1
        +0.000 >  .  2801:2921(120) ack 1
        +0.005 <  .  1:1(0) ack 1 <sack 2921:3001>
        +0.005 <  .  1:1(0) ack 3001
        ",
    );
}

#[test] // RFC 1191, section 6.4: no retransmission for every message of one burst
fn one_burst_of_messages_counts_once() {
    Script::established().run_then(
        "
        +0.000 write 2920
        +0.000 >  .  1:1461(1460) ack 1
        +0.000 >  P. 1461:2921(1460) ack 1
        +0.010 <  icmp too-big 1400 seq 1
        +0.000 >  .  1:1401(1400) ack 1
        +0.000 >  .  1401:2801(1400) ack 1
        +0.000 >  P. 2801:2921(120) ack 1
        +0.000 <  icmp too-big 1400 seq 1461
        +0.005 wait
        ",
        |run| {
            let stats = run.stack.stats();
            assert_eq!((stats.pmtu_lowered, stats.pmtu_ignored), (1, 1));
        },
    );
}

#[test] // RFC 8201, section 3: several links, one after the other
fn a_smaller_link_behind_the_first_is_found_too() {
    plain().run(
        "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  icmp too-big 1400 seq 1
        +0.000 >  .  1:1401(1400) ack 1
        +0.000 >  P. 1401:1461(60) ack 1
        +0.010 <  icmp too-big 1300 seq 1
        +0.000 >  .  1:1301(1300) ack 1
        +0.000 >  .  1301:1401(100) ack 1
        +0.010 <  .  1:1(0) ack 1461
        ",
    );
}

#[test] // the duplicates that small segments draw are no loss
fn what_goes_again_for_its_size_begins_no_recovery() {
    plain().run_then(
        "
        +0.000 write 1460
        +0.000 write 10
        +0.000 >  .  1:1461(1460) ack 1
        +0.000 >  P. 1461:1471(10) ack 1
        +0.000 write 10
        +0.000 >  P. 1471:1481(10) ack 1
        +0.000 write 10
        +0.000 >  P. 1481:1491(10) ack 1
        +0.005 <  icmp too-big 1400 seq 1
        +0.000 >  .  1:1401(1400) ack 1
        +0.000 >  .  1401:1461(60) ack 1
        +0.005 <  .  1:1(0) ack 1
        +0.000 <  .  1:1(0) ack 1
        +0.000 <  .  1:1(0) ack 1
        +0.005 <  .  1:1(0) ack 1491
        ",
        |run| {
            assert_eq!(info(run).ssthresh, u32::MAX);
            assert_eq!(run.stack.stats().fast_retransmits, 0);
        },
    );
}

#[test] // RFC 6691: options come off what a segment carries
fn with_timestamps_a_segment_carries_twelve_bytes_less() {
    Script::established().timestamps().run(
        "
        +0.000 write 2896
        +0.000 >  .  1:1449(1448) ack 1
        +0.000 >  P. 1449:2897(1448) ack 1
        +0.010 <  icmp too-big 1400 seq 1
        +0.000 >  .  1:1389(1388) ack 1
        +0.000 >  .  1389:2777(1388) ack 1
        +0.000 >  P. 2777:2897(120) ack 1
        ",
    );
}

#[test] // RFC 1191, section 5: the plateaus
fn an_old_router_that_names_no_mtu_leads_down_the_plateaus() {
    plain().family(true).run_then(
        "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  icmp too-big mtu 0 seq 1
        +0.000 >  .  1:1453(1452) ack 1           # 1492
        +0.000 >  P. 1453:1461(8) ack 1
        +0.010 <  icmp too-big mtu 0 seq 1
        +0.000 >  .  1:967(966) ack 1             # 1006
        +0.000 >  .  967:1453(486) ack 1
        +0.010 <  icmp too-big mtu 0 seq 1
        +0.000 >  .  1:537(536) ack 1             # 576, the least
        +0.000 >  .  537:967(430) ack 1
        +0.010 <  icmp too-big mtu 0 seq 1        # nothing is less
        +0.005 wait
        ",
        |run| assert_eq!(run.stack.stats().pmtu_ignored, 1),
    );
}

#[test]
fn zero_names_nothing_to_ipv6() {
    plain().family(false).run_then(
        "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  icmp too-big mtu 0 seq 1
        +0.005 wait
        ",
        |run| assert_eq!(run.stack.stats().pmtu_ignored, 1),
    );
}

#[test] // what a forged message can do, and no more
fn nothing_goes_below_the_floor() {
    plain().family(true).run_then(
        "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  icmp too-big mtu 67 seq 1       # no link
        +0.010 <  icmp too-big mtu 68 seq 1
        +0.000 >  .  1:537(536) ack 1
        +0.000 >  .  537:1073(536) ack 1
        +0.000 >  P. 1073:1461(388) ack 1
        ",
        |run| assert_eq!(run.stack.stats().pmtu_ignored, 1),
    );
    plain().family(false).run_then(
        "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  icmp too-big mtu 1279 seq 1     # RFC 8201, section 4: discarded
        +0.010 <  icmp too-big mtu 1280 seq 1
        +0.000 >  .  1:1221(1220) ack 1
        +0.000 >  P. 1221:1461(240) ack 1
        ",
        |run| assert_eq!(run.stack.stats().pmtu_ignored, 1),
    );
}

#[test] // RFC 8201, section 4: never raised by a message
fn a_larger_mtu_than_what_is_used_is_ignored() {
    plain().run_then(
        "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  icmp too-big 1400 seq 1
        +0.000 >  .  1:1401(1400) ack 1
        +0.000 >  P. 1401:1461(60) ack 1
        +0.010 <  icmp too-big 1460 seq 1
        +0.010 <  icmp too-big mtu 65535 seq 1
        +0.010 <  .  1:1(0) ack 1461
        +0.000 write 1460
        +0.000 >  .  1461:2861(1400) ack 1
        +0.000 >  P. 2861:2921(60) ack 1
        ",
        |run| assert_eq!(run.stack.stats().pmtu_ignored, 2),
    );
}

#[test] // RFC 5927, section 7.3.5
fn a_larger_mtu_than_what_was_sent_is_ignored() {
    plain().run_then(
        "
        +0.000 write 1000
        +0.000 >  P. 1:1001(1000) ack 1
        +0.010 <  icmp too-big 1300 seq 1
        +0.010 <  .  1:1(0) ack 1001
        +0.000 write 1460
        +0.000 >  P. 1001:2461(1460) ack 1
        ",
        |run| assert_eq!(run.stack.stats().pmtu_ignored, 1),
    );
}

#[test] // RFC 5927, section 4.1
fn too_big_must_quote_what_is_in_flight() {
    plain().run_then(
        "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  icmp too-big 1300 seq 0
        +0.000 <  icmp too-big 1300 seq 1461
        +0.010 <  .  1:1(0) ack 1461
        +0.010 <  icmp too-big 1300 seq 1
        +0.000 write 1460
        +0.000 >  P. 1461:2921(1460) ack 1
        ",
        |run| {
            let stats = run.stack.stats();
            assert_eq!((stats.out_of_window_icmps, stats.icmp_in_pkt_too_bigs), (3, 0));
        },
    );
}

#[test] // RFC 5927, section 7.2: Path-MTU Update
fn below_what_has_arrived_a_claim_waits_for_a_timeout() {
    plain().run_then(
        "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  .  1:1(0) ack 1461
        +0.000 write 2920
        +0.000 >  .  1461:2921(1460) ack 1
        +0.000 >  P. 2921:4381(1460) ack 1
        +0.010 <  icmp too-big 1300 seq 1461
        +0.000 <  icmp too-big 1300 seq 2921
        +0.190 >  .  1461:2761(1300) ack 1
        +0.010 <  .  1:1(0) ack 2761
        +0.000 >  .  2761:4061(1300) ack 1
        +0.000 >  P. 4061:4381(320) ack 1
        +0.010 <  .  1:1(0) ack 4381
        ",
        |run| {
            let stats = run.stack.stats();
            assert_eq!((stats.pmtu_deferred, stats.pmtu_lowered), (2, 1));
            assert_eq!(info(run).snd_mss, 1_300);
        },
    );
}

#[test] // RFC 5927, section 7.3.4: an active connection being attacked
fn an_ack_of_what_it_quotes_refutes_a_claim() {
    plain().run_then(
        "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  .  1:1(0) ack 1461
        +0.000 write 2920
        +0.000 >  .  1461:2921(1460) ack 1
        +0.000 >  P. 2921:4381(1460) ack 1
        +0.010 <  icmp too-big 1300 seq 1461
        +0.010 <  .  1:1(0) ack 2921              # it has arrived
        +0.200 >  P. 2921:4381(1460) ack 1        # and this is only late
        +0.010 <  .  1:1(0) ack 4381
        ",
        |run| {
            assert_eq!(info(run).snd_mss, 1_460);
            assert_eq!(run.stack.stats().pmtu_lowered, 0);
        },
    );
}

#[test]
fn a_sack_of_what_it_quotes_refutes_a_claim() {
    Script::established().run_then(
        "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  .  1:1(0) ack 1461
        +0.000 write 2920
        +0.000 >  .  1461:2921(1460) ack 1
        +0.000 >  P. 2921:4381(1460) ack 1
        +0.010 <  icmp too-big 1300 seq 2921
        +0.002 <  .  1:1(0) ack 1461 <sack 2921:4381>
        +0.0025 > .  1461:2921(1460) ack 1        # overtaken, and lost: RFC 8985
        +0.020 >  .  1461:2921(1460) ack 1
        ",
        |run| {
            assert_eq!(info(run).snd_mss, 1_460);
            assert_eq!(run.stack.stats().pmtu_lowered, 0);
        },
    );
}

#[test] // RFC 8201, sections 5.2 and 5.4: remembered, and no part of what we announce
fn the_next_connection_begins_with_what_was_found() {
    plain().run(
        "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  icmp too-big 1400 seq 1
        +0.000 >  .  1:1401(1400) ack 1
        +0.000 >  P. 1401:1461(60) ack 1
        +0.010 <  .  1:1(0) ack 1461
        +0.000 abort
        +0.000 >  R. 1461:1461(0) ack 1
        +0.000 connect
        +0.000 >  S  0:0(0) <mss 1460>
        +0.010 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  .  1:1(0) ack 1
        +0.000 write 1460
        +0.000 >  .  1:1401(1400) ack 1
        +0.000 >  P. 1401:1461(60) ack 1
        +0.010 <  .  1:1(0) ack 1461
        +0.000 abort
        +0.000 >  R. 1461:1461(0) ack 1
        +600.0 connect                            # RFC 8201, section 5.3: too old
        +0.000 >  S  0:0(0) <mss 1460>
        +0.010 <  S. 0:0(0) ack 1 <mss 1460>
        +0.000 >  .  1:1(0) ack 1
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        ",
    );
}

#[test] // RFC 8201, section 4: not before 5 minutes, better 10
fn a_larger_size_is_tried_after_ten_minutes() {
    awake().run(
        "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  icmp too-big 1400 seq 1
        +0.000 >  .  1:1401(1400) ack 1
        +0.000 >  P. 1401:1461(60) ack 1
        +0.010 <  .  1:1(0) ack 1461
        +599.0 write 7000
        +0.000 >  .  1461:2861(1400) ack 1
        +0.000 >  .  2861:4261(1400) ack 1
        +0.000 >  .  4261:5661(1400) ack 1
        +0.000 >  .  5661:7061(1400) ack 1
        +0.000 >  P. 7061:8461(1400) ack 1
        +0.010 <  .  1:1(0) ack 8461
        +1.000 write 7000
        +0.000 >  .  8461:9921(1460) ack 1        # the probe
        +0.000 >  .  9921:11321(1400) ack 1
        +0.000 >  .  11321:12721(1400) ack 1
        +0.000 >  .  12721:14121(1400) ack 1
        +0.000 >  P. 14121:15461(1340) ack 1
        +0.010 <  .  1:1(0) ack 15461
        +0.000 write 1460
        +0.000 >  P. 15461:16921(1460) ack 1
        ",
    );
}

#[test] // RFC 4821, section 7.6.2
fn a_router_that_refuses_the_probe_is_believed_at_once() {
    awake().run_then(
        "
        +0.000 write 1460
        +0.000 >  P. 1:1461(1460) ack 1
        +0.010 <  icmp too-big 1300 seq 1
        +0.000 >  .  1:1301(1300) ack 1
        +0.000 >  P. 1301:1461(160) ack 1
        +0.010 <  .  1:1(0) ack 1461
        +600.0 write 5400
        +0.000 >  .  1461:2921(1460) ack 1        # the probe
        +0.000 >  .  2921:4221(1300) ack 1
        +0.000 >  .  4221:5521(1300) ack 1
        +0.000 >  .  5521:6821(1300) ack 1
        +0.000 >  P. 6821:6861(40) ack 1
        +0.005 <  icmp too-big 1400 seq 1461
        +0.000 >  .  1461:2761(1300) ack 1        # again, in what is known to pass
        +0.000 >  .  2761:2921(160) ack 1
        +0.005 <  .  1:1(0) ack 1461 <sack 2921:6861>
        +0.005 <  .  1:1(0) ack 6861
        +1.000 write 6000
        +0.000 >  .  6861:8261(1400) ack 1        # what the router has named
        +0.000 >  .  8261:9561(1300) ack 1
        +0.000 >  .  9561:10861(1300) ack 1
        +0.000 >  .  10861:12161(1300) ack 1
        +0.000 >  P. 12161:12861(700) ack 1
        +0.010 <  .  1:1(0) ack 12861
        +0.000 write 1400
        +0.000 >  P. 12861:14261(1400) ack 1
        ",
        |run| {
            let stats = run.stack.stats();
            assert_eq!((stats.mtup_fail, stats.mtup_success), (1, 1));
            assert_eq!(info(run).ssthresh, u32::MAX, "no sign of congestion");
        },
    );
}
