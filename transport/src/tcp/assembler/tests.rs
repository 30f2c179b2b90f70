use super::*;

/// No power of two, so that places are not what a mask would make of them.
const MOST: usize = 70_001;

/// The byte that belongs at a place of the stream: any misplacement shows.
fn byte(place: u64) -> u8 {
    u8::try_from((place * 31 + place / 251) % 251).unwrap()
}

fn bytes(start: u64, len: usize) -> Vec<u8> {
    (start..).take(len).map(byte).collect()
}

fn insert(assembler: &mut Assembler, start: u64, len: usize) -> Inserted {
    let offset = u32::try_from(start - assembler.next).unwrap();
    let result = assembler.insert(offset, Text::from(bytes(start, len).as_slice()), MOST);
    assembler.assert_invariants();
    result
}

fn read_all(assembler: &mut Assembler) -> Vec<u8> {
    let mut out = vec![0; assembler.readable() + 10];
    let count = assembler.read(&mut out);
    assembler.assert_invariants();
    out.truncate(count);
    out
}

#[test]
fn text_in_order_is_read_as_it_came() {
    let mut assembler = Assembler::new();
    for round in 0..100u64 {
        assert_eq!(insert(&mut assembler, round * 700, 700), Inserted::InOrder(700));
        assert_eq!(read_all(&mut assembler), bytes(round * 700, 700));
    }
    assert_eq!(assembler.memory(), GROWTH_MIN, "kept, and no more than one segment needs");
}

#[test]
fn early_text_waits_for_the_hole_and_joins() {
    let mut assembler = Assembler::new();
    assert_eq!(insert(&mut assembler, 100, 50), Inserted::Early);
    assert_eq!(insert(&mut assembler, 200, 50), Inserted::Early);
    assert_eq!(assembler.readable(), 0);
    assert!(assembler.has_early());
    assert_eq!(insert(&mut assembler, 150, 50), Inserted::Early);
    assert_eq!(assembler.early_ranges(9).collect::<Vec<_>>(), [(100, 250)]);
    assert_eq!(insert(&mut assembler, 0, 120), Inserted::InOrder(250));
    assert!(!assembler.has_early());
    assert_eq!(read_all(&mut assembler), bytes(0, 250));
}

#[test]
fn memory_is_given_back_once_nothing_is_held() {
    let mut assembler = Assembler::new();
    insert(&mut assembler, 0, 5_000);
    insert(&mut assembler, 6_000, 1_000);
    assembler.give_back();
    assert_eq!(read_all(&mut assembler), bytes(0, 5_000));
    assembler.give_back();
    insert(&mut assembler, 5_000, 1_000);
    assert_eq!(read_all(&mut assembler), bytes(5_000, 2_000));
    assert_eq!(assembler.memory(), 8_192 + RANGES_MIN * size_of::<Range>());
    assembler.give_back();
    assert_eq!(assembler.memory(), 0);
    insert(&mut assembler, 7_000, 1);
    assert_eq!(assembler.memory(), 8_192, "as much as was needed the last time");
    assert_eq!(read_all(&mut assembler), bytes(7_000, 1));
}

#[test]
fn ranges_join_in_every_way() {
    // Beside (100..200) and (300..400): what comes, and what is then noted.
    type Case = (&'static str, u64, usize, &'static [(u32, u32)]);
    let cases: &[Case] = &[
        ("apart before", 50, 20, &[(50, 70), (100, 200), (300, 400)]),
        ("touching before", 50, 50, &[(50, 200), (300, 400)]),
        ("overlapping before", 50, 80, &[(50, 200), (300, 400)]),
        ("inside", 120, 20, &[(100, 200), (300, 400)]),
        ("the same", 100, 100, &[(100, 200), (300, 400)]),
        ("covering", 90, 150, &[(90, 240), (300, 400)]),
        ("touching after", 200, 50, &[(100, 250), (300, 400)]),
        ("bridging by touch", 200, 100, &[(100, 400)]),
        ("bridging by overlap", 150, 200, &[(100, 400)]),
        ("covering both", 50, 500, &[(50, 550)]),
        ("between", 230, 20, &[(100, 200), (230, 250), (300, 400)]),
        ("behind", 500, 10, &[(100, 200), (300, 400), (500, 510)]),
    ];
    for (name, start, len, expected) in cases {
        let mut assembler = Assembler::new();
        insert(&mut assembler, 100, 100);
        insert(&mut assembler, 300, 100);
        assert_eq!(insert(&mut assembler, *start, *len), Inserted::Early, "{name}");
        let mut noted: Vec<_> = assembler.early_ranges(9).collect();
        noted.sort_unstable();
        assert_eq!(noted, *expected, "{name}");
        insert(&mut assembler, 0, 100);
        let next = assembler.next;
        insert(&mut assembler, next, 600);
        let all = read_all(&mut assembler);
        assert_eq!(all, bytes(0, all.len()), "{name}");
    }
}

