//! What a page or a content tells: events, and the mirror's rows that come with them.

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::packed::Packer;
use super::writer::Turn;
use super::{SqliteStore, log, mirror, row};
use crate::model::{NewEvent, Subscription, SubscriptionId, Target};
use crate::store::{MirrorRow, StoreError};

/// Of whom something is told: a subscription, its key, and how many events it has had.
pub(super) struct Teller<'a> {
    pub(super) subscription: &'a Subscription,
    pub(super) key: i64,
    pub(super) counter: u64,
}

/// Writes events and rows.
pub(super) fn write(
    db: &Connection,
    turn: &mut Turn<'_>,
    teller: &Teller<'_>,
    events: &[NewEvent],
    rows: &[MirrorRow],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut packer = Packer::of(db, teller.subscription, events, rows)?;
    let told = log::append(db, teller.subscription, teller.counter, events, &mut packer, now)?;
    let kind = teller.subscription.target.as_ref().map(Target::kind);
    mirror::write(db, &mut turn.places, (teller.key, kind), rows, (&mut packer, &told), now)
}

impl SqliteStore {
    /// Sorts the items of a subscription in, so that they can be walked through. Nobody writes further ones meanwhile
    /// but who claimed the subscription, and that is who asks.
    pub(super) async fn sort_in(&self, id: SubscriptionId) -> Result<(), StoreError> {
        let Some(key) = self.key(id).await? else { return Ok(()) };
        while self.places.has(key) {
            self.write_noting(|_, turn| {
                turn.places.hurry();
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// The key of a subscription.
    pub(super) async fn key(&self, id: SubscriptionId) -> Result<Option<i64>, StoreError> {
        self.read(move |db| row::value(db, "SELECT key FROM subscription WHERE id = ?1", [id.to_string()]))
            .await
    }
}
