//! Ports in TIME-WAIT that a connection of ours takes again, when no other is free: RFC 6191.

use super::time_waits::into_time_wait;
use super::*;
use crate::wire::tcp::{self as tcp_wire, Ports};
use crate::wire::{Flags, Segment, SeqNumber, Text, ip};

const SECOND: Duration = Duration::from_secs(1);

/// A client with `ports` ports from 40000 on, and a server.
fn few_ports(ports: u16, client: Config) -> Pair {
    let client = Config { port_range: 40_000..=40_000 + ports - 1, ..client };
    Pair::with(client, server_config())
}

/// The stacks, of which the client has one port, and the server's listener.
fn one_port() -> (Pair, ListenerId) {
    let mut pair = few_ports(1, config(&["192.0.2.1"]));
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    (pair, listener)
}

fn connect(pair: &mut Pair) -> Result<ConnectionId, ConnectError> {
    let connected = pair.client.connect(pair.now, server_address(true));
    pair.client.assert_invariants();
    connected
}

/// What is in a packet.
fn parse(packet: &[u8]) -> (Ports, Segment<'_>) {
    let datagram = ip::parse(packet).unwrap();
    tcp_wire::parse(datagram.source, datagram.destination, datagram.payload).unwrap()
}

fn value(segment: &Segment<'_>) -> u32 {
    segment.options.timestamps.expect("with timestamps").value
}

/// A packet from the server with this segment.
fn from_server(ports: Ports, segment: &Segment<'_>) -> Vec<u8> {
    let (source, destination) = (server_address(true).ip(), "192.0.2.1".parse().unwrap());
    let len = segment.header_len() + segment.text.len();
    let mut packet = vec![0; ip::header_len(destination) + len];
    let (head, body) = packet.split_at_mut(ip::header_len(destination));
    ip::emit_header(source, destination, ip::Protocol::Tcp, 64, ip::Ecn::NotEct, len, head);
    segment.emit(ports, source, destination, body);
    packet
}

#[test]
fn a_port_in_time_wait_is_taken_after_a_second() {
    let (mut pair, listener) = one_port();
    let local = into_time_wait(&mut pair, listener);
    assert_eq!(connect(&mut pair), Err(ConnectError::NoPort));
    pair.wait(SECOND - Duration::from_millis(1));
    assert_eq!(connect(&mut pair), Err(ConnectError::NoPort));
    assert_eq!(pair.client.stats().tw_recycled, 0);
    pair.wait(Duration::from_millis(1));
    let again = connect(&mut pair).unwrap();
    assert_eq!(pair.client.ends(again).unwrap().0, local);
    assert_eq!(pair.client.time_waits().count(), 0, "its record is gone");
    assert_eq!(pair.client.stats().tw_recycled, 1);
    pair.exchange();
    assert_eq!(events(&mut pair.client), [(again, Event::Established)]);
    assert_eq!(connect(&mut pair), Err(ConnectError::NoPort), "and now it is in use");
}

#[test]
fn without_timestamps_a_port_in_time_wait_is_not_taken() {
    let plain = tcp::Config { timestamps: false, ..tcp::Config::default() };
    for server_too in [false, true] {
        let client = Config { tcp: plain, ..config(&["192.0.2.1"]) };
        let mut pair = few_ports(1, if server_too { config(&["192.0.2.1"]) } else { client });
        if server_too {
            let server = Config { tcp: plain, ..server_config() };
            pair.server = Stack::new(server, secrets(2));
        }
        let listener = pair.server.listen(server_address(true), 4).unwrap();
        into_time_wait(&mut pair, listener);
        pair.wait(Duration::from_millis(59_999));
        assert_eq!(connect(&mut pair), Err(ConnectError::NoPort));
        pair.wait(Duration::from_millis(1));
        assert_eq!(pair.client.connections_in(State::TimeWait), 0);
        connect(&mut pair).unwrap();
        assert_eq!(pair.client.stats().tw_recycled, 0);
    }
}

#[test]
fn a_free_port_comes_before_one_in_time_wait() {
    let mut pair = few_ports(2, config(&["192.0.2.1", "192.0.2.3"]));
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let closed = into_time_wait(&mut pair, listener);
    pair.wait(SECOND * 30);
    let mut locals = Vec::new();
    for _ in 0..4 {
        let id = connect(&mut pair).unwrap();
        locals.push(pair.client.ends(id).unwrap().0);
    }
    assert_eq!(locals.last(), Some(&closed), "only when no address has a free one: {locals:?}");
    assert!(!locals[..3].contains(&closed));
    assert_eq!(connect(&mut pair), Err(ConnectError::NoPort));
}