#[test]
fn the_range_that_grew_last_is_listed_first() {
    let mut assembler = Assembler::new();
    insert(&mut assembler, 100, 10);
    insert(&mut assembler, 200, 10);
    insert(&mut assembler, 300, 10);
    insert(&mut assembler, 210, 10);
    let listed: Vec<_> = assembler.early_ranges(9).collect();
    assert_eq!(assembler.early_ranges(1).count(), 1);
    assert_eq!(listed, [(200, 220), (300, 310), (100, 110)]);
}

#[test]
fn one_byte_segments_exhaust_reassembly() {
    let mut assembler = Assembler::new();
    for place in 1..=RANGES_MIN as u64 {
        assert_eq!(insert(&mut assembler, place * 2, 1), Inserted::Early);
    }
    assert_eq!(insert(&mut assembler, 2 * RANGES_MIN as u64 + 2, 1), Inserted::Dropped);
    // What joins a range, and what is in order, still finds its place.
    assert_eq!(insert(&mut assembler, 3, 1), Inserted::Early);
    assert_eq!(insert(&mut assembler, 0, 200), Inserted::InOrder(200));
    assert_eq!(read_all(&mut assembler), bytes(0, 200));
}

#[test] // TCP.md, section 1: nothing inside the advertised window is dropped
fn every_second_segment_of_a_window_is_kept() {
    for (segment, len) in [(536u64, 536), (1_448, 1_448)] {
        let mut assembler = Assembler::new();
        for place in (1..1_000).step_by(2) {
            assert_eq!(insert(&mut assembler, place * segment, len), Inserted::Early, "at {place}");
        }
        for hole in (0..1_000).step_by(2) {
            let both = u32::try_from(2 * segment).unwrap();
            assert_eq!(insert(&mut assembler, hole * segment, len), Inserted::InOrder(both));
        }
        assert_eq!(read_all(&mut assembler), bytes(0, 1_000 * len));
    }
}

#[test]
fn the_ring_grows_with_early_text_in_it() {
    let mut assembler = Assembler::new();
    insert(&mut assembler, 0, 1500);
    assembler.read(&mut [0; 1000]);
    insert(&mut assembler, 2000, 500);
    insert(&mut assembler, 50_000, 1000);
    insert(&mut assembler, 1500, 500);
    assert_eq!(assembler.readable(), 1500);
    insert(&mut assembler, 2500, 47_500);
    assert_eq!(read_all(&mut assembler), bytes(1000, 50_000));
}

#[test]
fn a_full_window_arriving_backwards_is_kept() {
    let mut assembler = Assembler::new();
    for place in (1..60u64).rev() {
        assert_eq!(insert(&mut assembler, place * 1000, 1000), Inserted::Early);
    }
    assert_eq!(insert(&mut assembler, 0, 1000), Inserted::InOrder(60_000));
    assert_eq!(read_all(&mut assembler), bytes(0, 60_000));
}

#[test]
fn the_ring_is_no_larger_than_the_window_unless_more_was_promised() {
    let mut assembler = Assembler::new();
    assert_eq!(insert(&mut assembler, 0, 66_000), Inserted::InOrder(66_000));
    assert_eq!(assembler.memory(), MOST);
    assert_eq!(insert(&mut assembler, 66_000, 10_000), Inserted::InOrder(10_000));
    assert_eq!(assembler.memory(), 76_000);
    assert_eq!(read_all(&mut assembler), bytes(0, 76_000));
    insert(&mut assembler, 76_000, 76_000);
    assert_eq!(read_all(&mut assembler), bytes(76_000, 76_000));
}

#[test]
fn clear_gives_everything_back() {
    let mut assembler = Assembler::new();
    insert(&mut assembler, 0, 100);
    insert(&mut assembler, 200, 100);
    assembler.clear();
    assembler.assert_invariants();
    assert_eq!((assembler.readable(), assembler.memory()), (0, 0));
    assert_eq!(insert(&mut assembler, 100, 5), Inserted::InOrder(5));
    assert_eq!(read_all(&mut assembler), bytes(100, 5));
}

/// Random pieces in random order against a plain map of the stream.
#[test]
fn random_pieces_give_the_stream() {
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    for _ in 0..50 {
        let mut assembler = Assembler::new();
        let (mut got, total) = (0u64, 20_000u64);
        while got < total {
            let start = assembler.next + random(3) * random(2_000);
            let len = usize::try_from(1 + random(1_500)).unwrap();
            insert(&mut assembler, start, len);
            if random(3) == 0 {
                let part = read_all(&mut assembler);
                assert_eq!(part, bytes(got, part.len()));
                got += part.len() as u64;
            }
        }
    }
}
