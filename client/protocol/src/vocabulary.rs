//! The small closed vocabularies of the protocol: each a byte on the wire and a token in logs,
//! metrics and JSON.

/// Declares an enum with its byte on the wire and its token.
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal, $token:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every value, in the order of the wire.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The value's name in logs, metrics and JSON.
            #[must_use]
            pub const fn token(self) -> &'static str {
                match self {
                    $(Self::$variant => $token,)+
                }
            }

            /// The value's byte on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// The value that this byte stands for, if any.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.token())
            }
        }
    };
}

vocabulary! {
    /// Whom a connection may serve after this lease. POOL.md, rule K.
    #[derive(Default)]
    Class {
        /// Any lease of the same security domain and affinity tag.
        #[default]
        Plain = 0, "plain";
        /// The client runs its own TLS or login on it: only the same session, or nobody.
        Opaque = 1, "opaque";
    }
}

vocabulary! {
    /// Where a granted connection came from; fixed at the grant.
    Source {
        /// From the idle list, a prewarmed one too.
        Idle = 0, "idle";
        /// Straight from the release of another lease.
        Handoff = 1, "handoff";
        /// This is the connection's first lease.
        New = 2, "new";
    }
}

vocabulary! {
    /// What the client says of a connection that it gives back.
    Disposition {
        /// The last exchange is over to the byte; another lease may follow.
        Reusable = 0, "reusable";
        /// Not to be used again.
        Discard = 1, "discard";
        /// Not a byte was written or read.
        Unused = 2, "unused";
    }
}

vocabulary! {
    /// What became of a connection that was given back.
    Outcome {
        /// It waits, idle, for its next lease.
        Kept = 0, "kept";
        /// It waits until the peer has acknowledged what was sent.
        Settling = 1, "settling";
        /// It went straight to a waiting lease.
        HandedOn = 2, "handed_on";
        /// It was closed; the cause says why.
        Closed = 3, "closed";
    }
}

vocabulary! {
    /// What is known of a failed lease's bytes. Only the first two make it safe to repeat
    /// a request that must not be carried out twice.
    Verdict {
        /// No byte left for the network.
        NeverSent = 0, "never_sent";
        /// Bytes were sent, and the peer provably did not read them.
        Unprocessed = 1, "unprocessed";
        /// The peer's TCP acknowledged some byte; its application may have acted on it.
        Acked = 2, "acked";
        /// Bytes were sent and nothing is known of them.
        Unknown = 3, "unknown";
    }
}

impl Verdict {
    /// Whether the request may be repeated even if it must not be carried out twice.
    #[must_use]
    pub const fn is_repeatable(self) -> bool {
        match self {
            Self::NeverSent | Self::Unprocessed => true,
            Self::Acked | Self::Unknown => false,
        }
    }
}
