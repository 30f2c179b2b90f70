//! What `deploy/` holds, judged by those who will read it: systemd, nft, Prometheus; and sockets
//! that come from systemd, in a process that was given some.

#![allow(clippy::unwrap_used, reason = "a failure here is the test's")]

mod tools;

use std::env;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tools::{root, run, skip, tool};
use wharfd::control::listening::ListeningSocket;
use wharfd::systemd::Environment;

const UNITS: [&str; 4] =
    ["wharfd.service", "wharfd-lease.socket", "wharfd-admin.socket", "wharfd-metrics.socket"];

/// A copy of the units whose service starts the binary that was just built.
fn units() -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let copy = |name: &&str| {
        let text = fs::read_to_string(root().join("deploy/systemd").join(name)).unwrap();
        let text = text.replace("/usr/bin/wharfd", env!("CARGO_BIN_EXE_wharfd"));
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let paths = UNITS.iter().map(copy).collect();
    (folder, paths)
}

#[test]
fn systemd_finds_no_fault_in_the_units() {
    let Some(analyze) = tool("systemd-analyze") else {
        return skip("systemd-analyze is not on the path");
    };
    let (_folder, paths) = units();
    let (success, said) = run(Command::new(analyze).args(["verify", "--man=no"]).args(paths));
    assert!(success && said.is_empty(), "{said}");
}

#[test]
fn the_service_is_exposed_by_no_more_than_promised() {
    let Some(analyze) = tool("systemd-analyze") else {
        return skip("systemd-analyze is not on the path");
    };
    let (_folder, paths) = units();
    let arguments = ["security", "--offline=true", "--threshold=13", "--no-pager"];
    let (success, said) = run(Command::new(analyze).args(arguments).arg(&paths[0]));
    assert!(success, "{said}");
}

#[test]
fn sysusers_makes_the_user_and_both_groups() {
    let Some(sysusers) = tool("systemd-sysusers") else {
        return skip("systemd-sysusers is not on the path");
    };
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("etc")).unwrap();
    let file = root().join("deploy/sysusers.d/wharf.conf");
    let root_argument = format!("--root={}", folder.path().display());
    let (success, said) = run(Command::new(sysusers).arg(root_argument).arg(file));
    assert!(success, "{said}");
    let groups = fs::read_to_string(folder.path().join("etc/group")).unwrap();
    let names: Vec<_> = groups.lines().filter_map(|line| line.split(':').next()).collect();
    assert!(names.contains(&"wharf") && names.contains(&"wharf-clients"), "{groups}");
    assert!(fs::read_to_string(folder.path().join("etc/passwd")).unwrap().starts_with("wharf:"));
}

#[test]
fn nft_takes_the_rules_and_takes_them_again() {
    let (Some(nft), Some(unshare)) = (tool("nft"), tool("unshare")) else {
        return skip("nft or unshare is not on the path");
    };
    let file = root().join("deploy/nftables/wharf.nft");
    if !run(Command::new(&unshare).args(["-rn", "true"])).0 {
        return skip("no right to a network namespace");
    }
    let script =
        "set -e; \"$1\" -c -f \"$2\"; \"$1\" -f \"$2\"; \"$1\" -f \"$2\"; \"$1\" list ruleset";
    let mut command = Command::new(unshare);
    command.args(["-rn", "sh", "-c", script, "sh"]).arg(nft).arg(file);
    let (success, said) = run(&mut command);
    assert!(success, "{said}");
    assert_eq!(said.matches("masquerade").count(), 2, "{said}");
}

#[test]
fn prometheus_takes_the_scrape_configuration() {
    let Some(promtool) = tool("promtool") else {
        return skip("promtool is neither in WHARF_PROMTOOL nor on the path (cargo xtask tools)");
    };
    let file = root().join("deploy/prometheus/scrape.yml");
    let (success, said) = run(Command::new(promtool).args(["check", "config"]).arg(file));
    assert!(success, "{said}");
}

