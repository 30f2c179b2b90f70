//! Who may import whom: STYLE, section 3. Imports point one way, and the pure layers know no
//! socket, thread, clock or file.

use super::Fault;
use super::code::{before_tests, code_only};
use super::tree::{File, Tree};

/// What no state machine touches: its bytes and its time are handed to it.
const IMPURE: &[&str] = &[
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "std::os",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::mpsc",
    "std::time::Instant",
    "std::time::SystemTime",
    "parking_lot",
    "rustix",
    "libc",
    "tokio",
];

/// A layer: the files below some paths, less those below others, and what they may not name.
struct Layer {
    name: &'static str,
    paths: &'static [&'static str],
    except: &'static [&'static str],
    is_pure: bool,
    forbidden: &'static [&'static str],
}

const LAYERS: &[Layer] = &[
    Layer {
        name: "transport",
        paths: &["transport/src/"],
        except: &["transport/src/device"],
        is_pure: true,
        forbidden: &["wharf_pool", "wharf_protocol", "wharf_client", "wharfd", "tracing"],
    },
    Layer {
        name: "transport::wire",
        paths: &["transport/src/wire/"],
        except: &[],
        is_pure: true,
        forbidden: &["crate::tcp", "crate::stack", "crate::device"],
    },
    Layer {
        name: "transport::tcp",
        paths: &["transport/src/tcp/"],
        except: &[],
        is_pure: true,
        forbidden: &["crate::stack::Stack", "crate::device"],
    },
    Layer {
        name: "transport::stack",
        paths: &["transport/src/stack/"],
        except: &[],
        is_pure: true,
        forbidden: &["crate::device"],
    },
    Layer {
        name: "transport::device",
        paths: &["transport/src/device"],
        except: &[],
        is_pure: false,
        forbidden: &["crate::tcp", "crate::stack", "wharf_pool", "wharf_protocol", "wharfd"],
    },
    Layer {
        name: "pool",
        paths: &["pool/src/"],
        except: &["pool/src/shared"],
        is_pure: true,
        forbidden: &["wharf_transport", "wharf_protocol", "wharf_client", "wharfd", "tracing"],
    },
    Layer {
        name: "protocol",
        paths: &["client/protocol/src/"],
        except: &[],
        is_pure: true,
        forbidden: &["wharf_transport", "wharf_pool", "wharf_client", "wharfd", "tracing"],
    },
    Layer {
        name: "client",
        paths: &["client/src/"],
        except: &["client/src/tokio", "client/src/hyper"],
        is_pure: false,
        forbidden: &["wharf_transport", "wharf_pool", "wharfd", "tokio"],
    },
    Layer {
        name: "daemon::shard",
        paths: &["daemon/src/shard", "daemon/src/session", "daemon/src/bridge"],
        except: &[],
        is_pure: true,
        forbidden: &["crate::reactor", "crate::control", "crate::metrics", "crate::cli"],
    },
    Layer {
        name: "daemon::snapshot",
        paths: &["daemon/src/snapshot"],
        except: &[],
        is_pure: true,
        forbidden: &["crate::control", "crate::reactor", "crate::shard", "crate::metrics"],
    },
    Layer {
        name: "lab::sim",
        paths: &["lab/sim/src/"],
        except: &["lab/sim/src/main.rs"],
        is_pure: true,
        forbidden: &["wharfd::reactor", "wharfd::control", "wharfd::run", "wharf_client"],
    },
    Layer {
        name: "daemon::metrics",
        paths: &["daemon/src/metrics"],
        except: &[],
        is_pure: true,
        forbidden: &["crate::control", "crate::reactor", "crate::shard", "wharf_pool"],
    },
];

pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let rust = tree.files.iter().filter(|file| file.is_rust() && !file.is_test());
    rust.flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<Fault> {
    let is_below = |path: &&str| file.path.starts_with(*path);
    let layers = LAYERS
        .iter()
        .filter(|layer| layer.paths.iter().any(is_below) && !layer.except.iter().any(is_below));
    let code = code_only(&file.text);
    let code = before_tests(&code);
    let faults = layers.flat_map(|layer| {
        let impure = if layer.is_pure { IMPURE } else { &[] };
        let forbidden = layer.forbidden.iter().chain(impure);
        forbidden.filter_map(|path| {
            let line = line_of(code, path)?;
            let what = format!("{} does not know `{path}`", layer.name);
            Some(Fault::new(&file.path, line, what))
        })
    });
    faults.collect()
}

