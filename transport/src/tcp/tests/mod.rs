//! Connections against each other, and one against a hand that writes its segments.

mod blind;
mod buffers;
mod close;
mod discards;
mod handshake;
mod info;
mod lease;
mod liveness;
mod loss;
mod pair;
mod rest;
mod solo;
mod transfer;
mod windows;

use crate::wire::{Segment, SeqNumber, Text};

use super::{Config, Connection, PathRecord, Start, State};
use crate::time::Instant;

/// Where every test of a pair is also run: the start, half the circle, and just before the wrap.
const PLACES: [u32; 4] = [0, (1 << 31) - 5_000, u32::MAX, u32::MAX - 5_000];

fn start(isn: u32) -> Start {
    Start {
        isn: SeqNumber::new(isn),
        timestamp_offset: isn ^ 0x5555_5555,
        mss: 1000,
        peer_mss: Start::default_mss(true),
        ipv4: true,
        path: PathRecord::default(),
    }
}

/// No timestamps, no SACK, no scaling: segments are exactly what the test says.
fn plain() -> Config {
    Config { timestamps: false, sack: false, window_scale: false, ..Config::default() }
}

/// The byte at a place of a stream.
fn byte(place: usize) -> u8 {
    u8::try_from((place * 31 + place / 251) % 251).unwrap()
}

fn bytes(start: usize, len: usize) -> Vec<u8> {
    (start..start + len).map(byte).collect()
}

/// Progress in bounded time: once everything that may leave has left, what is still to be
/// done has a timer.
fn assert_will_go_on(connection: &Connection, now: Instant) {
    let info = connection.info(now);
    let open = info.state.is_synchronized() && info.state != State::TimeWait;
    if open && (info.unacked > 0 || info.notsent_bytes > 0) {
        assert!(connection.poll_timeout().is_some(), "{}: nothing will go on", info.state);
    }
}

/// A segment that owns its text.
#[derive(Clone, Debug)]
struct Owned {
    header: Segment<'static>,
    text: Vec<u8>,
}

impl Owned {
    fn of(seg: &Segment<'_>) -> Self {
        let header = Segment {
            text: Text::EMPTY,
            seq: seg.seq,
            ack: seg.ack,
            flags: seg.flags,
            window: seg.window,
            urgent: seg.urgent,
            options: seg.options,
            ecn: seg.ecn,
        };
        Self { header, text: seg.text.bytes().collect() }
    }

    fn segment(&self) -> Segment<'_> {
        Segment { text: Text::from(self.text.as_slice()), ..self.header }
    }
}
