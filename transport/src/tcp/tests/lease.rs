//! What a lease asks, on connections that run.

use super::pair::{Fate, Pair};
use super::solo::{Solo, seg};
use super::{PLACES, bytes, plain};
use crate::tcp::{CloseReason, Config, Event, LeaseFigures, Quiescence, State};
use crate::time::Duration;
use crate::wire::{Flags, Segment, Text};

const SECOND: Duration = Duration::from_secs(1);
const FIN_ACK: Flags = Flags { fin: true, ack: true, ..Flags::NONE };

/// A connection that served one lease, ready for the next: 100 bytes went, 50 came.
fn reused(isn: u32) -> Solo {
    let mut solo = Solo::established(isn);
    solo.write(100);
    solo.text(1, 50, 101);
    assert_eq!(solo.read(), bytes(1, 50));
    assert_eq!(solo.connection.quiescence(), Quiescence::Clean);
    solo.connection.begin_lease(true);
    solo.events();
    solo
}

#[test]
fn text_sent_before_the_peer_saw_the_lease_is_never_delivered() {
    for isn in PLACES {
        for written in [0, 40] {
            let mut solo = reused(isn);
            if written > 0 {
                solo.write(written);
            }
            let sent = solo.text(51, 10, 101);
            assert!(sent[0].header.flags.rst, "isn {isn}");
            assert_eq!(solo.connection.readable_bytes(), 0);
            let foreign = Event::Closed(CloseReason::ForeignText);
            assert_eq!(solo.events(), [Event::ForeignText, foreign]);
        }
    }
}

#[test]
fn an_answer_to_the_lease_is_delivered() {
    for isn in PLACES {
        let mut solo = reused(isn);
        solo.write(40);
        solo.text(51, 10, 102);
        assert_eq!(solo.read(), bytes(51, 10));
        assert!(solo.connection.lease_figures().peer_spoke);
    }
}

#[test]
fn repeated_text_of_the_lease_before_is_not_foreign() {
    let mut solo = reused(5);
    solo.write(40);
    let sent = solo.text(1, 50, 101);
    solo.assert_ack(&sent, 51);
    assert_eq!(solo.connection.state(), State::Established);
}

#[test]
fn early_foreign_text_is_caught_before_it_waits() {
    let mut solo = reused(5);
    solo.text(60, 10, 101);
    let foreign = Event::Closed(CloseReason::ForeignText);
    assert_eq!(solo.events(), [Event::Gap, Event::ForeignText, foreign]);
}

#[test]
fn on_a_new_connection_the_peer_may_speak_first() {
    let mut solo = Solo::established(5);
    solo.connection.begin_lease(false);
    solo.text(1, 10, 1);
    assert_eq!(solo.read(), bytes(1, 10));
}

#[test]
fn quiescence_names_the_first_reason() {
    let mut solo = Solo::established(5);
    assert_eq!(solo.connection.quiescence(), Quiescence::Clean);
    solo.write(10);
    assert_eq!(solo.connection.quiescence(), Quiescence::Unacknowledged { bytes: 10 });
    solo.text(11, 5, 1);
    assert_eq!(solo.connection.quiescence(), Quiescence::OutOfOrder);
    solo.ack(16, 1, 0);
    solo.write(20);
    assert_eq!(solo.connection.quiescence(), Quiescence::Unsent { bytes: 20 });
    solo.text(1, 5, 1);
    assert_eq!(solo.connection.quiescence(), Quiescence::Unread { bytes: 5 });

    let mut solo = Solo::established(5);
    solo.arrive(1, 1, seg(FIN_ACK));
    assert_eq!(solo.connection.quiescence(), Quiescence::HalfClosed);
    let mut solo = Solo::established(5);
    solo.connection.finish(solo.now).unwrap();
    assert_eq!(solo.connection.quiescence(), Quiescence::HalfClosed);
    solo.connection.abort(solo.now);
    assert_eq!(solo.connection.quiescence(), Quiescence::HalfClosed);
}

