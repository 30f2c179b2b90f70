//! Leases with a descriptor, and what crosses between their pair and their session. The test plays
//! the reactor's part with the pair, by hand, so that it decides what comes first.

use super::super::SessionId;
use super::world::World;

/// A socket pair between the shard and client `a`.
#[derive(Debug)]
struct Pair {
    /// What the client has written and nobody has read.
    writing: Vec<u8>,
    /// The client ends its writing behind that.
    finishes: bool,
    /// What the client can read.
    arrived: Vec<u8>,
    /// Bytes of it that the client leaves alone.
    leaves: usize,
    /// Bytes that still fit.
    room: usize,
}

impl Pair {
    fn new() -> Self {
        Self { writing: Vec::new(), finishes: false, arrived: Vec::new(), leaves: 0, room: 1 << 30 }
    }

    /// The client writes.
    fn write(&mut self, bytes: &[u8]) {
        self.writing.extend_from_slice(bytes);
    }

    /// Does what the reactor would, until nothing moves.
    fn serve(&mut self, world: &mut World) {
        world.run();
        while self.step(world) {
            world.run();
        }
    }

    fn step(&mut self, world: &mut World) -> bool {
        let (id, now) = (session(world), world.now);
        let output = world.shard.pair_output(id);
        let count = output.len().min(self.room);
        if count > 0 {
            self.arrived.extend_from_slice(&output[..count]);
            self.room -= count;
            world.shard.handle_pair_sent(now, id, count);
            return true;
        }
        let Some(wish) = world.shard.pair(id) else {
            return false;
        };
        let count = self.writing.len().min(wish.room_bytes);
        if count > 0 {
            let bytes: Vec<u8> = self.writing.drain(..count).collect();
            world.shard.handle_pair_bytes(now, id, &bytes);
            return true;
        }
        if self.finishes && self.writing.is_empty() {
            self.finishes = false;
            world.shard.handle_pair_eof(now, id);
            return true;
        }
        if wish.drains && self.writing.is_empty() {
            world.shard.handle_pair_drained(now, id, self.leaves);
            return true;
        }
        false
    }
}

fn session(world: &mut World) -> SessionId {
    world.client("a").session
}

/// What has come of the pair's doing.
fn then(world: &mut World, expected: &str) {
    world.play(&format!("wait 0s\n{}", expected.trim_start_matches('\n')));
}

fn granted() -> World {
    let mut world = World::with(|_| {});
    world.play(
        r#"
        a > HELLO fd; 1 LEASE route=web fd
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        "#,
    );
    world
}

/// As [`granted`], and one exchange is over.
fn exchanged() -> (World, Pair) {
    let (mut world, mut pair) = (granted(), Pair::new());
    pair.write(b"ping");
    pair.serve(&mut world);
    then(&mut world, "    u1 < \"ping\"");
    world.play("u1 > \"pong\"");
    pair.serve(&mut world);
    assert_eq!(pair.arrived, b"pong");
    (world, pair)
}

#[test]
fn bytes_run_on_the_pair_and_the_rest_on_the_session() {
    let (mut world, mut pair) = exchanged();
    world.play("a > 1 INFO\n    a < 1 INFO state=established sent=4 received=4");
    world.play("a > 1 RELEASE reusable rx=4 tx=4; 2 LEASE route=web; 2 DATA \"next\"");
    pair.serve(&mut world);
    then(
        &mut world,
        "
    u1 < \"next\"
    a < 1 RELEASED kept
    a < 2 LEASED idle uses=1",
    );
    let id = session(&mut world);
    assert_eq!(world.shard.pair(id), None, "the second lease has none");
}

#[test]
fn a_release_does_not_overtake_bytes() {
    let (mut world, mut pair) = exchanged();
    pair.write(b"more");
    world.play("a > 1 RELEASE reusable rx=4 tx=8");
    pair.serve(&mut world);
    then(
        &mut world,
        "
    u1 < \"more\"
    a < 1 RELEASED kept",
    );
}

#[test]
fn bytes_that_are_not_in_the_count_close() {
    let (mut world, mut pair) = exchanged();
    pair.write(b"more");
    world.play("a > 1 RELEASE reusable rx=4 tx=4");
    pair.serve(&mut world);
    then(
        &mut world,
        "
    u1 < \"more\"
    u1 < RST
    a < 1 RELEASED closed unsent_bytes",
    );
}

