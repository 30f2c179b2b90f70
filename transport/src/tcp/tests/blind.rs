//! Segments of somebody who cannot see the connection: RFC 5961; and old ones: RFC 7323, section 5.

use super::solo::{Solo, seg};
use super::{Owned, PLACES, plain};
use crate::tcp::{CloseReason, Config, Event, State};
use crate::time::Duration;
use crate::wire::{Flags, Options, Segment, Text, Timestamps};

const FIN_ACK: Flags = Flags { fin: true, ack: true, ..Flags::NONE };

#[test]
fn only_a_reset_at_rcv_nxt_resets() {
    for isn in PLACES {
        let mut solo = Solo::established(isn);
        for seq in [2, 100, 60_000] {
            let sent = solo.arrive(seq, 0, seg(Flags::RST));
            solo.assert_ack(&sent, 1);
        }
        for seq in [0u32, 65_536, 70_000, 1 << 31, u32::MAX] {
            assert!(solo.arrive(seq, 0, seg(Flags::RST)).is_empty(), "outside: {seq}");
        }
        assert_eq!(solo.stats.challenge_acks, 3);
        assert_eq!(solo.connection.state(), State::Established);
        assert!(solo.arrive(1, 0, seg(Flags::RST)).is_empty());
        assert_eq!(solo.events().last(), Some(&Event::Closed(CloseReason::ResetByPeer)));
        assert_eq!(solo.stats.estab_resets, 1);
    }
}

#[test]
fn a_reset_judged_by_a_trimmed_sequence_number() {
    let mut solo = Solo::established(5);
    solo.text(1, 100, 1);
    // Trimmed to the window it would stand at RCV.NXT.
    let text = Text::from([0; 50].as_slice());
    assert!(solo.arrive(61, 1, Segment { text, ..seg(Flags::RST_ACK) }).is_empty());
    assert_eq!(solo.connection.state(), State::Established);
}

#[test]
fn a_syn_in_an_open_connection_is_challenged_wherever_it_stands() {
    for isn in PLACES {
        let mut solo = Solo::established(isn);
        for (seq, flags) in [(1, Flags::SYN), (0, Flags::SYN_ACK), (500, Flags::SYN)] {
            let sent = solo.arrive(seq, 1, seg(flags));
            solo.assert_ack(&sent, 1);
        }
        assert_eq!(solo.connection.state(), State::Established);
    }
}

#[test]
fn challenges_have_a_budget_of_the_connections_own() {
    let mut solo = Solo::established(5);
    let answered: usize = (0..100).map(|_| solo.arrive(100, 0, seg(Flags::RST)).len()).sum();
    assert_eq!(answered, 10);
    solo.wait(Duration::from_secs(1));
    assert_eq!(solo.arrive(100, 0, seg(Flags::RST)).len(), 1);
}

#[test]
fn an_acknowledgement_out_of_range_is_challenged_and_its_text_not_taken() {
    for isn in PLACES {
        let mut solo = Solo::established(isn);
        solo.write(100);
        for ack in [102, 1 << 31, 0u32.wrapping_sub(70_000)] {
            let sent = solo.text(1, 10, ack);
            solo.assert_ack(&sent, 1);
        }
        assert_eq!(solo.connection.readable_bytes(), 0);
        assert_eq!(solo.stats.challenge_acks, 3);
        solo.text(1, 10, 101);
        assert_eq!(solo.connection.readable_bytes(), 10);
    }
}

#[test]
fn a_segment_without_ack_is_dropped() {
    let mut solo = Solo::established(5);
    let text = Text::from([1, 2, 3].as_slice());
    assert!(solo.arrive(1, 0, Segment { text, ..seg(Flags::PSH) }).is_empty());
    assert_eq!(solo.connection.readable_bytes(), 0);
    assert_eq!(solo.stats.discarded_no_ack, 1);
}

#[test]
fn after_the_peers_fin_a_reset_from_before_it_counts() {
    for isn in PLACES {
        let mut solo = Solo::established(isn);
        solo.arrive(1, 1, seg(FIN_ACK));
        assert_eq!(solo.connection.state(), State::CloseWait);
        solo.write(10);
        assert!(solo.arrive(1, 0, seg(Flags::RST)).is_empty());
        assert_eq!(solo.connection.state(), State::Closed);
        // Without a FIN that number is old.
        let mut solo = Solo::established(isn);
        solo.text(1, 1, 1);
        solo.arrive(1, 0, seg(Flags::RST));
        assert_eq!(solo.connection.state(), State::Established);
    }
}

/// An open connection with timestamps; the peer's last was `value`.
fn with_timestamps(isn: u32, value: u32) -> Solo {
    let config = Config { timestamps: true, ..plain() };
    Solo::established_with(config, isn, stamped(value), 65_535)
}

fn stamped(value: u32) -> Options {
    let timestamps = Some(Timestamps { value, echo: 0 });
    Options { timestamps, ..Options::default() }
}

fn text_stamped(solo: &mut Solo, seq: u32, value: u32) -> Vec<Owned> {
    let text = Text::from([7; 10].as_slice());
    solo.arrive(seq, 1, Segment { text, options: stamped(value), ..seg(Flags::ACK) })
}

