//! The stack against the kernel's TCP, over a real TUN device in a network namespace of the
//! test's own. Skipped with the reason where there is no right to it, unless WHARF_TEST_REQUIRE
//! is set.

mod support;

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use support::host::{ADDRESSES, GATEWAYS, Host};
use support::namespace::inside;
use wharf_transport::stack::{ConnectionId, Stack, Stats};
use wharf_transport::tcp::{self, CloseReason, Event, Read};
use wharf_transport::time::Instant;

/// What is echoed in each test.
const BYTES: usize = 1 << 20;

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

/// Connects to a server of the kernel's at `gateway`, which gives back all that it is sent.
fn echo_by_kernel(host: &mut Host, gateway: &str) {
    let listener = TcpListener::bind((address(gateway), 0)).expect("the kernel listens");
    let remote = listener.local_addr().expect("bound");
    let server = kernel_server(listener);
    let now = host.now();
    let id = host.stack.connect(now, remote).expect("a free port");
    let mut echo = Echo::asks(id);
    let mut ecn = false;
    host.run(&mut |stack, now, events| {
        let over = ended(events, id);
        ecn |= stack.info(now, id).is_ok_and(|info| info.ecn);
        if !over {
            echo.turn(stack, now);
        }
        over
    });
    assert_eq!(ecn, host.stack.config().tcp.ecn, "the kernel agrees if we offer");
    assert_eq!((echo.written, echo.read), (BYTES, BYTES));
    let copied = server.join().expect("the thread does not panic").expect("the echo");
    assert_eq!(copied, u64::try_from(BYTES).expect("small"));
}

#[test]
fn the_kernel_echoes_what_the_stack_sends() {
    if !inside("the_kernel_echoes_what_the_stack_sends") {
        return;
    }
    let mut host = Host::new(1_500);
    for gateway in GATEWAYS {
        echo_by_kernel(&mut host, gateway);
    }
    assert_no_errors(host.stack.stats());
    assert_eq!(host.stack.time_waits().count(), 2, "the stack closed first");
}

#[test]
fn each_extension_can_be_left_out() {
    if !inside("each_extension_can_be_left_out") {
        return;
    }
    let all = tcp::Config::default();
    for config in [
        tcp::Config { timestamps: false, ..all },
        tcp::Config { sack: false, ..all },
        tcp::Config { window_scale: false, ..all },
        tcp::Config { timestamps: false, sack: false, window_scale: false, ..all },
    ] {
        let mut host = Host::with(1_500, config);
        for gateway in GATEWAYS {
            echo_by_kernel(&mut host, gateway);
        }
        assert_no_errors(host.stack.stats());
    }
}

#[test] // RFC 3168: the kernel agrees to an offer, by its default
fn ecn_is_agreed_on_with_the_kernel() {
    if !inside("ecn_is_agreed_on_with_the_kernel") {
        return;
    }
    for congestion in [tcp::Congestion::Cubic, tcp::Congestion::Reno] {
        let mut host =
            Host::with(1_500, tcp::Config { ecn: true, congestion, ..tcp::Config::default() });
        for gateway in GATEWAYS {
            echo_by_kernel(&mut host, gateway);
        }
        assert_no_errors(host.stack.stats());
    }
}

#[test]
fn the_echo_comes_whole_with_two_percent_lost_each_way() {
    if !inside("the_echo_comes_whole_with_two_percent_lost_each_way") {
        return;
    }
    let mut host = Host::new(1_500);
    host.trouble(20, 0, 1);
    for gateway in GATEWAYS {
        echo_by_kernel(&mut host, gateway);
    }
    let lost: u64 = host.wires.iter().map(|wire| wire.lost).sum();
    assert!(lost > 10, "{lost} packets lost");
    assert!(host.stack.stats().retrans_segs > 0);
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
        echo_by_kernel(&mut host, GATEWAYS[1]);
        assert_no_errors(host.stack.stats());
    }
}
