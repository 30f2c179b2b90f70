//! Buffers that follow the path, within what memory allows.

use super::pair::Pair;
use super::solo::Solo;
use super::{PLACES, bytes, plain};
use crate::tcp::right_size::Allowance;
use crate::tcp::{Config, Event, Info, Read};
use crate::time::Duration;
use crate::wire::Options;

const MIB: usize = 1 << 20;
const START: usize = 64 << 10;

/// Buffers of 4 MiB at most.
fn large() -> Config {
    Config { receive_buffer: 4 * MIB, send_buffer: 4 * MIB, ..Config::default() }
}

/// What a peer with a scaled window offers.
fn scaled() -> Options {
    Options { mss: Some(1000), window_scale: Some(7), ..Options::default() }
}

/// An open connection whose receive buffer has doubled twice, and the peer's next number.
fn grown(isn: u32) -> (Solo, u32) {
    let config = Config { receive_buffer: MIB, window_scale: true, ..plain() };
    let mut solo = Solo::established_with(config, isn, scaled(), 65_535);
    let mut next = 1;
    while solo.connection.info(solo.now).rcv_space < 4 * 65_536 {
        solo.text(next, 16_000, 1);
        next += 16_000;
        solo.read();
        solo.transmit();
    }
    // Its acknowledgement tells of the window.
    solo.text(next, 1_000, 1);
    solo.read();
    (solo, next + 1_000)
}

#[test]
fn both_buffers_follow_the_path() {
    for timestamps in [true, false] {
        let config = Config { timestamps, ..large() };
        let mut pair = Pair::established(config, config, u32::MAX - 100_000);
        let begin = pair.client.connection.info(pair.now);
        assert_eq!((byte_len(begin.rcv_space), begin.snd_space), (START, START));
        pair.client.to_write = bytes(0, 6 * MIB);
        pair.run_for(Duration::from_millis(500));
        assert_eq!(pair.server().received.len(), 6 * MIB, "timestamps: {timestamps}");
        let (near, far) = infos(&pair);
        assert!(near.snd_space >= MIB && near.snd_space <= 4 * MIB, "{near:?}");
        assert!(far.rcv_space >= 1 << 20 && far.rcv_space <= 4 << 20, "{far:?}");
        assert_eq!(byte_len(near.rcv_space), START, "nothing came this way");
    }
}

fn infos(pair: &Pair) -> (Info, Info) {
    let server = pair.server.as_ref().unwrap();
    (pair.client.connection.info(pair.now), server.connection.info(pair.now))
}

fn byte_len(bytes: u32) -> usize {
    usize::try_from(bytes).unwrap()
}

#[test]
fn a_slow_reader_keeps_the_window_small() {
    for timestamps in [true, false] {
        let config = Config { timestamps, ..large() };
        let mut pair = Pair::established(config, config, 5);
        pair.server().reads = false;
        pair.client.to_write = bytes(0, 2 * MIB);
        for _ in 0..300 {
            pair.run_for(Duration::from_millis(10));
            let now = pair.now;
            let read = pair.server().connection.read(now, &mut [0; 2_000]).unwrap();
            assert!(matches!(read, Read::Bytes(_)));
        }
        let (_, far) = infos(&pair);
        assert_eq!(byte_len(far.rcv_space), START, "timestamps: {timestamps}");
        assert!(far.buffers <= 3 * START, "{far:?}");
    }
}

#[test]
fn a_buffer_grows_no_further_than_it_may() {
    let mut pair = Pair::established(large(), large(), 5);
    let allowance = Allowance { growth: 200_000, ..Allowance::UNLIMITED };
    pair.server().connection.set_allowance(allowance);
    pair.client.connection.set_allowance(Allowance { growth: 0, ..allowance });
    pair.client.to_write = bytes(0, 2 * MIB);
    pair.run_for(Duration::from_secs(2));
    assert_eq!(pair.server().received.len(), 2 * MIB);
    let (near, far) = infos(&pair);
    assert_eq!(byte_len(far.rcv_space), 4 * START, "64 KiB and 128 KiB were granted");
    assert_eq!(near.snd_space, START);
}

#[test]
fn what_was_promised_is_kept_when_memory_gets_short() {
    for isn in PLACES {
        let (mut solo, next) = grown(isn);
        let promised = solo.connection.info(solo.now).rcv_wnd;
        assert!(promised > 200_000, "{promised}");
        solo.connection.set_allowance(Allowance { growth: 0, most: START });
        assert_eq!(byte_len(solo.connection.info(solo.now).rcv_space), START);
        // The whole window, backwards, down to its last byte.
        let segments = promised.div_ceil(8_000);
        for segment in (0..segments).rev() {
            let begin = segment * 8_000;
            let len = byte_len((promised - begin).min(8_000));
            solo.text(next + begin, len, 1);
        }
        assert_eq!(solo.stats.rcv_pruned, 0);
        assert_eq!(solo.connection.info(solo.now).rcv_wnd, 0);
        assert_eq!(solo.read(), bytes(byte_len(next), byte_len(promised)));
        let sent = solo.transmit();
        solo.assert_ack(&sent, next + promised);
        let window = byte_len(solo.connection.info(solo.now).rcv_wnd);
        assert!(window <= START && window > START - 2_000, "{window}");
    }
}

#[test]
fn a_buffer_that_was_cut_comes_back() {
    let (mut solo, next) = grown(5);
    solo.connection.set_allowance(Allowance { growth: 0, most: 0 });
    assert_eq!(solo.connection.info(solo.now).rcv_space, 2_000, "two segments are the least");
    solo.connection.set_allowance(Allowance::UNLIMITED);
    assert_eq!(byte_len(solo.connection.info(solo.now).rcv_space), START);
    solo.now += Duration::from_millis(1);
    solo.text(next, 17_000, 1);
    solo.read();
    assert_eq!(byte_len(solo.connection.info(solo.now).rcv_space), 2 * START);
}

#[test]
fn a_blocked_writer_is_woken_when_the_limit_grows() {
    let config = Config { send_buffer: MIB, ..plain() };
    let mut solo = Solo::established_with(config, 5, scaled(), 65_535);
    assert_eq!(solo.connection.write(solo.now, &bytes(0, 100_000)), Ok(START));
    assert_eq!(solo.connection.writable_bytes(), 0);
    solo.events();
    let mut out = solo.transmit();
    let mut acked = 1;
    while solo.events() != [Event::Writable] {
        assert!(acked < 33_000, "half of it has gone, and nobody was told");
        let segment = out.remove(0);
        acked += u32::try_from(segment.text.len()).unwrap();
        out.extend(solo.ack(1, acked, 65_535));
    }
    let info = solo.connection.info(solo.now);
    assert!(info.cwnd > 32_768 || acked > 21_000, "{info:?}");
    assert_eq!(info.snd_space, if info.cwnd > 32_768 { 2 * START } else { START });
    assert!(solo.connection.writable_bytes() >= info.snd_space / 3);
}

#[test]
fn memory_counts_promises_beyond_the_start_alone() {
    let (mut solo, _) = grown(5);
    let promised = byte_len(solo.connection.info(solo.now).rcv_wnd);
    assert!(solo.connection.memory_with_promises() >= promised);
    solo.connection.give_back_memory();
    assert_eq!(solo.connection.memory(), 0);
    assert!(solo.connection.memory_with_promises() >= promised);
    let fresh = Solo::established(5);
    assert_eq!(fresh.connection.memory_with_promises(), 0);
}
