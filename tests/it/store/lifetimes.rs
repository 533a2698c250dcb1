//! What refusals have taught.

use std::time::Duration;

use o365_listener::model::Kind;
use o365_listener::store::LifeOf;

use super::{Place, at, conformance, name};

async fn a_learned_lifetime_is_kept_for_30_days_for_its_tenant_kind_and_content(place: &dyn Place) {
    let hours = |n: u64| Duration::from_secs(n * 3600);
    let of = |tenant, kind, content| LifeOf { tenant: name(tenant), kind, content };
    let store = place.open().await;
    let mail = of("contoso", Kind::Message, false);
    store.learn(mail.clone(), hours(72), at(0)).await.unwrap();
    store.learn(mail.clone(), hours(24), at(10)).await.unwrap();
    drop(store);
    let store = place.open().await;
    let longest = async |of: &LifeOf, time| store.longest_life(of.clone(), at(time)).await.unwrap();
    assert_eq!(longest(&mail, 20).await, Some(hours(24)));
    for other in [
        of("fabrikam", Kind::Message, false),
        of("contoso", Kind::Message, true),
        of("contoso", Kind::DriveItem, false),
    ] {
        assert_eq!(longest(&other, 20).await, None);
    }
    let days = 30 * 86_400;
    assert_eq!(longest(&mail, days + 9).await, Some(hours(24)));
    assert_eq!(longest(&mail, days + 10).await, None, "it may have been raised");
}

conformance![a_learned_lifetime_is_kept_for_30_days_for_its_tenant_kind_and_content];
