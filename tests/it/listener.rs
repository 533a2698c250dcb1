//! The real binary, as a user runs it: `serve` with a configuration file against the stand-in tenant.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use o365_listener::clock::Clock;
use o365_listener::simulator::{self, Simulator};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::signing_in::Pair;

/// How long anything here may take. Generous: the machines that run this are slow and shared.
const PATIENCE: Duration = Duration::from_secs(90);

/// A listener process with its tenant, its ports and its store.
pub struct Listener {
    pub tenant: Simulator,
    pub http: reqwest::Client,
    process: Option<Child>,
    /// Whom it trusts, if not whom this machine does.
    roots: Option<PathBuf>,
    /// What lies over its configuration.
    variables: Vec<(String, String)>,
    folder: TempDir,
    notifications: u16,
    admin: u16,
}

impl Listener {
    /// Starts tenant and listener; the three resources are followed from the beginning.
    pub async fn start(seed: u64) -> Self {
        Self::start_with(seed, "").await
    }

    /// The same with more configuration: sections and entries.
    pub async fn start_with(seed: u64, more: &str) -> Self {
        let mut listener = Self::prepared(seed).await;
        std::fs::write(listener.config(), listener.configuration() + more).unwrap();
        listener.run().await;
        listener
    }

    /// The same on a machine that trusts who is in this file, and nobody else.
    pub async fn start_trusting(more: &str, roots: &Path) -> Self {
        let mut listener = Self::prepared(0).await;
        listener.roots = Some(roots.to_owned());
        std::fs::write(listener.config(), listener.configuration() + more).unwrap();
        listener.run().await;
        listener
    }

    /// The same with the list followed over SharePoint's own service, for which the app signs in with a certificate.
    pub async fn start_over_sharepoint(seed: u64) -> Self {
        let mut listener = Self::prepared(seed).await;
        let pair = Pair::until(2035);
        listener.control("certificates", json!({"certificate": pair.certificate})).await;
        let files = pair.write(listener.folder(), "app");
        let proof = format!(
            "certificate = {{ file = \"{}\", key = \"{}\" }}\nsharepoint_url = \"{}\"",
            files.file.display(),
            files.key.unwrap().display(),
            listener.tenant.tenant().url,
        );
        let configuration = listener.configuration();
        let secret = configuration.lines().find(|line| line.starts_with("client_secret")).unwrap();
        let list = configuration.lines().find(|line| line.starts_with("resource = \"list:")).unwrap();
        let over_sharepoint = format!("{list}\nvia = \"sharepoint\"");
        let configuration = configuration.replace(secret, &proof).replace(list, &over_sharepoint);
        std::fs::write(listener.config(), configuration).unwrap();
        listener.run().await;
        listener
    }

    /// The same with more configuration, which is told of the tenant, and with environment variables.
    pub async fn start_in(
        variables: &[(&str, &str)],
        more: impl FnOnce(&simulator::Tenant) -> String,
    ) -> Self {
        let mut listener = Self::prepared(0).await;
        listener.variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let more = more(listener.tenant.tenant());
        std::fs::write(listener.config(), listener.configuration() + &more).unwrap();
        listener.run().await;
        listener
    }

    /// A tenant, and a listener that has not been configured yet.
    async fn prepared(seed: u64) -> Self {
        let options = simulator::Options {
            listen: ([127, 0, 0, 1], 0).into(),
            seed,
            page_size: 20,
            ..simulator::Options::default()
        };
        let tenant = simulator::start(options).await.unwrap();
        let [notifications, admin] = free_ports();
        Self {
            tenant,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            process: None,
            roots: None,
            variables: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
            notifications,
            admin,
        }
    }

