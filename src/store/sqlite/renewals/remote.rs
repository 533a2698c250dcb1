//! What is known of remote subscriptions.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, named_params, params};

use super::super::row::{self, micros};
use crate::model::{Remote, RemoteId, SubscriptionId};
use crate::store::{Sight, Sighting, StoreError};

/// Makes a round due.
pub(super) fn look_at_once(
    db: &Connection,
    id: SubscriptionId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    row::execute(
        db,
        "UPDATE subscription SET round_due_at = min(ifnull(round_due_at, ?2), ?2)
         WHERE id = ?1 AND removed_at IS NULL",
        params![id.to_string(), micros(now)],
    )?;
    Ok(())
}

pub(super) fn confirmed(
    db: &Connection,
    id: SubscriptionId,
    remote: &Remote,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    // The former certificate may still be met: what was encrypted with it can be on its way for hours.
    row::execute(
        db,
        "UPDATE certificate SET last_used_at = max(last_used_at, ?3)
         WHERE id = ?2 OR id = (SELECT remote_certificate FROM subscription WHERE id = ?1)",
        params![id.to_string(), remote.certificate.as_ref().map(|id| &id.0), micros(now)],
    )?;
    // One whose removal was asked for meanwhile stays due, now that there is something to remove.
    row::execute(
        db,
        "UPDATE subscription
         SET round_due_at = CASE WHEN removed_at IS NULL AND remote_id IS NOT :remote
                                 THEN min(ifnull(round_due_at, :now), :now)
                                 ELSE round_due_at END,
             renewal_due_at = iif(removed_at IS NULL, :renew_at, renewal_due_at),
             remote_id = :remote, remote_expires_at = :expires_at, remote_renew_at = :renew_at,
             remote_certificate = :certificate, remote_confirmed_at = :now,
             remote_replace = iif(remote_id IS :remote, remote_replace, 0),
             renewal_leased_until = NULL, renewal_apart = 0, renewal_attempts = 0, renewal_error = NULL
         WHERE id = :id",
        named_params! {
            ":id": id.to_string(),
            ":remote": remote.id.0,
            ":expires_at": micros(remote.expires_at),
            ":renew_at": micros(remote.renew_at),
            ":certificate": remote.certificate.as_ref().map(|id| &id.0),
            ":now": micros(now),
        },
    )?;
    Ok(())
}

pub(super) fn sighted(db: &Connection, sighting: &Sighting, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (expires_at, replace) = match sighting.found {
        Sight::Held(expires_at) => (Some(micros(expires_at)), false),
        Sight::Elsewhere => (None, true),
        Sight::Missing => (None, false),
    };
    row::execute(
        db,
        "UPDATE subscription
         SET remote_expires_at = ifnull(:expires_at, remote_expires_at),
             renewal_due_at = CASE WHEN :expires_at > remote_renew_at THEN renewal_due_at
                                   ELSE min(ifnull(renewal_due_at, :now), :now) END,
             remote_renew_at = iif(:expires_at <= remote_renew_at, :now, remote_renew_at),
             remote_replace = max(remote_replace, :replace)
         WHERE id = :id AND remote_id = :remote AND removed_at IS NULL",
        named_params! {
            ":id": sighting.id.to_string(),
            ":remote": sighting.remote.0,
            ":expires_at": expires_at,
            ":replace": replace,
            ":now": micros(now),
        },
    )?;
    Ok(())
}

/// Office 365 no longer holds the remote subscription (if it is this one): creating it is due at once.
pub(in crate::store::sqlite) fn lose(
    db: &Connection,
    id: SubscriptionId,
    remote: Option<&RemoteId>,
) -> Result<(), StoreError> {
    row::execute(
        db,
        "UPDATE subscription
         SET former_remote_id = ifnull(remote_id, former_remote_id), remote_id = NULL, remote_expires_at = NULL, remote_renew_at = NULL, remote_certificate = NULL,
             renewal_due_at = 0
         WHERE id = ?1 AND (?2 IS NULL OR remote_id = ?2 COLLATE NOCASE)",
        params![id.to_string(), remote.map(|remote| &remote.0)],
    )?;
    Ok(())
}
