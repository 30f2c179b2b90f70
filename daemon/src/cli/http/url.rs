//! The URLs that `wharf get` takes: absolute `http` URLs, RFC 3986 and RFC 9110, section 4.2.1.

use std::net::{IpAddr, Ipv6Addr};

/// The port of a URL that names none.
const DEFAULT_PORT: u16 = 80;

/// Why a URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    /// No `http://` in front.
    #[error("the URL must begin with http://")]
    Scheme,
    /// Nothing between the slashes, or a name with bytes that no host has.
    #[error("the URL names no valid host")]
    Host,
    /// Not a number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535")]
    Port,
    /// `user@`: secrets do not belong on a command line.
    #[error("a URL with a user name or password is not taken")]
    UserInfo,
    /// A byte that would end the request line early.
    #[error("the path holds a space, a control character or a byte that must be written as %XX")]
    Target,
}

/// An absolute URL in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// Host without brackets: a name or an address.
    pub(crate) host: String,
    /// Port, the scheme's own if none was named.
    pub(crate) port: u16,
    /// What goes into the request line: path and query.
    pub(crate) target: String,
}

impl Url {
    /// Splits `text`. The fragment is the reader's own affair and is left out.
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        const SCHEME: &str = "http://";
        let scheme = text.get(..SCHEME.len()).ok_or(UrlError::Scheme)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(UrlError::Scheme);
        }
        let rest = text.get(SCHEME.len()..).unwrap_or_default();
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        let (host, port) = split_authority(authority)?;
        let slash = if target.starts_with('/') { "" } else { "/" };
        let target = format!("{slash}{target}");
        if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(UrlError::Target);
        }
        Ok(Self { host, port, target })
    }

    /// The Host field's value: an IPv6 address in brackets, the port only if it is not the
    /// scheme's own (RFC 9110, section 7.2).
    pub(crate) fn authority(&self) -> String {
        let host = match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            Ok(IpAddr::V4(_)) | Err(_) => self.host.clone(),
        };
        if self.port == DEFAULT_PORT { host } else { format!("{host}:{}", self.port) }
    }

    /// The head of a request for this URL. `body` says how a request's body is framed, if there is
    /// one; a lease is one request, but the connection outlives it, so nothing asks to close.
    pub(crate) fn request_head(&self, body: Option<super::Framing>) -> String {
        let method = if body.is_some() { "POST" } else { "GET" };
        let framing = match body {
            Some(super::Framing::Length(length)) => format!("Content-Length: {length}\r\n"),
            Some(super::Framing::Chunked) => "Transfer-Encoding: chunked\r\n".to_owned(),
            Some(super::Framing::UntilClose) | None => String::new(),
        };
        format!(
            "{method} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: wharf/{}\r\nAccept: */*\r\n{framing}\r\n",
            self.target,
            self.authority(),
            env!("CARGO_PKG_VERSION"),
        )
    }
}

/// Host and port of an authority without user information.
fn split_authority(authority: &str) -> Result<(String, u16), UrlError> {
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']').ok_or(UrlError::Host)?;
        let address: Ipv6Addr = address.parse().map_err(|_| UrlError::Host)?;
        return Ok((address.to_string(), port_of(port)?));
    }
    let (host, port) = match authority.find(':') {
        Some(at) => authority.split_at(at),
        None => (authority, ""),
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() || !host.bytes().all(fits) {
        return Err(UrlError::Host);
    }
    Ok((host.to_ascii_lowercase(), port_of(port)?))
}

/// The port behind a host: nothing, a colon alone, or a colon and digits.
fn port_of(text: &str) -> Result<u16, UrlError> {
    let Some(digits) = text.strip_prefix(':') else {
        return if text.is_empty() { Ok(DEFAULT_PORT) } else { Err(UrlError::Host) };
    };
    if digits.is_empty() {
        return Ok(DEFAULT_PORT);
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    digits.parse().ok().filter(|&port| port != 0).ok_or(UrlError::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_in_their_parts() {
        let table = [
            ("http://10.213.0.1:8080/", "10.213.0.1", 8080, "/", "10.213.0.1:8080"),
            ("http://10.213.0.1", "10.213.0.1", 80, "/", "10.213.0.1"),
            ("HTTP://API.internal/a?b=c#d", "api.internal", 80, "/a?b=c", "api.internal"),
            ("http://api:80?x", "api", 80, "/?x", "api"),
            ("http://[fd00:213::1]:81/x", "fd00:213::1", 81, "/x", "[fd00:213::1]:81"),
            ("http://[::1]/", "::1", 80, "/", "[::1]"),
            ("http://a:/", "a", 80, "/", "a"),
        ];
        for (text, host, port, target, authority) in table {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.host.as_str(), url.port, url.target.as_str()), (host, port, target));
            assert_eq!(url.authority(), authority, "{text}");
        }
    }

    #[test]
    fn urls_that_are_refused() {
        let table = [
            ("https://a/", UrlError::Scheme),
            ("a", UrlError::Scheme),
            ("http://", UrlError::Host),
            ("http:///x", UrlError::Host),
            ("http://a b/", UrlError::Host),
            ("http://[::1/", UrlError::Host),
            ("http://[1.2.3.4]/", UrlError::Host),
            ("http://[::1]x/", UrlError::Host),
            ("http://a:0/", UrlError::Port),
            ("http://a:65536/", UrlError::Port),
            ("http://a:+1/", UrlError::Port),
            ("http://u:p@a/", UrlError::UserInfo),
            ("http://a/b c", UrlError::Target),
            ("http://a/\r\nX: y", UrlError::Target),
            ("http://a/ü", UrlError::Target),
        ];
        for (text, error) in table {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn the_head_of_a_request() {
        let url = Url::parse("http://[fd00:213::1]:81/sha256").unwrap();
        let head = url.request_head(Some(crate::cli::http::Framing::Length(5)));
        assert!(head.starts_with("POST /sha256 HTTP/1.1\r\nHost: [fd00:213::1]:81\r\n"));
        assert!(head.ends_with("\r\nContent-Length: 5\r\n\r\n"));
        let head = url.request_head(None);
        assert!(head.starts_with("GET /sha256 "));
        assert!(!head.contains("Content-Length"));
    }
}
