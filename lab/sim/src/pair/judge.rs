//! Whether a run ended as it had to: each end for a reason that is there, both streams whole where
//! nothing broke them, and nothing left.
//!
//! A network that loses a third of all packets may rightly bring a connection down. What excuses
//! that is counted, not assumed: so many unanswered packets were lost, or the other end is gone.

use wharf_transport::tcp::{CloseReason, State};

use super::end::{End, Outcome};
use super::world::World;
use crate::violation::{Kind, Violation, demand};
use crate::way::Way;

impl World<'_> {
    /// Nothing is left to happen. An end whose peer is gone, and that lost the word of it, waits
    /// for ever by right (RFC 9293 has no timer for it): it gives up. Whether there was one.
    pub(super) fn let_the_deserted_go(&mut self) -> Result<bool, Violation> {
        let was_lost = self.undelivered() > 0;
        let mut any = false;
        for at in 0..self.talks.len() {
            for side in 0..2 {
                let [end, other] = match (side, &self.talks[at]) {
                    (0, [near, far]) => [near, far],
                    (_, [near, far]) => [far, near],
                };
                if end.id.is_none() || end.outcome.is_some() {
                    continue;
                }
                demand(is_gone(other) && was_lost, Kind::Stalled, || {
                    format!("connection {at}, host {side}: nothing will ever happen: {}", show(end))
                })?;
                let now = self.shown(side);
                let [near, far] = &mut self.talks[at];
                let end = if side == 0 { near } else { far };
                end.give_up(now, &mut self.stacks[side]);
                any = true;
            }
        }
        Ok(any)
    }

    /// Looks at every connection, and at what is left.
    pub(super) fn judge(&self) -> Result<(), Violation> {
        for (at, ends) in self.talks.iter().enumerate() {
            self.judge_talk(ends).map_err(|what| {
                let [near, far] = ends;
                let both = format!("0: {}; 1: {}", show(near), show(far));
                Violation::new(Kind::Ending, format!("connection {at}: {what} ({both})"))
            })?;
        }
        self.nothing_is_left()
    }

    fn judge_talk(&self, ends: &[End; 2]) -> Result<(), String> {
        let [near, far] = ends;
        for (end, other) in [(near, far), (far, near)] {
            if end.reading.digest().bytes() > other.written.bytes() {
                return Err("more was read than written".to_owned());
            }
            self.judge_end(end, other)?;
        }
        let is_orderly = |end: &End| end.outcome == Some(Outcome::Closed(CloseReason::Normal));
        if [near, far].into_iter().any(|end| !is_orderly(end) || end.let_go) {
            return Ok(());
        }
        for (end, other) in [(near, far), (far, near)] {
            if end.written.bytes() != end.total() || !end.read_all() {
                return Err("a normal end before all was written and read".to_owned());
            }
            if end.written != other.reading.digest() {
                return Err("the stream that came is not the one that was written".to_owned());
            }
        }
        Ok(())
    }

    /// Whether what brought this end to its end is there.
    fn judge_end(&self, end: &End, other: &End) -> Result<(), String> {
        let Some(outcome) = end.outcome else {
            // The listener's end: a handshake that failed was never accepted.
            return if is_gone(other) { Ok(()) } else { Err("it was never accepted".to_owned()) };
        };
        let Outcome::Closed(reason) = outcome else { return Ok(()) };
        let is_excused = match reason {
            CloseReason::Normal => true,
            CloseReason::TimedOut => has_left(other) || self.may_time_out([end, other]),
            CloseReason::ResetByPeer => match other.outcome {
                Some(Outcome::Closed(CloseReason::TimedOut | CloseReason::Lingered)) => true,
                // It finished and waited its TIME-WAIT out, because all that it said was lost.
                Some(Outcome::Closed(CloseReason::Normal)) if !other.let_go => {
                    self.may_time_out([end, other])
                }
                Some(_) => has_left(other),
                // Its half of the handshake may have come to nothing.
                None => has_left(other) || self.may_time_out([end, other]),
            },
            CloseReason::Lingered | CloseReason::Aborted => end.let_go,
            CloseReason::Refused | CloseReason::Unreachable | CloseReason::ForeignText => false,
        };
        if is_excused { Ok(()) } else { Err(format!("nothing explains \"{reason}\"")) }
    }

    /// Whether the network lost enough to bring one of the two down: as many packets as an end
    /// sends without an answer before it gives up.
    fn may_time_out(&self, ends: [&End; 2]) -> bool {
        let tries = ends.iter().map(|end| {
            let hosts = self.scenario.hosts.iter();
            let tries = hosts.map(|host| {
                let probes = host.tcp.keepalive.map_or(u8::MAX, |keepalive| keepalive.probes);
                let tries = if end.established { host.tcp.retries } else { host.tcp.syn_retries };
                tries.min(probes)
            });
            u64::from(tries.min().unwrap_or(u8::MAX))
        });
        self.undelivered() > tries.min().unwrap_or(u64::MAX)
    }

    fn undelivered(&self) -> u64 {
        self.ways.iter().map(Way::undelivered).sum()
    }

    fn nothing_is_left(&self) -> Result<(), Violation> {
        for (side, stack) in self.stacks.iter().enumerate() {
            for state in State::ALL.into_iter().filter(|state| *state != State::Listen) {
                let count = stack.connections_in(state);
                demand(count == 0, Kind::Left, || format!("host {side}: {count} in {state}"))?;
            }
            let timeout = stack.poll_timeout();
            demand(timeout.is_none(), Kind::Left, || format!("host {side}: a timer {timeout:?}"))?;
        }
        Ok(())
    }
}

/// Whether an end went away by its own doing.
fn has_left(end: &End) -> bool {
    end.let_go || matches!(end.outcome, Some(Outcome::Aborted | Outcome::GaveUp))
}

/// Whether an end is over, and not in good order.
fn is_gone(end: &End) -> bool {
    let is_normal = end.outcome == Some(Outcome::Closed(CloseReason::Normal));
    end.let_go || (end.outcome.is_some() && !is_normal)
}

fn show(end: &End) -> String {
    let (written, read) = (end.written.bytes(), end.reading.digest().bytes());
    format!("{:?}, {written} of {} written, {read} read", end.outcome, end.total())
}
