mod differing;

use super::*;
use crate::model::{Origin, Remote, RemoteId, Start, SubscriptionId, Via};

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
        confirmed_at: None,
        removed_at: removed.then(|| at(0)),
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
fn no_wish_lives_longer_than_the_resource_allows() {
    let now = DateTime::UNIX_EPOCH;
    let days = |n: u64| Duration::from_secs(n * 86_400);
    let minutes = |n: u64| Duration::from_secs(n * 60);
    for (kind, content, wished, granted) in [
        (Kind::Message, false, None, minutes(10_060)),
        (Kind::Message, false, Some(days(30)), minutes(10_060)),
        (Kind::Message, true, None, minutes(1_430)),
        (Kind::Message, true, Some(days(2)), minutes(1_430)),
        (Kind::DriveItem, false, Some(days(2)), days(2)),
    ] {
        let wish = subscription(None, false).wish;
        let wish = Wish { lifetime: wished, include_resource_data: content, ..wish };
        assert_eq!(expiry(kind, &wish, now), now + granted, "{kind} {content} {wished:?}");
    }
    assert_eq!(renew_at(now, now + days(10), 0.5, 0.0), now + days(5));
    assert_eq!(renew_at(now, now + days(10), 0.5, 1.0), now + Duration::from_secs(388_800));
}
