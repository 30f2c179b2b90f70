//! Opening: active, passive, simultaneous, refused, unanswered.

use super::pair::{Fate, Pair, Way};
use super::solo::{Solo, seg};
use super::{PLACES, bytes, plain, start};
use crate::stack::stats::Stats;
use crate::tcp::{CloseReason, Config, Connection, Event, State};
use crate::time::{Duration, Instant};
use crate::wire::{Flags, Options, Segment, SeqNumber, Timestamps};

#[test]
fn three_segments_open_both_sides() {
    for isn in PLACES {
        let pair = Pair::established(Config::default(), Config::default(), isn);
        assert_eq!(pair.sent.len(), 3);
        assert!(pair.client.saw(Event::Established));
        assert!(pair.server.as_ref().is_some_and(|server| server.saw(Event::Established)));
        let info = pair.client.connection.info(pair.now);
        assert!(info.timestamps && info.sack);
        assert_eq!((info.snd_wscale, info.rcv_wscale), (3, 3));
        assert_eq!(info.rtt, Some(Duration::from_millis(10)));
    }
}

#[test]
fn options_count_only_if_both_sides_have_them() {
    let all = Config::default();
    for (name, client, server) in [("client", plain(), all), ("server", all, plain())] {
        let pair = Pair::established(client, server, 5);
        for end in [&pair.client, pair.server.as_ref().unwrap()] {
            let info = end.connection.info(pair.now);
            assert!(!info.timestamps && !info.sack, "{name} has none");
            assert_eq!((info.snd_wscale, info.rcv_wscale), (0, 0), "{name} has none");
        }
        let last = &pair.sent[2].2;
        assert_eq!(last.header.options, Options::default(), "{name} has none");
    }
}

#[test]
fn scale_applied_on_a_syn() {
    let config = Config { receive_buffer: 1 << 20, ..Config::default() };
    let mut pair = Pair::established(config, config, 5);
    for (_, _, owned) in &pair.sent[..2] {
        assert_eq!(owned.header.window, 65_535);
    }
    // What the SYN offered is not scaled by its receiver either; what follows is.
    assert_eq!(pair.client.connection.info(pair.now).snd_wnd, 65_535);
    pair.server().to_write = vec![1];
    pair.run_for(Duration::from_millis(100));
    assert_eq!(pair.client.connection.info(pair.now).snd_wnd, 65_536);
}

#[test]
fn a_lost_syn_is_sent_again_after_a_second_then_two() {
    let mut pair = Pair::new(Config::default(), Config::default(), 5);
    pair.fates = Box::new(|_, number, _| if number < 2 { Fate::Lost } else { Fate::Arrives });
    pair.run_for(Duration::from_secs(10));
    assert_eq!(pair.states(), (State::Established, State::Established));
    let times: Vec<u64> = pair.sent[..3].iter().map(|(at, ..)| at.as_millis()).collect();
    assert_eq!(times, [1_000, 2_000, 4_000]);
    assert_eq!(pair.client.stats.syn_retrans, 2);
    // RFC 5681, section 3.1: one segment is the initial window after a lost SYN.
    assert_eq!(pair.client.connection.info(pair.now).cwnd, 1000);
}

#[test]
fn a_lost_syn_ack_is_sent_again() {
    for lost in [1, 2] {
        let mut pair = Pair::new(Config::default(), Config::default(), 5);
        pair.fates =
            Box::new(move |_, number, _| if number == lost { Fate::Lost } else { Fate::Arrives });
        pair.run_for(Duration::from_secs(10));
        assert_eq!(pair.states(), (State::Established, State::Established), "lost {lost}");
    }
}

#[test]
fn a_duplicate_syn_makes_no_second_connection_and_no_reset() {
    let mut pair = Pair::new(Config::default(), Config::default(), 5);
    pair.fates = Box::new(|_, _, _| Fate::Twice);
    pair.run_for(Duration::from_secs(3));
    assert_eq!(pair.states(), (State::Established, State::Established));
    assert!(pair.sent.iter().all(|(.., owned)| !owned.header.flags.rst));
}

