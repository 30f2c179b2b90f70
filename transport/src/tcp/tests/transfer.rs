//! Bytes both ways, over a wire that loses, doubles and reorders.

use super::pair::{Dice, Fate, Pair, Way};
use super::solo::Solo;
use super::{PLACES, bytes, plain};
use crate::tcp::{Config, State};
use crate::time::Duration;

const LONG: Duration = Duration::from_secs(3_600);

#[test]
fn bytes_arrive_in_both_directions_wherever_the_numbers_begin() {
    for isn in PLACES {
        for config in [Config::default(), plain()] {
            let mut pair = Pair::new(config, config, isn);
            pair.exchange(100_000, LONG);
            assert_eq!(pair.client.stats.retrans_segs, 0);
            assert_eq!(pair.client.stats.timeouts, 0);
        }
    }
}

#[test]
fn an_idle_connection_holds_no_buffers() {
    let mut pair = Pair::established(Config::default(), Config::default(), 5);
    pair.client.to_write = bytes(0, 200_000);
    pair.server().to_write = bytes(0, 200_000);
    pair.run_for(Duration::from_secs(5));
    assert_eq!(pair.server().received.len(), 200_000);
    for end in [&mut pair.client, pair.server.as_mut().unwrap()] {
        assert!(end.connection.info(pair.now).buffers > 0, "kept while it is busy");
        end.connection.give_back_memory();
        assert_eq!(end.connection.info(pair.now).buffers, 0);
        assert_eq!(end.connection.poll_timeout(), None, "nothing to wait for");
    }
}

#[test]
fn every_second_full_segment_is_acknowledged_in_bulk() {
    let mut solo = Solo::established(5);
    let next = solo.use_up_quick_acks();
    for segment in 0..50 {
        let sent = solo.text(next + segment * 1_000, 1_000, 1);
        assert_eq!(sent.len(), usize::from(segment % 2 == 1), "segment {segment}");
        solo.read();
    }
}

#[test]
fn segments_taken_together_are_acknowledged_together() {
    let mut pair = Pair::established(plain(), plain(), 5);
    pair.takes_together = true;
    pair.client.to_write = bytes(0, 1_000_000);
    pair.run_for(Duration::from_secs(20));
    assert_eq!(pair.server().received.len(), 1_000_000);
    let texts = pair.texts(Way::ToServer).len();
    let acks = pair.sent.iter().filter(|(_, way, _)| *way == Way::ToClient).count();
    assert_eq!(texts, 1_000);
    assert!(acks < texts / 2, "{acks} acknowledgements");
}

/// Loss, duplication and reordering by chance; the same seeds every time.
fn torture(seed: u64, loss: u64, config: Config) {
    let isn = PLACES[usize::try_from(seed % 4).unwrap()];
    let mut pair = Pair::new(config, config, isn);
    let mut dice = Dice::new(seed + 1);
    pair.fates = Box::new(move |_, _, _| match dice.roll(100) {
        roll if roll < loss => Fate::Lost,
        roll if roll < loss + 2 => Fate::Twice,
        roll if roll < loss + 6 => Fate::Late(dice.roll(40)),
        _ => Fate::Arrives,
    });
    pair.exchange(60_000, LONG);
    pair.run_until(LONG, |pair| {
        let (client, server) = pair.states();
        let gone = |state| matches!(state, State::Closed | State::TimeWait);
        gone(client) && gone(server)
    });
    pair.run_for(Duration::from_secs(200));
    for end in [&pair.client, pair.server.as_ref().unwrap()] {
        assert_eq!(end.connection.state(), State::Closed, "seed {seed}");
        assert_eq!(end.connection.poll_timeout(), None, "seed {seed}");
    }
}

#[test]
fn nothing_is_lost_at_2_percent() {
    for seed in 0..20 {
        torture(seed, 2, Config::default());
    }
}

#[test]
fn nothing_is_lost_at_15_percent_with_and_without_options() {
    for seed in 0..10 {
        torture(seed, 15, Config::default());
        torture(seed, 15, plain());
    }
}

