//! What the shard counts itself: failures as clients were told them.
//!
//! The pool and the stack count their own; this is what only the joint of both can see.

use wharf_protocol::{ErrorToken, Verdict};

/// Counts by a small vocabulary, in its order.
#[derive(Clone, Debug)]
pub(super) struct Count<K: 'static> {
    words: &'static [K],
    counts: Vec<u64>,
}

impl<K: Copy + PartialEq> Count<K> {
    fn new(words: &'static [K]) -> Self {
        Self { words, counts: vec![0; words.len()] }
    }

    /// One more of `word`.
    pub(super) fn add(&mut self, word: K) {
        let at = self.words.iter().position(|known| *known == word);
        if let Some(count) = at.and_then(|at| self.counts.get_mut(at)) {
            *count += 1;
        }
    }

    /// Each word with its count.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, u64)> {
        self.words.iter().copied().zip(self.counts.iter().copied())
    }
}

/// What a lease can be refused with: not what ends one that was granted.
const LEASES: &[ErrorToken] = &[
    ErrorToken::DnsTimeout,
    ErrorToken::DnsError,
    ErrorToken::DestinationNotFound,
    ErrorToken::DestinationUnavailable,
    ErrorToken::DestinationIpProhibited,
    ErrorToken::DestinationIpUnroutable,
    ErrorToken::ConnectionRefused,
    ErrorToken::ConnectionTerminated,
    ErrorToken::ConnectionTimeout,
    ErrorToken::ConnectionLimitReached,
    ErrorToken::HttpRequestDenied,
    ErrorToken::QueueFull,
    ErrorToken::QueueTimeout,
    ErrorToken::WouldTimeOut,
    ErrorToken::Quota,
    ErrorToken::Backoff,
    ErrorToken::NoPort,
    ErrorToken::Draining,
    ErrorToken::Cancelled,
];

/// What a session can be refused or ended with.
const SESSIONS: &[ErrorToken] = &[ErrorToken::Quota, ErrorToken::ProtocolViolation];

/// Everything the shard counts.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// Leases refused, by what the client was told.
    pub(super) refused: Count<ErrorToken>,
    /// Sessions ended for what the client did, by what it was told.
    pub(super) sessions_refused: Count<ErrorToken>,
    /// Leases whose connection died under them, by verdict.
    pub(super) lost: Count<Verdict>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            refused: Count::new(LEASES),
            sessions_refused: Count::new(SESSIONS),
            lost: Count::new(Verdict::ALL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_there_from_the_start() {
        let mut tally = Tally::default();
        assert_eq!(tally.refused.iter().count(), LEASES.len());
        tally.refused.add(ErrorToken::Quota);
        tally.refused.add(ErrorToken::Quota);
        let counted: u64 = tally.refused.iter().map(|(_, count)| count).sum();
        assert_eq!(counted, 2);
        assert!(tally.refused.iter().any(|entry| entry == (ErrorToken::Quota, 2)));
    }
}
