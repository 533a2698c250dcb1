//! Rows of the table `subscription`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Params, Row};

use super::row::{self, Fields};
use crate::model::{CertificateId, Remote, RemoteId, Rhythm, Subscription, SubscriptionId, Wish};
use crate::store::StoreError;

/// What [`read`] reads; conditions on `s` go behind it. Hints of a subscription are numbered as they arrive, those in
/// the arrivals after those in the inbox. The view over both would be walked whole for each subscription.
macro_rules! select_subscription {
    ($conditions:literal) => {
        concat!(
            "SELECT s.*,
                    ifnull(a.number, (SELECT max(number) FROM inbox WHERE subscription = s.key)) AS inbox_through,
                    ifnull((SELECT received_at FROM inbox WHERE subscription = s.key ORDER BY number LIMIT 1),
                           a.hinted_at) AS hinted_at,
                    ifnull(a.notified_at,
                           (SELECT received_at FROM inbox WHERE subscription = s.key AND kind = 'change'
                            ORDER BY number DESC LIMIT 1)) AS notified_at
             FROM subscription AS s
             LEFT JOIN (SELECT subscription, max(number) AS number, min(received_at) AS hinted_at,
                               max(received_at) FILTER (WHERE kind = 'change') AS notified_at
                        FROM arrived GROUP BY subscription) AS a
                    ON a.subscription = s.key ",
            $conditions
        )
    };
}
pub(super) use select_subscription;

/// The columns of a row.
pub(super) fn fields<'r, 's>(row: &'r Row<'s>) -> Fields<'r, 's> {
    Fields::new("subscription", "name", row)
}

/// The subscription with this id.
pub(super) fn by_id(connection: &Connection, id: SubscriptionId) -> Result<Option<Subscription>, StoreError> {
    first(connection, select_subscription!("WHERE s.id = ?1"), [id.to_string()])
}

/// The first subscription that a statement made with `select_subscription` finds.
pub(super) fn first(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Option<Subscription>, StoreError> {
    row::first(connection, sql, params, |row| read(&fields(row)))
}

pub(super) fn read(fields: &Fields<'_, '_>) -> Result<Subscription, StoreError> {
    let notified = fields.optional("notified_at", Fields::time)?;
    let progress = fields.optional("first_round", Fields::json)?;
    let (first_round, resync) =
        if fields.get("first_round_open")? { (progress, None) } else { (None, progress) };
    Ok(Subscription {
        id: id(fields)?,
        wish: wish(fields)?,
        target: fields.optional("target", Fields::json)?,
        started_at: fields.optional("started_at", Fields::time)?,
        remote: fields.optional("remote_id", Fields::get)?.map(|id| remote(fields, id)).transpose()?,
        replace: fields.get("remote_replace")?,
        former_remote: fields.optional("former_remote_id", Fields::get)?.map(RemoteId),
        confirmed_at: fields.optional("remote_confirmed_at", Fields::time)?,
        removed_at: fields.optional("removed_at", Fields::time)?,
        paused_at: fields.optional("paused_at", Fields::time)?,
        renew_error: fields.optional("renewal_error", Fields::json)?,
        fetch_error: fields.optional("round_error", Fields::json)?,
        last_notification_at: notified.max(fields.optional("last_notification_at", Fields::time)?),
        last_fetch_at: fields.optional("last_fetch_at", Fields::time)?,
        last_event_at: fields.optional("last_event_at", Fields::time)?,
        pending: fields.get::<Option<i64>>("inbox_through")?.is_some(),
        events: fields.number("events")?,
        quarantined: fields.number("quarantined")?,
        first_round,
        resync,
        rhythm: rhythm(fields)?,
    })
}

pub(super) fn rhythm(fields: &Fields<'_, '_>) -> Result<Rhythm, StoreError> {
    Ok(Rhythm {
        alive_at: fields.optional("alive_at", Fields::time)?,
        usual_gap: fields.optional("usual_gap", Fields::number)?.map(Duration::from_micros),
        gaps: fields.number("gaps")?,
        quiet_sweeps: fields.number("quiet_sweeps")?,
        haste: fields.number("haste")?,
    })
}

fn id(fields: &Fields<'_, '_>) -> Result<SubscriptionId, StoreError> {
    fields.parsed("id").map(SubscriptionId)
}

fn wish(fields: &Fields<'_, '_>) -> Result<Wish, StoreError> {
    Ok(Wish {
        name: fields.parsed("name")?,
        tenant: fields.parsed("tenant")?,
        resource: fields.parsed("resource")?,
        via: fields.parsed("via")?,
        start: fields.parsed("start")?,
        lifetime: fields.optional("lifetime", Fields::number)?.map(Duration::from_micros),
        select: fields.json("selected")?,
        include_resource_data: fields.get("include_resource_data")?,
        origin: fields.parsed("origin")?,
    })
}

fn remote(fields: &Fields<'_, '_>, id: String) -> Result<Remote, StoreError> {
    Ok(Remote {
        id: RemoteId(id),
        expires_at: fields.time("remote_expires_at")?,
        renew_at: fields.time("remote_renew_at")?,
        certificate: fields.optional("remote_certificate", Fields::get)?.map(CertificateId),
    })
}

/// When a lease that begins now ends, as it is stored.
pub(super) fn leased_until(now: DateTime<Utc>, lease: Duration) -> i64 {
    row::micros(now).saturating_add(i64::try_from(lease.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::{connection, migrate};
    use super::*;

    /// With 100,000 hints that wait, walking them for each subscription takes a quarter of a second, in the writer.
    #[test]
    fn looking_at_subscriptions_does_not_walk_the_inbox() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = connection::for_writing(&folder.path().join("store.db")).unwrap();
        migrate::to_newest(&mut db, DateTime::UNIX_EPOCH).unwrap();
        for sql in [
            select_subscription!("ORDER BY s.name"),
            select_subscription!("WHERE s.tenant = 'contoso' AND sweep_at <= 1 ORDER BY sweep_at LIMIT 1"),
        ] {
            let plan =
                row::all(&db, &format!("EXPLAIN QUERY PLAN {sql}"), [], |row| Ok(row.get(3)?)).unwrap();
            let walks = |step: &String| step.starts_with("SCAN inbox") || step.starts_with("SCAN hint");
            assert!(!plan.iter().any(walks), "{plan:#?}");
        }
    }
}
