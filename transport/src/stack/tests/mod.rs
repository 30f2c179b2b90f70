//! Two stacks on a perfect cable, in both families.

mod icmp;
mod limits;
mod listening;
mod memory;
mod paths;
mod peers;
mod port_reuse;
mod rest;
mod time_waits;

use core::net::{IpAddr, SocketAddr};

use super::*;
use crate::tcp::{CloseReason, Event, Quiescence, Read, Setting};
use crate::time::Duration;

/// Two stacks, and the time.
struct Pair {
    client: Stack,
    server: Stack,
    now: Instant,
}

/// The server's address, which its clients connect to.
fn server_address(ipv4: bool) -> SocketAddr {
    let address: IpAddr = if ipv4 { "192.0.2.2" } else { "2001:db8::2" }.parse().unwrap();
    SocketAddr::new(address, 80)
}

fn config(addresses: &[&str]) -> Config {
    Config {
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        mtu: 1500,
        port_range: 40_000..=40_099,
        connections_max: 50,
        time_wait_max: 50,
        tcp: tcp::Config::default(),
    }
}

fn secrets(seed: u8) -> Secrets {
    Secrets::from_bytes(&[seed; Secrets::LEN])
}

/// The server's config, with room for many clients.
fn server_config() -> Config {
    Config { connections_max: 1_000, ..config(&["192.0.2.2", "2001:db8::2"]) }
}

impl Pair {
    fn new() -> Self {
        Self::with(config(&["192.0.2.1", "2001:db8::1"]), server_config())
    }

    fn with(client: Config, server: Config) -> Self {
        Self {
            client: Stack::new(client, secrets(1)),
            server: Stack::new(server, secrets(2)),
            now: Instant::from_millis(1_000),
        }
    }

    /// Carries packets to and fro until there are none.
    fn exchange(&mut self) {
        for _ in 0..1_000 {
            let forth = carry(self.now, &mut self.client, &mut self.server);
            let back = carry(self.now, &mut self.server, &mut self.client);
            if forth + back == 0 {
                return;
            }
        }
        panic!("the stacks never fall silent");
    }

    /// Lets time pass, with all timers and packets.
    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.exchange();
        loop {
            let next = [self.client.poll_timeout(), self.server.poll_timeout()];
            let Some(next) = next.into_iter().flatten().min().filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
            self.exchange();
        }
        self.now = end;
    }

    /// A connection of the client, and the server's end of it.
    fn open(&mut self, listener: ListenerId, ipv4: bool) -> (ConnectionId, ConnectionId) {
        let near = self.client.connect(self.now, server_address(ipv4)).unwrap();
        self.exchange();
        let far = self.server.accept(listener).expect("the handshake is done");
        (near, far)
    }
}

/// Carries what one stack has to send to another, and says how many packets that were.
fn carry(now: Instant, from: &mut Stack, to: &mut Stack) -> usize {
    let mut count = 0;
    for packet in packets_of(from, now) {
        to.handle_packet(now, &packet);
        count += 1;
    }
    count
}

/// All that a stack has to send.
fn packets_of(stack: &mut Stack, now: Instant) -> Vec<Vec<u8>> {
    let mut batch = crate::PacketBatch::new(7, 1500);
    let mut packets = Vec::new();
    while stack.poll_transmit(now, &mut batch) {
        packets.extend(batch.iter().map(<[u8]>::to_vec));
        batch.clear();
    }
    packets
}

fn events(stack: &mut Stack) -> Vec<(ConnectionId, Event)> {
    core::iter::from_fn(|| stack.poll_event()).collect()
}

#[test]
fn a_connection_opens_carries_bytes_and_closes_in_both_families() {
    for ipv4 in [true, false] {
        let mut pair = Pair::new();
        let listener = pair.server.listen(server_address(ipv4), 4).unwrap();
        let near = pair.client.connect(pair.now, server_address(ipv4)).unwrap();
        assert_eq!(pair.client.connections_in(State::SynSent), 1);
        pair.exchange();
        assert_eq!(events(&mut pair.client), [(near, Event::Established)]);
        assert_eq!(pair.server.poll_acceptable(), Some(listener));
        assert_eq!(pair.server.poll_acceptable(), None);
        let far = pair.server.accept(listener).unwrap();
        assert_eq!(pair.client.ends(near).unwrap().0, pair.server.ends(far).unwrap().1);

        assert_eq!(pair.client.write(pair.now, near, b"hello"), Ok(5));
        pair.exchange();
        let mut text = [0; 16];
        assert_eq!(pair.server.read(pair.now, far, &mut text), Ok(Read::Bytes(5)));
        assert_eq!(&text[..5], b"hello");
        assert_eq!(pair.client.quiescence(near), Ok(Quiescence::Clean));

        pair.client.close(pair.now, near).unwrap();
        pair.exchange();
        assert!(events(&mut pair.server).contains(&(far, Event::PeerClosed)));
        pair.server.close(pair.now, far).unwrap();
        pair.exchange();
        let closed = Event::Closed(CloseReason::Normal);
        assert_eq!(events(&mut pair.client), [(near, closed)]);
        pair.exchange();
        assert_eq!(pair.client.connections().count(), 0);
        assert_eq!(pair.client.time_waits().count(), 1);
        pair.wait(Duration::from_secs(60));
        assert_nothing_left(&mut pair);
    }
}

