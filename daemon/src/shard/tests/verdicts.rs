//! What a client is told of its request when the connection dies: DESIGN.md, section 6.3.

use std::time::Duration;

use super::world::World;

fn world() -> World {
    World::with(|_| {})
}

#[test]
fn never_sent_when_nothing_was_written() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 > RST
            a < 1 RESET connection_terminated never_sent sent=0 acked=0
            pool: draining 1
        a > 1 RELEASE unused
            a < 1 RELEASED closed peer_rst
            closed peer_rst
            pool: empty
        "#,
    );
}

#[test]
fn never_sent_on_a_reused_connection() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "first"
            u1 opens
            u1 < "first"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=5; 2 LEASE route=web
            a < 1 RELEASED kept
            a < 2 LEASED idle uses=1
        u1 > RST
            a < 2 RESET connection_terminated never_sent sent=0 acked=0
            pool: draining 1
        a > 2 RELEASE unused
            a < 2 RELEASED closed peer_rst
            closed peer_rst
            pool: empty
        "#,
    );
}

#[test]
fn unprocessed_when_the_upstream_had_forgotten_the_connection() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "first"
            u1 opens
            u1 < "first"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=5
            a < 1 RELEASED kept
            pool: idle 1
        upstream restarts
        a > 2 LEASE route=web; 2 DATA "second"
            a < 2 LEASED idle uses=1
            a < 2 RESET connection_terminated unprocessed sent=6 acked=0
            pool: draining 1
        a > 2 RELEASE discard
            a < 2 RELEASED closed peer_rst
            closed peer_rst
            pool: empty
        "#,
    );
}

#[test]
fn unprocessed_when_the_reset_acknowledges_nothing_of_it() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "first"
            u1 opens
            u1 < "first"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=5
            a < 1 RELEASED kept
            pool: idle 1
        up is held
        a > 2 LEASE route=web; 2 DATA "second"
            a < 2 LEASED idle uses=1
            pool: leased 1
        u1 > RST
            a < 2 RESET connection_terminated unprocessed sent=6 acked=0
            pool: draining 1
        "#,
    );
}

#[test]
fn unprocessed_when_a_fin_and_a_reset_crossed_the_request() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "first"
            u1 opens
            u1 < "first"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=5
            a < 1 RELEASED kept
            pool: idle 1
        # A server closes its idle connection for good as the request leaves.
        down is held
        u1 > FIN; RST
        a > 2 LEASE route=web; 2 DATA "second"
            a < 2 LEASED idle uses=1
            pool: leased 1
        down flows
            a < 2 RESET connection_terminated unprocessed sent=6 acked=0
            pool: draining 1
        a > 2 RELEASE discard
            a < 2 RELEASED closed peer_rst
            closed peer_rst
            pool: empty
        "#,
    );
}

/// A lease of a used connection whose request is still under way when the peer says FIN.
const FIN_CROSSES_A_REQUEST: &str = r#"
    a > HELLO; 1 LEASE route=web; 1 DATA "first"
        u1 opens
        u1 < "first"
        a < WELCOME
        a < 1 LEASED new
        pool: leased 1
    a > 1 RELEASE reusable tx=5
        a < 1 RELEASED kept
        pool: idle 1
    up is held
    a > 2 LEASE route=web; 2 DATA "second"
        a < 2 LEASED idle uses=1
        pool: leased 1
    u1 > FIN
"#;

#[test]
fn an_end_that_crossed_the_request_waits_for_the_reset() {
    let mut world = world();
    world.play(FIN_CROSSES_A_REQUEST);
    // A client that read the end would give the lease up, and never learn that it may ask again.
    world.play(
        r#"
        wait 20ms
        u1 > RST
            a < 2 RESET connection_terminated unprocessed sent=6 acked=0
            pool: draining 1
        a > 2 RELEASE discard
            a < 2 RELEASED closed peer_rst
            closed peer_rst
            pool: empty
        wait 10s
        "#,
    );
}

#[test]
fn an_end_without_a_reset_is_told_once_an_answer_would_have_come() {
    let mut world = world();
    world.play(FIN_CROSSES_A_REQUEST);
    world.play(
        r#"
        wait 190ms
        wait 20ms
            a < 2 EOF
        "#,
    );
}

#[test]
fn an_end_is_told_as_soon_as_the_peer_has_the_request() {
    let mut world = world();
    world.play(FIN_CROSSES_A_REQUEST);
    world.play(
        r#"
        up flows
            u1 < "second"
            a < 2 EOF
        "#,
    );
}

#[test]
fn unknown_when_it_was_sent_more_than_once() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "first"
            u1 opens
            u1 < "first"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=5
            a < 1 RELEASED kept
            pool: idle 1
        up is cut
        a > 2 LEASE route=web; 2 DATA "second"
            a < 2 LEASED idle uses=1
            pool: leased 1
        wait 250ms
        upstream restarts
        up flows
        wait 1s
            a < 2 RESET connection_terminated unknown sent=6 acked=0
            pool: draining 1
        "#,
    );
}

#[test]
fn acked_when_the_peer_has_a_byte_of_it() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "first"
            u1 opens
            u1 < "first"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 > RST
            a < 1 RESET connection_terminated acked sent=5 acked=5
            pool: draining 1
        "#,
    );
}

#[test]
fn unknown_when_the_upstream_falls_silent() {
    World::with(|s| s.tcp.user_timeout = Some(Duration::from_secs(10))).play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        up is cut
        a > 1 DATA "first"
        wait 20s
            a < 1 RESET connection_timeout unknown sent=5 acked=0
            pool: draining 1
        a > 1 RELEASE discard
            a < 1 RELEASED closed timed_out
            closed timed_out
            pool: empty
        "#,
    );
}

#[test]
fn bytes_before_the_reset_are_delivered() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "first"
            u1 opens
            u1 < "first"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        down is held
        u1 > "half an ans"
        u1 > RST
        down flows
            a < 1 DATA "half an ans"
            a < 1 RESET connection_terminated acked sent=5 acked=5
            pool: draining 1
        a > 1 RELEASE discard rx=11 tx=5
            a < 1 RELEASED closed peer_rst
            closed peer_rst
            pool: empty
        "#,
    );
}

#[test]
fn eof_then_reset() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "first"
            u1 opens
            u1 < "first"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 > "all"; FIN
            a < 1 DATA "all"
            a < 1 EOF
        a > 1 DATA "thanks"
            u1 < "thanks"
        u1 > RST
            a < 1 RESET connection_terminated acked sent=11 acked=11
            pool: draining 1
        a > 1 RELEASE discard rx=3
            a < 1 RELEASED closed peer_rst
            closed peer_rst
            pool: empty
        "#,
    );
}
