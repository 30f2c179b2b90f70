//! The control thread against a shard that answers, one that is stuck, and peers of every kind:
//! over its real sockets, with a stand-in for systemd.

#![allow(clippy::unwrap_used, reason = "a failure here is the test's")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::Value;
use wharfd::control::door::{self, Reloaded, Request, ShardInbox};
use wharfd::control::listening::ListeningSocket;
use wharfd::control::signals::Signals;
use wharfd::control::{CONNECTIONS_MAX, ControlThread, Settings, start};
use wharfd::inspect::SessionRow;
use wharfd::snapshot::{RouteCounts, Snapshot};
use wharfd::systemd::notify::Notifier;

/// Signals go to the whole process, so tests that register them take turns.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What the stand-in for a shard was asked.
#[derive(Debug, Default)]
struct Asked {
    stuck: AtomicBool,
    ended: AtomicBool,
    configs: Mutex<Vec<String>>,
    drains: Mutex<Vec<Duration>>,
}

struct Plane {
    folder: tempfile::TempDir,
    metrics: SocketAddr,
    systemd: UnixDatagram,
    asked: Arc<Asked>,
    control: Option<ControlThread>,
    shard: Option<JoinHandle<()>>,
    _turn: std::sync::MutexGuard<'static, ()>,
}

fn serve(mut inbox: ShardInbox<String>, asked: &Asked) {
    while !asked.ended.load(Ordering::SeqCst) {
        let mut fds = [PollFd::new(&inbox, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 5_000_000 })).unwrap();
        while let Some(request) = inbox.try_recv() {
            if asked.stuck.load(Ordering::SeqCst) {
                std::mem::forget(request);
                continue;
            }
            match request {
                Request::Snapshot(reply) => reply.send(Snapshot {
                    routes: vec![RouteCounts { name: "r".to_owned(), ..RouteCounts::default() }],
                    ..Snapshot::default()
                }),
                Request::Connections(reply) => reply.send(Vec::new()),
                Request::Sessions(reply) => reply.send(vec![session()]),
                Request::Trace(filter, reply) => {
                    assert_eq!(filter.last, Some(7));
                    reply.send(Vec::new());
                }
                Request::Reload(config, reply) => {
                    asked.configs.lock().unwrap().push(*config);
                    reply.send(Reloaded { at_next_start: vec!["device.mtu".to_owned()] });
                }
                Request::Drain(deadline, reply) => {
                    asked.drains.lock().unwrap().push(deadline);
                    reply.send(());
                }
                Request::Order(order, reply) => {
                    reply.send(u64::from(order.route.as_deref() != Some("unknown")));
                }
                Request::Ping(reply) => reply.send(()),
            }
        }
    }
}

/// A session of this very process.
fn session() -> SessionRow {
    SessionRow {
        pid: i32::try_from(std::process::id()).expect("a number of a process"),
        comm: String::new(),
        uid: 0,
        gid: 0,
        buffered_bytes: 0,
        lease: None,
    }
}

impl Plane {
    fn new() -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let folder = tempfile::tempdir().unwrap();
        let notify = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&notify).unwrap();
        systemd.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let config = folder.path().join("config");
        fs::write(&config, "first").unwrap();
        let (door, inbox) = door::pair::<String>().unwrap();
        let asked = Arc::new(Asked::default());
        let shard = thread::spawn({
            let asked = Arc::clone(&asked);
            move || serve(inbox, &asked)
        });
        let metrics = ListeningSocket::bind_loopback("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = metrics.name().parse().unwrap();
        let admin = ListeningSocket::bind_unix(&folder.path().join("admin"), 0o600).unwrap();
        let control = start(Settings {
            door,
            metrics: Some(metrics),
            admin: Some(admin),
            lease_socket: Some("unix:/run/wharf/lease.sock".to_owned()),
            signals: Signals::register().unwrap(),
            notifier: Notifier::connect(Some(notify.as_os_str())).unwrap(),
            watchdog: Some(Duration::from_millis(200)),
            load: Box::new(move || match fs::read_to_string(&config).unwrap() {
                bad if bad.contains("bad") => Err(bad),
                good => Ok((Box::new(good.clone()), good)),
            }),
            config: "at first".to_owned(),
            drain_timeout: Duration::from_secs(30),
        })
        .unwrap();
        let control = Some(control);
        Self { folder, metrics: address, systemd, asked, control, shard: Some(shard), _turn: turn }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The next message to systemd, signs of life left out.
    fn heard(&self) -> String {
        loop {
            let message = self.heard_any();
            if message != "WATCHDOG=1\n" {
                return message;
            }
        }
    }

    fn heard_any(&self) -> String {
        let mut bytes = [0_u8; 512];
        let count = self.systemd.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    }

    fn http(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.metrics).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, path: &str) -> String {
        self.http(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
    }

    fn ask(&self, line: &str) -> Value {
        let mut stream = UnixStream::connect(self.path("admin")).unwrap();
        stream.write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{answer:?}: {error}"))
    }

    fn signal(signal: Signal) {
        kill_process(getpid(), signal).unwrap();
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        drop(self.control.take());
        self.asked.ended.store(true, Ordering::SeqCst);
        let shard = self.shard.take().map(JoinHandle::join);
        assert!(!matches!(shard, Some(Err(_))) || thread::panicking(), "the shard panicked");
    }
}

