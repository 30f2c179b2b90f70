//! Two stacks over a bad network: whatever the network does, streams arrive as they were written,
//! every connection ends for a reason that is there, and nothing is left (TCP.md, section 2).

mod end;
mod judge;
mod scenario;
mod watch;
mod world;

pub use scenario::{Ending, Host, Part, Scenario, Talk};
pub use world::run;
