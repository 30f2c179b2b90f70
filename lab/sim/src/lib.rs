//! Whole systems on a seed: two TCP stacks, or a whole daemon with its clients and upstreams, over
//! a network with every fault, on a virtual clock (DESIGN.md, section 10; TCP.md, section 4).
//!
//! - [`pair`]: two stacks and what they say to each other.
//! - [`daemon`]: a shard as it ships, scripted clients, upstreams that misbehave.
//! - [`way`], [`mtu`], [`coarse`]: the network and the hosts' clocks; [`stream`]: bytes known by their offset.
//! - [`case`], [`shrink`]: what a seed stands for, and how a failure is made short.
//! - [`tables`]: goodput and fairness, committed in `lab/sim/tables` and compared by a test.
//! - [`plant`]: faults on purpose, since a tool that never fails proves nothing.
//!
//! Invariants: a run is a function of its scenario, to the packet; nothing here reads a clock,
//! starts a thread or opens a descriptor (the binary does the first two); every run is bounded in
//! turns and in virtual time, so that liveness is a promise like the others.
//!
//! It is *not* a benchmark: goodput is measured on the virtual clock, and says nothing of speed.

#![forbid(unsafe_code)]

pub mod case;
pub mod coarse;
pub mod daemon;
pub mod dice;
pub mod mtu;
pub mod pair;
pub mod plant;
pub mod shrink;
pub mod stream;
pub mod tables;
pub mod trace;
pub mod violation;
pub mod way;
