use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{HR, MINIMAL, NONE, SiteBench, VERBOSE, refusal};
use crate::simulator::harness::{Answered, items, link};

/// Everything that is done to items, since a token.
fn query(start: Option<&str>, change: impl FnOnce(&mut Value)) -> Value {
    let mut query = json!({
        "Item": true, "Add": true, "Update": true, "SystemUpdate": true, "DeleteObject": true, "Rename": true,
        "Move": true, "Restore": true, "RecursiveAll": true, "FetchLimit": "1000",
    });
    if let Some(start) = start {
        query["ChangeTokenStart"] = json!({"StringValue": start});
    }
    change(&mut query);
    json!({"query": query})
}

async fn ask(site: &SiteBench, list: &str, body: Value) -> Answered {
    site.call(Method::POST, &format!("{list}/GetChanges"), Some(body)).await
}

async fn rows(site: &SiteBench, list: &str, start: &str) -> Vec<Value> {
    let answer = ask(site, list, query(Some(start), |_| ())).await;
    assert_eq!(answer.status, 200, "{:#}", answer.body);
    answer.body["value"].as_array().unwrap().clone()
}

async fn now(site: &SiteBench, list: &str) -> String {
    let list = site.read(&format!("{list}?$select=CurrentChangeToken")).await;
    list["CurrentChangeToken"]["StringValue"].as_str().unwrap().to_owned()
}

fn token(row: &Value) -> &str {
    row["ChangeToken"]["StringValue"].as_str().unwrap()
}

fn kinds(rows: &[Value]) -> Vec<u64> {
    rows.iter().map(|row| row["ChangeType"].as_u64().unwrap()).collect()
}

/// Makes an item, and answers with its address.
async fn add(site: &SiteBench, list: &str, title: &str) -> String {
    let made = site.post(&format!("{list}/items"), json!({"Title": title})).await;
    format!("{list}/items({})", made["Id"])
}

#[tokio::test]
async fn what_is_done_to_an_item_is_told_in_order_with_ids_alone() {
    let site = SiteBench::start().await;
    let list = site.list("Candidates").await;
    let start = now(&site, &list).await;
    assert!(rows(&site, &list, &start).await.is_empty());
    let item = add(&site, &list, "Ada").await;
    site.bench.clock.advance(Duration::from_secs(60));
    assert_eq!(site.call(Method::PATCH, &item, Some(json!({"Stage": "Offer"}))).await.status, 204);
    let bin = site.post(&format!("{item}/recycle()"), Value::Null).await;
    site.post(&format!("web/recyclebin('{}')/restore()", bin["value"].as_str().unwrap()), Value::Null).await;
    let told = rows(&site, &list, &start).await;
    assert_eq!(kinds(&told), [1, 2, 3, 7]);
    let (first, read) = (&told[0], site.read(&item).await);
    let web = site.read("web").await;
    assert_eq!((&first["ItemId"], &first["UniqueId"]), (&read["Id"], &read["GUID"]));
    assert_eq!((&first["WebId"], first["Time"].as_str()), (&web["Id"], Some("2026-11-23T10:00:00Z")));
    assert_eq!((first["Editor"].as_str(), first["ServerRelativeUrl"].as_str()), (Some(""), Some("")));
    assert_eq!(first.get("Title"), None, "no content");
    // 2026-11-23T10:01:00Z is 1,795,428,060 seconds after 1970.
    let id = first["ListId"].as_str().unwrap();
    assert!(token(&told[1]).starts_with(&format!("1;3;{id};639310248600000000;")), "{}", token(&told[1]));
    let latest = token(told.last().unwrap());
    assert!(rows(&site, &list, latest).await.is_empty(), "the start is exclusive");
    assert_eq!(kinds(&rows(&site, &list, token(&told[1])).await), [3, 7]);
}

#[tokio::test]
async fn the_two_logs_of_a_list_tell_of_the_same_changes() {
    let site = SiteBench::start().await;
    let list = site.list("Candidates").await;
    let address = site.bench.candidates().await;
    let (start, latest) =
        (now(&site, &list).await, site.bench.read(&format!("{address}/items/delta?token=latest")).await);
    let item = add(&site, &list, "Ada").await;
    let body = json!({"fields": {"Title": "Brendan"}});
    site.bench.write(Method::POST, &format!("{address}/items"), body).await;
    assert_eq!(site.call(Method::DELETE, &item, None).await.status, 200);
    site.bench.control("/changes", json!({"count": 40, "seed": 3})).await;
    let told = rows(&site, &list, &start).await;
    let mut by_rows: Vec<u64> = told.iter().map(|row| row["ItemId"].as_u64().unwrap()).collect();
    by_rows.sort_unstable();
    by_rows.dedup();
    let delta = site.bench.read(link(&latest, "deltaLink")).await;
    let mut by_delta: Vec<u64> =
        items(&delta).iter().map(|item| item["id"].as_str().unwrap().parse().unwrap()).collect();
    by_delta.sort_unstable();
    assert_eq!(by_rows, by_delta);
    let gone = items(&delta).iter().filter(|item| item.get("deleted").is_some()).count();
    assert_eq!(kinds(&told).into_iter().filter(|kind| *kind == 3).count(), gone);
}

