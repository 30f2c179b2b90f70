//! The search for a larger size: RFC 4821, section 7. A plain state machine; what is sent and lost
//! is [`super::probe`]'s.
//!
//! search_low is the size in use, which the path carries; search_high is here. The first try is the
//! largest size: most of what lowers a size (an outage that looked like a black hole, a route that
//! was a detour) has gone by without a trace. Then the range is halved.

use crate::time::{Duration, Instant};
use crate::wire::SeqNumber;

use super::super::scoreboard::Sent;
use super::RAISED_AFTER;

/// A range so narrow that no probe of it is worth its loss: two parts in a hundred of an Ethernet
/// packet.
pub(super) const CONVERGED: u16 = 32;

/// A probe on its way: one segment of new text, larger than the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tcp) struct Probe {
    /// Where it begins.
    pub(in crate::tcp) seq: SeqNumber,
    /// The number after its last.
    pub(in crate::tcp) end: SeqNumber,
    /// Text and options.
    pub(super) size: u16,
}

impl Probe {
    /// Whether it has arrived with `sent`, which was sent once.
    pub(in crate::tcp) fn is_whole_in(&self, sent: &Sent) -> bool {
        sent.seq == self.seq && !sent.resent && sent.largest() >= self.end.offset_from(self.seq)
    }
}

/// search_high, and when the next probe may leave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    /// search_high: nothing larger is tried.
    high: u16,
    /// What to try next, if it is not half way.
    hint: Option<u16>,
    /// No probe before that.
    next_at: Instant,
    /// The one on its way.
    pub(super) probe: Option<Probe>,
    /// A size that may be tried with the next segment.
    pub(super) due: Option<u16>,
}

impl Search {
    /// Nothing to search for.
    pub(super) const fn new() -> Self {
        Self { high: 0, hint: None, next_at: Instant::ORIGIN, probe: None, due: None }
    }

    /// Begins anew at `at`, with the largest size.
    pub(super) fn begin(&mut self, at: Instant, ceiling: u16) {
        *self = Self { high: ceiling, hint: Some(ceiling), next_at: at, probe: None, due: None };
    }

    /// The size to try next, above what is `in_use`.
    pub(super) fn candidate(&self, now: Instant, in_use: u16) -> Option<u16> {
        if now < self.next_at || self.probe.is_some() {
            return None;
        }
        let halfway = in_use + self.high.saturating_sub(in_use).div_ceil(2);
        Some(self.hint.unwrap_or(halfway)).filter(|size| *size > in_use)
    }

    /// The probe has arrived, and its size is in use: section 7.6.1.
    pub(super) fn on_success(&mut self, now: Instant, in_use: u16, ceiling: u16) {
        self.probe = None;
        self.hint = None;
        self.rest_if_over(now, in_use, ceiling);
    }

    /// The probe alone was lost: section 7.6.2. The next one waits as long as the loss that was not
    /// answered for would have weighed: `headway`.
    pub(super) fn on_failure(
        &mut self,
        now: Instant,
        in_use: u16,
        ceiling: u16,
        headway: Duration,
    ) {
        if let Some(probe) = self.probe.take() {
            self.high = probe.size - 1;
        }
        self.hint = None;
        self.next_at = now + headway;
        self.rest_if_over(now, in_use, ceiling);
    }

    /// A router says that the path carries `size`, and not the probe.
    pub(super) fn on_too_big(
        &mut self,
        now: Instant,
        size: u16,
        in_use: u16,
        ceiling: u16,
        headway: Duration,
    ) {
        self.probe = None;
        self.high = size;
        self.hint = Some(size);
        self.next_at = now + headway;
        if size <= in_use {
            self.begin(now + RAISED_AFTER, ceiling);
        }
    }

    /// The probe was lost beside others: section 7.6.4. The same size is tried again.
    pub(super) fn on_inconclusive(&mut self, now: Instant, headway: Duration) {
        if let Some(probe) = self.probe.take() {
            self.hint = Some(probe.size);
        }
        self.next_at = now + headway;
    }

