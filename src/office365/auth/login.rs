//! Asking for a token, by whichever proof the app has.

use std::borrow::Cow;
use std::future::Future;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, RequestTokenError, Scope, TokenResponse, TokenUrl,
};
use reqwest::header::{HeaderValue, USER_AGENT};
use url::Url;

use super::assertion::{self, Form};
use super::certificate::SigningCertificate;
use super::delegated::RefreshToken;
use super::identity;
use super::refusal::{self, Refusal};
use crate::clock::Clock;
use crate::config::{ManagedIdentity, Proof, Tenant};
use crate::office365::connection::{Answer, Connection, Limits};
use crate::office365::throttle::{Area, Gates, asked_wait};
use crate::office365::{Failure, Verdict};
use crate::secret::Secret;

pub(super) const LIMITS: Limits = Limits { time: Duration::from_secs(30), bytes: 1024 * 1024 };
/// For an answer that does not say how long the token lives; Microsoft's shortest policy is ten minutes.
const UNKNOWN_LIFETIME: Duration = Duration::from_secs(300);
/// Microsoft's longest is 28 hours.
const LONGEST_LIFETIME: Duration = Duration::from_secs(48 * 3600);
/// Asks that a person's sign-in outlives the token.
pub(super) const OFFLINE: &str = "offline_access";
/// A token of another issuer is some kilobytes.
const LONGEST_ASSERTION: u64 = 64 * 1024;

/// Who signs in where, and for what.
#[derive(Clone)]
pub(in crate::office365) struct Credentials {
    /// The token endpoint.
    pub(in crate::office365) endpoint: Url,
    /// Where codes to type in are to be had.
    pub(in crate::office365) device_endpoint: Url,
    /// The token endpoint as the cloud names it, wherever requests go: for whom assertions are.
    pub(in crate::office365) audience: String,
    pub(in crate::office365) client_id: String,
    pub(in crate::office365) prover: Arc<Prover>,
    pub(in crate::office365) scope: String,
    pub(in crate::office365) user_agent: HeaderValue,
}

/// What an app proves itself with. One for all tokens of a tenant.
pub(in crate::office365) enum Prover {
    Secret(Secret),
    Certificate(SigningCertificate),
    FederatedToken(PathBuf),
    /// With a connection that uses no proxy: what answers is on this machine, or next to it.
    ManagedIdentity(ManagedIdentity, Connection),
    /// Nothing: a person has signed in.
    Delegated(RefreshToken),
}

/// A token as it was given.
pub(super) struct Granted {
    pub(super) text: Secret,
    pub(super) lifetime: Duration,
}

/// A client of the login host.
pub(super) struct Login {
    pub(super) credentials: Credentials,
    pub(super) connection: Connection,
    pub(super) clock: Clock,
    /// The login host's stands among those of the tenant.
    pub(super) gates: Arc<Gates>,
}

type Client = BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;
/// Form fields beside the usual ones.
type Fields = Vec<(&'static str, String)>;

impl Prover {
    /// What the configuration says, ready for use. Nothing is read or sent.
    pub(in crate::office365) fn new(
        tenant: &Tenant,
        connection: &Connection,
    ) -> Result<Self, reqwest::Error> {
        Ok(match &tenant.proof {
            Proof::Secret { secret, .. } => Self::Secret(secret.clone()),
            Proof::Certificate(files) => Self::Certificate(SigningCertificate::new(files.clone())),
            Proof::FederatedToken(file) => Self::FederatedToken(file.clone()),
            Proof::ManagedIdentity(identity) => {
                Self::ManagedIdentity(identity.clone(), connection.without_proxy()?)
            }
            Proof::Delegated => Self::Delegated(RefreshToken::new(tenant.name.clone())),
        })
    }

    /// When what the app proves itself with ends, where that can be seen by itself.
    pub(in crate::office365) fn ends(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Certificate(certificate) => Some(certificate.current().ok()?.ends),
            Self::Secret(_) | Self::FederatedToken(_) | Self::ManagedIdentity(..) | Self::Delegated(_) => {
                None
            }
        }
    }

    /// What keeps a person signed in, where a person signs in.
    pub(in crate::office365) fn person(&self) -> Option<&RefreshToken> {
        match self {
            Self::Delegated(token) => Some(token),
            _ => None,
        }
    }
}