#[tokio::test]
async fn a_library_has_renames_moves_and_several_rows_for_one_edit() {
    let site = SiteBench::start().await;
    let list = site.list("Documents").await;
    let hr = site.bench.read("/sites/contoso.sharepoint.com:/sites/hr").await;
    let drive = site.bench.read(&format!("/sites/{}/drive", hr["id"].as_str().unwrap())).await;
    let drive = format!("/drives/{}", drive["id"].as_str().unwrap());
    let start = now(&site, &list).await;
    let folder = site
        .bench
        .write(Method::POST, &format!("{drive}/root/children"), json!({"name": "Old", "folder": {}}))
        .await;
    let file = site.bench.upload(&format!("{drive}/root:/plan.txt:/content"), "one").await;
    site.bench.upload(&format!("{drive}/root:/plan.txt:/content"), "two").await;
    let file = format!("{drive}/items/{}", file["id"].as_str().unwrap());
    site.bench.write(Method::PATCH, &file, json!({"parentReference": {"id": folder["id"]}})).await;
    let told = rows(&site, &list, &start).await;
    assert_eq!(kinds(&told), [1, 1, 2, 15, 5, 6]);
    assert_eq!(told[2]["Time"], told[3]["Time"]);
    let (folder_id, file_id) = (&told[0]["ItemId"], &told[1]["ItemId"]);
    assert!(told[1..].iter().all(|row| &row["ItemId"] == file_id));
    // Renaming a folder is told of the folder alone; what lies in it is told only by who asks for it.
    let renamed = site
        .call(Method::PATCH, &format!("{list}/items({folder_id})"), Some(json!({"FileLeafRef": "New"})))
        .await;
    assert_eq!(renamed.status, 204, "{:#}", renamed.body);
    let latest = token(&told[5]).to_owned();
    let found = rows(&site, &list, &latest).await;
    assert_eq!((kinds(&found), &found[0]["ItemId"]), (vec![4], folder_id));
    let path = site.read(&format!("{list}/items({file_id})?$select=FileRef")).await;
    assert_eq!(path["FileRef"], "/sites/hr/Shared Documents/New/plan.txt");
    site.bench.write(Method::PATCH, &file, json!({"name": "plan 2.txt"})).await;
    let flat = ask(&site, &list, query(Some(&latest), |query| query["RecursiveAll"] = json!(false))).await;
    assert_eq!(items(&flat.body).len(), 1, "the folder, not the file in it");
    assert_eq!(rows(&site, &list, &latest).await.len(), 2);
}

#[tokio::test]
async fn an_answer_is_full_at_the_limit_and_the_last_token_leads_on() {
    let site = SiteBench::start().await;
    let list = site.list("Candidates").await;
    let mut start = now(&site, &list).await;
    for n in 0..5 {
        add(&site, &list, &format!("Candidate {n}")).await;
    }
    for limit in [json!("2"), json!(2)] {
        let page = ask(&site, &list, query(Some(&start), |query| query["FetchLimit"] = limit)).await;
        assert_eq!(items(&page.body).len(), 2, "{:#}", page.body);
        token(&items(&page.body)[1]).clone_into(&mut start);
    }
    let rest = ask(&site, &list, query(Some(&start), |query| query["FetchLimit"] = json!("2"))).await;
    assert_eq!(items(&rest.body).len(), 1, "a short page ends it");
    let latest = ask(&site, &list, query(None, |query| query["LatestFirst"] = json!(true))).await;
    assert_eq!(items(&latest.body)[0], items(&rest.body)[0]);
    let until =
        ask(&site, &list, query(None, |query| query["ChangeTokenEnd"] = json!({"StringValue": start}))).await;
    assert_eq!(token(items(&until.body).last().unwrap()), start);
}

#[tokio::test]
async fn only_the_kinds_that_are_wanted_are_told() {
    let site = SiteBench::start().await;
    let list = site.list("Candidates").await;
    let start = now(&site, &list).await;
    let item = add(&site, &list, "Ada").await;
    site.call(Method::PATCH, &item, Some(json!({"Score": 5}))).await;
    for (name, left) in [("Add", 1), ("Update", 1), ("Item", 0)] {
        let less = ask(&site, &list, query(Some(&start), |query| query[name] = json!(false))).await;
        assert_eq!(items(&less.body).len(), left, "without {name}");
    }
    let by_time = start.rsplit_once(';').unwrap().0.to_owned() + ";-1";
    assert_eq!(rows(&site, &list, &by_time).await.len(), 2, "since a time");
}

