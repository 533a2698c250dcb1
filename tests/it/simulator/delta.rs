use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Answered, Bench, items, link};
use crate::openapi;

const DRIVE: &str = "/users/alice@contoso.com/drive";
const INBOX: &str = "/users/alice@contoso.com/mailFolders/inbox/messages";
const IMMUTABLE: Option<&str> = Some("IdType=\"ImmutableId\", odata.maxpagesize=2");

fn names(page: &Value) -> Vec<&str> {
    items(page).iter().map(|item| item["name"].as_str().unwrap_or("(deleted)")).collect()
}

#[tokio::test]
async fn a_drive_is_told_in_pages_and_then_only_what_changed_with_its_parents() {
    let bench = Bench::with_pages_of(2).await;
    let mut page = bench.read(&format!("{DRIVE}/root/delta")).await;
    let mut seen = names(&page).into_iter().map(str::to_owned).collect::<Vec<_>>();
    while page.get("@odata.nextLink").is_some() {
        assert!(page.get("@odata.deltaLink").is_none());
        openapi::assert_answer("GET", "/drives/{drive-id}/root/delta", 200, &page);
        page = bench.read(link(&page, "nextLink")).await;
        seen.extend(names(&page).into_iter().map(str::to_owned));
    }
    let expected = ["root", "Reports", "root", "Reports", "Q3.txt", "Notes.txt"];
    assert_eq!(seen, expected, "parents come along on the second page once more");
    let file = items(&page).last().unwrap();
    assert!(file["file"]["hashes"]["quickXorHash"].is_string() && file.get("cTag").is_none());
    assert!(
        file["parentReference"].get("path").is_none() && file["@microsoft.graph.downloadUrl"].is_string()
    );

    let quiet = bench.read(link(&page, "deltaLink")).await;
    assert!(items(&quiet).is_empty());
    assert_ne!(link(&quiet, "deltaLink"), link(&page, "deltaLink"));
    let made = bench.upload(&format!("{DRIVE}/root:/Reports/Q4.txt:/content"), "four").await;
    let told = bench.read(link(&quiet, "deltaLink")).await;
    assert_eq!(names(&told), ["root", "Reports", "Q4.txt"]);
    openapi::assert_answer("GET", "/drives/{drive-id}/root/delta(token='{token}')", 200, &told);
    let root = &items(&told)[0];
    assert!(root["root"].is_object() && root["parentReference"].get("id").is_none());

    let path = format!("{DRIVE}/items/{}", made["id"].as_str().unwrap());
    bench.write(Method::DELETE, &path, Value::Null).await;
    let told = bench.read(link(&told, "deltaLink")).await;
    let deleted = items(&told).last().unwrap();
    assert_eq!(
        (deleted["id"].clone(), deleted["deleted"].clone()),
        (made["id"].clone(), json!({"state": "deleted"}))
    );
    assert!(deleted.get("name").is_none() && deleted.get("cTag").is_none());
    openapi::assert_answer("GET", "/drives/{drive-id}/root/delta(token='{token}')", 200, &told);
}

#[tokio::test]
async fn a_round_can_begin_now_or_at_a_time_and_a_bad_token_means_resync() {
    let bench = Bench::start().await;
    let latest = bench.read(&format!("{DRIVE}/root/delta?token=latest")).await;
    assert!(items(&latest).is_empty());
    bench.clock.advance(std::time::Duration::from_secs(60));
    bench.upload(&format!("{DRIVE}/root:/new.txt:/content"), "new").await;
    for path in [
        link(&latest, "deltaLink").to_owned(),
        format!("{DRIVE}/root/delta?token=2026-11-23T10%3A01%3A00Z"),
        format!("{DRIVE}/items/root/delta(token='2026-11-23T10%3A00%3A30Z')"),
    ] {
        assert_eq!(names(&bench.read(&path).await), ["root", "new.txt"], "{path}");
    }
    assert_eq!(items(&bench.read(&format!("{DRIVE}/items/root/delta()")).await).len(), 5);
    let gone = bench.get(&format!("{DRIVE}/root/delta?token=nonsense")).await;
    assert_eq!((gone.status, gone.body["error"]["code"].as_str()), (410, Some("resyncRequired")));
    openapi::assert_answer("GET", "/users/{user-id}/drive/root/delta", 410, &gone.body);
    let again = bench.read(gone.headers["location"].to_str().unwrap()).await;
    assert_eq!(items(&again).len(), 5);
    bench.control("/tokens/expire", json!({"resource": "onedrive:alice@contoso.com"})).await;
    assert_eq!(bench.get(link(&again, "deltaLink")).await.status, 410);
    assert_eq!(bench.get(&format!("{DRIVE}/root/delta?$expand=listItem")).await.status, 400);
}

