//! What the shard tells of itself: each failure has a counter and a notice, each connection a row.
//! DESIGN.md, section 10, P7.

use std::collections::BTreeMap;

use super::super::Notice;
use super::world::World;
use crate::snapshot::{ConnectionRow, Counts};

/// The entries of `counts` that are not zero, by name.
fn counted(counts: &Counts) -> BTreeMap<&str, u64> {
    counts.iter().filter(|(_, count)| *count > 0).map(|(word, count)| (*word, *count)).collect()
}

/// A world in which one of each kind of failure has happened.
fn after_failures() -> World {
    let mut world = World::with(|_| {});
    let orders = [
        "a > HELLO; 1 LEASE route=named",
        "resolver named.test fails",
        "a > 2 LEASE route=web; 2 DATA \"x\"",
        "u1 > RST",
        "a > 2 RELEASE discard; 3 LEASE route=web; 3 DATA \"x\"",
        "a hangs up",
        "upstream stops listening",
        "b connects uid=1001",
        "b > HELLO; 1 LEASE route=web; 2 LEASE route=nowhere",
        "c > HELLO; 1 LEASE route=nowhere; 1 FIN; 9 FIN",
    ];
    for order in orders {
        world.order(order);
        world.run();
    }
    world
}

#[test]
fn every_failure_is_counted_by_its_token() {
    let world = after_failures();
    let snapshot = world.shard.snapshot(world.now);
    let cases: [(&Counts, &[(&str, u64)]); 5] = [
        (&snapshot.clients.protocol_errors, &[("protocol_violation", 2)]),
        (&snapshot.pool.stale_lease_errors, &[("acked", 1)]),
        (&snapshot.pool.connect_failures, &[("connection_refused", 1), ("dns_error", 1)]),
        (&snapshot.pool.lease_failures, &[("destination_not_found", 1), ("dns_error", 1)]),
        (&snapshot.pool.closed, &[("client_died", 1), ("peer_rst", 1)]),
    ];
    for (counts, expected) in cases {
        assert_eq!(counted(counts), expected.iter().copied().collect());
    }
}

#[test]
fn every_failure_is_told_to_the_log() {
    let world = after_failures();
    let kinds: Vec<&str> = world
        .notices
        .iter()
        .map(|notice| match notice {
            Notice::SessionRefused { .. } => "session refused",
            Notice::ConnectFailed { .. } => "connect failed",
            Notice::ResolveFailed { .. } => "resolve failed",
            Notice::AddressFailed { .. } => "address failed",
            Notice::AddressRecovered { .. } => "address recovered",
            Notice::LeaseLost { .. } => "lease lost",
            Notice::ClientDied { .. } => "client died",
            Notice::LeaseOverdue { .. } => "lease overdue",
            Notice::AddressesRemoved { .. } => "addresses removed",
        })
        .collect();
    let expected = [
        "resolve failed",
        "connect failed",
        "lease lost",
        "client died",
        "session refused",
        "connect failed",
        "session refused",
    ];
    assert_eq!(kinds, expected, "{:#?}", world.notices);
}

#[test]
fn users_are_counted_by_what_they_hold() {
    let mut world = World::with(|setting| {
        setting.config.routes[0].settings.max_per_route = 1;
        setting.config.routes[0].access.allow_uids = vec![1000, 1001];
    });
    let orders = [
        "a > HELLO; 1 LEASE route=web",
        "b connects uid=1001",
        "b > HELLO; 1 LEASE route=web",
        "c connects uid=1002",
    ];
    for order in orders {
        world.order(order);
        world.run();
    }
    let snapshot = world.shard.snapshot(world.now);
    let rows: Vec<(&str, u64, u64, u64)> = snapshot
        .clients
        .by_uid
        .iter()
        .map(|counts| (counts.uid.as_str(), counts.sessions, counts.leases, counts.waiters))
        .collect();
    assert_eq!(rows, [("1000", 1, 1, 0), ("1001", 1, 0, 1), ("other", 1, 0, 0)]);
}

#[test]
fn every_connection_has_a_row_that_names_its_holder() {
    let mut world = World::with(|_| {});
    let orders = [
        "a > HELLO; 1 LEASE route=web; 1 DATA \"x\"",
        "b > HELLO; 1 LEASE route=many",
        "b > 1 RELEASE unused",
        "up is held",
        "c > HELLO; 1 LEASE route=web",
        "wait 50ms",
    ];
    for order in orders {
        world.order(order);
        world.run();
    }
    let rows = world.shard.connection_rows(world.now);
    let show = |row: &ConnectionRow| {
        let (state, pool_state, uses) = (row.state, row.pool_state, row.uses);
        format!("{state} {pool_state:?} {:?} {:?} {uses}", row.uid, row.pid)
    };
    let mut shown: Vec<String> = rows.iter().map(show).collect();
    shown.sort_unstable();
    let expected = [
        r#"established Some("idle") None None 1"#,
        r#"established Some("leased") Some(1000) Some(1) 1"#,
        r#"syn_sent Some("connecting") None None 0"#,
    ];
    assert_eq!(shown, expected);
    assert!(rows.iter().all(|row| row.age_ms == 50 || row.pool_state == Some("connecting")));
}

#[test]
fn the_memory_of_a_lease_is_its_users() {
    let mut world = World::with(|_| {});
    let mut orders = |orders: &[&str]| {
        for order in orders {
            world.order(order);
            world.run();
        }
        // Nobody's account is 0, so a user's is one more than the user's number.
        [0, 1_000 + 1, 1_001 + 1].map(|account| world.shard.stack.memory_used_by(account))
    };
    let leased = orders(&[
        "a connects uid=1000",
        "b connects uid=1001",
        "a > HELLO; 1 LEASE route=web; 1 DATA \"ping\"",
        "u1 stops reading",
        "a > 1 DATA x60000; 1 DATA x60000",
        "b > HELLO; 1 LEASE route=web; 1 DATA \"ping\"",
    ]);
    assert!(leased[1] > 50_000, "{leased:?}");
    assert!(leased[2] > 0 && leased[2] < 10_000, "{leased:?}");
    let released = orders(&["a > 1 RELEASE discard", "b > 1 RELEASE reusable rx=0 tx=4"]);
    assert_eq!(released[1..], [0, 0]);
    let snapshot = world.shard.snapshot(world.now);
    assert_eq!(snapshot.tcp_memory.used, world.shard.stack.memory_used() as u64);
}
