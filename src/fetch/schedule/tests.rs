use super::*;
use crate::model::Suspicion;

const HOUR: Duration = Duration::from_secs(3600);
const SWEEP: Option<Duration> = Some(Duration::from_secs(6 * 3600));

fn round(cause: Cause, events: u64) -> Round {
    Round { cause, events, looks: 0, rhythm: Rhythm::default(), notified_at: None }
}

#[test]
fn an_empty_round_after_a_notification_is_looked_at_again_three_times() {
    let now = DateTime::UNIX_EPOCH;
    let mut end = after(&round(Cause::Hint, 0), SWEEP, now, 0.0);
    let mut waits = vec![];
    while end.empty_looks > 0 {
        waits.push((end.next_at.unwrap() - now).num_seconds());
        end = after(&Round { looks: end.empty_looks, ..round(Cause::AnotherLook, 0) }, SWEEP, now, 0.0);
    }
    assert_eq!(waits, [2, 10, 60]);
    assert_eq!(end.next_at, Some(now + 6 * HOUR));
}

#[test]
fn a_round_that_found_something_or_was_not_announced_is_left_to_the_sweep() {
    let now = DateTime::UNIX_EPOCH;
    for (cause, events, looks) in [
        (Cause::Hint, 1, 0),
        (Cause::AnotherLook, 1, 1),
        (Cause::Sweep, 0, 0),
        (Cause::OutageSweep, 7, 0),
        (Cause::First, 0, 0),
        (Cause::Anew, 3, 0),
    ] {
        let round = Round { looks, ..round(cause, events) };
        let end = after(&round, SWEEP, now, 1.0);
        let next_at = Some(now + Duration::from_secs(19_440));
        assert_eq!(end, RoundEnd { next_at, ..RoundEnd::default() }, "{cause:?}");
        assert_eq!(after(&round, None, now, 1.0), RoundEnd::default());
    }
}

#[test]
fn a_sweep_that_found_something_is_followed_by_more_until_some_found_nothing() {
    let now = DateTime::UNIX_EPOCH;
    let (mut rhythm, mut periods, mut suspicious) = (Rhythm::default(), vec![], vec![]);
    for events in [1, 0, 0, 0, 2, 5, 1, 0] {
        let end = after(&Round { rhythm, ..round(Cause::Sweep, events) }, SWEEP, now, 0.0);
        rhythm = end.rhythm;
        periods.push((end.next_at.unwrap() - now).num_seconds());
        suspicious.push(rhythm.suspicion(now).is_some());
    }
    assert_eq!(periods, [5400, 10_800, 21_600, 21_600, 5400, 1350, 675, 1350]);
    assert_eq!(suspicious, [true, true, false, false, true, true, true, true]);
}

/// A rhythm after ten notifications, `gap` apart, and when the last came.
fn regular(gap: Duration) -> (Rhythm, DateTime<Utc>) {
    let (mut rhythm, mut now) = (Rhythm::default(), DateTime::UNIX_EPOCH);
    for _ in 0..10 {
        now += gap;
        rhythm = heard(rhythm, Some(now));
    }
    (rhythm, now)
}

#[test]
fn quiet_against_the_own_rhythm_is_swept_early_and_believed_after_three_sweeps() {
    let (mut rhythm, alive) = regular(Duration::from_secs(300));
    assert_eq!((rhythm.usual_gap, rhythm.gaps), (Some(Duration::from_secs(300)), 9));
    let (mut now, mut sweeps) = (alive, vec![]);
    let mut cause = Cause::Hint;
    for _ in 0..4 {
        let round =
            Round { rhythm, notified_at: Some(alive), ..round(cause, u64::from(cause == Cause::Hint)) };
        let end = after(&round, SWEEP, now, 0.0);
        (rhythm, now, cause) = (end.rhythm, end.next_at.unwrap(), Cause::Sweep);
        sweeps.push(((now - alive).num_minutes(), rhythm.suspicion(now)));
    }
    let quiet = Some(Suspicion::Quiet);
    assert_eq!(sweeps, [(40, quiet), (80, quiet), (160, quiet), (160 + 360, None)]);
    let heard = heard(rhythm, Some(now));
    assert_eq!((heard.quiet_sweeps, heard.suspicion(now)), (0, None));
}

#[test]
fn little_is_concluded_from_few_notifications_and_nothing_from_bursts() {
    let (rhythm, alive) = regular(Duration::from_secs(1));
    assert_eq!(rhythm.unusual_at(), Some(alive + HOUR / 4));
    let few = Rhythm { gaps: 7, ..rhythm };
    assert_eq!((few.unusual_at(), few.suspicion(alive + 1000 * HOUR)), (None, None));
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However strange the rhythm, a sweep is neither late nor a storm.
        #[test]
        fn the_next_sweep_is_within_the_period_and_never_at_once(
            every in 1_u64..1_000_000, haste in 0_u32..40, gaps in 0_u32..40, quiet_sweeps in 0_u32..5,
            gap in 0_u64..u64::MAX / 2_000_000, quiet in 0_i64..10_000_000, chance in 0.0_f64..1.0,
        ) {
            let now = DateTime::UNIX_EPOCH + Duration::from_secs(20_000_000);
            let rhythm = Rhythm {
                alive_at: Some(now - chrono::TimeDelta::seconds(quiet)),
                usual_gap: Some(Duration::from_micros(gap)),
                gaps, quiet_sweeps, haste,
            };
            let every = Duration::from_secs(every);
            let next = next_sweep(&rhythm, every, now, chance);
            prop_assert!(next <= now + every);
            prop_assert!(next >= now + SHORTEST_SWEEP.min(every).mul_f64(0.9));
        }
    }
}
