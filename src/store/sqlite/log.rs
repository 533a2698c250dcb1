use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::packed::{Packed, Unpacker};
use super::row::{self, Columns, Fields, micros};
use super::{SqliteStore, mirror};
use crate::model::{Cursor, Event, ItemId, NewEvent, Subscription};
use crate::store::{EventFilter, EventPage, Log, LogBounds, ReadError, StoreError};

/// Events that one read looks at, so that a reader whose filter matches little holds no snapshot for long.
const LOOK_AT: u32 = 5000;
/// Content in one page: a thousand large list items shall not fill the memory.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

#[async_trait]
impl Log for SqliteStore {
    async fn read(
        &self,
        after: Cursor,
        limit: usize,
        filter: Box<dyn EventFilter>,
    ) -> Result<EventPage, ReadError> {
        SqliteStore::read(self, move |db| {
            let bounds = bounds(db)?;
            if after < bounds.oldest {
                return Err(ReadError::Expired { after, oldest: bounds.oldest });
            }
            let mut page = look(db, after, limit, &*filter)?;
            page.at_end = page.next >= bounds.latest;
            Ok(page)
        })
        .await
    }

    async fn bounds(&self) -> Result<LogBounds, StoreError> {
        SqliteStore::read(self, bounds).await
    }

    async fn written_since(&self, time: DateTime<Utc>) -> Result<Cursor, StoreError> {
        SqliteStore::read(self, move |db| written_since(db, micros(time))).await
    }

    fn end(&self) -> watch::Receiver<Cursor> {
        self.end.clone()
    }
}

/// The log's two ends. SQLite remembers the last number it gave, also when no event is left.
pub(super) fn bounds(db: &Connection) -> Result<LogBounds, StoreError> {
    let latest: Option<i64> = row::value(db, "SELECT seq FROM sqlite_sequence WHERE name = 'event'", [])?;
    let first: Option<i64> = row::value(db, "SELECT sequence FROM event ORDER BY sequence LIMIT 1", [])?;
    let latest = latest.unwrap_or_default();
    Ok(LogBounds { oldest: cursor(first.map_or(latest, |first| first - 1)), latest: cursor(latest) })
}

/// Times grow along the log, so that halving it finds one.
fn written_since(db: &Connection, time: i64) -> Result<Cursor, StoreError> {
    let bounds = bounds(db)?;
    let (mut before, mut end) = (number(bounds.oldest), number(bounds.latest));
    while before < end {
        let middle = before + (end - before) / 2 + 1;
        let earlier: Option<bool> = row::value(
            db,
            "SELECT written_at < ?2 FROM event WHERE sequence <= ?1 ORDER BY sequence DESC LIMIT 1",
            [middle, time],
        )?;
        if earlier.unwrap_or(true) {
            before = middle;
        } else {
            end = middle - 1;
        }
    }
    Ok(cursor(before))
}

fn look(
    db: &Connection,
    after: Cursor,
    limit: usize,
    filter: &dyn EventFilter,
) -> Result<EventPage, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT * FROM event WHERE sequence > ?1 ORDER BY sequence LIMIT ?2")?;
    let columns = Columns::of(&statement);
    let mut rows = statement.query(params![number(after), LOOK_AT])?;
    let mut unpacker = Unpacker::new(db);
    let mut page = EventPage { next: after, ..EventPage::default() };
    let mut bytes = 0;
    while page.events.len() < limit && bytes < PAGE_BYTES {
        let Some(row) = rows.next()? else { break };
        let fields = Fields::new("event", "sequence", row).among(&columns);
        page.next = Cursor::at(fields.number("sequence")?);
        if filter.wants(fields.text("subscription")?, fields.text("type")?) {
            let event = event(&fields, page.next, unpacker.text(&fields, "data")?)?;
            bytes += event.data.get().len();
            page.events.push(event);
        }
    }
    Ok(page)
}

