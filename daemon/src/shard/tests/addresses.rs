//! Names change their addresses (POOL.md, rule D), and leases go to the one or the other.

use std::net::IpAddr;

use wharf_pool::time::Duration;

use super::super::Notice;
use super::upstream::{ADDRESSES, PORT};
use super::world::{World, route};
use crate::config::Reuse;

fn world() -> World {
    World::with(|_| {})
}

/// The route `named` with an idle connection to each of its two addresses: the last used leads to the
/// second.
fn two_idle() -> World {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=named
            asks named.test
            a < WELCOME
            pool: connecting 1, waiting 1
        resolver named.test 10.0.0.1 10.0.0.2
            u1 opens
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=named
            u2 opens at 10.0.0.2
            b < WELCOME
            b < 1 LEASED new
            pool: leased 2
        a > 1 RELEASE unused
            a < 1 RELEASED kept
            pool: idle 1, leased 1
        b > 1 RELEASE unused
            b < 1 RELEASED kept
            pool: idle 2
        "#,
    );
    world
}

#[test]
fn d_a_route_that_opens_nothing_hears_of_a_removed_address() {
    let mut world = two_idle();
    world.play(
        r#"
        wait 30s
            asks named.test
        resolver named.test 10.0.0.1
            u2 < FIN
            closed dns_removed
            pool: idle 1, closing 1
        u2 > FIN
            pool: idle 1
        a > 2 LEASE route=named
            a < 2 LEASED idle
            pool: leased 1
        a > 2 DATA "a"
            u1 < "a"
        "#,
    );
}

#[test]
fn d_a_leased_connection_to_a_removed_address_closes_at_release() {
    let mut world = two_idle();
    world.play(
        r#"
        a > 2 LEASE route=named
            a < 2 LEASED idle
            pool: idle 1, leased 1
        wait 30s
            asks named.test
        resolver named.test 10.0.0.1
        a > 2 DATA "still"
            u2 < "still"
        u2 > "here"
            a < 2 DATA "here"
        a > 2 RELEASE reusable rx=4 tx=5
            u2 < FIN
            a < 2 RELEASED closed dns_removed
            closed dns_removed
            pool: idle 1, closing 1
        "#,
    );
}

#[test]
fn d_the_log_names_an_address_once_that_is_gone() {
    let mut world = two_idle();
    world.play(
        r#"
        a > 2 LEASE route=named
            a < 2 LEASED idle
            pool: idle 1, leased 1
        wait 30s
            asks named.test
        resolver named.test 10.0.0.1
        wait 30s
            asks named.test
            u1 < FIN
            closed idle_timeout
            pool: leased 1, closing 1
        resolver named.test 10.0.0.1
        "#,
    );
    let addresses = vec![(ADDRESSES[1], PORT).into()];
    let notice = Notice::AddressesRemoved { route: "named".to_owned(), addresses };
    let told = world.notices.iter().filter(|told| **told == notice);
    assert_eq!(told.count(), 1, "{:?}", world.notices);
}

#[test]
fn d_an_address_that_comes_back_before_the_release_is_good_again() {
    let mut world = two_idle();
    world.play(
        r#"
        a > 2 LEASE route=named
            a < 2 LEASED idle
            pool: idle 1, leased 1
        wait 30s
            asks named.test
        resolver named.test 10.0.0.1
        # The other idles for too long meanwhile.
        wait 30s
            asks named.test
            u1 < FIN
            closed idle_timeout
            pool: leased 1, closing 1
        resolver named.test 10.0.0.2 10.0.0.3
        a > 2 RELEASE unused
            a < 2 RELEASED kept
            pool: idle 1, closing 1
        "#,
    );
}

#[test]
fn d_a_failed_answer_keeps_the_connections_and_is_asked_for_again() {
    let mut world = two_idle();
    world.play(
        r#"
        a > 2 LEASE route=named
            a < 2 LEASED idle
            pool: idle 1, leased 1
        wait 30s
            asks named.test
        resolver named.test fails
        wait 15s
        wait 15s
            asks named.test
            u1 < FIN
            closed idle_timeout
            pool: leased 1, closing 1
        resolver named.test has none
        a > 2 RELEASE unused
            a < 2 RELEASED kept
            pool: idle 1, closing 1
        "#,
    );
}

