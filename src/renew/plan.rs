//! What a subscription's remote side wants done, when, and for how long. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::{Kind, Subscription, Wish};

/// What is to be done at Office 365 for one subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing is held there: create.
    Create,
    /// It is held and its time has come: renew.
    Renew,
    /// It shall go: delete.
    Delete,
    /// It shall go and nothing is held: forget.
    Forget,
    /// It is held, and its time has not come: see that Office 365 still holds it (asked for at each start, since one
    /// can vanish without a word).
    Verify,
}

/// The next step for `subscription` at `now`.
pub fn plan(subscription: &Subscription, now: DateTime<Utc>) -> Step {
    match &subscription.remote {
        Some(_) if subscription.removed_at.is_some() => Step::Delete,
        None if subscription.removed_at.is_some() => Step::Forget,
        // One that has run out cannot be renewed; should it live on nevertheless, creating says so (409).
        Some(remote) if remote.expires_at <= now => Step::Create,
        // One that could not be renewed by hand is tried again, though its time has not come.
        Some(remote) if remote.renew_at <= now || subscription.renew_error.is_some() => Step::Renew,
        Some(_) => Step::Verify,
        None => Step::Create,
    }
}

/// The longest life that Office 365 grants, less a margin for clocks that differ.
///
/// Drives and lists: 42,300 minutes. Mail: 10,080 on paper, 10,070 in service, so 10,060 are asked for; 1,440 where
/// notifications bring content.
const fn longest_life(kind: Kind, content: bool) -> Duration {
    let minutes = match kind {
        Kind::ListItem | Kind::DriveItem => 42_290,
        Kind::Message if content => 1_430,
        Kind::Message => 10_060,
    };
    Duration::from_secs(minutes * 60)
}

/// A renewal that is due at once again (clocks that differ) must not become a loop.
const SOONEST: Duration = Duration::from_secs(60);

/// The expiry to ask for: what was wished, but never over what the resource allows.
pub fn expiry(kind: Kind, wish: &Wish, now: DateTime<Utc>) -> DateTime<Utc> {
    let longest = longest_life(kind, wish.include_resource_data);
    now + wish.lifetime.unwrap_or(longest).min(longest)
}

/// When to renew what was granted at `now` until `expires_at`: after the share `at` of its life, or up to a tenth
/// of that sooner by `chance` in `[0, 1)`, so that what was made together is not renewed together.
pub fn renew_at(now: DateTime<Utc>, expires_at: DateTime<Utc>, at: f64, chance: f64) -> DateTime<Utc> {
    let life = (expires_at - now).to_std().unwrap_or_default();
    now + life.mul_f64(at * (1.0 - 0.1 * chance)).max(SOONEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Origin, Remote, RemoteId, Start, SubscriptionId, Via};

    fn subscription(remote: Option<(i64, i64)>, removed: bool) -> Subscription {
        let at =
            |hours: i64| DateTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(hours).unwrap() * 3600);
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
}
