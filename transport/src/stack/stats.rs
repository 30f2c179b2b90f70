//! The stack's counters, by the kernel's names and meanings.
//!
//! Plain integers that only grow; who exports them (and how) is not known here. The names are
//! those of `/proc/net/snmp` and `/proc/net/netstat`, in snake case, so that a dashboard made for
//! the kernel reads the same; the table has the kernel's own spelling too, for `nstat`. What the
//! kernel does not count has no such spelling, and begins with `Wharf` there.
//!
//! Unlike the kernel's, IP's counters are those of both families, and ICMP's of both ICMPs.

/// One counter, as the table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Its name in snake case.
    pub name: &'static str,
    /// The kernel's name of the same count: group and name, as `nstat` prints them.
    pub kernel: Option<&'static str>,
    /// What it counts, in a sentence.
    pub help: &'static str,
    /// How many.
    pub value: u64,
}

impl Counter {
    /// Its name in `nstat`'s manner: the kernel's, or ours behind `Wharf`.
    #[must_use]
    pub fn nstat_name(&self) -> String {
        if let Some(kernel) = self.kernel {
            return kernel.to_owned();
        }
        let mut name = "Wharf".to_owned();
        for word in self.name.split('_') {
            let mut letters = word.chars();
            name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            name.push_str(letters.as_str());
        }
        name
    }
}

/// Declares [`Stats`] and its list of counters from one table: `name = "the kernel's": "help"`, or
/// `name: "help"` where the kernel has none.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident $(= $kernel:literal)? : $help:literal,)*) => {
        /// What the stack has counted since it was made.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Stats {
            $(#[doc = $help] $(#[$doc])* pub $name: u64,)*
        }

        impl Stats {
            /// Each counter, in the order of the table.
            pub fn entries(&self) -> impl Iterator<Item = Counter> {
                [$(Counter {
                    name: stringify!($name),
                    kernel: {
                        const KERNEL: &[&str] = &[$($kernel)?];
                        KERNEL.first().copied()
                    },
                    help: $help,
                    value: self.$name,
                },)*].into_iter()
            }
        }
    };
}

