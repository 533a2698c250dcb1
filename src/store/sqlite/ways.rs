//! A subscription that goes over to another way of following: where its rounds lead meanwhile.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, named_params, params};

use super::registry::follower;
use super::row::{self, Fields, micros, to_json};
use super::subscription;
use crate::model::{SubscriptionId, Target};
use crate::store::{Former, Registered, StoreError, Switch};

/// From here on the target is the new one, and rounds go the former way still. The one that is under way is lost, since it
/// does not know of that. Who goes on to a third way, or back, has still to read to its end what it went away from first.
pub(super) fn switched(
    db: &Connection,
    id: SubscriptionId,
    switch: &Switch,
) -> Result<Registered, StoreError> {
    // Removed meanwhile: there is nothing to keep.
    let Some(own) = subscription::by_id(db, id)? else { return Ok(Registered::Done) };
    let follower = follower(db, &own.wish.tenant, &switch.target, own.wish.via)?;
    if let Some(other) = follower.filter(|name| *name != own.wish.name) {
        return Ok(Registered::FollowedBy(other));
    }
    row::execute(
        db,
        "UPDATE subscription
         SET former_target = ifnull(former_target, target), former_until = :until, next_link = :link,
             target = :target, target_key = :key, round_due_at = min(ifnull(round_due_at, :until), :until),
             round_lease = NULL, round_leased_until = NULL
         WHERE id = :id AND removed_at IS NULL",
        named_params! {
            ":id": id.to_string(),
            ":target": to_json(&switch.target)?,
            ":key": switch.target.key(),
            ":link": switch.link.as_ref().map(to_json).transpose()?,
            ":until": micros(switch.until),
        },
    )?;
    Ok(Registered::Done)
}

/// Where a round leads that is claimed now, if it is the former way. One that is `unfinished` began earlier.
pub(super) fn former(
    fields: &Fields<'_, '_>,
    unfinished: bool,
    now: DateTime<Utc>,
) -> Result<(Option<Target>, Former), StoreError> {
    let Some(target) = fields.optional("former_target", Fields::json)? else { return Ok((None, Former::No)) };
    let is_last = !unfinished && fields.time("former_until")? <= now;
    Ok((Some(target), if is_last { Former::Last } else { Former::Yes }))
}

/// After a round the former way another one is due: in time the last one, and after that the first of the new way.
pub(super) fn round_ended(
    db: &Connection,
    key: i64,
    former: Former,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let due = match former {
        Former::No => return Ok(()),
        Former::Yes => {
            "UPDATE subscription SET round_due_at = min(ifnull(round_due_at, former_until), max(former_until, ?2))
             WHERE key = ?1"
        }
        Former::Last => {
            "UPDATE subscription
             SET link = next_link, next_link = NULL, former_target = NULL, former_until = NULL, round_due_at = ?2
             WHERE key = ?1"
        }
    };
    row::execute(db, due, params![key, micros(now)])?;
    Ok(())
}