#[test]
fn ready_is_told_once_the_shard_answers_and_the_watchdog_is_fed() {
    let plane = Plane::new();
    assert_eq!(plane.heard_any(), "READY=1\nSTATUS=serving\n");
    assert_eq!(plane.heard_any(), "WATCHDOG=1\n");
    assert_eq!(plane.heard_any(), "WATCHDOG=1\n");
}

#[test]
fn a_stuck_shard_starves_the_watchdog_and_hangs_nobody() {
    let plane = Plane::new();
    plane.heard();
    plane.asked.stuck.store(true, Ordering::SeqCst);
    // A sign of life may have been on its way; after it there is none.
    plane.systemd.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    let mut bytes = [0_u8; 64];
    while plane.systemd.recv(&mut bytes).is_ok() {}
    assert!(plane.get("/metrics").starts_with("HTTP/1.1 503 "));
    assert!(plane.get("/-/healthy").starts_with("HTTP/1.1 503 "));
    let status = plane.ask("status\n");
    assert_eq!(status["shard"], "silent");
    assert_eq!(plane.ask("routes\n")["error"]["code"], "shard_silent");
    plane.asked.stuck.store(false, Ordering::SeqCst);
    plane.systemd.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(plane.heard_any(), "WATCHDOG=1\n");
    assert!(plane.get("/-/healthy").starts_with("HTTP/1.1 200 "));
}

#[test]
fn metrics_and_health_are_served_and_nothing_else() {
    let plane = Plane::new();
    plane.heard();
    let metrics = plane.get("/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"));
    assert!(metrics.contains("wharf_pool_waiters{route=\"r\"} 0\n"));
    assert!(plane.get("/-/ready").ends_with("\r\n\r\nok\n"));
    assert!(plane.get("/other").starts_with("HTTP/1.1 404 "));
    let post = "POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
    assert!(plane.http(post).starts_with("HTTP/1.1 405 "));
    assert!(plane.http("HEAD /metrics HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
}

#[test]
fn a_request_in_pieces_is_understood_and_half_a_request_is_refused() {
    let plane = Plane::new();
    plane.heard();
    let mut stream = TcpStream::connect(plane.metrics).unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in ["GET /-/re", "ady HTTP/1.1\r\n", "\r\n"] {
        stream.write_all(piece.as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(10));
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "));

    let mut stream = TcpStream::connect(plane.metrics).unwrap();
    stream.write_all(b"GET /metrics").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    answer.clear();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "));
}

#[test]
fn silent_and_endless_requests_end_and_others_are_served_meanwhile() {
    let plane = Plane::new();
    plane.heard();
    // Two places stay free: one for the request that is served, one for it while it is closed.
    let mut silent: Vec<_> =
        (0..CONNECTIONS_MAX - 2).map(|_| TcpStream::connect(plane.metrics).unwrap()).collect();
    assert!(plane.get("/-/ready").starts_with("HTTP/1.1 200 "));
    let endless = format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(9_000));
    assert!(plane.http(&endless).starts_with("HTTP/1.1 431 "));
    let mut answer = String::new();
    silent[0].read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer:?}");
}

