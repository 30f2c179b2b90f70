//! The session by itself: what must not come, numbers that go round, bytes in small pieces.

use std::net::SocketAddr;
use std::time::Duration;

use wharf_protocol::{
    ClientMessage, DaemonMessage, ErrorToken, Frame, GoAway, Hello, Info, LeaseRequest, Leased,
    Limits, Outcome, Refused, Released, Reset, Source, Target, Verdict, Welcome, decode_client,
    encode_daemon,
};

use super::{ReadStep, Session};
use crate::error::ErrorKind;

const WEB: LeaseRequest<'static> = LeaseRequest::new(Target::Route("web"));
const WELCOME: DaemonMessage<'static> = DaemonMessage::Welcome(Welcome {
    minor: 0,
    features: 0,
    instance: 1,
    limits: Limits { data_bytes: 1000, early_bytes: 100, sessions: 0 },
});
const REFUSED: DaemonMessage<'static> = DaemonMessage::Refused(Refused {
    token: ErrorToken::QueueFull,
    cause: "",
    retry_after: None,
    estimated_wait: None,
});
const RESET: DaemonMessage<'static> = DaemonMessage::Reset(Reset {
    token: ErrorToken::ConnectionTerminated,
    verdict: Verdict::Unprocessed,
    bytes_sent: 1,
    bytes_acked: 0,
    cause: "",
});
const RELEASED: DaemonMessage<'static> =
    DaemonMessage::Released(Released { outcome: Outcome::Kept, cause: None });

fn leased() -> DaemonMessage<'static> {
    DaemonMessage::Leased(Leased {
        handle: 1,
        source: Source::Idle,
        age: Duration::ZERO,
        idle: Duration::ZERO,
        uses: 0,
        srtt: Duration::ZERO,
        cwnd: 0,
        wait: Duration::ZERO,
        connect: None,
        peer: SocketAddr::from(([10, 213, 0, 1], 80)),
    })
}

/// Puts what a daemon says into the session's inbox.
fn say(session: &mut Session, lease: u16, message: DaemonMessage<'_>) {
    let mut bytes = Vec::new();
    encode_daemon(&Frame { lease, message }, &mut bytes);
    session.room()[..bytes.len()].copy_from_slice(&bytes);
    session.filled(bytes.len());
}

/// A session with lease 1 granted, and nothing left to write.
fn granted() -> Session {
    let mut session = Session::new("");
    session.begin(&WEB).expect("a request");
    say(&mut session, 0, WELCOME);
    say(&mut session, 1, leased());
    assert!(session.granted().expect("no error").is_some());
    session.sent(session.unsent().len());
    session
}

fn read(session: &mut Session, out: &mut [u8]) -> ReadStep {
    session.read(out).expect("no error")
}

#[test]
fn hello_lease_and_the_first_bytes_are_one_write() {
    let mut session = Session::new("me");
    session.begin(&WEB).unwrap();
    session.write_early(b"ping");
    let mut bytes = session.unsent();
    let hello = Hello { features: wharf_protocol::feature::FD, ..Hello::new("me") };
    let expected = [
        Frame { lease: 0, message: ClientMessage::Hello(hello) },
        Frame { lease: 1, message: ClientMessage::Lease(WEB) },
        Frame { lease: 1, message: ClientMessage::Data(b"ping") },
    ];
    for frame in expected {
        let (said, length) = decode_client(bytes).unwrap().unwrap();
        assert_eq!(said, frame);
        bytes = &bytes[length..];
    }
    assert!(bytes.is_empty());
}

