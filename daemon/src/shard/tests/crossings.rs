//! Frames that cross on the lease socket: DESIGN.md, section 4, and `PROTOCOL.md`, "Rules".

use super::world::World;

fn world() -> World {
    World::with(|_| {})
}

#[test]
fn hello_lease_and_data_in_one_write() {
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
        "#,
    );
}

#[test]
fn even_the_release_may_go_ahead() {
    world().play(
        r#"
        # Nothing was granted yet, so it is a CANCEL.
        a > HELLO; 1 LEASE route=web; 1 RELEASE unused
            u1 opens
            a < WELCOME
            a < 1 REFUSED cancelled
            pool: idle 1
        # Now a connection is idle: the same is a lease and its release.
        a > 2 LEASE route=web; 2 RELEASE unused
            a < 2 LEASED idle
            a < 2 RELEASED kept
        "#,
    );
}

#[test]
fn a_lease_names_an_origin() {
    world().play(
        r#"
        a > HELLO; 1 LEASE host=WEB.test port=80; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE discard
            u1 < RST
            a < 1 RELEASED closed client_discard
            closed client_discard
            pool: empty
        "#,
    );
}

#[test]
fn a_second_lease_takes_the_idle_connection() {
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
        a > 2 LEASE route=web; 2 DATA "again"
            u1 < "again"
            a < 2 LEASED idle uses=1
            pool: leased 1
        u1 > "fine"
            a < 2 DATA "fine"
        a > 2 RELEASE reusable rx=4 tx=5
            a < 2 RELEASED kept
            pool: idle 1
        "#,
    );
}

#[test]
fn the_next_lease_goes_right_behind_the_release() {
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
        a > 1 RELEASE reusable rx=4 tx=4; 2 LEASE route=web; 2 DATA "again"
            u1 < "again"
            a < 1 RELEASED kept
            a < 2 LEASED idle uses=1
        u1 > "fine"
            a < 2 DATA "fine"
        a > 2 RELEASE discard; 3 LEASE route=web; 3 DATA "third"
            u1 < RST
            u2 opens
            u2 < "third"
            a < 2 RELEASED closed client_discard
            a < 3 LEASED new
            closed client_discard
        "#,
    );
}

#[test]
fn cancel_before_leased() {
    world().play(
        r#"
        up is held
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            a < WELCOME
            pool: connecting 1, waiting 1
        a > 1 CANCEL
            a < 1 REFUSED cancelled
            pool: connecting 1
        # The attempt goes on for the route (rule X); no byte of the lease is on it.
        up flows
            u1 opens
            pool: idle 1
        a > 2 LEASE route=web; 2 CANCEL
            a < 2 LEASED idle
            a < 2 RELEASED kept
        "#,
    );
}

#[test]
fn cancel_that_crosses_leased_without_a_byte_is_unused() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 CANCEL; 2 LEASE route=web
            a < 1 RELEASED kept
            a < 2 LEASED idle
        a > 2 RELEASE unused
            a < 2 RELEASED kept
            pool: idle 1
        "#,
    );
}

#[test]
fn cancel_that_crosses_leased_with_a_byte_is_discard() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 CANCEL
            u1 < RST
            a < 1 RELEASED closed client_discard
            closed client_discard
            pool: empty
        "#,
    );
}

#[test]
fn cancel_that_crosses_leased_with_a_fin_is_discard() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 FIN
            u1 opens
            u1 < FIN
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 CANCEL
            u1 < RST
            a < 1 RELEASED closed client_discard
            closed client_discard
            pool: empty
        "#,
    );
}

#[test]
fn release_as_discard_and_as_unused() {
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
        a > 2 LEASE route=web; 2 DATA "ping"
            u1 < "ping"
            a < 2 LEASED idle
            pool: leased 1
        a > 2 RELEASE discard tx=4
            u1 < RST
            a < 2 RELEASED closed client_discard
            closed client_discard
            pool: empty
        "#,
    );
}

#[test]
fn unused_with_a_byte_on_it_is_not_unused() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE unused
            u1 < RST
            a < 1 RELEASED closed client_discard
            closed client_discard
            pool: empty
        "#,
    );
}

#[test]
fn frames_behind_refused_are_dropped() {
    world().play(
        r#"
        upstream stops listening
        a > HELLO; 1 LEASE route=web
            a < WELCOME
            a < 1 REFUSED connection_refused "10.0.0.1:80: connection_refused" retry_after=117ms
        a > 1 DATA "ping"; 1 FIN; 1 INFO; 1 CANCEL; 1 RELEASE discard; PING 7
            a < PONG 7
        # The client goes on with the next number.
        upstream listens
        wait 150ms
        a > 2 LEASE route=web
            u1 opens
            a < 2 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn after_reset_data_and_fin_are_dropped_until_the_release() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 > "po"
            a < 1 DATA "po"
        u1 > RST
            a < 1 RESET connection_terminated acked sent=4 acked=4
            pool: draining 1
        a > 1 DATA "more"; 1 FIN; 1 DATA "and more"
        a > 1 INFO
            a < 1 INFO state= sent=0 received=0
        a > 1 RELEASE reusable rx=2 tx=16
            a < 1 RELEASED closed peer_rst
            closed peer_rst
            pool: empty
        a > 2 LEASE route=web
            u2 opens
            a < 2 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn cancel_behind_a_reset_ends_the_lease() {
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
        a > 1 CANCEL; PING 1
            a < 1 RELEASED closed peer_rst
            a < PONG 1
            closed peer_rst
            pool: empty
        "#,
    );
}

#[test]
fn the_peers_fin_is_eof_and_the_release_closes() {
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
        # The other direction is still open.
        a > 1 DATA "thanks"
            u1 < "thanks"
        a > 1 RELEASE reusable rx=4 tx=10
            u1 < RST
            a < 1 RELEASED closed half_closed
            closed half_closed
            pool: empty
        "#,
    );
}

