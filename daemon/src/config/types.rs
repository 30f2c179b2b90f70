//! The typed configuration: what the daemon is told, once, after every layer has been checked.
//!
//! Each section of the file is a struct and each key a field of the same name. `Default` is the
//! product's defaults; `configs/wharf.toml` shows the same ones, and a test holds the two
//! together. Values here are whole and in range: nobody below asks again.

use core::net::IpAddr;
use core::ops::RangeInclusive;
use core::time::Duration;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::decode;
use super::pattern::RoutePattern;
use super::prefix::Prefix;

/// The whole configuration of one daemon.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// `[device]`: the TUN device.
    pub device: Device,
    /// `[transport]`: addresses and TCP.
    pub transport: Transport,
    /// `[pool]`: limits of the whole pool, and what a route has unless it says otherwise.
    pub pool: Pool,
    /// `[[route]]`, in the order in which they are tried.
    pub routes: Vec<Route>,
    /// `[control]`: the sockets of clients and of operators, and their quotas.
    pub control: Control,
    /// `[metrics]`: where figures are served.
    pub metrics: Metrics,
    /// `[log]`: what is logged, and how it looks.
    pub log: Log,
}

/// `[device]`: the TUN device that carries the daemon's packets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Device {
    /// Name of the interface, 1 to 15 bytes.
    pub name: String,
    /// Largest IP packet, in bytes. At least 1280, which IPv6 demands of every link.
    pub mtu: u16,
    /// Attach even to a device without owner and group, which any local user could take.
    pub allow_unowned: bool,
}

impl Default for Device {
    fn default() -> Self {
        Self { name: "wharf0".into(), mtu: 1500, allow_unowned: false }
    }
}

/// `[transport]`: the stack's addresses and its TCP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Transport {
    /// Source addresses of the stack, at least one; each inside a prefix of `gateway`.
    pub addresses: Vec<IpAddr>,
    /// Addresses of the kernel's end of the link, set on a device that the daemon created.
    #[serde(deserialize_with = "decode::prefixes")]
    pub gateway: Vec<Prefix>,
    /// Local ports of outgoing connections.
    #[serde(deserialize_with = "decode::port_range")]
    pub port_range: RangeInclusive<u16>,
    /// Connections of the stack in every state but TIME-WAIT.
    pub connections_max: usize,
    /// Entries of the TIME-WAIT table.
    pub time_wait_max: usize,
    /// How long a closed connection is remembered (twice the segment lifetime).
    #[serde(deserialize_with = "decode::duration")]
    pub time_wait: Duration,
    /// Selective acknowledgement is offered (RFC 2018).
    pub sack: bool,
    /// Timestamps are offered (RFC 7323).
    pub timestamps: bool,
    /// Congestion control.
    pub congestion: Congestion,
    /// Explicit congestion notification is offered (RFC 3168).
    pub ecn: bool,
    /// Small segments wait for the acknowledgement of earlier ones (RFC 896).
    pub nagle: bool,
    /// Longest delay of an acknowledgement (RFC 1122, section 4.2.3.2).
    #[serde(deserialize_with = "decode::duration")]
    pub delayed_ack: Duration,
    /// Lower bound of the retransmission timeout (RFC 6298).
    #[serde(deserialize_with = "decode::duration")]
    pub rto_min: Duration,
    /// Silence after which a connection is probed; `None` is off.
    #[serde(deserialize_with = "decode::duration_or_off")]
    pub keepalive: Option<Duration>,
    /// How long data may stay unacknowledged (RFC 5482); `None` leaves it to the retries.
    #[serde(deserialize_with = "decode::duration_or_off")]
    pub user_timeout: Option<Duration>,
    /// Most bytes that one connection buffers to send.
    #[serde(deserialize_with = "decode::size")]
    pub send_buffer: usize,
    /// Most bytes that one connection buffers for its reader; the largest window it offers.
    #[serde(deserialize_with = "decode::size")]
    pub receive_buffer: usize,
    /// Most bytes that the buffers of all connections hold beyond what each begins with.
    #[serde(deserialize_with = "decode::size")]
    pub memory_limit: usize,
    /// Most bytes of that for the leases of one user.
    #[serde(deserialize_with = "decode::size")]
    pub memory_per_uid: usize,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            addresses: vec![
                IpAddr::from([10, 213, 0, 2]),
                IpAddr::from([0xfd00, 0x213, 0, 0, 0, 0, 0, 2]),
            ],
            gateway: vec![
                Prefix { address: IpAddr::from([10, 213, 0, 1]), length: 30 },
                Prefix { address: IpAddr::from([0xfd00, 0x213, 0, 0, 0, 0, 0, 1]), length: 64 },
            ],
            port_range: 10_000..=65_535,
            connections_max: 32_768,
            time_wait_max: 65_536,
            time_wait: Duration::from_secs(60),
            sack: true,
            timestamps: true,
            congestion: Congestion::Cubic,
            ecn: false,
            nagle: false,
            delayed_ack: Duration::from_millis(40),
            rto_min: Duration::from_millis(200),
            keepalive: Some(Duration::from_secs(240)),
            user_timeout: None,
            send_buffer: 16 << 20,
            receive_buffer: 16 << 20,
            memory_limit: 512 << 20,
            memory_per_uid: 128 << 20,
        }
    }
}

