//! SharePoint's own REST service, as Microsoft describes it and as recorded answers show it.

mod changes;
mod items;
mod resolution;
mod sign_in;
mod webhooks;

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Answered, Bench, answered};
use crate::signing_in::{Pair, current, right_claims};

pub const HR: &str = "/sites/hr";
pub const NONE: &str = "application/json;odata=nometadata";
pub const MINIMAL: &str = "application/json;odata=minimalmetadata";
pub const VERBOSE: &str = "application/json;odata=verbose";

/// A client that has signed in to SharePoint with a certificate.
pub struct SiteBench {
    pub bench: Bench,
    pub token: String,
    pair: Pair,
}

impl SiteBench {
    pub async fn start() -> Self {
        let (bench, pair) = (Bench::start().await, Pair::until(2030));
        bench.control("/certificates", json!({"certificate": pair.certificate})).await;
        let mut site = Self { bench, pair, token: String::new() };
        site.token = site.token_for("https://contoso.sharepoint.com/.default").await;
        site
    }

    /// A token by certificate, for this scope.
    pub async fn token_for(&self, scope: &str) -> String {
        let assertion = self.pair.signed(&current(&self.pair), &right_claims(&self.bench));
        let client_id = self.bench.tenant().client_id.to_string();
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", &client_id),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
            ("scope", scope),
        ];
        let answer = self.bench.form(&fields).await;
        assert_eq!(answer.status, 200, "{:#}", answer.body);
        answer.body["access_token"].as_str().unwrap().to_owned()
    }

    /// A call below the address of the stand-in, or to a link as it stands.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answered {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.bench.simulator.url())
        };
        let mut request = self.bench.http.request(method, url).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        answered(request).await
    }

    /// A call below the `_api` of the site of Human Resources, without metadata.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answered {
        let headers = [("accept", NONE), ("content-type", "application/json")];
        let path = if path.starts_with("http") { path.to_owned() } else { format!("{HR}/_api/{path}") };
        self.send(method, &path, &headers, body).await
    }

    /// A read that must succeed.
    pub async fn read(&self, path: &str) -> Value {
        let answer = self.call(Method::GET, path, None).await;
        assert_eq!(answer.status, 200, "{path}: {:#}", answer.body);
        answer.body
    }

    /// A POST that must succeed.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.call(Method::POST, path, (!body.is_null()).then_some(body)).await;
        assert!((200..300).contains(&answer.status), "{path}: {} {:#}", answer.status, answer.body);
        answer.body
    }

    /// `web/lists(…)` of the list with this title.
    pub async fn list(&self, title: &str) -> String {
        let list = self.read(&format!("web/lists/getbytitle('{title}')?$select=Id")).await;
        format!("web/lists('{}')", list["Id"].as_str().unwrap())
    }
}

/// Code and text of a refusal, by the key that its form has.
pub fn refusal<'a>(answer: &'a Answered, key: &str) -> (u16, &'a str, &'a str) {
    let error = &answer.body[key];
    let text = |value: &'a Value| value.as_str().unwrap_or_else(|| panic!("{:#}", answer.body));
    assert_eq!(error["message"]["lang"], "en-US");
    (answer.status, text(&error["code"]), text(&error["message"]["value"]))
}
