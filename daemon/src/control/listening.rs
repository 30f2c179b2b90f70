//! A listening socket: a path, a loopback address, or one inherited from systemd.
//!
//! A path is taken under a lock of its folder. One that a living daemon serves is left alone, and
//! the error says which process that is; one that nobody serves any longer is replaced. The mode
//! is set before `listen`, so nobody connects while it is still the umask's.
//!
//! Invariants: the descriptor never blocks and is closed on exec; a path that this process made is
//! removed when the socket is dropped, unless another process has replaced it meanwhile.
//!
//! It is *not* told who connects: peers are judged by those who accept.

use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use rustix::io::Errno;
use rustix::net::sockopt::{set_socket_reuseaddr, socket_peercred};
use rustix::net::{
    AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind,
    connect, getsockname, listen, socket_with,
};

/// Connections that wait to be accepted; the kernel's own limit (`somaxconn`) may lower it.
const BACKLOG: i32 = 1024;

/// The most bytes of a socket's path (`sockaddr_un`), its closing zero excluded.
const PATH_MAX: usize = 107;

/// Why a socket could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Stop the other daemon, or give this one another path.
    #[error("{} is served by the living process {pid}", path.display())]
    Served {
        /// The path asked for.
        path: PathBuf,
        /// The process that listens there.
        pid: i32,
    },
    /// Another program uses the address: choose another, or stop it.
    #[error("{0} is in use by another process")]
    AddressInUse(SocketAddr),
    /// Move the file away or choose another path: it is not ours to remove.
    #[error("{} exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// Choose a shorter path.
    #[error("{} is longer than the {PATH_MAX} bytes of a socket's path", .0.display())]
    TooLong(PathBuf),
    /// What is served there is for this host alone: use a loopback address, a path, or a socket
    /// unit, whose author decides.
    #[error("{0} is not a loopback address")]
    NotLoopback(SocketAddr),
    /// The system refused; the step says what was tried.
    #[error("{step} {name}")]
    System {
        /// What was tried.
        step: &'static str,
        /// The path or address.
        name: String,
        /// The system's word.
        source: io::Error,
    },
}

/// A socket that listens; it never blocks.
#[derive(Debug)]
pub struct ListeningSocket {
    fd: OwnedFd,
    name: String,
    /// Removes the path when this is dropped.
    _made: Option<MadePath>,
}

impl ListeningSocket {
    /// Listens at a path with this mode; a folder that is missing is made (one level).
    pub fn bind_unix(path: &Path, mode: u32) -> Result<Self, BindError> {
        let failed = |step| {
            let name = path.display().to_string();
            move |errno: Errno| BindError::System { step, name, source: errno.into() }
        };
        let address = SocketAddrUnix::new(path).ok().filter(|_| path.as_os_str().len() <= PATH_MAX);
        let address = address.ok_or_else(|| BindError::TooLong(path.to_owned()))?;
        let _lock = lock_folder(path)?;
        remove_stale(path, &address)?;
        let fd = stream_socket(AddressFamily::UNIX).map_err(failed("cannot make a socket for"))?;
        bind(&fd, &address).map_err(failed("cannot bind"))?;
        let made = MadePath::of(path).map_err(failed("cannot look at"))?;
        let permissions = Permissions::from_mode(mode);
        fs::set_permissions(path, permissions)
            .map_err(|source| system("cannot set the mode of", path, source))?;
        listen(&fd, BACKLOG).map_err(failed("cannot listen at"))?;
        Ok(Self { fd, name: format!("unix:{}", path.display()), _made: Some(made) })
    }

    /// Listens at a loopback address.
    pub fn bind_loopback(address: SocketAddr) -> Result<Self, BindError> {
        if !address.ip().is_loopback() {
            return Err(BindError::NotLoopback(address));
        }
        let failed = |step| {
            move |errno: Errno| match errno {
                Errno::ADDRINUSE => BindError::AddressInUse(address),
                other => {
                    BindError::System { step, name: address.to_string(), source: other.into() }
                }
            }
        };
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let fd = stream_socket(family).map_err(failed("cannot make a socket for"))?;
        set_socket_reuseaddr(&fd, true).map_err(failed("cannot set options of"))?;
        bind(&fd, &address).map_err(failed("cannot bind"))?;
        listen(&fd, BACKLOG).map_err(failed("cannot listen at"))?;
        let name = name_of(&fd).map_err(failed("cannot name"))?;
        Ok(Self { fd, name, _made: None })
    }

