use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::HeaderValue;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

use super::auth::{Credentials, DeviceCode, Prover, SignIn, Tokens, Vault};
use super::base::Base;
use super::connection::Connection;
use super::graph::{DeltaPage, FolderPage, Graph, NewRemote, Recipient, RemoteSubscription, Renew, Resolved};
use super::signing_keys::{Signer, SigningKeys, TokenVersion};
use super::throttle::{Gates, Spacing};
use super::{Failure, SetupError};
use crate::config;
use crate::model::{Credential, Item, ItemId, Name, RemoteId, Resource, Target};
use crate::store::{ClosedGates, Link, StoredGate};

/// Pages of lists of subscriptions: Office 365 lets an app ask for 25 in 20 s in a tenant; a few are left to others.
const LISTS: (usize, Duration) = (20, Duration::from_secs(20));

/// One tenant, reached with one app registration.
pub struct Tenant {
    graph: Graph,
    signing_keys: SigningKeys,
    client_id: String,
    name: Name,
    prover: Arc<Prover>,
    secret: Option<Credential>,
}

/// Whom a token is for: an app, in a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// The app's id.
    pub client_id: String,
    /// The tenant's id.
    pub tenant_id: Uuid,
}

impl Tenant {
    pub(super) fn new(tenant: &config::Tenant, connection: Connection) -> Result<Self, SetupError> {
        let invalid = |key| SetupError::Tenant { tenant: tenant.name.clone(), key };
        let user_agent = HeaderValue::from_str(&tenant.user_agent).map_err(|_| invalid("user_agent"))?;
        let login =
            address(tenant.login_url.as_ref(), tenant.cloud.login()).ok_or_else(|| invalid("login_url"))?;
        let graph =
            address(tenant.graph_url.as_ref(), tenant.cloud.graph()).ok_or_else(|| invalid("graph_url"))?;
        let prover = Arc::new(Prover::new(tenant, &connection)?);
        let token_endpoint = [tenant.tenant_id.as_str(), "oauth2", "v2.0", "token"];
        let credentials = Credentials {
            endpoint: Base::new(login.clone()).at(token_endpoint),
            device_endpoint: Base::new(login.clone()).at([
                tenant.tenant_id.as_str(),
                "oauth2",
                "v2.0",
                "devicecode",
            ]),
            audience: format!("{}/{}", tenant.cloud.login(), token_endpoint.join("/")),
            client_id: tenant.client_id.clone(),
            prover: Arc::clone(&prover),
            // The audience is the cloud's, wherever requests go.
            scope: format!("{}/.default", tenant.cloud.graph()),
            user_agent: user_agent.clone(),
        };
        let (clock, metrics) = (connection.clock.clone(), Arc::clone(&connection.metrics));
        let signing_keys = SigningKeys::new(
            connection.clone(),
            Base::new(login),
            tenant.cloud,
            tenant.tenant_id.clone(),
            user_agent.clone(),
        );
        let gates = Arc::new(Gates::new(tenant.name.clone(), clock.clone(), metrics));
        let graph = Graph {
            tokens: Tokens::new(credentials, connection.clone(), clock.clone(), Arc::clone(&gates)),
            gates,
            lists: Spacing::new(LISTS.0, LISTS.1),
            base: Base::new(Base::new(graph).at(["v1.0"])),
            connection,
            clock,
            user_agent,
        };
        Ok(Self {
            graph,
            signing_keys,
            client_id: tenant.client_id.clone(),
            name: tenant.name.clone(),
            prover,
            secret: tenant.secret(),
        })
    }

    /// Takes up the gates that were stored, and stores them from now on.
    pub(super) fn remember(&self, stored: &[StoredGate], store: Arc<dyn ClosedGates>) {
        self.graph.gates.remember(stored, store);
    }

    /// Finds what an address names.
    pub async fn resolve(&self, resource: &Resource) -> Result<Resolved, Failure> {
        self.graph.resolve(resource).await
    }

    /// The link from which only what happens from now on is told, and Office 365's time of "now"; none for mail.
    pub async fn latest(&self, target: &Target) -> Result<Option<(Link, DateTime<Utc>)>, Failure> {
        self.graph.latest(target).await
    }

    /// The page of changes at a link; without one, the first page of everything there is. `select` are properties of
    /// messages beside the default ones.
    pub async fn page(
        &self,
        target: &Target,
        select: &[String],
        link: Option<&Link>,
    ) -> Result<DeltaPage, Failure> {
        self.graph.page(target, select, link).await
    }

