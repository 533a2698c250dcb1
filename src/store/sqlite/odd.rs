//! Items of pages that nobody understands.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::content;
use super::row::{self, micros};
use crate::model::OddItem;
use crate::store::{Link, StoreError};

/// Puts them aside; `link` is that of their page.
pub(super) fn put_aside(
    db: &Connection,
    subscription: i64,
    items: &[OddItem],
    link: Option<&Link>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let cursor = link.map(|(Link::Next(link) | Link::Delta(link))| link);
    for item in items {
        row::execute(
            db,
            "INSERT INTO quarantine (id, tenant, subscription, reason, explanation, item, cursor, received_at,
                                     quarantined_at)
             SELECT ?2, tenant, name, ?3, ?4, ?5, ?6, ?7, ?7 FROM subscription WHERE key = ?1",
            params![
                subscription,
                Uuid::new_v4().to_string(),
                item.reason,
                item.explanation,
                item.id.as_ref().map(|id| &id.0),
                cursor,
                micros(now)
            ],
        )?;
    }
    if !items.is_empty() {
        row::execute(
            db,
            "UPDATE subscription SET quarantined = quarantined + ?2 WHERE key = ?1",
            params![subscription, i64::try_from(items.len()).unwrap_or(i64::MAX)],
        )?;
        content::trim_quarantine(db)?;
    }
    Ok(())
}
