//! What both clients must do, once: `wait!` is `.await` for the asynchronous one and nothing for
//! the other, `scenario!` makes a test that plays the named parts.

use std::time::Duration;

use wharf_client::{
    Error, ErrorKind, ErrorToken, LeaseRequest, Options, Released, Retry, Source, Target, Verdict,
};

use super::{Client, ReadAll, WriteAll};
use crate::support::notation::{assert_pattern, pattern};
use crate::support::{Daemon, WEB, options};

fn closed(cause: &str) -> Released {
    Released::Closed { cause: cause.to_owned() }
}

macro_rules! client {
    ($daemon:ident) => {
        wait!(Client::connect_with(&$daemon.path, options())).unwrap()
    };
}

scenario!(two_leases, ["two_leases"], |daemon| {
    let client = client!(daemon);
    let mut lease = wait!(client.lease_with(&WEB, b"ping")).unwrap();
    assert_eq!(lease.leased().source, Source::New);
    let mut answer = [0; 4];
    wait!(lease.read_exact(&mut answer)).unwrap();
    assert_eq!(&answer, b"pong");
    assert_eq!(wait!(lease.release()).unwrap(), Released::Kept);

    let lease = wait!(client.lease(&WEB)).unwrap();
    assert_eq!(lease.leased().source, Source::Idle);
    assert_eq!(wait!(lease.release()).unwrap(), Released::Kept);
});

scenario!(refused_then_silence, ["refused_then_silence"], |daemon| {
    let client = client!(daemon);
    let error = wait!(client.lease_with(&WEB, b"ping")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused(ErrorToken::Backoff));
    assert_eq!(error.verdict(), Verdict::NeverSent);
    assert_eq!(error.retry(), Retry::After(Duration::from_millis(200)));
    assert_eq!(error.route(), "web");
    let shown = "web: lease refused: backoff (10.213.0.1:80 refused the connection)";
    assert_eq!(error.to_string(), shown);

    let lease = wait!(client.lease(&WEB)).unwrap();
    wait!(lease.release()).unwrap();
});

