use o365_listener::model::{
    CertificateId, Change, Hint, HintKind, ItemId, Remote, SealedContent, SubscriptionId,
};
use o365_listener::store::{Aside, Claim, ContentCommit, Known, Receipt, Store, StoredCertificate};
use serde_json::Map;
use uuid::Uuid;

use super::{
    LEASE, Place, at, claim, conformance, done, event, hint, is_lost, last_page, name, new, quiet, register,
    remote, row,
};

fn content(number: u8) -> SealedContent {
    SealedContent { id: Uuid::from_u128(number.into()), sealed: vec![number; 100] }
}

fn with_content(subscription: SubscriptionId, number: u8) -> Hint {
    let received_at = i64::from(number);
    Hint { content: Some(content(number)), plain: false, ..hint(subscription, HintKind::Change, received_at) }
}

/// Nothing but the contents that are done.
fn worked_off(claim: &Claim, done: &[u8], now: i64) -> ContentCommit {
    ContentCommit {
        claim: claim.clone(),
        events: vec![],
        rows: vec![],
        done: done.iter().map(|number| content(*number).id).collect(),
        aside: vec![],
        certificates: vec![],
        now: at(now),
        lease: LEASE,
    }
}

async fn waiting(store: &dyn Store, id: SubscriptionId) -> Vec<SealedContent> {
    store.contents(id, 10).await.unwrap().into_iter().map(|one| one.content).collect()
}

async fn contents_wait_in_the_order_of_their_arrival(place: &dyn Place) {
    let store = place.open().await;
    let (one, other) = (quiet(&*store, "one").await, quiet(&*store, "other").await);
    let nobody = SubscriptionId(Uuid::from_u128(99));
    let hints = vec![
        with_content(one, 1),
        with_content(other, 2),
        with_content(nobody, 3),
        hint(one, HintKind::Change, 4),
        with_content(one, 5),
    ];
    let receipts = store.append(hints).await.unwrap();
    assert_eq!(receipts[2], Receipt::Unknown);
    drop(store);
    let store = place.open().await;
    assert_eq!(waiting(&*store, one).await, [content(1), content(5)]);
    assert_eq!(waiting(&*store, other).await, [content(2)]);
    assert_eq!(store.contents(one, 1).await.unwrap()[0].received_at, at(1));
    assert!(waiting(&*store, nobody).await.is_empty());
}

/// A hint with a content of this id.
fn numbered(id: u128, subscription: SubscriptionId) -> Hint {
    let content = SealedContent { id: Uuid::from_u128(id), sealed: vec![0; 10] };
    Hint { content: Some(content), ..with_content(subscription, 1) }
}

async fn there_is_an_end_to_contents_that_nobody_works_off_but_not_to_hints(place: &dyn Place) {
    let store = place.open().await;
    let (one, other) = (quiet(&*store, "one").await, quiet(&*store, "other").await);
    let all = store.append((0..1000).map(|id| numbered(id, one)).collect()).await.unwrap();
    assert!(all.iter().all(|receipt| matches!(receipt, Receipt::Stored(_))), "{all:?}");
    let more = vec![numbered(1000, one), numbered(1001, other)];
    let receipts = store.append(more).await.unwrap();
    assert!(matches!(receipts[..], [Receipt::Bare(_), Receipt::Stored(_)]), "{receipts:?}");
    assert_eq!(store.contents(one, 2000).await.unwrap().len(), 1000);
    let claimed = claim(&*store, 10).await.unwrap();
    let id = claimed.subscription.id;
    let first = store.contents(id, 1).await.unwrap()[0].content.id;
    let commit = ContentCommit { done: vec![first], ..worked_off(&claimed, &[], 11) };
    done(store.commit_contents(commit).await.unwrap());
    let again = store.append(vec![numbered(1002, id)]).await.unwrap();
    assert!(matches!(again[..], [Receipt::Stored(_)]), "there is room again");
}

