//! What strangers with a link, and those without one, can take: each bound is reached here.

use rusqlite::Connection;

use super::{MINUTE, browser::Browser, choose, connected, ends, house, invite, press};

#[tokio::test(flavor = "multi_thread")]
async fn the_button_is_pressed_fifty_times_with_a_link_and_then_not_for_ten_minutes() {
    let house = house().await;
    let (mut browser, link) = (Browser::new(), invite(&house, "*").await);
    for _ in 0..50 {
        assert_eq!(press(&house, &mut browser, &link).await.status, 303);
    }
    let refused = press(&house, &mut browser, &link).await;
    assert_eq!((refused.status, refused.heading()), (429, "Tried too often"));
    assert_eq!(refused.header("retry-after"), "60");
    let other = invite(&house, "*").await;
    assert_eq!(press(&house, &mut browser, &other).await.status, 303, "another link has its own");
    house.advance(10 * MINUTE);
    assert_eq!(press(&house, &mut browser, &link).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_on_the_pages_does_not_keep_a_notification_waiting() {
    let house = house().await;
    let (mut browser, page) = (Browser::new(), format!("{}/connector", house.public_url()));
    let mut served = 0;
    while browser.get(&page).await.status == 403 {
        served += 1;
        assert!(served <= 600, "there is no end to it");
    }
    let refused = browser.get(&page).await;
    assert_eq!((refused.status, refused.heading()), (429, "Too many at once"));
    assert_eq!((refused.header("retry-after"), served), ("60", 600));
    let handshake = house.post("/notifications?validationToken=a", &serde_json::Value::Null).await;
    assert_eq!(handshake.status(), 200);
    house.advance(MINUTE);
    assert_eq!(browser.get(&page).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_taken_in_a_crowd_and_led_away_from_where_there_is_no_room_for_it() {
    let house = house().await;
    let (mut browser, link) = (Browser::new(), invite(&house, "*").await);
    let at = press(&house, &mut browser, &link).await.location();
    let callback = choose(&mut browser, &at, "allow").await;
    let page = format!("{}/connector", house.public_url());
    while browser.get(&page).await.status == 403 {}
    assert_eq!(ends(&mut browser, &callback).await.heading(), "Too many at once", "the page after it waits");
    assert_eq!(connected(&house).await.len(), 1);

    let mut last = browser.get(&callback).await;
    for _ in 0..600 {
        last = browser.get(&callback).await;
    }
    assert_eq!(last.status, 303);
    assert!(last.location().ends_with("/connector/done?outcome=busy"), "{}", last.location());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_is_refused_and_connects_nothing() {
    let house = house().await;
    let (mut browser, link) = (Browser::new(), invite(&house, "*").await);
    let base = format!("{}/connector", house.public_url());
    let long = format!("http%3A%2F%2F127.0.0.1%2F{}", "a".repeat(2048));
    let at = press(&house, &mut browser, &link).await.location();
    let at = url::Url::parse(&at).unwrap();
    let state = at.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let page = ends(&mut browser, &format!("{base}/callback?state={state}&webhook_url={long}")).await;
    assert_eq!(page.heading(), "This address is not one of Office 365");

    let token = link.split_once("invite=").unwrap().1;
    let padding = "x".repeat(64 * 1024);
    let page = browser.submit(&base, &[("invite", token), ("subscription", &padding)]).await;
    assert_eq!(page.status, 403);
    let body = serde_json::json!({ "subscriptions": "a".repeat(257) });
    let nothing = serde_json::json!({"subscriptions": "nosuch*"});
    let (_, made) = house.call("POST", "/v1/connector/invites", Some(nothing)).await;
    assert_eq!(made["offers"], 0, "{made}");
    let (status, problem) = house.call("POST", "/v1/connector/invites", Some(body)).await;
    assert_eq!(status, 400, "{problem}");
    assert!(connected(&house).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_offers_two_hundred_and_says_that_there_may_be_more() {
    let mut house = house().await;
    house.close().await;
    let many = "WITH RECURSIVE n (n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM n WHERE n < 349)
                INSERT INTO subscription (id, name, tenant, resource, via, start, selected, origin)
                SELECT printf('%032x', n), 'many-' || n, 'elsewhere', 'drive:b!' || n, 'graph', 'now', '[]', 'api' FROM n";
    assert_eq!(Connection::open(house.store()).unwrap().execute(many, []).unwrap(), 250);
    house.open().await;
    let mut browser = Browser::new();
    for (glob, offered) in [("many-*", 200), ("many-34*", 10)] {
        let page = browser.get(&invite(&house, glob).await).await;
        assert_eq!(page.text.matches("name=\"subscription\"").count(), offered);
        assert_eq!(page.text.contains("These are the first 200"), offered == 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_groups_name_is_kept_in_its_first_letters() {
    let house = house().await;
    let (mut browser, link) = (Browser::new(), invite(&house, "*").await);
    let at = press(&house, &mut browser, &link).await.location();
    let callback = choose(&mut browser, &at, "allow").await;
    let long = callback.replace("Human+Resources", &"H".repeat(1000));
    assert_ne!(long, callback);
    assert_eq!(ends(&mut browser, &long).await.heading(), "Connected");
    let group = connected(&house).await[0]["group"].as_str().unwrap().to_owned();
    assert_eq!(group, "H".repeat(256));
}
