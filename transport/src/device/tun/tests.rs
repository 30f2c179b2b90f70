use super::*;
use crate::device::netlink::InterfaceAddress;
use crate::device::test_namespace::{has_tun, inside, run};
use crate::wire::icmp::{self, Echo, Message};
use crate::wire::ip::{self, Ecn, Protocol};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, ipproto};
use rustix::net::{recvfrom, sendto, socket};
use rustix::thread::{CapabilitySet, CapabilitySets};
use std::net::{IpAddr, SocketAddr, UdpSocket};

const GATEWAY: [(&str, u8); 2] = [("10.213.0.1", 30), ("fd00:213::1", 64)];
const OURS: [&str; 2] = ["10.213.0.2", "fd00:213::2"];

/// Whether a test that needs a device in a namespace of its own may go on.
fn may_run(test: &str) -> bool {
    let test = format!("device::tun::tests::{test}");
    has_tun(&test) && inside(&test)
}

/// Configures the interface as the daemon does.
fn configure(tun: &Tun) {
    let mut netlink = Netlink::open().expect("opens");
    let addresses = GATEWAY.map(|(address, prefix_len)| InterfaceAddress {
        address: address.parse().expect("an address"),
        prefix_len,
    });
    netlink.configure(tun.index(), 1400, &addresses).expect("configures");
}

/// Waits for packets, but not for ever.
fn receive(tun: &mut Tun, batch: &mut PacketBatch) -> usize {
    let patience = Timespec { tv_sec: 5, tv_nsec: 0 };
    poll(&mut [PollFd::new(&tun, PollFlags::IN)], Some(&patience)).expect("polls");
    tun.receive(batch).expect("receives")
}

/// Drops this process's right to administer the network, for good.
fn drop_net_admin() {
    let all = rustix::thread::capabilities(None).expect("reads");
    let effective = all.effective - CapabilitySet::NET_ADMIN;
    let less = CapabilitySets { effective, ..all };
    rustix::thread::set_capabilities(None, less).expect("drops");
}

/// An echo request as the whole packet that we would send, or its reply.
fn echo_packet(source: IpAddr, destination: IpAddr, emit: impl Fn(&mut [u8]) -> usize) -> Vec<u8> {
    let mut packet = vec![0; 200];
    let start = ip::header_len(destination);
    let len = emit(&mut packet[start..]);
    let protocol = if source.is_ipv4() { Protocol::Icmp } else { Protocol::Icmpv6 };
    ip::emit_header(source, destination, protocol, 64, Ecn::NotEct, len, &mut packet);
    packet.truncate(start + len);
    packet
}

#[test]
fn the_kernels_ping_is_read_and_our_answer_reaches_it() {
    if !may_run("the_kernels_ping_is_read_and_our_answer_reaches_it") {
        return;
    }
    let mut tun = Tun::open("wharf0").expect("opens");
    assert_eq!((tun.origin(), tun.name()), (Origin::Created, "wharf0"));
    configure(&tun);
    tun.refresh_mtu().expect("asks");
    assert_eq!(tun.mtu(), 1400);

    let mut batch = PacketBatch::new(16, 1400);
    let kinds =
        [(AddressFamily::INET, ipproto::ICMP, 20), (AddressFamily::INET6, ipproto::ICMPV6, 0)];
    for ((ours, (gateway, _)), (family, protocol, header_len)) in
        OURS.into_iter().zip(GATEWAY).zip(kinds)
    {
        let ours: IpAddr = ours.parse().expect("an address");
        let gateway: IpAddr = gateway.parse().expect("an address");
        let kernel = socket(family, SocketType::RAW, Some(protocol)).expect("opens");
        let echo = Echo { ident: 7, seq: 1, data: b"are you there?" };
        let mut request = [0; 22];
        echo.emit_request(gateway, ours, &mut request);
        sendto(&kernel, &request, SendFlags::empty(), &SocketAddr::new(ours, 0)).expect("sends");

        batch.clear();
        assert_eq!(receive(&mut tun, &mut batch), 1, "the ping, and no solicitation of routers");
        let datagram = ip::parse(batch.iter().next().expect("one")).expect("well formed");
        assert_eq!((datagram.source, datagram.destination), (gateway, ours));
        let message = icmp::parse(gateway, ours, datagram.payload).expect("well formed");
        assert_eq!(message, Message::EchoRequest(echo));

        let reply = echo_packet(ours, gateway, |out| echo.emit_reply(ours, gateway, out));
        batch.clear();
        batch.push(&reply);
        assert_eq!(tun.send(&mut batch).expect("sends"), Sent { packets: 1, dropped: 0 });
        assert!(batch.is_empty());

        let patience = Timespec { tv_sec: 5, tv_nsec: 0 };
        let mut ready = [PollFd::new(&kernel, PollFlags::IN)];
        assert_eq!(poll(&mut ready, Some(&patience)), Ok(1), "the kernel takes our answer {ours}");
        let mut answer = [0; 200];
        let (_, len, _) = recvfrom(&kernel, &mut answer, RecvFlags::empty()).expect("receives");
        let message = icmp::parse(ours, gateway, &answer[header_len..len]);
        assert_eq!(message, Ok(Message::EchoReply(echo)));
    }
}

