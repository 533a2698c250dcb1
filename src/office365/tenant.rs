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
use super::graph::{DeltaPage, FolderPage, Graph, NewRemote, RemoteSubscription, Renew, Resolved};
use super::sharepoint::{self, Door, ListAt, SharePoint};
use super::signing_keys::{Signer, SigningKeys, TokenVersion};
use super::throttle::{Gates, Spacing};
use super::{Failure, SetupError, Verdict};
use crate::config;
use crate::model::{Credential, Item, ItemId, ListAddress, Name, RemoteId, Resource, Target, Via};
use crate::store::{ClosedGates, Link, StoredGate};

/// Pages of lists of subscriptions: Office 365 lets an app ask for 25 in 20 s in a tenant; a few are left to others.
const LISTS: (usize, Duration) = (20, Duration::from_secs(20));

/// One tenant, reached with one app registration. What is asked over SharePoint stands in a box: rare as it is, it should not
/// make every other call larger.
pub struct Tenant {
    graph: Graph,
    sharepoint: SharePoint,
    signing_keys: SigningKeys,
    client_id: String,
    name: Name,
    prover: Arc<Prover>,
    sites: config::Sites,
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
        let credentials = credentials(tenant, &login, Arc::clone(&prover), &user_agent);
        let (clock, metrics) = (connection.clock.clone(), Arc::clone(&connection.metrics));
        let signing_keys = SigningKeys::new(
            connection.clone(),
            Base::new(login),
            tenant.cloud,
            tenant.tenant_id.clone(),
            user_agent.clone(),
        );
        let gates = Arc::new(Gates::new(tenant.name.clone(), clock.clone(), metrics));
        let door = Door {
            connection: connection.clone(),
            clock: clock.clone(),
            gates: Arc::clone(&gates),
            user_agent: user_agent.clone(),
        };
        let sharepoint = SharePoint::new(door, credentials.clone(), tenant.sharepoint_url.clone());
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
            sharepoint,
            signing_keys,
            client_id: tenant.client_id.clone(),
            name: tenant.name.clone(),
            prover,
            sites: tenant.sites(),
            secret: tenant.secret(),
        })
    }

    /// Takes up the gates that were stored, and stores them from now on.
    pub(super) fn remember(&self, stored: &[StoredGate], store: Arc<dyn ClosedGates>) {
        self.graph.gates.remember(stored, store);
    }

    /// Finds what an address names, and how it is reached this way.
    pub async fn resolve(&self, resource: &Resource, via: Via) -> Result<Resolved, Failure> {
        if let Some(why) = self.refuses(resource, via) {
            return Err(Failure::local(Verdict::Rejected, "notThisWay", why));
        }
        match (via, resource) {
            (Via::SharePoint, Resource::List(ListAddress::Web(address))) => {
                Box::pin(self.sharepoint.list_at(address)).await
            }
            // Only Graph finds a site by its ids.
            (Via::SharePoint, Resource::List(ListAddress::Ids { site, list })) => {
                let address = self.graph.site_address(site).await?;
                Box::pin(self.sharepoint.list_in(&address, list)).await
            }
            _ => self.graph.resolve(resource).await,
        }
    }

    /// Why this tenant cannot follow a resource this way, if it cannot.
    pub fn refuses(&self, resource: &Resource, via: Via) -> Option<&'static str> {
        let for_secret = (via == Via::SharePoint && matches!(*self.prover, Prover::Secret(_)))
            .then_some(config::SHAREPOINT_WANTS_MORE);
        via.refuses(resource).or(for_secret).or_else(|| self.sites.refuses(resource, via))
    }

    /// The link from which only what happens from now on is told, and Office 365's time of "now"; none for mail.
    pub async fn latest(&self, target: &Target) -> Result<Option<(Link, DateTime<Utc>)>, Failure> {
        match ListAt::of(target) {
            Some(list) => Box::pin(self.sharepoint.latest(list)).await,
            None => self.graph.latest(target).await,
        }
    }

    /// The page of changes at a link; without one, the first page of everything there is. `select` are properties of
    /// messages beside the default ones.
    pub async fn page(
        &self,
        target: &Target,
        select: &[String],
        link: Option<&Link>,
    ) -> Result<DeltaPage, Failure> {
        match ListAt::of(target) {
            Some(list) => Box::pin(self.sharepoint.page(list, link)).await,
            None if link.is_some_and(sharepoint::is_place) => Err(sharepoint::foreign()),
            None => self.graph.page(target, select, link).await,
        }
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
        match ListAt::of(target) {
            Some(list) => Box::pin(self.sharepoint.item(list, id)).await,
            None => self.graph.item(target, select, id).await,
        }
    }

    /// What items are now that are followed over SharePoint, in a few requests; over Graph nothing is known of them.
    pub async fn items_now(&self, target: &Target, ids: &[ItemId]) -> Result<Vec<Item>, Failure> {
        match ListAt::of(target) {
            Some(list) => Box::pin(self.sharepoint.items_now(list, ids)).await,
            None => Ok(Vec::new()),
        }
    }

    /// Makes a remote subscription. Returns after Office 365 has shaken hands with both addresses; SharePoint has only one.
    pub async fn create(&self, new: NewRemote<'_>) -> Result<RemoteSubscription, Failure> {
        match ListAt::of(new.target) {
            Some(list) => Box::pin(self.sharepoint.create(list, &new)).await,
            None => self.graph.create(new).await,
        }
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

    /// Moves the end of a remote subscription, and has its content encrypted for another recipient from then on, if one is
    /// given. [`Verdict::NotFound`]: it is gone, and has to be made anew.
    pub async fn renew(&self, renew: Renew<'_>) -> Result<RemoteSubscription, Failure> {
        match renew.target.and_then(ListAt::of) {
            Some(list) => Box::pin(self.sharepoint.renew(list, &renew)).await,
            None => self.graph.renew(renew).await,
        }
    }

    /// Renews several that Graph holds as [`renew`](Self::renew) does one, with few requests. The results are in the order
    /// of `renewals`.
    pub async fn renew_all(&self, renewals: &[Renew<'_>]) -> Vec<Result<RemoteSubscription, Failure>> {
        self.graph.renew_all(renewals).await
    }

    /// All remote subscriptions that the app registration has at Graph in the tenant, whoever made them; all of them or an
    /// error. After `stop` no further page is asked for. What SharePoint holds is in no list that a usual app may read.
    pub async fn list(&self, stop: &CancellationToken) -> Result<Vec<RemoteSubscription>, Failure> {
        self.graph.list(stop).await
    }

    /// What Graph tells the remote subscriptions of a target apart by ([`RemoteSubscription::combination`]); none where it
    /// does not hold them.
    pub fn combination(&self, target: &Target) -> Option<String> {
        ListAt::of(target).is_none().then(|| self.graph.combination(target))
    }

    /// Reads a remote subscription to a target; none if Office 365 no longer has it.
    pub async fn find(&self, target: &Target, id: &RemoteId) -> Result<Option<RemoteSubscription>, Failure> {
        match ListAt::of(target) {
            Some(list) => Box::pin(self.sharepoint.find(list, id)).await,
            None => self.graph.find(id).await,
        }
    }

    /// Removes a remote subscription; that it is not there is as good. Without a target it is one that was listed.
    pub async fn delete(&self, target: Option<&Target>, id: &RemoteId) -> Result<(), Failure> {
        match target.and_then(ListAt::of) {
            Some(list) => Box::pin(self.sharepoint.delete(list, id)).await,
            None => self.graph.delete(id).await,
        }
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

    /// The same for the sites of a SharePoint host.
    pub async fn sign_in_to_sites(&self, host: &str) -> Result<SignIn, Failure> {
        self.sharepoint.sign_in(host).await
    }

    /// Signs in anew, to see whether that works and what was granted.
    pub async fn sign_in(&self) -> Result<SignIn, Failure> {
        self.graph.tokens.fresh().await
    }
}

/// How the tenant signs in for Graph.
fn credentials(
    tenant: &config::Tenant,
    login: &Url,
    prover: Arc<Prover>,
    user_agent: &HeaderValue,
) -> Credentials {
    let at_login = |last| [tenant.tenant_id.as_str(), "oauth2", "v2.0", last];
    let token_endpoint = at_login("token");
    Credentials {
        endpoint: Base::new(login.clone()).at(token_endpoint),
        device_endpoint: Base::new(login.clone()).at(at_login("devicecode")),
        audience: format!("{}/{}", tenant.cloud.login(), token_endpoint.join("/")),
        client_id: tenant.client_id.clone(),
        prover,
        // The audience is the cloud's, wherever requests go.
        scope: format!("{}/.default", tenant.cloud.graph()),
        user_agent: user_agent.clone(),
    }
}

fn address(configured: Option<&Url>, cloud: &str) -> Option<Url> {
    let url = configured.cloned().or_else(|| Url::parse(cloud).ok())?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}
