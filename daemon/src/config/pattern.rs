//! Patterns of origins, and the table in which the first that matches wins.
//!
//! A pattern reads `SCHEME://HOST[:PORT]`:
//!
//! | Part | Is |
//! |---|---|
//! | `SCHEME` | `http` or `tcp`; there is no pattern for it |
//! | `HOST` | a name, an address (IPv6 in brackets), `*` for every name and address, or a name in which some labels are `*`; each such `*` stands for exactly one label, never for none, two, or a part |
//! | `PORT` | a number, `*` for every port, or nothing for the scheme's own |
//!
//! Patterns are kept in the spelling of [`Origin`], so case, a final dot,
//! brackets and the default port make no difference. A pattern looks at what the client asked
//! for, never at what a name resolves to.

use core::fmt;
use core::str::FromStr;

use super::origin::{BadOrigin, Host, Origin, Scheme, check_label, check_name};
use super::types::Route;

/// Which origins a route is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoutePattern {
    scheme: Scheme,
    host: HostPattern,
    port: PortPattern,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum HostPattern {
    Any,
    Exact(Host),
    /// Labels from left to right; `None` stands for any one label.
    Labels(Vec<Option<String>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum PortPattern {
    Any,
    Exact(u16),
}

impl RoutePattern {
    /// Whether the pattern is for `origin`.
    #[must_use]
    pub fn matches(&self, origin: &Origin) -> bool {
        self.scheme == origin.scheme
            && self.host.matches(&origin.host)
            && self.port.matches(origin.port)
    }

    /// The one host that the pattern is for, if it has no `*` in its host.
    pub(super) fn host(&self) -> Option<&Host> {
        match &self.host {
            HostPattern::Exact(host) => Some(host),
            HostPattern::Any | HostPattern::Labels(_) => None,
        }
    }

    /// Whether every origin of `other` is one of this pattern's too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.host.covers(&other.host)
            && (self.port == PortPattern::Any || self.port == other.port)
    }

    /// The one origin that the pattern is for, if it has no `*`.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        match (&self.host, self.port) {
            (HostPattern::Exact(host), PortPattern::Exact(port)) => {
                Some(Origin { scheme: self.scheme, host: host.clone(), port })
            }
            (HostPattern::Any | HostPattern::Labels(_) | HostPattern::Exact(_), _) => None,
        }
    }
}

impl FromStr for RoutePattern {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let (scheme, rest) = text.split_once("://").ok_or(BadOrigin::Form)?;
        let scheme = Scheme::parse(scheme)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@']) {
            return Err(BadOrigin::Excess);
        }
        let (host, port) = split_port(rest)?;
        let host = HostPattern::parse(host)?;
        let port = match port {
            Some(port) => PortPattern::parse(port)?,
            None => PortPattern::Exact(scheme.default_port().ok_or(BadOrigin::NoPort)?),
        };
        Ok(Self { scheme, host, port })
    }
}

/// Splits at the colon before the port, which is not one of those inside an IPv6 address.
fn split_port(text: &str) -> Result<(&str, Option<&str>), BadOrigin> {
    let host_end = match text.find(']') {
        Some(bracket) => bracket + 1,
        None if text.matches(':').count() > 1 => return Err(BadOrigin::Brackets),
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at_checked(host_end).ok_or(BadOrigin::Form)?;
    if rest.is_empty() {
        return Ok((host, None));
    }
    rest.strip_prefix(':').map(|port| (host, Some(port))).ok_or(BadOrigin::Form)
}

impl HostPattern {
    fn parse(text: &str) -> Result<Self, BadOrigin> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if !text.contains('*') {
            return Host::parse(text).map(Self::Exact);
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let labels: Vec<Option<String>> =
            name.split('.').map(parse_label).collect::<Result<_, _>>()?;
        // With a letter for each star the whole obeys the rules of a name. Numbers and stars alone
        // are meant for addresses, which have no labels.
        check_name(&name.replace('*', "a"))?;
        let numbers = |l: &String| l.bytes().all(|b| b.is_ascii_digit());
        if labels.iter().any(Option::is_some) && labels.iter().flatten().all(numbers) {
            return Err(BadOrigin::NumericName);
        }
        Ok(Self::Labels(labels))
    }

    fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, Host::Name(_) | Host::Address(_)) => true,
            (Self::Exact(wanted), Host::Name(_) | Host::Address(_)) => wanted == host,
            (Self::Labels(_), Host::Address(_)) => false,
            (Self::Labels(labels), Host::Name(name)) => {
                let mut parts = name.split('.');
                let each = labels.iter().all(|label| {
                    parts.next().is_some_and(|part| label.as_ref().is_none_or(|l| l == part))
                });
                each && parts.next().is_none()
            }
        }
    }
}

impl HostPattern {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, Self::Any | Self::Exact(_) | Self::Labels(_)) => true,
            (Self::Exact(_) | Self::Labels(_), Self::Exact(host)) => self.matches(host),
            (Self::Labels(mine), Self::Labels(theirs)) => {
                let each = |(a, b): (&Option<String>, &Option<String>)| a.is_none() || a == b;
                mine.len() == theirs.len() && mine.iter().zip(theirs).all(each)
            }
            (Self::Exact(_), Self::Labels(_) | Self::Any) | (Self::Labels(_), Self::Any) => false,
        }
    }
}

fn parse_label(label: &str) -> Result<Option<String>, BadOrigin> {
    if label == "*" {
        return Ok(None);
    }
    if label.contains('*') {
        return Err(BadOrigin::Star);
    }
    check_label(label)?;
    Ok(Some(label.to_owned()))
}

impl PortPattern {
    fn parse(text: &str) -> Result<Self, BadOrigin> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if text.contains('*') {
            return Err(BadOrigin::Star);
        }
        // `parse` would take a sign.
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadOrigin::Port);
        }
        match text.parse() {
            Ok(0) | Err(_) => Err(BadOrigin::Port),
            Ok(port) => Ok(Self::Exact(port)),
        }
    }

    fn matches(self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(wanted) => wanted == port,
        }
    }
}

impl fmt::Display for RoutePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        match &self.host {
            HostPattern::Any => f.write_str("*")?,
            HostPattern::Exact(host) => host.fmt(f)?,
            HostPattern::Labels(labels) => {
                for (i, label) in labels.iter().enumerate() {
                    let dot = if i == 0 { "" } else { "." };
                    write!(f, "{dot}{}", label.as_deref().unwrap_or("*"))?;
                }
            }
        }
        match self.port {
            PortPattern::Any => f.write_str(":*"),
            PortPattern::Exact(port) => write!(f, ":{port}"),
        }
    }
}

/// The routes in their order, asked by origin or by name.
#[derive(Debug, Clone, Default)]
pub struct RouteTable {
    routes: Vec<Route>,
}

impl RouteTable {
    /// A table of `routes`, tried in this order.
    #[must_use]
    pub fn new(routes: Vec<Route>) -> Self {
        Self { routes }
    }

    /// The first route whose pattern is for `origin`. None means that nobody may go there.
    #[must_use]
    pub fn match_origin(&self, origin: &Origin) -> Option<&Route> {
        self.routes.iter().find(|route| route.pattern.matches(origin))
    }

    /// The route of this name, together with its one origin; a pattern with a `*` has none, so
    /// it cannot be leased by name alone.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<(Origin, &Route)> {
        let route = self.routes.iter().find(|route| route.name.as_deref() == Some(name))?;
        Some((route.pattern.origin()?, route))
    }

    /// All routes, in their order.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }
}

#[cfg(test)]
mod tests;