#[test]
fn an_unanswered_syn_gives_up() {
    let config = Config { syn_retries: 2, ..Config::default() };
    let mut pair = Pair::new(config, config, 5);
    pair.fates = Box::new(|_, _, _| Fate::Lost);
    pair.run_for(Duration::from_secs(30));
    assert_eq!(pair.sent.len(), 3);
    let closed = Event::Closed(CloseReason::TimedOut);
    assert_eq!(pair.client.events, [Event::Overdue, Event::Overdue, closed]);
    assert_eq!(pair.client.stats.attempt_fails, 1);
    assert_eq!(pair.client.connection.poll_timeout(), None);
}

#[test]
fn a_reset_of_the_syn_refuses() {
    for isn in PLACES {
        let mut solo = Solo::connecting(plain(), isn);
        // One without ACK, or of something else, is nobody's.
        assert!(solo.arrive(0, 0, seg(Flags::RST)).is_empty());
        assert!(solo.arrive(0, 2, seg(Flags::RST_ACK)).is_empty());
        assert_eq!(solo.connection.state(), State::SynSent);
        assert!(solo.arrive(0, 1, seg(Flags::RST_ACK)).is_empty());
        assert_eq!(solo.events(), [Event::Closed(CloseReason::Refused)]);
    }
}

#[test]
fn an_old_connection_of_the_peer_is_reset_and_the_syn_hurries() {
    let mut solo = Solo::connecting(plain(), 5);
    let sent = solo.ack(500, 9_000, 100);
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert_eq!((sent[0].header.flags, sent[0].header.seq), (Flags::RST, solo.iss + 9_000));
    assert_eq!((sent[1].header.flags, sent[1].header.seq), (Flags::SYN, solo.iss));
    for _ in 0..10 {
        solo.ack(500, 9_000, 100);
    }
    assert!(solo.stats.syn_retrans <= 3, "SYNs hurry for ever");
    let syn_ack = Segment { window: 100, ..seg(Flags::SYN_ACK) };
    solo.arrive(0, 1, syn_ack);
    assert_eq!(solo.connection.state(), State::Established);
}

#[test]
fn both_sides_open_at_once() {
    for isn in PLACES {
        let now = Instant::from_millis(5);
        let mut stats = Stats::default();
        let mut ends = [
            Connection::connect(now, &Config::default(), start(isn)),
            Connection::connect(now, &Config::default(), start(isn.wrapping_add(99))),
        ];
        for _ in 0..10 {
            let sent = ends.each_mut().map(|end| {
                let mut sent = Vec::new();
                while let Some(seg) = end.poll_transmit(now, &mut stats) {
                    sent.push(super::Owned::of(&seg));
                }
                sent
            });
            let [left, right] = &mut ends;
            for owned in &sent[0] {
                right.handle_segment(now, &owned.segment(), &mut stats);
            }
            for owned in &sent[1] {
                left.handle_segment(now, &owned.segment(), &mut stats);
            }
        }
        for end in &mut ends {
            assert_eq!(end.state(), State::Established, "isn {isn}");
            end.assert_invariants();
            assert!(end.poll_transmit(now, &mut stats).is_none());
        }
    }
}

#[test]
fn buffers_per_syn() {
    let now = Instant::from_millis(5);
    let text = bytes(0, 500);
    let syn = Segment { text: text.as_slice().into(), ..seg(Flags::SYN) };
    let server = Connection::accept(now, &Config::default(), start(100), &syn);
    assert_eq!(server.info(now).buffers, 0);
}

#[test]
fn syn_with_ece_and_cwr_is_answered_without() {
    let now = Instant::from_millis(5);
    let syn = seg(Flags::SYN | Flags::ECE | Flags::CWR);
    let mut server = Connection::accept(now, &plain(), start(100), &syn);
    let answer = server.poll_transmit(now, &mut Stats::default()).map(|seg| seg.flags);
    assert_eq!(answer, Some(Flags::SYN_ACK));
}

