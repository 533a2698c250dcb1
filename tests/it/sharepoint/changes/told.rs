use serde_json::{Value, json};

use super::{Colleague, brief, fetch, following, house, told};
use crate::house::House;

const LIST: &str = "web/lists/getbytitle('Candidates')";
const LIBRARY: &str = "list:https://contoso.sharepoint.com/sites/hr/Shared Documents";
const DOCUMENTS: &str = "web/lists/getbytitle('Documents')";

/// Follows over SharePoint, and hears of changes only by asking.
async fn followed(resource: &str, start: &str) -> House {
    let house = house(&following("it", "sharepoint", resource, start)).await;
    house.active("it").await;
    house.control("notifications", json!({"lose": 1.0})).await;
    house
}

/// What has been told since.
async fn news(house: &House, seen: &mut usize) -> Vec<Value> {
    fetch(house, "it").await;
    let events = told(house, "it").await.split_off(*seen);
    *seen += events.len();
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_to_an_entry_is_told_with_what_changed() {
    let house = followed("{list}", "baseline").await;
    let (colleague, mut seen) = (Colleague::of(&house).await, 0);
    let made =
        colleague.send("POST", &format!("{LIST}/items"), Some(json!({"Title": "Ada", "Score": 3}))).await;
    let id = made["Id"].to_string();
    let events = news(&house, &mut seen).await;
    assert_eq!(brief(&events), [format!("created {id}")]);
    assert_eq!(events[0]["type"], "o365.listItem.created");
    let item = &events[0]["data"]["resource"];
    assert_eq!((&item["fields"]["Title"], &item["fields"]["Score"]), (&json!("Ada"), &json!(3)));
    assert_eq!(events[0]["data"]["actor"]["kind"], "application");

    colleague.send("PATCH", &format!("{LIST}/items({id})"), Some(json!({"Score": 4, "Title": null}))).await;
    let events = news(&house, &mut seen).await;
    assert_eq!(brief(&events), [format!("updated {id} fields.Score,fields.Title")]);
    assert_eq!(events[0]["data"]["previous"], json!({"fields.Score": 3, "fields.Title": "Ada"}));

    let bin = colleague.recycle(LIST, &id).await;
    let events = news(&house, &mut seen).await;
    assert_eq!(brief(&events), [format!("deleted {id}")]);
    assert_eq!(events[0]["data"]["resource"]["fields"]["Score"], 4, "what was last known of it");
    assert!(events[0]["data"].get("actor").is_none());

    colleague.restore(&bin).await;
    assert_eq!(brief(&news(&house, &mut seen).await), [format!("created {id}")]);
    let bin = colleague.recycle(LIST, &id).await;
    colleague.restore(&bin).await;
    assert_eq!(brief(&news(&house, &mut seen).await), [""; 0], "it is as it was");
    colleague.send("DELETE", &format!("{LIST}/items({id})"), None).await;
    assert_eq!(brief(&news(&house, &mut seen).await), [format!("deleted {id}")]);
    assert_eq!(brief(&news(&house, &mut seen).await), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_and_a_move_are_told_with_the_old_name_and_folder() {
    let house = followed(LIBRARY, "baseline").await;
    let (colleague, mut seen) = (Colleague::of(&house).await, 0);
    let site = house.graph("GET", "/sites/contoso.sharepoint.com:/sites/hr", &json!(null)).await.1;
    let drive = format!("/sites/{}/drive", site["id"].as_str().unwrap());
    let folder = json!({"name": "Reports 50% & more", "folder": {}});
    let (status, folder) = house.graph("POST", &format!("{drive}/root/children"), &folder).await;
    assert_eq!(status, 201, "{folder:#}");
    let events = news(&house, &mut seen).await;
    assert_eq!(events.len(), 1);
    let folder_id = events[0]["subject"].as_str().unwrap().to_owned();
    let root = events[0]["data"]["resource"]["parentReference"]["id"].clone();

    let rename = json!({"FileLeafRef": "Hello.txt"});
    colleague.send("PATCH", &format!("{DOCUMENTS}/items(1)"), Some(rename)).await;
    let events = news(&house, &mut seen).await;
    assert_eq!(brief(&events), ["updated 1 name"]);
    assert_eq!(events[0]["data"]["previous"], json!({"name": "Welcome.txt"}));

    let file = house.graph("GET", &format!("{drive}/root:/Hello.txt"), &json!(null)).await.1;
    let to = json!({"parentReference": {"id": folder["id"]}});
    house.graph("PATCH", &format!("{drive}/items/{}", file["id"].as_str().unwrap()), &to).await;
    let events = news(&house, &mut seen).await;
    assert_eq!(brief(&events), ["updated 1 parent"]);
    assert_eq!(events[0]["data"]["previous"], json!({"parent": root}));
    let parent = &events[0]["data"]["resource"]["parentReference"]["id"];
    let over_graph = house
        .graph(
            "GET",
            &format!("/sites/{}/lists/Documents/items/1", site["id"].as_str().unwrap()),
            &json!(null),
        )
        .await
        .1;
    assert_eq!(*parent, over_graph["parentReference"]["id"]);

    let removed = format!("{drive}/items/{}", folder["id"].as_str().unwrap());
    house.graph("DELETE", &removed, &json!(null)).await;
    let mut told = brief(&news(&house, &mut seen).await);
    told.sort();
    assert_eq!(told, ["deleted 1".to_owned(), format!("deleted {folder_id}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_there_is_told_from_the_beginning_and_nothing_from_now_on() {
    let house = house(
        &[
            following("all", "sharepoint", "{list}", "beginning"),
            following("files", "sharepoint", LIBRARY, "now"),
        ]
        .concat(),
    )
    .await;
    house.active("all").await;
    house.active("files").await;
    let events = told(&house, "all").await;
    assert_eq!(brief(&events), ["created 1", "created 2", "created 3", "created 4", "created 5"]);
    assert!(told(&house, "files").await.is_empty());
    let actor = json!({"id": events[0]["data"]["resource"]["createdBy"]["user"]["id"], "name": "Alice Example", "kind": "user"});
    assert_eq!(events[0]["data"]["actor"], actor);
    assert!(actor["id"].is_string());
    house.change("list:https://contoso.sharepoint.com/sites/hr/Shared Documents").await;
    house.eventually("the webhook rings", async || told(&house, "files").await.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_changes_than_a_page_holds_and_more_items_than_a_batch_are_all_told_once() {
    let house = followed("{list}", "baseline").await;
    let list = house.tenant.tenant().resources.list.clone();
    let made = house.control("changes", json!({"count": 2300, "seed": 5, "resource": list})).await;
    assert_eq!(made["changes"].as_array().unwrap().len(), 2300);
    fetch(&house, "it").await;
    let state = house.fetch(&format!("{}/_control/state", house.tenant.url())).await;
    let there = state["resources"][&list].as_array().unwrap().clone();
    let (mut after, mut known) = ("00000000000000000000".to_owned(), std::collections::BTreeMap::new());
    loop {
        let page = house.get(&format!("/v1/events?limit=1000&after={after}")).await;
        for event in page["events"].as_array().unwrap() {
            let (id, kind) = (event["subject"].as_str().unwrap(), event["type"].as_str().unwrap());
            if kind.ends_with("deleted") {
                known.remove(id);
            } else {
                known.insert(id.to_owned(), event["data"]["resource"]["fields"].clone());
            }
        }
        let next = page["next"].as_str().unwrap().to_owned();
        if next == after {
            break;
        }
        after = next;
    }
    let touched: std::collections::BTreeSet<&str> =
        made["changes"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    for item in &there {
        let id = item["id"].as_str().unwrap();
        if touched.contains(id) {
            assert_eq!(known[id]["Score"], item["fields"]["Score"], "{id}");
        }
    }
    assert_eq!(
        known.len(),
        there.iter().filter(|item| touched.contains(item["id"].as_str().unwrap())).count()
    );
    let asked = house.count_requests("POST", "/sites/hr/_api/web/lists").await;
    assert!(asked >= 3, "{asked}");
    assert_eq!(house.count_requests("GET", "/sites/hr/_api/web/lists('x')/items(").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_on_a_later_page_of_the_log_has_not_gone() {
    let house = followed("{list}", "baseline").await;
    let (colleague, mut seen) = (Colleague::of(&house).await, 0);
    let bin = colleague.recycle(LIST, "2").await;
    colleague.send("DELETE", &format!("{LIST}/items(3)"), None).await;
    for score in 0..110 {
        colleague.send("PATCH", &format!("{LIST}/items(1)"), Some(json!({"Score": score}))).await;
    }
    colleague.restore(&bin).await;
    let told = brief(&news(&house, &mut seen).await);
    assert_eq!(told, ["deleted 3", "updated 1 fields.Score"], "nobody saw it go");
}
