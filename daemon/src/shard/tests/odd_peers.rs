//! Upstreams that speak TCP as few do, packet by packet: none may disturb the shard.

use wharf_transport::wire::{Ecn, Flags, Ports, Protocol, Segment, Text, ip, tcp};

use super::world::World;

/// An upstream's first words come with its SYN|ACK, before anybody could have asked.
const GREETING: &[u8] = b"220 ready";

/// The answer to the SYN in `packet`: a SYN|ACK that carries the greeting already.
fn answer(packet: &[u8], flags: Flags) -> Vec<u8> {
    let datagram = ip::parse(packet).expect("our own packet");
    let (ports, syn) =
        tcp::parse(datagram.source, datagram.destination, datagram.payload).expect("our own SYN");
    let segment = Segment {
        ack: syn.seq + 1,
        flags: Flags { syn: true, ack: true, ..flags },
        window: 65_535,
        text: Text::from(GREETING),
        ..Segment::default()
    };
    let ports = Ports { source: ports.destination, destination: ports.source };
    let (from, to) = (datagram.destination, datagram.source);
    let mut packet = [0; 1500];
    let length = segment.header_len() + GREETING.len();
    let start = ip::emit_header(from, to, Protocol::Tcp, 64, Ecn::NotEct, length, &mut packet);
    segment.emit(ports, from, to, &mut packet[start..]);
    packet[..start + length].to_vec()
}

/// A world in which a SYN under way is answered by hand.
fn answered_with(flags: Flags, orders: &[&str]) -> World {
    let mut world = World::with(|_| {});
    for order in [&["up is held"], orders].concat() {
        world.order(order);
        world.run();
    }
    let syn = world.up.take().expect("a SYN under way");
    world.shard.handle_packet(world.now, &answer(&syn, flags));
    world
}

#[test]
fn a_greeting_in_the_syn_ack_reaches_the_lease_that_waits() {
    let mut world = answered_with(Flags::NONE, &["a > HELLO; 1 LEASE route=web"]);
    world.run();
    let heard = ["WELCOME", "1 LEASED new", r#"1 DATA "220 ready""#];
    assert_eq!(world.client("a").take_heard(), heard);
}

#[test]
fn a_greeting_and_a_fin_in_the_syn_ack_reach_the_lease_that_waits() {
    let mut world = answered_with(Flags::FIN, &["a > HELLO; 1 LEASE route=web"]);
    world.run();
    let heard = ["WELCOME", "1 LEASED new", r#"1 DATA "220 ready""#, "1 EOF"];
    assert_eq!(world.client("a").take_heard(), heard);
}

#[test]
fn a_greeting_in_the_syn_ack_of_a_connection_that_nobody_waits_for_closes_it() {
    let orders = ["a > HELLO; 1 LEASE route=web", "a > 1 CANCEL"];
    let mut world = answered_with(Flags::NONE, &orders);
    world.run();
    assert_eq!(world.client("a").take_heard(), ["WELCOME", "1 REFUSED cancelled"]);
    assert_eq!(world.pool_line(), "empty");
}
