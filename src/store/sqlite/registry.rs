use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, named_params, params};

use super::row::{self, Fields, micros, to_json};
use super::subscription::{self, leased_until, select_subscription};
use super::{SqliteStore, arrival, departed, resyncs, ways};
use crate::model::{Name, Origin, Subscription, SubscriptionId, Target, Via};
use crate::seal::KEY_BYTES;
use crate::store::{Link, NewSubscription, NewWish, Registered, Registry, Rewished, StoreError, Switch};

#[async_trait]
impl Registry for SqliteStore {
    async fn subscriptions(&self) -> Result<Vec<Subscription>, StoreError> {
        self.read(|db| {
            row::all(db, select_subscription!("ORDER BY s.name"), [], |row| {
                subscription::read(&subscription::fields(row))
            })
        })
        .await
    }

    async fn subscription(&self, name: &Name) -> Result<Option<Subscription>, StoreError> {
        let name = name.clone();
        self.read(move |db| by_name(db, &name)).await
    }

    async fn register(&self, new: NewSubscription) -> Result<Registered, StoreError> {
        self.write(move |db| register(db, &new)).await
    }

    async fn rewish(
        &self,
        id: SubscriptionId,
        new: NewWish,
        now: DateTime<Utc>,
    ) -> Result<Rewished, StoreError> {
        self.write(move |db| rewish(db, id, &new, now)).await
    }

    async fn resolved(&self, id: SubscriptionId, target: &Target) -> Result<Registered, StoreError> {
        let target = target.clone();
        self.write(move |db| resolved(db, id, &target)).await
    }

    async fn switched(&self, id: SubscriptionId, switch: Switch) -> Result<Registered, StoreError> {
        self.write(move |db| ways::switched(db, id, &switch)).await
    }

    async fn begun(
        &self,
        id: SubscriptionId,
        started_at: DateTime<Utc>,
        link: Option<Link>,
    ) -> Result<(), StoreError> {
        self.write(move |db| {
            let first_round_open = !matches!(link, Some(Link::Delta(_)));
            row::execute(
                db,
                "UPDATE subscription SET started_at = ?2, link = ?3, first_round_open = ?4
                 WHERE id = ?1 AND started_at IS NULL",
                params![
                    id.to_string(),
                    micros(started_at),
                    link.as_ref().map(to_json).transpose()?,
                    first_round_open
                ],
            )?;
            Ok(())
        })
        .await
    }

    async fn forget(&self, id: SubscriptionId) -> Result<(), StoreError> {
        self.write_noting(move |db, turn| {
            delete(db, id)?;
            turn.removed(id);
            Ok(())
        })
        .await
    }

    async fn remove(&self, name: &Name, now: DateTime<Utc>) -> Result<Option<Subscription>, StoreError> {
        let name = name.clone();
        self.write_noting(move |db, turn| {
            let removed = remove(db, &name, now)?;
            if let Some(removed) = &removed {
                turn.removed(removed.id);
            }
            Ok(removed)
        })
        .await
    }

    async fn removed(&self, id: SubscriptionId) -> Result<(), StoreError> {
        self.write(move |db| removed(db, id)).await
    }

    async fn client_state_key(&self) -> Result<[u8; KEY_BYTES], StoreError> {
        self.read(|db| {
            let key = row::first(
                db,
                "SELECT name, value FROM setting WHERE name = ?1",
                [CLIENT_STATE_KEY],
                |row| Fields::new("setting", "name", row).get("value"),
            )?;
            key.ok_or_else(|| StoreError::Broken {
                table: "setting",
                column: "value",
                row: CLIENT_STATE_KEY.to_owned(),
                reason: "the row is missing".to_owned(),
            })
        })
        .await
    }
}

const CLIENT_STATE_KEY: &str = "client_state_key";

/// Makes the key at the first start.
pub(super) fn ensure_client_state_key(db: &Connection) -> Result<(), StoreError> {
    let key: [u8; KEY_BYTES] = rand::random();
    row::execute(
        db,
        "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        params![CLIENT_STATE_KEY, key],
    )?;
    Ok(())
}