/// A host of its own for networkd: users, a device node, a place for its state. Then the daemon
/// runs as the user `wharf` without any capability, on the device that networkd made.
const NETWORKD: &str = r#"
set -e
repository=$1 wharfd=$2
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/network /run/systemd/netif /run/wharf
cp "$repository"/deploy/networkd/* /run/systemd/network/
mount --bind /run/systemd/network /etc/systemd/network
for file in passwd group; do cp /etc/$file /run/$file; done
echo 'wharf:x:990:990::/:/bin/sh' >> /run/passwd; mount --bind /run/passwd /etc/passwd
echo 'wharf:x:990:' >> /run/group; mount --bind /run/group /etc/group
chown systemd-network:systemd-network /run/systemd/netif; chown wharf /run/wharf
mknod /run/tun c 10 200; chmod 666 /run/tun; mount --bind /run/tun /dev/net/tun
mount -t sysfs -o ro sysfs /sys
ip link set lo up
/lib/systemd/systemd-networkd & networkd=$!
for try in $(seq 100); do
    ip -6 address show dev wharf0 2>/dev/null | grep -q fd00:213::1/64 && break
    sleep 0.1
done
ip address show dev wharf0
ip -details link show dev wharf0
cp "$repository"/configs/minimal.toml /run/
cp "$wharfd" /run/wharfd
setpriv --reuid 990 --regid 990 --clear-groups --inh-caps=-all --bounding-set=-all \
    /run/wharfd --config /run/minimal.toml & daemon=$!
for try in $(seq 100); do [ -S /run/wharf/admin.sock ] && break; sleep 0.1; done
grep CapEff /proc/$daemon/status
kill -TERM $daemon
wait $daemon && echo the daemon ended well
kill $networkd
"#;

#[test]
fn networkd_makes_the_device_and_the_daemon_needs_no_capability() {
    let programs = ["unshare", "ip", "setpriv", "mknod"];
    if let Some(missing) = programs.iter().find(|name| tool(name).is_none()) {
        return skip(&format!("{missing} is not on the path"));
    }
    if !Path::new("/lib/systemd/systemd-networkd").exists() {
        return skip("systemd-networkd is not installed");
    }
    let namespaces = ["-nmp", "--fork", "--kill-child", "--mount-proc"];
    // Making a device node takes root of the host, not only of a namespace.
    let node = "mount -t tmpfs tmpfs /run && mknod /run/tun c 10 200";
    if !run(Command::new("unshare").args(namespaces).args(["sh", "-c", node])).0 {
        return skip("no right to namespaces with a device node");
    }
    let mut command = Command::new("unshare");
    command.args(namespaces).args(["sh", "-c", NETWORKD, "sh"]);
    let (success, said) = run(command.arg(root()).arg(env!("CARGO_BIN_EXE_wharfd")));
    assert!(success, "{said}");
    for expected in [
        "inet 10.213.0.1/30 ",
        "inet6 fd00:213::1/64 ",
        "tun type tun pi off vnet_hdr off persist on user wharf group wharf",
        "CapEff:\t0000000000000000",
        "the daemon ended well",
    ] {
        assert!(said.contains(expected), "{expected} is missing in: {said}");
    }
    assert!(!said.contains("inet6 fe80"), "nobody else is on the link: {said}");
}

/// Runs `inherited_child` in a process that finds these sockets at 3 and 4.
fn with_sockets(first: OwnedFd, second: OwnedFd, names: &str) -> (bool, String) {
    let script = "export LISTEN_PID=$$ LISTEN_FDS=2; \
                  exec 3<&0 4<&1 0</dev/null 1>&2; \
                  exec \"$0\" --exact inherited_child --ignored --nocapture";
    run(Command::new("sh")
        .args(["-c", script])
        .arg(env::current_exe().unwrap())
        .env("LISTEN_FDNAMES", names)
        .stdin(Stdio::from(first))
        .stdout(Stdio::from(second)))
}

fn listener(folder: &Path, name: &str) -> OwnedFd {
    UnixListener::bind(folder.join(name)).unwrap().into()
}

#[test]
fn sockets_from_systemd_are_used_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let (lease, admin) = (listener(folder.path(), "l"), listener(folder.path(), "a"));
    let (success, said) = with_sockets(admin, lease, "admin:lease");
    assert!(success, "{said}");
    let expected = format!("lease unix:{}", folder.path().join("l").display());
    assert!(said.contains(&expected), "{said}");
    let expected = format!("admin unix:{}", folder.path().join("a").display());
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn a_socket_with_the_wrong_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (listener(folder.path(), "l"), listener(folder.path(), "a"));
    let (_, said) = with_sockets(first, second, "lease:leese");
    assert!(said.contains("a socket came with the unknown name \"leese\""), "{said}");
}

/// What `with_sockets` runs in a process of its own.
#[test]
#[ignore = "runs only in a process that was given sockets"]
fn inherited_child() {
    let environment = Environment::read(|name| env::var_os(name));
    match environment.inherited(std::process::id()) {
        Ok(inherited) => {
            for (name, fd) in [("lease", inherited.lease), ("admin", inherited.admin)] {
                let socket = ListeningSocket::inherited(fd.unwrap()).unwrap();
                eprintln!("{name} {}", socket.name());
            }
        }
        Err(error) => eprintln!("{error}"),
    }
}
