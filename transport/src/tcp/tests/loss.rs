//! Retransmission: RFC 6298, RFC 5681, RFC 6582, RFC 3042.

use super::pair::{Fate, Pair, Way};
use super::solo::{Solo, seg};
use super::{Owned, PLACES, bytes, plain};
use crate::tcp::{CloseReason, Config, Event};
use crate::time::Duration;
use crate::wire::{Flags, Options, SackBlocks, Segment, Timestamps};

const SECOND: Duration = Duration::from_secs(1);

/// Relative numbers of the text in `sent`.
fn ranges(solo: &Solo, sent: &[Owned]) -> Vec<(u32, u32)> {
    sent.iter().map(|owned| solo.numbers(owned)).map(|(seq, end, _)| (seq, end)).collect()
}

#[test]
fn retransmission_timer_restarted_by_every_ack() {
    let mut solo = Solo::established(5);
    solo.write(3_000);
    let due = solo.connection.poll_timeout();
    solo.wait(Duration::from_millis(50));
    solo.ack(1, 1, 65_535);
    assert_eq!(solo.connection.poll_timeout(), due, "a duplicate does not restart it");
    solo.wait(Duration::from_millis(10));
    solo.ack(1, 1_001, 65_535);
    assert!(solo.connection.poll_timeout() > due, "progress does");
    solo.ack(1, 3_001, 65_535);
    assert_eq!(solo.connection.poll_timeout(), None, "nothing is out");
}

#[test]
fn a_timeout_resends_the_front_and_doubles() {
    for isn in PLACES {
        let mut solo = Solo::established(isn);
        solo.write(3_000);
        let sent = solo.next_timer(SECOND);
        assert_eq!(ranges(&solo, &sent), [(1, 1_001)], "one segment: cwnd is one");
        assert_eq!(solo.connection.info(solo.now).cwnd, 1_000);
        let before = solo.now;
        let sent = solo.next_timer(2 * SECOND);
        assert_eq!(ranges(&solo, &sent), [(1, 537)], "it may be a black hole: RFC 4821");
        assert_eq!(solo.now.since(before), Duration::from_millis(400));
        // The rest follows as slow start allows, what is acknowledged is not sent again.
        let sent = solo.ack(1, 1_001, 65_535);
        assert_eq!(ranges(&solo, &sent), [(1_001, 2_001), (2_001, 3_001)], "it is none");
        assert!(solo.ack(1, 3_001, 65_535).is_empty());
        assert_eq!(solo.stats.timeouts, 2);
        assert_eq!(solo.stats.orig_data_sent, 3, "what goes again is not new");
    }
}

#[test]
fn an_unanswered_segment_ends_the_connection() {
    let config = Config { retries: 3, ..plain() };
    let mut solo = Solo::established_with(config, 5, Options::default(), 65_535);
    solo.write(100);
    for _ in 0..3 {
        assert_eq!(solo.next_timer(60 * SECOND).len(), 1);
    }
    let sent = solo.next_timer(60 * SECOND);
    assert_eq!(sent[0].header.flags, Flags::RST_ACK);
    let closed = Event::Closed(CloseReason::TimedOut);
    assert_eq!(solo.events(), [Event::Established, Event::Overdue, closed]);
    assert_eq!(solo.stats.abort_on_timeout, 1);
}

#[test]
fn whole_buffer_resent_on_fast_retransmit() {
    for isn in PLACES {
        let mut solo = Solo::established(isn);
        assert_eq!(solo.write(5_000).len(), 5);
        assert!(solo.ack(1, 1, 65_535).is_empty());
        assert!(solo.ack(1, 1, 65_535).is_empty());
        let sent = solo.ack(1, 1, 65_535);
        assert_eq!(ranges(&solo, &sent), [(1, 1_001)], "the first hole and no more");
        assert!(solo.ack(1, 1, 65_535).is_empty(), "a fourth resends nothing");
        assert_eq!(solo.stats.fast_retransmits, 1);
        assert!(solo.ack(1, 5_001, 65_535).is_empty());
        let info = solo.connection.info(solo.now);
        assert_eq!((info.ssthresh, info.cwnd), (3_500, 2_000));
    }
}

#[test]
fn fast_retransmit_works_2_31_numbers_after_the_last_recovery() {
    for isn in PLACES {
        let mut solo = Solo::established(isn);
        for kilobyte in 0..5 {
            solo.write(1_000);
            solo.ack(1, kilobyte * 1_000 + 1_001, 65_535);
            solo.skip(3 << 29);
        }
        let una = 5_001;
        solo.write(5_000);
        solo.ack(1, una, 65_535);
        solo.ack(1, una, 65_535);
        let sent = solo.ack(1, una, 65_535);
        assert_eq!(ranges(&solo, &sent), [(una, una + 1_000)]);
    }
}

