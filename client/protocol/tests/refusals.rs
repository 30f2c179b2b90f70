//! What is not a frame, and which error says so; what may be skipped, and what may not.

use std::time::Duration;

use wharf_protocol::{
    CAUSE_MAX, CONTROL_MAX, ClientMessage, DATA_MAX, DaemonMessage, DecodeError, EncodeError,
    ErrorToken, Frame, HEADER_LEN, Hello, LeaseRequest, Outcome, Refused, Released, Retry,
    TEXT_MAX, Target, Verdict, decode_client, decode_daemon, encode_client, encode_daemon, feature,
    kind, next_lease,
};

/// A frame as an arbitrary program might write it.
fn frame(kind: u8, flags: u8, lease: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).expect("short").to_le_bytes().to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&lease.to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn field(tag: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = tag.to_le_bytes().to_vec();
    bytes.extend_from_slice(&u16::try_from(value.len()).expect("short").to_le_bytes());
    bytes.extend_from_slice(value);
    bytes
}

fn client_error(bytes: &[u8]) -> DecodeError {
    decode_client(bytes).expect_err("these bytes are no frame")
}

fn daemon_error(bytes: &[u8]) -> DecodeError {
    decode_daemon(bytes).expect_err("these bytes are no frame")
}

/// The fixed part of a plain `LEASE`, and these fields.
fn lease(fields: &[Vec<u8>]) -> Vec<u8> {
    frame(kind::LEASE, 1, 1, &[vec![0, 0], fields.concat()].concat())
}

#[test]
fn an_oversized_frame_is_refused_by_its_header_alone() {
    let limits = [(kind::DATA, DATA_MAX), (kind::LEASE, CONTROL_MAX), (0x7f, CONTROL_MAX)];
    for (kind, limit) in limits {
        let length = u32::try_from(limit).unwrap() + 1;
        let mut header = length.to_le_bytes().to_vec();
        header.extend_from_slice(&[kind, 0, 1, 0]);
        assert_eq!(client_error(&header), DecodeError::Oversize { kind, length, limit });
    }
    let header = [0xff; HEADER_LEN];
    let oversize = DecodeError::Oversize { kind: 0xff, length: u32::MAX, limit: CONTROL_MAX };
    assert_eq!(daemon_error(&header), oversize);
}

#[test]
fn a_frame_at_its_limit_is_taken() {
    let data = vec![7; DATA_MAX];
    let bytes = frame(kind::DATA, 1, 1, &data);
    let (decoded, length) = decode_client(&bytes).unwrap().unwrap();
    assert_eq!(decoded.message, ClientMessage::Data(&data));
    assert_eq!(length, HEADER_LEN + DATA_MAX);
}

#[test]
fn an_unknown_kind_is_skipped_unless_it_is_critical() {
    for kind in [0x00, 0x40, 0xfe] {
        let payload = [1, 2, 3];
        let skipped = frame(kind, 0, 5, &payload);
        let message = ClientMessage::Skipped { kind };
        let expected = Ok(Some((Frame { lease: 5, message }, skipped.len())));
        assert_eq!(decode_client(&skipped), expected);
        let message = DaemonMessage::Skipped { kind };
        let expected = Ok(Some((Frame { lease: 5, message }, skipped.len())));
        assert_eq!(decode_daemon(&skipped), expected);

        let critical = frame(kind, 1, 5, &payload);
        assert_eq!(client_error(&critical), DecodeError::UnknownKind { kind });
        assert_eq!(daemon_error(&critical), DecodeError::UnknownKind { kind });
    }
}

#[test]
fn each_side_knows_the_other_sides_kinds_alone() {
    let echo = frame(kind::RELEASED, 1, 1, &[0]);
    assert_eq!(client_error(&echo), DecodeError::UnknownKind { kind: kind::RELEASED });
    let echo = frame(kind::FIN, 1, 1, &[]);
    assert_eq!(daemon_error(&echo), DecodeError::UnknownKind { kind: kind::FIN });
}

