//! Reading rows: whatever cannot be understood names its table, column and row.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use rusqlite::types::{FromSql, ValueRef};
use rusqlite::{Connection, Params, Row, Statement};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::StoreError;

/// A row of a table, and the column that identifies it to a person.
#[derive(Clone, Copy)]
pub(super) struct Fields<'r, 's> {
    table: &'static str,
    key: &'static str,
    columns: Option<&'r Columns>,
    row: &'r Row<'s>,
}

/// The columns of many rows. To look for a name among SQLite's own costs more than to read what stands there.
pub(super) struct Columns(Vec<String>);

impl Columns {
    pub(super) fn of(statement: &Statement<'_>) -> Self {
        Self(statement.column_names().map(str::to_owned).collect())
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|column| column == name)
    }
}

impl<'r, 's> Fields<'r, 's> {
    pub(super) fn new(table: &'static str, key: &'static str, row: &'r Row<'s>) -> Self {
        Self { table, key, columns: None, row }
    }

    /// One of many rows.
    pub(super) fn among(self, columns: &'r Columns) -> Self {
        Self { columns: Some(columns), ..self }
    }

    /// A value as it is.
    pub(super) fn get<T: FromSql>(&self, column: &'static str) -> Result<T, StoreError> {
        let value = match self.place(column) {
            Some(place) => self.row.get(place),
            None => self.row.get(column),
        };
        value.map_err(|error| self.broken(column, &error))
    }

    /// A text, borrowed.
    pub(super) fn text(&self, column: &'static str) -> Result<&'r str, StoreError> {
        let value = self.value(column)?;
        value.as_str().map_err(|error| self.broken(column, &error))
    }

    /// Bytes, borrowed.
    pub(super) fn bytes(&self, column: &'static str) -> Result<&'r [u8], StoreError> {
        let value = self.value(column)?;
        value.as_blob().map_err(|error| self.broken(column, &error))
    }

    /// A text that is read by its type's own rules.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<T, StoreError> {
        self.text(column)?.parse().map_err(|error| self.broken(column, &error))
    }

    /// A number that is converted.
    pub(super) fn number<T: TryFrom<i64, Error: Display>>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        T::try_from(self.get::<i64>(column)?).map_err(|error| self.broken(column, &error))
    }

    /// A time.
    pub(super) fn time(&self, column: &'static str) -> Result<DateTime<Utc>, StoreError> {
        let micros = self.get(column)?;
        DateTime::from_timestamp_micros(micros).ok_or_else(|| self.broken(column, &"it is out of range"))
    }

    /// What may be missing.
    pub(super) fn optional<T>(
        &self,
        column: &'static str,
        read: impl FnOnce(&Self, &'static str) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let value = self.value(column)?;
        if value == ValueRef::Null { Ok(None) } else { read(self, column).map(Some) }
    }

    /// A JSON text.
    pub(super) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        serde_json::from_str(self.text(column)?).map_err(|error| self.broken(column, &error))
    }

    fn place(&self, column: &str) -> Option<usize> {
        self.columns.and_then(|columns| columns.place(column))
    }

    fn value(&self, column: &'static str) -> Result<ValueRef<'r>, StoreError> {
        let value = match self.place(column) {
            Some(place) => self.row.get_ref(place),
            None => self.row.get_ref(column),
        };
        value.map_err(|error| self.broken(column, &error))
    }

    /// A column of this row does not hold what it should.
    pub(super) fn broken(&self, column: &'static str, reason: &dyn Display) -> StoreError {
        let key = self.row.get_ref(self.key).ok().map_or_else(String::new, |value| match value.as_str() {
            Ok(text) => text.to_owned(),
            Err(_) => value.as_i64().map_or_else(|_| "?".to_owned(), |number| number.to_string()),
        });
        StoreError::Broken { table: self.table, column, row: key, reason: reason.to_string() }
    }
}

/// Every row that a statement finds.
pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// The first row that a statement finds.
pub(super) fn first<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// The first column of the first row that a statement finds.
pub(super) fn value<T: FromSql>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Option<T>, StoreError> {
    first(connection, sql, params, |row| Ok(row.get(0)?))
}

/// Runs a statement that is used again and again; answers with the number of rows it changed.
pub(super) fn execute(connection: &Connection, sql: &str, params: impl Params) -> Result<usize, StoreError> {
    Ok(connection.prepare_cached(sql)?.execute(params)?)
}

/// A value as it is stored in a JSON column.
pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Unavailable(format!("a value cannot be written as JSON: {error}")))
}

/// A time as it is stored.
pub(super) fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}