impl Granted {
    pub(super) fn new(text: impl Into<String>, lifetime: Option<Duration>) -> Self {
        let lifetime = lifetime.unwrap_or(UNKNOWN_LIFETIME).min(LONGEST_LIFETIME);
        Self { text: Secret::new(text), lifetime }
    }
}

impl Login {
    /// Signs in now. `claims` is what an API asked for when it refused the last token.
    pub(super) async fn sign_in(&self, claims: Option<&str>) -> Result<Granted, Failure> {
        let claims: Fields = claims.into_iter().map(|claims| ("claims", claims.to_owned())).collect();
        let granted = match &*self.credentials.prover {
            Prover::Secret(secret) => self.ask(Some(secret), claims).await,
            Prover::Certificate(certificate) => self.ask_signed(certificate, claims).await,
            Prover::FederatedToken(file) => {
                let token = federated_token(file)?;
                self.ask(None, with_assertion(token, claims)).await
            }
            Prover::Delegated(token) => return self.refresh(token, claims).await,
            // The platform's service takes no claims; it gives what it has.
            Prover::ManagedIdentity(identity, connection) => {
                let scope = &self.credentials.scope;
                let resource = scope.strip_suffix("/.default").unwrap_or(scope);
                return identity::ask(identity, resource, connection, &self.clock).await;
            }
        };
        granted.map_err(|refusal| refusal.failure)
    }

    /// Signs the way that Microsoft documents, and falls back to the one before where that is not accepted: which
    /// algorithms a login host takes, it does not tell.
    async fn ask_signed(&self, certificate: &SigningCertificate, claims: Fields) -> Result<Granted, Refusal> {
        let pair = certificate.current().map_err(|error| {
            let message = format!("The certificate to sign in with cannot be used: {error}");
            Failure::local(Verdict::Unauthorized, "certificate", message)
        })?;
        let signed = |form| {
            let Credentials { client_id, audience, .. } = &self.credentials;
            let signed = assertion::sign(&pair, form, client_id, audience, self.clock.now());
            signed.map(|assertion| with_assertion(assertion, claims.clone())).map_err(|error| {
                let message = format!("The certificate to sign in with does not sign: {error}");
                Failure::local(Verdict::Unauthorized, "certificate", message)
            })
        };
        let form = certificate.form();
        let refusal = match self.ask(None, signed(form)?).await {
            Err(refusal) if form == Form::Current && refusal.is_invalid_client() => refusal,
            answer => return answer,
        };
        // What is said of the first attempt counts: the second is made only in case the first was too new.
        let granted = self.ask(None, signed(Form::Former)?).await.map_err(|_| refusal)?;
        certificate.keep_to_former();
        Ok(granted)
    }

    /// Uses the refresh token, and keeps the one that comes in its place before anything else.
    async fn refresh(&self, token: &RefreshToken, claims: Fields) -> Result<Granted, Failure> {
        let held = token.held().await?;
        let client = self.client(None);
        let presented = oauth2::RefreshToken::new(held.token.expose().to_owned());
        let mut request = client.exchange_refresh_token(&presented).add_scopes(self.lasting());
        for (name, value) in claims {
            request = request.add_extra_param(Cow::from(name), Cow::from(value));
        }
        match self.granted(request.request_async(self).await) {
            Ok((granted, answer)) => {
                if let Some(new) = answer.refresh_token() {
                    token.replace(held, new.secret(), &self.clock).await;
                }
                Ok(granted)
            }
            Err(refusal) if refusal.is_invalid_grant() => Err(refusal
                .failure
                .explained(format_args!("The user is no longer signed in: {}", token.mend()))),
            Err(refusal) => Err(refusal.failure),
        }
    }