#[test]
fn bytes_left_in_the_pair_close_whatever_the_client_counts() {
    let (mut world, mut pair) = exchanged();
    pair.leaves = 1;
    world.play("a > 1 RELEASE reusable rx=4 tx=4");
    pair.serve(&mut world);
    then(
        &mut world,
        "
    u1 < RST
    a < 1 RELEASED closed unread_bytes",
    );
}

#[test]
fn bytes_that_the_pair_did_not_take_close_whatever_the_client_counts() {
    let (mut world, mut pair) = exchanged();
    pair.room = 0;
    world.play("u1 > \"!\"");
    world.play("a > 1 RELEASE reusable rx=5 tx=4");
    pair.serve(&mut world);
    then(
        &mut world,
        "
    u1 < RST
    a < 1 RELEASED closed unread_bytes",
    );
}

#[test]
fn what_is_discarded_is_not_waited_for() {
    let (mut world, mut pair) = exchanged();
    pair.write(b"more");
    world.play(
        "
        a > 1 RELEASE discard rx=4 tx=8
            u1 < RST
            a < 1 RELEASED closed client_discard
            closed client_discard
            pool: empty
        ",
    );
}

#[test]
fn a_release_waits_while_the_upstream_takes_no_more() {
    let (mut world, mut pair) = exchanged();
    world.play("u1 stops reading");
    pair.write(&vec![b'x'; 8 << 20]);
    pair.serve(&mut world);
    let left = pair.writing.len();
    let id = session(&mut world);
    assert!(left > 4 << 20, "the upstream's buffer and ours do not hold so much");
    assert_eq!(world.shard.pair(id).expect("a pair").room_bytes, 0);
    assert_eq!(world.client("a").take_heard(), [""; 0]);
    world.play(&format!("a > 1 RELEASE reusable rx=4 tx={}", (8 << 20) + 4));
    pair.serve(&mut world);
    assert_eq!(pair.writing.len(), left);

    world.order("u1 reads again");
    while !pair.writing.is_empty() {
        pair.serve(&mut world);
        world.wait(std::time::Duration::from_millis(100));
    }
    pair.serve(&mut world);
    let heard = world.client("a").take_heard();
    assert!(matches!(heard.as_slice(), [one] if one.starts_with("1 RELEASED")), "{heard:?}");
}

#[test]
fn a_pair_that_is_not_read_closes_the_window() {
    let (mut world, mut pair) = exchanged();
    pair.room = 0;
    world.order("u1 > x8000000");
    for _ in 0..100 {
        pair.serve(&mut world);
        world.wait(std::time::Duration::from_millis(10));
    }
    let id = session(&mut world);
    let limit = world.config.control.session_buffer;
    assert_eq!(world.shard.pair_output(id).len(), limit);
    assert!(world.upstream.unsaid(0) > 4 << 20, "the rest is where it came from");

    pair.room = 1 << 30;
    while pair.arrived.len() < 8_000_004 {
        pair.serve(&mut world);
        world.wait(std::time::Duration::from_millis(10));
    }
    world.play("a > 1 RELEASE reusable rx=8000004 tx=4");
    pair.serve(&mut world);
    assert_eq!(world.client("a").take_heard(), ["1 RELEASED kept"]);
}

#[test]
fn both_ends_are_told() {
    let (mut world, mut pair) = exchanged();
    world.play("u1 > \"bye\"; FIN\n    a < 1 EOF");
    let id = session(&mut world);
    assert!(world.shard.pair(id).expect("a pair").has_ended);
    assert_eq!(world.shard.pair_output(id), b"bye", "the end is behind these");
    pair.write(b"thanks");
    pair.finishes = true;
    pair.serve(&mut world);
    assert_eq!(pair.arrived, b"pongbye");
    then(&mut world, "    u1 < \"thanks\"\n    u1 < FIN");
    world.play(
        "
        a > 1 RELEASE reusable rx=7 tx=10
            a < 1 RELEASED closed half_closed
            closed half_closed
            pool: empty
        ",
    );
}

#[test]
fn after_a_half_close_nothing_is_read() {
    let (mut world, mut pair) = exchanged();
    pair.finishes = true;
    pair.serve(&mut world);
    then(&mut world, "    u1 < FIN");
    let id = session(&mut world);
    assert_eq!(world.shard.pair(id).expect("a pair").room_bytes, 0);
    world.play("u1 > \"last\"");
    pair.serve(&mut world);
    assert_eq!(pair.arrived, b"ponglast");
}

