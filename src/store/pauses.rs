use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::{Name, Subscription};

/// Subscriptions that are acknowledged and renewed as ever, but not fetched for a while.
#[async_trait]
pub trait Pauses: Send + Sync {
    /// No round is claimed from now on, and one that is under way commits nothing more. None where nothing is followed under
    /// that name.
    async fn pause(&self, name: &Name, now: DateTime<Utc>) -> Result<Option<Subscription>, StoreError>;

    /// Rounds are claimed again, and one is due at once, from the link that was kept. None where nothing is followed
    /// under that name.
    async fn resume(&self, name: &Name, now: DateTime<Utc>) -> Result<Option<Subscription>, StoreError>;
}
