//! Closing: both ways, half-close, abort, orphans, TIME-WAIT.

use super::pair::{Fate, Pair, Way};
use super::solo::{Solo, seg};
use super::{PLACES, bytes, plain};
use crate::stack::stats::Stats;
use crate::tcp::{
    CloseReason, Config, Connection, Event, Read, ReadError, State, Verdict, WriteError,
};
use crate::time::Duration;
use crate::wire::{Flags, Segment, Text};

const SECOND: Duration = Duration::from_secs(1);
const FIN_ACK: Flags = Flags { fin: true, ack: true, ..Flags::NONE };

#[test]
fn half_close_lets_the_other_side_go_on() {
    for isn in PLACES {
        let mut pair = Pair::established(Config::default(), Config::default(), isn);
        pair.client.to_write = bytes(0, 10);
        pair.client.finish_when_written = true;
        pair.run_for(SECOND);
        assert_eq!(pair.states(), (State::FinWait2, State::CloseWait));
        assert!(pair.server().eof && pair.server().saw(Event::PeerClosed));
        pair.server().to_write = bytes(0, 50_000);
        pair.server().finish_when_written = true;
        pair.run_for(SECOND);
        assert_eq!(pair.client.received, bytes(0, 50_000));
        assert_eq!(pair.states(), (State::TimeWait, State::Closed));
        assert!(pair.client.saw(Event::Closed(CloseReason::Normal)));
        assert!(pair.server().saw(Event::Closed(CloseReason::Normal)));
        pair.run_for(60 * SECOND);
        assert_eq!(pair.states(), (State::Closed, State::Closed));
        assert_eq!(pair.client.stats.time_waits, 1);
    }
}

#[test]
fn both_finish_at_once() {
    for isn in PLACES {
        let mut pair = Pair::established(Config::default(), Config::default(), isn);
        pair.client.finish_when_written = true;
        pair.server().finish_when_written = true;
        pair.run_for(Duration::from_millis(7));
        assert_eq!(pair.states(), (State::Closing, State::Closing));
        pair.run_for(SECOND);
        assert_eq!(pair.states(), (State::TimeWait, State::TimeWait));
    }
}

#[test]
fn fin_not_retransmitted() {
    for isn in PLACES {
        let mut pair = Pair::established(Config::default(), Config::default(), isn);
        let mut lost = 0;
        pair.fates = Box::new(move |_, _, owned| {
            let drop = owned.header.flags.fin && lost < 3;
            lost += u32::from(drop);
            if drop { Fate::Lost } else { Fate::Arrives }
        });
        pair.client.finish_when_written = true;
        pair.run_for(5 * SECOND);
        assert_eq!(pair.states(), (State::FinWait2, State::CloseWait));
        assert_eq!(pair.client.stats.retrans_segs, 3);
        assert_eq!(pair.client.connection.info(pair.now).bytes_retrans, 0);
    }
}

#[test]
fn fin_before_its_data() {
    for isn in PLACES {
        let mut solo = Solo::established(isn);
        let text = bytes(1_001, 1_000);
        let last = Segment { text: Text::from(text.as_slice()), ..seg(FIN_ACK) };
        let sent = solo.arrive(1_001, 1, last);
        solo.assert_ack(&sent, 1);
        assert_eq!(solo.connection.state(), State::Established);
        let sent = solo.text(1, 1_000, 1);
        solo.assert_ack(&sent, 2_002);
        assert_eq!(solo.connection.state(), State::CloseWait);
        assert_eq!(solo.read(), bytes(1, 2_000));
        assert_eq!(solo.connection.read(solo.now, &mut [0]), Ok(Read::Eof));
    }
}

#[test]
fn fin_not_passed_on() {
    let mut solo = Solo::established(5);
    solo.events();
    let sent = solo.arrive(1, 1, seg(FIN_ACK));
    solo.assert_ack(&sent, 2);
    assert_eq!(solo.events(), [Event::PeerClosed]);
    assert_eq!(solo.connection.read(solo.now, &mut [0]), Ok(Read::Eof));
}

