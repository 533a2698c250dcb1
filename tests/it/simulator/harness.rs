//! A stand-in on a free port with a clock that stands still, and a client that has signed in.

use chrono::{DateTime, Utc};
use o365_listener::clock::Clock;
use o365_listener::simulator::{self, Options, Simulator, Tenant};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

pub struct Bench {
    pub simulator: Simulator,
    pub clock: Clock,
    pub http: reqwest::Client,
    pub token: String,
}

/// Status, headers and body of an answer.
#[derive(Debug, Clone)]
pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

pub fn start_of_time() -> DateTime<Utc> {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

impl Bench {
    pub async fn start() -> Self {
        Self::with_pages_of(200).await
    }

    pub async fn with_pages_of(page_size: usize) -> Self {
        let clock = Clock::manual(start_of_time());
        let listen = "127.0.0.1:0".parse().unwrap();
        let options = Options { listen, seed: 7, clock: clock.clone(), page_size };
        let simulator = simulator::start(options).await.unwrap();
        let redirect = reqwest::redirect::Policy::none();
        // A connection that stood idle for long may be closed by the stand-in while it is taken up again.
        let http = reqwest::Client::builder().no_proxy().redirect(redirect).pool_max_idle_per_host(0);
        let http = http.build().unwrap();
        let mut bench = Self { simulator, clock, http, token: String::new() };
        bench.sign_in().await;
        bench
    }

    pub fn tenant(&self) -> &Tenant {
        self.simulator.tenant()
    }

    pub async fn sign_in(&mut self) {
        let secret = self.tenant().client_secret.clone();
        let answer = self.token(&secret, "https://graph.microsoft.com/.default").await;
        assert_eq!(answer.status, 200, "{:#}", answer.body);
        answer.body["access_token"].as_str().unwrap().clone_into(&mut self.token);
    }

    pub async fn token(&self, secret: &str, scope: &str) -> Answered {
        let client_id = self.tenant().client_id.to_string();
        self.form(&[
            ("grant_type", "client_credentials"),
            ("client_id", &client_id),
            ("client_secret", secret),
            ("scope", scope),
        ])
        .await
    }

    pub async fn form(&self, fields: &[(&str, &str)]) -> Answered {
        let url = format!("{}/{}/oauth2/v2.0/token", self.simulator.url(), self.tenant().tenant_id);
        let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request =
            self.http.post(url).header("content-type", "application/x-www-form-urlencoded").body(body);
        answered(request).await
    }

    /// A call to Graph; `path` is a link as it stands, or what follows the version.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        prefer: Option<&str>,
        body: Option<Value>,
    ) -> Answered {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}/v1.0{path}", self.simulator.url())
        };
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        if let Some(prefer) = prefer {
            request = request.header("Prefer", prefer);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        answered(request).await
    }

    pub async fn get(&self, path: &str) -> Answered {
        self.call(Method::GET, path, None, None).await
    }

    /// A read that must succeed.
    pub async fn read(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {:#}", answer.body);
        answer.body
    }

    /// A write that must succeed.
    pub async fn write(&self, method: Method, path: &str, body: Value) -> Value {
        let answer = self.call(method, path, None, (!body.is_null()).then_some(body)).await;
        assert!((200..300).contains(&answer.status), "{path}: {} {:#}", answer.status, answer.body);
        answer.body
    }

    pub async fn upload(&self, path: &str, content: &str) -> Value {
        let url = format!("{}/v1.0{path}", self.simulator.url());
        let request = self.http.put(url).bearer_auth(&self.token).header("content-type", "text/plain");
        let answer = answered(request.body(content.to_owned())).await;
        assert!((200..300).contains(&answer.status), "{path}: {} {:#}", answer.status, answer.body);
        answer.body
    }

    pub async fn control(&self, path: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}/_control{path}", self.simulator.url())).json(&body);
        let answer = answered(request).await;
        assert!((200..300).contains(&answer.status), "{path}: {:#}", answer.body);
        answer.body
    }

    pub async fn state(&self) -> Value {
        answered(self.http.get(format!("{}/_control/state", self.simulator.url()))).await.body
    }

    /// The address of the list of candidates.
    pub async fn candidates(&self) -> String {
        let site = self.read("/sites/contoso.sharepoint.com:/sites/hr").await;
        format!("/sites/{}/lists/Candidates", site["id"].as_str().unwrap())
    }

    /// A subscription that is valid for everything but what `change` changes.
    pub async fn subscribe(&self, url: &str, change: impl FnOnce(&mut Value)) -> Answered {
        let expires = self.clock.now() + chrono::TimeDelta::hours(2);
        let mut body = json!({
            "changeType": "updated", "notificationUrl": format!("{url}/notifications"),
            "lifecycleNotificationUrl": format!("{url}/lifecycle"), "resource": "/users/alice@contoso.com/drive/root",
            "expirationDateTime": expires, "clientState": "k-4711",
        });
        change(&mut body);
        self.call(Method::POST, "/subscriptions", None, Some(body)).await
    }
}

pub async fn answered(request: reqwest::RequestBuilder) -> Answered {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answered { status, headers, body: serde_json::from_str(&text).unwrap_or_default() }
}

pub fn items(page: &Value) -> &Vec<Value> {
    page["value"].as_array().unwrap()
}

pub fn link<'a>(page: &'a Value, name: &str) -> &'a str {
    page[format!("@odata.{name}")].as_str().unwrap_or_else(|| panic!("no {name} in {page:#}"))
}
