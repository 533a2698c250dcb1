/// Why the store did not do a step. Nothing of the step was done then.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached or cannot write at the moment: a full disk, or one that fails.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// Others hold it up at the moment: another program's lock, too many waiting.
    #[error("the store is not available: {0}")]
    Busy(String),
    /// Another process holds it.
    #[error("{0} is in use by another o365-listener; stop that one, or give this one another [store] url")]
    InUse(String),
    /// It was written by a later version.
    #[error(
        "the store has schema version {found}, this program knows {known}: use the newer program, or another store"
    )]
    TooNew {
        /// The version found.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// It was written by an earlier version, and was only to be looked at.
    #[error("the store has schema version {found}, and `serve` brings it to {known}")]
    Older {
        /// The version found.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// A row does not hold what it should.
    #[error("broken row in the store: {table}.{column} of {row}: {reason}")]
    Broken {
        /// Table.
        table: &'static str,
        /// Column.
        column: &'static str,
        /// The row's key.
        row: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The URL names no store this version has.
    #[error("[store] url must be sqlite:PATH in this version")]
    Unsupported,
}
