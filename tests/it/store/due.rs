//! Whose turn it is, and what was held before.

use o365_listener::model::RemoteId;
use o365_listener::store::Lane;

use super::{LEASE, Place, at, conformance, followed, name, new, register, remote, trouble};

async fn what_is_due_is_claimed_tenant_by_tenant_and_busy_ones_are_passed_over(place: &dyn Place) {
    let store = place.open().await;
    for (it, tenant, renew_at) in
        [("a1", "contoso", 30), ("b1", "fabrikam", 10), ("a2", "contoso", 20), ("b2", "fabrikam", 40)]
    {
        let mut new = new(it);
        new.wish.tenant = name(tenant);
        let id = register(&*store, new).await;
        store.confirmed(id, &remote(it, renew_at), at(0)).await.unwrap();
    }
    let claim = async |busy: &[&str], time| {
        let busy: Vec<_> = busy.iter().map(|tenant| name(tenant)).collect();
        let due = store.claim_due(Lane::Renewals, &busy, at(time), LEASE, 9).await.unwrap();
        due.iter().map(|it| it.wish.name.as_str().to_owned()).collect::<Vec<_>>()
    };
    let busy = [name("fabrikam")];
    assert_eq!(store.next_due(Lane::Renewals, &busy).await.unwrap(), Some(at(20)));
    assert!(claim(&["contoso", "fabrikam"], 50).await.is_empty());
    assert_eq!(claim(&["fabrikam"], 30).await, ["a2", "a1"]);
    assert_eq!(claim(&[], 30).await, ["b1"], "what is claimed is passed over as well");
    assert_eq!(claim(&[], 40).await, ["b2"]);
}

async fn what_is_to_be_created_or_removed_waits_in_another_lane_than_renewals(place: &dyn Place) {
    let store = place.open().await;
    let [held, gone] = [followed(&*store, "held").await, followed(&*store, "gone").await];
    store.remove(&name("gone"), at(1)).await.unwrap();
    let created = register(&*store, new("created")).await;
    store.confirmed(held, &remote("r1", 10), at(2)).await.unwrap();
    assert_eq!(store.next_due(Lane::Renewals, &[]).await.unwrap(), Some(at(10)));
    assert_eq!(store.next_due(Lane::Others, &[]).await.unwrap(), Some(at(0)));
    let claim = async |lane, time| {
        let due = store.claim_due(lane, &[], at(time), LEASE, 9).await.unwrap();
        due.iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(claim(Lane::Renewals, 10).await, [held]);
    assert_eq!(claim(Lane::Others, 10).await, [created, gone]);

    // It is lost, and so to be created.
    store.lost(held).await.unwrap();
    store.put_back(&[held]).await.unwrap();
    assert!(claim(Lane::Renewals, 11).await.is_empty());
    assert_eq!(claim(Lane::Others, 11).await, [held]);
}

async fn what_is_handed_over_stays_in_the_other_lane_until_a_step_for_it_has_ended(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    for end in ["confirmed", "failed", "verified"] {
        store.confirmed(id, &remote("r1", 0), at(0)).await.unwrap();
        let claim = async |lane| store.claim_due(lane, &[], at(0), LEASE, 9).await.unwrap().len();
        assert_eq!((claim(Lane::Others).await, claim(Lane::Renewals).await), (0, 1));
        store.hand_over(&[id]).await.unwrap();
        assert_eq!((claim(Lane::Renewals).await, claim(Lane::Others).await), (0, 1));
        store.put_back(&[id]).await.unwrap();
        assert_eq!((claim(Lane::Renewals).await, claim(Lane::Others).await), (0, 1), "it was not begun");
        match end {
            "confirmed" => store.confirmed(id, &remote("r1", 0), at(0)).await,
            "failed" => store.failed(id, &trouble(0)).await,
            _ => store.verified(id, &remote("r1", 0)).await,
        }
        .unwrap();
        assert_eq!((claim(Lane::Others).await, claim(Lane::Renewals).await), (0, 1), "{end}");
    }
}

async fn a_claim_that_is_put_back_is_due_as_before(place: &dyn Place) {
    let store = place.open().await;
    let id = register(&*store, new("files")).await;
    assert_eq!(super::claim_due(&*store, 0).await.len(), 1);
    store.put_back(&[id]).await.unwrap();
    assert_eq!(super::next_due(&*store).await, Some(at(0)));
    assert_eq!(super::claim_due(&*store, 0).await.len(), 1);
}

async fn the_remote_subscription_that_was_held_last_is_known(place: &dyn Place) {
    let store = place.open().await;
    let (id, other) = (followed(&*store, "files").await, followed(&*store, "other").await);
    let [first, second, third] = ["r1", "r2", "r3"].map(|id| RemoteId(id.to_owned()));
    store.confirmed(id, &remote("r1", 1000), at(1)).await.unwrap();
    store.confirmed(other, &remote("r3", 1000), at(1)).await.unwrap();
    assert_eq!(store.holder(&first).await.unwrap(), Some(name("files")));
    for _ in 0..2 {
        store.lost(id).await.unwrap();
        assert!(store.has_held(id, &first).await.unwrap(), "losing nothing forgets nothing");
        assert_eq!(store.holder(&first).await.unwrap(), None);
    }
    store.confirmed(id, &remote("r2", 1000), at(2)).await.unwrap();
    assert!(store.has_held(id, &second).await.unwrap());
    assert!(!store.has_held(id, &third).await.unwrap() && !store.has_held(other, &second).await.unwrap());
    store.remove(&name("files"), at(3)).await.unwrap();
    assert_eq!(store.holder(&second).await.unwrap(), None, "it is being removed");
}

async fn what_was_remade_is_known_for_a_day(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    assert!(!store.remade_lately(id, at(0)).await.unwrap());
    store.remade(id, at(0)).await.unwrap();
    drop(store);
    let store = place.open().await;
    assert!(store.remade_lately(id, at(86_399)).await.unwrap());
    assert!(!store.remade_lately(id, at(86_400)).await.unwrap());
}

conformance![
    what_is_due_is_claimed_tenant_by_tenant_and_busy_ones_are_passed_over,
    what_is_to_be_created_or_removed_waits_in_another_lane_than_renewals,
    what_is_handed_over_stays_in_the_other_lane_until_a_step_for_it_has_ended,
    a_claim_that_is_put_back_is_due_as_before,
    the_remote_subscription_that_was_held_last_is_known,
    what_was_remade_is_known_for_a_day,
];