#[test]
fn nothing_to_read_would_block_and_a_batch_is_a_bound() {
    if !may_run("nothing_to_read_would_block_and_a_batch_is_a_bound") {
        return;
    }
    let mut tun = Tun::open("wharf0").expect("opens");
    configure(&tun);
    let mut batch = PacketBatch::new(2, 1400);
    assert_eq!(tun.receive(&mut batch).expect("receives"), 0);

    let socket = UdpSocket::bind((GATEWAY[0].0, 0)).expect("binds");
    for text in ["one", "two", "three"] {
        socket.send_to(text.as_bytes(), (OURS[0], 9)).expect("sends");
    }
    assert_eq!(receive(&mut tun, &mut batch), 2);
    assert_eq!(tun.receive(&mut batch).expect("receives"), 0, "the batch is full");
    batch.clear();
    assert_eq!(receive(&mut tun, &mut batch), 1);
    assert!(batch.iter().all(|packet| packet.ends_with(b"three")));

    batch.clear();
    batch.push(b"\x05 is no version of IP");
    assert_eq!(tun.send(&mut batch).expect("sends"), Sent { packets: 0, dropped: 1 });
}

#[test]
fn downed_and_deleted_interfaces_have_names() {
    if !may_run("downed_and_deleted_interfaces_have_names") {
        return;
    }
    let mut tun = Tun::open("wharf0").expect("opens");
    let mut batch = PacketBatch::new(2, 1400);
    let packet =
        echo_packet(OURS[0].parse().expect("v4"), GATEWAY[0].0.parse().expect("v4"), |out| {
            out[..8].fill(0);
            8
        });
    batch.push(&packet);
    let error = tun.send(&mut batch).expect_err("the interface is not up yet");
    assert_eq!(Fault::of(&error), Some(Fault::Down));
    assert!(batch.is_empty());
    assert_eq!(tun.receive(&mut batch).expect("there is just nothing to read"), 0);

    run("ip link del wharf0");
    batch.push(&packet);
    let error = tun.send(&mut batch).expect_err("the interface is gone");
    assert_eq!(Fault::of(&error), Some(Fault::Gone));
    let error = tun.receive(&mut batch).expect_err("the interface is gone");
    assert_eq!(Fault::of(&error), Some(Fault::Gone));
    assert!(matches!(tun.refresh_mtu(), Err(OpenError::Io(_))));
}

#[test]
fn offload_bits_of_an_earlier_opener_are_cleared() {
    if !may_run("offload_bits_of_an_earlier_opener_are_cleared") {
        return;
    }
    run("ip tuntap add dev wharf0 mode tun user 0");
    let socket = |tun: &Tun| {
        configure(tun);
        UdpSocket::bind((GATEWAY[0].0, 0)).expect("binds")
    };
    let checksum_is_filled = |tun: &mut Tun, socket: &UdpSocket| {
        socket.send_to(b"checksum me", (OURS[0], 9)).expect("sends");
        let mut batch = PacketBatch::new(1, 1400);
        assert_eq!(receive(tun, &mut batch), 1);
        let packet = batch.iter().next().expect("one").to_vec();
        let datagram = ip::parse(&packet).expect("well formed");
        let (source, destination) = (datagram.source, datagram.destination);
        let len = datagram.payload.len();
        let mut sum = crate::wire::checksum::Checksum::pseudo_header(source, destination, 17, len);
        sum.add(datagram.payload);
        sum.is_valid()
    };
    {
        let mut earlier = Tun::open("wharf0").expect("opens");
        let socket = socket(&earlier);
        assert!(checksum_is_filled(&mut earlier, &socket));
        sys::set_offload(earlier.as_fd(), libc::TUN_F_CSUM).expect("sets");
        assert!(!checksum_is_filled(&mut earlier, &socket), "the kernel leaves it to us");
    }
    let mut tun = Tun::open("wharf0").expect("opens");
    assert_eq!(tun.origin(), Origin::Attached);
    let socket = socket(&tun);
    assert!(checksum_is_filled(&mut tun, &socket));
}

