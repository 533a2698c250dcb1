//! How often a remote subscription is made anew: a removal that is told again and again, by whatever fault, must not
//! create and delete at Office 365 in a loop.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::backoff::HOPELESS;
use crate::model::SubscriptionId;
use crate::office365::{Failure, Verdict};

/// How many in a row are made without waiting; before the next ones it waits for 1, 2, 4, … 60 minutes.
const AT_ONCE: u32 = 3;
/// One that has lived this long ends the row: longer than the longest wait.
const LIVED: TimeDelta = TimeDelta::hours(2);

/// What was made anew lately. Kept in memory: a restart begins a new row.
#[derive(Debug, Default)]
pub(super) struct Anew(Mutex<HashMap<SubscriptionId, Row>>);

#[derive(Debug, Clone, Copy)]
struct Row {
    made: u32,
    last: DateTime<Utc>,
}

impl Anew {
    /// # Errors
    /// With the time to wait, if the row has become too long.
    pub(super) fn allow(&self, id: SubscriptionId, now: DateTime<Utc>) -> Result<(), Failure> {
        let Some(row) = self.row(id, now) else { return Ok(()) };
        let Some(excess) = row.made.checked_sub(AT_ONCE) else { return Ok(()) };
        let not_before = row.last + HOPELESS.delay(excess + 1, None, 1.0);
        let Some(wait) = (not_before - now).to_std().ok().filter(|wait| !wait.is_zero()) else {
            return Ok(());
        };
        let message = format!(
            "Office 365 has told {} times in a row that the remote subscription was removed; it waits before it makes the next one, and sweeps go on: look who removes subscriptions of this app registration",
            row.made
        );
        Err(Failure::local(Verdict::Throttled(wait), "removedAgainAndAgain", message))
    }

    /// One was made anew.
    pub(super) fn made(&self, id: SubscriptionId, now: DateTime<Utc>) {
        let made = self.row(id, now).map_or(0, |row| row.made).saturating_add(1);
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.retain(|_, row| row.goes_on(now));
        rows.insert(id, Row { made, last: now });
    }

    fn row(&self, id: SubscriptionId, now: DateTime<Utc>) -> Option<Row> {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.get(&id).copied().filter(|row| row.goes_on(now))
    }
}

impl Row {
    fn goes_on(&self, now: DateTime<Utc>) -> bool {
        now - self.last < LIVED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_a_row_are_made_at_once_and_the_pauses_grow_up_to_an_hour() {
        let (anew, id) = (Anew::default(), SubscriptionId(uuid::Uuid::nil()));
        let (mut now, mut pauses) = (DateTime::UNIX_EPOCH, Vec::new());
        for _ in 0..12 {
            let since = now;
            while let Err(refused) = anew.allow(id, now) {
                now += refused.retry_after().unwrap();
            }
            pauses.push((now - since).num_minutes());
            anew.made(id, now);
        }
        assert_eq!(pauses, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn one_that_has_lived_ends_the_row_and_others_are_not_concerned() {
        let (anew, now) = (Anew::default(), DateTime::UNIX_EPOCH);
        let [one, other] = [1, 2].map(|n| SubscriptionId(uuid::Uuid::from_u128(n)));
        for _ in 0..9 {
            anew.made(one, now);
        }
        assert!(anew.allow(one, now + TimeDelta::minutes(31)).is_err());
        assert!(anew.allow(other, now).is_ok());
        assert!(anew.allow(one, now + LIVED).is_ok());
        anew.made(other, now + LIVED);
        assert_eq!(anew.0.lock().unwrap().len(), 1, "what is over is forgotten");
    }
}
