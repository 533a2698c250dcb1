//! Standard output of the real binary, for whoever reads it.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::listener::{Listener, eventually, random_seed};

#[tokio::test(flavor = "multi_thread")]
async fn standard_output_has_a_line_for_each_event_and_nothing_else() {
    let entry = "[[sink]]\nname = \"pipe\"\ntype = \"stdout\"\n";
    let mut listener = Listener::start_with(random_seed(), entry).await;
    listener.followed().await;
    listener.control("changes", json!({"count": 9})).await;
    eventually("some is written", async || {
        let sink = listener.get("/v1/sinks/pipe").await;
        sink["lag"] == 0 && sink["delivered"].as_u64().unwrap() > 3
    })
    .await;
    let events = listener.events().await;
    assert!(listener.end("-TERM"));
    let mut process = Command::new(env!("CARGO_BIN_EXE_o365-listener"))
        .args(["serve", "--config"])
        .arg(listener.folder().join("config.toml"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(process.stdout.take().unwrap());
    let url = format!("{}/v1/sinks/pipe/replay", listener.admin_url());
    let body = json!({"after": "0"});
    eventually("it goes back to the beginning", async || {
        let answer = listener.http.post(&url).json(&body).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    })
    .await;
    let count = events.len();
    let first = events[0].clone();
    // Before it went back, it may have told what the first process had not fetched any more.
    let read = move || {
        let lines = out.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap());
        lines.skip_while(|line| *line != first).take(count).collect()
    };
    let lines: Vec<Value> = tokio::task::spawn_blocking(read).await.unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(lines, events);
}