#[test]
fn one_that_is_old_enough_is_found_beside_those_that_are_not() {
    let mut pair = few_ports(3, config(&["192.0.2.1"]));
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let old = into_time_wait(&mut pair, listener);
    pair.wait(SECOND);
    for _ in 0..2 {
        into_time_wait(&mut pair, listener);
    }
    let id = connect(&mut pair).unwrap();
    assert_eq!(pair.client.ends(id).unwrap().0, old);
    assert_eq!(connect(&mut pair), Err(ConnectError::NoPort));
}

#[test]
fn a_port_that_someone_listens_on_is_not_taken() {
    let (mut pair, listener) = one_port();
    let local = into_time_wait(&mut pair, listener);
    pair.wait(SECOND);
    let own = pair.client.listen(local, 4).unwrap();
    assert_eq!(connect(&mut pair), Err(ConnectError::NoPort));
    pair.client.close_listener(pair.now, own);
    connect(&mut pair).unwrap();
}

#[test] // RFC 9293, MUST-8 and MAY-2; RFC 7323, appendix B.2
fn numbers_and_timestamps_begin_beyond_the_old_ones() {
    for sent in [0, 3 << 20] {
        let (mut pair, listener) = one_port();
        let (near, far) = pair.open(listener, true);
        // More than the clock of the sequence numbers gives in this time.
        let mut left = sent;
        let mut packets = Vec::new();
        while left > 0 {
            left -= pair.client.write(pair.now, near, &vec![7; left.min(60_000)]).unwrap();
            packets.clear();
            pair.exchange();
            pair.server.read(pair.now, far, &mut [0; 60_000]).unwrap();
            pair.exchange();
        }
        pair.client.close(pair.now, near).unwrap();
        pair.exchange();
        pair.server.close(pair.now, far).unwrap();
        carry(pair.now, &mut pair.server, &mut pair.client);
        packets.extend(packets_of(&mut pair.client, pair.now));
        let last = packets.last().expect("the last acknowledgement");
        let (last_seq, last_value) = (parse(last).1.seq, value(&parse(last).1));
        events(&mut pair.client);
        pair.server.handle_packet(pair.now, last);
        pair.exchange();
        pair.wait(SECOND);
        connect(&mut pair).unwrap();
        let syn = packets_of(&mut pair.client, pair.now).remove(0);
        let (_, syn) = parse(&syn);
        assert_eq!(syn.flags, Flags { syn: true, ..syn.flags });
        let beyond = syn.seq.offset_from(last_seq);
        assert!((65_537..1 << 31).contains(&beyond), "{sent} bytes: {beyond} beyond");
        let later = value(&syn).wrapping_sub(last_value);
        assert!((1_000..10_000).contains(&later), "{sent} bytes: {later} ms later");
    }
}

#[test]
fn an_old_duplicate_does_not_disturb_the_new_connection() {
    let (mut pair, listener) = one_port();
    let (near, far) = pair.open(listener, true);
    pair.server.write(pair.now, far, b"of the old one").unwrap();
    let old = packets_of(&mut pair.server, pair.now);
    old.iter().for_each(|packet| pair.client.handle_packet(pair.now, packet));
    pair.client.read(pair.now, near, &mut [0; 64]).unwrap();
    pair.client.close(pair.now, near).unwrap();
    pair.exchange();
    pair.server.close(pair.now, far).unwrap();
    let mut fins = packets_of(&mut pair.server, pair.now);
    fins.iter().for_each(|packet| pair.client.handle_packet(pair.now, packet));
    pair.exchange();
    events(&mut pair.client);
    pair.exchange();
    assert_eq!(pair.client.time_waits().count(), 1);
    pair.wait(SECOND);

    let again = connect(&mut pair).unwrap();
    let syn = packets_of(&mut pair.client, pair.now).remove(0);
    // In SYN-SENT: what acknowledges the old numbers does not open, and does not close.
    fins.extend(old);
    fins.iter().for_each(|packet| pair.client.handle_packet(pair.now, packet));
    assert_eq!(pair.client.connections_in(State::SynSent), 1);
    pair.server.handle_packet(pair.now, &syn);
    pair.exchange();
    let far = pair.server.accept(listener).unwrap();
    // And later, by number or, where that happens to fit, by timestamp.
    pair.server.write(pair.now, far, b"new").unwrap();
    let fresh = packets_of(&mut pair.server, pair.now).remove(0);
    let (ports, segment) = parse(&fresh);
    let mut options = segment.options;
    options.timestamps = parse(&fins[0]).1.options.timestamps;
    let text: Text<'_> = b"old".as_slice().into();
    fins.push(from_server(ports, &Segment { options, text, ..segment }));
    fins.iter().for_each(|packet| pair.client.handle_packet(pair.now, packet));
    assert_eq!(pair.client.stats().paws_estab, u64::try_from(fins.len()).unwrap());
    assert_eq!(pair.client.readable_bytes(again), Ok(0));
    pair.client.handle_packet(pair.now, &fresh);
    let mut text = [0; 8];
    assert_eq!(pair.client.read(pair.now, again, &mut text), Ok(Read::Bytes(3)));
    assert_eq!(&text[..3], b"new");
    assert_eq!(pair.client.connections_in(State::Established), 1);
}

