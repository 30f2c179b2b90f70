//! Figures of a connection that follow from its life: where recovery stands, what arrived, for how
//! long it was busy.

use super::PLACES;
use super::solo::Solo;
use crate::tcp::{CaState, Info};
use crate::time::Duration;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn info(solo: &Solo) -> Info {
    solo.connection.info(solo.now)
}

#[test]
fn where_recovery_stands() {
    for isn in PLACES {
        let mut solo = Solo::established(isn);
        let mut states = vec![info(&solo).ca_state];
        solo.write(5_000);
        states.push(info(&solo).ca_state);
        for _ in 0..3 {
            solo.ack(1, 1, 65_535);
            states.push(info(&solo).ca_state);
        }
        solo.ack(1, 5_001, 65_535);
        states.push(info(&solo).ca_state);
        solo.write(1_000);
        solo.next_timer(millis(3_000));
        states.push(info(&solo).ca_state);
        solo.ack(1, 6_001, 65_535);
        states.push(info(&solo).ca_state);
        let names: Vec<_> = states.into_iter().map(CaState::name).collect();
        let expected = ["open", "open", "disorder", "disorder", "recovery", "open", "loss", "open"];
        assert_eq!(names, expected, "isn {isn}");
    }
}

#[test]
fn a_segment_that_was_sent_twice_arrives_once() {
    let mut solo = Solo::established(5);
    assert_eq!(info(&solo).delivered, 1, "our SYN");
    solo.write(3_000);
    assert_eq!(info(&solo).delivered, 1);
    solo.ack(1, 1_001, 65_535);
    assert_eq!(info(&solo).delivered, 2);
    assert_eq!(solo.next_timer(millis(3_000)).len(), 1);
    solo.ack(1, 3_001, 65_535);
    assert_eq!((info(&solo).delivered, info(&solo).data_segs_out), (4, 4));
    assert_eq!(solo.stats.delivered, 4);
}

#[test]
fn busy_is_who_waits_for_an_acknowledgement() {
    let mut solo = Solo::established(5);
    solo.wait(millis(70));
    assert_eq!(info(&solo).busy, Duration::ZERO);
    solo.write(2_000);
    solo.wait(millis(10));
    assert_eq!(info(&solo).busy, millis(10), "it is under way");
    solo.ack(1, 1_001, 65_535);
    solo.wait(millis(20));
    solo.write(500);
    solo.ack(1, 2_501, 65_535);
    solo.wait(millis(500));
    assert_eq!(info(&solo).busy, millis(30), "silence does not count");
    solo.write(1);
    solo.wait(millis(5));
    solo.ack(1, 2_502, 65_535);
    assert_eq!(info(&solo).busy, millis(35));
}

#[test]
fn the_delay_of_acknowledgements_is_none_before_text_has_come() {
    let mut solo = Solo::established(5);
    assert_eq!(info(&solo).ato, Duration::ZERO);
    solo.text(1, 100, 1);
    assert_eq!(info(&solo).ato, millis(40));
    solo.wait(millis(2));
    solo.text(101, 100, 1);
    assert_eq!(info(&solo).ato, millis(8), "four gaps");
}
