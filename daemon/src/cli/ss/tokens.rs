//! What `ss -ti` says of a connection: its tokens, in its order.
//!
//! As there, what is zero or not in use is left out; and what the kernel counts in segments is
//! shown in segments, though our stack counts bytes.

use std::fmt::{self, Write as _};

use serde::Deserialize;

/// A connection's figures. One that the daemon does not tell is zero.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tokens {
    congestion: String,
    ca_state: String,
    timestamps: bool,
    sack: bool,
    ecn: bool,
    wscale: Option<(u8, u8)>,
    rtt_us: u64,
    rttvar_us: u64,
    min_rtt_us: u64,
    rto_us: u64,
    backoff: u64,
    ato_us: u64,
    mss: u64,
    pmtu: u64,
    rcvmss: u64,
    advmss: u64,
    cwnd_bytes: u64,
    ssthresh_bytes: Option<u64>,
    snd_wnd: u64,
    rcv_wnd: u64,
    unacked_bytes: u64,
    sacked_bytes: u64,
    lost_bytes: u64,
    retrans_bytes: u64,
    reordering: u64,
    dsack_dups: u64,
    notsent_bytes: u64,
    bytes_sent: u64,
    bytes_acked: u64,
    bytes_received: u64,
    bytes_retrans: u64,
    segs_out: u64,
    segs_in: u64,
    data_segs_out: u64,
    data_segs_in: u64,
    total_retrans: u64,
    delivered: u64,
    busy_us: u64,
    rcv_space: u64,
    last_data_sent_ms: u64,
    last_ack_recv_ms: u64,
}

/// Where recovery stands when nothing is to be said of it.
const CA_STATE_NONE: &str = "open";

/// What `ss` takes for no reordering.
const REORDERING_NONE: u64 = 3;

impl fmt::Display for Tokens {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write_options(&mut text)?;
        self.write_path(&mut text)?;
        self.write_sums(&mut text)?;
        self.write_state(&mut text)?;
        out.write_str(text.trim_end())
    }
}

impl Tokens {
    /// What was agreed on.
    fn write_options(&self, text: &mut String) -> fmt::Result {
        for (is_used, word) in [(self.timestamps, "ts"), (self.sack, "sack"), (self.ecn, "ecn")] {
            if is_used {
                write!(text, "{word} ")?;
            }
        }
        if !self.congestion.is_empty() {
            write!(text, "{} ", self.congestion)?;
        }
        if !self.ca_state.is_empty() && self.ca_state != CA_STATE_NONE {
            write!(text, "ca_state:{} ", self.ca_state)?;
        }
        match self.wscale {
            Some((theirs, ours)) => write!(text, "wscale:{theirs},{ours} "),
            None => Ok(()),
        }
    }

    /// Timer, round trip, segment sizes, windows of congestion control.
    fn write_path(&self, text: &mut String) -> fmt::Result {
        write!(text, "rto:{} ", self.rto_us.div_ceil(1000))?;
        token(text, "backoff", self.backoff)?;
        if self.rtt_us > 0 {
            write!(text, "rtt:{}/{} ", millis(self.rtt_us), millis(self.rttvar_us))?;
        }
        if self.ato_us > 0 {
            write!(text, "ato:{} ", shortest_millis(self.ato_us))?;
        }
        token(text, "mss", self.mss)?;
        token(text, "pmtu", self.pmtu)?;
        token(text, "rcvmss", self.rcvmss)?;
        token(text, "advmss", self.advmss)?;
        token(text, "cwnd", self.cwnd_bytes.checked_div(self.mss).unwrap_or(0))?;
        token(text, "ssthresh", self.ssthresh_bytes.map_or(0, |it| it / self.mss.max(1)))
    }

    /// What has gone and come so far.
    fn write_sums(&self, text: &mut String) -> fmt::Result {
        for (name, value) in [
            ("bytes_sent", self.bytes_sent),
            ("bytes_retrans", self.bytes_retrans),
            ("bytes_acked", self.bytes_acked),
            ("bytes_received", self.bytes_received),
            ("segs_out", self.segs_out),
            ("segs_in", self.segs_in),
            ("data_segs_out", self.data_segs_out),
            ("data_segs_in", self.data_segs_in),
        ] {
            token(text, name, value)?;
        }
        Ok(())
    }

