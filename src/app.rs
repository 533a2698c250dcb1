//! The composition root: every part is made here, once, and handed down.

mod check;
mod login;
mod outlets;
mod ports;
mod without_tls;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::ServerConfig;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use url::Url;
use uuid::Uuid;

pub use check::{Finding, check};
pub use login::{SigningIn, login};
use ports::Secured;
pub use ports::administering;
pub use without_tls::without_tls;

use crate::api::{self, Api, Keys, Tail};
use crate::clock::Clock;
use crate::config::{self, Config, ConfigError, Tls};
use crate::deliver::Desk;
use crate::fetch::Fetcher;
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::model::{Name, SubscriptionId, Wish};
use crate::office365::{Office365, Vault};
use crate::receive::{Receiver, Sources, Workload};
use crate::renew::{self, Keyring, Parts, Reconciler, Renewer};
use crate::retain::Retainer;
use crate::seal::{Bindings, ClientStates, Sealer};
use crate::store::{self, NewSubscription, Registered, Store};
use crate::tasks::{self, Seldom, Signal};

/// A running listener.
pub struct App {
    notifications: SocketAddr,
    admin: SocketAddr,
    lifecycle: Lifecycle,
    store: Arc<dyn Store>,
    clock: Clock,
}

/// Reads the configuration again.
pub type Reread = Arc<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>;

/// What the rooms share.
struct House {
    clock: Clock,
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    client_states: ClientStates,
    bindings: Bindings,
    sealer: Option<Arc<Sealer>>,
    fetch: Signal,
    renew: Signal,
    joined: Signal,
}

impl App {
    /// As [`App::start_from`], with a configuration that stays as it is.
    ///
    /// # Errors
    /// With what could not be had, and why.
    pub async fn start(config: Config, clock: Clock) -> anyhow::Result<Self> {
        let read = config.clone();
        Self::start_from(config, Arc::new(move || Ok(read.clone())), clock).await
    }

    /// Opens the store, takes both ports and starts the tasks; returns once both ports answer. `reread` reads the
    /// configuration again: what it says of subscriptions by then is what a plan is made from.
    ///
    /// # Errors
    /// With what could not be had, and why.
    pub async fn start_from(config: Config, reread: Reread, clock: Clock) -> anyhow::Result<Self> {
        let house = House::open(&config, clock).await?;
        house.register(&config).await?;
        let office365 = Office365::new(&config.tenants, house.clock.clone(), house.metrics.clone())?;
        office365.remember(house.store.clone()).await.context("cannot read which gates are closed")?;
        if let Some(sealer) = &house.sealer {
            office365.keep_sign_ins(&Vault { store: house.store.clone(), sealer: sealer.clone() });
        }
        let office365 = Arc::new(office365);
        let keyring = house.keyring(&config).await?;
        let renewer = house.renewer(&config, office365.clone(), keyring)?;
        let fetcher = house.fetcher(&config, office365.clone());
        let (deliverers, desk) = house.outlets(&config).await?;
        let mut lifecycle = Lifecycle::default();

        let tls = house.secured("listen", config.listen.tls.as_ref(), &lifecycle)?;
        let (connect, joined) = house.connect(&config, &desk)?.unzip();
        let port = ports::receiving(house.receiver(&config), connect, &config.listen, tls)?;
        let notifications = port.address();
        lifecycle.serve(port.handle(), port.run());
        let api = house.api(&config, reread, office365, (&renewer, &fetcher, desk), &lifecycle);
        let tls = house.secured("admin", config.admin.tls.as_ref(), &lifecycle)?;
        let (server, admin) = ports::administering(api, config.listen.admin, tls)?;
        lifecycle.serve(server.handle(), server);

        let retainer = Retainer::new(house.store.clone(), house.clock.clone(), config.store.retention);
        lifecycle.spawn(tasks::run(fetcher, house.clock.clone(), house.fetch, lifecycle.stopping()));
        let reconciler = Reconciler::new(renewer.clone());
        lifecycle.spawn(tasks::run(renewer, house.clock.clone(), house.renew, lifecycle.stopping()));
        lifecycle.spawn(tasks::run(reconciler, house.clock.clone(), Signal::default(), lifecycle.stopping()));
        lifecycle.spawn(tasks::run(retainer, house.clock.clone(), Signal::default(), lifecycle.stopping()));
        if let Some(joined) = joined {
            lifecycle.spawn(joined.run(lifecycle.stopping()));
        }
        for deliverer in deliverers {
            lifecycle.spawn(deliverer.run(lifecycle.stopping()));
        }
        tracing::info!(%notifications, %admin, public_url = %config.public_url, "Listening");
        Ok(Self { notifications, admin, lifecycle, store: house.store, clock: house.clock })
    }

    /// Where notifications are received.
    pub fn notifications_address(&self) -> SocketAddr {
        self.notifications
    }

    /// Where the API answers.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// Ends at once: tasks are dropped in the middle of what they do, and requests under way are not answered. What
    /// the store has is what the next start finds.
    pub async fn abandon(self) {
        self.lifecycle.abandon().await;
        self.store.close().await;
    }

    /// Stops in two stages and closes the store.
    pub async fn stop(self) {
        if !self.lifecycle.stop(&self.clock).await {
            tracing::warn!("Not all tasks finished their step in time; it is done again at the next start");
        }
        self.store.close().await;
        tracing::info!("Stopped");
    }
}

impl House {
    async fn open(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let store = store::open(&config.store.url, clock.now())
            .await
            .with_context(|| format!("cannot open the store {}", config.store.url))?;
        let key = store.client_state_key().await?;
        let sealer = Sealer::new(&config.store.encryption_keys).context("[store] encryption_key")?;
        Ok(Self {
            clock,
            store,
            metrics: Arc::new(Metrics::default()),
            client_states: ClientStates::new(&key),
            bindings: Bindings::new(&key),
            sealer: sealer.map(Arc::new),
            fetch: Signal::default(),
            renew: Signal::default(),
            joined: Signal::default(),
        })
    }

