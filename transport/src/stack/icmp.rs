//! ICMP: echo is answered, errors are checked before a connection hears of them.
//!
//! RFC 792 and RFC 4443. An error is believed only if it quotes a segment of a live connection,
//! with a sequence number that is in flight (RFC 5927, section 4.1); what the error then means is
//! the connection's to say. What a router sends to hosts on a link (router advertisements,
//! neighbour discovery) has no meaning here and is dropped.

use core::net::SocketAddr;

use super::Stack;
use super::tuple::{FourTuple, LocalAddress};
use crate::time::Instant;
use crate::wire::icmp::{self, Echo, Message, Quote};
use crate::wire::ip::{self, Datagram};

impl Stack {
    pub(super) fn handle_icmp(
        &mut self,
        now: Instant,
        local: LocalAddress,
        datagram: &Datagram<'_>,
    ) {
        self.stats.icmp_in_msgs += 1;
        match icmp::parse(datagram.source, datagram.destination, datagram.payload) {
            Ok(Message::EchoRequest(echo)) => self.handle_echo(now, datagram, &echo),
            Ok(Message::Unreachable { hard, quote: Some(quote), .. }) => {
                self.handle_unreachable(now, local, quote, hard);
            }
            // Hops run out while routes change, a router may balk at one header and not at the
            // next, and the segment is sent again: soft errors (RFC 9293, section 3.9.2.2).
            Ok(Message::TooBig { mtu, quote: Some(quote) }) => {
                self.handle_too_big(now, local, quote, mtu);
            }
            Ok(
                Message::TimeExceeded { quote: Some(quote), .. }
                | Message::ParameterProblem { quote: Some(quote), .. },
            ) => self.handle_unreachable(now, local, quote, false),
            Ok(
                Message::Unreachable { quote: None, .. }
                | Message::TooBig { quote: None, .. }
                | Message::TimeExceeded { quote: None, .. }
                | Message::ParameterProblem { quote: None, .. },
            )
            | Err(_) => self.stats.icmp_in_errors += 1,
            Ok(Message::EchoReply(_) | Message::Other { .. }) => {}
        }
    }

    fn handle_echo(&mut self, now: Instant, datagram: &Datagram<'_>, echo: &Echo<'_>) {
        self.stats.icmp_in_echos += 1;
        let (source, destination) = (datagram.destination, datagram.source);
        if ip::header_len(destination) + echo.len() > usize::from(self.config.mtu) {
            self.stats.icmp_in_errors += 1;
            return;
        }
        let message = || {
            let mut message = vec![0; echo.len()].into_boxed_slice();
            echo.emit_reply(source, destination, &mut message);
            message
        };
        self.replies.push_echo(now, source, destination, message, &mut self.stats);
    }

    /// Tells the connection that sent the quoted segment, if there is one; it believes what is in
    /// flight.
    fn handle_unreachable(&mut self, now: Instant, local: LocalAddress, quote: Quote, hard: bool) {
        let Some(index) = self.find_quoted(local, quote) else { return };
        let live = self.connections.at_mut(index).and_then(|entry| entry.body.live_mut());
        if live.is_some_and(|connection| connection.handle_unreachable(now, hard, quote.seq)) {
            self.stats.icmp_in_dest_unreachs += 1;
        } else {
            self.refuse_quote();
        }
        self.touched(index);
    }

    /// The same for a packet that a link could not carry.
    fn handle_too_big(&mut self, now: Instant, local: LocalAddress, quote: Quote, mtu: u32) {
        let Some(index) = self.find_quoted(local, quote) else { return };
        let Self { connections, stats, .. } = self;
        let live = connections.at_mut(index).and_then(|entry| entry.body.live_mut());
        if live.is_some_and(|it| it.handle_too_big(now, quote.seq, mtu, stats)) {
            self.stats.icmp_in_pkt_too_bigs += 1;
        } else {
            self.refuse_quote();
        }
        self.touched(index);
    }

    /// The connection whose segment is quoted, by its tuple. At rest it has nothing in flight, and so
    /// nothing to hear.
    fn find_quoted(&mut self, local: LocalAddress, quote: Quote) -> Option<u32> {
        let remote = SocketAddr::new(quote.destination, quote.ports.destination);
        let tuple = FourTuple::new(local, quote.ports.source, remote);
        let is_ours = quote.source == self.addresses.address(local);
        let found = self.find(&tuple).filter(|_| is_ours);
        self.stats.icmp_in_errors += u64::from(found.is_none());
        found
    }

    /// A quote of a live connection, but of nothing that is in flight.
    fn refuse_quote(&mut self) {
        self.stats.icmp_in_errors += 1;
        self.stats.out_of_window_icmps += 1;
    }
}
