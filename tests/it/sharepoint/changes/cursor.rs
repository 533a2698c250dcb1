//! The place in a list's change log: it dies, it grows old, and neither loses anything.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Colleague, brief, fetch, following, house, told};
use crate::house::House;

const LIST: &str = "web/lists/getbytitle('Candidates')";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Follows, is told of nothing, and looks only when asked.
async fn followed_silently(start: &str) -> House {
    let entries = following("it", "sharepoint", "{list}", start) + "[fetch]\nsweep_every = 0\n";
    let house = house(&entries).await;
    house.active("it").await;
    house.control("notifications", json!({"lose": 1.0})).await;
    house
}

/// How often all items were read.
async fn readings(house: &House) -> usize {
    let requests = house.requests().await;
    let first_pages = requests.iter().filter(|one| {
        let url = one["url"].as_str().unwrap();
        one["method"] == "GET" && url.contains("/items?") && !url.contains("skiptoken")
    });
    first_pages.count()
}

async fn change_some(house: &House) -> [&'static str; 3] {
    let colleague = Colleague::of(house).await;
    colleague.send("PATCH", &format!("{LIST}/items(2)"), Some(json!({"Score": 1}))).await;
    colleague.send("DELETE", &format!("{LIST}/items(3)"), None).await;
    colleague.send("POST", &format!("{LIST}/items"), Some(json!({"Title": "Ada"}))).await;
    ["updated 2 fields.Score", "created 6", "deleted 3"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_has_everything_read_anew_and_only_the_differences_told() {
    let house = followed_silently("baseline").await;
    house.forget_requests().await;
    let expected = change_some(&house).await;
    house.control("tokens/expire", json!({})).await;
    fetch(&house, "it").await;
    assert_eq!(brief(&told(&house, "it").await), expected);
    assert_eq!(readings(&house).await, 1);
    let shown = house.subscription("it").await;
    assert_eq!((&shown["state"], &shown["error"]), (&json!("active"), &Value::Null));
    fetch(&house, "it").await;
    assert_eq!(brief(&told(&house, "it").await), expected, "nothing is repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_token_is_not_believed_when_it_is_answered_with_nothing() {
    for (days, refuse_old) in [(61, false), (61, true), (51, false)] {
        let house = followed_silently("baseline").await;
        house.forget_requests().await;
        house.control("change-tokens", json!({"refuse_old": refuse_old})).await;
        let expected = change_some(&house).await;
        house.advance(days * DAY);
        fetch(&house, "it").await;
        assert_eq!(brief(&told(&house, "it").await), expected, "{days} {refuse_old}");
        assert_eq!(readings(&house).await, 1, "{days} {refuse_old}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_too_old_tells_what_happened_without_reading_everything() {
    let house = followed_silently("baseline").await;
    house.forget_requests().await;
    let expected = change_some(&house).await;
    house.advance(45 * DAY);
    fetch(&house, "it").await;
    let mut told = brief(&told(&house, "it").await);
    told.sort();
    let mut expected = expected.map(str::to_owned);
    expected.sort();
    assert_eq!(told, expected);
    assert_eq!(readings(&house).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cursor_of_a_list_in_which_nothing_happens_for_six_months_is_never_dead() {
    let entries = following("it", "sharepoint", "{list}", "baseline") + "[fetch]\nsweep_every = \"24h\"\n";
    let house = house(&entries).await;
    house.active("it").await;
    house.forget_requests().await;
    for day in 0..92 {
        house.advance(2 * DAY);
        let begun = house.now();
        house
            .eventually(&format!("it is swept on day {}", 2 * day), async || {
                let shown = house.subscription("it").await;
                let at: Option<chrono::DateTime<chrono::Utc>> =
                    shown["last_fetch_at"].as_str().map(|at| at.parse().unwrap());
                shown["error"].is_null() && at.is_some_and(|at| at >= begun)
            })
            .await;
    }
    assert!(told(&house, "it").await.is_empty());
    let colleague = Colleague::of(&house).await;
    colleague.send("PATCH", &format!("{LIST}/items(2)"), Some(json!({"Score": 1}))).await;
    house.eventually("the change is told", async || !told(&house, "it").await.is_empty()).await;
    assert_eq!(brief(&told(&house, "it").await), ["updated 2 fields.Score"]);
    assert_eq!(readings(&house).await, 0, "everything was read anew: the cursor had died");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_while_everything_is_read_is_told_afterwards_and_a_crash_repeats_nothing() {
    let mut house = house("").await;
    let list = house.tenant.tenant().resources.list.clone();
    house.control("changes", json!({"count": 2500, "seed": 8, "resource": list})).await;
    house.close().await;
    super::configure(&house, &following("it", "sharepoint", "{list}", "beginning"));
    house.open().await;
    house.eventually("some of it is read", async || !told(&house, "it").await.is_empty()).await;
    house.control("changes", json!({"count": 50, "seed": 9, "resource": list})).await;
    house.crash().await;
    house.open().await;
    house.active("it").await;
    fetch(&house, "it").await;
    let state = house.fetch(&format!("{}/_control/state", house.tenant.url())).await;
    let there = state["resources"][&list].as_array().unwrap().clone();
    let (mut after, mut known) = ("00000000000000000000".to_owned(), std::collections::BTreeMap::new());
    loop {
        let page = house.get(&format!("/v1/events?limit=1000&after={after}")).await;
        for event in page["events"].as_array().unwrap() {
            let (id, kind) = (event["subject"].as_str().unwrap(), event["type"].as_str().unwrap());
            let fields = event["data"]["resource"]["fields"].clone();
            let before = if kind.ends_with("deleted") {
                known.remove(id)
            } else {
                known.insert(id.to_owned(), fields)
            };
            assert!(!kind.ends_with("created") || before.is_none(), "created twice: {event:#}");
        }
        let next = page["next"].as_str().unwrap().to_owned();
        if next == after {
            break;
        }
        after = next;
    }
    assert_eq!(known.len(), there.len());
    for item in &there {
        assert_eq!(known[item["id"].as_str().unwrap()]["Score"], item["fields"]["Score"], "{item:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_the_number_of_requests_makes_graph_wait_as_well() {
    for place in ["getchanges", "$batch", "items("] {
        let entries = following("it", "sharepoint", "{list}", "baseline")
            + &following("files", "graph", "{drive}", "now");
        let house = house(&entries).await;
        house.active("it").await;
        house.active("files").await;
        house.control("notifications", json!({"lose": 1.0})).await;
        fetch(&house, "it").await;
        change_some(&house).await;
        // The whole request, the batch, and a part of it.
        let requests = house.requests().await;
        let mut urls = requests.iter().filter_map(|one| one["url"].as_str());
        let list = urls.find_map(|url| url.strip_suffix("getchanges")).unwrap().to_owned();
        let path = match place {
            "$batch" => "/sites/hr/_api/$batch".to_owned(),
            place => list + place,
        };
        let fault = json!({"status": 429, "count": 1, "retry_after": 600, "path_prefix": path});
        house.control("faults", fault).await;
        let (status, refused) = house.call("POST", "/v1/subscriptions/it/fetch", None).await;
        assert_ne!(status, 200, "{place}: {refused:#}");
        house.forget_requests().await;
        let (status, _) = house.call("POST", "/v1/subscriptions/files/fetch", None).await;
        assert_ne!(status, 200, "{place}");
        assert_eq!(house.requests().await.len(), 0, "{place}: something was asked although the tenant waits");
        house.advance(Duration::from_secs(700));
        house.eventually("it is told", async || told(&house, "it").await.len() == 3).await;
    }
}
