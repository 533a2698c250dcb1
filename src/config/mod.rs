//! The configuration: one file per section, each with its defaults and its own validation.
//!
//! Every error names the file, the key and its line, and says what to write instead. A scalar at the top level or in a
//! `[section]` can be overridden by the environment variable `O365_LISTENER__SECTION__KEY`.

mod admin;
mod cloud;
mod connector;
mod document;
mod encryption;
mod environment;
mod error;
mod fetch;
mod listen;
mod load;
mod network;
mod path;
mod renewal;
mod secret_source;
mod shape;
mod sink;
mod store;
mod subscription;
mod tenant;
mod tls;
mod values;
mod wording;

use url::Url;

pub use admin::{Admin, ApiKey, Role};
pub use cloud::{Cloud, Sites, host as site_host};
pub use connector::{AllowedHost, Connector};
pub use encryption::{Encryption, NO_ENCRYPTION_KEY};
pub use error::{ConfigError, Place};
pub use fetch::Fetch;
pub use listen::{AllowMode, Listen};
pub use load::load;
pub use network::Network;
pub use renewal::Renewal;
pub use sink::{
    CardSink, FileSink, Filter, Glob, Globs, Mode, Rotation, Said, SigningSecret, Sink, SinkKind, SinkStart,
    Webhook, WebhookUrl, is_internal,
};
pub use store::Store;
pub use subscription::{SHAREPOINT_WANTS_MORE, Subscription};
pub use tenant::{CertificateFiles, IdentityService, ManagedIdentity, Proof, Tenant};
pub use tls::Tls;
pub(crate) use values::is_loopback;

/// Everything the configuration file says, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// What Office 365 calls; https unless loopback. Normalised, its path without a slash at the end (a bare host
    /// keeps its own).
    pub public_url: Url,
    /// `[listen]`
    pub listen: Listen,
    /// `[admin]`
    pub admin: Admin,
    /// `[store]`
    pub store: Store,
    /// `[[tenant]]`
    pub tenants: Vec<Tenant>,
    /// `[[subscription]]`
    pub subscriptions: Vec<Subscription>,
    /// `[encryption]`; none: a certificate is made when one is needed.
    pub encryption: Option<Encryption>,
    /// `[fetch]`
    pub fetch: Fetch,
    /// `[renewal]`
    pub renewal: Renewal,
    /// `[[sink]]`
    pub sinks: Vec<Sink>,
    /// `[connector]`; none: there is no Connect button.
    pub connector: Option<Connector>,
}
