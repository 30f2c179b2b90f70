//! Large bodies both ways while the network loses packets, proved by the counters of both sides.
//!
//! The upstream is in a second namespace behind a veth. The packets between it and the TUN pass
//! the forward hook here, where nftables drops 2 % of each direction: a drop in the sender's own
//! output hook would be seen by its TCP and be no loss. With `gso_max_segs 1` no super-packet is
//! formed, which a single drop would remove whole.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use crate::support::{Daemon, Upstream, get, in_namespaces, metrics, series, sh};

/// Mebibytes each way; `WHARF_TEST_LOSS_MIB=64` for the full size.
const SIZE_VARIABLE: &str = "WHARF_TEST_LOSS_MIB";

const CONFIG: &str = r#"
[pool]
idle_timeout = "30s"
[[route]]
match = "http://10.99.0.2:8080"
[[route]]
match = "http://[fd00:99::2]:8080"
"#;

const DROPS: &str = r"
table inet loss {
    counter down { }
    counter up { }
    chain forward {
        type filter hook forward priority 0;
        iifname va numgen random mod 100 < 2 counter name down drop
        iifname wharf0 numgen random mod 100 < 2 counter name up drop
    }
}
";

#[expect(clippy::disallowed_methods, reason = "a test has no main to read the environment in")]
fn body_bytes() -> u64 {
    let mebibytes = std::env::var(SIZE_VARIABLE).map_or(4, |text| text.parse().expect("a number"));
    mebibytes << 20
}

/// A second namespace `far` behind a veth, with routes both ways.
fn make_network() {
    sh("ip netns add far");
    sh("ip link add va type veth peer name vb netns far");
    sh("ip link set va gso_max_segs 1 gro_max_size 1500 up; ip address add 10.99.0.1/24 dev va");
    sh("ip address add fd00:99::1/64 dev va nodad");
    sh("ip -n far link set lo up; ip -n far link set vb gso_max_segs 1 up");
    sh(
        "ip -n far address add 10.99.0.2/24 dev vb; ip -n far address add fd00:99::2/64 dev vb nodad",
    );
    sh("ip -n far route add default via 10.99.0.1; ip -n far route add default via fd00:99::1");
    sh("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
    std::fs::write("/run/drops.nft", DROPS).expect("rules are written");
    sh("nft -f /run/drops.nft");
}

/// Packets that the rule `name` dropped so far.
fn dropped(name: &str) -> u64 {
    let listing = sh(&format!("nft list counter inet loss {name}"));
    let after = listing.split("packets ").nth(1).expect("a counter has packets");
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

/// Segments that the kernel in the second namespace retransmitted.
fn kernel_retransmissions() -> u64 {
    let text = sh("ip netns exec far cat /proc/net/snmp");
    let mut lines = text.lines().filter(|line| line.starts_with("Tcp:"));
    let names = lines.next().expect("names").split_whitespace();
    let values = lines.next().expect("values").split_whitespace();
    let found = names.zip(values).find(|(name, _)| *name == "RetransSegs").expect("the counter");
    found.1.parse().expect("a number")
}

fn our_retransmissions() -> f64 {
    series(&metrics(), "wharf_tcp_retrans_segs_total", &[]).expect("the counter")
}

/// Bytes that repeat at no power of two.
fn write_body(path: &Path, bytes: u64) {
    let block: Vec<u8> = (0..251_u8).collect();
    let mut file = std::io::BufWriter::new(File::create(path).expect("a file"));
    let mut left = bytes;
    while left > 0 {
        let count = left.min(block.len() as u64);
        let part = usize::try_from(count).expect("less than a block");
        file.write_all(&block[..part]).expect("written");
        left -= count;
    }
    file.flush().expect("written");
}

fn carries_both_ways(address: &str) {
    let size = body_bytes();
    let url = format!("http://{address}:8080");
    let listen = format!("{address}:8080");
    make_network();
    let _daemon = Daemon::start(CONFIG);
    let _upstream = Upstream::start(&["ip", "netns", "exec", "far"], &["--listen", &listen]);

    let down = get(&format!("{url}/bytes/{size}"), &["-o", "/run/down"]);
    assert_eq!((&down["status"], &down["bytes"]), (&200.into(), &size.into()), "{down}");
    // What the upstream sends by pattern, it gets back: the two directions check each other.
    let sum = sh("sha256sum < /run/down");
    let sum = sum.split_whitespace().next().expect("a sum").to_owned();
    assert_eq!(down["sha256"], sum.as_str());
    let direct =
        sh(&format!("ip netns exec far curl -sg http://{address}:8080/bytes/{size} | sha256sum"));
    assert!(direct.starts_with(&sum), "what came through differs from what was sent");

    write_body(Path::new("/run/up"), size);
    let answer = get(&format!("{url}/sha256"), &["--data", "@/run/up", "-o", "/run/answer"]);
    assert_eq!(answer["status"], 200, "{answer}");
    let stated = std::fs::read_to_string("/run/answer").expect("the answer");
    let expected = sh("sha256sum < /run/up");
    let expected = expected.split_whitespace().next().expect("a sum");
    assert!(stated.contains(expected), "{stated} is not {expected}");

    let (down_drops, up_drops) = (dropped("down"), dropped("up"));
    let (theirs, ours) = (kernel_retransmissions(), our_retransmissions());
    println!(
        "{size} bytes each way: dropped {down_drops} down and {up_drops} up; \
         retransmitted {theirs} by the kernel and {ours} by us"
    );
    assert!(down_drops > 0 && up_drops > 0, "nothing was lost");
    assert!(theirs > 0 && ours > 0.0, "nothing was retransmitted");
}

#[test]
fn large_bodies_survive_loss_over_ipv4() {
    in_namespaces("loss::large_bodies_survive_loss_over_ipv4", || carries_both_ways("10.99.0.2"));
}

#[test]
fn large_bodies_survive_loss_over_ipv6() {
    in_namespaces("loss::large_bodies_survive_loss_over_ipv6", || {
        carries_both_ways("[fd00:99::2]");
    });
}
