//! The daemon as a service: what it tells systemd, what it takes over, how it ends.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{
    ADMIN_SOCKET, Daemon, LEASE_SOCKET, Process, SOON, Upstream, get, in_namespaces, metrics,
    series, sh, wait_for,
};

const CONFIG: &str = r#"
[[route]]
match = "http://10.213.0.1:8080"
"#;

const CONFIG_FILE: &str = "/run/service.toml";

fn wharfd() -> Command {
    std::fs::write(CONFIG_FILE, CONFIG).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharfd"));
    command.args(["--config", CONFIG_FILE]);
    command
}

fn signal(daemon: &Daemon, signal: Signal) {
    let pid = i32::try_from(daemon.process.0.id()).expect("a process number");
    kill_process(Pid::from_raw(pid).expect("not zero"), signal).expect("sent");
}

/// What the daemon tells systemd.
struct Ear(UnixDatagram);

impl Ear {
    fn new(path: &str) -> Self {
        let socket = UnixDatagram::bind(path).expect("bound");
        socket.set_read_timeout(Some(SOON)).expect("a timeout");
        Self(socket)
    }

    /// Waits for a message with this line, and gives the whole message.
    fn hears(&self, line: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let count = self.0.recv(&mut buffer).unwrap_or_else(|error| panic!("{line}: {error}"));
            let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
            if text.lines().any(|said| said == line) {
                return text;
            }
        }
    }
}

#[test]
fn systemd_hears_of_every_state() {
    in_namespaces("service::systemd_hears_of_every_state", || {
        let ear = Ear::new("/run/notify");
        let mut command = wharfd();
        command.env("NOTIFY_SOCKET", "/run/notify").env("WATCHDOG_USEC", "400000");
        let mut daemon = Daemon::start_command(command);
        ear.hears("READY=1");
        ear.hears("WATCHDOG=1");
        ear.hears("WATCHDOG=1");

        signal(&daemon, Signal::HUP);
        let reloading = ear.hears("RELOADING=1");
        assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
        ear.hears("READY=1");
        assert_eq!(series(&metrics(), "wharf_config_last_reload_successful", &[]), Some(1.0));

        signal(&daemon, Signal::TERM);
        ear.hears("STOPPING=1");
        let status = daemon.process.0.wait().expect("ended");
        assert!(status.success(), "{status}: {}", daemon.log());
        assert!(!Path::new(LEASE_SOCKET).exists(), "its socket is left");
        assert!(sh("ip link").lines().all(|line| !line.contains("wharf0")), "its device is left");
    });
}

#[test]
fn a_reload_that_fails_keeps_the_old_configuration() {
    in_namespaces("service::a_reload_that_fails_keeps_the_old_configuration", || {
        let daemon = Daemon::start_command(wharfd());
        let _upstream = Upstream::start(&[], &["--listen", "10.213.0.1:8080"]);
        std::fs::write(CONFIG_FILE, "[pool]\nmax_totall = 3\n").expect("written");
        signal(&daemon, Signal::HUP);
        wait_for("the reload has failed", || {
            series(&metrics(), "wharf_config_last_reload_successful", &[]) == Some(0.0)
        });
        assert!(daemon.log().contains("max_totall"), "{}", daemon.log());
        assert_eq!(get("http://10.213.0.1:8080/bytes/1", &[])["status"], 200);

        std::fs::write(CONFIG_FILE, "[[route]]\nmatch = \"http://10.213.0.1:8081\"\n")
            .expect("written");
        signal(&daemon, Signal::HUP);
        wait_for("the reload has succeeded", || {
            series(&metrics(), "wharf_config_last_reload_successful", &[]) == Some(1.0)
        });
        let denied = crate::support::wharf(&["get", "http://10.213.0.1:8080/bytes/1", "--json"]);
        assert_eq!(denied.status.code(), Some(1), "the old route is gone");
    });
}

