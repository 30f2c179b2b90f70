//! Which cells of a matrix a test plays: all of them, or so few that every value of an axis still
//! meets every value of every other axis.
//!
//! Most faults need one value, or two that meet; a set that covers all pairs finds those at a
//! small part of the cost, and is small enough to be played at every change.

use std::collections::HashSet;

use wharf_transport::device::simulated::prng::Prng;

/// Set to `full` to play every cell.
const SWITCH: &str = "WHARF_TEST_MATRIX";

/// Whether every cell is asked for.
#[expect(clippy::disallowed_methods, reason = "a test's own switch, read at one place")]
pub(crate) fn is_full() -> bool {
    std::env::var(SWITCH).is_ok_and(|value| value == "full")
}

/// The cells to play, as one index for each axis; `axes` are their lengths.
pub(crate) fn cells(axes: &[usize]) -> Vec<Vec<usize>> {
    let all = all(axes);
    if is_full() { all } else { covering_all_pairs(all) }
}

/// Every cell.
pub(crate) fn all(axes: &[usize]) -> Vec<Vec<usize>> {
    axes.iter().fold(vec![Vec::new()], |cells, length| {
        let longer = |cell: Vec<usize>| {
            (0..*length).map(move |index| cell.iter().copied().chain([index]).collect())
        };
        cells.into_iter().flat_map(longer).collect()
    })
}

/// The pairs of a cell: an index of one axis, and an index of a later one.
fn pairs(cell: &[usize]) -> impl Iterator<Item = (usize, usize, usize, usize)> + '_ {
    (0..cell.len()).flat_map(move |a| (a + 1..cell.len()).map(move |b| (a, cell[a], b, cell[b])))
}

/// Takes the cell with the most pairs that no cell before it has, until no pair is missing. Among
/// equals chance decides, from a fixed seed, so that what does not matter varies.
pub(crate) fn covering_all_pairs(all: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    let mut missing: HashSet<_> = all.iter().flat_map(|cell| pairs(cell)).collect();
    let mut prng = Prng::new(1);
    let mut taken = Vec::new();
    while !missing.is_empty() {
        let news = |cell: &&Vec<usize>| {
            let count = pairs(cell).filter(|pair| missing.contains(pair)).count();
            (count, prng.next_u64())
        };
        let best = all.iter().max_by_key(news).expect("a pair is of a cell").clone();
        for pair in pairs(&best) {
            missing.remove(&pair);
        }
        taken.push(best);
    }
    taken
}

/// What a table begins with: how many cells it has, and of how many.
pub(crate) fn title(played: usize, axes: &[usize]) -> String {
    let all: usize = axes.iter().product();
    if played == all {
        format!("all {all} cells")
    } else {
        format!("{played} cells of {all}, which cover all pairs; {SWITCH}=full plays all")
    }
}