#[test]
fn d_a_route_without_connections_is_not_asked_for() {
    let mut world = two_idle();
    world.play(
        r#"
        u1 > RST
            closed peer_rst
            pool: idle 1
        u2 > RST
            closed peer_rst
            pool: empty
        wait 100s
        a > 2 LEASE route=named
            asks named.test
            u3 opens
            a < 2 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn d_a_new_address_gets_the_next_connections() {
    let mut world = two_idle();
    world.play(
        r#"
        a > 2 LEASE route=named
            a < 2 LEASED idle
            pool: idle 1, leased 1
        b > 2 LEASE route=named
            b < 2 LEASED idle
            pool: leased 2
        wait 30s
            asks named.test
        resolver named.test 10.0.0.1 10.0.0.2 10.0.0.3
        c > HELLO; 1 LEASE route=named
            u3 opens at 10.0.0.3
            c < WELCOME
            c < 1 LEASED new
            pool: leased 3
        # Now all have as many.
        d > HELLO; 1 LEASE route=named
            u4 opens
            d < WELCOME
            d < 1 LEASED new
            pool: leased 4
        e > HELLO; 1 LEASE route=named
            u5 opens at 10.0.0.2
            e < WELCOME
            e < 1 LEASED new
            pool: leased 5
        "#,
    );
}

#[test]
fn d_attempts_under_way_count_to_where_they_lead() {
    let mut world = world();
    world.play(
        r#"
        up is held
        a > HELLO; 1 LEASE route=many
            a < WELCOME
            pool: connecting 1, waiting 1
        b > HELLO; 1 LEASE route=many
            b < WELCOME
            pool: connecting 2, waiting 2
        c > HELLO; 1 LEASE route=many
            c < WELCOME
            pool: connecting 3, waiting 3
        up flows
            u1 opens
            u2 opens at 10.0.0.2
            u3 opens at 10.0.0.3
            a < 1 LEASED new
            b < 1 LEASED new
            c < 1 LEASED new
            pool: leased 3
        "#,
    );
}

#[test]
fn d_an_attempt_goes_on_with_the_addresses_that_are() {
    let mut world = two_idle();
    world.play(
        r#"
        10.0.0.1 is silent
        10.0.0.2 is silent
        a > 2 LEASE route=named fresh
            a < 2 LEASED idle
            pool: idle 1, leased 1
        b > 2 LEASE route=named fresh
            b < 2 LEASED idle
            pool: leased 2
        wait 29900ms
        c > HELLO; 1 LEASE route=named
            c < WELCOME
            pool: connecting 1, leased 2, waiting 1
        wait 100ms
            asks named.test
        # Of the two that it had nothing is left: it begins anew.
        resolver named.test 10.0.0.3
            u3 opens at 10.0.0.3
            c < 1 LEASED new
            pool: leased 3
        "#,
    );
    assert_eq!(world.shard.attempts.len(), 0);
    assert_eq!(world.shard.stack.connections().count(), 3, "what led elsewhere is given up");
}

#[test]
fn d_an_attempt_that_keeps_an_address_goes_on_with_it() {
    let mut world = two_idle();
    world.play(
        r#"
        a > 2 LEASE route=named fresh
            a < 2 LEASED idle
            pool: idle 1, leased 1
        b > 2 LEASE route=named fresh
            b < 2 LEASED idle
            pool: leased 2
        10.0.0.1 is silent
        wait 29900ms
        c > HELLO; 1 LEASE route=named
            c < WELCOME
            pool: connecting 1, leased 2, waiting 1
        wait 100ms
            asks named.test
        # The one under way is given up, and the one that is left begins at once.
        resolver named.test 10.0.0.2
            u3 opens at 10.0.0.2
            c < 1 LEASED new
            pool: leased 3
        "#,
    );
}

#[test]
fn d_a_reload_that_removes_an_address_drains_it() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web
            u2 opens
            b < WELCOME
            b < 1 LEASED new
            pool: leased 2
        b > 1 RELEASE unused
            b < 1 RELEASED kept
            pool: idle 1, leased 1
        "#,
    );
    world.config.routes[0].addresses = vec![ADDRESSES[1]];
    world.play(
        r#"
        reload
            u2 < FIN
            closed dns_removed
            pool: leased 1, closing 1
        a > 1 RELEASE unused
            u1 < FIN
            a < 1 RELEASED closed dns_removed
            closed dns_removed
            pool: closing 2
        "#,
    );
}

