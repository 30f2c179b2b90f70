//! Flows through one queue, on a virtual clock: a sender's stack, a link with a rate and a queue, a
//! receiver's stack. What it does follows from its arguments alone.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use wharf_transport::PacketBatch;
use wharf_transport::stack::{Config, ConnectionId, Secrets, Stack};
use wharf_transport::tcp::{self, Info, Read};
use wharf_transport::time::{Duration, Instant};
use wharf_transport::wire::ip::{self, Ecn};

/// No run takes more steps than this, whatever its clock says.
const STEPS_MAX: usize = 3_000_000;

/// What is written at a time.
static CHUNK: [u8; 64 << 10] = [7; 64 << 10];

/// What the flows share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    /// Bytes a second that leave the queue.
    pub(crate) rate: u64,
    /// How long a packet travels, each way.
    pub(crate) delay: Duration,
    /// Bytes that the queue holds; what comes beyond is lost.
    pub(crate) queue: usize,
    /// Bytes in the queue from which on packets that may be marked are.
    pub(crate) mark_from: usize,
}

impl Path {
    /// A path that is never full.
    pub(crate) fn wide(delay: Duration) -> Self {
        Self { rate: 1_000_000_000, delay, queue: usize::MAX, mark_from: usize::MAX }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Sender,
    Receiver,
}

/// One flow: its connection on each side, and what has been read of it.
pub(crate) struct Flow {
    pub(crate) id: ConnectionId,
    /// Bytes that may still be written; none is no bound.
    pub(crate) budget: Option<usize>,
    far: Option<ConnectionId>,
    pub(crate) delivered: u64,
}

/// The two stacks, and what is between them.
pub(crate) struct Bottleneck {
    pub(crate) sender: Stack,
    pub(crate) receiver: Stack,
    pub(crate) now: Instant,
    pub(crate) flows: Vec<Flow>,
    /// Packets with text that the queue had no room for.
    pub(crate) dropped: usize,
    pub(crate) marked: usize,
    /// Most bytes that the queue held.
    pub(crate) queue_peak: usize,
    /// Packets of the sender by number, from 0, that are lost whatever the queue says.
    pub(crate) lose: Vec<usize>,
    /// Packets that the sender has sent.
    pub(crate) sent: usize,
    path: Path,
    remote: SocketAddr,
    waiting: Vec<usize>,
    /// The queue: when each packet will have left it, and its length.
    queue: VecDeque<(Instant, usize)>,
    queued: usize,
    wire: BTreeMap<(Instant, usize), (End, Vec<u8>)>,
    number: usize,
    batch: PacketBatch,
}

fn stack(address: IpAddr, tcp: tcp::Config) -> Stack {
    let config = Config {
        addresses: vec![address],
        mtu: 1_040,
        port_range: 40_000..=40_999,
        connections_max: 100,
        time_wait_max: 100,
        tcp,
    };
    Stack::new(config, Secrets::from_bytes(&[7; Secrets::LEN]))
}

impl Bottleneck {
    /// Stacks with an MSS of 1000, no timestamps, and buffers that no test here fills.
    pub(crate) fn new(path: Path, change: impl FnOnce(&mut tcp::Config)) -> Self {
        let mut tcp = tcp::Config {
            send_buffer: 16 << 20,
            receive_buffer: 16 << 20,
            buffer_start: 16 << 20,
            timestamps: false,
            ..tcp::Config::default()
        };
        change(&mut tcp);
        let (near, far) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let remote = SocketAddr::new(far, 80);
        let mut receiver = stack(far, tcp);
        receiver.listen(remote, 16).expect("listens");
        Self {
            sender: stack(near, tcp),
            receiver,
            now: Instant::from_millis(1_000),
            flows: Vec::new(),
            dropped: 0,
            marked: 0,
            queue_peak: 0,
            lose: Vec::new(),
            sent: 0,
            path,
            remote,
            waiting: Vec::new(),
            queue: VecDeque::new(),
            queued: 0,
            wire: BTreeMap::new(),
            number: 0,
            batch: PacketBatch::new(64, 1_100),
        }
    }

    /// The path becomes another one; what is on its way arrives as it would have.
    pub(crate) fn set_path(&mut self, path: Path) {
        self.path = path;
    }

    /// Opens another flow, which writes as much as it may; its number.
    pub(crate) fn open(&mut self, budget: Option<usize>) -> usize {
        let id = self.sender.connect(self.now, self.remote).expect("connects");
        self.flows.push(Flow { id, budget, far: None, delivered: 0 });
        self.waiting.push(self.flows.len() - 1);
        self.flows.len() - 1
    }

    /// The sender's figures of a flow.
    pub(crate) fn info(&self, flow: usize) -> Info {
        self.sender.info(self.now, self.flows[flow].id).expect("lives")
    }

