//! The pool's rules as clients see them: POOL.md, section 2.

use super::world::World;
use crate::config::Reuse;

fn world() -> World {
    World::with(|_| {})
}

/// A route of one connection, so that the second lease waits.
fn one_connection() -> World {
    World::with(|setting| setting.config.routes[0].settings.max_per_route = 1)
}

#[test]
fn a_release_serves_exactly_one_waiter() {
    one_connection().play(
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
        c > HELLO; 1 LEASE route=web; 1 DATA "c"
            c < WELCOME
            pool: leased 1, waiting 2
        a > 1 RELEASE reusable tx=1
            u1 < "b"
            a < 1 RELEASED handed_on
            b < 1 LEASED handoff uses=1
            pool: leased 1, waiting 1
        b > 1 RELEASE discard
            u1 < RST
            u2 opens
            u2 < "c"
            b < 1 RELEASED closed client_discard
            c < 1 LEASED new
            closed client_discard
            pool: leased 1
        c > 1 RELEASE reusable tx=1
            c < 1 RELEASED kept
            pool: idle 1
        "#,
    );
}

#[test]
fn no_newcomer_passes_a_waiter() {
    one_connection().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web
            b < WELCOME
            pool: leased 1, waiting 1
        # The holder itself comes back at once and stands behind.
        a > 1 RELEASE unused; 2 LEASE route=web
            a < 1 RELEASED handed_on
            b < 1 LEASED handoff
        b > 1 RELEASE unused; 2 LEASE route=web
            a < 2 LEASED handoff
            b < 1 RELEASED handed_on
        "#,
    );
}

#[test]
fn w_client_vanishes_with_an_unused_lease() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a hangs up
            pool: idle 1
        b > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 < "ping"
            b < WELCOME
            b < 1 LEASED idle
            pool: leased 1
        "#,
    );
}

#[test]
fn w_client_vanishes_with_an_unused_lease_and_another_waits() {
    one_connection().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web; 1 DATA "ping"
            b < WELCOME
            pool: leased 1, waiting 1
        a hangs up
            u1 < "ping"
            b < 1 LEASED handoff
            pool: leased 1
        "#,
    );
}

#[test]
fn w_a_waiter_that_was_served_and_vanishes_gives_it_back() {
    one_connection().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web
            b < WELCOME
            pool: leased 1, waiting 1
        a > 1 RELEASE unused
            a < 1 RELEASED handed_on
            b < 1 LEASED handoff
            pool: leased 1
        b hangs up
            pool: idle 1
        a > 2 LEASE route=web
            a < 2 LEASED idle
            pool: leased 1
        "#,
    );
}

#[test]
fn x_waiter_gone_while_its_connect_is_in_flight() {
    world().play(
        r#"
        up is held
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            a < WELCOME
            pool: connecting 1, waiting 1
        a hangs up
            pool: connecting 1
        up flows
            u1 opens
            pool: idle 1
        b > HELLO; 1 LEASE route=web; 1 DATA "pong"
            u1 < "pong"
            b < WELCOME
            b < 1 LEASED idle
            pool: leased 1
        "#,
    );
}

#[test]
fn x_the_attempt_serves_the_next_waiter() {
    one_connection().play(
        r#"
        up is held
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            a < WELCOME
            pool: connecting 1, waiting 1
        b > HELLO; 1 LEASE route=web; 1 DATA "b"
            b < WELCOME
            pool: connecting 1, waiting 2
        a hangs up
            pool: connecting 1, waiting 1
        up flows
            u1 opens
            u1 < "b"
            b < 1 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn g_death_of_a_client_that_has_not_said_hello() {
    world().play(
        r#"
        a connects
        a hangs up
        "#,
    );
}

#[test]
fn g_death_of_a_waiter_frees_its_place_and_its_bytes() {
    one_connection().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web; 1 DATA x10000
            b < WELCOME
            pool: leased 1, waiting 1
        c > HELLO; 1 LEASE route=web; 1 DATA "c"
            c < WELCOME
            pool: leased 1, waiting 2
        b hangs up
            pool: leased 1, waiting 1
        a > 1 RELEASE unused
            u1 < "c"
            a < 1 RELEASED handed_on
            c < 1 LEASED handoff
            pool: leased 1
        "#,
    );
}

#[test]
fn g_death_in_a_used_lease_serves_the_next_with_a_new_connection() {
    one_connection().play(
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
        a hangs up
            u1 < RST
            u2 opens
            u2 < "b"
            b < 1 LEASED new
            closed client_died
            pool: leased 1
        "#,
    );
}

#[test]
fn g_death_after_reset_gives_the_slot_back() {
    one_connection().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 > RST
            a < 1 RESET connection_terminated acked sent=1 acked=1
            pool: draining 1
        b > HELLO; 1 LEASE route=web; 1 DATA "b"
            b < WELCOME
            pool: draining 1, waiting 1
        a hangs up
            u2 opens
            u2 < "b"
            b < 1 LEASED new
            closed peer_rst
            pool: leased 1
        "#,
    );
}

