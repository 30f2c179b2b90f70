//! Each reason why a connection discards a segment has a counter of its own.

use std::collections::BTreeSet;

use super::plain;
use super::solo::{Solo, seg};
use crate::stack::stats::Stats;
use crate::tcp::{Config, State};
use crate::wire::{Flags, Options, Segment, Text, Timestamps};

/// Discards that have the kernel's names.
const KERNEL: [&str; 2] = ["paws_estab", "syn_challenge"];

/// What a listener discards: the stack's tests have it.
const OF_LISTENERS: &str = "discarded_in_listen";

/// Counters of discards, and what they say.
fn discards(stats: &Stats) -> Vec<(&'static str, u64)> {
    let is_discard = |name: &str| name.starts_with("discarded_") || KERNEL.contains(&name);
    let counters = stats.entries().filter(|counter| is_discard(counter.name));
    counters.map(|counter| (counter.name, counter.value)).collect()
}

fn with_timestamps() -> Solo {
    let config = Config { timestamps: true, ..plain() };
    let timestamps = Some(Timestamps { value: 1_000, echo: 0 });
    let options = Options { timestamps, mss: Some(1000), ..Options::default() };
    Solo::established_with(config, 5, options, 65_535)
}

/// In TIME-WAIT, by a close of our own.
fn in_time_wait() -> Solo {
    let mut solo = Solo::established(5);
    solo.connection.close(solo.now);
    solo.transmit();
    solo.arrive(1, 2, seg(Flags { fin: true, ..Flags::ACK }));
    assert_eq!(solo.connection.state(), State::TimeWait);
    solo
}

fn closed() -> Solo {
    let mut solo = Solo::established(5);
    solo.arrive(1, 0, seg(Flags::RST));
    assert_eq!(solo.connection.state(), State::Closed);
    solo
}

#[test]
fn every_discard_is_counted_by_its_reason() {
    type Case = (&'static str, fn() -> Solo, u32, u32, Segment<'static>);
    let connecting = || Solo::connecting(plain(), 5);
    let open = || Solo::established(5);
    let text = Text::from(b"text".as_slice());
    let old = Some(Timestamps { value: 999, echo: 0 });
    let old = Options { timestamps: old, ..Options::default() };
    let cases: [Case; 12] = [
        ("discarded_out_of_window", open, 90_000, 1, Segment { text, ..seg(Flags::ACK) }),
        ("discarded_out_of_window", open, 0, 1, seg(Flags::ACK)),
        ("paws_estab", with_timestamps, 1, 1, Segment { options: old, ..seg(Flags::ACK) }),
        ("discarded_rsts", open, 100, 0, seg(Flags::RST)),
        ("discarded_rsts", open, 90_000, 0, seg(Flags::RST)),
        ("syn_challenge", open, 1, 1, seg(Flags::SYN)),
        ("discarded_acks", open, 1, 500, Segment { text, ..seg(Flags::ACK) }),
        ("discarded_no_ack", open, 1, 0, Segment { text, ..seg(Flags::PSH) }),
        ("discarded_no_timestamp", with_timestamps, 1, 1, seg(Flags::ACK)),
        ("discarded_in_syn_sent", connecting, 0, 1, seg(Flags::ACK)),
        ("discarded_in_time_wait", in_time_wait, 2, 0, seg(Flags::RST)),
        ("discarded_closed", closed, 1, 1, Segment { text, ..seg(Flags::ACK) }),
    ];
    let mut seen = BTreeSet::from([OF_LISTENERS]);
    for (name, state, seq, ack, segment) in cases {
        let mut solo = state();
        solo.arrive(seq, ack, segment);
        for (other, count) in discards(&solo.stats) {
            assert_eq!(count, u64::from(other == name), "{other}, where {name} was due");
        }
        seen.insert(name);
    }
    let all: BTreeSet<_> = discards(&Stats::default()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(seen, all, "a reason without a case");
}
