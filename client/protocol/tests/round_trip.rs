//! Any message survives its bytes, and no bytes break the decoders.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use proptest::option;
use proptest::prelude::*;
use wharf_protocol::{
    Class, ClientMessage, DaemonMessage, Disposition, ErrorToken, FRAME_MAX, Frame, GoAway, Hello,
    Info, LeaseRequest, Leased, Limits, Outcome, Refused, Release, Released, Reset, Source, Target,
    Verdict, Welcome, decode_client, decode_daemon, encode_client, encode_daemon,
};

proptest! {
    #[test]
    fn a_client_frame_survives_its_bytes(frame in client_frame()) {
        let mut bytes = Vec::new();
        encode_client(&frame, &mut bytes).unwrap();
        prop_assert!(bytes.len() <= FRAME_MAX);
        prop_assert_eq!(decode_client(&bytes), Ok(Some((frame, bytes.len()))));
    }

    #[test]
    fn a_daemon_frame_survives_its_bytes(frame in daemon_frame()) {
        let mut bytes = Vec::new();
        encode_daemon(&frame, &mut bytes);
        prop_assert!(bytes.len() <= FRAME_MAX);
        prop_assert_eq!(decode_daemon(&bytes), Ok(Some((frame, bytes.len()))));
    }

    #[test]
    fn a_part_of_a_frame_asks_for_more(frame in daemon_frame(), keep in 0.0..1.0f64) {
        let mut bytes = Vec::new();
        encode_daemon(&frame, &mut bytes);
        let keep = part_of(bytes.len(), keep);
        prop_assert_eq!(decode_daemon(&bytes[..keep]), Ok(None));
    }

    #[test]
    fn what_follows_a_frame_is_left_alone(frame in client_frame(), rest in any::<[u8; 16]>()) {
        let mut bytes = Vec::new();
        encode_client(&frame, &mut bytes).unwrap();
        let length = bytes.len();
        bytes.extend_from_slice(&rest);
        prop_assert_eq!(decode_client(&bytes), Ok(Some((frame, length))));
    }

    #[test]
    fn any_bytes_are_a_frame_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        check_any(&bytes);
    }

    #[test]
    fn any_payload_of_any_kind_is_a_frame_or_an_error(
        kind in prop_oneof![0u8..=9, 0x80u8..=0x8b, any::<u8>()],
        flags in any::<u8>(),
        lease in 0u16..3,
        payload in proptest::collection::vec(any::<u8>(), 0..256),
    ) {
        let length = u32::try_from(payload.len()).unwrap();
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend_from_slice(&[kind, flags]);
        bytes.extend_from_slice(&lease.to_le_bytes());
        bytes.extend_from_slice(&payload);
        check_any(&bytes);
    }

    #[test]
    fn a_frame_with_one_wrong_byte_is_a_frame_or_an_error(
        client in client_frame(), daemon in daemon_frame(), at in 0.0..1.0f64, byte in any::<u8>(),
    ) {
        let (mut sent, mut answered) = (Vec::new(), Vec::new());
        encode_client(&client, &mut sent).unwrap();
        encode_daemon(&daemon, &mut answered);
        for mut bytes in [sent, answered] {
            let at = part_of(bytes.len(), at);
            bytes[at] = byte;
            check_any(&bytes);
        }
    }
}

/// Decodes as either side would; what is a frame has to survive being encoded again.
fn check_any(bytes: &[u8]) {
    if let Ok(Some((frame, length))) = decode_client(bytes) {
        assert!(length <= bytes.len());
        let mut again = Vec::new();
        encode_client(&frame, &mut again).expect("what was read can be written");
        if !matches!(frame.message, ClientMessage::Skipped { .. }) {
            assert_eq!(decode_client(&again), Ok(Some((frame, again.len()))));
        }
    }
    if let Ok(Some((frame, length))) = decode_daemon(bytes) {
        assert!(length <= bytes.len());
        let mut again = Vec::new();
        encode_daemon(&frame, &mut again);
        if !matches!(frame.message, DaemonMessage::Skipped { .. }) {
            assert_eq!(decode_daemon(&again), Ok(Some((frame, again.len()))));
        }
    }
}

/// A place in `length` things, by a fraction below one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a fraction of a small length"
)]
fn part_of(length: usize, fraction: f64) -> usize {
    (length as f64 * fraction) as usize
}

/// Lets a strategy yield messages that borrow: a test's process does not live long.
fn text(pattern: &'static str) -> impl Strategy<Value = &'static str> {
    pattern.prop_map(|text| &*text.leak())
}

fn bytes() -> impl Strategy<Value = &'static [u8]> {
    proptest::collection::vec(any::<u8>(), 0..2000).prop_map(|bytes| &*bytes.leak())
}

fn name() -> impl Strategy<Value = &'static str> {
    text("[^\\p{Cc}]{1,60}")
}

fn micros() -> impl Strategy<Value = Duration> {
    any::<u64>().prop_map(Duration::from_micros)
}

fn one_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

