//! Byte-exact release: every cause for which a connection is closed rather than kept. POOL.md, rule U.

use std::time::Duration;

use super::world::World;

fn world() -> World {
    World::with(|_| {})
}

/// A route of one connection, so that the second lease waits.
fn one_connection() -> World {
    World::with(|setting| setting.config.routes[0].settings.max_per_route = 1)
}

#[test]
fn unread_bytes_that_the_client_left() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 > "pong and more"
            a < 1 DATA "pong and more"
        a > 1 RELEASE reusable rx=4 tx=4
            u1 < RST
            a < 1 RELEASED closed unread_bytes
            closed unread_bytes
            pool: empty
        "#,
    );
}

#[test]
fn unread_bytes_that_were_not_delivered() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        # The outbox is full, so the rest stays in the connection.
        a stops reading
        u1 > x500000
        a > 1 RELEASE reusable rx=4 tx=4
            u1 < RST
            closed unread_bytes
            pool: empty
        a reads again
            a < 1 DATA x260696
            a < 1 RELEASED closed unread_bytes
        "#,
    );
}

#[test]
fn unread_bytes_of_a_lease_said_to_be_unused() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 > "220 ready"
            a < 1 DATA "220 ready"
        a > 1 RELEASE unused
            u1 < RST
            a < 1 RELEASED closed unread_bytes
            closed unread_bytes
            pool: empty
        "#,
    );
}

#[test]
fn unsent_bytes_that_the_window_holds() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 stops reading
        a > 1 DATA x60000; 1 DATA x60000
        a > 1 RELEASE reusable rx=0 tx=120004
            u1 < RST
            a < 1 RELEASED closed unsent_bytes
            closed unsent_bytes
            pool: empty
        "#,
    );
}

#[test]
fn unsent_bytes_by_the_clients_count() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable rx=0 tx=5
            u1 < RST
            a < 1 RELEASED closed unsent_bytes
            closed unsent_bytes
            pool: empty
        "#,
    );
}

#[test]
fn settling_then_settled() {
    world().play(
        r#"
        up is held
        a > HELLO; 1 LEASE route=web
            a < WELCOME
            pool: connecting 1, waiting 1
        up flows
            u1 opens
            a < 1 LEASED new
            pool: leased 1
        down is held
        a > 1 DATA "ping"
            u1 < "ping"
        a > 1 RELEASE reusable rx=0 tx=4
            a < 1 RELEASED settling
            pool: settling 1
        down flows
            pool: idle 1
        a > 2 LEASE route=web; 2 RELEASE unused
            a < 2 LEASED idle uses=1
            a < 2 RELEASED kept
        "#,
    );
}

#[test]
fn settling_serves_nobody_before_it_has_settled() {
    one_connection().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        down is held
        a > 1 DATA "ping"
            u1 < "ping"
        b > HELLO; 1 LEASE route=web; 1 DATA "next"
            b < WELCOME
            pool: leased 1, waiting 1
        a > 1 RELEASE reusable rx=0 tx=4
            a < 1 RELEASED settling
            pool: settling 1, waiting 1
        down flows
            u1 < "next"
            b < 1 LEASED handoff uses=1
            pool: leased 1
        "#,
    );
}

#[test]
fn unacked_bytes_when_nothing_answers() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        up is cut
        a > 1 DATA "ping"
        a > 1 RELEASE reusable rx=0 tx=4
            a < 1 RELEASED settling
            pool: settling 1
        wait 190ms
        wait 20ms
            closed unacked_bytes
            pool: empty
        "#,
    );
}

#[test]
fn unacked_bytes_leave_their_room_to_a_waiter() {
    one_connection().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        up is cut
        a > 1 DATA "ping"
        b > HELLO; 1 LEASE route=web
            b < WELCOME
            pool: leased 1, waiting 1
        a > 1 RELEASE reusable rx=0 tx=4
            a < 1 RELEASED settling
            pool: settling 1, waiting 1
        wait 210ms
            closed unacked_bytes
            pool: connecting 1, waiting 1
        # The SYN was lost too; it is sent again after a second.
        up flows
        wait 1s
            u2 opens
            b < 1 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn a_byte_that_comes_while_settling_closes() {
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
        u1 > "late"
        a > 1 RELEASE reusable rx=0 tx=4
            a < 1 RELEASED settling
            pool: settling 1
        down flows
            u1 < RST
            closed data_while_idle
            pool: empty
        "#,
    );
}

#[test]
fn a_fin_that_comes_while_settling_closes() {
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
        u1 > FIN
        a > 1 RELEASE reusable rx=0 tx=4
            a < 1 RELEASED settling
            pool: settling 1
        down flows
            u1 < FIN
            closed peer_fin
            pool: empty
        "#,
    );
}

#[test]
fn a_reset_while_settling_closes() {
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
        u1 > RST
        a > 1 RELEASE reusable rx=0 tx=4
            a < 1 RELEASED settling
            pool: settling 1
        down flows
            closed peer_rst
            pool: empty
        "#,
    );
}

#[test]
fn out_of_order() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        down loses 1
        u1 > "lost"
        u1 > "seen"
        a > 1 RELEASE reusable rx=0 tx=4
            u1 < RST
            a < 1 RELEASED closed out_of_order
            closed out_of_order
            pool: empty
        "#,
    );
}

#[test]
fn half_closed_by_the_peer() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 > "pong"; FIN
            a < 1 DATA "pong"
            a < 1 EOF
        a > 1 RELEASE reusable rx=4 tx=4
            u1 < RST
            a < 1 RELEASED closed half_closed
            closed half_closed
            pool: empty
        "#,
    );
}