    async fn ask(&self, secret: Option<&Secret>, fields: Fields) -> Result<Granted, Refusal> {
        let client = self.client(secret);
        let mut request =
            client.exchange_client_credentials().add_scope(Scope::new(self.credentials.scope.clone()));
        for (name, value) in fields {
            request = request.add_extra_param(Cow::from(name), Cow::from(value));
        }
        self.granted(request.request_async(self).await).map(|(granted, _)| granted)
    }

    fn client(&self, secret: Option<&Secret>) -> Client {
        let credentials = &self.credentials;
        let client = BasicClient::new(ClientId::new(credentials.client_id.clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(TokenUrl::from_url(credentials.endpoint.clone()));
        match secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
            None => client,
        }
    }

    /// The token in an answer, and the whole answer.
    fn granted<E: oauth2::ErrorResponse>(
        &self,
        answer: Result<BasicTokenResponse, RequestTokenError<Refusal, E>>,
    ) -> Result<(Granted, BasicTokenResponse), Refusal> {
        let answer = answer.map_err(|error| match error {
            RequestTokenError::Request(refusal) => refusal,
            _ => refusal::unreadable(&self.credentials.endpoint).into(),
        })?;
        Ok((Granted::new(answer.access_token().secret(), answer.expires_in()), answer))
    }

    /// Our client as the sign-in library wants it. A refusal is judged here, where its headers are known.
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, Refusal> {
        let answer = self.send(request).await?;
        if !answer.status.is_success() {
            return Err(self.refused(&answer).await);
        }
        self.gates.answered(&Area::SignIn, &answer).await;
        Ok(Self::response(answer))
    }

    /// Judges a refusal. One that may pass closes the gate: for as long as the host asked, else for longer each time.
    async fn refused(&self, answer: &Answer) -> Refusal {
        let asked = asked_wait(answer, self.clock.now());
        let mut refusal = refusal::judge(answer.status, asked, &answer.body);
        if !refusal.failure.is_transient() {
            self.gates.answered(&Area::SignIn, answer).await;
            return refusal;
        }
        let wait = self.gates.refused(&Area::SignIn, asked).await;
        if refusal.failure.retry_after().is_some() {
            refusal.failure.verdict = Verdict::Throttled(wait);
        }
        refusal
    }

    /// Sends what the library made, and reads the answer, whatever it is.
    pub(super) async fn send(&self, request: HttpRequest) -> Result<Answer, Failure> {
        let endpoint = &self.credentials.endpoint;
        let mut request = reqwest::Request::try_from(request).map_err(|_| refusal::unreadable(endpoint))?;
        request.headers_mut().insert(USER_AGENT, self.credentials.user_agent.clone());
        let answer = self.connection.exchange("login", request, LIMITS).await;
        answer.map_err(|failure| failure.explained(refusal::UNREACHABLE))
    }

    /// An answer as the library reads it.
    pub(super) fn response(answer: Answer) -> HttpResponse {
        let mut response = HttpResponse::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        response
    }
}

/// A named future instead of a closure's: only so the compiler sees that it may move between threads.
impl<'c> AsyncHttpClient<'c> for Login {
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Refusal>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.exchange(request))
    }
}

fn with_assertion(assertion: String, mut fields: Fields) -> Fields {
    fields.push(("client_assertion_type", assertion::TYPE.to_owned()));
    fields.push(("client_assertion", assertion));
    fields
}

/// The token that another issuer has written for us. It is short-lived, so nothing of it is kept.
fn federated_token(file: &Path) -> Result<String, Failure> {
    let wrong = |reason: String| {
        let message = format!(
            "The file {} of federated_token_file cannot be used ({reason}): whoever issues the token has to write it \
             there, and this program has to be allowed to read it",
            file.display()
        );
        Failure::local(Verdict::Unauthorized, "federatedToken", message)
    };
    let opened = std::fs::File::open(file).map_err(|error| wrong(error.to_string()))?;
    let mut text = String::new();
    opened.take(LONGEST_ASSERTION).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
    let token = text.trim();
    if token.split('.').count() == 3 {
        return Ok(token.to_owned());
    }
    Err(wrong("it holds no JWT".to_owned()))
}
