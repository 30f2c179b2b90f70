//! Every message against the bytes in `golden/messages.txt`, both ways.
//!
//! Other languages test their codec against the same file, so a byte that changes here is a
//! change of the protocol.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use wharf_protocol::{
    Class, ClientMessage, DaemonMessage, Disposition, ErrorToken, Frame, GoAway, Hello, Info,
    LeaseRequest, Leased, Limits, Outcome, Refused, Release, Released, Reset, Source, Target,
    Verdict, Welcome, client_data_header, daemon_data_header, decode_client, decode_daemon,
    encode_client, encode_daemon, feature,
};

const GOLDEN: &str = include_str!("golden/messages.txt");

#[test]
fn client_messages_have_their_golden_bytes() {
    let golden = golden("client");
    let mut names: Vec<&str> = golden.keys().copied().collect();
    for (name, frame) in client_frames() {
        let mut bytes = Vec::new();
        encode_client(&frame, &mut bytes).unwrap();
        assert_golden("client", name, &golden, &bytes);
        assert_eq!(decode_client(&bytes), Ok(Some((frame, bytes.len()))), "{name}");
        names.retain(|other| *other != name);
    }
    assert!(names.is_empty(), "vectors without a message: {names:?}");
}

#[test]
fn daemon_messages_have_their_golden_bytes() {
    let golden = golden("daemon");
    let mut names: Vec<&str> = golden.keys().copied().collect();
    for (name, frame) in daemon_frames() {
        let mut bytes = Vec::new();
        encode_daemon(&frame, &mut bytes);
        assert_golden("daemon", name, &golden, &bytes);
        assert_eq!(decode_daemon(&bytes), Ok(Some((frame, bytes.len()))), "{name}");
        names.retain(|other| *other != name);
    }
    assert!(names.is_empty(), "vectors without a message: {names:?}");
}

#[test]
fn a_data_header_alone_is_the_front_of_the_frame() {
    let mut bytes = Vec::new();
    encode_client(&Frame { lease: 9, message: ClientMessage::Data(b"abc") }, &mut bytes).unwrap();
    assert_eq!(bytes[..8], client_data_header(9, 3));

    bytes.clear();
    encode_daemon(&Frame { lease: 9, message: DaemonMessage::Data(b"abc") }, &mut bytes);
    assert_eq!(bytes[..8], daemon_data_header(9, 3));
}

/// `side name hex hex hex`: groups are for the eye only.
fn golden(side: &str) -> BTreeMap<&'static str, Vec<u8>> {
    let lines = GOLDEN.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut vectors = BTreeMap::new();
    for line in lines {
        let mut words = line.split_whitespace();
        if words.next() == Some(side) {
            let name = words.next().expect("a line has a name");
            let hex: String = words.collect();
            assert!(vectors.insert(name, bytes_of(&hex)).is_none(), "{name} stands twice");
        }
    }
    vectors
}

fn bytes_of(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "half a byte in {hex}");
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

fn assert_golden(side: &str, name: &str, golden: &BTreeMap<&str, Vec<u8>>, bytes: &[u8]) {
    let mut line = format!("{side} {name}");
    for (at, byte) in bytes.iter().enumerate() {
        let gap = if at % 8 == 0 { " " } else { "" };
        write!(line, "{gap}{byte:02x}").expect("a string takes all");
    }
    assert_eq!(golden.get(name).map(Vec::as_slice), Some(bytes), "now it would be\n{line}\n");
}

fn client_frames() -> Vec<(&'static str, Frame<ClientMessage<'static>>)> {
    let session = |message| Frame { lease: 0, message };
    let lease = |message| Frame { lease: 0x0102, message };
    let origin = Target::Origin { scheme: "http", host: "api.internal", port: 8080 };
    let release = Release {
        disposition: Disposition::Reusable,
        rx_consumed: 4711,
        tx_written: 42,
        keep_alive: None,
    };
    let mut frames = vec![
        ("hello", session(ClientMessage::Hello(Hello::new("")))),
        (
            "hello_named",
            session(ClientMessage::Hello(Hello {
                major: 1,
                minor_min: 2,
                minor_max: 3,
                features: 0x8000_0000_0000_0001,
                name: "php-fpm",
            })),
        ),
        ("lease_route", lease(ClientMessage::Lease(LeaseRequest::new(Target::Route("web"))))),
        ("lease_origin", lease(ClientMessage::Lease(LeaseRequest::new(origin)))),
        (
            "lease_all",
            lease(ClientMessage::Lease(LeaseRequest {
                target: Target::Origin { scheme: "tcp", host: "fd00:213::1", port: 5432 },
                tag: Some("größe"),
                deadline: Some(Duration::from_millis(1500)),
                class: Class::Opaque,
                fresh: true,
                no_wait: true,
                idempotent: true,
                fd: true,
            })),
        ),
        ("data", lease(ClientMessage::Data(b"GET / HTTP/1.1\r\n\r\n"))),
        ("data_empty", lease(ClientMessage::Data(b""))),
        ("fin", lease(ClientMessage::Fin)),
        ("cancel", lease(ClientMessage::Cancel)),
        ("release", lease(ClientMessage::Release(release))),
        (
            "release_hint",
            lease(ClientMessage::Release(Release {
                keep_alive: Some(Duration::from_secs(5)),
                ..release
            })),
        ),
        (
            "release_discard",
            lease(ClientMessage::Release(Release { disposition: Disposition::Discard, ..release })),
        ),
        (
            "release_unused",
            lease(ClientMessage::Release(Release {
                disposition: Disposition::Unused,
                rx_consumed: 0,
                tx_written: 0,
                keep_alive: None,
            })),
        ),
        ("info", lease(ClientMessage::Info)),
        ("ping", session(ClientMessage::Ping(0x0102_0304_0506_0708))),
    ];
    frames.extend(with_descriptor());
    frames
}

