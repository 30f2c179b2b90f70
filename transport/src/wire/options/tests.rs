use super::*;
use proptest::prelude::*;

fn seq(value: u32) -> SeqNumber {
    SeqNumber::new(value)
}

fn emitted(options: &Options) -> Vec<u8> {
    let mut out = vec![0xee; OPTIONS_LEN_MAX];
    let len = options.emit(&mut out);
    assert_eq!(len, options.len());
    out.truncate(len);
    out
}

#[test]
fn syn_options_are_laid_out_as_most_hosts_do() {
    let options = Options {
        mss: Some(1460),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some(Timestamps { value: 1, echo: 2 }),
        sack: SackBlocks::new(),
    };
    let bytes = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7];
    assert_eq!(emitted(&options), bytes);
    assert_eq!(Options::parse(&bytes, true), options);
}

#[test]
fn three_ranges_fit_beside_timestamps_and_four_without() {
    let sack = (0..4).map(|n| (seq(n * 10), seq(n * 10 + 5))).collect();
    let alone = Options { sack, ..Options::default() };
    assert_eq!(alone.len(), 36);
    assert_eq!(Options::parse(&emitted(&alone), false), alone);

    let beside = Options { timestamps: Some(Timestamps::default()), ..alone };
    assert_eq!(beside.len(), 40);
    let parsed = Options::parse(&emitted(&beside), false);
    assert_eq!(
        parsed.sack.iter().collect::<Vec<_>>(),
        alone.sack.iter().take(3).collect::<Vec<_>>()
    );
}

#[test]
fn a_fifth_range_is_not_taken() {
    let mut sack: SackBlocks = (0..9).map(|n| (seq(n), seq(n + 1))).collect();
    assert_eq!(sack.len(), 4);
    assert!(!sack.push(seq(1), seq(2)));
    assert_eq!(sack.len(), 4);
}

#[test]
fn faults_end_the_list_and_keep_what_stood_before() {
    let cases: [(&str, &[u8]); 5] = [
        ("length zero", &[2, 4, 5, 180, 9, 0, 3, 3, 7]),
        ("length one", &[2, 4, 5, 180, 9, 1, 3, 3, 7]),
        ("length past the end", &[2, 4, 5, 180, 8, 10, 0, 0]),
        ("kind without length", &[2, 4, 5, 180, 8]),
        ("end of list", &[2, 4, 5, 180, 0, 3, 3, 7]),
    ];
    for (name, bytes) in cases {
        let expected = Options { mss: Some(1460), ..Options::default() };
        assert_eq!(Options::parse(bytes, true), expected, "{name}");
    }
}

#[test]
fn unknown_and_misshapen_options_are_skipped_by_length() {
    let cases: [(&str, &[u8]); 6] = [
        ("unknown kind", &[254, 6, 1, 2, 3, 4, 2, 4, 5, 180]),
        ("window scale of four bytes", &[3, 4, 7, 7, 2, 4, 5, 180]),
        ("segment size of three bytes", &[2, 3, 5, 2, 4, 5, 180]),
        ("timestamps of nine bytes", &[8, 9, 1, 1, 1, 1, 1, 1, 1, 2, 4, 5, 180]),
        ("SACK permitted of three bytes", &[4, 3, 0, 2, 4, 5, 180]),
        ("half a SACK range", &[5, 6, 0, 0, 0, 1, 2, 4, 5, 180]),
    ];
    for (name, bytes) in cases {
        let expected = Options { mss: Some(1460), ..Options::default() };
        assert_eq!(Options::parse(bytes, true), expected, "{name}");
    }
}

#[test]
fn what_only_a_syn_may_carry_is_ignored_elsewhere() {
    let bytes = [2, 4, 5, 180, 4, 2, 3, 3, 7];
    assert_eq!(Options::parse(&bytes, false), Options::default());
}

#[test]
fn a_shift_over_fourteen_is_fourteen_and_a_size_of_zero_is_none() {
    let options = Options::parse(&[3, 3, 255, 2, 4, 0, 0], true);
    assert_eq!(options, Options { window_scale: Some(14), ..Options::default() });
}

prop_compose! {
    /// Options as one of our segments may carry them.
    pub(in crate::wire) fn any_options(syn: bool)(
        mss in proptest::option::of(1u16..),
        window_scale in proptest::option::of(0..=WINDOW_SCALE_MAX),
        sack_permitted: bool,
        timestamps in proptest::option::of(any::<(u32, u32)>()),
        ranges in proptest::collection::vec(any::<(u32, u32)>(), 0..=3),
    ) -> Options {
        Options {
            mss: mss.filter(|_| syn),
            window_scale: window_scale.filter(|_| syn),
            sack_permitted: sack_permitted && syn,
            timestamps: timestamps.map(|(value, echo)| Timestamps { value, echo }),
            sack: if syn {
                SackBlocks::new()
            } else {
                ranges.into_iter().map(|(left, right)| (seq(left), seq(right))).collect()
            },
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_parse(bytes in proptest::collection::vec(any::<u8>(), 0..=40), syn: bool) {
        let options = Options::parse(&bytes, syn);
        prop_assert!(options.len() <= OPTIONS_LEN_MAX);
    }

    #[test]
    fn what_was_parsed_survives_emit(
        bytes in proptest::collection::vec(0u8..12, 0..=40),
        syn: bool,
    ) {
        let options = Options::parse(&bytes, syn);
        let again = Options::parse(&emitted(&options), syn);
        prop_assert_eq!(again.mss, options.mss);
        prop_assert_eq!(again.timestamps, options.timestamps);
        prop_assert_eq!(again.window_scale, options.window_scale);
    }

    #[test]
    fn whole_words_are_emitted_and_no_end_of_the_list(options in any_options(true)) {
        let bytes = emitted(&options);
        prop_assert!(bytes.len().is_multiple_of(4));
        let mut rest = bytes.as_slice();
        while let Some((option, after)) = split_option(rest) {
            prop_assert!(option.first() != Some(&END));
            rest = after;
        }
        prop_assert!(rest.is_empty(), "padding is NOP: nothing stands behind an end of the list");
    }

    #[test]
    fn round_trip(
        (syn, options) in any::<bool>().prop_flat_map(|syn| (Just(syn), any_options(syn))),
    ) {
        prop_assert_eq!(Options::parse(&emitted(&options), syn), options);
    }
}
