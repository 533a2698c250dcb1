//! What the demo runs on: the simulated tenant, the listener that follows it, and where its data lie.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;
use url::Url;

use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, Admin, Cloud, Config, Listen};
use crate::model::{Name, Start, Via};
use crate::secret::Secret;
use crate::simulator::{self, Simulator, Tenant};

/// The ports tried first: those that each takes on its own.
const TENANT_PORT: u16 = 9400;
const NOTIFICATION_PORT: u16 = 8080;
const ADMIN_PORT: u16 = 8081;

/// Everything that runs.
pub(super) struct Stage {
    simulator: Simulator,
    app: App,
    data: Data,
}

/// Where the listener keeps its data.
enum Data {
    Kept(PathBuf),
    /// Removed when it is dropped.
    Temporary(TempDir),
}

impl Stage {
    /// Starts the tenant and the listener.
    pub async fn set(folder: Option<&Path>, seed: u64, clock: &Clock) -> anyhow::Result<Self> {
        let data = Data::prepare(folder)?;
        let options = simulator::Options {
            listen: free_address(TENANT_PORT)?,
            seed,
            clock: clock.clone(),
            ..simulator::Options::default()
        };
        let simulator = simulator::start(options).await.context("cannot start the simulated tenant")?;
        match App::start(configuration(simulator.tenant(), data.folder())?, clock.clone()).await {
            Ok(app) => Ok(Self { simulator, app, data }),
            Err(error) => {
                simulator.stop().await;
                Err(error)
            }
        }
    }

    /// Stops everything and removes what is not to be kept.
    pub async fn strike(self) -> anyhow::Result<()> {
        self.app.stop().await;
        self.simulator.stop().await;
        match self.data {
            Data::Kept(_) => Ok(()),
            Data::Temporary(folder) => folder.close().context("cannot remove the demo's data"),
        }
    }

    /// The simulated tenant.
    pub fn tenant(&self) -> &Tenant {
        self.simulator.tenant()
    }

    /// Where notifications arrive.
    pub fn notifications(&self) -> SocketAddr {
        self.app.notifications_address()
    }

    /// Where the listener's API answers.
    pub fn admin(&self) -> SocketAddr {
        self.app.admin_address()
    }

    /// Where the listener keeps its data, and whether they stay.
    pub fn data(&self) -> (&Path, bool) {
        (self.data.folder(), matches!(self.data, Data::Kept(_)))
    }
}

impl Data {
    fn prepare(folder: Option<&Path>) -> anyhow::Result<Self> {
        let Some(folder) = folder else {
            let folder = tempfile::Builder::new().prefix("o365-listener-demo-").tempdir();
            return Ok(Self::Temporary(
                folder.context("cannot make a temporary folder: name one with --data")?,
            ));
        };
        std::fs::create_dir_all(folder).with_context(|| {
            format!("cannot make the folder {}: name another with --data", folder.display())
        })?;
        Ok(Self::Kept(folder.to_owned()))
    }

    fn folder(&self) -> &Path {
        match self {
            Self::Kept(folder) => folder,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// A configuration that follows one resource of each kind. Existing items are read first, so that changes of them are
/// told with their old values.
fn configuration(tenant: &Tenant, folder: &Path) -> anyhow::Result<Config> {
    let notifications = free_address(NOTIFICATION_PORT)?;
    let name: Name = "contoso".parse()?;
    let url = Url::parse(&tenant.url)?;
    let resources = &tenant.resources;
    let followed = [("candidates", &resources.list), ("files", &resources.drive), ("inbox", &resources.mail)];
    let subscriptions = followed.into_iter().map(|(subscription, resource)| {
        Ok(config::Subscription {
            name: subscription.parse()?,
            tenant: name.clone(),
            resource: resource.parse()?,
            via: Via::Graph,
            start: Start::Baseline,
            lifetime: None,
            select: Vec::new(),
            include_resource_data: false,
        })
    });
    Ok(Config {
        connector: None,
        public_url: Url::parse(&format!("http://{notifications}"))?,
        listen: Listen { notifications, admin: free_address(ADMIN_PORT)?, ..Listen::default() },
        admin: Admin::default(),
        store: config::Store {
            url: format!("sqlite:{}", folder.join("o365-listener.db").display()),
            ..config::Store::default()
        },
        subscriptions: subscriptions.collect::<anyhow::Result<_>>()?,
        encryption: None,
        tenants: vec![config::Tenant {
            name,
            tenant_id: tenant.tenant_id.to_string(),
            client_id: tenant.client_id.to_string(),
            proof: config::Proof::Secret { secret: Secret::new(&tenant.client_secret), expires_at: None },
            user_agent: concat!("NONISV|contoso|o365-listener/", env!("CARGO_PKG_VERSION")).to_owned(),
            cloud: Cloud::Global,
            login_url: Some(url.clone()),
            graph_url: Some(url.clone()),
            sharepoint_url: Some(url),
        }],
        fetch: config::Fetch::default(),
        renewal: config::Renewal::default(),
        sinks: Vec::new(),
    })
}

/// This port of the loopback address, or another one that is free.
fn free_address(port: u16) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .context("no port is free on 127.0.0.1")?;
    Ok(listener.local_addr()?)
}
