//! The lease that a session has, or had last: its phase and its counts.

use std::os::fd::OwnedFd;

use wharf_protocol::{Info, Leased};

use super::buffers::copy_front;
use crate::error::Error;
use crate::lease::Released;

/// What is known of the current lease, or of the last one once it is over.
pub(super) struct Lease {
    pub(super) number: u16,
    pub(super) phase: Phase,
    pub(super) route: String,
    pub(super) tx_written: u64,
    pub(super) rx_consumed: u64,
    /// Its bytes run on a descriptor of their own.
    pub(super) has_descriptor: bool,
    /// That descriptor, until somebody takes it.
    pub(super) descriptor: Option<OwnedFd>,
    pub(super) is_finished: bool,
    pub(super) is_eof: bool,
    pub(super) reset: Option<Error>,
    pub(super) refused: Option<Error>,
    pub(super) figures: Option<Info<'static>>,
    /// Answer bytes that had to be taken off the stream before anybody read them.
    pub(super) aside: Vec<u8>,
    aside_read: usize,
}

/// Where the current lease stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// `LEASE` was said.
    Waiting,
    /// `LEASED` came.
    Leased(Leased),
    /// `CANCEL` or `RELEASE` was said, and the daemon's end has not come.
    Leaving {
        /// Whether `LEASED` came, before or since.
        was_granted: bool,
    },
    /// The lease is over, and this became of its connection if it had one.
    Over(Option<Released>),
}

impl Lease {
    /// Before the first.
    pub(super) fn none() -> Self {
        let mut none = Self::new(0, String::new());
        none.phase = Phase::Over(None);
        none
    }

    pub(super) fn new(number: u16, route: String) -> Self {
        Self {
            number,
            phase: Phase::Waiting,
            route,
            tx_written: 0,
            rx_consumed: 0,
            has_descriptor: false,
            descriptor: None,
            is_finished: false,
            is_eof: false,
            reset: None,
            refused: None,
            figures: None,
            aside: Vec::new(),
            aside_read: 0,
        }
    }

    /// Whether the client has nothing more to say about it.
    pub(super) fn is_left(&self) -> bool {
        match self.phase {
            Phase::Leaving { .. } | Phase::Over(_) => true,
            Phase::Waiting | Phase::Leased(_) => false,
        }
    }

    /// Reads what was set aside, if there is any left.
    pub(super) fn read_aside(&mut self, out: &mut [u8]) -> Option<usize> {
        let rest = self.aside.get(self.aside_read..).filter(|rest| !rest.is_empty())?;
        let count = copy_front(rest, rest.len(), out);
        self.aside_read += count;
        self.rx_consumed = self.rx_consumed.saturating_add(count as u64);
        if self.aside_read == self.aside.len() {
            self.aside = Vec::new();
            self.aside_read = 0;
        }
        Some(count)
    }
}