/// Neither stack has a connection, a timer, or anything to say.
fn assert_nothing_left(pair: &mut Pair) {
    for stack in [&mut pair.client, &mut pair.server] {
        events(stack);
        packets_of(stack, pair.now);
        assert_eq!(stack.connections().count(), 0);
        assert_eq!(stack.poll_timeout(), None);
        for state in State::ALL.into_iter().filter(|state| *state != State::Listen) {
            assert_eq!(stack.connections_in(state), 0, "{state}");
        }
    }
}

#[test]
fn a_setting_is_that_of_one_connection() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (held, _) = pair.open(listener, true);
    let (free, _) = pair.open(listener, true);
    pair.client.set(pair.now, held, Setting::Nagle(true)).unwrap();
    for id in [held, free] {
        for _ in 0..2 {
            pair.client.write(pair.now, id, b"small").unwrap();
            packets_of(&mut pair.client, pair.now);
        }
    }
    assert_eq!(pair.client.info(pair.now, held).unwrap().notsent_bytes, 5);
    assert_eq!(pair.client.info(pair.now, free).unwrap().notsent_bytes, 0);
}

#[test]
fn a_dead_id_is_an_error_everywhere() {
    let mut pair = Pair::new();
    pair.server.listen(server_address(true), 4).unwrap();
    let id = pair.client.connect(pair.now, server_address(true)).unwrap();
    pair.exchange();
    pair.client.abort(pair.now, id).unwrap();
    for id in [id, ConnectionId::from_bits(77)] {
        let (stack, now) = (&mut pair.client, pair.now);
        assert_eq!(stack.write(now, id, b"x"), Err(WriteError::NoConnection(NoConnection)));
        assert_eq!(stack.read(now, id, &mut [0]), Err(ReadError::NoConnection(NoConnection)));
        assert_eq!(stack.finish(now, id), Err(WriteError::NoConnection(NoConnection)));
        assert_eq!(stack.close(now, id), Err(NoConnection));
        assert_eq!(stack.abort(now, id), Err(NoConnection));
        assert_eq!(stack.set(now, id, Setting::Nagle(true)), Err(NoConnection));
        assert_eq!(stack.info(now, id).err(), Some(NoConnection));
        assert_eq!(stack.ends(id).err(), Some(NoConnection));
        assert_eq!(stack.begin_lease(id, true), Err(NoConnection));
        assert_eq!(stack.quiescence(id).err(), Some(NoConnection));
        assert_eq!(stack.repeat_last_byte(now, id), Err(NoConnection));
        assert_eq!(stack.lease_figures(id).err(), Some(NoConnection));
        assert_eq!(stack.readable_bytes(id), Err(NoConnection));
        assert_eq!(stack.writable_bytes(id), Err(NoConnection));
    }
    pair.exchange();
    assert_eq!(events(&mut pair.client), [], "no event follows an abort");
}

#[test]
fn what_a_reset_connection_has_left_can_be_looked_at_until_it_is_freed() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (near, far) = pair.open(listener, true);
    events(&mut pair.client);
    pair.server.write(pair.now, far, b"last words").unwrap();
    pair.exchange();
    pair.server.abort(pair.now, far).unwrap();
    carry(pair.now, &mut pair.server, &mut pair.client);
    let closed = (near, Event::Closed(CloseReason::ResetByPeer));
    assert_eq!(events(&mut pair.client).last(), Some(&closed));
    assert!(pair.client.lease_figures(near).is_ok());
    assert!(pair.client.info(pair.now, near).is_ok());
    assert_eq!(pair.client.read(pair.now, near, &mut [0; 16]), Ok(Read::Bytes(10)));
    assert_eq!(pair.client.close(pair.now, near), Err(NoConnection));
    pair.exchange();
    assert!(pair.client.info(pair.now, near).is_err());
    assert_nothing_left(&mut pair);
}

