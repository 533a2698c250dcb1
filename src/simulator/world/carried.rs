//! Copying items to another place, and moving them into another list. What comes there is new, and has new ids.

use std::collections::HashMap;

use serde::Deserialize;
use uuid::Uuid;

use super::change_log::Action;
use super::list_writes::name_taken;
use super::{Actor, Content, Draft, Item, World};
use crate::simulator::error::GraphError;
use crate::simulator::sender::Happened;

/// What becomes of the items where they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Carry {
    Copy,
    /// Into another list: within a list it is relocated, and stays what it is.
    Move,
}

impl World {
    /// Carries an item, and what lies in it, into a folder. Answers with what it is there.
    pub(crate) fn carry_item(
        &mut self,
        (from, id): (Uuid, u64),
        (to, folder): (Uuid, u64),
        carry: Carry,
        actor: &Actor,
    ) -> Result<u64, GraphError> {
        let (source, target) = (self.list(from)?, self.list(to)?);
        let name = &source.item(id)?.name;
        if source.drive.is_none() || target.drive.is_none() || carry == Carry::Move && from == to {
            return Err(GraphError::invalid(
                "Files and folders are carried, and moved from one library to another.",
            ));
        }
        if !matches!(target.item(folder)?.content, Content::Folder) {
            return Err(GraphError::invalid("The destination is not a folder."));
        }
        if target.child(folder, name).is_some() {
            return Err(name_taken());
        }
        let below = source.with_contents(id);
        if from == to && below.contains(&folder) {
            return Err(GraphError::invalid("The destination is inside the item itself."));
        }
        let carried: Vec<Item> = below.iter().filter_map(|id| source.items.get(id)).cloned().collect();
        let mut numbers: HashMap<u64, u64> = HashMap::new();
        let mut came = Vec::new();
        for item in &carried {
            let parent = numbers.get(&item.parent).copied().unwrap_or(folder);
            let number = self.put_copy(to, item, parent, carry, actor)?;
            numbers.insert(item.id, number);
            came.push(number);
        }
        let first = came.first().copied();
        let comes = if carry == Carry::Move { Action::MoveInto } else { Action::Add };
        self.note_all(to, came.into_iter(), comes);
        self.ring(&Happened::InList(to));
        if carry == Carry::Move {
            self.take_away(from, &carried);
        }
        first.ok_or_else(GraphError::item_not_found)
    }

    /// What is moved keeps who made it, and when.
    fn put_copy(
        &mut self,
        to: Uuid,
        item: &Item,
        parent: u64,
        carry: Carry,
        actor: &Actor,
    ) -> Result<u64, GraphError> {
        let draft = Draft {
            parent,
            name: item.name.clone(),
            content: item.content.clone(),
            fields: item.fields.clone(),
        };
        let now = self.clock.now();
        let number = self.put_item(to, draft, actor, now)?;
        let put = self.lists.get_mut(&to).and_then(|list| list.items.get_mut(&number));
        if let (Carry::Move, Some(put)) = (carry, put) {
            put.created = item.created;
            put.created_by = item.created_by.clone();
        }
        Ok(number)
    }

    fn take_away(&mut self, from: Uuid, carried: &[Item]) {
        for item in carried {
            if let Some(item) = self.lists.get_mut(&from).and_then(|list| list.items.get_mut(&item.id)) {
                item.deleted = true;
            }
        }
        self.note_all(from, carried.iter().rev().map(|item| item.id), Action::MoveAway);
        self.ring(&Happened::InList(from));
    }
}
