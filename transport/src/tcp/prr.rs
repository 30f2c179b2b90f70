//! Proportional rate reduction: how much leaves with each acknowledgement of a recovery. RFC 6937,
//! and where it says so RFC 9937.
//!
//! The window comes down to ssthresh in proportion to what is delivered, evenly over the round trip
//! rather than by silence and a burst; and if losses took more than that, it comes back to ssthresh
//! no faster than what is delivered (and one segment more while all goes well), so that a policer
//! is not overrun by what it has just dropped.

/// prr_delivered, prr_out, RecoverFS: section 3, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prr {
    delivered: u64,
    out: u64,
    recover_fs: u32,
}

/// What one acknowledgement tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// DeliveredData in bytes.
    pub(super) delivered: u32,
    /// Pipe, after losses were marked.
    pub(super) pipe: u32,
    /// ssthresh: the target.
    pub(super) ssthresh: u32,
    /// SMSS.
    pub(super) mss: u32,
    /// Whether SND.UNA advanced and nothing more was found lost.
    pub(super) is_safe: bool,
}

impl Prr {
    /// No recovery.
    pub(super) const fn new() -> Self {
        Self { delivered: 0, out: 0, recover_fs: 1 }
    }

    /// Recovery begins with `flight` bytes out, of which `sacked` are reported; the acknowledgement
    /// that began it has brought `delivered`.
    ///
    /// RecoverFS is what can still be delivered, that included (RFC 9937, which replaces RFC 6937).
    /// What was reported before cannot: counted too, it would be waited for in vain, and the window
    /// come down below its target.
    pub(super) fn begin(flight: u32, sacked: u32, delivered: u32) -> Self {
        let recover_fs = flight.saturating_sub(sacked).saturating_add(delivered).max(1);
        Self { delivered: 0, out: 0, recover_fs }
    }

    /// Text has left.
    pub(super) fn on_sent(&mut self, bytes: u32) {
        self.out += u64::from(bytes);
    }

    /// sndcnt: bytes that may leave now.
    ///
    /// Both reduction bounds of the RFC: the conservative one while losses go on, the slow start
    /// one while the acknowledgement shows progress. Beyond them, a retransmission that is out alone
    /// gets company for what arrives: were it lost, nothing that is sent after it would tell, and
    /// the timer would have to expire. That is no more than has left the network with this
    /// acknowledgement, and no more than two segments in all, which is the least ssthresh.
    pub(super) fn on_ack(&mut self, progress: &Progress) -> u32 {
        let Progress { delivered, pipe, ssthresh, mss, is_safe } = *progress;
        self.delivered += u64::from(delivered);
        let allowed = if pipe > ssthresh {
            let share = self.delivered * u64::from(ssthresh);
            share.div_ceil(u64::from(self.recover_fs)).saturating_sub(self.out)
        } else {
            let earned = self.delivered.saturating_sub(self.out);
            let limit =
                if is_safe { earned.max(u64::from(delivered)) + u64::from(mss) } else { earned };
            u64::from(ssthresh - pipe).min(limit)
        };
        // RFC 6675, section 5, step 4.3: the first retransmission does not wait for the window.
        let is_alone = pipe <= mss && delivered > 0;
        let least = if self.out == 0 || is_alone { u64::from(mss) } else { 0 };
        let allowed = allowed.max(least);
        u32::try_from(allowed).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1_000;

    fn ack(pipe: u32, is_safe: bool) -> Progress {
        Progress { delivered: MSS, pipe, ssthresh: 10_000, mss: MSS, is_safe }
    }

    #[test] // section 3.1: one loss of twenty segments, every second acknowledgement lets one go
    fn one_loss_halves_the_rate_evenly() {
        let mut prr = Prr::begin(20 * MSS, 0, 0);
        let mut pipe = 19 * MSS;
        let mut sent = 0;
        for _ in 0..18 {
            pipe -= MSS;
            let allowed = prr.on_ack(&ack(pipe, true));
            assert!(allowed <= MSS, "{allowed}");
            if allowed == MSS {
                prr.on_sent(MSS);
                pipe += MSS;
                sent += 1;
            }
        }
        assert_eq!((sent, pipe), (9, 10 * MSS));
    }

    #[test] // RFC 9937: what was reported before recovery is no part of RecoverFS
    fn what_was_reported_before_does_not_slow_the_reduction() {
        let mut prr = Prr::begin(40 * MSS, 11 * MSS, MSS);
        let mut pipe = 29 * MSS;
        let mut sent = 0;
        for _ in 0..15 {
            pipe -= MSS;
            let ack = Progress { ssthresh: 20 * MSS, ..ack(pipe, false) };
            if prr.on_ack(&ack) >= MSS {
                prr.on_sent(MSS);
                pipe += MSS;
                sent += 1;
            }
        }
        assert_eq!(sent, 10, "20 of 30");
    }

    #[test]
    fn the_first_retransmission_waits_for_nothing() {
        let mut prr = Prr::begin(20 * MSS, 0, 0);
        assert_eq!(prr.on_ack(&Progress { delivered: 0, ..ack(19 * MSS, false) }), MSS);
        prr.on_sent(MSS);
        assert_eq!(prr.on_ack(&Progress { delivered: 0, ..ack(20 * MSS, false) }), 0);
    }

    #[test]
    fn a_lone_retransmission_gets_company() {
        let mut prr = Prr::begin(3 * MSS, MSS, 0);
        let ack = |delivered, pipe| Progress { delivered, ssthresh: 2 * MSS, ..ack(pipe, false) };
        assert_eq!(prr.on_ack(&ack(0, MSS)), MSS, "the retransmission");
        prr.on_sent(MSS);
        assert_eq!(prr.on_ack(&ack(0, MSS)), 0, "nothing has arrived");
        assert_eq!(prr.on_ack(&ack(MSS, MSS)), MSS);
        prr.on_sent(MSS);
        assert_eq!(prr.on_ack(&ack(MSS, 2 * MSS)), 0, "two are enough");
    }

    #[test] // section 3.1: burst loss: conservation of packets, and back to ssthresh by slow start
    fn after_a_burst_of_losses_no_more_leaves_than_arrives() {
        let mut prr = Prr::begin(20 * MSS, 0, 0);
        assert_eq!(prr.on_ack(&ack(4 * MSS, false)), MSS, "the conservative bound");
        prr.on_sent(MSS);
        assert_eq!(prr.on_ack(&ack(4 * MSS, false)), MSS);
        prr.on_sent(MSS);
        assert_eq!(prr.on_ack(&ack(4 * MSS, true)), 2 * MSS, "the slow start bound");
    }

    #[test]
    fn never_beyond_the_target() {
        let mut prr = Prr::begin(20 * MSS, 0, 0);
        prr.on_sent(MSS);
        assert_eq!(prr.on_ack(&Progress { delivered: 15 * MSS, ..ack(9_500, true) }), 500);
        assert_eq!(prr.on_ack(&ack(10 * MSS, true)), 0);
    }
}
