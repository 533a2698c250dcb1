//! Where the round of a mailbox stands, read.

use rusqlite::{Connection, Row, params};

use super::super::row::{self, Fields};
use super::super::{mirror, subscription};
use super::{TREE, signed};
use crate::model::{ItemId, SubscriptionId};
use crate::store::{Folder, HeldIn, Members, StoreError, Survey};

pub(super) fn survey(db: &Connection, id: SubscriptionId) -> Result<Survey, StoreError> {
    let found = row::first(
        db,
        "SELECT name, key, pages, folder_round + 1 - folder_round_open AS round FROM subscription WHERE id = ?1",
        [id.to_string()],
        |row| {
            let fields = subscription::fields(row);
            Ok((fields.get::<i64>("key")?, fields.number("pages")?, fields.number("round")?))
        },
    )?;
    let Some((key, pages, round)) = found else { return Ok(Survey::default()) };
    let mut folders = row::all(
        db,
        "SELECT id, link, round, walked_page, changed_page, gone_page, deaths FROM folder
         WHERE subscription = ?1 ORDER BY id",
        [key],
        read_folder,
    )?;
    let tree = folders.iter().position(|folder| folder.id == TREE).map(|at| folders.remove(at));
    let held = row::all(
        db,
        "SELECT folder, min(page) AS first_page, max(page) AS last_page FROM held_removal
         WHERE subscription = ?1 GROUP BY folder",
        [key],
        |row| {
            let fields = Fields::new("held_removal", "folder", row);
            Ok(HeldIn {
                folder: fields.get("folder")?,
                first_page: fields.number("first_page")?,
                last_page: fields.number("last_page")?,
            })
        },
    )?;
    Ok(Survey { round, pages, tree: tree.unwrap_or_default(), folders, held })
}

fn read_folder(row: &Row<'_>) -> Result<Folder, StoreError> {
    let fields = Fields::new("folder", "id", row);
    Ok(Folder {
        id: fields.get("id")?,
        link: fields.optional("link", Fields::json)?,
        round: fields.number("round")?,
        walked_page: fields.number("walked_page")?,
        changed_page: fields.number("changed_page")?,
        gone_page: fields.optional("gone_page", Fields::number)?,
        deaths: fields.number("deaths")?,
    })
}

/// Walks through the mirror. There is no index by folder: it is asked for only when a folder is deleted or
/// its cursor is dead.
pub(super) fn members(
    db: &Connection,
    id: SubscriptionId,
    folder: &str,
    after: Option<ItemId>,
    limit: usize,
) -> Result<Members, StoreError> {
    let (hash, after) = mirror::after(after);
    let items = row::all(
        db,
        concat!(
            "SELECT i.id, ",
            mirror::properties!(),
            " AS properties FROM ",
            mirror::walk!(),
            " AND ",
            mirror::properties!(),
            " ->> '$.parentFolderId' = ?4 ORDER BY p.hash, i.id LIMIT ?5"
        ),
        params![id.to_string(), hash, after, folder, signed(limit)],
        |row| {
            let fields = Fields::new("item", "id", row);
            Ok((ItemId(fields.get("id")?), fields.json("properties")?))
        },
    )?;
    let next = items.last().map(|(item, _)| item.clone()).filter(|_| items.len() == limit);
    Ok(Members { items, next })
}
