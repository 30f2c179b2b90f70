//! The cubic function of RFC 9438, section 4.2, in integers.
//!
//! Bytes and milliseconds, and no floating point: a cube root differs in its last bit from one
//! mathematical library to the next, and a run has to be the same from the same seed everywhere. A
//! millisecond is fine enough: 10 s away from the plateau, where the curve is steep already, it moves
//! the window by an eighth of a segment.

use crate::time::Duration;

/// C, in tenths: 0.4 segments a cubic second (RFC 9438, section 5.1).
const C_TENTHS: u64 = 4;

/// Milliseconds to the power of three times ten: what C's unit and its tenths divide by.
const SCALE: u64 = 10_000_000_000;

/// Furthest from the plateau that is told apart, in milliseconds: 17 minutes. The curve has passed
/// any window by then, and its cube has room in 64 bits.
const DISTANCE_MAX: u64 = 1 << 20;

/// W_cubic: a curve through its plateau.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Curve {
    /// The window at the plateau, in bytes: W_max, or where the curve began above it.
    pub(super) plateau: u32,
    /// K: when the plateau is reached, in milliseconds after the beginning.
    pub(super) k_ms: u32,
}

impl Curve {
    /// The curve that begins at `cwnd` and reaches `w_max` after K; one that begins at its plateau,
    /// if `cwnd` is there already.
    pub(super) fn new(cwnd: u32, w_max: u32, mss: u32) -> Self {
        if w_max <= cwnd {
            return Self { plateau: cwnd, k_ms: 0 };
        }
        let cube = u64::from(w_max - cwnd).saturating_mul(SCALE);
        let cube = cube / (C_TENTHS * u64::from(mss.max(1)));
        Self { plateau: w_max, k_ms: cube_root(cube) }
    }

    /// W_cubic(t), in bytes: C (t - K)^3 + W_max.
    pub(super) fn at(&self, t: Duration, mss: u32) -> u32 {
        let t = u64::try_from(t.as_millis()).unwrap_or(u64::MAX);
        let k = u64::from(self.k_ms);
        let distance = t.abs_diff(k).min(DISTANCE_MAX);
        // Divided in two steps, so that the product fits: what the first one drops is no byte, or
        // three of the largest segments.
        let cube = distance * distance * distance / (SCALE / 100_000);
        let rise = cube * C_TENTHS * u64::from(mss) / 100_000;
        let rise = u32::try_from(rise).unwrap_or(u32::MAX);
        if t < k { self.plateau.saturating_sub(rise) } else { self.plateau.saturating_add(rise) }
    }
}

/// The largest integer whose cube is not above `cube`, a bit at a time.
fn cube_root(cube: u64) -> u32 {
    let mut root = 0u64;
    for bit in (0..22).rev() {
        let next = root | 1 << bit;
        if next.checked_pow(3).is_some_and(|it| it <= cube) {
            root = next;
        }
    }
    u32::try_from(root).expect("22 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cube_roots_are_exact() {
        for root in [1u64, 2, 3, 1_000, 4_217, 99_999, 2_642_245] {
            let cube = root.pow(3);
            assert_eq!(u64::from(cube_root(cube)), root);
            assert_eq!(u64::from(cube_root(cube + 1)), root, "just above");
            assert_eq!(u64::from(cube_root(cube - 1)), root - 1, "just below");
        }
        assert_eq!((cube_root(0), cube_root(u64::MAX)), (0, 2_642_245));
    }

    /// K = cbrt((W_max - cwnd) / C): figure 2 of RFC 9438.
    #[test]
    fn k_is_the_closed_form() {
        for (w_max, cwnd) in [(100u32, 70u32), (1_000, 700), (10_000, 7_000), (83_333, 58_333)] {
            let curve = Curve::new(cwnd * 1_000, w_max * 1_000, 1_000);
            let expected = (f64::from(w_max - cwnd) / 0.4).cbrt() * 1_000.0;
            let error = (f64::from(curve.k_ms) - expected).abs();
            assert!(error < 1.0, "{w_max}: {} ms instead of {expected}", curve.k_ms);
        }
    }

    /// C (t - K)^3 + W_max: figure 1 of RFC 9438.
    #[test]
    fn the_window_is_the_closed_form() {
        for mss in [536u32, 1_000, 1_448, 8_948] {
            let curve = Curve::new(700 * mss, 1_000 * mss, mss);
            let k = f64::from(curve.k_ms) / 1_000.0;
            for ms in (0..30_000u32).step_by(77) {
                let t = f64::from(ms) / 1_000.0;
                let expected = (0.4 * (t - k).powi(3) + 1_000.0) * f64::from(mss);
                let window = curve.at(Duration::from_millis(u64::from(ms)), mss);
                let error = (f64::from(window) - expected).abs();
                assert!(error <= 2.0, "mss {mss}, {ms} ms: {window} instead of {expected}");
            }
        }
    }

    #[test]
    fn it_begins_at_cwnd_and_is_flat_at_the_plateau() {
        let curve = Curve::new(700_000, 1_000_000, 1_000);
        assert!(curve.at(Duration::ZERO, 1_000).abs_diff(700_000) < 300, "a millisecond of K");
        let k = Duration::from_millis(u64::from(curve.k_ms));
        assert_eq!(curve.at(k, 1_000), 1_000_000);
        assert_eq!(curve.at(k + Duration::from_secs(1), 1_000), 1_000_400);
    }

    #[test]
    fn a_window_above_the_plateau_begins_on_it() {
        let curve = Curve::new(50_000, 40_000, 1_000);
        assert_eq!(curve, Curve { plateau: 50_000, k_ms: 0 });
        assert_eq!(curve.at(Duration::from_secs(1), 1_000), 50_400);
    }

    #[test]
    fn absurd_times_and_windows_do_not_overflow() {
        for mss in [1, 48, 65_535] {
            let curve = Curve::new(0, u32::MAX, mss);
            assert!(curve.at(Duration::ZERO, mss) <= curve.plateau);
            let end = curve.at(Duration::MAX, mss);
            assert!(end >= curve.plateau, "{end}");
        }
        assert_eq!(Curve::new(1_000, 1_000, 0).k_ms, 0);
    }
}
