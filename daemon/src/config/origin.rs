//! Origins: what a client asks for, in one spelling.
//!
//! Two spellings of one host must not be two routes, and a spelling that a resolver would read
//! as an address must not pass for a name: `127.1`, `0x7f000001` and `2130706433` are refused
//! here rather than resolved later. Not here: names are not looked up.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest name of a host, in bytes (RFC 1035, section 2.3.4, without the final dot).
const NAME_BYTES_MAX: usize = 253;
/// Longest label of a name, in bytes (RFC 1035, section 2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// What the bytes of a lease are, as far as the daemon must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// HTTP/1.1 in cleartext; port 80 unless said otherwise.
    Http,
    /// Any protocol in which the client speaks first; the port must be said.
    Tcp,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Http, Self::Tcp];

    /// The scheme as it stands before `://`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
        }
    }

    /// The port that an origin has if it names none.
    #[must_use]
    pub const fn default_port(self) -> Option<u16> {
        match self {
            Self::Http => Some(80),
            Self::Tcp => None,
        }
    }

    /// Reads a scheme, in either case.
    ///
    /// # Errors
    /// Those that the daemon would have to encrypt, and those it does not know.
    pub fn parse(text: &str) -> Result<Self, BadOrigin> {
        let lower = text.to_ascii_lowercase();
        if matches!(lower.as_str(), "https" | "tls") {
            return Err(BadOrigin::Tls);
        }
        Self::ALL.into_iter().find(|s| s.name() == lower).ok_or(BadOrigin::Scheme)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A host in its one spelling: lower case, no final dot, no brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name to be resolved.
    Name(String),
    /// An address; IPv4 inside IPv6 (`::ffff:a.b.c.d`) is the IPv4 address.
    Address(IpAddr),
}

impl Host {
    /// Reads a host: a name, an IPv4 address, or an IPv6 address with or without brackets.
    ///
    /// # Errors
    /// [`BadOrigin`] says which rule of spelling is broken.
    pub fn parse(text: &str) -> Result<Self, BadOrigin> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(BadOrigin::Brackets)?;
            return Self::parse_ipv6(inner);
        }
        if text.contains(':') {
            return Self::parse_ipv6(text);
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if let Ok(address) = name.parse::<Ipv4Addr>() {
            return Ok(Self::Address(IpAddr::V4(address)));
        }
        check_name(&name)?;
        Ok(Self::Name(name))
    }

    fn parse_ipv6(text: &str) -> Result<Self, BadOrigin> {
        let address: Ipv6Addr = text.parse().map_err(|_| BadOrigin::Ipv6)?;
        Ok(Self::Address(IpAddr::V6(address).to_canonical()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Whether `name`, already in lower case and without a final dot, is a name of a host.
pub(super) fn check_name(name: &str) -> Result<(), BadOrigin> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(BadOrigin::NameLength);
    }
    for label in name.split('.') {
        check_label(label)?;
    }
    if name.rsplit('.').next().is_some_and(is_numeric) {
        return Err(BadOrigin::NumericName);
    }
    Ok(())
}

/// Whether `label` is one label of a name: letters, digits, `-`, `_`.
pub(super) fn check_label(label: &str) -> Result<(), BadOrigin> {
    if label.is_empty() || label.len() > LABEL_BYTES_MAX {
        return Err(BadOrigin::Label);
    }
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    if !label.bytes().all(known) || label.starts_with('-') || label.ends_with('-') {
        return Err(BadOrigin::Label);
    }
    Ok(())
}

/// Whether a resolver would take a name that ends in this label for an address.
fn is_numeric(label: &str) -> bool {
    let hex = label.strip_prefix("0x").is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
    hex || label.bytes().all(|b| b.is_ascii_digit())
}

/// Where a connection goes: scheme, host, port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// What is spoken.
    pub scheme: Scheme,
    /// With whom.
    pub host: Host,
    /// At which port.
    pub port: u16,
}

impl Origin {
    /// The origin of the three parts of a lease request; without a port, the scheme's own.
    ///
    /// # Errors
    /// [`BadOrigin`] says which part is wrong and why.
    pub fn new(scheme: &str, host: &str, port: Option<u16>) -> Result<Self, BadOrigin> {
        let scheme = Scheme::parse(scheme)?;
        let host = Host::parse(host)?;
        let port = port.or(scheme.default_port()).ok_or(BadOrigin::NoPort)?;
        if port == 0 {
            return Err(BadOrigin::Port);
        }
        Ok(Self { scheme, host, port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

/// Why a text is no origin, or no pattern of origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadOrigin {
    /// The daemon would have to speak TLS; lease `tcp://` and speak it yourself.
    #[error("TLS by the daemon is not there yet; lease tcp://HOST:PORT and speak TLS through it")]
    Tls,
    /// Use `http` or `tcp`.
    #[error("the scheme must be http or tcp")]
    Scheme,
    /// Write `scheme://host:port`.
    #[error("it must read SCHEME://HOST or SCHEME://HOST:PORT")]
    Form,
    /// Leave out what stands behind the port.
    #[error("a path, query, fragment or user has no place here; only SCHEME://HOST:PORT counts")]
    Excess,
    /// Close the bracket.
    #[error("an opening bracket needs a closing one behind the IPv6 address")]
    Brackets,
    /// Write an IPv6 address, without a zone.
    #[error("this is not an IPv6 address (zones such as %eth0 are not taken)")]
    Ipv6,
    /// Shorten the name, or give one.
    #[error("a name of a host has 1 to {NAME_BYTES_MAX} bytes")]
    NameLength,
    /// Use letters, digits and hyphens; other scripts in their `xn--` form.
    #[error(
        "a label of a name has 1 to {LABEL_BYTES_MAX} letters, digits, '-' or '_', and no '-' at \
         its ends; other scripts are written in their xn-- form"
    )]
    Label,
    /// Write the address with four decimal numbers.
    #[error("a name that ends in a number would be read as an address; write all four numbers")]
    NumericName,
    /// Give a port.
    #[error("tcp has no port of its own; write tcp://HOST:PORT")]
    NoPort,
    /// Give a port from 1 to 65535.
    #[error("a port is a number from 1 to 65535")]
    Port,
    /// Let `*` stand for a whole label, a whole host or a whole port.
    #[error("a '*' stands for a whole label, a whole host or a whole port")]
    Star,
}
