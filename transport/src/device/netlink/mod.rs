//! Looks interfaces up and configures them: rtnetlink(7), through rustix's netlink sockets.
//!
//! The file system is not asked, because in a network namespace /sys may still show the host's
//! interfaces. Requests run one after the other and wait for the kernel's answer, which it gives
//! within the call; a bound on the wait keeps a lost answer from hanging the caller. For start-up
//! and checks, not for the loop that moves packets.

mod abi;
mod configure;
mod interface;
mod reply;
mod request;

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recvfrom, sendto,
    socket_with,
};

use abi::{
    AF_INET, AF_INET6, AF_UNSPEC, IFA_ADDRESS, IFA_F_NODAD, IFA_FLAGS, IFA_LOCAL, IFF_UP,
    IFLA_AF_SPEC, IFLA_IFNAME, IFLA_INET6_ADDR_GEN_MODE, IFLA_MTU, IN6_ADDR_GEN_MODE_NONE,
    NLM_F_CREATE, NLM_F_DUMP_INTR, NLM_F_EXCL, NLMSG_DONE, NLMSG_ERROR, ROUTE_TYPE_OFFSET, RTA_DST,
    RTM_GETADDR, RTM_GETLINK, RTM_GETROUTE, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWROUTE, RTN_LOCAL,
};
pub use interface::{Interface, InterfaceAddress, TunSettings};
use interface::{read_address, read_interface};
use reply::{Message, messages, read_u32};
use request::Request;

/// Longest wait for an answer. The kernel answers within the call; this is for a lost answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Room for one datagram of an answer. The kernel makes them 32 KiB at most.
const ANSWER_LEN_MAX: usize = 64 * 1024;

/// How often a dump is begun anew when what it shows has changed meanwhile.
const DUMP_ATTEMPTS: usize = 5;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetlinkError {
    /// There is no netlink socket to be had; a sandbox may forbid the address family.
    #[error(
        "cannot open a netlink socket; the service may need RestrictAddressFamilies=AF_NETLINK"
    )]
    NoSocket(#[source] io::Error),
    /// The kernel wants CAP_NET_ADMIN in this network namespace.
    #[error("cannot {doing}: this needs CAP_NET_ADMIN in this network namespace")]
    NotPermitted {
        /// What was asked for.
        doing: &'static str,
    },
    /// The kernel says no for another reason.
    #[error("cannot {doing}")]
    Refused {
        /// What was asked for.
        doing: &'static str,
        /// The kernel's reason.
        #[source]
        reason: io::Error,
    },
    /// Sending or receiving failed, or no answer came in time.
    #[error("no answer from the kernel to the request to {doing}")]
    NoAnswer {
        /// What was asked for.
        doing: &'static str,
        /// What the socket said.
        #[source]
        reason: io::Error,
    },
    /// The kernel does not take packets for an address that was to be added.
    #[error("the kernel does not use {address}; is IPv6 switched off on the interface?")]
    NotInUse {
        /// The address.
        address: IpAddr,
    },
    /// The answer is not what the request asks for.
    #[error("the kernel's answer to the request to {doing} makes no sense")]
    Garbled {
        /// What was asked for.
        doing: &'static str,
    },
}

/// A conversation with the kernel about the interfaces of this thread's network namespace.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    seq: u32,
    answer: Box<[u8]>,
}

impl Netlink {
    /// Opens one, in the network namespace that the calling thread is in.
    ///
    /// # Errors
    ///
    /// [`NetlinkError::NoSocket`].
    pub fn open() -> Result<Self, NetlinkError> {
        let socket = open_socket().map_err(|errno| NetlinkError::NoSocket(errno.into()))?;
        Ok(Self { socket, seq: 0, answer: vec![0; ANSWER_LEN_MAX].into_boxed_slice() })
    }

    /// The interface of that name, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`NetlinkError`], if the kernel could not be asked.
    pub fn interface(&mut self, name: &str) -> Result<Option<Interface>, NetlinkError> {
        let doing = "look the interface up";
        let mut terminated = name.as_bytes().to_vec();
        terminated.push(0);
        let request = Request::new(RTM_GETLINK, 0, self.next_seq())
            .link_header(0, 0, 0)
            .attribute(IFLA_IFNAME, &terminated);
        let mut found = None;
        let result = self.transact(request, |message| {
            if message.kind == RTM_NEWLINK {
                found = read_interface(message.body);
            }
        });
        match result {
            Ok(()) => found.map(Some).ok_or(NetlinkError::Garbled { doing }),
            Err(fault) if fault.is(Errno::NODEV) => Ok(None),
            Err(fault) => Err(fault.into_error(doing)),
        }
    }

