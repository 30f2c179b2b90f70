//! Reads what the kernel answers: messages, and their attributes.
//!
//! Total, as all parsing is here: a length that makes no sense ends the walk.

use super::abi::{ATTRIBUTE_HEADER_LEN, HEADER_LEN, NLA_TYPE_MASK};

/// One message of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) seq: u32,
    /// What follows the header.
    pub(super) body: &'a [u8],
}

/// The messages of one datagram.
pub(super) fn messages(bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        let (message, after) = split_message(rest)?;
        rest = after;
        Some(message)
    })
}

/// The attributes in `bytes`: kind without flags, and value.
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        let (kind, value, after) = split_attribute(rest)?;
        rest = after;
        Some((kind & NLA_TYPE_MASK, value))
    })
}

/// The value of the first attribute of that kind.
pub(super) fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

/// A number at the beginning of `bytes`.
pub(super) fn read_u32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().copied().map(u32::from_ne_bytes)
}

/// Text up to its final zero, if it has one.
pub(super) fn read_text(bytes: &[u8]) -> String {
    let text = bytes.split(|octet| *octet == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// Cuts off the first message.
fn split_message(bytes: &[u8]) -> Option<(Message<'_>, &[u8])> {
    let [l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..] = *bytes else { return None };
    let len = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).ok()?;
    let message = Message {
        kind: u16::from_ne_bytes([k0, k1]),
        flags: u16::from_ne_bytes([f0, f1]),
        seq: u32::from_ne_bytes([s0, s1, s2, s3]),
        body: bytes.get(HEADER_LEN..len)?,
    };
    Some((message, bytes.get(len.next_multiple_of(4)..).unwrap_or_default()))
}

/// Cuts off the first attribute.
fn split_attribute(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let [l0, l1, k0, k1, ..] = *bytes else { return None };
    let len = usize::from(u16::from_ne_bytes([l0, l1]));
    let value = bytes.get(ATTRIBUTE_HEADER_LEN..len)?;
    let rest = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    Some((u16::from_ne_bytes([k0, k1]), value, rest))
}

#[cfg(test)]
mod tests {
    use super::super::request::Request;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_built_is_read_back() {
        let mut bytes = Request::new(16, 0, 7)
            .attribute(3, b"wharf0\0")
            .nested(26, |request| request.attribute(8, &9u32.to_ne_bytes()))
            .finish();
        bytes.extend_from_slice(&Request::dump(22, 8).finish());
        let read: Vec<Message<'_>> = messages(&bytes).collect();
        assert_eq!((read.len(), read[0].kind, read[0].seq), (2, 16, 7));
        assert_eq!((read[1].kind, read[1].seq, read[1].body), (22, 8, &[][..]));
        assert_eq!(find(read[0].body, 3).map(read_text), Some("wharf0".to_owned()));
        let nested = find(read[0].body, 26).expect("there");
        assert_eq!(find(nested, 8).and_then(read_u32), Some(9));
        assert_eq!(find(nested, 9), None);
    }

    #[test]
    fn lengths_without_sense_end_the_walk() {
        for len in [0u32, 15, 17, u32::MAX] {
            let bytes = [&len.to_ne_bytes()[..], &[0; 12]].concat();
            assert_eq!(messages(&bytes).count(), 0, "{len}");
        }
        for len in [0u16, 3, 9, u16::MAX] {
            let bytes = [&len.to_ne_bytes()[..], &[0; 6]].concat();
            assert_eq!(attributes(&bytes).count(), 0, "{len}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked(bytes in proptest::collection::vec(0u8..40, 0..200)) {
            for message in messages(&bytes) {
                prop_assert!(message.body.len() <= bytes.len());
            }
            prop_assert!(attributes(&bytes).count() <= bytes.len() / 4);
        }
    }
}