#[test]
fn a_stop_waits_for_leases() {
    in_namespaces("service::a_stop_waits_for_leases", || {
        let mut daemon = Daemon::start_command(wharfd());
        let _upstream = Upstream::start(&[], &["--listen", "10.213.0.1:8080"]);
        let client = wharf_client::blocking::Client::connect(LEASE_SOCKET).expect("connected");
        let target =
            wharf_protocol::Target::Origin { scheme: "http", host: "10.213.0.1", port: 8080 };
        let request = wharf_protocol::LeaseRequest::new(target);
        let lease = client.lease(&request).expect("leased");
        signal(&daemon, Signal::TERM);
        wait_for("further leases are refused", || {
            let output =
                crate::support::wharf(&["get", "http://10.213.0.1:8080/bytes/1", "--json"]);
            String::from_utf8_lossy(&output.stdout).contains("draining")
        });
        assert!(daemon.process.0.try_wait().expect("waited").is_none(), "the lease is still held");
        drop(lease);
        let status = daemon.process.0.wait().expect("ended");
        assert!(status.success(), "{status}: {}", daemon.log());
    });
}

#[test]
fn sockets_of_systemd_are_used() {
    in_namespaces("service::sockets_of_systemd_are_used", || {
        let binary = wharfd();
        let child = Command::new("systemd-socket-activate")
            .args(["-l", LEASE_SOCKET, "-l", ADMIN_SOCKET, "-l", "127.0.0.1:19999"])
            .arg("--fdname=lease:admin:metrics")
            .arg(binary.get_program())
            .args(binary.get_args())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create("/run/activate.log").expect("a log"))
            .spawn()
            .expect("systemd-socket-activate starts");
        let _daemon = Process(child);
        wait_for("the sockets are there", || Path::new(ADMIN_SOCKET).exists());
        wait_for("the daemon answers on the socket it was handed", || {
            crate::support::wharf(&["status", "--json"]).status.success()
        });
        let _upstream = Upstream::start(&[], &["--listen", "10.213.0.1:8080"]);
        assert_eq!(get("http://10.213.0.1:8080/bytes/1", &[])["status"], 200);
        let text = sh("curl -s http://127.0.0.1:19999/metrics");
        assert!(text.contains("wharf_build_info"), "metrics come from the socket handed over");
        let log = std::fs::read_to_string("/run/activate.log").unwrap_or_default();
        assert!(!log.contains("19900"), "no second listener: {log}");
    });
}

#[test]
fn a_second_daemon_is_told_who_has_the_socket() {
    in_namespaces("service::a_second_daemon_is_told_who_has_the_socket", || {
        let first = Daemon::start_command(wharfd());
        let output = wharfd().output().expect("the second one ends");
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8_lossy(&output.stderr);
        let pid = first.process.0.id().to_string();
        assert!(told.contains(LEASE_SOCKET) && told.contains(&pid), "{told}");
    });
}

#[test]
fn a_device_that_cannot_be_had_is_named_with_the_remedy() {
    in_namespaces("service::a_device_that_cannot_be_had_is_named_with_the_remedy", || {
        let fails = |what: &str| {
            let output = wharfd().output().expect("wharfd ends");
            assert_eq!(output.status.code(), Some(1), "{what}");
            String::from_utf8_lossy(&output.stderr).into_owned()
        };
        sh("ip link add wharf0 type veth peer name other");
        let told = fails("a device that is no TUN");
        assert!(told.contains("wharf0"), "{told}");
        sh("ip link del wharf0; ip tuntap add wharf0 mode tun");
        let told = fails("a device without an owner");
        assert!(told.contains("owner"), "{told}");
        sh("ip tuntap del wharf0 mode tun; ip tuntap add wharf0 mode tun user 0");
        let _holder = Daemon::start_command(wharfd());
        let mut second = wharfd();
        second.env("WHARF_CONTROL__LEASE_SOCKET", "/run/wharf/second.sock");
        second.env("WHARF_CONTROL__ADMIN_SOCKET", "/run/wharf/second-admin.sock");
        second.env("WHARF_METRICS__LISTEN", "off");
        let output = second.output().expect("wharfd ends");
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("wharf0") && told.contains("another"), "{told}");
    });
}
