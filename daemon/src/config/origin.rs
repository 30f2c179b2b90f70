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
    #[error("TLS by the daemon is not there yet")]
    Tls,
    /// Use `http` or `tcp`.
    #[error("the scheme is neither http nor tcp")]
    Scheme,
    /// Write `scheme://host:port`.
    #[error("an origin reads SCHEME://HOST or SCHEME://HOST:PORT")]
    Form,
    /// Leave out what stands behind the port.
    #[error("an origin has no user, path, query or fragment")]
    Excess,
    /// Write an IPv6 address in brackets.
    #[error("an IPv6 address stands in brackets")]
    Brackets,
    /// Write an IPv6 address, without a zone.
    #[error("this is not an IPv6 address")]
    Ipv6,
    /// Shorten the name, or give one.
    #[error("the name of a host has 1 to {NAME_BYTES_MAX} bytes")]
    NameLength,
    /// Use letters, digits and hyphens; other scripts in their `xn--` form.
    #[error(
        "a label of a name has 1 to {LABEL_BYTES_MAX} of a-z, 0-9, '-' and '_', no '-' at its ends"
    )]
    Label,
    /// Write the address with four decimal numbers.
    #[error("a name that ends in a number would be read as an address")]
    NumericName,
    /// Give a port.
    #[error("tcp has no port of its own")]
    NoPort,
    /// Give a port from 1 to 65535.
    #[error("a port is a number from 1 to 65535")]
    Port,
    /// Let `*` stand for a whole label, a whole host or a whole port.
    #[error("a '*' stands for a whole label, a whole host or a whole port")]
    Star,
}

impl BadOrigin {
    /// What to write instead.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Tls => "lease tcp://HOST:PORT and let the client speak TLS through it",
            Self::Scheme | Self::Form => "such as http://api.internal:8080 or tcp://10.1.2.3:6432",
            Self::Excess => "write SCHEME://HOST:PORT alone",
            Self::Brackets => "such as http://[fd00::1]:8080",
            Self::Ipv6 => "such as [fd00::1]; zones (%eth0) are not taken",
            Self::NameLength => "give the name of one host",
            Self::Label => "write names of other scripts in their xn-- form",
            Self::NumericName => "write all four numbers of the address",
            Self::NoPort => "write tcp://HOST:PORT",
            Self::Port => "or * in a pattern, for every port",
            Self::Star => "such as http://*.svc.internal:*",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_origin_has_one_spelling() {
        let cases = [
            ("http", "api.internal", None, "http://api.internal:80"),
            ("HTTP", "API.Internal.", Some(80), "http://api.internal:80"),
            ("tcp", "10.1.2.3", Some(6432), "tcp://10.1.2.3:6432"),
            ("tcp", "10.1.2.3.", Some(1), "tcp://10.1.2.3:1"),
            ("http", "fd00::0001", Some(8080), "http://[fd00::1]:8080"),
            ("http", "[FD00::1]", Some(8080), "http://[fd00::1]:8080"),
            ("http", "[::ffff:10.1.2.3]", None, "http://10.1.2.3:80"),
            ("http", "xn--mller-kva.example", None, "http://xn--mller-kva.example:80"),
            ("http", "_srv.3com.example", None, "http://_srv.3com.example:80"),
        ];
        for (scheme, host, port, expected) in cases {
            let origin = Origin::new(scheme, host, port).unwrap();
            assert_eq!(origin.to_string(), expected, "{scheme} {host} {port:?}");
        }
    }

    #[test]
    fn what_is_no_origin_says_why() {
        let long_label = "a".repeat(64);
        let long_name = ["abcdefghi"; 26].join(".");
        let cases = [
            ("https", "a", None, BadOrigin::Tls),
            ("TLS", "a", Some(1), BadOrigin::Tls),
            ("ftp", "a", Some(1), BadOrigin::Scheme),
            ("", "a", Some(1), BadOrigin::Scheme),
            ("tcp", "a", None, BadOrigin::NoPort),
            ("http", "a", Some(0), BadOrigin::Port),
            ("http", "", None, BadOrigin::NameLength),
            ("http", ".", None, BadOrigin::NameLength),
            ("http", &long_name, None, BadOrigin::NameLength),
            ("http", &long_label, None, BadOrigin::Label),
            ("http", "a..b", None, BadOrigin::Label),
            ("http", "-a.b", None, BadOrigin::Label),
            ("http", "a-.b", None, BadOrigin::Label),
            ("http", "müller.example", None, BadOrigin::Label),
            ("http", "a b", None, BadOrigin::Label),
            ("http", "user@a", None, BadOrigin::Label),
            ("http", "a%00b", None, BadOrigin::Label),
            ("http", "*.a", None, BadOrigin::Label),
            ("http", "[fd00::1", None, BadOrigin::Brackets),
            ("http", "[a.b]", None, BadOrigin::Ipv6),
            ("http", "fe80::1%eth0", None, BadOrigin::Ipv6),
            ("http", "a:80", None, BadOrigin::Ipv6),
        ];
        for (scheme, host, port, expected) in cases {
            assert_eq!(Origin::new(scheme, host, port), Err(expected), "{scheme} {host} {port:?}");
            assert!(!expected.hint().is_empty());
        }
    }

    /// Spellings that `getaddrinfo` takes for an IPv4 address.
    #[test]
    fn numbers_do_not_pass_for_names() {
        for host in
            ["127.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "a.0x", "1.2.3.4.5"]
        {
            assert_eq!(Host::parse(host), Err(BadOrigin::NumericName), "{host}");
        }
    }
}
