//! Changes of list items, files and folders. Each counts up the item's version, says who made it and when,
//! puts the item at the end of the feed, and rings.

use chrono::{DateTime, Utc};
use serde_json::Map;
use uuid::Uuid;

use super::list::ROOT;
use super::{Actor, Content, Draft, Item, List, World};
use crate::simulator::error::GraphError;
use crate::simulator::sender::Happened;

const DRIVE_ID_LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

impl World {
    /// Makes an item and returns its key.
    pub(crate) fn add_item(&mut self, list: Uuid, draft: Draft, actor: &Actor) -> Result<u64, GraphError> {
        let now = self.clock.now();
        let key = self.add_item_at(list, draft, actor, now)?;
        self.ring(&Happened::InList(list));
        Ok(key)
    }

    /// Makes an item at a time of the past, silently.
    pub(super) fn add_item_at(
        &mut self,
        list: Uuid,
        draft: Draft,
        actor: &Actor,
        at: DateTime<Utc>,
    ) -> Result<u64, GraphError> {
        let change = self.next_change();
        let unique_id = self.random.uuid();
        let drive_id = format!("01{}", self.random.text(DRIVE_ID_LETTERS, 32));
        let list = self.lists.get_mut(&list).ok_or_else(GraphError::item_not_found)?;
        if list.drive.is_some() && list.next_id > ROOT && list.child(draft.parent, &draft.name).is_some() {
            return Err(name_taken());
        }
        let id = list.next_id;
        list.next_id += 1;
        list.by_drive_id.insert(drive_id.clone(), id);
        list.by_change.insert(change, id);
        let item = Item {
            id,
            unique_id,
            drive_id,
            parent: draft.parent,
            name: draft.name,
            content: draft.content,
            fields: draft.fields,
            created: at,
            created_by: actor.clone(),
            modified: at,
            modified_by: actor.clone(),
            version: 1,
            deleted: false,
            change,
            changed_at: at,
        };
        list.items.insert(id, item);
        Ok(id)
    }

    /// Changes an item.
    pub(crate) fn change_item(
        &mut self,
        list: Uuid,
        id: u64,
        actor: &Actor,
        edit: impl FnOnce(&mut Item),
    ) -> Result<(), GraphError> {
        let (change, now) = (self.next_change(), self.clock.now());
        let record = self.lists.get_mut(&list).ok_or_else(GraphError::item_not_found)?;
        record.item(id)?;
        if let Some(item) = record.items.get_mut(&id) {
            edit(item);
            item.version += 1;
            item.modified = now;
            item.modified_by = actor.clone();
        }
        move_in_feed(record, id, change, now);
        self.ring(&Happened::InList(list));
        Ok(())
    }

    /// Renames an item and moves it, as wanted.
    pub(crate) fn relocate_item(
        &mut self,
        list: Uuid,
        id: u64,
        actor: &Actor,
        to: (Option<u64>, Option<String>),
    ) -> Result<(), GraphError> {
        let record = self.list(list)?;
        let item = record.item(id)?;
        let parent = to.0.unwrap_or(item.parent);
        let name = to.1.unwrap_or_else(|| item.name.clone());
        if id == ROOT {
            return Err(GraphError::new(403, "accessDenied", "The root folder cannot be changed."));
        }
        let folder = record.item(parent)?;
        let below_itself = parent == id || record.ancestors(folder).iter().any(|above| above.id == id);
        if below_itself || !matches!(folder.content, Content::Folder) {
            return Err(GraphError::invalid("The destination is not a folder outside the item itself."));
        }
        if record.child(parent, &name).is_some_and(|other| other.id != id) {
            return Err(name_taken());
        }
        self.change_item(list, id, actor, |item| {
            item.parent = parent;
            item.name = name;
        })
    }

    /// Deletes an item, and what lies in it.
    pub(crate) fn remove_item(&mut self, list: Uuid, id: u64) -> Result<(), GraphError> {
        if id == ROOT {
            return Err(GraphError::new(403, "accessDenied", "The root folder cannot be deleted."));
        }
        let record = self.list(list)?;
        record.item(id)?;
        let mut gone = vec![id];
        let mut looked_at = 0;
        while let Some(folder) = gone.get(looked_at).copied() {
            gone.extend(record.children(folder).map(|child| child.id));
            looked_at += 1;
        }
        let now = self.clock.now();
        for id in gone.into_iter().rev() {
            let change = self.next_change();
            let record = self.lists.get_mut(&list).ok_or_else(GraphError::item_not_found)?;
            if let Some(item) = record.items.get_mut(&id) {
                item.deleted = true;
                item.modified = now;
            }
            move_in_feed(record, id, change, now);
        }
        self.ring(&Happened::InList(list));
        Ok(())
    }

    /// Makes every item that is there appear in the next delta, unchanged.
    pub(crate) fn replay_items(&mut self, list: Uuid) {
        let Ok(record) = self.list(list) else { return };
        let keys: Vec<u64> = record.items.values().filter(|item| !item.deleted).map(|item| item.id).collect();
        let now = self.clock.now();
        for id in keys {
            let change = self.next_change();
            if let Some(record) = self.lists.get_mut(&list) {
                move_in_feed(record, id, change, now);
            }
        }
        self.ring(&Happened::InList(list));
    }
}

/// A folder of this name.
pub(crate) fn folder_draft(parent: u64, name: &str) -> Draft {
    Draft { parent, name: name.to_owned(), content: Content::Folder, fields: Map::new() }
}

fn move_in_feed(list: &mut List, id: u64, change: u64, now: DateTime<Utc>) {
    let Some(item) = list.items.get_mut(&id) else { return };
    list.by_change.remove(&item.change);
    list.by_change.insert(change, id);
    item.change = change;
    item.changed_at = now;
}

fn name_taken() -> GraphError {
    GraphError::new(409, "nameAlreadyExists", "An item with the same name already exists under the parent")
}