#[test]
fn an_unknown_field_is_skipped_unless_it_is_critical() {
    let route = field(0x8001, b"web");
    let expected =
        Frame { lease: 1, message: ClientMessage::Lease(LeaseRequest::new(Target::Route("web"))) };
    let bytes = lease(&[field(99, b"later"), route.clone()]);
    assert_eq!(decode_client(&bytes), Ok(Some((expected, bytes.len()))));

    let bytes = lease(&[route, field(0x8063, b"later")]);
    let unknown = DecodeError::UnknownField { kind: kind::LEASE, tag: 99 };
    assert_eq!(client_error(&bytes), unknown);
}

#[test]
fn messages_without_fields_may_get_some_later() {
    for kind in [kind::FIN, kind::CANCEL, kind::INFO] {
        let bytes = frame(kind, 1, 1, &field(9, b"later"));
        assert!(decode_client(&bytes).is_ok(), "{kind}");
        let bytes = frame(kind, 1, 1, &field(0x8009, b"later"));
        assert_eq!(client_error(&bytes), DecodeError::UnknownField { kind, tag: 9 });
    }
}

#[test]
fn a_field_has_its_length_and_stands_once() {
    let route = field(0x8001, b"web");
    let bad = |tag| DecodeError::BadField { kind: kind::LEASE, tag };
    assert_eq!(client_error(&lease(&[route.clone(), route.clone()])), bad(1));
    assert_eq!(client_error(&lease(&[route.clone(), field(0x8006, &[1, 2, 3])])), bad(6));
    assert_eq!(client_error(&lease(&[route, field(0x8006, &[1, 2, 3, 4, 5])])), bad(6));

    let figure = field(4, &[0; 8]);
    let bytes = frame(kind::FIGURES, 1, 1, &[figure.clone(), figure].concat());
    assert_eq!(daemon_error(&bytes), DecodeError::BadField { kind: kind::FIGURES, tag: 4 });
}

#[test]
fn a_payload_that_ends_inside_a_value_is_refused() {
    let cases = [
        frame(kind::LEASE, 1, 1, &[0]),
        frame(kind::RELEASE, 1, 1, &[0; 16]),
        frame(kind::PING, 1, 0, &[0; 7]),
        frame(kind::FIN, 1, 1, &[1]),
        frame(kind::FIN, 1, 1, &[1, 0, 5, 0, 1]),
    ];
    for bytes in cases {
        let kind = bytes[4];
        assert_eq!(client_error(&bytes), DecodeError::Truncated { kind }, "{bytes:?}");
    }
}

#[test]
fn numbers_of_session_and_lease_do_not_mix() {
    for kind in [kind::LEASE, kind::DATA, kind::FIN, kind::CANCEL, kind::RELEASE, kind::INFO] {
        let payload = match kind {
            kind::LEASE => [vec![0, 0], field(0x8001, b"web")].concat(),
            kind::RELEASE => vec![0; 17],
            _ => Vec::new(),
        };
        let bytes = frame(kind, 1, 0, &payload);
        assert_eq!(client_error(&bytes), DecodeError::WrongLease { kind, lease: 0 });
    }
    let bytes = frame(kind::PING, 1, 3, &[0; 8]);
    assert_eq!(client_error(&bytes), DecodeError::WrongLease { kind: kind::PING, lease: 3 });
    let bytes = frame(kind::EOF, 1, 0, &[]);
    assert_eq!(daemon_error(&bytes), DecodeError::WrongLease { kind: kind::EOF, lease: 0 });
}

#[test]
fn a_lease_has_exactly_one_target() {
    let (route, scheme) = (field(0x8001, b"web"), field(0x8002, b"http"));
    let (host, port) = (field(0x8003, b"a"), field(0x8004, &[80, 0]));
    let bad = DecodeError::BadValue { kind: kind::LEASE, what: "target" };
    let cases = [
        vec![],
        vec![route.clone(), scheme.clone(), host.clone(), port.clone()],
        vec![route, port.clone()],
        vec![scheme.clone(), host.clone()],
        vec![scheme.clone(), port],
        vec![scheme, host, field(0x8004, &[0, 0])],
    ];
    for fields in cases {
        assert_eq!(client_error(&lease(&fields)), bad);
    }
}

#[test]
fn texts_are_clean_and_bounded() {
    let too_long = [b'a'; TEXT_MAX + 1];
    for route in [&b""[..], b"\xff", b"two\nlines", "\u{85}".as_bytes(), &too_long] {
        let bad = DecodeError::BadValue { kind: kind::LEASE, what: "route" };
        assert_eq!(client_error(&lease(&[field(0x8001, route)])), bad, "{route:?}");
    }
}

