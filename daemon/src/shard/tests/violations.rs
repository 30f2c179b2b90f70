//! Clients that break the protocol: each is told why on lease 0 and its session ends; nobody else
//! notices. `PROTOCOL.md`, rule 10.

use super::world::World;

/// Client `z` holds a lease throughout: what others do wrong must not touch it.
fn world() -> World {
    let mut world = World::with(|_| {});
    world.play(
        r#"
        z > HELLO; 1 LEASE route=web; 1 DATA "ping"
            u1 opens
            u1 < "ping"
            z < WELCOME
            z < 1 LEASED new
            pool: leased 1
        "#,
    );
    world
}

/// The lease of `z` goes on as if nothing had been.
fn check_bystander(mut world: World) {
    let orders = [
        r#"u1 > "pong""#,
        "z > 1 RELEASE reusable rx=4 tx=4; 2 LEASE route=web; 2 RELEASE unused",
        "z > PING 5",
    ];
    for order in orders {
        world.order(order);
        world.run();
    }
    let heard = [
        r#"1 DATA "pong""#,
        "1 RELEASED kept",
        "2 LEASED idle uses=1",
        "2 RELEASED kept",
        "PONG 5",
    ];
    assert_eq!(world.client("z").take_heard(), heard);
}

#[test]
fn the_first_frame_is_hello() {
    let mut world = world();
    world.play(
        r#"
        a > 1 LEASE route=web; HELLO
            a < REFUSED protocol_violation "the first frame is not HELLO"
            a < close
        "#,
    );
    check_bystander(world);
}

#[test]
fn hello_comes_once() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; HELLO; PING 1
            a < WELCOME
            a < REFUSED protocol_violation "HELLO came twice"
            a < close
        "#,
    );
    check_bystander(world);
}

#[test]
fn no_version_in_common() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO major=2
            a < REFUSED protocol_violation "no common version: this daemon speaks 1.0 to 1.0"
            a < close
        b > HELLO from=1 to=3
            b < REFUSED protocol_violation "no common version: this daemon speaks 1.0 to 1.0"
            b < close
        "#,
    );
    check_bystander(world);
}

#[test]
fn hello_comes_in_time() {
    let mut world = world();
    world.play(
        r#"
        a connects
        wait 999ms
        wait 1ms
            a < REFUSED protocol_violation "no HELLO came in time (control.hello_timeout)"
            a < close
        wait 1s
        "#,
    );
    check_bystander(world);
}

#[test]
fn garbage() {
    let mut world = world();
    world.play(
        r#"
        a > RAW ff ff ff ff ff ff ff ff
            a < REFUSED protocol_violation "a frame of kind 0xff with 4294967295 bytes exceeds the limit of 4096"
            a < close
        b > HELLO; RAW 04 00 00 00 01 00 00 00 de ad be ef
            b < WELCOME
            b < REFUSED protocol_violation "a frame of kind 0x01 ends too early"
            b < close
        "#,
    );
    check_bystander(world);
}

#[test]
fn oversized_frames() {
    let mut world = world();
    world.play(
        r#"
        # A DATA of 64 KiB and one byte; a LEASE of 4 KiB and one byte.
        a > HELLO; 1 LEASE route=web; RAW 01 00 01 00 03 00 01 00
            u2 opens
            a < WELCOME
            a < REFUSED protocol_violation "a frame of kind 0x03 with 65537 bytes exceeds the limit of 65536"
            a < close
            pool: idle 1, leased 1
        b > HELLO; RAW 01 10 00 00 02 00 01 00
            b < WELCOME
            b < REFUSED protocol_violation "a frame of kind 0x02 with 4097 bytes exceeds the limit of 4096"
            b < close
        "#,
    );
    check_bystander(world);
}

#[test]
fn an_unknown_frame_that_must_be_known() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; RAW 03 00 00 00 70 01 00 00 61 62 63
            a < WELCOME
            a < REFUSED protocol_violation "frame kind 0x70 is not known here and critical"
            a < close
        "#,
    );
    check_bystander(world);
}

#[test]
fn lease_while_leased() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web
            u2 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 2
        a > 2 LEASE route=web
            a < REFUSED protocol_violation "LEASE 2 came before lease 1 was released"
            a < close
            pool: idle 1, leased 1
        "#,
    );
    check_bystander(world);
}

