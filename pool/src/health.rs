//! What is thought of the path to an address (rule M), and when to think again.
//!
//! ```text
//!            a timer expired; silent for long?            asked again and again, no answer
//!     Well ------------------------------------> Suspect --------------------------------> Failed
//!       ^ ---- not yet ----> Doubted ----------->   |                                        |
//!       ^ ---- idle for long ---> Asked ---------->  |                                       |
//!       +------------------- a segment from there, on any connection -----------------------+
//! ```
//!
//! A segment from the address ends every doubt. So plain loss does not fail an address: all that was
//! sent before the doubt, all that is asked in it, and every answer would have to be lost, on all
//! connections there are.

use crate::ids::{AddressId, SlotId};
use crate::time::{Duration, Instant};

/// How often who is suspect is asked. POOL.md has twice; at a tenth lost each way one answer in five
/// does not come, so that two would fail an address now and then that is well. A question is a
/// packet of one byte, and six fit into the time of two.
pub(crate) const QUESTIONS: u8 = 6;

/// The time of two silences that say something, divided among the questions.
const WINDOWS: u32 = 2;

/// How often an address that was silent is asked before that is suspect.
pub(crate) const LIVENESS_QUESTIONS: u8 = 2;

/// Between two of these questions.
pub(crate) const LIVENESS_STEP: Duration = Duration::from_secs(1);

/// The least time between two questions: answers take a while.
const STEP_MIN: Duration = Duration::from_millis(10);

/// Something that was sent was not acknowledged in time: what the transport knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Where it was sent.
    pub address: AddressId,
    /// The connection; none of an attempt to connect.
    pub slot: Option<SlotId>,
    /// When a segment last came from there, on whichever connection; monotonic.
    pub heard: Instant,
    /// Silence for so long says more than the loss of one segment does: the retransmission timeout
    /// without back-off, and three round trips at least.
    pub window: Duration,
}

/// What is thought of the path to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// Nothing speaks against it.
    Well,
    /// A timer expired too soon after the last segment to say something: suspect at `until`.
    Doubted { silent: Option<SlotId>, until: Instant, step: Duration },
    /// It was silent for long, and was asked so often by way of `witness`.
    Asked { witness: SlotId, questions: u8, until: Instant },
    /// It did not answer when it should have. It was asked so often, by way of `witness`.
    Suspect { witness: SlotId, questions: u8, until: Instant, step: Duration },
    /// It is given up. It is knocked at again at `until`, for the time after so many.
    Failed { knocks: u32, until: Instant },
}

impl Health {
    /// When to think again; of one that is well that is somebody else's to say.
    pub(crate) const fn until(self) -> Option<Instant> {
        match self {
            Self::Well => None,
            Self::Doubted { until, .. }
            | Self::Asked { until, .. }
            | Self::Suspect { until, .. }
            | Self::Failed { until, .. } => Some(until),
        }
    }

    /// Whether connections to it are not to be leased or opened as long as others are there.
    pub(crate) const fn is_shunned(self) -> bool {
        matches!(self, Self::Suspect { .. } | Self::Failed { .. })
    }
}

/// The time between two questions where `window` of silence says something.
pub(crate) fn step(window: Duration) -> Duration {
    (window.saturating_mul(WINDOWS) / u32::from(QUESTIONS)).max(STEP_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_fit_into_the_time_of_two_and_leave_a_round_trip_for_answers() {
        let window = Duration::from_millis(300);
        assert_eq!(step(window), Duration::from_millis(100), "three round trips are in a window");
        assert_eq!(step(Duration::ZERO), STEP_MIN);
        assert_eq!(step(Duration::MAX), Duration::MAX / 6);
    }

    #[test]
    fn who_is_suspect_or_failed_is_shunned() {
        let until = Instant::ORIGIN;
        assert!(!Health::Well.is_shunned());
        assert!(!Health::Doubted { silent: None, until, step: Duration::ZERO }.is_shunned());
        assert!(Health::Failed { knocks: 0, until }.is_shunned());
        assert_eq!(Health::Failed { knocks: 0, until }.until(), Some(until));
        assert_eq!(Health::Well.until(), None);
    }
}
