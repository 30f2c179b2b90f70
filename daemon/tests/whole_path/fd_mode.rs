//! Leases whose bytes run on a descriptor of their own.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use sha2::{Digest as _, Sha256};
use wharf_client::blocking::{Client, Lease};
use wharf_client::{Error, Released, Source};
use wharf_protocol::{LeaseRequest, Target};

use crate::support::{
    Daemon, LEASE_SOCKET, Process, SOON, Upstream, holds_within, in_namespaces, metrics, pooled,
    total, wait_for,
};

const CONFIG: &str = r#"
[[route]]
match = "http://10.213.0.1:8080"
"#;

/// Set for a process that takes a lease and keeps it.
const HOLDER: &str = "WHARF_TEST_FD_HOLDER";

/// A body that fits into no buffer on the way.
const LARGE: usize = 8 << 20;

fn request() -> LeaseRequest<'static> {
    let target = Target::Origin { scheme: "http", host: "10.213.0.1", port: 8080 };
    LeaseRequest { fd: true, ..LeaseRequest::new(target) }
}

fn closed(cause: &str) -> Released {
    Released::Closed { cause: cause.to_owned() }
}

/// A copy of the lease's descriptor, as other code would have it.
fn copy(lease: &Lease) -> UnixStream {
    let copy = lease.descriptor().expect("a descriptor").try_clone_to_owned().expect("a copy");
    let stream = UnixStream::from(copy);
    stream.set_nonblocking(false).expect("blocking");
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    stream
}

/// An upstream that does one thing with one connection, on the kernel's TCP.
fn serve_once(serve: impl FnOnce(TcpStream) + Send + 'static) -> JoinHandle<()> {
    let listener = TcpListener::bind("10.213.0.1:8080").expect("the gateway's address");
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        stream.set_read_timeout(Some(SOON)).expect("a timeout");
        serve(stream);
    })
}

/// Reads one answer with a Content-Length, and not a byte more. Its body, and its bytes in all.
fn answer(stream: &mut impl Read) -> (Vec<u8>, usize) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let length = text.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let mut body = vec![0; length.expect("a length").parse().expect("a number")];
    stream.read_exact(&mut body).expect("a body");
    let all = head.len() + body.len();
    (body, all)
}

