//! What is not in an item and makes Graph's item of it: the list's columns, the ids of folders, and what the directory calls
//! people.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use url::Url;

use super::super::{Failure, Verdict};
use super::columns::Columns;
use super::element::body_text;
use super::listing::Listing;
use super::shape::{self, Surroundings};
use super::site::{ListAt, Site, with_options};
use super::{Call, NO_METADATA, PAGE, SharePoint};
use crate::model::{Body, Item, ItemId, Properties};

/// How long it is believed what the columns of a list are. One that has a value and is new is looked for at once.
const COLUMNS_HOLD: TimeDelta = TimeDelta::hours(1);

/// Lists and people that are remembered. When there are more, all are forgotten and asked for again.
const MOST_LISTS: usize = 2_000;
const MOST_PEOPLE: usize = 20_000;

/// What is remembered of lists and people. All of it can be asked for again.
#[derive(Debug, Default)]
pub(super) struct Lore {
    lists: Mutex<HashMap<String, Arc<KnownList>>>,
    /// By site collection and number; none: the directory does not know them.
    people: Mutex<HashMap<(String, i64), Option<String>>>,
}

/// What is known of a list.
#[derive(Debug)]
struct KnownList {
    columns: Columns,
    /// What items have had values for that SharePoint does not call columns: looked for in vain.
    in_vain: HashSet<String>,
    /// Path and id of its root folder.
    root: (String, String),
    at: DateTime<Utc>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireFolder {
    #[serde(default)]
    server_relative_url: String,
    unique_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireUser {
    aad_object_id: Option<WireUserId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireUserId {
    name_id: Option<String>,
}

impl SharePoint {
    /// Items in the shape that Graph gives them, in their order.
    pub(super) async fn in_graphs_shape(
        &self,
        site: &Site,
        list: ListAt<'_>,
        items: Vec<Properties>,
    ) -> Result<Vec<Item>, Failure> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.known_list(site, list, &items).await?;
        let around = Surroundings {
            site: list.site().to_owned(),
            origin: site.origin(),
            folders: self.folders(site, &known, &items).await?,
            people: self.people(site, list, &items).await?,
        };
        let shaped = items.iter().filter_map(|item| shape::list_item(item, &known.columns, &around));
        shaped.map(|properties| whole(&properties)).collect()
    }

    /// What is known of the list, as far as these items need it.
    async fn known_list(
        &self,
        site: &Site,
        list: ListAt<'_>,
        items: &[Properties],
    ) -> Result<Arc<KnownList>, Failure> {
        let known = self.lore.lists.lock().unwrap_or_else(PoisonError::into_inner).get(list.id()).cloned();
        let now = self.clock.now();
        let holds = |known: &Arc<KnownList>| {
            let mut unknown = items.iter().flat_map(|item| known.columns.unknown(item));
            now - known.at < COLUMNS_HOLD && unknown.all(|property| known.in_vain.contains(property))
        };
        if let Some(known) = known.filter(holds) {
            return Ok(known);
        }
        let columns = self.columns(site, list).await?;
        let unknown = items.iter().flat_map(|item| columns.unknown(item));
        let known = Arc::new(KnownList {
            in_vain: unknown.map(str::to_owned).collect(),
            columns,
            root: self.root_folder(site, list).await?,
            at: now,
        });
        let mut lists = self.lore.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if lists.len() >= MOST_LISTS {
            lists.clear();
        }
        lists.insert(list.id().to_owned(), Arc::clone(&known));
        Ok(known)
    }

    async fn columns(&self, site: &Site, list: ListAt<'_>) -> Result<Columns, Failure> {
        let wanted = [("$select", "InternalName,EntityPropertyName,TypeAsString,Hidden")];
        let url = with_options(site.list(list, &["fields"]), &wanted);
        let answer = self.send(&Call { limits: PAGE, ..Call::get("columns", site, url) }).await?;
        let text = body_text(&answer.body);
        let read = Listing::read(&text).and_then(|listing| Columns::read(&listing.elements));
        read.map_err(|error| unreadable("columns", &error))
    }

    async fn root_folder(&self, site: &Site, list: ListAt<'_>) -> Result<(String, String), Failure> {
        let url =
            with_options(site.list(list, &["RootFolder"]), &[("$select", "ServerRelativeUrl,UniqueId")]);
        let (folder, _) = self.read::<WireFolder>(&Call::get("root folder", site, url)).await?;
        Ok((folder.server_relative_url, folder.unique_id))
    }

    /// The ids of the folders that the items lie in. A folder that has gone elsewhere meanwhile is left out: its id is the
    /// same there, and whoever knew it knows it still.
    async fn folders(
        &self,
        site: &Site,
        known: &KnownList,
        items: &[Properties],
    ) -> Result<HashMap<String, String>, Failure> {
        let mut folders: HashMap<String, String> = HashMap::from([known.root.clone()]);
        let among_them = items.iter().filter_map(shape::as_folder);
        folders.extend(among_them.map(|(path, id)| (path.to_owned(), id.to_owned())));
        let unknown: BTreeSet<&str> =
            items.iter().filter_map(shape::folder).filter(|path| !folders.contains_key(*path)).collect();
        let urls: Vec<Url> = unknown.iter().map(|path| folder_at(site, path, "UniqueId")).collect();
        let answers = self.read_all(site, &urls, NO_METADATA).await?;
        for (path, answer) in unknown.into_iter().zip(answers) {
            let folder = match answer {
                Ok(text) => {
                    serde_json::from_str::<WireFolder>(&text).map_err(|error| unreadable("folder", &error))?
                }
                // Of a folder that is gone, or that may not be read, the item says no more than its path.
                Err(Failure {
                    verdict: Verdict::NotFound | Verdict::Forbidden | Verdict::Rejected, ..
                }) => continue,
                Err(failure) => return Err(failure),
            };
            folders.insert(path.to_owned(), folder.unique_id);
        }
        Ok(folders)
    }

    /// What the directory calls the people who made and changed the items. Whom it does not know, or where it does not say,
    /// is told without.
    async fn people(
        &self,
        site: &Site,
        list: ListAt<'_>,
        items: &[Properties],
    ) -> Result<HashMap<i64, String>, Failure> {
        let wanted: HashSet<i64> = items.iter().flat_map(shape::people).collect();
        let mut named = self.lore.known_people(list.site(), &wanted);
        let asked: Vec<i64> = wanted.into_iter().filter(|number| !named.contains_key(number)).collect();
        let urls: Vec<Url> = asked.iter().map(|number| person_at(site, *number)).collect();
        let answers = self.read_all(site, &urls, NO_METADATA).await?;
        let found = asked.into_iter().zip(answers).map(|(number, answer)| {
            let user = answer.ok().and_then(|text| serde_json::from_str::<WireUser>(&text).ok());
            (number, user.and_then(|user| user.aad_object_id?.name_id))
        });
        let found: Vec<_> = found.collect();
        self.lore.learn_people(list.site(), &found);
        named.extend(found);
        Ok(named.into_iter().filter_map(|(number, id)| Some((number, id?))).collect())
    }
}

impl Lore {
    /// What is known of these people; of some it is known that the directory does not know them.
    fn known_people(&self, site: &str, wanted: &HashSet<i64>) -> HashMap<i64, Option<String>> {
        let people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        let known = wanted.iter().filter_map(|number| {
            let id = people.get(&(site.to_owned(), *number))?;
            Some((*number, id.clone()))
        });
        known.collect()
    }

    fn learn_people(&self, site: &str, found: &[(i64, Option<String>)]) {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        if people.len() + found.len() > MOST_PEOPLE {
            people.clear();
        }
        people.extend(found.iter().map(|(number, id)| ((site.to_owned(), *number), id.clone())));
    }
}

pub(super) fn folder_at(site: &Site, path: &str, select: &str) -> Url {
    // What is quoted doubles its quotes.
    let folder = format!("'{}'", path.replace('\'', "''"));
    let url = site.named(["_api", "web", "GetFolderByServerRelativePath(decodedurl=@folder)"]);
    with_options(url, &[("@folder", &folder), ("$select", select)])
}

fn person_at(site: &Site, number: i64) -> Url {
    let person = format!("GetUserById({number})");
    with_options(site.named(["_api", "web", person.as_str()]), &[("$select", "AadObjectId")])
}

fn whole(properties: &Properties) -> Result<Item, Failure> {
    let id = properties.get("id").and_then(|id| id.as_str()).unwrap_or_default().to_owned();
    let body = Body::of(properties).map_err(|error| unreadable("items", &error))?;
    Ok(Item { id: ItemId(id), body, removed: false, partial: false })
}

fn unreadable(what: &str, error: &serde_json::Error) -> Failure {
    let message = format!("SharePoint's answer ({what}) cannot be read: {error}");
    Failure::local(Verdict::Transient, "unreadable", message)
}