    /// The rate that the window allows, the latest times, and what is out.
    fn write_state(&self, text: &mut String) -> fmt::Result {
        // A window a round trip, in bits a second.
        let bits = self.cwnd_bytes.saturating_mul(8_000_000);
        if let Some(rate) = bits.checked_div(self.rtt_us) {
            write!(text, "send {rate}bps ")?;
        }
        token(text, "lastsnd", self.last_data_sent_ms)?;
        token(text, "lastack", self.last_ack_recv_ms)?;
        token(text, "delivered", self.delivered)?;
        if self.busy_us >= 1000 {
            write!(text, "busy:{}ms ", self.busy_us / 1000)?;
        }
        token(text, "unacked", self.segments(self.unacked_bytes))?;
        if self.retrans_bytes > 0 || self.total_retrans > 0 {
            let now = self.segments(self.retrans_bytes);
            write!(text, "retrans:{now}/{} ", self.total_retrans)?;
        }
        token(text, "lost", self.segments(self.lost_bytes))?;
        token(text, "sacked", self.segments(self.sacked_bytes))?;
        token(text, "dsack_dups", self.dsack_dups)?;
        if self.reordering != REORDERING_NONE {
            token(text, "reordering", self.reordering)?;
        }
        token(text, "rcv_space", self.rcv_space)?;
        token(text, "notsent", self.notsent_bytes)?;
        if self.min_rtt_us > 0 {
            write!(text, "minrtt:{} ", millis(self.min_rtt_us))?;
        }
        token(text, "snd_wnd", self.snd_wnd)?;
        token(text, "rcv_wnd", self.rcv_wnd)
    }

    /// So many bytes in segments, a part of one counted as one.
    fn segments(&self, bytes: u64) -> u64 {
        bytes.div_ceil(self.mss.max(1))
    }
}

/// One token, unless it is zero.
fn token(text: &mut String, name: &str, value: u64) -> fmt::Result {
    if value == 0 { Ok(()) } else { write!(text, "{name}:{value} ") }
}

/// Microseconds as milliseconds to the thousandth.
fn millis(micros: u64) -> String {
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

/// The same without zeros at its end, as C's `%g` has it.
fn shortest_millis(micros: u64) -> String {
    millis(micros).trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::ConnectionInfo;

    #[test]
    fn every_figure_in_the_order_of_ss() {
        let told = ConnectionInfo {
            congestion: "cubic",
            ca_state: "recovery",
            timestamps: true,
            sack: true,
            ecn: true,
            wscale: Some((7, 5)),
            rtt_us: 20_000,
            rttvar_us: 1_125,
            min_rtt_us: 19_500,
            rto_us: 400_000,
            backoff: 1,
            retransmits: 1,
            probes: 1,
            ato_us: 40_000,
            mss: 1_000,
            pmtu: 1_040,
            rcvmss: 536,
            advmss: 1_448,
            cwnd_bytes: 14_600,
            ssthresh_bytes: Some(2_920),
            snd_wnd: 64_000,
            rcv_wnd: 65_535,
            unacked_bytes: 3_001,
            sacked_bytes: 1_000,
            lost_bytes: 2_000,
            retrans_bytes: 500,
            reordering: 6,
            dsack_dups: 2,
            notsent_bytes: 77,
            bytes_sent: 1,
            bytes_acked: 2,
            bytes_received: 3,
            bytes_retrans: 4,
            segs_out: 5,
            segs_in: 6,
            data_segs_out: 7,
            data_segs_in: 8,
            total_retrans: 9,
            delivered: 13,
            busy_us: 14_999,
            rcv_space: 65_536,
            last_data_sent_ms: 10,
            last_ack_recv_ms: 11,
            buffer_bytes: 12,
        };
        let told = serde_json::to_value(told).unwrap();
        let tokens: Tokens = serde_json::from_value(told).unwrap();
        assert_eq!(
            tokens.to_string(),
            "ts sack ecn cubic ca_state:recovery wscale:7,5 rto:400 backoff:1 rtt:20.000/1.125 ato:40 \
             mss:1000 pmtu:1040 rcvmss:536 advmss:1448 cwnd:14 ssthresh:2 bytes_sent:1 bytes_retrans:4 bytes_acked:2 \
             bytes_received:3 segs_out:5 segs_in:6 data_segs_out:7 data_segs_in:8 send 5840000bps \
             lastsnd:10 lastack:11 delivered:13 busy:14ms unacked:4 retrans:1/9 lost:2 sacked:1 dsack_dups:2 reordering:6 \
             rcv_space:65536 notsent:77 minrtt:19.500 snd_wnd:64000 rcv_wnd:65535"
        );
    }

    #[test]
    fn a_delay_is_shown_without_zeros_at_its_end() {
        for (micros, shown) in [(40_000, "40"), (100_000, "100"), (1_500, "1.5"), (7, "0.007")] {
            assert_eq!(shortest_millis(micros), shown);
        }
    }

    #[test]
    fn what_is_zero_is_left_out() {
        let quiet = Tokens {
            ca_state: "open".to_owned(),
            busy_us: 999,
            rto_us: 1_000_000,
            reordering: 3,
            ..Tokens::default()
        };
        assert_eq!(quiet.to_string(), "rto:1000");
    }
}
