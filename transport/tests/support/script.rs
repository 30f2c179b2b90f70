//! Scripts: how they begin, and what they play on. Each is played for IPv4 and IPv6, and with both
//! sides' ISNs around 0, 2^31 and 2^32.

use wharf_transport::stack::{Config, Secrets, Stack};
use wharf_transport::tcp;
use wharf_transport::time::Duration;

use super::notation::parse;
use super::peer::Peer;
pub(crate) use super::run::Run;

/// How a script begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    Nothing,
    Connected,
    Accepted,
}

/// What is agreed on before a script begins, and what it then plays on.
pub(crate) struct Script {
    pub(super) opening: Opening,
    pub(super) mss: u16,
    pub(super) window: u16,
    pub(super) sack: bool,
    pub(super) timestamps: bool,
    /// The peer's shift; the stack's follows from its buffer.
    pub(super) window_scale: Option<u8>,
    pub(super) round_trip: Duration,
    config: tcp::Config,
    pub(super) backlog: usize,
    /// The families that it is played for: IPv4, IPv6.
    families: &'static [bool],
    rest_after: Option<Duration>,
}

/// Both sides' ISNs: around 0, 2^31 and 2^32, each so that a script passes the seam.
const ISNS: [(u32, u32); 3] =
    [(0, u32::MAX), ((1 << 31) - 700, (1 << 31) - 300), (u32::MAX - 699, u32::MAX - 299)];

impl Script {
    /// Nothing has happened yet; nobody listens.
    pub(crate) fn fresh() -> Self {
        Self {
            opening: Opening::Nothing,
            mss: 1460,
            window: 65_535,
            sack: true,
            timestamps: false,
            window_scale: None,
            round_trip: Duration::from_millis(10),
            config: tcp::Config {
                receive_buffer: 65_535,
                window_scale: false,
                timestamps: false,
                ..tcp::Config::default()
            },
            backlog: 16,
            families: &[true, false],
            rest_after: None,
        }
    }

    /// The stack has connected to the peer; the round trip took 10 ms.
    pub(crate) fn established() -> Self {
        Self { opening: Opening::Connected, ..Self::fresh() }
    }

    /// The peer has connected to a listener of the stack, which has accepted.
    pub(crate) fn accepted() -> Self {
        Self { opening: Opening::Accepted, ..Self::fresh() }
    }

    /// The MSS that the peer announces.
    pub(crate) fn mss(self, mss: u16) -> Self {
        Self { mss, ..self }
    }

    /// The window of the peer's packets that do not say another.
    pub(crate) fn window(self, window: u16) -> Self {
        Self { window, ..self }
    }

    /// Whether both sides offer SACK.
    pub(crate) fn sack(self, sack: bool) -> Self {
        self.config(|config| config.sack = sack).with_sack(sack)
    }

    fn with_sack(self, sack: bool) -> Self {
        Self { sack, ..self }
    }

    /// Whether both sides offer timestamps.
    pub(crate) fn timestamps(self) -> Self {
        Self { timestamps: true, ..self.config(|config| config.timestamps = true) }
    }

    /// Both sides offer window scaling, the peer with `shift`.
    pub(crate) fn window_scale(self, shift: u8) -> Self {
        let window_scale = Some(shift);
        Self { window_scale, ..self.config(|config| config.window_scale = true) }
    }

    /// The round trip of the opening handshake.
    pub(crate) fn round_trip(self, round_trip: Duration) -> Self {
        Self { round_trip, ..self }
    }

    /// The backlog of listeners.
    pub(crate) fn backlog(self, backlog: usize) -> Self {
        Self { backlog, ..self }
    }

    /// Connections rest no sooner than after a pause of this length.
    pub(crate) fn rest_after(self, rest_after: Duration) -> Self {
        Self { rest_after: Some(rest_after), ..self }
    }

    /// Plays it for one family alone: what it says differs from one to the other.
    pub(crate) fn family(self, ipv4: bool) -> Self {
        Self { families: if ipv4 { &[true] } else { &[false] }, ..self }
    }

    /// Changes what the stack's connections are made with.
    pub(crate) fn config(mut self, change: impl FnOnce(&mut tcp::Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Plays the script in both families with all ISNs.
    pub(crate) fn run(self, script: &str) {
        self.run_then(script, |_| {});
    }

    /// Plays the script, and then looks at what is left.
    pub(crate) fn run_then(self, script: &str, check: impl Fn(&Run<'_>)) {
        self.run_all(script, |_| {}, check);
    }

    /// Plays the script, and looks at the connection when it says that it is closed.
    pub(crate) fn run_watching(self, script: &str, on_closed: impl Fn(&Run<'_>)) {
        self.run_all(script, on_closed, |_| {});
    }

    fn run_all(self, script: &str, on_closed: impl Fn(&Run<'_>), check: impl Fn(&Run<'_>)) {
        let lines = parse(script);
        for ipv4 in self.families.iter().copied() {
            for isns in ISNS {
                let mut run = Run::new(&self, ipv4, isns);
                run.open();
                run.on_closed = Some(&on_closed);
                run.play(&lines);
                check(&run);
            }
        }
    }

    pub(super) fn stack(&self, peer: &Peer) -> Stack {
        // The same MSS in both families, so that the same scripts fit.
        let mtu = if peer.local.is_ipv4() { 1_500 } else { 1_520 };
        let config = Config {
            addresses: vec![peer.local.ip()],
            mtu,
            port_range: 40_000..=40_999,
            connections_max: 100,
            time_wait_max: 100,
            tcp: self.config,
        };
        let mut stack = Stack::new(config, Secrets::from_bytes(&[7; Secrets::LEN]));
        if let Some(rest_after) = self.rest_after {
            stack.set_rest_after(rest_after);
        }
        stack
    }
}
