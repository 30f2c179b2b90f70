//! Flow control: windows, silly windows, probes, delayed acknowledgements, Nagle.

use super::pair::Pair;
use super::solo::{Solo, seg};
use super::{PLACES, bytes, plain};
use crate::tcp::{CloseReason, Config, Event, Setting, State};
use crate::time::Duration;
use crate::wire::{Flags, Options, Segment, Text};

const SECOND: Duration = Duration::from_secs(1);
/// The peer names a segment size and nothing else.
fn mss() -> Options {
    Options { mss: Some(1000), ..Options::default() }
}

#[test]
fn text_that_comes_early_is_kept_reported_and_joined() {
    let config = Config { sack: true, ..plain() };
    let options = Options { sack_permitted: true, ..mss() };
    for isn in PLACES {
        let mut solo = Solo::established_with(config, isn, options, 65_535);
        let sent = solo.text(1_001, 1_000, 1);
        solo.assert_ack(&sent, 1);
        let blocks: Vec<_> = sent[0].header.options.sack.iter().collect();
        assert_eq!(blocks, [(solo.irs + 1_001, solo.irs + 2_001)]);
        let sent = solo.text(3_001, 1_000, 1);
        let blocks: Vec<_> = sent[0].header.options.sack.iter().collect();
        assert_eq!(blocks[0], (solo.irs + 3_001, solo.irs + 4_001), "the newest first");
        let sent = solo.text(1, 1_000, 1);
        solo.assert_ack(&sent, 2_001);
        let sent = solo.text(2_001, 1_000, 1);
        solo.assert_ack(&sent, 4_001);
        assert!(sent[0].header.options.sack.is_empty());
        assert_eq!(solo.read(), bytes(1, 4_000));
    }
}

#[test]
fn out_of_order_room_below_the_advertised_window() {
    let config = Config { receive_buffer: 10_000, ..plain() };
    let mut solo = Solo::established_with(config, u32::MAX - 3_000, mss(), 65_535);
    for segment in (1..10u32).rev() {
        solo.text(segment * 1_000 + 1, 1_000, 1);
    }
    let sent = solo.text(1, 1_000, 1);
    solo.assert_ack(&sent, 10_001);
    assert_eq!(solo.read(), bytes(1, 10_000));
    assert_eq!(solo.stats.rcv_pruned, 0);
}

#[test]
fn text_beyond_the_window_is_trimmed_and_old_text_answered() {
    let config = Config { receive_buffer: 1_500, ..plain() };
    let mut solo = Solo::established_with(config, 5, mss(), 65_535);
    solo.text(1, 1_000, 1);
    let sent = solo.text(1_001, 1_000, 1);
    solo.assert_ack(&sent, 1_501);
    assert_eq!(sent[0].header.window, 0);
    let sent = solo.text(1, 1_000, 1);
    solo.assert_ack(&sent, 1_501);
    let sent = solo.text(1_501, 1, 1);
    solo.assert_ack(&sent, 1_501);
    assert_eq!(solo.read(), bytes(1, 1_500));
}

#[test]
fn window_update_kept_back_with_the_delayed_ack() {
    let config = Config { receive_buffer: 4_000, ..plain() };
    let mut solo = Solo::established_with(config, 5, mss(), 65_535);
    for segment in 0..4 {
        solo.text(1 + segment * 1_000, 1_000, 1);
    }
    let mut out = [0; 1_999];
    solo.connection.read(solo.now, &mut out).unwrap();
    assert!(solo.transmit().is_empty(), "too little to tell");
    solo.connection.read(solo.now, &mut out[..1]).unwrap();
    let sent = solo.transmit();
    solo.assert_ack(&sent, 4_001);
    assert_eq!(sent[0].header.window, 2_000);
}

#[test]
fn the_acknowledgement_of_a_lone_segment_waits_40_ms() {
    let mut solo = Solo::established(5);
    let next = solo.use_up_quick_acks();
    assert!(solo.text(next, 100, 1).is_empty());
    let before = solo.now;
    let sent = solo.next_timer(SECOND);
    assert_eq!(solo.now.since(before), Duration::from_millis(40));
    solo.assert_ack(&sent, next + 100);
    assert_eq!(solo.stats.delayed_acks, 1);
    assert_eq!(solo.connection.poll_timeout(), None);
}

#[test]
fn an_acknowledgement_rides_on_text() {
    let mut solo = Solo::established(5);
    let next = solo.use_up_quick_acks();
    assert!(solo.text(next, 100, 1).is_empty());
    let sent = solo.write(10);
    assert_eq!(sent.len(), 1);
    assert_eq!(solo.numbers(&sent[0]).2, next + 100);
    assert!(solo.stats.delayed_acks == 0 && solo.transmit().is_empty());
}

#[test]
fn a_pure_acknowledgement_is_never_acknowledged() {
    let mut solo = Solo::established(5);
    for window in [65_535, 1_000, 0, 65_535] {
        assert!(solo.ack(1, 1, window).is_empty());
    }
}

