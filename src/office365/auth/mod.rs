//! Sign-in: one token for one API of one tenant, fetched by one flight, renewed before it ends.
//!
//! Tokens are opaque. A refused sign-in is not repeated at once: whoever asks within the next moments gets the
//! same answer from here, so that a wrong secret does not become a storm on the login host. One that asks to wait, or is out
//! of order, closes a gate of its own: for whatever a token of the tenant is for, and over a restart.

mod refusal;
mod roles;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use oauth2::basic::BasicClient;
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, RequestTokenError, Scope,
    TokenResponse, TokenUrl,
};
use reqwest::header::{HeaderValue, USER_AGENT};
use tokio::sync::Mutex;
use url::Url;

use super::connection::{Answer, Connection, Limits};
use super::throttle::{Area, Gates, asked_wait};
use super::{Failure, Verdict};
use crate::clock::Clock;
use crate::secret::Secret;

const LIMITS: Limits = Limits { time: Duration::from_secs(30), bytes: 1024 * 1024 };
/// A token is renewed this long before it ends, and short ones after half of their life.
const RENEW_BEFORE: Duration = Duration::from_secs(300);
/// For an answer that does not say how long the token lives; Microsoft's shortest policy is ten minutes.
const UNKNOWN_LIFETIME: Duration = Duration::from_secs(300);
/// Microsoft's longest is 28 hours.
const LONGEST_LIFETIME: Duration = Duration::from_secs(48 * 3600);
/// How long a refusal that only a person can mend is repeated from here.
const HOLD_REFUSAL: Duration = Duration::from_secs(30);
/// How long a failure in passing is repeated from here: those who waited for the same flight share its fate.
const HOLD_OUTAGE: Duration = Duration::from_secs(1);

/// What a sign-in gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The application permissions that the token says were granted. Read without verification: for diagnosis only.
    pub roles: Vec<String>,
    /// When the token ends.
    pub expires_at: DateTime<Utc>,
}

/// Who signs in where, and for what.
pub(super) struct Credentials {
    pub(super) endpoint: Url,
    pub(super) client_id: String,
    pub(super) client_secret: Secret,
    pub(super) scope: String,
    pub(super) user_agent: HeaderValue,
}

/// The token of one API.
pub(super) struct Tokens {
    credentials: Credentials,
    connection: Connection,
    clock: Clock,
    gates: Arc<Gates>,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    token: Option<Token>,
    refusal: Option<(Failure, DateTime<Utc>)>,
}

