//! States told to systemd: `sd_notify(3)`.
//!
//! The crate `sd-notify` knows the words; the address comes from `main` instead of the
//! environment, and may be in the abstract namespace, as containers use it.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use sd_notify::NotifyState;

/// Tells systemd; silent when nobody asked for it.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<UnixDatagram>,
}

impl Notifier {
    /// Connects to the address of `NOTIFY_SOCKET`: a path, or a name after `@`.
    pub fn connect(address: Option<&OsStr>) -> io::Result<Self> {
        let Some(address) = address else { return Ok(Self::default()) };
        let address = match address.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(address)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Some(socket) })
    }

    /// The service works. Also ends a reload, whether it changed anything or not.
    pub fn ready(&self, status: &str) {
        self.tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// A reload begins. The time tells systemd which of several reloads a READY ends.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::warn!(%error, "the reload is not announced: no clock"),
        }
    }

    /// The service ends; the status says what it still waits for.
    pub fn stopping(&self, status: &str) {
        self.tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
    }

    /// A sign of life for the watchdog.
    pub fn watchdog(&self) {
        self.tell(&[NotifyState::Watchdog]);
    }

    /// One line for `systemctl status`.
    pub fn status(&self, status: &str) {
        self.tell(&[NotifyState::Status(status)]);
    }

    fn tell(&self, states: &[NotifyState<'_>]) {
        let Some(socket) = &self.socket else { return };
        let message: String = states.iter().map(|state| format!("{state}\n")).collect();
        if let Err(error) = socket.send(message.as_bytes()) {
            tracing::warn!(%error, "systemd was not told {}", message.trim_end());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_who_asked_is_nobody_told() {
        Notifier::connect(None).unwrap().ready("x");
    }

    #[test]
    fn the_words_arrive_at_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::connect(Some(path.as_os_str())).unwrap();
        let mut bytes = [0_u8; 256];
        let mut heard = || {
            let count = systemd.recv(&mut bytes).unwrap();
            String::from_utf8(bytes[..count].to_vec()).unwrap()
        };
        notifier.ready("serving 2 routes");
        assert_eq!(heard(), "READY=1\nSTATUS=serving 2 routes\n");
        notifier.reloading();
        let reloading = heard();
        let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(time.trim_end().parse::<u64>().unwrap() > 0);
        notifier.watchdog();
        assert_eq!(heard(), "WATCHDOG=1\n");
        notifier.stopping("draining");
        assert_eq!(heard(), "STOPPING=1\nSTATUS=draining\n");
    }

    #[test]
    fn the_words_arrive_at_an_abstract_name() {
        let name = format!("wharf-notify-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let systemd = UnixDatagram::bind_addr(&address).unwrap();
        let notifier = Notifier::connect(Some(OsStr::new(&format!("@{name}")))).unwrap();
        notifier.status("x");
        let mut bytes = [0_u8; 64];
        let count = systemd.recv(&mut bytes).unwrap();
        assert_eq!(bytes.get(..count), Some(&b"STATUS=x\n"[..]));
    }

    #[test]
    fn an_address_where_nobody_listens_is_an_error() {
        assert!(Notifier::connect(Some(OsStr::new("/nonexistent/notify"))).is_err());
    }
}
