//! The store against Office 365. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use url::Url;
use uuid::Uuid;

use super::measure::{Action, Measure, NotListed, Plan, Todo};
use super::wanted::measure;
use super::{Step, plan};
use crate::model::{Name, RemoteId, Subscription, Trouble};
use crate::office365::RemoteSubscription;
use crate::store::Sight;

/// A list need not show what was made just before.
pub const SETTLES: TimeDelta = TimeDelta::minutes(5);

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
    fn sight(&self, notification_url: &Url) -> Option<Sight> {
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
pub struct Held<'a>(HashMap<Key, (usize, &'a RemoteSubscription)>);

impl<'a> Held<'a> {
    /// A list.
    pub fn new(list: &'a [RemoteSubscription]) -> Self {
        Self(list.iter().enumerate().map(|(place, one)| (key(&one.id), (place, one))).collect())
    }

    /// One, with its place in the list.
    fn find(&self, id: &RemoteId) -> Option<(usize, &'a RemoteSubscription)> {
        self.0.get(&key(id)).copied()
    }

    /// How a remote subscription that was last confirmed at `confirmed_at` looks in this list, which was asked for at
    /// `asked_at`; none if it is so new that the list need not show it.
    pub fn sight(
        &self,
        remote: &RemoteId,
        confirmed_at: DateTime<Utc>,
        notification_url: &Url,
        asked_at: DateTime<Utc>,
    ) -> Option<Sight> {
        let found = self.find(remote).map(|(_, found)| found);
        look(found, confirmed_at, notification_url, asked_at)
    }
}

fn look(
    found: Option<&RemoteSubscription>,
    confirmed_at: DateTime<Utc>,
    notification_url: &Url,
    asked_at: DateTime<Utc>,
) -> Option<Sight> {
    match found {
        Some(found) if notifies(found, notification_url) => Some(Sight::Held(found.expires_at)),
        Some(_) => Some(Sight::Elsewhere),
        None => (confirmed_at + SETTLES < asked_at).then_some(Sight::Missing),
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
/// take no copy.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    Guid(u128),
    Text(String),
}

/// Letters, digits and dashes of a GUID; braces or none of the dashes make it another text.
const GUID_LENGTH: usize = 36;

fn key(id: &RemoteId) -> Key {
    let guid = (id.0.len() == GUID_LENGTH).then(|| Uuid::try_parse(&id.0).ok()).flatten();
    guid.map_or_else(|| Key::Text(id.0.to_ascii_lowercase()), |guid| Key::Guid(guid.as_u128()))
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

/// Adds to the plan what store and Office 365 differ in. `spoken_for` are subscriptions that it already has something
/// to do for.
pub(super) fn differences(
    plan: &mut Plan,
    known: &[Known],
    spoken_for: &HashSet<Name>,
    lists: &Lists,
    notification_url: &Url,
    now: DateTime<Utc>,
) {
    let mut held: HashMap<&Name, Option<Sought<'_>>> = lists
        .iter()
        .map(|(tenant, list)| (tenant, list.as_ref().ok().map(|list| Sought::new(list))))
        .collect();
    for Known { subscription, look: looked, .. } in
        known.iter().filter(|it| !spoken_for.contains(&it.subscription.wish.name))
    {
        let difference = match held.get_mut(&subscription.wish.tenant) {
            None => Some(tenantless(subscription)),
            Some(held) => {
                let sought = held.as_mut().filter(|_| matches!(looked, Look::List));
                let listed = sought.and_then(|held| {
                    let (remote, at) = (subscription.remote.as_ref()?, subscription.confirmed_at?);
                    look(held.find(&remote.id), at, notification_url, now)
                });
                let sight = listed.or_else(|| looked.sight(notification_url));
                let former = subscription.former_remote.as_ref().filter(|_| subscription.remote.is_none());
                let lives_on =
                    former.zip(held.as_ref()).is_some_and(|(former, held)| held.list.find(former).is_some());
                difference(subscription, sight, lives_on, notification_url, now)
            }
        };
        match difference {
            Some(measure) if measure.action == Action::Leave => plan.left_alone.push(measure),
            Some(measure) => plan.changes.push(measure),
            None => plan.unchanged += usize::from(subscription.removed_at.is_none()),
        }
    }
    for Known { subscription, look, .. } in known {
        let tenant = &subscription.wish.tenant;
        if let Look::Failed(error) = look
            && !plan.not_listed.iter().any(|other| other.tenant == *tenant)
        {
            plan.not_listed.push(NotListed { tenant: tenant.clone(), error: error.clone() });
        }
    }
    let unseen =
        |tenant, list| held.get(tenant).and_then(Option::as_ref).map_or(Vec::new(), |held| held.unseen(list));
    let lists: Vec<_> =
        lists.iter().map(|(tenant, list)| (tenant, list.as_ref().map(|list| unseen(tenant, list)))).collect();
    let spoken_for = SpokenFor::by(known, lists.iter().flat_map(|(_, list)| list.iter().flatten()));
    for (tenant, list) in lists {
        match list {
            Ok(list) => strangers(plan, tenant, &list, &spoken_for, notification_url),
            Err(error) => plan.not_listed.push(NotListed { tenant: tenant.clone(), error: error.clone() }),
        }
    }
}

fn tenantless(subscription: &Subscription) -> Measure {
    let reason = "the listener has no tenant of that name: add it to the configuration and start again";
    measure(subscription, Action::Leave, reason.to_owned(), Todo::Nothing)
}

fn difference(
    subscription: &Subscription,
    sight: Option<Sight>,
    lives_on: bool,
    notification_url: &Url,
    now: DateTime<Utc>,
) -> Option<Measure> {
    let (action, reason, step) = match (plan(subscription, now), sight) {
        (Step::Forget, _) => return None,
        (Step::Delete, _) => (Action::Delete, "its removal is not done yet".to_owned(), Step::Delete),
        (Step::Create, _) if lives_on => {
            (Action::Adopt, "it was lost, and Office 365 still holds it".to_owned(), Step::Create)
        }
        (Step::Create, _) => (Action::Create, why_not_held(subscription), Step::Create),
        (Step::Replace, _) => {
            (Action::Recreate, with_error("it is not what is wished", subscription), Step::Replace)
        }
        (_, Some(Sight::Missing)) => {
            (Action::Recreate, "Office 365's list does not have it any more".to_owned(), Step::Verify)
        }
        (_, Some(Sight::Elsewhere)) => {
            (Action::Recreate, format!("it notifies another address than {notification_url}"), Step::Replace)
        }
        (Step::Renew, _) => (Action::Renew, with_error("its time has come", subscription), Step::Renew),
        (Step::Verify, _) => return None,
    };
    Some(measure(subscription, action, reason, Todo::Settle(subscription.id, step)))
}

fn why_not_held(subscription: &Subscription) -> String {
    let what = match (&subscription.remote, subscription.confirmed_at) {
        (Some(_), _) => "Office 365 held it until it ran out",
        (None, Some(_)) => "Office 365 no longer holds it",
        (None, None) => "Office 365 has not accepted it yet",
    };
    with_error(what, subscription)
}

fn with_error(what: &str, subscription: &Subscription) -> String {
    match &subscription.renew_error {
        Some(error) => format!("{what}; so far that does not work: {}: {}", error.code, error.message),
        None => what.to_owned(),
    }
}

/// A tenant's list, and what of it was found by what the store knows. That is nearly all, which then need not be looked
/// up once more from the other side.
struct Sought<'a> {
    list: Held<'a>,
    seen: Vec<bool>,
}

impl<'a> Sought<'a> {
    fn new(list: &'a [RemoteSubscription]) -> Self {
        Self { list: Held::new(list), seen: vec![false; list.len()] }
    }

    fn find(&mut self, id: &RemoteId) -> Option<&'a RemoteSubscription> {
        let (place, found) = self.list.find(id)?;
        self.seen.get_mut(place).into_iter().for_each(|seen| *seen = true);
        Some(found)
    }

    fn unseen(&self, list: &'a [RemoteSubscription]) -> Vec<&'a RemoteSubscription> {
        list.iter().zip(&self.seen).filter_map(|(one, seen)| (!seen).then_some(one)).collect()
    }
}

/// What of that which was not seen is held for something that the store knows. Whatever tenant it is of: two can be reached
/// with one app registration, and then list the same.
struct SpokenFor<'a> {
    held: HashMap<Key, bool>,
    /// One that is being created may have made it, without knowing the answer yet.
    creating: HashMap<&'a str, &'a Name>,
}

