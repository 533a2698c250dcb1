use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::Name;

/// By what the users of delegated tenants stay signed in: a refresh token for each tenant, sealed.
#[async_trait]
pub trait SignIns: Send + Sync {
    /// The sealed token of a tenant; none where nobody has signed in.
    async fn sign_in(&self, tenant: &Name) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keeps the token of somebody who has just signed in, whatever was there.
    async fn keep_sign_in(
        &self,
        tenant: &Name,
        sealed: Vec<u8>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Puts a token in the place of the one it was given for. Answers false, and changes nothing, where another is there:
    /// somebody has signed in anew meanwhile, or another use was faster.
    async fn replace_sign_in(
        &self,
        tenant: &Name,
        used: Vec<u8>,
        sealed: Vec<u8>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;
}
