//! The configuration: one file per section, each with its defaults and its own validation.

mod admin;
mod fetch;
mod listen;
mod renewal;
mod store;
mod subscription;
mod tenant;

use url::Url;

pub use admin::{Admin, ApiKey, Role};
pub use fetch::Fetch;
pub use listen::Listen;
pub use renewal::Renewal;
pub use store::Store;
pub use subscription::Subscription;
pub use tenant::{Cloud, Tenant};

/// Everything the configuration file says, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// What Office 365 calls; https unless loopback. Without a slash at the end.
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
    /// `[fetch]`
    pub fetch: Fetch,
    /// `[renewal]`
    pub renewal: Renewal,
}
