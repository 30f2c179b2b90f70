//! A live pair of stacks, fed with segments that an attacker on the path could make: real ones
//! with any field changed, and a checksum that is right. Nothing panics, what must hold holds, and
//! every connection ends (TCP.md, section 2, invariant 3).

use std::net::SocketAddr;

use wharf_transport::PacketBatch;
use wharf_transport::device::simulated::prng::Prng;
use wharf_transport::stack::{Config, ConnectionId, ListenerId, Secrets, Stack};
use wharf_transport::tcp::{self, State};
use wharf_transport::time::{Duration, Instant};
use wharf_transport::wire::ip::{self, Ecn, Protocol};
use wharf_transport::wire::{Flags, Segment, SeqNumber, Timestamps, tcp as wire_tcp};

const SEEDS: u64 = 60;
const TURNS: usize = 300;

/// Two stacks on a perfect cable, and somebody who adds to what it carries.
struct Attack {
    prng: Prng,
    now: Instant,
    stacks: [Stack; 2],
    listener: ListenerId,
    remote: SocketAddr,
    held: [Vec<ConnectionId>; 2],
}

impl Attack {
    fn new(seed: u64) -> Self {
        let mut prng = Prng::new(seed);
        let ipv4 = prng.below(2) == 0;
        let (near, far) =
            if ipv4 { ("192.0.2.1", "192.0.2.2") } else { ("2001:db8::1", "2001:db8::2") };
        let mut stack = |address: &str, key: u8| {
            let config = Config {
                addresses: vec![address.parse().expect("an address")],
                mtu: 1_500,
                port_range: 40_000..=40_010,
                connections_max: 8,
                time_wait_max: 8,
                tcp: tcp::Config {
                    timestamps: prng.below(2) == 0,
                    receive_buffer: 20_000,
                    time_wait: Duration::from_secs(1),
                    ..tcp::Config::default()
                },
            };
            let mut bytes = [key; Secrets::LEN];
            bytes[..8].copy_from_slice(&prng.next_u64().to_le_bytes());
            Stack::new(config, Secrets::from_bytes(&bytes))
        };
        let (client, mut server) = (stack(near, 1), stack(far, 2));
        let remote = SocketAddr::new(far.parse().expect("an address"), 80);
        let listener = server.listen(remote, 4).expect("nobody else listens");
        Self {
            now: Instant::from_millis(1 + prng.below(1 << 32)),
            stacks: [client, server],
            listener,
            remote,
            held: [Vec::new(), Vec::new()],
            prng,
        }
    }

    /// Whether something happens that does once in `times`.
    fn once_in(&mut self, times: u64) -> bool {
        self.prng.below(times) == 0
    }

    /// One step of the applications, the network and the attacker.
    fn turn(&mut self) {
        if self.held[0].len() < 3 && self.once_in(3) {
            self.held[0].extend(self.stacks[0].connect(self.now, self.remote));
        }
        self.held[1].extend(self.stacks[1].accept(self.listener));
        for side in 0..2 {
            for id in self.held[side].clone() {
                self.act(side, id);
            }
            self.carry(side);
            self.stacks[side].handle_timeout(self.now);
            while let Some((id, event)) = self.stacks[side].poll_event() {
                if matches!(event, tcp::Event::Closed(_)) {
                    self.held[side].retain(|held| *held != id);
                }
            }
            self.stacks[side].assert_invariants();
        }
        let pause = self.prng.below(1 << self.prng.clone().below(30));
        self.now += Duration::from_nanos(pause);
    }

    /// What an application does to a connection: anything, at any time.
    fn act(&mut self, side: usize, id: ConnectionId) {
        let len = usize::try_from(self.prng.below(6_000)).expect("small");
        let stack = &mut self.stacks[side];
        let gone = match self.prng.below(24) {
            0..8 => stack.write(self.now, id, &vec![7; len]).is_err(),
            8..18 => stack.read(self.now, id, &mut vec![0; len]).is_err(),
            18 => stack.finish(self.now, id).is_err(),
            19 => stack.begin_lease(id, true).is_err(),
            20 => stack.repeat_last_byte(self.now, id).is_err(),
            21 => stack.close(self.now, id).is_ok(),
            22 => stack.abort(self.now, id).is_ok(),
            _ => stack.quiescence(id).is_err(),
        };
        if gone && stack.info(self.now, id).is_err() {
            self.held[side].retain(|held| *held != id);
        }
    }

    /// Carries what a side has to send, with some of it changed and sent as well.
    fn carry(&mut self, side: usize) {
        let mut batch = PacketBatch::new(64, 1_500);
        while self.stacks[side].poll_transmit(self.now, &mut batch) {
            for packet in &batch {
                if self.once_in(4) {
                    let (target, forged) = self.forge(side, packet);
                    self.stacks[target].handle_packet(self.now, &forged);
                    self.stacks[target].assert_invariants();
                }
                if self.once_in(8) {
                    let garbled = self.garble(packet);
                    self.stacks[1 - side].handle_packet(self.now, &garbled);
                }
                if !self.once_in(10) {
                    self.stacks[1 - side].handle_packet(self.now, packet);
                }
            }
            batch.clear();
        }
    }

