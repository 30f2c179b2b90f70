//! The upstreams: one more stack at the other end of the link, told by the script what to say.

use std::net::{IpAddr, SocketAddr};

use wharf_transport::batch::PacketBatch;
use wharf_transport::stack::{Config, ConnectionId, ListenerId, Secrets, Stack};
use wharf_transport::tcp::{self, CloseReason, Event, Quiescence, Read};
use wharf_transport::time::Instant;

use super::super::instant;
use super::frames::show;

/// Where the upstreams are. Scripts name an address only if it is not the first.
pub(super) const ADDRESSES: [IpAddr; 3] = [
    IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)),
    IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)),
    IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 3)),
];

/// Where they are besides.
pub(super) const ADDRESSES_V6: [IpAddr; 2] = [
    IpAddr::V6(std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)),
    IpAddr::V6(std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2)),
];

/// The port on which they listen.
pub(super) const PORT: u16 = 80;

/// One connection that was accepted.
#[derive(Debug)]
pub(super) struct Accepted {
    id: ConnectionId,
    /// The daemon's.
    pub(super) port: u16,
    /// What happened to it since it was last looked at.
    pub(super) events: Vec<String>,
    /// Bytes that came and were not looked at.
    pub(super) heard: Vec<u8>,
    /// Bytes that its send buffer had no room for.
    saying: Vec<u8>,
    finishes: bool,
    pub(super) reads: bool,
    pub(super) is_over: bool,
    /// The daemon's FIN has come.
    pub(super) heard_fin: bool,
}

/// Where a packet goes: IPv4 says it at 16, RFC 791, section 3.1; IPv6 at 24, RFC 8200, section 3.
fn destination(packet: &[u8]) -> Option<IpAddr> {
    if packet.first()? >> 4 == 4 {
        let octets: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
        return Some(octets.into());
    }
    let octets: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
    Some(octets.into())
}

/// All upstreams.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) stack: Stack,
    config: Config,
    restarts: u8,
    listeners: Vec<ListenerId>,
    /// In the order in which they were accepted.
    pub(super) accepted: Vec<Accepted>,
    /// Addresses at which nobody answers.
    pub(super) silent: Vec<IpAddr>,
    /// Addresses at which nobody listens: a stack of their own answers there with resets.
    pub(super) refusing: Vec<IpAddr>,
    closed_door: Stack,
}

impl Upstream {
    pub(super) fn new(tcp: tcp::Config) -> Self {
        let config = Config {
            addresses: ADDRESSES.into_iter().chain(ADDRESSES_V6).collect(),
            mtu: 1500,
            port_range: 10_000..=65_535,
            connections_max: 4096,
            time_wait_max: 4096,
            tcp,
        };
        let stack = Stack::new(config.clone(), Secrets::from_bytes(&[7; Secrets::LEN]));
        let closed_door = Stack::new(config.clone(), Secrets::from_bytes(&[5; Secrets::LEN]));
        let mut upstream = Self {
            stack,
            config,
            restarts: 0,
            listeners: Vec::new(),
            accepted: Vec::new(),
            silent: Vec::new(),
            refusing: Vec::new(),
            closed_door,
        };
        upstream.listen();
        upstream
    }

    /// Every connection is forgotten without a word.
    pub(super) fn restart(&mut self) {
        self.restarts += 1;
        let secrets = Secrets::from_bytes(&[7 + self.restarts; Secrets::LEN]);
        self.stack = Stack::new(self.config.clone(), secrets);
        for accepted in &mut self.accepted {
            accepted.is_over = true;
        }
        self.listeners.clear();
        self.listen();
    }

    pub(super) fn listen(&mut self) {
        for everywhere in ["0.0.0.0", "::"] {
            let everywhere = SocketAddr::new(everywhere.parse().expect("an address"), PORT);
            self.listeners.push(self.stack.listen(everywhere, 1024).expect("a free port"));
        }
    }

    /// From now on a SYN is answered by a reset.
    pub(super) fn stop_listening(&mut self, now: Instant) {
        for listener in self.listeners.drain(..) {
            self.stack.close_listener(now, listener);
        }
    }

