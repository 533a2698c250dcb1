use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Resync, StoreError};
use crate::model::{
    Body, FirstRound, ItemId, Name, NewEvent, OddItem, Properties, Rhythm, Subscription, SubscriptionId,
    Trouble,
};

/// What a fetch needs: a subscription to itself, what is known of its items, and one step that writes a page.
#[async_trait]
pub trait Rounds: Send + Sync {
    /// Claims one subscription that wants a round and whose next attempt's time has come: hints wait, a round
    /// is unfinished, its first round or another look is due (sweeps are claimed apart). Void after `lease` unless it is renewed by a
    /// commit. Not claimed: what has no remote subscription yet and never had one, what is removed, and what is of a tenant
    /// among `full`.
    async fn claim_round(
        &self,
        full: &[Name],
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Option<Claim>, StoreError>;

    /// Up to `limit` items that the mirror has in folders with these unique ids.
    async fn inside(
        &self,
        id: SubscriptionId,
        folders: Vec<String>,
        limit: usize,
    ) -> Result<Vec<(ItemId, Properties)>, StoreError>;

    /// What the mirror knows of these items; tombstones are [`Known::Gone`]; unknown ones are left out.
    async fn known(
        &self,
        id: SubscriptionId,
        items: Vec<ItemId>,
    ) -> Result<HashMap<ItemId, Known>, StoreError>;

    /// Writes a page in one transaction: events, mirror rows and the link it brought, on condition that the
    /// claim still holds and the link is the one the page was asked with. Events get their id from the
    /// subscription's internal id and its change counter. Prolongs the lease.
    ///
    /// With a [`Link::Delta`] the round ends: the hints that were claimed with it are deleted, errors and
    /// attempts are cleared, and the claim ends. In a [resync](super::Resyncs) the round goes on instead, as
    /// [`Resync::Telling`], with pages of the same link whose rows are what was not seen; one without rows ends it.
    async fn commit_page(&self, page: PageCommit) -> Result<Committed, StoreError>;

    /// The round did not get on. Keeps the error and the link, ends the claim; the next attempt is at
    /// `trouble.next_attempt_at`. Hints stay.
    async fn round_failed(&self, claim: &Claim, trouble: &Trouble) -> Result<(), StoreError>;

    /// Ends a claim without anything having happened: the process stops.
    async fn release(&self, claim: &Claim) -> Result<(), StoreError>;

    /// When the next round is due: hints that wait, another look, a next attempt. One that is claimed counts
    /// from the end of its lease, so that work whose task died is taken up again. Tenants among `full` are not looked at.
    async fn next_round(&self, full: &[Name]) -> Result<Option<DateTime<Utc>>, StoreError>;
}

/// A link that Office 365 gave: an opaque, whole URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Link {
    /// The round goes on there.
    Next(String),
    /// The round has ended; the next one starts there.
    Delta(String),
}

/// A subscription claimed for a round.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The subscription, as it was when it was claimed.
    pub subscription: Subscription,
    /// Proves the claim.
    pub lease: Uuid,
    /// Where to ask; none: at the beginning.
    pub link: Option<Link>,
    /// The last hint that was there when the round began; those up to it are worked off by it.
    pub inbox_through: i64,
    /// When the oldest of those hints arrived.
    pub hinted_at: Option<DateTime<Utc>>,
    /// Why the round is made.
    pub cause: Cause,
    /// Attempts that failed in a row before this one.
    pub attempts: u32,
    /// Looks in a row that found nothing after a notification.
    pub empty_looks: u32,
    /// Whether everything is read anew.
    pub resync: Resync,
    /// Of the mirror.
    pub generation: i64,
    /// Whether it goes the way that the subscription was followed before; its target then is that of this way.
    pub former: Former,
}

/// Whether a round goes the former way, while a subscription goes over to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Former {
    /// It goes the way that is wished.
    #[default]
    No,
    /// It does, and is not the last that does.
    Yes,
    /// It does, and has begun late enough: after it the other way begins.
    Last,
}

/// Why a round is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It is the first.
    First,
    /// Hints wait.
    Hint,
    /// The round before found nothing although a notification had announced something.
    AnotherLook,
    /// It was taken up anew: nothing could have announced what happened before.
    Anew,
    /// No notification asked for it.
    Sweep,
    /// The same, since nobody had listened for so long that notifications were given up.
    OutageSweep,
}

/// What the mirror knows of an item.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    /// Its properties.
    Here(Properties),
    /// It was here, and its removal was told.
    Gone,
}

/// A row for the mirror.
#[derive(Debug, Clone)]
pub struct MirrorRow {
    /// The item.
    pub item: ItemId,
    /// What is known of it; none: it is gone, and a tombstone remembers that this was told.
    pub properties: Option<Body>,
    /// The event that comes with it tells just these properties.
    pub as_told: bool,
}

/// A page to be written.
#[derive(Debug)]
pub struct PageCommit {
    /// The claim, with the link the page was asked with.
    pub claim: Claim,
    /// Events, in order.
    pub events: Vec<NewEvent>,
    /// Mirror rows to write over what is there.
    pub rows: Vec<MirrorRow>,
    /// Items that it shows.
    pub seen: Vec<ItemId>,
    /// What it shows and nobody understands: put aside, with the link the page was asked with.
    pub odd: Vec<OddItem>,
    /// The link it brought.
    pub link: Link,
    /// While the first round or a resync lasts.
    pub progress: Option<Progress>,
    /// With a [`Link::Delta`]: what comes next.
    pub end: RoundEnd,
    /// Now.
    pub now: DateTime<Utc>,
    /// How long the claim holds from now on.
    pub lease: Duration,
}

/// How far the first round has come.
pub type Progress = FirstRound;

/// What comes after a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoundEnd {
    /// When to look again although nothing asks for it; none: only when a hint arrives.
    pub next_at: Option<DateTime<Utc>>,
    /// Looks in a row, this one included, that found nothing after a notification. With more than 0,
    /// `next_at` is another look, else it is the sweep.
    pub empty_looks: u32,
    /// The rhythm as it is known now.
    pub rhythm: Rhythm,
}

/// What became of a page.
#[derive(Debug, Clone)]
pub enum Committed {
    /// It is written; the claim goes on from its link.
    Done(Box<Claim>),
    /// The claim was lost or the link has moved: nothing was written, and somebody else is at it.
    Lost,
}
