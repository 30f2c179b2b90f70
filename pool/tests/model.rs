//! Random steps against a naive model (POOL.md, section 6, T1).
//!
//! The model knows the pool by what it says alone: results and events. After every step it is
//! asked whether the rules hold. A run is a seed, which makes the pool, and a number for each step,
//! so that steps can be left out: what fails is shrunk to the shortest run that does.
//!
//! `WHARF_MODEL_STEPS=10000000 cargo test --release -p wharf-pool --test model` takes that many
//! steps instead of what CI takes.

#[path = "model/addresses.rs"]
mod addresses;
#[path = "model/aside.rs"]
mod aside;
#[path = "model/driver.rs"]
mod driver;
#[path = "model/held.rs"]
mod held;
#[path = "model/naive.rs"]
mod naive;
#[path = "model/patience.rs"]
mod patience;
#[path = "model/planted.rs"]
mod planted;
#[path = "model/shrink.rs"]
mod shrink;
#[path = "model/turns.rs"]
mod turns;

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use driver::Driver;
use planted::Fault;

/// Steps of a run.
const RUN: usize = 400;

/// Steps in all that CI takes.
const STEPS: usize = 120_000;

/// Panics are expected here, and would be printed by hundreds while a run is shrunk.
static QUIET: Mutex<()> = Mutex::new(());

/// What a run said last, and what it said in panic.
struct Failure {
    trace: String,
    panic: String,
}

fn steps_of(seed: u64) -> Vec<u64> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767);
        state ^ (state >> 29)
    };
    core::iter::repeat_with(next).take(RUN).collect()
}

/// Plays a run.
fn play(seed: u64, steps: &[u64], fault: Option<Fault>) -> Result<Driver, Failure> {
    let mut driver = Driver::new(seed, fault);
    let run = catch_unwind(AssertUnwindSafe(|| {
        steps.iter().for_each(|step| driver.step(*step));
        driver.wind_up();
    }));
    match run {
        Ok(()) => Ok(driver),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(Failure { trace: driver.trace(), panic: text.unwrap_or_default() })
        }
    }
}

/// The shortest run of this seed that fails, if it does; and how.
fn failure(seed: u64, fault: Option<Fault>) -> Option<(Vec<u64>, Failure)> {
    let steps = steps_of(seed);
    play(seed, &steps, fault).err()?;
    let steps = shrink::shrink(steps, |steps| play(seed, steps, fault).is_err());
    let failure = play(seed, &steps, fault).err()?;
    Some((steps, failure))
}

/// Without the panics being printed.
fn quietly<R>(run: impl FnOnce() -> R) -> R {
    let _one_at_a_time = QUIET.lock();
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = run();
    panic::set_hook(hook);
    result
}

#[test]
fn random_steps_break_no_rule() {
    let wanted = std::env::var_os("WHARF_MODEL_STEPS")
        .map(|steps| steps.to_str().and_then(|steps| steps.parse().ok()).expect("a number"));
    let seeds = wanted.unwrap_or(STEPS).div_ceil(RUN) as u64;
    let mut reached = driver::Reached::default();
    for seed in 0..seeds {
        match quietly(|| play(seed, &steps_of(seed), None)) {
            Ok(driver) => reached.add(&driver),
            Err(_) => {
                let (steps, Failure { trace, panic }) =
                    quietly(|| failure(seed, None)).expect("it has failed once");
                panic!("seed {seed}: {panic}\n{} steps: {steps:?}\n{trace}", steps.len());
            }
        }
    }
    println!("no violation in {} steps of {seeds} runs", seeds * RUN as u64);
    reached.check();
}

#[test]
fn each_planted_fault_is_found_and_its_run_shrunk() {
    for fault in Fault::ALL {
        let of_seed = |seed| Some((seed, failure(seed, Some(fault))?));
        // Of some that fail the one that says it most briefly.
        let found = quietly(|| {
            (0..600).filter_map(of_seed).take(20).min_by_key(|(_, (steps, _))| steps.len())
        });
        let (seed, (steps, Failure { trace, panic })) = found.expect("the model sees the fault");
        println!("{fault:?}, seed {seed}, {} steps: {panic}\n{trace}\n", steps.len());
        assert!(steps.len() <= 12, "{fault:?}: {} steps are no short trace", steps.len());
        assert!(quietly(|| play(seed, &steps, None)).is_ok(), "it is the fault that fails");
    }
}
