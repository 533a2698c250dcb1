//! From a change in the tenant to a card in a channel: the app, and the stand-in's ends of both kinds of webhook.

use serde_json::{Value, json};

use super::{FOLLOWED, edit, edits, sink};
use crate::house::House;

/// A sink of this kind at this address.
fn channel(kind: &str, url: &str, keys: &str) -> String {
    format!("[[sink]]\nname = \"team\"\ntype = \"{kind}\"\nurl = \"{url}\"\nallow_private = true\n{keys}\n")
}

/// A house that follows list and drive, without sinks; then with one of this kind at the stand-in's own channel.
async fn house(kind: &str, keys: &str) -> House {
    let mut house = super::house("").await;
    attach(&mut house, kind, keys).await;
    house
}

async fn attach(house: &mut House, kind: &str, keys: &str) {
    let url = address(house, kind);
    house.close().await;
    house.configure(&format!("{FOLLOWED}{}", channel(kind, &url, keys)), house.tenant.url());
    house.open().await;
}

fn address(house: &House, kind: &str) -> String {
    let cards = &house.tenant.tenant().cards;
    if kind == "teams" { cards.teams.clone() } else { cards.connector.clone() }
}

async fn cards(house: &House) -> Vec<Value> {
    let url = format!("{}/_control/cards", house.tenant.url());
    house.fetch(&url).await["cards"].as_array().unwrap().clone()
}

