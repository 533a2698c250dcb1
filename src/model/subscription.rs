use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{CertificateId, Name, RemoteId, Resource, Rhythm, SubscriptionId, Target, Trouble};

/// What somebody wants followed, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Its name.
    pub name: Name,
    /// The tenant to reach it with.
    pub tenant: Name,
    /// What to follow.
    pub resource: Resource,
    /// The way of following it.
    pub via: Via,
    /// What to tell of the time before.
    pub start: Start,
    /// How long a remote subscription shall live; none: as long as the resource allows.
    pub lifetime: Option<Duration>,
    /// Mail: properties beside the default ones.
    pub select: Vec<String>,
    /// Mail: notifications shall bring the message, encrypted.
    pub include_resource_data: bool,
    /// Who wished it.
    pub origin: Origin,
}

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident, $what:literal, $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that users, the API and the store know it by.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl FromStr for $name {
            type Err = InvalidChoice;

            fn from_str(text: &str) -> Result<Self, InvalidChoice> {
                Self::ALL.iter().copied().find(|choice| choice.as_str() == text).ok_or_else(|| InvalidChoice {
                    what: $what,
                    given: text.chars().take(80).collect(),
                    allowed: [$($word),+].join(", "),
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidChoice;

            fn try_from(text: String) -> Result<Self, InvalidChoice> { text.parse() }
        }

        impl From<$name> for String {
            fn from(choice: $name) -> Self { choice.as_str().to_owned() }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
    };
}

/// A word that is not among those allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not a {what}: use one of {allowed}")]
pub struct InvalidChoice {
    what: &'static str,
    given: String,
    allowed: String,
}

choice!(
    /// The API through which a resource is followed.
    Via, "way to follow a resource",
    /// Microsoft Graph.
    Graph = "graph",
    /// SharePoint's own REST service: lists and libraries, as list items.
    SharePoint = "sharepoint",
);

/// Why `via = "sharepoint"` is not for this resource.
const NOT_OVER_SHAREPOINT: &str = "SharePoint's own webhooks are for list: addresses only: write list:, which takes the address \
                                   of a document library too, or leave out via";

impl Via {
    /// Why this resource cannot be followed this way, if it cannot.
    pub const fn refuses(self, resource: &Resource) -> Option<&'static str> {
        match (self, resource) {
            (Self::Graph, _) | (Self::SharePoint, Resource::List(_)) => None,
            (Self::SharePoint, _) => Some(NOT_OVER_SHAREPOINT),
        }
    }
}

choice!(
    /// What is told of the time before the subscription.
    Start, "start",
    /// Nothing.
    Now = "now",
    /// Nothing, but existing items are read first, so that their renames and moves are told with the old value.
    Baseline = "baseline",
    /// Every existing item becomes a `created` event first.
    Beginning = "beginning",
);

choice!(
    /// Who wished for a subscription.
    Origin, "origin",
    /// The configuration names it.
    Config = "config",
    /// It was made through the API.
    Api = "api",
);

choice!(
    /// Where a subscription stands.
    State, "state",
    /// Wished, not yet accepted by Office 365.
    Creating = "creating",
    /// Followed.
    Active = "active",
    /// Renewed and acknowledged, but nothing is fetched, because somebody asked for that.
    Paused = "paused",
    /// Something does not work; `error` says what.
    Failing = "failing",
    /// The remote subscription ran out; sweeps go on, and it is made anew.
    Expired = "expired",
    /// No longer followed.
    Removed = "removed",
);

/// What Office 365 holds for a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its id there.
    pub id: RemoteId,
    /// When it ends unless it is renewed.
    pub expires_at: DateTime<Utc>,
    /// When it is to be renewed.
    pub renew_at: DateTime<Utc>,
    /// What its content is encrypted with, if it brings any.
    pub certificate: Option<CertificateId>,
}

/// How far the first round has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstRound {
    /// Items read.
    pub items: u64,
    /// Pages read.
    pub pages: u64,
    /// When it began.
    pub started_at: DateTime<Utc>,
}

impl FirstRound {
    /// Items a second, on average since it began, pauses included.
    pub fn rate(&self, now: DateTime<Utc>) -> u64 {
        let seconds = u64::try_from((now - self.started_at).num_seconds()).unwrap_or_default();
        self.items / seconds.max(1)
    }
}

/// A subscription as the store knows it: the wish and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Our own id.
    pub id: SubscriptionId,
    /// What was wished.
    pub wish: Wish,
    /// What the resource was resolved to; none until that has worked once.
    pub target: Option<Target>,
    /// Office 365's time when following began: older items are not new.
    pub started_at: Option<DateTime<Utc>>,
    /// What Office 365 holds for it.
    pub remote: Option<Remote>,
    /// That is not what is wished, and has to be made anew.
    pub replace: bool,
    /// What it had before that was lost; it may live on.
    pub former_remote: Option<RemoteId>,
    /// When Office 365 last accepted or renewed one for it; stays when that one is lost.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When its removal was asked for.
    pub removed_at: Option<DateTime<Utc>>,
    /// Since when nothing is fetched, because somebody asked for that.
    pub paused_at: Option<DateTime<Utc>>,
    /// Why creating or renewing does not work.
    pub renew_error: Option<Trouble>,
    /// Why fetching does not work.
    pub fetch_error: Option<Trouble>,
    /// When the last notification arrived.
    pub last_notification_at: Option<DateTime<Utc>>,
    /// When the last round ended.
    pub last_fetch_at: Option<DateTime<Utc>>,
    /// When the last event was written.
    pub last_event_at: Option<DateTime<Utc>>,
    /// Whether hints wait in the inbox.
    pub pending: bool,
    /// Number of events written so far.
    pub events: u64,
    /// Number of encrypted contents that could not be used and were put aside so far.
    pub quarantined: u64,
    /// While the first round lasts.
    pub first_round: Option<FirstRound>,
    /// While everything is read anew, because the delta cursor died or somebody asked for it.
    pub resync: Option<FirstRound>,
    /// How often it is usually notified, and what its sweeps have found.
    pub rhythm: Rhythm,
}

impl Subscription {
    /// Where it stands at `now`.
    pub fn state(&self, now: DateTime<Utc>) -> State {
        let hopeless = self.renew_error.as_ref().is_some_and(|error| !error.transient);
        match &self.remote {
            _ if self.removed_at.is_some() => State::Removed,
            None if hopeless => State::Failing,
            None if self.confirmed_at.is_none() => State::Creating,
            Some(remote) if remote.expires_at <= now => State::Expired,
            _ if self.renew_error.is_some() => State::Failing,
            _ if self.paused_at.is_some() => State::Paused,
            _ if self.fetch_error.is_some() => State::Failing,
            None => State::Creating,
            Some(_) => State::Active,
        }
    }

    /// What a person should read first when something is wrong.
    pub fn error(&self) -> Option<&Trouble> {
        // While it is paused, nothing tries again to fetch.
        let fetch_error = self.fetch_error.as_ref().filter(|_| self.paused_at.is_none());
        self.renew_error.as_ref().or(fetch_error)
    }
}