#[test]
fn d_a_reload_that_asks_a_name_instead_drains_what_it_does_not_name() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE unused
            a < 1 RELEASED kept
            pool: idle 1
        "#,
    );
    world.config.routes[0].addresses.clear();
    world.play(
        r#"
        reload
            asks web.test
        resolver web.test 10.0.0.3
            u1 < FIN
            closed dns_removed
            pool: closing 1
        "#,
    );
}

#[test]
fn d_names_are_not_asked_for_all_at_once() {
    let mut world = World::with(|setting| {
        setting.config.routes = vec![route("all", "tcp://*.test:80", &[])];
        setting.config.control.max_leases_per_uid = 100;
        setting.config.control.max_sessions_per_uid = 100;
    });
    for number in 0..70 {
        world.order(&format!("c{number} > HELLO; 1 LEASE host=h{number}.test"));
        world.run();
        world.answer(&format!("h{number}.test"), Ok(vec![ADDRESSES[0]]));
        world.run();
    }
    world.asked.clear();
    world.wait(Duration::from_secs(31));
    assert_eq!(world.asked.len(), 64);
    let answered = |world: &mut World, name: &str| {
        world.answer(name, Ok::<Vec<IpAddr>, String>(vec![ADDRESSES[0]]));
        world.run();
    };
    for (more, name) in world.asked.clone().into_iter().take(10).enumerate() {
        answered(&mut world, &name);
        assert_eq!(world.asked.len(), 64 + (more + 1).min(6));
    }
}

/// The route `many` with an idle connection to each of two addresses, and this habit.
fn two_of_many(reuse: Reuse) -> World {
    let mut world = World::with(|s| s.config.routes[1].settings.reuse = reuse);
    world.play(
        r#"
        a > HELLO; 1 LEASE route=many; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=many; 1 DATA "b"
            u2 opens at 10.0.0.2
            u2 < "b"
            b < WELCOME
            b < 1 LEASED new
            pool: leased 2
        b > 1 RELEASE reusable tx=1
            b < 1 RELEASED kept
            pool: idle 1, leased 1
        a > 1 RELEASE reusable tx=1
            a < 1 RELEASED kept
            pool: idle 2
        "#,
    );
    world
}

#[test]
fn with_spread_one_lease_after_the_other_goes_to_another_address() {
    two_of_many(Reuse::Spread).play(
        r#"
        a > 2 LEASE route=many; 2 DATA "a"
            u1 < "a"
            a < 2 LEASED idle uses=1
            pool: idle 1, leased 1
        a > 2 RELEASE reusable tx=1
            a < 2 RELEASED kept
            pool: idle 2
        a > 3 LEASE route=many; 3 DATA "b"
            u2 < "b"
            a < 3 LEASED idle uses=1
            pool: idle 1, leased 1
        a > 3 RELEASE reusable tx=1
            a < 3 RELEASED kept
            pool: idle 2
        a > 4 LEASE route=many; 4 DATA "c"
            u1 < "c"
            a < 4 LEASED idle uses=2
            pool: idle 1, leased 1
        "#,
    );
}

#[test]
fn with_best_a_lease_avoids_the_address_to_which_something_was_just_lost() {
    two_of_many(Reuse::Best).play(
        r#"
        up loses 1
        a > 2 LEASE route=many; 2 DATA "lost"
            a < 2 LEASED idle uses=1
            pool: idle 1, leased 1
        wait 2s
            u1 < "lost"
        a > 2 RELEASE reusable tx=4
            a < 2 RELEASED kept
            pool: idle 2
        a > 3 LEASE route=many; 3 DATA "elsewhere"
            u2 < "elsewhere"
            a < 3 LEASED idle uses=1
            pool: idle 1, leased 1
        a > 3 RELEASE reusable tx=9
            a < 3 RELEASED kept
            pool: idle 2
        # What was lost before counts once.
        wait 10s
        a > 4 LEASE route=many; 4 DATA "again"
            u1 < "again"
            a < 4 LEASED idle uses=2
            pool: idle 1, leased 1
        a > 4 RELEASE reusable tx=5
            a < 4 RELEASED kept
            pool: idle 2
        "#,
    );
}
