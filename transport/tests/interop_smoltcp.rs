//! The stack against smoltcp, a TCP that others wrote, in a matrix on a virtual clock: extensions
//! off on either side, smoltcp's congestion control, windows, MTU, the network, who connects, and
//! the family. In each cell a stream goes each way at once, both sides finish, and both hashes are
//! equal at both ends. smoltcp's parsers read every packet of ours beside.
//!
//! The packets leave either stack through a memory device, and a seeded network carries them from
//! one cable to the other: a cell replays to the packet.
//!
//! `WHARF_TEST_MATRIX=full` plays every cell; without it a set that covers all pairs. The table is
//! printed: `cargo nextest run --test interop_smoltcp --no-capture`.

mod support;

use std::cell::Cell as ThreadCell;
use std::fmt;
use std::net::SocketAddr;

use smoltcp::iface::{Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::socket::tcp as smoltcp_tcp;
use smoltcp::time::Instant as SmoltcpInstant;
use smoltcp::wire::{HardwareAddress, IpCidr};
use support::matrix;
use support::oracle::assert_read_alike;
use support::stream::{End, Sink, Source, Streams};
use wharf_transport::PacketBatch;
use wharf_transport::device::simulated::{Chance, Faults, Link, LinkStats};
use wharf_transport::device::{Device, memory};
use wharf_transport::stack::{Config, ListenerId, Secrets, Stack};
use wharf_transport::tcp::{self, CloseReason, Event, State};
use wharf_transport::time::{Duration, Instant};

/// What each side sends.
const BYTES: usize = 100_000;

/// No cell lasts longer on its own clock: a window of 3 kB and 5 % of loss leave most of it to
/// smoltcp's retransmission timer.
const CELL_MAX: Duration = Duration::from_secs(1_800);

/// No cell takes more steps: a bound on work, whatever the clock says.
const STEPS_MAX: usize = 200_000;

/// Packets that a cable holds.
const CABLE: usize = 4_096;

/// A variant's name, what of ours is off or on, and whether smoltcp sends timestamps.
type Variant = (&'static str, fn(&mut tcp::Config), bool);

const VARIANTS: [Variant; 8] = [
    ("all on", |_| {}, true),
    ("ours: no timestamps", |it| it.timestamps = false, true),
    ("ours: no sack", |it| it.sack = false, true),
    ("ours: no scaling", |it| it.window_scale = false, true),
    ("ours: ecn offered", |it| it.ecn = true, true),
    ("ours: reno, nagle", |it| (it.congestion, it.nagle) = (tcp::Congestion::Reno, true), true),
    ("ours: none", |it| (it.timestamps, it.sack, it.window_scale) = (false, false, false), true),
    ("smoltcp: no timestamps", |_| {}, false),
];

const CONGESTIONS: [(&str, smoltcp_tcp::CongestionControl); 3] = [
    ("none", smoltcp_tcp::CongestionControl::None),
    ("reno", smoltcp_tcp::CongestionControl::Reno),
    ("cubic", smoltcp_tcp::CongestionControl::Cubic),
];

/// Buffers of ours and of smoltcp's, in bytes. The small ones hold less than a segment of a jumbo
/// frame: both sides' rules against silly windows meet.
const WINDOWS: [(&str, usize, usize); 3] =
    [("large", 256 << 10, 200_000), ("ours 3 kB", 3_000, 65_535), ("theirs 3 kB", 65_535, 3_000)];

/// The least of a family, Ethernet's, and a jumbo frame's.
const MTUS: [[u16; 3]; 2] = [[576, 1_500, 9_000], [1_280, 1_500, 9_000]];

/// Percents of loss, of reordering, and of duplication.
const NETWORKS: [(u32, u32, u32); 6] =
    [(0, 0, 0), (1, 0, 0), (5, 0, 0), (0, 20, 0), (1, 10, 2), (5, 20, 2)];

/// Variant, smoltcp's congestion control, windows, MTU, network, who connects, family.
const AXES: [usize; 7] =
    [VARIANTS.len(), CONGESTIONS.len(), WINDOWS.len(), 3, NETWORKS.len(), 2, 2];

/// Our address and smoltcp's, by family.
const ADDRESSES: [[&str; 2]; 2] = [["192.0.2.1", "192.0.2.2"], ["2001:db8::1", "2001:db8::2"]];

/// The port of whoever listens.
const PORT: u16 = 80;

/// smoltcp's port when it connects.
const SMOLTCP_PORT: u16 = 50_000;

thread_local! {
    /// smoltcp asks a plain function for its timestamps: the milliseconds of the cell's clock.
    static MILLISECONDS: ThreadCell<u32> = const { ThreadCell::new(0) };
}

/// One cell of the matrix.
#[derive(Clone, Copy)]
struct Cell {
    variant: Variant,
    congestion: (&'static str, smoltcp_tcp::CongestionControl),
    windows: (&'static str, usize, usize),
    mtu: u16,
    network: (u32, u32, u32),
    /// Whether we connect.
    active: bool,
    /// 0 for IPv4, 1 for IPv6.
    family: usize,
    seed: u64,
}

impl Cell {
    fn new(seed: usize, indices: &[usize]) -> Self {
        let [variant, congestion, windows, mtu, network, active, family] = indices else {
            panic!("one index an axis")
        };
        Self {
            variant: VARIANTS[*variant],
            congestion: CONGESTIONS[*congestion],
            windows: WINDOWS[*windows],
            mtu: MTUS[*family][*mtu],
            network: NETWORKS[*network],
            active: *active == 0,
            family: *family,
            seed: u64::try_from(seed).expect("small"),
        }
    }

    fn faults(&self) -> Faults {
        let (loss, reorder, duplicate) = self.network;
        Faults {
            loss: Chance::percent(loss),
            delay: Duration::from_millis(5),
            reorder: Chance::percent(reorder),
            reorder_by: Duration::from_millis(3),
            duplicate: Chance::percent(duplicate),
            mtu: usize::from(self.mtu),
            ..Faults::default()
        }
    }

    fn address(&self, side: usize) -> std::net::IpAddr {
        ADDRESSES[self.family][side].parse().expect("an address")
    }

    fn stack(&self) -> Stack {
        let mut tcp = tcp::Config {
            receive_buffer: self.windows.1,
            send_buffer: self.windows.1,
            // Longer than a FIN of smoltcp's, backed off, and its repetitions may take.
            time_wait: Duration::from_secs(600),
            ..tcp::Config::default()
        };
        (self.variant.1)(&mut tcp);
        let config = Config {
            addresses: vec![self.address(0)],
            mtu: self.mtu,
            port_range: 32_768..=60_999,
            connections_max: 10,
            time_wait_max: 10,
            tcp,
        };
        let mut secret = [3; Secrets::LEN];
        secret[..8].copy_from_slice(&self.seed.to_le_bytes());
        Stack::new(config, Secrets::from_bytes(&secret))
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (loss, reorder, duplicate) = self.network;
        write!(
            f,
            "{:<22} {:<5} {:<11} {:>5} {loss:>3}% {reorder:>3}% {duplicate:>2}% {:<16} {}",
            self.variant.0,
            self.congestion.0,
            self.windows.0,
            self.mtu,
            if self.active { "we connect" } else { "smoltcp connects" },
            if self.family == 0 { "IPv4" } else { "IPv6" },
        )
    }
}

/// smoltcp's side of a memory device.
struct Cable {
    end: memory::End,
    batch: PacketBatch,
}

impl Cable {
    fn new(end: memory::End) -> Self {
        let batch = PacketBatch::new(1, usize::from(end.mtu()));
        Self { end, batch }
    }
}

/// A packet for smoltcp.
struct Received(Vec<u8>);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

/// Room for a packet of smoltcp's.
struct Room<'a>(&'a mut Cable);

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut packet = vec![0; len];
        let result = write(&mut packet);
        assert!(self.0.batch.push(&packet), "smoltcp keeps to the MTU");
        self.0.end.send(&mut self.0.batch).expect("a cable in memory");
        result
    }
}

impl phy::Device for Cable {
    type RxToken<'a> = Received;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _now: SmoltcpInstant) -> Option<(Received, Room<'_>)> {
        self.end.receive(&mut self.batch).expect("a cable in memory");
        let packet = self.batch.iter().next()?.to_vec();
        self.batch.clear();
        Some((Received(packet), Room(self)))
    }

    fn transmit(&mut self, _now: SmoltcpInstant) -> Option<Room<'_>> {
        Some(Room(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = usize::from(self.end.mtu());
        capabilities
    }
}

/// smoltcp with one socket, and what that sends and has received.
struct Smoltcp {
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    cable: Cable,
    source: Source,
    sink: Sink,
}

fn their_time(now: Instant) -> SmoltcpInstant {
    let micros = now.as_nanos() / 1_000;
    SmoltcpInstant::from_micros(i64::try_from(micros).expect("cells are short"))
}

impl Smoltcp {
    fn new(cell: &Cell, now: Instant, mut cable: Cable) -> Self {
        let mut config = smoltcp::iface::Config::new(HardwareAddress::Ip);
        config.random_seed = cell.seed;
        let mut interface = Interface::new(config, &mut cable, their_time(now));
        let prefix_len = if cell.family == 0 { 24 } else { 64 };
        interface.update_ip_addrs(|addresses| {
            let own = IpCidr::new(cell.address(1).into(), prefix_len);
            addresses.push(own).expect("room for one address");
        });
        let buffer = || smoltcp_tcp::SocketBuffer::new(vec![0; cell.windows.2]);
        let mut socket = smoltcp_tcp::Socket::new(buffer(), buffer());
        socket.set_congestion_control(cell.congestion.1);
        if cell.variant.2 {
            socket.set_tsval_generator(Some(|| MILLISECONDS.get()));
        }
        if cell.active {
            socket.listen((cell.address(1), PORT)).expect("nobody else listens");
        } else {
            let (remote, local) = ((cell.address(0), PORT), (cell.address(1), SMOLTCP_PORT));
            socket.connect(interface.context(), remote, local).expect("the socket is new");
        }
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket);
        let (source, sink) = (Source::new(!cell.seed, BYTES), Sink::default());
        Self { interface, sockets, handle, cable, source, sink }
    }

    /// Takes in, reads and writes, and gives out, until nothing is left to do now.
    fn turn(&mut self, now: Instant) {
        let now = their_time(now);
        loop {
            let polled = self.interface.poll(now, &mut self.cable, &mut self.sockets);
            let moved = self.exchange();
            if polled == PollResult::None && !moved {
                return;
            }
        }
    }

    /// Reads all there is and writes all that is taken; whether there was any.
    fn exchange(&mut self) -> bool {
        let socket = self.sockets.get_mut::<smoltcp_tcp::Socket<'_>>(self.handle);
        let (sink, source) = (&mut self.sink, &mut self.source);
        let mut moved = false;
        while socket.can_recv() {
            let take = |bytes: &mut [u8]| (bytes.len(), sink.add(bytes));
            socket.recv(take).expect("there is something to read");
            moved = true;
        }
        while socket.can_send() && !source.is_empty() {
            let count = socket.send_slice(source.piece()).expect("it can send");
            source.take(count);
            moved = true;
        }
        if source.is_empty() && socket.may_send() {
            // Half of a close, in spite of its name: what comes is still received.
            socket.close();
            moved = true;
        }
        moved
    }

    fn state(&self) -> smoltcp_tcp::State {
        self.sockets.get::<smoltcp_tcp::Socket<'_>>(self.handle).state()
    }

    /// Whether its part is over: in TIME-WAIT it has the other's FIN.
    fn is_done(&self) -> bool {
        [smoltcp_tcp::State::Closed, smoltcp_tcp::State::TimeWait].contains(&self.state())
            && self.source.is_empty()
    }

    fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        let due = self.interface.poll_at(their_time(now), &self.sockets)?;
        let micros = u64::try_from(due.total_micros()).expect("after the origin");
        Some(Instant::from_nanos(micros * 1_000))
    }
}

