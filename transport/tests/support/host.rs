//! A stack on a TUN device, with the kernel at the other end, and the loop that drives both.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wharf_transport::PacketBatch;
use wharf_transport::device::Device;
use wharf_transport::device::netlink::{InterfaceAddress, Netlink};
use wharf_transport::device::simulated::prng::Prng;
use wharf_transport::device::tun::Tun;
use wharf_transport::stack::{Config, ConnectionId, Secrets, Stack};
use wharf_transport::tcp::{self, Event};
use wharf_transport::time::Instant;

/// The kernel's addresses, and the stack's.
pub(crate) const GATEWAYS: [&str; 2] = ["10.213.0.1", "fd00:213::1"];
pub(crate) const ADDRESSES: [&str; 2] = ["10.213.0.2", "fd00:213::2"];

/// A stack and its device, and the loop that drives both.
pub(crate) struct Host {
    pub(crate) stack: Stack,
    tun: Tun,
    started: std::time::Instant,
    batch: PacketBatch,
    /// Packets lost of a thousand, each way, and what decides which.
    pub(crate) loss: u64,
    prng: Prng,
    pub(crate) lost: u64,
}

/// What the loop's owner does in each turn; true when it is done.
pub(crate) type Turn<'a> = dyn FnMut(&mut Stack, Instant, &[(ConnectionId, Event)]) -> bool + 'a;

impl Host {
    pub(crate) fn new(mtu: u16) -> Self {
        Self::with(mtu, tcp::Config::default())
    }

    pub(crate) fn with(mtu: u16, tcp: tcp::Config) -> Self {
        let mut tun = Tun::open("wharf0").expect("the right to a device was looked at before");
        let mut netlink = Netlink::open().expect("netlink");
        let gateways = [(GATEWAYS[0], 30), (GATEWAYS[1], 64)].map(|(address, prefix_len)| {
            InterfaceAddress { address: address.parse().expect("an address"), prefix_len }
        });
        netlink.configure(tun.index(), mtu, &gateways).expect("a device of our own");
        tun.refresh_mtu().expect("the device is there");
        let config = Config {
            addresses: ADDRESSES.map(|address| address.parse().expect("an address")).to_vec(),
            mtu: tun.mtu(),
            port_range: 32_768..=60_999,
            connections_max: 100,
            time_wait_max: 100,
            tcp,
        };
        Self {
            stack: Stack::new(config, Secrets::from_bytes(&[42; Secrets::LEN])),
            tun,
            started: clock(),
            batch: PacketBatch::new(64, usize::from(mtu)),
            loss: 0,
            prng: Prng::new(1),
            lost: 0,
        }
    }

    /// Takes in what the device has, and returns whether it had any.
    fn receive(&mut self, now: Instant) -> bool {
        let any = self.tun.receive(&mut self.batch).expect("the device is up") > 0;
        for packet in &self.batch {
            if self.prng.below(1_000) < self.loss {
                self.lost += 1;
            } else {
                self.stack.handle_packet(now, packet);
            }
        }
        self.batch.clear();
        any
    }

    /// Gives the device what the stack has, and returns whether it had any.
    fn send(&mut self, now: Instant) -> bool {
        let any = self.stack.poll_transmit(now, &mut self.batch);
        let mut passed = PacketBatch::new(self.batch.capacity(), self.batch.packet_max());
        for packet in &self.batch {
            if self.prng.below(1_000) < self.loss {
                self.lost += 1;
            } else {
                passed.push(packet);
            }
        }
        self.batch.clear();
        self.tun.send(&mut passed).expect("the device is up");
        any
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::ORIGIN + (clock() - self.started)
    }

    /// Turns the loop until the owner is done.
    pub(crate) fn run(&mut self, turn: &mut Turn<'_>) {
        loop {
            let now = self.now();
            while self.receive(now) {}
            self.stack.handle_timeout(now);
            let events: Vec<_> = std::iter::from_fn(|| self.stack.poll_event()).collect();
            let done = turn(&mut self.stack, now, &events);
            while self.send(now) {}
            if done {
                return;
            }
            self.wait();
        }
    }

    /// Waits for a packet or the next timer, 10 ms at most, since the owner may wait for a thread.
    fn wait(&self) {
        let until = self.stack.poll_timeout().map_or(10_000_000, |next| {
            u64::try_from(next.since(self.now()).as_nanos()).unwrap_or(u64::MAX)
        });
        let nanos = i64::try_from(until.min(10_000_000)).expect("at most 10 ms");
        let timeout = Timespec { tv_sec: 0, tv_nsec: nanos };
        let mut ready = [PollFd::new(&self.tun, PollFlags::IN)];
        poll(&mut ready, Some(&timeout)).expect("poll");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test against the kernel runs on the real clock")]
fn clock() -> std::time::Instant {
    std::time::Instant::now()
}