    /// Once the range is narrow, all begins anew after a long time: section 7.3.
    fn rest_if_over(&mut self, now: Instant, in_use: u16, ceiling: u16) {
        if self.high.saturating_sub(in_use) < CONVERGED {
            self.begin(now + RAISED_AFTER, ceiling);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADWAY: Duration = Duration::from_secs(1);
    const CEILING: u16 = 1_460;

    fn at(secs: u64) -> Instant {
        Instant::from_millis(secs * 1_000)
    }

    fn probing(search: &mut Search, size: u16) {
        let seq = SeqNumber::new(7);
        search.probe = Some(Probe { seq, end: seq + u32::from(size), size });
    }

    /// Searches from 984 on a path that carries segments of `path`; what was tried, and what was
    /// found.
    fn find(path: u16) -> (Vec<u16>, u16) {
        let (mut search, mut now, mut in_use) = (Search::new(), at(0), 984);
        let mut tried = Vec::new();
        search.begin(now, CEILING);
        while let Some(size) = search.candidate(now, in_use) {
            tried.push(size);
            probing(&mut search, size);
            if size <= path {
                in_use = size;
                search.on_success(now, in_use, CEILING);
            } else {
                search.on_failure(now, in_use, CEILING, HEADWAY);
                assert_eq!(search.candidate(now, in_use), None, "a failed probe is waited for");
                now += HEADWAY;
            }
        }
        assert_eq!(search.candidate(now + RAISED_AFTER - HEADWAY * 2, in_use), None);
        let again = search.candidate(now + RAISED_AFTER, in_use);
        assert_eq!(again, Some(CEILING).filter(|it| *it > in_use), "after ten minutes");
        (tried, in_use)
    }

    #[test]
    fn the_largest_size_is_tried_first() {
        assert_eq!(find(1_460), (vec![1_460], 1_460));
    }

    #[test]
    fn then_the_range_is_halved_until_it_is_narrow() {
        assert_eq!(find(1_400), (vec![1_460, 1_222, 1_341, 1_400, 1_430], 1_400));
        assert_eq!(find(984).1, 984);
        for path in 984..=CEILING {
            let (tried, found) = find(path);
            assert!(found <= path && path - found < CONVERGED, "{path}: {found}");
            assert!(tried.len() <= 6, "{path}: {tried:?}");
        }
    }

    #[test]
    fn a_router_says_what_to_try_next() {
        let mut search = Search::new();
        search.begin(at(0), CEILING);
        probing(&mut search, CEILING);
        search.on_too_big(at(1), 1_400, 984, CEILING, HEADWAY);
        assert_eq!(search.candidate(at(1), 984), None);
        assert_eq!(search.candidate(at(2), 984), Some(1_400));
        probing(&mut search, 1_400);
        search.on_success(at(3), 1_400, CEILING);
        assert_eq!(search.candidate(at(602), 1_400), None);
        assert_eq!(search.candidate(at(603), 1_400), Some(CEILING));
    }

    #[test]
    fn a_router_that_confirms_what_is_in_use_ends_the_search() {
        let mut search = Search::new();
        search.begin(at(0), CEILING);
        probing(&mut search, CEILING);
        search.on_too_big(at(1), 984, 984, CEILING, HEADWAY);
        assert_eq!(search.candidate(at(600), 984), None);
        assert_eq!(search.candidate(at(601), 984), Some(CEILING));
    }

    #[test]
    fn a_probe_lost_beside_others_is_tried_again() {
        let mut search = Search::new();
        search.begin(at(0), CEILING);
        probing(&mut search, CEILING);
        search.on_inconclusive(at(1), HEADWAY);
        assert_eq!(search.candidate(at(1), 984), None);
        assert_eq!(search.candidate(at(2), 984), Some(CEILING));
    }
}
