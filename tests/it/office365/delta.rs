use std::collections::BTreeMap;

use o365_listener::model::{Item, ItemId, Kind, Properties, Target};
use o365_listener::office365::{DeltaPage, Verdict};
use o365_listener::store::Link;
use reqwest::Method;
use serde_json::json;

use super::{Reach, USER_AGENT};
use crate::simulator::harness::Bench;

/// Walks a round and returns its pages.
async fn round(reach: &Reach, target: &Target, mut link: Option<Link>) -> Vec<DeltaPage> {
    let mut pages = Vec::new();
    loop {
        let page = reach.tenant().page(target, &[], link.as_ref()).await.unwrap();
        link = Some(page.link.clone());
        pages.push(page);
        if let Some(Link::Delta(_)) = link {
            return pages;
        }
    }
}

/// What is there after these pages: parts go over what is known, the rest replaces it. Without eTags, which do not
/// come with parts.
fn mirror(pages: Vec<DeltaPage>) -> BTreeMap<ItemId, Properties> {
    let mut mirror: BTreeMap<ItemId, Properties> = BTreeMap::new();
    for item in pages.into_iter().flat_map(|page| page.items) {
        if item.removed {
            mirror.remove(&item.id);
        } else if item.partial {
            mirror.get_mut(&item.id).unwrap().extend(item.body.properties().unwrap());
        } else {
            mirror.insert(item.id, item.body.properties().unwrap());
        }
    }
    for properties in mirror.values_mut() {
        properties.remove("@odata.etag");
    }
    mirror
}

fn end(pages: &[DeltaPage]) -> Option<Link> {
    pages.last().map(|page| page.link.clone())
}

#[tokio::test]
async fn a_round_reads_everything_and_the_next_one_what_changed_since() {
    let reach = Reach::of(Bench::with_pages_of(3).await, |_| ());
    for target in reach.targets().await {
        let first = round(&reach, &target, None).await;
        assert!(first.len() > 1 || target.kind() == Kind::Message, "{target:?} has more than one page");
        assert!(first.iter().all(|page| page.odd.is_empty() && page.at == reach.bench.clock.now()));
        let nothing = round(&reach, &target, end(&first)).await;
        assert!(nothing.iter().all(|page| page.items.is_empty()), "{nothing:?}");

        reach.bench.control("/changes", json!({"count": 40, "seed": 3})).await;
        let since = round(&reach, &target, end(&nothing)).await;
        let followed = mirror(first.into_iter().chain(since).collect());
        let anew = mirror(round(&reach, &target, None).await);
        assert_eq!(followed, anew, "{target:?}");
    }
}

#[tokio::test]
async fn from_now_is_a_link_with_the_time_for_lists_and_drives_and_unknown_to_mail() {
    let reach = Reach::start().await;
    let [list, drive, mail] = reach.targets().await;
    assert_eq!(reach.tenant().latest(&mail).await.unwrap(), None);
    for target in [list, drive] {
        let (link, at) = reach.tenant().latest(&target).await.unwrap().unwrap();
        assert_eq!(at, reach.bench.clock.now());
        let page = reach.tenant().page(&target, &[], Some(&link)).await.unwrap();
        assert!(page.items.is_empty() && matches!(page.link, Link::Delta(_)));
    }
    let item = json!({"fields": {"Title": "Grace"}});
    let items = format!("{}/items", reach.bench.candidates().await);
    let [list, ..] = reach.targets().await;
    let (link, _) = reach.tenant().latest(&list).await.unwrap().unwrap();
    reach.bench.write(Method::POST, &items, item).await;
    let page = reach.tenant().page(&list, &[], Some(&link)).await.unwrap();
    let properties = page.items[0].body.properties().unwrap();
    assert_eq!(properties["fields"]["Title"], "Grace", "columns come with links from now on, too");
}

