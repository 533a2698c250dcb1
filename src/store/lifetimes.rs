use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::{Kind, Name};

/// How long Office 365 lets remote subscriptions live, as its refusals have taught.
#[async_trait]
pub trait Lifetimes: Send + Sync {
    /// What was learned within 30 days before `now`; none: nothing. What is older may have been raised since.
    async fn longest_life(&self, of: LifeOf, now: DateTime<Utc>) -> Result<Option<Duration>, StoreError>;

    /// Keeps what was learned at `now`, over what was kept of it, and drops what is too old.
    async fn learn(&self, of: LifeOf, longest: Duration, now: DateTime<Utc>) -> Result<(), StoreError>;
}

/// What has a longest life of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeOf {
    /// The tenant.
    pub tenant: Name,
    /// The kind of what is followed.
    pub kind: Kind,
    /// Whether notifications bring content.
    pub content: bool,
}
