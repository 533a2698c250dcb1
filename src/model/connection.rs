use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Change, Name};

/// A group that is told of changes since somebody pressed the Connect button for it.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The name of its sink.
    pub name: Name,
    /// What Office 365 calls the group; none for a person's own inbox.
    pub group: Option<String>,
    /// What it hears of.
    pub picks: Picks,
    /// Where cards are posted to, sealed.
    pub sealed_url: Vec<u8>,
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// Whether the first card was posted.
    pub greeted: bool,
}

/// What somebody picked on the Connect page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Picks {
    /// Of which subscriptions.
    pub subscriptions: Vec<Name>,
    /// Which kinds of change.
    pub changes: Vec<Change>,
}