/// The line that names this path, written out or as a member of a braced group.
fn line_of(code: &str, path: &str) -> Option<usize> {
    let at = written_out(code, path).or_else(|| in_group(code, path))?;
    Some(code.get(..at)?.lines().count().max(1))
}

fn written_out(code: &str, path: &str) -> Option<usize> {
    let is_whole = |at: &usize| {
        let before = code.get(..*at).unwrap_or_default();
        let after = code.get(at + path.len()..).unwrap_or_default();
        // A module of ours may have the name of the crate that it joins to.
        let is_declared = before.ends_with("mod ");
        !is_declared
            && !before.chars().next_back().is_some_and(is_part_of_a_path)
            && !after.chars().next().is_some_and(is_part_of_a_name)
    };
    code.match_indices(path).map(|(at, _)| at).find(is_whole)
}

fn in_group(code: &str, path: &str) -> Option<usize> {
    let (parent, name) = path.rsplit_once("::")?;
    let opening = format!("{parent}::{{");
    let names_it = |at: &usize| {
        let group = code.get(at + opening.len()..).unwrap_or_default();
        let group = group.split('}').next().unwrap_or_default();
        group.split(',').any(|member| {
            let first = member.trim().split("::").next().unwrap_or_default();
            first.split_whitespace().next() == Some(name)
        })
    };
    code.match_indices(&opening).map(|(at, _)| at).find(names_it)
}

fn is_part_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_part_of_a_path(c: char) -> bool {
    is_part_of_a_name(c) || c == ':'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|fault| fault.what).collect()
    }

    #[test]
    fn a_pure_layer_reads_no_clock_in_any_spelling() {
        let expected = ["transport does not know `std::time::Instant`"];
        for text in [
            "use std::time::Instant;",
            "use std::time::{Duration, Instant};",
            "use std::time::{\n    Duration,\n    Instant as Clock,\n};",
            "let x = std::time::Instant::now();",
        ] {
            assert_eq!(whats("transport/src/lib.rs", text), expected, "{text}");
        }
        for text in [
            "use std::time::Duration;",
            "// std::time::Instant",
            "use crate::time::Instant;",
            "fn a() {}\n#[cfg(test)]\nmod tests {\n    use std::time::Instant;\n}\n",
        ] {
            assert!(whats("transport/src/lib.rs", text).is_empty(), "{text}");
        }
    }

    #[test]
    fn imports_point_one_way() {
        let cases = [
            ("transport/src/wire/tcp.rs", "use crate::tcp::Connection;", 1),
            ("transport/src/tcp/mod.rs", "use crate::wire::tcp;", 0),
            ("transport/src/stack/mod.rs", "use crate::device::Device;", 1),
            ("transport/src/device/tun.rs", "use std::os::fd::OwnedFd;", 0),
            ("pool/src/pool.rs", "use wharf_transport::time;", 1),
            ("pool/src/shared.rs", "use parking_lot::Mutex;", 0),
            ("client/src/session.rs", "use wharf_pool::Pool;", 1),
            ("client/src/tokio.rs", "use tokio::net::UnixStream;", 0),
            ("client/src/lib.rs", "pub mod tokio;", 0),
            ("client/src/lib.rs", "use tokio::net::UnixStream;", 1),
            ("daemon/src/shard/mod.rs", "use crate::reactor::Reactor;", 1),
            ("daemon/src/reactor/mod.rs", "use crate::shard::Shard;", 0),
            ("lab/sim/src/pair/world.rs", "use std::time::Instant;", 1),
            ("lab/sim/src/main.rs", "use std::time::Instant;", 0),
        ];
        for (path, text, faults) in cases {
            assert_eq!(whats(path, text).len(), faults, "{path}: {text}");
        }
    }

    #[test]
    fn the_line_is_named() {
        let faults = check(&Tree::of(&[("pool/src/a.rs", "\n\nuse std::fs;\n")]));
        assert_eq!(faults[0].line, 3);
    }
}
