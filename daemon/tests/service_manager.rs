//! The daemon itself under a service manager: sockets handed over, states told back, signals
//! obeyed. In namespaces of its own, with a device of its own.

#![allow(clippy::unwrap_used, reason = "a failure here is the test's")]

mod tools;

use std::env;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tools::{root, run, skip};

const NAMESPACES: [&str; 5] = ["-nmp", "--fork", "--kill-child", "--mount-proc", "--"];

/// What a namespace needs before a daemon can run in it; fails where the right is missing.
const PREPARE: &str = "mount -t tmpfs tmpfs /run && ip link set lo up && \
                       ip tuntap add dev probe0 mode tun && ip link delete probe0";

#[test]
fn the_daemon_keeps_the_service_managers_promises() {
    if !run(Command::new("unshare").args(NAMESPACES).args(["sh", "-c", PREPARE])).0 {
        return skip("no right to namespaces with a device");
    }
    let script = format!("{PREPARE} && exec \"$0\" --exact inside --ignored --nocapture");
    let mut command = Command::new("unshare");
    command.args(NAMESPACES).args(["sh", "-c", &script]).arg(env::current_exe().unwrap());
    let (success, said) = run(&mut command);
    assert!(success && said.contains("1 passed"), "{said}");
}

/// The service manager's side: three sockets, one ear, one process.
struct Service {
    ear: UnixDatagram,
    metrics: SocketAddr,
    daemon: Child,
}

impl Service {
    fn start() -> Self {
        let ear = UnixDatagram::bind("/run/notify").unwrap();
        ear.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let lease = UnixListener::bind("/run/lease").unwrap();
        let admin = UnixListener::bind("/run/admin").unwrap();
        let metrics = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = metrics.local_addr().unwrap();
        // The shell moves the three from the standard streams to where they are looked for.
        let script = "export LISTEN_PID=$$ LISTEN_FDS=3; \
                      exec 3<&0 4<&1 5<&2 0</dev/null 1>/run/log 2>&1; exec \"$@\"";
        let daemon = Command::new("sh")
            .args(["-c", script, "sh", env!("CARGO_BIN_EXE_wharfd"), "--config"])
            .arg(root().join("configs/minimal.toml"))
            .env("LISTEN_FDNAMES", "lease:admin:metrics")
            .env("NOTIFY_SOCKET", "/run/notify")
            .env("WATCHDOG_USEC", "1000000")
            .stdin(Stdio::from(OwnedFd::from(lease)))
            .stdout(Stdio::from(OwnedFd::from(admin)))
            .stderr(Stdio::from(OwnedFd::from(metrics)))
            .spawn()
            .unwrap();
        Self { ear, metrics: address, daemon }
    }

    /// The next message that is no sign of life.
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
        let log = || std::fs::read_to_string("/run/log").unwrap_or_default();
        let count = self.ear.recv(&mut bytes).unwrap_or_else(|error| panic!("{error}: {}", log()));
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.daemon.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn status() -> Value {
        let mut stream = UnixStream::connect("/run/admin").unwrap();
        stream.write_all(b"status\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(self.metrics).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// What runs inside the namespaces.
#[test]
#[ignore = "runs only in namespaces of its own"]
fn inside() {
    let mut service = Service::start();
    assert!(service.heard_any().starts_with("READY=1\nSTATUS="));
    assert_eq!(service.heard_any(), "WATCHDOG=1\n");

    let status = Service::status();
    assert_eq!(status["ready"], true);
    assert_eq!(status["pid"], service.daemon.id());
    assert_eq!(status["sockets"]["lease"], "unix:/run/lease");
    assert_eq!(status["sockets"]["metrics"], service.metrics.to_string());
    assert!(service.metrics().contains("wharf_tcp_connections{state=\"time_wait\"} 0\n"));
    let session = UnixStream::connect("/run/lease").unwrap();
    drop(session);

    service.signal(Signal::HUP);
    assert!(service.heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert!(service.heard().starts_with("READY=1\n"));

    service.signal(Signal::TERM);
    assert!(service.heard().starts_with("STOPPING=1\n"));
    assert!(service.daemon.wait().unwrap().success());
    for path in ["/run/lease", "/run/admin"] {
        assert!(Path::new(path).exists(), "{path} is the service manager's, and stays");
    }
}