#[test]
fn last_ack_and_closing_do_not_end_by_an_ack_that_does_not_cover_the_fin() {
    for isn in PLACES {
        let mut solo = Solo::established(isn);
        solo.arrive(1, 1, seg(FIN_ACK));
        solo.write(100);
        solo.connection.finish(solo.now).unwrap();
        assert!(solo.transmit()[0].header.flags.fin);
        solo.ack(2, 101, 65_535);
        assert_eq!(solo.connection.state(), State::LastAck);
        solo.ack(2, 102, 65_535);
        assert_eq!(solo.connection.state(), State::Closed);

        let mut solo = Solo::established(isn);
        solo.connection.write(solo.now, &[1; 100]).unwrap();
        solo.connection.finish(solo.now).unwrap();
        assert_eq!(solo.transmit().len(), 1);
        solo.arrive(1, 101, seg(FIN_ACK));
        assert_eq!(solo.connection.state(), State::Closing);
        solo.ack(2, 101, 65_535);
        assert_eq!(solo.connection.state(), State::Closing);
        solo.ack(2, 102, 65_535);
        assert_eq!(solo.connection.state(), State::TimeWait);
    }
}

#[test]
fn a_fin_that_acknowledges_ours_goes_to_time_wait_at_once() {
    let mut solo = Solo::established(5);
    solo.connection.finish(solo.now).unwrap();
    solo.transmit();
    let sent = solo.arrive(1, 2, seg(FIN_ACK));
    solo.assert_ack(&sent, 2);
    assert_eq!(solo.connection.state(), State::TimeWait);
}

#[test]
fn data_after_close_acknowledged_for_ever() {
    for isn in PLACES {
        let mut solo = Solo::established(isn);
        solo.connection.close(solo.now);
        assert_eq!(solo.transmit()[0].header.flags, FIN_ACK);
        assert!(solo.ack(1, 2, 65_535).is_empty());
        let sent = solo.text(1, 10, 2);
        assert_eq!(sent.len(), 1);
        assert_eq!((sent[0].header.flags, sent[0].header.seq), (Flags::RST_ACK, solo.iss + 2));
        assert_eq!(solo.connection.state(), State::Closed);
        assert_eq!(solo.stats.abort_on_data, 1);
    }
}

#[test]
fn close_with_bytes_unread_resets() {
    let mut pair = Pair::established(Config::default(), Config::default(), 5);
    pair.server().reads = false;
    pair.client.to_write = bytes(0, 100);
    pair.run_for(SECOND);
    let now = pair.now;
    pair.server().connection.close(now);
    pair.run_for(SECOND);
    assert_eq!(pair.states(), (State::Closed, State::Closed));
    assert!(pair.client.saw(Event::Closed(CloseReason::ResetByPeer)));
    assert_eq!(pair.client.stats.estab_resets, 1);
    assert_eq!(pair.server().stats.abort_on_close, 1);
    assert_eq!(pair.server().stats.out_rsts, 1);
}

#[test]
fn close_sends_what_is_buffered_first() {
    let mut pair = Pair::established(Config::default(), Config::default(), 5);
    let now = pair.now;
    assert_eq!(pair.client.connection.write(now, &bytes(0, 60_000)), Ok(60_000));
    pair.client.connection.close(now);
    pair.run_for(SECOND);
    assert_eq!(pair.server().received, bytes(0, 60_000));
    assert_eq!(pair.states(), (State::FinWait2, State::CloseWait));
}

#[test]
fn close_with_a_zero_peer_window_stays_for_ever() {
    let config = Config { orphan_timeout: 10 * SECOND, ..plain() };
    let mut solo = Solo::established_with(config, 5, crate::wire::Options::default(), 0);
    solo.connection.write(solo.now, &bytes(0, 100)).unwrap();
    solo.connection.close(solo.now);
    let begun = solo.now;
    let mut sent = solo.transmit();
    while solo.connection.state() != State::Closed {
        sent = solo.next_timer(10 * SECOND);
        solo.ack(1, 1, 0);
    }
    assert!(sent[0].header.flags.rst);
    assert_eq!(solo.now.since(begun), 10 * SECOND);
    assert_eq!(solo.stats.abort_on_linger, 1);
}