/// A cell as it is played.
struct World {
    cell: Cell,
    now: Instant,
    stack: Stack,
    listener: Option<ListenerId>,
    end: Option<End>,
    /// Resets that we sent before our own end. To what still comes after that a reset is the
    /// answer: RFC 9293, section 3.10.7.2.
    resets: u64,
    device: memory::End,
    smoltcp: Smoltcp,
    /// The network's ends of both cables, ours first.
    sockets: [memory::End; 2],
    /// From us to smoltcp, and back.
    links: [Link; 2],
    batch: PacketBatch,
}

/// What a cell has shown.
struct Outcome {
    links: [LinkStats; 2],
    resent: u64,
    took: Duration,
    equal: bool,
}

impl World {
    fn new(cell: Cell) -> Self {
        let now = Instant::from_millis(1);
        let (device, near) = memory::pair(cell.mtu, CABLE);
        let (far, theirs) = memory::pair(cell.mtu, CABLE);
        let mut stack = cell.stack();
        let (listener, end) = if cell.active {
            let id = stack.connect(now, SocketAddr::new(cell.address(1), PORT));
            (None, Some(End::new(id.expect("a free port"), cell.seed, BYTES)))
        } else {
            let local = SocketAddr::new(cell.address(0), PORT);
            (Some(stack.listen(local, 4).expect("nobody else listens")), None)
        };
        Self {
            cell,
            now,
            stack,
            listener,
            end,
            resets: 0,
            device,
            smoltcp: Smoltcp::new(&cell, now, Cable::new(theirs)),
            sockets: [near, far],
            links: [0, 1].map(|side| Link::new(cell.faults(), 2 * cell.seed + side)),
            batch: PacketBatch::new(64, usize::from(cell.mtu)),
        }
    }

