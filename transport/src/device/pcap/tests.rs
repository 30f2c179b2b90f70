use super::*;
use crate::device::memory;

/// A block as a reader sees it: its type and its body. Lengths at both ends are checked.
fn blocks(mut file: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes[..4].try_into().expect("four bytes"));
    let mut blocks = Vec::new();
    while !file.is_empty() {
        let total = usize::try_from(word(&file[4..])).expect("small");
        assert_eq!(total % 4, 0);
        let (block, rest) = file.split_at(total);
        assert_eq!(word(&block[total - 4..]), word(&block[4..]), "the length stands at both ends");
        blocks.push((word(block), block[8..total - 4].to_vec()));
        file = rest;
    }
    blocks
}

fn capture(config: CaptureConfig) -> Capture<Vec<u8>> {
    Capture::new(Vec::new(), config).expect("a Vec takes everything")
}

/// Takes `left` bytes, then nothing more.
#[derive(Debug)]
struct Full {
    left: usize,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.left);
        self.left -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_file_as_the_format_wants_it() {
    let mut capture = capture(CaptureConfig {
        origin: Duration::from_secs(1_700_000_000),
        ..CaptureConfig::default()
    });
    capture.record(Instant::from_nanos(42), Direction::Inbound, b"12345").expect("records");
    capture.record(Instant::from_nanos(43), Direction::Outbound, b"6789").expect("records");
    capture.flush().expect("flushes");
    assert_eq!((capture.packets(), capture.skipped()), (2, 0));

    let blocks = blocks(&capture.into_inner());
    assert_eq!(blocks.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [0x0a0d_0d0a, 1, 6, 6]);
    let section = &blocks[0].1;
    assert_eq!(section[..8], [0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0]);
    assert_eq!(section[8..16], [0xff; 8]);
    let interface = &blocks[1].1;
    assert_eq!(interface[..8], [101, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(interface[8..], [9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);

    let nanos: u64 = 1_700_000_000_000_000_042;
    let packet = &blocks[2].1;
    assert_eq!(packet[..4], [0; 4]);
    assert_eq!(packet[4..8], u32::try_from(nanos >> 32).expect("32 bits").to_le_bytes());
    assert_eq!(packet[8..12], u32::try_from(nanos & 0xffff_ffff).expect("32 bits").to_le_bytes());
    assert_eq!(packet[12..20], [5, 0, 0, 0, 5, 0, 0, 0]);
    assert_eq!(packet[20..28], *b"12345\0\0\0");
    assert_eq!(packet[28..], [2, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(blocks[3].1[24..], [2, 0, 4, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn long_packets_are_cut_to_the_snap_length() {
    let mut capture = capture(CaptureConfig { snap_len: 4, ..CaptureConfig::default() });
    capture.record(Instant::ORIGIN, Direction::Inbound, b"123456").expect("records");
    let blocks = blocks(&capture.into_inner());
    assert_eq!(blocks[2].1[12..24], [4, 0, 0, 0, 6, 0, 0, 0, b'1', b'2', b'3', b'4']);
}

#[test]
fn the_limit_keeps_packets_out_and_counts_them() {
    let mut capture = capture(CaptureConfig { bytes_max: 250, ..CaptureConfig::default() });
    for _ in 0..5 {
        capture.record(Instant::ORIGIN, Direction::Inbound, &[0; 60]).expect("records");
    }
    assert_eq!((capture.packets(), capture.skipped()), (1, 4));
    assert!(capture.into_inner().len() <= 250);
}

#[test]
fn a_tee_sees_both_directions_and_changes_nothing() {
    let (near, mut far) = memory::pair(100, 8);
    let mut tee = Tee::new(near, capture(CaptureConfig::default()));
    let mut batch = PacketBatch::new(8, 100);
    batch.push(b"out!");
    tee.on_time(Instant::from_nanos(1));
    assert_eq!(tee.send(&mut batch).expect("sends").packets, 1);
    assert_eq!(far.receive(&mut batch).expect("receives"), 1);
    assert_eq!(batch.iter().next(), Some(&b"out!"[..]));

    far.send(&mut batch).expect("sends");
    batch.push(b"was there before");
    tee.on_time(Instant::from_nanos(2));
    assert_eq!(tee.receive(&mut batch).expect("receives"), 1);
    assert_eq!((tee.mtu(), tee.device().waiting(), tee.device_mut().waiting()), (100, 0, 0));

    let (_, capture) = tee.into_parts();
    let blocks = blocks(&capture.into_inner());
    let seen: Vec<(u8, u8)> = blocks[2..].iter().map(|(_, body)| (body[8], body[28])).collect();
    assert_eq!(seen, [(1, 2), (2, 1)], "time and direction of each packet");
}

#[test]
fn a_capture_that_fails_stops_and_the_device_goes_on() {
    let (near, mut far) = memory::pair(100, 8);
    let capture = Capture::new(Full { left: 100 }, CaptureConfig::default()).expect("has room");
    let mut tee = Tee::new(near, capture);
    for _ in 0..3 {
        let mut batch = PacketBatch::new(1, 100);
        batch.push(&[0; 60]);
        assert_eq!(tee.send(&mut batch).expect("sends").packets, 1);
    }
    assert_eq!(tee.fault().map(io::Error::kind), Some(io::ErrorKind::WriteZero));
    let mut batch = PacketBatch::new(8, 100);
    assert_eq!(far.receive(&mut batch).expect("receives"), 3);
    assert_eq!(tee.into_parts().1.packets(), 0);
}

#[test]
fn no_room_for_the_beginning_is_an_error() {
    assert!(Capture::new(Full { left: 3 }, CaptureConfig::default()).is_err());
}
