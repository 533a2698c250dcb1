use chrono::TimeDelta;
use o365_listener::model::{Kind, RemoteId, Target};
use o365_listener::office365::{Failure, NewRemote, RemoteSubscription, Renew, Verdict};
use serde_json::json;

use super::Reach;
use crate::openapi;
use crate::receiver::{Manner, Receiver};

async fn create(reach: &Reach, receiver: &Receiver, target: &Target) -> Result<RemoteSubscription, Failure> {
    let new = NewRemote {
        target,
        notification_url: &format!("{}/notifications", receiver.url).parse().unwrap(),
        lifecycle_url: &format!("{}/lifecycle", receiver.url).parse().unwrap(),
        client_state: "v1.state",
        expires_at: reach.bench.clock.now() + TimeDelta::hours(24),
        select: &[],
        recipient: None,
    };
    reach.tenant().create(new).await
}

#[tokio::test]
async fn a_remote_subscription_lives_from_its_creation_to_its_deletion() {
    let (reach, receiver) = (Reach::start().await, Receiver::start());
    let now = reach.bench.clock.now();
    for target in reach.targets().await {
        reach.requests().await;
        let made = create(&reach, &receiver, &target).await.unwrap();
        assert_eq!((made.expires_at, made.at), (now + TimeDelta::hours(24), now));
        let later = now + TimeDelta::hours(48);
        let later_renewal = Renew {
            target: Some(&target),
            id: &made.id,
            client_state: "v1.state",
            expires_at: later,
            recipient: None,
        };
        assert_eq!(reach.tenant().renew(later_renewal).await.unwrap().expires_at, later);
        let found = reach.tenant().find(&target, &made.id).await.unwrap().unwrap();
        let notification_url = Some(format!("{}/notifications", receiver.url));
        assert_eq!(
            (&found.id, found.expires_at, found.notification_url),
            (&made.id, later, notification_url)
        );
        reach.tenant().delete(Some(&target), &made.id).await.unwrap();
        reach.tenant().delete(Some(&target), &made.id).await.unwrap();
        assert_eq!(reach.tenant().find(&target, &made.id).await.unwrap(), None);
        let failure = reach.tenant().renew(later_renewal).await.unwrap_err();
        assert_eq!(failure.verdict, Verdict::NotFound);
        assert!(failure.message.contains(&made.id.0), "{failure}");

        let requests = reach.requests().await;
        let (post, patch) = (&requests[0], &requests[1]);
        openapi::assert_request("POST", "/subscriptions", &post["body"]);
        openapi::assert_request("PATCH", "/subscriptions/{subscription-id}", &patch["body"]);
        let mail = target.kind() == Kind::Message;
        assert_eq!(post["headers"].get("prefer").is_some(), mail, "{post:#}");
        assert_eq!(post["body"]["changeType"], if mail { "created,updated,deleted" } else { "updated" });
    }
}

#[tokio::test]
async fn a_failed_handshake_says_what_public_url_must_do() {
    let (reach, receiver) = (Reach::start().await, Receiver::start());
    let [list, ..] = reach.targets().await;
    receiver.answer(Manner::Status(403));
    let failure = create(&reach, &receiver, &list).await.unwrap_err();
    assert_eq!((failure.verdict.clone(), failure.code.as_str()), (Verdict::Rejected, "ValidationError"));
    assert!(failure.message.contains("was not let in"), "{failure}");
    assert!(failure.message.contains("must lead from the internet"), "{failure}");
    assert!(failure.message.contains("HTTP status code is 'Forbidden'"), "{failure}");
}

#[tokio::test]
async fn a_second_one_of_the_same_kind_is_a_conflict_that_names_the_first() {
    let (reach, receiver) = (Reach::start().await, Receiver::start());
    let [_, drive, _] = reach.targets().await;
    let first = create(&reach, &receiver, &drive).await.unwrap();
    let failure = create(&reach, &receiver, &drive).await.unwrap_err();
    let Verdict::Conflict { existing } = failure.verdict else { panic!("{failure:?}") };
    assert_eq!(existing.map(RemoteId), Some(first.id));
}

#[tokio::test]
async fn a_missing_permission_is_named_with_microsofts_text() {
    let (reach, receiver) = (Reach::start().await, Receiver::start());
    let targets = reach.targets().await;
    reach.bench.control("/roles", json!({"roles": []})).await;
    for (target, permission) in targets.iter().zip(["Sites.Read.All", "Files.Read.All", "Mail.Read"]) {
        let failure = create(&reach, &receiver, target).await.unwrap_err();
        assert_eq!(failure.verdict, Verdict::Forbidden, "{failure:?}");
        assert!(failure.message.contains(permission), "{failure}");
        assert!(
            failure.message.contains("Office 365 answered 403 ExtensionError: Operation: Create"),
            "{failure}"
        );
    }
}
