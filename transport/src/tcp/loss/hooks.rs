//! What loss recovery tells congestion control, and nothing else does.

use crate::stack::stats::Stats;
use crate::time::Instant;

use super::super::congestion::{Ack, Congested, Sign};
use super::super::connection::Connection;
use super::{Delivery, Phase};

impl Connection {
    /// New data was acknowledged outside fast recovery.
    pub(super) fn grow_window(&mut self, now: Instant, delivery: &Delivery, stats: &mut Stats) {
        let sign = self.congestion.on_ack(&Ack {
            now,
            acked: delivery.acked,
            una: self.snd.una,
            nxt: self.snd.nxt,
            rtt: delivery.rtt,
            srtt: self.rtt.srtt().unwrap_or_default(),
        });
        let Some(sign) = sign else { return };
        let segments = u64::from(self.congestion.cwnd() / u32::from(self.snd.mss));
        let (count, windows) = match sign {
            Sign::Train => (&mut stats.hystart_train_detect, &mut stats.hystart_train_cwnd),
            Sign::Delay => (&mut stats.hystart_delay_detect, &mut stats.hystart_delay_cwnd),
        };
        *count += 1;
        *windows += segments;
    }

    /// Something was lost: the window comes down, once for all that is out now.
    pub(super) fn reduce_window(&mut self) {
        self.congestion.on_congestion_event(&self.congested());
    }

    /// The retransmission timer has expired, for the `first` time or again.
    pub(super) fn collapse_window(&mut self, first: bool) {
        self.congestion.on_rto(&self.congested(), first);
    }

    /// The last reduction was in vain.
    pub(super) fn restore_window(&mut self, now: Instant) {
        self.congestion.undo(now);
    }

    /// Fast recovery without SACK is over.
    pub(super) fn settle_window(&mut self) {
        self.congestion.on_recovered(self.pipe());
    }

    /// Proportional rate reduction is over: the target is reached, or the path was not used. RFC
    /// 6937, section 3.
    pub(super) fn settle_window_at_target(&mut self) {
        let target = self.congestion.ssthresh();
        self.congestion.on_recovered(target);
    }

    /// Fast recovery, or a look for a spurious timeout, says itself how much may be out.
    pub(super) fn set_window_to(&mut self, bytes: u32) {
        assert!(self.recovery.phase != Phase::Open, "outside recovery congestion control decides");
        self.congestion.set_cwnd(bytes);
    }

    /// The size of segments has changed.
    pub(in crate::tcp) fn resize_window(&mut self) {
        self.congestion.set_mss(u32::from(self.snd.mss));
    }

    /// All that was out goes again in smaller segments.
    pub(in crate::tcp) fn restart_window(&mut self) {
        let pipe = self.pipe();
        if self.recovery.phase == Phase::Open {
            self.congestion.restart(pipe);
        }
    }

    /// What is out, at a sign of congestion.
    fn congested(&self) -> Congested {
        Congested { flight: self.snd.flight(), una: self.snd.una, nxt: self.snd.nxt }
    }
}
