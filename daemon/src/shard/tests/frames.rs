//! Frames as text, in the notation of the transcripts in `client/protocol/PROTOCOL.md`.
//!
//! `1 LEASE route=web` is a LEASE with the number 1; frames of the session itself have no number.
//! `"text"` stands for itself, `x500` for 500 letters x.

use std::time::Duration;

use wharf_protocol::{
    Class, ClientMessage, DaemonMessage, Disposition, Frame, Hello, LeaseRequest, Release, Target,
    encode_client, feature,
};

/// Longest payload that is shown letter by letter.
const SHOWN_MAX: usize = 60;

/// The bytes that a payload's text stands for.
pub(super) fn payload(text: &str) -> Vec<u8> {
    if let Some(count) = text.strip_prefix('x') {
        return vec![b'x'; count.parse().expect("xN is N letters x")];
    }
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    quoted.unwrap_or_else(|| panic!("no payload: {text}")).as_bytes().to_vec()
}

/// The text that stands for a payload.
pub(super) fn show(bytes: &[u8]) -> String {
    if bytes.len() <= SHOWN_MAX {
        return format!("\"{}\"", bytes.escape_ascii());
    }
    match bytes.iter().all(|byte| *byte == b'x') {
        true => format!("x{}", bytes.len()),
        false => format!("{} bytes", bytes.len()),
    }
}

/// The words of a frame; a quoted text is one, and may hold blanks.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in text.trim().chars() {
        quoted ^= letter == '"';
        if letter == ' ' && !quoted {
            words.push(String::new());
        } else {
            words.last_mut().expect("one word at least").push(letter);
        }
    }
    words
}

/// Encodes a client's frame.
pub(super) fn encode(text: &str, out: &mut Vec<u8>) {
    let mut words = words(text);
    if words[0] == "RAW" {
        let byte = |hex: &String| u8::from_str_radix(hex, 16).expect("two digits");
        return out.extend(words[1..].iter().map(byte));
    }
    let lease = words[0].parse().ok();
    if lease.is_some() {
        words.remove(0);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let data;
    let message = match words[0] {
        "HELLO" => ClientMessage::Hello(hello(&words)),
        "LEASE" => ClientMessage::Lease(lease_request(&words)),
        "DATA" => {
            data = payload(words[1]);
            ClientMessage::Data(&data)
        }
        "FIN" => ClientMessage::Fin,
        "CANCEL" => ClientMessage::Cancel,
        "RELEASE" => ClientMessage::Release(release(&words)),
        "INFO" => ClientMessage::Info,
        "PING" => ClientMessage::Ping(words[1].parse().expect("a number")),
        other => panic!("no frame of a client: {other}"),
    };
    let frame = Frame { lease: lease.unwrap_or(0), message };
    encode_client(&frame, out).expect("a frame that can be");
}

/// What follows `key=` among the words.
fn value<'a>(words: &[&'a str], key: &str) -> Option<&'a str> {
    words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

fn number<T: std::str::FromStr>(words: &[&str], key: &str) -> Option<T> {
    value(words, key).map(|text| text.parse().ok().expect("a number"))
}

fn hello(words: &[&str]) -> Hello<'static> {
    let usual = Hello::new("test");
    Hello {
        major: number(words, "major").unwrap_or(usual.major),
        minor_min: number(words, "from").unwrap_or(usual.minor_min),
        minor_max: number(words, "to").unwrap_or(usual.minor_max),
        features: if words.contains(&"fd") { feature::FD } else { 0 },
        ..usual
    }
}

fn lease_request<'a>(words: &[&'a str]) -> LeaseRequest<'a> {
    let target = match value(words, "route") {
        Some(route) => Target::Route(route),
        None => Target::Origin {
            scheme: value(words, "scheme").unwrap_or("tcp"),
            host: value(words, "host").expect("a route or a host"),
            port: number(words, "port").unwrap_or(80),
        },
    };
    LeaseRequest {
        tag: value(words, "tag"),
        deadline: number(words, "deadline").map(Duration::from_millis),
        class: if words.contains(&"opaque") { Class::Opaque } else { Class::Plain },
        fresh: words.contains(&"fresh"),
        no_wait: words.contains(&"no_wait"),
        fd: words.contains(&"fd"),
        ..LeaseRequest::new(target)
    }
}

fn release(words: &[&str]) -> Release {
    let named = |disposition: &&Disposition| disposition.token() == words[1];
    Release {
        disposition: *Disposition::ALL.iter().find(named).expect("a disposition"),
        rx_consumed: number(words, "rx").unwrap_or(0),
        tx_written: number(words, "tx").unwrap_or(0),
        keep_alive: number(words, "keep_alive").map(Duration::from_millis),
    }
}

/// A daemon's frame as text.
pub(super) fn daemon_text(frame: &Frame<DaemonMessage<'_>>) -> String {
    let text = match &frame.message {
        DaemonMessage::Welcome(_) => "WELCOME".to_owned(),
        DaemonMessage::Leased(leased) => {
            let uses = match leased.uses {
                0 => String::new(),
                uses => format!(" uses={uses}"),
            };
            format!("LEASED {}{uses}", leased.source)
        }
        DaemonMessage::Refused(refused) => {
            let cause = match refused.cause {
                "" => String::new(),
                cause => format!(" \"{cause}\""),
            };
            let after =
                refused.retry_after.map(|after| format!(" retry_after={}ms", after.as_millis()));
            format!("REFUSED {}{cause}{}", refused.token, after.unwrap_or_default())
        }
        DaemonMessage::Data(bytes) => format!("DATA {}", show(bytes)),
        DaemonMessage::Eof => "EOF".to_owned(),
        DaemonMessage::Reset(reset) => format!(
            "RESET {} {} sent={} acked={}",
            reset.token, reset.verdict, reset.bytes_sent, reset.bytes_acked
        ),
        DaemonMessage::Released(released) => match released.cause {
            Some(cause) => format!("RELEASED {} {cause}", released.outcome),
            None => format!("RELEASED {}", released.outcome),
        },
        DaemonMessage::GoAway(goodbye) => {
            format!("GOAWAY last={} within {:?}", goodbye.last_lease, goodbye.deadline)
        }
        DaemonMessage::Info(info) => format!(
            "INFO state={} sent={} received={}",
            info.state, info.bytes_sent, info.bytes_received
        ),
        DaemonMessage::Pong(token) => format!("PONG {token}"),
        DaemonMessage::Skipped { kind } => panic!("the daemon sent a frame of kind {kind}"),
    };
    match frame.lease {
        0 => text,
        number => format!("{number} {text}"),
    }
}