fn by_name(db: &Connection, name: &Name) -> Result<Option<Subscription>, StoreError> {
    subscription::first(db, select_subscription!("WHERE s.name = ?1"), [name.as_str()])
}

fn register(db: &Connection, new: &NewSubscription) -> Result<Registered, StoreError> {
    let wish = &new.wish;
    let holder = row::first(
        db,
        "SELECT name, id, removed_at IS NOT NULL AND renewal_due_at IS NULL AS gone_for_good
         FROM subscription WHERE name = ?1",
        [wish.name.as_str()],
        |row| {
            let fields = subscription::fields(row);
            Ok((fields.parsed("id").map(SubscriptionId)?, fields.get("gone_for_good")?))
        },
    )?;
    if let Some((_, false)) = holder {
        return Ok(Registered::NameTaken);
    }
    if let Some(target) = &new.target
        && let Some(name) = follower(db, &wish.tenant, target, wish.via)?
    {
        return Ok(Registered::FollowedBy(name));
    }
    if let Some((former, _)) = holder {
        delete(db, former)?;
    }
    insert(db, new)?;
    Ok(Registered::Done)
}

/// A round and the creation at Office 365 are due from the start: the one waits for the other.
fn insert(db: &Connection, new: &NewSubscription) -> Result<(), StoreError> {
    let wish = &new.wish;
    row::execute(
        db,
        "INSERT INTO subscription (id, name, tenant, resource, via, start, lifetime, selected, origin,
                                   include_resource_data, target, target_key, renewal_due_at, round_due_at,
                                   renewal_leased_until)
         VALUES (:id, :name, :tenant, :resource, :via, :start, :lifetime, :selected, :origin,
                 :include_resource_data, :target, :target_key, :now, :now, :leased_until)",
        named_params! {
            ":id": new.id.to_string(),
            ":name": wish.name.as_str(),
            ":tenant": wish.tenant.as_str(),
            ":resource": wish.resource.to_string(),
            ":via": wish.via.as_str(),
            ":start": wish.start.as_str(),
            ":lifetime": wish.lifetime.map(lifetime),
            ":selected": to_json(&wish.select)?,
            ":origin": wish.origin.as_str(),
            ":include_resource_data": wish.include_resource_data,
            ":target": new.target.as_ref().map(to_json).transpose()?,
            ":target_key": new.target.as_ref().map(Target::key),
            ":now": micros(new.now),
            ":leased_until": new.lease.map(|lease| leased_until(new.now, lease)),
        },
    )?;
    Ok(())
}

fn rewish(
    db: &Connection,
    id: SubscriptionId,
    new: &NewWish,
    now: DateTime<Utc>,
) -> Result<Rewished, StoreError> {
    let wish = &new.wish;
    if let Some(other) = other_follower(db, id, wish.via)? {
        return Ok(Rewished::FollowedBy(other));
    }
    let changed = row::execute(
        db,
        "UPDATE subscription
         SET via = :via, lifetime = :lifetime, selected = :selected, include_resource_data = :include_resource_data,
             origin = :origin, remote_replace = max(remote_replace, :replace),
             remote_renew_at = iif(:renew, min(remote_renew_at, :now), remote_renew_at),
             renewal_due_at = iif(:renew OR :replace, min(renewal_due_at, :now), renewal_due_at)
         WHERE id = :id AND (renewal_leased_until IS NULL OR renewal_leased_until <= :now)",
        named_params! {
            ":id": id.to_string(),
            ":via": wish.via.as_str(),
            ":lifetime": wish.lifetime.map(lifetime),
            ":selected": to_json(&wish.select)?,
            ":include_resource_data": wish.include_resource_data,
            ":origin": wish.origin.as_str(),
            ":replace": new.replace,
            ":renew": new.renew,
            ":now": micros(now),
        },
    )?;
    if changed == 0 {
        return Ok(Rewished::Busy);
    }
    if new.resync {
        resyncs::ask(db, id, now)?;
    }
    Ok(Rewished::Done)
}

