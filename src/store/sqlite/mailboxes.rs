//! Folders of mailboxes that are followed whole, and removals that are held.

mod folders;
mod survey;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::row::{self, micros, to_json};
use super::subscription::leased_until;
use super::told::{Teller, Texts};
use super::writer::Turn;
use super::{SqliteStore, odd, rounds, told};
use crate::model::{ItemId, SubscriptionId};
use crate::store::{
    Claim, Committed, Link, Mailboxes, Members, Resync, Step, StepCommit, StoreError, Survey,
};
use folders::{Walked, died, release, turned};
use survey::{members, survey};

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
        self.sort_in(id).await?;
        self.read(move |db| members(db, id, &folder, after, limit)).await
    }

    async fn commit_step(&self, step: StepCommit) -> Result<Committed, StoreError> {
        let texts = self.pack(&step.claim.subscription, &step.events, &step.rows).await?;
        self.write_noting(move |db, turn| commit(db, turn, step, &texts)).await
    }
}

fn commit(
    db: &Connection,
    turn: &mut Turn<'_>,
    commit: StepCommit,
    texts: &Texts,
) -> Result<Committed, StoreError> {
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
    let teller = Teller { subscription: &commit.claim.subscription, key, counter };
    told::write(db, turn, &teller, (&commit.events, &commit.rows, texts), commit.now)?;
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
    let round = commit.round;
    match &commit.step {
        Step::Tree { link, at_page, here, gone, .. } => {
            folders::told(db, key, link.is_none(), here, gone)?;
            turned(db, key, TREE, link.as_ref(), Walked { round, at_page: *at_page, changed: false })
        }
        Step::Page { folder, link, at_page, seen, hold, .. } => {
            release(db, key, seen.iter())?;
            folders::hold(db, key, folder, hold)?;
            let changed = !commit.rows.is_empty() || !hold.is_empty();
            turned(db, key, folder, Some(link), Walked { round, at_page: *at_page, changed })
        }
        Step::TreeLost => {
            folders::all_gone(db, key)?;
            row::execute(db, "UPDATE subscription SET resync = 0 WHERE key = ?1", [key])?;
            died(db, key, TREE)
        }
        Step::Doubt { folder, hold } => {
            folders::asked_before_told(db, key, folder)?;
            folders::hold(db, key, folder, hold)
        }
        Step::FolderLost { folder } => died(db, key, folder),
        Step::FolderGone { folder } => {
            // The tree is asked whole before its messages are told: one that is there after all comes back.
            folders::unlink(db, key, TREE)?;
            folders::gone(db, key, folder)
        }
        Step::Told { settled } => release(db, key, settled.iter()),
        Step::Emptied { folder } => folders::forget(db, key, folder),
        Step::End { end } => {
            row::execute(db, "UPDATE subscription SET folder_round_open = 0 WHERE key = ?1", [key])?;
            rounds::end(db, key, commit.claim.inbox_through, end, commit.now).map(|_| ())
        }
    }
}

/// A number as it is stored.
fn signed<T: TryInto<i64>>(number: T) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