    /// The folder with configuration and store.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn config(&self) -> PathBuf {
        self.folder().join("config.toml")
    }

    fn configuration(&self) -> String {
        let tenant = self.tenant.tenant();
        let store = self.folder().join("store.db");
        let head = format!(
            "public_url = \"http://127.0.0.1:{}\"\n[listen]\nnotifications = \"127.0.0.1:{}\"\nadmin = \"127.0.0.1:{}\"\n\
             [store]\nurl = \"sqlite:{}\"\n[[tenant]]\nname = \"contoso\"\ntenant_id = \"{}\"\nclient_id = \"{}\"\n\
             client_secret = \"{}\"\nlogin_url = \"{url}\"\ngraph_url = \"{url}\"\n",
            self.notifications,
            self.notifications,
            self.admin,
            store.display(),
            tenant.tenant_id,
            tenant.client_id,
            tenant.client_secret,
            url = tenant.url,
        );
        let entries = self.resources().map(|(name, resource)| {
            format!("[[subscription]]\nname = \"{name}\"\ntenant = \"contoso\"\nresource = \"{resource}\"\nstart = \"beginning\"\n")
        });
        head + &entries.concat()
    }

    /// Name and address of what is followed.
    pub fn resources(&self) -> [(&'static str, String); 3] {
        let resources = &self.tenant.tenant().resources;
        [
            ("candidates", resources.list.clone()),
            ("files", resources.drive.clone()),
            ("inbox", resources.mail.clone()),
        ]
    }

    /// Starts the process (again) and waits until it is ready.
    pub async fn run(&mut self) {
        let log = std::fs::File::options().append(true).create(true).open(self.folder().join("log")).unwrap();
        self.run_with(log.into()).await;
    }

    /// As [`Listener::run`], with a log that nobody reads: its pipe is closed.
    pub async fn run_unread(&mut self) {
        self.run_with(Stdio::piped()).await;
    }

    async fn run_with(&mut self, log: Stdio) {
        let mut process = Command::new(env!("CARGO_BIN_EXE_o365-listener"))
            .args(["serve", "--config"])
            .arg(self.config())
            .envs(self.roots.as_ref().map(|roots| ("SSL_CERT_FILE", roots)))
            .envs(self.variables.iter().cloned())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        drop(process.stderr.take());
        self.process = Some(process);
        let ready = format!("{}/readyz", self.admin_url());
        eventually("the listener is ready", async || {
            self.http.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    /// Ends the process with this signal and waits for its end; whether it ended well.
    pub fn end(&mut self, signal: &str) -> bool {
        let mut process = self.process.take().unwrap();
        let sent = Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap();
        assert!(sent.success());
        process.wait().unwrap().success()
    }

    pub fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin)
    }

    pub fn notifications_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.notifications)
    }

    /// What a command says that asks it: standard output, then standard error.
    pub async fn command(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_o365-listener"));
        command.args(arguments).args(["--server", &self.admin_url()]);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    }

    /// What the API answers.
    pub async fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.admin_url());
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// A call of the tenant's control API.
    pub async fn control(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/_control/{path}", self.tenant.url());
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap_or_default()
    }

    /// The cards that the tenant was sent, as it tells them.
    pub async fn cards(&self) -> String {
        let url = format!("{}/_control/cards", self.tenant.url());
        self.http.get(url).send().await.unwrap().text().await.unwrap()
    }

    /// The tenant's truth.
    pub async fn state(&self) -> Value {
        let url = format!("{}/_control/state", self.tenant.url());
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// The whole log.
    pub async fn events(&self) -> Vec<Value> {
        let (mut events, mut after) = (Vec::new(), "00000000000000000000".to_owned());
        loop {
            let page = self.get(&format!("/v1/events?limit=1000&after={after}")).await;
            let next = page["next"].as_str().unwrap().to_owned();
            events.extend(page["events"].as_array().unwrap().iter().cloned());
            if next == after {
                return events;
            }
            after = next;
        }
    }

    /// Waits until all three are active.
    pub async fn followed(&self) {
        eventually("all three are active", async || {
            let list = self.get("/v1/subscriptions").await;
            let list = list["subscriptions"].as_array().or(list.as_array()).cloned().unwrap_or_default();
            list.len() == 3
                && list.iter().all(|one| one["state"] == "active" && one.get("first_round").is_none())
        })
        .await;
    }

    /// What the listener wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- the listener's log ---\n{}", self.log());
        }
    }
}

/// Two different ones: both are held until both are known.
fn free_ports() -> [u16; 2] {
    let listen = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    [listen(), listen()].map(|socket| socket.local_addr().unwrap().port())
}

/// Looks every 100 ms until `met` holds; fails after [`PATIENCE`].
pub async fn eventually(what: &str, mut met: impl AsyncFnMut() -> bool) {
    let clock = Clock::system();
    let watch = clock.stopwatch();
    while !met().await {
        assert!(watch.elapsed() < PATIENCE, "in vain waited until {what}");
        clock.sleep(Duration::from_millis(100)).await;
    }
}

/// A seed of this moment, printed so that a failure can be repeated.
pub fn random_seed() -> u64 {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| rand::random::<u64>() >> 16);
    println!("seed {seed}");
    seed
}
