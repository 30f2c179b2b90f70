//! Why bytes from outside are not a packet.
//!
//! An ordinary value, not a failure of ours: whoever drops the packet counts it by this kind.

/// What is wrong with a packet. The packet is dropped; there is nobody to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// It ends before its fixed header does, or before the length that a header states.
    #[error("packet is cut short")]
    Truncated,
    /// The version nibble is neither 4 nor 6.
    #[error("unknown IP version")]
    BadVersion,
    /// A length field contradicts the header that carries it.
    #[error("length field contradicts its header")]
    BadLength,
    /// The TCP data offset is under five words, or points past the segment.
    #[error("TCP data offset out of bounds")]
    BadDataOffset,
    /// The sum over header, or pseudo-header and payload, does not come out.
    #[error("bad checksum")]
    BadChecksum,
    /// One piece of a larger datagram: this stack does not reassemble.
    #[error("fragment")]
    Fragment,
    /// More IPv6 extension headers than [`EXTENSION_HEADERS_MAX`](super::ipv6::EXTENSION_HEADERS_MAX).
    #[error("too many extension headers")]
    TooManyHeaders,
    /// An IPv6 option or routing header that asks whoever does not know it to drop the packet.
    #[error("extension header that must be understood")]
    UnknownExtension,
}

impl Malformed {
    /// Every kind, for tables of counters.
    pub const ALL: [Self; 8] = [
        Self::Truncated,
        Self::BadVersion,
        Self::BadLength,
        Self::BadDataOffset,
        Self::BadChecksum,
        Self::Fragment,
        Self::TooManyHeaders,
        Self::UnknownExtension,
    ];
}
