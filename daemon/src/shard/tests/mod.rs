//! The whole of a shard, without a socket and without a clock: scripted clients on one side, a
//! stack that plays the upstreams on the other. [`transcript`] explains the notation.

mod addresses;
mod black_hole;
mod client;
mod crossings;
mod eyeballs;
mod failures;
mod figures;
mod flow;
mod frames;
mod inspect;
mod invariants;
mod isolation;
mod labels;
mod odd_peers;
mod operations;
mod overdue;
mod pairs;
mod patience;
mod pattern;
mod quarantine;
mod random;
mod releases;
mod rules;
mod same_turn;
mod storm;
mod transcript;
mod upstream;
mod verdicts;
mod violations;
mod wire;
mod world;