counters! {
    active_opens = "TcpActiveOpens": "Connections that went from CLOSED to SYN-SENT.",
    passive_opens = "TcpPassiveOpens": "Connections that went from LISTEN to SYN-RECEIVED.",
    attempt_fails = "TcpAttemptFails": "Connections that went from SYN-SENT or SYN-RECEIVED to CLOSED or back to LISTEN.",
    estab_resets = "TcpEstabResets": "Connections that went from ESTABLISHED or CLOSE-WAIT straight to CLOSED.",
    in_segs = "TcpInSegs": "Segments received, those in error included.",
    out_segs = "TcpOutSegs": "Segments sent, retransmissions excluded.",
    retrans_segs = "TcpRetransSegs": "Segments retransmitted.",
    orig_data_sent = "TcpExtTCPOrigDataSent": "Segments sent with text that had not been sent before.",
    in_errs = "TcpInErrs": "Segments received in error (malformed or with a bad checksum).",
    in_csum_errors = "TcpInCsumErrors": "Segments received with a bad checksum.",
    out_rsts = "TcpOutRsts": "Segments sent with the RST flag.",
    delivered = "TcpExtTCPDelivered": "Segments that arrived at the peer, as its acknowledgements and reports tell; SYNs of ours that opened a connection included.",
    timeouts = "TcpExtTCPTimeouts": "Retransmission timeouts.",
    fast_retransmits = "TcpExtTCPFastRetrans": "Segments retransmitted in fast recovery.",
    hystart_train_detect = "TcpExtTCPHystartTrainDetect": "Slow starts ended because acknowledgements came in trains as long as the path.",
    hystart_train_cwnd = "TcpExtTCPHystartTrainCwnd": "Congestion windows at which trains of acknowledgements ended slow starts, in segments, added up.",
    hystart_delay_detect = "TcpExtTCPHystartDelayDetect": "Slow starts ended because the delay had grown (RFC 9406).",
    hystart_delay_cwnd = "TcpExtTCPHystartDelayCwnd": "Congestion windows at which growing delay ended slow starts, in segments, added up.",
    reno_recovery = "TcpExtTCPRenoRecovery": "Fast recoveries begun by duplicate acknowledgements, without SACK (RFC 6582).",
    sack_recovery = "TcpExtTCPSackRecovery": "Fast recoveries begun with SACK (RFC 6675, RFC 8985).",
    sack_reneging = "TcpExtTCPSACKReneging": "Timeouts at which the peer had taken back what it had reported by SACK.",
    lost_retransmit = "TcpExtTCPLostRetransmit": "Retransmissions found lost without a timeout (RFC 8985).",
    tlp_probes = "TcpExtTCPLossProbes": "Tail loss probes sent (RFC 8985).",
    tlp_recovery = "TcpExtTCPLossProbeRecovery": "Losses that a tail loss probe has mended.",
    spurious_rtos = "TcpExtTCPSpuriousRTOs": "Timeouts found spurious by F-RTO (RFC 5682).",
    full_undo = "TcpExtTCPFullUndo": "Fast recoveries undone because nothing had been lost.",
    loss_undo = "TcpExtTCPLossUndo": "Timeouts undone because D-SACK showed that nothing had been lost.",
    dsack_old_sent = "TcpExtTCPDSACKOldSent": "Duplicates of text read in order already, reported to the peer (RFC 2883).",
    dsack_ofo_sent = "TcpExtTCPDSACKOfoSent": "Duplicates of text that came early, reported to the peer.",
    dsack_recv = "TcpExtTCPDSACKRecv": "Duplicates of what was acknowledged, reported by the peer (RFC 2883).",
    dsack_ofo_recv = "TcpExtTCPDSACKOfoRecv": "Duplicates of what was not acknowledged yet, reported by the peer.",
    syn_retrans = "TcpExtTCPSynRetrans": "SYN and SYN-ACK segments retransmitted.",
    delayed_acks = "TcpExtDelayedACKs": "Delayed acknowledgements sent.",
    challenge_acks = "TcpExtTCPChallengeACK": "Challenge acknowledgements sent (RFC 5961).",
    paws_estab = "TcpExtPAWSEstab": "Segments discarded by PAWS, for their timestamp is old (RFC 7323).",
    ofo_queue = "TcpExtTCPOFOQueue": "Segments queued out of order.",
    rcv_pruned = "TcpExtTCPOFODrop": "Segments dropped because the out-of-order queue was full.",
    memory_pressures = "TcpExtTCPMemoryPressures": "Times that the buffers of all connections came under memory pressure.",
    to_zero_window_adv = "TcpExtTCPToZeroWindowAdv": "Times that a window offered to a peer became zero.",
    from_zero_window_adv = "TcpExtTCPFromZeroWindowAdv": "Times that a window offered to a peer was zero and opened.",
    want_zero_window_adv = "TcpExtTCPWantZeroWindowAdv": "Windows offered only because they had been promised, while the buffer had no room.",
    zero_window_probes = "TcpExtTCPWinProbe": "Probes sent into a closed window.",
    abort_on_data = "TcpExtTCPAbortOnData": "Connections aborted because text came after the close.",
    abort_on_close = "TcpExtTCPAbortOnClose": "Connections aborted because they were closed with text unread.",
    abort_on_timeout = "TcpExtTCPAbortOnTimeout": "Connections aborted because retransmissions went unanswered.",
    abort_on_linger: "Connections aborted because the peer did not finish in time after the close.",
    keepalive_probes = "TcpExtTCPKeepAlive": "Keepalive probes sent.",
    time_waits: "Connections that entered TIME-WAIT.",
    time_wait_overflows = "TcpExtTCPTimeWaitOverflow": "TIME-WAIT entries evicted because the table was full.",
    tw_recycled = "TcpExtTWRecycled": "Connections opened with the addresses and ports of one in TIME-WAIT, as no port was free (RFC 6191).",
    listen_overflows = "TcpExtListenOverflows": "Handshakes dropped because the accept queue was full.",
    listen_drops = "TcpExtListenDrops": "SYNs to a listener dropped for any reason.",
    pmtu_lowered: "Segment sizes lowered because a router said that a packet was too big (RFC 1191, RFC 8201).",
    pmtu_deferred: "Packet-too-big messages kept until a timeout confirms them, because segments as large had arrived (RFC 5927).",
    pmtu_ignored: "Packet-too-big messages ignored, because their MTU was no smaller than what was sent, or no link's.",
    pmtu_black_holes: "Segment sizes lowered because larger segments timed out again and again (RFC 4821).",
    mtup_success = "TcpExtTCPMTUPSuccess": "Probes of a larger segment size that arrived (RFC 4821).",
    mtup_fail = "TcpExtTCPMTUPFail": "Probes of a larger segment size that were lost (RFC 4821).",
    watched_overflows: "Times that as many connections were watched as may be, so that others had to rest before they were quiet for long enough.",
    path_evictions: "Records of paths evicted because the table of destinations was full (RFC 9040).",
    syn_memory_drops: "SYNs to a listener dropped because the memory for buffers was used up.",
    discarded_out_of_window: "Segments discarded because nothing of them lies in the receive window.",
    discarded_rsts: "Resets discarded because they do not stand at the next number expected (RFC 5961).",
    syn_challenge = "TcpExtTCPSYNChallenge": "SYNs discarded because the connection is synchronized (RFC 5961).",
    discarded_acks: "Segments discarded because they acknowledge what was never sent, or long ago (RFC 5961).",
    discarded_no_ack: "Segments discarded because they acknowledge nothing, on a synchronized connection.",
    discarded_no_timestamp: "Segments discarded because they lack the timestamp agreed on (RFC 7323).",
    discarded_in_syn_sent: "Segments discarded in SYN-SENT: neither SYN nor a reset that answers ours.",
    discarded_in_listen: "Segments to a listener discarded: resets, and what neither opens nor acknowledges.",
    discarded_in_time_wait: "Segments discarded in TIME-WAIT: resets, and what is old or opens nothing.",
    discarded_closed: "Segments discarded because their connection had just closed.",
    no_connection: "Segments for which there was no connection and no listener.",
    ip_in_receives = "IpInReceives": "IP packets received, those in error included.",
    ip_in_hdr_errors = "IpInHdrErrors": "IP packets dropped for a malformed header or a bad header checksum.",
    ip_in_addr_errors = "IpInAddrErrors": "IP packets dropped because they were not for an address of the stack.",
    ip_in_delivers = "IpInDelivers": "IP packets handed on to TCP or ICMP.",
    ip_in_mcast_pkts = "IpExtInMcastPkts": "IP packets received, and dropped, that went to a multicast address.",
    ip_in_bcast_pkts = "IpExtInBcastPkts": "IP packets received, and dropped, that went to the broadcast address.",
    ip_in_no_ect_pkts = "IpExtInNoECTPkts": "IP packets received of senders that do not speak ECN (RFC 3168).",
    ip_in_ect0_pkts = "IpExtInECT0Pkts": "IP packets received with ECT(0).",
    ip_in_ect1_pkts = "IpExtInECT1Pkts": "IP packets received with ECT(1).",
    ip_in_ce_pkts = "IpExtInCEPkts": "IP packets received that a router has marked with congestion.",
    ip_in_unknown_protos = "IpInUnknownProtos": "IP packets dropped because of their protocol.",
    ip_fragments_dropped: "IP fragments dropped: the stack does not reassemble.",
    ip_out_requests = "IpOutRequests": "IP packets sent.",
    icmp_in_msgs = "IcmpInMsgs": "ICMP messages received.",
    icmp_in_errors = "IcmpInErrors": "ICMP messages dropped as malformed or not quoting a live segment.",
    icmp_in_echos = "IcmpInEchos": "ICMP echo requests received.",
    icmp_out_echo_reps = "IcmpOutEchoReps": "ICMP echo replies sent.",
    icmp_in_dest_unreachs: "ICMP destination-unreachable messages accepted.",
    icmp_in_pkt_too_bigs: "ICMP packet-too-big messages (IPv4: fragmentation needed) that quoted a live segment.",
    out_of_window_icmps = "TcpExtOutOfWindowIcmps": "ICMP errors that quoted a sequence number not in flight (RFC 5927).",
    icmp_out_limited = "IcmpOutRateLimitGlobal": "ICMP echo replies not sent because their budget was spent.",
    out_replies_limited: "Segments for no live connection left unanswered because the budget for answers was spent.",
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn entries_carry_names_and_values() {
        let stats = Stats { out_rsts: 7, ..Stats::default() };
        let counter = stats.entries().find(|counter| counter.name == "out_rsts").unwrap();
        assert_eq!((counter.kernel, counter.value), (Some("TcpOutRsts"), 7));
    }

    #[test]
    fn each_help_text_is_a_sentence() {
        for counter in Stats::default().entries() {
            assert!(counter.help.ends_with('.'), "{}: {}", counter.name, counter.help);
        }
    }

    #[test]
    fn names_of_ours_are_marked() {
        let counters: Vec<_> = Stats::default().entries().collect();
        let nstat = |name| counters.iter().find(|it| it.name == name).unwrap().nstat_name();
        assert_eq!(nstat("active_opens"), "TcpActiveOpens");
        assert_eq!(nstat("timeouts"), "TcpExtTCPTimeouts");
        assert_eq!(nstat("discarded_no_ack"), "WharfDiscardedNoAck");
        let names: BTreeSet<_> = counters.iter().map(Counter::nstat_name).collect();
        assert_eq!(names.len(), counters.len(), "no name stands twice");
    }

    /// The names of one of the kernel's tables: lines in pairs, `Group: names` and `Group: values`.
    fn kernel_names(table: &str) -> BTreeSet<String> {
        let heads = table.lines().step_by(2).filter_map(|line| line.split_once(": "));
        heads
            .flat_map(|(group, names)| names.split(' ').map(move |name| format!("{group}{name}")))
            .collect()
    }

    #[test]
    fn the_kernels_names_are_the_kernels() {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let mut names = kernel_names(&read("/proc/net/snmp"));
        names.extend(kernel_names(&read("/proc/net/netstat")));
        // Some sandboxes have neither table; and this one is new (Linux 6.8).
        if names.len() < 100 {
            return;
        }
        names.insert("IcmpOutRateLimitGlobal".to_owned());
        for counter in Stats::default().entries() {
            let known = counter.kernel.is_none_or(|name| names.contains(name));
            assert!(known, "{}: the kernel does not know {:?}", counter.name, counter.kernel);
        }
    }
}
