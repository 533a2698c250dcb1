//! Items are read after the log has named them, and may be gone or odd by then.

use serde_json::{Value, json};

use super::{Colleague, brief, fetch, following, house, told};
use crate::house::House;

const LIST: &str = "web/lists/getbytitle('Candidates')";

/// What SharePoint says of an entry that is not there.
const NO_ITEM: &str = "-2130575338, Microsoft.SharePoint.SPException";
/// What comes with the same status and says nothing of the entry.
const OTHERS: [&str; 4] = [
    "proxyError",
    "-1, Microsoft.SharePoint.Client.ResourceNotFoundException",
    "-2130575322, Microsoft.SharePoint.SPException",
    "-2147024894, System.IO.FileNotFoundException",
];

/// Follows without being told of anything; and where the items' addresses begin.
async fn followed() -> (House, String) {
    let house = house(&following("it", "sharepoint", "{list}", "baseline")).await;
    house.active("it").await;
    house.control("notifications", json!({"lose": 1.0})).await;
    fetch(&house, "it").await;
    let requests = house.requests().await;
    let mut urls = requests.iter().filter_map(|one| one["url"].as_str());
    let list = urls.find_map(|url| url.strip_suffix("getchanges")).unwrap().to_owned();
    (house, list)
}

async fn score(colleague: &Colleague<'_>, item: u32, score: u32) {
    colleague.send("PATCH", &format!("{LIST}/items({item})"), Some(json!({"Score": score}))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_said_to_be_gone_is_told_as_removed_only_if_its_list_does_not_show_it_or_its_row_says_so()
 {
    let (house, list) = followed().await;
    let colleague = Colleague::of(&house).await;
    score(&colleague, 2, 1).await;
    score(&colleague, 3, 1).await;
    let fault = json!({"status": 404, "code": NO_ITEM, "count": 1, "path_prefix": format!("{list}items(2)")});
    house.control("faults", fault).await;
    fetch(&house, "it").await;
    // What answered was behind the log.
    let mut expected = vec!["updated 2 fields.Score", "updated 3 fields.Score"];
    assert_eq!(brief(&told(&house, "it").await), expected);
    colleague.send("DELETE", &format!("{LIST}/items(2)"), None).await;
    fetch(&house, "it").await;
    fetch(&house, "it").await;
    let events = told(&house, "it").await;
    expected.push("deleted 2");
    assert_eq!(brief(&events), expected);
    assert_eq!(events[2]["data"]["resource"]["fields"]["Title"], "Tomás Rivera");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_not_found_for_some_other_reason_is_looked_for_in_its_list() {
    let (house, list) = followed().await;
    let colleague = Colleague::of(&house).await;
    let (mut expected, mut number) = (Vec::new(), 0);
    for code in OTHERS {
        number += 1;
        let fault =
            json!({"status": 404, "code": code, "count": 1000, "path_prefix": format!("{list}items(2)")});
        house.control("faults", fault).await;
        score(&colleague, 2, number).await;
        fetch(&house, "it").await;
        expected.push("updated 2 fields.Score");
        assert_eq!(brief(&told(&house, "it").await), expected, "{code}");
        house.forget_faults().await;
    }
    // It is gone when the first of several pages is read, on which an earlier row stands.
    let fault =
        json!({"status": 404, "code": OTHERS[0], "count": 1000, "path_prefix": format!("{list}items(2)")});
    score(&colleague, 2, 50).await;
    for score in 100..210 {
        self::score(&colleague, 1, score).await;
    }
    colleague.send("DELETE", &format!("{LIST}/items(2)"), None).await;
    house.control("faults", fault).await;
    fetch(&house, "it").await;
    expected.extend(["deleted 2", "updated 1 fields.Score"]);
    assert_eq!(brief(&told(&house, "it").await), expected);
    let aside = house.get("/v1/quarantine").await;
    assert!(!aside.to_string().contains("item_"), "{aside:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_of_an_entry_while_its_list_is_not_found_either() {
    let (house, list) = followed().await;
    let colleague = Colleague::of(&house).await;
    for (number, code) in (1..).zip(OTHERS) {
        let before = told(&house, "it").await.len();
        score(&colleague, 2, number).await;
        let fault =
            json!({"status": 404, "code": code, "count": 1000, "path_prefix": format!("{list}items")});
        house.control("faults", fault).await;
        let (status, refused) = house.call("POST", "/v1/subscriptions/it/fetch", None).await;
        assert_ne!(status, 200, "{refused:#}");
        house.forget_requests().await;
        // Longer than what cannot be read is waited for.
        house
            .eventually("it is tried again", async || {
                house.advance(std::time::Duration::from_secs(60));
                house.count_requests("POST", &format!("{list}getchanges")).await > 4
            })
            .await;
        house.forget_faults().await;
        house
            .eventually("it is told", async || {
                house.advance(std::time::Duration::from_secs(60));
                told(&house, "it").await.len() > before
            })
            .await;
        assert_eq!(brief(&told(&house, "it").await)[before..], ["updated 2 fields.Score"], "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_cannot_be_read_is_put_aside_in_the_end_and_holds_the_others_up_no_longer() {
    for status in [400, 403] {
        an_entry_is_put_aside(status).await;
    }
}

async fn an_entry_is_put_aside(refusal: u16) {
    let (house, list) = followed().await;
    let colleague = Colleague::of(&house).await;
    score(&colleague, 2, 1).await;
    score(&colleague, 3, 1).await;
    let fault = json!({"status": refusal, "count": 1000, "path_prefix": format!("{list}items(2)")});
    house.control("faults", fault).await;
    let (status, refused) = house.call("POST", "/v1/subscriptions/it/fetch", None).await;
    assert_ne!(status, 200, "{refused:#}");
    // What is refused is tried again at growing pauses.
    house
        .eventually("the other one is told", async || {
            house.advance(std::time::Duration::from_secs(60));
            !told(&house, "it").await.is_empty()
        })
        .await;
    assert_eq!(brief(&told(&house, "it").await), ["updated 3 fields.Score"]);
    let aside = house.get("/v1/quarantine").await;
    let text = aside.to_string();
    assert!(text.contains("item_unreadable"), "{aside:#}");
    house.forget_faults().await;
    score(&colleague, 2, 2).await;
    fetch(&house, "it").await;
    assert_eq!(brief(&told(&house, "it").await), ["updated 3 fields.Score", "updated 2 fields.Score"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_was_put_aside_is_told_once_it_may_be_read() {
    let (house, list) = followed().await;
    let share = async |item: u32| {
        let resource = house.tenant.tenant().resources.list.clone();
        house.control("share", json!({"resource": resource, "id": item})).await;
        fetch(&house, "it").await;
    };
    let fault = json!({"status": 403, "count": 1000, "path_prefix": format!("{list}items(2)")});
    house.control("faults", fault).await;
    score(&Colleague::of(&house).await, 2, 1).await;
    house.call("POST", "/v1/subscriptions/it/fetch", None).await;
    house
        .eventually("it is put aside", async || {
            house.advance(std::time::Duration::from_secs(60));
            house.get("/v1/quarantine").await.to_string().contains("item_unreadable")
        })
        .await;
    house.forget_faults().await;
    fetch(&house, "it").await;
    assert_eq!(told(&house, "it").await, [] as [Value; 0], "nothing says that it may be read");
    share(2).await;
    share(3).await;
    assert_eq!(brief(&told(&house, "it").await), ["updated 2 fields.Score"], "a right alone is no change");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_does_not_answer_everything_is_asked_again() {
    let (house, _) = followed().await;
    let colleague = Colleague::of(&house).await;
    score(&colleague, 2, 1).await;
    let fault = json!({"status": 503, "count": 1, "path_prefix": "/sites/hr/_api/$batch"});
    house.control("faults", fault).await;
    let (status, _) = house.call("POST", "/v1/subscriptions/it/fetch", None).await;
    assert_ne!(status, 200);
    assert_eq!(told(&house, "it").await, [] as [Value; 0]);
    house.eventually("it is told", async || !told(&house, "it").await.is_empty()).await;
    assert_eq!(brief(&told(&house, "it").await), ["updated 2 fields.Score"]);
}
