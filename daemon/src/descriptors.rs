//! What a process must ask the kernel for before it serves many clients.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of open descriptors to what the process may have: each session takes one, and
/// the usual soft limit of 1024 is made for select(2), which nobody here uses.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        let current = limit.current.unwrap_or(u64::MAX);
        tracing::warn!(current, %error, "the limit of open descriptors stays as it is");
    }
}
