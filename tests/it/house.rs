//! The whole app in this process, with the stand-in tenant, a store on disk and one clock for both that moves only
//! when told.

mod calls;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use o365_listener::app::App;
use o365_listener::clock::Clock;
use o365_listener::config;
use o365_listener::simulator::{self, Simulator};
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

/// An address for an app that goes and comes back: below the ports that connections get by themselves, so that none of
/// them takes it meanwhile.
fn lasting_address() -> SocketAddr {
    loop {
        let address = SocketAddr::from(([127, 0, 0, 1], rand::random_range(10_240..32_768)));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
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
            http: client(),
            app: None,
            folder,
            store,
            public: lasting_address(),
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
            .replace("{mail}", &tenant.resources.mail)
            .replace("{url}", &tenant.url)
            .replace("{app_id}", &tenant.app_id.to_string());
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
        self.open_amended(|_| {}).await
    }

    /// As [`House::try_open`], with a configuration that no file can have.
    pub async fn open_amended(&mut self, amend: impl FnOnce(&mut config::Config)) -> anyhow::Result<()> {
        let (file, variables) = (self.folder.path().join("config.toml"), self.variables.clone());
        let read = move || config::load(&file, variables.clone());
        let mut configuration = read()?;
        amend(&mut configuration);
        self.app = Some(App::start_from(configuration, Arc::new(read), self.clock.clone()).await?);
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

    /// What the outside calls the app.
    pub fn public_url(&self) -> String {
        format!("http://{}", self.public)
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

    /// Moves the clock of app and tenant.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
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
}

/// Leaves connections that are idle before the servers do, which close theirs after five seconds.
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().pool_idle_timeout(Duration::from_secs(1)).build().unwrap()
}
