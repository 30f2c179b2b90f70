//! Builds one netlink request: header, fixed part, attributes.
//!
//! Numbers are in the machine's own byte order, as netlink has them; everything is padded to four
//! bytes. The header's length is filled in at the end.

use super::abi::{
    ATTRIBUTE_HEADER_LEN, HEADER_LEN, NLA_F_NESTED, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST,
};

/// A request being built.
#[derive(Debug)]
pub(super) struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// A request that the kernel answers with what was asked, if anything, and an acknowledgement.
    pub(super) fn new(kind: u16, flags: u16, seq: u32) -> Self {
        Self::with_flags(kind, NLM_F_REQUEST | NLM_F_ACK | flags, seq)
    }

    /// A request for everything of its kind.
    pub(super) fn dump(kind: u16, seq: u32) -> Self {
        Self::with_flags(kind, NLM_F_REQUEST | NLM_F_DUMP, seq)
    }

    fn with_flags(kind: u16, flags: u16, seq: u32) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&seq.to_ne_bytes());
        bytes.extend_from_slice(&[0; 4]);
        assert_eq!(bytes.len(), HEADER_LEN, "the header is whole");
        Self { bytes }
    }

    /// Appends a `struct ifinfomsg`; of the interface's flags those in `change` become `flags`.
    pub(super) fn link_header(mut self, index: u32, flags: u32, change: u32) -> Self {
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&index.to_ne_bytes());
        self.bytes.extend_from_slice(&flags.to_ne_bytes());
        self.bytes.extend_from_slice(&change.to_ne_bytes());
        self
    }

    /// Appends a `struct ifaddrmsg` of global scope.
    pub(super) fn address_header(mut self, family: u8, prefix_len: u8, index: u32) -> Self {
        self.bytes.extend_from_slice(&[family, prefix_len, 0, 0]);
        self.bytes.extend_from_slice(&index.to_ne_bytes());
        self
    }

    /// Appends a `struct rtmsg` that asks for the route to one address of `bits` bits.
    pub(super) fn route_header(mut self, family: u8, bits: u8) -> Self {
        self.bytes.extend_from_slice(&[family, bits, 0, 0, 0, 0, 0, 0]);
        self.bytes.extend_from_slice(&[0; 4]);
        self
    }

    /// Appends one attribute.
    pub(super) fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let len = u16::try_from(ATTRIBUTE_HEADER_LEN + value.len()).expect("attributes are short");
        self.bytes.extend_from_slice(&len.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    /// Appends an attribute that holds those which `fill` appends.
    pub(super) fn nested(self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        let start = self.bytes.len();
        let mut filled = fill(self.attribute(kind | NLA_F_NESTED, &[]));
        let len = u16::try_from(filled.bytes.len() - start).expect("attributes are short");
        filled.put_at(start, &len.to_ne_bytes());
        filled
    }

    /// The request as it is sent.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let len = u32::try_from(self.bytes.len()).expect("requests are short");
        self.put_at(0, &len.to_ne_bytes());
        self.bytes
    }

    /// Overwrites bytes that were appended before.
    fn put_at(&mut self, start: usize, value: &[u8]) {
        for (to, from) in self.bytes.iter_mut().skip(start).zip(value) {
            *to = *from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_as_the_kernel_wants_it() {
        let bytes = Request::new(16, 0x400, 7)
            .link_header(3, 1, 1)
            .attribute(4, &1500u32.to_ne_bytes())
            .attribute(3, b"wharf\0")
            .nested(26, |request| request.nested(10, |request| request.attribute(8, &[1])))
            .finish();
        let mut expected = Vec::new();
        let words: [u32; 3] = [u32::try_from(bytes.len()).expect("short"), 0, 7];
        expected.extend_from_slice(&words[0].to_ne_bytes());
        expected.extend_from_slice(&16u16.to_ne_bytes());
        expected.extend_from_slice(&0x405u16.to_ne_bytes());
        expected.extend_from_slice(&words[2].to_ne_bytes());
        expected.extend_from_slice(&[0; 4]);
        for word in [0u32, 3, 1, 1] {
            expected.extend_from_slice(&word.to_ne_bytes());
        }
        let attribute = |out: &mut Vec<u8>, len: u16, kind: u16, value: &[u8]| {
            out.extend_from_slice(&len.to_ne_bytes());
            out.extend_from_slice(&kind.to_ne_bytes());
            out.extend_from_slice(value);
        };
        attribute(&mut expected, 8, 4, &1500u32.to_ne_bytes());
        attribute(&mut expected, 10, 3, b"wharf\0\0\0");
        attribute(&mut expected, 16, 26 | 0x8000, &[]);
        attribute(&mut expected, 12, 10 | 0x8000, &[]);
        attribute(&mut expected, 5, 8, &[1, 0, 0, 0]);
        assert_eq!(bytes, expected);
        assert_eq!(bytes.len(), 16 + 16 + 8 + 12 + 16);
    }

    #[test]
    fn a_dump_asks_for_everything() {
        let bytes = Request::dump(22, 1).address_header(0, 0, 0).finish();
        assert_eq!(bytes[6..8], 0x301u16.to_ne_bytes());
        assert_eq!(bytes.len(), 24);
    }
}
