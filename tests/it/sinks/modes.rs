//! What requests look like: the three modes, the signature, headers of one's own.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::endpoint::{Endpoint, Manner, Request, ids};
use super::{edit, edits, house, sink, taken, webhook};

/// What a receiver does to check a signature, from the specification of Standard Webhooks.
fn signatures(request: &Request) -> (Vec<u8>, BTreeMap<String, Vec<u8>>) {
    let [id, time] = ["webhook-id", "webhook-timestamp"].map(|name| request.headers[name].as_str());
    let signed = [id.as_bytes(), b".", time.as_bytes(), b".", &request.body].concat();
    let listed = request.headers["webhook-signature"].split(' ');
    let listed = listed.map(|one| {
        let (version, signature) = one.split_once(',').unwrap();
        (version.to_owned(), STANDARD.decode(signature).unwrap())
    });
    (signed, listed.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_signed_with_every_secret_and_at_the_time_of_the_clock() {
    let endpoint = Endpoint::start().await;
    let keys = format!(
        "secret = [\"whsec_{}\", \"whsk_{}\"]\nheaders = {{ Authorization = \"Bearer hunter2\" }}",
        STANDARD.encode([9; 32]),
        STANDARD.encode([7; 32])
    );
    let house = house(&webhook("orders", &endpoint, &keys)).await;
    let event = edit(&house, None).await;
    taken(&house, &endpoint, 1).await;
    let request = endpoint.requests().remove(0);
    let (signed, signatures) = signatures(&request);
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &[9; 32]), &signed, &signatures["v1"]).unwrap();
    let public = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap().public_key().as_ref().to_vec();
    UnparsedPublicKey::new(&ED25519, public).verify(&signed, &signatures["v1a"]).unwrap();
    assert_eq!(request.headers["webhook-id"], event["id"].as_str().unwrap());
    let time: i64 = request.headers["webhook-timestamp"].parse().unwrap();
    assert!((house.now().timestamp() - time).abs() < 60);
    assert_eq!(request.headers["authorization"], "Bearer hunter2");
    assert_eq!(request.headers["content-type"], "application/cloudevents+json");
    let (_, shown) = house.call("POST", "/v1/sinks/orders/preview", None).await;
    let text = shown["text"].as_str().unwrap();
    assert!(text.contains("webhook-signature: …") && !text.contains("hunter2"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_binary_mode_attributes_are_headers_and_the_data_is_the_body() {
    let endpoint = Endpoint::start().await;
    let house = house(&webhook("orders", &endpoint, "mode = \"binary\"")).await;
    let event = edit(&house, None).await;
    taken(&house, &endpoint, 1).await;
    let request = endpoint.requests().remove(0);
    assert_eq!(request.json(), event["data"]);
    for name in
        ["specversion", "id", "source", "type", "subject", "time", "sequence", "tenant", "subscription"]
    {
        assert_eq!(request.headers[&format!("ce-{name}")], event[name].as_str().unwrap(), "{name}");
    }
    assert_eq!(request.headers["content-type"], "application/json");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_batched_mode_what_waits_goes_together_and_in_order() {
    let endpoint = Endpoint::start().await;
    let mut house = house("").await;
    let events = edits(&house, 5).await;
    house.close().await;
    let keys = "mode = \"batched\"\nbatch = 3\nstart = \"beginning\"";
    house
        .configure(&format!("{}{}", super::FOLLOWED, webhook("orders", &endpoint, keys)), house.tenant.url());
    house.open().await;
    assert_eq!(taken(&house, &endpoint, 5).await, ids(&events));
    let sizes: Vec<_> = endpoint.requests().iter().map(|request| request.events().len()).collect();
    assert_eq!(sizes, [3, 2]);
    assert_eq!(endpoint.requests()[0].headers["content-type"], "application/cloudevents-batch+json");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_refused_goes_apart_so_that_one_bad_event_does_not_hold_the_others() {
    let endpoint = Endpoint::start().await;
    let mut house = house("").await;
    let mut events = Vec::new();
    for _ in 0..4 {
        events.push(edit(&house, None).await);
    }
    house.close().await;
    let keys = "mode = \"batched\"\nstart = \"beginning\"";
    house
        .configure(&format!("{}{}", super::FOLLOWED, webhook("orders", &endpoint, keys)), house.tenant.url());
    let bad = events[1]["id"].clone();
    endpoint.decide(move |request| {
        let has_bad = request.events().iter().any(|event| event["id"] == bad);
        if has_bad { Manner::Answer(422, "") } else { Manner::Take }
    });
    house.open().await;
    house.eventually("all are stored", async || sink(&house, "orders").await["pending"] == 4).await;
    // Together once more, and then each alone.
    for seconds in [6, 400] {
        house.advance(std::time::Duration::from_secs(seconds));
        house.quiet().await;
    }
    let mut good = taken(&house, &endpoint, 3).await;
    good.sort();
    let mut expected = ids(&[events[0].clone(), events[2].clone(), events[3].clone()]);
    expected.sort();
    assert_eq!(good, expected);
    house.eventually("one is left", async || sink(&house, "orders").await["pending"] == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_has_a_line_for_each_event_in_the_logs_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let entry = format!("[[sink]]\nname = \"audit\"\ntype = \"file\"\npath = \"{}\"\n", path.display());
    let mut house = house(&entry).await;
    let mut events = edits(&house, 2).await;
    house.eventually("both are written", async || sink(&house, "audit").await["lag"] == 0).await;
    house.crash().await;
    house.open().await;
    events.push(edit(&house, None).await);
    house.eventually("all are written", async || sink(&house, "audit").await["lag"] == 0).await;
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, events);
}
