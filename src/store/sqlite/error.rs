use std::path::Path;

use crate::store::StoreError;

/// Whatever SQLite reports, nothing was done, and it may work again: a full disk, a lock, a disk that fails.
impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// A file of the store could not be used.
pub(super) fn file(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", path.display()))
}

/// The store was closed.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("it was closed".to_owned())
}
