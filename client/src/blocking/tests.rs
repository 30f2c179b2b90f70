//! What a process does with a client that it got by a fork: nothing.

use std::io::{ErrorKind as IoErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use tempfile::TempDir;
use wharf_protocol::{
    DaemonMessage, Frame, LeaseRequest, Leased, Limits, Retry, Source, Target, Welcome,
    encode_daemon,
};

use super::{Carrier, Client, Held, Lease, Shelf, Wire};
use crate::error::{Error, ErrorKind};
use crate::options::Options;

const WEB: LeaseRequest<'static> = LeaseRequest::new(Target::Route("web"));

fn listener() -> (TempDir, UnixListener) {
    let folder = tempfile::tempdir().expect("a folder for the socket");
    let listener = UnixListener::bind(folder.path().join("lease.sock")).expect("a socket of ours");
    (folder, listener)
}

/// What a daemon says to grant lease 1.
fn grant() -> Vec<u8> {
    let welcome = Welcome { minor: 0, features: 0, instance: 1, limits: Limits::default() };
    let leased = Leased {
        handle: 1,
        source: Source::Idle,
        age: Duration::ZERO,
        idle: Duration::ZERO,
        uses: 1,
        srtt: Duration::ZERO,
        cwnd: 0,
        wait: Duration::ZERO,
        connect: None,
        peer: SocketAddr::from(([10, 213, 0, 1], 80)),
    };
    let mut bytes = Vec::new();
    encode_daemon(&Frame { lease: 0, message: DaemonMessage::Welcome(welcome) }, &mut bytes);
    encode_daemon(&Frame { lease: 1, message: DaemonMessage::Leased(leased) }, &mut bytes);
    bytes
}

fn shelf(folder: &TempDir) -> Shelf<Wire> {
    Shelf::new(folder.path().join("lease.sock"), Options::default())
}

/// A lease as its parent's child finds it, and the daemon's end of its session.
fn forked_lease() -> (Lease, UnixStream) {
    let (folder, listener) = listener();
    let mut shelf = shelf(&folder);
    let mut wire = Wire::connect(&shelf).expect("a daemon");
    let (mut stream, _) = listener.accept().expect("a client");
    stream.write_all(&grant()).expect("the client listens");
    wire.session.begin(&WEB).expect("a request");
    let timeout = Some(Duration::from_secs(5));
    let leased = wire.converse(timeout, crate::session::Session::granted).expect("a grant");
    let mut said = [0; 256];
    assert_ne!(stream.read(&mut said).expect("what the client said"), 0);
    shelf.pretend_fork();
    let held = Held::new(wire, std::sync::Arc::new(shelf));
    (Lease { held, leased, keep_alive: None, descriptor: None }, stream)
}

#[test]
fn a_child_does_not_inherit_the_socket() {
    let (folder, _listener) = listener();
    let mut wire = Wire::connect(&shelf(&folder)).unwrap();
    let flags = rustix::io::fcntl_getfd(wire.parts().1).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}

#[test]
fn a_forked_client_refuses_to_lease() {
    let (folder, _listener) = listener();
    let mut shelf = shelf(&folder);
    shelf.put(Wire::connect(&shelf).unwrap());
    shelf.pretend_fork();
    let client = Client { shelf: std::sync::Arc::new(shelf) };
    let error = client.lease(&WEB).unwrap_err();
    assert_eq!((error.kind(), error.token()), (ErrorKind::Forked, "forked"));
    assert_eq!(error.retry(), Retry::Never);
    assert!(error.hint().contains("child"));
}

#[test]
fn a_forked_lease_refuses_everything_and_says_nothing() {
    let (mut lease, mut stream) = forked_lease();
    let error = lease.write(b"x").unwrap_err();
    assert_eq!(error.kind(), IoErrorKind::PermissionDenied);
    assert_eq!(Error::of(&error).unwrap().kind(), ErrorKind::Forked);
    assert_eq!(lease.read(&mut [0; 8]).unwrap_err().kind(), IoErrorKind::PermissionDenied);
    assert_eq!(lease.info().unwrap_err().kind(), ErrorKind::Forked);
    assert_eq!(lease.finish().unwrap_err().kind(), ErrorKind::Forked);
    assert_eq!(lease.release().unwrap_err().kind(), ErrorKind::Forked);
    // The descriptor was the only one, so its end is all that the daemon sees.
    let mut said = Vec::new();
    stream.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"");
}

#[test]
fn a_write_that_times_out_has_written_nothing() {
    let (folder, listener) = listener();
    let options = Options { silence: Some(Duration::from_millis(200)), ..Options::default() };
    let shelf = std::sync::Arc::new(Shelf::new(folder.path().join("lease.sock"), options));
    let mut wire = Wire::connect(&shelf).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(&grant()).unwrap();
    wire.session.begin(&WEB).unwrap();
    let timeout = shelf.options.silence;
    let leased = wire.converse(timeout, crate::session::Session::granted).unwrap();
    let mut lease =
        Lease { held: Held::new(wire, shelf), leased, keep_alive: None, descriptor: None };

    let chunk = vec![7; 65_536];
    let mut accepted = 0;
    let error = loop {
        match lease.write(&chunk) {
            Ok(count) => accepted += count,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), IoErrorKind::TimedOut);
    // The daemon reads again: every byte that was accepted comes, and the same count is told.
    let reader = std::thread::spawn(move || {
        let mut said = Vec::new();
        stream.read_to_end(&mut said).expect("the client closes");
        said
    });
    let is_flushed = (0..50).any(|_| lease.flush().is_ok());
    assert!(is_flushed, "the reader takes everything");
    lease.give_back().unwrap();
    let said = reader.join().unwrap();
    assert_eq!(data_bytes(&said), accepted);
    let written = u64::try_from(accepted).unwrap();
    assert!(said.windows(8).rev().take(64).any(|window| window == written.to_le_bytes()));
}

/// The bytes of all `DATA` that a client said.
fn data_bytes(mut said: &[u8]) -> usize {
    let mut total = 0;
    while let Ok(Some((frame, length))) = wharf_protocol::decode_client(said) {
        if let wharf_protocol::ClientMessage::Data(bytes) = frame.message {
            total += bytes.len();
        }
        said = &said[length..];
    }
    assert!(said.is_empty(), "whole frames");
    total
}
