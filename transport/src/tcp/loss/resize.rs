//! What was too large for the path goes again: RFC 1191, section 6.4; RFC 8201, section 5.4. It was
//! dropped for its size, not for congestion, so there is no recovery.

use super::super::connection::Connection;
use super::{Phase, Recovery};

impl Connection {
    /// What is in flight in segments with more than `room` of text is lost, and goes again cut anew.
    pub(in crate::tcp) fn resend_larger(&mut self, room: u32) {
        self.recovery.scoreboard.mark_larger_lost(room);
        self.recovery.stop_timing();
        if self.recovery.phase == Phase::Open {
            // The duplicate acknowledgements that smaller segments have drawn tell of no other loss:
            // as after a recovery (RFC 6582, section 3.2, step 2).
            let Recovery { recover, duplicates, .. } = &mut self.recovery;
            *recover = self.snd.nxt;
            *duplicates = 0;
            self.stop_probing();
        }
    }
}
