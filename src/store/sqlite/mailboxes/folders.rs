//! The cursors of a mailbox's folders, and the removals that are held, written.

use rusqlite::{Connection, params};

use super::super::row::{self, to_json};
use super::{TREE, signed};
use crate::model::ItemId;
use crate::store::{Link, StoreError};

/// A page of a walk.
pub(super) struct Walked {
    pub(super) round: u64,
    /// The number of pages when it was asked for.
    pub(super) at_page: u64,
    /// Whether it brought something.
    pub(super) changed: bool,
}

/// What a page of the tree says of folders. If it is `whole`, those that it does not name are gone.
pub(super) fn told(
    db: &Connection,
    key: i64,
    whole: bool,
    here: &[String],
    gone: &[String],
) -> Result<(), StoreError> {
    if whole {
        all_gone(db, key)?;
    }
    for folder in [TREE].into_iter().chain(here.iter().map(String::as_str)) {
        row::execute(
            db,
            "INSERT INTO folder (subscription, id) VALUES (?1, ?2)
             ON CONFLICT (subscription, id) DO UPDATE SET gone_page = NULL",
            params![key, folder],
        )?;
    }
    for folder in gone {
        self::gone(db, key, folder)?;
    }
    Ok(())
}

/// All folders count as gone until they are seen again.
pub(super) fn all_gone(db: &Connection, key: i64) -> Result<(), StoreError> {
    row::execute(
        db,
        "UPDATE folder SET gone_page = ifnull(gone_page, (SELECT pages FROM subscription WHERE key = ?1))
         WHERE subscription = ?1 AND id <> ?2",
        params![key, TREE],
    )?;
    Ok(())
}

pub(super) fn gone(db: &Connection, key: i64, folder: &str) -> Result<(), StoreError> {
    row::execute(
        db,
        "UPDATE folder SET gone_page = ifnull(gone_page, (SELECT pages FROM subscription WHERE key = ?1))
         WHERE subscription = ?1 AND id = ?2",
        params![key, folder],
    )?;
    Ok(())
}

/// A folder that is gone, and whose messages were all told, is forgotten.
pub(super) fn forget(db: &Connection, key: i64, folder: &str) -> Result<(), StoreError> {
    row::execute(
        db,
        "DELETE FROM folder WHERE subscription = ?1 AND id = ?2 AND gone_page IS NOT NULL",
        params![key, folder],
    )?;
    Ok(())
}

/// It is asked from its beginning.
pub(super) fn unlink(db: &Connection, key: i64, folder: &str) -> Result<(), StoreError> {
    row::execute(
        db,
        "UPDATE folder SET link = NULL, round = 0 WHERE subscription = ?1 AND id = ?2",
        params![key, folder],
    )?;
    Ok(())
}

/// Its cursor is dead.
pub(super) fn died(db: &Connection, key: i64, folder: &str) -> Result<(), StoreError> {
    row::execute(
        db,
        "UPDATE folder SET deaths = deaths + 1 WHERE subscription = ?1 AND id = ?2",
        params![key, folder],
    )?;
    unlink(db, key, folder)
}

/// Should the doubt about its messages break off, the folder has to be asked before any of them is told.
pub(super) fn asked_before_told(db: &Connection, key: i64, folder: &str) -> Result<(), StoreError> {
    row::execute(
        db,
        "UPDATE folder SET round = 0 WHERE subscription = ?1 AND id = ?2",
        params![key, folder],
    )?;
    Ok(())
}

/// The folder's cursor after a page; without a link, the page was all there is. A walk began where it was asked without
/// a next link.
pub(super) fn turned(
    db: &Connection,
    key: i64,
    folder: &str,
    link: Option<&Link>,
    Walked { round, at_page, changed }: Walked,
) -> Result<(), StoreError> {
    row::execute(
        db,
        "UPDATE folder SET walk_page = CASE WHEN link IS NULL OR link NOT LIKE '{\"Next\"%' THEN ?3 ELSE walk_page END,
                           changed_page = CASE WHEN ?4 THEN ?3 ELSE changed_page END
         WHERE subscription = ?1 AND id = ?2",
        params![key, folder, signed(at_page), changed],
    )?;
    let finished = !matches!(link, Some(Link::Next(_)));
    row::execute(
        db,
        "UPDATE folder SET link = ?3, round = CASE WHEN ?4 THEN ?5 ELSE round END,
                           walked_page = CASE WHEN ?4 THEN walk_page ELSE walked_page END,
                           deaths = CASE WHEN ?4 THEN 0 ELSE deaths END
         WHERE subscription = ?1 AND id = ?2",
        params![key, folder, link.map(to_json).transpose()?, finished, signed(round)],
    )?;
    Ok(())
}

/// From now on: once more after the page that is being committed, so that only what is asked for later counts.
pub(super) fn hold(db: &Connection, key: i64, folder: &str, items: &[ItemId]) -> Result<(), StoreError> {
    for item in items {
        row::execute(
            db,
            "INSERT INTO held_removal (subscription, item, folder, page)
             SELECT key, ?2, ?3, pages FROM subscription WHERE key = ?1
             ON CONFLICT (subscription, item) DO UPDATE SET folder = excluded.folder, page = excluded.page",
            params![key, item.0, folder],
        )?;
    }
    Ok(())
}

pub(super) fn release<'a>(
    db: &Connection,
    key: i64,
    items: impl Iterator<Item = &'a ItemId>,
) -> Result<(), StoreError> {
    let mut statement =
        db.prepare_cached("DELETE FROM held_removal WHERE subscription = ?1 AND item = ?2")?;
    for item in items {
        statement.execute(params![key, item.0])?;
    }
    Ok(())
}