    pub(super) fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        let destination = destination(packet);
        let is_among = |places: &[IpAddr]| destination.is_some_and(|to| places.contains(&to));
        if is_among(&self.refusing) {
            self.closed_door.handle_packet(now, packet);
        } else if !is_among(&self.silent) {
            self.stack.handle_packet(now, packet);
        }
    }

    /// Says `bytes` on the connection accepted as number `at`.
    pub(super) fn say(&mut self, now: Instant, at: usize, bytes: &[u8]) {
        self.accepted[at].saying.extend_from_slice(bytes);
        self.push(now, at);
    }

    /// Bytes that wait for room.
    pub(super) fn unsaid(&self, at: usize) -> usize {
        self.accepted[at].saying.len()
    }

    /// Whether a few bytes said now would leave now: all before them is acknowledged, and the window
    /// is open.
    pub(super) fn speaks_at_once(&self, now: wharf_pool::time::Now, at: usize) -> bool {
        let accepted = &self.accepted[at];
        let is_clean = self.stack.quiescence(accepted.id) == Ok(Quiescence::Clean);
        let info = self.stack.info(instant(now), accepted.id);
        accepted.saying.is_empty() && is_clean && info.is_ok_and(|info| info.snd_wnd > 1000)
    }

    /// Half-closes it.
    pub(super) fn finish(&mut self, now: Instant, at: usize) {
        self.accepted[at].finishes = true;
        self.push(now, at);
    }

    /// Resets it.
    pub(super) fn reset(&mut self, now: Instant, at: usize) {
        if self.accepted[at].is_over {
            return;
        }
        self.accepted[at].is_over = true;
        let _gone = self.stack.abort(now, self.accepted[at].id);
    }

    fn push(&mut self, now: Instant, at: usize) {
        let accepted = &mut self.accepted[at];
        if accepted.is_over {
            accepted.saying.clear();
            return;
        }
        if !accepted.saying.is_empty() {
            let Ok(taken) = self.stack.write(now, accepted.id, &accepted.saying) else {
                accepted.saying.clear();
                return;
            };
            accepted.saying.drain(..taken);
        }
        if accepted.saying.is_empty() && accepted.finishes {
            accepted.finishes = false;
            let _gone = self.stack.finish(now, accepted.id);
        }
    }

    /// Accepts, reads and hears what there is.
    pub(super) fn turn(&mut self, now: Instant) {
        self.stack.handle_timeout(now);
        while let Some(listener) = self.stack.poll_acceptable() {
            while let Some(id) = self.stack.accept(listener) {
                self.take(id);
            }
        }
        while let Some((id, event)) = self.stack.poll_event() {
            if let Some(at) = self.accepted.iter().position(|a| a.id == id && !a.is_over) {
                self.on_event(now, at, event);
            }
        }
        for at in 0..self.accepted.len() {
            self.read(now, at);
        }
    }

    fn take(&mut self, id: ConnectionId) {
        let (local, remote) = self.stack.ends(id).expect("just accepted");
        let opens = match local.ip() == ADDRESSES[0] {
            true => "opens".to_owned(),
            false => format!("opens at {}", local.ip()),
        };
        self.accepted.push(Accepted {
            id,
            port: remote.port(),
            events: vec![opens],
            heard: Vec::new(),
            saying: Vec::new(),
            finishes: false,
            reads: true,
            is_over: false,
            heard_fin: false,
        });
    }

    fn on_event(&mut self, now: Instant, at: usize, event: Event) {
        match event {
            Event::Writable => self.push(now, at),
            Event::PeerClosed => {
                self.read(now, at);
                self.show_heard(at);
                self.accepted[at].events.push("< FIN".to_owned());
                self.accepted[at].heard_fin = true;
            }
            Event::Closed(reason) => {
                self.read(now, at);
                self.show_heard(at);
                self.accepted[at].is_over = true;
                if reason == CloseReason::ResetByPeer {
                    self.accepted[at].events.push("< RST".to_owned());
                }
            }
            Event::Established
            | Event::Readable
            | Event::Acknowledged
            | Event::Answered
            | Event::Gap
            | Event::ForeignText
            | Event::Overdue => {}
        }
    }

    fn read(&mut self, now: Instant, at: usize) {
        let accepted = &mut self.accepted[at];
        let mut room = [0; 16 << 10];
        while accepted.reads && !accepted.is_over {
            let Ok(Read::Bytes(count)) = self.stack.read(now, accepted.id, &mut room) else {
                return;
            };
            accepted.heard.extend_from_slice(&room[..count]);
        }
    }

    /// Makes an event of what was heard.
    pub(super) fn show_heard(&mut self, at: usize) {
        let accepted = &mut self.accepted[at];
        if !accepted.heard.is_empty() {
            let heard = std::mem::take(&mut accepted.heard);
            accepted.events.push(format!("< {}", show(&heard)));
        }
    }

    pub(super) fn poll_transmit(&mut self, now: Instant, batch: &mut PacketBatch) -> bool {
        self.stack.poll_transmit(now, batch) || self.closed_door.poll_transmit(now, batch)
    }
}
