//! Path MTU: how large a packet the path carries.
//!
//! Every packet leaves with "don't fragment"; a router that cannot carry one says so (RFC 1191, RFC
//! 8201), and [`too_big`] decides whether it is believed (RFC 5927). Routers that say nothing are
//! found out by what is lost: `black_hole` steps down, `probe` and [`search`] find the way up again
//! (RFC 4821), also after a router's word has grown old.
//!
//! Sizes are those of SND.MSS: text and options of one segment; a packet has
//! [`Start::headers`] more. What RFC 4821 calls eff_pmtu is SND.MSS itself. A change of it moves the
//! cut of what leaves from then on, retransmissions included: they are cut from the send buffer anew.
//!
//! Not here: that several connections share a path ([`super::path`], and the stack's table of
//! destinations); IPv4 paths that carry less than 576 bytes, which are not served (see
//! [`PathMtu::new`]).

mod black_hole;
mod probe;
mod search;
mod too_big;

use crate::time::{Duration, Instant};
use crate::wire::Options;

use self::black_hole::Suspicion;
use self::search::Search;
use self::too_big::Claim;
use super::config::Start;
use super::connection::Connection;
use super::path::KnownMtu;
use super::sequence_len;
use super::state::State;

/// How long a size that was lowered stays before a larger one is tried: RFC 8201, section 4 asks for
/// 5 minutes at least, and recommends 10.
const RAISED_AFTER: Duration = Duration::from_secs(600);

/// What a connection knows of its path's MTU.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathMtu {
    /// Bytes of a packet that are no part of a size.
    headers: u16,
    /// Least size: every path carries it.
    floor: u16,
    /// Largest size: what the device carries and the peer takes in.
    ceiling: u16,
    /// maxsizesent of RFC 5927, section 7.2: the largest size sent since it was last lowered.
    largest_sent: u16,
    /// maxsizeacked: the largest that has arrived, and is in use still.
    largest_acked: u16,
    /// What a router claims, and is not believed yet.
    claim: Option<Claim>,
    search: Search,
    suspicion: Suspicion,
    /// The MTU that was found, until the stack has taken note of it.
    news: Option<PathMtuNews>,
    /// How many changes of path MTUs the stack had told when it last asked.
    heard: u32,
}

/// A path MTU that was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathMtuNews {
    pub(crate) known: KnownMtu,
    pub(crate) at: Instant,
}

impl PathMtu {
    /// Before the peer's SYN has come.
    ///
    /// The floor is what every host takes in, whether its SYN says so or not, and what IPv6 demands
    /// of every link. IPv4 lets a link carry as little as 68 bytes; Linux does not go below 552, and
    /// we not below 576, so that a forged message costs little.
    pub(super) fn new(start: &Start) -> Self {
        let floor = start.peer_mss.min(start.mss);
        Self {
            headers: start.headers(),
            floor,
            ceiling: start.mss,
            largest_sent: 0,
            largest_acked: 0,
            claim: None,
            search: Search::new(),
            suspicion: Suspicion::default(),
            news: None,
            heard: 0,
        }
    }

    /// The peer takes in segments of `ceiling`; the path is `known`, or not. Returns the size to begin with.
    pub(super) fn begin(&mut self, ceiling: u16, known: Option<KnownMtu>) -> u16 {
        self.ceiling = ceiling;
        self.floor = self.floor.min(ceiling);
        let Some(KnownMtu { mtu, raised_from }) = known else { return ceiling };
        self.search.begin(raised_from, ceiling);
        self.size_of(mtu)
    }

    /// Largest size that both sides allow.
    pub(super) const fn ceiling(&self) -> u16 {
        self.ceiling
    }

    /// The size of a packet of `mtu` bytes, within the bounds.
    fn size_of(&self, mtu: u16) -> u16 {
        mtu.saturating_sub(self.headers).clamp(self.floor, self.ceiling)
    }

    /// The MTU that lets segments of `size` pass.
    pub(super) fn mtu_of(&self, size: u16) -> u16 {
        size.saturating_add(self.headers)
    }

    /// A segment has left.
    pub(super) fn on_sent(&mut self, size: u32) {
        self.largest_sent = self.largest_sent.max(u16::try_from(size).unwrap_or(u16::MAX));
    }

    /// A segment has arrived; what arrives above the size in `use_now` was sent before it was lowered.
    fn on_delivered(&mut self, size: u32, use_now: u16) {
        let size = u16::try_from(size).unwrap_or(u16::MAX).min(use_now);
        self.largest_acked = self.largest_acked.max(size);
    }

    /// The size in use has been raised: a probe of it has arrived.
    fn on_raised(&mut self, now: Instant, size: u16) {
        self.largest_acked = self.largest_acked.max(size);
        self.suspicion = Suspicion::default();
        self.search.on_success(now, size, self.ceiling);
        self.tell(now, size, now + RAISED_AFTER);
    }

    /// The size in use has been lowered.
    fn on_lowered(&mut self, now: Instant, size: u16, raised_from: Instant) {
        self.largest_sent = 0;
        self.largest_acked = self.largest_acked.min(size);
        self.claim = None;
        self.suspicion = Suspicion::default();
        self.search.begin(raised_from, self.ceiling);
        self.tell(now, size, raised_from);
    }

    /// What is known now is for those that share the path, and for us after a rest: that `size` passes,
    /// and when to try more. Our search itself is nobody else's.
    fn tell(&mut self, now: Instant, size: u16, raised_from: Instant) {
        let known = KnownMtu { mtu: self.mtu_of(size), raised_from };
        self.news = Some(PathMtuNews { known, at: now });
    }
}

impl Connection {
    /// The path MTU, if one was found since the last call: for those that share the path.
    pub(crate) fn take_path_mtu(&mut self) -> Option<PathMtuNews> {
        self.path_mtu.news.take()
    }

    /// Whether it has heard of so many changes of the path MTUs of all; now it has.
    pub(crate) fn has_heard_path_mtus(&mut self, changes: u32) -> bool {
        core::mem::replace(&mut self.path_mtu.heard, changes) == changes
    }

    /// Others have found out what the path carries. A smaller size is used from
    /// now on; what has left already is left to its own messages and timers (RFC 8201, section 5.2),
    /// and a larger one to our own search.
    pub(crate) fn on_shared_path_mtu(&mut self, now: Instant, known: KnownMtu) {
        self.start.path.pmtu = Some(known);
        let size = self.path_mtu.size_of(known.mtu);
        let is_open = self.state().is_synchronized() && self.state() != State::TimeWait;
        if is_open && size < self.snd.mss {
            self.lower_segment_size(now, size, known.raised_from);
            self.path_mtu.news = None;
        }
    }

    /// Text of at most `size` leaves in a segment from now on; from `raised_from` on more is tried.
    fn lower_segment_size(&mut self, now: Instant, size: u16, raised_from: Instant) {
        assert!(size < self.snd.mss, "a segment size is lowered to less");
        self.snd.mss = size;
        self.resize_window();
        self.path_mtu.on_lowered(now, size, raised_from);
    }

    /// Text that fits into a segment of this `size`, without reports of what was received.
    fn text_room(&self, now: Instant, size: u16) -> u32 {
        u32::from(size).saturating_sub(self.standing_options(now)).max(1)
    }

    /// Options that every segment carries, in bytes.
    fn standing_options(&self, now: Instant) -> u32 {
        let timestamps = self.timestamps.as_ref().map(|state| state.option(now));
        sequence_len(Options { timestamps, ..Options::default() }.len())
    }
}