#[test]
fn nothing_is_lost_at_30_percent() {
    for seed in 0..5 {
        torture(seed, 30, Config::default());
    }
}

#[test]
fn tiny_buffers_still_move_everything() {
    for (receive_buffer, send_buffer) in [(1, 1), (10, 5_000), (999, 3), (1_500, 1_500)] {
        let config = Config { receive_buffer, send_buffer, ..plain() };
        let mut pair = Pair::new(config, config, u32::MAX - 100);
        pair.exchange(300, LONG);
    }
}

#[test]
fn a_wire_that_only_reorders_loses_nothing_and_keeps_every_window_promise() {
    for seed in 0..10 {
        let config = Config { receive_buffer: 20_000, ..Config::default() };
        let mut pair = Pair::new(config, config, PLACES[2]);
        let mut dice = Dice::new(seed);
        pair.fates = Box::new(move |_, _, _| Fate::Late(dice.roll(8)));
        pair.exchange(200_000, LONG);
        for end in [&pair.client, pair.server.as_ref().unwrap()] {
            assert_eq!(end.stats.rcv_pruned, 0, "text inside the window was dropped");
        }
    }
}

#[test]
fn open_and_close_again_and_again_leaves_nothing() {
    for round in 0..1_000u32 {
        let mut pair = Pair::new(Config::default(), plain(), round.wrapping_mul(0x0101_0101));
        pair.exchange(100, LONG);
        pair.run_for(Duration::from_secs(61));
        assert_eq!(pair.states(), (State::Closed, State::Closed), "round {round}");
        assert_eq!(pair.client.connection.poll_timeout(), None, "round {round}");
    }
}

#[test]
fn loss_of_2_percent_is_repaired_by_fast_retransmit() {
    let mut pair = Pair::established(Config::default(), Config::default(), PLACES[3]);
    pair.delay = Duration::from_micros(500);
    let mut dice = Dice::new(7);
    pair.fates =
        Box::new(move |_, _, _| if dice.roll(100) < 2 { Fate::Lost } else { Fate::Arrives });
    pair.client.to_write = bytes(0, 4 << 20);
    pair.run_until(Duration::from_secs(2), |pair| {
        pair.server.as_ref().is_some_and(|server| server.received.len() == 4 << 20)
    });
    let stats = &pair.client.stats;
    assert!(stats.fast_retransmits > 50, "{stats:?}");
    assert!(stats.timeouts <= 4, "{stats:?}");
}

/// Owners that finish, close and abort whenever they like, over a bad wire: every state is left by
/// an acknowledgement, a timer or an abort.
#[test]
fn whatever_the_owners_do_both_ends_close() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let config = if dice.roll(2) == 0 { Config::default() } else { plain() };
        let isn = u32::try_from(dice.roll(1 << 32)).unwrap();
        let mut pair = Pair::new(config, config, isn);
        let mut wire = Dice::new(seed + 1_000);
        pair.fates = Box::new(move |_, _, _| match wire.roll(10) {
            0..3 => Fate::Lost,
            3 => Fate::Twice,
            4 => Fate::Late(wire.roll(100)),
            _ => Fate::Arrives,
        });
        pair.client.to_write = bytes(0, usize::try_from(dice.roll(20_000)).unwrap());
        for _ in 0..4 {
            pair.run_for(Duration::from_millis(dice.roll(2_000)));
            let now = pair.now;
            let end = match &mut pair.server {
                Some(server) if dice.roll(2) == 0 => server,
                Some(_) | None => &mut pair.client,
            };
            match dice.roll(5) {
                0 => drop(end.connection.finish(now)),
                1 => end.connection.close(now),
                2 => end.connection.abort(now),
                3 => end.reads = !end.reads,
                _ => end.to_write.extend(bytes(0, 3_000)),
            }
        }
        let now = pair.now;
        pair.client.connection.close(now);
        if let Some(server) = &mut pair.server {
            server.connection.close(now);
        }
        pair.run_for(Duration::from_secs(400));
        assert_eq!(pair.states(), (State::Closed, State::Closed), "seed {seed}");
        assert_eq!(pair.client.connection.poll_timeout(), None, "seed {seed}");
    }
}
