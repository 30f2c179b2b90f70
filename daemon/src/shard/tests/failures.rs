//! Upstreams that cannot be reached: what clients are told, and when. POOL.md, rule C.

use std::net::Ipv6Addr;

use super::upstream::ADDRESSES;
use super::world::World;

fn world() -> World {
    World::with(|_| {})
}

/// The first address of the route `many` is none of the upstreams', which answer with a reset.
fn first_refuses() -> World {
    let mut world = world();
    world.upstream.refusing.push(ADDRESSES[0]);
    world
}

#[test]
fn a_refusing_upstream_refuses_those_who_were_there_and_is_then_left_alone() {
    World::with(|s| s.config.routes[0].settings.max_connecting_per_route = 1).play(
        r#"
        upstream stops listening
        up is held
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            a < WELCOME
            pool: connecting 1, waiting 1
        b > HELLO; 1 LEASE route=web; 1 DATA "b"
            b < WELCOME
            pool: connecting 1, waiting 2
        up flows
            a < 1 REFUSED connection_refused "10.0.0.1:80: connection_refused" retry_after=117ms
            pool: waiting 1
        # Who came after the attempt had begun waits for the next, as do those who come now.
        wait 150ms
            b < 1 REFUSED connection_refused "10.0.0.1:80: connection_refused" retry_after=239ms
            pool: empty
        a > 2 LEASE route=web
            a < 2 REFUSED backoff "10.0.0.1:80: connection_refused" retry_after=207ms
        upstream listens
        wait 300ms
        a > 3 LEASE route=web
            u1 opens
            a < 3 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn a_silent_upstream_is_a_timeout() {
    world().play(
        r#"
        10.0.0.1 is silent
        a > HELLO; 1 LEASE route=web deadline=2000; 1 DATA "a"
            a < WELCOME
            pool: connecting 1, waiting 1
        b > HELLO; 1 LEASE route=web deadline=10000; 1 DATA "b"
            b < WELCOME
            pool: connecting 2, waiting 2
        wait 2010ms
            a < 1 REFUSED queue_timeout
            pool: connecting 2, waiting 1
        wait 1s
            pool: waiting 1
        wait 7s
            b < 1 REFUSED connection_timeout "10.0.0.1:80: connection_timeout"
            pool: connecting 1
        "#,
    );
}

#[test]
fn waiters_stay_while_a_connection_lives() {
    World::with(|s| s.config.routes[0].settings.max_per_route = 2).play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        upstream stops listening
        b > HELLO; 1 LEASE route=web
            b < WELCOME
            pool: leased 1, waiting 1
        a > 1 RELEASE unused
            a < 1 RELEASED handed_on
            b < 1 LEASED handoff
            pool: leased 1
        "#,
    );
}

#[test]
fn all_addresses_are_tried_in_turn() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=many; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE discard
            u1 < RST
            a < 1 RELEASED closed client_discard
            closed client_discard
            pool: empty
        upstream stops listening
        a > 2 LEASE route=many
            a < 2 REFUSED connection_refused "10.0.0.3:80: connection_refused" retry_after=119ms
        "#,
    );
}

#[test]
fn an_address_that_refuses_gives_way_to_the_next() {
    first_refuses().play(
        r#"
        a > HELLO; 1 LEASE route=many; 1 DATA "a"
            u1 opens at 10.0.0.2
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn a_prohibited_address_gives_way_to_the_next() {
    World::with(|s| s.config.routes[1].addresses.insert(0, [127, 0, 0, 1].into())).play(
        r#"
        a > HELLO; 1 LEASE route=many; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn loopback_is_prohibited() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=local
            a < WELCOME
            a < 1 REFUSED destination_ip_prohibited "127.0.0.1:80: destination_ip_prohibited"
        a > 2 LEASE host=127.0.0.1
            a < 2 REFUSED destination_ip_prohibited "127.0.0.1:80: destination_ip_prohibited"
        "#,
    );
}

#[test]
fn no_address_of_the_family() {
    World::with(|s| {
        s.config.routes[0].addresses = vec![Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1).into()]
    })
    .play(
        r#"
        a > HELLO; 1 LEASE route=web
            a < WELCOME
            a < 1 REFUSED destination_ip_unroutable "[fd00::1]:80: destination_ip_unroutable" retry_after=117ms
        "#,
    );
}

#[test]
fn no_port_is_left() {
    World::with(|s| s.config.transport.port_range = 10_000..=10_000).play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web no_wait
            b < WELCOME
            b < 1 REFUSED queue_timeout
        b > 2 LEASE route=web deadline=50
            pool: leased 1, waiting 1
        wait 60ms
            b < 2 REFUSED queue_timeout
            pool: leased 1
        "#,
    );
}