    /// Plays until both sides have ended in order.
    fn play(mut self) -> Outcome {
        for _ in 0..STEPS_MAX {
            self.turn();
            let is_closed = self.end.as_ref().is_some_and(|end| end.closed.is_some());
            if is_closed && self.smoltcp.is_done() {
                return self.outcome();
            }
            let next = self.next_time().expect("something is under way");
            self.now = next.max(self.now + Duration::from_micros(1));
            let took = self.now.since(Instant::from_millis(1));
            assert!(took < CELL_MAX, "it never ends; smoltcp is {}", self.smoltcp.state());
        }
        let [ours, theirs, links] = [
            self.stack.poll_timeout(),
            self.smoltcp.poll_timeout(self.now),
            self.links.iter().filter_map(Link::poll_timeout).min(),
        ];
        let info = self.end.as_ref().map(|end| self.stack.info(self.now, end.id));
        panic!(
            "too many steps at {:?}: we wait for {ours:?}, smoltcp, which is {}, for {theirs:?}, the \
             network for {links:?}; {info:#?}",
            self.now,
            self.smoltcp.state()
        );
    }

    fn turn(&mut self) {
        self.deliver();
        self.turn_ours();
        MILLISECONDS.set(u32::try_from(self.now.as_nanos() / 1_000_000).expect("cells are short"));
        self.smoltcp.turn(self.now);
        self.carry_off();
    }