#[test]
fn g_death_while_settling_changes_nothing() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        down is held
        a > 1 DATA "ping"
            u1 < "ping"
        a > 1 RELEASE reusable tx=4
            a < 1 RELEASED settling
            pool: settling 1
        a hangs up
        down flows
            pool: idle 1
        "#,
    );
}

#[test]
fn g_what_was_said_before_the_hang_up_counts() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 > "pong"
            a < 1 DATA "pong"
        a > 1 RELEASE reusable rx=4 tx=4; 2 LEASE route=web; 2 DATA "last"; 2 RELEASE reusable tx=4
            u1 < RST
            a < 1 RELEASED kept
            a < 2 LEASED idle uses=1
            a < 2 RELEASED closed unsent_bytes
            closed unsent_bytes
            pool: empty
        a hangs up
        "#,
    );
}

#[test]
fn g_a_release_behind_many_pings_counts() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a stops reading
        a > PING 1; PING 2; PING 3; PING 4; PING 5; PING 6; PING 7; PING 8; PING 9; PING 10; PING 11; PING 12; PING 13; PING 14; PING 15; PING 16; PING 17; 1 RELEASE reusable tx=4
        a dies
            pool: idle 1
        "#,
    );
}

#[test]
fn g_death_with_bytes_that_upstream_does_not_take() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 stops reading
        up is cut
        a > 1 DATA x65000; 1 DATA x65000; 1 DATA x65000; 1 DATA x65000; 1 DATA x65000; 1 RELEASE reusable tx=325000
        a dies
        wait 990ms
        wait 20ms
            a < close
            closed client_died
            pool: empty
        "#,
    );
}

#[test]
fn p_a_cancelled_waiter_leaves_at_once() {
    one_connection().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web; 1 DATA x16384
            b < WELCOME
            pool: leased 1, waiting 1
        b > 1 CANCEL; 2 LEASE route=web; 2 DATA x16384; 2 CANCEL; 3 LEASE route=web; 3 CANCEL
            b < 1 REFUSED cancelled
            b < 2 REFUSED cancelled
            b < 3 REFUSED cancelled
            pool: leased 1
        a > 1 RELEASE unused
            a < 1 RELEASED kept
            pool: idle 1
        "#,
    );
}

#[test]
fn a_waiter_is_refused_when_its_deadline_has_passed() {
    one_connection().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO; 1 LEASE route=web deadline=100; 1 DATA "ping"
            b < WELCOME
            pool: leased 1, waiting 1
        c > HELLO; 1 LEASE route=web no_wait
            c < WELCOME
            c < 1 REFUSED queue_timeout
        c > 2 LEASE route=web deadline=0
            c < 2 REFUSED queue_timeout
        wait 99ms
        wait 3ms
            b < 1 REFUSED queue_timeout
            pool: leased 1
        wait 5s
        b > 2 LEASE route=web
            pool: leased 1, waiting 1
        wait 4990ms
        wait 15ms
            b < 2 REFUSED queue_timeout
            pool: leased 1
        "#,
    );
}

#[test]
fn a_full_queue_refuses() {
    World::with(|s| {
        s.config.routes[0].settings.max_per_route = 1;
        s.config.routes[0].settings.max_waiters_per_route = 1;
    })
    .play(
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
            c < 1 REFUSED queue_full
        b > 1 CANCEL
            b < 1 REFUSED cancelled
            pool: leased 1
        c > 2 LEASE route=web
            pool: leased 1, waiting 1
        "#,
    );
}

