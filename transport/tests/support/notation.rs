//! The notation of scripts: one line, one step.
//!
//! ```text
//! +0.010 <  S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>    a packet arrives
//! +0.000 >  .  1:1(0) ack 1                                this very packet must leave, now
//! +0.000 =  ESTABLISHED                                    the state is; CLOSED names the reason
//! +0.000 write 100 | read 100 | read eof | read empty | connect | listen | accept
//! +0.000 finish | close | abort | lease | lease first | repeat | wait
//! +0.000 write fails | finish fails
//! +0.000 event Readable                                    this event has come
//! +0.000 <  icmp port-unreachable seq 1                    quotes the segment with that number
//! +0.000 <  icmp too-big 1400 seq 1                        a link carries segments of 1400 bytes
//! +0.000 <  icmp too-big mtu 0 seq 1                       the same by the field of the message
//! +0.000 ~                                                 whatever leaves now is accepted
//! ```
//!
//! Times count from the line before. Numbers are relative to the sender's ISN, acknowledgements to
//! the receiver's; timestamps count from the first of each side. `#` begins a comment. Of a packet
//! that must leave, what is not written is not compared, except that SACK blocks and the ECN mark,
//! `[ect0]` or `[ce]` before the options, must be written;
//! a packet that arrives without `<..>` carries the timestamps that were agreed on.

use wharf_transport::time::Duration;
use wharf_transport::wire::{Ecn, Flags};

/// One line of a script.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) after: Duration,
    pub(crate) step: Step,
}

/// What a line does or demands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Arrives(Packet),
    IcmpArrives { kind: IcmpKind, seq: i64 },
    Leaves(Packet),
    Is { state: String, reason: Option<String> },
    Event(String),
    Write(usize),
    WriteFails,
    FinishFails,
    Read(usize),
    ReadEof,
    ReadEmpty,
    Connect,
    Listen,
    Accept,
    Finish,
    Close,
    Abort,
    Lease { speaks_first: bool },
    Repeat,
    Wait,
    Whatever,
}

impl Step {
    /// Whether it is a call of the connection's owner. Calls at one time are made in one turn.
    pub(crate) fn is_call(&self) -> bool {
        match self {
            Self::Write(_)
            | Self::Read(_)
            | Self::Finish
            | Self::Close
            | Self::Abort
            | Self::Lease { .. }
            | Self::Repeat => true,
            Self::Arrives(_)
            | Self::IcmpArrives { .. }
            | Self::Leaves(_)
            | Self::Is { .. }
            | Self::Event(_)
            | Self::WriteFails
            | Self::FinishFails
            | Self::ReadEof
            | Self::ReadEmpty
            | Self::Connect
            | Self::Listen
            | Self::Accept
            | Self::Wait
            | Self::Whatever => false,
        }
    }
}

/// The ICMP errors that scripts know, by their meaning in both families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IcmpKind {
    PortUnreachable,
    HostUnreachable,
    Prohibited,
    TimeExceeded,
    ParameterProblem,
    /// IPv4 alone; to IPv6 it is a type that nobody uses.
    SourceQuench,
    /// With the segment size that the link would carry, so that one script fits both families.
    TooBig(u32),
    /// With what stands in the message.
    TooBigMtu(u32),
}

/// A TCP packet, in relative numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Packet {
    pub(crate) flags: Flags,
    pub(crate) seq: i64,
    pub(crate) len: usize,
    pub(crate) ack: Option<i64>,
    pub(crate) win: Option<u16>,
    pub(crate) ecn: Ecn,
    pub(crate) options: Option<Vec<Opt>>,
}

/// A TCP option, in relative numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opt {
    Mss(u16),
    SackOk,
    WindowScale(u8),
    Timestamps { value: i64, echo: i64 },
    Sack(i64, i64),
}

/// Reads a whole script.
///
/// # Panics
///
/// On a line that is not of the notation: the script is wrong, not what it tests.
pub(crate) fn parse(script: &str) -> Vec<Line> {
    script.lines().filter_map(parse_line).collect()
}

fn parse_line(text: &str) -> Option<Line> {
    let code = text.split('#').next().unwrap_or_default().trim();
    if code.is_empty() {
        return None;
    }
    let line =
        parse_code(code).map(|(after, step)| Line { text: text.trim().to_owned(), after, step });
    assert!(line.is_some(), "not a line of a script: {}", text.trim());
    line
}

fn parse_code(code: &str) -> Option<(Duration, Step)> {
    let (time, rest) = code.split_once(char::is_whitespace)?;
    Some((parse_seconds(time.strip_prefix('+')?)?, parse_step(rest.trim())?))
}

/// Seconds with up to nine decimals.
fn parse_seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.len() > 9 {
        return None;
    }
    let nanos: u32 = format!("{fraction:0<9}").parse().ok()?;
    Some(Duration::new(whole.parse().ok()?, nanos))
}

