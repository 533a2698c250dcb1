//! SharePoint's own REST service, below `/_api` of each site. Every call leaves through one door, [`SharePoint::send`],
//! which adds the token of the site's host, decorated user agent and request id, respects the gates, and judges the answer.
//!
//! The gates are those of the tenant, which Graph's requests pass too: Microsoft counts both together.

mod around;
mod batch;
mod changes;
mod columns;
mod element;
mod identity;
mod items;
mod listing;
mod multipart;
mod place;
mod resolve;
mod rows;
mod shape;
mod site;
mod subscriptions;
mod token;
mod unclear;
mod within;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use dashmap::DashMap;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Method, Request, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;
use uuid::Uuid;

use around::Lore;
pub(super) use place::{foreign, is_place};
pub(super) use site::ListAt;
use site::Site;

use super::auth::{Credentials, SignIn, Tokens};
use super::connection::{Answer, Connection, Limits, bearer};
use super::throttle::{Area, Gates, Place, asked_wait, is_throttled};
use super::{Failure, Verdict, refusal};
use crate::clock::Clock;
use crate::secret::Secret;

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
/// Objects as they are, without what they say of their types and addresses.
const NO_METADATA: &str = "application/json;odata=nometadata";
/// The same with their eTags, which an answer about many has nowhere else.
const MINIMAL_METADATA: &str = "application/json;odata=minimalmetadata";
const JSON: &str = "application/json";

/// One object.
const ORDINARY: Limits = Limits { time: Duration::from_secs(60), bytes: 4 * 1024 * 1024 };
/// A page of changes or of items with all their columns.
const PAGE: Limits = Limits { time: Duration::from_secs(120), bytes: 64 * 1024 * 1024 };

/// SharePoint as one tenant sees it.
pub(super) struct SharePoint {
    connection: Connection,
    clock: Clock,
    gates: Arc<Gates>,
    user_agent: HeaderValue,
    /// How the tenant signs in; what for, is another thing at each host.
    credentials: Credentials,
    /// What replaces `https://HOST` in requests, if anything does. Tokens are for `https://HOST` nevertheless.
    instead: Option<Url>,
    /// One for each host of a site.
    tokens: DashMap<String, Arc<Tokens>>,
    lore: Lore,
}

/// What all requests of a tenant need.
pub(super) struct Door {
    pub(super) connection: Connection,
    pub(super) clock: Clock,
    pub(super) gates: Arc<Gates>,
    pub(super) user_agent: HeaderValue,
}

/// What is sent along.
struct Body {
    content_type: String,
    bytes: Vec<u8>,
}

/// A request before it has token and id.
struct Call<'a> {
    /// What it is for, in the log.
    operation: &'static str,
    method: Method,
    site: &'a Site,
    url: Url,
    /// Whose place it takes. What a refusal closes is the tenant, whatever it was for.
    area: Area,
    /// The form of the answer.
    accept: &'static str,
    body: Option<Body>,
    limits: Limits,
}

/// An answer that is no refusal, and the time on Office 365's clock.
struct Accepted {
    content_type: String,
    body: Vec<u8>,
    at: DateTime<Utc>,
}

/// What was answered to a call, before it is judged.
struct Asked {
    answer: Answer,
    /// Our id of the request.
    id: String,
    /// Held until the answer was judged: whoever gets it next shall know of a refusal.
    _place: Place,
}

impl Body {
    /// An object.
    fn json(object: &impl Serialize) -> Option<Self> {
        // What is sent is ours, so that it can be written.
        let bytes = serde_json::to_vec(object).ok()?;
        Some(Self { content_type: JSON.to_owned(), bytes })
    }
}

impl<'a> Call<'a> {
    fn get(operation: &'static str, site: &'a Site, url: Url) -> Self {
        let (method, area) = (Method::GET, Area::Tenant);
        Self { operation, method, site, url, area, accept: NO_METADATA, body: None, limits: ORDINARY }
    }

    fn request(&self, token: &Secret, user_agent: &HeaderValue, id: &str) -> Result<Request, Failure> {
        let mut request = Request::new(self.method.clone(), self.url.clone());
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, bearer(token)?);
        headers.insert(USER_AGENT, user_agent.clone());
        headers.insert(ACCEPT, HeaderValue::from_static(self.accept));
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert(CLIENT_REQUEST_ID, id);
        }
        if let Some(Body { content_type, bytes }) = &self.body {
            if let Ok(content_type) = HeaderValue::from_str(content_type) {
                headers.insert(CONTENT_TYPE, content_type);
            }
            *request.body_mut() = Some(bytes.clone().into());
        }
        Ok(request)
    }
}

