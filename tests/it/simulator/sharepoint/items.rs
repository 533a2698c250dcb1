use reqwest::Method;
use serde_json::{Value, json};

use super::{HR, MINIMAL, NONE, SiteBench, VERBOSE, refusal};
use crate::simulator::harness::items;

/// What a list item has to be asked for with, to be told in Graph's shape.
const WHOLE: &str = "$select=*,FileRef,FileLeafRef,FSObjType,UniqueId,Author/Title,Author/EMail,Editor/Title,\
                     Editor/EMail&$expand=Author,Editor";

#[tokio::test]
async fn an_item_is_read_with_its_columns_and_reads_the_same_over_graph() {
    let site = SiteBench::start().await;
    let list = site.list("Candidates").await;
    let answer = site.call(Method::GET, &format!("{list}/items(1)?{WHOLE}"), None).await;
    let item = &answer.body;
    let graph = site.bench.read(&format!("{}/items/1", site.bench.candidates().await)).await;
    assert_eq!(json!(item["Id"].to_string()), graph["id"]);
    assert_eq!((&item["Title"], &item["Score"]), (&graph["fields"]["Title"], &graph["fields"]["Score"]));
    assert_eq!(
        (&item["Created"], &item["Modified"]),
        (&graph["createdDateTime"], &graph["lastModifiedDateTime"])
    );
    assert_eq!(answer.headers["etag"].to_str().unwrap(), graph["eTag"].as_str().unwrap());
    assert_eq!(item["Author"], json!({"EMail": "alice@contoso.com", "Title": "Alice Example"}));
    assert_eq!(item["FileRef"], "/sites/hr/Lists/Candidates/1_.000");
    assert!(item["Notes"].is_null() && graph["fields"].get("Notes").is_none(), "a column without a value");
    let bare = site.read(&format!("{list}/items(1)")).await;
    assert!(bare.get("FileRef").is_none() && bare.get("Author").is_none() && bare["AuthorId"].is_number());
    assert!(bare.get("odata.etag").is_none());
    let path = format!("{HR}/_api/{list}/items(1)");
    let minimal = site.send(Method::GET, &path, &[("accept", MINIMAL)], None).await.body;
    let verbose = site.send(Method::GET, &path, &[("accept", VERBOSE)], None).await.body;
    assert_eq!(minimal["odata.etag"], graph["eTag"]);
    assert_eq!(verbose["d"]["__metadata"]["etag"], graph["eTag"]);
    assert_eq!(verbose["d"]["__metadata"]["type"], "SP.Data.CandidatesListItem");
}

#[tokio::test]
async fn all_items_are_read_in_pages_by_a_link() {
    let site = SiteBench::start().await;
    let list = site.list("Candidates").await;
    let mut path = format!("{list}/items?$top=2&$orderby=ID&$select=Id,Title");
    let mut ids = Vec::new();
    loop {
        let page = site.read(&path).await;
        ids.extend(items(&page).iter().map(|item| item["Id"].as_u64().unwrap()));
        match page["odata.nextLink"].as_str() {
            Some(next) => next.clone_into(&mut path),
            None => break,
        }
        assert!(path.contains("p_ID"), "{path}");
    }
    assert_eq!(ids, [1, 2, 3, 4, 5]);
    let verbose = [("accept", VERBOSE)];
    let path = format!("{HR}/_api/{list}/items?$top=3");
    let page = site.send(Method::GET, &path, &verbose, None).await.body;
    let next = page["d"]["__next"].as_str().unwrap().to_owned();
    let latest = site.send(Method::GET, &next, &verbose, None).await.body;
    assert_eq!(latest["d"]["results"].as_array().unwrap().len(), 2);
    assert!(latest["d"].get("__next").is_none());
    let filtered = site.call(Method::GET, &format!("{list}/items?$filter=Score gt 5"), None).await;
    assert_eq!(filtered.status, 400, "what is not played is refused, not made up");
}

