//! Listeners: queues, duplicates, refusals.

use super::*;

#[test]
fn only_own_and_free_addresses_are_listened_on() {
    let mut stack = Stack::new(server_config(), secrets(1));
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    assert_eq!(stack.listen(at("192.0.2.9:80"), 1), Err(ListenError::NotOurAddress));
    assert_eq!(stack.listen(at("192.0.2.2:0"), 1), Err(ListenError::NoPort));
    let one = stack.listen(at("192.0.2.2:80"), 1).unwrap();
    assert_eq!(stack.listen(at("192.0.2.2:80"), 1), Err(ListenError::InUse));
    assert!(stack.listen(at("0.0.0.0:80"), 1).is_ok());
    assert!(stack.listen(at("[::]:80"), 1).is_ok());
    assert_eq!(stack.connections_in(State::Listen), 3);
    stack.close_listener(Instant::ORIGIN, one);
    assert!(stack.listen(at("192.0.2.2:80"), 1).is_ok());
    assert!(stack.accept(one).is_none());
}

#[test]
fn a_listener_on_all_addresses_takes_its_own_family_alone() {
    let mut pair = Pair::new();
    let listener = pair.server.listen("[::]:80".parse().unwrap(), 4).unwrap();
    let ipv6 = pair.client.connect(pair.now, server_address(false)).unwrap();
    let ipv4 = pair.client.connect(pair.now, server_address(true)).unwrap();
    pair.exchange();
    let events = events(&mut pair.client);
    assert!(events.contains(&(ipv6, Event::Established)));
    assert!(events.contains(&(ipv4, Event::Closed(CloseReason::Refused))));
    assert!(pair.server.accept(listener).is_some());
    assert!(pair.server.accept(listener).is_none());
}

#[test] // RFC 9293, MUST-41 and MUST-42
fn listeners_at_different_addresses_share_a_port() {
    let mut pair = Pair::with(config(&["192.0.2.1"]), config(&["192.0.2.2", "192.0.2.3"]));
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    let before = pair.server.listen(at("192.0.2.2:80"), 4).unwrap();
    let other = pair.server.listen(at("192.0.2.3:80"), 4).unwrap();
    let all = pair.server.listen(at("0.0.0.0:80"), 4).unwrap();
    pair.client.connect(pair.now, at("192.0.2.2:80")).unwrap();
    pair.client.connect(pair.now, at("192.0.2.3:80")).unwrap();
    pair.exchange();
    for (listener, local) in [(before, "192.0.2.2:80"), (other, "192.0.2.3:80")] {
        let id = pair.server.accept(listener).unwrap();
        assert_eq!(pair.server.ends(id).unwrap().0, at(local));
        assert!(pair.server.accept(listener).is_none());
    }
    assert!(pair.server.accept(all).is_none());
}

/// Sets bits of the fourth word of a TCP header, flags and reserved bits, and mends the checksum:
/// RFC 1624, section 3.
fn with_bits(mut packet: Vec<u8>, header_len: usize, bits: u16) -> Vec<u8> {
    let word = |packet: &[u8], at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    let (flags_at, checksum_at) = (header_len + 12, header_len + 16);
    let (old, checksum) = (word(&packet, flags_at), word(&packet, checksum_at));
    let new = old | bits;
    let sum = u32::from(!checksum) + u32::from(!old) + u32::from(new);
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap();
    packet[flags_at..][..2].copy_from_slice(&new.to_be_bytes());
    packet[checksum_at..][..2].copy_from_slice(&(!folded).to_be_bytes());
    packet
}

#[test] // TCP.md, section 3: SYN with ECE/CWR or unknown flags reset
fn syn_with_unknown_flags_is_a_syn() {
    // ECE and CWR, PSH, URG, the bit of RFC 3540 and of accurate ECN, the three that nobody has.
    for bits in [0x00c0, 0x0008, 0x0020, 0x0100, 0x0e00, 0x0fe8] {
        for ipv4 in [true, false] {
            let mut pair = Pair::new();
            let listener = pair.server.listen(server_address(ipv4), 4).unwrap();
            pair.client.connect(pair.now, server_address(ipv4)).unwrap();
            let syn = packets_of(&mut pair.client, pair.now).remove(0);
            let syn = with_bits(syn, if ipv4 { 20 } else { 40 }, bits);
            pair.server.handle_packet(pair.now, &syn);
            pair.exchange();
            let stats = pair.server.stats();
            assert_eq!((stats.in_errs, stats.out_rsts), (0, 0), "{bits:#x}");
            assert!(pair.server.accept(listener).is_some(), "{bits:#x}");
        }
    }
}

