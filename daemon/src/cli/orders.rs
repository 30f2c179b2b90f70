//! `wharf pause`, `deny`, `drain`, `resume`, `reconnect`: what an operator does to a route.

use clap::Args;
use serde::Deserialize;

use super::{Environment, Exit, admin};
use crate::order::Order;

/// Which route.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub(super) struct Options {
    #[command(flatten)]
    admin: admin::Options,
    /// The route by its name in `wharf routes`; all routes unless given
    route: Option<String>,
}

/// The daemon's answer, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Answer {
    route: Option<String>,
    routes: u64,
}

/// Runs the subcommand.
pub(super) fn run(order: Order, options: &Options, environment: &Environment) -> Exit {
    let command = match &options.route {
        Some(route) => format!("{} {route}", order.name()),
        None => order.name().to_owned(),
    };
    admin::run(&options.admin, environment, &command, |answer, _| render(order, answer))
}

fn render(order: Order, answer: &Answer) -> String {
    let done = match order {
        Order::Pause => "paused: leases wait",
        Order::Deny => "denied: leases are refused",
        Order::Drain => {
            "drained: leases are refused, idle connections close, leased ones at release"
        }
        Order::Resume => "resumed: leases are granted",
        Order::Reconnect => "reconnected: idle connections close, leased ones at release",
    };
    let whom = answer.route.as_deref().unwrap_or("all routes");
    format!("{whom}: {done} ({} origins in use)\n", answer.routes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said() {
        let answer = Answer { route: Some("web".to_owned()), routes: 1 };
        assert_eq!(render(Order::Pause, &answer), "web: paused: leases wait (1 origins in use)\n");
        let all = Answer { route: None, routes: 3 };
        assert!(render(Order::Reconnect, &all).starts_with("all routes: reconnected"));
    }
}
