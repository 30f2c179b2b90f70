//! A connection that is put to rest and made whole again goes on as if it had never been away.

use super::pair::{End, Fate, Pair};
use super::solo::{Solo, seg};
use super::{Owned, PLACES, bytes, plain, start};
use crate::tcp::{
    CloseReason, Config, Connection, Dormant, Event, Info, Keepalive, LeaseFigures, PathRecord,
    Setting, Start,
};
use crate::time::{Duration, Instant};
use crate::wire::{Flags, Segment, Text};

const SECOND: Duration = Duration::from_secs(1);

/// What both ends are made with in turn.
fn configs() -> [Config; 4] {
    let keepalive = Some(Keepalive { idle: 7 * SECOND, ..Keepalive::default() });
    [
        Config::default(),
        Config { timestamps: false, keepalive, ..Config::default() },
        Config { window_scale: false, sack: false, ecn: true, ..Config::default() },
        Config { congestion: crate::tcp::Congestion::Reno, ..Config::default() },
    ]
}

/// A pair on which some bytes went both ways, and nothing since.
fn quiet(config: Config, isn: u32) -> Pair {
    let mut pair = Pair::established(config, config, isn);
    pair.client.to_write = bytes(0, 30_000);
    pair.server().to_write = bytes(0, 40_000);
    pair.run_for(3 * SECOND);
    assert_eq!(pair.server().received.len(), 30_000);
    assert_eq!(pair.client.received.len(), 40_000);
    pair
}

fn wake(dormant: &Dormant, config: &Config, isn: u32) -> Connection {
    let Start { timestamp_offset, mss, .. } = start(isn);
    dormant.wake(config, timestamp_offset, mss, PathRecord::default(), true)
}

fn put_to_rest_and_wake(end: &mut End, config: &Config, isn: u32) {
    let dormant = Dormant::of(&end.connection, config).expect("nothing is under way");
    end.connection = wake(&dormant, config, isn);
}

fn rest_both(pair: &mut Pair, config: &Config, isn: u32) {
    put_to_rest_and_wake(&mut pair.client, config, isn);
    put_to_rest_and_wake(pair.server(), config, isn.wrapping_add(77_777));
}

/// The figures, but for the memory that was given back, the gaps between segments, which are
/// measured anew, and parts of 100 us.
fn figures(connection: &Connection, now: Instant) -> Info {
    let info = connection.info(now);
    let tenths = u32::try_from(info.busy.as_micros() / 100).unwrap();
    let busy = Duration::from_micros(100) * tenths;
    Info { buffers: 0, ato: Duration::ZERO, busy, ..info }
}

/// What went over the wire since number `from`.
fn wire(pair: &Pair, from: usize) -> Vec<String> {
    let line = |(at, way, owned): &(Instant, super::pair::Way, Owned)| {
        format!("{at:?} {way:?} {:?} {}", owned.header, owned.text.len())
    };
    pair.sent[from..].iter().map(line).collect()
}

#[test]
fn the_figures_are_the_same_after_rest() {
    for config in configs() {
        for isn in PLACES {
            let mut pair = quiet(config, isn);
            let now = pair.now;
            let before = figures(&pair.client.connection, now);
            rest_both(&mut pair, &config, isn);
            assert_eq!(figures(&pair.client.connection, now), before, "isn {isn}");
            let due = pair.client.connection.poll_timeout();
            assert_eq!(due, config.keepalive.map(|it| now - before.last_ack_recv + it.idle));
            pair.client.connection.assert_invariants();
        }
    }
}

#[test]
fn what_follows_is_the_same_to_the_segment() {
    for config in configs() {
        for isn in PLACES {
            let [mut awake, mut rested] = [quiet(config, isn), quiet(config, isn)];
            rest_both(&mut rested, &config, isn);
            let from = awake.sent.len();
            for pair in [&mut awake, &mut rested] {
                pair.client.to_write = bytes(0, 33_000);
                pair.run_for(SECOND);
                pair.server().to_write = bytes(0, 41_000);
                pair.run_for(SECOND);
            }
            assert_eq!(awake.server().received, bytes(0, 33_000));
            assert_eq!(rested.client.received, bytes(0, 41_000));
            assert_eq!(wire(&awake, from), wire(&rested, from), "isn {isn}");
        }
    }
}

#[test]
fn rest_over_and_over_carries_a_stream_whole_through_losses() {
    for isn in PLACES {
        let config = Config::default();
        let mut pair = Pair::established(config, config, isn);
        pair.fates =
            Box::new(|_, number, _| if number % 9 == 4 { Fate::Lost } else { Fate::Arrives });
        for round in 1..=20 {
            pair.client.to_write = bytes(0, 3_000 * round);
            pair.run_for(20 * SECOND);
            pair.server().to_write = bytes(0, 5_000 * round);
            pair.run_for(20 * SECOND);
            rest_both(&mut pair, &config, isn);
        }
        assert_eq!(pair.server().received, bytes(0, 60_000), "isn {isn}");
        assert_eq!(pair.client.received, bytes(0, 100_000), "isn {isn}");
    }
}

#[test]
fn a_window_that_was_not_used_is_halved_every_five_minutes_at_rest_too() {
    let config = Config::default();
    let mut pair = Pair::established(config, config, 5);
    pair.client.to_write = bytes(0, 400_000);
    pair.run_for(30 * SECOND);
    let before = pair.client.connection.info(pair.now).cwnd;
    put_to_rest_and_wake(&mut pair.client, &config, 5);
    assert_eq!(pair.client.connection.info(pair.now).cwnd, before);
    pair.now += 601 * SECOND;
    pair.client.to_write = bytes(0, 400_001);
    pair.run_for(SECOND);
    let after = pair.client.connection.info(pair.now).cwnd;
    assert!(after <= before / 4 + 1_000, "{before} B before, {after} B after");
}

