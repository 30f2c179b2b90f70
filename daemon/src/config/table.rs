//! The one table of keys, in the order of the reference.

use core::time::Duration;

use super::keys::Effect::{self, Reload, Restart};
use super::keys::Key;
use super::kind::{Kind, Text};
use super::text;

const fn key(
    path: &'static str,
    kind: Kind,
    default: &'static str,
    effect: Effect,
    doc: &'static str,
) -> Key {
    Key { path, kind, default: Some(default), effect, per_route: false, doc }
}

const fn per_route(
    path: &'static str,
    kind: Kind,
    default: &'static str,
    doc: &'static str,
) -> Key {
    Key { path, kind, default: Some(default), effect: Effect::Reload, per_route: true, doc }
}

const fn route(path: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { path, kind, default: None, effect: Effect::Reload, per_route: false, doc }
}

const fn number(min: u64, max: u64) -> Kind {
    Kind::Number { min, max }
}

const fn millis(min: u64, max: u64) -> Kind {
    Kind::Time { min: Duration::from_millis(min), max: Duration::from_millis(max), off: false }
}

const fn millis_or_off(min: u64, max: u64) -> Kind {
    Kind::Time { min: Duration::from_millis(min), max: Duration::from_millis(max), off: true }
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Most connections of one daemon: what a slab index and a handful of GiB hold.
const CONNECTIONS: u64 = 4_000_000;
/// Most of what is counted per client or route.
const MANY: u64 = 1_000_000;

const INTERFACE: Text =
    Text { what: "the name of an interface, such as \"wharf0\"", check: text::interface };
const HOST_ADDRESS: Text =
    Text { what: "an IP address, such as \"10.213.0.2\"", check: text::host_address };
const PREFIX: Text = Text {
    what: "an address with a prefix length, such as \"10.213.0.1/30\"",
    check: text::prefix,
};
const PORTS: Text =
    Text { what: "a range of ports, such as \"10000-65535\"", check: text::port_range };
const SOCKET: Text = Text { what: "an absolute path", check: text::socket_path };
const MODE: Text = Text { what: "an octal mode, such as \"0660\"", check: text::mode };
const LISTEN: Text =
    Text { what: "\"ADDRESS:PORT\", \"unix:/PATH\" or \"off\"", check: text::listen };
const FILTER: Text = Text { what: "a log filter, such as \"info\"", check: text::log_filter };
const PATTERN: Text = Text {
    what: "an origin or a pattern, such as \"http://api.internal:8080\"",
    check: text::pattern,
};
const NAME: Text = Text { what: "a name, such as \"api\"", check: text::route_name };

/// Every key there is.
pub(super) const KEYS: &[Key] = &[
    key(
        "device.name",
        Kind::Text(INTERFACE),
        "\"wharf0\"",
        Restart,
        "Name of the interface. A device that exists is attached to, which needs no right if it \
         belongs to the daemon's user; one that does not is created, which needs CAP_NET_ADMIN.",
    ),
    key(
        "device.mtu",
        number(1_280, 65_535),
        "1500",
        Restart,
        "Largest IP packet in bytes. IPv6 demands 1280 of every link.",
    ),
    key(
        "device.allow_unowned",
        Kind::Switch,
        "false",
        Restart,
        "Attach even to a device without owner and group. Any local user could take such a device \
         and read or forge every packet.",
    ),
    key(
        "transport.addresses",
        Kind::List { each: HOST_ADDRESS, least: 1 },
        "[\"10.213.0.2\", \"fd00:213::2\"]",
        Restart,
        "Addresses of the stack, the sources of all its packets. Each lies inside a prefix of \
         `gateway`; the kernel never answers for them.",
    ),
    key(
        "transport.gateway",
        Kind::List { each: PREFIX, least: 1 },
        "[\"10.213.0.1/30\", \"fd00:213::1/64\"]",
        Restart,
        "Addresses of the kernel's end of the link. They are set on a device that the daemon \
         created, and compared on one that it attached to.",
    ),
    key(
        "transport.port_range",
        Kind::Text(PORTS),
        "\"10000-65535\"",
        Restart,
        "Local ports of outgoing connections. The whole range is there for each destination and \
         source address.",
    ),
    key(
        "transport.connections_max",
        number(1, CONNECTIONS),
        "32768",
        Restart,
        "Connections of the stack in every state but TIME-WAIT. Not below `pool.max_total`; the \
         rest is for those that close.",
    ),
    key(
        "transport.time_wait_max",
        number(0, CONNECTIONS),
        "65536",
        Restart,
        "Entries of the TIME-WAIT table, of at most 64 bytes each. Beyond it the oldest goes \
         early.",
    ),
    key(
        "transport.time_wait",
        millis(SECOND, 4 * MINUTE),
        "\"1min\"",
        Restart,
        "How long a connection that we closed is remembered: twice the lifetime of a segment \
         (RFC 9293, section 3.4.2).",
    ),
    key("transport.sack", Kind::Switch, "true", Restart, "Selective acknowledgement (RFC 2018)."),
    key(
        "transport.timestamps",
        Kind::Switch,
        "true",
        Restart,
        "Timestamps (RFC 7323): a round-trip time from every segment, and protection from old \
         ones.",
    ),
    key(
        "transport.congestion",
        Kind::Choice(&["cubic", "reno"]),
        "\"cubic\"",
        Restart,
        "Congestion control: CUBIC (RFC 9438) or Reno (RFC 5681).",
    ),
    key(
        "transport.ecn",
        Kind::Switch,
        "false",
        Restart,
        "Explicit congestion notification (RFC 3168): routers mark packets instead of dropping \
         them. Off, as Linux offers none; a SYN that goes unanswered is sent again without it.",
    ),
    key(
        "transport.nagle",
        Kind::Switch,
        "false",
        Restart,
        "Hold small segments back while earlier ones are unacknowledged (RFC 896). Off, because \
         clients hand over whole messages.",
    ),
    key(
        "transport.delayed_ack",
        millis(0, 499),
        "\"40ms\"",
        Restart,
        "Longest delay of an acknowledgement; the limit of RFC 1122, section 4.2.3.2, is half a \
         second.",
    ),
    key(
        "transport.rto_min",
        millis(10, 5 * SECOND),
        "\"200ms\"",
        Restart,
        "Lower bound of the retransmission timeout. RFC 6298 asks for one second; Linux takes \
         200 ms.",
    ),
    key(
        "transport.keepalive",
        millis_or_off(SECOND, DAY),
        "\"4min\"",
        Restart,
        "Silence after which a connection is probed for itself (RFC 9293, section 3.8.4), which also \
         keeps alive what a NAT on the way remembers of it. Whether an address is there at all, \
         `pool.probe_after_idle` asks.",
    ),
    key(
        "transport.user_timeout",
        millis_or_off(SECOND, DAY),
        "\"off\"",
        Restart,
        "How long sent data may stay unacknowledged before the connection is given up (RFC 5482). \
         \"off\" leaves it to the number of retransmissions.",
    ),
    key(
        "transport.send_buffer",
        Kind::Size { min: 16 * KIB, max: GIB },
        "\"16MiB\"",
        Restart,
        "Most bytes that one connection holds to send. The buffer begins with 64 KiB and grows to \
         twice the congestion window; an idle connection holds none. 1 Gbit/s at a round trip of \
         100 ms takes 12.5 MB.",
    ),
    key(
        "transport.receive_buffer",
        Kind::Size { min: 16 * KIB, max: GIB },
        "\"16MiB\"",
        Restart,
        "Most bytes that one connection holds for its reader, and so the largest window that it \
         offers. The buffer begins with 64 KiB and grows as the reader keeps up.",
    ),
    key(
        "transport.memory_limit",
        Kind::Size { min: MIB, max: 1024 * GIB },
        "\"512MiB\"",
        Restart,
        "Most bytes that the buffers of all connections hold or have promised to their peers, \
         beyond the 64 KiB that each buffer begins with. At three quarters no buffer grows any \
         further; what was promised is kept.",
    ),
    key(
        "transport.memory_per_uid",
        Kind::Size { min: MIB, max: 1024 * GIB },
        "\"128MiB\"",
        Restart,
        "Most bytes of `transport.memory_limit` for the leases of one user.",
    ),
    key(
        "pool.max_total",
        number(1, CONNECTIONS),
        "16384",
        Reload,
        "Connections of all routes: connecting, leased, settling and idle. Closing ones do not \
         count.",
    ),
    key(
        "pool.max_waiters_total",
        number(0, MANY),
        "8192",
        Reload,
        "Waiters of all routes. One more is refused with `queue_full`.",
    ),
    key(
        "pool.max_connecting_total",
        number(1, MANY),
        "256",
        Reload,
        "Connection attempts of all routes at one time.",
    ),
    key(
        "pool.max_routes",
        number(1, MANY),
        "1024",
        Reload,
        "Origins known at one time. A `[[route]]` with a `*` makes one of every origin that a \
         client asks for.",
    ),
    key(
        "pool.dns_refresh",
        millis(SECOND, DAY),
        "\"30s\"",
        Reload,
        "How often the names of upstreams are resolved again. A failed resolution keeps the old \
         addresses; connections to an address that an answer leaves out are closed, the leased \
         ones at release.",
    ),
    key(
        "pool.probe_after_idle",
        millis_or_off(SECOND, DAY),
        "\"30s\"",
        Reload,
        "Silence after which an address with idle connections is asked whether it is there: by one \
         of them on behalf of all. One that does not answer is given up.",
    ),
    per_route(
        "pool.max_per_route",
        number(1, CONNECTIONS),
        "256",
        "Connections of one origin: connecting, leased, settling and idle.",
    ),
    per_route(
        "pool.max_waiters_per_route",
        number(0, MANY),
        "1024",
        "Waiters of one origin. One more is refused with `queue_full`.",
    ),
    per_route(
        "pool.max_waiters_per_client",
        number(0, MANY),
        "256",
        "Waiters of one client at one origin.",
    ),
    per_route(
        "pool.max_connecting_per_route",
        number(1, MANY),
        "8",
        "Connection attempts of one origin at one time.",
    ),
    per_route(
        "pool.lease_timeout",
        millis(0, HOUR),
        "\"5s\"",
        "How long a lease that names no deadline of its own may wait. \"0s\" takes only what is \
         there now.",
    ),
    per_route(
        "pool.connect_timeout",
        millis(10, 5 * MINUTE),
        "\"3s\"",
        "Longest time of one connection attempt. The attempt belongs to the route and outlives \
         the waiter that caused it.",
    ),
    per_route(
        "pool.backoff_min",
        millis(10, MINUTE),
        "\"100ms\"",
        "How long an origin is left alone after an attempt to connect that failed. It doubles with \
         each in a row, and is a fifth more or less by lot. A lease that finds no connection in this \
         time is refused with `backoff` and told when to come back.",
    ),
    per_route(
        "pool.backoff_max",
        millis(0, HOUR),
        "\"30s\"",
        "How long an origin is left alone at most. \"0s\" is not at all.",
    ),
    per_route(
        "pool.idle_timeout",
        millis_or_off(10, DAY),
        "\"50s\"",
        "An idle connection is closed after this. Keep it below the idle limit of the server.",
    ),
    per_route(
        "pool.max_lifetime",
        millis_or_off(10, 30 * DAY),
        "\"10min\"",
        "A connection older than this is closed once it is free. Each draws up to 10 % less, so \
         that they do not go all at once.",
    ),
    per_route(
        "pool.max_uses",
        number(0, 0xffff_ffff),
        "0",
        "Leases that one connection serves before it is closed; 0 is without limit.",
    ),
    per_route(
        "pool.min_idle",
        number(0, MANY),
        "0",
        "Idle connections that one origin keeps ready, from its first lease on. They are opened again \
         within a second of being missing, and not evicted for other origins.",
    ),
    per_route(
        "pool.reuse",
        Kind::Choice(&["lifo", "fifo", "spread", "best"]),
        "\"lifo\"",
        "Which idle connection is leased first: \"lifo\" the one used last, \"fifo\" the one idle \
         the longest, \"spread\" one to the address with the fewest leases, \"best\" one to the \
         address with the shortest round trip and no loss in the last 10 s.",
    ),
    per_route(
        "pool.first_use_timeout",
        millis_or_off(10, DAY),
        "\"5s\"",
        "A lease that nothing was sent or received on for so long after it was granted is logged, with \
         the process that holds it.",
    ),
    per_route(
        "pool.lease_warn_after",
        millis_or_off(10, DAY),
        "\"60s\"",
        "A lease that is held for so long is logged, with the process that holds it, and counted as \
         overdue until it is given back.",
    ),
    per_route(
        "pool.lease_max",
        millis_or_off(10, 30 * DAY),
        "\"off\"",
        "A lease that is held for so long is taken away: its client is told `lease_revoked`, and the \
         connection is reset.",
    ),
    per_route(
        "pool.share",
        Kind::Choice(&["uid", "uid+group", "unit", "any"]),
        "\"uid\"",
        "Who may use a connection that another has used: clients of the same user, of the same \
         user and primary group, of the same user and control group (a service, a container), or any \
         client that may use the route.",
    ),
    per_route(
        "pool.quarantine",
        Kind::Switch,
        "true",
        "Whether a connection that users share (`share = \"any\"`) is proven quiet before it goes from \
         one to another: its last byte is repeated, and the answer must say that nothing is under way. \
         That takes one round trip. `false` shares at once.",
    ),
    route(
        "route.match",
        Kind::Text(PATTERN),
        "The origins: SCHEME://HOST[:PORT]. SCHEME is http (port 80 unless said otherwise) or tcp. \
         HOST is a name, an address (IPv6 in brackets), `*` for every host, or a name with `*` in \
         place of whole labels, each for exactly one. PORT is a number or `*` for every port.",
    ),
    route(
        "route.name",
        Kind::Text(NAME),
        "Label in metrics and logs, and the name by which a client may ask for it. Without one, \
         the label is the pattern.",
    ),
    route(
        "route.addresses",
        Kind::List { each: HOST_ADDRESS, least: 1 },
        "Addresses of the upstream, in place of resolving its name.",
    ),
    route(
        "route.allow_uids",
        Kind::Ids,
        "Users who may lease. Without any allow_ list, all who are not denied may.",
    ),
    route(
        "route.allow_gids",
        Kind::Ids,
        "Groups, primary or supplementary, whose members may lease.",
    ),
    route("route.deny_uids", Kind::Ids, "Users who may not lease, whatever is allowed."),
    route("route.deny_gids", Kind::Ids, "Groups whose members may not lease, whatever is allowed."),
    key(
        "control.lease_socket",
        Kind::Text(SOCKET),
        "\"/run/wharf/lease.sock\"",
        Restart,
        "Path of the socket on which clients lease.",
    ),
    key(
        "control.lease_mode",
        Kind::Text(MODE),
        "\"0660\"",
        Restart,
        "Permission bits of the lease socket; who may write to it may connect.",
    ),
    key(
        "control.admin_socket",
        Kind::Text(SOCKET),
        "\"/run/wharf/admin.sock\"",
        Restart,
        "Path of the socket that the command `wharf` asks.",
    ),
    key(
        "control.admin_mode",
        Kind::Text(MODE),
        "\"0660\"",
        Restart,
        "Permission bits of the admin socket.",
    ),
    key(
        "control.max_sessions",
        number(1, MANY),
        "8192",
        Reload,
        "Sessions of all clients. One more is closed at once.",
    ),
    key("control.max_sessions_per_uid", number(1, MANY), "4096", Reload, "Sessions of one user."),
    key(
        "control.max_leases_per_uid",
        number(1, MANY),
        "4096",
        Reload,
        "Leases and waiters of one user. One more is refused with `quota`.",
    ),
    key(
        "control.session_buffer",
        Kind::Size { min: 128 * KIB, max: 64 * KIB * KIB },
        "\"256KiB\"",
        Reload,
        "Most bytes queued for the reader of one session. Beyond it the upstream is not read \
         until the client has caught up.",
    ),
    key(
        "control.hello_timeout",
        millis(10, MINUTE),
        "\"1s\"",
        Reload,
        "How long a new session may take to say HELLO.",
    ),
    key(
        "control.drain_timeout",
        millis(0, HOUR),
        "\"30s\"",
        Restart,
        "How long leases may go on after the order to stop.",
    ),
    key(
        "metrics.listen",
        Kind::Text(LISTEN),
        "\"127.0.0.1:19900\"",
        Restart,
        "Where: a loopback TCP address, \"unix:/PATH\" (with `control.admin_mode`), or \"off\".",
    ),
    key(
        "log.filter",
        Kind::Text(FILTER),
        "\"info\"",
        Restart,
        "A level (error, warn, info, debug, trace, off), or directives TARGET=LEVEL with commas \
         between.",
    ),
    key(
        "log.format",
        Kind::Choice(&["auto", "text", "json"]),
        "\"auto\"",
        Restart,
        "How a line looks: \"text\" for people, \"json\" for programs; \"auto\" is text at a \
         terminal and JSON otherwise.",
    ),
];
