//! Echo and errors.

use super::*;
use crate::wire::icmp::{self, Echo, Message};
use crate::wire::ip;

/// An ICMP packet around `message`, whose checksum is right already.
fn packet(source: IpAddr, destination: IpAddr, message: &[u8]) -> Vec<u8> {
    let protocol = if source.is_ipv4() { ip::Protocol::Icmp } else { ip::Protocol::Icmpv6 };
    let header = ip::header_len(destination);
    let mut packet = vec![0; header];
    let ecn = ip::Ecn::NotEct;
    ip::emit_header(source, destination, protocol, 64, ecn, message.len(), &mut packet);
    packet.extend_from_slice(message);
    packet
}

fn echo_request(source: IpAddr, destination: IpAddr, data: &[u8]) -> Vec<u8> {
    let echo = Echo { ident: 7, seq: 9, data };
    let mut message = vec![0; echo.len()];
    echo.emit_request(source, destination, &mut message);
    packet(source, destination, &message)
}

const ENDS: [(&str, &str); 2] = [("192.0.2.7", "192.0.2.1"), ("2001:db8::7", "2001:db8::1")];

#[test]
fn echo_is_answered_in_both_families() {
    for (peer, own) in ENDS {
        let (peer, own): (IpAddr, IpAddr) = (peer.parse().unwrap(), own.parse().unwrap());
        let mut stack = Stack::new(config(&["192.0.2.1", "2001:db8::1"]), secrets(1));
        let now = Instant::from_millis(1);
        stack.handle_packet(now, &echo_request(peer, own, b"are you there"));
        let reply = packets_of(&mut stack, now).remove(0);
        let datagram = ip::parse(&reply).unwrap();
        assert_eq!((datagram.source, datagram.destination), (own, peer));
        let message = icmp::parse(own, peer, datagram.payload).unwrap();
        let echo = Echo { ident: 7, seq: 9, data: b"are you there" };
        assert_eq!(message, Message::EchoReply(echo));
        assert_eq!((stack.stats().icmp_in_echos, stack.stats().icmp_out_echo_reps), (1, 1));
    }
}

#[test]
fn echo_replies_have_a_budget() {
    let (peer, own): (IpAddr, IpAddr) = (ENDS[0].0.parse().unwrap(), ENDS[0].1.parse().unwrap());
    let mut stack = Stack::new(config(&["192.0.2.1"]), secrets(1));
    let now = Instant::from_millis(1);
    let request = echo_request(peer, own, b"");
    let mut replies = 0;
    for _ in 0..1_500 {
        stack.handle_packet(now, &request);
        replies += packets_of(&mut stack, now).len();
    }
    assert_eq!(replies, 1_000);
    assert_eq!(stack.stats().icmp_out_limited, 500);
}

#[test]
fn an_echo_that_could_not_be_sent_back_whole_is_dropped() {
    let (peer, own): (IpAddr, IpAddr) = (ENDS[0].0.parse().unwrap(), ENDS[0].1.parse().unwrap());
    let mut stack = Stack::new(Config { mtu: 600, ..config(&["192.0.2.1"]) }, secrets(1));
    let now = Instant::from_millis(1);
    stack.handle_packet(now, &echo_request(peer, own, &[0; 700]));
    assert!(packets_of(&mut stack, now).is_empty());
    assert_eq!(stack.stats().icmp_in_errors, 1);
}

#[test]
fn damaged_and_unknown_messages_draw_nothing() {
    for (peer, own) in ENDS {
        let (peer, own): (IpAddr, IpAddr) = (peer.parse().unwrap(), own.parse().unwrap());
        let mut stack = Stack::new(config(&["192.0.2.1", "2001:db8::1"]), secrets(1));
        let now = Instant::from_millis(1);
        let mut damaged = echo_request(peer, own, b"data");
        *damaged.last_mut().unwrap() ^= 1;
        stack.handle_packet(now, &damaged);
        stack.handle_packet(now, &packet(peer, own, &[8, 0]));
        assert_eq!(stack.stats().icmp_in_errors, 2);
        assert_eq!(stack.stats().icmp_in_msgs, 2);
        assert!(packets_of(&mut stack, now).is_empty());
    }
}
