//! LISTEN: RFC 9293, section 3.10.7.2, third step. The first two are the listener's, which has no
//! connection yet.

use crate::time::Instant;
use crate::wire::Segment;

use super::super::connection::Connection;
use super::super::state::State;
use super::super::timestamps::TimestampState;

impl Connection {
    /// Takes in the SYN that a listener got. Text and FIN on it are not kept: the peer sends them
    /// again.
    pub(in crate::tcp) fn listen(&mut self, now: Instant, syn: &Segment<'_>) {
        self.take_syn(now, syn);
        self.enter(now, State::SynReceived);
        self.pending.syn = true;
    }

    /// What any SYN tells: IRS, the first window, and the options that both sides take.
    pub(super) fn take_syn(&mut self, now: Instant, syn: &Segment<'_>) {
        self.rcv.on_syn(syn.seq);
        self.acks.last_sent = self.rcv.nxt;
        self.set_peer_mss(syn.options.mss);
        // The window of a SYN is never scaled: RFC 7323, section 2.2.
        self.snd.set_window(syn.seq, self.snd.una, u32::from(syn.window));
        self.scaling = self.config.window_scale && syn.options.window_scale.is_some();
        match syn.options.window_scale.filter(|_| self.scaling) {
            Some(shift) => self.snd.shift = shift.min(crate::wire::options::WINDOW_SCALE_MAX),
            None => {
                self.snd.shift = 0;
                self.rcv.shift = 0;
            }
        }
        self.ecn.on_syn(syn.flags, self.passive && self.config.ecn);
        self.sack_permitted = self.config.sack && syn.options.sack_permitted;
        self.timestamps = syn
            .options
            .timestamps
            .filter(|_| self.config.timestamps)
            .map(|ts| TimestampState::new(now, self.start.timestamp_offset, ts.value));
    }
}
