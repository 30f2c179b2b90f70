//! What is refused and dropped, and that it is counted.

use super::*;
use crate::wire::Segment;
use crate::wire::tcp::{Flags, Ports};

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A TCP packet with a text of `len` bytes.
fn tcp_packet(source: SocketAddr, destination: SocketAddr, flags: Flags, len: usize) -> Vec<u8> {
    use crate::wire::ip;
    let text = vec![7; len];
    let segment = Segment { flags, text: text.as_slice().into(), ..Segment::default() };
    let header = ip::header_len(destination.ip());
    let payload = segment.header_len() + len;
    let mut packet = vec![0; header + payload];
    let (head, body) = packet.split_at_mut(header);
    let ports = Ports { source: source.port(), destination: destination.port() };
    let (source, destination) = (source.ip(), destination.ip());
    let ecn = ip::Ecn::NotEct;
    ip::emit_header(source, destination, ip::Protocol::Tcp, 64, ecn, payload, head);
    segment.emit(ports, source, destination, body);
    packet
}

#[test]
fn nobody_is_connected_to_where_nobody_can_be() {
    let mut stack = Stack::new(config(&["192.0.2.1", "2001:db8::1"]), secrets(1));
    for remote in [
        "127.0.0.1:80",
        "[::1]:80",
        "0.0.0.0:80",
        "0.1.2.3:80",
        "[::]:80",
        "224.0.0.1:80",
        "[ff02::1]:80",
        "255.255.255.255:80",
        "192.0.2.1:80",
        "[2001:db8::1]:80",
        "[::ffff:192.0.2.7]:80",
        "192.0.2.7:0",
    ] {
        let refused = stack.connect(Instant::ORIGIN, at(remote));
        assert_eq!(refused, Err(ConnectError::Prohibited), "{remote}");
    }
    assert_eq!(stack.stats().active_opens, 0);
}

#[test]
fn a_family_without_an_address_is_said() {
    let mut stack = Stack::new(config(&["192.0.2.1"]), secrets(1));
    let refused = stack.connect(Instant::ORIGIN, at("[2001:db8::9]:80"));
    assert_eq!(refused, Err(ConnectError::NoAddress));
}

#[test]
fn each_destination_has_the_whole_port_range() {
    let config = Config { port_range: 40_000..=40_003, ..config(&["192.0.2.1"]) };
    let mut stack = Stack::new(config, secrets(1));
    for remote in ["192.0.2.7:80", "192.0.2.7:81", "192.0.2.8:80"] {
        for _ in 0..4 {
            stack.connect(Instant::ORIGIN, at(remote)).unwrap();
        }
        assert_eq!(stack.connect(Instant::ORIGIN, at(remote)), Err(ConnectError::NoPort));
    }
}

#[test]
fn a_second_address_is_used_when_the_first_has_no_port_left() {
    let config = Config { port_range: 40_000..=40_000, ..config(&["192.0.2.1", "192.0.2.3"]) };
    let mut stack = Stack::new(config, secrets(1));
    let first = stack.connect(Instant::ORIGIN, at("192.0.2.7:80")).unwrap();
    let second = stack.connect(Instant::ORIGIN, at("192.0.2.7:80")).unwrap();
    assert_eq!(stack.ends(first).unwrap().0, at("192.0.2.1:40000"));
    assert_eq!(stack.ends(second).unwrap().0, at("192.0.2.3:40000"));
}

#[test] // RFC 9293, MUST-43
fn a_connection_leaves_from_the_address_asked_for() {
    let mut stack = Stack::new(config(&["192.0.2.1", "192.0.2.3", "2001:db8::1"]), secrets(1));
    let connect_from = |stack: &mut Stack, local: &str| {
        stack.connect_from(Instant::ORIGIN, local.parse().unwrap(), at("192.0.2.7:80"))
    };
    let id = connect_from(&mut stack, "192.0.2.3").unwrap();
    assert_eq!(stack.ends(id).unwrap().0.ip(), at("192.0.2.3:0").ip());
    for not_there in ["192.0.2.9", "2001:db8::1"] {
        assert_eq!(connect_from(&mut stack, not_there), Err(ConnectError::NoAddress));
    }
    assert_eq!(stack.stats().active_opens, 1);
}