fn with_descriptor() -> Vec<(&'static str, Frame<ClientMessage<'static>>)> {
    let hello = Hello { features: feature::FD, ..Hello::new("") };
    let request = LeaseRequest { fd: true, ..LeaseRequest::new(Target::Route("web")) };
    vec![
        ("hello_fd", Frame { lease: 0, message: ClientMessage::Hello(hello) }),
        ("lease_fd", Frame { lease: 0x0102, message: ClientMessage::Lease(request) }),
    ]
}

fn daemon_frames() -> Vec<(&'static str, Frame<DaemonMessage<'static>>)> {
    let session = |message| Frame { lease: 0, message };
    let lease = |message| Frame { lease: 0x0102, message };
    let welcome = Welcome { minor: 0, features: 0, instance: 0xfeed, limits: Limits::default() };
    let with_fd = Welcome { features: feature::FD, ..welcome };
    let mut frames = vec![
        ("welcome", session(DaemonMessage::Welcome(welcome))),
        ("welcome_fd", session(DaemonMessage::Welcome(with_fd))),
        ("data", lease(DaemonMessage::Data(b"HTTP/1.1 204 No Content\r\n\r\n"))),
        ("eof", lease(DaemonMessage::Eof)),
        (
            "goaway",
            session(DaemonMessage::GoAway(GoAway {
                last_lease: 0x0102,
                deadline: Duration::from_secs(30),
            })),
        ),
        ("info_none", lease(DaemonMessage::Info(Info::default()))),
        ("info", lease(DaemonMessage::Info(figures()))),
        ("pong", session(DaemonMessage::Pong(0x0102_0304_0506_0708))),
    ];
    frames.extend(grants());
    frames.extend(refusals());
    frames.extend(ends());
    frames
}

fn figures() -> Info<'static> {
    Info {
        state: "established",
        rtt: 2,
        rttvar: 3,
        rto: 4,
        snd_mss: 5,
        snd_cwnd: 6,
        snd_ssthresh: 7,
        snd_wnd: 8,
        rcv_wnd: 9,
        unacked: 10,
        retransmits: 11,
        bytes_sent: 12,
        bytes_acked: 13,
        bytes_received: 14,
        bytes_retrans: 15,
        segs_in: 16,
        segs_out: 17,
    }
}

fn grants() -> Vec<(&'static str, Frame<DaemonMessage<'static>>)> {
    let lease = |leased| Frame { lease: 0x0102, message: DaemonMessage::Leased(leased) };
    let idle = Leased {
        handle: 0x0700_0000_0001,
        source: Source::Idle,
        age: Duration::from_secs(60),
        idle: Duration::from_millis(250),
        uses: 3,
        srtt: Duration::from_micros(180),
        cwnd: 14_480,
        wait: Duration::from_micros(12),
        connect: None,
        peer: SocketAddr::from(([10, 213, 0, 1], 8080)),
    };
    let new = Leased {
        source: Source::New,
        age: Duration::ZERO,
        idle: Duration::ZERO,
        uses: 0,
        connect: Some(Duration::from_micros(210)),
        peer: SocketAddr::from(([0xfd00, 0x213, 0, 0, 0, 0, 0, 1], 443)),
        ..idle
    };
    let handoff = Leased { source: Source::Handoff, ..idle };
    vec![
        ("leased_idle", lease(idle)),
        ("leased_handoff", lease(handoff)),
        ("leased_new", lease(new)),
    ]
}

fn refusals() -> Vec<(&'static str, Frame<DaemonMessage<'static>>)> {
    let plain = Refused {
        token: ErrorToken::QueueFull,
        cause: "",
        retry_after: None,
        estimated_wait: None,
    };
    let full = Refused {
        token: ErrorToken::Backoff,
        cause: "10.213.0.1:8080 refused the connection",
        retry_after: Some(Duration::from_millis(200)),
        estimated_wait: Some(Duration::from_secs(1)),
    };
    let session =
        Refused { token: ErrorToken::ProtocolViolation, cause: "LEASE came before HELLO", ..plain };
    vec![
        ("refused", Frame { lease: 0x0102, message: DaemonMessage::Refused(plain) }),
        ("refused_all", Frame { lease: 0x0102, message: DaemonMessage::Refused(full) }),
        ("refused_session", Frame { lease: 0, message: DaemonMessage::Refused(session) }),
    ]
}

fn ends() -> Vec<(&'static str, Frame<DaemonMessage<'static>>)> {
    let lease = |message| Frame { lease: 0x0102, message };
    let reset = Reset {
        token: ErrorToken::ConnectionTerminated,
        verdict: Verdict::Acked,
        bytes_sent: 42,
        bytes_acked: 40,
        cause: "reset by peer",
    };
    let unprocessed = Reset { verdict: Verdict::Unprocessed, bytes_acked: 0, cause: "", ..reset };
    let released = |outcome, cause| lease(DaemonMessage::Released(Released { outcome, cause }));
    vec![
        ("reset", lease(DaemonMessage::Reset(reset))),
        ("reset_unprocessed", lease(DaemonMessage::Reset(unprocessed))),
        ("released_kept", released(Outcome::Kept, None)),
        ("released_settling", released(Outcome::Settling, None)),
        ("released_handed_on", released(Outcome::HandedOn, None)),
        ("released_closed", released(Outcome::Closed, Some("half_closed"))),
    ]
}