async fn the_oldest_of_what_was_put_aside_goes_where_it_is_too_much(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "one").await;
    store.append(vec![hint(id, HintKind::Change, 1)]).await.unwrap();
    let mut claimed = claim(&*store, 10).await.unwrap();
    for step in 0..21 {
        let ids = step * 500..(step + 1) * 500;
        store.append(ids.clone().map(|content| numbered(content, id)).collect()).await.unwrap();
        let aside = ids.map(|content| Aside {
            id: Uuid::from_u128(content),
            reason: "token",
            explanation: "why".to_owned(),
        });
        let commit = ContentCommit { aside: aside.collect(), ..worked_off(&claimed, &[], 11) };
        claimed = done(store.commit_contents(commit).await.unwrap());
    }
    let kept = store.quarantined(None, 20_000).await.unwrap();
    assert_eq!((kept.len(), kept[0].id), (10_000, Uuid::from_u128(10_499)));
}

async fn contents_are_worked_off_in_one_step_and_hints_stay(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "inbox").await;
    store.append((1..=3).map(|number| with_content(id, number)).collect()).await.unwrap();
    let claimed = claim(&*store, 10).await.unwrap();
    let commit = ContentCommit {
        events: vec![event(Change::Created, "a")],
        rows: vec![row("a", Some(Map::new()))],
        aside: vec![Aside { id: content(2).id, reason: "signature", explanation: "it is wrong".to_owned() }],
        ..worked_off(&claimed, &[1], 11)
    };
    let on = done(store.commit_contents(commit).await.unwrap());
    assert_eq!((on.lease, &on.link), (claimed.lease, &claimed.link));
    assert_eq!(waiting(&*store, id).await, [content(3)]);
    let item = ItemId("a".to_owned());
    assert_eq!(store.known(id, vec![item.clone()]).await.unwrap()[&item], Known::Here(Map::new()));
    let shown = store.subscription(&name("inbox")).await.unwrap().unwrap();
    assert_eq!((shown.events, shown.quarantined, shown.pending), (1, 1, true));
    assert_eq!(shown.last_event_at, Some(at(11)));

    let aside = store.quarantined(Some(&name("inbox")), 10).await.unwrap();
    assert_eq!(aside.len(), 1);
    assert_eq!((aside[0].id, aside[0].reason.as_str()), (content(2).id, "signature"));
    assert_eq!((aside[0].received_at, aside[0].quarantined_at), (at(2), at(11)));
    assert_eq!(store.quarantined(None, 10).await.unwrap(), aside);
    assert!(store.quarantined(Some(&name("other")), 10).await.unwrap().is_empty());

    // The round goes on, and gives the next event the next id.
    done(store.commit_contents(worked_off(&on, &[3], 12)).await.unwrap());
    let page =
        o365_listener::store::PageCommit { events: vec![event(Change::Updated, "a")], ..last_page(&on, 13) };
    done(store.commit_page(page).await.unwrap());
    assert_eq!(store.subscription(&name("inbox")).await.unwrap().unwrap().events, 2);
}

async fn a_claim_that_was_lost_works_nothing_off(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "inbox").await;
    store.append(vec![with_content(id, 1)]).await.unwrap();
    let slow = claim(&*store, 10).await.unwrap();
    claim(&*store, 70).await.unwrap();
    let commit = ContentCommit { events: vec![event(Change::Created, "a")], ..worked_off(&slow, &[1], 71) };
    assert!(is_lost(&store.commit_contents(commit).await.unwrap()));
    assert_eq!(waiting(&*store, id).await, [content(1)]);
    assert_eq!(store.bounds().await.unwrap().latest.number(), 0);
}

async fn contents_go_with_their_subscription_and_what_was_put_aside_with_age(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "inbox").await;
    store.append(vec![with_content(id, 1), with_content(id, 2)]).await.unwrap();
    let claimed = claim(&*store, 10).await.unwrap();
    let aside = vec![Aside { id: content(1).id, reason: "malformed", explanation: String::new() }];
    done(store.commit_contents(ContentCommit { aside, ..worked_off(&claimed, &[], 11) }).await.unwrap());
    store.remove(&name("inbox"), at(20)).await.unwrap();
    assert!(waiting(&*store, id).await.is_empty());
    store.removed(id).await.unwrap();
    assert_eq!(store.quarantined(None, 10).await.unwrap().len(), 1, "it went with its subscription");
    store.sweep_out(at(11), 10).await.unwrap();
    assert_eq!(store.quarantined(None, 10).await.unwrap().len(), 1);
    store.sweep_out(at(12), 10).await.unwrap();
    assert!(store.quarantined(None, 10).await.unwrap().is_empty());
}