#[test]
fn the_clients_fin_is_forwarded_and_it_reads_on() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"; 1 FIN
            u1 opens
            u1 < "ping"
            u1 < FIN
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 > "pong"
            a < 1 DATA "pong"
        u1 > FIN
            a < 1 EOF
            pool: draining 1
        a > 1 RELEASE reusable rx=4 tx=4
            a < 1 RELEASED closed half_closed
            closed half_closed
            pool: empty
        "#,
    );
}

#[test]
fn a_fin_goes_ahead_of_leased_too() {
    world().play(
        r#"
        up is held
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"; 1 FIN
            a < WELCOME
            pool: connecting 1, waiting 1
        up flows
            u1 opens
            u1 < "ping"
            u1 < FIN
            a < 1 LEASED new
            pool: leased 1
        u1 > "pong"; FIN
            a < 1 DATA "pong"
            a < 1 EOF
            pool: draining 1
        a > 1 RELEASE reusable rx=4 tx=4
            a < 1 RELEASED closed half_closed
            closed half_closed
            pool: empty
        "#,
    );
}

#[test]
fn a_half_closed_lease_is_not_reusable() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 FIN
            u1 opens
            u1 < FIN
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable
            u1 < RST
            a < 1 RELEASED closed half_closed
            closed half_closed
            pool: empty
        "#,
    );
}

#[test]
fn goodbye_and_a_lease_that_crosses_it() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        b > HELLO
            b < WELCOME
        drain 30s
            a < GOAWAY last=1 within 30s
            b < GOAWAY last=0 within 30s
            pool: draining 1
        a > 1 DATA "more"
            u1 < "more"
        u1 > "pong"
            a < 1 DATA "pong"
        b > 1 LEASE route=web; 1 DATA "ping"
            b < 1 REFUSED draining "the daemon serves no further lease"
        c > HELLO; 1 LEASE route=web
            c < WELCOME
            c < GOAWAY last=0 within 30s
            c < 1 REFUSED draining "the daemon serves no further lease"
        a > 1 RELEASE reusable rx=4 tx=8; 2 LEASE route=web
            u1 < FIN
            a < 1 RELEASED closed drain
            a < 2 REFUSED draining "the daemon serves no further lease"
            closed drain
            pool: closing 1
        "#,
    );
}

#[test]
fn ping_and_info() {
    world().play(
        r#"
        a > HELLO; PING 1
            a < WELCOME
            a < PONG 1
        a > 1 LEASE route=web; PING 2; 1 INFO; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < PONG 2
            a < 1 INFO state= sent=0 received=0
            a < 1 LEASED new
            pool: leased 1
        u1 > "pong"
            a < 1 DATA "pong"
        a > 1 INFO; PING 3
            a < 1 INFO state=established sent=4 received=4
            a < PONG 3
        a > 1 RELEASE reusable rx=4 tx=4; PING 4
            a < 1 RELEASED kept
            a < PONG 4
            pool: idle 1
        "#,
    );
}

#[test]
fn info_of_a_lease_that_waits() {
    world().play(
        r#"
        up is held
        a > HELLO; 1 LEASE route=web; 1 INFO
            a < WELCOME
            a < 1 INFO state= sent=0 received=0
            pool: connecting 1, waiting 1
        "#,
    );
}

#[test]
fn unknown_frames_that_need_not_be_known_are_skipped() {
    world().play(
        r#"
        # A kind 0x70 of three bytes, before HELLO, on the session and on a lease.
        a > RAW 03 00 00 00 70 00 00 00 61 62 63; HELLO
            a < WELCOME
        a > RAW 03 00 00 00 70 00 00 00 61 62 63; PING 1
            a < PONG 1
        a > 1 LEASE route=web; RAW 00 00 00 00 70 00 01 00; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            a < 1 LEASED new
            pool: leased 1
        "#,
    );
}

#[test]
fn late_frames_of_an_ended_lease_are_dropped() {
    world().play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 RELEASE unused; 1 DATA "late"; 1 FIN; 1 CANCEL; 1 RELEASE unused
            u1 opens
            a < WELCOME
            a < 1 REFUSED cancelled
            pool: idle 1
        a > 2 LEASE route=web; 1 DATA "late"; 2 DATA "ping"
            u1 < "ping"
            a < 2 LEASED idle
            pool: leased 1
        u1 > "pong"
            a < 2 DATA "pong"
        a > 1 RELEASE discard; 2 RELEASE reusable rx=4 tx=4
            a < 2 RELEASED kept
            pool: idle 1
        "#,
    );
}

#[test]
fn early_data_to_the_last_byte() {
    world().play(
        r#"
        up is held
        a > HELLO; 1 LEASE route=web; 1 DATA x10000; 1 DATA x6384
            a < WELCOME
            pool: connecting 1, waiting 1
        up flows
            u1 opens
            u1 < x16384
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable rx=0 tx=16384
            a < 1 RELEASED kept
            pool: idle 1
        "#,
    );
}
