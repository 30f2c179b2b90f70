//! What a simulated link does to packets.

use crate::time::Duration;

use super::prng::Prng;

/// How often something happens, in parts of a million.
///
/// Whole numbers, so that a seed replays on every machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance {
    per_million: u32,
}

impl Chance {
    /// It does not happen.
    pub const NEVER: Self = Self { per_million: 0 };
    /// It happens to every packet.
    pub const ALWAYS: Self = Self { per_million: 1_000_000 };

    /// So many times in a million; more is always.
    #[must_use]
    pub const fn per_million(times: u32) -> Self {
        if times < 1_000_000 { Self { per_million: times } } else { Self::ALWAYS }
    }

    /// So many times in a hundred; more is always.
    #[must_use]
    pub const fn percent(times: u32) -> Self {
        Self::per_million(times.saturating_mul(10_000))
    }

    /// Throws the dice. Takes one number from `prng`, whatever the chance.
    pub(super) fn strikes(self, prng: &mut Prng) -> bool {
        prng.below(1_000_000) < u64::from(self.per_million)
    }
}

/// What the link's bandwidth does to bursts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimit {
    /// Packets leave one after the other at this rate and wait in a queue before; what the queue
    /// has no room for is dropped. A router's interface.
    Queue {
        /// The rate; 0 counts as 1.
        bytes_per_second: u64,
        /// Room before the link.
        queue_bytes: u64,
    },
    /// Nothing waits: what goes over the rate by more than the burst is dropped at once. A token
    /// bucket, as carriers use.
    Policer {
        /// The rate; 0 counts as 1.
        bytes_per_second: u64,
        /// What may pass at once after a pause.
        burst_bytes: u64,
    },
}

/// The faults of one direction of a link. The default is a perfect link without delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// A packet vanishes.
    pub loss: Chance,
    /// Every packet travels this long.
    pub delay: Duration,
    /// And up to this much longer, evenly spread. Order is kept.
    pub jitter: Duration,
    /// A packet is held back, and others overtake it.
    pub reorder: Chance,
    /// How long such a packet is held back.
    pub reorder_by: Duration,
    /// A packet arrives twice.
    pub duplicate: Chance,
    /// One bit of a packet flips.
    pub corrupt: Chance,
    /// The link's bandwidth, if it has a limit.
    pub rate: Option<RateLimit>,
    /// Longer packets vanish, in bytes.
    pub mtu: usize,
    /// Most packets on their way at once; further ones vanish.
    pub in_flight_max: usize,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            loss: Chance::NEVER,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            reorder: Chance::NEVER,
            reorder_by: Duration::ZERO,
            duplicate: Chance::NEVER,
            corrupt: Chance::NEVER,
            rate: None,
            mtu: 65_535,
            in_flight_max: 65_536,
        }
    }
}