#[test]
fn fresh_wants_a_connection_that_carried_nothing() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=4
            a < 1 RELEASED kept
            pool: idle 1
        a > 2 LEASE route=web fresh
            u2 opens
            a < 2 LEASED new
            pool: idle 1, leased 1
        a > 2 RELEASE unused; 3 LEASE route=web fresh
            a < 2 RELEASED kept
            a < 3 LEASED idle
        "#,
    );
}

#[test]
fn t_an_idle_connection_that_answers_after_a_sleep_is_leased() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=4
            a < 1 RELEASED kept
            pool: idle 1
        down is held
        sleep 30s
            pool: suspect 1
        a > 2 LEASE route=web
            pool: connecting 1, suspect 1, waiting 1
        down flows
            u2 opens
            a < 2 LEASED idle uses=1
            pool: idle 1, leased 1
        "#,
    );
}

#[test]
fn t_an_idle_connection_that_does_not_answer_after_a_sleep_is_closed() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=4
            a < 1 RELEASED kept
            pool: idle 1
        up is cut
        sleep 30s
            pool: suspect 1
        wait 1990ms
        up flows
        wait 20ms
            u1 < RST
            closed probe_failed
            pool: empty
        "#,
    );
}

#[test]
fn t_a_connection_without_a_byte_cannot_be_probed() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE unused
            a < 1 RELEASED kept
            pool: idle 1
        sleep 30s
            u1 < RST
            closed probe_failed
            pool: empty
        "#,
    );
}

#[test]
fn t_what_grew_too_old_in_a_sleep_is_closed() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=4
            a < 1 RELEASED kept
            pool: idle 1
        sleep 1h
            u1 < FIN
            closed max_lifetime
            pool: closing 1
        u1 > FIN
            pool: empty
        "#,
    );
}

#[test]
fn t_a_lease_goes_on_over_a_sleep() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        sleep 1h
        u1 > "pong"
            a < 1 DATA "pong"
        a > 1 RELEASE reusable rx=4 tx=4
            u1 < FIN
            a < 1 RELEASED closed max_lifetime
            closed max_lifetime
            pool: closing 1
        "#,
    );
}

#[test]
fn fin_on_an_idle_connection_takes_it_out_at_once() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=4
            a < 1 RELEASED kept
            pool: idle 1
        u1 > FIN
            u1 < FIN
            closed peer_fin
            pool: empty
        a > 2 LEASE route=web; 2 DATA "next"
            u2 opens
            u2 < "next"
            a < 2 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn rst_on_an_idle_connection_takes_it_out_at_once() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=4
            a < 1 RELEASED kept
            pool: idle 1
        u1 > RST
            closed peer_rst
            pool: empty
        a > 2 LEASE route=web; 2 DATA "next"
            u2 opens
            u2 < "next"
            a < 2 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn the_last_released_is_leased_first() {
    world().play(
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
        a > 1 RELEASE reusable tx=1
            a < 1 RELEASED kept
            pool: idle 1, leased 1
        b > 1 RELEASE reusable tx=1
            b < 1 RELEASED kept
            pool: idle 2
        a > 2 LEASE route=web; 2 DATA "last in"
            u2 < "last in"
            a < 2 LEASED idle uses=1
            pool: idle 1, leased 1
        a > 2 RELEASE discard
            u2 < RST
            a < 2 RELEASED closed client_discard
            closed client_discard
            pool: idle 1
        "#,
    );
}

#[test]
fn with_fifo_the_first_released_is_leased_first() {
    World::with(|s| s.config.routes[0].settings.reuse = Reuse::Fifo).play(
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
        a > 1 RELEASE reusable tx=1
            a < 1 RELEASED kept
            pool: idle 1, leased 1
        b > 1 RELEASE reusable tx=1
            b < 1 RELEASED kept
            pool: idle 2
        a > 2 LEASE route=web; 2 DATA "first in"
            u1 < "first in"
            a < 2 LEASED idle uses=1
            pool: idle 1, leased 1
        a > 2 RELEASE discard
            u1 < RST
            a < 2 RELEASED closed client_discard
            closed client_discard
            pool: idle 1
        "#,
    );
}

#[test]
fn a_full_pool_evicts_the_oldest_idle_connection_of_another_route() {
    World::with(|s| s.config.pool.max_total = 1).play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=1; 2 LEASE route=many; 2 DATA "b"
            u1 < RST
            u2 opens
            u2 < "b"
            a < 1 RELEASED kept
            a < 2 LEASED new
            closed evicted
        "#,
    );
}
