use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{RemoteId, SealedContent, SubscriptionId};

/// A reason to look for changes, kept in the inbox until a round that began after it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Whose changes to look for.
    pub subscription: SubscriptionId,
    /// The remote subscription that a lifecycle event named; none for a change, and for a request of our own.
    pub remote: Option<RemoteId>,
    /// What it said.
    pub kind: HintKind,
    /// Whether it says nothing but "something changed": a change notification in which everything was
    /// understood. Another such one adds nothing as long as it waits.
    pub plain: bool,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// The encrypted content that came with it.
    pub content: Option<SealedContent>,
}

/// What a hint says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HintKind {
    /// A change notification: something changed.
    Change,
    /// Lifecycle `missed`: notifications were lost.
    Missed,
    /// Lifecycle `subscriptionRemoved`: the remote subscription is gone.
    SubscriptionRemoved,
    /// Lifecycle `reauthorizationRequired`: the remote subscription pauses unless it is renewed.
    ReauthorizationRequired,
    /// A lifecycle event that this version does not know.
    UnknownLifecycle,
    /// Somebody asked for a fetch by hand.
    Request,
}

impl HintKind {
    /// The word under which it is stored and counted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Missed => "missed",
            Self::SubscriptionRemoved => "subscriptionRemoved",
            Self::ReauthorizationRequired => "reauthorizationRequired",
            Self::UnknownLifecycle => "unknownLifecycle",
            Self::Request => "request",
        }
    }
}
