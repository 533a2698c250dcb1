//! The configuration against the store. Pure.

use std::borrow::Cow;

use foldhash::{HashMap, HashSet};

use super::measure::{Action, Measure, Todo};
use crate::model::{Name, Origin, Subscription, Wish};
use crate::store::NewWish;

/// What the configuration names and the store lacks: this much is done at each start, without being asked.
pub fn missing<'a>(configured: &'a [Wish], stored: &[Subscription]) -> Vec<&'a Wish> {
    let known: HashSet<&str> = stored.iter().map(|it| it.wish.name.as_str()).collect();
    configured.iter().filter(|wish| !known.contains(wish.name.as_str())).collect()
}

/// What store and configuration differ in beside what is missing.
pub fn differences(configured: &[Wish], stored: &[Subscription]) -> Vec<Measure> {
    let missing: HashSet<&Name> = missing(configured, stored).into_iter().map(|wish| &wish.name).collect();
    let all = compared(configured, stored.iter()).into_iter();
    all.filter(|change| change.subscription.as_ref().is_none_or(|name| !missing.contains(name))).collect()
}

/// All that store and configuration differ in. What goes comes first: it makes room for what may follow the same.
pub(super) fn compared<'a>(
    configured: &[Wish],
    stored: impl Iterator<Item = &'a Subscription> + Clone,
) -> Vec<Measure> {
    let known: HashMap<&str, (usize, &Subscription)> =
        stored.clone().enumerate().map(|(at, it)| (it.wish.name.as_str(), (at, it))).collect();
    let mut named = vec![false; known.len()];
    let mut changes = Vec::new();
    for wish in configured {
        changes.extend(match known.get(wish.name.as_str()) {
            None => Some(added(wish, "the configuration names it, and nothing follows it yet")),
            Some((at, stored)) => {
                named.get_mut(*at).into_iter().for_each(|named| *named = true);
                if stored.removed_at.is_some() {
                    Some(added(wish, "it was removed, and the configuration still names it"))
                } else {
                    changed(stored, wish)
                }
            }
        });
    }
    if named.iter().all(|named| *named) {
        return changes;
    }
    let unnamed = stored.zip(named).filter(|(it, named)| !named && it.wish.origin == Origin::Config);
    unnamed.map(|(it, _)| unwished(it)).chain(changes).collect()
}

/// What the configuration says otherwise and cannot have: where following began is history.
pub fn too_late<'a>(configured: &[Wish], stored: impl Iterator<Item = &'a Subscription>) -> Vec<Measure> {
    let wishes: HashMap<&str, &Wish> = configured.iter().map(|wish| (wish.name.as_str(), wish)).collect();
    let follows = |one: &Subscription, wish: &Wish| {
        let same = (&one.wish.tenant, &one.wish.resource) == (&wish.tenant, &wish.resource);
        one.removed_at.is_none() && same && one.wish.start != wish.start
    };
    let late = stored.filter_map(|one| {
        let wish = wishes.get(one.wish.name.as_str()).filter(|wish| follows(one, wish))?;
        let reason = format!(
            "it is followed with start = \"{}\", and that counts only when following begins: to begin anew with \"{}\", \
             remove it and apply the configuration",
            one.wish.start, wish.start
        );
        Some(measure(one, Action::Leave, reason, Todo::Nothing))
    });
    late.collect()
}

fn added(wish: &Wish, reason: &'static str) -> Measure {
    Measure {
        action: Action::Create,
        subscription: Some(wish.name.clone()),
        tenant: wish.tenant.clone(),
        resource: wish.resource.to_string(),
        remote_id: None,
        reason: reason.into(),
        todo: Todo::Add(Box::new(wish.clone())),
    }
}

/// The configuration no longer names what it once did.
fn unwished(stored: &Subscription) -> Measure {
    let gone = stored.removed_at.is_some() && stored.remote.is_none();
    let (action, reason, todo) = if gone {
        let reason = "it was removed, and the configuration no longer names it";
        (Action::Forget, reason, Todo::Forget(stored.id))
    } else {
        let reason = "the configuration no longer names it";
        (Action::Delete, reason, Todo::Remove(stored.wish.name.clone()))
    };
    measure(stored, action, reason, todo)
}

fn changed(stored: &Subscription, wish: &Wish) -> Option<Measure> {
    let had = &stored.wish;
    if (&had.tenant, &had.resource) != (&wish.tenant, &wish.resource) {
        let reason = format!(
            "it follows {} in '{}', and the configuration names something else: that goes, and this is added",
            had.resource, had.tenant
        );
        let todo = Todo::Exchange(Box::new(wish.clone()));
        return Some(Measure {
            resource: wish.resource.to_string(),
            ..measure(stored, Action::Recreate, reason, todo)
        });
    }
    let switched = had.via != wish.via;
    let differs = [
        ("via", switched),
        ("lifetime", had.lifetime != wish.lifetime),
        ("select", had.select != wish.select),
        ("include_resource_data", had.include_resource_data != wish.include_resource_data),
        ("where it comes from (it was made through the API)", had.origin != wish.origin),
    ];
    let differs: Vec<&str> =
        differs.into_iter().filter_map(|(what, differs)| differs.then_some(what)).collect();
    if differs.is_empty() {
        return None;
    }
    let reason = format!("the configuration says otherwise: {}", differs.join(", "));
    let resync = had.select != wish.select;
    // Content is selected and encrypted when a remote subscription is made.
    let content = had.include_resource_data || wish.include_resource_data;
    let replace = switched || content && (resync || had.include_resource_data != wish.include_resource_data);
    let renew = !replace && had.lifetime != wish.lifetime;
    let todo = Todo::Update(stored.id, Box::new(NewWish { wish: wish.clone(), renew, replace, resync }));
    Some(measure(stored, Action::Update, reason, todo))
}

/// A measure for what the store knows.
pub(super) fn measure(
    stored: &Subscription,
    action: Action,
    reason: impl Into<Cow<'static, str>>,
    todo: Todo,
) -> Measure {
    Measure {
        action,
        subscription: Some(stored.wish.name.clone()),
        tenant: stored.wish.tenant.clone(),
        resource: stored.wish.resource.to_string(),
        remote_id: stored.remote.as_ref().map(|remote| remote.id.clone()),
        reason: reason.into(),
        todo,
    }
}
