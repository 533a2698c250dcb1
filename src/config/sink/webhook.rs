use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::SigningSecret;
use super::internal::names_internal;
use crate::config::Tls;
use crate::secret::Secret;

/// A web address that events are posted to.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Where.
    pub url: WebhookUrl,
    /// What requests are signed with, all of them; none: they are not signed.
    pub secrets: Vec<SigningSecret>,
    /// How events are written. Default structured.
    pub mode: Mode,
    /// Headers beside our own.
    pub headers: Vec<(String, Secret)>,
    /// How long a request may take, from the connection to the answer. Default 15 s.
    pub timeout: Duration,
    /// Whether it may be inside: at a private, loopback or link-local address.
    pub allow_private: bool,
    /// What we show of ourselves in TLS.
    pub client_certificate: Option<Tls>,
}

/// How events are written into requests, in the terms of `CloudEvents`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One event in a request, as a JSON document.
    Structured,
    /// Up to so many in a request, as a JSON list.
    Batched(usize),
    /// One event in a request: its attributes as headers, its data as the body.
    Binary,
}

/// As the file says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum WrittenMode {
    #[default]
    Structured,
    Batched,
    Binary,
}

/// The address of a webhook. It may hold a credential, so all that it prints is where it leads.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

impl WebhookUrl {
    /// The address itself: for requests, never for logs.
    pub fn expose(&self) -> &Url {
        &self.0
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Reads it; an error does not repeat it.
    ///
    /// # Errors
    /// When it is no web address, names a user or a password, or is internal and `allow_private` is not set.
    pub fn read(text: &Secret, allow_private: bool) -> Result<Self, String> {
        const FORM: &str = "write https://HOST/PATH";
        let url =
            Url::parse(text.expose()).map_err(|error| format!("this is no web address ({error}): {FORM}"))?;
        if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
            return Err(format!("this is no web address: {FORM}"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "a user or password in the address cannot be used: put them into headers, as Authorization"
                    .to_owned(),
            );
        }
        if !allow_private && names_internal(&url) {
            return Err("this is an internal address: set allow_private = true if that is meant".to_owned());
        }
        Ok(Self(url))
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.origin())
    }
}
