//! How values are spelled: read, checked, and shown again in one form.

use core::net::IpAddr;
use core::ops::RangeInclusive;
use core::str::FromStr;
use core::time::Duration;
use std::net::SocketAddr;
use std::path::Path;

use super::fault::Wrong;
use super::origin::Host;
use super::pattern::RoutePattern;
use super::prefix::Prefix;
use super::types::MetricsListen;

/// The word for "not at all".
pub(super) const OFF: &str = "off";

/// Longest name of an interface, in bytes: IFNAMSIZ less its final zero.
const INTERFACE_BYTES_MAX: usize = 15;
/// Longest path of a Unix socket, in bytes: `sun_path` less its final zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Longest name of a route, in bytes; it is a label on every one of its metrics.
const ROUTE_NAME_BYTES_MAX: usize = 64;

/// `text` as a TOML string.
pub(super) fn quote(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Reads a duration; a bare number is refused.
pub(super) fn parse_duration(text: &str) -> Result<Duration, Wrong> {
    if let Ok(number) = text.trim().parse::<f64>() {
        let reason = format!("a duration needs a unit, found {}", quote(text));
        return Err(Wrong::new(reason).hint(format!("write \"{number}s\" or \"{number}ms\"")));
    }
    humantime::parse_duration(text).map_err(|_| {
        Wrong::new(format!("{} is not a duration", quote(text)))
            .hint("a number and one of us, ms, s, min, h, d: \"500ms\", \"1min 30s\"")
    })
}

/// Shows a duration so that [`parse_duration`] reads the same one.
pub(super) fn show_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let units = [("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("min", 60_000_000_000)];
    let small = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)];
    let whole = units.into_iter().chain(small).find(|(_, unit)| nanos.is_multiple_of(*unit));
    match whole {
        _ if nanos == 0 => "0s".into(),
        Some((name, unit)) => format!("{}{name}", nanos / unit),
        None => format!("{nanos}ns"),
    }
}

/// Reads a number of bytes; a bare number is refused.
pub(super) fn parse_size(text: &str) -> Result<u64, Wrong> {
    if let Ok(number) = text.trim().parse::<f64>() {
        let reason = format!("a size needs a unit, found {}", quote(text));
        return Err(Wrong::new(reason).hint(format!("write \"{number}B\" or \"{number}KiB\"")));
    }
    bytesize::ByteSize::from_str(text).map(|size| size.as_u64()).map_err(|_| {
        Wrong::new(format!("{} is not a size", quote(text)))
            .hint("a number and one of B, KiB, MiB, GiB: \"64KiB\"")
    })
}

