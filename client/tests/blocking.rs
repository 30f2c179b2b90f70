//! The blocking client against a daemon that plays transcripts.

mod support;

pub(crate) use std::io::{Read as ReadAll, Write as WriteAll};

pub(crate) use wharf_client::blocking::Client;

macro_rules! wait {
    ($answer:expr) => {
        $answer
    };
}

macro_rules! scenario {
    ($name:ident, $parts:expr, |$daemon:ident| $body:block) => {
        #[test]
        fn $name() {
            let $daemon = Daemon::play(&$parts);
            $body
            $daemon.finish();
        }
    };
}

#[path = "support/descriptors.rs"]
mod descriptors;
#[path = "support/scenarios.rs"]
mod scenarios;

#[test]
fn the_example_releases_at_the_last_byte() {
    support::examples::check("blocking_get");
}
