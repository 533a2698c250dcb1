//! Whose turn it is, and what was held before.

use o365_listener::model::RemoteId;

use super::{LEASE, Place, at, conformance, followed, name, new, register, remote};

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
        let due = store.claim_due(&busy, at(time), LEASE, 9).await.unwrap();
        due.iter().map(|it| it.wish.name.as_str().to_owned()).collect::<Vec<_>>()
    };
    let busy = [name("fabrikam")];
    assert_eq!(store.next_due(&busy).await.unwrap(), Some(at(20)));
    assert!(claim(&["contoso", "fabrikam"], 50).await.is_empty());
    assert_eq!(claim(&["fabrikam"], 30).await, ["a2", "a1"]);
    assert_eq!(claim(&[], 30).await, ["b1"], "what is claimed is passed over as well");
    assert_eq!(claim(&[], 40).await, ["b2"]);
}

async fn a_claim_that_is_put_back_is_due_as_before(place: &dyn Place) {
    let store = place.open().await;
    let id = register(&*store, new("files")).await;
    assert_eq!(store.claim_due(&[], at(0), LEASE, 9).await.unwrap().len(), 1);
    store.put_back(&[id]).await.unwrap();
    assert_eq!(store.next_due(&[]).await.unwrap(), Some(at(0)));
    assert_eq!(store.claim_due(&[], at(0), LEASE, 9).await.unwrap().len(), 1);
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
    a_claim_that_is_put_back_is_due_as_before,
    the_remote_subscription_that_was_held_last_is_known,
    what_was_remade_is_known_for_a_day,
];
