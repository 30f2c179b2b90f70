use super::*;
use proptest::prelude::*;

fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// Everything that arrives by the end of time: when, and what.
fn drain(link: &mut Link) -> Vec<(Instant, Vec<u8>)> {
    let mut batch = PacketBatch::new(4, 2000);
    let mut arrived = Vec::new();
    while let Some(due) = link.poll_timeout() {
        batch.clear();
        assert!(link.poll_deliver(due, &mut batch) > 0, "what is due is delivered");
        arrived.extend(batch.iter().map(|packet| (due, packet.to_vec())));
    }
    arrived
}

/// Sends packets that carry their number, one a millisecond.
fn send_numbered(link: &mut Link, count: u32) {
    for number in 0..count {
        link.handle_packet(ms(u64::from(number)), &number.to_be_bytes());
    }
}

fn numbers(arrived: &[(Instant, Vec<u8>)]) -> Vec<u32> {
    arrived
        .iter()
        .map(|(_, packet)| u32::from_be_bytes(packet[..].try_into().expect("four bytes")))
        .collect()
}

#[test]
fn a_perfect_link_delivers_at_once_and_in_order() {
    let mut link = Link::new(Faults::default(), 1);
    send_numbered(&mut link, 10);
    let arrived = drain(&mut link);
    assert_eq!(numbers(&arrived), (0..10).collect::<Vec<_>>());
    assert!(arrived.iter().zip(0..).all(|((when, _), number)| *when == ms(number)));
}

#[test]
fn nothing_comes_before_its_time() {
    let faults = Faults { delay: Duration::from_millis(50), ..Faults::default() };
    let mut link = Link::new(faults, 1);
    link.handle_packet(ms(10), b"x");
    let mut batch = PacketBatch::new(1, 10);
    assert_eq!(link.poll_timeout(), Some(ms(60)));
    assert_eq!(link.poll_deliver(ms(59), &mut batch), 0);
    assert_eq!(link.poll_deliver(ms(60), &mut batch), 1);
    assert_eq!(link.poll_timeout(), None);
}

#[test]
fn jitter_delays_and_keeps_order() {
    let faults = Faults {
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(10),
        ..Faults::default()
    };
    let mut link = Link::new(faults, 3);
    send_numbered(&mut link, 200);
    let arrived = drain(&mut link);
    assert_eq!(numbers(&arrived), (0..200).collect::<Vec<_>>());
    let travels: Vec<Duration> =
        arrived.iter().zip(0..).map(|((when, _), sent)| when.since(ms(sent))).collect();
    assert!(travels.iter().all(|travel| (20..=30).contains(&travel.as_millis())), "{travels:?}");
    assert!(travels.iter().any(|travel| *travel != travels[0]), "there is jitter at all");
}

#[test]
fn loss_strikes_about_as_often_as_it_should() {
    let faults = Faults { loss: Chance::percent(30), ..Faults::default() };
    let mut link = Link::new(faults, 7);
    send_numbered(&mut link, 10_000);
    assert_eq!(drain(&mut link).len() as u64 + link.stats().lost, 10_000);
    assert!((2_800..3_200).contains(&link.stats().lost), "{:?}", link.stats());
}

#[test]
fn a_packet_held_back_is_overtaken() {
    let faults = Faults {
        reorder: Chance::percent(20),
        reorder_by: Duration::from_millis(3),
        ..Faults::default()
    };
    let mut link = Link::new(faults, 5);
    send_numbered(&mut link, 100);
    let arrived = numbers(&drain(&mut link));
    assert!(!arrived.is_sorted(), "{arrived:?}");
    let mut sorted = arrived;
    sorted.sort_unstable();
    assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    assert!(link.stats().reordered > 0);
}

#[test]
fn duplicates_arrive_as_well() {
    let faults = Faults { duplicate: Chance::ALWAYS, ..Faults::default() };
    let mut link = Link::new(faults, 5);
    send_numbered(&mut link, 3);
    assert_eq!(numbers(&drain(&mut link)), [0, 0, 1, 1, 2, 2]);
    assert_eq!(link.stats().duplicated, 3);
}

#[test]
fn corruption_flips_exactly_one_bit() {
    let faults = Faults { corrupt: Chance::ALWAYS, ..Faults::default() };
    let mut link = Link::new(faults, 9);
    for _ in 0..50 {
        link.handle_packet(ms(0), &[0; 40]);
    }
    for (_, packet) in drain(&mut link) {
        assert_eq!(packet.iter().map(|octet| octet.count_ones()).sum::<u32>(), 1);
    }
    assert_eq!(link.stats().corrupted, 50);
}