/// ISS is met again after 2^32 numbers; what is known of the SYN must not change by that.
#[test]
fn text_goes_on_when_una_comes_round_to_iss() {
    for isn in PLACES {
        let mut solo = Solo::established(isn);
        solo.write(1_000);
        solo.ack(1, 1_001, 65_535);
        solo.skip(u32::MAX - 1_000);
        assert_eq!(solo.connection.snd.una, solo.connection.snd.iss);
        let sent = solo.write(3_000);
        assert_eq!(ranges(&solo, &sent), [(1_001, 2_001), (2_001, 3_001), (3_001, 4_001)]);
        let bytes: Vec<u8> = sent.iter().flat_map(|owned| owned.text.clone()).collect();
        assert_eq!(bytes, super::bytes(0, 3_000));
        assert!(solo.ack(1, 4_001, 65_535).is_empty());
        assert_eq!(solo.connection.info(solo.now).notsent_bytes, 0);
    }
}

#[test]
fn limited_transmit_sends_new_text_on_the_first_two_duplicates() {
    let mut solo = Solo::established(5);
    assert_eq!(solo.write(20_000).len(), 10, "the initial window");
    for duplicate in 1..=2u32 {
        let sent = solo.ack(1, 1, 65_535);
        let start = 10_001 + (duplicate - 1) * 1_000;
        assert_eq!(ranges(&solo, &sent), [(start, start + 1_000)]);
    }
    let sent = solo.ack(1, 1, 65_535);
    assert_eq!(ranges(&solo, &sent), [(1, 1_001)]);
}

#[test]
fn dup_ack_counter_overflow() {
    let mut solo = Solo::established(5);
    solo.write(5_000);
    for _ in 0..70_000 {
        solo.ack(1, 1, 65_535);
    }
    assert_eq!(solo.stats.fast_retransmits, 1);
    assert_eq!(solo.stats.retrans_segs, 1);
}

#[test]
fn a_partial_acknowledgement_resends_the_next_hole() {
    let mut solo = Solo::established(5);
    solo.write(5_000);
    for _ in 0..3 {
        solo.ack(1, 1, 65_535);
    }
    let sent = solo.ack(1, 2_001, 65_535);
    assert_eq!(ranges(&solo, &sent), [(2_001, 3_001)]);
    assert!(solo.ack(1, 5_001, 65_535).is_empty());
}

#[test]
fn partial_ack_of_a_re_segmented_retransmission() {
    let mut solo = Solo::established(5);
    solo.write(5_000);
    for _ in 0..3 {
        solo.ack(1, 1, 65_535);
    }
    // A peer whose path cut our segment acknowledges in its middle.
    let sent = solo.ack(1, 1_501, 65_535);
    assert_eq!(ranges(&solo, &sent), [(1_501, 2_501)]);
    let text: Vec<u8> = bytes(0, 5_000);
    assert_eq!(sent[0].text, text[1_500..2_500]);
    assert!(solo.ack(1, 5_001, 65_535).is_empty());
}

#[test]
fn only_the_first_partial_acknowledgement_restarts_the_timer() {
    let mut solo = Solo::established(5);
    solo.write(8_000);
    for _ in 0..3 {
        solo.ack(1, 1, 65_535);
    }
    solo.wait(Duration::from_millis(50));
    solo.ack(1, 1_001, 65_535);
    let due = solo.connection.poll_timeout();
    solo.wait(Duration::from_millis(50));
    solo.ack(1, 2_001, 65_535);
    assert_eq!(solo.connection.poll_timeout(), due);
}

#[test]
fn duplicates_after_a_timeout_do_not_halve_again() {
    let mut solo = Solo::established(5);
    solo.write(5_000);
    solo.next_timer(SECOND);
    let ssthresh = solo.connection.info(solo.now).ssthresh;
    for _ in 0..10 {
        solo.ack(1, 1, 65_535);
    }
    assert_eq!(solo.stats.fast_retransmits, 0);
    assert_eq!(solo.connection.info(solo.now).ssthresh, ssthresh);
}

