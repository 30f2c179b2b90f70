//! Addresses of a name race for the connection. RFC 8305, section 5; POOL.md, rule C.

use std::net::IpAddr;

use wharf_pool::time::Duration;

use super::upstream::{ADDRESSES, ADDRESSES_V6};
use super::world::World;

fn world() -> World {
    World::with(|_| {})
}

/// A world of both families, whose route `web` has these addresses.
fn of(addresses: &[IpAddr]) -> World {
    World::with(|setting| {
        setting.addresses.push("fd00::213".parse().expect("an address"));
        setting.config.routes[0].addresses = addresses.to_vec();
    })
}

/// Nothing of any attempt is left in the shard.
fn assert_no_attempt(world: &World, connections: usize) {
    assert_eq!(world.shard.attempts.len(), 0);
    assert_eq!(world.shard.attempts.poll_timeout(), None);
    assert_eq!(world.shard.connections.iter().count(), connections);
    assert_eq!(world.shard.stack.connections().count(), connections, "of the stack");
}

#[test]
fn a_silent_address_costs_the_delay_and_not_the_connect_timeout() {
    let mut world = world();
    world.play(
        r#"
        10.0.0.1 is silent
        a > HELLO; 1 LEASE route=many; 1 DATA "a"
            a < WELCOME
            pool: connecting 1, waiting 1
        wait 249ms
        wait 1ms
            u1 opens at 10.0.0.2
            u1 < "a"
            a < 1 LEASED new
            pool: leased 1
        wait 10s
        "#,
    );
    assert_no_attempt(&world, 1);
}

#[test]
fn a_refusal_costs_no_delay() {
    let mut world = world();
    world.play(
        r#"
        10.0.0.1 refuses
        10.0.0.2 refuses
        a > HELLO; 1 LEASE route=many
            u1 opens at 10.0.0.3
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        "#,
    );
    assert_no_attempt(&world, 1);
}

