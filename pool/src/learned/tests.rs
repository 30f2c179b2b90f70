use super::*;

const MS: Duration = Duration::from_millis(1);
const SEC: Duration = Duration::from_secs(1);

/// A peer and a clock.
struct Peer {
    learned: Learned,
    now: Instant,
}

impl Peer {
    fn new() -> Self {
        Self { learned: Learned::default(), now: Instant::ORIGIN + SEC }
    }

    /// FINs at these ages, each judged before the next comes.
    fn fins(mut self, ages: impl IntoIterator<Item = Duration>) -> Self {
        for age in ages {
            self.fin(age);
            self.pass(BURST);
        }
        self
    }

    fn fin(&mut self, age: Duration) {
        self.learned.on_fin(self.now, age, true);
    }

    fn pass(&mut self, time: Duration) -> bool {
        self.now = self.now + time;
        self.learned.judge(self.now)
    }

    fn limit(&self) -> Option<Duration> {
        self.learned.limit()
    }
}

#[test]
fn a_limit_is_learned_when_three_samples_agree() {
    assert_eq!(Peer::new().fins([5 * SEC; 2]).limit(), None);
    assert_eq!(Peer::new().fins([5 * SEC; 3]).limit(), Some(5 * SEC));
    // Others between them do no harm; the least of those that agree counts.
    let mixed = [5100, 9000, 5000, 20_000, 5050].map(|ms| ms * MS);
    assert_eq!(Peer::new().fins(mixed).limit(), Some(5 * SEC));
}

#[test]
fn samples_agree_within_a_twentieth() {
    let third = |ms| Peer::new().fins([5000 * MS, 5000 * MS, ms * MS]).limit();
    assert_eq!(third(5250), Some(5 * SEC));
    assert_eq!(third(5251), None);
}

#[test]
fn only_the_last_eight_count() {
    let others = |count: u32| (1..=count).map(|n| 10 * n * SEC);
    let learned = |between| {
        let first = [5 * SEC; 2].into_iter();
        Peer::new().fins(first.chain(others(between)).chain([5 * SEC])).limit()
    };
    assert_eq!(learned(5), Some(5 * SEC));
    assert_eq!(learned(6), None);
}

#[test]
fn a_limit_of_a_second_is_learned_though_clients_take_their_time() {
    // The peer counts from its answer, the pool from the release: a few milliseconds later.
    assert_eq!(Peer::new().fins([999 * MS, 996 * MS, 998 * MS]).limit(), Some(996 * MS));
    assert_eq!(Peer::new().fins([900 * MS; 3]).limit(), Some(900 * MS));
    assert_eq!(Peer::new().fins([899 * MS; 8]).limit(), None);
}

#[test]
fn what_never_served_is_no_sample_and_outlives_nothing() {
    let mut peer = Peer::new();
    for _ in 0..5 {
        peer.learned.on_fin(peer.now, 5 * SEC, false);
        assert_eq!(peer.learned.next(), None, "nothing to judge");
        peer.pass(BURST);
    }
    assert_eq!(peer.limit(), None);
    let mut peer = Peer::new().fins([5 * SEC; 3]);
    peer.learned.on_fin(peer.now, 60 * SEC, false);
    assert_eq!(peer.limit(), Some(5 * SEC));
}

#[test]
fn a_fin_is_judged_a_tenth_of_a_second_later() {
    let mut peer = Peer::new().fins([5 * SEC; 2]);
    peer.fin(5 * SEC);
    assert_eq!(peer.learned.next(), Some(peer.now + BURST));
    assert!(!peer.pass(99 * MS));
    assert_eq!(peer.limit(), None);
    assert!(peer.pass(MS), "now it is new");
    assert_eq!((peer.limit(), peer.learned.next()), (Some(5 * SEC), None));
}

/// Three FINs at these moments and ages, on a peer of which nothing is known.
fn burst(fins: [(Duration, Duration); 3]) -> Option<Duration> {
    let mut peer = Peer::new();
    let start = peer.now;
    for (at, age) in fins {
        peer.now = start + at;
        peer.fin(age);
    }
    peer.pass(BURST);
    // Two more of the least age show whether the first was a sample.
    let least = fins.map(|(_, age)| age).into_iter().min().expect("three");
    peer.fins([least; 2]).limit()
}

#[test]
fn three_at_once_of_different_ages_are_a_restart() {
    let (age, other) = (5 * SEC, 5501 * MS);
    let zero = Duration::ZERO;
    assert_eq!(burst([(zero, age), (zero, other), (99 * MS, other)]), None);
    // Not within a tenth of a second.
    assert_eq!(burst([(zero, age), (zero, other), (100 * MS, other)]), Some(age));
    // Not of different ages.
    assert_eq!(burst([(zero, age), (zero, 5500 * MS), (99 * MS, 5500 * MS)]), Some(age));
}

