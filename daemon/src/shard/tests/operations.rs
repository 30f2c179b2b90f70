//! What the operator does while clients are served: reloads, drains, ends. POOL.md, rule L.

use super::upstream::ADDRESSES;
use super::world::World;

fn world() -> World {
    World::with(|_| {})
}

#[test]
fn a_lowered_limit_closes_the_idle_at_once_and_the_leased_at_release() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web; 1 DATA "b"
            u2 opens
            u2 < "b"
            b < WELCOME
            b < 1 LEASED new
            pool: leased 2
        c > HELLO; 1 LEASE route=web; 1 DATA "c"
            u3 opens
            u3 < "c"
            c < WELCOME
            c < 1 LEASED new
            pool: leased 3
        c > 1 RELEASE reusable tx=1
            c < 1 RELEASED kept
            pool: idle 1, leased 2
        "#,
    );
    world.config.routes[0].settings.max_per_route = 1;
    world.play(
        r#"
        reload
            u3 < FIN
            closed limit_lowered
            pool: leased 2, closing 1
        a > 1 RELEASE reusable tx=1
            u1 < FIN
            a < 1 RELEASED closed limit_lowered
            closed limit_lowered
            pool: leased 1, closing 2
        u3 > FIN
            pool: leased 1, closing 1
        u1 > FIN
            pool: leased 1
        b > 1 RELEASE reusable tx=1
            b < 1 RELEASED kept
            pool: idle 1
        "#,
    );
}

#[test]
fn a_raised_limit_serves_waiters_at_once() {
    let mut world = World::with(|s| s.config.routes[0].settings.max_per_route = 1);
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web; 1 DATA "b"
            b < WELCOME
            pool: leased 1, waiting 1
        "#,
    );
    world.config.routes[0].settings.max_per_route = 2;
    world.play(
        r#"
        reload
            u2 opens
            u2 < "b"
            b < 1 LEASED new
            pool: leased 2
        a > 1 RELEASE reusable tx=1
            a < 1 RELEASED kept
            pool: idle 1, leased 1
        "#,
    );
}

#[test]
fn a_removed_route_refuses_its_waiters_and_ends_with_its_last_lease() {
    let mut world = World::with(|s| s.config.routes[0].settings.max_per_route = 2);
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web; 1 RELEASE unused
            u2 opens
            b < WELCOME
            b < 1 REFUSED cancelled
            pool: idle 1, leased 1
        b > 2 LEASE route=web
            b < 2 LEASED idle
            pool: leased 2
        c > HELLO; 1 LEASE route=web; 1 DATA "c"
            c < WELCOME
            pool: leased 2, waiting 1
        b > 2 RELEASE unused
            u2 < "c"
            b < 2 RELEASED handed_on
            c < 1 LEASED handoff
            pool: leased 2
        d > HELLO; 1 LEASE route=web
            d < WELCOME
            pool: leased 2, waiting 1
        "#,
    );
    world.config.routes.remove(0);
    world.play(
        r#"
        reload
            d < 1 REFUSED draining
            pool: draining 2
        d > 2 LEASE route=web
            d < 2 REFUSED destination_not_found "no [[route]] of one origin has the name "web""
        d > 3 LEASE host=web.test
            d < 3 REFUSED http_request_denied "no [[route]] matches tcp://web.test:80"
        u1 > "still served"
            a < 1 DATA "still served"
        a > 1 RELEASE reusable rx=12 tx=1
            u1 < FIN
            a < 1 RELEASED closed drain
            closed drain
            pool: draining 1, closing 1
        u1 > FIN
            pool: draining 1
        c > 1 RELEASE reusable tx=1
            u2 < FIN
            c < 1 RELEASED closed drain
            closed drain
            pool: closing 1
        "#,
    );
}

#[test]
fn a_removed_route_gives_up_its_attempts() {
    let mut world = world();
    world.play(
        r#"
        up is held
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            a < WELCOME
            pool: connecting 1, waiting 1
        b > HELLO; 1 LEASE route=named
            asks named.test
            b < WELCOME
            pool: connecting 2, waiting 2
        "#,
    );
    world.config.routes.clear();
    world.play(
        r#"
        reload
            a < 1 REFUSED draining
            b < 1 REFUSED draining
            pool: empty
        up flows
        resolver named.test 10.0.0.1
        "#,
    );
}