/// `[pool]`: limits of the whole pool, and what a route has unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pool {
    /// Connections of all routes in every state but closing.
    pub max_total: usize,
    /// Waiters of all routes.
    pub max_waiters_total: usize,
    /// Connection attempts of all routes at one time.
    pub max_connecting_total: usize,
    /// Origins known at one time. A pattern makes one of each origin that it is asked for.
    pub max_routes: usize,
    /// How often the names of upstreams are resolved again.
    #[serde(deserialize_with = "decode::duration")]
    pub dns_refresh: Duration,
    /// How long an address with idle connections may be silent before it is asked whether it is
    /// there; `None` is for ever.
    #[serde(deserialize_with = "decode::duration_or_off")]
    pub probe_after_idle: Option<Duration>,
    /// The keys of `[pool]` that a `[[route]]` may set for itself.
    #[serde(flatten)]
    pub per_route: RouteSettings,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            max_total: 16_384,
            max_waiters_total: 8_192,
            max_connecting_total: 256,
            max_routes: 1_024,
            dns_refresh: Duration::from_secs(30),
            probe_after_idle: Some(Duration::from_secs(30)),
            per_route: RouteSettings::default(),
        }
    }
}

/// The keys of `[pool]` that a `[[route]]` may set for itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RouteSettings {
    /// Connections of one origin in every state but closing.
    pub max_per_route: usize,
    /// Waiters of one origin.
    pub max_waiters_per_route: usize,
    /// Waiters of one client at one origin.
    pub max_waiters_per_client: usize,
    /// Connection attempts of one origin at one time.
    pub max_connecting_per_route: usize,
    /// Longest wait of a lease that names no deadline of its own. Zero: only what is there now.
    #[serde(deserialize_with = "decode::duration")]
    pub lease_timeout: Duration,
    /// Longest time for one connection attempt.
    #[serde(deserialize_with = "decode::duration")]
    pub connect_timeout: Duration,
    /// How long an origin is left alone after a failed attempt; doubles with each in a row.
    #[serde(deserialize_with = "decode::duration")]
    pub backoff_min: Duration,
    /// How long it is left alone at most.
    #[serde(deserialize_with = "decode::duration")]
    pub backoff_max: Duration,
    /// An idle connection is closed after this; `None` is never.
    #[serde(deserialize_with = "decode::duration_or_off")]
    pub idle_timeout: Option<Duration>,
    /// A connection older than this is closed when free, less up to 10 %; `None` is never.
    #[serde(deserialize_with = "decode::duration_or_off")]
    pub max_lifetime: Option<Duration>,
    /// Leases that one connection serves; 0 is without limit.
    pub max_uses: u32,
    /// Idle connections that one origin keeps ready, once it was used.
    pub min_idle: usize,
    /// Which idle connection is leased first.
    pub reuse: Reuse,
    /// A lease that is held for so long and was not used is logged; `None` is never.
    #[serde(deserialize_with = "decode::duration_or_off")]
    pub first_use_timeout: Option<Duration>,
    /// A lease that is held for so long is logged and counted; `None` is never.
    #[serde(deserialize_with = "decode::duration_or_off")]
    pub lease_warn_after: Option<Duration>,
    /// A lease that is held for so long is taken away; `None` is never.
    #[serde(deserialize_with = "decode::duration_or_off")]
    pub lease_max: Option<Duration>,
    /// Who may use a connection that another has used.
    pub share: Share,
    /// Whether a connection is proven quiet before it serves another user.
    pub quarantine: bool,
}

impl Default for RouteSettings {
    fn default() -> Self {
        Self {
            max_per_route: 256,
            max_waiters_per_route: 1_024,
            max_waiters_per_client: 256,
            max_connecting_per_route: 8,
            lease_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(3),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(30),
            idle_timeout: Some(Duration::from_secs(50)),
            max_lifetime: Some(Duration::from_secs(600)),
            max_uses: 0,
            min_idle: 0,
            reuse: Reuse::Lifo,
            first_use_timeout: Some(Duration::from_secs(5)),
            lease_warn_after: Some(Duration::from_secs(60)),
            lease_max: None,
            share: Share::Uid,
            quarantine: true,
        }
    }
}

/// The algorithm of congestion control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Congestion {
    /// RFC 9438.
    #[default]
    Cubic,
    /// RFC 5681.
    Reno,
}

