//! What must have happened when a call returns, not a turn later.

use std::time::Duration;

use wharf_transport::tcp::Keepalive;

use super::world::World;

/// A world after these orders.
fn after(mut world: World, orders: &[&str]) -> World {
    for order in orders {
        world.order(order);
        world.run();
    }
    world
}

/// A connection is idle, and the next packet of its peer is held back.
fn idle_and_said(what: &str) -> World {
    let orders = [
        r#"a > HELLO; 1 LEASE route=web; 1 DATA "ping""#,
        "a > 1 RELEASE reusable tx=4",
        "down is held",
        what,
    ];
    after(World::with(|_| {}), &orders)
}

#[test]
fn one_packet_takes_an_idle_connection_out() {
    for what in ["u1 > FIN", "u1 > RST", r#"u1 > "late""#] {
        let mut world = idle_and_said(what);
        assert_eq!(world.pool_line(), "idle 1");
        let packet = world.down.take().expect("a packet under way");
        world.shard.handle_packet(world.now, &packet);
        assert_eq!(world.pool_line(), "empty", "after {what}");
        world.check();
    }
}

#[test]
fn one_call_gives_back_what_a_client_held() {
    let phases: [(&[&str], &str); 6] = [
        (&["a > HELLO"], "empty"),
        (&["up is held", "a > HELLO; 1 LEASE route=web; 1 DATA \"x\""], "connecting 1"),
        (&["a > HELLO; 1 LEASE route=web"], "idle 1"),
        (&["a > HELLO; 1 LEASE route=web; 1 DATA \"x\""], "empty"),
        (&["a > HELLO; 1 LEASE route=web; 1 FIN"], "empty"),
        (&["a > HELLO; 1 LEASE route=web", "u1 > RST"], "empty"),
    ];
    for (orders, left) in phases {
        let mut world = after(World::with(|_| {}), orders);
        let session = world.client("a").session;
        world.client("a").is_open = false;
        world.shard.handle_session_closed(world.now, session);
        assert_eq!(world.pool_line(), left, "after {orders:?}");
        assert_eq!(world.shard.holdings.iter().count(), 0);
        assert!(world.shard.session_is_over(session));
        world.check();
    }
}

#[test]
fn what_a_waiter_sent_ahead_is_counted_and_freed_with_it() {
    let orders = ["up is held", "a > HELLO; 1 LEASE route=web; 1 DATA x10000"];
    let world = after(World::with(|_| {}), &orders);
    assert_eq!(world.shard.snapshot(world.now).memory_bytes, [("session_buffers", 10_000)]);
    let world = after(world, &["a > 1 CANCEL"]);
    assert_eq!(world.shard.snapshot(world.now).memory_bytes, [("session_buffers", 0)]);
}

/// Both the stack and the pool end an idle connection in one call.
#[test]
fn a_connection_that_dies_as_it_is_closed_is_not_counted_as_closing() {
    let world = World::with(|setting| {
        let idle = Duration::from_secs(10);
        setting.tcp.keepalive = Some(Keepalive { idle, interval: idle, probes: 2 });
    });
    let orders = [
        r#"a > HELLO; 1 LEASE route=web; 1 DATA "ping""#,
        "a > 1 RELEASE reusable tx=4",
        "up is cut",
        "wait 21s",
    ];
    let mut world = after(world, &orders);
    assert_eq!(world.pool_line(), "idle 1");
    world.now = world.now + Duration::from_secs(60);
    world.shard.handle_timeout(world.now);
    assert_eq!(world.pool_line(), "empty");
    world.check();
}
