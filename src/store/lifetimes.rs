use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::{Kind, Name, SubscriptionId};

/// How long Office 365 lets remote subscriptions live, as its refusals have taught.
#[async_trait]
pub trait Lifetimes: Send + Sync {
    /// What was learned of one subscription, and of all that are like it, within 30 days before `now`: the shorter of the
    /// two; none: nothing. What is older may have been raised since.
    async fn longest_life(
        &self,
        id: SubscriptionId,
        of: LifeOf,
        now: DateTime<Utc>,
    ) -> Result<Option<Duration>, StoreError>;

    /// Keeps what one subscription was taught at `now`, over what was kept of it, and drops what is too old. It is true of
    /// all that are like it only where one that follows another resource was told the same number: resources of
    /// one kind may have limits of their own.
    async fn learn(
        &self,
        id: SubscriptionId,
        of: LifeOf,
        lesson: Lesson,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;
}

/// Which subscriptions are alike: those that usually have the same longest life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeOf {
    /// The tenant.
    pub tenant: Name,
    /// The kind of what is followed.
    pub kind: Kind,
    /// Whether notifications bring content.
    pub content: bool,
}

/// What a refusal teaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lesson {
    /// The life to ask for.
    pub longest: Duration,
    /// Whether it follows from a number that the refusal has told; else it is a guess.
    pub told: bool,
}