fn get(length: usize) -> String {
    format!("GET /bytes/{length} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn a_get_and_a_post_share_a_connection() {
    in_namespaces("fd_mode::a_get_and_a_post_share_a_connection", || {
        let _daemon = Daemon::start(CONFIG);
        let _upstream = Upstream::start(&[], &["--listen", "10.213.0.1:8080"]);
        let client = Client::connect(LEASE_SOCKET).expect("connected");
        let mut lease = client.lease_with(&request(), get(LARGE).as_bytes()).expect("leased");
        assert_eq!(lease.leased().source, Source::New);
        let (body, _) = answer(&mut lease);
        assert_eq!(body.len(), LARGE);
        assert!(lease.release().expect("released").is_reused());

        let mut lease = client.lease(&request()).expect("leased");
        assert_eq!(lease.leased().source, Source::Idle);
        write!(lease, "POST /sha256 HTTP/1.1\r\nContent-Length: {LARGE}\r\n\r\n").expect("written");
        lease.write_all(&body).expect("written");
        let (hash, _) = answer(&mut lease);
        assert_eq!(String::from_utf8_lossy(&hash), format!("{:x}\n", Sha256::digest(&body)));
        assert!(lease.release().expect("released").is_reused());

        let plain = LeaseRequest { fd: false, ..request() };
        let mut lease = client.lease_with(&plain, get(1000).as_bytes()).expect("leased");
        assert_eq!(lease.leased().source, Source::Idle, "frames and descriptors share too");
        assert_eq!(answer(&mut lease).0, body[..1000]);
        assert!(lease.release().expect("released").is_reused());
    });
}

#[test]
fn other_code_moves_much_both_ways_at_once() {
    in_namespaces("fd_mode::other_code_moves_much_both_ways_at_once", || {
        let _daemon = Daemon::start(CONFIG);
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        let upstream = serve_once(move |mut stream| {
            let mut back = stream.try_clone().expect("a copy");
            let mut left = LARGE;
            let mut buffer = [0; 40_000];
            while left > 0 {
                let count = stream.read(&mut buffer).expect("read");
                assert_ne!(count, 0, "{left} bytes are missing");
                back.write_all(&buffer[..count]).expect("written");
                left -= count;
            }
            // A connection that its upstream closes would not be kept.
            let _hung_up = is_done.recv();
        });
        let client = Client::connect(LEASE_SOCKET).expect("connected");
        let lease = client.lease(&request()).expect("leased");
        let sent: Vec<u8> = (0..=250).cycle().take(LARGE).collect();
        let digest = Sha256::digest(&sent);
        let mut writer = copy(&lease);
        let writing = std::thread::spawn(move || writer.write_all(&sent).expect("written"));
        let mut received = vec![0; LARGE];
        copy(&lease).read_exact(&mut received).expect("all of it");
        writing.join().expect("written");
        assert_eq!(Sha256::digest(&received), digest);
        let size = u64::try_from(LARGE).expect("64 bits");
        assert!(lease.release_counted(size, size).expect("released").is_reused());
        drop(done);
        upstream.join().expect("the upstream is content");
    });
}

#[test]
fn what_is_left_in_the_pair_closes_the_connection() {
    in_namespaces("fd_mode::what_is_left_in_the_pair_closes_the_connection", || {
        let _daemon = Daemon::start(CONFIG);
        let _upstream = Upstream::start(&[], &["--listen", "10.213.0.1:8080"]);
        let client = Client::connect(LEASE_SOCKET).expect("connected");
        let asked = get(100);
        let mut lease = client.lease_with(&request(), asked.as_bytes()).expect("leased");
        let (_, all) = answer(&mut lease);
        let counts = [all, asked.len()].map(|count| u64::try_from(count).expect("64 bits"));
        assert!(lease.release().expect("released").is_reused());

        // The same exchange; the totals are right, and the last byte was not read.
        let lease = client.lease_with(&request(), asked.as_bytes()).expect("leased");
        assert_eq!(lease.leased().source, Source::Idle);
        let mut other = copy(&lease);
        other.read_exact(&mut vec![0; all - 1]).expect("read");
        let released = lease.release_counted(counts[0], counts[1]).expect("released");
        assert_eq!(released, closed("unread_bytes"));

        let mut lease = client.lease_with(&request(), asked.as_bytes()).expect("leased");
        assert_eq!(lease.leased().source, Source::New);
        answer(&mut lease);
        let released = lease.release_counted(counts[0] + 1, counts[1]).expect("released");
        assert_eq!(released, closed("unread_bytes"));
        let causes = [("cause", "unread_bytes")];
        assert_eq!(total(&metrics(), "wharf_pool_connections_closed_total", &causes), 2.0);
    });
}

#[test]
fn who_keeps_the_descriptor_reaches_nobody() {
    in_namespaces("fd_mode::who_keeps_the_descriptor_reaches_nobody", || {
        let _daemon = Daemon::start(CONFIG);
        let _upstream = Upstream::start(&[], &["--listen", "10.213.0.1:8080"]);
        let client = Client::connect(LEASE_SOCKET).expect("connected");
        let mut lease = client.lease_with(&request(), get(10).as_bytes()).expect("leased");
        answer(&mut lease);
        let mut kept = copy(&lease);
        assert!(lease.release().expect("released").is_reused());

        let mut lease = client.lease_with(&request(), get(20).as_bytes()).expect("leased");
        assert_eq!(lease.leased().source, Source::Idle, "the very connection");
        kept.write_all(b"GET /bytes/30 HTTP/1.1\r\n\r\n").expect_err("nobody is there");
        assert_eq!(kept.read(&mut [0; 100]).expect("the end"), 0);
        assert_eq!(answer(&mut lease).0.len(), 20);
        assert!(lease.release().expect("released").is_reused());
    });
}

#[test]
fn a_reset_is_no_end() {
    in_namespaces("fd_mode::a_reset_is_no_end", || {
        let _daemon = Daemon::start(CONFIG);
        let upstream = serve_once(|mut stream| {
            stream.read_exact(&mut [0; 4]).expect("read");
            stream.write_all(b"half of it").expect("written");
            // Until the client has seen it: a reset may overtake what was received.
            stream.read_exact(&mut [0; 4]).expect("read");
            set_socket_linger(&stream, Some(Duration::ZERO)).expect("set");
        });
        let client = Client::connect(LEASE_SOCKET).expect("connected");
        let mut lease = client.lease_with(&request(), b"ping").expect("leased");
        let mut half = [0; 10];
        lease.read_exact(&mut half).expect("read");
        lease.write_all(b"more").expect("written");
        let error = lease.read(&mut [0; 10]).expect_err("the connection was reset");
        assert_eq!(Error::of(&error).expect("ours").token(), "connection_terminated");
        let error = lease.write_all(b"more").expect_err("so is writing");
        assert_eq!(Error::of(&error).expect("ours").token(), "connection_terminated");
        assert_eq!(lease.release().expect("released"), closed("peer_rst"));
        upstream.join().expect("the upstream is content");
    });
}

#[test]
fn both_sides_may_end_first() {
    in_namespaces("fd_mode::both_sides_may_end_first", || {
        let _daemon = Daemon::start(CONFIG);
        let upstream = serve_once(|mut stream| {
            let mut said = Vec::new();
            stream.read_to_end(&mut said).expect("a FIN");
            assert_eq!(said, b"all I have");
            stream.write_all(b"thanks").expect("written");
            stream.shutdown(Shutdown::Write).expect("finished");
        });
        let client = Client::connect(LEASE_SOCKET).expect("connected");
        let mut lease = client.lease_with(&request(), b"all I have").expect("leased");
        lease.finish().expect("half-closed");
        let mut said = String::new();
        lease.read_to_string(&mut said).expect("the peer's end");
        assert_eq!(said, "thanks");
        assert_eq!(lease.release().expect("released"), closed("half_closed"));
        upstream.join().expect("the upstream is content");
    });
}

#[test]
fn a_client_that_gives_back_and_leaves_is_heard() {
    in_namespaces("fd_mode::a_client_that_gives_back_and_leaves_is_heard", || {
        let _daemon = Daemon::start(CONFIG);
        let _upstream = Upstream::start(&[], &["--listen", "10.213.0.1:8080"]);
        for _ in 0..50 {
            let client = Client::connect(LEASE_SOCKET).expect("connected");
            let mut lease = client.lease_with(&request(), get(10).as_bytes()).expect("leased");
            answer(&mut lease);
            lease.give_back().expect("said");
        }
        wait_for("the last is back", || pooled("leased") == 0.0);
        let text = metrics();
        assert_eq!(total(&text, "wharf_pool_connections_closed_total", &[]), 0.0);
        assert_eq!(pooled("idle"), total(&text, "wharf_pool_connections_opened_total", &[]));
    });
}

#[test]
fn a_half_close_right_before_the_release_counts() {
    in_namespaces("fd_mode::a_half_close_right_before_the_release_counts", || {
        let _daemon = Daemon::start(CONFIG);
        let _upstream = Upstream::start(&[], &["--listen", "10.213.0.1:8080"]);
        let client = Client::connect(LEASE_SOCKET).expect("connected");
        for _ in 0..20 {
            let mut lease = client.lease_with(&request(), get(10).as_bytes()).expect("leased");
            answer(&mut lease);
            lease.finish().expect("half-closed");
            assert_eq!(lease.release().expect("released"), closed("half_closed"));
        }
    });
}

/// Not a test by itself: the process that the next one kills.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test has no main to read the environment in")]
fn holder() {
    if std::env::var(HOLDER).is_err() {
        return;
    }
    let client = Client::connect(LEASE_SOCKET).expect("connected");
    let mut lease = client.lease(&request()).expect("leased");
    lease.write_all(b"GET /bytes/10 HTTP/1.1\r\n").expect("written");
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}

#[test]
fn a_killed_client_holds_nothing() {
    in_namespaces("fd_mode::a_killed_client_holds_nothing", || {
        let daemon = Daemon::start(CONFIG);
        let _upstream = Upstream::start(&[], &["--listen", "10.213.0.1:8080"]);
        let descriptors = || {
            let folder = format!("/proc/{}/fd", daemon.process.0.id());
            std::fs::read_dir(folder).expect("its descriptors").count()
        };
        let before = descriptors();
        let me = std::env::current_exe().expect("the test binary");
        let child = Command::new(me)
            .args(["--exact", "fd_mode::holder", "--nocapture"])
            .env(HOLDER, "1")
            .stdout(Stdio::null())
            .spawn()
            .expect("the holder starts");
        let mut doomed = Process(child);
        wait_for("it holds a lease", || pooled("leased") == 1.0);
        doomed.0.kill().expect("killed");
        let gone = holds_within(Duration::from_secs(1), || pooled("leased") == 0.0);
        assert!(gone, "the lease of the dead client is still there after a second");
        wait_for("its descriptors are closed", || descriptors() <= before);
    });
}