    /// Stores the wishes that the configuration names and the store lacks. Everything else that they differ in takes
    /// somebody who applies it.
    async fn register(&self, config: &Config) -> anyhow::Result<()> {
        let (wishes, mut stored) = (wishes(config), Vec::new());
        for wish in &wishes {
            stored.extend(self.store.subscription(&wish.name).await?);
        }
        for wish in renew::missing(&wishes, &stored) {
            let id = SubscriptionId(Uuid::now_v7());
            let new =
                NewSubscription { id, wish: wish.clone(), target: None, now: self.clock.now(), lease: None };
            let registered = self.store.register(new).await?;
            if registered != Registered::Done {
                tracing::warn!(subscription = %wish.name, ?registered, "The configuration's subscription is not taken over");
            }
        }
        for change in renew::differences(&wishes, &stored) {
            tracing::warn!(
                subscription = change.subscription.as_ref().map(Name::as_str),
                reason = &*change.reason,
                "The store has something else than the configuration: `subscriptions plan` shows it, `subscriptions apply` makes them agree"
            );
        }
        for late in renew::too_late(&wishes, stored.iter()) {
            tracing::warn!(
                subscription = late.subscription.as_ref().map(Name::as_str),
                reason = &*late.reason,
                "What the configuration says of a subscription cannot be had"
            );
        }
        Ok(())
    }

    fn receiver(&self, config: &Config) -> Receiver {
        Receiver {
            clock: self.clock.clone(),
            inbox: self.store.clone(),
            metrics: self.metrics.clone(),
            client_states: self.client_states.clone(),
            sealer: self.sealer.clone(),
            fetch: self.fetch.clone(),
            renew: self.renew.clone(),
            body_limit: config.listen.body_limit,
            workload: Workload::default(),
            sources: Sources::new(&config.listen),
            unstored: Seldom::default(),
            overfull: Seldom::default(),
            stands_in: false,
        }
    }

    /// TLS for the port of this section, if it is wished; its certificate is looked after from now on.
    fn secured(
        &self,
        section: &'static str,
        files: Option<&Tls>,
        lifecycle: &Lifecycle,
    ) -> anyhow::Result<Option<ServerConfig>> {
        let secured = Secured::load(section, files, &self.clock, &self.metrics)?;
        Ok(secured.map(|Secured { config, renewal }| {
            lifecycle.spawn(tasks::run(renewal, self.clock.clone(), Signal::default(), lifecycle.stopping()));
            config
        }))
    }

    async fn keyring(&self, config: &Config) -> anyhow::Result<Arc<Keyring>> {
        let (store, sealer) = (self.store.clone(), self.sealer.clone());
        let keyring = Keyring::open(store, self.clock.clone(), sealer, config.encryption.as_ref()).await;
        Ok(Arc::new(keyring.context("cannot use encrypted content")?))
    }

    fn renewer(
        &self,
        config: &Config,
        office365: Arc<Office365>,
        keyring: Arc<Keyring>,
    ) -> anyhow::Result<Renewer> {
        Ok(Renewer::new(Parts {
            store: self.store.clone(),
            office365,
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            settings: config.renewal,
            client_states: self.client_states.clone(),
            keyring,
            notification_url: endpoint(&config.public_url, "notifications")?,
            lifecycle_url: endpoint(&config.public_url, "lifecycle")?,
            wake: self.renew.clone(),
            fetch: self.fetch.clone(),
        }))
    }

    fn fetcher(&self, config: &Config, office365: Arc<Office365>) -> Fetcher {
        Fetcher::new(
            self.store.clone(),
            office365,
            self.clock.clone(),
            self.metrics.clone(),
            config.fetch.clone(),
            self.fetch.clone(),
            self.sealer.clone(),
        )
    }

    fn api(
        &self,
        config: &Config,
        reread: Reread,
        office365: Arc<Office365>,
        (renewer, fetcher, desk): (&Renewer, &Fetcher, Arc<Desk>),
        lifecycle: &Lifecycle,
    ) -> Api {
        let tail = Tail::new(self.store.clone(), self.clock.clone());
        lifecycle.spawn(tail.clone().run(lifecycle.stopping()));
        Api {
            configured: Arc::new(move || Ok(wishes(&reread()?))),
            clock: self.clock.clone(),
            store: self.store.clone(),
            metrics: self.metrics.clone(),
            renewer: Arc::new(renewer.clone()),
            fetcher: Arc::new(fetcher.clone()),
            desk,
            connector: config.connector.is_some().then(|| config.public_url.clone()),
            joined: self.joined.clone(),
            keys: Keys::new(&config.admin.api_keys),
            tenants: config.tenants.iter().map(|tenant| tenant.name.clone()).collect(),
            sign_ins: Arc::new(move || office365.credentials()),
            version: env!("CARGO_PKG_VERSION"),
            started_at: self.clock.now(),
            stopping: lifecycle.stopping(),
            streams: Arc::new(Semaphore::new(api::STREAMS)),
            tail,
            // Background work must not stay on the one thread of an HTTP worker.
            runtime: Handle::current(),
        }
    }
}

/// What the configuration wants followed.
fn wishes(config: &Config) -> Vec<Wish> {
    config.subscriptions.iter().map(config::Subscription::wish).collect()
}

/// An address behind the public URL, which need not end in a slash.
fn endpoint(public_url: &Url, path: &str) -> Result<Url, url::ParseError> {
    Url::parse(&format!("{}/{path}", public_url.as_str().trim_end_matches('/')))
}
