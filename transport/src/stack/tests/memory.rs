//! Memory that connections share.

use super::*;

const MIB: usize = 1 << 20;
const START: usize = 64 << 10;

/// A pair whose server may hold so much, with connections of the server's accounts.
fn pair(all: usize, per_account: usize, accounts: &[u32]) -> (Pair, Vec<[ConnectionId; 2]>) {
    let tcp = tcp::Config { receive_buffer: 4 * MIB, send_buffer: 4 * MIB, ..server_config().tcp };
    let with = |config: Config| Config { tcp, ..config };
    let mut pair = Pair::with(with(config(&["192.0.2.1", "2001:db8::1"])), with(server_config()));
    pair.server.set_memory_limits(all, per_account);
    let listener = pair.server.listen(server_address(true), 64).unwrap();
    let open = accounts.iter().map(|account| {
        let (near, far) = pair.open(listener, true);
        pair.server.set_account(far, *account).unwrap();
        [near, far]
    });
    let connections = open.collect();
    (pair, connections)
}

/// As much as fits leaves by each connection, and all that comes is read if it is to be.
fn turn(pair: &mut Pair, connections: &[[ConnectionId; 2]], reads: bool) {
    let mut buffer = vec![0; 64 << 10];
    for [near, far] in connections {
        while pair.client.write(pair.now, *near, &buffer).unwrap() > 0 {}
        while reads && matches!(pair.server.read(pair.now, *far, &mut buffer), Ok(Read::Bytes(_))) {
        }
    }
    pair.wait(Duration::from_millis(2));
    pair.server.assert_invariants();
    pair.client.assert_invariants();
}

fn spaces(pair: &Pair, connections: &[[ConnectionId; 2]]) -> Vec<usize> {
    let info = |[_, far]: &[ConnectionId; 2]| pair.server.info(pair.now, *far).unwrap();
    connections.iter().map(|ends| usize::try_from(info(ends).rcv_space).unwrap()).collect()
}

#[test]
fn growth_is_granted_within_both_limits() {
    let (mut pair, connections) = pair(4 * MIB, MIB, &[7, 7, 9]);
    for _ in 0..60 {
        turn(&mut pair, &connections, true);
        for account in [7, 9] {
            let used = pair.server.memory_used_by(account);
            assert!(used <= MIB / 4 * 3 + 2 * 2 * START, "account {account} uses {used} B");
        }
    }
    let spaces = spaces(&pair, &connections);
    assert!(spaces[0] + spaces[1] <= MIB / 4 * 3 + 2 * START, "{spaces:?}");
    assert_eq!(spaces[2], MIB / 2, "another's memory is not touched");
    assert_eq!(pair.server.stats().memory_pressures, 0);
}

#[test]
fn the_limit_of_all_stops_nobodys_connections_too() {
    let (mut pair, connections) = pair(MIB / 2, MIB, &[0; 4]);
    for _ in 0..40 {
        turn(&mut pair, &connections, true);
    }
    // What nobody's connections promise is not charged; what they hold is.
    let used = pair.server.memory_used();
    assert!(used <= MIB / 2 / 4 * 3 + 4 * 2 * START, "{used} B");
    assert_eq!(pair.server.memory_used_by(0), used);
}

#[test]
fn a_promise_is_kept_though_memory_is_used_up() {
    let (mut pair, connections) = pair(2 * MIB, 2 * MIB, &[7, 7]);
    for _ in 0..40 {
        turn(&mut pair, &connections, true);
    }
    // Memory becomes short while nobody reads any more: all that was offered is still taken.
    pair.server.set_memory_limits(100_000, 100_000);
    for _ in 0..40 {
        turn(&mut pair, &connections, false);
    }
    let stats = *pair.server.stats();
    assert!(stats.memory_pressures > 0);
    assert_eq!((stats.rcv_pruned, stats.discarded_out_of_window), (0, 0));
    let unread = |id| pair.server.readable_bytes(id).unwrap();
    assert!(connections.iter().map(|[_, far]| unread(*far)).sum::<usize>() > 300_000);
    // It is read, and goes on within what is left.
    for _ in 0..40 {
        turn(&mut pair, &connections, true);
    }
    assert!(pair.server.memory_used() <= 100_000 + 2 * 2 * START);
    assert!(spaces(&pair, &connections).iter().all(|space| *space <= START));
}

#[test]
fn a_stranger_waits_while_memory_is_used_up() {
    let (mut pair, connections) = pair(20_000, 20_000, &[7]);
    let [near, far] = connections[0];
    pair.client.write(pair.now, near, &[7; 30_000]).unwrap();
    pair.exchange();
    assert!(pair.server.memory_used() >= 20_000);
    let second = pair.client.connect(pair.now, server_address(true)).unwrap();
    pair.exchange();
    assert_eq!(pair.server.stats().syn_memory_drops, 1);
    assert_eq!(pair.server.stats().listen_drops, 1);
    // What is read is given back at once, for memory is short; the next SYN finds room.
    pair.server.read(pair.now, far, &mut [0; 30_000]).unwrap();
    assert_eq!(pair.server.memory_used(), 0);
    pair.wait(Duration::from_secs(2));
    assert_eq!(pair.client.info(pair.now, second).unwrap().state, State::Established);
}

#[test]
fn an_account_is_charged_with_the_connection_and_forgotten_without() {
    let (mut pair, connections) = pair(64 * MIB, 32 * MIB, &[7, 8]);
    for _ in 0..30 {
        turn(&mut pair, &connections, true);
    }
    let far = connections[0][1];
    let (before, other) = (pair.server.memory_used_by(7), pair.server.memory_used_by(8));
    assert!(before > MIB);
    pair.server.set_account(far, 8).unwrap();
    assert_eq!(pair.server.memory_used_by(7), 0);
    assert_eq!(pair.server.memory_used_by(8), before + other);
    pair.server.set_account(far, 0).unwrap();
    assert!(pair.server.memory_used_by(0) < before, "nobody's promises are not charged");
    pair.server.assert_invariants();
    for [_, far] in connections {
        pair.server.abort(pair.now, far).unwrap();
    }
    pair.exchange();
    assert_eq!(pair.server.memory_used(), 0);
    assert!(pair.server.set_account(far, 1).is_err(), "a dead id");
    pair.server.assert_invariants();
}

#[test]
fn what_is_empty_is_given_back_when_memory_is_short() {
    let (mut pair, connections) = pair(40_000, 40_000, &[7, 8]);
    let ([near, far], [_, other]) = (connections[0], connections[1]);
    pair.server.write(pair.now, other, &[7; 40_000]).unwrap();
    assert_eq!(pair.server.stats().memory_pressures, 1);
    pair.client.write(pair.now, near, &[7; 100]).unwrap();
    carry(pair.now, &mut pair.client, &mut pair.server);
    assert!(pair.server.memory_used_by(7) > 0);
    pair.server.read(pair.now, far, &mut [0; 100]).unwrap();
    assert_eq!(pair.server.memory_used_by(7), 0);
    // It is acknowledged and empty, and so given back too.
    pair.exchange();
    assert_eq!(pair.server.memory_used(), 0);
}