#[test]
fn nagle_holds_a_small_segment_back_until_the_first_is_acknowledged() {
    let config = Config { nagle: true, ..plain() };
    let mut solo = Solo::established_with(config, 5, mss(), 65_535);
    assert_eq!(solo.write(10).len(), 1);
    assert!(solo.write(10).is_empty());
    let sent = solo.ack(1, 11, 65_535);
    assert_eq!(solo.numbers(&sent[0]), (11, 21, 1));
    assert!(solo.write(10).is_empty());
    solo.connection.set(solo.now, Setting::Nagle(false));
    assert_eq!(solo.transmit().len(), 1);
}

#[test]
fn nagle_does_not_hold_the_fin_back() {
    let config = Config { nagle: true, ..plain() };
    let mut solo = Solo::established_with(config, 5, mss(), 65_535);
    solo.write(10);
    solo.write(10);
    solo.connection.finish(solo.now).unwrap();
    let sent = solo.transmit();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].header.flags.fin && sent[0].text.len() == 10);
}

#[test]
fn peer_shrinks_its_window() {
    for isn in PLACES {
        let mut solo = Solo::established(isn);
        assert_eq!(solo.write(8_000).len(), 8);
        assert!(solo.ack(1, 1_001, 2_000).is_empty());
        let info = solo.connection.info(solo.now);
        assert_eq!((info.unacked, info.snd_wnd), (7_000, 2_000));
        solo.write(1_000);
        assert!(solo.ack(1, 3_001, 0).is_empty());
        // What is out beyond the window probes it.
        let sent = solo.next_timer(SECOND);
        assert_eq!(solo.numbers(&sent[0]), (3_001, 3_002, 1));
        let sent = solo.ack(1, 3_001, 10_000);
        assert_eq!(solo.numbers(&sent[0]), (3_001, 4_001, 1), "what was refused goes again");
    }
}

#[test]
fn a_closed_window_is_probed_with_a_byte_and_backs_off() {
    for isn in PLACES {
        let mut solo = Solo::established(isn);
        solo.write(1_000);
        solo.ack(1, 1_001, 0);
        assert!(solo.write(500).is_empty());
        let mut waited = Vec::new();
        for _ in 0..4 {
            let before = solo.now;
            let sent = solo.next_timer(10 * SECOND);
            waited.push(solo.now.since(before).as_millis());
            assert_eq!(sent.len(), 1);
            assert_eq!(solo.numbers(&sent[0]), (1_001, 1_002, 1));
        }
        assert_eq!(waited, [200, 400, 800, 1_600]);
        assert_eq!(solo.stats.zero_window_probes, 4);
        let sent = solo.ack(1, 1_001, 5_000);
        assert_eq!(solo.numbers(&sent[0]), (1_001, 1_501, 1));
        assert_eq!(solo.stats.retrans_segs, 0);
    }
}

#[test]
fn probes_back_off_though_they_are_answered() {
    let mut solo = Solo::established_with(plain(), 5, mss(), 0);
    solo.write(500);
    let mut waited = Vec::new();
    for _ in 0..4 {
        let before = solo.now;
        solo.next_timer(10 * SECOND);
        waited.push(solo.now.since(before).as_millis());
        solo.ack(1, 1, 0);
    }
    assert_eq!(waited, [200, 400, 800, 1_600]);
}

#[test]
fn a_probe_that_is_taken_counts() {
    let mut solo = Solo::established(5);
    solo.write(1_000);
    solo.ack(1, 1_001, 0);
    solo.write(500);
    solo.next_timer(SECOND);
    assert!(solo.ack(1, 1_002, 0).is_empty());
    let sent = solo.next_timer(SECOND);
    assert_eq!(solo.numbers(&sent[0]), (1_002, 1_003, 1));
    let sent = solo.ack(1, 1_003, 5_000);
    assert_eq!(solo.numbers(&sent[0]), (1_003, 1_501, 1));
    assert_eq!(sent[0].text, bytes(0, 500)[2..]);
}

#[test]
fn a_probe_that_takes_the_last_byte_ends_the_probing() {
    let mut solo = Solo::established_with(plain(), 5, mss(), 0);
    solo.write(1);
    let sent = solo.next_timer(SECOND);
    assert!(sent[0].header.flags.psh);
    solo.ack(1, 2, 0);
    assert_eq!(solo.connection.poll_timeout(), None);
    assert_eq!(solo.events(), [Event::Established, Event::Acknowledged]);
}

#[test]
fn a_peer_that_answers_probes_may_keep_its_window_closed() {
    let config = Config { retries: 3, ..plain() };
    let mut solo = Solo::established_with(config, 5, mss(), 0);
    solo.write(10);
    for _ in 0..50 {
        assert_eq!(solo.next_timer(61 * SECOND).len(), 1);
        solo.ack(1, 1, 0);
    }
    assert_eq!(solo.connection.state(), State::Established);
    for _ in 0..3 {
        solo.next_timer(61 * SECOND);
    }
    let sent = solo.next_timer(61 * SECOND);
    assert!(sent[0].header.flags.rst, "one that does not is given up");
    assert_eq!(solo.events().last(), Some(&Event::Closed(CloseReason::TimedOut)));
}

