//! What became of the requests: as their clients saw it, and by the server's log.

use std::collections::BTreeMap;

use wharf_client::{Error, ErrorKind, Verdict};

use super::log::Log;

/// What became of one request, as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its own answer came.
    Answered,
    /// Its connection was gone.
    Stale {
        /// What the client was told of its request.
        told: Told,
        /// Whether the end of the stream was all that it was told at first.
        as_end: bool,
    },
    /// It failed for another reason, which has nothing to do with what is measured.
    Failed(&'static str),
}

/// What a client is told of a request whose connection was gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// It has not left: `never_sent`, and what hyper calls canceled.
    NeverSent,
    /// The server has provably not read it.
    Unprocessed,
    /// The server's TCP has it.
    Acked,
    /// It has left, and nothing is known of it.
    Unknown,
    /// Nothing: the connection is gone, whatever that means for the request.
    Nothing,
}

impl Told {
    /// All, in the order of the table.
    pub const ALL: [Self; 5] =
        [Self::NeverSent, Self::Unprocessed, Self::Acked, Self::Unknown, Self::Nothing];

    /// The name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeverSent => "never_sent",
            Self::Unprocessed => "unprocessed",
            Self::Acked => "acked",
            Self::Unknown => "unknown",
            Self::Nothing => "nothing",
        }
    }

    /// Whether it promises that the request may be repeated, whatever it does.
    #[must_use]
    pub const fn is_promise(self) -> bool {
        match self {
            Self::NeverSent | Self::Unprocessed => true,
            Self::Acked | Self::Unknown | Self::Nothing => false,
        }
    }
}

impl From<Verdict> for Told {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::NeverSent => Self::NeverSent,
            Verdict::Unprocessed => Self::Unprocessed,
            Verdict::Acked => Self::Acked,
            Verdict::Unknown => Self::Unknown,
        }
    }
}

impl From<&Error> for Outcome {
    /// Only a connection that died under its lease is stale: a refused lease had none.
    fn from(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Reset(_) => Self::Stale { told: error.verdict().into(), as_end: false },
            ErrorKind::Refused(_)
            | ErrorKind::SessionRefused(_)
            | ErrorKind::Unreachable
            | ErrorKind::Lost
            | ErrorKind::Silent
            | ErrorKind::Violation
            | ErrorKind::Forked
            | ErrorKind::BadRequest => Self::Failed(error.token()),
        }
    }
}

/// Stale errors of which the same was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub errors: u32,
    /// Those whose request the server has processed after all.
    pub processed: u32,
}

/// All outcomes, held against the server's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests whose own answer came.
    pub answered: u32,
    /// Stale errors, by what was said of them.
    pub stale: BTreeMap<Told, Count>,
    /// Those that began as an end of the stream.
    pub as_end: u32,
    /// Requests that failed for other reasons, by their names.
    pub failed: BTreeMap<&'static str, u32>,
    /// Requests that the server processed more than once.
    pub doubled: u32,
    /// Requests that were answered although the server did not process them: there can be none.
    pub invented: u32,
}

impl Tally {
    /// Counts them.
    #[must_use]
    pub fn of(outcomes: impl IntoIterator<Item = (u32, Outcome)>, log: &Log) -> Self {
        let mut tally = Self::default();
        for (request, outcome) in outcomes {
            let processed = log.processed(request);
            tally.doubled += u32::from(processed > 1);
            match outcome {
                Outcome::Answered => {
                    tally.answered += 1;
                    tally.invented += u32::from(processed == 0);
                }
                Outcome::Stale { told, as_end } => {
                    let count = tally.stale.entry(told).or_default();
                    count.errors += 1;
                    count.processed += u32::from(processed > 0);
                    tally.as_end += u32::from(as_end);
                }
                Outcome::Failed(reason) => *tally.failed.entry(reason).or_default() += 1,
            }
        }
        tally
    }

    /// What was said so many times.
    #[must_use]
    pub fn said(&self, told: Told) -> Count {
        self.stale.get(&told).copied().unwrap_or_default()
    }

    /// All stale errors.
    #[must_use]
    pub fn errors(&self) -> u32 {
        self.stale.values().map(|count| count.errors).sum()
    }

    /// All requests that failed for other reasons.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failed.values().sum()
    }

    /// All requests.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.answered + self.errors() + self.failures()
    }

    /// Promises that the server's log breaks: there must be none.
    #[must_use]
    pub fn broken_promises(&self) -> u32 {
        let promises = self.stale.iter().filter(|(told, _)| told.is_promise());
        promises.map(|(_, count)| count.processed).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stale(told: Told) -> Outcome {
        Outcome::Stale { told, as_end: told == Told::Nothing }
    }

    #[test]
    fn what_was_said_is_held_against_the_log() {
        let log = Log::new(8);
        for request in [0, 1, 1, 3, 5] {
            log.note(request);
        }
        let outcomes = [
            (0, Outcome::Answered),
            (1, Outcome::Answered),
            (2, stale(Told::Unprocessed)),
            (3, stale(Told::Unprocessed)),
            (4, stale(Told::Nothing)),
            (5, stale(Told::Nothing)),
            (6, Outcome::Failed("queue_timeout")),
            (7, Outcome::Answered),
        ];
        let tally = Tally::of(outcomes, &log);
        assert_eq!((tally.answered, tally.errors(), tally.failures()), (3, 4, 1));
        assert_eq!(tally.requests(), 8);
        assert_eq!(tally.said(Told::Unprocessed), Count { errors: 2, processed: 1 });
        assert_eq!(tally.said(Told::Nothing), Count { errors: 2, processed: 1 });
        assert_eq!(tally.broken_promises(), 1, "to say nothing promises nothing");
        assert_eq!((tally.doubled, tally.invented, tally.as_end), (1, 1, 2));
    }

    #[test]
    fn the_verdicts_keep_their_names_and_their_promises() {
        for verdict in Verdict::ALL.iter().copied() {
            let told = Told::from(verdict);
            assert_eq!(told.name(), verdict.token());
            assert_eq!(told.is_promise(), verdict.is_repeatable());
        }
    }
}