/// Shows a number of bytes so that [`parse_size`] reads the same one.
pub(super) fn show_size(bytes: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let whole = units.into_iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    match whole {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

/// A name that the kernel takes for an interface.
pub(super) fn interface(text: &str) -> Result<String, Wrong> {
    if text.is_empty() || text.len() > INTERFACE_BYTES_MAX {
        return Err(Wrong::new(format!(
            "the name of an interface has 1 to {INTERFACE_BYTES_MAX} bytes, this one has {}",
            text.len()
        )));
    }
    let odd = |c: char| !c.is_ascii_graphic() || c == '/' || c == ':' || c == '%';
    if text.contains(odd) || text == "." || text == ".." {
        return Err(Wrong::new("the name of an interface has no space, '/', ':' or '%'"));
    }
    Ok(text.to_owned())
}

/// The absolute path of a socket.
pub(super) fn socket_path(text: &str) -> Result<String, Wrong> {
    if !Path::new(text).is_absolute() {
        return Err(Wrong::new("the path of a socket must be absolute"));
    }
    if text.len() > SOCKET_PATH_BYTES_MAX || text.contains('\0') || text.ends_with('/') {
        return Err(Wrong::new(format!(
            "the path of a socket names a file and has at most {SOCKET_PATH_BYTES_MAX} bytes"
        )));
    }
    Ok(text.to_owned())
}

/// Permission bits in octal.
pub(super) fn mode(text: &str) -> Result<String, Wrong> {
    parse_mode(text).map(|mode| format!("{mode:04o}"))
}

/// Reads permission bits in octal.
pub(super) fn parse_mode(text: &str) -> Result<u32, Wrong> {
    let octal = text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if octal && mode <= 0o777 => Ok(mode),
        Ok(_) | Err(_) => Err(Wrong::new(format!("{} is not a mode", quote(text)))
            .hint("three octal digits, such as \"0660\"")),
    }
}

fn parse_address(text: &str) -> Result<IpAddr, Wrong> {
    text.parse().map_err(|_| Wrong::new(format!("{} is not an IP address", quote(text))))
}

/// An address of one host, where a connection may begin or end.
pub(super) fn host_address(text: &str) -> Result<String, Wrong> {
    let address = parse_address(text)?.to_canonical();
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    if address.is_loopback() {
        return Err(Wrong::new(format!("{address} is a loopback address, which no TUN can carry"))
            .hint("let the service listen on the gateway's address"));
    }
    if address.is_unspecified() || address.is_multicast() || broadcast {
        return Err(Wrong::new(format!("{address} is not the address of one host")));
    }
    Ok(address.to_string())
}

/// An address with the length of its prefix.
pub(super) fn prefix(text: &str) -> Result<String, Wrong> {
    let Prefix { address, length } = parse_prefix(text)?;
    let canonical = format!("{}/{length}", host_address(&address.to_string())?);
    // IPv4 inside IPv6 is IPv4 now, and its length may be too long for that.
    parse_prefix(&canonical)?;
    Ok(canonical)
}

/// Reads an address with the length of its prefix.
pub(super) fn parse_prefix(text: &str) -> Result<Prefix, Wrong> {
    let Some((address, length)) = text.split_once('/') else {
        return Err(Wrong::new(format!("{} has no prefix length", quote(text)))
            .hint("write ADDRESS/LENGTH, such as \"10.213.0.1/30\""));
    };
    let address = parse_address(address)?;
    let max = if address.is_ipv4() { 32 } else { 128 };
    match length.parse::<u8>() {
        Ok(length) if (1..=max).contains(&length) => Ok(Prefix { address, length }),
        Ok(_) | Err(_) => {
            Err(Wrong::new(format!("a prefix of {address} has a length from 1 to {max}")))
        }
    }
}

/// A range of ports.
pub(super) fn port_range(text: &str) -> Result<String, Wrong> {
    parse_port_range(text).map(|range| format!("{}-{}", range.start(), range.end()))
}

/// Reads a range of ports.
pub(super) fn parse_port_range(text: &str) -> Result<RangeInclusive<u16>, Wrong> {
    let wrong = || {
        Wrong::new(format!("{} is not a range of ports", quote(text)))
            .hint("write LOWEST-HIGHEST from 1 to 65535, such as \"10000-65535\"")
    };
    let (low, high) = text.split_once('-').ok_or_else(wrong)?;
    match (low.trim().parse::<u16>(), high.trim().parse::<u16>()) {
        (Ok(low), Ok(high)) if low > 0 && low <= high => Ok(low..=high),
        (Ok(_) | Err(_), _) => Err(wrong()),
    }
}

/// Where the metrics listener stands.
pub(super) fn listen(text: &str) -> Result<String, Wrong> {
    parse_listen(text).map(|_| text.to_owned())
}

/// Reads where the metrics listener stands.
pub(super) fn parse_listen(text: &str) -> Result<MetricsListen, Wrong> {
    if text == OFF {
        return Ok(MetricsListen::Off);
    }
    if let Some(path) = text.strip_prefix("unix:") {
        return socket_path(path).map(|path| MetricsListen::Unix(path.into()));
    }
    let address = text.parse::<SocketAddr>().map_err(|_| {
        Wrong::new(format!("{} is no place to listen", quote(text)))
            .hint("write \"ADDRESS:PORT\", \"unix:/PATH\" or \"off\"")
    })?;
    if !address.ip().is_loopback() {
        return Err(Wrong::new(format!("{address} is not a loopback address"))
            .hint("whoever reaches the listener reads all figures; put a proxy before it"));
    }
    Ok(MetricsListen::Tcp(address))
}

/// Directives of the log filter.
pub(super) fn log_filter(text: &str) -> Result<String, Wrong> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) if !text.trim().is_empty() => Ok(text.to_owned()),
        Ok(_) => Err(Wrong::new("the filter is empty").hint("write \"off\" for no log")),
        Err(error) => Err(Wrong::new(format!("not a log filter: {error}"))
            .hint("write a level or TARGET=LEVEL, such as \"info,wharfd::config=debug\"")),
    }
}

/// The origins that a route is for.
pub(super) fn pattern(text: &str) -> Result<String, Wrong> {
    let pattern = text.parse::<RoutePattern>().map_err(|bad| {
        Wrong::new(format!("{} is not taken: {bad}", quote(text))).hint(bad.hint())
    })?;
    match pattern.host() {
        Some(Host::Address(address)) => host_address(&address.to_string())?,
        Some(Host::Name(name)) if name == "localhost" || name.ends_with(".localhost") => {
            host_address("127.0.0.1")?
        }
        Some(Host::Name(_)) | None => String::new(),
    };
    Ok(pattern.to_string())
}

/// The name of a route.
pub(super) fn route_name(text: &str) -> Result<String, Wrong> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if text.is_empty() || text.len() > ROUTE_NAME_BYTES_MAX || !text.bytes().all(plain) {
        return Err(Wrong::new(format!(
            "the name of a route has 1 to {ROUTE_NAME_BYTES_MAX} letters, digits, '-', '_' or '.'"
        )));
    }
    if text.starts_with("__") {
        return Err(Wrong::new("names that begin with \"__\" are the daemon's own labels"));
    }
    Ok(text.to_owned())
}
