//! How the file is opened.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{error, packed};
use crate::store::StoreError;

/// How long SQLite waits for a lock that somebody outside (a backup, a shell) holds. A notification that has just
/// missed one commit waits for two of them, and is to be refused far below the 2.5 s that it has.
const BUSY_TIMEOUT: Duration = Duration::from_millis(500);
/// Statements kept prepared on each connection: more than there are.
const STATEMENTS: usize = 64;
/// Page cache of the writer and of each reader in KiB: what keeps memory small and still holds the hot pages.
const WRITER_CACHE_KIB: i64 = 8 * 1024;
const READER_CACHE_KIB: i64 = 1024;
/// Pages of the write-ahead log after which it is copied back. Ten times as many made the slowest one in a hundred
/// acknowledgements five times slower.
const CHECKPOINT_PAGES: i64 = 1000;

/// Keeps other processes off the file for as long as the answer lives.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-lock");
    let beside = Path::new(&beside);
    let file = private().open(beside).map_err(|error| error::system(beside, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.display().to_string())),
        Err(TryLockError::Error(error)) => Err(error::system(beside, &error)),
    }
}

/// The connection that writes.
pub(super) fn for_writing(path: &Path) -> Result<Connection, StoreError> {
    // SQLite gives the files beside it the permissions of the first one.
    private().open(path).map_err(|error| error::system(path, &error))?;
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, WRITER_CACHE_KIB)?;
    let mode = make_durable(&connection).map_err(|error| error::database(path, &error))?;
    if mode != "wal" {
        return Err(error::file(path, &"its file system does not allow a write-ahead log"));
    }
    Ok(connection)
}

/// A connection that can only read.
pub(super) fn for_reading(path: &Path) -> Result<Connection, StoreError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, READER_CACHE_KIB)
}

fn open(path: &Path, access: OpenFlags, cache_kib: i64) -> Result<Connection, StoreError> {
    let open = || {
        let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.pragma_update(None, "cache_size", -cache_kib)?;
        packed::register(&connection)?;
        Ok(connection)
    };
    open().map_err(|error: rusqlite::Error| error::database(path, &error))
}

/// Sets what is written when; answers with the journal mode that came of it.
fn make_durable(connection: &Connection) -> rusqlite::Result<String> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
}

/// Opens or makes a file that only its owner may read: it holds keys and the content of items.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
