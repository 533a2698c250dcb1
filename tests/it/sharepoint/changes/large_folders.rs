//! Folders with so much in them that it is told by reading everything anew.

use std::time::Duration;

use serde_json::json;

use super::folders::{DOCUMENTS, Library};
use super::{Colleague, brief, fetch, told};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_very_many_items_is_told_by_reading_everything_anew() {
    let library = Library::followed("beginning", false).await;
    let folder = library.folder("root", "Many").await;
    for number in 0..1010 {
        library.file(&folder, &format!("{number}.txt")).await;
    }
    fetch(&library.house, "it").await;
    let number = library.number(&folder).await;
    // What the page shows by itself is not counted among what went with the folder.
    for edited in 0..20 {
        library.file(&folder, &format!("{edited}.txt")).await;
    }
    Colleague::of(&library.house).await.recycle(DOCUMENTS, &number).await;
    library.house.forget_requests().await;
    fetch(&library.house, "it").await;
    let house = &library.house;
    house
        .eventually("all are told", async || {
            let events = house.get("/v1/events?limit=1000&after=00000000000000000000").await;
            let next = events["next"].as_str().unwrap().to_owned();
            let rest = house.get(&format!("/v1/events?limit=1000&after={next}")).await;
            let next = rest["next"].as_str().unwrap().to_owned();
            let last = house.get(&format!("/v1/events?limit=1000&after={next}")).await;
            let all = [events, rest, last].map(|page| page["events"].as_array().unwrap().clone()).concat();
            all.iter().filter(|event| event["type"].as_str().unwrap().ends_with("deleted")).count() == 1011
        })
        .await;
    assert_eq!(library.readings().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lay_in_a_large_folder_and_cannot_be_looked_at_is_told_by_reading_everything_anew() {
    let mut library = Library::followed("beginning", false).await;
    let folder = library.folder("root", "Large").await;
    let number: u64 = library.number(&folder).await.parse().unwrap();
    for file in 0..110 {
        library.file(&folder, &format!("{file}.txt")).await;
    }
    library.news().await;
    // More than one page of changes, of which the first shows that the folder is gone, whatever left it before.
    let colleague = Colleague::of(&library.house).await;
    let rename = json!({"FileLeafRef": "Away"});
    colleague.send("PATCH", &format!("{DOCUMENTS}/items({number})"), Some(rename)).await;
    for _ in 0..60 {
        library.file("root", "Welcome.txt").await;
    }
    Colleague::of(&library.house).await.recycle(DOCUMENTS, &number.to_string()).await;
    let one = format!("{}items({})", library.list().await, number + 1);
    library.house.forget_requests().await;
    library.house.control("faults", json!({"status": 503, "count": 1000, "path_prefix": one})).await;
    let (status, refused) = library.house.call("POST", "/v1/subscriptions/it/fetch", None).await;
    assert_ne!(status, 200, "{refused:#}");
    library
        .house
        .eventually("all are told", async || {
            library.house.advance(Duration::from_secs(60));
            let news = told(&library.house, "it").await.split_off(library.seen);
            brief(&news).iter().filter(|one| one.starts_with("deleted")).count() == 111
        })
        .await;
    assert_eq!(library.readings().await, 1);
}
