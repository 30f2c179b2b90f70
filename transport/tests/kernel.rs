//! The stack against the kernel's TCP, over a real TUN device in a network namespace of the
//! test's own.
//!
//! Skipped with the reason where there is no right to a namespace or to the device, unless
//! WHARF_TEST_REQUIRE is set. The host's interfaces are never touched, and the end of the inner
//! process ends the namespace.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wharf_transport::PacketBatch;
use wharf_transport::device::Device;
use wharf_transport::device::netlink::{InterfaceAddress, Netlink};
use wharf_transport::device::tun::Tun;
use wharf_transport::stack::{Config, ConnectionId, Secrets, Stack, Stats};
use wharf_transport::tcp::{self, CloseReason, Event, Read};
use wharf_transport::time::Instant;

/// Set for the inner process.
const MARK: &str = "WHARF_TEST_NAMESPACE";

/// What is echoed in each test.
const BYTES: usize = 1 << 20;

/// The kernel's addresses, and the stack's.
const GATEWAYS: [&str; 2] = ["10.213.0.1", "fd00:213::1"];
const ADDRESSES: [&str; 2] = ["10.213.0.2", "fd00:213::2"];

/// Whether this process is in a namespace of its own; if not, runs the test in one.
fn inside(test: &str) -> bool {
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    if let Err(error) = std::fs::File::options().read(true).write(true).open("/dev/net/tun") {
        skip(test, &format!("/dev/net/tun: {error}"));
        return false;
    }
    match unshare_arguments() {
        Ok(arguments) => run_again(arguments, test),
        Err(reason) => skip(test, &reason),
    }
    false
}

/// How to get a network namespace: as root, or as root of a user namespace.
fn unshare_arguments() -> Result<&'static [&'static str], String> {
    let mut reason = String::new();
    for arguments in [&["--net"][..], &["--user", "--map-root-user", "--net"]] {
        match Command::new("unshare").args(arguments).arg("true").output() {
            Ok(output) if output.status.success() => return Ok(arguments),
            Ok(output) => reason = String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => reason = format!("unshare: {error}"),
        }
    }
    Err(reason)
}

fn run_again(arguments: &[&str], test: &str) {
    let binary = std::env::current_exe().expect("a test is a file");
    let output = Command::new("timeout")
        .args(["--kill-after=1", "60", "unshare"])
        .args(arguments)
        .arg(binary)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .output()
        .expect("timeout and unshare are there");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{test} in its namespace:\n{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "{test} did not run: is that its name?\n{stdout}");
}

#[expect(clippy::print_stdout, reason = "a skip says why, where the tests' output is read")]
fn skip(test: &str, reason: &str) {
    let required = std::env::var_os("WHARF_TEST_REQUIRE").is_some();
    assert!(!required, "{test} is required, but cannot run here: {reason}");
    println!("skipped {test}: {reason}");
}

/// A stack and its device, and the loop that drives both.
struct Host {
    stack: Stack,
    tun: Tun,
    started: std::time::Instant,
    batch: PacketBatch,
}

/// What the loop's owner does in each turn; true when it is done.
type Turn<'a> = dyn FnMut(&mut Stack, Instant, &[(ConnectionId, Event)]) -> bool + 'a;