#[test]
fn half_closed_by_the_peer_before_any_byte() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 > FIN
            a < 1 EOF
        a > 1 RELEASE unused
            u1 < RST
            a < 1 RELEASED closed half_closed
            closed half_closed
            pool: empty
        "#,
    );
}

#[test]
fn opaque() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web opaque; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 > "pong"
            a < 1 DATA "pong"
        a > 1 RELEASE reusable rx=4 tx=4
            u1 < RST
            a < 1 RELEASED closed opaque
            closed opaque
            pool: empty
        a > 2 LEASE route=web opaque
            u2 opens
            a < 2 LEASED new
            pool: leased 1
        a > 2 RELEASE unused
            a < 2 RELEASED kept
            pool: idle 1
        "#,
    );
}

#[test]
fn opaque_begins_on_a_connection_that_nobody_used() {
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
        a > 1 RELEASE reusable rx=4 tx=4
            a < 1 RELEASED kept
            pool: idle 1
        a > 2 LEASE route=web opaque
            u2 opens
            a < 2 LEASED new
            pool: idle 1, leased 1
        "#,
    );
}

#[test]
fn data_while_idle() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 RELEASE unused
            u1 opens
            a < WELCOME
            a < 1 REFUSED cancelled
            pool: idle 1
        a > 2 LEASE route=web; 2 RELEASE unused
            a < 2 LEASED idle
            a < 2 RELEASED kept
        u1 > "408 too slow"
            u1 < RST
            closed data_while_idle
            pool: empty
        "#,
    );
}

#[test]
fn foreign_bytes_from_before_the_lease() {
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
        a > 1 RELEASE reusable rx=4 tx=4
            a < 1 RELEASED kept
            pool: idle 1
        down is held
        u1 > "late"
        a > 2 LEASE route=web; 2 DATA "next"
            u1 < "next"
            a < 2 LEASED idle uses=1
            pool: leased 1
        down flows
            u1 < RST
            a < 2 RESET connection_terminated unknown sent=4 acked=0
            pool: draining 1
        a > 2 RELEASE discard
            a < 2 RELEASED closed foreign_bytes
            closed foreign_bytes
            pool: empty
        "#,
    );
}

#[test]
fn foreign_bytes_before_a_byte_was_sent() {
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
        a > 1 RELEASE reusable rx=4 tx=4
            a < 1 RELEASED kept
            pool: idle 1
        down is held
        u1 > "late"
        a > 2 LEASE route=web
            a < 2 LEASED idle uses=1
            pool: leased 1
        down flows
            u1 < RST
            a < 2 RESET connection_terminated never_sent sent=0 acked=0
            pool: draining 1
        a > 2 RELEASE unused
            a < 2 RELEASED closed foreign_bytes
            closed foreign_bytes
            pool: empty
        "#,
    );
}

#[test]
fn a_new_connection_may_hear_the_peer_first() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 > "220 ready"
            a < 1 DATA "220 ready"
        a > 1 DATA "quit"
            u1 < "quit"
        a > 1 RELEASE reusable rx=9 tx=4
            a < 1 RELEASED kept
            pool: idle 1
        "#,
    );
}

#[test]
fn client_discard() {
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
        a > 1 RELEASE discard rx=4 tx=4
            u1 < RST
            a < 1 RELEASED closed client_discard
            closed client_discard
            pool: empty
        "#,
    );
}

#[test]
fn client_died_with_a_byte_written() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a hangs up
            u1 < RST
            closed client_died
            pool: empty
        "#,
    );
}

#[test]
fn client_died_with_a_byte_read() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 > "220 ready"
            a < 1 DATA "220 ready"
        a hangs up
            u1 < RST
            closed client_died
            pool: empty
        "#,
    );
}

#[test]
fn max_uses() {
    World::with(|s| s.config.routes[0].settings.max_uses = 2).play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=1; 2 LEASE route=web; 2 DATA "b"
            u1 < "b"
            a < 1 RELEASED kept
            a < 2 LEASED idle uses=1
        a > 2 RELEASE reusable tx=1; 3 LEASE route=web
            u1 < FIN
            u2 opens
            a < 2 RELEASED closed max_uses
            a < 3 LEASED new
            closed max_uses
            pool: leased 1, closing 1
        u1 > FIN
            pool: leased 1
        "#,
    );
}

#[test]
fn idle_timeout_and_max_lifetime() {
    World::with(|s| s.config.routes[0].settings.max_lifetime = Some(Duration::from_secs(70))).play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 RELEASE unused
            u1 opens
            a < WELCOME
            a < 1 REFUSED cancelled
            pool: idle 1
        a > 2 LEASE route=web; 2 RELEASE unused
            a < 2 LEASED idle
            a < 2 RELEASED kept
        wait 49s
        wait 2s
            u1 < FIN
            closed idle_timeout
            pool: closing 1
        u1 > FIN
            pool: empty
        a > 3 LEASE route=web
            u2 opens
            a < 3 LEASED new
            pool: leased 1
        wait 71s
        a > 3 RELEASE unused
            u2 < FIN
            a < 3 RELEASED closed max_lifetime
            closed max_lifetime
            pool: closing 1
        u2 > FIN
            pool: empty
        "#,
    );
}

#[test] // POOL.md, section 1: min_idle
fn a_route_that_is_used_keeps_a_connection_ready() {
    World::with(|s| s.config.routes[0].settings.min_idle = 1).play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            u2 opens
            a < WELCOME
            a < 1 LEASED new
            pool: idle 1, leased 1
        b > HELLO; 1 LEASE route=web
            b < WELCOME
            b < 1 LEASED idle
            pool: leased 2
        wait 1s
            u3 opens
            pool: idle 1, leased 2
        "#,
    );
}