fn client_frame() -> impl Strategy<Value = Frame<ClientMessage<'static>>> {
    let hello = (any::<(u16, u16, u16, u64)>(), text("[^\\p{Cc}]{0,16}")).prop_map(
        |((major, minor_min, minor_max, features), name)| Hello {
            major,
            minor_min,
            minor_max,
            features,
            name,
        },
    );
    let of_session = prop_oneof![
        hello.prop_map(ClientMessage::Hello),
        any::<u64>().prop_map(ClientMessage::Ping),
    ]
    .prop_map(|message| Frame { lease: 0, message });
    let of_lease = prop_oneof![
        lease_request().prop_map(ClientMessage::Lease),
        bytes().prop_map(ClientMessage::Data),
        Just(ClientMessage::Fin),
        Just(ClientMessage::Cancel),
        Just(ClientMessage::Info),
        release().prop_map(ClientMessage::Release),
    ];
    let of_lease = (1..=u16::MAX, of_lease).prop_map(|(lease, message)| Frame { lease, message });
    prop_oneof![of_session, of_lease]
}

fn lease_request() -> impl Strategy<Value = LeaseRequest<'static>> {
    let origin = (name(), name(), 1..=u16::MAX).prop_map(|(scheme, host, port)| Target::Origin {
        scheme,
        host,
        port,
    });
    let target = prop_oneof![name().prop_map(Target::Route), origin];
    let deadline = option::of(any::<u32>().prop_map(|ms| Duration::from_millis(u64::from(ms))));
    let flags = any::<(bool, bool, bool, bool)>();
    (target, option::of(name()), deadline, one_of(Class::ALL), flags).prop_map(
        |(target, tag, deadline, class, (fresh, no_wait, idempotent, fd))| LeaseRequest {
            target,
            tag,
            deadline,
            class,
            fresh,
            no_wait,
            idempotent,
            fd,
        },
    )
}

fn release() -> impl Strategy<Value = Release> {
    (one_of(Disposition::ALL), any::<u64>(), any::<u64>(), option::of(micros())).prop_map(
        |(disposition, rx_consumed, tx_written, keep_alive)| Release {
            disposition,
            rx_consumed,
            tx_written,
            keep_alive,
        },
    )
}

fn daemon_frame() -> impl Strategy<Value = Frame<DaemonMessage<'static>>> {
    let welcome = (any::<(u16, u64, u64, u32)>(), 1u32..=65_536, 0u32..=16_384).prop_map(
        |((minor, features, instance, sessions), data_bytes, early_bytes)| Welcome {
            minor,
            features,
            instance,
            limits: Limits { data_bytes, early_bytes, sessions },
        },
    );
    let goaway =
        (any::<u16>(), micros()).prop_map(|(last_lease, deadline)| GoAway { last_lease, deadline });
    let of_session = prop_oneof![
        welcome.prop_map(DaemonMessage::Welcome),
        goaway.prop_map(DaemonMessage::GoAway),
        any::<u64>().prop_map(DaemonMessage::Pong),
        refused().prop_map(DaemonMessage::Refused),
    ]
    .prop_map(|message| Frame { lease: 0, message });
    let released = (one_of(Outcome::ALL), option::of(text("[a-z0-9_]{1,32}")))
        .prop_map(|(outcome, cause)| Released { outcome, cause });
    let of_lease = prop_oneof![
        leased().prop_map(DaemonMessage::Leased),
        refused().prop_map(DaemonMessage::Refused),
        bytes().prop_map(DaemonMessage::Data),
        Just(DaemonMessage::Eof),
        reset().prop_map(DaemonMessage::Reset),
        released.prop_map(DaemonMessage::Released),
        info().prop_map(DaemonMessage::Info),
    ];
    let of_lease = (1..=u16::MAX, of_lease).prop_map(|(lease, message)| Frame { lease, message });
    prop_oneof![of_session, of_lease]
}

fn leased() -> impl Strategy<Value = Leased> {
    let times = (micros(), micros(), micros(), micros(), option::of(micros()));
    let peer = (any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port));
    (any::<(u64, u32, u32)>(), one_of(Source::ALL), times, peer).prop_map(
        |((handle, uses, cwnd), source, (age, idle, srtt, wait, connect), peer)| Leased {
            handle,
            source,
            age,
            idle,
            uses,
            srtt,
            cwnd,
            wait,
            connect,
            peer,
        },
    )
}

fn refused() -> impl Strategy<Value = Refused<'static>> {
    let times = (option::of(micros()), option::of(micros()));
    (one_of(ErrorToken::ALL), text(".{0,100}"), times).prop_map(
        |(token, cause, (retry_after, estimated_wait))| Refused {
            token,
            cause,
            retry_after,
            estimated_wait,
        },
    )
}

fn reset() -> impl Strategy<Value = Reset<'static>> {
    let fate = (one_of(ErrorToken::ALL), one_of(Verdict::ALL));
    (fate, any::<u64>(), any::<u64>(), text(".{0,100}")).prop_map(
        |((token, verdict), bytes_sent, bytes_acked, cause)| Reset {
            token,
            verdict,
            bytes_sent,
            bytes_acked,
            cause,
        },
    )
}

fn info() -> impl Strategy<Value = Info<'static>> {
    (text("[a-z_]{0,16}"), any::<[u64; 4]>()).prop_map(|(state, [rtt, rto, sent, segments])| Info {
        state,
        rtt,
        rto,
        bytes_sent: sent,
        segs_out: segments,
        ..Info::default()
    })
}
