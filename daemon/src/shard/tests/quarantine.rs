//! Rule Q: a connection that users share is proven quiet before it goes from one to another.

use std::time::Duration;

use super::world::World;
use crate::config::Share;

const ONE_WAY: Duration = Duration::from_millis(10);

/// A route that all users share, 20 ms away, with one idle connection that served uid 1000.
fn world() -> World {
    let mut world = World::with(|s| {
        s.config.routes[0].settings.share = Share::Any;
        s.delay = ONE_WAY;
    });
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            a < WELCOME
            pool: connecting 1, waiting 1
        wait 40ms
            u1 opens
            u1 < "ping"
            a < 1 LEASED new
            pool: leased 1
        u1 > "pong"
        wait 60ms
            a < 1 DATA "pong"
        a > 1 RELEASE reusable rx=4 tx=4
            a < 1 RELEASED kept
            pool: idle 1
        b connects uid=1001
        b > HELLO
            b < WELCOME
        "#,
    );
    world
}

#[test]
fn another_user_waits_for_one_round_trip() {
    world().play(
        r#"
        b > 1 LEASE route=web; 1 DATA "next"
            pool: quarantined 1, waiting 1
        wait 19ms
        wait 1ms
            b < 1 LEASED idle uses=1
            pool: leased 1
        wait 10ms
            u1 < "next"
        "#,
    );
}

#[test]
fn what_is_proven_is_shown_as_quarantined() {
    let mut world = world();
    world.order("b > 1 LEASE route=web");
    world.run();
    let snapshot = world.shard.snapshot(world.now);
    let route = snapshot.routes.iter().find(|route| route.name == "web").expect("its route");
    assert_eq!((route.connections.quarantined, route.connections.idle), (1, 0));
}

#[test]
fn the_same_user_does_not_wait() {
    world().play(
        r#"
        a > 2 LEASE route=web; 2 DATA "next"
            a < 2 LEASED idle uses=1
            pool: leased 1
        wait 10ms
            u1 < "next"
        "#,
    );
}

#[test]
fn bytes_that_were_under_way_are_nobodys() {
    world().play(
        r#"
        u1 > "late"
        b > 1 LEASE route=web; 1 DATA "next"
            pool: quarantined 1, waiting 1
        wait 10ms
            closed data_while_idle
            pool: connecting 1, waiting 1
        wait 30ms
            u1 < RST
            u2 opens
            u2 < "next"
            b < 1 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn bytes_that_were_lost_are_seen_in_the_answer() {
    world().play(
        r#"
        down is cut
        u1 > "late"
        down flows
        b > 1 LEASE route=web; 1 DATA "next"
            pool: quarantined 1, waiting 1
        wait 20ms
            closed data_while_idle
            pool: connecting 1, waiting 1
        wait 30ms
            u1 < RST
            u2 opens
            u2 < "next"
            b < 1 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn bytes_behind_lost_ones_close_an_idle_connection_too() {
    world().play(
        r#"
        down is cut
        u1 > "lost"
        down flows
        u1 > "early"
        wait 10ms
            closed data_while_idle
            pool: empty
        wait 10ms
            u1 < RST
        "#,
    );
}

#[test]
fn who_does_not_answer_is_closed_and_a_new_connection_serves() {
    world().play(
        r#"
        up is cut
        b > 1 LEASE route=web; 1 DATA "next"
            pool: quarantined 1, waiting 1
        up flows
        wait 199ms
        wait 3ms
            closed probe_failed
            pool: connecting 1, waiting 1
        wait 30ms
            u1 < RST
            u2 opens
            u2 < "next"
            b < 1 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn a_release_that_settles_is_its_own_proof() {
    let mut world = World::with(|s| {
        s.config.routes[0].settings.share = Share::Any;
        s.config.routes[0].settings.max_per_route = 1;
        s.delay = ONE_WAY;
    });
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web
            a < WELCOME
            pool: connecting 1, waiting 1
        wait 20ms
            a < 1 LEASED new
            pool: leased 1
        b connects uid=1001
        b > HELLO; 1 LEASE route=web; 1 DATA "next"
            b < WELCOME
            pool: leased 1, waiting 1
        a > 1 DATA "ping"
        a > 1 RELEASE reusable rx=0 tx=4
            a < 1 RELEASED settling
            pool: settling 1, waiting 1
        wait 20ms
            u1 opens
            u1 < "ping"
            b < 1 LEASED idle uses=1
            pool: leased 1
        "#,
    );
}

#[test]
fn without_quarantine_users_share_at_once() {
    let mut world = World::with(|s| {
        s.config.routes[0].settings.share = Share::Any;
        s.config.routes[0].settings.quarantine = false;
        s.delay = ONE_WAY;
    });
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            a < WELCOME
            pool: connecting 1, waiting 1
        wait 100ms
            u1 opens
            u1 < "ping"
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=4
            a < 1 RELEASED kept
            pool: idle 1
        b connects uid=1001
        b > HELLO; 1 LEASE route=web
            b < WELCOME
            b < 1 LEASED idle uses=1
            pool: leased 1
        "#,
    );
}

#[test]
fn users_with_different_tags_have_nothing_of_each_other() {
    world().play(
        r#"
        b > 1 LEASE route=web tag=t
            pool: connecting 1, idle 1, waiting 1
        "#,
    );
}

#[test]
fn a_connection_on_which_nobody_wrote_goes_on_as_it_is() {
    let mut world = World::with(|s| s.config.routes[0].settings.share = Share::Any);
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
        b connects uid=1001
        up is held
        b > HELLO; 1 LEASE route=web
            b < WELCOME
            b < 1 LEASED idle
            pool: leased 1
        "#,
    );
}
