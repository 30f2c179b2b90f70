//! The stack against the kernel's TCP in a matrix: extensions off on either side, MTU, loss,
//! congestion marks, who connects, and the family. In each cell a stream goes each way at once, both
//! sides finish, and both hashes are equal at both ends.
//!
//! `WHARF_TEST_MATRIX=full` plays every cell; without it a set that covers all pairs. The table is
//! printed: `cargo nextest run --test interop_kernel --no-capture`.

mod support;

use std::fmt::{self, Write as _};
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::net::sockopt::{set_tcp_congestion, tcp_congestion};
use rustix::net::{AddressFamily, SocketType, connect, socket};
use rustix::thread::UnshareFlags;
use support::host::{ADDRESSES, GATEWAYS, Host};
use support::matrix;
use support::namespace::inside;
use support::stream::{End, Sink, Source, Streams};
use wharf_transport::stack::{ConnectionId, Stack};
use wharf_transport::tcp::{self, CloseReason, Event, Info, State};
use wharf_transport::time::Instant;

/// What each side sends.
const BYTES: usize = 300 << 10;

/// Cells played at once, each in a namespace of its own: most of a cell's time is waiting for
/// timers that loss has left.
const WORKERS: usize = 12;

/// No cell lasts longer: some dozen timeouts, one after the other.
const CELL_MAX: Duration = Duration::from_secs(60);

/// Longest retransmission timeout, on both sides. Without timestamps each segment sent again keeps
/// the timeout backed off until one is acknowledged that was sent once (Karn): with 5 % of loss a
/// cell may wait for minutes, which shows nothing.
const RTO_MAX: Duration = Duration::from_secs(2);

/// The congestion control of the kernel's sockets, whatever the machine's default is.
const KERNEL_CONGESTION: &str = "cubic";

/// The extensions that one side offers, or agrees to.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Extensions {
    timestamps: bool,
    sack: bool,
    scaling: bool,
    ecn: bool,
}

const ALL: Extensions = Extensions { timestamps: true, sack: true, scaling: true, ecn: true };
const NONE: Extensions = Extensions { timestamps: false, sack: false, scaling: false, ecn: false };

/// A name, what the stack offers, and what the kernel does.
const VARIANTS: [(&str, Extensions, Extensions); 11] = [
    ("all on", ALL, ALL),
    ("ours: no timestamps", Extensions { timestamps: false, ..ALL }, ALL),
    ("ours: no sack", Extensions { sack: false, ..ALL }, ALL),
    ("ours: no scaling", Extensions { scaling: false, ..ALL }, ALL),
    ("ours: no ecn", Extensions { ecn: false, ..ALL }, ALL),
    ("kernel: no timestamps", ALL, Extensions { timestamps: false, ..ALL }),
    ("kernel: no sack", ALL, Extensions { sack: false, ..ALL }),
    ("kernel: no scaling", ALL, Extensions { scaling: false, ..ALL }),
    ("kernel: no ecn", ALL, Extensions { ecn: false, ..ALL }),
    ("ours: none", NONE, ALL),
    ("kernel: none", ALL, NONE),
];

/// The least of a family, Ethernet's, and a jumbo frame's.
const MTUS: [[u16; 3]; 2] = [[576, 1_500, 9_000], [1_280, 1_500, 9_000]];

/// Packets lost, and packets marked CE where ECN is in use, of a thousand, each way.
const NETWORKS: [(u64, u64); 4] = [(0, 0), (10, 0), (50, 0), (0, 20)];

/// Variant, MTU, network, who connects, family.
const AXES: [usize; 5] = [VARIANTS.len(), 3, NETWORKS.len(), 2, 2];

/// One cell of the matrix.
#[derive(Clone, Copy)]
struct Cell {
    name: &'static str,
    ours: Extensions,
    kernel: Extensions,
    mtu: u16,
    loss: u64,
    marks: u64,
    /// Whether the stack connects to the kernel.
    active: bool,
    /// 0 for IPv4, 1 for IPv6.
    family: usize,
    seed: u64,
}

impl Cell {
    fn new(seed: usize, indices: &[usize]) -> Self {
        let [variant, mtu, network, active, family] = indices else { panic!("one index an axis") };
        let (name, ours, kernel) = VARIANTS[*variant];
        let (loss, marks) = NETWORKS[*network];
        Self {
            name,
            ours,
            kernel,
            mtu: MTUS[*family][*mtu],
            loss,
            marks,
            active: *active == 0,
            family: *family,
            seed: u64::try_from(seed).expect("small"),
        }
    }

