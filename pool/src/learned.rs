//! How long one peer lets a connection idle, learned from when it closes them (POOL.md, rule I).
//!
//! Every FIN on a connection that was idle for about a second or longer is a sample of the peer's limit.
//! One FIN proves little: a peer that restarts closes everything at once, whatever its age. So a
//! FIN waits for a tenth of a second, in which others may show what it was; and a limit is believed
//! only when three of the last eight samples agree.
//!
//! Invariants: samples, and with them the limit, are [`SAMPLE_MIN`] at least; a FIN is judged once, and
//! not before everything is there that may speak against it.
//!
//! It is not: a clock, or a decision. It knows no connection; what to do with the limit is the pool's.

use std::collections::VecDeque;

use crate::time::{Duration, Instant};

/// Idle ages below this say nothing of a limit: a peer that closes behind an answer does so for
/// another reason. A limit of one second is the least that is to be learned (POOL.md, rule I), and
/// ages are shorter than limits: the peer's clock begins when it has answered, ours when the client has
/// read that and given the connection back, for which it has a tenth of the limit.
pub(crate) const SAMPLE_MIN: Duration = Duration::from_millis(900);

/// Within this time, FINs may belong together.
const BURST: Duration = Duration::from_millis(100);

/// So many FINs within [`BURST`] are a restart, if their ages differ.
const RESTART_MIN: usize = 3;

/// FINs that are remembered while they wait, at most; of more, the first ones and the last. The first
/// have to stay: where FINs never stop coming, none would else ever have waited long enough.
const WAITING_MAX: usize = 16;

/// Samples that are remembered.
const SAMPLES_MAX: usize = 8;

/// Samples that have to agree.
const AGREEING_MIN: usize = 3;

/// Taken from the learned limit, beside two round trips.
const MARGIN: Duration = Duration::from_millis(50);

/// A FIN that may still turn out to be part of a restart.
#[derive(Clone, Copy, Debug)]
struct Fin {
    /// On the monotonic clock.
    at: Instant,
    age: Duration,
    /// It becomes a sample unless it is part of a restart.
    counts: bool,
}

/// What is known of one peer.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    limit: Option<Duration>,
    /// The last ones, in the order in which they came.
    samples: VecDeque<Duration>,
    /// FINs of the last [`BURST`], the oldest first.
    waiting: VecDeque<Fin>,
}

impl Learned {
    /// How long the peer lets a connection idle, as far as is known.
    pub(crate) const fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// How long a connection may idle here, so that a request that is sent at the last moment still
    /// arrives in time at a peer with this round trip time.
    pub(crate) fn allowed(&self, srtt: Duration) -> Option<Duration> {
        let limit = self.limit?;
        let arrives = limit.saturating_sub(srtt.saturating_mul(2)).saturating_sub(MARGIN);
        Some((limit / 100 * 85).min(arrives))
    }

    /// The peer has closed a connection that was idle for `age`. `served` says that the connection
    /// had carried a request: to one that has not, another limit of the peer's may apply, so that
    /// its FIN is no sample; but it may be part of a restart. Judges what came before, and says of
    /// that what [`Learned::judge`] does.
    pub(crate) fn on_fin(&mut self, now: Instant, age: Duration, served: bool) -> bool {
        let has_fallen = self.judge(now);
        if served {
            self.on_alive(age);
        }
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_back();
        }
        self.waiting.push_back(Fin { at: now, age, counts: served && age >= SAMPLE_MIN });
        self.look_for_restart();
        has_fallen
    }

    /// A connection was alive when it had been idle for `age`: the peer allows at least this.
    pub(crate) fn on_alive(&mut self, age: Duration) {
        if self.limit.is_some_and(|limit| age > limit + tolerance(limit)) {
            self.limit = Some(age);
            self.samples.retain(|sample| *sample + tolerance(*sample) >= age);
        }
    }

    /// Takes FINs for samples that have waited long enough. True if the limit is new, or lower than
    /// it was by more than samples may differ.
    pub(crate) fn judge(&mut self, now: Instant) -> bool {
        let before = self.limit;
        while let Some(fin) = self.waiting.pop_front_if(|fin| now.since(fin.at) >= BURST) {
            if fin.counts {
                self.add(fin.age);
            }
        }
        match (before, self.limit) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(before), Some(limit)) => limit + tolerance(limit) < before,
        }
    }

    /// When [`Learned::judge`] has something to judge.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.waiting.iter().find(|fin| fin.counts).map(|fin| fin.at + BURST)
    }

    /// If the FINs that wait are those of a restart, none of them is a sample.
    fn look_for_restart(&mut self) {
        let ages = || self.waiting.iter().map(|fin| fin.age);
        let (Some(least), Some(most)) = (ages().min(), ages().max()) else { return };
        if self.waiting.len() >= RESTART_MIN && most > least + least / 10 {
            self.waiting.iter_mut().for_each(|fin| fin.counts = false);
        }
    }

    /// Adds a sample. Of those that agree the least is the limit: what is added to it by the way
    /// and by the peer's own timers only makes samples longer.
    fn add(&mut self, age: Duration) {
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(age);
        let mut sorted: Vec<Duration> = self.samples.iter().copied().collect();
        sorted.sort_unstable();
        let agree = |some: &&[Duration]| some[AGREEING_MIN - 1] <= some[0] + tolerance(some[0]);
        if let Some(agreeing) = sorted.windows(AGREEING_MIN).find(agree) {
            self.limit = Some(agreeing[0]);
        }
    }
}

/// By how much samples of the same limit may differ: a twentieth.
fn tolerance(age: Duration) -> Duration {
    age / 20
}

#[cfg(test)]
mod tests;
