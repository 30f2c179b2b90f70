//! Which idle connection a lease gets where its address decides (POOL.md, section 1, `reuse`).

mod support;

use std::collections::BTreeMap;

use support::{Duration, MS, Quay, SEC};
use wharf_pool::{Condition, Grant, Released, Reuse, RouteConfig, RouteId};

fn of(reuse: Reuse) -> (Quay, RouteId) {
    let mut quay = Quay::new();
    let config = RouteConfig { reuse, max_connections: 4096, ..RouteConfig::default() };
    let route = quay.pool.add_route(config);
    (quay, route)
}

/// As many idle connections to each of these addresses, those to the last one released last. Tells
/// which connection leads where.
fn idle(quay: &mut Quay, route: RouteId, each: &[(u64, usize)]) -> BTreeMap<u32, u64> {
    let mut held: Vec<(u64, Grant<u32>)> = Vec::new();
    for &(address, count) in each {
        held.extend((0..count).map(|_| (address, quay.held_at(route, address))));
    }
    for (_, grant) in &held {
        assert_eq!(quay.release(grant.lease, Condition::Reusable), Released::Kept);
    }
    held.iter().map(|(address, grant)| (grant.connection, *address)).collect()
}

fn lease(quay: &mut Quay, route: RouteId) -> Grant<u32> {
    support::grant(quay.lease(route))
}

/// A lease of the route, and its end.
fn use_one(quay: &mut Quay, route: RouteId) -> u32 {
    let grant = lease(quay, route);
    quay.release(grant.lease, Condition::Reusable);
    grant.connection
}

/// One connection to each of these addresses, idle, with this round trip.
fn with_round_trips(
    quay: &mut Quay,
    route: RouteId,
    each: &[(u64, Duration)],
) -> BTreeMap<u32, u64> {
    let held: Vec<_> = each.iter().map(|(address, _)| quay.held_at(route, *address)).collect();
    for (grant, (_, srtt)) in held.iter().zip(each) {
        quay.pool.on_round_trip(grant.lease, *srtt);
        quay.release(grant.lease, Condition::Reusable);
    }
    held.iter().zip(each).map(|(grant, (address, _))| (grant.connection, *address)).collect()
}

#[test]
fn spread_goes_where_the_fewest_leases_are() {
    let (mut quay, route) = of(Reuse::Spread);
    let leads = idle(&mut quay, route, &[(7, 4), (8, 4)]);
    let mut leased = BTreeMap::new();
    for count in 1..=8 {
        *leased.entry(leads[&lease(&mut quay, route).connection]).or_insert(0) += 1;
        let (most, least) = (leased.values().max(), leased.get(&7).min(leased.get(&8)));
        assert!(
            most.copied().unwrap_or(0) - least.copied().unwrap_or(0) <= 1,
            "{count}: {leased:?}"
        );
    }
}

#[test]
fn spread_takes_turns_where_one_lease_follows_the_other() {
    let (mut quay, route) = of(Reuse::Spread);
    let leads = idle(&mut quay, route, &[(7, 2), (8, 2), (9, 2)]);
    let turns: Vec<u64> = (0..6).map(|_| leads[&use_one(&mut quay, route)]).collect();
    assert_eq!(turns[..3], turns[3..]);
    let mut once = turns[..3].to_vec();
    once.sort_unstable();
    assert_eq!(once, [7, 8, 9]);
}

#[test]
fn spread_finds_addresses_behind_many_connections_to_others() {
    let (mut quay, route) = of(Reuse::Spread);
    let leads = idle(&mut quay, route, &[(9, 100), (8, 100), (7, 100)]);
    let mut uses = BTreeMap::new();
    for _ in 0..3000 {
        *uses.entry(leads[&use_one(&mut quay, route)]).or_insert(0) += 1;
    }
    // Until the list has turned, the one in the middle is out of sight.
    assert!(uses.values().all(|&uses| uses > 800), "{uses:?}");
}

#[test]
fn best_goes_where_the_round_trip_is_shortest() {
    let (mut quay, route) = of(Reuse::Best);
    let leads = with_round_trips(&mut quay, route, &[(7, 9 * MS), (8, MS), (9, 5 * MS)]);
    let order: Vec<u64> = (0..3).map(|_| leads[&lease(&mut quay, route).connection]).collect();
    assert_eq!(order, [8, 9, 7]);
}

#[test]
fn best_avoids_a_loss_while_it_is_fresh() {
    let (mut quay, route) = of(Reuse::Best);
    let leads = with_round_trips(&mut quay, route, &[(7, 9 * MS), (8, MS)]);
    let near = lease(&mut quay, route);
    assert_eq!(leads[&near.connection], 8);
    quay.pool.on_loss(quay.now, near.lease);
    quay.release(near.lease, Condition::Reusable);
    assert_eq!(leads[&use_one(&mut quay, route)], 7);
    quay.sleep(10 * SEC);
    assert_eq!(leads[&use_one(&mut quay, route)], 8);
}

#[test]
fn what_leads_to_no_known_address_is_used_as_the_last_released() {
    for reuse in [Reuse::Spread, Reuse::Best] {
        let (mut quay, route) = of(reuse);
        let held = [quay.held(route), quay.held(route)];
        for grant in held {
            quay.release(grant.lease, Condition::Reusable);
        }
        let grant = lease(&mut quay, route);
        assert_eq!(grant.connection, held[1].connection, "{reuse:?}");
        quay.pool.on_loss(quay.now, grant.lease);
    }
}