#[test]
fn the_lease_is_where_it_was() {
    for isn in PLACES {
        let config = plain();
        let mut solo = Solo::established(isn);
        solo.write(100);
        solo.text(1, 50, 101);
        solo.read();
        solo.connection.begin_lease(true);
        solo.write(40);
        solo.ack(51, 141, 65_535);
        solo.events();
        solo.now += SECOND;
        solo.connection.handle_timeout(solo.now, &mut solo.stats);
        solo.transmit();
        let before = solo.connection.lease_figures();
        let dormant = Dormant::of(&solo.connection, &config).expect("at rest");
        solo.connection = wake(&dormant, &config, isn);
        let figures =
            LeaseFigures { bytes_sent: 40, bytes_acked: 40, peer_spoke: false, proof: false };
        assert_eq!((before, solo.connection.lease_figures()), (figures, figures));
        solo.connection.begin_lease(true);
        let reset = solo.text(51, 10, 141);
        assert!(reset[0].header.flags.rst, "text from before the lease is foreign");
        let foreign = Event::Closed(CloseReason::ForeignText);
        assert_eq!(solo.events(), [Event::ForeignText, foreign]);
    }
}

#[test]
fn the_last_byte_can_be_repeated_after_rest() {
    for isn in PLACES {
        let config = plain();
        let mut solo = Solo::established(isn);
        solo.write(100);
        solo.ack(1, 101, 65_535);
        solo.events();
        let dormant = Dormant::of(&solo.connection, &config).expect("at rest");
        solo.connection = dormant.wake(&config, 0, start(5).mss, PathRecord::default(), true);
        assert!(solo.connection.repeat_last_byte(solo.now));
        let sent = solo.transmit();
        assert_eq!((sent[0].header.seq, sent[0].text.clone()), (solo.iss + 100, bytes(99, 1)));
    }
}

/// Something that happens to a connection, and what it means.
type Act = (&'static str, fn(&mut Solo));

/// What to do to a connection at rest, and why it is none afterwards.
const BUSY: &[Act] = &[
    ("an event is untold", |solo| {
        solo.write(10);
        solo.ack(1, 11, 65_535);
    }),
    ("text is unsent", |solo| {
        solo.connection.write(solo.now, b"x").expect("open");
    }),
    ("text is unacknowledged", |solo| {
        solo.write(10);
    }),
    ("text is unread", |solo| {
        solo.text(1, 10, 1);
        solo.events();
    }),
    ("text came early", |solo| {
        solo.text(2, 10, 1);
        solo.events();
    }),
    ("an acknowledgement is delayed", |solo| {
        solo.use_up_quick_acks();
        solo.text(17, 10, 1);
        solo.read();
        solo.events();
    }),
    ("the peer has finished", |solo| {
        solo.arrive(1, 1, seg(Flags { fin: true, ..Flags::ACK }));
        solo.events();
    }),
    ("we have finished", |solo| {
        solo.connection.finish(solo.now).expect("open");
        solo.transmit();
        solo.ack(1, 2, 65_535);
        solo.events();
    }),
    ("the owner has let go", |solo| solo.connection.close(solo.now)),
    ("an answer is awaited", |solo| {
        solo.write(10);
        solo.ack(1, 11, 65_535);
        solo.connection.repeat_last_byte(solo.now);
        solo.transmit();
        solo.events();
    }),
    ("a setting is its own", |solo| solo.connection.set(solo.now, Setting::Nagle(true))),
    ("a bad segment is to be answered", |solo| {
        let segment = Segment { seq: solo.irs + 70_000, ack: solo.iss + 1, ..seg(Flags::ACK) };
        let text = Segment { text: Text::from(b"x".as_slice()), ..segment };
        solo.connection.handle_segment(solo.now, &text, &mut solo.stats);
    }),
];

#[test]
fn what_is_under_way_keeps_a_connection_awake() {
    for isn in PLACES {
        for (why, act) in BUSY {
            let mut solo = Solo::established(isn);
            solo.events();
            assert!(Dormant::of(&solo.connection, &plain()).is_some(), "{why}: not before");
            act(&mut solo);
            assert!(Dormant::of(&solo.connection, &plain()).is_none(), "{why}, isn {isn}");
        }
    }
}

#[test]
fn a_probe_of_keepalive_keeps_it_awake_until_it_is_answered() {
    let keepalive = Some(Keepalive { idle: 5 * SECOND, ..Keepalive::default() });
    let config = Config { keepalive, ..plain() };
    let mut solo = Solo::established_with(config, 9, crate::wire::Options::default(), 65_535);
    solo.events();
    let dormant = Dormant::of(&solo.connection, &config).expect("at rest");
    let due = dormant.poll_timeout(&config).expect("keepalive is on");
    assert_eq!(due, solo.now + 5 * SECOND);
    solo.connection = dormant.wake(&config, 0, start(5).mss, PathRecord::default(), true);
    solo.now = due;
    solo.connection.handle_timeout(solo.now, &mut solo.stats);
    assert_eq!(solo.transmit().len(), 1, "the probe");
    assert!(Dormant::of(&solo.connection, &config).is_none());
    solo.ack(1, 1, 65_535);
    assert!(Dormant::of(&solo.connection, &config).is_some());
}