#[test]
fn a_closed_connection_tells_how_it_ended_and_nothing_else() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (near, far) = pair.open(listener, true);
    events(&mut pair.client);
    pair.client.close(pair.now, near).unwrap();
    pair.exchange();
    assert_eq!(events(&mut pair.client), []);
    assert!(pair.client.info(pair.now, near).is_err(), "the id is dead for calls");
    pair.server.write(pair.now, far, b"too late").unwrap();
    pair.exchange();
    let aborted = Event::Closed(CloseReason::Aborted);
    assert_eq!(events(&mut pair.client), [(near, aborted)]);
    let reset = Event::Closed(CloseReason::ResetByPeer);
    assert_eq!(events(&mut pair.server).last(), Some(&(far, reset)));
}

#[test]
fn a_reset_frees_the_tuple_at_once() {
    let config = Config { port_range: 40_000..=40_000, ..config(&["192.0.2.1"]) };
    let mut pair = Pair::with(config, server_config());
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (near, far) = pair.open(listener, true);
    pair.server.abort(pair.now, far).unwrap();
    carry(pair.now, &mut pair.server, &mut pair.client);
    let again = pair.client.connect(pair.now, server_address(true)).unwrap();
    assert_ne!(near, again);
    pair.exchange();
    assert!(events(&mut pair.client).contains(&(again, Event::Established)));
}

#[test]
fn a_bulk_transfer_and_a_small_one_share_each_batch() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (bulk, _) = pair.open(listener, true);
    let (small, _) = pair.open(listener, true);
    for _ in 0..8 {
        pair.client.write(pair.now, bulk, &[7; 20_000]).unwrap();
        pair.wait(Duration::from_millis(50));
    }
    pair.client.write(pair.now, bulk, &[7; 100_000]).unwrap();
    pair.client.write(pair.now, small, b"x").unwrap();
    let packets = packets_of(&mut pair.client, pair.now);
    let place = packets.iter().position(|packet| packet.len() < 100).unwrap();
    assert!(place <= 16, "the small one waits for a bounded number of packets, not {place}");
}

#[test]
fn idle_connections_are_not_looked_at() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 50).unwrap();
    for _ in 0..20 {
        pair.open(listener, true);
    }
    pair.wait(Duration::from_secs(5));
    assert!(pair.client.ready.is_empty());
    assert_eq!(pair.client.poll_timeout(), None);
    assert_eq!(pair.client.connections_in(State::Established), 20);
}

#[test]
fn an_idle_connection_holds_no_buffers() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(false), 4).unwrap();
    let (near, far) = pair.open(listener, false);
    pair.client.write(pair.now, near, &[7; 9_000]).unwrap();
    pair.exchange();
    assert_eq!(pair.server.read(pair.now, far, &mut [0; 9_000]), Ok(Read::Bytes(9_000)));
    pair.wait(Duration::from_secs(2));
    for (stack, id) in [(&pair.client, near), (&pair.server, far)] {
        assert_eq!(stack.info(pair.now, id).unwrap().buffers, 0);
    }
}

#[test]
fn a_timeout_that_comes_early_does_nothing() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (near, _) = pair.open(listener, true);
    pair.client.write(pair.now, near, b"x").unwrap();
    packets_of(&mut pair.client, pair.now);
    let due = pair.client.poll_timeout().unwrap();
    for _ in 0..3 {
        pair.client.handle_timeout(pair.now);
        assert!(packets_of(&mut pair.client, pair.now).is_empty());
    }
    pair.client.handle_timeout(due);
    assert_eq!(packets_of(&mut pair.client, due).len(), 1, "the text again");
    assert_eq!(pair.client.stats().retrans_segs, 1);
}

#[test]
fn a_full_batch_keeps_the_rest_for_the_next() {
    let mut pair = Pair::new();
    let listener = pair.server.listen(server_address(true), 4).unwrap();
    let (near, _) = pair.open(listener, true);
    pair.client.write(pair.now, near, &[7; 10_000]).unwrap();
    let mut batch = crate::PacketBatch::new(3, 1500);
    let mut counts = Vec::new();
    while pair.client.poll_transmit(pair.now, &mut batch) {
        counts.push(batch.len());
        batch.clear();
    }
    assert_eq!(counts, [3, 3, 1]);
    assert!(!pair.client.poll_transmit(pair.now, &mut batch), "calling it again does nothing");
}
