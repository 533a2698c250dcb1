//! Microsoft Graph. Every call leaves through one door, [`Graph::send`], which adds token, decorated user agent and
//! request id, respects the gates, and judges the answer.

mod batch;
mod delta;
mod folders;
mod items;
mod lifetime;
mod odd;
mod plain;
mod resolve;
mod resources;
mod subscriptions;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Method, Request, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;
use uuid::Uuid;

pub use delta::DeltaPage;
pub use folders::FolderPage;
pub use items::read_content;
pub use resolve::Resolved;
pub use subscriptions::{NewRemote, Recipient, RemoteSubscription, Renew};

use super::auth::Tokens;
use super::base::Base;
use super::connection::{Answer, Connection, Limits, bearer};
use super::throttle::{Area, Gates, Place, Spacing, asked_wait, is_throttled};
use super::{Failure, Verdict, refusal};
use crate::clock::Clock;
use crate::secret::Secret;

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// One object. Microsoft's gateway gives up before this.
const ORDINARY: Limits = Limits { time: Duration::from_secs(60), bytes: 4 * 1024 * 1024 };
/// A page of items, which may be long in the making and hold hundreds of them with all their columns.
const PAGE: Limits = Limits { time: Duration::from_secs(120), bytes: 64 * 1024 * 1024 };
/// Creating or changing a subscription: the handshake with both our addresses, ten seconds and more each, happens
/// inside.
const HANDSHAKE: Limits = Limits { time: Duration::from_secs(90), bytes: 1024 * 1024 };

/// Graph as one tenant sees it.
pub(super) struct Graph {
    pub(super) connection: Connection,
    pub(super) clock: Clock,
    pub(super) tokens: Tokens,
    pub(super) gates: Arc<Gates>,
    /// Lists of subscriptions.
    pub(super) lists: Spacing,
    pub(super) base: Base,
    pub(super) user_agent: HeaderValue,
}

/// A request before it has token and id.
struct Call {
    /// What it is for, in the log.
    operation: &'static str,
    method: Method,
    url: Url,
    area: Area,
    prefer: Option<&'static str>,
    /// Leaves out the parents of what changed, which come along unchanged otherwise and look like news.
    without_parents: bool,
    json: Option<Vec<u8>>,
    limits: Limits,
}

/// An answer that is no refusal, and the time on Office 365's clock.
struct Accepted {
    body: Vec<u8>,
    at: DateTime<Utc>,
}

/// What was answered to a call, before it is judged.
struct Asked {
    answer: Answer,
    token: Secret,
    /// Our id of the request.
    id: String,
    /// Held until the answer was judged: whoever gets it next shall know of a refusal.
    _place: Place,
}

/// Anything that has an id; the rest of it is not needed.
#[derive(Deserialize)]
struct Identified {
    id: String,
}

impl Call {
    fn get(operation: &'static str, url: Url, area: Area) -> Self {
        Self {
            operation,
            method: Method::GET,
            url,
            area,
            prefer: None,
            without_parents: false,
            json: None,
            limits: ORDINARY,
        }
    }

    fn request(&self, token: &Secret, user_agent: &HeaderValue, id: &str) -> Result<Request, Failure> {
        let mut request = Request::new(self.method.clone(), self.url.clone());
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, bearer(token)?);
        headers.insert(USER_AGENT, user_agent.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert(CLIENT_REQUEST_ID, id);
        }
        if let Some(prefer) = self.prefer {
            headers.insert(PREFER, HeaderValue::from_static(prefer));
        }
        if self.without_parents {
            headers.insert("deltaexcludeparent", HeaderValue::from_static("true"));
        }
        if let Some(json) = &self.json {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(json.clone().into());
        }
        Ok(request)
    }
}

impl Graph {
    /// Sends a call.
    async fn send(&self, call: &Call) -> Result<Accepted, Failure> {
        let asked = self.ask(call).await?;
        if !asked.answer.status.is_success() {
            return Err(self.refused(call, &asked).await);
        }
        self.gates.answered(&call.area, &asked.answer).await;
        let at = asked.answer.date().unwrap_or_else(|| self.clock.now());
        Ok(Accepted { body: asked.answer.body, at })
    }

    /// Sends a call and leaves the answer to be judged. A token that is not accepted is replaced once.
    async fn ask(&self, call: &Call) -> Result<Asked, Failure> {
        self.gates.open(&call.area)?;
        let mut token = self.tokens.current().await?;
        let place = self.gates.enter(&call.area).await?;
        let id = Uuid::new_v4().to_string();
        let mut answer = self.attempt(call, &token, &id).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            token = self.tokens.instead_of(&token, &answer.headers).await?;
            answer = self.attempt(call, &token, &id).await?;
        }
        Ok(Asked { answer, token, id, _place: place })
    }

    /// What a refusal means.
    async fn refused(&self, call: &Call, asked: &Asked) -> Failure {
        let failure = self.judge(call, &asked.answer).await;
        tracing::debug!(
            operation = call.operation,
            status = asked.answer.status.as_u16(),
            code = failure.code,
            request_id = asked.answer.header("request-id"),
            client_request_id = asked.id,
            "Graph refused a request"
        );
        failure
    }

    /// Asks for an object and reads it.
    async fn read<T: DeserializeOwned>(&self, call: &Call) -> Result<(T, DateTime<Utc>), Failure> {
        let accepted = self.send(call).await?;
        Ok((accepted.json(call.operation)?, accepted.at))
    }

    /// The gate is asked again before each attempt, since signing in takes its time.
    async fn attempt(&self, call: &Call, token: &Secret, id: &str) -> Result<Answer, Failure> {
        self.gates.open(&call.area)?;
        let request = call.request(token, &self.user_agent, id)?;
        self.connection.exchange("graph", request, call.limits).await
    }

    async fn judge(&self, call: &Call, answer: &Answer) -> Failure {
        let asked = asked_wait(answer, self.clock.now());
        if is_throttled(answer.status, asked) {
            let wait = self.gates.refused(&call.area, asked).await;
            return refusal::judge(answer.status, Some(wait), None, &answer.body);
        }
        self.gates.answered(&call.area, answer).await;
        // A restart link that leads elsewhere is as good as none: the round then begins at the initial address.
        let restart = answer.header("location").filter(|link| self.base.owns(link)).map(str::to_owned);
        refusal::judge(answer.status, None, restart, &answer.body)
    }
}

impl Accepted {
    fn json<T: DeserializeOwned>(&self, operation: &str) -> Result<T, Failure> {
        read_json(&self.body, operation)
    }
}

fn read_json<T: DeserializeOwned>(body: &[u8], operation: &str) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("Graph's answer ({operation}) cannot be read: {error}");
        Failure::local(Verdict::Transient, "unreadable", message)
    })
}
