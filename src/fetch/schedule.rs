//! When a subscription is looked at again after a round has ended.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::store::{Cause, RoundEnd};

/// A notification can precede the change in what is read, so a round that finds nothing right after one is looked
/// at again after these times, then left to the sweep.
const LOOKS: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(10), Duration::from_secs(60)];

/// What comes after a round that was made for `cause` and wrote `events`; `looks` is the number of looks in a row
/// that had found nothing. `chance` is a random number in `[0, 1)`: sweeps are spread over a tenth of their
/// period, so that subscriptions made together are not swept together.
pub fn after(
    cause: Cause,
    events: u64,
    looks: u32,
    sweep_every: Option<Duration>,
    now: DateTime<Utc>,
    chance: f64,
) -> RoundEnd {
    let expecting = match cause {
        Cause::Hint => Some(0),
        Cause::AnotherLook => usize::try_from(looks).ok(),
        Cause::First | Cause::Sweep => None,
    };
    if events == 0
        && let Some(made) = expecting
        && let Some(wait) = LOOKS.get(made)
    {
        let looks = u32::try_from(made).unwrap_or(u32::MAX).saturating_add(1);
        return RoundEnd { next_at: Some(now + *wait), empty_looks: looks };
    }
    let sweep = sweep_every.map(|every| now + every.mul_f64(1.0 - 0.1 * chance));
    RoundEnd { next_at: sweep, empty_looks: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWEEP: Option<Duration> = Some(Duration::from_secs(6 * 3600));

    #[test]
    fn an_empty_round_after_a_notification_is_looked_at_again_three_times() {
        let now = DateTime::UNIX_EPOCH;
        let mut end = after(Cause::Hint, 0, 0, SWEEP, now, 0.0);
        let mut waits = vec![];
        while end.empty_looks > 0 {
            waits.push((end.next_at.unwrap() - now).num_seconds());
            end = after(Cause::AnotherLook, 0, end.empty_looks, SWEEP, now, 0.0);
        }
        assert_eq!(waits, [2, 10, 60]);
        assert_eq!(end.next_at, Some(now + Duration::from_secs(6 * 3600)));
    }

    #[test]
    fn a_round_that_found_something_or_was_not_announced_is_left_to_the_sweep() {
        let now = DateTime::UNIX_EPOCH;
        for (cause, events, looks) in
            [(Cause::Hint, 1, 0), (Cause::AnotherLook, 1, 1), (Cause::Sweep, 0, 0), (Cause::First, 0, 0)]
        {
            let end = after(cause, events, looks, SWEEP, now, 1.0);
            assert_eq!(
                end,
                RoundEnd { next_at: Some(now + Duration::from_secs(19_440)), empty_looks: 0 },
                "{cause:?}"
            );
            assert_eq!(after(cause, events, looks, None, now, 1.0), RoundEnd::default());
        }
    }
}
