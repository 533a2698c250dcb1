//! Mail of whoever signed in, page by page.

use std::collections::BTreeSet;
use std::time::Duration;

use o365_listener::config::Proof;
use o365_listener::model::Target;
use o365_listener::office365::{DeltaPage, Tenant, Verdict};
use o365_listener::store::Link;
use serde_json::{Value, json};

use super::{Person, sign_ins, vault};

/// A person whose mail comes on many pages.
async fn with_much_mail() -> Person {
    let person = Person::signed_in().await;
    let bench = &person.reach.bench;
    bench.control("/pages", json!({"page_size": 3})).await;
    let mail = bench.tenant().resources.mail.clone();
    bench.control("/changes", json!({"count": 30, "seed": 1, "resource": mail})).await;
    person
}

/// The ids of the messages that are there.
async fn there(person: &Person) -> BTreeSet<String> {
    let bench = &person.reach.bench;
    let state = bench.state().await;
    let messages = state["resources"][&bench.tenant().resources.mail].as_array().unwrap().clone();
    messages.iter().map(|one: &Value| one["id"].as_str().unwrap().to_owned()).collect()
}

/// Reads on until the end, or until `goes_on` is no, which is asked between any two pages. Answers with what was shown, and where it
/// goes on.
async fn read(
    tenant: &Tenant,
    mail: &Target,
    mut link: Option<Link>,
    mut goes_on: impl AsyncFnMut(usize) -> bool,
) -> (Vec<String>, Link) {
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let DeltaPage { items, link: next, .. } = tenant.page(mail, &[], link.as_ref()).await.unwrap();
        seen.extend(items.into_iter().filter(|item| !item.removed).map(|item| item.id.0));
        pages += 1;
        if matches!(next, Link::Delta(_)) || !goes_on(pages).await {
            return (seen, next);
        }
        link = Some(next);
    }
}

/// Each of them once.
fn once(seen: Vec<String>) -> BTreeSet<String> {
    let all = seen.len();
    let each: BTreeSet<String> = seen.into_iter().collect();
    assert_eq!(each.len(), all, "nothing has changed meanwhile");
    each
}

#[tokio::test]
async fn all_pages_are_read_though_tokens_end_in_between() {
    let person = with_much_mail().await;
    let (bench, tenant) = (&person.reach.bench, person.reach.tenant());
    let mail = person.reach.resolve(&bench.tenant().resources.mail).await.unwrap();
    let mut pages = 1;
    let (seen, _) = read(tenant, &mail, None, async |page| {
        pages = page + 1;
        // By itself, and before its time.
        if page % 2 == 0 {
            bench.clock.advance(Duration::from_secs(3601));
        } else {
            bench.control("/access-tokens/expire", json!({})).await;
        }
        true
    })
    .await;
    assert_eq!(once(seen), there(&person).await);
    assert!(pages > 3, "{pages}");
    assert!(sign_ins(&person.reach, "graph", "401") > 0, "none was refused");
}

#[tokio::test]
async fn whoever_signs_in_again_reads_on_where_the_sign_in_ended() {
    let person = with_much_mail().await;
    let (bench, tenant) = (&person.reach.bench, person.reach.tenant());
    let mail = person.reach.resolve(&bench.tenant().resources.mail).await.unwrap();
    let (mut seen, link) = read(tenant, &mail, None, async |page| page < 2).await;
    assert!(matches!(link, Link::Next(_)), "there are more pages");
    bench.control("/refresh-tokens", json!({"revoke": true})).await;
    bench.control("/access-tokens/expire", json!({})).await;
    let failure = tenant.page(&mail, &[], Some(&link)).await.unwrap_err();
    assert_eq!(failure.verdict, Verdict::Unauthorized, "{failure}");
    assert!(failure.message.contains("`o365-listener login --tenant contoso`"), "{failure}");
    person.sign_in(json!({})).await.unwrap();
    // As after a restart: another client, the same store.
    let again = person.reach.again(|tenant| tenant.proof = Proof::Delegated);
    again.keep_sign_ins(&vault(&person.store));
    let tenant = again.tenant(&"contoso".parse().unwrap()).unwrap();
    seen.extend(read(tenant, &mail, Some(link), async |_| true).await.0);
    assert_eq!(once(seen), there(&person).await);
}