#[test]
fn a_name_is_resolved_before_the_first_lease() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=named; 1 DATA "a"
            asks named.test
            a < WELCOME
            pool: connecting 1, waiting 1
        resolver named.test 10.0.0.2
            u1 opens at 10.0.0.2
            u1 < "a"
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE discard; 2 LEASE route=named; 2 DATA "known"
            u1 < RST
            u2 opens at 10.0.0.2
            u2 < "known"
            a < 1 RELEASED closed client_discard
            a < 2 LEASED new
            closed client_discard
        "#,
    );
}

#[test]
fn two_leases_ask_once() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=named
            asks named.test
            a < WELCOME
            pool: connecting 1, waiting 1
        b > HELLO; 1 LEASE route=named
            b < WELCOME
            pool: connecting 2, waiting 2
        resolver named.test 10.0.0.1
            u1 opens
            u2 opens
            a < 1 LEASED new
            b < 1 LEASED new
            pool: leased 2
        "#,
    );
}

#[test]
fn a_name_that_does_not_resolve_is_asked_for_again() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=named
            asks named.test
            a < WELCOME
            pool: connecting 1, waiting 1
        resolver named.test fails
            a < 1 REFUSED dns_error "no address: dns_error" retry_after=117ms
            pool: empty
        wait 150ms
        a > 2 LEASE route=named; 2 DATA "again"
            asks named.test
            pool: connecting 1, waiting 1
        resolver named.test 10.0.0.1
            u1 opens
            u1 < "again"
            a < 2 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn a_name_without_addresses_is_asked_for_again() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=named
            asks named.test
            a < WELCOME
            pool: connecting 1, waiting 1
        resolver named.test has none
            a < 1 REFUSED dns_error "no address: dns_error" retry_after=117ms
            pool: empty
        wait 150ms
        a > 2 LEASE route=named; 2 DATA "again"
            asks named.test
            pool: connecting 1, waiting 1
        resolver named.test 10.0.0.1
            u1 opens
            u1 < "again"
            a < 2 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn a_resolver_that_does_not_answer_is_a_timeout() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=named deadline=4000
            asks named.test
            a < WELCOME
            pool: connecting 1, waiting 1
        wait 3010ms
            pool: waiting 1
        wait 1s
            a < 1 REFUSED dns_timeout "no address: dns_timeout"
            pool: connecting 1
        # Its late answer is kept for the next.
        resolver named.test 10.0.0.1
            u1 opens
            pool: idle 1
        a > 2 LEASE route=named
            a < 2 LEASED idle
            pool: leased 1
        "#,
    );
}

#[test]
fn a_name_is_resolved_again_and_a_failure_keeps_the_old_addresses() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=named
            asks named.test
            a < WELCOME
            pool: connecting 1, waiting 1
        resolver named.test 10.0.0.1
            u1 opens
            a < 1 LEASED new
            pool: leased 1
        wait 31s
            asks named.test
        b > HELLO; 1 LEASE route=named
            u2 opens
            b < WELCOME
            b < 1 LEASED new
            pool: leased 2
        resolver named.test fails
        c > HELLO; 1 LEASE route=named
            asks named.test
            u3 opens
            c < WELCOME
            c < 1 LEASED new
            pool: leased 3
        resolver named.test 10.0.0.3
        d > HELLO; 1 LEASE route=named
            u4 opens at 10.0.0.3
            d < WELCOME
            d < 1 LEASED new
            pool: leased 4
        "#,
    );
}

