//! Bytes in bulk: every queue keeps its bound, whoever is slow waits alone, and what comes out is
//! what went in.

use std::time::Duration;

use wharf_protocol::{ClientMessage, Frame, encode_client};

use super::super::instant;
use super::world::World;
use super::{pattern, world};

const MIB: u64 = 1 << 20;

/// Clients `a` and `b` hold a lease each, on the first and the second connection.
fn two_leases(change: impl FnOnce(&mut world::Setting)) -> World {
    let mut world = World::with(change);
    for order in ["a > HELLO; 1 LEASE route=web", "b > HELLO; 1 LEASE route=web"] {
        world.order(order);
        world.wait(Duration::from_millis(100));
    }
    assert_eq!(world.pool_line(), "leased 2");
    for name in ["a", "b"] {
        world.client(name).take_heard();
        world.client(name).collects = true;
    }
    world
}

/// Client `b` is served as if nothing were the matter.
fn check_bystander(world: &mut World) {
    world.order(r#"b > 1 DATA "ping""#);
    world.wait(Duration::from_millis(100));
    assert_eq!(std::mem::take(&mut world.upstream.accepted[1].heard), b"ping");
    world.order(r#"u2 > "pong""#);
    world.wait(Duration::from_millis(100));
    assert_eq!(world.client("b").collected.remove(&1).as_deref(), Some(&b"pong"[..]));
}

/// Client `name` writes a piece of its stream as `DATA` of lease 1.
fn write(world: &mut World, name: &str, seed: u64, from: u64, len: usize) {
    let bytes = pattern::piece(seed, from, len);
    let mut frames = Vec::new();
    for payload in bytes.chunks(wharf_protocol::DATA_MAX) {
        let frame = Frame { lease: 1, message: ClientMessage::Data(payload) };
        encode_client(&frame, &mut frames).expect("fits");
    }
    world.client(name).write(&frames);
}

fn buffered(world: &World) -> u64 {
    world.shard.snapshot(world.now).memory_bytes.iter().map(|(_, bytes)| bytes).sum()
}

#[test]
fn a_client_that_does_not_read_closes_the_upstreams_window_and_nobody_elses() {
    let mut world = two_leases(|_| {});
    let bound = u64::try_from(world.config.control.session_buffer).expect("64 bits");
    world.order("a stops reading");
    let said = pattern::piece(7, 0, usize::try_from(4 * MIB).expect("4 MiB"));
    world.upstream.say(instant(world.now), 0, &said);
    for _ in 0..20 {
        world.wait(Duration::from_millis(500));
        assert!(buffered(&world) <= bound, "{} bytes queued", buffered(&world));
        check_bystander(&mut world);
    }
    let unsaid = world.upstream.unsaid(0);
    assert!(unsaid > 0, "the window is closed");
    world.order("a reads again");
    world.wait(Duration::from_secs(20));
    let heard = world.client("a").collected.remove(&1).unwrap_or_default();
    assert_eq!(heard.len(), said.len());
    pattern::check(7, 0, &heard);
}

#[test]
fn an_upstream_that_does_not_read_stops_its_session_and_nobody_elses() {
    let mut world = two_leases(|_| {});
    world.upstream.accepted[0].reads = false;
    let len = usize::try_from(4 * MIB).expect("4 MiB");
    write(&mut world, "a", 7, 0, len);
    let session = world.client("a").session;
    for _ in 0..20 {
        world.wait(Duration::from_millis(500));
        check_bystander(&mut world);
    }
    assert!(!world.shard.session_wants_input(session), "its bytes stay in its socket");
    assert!(world.client("a").unread() > 0);
    assert!(buffered(&world) <= 2 * (64 << 10) + 16, "less than two frames are kept");
    world.upstream.accepted[0].reads = true;
    world.wait(Duration::from_secs(60));
    let heard = std::mem::take(&mut world.upstream.accepted[0].heard);
    assert_eq!(heard.len(), len);
    pattern::check(7, 0, &heard);
    assert!(world.shard.session_wants_input(session));
}

#[test]
fn neither_direction_stops_the_other() {
    let mut world = two_leases(|_| {});
    // The client does not read and the upstream does: what the client writes still arrives.
    world.order("a stops reading");
    world.upstream.say(instant(world.now), 0, &pattern::piece(1, 0, 1 << 20));
    world.wait(Duration::from_secs(5));
    write(&mut world, "a", 2, 0, 1 << 20);
    world.wait(Duration::from_secs(5));
    pattern::check(2, 0, &world.upstream.accepted[0].heard);
    assert_eq!(world.upstream.accepted[0].heard.len(), 1 << 20);
    // The upstream does not read and the client does: what the upstream says still arrives.
    world.upstream.accepted[0].reads = false;
    write(&mut world, "a", 2, MIB, 1 << 22);
    world.wait(Duration::from_secs(5));
    world.order("a reads again");
    world.wait(Duration::from_secs(5));
    let heard = world.client("a").collected.remove(&1).unwrap_or_default();
    assert_eq!(heard.len(), 1 << 20);
    pattern::check(1, 0, &heard);
}

#[test]
fn replies_that_nobody_reads_stop_the_session() {
    World::with(|_| {}).play(
        r#"
        a > HELLO
            a < WELCOME
        a stops reading
        a > PING 1; PING 2; PING 3; PING 4; PING 5; PING 6; PING 7; PING 8; PING 9; PING 10
        a > PING 11; PING 12; PING 13; PING 14; PING 15; PING 16; PING 17; 1 LEASE route=web
        # The lease waits behind the seventeenth.
        b > HELLO; PING 1
            b < WELCOME
            b < PONG 1
        a reads again
            u1 opens
            a < PONG 1
            a < PONG 2
            a < PONG 3
            a < PONG 4
            a < PONG 5
            a < PONG 6
            a < PONG 7
            a < PONG 8
            a < PONG 9
            a < PONG 10
            a < PONG 11
            a < PONG 12
            a < PONG 13
            a < PONG 14
            a < PONG 15
            a < PONG 16
            a < PONG 17
            a < 1 LEASED new
            pool: leased 1
        "#,
    );
}

/// One lease carries `total` bytes each way at the same time.
fn stream_both_ways(mut world: World, total: u64) {
    world.client("a").collects = true;
    let (mut written, mut heard_up) = (0, 0);
    let (mut said, mut heard_down) = (0, 0);
    let chunk: usize = 256 << 10;
    let step = u64::try_from(chunk).expect("64 bits");
    for _ in 0..1_000_000 {
        if written < total && world.client("a").unread() < chunk {
            write(&mut world, "a", 1, written, chunk);
            written += step;
        }
        if said < total && world.upstream.unsaid(0) < chunk {
            world.upstream.say(instant(world.now), 0, &pattern::piece(2, said, chunk));
            said += step;
        }
        world.wait(Duration::from_millis(2));
        let up = std::mem::take(&mut world.upstream.accepted[0].heard);
        pattern::check(1, heard_up, &up);
        heard_up += u64::try_from(up.len()).expect("64 bits");
        let down = world.client("a").collected.remove(&1).unwrap_or_default();
        pattern::check(2, heard_down, &down);
        heard_down += u64::try_from(down.len()).expect("64 bits");
        if heard_up == total && heard_down == total {
            let release = format!("a > 1 RELEASE reusable rx={total} tx={total}");
            world.order(&release);
            world.wait(Duration::from_secs(1));
            let heard = world.client("a").take_heard();
            assert!(heard.iter().any(|frame| frame.starts_with("1 RELEASED")), "{heard:?}");
            assert!(!heard.iter().any(|frame| frame.contains("closed")), "{heard:?}");
            return;
        }
    }
    panic!("{heard_up} of {total} bytes went up, {heard_down} down");
}

#[test]
fn sixty_four_mebibytes_each_way_at_once() {
    stream_both_ways(two_leases(|_| {}), 64 * MIB);
}

#[test]
fn four_mebibytes_each_way_over_a_bad_link() {
    let mut world = two_leases(|setting| setting.delay = Duration::from_millis(2));
    for wire in [&mut world.up, &mut world.down] {
        wire.faults = super::wire::Faults { lost: 10, doubled: 5, late: 20 };
    }
    stream_both_ways(world, 4 * MIB);
}

#[test]
fn a_hundred_waiters_are_served_in_their_order_one_for_each_release() {
    let mut world = World::with(|setting| setting.config.routes[0].settings.max_per_route = 1);
    let names: Vec<String> = (0..=100).map(|number| format!("c{number:03}")).collect();
    for name in &names {
        world.order(&format!("{name} > HELLO; 1 LEASE route=web"));
        world.run();
    }
    assert_eq!(world.pool_line(), "leased 1, waiting 100");
    for (at, name) in names.iter().enumerate() {
        let leased: Vec<&String> =
            world.clients.iter_mut().filter_map(|(n, c)| was_leased(c).then_some(n)).collect();
        assert_eq!(leased, [name], "after {at} releases");
        world.order(&format!("{name} > 1 RELEASE unused"));
        world.run();
    }
    assert_eq!(world.shard.pool.stats().waiters_woken, 101, "one for each, the first included");
    assert_eq!(world.pool_line(), "idle 1");
}

fn was_leased(client: &mut super::client::Client) -> bool {
    client.take_heard().iter().any(|frame| frame.contains("LEASED "))
        && client.progress(1) == Some(super::client::Progress::Leased)
}
