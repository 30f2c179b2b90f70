//! The name of a demand: `MUST-15` of RFC 9293, or `3.1-4`, the fourth of section 3.1, of an RFC
//! that has no labels of its own. A letter behind it names a part: `MUST-15a`.

use std::fmt;

/// The kinds of label of RFC 9293, appendix B.
const KINDS: &[&str] = &["MUST", "SHLD", "MAY", "REC"];

/// A demand, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Label {
    /// Kind or section: what stands before the number.
    pub(super) group: String,
    pub(super) number: u16,
    /// The part, if the demand stands in parts.
    pub(super) part: Option<char>,
}

impl Label {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (group, rest) = text.rsplit_once('-')?;
        let part = rest.chars().last().filter(char::is_ascii_lowercase);
        let digits = rest.trim_end_matches(|c: char| c.is_ascii_lowercase());
        let is_whole = digits.len() + usize::from(part.is_some()) == rest.len();
        let number = digits.parse().ok().filter(|number| *number > 0 && is_whole)?;
        (KINDS.contains(&group) || is_section(group)).then(|| Self {
            group: group.to_owned(),
            number,
            part,
        })
    }

    /// The demand, without its part.
    pub(super) fn demand(&self) -> (&str, u16) {
        (&self.group, self.number)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.group, self.number)?;
        self.part.map_or(Ok(()), |part| write!(formatter, "{part}"))
    }
}

/// Whether a group is a section: numbers with points between.
fn is_section(group: &str) -> bool {
    group.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_survive_being_read() {
        for text in ["MUST-1", "REC-1", "SHLD-31", "MUST-15b", "3.1-4", "2-12c", "4-1"] {
            assert_eq!(Label::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_label_is_none() {
        for text in
            ["", "MUST", "MUST-", "MUST-0", "MUST-1ab", "SHOULD-1", "3.1", "3..1-2", "-1", "MUST-a"]
        {
            assert_eq!(Label::parse(text), None, "{text}");
        }
    }
}