#[test] // TCP.md, section 3: duplicate SYN makes two connections
fn duplicate_syn_makes_one_connection() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    pair.client.connect(pair.now, server_address(true)).unwrap();
    let syn = packets_of(&mut pair.client, pair.now).remove(0);
    for _ in 0..5 {
        pair.server.handle_packet(pair.now, &syn);
    }
    assert_eq!(pair.server.connections_in(State::SynReceived), 1);
    assert_eq!(pair.server.listen_queues(), (1, 0));
    assert_eq!(pair.server.stats().passive_opens, 1);
    pair.exchange();
    assert!(pair.server.accept(listener).is_some());
    assert!(pair.server.accept(listener).is_none());
}

#[test] // TCP.md, section 3: full accept queue blocks the listener
fn full_accept_queue_blocks_neither_the_listener_nor_its_other_children() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 2).unwrap();
    let first = pair.client.connect(pair.now, server_address(true)).unwrap();
    let second = pair.client.connect(pair.now, server_address(true)).unwrap();
    pair.exchange();
    assert_eq!(pair.server.listen_queues(), (0, 2));
    let third = pair.client.connect(pair.now, server_address(true)).unwrap();
    pair.exchange();
    assert_eq!(pair.server.stats().listen_overflows, 1, "its SYN is dropped");
    assert_eq!(pair.client.info(pair.now, third).unwrap().state, State::SynSent);

    assert!(pair.server.accept(listener).is_some());
    pair.wait(Duration::from_secs(2));
    assert_eq!(pair.client.info(pair.now, third).unwrap().state, State::Established);
    for id in [first, second] {
        assert_eq!(pair.client.info(pair.now, id).unwrap().state, State::Established);
    }
}

#[test]
fn a_handshake_that_meets_a_full_accept_queue_stays_in_syn_received() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 2).unwrap();
    for _ in 0..2 {
        pair.client.connect(pair.now, server_address(true)).unwrap();
    }
    carry(pair.now, &mut pair.client, &mut pair.server);
    let accepted_late = packets_of(&mut pair.server, pair.now);
    assert_eq!(pair.server.listen_queues(), (2, 0));
    // One more gets into the SYN queue's place when the first is done, and its ACK comes last.
    pair.client.handle_packet(pair.now, &accepted_late[0]);
    carry(pair.now, &mut pair.client, &mut pair.server);
    assert_eq!(pair.server.listen_queues(), (1, 1));
    pair.client.connect(pair.now, server_address(true)).unwrap();
    carry(pair.now, &mut pair.client, &mut pair.server);
    assert_eq!(pair.server.listen_queues(), (2, 1));
    pair.exchange();
    pair.client.handle_packet(pair.now, &accepted_late[1]);
    pair.exchange();
    assert_eq!(pair.server.listen_queues(), (1, 2), "one handshake found the queue full");
    assert!(pair.server.stats().listen_overflows >= 1);
    assert_eq!(pair.server.connections_in(State::SynReceived), 1);

    assert!(pair.server.accept(listener).is_some());
    pair.wait(Duration::from_secs(2));
    assert_eq!(pair.server.listen_queues(), (0, 2));
}

#[test]
fn syn_queue_is_bounded_by_the_backlog() {
    let mut pair = Pair::new();
    pair.server.listen(server_address(true), 3).unwrap();
    for _ in 0..5 {
        pair.client.connect(pair.now, server_address(true)).unwrap();
    }
    carry(pair.now, &mut pair.client, &mut pair.server);
    assert_eq!(pair.server.listen_queues(), (3, 0));
    assert_eq!(pair.server.stats().listen_drops, 2);
}

#[test] // TCP.md, section 3: listener takes a child's RST
fn a_reset_child_leaves_its_place_and_the_listener_listens_on() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 1).unwrap();
    let id = pair.client.connect(pair.now, server_address(true)).unwrap();
    carry(pair.now, &mut pair.client, &mut pair.server);
    pair.client.abort(pair.now, id).unwrap();
    let syn_ack = packets_of(&mut pair.server, pair.now).remove(0);
    pair.client.handle_packet(pair.now, &syn_ack);
    carry(pair.now, &mut pair.client, &mut pair.server);
    assert_eq!(pair.server.listen_queues(), (0, 0));
    assert_eq!(pair.server.connections_in(State::Listen), 1);
    pair.open(listener, true);
}

