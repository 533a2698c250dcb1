//! What Office 365 holds, and how it is told apart. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use foldhash::{HashMap, HashSet};
use url::Url;

use crate::model::{Name, RemoteId, Subscription, Trouble};
use crate::office365::RemoteSubscription;
use crate::store::Sight;

/// A list need not show what was made just before. How long is not documented; what it lacks is asked for by its id before
/// anything is made anew, so that too short a time costs requests and nothing else.
pub const SETTLES: TimeDelta = TimeDelta::minutes(1);

/// What the tenants hold, or why that is not known.
pub type Lists = BTreeMap<Name, Result<Vec<RemoteSubscription>, Trouble>>;

/// What the store knows, and what Office 365 tells it apart by.
#[derive(Debug, Clone)]
pub struct Known {
    /// The subscription.
    pub subscription: Subscription,
    /// The combination that Graph holds one of at most; none while the resource is not resolved, or where another holds it.
    pub combination: Option<String>,
    /// How what is held for it was looked at.
    pub look: Look,
}

/// How what is held for a subscription was looked at.
#[derive(Debug, Clone)]
pub enum Look {
    /// The tenant's list tells.
    List,
    /// By its id, since no list has it; none: it is not held any more.
    Itself(Option<RemoteSubscription>),
    /// It could not be.
    Failed(Trouble),
}

impl Look {
    /// How it looks by itself.
    pub(super) fn sight(&self, notification_url: &Url) -> Option<Sight> {
        match self {
            Self::Itself(Some(found)) if notifies(found, notification_url) => {
                Some(Sight::Held(found.expires_at))
            }
            Self::Itself(Some(_)) => Some(Sight::Elsewhere),
            Self::Itself(None) => Some(Sight::Missing),
            Self::List | Self::Failed(_) => None,
        }
    }
}

/// A tenant's list, by the ids in it.
#[derive(Debug)]
pub struct Held<'a> {
    list: &'a [RemoteSubscription],
    places: HashMap<Key, usize>,
}

impl<'a> Held<'a> {
    /// A list.
    pub fn new(list: &'a [RemoteSubscription]) -> Self {
        Self { list, places: list.iter().enumerate().map(|(place, one)| (key(&one.id), place)).collect() }
    }

    /// One, with its place in the list.
    pub(super) fn find(&self, id: &RemoteId) -> Option<(usize, &'a RemoteSubscription)> {
        let place = *self.places.get(&key(id))?;
        Some((place, self.list.get(place)?))
    }

    /// How a remote subscription that was last confirmed at `confirmed_at` looks in this list; none if the list lacks it and
    /// need not show it yet. What was confirmed before `settled` it has to show.
    pub fn sight(
        &self,
        remote: &RemoteId,
        confirmed_at: DateTime<Utc>,
        notification_url: &Url,
        settled: DateTime<Utc>,
    ) -> Option<Sight> {
        let found = self.find(remote).map(|(_, found)| found);
        look(found, confirmed_at, notification_url, settled)
    }
}

pub(super) fn look(
    found: Option<&RemoteSubscription>,
    confirmed_at: DateTime<Utc>,
    notification_url: &Url,
    settled: DateTime<Utc>,
) -> Option<Sight> {
    match found {
        Some(found) if notifies(found, notification_url) => Some(Sight::Held(found.expires_at)),
        Some(_) => Some(Sight::Elsewhere),
        None => (confirmed_at < settled).then_some(Sight::Missing),
    }
}

/// The ids of remote subscriptions that are known.
#[derive(Debug, Default)]
pub struct Ids(HashSet<Key>);

impl Ids {
    /// One more.
    pub fn insert(&mut self, id: &RemoteId) {
        self.0.insert(key(id));
    }

    /// Whether it is one of them.
    pub fn contains(&self, id: &RemoteId) -> bool {
        self.0.contains(&key(id))
    }
}

/// An id by which it can be found. Office 365 does not always write it in the same letter case. Nearly all are GUIDs, and
/// those take no memory of their own.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Guid([u8; GUID_LENGTH]),
    Text(String),
}

/// Letters, digits and dashes.
const GUID_LENGTH: usize = 36;

pub(super) fn key(id: &RemoteId) -> Key {
    match <[u8; GUID_LENGTH]>::try_from(id.0.as_bytes()) {
        Ok(mut guid) => {
            guid.make_ascii_lowercase();
            Key::Guid(guid)
        }
        Err(_) => Key::Text(id.0.to_ascii_lowercase()),
    }
}

/// Addresses are compared as addresses, and without a slash at the end; what is not told is not held against it. Nearly
/// all are written as ours is, and need not be read.
pub fn notifies(found: &RemoteSubscription, url: &Url) -> bool {
    let same = |told: Url| {
        told.origin() == url.origin() && told.path().trim_end_matches('/') == url.path().trim_end_matches('/')
    };
    found
        .notification_url
        .as_deref()
        .is_none_or(|told| told == url.as_str() || Url::parse(told).is_ok_and(same))
}

/// Whether one is ours: it notifies an address below our public URL.
pub fn is_ours(found: &RemoteSubscription, notification_url: &Url) -> bool {
    let told = found.notification_url.as_deref();
    told == Some(notification_url.as_str())
        || told.and_then(|told| Url::parse(told).ok()).is_some_and(|told| {
            let base = notification_url.path().trim_end_matches("notifications");
            told.origin() == notification_url.origin() && told.path().starts_with(base)
        })
}

/// Where one sends its notifications, as far as a person needs to know; the rest of an address may be a secret.
pub fn origin(found: &RemoteSubscription) -> String {
    let url = found.notification_url.as_deref().and_then(|url| Url::parse(url).ok());
    url.map_or_else(|| "an address that is not told".to_owned(), |url| url.origin().ascii_serialization())
}
