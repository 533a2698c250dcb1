//! What refusals have taught.

use std::time::Duration;

use o365_listener::model::{Kind, SubscriptionId};
use o365_listener::store::{Lesson, LifeOf, Store};

use super::{Place, at, conformance, name, new, register};

const DAY: i64 = 86_400;
const SPECIAL: i64 = 4_230;

fn minutes(n: i64) -> Duration {
    Duration::from_secs(60 * n.unsigned_abs())
}

fn drives() -> LifeOf {
    LifeOf { tenant: name("contoso"), kind: Kind::DriveItem, content: false }
}

async fn learn(store: &dyn Store, id: SubscriptionId, longest: i64, told: bool, time: i64) {
    let lesson = Lesson { longest: minutes(longest), told };
    store.learn(id, drives(), lesson, at(time)).await.unwrap();
}

async fn longest(store: &dyn Store, id: SubscriptionId, time: i64) -> Option<Duration> {
    store.longest_life(id, drives(), at(time)).await.unwrap()
}

async fn what_one_was_taught_is_kept_for_it_alone_and_for_30_days(place: &dyn Place) {
    let store = place.open().await;
    let [special, other] = [register(&*store, new("special")).await, register(&*store, new("other")).await];
    learn(&*store, special, 9_000, true, 0).await;
    learn(&*store, special, SPECIAL, true, 10).await;
    drop(store);
    let store = place.open().await;
    assert_eq!(longest(&*store, special, 20).await, Some(minutes(SPECIAL)));
    assert_eq!(longest(&*store, other, 20).await, None);
    let with_content = LifeOf { content: true, ..drives() };
    assert_eq!(store.longest_life(special, with_content, at(20)).await.unwrap(), None);
    assert_eq!(longest(&*store, special, 30 * DAY + 9).await, Some(minutes(SPECIAL)));
    assert_eq!(longest(&*store, special, 30 * DAY + 10).await, None, "it may have been raised");

    let stranger = SubscriptionId(uuid::Uuid::nil());
    learn(&*store, stranger, 60, true, 20).await;
    assert_eq!(longest(&*store, stranger, 20).await, None, "it was removed meanwhile");
}

async fn what_two_were_told_is_true_of_all_that_are_alike_and_a_guess_never_is(place: &dyn Place) {
    let store = place.open().await;
    let mut ids = Vec::new();
    for it in ["a", "b", "c", "d"] {
        ids.push(register(&*store, new(it)).await);
    }
    let [a, b, c, d] = ids.as_slice() else { panic!("four") };
    learn(&*store, *a, 180, false, 0).await;
    learn(&*store, *b, 180, false, 0).await;
    learn(&*store, *c, 180, true, 0).await;
    assert_eq!(longest(&*store, *d, 1).await, None, "two guesses, and one that was told");
    learn(&*store, *c, SPECIAL, true, 1).await;
    learn(&*store, *c, SPECIAL, true, 2).await;
    assert_eq!(longest(&*store, *d, 3).await, None, "the same one twice");
    learn(&*store, *b, SPECIAL - 1, true, 3).await;
    assert_eq!(longest(&*store, *d, 3).await, None, "another number");

    learn(&*store, *b, SPECIAL, true, 4).await;
    assert_eq!(longest(&*store, *d, 5).await, Some(minutes(SPECIAL)));
    assert_eq!(longest(&*store, *a, 5).await, Some(minutes(180)), "what it was taught itself is shorter");
    for other in [
        LifeOf { tenant: name("fabrikam"), ..drives() },
        LifeOf { kind: Kind::ListItem, ..drives() },
        LifeOf { content: true, ..drives() },
    ] {
        assert_eq!(store.longest_life(*d, other, at(5)).await.unwrap(), None);
    }
    store.forget(*b).await.unwrap();
    assert_eq!(longest(&*store, *d, 30 * DAY + 3).await, Some(minutes(SPECIAL)));
    assert_eq!(longest(&*store, *d, 30 * DAY + 4).await, None, "it may have been raised");
}

async fn what_was_told_too_long_ago_confirms_nothing(place: &dyn Place) {
    let store = place.open().await;
    let [a, b] = [register(&*store, new("a")).await, register(&*store, new("b")).await];
    learn(&*store, a, SPECIAL, true, 0).await;
    learn(&*store, b, SPECIAL, true, 30 * DAY).await;
    assert_eq!(longest(&*store, a, 30 * DAY).await, None);
}

conformance![
    what_one_was_taught_is_kept_for_it_alone_and_for_30_days,
    what_two_were_told_is_true_of_all_that_are_alike_and_a_guess_never_is,
    what_was_told_too_long_ago_confirms_nothing,
];
