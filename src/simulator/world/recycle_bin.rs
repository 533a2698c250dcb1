//! What was deleted and can come back.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::change_log::Action;
use super::{Content, World};
use crate::simulator::error::GraphError;
use crate::simulator::sender::Happened;

/// An item that was deleted, with what lay in it.
#[derive(Debug, Clone)]
pub(crate) struct Recycled {
    pub(crate) id: Uuid,
    pub(crate) list: Uuid,
    /// The item itself first.
    pub(super) items: Vec<u64>,
    pub(crate) name: String,
    pub(crate) at: DateTime<Utc>,
}

impl World {
    /// Keeps what was deleted; answers with the name it has in the bin.
    pub(super) fn keep_recycled(&mut self, list: Uuid, items: Vec<u64>) -> Uuid {
        let change = u128::from(self.latest_change());
        let first = items.first().and_then(|id| self.lists.get(&list)?.items.get(id));
        // No chance is drawn for it, so that what else follows from the seed stays as it was.
        let id = first.map_or_else(Uuid::nil, |item| Uuid::from_u128(item.unique_id.as_u128() ^ change));
        let name = first.map_or_else(String::new, |item| match item.content {
            Content::Row => {
                item.fields.get("Title").and_then(|title| title.as_str()).unwrap_or_default().to_owned()
            }
            _ => item.name.clone(),
        });
        let at = self.clock.now();
        self.recycle_bin.insert(id, Recycled { id, list, items, name, at });
        id
    }

    /// Brings it back to where it was.
    pub(crate) fn restore(&mut self, id: Uuid) -> Result<(), GraphError> {
        let gone = self.recycle_bin.get(&id).ok_or_else(GraphError::item_not_found)?.clone();
        let record = self.list(gone.list)?;
        let first =
            gone.items.first().and_then(|id| record.items.get(id)).ok_or_else(GraphError::item_not_found)?;
        if record.drive.is_some() {
            record.item(first.parent)?;
            if record.child(first.parent, &first.name).is_some() {
                return Err(super::list_writes::name_taken());
            }
        }
        for id in &gone.items {
            let record = self.lists.get_mut(&gone.list).and_then(|list| list.items.get_mut(id));
            if let Some(item) = record {
                item.deleted = false;
            }
        }
        self.note_all(gone.list, gone.items.into_iter(), Action::Restore);
        self.recycle_bin.remove(&id);
        self.ring(&Happened::InList(gone.list));
        Ok(())
    }
}
