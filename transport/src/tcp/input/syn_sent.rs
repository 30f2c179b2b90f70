//! SYN-SENT: RFC 9293, section 3.10.7.3.

use crate::stack::stats::Stats;
use crate::time::Instant;
use crate::wire::Segment;

use super::super::connection::Connection;
use super::super::event::CloseReason;
use super::super::state::State;
use super::super::timers::Timer;
use super::Discard;

/// SYNs sent early in answer to acknowledgements of an old connection. More than a few mean a peer
/// that will not let go of it.
const HURRIED_SYNS_MAX: u8 = 3;

impl Connection {
    pub(super) fn syn_sent(
        &mut self,
        now: Instant,
        seg: &Segment<'_>,
        stats: &mut Stats,
    ) -> Result<(), Discard> {
        self.check_syn_sent_ack(seg)?;
        self.check_syn_sent_reset(now, seg)?;
        if !seg.flags.syn {
            return Err(Discard::InSynSent);
        }
        self.heard_at = now;
        self.take_syn(now, seg);
        if !seg.flags.ack {
            self.open_simultaneously(now);
            return Ok(());
        }
        self.complete_active_open(now, seg);
        // Text and FIN beside the SYN stand one number later than it.
        let rest = Segment { seq: seg.seq + 1, ..*seg };
        self.process_text(now, &rest, stats)?;
        self.process_fin(now);
        Ok(())
    }

    /// First, check the ACK bit. What acknowledges something else than our SYN comes from an old
    /// connection that the peer still has: the reset rids it of that, and a new SYN at once saves
    /// the timeout.
    fn check_syn_sent_ack(&mut self, seg: &Segment<'_>) -> Result<(), Discard> {
        let ours = seg.ack.after(self.snd.iss) && seg.ack.at_or_before(self.snd.nxt);
        if !seg.flags.ack || ours {
            return Ok(());
        }
        if seg.flags.rst {
            return Err(Discard::InSynSent);
        }
        self.pending.reset_bare(seg.ack);
        if self.hurried_syns < HURRIED_SYNS_MAX {
            self.hurried_syns += 1;
            self.pending.syn = true;
        }
        Err(Discard::Done)
    }

    /// Second, check the RST bit: it counts if it acknowledges our SYN.
    fn check_syn_sent_reset(&mut self, now: Instant, seg: &Segment<'_>) -> Result<(), Discard> {
        if !seg.flags.rst {
            return Ok(());
        }
        if !seg.flags.ack {
            return Err(Discard::InSynSent);
        }
        self.fail(now, CloseReason::Refused);
        Err(Discard::Done)
    }

    /// Fourth, check the SYN bit: it acknowledges ours.
    fn complete_active_open(&mut self, now: Instant, seg: &Segment<'_>) {
        self.snd.on_syn_acked();
        self.snd.set_window(seg.seq, seg.ack, u32::from(seg.window));
        self.on_syn_acked(now, seg.options.timestamps.map(|ts| ts.echo));
        self.acks.demand();
        self.enter(now, State::Established);
    }

    /// Fourth, check the SYN bit: it does not acknowledge ours, so both sides open at once (RFC
    /// 9293, section 3.5, figure 7). Our SYN goes out again, with its acknowledgement.
    fn open_simultaneously(&mut self, now: Instant) {
        self.enter(now, State::SynReceived);
        self.pending.syn = true;
        self.timers.set_if_stopped(Timer::Retransmit, now + self.rtt.rto());
    }
}