#[test]
fn a_route_that_comes_back_is_a_new_one() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        "#,
    );
    let web = world.config.routes.remove(0);
    world.play(
        r#"
        reload
            pool: draining 1
        "#,
    );
    world.config.routes.insert(0, web);
    world.play(
        r#"
        reload
        b > HELLO; 1 LEASE route=web; 1 DATA "b"
            u2 opens
            u2 < "b"
            b < WELCOME
            b < 1 LEASED new
            pool: leased 1, draining 1
        a > 1 RELEASE reusable tx=1
            u1 < FIN
            a < 1 RELEASED closed drain
            closed drain
            pool: leased 1, closing 1
        "#,
    );
}

#[test]
fn a_user_denied_by_a_reload_keeps_its_lease_and_gets_no_other() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        "#,
    );
    world.config.routes[0].access.deny_uids = vec![1000];
    world.play(
        r#"
        reload
        u1 > "b"
            a < 1 DATA "b"
        a > 1 RELEASE reusable rx=1 tx=1; 2 LEASE route=web
            a < 1 RELEASED kept
            a < 2 REFUSED http_request_denied "the rule for tcp://web.test:80 does not permit uid 1000"
            pool: idle 1
        "#,
    );
}

#[test]
fn lowered_quotas_hold_for_what_comes() {
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
        "#,
    );
    world.config.control.max_leases_per_uid = 1;
    world.play(
        r#"
        reload
        a > 1 RELEASE unused; 2 LEASE route=web
            a < 1 RELEASED kept
            a < 2 REFUSED quota "uid 1000 holds as many leases as it may (control.max_leases_per_uid)"
            pool: idle 1, leased 1
        b > 1 RELEASE unused
            b < 1 RELEASED kept
            pool: idle 2
        a > 3 LEASE route=web
            a < 3 LEASED idle
            pool: idle 1, leased 1
        "#,
    );
}

#[test]
fn new_addresses_serve_the_next_attempt() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        "#,
    );
    world.config.routes[0].addresses = vec![ADDRESSES[1]];
    world.play(
        r#"
        reload
        a > 1 RELEASE discard; 2 LEASE route=web
            u1 < RST
            u2 opens at 10.0.0.2
            a < 1 RELEASED closed client_discard
            a < 2 LEASED new
            closed client_discard
        "#,
    );
}

#[test]
fn addresses_that_a_reload_brings_serve_who_waits_for_the_resolver() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=named; 1 DATA "a"
            asks named.test
            a < WELCOME
            pool: connecting 1, waiting 1
        "#,
    );
    world.config.routes[2].addresses = vec![ADDRESSES[1]];
    world.play(
        r#"
        reload
            u1 opens at 10.0.0.2
            u1 < "a"
            a < 1 LEASED new
            pool: leased 1
        wait 10ms
        "#,
    );
}

#[test]
fn a_drain_ends_with_the_last_lease() {
    let mut world = World::with(|s| s.config.routes[0].settings.max_per_route = 2);
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web; 1 RELEASE unused
            u2 opens
            b < WELCOME
            b < 1 REFUSED cancelled
            pool: idle 1, leased 1
        c > HELLO; 1 LEASE route=web; 1 DATA "c"
            u2 < "c"
            c < WELCOME
            c < 1 LEASED idle
            pool: leased 2
        d > HELLO; 1 LEASE route=web
            d < WELCOME
            pool: leased 2, waiting 1
        drain 30s
            a < GOAWAY last=1 within 30s
            b < GOAWAY last=1 within 30s
            c < GOAWAY last=1 within 30s
            d < GOAWAY last=0 within 30s
            d < 1 REFUSED draining
            pool: draining 2
        u1 > "answer"
            a < 1 DATA "answer"
        "#,
    );
    assert!(!world.shard.is_drained(world.now), "two leases are held");
    world.play(
        r#"
        a > 1 RELEASE reusable rx=6 tx=1
            u1 < FIN
            a < 1 RELEASED closed drain
            closed drain
            pool: draining 1, closing 1
        c hangs up
            u2 < RST
            closed client_died
            pool: closing 1
        "#,
    );
    assert!(world.shard.is_drained(world.now));
}

