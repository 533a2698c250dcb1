//! SharePoint lists. A document library is a list whose items are files and folders, and a drive is another
//! view of a library: one record serves all three.

use std::collections::{BTreeMap, HashMap};

use actix_web::web::Bytes;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::change_log::ChangeLog;
use super::quick_xor::quick_xor_hash;
use super::{Actor, World};
use crate::simulator::error::GraphError;

/// The key of a library's root folder, which is no list item.
pub(crate) const ROOT: u64 = 0;

/// A list or document library.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) id: Uuid,
    /// The site collection it is in.
    pub(crate) site: Uuid,
    /// The last part of its address.
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) web_url: String,
    pub(crate) created: DateTime<Utc>,
    pub(crate) columns: Vec<Column>,
    pub(crate) drive: Option<Drive>,
    pub(crate) items: BTreeMap<u64, Item>,
    /// Delta tokens numbered below this have expired.
    pub(crate) oldest_token: u64,
    pub(crate) log: ChangeLog,
    pub(super) by_drive_id: HashMap<String, u64>,
    /// For each item its latest change, in order: the delta feed.
    pub(super) by_change: BTreeMap<u64, u64>,
    pub(super) next_id: u64,
}

/// The drive side of a library.
#[derive(Debug, Clone)]
pub(crate) struct Drive {
    /// `b!…`.
    pub(crate) id: String,
    /// The user whose OneDrive it is.
    pub(crate) owner: Option<Uuid>,
}

/// A column of a list.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// The facet that tells its type.
    pub(crate) kind: &'static str,
    pub(crate) hidden: bool,
    pub(crate) read_only: bool,
}

/// An entry of a list, or a file or folder of a library. A deleted one stays as a tombstone for delta.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) id: u64,
    pub(crate) unique_id: Uuid,
    pub(crate) drive_id: String,
    /// The folder it lies in.
    pub(crate) parent: u64,
    pub(crate) name: String,
    pub(crate) content: Content,
    pub(crate) fields: Map<String, Value>,
    pub(crate) created: DateTime<Utc>,
    pub(crate) created_by: Actor,
    pub(crate) modified: DateTime<Utc>,
    pub(crate) modified_by: Actor,
    pub(crate) version: u32,
    pub(crate) deleted: bool,
    pub(crate) change: u64,
    pub(crate) changed_at: DateTime<Utc>,
}

/// What an item is.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// A row of a plain list.
    Row,
    Folder,
    File(File),
}

/// The content of a file.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) bytes: Bytes,
    pub(crate) media_type: String,
    pub(crate) hash: String,
    /// Counts changes of the content alone (the `cTag`).
    pub(crate) version: u32,
}

impl File {
    pub(crate) fn new(bytes: Bytes, media_type: &str, version: u32) -> Self {
        Self { hash: quick_xor_hash(&bytes), bytes, media_type: media_type.to_owned(), version }
    }
}

/// What an item is made from.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) parent: u64,
    pub(crate) name: String,
    pub(crate) content: Content,
    pub(crate) fields: Map<String, Value>,
}

impl List {
    /// Items changed after the cursor, in the order of their latest change; deleted ones included.
    pub(crate) fn changed_since(&self, cursor: u64) -> impl Iterator<Item = &Item> {
        let later = self.by_change.range(cursor.saturating_add(1)..);
        later.filter_map(|(_, id)| self.items.get(id))
    }

    /// The cursor from which everything changed at `time` or later is seen.
    pub(crate) fn cursor_at(&self, time: DateTime<Utc>) -> Option<u64> {
        self.items
            .values()
            .filter(|item| item.changed_at >= time)
            .map(|item| item.change)
            .min()
            .map(|first| first - 1)
    }

    /// An item that is there.
    pub(crate) fn item(&self, id: u64) -> Result<&Item, GraphError> {
        self.items.get(&id).filter(|item| !item.deleted).ok_or_else(GraphError::item_not_found)
    }

    /// The key of an item, by its id in the drive.
    pub(crate) fn by_drive_id(&self, id: &str) -> Result<u64, GraphError> {
        if id.eq_ignore_ascii_case("root") {
            return Ok(ROOT);
        }
        let key = self.by_drive_id.get(id).copied().ok_or_else(GraphError::item_not_found)?;
        self.item(key).map(|item| item.id)
    }

    /// The key of an item, by its path below a folder.
    pub(crate) fn by_path(&self, folder: u64, path: &str) -> Result<u64, GraphError> {
        path.split('/').filter(|name| !name.is_empty()).try_fold(folder, |folder, name| {
            self.child(folder, name).map(|item| item.id).ok_or_else(GraphError::item_not_found)
        })
    }

    /// What a folder holds under this name; SharePoint compares names without case.
    pub(crate) fn child(&self, folder: u64, name: &str) -> Option<&Item> {
        let wanted = name.to_lowercase();
        self.children(folder).find(|item| item.name.to_lowercase() == wanted)
    }

    pub(crate) fn children(&self, folder: u64) -> impl Iterator<Item = &Item> {
        self.items.values().filter(move |item| item.id != ROOT && item.parent == folder && !item.deleted)
    }

    /// An item and what lies in it, folders before what they hold.
    pub(crate) fn with_contents(&self, id: u64) -> Vec<u64> {
        let mut found = vec![id];
        let mut looked_at = 0;
        while let Some(folder) = found.get(looked_at).copied() {
            found.extend(self.children(folder).map(|child| child.id));
            looked_at += 1;
        }
        found
    }

    /// The folders from an item up to the root, nearest first.
    pub(crate) fn ancestors(&self, item: &Item) -> Vec<&Item> {
        let mut above = Vec::new();
        let mut next = (item.id != ROOT).then_some(item.parent);
        while let Some(folder) = next.and_then(|id| self.items.get(&id)) {
            above.push(folder);
            next = (folder.id != ROOT && above.len() < 64).then_some(folder.parent);
        }
        above
    }

    /// The template, in Graph's words.
    pub(crate) fn template(&self) -> &'static str {
        match &self.drive {
            None => "genericList",
            Some(drive) if drive.owner.is_some() => "mySiteDocumentLibrary",
            Some(_) => "documentLibrary",
        }
    }
}

impl World {
    /// A list of a site, by guid, title or name.
    pub(crate) fn list_of(&self, site: Uuid, key: &str) -> Result<&List, GraphError> {
        let found = self.lists.values().find(|list| {
            list.site == site
                && (list.id.to_string().eq_ignore_ascii_case(key)
                    || list.title.eq_ignore_ascii_case(key)
                    || list.name.eq_ignore_ascii_case(key))
        });
        found.ok_or_else(|| GraphError::new(404, "itemNotFound", "The specified list was not found"))
    }

    /// A list that is known to exist.
    pub(crate) fn list(&self, id: Uuid) -> Result<&List, GraphError> {
        self.lists.get(&id).ok_or_else(GraphError::item_not_found)
    }

    /// The library behind a drive id.
    pub(crate) fn drive(&self, id: &str) -> Result<&List, GraphError> {
        let found = self.lists.values().find(|list| list.drive.as_ref().is_some_and(|drive| drive.id == id));
        found.ok_or_else(GraphError::item_not_found)
    }
}