#[test]
fn a_fin_behind_a_hole_is_seen() {
    let mut solo = Solo::established(5);
    solo.arrive(11, 1, seg(FIN_ACK));
    assert_eq!(solo.connection.quiescence(), Quiescence::HalfClosed);
}

#[test]
fn the_repeated_byte_is_the_real_one_and_its_answer_is_known() {
    for isn in PLACES {
        let mut solo = reused(isn);
        assert!(solo.connection.repeat_last_byte(solo.now));
        let sent = solo.transmit();
        assert_eq!(solo.numbers(&sent[0]), (100, 101, 51));
        assert_eq!(sent[0].text, bytes(99, 1));
        assert_eq!(solo.events(), []);
        solo.ack(51, 101, 65_535);
        assert_eq!(solo.events(), [Event::Answered]);
        solo.ack(51, 101, 65_535);
        assert_eq!(solo.events(), [], "once");
        let info = solo.connection.info(solo.now);
        assert_eq!((info.bytes_retrans, info.retransmits), (0, 0), "no loss recovery");
    }
}

#[test]
fn a_repeat_does_not_take_the_place_of_an_acknowledgement() {
    let mut solo = Solo::established(5);
    let next = solo.use_up_quick_acks();
    solo.write(10);
    assert!(solo.text(next, 10, 11).is_empty(), "delayed");
    solo.connection.repeat_last_byte(solo.now);
    assert_eq!(solo.transmit().len(), 1);
    let sent = solo.next_timer(Duration::from_millis(40));
    solo.assert_ack(&sent, next + 10);
}

#[test]
fn a_repeat_while_unacknowledged_settles() {
    let mut pair = Pair::established(plain(), plain(), 5);
    let now = pair.now;
    pair.client.connection.write(now, &bytes(0, 10)).unwrap();
    pair.run_for(Duration::from_millis(1));
    let quiescence = pair.client.connection.quiescence();
    assert_eq!(quiescence, Quiescence::Unacknowledged { bytes: 10 });
    assert!(pair.client.connection.repeat_last_byte(pair.now));
    pair.run_for(SECOND);
    assert!(pair.client.saw(Event::Answered) && pair.client.saw(Event::Acknowledged));
    assert_eq!(pair.client.connection.quiescence(), Quiescence::Clean);
    assert_eq!(pair.client.stats.retrans_segs, 0);
}

#[test]
fn nothing_was_sent_so_nothing_can_be_repeated() {
    let mut solo = Solo::established(5);
    assert!(!solo.connection.repeat_last_byte(solo.now));
    solo.write(1);
    assert!(solo.connection.repeat_last_byte(solo.now));
    solo.connection.finish(solo.now).unwrap();
    assert!(!solo.connection.repeat_last_byte(solo.now));
}

#[test]
fn a_peer_with_text_under_way_does_not_answer() {
    let mut solo = reused(5);
    solo.connection.repeat_last_byte(solo.now);
    solo.transmit();
    // The peer stands ten bytes further: they are under way.
    solo.ack(61, 101, 65_535);
    assert_eq!(solo.events(), [Event::Gap]);
}

#[test]
fn what_begins_beyond_a_gap_says_that_something_is_under_way() {
    for isn in PLACES {
        for (what, segment) in [
            ("an acknowledgement", seg(Flags::ACK)),
            ("text", Segment { text: Text::from([1, 2].as_slice()), ..seg(Flags::ACK) }),
            ("a FIN", seg(FIN_ACK)),
        ] {
            let mut solo = Solo::established(isn);
            solo.events();
            solo.arrive(1, 1, seg(Flags::ACK));
            assert_eq!(solo.events(), [], "nothing is missing, isn {isn}");
            solo.arrive(11, 1, segment);
            assert_eq!(solo.events(), [Event::Gap], "{what} beyond RCV.NXT, isn {isn}");
        }
    }
}

#[test]
fn a_gap_behind_which_text_waits_is_told_once() {
    let mut solo = Solo::established(5);
    solo.events();
    solo.text(11, 10, 1);
    assert_eq!(solo.events(), [Event::Gap]);
    solo.text(21, 10, 1);
    assert_eq!(solo.events(), []);
    solo.text(1, 10, 1);
    assert_eq!(solo.events(), [Event::Readable]);
}

