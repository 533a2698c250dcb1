use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Claim, StoreError};
use crate::model::Name;

/// Rounds that nothing asked for.
#[async_trait]
pub trait Sweeps: Send + Sync {
    /// As [`super::Rounds::claim_round`], of one whose sweep is due and whose tenant is not among `closed`.
    async fn claim_sweep(
        &self,
        now: DateTime<Utc>,
        lease: Duration,
        closed: Vec<Name>,
    ) -> Result<Option<Claim>, StoreError>;

    /// When the next sweep is due of a tenant that is not among `closed`.
    async fn next_sweep(&self, closed: Vec<Name>) -> Result<Option<DateTime<Utc>>, StoreError>;

    /// Notes that the listener is there at `now`, sweeps, and can write; what has no time for its sweep is due. Was it last there longer ago than `longest`, then every
    /// subscription that is followed is due to be swept, and the answer says since when nobody listened. That is made
    /// in several transactions; one that was broken off is made again by the next call.
    async fn alive(&self, now: DateTime<Utc>, longest: Duration)
    -> Result<Option<DateTime<Utc>>, StoreError>;
}