    /// Whether there is an interface of that name.
    ///
    /// # Errors
    ///
    /// [`NetlinkError`], if the kernel could not be asked.
    pub fn exists(&mut self, name: &str) -> Result<bool, NetlinkError> {
        Ok(self.interface(name)?.is_some())
    }

    /// Sets the interface's longest packet, in bytes.
    ///
    /// # Errors
    ///
    /// [`NetlinkError`].
    pub fn set_mtu(&mut self, index: u32, mtu: u16) -> Result<(), NetlinkError> {
        let request = Request::new(RTM_NEWLINK, 0, self.next_seq())
            .link_header(index, 0, 0)
            .attribute(IFLA_MTU, &u32::from(mtu).to_ne_bytes());
        self.ask("set the interface's mtu", request)
    }

    /// Keeps the kernel from making a link-local address, and with it from sending router
    /// solicitations and listener reports that nobody on a TUN answers. Call it before
    /// [`set_up`](Self::set_up). Without IPv6 on the interface there is nothing to keep it from.
    ///
    /// # Errors
    ///
    /// [`NetlinkError`].
    pub fn set_no_link_local(&mut self, index: u32) -> Result<(), NetlinkError> {
        let doing = "keep the interface from making a link-local address";
        let request = Request::new(RTM_NEWLINK, 0, self.next_seq())
            .link_header(index, 0, 0)
            .nested(IFLA_AF_SPEC, |request| {
                request.nested(u16::from(AF_INET6), |request| {
                    request.attribute(IFLA_INET6_ADDR_GEN_MODE, &[IN6_ADDR_GEN_MODE_NONE])
                })
            });
        match self.transact(request, |_| {}) {
            Err(fault) if !fault.is(Errno::AFNOSUPPORT) => Err(fault.into_error(doing)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Sets the interface up.
    ///
    /// # Errors
    ///
    /// [`NetlinkError`].
    pub fn set_up(&mut self, index: u32) -> Result<(), NetlinkError> {
        let request =
            Request::new(RTM_NEWLINK, 0, self.next_seq()).link_header(index, IFF_UP, IFF_UP);
        self.ask("set the interface up", request)
    }

    /// Gives the interface an address; IPv6 does not look for duplicates first. Returns false if
    /// the interface had it before. See [`is_local`](Self::is_local) for when it is in use.
    ///
    /// # Errors
    ///
    /// [`NetlinkError`].
    pub fn add_address(
        &mut self,
        index: u32,
        address: InterfaceAddress,
    ) -> Result<bool, NetlinkError> {
        let doing = "add an address to the interface";
        let seq = self.next_seq();
        let request = |family| {
            Request::new(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, seq).address_header(
                family,
                address.prefix_len,
                index,
            )
        };
        let request = match address.address {
            IpAddr::V4(v4) => request(AF_INET)
                .attribute(IFA_LOCAL, &v4.octets())
                .attribute(IFA_ADDRESS, &v4.octets()),
            IpAddr::V6(v6) => request(AF_INET6)
                .attribute(IFA_LOCAL, &v6.octets())
                .attribute(IFA_ADDRESS, &v6.octets())
                .attribute(IFA_FLAGS, &IFA_F_NODAD.to_ne_bytes()),
        };
        match self.transact(request, |_| {}) {
            Ok(()) => Ok(true),
            Err(fault) if fault.is(Errno::EXIST) => Ok(false),
            // What the kernel says where the sysctl disable_ipv6 is set; a missing right is EPERM.
            Err(fault) if fault.is(Errno::ACCESS) => {
                Err(NetlinkError::NotInUse { address: address.address })
            }
            Err(fault) => Err(fault.into_error(doing)),
        }
    }

    /// The interface's addresses of both families, link-local ones included.
    ///
    /// # Errors
    ///
    /// [`NetlinkError`].
    pub fn addresses(&mut self, index: u32) -> Result<Vec<InterfaceAddress>, NetlinkError> {
        let doing = "list the interface's addresses";
        for _ in 0..DUMP_ATTEMPTS {
            let request =
                Request::dump(RTM_GETADDR, self.next_seq()).address_header(AF_UNSPEC, 0, 0);
            let (mut found, mut interrupted) = (Vec::new(), false);
            let result = self.transact(request, |message| {
                interrupted |= message.flags & NLM_F_DUMP_INTR != 0;
                if message.kind == RTM_NEWADDR
                    && let Some((of, address)) = read_address(message.body)
                    && of == index
                {
                    found.push(address);
                }
            });
            result.map_err(|fault| fault.into_error(doing))?;
            if !interrupted {
                return Ok(found);
            }
        }
        Err(NetlinkError::Garbled { doing })
    }

    /// Whether the kernel takes packets for `address` as its own. For an IPv6 address that begins a
    /// moment after [`add_address`](Self::add_address) has returned, on an interface that is up.
    ///
    /// # Errors
    ///
    /// [`NetlinkError`].
    pub fn is_local(&mut self, address: IpAddr) -> Result<bool, NetlinkError> {
        let request = Request::new(RTM_GETROUTE, 0, self.next_seq());
        let request = match address {
            IpAddr::V4(v4) => request.route_header(AF_INET, 32).attribute(RTA_DST, &v4.octets()),
            IpAddr::V6(v6) => request.route_header(AF_INET6, 128).attribute(RTA_DST, &v6.octets()),
        };
        let mut is_local = false;
        let result = self.transact(request, |message| {
            let kind = message.body.get(ROUTE_TYPE_OFFSET);
            is_local |= message.kind == RTM_NEWROUTE && kind == Some(&RTN_LOCAL);
        });
        match result {
            Ok(()) => Ok(is_local),
            Err(fault) if fault.is(Errno::NETUNREACH) || fault.is(Errno::HOSTUNREACH) => Ok(false),
            Err(fault) => Err(fault.into_error("look up the route to an address")),
        }
    }

    /// Sends a request whose answer is yes or no.
    fn ask(&mut self, doing: &'static str, request: Request) -> Result<(), NetlinkError> {
        self.transact(request, |_| {}).map_err(|fault| fault.into_error(doing))
    }

    /// Sends a request and hands each message of the answer to `take` until the kernel says that
    /// it was the last one.
    fn transact(
        &mut self,
        request: Request,
        mut take: impl FnMut(&Message<'_>),
    ) -> Result<(), Fault> {
        let seq = self.seq;
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(&self.socket, &request.finish(), SendFlags::empty(), &kernel)
            .map_err(Fault::Socket)?;
        loop {
            let (len, from_kernel) = self.receive()?;
            let answer = self.answer.get(..len).ok_or(Fault::Garbled)?;
            if !from_kernel {
                continue;
            }
            for message in messages(answer).filter(|message| message.seq == seq) {
                match message.kind {
                    NLMSG_DONE => return Ok(()),
                    NLMSG_ERROR => return verdict(message.body),
                    _ => take(&message),
                }
            }
        }
    }

    /// Receives one datagram: its length, and whether the kernel sent it. Longer than the room it
    /// has, it is garbled.
    fn receive(&mut self) -> Result<(usize, bool), Fault> {
        loop {
            match recvfrom(&self.socket, &mut *self.answer, RecvFlags::TRUNC) {
                Ok((_, len, from)) => {
                    let from = from.and_then(|from| SocketAddrNetlink::try_from(from).ok());
                    return Ok((len, from.is_some_and(|from| from.pid() == 0)));
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(Fault::Socket(errno)),
            }
        }
    }

    /// The number of the next request.
    fn next_seq(&mut self) -> u32 {
        self.seq = self.seq.wrapping_add(1);
        self.seq
    }
}

/// Why a request failed, before it is known what the caller makes of it.
enum Fault {
    Socket(Errno),
    Kernel(Errno),
    Garbled,
}

impl Fault {
    /// Whether this is the kernel's answer `errno`.
    fn is(&self, errno: Errno) -> bool {
        matches!(self, Self::Kernel(answer) if *answer == errno)
    }

    fn into_error(self, doing: &'static str) -> NetlinkError {
        match self {
            Self::Socket(errno) => NetlinkError::NoAnswer { doing, reason: errno.into() },
            Self::Kernel(Errno::PERM) => NetlinkError::NotPermitted { doing },
            Self::Kernel(errno) => NetlinkError::Refused { doing, reason: errno.into() },
            Self::Garbled => NetlinkError::Garbled { doing },
        }
    }
}

fn open_socket() -> rustix::io::Result<OwnedFd> {
    // No protocol is protocol 0: NETLINK_ROUTE.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddrNetlink::new(0, 0))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_TIMEOUT))?;
    Ok(socket)
}

/// What the body of an NLMSG_ERROR says: zero, or an errno as a negative number.
fn verdict(body: &[u8]) -> Result<(), Fault> {
    match read_u32(body).map(u32::cast_signed) {
        Some(0) => Ok(()),
        Some(code @ -4095..0) => Err(Fault::Kernel(Errno::from_raw_os_error(-code))),
        Some(_) | None => Err(Fault::Garbled),
    }
}

#[cfg(test)]
mod tests;