#[test]
fn no_route_has_this_name() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=nowhere; 1 DATA "a"; 2 LEASE host=nowhere.test; 2 DATA "b"
            a < WELCOME
            a < 1 REFUSED destination_not_found "no [[route]] of one origin has the name "nowhere""
            a < 2 REFUSED http_request_denied "no [[route]] matches tcp://nowhere.test:80"
        a > 3 LEASE host=web.test port=81
            a < 3 REFUSED http_request_denied "no [[route]] matches tcp://web.test:81"
        a > 4 LEASE scheme=gopher host=web.test
            a < 4 REFUSED http_request_denied "gopher://web.test:80: the scheme is neither http nor tcp"
        a > 5 LEASE route=web
            u1 opens
            a < 5 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn a_denied_user() {
    World::with(|s| s.config.routes[0].access.deny_uids = vec![1001]).play(
        r#"
        a connects uid=1001
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            a < WELCOME
            a < 1 REFUSED http_request_denied "the rule for tcp://web.test:80 does not permit uid 1001"
        b > HELLO; 1 LEASE route=web
            u1 opens
            b < WELCOME
            b < 1 LEASED new
            pool: leased 1
        a > 2 LEASE route=many
            u2 opens
            a < 2 LEASED new
            pool: leased 2
        "#,
    );
}

#[test]
fn a_group_that_is_not_allowed() {
    World::with(|s| s.config.routes[0].access.allow_gids = vec![33]).play(
        r#"
        a connects uid=1001 gid=33
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web
            b < WELCOME
            b < 1 REFUSED http_request_denied "the rule for tcp://web.test:80 does not permit uid 1000"
        "#,
    );
}

#[test]
fn too_many_routes() {
    World::with(|s| s.config.pool.max_routes = 1).play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE unused; 2 LEASE route=many
            a < 1 RELEASED kept
            a < 2 REFUSED connection_limit_reached "1 routes are in use already (pool.max_routes)"
            pool: idle 1
        a > 3 LEASE route=web
            a < 3 LEASED idle
            pool: leased 1
        "#,
    );
}

#[test]
fn quota_of_sessions() {
    World::with(|s| s.config.control.max_sessions_per_uid = 1).play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web
            b < REFUSED quota "this user has as many sessions as it may (control.max_sessions_per_uid)"
            b < close
        c connects uid=1001
        c > HELLO
            c < WELCOME
        a hangs up
            pool: idle 1
        d > HELLO
            d < WELCOME
        "#,
    );
}

#[test]
fn quota_of_leases_counts_waiters() {
    World::with(|s| {
        s.config.control.max_leases_per_uid = 2;
        s.config.routes[0].settings.max_per_route = 1;
    }).play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web
            b < WELCOME
            pool: leased 1, waiting 1
        c > HELLO; 1 LEASE route=web
            c < WELCOME
            c < 1 REFUSED quota "uid 1000 holds as many leases as it may (control.max_leases_per_uid)"
        d connects uid=1001
        d > HELLO; 1 LEASE route=many
            u2 opens
            d < WELCOME
            d < 1 LEASED new
            pool: leased 2, waiting 1
        a > 1 RELEASE unused
            a < 1 RELEASED handed_on
            b < 1 LEASED handoff
            pool: leased 2
        c > 2 LEASE route=web
            pool: leased 2, waiting 1
        "#,
    );
}

#[test]
fn max_sessions() {
    World::with(|s| s.config.control.max_sessions = 1).play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web
            b < REFUSED quota "the daemon serves as many sessions as it may (control.max_sessions)"
            b < close
        a hangs up
            pool: idle 1
        c > HELLO
            c < WELCOME
        "#,
    );
}
