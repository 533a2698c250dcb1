use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Link, StoreError};
use crate::model::{Name, Subscription, SubscriptionId, Target, Wish};

/// The subscriptions: what is wished and what has become of it.
#[async_trait]
pub trait Registry: Send + Sync {
    /// All of them, by name, those included that are being removed.
    async fn subscriptions(&self) -> Result<Vec<Subscription>, StoreError>;

    /// One of them.
    async fn subscription(&self, name: &Name) -> Result<Option<Subscription>, StoreError>;

    /// Stores a wish, with what is already known of its target. A name that was removed for good
    /// ([`Registry::removed`] was told) may be used again and gets the new internal id.
    async fn register(&self, new: NewSubscription) -> Result<Registered, StoreError>;

    /// Another wish for the same resource: `via`, `lifetime`, `select`, `include_resource_data` and `origin` become those of
    /// the wish, and what follows from it is due, all in one. If that is not [`Rewished::Done`], nothing is changed.
    async fn rewish(
        &self,
        id: SubscriptionId,
        new: NewWish,
        now: DateTime<Utc>,
    ) -> Result<Rewished, StoreError>;

    /// Keeps what the resource was resolved to, if nobody else follows that.
    async fn resolved(&self, id: SubscriptionId, target: &Target) -> Result<Registered, StoreError>;

    /// Follows it another way from here on, if nobody else does. Rounds go the former way until one of them was the last
    /// ([`Former::Last`](super::Former::Last)); then the next one begins at the link of the switch, with the hints of the last.
    async fn switched(&self, id: SubscriptionId, switch: Switch) -> Result<Registered, StoreError>;

    /// Keeps when following begins, on Office 365's clock, and the link to begin with where there is one for
    /// "from now"; without one, the first round is due as soon as the remote subscription is there.
    ///
    /// Only the first time counts: what has begun is not begun again.
    async fn begun(
        &self,
        id: SubscriptionId,
        started_at: DateTime<Utc>,
        link: Option<Link>,
    ) -> Result<(), StoreError>;

    /// Forgets a wish altogether: what could not be created leaves nothing behind.
    async fn forget(&self, id: SubscriptionId) -> Result<(), StoreError>;

    /// Notes that a subscription shall go; nothing of it is fetched from here on. `None`: there is none.
    async fn remove(&self, name: &Name, now: DateTime<Utc>) -> Result<Option<Subscription>, StoreError>;

    /// The removal is done at Office 365: one made through the API is gone, one that the configuration names
    /// stays as `removed`. Its events stay.
    async fn removed(&self, id: SubscriptionId) -> Result<(), StoreError>;

    /// The key under which `client_state`s are made: random, made at the first start.
    async fn client_state_key(&self) -> Result<[u8; crate::seal::KEY_BYTES], StoreError>;
}

/// A wish to be stored.
#[derive(Debug, Clone)]
pub struct NewSubscription {
    /// Its internal id, freshly made.
    pub id: SubscriptionId,
    /// What is wished.
    pub wish: Wish,
    /// What the resource was resolved to, if it was.
    pub target: Option<Target>,
    /// When.
    pub now: DateTime<Utc>,
    /// For how long whoever stores it has claimed it; none: it waits for the renewal loop.
    pub lease: Option<Duration>,
}

/// A wish that takes the place of another for the same resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWish {
    /// What is wished.
    pub wish: Wish,
    /// What Office 365 holds is to be renewed.
    pub renew: bool,
    /// It is to be made anew.
    pub replace: bool,
    /// Everything is to be read anew.
    pub resync: bool,
}

/// Another way of following.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// What the resource is to it.
    pub target: Target,
    /// The link that is "from now" on it, read before; none: everything is read.
    pub link: Option<Link>,
    /// What the former way shows from then on shows all that happened before the link was read.
    pub until: DateTime<Utc>,
}

/// What became of another wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rewished {
    /// It is stored.
    Done,
    /// Somebody is at it.
    Busy,
    /// This subscription follows the same resource that way already.
    FollowedBy(Name),
}

/// What became of a wish or of a resolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// It is stored.
    Done,
    /// The name is taken.
    NameTaken,
    /// This subscription follows the same resource the same way.
    FollowedBy(Name),
}