#[test]
fn an_orphan_in_fin_wait_2_is_given_up() {
    let mut pair = Pair::established(Config::default(), Config::default(), 5);
    let now = pair.now;
    pair.client.connection.close(now);
    pair.run_for(50 * SECOND);
    assert_eq!(pair.states(), (State::FinWait2, State::CloseWait));
    pair.run_for(20 * SECOND);
    assert_eq!(pair.states(), (State::Closed, State::Closed));
    assert_eq!(pair.client.stats.abort_on_linger, 1);
}

#[test]
fn an_orphan_that_makes_progress_is_not_given_up() {
    let config = Config { orphan_timeout: 5 * SECOND, receive_buffer: 2_000, ..plain() };
    let mut pair = Pair::established(config, config, 5);
    let now = pair.now;
    assert_eq!(pair.client.connection.write(now, &bytes(0, 20_000)), Ok(20_000));
    pair.client.connection.close(now);
    pair.server().reads = false;
    for _ in 0..20 {
        pair.run_for(2 * SECOND);
        pair.server().reads = true;
        pair.run_for(Duration::from_millis(1));
        pair.server().reads = false;
    }
    pair.server().reads = true;
    pair.run_for(SECOND);
    assert_eq!(pair.server().received, bytes(0, 20_000));
}

#[test]
fn abort_resets_in_every_open_state() {
    type Prepare = fn(&mut Solo);
    let established: Prepare = |_| {};
    let fin_wait_1: Prepare = |solo| {
        solo.connection.finish(solo.now).unwrap();
        solo.transmit();
    };
    let fin_wait_2: Prepare = |solo| {
        solo.connection.finish(solo.now).unwrap();
        solo.transmit();
        solo.ack(1, 2, 65_535);
    };
    let close_wait: Prepare = |solo| {
        solo.arrive(1, 1, seg(FIN_ACK));
    };
    for (prepare, state) in [
        (established, State::Established),
        (fin_wait_1, State::FinWait1),
        (fin_wait_2, State::FinWait2),
        (close_wait, State::CloseWait),
    ] {
        let mut solo = Solo::established(5);
        prepare(&mut solo);
        assert_eq!(solo.connection.state(), state);
        solo.connection.abort(solo.now);
        let sent = solo.transmit();
        assert_eq!(sent.len(), 1, "{state}");
        assert_eq!(sent[0].header.flags, Flags::RST_ACK, "{state}");
        assert_eq!(solo.connection.state(), State::Closed);
        assert_eq!(solo.connection.poll_timeout(), None, "{state}");
        assert!(solo.transmit().is_empty());
    }
}

#[test]
fn abort_in_syn_sent_says_nothing() {
    let mut solo = Solo::connecting(plain(), 5);
    solo.connection.abort(solo.now);
    assert!(solo.transmit().is_empty());
    assert_eq!(solo.connection.state(), State::Closed);
    let mut solo = Solo::connecting(plain(), 5);
    solo.connection.close(solo.now);
    assert!(solo.transmit().is_empty());
    assert_eq!(solo.connection.poll_timeout(), None);
}

#[test]
fn what_came_in_order_before_a_reset_is_still_read() {
    let mut solo = Solo::established(5);
    solo.text(1, 10, 1);
    solo.arrive(11, 0, seg(Flags::RST));
    assert_eq!(solo.connection.state(), State::Closed);
    assert_eq!(solo.read(), bytes(1, 10));
    assert_eq!(
        solo.connection.read(solo.now, &mut [0]),
        Err(ReadError::Closed(CloseReason::ResetByPeer))
    );
    assert_eq!(
        solo.connection.write(solo.now, &[0]),
        Err(WriteError::Closed(CloseReason::ResetByPeer))
    );
}

#[test]
fn writing_after_finish_is_an_error() {
    let mut solo = Solo::established(5);
    solo.connection.finish(solo.now).unwrap();
    assert_eq!(solo.connection.write(solo.now, &[0]), Err(WriteError::Finished));
    assert_eq!(solo.connection.finish(solo.now), Err(WriteError::Finished));
    assert_eq!(solo.connection.writable_bytes(), 0);
}

