//! What is known of the silence at a place that connections were opened to.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Connections to the same place, all told of.
fn opened(pair: &mut Pair, listener: ListenerId, count: usize) -> Vec<ConnectionId> {
    let near = (0..count).map(|_| pair.open(listener, true).0).collect();
    events(&mut pair.client);
    near
}

fn heard(pair: &Pair, id: ConnectionId) -> Instant {
    pair.client.silence(id).unwrap().expect("it was opened").heard
}

/// Lets time pass while nothing that the client sends arrives.
fn wait_cut_off(pair: &mut Pair, duration: Duration) {
    let end = pair.now + duration;
    packets_of(&mut pair.client, pair.now);
    while let Some(next) = pair.client.poll_timeout().filter(|next| *next <= end) {
        pair.now = pair.now.max(next);
        pair.client.handle_timeout(pair.now);
        packets_of(&mut pair.client, pair.now);
    }
    pair.now = end;
}

#[test]
fn a_segment_on_one_connection_speaks_for_all_to_the_same_place() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let near = opened(&mut pair, listener, 2);
    let begun = pair.now;
    pair.wait(5 * SECOND);
    assert_eq!(heard(&pair, near[0]), begun);
    pair.client.write(pair.now, near[1], b"hello").unwrap();
    pair.exchange();
    assert_eq!(heard(&pair, near[0]), pair.now, "at rest all the while");
    pair.client.assert_invariants();
}

#[test]
fn another_port_or_address_is_another_place() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let elsewhere = SocketAddr::new(server_address(true).ip(), 81);
    pair.server.listen(elsewhere, 4).unwrap();
    let near = opened(&mut pair, listener, 1)[0];
    let begun = pair.now;
    pair.now += SECOND;
    let other = pair.client.connect(pair.now, elsewhere).unwrap();
    pair.exchange();
    assert_eq!((heard(&pair, near), heard(&pair, other)), (begun, pair.now));
    assert_eq!(pair.client.peers.totals(), (2, 2));
}

#[test]
fn an_expired_timer_is_told_with_what_silence_says_something() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let near = opened(&mut pair, listener, 1)[0];
    let sent = pair.now;
    pair.client.write(pair.now, near, b"lost").unwrap();
    let silence = pair.client.silence(near).unwrap().expect("it was opened");
    let info = pair.client.info(pair.now, near).unwrap();
    assert_eq!(silence, Silence { heard: sent, window: info.rto });
    wait_cut_off(&mut pair, silence.window / 2);
    assert_eq!(events(&mut pair.client), []);
    wait_cut_off(&mut pair, silence.window);
    assert_eq!(events(&mut pair.client), [(near, Event::Overdue)]);
    let later = pair.client.silence(near).unwrap().expect("it was opened");
    assert_eq!(later, silence, "without the back-off");
    wait_cut_off(&mut pair, 2 * silence.window);
    assert_eq!(events(&mut pair.client), [(near, Event::Overdue)], "once more each time");
}

#[test]
fn a_syn_without_an_answer_is_told_too() {
    let mut pair = Pair::new();
    let near = pair.client.connect(pair.now, server_address(true)).unwrap();
    wait_cut_off(&mut pair, 3 * SECOND);
    assert_eq!(events(&mut pair.client), [(near, Event::Overdue)]);
}

#[test]
fn what_is_awaited_is_told_once() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let near = opened(&mut pair, listener, 2);
    pair.client.write(pair.now, near[0], b"unawaited").unwrap();
    pair.exchange();
    assert_eq!(pair.client.poll_heard(), None);
    pair.client.await_segment(near[0]).unwrap();
    pair.client.await_segment(near[1]).unwrap();
    pair.client.write(pair.now, near[1], b"awaited").unwrap();
    pair.exchange();
    assert_eq!(pair.client.poll_heard(), Some(server_address(true)));
    pair.client.write(pair.now, near[0], b"again").unwrap();
    pair.exchange();
    assert_eq!(pair.client.poll_heard(), None);
}

#[test]
fn who_is_asked_answers_at_rest_or_not_and_before_any_byte() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let near = opened(&mut pair, listener, 1)[0];
    for has_sent in [false, true] {
        if has_sent {
            pair.client.write(pair.now, near, b"x").unwrap();
            pair.exchange();
        }
        pair.wait(5 * SECOND);
        pair.client.ask(near).unwrap();
        assert_ne!(heard(&pair, near), pair.now);
        assert!(packets_of(&mut pair.client, pair.now).len() == 1, "one packet, and it is lost");
        pair.wait(5 * SECOND);
        assert_ne!(heard(&pair, near), pair.now, "nobody asks again by himself");
        pair.client.ask(near).unwrap();
        pair.exchange();
        assert_eq!(heard(&pair, near), pair.now, "sent before: {has_sent}");
        assert_eq!(pair.client.quiescence(near), Ok(Quiescence::Clean));
    }
    assert_eq!(pair.client.stats().timeouts, 0, "nothing was to be sent again");
    pair.wait(5 * SECOND);
    pair.client.assert_invariants();
}

#[test]
fn a_place_is_known_as_long_as_connections_lead_there() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (near, far) = pair.open(listener, true);
    let (other, _) = pair.open(listener, true);
    assert_eq!(pair.client.peers.totals(), (1, 2));
    assert_eq!(pair.server.peers.totals(), (0, 0), "its clients are as many as they are");
    assert_eq!(pair.server.silence(far), Ok(None));
    pair.client.abort(pair.now, near).unwrap();
    pair.exchange();
    assert_eq!(pair.client.peers.totals(), (1, 1));
    assert!(pair.client.silence(near).is_err());
    pair.client.abort(pair.now, other).unwrap();
    pair.exchange();
    assert_eq!(pair.client.peers.totals(), (0, 0));
    pair.client.assert_invariants();
}