    fn config(&self) -> tcp::Config {
        tcp::Config {
            timestamps: self.ours.timestamps,
            sack: self.ours.sack,
            window_scale: self.ours.scaling,
            ecn: self.ours.ecn,
            rto_max: RTO_MAX,
            ..tcp::Config::default()
        }
    }

    /// Sets up the kernel's side, in the namespace of this thread.
    fn configure_kernel(&self) {
        let Extensions { timestamps, sack, scaling, ecn } = self.kernel;
        for (name, value) in [
            ("tcp_timestamps", timestamps),
            ("tcp_sack", sack),
            ("tcp_window_scaling", scaling),
            ("tcp_ecn", ecn),
        ] {
            let value = if value { "1" } else { "0" };
            set_sysctl(name, value).expect("the kernel has it");
        }
        // Linux has it since 6.15; an older one takes its time.
        let _ = set_sysctl("tcp_rto_max_ms", &RTO_MAX.as_millis().to_string());
    }

    /// What both sides agree on.
    fn assert_agreed(&self, info: &Info) {
        let both = |of: fn(&Extensions) -> bool| of(&self.ours) && of(&self.kernel);
        assert_eq!(info.timestamps, both(|it| it.timestamps), "timestamps");
        assert_eq!(info.sack, both(|it| it.sack), "sack");
        let scaled = both(|it| it.scaling);
        assert_eq!((info.snd_wscale > 0, info.rcv_wscale > 0), (scaled, scaled), "scaling");
        // Whose SYN was lost leaves ECN off: RFC 3168, section 6.1.1.1.
        let ecn = both(|it| it.ecn);
        assert!(info.ecn == ecn || (self.loss > 0 && !info.ecn), "ecn");
        let headers = if self.family == 0 { 40 } else { 60 };
        assert_eq!(info.snd_mss, self.mtu - headers, "segment size");
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<21} {:>5} {:>3}% {:>2}% {:<15} {}",
            self.name,
            self.mtu,
            self.loss / 10,
            self.marks / 10,
            if self.active { "we connect" } else { "kernel connects" },
            if self.family == 0 { "IPv4" } else { "IPv6" },
        )
    }
}

/// What a cell has shown.
struct Outcome {
    /// Packets lost towards the stack, and towards the kernel.
    lost: [u64; 2],
    /// Packets marked towards the stack, and towards the kernel.
    marked: [u64; 2],
    /// Segments sent again by the stack, and by the kernel.
    resent: [u64; 2],
    equal: bool,
    took: Duration,
    congestion: String,
}

/// The kernel's end, on threads of this namespace: what it has sent and received, and the
/// congestion control of its socket.
type KernelEnd = JoinHandle<io::Result<(Streams, String, TcpStream)>>;

/// Sends a stream and receives another, at once; finishes, and waits for the other's end. The socket
/// is given back open: the kernel gives up one that nobody holds, without a word, at the first
/// timeout that is as long as it may be.
fn exchange(mut stream: TcpStream, seed: u64) -> io::Result<(Streams, String, TcpStream)> {
    let congestion = tcp_congestion(&stream)?;
    stream.set_read_timeout(Some(CELL_MAX))?;
    stream.set_write_timeout(Some(CELL_MAX))?;
    let mut writer = stream.try_clone()?;
    let sender = thread::spawn(move || {
        let mut source = Source::new(seed, BYTES);
        while !source.is_empty() {
            let count = writer.write(source.piece())?;
            source.take(count);
        }
        writer.shutdown(Shutdown::Write)?;
        io::Result::Ok(source)
    });
    let (mut sink, mut buffer) = (Sink::default(), vec![0; 16 << 10]);
    loop {
        match stream.read(&mut buffer)? {
            0 => break,
            count => sink.add(&buffer[..count]),
        }
    }
    let source = sender.join().expect("the sender does not panic")?;
    Ok((Streams::of(source, sink), congestion, stream))
}

fn kernel_accepts(listener: TcpListener, seed: u64) -> KernelEnd {
    thread::spawn(move || {
        let (stream, _) = listener.accept()?;
        exchange(stream, seed)
    })
}

fn kernel_connects(server: SocketAddr, seed: u64) -> KernelEnd {
    thread::spawn(move || {
        let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = socket(family, SocketType::STREAM, None)?;
        set_tcp_congestion(&socket, KERNEL_CONGESTION)?;
        connect(&socket, &server)?;
        exchange(TcpStream::from(socket), seed)
    })
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Sets a sysctl of this thread's namespace.
fn set_sysctl(name: &str, value: &str) -> io::Result<()> {
    std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value)
}