#[test]
fn closed_normally_is_told_only_when_everything_is_read() {
    let mut pair = Pair::established(Config::default(), Config::default(), 5);
    pair.client.reads = false;
    pair.client.finish_when_written = true;
    pair.server().to_write = bytes(0, 100);
    pair.server().finish_when_written = true;
    pair.run_for(SECOND);
    assert_eq!(pair.states().0, State::TimeWait);
    assert!(!pair.client.saw(Event::Closed(CloseReason::Normal)));
    assert!(pair.client.connection.time_wait().is_none());
    pair.client.reads = true;
    pair.run_for(SECOND);
    assert_eq!(pair.client.received, bytes(0, 100));
    pair.run_for(SECOND);
    assert!(pair.client.saw(Event::Closed(CloseReason::Normal)));
    assert!(pair.client.connection.time_wait().is_some());
}

/// A connection in TIME-WAIT, by its own FIN first.
fn in_time_wait(isn: u32) -> Solo {
    let mut solo = Solo::established(isn);
    solo.connection.finish(solo.now).unwrap();
    solo.transmit();
    solo.ack(1, 2, 65_535);
    let sent = solo.arrive(1, 2, seg(FIN_ACK));
    solo.assert_ack(&sent, 2);
    assert_eq!(solo.connection.state(), State::TimeWait);
    solo
}

#[test]
fn time_wait_answers_a_repeated_fin_and_outlives_a_reset() {
    for isn in PLACES {
        let mut solo = in_time_wait(isn);
        solo.wait(10 * SECOND);
        let sent = solo.arrive(1, 2, seg(FIN_ACK));
        solo.assert_ack(&sent, 2);
        assert_eq!(solo.connection.poll_timeout(), Some(solo.now + 60 * SECOND));
        assert!(solo.arrive(2, 0, seg(Flags::RST)).is_empty());
        assert_eq!(solo.connection.state(), State::TimeWait);
        solo.next_timer(60 * SECOND);
        assert_eq!(solo.connection.state(), State::Closed);
    }
}

#[test]
fn the_record_answers_as_the_connection_would() {
    for isn in PLACES {
        let mut solo = in_time_wait(isn);
        solo.events();
        let mut record = solo.connection.time_wait().expect("nothing left to give");
        let fin = Segment { seq: solo.irs + 1, ack: solo.iss + 2, ..seg(FIN_ACK) };
        let Verdict::Reply(reply) = record.handle_segment(solo.now, &fin) else {
            panic!("no reply")
        };
        let sent = solo.arrive(1, 2, seg(FIN_ACK));
        assert_eq!(reply, sent[0].segment());
    }
}

#[test]
fn a_listeners_child_is_reset_quietly() {
    let now = crate::time::Instant::from_millis(5);
    let mut stats = Stats::default();
    let syn = seg(Flags::SYN);
    let mut server = Connection::accept(now, &plain(), super::start(100), &syn);
    server.poll_transmit(now, &mut stats);
    let reset = Segment { seq: syn.seq + 1, ..seg(Flags::RST) };
    server.handle_segment(now, &reset, &mut stats);
    assert_eq!(server.state(), State::Closed);
    assert_eq!(stats.attempt_fails, 1);
}

#[test]
fn a_fin_into_a_closed_window_is_taken() {
    let config = Config { receive_buffer: 1_000, ..plain() };
    let mut solo = Solo::established_with(config, 5, crate::wire::Options::default(), 65_535);
    solo.text(1, 1_000, 1);
    let sent = solo.arrive(1_001, 1, seg(FIN_ACK));
    solo.assert_ack(&sent, 1_002);
    assert_eq!(solo.connection.state(), State::CloseWait);
    assert_eq!(solo.read(), bytes(1, 1_000));
}

#[test]
fn text_that_goes_with_the_fin_goes_in_one_segment() {
    let mut pair = Pair::established(plain(), plain(), 5);
    let now = pair.now;
    pair.client.connection.write(now, &bytes(0, 10)).unwrap();
    pair.client.connection.finish(now).unwrap();
    pair.run_for(SECOND);
    let texts = pair.texts(Way::ToServer);
    assert_eq!(texts.len(), 1);
    assert!(texts[0].header.flags.fin && texts[0].header.flags.psh);
}
