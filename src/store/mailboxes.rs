use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::time::Duration;

use super::{Claim, Committed, Link, MirrorRow, Progress, RoundEnd, StoreError};
use crate::model::{ItemId, NewEvent, OddItem, Properties, SubscriptionId};

/// What a round of a whole mailbox needs beside [`super::Rounds`]: a cursor for each folder, and the removals that
/// are held until every other folder has been asked.
#[async_trait]
pub trait Mailboxes: Send + Sync {
    /// Where the round stands; of one that has not begun, where it would begin.
    async fn survey(&self, id: SubscriptionId) -> Result<Survey, StoreError>;

    /// Up to `limit` messages whose removal from this folder was held at a page up to `through`.
    async fn held(
        &self,
        id: SubscriptionId,
        folder: &str,
        through: u64,
        limit: usize,
    ) -> Result<Vec<ItemId>, StoreError>;

    /// Up to `limit` messages that the mirror has in this folder, in an order that stays the same and
    /// beyond `after`.
    async fn members(
        &self,
        id: SubscriptionId,
        folder: &str,
        after: Option<ItemId>,
        limit: usize,
    ) -> Result<Members, StoreError>;

    /// Writes a step of the round in one transaction, on condition that the claim still holds and, where the step is a
    /// page, that it was asked with the link that is still stored. Prolongs the lease; the last step ends the round as
    /// the page with the delta link ends other rounds.
    async fn commit_step(&self, step: StepCommit) -> Result<Committed, StoreError>;
}

/// Where the round of a mailbox stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// The number of the round.
    pub round: u64,
    /// Pages committed so far, ever.
    pub pages: u64,
    /// The cursor of the tree of folders.
    pub tree: Folder,
    /// The folders, those included that are gone and whose messages are still to be told.
    pub folders: Vec<Folder>,
    /// Removals that are held, by folder.
    pub held: Vec<HeldIn>,
}

/// A folder's cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folder {
    /// Its id.
    pub id: String,
    /// Where to ask; none: at the beginning.
    pub link: Option<Link>,
    /// The last round in which it was walked to its end; 0: never.
    pub round: u64,
    /// The number of pages when the last walk began that came to its end.
    pub walked_page: u64,
    /// The number of pages when it last brought something.
    pub changed_page: u64,
    /// The number of pages when it was found deleted.
    pub gone_page: Option<u64>,
    /// How often its cursor has died since it was last walked to its end.
    pub deaths: u32,
}

/// The removals that are held of one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldIn {
    /// The folder.
    pub folder: String,
    /// The number of pages when the first was held.
    pub first_page: u64,
    /// The number of pages when the last was held.
    pub last_page: u64,
}

/// Messages in a folder.
#[derive(Debug, Clone, Default)]
pub struct Members {
    /// What is known of them.
    pub items: Vec<(ItemId, Properties)>,
    /// Where to go on; none: these were the last.
    pub next: Option<ItemId>,
}

/// A step of a round.
#[derive(Debug)]
pub struct StepCommit {
    /// The claim.
    pub claim: Claim,
    /// The number of the round.
    pub round: u64,
    /// Events, in order.
    pub events: Vec<NewEvent>,
    /// Mirror rows to write over what is there; what they say is held no more.
    pub rows: Vec<MirrorRow>,
    /// What a page shows and nobody understands: put aside, with the link it was asked with.
    pub odd: Vec<OddItem>,
    /// What was done.
    pub step: Step,
    /// While the first round lasts.
    pub progress: Option<Progress>,
    /// Now.
    pub now: DateTime<Utc>,
    /// How long the claim holds from now on.
    pub lease: Duration,
}

/// What a step did.
#[derive(Debug)]
pub enum Step {
    /// A page of the tree of folders.
    Tree {
        /// The link it was asked with.
        asked: Option<Link>,
        /// The link it brought; none: `here` are all folders there are.
        link: Option<Link>,
        /// The number of pages when it was asked for.
        at_page: u64,
        /// Folders that are there.
        here: Vec<String>,
        /// Folders that are gone.
        gone: Vec<String>,
    },
    /// A page of a folder.
    Page {
        /// The folder.
        folder: String,
        /// The link it was asked with.
        asked: Option<Link>,
        /// The link it brought.
        link: Link,
        /// The number of pages when it was asked for.
        at_page: u64,
        /// Messages that it shows: their removal is held no more.
        seen: Vec<ItemId>,
        /// Messages whose removal is held from now on.
        hold: Vec<ItemId>,
    },
    /// The tree's cursor is dead: all folders count as gone until they are seen again. What a resync asked for by hand
    /// begins with has been done.
    TreeLost,
    /// Messages whose removal is held until they are seen again, since the folder's cursor is dead.
    Doubt {
        /// The folder.
        folder: String,
        /// The messages.
        hold: Vec<ItemId>,
    },
    /// A folder's cursor is dead: it is walked from its beginning.
    FolderLost {
        /// The folder.
        folder: String,
    },
    /// A folder is not there any more.
    FolderGone {
        /// The folder.
        folder: String,
    },
    /// Removals were told, or turned out to be none.
    Told {
        /// The messages.
        settled: Vec<ItemId>,
    },
    /// The messages of a folder that is gone were all told.
    Emptied {
        /// The folder.
        folder: String,
    },
    /// The round has ended.
    End {
        /// What comes next.
        end: RoundEnd,
    },
}
