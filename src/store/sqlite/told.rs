//! What a page or a content tells: events, and the mirror's rows that come with them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::packed::{Dictionary, Packed, Packer};
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

/// The texts of events and rows, as they are stored: in the same order, each with one for each.
#[derive(Default)]
pub(super) struct Texts {
    pub(super) events: Vec<Packed>,
    pub(super) rows: Vec<Packed>,
}

/// Writes events and rows.
pub(super) fn write(
    db: &Connection,
    turn: &mut Turn<'_>,
    teller: &Teller<'_>,
    (events, rows, texts): (&[NewEvent], &[MirrorRow], &Texts),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let told = log::append(db, teller.subscription, teller.counter, (events, &texts.events), now)?;
    let kind = teller.subscription.target.as_ref().map(Target::kind);
    mirror::write(db, &mut turn.places, (teller.key, kind), (rows, &texts.rows), &told, now)
}

impl SqliteStore {
    /// Packs what is to be written, before the writer has it: whoever else writes does not wait for that.
    pub(super) async fn pack(
        &self,
        subscription: &Subscription,
        events: &[NewEvent],
        rows: &[MirrorRow],
    ) -> Result<Texts, StoreError> {
        if events.is_empty() && rows.is_empty() {
            return Ok(Texts::default());
        }
        let dictionary = self.dictionary(subscription, events, rows).await?;
        let mut packer = Packer::new(dictionary.as_deref());
        let events = events.iter().map(|event| packer.pack(event.data.get())).collect();
        // What the event beside a row tells, the row has not.
        let own = |row: &MirrorRow| packer.pack(row.properties.as_ref().filter(|_| !row.as_told)?.get());
        let rows = rows.iter().map(own).collect();
        Ok(Texts { events, rows })
    }

    /// What texts of a subscription are packed with. Many of them make it, if there is none.
    async fn dictionary(
        &self,
        subscription: &Subscription,
        events: &[NewEvent],
        rows: &[MirrorRow],
    ) -> Result<Option<Arc<Dictionary>>, StoreError> {
        let Some(target) = &subscription.target else { return Ok(None) };
        let of = (subscription.wish.tenant.clone(), target.kind());
        if let Some(ready) = self.dictionaries.get(&of) {
            return Ok(Some(ready));
        }
        let whose = of.clone();
        let mut found = self.read(move |db| Dictionary::find(db, &whose)).await?;
        if found.is_none()
            && let Some(text) = Dictionary::common(events, rows)
        {
            let whose = of.clone();
            found = Some(self.write(move |db| Dictionary::keep(db, &whose, &text)).await?);
        }
        Ok(found.map(|found| self.dictionaries.add(of, found)))
    }

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
