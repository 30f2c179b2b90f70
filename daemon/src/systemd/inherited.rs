//! Sockets handed over by systemd, by name: `FileDescriptorName=` of the socket units.
//!
//! Each must be what its name promises, a stream socket that listens, of the right family; a unit
//! that says otherwise is a fault to be mended, not guessed at.

use std::os::fd::{OwnedFd, RawFd};

use rustix::net::sockopt::{socket_acceptconn, socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketType};

use super::sys;

/// The most sockets taken over; three have a name.
const COUNT_MAX: u64 = 16;

/// The listening sockets that came with the process.
#[derive(Debug, Default)]
pub struct Inherited {
    /// `lease`: where clients connect.
    pub lease: Option<OwnedFd>,
    /// `admin`: where `wharf` connects.
    pub admin: Option<OwnedFd>,
    /// `metrics`: where Prometheus connects.
    pub metrics: Option<OwnedFd>,
}

/// Why what was handed over cannot be used; each is a fault of a socket unit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InheritError {
    /// `LISTEN_FDS` is no number, or larger than we take.
    #[error("LISTEN_FDS is not a number from 0 to {COUNT_MAX}")]
    BadCount,
    /// Give each socket unit a `FileDescriptorName=`.
    #[error("{fds} sockets came with {names} names: set FileDescriptorName= in each socket unit")]
    NamesMissing {
        /// How many descriptors came.
        fds: u64,
        /// How many names.
        names: usize,
    },
    /// Name it as we do.
    #[error(
        "a socket came with the unknown name {0:?}: FileDescriptorName= is lease, admin or metrics"
    )]
    UnknownName(String),
    /// Remove one of the two units, or one of its addresses.
    #[error("two sockets came with the name {0}")]
    Twice(&'static str),
    /// The unit's `Listen...=` line does not fit the name.
    #[error("the socket {name} is not {expected}")]
    Wrong {
        /// Its name.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A number that should be a descriptor is not open.
    #[error("a socket announced in LISTEN_FDS is not there")]
    Missing(#[source] std::io::Error),
}

/// The names we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Lease,
    Admin,
    Metrics,
}

impl Name {
    const ALL: [Self; 3] = [Self::Lease, Self::Admin, Self::Metrics];

    fn text(self) -> &'static str {
        match self {
            Self::Lease => "lease",
            Self::Admin => "admin",
            Self::Metrics => "metrics",
        }
    }

    fn of(text: &str) -> Result<Self, InheritError> {
        let name = Self::ALL.into_iter().find(|name| name.text() == text);
        name.ok_or_else(|| InheritError::UnknownName(text.to_owned()))
    }

    /// Metrics are served by TCP too; leases and admin need the peer's credentials.
    fn allows(self, family: AddressFamily) -> bool {
        let is_tcp = family == AddressFamily::INET || family == AddressFamily::INET6;
        match self {
            Self::Lease | Self::Admin => family == AddressFamily::UNIX,
            Self::Metrics => family == AddressFamily::UNIX || is_tcp,
        }
    }

    fn family_text(self) -> &'static str {
        match self {
            Self::Lease | Self::Admin => "a Unix socket",
            Self::Metrics => "a Unix or TCP socket",
        }
    }
}

impl Inherited {
    /// Takes over `count` descriptors whose names are joined by colons.
    pub(super) fn take(count: Option<u64>, names: &str) -> Result<Self, InheritError> {
        let count = count.filter(|count| *count <= COUNT_MAX).ok_or(InheritError::BadCount)?;
        let names: Vec<_> = names.split(':').filter(|name| !name.is_empty()).collect();
        if usize::try_from(count) != Ok(names.len()) {
            return Err(InheritError::NamesMissing { fds: count, names: names.len() });
        }
        let number = RawFd::try_from(count).map_err(|_| InheritError::BadCount)?;
        let fds = sys::take(number).map_err(InheritError::Missing)?;
        let mut inherited = Self::default();
        for (fd, text) in fds.into_iter().zip(names) {
            inherited.put(Name::of(text)?, fd)?;
        }
        Ok(inherited)
    }

    fn put(&mut self, name: Name, fd: OwnedFd) -> Result<(), InheritError> {
        check(name, &fd)?;
        let place = match name {
            Name::Lease => &mut self.lease,
            Name::Admin => &mut self.admin,
            Name::Metrics => &mut self.metrics,
        };
        match place.replace(fd) {
            Some(_) => Err(InheritError::Twice(name.text())),
            None => Ok(()),
        }
    }
}

/// Whether the descriptor is what its name promises.
fn check(name: Name, fd: &OwnedFd) -> Result<(), InheritError> {
    let wrong = |expected| InheritError::Wrong { name: name.text(), expected };
    let family = socket_domain(fd).map_err(|_| wrong("a socket"))?;
    if !name.allows(family) {
        return Err(wrong(name.family_text()));
    }
    if socket_type(fd) != Ok(SocketType::STREAM) {
        return Err(wrong("a stream socket (ListenStream=)"));
    }
    if socket_acceptconn(fd) != Ok(true) {
        return Err(wrong("a listening socket (Accept=no)"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::net::TcpListener;
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    use super::*;

    fn unix_listener() -> (tempfile::TempDir, OwnedFd) {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("a")).unwrap();
        (folder, listener.into())
    }

    #[test]
    fn names_and_counts_that_do_not_fit_are_refused_before_anything_is_taken() {
        let cases = [
            (None, "lease", "LISTEN_FDS is not a number from 0 to 16"),
            (Some(17), "lease", "LISTEN_FDS is not a number from 0 to 16"),
            (
                Some(2),
                "lease",
                "2 sockets came with 1 names: set FileDescriptorName= in each socket unit",
            ),
        ];
        for (count, names, expected) in cases {
            assert_eq!(Inherited::take(count, names).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn an_unknown_name_is_told_the_known_ones() {
        let error = Name::of("leases").unwrap_err();
        assert!(error.to_string().ends_with("FileDescriptorName= is lease, admin or metrics"));
    }

    #[test]
    fn one_name_is_one_socket() {
        let (_folder, fd) = unix_listener();
        let (_other_folder, other) = unix_listener();
        let mut inherited = Inherited::default();
        inherited.put(Name::Admin, fd).unwrap();
        let error = inherited.put(Name::Admin, other).unwrap_err();
        assert!(matches!(error, InheritError::Twice("admin")));
    }

    #[test]
    fn a_socket_must_be_what_its_name_promises() {
        let tcp = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
        let pair = || OwnedFd::from(UnixStream::pair().unwrap().0);
        let datagram = || OwnedFd::from(UnixDatagram::unbound().unwrap());
        let file = || OwnedFd::from(File::open("/dev/null").unwrap());
        let cases = [
            (Name::Lease, tcp(), "the socket lease is not a Unix socket"),
            (Name::Lease, file(), "the socket lease is not a socket"),
            (
                Name::Metrics,
                datagram(),
                "the socket metrics is not a stream socket (ListenStream=)",
            ),
            (Name::Admin, pair(), "the socket admin is not a listening socket (Accept=no)"),
        ];
        for (name, fd, expected) in cases {
            assert_eq!(check(name, &fd).unwrap_err().to_string(), expected);
        }
        assert!(check(Name::Metrics, &tcp()).is_ok());
        assert!(check(Name::Lease, &unix_listener().1).is_ok());
    }
}
