//! What clients and upstreams do wrong, and that it costs nobody else anything.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use wharf_client::blocking::Client;
use wharf_protocol::{
    ClientMessage, DaemonMessage, ErrorToken, Frame, Hello, LeaseRequest, Target, decode_daemon,
    encode_client,
};

use crate::support::{
    Daemon, LEASE_SOCKET, Process, SOON, Upstream, get, holds_within, in_namespaces, metrics,
    pooled, total, wait_for, wharf,
};

const CONFIG: &str = r#"
[[route]]
match = "http://10.213.0.1:8080"
"#;

const URL: &str = "http://10.213.0.1:8080/bytes/100";

/// Set for a process that takes a lease and keeps it.
const HOLDER: &str = "WHARF_TEST_HOLDER";

fn target() -> LeaseRequest<'static> {
    LeaseRequest::new(Target::Origin { scheme: "http", host: "10.213.0.1", port: 8080 })
}

/// Not a test by itself: the process that [`hold_a_lease`] starts.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test has no main to read the environment in")]
fn holder() {
    if std::env::var(HOLDER).is_err() {
        return;
    }
    let client = Client::connect(LEASE_SOCKET).expect("connected");
    let mut lease = client.lease(&target()).expect("leased");
    // Half a request: the connection is in the middle of something.
    lease.write_all(b"GET /bytes/10 HTTP/1.1\r\n").expect("written");
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}

/// A process in the middle of a lease.
fn hold_a_lease() -> Process {
    let me = std::env::current_exe().expect("the test binary");
    let child = Command::new(me)
        .args(["--exact", "faults::holder", "--nocapture"])
        .env(HOLDER, "1")
        .stdout(Stdio::null())
        .spawn()
        .expect("the holder starts");
    Process(child)
}

#[test]
fn a_killed_client_holds_nothing() {
    in_namespaces("faults::a_killed_client_holds_nothing", || {
        let _daemon = Daemon::start(CONFIG);
        let _upstream = Upstream::start(&[], &["--listen", "10.213.0.1:8080"]);
        let mut doomed = hold_a_lease();
        let _other = hold_a_lease();
        wait_for("both hold a lease", || pooled("leased") == 2.0);

        doomed.0.kill().expect("killed");
        let gone = holds_within(Duration::from_secs(1), || pooled("leased") == 1.0);
        assert!(gone, "the lease of the dead client is still there after a second");
        let text = metrics();
        let died = total(&text, "wharf_pool_connections_closed_total", &[("cause", "client_died")]);
        assert_eq!(died, 1.0);
        assert_eq!(get(URL, &[])["status"], 200, "others go on");
        assert_eq!(pooled("leased"), 1.0, "the other client keeps its lease");
    });
}

#[test]
fn a_connection_that_the_upstream_closed_is_never_leased() {
    in_namespaces("faults::a_connection_that_the_upstream_closed_is_never_leased", || {
        let _daemon = Daemon::start(CONFIG);
        let listen = ["--listen", "10.213.0.1:8080", "--idle-timeout", "300ms"];
        let _upstream = Upstream::start(&[], &listen);
        assert_eq!(get(URL, &[])["source"], "new");
        wait_for("the upstream closes it, and it leaves the pool", || pooled("idle") == 0.0);
        let text = metrics();
        let fins = total(&text, "wharf_pool_connections_closed_total", &[("cause", "peer_fin")]);
        assert_eq!(fins, 1.0);
        let next = get(URL, &[]);
        assert_eq!((&next["source"], &next["status"]), (&"new".into(), &200.into()), "{next}");
        let stale = total(&metrics(), "wharf_pool_stale_lease_errors_total", &[]);
        assert_eq!(stale, 0.0);
    });
}

#[test]
fn a_refused_connection_is_told_at_once() {
    in_namespaces("faults::a_refused_connection_is_told_at_once", || {
        let _daemon = Daemon::start(CONFIG);
        let output = wharf(&["get", URL, "--json"]);
        assert_eq!(output.status.code(), Some(1));
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("an object");
        assert_eq!(answer["error"]["token"], "connection_refused", "{answer}");
        let text = metrics();
        let reason = [("reason", "connection_refused")];
        assert_eq!(total(&text, "wharf_pool_lease_failures_total", &reason), 1.0);
        assert_eq!(total(&text, "wharf_pool_waiters", &[]), 0.0);
    });
}