#[test]
fn values_outside_their_vocabulary_are_refused() {
    let web = field(0x8001, b"web");
    let bad = |what| DecodeError::BadValue { kind: kind::LEASE, what };
    let bytes = frame(kind::LEASE, 1, 1, &[vec![2, 0], web.clone()].concat());
    assert_eq!(client_error(&bytes), bad("class"));
    let bytes = frame(kind::LEASE, 1, 1, &[vec![0, 0x10], web].concat());
    assert_eq!(client_error(&bytes), bad("flags"));

    let bytes = frame(kind::RELEASED, 1, 1, &[4]);
    let bad = |what| DecodeError::BadValue { kind: kind::RELEASED, what };
    assert_eq!(daemon_error(&bytes), bad("outcome"));
    for cause in [&b"Peer Fin"[..], b"", &[b'a'; 33]] {
        let bytes = frame(kind::RELEASED, 1, 1, &[vec![3], field(1, cause)].concat());
        assert_eq!(daemon_error(&bytes), bad("cause"));
    }

    let bytes = frame(kind::REFUSED, 1, 1, &[vec![5, 0], b"later".to_vec()].concat());
    let bad = DecodeError::BadValue { kind: kind::REFUSED, what: "token" };
    assert_eq!(daemon_error(&bytes), bad);
}

#[test]
fn limits_beyond_the_protocols_own_are_refused() {
    let bad = DecodeError::BadValue { kind: kind::WELCOME, what: "limits" };
    for (tag, value) in [(1, 65_537u32), (1, 0), (2, 16_385)] {
        let payload = [vec![0; 18], field(tag, &value.to_le_bytes())].concat();
        assert_eq!(daemon_error(&frame(kind::WELCOME, 1, 0, &payload)), bad);
    }
}

#[test]
fn what_a_user_got_wrong_is_an_error_and_appends_nothing() {
    let long = "x".repeat(TEXT_MAX + 1);
    let origin = |scheme, host, port| Target::Origin { scheme, host, port };
    let too_long = |what| EncodeError::TooLong { what, length: TEXT_MAX + 1, limit: TEXT_MAX };
    let cases = [
        (Target::Route(&long), too_long("route")),
        (Target::Route(""), EncodeError::BadValue { what: "route" }),
        (origin("", "a", 1), EncodeError::BadValue { what: "scheme" }),
        (origin("http", "a\0", 1), EncodeError::BadValue { what: "host" }),
        (origin("http", "a", 0), EncodeError::BadValue { what: "port" }),
    ];
    let mut out = b"kept".to_vec();
    for (target, error) in cases {
        let message = ClientMessage::Lease(LeaseRequest::new(target));
        assert_eq!(encode_client(&Frame { lease: 1, message }, &mut out), Err(error));
    }
    let request = LeaseRequest { tag: Some(&long), ..LeaseRequest::new(Target::Route("web")) };
    let message = ClientMessage::Lease(request);
    assert_eq!(encode_client(&Frame { lease: 1, message }, &mut out), Err(too_long("tag")));

    let message = ClientMessage::Data(&[0; DATA_MAX + 1]);
    let error = EncodeError::TooLong { what: "data", length: DATA_MAX + 1, limit: DATA_MAX };
    assert_eq!(encode_client(&Frame { lease: 1, message }, &mut out), Err(error));

    let message = ClientMessage::Hello(Hello::new("tab\there"));
    let error = EncodeError::BadValue { what: "name" };
    assert_eq!(encode_client(&Frame { lease: 0, message }, &mut out), Err(error));
    assert_eq!(out, b"kept");
}

#[test]
fn a_long_cause_is_cut_between_characters() {
    let cause = "é".repeat(CAUSE_MAX);
    let refused = Refused {
        token: ErrorToken::Quota,
        cause: &cause,
        retry_after: None,
        estimated_wait: None,
    };
    let mut bytes = Vec::new();
    encode_daemon(&Frame { lease: 1, message: DaemonMessage::Refused(refused) }, &mut bytes);
    let (frame, _) = decode_daemon(&bytes).unwrap().unwrap();
    let expected = Refused { cause: &cause[..CAUSE_MAX], ..refused };
    assert_eq!(frame.message, DaemonMessage::Refused(expected));
}