impl<'a> SpokenFor<'a> {
    fn by<'l>(known: &'a [Known], unseen: impl Iterator<Item = &'l &'l RemoteSubscription>) -> Self {
        let mut held: HashMap<Key, bool> = unseen.map(|one| (key(&one.id), false)).collect();
        for remote in known.iter().filter_map(|it| it.subscription.remote.as_ref()) {
            held.entry(key(&remote.id)).and_modify(|held| *held = true);
        }
        let creating = known
            .iter()
            .filter(|it| it.subscription.remote.is_none() && it.subscription.removed_at.is_none())
            .filter_map(|it| Some((it.combination.as_deref()?, &it.subscription.wish.name)));
        Self { held, creating: creating.collect() }
    }

    fn holds(&self, id: &RemoteId) -> bool {
        self.held.get(&key(id)).is_some_and(|held| *held)
    }
}

/// What a tenant holds and nothing in the store is known to hold.
fn strangers(
    plan: &mut Plan,
    tenant: &Name,
    unseen: &[&RemoteSubscription],
    spoken_for: &SpokenFor<'_>,
    notification_url: &Url,
) {
    for found in unseen.iter().filter(|found| !spoken_for.holds(&found.id)) {
        let (action, reason, todo) = if !is_ours(found, notification_url) {
            (Action::Leave, format!("it is not ours: it notifies {}", host(found)), Todo::Nothing)
        } else if let Some(name) = spoken_for.creating.get(found.combination().as_str()) {
            (Action::Leave, format!("creating '{name}' deals with it"), Todo::Nothing)
        } else {
            let reason = "it notifies this listener, and nothing here knows it".to_owned();
            (Action::Delete, reason, Todo::DeleteOrphan(found.id.clone()))
        };
        let resource = found.resource.clone();
        let (tenant, remote_id) = (tenant.clone(), Some(found.id.clone()));
        let measure = Measure { action, subscription: None, tenant, resource, remote_id, reason, todo };
        match measure.action {
            Action::Leave => plan.left_alone.push(measure),
            _ => plan.changes.push(measure),
        }
    }
}

/// Where one sends its notifications, as far as a person needs to know; the rest of an address may be a secret.
pub fn host(found: &RemoteSubscription) -> String {
    let url = found.notification_url.as_deref().and_then(|url| Url::parse(url).ok());
    let host = url.as_ref().and_then(Url::host_str);
    host.unwrap_or("an address that is not told").to_owned()
}
