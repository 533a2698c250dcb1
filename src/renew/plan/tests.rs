mod differing;

use super::*;
use crate::model::{Origin, Remote, RemoteId, Start, Via};

pub(super) fn subscription(remote: Option<(i64, i64)>, removed: bool) -> Subscription {
    let at = |hours: i64| DateTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(hours).unwrap() * 3600);
    Subscription {
        id: SubscriptionId(uuid::Uuid::nil()),
        wish: Wish {
            name: "files".parse().unwrap(),
            tenant: "contoso".parse().unwrap(),
            resource: "onedrive:alice@contoso.com".parse().unwrap(),
            via: Via::Graph,
            start: Start::Now,
            lifetime: None,
            select: vec![],
            include_resource_data: false,
            origin: Origin::Api,
        },
        target: None,
        started_at: None,
        remote: remote.map(|(renew, expires)| Remote {
            id: RemoteId("r".into()),
            renew_at: at(renew),
            expires_at: at(expires),
            certificate: None,
        }),
        replace: false,
        former_remote: None,
        confirmed_at: None,
        removed_at: removed.then(|| at(0)),
        paused_at: None,
        renew_error: None,
        fetch_error: None,
        last_notification_at: None,
        last_fetch_at: None,
        last_event_at: None,
        pending: false,
        events: 0,
        quarantined: 0,
        first_round: None,
        resync: None,
        rhythm: crate::model::Rhythm::default(),
    }
}

#[test]
fn every_situation_has_its_step() {
    let now = DateTime::UNIX_EPOCH + Duration::from_secs(100 * 3600);
    for (remote, removed, step) in [
        (None, false, Step::Create),
        (Some((101, 200)), false, Step::Verify),
        (Some((100, 200)), false, Step::Renew),
        (Some((50, 100)), false, Step::Create),
        (Some((101, 200)), true, Step::Delete),
        (Some((50, 60)), true, Step::Delete),
        (None, true, Step::Forget),
    ] {
        assert_eq!(plan(&subscription(remote, removed), now), step, "{remote:?} removed: {removed}");
    }
}

#[test]
fn a_renewal_by_hand_that_failed_is_tried_again_before_its_time() {
    let mut subscription = subscription(Some((101, 200)), false);
    subscription.renew_error = Some(crate::model::Trouble {
        code: "503".into(),
        message: String::new(),
        transient: true,
        next_attempt_at: None,
    });
    assert_eq!(plan(&subscription, DateTime::UNIX_EPOCH), Step::Renew);
}

#[test]
fn the_share_of_a_life_after_which_it_is_renewed_is_shortened_by_chance() {
    let (now, life) = (DateTime::UNIX_EPOCH, Duration::from_secs(10 * 86_400));
    assert_eq!(renew_at(now, now + life, 0.5, 0.0), now + life / 2);
    assert_eq!(renew_at(now, now + life, 0.5, 1.0), now + Duration::from_secs(4 * 86_400));
}

#[test]
fn what_was_made_in_one_minute_is_not_renewed_in_one_minute_and_neither_are_its_later_lives() {
    let minute = Duration::from_secs(60);
    // Mail with content has the shortest life: 10,000 are 52 in a minute then.
    for (minutes, most) in [(1_430, 100), (10_060, 30), (42_290, 15)] {
        let ids = (0..10_000).map(|n| SubscriptionId(uuid::Uuid::from_u128(n)));
        let mut due: Vec<(SubscriptionId, DateTime<Utc>)> =
            ids.map(|id| (id, DateTime::UNIX_EPOCH)).collect();
        for _ in 0..3 {
            let mut by_minute = std::collections::BTreeMap::<i64, u32>::new();
            for (id, at) in &mut due {
                let expires_at = *at + minute * minutes;
                *at = renew_at(*at, expires_at, 0.67, spread(*id, expires_at));
                *by_minute.entry(at.timestamp() / 60).or_default() += 1;
            }
            let fullest = by_minute.values().max().copied();
            assert!(fullest < Some(most), "{fullest:?} in one minute of {minutes}");
        }
    }
}