fn certificate(id: &str, made_at: i64) -> StoredCertificate {
    StoredCertificate {
        id: CertificateId(id.to_owned()),
        certificate: vec![1; 10],
        sealed_key: vec![2; 10],
        made_at: at(made_at),
        expires_at: at(made_at + 1000),
    }
}

async fn kept(store: &dyn Store) -> Vec<String> {
    store.certificates().await.unwrap().into_iter().map(|one| one.id.0).collect()
}

const DAY: i64 = 24 * 3600;

async fn a_certificate_stays_while_anything_can_be_encrypted_with_it(place: &dyn Place) {
    let store = place.open().await;
    for (id, made_at) in [("old", 0), ("older", -10), ("new", 10)] {
        store.keep_certificate(certificate(id, made_at)).await.unwrap();
    }
    assert_eq!(kept(&*store).await, ["new", "old", "older"]);
    let resealed = StoredCertificate { sealed_key: vec![3], made_at: at(99), ..certificate("new", 10) };
    store.keep_certificate(resealed).await.unwrap();
    assert_eq!(
        store.certificates().await.unwrap()[0],
        StoredCertificate { sealed_key: vec![3], ..certificate("new", 10) }
    );

    let new_id = CertificateId("new".to_owned());
    let id = register(&*store, new("inbox")).await;
    store.begun(id, at(0), Some(super::delta("start"))).await.unwrap();
    let with = |certificate: &str| Remote {
        certificate: Some(CertificateId(certificate.to_owned())),
        ..remote("r1", 1000)
    };
    store.confirmed(id, &with("old"), at(20)).await.unwrap();
    let shown = store.subscription(&name("inbox")).await.unwrap().unwrap();
    assert_eq!(shown.remote, Some(with("old")));
    let retire = async |before| store.retire_certificates(&new_id, at(before)).await.unwrap();
    assert_eq!(retire(10 * DAY).await, 1);
    assert_eq!(kept(&*store).await, ["new", "old"], "a subscription uses it");
    // The change of the certificate is a use of both.
    store.renewed(id, &with("new"), at(5 * DAY)).await.unwrap();
    assert_eq!(retire(5 * DAY).await, 0);
    store.append(vec![Hint { received_at: at(6 * DAY), ..with_content(id, 1) }]).await.unwrap();
    assert_eq!(retire(9 * DAY).await, 0, "what waits may be encrypted with it");
    let claimed = claim(&*store, 10 * DAY).await.unwrap();
    done(store.commit_contents(worked_off(&claimed, &[1], 10 * DAY)).await.unwrap());
    assert_eq!(retire(9 * DAY).await, 1);
    assert_eq!(kept(&*store).await, ["new"]);
}

async fn a_certificate_that_content_came_with_was_used(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "inbox").await;
    store.keep_certificate(certificate("old", 0)).await.unwrap();
    store.append(vec![with_content(id, 1)]).await.unwrap();
    let claimed = claim(&*store, 10).await.unwrap();
    let certificates = vec![CertificateId("old".to_owned())];
    let commit = ContentCommit { certificates, ..worked_off(&claimed, &[1], 50) };
    done(store.commit_contents(commit).await.unwrap());
    let new_id = CertificateId("new".to_owned());
    assert_eq!(store.retire_certificates(&new_id, at(50)).await.unwrap(), 0);
    assert_eq!(store.retire_certificates(&new_id, at(51)).await.unwrap(), 1);
}

conformance!(
    contents_wait_in_the_order_of_their_arrival,
    there_is_an_end_to_contents_that_nobody_works_off_but_not_to_hints,
    the_oldest_of_what_was_put_aside_goes_where_it_is_too_much,
    contents_are_worked_off_in_one_step_and_hints_stay,
    a_claim_that_was_lost_works_nothing_off,
    contents_go_with_their_subscription_and_what_was_put_aside_with_age,
    a_certificate_stays_while_anything_can_be_encrypted_with_it,
    a_certificate_that_content_came_with_was_used,
);
