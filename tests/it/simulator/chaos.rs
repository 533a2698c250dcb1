use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Bench, answered, link};
use crate::receiver::Receiver;

/// What a client of some patience is answered and what is struck on the way, with this seed.
async fn run(seed: u64) -> (Vec<u16>, Vec<Value>) {
    let mut bench = Bench::with_pages_of(2).await;
    let kinds = json!(["throttle", "unavailable", "gone", "tokens"]);
    bench.control("/chaos", json!({"seed": seed, "rate": 0.4, "kinds": kinds})).await;
    let drive = "/users/alice@contoso.com/drive/root/delta".to_owned();
    let (mut next, mut statuses) = (drive.clone(), Vec::new());
    for _ in 0..40 {
        let answer = bench.get(&next).await;
        statuses.push(answer.status);
        match answer.status {
            200 if answer.body["@odata.nextLink"].is_string() => {
                link(&answer.body, "nextLink").clone_into(&mut next);
            }
            200 => link(&answer.body, "deltaLink").clone_into(&mut next),
            401 => bench.sign_in().await,
            410 => {
                let location = answer.headers.get("location").map(|to| to.to_str().unwrap().to_owned());
                next = location.unwrap_or_else(|| drive.clone());
            }
            429 => assert!(answer.headers.contains_key("retry-after")),
            status => assert_eq!(status, 503),
        }
    }
    let struck = answered(bench.http.get(format!("{}/_control/chaos", bench.simulator.url()))).await.body;
    (statuses, struck["struck"].as_array().unwrap().clone())
}

#[tokio::test]
async fn a_run_with_the_same_seed_is_struck_the_same() {
    let (first, second, other) = tokio::join!(run(7), run(7), run(8));
    assert_eq!(first, second);
    assert_ne!(first.1, other.1);
    for status in [200, 401, 410, 429, 503] {
        assert!(first.0.contains(&status) || other.0.contains(&status), "no {status} in {first:?}");
    }
}

#[tokio::test]
async fn notifications_are_struck_too_and_what_was_lost_is_counted() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    let made = bench.subscribe(&receiver.url, |_| ()).await;
    let upload = async |name: &str| {
        bench.upload(&format!("/users/alice@contoso.com/drive/root:/{name}:/content"), name).await;
    };
    let chaos = |kind: &str| json!({"seed": 3, "rate": 1.0, "count": 1, "kinds": [kind], "late_seconds": 30});
    let sent =
        async || answered(bench.http.get(format!("{}/_control/sent", bench.simulator.url()))).await.body;

    bench.control("/chaos", chaos("duplicate")).await;
    upload("twice").await;
    assert_eq!(receiver.wait_for_posts(1).await.len(), 2);

    bench.control("/chaos", chaos("lose")).await;
    upload("never").await;
    assert_eq!(sent().await["totals"]["lost"], 1);

    bench.control("/chaos", chaos("late")).await;
    upload("late").await;
    assert_eq!(receiver.notifications().1, 1, "it waits for the time to pass");
    bench.clock.advance(Duration::from_secs(30));
    assert_eq!(receiver.wait_for_posts(2).await.len(), 3);

    bench.control("/chaos", chaos("lifecycle")).await;
    upload("storm").await;
    let told = receiver.wait_for_posts(4).await;
    let storm = told.iter().filter(|one| one["lifecycleEvent"].is_string()).count();
    assert!((3..=10).contains(&storm), "{storm}");

    bench.control("/chaos", chaos("removed")).await;
    upload("gone").await;
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    assert_eq!(bench.get(&path).await.status, 404);
    let sent = sent().await;
    assert_eq!(sent["sent"][0]["ended"], json!({"answered": 202}));
    assert_eq!(sent["sent"][0]["notifications"], 2);
}

#[tokio::test]
async fn chaos_ends_and_what_makes_no_sense_is_refused() {
    let bench = Bench::start().await;
    bench.control("/chaos", json!({"seed": 1, "rate": 1.0, "kinds": ["unavailable"]})).await;
    assert_eq!(bench.get("/sites/root").await.status, 503);
    assert_eq!(
        bench.token("wrong", "https://graph.microsoft.com/.default").await.status,
        401,
        "sign-in is spared"
    );
    let url = format!("{}/_control/chaos", bench.simulator.url());
    assert_eq!(bench.http.delete(&url).send().await.unwrap().status(), 204);
    assert_eq!(bench.call(Method::GET, "/sites/root", None, None).await.status, 200);
    for wrong in [
        json!({}),
        json!({"seed": 1, "rate": 2}),
        json!({"seed": 1, "kinds": []}),
        json!({"seed": 1, "kinds": ["fire"]}),
    ] {
        assert_eq!(bench.http.post(&url).json(&wrong).send().await.unwrap().status(), 400, "{wrong}");
    }
}
