//! How many demands each RFC makes: without that, a row that is missing at the end of a section,
//! or with its section, would not be missed.

/// The demands of one RFC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demands {
    pub(super) rfc: u16,
    /// Each kind or section, and how many it has, numbered from 1.
    pub(super) groups: &'static [(&'static str, u16)],
}

/// All that REQUIREMENTS.md answers for.
///
/// RFC 9293 lists its labels in appendix B. The others are counted from their texts: each sentence
/// with a word of RFC 2119 in capitals is one demand, and so is each of its clauses that can be held
/// by itself; what only says another again is none. RFC 9438 is counted from the last draft before
/// it, whose sections have the same numbers.
pub(super) const ALL: &[Demands] = &[
    Demands { rfc: 9293, groups: &[("MUST", 69), ("SHLD", 31), ("MAY", 18), ("REC", 1)] },
    Demands {
        rfc: 5681,
        groups: &[("2", 1), ("3", 1), ("3.1", 11), ("3.2", 9), ("4.1", 1), ("4.2", 8), ("4.3", 4)],
    },
    Demands { rfc: 6298, groups: &[("1", 1), ("2", 5), ("3", 2), ("4", 1), ("5", 9)] },
    Demands { rfc: 6675, groups: &[("4", 11), ("5", 11), ("5.1", 9), ("6", 1)] },
    Demands {
        rfc: 8985,
        groups: &[
            ("1", 1),
            ("3.3.2", 5),
            ("4", 4),
            ("6.2", 2),
            ("7.2", 4),
            ("7.3", 7),
            ("7.4.2", 2),
            ("8", 1),
            ("9.2", 1),
            ("9.3", 3),
        ],
    },
    Demands {
        rfc: 9438,
        groups: &[
            ("4.2", 1),
            ("4.3", 2),
            ("4.4", 1),
            ("4.5", 1),
            ("4.6", 6),
            ("4.7", 2),
            ("4.8", 1),
            ("4.9.1", 2),
            ("4.9.2", 4),
            ("4.10", 3),
            ("5.1", 2),
        ],
    },
    Demands {
        rfc: 7323,
        groups: &[
            ("2.2", 5),
            ("2.3", 6),
            ("2.4", 5),
            ("3.2", 8),
            ("4.1", 2),
            ("4.2", 1),
            ("4.3", 3),
            ("5.2", 3),
            ("5.3", 2),
            ("5.4", 2),
            ("5.5", 1),
            ("5.7", 1),
            ("7", 1),
        ],
    },
    Demands { rfc: 5961, groups: &[("3.2", 6), ("4.2", 3), ("5.2", 2), ("7", 2)] },
];

/// What `rfc` demands, if its demands are counted.
pub(super) fn of(rfc: u16) -> Option<&'static Demands> {
    ALL.iter().find(|demands| demands.rfc == rfc)
}

impl Demands {
    /// Whether the RFC has this label.
    pub(super) fn has(&self, (group, number): (&str, u16)) -> bool {
        self.groups.iter().any(|(own, most)| *own == group && number <= *most)
    }

    /// All of them, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, u16)> {
        self.groups.iter().flat_map(|(group, most)| (1..=*most).map(|number| (*group, number)))
    }
}