#[test] // RFC 9293, MUST-49
fn the_hop_limit_can_be_set() {
    let mut stack = Stack::new(config(&["192.0.2.1", "2001:db8::1"]), secrets(1));
    let hops = |stack: &mut Stack, remote| {
        stack.connect(Instant::ORIGIN, at(remote)).unwrap();
        let packets = packets_of(stack, Instant::ORIGIN);
        crate::wire::ip::parse(&packets[0]).unwrap().hop_limit
    };
    assert_eq!(hops(&mut stack, "192.0.2.7:80"), 64);
    stack.set_hop_limit(NonZeroU8::new(255).unwrap());
    assert_eq!(hops(&mut stack, "192.0.2.7:80"), 255);
    assert_eq!(hops(&mut stack, "[2001:db8::7]:80"), 255);
    // The stack's own replies too.
    let stray = tcp_packet(at("192.0.2.7:80"), at("192.0.2.1:9"), Flags::SYN, 0);
    stack.handle_packet(Instant::ORIGIN, &stray);
    let packets = packets_of(&mut stack, Instant::ORIGIN);
    assert_eq!(crate::wire::ip::parse(&packets[0]).unwrap().hop_limit, 255);
}

#[test]
fn connections_are_bounded_for_both_sides() {
    let few = |addresses: &[&str]| Config { connections_max: 2, ..config(addresses) };
    let mut pair = Pair::with(config(&["192.0.2.1"]), few(&["192.0.2.2"]));
    pair.server.listen(server_address(true), 50).unwrap();
    for _ in 0..3 {
        pair.client.connect(pair.now, server_address(true)).unwrap();
    }
    pair.exchange();
    assert_eq!(pair.server.connections().count(), 2);
    assert_eq!(pair.server.stats().listen_drops, 1);
    let refused = pair.server.connect(pair.now, at("192.0.2.1:80"));
    assert_eq!(refused, Err(ConnectError::TooManyConnections));
}

#[test]
fn what_is_not_for_us_is_dropped_and_counted() {
    let now = Instant::ORIGIN;
    let mut stack = Stack::new(config(&["192.0.2.1", "2001:db8::1"]), secrets(1));
    let syn = |source, destination| tcp_packet(at(source), at(destination), Flags::SYN, 0);
    stack.handle_packet(now, &syn("192.0.2.7:80", "192.0.2.9:80"));
    stack.handle_packet(now, &syn("224.0.0.5:80", "192.0.2.1:80"));
    stack.handle_packet(now, &syn("127.0.0.1:80", "192.0.2.1:80"));
    stack.handle_packet(now, &syn("192.0.2.1:80", "192.0.2.1:80"));
    stack.handle_packet(now, &syn("0.1.2.3:80", "192.0.2.1:80"));
    stack.handle_packet(now, &syn("[::]:80", "[2001:db8::1]:80"));
    stack.handle_packet(now, &syn("[::ffff:192.0.2.7]:80", "[2001:db8::1]:80"));
    assert_eq!(stack.stats().ip_in_addr_errors, 7);
    stack.handle_packet(now, &syn("192.0.2.7:80", "224.0.0.22:80"));
    stack.handle_packet(now, &syn("[fe80::1]:80", "[ff02::2]:80"));
    stack.handle_packet(now, &syn("192.0.2.7:80", "255.255.255.255:80"));
    assert_eq!((stack.stats().ip_in_mcast_pkts, stack.stats().ip_in_bcast_pkts), (2, 1));
    stack.handle_packet(now, b"");
    stack.handle_packet(now, &[0x45; 19]);
    assert_eq!(stack.stats().ip_in_hdr_errors, 2);
    assert_eq!(stack.stats().ip_in_receives, 12);
    assert_eq!(stack.stats().ip_in_delivers, 0);
    assert_eq!(stack.stats().no_connection, 0);
    assert!(packets_of(&mut stack, now).is_empty());
}

