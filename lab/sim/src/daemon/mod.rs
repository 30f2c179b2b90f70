//! A whole daemon: a shard as it ships, clients that do everything that clients do, upstreams that
//! misbehave, and a bad network between.
//!
//! What is demanded: every byte is the lease's own, in both directions; each lease ends exactly
//! once; no verdict says of a request that it was not read when it was; a connection serves one
//! security domain; limits hold; and in bounded time everybody is done and nothing is left.

mod client;
mod patron;
mod request;
mod scenario;
mod sessions;
mod upstream;
mod world;

pub use scenario::{Act, Errand, Manner, Patron, Scenario, Settings, Upstreams};
pub use world::run;