#[test]
fn a_peer_that_missed_the_last_acknowledgement_is_connected_to_all_the_same() {
    let (mut pair, listener) = one_port();
    let (near, far) = pair.open(listener, true);
    pair.client.close(pair.now, near).unwrap();
    pair.exchange();
    pair.server.close(pair.now, far).unwrap();
    carry(pair.now, &mut pair.server, &mut pair.client);
    assert_eq!(packets_of(&mut pair.client, pair.now).len(), 1, "this one is lost");
    events(&mut pair.client);
    packets_of(&mut pair.client, pair.now);
    // Nor do the peer's FINs arrive.
    let end = pair.now + SECOND;
    while pair.now < end {
        pair.now = pair.server.poll_timeout().unwrap();
        pair.server.handle_timeout(pair.now);
        packets_of(&mut pair.server, pair.now);
    }
    assert_eq!(pair.server.connections_in(State::LastAck), 1);
    let again = connect(&mut pair).unwrap();
    pair.exchange();
    assert_eq!(events(&mut pair.client), [(again, Event::Established)]);
    assert_eq!(pair.client.stats().tw_recycled, 1);
    assert_eq!(pair.server.connections_in(State::LastAck), 0);
}

#[test]
fn a_peer_in_time_wait_too_takes_the_new_connection() {
    let (mut pair, listener) = one_port();
    let (near, far) = pair.open(listener, true);
    pair.client.close(pair.now, near).unwrap();
    pair.server.close(pair.now, far).unwrap();
    pair.exchange();
    events(&mut pair.client);
    events(&mut pair.server);
    pair.exchange();
    assert_eq!([&pair.client, &pair.server].map(|it| it.time_waits().count()), [1, 1]);
    pair.wait(SECOND);
    let again = connect(&mut pair).unwrap();
    pair.exchange();
    assert_eq!(events(&mut pair.client), [(again, Event::Established)]);
    assert_eq!([&pair.client, &pair.server].map(|it| it.time_waits().count()), [0, 0]);
}

#[test]
fn a_port_whose_time_wait_was_evicted_is_free() {
    let client = Config { time_wait_max: 1, ..config(&["192.0.2.1"]) };
    let mut pair = few_ports(2, client);
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let locals = [(); 2].map(|()| into_time_wait(&mut pair, listener));
    let id = connect(&mut pair).unwrap();
    assert_eq!(pair.client.ends(id).unwrap().0, locals[0]);
    assert_eq!(pair.client.stats().tw_recycled, 0);
}

#[test] // 2000 closes a second to one address used all its ports up, and then stalled
fn closing_first_again_and_again_never_runs_out_of_ports() {
    let client = Config { time_wait_max: 1_000, ..config(&["192.0.2.1"]) };
    let mut pair = few_ports(200, client);
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    for opened in 0..2_000u64 {
        into_time_wait(&mut pair, listener);
        let waiting = u64::try_from(pair.client.connections_in(State::TimeWait)).unwrap();
        assert_eq!(waiting, (opened + 1).min(200));
        pair.wait(Duration::from_millis(6));
    }
    assert_eq!(pair.client.stats().tw_recycled, 1_800);
    pair.client.assert_invariants();
    pair.wait(SECOND * 60);
    assert_nothing_left(&mut pair);
    assert_eq!(pair.client.ports.totals(), (0, 0));
}

#[test]
fn the_numbers_of_a_port_that_was_reset_grow_all_the_same() {
    let (mut pair, listener) = one_port();
    let mut last: Option<(SeqNumber, u32)> = None;
    for _ in 0..5 {
        let near = connect(&mut pair).unwrap();
        let syn = packets_of(&mut pair.client, pair.now).remove(0);
        let (seq, stamp) = (parse(&syn).1.seq, value(&parse(&syn).1));
        assert!(last.is_none_or(|(before, at)| seq.after(before) && stamp > at));
        last = Some((seq, stamp));
        pair.server.handle_packet(pair.now, &syn);
        pair.exchange();
        assert!(pair.server.accept(listener).is_some());
        pair.client.abort(pair.now, near).unwrap();
        pair.wait(Duration::from_millis(10));
        events(&mut pair.server);
        pair.exchange();
    }
}
