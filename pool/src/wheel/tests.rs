use super::*;
use crate::random::Random;
use crate::time::Duration;

#[derive(Debug)]
struct Alarm;
impl Timed<Timer> for Alarm {
    fn timer(owner: &Timer) -> &Timer {
        owner
    }
    fn timer_mut(owner: &mut Timer) -> &mut Timer {
        owner
    }
}

fn at(tick: u64) -> Instant {
    Instant::from_nanos(tick << TICK_SHIFT)
}

fn fired(wheel: &mut Wheel<Alarm>, arena: &mut Arena<Timer>, now: Instant) -> Vec<u32> {
    let mut fired = Vec::new();
    loop {
        match wheel.step(arena, now) {
            Step::Fired(index) => fired.push(index),
            Step::Moved => {}
            Step::Rest => return fired,
        }
    }
}

#[test]
fn timers_fire_in_order_and_never_early() {
    let mut random = Random::new(7);
    for _ in 0..200 {
        let mut arena = Arena::new();
        let mut wheel = Wheel::<Alarm>::new();
        let mut now = random.below(1 << 40);
        assert_eq!(fired(&mut wheel, &mut arena, at(now)), []);
        let mut armed: Vec<(u64, u32)> = Vec::new();
        for _ in 0..50 {
            let (index, _) = arena.insert(Timer::default());
            let span = 1 << random.below(42);
            let tick = now + random.below(span);
            wheel.arm_by(&mut arena, index, at(tick));
            armed.push((tick, index));
        }
        while let Some(next) = wheel.next() {
            assert!(next >= at(now), "the next step does not lie in the past");
            now = (next.as_nanos() >> TICK_SHIFT) + random.below(3);
            let mut expected: Vec<_> = armed.extract_if(.., |(tick, _)| *tick <= now).collect();
            expected.sort_by_key(|(tick, _)| *tick);
            let got = fired(&mut wheel, &mut arena, at(now));
            let ticks = |index: &u32| expected.iter().find(|(_, i)| i == index).map(|(t, _)| *t);
            assert_eq!(got.len(), expected.len());
            assert!(got.iter().map(ticks).is_sorted(), "in the order of their ticks");
        }
        assert!(armed.is_empty(), "every timer fired");
    }
}

#[test]
fn a_timer_is_moved_forward_only() {
    let mut arena = Arena::new();
    let mut wheel = Wheel::<Alarm>::new();
    let (index, _) = arena.insert(Timer::default());
    wheel.arm_by(&mut arena, index, at(100));
    wheel.arm_by(&mut arena, index, at(5000));
    assert_eq!(fired(&mut wheel, &mut arena, at(100)), [index]);
    wheel.arm_by(&mut arena, index, at(5000));
    wheel.arm_by(&mut arena, index, at(200));
    assert_eq!(fired(&mut wheel, &mut arena, at(199)), []);
    assert_eq!(fired(&mut wheel, &mut arena, at(200)), [index]);
    assert_eq!(wheel.next(), None);
}

#[test]
fn a_disarmed_timer_does_not_fire() {
    let mut arena = Arena::new();
    let mut wheel = Wheel::<Alarm>::new();
    let (index, _) = arena.insert(Timer::default());
    wheel.arm_by(&mut arena, index, at(70));
    assert_ne!(arena[index].tick(), NEVER);
    wheel.disarm(&mut arena, index);
    wheel.disarm(&mut arena, index);
    assert_eq!(wheel.next(), None);
    assert_eq!(fired(&mut wheel, &mut arena, at(1000)), []);
}

#[test]
fn the_last_instant_has_its_place() {
    let mut arena = Arena::new();
    let mut wheel = Wheel::<Alarm>::new();
    let end = Instant::from_nanos(u64::MAX);
    let (index, _) = arena.insert(Timer::default());
    wheel.arm_by(&mut arena, index, end);
    assert_eq!(fired(&mut wheel, &mut arena, end - Duration::from_secs(1)), []);
    assert!(wheel.next().is_some_and(|next| next <= end));
}
