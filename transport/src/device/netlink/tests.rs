use super::*;
use crate::device::test_namespace::{inside, run};

fn address(text: &str, prefix_len: u8) -> InterfaceAddress {
    InterfaceAddress { address: text.parse().expect("an address"), prefix_len }
}

#[test]
fn interfaces_are_looked_up_and_configured() {
    if !inside("device::netlink::tests::interfaces_are_looked_up_and_configured") {
        return;
    }
    run("ip link add wharf0 type veth peer name peer0");
    let mut netlink = Netlink::open().expect("opens");
    let before = netlink.interface("wharf0").expect("asks").expect("is there");
    assert_eq!((before.name.as_str(), before.kind.as_deref()), ("wharf0", Some("veth")));
    assert_eq!((before.is_up, before.tun), (false, None));
    assert!(netlink.exists("lo").expect("asks"));
    assert!(!netlink.exists("wharf1").expect("asks"));

    let index = before.index;
    netlink.set_mtu(index, 1400).expect("sets");
    netlink.set_no_link_local(index).expect("sets");
    netlink.set_up(index).expect("sets");
    let after = netlink.interface("wharf0").expect("asks").expect("is there");
    assert_eq!((after.mtu, after.is_up), (1400, true));

    for wanted in [address("10.213.0.1", 30), address("fd00:213::1", 64)] {
        assert!(netlink.add_address(index, wanted).expect("adds"), "{wanted} is new");
        assert!(!netlink.add_address(index, wanted).expect("adds"), "{wanted} was there");
    }
    let addresses = netlink.addresses(index).expect("lists");
    assert_eq!(addresses, [address("10.213.0.1", 30), address("fd00:213::1", 64)]);
}

#[test]
fn a_configured_interface_takes_packets_for_its_addresses() {
    if !inside("device::netlink::tests::a_configured_interface_takes_packets_for_its_addresses") {
        return;
    }
    run("ip link add wharf0 type veth peer name peer0");
    run("ip link set dev peer0 up");
    let mut netlink = Netlink::open().expect("opens");
    let index = netlink.interface("wharf0").expect("asks").expect("is there").index;
    let addresses = [address("10.213.0.1", 30), address("fd00:213::1", 64)];
    for of in addresses {
        assert!(!netlink.is_local(of.address).expect("asks"), "{of} is not ours yet");
    }
    netlink.configure(index, 1300, &addresses).expect("configures");
    for of in addresses {
        assert!(netlink.is_local(of.address).expect("asks"), "{of} is ours");
    }
    assert_eq!(netlink.addresses(index).expect("lists"), addresses, "and no link-local one");
    assert!(!netlink.is_local("10.213.0.2".parse().expect("v4")).expect("asks"));
    netlink.configure(index, 1300, &addresses).expect("a second time changes nothing");
}

#[test]
fn ipv6_switched_off_is_not_a_missing_right() {
    if !inside("device::netlink::tests::ipv6_switched_off_is_not_a_missing_right") {
        return;
    }
    run("ip link add wharf0 type veth peer name peer0");
    std::fs::write("/proc/sys/net/ipv6/conf/wharf0/disable_ipv6", "1").expect("writes");
    let mut netlink = Netlink::open().expect("opens");
    let index = netlink.interface("wharf0").expect("asks").expect("is there").index;
    let addresses = [address("10.213.0.1", 30), address("fd00:213::1", 64)];
    let fault = netlink.configure(index, 1400, &addresses).expect_err("no IPv6");
    assert_eq!(
        fault.to_string(),
        "the kernel does not use fd00:213::1; is IPv6 switched off on the interface?"
    );
    netlink.configure(index, 1400, &addresses[..1]).expect("IPv4 does not mind");
}

#[test]
fn what_the_kernel_refuses_says_what_was_asked_for() {
    if !inside("device::netlink::tests::what_the_kernel_refuses_says_what_was_asked_for") {
        return;
    }
    let mut netlink = Netlink::open().expect("opens");
    let fault = netlink.set_up(12_345).expect_err("no such interface");
    assert!(matches!(fault, NetlinkError::Refused { .. }), "{fault:?}");
    assert_eq!(fault.to_string(), "cannot set the interface up");
    let reason = std::error::Error::source(&fault).expect("has a reason").to_string();
    assert!(reason.starts_with("No such device"), "{reason}");

    let lo = netlink.interface("lo").expect("asks").expect("is there");
    let too_long = netlink.add_address(lo.index, address("10.213.0.1", 33));
    assert!(matches!(too_long, Err(NetlinkError::Refused { .. })), "{too_long:?}");
    assert_eq!(netlink.addresses(lo.index).expect("lists"), []);
}

#[test]
fn without_the_capability_the_message_names_it() {
    if !inside("device::netlink::tests::without_the_capability_the_message_names_it") {
        return;
    }
    // Dropping the capability is for good, but this process runs this test alone.
    let caps = rustix::thread::capabilities(None).expect("reads");
    let less = rustix::thread::CapabilitySets {
        effective: caps.effective - rustix::thread::CapabilitySet::NET_ADMIN,
        ..caps
    };
    rustix::thread::set_capabilities(None, less).expect("drops");
    let mut netlink = Netlink::open().expect("opens");
    let lo = netlink.interface("lo").expect("asks").expect("is there");
    let fault = netlink.set_up(lo.index).expect_err("forbidden");
    assert!(matches!(fault, NetlinkError::NotPermitted { .. }), "{fault:?}");
    assert_eq!(
        fault.to_string(),
        "cannot set the interface up: this needs CAP_NET_ADMIN in this network namespace"
    );
}

#[test]
fn an_answer_is_yes_an_errno_or_nonsense() {
    let no = |code: i32| code.to_ne_bytes();
    assert!(verdict(&no(0)).is_ok());
    let fault = verdict(&no(-1)).expect_err("an errno");
    assert!(fault.is(Errno::PERM));
    for nonsense in [&no(1)[..], &no(-4096), &no(i32::MIN), &[0, 0]] {
        assert!(matches!(verdict(nonsense), Err(Fault::Garbled)), "{nonsense:?}");
    }
}
