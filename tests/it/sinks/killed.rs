//! The real binary is killed at random moments while its receivers fail in every way: in the end all of them have had
//! every event, those of an item in the log's order.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

use o365_listener::clock::Clock;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::endpoint::{Endpoint, Manner, ids};
use crate::listener::{Listener, eventually, random_seed};

const KILLS: usize = 20;
/// How long a life lasts, in milliseconds.
const MOMENTS: std::ops::Range<u64> = 20..700;

fn sink(name: &str, endpoint: &Endpoint, keys: &str) -> String {
    format!(
        "[[sink]]\nname = \"{name}\"\ntype = \"webhook\"\nurl = \"{}\"\nallow_private = true\ntimeout = \"1s\"\n{keys}\n",
        endpoint.url
    )
}

/// Takes most requests, and does everything else, too.
fn fail_at_random(endpoint: &Endpoint, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    endpoint.decide(move |_| match random.random_range(0..100) {
        0..6 => Manner::Answer(500, ""),
        6..9 => Manner::Answer(429, "retry-after: 1\r\n"),
        9..12 => Manner::Stall,
        12..18 => Manner::HangUp,
        18 => Manner::Answer(410, ""),
        _ => Manner::Take,
    });
}

async fn post(listener: &Listener, path: &str) {
    let url = format!("{}/v1/sinks/{path}", listener.admin_url());
    // A listener that was killed meanwhile does not answer.
    let _ = listener.http.post(url).json(&json!({})).send().await;
}

/// Whatever waits for its next attempt, and whatever was switched off, goes on.
async fn hurry(listener: &Listener) {
    for name in ["single", "batched"] {
        post(listener, &format!("{name}/enable")).await;
        post(listener, &format!("{name}/retry")).await;
    }
}

/// Every event, in order for each item, and always the same under an id.
fn assert_complete(name: &str, log: &[Value], taken: &[Value]) {
    let mut known: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut order: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for event in taken {
        let text = |member: &str| event[member].as_str().unwrap();
        match known.insert(text("id"), event) {
            Some(before) => assert_eq!(before, event, "{name}: another event with the same id"),
            None => order.entry((text("subscription"), text("subject"))).or_default().push(text("sequence")),
        }
    }
    let had: BTreeSet<String> = ids(taken).into_iter().collect();
    let missing: Vec<_> = ids(log).into_iter().filter(|id| !had.contains(id)).collect();
    assert!(missing.is_empty(), "{name} lacks {} of {}: {missing:?}", missing.len(), log.len());
    assert_eq!(had.len(), log.len(), "{name} has events that the log has not");
    for (item, sequences) in order {
        assert!(sequences.is_sorted(), "{name}: {item:?} out of order: {sequences:?}");
    }
}

async fn all_caught_up(listener: &Listener) -> bool {
    let list = listener.get("/v1/sinks").await;
    let sinks = list["sinks"].as_array().unwrap();
    let idle = |sink: &Value| sink["lag"] == 0 && sink["pending"] == 0 && sink["dead_letters"] == 0;
    sinks.len() == 3 && sinks.iter().all(|sink| idle(sink) && sink["lost"] == 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_reaches_every_sink_although_all_fail_and_the_listener_is_killed() {
    let seed = random_seed();
    let mut random = StdRng::seed_from_u64(seed);
    let (single, batched) = (Endpoint::start().await, Endpoint::start().await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    let sinks = sink("single", &single, "")
        + &sink("batched", &batched, "mode = \"batched\"\nbatch = 7")
        + &format!("[[sink]]\nname = \"audit\"\ntype = \"file\"\npath = \"{}\"\n", file.display());
    let mut listener = Listener::start_with(seed, &sinks).await;
    listener.followed().await;
    fail_at_random(&single, seed);
    fail_at_random(&batched, seed + 1);
    for _ in 0..KILLS {
        listener.control("changes", json!({"count": random.random_range(5..40)})).await;
        hurry(&listener).await;
        Clock::system().sleep(Duration::from_millis(random.random_range(MOMENTS))).await;
        listener.end("-KILL");
        listener.run().await;
    }
    single.treat(Manner::Take);
    batched.treat(Manner::Take);
    let mut last = usize::MAX;
    eventually("the log is at rest, and all have caught up", async || {
        hurry(&listener).await;
        let events = listener.events().await.len();
        Clock::system().sleep(Duration::from_millis(400)).await;
        std::mem::replace(&mut last, events) == events && all_caught_up(&listener).await
    })
    .await;
    let log = listener.events().await;
    let lines = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_complete("single", &log, &single.taken());
    assert_complete("batched", &log, &batched.taken());
    assert_complete("audit", &log, &lines);
    println!(
        "{} events; {} requests of {} taken, {} of {} in batches; {} lines",
        log.len(),
        single.requests().iter().filter(|request| request.taken).count(),
        single.requests().len(),
        batched.requests().iter().filter(|request| request.taken).count(),
        batched.requests().len(),
        lines.len()
    );
    assert_commands_work(&listener, &log);
}

/// What a person would do then.
fn assert_commands_work(listener: &Listener, log: &[Value]) {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_o365-listener"))
            .arg("sinks")
            .args(arguments)
            .args(["--server", &listener.admin_url()])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.success(), said)
    };
    let (sequence, last) = (log[0]["sequence"].as_str().unwrap(), log[log.len() - 1]["id"].as_str().unwrap());
    for (arguments, words) in [
        (&["list"][..], "webhook"),
        (&["test", "single"], "single took the event test-"),
        (&["test", "single", "--json"], "\"delivered\":true"),
        (&["preview", "batched"], "content-type: application/cloudevents-batch+json"),
        (&["preview", "audit", "--event", log[log.len() - 1]["sequence"].as_str().unwrap()], last),
        (&["dead-letters", "single"], "No dead letters."),
        (&["retry", "single"], "single: nothing waited for a later attempt."),
        (&["enable", "single"], "single is active at "),
        (&["replay", "audit", "--after", sequence], "audit is active at "),
    ] {
        let (well, said) = run(arguments);
        assert!(well && said.contains(words), "{arguments:?}: {said}");
    }
    let (well, said) = run(&["test", "nobody"]);
    assert!(!well && said.contains("the configuration has no sink 'nobody'"), "{said}");
}
