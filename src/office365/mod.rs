//! The only client of Office 365.
//!
//! Every call goes through one door: token, decorated user agent, request id, gate, and the answer judged once into
//! a [`Failure`] that says whether and when to try again. Links are followed only to the configured origins, since
//! they carry our token; redirects are not followed at all.
//!
//! What it guarantees:
//! * while Office 365 has told a tenant or mailbox to wait, no request of it leaves;
//! * one sign-in at a time for each token, and none for a while after one was refused;
//! * every request has a limit in time and every answer one in size, and is counted in `o365_requests_total`.
//!
//! What it does not: it repeats nothing (but once after a 401), and keeps nothing over a restart but that a gate is closed. Waiting and
//! trying again is for whoever knows what for.

mod address;
mod auth;
mod base;
mod connection;
mod error;
mod graph;
mod handshake;
mod refusal;
mod sharepoint;
mod signing_keys;
mod tenant;
mod throttle;
mod trouble;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use auth::{DeviceCode, SignIn, Vault};
pub use error::{Failure, REPEATED_LINK, UNREADABLE_FOLDER, Verdict};
pub use graph::{
    DeltaPage, FolderPage, NewRemote, Recipient, RemoteSubscription, Renew, Resolved, read_content,
};
pub use handshake::{Examined, Handshaker, Patience, Secured, Unshaken};
pub use signing_keys::{Signer, TokenVersion};
pub use tenant::{Audience, Tenant};

use crate::clock::Clock;
use crate::config;
use crate::metrics::Metrics;
use crate::model::{Credential, Name};
use crate::store::{ClosedGates, StoreError};

/// Office 365, as far as the configured tenants reach.
pub struct Office365 {
    tenants: BTreeMap<Name, Tenant>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made; are the system's CA certificates installed?")]
    Client(#[from] reqwest::Error),
    /// A value of a tenant cannot be used.
    #[error("tenant '{tenant}': {key} cannot be used in HTTP requests")]
    Tenant {
        /// The tenant.
        tenant: Name,
        /// The key in its configuration.
        key: &'static str,
    },
}

impl Office365 {
    /// Makes the one HTTP client, and a [`Tenant`] for each that is configured. Nothing is sent.
    pub fn new(tenants: &[config::Tenant], clock: Clock, metrics: Arc<Metrics>) -> Result<Self, SetupError> {
        let connection = connection::Connection::new(clock, metrics)?;
        let tenants = tenants.iter().map(|tenant| {
            let client = Tenant::new(tenant, connection.clone())?;
            Ok((tenant.name.clone(), client))
        });
        Ok(Self { tenants: tenants.collect::<Result<_, SetupError>>()? })
    }

    /// Takes up what earlier runs have stored of gates that are closed, and stores it from now on.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn remember(&self, store: Arc<dyn ClosedGates>) -> Result<(), StoreError> {
        let stored = store.gates().await?;
        for tenant in self.tenants.values() {
            tenant.remember(&stored, Arc::clone(&store));
        }
        Ok(())
    }

    /// Where sign-ins of people are kept. Without it nobody is signed in.
    pub fn keep_sign_ins(&self, vault: &Vault) {
        for tenant in self.tenants.values() {
            tenant.keep_sign_in(vault);
        }
    }

    /// A tenant by its name in the configuration.
    pub fn tenant(&self, name: &Name) -> Option<&Tenant> {
        self.tenants.get(name)
    }

    /// All of them.
    pub fn tenants(&self) -> impl Iterator<Item = (&Name, &Tenant)> {
        self.tenants.iter()
    }

    /// What the tenants sign in with, as far as it is known when that ends.
    pub fn credentials(&self) -> Vec<Credential> {
        self.tenants.values().filter_map(Tenant::credential).collect()
    }

    /// The tenants and the apps that they are reached with: whom a token about them is for. One whose login host does
    /// not say which it is, is left out, and costs the others nothing.
    pub async fn audiences(&self) -> Vec<Audience> {
        let all = self.tenants.values().map(Tenant::audience);
        futures_util::future::join_all(all).await.into_iter().flatten().collect()
    }
}