    /// Lets this much time pass.
    pub(crate) fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        for _ in 0..STEPS_MAX {
            self.act();
            let arrival = self.wire.keys().next().map(|(at, _)| *at);
            let timers = [arrival, self.sender.poll_timeout(), self.receiver.poll_timeout()];
            let Some(next) = timers.into_iter().flatten().min().filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            self.deliver();
            self.sender.handle_timeout(self.now);
            self.receiver.handle_timeout(self.now);
        }
        panic!("more than {STEPS_MAX} steps");
    }

    /// The owners write and read, and both stacks send.
    fn act(&mut self) {
        while self.sender.poll_event().is_some() {}
        while self.receiver.poll_event().is_some() {}
        self.accept();
        let now = self.now;
        for flow in &mut self.flows {
            let room = self.sender.writable_bytes(flow.id).unwrap_or(0);
            let most = flow.budget.unwrap_or(CHUNK.len()).min(CHUNK.len());
            if most > 0 && room >= most {
                let taken = self.sender.write(now, flow.id, &CHUNK[..most]).unwrap_or(0);
                flow.budget = flow.budget.map(|budget| budget - taken);
            }
            let Some(far) = flow.far else { continue };
            let mut out = [0; 16 << 10];
            while let Ok(Read::Bytes(count)) = self.receiver.read(now, far, &mut out) {
                flow.delivered += count as u64;
            }
        }
        self.transmit(End::Sender);
        self.transmit(End::Receiver);
    }

    /// Takes the connections that wait, and finds the flow of each by its port.
    fn accept(&mut self) {
        while let Some(listener) = self.receiver.poll_acceptable() {
            while let Some(far) = self.receiver.accept(listener) {
                let port = self.receiver.ends(far).expect("lives").1.port();
                let place = self.waiting.iter().position(|flow| {
                    let id = self.flows[*flow].id;
                    self.sender.ends(id).expect("lives").0.port() == port
                });
                let flow = self.waiting.remove(place.expect("a flow of ours"));
                self.flows[flow].far = Some(far);
            }
        }
    }

    fn transmit(&mut self, from: End) {
        loop {
            let stack = match from {
                End::Sender => &mut self.sender,
                End::Receiver => &mut self.receiver,
            };
            if !stack.poll_transmit(self.now, &mut self.batch) {
                return;
            }
            let packets: Vec<Vec<u8>> = self.batch.iter().map(<[u8]>::to_vec).collect();
            self.batch.clear();
            for packet in packets {
                self.number += 1;
                match from {
                    End::Sender => self.enqueue(packet),
                    End::Receiver => {
                        let arrival = (self.now + self.path.delay, self.number);
                        self.wire.insert(arrival, (End::Sender, packet));
                    }
                }
            }
        }
    }

    /// Puts a packet of the sender into the queue, or loses it.
    fn enqueue(&mut self, mut packet: Vec<u8>) {
        let lost = self.lose.contains(&self.sent);
        self.sent += 1;
        while let Some((_, len)) = self.queue.pop_front_if(|(leaves, _)| *leaves <= self.now) {
            self.queued -= len;
        }
        if lost || self.queued.saturating_add(packet.len()) > self.path.queue {
            self.dropped += 1;
            return;
        }
        if self.queued >= self.path.mark_from {
            self.marked += usize::from(mark(&mut packet));
        }
        let nanos = packet.len() as u64 * 1_000_000_000 / self.path.rate;
        let begins = self.queue.back().map_or(self.now, |(leaves, _)| *leaves);
        let leaves = begins + Duration::from_nanos(nanos);
        self.queued += packet.len();
        self.queue_peak = self.queue_peak.max(self.queued);
        self.queue.push_back((leaves, packet.len()));
        self.wire.insert((leaves + self.path.delay, self.number), (End::Receiver, packet));
    }

    fn deliver(&mut self) {
        while let Some(first) = self.wire.first_entry() {
            if first.key().0 > self.now {
                return;
            }
            let (end, packet) = first.remove();
            match end {
                End::Sender => self.sender.handle_packet(self.now, &packet),
                End::Receiver => self.receiver.handle_packet(self.now, &packet),
            }
        }
    }
}

/// Marks an IPv4 packet as having met congestion, if its sender speaks ECN: RFC 3168, section 5.
/// Says whether it did.
pub(crate) fn mark(packet: &mut [u8]) -> bool {
    let datagram = ip::parse(packet).expect("the stack sends well-formed packets");
    if !matches!(datagram.ecn, Ecn::Ect0 | Ecn::Ect1) {
        return false;
    }
    let before = packet[1];
    packet[1] |= Ecn::Ce.bits();
    // RFC 1624: the checksum's change follows from the field's.
    let mut sum = u32::from(!u16::from_be_bytes([packet[10], packet[11]]));
    sum += u32::from(!u16::from(before)) + u32::from(packet[1]);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let sum = !u16::try_from(sum).expect("folded");
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    true
}
