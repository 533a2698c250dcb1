//! A token that was enough and no longer is.

use o365_listener::office365::Verdict;
use serde_json::{Value, json};

use super::sign_ins;
use crate::office365::Reach;

const DRIVE: &str = "onedrive:alice@contoso.com";

fn wanted() -> Value {
    json!({"claims": {"access_token": {"nbf": {"essential": true, "value": "1604106651"}}}})
}

#[tokio::test]
async fn a_challenge_is_answered_with_the_claims_that_it_asks_for() {
    let reach = Reach::start().await;
    reach.resolve(DRIVE).await.unwrap();
    reach.bench.control("/claims", wanted()).await;
    reach.resolve(DRIVE).await.unwrap();
    assert_eq!((sign_ins(&reach, "login", "200"), sign_ins(&reach, "graph", "401")), (2, 1));
    reach.resolve(DRIVE).await.unwrap();
    assert_eq!(sign_ins(&reach, "login", "200"), 2, "the new token is kept like any other");
}

#[tokio::test]
async fn a_challenge_that_is_not_met_is_answered_once() {
    let reach = Reach::start().await;
    reach.resolve(DRIVE).await.unwrap();
    reach.bench.control("/faults", json!({"status": 401, "count": 2, "path_prefix": "/v1.0"})).await;
    let failure = reach.resolve(DRIVE).await.unwrap_err();
    assert_eq!(failure.verdict, Verdict::Unauthorized);
    assert_eq!((sign_ins(&reach, "login", "200"), sign_ins(&reach, "graph", "401")), (2, 2));
}