#[test]
fn a_bad_acknowledgement_in_syn_received_is_reset() {
    let now = Instant::from_millis(5);
    let mut stats = Stats::default();
    let syn = Segment { seq: SeqNumber::new(9), ..seg(Flags::SYN) };
    let mut server = Connection::accept(now, &plain(), start(100), &syn);
    assert!(server.poll_transmit(now, &mut stats).is_some_and(|s| s.flags == Flags::SYN_ACK));
    let bad = Segment { seq: SeqNumber::new(10), ack: SeqNumber::new(500), ..seg(Flags::ACK) };
    server.handle_segment(now, &bad, &mut stats);
    let reset = server.poll_transmit(now, &mut stats).map(|seg| (seg.flags, seg.seq));
    assert_eq!(reset, Some((Flags::RST, SeqNumber::new(500))));
    assert_eq!(server.state(), State::SynReceived);
}

#[test]
fn a_hard_unreachable_ends_an_attempt_and_no_open_connection() {
    let mut solo = Solo::connecting(plain(), 5);
    solo.connection.handle_unreachable(solo.now, true, solo.iss + 100);
    assert_eq!(solo.connection.state(), State::SynSent, "it quotes nothing in flight");
    solo.connection.handle_unreachable(solo.now, false, solo.iss);
    assert_eq!(solo.connection.state(), State::SynSent, "a soft one only explains");
    solo.connection.handle_unreachable(solo.now, true, solo.iss);
    assert_eq!(solo.events(), [Event::Closed(CloseReason::Unreachable)]);

    let mut solo = Solo::established(5);
    solo.write(10);
    solo.connection.handle_unreachable(solo.now, true, solo.iss + 1);
    assert_eq!(solo.connection.state(), State::Established);
}

#[test]
fn silence_after_a_soft_unreachable_is_called_that() {
    let config = Config { syn_retries: 1, ..plain() };
    let mut solo = Solo::connecting(config, 5);
    solo.connection.handle_unreachable(solo.now, false, solo.iss);
    solo.next_timer(Duration::from_secs(1));
    solo.next_timer(Duration::from_secs(2));
    let closed = Event::Closed(CloseReason::Unreachable);
    assert_eq!(solo.events(), [Event::Overdue, closed]);
}

#[test]
fn what_is_written_and_finished_before_the_handshake_waits_for_it() {
    let mut pair = Pair::new(Config::default(), Config::default(), 5);
    pair.client.to_write = super::bytes(0, 3_000);
    pair.client.finish_when_written = true;
    pair.run_for(Duration::from_secs(1));
    assert!(pair.server().received == super::bytes(0, 3_000));
    assert!(pair.server().eof);
    assert_eq!(pair.states(), (State::FinWait2, State::CloseWait));
}

#[test]
fn a_tiny_segment_size_is_not_believed() {
    let options = Options { mss: Some(1), ..Options::default() };
    let solo = Solo::established_with(plain(), 5, options, 65_535);
    assert_eq!(solo.connection.info(solo.now).snd_mss, 48);
    let solo = Solo::established_with(plain(), 5, Options::default(), 65_535);
    assert_eq!(solo.connection.info(solo.now).snd_mss, 536);
}

#[test]
fn text_on_a_syn_ack_is_taken() {
    let mut solo = Solo::connecting(plain(), 5);
    let text = super::bytes(0, 10);
    let syn_ack = Segment { text: text.as_slice().into(), ..seg(Flags::SYN_ACK) };
    let sent = solo.arrive(0, 1, syn_ack);
    solo.assert_ack(&sent, 11);
    assert_eq!(solo.read(), text);
}

#[test]
fn a_connection_without_timestamps_from_the_peer_sends_none() {
    let options = Options {
        timestamps: Some(Timestamps { value: 9, echo: 0 }),
        mss: Some(1000),
        ..Options::default()
    };
    let mut solo = Solo::established_with(plain(), 5, options, 65_535);
    assert_eq!(solo.write(1)[0].header.options, Options::default());
}

#[test]
fn segments_of_the_handshake_go_the_expected_ways() {
    let pair = Pair::established(plain(), plain(), 5);
    let flags: Vec<_> =
        pair.sent.iter().map(|(_, way, owned)| (*way, owned.header.flags)).collect();
    assert_eq!(
        flags,
        [(Way::ToServer, Flags::SYN), (Way::ToClient, Flags::SYN_ACK), (Way::ToServer, Flags::ACK)]
    );
}
