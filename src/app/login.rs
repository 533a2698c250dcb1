//! `login`: a person signs in for a tenant, once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::clock::Clock;
use crate::config::{Config, NO_ENCRYPTION_KEY, Proof};
use crate::metrics::Metrics;
use crate::model::Name;
use crate::office365::{DeviceCode, Office365, Vault};
use crate::seal::Sealer;
use crate::store::{self, StoreError};

/// What a person has to do.
#[derive(Debug)]
pub struct SigningIn<'c> {
    /// Where to type in the code.
    pub page: &'c str,
    /// The code.
    pub code: &'c str,
    /// For how long it holds.
    pub lifetime: Duration,
}

/// Has a person sign in: `show` tells what to do, and this returns when it was done and kept.
///
/// # Errors
/// With what stands in the way, and what to do about it.
pub async fn login(
    config: &Config,
    tenant: &Name,
    clock: &Clock,
    show: impl FnOnce(SigningIn<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Some(configured) = config.tenants.iter().find(|one| one.name == *tenant) else {
        let known: Vec<_> = config.tenants.iter().map(|one| one.name.as_str()).collect();
        bail!("there is no tenant '{tenant}' in the configuration: use one of {}", known.join(", "));
    };
    if !matches!(configured.proof, Proof::Delegated) {
        bail!(
            "tenant '{tenant}' signs in by itself: nobody has to sign in for it, unless it says delegated = true"
        );
    }
    let sealer = Sealer::new(&config.store.encryption_keys).context("[store] encryption_key")?;
    let sealer = Arc::new(sealer.context(NO_ENCRYPTION_KEY)?);
    let office365 =
        Office365::new(std::slice::from_ref(configured), clock.clone(), Arc::new(Metrics::default()))?;
    let opened = store::open(&config.store.url, clock.now()).await;
    let store = opened.map_err(|error| match error {
        StoreError::InUse(_) => anyhow::anyhow!(
            "a running listener has the store {}: stop it for as long as it takes to sign in",
            config.store.url
        ),
        error => anyhow::Error::new(error).context(format!("cannot open the store {}", config.store.url)),
    })?;
    office365.keep_sign_ins(&Vault { store: store.clone(), sealer });
    let client = office365.tenant(tenant).context("the tenant has no client")?;
    let signed_in = async {
        let code: DeviceCode = client.device_code().await?;
        show(SigningIn { page: code.page(), code: code.user_code(), lifetime: code.lifetime() })?;
        client.await_person(&code).await?;
        anyhow::Ok(())
    };
    let signed_in = signed_in.await;
    store.close().await;
    signed_in
}
