//! Connections at rest: when they rest, what wakes them, and that nobody can tell.

use super::*;
use crate::tcp::Keepalive;

const SECOND: Duration = Duration::from_secs(1);

/// How many connections of the stack are at rest.
fn resting(stack: &Stack) -> usize {
    let bodies = stack.connections.iter().map(|(_, entry)| &entry.body);
    bodies.filter(|body| matches!(body, Body::Dormant(_))).count()
}

/// A connection that has asked and was answered; all that happened is told.
fn served(pair: &mut Pair, listener: ListenerId, ipv4: bool) -> (ConnectionId, ConnectionId) {
    let (near, far) = pair.open(listener, ipv4);
    ask(pair, near, far, b"request");
    (near, far)
}

fn ask(pair: &mut Pair, near: ConnectionId, far: ConnectionId, text: &[u8]) {
    assert_eq!(pair.client.write(pair.now, near, text), Ok(text.len()));
    pair.exchange();
    echo(pair, far);
    let mut answer = vec![0; 64];
    let answered = Ok(Read::Bytes(text.len()));
    assert_eq!(pair.client.read(pair.now, near, &mut answer), answered);
    assert_eq!(&answer[..text.len()], text);
    pair.exchange();
    events(&mut pair.client);
    events(&mut pair.server);
}

fn echo(pair: &mut Pair, far: ConnectionId) {
    let mut text = [0; 64];
    if let Ok(Read::Bytes(count)) = pair.server.read(pair.now, far, &mut text) {
        pair.server.write(pair.now, far, &text[..count]).unwrap();
    }
    pair.exchange();
}

#[test]
fn a_quiet_connection_rests_after_a_second_and_a_segment_wakes_it() {
    for ipv4 in [true, false] {
        let mut pair = Pair::new();
        let listener = pair.server.listen(server_address(ipv4), 4).unwrap();
        let (near, far) = served(&mut pair, listener, ipv4);
        pair.wait(Duration::from_millis(900));
        assert_eq!((resting(&pair.client), resting(&pair.server)), (0, 0), "not quiet for long");
        pair.wait(SECOND);
        assert_eq!((resting(&pair.client), resting(&pair.server)), (1, 1));
        assert_eq!(pair.client.poll_timeout(), None, "nothing to wait for");
        assert_eq!(pair.client.connections_in(State::Established), 1);

        ask(&mut pair, near, far, b"again");
        assert_eq!((resting(&pair.client), resting(&pair.server)), (0, 0));
        pair.wait(2 * SECOND);
        assert_eq!((resting(&pair.client), resting(&pair.server)), (1, 1));
        pair.client.assert_invariants();
    }
}

#[test]
fn a_fin_reaches_a_connection_at_rest_in_the_call_in_which_it_arrives() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (near, far) = served(&mut pair, listener, true);
    pair.wait(5 * SECOND);
    pair.server.close(pair.now, far).unwrap();
    for packet in packets_of(&mut pair.server, pair.now) {
        pair.client.handle_packet(pair.now, &packet);
    }
    assert_eq!(events(&mut pair.client), [(near, Event::PeerClosed)]);
    assert_eq!(pair.client.quiescence(near), Ok(Quiescence::HalfClosed));
}

#[test]
fn looking_does_not_wake() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (near, _) = served(&mut pair, listener, true);
    let before = pair.client.info(pair.now, near).unwrap();
    pair.wait(5 * SECOND);
    let after = pair.client.info(pair.now, near).unwrap();
    assert_eq!((after.bytes_sent, after.rtt, after.cwnd), (7, before.rtt, before.cwnd));
    assert_eq!(after.buffers, 0);
    assert_eq!(pair.client.quiescence(near), Ok(Quiescence::Clean));
    assert_eq!(pair.client.readable_bytes(near), Ok(0));
    assert!(pair.client.writable_bytes(near).unwrap() > 0);
    assert_eq!(pair.client.lease_figures(near).unwrap().bytes_acked, 7);
    assert_eq!(pair.client.connections().count(), 1);
    assert_eq!(resting(&pair.client), 1);
}

