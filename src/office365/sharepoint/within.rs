//! What lies in folders that came. Where a folder was restored or copied, the change log may have a row for the folder alone;
//! what came with it is read from the list's items, in pages, before the changes after it. Where there are rows for them as well,
//! they say nothing new.
//!
//! The folders are kept by their numbers, and where they are is asked before and after each page, since they may be renamed
//! meanwhile.

use serde::Deserialize;

use super::super::graph::DeltaPage;
use super::super::{Failure, UNREADABLE_FOLDER, Verdict};
use super::around::folder_at;
use super::items::{Portion, Read, all};
use super::listing::whole;
use super::place::Place;
use super::rows::{Came, Fate, Touched};
use super::shape::as_folder;
use super::site::{ListAt, Site};
use super::token::ChangeToken;
use super::{NO_METADATA, SharePoint};
use crate::model::Properties;
use crate::store::Link;

/// A folder that came.
#[derive(Debug)]
pub(super) struct Folder {
    number: i64,
    path: String,
    /// All that lies in it has a larger number than this one.
    after: i64,
}

impl Folder {
    /// None: it is no folder, or was there before.
    pub(super) fn that_came(number: i64, came: Came, item: &Properties) -> Option<Self> {
        let after = match came {
            Came::Not => return None,
            Came::Anew => number,
            Came::Back => 0,
        };
        as_folder(item).map(|(path, _)| Self { number, path: path.to_owned(), after })
    }
}

/// Where it goes on after a page with such folders: first to what lies in them.
pub(super) fn first(site: &Site, list: ListAt<'_>, link: Link, folders: &[Folder]) -> Result<Link, Failure> {
    let Some(after) = folders.iter().map(|folder| folder.after).min() else { return Ok(link) };
    let (Link::Next(text) | Link::Delta(text)) = &link;
    let Some(Place::Changes(since)) = Place::read(list.id(), text) else { return Ok(link) };
    let url = all(site, list, &[("$skiptoken", &format!("Paged=TRUE&p_ID={after}"))]);
    let folders = folders.iter().map(|folder| folder.number).collect();
    Ok(Link::Next(Place::Within { since, folders, position: site.position(url.as_str())? }.to_text()))
}

impl SharePoint {
    /// Those in which something lies. Where that cannot be seen, it is looked for.
    pub(super) async fn not_empty(&self, site: &Site, folders: Vec<Folder>) -> Result<Vec<Folder>, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Wire {
            item_count: u64,
        }
        let urls: Vec<_> = folders.iter().map(|folder| folder_at(site, &folder.path, "ItemCount")).collect();
        let answers = self.read_all(site, &urls, NO_METADATA).await?;
        let is_empty = |answer: Result<String, Failure>| {
            let read = answer.ok().and_then(|text| serde_json::from_str::<Wire>(&text).ok());
            read.is_some_and(|folder| folder.item_count == 0)
        };
        let looked_at = folders.into_iter().zip(answers);
        Ok(looked_at.filter_map(|(folder, answer)| (!is_empty(answer)).then_some(folder)).collect())
    }

    /// A page of what lies in these folders.
    pub(super) async fn within_page(
        &self,
        site: &Site,
        list: ListAt<'_>,
        since: ChangeToken,
        folders: Vec<i64>,
        position: &str,
    ) -> Result<DeltaPage, Failure> {
        let mut paths = self.paths(site, list, &folders).await?;
        let Portion { mut found, odd, next, at } = self.some(site, list, Some(position)).await?;
        paths.extend(self.paths(site, list, &folders).await?);
        found.retain(|item| {
            let path = item.get("FileRef").and_then(|path| path.as_str()).unwrap_or_default();
            whole(item.get("Id")).is_some() && paths.iter().any(|folder| path.starts_with(folder.as_str()))
        });
        let next = match next.filter(|_| !paths.is_empty()) {
            None => Place::Changes(since),
            Some(position) => Place::Within { since, folders, position },
        };
        let items = self.in_graphs_shape(site, list, found).await?;
        Ok(DeltaPage { items, odd, link: Link::Next(next.to_text()), at, ahead_of_log: false })
    }

    /// What the paths of all that lies in these folders begin with. One that is gone meanwhile has none: its removal is told
    /// afterwards, and nothing that lay in it was told before.
    async fn paths(&self, site: &Site, list: ListAt<'_>, folders: &[i64]) -> Result<Vec<String>, Failure> {
        let there =
            |item: &i64| Touched { item: *item, fate: Fate::There, came: Came::Anew, unique_id: None };
        let asked: Vec<Touched> = folders.iter().map(there).collect();
        let read = self.read_touched(site, list, &asked.iter().collect::<Vec<_>>()).await?;
        let path = |read: &Read| match read {
            Read::Here(folder) => as_folder(folder).map(|(path, _)| Ok(format!("{path}/"))),
            Read::NotFound => None,
            Read::Unreadable => Some(Err(unreadable())),
        };
        read.iter().filter_map(path).collect()
    }
}

/// Where a folder is that cannot be read nobody knows, and so not what lies in it.
fn unreadable() -> Failure {
    let message = "A folder that came cannot be read, which says where to look for what lies in it";
    Failure::local(Verdict::Transient, UNREADABLE_FOLDER, message)
}
