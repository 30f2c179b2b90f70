//! What a client can be told, and where it finds the daemon.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Where the daemon listens unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/wharf/lease.sock";

/// The environment variable that names another socket.
pub const SOCKET_VARIABLE: &str = "WHARF_SOCKET";

/// How a client behaves; the default suits most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What the client calls itself in the daemon's tables; at most 64 bytes. Default: nothing.
    pub name: String,
    /// How long nothing may come while the answer's time is the upstream's affair: reading,
    /// writing, and waiting for a lease that has no deadline of its own. `None` waits for ever,
    /// as a long poll wants. Default: 60 s. The asynchronous client leaves reading and writing
    /// to the timeouts of its caller.
    pub silence: Option<Duration>,
    /// Sessions that are kept open for later leases; more close when their lease ends.
    /// Default: 8.
    pub sessions_kept: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { name: String::new(), silence: Some(Duration::from_secs(60)), sessions_kept: 8 }
    }
}

/// How long the daemon may take for an answer that depends on nobody else.
pub(crate) const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

impl Options {
    /// How long to wait for the answer to a `LEASE` with this deadline.
    ///
    /// The daemon keeps the deadline; what is added is for a daemon that does not.
    pub(crate) fn grant_timeout(&self, deadline: Option<Duration>) -> Option<Duration> {
        match deadline {
            Some(deadline) => Some(deadline.saturating_add(REPLY_TIMEOUT)),
            None => self.silence,
        }
    }
}

/// The socket that the environment names, or the default one.
pub(crate) fn socket_from_env() -> PathBuf {
    socket_named(std::env::var_os(SOCKET_VARIABLE))
}

fn socket_named(variable: Option<OsString>) -> PathBuf {
    variable
        .filter(|path| !path.is_empty())
        .map_or_else(|| PathBuf::from(DEFAULT_SOCKET), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_names_the_socket_unless_it_is_empty() {
        assert_eq!(socket_named(None), PathBuf::from(DEFAULT_SOCKET));
        assert_eq!(socket_named(Some(OsString::new())), PathBuf::from(DEFAULT_SOCKET));
        assert_eq!(socket_named(Some("/tmp/a".into())), PathBuf::from("/tmp/a"));
    }

    #[test]
    fn a_grant_is_awaited_a_little_longer_than_its_deadline() {
        let options = Options::default();
        let deadline = Duration::from_secs(3);
        assert_eq!(options.grant_timeout(Some(deadline)), Some(deadline + REPLY_TIMEOUT));
        assert_eq!(options.grant_timeout(None), options.silence);
    }
}