struct Token {
    text: Secret,
    renew_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl Tokens {
    pub(super) fn new(
        credentials: Credentials,
        connection: Connection,
        clock: Clock,
        gates: Arc<Gates>,
    ) -> Self {
        Self { credentials, connection, clock, gates, slot: Mutex::default() }
    }

    /// A token that holds for some minutes. Only one caller signs in, the others wait for him.
    pub(super) async fn current(&self) -> Result<Secret, Failure> {
        let mut slot = self.slot.lock().await;
        self.from(&mut slot).await
    }

    /// Another token than the one that was refused; who was refused at the same time gets the same new one.
    pub(super) async fn instead_of(&self, refused: &Secret) -> Result<Secret, Failure> {
        let mut slot = self.slot.lock().await;
        slot.token.take_if(|token| token.text.expose() == refused.expose());
        self.from(&mut slot).await
    }

    /// Signs in now, whatever is known from before, unless the login host has asked to wait.
    pub(super) async fn fresh(&self) -> Result<SignIn, Failure> {
        let mut slot = self.slot.lock().await;
        let token = self.sign_in(&mut slot).await?;
        Ok(SignIn { roles: roles::of(token.text.expose()), expires_at: token.expires_at })
    }

    async fn from(&self, slot: &mut Slot) -> Result<Secret, Failure> {
        let now = self.clock.now();
        if let Some(token) = slot.token.as_ref().filter(|token| now < token.renew_at) {
            return Ok(token.text.clone());
        }
        if let Some(failure) = slot.refused_at(now) {
            return slot.still_valid(now).ok_or(failure);
        }
        match self.sign_in(slot).await {
            Ok(token) => Ok(token.text.clone()),
            Err(failure) => {
                let left = slot.still_valid(now).ok_or_else(|| failure.clone())?;
                tracing::warn!(
                    code = failure.code,
                    "Signing in again failed; the last token is used until it ends"
                );
                Ok(left)
            }
        }
    }

    async fn sign_in<'a>(&self, slot: &'a mut Slot) -> Result<&'a Token, Failure> {
        if let Some(left) = self.gates.sign_in_waits() {
            return Err(refusal::waiting(left));
        }
        let before = self.clock.now();
        match self.request(before).await {
            Ok(token) => {
                slot.refusal = None;
                Ok(slot.token.insert(token))
            }
            Err(failure) => {
                let hold = match failure.verdict {
                    Verdict::Throttled(wait) => wait,
                    Verdict::Transient => self.gates.sign_in_waits().unwrap_or(HOLD_OUTAGE),
                    _ => HOLD_REFUSAL,
                };
                slot.refusal = Some((failure.clone(), self.clock.now() + hold));
                Err(failure)
            }
        }
    }

    async fn request(&self, now: DateTime<Utc>) -> Result<Token, Failure> {
        let credentials = &self.credentials;
        let client = BasicClient::new(ClientId::new(credentials.client_id.clone()))
            .set_client_secret(ClientSecret::new(credentials.client_secret.expose().to_owned()))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(TokenUrl::from_url(credentials.endpoint.clone()));
        let request = client.exchange_client_credentials().add_scope(Scope::new(credentials.scope.clone()));
        let answer = request.request_async(self).await.map_err(|error| match error {
            RequestTokenError::Request(failure) => failure,
            _ => refusal::unreadable(&credentials.endpoint),
        })?;
        let lifetime = answer.expires_in().unwrap_or(UNKNOWN_LIFETIME).min(LONGEST_LIFETIME);
        Ok(Token {
            text: Secret::new(answer.access_token().secret()),
            renew_at: now + lifetime.saturating_sub(RENEW_BEFORE.min(lifetime / 2)),
            expires_at: now + lifetime,
        })
    }

    /// Our client as the sign-in library wants it. A refusal is judged here, where its headers are known.
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, Failure> {
        let endpoint = &self.credentials.endpoint;
        let mut request = reqwest::Request::try_from(request).map_err(|_| refusal::unreadable(endpoint))?;
        request.headers_mut().insert(USER_AGENT, self.credentials.user_agent.clone());
        let answer = self.connection.exchange("login", request, LIMITS).await;
        let answer = answer.map_err(|failure| failure.explained(refusal::UNREACHABLE))?;
        if !answer.status.is_success() {
            return Err(self.refused(&answer).await);
        }
        self.gates.answered(&Area::SignIn, &answer).await;
        let mut response = HttpResponse::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}

impl Tokens {
    /// Judges a refusal. One that may pass closes the gate: for as long as the host asked, else for longer each time.
    async fn refused(&self, answer: &Answer) -> Failure {
        let asked = asked_wait(answer, self.clock.now());
        let failure = refusal::judge(answer.status, asked, &answer.body);
        if !failure.is_transient() {
            self.gates.answered(&Area::SignIn, answer).await;
            return failure;
        }
        let wait = self.gates.refused(&Area::SignIn, asked).await;
        let verdict = failure.retry_after().map_or(Verdict::Transient, |_| Verdict::Throttled(wait));
        Failure { verdict, ..failure }
    }
}

/// A named future instead of a closure's: only so the compiler sees that it may move between threads.
impl<'c> AsyncHttpClient<'c> for Tokens {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Failure>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.exchange(request))
    }
}

impl Slot {
    /// The last refusal, while it is repeated from here.
    fn refused_at(&self, now: DateTime<Utc>) -> Option<Failure> {
        let (failure, until) = self.refusal.as_ref()?;
        let left = (*until - now).to_std().ok().filter(|left| !left.is_zero())?;
        let verdict = match failure.verdict {
            Verdict::Throttled(_) => Verdict::Throttled(left),
            ref verdict => verdict.clone(),
        };
        Some(Failure { verdict, ..failure.clone() })
    }

    /// A token that should be renewed but holds: better than none while the login host is out.
    fn still_valid(&self, now: DateTime<Utc>) -> Option<Secret> {
        self.token.as_ref().filter(|token| now < token.expires_at).map(|token| token.text.clone())
    }
}