    /// The page of changes of a mailbox's tree of folders at a link; without one, the first page of all folders.
    pub async fn folders(&self, user: &str, link: Option<&Link>) -> Result<FolderPage, Failure> {
        self.graph.folders(user, link).await
    }

    /// One whole item, with the same properties as on a page; none if it is gone.
    pub async fn item(
        &self,
        target: &Target,
        select: &[String],
        id: &ItemId,
    ) -> Result<Option<Item>, Failure> {
        self.graph.item(target, select, id).await
    }

    /// Makes a remote subscription. Returns after Office 365 has shaken hands with both addresses.
    pub async fn create(&self, new: NewRemote<'_>) -> Result<RemoteSubscription, Failure> {
        self.graph.create(new).await
    }

    /// The key with this id, if Entra has it, and who may have signed with it.
    pub async fn signer(&self, version: TokenVersion, kid: &str) -> Result<Option<Signer>, Failure> {
        self.signing_keys.signer(version, kid).await
    }

    /// Whom a token about this tenant is for.
    pub async fn audience(&self) -> Result<Audience, Failure> {
        let tenant_id = self.signing_keys.tenant_id().await?;
        Ok(Audience { client_id: self.client_id.clone(), tenant_id })
    }

    /// How far this machine's clock is ahead of the login host's; negative: behind. None where the host does not say.
    pub async fn clock_ahead(&self) -> Option<TimeDelta> {
        self.signing_keys.clock_ahead().await
    }

    /// Moves the end of a remote subscription, and has its content encrypted for `recipient` from then on, if one is
    /// given. [`Verdict::NotFound`](super::Verdict::NotFound): it is gone, and has to
    /// be made anew.
    pub async fn renew(
        &self,
        id: &RemoteId,
        expires_at: DateTime<Utc>,
        recipient: Option<&Recipient>,
    ) -> Result<RemoteSubscription, Failure> {
        self.graph.renew(Renew { id, expires_at, recipient }).await
    }

    /// Renews several as [`renew`](Self::renew) does one, with few requests. The results are in the order of
    /// `renewals`.
    pub async fn renew_all(&self, renewals: &[Renew<'_>]) -> Vec<Result<RemoteSubscription, Failure>> {
        self.graph.renew_all(renewals).await
    }

    /// All remote subscriptions that the app registration has in the tenant, whoever made them; all of them or an error.
    /// After `stop` no further page is asked for.
    pub async fn list(&self, stop: &CancellationToken) -> Result<Vec<RemoteSubscription>, Failure> {
        self.graph.list(stop).await
    }

    /// What Office 365 tells the remote subscriptions of a target apart by
    /// ([`RemoteSubscription::combination`]).
    pub fn combination(&self, target: &Target) -> String {
        self.graph.combination(target)
    }

    /// Reads a remote subscription; none if Office 365 no longer has it.
    pub async fn find(&self, id: &RemoteId) -> Result<Option<RemoteSubscription>, Failure> {
        self.graph.find(id).await
    }

    /// Removes a remote subscription; that it is not there is as good.
    pub async fn delete(&self, id: &RemoteId) -> Result<(), Failure> {
        self.graph.delete(id).await
    }

    /// Where the sign-in of its user is kept, if it has one.
    pub(super) fn keep_sign_in(&self, vault: &Vault) {
        if let Some(person) = self.prover.person() {
            person.keep_in(vault);
        }
    }

    /// Asks for a code with which a person signs in elsewhere.
    pub async fn device_code(&self) -> Result<DeviceCode, Failure> {
        self.graph.tokens.device_code().await
    }

    /// Waits until a person has, for as long as the code lives, and keeps the sign-in.
    pub async fn await_person(&self, code: &DeviceCode) -> Result<(), Failure> {
        self.graph.tokens.await_person(code).await
    }

    /// What it signs in with, if it is known when that ends.
    pub fn credential(&self) -> Option<Credential> {
        let certificate = self.prover.ends().map(|expires_at| Credential {
            tenant: Some(self.name.clone()),
            kind: "certificate",
            expires_at,
        });
        certificate.or_else(|| self.secret.clone())
    }

    /// Signs in anew, to see whether that works and what was granted.
    pub async fn sign_in(&self) -> Result<SignIn, Failure> {
        self.graph.tokens.fresh().await
    }
}

fn address(configured: Option<&Url>, cloud: &str) -> Option<Url> {
    let url = configured.cloned().or_else(|| Url::parse(cloud).ok())?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}
