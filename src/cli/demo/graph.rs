//! Somebody who changes things in the tenant, with Graph's own calls.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::redirect::Policy;
use reqwest::{Method, Response};
use serde_json::Value;

use crate::simulator::Tenant;

/// The tenant runs in this process: what takes longer has gone wrong.
const LIMIT: Duration = Duration::from_secs(10);

/// A signed-in client of Graph.
pub(super) struct Graph {
    http: reqwest::Client,
    url: String,
    token: String,
}

/// What a call sends.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    /// Nothing.
    None,
    /// JSON.
    Json(Value),
    /// The content of a file.
    File(String),
}

impl Graph {
    /// Signs in with the registered app's secret.
    pub async fn sign_in(tenant: &Tenant) -> anyhow::Result<Self> {
        let http =
            reqwest::Client::builder().redirect(Policy::none()).no_proxy().tls_certs_only([]).timeout(LIMIT);
        let http = http.build().context("cannot make an HTTP client")?;
        let (id, secret) = (tenant.client_id.to_string(), tenant.client_secret.as_str());
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &id)
            .append_pair("client_secret", secret)
            .append_pair("scope", "https://graph.microsoft.com/.default")
            .finish();
        let request = http.post(format!("{}/{}/oauth2/v2.0/token", tenant.url, tenant.tenant_id));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(form);
        let answer = read(request.send().await?).await?;
        let token = answer.get("access_token").and_then(Value::as_str);
        let token = token.context("the simulated tenant gave no token")?.to_owned();
        Ok(Self { http, url: format!("{}/v1.0", tenant.url), token })
    }

    /// Makes a call; what it answered, `null` if nothing.
    pub async fn call(&self, method: Method, path: &str, body: Body) -> anyhow::Result<Value> {
        let request = self.http.request(method, format!("{}/{path}", self.url)).bearer_auth(&self.token);
        // The ids that events carry.
        let request = request.header("Prefer", "IdType=\"ImmutableId\"");
        let request = match body {
            Body::None => request,
            Body::Json(body) => request.json(&body),
            Body::File(text) => request.header("Content-Type", "text/plain").body(text),
        };
        read(request.send().await?).await.with_context(|| format!("the change at {path} was refused"))
    }
}

async fn read(response: Response) -> anyhow::Result<Value> {
    let (status, text) = (response.status(), response.text().await?);
    if !status.is_success() {
        bail!("{status}: {text}");
    }
    if text.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&text)?) }
}