#[test]
fn no_timer_with_unsent_data() {
    let config = Config { nagle: true, ..plain() };
    for window in [0, 1, 300, 999] {
        let mut solo = Solo::established_with(config, 5, mss(), window);
        solo.write(5_000);
        assert!(solo.connection.poll_timeout().is_some(), "window {window}");
    }
}

#[test]
fn a_window_that_stays_small_is_used_after_a_while() {
    let mut solo = Solo::established_with(plain(), 5, mss(), 5_000);
    solo.write(5_000);
    assert!(solo.ack(1, 5_001, 300).is_empty());
    assert!(solo.write(5_000).is_empty(), "a silly window");
    let sent = solo.next_timer(SECOND);
    assert_eq!(solo.numbers(&sent[0]), (5_001, 5_301, 1));
    assert_eq!(solo.stats.zero_window_probes, 0);
}

#[test]
fn half_of_the_largest_window_is_worth_sending() {
    let mut solo = Solo::established_with(plain(), 5, mss(), 600);
    let sent = solo.write(5_000);
    assert_eq!(solo.numbers(&sent[0]), (1, 601, 1));
    let sent = solo.ack(1, 601, 299);
    assert!(sent.is_empty());
    let sent = solo.ack(1, 601, 300);
    assert_eq!(solo.numbers(&sent[0]), (601, 901, 1));
}

#[test]
fn two_zero_window_ends_ack_each_other_for_ever() {
    let config = Config { receive_buffer: 3_000, send_buffer: 10_000, ..plain() };
    let mut pair = Pair::established(config, config, u32::MAX - 2_000);
    pair.client.reads = false;
    pair.server().reads = false;
    pair.client.to_write = bytes(0, 10_000);
    pair.server().to_write = bytes(0, 10_000);
    pair.run_for(SECOND);
    let before = pair.sent.len();
    pair.run_for(60 * SECOND);
    let probes = pair.client.stats.zero_window_probes + pair.server().stats.zero_window_probes;
    assert!(probes >= 4, "{probes}");
    let sent = pair.sent.len() - before;
    assert!(sent <= 2 * usize::try_from(probes).unwrap() + 4, "{sent} segments, {probes} probes");
    pair.client.reads = true;
    pair.server().reads = true;
    pair.run_for(200 * SECOND);
    assert_eq!(pair.client.received, bytes(0, 10_000));
    assert_eq!(pair.server().received, bytes(0, 10_000));
}

#[test]
fn both_sides_silly_window_rules_deadlock_a_tiny_window() {
    for receive_buffer in [1, 2, 100, 999, 1_001] {
        let config = Config { receive_buffer, nagle: true, ..plain() };
        let mut pair = Pair::established(config, config, 5);
        pair.client.to_write = bytes(0, 2 * receive_buffer + 1);
        pair.run_for(20 * SECOND);
        assert_eq!(pair.server().received.len(), 2 * receive_buffer + 1, "{receive_buffer}");
    }
}

#[test]
fn writable_follows_a_write_that_was_not_taken_whole() {
    let config = Config { send_buffer: 3_000, ..plain() };
    let mut solo = Solo::established_with(config, 5, mss(), 65_535);
    solo.events();
    assert_eq!(solo.connection.write(solo.now, &bytes(0, 5_000)), Ok(3_000));
    assert_eq!(solo.connection.write(solo.now, &bytes(0, 1)), Ok(0));
    assert_eq!(solo.connection.writable_bytes(), 0);
    solo.transmit();
    solo.ack(1, 501, 65_535);
    assert_eq!(solo.events(), []);
    solo.ack(1, 1_001, 65_535);
    assert_eq!(solo.events(), [Event::Writable]);
    solo.ack(1, 3_001, 65_535);
    assert_eq!(solo.events(), [Event::Acknowledged]);
}

#[test]
fn one_byte_segments_are_bounded() {
    let mut solo = Solo::established(5);
    for place in 0..1_000u32 {
        solo.text(3 + 2 * place, 1, 1);
    }
    assert_eq!(solo.stats.rcv_pruned, 1_000 - 64);
    solo.text(1, 2_000, 1);
    assert_eq!(solo.read(), bytes(1, 2_000));
}

#[test]
fn a_push_marks_the_end_of_what_was_written() {
    let mut solo = Solo::established(5);
    let pushes: Vec<bool> = solo.write(2_500).iter().map(|owned| owned.header.flags.psh).collect();
    assert_eq!(pushes, [false, false, true]);
}

#[test]
fn the_acknowledgement_on_text_into_a_closed_window_counts() {
    let config = Config { receive_buffer: 1_000, ..plain() };
    let mut solo = Solo::established_with(config, 5, mss(), 65_535);
    solo.text(1, 1_000, 1);
    solo.write(100);
    let text = Segment { text: Text::from([1, 2, 3].as_slice()), ..seg(Flags::ACK) };
    let sent = solo.arrive(1_001, 101, text);
    solo.assert_ack(&sent, 1_001);
    assert_eq!(solo.connection.info(solo.now).unacked, 0);
}
