//! The way to another host as `deploy/` lays it: the device, forwarding by its sysctl file, NAT
//! and the refusals of its nft table, in a network of two namespaces.

#![allow(clippy::unwrap_used, reason = "a failure here is the test's")]

mod tools;

use std::process::Command;

use tools::{root, run, skip, tool};

/// The right to do in namespaces what the script does; the last word is the skip's reason.
const PREPARE: &str = "mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up && \
                       ip netns add upstream && ip tuntap add dev probe0 mode tun && \
                       ip link delete probe0";

/// One host with an uplink, eth0, and behind it an upstream that knows no way back to the stack's
/// addresses: it answers only to what NAT made of them.
const SCRIPT: &str = r#"
set -e
repository=$1 wharfd=$2 wharf=$3
ip link add eth0 type veth peer name peer0 netns upstream
ip address add 192.0.2.1/24 dev eth0
ip address add fd00:99::1/64 dev eth0 nodad
ip link set eth0 up
upstream="ip netns exec upstream"
$upstream ip address add 192.0.2.2/24 dev peer0
$upstream ip address add fd00:99::2/64 dev peer0 nodad
$upstream ip link set peer0 up
mkdir /run/www /run/wharf
echo 'the page' > /run/www/index.html
(cd /run/www && exec $upstream python3 -m http.server 8080 --protocol HTTP/1.1 --bind ::) \
    > /run/upstream.log 2>&1 &
cat > /run/wharf.toml <<END
[[route]]
match = "http://192.0.2.2:8080"
[[route]]
match = "http://[fd00:99::2]:8080"
[[route]]
match = "http://169.254.169.254"
END
"$wharfd" --config /run/wharf.toml 2> /run/wharfd.log & daemon=$!
for try in $(seq 200); do
    [ -S /run/wharf/admin.sock ] && $upstream ss -Hltn 'sport = :8080' | grep -q . && break
    sleep 0.05
done
# A kernel before 6.17 has no key to forward IPv6 by interface, and passes over the lines.
sed 's/^-//' "$repository"/deploy/sysctl.d/80-wharf.conf | grep -v '^#' | while read -r key _ value; do
    file=/proc/sys/$(echo "$key" | tr . /)
    [ -z "$key" ] || [ ! -e "$file" ] || echo "$value" > "$file"
done
[ -e /proc/sys/net/ipv6/conf/eth0/force_forwarding ] \
    || echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
nft -f "$repository"/deploy/nftables/wharf.nft
"$wharf" get http://192.0.2.2:8080/
"$wharf" get 'http://[fd00:99::2]:8080/'
"$wharf" get http://169.254.169.254/latest/meta-data/ 2>&1 || true
cat /run/upstream.log
kill $daemon
wait $daemon
echo the daemon ended well
"#;

#[test]
fn leases_reach_another_host_through_nat_and_link_local_is_refused() {
    let programs = ["unshare", "ip", "ss", "nft", "python3"];
    if let Some(missing) = programs.iter().find(|name| tool(name).is_none()) {
        return skip(&format!("{missing} is not on the path"));
    }
    let namespaces = ["-nmp", "--fork", "--kill-child", "--mount-proc"];
    if !run(Command::new("unshare").args(namespaces).args(["sh", "-c", PREPARE])).0 {
        return skip("no right to namespaces with a device");
    }
    let script = format!("{PREPARE}\n{SCRIPT}");
    let mut command = Command::new("unshare");
    command.args(namespaces).args(["sh", "-c", &script, "sh"]).arg(root());
    command.args([env!("CARGO_BIN_EXE_wharfd"), env!("CARGO_BIN_EXE_wharf")]);
    let (success, said) = run(&mut command);
    assert!(success, "{said}");
    assert_eq!(said.matches("the page").count(), 2, "by IPv4 and by IPv6: {said}");
    for expected in
        ["192.0.2.1 - - ", "fd00:99::1 - - ", "destination_ip_unroutable", "the daemon ended well"]
    {
        assert!(said.contains(expected), "{expected} is missing in: {said}");
    }
}