#[test]
fn a_child_that_dies_in_the_accept_queue_is_passed_over() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let dies = pair.client.connect(pair.now, server_address(true)).unwrap();
    pair.exchange();
    let lives = pair.client.connect(pair.now, server_address(true)).unwrap();
    pair.exchange();
    pair.client.abort(pair.now, dies).unwrap();
    pair.exchange();
    let accepted = pair.server.accept(listener).unwrap();
    let local = pair.client.ends(lives).unwrap().0;
    assert_eq!(pair.server.ends(accepted).unwrap().1, local);
    pair.exchange();
    assert_eq!(pair.server.connections().count(), 1);
}

#[test]
fn text_that_came_before_the_accept_is_read_after_it() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(false), 4).unwrap();
    let near = pair.client.connect(pair.now, server_address(false)).unwrap();
    pair.exchange();
    pair.client.write(pair.now, near, b"early").unwrap();
    pair.exchange();
    assert_eq!(events(&mut pair.server), [], "nobody has accepted");
    let far = pair.server.accept(listener).unwrap();
    assert!(events(&mut pair.server).contains(&(far, Event::Readable)));
    assert_eq!(pair.server.readable_bytes(far), Ok(5));
}

#[test]
fn closing_a_listener_resets_what_nobody_accepted() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (_, kept) = pair.open(listener, true);
    let waiting = pair.client.connect(pair.now, server_address(true)).unwrap();
    pair.exchange();
    let under_way = pair.client.connect(pair.now, server_address(true)).unwrap();
    carry(pair.now, &mut pair.client, &mut pair.server);
    events(&mut pair.client);
    pair.server.close_listener(pair.now, listener);
    pair.exchange();
    let events = events(&mut pair.client);
    for id in [waiting, under_way] {
        let closed =
            |event: &(ConnectionId, Event)| event.0 == id && matches!(event.1, Event::Closed(_));
        assert!(events.iter().any(closed), "{id:?}: {events:?}");
    }
    assert_eq!(pair.server.connections().count(), 1);
    assert!(pair.server.info(pair.now, kept).is_ok());
    assert_eq!(pair.server.connections_in(State::Listen), 0);
}

#[test] // TCP.md, section 3: buffers per SYN
fn a_syn_costs_no_buffers() {
    let mut pair = Pair::new();
    pair.server.listen(server_address(true), 50).unwrap();
    for _ in 0..20 {
        pair.client.connect(pair.now, server_address(true)).unwrap();
    }
    carry(pair.now, &mut pair.client, &mut pair.server);
    assert_eq!(pair.server.connections_in(State::SynReceived), 20);
    let now = pair.now;
    let held: usize = pair
        .server
        .connections
        .iter()
        .filter_map(|(_, entry)| Some(entry.body.live()?.info(now).buffers))
        .sum();
    assert_eq!(held, 0);
}

#[test]
fn a_backlog_of_nothing_takes_nobody() {
    let mut pair = Pair::new();
    pair.server.listen(server_address(true), 0).unwrap();
    pair.client.connect(pair.now, server_address(true)).unwrap();
    pair.exchange();
    assert_eq!(pair.server.connections().count(), 0);
    assert_eq!(pair.server.stats().listen_drops, 1);
}

#[test]
fn a_handshake_that_nobody_finishes_times_out_and_leaves_its_place() {
    let mut pair = Pair::new();
    pair.server.listen(server_address(true), 1).unwrap();
    let id = pair.client.connect(pair.now, server_address(true)).unwrap();
    carry(pair.now, &mut pair.client, &mut pair.server);
    pair.client.abort(pair.now, id).unwrap();
    // What the server says is lost from here on.
    for _ in 0..20 {
        packets_of(&mut pair.server, pair.now);
        let Some(next) = pair.server.poll_timeout() else { break };
        pair.now = pair.now.max(next);
        pair.server.handle_timeout(pair.now);
    }
    packets_of(&mut pair.server, pair.now);
    assert_eq!(pair.server.connections().count(), 0);
    assert_eq!(pair.server.listen_queues(), (0, 0));
    assert_eq!(pair.server.stats().attempt_fails, 1);
}

#[test]
fn a_listener_is_announced_once_however_many_wait() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 9).unwrap();
    for _ in 0..3 {
        pair.client.connect(pair.now, server_address(true)).unwrap();
    }
    pair.exchange();
    assert_eq!(pair.server.poll_acceptable(), Some(listener));
    assert_eq!(pair.server.poll_acceptable(), None);
    assert_eq!(core::iter::from_fn(|| pair.server.accept(listener)).count(), 3);
    pair.open(listener, true);
    assert_eq!(pair.server.poll_acceptable(), None, "it was accepted without being asked for");
    pair.client.connect(pair.now, server_address(true)).unwrap();
    pair.exchange();
    pair.server.close_listener(pair.now, listener);
    assert_eq!(pair.server.poll_acceptable(), None, "the listener is closed");
}