    /// Takes over a socket that listens already, such as one from systemd.
    pub fn inherited(fd: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        let name = name_of(&fd)?;
        Ok(Self { fd, name, _made: None })
    }

    /// The next connection, neither blocking nor inherited by children; `None` when there is none
    /// or it has gone meanwhile.
    pub fn accept(&self) -> io::Result<Option<OwnedFd>> {
        match accept_with(&self.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::AGAIN | Errno::CONNABORTED | Errno::INTR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// How people write it: `127.0.0.1:19900` or `unix:/run/wharf/admin.sock`.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl AsFd for ListeningSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A path that this process made; removed when dropped, if it still is the same file.
#[derive(Debug)]
struct MadePath {
    path: PathBuf,
    file: (u64, u64),
}

impl MadePath {
    fn of(path: &Path) -> Result<Self, Errno> {
        let metadata = fs::symlink_metadata(path)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        Ok(Self { path: path.to_owned(), file: (metadata.dev(), metadata.ino()) })
    }
}

impl Drop for MadePath {
    fn drop(&mut self) {
        let Ok(metadata) = fs::symlink_metadata(&self.path) else { return };
        if (metadata.dev(), metadata.ino()) == self.file {
            let _nothing_more_to_do = fs::remove_file(&self.path);
        }
    }
}

fn system(step: &'static str, path: &Path, source: io::Error) -> BindError {
    BindError::System { step, name: path.display().to_string(), source }
}

fn stream_socket(family: AddressFamily) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(family, SocketType::STREAM, flags, None)
}

/// Two daemons that start at once must not remove each other's fresh socket: whoever binds holds
/// the folder. The lock ends with the descriptor and leaves no file.
fn lock_folder(path: &Path) -> Result<OwnedFd, BindError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    if !folder.exists() {
        let made = fs::DirBuilder::new().mode(0o755).create(folder);
        made.map_err(|source| system("cannot make the folder", folder, source))?;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = openat(CWD, folder, flags, Mode::empty());
    let locked = opened.and_then(|fd| flock(&fd, FlockOperation::LockExclusive).map(|()| fd));
    locked.map_err(|errno| system("cannot lock the folder", folder, errno.into()))
}

/// Removes a socket that nobody serves, and nothing else.
fn remove_stale(path: &Path, address: &SocketAddrUnix) -> Result<(), BindError> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Err(BindError::NotASocket(path.to_owned()));
    }
    let probe = stream_socket(AddressFamily::UNIX)
        .map_err(|errno| system("cannot make a socket for", path, errno.into()))?;
    match connect(&probe, address) {
        Ok(()) => {
            let pid = socket_peercred(&probe).map_or(0, |peer| peer.pid.as_raw_nonzero().get());
            Err(BindError::Served { path: path.to_owned(), pid })
        }
        // A full backlog: somebody listens, but who is only told to those who are let in.
        Err(Errno::AGAIN) => Err(BindError::Served { path: path.to_owned(), pid: 0 }),
        Err(Errno::CONNREFUSED) => fs::remove_file(path)
            .map_err(|source| system("cannot remove the stale socket", path, source)),
        Err(errno) => Err(system("cannot find out who serves", path, errno.into())),
    }
}

fn name_of(fd: &OwnedFd) -> Result<String, Errno> {
    let address = getsockname(fd)?;
    Ok(match address.address_family() {
        AddressFamily::UNIX => unix_name(&address),
        _ => {
            SocketAddr::try_from(address).map_or_else(|_| "inherited".to_owned(), |a| a.to_string())
        }
    })
}

fn unix_name(address: &SocketAddrAny) -> String {
    let path = SocketAddrUnix::try_from(address.clone()).ok();
    let path = path.as_ref().and_then(SocketAddrUnix::path_bytes);
    path.map_or_else(
        || "unix:(unnamed)".to_owned(),
        |path| format!("unix:{}", String::from_utf8_lossy(path)),
    )
}

#[cfg(test)]
#[path = "listening/tests.rs"]
mod tests;
