use core::net::{Ipv4Addr, Ipv6Addr};

use super::*;

fn at(secs: u64) -> Instant {
    Instant::from_millis(secs * 1_000)
}

fn address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(number))
}

fn rtt(srtt_ms: u64, rttvar_ms: u64) -> RoundTrip {
    let (srtt, rttvar) = (Duration::from_millis(srtt_ms), Duration::from_millis(rttvar_ms));
    RoundTrip { srtt, rttvar }
}

fn with_rtt(srtt_ms: u64) -> PathRecord {
    PathRecord { rtt: Some(rtt(srtt_ms, 0)), ..PathRecord::default() }
}

fn table(max: usize) -> Destinations {
    Destinations::with_room([5; 16], max)
}

/// The entries by age of use, the newest first; every link is looked at both ways.
fn order(table: &Destinations) -> Vec<IpAddr> {
    let mut order = Vec::new();
    let (mut place, mut newer) = (table.newest, NONE);
    while place != NONE {
        let entry = table.at(place);
        assert_eq!(entry.newer, newer);
        assert_eq!(table.find(entry.address), Some(place));
        order.push(entry.address);
        (newer, place) = (place, entry.older);
    }
    assert_eq!(table.oldest, newer);
    assert_eq!(order.len(), table.entries.len());
    assert_eq!(order.len(), table.index.len());
    order
}

#[test]
fn each_destination_has_its_own_record() {
    let mut table = table(10);
    let others: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), Ipv6Addr::from(1).into()];
    for (ms, address) in (10..).zip(others) {
        assert!(table.recall(at(1), address).is_empty());
        assert_eq!(table.learn(at(1), address, &with_rtt(ms)), 0);
    }
    for (ms, address) in (10..).zip(others) {
        assert_eq!(table.recall(at(2), address), with_rtt(ms));
    }
    assert!(table.recall(at(2), "::ffff:192.0.2.1".parse().unwrap()).is_empty());
}

#[test]
fn a_connection_that_found_nothing_takes_no_room() {
    let mut table = table(1);
    table.learn(at(1), address(1), &with_rtt(10));
    assert_eq!(table.learn(at(1), address(2), &PathRecord::default()), 0);
    assert_eq!(order(&table), [address(1)]);
}

#[test]
fn the_one_not_used_for_longest_goes_first() {
    let mut table = table(3);
    for number in 1..=3 {
        assert_eq!(table.learn(at(1), address(number), &with_rtt(10)), 0);
    }
    assert_eq!(order(&table), [3, 2, 1].map(address));
    table.recall(at(2), address(1));
    table.learn(at(2), address(2), &with_rtt(20));
    assert_eq!(order(&table), [2, 1, 3].map(address));
    assert_eq!(table.learn(at(3), address(4), &with_rtt(10)), 1);
    assert_eq!(order(&table), [4, 2, 1].map(address));
    assert!(table.recall(at(3), address(3)).is_empty(), "evicted");
    assert_eq!(order(&table), [4, 2, 1].map(address));
}

#[test]
fn a_table_of_one_works_too() {
    let mut table = table(1);
    for number in 1..=5 {
        assert_eq!(table.learn(at(1), address(number), &with_rtt(10)), u64::from(number > 1));
        assert_eq!(order(&table), [address(number)]);
    }
}

#[test]
fn a_million_destinations_stay_within_the_bound() {
    let mut table = table(64);
    let mut evicted = 0;
    for number in 0..1_000_000 {
        evicted += table.learn(at(1), address(number), &with_rtt(10));
    }
    assert_eq!((order(&table).len(), evicted), (64, 1_000_000 - 64));
}

#[test]
fn what_is_old_is_not_believed_and_each_part_is_as_old_as_its_own_finding() {
    let mut table = table(1);
    let first = PathRecord { ssthresh: Some(50_000), reordering: Some(7), ..with_rtt(10) };
    table.learn(at(0), address(1), &first);
    table.learn(at(500), address(1), &with_rtt(10));
    assert_eq!(table.recall(at(599), address(1)), first);
    assert_eq!(table.recall(at(600), address(1)), with_rtt(10), "the rest was found longer ago");
    assert_eq!(table.recall(at(1_099), address(1)), with_rtt(10));
    assert!(table.recall(at(1_100), address(1)).is_empty(), "looking does not keep it young");
}

#[test]
fn round_trips_rise_at_once_and_fall_by_and_by() {
    assert_eq!(merge_rtt(rtt(100, 40), rtt(180, 60)), rtt(180, 60));
    assert_eq!(merge_rtt(rtt(180, 60), rtt(100, 20)), rtt(170, 50));
}

#[test]
fn thresholds_rise_at_once_and_fall_by_half() {
    assert_eq!(merge_ssthresh(50_000, 80_000), 80_000);
    assert_eq!(merge_ssthresh(80_000, 50_000), 65_000);
}

#[test]
fn what_is_too_old_is_not_merged_with() {
    let mut table = table(1);
    table.learn(at(0), address(1), &with_rtt(1_000));
    table.learn(at(600), address(1), &with_rtt(10));
    assert_eq!(table.recall(at(600), address(1)), with_rtt(10));
}

/// What a connection has found of a path's MTU.
fn mtu(mtu: u16) -> KnownMtu {
    KnownMtu { mtu, raised_from: at(0) }
}

#[test] // RFC 8201, section 5.3
fn the_last_path_mtu_counts_and_only_a_lower_one_is_news_to_others() {
    let mut table = table(2);
    for (secs, found, lowered) in [(0, 1_400, 1), (100, 1_300, 2), (100, 1_300, 2), (200, 1_500, 2)]
    {
        assert_eq!(table.set_path_mtu(at(secs), address(1), mtu(found)), 0);
        assert_eq!(table.recall(at(secs), address(1)).pmtu, Some(mtu(found)));
        assert_eq!(table.path_mtus_lowered(), lowered, "{found}");
    }
    assert_eq!(table.look(at(800), address(1)).pmtu, None);
    table.set_path_mtu(at(800), address(2), mtu(1_400));
    assert_eq!(table.set_path_mtu(at(800), address(3), mtu(1_400)), 1, "evicts like any other");
}
