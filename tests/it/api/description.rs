//! The API's own description, against what is served.

use std::fs;
use std::path::Path;

use o365_listener::api::description;
use reqwest::Method;
use serde_json::Value;

use super::bench::{Bench, READER, read};

const KEPT: &str = "docs/openapi.json";
/// Set to anything, the kept description is written anew.
const REWRITE: &str = "REWRITE_OPENAPI";

#[test]
fn the_kept_description_is_that_of_the_code() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(KEPT);
    let described = description(env!("CARGO_PKG_VERSION"));
    if std::env::var_os(REWRITE).is_some() {
        fs::write(&file, format!("{described:#}\n")).unwrap();
    }
    let kept: Value =
        serde_json::from_str(&fs::read_to_string(&file).unwrap_or_default()).unwrap_or_default();
    assert!(
        kept == described,
        "{KEPT} differs from the code; write it anew with:\n    {REWRITE}=1 cargo nextest run kept_description"
    );
}

#[actix_web::test]
async fn the_description_is_served_to_whoever_has_a_key() {
    let bench = Bench::with_keys().await;
    assert_eq!(bench.get("/openapi.json").await.0, 401);
    let request = bench.request(Method::GET, "/openapi.json").bearer_auth(READER);
    let (status, served) = read(request.send().await.unwrap()).await;
    assert_eq!((status, served), (200, description("1.2.3")));
}

#[actix_web::test]
async fn each_address_takes_the_methods_that_are_described_and_no_other() {
    let bench = Bench::new().await;
    let described = description("1.2.3");
    let paths = described["paths"].as_object().unwrap();
    assert!(paths.len() > 20, "{}", paths.len());
    for (path, calls) in paths {
        let answer = bench.request(Method::PATCH, &path.replace("{name}", "some")).send().await.unwrap();
        assert_eq!(answer.status(), 405, "{path}");
        let allow = answer.headers()["allow"].to_str().unwrap().to_lowercase();
        let mut allowed: Vec<&str> = allow.split(", ").collect();
        let mut methods: Vec<&str> = calls.as_object().unwrap().keys().map(String::as_str).collect();
        allowed.sort_unstable();
        methods.sort_unstable();
        assert_eq!(allowed, methods, "{path}");
    }
}

#[test]
fn every_reference_leads_to_a_schema() {
    fn follow(value: &Value, whole: &Value) {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            assert!(whole.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| follow(item, whole)),
            Value::Object(members) => members.values().for_each(|member| follow(member, whole)),
            _ => {}
        }
    }
    let described = description("1.2.3");
    follow(&described, &described);
}

#[actix_web::test]
async fn a_body_that_is_too_large_is_refused_as_described_by_every_call_that_takes_one() {
    let (bench, described, mut tried) = (Bench::new().await, description("1.2.3"), 0);
    let calls = described["paths"].as_object().unwrap().iter();
    for (path, call) in calls.filter_map(|(path, calls)| Some((path, calls.get("post")?))) {
        if call.get("requestBody").is_none() {
            continue;
        }
        let request = bench.request(Method::POST, &path.replace("{name}", "some"));
        let request = request.header("content-type", "application/json").body("x".repeat(65 * 1024));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
        assert_eq!(answer.status(), 413, "{path}");
        assert!(call["responses"].get("413").is_some(), "{path}");
        tried += 1;
    }
    assert_eq!(tried, 7);
}
