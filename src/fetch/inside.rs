//! What lay in folders that were removed. SharePoint may note the removal of a folder alone; what lay in it the mirror knows, and
//! it is told as removed with the folder. Where it is noted as well, it is known to be gone by then.
//!
//! The mirror is as old as the changes that were read. Where more are to come, something may have left the folder before it was
//! removed: what lay in it is then read before anything is told of it, and what is there still is told as it is now.

use std::collections::{HashMap, HashSet};

use super::Fetcher;
use super::flight::{unstored, unwritable};
use super::odd::PATIENCE;
use crate::model::{Body, Item, ItemId, Properties, Target, Via};
use crate::office365::{Failure, Verdict};
use crate::store::{Claim, Known};

/// Items that are told as removed with one page. Those of larger folders are found by reading everything anew, a few at a time.
const MOST: usize = 1000;

/// As many are read even where reading more has failed again and again, as it may where a tenant may ask for little at a time.
const FEW: usize = 100;

/// What the content types of folders begin with.
const FOLDER_TYPE: &str = "0x0120";

/// Whether what was removed may have been a folder that went without a word of what lay in it.
pub(super) fn looks_inside(target: &Target) -> bool {
    target.via() == Via::SharePoint
}

impl Fetcher {
    /// Puts before the items of a page those that lay in the folders which it shows as removed, and adds to `known` what is
    /// known of them. Whether the page is ahead of the change log comes with its items.
    pub(super) async fn with_contents(
        &self,
        claim: &Claim,
        (mut items, ahead): (Vec<Item>, bool),
        known: &mut HashMap<ItemId, Known>,
    ) -> Result<Vec<Item>, Failure> {
        if !self.reach(claim).is_ok_and(|(_, target)| looks_inside(target)) {
            return Ok(items);
        }
        let removed = items.iter().filter(|item| item.removed);
        let mut folders: Vec<String> = removed.filter_map(|item| folder(item, known.get(&item.id))).collect();
        let shown: HashSet<ItemId> = items.iter().map(|item| item.id.clone()).collect();
        let mut inside = Vec::new();
        while !folders.is_empty() {
            let found = self.store.inside(claim.subscription.id, std::mem::take(&mut folders), MOST).await;
            let mut found = found.map_err(|error| unstored(&error))?;
            // Before those are left out that the page shows: there may be more than were looked at.
            let is_all = found.len() < MOST;
            // What the page shows has its own fate.
            found.retain(|(id, _)| !shown.contains(id) && !known.contains_key(id));
            if !is_all || inside.len() + found.len() >= MOST {
                return Err(too_many());
            }
            let ids: Vec<ItemId> = found.iter().map(|(id, _)| id.clone()).collect();
            known.extend(found.into_iter().map(|(id, properties)| (id, Known::Here(properties))));
            let now = if ahead { self.looked_at(claim, &ids).await? } else { all_removed(ids)? };
            folders.extend(
                now.iter().filter(|item| item.removed).filter_map(|item| folder(item, known.get(&item.id))),
            );
            inside.extend(now);
        }
        inside.reverse();
        items.splice(..0, inside);
        Ok(items)
    }

    /// What items are now.
    async fn looked_at(&self, claim: &Claim, ids: &[ItemId]) -> Result<Vec<Item>, Failure> {
        if ids.len() > FEW && claim.attempts >= PATIENCE {
            return Err(too_many());
        }
        let (tenant, target) = self.reach(claim)?;
        tenant.items_now(target, ids).await
    }
}

fn all_removed(ids: Vec<ItemId>) -> Result<Vec<Item>, Failure> {
    let body = Body::of(&Properties::new()).map_err(|error| unwritable(&error))?;
    Ok(ids.into_iter().map(|id| Item { id, body: body.clone(), removed: true, partial: false }).collect())
}

/// The unique id of a removed item that was a folder, or may have been one for all that is known.
fn folder(item: &Item, known: Option<&Known>) -> Option<String> {
    match known {
        Some(Known::Gone) => None,
        Some(Known::Here(before)) => unique_id(before).filter(|_| is_folder(before)),
        None => {
            let properties = item.body.properties().ok()?;
            let id = properties.get("sharepointIds")?.get("listItemUniqueId")?;
            id.as_str().map(str::to_owned)
        }
    }
}

fn is_folder(item: &Properties) -> bool {
    let kind = item.get("contentType").and_then(|kind| kind.get("id")?.as_str());
    kind.is_some_and(|kind| kind.starts_with(FOLDER_TYPE))
}

/// What the children of a folder call it, which its eTag begins with: `"GUID,VERSION"`.
fn unique_id(folder: &Properties) -> Option<String> {
    let etag = folder.get("eTag")?.as_str()?.trim_matches('"');
    etag.split_once(',').map(|(id, _)| id.to_owned())
}

fn too_many() -> Failure {
    let message =
        "A folder with very many items was removed: everything is read anew, and what is gone is told";
    Failure::local(Verdict::Gone { restart: None }, "largeFolder", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn properties(value: &Value) -> Properties {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn only_what_was_or_may_have_been_a_folder_is_looked_into() {
        let body = Body::of(&properties(&json!({"sharepointIds": {"listItemUniqueId": "u"}}))).unwrap();
        let item = Item { id: ItemId("7".to_owned()), body, removed: true, partial: false };
        let here =
            |kind: &str| Known::Here(properties(&json!({"eTag": "\"g-1,3\"", "contentType": {"id": kind}})));
        assert_eq!(folder(&item, None).as_deref(), Some("u"));
        assert_eq!(folder(&item, Some(&here("0x012000AB"))).as_deref(), Some("g-1"));
        assert_eq!(folder(&item, Some(&here("0x0101"))), None);
        assert_eq!(folder(&item, Some(&Known::Gone)), None);
    }
}