#[tokio::test]
async fn list_items_are_told_with_columns_only_when_these_are_expanded() {
    let bench = Bench::start().await;
    let list = bench.candidates().await;
    let bare = bench.read(&format!("{list}/items/delta?token=latest")).await;
    let full = bench.read(&format!("{list}/items/delta?token=latest&$expand=fields")).await;
    let made = bench
        .write(Method::POST, &format!("{list}/items"), json!({"fields": {"Title": "Zoë", "Score": 3}}))
        .await;
    let path = format!("{list}/items/{}", made["id"].as_str().unwrap());
    bench.write(Method::PATCH, &format!("{path}/fields"), json!({"Stage": "Offer"})).await;
    let told = bench.read(link(&bare, "deltaLink")).await;
    assert_eq!(items(&told).len(), 1, "two changes are one item in its latest state");
    assert!(items(&told)[0].get("fields").is_none());
    let told = bench.read(link(&full, "deltaLink")).await;
    let item = &items(&told)[0];
    assert_eq!(
        (item["fields"]["Title"].as_str(), item["fields"]["Stage"].as_str()),
        (Some("Zoë"), Some("Offer"))
    );
    assert!(item["eTag"].as_str().unwrap().ends_with(",2\""));
    assert!(item["lastModifiedBy"]["application"]["id"].is_string());
    openapi::assert_answer("GET", "/sites/{site-id}/lists/{list-id}/items/delta", 200, &told);
    bench.write(Method::DELETE, &path, Value::Null).await;
    let told = bench.read(link(&told, "deltaLink")).await;
    let deleted = &items(&told)[0];
    assert!(
        deleted["deleted"].is_object() && deleted.get("eTag").is_none() && deleted.get("fields").is_none()
    );
    openapi::assert_answer("GET", "/sites/{site-id}/lists/{list-id}/items/delta", 200, &told);
    let bad =
        bench.call(Method::POST, &format!("{list}/items"), None, Some(json!({"fields": {"Nope": 1}}))).await;
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn a_library_is_seen_as_files_and_as_list_items() {
    let bench = Bench::start().await;
    let site = "/sites/contoso.sharepoint.com:/sites/hr:";
    let made = bench.upload(&format!("{site}/drive/root:/Policy.txt:/content"), "Be kind.").await;
    let rows = bench.read(&format!("{site}/lists/Documents/items?$expand=fields")).await;
    let row = items(&rows).iter().find(|row| row["fields"]["FileLeafRef"] == "Policy.txt").unwrap();
    let same = bench.read(&format!("{site}/drive/items/{}/listItem", made["id"].as_str().unwrap())).await;
    assert_eq!(row["id"], same["id"]);
}

#[tokio::test]
async fn replayed_items_come_again_unchanged() {
    let bench = Bench::start().await;
    let list = bench.candidates().await;
    let first = bench.read(&format!("{list}/items/delta?$expand=fields")).await;
    bench.control("/replay", json!({"resource": bench.tenant().resources.list})).await;
    let again = bench.read(link(&first, "deltaLink")).await;
    assert_eq!(first["value"], again["value"]);
}

async fn inbox(bench: &Bench, path: &str) -> Answered {
    bench.call(Method::GET, path, IMMUTABLE, None).await
}

/// Reads a round of the inbox to its end.
async fn round(bench: &Bench, path: &str) -> (Vec<Value>, String) {
    let (mut told, mut path) = (Vec::new(), path.to_owned());
    loop {
        let page = inbox(bench, &path).await.body;
        openapi::assert_answer(
            "GET",
            "/users/{user-id}/mailFolders/{mailFolder-id}/messages/delta",
            200,
            &page,
        );
        told.extend(items(&page).clone());
        if page.get("@odata.deltaLink").is_some() {
            return (told, link(&page, "deltaLink").to_owned());
        }
        link(&page, "nextLink").clone_into(&mut path);
    }
}

#[tokio::test]
async fn messages_come_whole_or_in_part_and_leave_as_removed() {
    let bench = Bench::start().await;
    let (first, cursor) =
        round(&bench, &format!("{INBOX}/delta?$select=subject,isRead,parentFolderId")).await;
    assert_eq!(first.len(), 3);
    assert!(first[0]["@odata.etag"].is_string() && first[0].get("body").is_none());
    let id = first[0]["id"].as_str().unwrap();
    let path = format!("/users/alice@contoso.com/messages/{id}");
    bench.write(Method::PATCH, &path, json!({"isRead": false})).await;
    let (told, cursor) = round(&bench, &cursor).await;
    assert_eq!(told, [json!({"@odata.type": "#microsoft.graph.message", "id": id, "isRead": false})]);
    bench.write(Method::POST, &format!("{path}/move"), json!({"destinationId": "archive"})).await;
    let (told, _) = round(&bench, &cursor).await;
    assert_eq!((told[0]["id"].as_str(), told[0]["@removed"]["reason"].as_str()), (Some(id), Some("deleted")));
    let (there, _) = round(&bench, "/users/alice@contoso.com/mailFolders/archive/messages/delta").await;
    assert_eq!(there[0]["id"], id, "an immutable id survives the move");
}

#[tokio::test]
async fn ids_take_the_form_that_each_request_asks_for() {
    let bench = Bench::start().await;
    let page = inbox(&bench, &format!("{INBOX}/delta")).await.body;
    let with = inbox(&bench, link(&page, "nextLink")).await.body;
    let without = bench.read(link(&page, "nextLink")).await;
    assert_ne!(items(&with)[0]["id"], items(&without)[0]["id"]);
    let id = items(&without)[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/users/alice@contoso.com/messages/{id}");
    let moved = bench.write(Method::POST, &format!("{path}/move"), json!({"destinationId": "archive"})).await;
    assert_ne!(moved["id"], id.as_str());
    assert_eq!(bench.get(&path).await.body["error"]["code"], "ErrorItemNotFound");
}

#[tokio::test]
async fn outlook_forgets_links_after_three_generations_but_not_the_current_one() {
    let bench = Bench::start().await;
    let (_, first) = round(&bench, &format!("{INBOX}/delta")).await;
    for _ in 0..6 {
        assert_eq!(inbox(&bench, &first).await.status, 200, "the current link may be repeated");
    }
    let mut current = first.clone();
    for _ in 0..3 {
        current = link(&inbox(&bench, &current).await.body, "deltaLink").to_owned();
    }
    let gone = inbox(&bench, &first).await;
    assert_eq!((gone.status, gone.body["error"]["code"].as_str()), (410, Some("SyncStateNotFound")));
    assert!(!gone.headers.contains_key("location"));
    openapi::assert_answer(
        "GET",
        "/users/{user-id}/mailFolders/{mailFolder-id}/messages/delta",
        410,
        &gone.body,
    );
}

#[tokio::test]
async fn a_sent_message_reaches_inbox_and_sent_items() {
    let bench = Bench::start().await;
    let body = json!({"message": {
        "subject": "Lunch?", "body": {"contentType": "text", "content": "At noon."},
        "toRecipients": [{"emailAddress": {"address": "bob@contoso.com"}}],
    }});
    bench.write(Method::POST, "/users/alice@contoso.com/sendMail", body).await;
    for folder in ["bob@contoso.com/mailFolders/inbox", "alice@contoso.com/mailFolders/sentitems"] {
        let found = bench.read(&format!("/users/{folder}/messages?$select=subject")).await;
        assert!(items(&found).iter().any(|message| message["subject"] == "Lunch?"), "{folder}");
    }
}

#[tokio::test]
async fn deltas_add_up_to_the_truth_after_random_changes() {
    let bench = Bench::with_pages_of(7).await;
    let mut mirrors = Vec::new();
    let list = bench.candidates().await;
    for (address, path, prefer) in [
        (
            "list:https://contoso.sharepoint.com/sites/hr/Lists/Candidates",
            format!("{list}/items/delta?$expand=fields"),
            None,
        ),
        ("onedrive:alice@contoso.com", format!("{DRIVE}/root/delta"), None),
        ("mail:alice@contoso.com/inbox", format!("{INBOX}/delta"), IMMUTABLE),
    ] {
        mirrors.push((address, path, prefer, serde_json::Map::new()));
    }
    for _ in 0..4 {
        bench.control("/changes", json!({"count": 60, "seed": 5})).await;
        for (_, cursor, prefer, mirror) in &mut mirrors {
            loop {
                let page = bench.call(Method::GET, cursor, *prefer, None).await.body;
                for item in items(&page) {
                    let id = item["id"].as_str().unwrap().to_owned();
                    if item.get("deleted").is_some() || item.get("@removed").is_some() {
                        mirror.remove(&id);
                        continue;
                    }
                    let known = mirror.entry(id).or_insert_with(|| json!({}));
                    known.as_object_mut().unwrap().extend(item.as_object().unwrap().clone());
                }
                let done = page.get("@odata.deltaLink").is_some();
                *cursor = link(&page, if done { "deltaLink" } else { "nextLink" }).to_owned();
                if done {
                    break;
                }
            }
        }
    }
    let state = bench.state().await;
    for (address, _, _, mirror) in &mirrors {
        let truth = state["resources"][*address].as_array().unwrap();
        assert_eq!(truth.len(), mirror.len(), "{address}");
        for item in truth {
            let told = &mirror[item["id"].as_str().unwrap()];
            for (name, value) in item.as_object().unwrap() {
                // A message told in part keeps what was known of these.
                let kept = ["@odata.etag", "changeKey", "lastModifiedDateTime"].contains(&name.as_str());
                assert!(kept || told[name] == *value, "{address}: {name} of {told:#} is not {value:#}");
            }
        }
    }
}