impl Host {
    fn new(mtu: u16) -> Self {
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
            tcp: tcp::Config::default(),
        };
        Self {
            stack: Stack::new(config, Secrets::from_bytes(&[42; Secrets::LEN])),
            tun,
            started: clock(),
            batch: PacketBatch::new(64, usize::from(mtu)),
        }
    }

    fn now(&self) -> Instant {
        Instant::ORIGIN + (clock() - self.started)
    }

    /// Turns the loop until the owner is done.
    fn run(&mut self, turn: &mut Turn<'_>) {
        loop {
            let now = self.now();
            while self.tun.receive(&mut self.batch).expect("the device is up") > 0 {
                for packet in &self.batch {
                    self.stack.handle_packet(now, packet);
                }
                self.batch.clear();
            }
            self.stack.handle_timeout(now);
            let events: Vec<_> = std::iter::from_fn(|| self.stack.poll_event()).collect();
            let done = turn(&mut self.stack, now, &events);
            while self.stack.poll_transmit(now, &mut self.batch) {
                self.tun.send(&mut self.batch).expect("the device is up");
            }
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

/// Byte `index` of what is echoed.
fn pattern(index: usize) -> u8 {
    u8::try_from(index % 251).expect("below 251")
}

/// The stack's side of an echo: writes the pattern, reads it back, or gives back what comes.
struct Echo {
    id: ConnectionId,
    /// Bytes of the pattern still to be written; of what was read still to be given back.
    outgoing: Vec<u8>,
    written: usize,
    read: usize,
    answers: bool,
    finished: bool,
    eof: bool,
}

impl Echo {
    /// Speaks first: the peer echoes.
    fn asks(id: ConnectionId) -> Self {
        let outgoing = (0..BYTES).map(pattern).collect();
        Self { id, outgoing, written: 0, read: 0, answers: false, finished: false, eof: false }
    }

    /// Gives back what the peer says.
    fn answers(id: ConnectionId) -> Self {
        Self {
            id,
            outgoing: Vec::new(),
            written: 0,
            read: 0,
            answers: true,
            finished: false,
            eof: false,
        }
    }

    fn turn(&mut self, stack: &mut Stack, now: Instant) {
        self.read(stack, now);
        self.write(stack, now);
        if !self.finished && self.outgoing.is_empty() && (self.eof || !self.answers) {
            stack.finish(now, self.id).expect("not finished before");
            self.finished = true;
        }
    }

    fn read(&mut self, stack: &mut Stack, now: Instant) {
        let mut buffer = vec![0; 16 << 10];
        // What waits to be given back is bounded: the window closes meanwhile.
        while !self.answers || self.outgoing.len() < 64 << 10 {
            match stack.read(now, self.id, &mut buffer).expect("the connection lives") {
                Read::Bytes(count) => {
                    let expected = (self.read..self.read + count).map(pattern);
                    assert!(buffer[..count].iter().copied().eq(expected), "the bytes are the same");
                    self.read += count;
                    if self.answers {
                        self.outgoing.extend_from_slice(&buffer[..count]);
                    }
                }
                Read::Empty => return,
                Read::Eof => {
                    self.eof = true;
                    return;
                }
            }
        }
    }

    fn write(&mut self, stack: &mut Stack, now: Instant) {
        while !self.outgoing.is_empty() {
            let taken = stack.write(now, self.id, &self.outgoing).expect("the connection lives");
            if taken == 0 {
                return;
            }
            self.outgoing.drain(..taken);
            self.written += taken;
        }
    }
}

/// Whether the events say that `id` ended in order.
fn ended(events: &[(ConnectionId, Event)], id: ConnectionId) -> bool {
    events.iter().any(|(of, event)| {
        if let Event::Closed(reason) = event {
            assert_eq!((*of, *reason), (id, CloseReason::Normal));
        }
        matches!(event, Event::Closed(_)) && *of == id
    })
}

/// The kernel's side of an echo, as a server.
fn kernel_server(listener: TcpListener) -> JoinHandle<io::Result<u64>> {
    thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let mut reader = stream.try_clone()?;
        let copied = io::copy(&mut reader, &mut stream)?;
        stream.shutdown(Shutdown::Write)?;
        Ok(copied)
    })
}

/// The kernel's side of an echo, as a client.
fn kernel_client(server: SocketAddr) -> JoinHandle<io::Result<usize>> {
    thread::spawn(move || {
        let mut stream = TcpStream::connect(server)?;
        let mut writer = stream.try_clone()?;
        let sender = thread::spawn(move || {
            let bytes: Vec<u8> = (0..BYTES).map(pattern).collect();
            writer.write_all(&bytes)?;
            writer.shutdown(Shutdown::Write)
        });
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        sender.join().expect("the sender does not panic")?;
        let same = bytes.iter().copied().eq((0..BYTES).map(pattern));
        if same { Ok(bytes.len()) } else { Err(io::Error::other("other bytes came back")) }
    })
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn assert_no_errors(stats: &Stats) {
    assert_eq!((stats.in_errs, stats.in_csum_errors, stats.ip_in_hdr_errors), (0, 0, 0));
    assert_eq!(stats.no_connection, 0);
}

#[test]
fn ping_is_answered() {
    if !inside("ping_is_answered") {
        return;
    }
    let mut host = Host::new(1_500);
    for own in ADDRESSES {
        let done = Arc::new(AtomicBool::new(false));
        let answered = Arc::clone(&done);
        let ping = thread::spawn(move || {
            let output = Command::new("ping")
                .args(["-n", "-c", "3", "-i", "0.2", "-W", "2", "-s", "1400", own])
                .output();
            answered.store(true, Ordering::Release);
            output
        });
        host.run(&mut |_, _, _| done.load(Ordering::Acquire));
        let output = ping.join().expect("the thread does not panic").expect("ping is there");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("3 received") && text.contains(" 0% packet loss"), "{text}");
    }
    assert_eq!(host.stack.stats().icmp_out_echo_reps, 6);
}

