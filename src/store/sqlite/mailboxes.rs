//! Folders of mailboxes that are followed whole, and removals that are held.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::row::{self, Fields, micros, to_json};
use super::subscription::{self, leased_until};
use super::{SqliteStore, log, mirror, odd, rounds};
use crate::model::{ItemId, SubscriptionId};
use crate::store::{
    Claim, Committed, Folder, HeldIn, Link, Mailboxes, Members, Resync, Step, StepCommit, StoreError, Survey,
};

/// The tree of folders stands under an id that no folder has.
const TREE: &str = "";

#[async_trait]
impl Mailboxes for SqliteStore {
    async fn survey(&self, id: SubscriptionId) -> Result<Survey, StoreError> {
        self.read(move |db| survey(db, id)).await
    }

    async fn held(
        &self,
        id: SubscriptionId,
        folder: &str,
        through: u64,
        limit: usize,
    ) -> Result<Vec<ItemId>, StoreError> {
        let folder = folder.to_owned();
        self.read(move |db| {
            row::all(
                db,
                "SELECT h.item FROM held_removal AS h JOIN subscription AS s ON s.key = h.subscription
                 WHERE s.id = ?1 AND h.folder = ?2 AND h.page <= ?3 ORDER BY h.page LIMIT ?4",
                params![id.to_string(), folder, signed(through), signed(limit)],
                |row| Ok(ItemId(row.get(0)?)),
            )
        })
        .await
    }

    async fn members(
        &self,
        id: SubscriptionId,
        folder: &str,
        after: Option<ItemId>,
        limit: usize,
    ) -> Result<Members, StoreError> {
        let folder = folder.to_owned();
        self.read(move |db| members(db, id, &folder, after, limit)).await
    }

    async fn commit_step(&self, step: StepCommit) -> Result<Committed, StoreError> {
        self.write(move |db| commit(db, step)).await
    }
}

fn survey(db: &Connection, id: SubscriptionId) -> Result<Survey, StoreError> {
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
        "SELECT id, link, round, walked_page, changed_page, gone_page FROM folder WHERE subscription = ?1 ORDER BY id",
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
    })
}

/// Walks the mirror in order of ids. There is no index by folder: it is asked for only when a folder is deleted or
/// its cursor is dead.
fn members(
    db: &Connection,
    id: SubscriptionId,
    folder: &str,
    after: Option<ItemId>,
    limit: usize,
) -> Result<Members, StoreError> {
    let after = after.map_or_else(String::new, |item| item.0);
    let items = row::all(
        db,
        concat!(
            "SELECT i.id, ",
            mirror::properties!(),
            " AS properties FROM item AS i
         WHERE i.subscription = (SELECT key FROM subscription WHERE id = ?1)
               AND i.id > ?3 AND i.gone_at IS NULL AND ",
            mirror::properties!(),
            " ->> '$.parentFolderId' = ?2
         ORDER BY i.id LIMIT ?4"
        ),
        params![id.to_string(), folder, after, signed(limit)],
        |row| {
            let fields = Fields::new("item", "id", row);
            Ok((ItemId(fields.get("id")?), fields.json("properties")?))
        },
    )?;
    let next = items.last().map(|(item, _)| item.clone()).filter(|_| items.len() == limit);
    Ok(Members { items, next })
}

fn commit(db: &Connection, commit: StepCommit) -> Result<Committed, StoreError> {
    let Some((key, counter)) = rounds::held(db, &commit.claim)? else { return Ok(Committed::Lost) };
    let asked = match &commit.step {
        Step::Tree { asked, .. } => Some((TREE, asked)),
        Step::Page { folder, asked, .. } => Some((folder.as_str(), asked)),
        _ => None,
    };
    if let Some((folder, asked)) = asked
        && !still_at(db, key, folder, asked.as_ref())?
    {
        return Ok(Committed::Lost);
    }
    let told = log::append(db, &commit.claim.subscription, counter, &commit.events, commit.now)?;
    mirror::write(db, key, &commit.rows, &told, commit.now)?;
    odd::put_aside(db, key, &commit.odd, asked.and_then(|(_, asked)| asked.as_ref()), commit.now)?;
    release(db, key, commit.rows.iter().map(|row| &row.item))?;
    let event_at = (!commit.events.is_empty()).then(|| micros(commit.now));
    row::execute(
        db,
        "UPDATE subscription
         SET pages = pages + 1, folder_round = ?2, folder_round_open = 1, events = events + ?3,
             last_event_at = ifnull(?4, last_event_at), round_leased_until = ?5,
             first_round = ifnull(?6, first_round), round_attempts = 0, round_error = NULL
         WHERE key = ?1",
        params![
            key,
            signed(commit.round),
            signed(commit.events.len()),
            event_at,
            leased_until(commit.now, commit.lease),
            commit.progress.as_ref().map(to_json).transpose()?
        ],
    )?;
    step(db, key, &commit)?;
    let resync = if matches!(commit.step, Step::TreeLost) { Resync::None } else { commit.claim.resync };
    let mut claim = Claim { attempts: 0, resync, ..commit.claim };
    claim.subscription.first_round = commit.progress.or(claim.subscription.first_round);
    Ok(Committed::Done(Box::new(claim)))
}

/// Whether the folder's cursor is where the page was asked; a tree that was never asked has no row.
fn still_at(db: &Connection, key: i64, folder: &str, asked: Option<&Link>) -> Result<bool, StoreError> {
    let link: Option<Option<String>> = row::first(
        db,
        "SELECT link FROM folder WHERE subscription = ?1 AND id = ?2",
        params![key, folder],
        |row| Ok(row.get(0)?),
    )?;
    let asked = asked.map(to_json).transpose()?;
    Ok(link.map_or(folder == TREE && asked.is_none(), |link| link == asked))
}

