//! An optional index in four bytes.
//!
//! `Option<u32>` takes eight; the wheel and the demultiplexer keep one or two a connection, and a
//! million connections are counted in bytes each.

use core::num::NonZeroU32;

/// An index below `u32::MAX`, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Link(Option<NonZeroU32>);

impl Link {
    /// No index.
    pub(super) const NONE: Self = Self(None);

    /// A link to `index`.
    pub(super) fn to(index: u32) -> Self {
        let stored = index.checked_add(1).and_then(NonZeroU32::new);
        assert!(stored.is_some(), "fewer than 2^32 - 1 connections");
        Self(stored)
    }

    /// The index, if there is one.
    pub(super) fn index(self) -> Option<u32> {
        self.0.map(|stored| stored.get() - 1)
    }
}

const _: () = assert!(size_of::<Link>() == 4, "a link is no larger than an index");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_gives_back_its_index_or_none() {
        assert_eq!(Link::NONE.index(), None);
        assert_eq!(Link::default(), Link::NONE);
        for index in [0, 1, u32::MAX - 1] {
            assert_eq!(Link::to(index).index(), Some(index));
        }
    }
}