#[test]
fn the_kernel_echoes_what_the_stack_sends() {
    if !inside("the_kernel_echoes_what_the_stack_sends") {
        return;
    }
    let mut host = Host::new(1_500);
    for gateway in GATEWAYS {
        let listener = TcpListener::bind((address(gateway), 0)).expect("the kernel listens");
        let remote = listener.local_addr().expect("bound");
        let server = kernel_server(listener);
        let now = host.now();
        let id = host.stack.connect(now, remote).expect("a free port");
        let mut echo = Echo::asks(id);
        host.run(&mut |stack, now, events| {
            let over = ended(events, id);
            if !over {
                echo.turn(stack, now);
            }
            over
        });
        assert_eq!((echo.written, echo.read), (BYTES, BYTES));
        let copied = server.join().expect("the thread does not panic").expect("the echo");
        assert_eq!(copied, u64::try_from(BYTES).expect("small"));
    }
    assert_no_errors(host.stack.stats());
    assert_eq!(host.stack.time_waits().count(), 2, "the stack closed first");
}

#[test]
fn the_stack_echoes_what_the_kernel_sends() {
    if !inside("the_stack_echoes_what_the_kernel_sends") {
        return;
    }
    let mut host = Host::new(1_500);
    for own in ADDRESSES {
        let local = SocketAddr::new(address(own), 7);
        let listener = host.stack.listen(local, 4).expect("nobody else listens");
        let client = kernel_client(local);
        let mut echo: Option<Echo> = None;
        host.run(&mut |stack, now, events| {
            if stack.poll_acceptable() == Some(listener) {
                echo = stack.accept(listener).map(Echo::answers);
            }
            let Some(echo) = &mut echo else { return false };
            let over = ended(events, echo.id);
            if !over {
                echo.turn(stack, now);
            }
            over
        });
        let received = client.join().expect("the thread does not panic").expect("the echo");
        assert_eq!(received, BYTES);
    }
    assert_no_errors(host.stack.stats());
    assert_eq!(host.stack.connections().count(), 0);
}

#[test]
fn a_port_without_a_listener_refuses_on_both_sides() {
    if !inside("a_port_without_a_listener_refuses_on_both_sides") {
        return;
    }
    let mut host = Host::new(1_500);
    for (gateway, own) in GATEWAYS.into_iter().zip(ADDRESSES) {
        let now = host.now();
        let id = host.stack.connect(now, SocketAddr::new(address(gateway), 9)).expect("a port");
        host.run(&mut |_, _, events| events.contains(&(id, Event::Closed(CloseReason::Refused))));
        let refused = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&refused);
        let client = thread::spawn(move || {
            let result = TcpStream::connect((address(own), 9));
            seen.store(true, Ordering::Release);
            result.map(drop)
        });
        host.run(&mut |_, _, _| refused.load(Ordering::Acquire));
        let error = client.join().expect("the thread does not panic").expect_err("refused");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}

#[test]
fn small_and_large_mtus_carry_the_same_bytes() {
    if !inside("small_and_large_mtus_carry_the_same_bytes") {
        return;
    }
    for mtu in [1_280, 9_000] {
        let mut host = Host::new(mtu);
        let listener = TcpListener::bind((address(GATEWAYS[1]), 0)).expect("the kernel listens");
        let remote = listener.local_addr().expect("bound");
        let server = kernel_server(listener);
        let now = host.now();
        let id = host.stack.connect(now, remote).expect("a free port");
        let mut echo = Echo::asks(id);
        host.run(&mut |stack, now, events| {
            let over = ended(events, id);
            if !over {
                echo.turn(stack, now);
            }
            over
        });
        assert_eq!(echo.read, BYTES, "MTU {mtu}");
        server.join().expect("the thread does not panic").expect("the echo");
        assert_no_errors(host.stack.stats());
    }
}
