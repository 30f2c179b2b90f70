//! What an operator sees of sessions, and of what happened to connections.

use wharf_pool::time::Duration;

use super::world::World;
use crate::inspect::{SessionRow, TraceFilter};

/// A world with one who holds, one who waits, one whose connection is gone, and one who has nothing.
fn world() -> World {
    let mut world = World::with(|s| s.config.routes[0].settings.max_per_route = 2);
    let orders = [
        "a > HELLO; 1 LEASE route=web; 1 DATA \"abc\"",
        "b connects uid=1001 gid=5",
        "b > HELLO; 1 LEASE route=web opaque",
        "u2 > RST",
        "c > HELLO; 1 LEASE route=web",
        "d > HELLO",
    ];
    for order in orders {
        world.order(order);
        world.run();
    }
    world.wait(Duration::from_millis(250));
    world
}

fn rows(world: &World) -> Vec<SessionRow> {
    let mut rows = world.shard.session_rows(world.now);
    rows.sort_by_key(|row| row.pid);
    rows
}

#[test]
fn each_session_has_a_row_with_what_it_holds() {
    let world = world();
    let rows = rows(&world);
    let phases: Vec<Option<&str>> =
        rows.iter().map(|row| row.lease.as_ref().map(|lease| lease.phase)).collect();
    assert_eq!(phases, [Some("leased"), Some("lost"), Some("waiting"), None]);
    let held = rows[0].lease.as_ref().expect("a lease");
    assert_eq!((held.route.as_str(), held.number, held.written_bytes), ("web", 1, 3));
    assert_eq!(held.remote.map(|remote| remote.to_string()).as_deref(), Some("10.0.0.1:80"));
    assert!(held.held_ms.is_some_and(|held| held >= 250) && held.connection.is_some());
    let lost = rows[1].lease.as_ref().expect("a lease");
    assert_eq!((rows[1].uid, rows[1].gid, lost.number, lost.opaque), (1001, 5, 1, true));
    assert!(lost.handle.is_some() && lost.connection.is_none());
    let waiting = rows[2].lease.as_ref().expect("a wish");
    assert_eq!((waiting.handle, waiting.held_ms), (None, None));
    assert!(waiting.asked_ms >= 250);
}

#[test]
fn a_trace_tells_what_happened_to_one_connection_or_lease() {
    let mut world = world();
    let row = rows(&world)[0].lease.clone().expect("a lease");
    world.order("a > 1 RELEASE reusable tx=3");
    world.run();
    let tell = |filter: &TraceFilter| -> Vec<(&str, &str)> {
        let rows = world.shard.transition_rows(world.now, filter);
        rows.iter().map(|row| (row.step, row.cause)).collect()
    };
    let of_connection = TraceFilter { connection: row.connection, ..TraceFilter::default() };
    let whole = [("connecting", "demand"), ("leased", "new"), ("leased", "handoff")];
    assert_eq!(tell(&of_connection), whole, "its attempt too, which had no connection yet");
    let of_lease = TraceFilter { lease: row.handle, ..TraceFilter::default() };
    assert_eq!(tell(&of_lease), [("leased", "new")]);
    let last = TraceFilter { last: Some(1), ..TraceFilter::default() };
    assert_eq!(tell(&last), [("leased", "handoff")]);
    let other = TraceFilter { connection: Some(u64::MAX), ..TraceFilter::default() };
    assert_eq!(tell(&other), []);
}
