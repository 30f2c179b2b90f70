//! As much of HTTP/1.1 as a GET needs: an origin and a path out of a URL, and out of an answer's
//! head the length of its body.

/// `http://host:port/path`, in its parts.
pub(crate) struct Url<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    authority: &'a str,
    path: &'a str,
}

impl<'a> Url<'a> {
    pub(crate) fn parse(url: &'a str) -> Option<Self> {
        let rest = url.strip_prefix("http://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = if path.is_empty() { "/" } else { path };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            Some(_) | None => (authority, 80),
        };
        let host = host.strip_prefix('[').map_or(Some(host), |host| host.strip_suffix(']'))?;
        Some(Self { host, port, authority, path })
    }

    pub(crate) fn request(&self) -> String {
        format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", self.path, self.authority)
    }
}

/// What the head of an answer says of its body.
pub(crate) struct Head {
    /// Bytes of the head itself, up to the body.
    pub(crate) length: usize,
    /// Bytes of the body, if they are stated.
    pub(crate) content_length: Option<usize>,
    /// Whether the connection is good for another request after the body.
    pub(crate) keeps_alive: bool,
}

impl Head {
    /// The head at the front of `bytes`, once it is there in full.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let length = bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
        let text = String::from_utf8_lossy(bytes.get(..length)?);
        let field = |name: &str| {
            text.lines().skip(1).find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let content_length = field("content-length").and_then(|length| length.parse().ok());
        let is_closing = field("connection").is_some_and(|it| it.eq_ignore_ascii_case("close"));
        let keeps_alive = text.starts_with("HTTP/1.1 ") && !is_closing && content_length.is_some();
        Some(Self { length, content_length, keeps_alive })
    }
}