#[test]
fn what_must_not_come_ends_the_session() {
    let info = DaemonMessage::Info(Info::default());
    let goaway = DaemonMessage::GoAway(GoAway { last_lease: 0, deadline: Duration::from_secs(1) });
    // A waiting lease, and these frames.
    let cases: [(&str, &[(u16, DaemonMessage<'_>)]); 14] = [
        ("before WELCOME", &[(1, leased())]),
        ("before WELCOME", &[(0, goaway)]),
        ("outside a lease", &[(1, DaemonMessage::Data(b"x"))]),
        ("WELCOME came twice", &[(0, WELCOME), (0, WELCOME)]),
        ("never asked for", &[(0, WELCOME), (2, leased())]),
        ("before LEASED", &[(0, WELCOME), (1, DaemonMessage::Data(b"x"))]),
        ("before LEASED", &[(0, WELCOME), (1, DaemonMessage::Eof)]),
        ("before LEASED", &[(0, WELCOME), (1, RESET)]),
        ("without a release", &[(0, WELCOME), (1, RELEASED)]),
        ("LEASED came twice", &[(0, WELCOME), (1, leased()), (1, leased())]),
        ("granted or over", &[(0, WELCOME), (1, leased()), (1, REFUSED)]),
        ("after the end", &[(0, WELCOME), (1, leased()), (1, RESET), (1, DaemonMessage::Eof)]),
        ("RESET came twice", &[(0, WELCOME), (1, leased()), (1, RESET), (1, RESET)]),
        ("that is over", &[(0, WELCOME), (1, REFUSED), (1, info)]),
    ];
    for (why, frames) in cases {
        let mut session = Session::new("");
        session.begin(&WEB).unwrap();
        for (lease, message) in frames {
            say(&mut session, *lease, *message);
        }
        let error = session.listen().expect_err(why);
        assert_eq!(error.kind(), ErrorKind::Violation, "{why}");
        assert!(error.cause().contains(why), "{why}: {error}");
        assert!(!session.is_reusable() && session.unsent().is_empty());
        assert_eq!(session.granted().unwrap_err().cause(), error.cause());
        assert_eq!(session.begin(&WEB).unwrap_err().cause(), error.cause());
    }
}

#[test]
fn a_welcome_before_hello_is_no_daemon() {
    let mut session = Session::new("");
    say(&mut session, 0, WELCOME);
    assert!(session.listen().unwrap_err().cause().contains("before HELLO"));
}

#[test]
fn what_is_unknown_or_unasked_but_harmless_is_passed_over() {
    let mut session = granted();
    say(&mut session, 0, DaemonMessage::Pong(9));
    session.room()[..9].copy_from_slice(&[1, 0, 0, 0, 0xf0, 0, 1, 0, 0xaa]);
    session.filled(9);
    say(&mut session, 1, DaemonMessage::Data(b"x"));
    let mut out = [0; 4];
    assert_eq!(read(&mut session, &mut out), ReadStep::Taken(1));
}

#[test]
fn frames_may_come_byte_by_byte() {
    let mut bytes = Vec::new();
    for (lease, message) in
        [(0, WELCOME), (1, leased()), (1, DaemonMessage::Data(b"answer")), (1, DaemonMessage::Eof)]
    {
        encode_daemon(&Frame { lease, message }, &mut bytes);
    }
    let mut session = Session::new("");
    session.begin(&WEB).unwrap();
    let (mut answer, mut out) = (Vec::new(), [0; 4]);
    for byte in bytes {
        assert!(session.has_room());
        session.room()[0] = byte;
        session.filled(1);
        if session.granted().unwrap().is_some()
            && let ReadStep::Taken(count) = read(&mut session, &mut out)
        {
            answer.extend_from_slice(&out[..count]);
        }
    }
    assert_eq!(answer, b"answer");
    assert_eq!(read(&mut session, &mut out), ReadStep::Taken(0));
}

#[test]
fn a_long_answer_goes_straight_to_a_large_buffer() {
    let mut session = granted();
    let mut header = wharf_protocol::daemon_data_header(1, 40_000).to_vec();
    header.extend_from_slice(b"front");
    session.room()[..header.len()].copy_from_slice(&header);
    session.filled(header.len());

    let mut large = vec![0; 60_000];
    assert_eq!(read(&mut session, &mut large), ReadStep::Taken(5));
    assert_eq!(read(&mut session, &mut large), ReadStep::Direct(39_995));
    session.took(30_000);
    assert_eq!(read(&mut session, &mut [0; 100]), ReadStep::Fill);
    assert_eq!(read(&mut session, &mut large), ReadStep::Direct(9_995));
    session.took(9_995);
    assert_eq!(read(&mut session, &mut large), ReadStep::Fill);
    assert_eq!(read(&mut session, &mut []), ReadStep::Taken(0));
}

#[test]
fn limits_of_welcome_bind_once_they_are_read() {
    let mut session = Session::new("");
    session.begin(&WEB).unwrap();
    assert_eq!(session.write_early(&[0; 20_000]), 16_384);

    let mut session = granted();
    assert_eq!(session.data_room(5000).unwrap(), 1000);
    session.release(None);
    session.begin(&WEB).unwrap();
    assert_eq!(session.write_early(&[0; 20_000]), 100);
}

#[test]
fn a_cancel_that_crosses_the_grant_is_answered_by_released() {
    let mut session = Session::new("");
    session.begin(&WEB).unwrap();
    session.sent(session.unsent().len());
    session.give_up();
    session.give_up();
    let (frame, length) = decode_client(session.unsent()).unwrap().unwrap();
    assert_eq!(frame, Frame { lease: 1, message: ClientMessage::Cancel });
    assert_eq!(length, session.unsent().len(), "said once");
    say(&mut session, 0, WELCOME);
    say(&mut session, 1, leased());
    assert_eq!(session.released().unwrap(), None);
    say(&mut session, 1, DaemonMessage::Data(b"dropped"));
    say(&mut session, 1, RESET);
    say(&mut session, 1, RELEASED);
    assert_eq!(session.released().unwrap(), Some(crate::Released::Kept));
    assert!(session.is_reusable());
}

#[test]
fn a_cancel_that_crosses_a_refusal_leaves_a_good_session() {
    let mut session = Session::new("");
    session.begin(&WEB).unwrap();
    session.give_up();
    say(&mut session, 0, WELCOME);
    say(&mut session, 1, REFUSED);
    session.listen().unwrap();
    assert!(session.is_reusable());
    session.begin(&WEB).unwrap();
    say(&mut session, 2, leased());
    assert!(session.granted().unwrap().is_some());
}

#[test]
fn after_a_release_only_its_answer_ends_the_lease() {
    let mut session = granted();
    session.release(None);
    say(&mut session, 1, REFUSED);
    assert_eq!(session.released().unwrap_err().kind(), ErrorKind::Violation);

    let mut session = granted();
    session.release(None);
    say(&mut session, 1, leased());
    assert_eq!(session.released().unwrap_err().kind(), ErrorKind::Violation);

    let mut session = granted();
    session.release(None);
    say(&mut session, 1, RELEASED);
    say(&mut session, 1, RELEASED);
    assert_eq!(session.released().unwrap_err().kind(), ErrorKind::Violation);
}

#[test]
fn nothing_of_a_lease_is_left_for_the_next() {
    let mut session = granted();
    say(&mut session, 1, DaemonMessage::Data(b"half of"));
    let mut out = [0; 4];
    assert_eq!(read(&mut session, &mut out), ReadStep::Taken(4));
    session.give_up();
    session.begin(&WEB).unwrap();
    say(&mut session, 1, DaemonMessage::Data(b"an answer"));
    say(&mut session, 1, RESET);
    say(&mut session, 1, RELEASED);
    say(&mut session, 2, leased());
    assert!(session.granted().unwrap().is_some());
    assert_eq!(read(&mut session, &mut out), ReadStep::Fill);
    assert_eq!(session.data_room(1).unwrap(), 1);
}

#[test]
fn lease_numbers_go_round_without_zero() {
    let mut session = granted();
    for _ in 1..u16::MAX {
        session.give_up();
        session.begin(&WEB).unwrap();
        session.sent(session.unsent().len());
    }
    say(&mut session, u16::MAX, leased());
    assert!(session.granted().unwrap().is_some());
    session.give_up();
    session.begin(&WEB).unwrap();
    // The end of the last lease before the turn is late, and no stranger.
    say(&mut session, u16::MAX, RELEASED);
    say(&mut session, 1, leased());
    assert!(session.granted().unwrap().is_some());
}

#[test]
fn figures_come_past_an_answer_that_is_kept() {
    let mut session = granted();
    session.ask_figures().unwrap();
    say(&mut session, 1, DaemonMessage::Data(b"answer"));
    assert_eq!(session.figures().unwrap(), None);
    let info = Info { state: "no_such_state", rtt: 5, ..Info::default() };
    say(&mut session, 1, DaemonMessage::Info(info));
    say(&mut session, 1, DaemonMessage::Data(b"s"));
    let figures = session.figures().unwrap().unwrap();
    assert_eq!((figures.state, figures.rtt), ("", 5));
    let mut out = [0; 4];
    assert_eq!(read(&mut session, &mut out), ReadStep::Taken(4));
    assert_eq!(read(&mut session, &mut out), ReadStep::Taken(2));
    assert_eq!(&out[..2], b"er");
    assert_eq!(read(&mut session, &mut out), ReadStep::Taken(1));
    assert_eq!(read(&mut session, &mut out), ReadStep::Fill);
}

#[test]
fn an_answer_too_long_to_set_aside_is_said_so_and_stays() {
    let mut session = granted();
    session.ask_figures().unwrap();
    let chunk = [1; 4000];
    let error = loop {
        say(&mut session, 1, DaemonMessage::Data(&chunk));
        match session.figures() {
            Ok(figures) => assert_eq!(figures, None),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::BadRequest);
    let mut out = vec![0; 2 * 1024 * 1024];
    let ReadStep::Taken(count) = read(&mut session, &mut out) else {
        panic!("what was set aside is there");
    };
    assert!(count > 1_000_000);
    assert_eq!(read(&mut session, &mut out), ReadStep::Taken(4000));
}

#[test]
fn going_away_ends_with_the_current_lease() {
    let mut session = granted();
    let goaway = GoAway { last_lease: 1, deadline: Duration::from_secs(1) };
    say(&mut session, 0, DaemonMessage::GoAway(goaway));
    assert_eq!(session.data_room(3).unwrap(), 3);
    session.release(None);
    assert!(!session.is_reusable());
}

/// A generator that a seed repeats (xorshift, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }
}

/// One step of a client's, of any kind that it may take now.
fn act(session: &mut Session, dice: &mut Dice) {
    let mut out = vec![0; [1, 100, 20_000][dice.roll(3)]];
    match dice.roll(8) {
        0 if session.is_reusable() => session.begin(&WEB).expect("a good request"),
        1 => session.release(None),
        2 => session.give_up(),
        3 => drop(session.granted()),
        4 => drop(session.released()),
        5 => drop(session.finish()),
        6 => drop(session.data_room(10)),
        _ => match session.read(&mut out) {
            Ok(ReadStep::Direct(limit)) => session.took(dice.roll(limit + 1)),
            Ok(ReadStep::Taken(_) | ReadStep::Fill) | Err(_) => {}
        },
    }
    session.sent(session.unsent().len());
}

#[test]
fn whatever_a_daemon_says_the_session_answers_or_ends() {
    for seed in 1..3000u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut session = Session::new("");
        session.begin(&WEB).unwrap();
        let mut bytes = Vec::new();
        encode_daemon(&Frame { lease: 0, message: WELCOME }, &mut bytes);
        for _ in 0..dice.roll(12) {
            let lease = u16::try_from(1 + dice.roll(2)).unwrap();
            let data = vec![3; dice.roll(2000)];
            let messages = [
                leased(),
                REFUSED,
                RESET,
                RELEASED,
                DaemonMessage::Eof,
                DaemonMessage::Data(&data),
            ];
            let message = messages[dice.roll(messages.len())];
            encode_daemon(&Frame { lease, message }, &mut bytes);
        }
        for _ in 0..dice.roll(3) {
            let at = dice.roll(bytes.len());
            bytes[at] = u8::try_from(dice.roll(256)).unwrap();
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            if session.has_room() {
                let room = session.room();
                let count = (1 + dice.roll(3000)).min(rest.len()).min(room.len());
                room[..count].copy_from_slice(&rest[..count]);
                session.filled(count);
                rest = &rest[count..];
            } else {
                session.give_up();
                drop(session.listen());
            }
            act(&mut session, &mut dice);
        }
    }
}