#[test]
fn one_connection_too_many_is_closed_and_counted() {
    let plane = Plane::new();
    plane.heard();
    let _held: Vec<_> =
        (0..CONNECTIONS_MAX).map(|_| UnixStream::connect(plane.path("admin")).unwrap()).collect();
    let mut refused = UnixStream::connect(plane.path("admin")).unwrap();
    let mut answer = String::new();
    let _closed_or_reset = refused.read_to_string(&mut answer);
    assert_eq!(answer, "");
    let line = "wharf_control_connections_refused_total{listener=\"admin\"} 1\n";
    assert!(plane.get("/metrics").contains(line));
}

#[test]
fn the_admin_socket_answers_its_commands_and_says_what_it_does_not_know() {
    let plane = Plane::new();
    plane.heard();
    let status = plane.ask("status\n");
    assert_eq!(status["schema"], 1);
    assert_eq!(status["ready"], true);
    assert_eq!(status["pid"], std::process::id());
    assert_eq!(status["sockets"]["lease"], "unix:/run/wharf/lease.sock");
    assert_eq!(plane.ask("routes\n")["routes"][0]["name"], "r");
    assert_eq!(plane.ask("connections\n")["connections"], Value::Array(Vec::new()));
    assert_eq!(plane.ask("counters\n")["counters"][0]["name"], "TcpActiveOpens");
    let paused = plane.ask("pause web\n");
    assert_eq!((&paused["command"], &paused["route"]), (&"pause".into(), &"web".into()));
    assert_eq!(plane.ask("resume\n")["routes"], 1);
    let sessions = plane.ask("sessions\n");
    assert!(!sessions["sessions"][0]["comm"].as_str().unwrap().is_empty(), "{sessions}");
    assert_eq!(plane.ask("trace last=7\n")["transitions"], serde_json::json!([]));
    assert_eq!(plane.ask("trace age=7\n")["error"]["code"], "bad_filter");
    assert_eq!(plane.ask("config\n")["toml"], "at first");
    assert!(plane.ask("memory\n")["kinds"].is_object());
    assert_eq!(plane.ask("deny unknown\n")["error"]["code"], "no_such_route");
    assert_eq!(plane.ask("state\n")["error"]["code"], "unknown_command");
    assert_eq!(plane.ask(&"x".repeat(300))["error"]["code"], "line_too_long");
}

#[test]
fn sighup_reloads_and_a_bad_file_changes_nothing() {
    let plane = Plane::new();
    plane.heard();
    fs::write(plane.path("config"), "second").unwrap();
    Plane::signal(Signal::HUP);
    assert!(plane.heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(plane.heard(), "READY=1\nSTATUS=serving\n");
    assert_eq!(*plane.asked.configs.lock().unwrap(), ["second"]);
    assert_eq!(plane.ask("status\n")["config"]["at_next_start"][0], "device.mtu");
    assert_eq!(plane.ask("config\n")["toml"], "second");

    fs::write(plane.path("config"), "bad key").unwrap();
    Plane::signal(Signal::HUP);
    assert!(plane.heard().starts_with("RELOADING=1\n"));
    assert!(plane.heard().starts_with("READY=1\nSTATUS=serving; the last reload failed"));
    assert_eq!(*plane.asked.configs.lock().unwrap(), ["second"]);
    let config = &plane.ask("status\n")["config"];
    assert_eq!(config["last_reload_successful"], false);
    assert_eq!(config["last_reload_error"], "bad key");
    assert!(plane.get("/metrics").contains("wharf_config_last_reload_successful 0\n"));
}

#[test]
fn sigterm_drains_and_a_second_one_ends_at_once() {
    let plane = Plane::new();
    plane.heard();
    Plane::signal(Signal::TERM);
    assert!(plane.heard().starts_with("STOPPING=1\n"));
    assert!(plane.get("/-/ready").ends_with("draining\n"));
    Plane::signal(Signal::INT);
    assert!(plane.heard().starts_with("STOPPING=1\n"));
    let drains = plane.asked.drains.lock().unwrap().clone();
    assert_eq!(drains.first(), Some(&Duration::from_secs(30)));
}

#[test]
fn stopping_closes_the_sockets_and_removes_the_path() {
    let mut plane = Plane::new();
    plane.heard();
    plane.control.take().unwrap().stop();
    assert!(!plane.path("admin").exists());
    assert!(TcpStream::connect(plane.metrics).is_err());
}
