//! What the operator orders, carried out on the routes that are in use.

use wharf_pool::time::Now;

use super::Shard;
use crate::order::{Order, RouteOrder};

impl Shard {
    /// Carries out an order; says how many routes it concerned.
    pub fn handle_order(&mut self, now: Now, order: &RouteOrder) -> u64 {
        let wanted = |label: &str| order.route.as_deref().is_none_or(|route| route == label);
        let routes: Vec<_> = self
            .routes
            .iter()
            .filter(|(_, upstream)| wanted(&upstream.label))
            .map(|(route, _)| route)
            .collect();
        for &route in &routes {
            match order.order {
                Order::Pause => self.pool.pause_route(now, route),
                Order::Deny => self.pool.deny_route(now, route),
                Order::Drain => self.pool.empty_route(now, route),
                Order::Resume => self.pool.resume_route(now, route),
                Order::Reconnect => self.pool.reconnect_route(now, route),
            }
        }
        self.settle(now);
        routes.len() as u64
    }
}