    /// From the network to the cables: what has arrived.
    fn deliver(&mut self) {
        for (link, socket) in self.links.iter_mut().zip([1, 0]) {
            while link.poll_deliver(self.now, &mut self.batch) > 0 {
                let sent = self.sockets[socket].send(&mut self.batch).expect("a cable in memory");
                assert_eq!(sent.dropped, 0, "the cable is long enough");
            }
        }
    }

    /// From the cables to the network.
    fn carry_off(&mut self) {
        for (link, socket) in self.links.iter_mut().zip(&mut self.sockets) {
            while socket.receive(&mut self.batch).expect("a cable in memory") > 0 {
                self.batch.iter().for_each(|packet| link.handle_packet(self.now, packet));
                self.batch.clear();
            }
        }
    }

    fn turn_ours(&mut self) {
        let Self { now, stack, device, batch, resets, .. } = self;
        while device.receive(batch).expect("a cable in memory") > 0 {
            batch.iter().for_each(|packet| stack.handle_packet(*now, packet));
            batch.clear();
        }
        stack.handle_timeout(*now);
        if let Some(id) = self.listener.and_then(|listener| stack.accept(listener)) {
            assert!(self.end.is_none(), "one handshake makes one connection");
            self.end = Some(End::new(id, self.cell.seed, BYTES));
        }
        while let Some((_, event)) = stack.poll_event() {
            if let (Event::Closed(reason), Some(end)) = (event, &mut self.end) {
                assert_eq!(reason, CloseReason::Normal);
                end.closed = Some(reason);
                *resets = stack.stats().out_rsts;
            }
        }
        if let Some(end) = &mut self.end {
            end.turn(stack, *now);
        }
        while stack.poll_transmit(*now, batch) {
            batch.iter().for_each(assert_read_alike);
            let sent = device.send(batch).expect("a cable in memory");
            assert_eq!(sent.dropped, 0, "the cable is long enough");
        }
        stack.assert_invariants();
    }

