use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::{Name, Remote, RemoteId, Subscription, SubscriptionId, Trouble, Via};

/// What Office 365 holds for a subscription, as it was last told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Whose.
    pub id: SubscriptionId,
    /// The remote subscription.
    pub remote: RemoteId,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was made or renewed.
    pub confirmed_at: DateTime<Utc>,
}

/// What a list of Office 365 shows of a remote subscription.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// Whose.
    pub id: SubscriptionId,
    /// The remote subscription that was looked for.
    pub remote: RemoteId,
    /// What was found.
    pub found: Sight,
}

/// How a remote subscription looks in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// As it should be, but for its end perhaps.
    Held(DateTime<Utc>),
    /// It notifies another address.
    Elsewhere,
    /// It is not there.
    Missing,
}

/// What is due at Office 365 comes in two lanes, so that renewals never wait behind what takes long: creating
/// one takes two handshakes with our own endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// What is held and wished: it is to be renewed, unless it was handed over.
    Renewals,
    /// What is to be created or removed, and what was handed over.
    Others,
}

/// What the renewal loop needs: subscriptions whose remote side wants something done.
#[async_trait]
pub trait Renewals: Send + Sync {
    /// Claims up to `limit` subscriptions of one tenant and lane that are due (not yet created, lost, to be renewed, to be
    /// removed) and whose next attempt's time has come: of the tenant with the longest due one, those aside that are
    /// `busy`. A claim is void after `lease`, or when one of the methods below has recorded its end.
    async fn claim_due(
        &self,
        lane: Lane,
        busy: &[Name],
        now: DateTime<Utc>,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<Subscription>, StoreError>;

    /// Claims one subscription whether it is due or not. `None`: there is none, or somebody is at it.
    async fn claim_one(
        &self,
        id: SubscriptionId,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Option<Subscription>, StoreError>;

    /// Gives claims back whose step was not begun: what was due stays due.
    async fn put_back(&self, ids: &[SubscriptionId]) -> Result<(), StoreError>;

    /// Gives claims back of what is held, but due for another thing than a renewal: it is due as before, in the other lane,
    /// until a step for it has ended.
    async fn hand_over(&self, ids: &[SubscriptionId]) -> Result<(), StoreError>;

    /// Office 365 holds `remote`: created or renewed at `now`. Clears the error and ends the claim. A
    /// remote subscription with another id than before makes a fetch due, from the kept link: what happened in
    /// between was not notified.
    async fn confirmed(
        &self,
        id: SubscriptionId,
        remote: &Remote,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Office 365 has prolonged `remote` at `now`. As [`confirmed`](Self::confirmed), unless a lifecycle event has
    /// told meanwhile that it is gone: then only the claim ends. It makes a fetch due as well: until it was
    /// renewed, Office 365 may have been silent.
    async fn renewed(
        &self,
        id: SubscriptionId,
        remote: &Remote,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Office 365 holds `remote` still, and was not asked to prolong it: clears the error and ends the claim. If a
    /// lifecycle event has asked for a renewal meanwhile, that is due at once; if one has told that it is gone, only
    /// the claim ends.
    async fn verified(&self, id: SubscriptionId, remote: &Remote) -> Result<(), StoreError>;

    /// What a tenant's subscriptions hold at Office 365 this way, those left out that are being removed: up to `limit`, in
    /// order of their ids and beyond `after`.
    async fn holdings(
        &self,
        tenant: &Name,
        via: Via,
        after: Option<SubscriptionId>,
        limit: usize,
    ) -> Result<Vec<Holding>, StoreError>;

    /// What a list of Office 365 shows of remote subscriptions, where it is not what is stored: another end is kept, and
    /// renewing due where that has come nearer than its renewal; what is missing is due to be verified, and what notifies
    /// another address to be made anew. One whose remote
    /// subscription is another by now is left alone.
    async fn sighted(&self, sightings: Vec<Sighting>, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Office 365 no longer holds it; creating it is due at once. Keeps the claim.
    async fn lost(&self, id: SubscriptionId) -> Result<(), StoreError>;

    /// It did not work. Keeps the error, ends the claim; tried again at `trouble.next_attempt_at`.
    async fn failed(&self, id: SubscriptionId, trouble: &Trouble) -> Result<(), StoreError>;

    /// How many attempts in a row have failed.
    async fn attempts(&self, id: SubscriptionId) -> Result<u32, StoreError>;

    /// Whether this subscription holds `remote`, or held it last.
    async fn has_held(&self, id: SubscriptionId, remote: &RemoteId) -> Result<bool, StoreError>;

    /// The subscription that holds `remote` and is not being removed.
    async fn holder(&self, remote: &RemoteId) -> Result<Option<Name>, StoreError>;

    /// Whether it was deleted to be made anew within a day before `now`, because renewing it was forbidden.
    async fn remade_lately(&self, id: SubscriptionId, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Notes that this was tried at `now`.
    async fn remade(&self, id: SubscriptionId, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// When the next one of a lane is due, the `busy` tenants' aside. One that is claimed counts from the end of its lease,
    /// so that work whose task died is taken up again.
    async fn next_due(&self, lane: Lane, busy: &[Name]) -> Result<Option<DateTime<Utc>>, StoreError>;
}
