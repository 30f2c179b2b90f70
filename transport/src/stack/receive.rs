//! What arrives: from bytes to the connection, TIME-WAIT entry or listener concerned.
//!
//! RFC 1122, sections 3.2.1 and 4.2.3.10: what is malformed, not for us, or from an address that
//! cannot be a peer's is dropped without an answer, and counted. Then, by four-tuple: a live
//! connection, TIME-WAIT, a listener, or nobody (RFC 9293, section 3.10.7.1).

use core::net::{IpAddr, SocketAddr};

use super::Stack;
use super::bookkeeping::Owner;
use super::listener::ListenerId;
use super::tuple::{FourTuple, LocalAddress};
use crate::tcp::input::closed;
use crate::tcp::{Connection, Start, State, Verdict};
use crate::time::Instant;
use crate::wire::Malformed;
use crate::wire::ip::{self, Datagram, Ecn, Protocol};
use crate::wire::seq::SeqNumber;
use crate::wire::tcp::{self, Segment};

impl Stack {
    /// Takes in one IP packet, as the device gave it.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.watched.tell(now);
        self.stats.ip_in_receives += 1;
        let datagram = match ip::parse(packet) {
            Ok(datagram) => datagram,
            Err(Malformed::Fragment) => return self.stats.ip_fragments_dropped += 1,
            Err(_) => return self.stats.ip_in_hdr_errors += 1,
        };
        self.count_ecn(datagram.ecn);
        if is_for_many(datagram.destination) {
            return self.count_for_many(datagram.destination);
        }
        let local = self.addresses.find(datagram.destination);
        let Some(local) = local.filter(|_| self.is_possible_peer(datagram.source)) else {
            return self.stats.ip_in_addr_errors += 1;
        };
        match (datagram.protocol, datagram.destination) {
            (Protocol::Tcp, _) => {
                self.stats.ip_in_delivers += 1;
                self.handle_tcp(now, local, &datagram);
            }
            (Protocol::Icmp, IpAddr::V4(_)) | (Protocol::Icmpv6, IpAddr::V6(_)) => {
                self.stats.ip_in_delivers += 1;
                self.handle_icmp(now, local, &datagram);
            }
            (Protocol::Icmp | Protocol::Icmpv6 | Protocol::Other(_), _) => {
                self.stats.ip_in_unknown_protos += 1;
            }
        }
    }

    fn count_ecn(&mut self, ecn: Ecn) {
        match ecn {
            Ecn::NotEct => self.stats.ip_in_no_ect_pkts += 1,
            Ecn::Ect0 => self.stats.ip_in_ect0_pkts += 1,
            Ecn::Ect1 => self.stats.ip_in_ect1_pkts += 1,
            Ecn::Ce => self.stats.ip_in_ce_pkts += 1,
        }
    }

    fn count_for_many(&mut self, destination: IpAddr) {
        if destination.is_multicast() {
            self.stats.ip_in_mcast_pkts += 1;
        } else {
            self.stats.ip_in_bcast_pkts += 1;
        }
    }

    /// Whether a packet may come from `source`: RFC 1122, section 3.2.1.3; RFC 9293, MUST-63.
    pub(super) fn is_possible_peer(&self, source: IpAddr) -> bool {
        let is_nowhere = match source {
            // 0.0.0.0/8 is "this network": only who has no address yet may say so.
            IpAddr::V4(address) => matches!(address.octets(), [0, ..]),
            IpAddr::V6(address) => address.is_unspecified() || address.to_ipv4_mapped().is_some(),
        };
        !is_nowhere
            && !source.is_loopback()
            && !is_for_many(source)
            && !self.addresses.contains(source)
    }

    fn handle_tcp(&mut self, now: Instant, local: LocalAddress, datagram: &Datagram<'_>) {
        self.stats.in_segs += 1;
        match tcp::parse(datagram.source, datagram.destination, datagram.payload) {
            Ok((ports, segment)) => {
                let remote = SocketAddr::new(datagram.source, ports.source);
                let tuple = FourTuple::new(local, ports.destination, remote);
                let segment = Segment { ecn: datagram.ecn, ..segment };
                self.handle_segment(now, tuple, &segment);
            }
            Err(fault) => {
                self.stats.in_errs += 1;
                self.stats.in_csum_errors += u64::from(fault == Malformed::BadChecksum);
            }
        }
    }

    /// Shows a segment to whoever its tuple names.
    fn handle_segment(&mut self, now: Instant, tuple: FourTuple, segment: &Segment<'_>) {
        if let Some(index) = self.find(&tuple) {
            self.handle_connection_segment(now, index, segment);
        } else if self.time_waits.contains(&tuple) {
            self.handle_time_wait_segment(now, tuple, segment);
        } else if let Some(listener) = self.listeners.find(&tuple) {
            self.handle_listen_segment(now, listener, tuple, segment, None);
        } else {
            self.stats.no_connection += 1;
            self.reply(now, tuple, closed::reply(segment));
        }
    }

    fn handle_connection_segment(&mut self, now: Instant, index: u32, segment: &Segment<'_>) {
        let Some(entry) = self.connections.at(index) else { return };
        if let Owner::Handshake(listener) = entry.owner
            && would_finish_handshake(segment)
            && self.listeners.get(listener).is_some_and(|it| it.accept_queue_is_full())
        {
            self.stats.listen_overflows += 1;
            return;
        }
        if let Some((connection, stats)) = self.awake(index) {
            connection.handle_segment(now, segment, stats);
            if connection.heard_at() == now {
                self.peers.on_segment(now, self.connections.record_of(index));
            }
            self.touched(index);
        }
    }

    fn handle_time_wait_segment(&mut self, now: Instant, tuple: FourTuple, segment: &Segment<'_>) {
        let Some(record) = self.time_waits.record_mut(&tuple) else { return };
        let end = record.expires();
        match record.handle_segment(now, segment) {
            Verdict::Ignore => self.stats.discarded_in_time_wait += 1,
            Verdict::Reply(reply) => {
                if record.expires() != end {
                    self.time_waits.restarted(&tuple);
                }
                self.reply(now, tuple, Some(reply));
            }
            Verdict::Reopen => self.reopen(now, tuple, segment),
        }
    }

    /// A SYN that may follow the connection in TIME-WAIT: RFC 9293, section 3.10.7.4 (MAY-2), and
    /// RFC 6191. Its sequence numbers begin beyond the old ones. Without a listener, or with a
    /// full one, TIME-WAIT stays.
    fn reopen(&mut self, now: Instant, tuple: FourTuple, syn: &Segment<'_>) {
        let Some(listener) = self.listeners.find(&tuple) else {
            return self.stats.discarded_in_time_wait += 1;
        };
        let candidate = self.start(now, tuple).isn;
        let Some(record) = self.time_waits.record_mut(&tuple) else { return };
        let isn = record.next_isn(candidate);
        self.handle_listen_segment(now, listener, tuple, syn, Some(isn));
        if self.find(&tuple).is_some() {
            self.forget_time_wait(&tuple);
        }
    }

    /// SEGMENT ARRIVES in LISTEN: RFC 9293, section 3.10.7.2.
    fn handle_listen_segment(
        &mut self,
        now: Instant,
        listener: ListenerId,
        tuple: FourTuple,
        segment: &Segment<'_>,
        isn: Option<SeqNumber>,
    ) {
        if segment.flags.rst {
            return self.stats.discarded_in_listen += 1;
        }
        if segment.flags.ack {
            return self.reply(now, tuple, closed::reply(segment));
        }
        if !segment.flags.syn {
            return self.stats.discarded_in_listen += 1;
        }
        self.handle_syn(now, listener, tuple, segment, isn);
    }

    /// Begins a handshake, if the listener's queues and the stack have room for it.
    fn handle_syn(
        &mut self,
        now: Instant,
        listener: ListenerId,
        tuple: FourTuple,
        syn: &Segment<'_>,
        isn: Option<SeqNumber>,
    ) {
        let has_room = self.connections.len() < self.config.connections_max;
        let Some(queues) = self.listeners.get_mut(listener) else { return };
        if queues.accept_queue_is_full() {
            self.stats.listen_overflows += 1;
            self.stats.listen_drops += 1;
            return;
        }
        if !self.memory.admits_strangers() {
            self.stats.syn_memory_drops += 1;
            self.stats.listen_drops += 1;
            return;
        }
        if queues.syn_queue_is_full() || !has_room {
            self.stats.listen_drops += 1;
            return;
        }
        queues.handshake_began();
        self.stats.passive_opens += 1;
        let start = self.start(now, tuple);
        let start = Start { isn: isn.unwrap_or(start.isn), ..start };
        let connection = Connection::accept(now, &self.config.tcp, start, syn);
        assert!(connection.state() == State::SynReceived, "a child begins in SYN-RECEIVED");
        self.add(tuple, Owner::Handshake(listener), connection);
    }

    /// Queues an answer of the stack's own to the remote end of `tuple`.
    fn reply(&mut self, now: Instant, tuple: FourTuple, reply: Option<Segment<'static>>) {
        if let Some(segment) = reply {
            let ends = self.ends_of(tuple);
            self.replies.push_segment(now, ends, segment, &mut self.stats);
        }
    }
}

/// Whether a segment could take a child from SYN-RECEIVED to ESTABLISHED.
fn would_finish_handshake(segment: &Segment<'_>) -> bool {
    segment.flags.ack && !segment.flags.rst && !segment.flags.syn
}

/// Whether packets to `address` go to more than one host.
pub(super) fn is_for_many(address: IpAddr) -> bool {
    address.is_multicast()
        || match address {
            IpAddr::V4(address) => address.is_broadcast(),
            IpAddr::V6(_) => false,
        }
}