#[test]
#[should_panic(expected = "a close cause is a token")]
fn a_close_cause_that_is_no_token_is_our_own_mistake() {
    let released = Released { outcome: Outcome::Closed, cause: Some("Peer Fin") };
    let frame = Frame { lease: 1, message: DaemonMessage::Released(released) };
    encode_daemon(&frame, &mut Vec::new());
}

#[test]
#[should_panic(expected = "go without a lease")]
fn a_lease_message_without_a_lease_is_our_own_mistake() {
    encode_daemon(&Frame { lease: 0, message: DaemonMessage::Eof }, &mut Vec::new());
}

#[test]
fn a_skipped_message_has_no_bytes() {
    let mut out = Vec::new();
    let message = ClientMessage::Skipped { kind: 0x70 };
    encode_client(&Frame { lease: 1, message }, &mut out).unwrap();
    encode_daemon(&Frame { lease: 1, message: DaemonMessage::Skipped { kind: 0xf0 } }, &mut out);
    assert!(out.is_empty());
}

#[test]
fn the_minor_is_the_newest_that_both_know() {
    let hello =
        |major, minor_min, minor_max| Hello { major, minor_min, minor_max, features: 0, name: "" };
    assert_eq!(hello(1, 0, 0).agreed_minor(0), Some(0));
    assert_eq!(hello(1, 0, 7).agreed_minor(3), Some(3));
    assert_eq!(hello(1, 2, 2).agreed_minor(3), Some(2));
    assert_eq!(hello(1, 4, 7).agreed_minor(3), None);
    assert_eq!(hello(1, 3, 2).agreed_minor(3), None);
    assert_eq!(hello(2, 0, 0).agreed_minor(3), None);
}

#[test]
fn a_feature_is_on_if_both_know_it() {
    let hello = Hello { features: feature::FD | 1 << 63, ..Hello::new("") };
    assert_eq!(hello.agreed_features(feature::FD), feature::FD);
    assert_eq!(hello.agreed_features(0), 0);
    assert_eq!(Hello::new("").agreed_features(feature::FD), 0);
}

#[test]
fn lease_numbers_never_reach_the_sessions_own() {
    assert_eq!(next_lease(1), 2);
    assert_eq!(next_lease(u16::MAX), 1);
}

#[test]
fn every_token_is_read_back_and_has_advice() {
    for &token in ErrorToken::ALL {
        assert_eq!(ErrorToken::from_token(token.token()), Some(token));
        assert!(token.hint().len() > 20, "{token} has no hint");
        let is_token = |b: u8| b.is_ascii_lowercase() || b == b'_';
        assert!(token.token().bytes().all(is_token), "{token}");
    }
    assert_eq!(ErrorToken::from_token("no_such_token"), None);
}

#[test]
fn the_page_tells_every_token_and_its_advice() {
    let page = include_str!("../PROTOCOL.md");
    for &token in ErrorToken::ALL {
        let advice = match token.retry(Verdict::NeverSent, None) {
            Retry::Never => "| no |",
            Retry::Now => "| now",
            Retry::After(_) => "| after a pause |",
            Retry::IfIdempotent => panic!("nothing was sent: {token}"),
        };
        assert!(page.contains(&format!("| `{token}` {advice}")), "{token} {advice}");
    }
}

#[test]
fn advice_weighs_the_verdict() {
    let pause = Some(Duration::from_secs(2));
    let cases = [
        (ErrorToken::DnsError, Verdict::NeverSent, pause, Retry::Never),
        (ErrorToken::ConnectionTerminated, Verdict::NeverSent, None, Retry::Now),
        (ErrorToken::ConnectionTerminated, Verdict::Unprocessed, None, Retry::Now),
        (ErrorToken::ConnectionTerminated, Verdict::Acked, None, Retry::IfIdempotent),
        (ErrorToken::ConnectionTimeout, Verdict::Unknown, None, Retry::IfIdempotent),
        (ErrorToken::LeaseRevoked, Verdict::Unknown, None, Retry::Never),
        (ErrorToken::Backoff, Verdict::NeverSent, pause, Retry::After(Duration::from_secs(2))),
    ];
    for (token, verdict, after, advice) in cases {
        assert_eq!(token.retry(verdict, after), advice, "{token} {verdict}");
    }
}
