//! What a process is called.

/// The name of process `pid`, as `ps` shows it; empty if it is gone, or out of sight. It is what the
/// process says of itself: for people, not for decisions.
#[must_use]
pub fn comm(pid: i32) -> String {
    let read = std::fs::read_to_string(format!("/proc/{pid}/comm"));
    read.map_or_else(|_| String::new(), |comm| comm.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_name_while_it_lives() {
        let own = i32::try_from(std::process::id()).expect("a number of a process");
        assert!(!comm(own).is_empty());
        assert_eq!(comm(-1), "");
    }
}
