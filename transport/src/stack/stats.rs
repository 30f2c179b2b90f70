//! The stack's counters, by the kernel's names and meanings.
//!
//! Plain integers that only grow; who exports them (and how) is not known here. The names are
//! those of `/proc/net/snmp` and `/proc/net/netstat`, in snake case, so that a dashboard made for
//! the kernel reads the same.

/// Declares [`Stats`] and its list of (name, help, value) from one table.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident : $help:literal,)*) => {
        /// What the stack has counted since it was made.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Stats {
            $(#[doc = $help] $(#[$doc])* pub $name: u64,)*
        }

        impl Stats {
            /// Each counter's name, help text and value, in the order of the table.
            pub fn entries(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [$((stringify!($name), $help, self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    active_opens: "Connections that went from CLOSED to SYN-SENT.",
    passive_opens: "Connections that went from LISTEN to SYN-RECEIVED.",
    attempt_fails: "Connections that went from SYN-SENT or SYN-RECEIVED to CLOSED or back to LISTEN.",
    estab_resets: "Connections that went from ESTABLISHED or CLOSE-WAIT straight to CLOSED.",
    in_segs: "Segments received, those in error included.",
    out_segs: "Segments sent, retransmissions excluded.",
    retrans_segs: "Segments retransmitted.",
    in_errs: "Segments received in error (malformed or with a bad checksum).",
    in_csum_errors: "Segments received with a bad checksum.",
    out_rsts: "Segments sent with the RST flag.",
    timeouts: "Retransmission timeouts.",
    fast_retransmits: "Segments retransmitted in fast recovery.",
    reno_recovery: "Fast recoveries begun by duplicate acknowledgements, without SACK (RFC 6582).",
    sack_recovery: "Fast recoveries begun with SACK (RFC 6675, RFC 8985).",
    sack_reneging: "Timeouts at which the peer had taken back what it had reported by SACK.",
    lost_retransmit: "Retransmissions found lost without a timeout (RFC 8985).",
    tlp_probes: "Tail loss probes sent (RFC 8985, kernel TCPLossProbes).",
    tlp_recovery: "Losses that a tail loss probe has mended (kernel TCPLossProbeRecovery).",
    spurious_rtos: "Timeouts found spurious by F-RTO (RFC 5682).",
    full_undo: "Fast recoveries undone because nothing had been lost.",
    loss_undo: "Timeouts undone because D-SACK showed that nothing had been lost.",
    dsack_sent: "Duplicates reported to the peer (RFC 2883).",
    dsack_recv: "Duplicates reported by the peer (RFC 2883).",
    syn_retrans: "SYN and SYN-ACK segments retransmitted.",
    delayed_acks: "Delayed acknowledgements sent.",
    challenge_acks: "Challenge acknowledgements sent (RFC 5961).",
    paws_estab: "Segments rejected by PAWS in an established connection (RFC 7323).",
    ofo_queue: "Segments queued out of order.",
    rcv_pruned: "Segments dropped because the out-of-order queue was full.",
    zero_window_probes: "Probes sent into a closed window.",
    abort_on_data: "Connections aborted because data came after the close, or was left unread.",
    abort_on_timeout: "Connections aborted because retransmissions went unanswered.",
    abort_on_linger: "Connections aborted because the peer did not finish in time after the close.",
    keepalive_probes: "Keepalive probes sent.",
    time_waits: "Connections that entered TIME-WAIT.",
    time_wait_overflows: "TIME-WAIT entries evicted because the table was full.",
    listen_overflows: "Handshakes dropped because the accept queue was full.",
    listen_drops: "SYNs to a listener dropped for any reason.",
    path_evictions: "Records of paths evicted because the table of destinations was full (RFC 9040).",
    discarded_segs: "Segments discarded by the receive processing (unacceptable, old, or for a closed state).",
    no_connection: "Segments for which there was no connection and no listener.",
    ip_in_receives: "IP packets received, those in error included.",
    ip_in_hdr_errors: "IP packets dropped for a malformed header or a bad header checksum.",
    ip_in_addr_errors: "IP packets dropped because they were not for an address of the stack.",
    ip_in_mcast_pkts: "IP packets dropped because they went to a multicast or broadcast address.",
    ip_in_unknown_protos: "IP packets dropped because of their protocol.",
    ip_fragments_dropped: "IP fragments dropped: the stack does not reassemble.",
    ip_out_requests: "IP packets sent.",
    icmp_in_msgs: "ICMP messages received.",
    icmp_in_errors: "ICMP messages dropped as malformed or not quoting a live segment.",
    icmp_in_echos: "ICMP echo requests received.",
    icmp_out_echo_reps: "ICMP echo replies sent.",
    icmp_in_dest_unreachs: "ICMP destination-unreachable messages accepted.",
    icmp_out_limited: "ICMP echo replies not sent because their budget was spent.",
    out_replies_limited: "Segments for no live connection left unanswered because the budget for answers was spent.",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_carry_names_and_values() {
        let stats = Stats { out_rsts: 7, ..Stats::default() };
        let entry = stats.entries().find(|(name, ..)| *name == "out_rsts");
        assert_eq!(entry.map(|(_, _, value)| value), Some(7));
    }

    #[test]
    fn each_help_text_is_a_sentence() {
        for (name, help, _) in Stats::default().entries() {
            assert!(help.ends_with('.'), "{name}: {help}");
        }
    }
}
