//! With thousands of subscriptions.

use std::process::Command;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::Value;

use super::bench::Bench;

const MANY: usize = 2_500;

async fn with_many() -> (Bench, Vec<String>) {
    let bench = Bench::new().await;
    let mut names: Vec<String> = (0..MANY).map(|number| format!("s-{number}")).collect();
    for some in names.chunks(250) {
        join_all(some.iter().map(|name| bench.follow(name))).await;
    }
    names.sort_unstable();
    (bench, names)
}

fn names(document: &Value) -> Vec<String> {
    let listed = document["subscriptions"].as_array().unwrap();
    listed.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn thousands_are_listed_in_one_document_or_in_pages_and_told_in_few_words() {
    let (bench, expected) = with_many().await;
    let (status, whole) = bench.get("/v1/subscriptions").await;
    assert_eq!((status, whole.as_object().unwrap().len()), (200, 1));
    assert_eq!(names(&whole), expected);

    let (mut paged, mut query) = (Vec::new(), "limit=1000".to_owned());
    let mut sizes = Vec::new();
    loop {
        let (status, page) = bench.get(&format!("/v1/subscriptions?{query}")).await;
        assert_eq!(status, 200, "{page}");
        sizes.push(page["subscriptions"].as_array().unwrap().len());
        paged.extend(page["subscriptions"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => query = format!("limit=1000&after={next}"),
            None => break,
        }
    }
    assert_eq!(sizes, [1000, 1000, 500]);
    assert_eq!(paged, *whole["subscriptions"].as_array().unwrap());
    let (_, page) = bench.get(&format!("/v1/subscriptions?after={}", expected[999])).await;
    assert_eq!(
        (names(&page), page["next"].as_str()),
        (expected[1000..1100].to_vec(), Some(&*expected[1099]))
    );

    let (_, document) = bench.get("/v1/status").await;
    assert_eq!(document["subscriptions"]["total"], MANY);
    assert_eq!(document["subscriptions"]["by_state"]["active"], MANY);
    let metrics = bench.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains(&format!("o365_subscriptions{{state=\"active\"}} {MANY}\n")));
    let ends = metrics.lines().filter(|line| line.starts_with("o365_subscription_expires_seconds{"));
    assert_eq!(ends.count(), MANY);
    the_command_shows_all(&bench, &expected).await;
}

/// It follows the pages; with `--json` it prints the one document.
async fn the_command_shows_all(bench: &Bench, expected: &[String]) {
    let url = bench.url().to_owned();
    let run = move |more: &'static [&'static str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_o365-listener"))
            .args(["subscriptions", "list", "--server", &url])
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let (table, json) = tokio::task::spawn_blocking(move || (run(&[]), run(&["--json"]))).await.unwrap();
    let shown = table.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    assert_eq!(names(&serde_json::from_str(&json).unwrap()), expected);
}

#[actix_web::test]
async fn a_page_that_cannot_be_is_refused() {
    let bench = Bench::new().await;
    for query in ["limit=0", "limit=1001", "limit=x", "after=No%20Name", "before=x"] {
        let (status, problem) = bench.get(&format!("/v1/subscriptions?{query}")).await;
        assert_eq!(status, 400, "{query}: {problem}");
    }
    bench.follow("files").await;
    let (_, page) = bench.get("/v1/subscriptions?limit=1").await;
    assert_eq!((names(&page), &page["next"]), (vec!["files".to_owned()], &Value::Null));
}