/// Which idle connection is leased first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reuse {
    /// The one used last: the warmest, and the others may grow old and close.
    #[default]
    Lifo,
    /// The one idle the longest: all are kept in use.
    Fifo,
    /// One to the address with the fewest leases.
    Spread,
    /// One to the address with the shortest round trip and no loss of late.
    Best,
}

/// Security domain of a connection: who may use one that another has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Share {
    /// Clients of the same user.
    #[default]
    Uid,
    /// Clients of the same user and primary group.
    #[serde(rename = "uid+group")]
    UidGroup,
    /// Clients of the same user in the same control group: of one service, of one container.
    Unit,
    /// Every client that may use the route.
    Any,
}

/// One `[[route]]`: which origins it is for, who may use them, and on what terms.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Route {
    /// `match`: the origins.
    #[serde(rename = "match", deserialize_with = "decode::pattern")]
    pub pattern: RoutePattern,
    /// Label in metrics and name in a lease request; unique. Without one, the pattern's text.
    #[serde(default)]
    pub name: Option<String>,
    /// Addresses of the upstream, in place of resolving its name.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// Who may lease.
    #[serde(flatten)]
    pub access: Access,
    /// The pool's settings for each origin, `[pool]`'s where the route has none of its own.
    #[serde(flatten)]
    pub settings: RouteSettings,
}

impl Route {
    /// The route's label in metrics and logs: its name, or else its pattern.
    #[must_use]
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.pattern.to_string())
    }
}

/// Who may lease from a route. Numbers only: names are not looked up, so that the answer does
/// not hang on a name service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Access {
    /// `allow_uids`: users who may.
    pub allow_uids: Vec<u32>,
    /// `allow_gids`: groups, primary or supplementary, whose members may.
    pub allow_gids: Vec<u32>,
    /// `deny_uids`: users who may not, whatever is allowed.
    pub deny_uids: Vec<u32>,
    /// `deny_gids`: groups whose members may not, whatever is allowed.
    pub deny_gids: Vec<u32>,
}

impl Access {
    /// Whether a client of user `uid` and groups `gids` (primary and supplementary) may lease.
    ///
    /// A denial wins. Without any `allow_` list, all who are not denied may.
    #[must_use]
    pub fn permits(&self, uid: u32, gids: &[u32]) -> bool {
        let listed = |uids: &[u32], groups: &[u32]| {
            uids.contains(&uid) || gids.iter().any(|g| groups.contains(g))
        };
        if listed(&self.deny_uids, &self.deny_gids) {
            return false;
        }
        let open = self.allow_uids.is_empty() && self.allow_gids.is_empty();
        open || listed(&self.allow_uids, &self.allow_gids)
    }
}

/// `[control]`: the sockets of clients and of operators, and their quotas.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Control {
    /// Path of the lease socket.
    pub lease_socket: PathBuf,
    /// Permission bits of the lease socket.
    #[serde(deserialize_with = "decode::mode")]
    pub lease_mode: u32,
    /// Path of the admin socket.
    pub admin_socket: PathBuf,
    /// Permission bits of the admin socket.
    #[serde(deserialize_with = "decode::mode")]
    pub admin_mode: u32,
    /// Sessions of all clients.
    pub max_sessions: usize,
    /// Sessions of one user.
    pub max_sessions_per_uid: usize,
    /// Leases and waiters of one user.
    pub max_leases_per_uid: usize,
    /// Most bytes queued for one session's reader, replies not counted.
    #[serde(deserialize_with = "decode::size")]
    pub session_buffer: usize,
    /// How long a new session may take to say HELLO.
    #[serde(deserialize_with = "decode::duration")]
    pub hello_timeout: Duration,
    /// How long leases may go on after the order to stop.
    #[serde(deserialize_with = "decode::duration")]
    pub drain_timeout: Duration,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            lease_socket: "/run/wharf/lease.sock".into(),
            lease_mode: 0o660,
            admin_socket: "/run/wharf/admin.sock".into(),
            admin_mode: 0o660,
            max_sessions: 8_192,
            max_sessions_per_uid: 4_096,
            max_leases_per_uid: 4_096,
            session_buffer: 256 << 10,
            hello_timeout: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// `[metrics]`: where figures are served.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Metrics {
    /// Where the metrics listener stands.
    #[serde(deserialize_with = "decode::listen")]
    pub listen: MetricsListen,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { listen: MetricsListen::Tcp(SocketAddr::from(([127, 0, 0, 1], 19_900))) }
    }
}

/// Where the metrics listener stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricsListen {
    /// Nowhere.
    Off,
    /// On a loopback address of the host.
    Tcp(SocketAddr),
    /// On a Unix socket.
    Unix(PathBuf),
}

/// `[log]`: what is logged, and how it looks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Log {
    /// Directives of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".into(), format: LogFormat::Auto }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text at a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One line for people.
    Text,
    /// One JSON object a line.
    Json,
}