/// A call, by its name.
type Call = (&'static str, fn(&mut Stack, Instant, ConnectionId));

#[test]
fn every_call_finds_a_connection_at_rest() {
    let calls: [Call; 5] = [
        ("close", |stack, now, id| stack.close(now, id).unwrap()),
        ("abort", |stack, now, id| stack.abort(now, id).unwrap()),
        ("finish", |stack, now, id| stack.finish(now, id).unwrap()),
        ("lease", |stack, _, id| stack.begin_lease(id, true).unwrap()),
        ("repeat", |stack, now, id| assert!(stack.repeat_last_byte(now, id).unwrap())),
    ];
    for (name, call) in calls {
        let mut pair = Pair::new();
        let listener = pair.server.listen(server_address(false), 4).unwrap();
        let (near, _) = served(&mut pair, listener, false);
        pair.wait(5 * SECOND);
        assert_eq!(resting(&pair.client), 1, "{name}");
        call(&mut pair.client, pair.now, near);
        assert_eq!(resting(&pair.client), 0, "{name}");
        pair.exchange();
        pair.client.assert_invariants();
        let ends = ["close", "abort", "finish"].contains(&name);
        let told = events(&mut pair.server);
        assert_eq!(!told.is_empty(), ends, "{name}: {told:?}");
    }
}

#[test]
fn keepalive_goes_on_at_rest() {
    let keepalive = Some(Keepalive { idle: 10 * SECOND, ..Keepalive::default() });
    let mut client = config(&["192.0.2.1"]);
    client.tcp.keepalive = keepalive;
    let mut pair = Pair::with(client, server_config());
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (near, _) = served(&mut pair, listener, true);
    pair.wait(35 * SECOND);
    assert_eq!(pair.client.stats().keepalive_probes, 3);
    assert_eq!(resting(&pair.client), 1);
    pair.client.assert_invariants();

    // The peer falls silent: the probes go unanswered, and the connection ends.
    for _ in 0..20 {
        let Some(due) = pair.client.poll_timeout() else { break };
        pair.now = due;
        pair.client.handle_timeout(due);
        packets_of(&mut pair.client, due);
    }
    assert_eq!(events(&mut pair.client), [(near, Event::Closed(CloseReason::TimedOut))]);
}

#[test]
fn more_than_may_be_watched_rest_at_once() {
    let mut stacks = [config(&["192.0.2.1"]), server_config()];
    for stack in &mut stacks {
        stack.connections_max = 10_000;
    }
    let [mut client, server] = stacks;
    client.port_range = 10_000..=60_000;
    let mut pair = Pair::with(client, server);
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    for _ in 0..4_096 {
        served(&mut pair, listener, true);
    }
    assert_eq!(pair.client.stats().watched_overflows, 0);
    for _ in 4_096..5_000 {
        served(&mut pair, listener, true);
    }
    // Two leave for each that comes to a full queue.
    assert_eq!(pair.client.stats().watched_overflows, 904 / 2);
    let awake = |stack: &Stack| stack.connections.len() - resting(stack);
    assert!(awake(&pair.client) <= 4_200, "{} awake", awake(&pair.client));
    assert!(awake(&pair.server) <= 4_200, "{} awake", awake(&pair.server));
    pair.wait(3 * SECOND);
    assert_eq!((awake(&pair.client), awake(&pair.server)), (0, 0));
    pair.client.assert_invariants();
}

#[test]
fn a_setting_of_its_own_keeps_a_connection_whole() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (near, _) = served(&mut pair, listener, true);
    pair.client.set(pair.now, near, Setting::Nagle(true)).unwrap();
    pair.wait(5 * SECOND);
    assert_eq!((resting(&pair.client), resting(&pair.server)), (0, 1));
    pair.client.set(pair.now, near, Setting::Nagle(false)).unwrap();
    pair.wait(5 * SECOND);
    assert_eq!(resting(&pair.client), 1, "back at the stack's settings");
}

#[test]
fn a_connection_that_waits_for_its_answer_gives_back_what_is_empty() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (near, far) = pair.open(listener, true);
    pair.client.write(pair.now, near, &[7; 40_000]).unwrap();
    pair.exchange();
    let mut text = vec![0; 64 << 10];
    assert_eq!(pair.server.read(pair.now, far, &mut text), Ok(Read::Bytes(40_000)));
    pair.exchange();
    assert!(pair.client.info(pair.now, near).unwrap().buffers >= 40_000, "it is busy");
    pair.wait(3 * SECOND);
    for (stack, id) in [(&pair.client, near), (&pair.server, far)] {
        assert_eq!(stack.info(pair.now, id).unwrap().buffers, 0);
        assert_eq!(resting(stack), 0, "its events are not told yet");
    }
}

#[test]
fn an_owner_that_calls_again_and_again_does_not_keep_the_stack_turning() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (near, _) = served(&mut pair, listener, true);
    pair.wait(5 * SECOND);
    for _ in 0..3 {
        assert_eq!(pair.client.read(pair.now, near, &mut [0; 8]), Ok(Read::Empty));
        pair.client.handle_timeout(pair.now);
    }
    assert_eq!(resting(&pair.client), 1, "to read nothing wakes nobody");
    for _ in 0..3 {
        pair.client.begin_lease(near, true).unwrap();
        pair.client.handle_timeout(pair.now);
        packets_of(&mut pair.client, pair.now);
        assert_eq!(pair.client.poll_timeout(), Some(pair.now + SECOND));
    }
}

#[test]
fn a_connection_that_cannot_rest_is_looked_at_once() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (near, far) = served(&mut pair, listener, true);
    pair.server.finish(pair.now, far).unwrap();
    pair.exchange();
    events(&mut pair.client);
    pair.wait(5 * SECOND);
    assert_eq!(resting(&pair.client), 0, "the peer has finished");
    for _ in 0..3 {
        assert_eq!(pair.client.read(pair.now, near, &mut [0; 8]), Ok(Read::Eof));
        packets_of(&mut pair.client, pair.now);
        assert_eq!(pair.client.poll_timeout(), None, "nothing but its owner's looking happens");
    }
}
