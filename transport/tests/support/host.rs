//! A stack on a TUN device, with the kernel at the other end, and the loop that drives both.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use smoltcp::wire::Ipv4Packet;
use wharf_transport::PacketBatch;
use wharf_transport::device::Device;
use wharf_transport::device::netlink::{InterfaceAddress, Netlink};
use wharf_transport::device::simulated::prng::Prng;
use wharf_transport::device::tun::Tun;
use wharf_transport::stack::{Config, ConnectionId, Secrets, Stack};
use wharf_transport::tcp::{self, Event};
use wharf_transport::time::Instant;
use wharf_transport::wire::ip::{self, Ecn};
use wharf_transport::wire::show;

/// The kernel's addresses, and the stack's.
pub(crate) const GATEWAYS: [&str; 2] = ["10.213.0.1", "fd00:213::1"];
pub(crate) const ADDRESSES: [&str; 2] = ["10.213.0.2", "fd00:213::2"];

/// A stack and its device, and the loop that drives both.
pub(crate) struct Host {
    pub(crate) stack: Stack,
    tun: Tun,
    started: std::time::Instant,
    batch: PacketBatch,
    /// What of `batch` is not lost.
    passed: PacketBatch,
    /// Towards the stack, and towards the kernel.
    pub(crate) wires: [Wire; 2],
    trace: Trace,
}

/// The last packets, for those who look into a failure.
#[derive(Default)]
struct Trace {
    /// When, whither (`<` to the stack), whether lost, and what.
    packets: VecDeque<(Instant, &'static str, bool, Box<[u8]>)>,
}

/// Packets of a trace.
const TRACE_PACKETS: usize = 60;

impl Trace {
    /// Notes a packet as it arrives, or as it was sent if it does not.
    fn note(&mut self, now: Instant, arrow: &'static str, sent: &[u8], arrives: Option<&[u8]>) {
        if self.packets.len() == TRACE_PACKETS {
            self.packets.pop_front();
        }
        let packet = arrives.unwrap_or(sent).into();
        self.packets.push_back((now, arrow, arrives.is_none(), packet));
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.packets.iter().try_for_each(|(at, arrow, is_lost, packet)| {
            let (at, lost) = (at.as_nanos() / 1_000, if *is_lost { "lost " } else { "" });
            writeln!(f, "{at:>12} {arrow} {lost}{}", show::packet(packet))
        })
    }
}

/// One direction between the device and the stack: loses and marks packets by a seeded chance.
///
/// Neither TCP can tell this from loss on a wire: the stack's packets have left it, and the
/// kernel's have left the device, which is done with them when they are read; a drop in the
/// kernel's own output path would be reported to its TCP. And each packet is one segment, as there
/// is no offload on the device: nothing is lost in bunches. That is what a filter in a namespace
/// between the two would do, without another kernel's queue in between.
pub(crate) struct Wire {
    /// Packets lost of a thousand.
    loss: u64,
    /// Packets of a thousand that are marked CE, if their sender speaks ECN: RFC 3168, section 5.
    marks: u64,
    prng: Prng,
    pub(crate) lost: u64,
    pub(crate) marked: u64,
}

impl Wire {
    fn new(loss: u64, marks: u64, seed: u64) -> Self {
        Self { loss, marks, prng: Prng::new(seed), lost: 0, marked: 0 }
    }

    /// The packet as it arrives, if it does.
    fn carry<'a>(&mut self, packet: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let [is_lost, is_marked] =
            [self.loss, self.marks].map(|chance| self.prng.below(1_000) < chance);
        if is_lost {
            self.lost += 1;
            return None;
        }
        if !is_marked || ip::parse(packet).is_ok_and(|it| it.ecn == Ecn::NotEct) {
            return Some(Cow::Borrowed(packet));
        }
        self.marked += 1;
        Some(Cow::Owned(with_ce(packet.to_vec())))
    }
}

/// Sets the ECN field to CE, as a router does that is congested.
fn with_ce(mut packet: Vec<u8>) -> Vec<u8> {
    if packet[0] >> 4 == 6 {
        packet[1] |= 0x30;
    } else {
        packet[1] |= 0x03;
        Ipv4Packet::new_unchecked(&mut packet).fill_checksum();
    }
    packet
}

/// What the loop's owner does in each turn; true when it is done.
pub(crate) type Turn<'a> = dyn FnMut(&mut Stack, Instant, &[(ConnectionId, Event)]) -> bool + 'a;

impl Host {
    pub(crate) fn new(mtu: u16) -> Self {
        Self::with(mtu, tcp::Config::default())
    }

    pub(crate) fn with(mtu: u16, tcp: tcp::Config) -> Self {
        Self::of_families(mtu, tcp, &[0, 1])
    }

    /// With the addresses of `families` alone, by their places in [`ADDRESSES`]: IPv6 wants an MTU
    /// of 1280 at least.
    pub(crate) fn of_families(mtu: u16, tcp: tcp::Config, families: &[usize]) -> Self {
        let mut tun = Tun::open("wharf0").expect("the right to a device was looked at before");
        let mut netlink = Netlink::open().expect("netlink");
        let gateway = |family: &usize| InterfaceAddress {
            address: GATEWAYS[*family].parse().expect("an address"),
            prefix_len: [30, 64][*family],
        };
        let gateways: Vec<_> = families.iter().map(gateway).collect();
        netlink.configure(tun.index(), mtu, &gateways).expect("a device of our own");
        tun.refresh_mtu().expect("the device is there");
        let config = Config {
            addresses: families
                .iter()
                .map(|family| ADDRESSES[*family].parse().expect("an address"))
                .collect(),
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
            passed: PacketBatch::new(64, usize::from(mtu)),
            wires: [Wire::new(0, 0, 1), Wire::new(0, 0, 2)],
            trace: Trace::default(),
        }
    }

    /// Loses and marks so many packets of a thousand, each way.
    pub(crate) fn trouble(&mut self, loss: u64, marks: u64, seed: u64) {
        self.wires = [Wire::new(loss, marks, seed), Wire::new(loss, marks, !seed)];
    }

    /// The last packets, one on a line.
    pub(crate) fn trace(&self) -> String {
        self.trace.to_string()
    }

    /// Takes in what the device has, and returns whether it had any.
    fn receive(&mut self, now: Instant) -> bool {
        let any = self.tun.receive(&mut self.batch).expect("the device is up") > 0;
        for packet in &self.batch {
            let arrives = self.wires[0].carry(packet);
            self.trace.note(now, "<", packet, arrives.as_deref());
            if let Some(packet) = arrives {
                self.stack.handle_packet(now, &packet);
            }
        }
        self.batch.clear();
        any
    }

    /// Gives the device what the stack has, and returns whether it had any.
    fn send(&mut self, now: Instant) -> bool {
        let any = self.stack.poll_transmit(now, &mut self.batch);
        for packet in &self.batch {
            let arrives = self.wires[1].carry(packet);
            self.trace.note(now, ">", packet, arrives.as_deref());
            if let Some(packet) = arrives {
                self.passed.push(&packet);
            }
        }
        self.batch.clear();
        self.tun.send(&mut self.passed).expect("the device is up");
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
