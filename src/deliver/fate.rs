//! What becomes of a delivery after an attempt that failed.

use chrono::{DateTime, Utc};

use crate::backoff::DELIVERIES;
use crate::store::Fate;

/// After failed attempt number `attempt` at `now`; `chance` is in `[0, 1)`.
pub(super) fn after(attempt: u32, now: DateTime<Utc>, chance: f64) -> Fate {
    DELIVERIES.delay(attempt, chance).map_or(Fate::Dead, |wait| Fate::Again(now + wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_tried_again_seven_times_and_then_given_up() {
        let now = DateTime::UNIX_EPOCH;
        let fates: Vec<_> = (1..=8).map(|attempt| after(attempt, now, 0.0)).collect();
        assert!(fates[..7].iter().all(|fate| matches!(fate, Fate::Again(at) if *at > now)), "{fates:?}");
        assert_eq!(fates[7], Fate::Dead);
    }
}
