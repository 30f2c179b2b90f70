//! A tuple in TIME-WAIT taken again, with the kernel's TCP at the other end: RFC 6191, in both
//! directions. Skipped where there is no right to a TUN, as all tests against the kernel.

mod support;

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use support::host::{ADDRESSES, GATEWAYS, Host};
use support::namespace::inside;
use wharf_transport::stack::{Config, ConnectError, ConnectionId, Secrets, Stack};
use wharf_transport::tcp::{CloseReason, Event, Read};

/// The only port of the stack.
const PORT: u16 = 40_000;

/// Connections, one after the other.
const ROUNDS: u16 = 3;

const TEXT: &[u8] = b"carried by this incarnation";

/// Which side closes first, and is left with TIME-WAIT.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Stack,
    Kernel,
}

/// A stack that has one port.
fn host() -> Host {
    let mut host = Host::new(1_500);
    let config = Config { port_range: PORT..=PORT, ..host.stack.config().clone() };
    host.stack = Stack::new(config, Secrets::from_bytes(&[42; Secrets::LEN]));
    host
}

/// The kernel's side: gives back what it reads, and closes before or after the other side.
fn kernel_server(listener: TcpListener, first: First) -> JoinHandle<io::Result<()>> {
    thread::spawn(move || {
        for _ in 0..ROUNDS {
            let (mut stream, peer) = listener.accept()?;
            assert_eq!(peer.port(), PORT);
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            let mut text = vec![0; TEXT.len()];
            stream.read_exact(&mut text)?;
            stream.write_all(&text)?;
            if first == First::Stack {
                assert_eq!(stream.read(&mut text)?, 0, "the stack has closed");
            }
        }
        Ok(())
    })
}

/// One connection from begin to end.
fn exchange(host: &mut Host, id: ConnectionId, first: First) {
    let (mut read, mut is_closed) = (Vec::new(), false);
    host.run(&mut |stack, now, events| {
        for (of, event) in events.iter().filter(|(of, _)| *of == id) {
            if *event == Event::Established {
                assert_eq!(stack.write(now, *of, TEXT), Ok(TEXT.len()));
            } else if let Event::Closed(reason) = event {
                assert_eq!(*reason, CloseReason::Normal);
                return true;
            }
        }
        let mut buffer = [0; 64];
        let came = if is_closed { Ok(Read::Empty) } else { stack.read(now, id, &mut buffer) };
        if let Ok(Read::Bytes(count)) = came {
            read.extend_from_slice(&buffer[..count]);
        }
        let is_over = match first {
            First::Stack => read.len() == TEXT.len(),
            First::Kernel => came == Ok(Read::Eof),
        };
        if is_over && !is_closed {
            stack.close(now, id).expect("it is open");
            is_closed = true;
        }
        false
    });
    assert_eq!(read, TEXT);
}

/// Whether the kernel has a connection to our port in TIME-WAIT.
fn kernel_waits(ipv4: bool) -> bool {
    let table = fs::read_to_string(if ipv4 { "/proc/net/tcp" } else { "/proc/net/tcp6" });
    let table = table.expect("the kernel has a table");
    let ours = format!(":{PORT:04X}");
    table.lines().any(|line| {
        let mut columns = line.split_whitespace().skip(2);
        columns.next().is_some_and(|remote| remote.ends_with(&ours)) && columns.next() == Some("06")
    })
}

/// Connects as soon as there is a port, and says how often there was none.
fn connect(host: &mut Host, remote: SocketAddr) -> (ConnectionId, usize) {
    let (mut id, mut refused) = (None, 0);
    host.run(&mut |stack, now, _| {
        match stack.connect(now, remote) {
            Ok(opened) => id = Some(opened),
            Err(error) => {
                assert_eq!(error, ConnectError::NoPort);
                refused += 1;
            }
        }
        id.is_some()
    });
    (id.expect("the loop ends with one"), refused)
}

fn play(first: First) {
    let mut host = host();
    for (gateway, address) in GATEWAYS.into_iter().zip(ADDRESSES) {
        let gateway: IpAddr = gateway.parse().expect("an address");
        let listener = TcpListener::bind((gateway, 0)).expect("the kernel listens");
        let remote = listener.local_addr().expect("it is bound");
        let server = kernel_server(listener, first);
        for round in 0..ROUNDS {
            let (id, refused) = connect(&mut host, remote);
            let local: IpAddr = address.parse().expect("an address");
            assert_eq!(host.stack.ends(id), Ok((SocketAddr::new(local, PORT), remote)));
            // Only a TIME-WAIT of our own is waited for, a second.
            assert_eq!(refused > 0, first == First::Stack && round > 0);
            exchange(&mut host, id, first);
            assert_eq!(kernel_waits(gateway.is_ipv4()), first == First::Kernel);
        }
        server.join().expect("the kernel's side does not panic").expect("nor fails");
    }
    let again = if first == First::Stack { 2 * (u64::from(ROUNDS) - 1) } else { 0 };
    assert_eq!(host.stack.stats().tw_recycled, again);
    host.stack.assert_invariants();
}

#[test]
fn the_kernel_accepts_a_tuple_that_we_have_in_time_wait() {
    if inside("the_kernel_accepts_a_tuple_that_we_have_in_time_wait") {
        play(First::Stack);
    }
}

#[test]
fn the_kernel_accepts_a_tuple_that_it_has_in_time_wait() {
    if inside("the_kernel_accepts_a_tuple_that_it_has_in_time_wait") {
        play(First::Kernel);
    }
}