#[tokio::test]
async fn items_are_made_changed_and_deleted_by_rest() {
    let site = SiteBench::start().await;
    let list = site.list("Candidates").await;
    let made = site.post(&format!("{list}/items"), json!({"Title": "Ada", "Score": 3, "Notes": null})).await;
    let item = format!("{list}/items({})", made["Id"]);
    let graph = format!("{}/items/{}", site.bench.candidates().await, made["Id"]);
    assert_eq!(site.bench.read(&graph).await["fields"]["Score"], 3);
    let path = format!("{HR}/_api/{item}");
    let merge = |expected: &'static str| {
        [
            ("accept", NONE),
            ("content-type", "application/json"),
            ("x-http-method", "MERGE"),
            ("if-match", expected),
        ]
    };
    let stale = site.send(Method::POST, &path, &merge("\"stale,1\""), Some(json!({"Score": 4}))).await;
    assert_eq!(refusal(&stale, "odata.error").0, 412);
    assert_eq!(site.send(Method::POST, &path, &merge("*"), Some(json!({"Score": 4}))).await.status, 204);
    assert_eq!(site.call(Method::PATCH, &item, Some(json!({"Title": null}))).await.status, 204);
    let read = site.bench.read(&graph).await;
    assert_eq!((&read["fields"]["Score"], read["fields"].get("Title")), (&json!(4), None), "cleared");
    for wrong in [json!({"Colour": "red"}), json!({"Created": "2020-01-01T00:00:00Z"})] {
        let refused = site.call(Method::PATCH, &item, Some(wrong)).await;
        assert_eq!(refusal(&refused, "odata.error").0, 400);
    }
    let sent = [("accept", VERBOSE), ("content-type", VERBOSE)];
    let items_path = format!("{HR}/_api/{list}/items");
    let typed = json!({"__metadata": {"type": "SP.Data.CandidatesListItem"}, "Title": "Brendan"});
    assert_eq!(site.send(Method::POST, &items_path, &sent, Some(typed)).await.status, 201);
    let untyped = site.send(Method::POST, &items_path, &sent, Some(json!({"Title": "Chidi"}))).await;
    assert_eq!(refusal(&untyped, "error").0, 400);
    let delete = [("accept", NONE), ("x-http-method", "DELETE"), ("if-match", "*")];
    assert_eq!(site.send(Method::POST, &path, &delete, None).await.status, 200);
    assert_eq!(site.call(Method::GET, &item, None).await.status, 404);
    assert_eq!(site.bench.get(&graph).await.status, 404);
}

#[tokio::test]
async fn what_was_recycled_comes_back_as_it_was_and_what_was_deleted_does_not() {
    let site = SiteBench::start().await;
    let list = site.list("Candidates").await;
    let before = site.read(&format!("{list}/items(2)")).await;
    let bin = site.post(&format!("{list}/items(2)/recycle()"), Value::Null).await;
    assert_eq!(site.call(Method::GET, &format!("{list}/items(2)"), None).await.status, 404);
    assert_eq!(site.call(Method::DELETE, &format!("{list}/items(3)"), None).await.status, 200);
    let found = site.read("web/recyclebin").await;
    assert_eq!(items(&found).len(), 1, "{found:#}");
    assert_eq!(
        (&found["value"][0]["Id"], &found["value"][0]["Title"]),
        (&bin["value"], &json!("Tomás Rivera"))
    );
    site.post(&format!("web/recyclebin('{}')/restore()", bin["value"].as_str().unwrap()), Value::Null).await;
    assert_eq!(site.read(&format!("{list}/items(2)")).await, before);
    assert!(items(&site.read("web/recyclebin").await).is_empty());
}

