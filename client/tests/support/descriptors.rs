//! Leases whose bytes run on a descriptor of their own; see `scenarios.rs`.

use std::io;
use std::os::unix::net::UnixStream;

use wharf_client::{Error, ErrorKind, ErrorToken, LeaseRequest, Released};

use super::{Client, ReadAll, WriteAll};
use crate::support::{Daemon, WEB, options};

const WITH_FD: LeaseRequest<'static> = LeaseRequest { fd: true, ..WEB };

fn closed(cause: &str) -> Released {
    Released::Closed { cause: cause.to_owned() }
}

macro_rules! client {
    ($daemon:ident) => {
        wait!(Client::connect_with(&$daemon.path, options())).unwrap()
    };
}

scenario!(fd, ["fd"], |daemon| {
    let client = client!(daemon);
    let mut lease = wait!(client.lease_with(&WITH_FD, b"ping")).unwrap();
    assert!(lease.descriptor().is_some());
    let mut answer = [0; 4];
    wait!(lease.read_exact(&mut answer)).unwrap();
    assert_eq!(&answer, b"pong");
    assert_eq!(wait!(lease.release()).unwrap(), Released::Kept);

    let lease = wait!(client.lease(&WEB)).unwrap();
    assert!(lease.descriptor().is_none());
    wait!(lease.release()).unwrap();
});

scenario!(fd_half_close, ["fd_half_close"], |daemon| {
    let client = client!(daemon);
    let mut lease = wait!(client.lease(&WITH_FD)).unwrap();
    wait!(lease.write_all(b"ping")).unwrap();
    wait!(lease.finish()).unwrap();
    let mut answer = Vec::new();
    wait!(lease.read_to_end(&mut answer)).unwrap();
    assert_eq!(answer, b"pong");
    let error = wait!(lease.write_all(b"more")).unwrap_err();
    assert_eq!(Error::of(&error).unwrap().kind(), ErrorKind::BadRequest);
    assert_eq!(wait!(lease.release()).unwrap(), closed("half_closed"));
});

scenario!(fd_reset, ["fd_reset"], |daemon| {
    let client = client!(daemon);
    let mut lease = wait!(client.lease_with(&WITH_FD, b"ping")).unwrap();
    let mut answer = Vec::new();
    let error = wait!(lease.read_to_end(&mut answer)).unwrap_err();
    assert_eq!(answer, b"po");
    let error = Error::of(&error).unwrap();
    assert_eq!(error.kind(), ErrorKind::Reset(ErrorToken::ConnectionTerminated));
    let error = wait!(lease.write_all(b"more")).unwrap_err();
    assert_eq!(Error::of(&error).unwrap().token(), "connection_terminated");
});

