//! What becomes of leases when far more are asked for than can be served, on the wall's clock:
//! `cargo xtask bench overload`.
//!
//! A [`SharedPool`] with few connections; leases come in at an even pace whether others were served or
//! not, of many clients in turn, and each is held for a while. The test that bounds this runs on
//! virtual time (`pool/tests/storm.rs`); here the runtime, the pool's thread and the scheduler have
//! their say.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use wharf_pool::{
    Attempt, ClientId, KeyId, PoolConfig, Refusal, RouteConfig, RouteId, SharedPool, Terms,
};

use crate::clock;
use crate::machine::Machine;
use crate::statistics::quantile;

/// How much more is asked for than can be served. The first can just be served.
pub const TIMES: [u32; 4] = [1, 2, 10, 100];

/// Connections.
const CONNECTIONS: u32 = 8;
/// How long each lease is held.
const HOLD: Duration = Duration::from_millis(10);
/// How long each lease may wait.
const PATIENCE: Duration = Duration::from_millis(100);
/// Leases that may wait.
const WAITERS_MAX: usize = 100;
/// Who asks.
const CLIENTS: u64 = 50;
/// Goodput may be less than at twice the load by so much.
const GOAL: f64 = 0.95;

/// What one load came to.
#[derive(Clone, Debug)]
pub struct Row {
    /// How much more was asked for than can be served.
    pub times: u32,
    /// Leases that were asked for.
    pub asked: u64,
    /// Leases that were served.
    pub served: u64,
    /// Refused because enough waited.
    pub full: u64,
    /// Refused because they would have waited for too long.
    pub would_time_out: u64,
    /// Refused because their time was over.
    pub timed_out: u64,
    /// Most that waited at a time.
    pub waiting_max: usize,
    /// By how many nanoseconds those were told late whose time was over; sorted.
    pub late: Vec<u64>,
    /// How long it went on, in seconds.
    pub seconds: f64,
}

/// What all leases of a run count.
#[derive(Debug, Default)]
struct Counts {
    served: AtomicU64,
    full: AtomicU64,
    would_time_out: AtomicU64,
    timed_out: AtomicU64,
    waiting_max: AtomicUsize,
    late: Mutex<Vec<u64>>,
}

fn pool() -> Result<(SharedPool<()>, RouteId), String> {
    let config = PoolConfig { max_waiters_total: WAITERS_MAX, ..PoolConfig::default() };
    let open = |attempt: Attempt<()>| attempt.opened(());
    let pool = SharedPool::new(config, 1, open).map_err(|error| format!("a thread: {error}"))?;
    let route = pool.add_route(RouteConfig {
        max_connections: CONNECTIONS as usize,
        max_waiters: WAITERS_MAX,
        max_waiters_per_client: WAITERS_MAX,
        max_connecting: CONNECTIONS as usize,
        ..RouteConfig::default()
    });
    Ok((pool, route))
}

/// One lease, from the request to its end.
async fn lease(pool: SharedPool<()>, terms: Terms, counts: Arc<Counts>) {
    let asked = clock::now();
    match pool.lease_async(terms, PATIENCE).await {
        Ok(lease) => {
            tokio::time::sleep(HOLD).await;
            lease.reusable();
            counts.served.fetch_add(1, Ordering::Relaxed);
        }
        Err(denial) => {
            let count = if denial.refusal == Refusal::QueueFull {
                &counts.full
            } else if denial.refusal == Refusal::WouldTimeOut {
                &counts.would_time_out
            } else {
                assert_eq!(denial.refusal, Refusal::QueueTimeout, "nothing else goes wrong here");
                let late = clock::now().since(asked + PATIENCE);
                counts.late.lock().push(u64::try_from(late.as_nanos()).unwrap_or(u64::MAX));
                &counts.timed_out
            };
            count.fetch_add(1, Ordering::Relaxed);
            let waiting = pool.inspect(wharf_pool::Pool::waiters);
            counts.waiting_max.fetch_max(waiting, Ordering::Relaxed);
        }
    }
}

