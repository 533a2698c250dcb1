//! Refresh tokens are replaced by those that they were used for, and by nothing else.

use super::{Place, at, conformance, name};

async fn a_token_gives_way_only_to_the_one_it_was_used_for(place: &dyn Place) {
    let store = place.open().await;
    let (contoso, fabrikam) = (name("contoso"), name("fabrikam"));
    let token = |text: &str| text.as_bytes().to_vec();
    assert_eq!(store.sign_in(&contoso).await.unwrap(), None);
    let early = store.replace_sign_in(&contoso, token("a"), token("b"), at(0)).await.unwrap();
    assert!(!early, "nobody has signed in");
    store.keep_sign_in(&contoso, token("a"), at(0)).await.unwrap();
    store.keep_sign_in(&fabrikam, token("a"), at(0)).await.unwrap();
    assert!(store.replace_sign_in(&contoso, token("a"), token("b"), at(1)).await.unwrap());
    let late = store.replace_sign_in(&contoso, token("a"), token("c"), at(2)).await.unwrap();
    assert!(!late, "another use of the same token was faster");
    drop(store);
    let store = place.open().await;
    assert_eq!(store.sign_in(&contoso).await.unwrap(), Some(token("b")));
    assert_eq!(store.sign_in(&fabrikam).await.unwrap(), Some(token("a")));
    store.keep_sign_in(&contoso, token("d"), at(3)).await.unwrap();
    assert!(!store.replace_sign_in(&contoso, token("b"), token("e"), at(4)).await.unwrap());
    assert_eq!(store.sign_in(&contoso).await.unwrap(), Some(token("d")), "who signs in anew is not undone");
}

conformance!(a_token_gives_way_only_to_the_one_it_was_used_for);
