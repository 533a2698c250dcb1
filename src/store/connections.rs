use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::{Connection, Name, Picks};

/// The SHA-256 of a token. The token itself is not kept: what the store has opens nothing.
pub type TokenHash = [u8; 32];

/// What the Connect button needs: invitations, visits at Office 365, and the connections that come of them.
#[async_trait]
pub trait Connections: Send + Sync {
    /// Keeps an invitation.
    async fn invite(&self, invite: Invite, now: DateTime<Utc>) -> Result<Invited, StoreError>;

    /// The invitation with this hash.
    async fn invitation(&self, hash: TokenHash) -> Result<Option<Invite>, StoreError>;

    /// Keeps what somebody has picked who is sent to Office 365 now.
    async fn begin_visit(&self, visit: Visit, now: DateTime<Utc>) -> Result<Begun, StoreError>;

    /// The visit with this hash.
    async fn visit(&self, hash: TokenHash) -> Result<Option<Visit>, StoreError>;

    /// Ends a visit of which nothing comes. Its invitation still holds.
    async fn end_visit(&self, hash: TokenHash, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Ends a visit and uses its invitation up; the connection is there, and its sink begins at the log's end. All or
    /// nothing, and only once.
    async fn connect(
        &self,
        visit: TokenHash,
        connection: Connection,
        now: DateTime<Utc>,
    ) -> Result<Connected, StoreError>;

    /// All connections, by name.
    async fn connections(&self) -> Result<Vec<Connection>, StoreError>;

    /// Keeps these addresses as they are sealed now; whose connection is gone is left out.
    async fn reseal_connections(&self, sealed: Vec<(Name, Vec<u8>)>) -> Result<(), StoreError>;

    /// The first card was posted.
    async fn greeted(&self, name: &Name) -> Result<(), StoreError>;

    /// Forgets a connection and where its cards went; its sink is removed, and whoever works on it loses its claim.
    /// Whether there was one.
    async fn disconnect(&self, name: &Name, now: DateTime<Utc>) -> Result<bool, StoreError>;
}

/// A link to the Connect page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Of its token.
    pub hash: TokenHash,
    /// A glob: which subscriptions the page offers.
    pub subscriptions: String,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
    /// Whether a connection was made with it.
    pub used: bool,
}

/// Somebody who has picked and is at Office 365.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Of the state that Office 365 gives back.
    pub hash: TokenHash,
    /// By which invitation.
    pub invite: TokenHash,
    /// What was picked.
    pub picks: Picks,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
    /// Whether Office 365 has answered.
    pub ended: bool,
}

/// What became of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invited {
    /// It holds.
    Done,
    /// There are so many already, connections that were made included.
    TooMany(usize),
}

/// What became of a visit that was to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It has begun.
    Done,
    /// Its invitation was used up, or has ended.
    Over,
    /// Too many visits of this invitation are under way.
    TooMany,
}

/// What became of a connection that was to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connected {
    /// It is there.
    Done,
    /// The visit was ended before.
    Ended,
    /// The invitation was used by somebody else meanwhile, or has ended.
    Over,
}
