//! Sign-in: one token for one API of one tenant, fetched by one flight, renewed before it ends.
//!
//! Tokens are opaque. A refused sign-in is not repeated at once: whoever asks within the next moments gets the
//! same answer from here, so that a wrong secret does not become a storm on the login host. One that asks to wait, or is out
//! of order, closes a gate of its own: for whatever a token of the tenant is for, and over a restart.

mod assertion;
mod certificate;
mod challenge;
mod delegated;
mod device;
mod identity;
mod login;
mod refusal;
mod roles;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use tokio::sync::Mutex;

pub use delegated::Vault;
pub use device::DeviceCode;
pub(super) use login::{Credentials, Prover};
use login::{Granted, Login};
use roles::Told;

use super::connection::Connection;
use super::throttle::Gates;
use super::{Failure, Verdict};
use crate::clock::Clock;
use crate::secret::Secret;

/// A token is renewed this long before it ends, and short ones after half of their life.
const RENEW_BEFORE: Duration = Duration::from_secs(300);
/// How long a refusal that only a person can mend is repeated from here.
const HOLD_REFUSAL: Duration = Duration::from_secs(30);
/// How long a failure in passing is repeated from here: those who waited for the same flight share its fate.
const HOLD_OUTAGE: Duration = Duration::from_secs(1);

/// What a sign-in gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The application permissions that the token says were granted. Read without verification: for diagnosis only.
    pub roles: Vec<String>,
    /// Whom the token says it is for, read likewise; none: it does not say.
    pub audience: Option<String>,
    /// When the token ends.
    pub expires_at: DateTime<Utc>,
}

/// The token of one API.
pub(super) struct Tokens {
    login: Login,
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
        Self { login: Login { credentials, connection, clock, gates }, slot: Mutex::default() }
    }

    /// A token that holds for some minutes. Only one caller signs in, the others wait for him.
    pub(super) async fn current(&self) -> Result<Secret, Failure> {
        let mut slot = self.slot.lock().await;
        self.from(&mut slot, None).await
    }

    /// Another token than the one that was refused by an answer with these headers; who was refused at the same time
    /// gets the same new one. What the answer asks for is asked for.
    pub(super) async fn instead_of(&self, refused: &Secret, headers: &HeaderMap) -> Result<Secret, Failure> {
        let mut slot = self.slot.lock().await;
        slot.token.take_if(|token| token.text.expose() == refused.expose());
        self.from(&mut slot, challenge::claims(headers).as_deref()).await
    }

    /// Signs in now, whatever is known from before, unless the login host has asked to wait.
    pub(super) async fn fresh(&self) -> Result<SignIn, Failure> {
        let mut slot = self.slot.lock().await;
        let token = self.sign_in(&mut slot, None).await?;
        let Told { roles, audience } = roles::of(token.text.expose());
        Ok(SignIn { roles, audience, expires_at: token.expires_at })
    }

    /// Asks for a code with which a person signs in elsewhere.
    pub(super) async fn device_code(&self) -> Result<DeviceCode, Failure> {
        self.login.device_code().await
    }

    /// Waits until a person has, for as long as the code lives.
    pub(super) async fn await_person(&self, code: &DeviceCode) -> Result<(), Failure> {
        match self.login.credentials.prover.person() {
            Some(refresh) => self.login.await_person(code, refresh).await,
            None => Err(Failure::local(Verdict::Rejected, "notDelegated", "The tenant is not delegated")),
        }
    }

    async fn from(&self, slot: &mut Slot, claims: Option<&str>) -> Result<Secret, Failure> {
        let now = self.login.clock.now();
        if let Some(token) = slot.token.as_ref().filter(|token| now < token.renew_at) {
            return Ok(token.text.clone());
        }
        if let Some(failure) = slot.refused_at(now) {
            return slot.still_valid(now).ok_or(failure);
        }
        match self.sign_in(slot, claims).await {
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

    async fn sign_in<'a>(&self, slot: &'a mut Slot, claims: Option<&str>) -> Result<&'a Token, Failure> {
        if let Some(left) = self.login.gates.sign_in_waits() {
            return Err(refusal::waiting(left));
        }
        let before = self.login.clock.now();
        // In a box: rare as it is, it should not make every request larger.
        match Box::pin(self.login.sign_in(claims)).await {
            Ok(granted) => {
                slot.refusal = None;
                Ok(slot.token.insert(Token::new(granted, before)))
            }
            Err(failure) => {
                let hold = match failure.verdict {
                    Verdict::Throttled(wait) => wait,
                    Verdict::Transient => self.login.gates.sign_in_waits().unwrap_or(HOLD_OUTAGE),
                    _ => HOLD_REFUSAL,
                };
                slot.refusal = Some((failure.clone(), self.login.clock.now() + hold));
                Err(failure)
            }
        }
    }
}

impl Token {
    /// As it was given when it was asked for at `asked`.
    fn new(granted: Granted, asked: DateTime<Utc>) -> Self {
        let Granted { text, lifetime } = granted;
        let renew_at = asked + lifetime.saturating_sub(RENEW_BEFORE.min(lifetime / 2));
        Self { text, renew_at, expires_at: asked + lifetime }
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