/// The figures of the kernel's TCP in this thread's namespace that say whether all went well.
struct KernelStats {
    resent: u64,
    /// Resets sent.
    resets: u64,
    /// Connections that ended with a reset, of either side.
    reset: u64,
    errors: u64,
}

fn kernel_stats() -> KernelStats {
    let text = std::fs::read_to_string("/proc/thread-self/net/snmp").expect("the kernel counts");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let names = lines.next().expect("names").split(' ');
    let values = lines.next().expect("values").split(' ');
    let of = |wanted: &str| {
        let mut pairs = names.clone().zip(values.clone());
        let value = pairs.find(|(name, _)| *name == wanted).expect("a counter of that name").1;
        value.parse::<u64>().expect("a number that grows")
    };
    let errors = of("InErrs") + of("InCsumErrors");
    let (resets, reset) = (of("OutRsts"), of("EstabResets"));
    KernelStats { resent: of("RetransSegs"), resets, reset, errors }
}

/// Whether the kernel has no connection left but in TIME-WAIT (6) or LISTEN (A).
fn kernel_is_done() -> bool {
    ["tcp", "tcp6"].iter().all(|table| {
        let text = std::fs::read_to_string(format!("/proc/thread-self/net/{table}"));
        let text = text.expect("the kernel shows its sockets");
        text.lines().skip(1).all(|line| {
            let state = line.split_whitespace().nth(3).expect("the state is the fourth");
            ["06", "0A"].contains(&state)
        })
    })
}

/// Plays a cell, in a network namespace that this thread alone has.
fn play(cell: &Cell) -> Outcome {
    own_namespace();
    cell.configure_kernel();
    let mut host = Host::of_families(cell.mtu, cell.config(), &[cell.family]);
    host.trouble(cell.loss, cell.marks, cell.seed);
    let (kernel, end) = if cell.active {
        let listener =
            TcpListener::bind((address(GATEWAYS[cell.family]), 0)).expect("the kernel listens");
        let remote = listener.local_addr().expect("bound");
        set_tcp_congestion(&listener, KERNEL_CONGESTION).expect("the kernel has it");
        let kernel = kernel_accepts(listener, !cell.seed);
        let now = host.now();
        (kernel, Some(host.stack.connect(now, remote).expect("a free port")))
    } else {
        let local = SocketAddr::new(address(ADDRESSES[cell.family]), 7);
        host.stack.listen(local, 4).expect("nobody else listens");
        (kernel_connects(local, !cell.seed), None)
    };
    let (ours, resets) = exchange_ours(cell, &mut host, end, &kernel);
    let joined = kernel.join().expect("it does not panic");
    let (theirs, congestion, _open) = joined.expect("the exchange");
    let stats = *host.stack.stats();
    let kernel = kernel_stats();
    assert_eq!((stats.in_errs, stats.ip_in_hdr_errors), (0, 0));
    let unwanted = (resets, kernel.reset, kernel.errors);
    assert_eq!(unwanted, ([0, 0], 0, 0), "resets and errors; the last packets:\n{}", host.trace());
    Outcome {
        lost: host.wires.each_ref().map(|wire| wire.lost),
        marked: host.wires.each_ref().map(|wire| wire.marked),
        resent: [stats.retrans_segs, kernel.resent],
        equal: ours.agree(&theirs, BYTES),
        took: host.now().since(Instant::ORIGIN),
        congestion,
    }
}

/// The stack's side of a cell, until both sides have ended in order; and the resets that it and the
/// kernel sent before its own end. To what the kernel still sends after that a reset is the answer
/// (RFC 9293, section 3.10.7.2), or an acknowledgement from TIME-WAIT, which the kernel resets if its
/// own socket has gone by then.
fn exchange_ours(
    cell: &Cell,
    host: &mut Host,
    connecting: Option<ConnectionId>,
    kernel: &KernelEnd,
) -> (Streams, [u64; 2]) {
    let mut resets = [0; 2];
    let mut end = connecting.map(|id| End::new(id, cell.seed, BYTES));
    let mut late = false;
    host.run(&mut |stack: &mut Stack, now, events: &[(ConnectionId, Event)]| {
        late = now.since(Instant::ORIGIN) > CELL_MAX;
        if late {
            return true;
        }
        if end.is_none() {
            let accepted = stack.poll_acceptable().and_then(|listener| stack.accept(listener));
            end = accepted.map(|id| End::new(id, cell.seed, BYTES));
        }
        let Some(end) = &mut end else { return false };
        if let Ok(info) = stack.info(now, end.id)
            && info.state == State::Established
        {
            cell.assert_agreed(&info);
        }
        for (_, event) in events.iter().filter(|(id, _)| *id == end.id) {
            if let Event::Closed(reason) = event {
                assert_eq!(*reason, CloseReason::Normal);
                end.closed = Some(*reason);
                resets = [stack.stats().out_rsts, kernel_stats().resets];
            }
        }
        end.turn(stack, now);
        end.closed.is_some() && kernel.is_finished() && kernel_is_done()
    });
    if late {
        let info = end.as_ref().and_then(|end| host.stack.info(host.now(), end.id).ok());
        panic!("it takes too long; the last packets, in us:\n{}{info:#?}", host.trace());
    }
    assert_eq!(host.stack.connections().count(), 0, "nothing is left");
    (end.expect("there was a connection").streams(), resets)
}

