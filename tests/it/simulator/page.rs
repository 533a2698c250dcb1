use reqwest::Method;
use serde_json::json;

use super::harness::Bench;
use crate::receiver::{Manner, Receiver};

async fn page(bench: &Bench, path: &str) -> (u16, reqwest::header::HeaderMap, String) {
    let answer = bench.http.get(format!("{}{path}", bench.simulator.url())).send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.text().await.unwrap())
}

#[tokio::test]
async fn the_page_shows_what_is_held_what_was_sent_and_what_is_to_go_wrong() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    let made = bench.subscribe(&receiver.url, |_| ()).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    let (status, headers, empty) = page(&bench, "/").await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    for text in
        [&id, "2026-11-23T10:00:00Z", "contoso.sharepoint.com/sites/hr/Lists/Candidates", "alice@contoso.com"]
    {
        assert!(empty.contains(text), "no {text} in {empty}");
    }
    assert!(empty.contains("in 2 h 0 min"), "the expiry: {empty}");
    assert!(!empty.contains("class=\"badge bad\">503"));

    receiver.answer(Manner::Status(503));
    bench.upload("/users/alice@contoso.com/drive/root:/a.txt:/content", "a").await;
    receiver.wait_for_posts(1).await;
    bench.control("/faults", json!({"status": 429, "count": 3, "path_prefix": "/v1.0/sites"})).await;
    bench.control("/chaos", json!({"seed": 4711})).await;
    bench.control("/conflicts", json!({"unnamed": true})).await;
    let mut shown = String::new();
    for _ in 0..100 {
        shown = page(&bench, "/?refresh=off").await.2;
        if shown.contains("badge bad\">503") {
            break;
        }
        crate::receiver::pause(std::time::Duration::from_millis(10)).await;
    }
    for text in [
        "badge bad\">503",
        "status 429 for 3 of any method /v1.0/sites",
        "seed 4711",
        "conflicts {&quot;none&quot;:false,&quot;unnamed&quot;:true}",
    ] {
        assert!(shown.contains(text), "no {text} in {shown}");
    }
    assert!(empty.contains("http-equiv=\"refresh\"") && !shown.contains("http-equiv=\"refresh\""));
}

#[tokio::test]
async fn nothing_on_the_page_comes_from_elsewhere_or_is_markup_of_others() {
    let bench = Bench::start().await;
    let hostile = "/sites/root/lists/%3Cscript%3Ealert(1)%3C%2Fscript%3E?x=<img src=x onerror=alert(1)>";
    assert_eq!(bench.get(hostile).await.status, 404);
    let (_, headers, shown) = page(&bench, "/").await;
    assert!(!shown.contains("<script") && !shown.contains("<img"), "{shown}");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
    assert!(
        !shown.contains(" style=") && !shown.contains("<style"),
        "the policy would not allow it: {shown}"
    );
    let (status, headers, style) = page(&bench, "/_control/page.css").await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, "text/css; charset=utf-8"));
    assert!(!style.contains("url("), "{style}");
    let posted =
        bench.http.request(Method::POST, format!("{}/", bench.simulator.url())).send().await.unwrap();
    assert_eq!(posted.status(), 405);
}

#[tokio::test]
async fn cards_are_drawn_as_text_whatever_they_say() {
    let bench = Bench::start().await;
    let url = bench.simulator.tenant().cards.connector.clone();
    let hostile = "<script>alert(1)</script>";
    let card = json!({
        "@type": "MessageCard", "@context": "https://schema.org/extensions", "title": hostile, "summary": "so it is",
        "sections": [{"activityTitle": "Ada was hired", "facts": [{"name": hostile, "value": "New"}]}],
        "potentialAction": [{"@type": "OpenUri", "name": "Open", "targets": [{"os": "default", "uri": "javascript:alert(1)"}]}],
    });
    assert_eq!(bench.http.post(&url).json(&card).send().await.unwrap().text().await.unwrap(), "1");
    assert_eq!(bench.http.post(&url).json(&json!({"a": 1})).send().await.unwrap().status(), 400);
    let (status, _, shown) = page(&bench, "/_control/cards/page").await;
    assert_eq!(status, 200);
    for text in ["Ada was hired", "&lt;script&gt;", "Summary or Text is required.", "General (connector)"] {
        assert!(shown.contains(text), "no {text} in {shown}");
    }
    assert!(!shown.contains("<script") && !shown.contains("href=\"javascript"), "{shown}");
}