scenario!(reset_then_release, ["reset_then_release"], |daemon| {
    let client = client!(daemon);
    let mut lease = wait!(client.lease(&WEB)).unwrap();
    wait!(lease.write_all(b"ping")).unwrap();
    let mut answer = Vec::new();
    let error = wait!(lease.read_to_end(&mut answer)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(answer, b"po");
    let error = Error::of(&error).unwrap();
    assert_eq!(error.kind(), ErrorKind::Reset(ErrorToken::ConnectionTerminated));
    assert_eq!((error.verdict(), error.retry()), (Verdict::Acked, Retry::IfIdempotent));
    assert_eq!((error.bytes_sent(), error.bytes_acked()), (4, 4));
    assert_eq!((error.cause(), error.route()), ("reset by peer", "web"));
    // Writing says the same, without a word to the daemon.
    let error = wait!(lease.write_all(b"more")).unwrap_err();
    assert_eq!(Error::of(&error).unwrap().token(), "connection_terminated");
    drop(lease);

    let lease = wait!(client.lease(&WEB)).unwrap();
    wait!(lease.release()).unwrap();
});

scenario!(eof, ["eof"], |daemon| {
    let client = client!(daemon);
    let mut lease = wait!(client.lease(&WEB)).unwrap();
    wait!(lease.write_all(b"ping")).unwrap();
    let mut answer = Vec::new();
    wait!(lease.read_to_end(&mut answer)).unwrap();
    assert_eq!(answer, b"pong");
    assert_eq!(wait!(lease.release()).unwrap(), closed("half_closed"));
});

scenario!(half_close, ["half_close"], |daemon| {
    let client = client!(daemon);
    let mut lease = wait!(client.lease(&WEB)).unwrap();
    wait!(lease.write_all(b"ping")).unwrap();
    wait!(lease.finish()).unwrap();
    wait!(lease.finish()).expect("said once, however often it is asked for");
    let error = wait!(lease.write_all(b"more")).unwrap_err();
    assert_eq!(Error::of(&error).unwrap().kind(), ErrorKind::BadRequest);
    let mut answer = Vec::new();
    wait!(lease.read_to_end(&mut answer)).unwrap();
    assert_eq!(answer, b"pong");
    assert_eq!(wait!(lease.release()).unwrap(), closed("half_closed"));
});

scenario!(drop_discards, ["drop_discards"], |daemon| {
    let client = client!(daemon);
    let mut lease = wait!(client.lease(&WEB)).unwrap();
    wait!(lease.write_all(b"ping")).unwrap();
    let mut answer = [0; 2];
    wait!(lease.read_exact(&mut answer)).unwrap();
    drop(lease);
    let lease = wait!(client.lease(&WEB)).unwrap();
    assert_eq!(lease.leased().source, Source::New);
    assert_eq!(wait!(lease.release()).unwrap(), Released::Kept);
});

scenario!(release_crosses_data, ["release_crosses_data"], |daemon| {
    let client = client!(daemon);
    let mut lease = wait!(client.lease(&WEB)).unwrap();
    wait!(lease.write_all(b"ping")).unwrap();
    let mut answer = [0; 4];
    wait!(lease.read_exact(&mut answer)).unwrap();
    assert_eq!(wait!(lease.release()).unwrap(), closed("unread_bytes"));
});

scenario!(revoked, ["revoked"], |daemon| {
    let client = client!(daemon);
    let mut lease = wait!(client.lease(&WEB)).unwrap();
    wait!(lease.write_all(b"ping")).unwrap();
    let error = wait!(lease.read_exact(&mut [0; 4])).unwrap_err();
    let error = Error::of(&error).unwrap();
    assert_eq!(error.kind(), ErrorKind::Reset(ErrorToken::LeaseRevoked));
    assert_eq!((error.verdict(), error.retry()), (Verdict::Unknown, Retry::Never));
});

scenario!(goaway, ["goaway", "two_leases"], |daemon| {
    let client = client!(daemon);
    let mut lease = wait!(client.lease(&WEB)).unwrap();
    wait!(lease.write_all(b"ping")).unwrap();
    let mut answer = [0; 4];
    wait!(lease.read_exact(&mut answer)).unwrap();
    assert_eq!(wait!(lease.release()).unwrap(), closed("shutdown"));

    // The next one goes over a new session.
    let mut lease = wait!(client.lease_with(&WEB, b"ping")).unwrap();
    wait!(lease.read_exact(&mut answer)).unwrap();
    wait!(lease.release()).unwrap();
    wait!(wait!(client.lease(&WEB)).unwrap().release()).unwrap();
});

scenario!(goaway_crosses_lease, ["goaway_crosses_lease"], |daemon| {
    let client = client!(daemon);
    let error = wait!(client.lease(&WEB)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused(ErrorToken::Draining));
    assert_eq!((error.verdict(), error.retry()), (Verdict::NeverSent, Retry::Now));
});

scenario!(session_refused, ["session_refused"], |daemon| {
    let client = client!(daemon);
    let error = wait!(client.lease(&WEB)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionRefused(ErrorToken::Quota));
    assert_eq!(error.cause(), "16 sessions of uid 33 are open");
});

scenario!(info, ["info"], |daemon| {
    let client = client!(daemon);
    let mut lease = wait!(client.lease(&WEB)).unwrap();
    wait!(lease.write_all(b"ping")).unwrap();
    let info = wait!(lease.info()).unwrap();
    assert_eq!((info.state, info.rtt), ("established", 180));
    let mut answer = [0; 4];
    wait!(lease.read_exact(&mut answer)).unwrap();
    assert_eq!(&answer, b"pong");
    assert_eq!(wait!(lease.release()).unwrap(), Released::Settling);
});

scenario!(
    the_hint_travels_with_the_release,
    [r#"c HELLO "test"
        c 1 LEASE http://a.internal:8080 tag=t deadline=1.5s fresh no_wait idempotent
        d WELCOME
        d 1 LEASED handoff
        c 1 DATA "x"
        c 1 RELEASE reusable rx=0 tx=1 keep_alive=5s
        d 1 RELEASED handed_on"#],
    |daemon| {
        let client = client!(daemon);
        let request = LeaseRequest {
            tag: Some("t"),
            deadline: Some(Duration::from_millis(1500)),
            fresh: true,
            no_wait: true,
            idempotent: true,
            ..LeaseRequest::new(Target::Origin { scheme: "http", host: "a.internal", port: 8080 })
        };
        let mut lease = wait!(client.lease(&request)).unwrap();
        wait!(lease.write_all(b"x")).unwrap();
        lease.keep_alive(Duration::from_secs(5));
        assert_eq!(wait!(lease.release()).unwrap(), Released::HandedOn);
    }
);

scenario!(
    giving_back_does_not_wait,
    [r#"c HELLO "test"
        c 1 LEASE route=web
        d WELCOME
        d 1 LEASED idle
        c 1 DATA "x"
        c 1 RELEASE reusable rx=0 tx=1
        c 2 LEASE route=web
        d 1 RELEASED closed unread_bytes
        d 2 LEASED new
        c 2 RELEASE unused rx=0 tx=0
        d 2 RELEASED kept"#],
    |daemon| {
        let client = client!(daemon);
        let mut lease = wait!(client.lease(&WEB)).unwrap();
        wait!(lease.write_all(b"x")).unwrap();
        wait!(lease.give_back()).unwrap();
        wait!(wait!(client.lease(&WEB)).unwrap().release()).unwrap();
    }
);

scenario!(
    long_writes_are_cut_and_early_ones_wait_for_the_grant,
    [r#"c HELLO "test"
        c 1 LEASE route=web
        c 1 DATA len=16384
        d WELCOME
        d 1 LEASED idle
        c 1 DATA len=3616
        c 1 DATA len=65536
        c 1 DATA len=65536
        c 1 DATA len=65
        c 1 RELEASE reusable rx=0 tx=151137
        d 1 RELEASED kept"#],
    |daemon| {
        let client = client!(daemon);
        let mut lease = wait!(client.lease_with(&WEB, &pattern(20_000))).unwrap();
        wait!(lease.write_all(&pattern(2 * 65_536 + 65))).unwrap();
        assert_eq!(wait!(lease.release()).unwrap(), Released::Kept);
    }
);

scenario!(
    long_answers_come_whole_whatever_the_buffer,
    [r#"c HELLO "test"
        c 1 LEASE route=web
        d WELCOME
        d 1 LEASED idle
        d 1 DATA len=65536
        c 1 DATA "next"
        d 1 DATA len=65536
        d 1 DATA ""
        d 1 DATA len=3
        c 1 RELEASE reusable rx=131075 tx=4
        d 1 RELEASED kept"#],
    |daemon| {
        let client = client!(daemon);
        let mut lease = wait!(client.lease(&WEB)).unwrap();
        let mut large = vec![0; 65_536];
        wait!(lease.read_exact(&mut large)).unwrap();
        assert_pattern(&large);
        wait!(lease.write_all(b"next")).unwrap();
        let mut small = Vec::new();
        for _ in 0..65_536 / 1024 {
            let mut bytes = [0; 1024];
            wait!(lease.read_exact(&mut bytes)).unwrap();
            small.extend_from_slice(&bytes);
        }
        assert_pattern(&small);
        let mut last = [0; 3];
        wait!(lease.read_exact(&mut last)).unwrap();
        assert_pattern(&last);
        assert_eq!(wait!(lease.release()).unwrap(), Released::Kept);
    }
);

scenario!(
    two_leases_at_once_take_two_sessions,
    [r#"c HELLO "test"
           c 1 LEASE route=web
           d WELCOME
           d 1 LEASED idle
           = the second is granted
           c 1 RELEASE unused rx=0 tx=0
           d 1 RELEASED kept"#,],
    |daemon| {
        let other = Daemon::play(&["goaway_crosses_lease"]);
        let client = client!(daemon);
        let lease = wait!(client.lease(&WEB)).unwrap();
        std::fs::rename(&other.path, &daemon.path).unwrap();
        let error = wait!(client.lease(&WEB)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused(ErrorToken::Draining));
        other.finish();
        daemon.go();
        wait!(lease.release()).unwrap();
    }
);

/// One lease, on a session that has no other.
const ONE_LEASE: &str = r#"
    c HELLO "test"
    c 1 LEASE route=web
    d WELCOME
    d 1 LEASED idle
    c 1 RELEASE unused rx=0 tx=0
    d 1 RELEASED kept"#;

scenario!(a_client_keeps_no_more_sessions_than_it_is_told, [ONE_LEASE, ONE_LEASE], |daemon| {
    let client = Client::lazy(&daemon.path, Options { sessions_kept: 0, ..options() });
    for _ in 0..2 {
        wait!(wait!(client.lease(&WEB)).unwrap().release()).unwrap();
    }
});

scenario!(
    a_session_that_died_on_the_shelf_is_replaced,
    [
        r#"c HELLO "test"
           c 1 LEASE route=web
           d WELCOME
           d 1 LEASED idle
           c 1 RELEASE unused rx=0 tx=0
           d 1 RELEASED kept
           d close"#,
        "goaway_crosses_lease",
    ],
    |daemon| {
        let client = client!(daemon);
        wait!(wait!(client.lease(&WEB)).unwrap().release()).unwrap();
        // The daemon may take a moment to close; a session that it closed is never used again.
        let error = loop {
            match wait!(client.lease(&WEB)) {
                Ok(_) => panic!("no part grants a second lease"),
                Err(error) if error.kind() == ErrorKind::Lost => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Refused(ErrorToken::Draining));
    }
);

scenario!(
    a_daemon_that_dies_before_the_grant_is_lost,
    [r#"c HELLO "test"
        c 1 LEASE route=web
        d close"#],
    |daemon| {
        let client = client!(daemon);
        let error = wait!(client.lease(&WEB)).unwrap_err();
        assert_eq!((error.kind(), error.token()), (ErrorKind::Lost, "daemon_lost"));
        assert_eq!(error.verdict(), Verdict::NeverSent);
        assert!(matches!(error.retry(), Retry::After(_)));
    }
);

scenario!(
    a_daemon_that_dies_in_mid_lease_is_lost,
    [r#"c HELLO "test"
        c 1 LEASE route=web
        d WELCOME
        d 1 LEASED idle
        c 1 DATA "ping"
        d 1 DATA "po"
        d close"#],
    |daemon| {
        let client = client!(daemon);
        let mut lease = wait!(client.lease(&WEB)).unwrap();
        wait!(lease.write_all(b"ping")).unwrap();
        let mut answer = Vec::new();
        let error = wait!(lease.read_to_end(&mut answer)).unwrap_err();
        assert_eq!(answer, b"po");
        let lost = Error::of(&error).unwrap();
        assert_eq!((lost.kind(), lost.retry()), (ErrorKind::Lost, Retry::IfIdempotent));
        assert_eq!(lost.verdict(), Verdict::Unknown);
        // Whatever is asked next, it stays lost.
        assert_eq!(wait!(lease.info()).unwrap_err().kind(), ErrorKind::Lost);
        assert_eq!(wait!(lease.release()).unwrap_err().kind(), ErrorKind::Lost);
    }
);

scenario!(
    a_session_that_ends_during_a_write_says_why,
    [r#"c HELLO "test"
        c 1 LEASE route=web
        d WELCOME
        d 1 LEASED idle
        = the lease is granted
        d REFUSED quota "too many bytes"
        d close"#],
    |daemon| {
        let client = client!(daemon);
        let mut lease = wait!(client.lease(&WEB)).unwrap();
        daemon.go();
        let bytes = pattern(65_536);
        let error = loop {
            if let Err(error) = wait!(lease.write_all(&bytes)) {
                break error;
            }
        };
        let error = Error::of(&error).unwrap();
        assert_eq!(error.kind(), ErrorKind::SessionRefused(ErrorToken::Quota));
        assert_eq!(error.cause(), "too many bytes");
    }
);

scenario!(
    a_daemon_that_says_nothing_is_silent,
    [r#"c HELLO "test"
        c 1 LEASE route=web
        = the client has waited long enough"#],
    |daemon| {
        let silence = Some(Duration::from_millis(30));
        let options = Options { silence, ..options() };
        let client = wait!(Client::connect_with(&daemon.path, options)).unwrap();
        let error = wait!(client.lease(&WEB)).unwrap_err();
        assert_eq!((error.kind(), error.token()), (ErrorKind::Silent, "daemon_silent"));
        assert!(matches!(error.retry(), Retry::After(_)));
        daemon.go();
    }
);

scenario!(
    garbage_of_the_daemon_ends_the_session,
    [
        r#"c HELLO "test"
           c 1 LEASE route=web
           d raw 48 54 54 50 2f 31 2e 31 20 34 30 30 0d 0a"#,
        r#"c HELLO "test"
           c 1 LEASE route=web
           d WELCOME
           d raw 01 00 01 00 84 01 01 00"#,
        r#"c HELLO "test"
           c 1 LEASE route=web
           d WELCOME
           d raw 00 00 00 00 f0 01 01 00"#,
        r#"c HELLO "test"
           c 1 LEASE route=web
           d WELCOME
           d raw 01 00 00 00 87 01 01 00 09"#,
    ],
    |daemon| {
        let client = client!(daemon);
        for cause in ["exceeds the limit", "exceeds the limit", "critical", "outcome"] {
            let error = wait!(client.lease(&WEB)).unwrap_err();
            assert_eq!(error.token(), "protocol_violation");
            assert_eq!((error.kind(), error.retry()), (ErrorKind::Violation, Retry::Never));
            assert!(error.cause().contains(cause), "{error}");
        }
    }
);

scenario!(a_request_that_cannot_be_said_costs_no_session, ["two_leases"], |daemon| {
    let client = client!(daemon);
    let error = wait!(client.lease(&LeaseRequest::new(Target::Route("")))).unwrap_err();
    assert_eq!((error.kind(), error.token()), (ErrorKind::BadRequest, "bad_request"));

    let mut lease = wait!(client.lease_with(&WEB, b"ping")).unwrap();
    wait!(lease.read_exact(&mut [0; 4])).unwrap();
    wait!(lease.release()).unwrap();
    wait!(wait!(client.lease(&WEB)).unwrap().release()).unwrap();
});

scenario!(a_client_greets_when_it_connects, ["c HELLO \"test\""], |daemon| {
    let client = client!(daemon);
    // The daemon waits 1 s for a greeting and no longer; the first lease may come much later.
    drop(client);
});

scenario!(a_name_that_cannot_be_said_is_refused_at_once, [" "], |daemon| {
    let options = Options { name: "n".repeat(65), ..options() };
    let error = wait!(Client::connect_with(&daemon.path, options)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRequest);
});

scenario!(a_lazy_client_opens_its_session_at_the_first_lease, ["session_refused"], |daemon| {
    let client = Client::lazy(daemon.path.with_file_name("other.sock"), options());
    assert_eq!(wait!(client.lease(&WEB)).unwrap_err().kind(), ErrorKind::Unreachable);
    let client = Client::lazy(&daemon.path, options());
    assert_eq!(wait!(client.lease(&WEB)).unwrap_err().token(), "quota");
});

scenario!(nobody_listens, [], |daemon| {
    let path = daemon.path.with_file_name("other.sock");
    let error = wait!(Client::connect(&path)).unwrap_err();
    assert_eq!((error.kind(), error.token()), (ErrorKind::Unreachable, "daemon_unreachable"));
    assert!(error.cause().contains("other.sock"), "{error}");
    assert!(std::error::Error::source(&error).is_some());
    assert!(matches!(error.retry(), Retry::After(_)));
});