/// Asks for `times` as many leases as can be served, for `span`.
///
/// # Errors
///
/// Threads that cannot be had.
pub fn measure(times: u32, span: Duration) -> Result<Row, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .map_err(|error| format!("a runtime: {error}"))?;
    let (pool, route) = pool()?;
    let counts = Arc::new(Counts::default());
    // A timer's tick is a millisecond, by which each is held longer on the average.
    let every = (HOLD + Duration::from_millis(1)) / CONNECTIONS / times;
    let began = clock::now();
    let mut asked = 0_u64;
    let mut last = None;
    while clock::now() < began + span {
        let due = clock::now().since(began).as_nanos() / every.as_nanos().max(1);
        while u128::from(asked) < due {
            let client = ClientId(asked % CLIENTS);
            let terms = Terms { client, key: KeyId(1), ..Terms::from(route) };
            last = Some(runtime.spawn(lease(pool.clone(), terms, Arc::clone(&counts))));
            asked += 1;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    let seconds = clock::now().since(began).as_secs_f64();
    let served = counts.served.load(Ordering::Relaxed);
    if let Some(last) = last {
        // Those that still wait are told within their patience.
        runtime.block_on(async {
            let _ended = last.await;
            tokio::time::sleep(PATIENCE + HOLD).await;
        });
    }
    let mut late = core::mem::take(&mut *counts.late.lock());
    late.sort_unstable();
    Ok(Row {
        times,
        asked,
        served,
        full: counts.full.load(Ordering::Relaxed),
        would_time_out: counts.would_time_out.load(Ordering::Relaxed),
        timed_out: counts.timed_out.load(Ordering::Relaxed),
        waiting_max: counts.waiting_max.load(Ordering::Relaxed),
        late,
        seconds,
    })
}

/// Served a second.
fn goodput(row: &Row) -> f64 {
    row.served as f64 / row.seconds.max(f64::MIN_POSITIVE)
}

/// For people.
#[must_use]
pub fn report(machine: &Machine, rows: &[Row]) -> String {
    let twice = rows.iter().find(|row| row.times == 2).map_or(f64::NAN, goodput);
    let line = |row: &Row| {
        let late = |share| {
            quantile(&row.late, share)
                .map_or_else(|| "-".to_owned(), |nanos| format!("{:.2}", nanos as f64 / 1e6))
        };
        let ratio = goodput(row) / twice;
        let met = if row.times == 1 || (ratio >= GOAL && row.waiting_max <= WAITERS_MAX) {
            "yes"
        } else {
            "no"
        };
        format!(
            "| x{} | {:.0} | {:.0} | {ratio:.3} | {met} | {} | {} | {} | {} | {} | {} |\n",
            row.times,
            row.asked as f64 / row.seconds,
            goodput(row),
            row.waiting_max,
            row.full,
            row.would_time_out,
            row.timed_out,
            late(0.99),
            late(1.0),
        )
    };
    let lines: String = rows.iter().map(line).collect();
    let (hold, patience) = (HOLD.as_millis(), PATIENCE.as_millis());
    format!(
        "\
{machine}.

`SharedPool` on a runtime of two threads: {CONNECTIONS} connections, each lease held for {hold} ms, {CLIENTS} clients in turn, {patience} ms of patience,
{WAITERS_MAX} may wait. Leases come in at an even pace whether others were served or not. On the wall, one run each; the pace is made by a
thread on the same processors. Goal: goodput at least {GOAL} of that at x2, and never more waiting than may.

| load | asked, 1/s | served, 1/s | to x2 | goal met | most waiting | queue_full | would_time_out | queue_timeout | told late by, p99, ms | most, ms |
|---:|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|
{lines}"
    )
}

/// For machines.
#[must_use]
pub fn json(machine: &Machine, rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!({
            "times": row.times, "asked": row.asked, "served": row.served, "queue_full": row.full,
            "would_time_out": row.would_time_out, "queue_timeout": row.timed_out,
            "waiting_max": row.waiting_max, "seconds": row.seconds,
            "late_ns_p99": quantile(&row.late, 0.99), "late_ns_max": row.late.last(),
        })
    };
    let rows: Vec<Value> = rows.iter().map(row).collect();
    json!({ "bench": "overload", "machine": machine.json(), "goal_ratio": GOAL, "rows": rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lease_has_one_end_and_no_more_wait_than_may() {
        let row = measure(20, Duration::from_millis(300)).expect("threads");
        let ended = row.served + row.full + row.would_time_out + row.timed_out;
        // What was served after the end of the run is not counted as goodput.
        assert!(row.served > 0 && ended <= row.asked, "{row:?}");
        assert!(row.waiting_max <= WAITERS_MAX, "{row:?}");
        assert!(row.full > 0, "a queue of {WAITERS_MAX} runs over: {row:?}");
        assert_eq!(row.late.len(), usize::try_from(row.timed_out).expect("few"));
    }
}