scenario!(
    a_write_that_nobody_takes_says_why,
    [r#"c HELLO "test"
        c 1 LEASE route=web fd
        d WELCOME fd
        d 1 LEASED idle
        p > end
        = the descriptor has ended
        d 1 RESET lease_revoked unknown sent=0 acked=0
        c 1 RELEASE discard rx=0 tx=0
        d 1 RELEASED closed revoked"#],
    |daemon| {
        let client = client!(daemon);
        let mut lease = wait!(client.lease(&WITH_FD)).unwrap();
        // Until the end is seen the socket may take something; nobody counts on it.
        let mut ended = UnixStream::from(lease.descriptor().unwrap().try_clone_to_owned().unwrap());
        while io::Read::read(&mut ended, &mut [0; 1]).is_err() {
            std::thread::yield_now();
        }
        daemon.go();
        let error = wait!(lease.write_all(b"ping")).unwrap_err();
        assert_eq!(Error::of(&error).unwrap().token(), "lease_revoked");
    }
);

scenario!(
    other_code_uses_the_descriptor,
    [r#"c HELLO "test"
        c 1 LEASE route=web fd
        d WELCOME fd
        d 1 LEASED idle
        p < "ping"
        p > "pong"
        p < "more"
        c 1 RELEASE reusable rx=4 tx=8
        d 1 RELEASED settling"#],
    |daemon| {
        let client = client!(daemon);
        let mut lease = wait!(client.lease_with(&WITH_FD, b"ping")).unwrap();
        let other = lease.descriptor().unwrap().try_clone_to_owned().unwrap();
        let mut other = UnixStream::from(other);
        let mut answer = [0; 4];
        wait!(lease.read_exact(&mut answer)).unwrap();
        io::Write::write_all(&mut other, b"more").unwrap();
        assert_eq!(wait!(lease.release_counted(4, 8)).unwrap(), Released::Settling);
        assert_eq!(
            io::Read::read(&mut other, &mut [0; 1]).unwrap(),
            0,
            "nobody is at the other end"
        );
        assert!(io::Write::write_all(&mut other, b"late").is_err());
    }
);

scenario!(
    a_dropped_lease_says_so_before_its_descriptor_closes,
    [r#"c HELLO "test"
        c 1 LEASE route=web fd
        d WELCOME fd
        d 1 LEASED idle
        c 1 RELEASE discard rx=0 tx=0
        p < end
        d 1 RELEASED closed client_discard"#],
    |daemon| {
        let client = client!(daemon);
        drop(wait!(client.lease(&WITH_FD)).unwrap());
    }
);

scenario!(
    a_descriptor_that_does_not_come_ends_the_session,
    [r#"c HELLO "test"
           c 1 LEASE route=web fd
           d WELCOME fd
           d raw 44 00 00 00 82 01 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 04 0a d5 00 01 00 00 00 00 00 00 00 00 00 00 00 00 90 1f"#,],
    |daemon| {
        let client = client!(daemon);
        let error = wait!(client.lease(&WITH_FD)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Violation);
        assert!(error.cause().contains("descriptor"), "{error}");
    }
);

scenario!(
    data_of_a_lease_with_a_descriptor_is_no_protocol,
    [r#"c HELLO "test"
        c 1 LEASE route=web fd
        d WELCOME fd
        d 1 LEASED idle
        d 1 DATA "x"
        p > end"#],
    |daemon| {
        let client = client!(daemon);
        let mut lease = wait!(client.lease(&WITH_FD)).unwrap();
        let error = wait!(lease.read_exact(&mut [0; 1])).unwrap_err();
        assert_eq!(Error::of(&error).unwrap().kind(), ErrorKind::Violation);
    }
);

scenario!(
    a_daemon_that_dies_makes_no_end_of_an_answer,
    [r#"c HELLO "test"
        c 1 LEASE route=web fd
        d WELCOME fd
        d 1 LEASED idle
        p < "ping"
        p > "po"
        d close"#],
    |daemon| {
        let client = client!(daemon);
        let mut lease = wait!(client.lease_with(&WITH_FD, b"ping")).unwrap();
        let mut answer = Vec::new();
        let error = wait!(lease.read_to_end(&mut answer)).unwrap_err();
        assert_eq!(answer, b"po");
        assert_eq!(Error::of(&error).unwrap().kind(), ErrorKind::Lost);
        let error = wait!(lease.write_all(b"more")).unwrap_err();
        assert_eq!(Error::of(&error).unwrap().kind(), ErrorKind::Lost);
    }
);

scenario!(
    a_daemon_without_the_feature_is_not_asked_twice,
    [r#"c HELLO "test"
        c 1 LEASE route=web
        d WELCOME
        d 1 LEASED idle
        c 1 RELEASE unused rx=0 tx=0
        d 1 RELEASED kept
        c 2 LEASE route=web
        d 2 LEASED idle
        c 2 RELEASE unused rx=0 tx=0
        d 2 RELEASED kept"#],
    |daemon| {
        let client = client!(daemon);
        wait!(wait!(client.lease(&WEB)).unwrap().release()).unwrap();
        let error = wait!(client.lease(&WITH_FD)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadRequest);
        wait!(wait!(client.lease(&WEB)).unwrap().release()).unwrap();
    }
);