/// Who else follows the same resource this way.
fn other_follower(db: &Connection, id: SubscriptionId, via: Via) -> Result<Option<Name>, StoreError> {
    let Some(own) = subscription::by_id(db, id)? else { return Ok(None) };
    let Some(target) = &own.target else { return Ok(None) };
    Ok(follower(db, &own.wish.tenant, target, via)?.filter(|name| *name != own.wish.name))
}

fn lifetime(lifetime: Duration) -> i64 {
    i64::try_from(lifetime.as_micros()).unwrap_or(i64::MAX)
}

/// Who follows this already.
pub(super) fn follower(
    db: &Connection,
    tenant: &Name,
    target: &Target,
    via: Via,
) -> Result<Option<Name>, StoreError> {
    row::first(
        db,
        "SELECT name FROM subscription
         WHERE tenant = ?1 AND target_key = ?2 AND via = ?3 AND removed_at IS NULL",
        params![tenant.as_str(), target.key(), via.as_str()],
        |row| subscription::fields(row).parsed("name"),
    )
}

fn resolved(db: &Connection, id: SubscriptionId, target: &Target) -> Result<Registered, StoreError> {
    // Removed meanwhile: there is nothing to keep.
    let Some(own) = subscription::by_id(db, id)? else { return Ok(Registered::Done) };
    let follower = follower(db, &own.wish.tenant, target, own.wish.via)?;
    if let Some(other) = follower.filter(|name| *name != own.wish.name) {
        return Ok(Registered::FollowedBy(other));
    }
    row::execute(
        db,
        "UPDATE subscription SET target = ?2, target_key = ?3 WHERE id = ?1",
        params![id.to_string(), to_json(target)?, target.key()],
    )?;
    Ok(Registered::Done)
}

fn delete(db: &Connection, id: SubscriptionId) -> Result<(), StoreError> {
    arrival::move_on(db)?;
    departed::abandon(db, id)?;
    row::execute(db, "DELETE FROM subscription WHERE id = ?1", [id.to_string()])?;
    Ok(())
}

fn remove(db: &Connection, name: &Name, now: DateTime<Utc>) -> Result<Option<Subscription>, StoreError> {
    arrival::move_on(db)?;
    // Nothing is left to do for one that was removed for good.
    row::execute(
        db,
        "UPDATE subscription
         SET removed_at = ifnull(removed_at, ?2), renewal_due_at = ?2,
             round_due_at = NULL, round_lease = NULL, round_leased_until = NULL, first_round = NULL,
             paused_at = NULL
         WHERE name = ?1 AND (removed_at IS NULL OR renewal_due_at IS NOT NULL)",
        params![name.as_str(), micros(now)],
    )?;
    row::execute(
        db,
        "DELETE FROM inbox WHERE subscription IN (SELECT key FROM subscription WHERE name = ?1)",
        [name.as_str()],
    )?;
    row::execute(
        db,
        "DELETE FROM content WHERE subscription IN (SELECT key FROM subscription WHERE name = ?1)",
        [name.as_str()],
    )?;
    by_name(db, name)
}

fn removed(db: &Connection, id: SubscriptionId) -> Result<(), StoreError> {
    let Some(subscription) = subscription::by_id(db, id)?.filter(|it| it.removed_at.is_some()) else {
        return Ok(());
    };
    if subscription.wish.origin == Origin::Api {
        return delete(db, id);
    }
    departed::abandon(db, id)?;
    row::execute(
        db,
        "UPDATE subscription
         SET remote_id = NULL, remote_expires_at = NULL, remote_renew_at = NULL, remote_certificate = NULL,
             renewal_due_at = NULL, renewal_leased_until = NULL, renewal_attempts = 0, renewal_error = NULL,
             round_attempts = 0, round_error = NULL
         WHERE id = ?1",
        [id.to_string()],
    )?;
    Ok(())
}