#[test]
fn a_rate_limit_spaces_packets_and_drops_what_its_queue_cannot_hold() {
    let rate = RateLimit::Queue { bytes_per_second: 1_000_000, queue_bytes: 3000 };
    let mut link = Link::new(Faults { rate: Some(rate), ..Faults::default() }, 1);
    for _ in 0..5 {
        link.handle_packet(ms(0), &[0; 1000]);
    }
    let when: Vec<Instant> = drain(&mut link).into_iter().map(|(when, _)| when).collect();
    assert_eq!(when, [ms(1), ms(2), ms(3)]);
    assert_eq!(link.stats().rate_dropped, 2);
}

#[test]
fn long_packets_and_packets_beyond_the_bound_vanish_and_are_counted() {
    let faults = Faults { mtu: 4, in_flight_max: 2, ..Faults::default() };
    let mut link = Link::new(faults, 1);
    link.handle_packet(ms(0), b"12345");
    send_numbered(&mut link, 3);
    assert_eq!((link.stats().oversized, link.stats().overflowed), (1, 1));
    assert_eq!((link.in_flight(), link.faults().mtu), (2, 4));

    let mut narrow = PacketBatch::new(8, 4);
    link.set_faults(Faults::default());
    link.handle_packet(ms(0), b"longer than the batch");
    assert_eq!(link.poll_deliver(ms(9), &mut narrow), 2);
    narrow.clear();
    assert_eq!(link.stats().undeliverable, 1);
    assert_eq!(link.poll_timeout(), None);
}

#[test]
fn a_full_batch_leaves_the_rest_for_later() {
    let mut link = Link::new(Faults::default(), 1);
    send_numbered(&mut link, 3);
    let mut batch = PacketBatch::new(2, 4);
    assert_eq!(link.poll_deliver(ms(9), &mut batch), 2);
    assert_eq!(link.poll_deliver(ms(9), &mut batch), 0);
    batch.clear();
    assert_eq!(link.poll_deliver(ms(9), &mut batch), 1);
}

#[test]
fn an_empty_packet_is_corrupted_without_a_panic() {
    let mut link = Link::new(Faults { corrupt: Chance::ALWAYS, ..Faults::default() }, 1);
    link.handle_packet(ms(0), b"");
    assert_eq!(link.in_flight(), 1);
}

#[test]
fn one_fault_more_leaves_the_others_where_they_were() {
    let lossy = Faults { loss: Chance::percent(10), ..Faults::default() };
    let both = Faults { corrupt: Chance::percent(10), ..lossy };
    let survivors = |faults| {
        let mut link = Link::new(faults, 42);
        send_numbered(&mut link, 500);
        drain(&mut link).into_iter().map(|(when, _)| when).collect::<Vec<_>>()
    };
    assert_eq!(survivors(lossy), survivors(both));
}

proptest! {
    #[test]
    fn a_seed_replays_and_every_packet_is_accounted_for(
        seed: u64,
        (loss, reorder, duplicate, corrupt) in (0u32..40, 0u32..40, 0u32..40, 0u32..40),
        (delay, jitter, reorder_by) in (0u64..100, 0u64..30, 0u64..30),
        rate in proptest::option::of(1u64..100_000),
    ) {
        let faults = Faults {
            loss: Chance::percent(loss),
            delay: Duration::from_millis(delay),
            jitter: Duration::from_millis(jitter),
            reorder: Chance::percent(reorder),
            reorder_by: Duration::from_millis(reorder_by),
            duplicate: Chance::percent(duplicate),
            corrupt: Chance::percent(corrupt),
            rate: rate.map(|bytes_per_second| RateLimit::Queue { bytes_per_second, queue_bytes: 200 }),
            ..Faults::default()
        };
        let run = || {
            let mut link = Link::new(faults, seed);
            send_numbered(&mut link, 100);
            (drain(&mut link), *link.stats())
        };
        let (arrived, stats) = run();
        prop_assert_eq!(&run(), &(arrived.clone(), stats));
        prop_assert!(arrived.is_sorted_by_key(|(when, _)| *when));
        prop_assert_eq!(stats.delivered, arrived.len() as u64);
        prop_assert_eq!(
            stats.taken + stats.duplicated,
            stats.delivered + stats.lost + stats.rate_dropped,
        );
    }
}
