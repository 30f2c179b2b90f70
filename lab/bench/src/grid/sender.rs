//! Whose TCP sends.

use std::io;
use std::sync::mpsc::Receiver;

use wharf_transport::device::tun::Tun;

use super::ends::NEAR_DEVICE;
use super::run::left_alone;
use super::stop::Stop;
use super::{kernel_sender, stack_sender};
use crate::namespace;

/// Bytes of a write.
pub(super) const WRITE_BYTES: usize = 64 << 10;

/// Whose TCP sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The kernel's.
    Kernel,
    /// Ours.
    Ours,
}

/// What a sender has sent more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resent {
    /// Segments sent again.
    pub segments: u64,
    /// Timeouts of the retransmission timer.
    pub timeouts: u64,
}

/// What a sender has to say when the run is over.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    pub(super) resent: Resent,
    /// Packets that were lost on the way into the relay.
    pub(super) dropped: u64,
}

impl Sender {
    /// Sends from the namespace of the calling thread, once `begin` says that the relay is there.
    pub(super) fn run(self, ours: Tun, begin: &Receiver<()>, stop: &Stop) -> io::Result<Sent> {
        begin.recv().map_err(|_| left_alone("the relay did not come to be"))?;
        let resent = match self {
            Self::Kernel => kernel_sender::send(stop)?,
            Self::Ours => stack_sender::send(ours, send_buffer_max()?, stop)?,
        };
        Ok(Sent { resent, dropped: namespace::send_drops(NEAR_DEVICE).unwrap_or(0) })
    }
}

/// The most that the kernel's sender may buffer by itself: the last word of `tcp_wmem`.
pub(super) fn send_buffer_max() -> io::Result<usize> {
    let found = namespace::setting("ipv4/tcp_wmem")?;
    let most = found.split(' ').next_back().and_then(|most| most.parse().ok());
    most.ok_or_else(|| io::Error::other(format!("net/ipv4/tcp_wmem: {found}")))
}