#[test]
fn a_silent_upstream_is_a_timeout_with_its_cause() {
    in_namespaces("faults::a_silent_upstream_is_a_timeout_with_its_cause", || {
        // Nobody has this address, and nothing on the TUN answers for it.
        crate::support::sh("ip route add blackhole 10.77.0.0/16");
        let config = r#"
            [pool]
            connect_timeout = "400ms"
            lease_timeout = "2s"
            [[route]]
            match = "http://10.77.0.9:8080"
        "#;
        let _daemon = Daemon::start(config);
        let output = wharf(&["get", "http://10.77.0.9:8080/", "--json"]);
        assert_eq!(output.status.code(), Some(1));
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("an object");
        let token = answer["error"]["token"].as_str().unwrap_or_default().to_owned();
        let expected = ["connection_timeout", "queue_timeout", "destination_ip_unroutable"];
        assert!(expected.contains(&token.as_str()), "{answer}");
        wait_for("nothing is left of the attempts", || pooled("connecting") == 0.0);
    });
}

#[test]
fn a_client_that_sends_garbage_disturbs_nobody() {
    in_namespaces("faults::a_client_that_sends_garbage_disturbs_nobody", || {
        let _daemon = Daemon::start(CONFIG);
        let _upstream = Upstream::start(&[], &["--listen", "10.213.0.1:8080"]);
        let client = Client::connect(LEASE_SOCKET).expect("connected");
        let lease = client.lease(&target()).expect("leased");

        let garbage: [&[u8]; 3] = [
            b"GET / HTTP/1.1\r\nHost: wharf\r\n\r\n",
            &[0xff; 64],
            // A frame of DATA that says it is larger than any may be.
            &[0, 0, 0, 16, 3, 0, 1, 0],
        ];
        for bytes in garbage {
            let mut socket = UnixStream::connect(LEASE_SOCKET).expect("connected");
            socket.set_read_timeout(Some(SOON)).expect("a timeout");
            socket.write_all(bytes).expect("written");
            let mut answer = Vec::new();
            socket.read_to_end(&mut answer).expect("an answer, then the end");
            let (frame, _) = decode_daemon(&answer).expect("a frame").expect("whole");
            let DaemonMessage::Refused(refused) = frame.message else {
                panic!("not a refusal: {frame:?}");
            };
            assert_eq!(refused.token, ErrorToken::ProtocolViolation);
            assert!(!refused.cause.is_empty());
        }

        assert_eq!(pooled("leased"), 1.0);
        lease.release().expect("the other session is untouched");
        let text = metrics();
        let violations = [("code", "protocol_violation")];
        assert_eq!(total(&text, "wharf_client_protocol_errors_total", &violations), 3.0);
    });
}

/// A client gives up a lease whose bytes the upstream does not take: it closes its socket, and
/// lives on.
#[test]
fn a_socket_closed_behind_blocked_bytes_gives_its_lease_up() {
    in_namespaces("faults::a_socket_closed_behind_blocked_bytes_gives_its_lease_up", || {
        let _daemon = Daemon::start(CONFIG);
        let upstream = std::net::TcpListener::bind("10.213.0.1:8080").expect("listens");
        let mut socket = UnixStream::connect(LEASE_SOCKET).expect("connected");
        let mut bytes = Vec::new();
        let opening =
            [(0, ClientMessage::Hello(Hello::new("giver"))), (1, ClientMessage::Lease(target()))];
        for (lease, message) in opening {
            encode_client(&Frame { lease, message }, &mut bytes).expect("fits");
        }
        socket.write_all(&bytes).expect("written");
        let _silent = upstream.accept().expect("the daemon connects");
        wait_for("the lease is held", || pooled("leased") == 1.0);

        let mut frame = Vec::new();
        let message = ClientMessage::Data(&[7; 65_536]);
        encode_client(&Frame { lease: 1, message }, &mut frame).expect("fits");
        socket.set_write_timeout(Some(Duration::from_millis(300))).expect("a timeout");
        while socket.write_all(&frame).is_ok() {}
        assert_eq!(pooled("leased"), 1.0, "nothing was given up yet");
        drop(socket);
        wait_for("the lease is given up", || pooled("leased") == 0.0);
    });
}