#[tokio::test]
async fn every_page_of_mail_is_asked_for_with_immutable_ids() {
    let reach = Reach::of(Bench::with_pages_of(2).await, |_| ());
    let [.., mail] = reach.targets().await;
    reach.bench.control("/changes", json!({"count": 30, "resource": "mail:alice@contoso.com/inbox"})).await;
    reach.requests().await;
    round(&reach, &mail, None).await;
    let requests = reach.requests().await;
    let ids: std::collections::BTreeSet<_> =
        requests.iter().map(|request| request["headers"]["client-request-id"].to_string()).collect();
    assert!(requests.len() > 1 && ids.len() == requests.len(), "{requests:#?}");
    for request in requests {
        let headers = &request["headers"];
        assert_eq!(headers["prefer"], r#"IdType="ImmutableId", odata.maxpagesize=200"#, "{request:#}");
        assert_eq!(headers["user-agent"], USER_AGENT);
    }
}

#[tokio::test]
async fn an_item_is_read_whole_by_its_id_and_not_at_all_when_it_is_gone() {
    let reach = Reach::start().await;
    let select = ["replyTo".to_owned()];
    for target in reach.targets().await {
        let page = reach.tenant().page(&target, &select, None).await.unwrap();
        let properties = |item: &Item| item.body.properties().unwrap();
        let on_page = page.items.iter().find(|item| !properties(item).contains_key("root")).unwrap();
        let whole = reach.tenant().item(&target, &select, &on_page.id).await.unwrap().unwrap();
        assert_eq!((&whole.id, whole.partial, whole.removed), (&on_page.id, false, false));
        let (on_page, whole) = (properties(on_page), properties(&whole));
        let missing: Vec<_> =
            on_page.keys().filter(|name| !name.contains("@odata") && !whole.contains_key(*name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert!(!whole.keys().any(|name| name.ends_with("downloadUrl") || name == "@odata.context"));
        let gone = ItemId("99999999".to_owned());
        assert_eq!(reach.tenant().item(&target, &select, &gone).await.unwrap(), None, "{target:?}");
    }
}

#[tokio::test]
async fn a_dead_cursor_is_told_with_the_link_to_begin_again_where_there_is_one() {
    let reach = Reach::start().await;
    for target in reach.targets().await {
        let link = end(&round(&reach, &target, None).await);
        reach.bench.control("/tokens/expire", json!({})).await;
        let failure = reach.tenant().page(&target, &[], link.as_ref()).await.unwrap_err();
        let Verdict::Gone { restart } = failure.verdict else { panic!("{failure:?}") };
        assert_eq!(restart.is_some(), target.kind() != Kind::Message, "{target:?}");
        if let Some(restart) = restart {
            let page = reach.tenant().page(&target, &[], Some(&Link::Next(restart))).await.unwrap();
            assert!(!page.items.is_empty());
        }
    }
}

#[tokio::test]
async fn a_place_is_gone_on_from_at_the_address_that_is_configured_now() {
    let reach = Reach::start().await;
    let [list, ..] = reach.targets().await;
    let first = reach.tenant().page(&list, &[], None).await.unwrap();
    let (Link::Next(link) | Link::Delta(link)) = first.link;
    let (_, path) = link.split_once("/v1.0/").unwrap();
    let elsewhere = Link::Delta(format!("http://127.0.0.1:1/v1.0/{path}"));
    let page = reach.tenant().page(&list, &[], Some(&elsewhere)).await.unwrap();
    assert!(page.items.is_empty(), "it is the same place");
}

#[tokio::test]
async fn options_that_are_not_accepted_are_left_out() {
    let reach = Reach::start().await;
    let [.., mail] = reach.targets().await;
    let fault = json!({"status": 400, "code": "ErrorInvalidUrlQuery", "path_prefix": "/v1.0/users"});
    reach.bench.control("/faults", fault).await;
    reach.requests().await;
    assert!(!reach.tenant().page(&mail, &[], None).await.unwrap().items.is_empty());
    let asked: Vec<_> = reach.requests().await.iter().map(|r| r["url"].to_string().contains('?')).collect();
    assert_eq!(asked, [true, false]);
}

#[tokio::test]
async fn a_message_of_which_only_a_part_comes_is_marked_so() {
    let reach = Reach::start().await;
    reach.bench.control("/pages", json!({"partial_messages": true})).await;
    let [.., mail] = reach.targets().await;
    let pages = round(&reach, &mail, None).await;
    let message = &pages[0].items[0].id;
    let path = format!("/users/alice@contoso.com/messages/{}", message.0);
    let read = pages[0].items[0].body.properties().unwrap()["isRead"].as_bool().unwrap();
    let prefer = Some(r#"IdType="ImmutableId""#);
    let written = reach.bench.call(Method::PATCH, &path, prefer, Some(json!({"isRead": !read}))).await;
    assert_eq!(written.status, 200, "{:#}", written.body);
    let since = round(&reach, &mail, end(&pages)).await;
    assert!(since[0].items[0].partial && since[0].items[0].id == *message, "{since:?}");
}
