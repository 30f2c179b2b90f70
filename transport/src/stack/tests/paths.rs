//! What is learnt of paths, and when.

use super::*;

/// A connection of the client whose handshake took this long.
fn open_in(pair: &mut Pair, round_trip: Duration) -> ConnectionId {
    let id = pair.client.connect(pair.now, server_address(true)).unwrap();
    carry(pair.now, &mut pair.client, &mut pair.server);
    pair.now += round_trip;
    pair.exchange();
    id
}

#[test] // RFC 9040, section 7.3: before it ends, for others begin meanwhile
fn a_connection_that_goes_quiet_can_be_learnt_from() {
    let mut pair = Pair::new();
    pair.server.listen(server_address(true), 4).unwrap();
    let first = open_in(&mut pair, Duration::from_millis(900));
    let second = open_in(&mut pair, Duration::ZERO);
    assert_eq!(pair.client.info(pair.now, second).unwrap().rto, Duration::from_millis(200));
    pair.client.learn_path(pair.now, first.index());
    let third = open_in(&mut pair, Duration::ZERO);
    assert_eq!(pair.client.info(pair.now, third).unwrap().rto, Duration::from_millis(2_700));
}

#[test]
fn a_connection_in_time_wait_has_been_learnt_from() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let near = open_in(&mut pair, Duration::from_millis(900));
    let far = pair.server.accept(listener).unwrap();
    pair.client.close(pair.now, near).unwrap();
    pair.exchange();
    pair.server.close(pair.now, far).unwrap();
    pair.exchange();
    events(&mut pair.client);
    pair.exchange();
    assert_eq!(pair.client.time_waits().count(), 1);
    let next = open_in(&mut pair, Duration::ZERO);
    let rto = pair.client.info(pair.now, next).unwrap().rto;
    assert!(rto >= Duration::from_millis(2_700), "{rto:?}: the FIN's round trip counts too");
}

#[test]
fn each_destination_has_a_path_of_its_own() {
    let mut pair = Pair::new();
    pair.server.listen(server_address(true), 4).unwrap();
    let first = open_in(&mut pair, Duration::from_millis(900));
    pair.client.learn_path(pair.now, first.index());
    let other = pair.client.connect(pair.now, "192.0.2.9:80".parse().unwrap()).unwrap();
    assert_eq!(pair.client.info(pair.now, other).unwrap().rto, Duration::from_secs(1));
    let same = pair.client.connect(pair.now, "192.0.2.2:81".parse().unwrap()).unwrap();
    assert_eq!(pair.client.info(pair.now, same).unwrap().rto, Duration::from_millis(2_700));
}

/// A router's word that `packet`, which the client has sent, was too big for a link of `mtu` bytes.
fn too_big(packet: &[u8], mtu: u16) -> Vec<u8> {
    use crate::wire::checksum::Checksum;
    use crate::wire::ip;
    let mut message = vec![3, 4, 0, 0, 0, 0];
    message.extend_from_slice(&mtu.to_be_bytes());
    message.extend_from_slice(&packet[..28]);
    let mut sum = Checksum::new();
    sum.add(&message);
    message[2..4].copy_from_slice(&sum.finish().to_be_bytes());
    let (router, client) = ("192.0.2.254".parse().unwrap(), "192.0.2.1".parse().unwrap());
    let mut bytes = vec![0; ip::header_len(client)];
    let ecn = ip::Ecn::NotEct;
    ip::emit_header(router, client, ip::Protocol::Icmp, 64, ecn, message.len(), &mut bytes);
    bytes.extend_from_slice(&message);
    bytes
}

#[test] // RFC 8201, section 5.2
fn a_path_mtu_that_one_connection_finds_is_that_of_all_to_the_same_place() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (first, _) = pair.open(listener, true);
    let (second, _) = pair.open(listener, true);
    let text = [7; 3_000];
    pair.client.write(pair.now, first, &text).unwrap();
    let lost = packets_of(&mut pair.client, pair.now);
    pair.client.handle_packet(pair.now, &too_big(&lost[0], 1_400));
    assert_eq!(pair.client.info(pair.now, first).unwrap().pmtu, 1_400);
    assert_eq!(pair.client.info(pair.now, second).unwrap().pmtu, 1_500, "it has nothing to send");
    pair.client.write(pair.now, second, &text).unwrap();
    let longest = packets_of(&mut pair.client, pair.now).iter().map(Vec::len).max();
    assert_eq!(longest, Some(1_400));
    assert_eq!(pair.client.info(pair.now, second).unwrap().pmtu, 1_400);
    let elsewhere = pair.client.connect(pair.now, "192.0.2.9:80".parse().unwrap()).unwrap();
    packets_of(&mut pair.client, pair.now);
    assert_eq!(pair.client.info(pair.now, elsewhere).unwrap().pmtu, 1_500);
}

#[test]
fn a_quote_without_a_segment_is_counted_and_dropped() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (near, _) = pair.open(listener, true);
    pair.client.write(pair.now, near, &[7; 2_000]).unwrap();
    let mut packet = packets_of(&mut pair.client, pair.now).remove(0);
    packet[9] = 17; // UDP
    pair.client.handle_packet(pair.now, &too_big(&packet, 1_400));
    assert_eq!(pair.client.info(pair.now, near).unwrap().pmtu, 1_500);
    assert_eq!(pair.client.stats().icmp_in_errors, 1);
}
