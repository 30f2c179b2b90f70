//! Random steps against a naive model (POOL.md, section 6, T1).
//!
//! The model knows the pool by what it says alone: results and events. After every step it is
//! asked whether the rules hold. A failure names its seed and step; to replay it, write the seed
//! into `SEEDS` (a range of one) and run `cargo test -p wharf-pool --test model`.

#[path = "model/driver.rs"]
mod driver;
#[path = "model/naive.rs"]
mod naive;
#[path = "model/turns.rs"]
mod turns;

use core::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// What CI runs.
const SEEDS: Range<u64> = 0..300;
const STEPS: usize = 400;

#[test]
fn random_steps_break_no_rule() {
    let mut reached = driver::Reached::default();
    for seed in SEEDS {
        let mut driver = driver::Driver::new(seed);
        let run = catch_unwind(AssertUnwindSafe(|| {
            for step in 0..STEPS {
                driver.step(step);
            }
            driver.wind_up();
        }));
        if let Err(panic) = run {
            eprintln!("seed {seed}, the last steps:\n{}", driver.tail());
            resume_unwind(panic);
        }
        reached.add(&driver);
    }
    reached.check();
}
