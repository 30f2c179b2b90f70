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
