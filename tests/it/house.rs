//! The whole app in this process, with the stand-in tenant, a store on disk and one clock for both that moves only
//! when told.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use o365_listener::app::App;
use o365_listener::clock::Clock;
use o365_listener::config;
use o365_listener::simulator::{self, Simulator};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::listener::eventually;

/// A running app and its tenant.
pub struct House {
    pub clock: Clock,
    pub tenant: Simulator,
    http: reqwest::Client,
    app: Option<App>,
    folder: TempDir,
    store: PathBuf,
    public: SocketAddr,
    variables: Vec<(String, String)>,
}

impl House {
    /// Starts tenant and app; `entries` is what the configuration has beside what every one needs, with
    /// `{list}`, `{drive}` and `{mail}` standing for the tenant's resources.
    pub async fn start(entries: &str) -> Self {
        Self::start_at(entries, &[], None).await
    }

    /// As [`House::start`], with a tenant of this seed.
    pub async fn start_seeded(entries: &str, seed: u64) -> Self {
        Self::start_of(seed, entries, &[], None).await
    }

    /// As [`House::start`], with these environment variables laid over the configuration.
    pub async fn start_with(entries: &str, variables: &[(&str, &str)]) -> Self {
        Self::start_at(entries, variables, None).await
    }

    /// As [`House::start`], with the store in this folder.
    pub async fn start_on(entries: &str, store: &Path) -> Self {
        Self::start_at(entries, &[], Some(store)).await
    }

    async fn start_at(entries: &str, variables: &[(&str, &str)], store: Option<&Path>) -> Self {
        Self::start_of(0, entries, variables, store).await
    }

    async fn start_of(seed: u64, entries: &str, variables: &[(&str, &str)], store: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = store.unwrap_or(folder.path()).join("store.db");
        let clock = Clock::manual(Clock::system().now());
        let options = simulator::Options {
            listen: ([127, 0, 0, 1], 0).into(),
            clock: clock.clone(),
            seed,
            ..simulator::Options::default()
        };
        let mut house = Self {
            clock,
            tenant: simulator::start(options).await.unwrap(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            app: None,
            folder,
            store,
            public: TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap(),
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        };
        house.configure(entries, house.tenant.url());
        house.open().await;
        house
    }

    /// Writes the configuration for the next start, with these entries and this way to Graph.
    pub fn configure(&self, entries: &str, graph: &str) {
        std::fs::write(self.folder.path().join("config.toml"), self.configuration(entries, graph)).unwrap();
    }

    fn configuration(&self, entries: &str, graph: &str) -> String {
        let tenant = self.tenant.tenant();
        let entries = entries
            .replace("{list}", &tenant.resources.list)
            .replace("{drive}", &tenant.resources.drive)
            .replace("{mail}", &tenant.resources.mail);
        format!(
            "public_url = \"http://{public}\"\n[listen]\nnotifications = \"{public}\"\nadmin = \"127.0.0.1:0\"\n\
             [store]\nurl = \"sqlite:{}\"\n[[tenant]]\nname = \"contoso\"\ntenant_id = \"{}\"\nclient_id = \"{}\"\n\
             client_secret = \"{}\"\nlogin_url = \"{url}\"\ngraph_url = \"{graph}\"\n{entries}",
            self.store.display(),
            tenant.tenant_id,
            tenant.client_id,
            tenant.client_secret,
            public = self.public,
            url = tenant.url,
        )
    }

    /// Starts the app (again) on the same store.
    pub async fn open(&mut self) {
        self.try_open().await.unwrap();
    }

    /// As [`House::open`], where it may fail.
    pub async fn try_open(&mut self) -> anyhow::Result<()> {
        let config = config::load(&self.folder.path().join("config.toml"), self.variables.clone())?;
        self.app = Some(App::start(config, self.clock.clone()).await?);
        Ok(())
    }

    /// Lays another value over the configuration from the next start on.
    pub fn set(&mut self, variable: &str, value: &str) {
        self.unset(variable);
        self.variables.push((variable.to_owned(), value.to_owned()));
    }

    /// Lays nothing over the configuration there any more.
    pub fn unset(&mut self, variable: &str) {
        self.variables.retain(|(name, _)| name != variable);
    }

    /// Writes something else into the configuration file.
    pub fn rewrite(&self, change: impl FnOnce(String) -> String) {
        let file = self.folder.path().join("config.toml");
        std::fs::write(&file, change(std::fs::read_to_string(&file).unwrap())).unwrap();
    }

    /// Deletes the certificates from the store, as if there had never been any; the app must be closed.
    pub fn forget_certificates(&self) {
        let store = rusqlite::Connection::open(self.folder.path().join("store.db")).unwrap();
        store.execute("DELETE FROM certificate", []).unwrap();
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The database file.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// Stops the app.
    pub async fn close(&mut self) {
        if let Some(app) = self.app.take() {
            app.stop().await;
        }
    }

    /// Ends the app as a crash does: tasks are dropped where they stand.
    pub async fn crash(&mut self) {
        if let Some(app) = self.app.take() {
            app.abandon().await;
        }
    }

    fn admin(&self) -> String {
        format!("http://{}", self.app.as_ref().unwrap().admin_address())
    }

    /// Moves the clock of app and tenant.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Calls the admin API: status and document.
    pub async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.admin()));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    pub async fn get(&self, path: &str) -> Value {
        self.call("GET", path, None).await.1
    }

    /// The document at this address.
    pub async fn fetch(&self, url: &str) -> Value {
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// A metric's value, all its labels added up.
    pub async fn metric(&self, name: &str) -> f64 {
        let text =
            self.http.get(format!("{}/metrics", self.admin())).send().await.unwrap().text().await.unwrap();
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

    pub async fn control(&self, path: &str, body: Value) -> Value {
        let answer = self.controlled(path, &body).await;
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap_or_default()
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
        let kept: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
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
        let state: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        state["subscriptions"].as_array().unwrap().clone()
    }

    /// How many requests with this method below this path the tenant has had.
    pub async fn count_requests(&self, method: &str, path: &str) -> usize {
        let url = format!("{}/_control/requests", self.tenant.url());
        let kept: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
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

    /// Waits until `met` holds, and lets time pass meanwhile, so that what is tried again has its next attempt.
    pub async fn eventually(&self, what: &str, mut met: impl AsyncFnMut() -> bool) {
        eventually(what, async || {
            self.advance(Duration::from_millis(100));
            met().await
        })
        .await;
    }

    /// Gives the loops time to do what they should not do: that nothing happens cannot be waited for.
    pub async fn quiet(&self) {
        Clock::system().sleep(Duration::from_millis(300)).await;
    }

    /// Waits until a subscription is active and its first look is over.
    pub async fn active(&self, name: &str) {
        self.eventually(&format!("{name} is active"), async || {
            let subscription = self.subscription(name).await;
            subscription["state"] == "active"
                && !subscription["last_fetch_at"].is_null()
                && subscription["pending"] == false
        })
        .await;
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