#[test]
fn what_means_nothing_to_a_listener_is_counted() {
    let now = Instant::ORIGIN;
    let mut stack = Stack::new(config(&["192.0.2.1"]), secrets(1));
    stack.listen(at("192.0.2.1:80"), 1).unwrap();
    for flags in [Flags::RST, Flags::PSH] {
        stack.handle_packet(now, &tcp_packet(at("192.0.2.7:9"), at("192.0.2.1:80"), flags, 1));
    }
    assert_eq!(stack.stats().discarded_in_listen, 2);
    assert!(packets_of(&mut stack, now).is_empty());
}

#[test] // RFC 3168, section 5
fn packets_are_counted_by_their_mark() {
    let mut stack = Stack::new(config(&["2001:db8::1"]), secrets(1));
    let (source, destination) = (at("[2001:db8::7]:9"), at("[2001:db8::1]:80"));
    for (mark, times) in [(0u8, 1), (1, 2), (2, 3), (3, 4)] {
        let mut packet = tcp_packet(source, destination, Flags::SYN, 0);
        packet[1] |= mark << 4;
        for _ in 0..times {
            stack.handle_packet(Instant::ORIGIN, &packet);
        }
    }
    let stats = stack.stats();
    assert_eq!((stats.ip_in_no_ect_pkts, stats.ip_in_ect1_pkts), (1, 2));
    assert_eq!((stats.ip_in_ect0_pkts, stats.ip_in_ce_pkts), (3, 4));
    assert_eq!(stats.ip_in_delivers, 10);
}

#[test]
fn damage_is_counted_by_kind() {
    let now = Instant::ORIGIN;
    let mut stack = Stack::new(config(&["192.0.2.1"]), secrets(1));
    let mut packet = tcp_packet(at("192.0.2.7:80"), at("192.0.2.1:80"), Flags::SYN, 4);
    *packet.last_mut().unwrap() ^= 1;
    stack.handle_packet(now, &packet);
    assert_eq!((stack.stats().in_errs, stack.stats().in_csum_errors), (1, 1));
    assert!(packets_of(&mut stack, now).is_empty());
}

#[test]
fn segments_for_nobody_draw_resets_within_a_budget() {
    let mut now = Instant::from_millis(1);
    let mut stack = Stack::new(config(&["192.0.2.1"]), secrets(1));
    let packet = tcp_packet(at("192.0.2.7:80"), at("192.0.2.1:80"), Flags::SYN, 0);
    let mut resets = 0;
    for _ in 0..3_000 {
        stack.handle_packet(now, &packet);
        resets += packets_of(&mut stack, now).len();
    }
    assert_eq!(resets, 1_000);
    assert_eq!(stack.stats().no_connection, 3_000);
    assert_eq!(stack.stats().out_rsts, 1_000);
    assert_eq!(stack.stats().out_replies_limited, 2_000);
    now += Duration::from_millis(100);
    for _ in 0..3_000 {
        stack.handle_packet(now, &packet);
    }
    assert_eq!(packets_of(&mut stack, now).len(), 100, "the budget fills up again");
}

#[test]
fn replies_that_nobody_takes_are_bounded() {
    let now = Instant::from_millis(1);
    let mut stack = Stack::new(config(&["192.0.2.1"]), secrets(1));
    let packet = tcp_packet(at("192.0.2.7:80"), at("192.0.2.1:80"), Flags::SYN, 0);
    for _ in 0..900 {
        stack.handle_packet(now, &packet);
    }
    assert_eq!(packets_of(&mut stack, now).len(), 256);
}

#[test]
fn the_mss_follows_from_mtu_and_family() {
    for (ipv4, mss) in [(true, 1_460), (false, 1_440)] {
        let mut pair = Pair::new();
        pair.client.connect(pair.now, server_address(ipv4)).unwrap();
        let syn = packets_of(&mut pair.client, pair.now).remove(0);
        let datagram = crate::wire::ip::parse(&syn).unwrap();
        let (source, destination) = (datagram.source, datagram.destination);
        let (_, segment) = crate::wire::tcp::parse(source, destination, datagram.payload).unwrap();
        assert_eq!(segment.options.mss, Some(mss));
    }
}
