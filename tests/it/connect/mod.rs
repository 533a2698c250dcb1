//! The Connect button: from the link to the card, and every way in which it does not come to that.

mod bounds;
mod browser;
mod kept;
mod secrecy;

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;
use browser::{Browser, Page};

const KEY: (&str, &str) =
    ("O365_LISTENER__STORE__ENCRYPTION_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
const ENTRIES: &str = "[[subscription]]\nname = \"candidates\"\ntenant = \"contoso\"\nresource = \"{list}\"\n\
                       [[subscription]]\nname = \"secret-files\"\ntenant = \"contoso\"\nresource = \"{drive}\"\n\
                       [connector]\napp_id = \"{app_id}\"\nconnect_url = \"{url}/connectors/Connect\"\n\
                       allowed_hosts = [\"127.0.0.1\"]\nservice_name = \"Contoso <changes>\"\n";
const MINUTE: Duration = Duration::from_secs(60);

/// A house with the button, registered at the tenant.
async fn house() -> House {
    let house = House::start_with(ENTRIES, &[KEY]).await;
    house.active("candidates").await;
    house.active("secret-files").await;
    let callback = format!("{}/connector/callback", house.public_url());
    house.control("connect", json!({ "callback_url": callback })).await;
    house
}

async fn invite(house: &House, glob: &str) -> String {
    let body = json!({ "subscriptions": glob });
    let (status, made) = house.call("POST", "/v1/connector/invites", Some(body)).await;
    assert_eq!(status, 201, "{made}");
    made["url"].as_str().unwrap().to_owned()
}

/// Picks everything that the link offers, and presses the button; where that leads.
async fn press(house: &House, browser: &mut Browser, link: &str) -> Page {
    let token = link.split_once("invite=").unwrap().1;
    let form = [
        ("invite", token),
        ("subscription", "candidates"),
        ("subscription", "secret-files"),
        ("change", "created"),
        ("change", "deleted"),
    ];
    browser.submit(&format!("{}/connector", house.public_url()), &form).await
}

/// Answers at Office 365; where that leads.
async fn choose(browser: &mut Browser, at: &str, answer: &str) -> String {
    let page = browser.get(at).await;
    assert_eq!(page.heading(), "Connect to Office 365");
    let form = [("group", "Human Resources"), ("answer", answer)];
    browser.submit(at, &form).await.location()
}

/// Makes an item of the list.
async fn create(house: &House) {
    let path = "/sites/contoso.sharepoint.com:/sites/hr:/lists/Candidates/items";
    let (status, _) = house.graph("POST", path, &json!({"fields": {"Title": "Ada"}})).await;
    assert_eq!(status, 201);
}

/// The whole way, from the link to the last page.
async fn connect(house: &House, browser: &mut Browser, link: &str, answer: &str) -> (String, Page) {
    let at = press(house, browser, link).await.location();
    let callback = choose(browser, &at, answer).await;
    let redirect = browser.get(&callback).await;
    assert_eq!(redirect.status, 303);
    let last = browser.get(&redirect.location()).await;
    (callback, last)
}

/// The last page of an answer.
async fn ends(browser: &mut Browser, callback: &str) -> Page {
    let redirect = browser.get(callback).await;
    assert_eq!((redirect.status, redirect.header("referrer-policy")), (303, "no-referrer"));
    browser.get(&redirect.location()).await
}

async fn connected(house: &House) -> Vec<Value> {
    let sinks = house.get("/v1/sinks").await["sinks"].as_array().unwrap().clone();
    sinks.into_iter().filter(|sink| sink["state"] != "removed").collect()
}

async fn cards(house: &House) -> Vec<Value> {
    let url = format!("{}/_control/cards", house.tenant.url());
    let cards = house.fetch(&url).await["cards"].as_array().unwrap().clone();
    cards.into_iter().filter(|card| card["shown"] == true).collect()
}

fn secret_of(callback: &str) -> String {
    let url = url::Url::parse(callback).unwrap();
    url.query_pairs().find(|(name, _)| name == "webhook_url").unwrap().1.into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_was_connected_gets_a_first_card_and_then_one_for_what_was_picked() {
    let mut house = house().await;
    let (mut browser, link) = (Browser::new(), invite(&house, "*").await);
    let landing = browser.get(&link).await;
    assert_eq!(landing.status, 200);
    assert!(landing.text.contains("Contoso &#60;changes&#62;") && landing.text.contains("candidates"));
    assert!(landing.text.contains("From then on Contoso &#60;changes&#62; posts"), "{}", landing.text);
    let done = format!("{}/connector/done", house.public_url());
    assert_eq!(browser.get(&done).await.heading(), "Nobody waits for this answer", "before anything was");
    let (callback, last) = connect(&house, &mut browser, &link, "allow").await;
    assert_eq!((last.status, last.heading()), (200, "Connected"));
    assert_eq!(browser.get(&done).await.heading(), "Connected", "as when the page is loaded again");
    for url in [done.clone(), format!("{done}?outcome=connected")] {
        assert_eq!(Browser::new().get(&url).await.heading(), "Nobody waits for this answer");
    }
    house.eventually("the first card is there", async || cards(&house).await.len() == 1).await;
    let first = cards(&house).await.remove(0);
    assert_eq!(first["channel"], "Human Resources");
    assert!(
        first["body"]
            .to_string()
            .contains("This group now hears of what is created or deleted in candidates")
    );

    let sink = connected(&house).await.remove(0);
    assert_eq!((&sink["type"], &sink["group"]), (&json!("connector"), &json!("Human Resources")));
    let name = sink["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("connect-human-resources-"), "{name}");
    create(&house).await;
    house.eventually("a card tells of the change", async || cards(&house).await.len() == 2).await;

    house.crash().await;
    let secret = secret_of(&callback);
    assert!(!on_disk(&house, &secret), "the address is readable in the store");
    house.open().await;
    house
        .eventually("the sink is at work again", async || {
            connected(&house).await.first().is_some_and(|sink| sink["type"] == "connector")
        })
        .await;
    create(&house).await;
    house.eventually("a card tells of it", async || cards(&house).await.len() == 3).await;
    let told =
        house.get("/v1/sinks").await.to_string() + &house.get(&format!("/v1/sinks/{name}")).await.to_string();
    assert!(!told.contains(&secret) && !told.contains("webhookb2"), "{told}");

    let (status, _) = house.call("DELETE", &format!("/v1/sinks/{name}"), None).await;
    assert_eq!(status, 204);
    house.eventually("it is at work no more", async || connected(&house).await.is_empty()).await;
    create(&house).await;
    house.eventually("the log has it", async || house.events().await.len() == 3).await;
    house.quiet().await;
    assert_eq!(cards(&house).await.len(), 3, "a card after the end");
    let (status, _) = house.call("DELETE", &format!("/v1/sinks/{name}"), None).await;
    assert_eq!(status, 409);
}

/// Whether the store's files have these bytes, or the last part of the address.
fn on_disk(house: &House, secret: &str) -> bool {
    let store = house.store().to_str().unwrap();
    let tail = secret.rsplit('/').next().unwrap().as_bytes();
    ["", "-wal"]
        .iter()
        .filter_map(|end| std::fs::read(format!("{store}{end}")).ok())
        .any(|bytes| bytes.windows(tail.len()).any(|window| window == tail))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_denies_is_told_so_and_may_come_again_by_the_same_link() {
    let house = house().await;
    let (mut browser, link) = (Browser::new(), invite(&house, "*").await);
    let (_, last) = connect(&house, &mut browser, &link, "deny").await;
    assert_eq!((last.status, last.heading()), (403, "Access was denied"));
    assert!(connected(&house).await.is_empty());
    let (_, last) = connect(&house, &mut browser, &link, "allow").await;
    assert_eq!(last.heading(), "Connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_taken_once_in_the_browser_that_was_sent_and_in_time() {
    let house = house().await;
    let (mut browser, mut other, link) = (Browser::new(), Browser::new(), invite(&house, "*").await);
    let at = press(&house, &mut browser, &link).await.location();
    let callback = choose(&mut browser, &at, "allow").await;
    assert_eq!(ends(&mut other, &callback).await.heading(), "This was begun in another browser");
    let theirs = press(&house, &mut other, &link).await;
    assert_eq!(theirs.status, 303);
    assert_eq!(ends(&mut other, &callback).await.heading(), "This was begun in another browser");
    assert!(connected(&house).await.is_empty());
    assert_eq!(ends(&mut browser, &callback).await.heading(), "Connected");
    assert_eq!(ends(&mut browser, &callback).await.heading(), "This answer was taken before");
    assert_eq!(connected(&house).await.len(), 1);

    let late = choose(&mut other, &theirs.location(), "allow").await;
    assert_eq!(ends(&mut other, &late).await.heading(), "This invitation was used");
    let link = invite(&house, "*").await;
    let at = press(&house, &mut other, &link).await.location();
    let callback = choose(&mut other, &at, "allow").await;
    house.advance(10 * MINUTE);
    assert_eq!(ends(&mut other, &callback).await.heading(), "That took too long");
    assert_eq!(connected(&house).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_microsofts_and_answers_that_nobody_waits_for_connect_nothing() {
    let house = house().await;
    let (mut browser, link) = (Browser::new(), invite(&house, "*").await);
    let base = format!("{}/connector/callback", house.public_url());
    for (answer, heading) in [
        ("webhook_url=https%3A%2F%2Fevil.example%2Fa", "This address is not one of Office 365"),
        ("webhook_url=http%3A%2F%2F127.0.0.1%40evil.example%2Fa", "This address is not one of Office 365"),
        ("webhook_url=nonsense", "This address is not one of Office 365"),
        ("group_name=HR", "Office 365 sent no address"),
        ("error=ServerError", "Office 365 did not connect the group"),
        ("error=accessdenied", "Access was denied"),
    ] {
        let at = press(&house, &mut browser, &link).await.location();
        let at = url::Url::parse(&at).unwrap();
        let state = at.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let page = ends(&mut browser, &format!("{base}?state={state}&{answer}")).await;
        assert_eq!(page.heading(), heading, "{answer}");
    }
    for query in ["", "?state=", "?state=a", &format!("?state={}", "a".repeat(43))] {
        assert_eq!(
            ends(&mut browser, &format!("{base}{query}")).await.heading(),
            "Nobody waits for this answer"
        );
    }
    assert!(connected(&house).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_shows_only_what_it_names_and_survives_whoever_looks_at_links() {
    let house = house().await;
    let (mut browser, link) = (Browser::new(), invite(&house, "cand*").await);
    for _ in 0..100 {
        assert_eq!(browser.get(&link).await.status, 200);
    }
    assert_eq!(browser.head(&link).await.status, 200);
    let page = browser.get(&link).await;
    assert!(page.text.contains("candidates") && !page.text.contains("secret-files"));
    press(&house, &mut browser, &link).await;
    let (_, last) = connect(&house, &mut browser, &link, "allow").await;
    assert_eq!(last.heading(), "Connected");
    let picks = &connected(&house).await[0]["picks"];
    assert_eq!(picks["subscriptions"], json!(["candidates"]), "what was not offered was picked");
    assert_eq!(browser.get(&link).await.heading(), "This invitation was used");

    let base = format!("{}/connector", house.public_url());
    let link = invite(&house, "*").await;
    let token = link.split_once("invite=").unwrap().1;
    let nothing = browser.submit(&base, &[("invite", token), ("change", "created")]).await;
    assert_eq!(nothing.status, 422);
    assert!(
        nothing.text.contains("Pick at least one") && nothing.text.contains("<fieldset aria-describedby=")
    );
    for (url, heading) in [
        (base.clone(), "This page needs an invitation"),
        (format!("{base}?invite=abc"), "This invitation is not known"),
        (format!("{base}?invite={}", "a".repeat(43)), "This invitation is not known"),
    ] {
        let page = browser.get(&url).await;
        assert_eq!(page.heading(), heading);
        assert!((400..500).contains(&page.status) && !page.text.contains("candidates"));
    }
    house.advance(8 * 24 * 60 * MINUTE);
    assert_eq!(browser.get(&link).await.heading(), "This invitation has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_allow_nothing_but_themselves_and_leave_nothing_behind() {
    let house = house().await;
    let (mut browser, link) = (Browser::new(), invite(&house, "*").await);
    let pressed = press(&house, &mut browser, &link).await;
    let cookie = pressed.header("set-cookie");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Max-Age=600"),
        "{cookie}"
    );
    for page in [browser.get(&link).await, browser.get(&format!("{}/connector", house.public_url())).await] {
        let policy = page.header("content-security-policy");
        let connect = format!("form-action 'self' {};", house.tenant.url());
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(policy.contains(&connect) && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert!(!page.text.contains("<script"));
    }
    let huge = "x".repeat(70_000);
    let base = format!("{}/connector", house.public_url());
    assert_eq!(browser.submit(&base, &[("invite", &huge)]).await.status, 403);
    assert_eq!(browser.get(&format!("{base}/elsewhere")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_section_there_is_no_page_and_no_invitation() {
    let house = House::start(
        "[[subscription]]\nname = \"candidates\"\ntenant = \"contoso\"\nresource = \"{list}\"\n",
    )
    .await;
    assert_eq!(Browser::new().get(&format!("{}/connector", house.public_url())).await.status, 404);
    let (status, problem) = house.call("POST", "/v1/connector/invites", Some(json!({}))).await;
    assert_eq!(status, 409);
    assert!(problem["detail"].as_str().unwrap().contains("[connector]"), "{problem}");
}