#[test]
fn figures_count_the_leases_own_bytes() {
    for isn in PLACES {
        let mut solo = reused(isn);
        let nothing =
            LeaseFigures { bytes_sent: 0, bytes_acked: 0, peer_spoke: false, proof: false };
        assert_eq!(solo.connection.lease_figures(), nothing);
        solo.write(3_000);
        solo.ack(51, 101 + 1_200, 65_535);
        let figures = solo.connection.lease_figures();
        assert_eq!((figures.bytes_sent, figures.bytes_acked), (3_000, 1_200));
        solo.ack(51, 101 + 3_000, 0);
        solo.write(500);
        assert_eq!(solo.connection.lease_figures().bytes_sent, 3_000);
        solo.next_timer(SECOND);
        assert_eq!(solo.connection.lease_figures().bytes_sent, 3_001, "a probe's byte has left");
    }
}

#[test]
fn figures_before_the_handshake() {
    let mut solo = Solo::connecting(plain(), u32::MAX);
    solo.connection.begin_lease(false);
    solo.write(100);
    assert_eq!(solo.connection.lease_figures().bytes_sent, 0);
    solo.arrive(0, 1, seg(Flags::SYN_ACK));
    assert_eq!(solo.connection.lease_figures().bytes_sent, 100);
}

#[test]
fn a_request_that_crosses_the_close_of_the_peer_is_proved_unread() {
    for isn in PLACES {
        // The peer's process is gone: its FIN crosses our request, which its TCP answers with a
        // bare reset of the number that the request acknowledged, from before the FIN.
        let mut solo = reused(isn);
        let request = solo.write(40);
        solo.arrive(51, 101, seg(FIN_ACK));
        solo.events();
        let reset = Segment { seq: request[0].header.ack, ..seg(Flags::RST) };
        solo.connection.handle_segment(solo.now, &reset, &mut solo.stats);
        assert!(solo.connection.lease_figures().proof, "isn {isn}");
        assert_eq!(solo.events(), [Event::Closed(CloseReason::ResetByPeer)]);
    }
}

#[test]
fn a_request_sent_twice_or_in_two_segments_is_not_proved_unread() {
    type Prepare = fn(&mut Solo);
    let twice: Prepare = |solo| {
        solo.write(40);
        solo.next_timer(SECOND);
    };
    let two_segments: Prepare = |solo| {
        solo.write(1_500);
    };
    for prepare in [twice, two_segments] {
        let mut solo = reused(5);
        prepare(&mut solo);
        solo.arrive(51, 0, seg(Flags::RST));
        assert_eq!(solo.connection.state(), State::Closed);
        assert!(!solo.connection.lease_figures().proof);
    }
}

#[test]
fn figures_survive_the_reset() {
    let mut solo = reused(5);
    solo.write(40);
    solo.arrive(51, 101, seg(Flags::RST_ACK));
    let figures = solo.connection.lease_figures();
    assert_eq!((figures.bytes_sent, figures.bytes_acked, figures.proof), (40, 0, true));
}

#[test]
fn a_settling_lease_survives_loss_by_a_probe() {
    let mut pair = Pair::established(Config::default(), Config::default(), 5);
    let first = pair.sent.len();
    pair.fates =
        Box::new(move |_, number, _| if number <= first + 1 { Fate::Lost } else { Fate::Arrives });
    let now = pair.now;
    pair.client.connection.write(now, &bytes(0, 10)).unwrap();
    pair.run_for(Duration::from_millis(1));
    pair.client.connection.repeat_last_byte(pair.now);
    pair.run_for(SECOND);
    assert_eq!(pair.server().received, bytes(0, 10));
    assert_eq!((pair.client.stats.tlp_probes, pair.client.stats.timeouts), (1, 0));
}

#[test]
fn foreign_text_beside_a_fin_is_foreign() {
    let mut solo = reused(5);
    let text = Text::from([1, 2].as_slice());
    solo.arrive(51, 101, Segment { text, ..seg(FIN_ACK) });
    assert_eq!(solo.events()[0], Event::ForeignText);
}
