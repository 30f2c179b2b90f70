//! The wheel by itself, and against a sorted list.

use super::*;
use crate::time::Duration;

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

/// All owners that expire at `now`.
fn expired(wheel: &mut TimerWheel, now: Instant) -> Vec<u32> {
    let mut owners: Vec<u32> = core::iter::from_fn(|| wheel.pop_expired(now)).collect();
    owners.sort_unstable();
    owners
}

#[test]
fn a_timer_fires_at_its_nanosecond() {
    let mut wheel = TimerWheel::new();
    wheel.arm(3, at(40_000_001));
    assert_eq!(wheel.earliest(), Some(at(40_000_001)));
    assert_eq!(expired(&mut wheel, at(40_000_000)), []);
    assert_eq!(wheel.earliest(), Some(at(40_000_001)));
    assert_eq!(expired(&mut wheel, at(40_000_001)), [3]);
    assert_eq!(wheel.earliest(), None);
    assert_eq!(wheel.deadline(3), None);
}

#[test]
fn arming_again_moves_and_cancelling_removes() {
    let mut wheel = TimerWheel::new();
    wheel.arm(1, at(1_000_000));
    wheel.arm(1, at(9_000_000));
    wheel.arm(2, at(2_000_000));
    wheel.cancel(2);
    wheel.cancel(2);
    wheel.cancel(77);
    assert_eq!(expired(&mut wheel, at(8_999_999)), []);
    assert_eq!(expired(&mut wheel, at(9_000_000)), [1]);
}

#[test]
fn a_deadline_in_the_past_is_due_at_once() {
    let mut wheel = TimerWheel::new();
    assert_eq!(expired(&mut wheel, at(5_000_000_000)), []);
    wheel.arm(1, at(7));
    assert_eq!(wheel.earliest(), Some(at(7)));
    assert_eq!(expired(&mut wheel, at(5_000_000_000)), [1]);
}

#[test]
fn the_last_instant_can_be_armed() {
    let mut wheel = TimerWheel::new();
    wheel.arm(1, at(u64::MAX));
    wheel.arm(2, at(u64::MAX - 1));
    assert_eq!(expired(&mut wheel, at(u64::MAX - 2)), []);
    assert_eq!(expired(&mut wheel, at(u64::MAX - 1)), [2]);
    assert_eq!(expired(&mut wheel, at(u64::MAX)), [1]);
}

#[test]
fn a_timer_armed_low_after_a_pause_does_not_hide_an_earlier_one_above() {
    let mut wheel = TimerWheel::new();
    // The first timer waits at an upper level; time passes into its slot, and a later timer is
    // armed from there.
    wheel.arm(1, Instant::from_millis(600));
    assert_eq!(expired(&mut wheel, Instant::from_millis(599)), []);
    wheel.arm(2, Instant::from_millis(601));
    assert_eq!(wheel.earliest(), Some(Instant::from_millis(600)));
    assert_eq!(expired(&mut wheel, Instant::from_millis(600)), [1]);
}

#[test]
fn a_due_timer_can_be_cancelled_before_it_is_taken() {
    let mut wheel = TimerWheel::new();
    wheel.arm(1, at(10));
    wheel.arm(2, at(10));
    let first = wheel.pop_expired(at(20)).unwrap();
    wheel.cancel(3 - first);
    assert_eq!(wheel.pop_expired(at(20)), None);
    assert_eq!(wheel.earliest(), None);
}

/// Random steps against a plain list: the same owners fire at the same times, none is lost, and
/// `earliest` never says later than the truth.
#[test]
fn random_steps_agree_with_a_sorted_list() {
    for seed in 1..40_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut next = move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let mut wheel = TimerWheel::new();
        let mut model: Vec<Option<Instant>> = vec![None; 50];
        let mut now = Instant::ORIGIN;
        for _ in 0..2_000 {
            let owner = next() % 50;
            let place = usize::try_from(owner).unwrap();
            let owner = u32::try_from(owner).unwrap();
            match next() % 8 {
                0..4 => {
                    let deadline = now + Duration::from_nanos(next() % (1 << (next() % 44)));
                    wheel.arm(owner, deadline);
                    model[place] = Some(deadline);
                }
                4 => {
                    wheel.cancel(owner);
                    model[place] = None;
                }
                5 => now += Duration::from_nanos(next() % (1 << (next() % 40))),
                _ => {
                    if let Some(earliest) = wheel.earliest() {
                        now = now.max(earliest);
                    }
                }
            }
            let due: Vec<u32> = (0..50_u32)
                .filter(|owner| {
                    model[usize::try_from(*owner).unwrap()].is_some_and(|when| when <= now)
                })
                .collect();
            model.iter_mut().for_each(|when| *when = when.filter(|when| *when > now));
            assert_eq!(expired(&mut wheel, now), due, "seed {seed}");
            let truth = model.iter().flatten().min().copied();
            assert_eq!(wheel.earliest().is_some(), truth.is_some(), "seed {seed}");
            assert!(wheel.earliest() <= truth, "seed {seed}");
        }
    }
}
