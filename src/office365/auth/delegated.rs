//! By what a person stays signed in: a refresh token, which each use replaces by another.
//!
//! It is kept sealed in the store, and nowhere else. The new one is stored before anything is done with what came along with
//! it; where two uses meet, or somebody signs in anew meanwhile, the one that is there stays, since Entra lets those that were
//! used live on for a while.

use std::sync::{Arc, OnceLock};

use crate::clock::Clock;
use crate::model::Name;
use crate::office365::{Failure, Verdict};
use crate::seal::{Place, SealError, Sealer};
use crate::secret::Secret;
use crate::store::{SignIns, StoreError};

/// Where refresh tokens are kept.
#[derive(Clone)]
pub struct Vault {
    /// Holds them.
    pub store: Arc<dyn SignIns>,
    /// Seals them.
    pub sealer: Arc<Sealer>,
}

/// The refresh token of one tenant.
pub(in crate::office365) struct RefreshToken {
    tenant: Name,
    vault: OnceLock<Vault>,
}

/// One as it was found.
pub(super) struct Held {
    pub(super) token: Secret,
    sealed: Vec<u8>,
}

/// Why one is not had or kept.
#[derive(Debug, thiserror::Error)]
enum VaultError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("it is no text")]
    NoText,
}

impl RefreshToken {
    pub(in crate::office365) fn new(tenant: Name) -> Self {
        Self { tenant, vault: OnceLock::new() }
    }

    /// Where it is kept from now on; the first one counts.
    pub(in crate::office365) fn keep_in(&self, vault: &Vault) {
        let _ = self.vault.set(vault.clone());
    }

    /// The one that is kept.
    pub(super) async fn held(&self) -> Result<Held, Failure> {
        match self.find().await {
            Ok(Some(held)) => Ok(held),
            Ok(None) => Err(self.absent("Nobody has signed in")),
            Err(VaultError::Store(error)) => {
                let message = format!("The sign-in of tenant '{}' cannot be read: {error}", self.tenant);
                Err(Failure::local(Verdict::Transient, "signIn", message))
            }
            Err(error) => {
                Err(self.absent(&format!("What was kept of the last sign-in cannot be used ({error})")))
            }
        }
    }

    async fn find(&self) -> Result<Option<Held>, VaultError> {
        let Some(vault) = self.vault.get() else { return Ok(None) };
        let Some(sealed) = vault.store.sign_in(&self.tenant).await? else { return Ok(None) };
        let opened = vault.sealer.open(Place::sign_in(self.tenant.as_str()), &sealed)?;
        let token = std::str::from_utf8(&opened).map_err(|_| VaultError::NoText)?;
        Ok(Some(Held { token: Secret::new(token), sealed }))
    }

    /// Keeps the one that came with the use of `held`. That this fails costs nothing at once: the old one lives on for a
    /// while, and the next use brings another.
    pub(super) async fn replace(&self, held: Held, new: &str, clock: &Clock) {
        let replaced = async {
            let Some(vault) = self.vault.get() else { return Ok(false) };
            let sealed = vault.sealer.seal(Place::sign_in(self.tenant.as_str()), new.as_bytes().to_vec())?;
            let store = &vault.store;
            Ok(store.replace_sign_in(&self.tenant, held.sealed, sealed, clock.now()).await?)
        };
        match replaced.await {
            Ok(true) => {}
            Ok(false) => tracing::debug!(tenant = %self.tenant, "Another sign-in was kept meanwhile"),
            Err(error) => {
                let error: VaultError = error;
                tracing::warn!(tenant = %self.tenant, %error, "What keeps the user signed in could not be stored anew");
            }
        }
    }

    /// Keeps the one of somebody who has just signed in.
    pub(super) async fn keep(&self, token: &str, clock: &Clock) -> Result<(), Failure> {
        let kept = async {
            let Some(vault) = self.vault.get() else { return Err(VaultError::Seal(SealError::NotSealed)) };
            let sealed =
                vault.sealer.seal(Place::sign_in(self.tenant.as_str()), token.as_bytes().to_vec())?;
            Ok(vault.store.keep_sign_in(&self.tenant, sealed, clock.now()).await?)
        };
        kept.await.map_err(|error| {
            Failure::local(Verdict::Rejected, "signIn", format!("The sign-in could not be stored: {error}"))
        })
    }

    /// Nobody is signed in; somebody has to.
    pub(super) fn absent(&self, reason: &str) -> Failure {
        let message = format!("{reason}: {}", self.mend());
        Failure::local(Verdict::Unauthorized, "notSignedIn", message)
    }

    /// What to do where nobody is signed in.
    pub(super) fn mend(&self) -> String {
        format!(
            "stop the listener, sign in with `o365-listener login --tenant {}`, and start it again",
            self.tenant
        )
    }
}
