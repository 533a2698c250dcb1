use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::{Consumer, Cursor, Name};

/// Where named readers are in the log.
#[async_trait]
pub trait Consumers: Send + Sync {
    /// All of them, by name.
    async fn consumers(&self) -> Result<Vec<Consumer>, StoreError>;

    /// The one of this name; none where nothing was committed in it.
    async fn consumer(&self, name: &Name) -> Result<Option<Consumer>, StoreError>;

    /// Moves a consumer on to `cursor`, and makes it with its first commit. It never moves back: of two readers of one name
    /// the slower one undoes nothing.
    async fn commit(&self, name: &Name, cursor: Cursor, now: DateTime<Utc>) -> Result<Commit, StoreError>;

    /// Forgets a consumer; says whether there was one.
    async fn forget_consumer(&self, name: &Name) -> Result<bool, StoreError>;
}

/// What became of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commit {
    /// The consumer is where this says, which may be further than was asked for.
    Done(Consumer),
    /// There is no such event yet; the log's last one is this.
    Ahead(Cursor),
    /// There are as many consumers as there may be.
    TooMany(usize),
}
