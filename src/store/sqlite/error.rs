use std::io::ErrorKind;
use std::path::Path;

use rusqlite::ErrorCode;

use crate::store::StoreError;

/// Whatever SQLite reports, nothing was done, and it may work again: a full disk, a lock, a disk that fails.
impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(reason(&error)),
            _ => Self::Unavailable(reason(&error)),
        }
    }
}

/// What a person can do about it, where something can be done.
fn reason(error: &rusqlite::Error) -> String {
    let remedy = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "free some room where [store] url points",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds the file (a backup, a shell); end it if it does not let go"
        }
        Some(ErrorCode::ReadOnly) => {
            "the file or its file system is read-only; make it writable for this user"
        }
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => {
            "free some room where [store] url points; or that disk is over a quota, read-only or broken"
        }
        _ => return error.to_string(),
    };
    format!("{error}: {remedy}")
}

/// SQLite could not use a file of the store.
pub(super) fn database(path: &Path, error: &rusqlite::Error) -> StoreError {
    file(path, &reason(error))
}

/// The file system refused a file of the store.
pub(super) fn system(path: &Path, error: &std::io::Error) -> StoreError {
    let remedy = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some room there",
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
            "make it writable for this user, or set [store] url to another place"
        }
        ErrorKind::NotFound => "make its folder, or set [store] url to another place",
        _ => return file(path, error),
    };
    file(path, &format!("{error}: {remedy}"))
}

/// A file of the store could not be used.
pub(super) fn file(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", path.display()))
}

/// The store was closed.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("it was closed".to_owned())
}