#[tokio::test]
async fn a_token_older_than_sixty_days_finds_nothing_and_does_not_say_so() {
    let mut site = SiteBench::start().await;
    let list = site.list("Candidates").await;
    let old = now(&site, &list).await;
    site.bench.clock.advance(Duration::from_secs(60 * 24 * 3600 + 1));
    site.token = site.token_for("https://contoso.sharepoint.com/.default").await;
    add(&site, &list, "Ada").await;
    let silent = ask(&site, &list, query(Some(&old), |_| ())).await;
    assert_eq!((silent.status, items(&silent.body).len()), (200, 0));
    let all = ask(&site, &list, query(None, |_| ())).await;
    assert_eq!(items(&all.body).len(), 1, "the log begins where it has not been forgotten");
    site.bench.control("/change-tokens", json!({"refuse_old": true})).await;
    let refused = ask(&site, &list, query(Some(&old), |_| ())).await;
    let (status, code, text) = refusal(&refused, "odata.error");
    assert_eq!((status, code), (400, "-2130575172, Microsoft.SharePoint.SPException"));
    assert_eq!(text, "The changeToken refers to a time before the start of the current change log.");
}

#[tokio::test]
async fn a_token_that_is_none_is_refused_by_what_is_wrong_with_it() {
    let site = SiteBench::start().await;
    let (list, other) = (site.list("Candidates").await, site.list("Documents").await);
    let (good, foreign) = (now(&site, &list).await, now(&site, &other).await);
    let wrong_scope = good.replacen("1;3;", "1;2;", 1);
    let letters = good.rsplit_once(';').unwrap().0.to_owned() + ";x";
    for (token, code) in [
        (foreign.as_str(), "-2130575173, Microsoft.SharePoint.SPException"),
        (wrong_scope.as_str(), "-2130575173, Microsoft.SharePoint.SPException"),
        ("1;3;what", "-2146233086, System.ArgumentOutOfRangeException"),
        (letters.as_str(), "-1, System.FormatException"),
        ("7;3;a;b;c", "-1, System.InvalidOperationException"),
    ] {
        let refused = ask(&site, &list, query(Some(token), |_| ())).await;
        assert_eq!(refusal(&refused, "odata.error").1, code, "{token}");
    }
    assert!(rows(&site, &list, &good).await.is_empty());
    site.bench.control("/tokens/expire", json!({})).await;
    let dead = ask(&site, &list, query(Some(&good), |_| ())).await;
    assert!(refusal(&dead, "odata.error").1.starts_with("-2130575172,"));
    let fresh = now(&site, &list).await;
    add(&site, &list, "Ada").await;
    assert_eq!(kinds(&rows(&site, &list, &fresh).await), [1]);
}

#[tokio::test]
async fn a_right_that_is_given_has_a_row_for_whoever_asks_for_those() {
    let site = SiteBench::start().await;
    let list = site.list("Candidates").await;
    let start = now(&site, &list).await;
    let resource = site.bench.tenant().resources.list.clone();
    site.bench.control("/share", json!({"resource": resource, "id": 2})).await;
    assert!(rows(&site, &list, &start).await.is_empty());
    let asked = query(Some(&start), |query| query["RoleAssignmentAdd"] = json!(true));
    let told = ask(&site, &list, asked).await.body["value"].as_array().unwrap().clone();
    assert_eq!((kinds(&told), &told[0]["ItemId"]), (vec![11], &json!(2)));
}

#[tokio::test]
async fn verbose_json_names_types_and_writes_large_numbers_as_text() {
    let site = SiteBench::start().await;
    let list = site.list("Candidates").await;
    let start = now(&site, &list).await;
    add(&site, &list, "Ada").await;
    let path = format!("{HR}/_api/{list}/getchanges");
    let send = async |accept: &str, sent: &str, body: Value| {
        site.send(Method::POST, &path, &[("accept", accept), ("content-type", sent)], Some(body)).await
    };
    let mut typed = query(Some(&start), |query| query["__metadata"] = json!({"type": "SP.ChangeQuery"}));
    typed["query"]["ChangeTokenStart"]["__metadata"] = json!({"type": "SP.ChangeToken"});
    let answer = send(VERBOSE, VERBOSE, typed.clone()).await;
    assert_eq!(answer.status, 200, "{:#}", answer.body);
    let row = &answer.body["d"]["results"][0];
    assert_eq!(row["__metadata"]["type"], "SP.ChangeItem");
    assert_eq!(
        (&row["ChangeToken"]["__metadata"]["type"], &row["ChangeType"]),
        (&json!("SP.ChangeToken"), &json!(1))
    );
    typed["query"]["FetchLimit"] = json!(1000);
    let refused = send(VERBOSE, VERBOSE, typed).await;
    let (status, code, text) = refusal(&refused, "error");
    assert_eq!((status, code), (400, "-1, Microsoft.SharePoint.Client.InvalidClientQueryException"));
    assert!(text.contains("Edm.Int64"), "{text}");
    let untyped = send(NONE, VERBOSE, query(Some(&start), |_| ())).await;
    assert_eq!(refusal(&untyped, "odata.error").0, 400);
    let minimal = send(MINIMAL, "application/json", query(Some(&start), |_| ())).await;
    assert_eq!(minimal.body["value"][0]["odata.type"], "SP.ChangeItem");
    assert!(minimal.body["odata.metadata"].is_string());
}