#[test]
fn two_at_once_are_no_restart() {
    let mut peer = Peer::new();
    peer.fin(5 * SEC);
    peer.fin(30 * SEC);
    peer.pass(BURST);
    assert_eq!(peer.fins([5 * SEC; 2]).limit(), Some(5 * SEC));
}

#[test]
fn a_young_one_or_one_that_never_served_is_part_of_a_restart_too() {
    for (age, served) in [(300 * MS, true), (9 * SEC, false)] {
        let mut peer = Peer::new().fins([5 * SEC; 2]);
        peer.learned.on_fin(peer.now, age, served);
        peer.fin(5 * SEC);
        peer.fin(5 * SEC);
        peer.pass(BURST);
        assert_eq!(peer.limit(), None, "{age:?} {served}");
    }
}

#[test]
fn a_restart_goes_on_as_long_as_fins_follow_each_other() {
    let mut peer = Peer::new().fins([5 * SEC; 2]);
    for age in [9, 3, 5, 7, 5, 5] {
        peer.fin(age * SEC);
        peer.pass(40 * MS);
    }
    peer.pass(BURST);
    assert_eq!(peer.limit(), None);
}

#[test]
fn a_restart_does_not_touch_what_is_known() {
    let mut peer = Peer::new().fins([5 * SEC; 3]);
    for age in [SEC, 2 * SEC, 4 * SEC].repeat(10) {
        peer.fin(age);
    }
    assert!(!peer.pass(BURST));
    assert_eq!(peer.limit(), Some(5 * SEC));
}

#[test]
fn more_fins_at_once_than_are_remembered_still_say_what_they_say() {
    let mut peer = Peer::new();
    for _ in 0..1000 {
        peer.fin(5 * SEC);
    }
    assert!(peer.pass(BURST));
    assert_eq!(peer.limit(), Some(5 * SEC));
}

#[test]
fn a_limit_is_learned_while_fins_never_stop_coming() {
    let mut peer = Peer::new();
    for _ in 0..200 {
        peer.fin(5 * SEC);
        peer.pass(MS);
    }
    assert_eq!(peer.limit(), Some(5 * SEC));
}

#[test]
fn nothing_is_learned_of_a_restart_with_more_fins_than_are_remembered() {
    let mut peer = Peer::new();
    // As many as are remembered look like a limit, and only those behind them do not.
    for age in [5 * SEC].repeat(WAITING_MAX).into_iter().chain([6 * SEC; 80]) {
        peer.fin(age);
        peer.pass(MS);
    }
    for _ in 0..200 {
        peer.pass(MS);
    }
    assert_eq!(peer.limit(), None);
}

#[test]
fn what_outlives_the_limit_raises_it() {
    let mut peer = Peer::new().fins([5 * SEC; 3]);
    peer.learned.on_alive(5250 * MS);
    assert_eq!(peer.limit(), Some(5 * SEC), "that is the same limit");
    peer.learned.on_alive(5251 * MS);
    assert_eq!(peer.limit(), Some(5251 * MS));
    // A FIN that comes later says so too, and at once.
    peer.fin(60 * SEC);
    assert_eq!(peer.limit(), Some(60 * SEC));
    // What was refuted does not come back with the next sample, but with three new ones.
    let peer = peer.fins([5 * SEC; 2]);
    assert_eq!(peer.limit(), Some(60 * SEC));
    assert_eq!(peer.fins([5 * SEC]).limit(), Some(5 * SEC));
}

#[test]
fn without_a_limit_nothing_is_outlived() {
    let mut peer = Peer::new();
    peer.learned.on_alive(60 * SEC);
    assert_eq!(peer.limit(), None);
}

#[test]
fn a_lower_limit_is_told_and_one_that_is_the_same_is_not() {
    let mut peer = Peer::new().fins([5 * SEC; 3]);
    peer.fin(4900 * MS);
    assert!(!peer.pass(BURST), "within what samples may differ");
    assert_eq!(peer.limit(), Some(4900 * MS));
    let mut peer = peer.fins([2 * SEC; 2]);
    peer.fin(2 * SEC);
    assert!(peer.pass(BURST));
    assert_eq!(peer.limit(), Some(2 * SEC));
}

#[test]
fn a_connection_is_given_up_while_a_request_still_arrives_in_time() {
    let allowed = |limit, srtt| Peer::new().fins([limit; 3]).learned.allowed(srtt);
    assert_eq!(Learned::default().allowed(MS), None);
    // 0.85 of it, or two round trips and 50 ms before.
    assert_eq!(allowed(5 * SEC, MS), Some(4250 * MS));
    assert_eq!(allowed(5 * SEC, 350 * MS), Some(4250 * MS));
    assert_eq!(allowed(5 * SEC, 351 * MS), Some(4248 * MS));
    assert_eq!(allowed(SEC, SEC), Some(Duration::ZERO));
    assert_eq!(allowed(SEC, Duration::MAX), Some(Duration::ZERO));
}
