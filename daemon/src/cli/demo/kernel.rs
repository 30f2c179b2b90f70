//! What the kernel's own TCP counted in this network namespace.

use std::fs;
use std::io;

/// Counters of `/proc/net/snmp` and `/proc/net/netstat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KernelCounts {
    /// `PassiveOpens`: connections that a listener took through their handshake.
    pub(super) passive_opens: u64,
    /// `TW`: connections that went into TIME-WAIT.
    pub(super) time_waits: u64,
}

impl KernelCounts {
    /// Reads them now. A counter that this kernel does not have stays at zero.
    pub(super) fn read() -> io::Result<Self> {
        let snmp = fs::read_to_string("/proc/net/snmp")?;
        let netstat = fs::read_to_string("/proc/net/netstat")?;
        Ok(Self {
            passive_opens: field(&snmp, "Tcp:", "PassiveOpens").unwrap_or(0),
            time_waits: field(&netstat, "TcpExt:", "TW").unwrap_or(0),
        })
    }

    /// What was counted since `earlier`.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            passive_opens: self.passive_opens.saturating_sub(earlier.passive_opens),
            time_waits: self.time_waits.saturating_sub(earlier.time_waits),
        }
    }
}

/// A value of a table whose lines come in pairs, names above values, both led by `prefix`.
fn field(table: &str, prefix: &str, name: &str) -> Option<u64> {
    let mut lines = table.lines().filter_map(|line| line.strip_prefix(prefix));
    let (names, values) = (lines.next()?, lines.next()?);
    let at = names.split_whitespace().position(|candidate| candidate == name)?;
    values.split_whitespace().nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_below_their_names() {
        let table = "Ip: A B\nIp: 1 2\nTcp: RtoMin PassiveOpens X\nTcp: 200 17 -1\n";
        assert_eq!(field(table, "Tcp:", "PassiveOpens"), Some(17));
        assert_eq!(field(table, "Tcp:", "Nothing"), None);
        assert_eq!(field("", "Tcp:", "PassiveOpens"), None);
    }

    #[test]
    fn a_handshake_of_this_process_is_counted() {
        let before = KernelCounts::read().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        drop(listener.accept().unwrap());
        drop(client);
        assert!(KernelCounts::read().unwrap().since(before).passive_opens >= 1);
    }
}
