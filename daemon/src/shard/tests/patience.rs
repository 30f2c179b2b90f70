//! Peers that close idle connections, and what the pool learns from them: POOL.md, rule I.

use std::time::Duration;

use super::world::World;

fn world() -> World {
    World::with(|_| {})
}

fn learned(world: &World) -> Duration {
    let routes = world.shard.snapshot(world.now).routes;
    routes.iter().map(|route| route.learned_idle).max().expect("a route")
}

/// Upstream connection `number` serves one lease, idles, and is closed by its server after 5 s.
fn serve_and_close(world: &mut World, number: usize) {
    world.play(&format!(
        r#"
        a > {number} LEASE route=web; {number} DATA "ping"
            u{number} opens
            u{number} < "ping"
            a < {number} LEASED new
            pool: leased 1
        a > {number} RELEASE reusable tx=4
            a < {number} RELEASED kept
            pool: idle 1
        wait 5s
        u{number} > FIN
            u{number} < FIN
            closed peer_fin
            pool: empty
        "#
    ));
}

#[test]
fn after_three_fins_the_pool_closes_before_the_server_does() {
    let mut world = world();
    world.play("a > HELLO\n    a < WELCOME");
    for number in 1..=3 {
        serve_and_close(&mut world, number);
        assert_eq!(learned(&world), Duration::ZERO);
    }
    world.play("wait 100ms");
    assert_eq!(learned(&world), Duration::from_secs(5));
    world.play(
        r#"
        a > 4 LEASE route=web; 4 DATA "ping"
            u4 opens
            u4 < "ping"
            a < 4 LEASED new
            pool: leased 1
        a > 4 RELEASE reusable tx=4
            a < 4 RELEASED kept
            pool: idle 1
        wait 4249ms
        wait 3ms
            u4 < FIN
            closed learned_idle
            pool: closing 1
        u4 > FIN
            pool: empty
        "#,
    );
}

#[test]
fn a_hint_at_release_closes_a_second_before() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=4 keep_alive=5000
            a < 1 RELEASED kept
            pool: idle 1
        wait 3999ms
        wait 3ms
            u1 < FIN
            closed keepalive_hint
            pool: closing 1
        "#,
    );
}

#[test]
fn a_server_that_restarts_teaches_nothing() {
    let mut world = world();
    world.play("a > HELLO\n    a < WELCOME");
    for number in 1..=4 {
        let lease = format!("a > {number} LEASE route=web fresh; {number} DATA \"ping\"");
        for order in [lease, format!("a > {number} RELEASE reusable tx=4")] {
            world.order(&order);
            world.run();
        }
        if number == 1 {
            world.wait(Duration::from_secs(4));
        }
    }
    world.wait(Duration::from_secs(5));
    assert_eq!(world.pool_line(), "idle 4");
    // Three of the same age, and one that is older.
    for number in 1..=4 {
        world.order(&format!("u{number} > FIN"));
        world.run();
    }
    world.wait(Duration::from_secs(1));
    assert_eq!((world.pool_line().as_str(), learned(&world)), ("empty", Duration::ZERO));
}