#[test]
fn duplicates_with_sack_count_though_the_window_changes() {
    let options = Options { mss: Some(1000), sack_permitted: true, ..Options::default() };
    let config = Config { sack: true, ..plain() };
    for isn in PLACES {
        let mut solo = Solo::established_with(config, isn, options, 60_000);
        solo.write(5_000);
        let mut last = Vec::new();
        for count in 1..=3u16 {
            let mut sack = SackBlocks::new();
            sack.push(solo.iss + 1_001, solo.iss + 1_001 + 1_000 * u32::from(count));
            let options = Options { sack, ..Options::default() };
            let window = 60_000 - count;
            last = solo.arrive(1, 1, Segment { options, window, ..seg(Flags::ACK) });
        }
        assert_eq!(ranges(&solo, &last), [(1, 1_001)], "isn {isn}");
    }
}

#[test]
fn sack_arithmetic_at_2_31() {
    let options = Options { mss: Some(1000), sack_permitted: true, ..Options::default() };
    let config = Config { sack: true, ..plain() };
    for isn in PLACES {
        let mut solo = Solo::established_with(config, isn, options, 60_000);
        solo.write(5_000);
        let lies =
            [(9_000, 10_000), (4_000, 3_000), (1 << 31, (1 << 31) + 5), (1, 1), (5_000, 5_002)];
        for ((left, right), window) in lies.into_iter().zip(50_000..) {
            let mut sack = SackBlocks::new();
            sack.push(solo.iss + left, solo.iss + right);
            let options = Options { sack, ..Options::default() };
            solo.arrive(1, 1, Segment { options, window, ..seg(Flags::ACK) });
        }
        assert_eq!(solo.stats.fast_retransmits, 0, "isn {isn}");
    }
}

#[test]
fn a_lost_tail_is_recovered_by_the_timer() {
    assert_eq!(lost_tail(Config { sack: false, ..Config::default() }), (1, 0));
}

#[test] // RFC 8985, section 7
fn a_lost_tail_is_recovered_by_a_probe() {
    assert_eq!(lost_tail(Config::default()), (0, 1));
}

/// Timeouts and probes after the last of five segments was lost.
fn lost_tail(config: Config) -> (u64, u64) {
    let mut pair = Pair::established(config, config, 5);
    pair.client.to_write = bytes(0, 5_000);
    let mut lost = false;
    pair.fates = Box::new(move |way, _, owned| {
        let tail = way == Way::ToServer && owned.header.flags.psh && !lost;
        lost |= tail;
        if tail { Fate::Lost } else { Fate::Arrives }
    });
    pair.run_for(SECOND);
    assert_eq!(pair.server().received.len(), 5_000);
    assert_eq!(pair.client.stats.retrans_segs, 1);
    (pair.client.stats.timeouts, pair.client.stats.tlp_probes)
}

#[test]
fn a_retransmission_is_no_sample_without_timestamps() {
    let mut solo = Solo::established(5);
    let before = solo.connection.info(solo.now).rtt;
    solo.write(100);
    solo.next_timer(SECOND);
    solo.wait(Duration::from_millis(90));
    solo.ack(1, 101, 65_535);
    let info = solo.connection.info(solo.now);
    assert_eq!(info.rtt, before, "Karn's rule");
    assert_eq!(info.rto, Duration::from_millis(400), "the back-off stays until a sample");
}

#[test]
fn a_retransmission_is_a_sample_with_timestamps() {
    let config = Config { timestamps: true, ..plain() };
    let timestamps = Some(Timestamps { value: 1, echo: 0 });
    let options = Options { timestamps, mss: Some(1000), ..Options::default() };
    let mut solo = Solo::established_with(config, 5, options, 65_535);
    solo.write(100);
    let again = solo.next_timer(SECOND);
    let echo = again[0].header.options.timestamps.unwrap().value;
    solo.wait(Duration::from_millis(90));
    let options = Options { timestamps: Some(Timestamps { value: 2, echo }), ..Options::default() };
    solo.arrive(1, 101, Segment { options, ..seg(Flags::ACK) });
    let info = solo.connection.info(solo.now);
    assert_eq!(info.backoff, 0);
    assert!(info.rtt.is_some_and(|rtt| rtt > Duration::from_millis(10)));
}

#[test]
fn a_window_not_used_for_long_starts_anew() {
    let mut solo = Solo::established(5);
    for round in 0..3u32 {
        solo.write(10_000);
        for segment in 1..=10 {
            solo.ack(1, 1 + round * 10_000 + segment * 1_000, 65_535);
        }
    }
    assert!(solo.connection.info(solo.now).cwnd > 15_000);
    solo.wait(10 * SECOND);
    assert_eq!(solo.write(30_000).len(), 10);
}

#[test]
fn divided_acknowledgements_gain_nothing() {
    let mut solo = Solo::established(5);
    solo.write(10_000);
    for ack in 2..=1_001 {
        solo.ack(1, ack, 65_535);
    }
    assert_eq!(solo.connection.info(solo.now).cwnd, 11_000);
}
