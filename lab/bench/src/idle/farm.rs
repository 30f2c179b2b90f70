//! A stack with many connections, each of which was opened, asked once, answered, and left idle.
//!
//! Time is virtual: what the stack does by time it does as it would, and the benchmark waits for
//! nothing. All connections are opened a block at a time, so that no more than a block is under
//! way at once.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use wharf_transport::PacketBatch;
use wharf_transport::stack::{Config, ConnectionId, Secrets, Stack};
use wharf_transport::tcp::{self, Event, Read};
use wharf_transport::time::{Duration, Instant};

use super::responder::{REQUEST, RESPONSE, respond};

/// Addresses of the other end: one address has 64 512 ports to us, and a million must fit.
const REMOTES: u8 = 32;

/// Connections that are opened and asked at once.
const BLOCK: usize = 1_000;

/// Packets of a batch.
const BATCH: usize = 256;

/// The MTU.
const MTU: u16 = 1_500;

/// The round trip, virtual.
const ROUND_TRIP: Duration = Duration::from_millis(1);

/// How far apart the stack is called while nothing happens.
const STEP: Duration = Duration::from_millis(10);

/// What is around a stack and does not count as its own: made before anything is measured.
#[derive(Debug)]
pub struct Surroundings {
    /// Room for packets that leave.
    pub outgoing: PacketBatch,
    /// Room for packets that arrive.
    pub incoming: PacketBatch,
    /// Every connection, in the order of opening.
    pub ids: Vec<ConnectionId>,
}

impl Surroundings {
    /// Room for that many connections.
    #[must_use]
    pub fn new(connections: usize) -> Self {
        Self {
            outgoing: PacketBatch::new(BATCH, usize::from(MTU)),
            incoming: PacketBatch::new(BATCH, usize::from(MTU)),
            ids: Vec::with_capacity(connections),
        }
    }
}

/// A stack with many connections.
#[derive(Debug)]
pub struct Farm {
    /// The stack that is measured.
    pub stack: Stack,
    /// What is around it.
    pub around: Surroundings,
    /// The virtual time.
    pub now: Instant,
    /// Responses that were read whole.
    answered: usize,
    /// Bytes of the response that is being read, over all connections.
    read: usize,
}

impl Farm {
    /// A stack without connections, with room for as many as its surroundings have.
    #[must_use]
    pub fn new(around: Surroundings) -> Self {
        let config = Config {
            addresses: vec![IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))],
            mtu: MTU,
            port_range: 1_024..=u16::MAX,
            connections_max: around.ids.capacity(),
            time_wait_max: 100,
            tcp: tcp::Config::default(),
        };
        let stack = Stack::new(config, Secrets::from_bytes(&[42; Secrets::LEN]));
        Self { stack, around, now: Instant::from_millis(1_000), answered: 0, read: 0 }
    }

    /// Opens `count` connections more, and has each ask once.
    ///
    /// # Panics
    ///
    /// If one fails: nothing is lost on the way, so that would be the stack's fault.
    pub fn grow(&mut self, count: usize) {
        let end = self.around.ids.len() + count;
        while self.around.ids.len() < end {
            let block = BLOCK.min(end - self.around.ids.len());
            for _ in 0..block {
                let remote = remote(self.around.ids.len());
                let id = self.stack.connect(self.now, remote).expect("a port is free");
                self.around.ids.push(id);
            }
            self.exchange();
            assert_eq!(self.answered, self.around.ids.len(), "each was answered");
        }
    }

    /// Lets time pass, with all that the stack does in it.
    pub fn rest(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.now += STEP;
            self.stack.handle_timeout(self.now);
            self.exchange();
        }
    }

    /// Carries packets to and fro until there are none.
    pub fn exchange(&mut self) {
        while self.stack.poll_transmit(self.now, &mut self.around.outgoing) {
            self.answer();
            for packet in &self.around.incoming {
                self.stack.handle_packet(self.now, packet);
            }
            self.around.incoming.clear();
            self.serve_owners();
        }
    }

    /// Lets the other end answer what has left, a round trip later.
    ///
    /// # Panics
    ///
    /// If more has left than there is room for the answers to.
    pub fn answer(&mut self) {
        self.now += ROUND_TRIP;
        for packet in &self.around.outgoing {
            let had_room = respond(self.now, packet, &mut self.around.incoming);
            assert!(had_room, "a packet draws one answer at most");
        }
        self.around.outgoing.clear();
    }

    /// Does what owners do: asks once the connection is there, and reads what is answered.
    ///
    /// # Panics
    ///
    /// If a connection ends: nobody ends any.
    pub fn serve_owners(&mut self) {
        while let Some((id, event)) = self.stack.poll_event() {
            match event {
                Event::Established => self.ask(id),
                Event::Readable => self.read(id),
                Event::Writable
                | Event::Acknowledged
                | Event::Answered
                | Event::Gap
                | Event::Overdue => {}
                Event::PeerClosed | Event::ForeignText | Event::Closed(_) => {
                    panic!("{id:?}: {event:?}");
                }
            }
        }
    }

    /// Asks on one connection.
    ///
    /// # Panics
    ///
    /// If the connection is dead or its buffer full.
    pub fn ask(&mut self, id: ConnectionId) {
        let taken = self.stack.write(self.now, id, REQUEST).expect("the connection lives");
        assert_eq!(taken, REQUEST.len(), "the buffer has room");
    }

    fn read(&mut self, id: ConnectionId) {
        let mut bytes = [0; RESPONSE.len()];
        while let Read::Bytes(count) =
            self.stack.read(self.now, id, &mut bytes).expect("the connection lives")
        {
            self.read += count;
        }
        self.answered += self.read / RESPONSE.len();
        self.read %= RESPONSE.len();
    }
}

/// Where connection number `index` goes: to each address in turn.
fn remote(index: usize) -> SocketAddr {
    let host = u8::try_from(index % usize::from(REMOTES)).expect("a remainder of a byte");
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 1, 0, host + 1)), 80)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_transport::tcp::State;

    #[test]
    fn each_connection_is_opened_answered_and_left_established() {
        let mut farm = Farm::new(Surroundings::new(2_500));
        farm.grow(2_400);
        farm.grow(100);
        farm.rest(Duration::from_secs(2));
        assert_eq!(farm.stack.connections_in(State::Established), 2_500);
        farm.stack.assert_invariants();
        let info = farm.stack.info(farm.now, farm.around.ids[7]).unwrap();
        let (asked, answered) = (REQUEST.len() as u64, RESPONSE.len() as u64);
        assert_eq!((info.bytes_acked, info.bytes_received), (asked, answered));
        assert_eq!(farm.stack.stats().retrans_segs, 0);
    }
}
