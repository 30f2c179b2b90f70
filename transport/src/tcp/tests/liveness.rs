//! Keepalive and user timeout.

use super::pair::{Fate, Pair};
use super::solo::{Solo, seg};
use super::{bytes, plain};
use crate::tcp::{CloseReason, Config, Event, Keepalive, Setting, State};
use crate::time::Duration;
use crate::wire::{Flags, Options};

const SECOND: Duration = Duration::from_secs(1);

fn keepalive() -> Config {
    let keepalive = Keepalive { idle: 30 * SECOND, interval: SECOND, probes: 2 };
    Config { keepalive: Some(keepalive), ..plain() }
}

#[test]
fn an_idle_peer_is_probed_and_answers() {
    let mut pair = Pair::established(keepalive(), plain(), u32::MAX);
    pair.run_for(100 * SECOND);
    assert_eq!(pair.states(), (State::Established, State::Established));
    assert_eq!(pair.client.stats.keepalive_probes, 3);
    assert_eq!(pair.sent.len(), 3 + 6);
}

#[test]
fn a_dead_peer_is_found() {
    let mut pair = Pair::established(keepalive(), plain(), 5);
    pair.fates = Box::new(|_, _, _| Fate::Lost);
    pair.run_for(31 * SECOND);
    assert_eq!(pair.states().0, State::Established);
    pair.run_for(2 * SECOND);
    assert!(pair.client.saw(Event::Closed(CloseReason::TimedOut)));
    assert_eq!(pair.client.stats.keepalive_probes, 2);
    assert!(pair.sent.last().is_some_and(|(.., owned)| owned.header.flags.rst));
}

#[test]
fn a_busy_connection_is_not_probed() {
    let mut pair = Pair::established(keepalive(), plain(), 5);
    for _ in 0..20 {
        pair.run_for(10 * SECOND);
        pair.client.to_write.extend_from_slice(&bytes(0, 10));
    }
    assert_eq!(pair.client.stats.keepalive_probes, 0);
}

#[test]
fn a_closed_window_is_not_taken_for_a_dead_peer() {
    let mut solo = Solo::established_with(keepalive(), 5, Options::default(), 0);
    let begun = solo.now;
    solo.write(10);
    while solo.now.since(begun) < 100 * SECOND {
        solo.next_timer(61 * SECOND);
    }
    assert_eq!(solo.connection.state(), State::Established, "it has its own probes and limit");
    assert_eq!(solo.stats.keepalive_probes, 0);
}

#[test]
fn the_user_timeout_ends_what_is_not_acknowledged() {
    let config = Config { user_timeout: Some(5 * SECOND), ..plain() };
    for window in [65_535, 0] {
        let mut solo = Solo::established_with(config, 5, Options::default(), window);
        let begun = solo.now;
        solo.write(10);
        while solo.connection.state() == State::Established {
            solo.next_timer(5 * SECOND);
        }
        assert_eq!(solo.now.since(begun), 5 * SECOND, "window {window}");
        assert_eq!(solo.events().last(), Some(&Event::Closed(CloseReason::TimedOut)));
    }
}

#[test]
fn the_user_timeout_counts_from_the_last_progress() {
    let config = Config { user_timeout: Some(5 * SECOND), ..plain() };
    let mut solo = Solo::established_with(config, 5, Options::default(), 65_535);
    solo.write(100);
    for ack in 1..20u32 {
        solo.wait(4 * SECOND);
        solo.connection.handle_timeout(solo.now, &mut solo.stats);
        solo.ack(1, 1 + ack, 65_535);
        assert_eq!(solo.connection.state(), State::Established);
    }
    solo.ack(1, 101, 65_535);
    assert_eq!(solo.connection.poll_timeout(), None);
}

#[test] // RFC 9293, MUST-24 and MUST-27
fn keepalive_is_turned_on_and_off_for_one_connection() {
    let mut solo = Solo::established(5);
    assert_eq!(solo.connection.poll_timeout(), None);
    solo.connection.set(solo.now, Setting::Keepalive(keepalive().keepalive));
    assert_eq!(solo.next_timer(30 * SECOND).len(), 1);
    assert_eq!(solo.stats.keepalive_probes, 1);
    solo.connection.set(solo.now, Setting::Keepalive(None));
    assert_eq!(solo.connection.poll_timeout(), None);
    // Turned on again after a long silence it probes at once, and counts anew.
    solo.wait(500 * SECOND);
    solo.connection.set(solo.now, Setting::Keepalive(keepalive().keepalive));
    assert_eq!(solo.next_timer(SECOND).len(), 1);
    assert_eq!(solo.connection.state(), State::Established);
}

#[test]
fn a_keepalive_set_before_the_handshake_waits_for_it() {
    let mut pair = Pair::new(plain(), plain(), 5);
    let setting = Setting::Keepalive(keepalive().keepalive);
    pair.client.connection.set(pair.now, setting);
    pair.run_for(31 * SECOND);
    assert_eq!(pair.client.stats.keepalive_probes, 1);
}

#[test] // RFC 9293, MUST-21
fn the_retries_are_set_for_one_connection() {
    let mut solo = Solo::established(5);
    solo.connection.set(solo.now, Setting::Retries(1));
    solo.write(10);
    assert_eq!(solo.next_timer(SECOND).len(), 1, "sent again");
    solo.next_timer(3 * SECOND);
    assert_eq!(solo.events().last(), Some(&Event::Closed(CloseReason::TimedOut)));
}

#[test]
fn the_user_timeout_is_set_and_taken_back_for_one_connection() {
    let mut solo = Solo::established(5);
    solo.write(10);
    solo.connection.set(solo.now, Setting::UserTimeout(Some(SECOND / 10)));
    solo.connection.set(solo.now, Setting::UserTimeout(None));
    assert_eq!(solo.next_timer(SECOND).len(), 1, "sent again");
    solo.connection.set(solo.now, Setting::UserTimeout(Some(SECOND / 10)));
    solo.next_timer(SECOND / 10);
    assert_eq!(solo.events().last(), Some(&Event::Closed(CloseReason::TimedOut)));
}

#[test]
fn a_keepalive_of_the_peer_is_answered() {
    let mut solo = Solo::established(5);
    solo.text(1, 10, 1);
    let sent = solo.arrive(10, 1, seg(Flags::ACK));
    solo.assert_ack(&sent, 11);
}