    /// A changed packet, and for whom: the receiver, or, turned around, the sender itself.
    fn forge(&mut self, side: usize, packet: &[u8]) -> (usize, Vec<u8>) {
        let datagram = ip::parse(packet).expect("the stack sends well-formed packets");
        let (mut source, mut destination) = (datagram.source, datagram.destination);
        let (mut ports, segment) =
            wire_tcp::parse(source, destination, datagram.payload).expect("TCP alone is sent");
        let mut forged = self.change(&segment);
        let mut target = 1 - side;
        if self.once_in(3) {
            (source, destination) = (destination, source);
            ports = ports.reversed();
            (forged.seq, forged.ack) = (forged.ack, forged.seq);
            target = side;
        }
        let header = ip::header_len(destination);
        let len = forged.header_len() + forged.text.len();
        let mut bytes = vec![0; header + len];
        let (head, body) = bytes.split_at_mut(header);
        ip::emit_header(source, destination, Protocol::Tcp, 64, Ecn::NotEct, len, head);
        forged.emit(ports, source, destination, body);
        (target, bytes)
    }

    /// A packet with some bytes changed and perhaps an end cut off; its checksums are wrong.
    fn garble(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut garbled = packet.to_vec();
        for _ in 0..self.prng.below(5) {
            let len = u64::try_from(garbled.len()).expect("small");
            let place = usize::try_from(self.prng.below(len.min(60))).expect("small");
            garbled[place] = self.byte();
        }
        if self.once_in(2) {
            garbled.truncate(usize::from(self.byte()));
        }
        garbled
    }

    fn change<'a>(&mut self, segment: &Segment<'a>) -> Segment<'a> {
        let mut forged = *segment;
        for _ in 0..=self.prng.below(4) {
            match self.prng.below(8) {
                0 => forged.seq = self.near(forged.seq),
                1 => forged.ack = self.near(forged.ack),
                2 => forged.flags = Flags::from_bits(self.byte()),
                3 => forged.window = u16::from(self.byte()) << self.prng.below(9),
                4 => forged.text = forged.text.take(usize::from(self.byte())),
                5 => {
                    let (left, right) = (self.near(forged.ack), self.near(forged.ack));
                    forged.options.sack.push(left, right);
                }
                6 => {
                    let value = self.near(SeqNumber::new(0)).value();
                    forged.options.timestamps = Some(Timestamps { value, echo: value });
                    forged.options.sack = Default::default();
                }
                _ => forged.options = Default::default(),
            }
        }
        if forged.options.len() > 40 {
            forged.options.sack = Default::default();
        }
        forged
    }

    /// A number close by, at a seam, or anywhere.
    fn near(&mut self, number: SeqNumber) -> SeqNumber {
        let any = u32::try_from(self.prng.below(1 << 32)).expect("below 2^32");
        match self.prng.below(6) {
            0 => number + 1,
            1 => number - 1,
            2 => number + any % 70_000,
            3 => number - any % 70_000,
            4 => number + (1 << 31) - any % 2,
            _ => SeqNumber::new(any),
        }
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.prng.below(256)).expect("below 256")
    }

    /// Everybody lets go, and the cable carries what follows unharmed until nothing does.
    fn end(&mut self) {
        for side in 0..2 {
            for id in std::mem::take(&mut self.held[side]) {
                // It may be gone already.
                self.stacks[side].close(self.now, id).unwrap_or_default();
            }
        }
        self.stacks[1].close_listener(self.now, self.listener);
        let mut batch = PacketBatch::new(64, 1_500);
        for _ in 0..100_000 {
            let mut silent = true;
            for side in 0..2 {
                while self.stacks[side].poll_event().is_some() {}
                while self.stacks[side].poll_transmit(self.now, &mut batch) {
                    silent = false;
                    for packet in &batch {
                        self.stacks[1 - side].handle_packet(self.now, packet);
                    }
                    batch.clear();
                }
            }
            let next = self.stacks.iter().filter_map(Stack::poll_timeout).min();
            match next.filter(|_| silent) {
                Some(next) => self.now = self.now.max(next),
                None if silent => return,
                None => {}
            }
            for stack in &mut self.stacks {
                stack.handle_timeout(self.now);
                stack.assert_invariants();
            }
        }
        panic!("it never ends");
    }
}

/// One seed from beginning to end; what was opened, and what was challenged.
fn run(seed: u64) -> (u64, u64) {
    let mut attack = Attack::new(seed);
    for _ in 0..TURNS {
        attack.turn();
    }
    attack.end();
    let (mut opened, mut challenged) = (0, 0);
    for stack in &attack.stacks {
        for state in State::ALL {
            assert_eq!(stack.connections_in(state), 0, "{state}");
        }
        opened += stack.stats().passive_opens;
        challenged += stack.stats().challenge_acks;
    }
    (opened, challenged)
}

#[test]
fn forged_segments_break_nothing() {
    let (mut opened, mut challenged) = (0, 0);
    for seed in 1..=SEEDS {
        let result = std::panic::catch_unwind(|| run(seed));
        let (more_opened, more_challenged) = result.unwrap_or_else(|_| panic!("seed {seed}"));
        opened += more_opened;
        challenged += more_challenged;
    }
    assert!(opened > 1_000 && challenged > 1_000, "{opened} opened, {challenged} challenged");
}
