//! Changes of list items, files and folders. Each counts up the item's version, says who made it and when,
//! puts the item at the end of the feed and into the change log, and rings.

use chrono::{DateTime, Utc};
use serde_json::Map;
use uuid::Uuid;

use super::change_log::{Action, Row};
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
        let id = self.put_item(list, draft, actor, at)?;
        self.note(list, id, &[Action::Add], at);
        Ok(id)
    }

    /// Makes an item of which nothing is written down yet.
    pub(super) fn put_item(
        &mut self,
        list: Uuid,
        draft: Draft,
        actor: &Actor,
        at: DateTime<Utc>,
    ) -> Result<u64, GraphError> {
        let unique_id = self.random.uuid();
        let drive_id = format!("01{}", self.random.text(DRIVE_ID_LETTERS, 32));
        let list = self.lists.get_mut(&list).ok_or_else(GraphError::item_not_found)?;
        if list.drive.is_some() && list.next_id > ROOT && list.child(draft.parent, &draft.name).is_some() {
            return Err(name_taken());
        }
        let id = list.next_id;
        list.next_id += 1;
        list.by_drive_id.insert(drive_id.clone(), id);
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
            change: 0,
            changed_at: at,
        };
        list.items.insert(id, item);
        Ok(id)
    }

    /// Changes an item. What is in a file is saved by its author, and its properties then by SharePoint.
    pub(crate) fn change_item(
        &mut self,
        list: Uuid,
        id: u64,
        actor: &Actor,
        edit: impl FnOnce(&mut Item),
    ) -> Result<(), GraphError> {
        let actions: &[Action] = match self.list(list)?.item(id)?.content {
            Content::File(_) => &[Action::Update, Action::SystemUpdate],
            Content::Folder | Content::Row => &[Action::Update],
        };
        self.write_item(list, id, (actor, actions), edit)
    }

    fn write_item(
        &mut self,
        list: Uuid,
        id: u64,
        (actor, actions): (&Actor, &[Action]),
        edit: impl FnOnce(&mut Item),
    ) -> Result<(), GraphError> {
        let now = self.clock.now();
        let record = self.lists.get_mut(&list).ok_or_else(GraphError::item_not_found)?;
        record.item(id)?;
        if let Some(item) = record.items.get_mut(&id) {
            edit(item);
            item.version += 1;
            item.modified = now;
            item.modified_by = actor.clone();
        }
        self.note(list, id, actions, now);
        self.ring(&Happened::InList(list));
        Ok(())
    }

    /// Writes down what was done to an item: a row for each action, and its place in the feed by the last of them.
    /// Without any it has its place in the feed alone.
    pub(super) fn note(&mut self, list: Uuid, id: u64, actions: &[Action], now: DateTime<Utc>) {
        if actions.is_empty() {
            let number = self.next_change();
            self.lists.get_mut(&list).into_iter().for_each(|record| move_in_feed(record, id, number, now));
        }
        for action in actions {
            let number = self.next_change();
            let Some(record) = self.lists.get_mut(&list) else { return };
            move_in_feed(record, id, number, now);
            let is_root = record.drive.is_some() && id == ROOT;
            if let (false, Some(item)) = (is_root, record.items.get(&id)) {
                record.log.write(Row {
                    number,
                    item: id,
                    unique_id: item.unique_id,
                    at_top: item.parent == ROOT,
                    action: *action,
                    at: now,
                });
            }
        }
    }

    /// Writes down what was done to a folder and all that lies in it: each gets its place in the feed. In the log it may be that
    /// the folder alone has a row.
    pub(super) fn note_all(&mut self, list: Uuid, ids: impl Iterator<Item = u64>, action: Action) {
        let now = self.clock.now();
        let ids: Vec<u64> = ids.collect();
        for id in ids.iter().copied() {
            let record = self.lists.get(&list);
            let parent = record.and_then(|record| record.items.get(&id)).map(|item| item.parent);
            let is_within = parent.is_some_and(|parent| ids.contains(&parent));
            let actions: &[Action] =
                if is_within && !self.settings.folder_rows.each { &[] } else { &[action] };
            self.note(list, id, actions, now);
        }
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
        let mut actions = Vec::new();
        if parent != item.parent {
            actions.extend([Action::MoveAway, Action::MoveInto]);
        }
        if name != item.name || actions.is_empty() {
            actions.push(Action::Rename);
        }
        self.write_item(list, id, (actor, &actions), |item| {
            item.parent = parent;
            item.name = name;
        })
    }

    /// Deletes an item, and what lies in it. Answers with the name that it has in the recycle bin.
    pub(crate) fn remove_item(&mut self, list: Uuid, id: u64) -> Result<Uuid, GraphError> {
        if id == ROOT {
            return Err(GraphError::new(403, "accessDenied", "The root folder cannot be deleted."));
        }
        let record = self.list(list)?;
        record.item(id)?;
        let gone = record.with_contents(id);
        for id in &gone {
            if let Some(item) = self.lists.get_mut(&list).and_then(|record| record.items.get_mut(id)) {
                item.deleted = true;
            }
        }
        self.note_all(list, gone.iter().rev().copied(), Action::Delete);
        let recycled = self.keep_recycled(list, gone);
        self.ring(&Happened::InList(list));
        Ok(recycled)
    }

    /// Gives somebody a right to an item, which stays as it is.
    pub(crate) fn share_item(&mut self, list: Uuid, id: u64) -> Result<(), GraphError> {
        self.list(list)?.item(id)?;
        self.note(list, id, &[Action::AssignmentAdd], self.clock.now());
        self.ring(&Happened::InList(list));
        Ok(())
    }

    /// Makes every item that is there appear in the next delta, unchanged.
    pub(crate) fn replay_items(&mut self, list: Uuid) {
        let Ok(record) = self.list(list) else { return };
        let keys: Vec<u64> = record.items.values().filter(|item| !item.deleted).map(|item| item.id).collect();
        let now = self.clock.now();
        for id in keys {
            self.note(list, id, &[Action::SystemUpdate], now);
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

pub(super) fn name_taken() -> GraphError {
    GraphError::new(409, "nameAlreadyExists", "An item with the same name already exists under the parent")
}
