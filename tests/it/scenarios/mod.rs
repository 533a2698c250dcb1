//! Random scenarios from a seed, the real app against the stand-in tenant under virtual time; afterwards, the log
//! replayed has to be the tenant's truth, each change told once.
//!
//! `O365_MODEL_SEEDS=5000 cargo test --test it scenarios` runs that many seeds (a soak), `O365_MODEL_SEED=17` that one
//! alone. A seed gives the
//! scenario; how threads interleave is left to the machine, so a failure that depends on it may take some repetitions.

mod actions;
mod chaos;
mod checks;
mod coverage;
mod log;
mod scenario;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use actions::{Action, draw};

const SEEDS: u64 = 200;
/// Scenarios at a time: most of a scenario is waiting.
const PARALLEL: usize = 8;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The difference that these actions end in, if they do.
fn run(seed: u64, actions: &[Action]) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(scenario::play(seed, actions))
    }));
    runtime.shutdown_background();
    match played {
        Ok(outcome) => outcome.err(),
        Err(panic) => Some(format!("panicked: {:?}", panic.downcast_ref::<String>())),
    }
}

/// Leaves out one action after the other as long as it still fails.
fn shrink(seed: u64, mut actions: Vec<Action>, mut difference: String) -> String {
    let whole = actions.len();
    for index in (0..whole).rev() {
        let mut fewer = actions.clone();
        fewer.remove(index);
        if let Some(still) = run(seed, &fewer) {
            (actions, difference) = (fewer, still);
        }
    }
    let lines: Vec<String> = actions.iter().map(|action| format!("  {action:?}")).collect();
    format!(
        "O365_MODEL_SEED={seed}: {difference}\n{} of {whole} actions:\n{}",
        actions.len(),
        lines.join("\n")
    )
}

#[test]
fn whatever_happens_the_log_tells_the_truth_once() {
    let seeds = match number("O365_MODEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("O365_MODEL_SEEDS").unwrap_or(SEEDS),
    };
    println!("seeds {seeds:?}");
    let (next, failures) = (AtomicU64::new(seeds.start), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(|| {
                while failures.lock().unwrap().is_empty() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if let Some(difference) = run(seed, &draw(seed)) {
                        failures.lock().unwrap().push(shrink(seed, draw(seed), difference));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
