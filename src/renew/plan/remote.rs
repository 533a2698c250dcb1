//! The store against Office 365. Pure.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use foldhash::{HashMap, HashMapExt as _, HashSet};
use url::Url;

use super::held::{Held, Key, Known, Lists, Look, SETTLES, is_ours, key, look, origin};
use super::measure::{Action, Measure, NotListed, Plan, Todo};
use super::wanted::measure;
use super::{Step, plan};
use crate::model::{Name, RemoteId, Subscription};
use crate::office365::RemoteSubscription;
use crate::store::Sight;

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
    for Known { subscription, look: looked, .. } in known {
        if let Look::Failed(error) = looked {
            plan.not_looked_at(&subscription.wish.tenant, error);
        }
        if spoken_for.contains(&subscription.wish.name) {
            continue;
        }
        let difference = match held.get_mut(&subscription.wish.tenant) {
            None => Some(tenantless(subscription)),
            Some(held) => differs(subscription, looked, held.as_mut(), notification_url, now),
        };
        match difference {
            Some(measure) if measure.action == Action::Leave => plan.left_alone.push(measure),
            Some(measure) => plan.changes.push(measure),
            None => plan.unchanged += usize::from(subscription.removed_at.is_none()),
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

/// What one subscription and what its tenant holds differ in.
fn differs(
    subscription: &Subscription,
    looked: &Look,
    mut held: Option<&mut Sought<'_>>,
    notification_url: &Url,
    now: DateTime<Utc>,
) -> Option<Measure> {
    let sought = held.as_mut().filter(|_| matches!(looked, Look::List));
    let listed = sought.and_then(|held| {
        let (remote, at) = (subscription.remote.as_ref()?, subscription.confirmed_at?);
        look(held.find(&remote.id), at, notification_url, now - SETTLES)
    });
    let sight = listed.or_else(|| looked.sight(notification_url));
    let former = subscription.former_remote.as_ref().filter(|_| subscription.remote.is_none());
    let lives_on = former.zip(held).is_some_and(|(former, held)| held.list.find(former).is_some());
    difference(subscription, sight, lives_on, notification_url, now)
}

fn tenantless(subscription: &Subscription) -> Measure {
    let reason = format!("the listener started without a tenant '{}'", subscription.wish.tenant);
    measure(subscription, Action::Leave, reason, Todo::Nothing)
}

fn difference(
    subscription: &Subscription,
    sight: Option<Sight>,
    lives_on: bool,
    notification_url: &Url,
    now: DateTime<Utc>,
) -> Option<Measure> {
    let (action, reason, step): (_, Cow<'static, str>, _) = match (plan(subscription, now), sight) {
        (Step::Forget, _) => return None,
        (Step::Delete, _) => (Action::Delete, "its removal is not done yet".into(), Step::Delete),
        (Step::Create, _) if lives_on => {
            (Action::Adopt, "it was lost, and Office 365 still holds it".into(), Step::Create)
        }
        (Step::Create, _) => (Action::Create, why_not_held(subscription), Step::Create),
        (Step::Replace, _) => {
            (Action::Recreate, with_error("it is not what is wished", subscription), Step::Replace)
        }
        (_, Some(Sight::Missing)) => {
            (Action::Recreate, "Office 365's list does not have it any more".into(), Step::Verify)
        }
        (_, Some(Sight::Elsewhere)) => (
            Action::Recreate,
            format!("it notifies another address than {notification_url}").into(),
            Step::Replace,
        ),
        (Step::Renew, _) => (Action::Renew, with_error("its time has come", subscription), Step::Renew),
        (Step::Verify, _) => return None,
    };
    Some(measure(subscription, action, reason, Todo::Settle(subscription.id, step)))
}

fn why_not_held(subscription: &Subscription) -> Cow<'static, str> {
    let what = match (&subscription.remote, subscription.confirmed_at) {
        (Some(_), _) => "Office 365 held it until it ran out",
        (None, Some(_)) => "Office 365 no longer holds it",
        (None, None) => "Office 365 has not accepted it yet",
    };
    with_error(what, subscription)
}

fn with_error(what: &'static str, subscription: &Subscription) -> Cow<'static, str> {
    match &subscription.renew_error {
        Some(error) => format!("{what}; so far that does not work: {}: {}", error.code, error.message).into(),
        None => what.into(),
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
        let mut creating = HashMap::new();
        for Known { subscription, combination, .. } in known {
            if let Some(remote) = &subscription.remote {
                held.get_mut(&key(&remote.id)).into_iter().for_each(|held| *held = true);
            } else if let Some(combination) =
                combination.as_deref().filter(|_| subscription.removed_at.is_none())
            {
                creating.insert(combination, &subscription.wish.name);
            }
        }
        Self { held, creating }
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
        let (action, reason, todo): (_, Cow<'static, str>, _) = if !is_ours(found, notification_url) {
            (Action::Leave, format!("it is not ours: it notifies {}", origin(found)).into(), Todo::Nothing)
        } else if let Some(name) = spoken_for.creating.get(found.combination().as_str()) {
            (Action::Leave, format!("creating '{name}' deals with it").into(), Todo::Nothing)
        } else {
            let reason = "it notifies this listener, and nothing here knows it";
            (Action::Delete, reason.into(), Todo::DeleteOrphan(found.id.clone()))
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
