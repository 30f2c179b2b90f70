//! The whole path on the real thing: a TUN, the kernel's TCP, real processes, the built binaries.
//!
//! Each test runs in network, mount and process namespaces of its own, made by running this very
//! test binary again under unshare(1); everything it starts ends with it.

#![expect(clippy::print_stdout, reason = "a test tells why it was skipped, and what it measured")]

mod examples;
mod faults;
mod fd_mode;
mod loss;
mod service;
mod show;
mod support;
mod waiters;