#[test]
fn a_reset_is_told_on_the_session_and_ends_the_pair() {
    let (mut world, mut pair) = exchanged();
    pair.room = 0;
    world.play("u1 > \"half of\"");
    world.play(
        "
        u1 > RST
            a < 1 RESET connection_terminated acked sent=4 acked=4
            pool: draining 1
        ",
    );
    let id = session(&mut world);
    let wish = world.shard.pair(id).expect("a pair");
    assert!(wish.is_lost && wish.has_ended && wish.room_bytes == 0, "{wish:?}");
    assert_eq!(world.shard.pair_output(id), b"half of", "what came before is still given");
    world.shard.handle_pair_eof(world.now, id);
    world.shard.handle_pair_bytes(world.now, id, b"void");
    world.shard.handle_pair_drained(world.now, id, 0);
    // There is nothing to wait for.
    world.play(
        "
        a > 1 RELEASE reusable rx=4 tx=8
            a < 1 RELEASED closed peer_rst
            closed peer_rst
            pool: empty
        ",
    );
}

#[test]
fn data_and_fin_belong_to_the_pair() {
    for frame in ["DATA \"x\"", "FIN"] {
        let cause = "protocol_violation \"DATA or FIN belongs to a lease with a descriptor\"";
        granted().play(&format!(
            "
            a > 1 {frame}
                a < REFUSED {cause}
                a < close
                pool: idle 1
            "
        ));
        World::with(|_| {}).play(&format!(
            "
            up is held
            a > HELLO fd; 1 LEASE route=web fd; 1 {frame}
                a < WELCOME
                a < REFUSED {cause}
                a < close
                pool: connecting 1
            "
        ));
    }
}

#[test]
fn the_end_may_come_before_the_descriptor_is_read() {
    let (mut world, mut pair) = (granted(), Pair::new());
    world.play("a stops reading");
    world.play("a > 1 RELEASE unused; 2 LEASE route=web fd; 2 CANCEL; 3 LEASE route=web fd");
    pair.serve(&mut world);
    let id = session(&mut world);
    assert_eq!(world.shard.pair(id).expect("a pair").number, 3);
    // The descriptors of both go out in their order, each with its own LEASED.
    let mut announced = Vec::new();
    while !world.shard.session_output(id).is_empty() {
        announced.extend(world.shard.session_descriptor(id));
        let bytes = world.shard.session_output(id).to_vec();
        world.client("a").hear(&bytes);
        world.shard.handle_session_sent(world.now, id, bytes.len());
    }
    assert_eq!(announced, [2, 3]);
    let expected = ["1 RELEASED kept", "2 LEASED idle", "2 RELEASED kept", "3 LEASED idle"];
    assert_eq!(world.client("a").take_heard(), expected);
}

#[test]
fn a_cancel_that_crosses_leased_finds_no_byte() {
    let mut pair = Pair::new();
    let mut world = granted();
    world.play("a > 1 CANCEL");
    pair.serve(&mut world);
    then(&mut world, "    a < 1 RELEASED kept");
}

#[test]
fn a_release_that_the_client_left_behind_counts() {
    let (mut world, mut pair) = exchanged();
    pair.write(b"more");
    world.play("a > 1 RELEASE reusable rx=4 tx=8");
    world.play("a dies");
    pair.serve(&mut world);
    then(&mut world, "    u1 < \"more\"");
    assert_eq!(world.pool_line(), "idle 1");
}

#[test]
fn a_release_whose_pair_is_never_drained_ends_with_its_session() {
    let (mut world, _) = exchanged();
    world.play("a > 1 RELEASE reusable rx=4 tx=4");
    world.play(
        "
        a dies
        wait 999ms
        wait 1ms
            u1 < RST
            a < close
            closed client_died
            pool: empty
        ",
    );
}

#[test]
fn a_client_that_dies_gives_back_what_it_did_not_use() {
    let mut world = granted();
    world.play("a hangs up\n    pool: idle 1");
    let (mut world, _) = exchanged();
    world.play(
        "
        a hangs up
            u1 < RST
            closed client_died
            pool: empty
        ",
    );
    world.check_empty();
}
