//! The TIME-WAIT table: bounds, order, reuse.

use super::*;

/// Opens a connection and closes it from the client, which is left with TIME-WAIT.
pub(super) fn into_time_wait(pair: &mut Pair, listener: ListenerId) -> SocketAddr {
    let (near, far) = pair.open(listener, true);
    let local = pair.client.ends(near).unwrap().0;
    pair.client.close(pair.now, near).unwrap();
    pair.exchange();
    pair.server.close(pair.now, far).unwrap();
    pair.exchange();
    events(&mut pair.client);
    events(&mut pair.server);
    pair.exchange();
    local
}

#[test]
fn a_full_table_evicts_the_oldest_and_counts_it() {
    let client = Config { time_wait_max: 3, ..config(&["192.0.2.1"]) };
    let mut pair = Pair::with(client, server_config());
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let ports: Vec<SocketAddr> = (0..5)
        .map(|_| {
            pair.wait(Duration::from_millis(10));
            into_time_wait(&mut pair, listener)
        })
        .collect();
    assert_eq!(pair.client.connections_in(State::TimeWait), 3);
    assert_eq!(pair.client.stats().time_wait_overflows, 2);
    let mut left: Vec<SocketAddr> = pair.client.time_waits().map(|(local, _)| local).collect();
    left.sort_unstable();
    let mut youngest = ports[2..].to_vec();
    youngest.sort_unstable();
    assert_eq!(left, youngest);
}

#[test]
fn entries_whose_timer_starts_again_evict_nobody() {
    let client = Config { time_wait_max: 4, ..config(&["192.0.2.1"]) };
    let mut pair = Pair::with(client, server_config());
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let mut fins = Vec::new();
    for _ in 0..4 {
        let (near, far) = pair.open(listener, true);
        pair.client.close(pair.now, near).unwrap();
        pair.exchange();
        pair.server.close(pair.now, far).unwrap();
        let fin = packets_of(&mut pair.server, pair.now).remove(0);
        pair.client.handle_packet(pair.now, &fin);
        fins.push(fin);
        pair.exchange();
        events(&mut pair.client);
        pair.exchange();
        pair.now += Duration::from_millis(10);
    }
    assert_eq!(pair.client.connections_in(State::TimeWait), 4);
    // The peer's FINs come again and again, in an order of their own.
    for round in 0..40 {
        pair.now += Duration::from_millis(700);
        pair.client.handle_packet(pair.now, &fins[round * 7 % 4]);
        assert_eq!(packets_of(&mut pair.client, pair.now).len(), 1, "each is acknowledged");
    }
    assert_eq!(pair.client.connections_in(State::TimeWait), 4);
    assert_eq!(pair.client.stats().time_wait_overflows, 0);
    let last = pair.client.poll_timeout().unwrap();
    assert!(last > pair.now + Duration::from_secs(55), "all have started again");
    pair.now += Duration::from_secs(61);
    pair.client.handle_timeout(pair.now);
    assert_eq!(pair.client.connections_in(State::TimeWait), 0);
}

#[test]
fn a_table_of_none_keeps_none() {
    let client = Config { time_wait_max: 0, ..config(&["192.0.2.1"]) };
    let mut pair = Pair::with(client, server_config());
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    into_time_wait(&mut pair, listener);
    assert_eq!(pair.client.stats().time_wait_overflows, 1);
    assert_nothing_left(&mut pair);
}

#[test]
fn entries_end_in_their_order() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    for _ in 0..10 {
        into_time_wait(&mut pair, listener);
        pair.wait(Duration::from_secs(1));
    }
    for left in (0..10).rev() {
        pair.wait(Duration::from_secs(if left == 9 { 50 } else { 1 }));
        assert_eq!(pair.client.connections_in(State::TimeWait), left);
    }
    assert_nothing_left(&mut pair);
}

/// Opens a connection and brings it to its end in the way that `cycle` chooses.
fn open_and_end(pair: &mut Pair, listener: ListenerId, cycle: usize) {
    let (near, far) = pair.open(listener, cycle.is_multiple_of(2));
    let now = pair.now;
    pair.client.write(now, near, b"request").unwrap();
    pair.exchange();
    let ending = cycle / 2 % 8;
    if ending != 6 {
        pair.server.read(now, far, &mut [0; 16]).unwrap();
    }
    match ending {
        0 => pair.client.abort(now, near).unwrap(),
        1 => pair.server.abort(now, far).unwrap(),
        // The one closes, and then the other.
        2 | 3 => {
            let close = |pair: &mut Pair, is_client: bool| {
                if is_client {
                    pair.client.close(now, near).unwrap();
                } else {
                    pair.server.close(now, far).unwrap();
                }
                pair.exchange();
            };
            close(pair, ending == 2);
            close(pair, ending == 3);
        }
        // Both close at once.
        4 => {
            pair.client.close(now, near).unwrap();
            pair.server.close(now, far).unwrap();
        }
        // The client's end is let go, and the server speaks on.
        5 => {
            pair.client.close(now, near).unwrap();
            pair.exchange();
            pair.server.write(now, far, b"too late").unwrap();
        }
        // Unread text makes a reset of a close.
        6 => pair.server.close(now, far).unwrap(),
        // The server finishes and reads on; the client closes after its last word.
        _ => {
            pair.server.finish(now, far).unwrap();
            pair.exchange();
            pair.client.write(now, near, b"the last word").unwrap();
            pair.client.close(now, near).unwrap();
            pair.exchange();
            pair.server.close(now, far).unwrap();
        }
    }
    pair.exchange();
}

#[test] // TCP.md, section 2: 100 k open/close cycles leave nothing
fn a_hundred_thousand_connections_leave_nothing() {
    let client = Config {
        port_range: 1_024..=65_535,
        time_wait_max: 40_000,
        ..config(&["192.0.2.1", "2001:db8::1"])
    };
    let server = Config { time_wait_max: 40_000, ..server_config() };
    let mut pair = Pair::with(client, server);
    let listeners = [true, false].map(|ipv4| pair.server.listen(server_address(ipv4), 4).unwrap());
    for cycle in 0..100_000 {
        open_and_end(&mut pair, listeners[cycle % 2], cycle);
        events(&mut pair.client);
        events(&mut pair.server);
        pair.wait(Duration::from_millis(5));
    }
    pair.wait(Duration::from_secs(61));
    assert_nothing_left(&mut pair);
    assert_eq!(pair.server.stats().passive_opens, 100_000);
    assert_eq!(pair.server.listen_queues(), (0, 0));
    for stack in [&pair.client, &pair.server] {
        assert_eq!((stack.connections.len(), stack.demux.len()), (0, 0));
        assert_eq!(stack.ports.totals(), (0, 0));
        assert_eq!(stack.stats().time_wait_overflows, 0);
    }
}