    fn next_time(&mut self) -> Option<Instant> {
        let ours = self.stack.poll_timeout();
        let links = self.links.iter().filter_map(Link::poll_timeout).min();
        ours.into_iter().chain(links).chain(self.smoltcp.poll_timeout(self.now)).min()
    }

    fn outcome(self) -> Outcome {
        let stats = self.stack.stats();
        assert_eq!((stats.in_errs, stats.ip_in_hdr_errors), (0, 0), "errors");
        assert_eq!((self.resets, stats.estab_resets), (0, 0), "resets");
        let live = State::ALL.into_iter();
        let live = live.filter(|state| ![State::Listen, State::TimeWait].contains(state));
        assert_eq!(live.map(|state| self.stack.connections_in(state)).sum::<usize>(), 0);
        let theirs = Streams::of(self.smoltcp.source, self.smoltcp.sink);
        Outcome {
            links: self.links.each_ref().map(|link| *link.stats()),
            resent: stats.retrans_segs,
            took: self.now.since(Instant::from_millis(1)),
            equal: self.end.expect("it was connected").streams().agree(&theirs, BYTES),
        }
    }
}

fn cells() -> Vec<Cell> {
    let indices = matrix::cells(&AXES).into_iter().enumerate();
    indices.map(|(seed, indices)| Cell::new(seed, &indices)).collect()
}

#[test]
fn every_cell_has_equal_hashes_with_smoltcp() {
    let cells = cells();
    println!("{}", matrix::title(cells.len(), &AXES));
    println!(
        "{:<22} {:<5} {:<11} {:>5} {:>4} {:>4} {:>3} {:<16} {:<4} {:>7} {:>9} {:>10} {:>7} SHA-256",
        "variant",
        "cwnd",
        "windows",
        "MTU",
        "loss",
        "late",
        "dup",
        "direction",
        "IP",
        "bytes",
        "dropped",
        "sent again",
        "s"
    );
    let mut equal = 0;
    for cell in &cells {
        let played = std::panic::catch_unwind(|| World::new(*cell).play());
        let Ok(outcome) = played else {
            println!("{cell} FAILED");
            continue;
        };
        let [to_them, to_us] = outcome.links;
        println!(
            "{cell} {:>7} {:>4} {:>4} {:>10} {:>7.2} {}",
            2 * BYTES,
            to_us.lost,
            to_them.lost,
            outcome.resent,
            outcome.took.as_secs_f64(),
            if outcome.equal { "equal" } else { "DIFFERENT" },
        );
        equal += usize::from(outcome.equal);
    }
    println!("{equal} of {} cells with equal hashes at both ends", cells.len());
    assert_eq!(equal, cells.len());
}

#[test]
fn a_cell_replays_to_the_packet() {
    let play = |cell: Cell| {
        let outcome = World::new(cell).play();
        (outcome.links, outcome.resent, outcome.took)
    };
    // All on, cubic, large windows, Ethernet's MTU, the worst network, each direction.
    for direction in [0, 1] {
        let cell = Cell::new(7, &[0, 2, 0, 1, 5, direction, 0]);
        assert_eq!(play(cell), play(cell));
    }
}

#[test]
fn the_cells_cover_every_pair() {
    let cells = matrix::covering_all_pairs(matrix::all(&AXES));
    for (a, length_a) in AXES.into_iter().enumerate() {
        for (b, length_b) in AXES.into_iter().enumerate().skip(a + 1) {
            for (i, j) in (0..length_a).flat_map(|i| (0..length_b).map(move |j| (i, j))) {
                let has = cells.iter().any(|cell| (cell[a], cell[b]) == (i, j));
                assert!(has, "axes {a} and {b}: {i} and {j}");
            }
        }
    }
    assert_eq!(matrix::all(&AXES).len(), AXES.into_iter().product::<usize>());
}
