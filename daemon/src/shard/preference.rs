//! In which order the addresses of a name are tried. RFC 8305, section 4.
//!
//! The resolver's order is that of RFC 6724; it decides between addresses of which nothing better is
//! known. Before it go what is known of failures, and how many connections the route has to each:
//! so a server that was just added gets its share (POOL.md, rule D). Families alternate, so that one
//! that leads nowhere costs one delay rather than one for each of its addresses.

use std::cmp::Reverse;
use std::net::SocketAddr;

/// An address that may be tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) address: SocketAddr,
    /// Connections of the route that lead there, those under way too.
    pub(super) population: usize,
    /// Nothing came from there lately: only if all others fail.
    pub(super) has_failed: bool,
}

/// The addresses in the order in which they are to be tried; `candidates` are in the resolver's.
pub(super) fn in_order(mut candidates: Vec<Candidate>) -> Vec<SocketAddr> {
    candidates.sort_by_key(|candidate| (candidate.has_failed, candidate.population));
    let (good, bad) = candidates.into_iter().partition(|candidate| !candidate.has_failed);
    let mut order = interleaved(good);
    order.extend(interleaved(bad));
    order
}

/// One of each family in turn, beginning with that of the first; First Address Family Count is 1, as
/// recommended. What one family has more stands at the end.
fn interleaved(candidates: Vec<Candidate>) -> Vec<SocketAddr> {
    let addresses: Vec<SocketAddr> = candidates.iter().map(|found| found.address).collect();
    let Some(first) = addresses.first() else { return addresses };
    let is_first_family = first.is_ipv4();
    let mut ranks = [0_usize; 2];
    let mut ranked: Vec<(usize, Reverse<bool>, SocketAddr)> = addresses
        .into_iter()
        .map(|address| {
            let is_first = address.is_ipv4() == is_first_family;
            let rank = &mut ranks[usize::from(is_first)];
            *rank += 1;
            (*rank, Reverse(is_first), address)
        })
        .collect();
    ranked.sort_by_key(|(rank, is_first, _)| (*rank, *is_first));
    ranked.into_iter().map(|(.., address)| address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses by their last number: `4.x` is IPv4, `6.x` IPv6.
    fn order(candidates: &[(&str, usize, bool)]) -> Vec<String> {
        let candidates = candidates.iter().map(|&(name, population, has_failed)| {
            let (family, number) = name.split_once('.').expect("family.number");
            let address = match family {
                "4" => format!("10.0.0.{number}:80"),
                _ => format!("[fd00::{number}]:80"),
            };
            Candidate { address: address.parse().expect("an address"), population, has_failed }
        });
        let name = |address: SocketAddr| match address {
            SocketAddr::V4(address) => format!("4.{}", address.ip().octets()[3]),
            SocketAddr::V6(address) => format!("6.{}", address.ip().octets()[15]),
        };
        in_order(candidates.collect()).into_iter().map(name).collect()
    }

    #[test]
    fn the_resolvers_order_holds_where_nothing_else_is_known() {
        assert_eq!(order(&[]), [""; 0]);
        assert_eq!(order(&[("4.3", 0, false), ("4.1", 0, false)]), ["4.3", "4.1"]);
    }

    #[test]
    fn the_least_populated_comes_first() {
        let candidates = [("4.1", 2, false), ("4.2", 0, false), ("4.3", 1, false)];
        assert_eq!(order(&candidates), ["4.2", "4.3", "4.1"]);
    }

    #[test]
    fn families_alternate_from_that_of_the_first() {
        let sixes_first = ["6.1", "6.2", "6.3", "4.1"].map(|name| (name, 0, false));
        assert_eq!(order(&sixes_first), ["6.1", "4.1", "6.2", "6.3"]);
        let fours_first = ["4.1", "4.2", "6.1", "6.2"].map(|name| (name, 0, false));
        assert_eq!(order(&fours_first), ["4.1", "6.1", "4.2", "6.2"]);
        // The family of the least populated begins.
        assert_eq!(order(&[("6.1", 1, false), ("4.1", 0, false)]), ["4.1", "6.1"]);
    }

    #[test]
    fn what_has_failed_comes_last_of_all() {
        let candidates = [("6.1", 0, true), ("4.1", 9, false), ("4.2", 0, true), ("6.2", 5, false)];
        assert_eq!(order(&candidates), ["6.2", "4.1", "6.1", "4.2"]);
    }
}
