//! The chaos that the stand-in offers to everybody, against the real app.

use std::collections::BTreeSet;

use serde_json::json;

use super::actions::{NAMES, Start};
use super::checks;
use super::scenario::{AFTERWARDS, Play};

const KINDS: [&str; 12] = [
    "throttle",
    "unavailable",
    "slow",
    "broken",
    "gone",
    "tokens",
    "late",
    "lose",
    "duplicate",
    "reorder",
    "lifecycle",
    "removed",
];

/// Plays this seed; answers with the kinds of what struck.
async fn play(seed: u64) -> BTreeSet<String> {
    let mut play = Play::begin(seed, Start::Beginning).await;
    // Cursors may die at any moment.
    play.died.extend(NAMES.map(str::to_owned));
    // Who has lost its subscription hears of nothing for a while, so that half of them keep it.
    let kinds = if seed.is_multiple_of(2) { &KINDS[..] } else { &KINDS[..11] };
    play.house.control("chaos", json!({"seed": seed, "rate": 0.25, "kinds": kinds, "slow_seconds": 0})).await;
    for step in 0..12 {
        play.house.control("changes", json!({"count": 4, "seed": seed * 100 + step})).await;
        play.pass(40).await;
        checks::gates(&play).await.unwrap();
    }
    let chaos = play.house.fetch(&format!("{}/_control/chaos", play.house.tenant.url())).await;
    play.house.forget("chaos").await;
    for seconds in AFTERWARDS {
        play.pass(seconds).await;
    }
    checks::all(&play).await.unwrap_or_else(|difference| panic!("seed {seed}: {difference}\n{chaos:#}"));
    play.house.close().await;
    let struck = chaos["struck"].as_array().unwrap();
    struck.iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_the_truth_whatever_chaos_strikes() {
    let mut struck = BTreeSet::new();
    for seed in 0..6 {
        struck.extend(play(seed).await);
    }
    assert_eq!(struck, BTreeSet::from(KINDS.map(str::to_owned)));
}