/// Waits until so many cards are shown; those.
async fn shown(house: &House, count: usize) -> Vec<Value> {
    let shown =
        async || cards(house).await.into_iter().filter(|card| card["shown"] == true).collect::<Vec<_>>();
    house.eventually(&format!("{count} cards are shown"), async || shown().await.len() >= count).await;
    shown().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_becomes_a_card_in_the_team_and_its_way_back() {
    for (kind, title, open) in [
        ("teams", "/body/attachments/0/content/body/0/text", "/body/attachments/0/content/actions/0/url"),
        ("connector", "/body/sections/0/activityTitle", "/body/potentialAction/0/targets/0/uri"),
    ] {
        let house = house(kind, "").await;
        let event = edit(&house, None).await;
        let card = shown(&house, 1).await.remove(0);
        let name = event["data"]["resource"]["fields"]["Title"].as_str().unwrap();
        assert_eq!(
            card.pointer(title).unwrap().as_str().unwrap().replace("**", ""),
            format!("{name} was created")
        );
        assert_eq!(card.pointer(open), event["data"]["resource"].get("webUrl"), "{card}");
        house.eventually("all is delivered", async || sink(&house, "team").await["lag"] == 0).await;
        assert_eq!(sink(&house, "team").await["delivered"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_changes_are_one_card_with_their_number() {
    for kind in ["teams", "connector"] {
        let mut house = super::house("").await;
        let list = house.tenant.tenant().resources.list.clone();
        // Several changes of an item become one event where they are found together.
        while house.events().await.len() < 500 {
            let before = house.events().await.len();
            house.control("changes", json!({"count": 300, "resource": list})).await;
            house.eventually("the log has some", async || house.events().await.len() > before).await;
            house.active("candidates").await;
        }
        let count = house.events().await.len();
        attach(&mut house, kind, "start = \"beginning\"").await;
        let card = shown(&house, 1).await.remove(0);
        assert!(card["body"].to_string().contains(&format!("{count} changes in candidates")), "{card}");
        assert!(card["bytes"].as_u64().unwrap() <= 20_000, "{card}");
        house.eventually("all is delivered", async || sink(&house, "team").await["lag"] == 0).await;
        assert_eq!(cards(&house).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_rate_is_used_up_what_is_pending_becomes_one_card() {
    let house = house("teams", "").await;
    // Time stands still between these, so the rate of the second is used up by the fourth.
    for _ in 0..4 {
        let (status, _) = house.call("POST", "/v1/sinks/team/test", Some(json!({}))).await;
        assert_eq!(status, 200);
    }
    let path = "/sites/contoso.sharepoint.com:/sites/hr:/lists/Candidates/items";
    for number in 0..5 {
        house.graph("POST", path, &json!({"fields": {"Title": format!("Ada {number}")}})).await;
    }
    house.quiet().await;
    assert_eq!(cards(&house).await.len(), 4, "nothing is sent above the rate");
    let all = shown(&house, 5).await;
    assert!(all[4].to_string().contains("5 changes in candidates"), "{}", all[4]);
    assert!(all.iter().all(|card| card["status"] == 202), "the service had nothing to refuse");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_card_goes_later_although_the_answer_was_200() {
    let house = house("connector", "").await;
    let url = address(&house, "connector");
    // Somebody else uses the same connector.
    let other = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..4 {
        let answer = other.post(&url).json(&json!({"text": "hello"})).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "1");
    }
    let path = "/sites/contoso.sharepoint.com:/sites/hr:/lists/Candidates/items";
    house.graph("POST", path, &json!({"fields": {"Title": "Ada"}})).await;
    let refused = async || cards(&house).await.into_iter().find(|card| card["shown"] == false);
    for _ in 0..500 {
        if refused().await.is_some() {
            break;
        }
        house.quiet().await;
    }
    let refused = refused().await.unwrap();
    assert!(
        refused["status"] == 200 && refused["answer"].to_string().contains("HTTP error 429"),
        "{refused}"
    );
    assert_eq!(sink(&house, "team").await["state"], "waiting");
    let all = shown(&house, 5).await;
    assert!(all[4].to_string().contains("Ada"), "{}", all[4]);
    assert_eq!(sink(&house, "team").await["dead_letters"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_gone_switches_the_sink_off_and_says_why() {
    for (kind, words) in [("teams", "turned off"), ("connector", "the webhook was removed")] {
        let house = house(kind, "").await;
        let url = address(&house, kind);
        house.control("cards/switch", json!({"url": url, "open": false})).await;
        edit(&house, None).await;
        house.eventually("it is off", async || sink(&house, "team").await["state"] == "disabled").await;
        let reason = sink(&house, "team").await["disabled_reason"].as_str().unwrap().to_owned();
        assert!(reason.contains(words) && !reason.contains(&url), "{reason}");
        house.control("cards/switch", json!({"url": url, "open": true})).await;
        house.call("POST", "/v1/sinks/team/enable", Some(json!({}))).await;
        assert_eq!(shown(&house, 1).await.len(), 1, "nothing was lost");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_signature_is_refused_with_a_hint_and_tried_again() {
    let mut house = super::house("").await;
    let url = format!("{}x", address(&house, "teams"));
    house.close().await;
    house.configure(&format!("{FOLLOWED}{}", channel("teams", &url, "")), house.tenant.url());
    house.open().await;
    edit(&house, None).await;
    house.eventually("it failed", async || sink(&house, "team").await["pending"] == 1).await;
    let failure = sink(&house, "team").await["failure"].clone();
    assert_eq!(failure["status"], 401);
    let signature = url.rsplit('=').next().unwrap();
    assert!(
        failure.to_string().contains("copy the address anew") && !failure.to_string().contains(signature),
        "{failure}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_of_ones_own_makes_the_cards_and_a_broken_one_is_told_at_the_start() {
    let mut house = super::house("").await;
    let file = house.folder().join("card.jinja");
    let keys = format!("card = {{ file = \"{}\" }}", file.display());
    let card = "{\"@type\": \"MessageCard\",\n\"@context\": \"https://schema.org/extensions\",\n\"text\": ";
    std::fs::write(&file, format!("{card}{{{{ told[0].nam }}}}}}")).unwrap();
    let url = address(&house, "connector");
    house.close().await;
    house.configure(&format!("{FOLLOWED}{}", channel("connector", &url, &keys)), house.tenant.url());
    let error = format!("{:#}", house.try_open().await.unwrap_err());
    assert!(error.contains("cannot use the sink 'team'") && error.contains("card.jinja, line 3"), "{error}");
    std::fs::write(&file, format!("{card}{{{{ \"So it is: \" ~ told[0].name }}}}}}")).unwrap();
    house.open().await;
    edit(&house, None).await;
    assert!(shown(&house, 1).await[0]["body"]["text"].as_str().unwrap().starts_with("So it is: Ada"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_template_makes_no_card_of_is_told_with_the_built_in_one() {
    let mut house = super::house("").await;
    let file = house.folder().join("card.jinja");
    let card = "{\"@type\": \"MessageCard\", \"@context\": \"https://schema.org/extensions\",\n\"text\": ";
    // What it is tried with at the start is of another subscription.
    let text = "{{ told[0].nothing if told[0].subscription == \"candidates\" else \"fine\" }}}";
    std::fs::write(&file, format!("{card}{text}")).unwrap();
    attach(&mut house, "connector", &format!("card = {{ file = \"{}\" }}", file.display())).await;
    let event = edit(&house, None).await;
    let card = shown(&house, 1).await.remove(0);
    assert!(card.pointer("/body/sections/0/activityTitle").is_some(), "the built-in one: {card}");
    house.eventually("all is delivered", async || sink(&house, "team").await["delivered"] == 1).await;
    let body = Some(json!({"event": event["sequence"]}));
    let (_, shown) = house.call("POST", "/v1/sinks/team/preview", body).await;
    let text = shown["text"].as_str().unwrap();
    assert!(text.contains("card.jinja") && text.contains("With the built-in template instead"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_the_card_without_the_address() {
    let house = house("teams", "").await;
    let event = edits(&house, 2).await.remove(1);
    let body = Some(json!({"event": event["sequence"]}));
    let (status, shown) = house.call("POST", "/v1/sinks/team/preview", body).await;
    assert_eq!(status, 200);
    let text = shown["text"].as_str().unwrap();
    let (head, card) = text.split_once("\n\n").unwrap();
    assert!(head.contains("content-length: ") && !head.contains("sig="), "{head}");
    let card: Value = serde_json::from_str(card).unwrap();
    assert_eq!(card["attachments"][0]["content"]["type"], "AdaptiveCard");
    let name = event["data"]["resource"]["fields"]["Title"].as_str().unwrap();
    assert!(card.to_string().contains(&format!("{name} was changed")), "{card}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_answer_holds_the_cards_up_and_costs_none() {
    let house = house("teams", "").await;
    house.control("faults", json!({"status": 503, "count": 3, "path_prefix": "/workflows"})).await;
    edits(&house, 3).await;
    let all = shown(&house, 1).await;
    assert!(all[0]["body"].to_string().contains("changes in candidates") || all.len() > 1, "{all:?}");
    house.eventually("all is delivered", async || sink(&house, "team").await["lag"] == 0).await;
    let sink = sink(&house, "team").await;
    assert_eq!(
        (&sink["delivered"], &sink["pending"], &sink["dead_letters"]),
        (&json!(3), &json!(0), &json!(0))
    );
}
