use actix_web::http::StatusCode;
use o365_listener::model::ArrivedContent;
use o365_listener::seal::Place;
use serde_json::{Value, json};

use super::bench::{BODY_LIMIT, Bench, REMOTE};

fn rich(bench: &Bench, data: &str) -> Value {
    json!({
        "subscriptionId": REMOTE, "clientState": bench.client_state(), "changeType": "created",
        "encryptedContent": {"data": data},
    })
}

async fn stored(bench: &Bench) -> Vec<o365_listener::store::StoredContent> {
    bench.store.contents(bench.id, 1000).await.unwrap()
}

#[actix_web::test]
async fn content_is_stored_sealed_and_unread() {
    let (bench, sealer) = Bench::sealing().await;
    let element = rich(&bench, "not even base64");
    let forged = json!({"subscriptionId": REMOTE, "clientState": "x", "encryptedContent": {"data": "y"}});
    let lifecycle = json!({"subscriptionId": REMOTE, "clientState": bench.client_state(),
                           "lifecycleEvent": "missed", "encryptedContent": {"data": "z"}});
    let body = json!({"value": [forged, 1, element, lifecycle], "validationTokens": ["nonsense"]});
    assert_eq!(bench.post(body).await.status, StatusCode::ACCEPTED);
    let stored = stored(&bench).await;
    assert_eq!(stored.len(), 1);
    let content = &stored[0].content;
    let bytes = String::from_utf8_lossy(&content.sealed);
    assert!(!bytes.contains("base64") && !bytes.contains("nonsense"), "{bytes}");
    let opened = sealer.open(Place::content(&content.id.to_string()), &content.sealed).unwrap();
    let arrived: ArrivedContent = serde_json::from_slice(&opened).unwrap();
    assert_eq!(serde_json::from_str::<Value>(arrived.element.get()).unwrap(), element);
    assert_eq!(arrived.tokens, ["nonsense"]);
    assert!(bench.fetch_was_asked().await);
}

#[actix_web::test]
async fn without_a_key_content_is_only_a_hint() {
    let bench = Bench::new().await;
    let body = json!({"value": [rich(&bench, "x")], "validationTokens": []});
    assert_eq!(bench.post(body).await.status, StatusCode::ACCEPTED);
    assert!(stored(&bench).await.is_empty());
    assert_eq!(bench.counted("change", "stored"), 1);
}

#[actix_web::test]
async fn a_request_cannot_make_more_of_its_tokens_than_is_bounded() {
    let (bench, _) = Bench::sealing().await;
    let elements: Vec<Value> = (0..100).map(|number| rich(&bench, &number.to_string())).collect();
    let body = json!({"value": elements, "validationTokens": ["t".repeat(20_000)]});
    assert_eq!(bench.post(body).await.status, StatusCode::ACCEPTED);
    let stored = stored(&bench).await;
    let bytes: usize = stored.iter().map(|one| one.content.sealed.len()).sum();
    assert!(!stored.is_empty() && stored.len() < 100 && bytes < 5 * BODY_LIMIT, "{} {bytes}", stored.len());
    assert_eq!(bench.counted("change", "stored"), 100, "each is a hint nevertheless");
}