fn parse_step(text: &str) -> Option<Step> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    Some(match (word, rest) {
        ("<", rest) if rest.starts_with("icmp") => parse_icmp(rest)?,
        ("<", rest) => Step::Arrives(parse_packet(rest)?),
        (">", rest) => Step::Leaves(parse_packet(rest)?),
        ("=", rest) => {
            let mut words = rest.split_whitespace();
            let state = words.next()?.to_owned();
            Step::Is { state, reason: words.next().map(str::to_owned) }
        }
        ("event", name) => Step::Event(name.to_owned()),
        ("write", "fails") => Step::WriteFails,
        ("finish", "fails") => Step::FinishFails,
        ("write", count) => Step::Write(count.parse().ok()?),
        ("read", "eof") => Step::ReadEof,
        ("read", "empty") => Step::ReadEmpty,
        ("read", count) => Step::Read(count.parse().ok()?),
        ("connect", "") => Step::Connect,
        ("listen", "") => Step::Listen,
        ("accept", "") => Step::Accept,
        ("finish", "") => Step::Finish,
        ("close", "") => Step::Close,
        ("abort", "") => Step::Abort,
        ("lease", "") => Step::Lease { speaks_first: false },
        ("lease", "first") => Step::Lease { speaks_first: true },
        ("repeat", "") => Step::Repeat,
        ("wait", "") => Step::Wait,
        ("~", "") => Step::Whatever,
        _ => return None,
    })
}

/// `icmp port-unreachable seq 1`, `icmp too-big 1400 seq 1`, `icmp too-big mtu 0 seq 1`
fn parse_icmp(text: &str) -> Option<Step> {
    let mut words = text.split_whitespace().skip(1);
    let kind = match words.next()? {
        "port-unreachable" => IcmpKind::PortUnreachable,
        "host-unreachable" => IcmpKind::HostUnreachable,
        "prohibited" => IcmpKind::Prohibited,
        "time-exceeded" => IcmpKind::TimeExceeded,
        "parameter-problem" => IcmpKind::ParameterProblem,
        "source-quench" => IcmpKind::SourceQuench,
        "too-big" => match words.next()? {
            "mtu" => IcmpKind::TooBigMtu(words.next()?.parse().ok()?),
            size => IcmpKind::TooBig(size.parse().ok()?),
        },
        _ => return None,
    };
    if words.next()? != "seq" {
        return None;
    }
    Some(Step::IcmpArrives { kind, seq: words.next()?.parse().ok()? })
}

/// `P. 1:101(100) ack 1 win 65535 <..>`
fn parse_packet(text: &str) -> Option<Packet> {
    let (head, options) = match text.split_once('<') {
        Some((head, tail)) => (head, Some(parse_options(tail.trim().strip_suffix('>')?)?)),
        None => (text, None),
    };
    let mut words = head.split_whitespace();
    let flags = parse_flags(words.next()?)?;
    let (seq, rest) = words.next()?.split_once(':')?;
    let (end, len) = rest.strip_suffix(')')?.split_once('(')?;
    let seq: i64 = seq.parse().ok()?;
    let len: usize = len.parse().ok()?;
    if end.parse::<i64>().ok()? != seq + i64::try_from(len).ok()? {
        return None;
    }
    let ecn = Ecn::NotEct;
    let mut packet = Packet { flags, seq, len, ack: None, win: None, ecn, options };
    while let Some(word) = words.next() {
        if word.starts_with('[') {
            packet.ecn = parse_mark(word)?;
            continue;
        }
        let value = words.next()?;
        match word {
            "ack" => packet.ack = Some(value.parse().ok()?),
            "win" => packet.win = Some(value.parse().ok()?),
            _ => return None,
        }
    }
    (packet.flags.ack == packet.ack.is_some()).then_some(packet)
}

fn parse_mark(word: &str) -> Option<Ecn> {
    match word {
        "[ect0]" => Some(Ecn::Ect0),
        "[ect1]" => Some(Ecn::Ect1),
        "[ce]" => Some(Ecn::Ce),
        _ => None,
    }
}

fn parse_flags(text: &str) -> Option<Flags> {
    let mut flags = Flags::NONE;
    for letter in text.chars() {
        match letter {
            'S' => flags.syn = true,
            'F' => flags.fin = true,
            'R' => flags.rst = true,
            'P' => flags.psh = true,
            '.' => flags.ack = true,
            'U' => flags.urg = true,
            'E' => flags.ece = true,
            'W' => flags.cwr = true,
            '-' => {}
            _ => return None,
        }
    }
    Some(flags)
}

/// `mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7,sack 1:2 5:6`
fn parse_options(text: &str) -> Option<Vec<Opt>> {
    let mut options = Vec::new();
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let words: Vec<&str> = item.split_whitespace().collect();
        match words.as_slice() {
            ["nop" | "eol"] => {}
            ["sackOK"] => options.push(Opt::SackOk),
            ["mss", value] => options.push(Opt::Mss(value.parse().ok()?)),
            ["wscale", shift] => options.push(Opt::WindowScale(shift.parse().ok()?)),
            ["TS", "val", value, "ecr", echo] => options
                .push(Opt::Timestamps { value: value.parse().ok()?, echo: echo.parse().ok()? }),
            ["sack", blocks @ ..] => {
                for block in blocks {
                    let (left, right) = block.split_once(':')?;
                    options.push(Opt::Sack(left.parse().ok()?, right.parse().ok()?));
                }
            }
            _ => return None,
        }
    }
    Some(options)
}