/// Moves this thread, and those that it will start, into a network namespace of their own.
#[expect(deprecated, reason = "it is unsafe for descriptor tables alone; this leaves them shared")]
fn own_namespace() {
    rustix::thread::unshare(UnshareFlags::NEWNET).expect("the test had the right to one");
}

/// Plays all cells, some at once; each fails by itself.
fn play_all(cells: &[Cell]) -> Vec<thread::Result<Outcome>> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new((0..cells.len()).map(|_| None).collect::<Vec<_>>());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(cell) = cells.get(index).copied() else { return };
                    let named = thread::Builder::new().name(cell.to_string());
                    let outcome = named.spawn(move || play(&cell)).expect("a thread").join();
                    outcomes.lock().expect("no panic here")[index] = Some(outcome);
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().expect("no panic here");
    outcomes.into_iter().map(|outcome| outcome.expect("each was played")).collect()
}

/// One line a cell, and the sums below.
fn table(cells: &[Cell], outcomes: &[thread::Result<Outcome>]) -> String {
    let mut text = format!(
        "{:<21} {:>5} {:>4} {:>3} {:<15} {:<4} {:>7} {:>11} {:>9} {:>11} {:>6} {:<6} SHA-256\n",
        "variant",
        "MTU",
        "loss",
        "CE",
        "direction",
        "IP",
        "bytes",
        "dropped",
        "marked",
        "sent again",
        "s",
        "kernel"
    );
    let mut sums = [0; 6];
    for (cell, outcome) in cells.iter().zip(outcomes) {
        text += &line(cell, outcome);
        let Ok(Outcome { lost, marked, resent, .. }) = outcome else { continue };
        let figures = lost.iter().chain(marked).chain(resent);
        sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
    }
    let pairs = ["dropped", "marked", "sent again"].into_iter().zip(sums.chunks(2));
    for (name, pair) in pairs {
        writeln!(text, "{name}: {} and {}", pair[0], pair[1]).expect("a string takes all");
    }
    text + "dropped and marked: to us, to the kernel; sent again: by us, by the kernel"
}

/// The line of a cell.
fn line(cell: &Cell, outcome: &thread::Result<Outcome>) -> String {
    let Ok(Outcome { lost, marked, resent, equal, took, congestion }) = outcome else {
        return format!("{cell} FAILED\n");
    };
    format!(
        "{cell} {:>7} {:>5} {:>5} {:>4} {:>4} {:>5} {:>5} {:>6.2} {congestion:<6} {}\n",
        2 * BYTES,
        lost[0],
        lost[1],
        marked[0],
        marked[1],
        resent[0],
        resent[1],
        took.as_secs_f64(),
        if *equal { "equal" } else { "DIFFERENT" },
    )
}

#[test]
fn every_cell_has_equal_hashes_with_the_kernel() {
    if !inside("every_cell_has_equal_hashes_with_the_kernel") {
        return;
    }
    let cells: Vec<Cell> = matrix::cells(&AXES)
        .iter()
        .enumerate()
        .map(|(seed, indices)| Cell::new(seed, indices))
        .collect();
    let outcomes = play_all(&cells);
    println!("\n{}", matrix::title(cells.len(), &AXES));
    println!("{}", table(&cells, &outcomes));
    let is_well = |outcome: &thread::Result<Outcome>| {
        outcome.as_ref().is_ok_and(|it| it.equal && it.congestion == KERNEL_CONGESTION)
    };
    let equal = outcomes.iter().filter(|outcome| is_well(outcome)).count();
    println!("{equal} of {} cells with equal hashes at both ends", cells.len());
    assert_eq!(equal, cells.len());
}
