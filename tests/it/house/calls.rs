//! What a test asks of the app, of the tenant and of what lies below its `/_control`.

use serde_json::{Value, json};

use super::House;

impl House {
    pub fn admin(&self) -> String {
        format!("http://{}", self.app.as_ref().unwrap().admin_address())
    }

    /// Calls the admin API: status and document.
    pub async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}{path}", self.admin());
        let answer = match body {
            None if method == reqwest::Method::GET => self.ask(&url).await,
            None => self.http.request(method, url).send().await.unwrap(),
            Some(body) => self.http.request(method, url).json(&body).send().await.unwrap(),
        };
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    pub async fn get(&self, path: &str) -> Value {
        self.call("GET", path, None).await.1
    }

    /// The document at this address.
    pub async fn fetch(&self, url: &str) -> Value {
        self.ask(url).await.json().await.unwrap()
    }

    /// Asks, and once more if the connection ended under the question: a server closes one that was idle, and on a busy
    /// machine that is seen too late.
    async fn ask(&self, url: &str) -> reqwest::Response {
        match self.http.get(url).send().await {
            Err(error) if error.is_request() => self.http.get(url).send().await.unwrap(),
            answer => answer.unwrap(),
        }
    }

    /// A metric's value, all its labels added up.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.ask(&format!("{}/metrics", self.admin())).await.text().await.unwrap();
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// A call of the admin API whose answer has no end.
    pub async fn stream(&self, path: &str) -> reqwest::Response {
        self.http.get(format!("{}{path}", self.admin())).send().await.unwrap()
    }

    /// Sends something to the notification port, and shows the whole answer.
    pub async fn post(&self, path: &str, body: &Value) -> reqwest::Response {
        self.http.post(format!("http://{}{path}", self.public)).json(body).send().await.unwrap()
    }

    /// Sends something to the notification port.
    pub async fn notify(&self, body: &Value) -> u16 {
        self.post("/notifications", body).await.status().as_u16()
    }

    /// The same with one more header.
    pub async fn notify_with(&self, body: &Value, (name, value): (&str, &str)) -> u16 {
        let url = format!("http://{}/notifications", self.public);
        let request = self.http.post(url).header(name, value).json(body);
        request.send().await.unwrap().status().as_u16()
    }

    pub async fn control(&self, path: &str, body: Value) -> Value {
        let answer = self.controlled(path, &body).await;
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap_or_default()
    }

    /// As [`House::control`], where it may be refused.
    pub async fn try_control(&self, path: &str, body: Value) -> Option<Value> {
        let answer = self.controlled(path, &body).await;
        if answer.status().is_success() { answer.json().await.ok() } else { None }
    }

    /// As [`House::control`] of something that may be gone meanwhile; whether it was there.
    pub async fn control_if_there(&self, path: &str, body: &Value) -> bool {
        let status = self.controlled(path, body).await.status();
        assert!(status.is_success() || status == 404, "{path}: {status}");
        status.is_success()
    }

    async fn controlled(&self, path: &str, body: &Value) -> reqwest::Response {
        let url = format!("{}/_control/{path}", self.tenant.url());
        self.http.post(url).json(body).send().await.unwrap()
    }

    /// What the tenant was asked so far.
    pub async fn requests(&self) -> Vec<Value> {
        let url = format!("{}/_control/requests", self.tenant.url());
        let kept = self.fetch(&url).await;
        kept["requests"].as_array().unwrap().clone()
    }

    /// Lets the tenant answer as ever.
    pub async fn forget_faults(&self) {
        let url = format!("{}/_control/faults", self.tenant.url());
        assert!(self.http.delete(url).send().await.unwrap().status().is_success());
    }

    /// The remote subscriptions that the tenant holds.
    pub async fn remote(&self) -> Vec<Value> {
        let url = format!("{}/_control/state", self.tenant.url());
        let state = self.fetch(&url).await;
        state["subscriptions"].as_array().unwrap().clone()
    }

    /// How many requests with this method below this path the tenant has had.
    pub async fn count_requests(&self, method: &str, path: &str) -> usize {
        let url = format!("{}/_control/requests", self.tenant.url());
        let kept = self.fetch(&url).await;
        let requests = kept["requests"].as_array().unwrap().iter();
        requests
            .filter(|one| one["method"] == method && one["url"].as_str().unwrap().starts_with(path))
            .count()
    }

    pub async fn forget_requests(&self) {
        self.forget("requests").await;
    }

    /// Has something forgotten that was set under `/_control`.
    pub async fn forget(&self, what: &str) {
        let url = format!("{}/_control/{what}", self.tenant.url());
        assert!(self.http.delete(url).send().await.unwrap().status().is_success());
    }

    /// Makes a change in a resource of the tenant.
    pub async fn change(&self, resource: &str) {
        self.control("changes", json!({"count": 1, "resource": resource})).await;
    }

    pub async fn events(&self) -> Vec<Value> {
        self.get("/v1/events?limit=1000").await["events"].as_array().unwrap().clone()
    }

    pub async fn subscription(&self, name: &str) -> Value {
        self.get(&format!("/v1/subscriptions/{name}")).await
    }

    /// Signs in and calls the tenant's Graph as another client would.
    pub async fn graph(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let tenant = self.tenant.tenant();
        let token: Value = self
            .http
            .post(format!("{}/{}/oauth2/v2.0/token", tenant.url, tenant.tenant_id))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!(
                "grant_type=client_credentials&client_id={}&client_secret={}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
                tenant.client_id, tenant.client_secret
            ))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let answer = self
            .http
            .request(method, format!("{}/v1.0{path}", tenant.url))
            .bearer_auth(token["access_token"].as_str().unwrap())
            .json(body)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }
}