#[test]
fn what_cannot_be_attached_to_says_why() {
    if !may_run("what_cannot_be_attached_to_says_why") {
        return;
    }
    run("ip link add veth0 type veth peer name veth1");
    run("ip tuntap add dev tap0 mode tap user 0");
    run("ip tuntap add dev many0 mode tun user 0 multi_queue");
    run("ip tuntap add dev free0 mode tun");
    let fault = |name: &str| Tun::open(name).expect_err("cannot be attached to");
    let messages = [
        ("veth0", "veth0 is a veth interface, not a TUN device; use another name"),
        ("lo", "lo is a network interface, not a TUN device; use another name"),
        ("tap0", "tap0 is a tap interface, not a TUN device; use another name"),
        ("many0", "device many0 was made with multi_queue; make it without"),
    ];
    for (name, message) in messages {
        assert_eq!(fault(name).to_string(), message);
    }
    assert!(matches!(fault("free0"), OpenError::Unowned { .. }));
    let taken = Tun::open_with("free0", Unowned::Accept).expect("told to");
    assert!(matches!(fault("free0"), OpenError::Unowned { .. }));
    let again = Tun::open_with("free0", Unowned::Accept).expect_err("one at a time");
    assert!(matches!(again, OpenError::Busy { .. }), "{again:?}");
    drop(taken);
    assert!(Tun::open_with("free0", Unowned::Accept).is_ok());
}

#[test]
fn an_owner_needs_no_capability_and_others_do() {
    if !may_run("an_owner_needs_no_capability_and_others_do") {
        return;
    }
    run("ip tuntap add dev mine0 mode tun user 0");
    // In a user namespace with one uid nobody else can own a device.
    let others = std::process::Command::new("ip")
        .args(["tuntap", "add", "dev", "theirs0", "mode", "tun", "user", "4242"])
        .output()
        .expect("ip runs");
    drop_net_admin();
    assert_eq!(Tun::open("mine0").expect("ours").origin(), Origin::Attached);
    let fault = Tun::open("new0").expect_err("no right to create");
    assert!(matches!(fault, OpenError::NotPermittedToCreate { .. }), "{fault:?}");
    assert!(fault.to_string().contains("CAP_NET_ADMIN"), "{fault}");
    if others.status.success() {
        let fault = Tun::open("theirs0").expect_err("not ours");
        assert!(matches!(fault, OpenError::NotPermitted { .. }), "{fault:?}");
        assert!(fault.to_string().contains("belongs to uid 4242"), "{fault}");
    }
}

#[test]
fn a_created_device_goes_away_with_its_opener() {
    if !may_run("a_created_device_goes_away_with_its_opener") {
        return;
    }
    let tun = Tun::open("wharf0").expect("opens");
    let mut netlink = Netlink::open().expect("opens");
    let settings = netlink.interface("wharf0").expect("asks").expect("is there").tun;
    assert_eq!(settings.map(|settings| settings.is_persistent), Some(false));
    drop(tun);
    assert!(!netlink.exists("wharf0").expect("asks"));
}

#[test]
fn names_that_the_kernel_would_change_are_refused() {
    let long = Tun::open("sixteen-letters-").expect_err("sixteen bytes");
    assert!(matches!(long, OpenError::NameTooLong { .. }), "{long:?}");
    assert_eq!(
        long.to_string(),
        "interface name \"sixteen-letters-\" is 16 bytes long; at most 15 fit"
    );
    for name in ["", ".", "..", "a/b", "tun%d", "a b", "a:b", "tün", "a\0b"] {
        let fault = Tun::open(name).expect_err("no name");
        assert!(matches!(fault, OpenError::BadName { .. }), "{name:?}: {fault:?}");
    }
}

#[test]
fn failures_of_the_node_name_what_to_do() {
    let fault = |errno: Errno| OpenError::of_node(errno.into());
    for errno in [Errno::NOENT, Errno::NXIO, Errno::NODEV] {
        assert!(matches!(fault(errno), OpenError::NoNode));
    }
    for errno in [Errno::ACCESS, Errno::PERM] {
        assert!(matches!(fault(errno), OpenError::NodeMode));
    }
    assert!(matches!(fault(Errno::MFILE), OpenError::Io(_)));
    assert!(fault(Errno::NOENT).to_string().contains("modprobe tun"));
    assert!(fault(Errno::ACCESS).to_string().contains("/dev/net/tun"));
}

#[test]
fn failures_to_attach_name_the_holder() {
    let fault = |errno: Errno, found: Option<&Interface>| {
        OpenError::of_attach(errno.into(), "wharf0", found)
    };
    assert!(matches!(fault(Errno::BUSY, None), OpenError::Busy { .. }));
    assert!(matches!(fault(Errno::INVAL, None), OpenError::NotATun { .. }));
    assert!(matches!(fault(Errno::NOMEM, None), OpenError::Io(_)));
    let holders = [
        (Some(1), Some(2), "uid 1 and gid 2"),
        (Some(1), None, "uid 1"),
        (None, Some(2), "gid 2"),
        (None, None, "nobody"),
    ];
    for (owner, group, words) in holders {
        let tun = Some(crate::device::netlink::TunSettings { owner, group, ..Default::default() });
        let found = Interface {
            index: 1,
            name: "wharf0".to_owned(),
            mtu: 1500,
            is_up: true,
            kind: Some("tun".to_owned()),
            tun,
        };
        let fault = fault(Errno::PERM, Some(&found)).to_string();
        assert!(fault.starts_with(&format!("device wharf0 belongs to {words};")), "{fault}");
    }
}