#[test]
fn lease_while_waiting() {
    let mut world = world();
    world.play(
        r#"
        up is held
        a > HELLO; 1 LEASE route=web; 2 LEASE route=web
            a < WELCOME
            a < REFUSED protocol_violation "LEASE 2 came before lease 1 was released"
            a < close
            pool: connecting 1, leased 1
        up flows
            u2 opens
            pool: idle 1, leased 1
        "#,
    );
    check_bystander(world);
}

#[test]
fn lease_with_a_wrong_number() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 2 LEASE route=web
            a < WELCOME
            a < REFUSED protocol_violation "LEASE has the number 2 where 1 comes next"
            a < close
        b > HELLO; 1 LEASE route=web; 1 RELEASE unused; 1 LEASE route=web
            u2 opens
            b < WELCOME
            b < 1 REFUSED cancelled
            b < REFUSED protocol_violation "LEASE has the number 1 where 2 comes next"
            b < close
            pool: idle 1, leased 1
        "#,
    );
    check_bystander(world);
}

#[test]
fn a_frame_of_a_lease_never_asked_for() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 DATA "ping"
            a < WELCOME
            a < REFUSED protocol_violation "a frame belongs to lease 1, which was never asked for"
            a < close
        b > HELLO; 1 LEASE route=web; 2 DATA "ping"
            u2 opens
            b < WELCOME
            b < REFUSED protocol_violation "a frame belongs to lease 2, which was never asked for"
            b < close
            pool: idle 1, leased 1
        "#,
    );
    check_bystander(world);
}

#[test]
fn one_byte_too_many_before_leased() {
    let mut world = world();
    world.play(
        r#"
        up is held
        a > HELLO; 1 LEASE route=web; 1 DATA x16384
            a < WELCOME
            pool: connecting 1, leased 1, waiting 1
        a > 1 DATA x1
            a < REFUSED protocol_violation "more than 16 KiB of DATA came before LEASED"
            a < close
            pool: connecting 1, leased 1
        up flows
            u2 opens
            pool: idle 1, leased 1
        "#,
    );
    check_bystander(world);
}

#[test]
fn data_behind_the_clients_fin() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"; 1 FIN
            u2 opens
            u2 < "ping"
            u2 < FIN
            a < WELCOME
            a < 1 LEASED new
            pool: leased 2
        a > 1 DATA "more"
            u2 < RST
            a < REFUSED protocol_violation "the client writes on behind its FIN"
            a < close
            closed client_died
            pool: leased 1
        "#,
    );
    check_bystander(world);
}

#[test]
fn data_behind_the_clients_fin_before_leased() {
    let mut world = world();
    world.play(
        r#"
        up is held
        a > HELLO; 1 LEASE route=web; 1 FIN; 1 DATA "more"
            a < WELCOME
            a < REFUSED protocol_violation "the client writes on behind its FIN"
            a < close
            pool: connecting 1, leased 1
        up flows
            u2 opens
            pool: idle 1, leased 1
        "#,
    );
    check_bystander(world);
}

#[test]
fn a_second_fin() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 FIN; 1 FIN
            u2 opens
            a < WELCOME
            a < REFUSED protocol_violation "the client writes on behind its FIN"
            a < close
            pool: idle 1, leased 1
        "#,
    );
    check_bystander(world);
}

#[test]
fn the_flag_fd_has_to_be_agreed_on() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web fd
            a < WELCOME
            a < REFUSED protocol_violation "LEASE has the flag fd, which was not agreed on"
            a < close
        "#,
    );
    check_bystander(world);
}

#[test]
fn the_words_before_the_breach_count() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "ping"; 1 RELEASE discard; 7 DATA "ping"; PING 1
            u2 opens
            a < WELCOME
            a < 1 REFUSED cancelled
            a < REFUSED protocol_violation "a frame belongs to lease 7, which was never asked for"
            a < close
            pool: idle 1, leased 1
        "#,
    );
    check_bystander(world);
}

#[test]
fn a_refused_session_that_does_not_read_ends_after_a_second() {
    let mut world = world();
    world.play(
        r#"
        a connects
        a stops reading
        a > 1 DATA "ping"
        wait 999ms
        wait 1ms
            a < close
        "#,
    );
    check_bystander(world);
}