fn event(fields: &Fields<'_, '_>, cursor: Cursor, data: String) -> Result<Event, StoreError> {
    Ok(Event {
        cursor,
        id: fields.get("id")?,
        tenant: fields.parsed("tenant")?,
        subscription: fields.parsed("subscription")?,
        event_type: fields.get("type")?,
        subject: fields.get("subject")?,
        time: fields.time("time")?,
        data: RawValue::from_string(data).map_err(|error| fields.broken("data", &error))?,
    })
}

/// Appends events of a subscription that has had `counter` of them. Answers with the number of each item's last one.
pub(super) fn append<'e>(
    db: &Connection,
    subscription: &Subscription,
    counter: u64,
    (events, texts): (&'e [NewEvent], &[Packed]),
    now: DateTime<Utc>,
) -> Result<HashMap<&'e ItemId, i64>, StoreError> {
    let mut told = HashMap::with_capacity(events.len());
    let mut statement = db.prepare_cached(
        "INSERT INTO event (id, tenant, subscription, type, subject, time, written_at, data, dictionary, packed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for (change, (event, packed)) in (counter + 1..).zip(events.iter().zip(texts)) {
        statement.execute(params![
            format!("{}-{change}", subscription.id),
            subscription.wish.tenant.as_str(),
            subscription.wish.name.as_str(),
            event.event_type(),
            event.subject.0,
            micros(event.time),
            micros(now),
            if packed.is_some() { "" } else { event.data.get() },
            packed.as_ref().map(|(dictionary, _)| dictionary),
            packed.as_ref().map(|(_, packed)| packed),
        ])?;
        told.insert(&event.subject, db.last_insert_rowid());
    }
    Ok(told)
}

/// How many rows of a kind one step deletes at most, and how much text of events: what the mirror still needs of it is
/// written anew.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portion {
    pub(super) rows: usize,
    pub(super) bytes: i64,
}

/// Deletes a portion of the log from its beginning, or one event if that is larger, as far as they were written before
/// `before`. Answers with how many, and whether there are more.
pub(super) fn delete_oldest(
    db: &Connection,
    before: DateTime<Utc>,
    portion: Portion,
) -> Result<(usize, bool), StoreError> {
    let old = oldest(db, before, portion.rows)?;
    let mut room = portion.bytes;
    let mut deleted = 0;
    for (sequence, bytes) in &old {
        room = room.saturating_sub(*bytes);
        if deleted > 0 && room < 0 {
            break;
        }
        // The event goes first, so that a body that comes back finds the room that it leaves: the file need not grow.
        let bodies = mirror::told_by(db, *sequence)?;
        row::execute(db, "DELETE FROM event WHERE sequence = ?1", [*sequence])?;
        mirror::take_back(db, bodies)?;
        deleted += 1;
    }
    Ok((deleted, deleted < old.len() || deleted >= portion.rows))
}

/// The numbers of the first events that were written before `before`, and how long their text is.
fn oldest(db: &Connection, before: DateTime<Utc>, limit: usize) -> Result<Vec<(i64, i64)>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = "SELECT sequence, written_at, octet_length(data) + ifnull(octet_length(packed), 0) AS bytes
               FROM event ORDER BY sequence LIMIT ?1";
    let first = row::all(db, sql, [limit], |row| {
        let fields = Fields::new("event", "sequence", row);
        Ok((fields.get::<i64>("written_at")?, fields.get("sequence")?, fields.get("bytes")?))
    })?;
    let old = first.into_iter().take_while(|(written_at, ..)| *written_at < micros(before));
    Ok(old.map(|(_, sequence, bytes)| (sequence, bytes)).collect())
}

fn cursor(sequence: i64) -> Cursor {
    Cursor::at(u64::try_from(sequence).unwrap_or_default())
}

pub(super) fn number(cursor: Cursor) -> i64 {
    i64::try_from(cursor.number()).unwrap_or(i64::MAX)
}
