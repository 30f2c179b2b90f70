//! Descriptors that come along with `LEASED`: one for each lease that was asked for with `fd` and
//! is granted, in the order of the leases.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

/// What is due and what has come.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    /// Leases asked for with `fd` that were neither granted nor refused yet.
    due: VecDeque<u16>,
    /// Descriptors whose `LEASED` was not looked at yet.
    arrived: VecDeque<OwnedFd>,
}

impl Descriptors {
    /// A lease was asked for with `fd`.
    pub(super) fn asked(&mut self, lease: u16) {
        self.due.push_back(lease);
    }

    /// Whether a descriptor may come.
    pub(super) fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// A descriptor came. One that nobody has asked for is closed.
    pub(super) fn arrived(&mut self, descriptor: OwnedFd) {
        if self.arrived.len() < self.due.len() {
            self.arrived.push_back(descriptor);
        }
    }

    /// A lease was granted: its descriptor, if it was asked for and came.
    pub(super) fn granted(&mut self, lease: u16) -> Option<OwnedFd> {
        if self.answered(lease) { self.arrived.pop_front() } else { None }
    }

    /// A lease was refused: no descriptor comes for it.
    pub(super) fn refused(&mut self, lease: u16) {
        self.answered(lease);
    }

    fn answered(&mut self, lease: u16) -> bool {
        let place = self.due.iter().position(|due| *due == lease);
        place.and_then(|place| self.due.remove(place)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn each_lease_has_its_own() {
        let mut descriptors = Descriptors::default();
        for lease in [1, 2, 3] {
            descriptors.asked(lease);
        }
        let (first, mut first_end) = UnixStream::pair().unwrap();
        let (third, third_end) = UnixStream::pair().unwrap();
        descriptors.arrived(first.into());
        assert!(descriptors.granted(1).is_some());
        descriptors.refused(2);
        descriptors.arrived(third.into());
        assert!(descriptors.granted(7).is_none(), "a lease without one");
        let kept = descriptors.granted(3);
        assert!(kept.is_some() && !descriptors.is_due());
        assert_eq!(first_end.read(&mut [0; 1]).unwrap(), 0, "dropped is closed");
        third_end.set_nonblocking(true).unwrap();
        assert!((&third_end).read(&mut [0; 1]).is_err(), "still open");
    }

    #[test]
    fn what_nobody_asked_for_is_closed() {
        let mut descriptors = Descriptors::default();
        let (ours, mut end) = UnixStream::pair().unwrap();
        descriptors.arrived(ours.into());
        assert_eq!(end.read(&mut [0; 1]).unwrap(), 0);
    }
}