impl SharePoint {
    /// `credentials` are the tenant's, for whatever API. Nothing is sent.
    pub(super) fn new(door: Door, credentials: Credentials, instead: Option<Url>) -> Self {
        let Door { connection, clock, gates, user_agent } = door;
        Self {
            connection,
            clock,
            gates,
            user_agent,
            credentials,
            instead,
            tokens: DashMap::new(),
            lore: Lore::default(),
        }
    }

    /// The tokens for the sites of a host. They are for that host, wherever requests go.
    fn tokens(&self, host: &str) -> Arc<Tokens> {
        let tokens = self.tokens.entry(host.to_owned()).or_insert_with(|| {
            let credentials =
                Credentials { scope: format!("https://{host}/.default"), ..self.credentials.clone() };
            let (connection, clock) = (self.connection.clone(), self.clock.clone());
            Arc::new(Tokens::new(credentials, connection, clock, Arc::clone(&self.gates)))
        });
        Arc::clone(tokens.value())
    }

    /// Signs in anew for the sites of a host, to see whether that works and what was granted.
    pub(super) async fn sign_in(&self, host: &str) -> Result<SignIn, Failure> {
        self.tokens(host).fresh().await
    }

    /// Sends a call.
    async fn send(&self, call: &Call<'_>) -> Result<Accepted, Failure> {
        let asked = self.ask(call).await?;
        if !asked.answer.status.is_success() {
            return Err(self.refused(call, &asked).await);
        }
        self.gates.answered(&Area::Tenant, &asked.answer).await;
        let at = asked.answer.date().unwrap_or_else(|| self.clock.now());
        let content_type = asked.answer.header(CONTENT_TYPE.as_str()).unwrap_or_default().to_owned();
        Ok(Accepted { content_type, body: asked.answer.body, at })
    }

    /// Asks for an object and reads it.
    async fn read<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<(T, DateTime<Utc>), Failure> {
        let accepted = self.send(call).await?;
        Ok((accepted.json(call.operation)?, accepted.at))
    }

    /// Sends a call and leaves the answer to be judged. A token that is not accepted is replaced once.
    async fn ask(&self, call: &Call<'_>) -> Result<Asked, Failure> {
        self.gates.open(&call.area)?;
        let tokens = self.tokens(call.site.host());
        let token = tokens.current().await?;
        let place = self.gates.enter(&call.area).await?;
        let id = Uuid::new_v4().to_string();
        let mut answer = self.attempt(call, &token, &id).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            let token = tokens.instead_of(&token, &answer.headers).await?;
            answer = self.attempt(call, &token, &id).await?;
        }
        Ok(Asked { answer, id, _place: place })
    }

    /// The gate is asked again before each attempt, since signing in takes its time.
    async fn attempt(&self, call: &Call<'_>, token: &Secret, id: &str) -> Result<Answer, Failure> {
        self.gates.open(&call.area)?;
        let request = call.request(token, &self.user_agent, id)?;
        self.connection.exchange("sharepoint", request, call.limits).await
    }

    /// What a refusal means.
    async fn refused(&self, call: &Call<'_>, asked: &Asked) -> Failure {
        let failure = self.judge(&asked.answer).await;
        tracing::debug!(
            operation = call.operation,
            status = asked.answer.status.as_u16(),
            code = failure.code,
            request_id = asked.answer.header("sprequestguid"),
            client_request_id = asked.id,
            "SharePoint refused a request"
        );
        explained(call.site, failure)
    }

    async fn judge(&self, answer: &Answer) -> Failure {
        let asked = asked_wait(answer, self.clock.now());
        if is_throttled(answer.status, asked) {
            let wait = self.gates.refused(&Area::Tenant, asked).await;
            return refusal::judge(answer.status, Some(wait), None, &answer.body);
        }
        self.gates.answered(&Area::Tenant, answer).await;
        refusal::judge(answer.status, None, None, &answer.body)
    }
}

impl Accepted {
    fn json<T: DeserializeOwned>(&self, operation: &str) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let message = format!("SharePoint's answer ({operation}) cannot be read: {error}");
            Failure::local(Verdict::Transient, "unreadable", message)
        })
    }
}

/// What a refusal of the app itself means at SharePoint, which trusts less than Graph does.
fn explained(site: &Site, failure: Failure) -> Failure {
    match failure.verdict {
        Verdict::Unauthorized => failure.explained(format_args!(
            "SharePoint at {} does not accept the token of the app registration: it wants one that was signed in with a \
             certificate, a federated token or a managed identity, and not with a client secret",
            site.host()
        )),
        Verdict::Forbidden => failure.explained(format_args!(
            "SharePoint at {} does not let the app registration do this: give it the application permission {LEAST} of \
             the API 'SharePoint' with admin consent. A permission of Microsoft Graph by that name is another one, and \
             does not count here",
            site.host()
        )),
        _ => failure,
    }
}

/// The least application permission for webhooks of lists; it is one of SharePoint, not of Graph.
pub(super) const LEAST: &str = "Sites.Manage.All";
