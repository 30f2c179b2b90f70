use super::*;

fn record(timestamps: Option<(u32, u32)>) -> TimeWait {
    let remains = Remains {
        snd_nxt: SeqNumber::new(1_000),
        rcv_nxt: SeqNumber::new(u32::MAX),
        timestamps,
        window: 77,
    };
    TimeWait::new(Instant::ORIGIN, Instant::from_millis(60_000), remains)
}

fn segment(flags: Flags, seq: SeqNumber, value: Option<u32>) -> Segment<'static> {
    let timestamps = value.map(|value| Timestamps { value, echo: 0 });
    let options = Options { timestamps, ..Options::default() };
    Segment { seq, ack: SeqNumber::new(1_000), flags, options, ..Segment::default() }
}

const FIN_ACK: Flags = Flags { fin: true, ack: true, ..Flags::NONE };

#[test]
fn a_record_is_small() {
    assert!(size_of::<TimeWait>() <= 64, "{}", size_of::<TimeWait>());
}

#[test]
fn a_reset_does_not_end_it() {
    let mut record = record(None);
    let before = record;
    for flags in [Flags::RST, Flags::RST_ACK] {
        let reset = segment(flags, SeqNumber::new(u32::MAX), None);
        assert_eq!(record.handle_segment(Instant::ORIGIN, &reset), Verdict::Ignore);
    }
    assert_eq!(record, before);
}

#[test]
fn a_repeated_fin_is_acknowledged_and_restarts_2_msl() {
    let mut record = record(None);
    let now = Instant::from_millis(10_000);
    let fin = segment(FIN_ACK, SeqNumber::new(u32::MAX) - 1, None);
    let Verdict::Reply(reply) = record.handle_segment(now, &fin) else { panic!("no reply") };
    assert_eq!((reply.seq, reply.ack), (SeqNumber::new(1_000), SeqNumber::new(u32::MAX)));
    assert_eq!((reply.flags, reply.window), (Flags::ACK, 77));
    assert_eq!(record.expires(), Instant::from_millis(70_000));
}

#[test]
fn a_syn_reopens_if_it_is_newer() {
    let at = SeqNumber::new(u32::MAX);
    for (name, recent, seq, value, expected) in [
        ("newer timestamp, older number", Some(10), at - 9, Some(11), Verdict::Reopen),
        ("same timestamp, newer number", Some(10), at + 9, Some(10), Verdict::Reopen),
        ("same timestamp, older number", Some(10), at - 9, Some(10), Verdict::Ignore),
        ("older timestamp, newer number", Some(10), at + 9, Some(9), Verdict::Ignore),
        ("timestamp lost, newer number", Some(10), at + 9, None, Verdict::Reopen),
        ("timestamp lost, older number", Some(10), at - 9, None, Verdict::Ignore),
        ("timestamp gained", None, at - 9, Some(1), Verdict::Reopen),
        ("no timestamps, newer number", None, at + 9, None, Verdict::Reopen),
        ("no timestamps, older number", None, at - 9, None, Verdict::Ignore),
    ] {
        let mut record = record(recent.map(|recent| (recent, 0)));
        let syn = segment(Flags::SYN, seq, value);
        assert_eq!(record.handle_segment(Instant::ORIGIN, &syn), expected, "{name}");
    }
}

#[test]
fn two_time_waits_do_not_answer_each_other_for_ever() {
    let mut record = record(None);
    let stray = segment(Flags::ACK, SeqNumber::new(5), None);
    let now = Instant::from_millis(1_000);
    assert!(matches!(record.handle_segment(now, &stray), Verdict::Reply(_)));
    for _ in 0..10 {
        assert_eq!(record.handle_segment(now, &stray), Verdict::Ignore);
    }
    let later = Instant::from_millis(1_500);
    assert!(matches!(record.handle_segment(later, &stray), Verdict::Reply(_)));
}

#[test]
fn the_last_acknowledgement_earns_nothing() {
    let mut record = record(None);
    let last = segment(Flags::ACK, SeqNumber::new(u32::MAX), None);
    assert_eq!(record.handle_segment(Instant::ORIGIN, &last), Verdict::Ignore);
}

#[test]
fn an_isn_after_it_is_above_its_numbers() {
    let record = record(None);
    let high = SeqNumber::new(1_000_000);
    assert_eq!(record.next_isn(high), high);
    assert_eq!(record.next_isn(SeqNumber::new(999)), SeqNumber::new(1_000 + ISN_GAP));
}

#[test]
fn we_reconnect_only_with_timestamps_that_have_moved_on() {
    let late = Instant::from_millis(1_000);
    assert!(!record(None).may_reconnect(late));
    assert!(!record(Some((1, 1))).may_reconnect(Instant::from_millis(999)));
    assert!(record(Some((1, 1))).may_reconnect(late));
}

#[test]
fn an_answer_of_time_wait_counts_among_what_we_have_sent() {
    let mut record = record(Some((1, 1)));
    let late = Instant::from_millis(5_000);
    let old = segment(Flags::ACK, SeqNumber::new(u32::MAX) - 9, Some(1));
    let Verdict::Reply(reply) = record.handle_segment(late, &old) else { panic!("no reply") };
    assert_eq!(reply.options.timestamps.unwrap().value, clock(late, 1));
    assert!(!record.may_reconnect(late), "a SYN would carry the same timestamp");
    assert!(record.may_reconnect(late + Duration::from_millis(1)));
    let fin = segment(FIN_ACK, SeqNumber::new(u32::MAX) - 1, Some(1));
    record.handle_segment(late, &fin);
    assert!(!record.may_reconnect(late + Duration::from_millis(999)), "2 MSL begins anew");
}
