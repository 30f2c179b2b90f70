//! What transport and pool cost and what they reach, measured: `cargo xtask bench`.
//!
//! - [`memory`]: bytes that an idle connection holds, by the allocator.
//! - [`packet_cost`]: time that a packet costs with few and with many idle connections beside it.
//! - [`grid`]: goodput beside the kernel's TCP, through one network with the same losses.
//! - [`pool`]: time of a lease beside other pools, and how long those wait who have to.
//! - [`stale`]: requests lost to idle connections that a server closes, beside hyper-util's client.
//! - [`idle`]: the many idle connections of the first two, and who answers them.
//! - [`overload`]: what becomes of leases when far more are asked for than can be served.
//! - [`queue`]: what a release costs by how many wait for it.
//! - [`reap`]: what it costs a turn that a great many connections expire at once.
//! - [`statistics`], [`machine`], [`results`]: medians, what was measured on, where it is written.
//! - [`namespace`], [`scheduling`], [`clock`], [`allocation`]: what is asked of the system.
//!
//! Invariants: what is compared is measured in turn within one run, never in two; every figure has
//! its spread; what the host does not own (namespaces, devices, threads) ends with the process.
//!
//! It is *not* a test: no test asserts on speed, and a figure that misses its goal fails nothing.
//!
//! `unsafe` is in files named `sys.rs` alone: the counting allocator, unshare(2), and
//! sched_setscheduler(2).

#![deny(unsafe_code)]

pub mod allocation;
pub mod clock;
pub mod grid;
pub mod idle;
pub mod machine;
pub mod memory;
pub mod namespace;
pub mod overload;
pub mod packet_cost;
pub mod pool;
pub mod queue;
pub mod reap;
pub mod results;
pub mod scheduling;
pub mod stale;
pub mod statistics;

/// Everything in a process with this library is counted: it is only ever part of benchmarks.
#[global_allocator]
static ALLOCATOR: allocation::Counting = allocation::Counting;
