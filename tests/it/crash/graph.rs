//! Somebody who makes items in the tenant, with Graph's own calls.

use serde_json::{Value, json};

use crate::listener::Listener;

/// A signed-in client.
#[derive(Clone)]
pub struct Graph {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Graph {
    pub async fn sign_in(listener: &Listener) -> Self {
        let tenant = listener.tenant.tenant();
        let http = listener.http.clone();
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
            tenant.client_id, tenant.client_secret
        );
        let request = http.post(format!("{}/{}/oauth2/v2.0/token", tenant.url, tenant.tenant_id));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(form);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        Self { http, url: format!("{}/v1.0", tenant.url), token }
    }

    /// Makes an item in a list, a drive or a mail folder; the id that its event will carry.
    pub async fn make(&self, path: &str, name: &str) -> String {
        let request = if path.contains("/lists/") {
            self.http.post(format!("{}/{path}/items", self.url)).json(&json!({"fields": {"Title": name}}))
        } else if path.ends_with("/drive") {
            self.http.put(format!("{}/{path}/root:/{name}.txt:/content", self.url)).body(name.to_owned())
        } else {
            self.http.post(format!("{}/{path}/messages", self.url)).json(&json!({"subject": name}))
        };
        let request = request.bearer_auth(&self.token).header("Prefer", "IdType=\"ImmutableId\"");
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        let item: Value = answer.json().await.unwrap();
        item["id"].as_str().unwrap().to_owned()
    }
}