#[test]
fn a_drain_ends_with_its_time() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        drain 30s
            a < GOAWAY last=1 within 30s
            pool: draining 1
        wait 29s
        "#,
    );
    assert!(!world.shard.is_drained(world.now));
    world.play(
        r#"
        wait 1s
        "#,
    );
    assert!(world.shard.is_drained(world.now));
    world.play(
        r#"
        shutdown
            u1 < RST
            a < close
            closed shutdown
            pool: empty
        "#,
    );
    world.check_empty();
}

#[test]
fn a_second_drain_can_only_hasten() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        drain 1s
            a < GOAWAY last=1 within 1s
            pool: draining 1
        drain 1h
            a < GOAWAY last=1 within 1s
        wait 1s
        "#,
    );
    assert!(world.shard.is_drained(world.now));
}

#[test]
fn a_drain_closes_what_is_idle_and_what_is_on_its_way() {
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
        up is held
        b > HELLO; 1 LEASE route=many
            b < WELCOME
            pool: connecting 1, idle 1, waiting 1
        c > HELLO; 1 LEASE route=named
            asks named.test
            c < WELCOME
            pool: connecting 2, idle 1, waiting 2
        drain 1s
            a < GOAWAY last=1 within 1s
            b < GOAWAY last=0 within 1s
            b < 1 REFUSED draining
            c < GOAWAY last=0 within 1s
            c < 1 REFUSED draining
            closed drain
            pool: closing 1
        up flows
            u1 < FIN
        u1 > FIN
            pool: empty
        resolver named.test 10.0.0.1
        "#,
    );
}

#[test]
fn a_shutdown_revokes_leases_and_closes_the_rest() {
    let mut world = World::with(|s| s.config.routes[0].settings.max_per_route = 2);
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web
            u2 opens
            b < WELCOME
            b < 1 LEASED new
            pool: leased 2
        c > HELLO; 1 LEASE route=web
            c < WELCOME
            pool: leased 2, waiting 1
        d > HELLO
            d < WELCOME
        e connects
        shutdown
            u1 < RST
            u2 < FIN
            a < close
            b < close
            c < close
            d < close
            e < close
            closed shutdown 2
            pool: closing 1
        u2 > FIN
            pool: empty
        "#,
    );
    world.check_empty();
}

#[test] // POOL.md, section 3
fn an_operator_pauses_denies_and_resumes_a_route() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable
            a < 1 RELEASED kept
            pool: idle 1
        operator pause web
        a > 2 LEASE route=web
            pool: idle 1, waiting 1
        operator resume web
            a < 2 LEASED idle uses=1
            pool: leased 1
        operator deny all
        b > HELLO; 1 LEASE route=web
            b < WELCOME
            b < 1 REFUSED destination_unavailable
        operator reconnect web
        operator resume all
        a > 2 RELEASE reusable
            u1 < FIN
            a < 2 RELEASED closed reconnect
            closed reconnect
            pool: closing 1
        "#,
    );
}

#[test]
fn an_operator_drains_a_route_and_resumes_it() {
    world().play(
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
        b > 1 RELEASE reusable
            b < 1 RELEASED kept
            pool: idle 1, leased 1
        operator drain web
            u2 < FIN
            closed drain
            pool: leased 1, closing 1
        u2 > FIN
            pool: leased 1
        b > 2 LEASE route=web
            b < 2 REFUSED destination_unavailable
        a > 1 RELEASE reusable
            u1 < FIN
            a < 1 RELEASED closed drain
            closed drain
            pool: closing 1
        operator resume web
        b > 3 LEASE route=web
            u3 opens
            b < 3 LEASED new
            pool: leased 1, closing 1
        "#,
    );
}
