use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Every answer kept as it was given, and counted again each time.
#[derive(Default)]
struct Naive(Vec<(i64, Duration)>);

impl Naive {
    fn standing(&self, now: i64) -> Counts {
        let window = |second: i64| second.div_euclid(10) > now.div_euclid(10) - 60;
        let took: Vec<_> = self.0.iter().filter(|(at, _)| window(*at)).map(|(_, took)| *took).collect();
        let over = |limit: u64| {
            took.iter().filter(|took| **took > Duration::from_secs(limit)).count().try_into().unwrap()
        };
        Counts { answers: took.len().try_into().unwrap(), over_3s: over(3), over_10s: over(10) }
    }
}

proptest! {
    #[test]
    fn it_counts_as_somebody_does_who_keeps_every_answer(
        answers in prop::collection::vec((0_i64..400, 0_u64..15_000, any::<bool>()), 0..200)
    ) {
        let (reputation, mut naive, mut now) = (Reputation::default(), Naive::default(), 0);
        for (pause, took, looked_at) in answers {
            now += pause;
            reputation.answered(at(now), millis(took));
            naive.0.push((now, millis(took)));
            if looked_at {
                now += pause / 2;
                prop_assert_eq!(reputation.standing(at(now)), naive.standing(now).standing());
            }
        }
        for later in [0, 9, 10, 300, 599, 600, 609, 610, 100_000] {
            prop_assert_eq!(reputation.standing(at(now + later)), naive.standing(now + later).standing());
        }
        prop_assert!(reputation.ring().starts.len() <= 60);
    }

    #[test]
    fn a_clock_that_is_set_back_and_forth_never_counts_more_than_was_answered(
        times in prop::collection::vec(-5_000_i64..5_000, 1..200)
    ) {
        let reputation = Reputation::default();
        for (count, time) in (1..).zip(&times) {
            reputation.answered(at(*time), millis(5_000));
            let standing = reputation.standing(at(*time));
            prop_assert!((1..=count).contains(&standing.answers), "{standing:?} of {count}");
            prop_assert!(standing.over_3s > 0.99 && standing.over_10s < 0.01, "{standing:?}");
        }
        prop_assert!(reputation.ring().starts.len() <= 60);
    }
}

#[test]
fn the_limits_are_those_of_microsoft_and_the_warning_comes_long_before() {
    for (answers, over_3s, over_10s, state) in [
        (0, 0, 0, Grade::Good),
        (1000, 20, 20, Grade::Good),
        (1000, 21, 0, Grade::Warning),
        (1000, 100, 100, Grade::Warning),
        (1000, 101, 0, Grade::Slow),
        (1000, 150, 150, Grade::Slow),
        (1000, 151, 151, Grade::Drop),
        (1, 1, 1, Grade::Drop),
    ] {
        let counts = Counts { answers, over_3s, over_10s };
        assert_eq!(counts.standing().state, state, "{counts:?}");
    }
    let standing = Counts { answers: 200, over_3s: 50, over_10s: 10 }.standing();
    assert_eq!((standing.over_3s, standing.over_10s), (0.25, 0.05));
}

#[test]
fn exactly_three_seconds_are_in_time() {
    let reputation = Reputation::default();
    reputation.answered(at(0), Duration::from_secs(3));
    assert_eq!(reputation.standing(at(0)), Counts { answers: 1, ..Counts::default() }.standing());
    reputation.answered(at(0), Duration::from_millis(3001));
    reputation.answered(at(0), Duration::from_secs(10));
    let standing = reputation.standing(at(0));
    assert!(standing.over_3s > 0.6 && standing.over_10s == 0.0, "{standing:?}");
}

#[test]
fn many_threads_lose_no_answer() {
    let reputation = Arc::new(Reputation::default());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let reputation = Arc::clone(&reputation);
            scope.spawn(move || {
                for answer in 0..10_000 {
                    let slow = answer % 100 == 0;
                    reputation.answered(at(answer / 20 + thread), millis(if slow { 3_500 } else { 1 }));
                }
            });
        }
    });
    let standing = reputation.standing(at(503));
    assert_eq!(standing.answers, 40_000);
    assert!((standing.over_3s - 0.01).abs() < 1e-9, "{standing:?}");
}