#[test]
fn paws_drops_old_text_and_answers() {
    for value in [100, 0, u32::MAX, 1 << 31] {
        let mut solo = with_timestamps(5, value);
        let sent = text_stamped(&mut solo, 1, value.wrapping_sub(1));
        solo.assert_ack(&sent, 1);
        assert_eq!(solo.stats.paws_estab, 1);
        assert_eq!(solo.connection.readable_bytes(), 0);
        let sent = text_stamped(&mut solo, 1, value.wrapping_add(1));
        solo.assert_ack(&sent, 11);
        let echo = sent[0].header.options.timestamps.unwrap().echo;
        assert_eq!(echo, value.wrapping_add(1));
    }
}

#[test]
fn a_segment_without_the_negotiated_timestamp_is_dropped_but_a_reset_is_not() {
    let mut solo = with_timestamps(5, 100);
    assert!(solo.text(1, 10, 1).is_empty());
    assert_eq!(solo.connection.readable_bytes(), 0);
    solo.arrive(1, 0, seg(Flags::RST));
    assert_eq!(solo.connection.state(), State::Closed);
}

#[test]
fn a_restarted_peer_that_knows_no_timestamps_is_challenged() {
    let mut solo = with_timestamps(5, 100);
    let sent = solo.arrive(1, 0, seg(Flags::SYN));
    solo.assert_ack(&sent, 1);
    // Its SYN may also carry the timestamp of a younger clock.
    for _ in 0..100 {
        solo.arrive(1, 0, Segment { options: stamped(50), ..seg(Flags::SYN) });
    }
    assert_eq!(solo.connection.info(solo.now).segs_out, 2 + 10, "a budget for both");
}

#[test]
fn a_blind_segment_does_not_set_the_timestamp_that_paws_compares() {
    let mut solo = with_timestamps(5, 100);
    let options = stamped(100 + (1 << 30));
    solo.arrive(1, 1 << 31, Segment { options, ..seg(Flags::ACK) });
    text_stamped(&mut solo, 1, 101);
    assert_eq!(solo.connection.readable_bytes(), 10);
}

#[test]
fn a_reset_is_not_subject_to_paws() {
    let mut solo = with_timestamps(5, 100);
    solo.arrive(1, 0, Segment { options: stamped(50), ..seg(Flags::RST) });
    assert_eq!(solo.connection.state(), State::Closed);
}

#[test]
fn every_segment_carries_a_timestamp_once_negotiated() {
    let mut solo = with_timestamps(5, 100);
    let mut sent = solo.write(10);
    solo.wait(Duration::from_millis(77));
    sent.extend(text_stamped(&mut solo, 1, 101));
    solo.connection.abort(solo.now);
    sent.extend(solo.transmit());
    assert_eq!(sent.len(), 3);
    let values: Vec<u32> =
        sent.iter().map(|owned| owned.header.options.timestamps.unwrap().value).collect();
    assert_eq!(values[1].wrapping_sub(values[0]), 77);
}

#[test]
fn a_full_sized_segment_leaves_room_for_its_options() {
    let config = Config { timestamps: true, ..plain() };
    let options = Options { mss: Some(1000), ..stamped(1) };
    let mut solo = Solo::established_with(config, 5, options, 65_535);
    assert_eq!(solo.write(2_000)[0].text.len(), 988);
}

#[test]
fn any_segment_in_any_state_leaves_the_invariants() {
    use super::pair::Dice;
    let mut dice = Dice::new(42);
    for round in 0..300u32 {
        let isn = PLACES[usize::try_from(round % 4).unwrap()];
        let mut solo = Solo::established(isn);
        for _ in 0..100 {
            let near = |dice: &mut Dice| match dice.roll(4) {
                0 => u32::try_from(dice.roll(1 << 32)).unwrap(),
                1 => u32::try_from(dice.roll(3)).unwrap(),
                _ => u32::try_from(dice.roll(5_000)).unwrap(),
            };
            let flags = Flags::from_bits(u8::try_from(dice.roll(64) | dice.roll(2) << 4).unwrap());
            let text = vec![1; usize::try_from(dice.roll(3) * dice.roll(1_200)).unwrap()];
            let window = u16::try_from(dice.roll(2) * dice.roll(65_536)).unwrap();
            let (seq, ack) = (near(&mut dice), near(&mut dice));
            let segment = Segment {
                text: Text::from(text.as_slice()),
                window,
                ..seg(Flags { rst: flags.rst && dice.roll(20) == 0, ..flags })
            };
            solo.arrive(seq, ack, segment);
            match dice.roll(12) {
                0 => drop(solo.connection.write(solo.now, &[3; 2_500])),
                1 => drop(solo.read()),
                2 => drop(solo.connection.finish(solo.now)),
                3 => solo.connection.close(solo.now),
                _ => {}
            }
            solo.wait(Duration::from_millis(dice.roll(300)));
            solo.connection.handle_timeout(solo.now, &mut solo.stats);
            solo.transmit();
        }
    }
}
