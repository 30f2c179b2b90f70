//! The shortest run that still fails.

/// Leaves out what is not needed for `fails`, halves first, then less and less, until no single
/// step can be spared.
pub(crate) fn shrink(mut steps: Vec<u64>, fails: impl Fn(&[u64]) -> bool) -> Vec<u64> {
    let mut chunk = steps.len().div_ceil(2);
    while chunk > 0 {
        let before = steps.len();
        let mut begin = 0;
        while begin < steps.len() {
            let end = (begin + chunk).min(steps.len());
            let shorter = [&steps[..begin], &steps[end..]].concat();
            if fails(&shorter) {
                steps = shorter;
            } else {
                begin = end;
            }
        }
        if chunk > 1 || steps.len() == before {
            chunk /= 2;
        }
    }
    steps
}

#[test]
fn what_is_not_needed_is_left_out() {
    let steps: Vec<u64> = (0..100).collect();
    let fails = |steps: &[u64]| steps.contains(&7) && steps.contains(&93);
    assert_eq!(shrink(steps, fails), [7, 93]);
}