#[tokio::test]
async fn several_items_are_read_in_one_batch_and_answered_in_order() {
    let site = SiteBench::start().await;
    let list = site.list("Candidates").await;
    let url = format!("{}{HR}/_api", site.bench.simulator.url());
    let part = |path: &str| {
        let head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary";
        format!("--batch_1\r\n{head}\r\n\r\nGET {path} HTTP/1.1\r\nAccept: {NONE}\r\n\r\n")
    };
    let send = async |parts: &[String]| {
        let request = site.bench.http.post(format!("{url}/$batch")).bearer_auth(&site.token);
        let request = request.header("content-type", "multipart/mixed; boundary=\"batch_1\"");
        let answer = request.body(format!("{}--batch_1--\r\n", parts.concat())).send().await.unwrap();
        let media = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), media, answer.text().await.unwrap())
    };
    let ours = format!("https://contoso.sharepoint.com{HR}/_api/{list}/items(3)?$select=Id,Title");
    let parts =
        [part(&format!("{url}/{list}/items(2)")), part(&format!("{url}/{list}/items(99)")), part(&ours)];
    let (status, media, text) = send(&parts).await;
    let boundary = media.split("boundary=").nth(1).unwrap().trim_matches('"');
    assert_eq!((status, text.ends_with(&format!("--{boundary}--\r\n"))), (200, true));
    let answered: Vec<&str> = text.split(&format!("--{boundary}\r\n")).skip(1).collect();
    let found = |at: usize| {
        let http = answered[at].split_once("\r\n\r\n").unwrap().1;
        let (head, body) = http.split_once("\r\n\r\n").unwrap();
        let body = body.lines().next().unwrap();
        (head.lines().next().unwrap().to_owned(), serde_json::from_str::<Value>(body).unwrap())
    };
    assert_eq!((answered.len(), found(0).1["Id"].as_u64()), (3, Some(2)));
    assert_eq!(found(1).0, "HTTP/1.1 404 Not Found");
    assert!(found(1).1["odata.error"]["code"].as_str().unwrap().starts_with("-2130575338,"));
    assert_eq!(found(2).1, json!({"Id": 3, "ID": 3, "Title": "Aiko Mori"}), "the id has two names");
    for wrong in ["/relative", "https://fabrikam.sharepoint.com/sites/hr/_api/web", &format!("{url}/$batch")]
    {
        assert_eq!(send(&[part(wrong)]).await.0, 400, "{wrong}");
    }
    assert_eq!(send(&[]).await.0, 400);
}

#[tokio::test]
async fn folders_and_people_are_found_by_what_items_say_of_them() {
    let site = SiteBench::start().await;
    let graph = site.bench.read("/sites/contoso.sharepoint.com:/sites/hr").await;
    let drive = format!("/sites/{}/drive", graph["id"].as_str().unwrap());
    let folder = json!({"name": "It's 50%", "folder": {}});
    site.bench.write(Method::POST, &format!("{drive}/root/children"), folder).await;
    site.bench.upload(&format!("{drive}/root:/It's 50%25/a.txt:/content"), "a").await;
    let list = site.list("Documents").await;
    let whole = "$select=*,FileDirRef,ContentType/Name,Author/Name&$expand=ContentType,Author&$top=100";
    let page = site.read(&format!("{list}/items?{whole}")).await;
    let found =
        |name: &str| items(&page).iter().find(|item| item["ContentType"]["Name"] == name).unwrap().clone();
    let file = items(&page).last().unwrap().clone();
    assert_eq!(file["FileDirRef"], "/sites/hr/Shared Documents/It's 50%");
    let named = "web/GetFolderByServerRelativePath(decodedurl=@f)?$select=UniqueId&@f=";
    let folder = site.read(&format!("{named}'/sites/hr/Shared Documents/It''s 50%25'")).await;
    let over_graph = site
        .bench
        .read(&format!("/sites/{}/lists/Documents/items/{}", graph["id"].as_str().unwrap(), file["Id"]))
        .await;
    assert_eq!(folder["UniqueId"], over_graph["parentReference"]["id"]);
    let root = site.read(&format!("{named}'/sites/hr/Shared Documents'")).await;
    assert_eq!(root["UniqueId"], site.read(&format!("{list}/RootFolder")).await["UniqueId"]);
    for nowhere in ["/sites/hr/Shared Documents/Nowhere", "/sites/hr/Shared DocumentsIt's"] {
        let path = format!("{named}'{}'", nowhere.replace('\'', "''"));
        assert_eq!(site.call(Method::GET, &path, None).await.status, 404, "{nowhere}");
    }

    let seeded = found("Document");
    assert_eq!(seeded["Author"]["Name"], "i:0#.f|membership|alice@contoso.com");
    let alice = site.read(&format!("web/GetUserById({})?$select=AadObjectId", seeded["AuthorId"])).await;
    let over_graph = site.bench.read("/users/alice@contoso.com").await;
    assert_eq!(alice["AadObjectId"]["NameId"], over_graph["id"]);
    let app = site.read(&format!("web/GetUserById({})", file["AuthorId"])).await;
    assert!(
        app["AadObjectId"].is_null() && app["LoginName"].as_str().unwrap().starts_with("i:0i.t|ms.sp.ext|")
    );
    assert_eq!(refusal(&site.call(Method::GET, "web/GetUserById(9)", None).await, "odata.error").0, 404);
}
