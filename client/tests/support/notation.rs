//! The notation of the transcripts: what a client says is shown in it, what the daemon says is
//! read from it.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use wharf_protocol::{
    ClientMessage, DaemonMessage, ErrorToken, Frame, GoAway, Info, LeaseRequest, Leased, Limits,
    Outcome, Refused, Released, Reset, Source, Target, Verdict, Welcome, encode_daemon, feature,
};

/// Longer data is shown by its length; the bytes are then those of [`pattern`].
const SHOWN_MAX: usize = 64;

/// Bytes that tell where they belong.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

/// One client's message as it stands in a transcript behind `c`.
pub(super) fn show(lease: u16, message: &ClientMessage<'_>) -> String {
    let said = match message {
        ClientMessage::Hello(hello) => return format!("HELLO {:?}", hello.name),
        ClientMessage::Ping(number) => return format!("PING {number}"),
        ClientMessage::Lease(request) => show_lease(request),
        ClientMessage::Data(bytes) if bytes.len() > SHOWN_MAX => {
            format!("DATA len={}", bytes.len())
        }
        ClientMessage::Data(bytes) => format!("DATA {:?}", String::from_utf8_lossy(bytes)),
        ClientMessage::Fin => "FIN".to_owned(),
        ClientMessage::Cancel => "CANCEL".to_owned(),
        ClientMessage::Release(release) => {
            let mut shown = format!(
                "RELEASE {} rx={} tx={}",
                release.disposition, release.rx_consumed, release.tx_written
            );
            if let Some(keep_alive) = release.keep_alive {
                write!(shown, " keep_alive={keep_alive:?}").expect("a string takes all");
            }
            shown
        }
        ClientMessage::Info => "INFO".to_owned(),
        ClientMessage::Skipped { kind } => format!("SKIPPED {kind}"),
    };
    format!("{lease} {said}")
}

fn show_lease(request: &LeaseRequest<'_>) -> String {
    let mut shown = match request.target {
        Target::Route(route) => format!("LEASE route={route}"),
        Target::Origin { .. } => format!("LEASE {}", request.target),
    };
    if let Some(tag) = request.tag {
        write!(shown, " tag={tag}").expect("a string takes all");
    }
    if let Some(deadline) = request.deadline {
        write!(shown, " deadline={deadline:?}").expect("a string takes all");
    }
    for (is_set, flag) in [
        (request.fresh, " fresh"),
        (request.no_wait, " no_wait"),
        (request.idempotent, " idempotent"),
        (request.fd, " fd"),
    ] {
        shown.push_str(if is_set { flag } else { "" });
    }
    shown
}

/// The bytes of what stands in a transcript behind `d`.
pub(super) fn parse(line: &str) -> Vec<u8> {
    if let Some(hex) = line.strip_prefix("raw ") {
        return raw(hex);
    }
    let words = Words::new(line);
    let (lease, message) = match words.at(0).parse() {
        Ok(lease) => (lease, 1),
        Err(_) => (0, 0),
    };
    let data = if words.at(message) == "DATA" { words.data() } else { Vec::new() };
    let message = match words.at(message) {
        "WELCOME" if words.at(message + 1) == "fd" => {
            DaemonMessage::Welcome(Welcome { features: feature::FD, ..WELCOME })
        }
        "WELCOME" => DaemonMessage::Welcome(WELCOME),
        "LEASED" => DaemonMessage::Leased(leased(words.at(2))),
        "REFUSED" => DaemonMessage::Refused(words.refused(message + 1)),
        "DATA" => DaemonMessage::Data(&data),
        "EOF" => DaemonMessage::Eof,
        "RESET" => DaemonMessage::Reset(words.reset()),
        "RELEASED" => DaemonMessage::Released(Released {
            outcome: one_of(Outcome::ALL, Outcome::token, words.at(2)),
            cause: words.words.get(3).copied(),
        }),
        "GOAWAY" => DaemonMessage::GoAway(GoAway {
            last_lease: words.number("last").try_into().expect("a lease"),
            deadline: Duration::from_secs(30),
        }),
        "INFO" => DaemonMessage::Info(Info {
            state: words.at(2),
            rtt: words.number("rtt"),
            ..Info::default()
        }),
        "PONG" => DaemonMessage::Pong(0),
        other => panic!("no daemon says {other}"),
    };
    let mut bytes = Vec::new();
    encode_daemon(&Frame { lease, message }, &mut bytes);
    bytes
}

const WELCOME: Welcome = Welcome {
    minor: 0,
    features: 0,
    instance: 1,
    limits: Limits { data_bytes: 65_536, early_bytes: 16_384, sessions: 0 },
};

fn leased(source: &str) -> Leased {
    let source = one_of(Source::ALL, Source::token, source);
    Leased {
        handle: 1,
        source,
        age: Duration::from_secs(1),
        idle: Duration::ZERO,
        uses: 0,
        srtt: Duration::from_micros(180),
        cwnd: 14_480,
        wait: Duration::from_micros(20),
        connect: None,
        peer: SocketAddr::from(([10, 213, 0, 1], 80)),
    }
}

fn raw(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("a byte")).collect()
}

fn one_of<T: Copy>(all: &[T], token: impl Fn(T) -> &'static str, wanted: &str) -> T {
    let found = all.iter().copied().find(|value| token(*value) == wanted);
    found.unwrap_or_else(|| panic!("{wanted} is no word of this vocabulary"))
}

/// A line: its words, and the text in quotes.
struct Words<'a> {
    words: Vec<&'a str>,
    quoted: &'a str,
}

impl<'a> Words<'a> {
    fn new(line: &'a str) -> Self {
        let mut parts = line.split('"');
        let (before, quoted) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let after = parts.next().unwrap_or("");
        Self { words: before.split_whitespace().chain(after.split_whitespace()).collect(), quoted }
    }

    fn at(&self, place: usize) -> &'a str {
        self.words.get(place).copied().unwrap_or_default()
    }

    fn value(&self, key: &str) -> Option<&'a str> {
        self.words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    fn number(&self, key: &str) -> u64 {
        self.value(key).map_or(0, |value| value.parse().expect("a number"))
    }

    fn data(&self) -> Vec<u8> {
        match self.value("len") {
            Some(length) => pattern(length.parse().expect("a length")),
            None => self.quoted.replace("\\r", "\r").replace("\\n", "\n").into_bytes(),
        }
    }

    fn refused(&self, token: usize) -> Refused<'a> {
        let retry_after = self.value("retry_after").map(|after| {
            let ms = after.strip_suffix("ms").expect("milliseconds");
            Duration::from_millis(ms.parse().expect("a number"))
        });
        Refused {
            token: ErrorToken::from_token(self.at(token)).expect("a token"),
            cause: self.quoted,
            retry_after,
            estimated_wait: None,
        }
    }

    fn reset(&self) -> Reset<'a> {
        Reset {
            token: ErrorToken::from_token(self.at(2)).expect("a token"),
            verdict: one_of(Verdict::ALL, Verdict::token, self.at(3)),
            bytes_sent: self.number("sent"),
            bytes_acked: self.number("acked"),
            cause: self.quoted,
        }
    }
}

/// What [`pattern`] is to the tests.
pub(crate) fn assert_pattern(bytes: &[u8]) {
    assert!(bytes == pattern(bytes.len()), "the bytes came in another order");
}
