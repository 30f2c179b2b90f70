//! RFC 9438: CUBIC. The closed forms are tested beside the code; here is the whole stack, on a path
//! with a delay and a queue.

mod support;

use support::bottleneck::{Bottleneck, Path};
use wharf_transport::tcp::Congestion;
use wharf_transport::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// cwnd in segments at the end of each round trip of 100 ms, ten a line, from the end of the first
/// recovery on: the one loss is in the fifth round trip, at a window of 259 segments.
fn growth(algorithm: Congestion, rounds: usize) -> String {
    let rtt = Duration::from_millis(100);
    let mut path = Bottleneck::new(Path::wide(rtt / 2), |tcp| tcp.congestion = algorithm);
    path.lose = vec![250];
    path.open(None);
    path.run_for(10 * rtt);
    assert_eq!((path.dropped, path.sender.stats().fast_retransmits), (1, 1));
    let mut table = String::new();
    for round in 1..=rounds {
        path.run_for(rtt);
        let separator = if round % 10 == 0 { "\n" } else { "" };
        table.push_str(&format!("{:>5}{separator}", path.info(0).cwnd / 1_000));
    }
    assert_eq!(path.dropped, 1, "the one loss of the test");
    table
}

const CUBIC: &str = "  195  198  202  205  208  211  214  217  219  222
  224  226  229  231  233  234  236  238  240  241
  243  244  245  246  248  249  250  250  251  252
  253  254  254  255  255  256  256  256  257  257
  257  258  258  258  258  258  258  258  258  258
  258  258  258  258  258  259  259  259  259  259
  259  259  259  259  259  259  259  259  260  260
  260  260  261  261  262  262  263  263  264  265
  265  266  267  268  269  270  271  273  274  276
  277  279  280  282  284  286  288  290  292  295
  297  300  302  305  308  311  314  318  321  325
  328  332  336  340  344  349  353  358  363  368
  373  378  384  389  395  401  407  413  420  426
  433  440  447  455  462  470  478  486  495  503
  512  521  530  539  549  559  569  579  590  600
";

#[test] // sections 4.2, 4.4, 4.5
fn the_window_is_concave_up_to_w_max_flat_there_and_convex_beyond() {
    assert_eq!(growth(Congestion::Cubic, 150), CUBIC);
}

const RENO: &str = "  133  134  135  136  137  138  139  140  141  142
  143  144  145  146  147  148  149  150  151  152
";

#[test] // the same path, for comparison: RFC 5681, section 3.1
fn reno_grows_by_a_segment_a_round_trip() {
    assert_eq!(growth(Congestion::Reno, 20), RENO);
}

#[test] // section 4.3
fn at_a_short_round_trip_it_gets_as_much_as_reno() {
    let rtt = Duration::from_millis(10);
    let [cubic, reno] = [Congestion::Cubic, Congestion::Reno].map(|algorithm| {
        let mut path = Bottleneck::new(Path::wide(rtt / 2), |tcp| tcp.congestion = algorithm);
        path.lose = vec![60];
        path.open(None);
        path.run_for(2 * SECOND);
        path.flows[0].delivered
    });
    let ratio = cubic as f64 / reno as f64;
    assert!((0.95..1.2).contains(&ratio), "{cubic} B, Reno {reno} B");
}

/// Bytes delivered of each flow in `seconds`, once the last has been open for two.
fn shares(path: &mut Bottleneck, flows: usize, seconds: u32) -> Vec<f64> {
    for _ in 0..flows {
        path.open(None);
        path.run_for(2 * SECOND);
    }
    let before: Vec<u64> = path.flows.iter().map(|flow| flow.delivered).collect();
    path.run_for(seconds * SECOND);
    let pairs = path.flows.iter().zip(before);
    pairs.map(|(flow, before)| (flow.delivered - before) as f64).collect()
}

/// Jain's index: 1 is equal, 1/n is all for one.
fn fairness(shares: &[f64]) -> f64 {
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    sum * sum / (shares.len() as f64 * squares)
}

#[test] // section 5.6
fn two_flows_share_a_queue_evenly() {
    for algorithm in [Congestion::Cubic, Congestion::Reno] {
        let delay = Duration::from_millis(10);
        // 10 Mbit/s, 25 kB in flight; a queue of one and a half times that.
        let link = Path { rate: 1_250_000, queue: 37_500, ..Path::wide(delay) };
        let mut path = Bottleneck::new(link, |tcp| tcp.congestion = algorithm);
        let shares = shares(&mut path, 2, 30);
        let index = fairness(&shares);
        let used = shares.iter().sum::<f64>() / (30.0 * 1_250_000.0);
        assert!(index > 0.9, "{algorithm:?}: {index}, {shares:?}");
        assert!(used > 0.8, "{algorithm:?}: {used} of the link");
    }
}