#[test]
fn a_refusal_behind_a_silent_address_begins_the_next_at_once() {
    world().play(
        r#"
        10.0.0.1 is silent
        10.0.0.2 refuses
        a > HELLO; 1 LEASE route=many
            a < WELCOME
            pool: connecting 1, waiting 1
        wait 250ms
            u1 opens at 10.0.0.3
            a < 1 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn of_two_that_answer_one_connection_stays() {
    let mut world = world();
    world.play(
        r#"
        down is held
        a > HELLO; 1 LEASE route=many; 1 DATA "a"
            a < WELCOME
            pool: connecting 1, waiting 1
        # The second has begun, and has its answer on the way.
        wait 300ms
        down flows
            u1 opens
            u1 < "a"
            a < 1 LEASED new
            pool: leased 1
        wait 1s
        "#,
    );
    assert_no_attempt(&world, 1);
    assert_eq!(world.upstream.stack.connections().count(), 1, "the other was reset");
    assert_eq!(world.shard.pool.stats().connect_failures.total(), 0, "to lose is no failure");
    assert_eq!(world.shard.pool.stats().opened.total(), 1);
}

#[test]
fn a_slow_address_wins_if_the_next_is_slower() {
    // 150 ms each way: the second begins, and is given up when the first completes.
    let mut world = World::with(|setting| setting.delay = Duration::from_millis(150));
    world.play(
        r#"
        a > HELLO; 1 LEASE route=many
            a < WELCOME
            pool: connecting 1, waiting 1
        wait 299ms
        wait 1ms
            a < 1 LEASED new
            pool: leased 1
        wait 1s
            u1 opens
        "#,
    );
    assert_no_attempt(&world, 1);
    assert_eq!(world.upstream.stack.connections().count(), 1);
}

#[test]
fn families_alternate() {
    let [first, second] = ADDRESSES_V6;
    let mut world = of(&[first, second, ADDRESSES[0], ADDRESSES[1]]);
    world.play(
        r#"
        fd00::1 is silent
        fd00::2 is silent
        a > HELLO; 1 LEASE route=web
            a < WELCOME
            pool: connecting 1, waiting 1
        wait 250ms
            u1 opens
            a < 1 LEASED new
            pool: leased 1
        # Each family has one less that is unpopulated: IPv6 is first again.
        b > HELLO; 1 LEASE route=web
            b < WELCOME
            pool: connecting 1, leased 1, waiting 1
        wait 250ms
            u2 opens at 10.0.0.2
            b < 1 LEASED new
            pool: leased 2
        "#,
    );
    assert_no_attempt(&world, 2);
}

#[test]
fn a_family_that_leads_nowhere_costs_nothing() {
    let mut world = World::with(|setting| {
        setting.config.routes[0].addresses = vec![ADDRESSES_V6[0], ADDRESSES[0]];
    });
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        "#,
    );
    // What a peer says tells more than that this host has no address of a family.
    let mut world = World::with(|setting| {
        setting.config.routes[0].addresses = vec![ADDRESSES[0], ADDRESSES_V6[0]];
    });
    world.play(
        r#"
        10.0.0.1 refuses
        a > HELLO; 1 LEASE route=web
            a < WELCOME
            a < 1 REFUSED connection_refused "10.0.0.1:80: connection_refused" retry_after=117ms
        "#,
    );
    assert_no_attempt(&world, 0);
}

#[test]
fn nothing_is_left_of_an_attempt_that_the_pool_gives_up() {
    let mut world = world();
    world.play(
        r#"
        10.0.0.1 is silent
        10.0.0.2 is silent
        10.0.0.3 is silent
        a > HELLO; 1 LEASE route=many deadline=2000
            a < WELCOME
            pool: connecting 1, waiting 1
        wait 1s
        "#,
    );
    assert_eq!(world.shard.stack.connections().count(), 3, "all of them race");
    world.play(
        r#"
        wait 1010ms
            a < 1 REFUSED queue_timeout
            pool: connecting 1
        wait 1s
            pool: empty
        "#,
    );
    assert_no_attempt(&world, 0);
    let failure = world.notices.iter().map(|notice| format!("{notice:?}")).collect::<String>();
    assert!(failure.contains("10.0.0.1:80"), "the one that was silent for longest: {failure}");
}

#[test]
fn an_address_that_was_silent_is_tried_last_for_a_while() {
    world().play(
        r#"
        10.0.0.1 is silent
        a > HELLO; 1 LEASE route=many
            a < WELCOME
            pool: connecting 1, waiting 1
        wait 250ms
            u1 opens at 10.0.0.2
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=many
            u2 opens at 10.0.0.3
            b < WELCOME
            b < 1 LEASED new
            pool: leased 2
        # It has no connections, and is passed over all the same.
        c > HELLO; 1 LEASE route=many
            u3 opens at 10.0.0.2
            c < WELCOME
            c < 1 LEASED new
            pool: leased 3
        wait 29s
        d > HELLO; 1 LEASE route=many
            u4 opens at 10.0.0.3
            d < WELCOME
            d < 1 LEASED new
            pool: leased 4
        wait 1s
        e > HELLO; 1 LEASE route=many
            e < WELCOME
            pool: connecting 1, leased 4, waiting 1
        wait 250ms
            u5 opens at 10.0.0.2
            e < 1 LEASED new
            pool: leased 5
        "#,
    );
}

#[test]
fn all_that_were_silent_when_time_ran_out_are_tried_last() {
    let mut world = world();
    world.upstream.silent.extend([ADDRESSES[0], ADDRESSES[1]]);
    world.config.routes[1].addresses = vec![ADDRESSES[0], ADDRESSES[1]];
    world.play(
        r#"
        reload
        a > HELLO; 1 LEASE route=many deadline=2000
            a < WELCOME
            pool: connecting 1, waiting 1
        wait 2010ms
            a < 1 REFUSED queue_timeout
            pool: connecting 1
        wait 1s
            pool: empty
        "#,
    );
    world.config.routes[1].addresses = ADDRESSES.to_vec();
    world.play(
        r#"
        reload
        wait 1s
        a > 2 LEASE route=many
            u1 opens at 10.0.0.3
            a < 2 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn a_shutdown_gives_up_all_handshakes_of_an_attempt() {
    let mut world = world();
    world.play(
        r#"
        10.0.0.1 is silent
        10.0.0.2 is silent
        a > HELLO; 1 LEASE route=many
            a < WELCOME
            pool: connecting 1, waiting 1
        down is held
        wait 600ms
        shutdown
            a < close
            pool: empty
        "#,
    );
    assert_no_attempt(&world, 0);
}

#[test]
fn not_more_than_sixteen_handshakes_of_an_attempt_are_under_way() {
    let addresses: Vec<IpAddr> = (1..=40).map(|last| IpAddr::from([10, 9, 9, last])).collect();
    let mut world = World::with(|setting| {
        setting.config.routes[0].addresses = addresses;
        setting.config.routes[0].settings.connect_timeout = Duration::from_secs(60);
    });
    for last in 1..=40 {
        world.upstream.silent.push(IpAddr::from([10, 9, 9, last]));
    }
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web
            a < WELCOME
            pool: connecting 1, waiting 1
        wait 4500ms
        "#,
    );
    assert_eq!(world.shard.stack.connections().count(), 16);
}