fn step(db: &Connection, key: i64, commit: &StepCommit) -> Result<(), StoreError> {
    match &commit.step {
        Step::Tree { link, here, gone, .. } => tree(db, key, commit.round, link.as_ref(), here, gone),
        Step::Page { folder, link, at_page, seen, hold, .. } => {
            release(db, key, seen.iter())?;
            self::hold(db, key, folder, hold)?;
            let changed = !commit.rows.is_empty() || !hold.is_empty();
            turned(db, key, folder, link, (commit.round, *at_page, changed))
        }
        Step::TreeLost => {
            row::execute(
                db,
                "UPDATE folder SET gone_page = ifnull(gone_page, (SELECT pages FROM subscription WHERE key = ?1))
                 WHERE subscription = ?1 AND id <> ?2",
                params![key, TREE],
            )?;
            row::execute(db, "UPDATE subscription SET resync = 0 WHERE key = ?1", [key])?;
            unlink(db, key, TREE)
        }
        Step::Doubt { folder, hold } => {
            // Should this break off, the folder has to be asked before any of them is told.
            row::execute(
                db,
                "UPDATE folder SET round = 0 WHERE subscription = ?1 AND id = ?2",
                params![key, folder],
            )?;
            self::hold(db, key, folder, hold)
        }
        Step::FolderLost { folder } => unlink(db, key, folder),
        Step::FolderGone { folder } => {
            // The tree is asked whole before its messages are told: one that is there after all comes back.
            unlink(db, key, TREE)?;
            gone(db, key, folder)
        }
        Step::Told { settled } => release(db, key, settled.iter()),
        Step::Emptied { folder } => {
            row::execute(
                db,
                "DELETE FROM folder WHERE subscription = ?1 AND id = ?2 AND gone_page IS NOT NULL",
                params![key, folder],
            )?;
            Ok(())
        }
        Step::End { end } => {
            row::execute(db, "UPDATE subscription SET folder_round_open = 0 WHERE key = ?1", [key])?;
            rounds::end(db, key, commit.claim.inbox_through, end, commit.now).map(|_| ())
        }
    }
}

fn tree(
    db: &Connection,
    key: i64,
    round: u64,
    link: Option<&Link>,
    here: &[String],
    gone: &[String],
) -> Result<(), StoreError> {
    let whole = link.is_none();
    if whole {
        row::execute(
            db,
            "UPDATE folder SET gone_page = ifnull(gone_page, (SELECT pages FROM subscription WHERE key = ?1))
             WHERE subscription = ?1 AND id <> ?2",
            params![key, TREE],
        )?;
    }
    for folder in here {
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
    let finished = !matches!(link, Some(Link::Next(_)));
    row::execute(
        db,
        "INSERT INTO folder (subscription, id, link, round) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (subscription, id) DO UPDATE SET link = excluded.link, round = max(round, excluded.round)",
        params![
            key,
            TREE,
            link.map(to_json).transpose()?,
            signed(if finished { round } else { 0 })
        ],
    )?;
    Ok(())
}

fn gone(db: &Connection, key: i64, folder: &str) -> Result<(), StoreError> {
    row::execute(
        db,
        "UPDATE folder SET gone_page = ifnull(gone_page, (SELECT pages FROM subscription WHERE key = ?1))
         WHERE subscription = ?1 AND id = ?2",
        params![key, folder],
    )?;
    Ok(())
}

fn unlink(db: &Connection, key: i64, folder: &str) -> Result<(), StoreError> {
    row::execute(
        db,
        "UPDATE folder SET link = NULL, round = 0 WHERE subscription = ?1 AND id = ?2",
        params![key, folder],
    )?;
    Ok(())
}

/// The folder's cursor after a page. A walk began where it was asked without a next link.
fn turned(
    db: &Connection,
    key: i64,
    folder: &str,
    link: &Link,
    (round, at_page, changed): (u64, u64, bool),
) -> Result<(), StoreError> {
    row::execute(
        db,
        "UPDATE folder SET walk_page = CASE WHEN link IS NULL OR link NOT LIKE '{\"Next\"%' THEN ?3 ELSE walk_page END,
                           changed_page = CASE WHEN ?4 THEN ?3 ELSE changed_page END
         WHERE subscription = ?1 AND id = ?2",
        params![key, folder, signed(at_page), changed],
    )?;
    let finished = matches!(link, Link::Delta(_));
    row::execute(
        db,
        "UPDATE folder SET link = ?3, round = CASE WHEN ?4 THEN ?5 ELSE round END,
                           walked_page = CASE WHEN ?4 THEN walk_page ELSE walked_page END
         WHERE subscription = ?1 AND id = ?2",
        params![key, folder, to_json(link)?, finished, signed(round)],
    )?;
    Ok(())
}

/// From now on: once more after the page that is being committed, so that only what is asked for later counts.
fn hold(db: &Connection, key: i64, folder: &str, items: &[ItemId]) -> Result<(), StoreError> {
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

fn release<'a>(db: &Connection, key: i64, items: impl Iterator<Item = &'a ItemId>) -> Result<(), StoreError> {
    let mut statement =
        db.prepare_cached("DELETE FROM held_removal WHERE subscription = ?1 AND item = ?2")?;
    for item in items {
        statement.execute(params![key, item.0])?;
    }
    Ok(())
}

/// A number as it is stored.
fn signed<T: TryInto<i64>>(number: T) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
